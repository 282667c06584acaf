#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stats/ledger.h"
#include "stats/tail.h"

static int
drain(struct logread *r, tail_taker *take, void *arg)
{
	int ret, stop;

	while ((ret = logread_next(r)) == 1) {
		stop = take(arg, r);
		if (stop != 0)
			return stop;
	}
	return ret;
}

/* A file that became shorter is a new one: begin again. */
static int
rewind_truncated(struct logread *r)
{
	struct stat st;

	if (fstat(r->fd, &st) == -1)
		return -errno;
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < r->offset)
		return logread_seek(r, 0);
	return 0;
}

/* Whether the path still means the file that is open. */
static bool
is_same_file(const struct tail *t)
{
	struct stat by_path, by_fd;

	return t->files[0].buf != NULL && stat(t->path, &by_path) == 0 &&
	    fstat(t->files[0].fd, &by_fd) == 0 &&
	    by_path.st_dev == by_fd.st_dev && by_path.st_ino == by_fd.st_ino;
}

/* The path's present file becomes files[0]; 0 or -errno. */
static int
open_newest(struct tail *t)
{
	struct logread newest;
	int fd, ret;

	fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd == -1)
		return -errno;
	ret = logread_init(&newest, fd);
	if (ret != 0) {
		close(fd);
		return ret;
	}
	logread_free(&t->files[TAIL_GENERATIONS - 1]);
	memmove(&t->files[1], &t->files[0],
	    (TAIL_GENERATIONS - 1) * sizeof(t->files[0]));
	t->files[0] = newest;
	t->is_missing = false;
	return 0;
}

int
tail_open(struct tail *t, const char *path, bool at_end)
{
	struct stat st;
	int ret;

	*t = (struct tail){ .path = path };
	ret = open_newest(t);
	if (ret == -ENOENT) {
		t->is_missing = true;
		return 0;
	}
	if (ret < 0 || !at_end)
		return ret;
	if (fstat(t->files[0].fd, &st) == -1)
		return -errno;
	return S_ISREG(st.st_mode) ?
	    logread_seek(&t->files[0], (uint64_t)st.st_size) : 0;
}

int
tail_look(struct tail *t, tail_taker *take, void *arg)
{
	int i, ret;

	for (i = TAIL_GENERATIONS - 1; i >= 0; i--) {
		if (t->files[i].buf == NULL)
			continue;
		ret = rewind_truncated(&t->files[i]);
		if (ret == 0)
			ret = drain(&t->files[i], take, arg);
		if (ret != 0)
			return ret;
	}
	if (is_same_file(t))
		return 0;
	ret = open_newest(t);
	/* Between rename and create the old file is still open. */
	if (ret == -ENOENT)
		return 0;
	return ret < 0 ? ret : drain(&t->files[0], take, arg);
}

void
tail_close(struct tail *t)
{
	int i;

	for (i = 0; i < TAIL_GENERATIONS; i++)
		logread_free(&t->files[i]);
}

bool
tail_is_first_end(uint64_t ids[static TAIL_IDS],
    const struct translog_record *rec)
{
	uint64_t id = ledger_id(rec->id);
	uint64_t *place = &ids[(id ^ id >> 32) % TAIL_IDS];

	if (*place == id && id != 0)
		return false;
	*place = id;
	return true;
}
