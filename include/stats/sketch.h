/*
 * sketch - percentiles in a small space: one for each client.
 *
 * As hist, but only buckets that are not empty are kept, SKETCH_MAX at most;
 * when there are more, each two become one.  So values are within 1 %, or
 * 2 %, 4 % ... where very different ones were seen.
 */
#ifndef STATS_SKETCH_H
#define STATS_SKETCH_H

#include <stdint.h>

#define SKETCH_MAX	128

struct sketch_bucket {
	uint16_t index;
	uint32_t count;
};

/* All zeroes is an empty one. */
struct sketch {
	struct sketch_bucket *buckets;	/* by index */
	uint16_t used, room;
	unsigned coarse;		/* how often pairs became one */
	uint64_t count, max;
};

/* Ends the program without memory. */
void sketch_add(struct sketch *s, uint64_t value);

/*
 * sketch_quantile - the least value that permille of the values don't
 * exceed (nearest rank), rounded up to its bucket's end; 0 of none.
 */
uint64_t sketch_quantile(const struct sketch *s, unsigned permille);

void sketch_free(struct sketch *s);

#endif
