#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stats/logset.h"

#define HOUR_US		(UINT64_C(3600) * 1000000)
#define ROTATED_MAX	1000

void
logset_default_path(const char *live, const char *fallback,
    char out[static LIVE_PATH_MAX])
{
	struct live_header header;
	int fd = open(live, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n = -1;

	if (fd != -1) {
		n = read(fd, &header, sizeof(header));
		close(fd);
	}
	if (n > 0 && live_header_ok(&header, (size_t)n)) {
		live_get_text(header.log_path, sizeof(header.log_path), out);
		if (out[0] == '/')
			return;
	}
	snprintf(out, LIVE_PATH_MAX, "%s", fallback);
}

static int
fail(struct logset *set, const char *path, const char *reason)
{
	set->bad_path = path;
	set->reason = reason;
	return -1;
}

/* What a file without any record of ours is, or NULL: it may grow one. */
static const char *
why_no_log(const struct logread_counts *counts)
{
	if (counts->records != 0 || counts->bad + counts->newer == 0)
		return NULL;
	return counts->newer != 0 ?
	    "written by a newer version of tftpd" : "not a transfer log";
}

/*
 * Read up to the first record, for its time, and go back.  A pipe can't be
 * read twice: it is taken as the oldest.
 */
static int
find_first(struct logset *set, struct logset_file *file)
{
	const char *reason;
	int ret;

	if (lseek(file->reader.fd, 0, SEEK_CUR) == -1)
		return 0;
	ret = logread_next(&file->reader);
	if (ret < 0)
		return fail(set, file->path, strerror(-ret));
	reason = why_no_log(&file->reader.counts);
	if (reason != NULL)
		return fail(set, file->path, reason);
	if (ret == 1)
		file->first_us = file->reader.line.rec.ts_us;
	file->reader.counts = (struct logread_counts){ 0 };
	ret = logread_seek(&file->reader, 0);
	return ret < 0 ? fail(set, file->path, strerror(-ret)) : 0;
}

static void
free_file(struct logset_file *file)
{
	logread_free(&file->reader);
	free(file->path);
	free(file);
}

static bool
is_known(const struct logset *set, const struct logset_file *file)
{
	size_t i;

	for (i = 0; i < set->count; i++)
		if (set->files[i]->dev == file->dev &&
		    set->files[i]->ino == file->ino)
			return true;
	return false;
}

/* Put it before the files that begin later. */
static void
insert(struct logset *set, struct logset_file *file)
{
	size_t i;

	set->files = reallocarray(set->files, set->count + 1,
	    sizeof(*set->files));
	if (set->files == NULL)
		err(1, NULL);
	for (i = set->count; i > 0; i--) {
		if (set->files[i - 1]->first_us <= file->first_us)
			break;
		set->files[i] = set->files[i - 1];
	}
	set->files[i] = file;
	set->count++;
}

static int
open_reader(struct logset_file *file)
{
	struct stat st;
	int fd;

	fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd == -1)
		return -errno;
	if (fstat(fd, &st) == -1) {
		int saved = errno;

		close(fd);
		return -saved;
	}
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	if (logread_init(&file->reader, fd) != 0)
		err(1, NULL);
	return 0;
}

/*
 * Add the file at path.  Returns 0, -ENOENT when it is not there, else -1;
 * *first_us is the time of its first record, 0 when it has none.
 */
static int
add(struct logset *set, const char *path, uint64_t *first_us)
{
	struct logset_file *file = calloc(1, sizeof(*file));
	int ret;

	if (file == NULL || (file->path = strdup(path)) == NULL)
		err(1, NULL);
	ret = open_reader(file);
	if (ret == 0 && is_known(set, file)) {
		*first_us = 0;
		free_file(file);
		return 0;
	}
	/* From here on the set owns it, for its path names the error. */
	if (ret == 0)
		ret = find_first(set, file);
	else
		fail(set, file->path, strerror(-ret));
	*first_us = file->first_us;
	insert(set, file);
	return ret == 0 || ret == -ENOENT ? ret : -1;
}

int
logset_open(struct logset *set, const char *const *paths, size_t count)
{
	uint64_t first_us;
	size_t i;

	*set = (struct logset){ 0 };
	for (i = 0; i < count; i++)
		if (add(set, paths[i], &first_us) != 0)
			return -1;
	return 0;
}

/* Forget the file that was added last: it is not there. */
static void
drop_missing(struct logset *set)
{
	size_t i, kept = 0;

	for (i = 0; i < set->count; i++) {
		if (set->files[i]->reader.buf != NULL)
			set->files[kept++] = set->files[i];
		else
			free_file(set->files[i]);
	}
	set->count = kept;
	set->bad_path = NULL;
}

int
logset_open_rotated(struct logset *set, const char *path, uint64_t since_us)
{
	char name[LIVE_PATH_MAX + 16];
	uint64_t first_us, oldest = UINT64_MAX;
	int i, ret;

	*set = (struct logset){ 0 };
	for (i = 0; i < ROTATED_MAX; i++) {
		snprintf(name, sizeof(name), i == 0 ? "%s" : "%s.%d", path, i);
		ret = add(set, name, &first_us);
		if (ret == -1)
			return -1;
		if (ret == -ENOENT) {
			drop_missing(set);
			if (i != 0)
				break;
			continue;
		}
		if (first_us != 0)
			oldest = first_us;
		/* An hour more, for what began before the rotation. */
		if (since_us >= HOUR_US && oldest <= since_us - HOUR_US)
			break;
	}
	if (set->count != 0)
		return 0;
	logset_free(set);
	return logset_open(set, &path, 1);
}

int
logset_next(struct logset *set, struct logread **reader)
{
	struct logset_file *file;
	const char *reason;
	int ret;

	for (; set->current < set->count; set->current++) {
		file = set->files[set->current];
		*reader = &file->reader;
		ret = logread_next(&file->reader);
		if (ret == 1)
			return 1;
		if (ret < 0)
			return fail(set, file->path, strerror(-ret));
		reason = why_no_log(&file->reader.counts);
		if (reason != NULL)
			return fail(set, file->path, reason);
	}
	return 0;
}

struct logread_counts
logset_counts(const struct logset *set)
{
	struct logread_counts sum = { 0 };
	const struct logread_counts *counts;
	size_t i;

	for (i = 0; i < set->count; i++) {
		counts = &set->files[i]->reader.counts;
		sum.records += counts->records;
		sum.bad += counts->bad;
		sum.torn += counts->torn;
		sum.newer += counts->newer;
	}
	return sum;
}

void
logset_free(struct logset *set)
{
	size_t i;

	for (i = 0; i < set->count; i++)
		free_file(set->files[i]);
	free(set->files);
	*set = (struct logset){ 0 };
}
