#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "stats/keyed.h"

#define FIRST_SIZE	64

/* The value comes first in data, then the name. */
struct keyed_entry {
	uint64_t hash;
	size_t len;
	uint64_t data[];
};

void
keyed_init(struct keyed *k, size_t value_size, size_t max)
{
	*k = (struct keyed){
		.value_size = (value_size + 7) / 8 * 8, .max = max
	};
	/* Without a seed it only is slower on names made to collide. */
	if (getrandom(&k->seed, sizeof(k->seed), GRND_NONBLOCK) == -1)
		k->seed = (uintptr_t)k;
}

static uint64_t
hash_of(const struct keyed *k, const uint8_t *name, size_t len)
{
	uint64_t word, hash = k->seed ^ len;
	size_t n;

	for (; len != 0; name += n, len -= n) {
		n = len < sizeof(word) ? len : sizeof(word);
		word = 0;
		memcpy(&word, name, n);
		hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
		hash ^= (hash >> 32) + k->seed;
	}
	return hash ^ hash >> 29;
}

static uint8_t *
name_of(const struct keyed *k, struct keyed_entry *e)
{
	return (uint8_t *)e->data + k->value_size;
}

static size_t
find(const struct keyed *k, uint64_t hash, const void *name, size_t len)
{
	struct keyed_entry *e;
	size_t i = (size_t)hash & (k->size - 1);

	for (; (e = k->slots[i]) != NULL; i = (i + 1) & (k->size - 1))
		if (e->hash == hash && e->len == len &&
		    (len == 0 || memcmp(name_of(k, e), name, len) == 0))
			break;
	return i;
}

static void
grow(struct keyed *k)
{
	struct keyed larger = *k;
	size_t i, to;

	larger.size = k->size == 0 ? FIRST_SIZE : k->size * 2;
	larger.slots = calloc(larger.size, sizeof(struct keyed_entry *));
	if (larger.slots == NULL)
		err(1, NULL);
	for (i = 0; i < k->size; i++) {
		if (k->slots[i] == NULL)
			continue;
		to = (size_t)k->slots[i]->hash & (larger.size - 1);
		while (larger.slots[to] != NULL)
			to = (to + 1) & (larger.size - 1);
		larger.slots[to] = k->slots[i];
	}
	free(k->slots);
	*k = larger;
}

void *
keyed_of(struct keyed *k, const void *name, size_t len)
{
	uint64_t hash = hash_of(k, name, len);
	struct keyed_entry *e;
	size_t i;

	if (k->used >= k->size / 2)
		grow(k);
	i = find(k, hash, name, len);
	if (k->slots[i] != NULL)
		return k->slots[i]->data;
	if (k->used == k->max) {
		k->left_out++;
		return NULL;
	}
	e = calloc(1, sizeof(*e) + k->value_size + len);
	if (e == NULL)
		err(1, NULL);
	e->hash = hash;
	e->len = len;
	if (len != 0)
		memcpy(name_of(k, e), name, len);
	k->slots[i] = e;
	k->used++;
	return e->data;
}

void *
keyed_find(const struct keyed *k, const void *name, size_t len)
{
	struct keyed_entry *e;

	if (k->size == 0)
		return NULL;
	e = k->slots[find(k, hash_of(k, name, len), name, len)];
	return e == NULL ? NULL : e->data;
}

const uint8_t *
keyed_name(const struct keyed *k, const void *value, size_t *len)
{
	const uint8_t *data = value;
	size_t stored;

	memcpy(&stored, data - sizeof(struct keyed_entry) +
	    offsetof(struct keyed_entry, len), sizeof(stored));
	*len = stored;
	return data + k->value_size;
}

void *
keyed_next(const struct keyed *k, size_t *at)
{
	while (*at < k->size)
		if (k->slots[(*at)++] != NULL)
			return k->slots[*at - 1]->data;
	return NULL;
}

void **
keyed_sorted(const struct keyed *k,
    int (*order)(const void *, const void *, void *))
{
	void **all = calloc(k->used + 1, sizeof(*all));
	size_t at = 0, count = 0;
	void *value;

	if (all == NULL)
		err(1, NULL);
	while ((value = keyed_next(k, &at)) != NULL)
		all[count++] = value;
	if (count > 1)
		qsort_r(all, count, sizeof(*all), order, (void *)(uintptr_t)k);
	return all;
}

int
keyed_compare_names(const struct keyed *k, const void *a, const void *b)
{
	size_t a_len, b_len;
	const uint8_t *x = keyed_name(k, a, &a_len);
	const uint8_t *y = keyed_name(k, b, &b_len);
	int diff = memcmp(x, y, a_len < b_len ? a_len : b_len);

	return diff != 0 ? diff : (a_len > b_len) - (a_len < b_len);
}

void
keyed_free(struct keyed *k)
{
	size_t i;

	for (i = 0; i < k->size; i++)
		free(k->slots[i]);
	free(k->slots);
	*k = (struct keyed){ 0 };
}
