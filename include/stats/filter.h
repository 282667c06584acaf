/*
 * filter - which records a report is about.
 */
#ifndef STATS_FILTER_H
#define STATS_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "record/translog.h"

/*
 * A network.  IPv4 stands as ::ffff:a.b.c.d, so both families compare
 * alike; is_ipv4 keeps ::/0 from meaning them too.
 */
struct filter_network {
	uint8_t address[16];
	unsigned bits;		/* of the 128 that must agree */
	bool is_ipv4;
};

struct filter {
	uint64_t since_us, until_us;	/* since <= ts < until */
	struct filter_network client;
	bool has_client;
	const char *glob;		/* NULL: any name */
	enum translog_op op;		/* TRANSLOG_NO_OP: both */
	uint32_t outcomes;		/* a bit for each; 0: any */
};

/* Everything passes, from 1970 on and without end. */
void filter_clear(struct filter *f);

/*
 * filter_network_parse - "192.0.2.0/24", "2001:db8::/32", an address alone,
 * or ::ffff:192.0.2.1, which is IPv4.  A zone (%eth0) is dropped.
 * Returns false when text is none of these.
 */
bool filter_network_parse(const char *text, struct filter_network *net);

/* Whether the address in text lies in the network. */
bool filter_network_has(const struct filter_network *net, const char *text);

/*
 * filter_outcomes_parse - "timeout,refused" to the bits of struct filter.
 * Takes the names of outcomes and of classes; false at any other.
 */
bool filter_outcomes_parse(const char *text, uint32_t *outcomes);

/* Whether the time of a record lies in the window. */
bool filter_has_time(const struct filter *f, uint64_t ts_us);

/* Whether any condition is set that a notice can't fulfil. */
bool filter_is_about_transfers(const struct filter *f);

/* Whether a start belongs to the report: one that never ended. */
bool filter_takes_open(const struct filter *f,
    const struct translog_record *rec);

/* Whether an end belongs to the report. */
bool filter_takes_end(const struct filter *f,
    const struct translog_record *rec);

#endif
