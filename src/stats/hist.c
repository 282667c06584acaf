#include "stats/hist.h"

/* How often a value must be halved to lie below 2 * HIST_SUB. */
static unsigned
shift_of(uint64_t value)
{
	unsigned zeroes = value < 2 * HIST_SUB ? 56 :
	    (unsigned)__builtin_clzll(value);

	return 56 - zeroes;
}

void
hist_add(struct hist *h, uint64_t value)
{
	unsigned shift = shift_of(value);

	h->buckets[shift * HIST_SUB + (value >> shift)]++;
	h->count++;
	if (value > h->max)
		h->max = value;
}

/* The largest value that falls into the bucket. */
static uint64_t
bucket_end(unsigned bucket)
{
	unsigned shift;

	if (bucket < 2 * HIST_SUB)
		return bucket;
	shift = bucket / HIST_SUB - 1;
	return (((uint64_t)bucket - shift * HIST_SUB + 1) << shift) - 1;
}

uint64_t
hist_quantile(const struct hist *h, unsigned permille)
{
	uint64_t rank, below = 0;
	unsigned i;

	rank = h->count / 1000 * permille +
	    (h->count % 1000 * permille + 999) / 1000;
	if (rank == 0)
		rank = 1;
	for (i = 0; i < HIST_BUCKETS; i++) {
		below += h->buckets[i];
		if (below >= rank)
			return bucket_end(i) < h->max ? bucket_end(i) : h->max;
	}
	return 0;
}
