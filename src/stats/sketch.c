#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "stats/sketch.h"

#define SUB		128	/* buckets to each power of two */
#define FIRST_ROOM	4

static unsigned
index_of(uint64_t value, unsigned coarse)
{
	unsigned shift = value < 2 * SUB ? 0 :
	    56 - (unsigned)__builtin_clzll(value);

	return (shift * SUB + (unsigned)(value >> shift)) >> coarse;
}

/* The largest value that falls into the bucket. */
static uint64_t
end_of(unsigned index, unsigned coarse)
{
	unsigned last = ((index + 1) << coarse) - 1, shift;

	if (last < 2 * SUB)
		return last;
	shift = last / SUB - 1;
	/* the very last bucket ends where numbers do */
	return (((uint64_t)last - shift * SUB + 1) << shift) - 1;
}

static uint32_t
add_counts(uint32_t a, uint32_t b)
{
	return b > UINT32_MAX - a ? UINT32_MAX : a + b;
}

static void
make_coarser(struct sketch *s)
{
	unsigned i, kept = 0;

	s->coarse++;
	for (i = 0; i < s->used; i++) {
		unsigned index = s->buckets[i].index >> 1;

		if (kept != 0 && s->buckets[kept - 1].index == index)
			s->buckets[kept - 1].count = add_counts(
			    s->buckets[kept - 1].count, s->buckets[i].count);
		else
			s->buckets[kept++] = (struct sketch_bucket){
			    (uint16_t)index, s->buckets[i].count };
	}
	s->used = (uint16_t)kept;
}

/* Where the bucket stands, or belongs. */
static unsigned
find(const struct sketch *s, unsigned index)
{
	unsigned low = 0, high = s->used, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (s->buckets[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
grow(struct sketch *s)
{
	s->room = s->room == 0 ? FIRST_ROOM : (uint16_t)(s->room * 2);
	s->buckets = reallocarray(s->buckets, s->room, sizeof(*s->buckets));
	if (s->buckets == NULL)
		err(1, NULL);
}

static void
count_in(struct sketch *s, unsigned at)
{
	s->buckets[at].count = add_counts(s->buckets[at].count, 1);
}

void
sketch_add(struct sketch *s, uint64_t value)
{
	unsigned at = find(s, index_of(value, s->coarse));

	s->count++;
	if (value > s->max)
		s->max = value;
	if (at < s->used &&
	    s->buckets[at].index == index_of(value, s->coarse)) {
		count_in(s, at);
		return;
	}
	while (s->used == SKETCH_MAX) {
		make_coarser(s);
		at = find(s, index_of(value, s->coarse));
		if (at < s->used &&
		    s->buckets[at].index == index_of(value, s->coarse)) {
			count_in(s, at);
			return;
		}
	}
	if (s->used == s->room)
		grow(s);
	memmove(s->buckets + at + 1, s->buckets + at,
	    (s->used - at) * sizeof(*s->buckets));
	s->buckets[at] = (struct sketch_bucket){
	    (uint16_t)index_of(value, s->coarse), 1 };
	s->used++;
}

uint64_t
sketch_quantile(const struct sketch *s, unsigned permille)
{
	uint64_t rank, below = 0, end;
	unsigned i;

	rank = s->count / 1000 * permille +
	    (s->count % 1000 * permille + 999) / 1000;
	if (rank == 0)
		rank = 1;
	for (i = 0; i < s->used; i++) {
		below += s->buckets[i].count;
		if (below < rank && i + 1 < s->used)
			continue;
		end = end_of(s->buckets[i].index, s->coarse);
		return end < s->max ? end : s->max;
	}
	return 0;
}

void
sketch_free(struct sketch *s)
{
	free(s->buckets);
	*s = (struct sketch){ 0 };
}
