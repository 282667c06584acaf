#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "os/callgate.h"

/* the filter compares words that lie little end first */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && defined(__LP64__) && \
    (defined(__x86_64__) || defined(__aarch64__))
#define HAVE_GATES
#endif

#ifdef HAVE_GATES
/*
 * Each gate is a function of its own page or pages: a call's number, then its
 * six arguments; what the kernel returns.  Whatever would be put beside it
 * would be unmapped with it, so the section holds nothing else.
 */
#if defined(__x86_64__)
#define PAGE_LEN 4096
#define GATE(name) \
	".balign 4096, 0xcc\n" \
	".globl " #name "\n.hidden " #name "\n" \
	".type " #name ", @function\n" \
	#name ":\n" \
	"	endbr64\n" \
	"	movq %rdi, %rax\n" \
	"	movq %rsi, %rdi\n" \
	"	movq %rdx, %rsi\n" \
	"	movq %rcx, %rdx\n" \
	"	movq %r8, %r10\n" \
	"	movq %r9, %r8\n" \
	"	movq 8(%rsp), %r9\n" \
	"	syscall\n" \
	"	ret\n" \
	".size " #name ", .-" #name "\n"
#define GATES_END ".balign 4096, 0xcc\n"
#else
/* whatever the kernel's page size is */
#define PAGE_LEN 65536
#define GATE(name) \
	".balign 65536\n" \
	".globl " #name "\n.hidden " #name "\n" \
	".type " #name ", %function\n" \
	#name ":\n" \
	"	hint #34\n" \
	"	mov x8, x0\n" \
	"	mov x0, x1\n" \
	"	mov x1, x2\n" \
	"	mov x2, x3\n" \
	"	mov x3, x4\n" \
	"	mov x4, x5\n" \
	"	mov x5, x6\n" \
	"	svc #0\n" \
	"	ret\n" \
	".size " #name ", .-" #name "\n"
#define GATES_END ".balign 65536\n"
#endif

__asm__(".pushsection .callgate, \"ax\", %progbits\n"
    GATE(callgate_net) GATE(callgate_file) GATES_END
    ".popsection\n");

typedef long gate(long number, long, long, long, long, long, long);

gate callgate_net, callgate_file;

static long
pass(enum callgate which, long number, long a, long b, long c, long d,
    long e, long f)
{
	gate *enter = which == CALLGATE_NET ? callgate_net : callgate_file;
	long result = enter(number, a, b, c, d, e, f);

	if (result >= 0 || result < -4095)
		return result;
	errno = (int)-result;
	return -1;
}
#else
static long
pass(enum callgate which, long number, long a, long b, long c, long d,
    long e, long f)
{
	(void)which;
	return syscall(number, a, b, c, d, e, f);
}
#endif

bool
callgate_exists(void)
{
#if defined(HAVE_GATES) && !defined(INSTRUMENTED)
	return true;
#else
	return false;
#endif
}

void
callgate_range(enum callgate which, uintptr_t *first, uintptr_t *end)
{
#ifdef HAVE_GATES
	*first = which == CALLGATE_NET ? (uintptr_t)callgate_net :
	    (uintptr_t)callgate_file;
	*end = *first + PAGE_LEN;
#else
	(void)which;
	*first = *end = 0;
#endif
}

int
callgate_close(bool files_too)
{
	uintptr_t first, end;

	if (!callgate_exists())
		return 0;
	callgate_range(CALLGATE_NET, &first, &end);
	return munmap((void *)first, (files_too ? 2 : 1) * (end - first)) ==
	    -1 ? -errno : 0;
}

/* ---- CALLGATE_NET ----------------------------------------------------- */

int
callgate_socket(int domain, int type, int protocol)
{
	return (int)pass(CALLGATE_NET, SYS_socket, domain, type, protocol, 0,
	    0, 0);
}

int
callgate_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)pass(CALLGATE_NET, SYS_bind, fd, (long)addr, (long)len, 0,
	    0, 0);
}

