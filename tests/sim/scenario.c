#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"
#include "world.h"

#define BLOCKS		40
#define BLKSIZE		512
#define FILE_SIZE	((BLOCKS - 1) * BLKSIZE + 100)
#define BENCH_SIZE	(8ULL * 1024 * 1024)
#define BENCH_BLKSIZE	1428
#define BENCH_RTT_US	50
#define BENCH_SEEDS	5

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* What went wrong first, in words. */
struct report {
	bool failed;
	char why[512];
};

static void __attribute__((format(printf, 4, 5)))
expect(struct report *rep, bool is_so, const struct plan *p,
    const char *format, ...)
{
	va_list ap;
	int len;

	if (is_so || rep->failed)
		return;
	rep->failed = true;
	len = snprintf(rep->why, sizeof(rep->why), "%s windowsize %u: ",
	    p->op == PACKET_RRQ ? "read" : "write", p->windowsize);
	va_start(ap, format);
	vsnprintf(rep->why + len, sizeof(rep->why) - (size_t)len, format, ap);
	va_end(ap);
}

/* Run it; whatever it is about, no invariant may break. */
static struct world_result
run(struct report *rep, const struct plan *p)
{
	struct world_result r;

	world_run(p, false, &r);
	expect(rep, r.broken == NULL, p, "invariant %s: %s",
	    r.broken != NULL ? r.broken : "", r.why);
	return r;
}

static struct plan
plan_of(enum packet_opcode op, uint64_t size, uint16_t windowsize)
{
	struct plan p;

	plan_init(&p, op, size);
	p.oack = true;
	p.blksize = BLKSIZE;
	p.windowsize = windowsize;
	return p;
}

/* ---- one loss, wherever it is ----------------------------------------- */

static const uint16_t windows[] = { 1, 2, 4, 8, 64 };

static void
expect_one_timeout(struct report *rep, const struct plan *p,
    const char *what, unsigned i)
{
	struct world_result r = run(rep, p);

	expect(rep, r.client_has_it && r.outcome == OUTCOME_COMPLETE, p,
	    "%s %u lost: %s", what, i, outcome_name(r.outcome));
	expect(rep, r.counts.timeouts <= 1, p, "%s %u lost: %llu timeouts",
	    what, i, (unsigned long long)r.counts.timeouts);
	expect(rep, r.client_us < (p->op == PACKET_RRQ ? 600000 : 1100000), p,
	    "%s %u lost: %.3f s", what, i, (double)r.client_us / 1e6);
}

static void
one_loss(struct report *rep, enum packet_opcode op, uint16_t windowsize)
{
	enum plan_direction data = op == PACKET_RRQ ? TO_CLIENT : TO_SERVER;
	enum plan_direction acks = op == PACKET_RRQ ? TO_SERVER : TO_CLIENT;
	struct plan p;
	unsigned i;

	for (i = 1; i <= BLOCKS; i++) {
		p = plan_of(op, FILE_SIZE, windowsize);
		p.path[data].drop_index = i;
		expect_one_timeout(rep, &p, "DATA", i);
		p = plan_of(op, FILE_SIZE, windowsize);
		/* the request, or the OACK, goes first */
		p.path[acks].drop_serial = i + 1;
		expect_one_timeout(rep, &p, "ACK", i);
	}
}

static void
scenario_one_loss(struct report *rep)
{
	size_t i;

	for (i = 0; i < COUNT(windows); i++) {
		one_loss(rep, PACKET_RRQ, windows[i]);
		one_loss(rep, PACKET_WRQ, windows[i]);
	}
}

/* ---- each ACK many times ---------------------------------------------- */

static void
scenario_ack_copies(struct report *rep)
{
	static const uint16_t some[] = { 1, 4, 16 };
	struct world_result r;
	struct plan p;
	uint32_t copies;
	size_t i;

	for (i = 0; i < COUNT(some); i++)
		for (copies = 2; copies <= 100; copies++) {
			p = plan_of(PACKET_RRQ, FILE_SIZE, some[i]);
			p.path[TO_SERVER].copies_always = copies;
			r = run(rep, &p);
			expect(rep, r.client_has_it, &p, "no file");
			expect(rep, r.counts.timeouts + r.counts.gaps == 0 &&
			    r.counts.packets_sent == BLOCKS + 1, &p,
			    "%u copies: %llu packets", copies,
			    (unsigned long long)r.counts.packets_sent);
		}
}

