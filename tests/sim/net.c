#include <stdlib.h>
#include <string.h>

#include "core/packet.h"
#include "world.h"

#define SOCKET		512	/* packets that wait for a client */
#define FAR		20000	/* blocks that no window can bridge */
#define STALE		30000
#define COPY_SPREAD_US	2000
#define REPLAY_MAX_US	3000000

struct datagram *
net_datagram(size_t len)
{
	struct datagram *gram = malloc(sizeof(*gram) + len);

	if (gram == NULL)
		abort();
	memset(gram, 0, sizeof(*gram));
	gram->holders = 1;
	gram->len = len;
	return gram;
}

void
net_release(struct datagram *gram)
{
	if (gram != NULL && --gram->holders == 0)
		free(gram);
}

void
net_clean(struct net *net)
{
	unsigned dir, i;

	for (dir = 0; dir < DIRECTIONS; dir++)
		for (i = 0; i < NET_HISTORY; i++)
			net_release(net->link[dir].history[i]);
}

/* ---- damage ----------------------------------------------------------- */

static struct datagram *
copy_of(const struct datagram *gram, size_t len)
{
	struct datagram *copy = net_datagram(len);

	copy->tid = gram->tid;
	copy->index = gram->index;
	copy->is_foreign = gram->is_foreign;
	memcpy(copy->buf, gram->buf, len < gram->len ? len : gram->len);
	if (len > gram->len)
		memset(copy->buf + gram->len, 0x55, len - gram->len);
	return copy;
}

/* Opcodes that neither side knows here. */
static void
spoil_opcode(struct world *w, uint8_t *buf)
{
	static const uint8_t codes[] = { 0, PACKET_RRQ, PACKET_WRQ, 7, 255 };

	buf[0] = (uint8_t)(rng_below(&w->rng, 4) == 0 ? 1 : 0);
	buf[1] = codes[rng_below(&w->rng, sizeof(codes))];
}

static void
spoil_block(struct world *w, uint8_t *buf)
{
	unsigned block = (unsigned)(buf[2] << 8 | buf[3]);

	block += (unsigned)rng_between(&w->rng, FAR, 2 * FAR);
	buf[2] = (uint8_t)(block >> 8);
	buf[3] = (uint8_t)block;
}

/* Damage that its receiver can tell from what it waits for. */
static struct datagram *
corrupted(struct world *w, const struct datagram *gram)
{
	struct datagram *bad;

	switch (gram->buf[1] == PACKET_DATA || gram->buf[1] == PACKET_ACK ?
	    rng_below(&w->rng, 4) : 0) {
	case 0:
		return copy_of(gram, rng_below(&w->rng, 4));
	case 1:
		bad = copy_of(gram, gram->len);
		spoil_opcode(w, bad->buf);
		return bad;
	case 2:
		if (gram->buf[1] == PACKET_ACK)
			return copy_of(gram, gram->len + 9);
		return copy_of(gram, rng_below(&w->rng, 4));
	default:
		bad = copy_of(gram, gram->len);
		spoil_block(w, bad->buf);
		return bad;
	}
}

/* Damage that may well look right. */
static struct datagram *
evil(struct world *w, const struct datagram *gram)
{
	struct datagram *bad;
	size_t len = gram->len;

	if (rng_below(&w->rng, 3) == 0)
		len = rng_below(&w->rng, 2 * len + 1);
	bad = copy_of(gram, len);
	if (len >= PACKET_HEADER_LEN)
		bad->buf[rng_below(&w->rng, PACKET_HEADER_LEN)] ^=
		    (uint8_t)(1u << rng_below(&w->rng, 8));
	bad->is_evil = true;
	return bad;
}

static struct datagram *
damage(struct world *w, const struct plan_path *path, struct datagram *gram)
{
	struct datagram *bad;

	if (gram->is_request)
		return gram;
	if (rng_chance(&w->rng, path->corrupt))
		bad = corrupted(w, gram);
	else if (rng_chance(&w->rng, path->evil))
		bad = evil(w, gram);
	else
		return gram;
	world_trace(w, "net     damages the next packet");
	net_release(gram);
	return bad;
}

/* ---- the way ---------------------------------------------------------- */

static bool
is_lost(struct world *w, const struct plan_path *path, struct net_link *link,
    const struct datagram *gram)
{
	uint32_t turn = link->in_burst ? path->burst_end : path->burst_begin;

	if (rng_chance(&w->rng, turn))
		link->in_burst = !link->in_burst;
	if (path->cut_us != 0 && w->now_us >= WORLD_BIRTH_US + path->cut_us)
		return true;
	if (path->drop_serial != 0 && link->serial == path->drop_serial)
		return true;
	if (path->drop_index != 0 && gram->index == path->drop_index &&
	    !link->dropped_index)
		return link->dropped_index = true;
	return link->in_burst || rng_chance(&w->rng, path->loss);
}

