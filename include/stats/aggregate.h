/*
 * aggregate - the ends of a window, added up.
 */
#ifndef STATS_AGGREGATE_H
#define STATS_AGGREGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/translog.h"
#include "stats/calendar.h"
#include "stats/hints.h"
#include "stats/hist.h"
#include "stats/logread.h"
#include "stats/problems.h"
#include "stats/tally.h"

/* Steps of the histograms; a value belongs to the first bound above it, or
 * to the last step, which has none. */
#define AGGREGATE_STEPS		8
extern const uint64_t aggregate_duration_us[AGGREGATE_STEPS - 1];
extern const uint64_t aggregate_size_bytes[AGGREGATE_STEPS - 1];

/* A smaller file's rate tells about its first packets only. */
#define AGGREGATE_RATE_MIN	UINT64_C(1000000)	/* bytes */

/*
 * The time in which any transfer ran: spans that don't touch, in their
 * order.  A transfer that ends can begin before many of them, so that the
 * last ones are kept.
 */
#define AGGREGATE_SPANS		16384
struct aggregate_busy {
	uint64_t done_us;	/* of spans that were dropped */
	uint64_t first_us;	/* when the first of all began */
	size_t count;
	struct aggregate_span {
		uint64_t start_us, end_us;
	} spans[AGGREGATE_SPANS];
};

/* What the live table says; all zeroes: nothing. */
struct aggregate_now {
	bool is_known;
	uint64_t active, reads, writes;
};

struct aggregate {
	uint64_t since_us, until_us;	/* what the report says it is about */
	uint64_t requests;		/* that ended */
	uint64_t reads, writes;		/* of these; some are neither */
	uint64_t open;			/* that began and did not end */
	uint64_t outcomes[OUTCOME_COUNT];
	uint64_t classes[OUTCOME_CLASS_COUNT];
	uint64_t bytes_sent, bytes_received;	/* of files */
	uint64_t packets_sent, retransmits;	/* packets */
	uint64_t retransmitted;		/* requests that had any */
	struct hist duration_us;	/* of those that succeeded */
	struct hist first_reply_us;	/* of all that have it */
	struct hist rate;		/* bytes a second, of successful ones
					 * of AGGREGATE_RATE_MIN and more */
	uint64_t durations[AGGREGATE_STEPS];	/* of those that succeeded */
	uint64_t sizes[AGGREGATE_STEPS];	/* the same */
	struct aggregate_busy busy;
	struct tally files, clients;
	uint64_t log_files, log_bytes, read_bytes;	/* as of scan.h */
	struct logread_counts lines;
	/* added up by the summary; NULL: its report has no such part */
	const struct calendar *calendar;
	const struct problems *problems;
	const struct hints *hints;
	struct aggregate_now now;
};

/*
 * aggregate_new - nothing added up; it is large, so it is allocated.
 * aggregate_free() is the caller's duty.  Ends the program without memory.
 */
struct aggregate *aggregate_new(void);
void aggregate_free(struct aggregate *a);

/* Add an end; whether it counts was decided before. */
void aggregate_add(struct aggregate *a, const struct translog_record *rec);

/* How long any transfer ran, all together. */
uint64_t aggregate_busy_us(const struct aggregate *a);

#endif
