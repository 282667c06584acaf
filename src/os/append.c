#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "os/append.h"
#include "os/callgate.h"

#define NFS_MAGIC	0x6969
#define RESERVE_STEP	(1024 * 1024)
#define STAT_BLOCK	512	/* bytes; what st_blocks counts */

/* The folder that path is in; false if there is none to be made. */
static bool
folder_of(const char *path, char dir[static PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);

	if (len == 0 || len >= PATH_MAX)
		return false;
	memcpy(dir, path, len);
	dir[len] = '\0';
	return true;
}

bool
append_is_shared(const char *path)
{
	char dir[PATH_MAX];
	struct stat st;

	return folder_of(path, dir) && stat(dir, &st) == 0 &&
	    st.st_uid != geteuid();
}

void
append_give_to_adm(int fd)
{
	struct group *adm;

	(void)!fchmod(fd, 0640);
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
	append_give_to_adm(fd);
	return fd;
}

int
append_open(const char *path)
{
	char dir[PATH_MAX];
	struct stat st;
	int fd, tries;

	/* the open that follows tells whatever goes wrong here */
	if (folder_of(path, dir))
		(void)mkdir(dir, 0755);
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

int64_t
append_reserve(int fd, uint64_t need)
{
	uint64_t allocated, len;
	struct stat st;
	int err;

	if (fstat(fd, &st) == -1)
		return -errno;
	/* less, if it has holes or is compressed: then it is asked for */
	allocated = (uint64_t)st.st_blocks * STAT_BLOCK;
	if (allocated >= (uint64_t)st.st_size + need)
		return (int64_t)(allocated - (uint64_t)st.st_size);
	len = (need / RESERVE_STEP + 1) * RESERVE_STEP;
	do {
		err = callgate_fallocate(fd, FALLOC_FL_KEEP_SIZE, st.st_size,
		    (off_t)len);
	} while (err == -1 && errno == EINTR);
	return err == -1 ? -errno : (int64_t)len;
}

bool
append_is_nfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == NFS_MAGIC;
}
