/*
 * tail - a log as it grows, by its path.
 *
 * Rotation renames it, and a transfer that began before writes its end to
 * the old file: so a few old ones are read on beside the new one.
 */
#ifndef STATS_TAIL_H
#define STATS_TAIL_H

#include <stdbool.h>

#include "stats/logread.h"

#define TAIL_GENERATIONS	4

/* What stands there now, then what stood there before. */
struct tail {
	const char *path;	/* the caller's */
	struct logread files[TAIL_GENERATIONS];	/* buf NULL: none */
	bool is_missing;	/* nothing has stood there yet */
};

/* What is done with a record; not 0: the look ends, and returns that. */
typedef int tail_taker(void *arg, const struct logread *reader);

/*
 * tail_open - the file that is there, if there is one.
 *
 * at_end     what stands in it already is passed over
 * Returns 0 or -errno; tail_close() is due in both cases.
 */
int tail_open(struct tail *t, const char *path, bool at_end);

/* The records that are new; 0, -errno or what the taker returned. */
int tail_look(struct tail *t, tail_taker *take, void *arg);

/* t may be all zeroes. */
void tail_close(struct tail *t);

/*
 * Ids that ended lately, each in the one place that it hashes to: a ledger of
 * all would grow for as long as we run.
 */
#define TAIL_IDS	65536

/* Whether an end is the first of its id; ids begins as zeroes. */
bool tail_is_first_end(uint64_t ids[static TAIL_IDS],
    const struct translog_record *rec);

#endif
