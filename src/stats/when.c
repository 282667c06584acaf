#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stats/when.h"

#define SECOND_US	UINT64_C(1000000)
#define LAST_S		INT64_C(253402300799)	/* of the year 9999 */

/* What when_parse() was given. */
struct when {
	uint64_t now_us;
	bool is_utc;
};

/* Seconds since 1970 of a broken-down time, which is normalised. */
static time_t
seconds_of(struct tm *tm, bool is_utc)
{
	tm->tm_isdst = -1;
	return is_utc ? timegm(tm) : mktime(tm);
}

static bool
broken_down(uint64_t ts_us, bool is_utc, struct tm *tm)
{
	time_t seconds = (time_t)(ts_us / SECOND_US);

	return (is_utc ? gmtime_r(&seconds, tm) :
	    localtime_r(&seconds, tm)) != NULL;
}

static bool
give(int64_t seconds, uint64_t *ts_us)
{
	if (seconds < 0 || seconds > LAST_S)
		return false;
	*ts_us = (uint64_t)seconds * SECOND_US;
	return true;
}

/*
 * An unsigned number of at most max digits, which *text is moved behind.
 * Returns its digits, 0 when there is none or one too many.
 */
static int
take_number(const char **text, int max, int64_t *value)
{
	int digits;

	*value = 0;
	for (digits = 0; isdigit((unsigned char)**text); digits++) {
		if (digits == max)
			return 0;
		*value = *value * 10 + (*(*text)++ - '0');
	}
	return digits;
}

/* The next digits, that many, with a value of at most most. */
static bool
take_field(const char **text, int digits, int most, int *value)
{
	for (*value = 0; digits > 0; digits--, (*text)++) {
		if (!isdigit((unsigned char)**text))
			return false;
		*value = *value * 10 + (**text - '0');
	}
	return *value <= most;
}

static bool
take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

/* HH:MM[:SS] */
static bool
take_clock(const char **text, struct tm *tm)
{
	tm->tm_sec = 0;
	if (!take_field(text, 2, 23, &tm->tm_hour) || !take_char(text, ':') ||
	    !take_field(text, 2, 59, &tm->tm_min))
		return false;
	return !take_char(text, ':') || take_field(text, 2, 59, &tm->tm_sec);
}

/* YYYY-MM-DD */
static bool
take_date(const char **text, struct tm *tm)
{
	struct tm check = { 0 };

	if (!take_field(text, 4, 9999, &tm->tm_year) ||
	    !take_char(text, '-') || !take_field(text, 2, 12, &tm->tm_mon) ||
	    !take_char(text, '-') || !take_field(text, 2, 31, &tm->tm_mday))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon--;
	/* A day that the month does not have would become the next month's. */
	check.tm_year = tm->tm_year;
	check.tm_mon = tm->tm_mon;
	check.tm_mday = tm->tm_mday;
	timegm(&check);
	return tm->tm_mday >= 1 && check.tm_mon == tm->tm_mon;
}

/* .123456, as microseconds; more digits are dropped. */
static bool
take_fraction(const char **text, uint64_t *us)
{
	uint64_t unit = SECOND_US / 10;

	*us = 0;
	if (!take_char(text, '.'))
		return true;
	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text); (*text)++, unit /= 10)
		*us += (uint64_t)(**text - '0') * unit;
	return true;
}

