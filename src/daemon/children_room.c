/*
 * Who has spoken, and who goes when there is no room.  Most places can be held
 * by transfers to addresses that were forged: nobody there answers.
 */
#include <string.h>

#include "children_parts.h"
#include "os/clock.h"

#define SILENT_LONG	(2 * US_PER_S)	/* such a transfer makes room ... */
#define SILENT_SHORT	(300 * 1000)	/* ... or, if urgent, such a one */
#define SILENT_LEAST	8	/* of one address */
#define SILENT_SHARE	4	/* of all places one address may hold so */
#define LOOK_SPAN	5000	/* between two looks at who has spoken */
#define LEAVE_SPAN	(250 * 1000)	/* who was told to go is gone then */

/* ---- who has spoken --------------------------------------------------- */

bool
children_same_host(const union netio_addr *a, const union netio_addr *b)
{
	uint8_t left[16], right[16];
	size_t len = netio_bytes(a, left);

	return netio_bytes(b, right) == len && memcmp(left, right, len) == 0;
}

uint32_t
children_host_of(const struct children *c, const union netio_addr *peer)
{
	uint64_t hash = c->id_seed;
	uint8_t bytes[16];
	size_t len = netio_bytes(peer, bytes), i;

	for (i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
	return (uint32_t)(hash >> 32) | 1;
}

/* With a secret nobody can drive out another one's mark on purpose. */
uint64_t
children_mark_of(const struct children *c, uint64_t whole_hash)
{
	return whole_hash ^ c->id_seed;
}

/* The table's pages are far apart: not for each request. */
static void
look_who_spoke(struct children *c, uint64_t now_us)
{
	struct live_slot *slot;
	uint32_t i;

	if (now_us - c->looked_us < LOOK_SPAN)
		return;
	c->looked_us = now_us;
	c->unproven = 0;
	for (i = 0; i < c->service->slots; i++) {
		if (c->hosts[i] == 0)
			continue;
		slot = slot_at(c, i);
		if (c->pids[i] == 0 || atomic_load(&slot->heard_us) != 0 ||
		    atomic_load(&slot->state) == LIVE_ENDED)
			c->hosts[i] = 0;
		else
			c->unproven++;
	}
}

bool
children_are_silent(struct children *c, uint64_t now_us)
{
	look_who_spoke(c, now_us);
	return c->unproven > c->service->conf->max_transfers / 2;
}

static unsigned
count_unproven(const struct children *c, uint32_t host)
{
	unsigned count = 0;
	uint32_t i;

	for (i = 0; i < c->service->slots; i++)
		count += c->hosts[i] == host && c->pids[i] != 0;
	return count;
}

bool
children_is_host_full(struct children *c, const union netio_addr *peer)
{
	uint32_t host = children_host_of(c, peer);
	unsigned most = c->service->conf->max_transfers / SILENT_SHARE;

	if (most < SILENT_LEAST)
		most = SILENT_LEAST;
	if (count_unproven(c, host) < most)
		return false;
	look_who_spoke(c, clock_mono_us());
	return count_unproven(c, host) >= most;
}

/* ---- who goes --------------------------------------------------------- */

void
children_tell_to_go(struct children *c, uint32_t slot,
    enum transfer_word word)
{
	c->list[slot].was_told_to_go = true;
	c->list[slot].told_us = clock_mono_us();
	transfer_tell(c->pids[slot], word);
}

static bool
is_of(const struct children *c, uint32_t index,
    const union netio_addr *client)
{
	return client == NULL ||
	    children_same_host(&c->list[index].peer, client);
}

static bool
may_be_told(const struct children *c, uint32_t index,
    const union netio_addr *client)
{
	return c->pids[index] != 0 && !c->list[index].was_told_to_go &&
	    is_of(c, index, client);
}

/* An upload that is stored, and only there to repeat its last ACK. */
static bool
is_dallying(struct children *c, uint32_t index)
{
	return atomic_load(&slot_at(c, index)->state) == LIVE_ENDED;
}

static bool
is_silent(struct children *c, uint32_t index, uint64_t since_us)
{
	return c->list[index].started_us <= since_us &&
	    atomic_load(&slot_at(c, index)->heard_us) == 0;
}

/* One that hangs in a file system does not go, and is not counted on. */
static bool
is_leaving(const struct children *c, uint32_t index, uint64_t now_us)
{
	const struct child *kid = &c->list[index];

	return c->pids[index] != 0 && kid->was_told_to_go &&
	    now_us - kid->told_us < LEAVE_SPAN;
}

static unsigned
count_leaving(const struct children *c, uint64_t now_us,
    const union netio_addr *client)
{
	unsigned count = 0;
	uint32_t i;

	for (i = 0; i < c->service->slots; i++)
		count += is_leaving(c, i, now_us) && is_of(c, i, client);
	return count;
}

void
children_make_room(struct children *c, unsigned wanted, unsigned urgent,
    uint64_t now_us, const union netio_addr *client)
{
	uint32_t slots = c->service->slots, i, at;
	unsigned leaving = count_leaving(c, now_us, client);

	for (i = 0; i < slots && leaving < wanted; i++)
		if (may_be_told(c, i, client) && is_dallying(c, i)) {
			children_tell_to_go(c, i, TRANSFER_SHUTDOWN);
			leaving++;
		}
	/* places are given in turn: after the last one comes the oldest */
	for (i = 0; i < slots && leaving < wanted; i++) {
		at = (c->next_slot + i) % slots;
		if (may_be_told(c, at, client) && is_silent(c, at, now_us -
		    (leaving < urgent ? SILENT_SHORT : SILENT_LONG))) {
			children_tell_to_go(c, at, TRANSFER_MAKE_ROOM);
			leaving++;
		}
	}
}
