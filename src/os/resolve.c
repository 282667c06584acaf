#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "os/resolve.h"

#define LINKS_MAX	8
#define LINK_TEXT_MAX	2048

static int
open_inside(const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	const struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };
	long fd;
	int tries;

	/*
	 * EAGAIN: a rename crossed the kernel's walk, or the file has a lease
	 * (Samba's oplocks), which its holder is being asked to give back.
	 */
	for (tries = 0; tries < 16; tries++) {
		if (tries >= 4)
			(void)nanosleep(&pause, NULL);
		fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
		if (fd != -1)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
#ifdef INSTRUMENTED
	/* valgrind does not know openat2 */
	if (errno == ENOSYS) {
		fd = openat(AT_FDCWD, path, (int)flags | O_CLOEXEC);
		if (fd != -1)
			return (int)fd;
	}
#endif
	return -errno;
}

int
resolve_stat(const char *path, struct stat *st)
{
	int fd, err = 0;

	fd = open_inside(path, O_PATH);
	if (fd < 0)
		return fd;
	if (fstat(fd, st) == -1)
		err = -errno;
	close(fd);
	return err;
}

int
resolve_open(const char *path, struct stat *st)
{
	struct stat now;
	int fd;

	fd = open_inside(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fd;
	if (fstat(fd, &now) == -1 || !S_ISREG(now.st_mode) ||
	    now.st_ino != st->st_ino || now.st_dev != st->st_dev) {
		close(fd);
		return -ESTALE;
	}
	*st = now;
	return fd;
}

int
resolve_may_write(const char *path)
{
	int fd, err = 0;

	fd = open_inside(path, O_PATH);
	if (fd < 0)
		return fd;
	if (syscall(SYS_faccessat2, fd, "", W_OK,
	    AT_EMPTY_PATH | AT_EACCESS) == -1)
		err = -errno;
	close(fd);
	return err;
}

/* The text of a link, or -EINVAL for what is none. */
static int
read_link(const char *path, char *out, size_t size)
{
	ssize_t len;
	int fd;

	fd = open_inside(path, O_PATH | O_NOFOLLOW);
	if (fd < 0)
		return fd;
	len = readlinkat(fd, "", out, size - 1);
	if (len == -1)
		len = errno == ENOENT ? -EINVAL : -errno;
	else if ((size_t)len == size - 1)
		len = -ENAMETOOLONG;
	else
		out[len] = '\0';
	close(fd);
	return (int)len;
}

int
resolve_links(char *path, size_t size)
{
	char text[LINK_TEXT_MAX], joined[2 * LINK_TEXT_MAX];
	const char *slash;
	int len, hops;

	for (hops = 0; hops <= LINKS_MAX; hops++) {
		len = read_link(path, text, sizeof(text));
		if (len == -EINVAL || len == -ENOENT)
			return hops;
		if (len < 0)
			return len;
		slash = strrchr(path, '/');
		if (text[0] == '/' || slash == NULL)
			len = snprintf(joined, sizeof(joined), "%s",
			    text + strspn(text, "/"));
		else
			len = snprintf(joined, sizeof(joined), "%.*s/%s",
			    (int)(slash - path), path, text);
		if (len == 0)
			len = snprintf(joined, sizeof(joined), ".");
		if ((size_t)len >= size)
			return -ENAMETOOLONG;
		memcpy(path, joined, (size_t)len + 1);
	}
	return -ELOOP;
}

int
resolve_dir(const char *path)
{
	int fd;

	fd = open_inside(path, O_RDONLY | O_DIRECTORY);
	/* a drop box (mode 0733): enough to create, not to fsync it */
	if (fd == -EACCES)
		fd = open_inside(path, O_PATH | O_DIRECTORY);
	return fd;
}

int
resolve_unlink(const char *dir, const char *base)
{
	int dirfd, err = 0;

	dirfd = open_inside(dir, O_PATH | O_DIRECTORY);
	if (dirfd < 0)
		return dirfd;
	if (unlinkat(dirfd, base, 0) == -1)
		err = -errno;
	close(dirfd);
	return err;
}
