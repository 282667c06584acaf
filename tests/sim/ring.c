/*
 * A network card with a ring of 16 packets, and a window of 64 or 24: what
 * does not fit is lost at the end of each window, and nobody sees a gap.  A
 * slow client, or a slow link behind a short queue, is the same.
 *
 * The server must find out how much fits.  A cell is the throughput with a
 * larger windowsize, relative to that of 16, which fits just so.
 */
#include <stdio.h>

#include "scenario.h"
#include "world.h"

#define FILE_SIZE	(8ULL * 1024 * 1024)
#define BLKSIZE		1428
#define RING		16
#define AT_LEAST	0.70
#define LEARNING	0.020	/* seconds: two timeouts to find it out */

static const uint32_t drains_us[] = { 5, 20, 50, 500, 1200 };
static const uint16_t windows[] = { 64, 24 };
static const uint32_t wires_ns[] = { 0, 12000 };
static const uint32_t rtts_us[] = { 100, 1000, 5000 };
static const char *const models[] = { "rfc7440", "edk2", "atftp" };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static double
seconds(const struct plan *like, uint16_t windowsize,
    struct world_result *result)
{
	struct plan p = *like;

	p.windowsize = windowsize;
	world_run(&p, false, result);
	return result->broken == NULL && result->client_has_it ?
	    (double)result->client_us / 1e6 : 0;
}

static bool
cell(const struct plan *like, uint16_t windowsize, bool verbose)
{
	struct world_result fits, flood;
	double at_16 = seconds(like, 16, &fits);
	double more = seconds(like, windowsize, &flood);
	double ratio = more != 0 ? at_16 / more : 0;
	bool is_good = fits.broken == NULL && more != 0 &&
	    more - LEARNING <= at_16 / AT_LEAST;

	if (verbose)
		printf("%-8s %4u us  %2u us  %4.1f ms  %8.3f s  %2u: %8.3f s"
		    "  %5.2f  %5llu  %5llu  %6llu%s%s\n",
		    client_models[like->model].name, like->drain_us,
		    like->wire_ns / 1000, like->rtt_us / 1e3, at_16, windowsize, more,
		    ratio, (unsigned long long)flood.counts.timeouts,
		    (unsigned long long)flood.counts.gaps,
		    (unsigned long long)flood.counts.retransmits,
		    is_good ? "" : "  <", flood.broken != NULL ?
		    flood.broken : "");
	return is_good;
}

static unsigned
cells(bool verbose)
{
	unsigned failed = 0, i, cases = COUNT(models) * COUNT(drains_us) *
	    COUNT(wires_ns) * COUNT(rtts_us) * COUNT(windows);
	struct plan p;

	plan_init(&p, PACKET_RRQ, FILE_SIZE);
	p.oack = true;
	p.blksize = BLKSIZE;
	p.ring = RING;
	for (i = 0; i < cases; i++) {
		unsigned at = i;
		uint16_t windowsize = windows[at % COUNT(windows)];

		at /= COUNT(windows);
		p.rtt_us = rtts_us[at % COUNT(rtts_us)];
		at /= COUNT(rtts_us);
		p.wire_ns = wires_ns[at % COUNT(wires_ns)];
		at /= COUNT(wires_ns);
		p.drain_us = drains_us[at % COUNT(drains_us)];
		at /= COUNT(drains_us);
		p.model = client_model_named(models[at]);
		failed += !cell(&p, windowsize, verbose);
	}
	return failed;
}

unsigned
ring_table(void)
{
	unsigned failed;

	printf("8 MiB, blksize %d, a ring of %d packets\n\n"
	    "client     drain   wire      RTT  windowsize 16          more"
	    "  ratio   timeouts gaps  resent\n", BLKSIZE, RING);
	failed = cells(true);
	printf("\n%u cells are below %.2f\n", failed, AT_LEAST);
	return failed;
}

bool
ring_scenario(void)
{
	return cells(false) == 0;
}
