#include "config.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

#include "rollup_parts.h"

/* The first record is whole within this, behind some rubbish, too. */
#define HEAD_MAX	(2 * TRANSLOG_LINE_MAX)

/* ---- what a file begins with ----------------------------------------- */

#ifdef HAVE_ZLIB
/* The first bytes, unpacked; takes fd.  Returns how many, or -errno. */
static ssize_t
unpack_head(int fd, char head[static HEAD_MAX])
{
	gzFile file = gzdopen(fd, "rb");
	int n;

	if (file == NULL)
		err(1, NULL);
	n = gzread(file, head, HEAD_MAX);
	gzclose(file);
	return n < 0 ? -EIO : n;
}
#else
static ssize_t
unpack_head(int fd, char head[static HEAD_MAX])
{
	(void)head;
	close(fd);
	return -ENOTSUP;
}
#endif

static ssize_t
plain_head(int fd, char head[static HEAD_MAX])
{
	ssize_t n = pread(fd, head, HEAD_MAX, 0);

	if (n == -1)
		n = -errno;
	close(fd);
	return n;
}

/*
 * The first record has a time with microseconds and mostly an id: no two
 * files have the same one.  Rubbish before it may be the same in many, as
 * after "echo > log".  Where there is only rubbish, all of the head counts
 * once it can't change any more.
 */
static void
identify(struct rollup_found *f, const char *head, size_t len)
{
	const char *at = head, *newline;
	struct translog_line line;

	while ((newline = memchr(at, '\n', len - (size_t)(at - head))) !=
	    NULL) {
		if (translog_scan(at, (size_t)(newline - at), &line) ==
		    TRANSLOG_OK) {
			f->now.print = rollup_hash(ROLLUP_HASH, at,
			    (size_t)(newline - at)) | 1;
			f->order_us = line.rec.ts_us;
			return;
		}
		at = newline + 1;
	}
	if (len == HEAD_MAX)
		f->now.print = rollup_hash(ROLLUP_HASH, head, len) | 1;
}

int
rollup_open(const struct rollup_found *f)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int ret;

	if (fd == -1)
		return errno == ENOENT ? -ESTALE : -errno;
	ret = fstat(fd, &st) == -1 ? -errno : 0;
	if (ret == 0 && (st.st_dev != f->now.dev || st.st_ino != f->now.ino))
		ret = -ESTALE;
	if (ret == 0)
		return fd;
	close(fd);
	return ret;
}

static void
look_inside(struct rollup_found *f)
{
	char head[HEAD_MAX];
	int fd = rollup_open(f);
	ssize_t n;

	if (fd < 0) {
		f->err = fd;
		return;
	}
	n = f->is_packed ? unpack_head(fd, head) : plain_head(fd, head);
	if (n < 0) {
		f->err = (int)n;
		return;
	}
	identify(f, head, (size_t)n);
}

/* ---- which of the known files it is ---------------------------------- */

/* As it was when it was read: by far the most. */
static bool
is_untouched(const struct rollup_file *was, const struct rollup_file *now)
{
	return was->dev == now->dev && was->ino == now->ino &&
	    was->size == now->size && was->mtime_ns == now->mtime_ns;
}

/*
 * By its first record.  An inode says nothing of a file that has one: it is
 * used again, and copytruncate keeps it.
 */
static size_t
find_print(const struct rollup_state *s, uint64_t print)
{
	size_t i;

	for (i = s->file_count; i-- != 0;)
		if (print != 0 && s->files[i].print == print)
			return i;
	return SIZE_MAX;
}

/*
 * One that had no record yet, or that can't be opened, by its inode alone:
 * device numbers change with a boot.
 */
static size_t
find_inode(const struct rollup_state *s, const struct rollup_found *f)
{
	const struct rollup_file *was;
	size_t i;

	for (i = s->file_count; i-- != 0;) {
		was = &s->files[i];
		if (was->ino == f->now.ino &&
		    (was->print == 0 || f->err != 0))
			return i;
	}
	return SIZE_MAX;
}

static void
recognize(const struct rollup_state *s, struct rollup_found *f)
{
	size_t i;

	for (i = s->file_count; i-- != 0;) {
		if (is_untouched(&s->files[i], &f->now)) {
			f->known = i;
			f->is_unchanged = true;
			f->now.print = s->files[i].print;
			return;
		}
	}
	look_inside(f);
	/* What is being packed had no record a moment ago, and has a known
	 * one now: so the record goes first. */
	f->known = find_print(s, f->now.print);
	if (f->known == SIZE_MAX)
		f->known = find_inode(s, f);
}

/* ---- which files there are ------------------------------------------- */

/* "" or what logrotate puts behind a name: .1, -20261122, -2026.11.22-08 */
static bool
is_rotated_name(const char *rest)
{
	if (*rest == '\0')
		return true;
	return (*rest == '.' || *rest == '-') && rest[1] >= '0' &&
	    rest[1] <= '9' &&
	    rest[1 + strspn(rest + 1, "0123456789-._:T")] == '\0';
}

