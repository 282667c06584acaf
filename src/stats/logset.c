#include <ctype.h>
#include <dirent.h>
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
/*
 * How long before the window a file may begin whose transfers still matter:
 * their starts are there.
 */
#define MARGIN_US	(24 * HOUR_US)
#define ROTATED_MAX	1000
/* Files may be rotated while we look for them: look again, so often. */
#define PASSES		20

/* Anybody may have written the table, and errors print the path. */
static bool
is_plain_path(const char *path)
{
	size_t i;

	for (i = 0; path[i] != '\0'; i++)
		if ((unsigned char)path[i] < ' ' || path[i] == '\177')
			return false;
	return path[0] == '/';
}

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
		if (is_plain_path(out))
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

static uint64_t
hash_of(const char *bytes, size_t len)
{
	uint64_t hash = len;

	for (; len != 0; len--)
		hash = (hash ^ (uint8_t)*bytes++) * UINT64_C(0x100000001b3);
	return hash;
}

/*
 * Read up to the first record, for its time, and go back.  A pipe can't be
 * read twice: it is taken as the oldest.
 */
static int
find_first(struct logset *set, struct logset_file *file)
{
	struct logread *r = &file->reader;
	const char *reason;
	int ret;

	if (!r->is_seekable)
		return 0;
	ret = logread_next(r);
	if (ret < 0 && ret != -EBADMSG)
		return fail(set, file->path, strerror(-ret));
	reason = why_no_log(&r->counts);
	if (reason != NULL)
		return fail(set, file->path, reason);
	if (ret == 1) {
		file->first_us = r->line.rec.ts_us;
		file->first_hash = hash_of(r->raw, r->raw_len);
	}
	r->counts = (struct logread_counts){ 0 };
	ret = logread_seek(r, 0);
	return ret < 0 ? fail(set, file->path, strerror(-ret)) : 0;
}

static void
free_file(struct logset_file *file)
{
	logread_free(&file->reader);
	free(file->path);
	free(file);
}

/* The same file by another name; or NULL. */
static const struct logset_file *
find_same(const struct logset *set, dev_t dev, ino_t ino)
{
	size_t i;

	for (i = 0; i < set->count; i++)
		if (set->files[i]->dev == dev && set->files[i]->ino == ino)
			return set->files[i];
	return NULL;
}

/* The file that this one is a packed copy of; or NULL. */
static const struct logset_file *
find_copy(const struct logset *set, const struct logset_file *file)
{
	size_t i;

	for (i = 0; i < set->count && file->first_us != 0; i++)
		if (set->files[i]->first_us == file->first_us &&
		    set->files[i]->first_hash == file->first_hash)
			return set->files[i];
	return NULL;
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
	int ret;

	ret = logread_open(&file->reader, file->path);
	if (ret != 0)
		return ret;
	if (fstat(file->reader.fd, &st) == -1)
		return -errno;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	if (S_ISREG(st.st_mode))
		file->size = (uint64_t)st.st_size;
	return 0;
}

static const char *
reason_of(int error)
{
	return error == -ENOTSUP ? "compressed, and built without zlib" :
	    strerror(-error);
}

/*
 * Add the file at path.  Returns 0, -ENOENT when it is not there, else -1;
 * *first_us is the time of its first record, 0 when it has none.
 */