/* When the packet has left, or WORLD_NEVER if the queue is full. */
static uint64_t
through_wire(struct world *w, struct net_link *link, uint64_t from_us,
    size_t len)
{
	const struct plan *p = w->plan;
	uint64_t now_ns = from_us * 1000;
	uint64_t takes_ns = p->wire_ns + (uint64_t)p->byte_ps * len / 1000;

	if (link->free_ns < now_ns)
		link->free_ns = now_ns;
	if (p->router != 0 && takes_ns != 0 &&
	    (link->free_ns - now_ns) / takes_ns >= p->router)
		return WORLD_NEVER;
	link->free_ns += takes_ns;
	return (link->free_ns + 999) / 1000;
}

static uint64_t
delay_us(struct world *w, const struct plan_path *path)
{
	uint64_t delay = w->plan->rtt_us / 2;

	if (path->jitter_us != 0)
		delay += rng_below(&w->rng, path->jitter_us);
	if (rng_chance(&w->rng, path->reorder))
		delay += rng_between(&w->rng, 1, path->reorder_us);
	if (rng_chance(&w->rng, path->spike))
		delay += rng_between(&w->rng, 1, path->spike_us);
	return delay;
}

static void
schedule(struct world *w, enum plan_direction dir, uint64_t at_us,
    struct datagram *gram)
{
	gram->holders++;
	world_schedule(w, at_us, dir == TO_CLIENT ? EVENT_AT_CARD :
	    EVENT_AT_SERVER, gram, 0);
}

static unsigned
copies(struct world *w, const struct plan_path *path)
{
	if (path->copies_always > 1)
		return path->copies_always;
	if (rng_chance(&w->rng, path->copy))
		return 1 + (unsigned)rng_between(&w->rng, 1,
		    path->copies_max);
	return 1;
}

/* Now and then something that was sent before comes once more. */
static void
remember(struct world *w, enum plan_direction dir, struct datagram *gram)
{
	const struct plan_path *path = &w->plan->path[dir];
	struct net_link *link = &w->net.link[dir];
	unsigned slot = link->remembered++ % NET_HISTORY;

	/* a request that comes late is another one: MISHAP_RESETS */
	if (path->replay == 0 || gram->is_request)
		return;
	net_release(link->history[slot]);
	gram->holders++;
	link->history[slot] = gram;
	slot = (unsigned)rng_below(&w->rng, NET_HISTORY);
	if (link->history[slot] != NULL && rng_chance(&w->rng, path->replay))
		schedule(w, dir, w->now_us + rng_between(&w->rng, 1,
		    REPLAY_MAX_US), link->history[slot]);
}

void
net_send(struct world *w, enum plan_direction dir, uint64_t from_us,
    struct datagram *gram)
{
	const struct plan_path *path = &w->plan->path[dir];
	struct net_link *link = &w->net.link[dir];
	uint64_t left_us, extra_us;
	unsigned i, count;

	link->serial++;
	left_us = through_wire(w, link, from_us, gram->len);
	if (left_us == WORLD_NEVER || is_lost(w, path, link, gram)) {
		world_trace(w, "net     loses it");
		net_release(gram);
		return;
	}
	gram = damage(w, path, gram);
	remember(w, dir, gram);
	left_us += delay_us(w, path);
	count = copies(w, path);
	for (i = 0; i < count; i++) {
		extra_us = i == 0 || path->copies_always != 0 ? 0 :
		    rng_below(&w->rng, COPY_SPREAD_US);
		schedule(w, dir, left_us + extra_us, gram);
	}
	net_release(gram);
}

bool
net_is_stale(struct world *w, enum plan_direction dir,
    const struct datagram *gram)
{
	struct net_link *link = &w->net.link[dir];

	if (gram->index + STALE < link->newest)
		return true;
	if (gram->index > link->newest)
		link->newest = gram->index;
	return false;
}

void
net_refuse(struct world *w, uint32_t tid)
{
	uint64_t from_us = w->now_us;
	uint64_t free_us = w->net.link[TO_SERVER].free_ns / 1000 + 1;

	if (from_us < free_us)
		from_us = free_us;
	world_schedule(w, from_us + w->plan->rtt_us / 2, EVENT_REFUSED, NULL,
	    tid);
}

/* ---- the client's card ------------------------------------------------ */

void
net_at_card(struct world *w, struct datagram *gram)
{
	struct net *net = &w->net;
	uint64_t from_us = w->now_us;
	uint32_t room = w->plan->ring != 0 ? w->plan->ring : SOCKET;

	if (net->in_ring >= room) {
		world_trace(w, "card    has no room for block %llu",
		    (unsigned long long)gram->index);
		net_release(gram);
		return;
	}
	if (net->card_free_us > from_us)
		from_us = net->card_free_us;
	if (w->client.asleep_us > from_us)
		from_us = w->client.asleep_us;
	net->card_free_us = from_us + w->plan->drain_us;
	net->in_ring++;
	world_schedule(w, net->card_free_us, EVENT_AT_CLIENT, gram, 0);
}

void
net_off_card(struct world *w)
{
	w->net.in_ring--;
}
