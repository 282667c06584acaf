#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "os/append.h"

#define NFS_MAGIC 0x6969

static void
make_folder(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);

	if (len == 0 || len >= sizeof(dir))
		return;
	memcpy(dir, path, len);
	dir[len] = '\0';
	/* the open that follows tells whatever went wrong here */
	(void)mkdir(dir, 0755);
}

/* A log that we made ourselves: readable for the administrators' group. */
static void
give_to_adm(int fd)
{
	struct group *adm;

	if (geteuid() != 0)
		return;
	adm = getgrnam("adm");
	if (adm != NULL)
		(void)!fchown(fd, 0, adm->gr_gid);
}

static int
open_or_make(const char *path)
{
	const int flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC |
	    O_NOCTTY | O_NONBLOCK;
	int fd;

	fd = open(path, flags);
	if (fd != -1 || errno != ENOENT)
		return fd == -1 ? -errno : fd;
	fd = open(path, flags | O_CREAT | O_EXCL, 0640);
	if (fd == -1)
		return errno == EEXIST ? -EAGAIN : -errno;
	(void)!fchmod(fd, 0640);
	give_to_adm(fd);
	return fd;
}

int
append_open(const char *path)
{
	struct stat st;
	int fd, tries;

	make_folder(path);
	/* logrotate may move the file between our two opens */
	for (tries = 0; tries < 3; tries++) {
		fd = open_or_make(path);
		if (fd != -EAGAIN)
			break;
	}
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_nlink > 1) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

int
append_write(int fd, const char *line, size_t len)
{
	ssize_t n = write(fd, line, len);

	if (n == -1)
		return -errno;
	return (size_t)n == len ? 0 : -ENOSPC;
}

int
append_is_nfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == NFS_MAGIC;
}