/* Whether name is base's log or one of its old ones. */
static bool
is_of_log(const char *name, const char *base, bool *is_packed)
{
	char rest[NAME_MAX + 1];
	size_t len = strlen(base);

	if (strncmp(name, base, len) != 0 || strlen(name + len) > NAME_MAX)
		return false;
	strcpy(rest, name + len);
	len = strlen(rest);
	*is_packed = len > 3 && strcmp(rest + len - 3, ".gz") == 0;
	if (*is_packed)
		rest[len - 3] = '\0';
	return is_rotated_name(rest);
}

static uint64_t
in_ns(const struct timespec *ts)
{
	return (uint64_t)ts->tv_sec * 1000000000 + (uint64_t)ts->tv_nsec;
}

static void
add(struct rollup_set *set, int dir, const char *dir_name, const char *name,
    bool is_packed, bool is_current)
{
	struct rollup_found *f;
	struct stat st;

	if (fstatat(dir, name, &st, 0) == -1 || !S_ISREG(st.st_mode))
		return;
	set->items = reallocarray(set->items, set->count + 1,
	    sizeof(*set->items));
	if (set->items == NULL)
		err(1, NULL);
	f = &set->items[set->count++];
	*f = (struct rollup_found){ .known = SIZE_MAX, .is_packed = is_packed,
	    .now = { .dev = st.st_dev, .ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_ns = in_ns(&st.st_mtim), .is_current = is_current } };
	f->order_us = f->now.mtime_ns / 1000;
	if (asprintf(&f->path, "%s/%s", dir_name, name) == -1)
		err(1, NULL);
}

static void
list(struct rollup_set *set, const char *dir_name, const char *base,
    bool is_old)
{
	DIR *dir = opendir(dir_name);
	struct dirent *entry;
	bool is_packed;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (is_of_log(entry->d_name, base, &is_packed))
			add(set, dirfd(dir), dir_name, entry->d_name,
			    is_packed, !is_old &&
			    strcmp(entry->d_name, base) == 0);
	closedir(dir);
}

/* ---- the order, and copies ------------------------------------------- */

static int
by_order(const void *a, const void *b)
{
	const struct rollup_found *fa = a, *fb = b;

	if (fa->now.is_current != fb->now.is_current)
		return fa->now.is_current ? 1 : -1;
	return (fa->order_us > fb->order_us) - (fa->order_us < fb->order_us);
}

static void
sort(struct rollup_set *set)
{
	if (set->count > 1)
		qsort(set->items, set->count, sizeof(*set->items), by_order);
}

/* Keep what keep says. */
static void
sift(struct rollup_set *set, const bool *drop)
{
	size_t i, kept = 0;

	for (i = 0; i < set->count; i++) {
		if (drop[i])
			free(set->items[i].path);
		else
			set->items[kept++] = set->items[i];
	}
	set->count = kept;
}

void
rollup_find(const struct rollup_state *s, const char *log, bool is_old,
    struct rollup_set *set)
{
	const char *slash = strrchr(log, '/');
	const char *base = slash == NULL ? log : slash + 1;
	size_t first = set->count, i;
	char dir[PATH_MAX] = ".";

	if (slash == log)
		strcpy(dir, "/");
	else if (slash != NULL)
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - log), log);
	list(set, dir, base, is_old);
	for (i = first; i < set->count; i++)
		recognize(s, &set->items[i]);
}

/*
 * Of two files with the same content one is being made out of the other, by
 * gzip or cp, or by a link: better is the one that we know, then the one
 * that need not be unpacked, then the longer one.
 */
static bool
is_better(const struct rollup_state *s, const struct rollup_found *a,
    const struct rollup_found *b)
{
	const struct rollup_file *was = a->known == SIZE_MAX ? NULL :
	    &s->files[a->known];
	bool a_same = was != NULL && was->dev == a->now.dev &&
	    was->ino == a->now.ino;
	bool b_same = was != NULL && was->dev == b->now.dev &&
	    was->ino == b->now.ino;

	if (a_same != b_same)
		return a_same;
	if (a->is_packed != b->is_packed)
		return b->is_packed;
	return a->now.size >= b->now.size;
}

static bool
is_copy(const struct rollup_found *a, const struct rollup_found *b)
{
	return (a->now.print != 0 && a->now.print == b->now.print) ||
	    (a->now.dev == b->now.dev && a->now.ino == b->now.ino);
}

void
rollup_settle(const struct rollup_state *s, struct rollup_set *set)
{
	bool *drop = calloc(set->count + 1, sizeof(*drop));
	size_t i, k;

	if (drop == NULL)
		err(1, NULL);
	sort(set);
	for (i = 0; i + ROLLUP_FOUND_MAX < set->count; i++)
		drop[i] = true;
	for (; i < set->count; i++) {
		for (k = i + 1; k < set->count && !drop[i]; k++) {
			if (drop[k] || !is_copy(&set->items[i], &set->items[k]))
				continue;
			if (is_better(s, &set->items[i], &set->items[k]))
				drop[k] = true;
			else
				drop[i] = true;
		}
	}
	sift(set, drop);
	free(drop);
}

void
rollup_set_free(struct rollup_set *set)
{
	size_t i;

	for (i = 0; i < set->count; i++)
		free(set->items[i].path);
	free(set->items);
	*set = (struct rollup_set){ .items = NULL };
}
