/*
 * logset - the log files of a report, one after the other, oldest first.
 */
#ifndef STATS_LOGSET_H
#define STATS_LOGSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "record/live.h"
#include "stats/logread.h"

struct logset_file {
	char *path;
	struct logread reader;
	uint64_t first_us;	/* time of the first record; 0: none known */
	uint64_t first_hash;	/* of its line */
	uint64_t size;		/* as it is stored, when it was opened */
	uint64_t begin;		/* offset where reading begins */
	bool is_skipped;	/* whole: nothing of the window is in it */
	dev_t dev;
	ino_t ino;
};

struct logset {
	struct logset_file **files;
	size_t count, current;
	bool is_rotated;	/* files may be renamed and packed under us */
	const char *bad_path;	/* what an error was about, ours */
	const char *reason;
};

/*
 * logset_default_path - the log that a running server writes.
 *
 * live       path of the live table; its header is asked first
 * fallback   the answer when there is no table
 */
void logset_default_path(const char *live, const char *fallback,
    char out[static LIVE_PATH_MAX]);

/*
 * logset_open - open the files and sort them by their first record.
 *
 * A file that is there twice is read once.  Returns 0, or -1 with bad_path
 * and reason set; logset_free() is due in both cases.
 */
int logset_open(struct logset *set, const char *const *paths, size_t count);

/*
 * logset_open_rotated - path and its rotated files, as far as they may hold
 * records since since_us, or starts of what ended then: path.1, path.2.gz,
 * path-20261122, path-20261122.gz and so on.
 *
 * Not to be there is an error only when none of them is.  Returns as
 * logset_open().
 */
int logset_open_rotated(struct logset *set, const char *path,
    uint64_t since_us);

/*
 * logset_seek - leave out what is older than since_us, as far as that can be
 * told without reading it; begin and is_skipped say how much.
 * Before the first logset_next().  Returns as logset_open().
 */
int logset_seek(struct logset *set, uint64_t since_us);

/*
 * logset_next - the next record of all files.
 *
 * Damaged compressed data is told, counts as a bad line and ends its file
 * only.
 * Returns 1 with *reader's line and raw set, 0 at the end, or -1 with
 * bad_path and reason set.
 */
int logset_next(struct logset *set, struct logread **reader);

/* Let the set tell of an error (-errno) in the file that is read; -1. */
int logset_fail(struct logset *set, int error);

/* The counts of all files together. */
struct logread_counts logset_counts(const struct logset *set);

void logset_free(struct logset *set);

#endif
