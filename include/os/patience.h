/*
 * patience - how long a blocking receive waits, without a system call for
 * each wait.
 *
 * A receive timeout (SO_RCVTIMEO) is set once and holds for all calls that
 * follow.  It counts in the kernel's ticks and comes up to two of them late,
 * so it is set that much shorter, and the rest of the time is waited for
 * exactly, by netio_wait().  As long as the peer answers sooner, neither of
 * the two costs anything.  An interval timer would cost a signal for each
 * transfer every few milliseconds: with 200 of them a third of the CPU.
 */
#ifndef OS_PATIENCE_H
#define OS_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

struct patience {
	int fd;
	uint64_t tick_us;	/* the kernel's */
	uint64_t set_us;	/* the timeout of fd; 0: none was set */
};

/* fd is a socket and stays the caller's. */
void patience_init(struct patience *p, int fd);

/*
 * patience_for - may a blocking receive on fd be called now, if there are
 * wait_us left?
 *
 * true: it ends in time, if nothing comes; often earlier, then ask again.
 * false: the time is too short for that.
 */
bool patience_for(struct patience *p, uint64_t wait_us);

/*
 * patience_cut - for a signal's handler: a receive on fd that was about to
 * begin, and would not notice the signal any more, ends at once.  Then
 * patience_forget() is due.  errno stays as it is.
 */
void patience_cut(int fd);

/* The timeout of fd is no longer known. */
void patience_forget(struct patience *p);

#endif
