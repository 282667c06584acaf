#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/resolve.h"
#include "os/watch.h"

/*
 * Not IN_MODIFY: half a file is no news.  Not IN_ATTRIB for a directory: it
 * tells of all that is in there.
 */
#define FILE_EVENTS	(IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVE_SELF | \
			IN_DELETE_SELF)
#define DIR_EVENTS	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | \
			IN_MOVED_TO | IN_MOVE_SELF | IN_DELETE_SELF)
#define EVENTS_MAX	4096	/* bytes read at once */

int
watch_open(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	return fd == -1 ? -errno : fd;
}

/*
 * A directory is watched before the walk looks at what is in it: what
 * appears there meanwhile is either found or told of.
 */
static void
watch_step(void *arg, const struct resolve_step *step)
{
	char path[PATH_MAX];
	const int *fd = arg;

	if (step->err != 0 || step->link != NULL ||
	    (size_t)snprintf(path, sizeof(path), "/%s", step->path) >=
	    sizeof(path))
		return;
	(void)inotify_add_watch(*fd, path, IN_DONT_FOLLOW |
	    (S_ISDIR(step->st.st_mode) ? DIR_EVENTS : FILE_EVENTS));
}

void
watch_add(int fd, const char *path)
{
	struct resolve_root root = { .fd = open("/", O_PATH | O_DIRECTORY |
	    O_CLOEXEC) };
	char here[PATH_MAX] = "", whole[2 * PATH_MAX];

	if (root.fd == -1)
		return;
	if (path[0] == '/' || getcwd(here, sizeof(here)) != NULL) {
		snprintf(whole, sizeof(whole), "%s/%s", here, path);
		(void)resolve_walk(&root, whole, watch_step, &fd);
	}
	close(root.fd);
}

bool
watch_drain(int fd)
{
	_Alignas(struct inotify_event) char events[EVENTS_MAX];
	bool is_any = false;
	ssize_t n;

	for (;;) {
		n = read(fd, events, sizeof(events));
		if (n > 0)
			is_any = true;
		else if (n == 0 || errno != EINTR)
			return is_any;
	}
}

/* FNV-1a, a byte at a time. */
static uint64_t
mix(uint64_t hash, uint64_t value)
{
	unsigned i;

	for (i = 0; i < sizeof(value); i++) {
		hash ^= (value >> (8 * i)) & 0xff;
		hash *= UINT64_C(0x100000001b3);
	}
	return hash;
}

uint64_t
watch_stamp(const char *path)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	struct stat st;

	if (stat(path, &st) == -1)
		return 0;
	hash = mix(hash, st.st_dev);
	hash = mix(hash, st.st_ino);
	hash = mix(hash, (uint64_t)st.st_size);
	hash = mix(hash, (uint64_t)st.st_mtim.tv_sec);
	hash = mix(hash, (uint64_t)st.st_mtim.tv_nsec);
	hash = mix(hash, (uint64_t)st.st_ctim.tv_sec);
	hash = mix(hash, (uint64_t)st.st_ctim.tv_nsec);
	hash = mix(hash, st.st_mode);
	hash = mix(hash, st.st_uid);
	return hash == 0 ? 1 : hash;
}
