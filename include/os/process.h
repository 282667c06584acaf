/*
 * process - making processes cheaply, and letting one sleep until another
 * has work for it.
 */
#ifndef OS_PROCESS_H
#define OS_PROCESS_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * process_fork - fork() without what libc does for threads and streams,
 * which writes to pages that would else stay shared.  For a process with
 * one thread whose children end by _exit().
 * Returns as fork(): the child's process id, 0 in the child, -1 with errno.
 */
pid_t process_fork(void);

/*
 * process_follow - be killed when the parent dies; false: it is dead.
 * parent     its process id, taken before the fork
 */
bool process_follow(pid_t parent);

/* Live on when the parent dies. */
void process_leave(void);

/* What ps shows as its name (15 bytes of it). */
void process_name(const char *name);

/* Sleep while *word, in shared memory, is value; may wake for nothing. */
void process_sleep(atomic_uint *word, unsigned value);

/* Wake who sleeps on word. */
void process_wake(atomic_uint *word);

/*
 * process_hold - have number taken, by /dev/null, so that nothing else gets
 * it before process_place().  0 or -errno.
 */
int process_hold(int number);

/*
 * process_place - make fd have that number.  fd is closed; -1 is none, and
 * then nothing is done.  The number, -1 or -errno.
 */
int process_place(int fd, int number);

/*
 * process_mask - hold those signals back, or let them through.  Unlike
 * sigprocmask() it touches no page of libc that a short process does not need
 * anyway: each one costs it a fault.
 */
void process_mask(const sigset_t *set, bool hold);

/* Close every descriptor above 2 but these; none is negative. */
void process_keep_only(const int *fds, unsigned count);

#endif
