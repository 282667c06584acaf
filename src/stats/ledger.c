/*
 * Two hash tables of ids.  What ended leaves the first, and the second
 * forgets its oldest when it is full.
 */
#include <err.h>
#include <stdlib.h>

#include "stats/ledger.h"

#define FIRST_SIZE	1024

/* Ids are random, so no other one will ever be this. */
#define INSTEAD_OF_0	UINT64_C(0x6c8e9cf570932bd5)

struct ledger_set {
	uint64_t *ids;		/* 0: free */
	bool *wanted;		/* opened: of each slot, or NULL */
	size_t size, used;	/* slots, a power of two */
	uint64_t *ring;		/* ended: the ids in their order, or NULL */
	size_t next;		/* of ring, where the oldest gives way */
};

static size_t
home_of(const struct ledger_set *set, uint64_t id)
{
	uint64_t hash = (id ^ id >> 32) * UINT64_C(0xbf58476d1ce4e5b9);

	return (size_t)(hash ^ hash >> 31) & (set->size - 1);
}

/* The slot of the id, or the free one where it belongs. */
static size_t
find(const struct ledger_set *set, uint64_t id)
{
	size_t i = home_of(set, id);

	while (set->ids[i] != 0 && set->ids[i] != id)
		i = (i + 1) & (set->size - 1);
	return i;
}

static void *
allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (memory == NULL)
		err(1, NULL);
	return memory;
}

static void
resize(struct ledger_set *set, size_t size)
{
	const struct ledger_set old = *set;
	size_t i, to;

	set->size = size;
	set->ids = allocate(size, sizeof(*set->ids));
	if (old.wanted != NULL)
		set->wanted = allocate(size, sizeof(*set->wanted));
	for (i = 0; i < old.size; i++) {
		if (old.ids[i] == 0)
			continue;
		to = find(set, old.ids[i]);
		set->ids[to] = old.ids[i];
		if (old.wanted != NULL)
			set->wanted[to] = old.wanted[i];
	}
	free(old.ids);
	free(old.wanted);
}

static struct ledger_set *
new_set(void)
{
	struct ledger_set *set = allocate(1, sizeof(*set));

	resize(set, FIRST_SIZE);
	return set;
}

static bool
has(const struct ledger_set *set, uint64_t id)
{
	return set != NULL && set->ids[find(set, id)] != 0;
}

/* Enter an id that is not there; returns its slot. */
static size_t
put(struct ledger_set *set, uint64_t id)
{
	size_t i;

	if (set->used >= set->size / 2)
		resize(set, set->size * 2);
	i = find(set, id);
	set->ids[i] = id;
	set->used++;
	return i;
}

/* Free the slot; what stands behind it moves up, so no search breaks off. */
static void
take_out(struct ledger_set *set, size_t hole)
{
	const size_t mask = set->size - 1;
	size_t i, home;

	for (i = (hole + 1) & mask; set->ids[i] != 0; i = (i + 1) & mask) {
		home = home_of(set, set->ids[i]);
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		set->ids[hole] = set->ids[i];
		if (set->wanted != NULL)
			set->wanted[hole] = set->wanted[i];
		hole = i;
	}
	set->ids[hole] = 0;
	set->used--;
}

/* Keep the id as one that ended; the oldest is forgotten. */
static void
remember(struct ledger *l, uint64_t id)
{
	struct ledger_set *set = l->ended;

	if (set == NULL) {
		set = l->ended = new_set();
		set->ring = allocate(LEDGER_ENDED, sizeof(*set->ring));
	}
	if (set->used == LEDGER_ENDED)
		take_out(set, find(set, set->ring[set->next]));
	put(set, id);
	set->ring[set->next] = id;
	set->next = (set->next + 1) % LEDGER_ENDED;
}

static uint64_t
key_of(uint64_t id)
{
	return id != 0 ? id : INSTEAD_OF_0;
}

void
ledger_start(struct ledger *l, uint64_t id, bool wanted)
{
	size_t slot;

	id = key_of(id);
	if (has(l->opened, id) || has(l->ended, id))
		return;
	if (l->opened == NULL) {
		l->opened = new_set();
		l->opened->wanted = allocate(l->opened->size,
		    sizeof(*l->opened->wanted));
	}
	slot = put(l->opened, id);
	l->opened->wanted[slot] = wanted;
	l->open += wanted;
}

/* Whether the id was open; it no longer is. */
static bool
close_open(struct ledger *l, uint64_t id)
{
	struct ledger_set *set = l->opened;
	size_t i;

	if (set == NULL)
		return false;
	i = find(set, id);
	if (set->ids[i] == 0)
		return false;
	l->open -= set->wanted[i];
	take_out(set, i);
	return true;
}

bool
ledger_end(struct ledger *l, uint64_t id, bool is_crashed)
{
	id = key_of(id);
	if (!close_open(l, id) && (is_crashed || has(l->ended, id)))
		return false;
	remember(l, id);
	return true;
}

bool
ledger_takes(struct ledger *l, const struct filter *f,
    const struct translog_record *rec)
{
	switch (rec->event) {
	case TRANSLOG_START:
		ledger_start(l, ledger_id(rec->id),
		    filter_takes_open(f, rec));
		return false;
	case TRANSLOG_TRANSFER:
		return ledger_end(l, ledger_id(rec->id),
		    rec->outcome == OUTCOME_CRASHED) &&
		    filter_takes_end(f, rec);
	default:
		return false;
	}
}

enum ledger_state
ledger_state_of(const struct ledger *l, uint64_t id)
{
	id = key_of(id);
	if (has(l->opened, id))
		return LEDGER_OPEN;
	return has(l->ended, id) ? LEDGER_OVER : LEDGER_UNKNOWN;
}

bool
ledger_next_open(const struct ledger *l, size_t *at, uint64_t *id)
{
	const struct ledger_set *set = l->opened;

	for (; set != NULL && *at < set->size; (*at)++) {
		if (set->ids[*at] == 0)
			continue;
		*id = set->ids[(*at)++];
		if (*id == INSTEAD_OF_0)
			*id = 0;
		return true;
	}
	return false;
}

static void
free_set(struct ledger_set *set)
{
	if (set == NULL)
		return;
	free(set->ids);
	free(set->wanted);
	free(set->ring);
	free(set);
}

void
ledger_free(struct ledger *l)
{
	free_set(l->opened);
	free_set(l->ended);
	*l = (struct ledger){ 0 };
}

uint64_t
ledger_id(const char id[static TRANSLOG_ID_LEN])
{
	uint64_t value = 0, c;
	size_t i;

	/* No branch for digits and letters: the processor can't guess it. */
	for (i = 0; i < TRANSLOG_ID_LEN; i++) {
		c = (uint8_t)id[i];
		value = value << 4 | ((c & 15) + (c >> 6) * 9);
	}
	return value;
}
