#include <err.h>
#include <stdbool.h>
#include <stdlib.h>

#include "stats/idbook.h"

#define FIRST_SIZE	1024
#define ENDED_SIZE	(IDBOOK_ENDED_MAX * 2)

static void *
zeroes(size_t count, size_t size)
{
	void *array = calloc(count, size);

	if (array == NULL)
		err(1, NULL);
	return array;
}

void
idbook_init(struct idbook *b)
{
	*b = (struct idbook){ .size = FIRST_SIZE };
	b->open = zeroes(b->size, sizeof(*b->open));
	b->ended[0] = zeroes(ENDED_SIZE, sizeof(uint64_t));
	b->ended[1] = zeroes(ENDED_SIZE, sizeof(uint64_t));
}

static size_t
hash_of(uint64_t id)
{
	id = (id ^ id >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	id = (id ^ id >> 27) * UINT64_C(0x94d049bb133111eb);
	return (size_t)(id ^ id >> 31);
}

/* The slot of the id, or the free one where it belongs. */
static size_t
find(const struct idbook *b, uint64_t id)
{
	size_t i = hash_of(id) & (b->size - 1);

	while (b->open[i].line != 0 && b->open[i].id != id)
		i = (i + 1) & (b->size - 1);
	return i;
}

static void
grow(struct idbook *b)
{
	struct idbook_start *old = b->open;
	size_t i, old_size = b->size;

	b->size *= 2;
	b->open = zeroes(b->size, sizeof(*b->open));
	for (i = 0; i < old_size; i++)
		if (old[i].line != 0)
			b->open[find(b, old[i].id)] = old[i];
	free(old);
}

/* Close the gap: what was pushed on by the one that goes moves back. */
static void
take_out(struct idbook *b, size_t i)
{
	size_t mask = b->size - 1, next = i, home;

	b->used--;
	for (;;) {
		b->open[i].line = 0;
		do {
			next = (next + 1) & mask;
			if (b->open[next].line == 0)
				return;
			home = hash_of(b->open[next].id) & mask;
		} while (((next - home) & mask) < ((next - i) & mask));
		b->open[i] = b->open[next];
		i = next;
	}
}

/* 0 stands for a free slot; the id 0 borrows another number. */
static uint64_t
key_of(uint64_t id)
{
	return id == 0 ? UINT64_C(0x9e3779b97f4a7c15) : id;
}

static size_t
find_ended(const uint64_t *set, uint64_t key)
{
	size_t i = hash_of(key) & (ENDED_SIZE - 1);

	while (set[i] != 0 && set[i] != key)
		i = (i + 1) & (ENDED_SIZE - 1);
	return i;
}

static bool
has_ended(const struct idbook *b, uint64_t id)
{
	uint64_t key = key_of(id);

	return b->ended[0][find_ended(b->ended[0], key)] != 0 ||
	    b->ended[1][find_ended(b->ended[1], key)] != 0;
}

static void
add_ended(struct idbook *b, uint64_t id)
{
	uint64_t key = key_of(id);

	if (b->ended_used == IDBOOK_ENDED_MAX) {
		free(b->ended[1]);
		b->ended[1] = b->ended[0];
		b->ended[0] = zeroes(ENDED_SIZE, sizeof(uint64_t));
		b->ended_used = 0;
	}
	b->ended[0][find_ended(b->ended[0], key)] = key;
	b->ended_used++;
}

enum idbook_state
idbook_state(const struct idbook *b, uint64_t id)
{
	if (b->open[find(b, id)].line != 0)
		return IDBOOK_OPEN;
	return has_ended(b, id) ? IDBOOK_ENDED : IDBOOK_UNKNOWN;
}

enum idbook_state
idbook_start(struct idbook *b, const struct idbook_start *start)
{
	enum idbook_state state = idbook_state(b, start->id);

	if (state != IDBOOK_UNKNOWN)
		return state;
	if (b->used == IDBOOK_OPEN_MAX) {
		b->untold++;
		return state;
	}
	if (b->used >= b->size / 2)
		grow(b);
	b->open[find(b, start->id)] = *start;
	b->used++;
	return state;
}

enum idbook_state
idbook_end(struct idbook *b, uint64_t id)
{
	enum idbook_state state = idbook_state(b, id);

	if (state == IDBOOK_OPEN)
		take_out(b, find(b, id));
	if (state != IDBOOK_ENDED)
		add_ended(b, id);
	return state;
}

const struct idbook_start *
idbook_next(const struct idbook *b, size_t *at)
{
	while (*at < b->size)
		if (b->open[(*at)++].line != 0)
			return &b->open[*at - 1];
	return NULL;
}

void
idbook_free(struct idbook *b)
{
	free(b->open);
	free(b->ended[0]);
	free(b->ended[1]);
	*b = (struct idbook){ 0 };
}
