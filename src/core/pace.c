/*
 * Theory of operation
 * ===================
 *
 * Three facts decide: the card's ring (how long a burst may be), the time
 * in which the client empties it (how long the pause must be), and whether
 * bursts help at all, for a path that loses at random loses in bursts too.
 *
 *	first window	bursts of 16, the smallest ring in the field
 *	whole rounds	the burst doubles, to the whole window if it can
 *	lossy rounds	two in a row: no longer than what got through;
 *			lost after the first burst: the pause was too short
 *	whole again	the pause follows what the last burst took; after
 *			many rounds, one burst of twice the length is tried
 *	still lossy	with short bursts and long pauses: no pauses for a
 *			long while, they are not the cure
 *
 * A single lossy round is chance, and changes nothing.
 */
#include <string.h>

#include "core/pace.h"

#define RING		16	/* packets, the smallest in the field */
#define BURST_MIN	4
#define PAUSE_MIN_US	100
#define PAUSE_MAX_US	4000
#define PROBE_AFTER	64	/* whole rounds */
#define PROBE_MAX	4096
#define PROBE_PROVED	4	/* whole rounds that prove a longer burst */
#define LOSSY_MAX	8	/* rounds in a row that bursts did not cure */
#define REST		256	/* rounds */

static uint64_t
clamp_pause(uint64_t us)
{
	if (us < PAUSE_MIN_US)
		return PAUSE_MIN_US;
	return us > PAUSE_MAX_US ? PAUSE_MAX_US : us;
}

void
pace_init(struct pace *p, uint32_t windowsize, bool is_on, uint64_t rtt_us)
{
	memset(p, 0, sizeof(*p));
	p->windowsize = p->ceiling = windowsize;
	p->burst = is_on && windowsize > RING ? RING : windowsize;
	p->base_us = rtt_us;
	p->pause_us = clamp_pause(rtt_us);
	p->probe_after = PROBE_AFTER;
	if (!is_on)
		p->rest = UINT32_MAX;
}

bool
pace_is_on(const struct pace *p)
{
	return p->burst < p->windowsize;
}

/* What the client needs for a burst, without the way there and back. */
static void
follow_drain(struct pace *p, uint64_t drained_us)
{
	uint64_t need;

	if (p->base_us == 0 || drained_us < p->base_us)
		p->base_us = drained_us;
	need = drained_us - p->base_us;
	/* a quarter more, for a ring that is never quite empty overflows */
	p->pause_us = clamp_pause((p->pause_us + need + need / 4) / 2);
}

/* Long enough at the ceiling: try a higher one. */
static void
probe(struct pace *p)
{
	if (p->burst != p->ceiling || p->ceiling == p->windowsize ||
	    p->whole < p->probe_after)
		return;
	p->proved = p->burst;
	p->ceiling *= 2;
	if (p->ceiling > p->windowsize)
		p->ceiling = p->windowsize;
	p->whole = 0;
	p->is_probing = true;
}

static void
grow(struct pace *p)
{
	probe(p);
	if (p->burst == p->ceiling)
		return;
	p->burst *= 2;
	if (p->burst > p->ceiling)
		p->burst = p->ceiling;
	/* twice the blocks take twice the time */
	p->pause_us = clamp_pause(2 * p->pause_us);
}

void
pace_on_whole(struct pace *p, uint64_t drained_us)
{
	p->lossy = 0;
	p->got = 0;
	p->whole++;
	if (p->rest != 0 && p->rest != UINT32_MAX)
		p->rest--;
	if (p->is_probing && p->whole >= PROBE_PROVED)
		p->is_probing = false;
	if (!pace_is_on(p))
		return;
	follow_drain(p, drained_us);
	grow(p);
}

/* The bursts cannot become shorter, or the pauses not longer. */
static bool
is_at_its_end(const struct pace *p)
{
	return p->burst <= BURST_MIN || p->pause_us == PAUSE_MAX_US;
}

static void
give_in(struct pace *p)
{
	p->burst = p->ceiling = p->windowsize;
	p->rest = REST;
	p->lossy = 0;
}

/* No longer than what got through; a burst that did was too early. */
static void
shrink(struct pace *p)
{
	uint32_t burst = p->burst;

	if (p->got >= burst && burst <= RING)
		p->pause_us = clamp_pause(2 * p->pause_us);
	else if (p->got != 0 && p->got < burst)
		burst = p->got;
	else
		burst /= 2;
	if (burst > p->windowsize / 2)
		burst = p->windowsize / 2;
	p->burst = burst < BURST_MIN ? BURST_MIN : burst;
	if (p->burst > p->windowsize)
		p->burst = p->windowsize;
	p->ceiling = p->burst;
	p->got = 0;
}

void
pace_on_loss(struct pace *p, uint32_t got, bool by_timer)
{
	p->whole = 0;
	if (p->rest != 0) {
		p->rest -= p->rest != UINT32_MAX;
		return;
	}
	p->lossy++;
	if (!by_timer && got > p->got)
		p->got = got;
	if (p->is_probing) {
		p->is_probing = false;
		p->ceiling = p->burst = p->proved;
		p->pause_us = clamp_pause(p->pause_us / 2);
		if (p->probe_after < PROBE_MAX)
			p->probe_after *= 4;
	} else if (p->lossy >= LOSSY_MAX && is_at_its_end(p)) {
		give_in(p);
	} else if (p->lossy >= 2) {
		shrink(p);
	}
}
