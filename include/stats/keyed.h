/*
 * keyed - values of any kind by name, for a bounded number of names.
 *
 * Strangers choose the names, so the hash is keyed and the number of names
 * has a limit; who comes after it is turned away and counted.
 */
#ifndef STATS_KEYED_H
#define STATS_KEYED_H

#include <stddef.h>
#include <stdint.h>

struct keyed_entry;

struct keyed {
	struct keyed_entry **slots;	/* NULL: free */
	size_t size, used;		/* slots, a power of two */
	size_t max;			/* names */
	size_t value_size;		/* bytes */
	uint64_t seed;
	uint64_t left_out;		/* calls that found no room */
};

/* Empty; no more than max names, each with value_size bytes. */
void keyed_init(struct keyed *k, size_t value_size, size_t max);

/*
 * keyed_of - the value of name[0..len), all zeroes when it is new; it stays
 * where it is until keyed_free().  NULL when there is no room for it.
 * Ends the program without memory.
 */
void *keyed_of(struct keyed *k, const void *name, size_t len);

/* The same, or NULL when there is none. */
void *keyed_find(const struct keyed *k, const void *name, size_t len);

/* The name that a value belongs to; the keyed's. */
const uint8_t *keyed_name(const struct keyed *k, const void *value,
    size_t *len);

/*
 * keyed_next - the values in any order.
 * at         0 before the first; is moved on.  Returns NULL at the end.
 */
void *keyed_next(const struct keyed *k, size_t *at);

/*
 * keyed_sorted - all values as an array of pointers; the caller frees it.
 * order      as of qsort_r(3), on two pointers to a value's pointer; its
 *            third argument is k, for keyed_name()
 */
void **keyed_sorted(const struct keyed *k,
    int (*order)(const void *, const void *, void *));

/* By name, bytes compared: the last resort of any order. */
int keyed_compare_names(const struct keyed *k, const void *a, const void *b);

void keyed_free(struct keyed *k);

#endif
