/*
 * ledger - every transfer is counted exactly once.
 *
 * Its start and its end can stand in different files, a process that dies
 * can leave two ends, and one that never got on has an end only.  The rule
 * of tftpd-log(5): an end counts if its id has an open start, or has none
 * and is not "crashed"; whatever comes for an ended id is ignored.
 */
#ifndef STATS_LEDGER_H
#define STATS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/translog.h"
#include "stats/filter.h"

/* An open-addressed table of ids; all zeroes is an empty one. */
struct ledger {
	uint64_t *ids;
	uint8_t *states;
	size_t size, used;	/* slots, a power of two */
	uint64_t open;		/* starts of interest without an end */
};

/*
 * ledger_start - a start was read.
 * wanted     whether ledger.open should count it as long as it is open
 */
void ledger_start(struct ledger *l, uint64_t id, bool wanted);

/* An end was read; returns whether it counts. */
bool ledger_end(struct ledger *l, uint64_t id, bool is_crashed);

/*
 * ledger_takes - enter a record of any kind, in the order of the log.
 * Returns whether it is an end that counts and that the filter takes.
 */
bool ledger_takes(struct ledger *l, const struct filter *f,
    const struct translog_record *rec);

void ledger_free(struct ledger *l);

/* The number in a record's id, which is 16 hexadecimal digits. */
uint64_t ledger_id(const char id[static TRANSLOG_ID_LEN]);

#endif
