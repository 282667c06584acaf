/*
 * roster - who runs now, look by look, and how fast since the last one.
 */
#ifndef STATS_ROSTER_H
#define STATS_ROSTER_H

#include <stddef.h>
#include <stdint.h>

#include "stats/filter.h"
#include "stats/livetab.h"

struct roster_row {
	uint64_t id;			/* its 16 hexadecimal digits */
	pid_t pid;
	char client[LIVE_ADDR_MAX], server[LIVE_ADDR_MAX];
	uint16_t client_port;
	enum translog_op op;
	uint8_t *file;			/* the roster's */
	size_t file_len;
	uint64_t started_us, age_us;	/* since 1970; how long ago */
	uint64_t size, bytes, rate;	/* rate: bytes a second */
	bool has_answered;
	uint64_t quiet_us;
	uint64_t retransmits, blksize, windowsize;
};

/* What was known of a transfer at a look. */
struct roster_mark {
	uint64_t id, bytes;
};

/* All zeroes is one that has not looked yet. */
struct roster {
	struct roster_row *rows;	/* oldest first */
	size_t count, room;
	uint64_t by_op[3];		/* how many, by enum translog_op */
	uint64_t rates[3];		/* likewise, together */
	uint64_t moved[3];		/* bytes since the last look */
	uint64_t looked_us;		/* monotonic; 0: never */
	/* by id, of this look and the one before */
	struct roster_mark *marks, *before;
	size_t before_count;
};

/*
 * roster_look - the transfers that run now and that the filter takes.
 *
 * A rate is since the last look, or since it began for one that is new.
 * Returns 0 or -errno; ends the program without memory.
 */
int roster_look(struct roster *r, struct livetab *t, const struct filter *f);

/* Those first that move the most bytes a second. */
void roster_sort_by_rate(struct roster *r);

/*
 * roster_bytes_of - what moved[] holds so far, of all looks, of a transfer
 * that was there at the last look or the one before; else 0.
 */
uint64_t roster_bytes_of(const struct roster *r, uint64_t id);

void roster_free(struct roster *r);

#endif
