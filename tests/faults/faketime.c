/*
 * faketime - for LD_PRELOAD: the time of day, moved by as many seconds as stand
 * in the file FAKETIME_FILE (8 bytes, little end first), at any time.  Other
 * clocks go on as they are.  A time namespace cannot do it: it moves them, and
 * not this one.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset_s;

/* Before main(): later the environment is gone, and so is the file. */
__attribute__((constructor)) static void
map_offset(void)
{
	const char *path = getenv("FAKETIME_FILE");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *map;

	if (fd == -1)
		return;
	map = mmap(NULL, sizeof(*offset_s), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		offset_s = map;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int ret = (int)syscall(SYS_clock_gettime, id, ts);

	if (ret == 0 && id == CLOCK_REALTIME && offset_s != NULL)
		ts->tv_sec += *offset_s;
	return ret;
}
