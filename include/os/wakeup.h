/*
 * wakeup - ends a blocking call at a time, without a system call for each
 * wait.
 *
 * A timer that is left running while the deadline moves on: it repeats every
 * 10 ms, and is set anew only when it would come more than 2 ms late, or many
 * times for nothing.  Its signal does nothing but end the call.  A signal
 * that comes just before the call is lost; the next one is not.
 *
 * The timer is file-scope state, because a signal handler sets it.
 */
#ifndef OS_WAKEUP_H
#define OS_WAKEUP_H

#include <stdint.h>

/*
 * wakeup_init_signal - the handler, once for a process and its children.
 * The signal is SIGALRM.
 */
void wakeup_init_signal(void);

/* wakeup_init - make this process's timer.  Returns 0 or -errno. */
int wakeup_init(void);

/*
 * wakeup_at - from now_us on, a blocking call ends at deadline_us or, by a
 * timer that was left running, somewhat before.
 * Both are times of clock_mono_us().
 */
void wakeup_at(uint64_t now_us, uint64_t deadline_us);

/* Within a millisecond; for signal handlers. */
void wakeup_soon(void);

#endif
