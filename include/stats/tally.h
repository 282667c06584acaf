/*
 * tally - counters by name: files, clients.
 *
 * Strangers choose the names, so the hash is keyed and the number of names
 * and their length have a limit; what comes after it is counted together as
 * the rest.
 */
#ifndef STATS_TALLY_H
#define STATS_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "core/outcome.h"

#define TALLY_MAX	((size_t)1 << 17)
#define TALLY_BYTES_MAX	((size_t)16 << 20)	/* of all names */

struct tally_counts {
	uint64_t requests, bytes;
	uint64_t classes[OUTCOME_CLASS_COUNT];
};

struct tally_entry {
	struct tally_counts counts;
	uint64_t hash;
	size_t len;
	uint8_t name[];
};

struct tally {
	struct tally_entry **slots;	/* NULL: free */
	size_t size, used;		/* slots, a power of two */
	size_t max, bytes;		/* names; of those that are there */
	uint64_t seed;
	struct tally_counts rest;
};

/* Empty; no more than max names. */
void tally_init(struct tally *t, size_t max);

/* The counters of name[0..len), zero when new; the rest's when it is full. */
struct tally_counts *tally_of(struct tally *t, const uint8_t *name,
    size_t len);

/*
 * tally_top - the first entries by an order.
 *
 * order      as of qsort(3), on two struct tally_entry **
 * out        room for top pointers, which stay the tally's
 * Returns how many there are, at most top.
 */
size_t tally_top(const struct tally *t,
    int (*order)(const void *, const void *), struct tally_entry **out,
    size_t top);

/* Orders: most requests first; most failures first, then most refused. */
int tally_by_requests(const void *a, const void *b);
int tally_by_failures(const void *a, const void *b);

void tally_free(struct tally *t);

#endif