/* EDK2: one loss makes an ACK for each block behind it. */
static void
scenario_edk2_storm(struct report *rep)
{
	struct world_result r;
	struct plan p;
	uint16_t window;

	for (window = 2; window <= 64; window++) {
		p = plan_of(PACKET_RRQ, BLKSIZE * (4ULL * window), window);
		p.model = client_model_named("edk2");
		p.path[TO_CLIENT].drop_index = window + 1;
		r = run(rep, &p);
		expect(rep, r.client_has_it && r.counts.gaps == 1 &&
		    r.counts.timeouts == 0 && r.counts.retransmits <= window,
		    &p, "%llu gaps, %llu timeouts, %llu sent again",
		    (unsigned long long)r.counts.gaps,
		    (unsigned long long)r.counts.timeouts,
		    (unsigned long long)r.counts.retransmits);
	}
}

/* ---- how long losses take --------------------------------------------- */

struct bench {
	uint64_t size;
	uint16_t windowsize;
	uint32_t loss;		/* millionths, each way */
	double most_s;
};

static const struct bench benches[] = {
	{ BENCH_SIZE, 1, 10000, 2.5 },
	{ BENCH_SIZE, 16, 10000, 0.5 },
	{ BENCH_SIZE, 1, 50000, 12 },
	{ BENCH_SIZE, 16, 50000, 6 },
	{ 102400, 16, 142857, 17 },
};

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median_seconds(struct report *rep, const struct bench *b)
{
	struct plan p = plan_of(PACKET_RRQ, b->size, b->windowsize);
	struct world_result r;
	double took[BENCH_SEEDS];

	p.blksize = BENCH_BLKSIZE;
	p.rtt_us = BENCH_RTT_US;
	p.path[TO_CLIENT].loss = p.path[TO_SERVER].loss = b->loss;
	for (p.seed = 0; p.seed < BENCH_SEEDS; p.seed++) {
		r = run(rep, &p);
		expect(rep, r.client_has_it, &p, "no file");
		took[p.seed] = (double)r.client_us / 1e6;
	}
	qsort(took, BENCH_SEEDS, sizeof(took[0]), by_size);
	return took[BENCH_SEEDS / 2];
}

static void
scenario_loss_bench(struct report *rep)
{
	double took;
	size_t i;

	for (i = 0; i < COUNT(benches); i++) {
		const struct bench *b = &benches[i];
		struct plan p = plan_of(PACKET_RRQ, b->size, b->windowsize);

		took = median_seconds(rep, b);
		printf("  %4llu KiB, windowsize %2u, %4.1f %% lost each way: "
		    "%6.2f s (at most %.1f)\n",
		    (unsigned long long)b->size / 1024, b->windowsize,
		    b->loss / 1e4, took, b->most_s);
		expect(rep, took <= b->most_s, &p, "%.2f s, more than %.1f",
		    took, b->most_s);
	}
}

static void
scenario_ring(struct report *rep)
{
	struct plan p = plan_of(PACKET_RRQ, 0, 64);

	expect(rep, ring_scenario(), &p, "see tftp-sim --ring");
}

/* ---- one run each ----------------------------------------------------- */

static void
uboot(struct plan *p)
{
	p->model = client_model_named("uboot");
	p->timeout_ms = 5000;
	p->path[TO_CLIENT].drop_index = 10;
}

static void
uboot_window(struct plan *p)
{
	uboot(p);
	p->windowsize = 8;
	p->path[TO_CLIENT].drop_index = 16;
}

static void
fixed(struct plan *p)
{
	p->model = client_model_named("lockstep");
	p->adaptive = false;
	p->path[TO_CLIENT].drop_index = 10;
}

static void
fixed_agreed(struct plan *p)
{
	fixed(p);
	p->timeout_ms = 3000;
}

/* 1, 2, 4, 4, ... s after the last news: 8 times in 30 s. */
static void
fixed_backoff(struct plan *p)
{
	fixed(p);
	p->path[TO_CLIENT].cut_us = 1000;
}

static void
adaptive_cut(struct plan *p)
{
	p->path[TO_CLIENT].cut_us = 1000;
}

static void
erases(struct plan *p)
{
	p->mishap = MISHAP_ERASES;
	p->mishap_index = 20;
}

