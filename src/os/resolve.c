#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "os/resolve.h"

static int
open_inside(const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd;
	int tries;

	/* the kernel gives up with EAGAIN when a rename crosses its walk */
	for (tries = 0; tries < 16; tries++) {
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
	if (fstat(fd, &now) == -1 || now.st_ino != st->st_ino ||
	    now.st_dev != st->st_dev) {
		close(fd);
		return -ESTALE;
	}
	*st = now;
	return fd;
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
