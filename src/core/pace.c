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
 *	lossy rounds	two in a row: no longer than what got through; the
 *			pause as long as that took, or longer if it was so;
 *			nothing heard: shorter bursts and longer pauses
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
#define PAUSE_MAX_US	40000	/* 16 large packets at 5 Mbit/s */
#define PAUSE_FIRST_US	2000	/* of a long way most is no pause's business */
#define PAUSE_DOUBT_US	1000	/* a shorter one may be no evidence */
#define PROBE_AFTER	64	/* whole rounds */
#define PROBE_MAX	4096
#define PROBE_PROVED	4	/* whole rounds that prove a longer burst */
#define LOSSY_MAX	8	/* rounds in a row that bursts did not cure */
#define REST		256	/* rounds */
#define REST_SILENCE	64	/* of these, for one of which nothing is heard */

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
	p->pause_us = clamp_pause(rtt_us < PAUSE_FIRST_US ? rtt_us :
	    PAUSE_FIRST_US);
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

/* What a burst takes as far as was seen, and a quarter more. */
static uint64_t
pause_needed(const struct pace *p, uint32_t burst)
{
	uint64_t need = burst * p->each_us;

	return clamp_pause(need + need / 4);
}

/* Four times what was seen to be needed is enough, if anything was. */
static uint64_t
longest_pause(const struct pace *p, uint32_t burst)
{
	uint64_t most = 4 * pause_needed(p, burst);

	if (p->each_us == 0)
		return PAUSE_MAX_US;
	return clamp_pause(most < PAUSE_DOUBT_US ? PAUSE_DOUBT_US : most);
}

/* The bursts cannot become shorter and the pauses not longer. */
static bool
is_at_its_end(const struct pace *p)
{
	return p->burst <= BURST_MIN &&
	    p->pause_us >= longest_pause(p, p->burst);
}

static void
give_in(struct pace *p)
{
	p->burst = p->ceiling = p->windowsize;
	p->rest = REST;
	p->lossy = 0;
}

static uint32_t
shorter_burst(const struct pace *p)
{
	uint32_t burst = p->burst;

	if (p->got == 0)
		burst /= 2;
	else if (p->got < burst)
		burst = p->got;
	else if (burst > RING || p->pause_us >= longest_pause(p, burst))
		burst /= 2;
	if (burst > p->windowsize / 2)
		burst = p->windowsize / 2;
	if (burst < BURST_MIN)
		burst = BURST_MIN;
	return burst < p->windowsize ? burst : p->windowsize;
}

static void
shrink(struct pace *p)
{
	uint32_t burst = shorter_burst(p);
	uint64_t pause_us = p->pause_us, longest_us;

	/* what got through was enough, or nothing was heard: too early */
	if (p->got == 0 || p->got >= p->burst)
		pause_us *= 2;
	longest_us = longest_pause(p, burst);
	if (pause_us > longest_us)
		pause_us = longest_us;
	if (p->each_us != 0 && pause_us < pause_needed(p, burst))
		pause_us = pause_needed(p, burst);
	p->pause_us = clamp_pause(pause_us);
	p->burst = p->ceiling = burst;
	p->got = 0;
}

static void
end_probe(struct pace *p)
{
	p->is_probing = false;
	p->ceiling = p->burst = p->proved;
	p->pause_us = clamp_pause(p->pause_us / 2);
	if (p->probe_after < PROBE_MAX)
		p->probe_after *= 4;
}

static void
on_lossy_round(struct pace *p)
{
	p->lossy++;
	if (p->is_probing)
		end_probe(p);
	else if (p->lossy >= LOSSY_MAX && is_at_its_end(p))
		give_in(p);
	else if (p->lossy >= 2)
		shrink(p);
}

/* How long the client took for each block, without way and pauses. */
static void
note_pace(struct pace *p, uint32_t got, uint64_t took_us)
{
	uint64_t idle_us = p->base_us;

	if (pace_is_on(p))
		idle_us += got / p->burst * p->pause_us;
	p->each_us = took_us > idle_us ? (took_us - idle_us) / got : 0;
	if (p->each_us == 0)
		p->each_us = 1;
}

void
pace_note_got(struct pace *p, uint32_t got)
{
	if (got > p->got)
		p->got = got;
}

void
pace_on_loss(struct pace *p, uint32_t got, uint64_t took_us)
{
	p->whole = 0;
	if (got != 0)
		note_pace(p, got, took_us);
	if (p->rest != 0) {
		p->rest -= p->rest != UINT32_MAX;
		return;
	}
	pace_note_got(p, got);
	on_lossy_round(p);
}

void
pace_on_silence(struct pace *p)
{
	p->whole = 0;
	if (p->rest == UINT32_MAX)
		return;
	/* without pauses it is worse: come back to them soon */
	if (p->rest != 0)
		p->rest -= p->rest < REST_SILENCE ? p->rest : REST_SILENCE;
	else
		on_lossy_round(p);
}
