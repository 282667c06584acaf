/*
 * calendar - the ends of each hour or each day, by the clock on the wall or
 * in UTC: a day can have 23 or 25 hours, and an hour can come twice.
 */
#ifndef STATS_CALENDAR_H
#define STATS_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/translog.h"
#include "stats/keyed.h"

/* The most periods: 15 years of hours. */
#define CALENDAR_MAX	((size_t)1 << 17)

enum calendar_unit { CALENDAR_HOUR, CALENDAR_DAY };

struct calendar_period {
	uint64_t start_us, end_us;	/* end: the next one's start */
	uint64_t requests;
	uint64_t classes[OUTCOME_CLASS_COUNT];
	uint64_t bytes_sent, bytes_received;
	uint64_t packets_sent, retransmits;
};

struct calendar {
	enum calendar_unit unit;
	bool is_utc;
	struct keyed periods;		/* by their start */
	struct calendar_period *last;	/* the next record is likely in it */
};

/* No ends yet; calendar_free() is due. */
void calendar_init(struct calendar *c, enum calendar_unit unit, bool is_utc);

/* Add an end. */
void calendar_add(struct calendar *c, const struct translog_record *rec);

/* The period that the time lies in, empty. */
struct calendar_period calendar_period_of(const struct calendar *c,
    uint64_t ts_us);

/*
 * calendar_list - the periods in their order.
 *
 * from_us    empty ones too, from the one of that time on up to until_us;
 *            UINT64_MAX: only those that are not empty
 * Returns an array that the caller frees, and its length in *count.
 */
struct calendar_period *calendar_list(const struct calendar *c,
    uint64_t from_us, uint64_t until_us, size_t *count);

void calendar_free(struct calendar *c);

#endif
