/*
 * Linked into each program of an MSan build, with --wrap: what the kernel
 * writes through calls that MSan does not know, it is told here.
 */
#include <sanitizer/msan_interface.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <linux/sockios.h>

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __real_recvmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags,
    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags,
    struct timespec *timeout);
int __real_timer_create(clockid_t clock, void *event, timer_t *timer);
int __wrap_timer_create(clockid_t clock, void *event, timer_t *timer);
/* tftpd-stats has no such function */
ssize_t __real_callgate_readlinkat(int fd, const char *path, char *out,
    size_t size) __attribute__((weak));
ssize_t __wrap_callgate_readlinkat(int fd, const char *path, char *out,
    size_t size);

static void
know_buffers(const struct iovec *iov, size_t count, size_t len)
{
	size_t i, n;

	for (i = 0; i < count && len > 0; i++, len -= n) {
		n = iov[i].iov_len < len ? iov[i].iov_len : len;
		__msan_unpoison(iov[i].iov_base, n);
	}
}

static void
know_message(const struct msghdr *msg, size_t len)
{
	know_buffers(msg->msg_iov, msg->msg_iovlen, len);
	__msan_unpoison(msg, sizeof(*msg));
	__msan_unpoison(msg->msg_name, msg->msg_namelen);
	__msan_unpoison(msg->msg_control, msg->msg_controllen);
}

/* The tests that stand in for a function of libc make its call so. */
long
__wrap_syscall(long number, ...)
{
	long a[6], done;
	va_list ap;
	int i;

	va_start(ap, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	__msan_unpoison(a, sizeof(a));
	done = __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	__msan_unpoison(&done, sizeof(done));
	if (done < 0)
		return done;
	if (number == SYS_preadv)
		know_buffers((void *)a[1], (size_t)a[2], (size_t)done);
	else if (number == SYS_recvmsg)
		know_message((void *)a[1], (size_t)done);
	return done;
}

int
__wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int done = __real_ioctl(fd, request, arg);

	if (done == 0 && request == SIOCGSTAMPNS)
		__msan_unpoison(arg, sizeof(struct timespec));
	return done;
}

int
__wrap_recvmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags,
    struct timespec *timeout)
{
	int i, done = __real_recvmmsg(fd, msgs, count, flags, timeout);

	for (i = 0; i < done; i++) {
		__msan_unpoison(&msgs[i], sizeof(msgs[i]));
		know_message(&msgs[i].msg_hdr, msgs[i].msg_len);
	}
	return done;
}

int
__wrap_timer_create(clockid_t clock, void *event, timer_t *timer)
{
	int done = __real_timer_create(clock, event, timer);

	__msan_unpoison(timer, sizeof(*timer));
	return done;
}

ssize_t
__wrap_callgate_readlinkat(int fd, const char *path, char *out, size_t size)
{
	ssize_t len = __real_callgate_readlinkat(fd, path, out, size);

	if (len > 0)
		__msan_unpoison(out, (size_t)len);
	return len;
}
