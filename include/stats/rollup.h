/*
 * rollup - counters that never fall: what the log said up to an offset, kept
 * in a file, carried forward by what is new.
 *
 * It follows the log through renaming, compression, truncation and loss: a
 * file is known by its first line, whatever it is called.  Two copies of the
 * state are kept, each with a checksum.  Any number of processes may carry
 * it forward at once (a lock); who may not write there carries it forward in
 * memory.
 */
#ifndef STATS_ROLLUP_H
#define STATS_ROLLUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/outcome.h"
#include "record/translog.h"

#define ROLLUP_OPS	(TRANSLOG_WRITE + 1)	/* by enum translog_op */
#define ROLLUP_BUCKETS	12

/* Upper bounds of the histograms' buckets; the last one has none. */
extern const uint64_t rollup_duration_us[ROLLUP_BUCKETS - 1];
extern const uint64_t rollup_size_bytes[ROLLUP_BUCKETS - 1];
extern const uint64_t rollup_reply_us[ROLLUP_BUCKETS - 1];

/* Not cumulative: each value in one bucket. */
struct rollup_hist {
	uint64_t buckets[ROLLUP_BUCKETS];
	uint64_t sum;
};

/*
 * Arrays by op: TRANSLOG_NO_OP is for requests that were refused before
 * anybody knew what they want.  Sums stop at UINT64_MAX.
 */
struct rollup_counters {
	uint64_t outcomes[ROLLUP_OPS][OUTCOME_COUNT];
	uint64_t bytes[ROLLUP_OPS];
	uint64_t packets_sent[ROLLUP_OPS], packets_received[ROLLUP_OPS];
	uint64_t retransmits[ROLLUP_OPS], timeouts[ROLLUP_OPS];
	uint64_t duplicates[ROLLUP_OPS];
	struct rollup_hist duration[ROLLUP_OPS];	/* us, of successes */
	struct rollup_hist size[ROLLUP_OPS];		/* bytes, the same */
	struct rollup_hist first_reply[ROLLUP_OPS];	/* us, of all */
	uint64_t last_us[OUTCOME_CLASS_COUNT];	/* ts of the latest */
	uint64_t starts;			/* accepted transfers */
	uint64_t requests, repeats, ignored, dropped;	/* of notices */
	uint64_t lines, bad_lines;	/* bad: torn and newer ones, too */
	uint64_t gaps;		/* times that a part of the log was lost */
	uint64_t rebuilds;	/* times that the state was lost */
	uint64_t since_us;	/* when counting began */
};

struct rollup_report {
	struct rollup_counters counters;
	uint64_t open;		/* transfers that began and did not end */
	uint64_t log_bytes;	/* size of the current log */
	uint64_t read_bytes;	/* that this call had to look at */
	bool is_saved;		/* or needed no saving */
	char note[256];		/* why it was not saved, or rebuilt; or "" */
};

/*
 * rollup_carry - the counters as of now.
 *
 * state      path of the file, made if its directory may be written; NULL,
 *            or a path of something else: count all files that are there and
 *            keep nothing
 * log        path of the current log; its rotated files stand beside it
 * anew       forget the state and count all files that are there
 * Returns 0, or -errno when no log could be read (the report then has what
 * the state knows).
 */
int rollup_carry(const char *state, const char *log, bool anew,
    struct rollup_report *report);

/*
 * A state in the memory of who asks again and again, and may read the file
 * but not write it.
 *
 * rollup_new - a copy of the file's state, or an empty one.
 * state      path; may be NULL
 * Ends the program without memory; rollup_free() is due.
 */
struct rollup_state;
struct rollup_state *rollup_new(const char *state);

/* As rollup_carry(); the report never says that it was saved. */
int rollup_carry_on(struct rollup_state *s, const char *log,
    struct rollup_report *report);

void rollup_free(struct rollup_state *s);

/*
 * rollup_plant - a first state for who has none: a copy of another one.
 * Where there is one already, or nothing to copy, nothing is done.
 */
void rollup_plant(const char *state, const char *from);

/* The log that the state was carried forward with; false: there is none. */
bool rollup_get_log(const char *state, char out[static PATH_MAX]);

#endif
