/*
 * when - the times of --since and --until, as journalctl takes them.
 *
 *	now  today  yesterday  tomorrow
 *	2h  -2h  1h30m  "2h ago"  +10min	before (or after) now
 *	2026-11-22  "2026-11-22 14:00[:05]"  14:00[:05]
 *	2026-11-22T14:00:05[.123]Z  2026-11-22T14:00:05+01:00
 *	@1795388640				seconds since 1970
 */
#ifndef STATS_WHEN_H
#define STATS_WHEN_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/*
 * when_parse - a time expression to microseconds since 1970.
 *
 * now_us     what it is relative to
 * is_utc     days and hours without a zone are UTC's, else local
 * Returns false, and leaves *ts_us alone, when text is no such expression
 * or lies before 1970 or after 9999.
 */
bool when_parse(const char *text, uint64_t now_us, bool is_utc,
    uint64_t *ts_us);

/* A time's parts by UTC or the clock on the wall; zeroes of a year too far. */
struct tm when_parts(uint64_t ts_us, bool is_utc);

/* Room for "2026-11-22 14:00:05" and its NUL. */
#define WHEN_TEXT_MAX	20

/* The other way, to seconds; len 16 leaves the seconds out. */
void when_text(uint64_t ts_us, bool is_utc, int len,
    char out[static WHEN_TEXT_MAX]);

#endif
