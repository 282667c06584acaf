/*
 * hist - a log-linear histogram: percentiles of any number of values in a
 * fixed space, within 1 % of the value.
 */
#ifndef STATS_HIST_H
#define STATS_HIST_H

#include <stdint.h>

#define HIST_SUB	128	/* buckets to each power of two */
#define HIST_BUCKETS	(HIST_SUB * 58)

/* All zeroes is an empty one. */
struct hist {
	uint64_t count, max;
	uint64_t buckets[HIST_BUCKETS];
};

void hist_add(struct hist *h, uint64_t value);

/*
 * hist_quantile - the least value that permille of the values don't exceed
 * (nearest rank), rounded up to its bucket's end; 0 when there is none.
 */
uint64_t hist_quantile(const struct hist *h, unsigned permille);

#endif
