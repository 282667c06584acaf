/*
 * wakeup - ends a blocking call at a time, without a system call for each
 * wait.
 *
 * A timer that is left running while the deadline moves on: it repeats after
 * as long as the deadline was away, 10 to 100 ms, and is set anew only when
 * it would come more than 2 ms late, or many times for nothing.  Its signal
 * does nothing but end the call.  A signal that comes just before the call is
 * lost; the next one is not.
 *
 * The timer is the process's own (ITIMER_REAL, which runs by the monotonic
 * clock; a timer_create() one counts against RLIMIT_SIGPENDING), so what is
 * known of it is file-scope state.  fork() copies what is known but not the
 * timer: a process that uses it makes no children that do.
 */
#ifndef OS_WAKEUP_H
#define OS_WAKEUP_H

#include <stdint.h>

/*
 * wakeup_init_signal - the handler of SIGALRM, once for a process and its
 * children, which have timers of their own.
 */
void wakeup_init_signal(void);

/*
 * wakeup_at - from now_us on, a blocking call ends at deadline_us or, by a
 * timer that was left running, somewhat before.
 * Both are times of clock_mono_us().
 */
void wakeup_at(uint64_t now_us, uint64_t deadline_us);

/* Within a millisecond; for signal handlers. */
void wakeup_soon(void);

#endif
