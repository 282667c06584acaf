#include <err.h>
#include <stdlib.h>

#include "stats/ledger.h"

#define FIRST_SIZE	1024

enum { SLOT_FREE, SLOT_OPEN, SLOT_OPEN_WANTED, SLOT_ENDED };

/* The slot of the id, or the free one where it belongs. */
static size_t
find(const struct ledger *l, uint64_t id)
{
	uint64_t hash = id;
	size_t i;

	hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
	i = (size_t)(hash ^ hash >> 31) & (l->size - 1);
	while (l->states[i] != SLOT_FREE && l->ids[i] != id)
		i = (i + 1) & (l->size - 1);
	return i;
}

static void
grow(struct ledger *l)
{
	const struct ledger old = *l;
	size_t i, to;

	l->size = old.size == 0 ? FIRST_SIZE : old.size * 2;
	l->ids = calloc(l->size, sizeof(*l->ids));
	l->states = calloc(l->size, sizeof(*l->states));
	if (l->ids == NULL || l->states == NULL)
		err(1, NULL);
	for (i = 0; i < old.size; i++) {
		if (old.states[i] == SLOT_FREE)
			continue;
		to = find(l, old.ids[i]);
		l->ids[to] = old.ids[i];
		l->states[to] = old.states[i];
	}
	free(old.ids);
	free(old.states);
}

/* The state of the id, which gets a slot when it had none. */
static uint8_t *
state_of(struct ledger *l, uint64_t id)
{
	size_t i;

	if (l->used >= l->size - l->size / 4)
		grow(l);
	i = find(l, id);
	if (l->states[i] == SLOT_FREE) {
		l->ids[i] = id;
		l->used++;
	}
	return &l->states[i];
}

void
ledger_start(struct ledger *l, uint64_t id, bool wanted)
{
	uint8_t *state = state_of(l, id);

	if (*state != SLOT_FREE)
		return;
	*state = wanted ? SLOT_OPEN_WANTED : SLOT_OPEN;
	l->open += wanted;
}

bool
ledger_end(struct ledger *l, uint64_t id, bool is_crashed)
{
	uint8_t *state;
	uint8_t was;

	if (is_crashed && (l->size == 0 ||
	    l->states[find(l, id)] == SLOT_FREE))
		return false;
	state = state_of(l, id);
	was = *state;
	*state = SLOT_ENDED;
	l->open -= was == SLOT_OPEN_WANTED;
	return was != SLOT_ENDED;
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

void
ledger_free(struct ledger *l)
{
	free(l->ids);
	free(l->states);
	*l = (struct ledger){ 0 };
}

uint64_t
ledger_id(const char id[static TRANSLOG_ID_LEN])
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < TRANSLOG_ID_LEN; i++)
		value = value << 4 | (uint64_t)(id[i] <= '9' ?
		    id[i] - '0' : id[i] - 'a' + 10);
	return value;
}
