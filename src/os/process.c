#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "os/callgate.h"
#include "os/process.h"

/* 32-bit systems that are young have only this one. */
#ifndef SYS_futex
#define SYS_futex SYS_futex_time64
#endif

#define KERNEL_SET_LEN	((_NSIG - 1) / 8)	/* bytes; libc's is longer */

pid_t
process_fork(void)
{
#ifdef INSTRUMENTED
	return fork();
#else
	return callgate_fork();
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

void
process_mask(const sigset_t *set, bool hold)
{
	(void)syscall(SYS_rt_sigprocmask, hold ? SIG_BLOCK : SIG_UNBLOCK, set,
	    NULL, KERNEL_SET_LEN);
}

int
process_hold(int number)
{
	return dup3(STDIN_FILENO, number, O_CLOEXEC) == -1 ? -errno : 0;
}

int
process_place(int fd, int number)
{
	if (fd == -1 || fd == number)
		return fd;
	if (dup3(fd, number, O_CLOEXEC) == -1)
		return -errno;
	close(fd);
	return number;
}

void
process_keep_only(const int *fds, unsigned count)
{
	unsigned fd = STDERR_FILENO + 1, next, i;

	/* they are few: close the ranges between them, lowest first */
	for (;;) {
		next = ~0U;
		for (i = 0; i < count; i++)
			if ((unsigned)fds[i] >= fd &&
			    (unsigned)fds[i] < next)
				next = (unsigned)fds[i];
		if (next > fd)
			(void)close_range(fd, next - 1, 0);
		if (next == ~0U)
			return;
		fd = next + 1;
	}
}