static void
erases_window(struct plan *p)
{
	erases(p);
	p->windowsize = 16;
}

static void
dies(struct plan *p)
{
	p->mishap = MISHAP_DIES;
	p->mishap_index = 20;
}

static void
vanishes(struct plan *p)
{
	p->mishap = MISHAP_VANISHES;
	p->mishap_index = 20;
}

static void
probes(struct plan *p)
{
	p->mishap = MISHAP_PROBE;
}

static void
aborts(struct plan *p)
{
	p->mishap = MISHAP_ABORTS;
	p->mishap_index = 20;
}

static void
resets(struct plan *p)
{
	p->mishap = MISHAP_RESETS;
	p->mishap_index = 20;
}

static void
unheard(struct plan *p)
{
	p->path[TO_CLIENT].cut_us = 1;
	p->no_icmp = true;
}

/* The last ACK is lost, and the client is gone by then. */
static void
last_ack_lost(struct plan *p)
{
	p->model = client_model_named("edk2");
	p->path[TO_SERVER].drop_serial = BLOCKS + 2;
}

static void
shrinks(struct plan *p)
{
	p->disk = DISK_SHRINKS;
	p->disk_at = 20;
}

static void
read_fails(struct plan *p)
{
	p->disk = DISK_READ_FAILS;
	p->disk_at = 20;
}

static void
write_fails(struct plan *p)
{
	p->disk = DISK_WRITE_FAILS;
	p->disk_at = 20 * BLKSIZE;
}

static void
store_fails(struct plan *p)
{
	p->disk = DISK_STORE_FAILS;
}

static void
nothing(struct plan *p)
{
	(void)p;
}

static void
wraps(struct plan *p)
{
	p->blksize = 8;
	p->size = 8ULL * 131080;
	p->windowsize = 16;
}

static void
wraps_to_one(struct plan *p)
{
	wraps(p);
	p->rollover = 1;
}

struct single {
	const char *what;
	enum packet_opcode op;
	void (*set)(struct plan *p);
	enum outcome outcome;
	bool has_it;
	double least_s, most_s;	/* until the client has it, or the end */
	uint64_t most_timeouts;
};

#define R PACKET_RRQ
#define W PACKET_WRQ

static const struct single singles[] = {
	{ "no fault", R, nothing, OUTCOME_COMPLETE, true, 0, .01, 0 },
	{ "no fault", W, nothing, OUTCOME_COMPLETE, true, 0, .01, 0 },
	{ "a loss does not cost U-Boot's 5 s", R, uboot, OUTCOME_COMPLETE,
	    true, 0, .1, 1 },
	{ "nor its window's end", R, uboot_window, OUTCOME_COMPLETE, true, 0,
	    .1, 1 },
	{ "not adaptive: 1 s", R, fixed, OUTCOME_COMPLETE, true, 1, 1.1, 1 },
	{ "not adaptive: what was agreed", R, fixed_agreed, OUTCOME_COMPLETE,
	    true, 3, 3.1, 1 },
	{ "not adaptive: backing off", R, fixed_backoff, OUTCOME_TIMEOUT,
	    false, 30, 31, 8 },
	{ "silence for give-up seconds", R, adaptive_cut, OUTCOME_TIMEOUT,
	    false, 30, 31, 20 },
	{ "20 s of flash erasing", R, erases, OUTCOME_COMPLETE, true, 20, 25,
	    15 },
	{ "20 s of flash erasing, in a window", R, erases_window,
	    OUTCOME_COMPLETE, true, 20, 25, 15 },
	{ "20 s of flash erasing, storing", W, erases, OUTCOME_COMPLETE, true,
	    20, 25, 21 },
	{ "the client dies", R, dies, OUTCOME_VANISHED, false, 0, 1, 1 },
	{ "the client dies", W, dies, OUTCOME_VANISHED, false, 0, 2, 1 },
	{ "the client is off", R, vanishes, OUTCOME_TIMEOUT, false, 30, 31,
	    20 },
	{ "the client is off", W, vanishes, OUTCOME_TIMEOUT, false, 30, 31,
	    30 },
	{ "a size probe", R, probes, OUTCOME_PROBE, false, 0, .1, 0 },
	{ "an ERROR mid-way", R, aborts, OUTCOME_ABORTED, false, 0, .1, 0 },
	{ "an ERROR mid-way", W, aborts, OUTCOME_ABORTED, false, 0, .1, 0 },
	{ "asks again from the same port", R, resets, OUTCOME_VANISHED, true,
	    2, 3, 12 },
	{ "asks again from the same port", W, resets, OUTCOME_VANISHED, true,
	    2, 3, 12 },
	{ "nothing reaches the client", R, unheard, OUTCOME_NOANSWER, false,
	    5, 35, 2 },
	{ "nothing reaches the client", W, unheard, OUTCOME_NOANSWER, false,
	    5, 35, 2 },
	{ "the last ACK is lost", R, last_ack_lost, OUTCOME_UNCONFIRMED, true,
	    0, .1, 1 },
	{ "the file shrinks", R, shrinks, OUTCOME_FAILED, false, 0, .1, 0 },
	{ "the disk cannot be read", R, read_fails, OUTCOME_FAILED, false, 0,
	    .1, 0 },
	{ "the disk is full", W, write_fails, OUTCOME_FAILED, false, 0, .1,
	    0 },
	{ "the file gets no name", W, store_fails, OUTCOME_FAILED, false, 0,
	    .1, 0 },
	{ "131,080 blocks", R, wraps, OUTCOME_COMPLETE, true, 0, 2, 0 },
	{ "131,080 blocks", W, wraps, OUTCOME_COMPLETE, true, 0, 2, 0 },
	{ "131,080 blocks, rollover 1", R, wraps_to_one, OUTCOME_COMPLETE,
	    true, 0, 2, 0 },
	{ "131,080 blocks, rollover 1", W, wraps_to_one, OUTCOME_COMPLETE,
	    true, 0, 2, 0 },
};