int
callgate_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)pass(CALLGATE_NET, SYS_connect, fd, (long)addr, (long)len,
	    0, 0, 0);
}

int
callgate_dup3(int from, int to, int flags)
{
	return (int)pass(CALLGATE_NET, SYS_dup3, from, to, flags, 0, 0, 0);
}

int
callgate_kill(pid_t pid, int number)
{
	return (int)pass(CALLGATE_NET, SYS_kill, pid, number, 0, 0, 0, 0);
}

void *
callgate_mmap(size_t len, int prot, int flags, int fd, off_t offset)
{
#ifdef HAVE_GATES
	return (void *)pass(CALLGATE_NET, SYS_mmap, 0, (long)len, prot, flags,
	    fd, offset);
#else
	return mmap(NULL, len, prot, flags, fd, offset);
#endif
}

int
callgate_fallocate(int fd, int mode, off_t offset, off_t len)
{
#ifdef HAVE_GATES
	return (int)pass(CALLGATE_NET, SYS_fallocate, fd, mode, offset, len, 0,
	    0);
#else
	return fallocate(fd, mode, offset, len);
#endif
}

int
callgate_lock(int fd, struct flock *range)
{
#ifdef HAVE_GATES
	return (int)pass(CALLGATE_NET, SYS_fcntl, fd, F_SETLK, (long)range, 0,
	    0, 0);
#else
	return fcntl(fd, F_SETLK, range);
#endif
}

pid_t
callgate_fork(void)
{
	return (pid_t)pass(CALLGATE_NET, SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
}

/* ---- CALLGATE_FILE ---------------------------------------------------- */

int
callgate_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	return (int)pass(CALLGATE_FILE, SYS_openat, dirfd, (long)path,
	    flags | O_LARGEFILE, (long)mode, 0, 0);
}

int
callgate_openat2(int dirfd, const char *path, const struct open_how *how)
{
	return (int)pass(CALLGATE_FILE, SYS_openat2, dirfd, (long)path,
	    (long)how, sizeof(*how), 0, 0);
}

int
callgate_unlinkat(int dirfd, const char *path, int flags)
{
	return (int)pass(CALLGATE_FILE, SYS_unlinkat, dirfd, (long)path, flags,
	    0, 0, 0);
}

int
callgate_renameat2(int from_dirfd, const char *from, int to_dirfd,
    const char *to, unsigned flags)
{
	return (int)pass(CALLGATE_FILE, SYS_renameat2, from_dirfd, (long)from,
	    to_dirfd, (long)to, (long)flags, 0);
}

int
callgate_linkat(int from_dirfd, const char *from, int to_dirfd,
    const char *to, int flags)
{
	return (int)pass(CALLGATE_FILE, SYS_linkat, from_dirfd, (long)from,
	    to_dirfd, (long)to, flags, 0);
}

int
callgate_fchmod(int fd, mode_t mode)
{
	return (int)pass(CALLGATE_FILE, SYS_fchmod, fd, (long)mode, 0, 0, 0,
	    0);
}

int
callgate_fchown(int fd, uid_t uid, gid_t gid)
{
#ifdef SYS_fchown32
	return (int)pass(CALLGATE_FILE, SYS_fchown32, fd, (long)uid, (long)gid,
	    0, 0, 0);
#else
	return (int)pass(CALLGATE_FILE, SYS_fchown, fd, (long)uid, (long)gid,
	    0, 0, 0);
#endif
}

int
callgate_faccessat2(int dirfd, const char *path, int mode, int flags)
{
	return (int)pass(CALLGATE_FILE, SYS_faccessat2, dirfd, (long)path,
	    mode, flags, 0, 0);
}

ssize_t
callgate_readlinkat(int dirfd, const char *path, char *buf, size_t size)
{
	return (ssize_t)pass(CALLGATE_FILE, SYS_readlinkat, dirfd, (long)path,
	    (long)buf, (long)size, 0, 0);
}
