#include <string.h>

#include "client.h"
#include "core/options.h"
#include "plan.h"
#include "rng.h"

#define MS		1000ULL
#define MILD_LOSS	50000
#define MILD_GIVE_UP_MS	30000
#define CLEAN_BYTE_PS	80000		/* 100 Mbit/s */
#define CLEAN_BLKSIZE	1468
#define CLEAN_RTT_US	(50 * MS)

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define PICK(r, a)	((a)[rng_below((r), COUNT(a))])

const char *const plan_mishap_names[MISHAP_COUNT] = {
	"stays", "probes", "aborts", "dies", "vanishes", "erases", "resets"
};

const char *const plan_fault_names[FAULT_COUNT] = {
	"none", "loss", "bursts", "copies", "reorder", "spikes", "corrupt",
	"evil", "replay", "foreign", "forged", "cut", "ring", "disk",
	"slow-disk", "late", "sleep", "shutdown"
};

void
plan_init(struct plan *p, enum packet_opcode op, uint64_t size)
{
	memset(p, 0, sizeof(*p));
	p->op = op;
	p->size = size;
	p->size_known = true;
	p->blksize = PACKET_BLKSIZE_DEFAULT;
	p->windowsize = 1;
	p->give_up_ms = 30000;
	p->first_timeout_ms = 500;
	p->adaptive = true;
	p->rtt_us = 100;
}

uint64_t
plan_last(const struct plan *p)
{
	return p->size / p->blksize + 1;
}

/* ---- from a seed: what is transferred --------------------------------- */

static void
choose_client(struct plan *p, struct rng *r)
{
	static const enum plan_mishap mishaps[] = {
		MISHAP_PROBE, MISHAP_ABORTS, MISHAP_DIES, MISHAP_VANISHES,
		MISHAP_ERASES, MISHAP_RESETS
	};

	p->model = (unsigned)rng_below(r, client_model_count);
	if (rng_below(r, 4) == 0)
		p->mishap = PICK(r, mishaps);
}

static void
choose_options(struct plan *p, struct rng *r)
{
	static const uint16_t sizes[] = { 8, 512, 512, 1024, 1428, 1468, 4096,
		65464 };
	static const uint16_t windows[] = { 1, 2, 3, 4, 8, 16, 32, 64 };
	const struct client_model *m = &client_models[p->model];

	p->oack = rng_below(r, 4) != 0;
	if (!p->oack)
		return;
	p->blksize = rng_below(r, 4) == 0 ? (uint16_t)rng_between(r, 8, 1468) :
	    PICK(r, sizes);
	if (m->windows)
		p->windowsize = rng_below(r, 4) == 0 ?
		    (uint16_t)rng_between(r, 1, 64) : PICK(r, windows);
	if (p->windowsize > OPTIONS_WINDOW_BYTES / p->blksize)
		p->windowsize = (uint16_t)(OPTIONS_WINDOW_BYTES /
		    p->blksize);
	p->timeout_ms = m->asks_timeout * 1000U;
	if (p->timeout_ms == 0 && rng_below(r, 4) == 0)
		p->timeout_ms = (uint32_t)rng_between(r, 10, 8000);
	p->rollover = (uint16_t)rng_below(r, 2);
}

/* More blocks than the wire can count. */
static void
choose_wrap(struct plan *p, struct rng *r)
{
	p->oack = true;
	p->blksize = (uint16_t)rng_between(r, 8, 16);
	p->rollover = (uint16_t)rng_below(r, 2);
	p->size = p->blksize * (rng_below(r, 4) == 0 ? 131072ULL : 65536ULL) +
	    rng_below(r, 80ULL * p->blksize);
}

static void
choose_size(struct plan *p, struct rng *r)
{
	uint64_t most = rng_below(r, 8) == 0 ? 1000 : 60;

	if (p->blksize > 8192)
		most = 20;
	switch (rng_below(r, 8)) {
	case 0: p->size = rng_below(r, 2); break;
	case 1: p->size = p->blksize - 1U; break;
	case 2: p->size = p->blksize * rng_between(r, 1, 4); break;
	case 3: p->size = p->blksize * rng_between(r, 1, most); break;
	case 4: p->size = p->blksize * (uint64_t)p->windowsize *
	    rng_between(r, 1, 3); break;
	default: p->size = rng_below(r, p->blksize * most); break;
	}
	p->size_known = p->op == PACKET_WRQ || rng_below(r, 4) != 0;
}

/* ---- from a seed: what goes wrong ------------------------------------- */

static const uint32_t rates[] = { 10000, 50000, 200000, 500000 };

static void
fault_loss(struct plan *p, struct rng *r)
{
	uint32_t rate = PICK(r, rates);
	uint64_t ways = rng_between(r, 1, 3);

	if ((ways & 1) != 0)
		p->path[TO_CLIENT].loss = rate;
	if ((ways & 2) != 0)
		p->path[TO_SERVER].loss = rate;
}

