/*
 * t-work - what the tests of os/ share: temporary directories, bytes in
 * files, and children that say what broke.
 *
 * Whatever changes the process (its directory, its limits, its user, its
 * descriptors) happens in a child, so that the next test starts clean.
 */
#ifndef UNIT_T_WORK_H
#define UNIT_T_WORK_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "t.h"

#define COUNT(array)		(sizeof(array) / sizeof((array)[0]))
#define T_NOBODY		65534
#define T_CHILD_SECONDS		60	/* sanitizers and valgrind are slow */
#define T_CHILD_FAILURES	16

/* What a child found wrong, in memory that it shares with its parent. */
struct t_report {
	unsigned count;
	struct {
		int line;
		char what[160];
	} failed[T_CHILD_FAILURES];
};

/* Assert in a child: the parent reports it. */
#define C_OK(cond, what)	t_note((cond), __LINE__, (what))

static inline struct t_report *
t_report(void)
{
	static struct t_report *report;

	if (report != NULL)
		return report;
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED)
		abort();
	return report;
}

static inline void
t_note(bool is_good, int line, const char *what)
{
	struct t_report *r = t_report();

	if (is_good || r->count == T_CHILD_FAILURES)
		return;
	r->failed[r->count].line = line;
	snprintf(r->failed[r->count].what, sizeof(r->failed[0].what), "%s",
	    what);
	r->count++;
}

/* A case that cannot be tried here is named, never dropped silently. */
static inline void __attribute__((format(printf, 1, 2)))
t_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("\n    not tried: ");
	vprintf(fmt, ap);
	printf(" ");
	fflush(stdout);
	va_end(ap);
}

/* Wait for a child; whether it left with that status. */
static inline bool
t_reap(pid_t pid, int want)
{
	int status = 0;

	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return false;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == want;
}

/* Run f in a child, and pass on what it found wrong. */
static inline void
t_in_child(void (*f)(const void *), const void *arg, const char *what)
{
	struct t_report *r = t_report();
	unsigned i;
	pid_t pid;

	memset(r, 0, sizeof(*r));
	fflush(stdout);
	fflush(stderr);
	pid = fork();
	if (pid == 0) {
		alarm(T_CHILD_SECONDS);
		f(arg);
		_exit(0);
	}
	T_OK(pid != -1 && t_reap(pid, 0), what);
	for (i = 0; i < r->count; i++)
		CU_assertImplementation(CU_FALSE,
		    (unsigned)r->failed[i].line, r->failed[i].what, what, "",
		    CU_FALSE);
}

/* Become an ordinary user; there is no way back. */
static inline void
t_drop(void)
{
	if (geteuid() != 0)
		return;
	if (setgroups(0, NULL) == -1 ||
	    setresgid(T_NOBODY, T_NOBODY, T_NOBODY) == -1 ||
	    setresuid(T_NOBODY, T_NOBODY, T_NOBODY) == -1)
		abort();
}

static inline bool __attribute__((format(printf, 2, 3)))
t_write_proc(const char *path, const char *fmt, ...)
{
	char line[32];
	int fd = open(path, O_WRONLY | O_CLOEXEC), len;
	va_list ap;
	bool good;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	good = fd != -1 && write(fd, line, (size_t)len) == len;
	if (fd != -1)
		close(fd);
	return good;
}

/* Namespaces of our own, as root or in a user namespace; in a child. */
static inline bool
t_unshare(int flags)
{
	unsigned uid = geteuid(), gid = getegid();

	if (unshare(flags) == 0)
		return true;
	/* files can only be made by a user and a group that have a number */
	return unshare(flags | CLONE_NEWUSER) == 0 &&
	    t_write_proc("/proc/self/uid_map", "0 %u 1\n", uid) &&
	    t_write_proc("/proc/self/setgroups", "deny\n") &&
	    t_write_proc("/proc/self/gid_map", "0 %u 1\n", gid);
}

/* A directory of our own; everybody may look inside. */
static inline void
t_tmp_make(char path[static PATH_MAX])
{
	const char *parent = getenv("TMPDIR");

	if (parent == NULL || parent[0] != '/' ||
	    strlen(parent) > PATH_MAX / 2)
		parent = "/tmp";
	snprintf(path, PATH_MAX, "%.*s/tftpd-test-XXXXXX", PATH_MAX / 2,
	    parent);
	if (mkdtemp(path) == NULL || chmod(path, 0755) == -1) {
		perror(path);
		abort();
	}
}

static inline int
t_tmp_remove_one(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void
t_tmp_remove(const char *path)
{
	if (nftw(path, t_tmp_remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
		perror(path);
		abort();
	}
}

/* "dir/name" */
static inline const char *
t_join(char out[static PATH_MAX], const char *dir, const char *name)
{
	if (snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		abort();
	return out;
}

/* Bytes that tell every place from its neighbours. */
static inline uint8_t
t_byte(uint64_t at)
{
	return (uint8_t)((at * 167) ^ (at >> 8) ^ (at >> 32));
}

/* A file in memory with these bytes. */
static inline int
t_memory(const void *buf, size_t len)
{
	int fd = memfd_create("t", MFD_CLOEXEC);

	if (fd == -1 || (len != 0 && write(fd, buf, len) != (ssize_t)len))
		abort();
	return fd;
}

static inline void
t_put(int dirfd, const char *name, const char *text, mode_t mode)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || write(fd, text, strlen(text)) !=
	    (ssize_t)strlen(text) || fchmod(fd, mode) == -1) {
		perror(name);
		abort();
	}
	close(fd);
}

/* Whether that file has exactly these bytes. */
static inline bool
t_has(int dirfd, const char *name, const void *want, size_t len)
{
	char *got = malloc(len + 1);
	int fd = openat(dirfd, name, O_RDONLY);
	bool same;

	same = fd != -1 && got != NULL &&
	    read(fd, got, len + 1) == (ssize_t)len &&
	    (len == 0 || memcmp(got, want, len) == 0);
	if (fd != -1)
		close(fd);
	free(got);
	return same;
}

#endif
