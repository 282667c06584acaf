/*
 * callgate - the only places of the program from which some system calls may
 * be made.
 *
 * A seccomp filter costs each process that installs one about 40 us, one that
 * it inherits nothing.  So the dispatcher's filter (os/callfilter) lets the
 * calls that only setting a transfer up needs come from two pages of code and
 * from nowhere else; a transfer that is set up unmaps these pages.  Nothing
 * executable can be mapped again, so for the rest of its life it has no way to
 * make such a call, whatever it is made to run.
 *
 *	CALLGATE_NET	socket, bind, connect, clone, kill, dup, mapping and
 *			locking the live table, room for the log: closed by
 *			each transfer once its file and socket are open
 *	CALLGATE_FILE	open, change of names, modes and owners: closed by each
 *			download
 *
 * Where there is no code for the machine, the calls are made as usual and the
 * gates do not exist: each transfer installs a filter of its own.
 */
#ifndef OS_CALLGATE_H
#define OS_CALLGATE_H

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

enum callgate {
	CALLGATE_NET,
	CALLGATE_FILE
};

#define CALLGATE_COUNT 2

/* Whether this build has gates. */
bool callgate_exists(void);

/*
 * callgate_range - where a gate's code lies.
 *
 * first, end set to its first byte's address and the one after its last: a
 *            system call's instruction pointer is within
 */
void callgate_range(enum callgate which, uintptr_t *first, uintptr_t *end);

/*
 * callgate_close - unmap CALLGATE_NET, and CALLGATE_FILE if files_too.  From
 * here on calling a function below that needs it kills this process.
 * 0 or -errno, then the process must not go on.
 */
int callgate_close(bool files_too);

/* CALLGATE_NET.  As their namesakes in libc, errno included. */
int callgate_socket(int domain, int type, int protocol);
int callgate_bind(int fd, const struct sockaddr *addr, socklen_t len);
int callgate_connect(int fd, const struct sockaddr *addr, socklen_t len);
int callgate_dup3(int from, int to, int flags);
int callgate_kill(pid_t pid, int number);
void *callgate_mmap(size_t len, int prot, int flags, int fd, off_t offset);
int callgate_fallocate(int fd, int mode, off_t offset, off_t len);
int callgate_lock(int fd, struct flock *range);		/* F_SETLK */
/* fork() without what libc does besides: see process_fork(). */
pid_t callgate_fork(void);

/* CALLGATE_FILE.  As their namesakes in libc, errno included. */
int callgate_openat(int dirfd, const char *path, int flags, mode_t mode);
int callgate_openat2(int dirfd, const char *path, const struct open_how *how);
int callgate_unlinkat(int dirfd, const char *path, int flags);
int callgate_renameat2(int from_dirfd, const char *from, int to_dirfd,
    const char *to, unsigned flags);
int callgate_linkat(int from_dirfd, const char *from, int to_dirfd,
    const char *to, int flags);
int callgate_fchmod(int fd, mode_t mode);
int callgate_fchown(int fd, uid_t uid, gid_t gid);
int callgate_faccessat2(int dirfd, const char *path, int mode, int flags);
ssize_t callgate_readlinkat(int dirfd, const char *path, char *buf,
    size_t size);

#endif
