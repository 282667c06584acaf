#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "stats/tally.h"

#define FIRST_SIZE	256

void
tally_init(struct tally *t, size_t max)
{
	*t = (struct tally){ .max = max };
	/* Without a seed it only is slower on names made to collide. */
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) == -1)
		t->seed = (uintptr_t)t;
}

static uint64_t
hash_of(const struct tally *t, const uint8_t *name, size_t len)
{
	uint64_t word, hash = t->seed ^ len;

	while (len != 0) {
		size_t n = len < sizeof(word) ? len : sizeof(word);

		word = 0;
		memcpy(&word, name, n);
		hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
		hash ^= (hash >> 32) + t->seed;
		name += n;
		len -= n;
	}
	return hash ^ hash >> 29;
}

static size_t
find(const struct tally *t, uint64_t hash, const uint8_t *name, size_t len)
{
	const struct tally_entry *e;
	size_t i = (size_t)hash & (t->size - 1);

	for (; (e = t->slots[i]) != NULL; i = (i + 1) & (t->size - 1))
		if (e->hash == hash && e->len == len &&
		    memcmp(e->name, name, len) == 0)
			break;
	return i;
}

static void
grow(struct tally *t)
{
	struct tally larger = *t;
	struct tally_entry *e;
	size_t i;

	larger.size = t->size == 0 ? FIRST_SIZE : t->size * 2;
	larger.slots = calloc(larger.size, sizeof(struct tally_entry *));
	if (larger.slots == NULL)
		err(1, NULL);
	for (i = 0; i < t->size; i++) {
		e = t->slots[i];
		if (e != NULL)
			larger.slots[find(&larger, e->hash, e->name,
			    e->len)] = e;
	}
	free(t->slots);
	*t = larger;
}

static struct tally_entry *
new_entry(uint64_t hash, const uint8_t *name, size_t len)
{
	struct tally_entry *e = calloc(1, sizeof(*e) + len);

	if (e == NULL)
		err(1, NULL);
	e->hash = hash;
	e->len = len;
	memcpy(e->name, name, len);
	return e;
}

struct tally_counts *
tally_of(struct tally *t, const uint8_t *name, size_t len)
{
	uint64_t hash = hash_of(t, name, len);
	size_t i;

	if (t->used >= t->size / 2)
		grow(t);
	i = find(t, hash, name, len);
	if (t->slots[i] == NULL) {
		if (t->used == t->max || len > TALLY_BYTES_MAX - t->bytes)
			return &t->rest;
		t->slots[i] = new_entry(hash, name, len);
		t->used++;
		t->bytes += len;
	}
	return &t->slots[i]->counts;
}

size_t
tally_top(const struct tally *t, int (*order)(const void *, const void *),
    struct tally_entry **out, size_t top)
{
	struct tally_entry **all;
	size_t i, count = 0;

	all = calloc(t->used + 1, sizeof(*all));
	if (all == NULL)
		err(1, NULL);
	for (i = 0; i < t->size; i++)
		if (t->slots[i] != NULL)
			all[count++] = t->slots[i];
	qsort(all, count, sizeof(*all), order);
	if (count > top)
		count = top;
	memcpy(out, all, count * sizeof(*out));
	free(all);
	return count;
}

static int
larger_first(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

/* The last resort, so that a report does not change from run to run. */
static int
by_name(const struct tally_entry *a, const struct tally_entry *b)
{
	int diff = memcmp(a->name, b->name, a->len < b->len ? a->len : b->len);

	return diff != 0 ? diff : (a->len > b->len) - (a->len < b->len);
}

int
tally_by_requests(const void *a, const void *b)
{
	const struct tally_entry *x = *(struct tally_entry *const *)a;
	const struct tally_entry *y = *(struct tally_entry *const *)b;
	int diff = larger_first(x->counts.requests, y->counts.requests);

	if (diff == 0)
		diff = larger_first(x->counts.bytes, y->counts.bytes);
	return diff != 0 ? diff : by_name(x, y);
}

int
tally_by_failures(const void *a, const void *b)
{
	const struct tally_entry *x = *(struct tally_entry *const *)a;
	const struct tally_entry *y = *(struct tally_entry *const *)b;
	int diff = larger_first(x->counts.classes[OUTCOME_CLASS_FAILURE],
	    y->counts.classes[OUTCOME_CLASS_FAILURE]);

	if (diff == 0)
		diff = larger_first(x->counts.classes[OUTCOME_CLASS_REFUSED],
		    y->counts.classes[OUTCOME_CLASS_REFUSED]);
	return diff != 0 ? diff : tally_by_requests(a, b);
}

void
tally_free(struct tally *t)
{
	size_t i;

	for (i = 0; i < t->size; i++)
		free(t->slots[i]);
	free(t->slots);
	*t = (struct tally){ 0 };
}
