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

/*
 * Open starts are kept, and the last LEDGER_ENDED ids that ended: a second
 * end comes soon after the first or not at all, so memory depends on what is
 * open, not on the length of the log.  All zeroes is an empty one.
 */
#define LEDGER_ENDED	((size_t)1 << 17)

struct ledger_set;

struct ledger {
	struct ledger_set *opened, *ended;
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

/* What the ledger knows of an id; one that ended long ago is unknown. */
enum ledger_state { LEDGER_UNKNOWN, LEDGER_OPEN, LEDGER_OVER };
enum ledger_state ledger_state_of(const struct ledger *l, uint64_t id);

/*
 * ledger_next_open - the ids that are open, in any order.
 * at         0 before the first; is moved on.  Returns false at the end.
 */
bool ledger_next_open(const struct ledger *l, size_t *at, uint64_t *id);

void ledger_free(struct ledger *l);

/* The number in a record's id, which is 16 hexadecimal digits. */
uint64_t ledger_id(const char id[static TRANSLOG_ID_LEN]);

#endif
