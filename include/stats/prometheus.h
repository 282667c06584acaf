/*
 * prometheus - what a scrape is told: collecting and writing it.
 *
 * No label is ever made of what a client sent: the number of series is fixed.
 */
#ifndef STATS_PROMETHEUS_H
#define STATS_PROMETHEUS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "record/translog.h"
#include "stats/rollup.h"

struct prometheus_facts {
	struct rollup_report rollup;
	int log_err;			/* 0, or why the log can't be read */
	bool has_begun;			/* a server has been there */
	bool has_table;			/* its table can be read */
	bool is_running;		/* it owns the table */
	uint64_t started_us;		/* since 1970 */
	bool conf_is_bad;		/* what it serves by is an older one */
	uint64_t active[TRANSLOG_WRITE + 1];	/* by enum translog_op */
	uint64_t took_us;		/* to collect this */
};

/*
 * prometheus_collect - carry the state forward, look at the live table.
 *
 * table      path of the live table
 * state, log as of rollup_carry()
 */
void prometheus_collect(const char *table, const char *state,
    const char *log, struct prometheus_facts *f);

/* The same with a state in memory. */
void prometheus_collect_on(const char *table, struct rollup_state *s,
    const char *log, struct prometheus_facts *f);

/*
 * prometheus_has_log - is all counted that is logged?  A log that is not there
 * yet, since no server has begun, is no lack.
 */
bool prometheus_has_log(const struct prometheus_facts *f);

/*
 * prometheus_is_up - does a server run, or may one start when somebody asks?
 * False when there is a log that cannot be read: nothing is known then.
 */
bool prometheus_is_up(const struct prometheus_facts *f);

/*
 * prometheus_write - the text format 0.0.4, or OpenMetrics 1.0.0.
 *
 * What is not known (of a server that does not run, of an outcome that never
 * was) is left out, not 0.
 */
void prometheus_write(FILE *out, const struct prometheus_facts *f,
    bool is_openmetrics);

#endif