static void
fault_bursts(struct plan *p, struct rng *r)
{
	struct plan_path *path = &p->path[rng_below(r, DIRECTIONS)];

	path->burst_begin = (uint32_t)rng_between(r, 1000, 30000);
	path->burst_end = (uint32_t)rng_between(r, 50000, 500000);
}

static void
fault_copies(struct plan *p, struct rng *r)
{
	struct plan_path *path = &p->path[rng_below(r, DIRECTIONS)];

	path->copy = PICK(r, rates);
	path->copies_max = rng_below(r, 4) == 0 ? 100 : 2;
	if (rng_below(r, 8) == 0)
		path->copies_always = (uint32_t)rng_between(r, 2, 20);
}

static void
fault_reorder(struct plan *p, struct rng *r)
{
	struct plan_path *path = &p->path[rng_below(r, DIRECTIONS)];

	path->reorder = PICK(r, rates);
	path->reorder_us = (uint32_t)rng_between(r, 10, 20000);
	path->jitter_us = (uint32_t)rng_between(r, 0, 2000);
}

static void
fault_spikes(struct plan *p, struct rng *r)
{
	struct plan_path *path = &p->path[rng_below(r, DIRECTIONS)];

	path->spike = PICK(r, rates) / 10;
	path->spike_us = (uint32_t)rng_between(r, 10000, 10000000);
}

static void
fault_corrupt(struct plan *p, struct rng *r)
{
	p->path[rng_below(r, DIRECTIONS)].corrupt = PICK(r, rates);
}

static void
fault_evil(struct plan *p, struct rng *r)
{
	p->path[rng_below(r, DIRECTIONS)].evil = PICK(r, rates);
}

static void
fault_replay(struct plan *p, struct rng *r)
{
	p->path[rng_below(r, DIRECTIONS)].replay = PICK(r, rates);
}

static void
fault_foreign(struct plan *p, struct rng *r)
{
	p->foreign_every_us = (uint32_t)rng_between(r, 1000, 300000);
}

static void
fault_forged(struct plan *p, struct rng *r)
{
	fault_foreign(p, r);
	p->foreign_is_forged = true;
}

static void
fault_cut(struct plan *p, struct rng *r)
{
	p->path[rng_below(r, DIRECTIONS)].cut_us = rng_between(r, 1, 100000);
}

static void
fault_ring(struct plan *p, struct rng *r)
{
	p->ring = (uint32_t)rng_between(r, 4, 32);
	p->drain_us = (uint32_t)rng_between(r, 1, 100);
}

static void
fault_disk(struct plan *p, struct rng *r)
{
	if (p->op == PACKET_RRQ) {
		p->disk = (enum plan_disk)rng_between(r, DISK_READ_FAILS,
		    DISK_GROWS);
		p->disk_at = rng_between(r, 1, plan_last(p) + 1);
	} else {
		p->disk = (enum plan_disk)rng_between(r, DISK_WRITE_FAILS,
		    DISK_STORE_FAILS);
		p->disk_at = rng_between(r, 0, p->size);
	}
}

static void
fault_slow_disk(struct plan *p, struct rng *r)
{
	p->slow = PICK(r, rates) / 10;
	p->slow_us = (uint32_t)rng_between(r, 100, 3000000);
}

static void
fault_late(struct plan *p, struct rng *r)
{
	p->late_us = (uint32_t)rng_between(r, 1, 500000);
}

static void
fault_sleep(struct plan *p, struct rng *r)
{
	p->sleep_at_us = rng_below(r, 50000);
	p->sleep_us = rng_between(r, 1000, 8000000);
}

static void
fault_shutdown(struct plan *p, struct rng *r)
{
	p->shutdown_us = rng_between(r, 1, rng_below(r, 2) == 0 ? 10000 :
	    3000000);
}

static void (*const fault_makers[FAULT_COUNT])(struct plan *, struct rng *) = {
	[FAULT_LOSS] = fault_loss,
	[FAULT_BURSTS] = fault_bursts,
	[FAULT_COPIES] = fault_copies,
	[FAULT_REORDER] = fault_reorder,
	[FAULT_SPIKES] = fault_spikes,
	[FAULT_CORRUPT] = fault_corrupt,
	[FAULT_EVIL] = fault_evil,
	[FAULT_REPLAY] = fault_replay,
	[FAULT_FOREIGN] = fault_foreign,
	[FAULT_FORGED] = fault_forged,
	[FAULT_CUT] = fault_cut,
	[FAULT_RING] = fault_ring,
	[FAULT_DISK] = fault_disk,
	[FAULT_SLOW_DISK] = fault_slow_disk,
	[FAULT_LATE] = fault_late,
	[FAULT_SLEEP] = fault_sleep,
	[FAULT_SHUTDOWN] = fault_shutdown
};

static void
choose_faults(struct plan *p, struct rng *r)
{
	static const unsigned counts[] = { 0, 0, 1, 1, 1, 1, 2, 2, 3, 4 };
	unsigned count = PICK(r, counts), fault;

	while (count-- > 0) {
		fault = (unsigned)rng_between(r, FAULT_LOSS, FAULT_COUNT - 1);
		p->faults |= 1U << fault;
		fault_makers[fault](p, r);
	}
	if (p->faults == 0)
		p->faults = 1U << FAULT_NONE;
}

