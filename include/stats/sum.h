/*
 * sum - adding up what a log claims: a forged one may claim any number, so
 * sums stay at the top instead of wrapping.
 */
#ifndef STATS_SUM_H
#define STATS_SUM_H

#include <stdint.h>

#include "record/translog.h"

static inline void
sum_add(uint64_t *sum, uint64_t value)
{
	*sum = value > UINT64_MAX - *sum ? UINT64_MAX : *sum + value;
}

/* A number of a record; 0 when it is left out. */
static inline uint64_t
sum_number(const struct translog_record *rec, enum translog_number number)
{
	int64_t value = rec->numbers[number];

	return value < 0 ? 0 : (uint64_t)value;
}

/* Bytes a second, 0 when that can't be said. */
static inline uint64_t
sum_rate(uint64_t bytes, uint64_t us)
{
	if (us == 0)
		return 0;
	if (bytes <= UINT64_MAX / 1000000)
		return bytes * 1000000 / us;
	return us < 1000000 ? UINT64_MAX : bytes / (us / 1000000);
}

#endif
