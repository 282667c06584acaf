#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "os/process.h"

/* 32-bit systems that are young have only this one. */
#ifndef SYS_futex
#define SYS_futex SYS_futex_time64
#endif

pid_t
process_fork(void)
{
#if defined(HAVE__FORK) && !defined(INSTRUMENTED)
	return _Fork();
#else
	return fork();
#endif
}

bool
process_follow(pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return getppid() == parent;
}

void
process_leave(void)
{
	(void)prctl(PR_SET_PDEATHSIG, 0);
}

void
process_name(const char *name)
{
	(void)prctl(PR_SET_NAME, name);
}

void
process_sleep(atomic_uint *word, unsigned value)
{
	(void)syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

void
process_wake(atomic_uint *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}
