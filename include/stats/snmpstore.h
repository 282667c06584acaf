/*
 * snmpstore - counters for a long life beside snmpd.
 *
 * snmpd's user may read the roll-up's state, but not write it; without a
 * state of its own the agent would count the same part of the log again at
 * each look.  So it goes on from a copy, which it keeps in memory.
 */
#ifndef STATS_SNMPSTORE_H
#define STATS_SNMPSTORE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "stats/prometheus.h"

struct snmpstore {
	char path[PATH_MAX];	/* of the state; "": there is none */
	bool is_kept;		/* there, not in memory only */
	struct rollup_state *state;	/* else */
	bool has_last;
	struct rollup_report last;	/* as it was collected */
	struct rollup_counters shown;	/* as it was told */
	struct rollup_counters lost;	/* by how much they had fallen */
};

/*
 * snmpstore_open - begin; nothing is looked at yet.
 *
 * state      path of the roll-up's state; NULL: there is none
 * seed       another one to begin with when that is missing; or NULL
 * s->is_kept says whether it may be written.  snmpstore_close() is due.
 */
void snmpstore_open(struct snmpstore *s, const char *state,
    const char *seed);

/*
 * snmpstore_collect - what is told now.
 *
 * table, log as of prometheus_collect()
 * Counters are those of rollup_carry(), or more, if these have fallen since
 * the first call.
 */
void snmpstore_collect(struct snmpstore *s, const char *table,
    const char *log, struct prometheus_facts *f);

void snmpstore_close(struct snmpstore *s);

#endif