/* Z or +HH:MM or +HHMM: the seconds that the clock is ahead of UTC. */
static bool
take_zone(const char **text, int *ahead)
{
	int hours, minutes, sign;

	*ahead = 0;
	if (take_char(text, 'Z'))
		return true;
	sign = **text == '-' ? -1 : 1;
	if (!take_char(text, '+') && !take_char(text, '-'))
		return false;
	if (!take_field(text, 2, 23, &hours))
		return false;
	take_char(text, ':');
	if (!take_field(text, 2, 59, &minutes))
		return false;
	*ahead = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool
parse_date(const struct when *when, const char *text, uint64_t *ts_us)
{
	struct tm tm = { 0 };
	bool is_utc = when->is_utc;
	uint64_t us = 0;
	int ahead = 0;

	if (!take_date(&text, &tm))
		return false;
	if (*text != '\0') {
		if (!take_char(&text, ' ') && !take_char(&text, 'T'))
			return false;
		if (!take_clock(&text, &tm) || !take_fraction(&text, &us))
			return false;
		if (*text != '\0') {
			is_utc = true;
			if (!take_zone(&text, &ahead) || *text != '\0')
				return false;
		}
	}
	if (!give((int64_t)seconds_of(&tm, is_utc) - ahead, ts_us))
		return false;
	*ts_us += us;
	return true;
}

/* HH:MM[:SS] of today */
static bool
parse_clock(const struct when *when, const char *text, uint64_t *ts_us)
{
	struct tm tm;

	if (!broken_down(when->now_us, when->is_utc, &tm) ||
	    !take_clock(&text, &tm) || *text != '\0')
		return false;
	return give(seconds_of(&tm, when->is_utc), ts_us);
}

static bool
parse_word(const struct when *when, const char *text, uint64_t *ts_us)
{
	static const struct {
		const char *word;
		int days;
	} days[] = {
		{ "yesterday", -1 }, { "today", 0 }, { "tomorrow", 1 },
	};
	struct tm tm;
	size_t i;

	if (strcmp(text, "now") == 0) {
		*ts_us = when->now_us;
		return true;
	}
	for (i = 0; i < sizeof(days) / sizeof(days[0]); i++)
		if (strcmp(text, days[i].word) == 0)
			break;
	if (i == sizeof(days) / sizeof(days[0]) ||
	    !broken_down(when->now_us, when->is_utc, &tm))
		return false;
	/* Midnight by the calendar: a day can have 23 or 25 hours. */
	tm.tm_mday += days[i].days;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	return give(seconds_of(&tm, when->is_utc), ts_us);
}

static bool
parse_epoch(const char *text, uint64_t *ts_us)
{
	int64_t seconds;
	uint64_t us;

	if (!take_char(&text, '@') || take_number(&text, 12, &seconds) == 0 ||
	    !take_fraction(&text, &us) || *text != '\0' ||
	    !give(seconds, ts_us))
		return false;
	*ts_us += us;
	return true;
}

/* The seconds of the unit that *text starts with, 0 when it is none. */
static int64_t
take_unit(const char **text)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = {
		{ "s", 1 }, { "sec", 1 }, { "second", 1 }, { "seconds", 1 },
		{ "m", 60 }, { "min", 60 }, { "minute", 60 },
		{ "minutes", 60 }, { "h", 3600 }, { "hr", 3600 },
		{ "hour", 3600 }, { "hours", 3600 }, { "d", 86400 },
		{ "day", 86400 }, { "days", 86400 }, { "w", 604800 },
		{ "week", 604800 }, { "weeks", 604800 },
	};
	size_t i, len = 0;

	while (isalpha((unsigned char)(*text)[len]))
		len++;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == len &&
		    memcmp(units[i].name, *text, len) == 0) {
			*text += len;
			return units[i].seconds;
		}
	return 0;
}

static bool
parse_span(const struct when *when, const char *text, uint64_t *ts_us)
{
	int64_t number, unit, span = 0;
	bool is_future = *text == '+';
	uint64_t us;

	if (*text == '+' || *text == '-')
		text++;
	do {
		if (take_number(&text, 9, &number) == 0)
			return false;
		while (*text == ' ')
			text++;
		unit = take_unit(&text);
		if (unit == 0)
			return false;
		span += number * unit;
		if (!is_future && strcmp(text, " ago") == 0)
			break;
		while (*text == ' ')
			text++;
	} while (*text != '\0');
	us = (uint64_t)span * SECOND_US;
	if (!is_future && us > when->now_us)
		return false;
	us = is_future ? when->now_us + us : when->now_us - us;
	if (us / SECOND_US > (uint64_t)LAST_S)
		return false;
	*ts_us = us;
	return true;
}

bool
when_parse(const char *text, uint64_t now_us, bool is_utc, uint64_t *ts_us)
{
	struct when when = { now_us, is_utc };

	return parse_word(&when, text, ts_us) ||
	    parse_date(&when, text, ts_us) ||
	    parse_clock(&when, text, ts_us) ||
	    parse_epoch(text, ts_us) || parse_span(&when, text, ts_us);
}

struct tm
when_parts(uint64_t ts_us, bool is_utc)
{
	struct tm tm = { 0 };

	(void)broken_down(ts_us, is_utc, &tm);
	return tm;
}

void
when_text(uint64_t ts_us, bool is_utc, int len,
    char out[static WHEN_TEXT_MAX])
{
	struct tm tm;

	if (ts_us / SECOND_US > (uint64_t)LAST_S ||
	    !broken_down(ts_us, is_utc, &tm) ||
	    strftime(out, WHEN_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		strcpy(out, "0000-00-00 00:00:00");
	out[len] = '\0';
}
