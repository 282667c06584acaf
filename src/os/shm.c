#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/append.h"
#include "os/callgate.h"
#include "os/shm.h"

static struct flock
one_byte(uint64_t offset)
{
	struct flock fl = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)offset,
		.l_len = 1,
	};

	return fl;
}

int
shm_lock(int fd, uint64_t offset)
{
	struct flock fl = one_byte(offset);

	return callgate_lock(fd, &fl) == -1 ? -errno : 0;
}

pid_t
shm_lock_owner(int fd, uint64_t offset)
{
	struct flock fl = one_byte(offset);

	if (fcntl(fd, F_GETLK, &fl) == -1 || fl.l_type == F_UNLCK)
		return 0;
	return fl.l_pid;
}

bool
shm_is_locked(int fd, uint64_t offset)
{
	return shm_lock_owner(fd, offset) != 0;
}

uint64_t
shm_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

int
shm_grow(int fd, uint64_t size)
{
	return -posix_fallocate(fd, 0, (off_t)size);
}

static int
claim(int fd, uint64_t size)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_nlink > 1 ||
	    st.st_uid != geteuid())
		return -EINVAL;
	/* who may open it may lock its slots, and so keep us from serving */
	append_give_to_adm(fd);
	if (shm_lock(fd, 0) != 0)
		return -EBUSY;
	/* a hole that cannot be filled later would be a SIGBUS */
	if ((uint64_t)st.st_size > size)
		size = (uint64_t)st.st_size;
	return shm_grow(fd, size);
}

int
shm_open_table(const char *path, uint64_t size)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd, err;

	if (slash != NULL && slash != path &&
	    (size_t)(slash - path) < sizeof(dir)) {
		memcpy(dir, path, (size_t)(slash - path));
		dir[slash - path] = '\0';
		(void)mkdir(dir, 0755);
	}
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC |
	    O_NONBLOCK | O_NOCTTY, 0640);
	if (fd == -1)
		return -errno;
	err = claim(fd, size);
	if (err != 0) {
		close(fd);
		return err;
	}
	return fd;
}

int
shm_open_private(uint64_t size)
{
	int fd = memfd_create("tftpd-live", MFD_CLOEXEC);

	if (fd == -1)
		return -errno;
	if (ftruncate(fd, (off_t)size) == -1) {
		close(fd);
		return -ENOSPC;
	}
	return fd;
}

void *
shm_map(int fd, uint64_t offset, size_t len)
{
	void *map = callgate_mmap(len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    (off_t)offset);

	return map == MAP_FAILED ? NULL : map;
}

int
shm_read(int fd, uint64_t offset, void *buf, size_t len)
{
	ssize_t n = pread(fd, buf, len, (off_t)offset);

	return n == (ssize_t)len ? 0 : n == -1 ? -errno : -ENODATA;
}

int
shm_write(int fd, uint64_t offset, const void *buf, size_t len)
{
	ssize_t n = pwrite(fd, buf, len, (off_t)offset);

	return n == (ssize_t)len ? 0 : n == -1 ? -errno : -ENOSPC;
}
