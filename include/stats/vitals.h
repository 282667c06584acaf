/*
 * vitals - what the last minutes of the log say about the server's health.
 */
#ifndef STATS_VITALS_H
#define STATS_VITALS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/outcome.h"
#include "stats/command.h"
#include "stats/scan.h"

struct vitals {
	struct scan_result scan;
	uint64_t requests;	/* that ended */
	uint64_t outcomes[OUTCOME_COUNT];
	uint64_t classes[OUTCOME_CLASS_COUNT];
	uint64_t bytes;		/* both ways */
	uint64_t dropped;	/* datagrams, as notices say */
	uint64_t gaps;		/* notices of missing records */
	bool is_refusing;	/* for want of a configuration */
};

/*
 * vitals_read - the window of the options, or the last 15 minutes.
 * Returns 0, or -1 when the reason was printed.
 */
int vitals_read(const struct options *o, struct vitals *v);

/* How long that window is, in microseconds. */
uint64_t vitals_window(const struct vitals *v);

#endif
