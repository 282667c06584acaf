/*
 * aggregate - the ends of a window, added up.
 */
#ifndef STATS_AGGREGATE_H
#define STATS_AGGREGATE_H

#include <stdint.h>

#include "record/translog.h"
#include "stats/hist.h"
#include "stats/logread.h"
#include "stats/tally.h"

struct aggregate {
	uint64_t since_us, until_us;	/* what the report says it is about */
	uint64_t requests;		/* that ended */
	uint64_t open;			/* that began and did not end */
	uint64_t outcomes[OUTCOME_COUNT];
	uint64_t classes[OUTCOME_CLASS_FAILURE + 1];
	uint64_t bytes_sent, bytes_received;	/* of files */
	uint64_t retransmits;		/* packets */
	uint64_t retransmitted;		/* requests that had any */
	struct hist duration_us;	/* of those that succeeded */
	struct tally files, clients;
	uint64_t log_files;
	struct logread_counts lines;
};

/*
 * aggregate_new - nothing added up; it is large, so it is allocated.
 * aggregate_free() is the caller's duty.  Ends the program without memory.
 */
struct aggregate *aggregate_new(void);
void aggregate_free(struct aggregate *a);

/* Add an end; whether it counts was decided before. */
void aggregate_add(struct aggregate *a, const struct translog_record *rec);

#endif