/* Where so many blocks pass, rates and storms are kept low. */
static void
choose_wrap_faults(struct plan *p, struct rng *r)
{
	p->faults = 1U << FAULT_NONE;
	if (rng_below(r, 2) == 0)
		return;
	p->faults = 1U << FAULT_LOSS | 1U << FAULT_COPIES;
	p->path[TO_CLIENT].loss = p->path[TO_SERVER].loss = 1000;
	p->path[rng_below(r, DIRECTIONS)].copy = 1000;
	p->path[TO_CLIENT].copies_max = p->path[TO_SERVER].copies_max = 2;
}

static void
choose_place(struct plan *p, struct rng *r)
{
	static const uint32_t rtts_us[] = { 50, 100, 200, 500, 1000, 5000,
		20000, 100000, 300000 };
	static const uint32_t bytes_ps[] = { 0, 0, 800, 8000, 80000, 800000,
		8000000 };
	static const uint32_t give_ups_ms[] = { 30000, 30000, 5000, 12000 };

	p->rtt_us = PICK(r, rtts_us);
	p->byte_ps = PICK(r, bytes_ps);
	if (p->byte_ps != 0 && rng_below(r, 4) == 0)
		p->router = (uint32_t)rng_between(r, 4, 100);
	p->give_up_ms = PICK(r, give_ups_ms);
	p->adaptive = rng_below(r, 4) != 0;
	p->no_icmp = rng_below(r, 4) == 0;
}

void
plan_from_seed(struct plan *p, uint64_t seed)
{
	struct rng r = { seed };
	bool wraps;

	plan_init(p, rng_below(&r, 5) < 3 ? PACKET_RRQ : PACKET_WRQ, 0);
	p->seed = seed;
	wraps = rng_below(&r, 500) == 0;
	choose_client(p, &r);
	choose_options(p, &r);
	choose_place(p, &r);
	if (wraps) {
		choose_wrap(p, &r);
		choose_wrap_faults(p, &r);
	} else {
		choose_size(p, &r);
		choose_faults(p, &r);
	}
	if (p->mishap == MISHAP_PROBE && p->oack)
		p->mishap_index = 0;
	else
		p->mishap_index = rng_between(&r, p->mishap == MISHAP_PROBE,
		    plan_last(p));
}

/* ---- what may be expected --------------------------------------------- */

/* Who resends for each copy of an ACK makes a chain reaction of copies. */
static bool
may_chain(const struct plan *p)
{
	uint32_t copies = 1U << FAULT_COPIES | 1U << FAULT_REPLAY;

	if (p->op != PACKET_WRQ ||
	    client_models[p->model].ack != ANSWER_ALWAYS)
		return false;
	return (p->faults & copies) != 0 || (p->timeout_ms != 0 &&
	    p->timeout_ms * MS <= 2ULL * p->rtt_us);
}

bool
plan_is_mild(const struct plan *p)
{
	uint32_t mild = 1U << FAULT_NONE | 1U << FAULT_LOSS |
	    1U << FAULT_COPIES | 1U << FAULT_REORDER | 1U << FAULT_CORRUPT |
	    1U << FAULT_REPLAY | 1U << FAULT_FOREIGN | 1U << FAULT_RING |
	    1U << FAULT_LATE;
	unsigned dir;

	for (dir = 0; dir < DIRECTIONS; dir++)
		if (p->path[dir].loss > MILD_LOSS ||
		    p->path[dir].corrupt > MILD_LOSS)
			return false;
	return p->faults != 0 && (p->faults & ~mild) == 0 && !may_chain(p) &&
	    p->give_up_ms >= MILD_GIVE_UP_MS && p->router == 0 &&
	    p->byte_ps <= CLEAN_BYTE_PS && p->mishap == MISHAP_NONE;
}

bool
plan_is_clean(const struct plan *p)
{
	return p->faults == 1U << FAULT_NONE && p->router == 0 &&
	    p->byte_ps <= CLEAN_BYTE_PS && p->blksize <= CLEAN_BLKSIZE &&
	    p->rtt_us <= CLEAN_RTT_US && p->mishap == MISHAP_NONE;
}

void
plan_print(const struct plan *p, FILE *out)
{
	unsigned fault;

	fprintf(out, "%s of %llu bytes, blksize %u, windowsize %u, "
	    "timeout %u ms%s%s, rollover %u, %s, %s at %llu, rtt %u us,",
	    p->op == PACKET_RRQ ? "read" : "write",
	    (unsigned long long)p->size, p->blksize, p->windowsize,
	    p->timeout_ms, p->oack ? ", OACK" : "",
	    p->adaptive ? "" : ", not adaptive", p->rollover,
	    client_models[p->model].name, plan_mishap_names[p->mishap],
	    (unsigned long long)p->mishap_index, p->rtt_us);
	for (fault = 0; fault < FAULT_COUNT; fault++)
		if ((p->faults & 1U << fault) != 0)
			fprintf(out, " %s", plan_fault_names[fault]);
	fputc('\n', out);
}