static void
check_single(struct report *rep, const struct single *s)
{
	struct plan p = plan_of(s->op, FILE_SIZE, 1);
	struct world_result r;
	double took;

	s->set(&p);
	r = run(rep, &p);
	took = (double)(r.client_has_it ? r.client_us : r.server_us) / 1e6;
	expect(rep, r.outcome == s->outcome && r.client_has_it == s->has_it,
	    &p, "%s: outcome %s, client %s", s->what, outcome_name(r.outcome),
	    r.client_has_it ? "has it" : "has not");
	expect(rep, took >= s->least_s && took <= s->most_s, &p,
	    "%s: %.3f s", s->what, took);
	expect(rep, r.counts.timeouts <= s->most_timeouts, &p,
	    "%s: %llu timeouts", s->what,
	    (unsigned long long)r.counts.timeouts);
}

static void
scenario_singles(struct report *rep)
{
	size_t i;

	for (i = 0; i < COUNT(singles); i++)
		check_single(rep, &singles[i]);
}

/* ---- all of them ------------------------------------------------------ */

struct scenario {
	const char *name, *what;
	void (*run)(struct report *rep);
};

static const struct scenario scenarios[] = {
	{ "singles", "one thing happens, and ends as it should",
	    scenario_singles },
	{ "one-loss", "any one packet lost costs one timeout at most",
	    scenario_one_loss },
	{ "ack-copies", "copies of ACKs make no DATA", scenario_ack_copies },
	{ "edk2-storm", "w-1 equal ACKs make one turn back",
	    scenario_edk2_storm },
	{ "ring", "a window of 64 into a ring of 16 is nearly as fast as 16",
	    scenario_ring },
	{ "loss-bench", "losses cost little time", scenario_loss_bench },
};

void
scenario_list(void)
{
	size_t i;

	for (i = 0; i < COUNT(scenarios); i++)
		printf("%-12s %s\n", scenarios[i].name, scenarios[i].what);
	for (i = 0; i < COUNT(singles); i++)
		printf("  single: %s, %s\n", singles[i].op == R ? "read" :
		    "write", singles[i].what);
}

unsigned
scenario_run_all(void)
{
	unsigned failed = 0;
	size_t i;

	for (i = 0; i < COUNT(scenarios); i++) {
		struct report rep = { .failed = false };

		scenarios[i].run(&rep);
		printf("%s %s%s%s\n", rep.failed ? "FAILED" : "ok    ",
		    scenarios[i].name, rep.failed ? ": " : "", rep.why);
		failed += rep.failed;
	}
	return failed;
}