static int
add(struct logset *set, const char *path, uint64_t *first_us)
{
	struct logset_file *file = calloc(1, sizeof(*file));
	const struct logset_file *known = NULL;
	int ret;

	if (file == NULL || (file->path = strdup(path)) == NULL)
		err(1, NULL);
	ret = open_reader(file);
	if (ret == 0)
		known = find_same(set, file->dev, file->ino);
	if (ret != 0)
		fail(set, file->path, reason_of(ret));
	else if (known == NULL)
		ret = find_first(set, file);
	if (ret == 0 && known == NULL && set->is_rotated)
		known = find_copy(set, file);
	*first_us = known != NULL ? known->first_us : file->first_us;
	/* The set owns it, for its path names the error. */
	if (known != NULL)
		free_file(file);
	else
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

#define SUFFIX_MAX	32

/* A rotated log by what follows the log's own path, as ".3.gz". */
struct rotated {
	char suffix[SUFFIX_MAX];
	bool has_date;		/* the greatest is the youngest */
};

struct rotation {
	struct rotated *files;
	size_t count;
};

/* Whether the rest of a name is ".N" or "-DIGITS", and perhaps ".gz". */
static bool
is_suffix(const char *suffix)
{
	size_t len;

	if (*suffix != '.' && *suffix != '-')
		return false;
	len = strspn(suffix + 1, *suffix == '.' ? "0123456789" :
	    "0123456789-");
	/* Not longer than any scheme makes it; ".gz" must fit, too. */
	if (len == 0 || len > SUFFIX_MAX - 5 ||
	    !isdigit((unsigned char)suffix[1]))
		return false;
	suffix += 1 + len;
	return *suffix == '\0' || strcmp(suffix, ".gz") == 0;
}

static void
add_suffix(struct rotation *rotation, const char *suffix)
{
	struct rotated one = { .has_date = *suffix == '-' };

	snprintf(one.suffix, sizeof(one.suffix), "%s", suffix);
	rotation->files = reallocarray(rotation->files, rotation->count + 1,
	    sizeof(*rotation->files));
	if (rotation->files == NULL)
		err(1, NULL);
	rotation->files[rotation->count++] = one;
}

/* Youngest first, numbers before dates; "x" before "x.gz". */
static int
by_age(const void *a, const void *b)
{
	const struct rotated *x = a, *y = b;
	const size_t x_len = strcspn(x->suffix, ".");
	const size_t y_len = strcspn(y->suffix, ".");
	unsigned long long m, n;
	int diff;

	if (x->has_date != y->has_date)
		return x->has_date ? 1 : -1;
	if (x->has_date) {
		diff = strncmp(y->suffix, x->suffix,
		    x_len > y_len ? x_len : y_len);
		return diff != 0 ? diff : strcmp(x->suffix, y->suffix);
	}
	m = strtoull(x->suffix + 1, NULL, 10);
	n = strtoull(y->suffix + 1, NULL, 10);
	return m != n ? (m > n ? 1 : -1) : strcmp(x->suffix, y->suffix);
}

/* "log.1.gz" beside "log.1" is being made of it. */
static bool
is_packed_of(const struct rotated *packed, const struct rotated *plain)
{
	size_t len = strlen(plain->suffix);

	return strncmp(packed->suffix, plain->suffix, len) == 0 &&
	    strcmp(packed->suffix + len, ".gz") == 0;
}

static void
drop_packed_twins(struct rotation *rotation)
{
	size_t i, kept = 0;

	for (i = 0; i < rotation->count; i++)
		if (kept == 0 || !is_packed_of(&rotation->files[i],
		    &rotation->files[kept - 1]))
			rotation->files[kept++] = rotation->files[i];
	rotation->count = kept;
}

/* What stands beside path, youngest first; returns 0 or -errno. */
static int
list_rotation(const char *path, struct rotation *rotation)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	const size_t base_len = strlen(base);
	char dir[LIVE_PATH_MAX];
	struct dirent *entry;
	DIR *stream;

	*rotation = (struct rotation){ 0 };
	snprintf(dir, sizeof(dir), "%.*s", slash == NULL ? 1 :
	    (int)(base - path), slash == NULL ? "." : path);
	stream = opendir(dir);
	if (stream == NULL)
		return -errno;
	while ((entry = readdir(stream)) != NULL)
		if (strncmp(entry->d_name, base, base_len) == 0 &&
		    is_suffix(entry->d_name + base_len))
			add_suffix(rotation, entry->d_name + base_len);
	closedir(stream);
	if (rotation->count != 0)
		qsort(rotation->files, rotation->count,
		    sizeof(*rotation->files), by_age);
	drop_packed_twins(rotation);
	return 0;
}

/* One look at all files of a log. */
struct look {
	const char *path;
	uint64_t since_us;
	uint64_t oldest_us;	/* begin of the oldest file so far */
	bool has_changed;	/* a file is new, or one is gone */
};

/* Add a file that may be known, or be gone again.  Returns 0 or -1. */
static int
add_if_there(struct logset *set, const char *path, struct look *look)
{
	const struct logset_file *known = NULL;
	const size_t before = set->count;
	uint64_t first_us = 0;
	struct stat st;
	int ret = 0;

	if (stat(path, &st) == 0)
		known = find_same(set, st.st_dev, st.st_ino);
	if (known != NULL)
		first_us = known->first_us;
	else
		ret = add(set, path, &first_us);
	if (ret == -ENOENT)
		drop_missing(set);
	look->has_changed |= ret == -ENOENT || set->count != before;
	if (first_us != 0)
		look->oldest_us = first_us;
	return ret == -1 ? -1 : 0;
}

