#include "daemon/seen.h"

#define TICK_US		16384
#define COPY_TICKS	6	/* 100 ms: sooner it is a copy, no repeat */
#define OLD_TICKS	1220	/* 20 s: later it is a new request */

static uint32_t
ticks(uint64_t now_us)
{
	uint32_t now = (uint32_t)(now_us / TICK_US);

	return now == 0 ? 1 : now;
}

/* Below 0: now is the time of a request that came before it. */
static int32_t
age(const struct seen_mark *mark, uint32_t now)
{
	return (int32_t)(now - mark->when);
}

/* Requests differ in few bytes. */
static uint64_t
mix(uint64_t hash)
{
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdULL;
	return hash ^ hash >> 33;
}

static unsigned
row_of(uint64_t mixed)
{
	return (unsigned)(mixed >> 32) % SEEN_ROWS;
}

static bool
is_it(const struct seen_mark *mark, uint64_t mixed, uint32_t now)
{
	return mark->when != 0 && mark->tag == (uint32_t)mixed &&
	    age(mark, now) < OLD_TICKS;
}

void
seen_note(struct seen *s, uint64_t hash, uint64_t now_us)
{
	uint64_t mixed = mix(hash);
	struct seen_mark *row = s->rows[row_of(mixed)], *oldest = row;
	uint32_t now = ticks(now_us);
	unsigned i;

	for (i = 0; i < SEEN_COLUMNS; i++) {
		if (is_it(&row[i], mixed, now))
			return;
		if (oldest->when != 0 && (row[i].when == 0 ||
		    age(&row[i], oldest->when) > 0))
			oldest = &row[i];
	}
	oldest->tag = (uint32_t)mixed;
	oldest->when = now;
}

bool
seen_before(const struct seen *s, uint64_t hash, uint64_t now_us)
{
	uint64_t mixed = mix(hash);
	const struct seen_mark *row = s->rows[row_of(mixed)];
	uint32_t now = ticks(now_us);
	unsigned i;

	for (i = 0; i < SEEN_COLUMNS; i++)
		if (is_it(&row[i], mixed, now))
			return age(&row[i], now) >= COPY_TICKS;
	return false;
}
