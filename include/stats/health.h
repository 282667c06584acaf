/*
 * health - what health and check look at.
 */
#ifndef STATS_HEALTH_H
#define STATS_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "stats/command.h"
#include "stats/findings.h"
#include "stats/probe.h"
#include "stats/vitals.h"

struct health {
	struct findings findings;
	bool has_begun;		/* there is a live table */
	bool has_active;	/* it can be read */
	uint64_t active;	/* transfers that run */
	bool has_bad_conf;	/* that a running server does not use */
	bool has_vitals;	/* the log could be read */
	struct vitals vitals;
	bool has_probe;
	struct probe_result probe;
};

/* All zeroes before the first of them.  Each adds its findings. */

/* The server, its configuration, its log; reads the log's last minutes. */
void health_look(const struct options *o, struct health *h);

/* What the log's last minutes say, by limits of our own. */
void health_judge(struct health *h);

/* The file of --probe, within limit_us. */
void health_probe(const struct probe_target *t, uint64_t limit_us,
    struct health *h);

#endif