/* Add the rotated files that matter; returns 0 or -1. */
static int
add_rotation(struct logset *set, const struct rotation *rotation,
    struct look *look)
{
	char name[LIVE_PATH_MAX + SUFFIX_MAX];
	bool has_date = false;
	int ret = 0;
	size_t i;

	for (i = 0; ret == 0 && i < rotation->count && i < ROTATED_MAX; i++) {
		/* Files of another scheme say nothing about these. */
		if (rotation->files[i].has_date != has_date)
			look->oldest_us = UINT64_MAX;
		has_date = rotation->files[i].has_date;
		if (look->since_us >= MARGIN_US &&
		    look->oldest_us <= look->since_us - MARGIN_US)
			continue;
		snprintf(name, sizeof(name), "%s%s", look->path,
		    rotation->files[i].suffix);
		ret = add_if_there(set, name, look);
	}
	return ret;
}

/*
 * The log goes first: a file that is renamed meanwhile moves to where we
 * look later.  Returns 0 or -1.
 */
static int
look_around(struct logset *set, struct look *look)
{
	const size_t before = set->count;
	struct rotation rotation;
	int ret;

	look->oldest_us = UINT64_MAX;
	if (add_if_there(set, look->path, look) != 0)
		return -1;
	/* Not to be there is no change, unless nothing is. */
	look->has_changed = set->count == 0 || set->count != before;
	ret = list_rotation(look->path, &rotation);
	if (ret < 0)
		return fail(set, look->path, strerror(-ret));
	ret = add_rotation(set, &rotation, look);
	free(rotation.files);
	return ret;
}

int
logset_open_rotated(struct logset *set, const char *path, uint64_t since_us)
{
	struct look look = { .path = path, .since_us = since_us,
		.has_changed = true };
	int i, ret = 0;

	*set = (struct logset){ .is_rotated = true };
	for (i = 0; i < PASSES && ret == 0 && look.has_changed; i++)
		ret = look_around(set, &look);
	if (ret != 0)
		return -1;
	return set->count != 0 ? 0 : fail(set, path, strerror(ENOENT));
}

/*
 * A compressed file is finished, so all of it is older than what was written
 * some time after the next one was begun.
 */
static bool
is_older(const struct logset *set, size_t i, uint64_t since_us)
{
	if (set->files[i]->reader.gz == NULL)
		return false;
	while (++i < set->count)
		if (set->files[i]->first_us != 0)
			return since_us > HOUR_US &&
			    set->files[i]->first_us < since_us - HOUR_US;
	return false;
}

int
logset_seek(struct logset *set, uint64_t since_us)
{
	struct logset_file *file;
	size_t i;
	int ret;

	for (i = 0; i < set->count; i++) {
		file = set->files[i];
		file->is_skipped = is_older(set, i, since_us);
		ret = logread_seek_time(&file->reader, since_us);
		if (ret < 0)
			return fail(set, file->path, strerror(-ret));
		file->begin = logread_taken(&file->reader);
	}
	return 0;
}

/* What a file gave that is at its end, or can't be read on; 0 or -1. */
static int
end_file(struct logset *set, struct logset_file *file, int error)
{
	const char *reason;

	if (error == -EBADMSG) {
		warnx("%s: damaged or cut short, what could be unpacked was "
		    "read", file->path);
		file->reader.counts.bad++;
		return 0;
	}
	if (error < 0)
		return fail(set, file->path, strerror(-error));
	reason = file->first_us == 0 ? why_no_log(&file->reader.counts) : NULL;
	return reason != NULL ? fail(set, file->path, reason) : 0;
}

int
logset_next(struct logset *set, struct logread **reader)
{
	struct logset_file *file;
	int ret;

	for (; set->current < set->count; set->current++) {
		file = set->files[set->current];
		if (file->is_skipped)
			continue;
		*reader = &file->reader;
		ret = logread_next(&file->reader);
		if (ret == 1)
			return 1;
		if (end_file(set, file, ret) != 0)
			return -1;
	}
	return 0;
}

int
logset_fail(struct logset *set, int error)
{
	return fail(set, set->files[set->current]->path, strerror(-error));
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
