#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "stats/when.h"
#include "t.h"

/* 2026-11-22 14:30:05.5 UTC, a Sunday; in Berlin it is 15:30:05.5. */
#define NOW	UINT64_C(1795357805500000)
#define S(n)	((uint64_t)(n) * 1000000)

static void
set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static void
parses(void)
{
	static const struct {
		const char *what, *text;
		uint64_t us;	/* 0: refused */
		bool is_utc;
	} cases[] = {
		{ "now", "now", NOW, false },
		{ "hours", "2h", NOW - S(7200), false },
		{ "as journalctl writes it", "-2h", NOW - S(7200), false },
		{ "ago", "2h ago", NOW - S(7200), false },
		{ "words", "2 hours ago", NOW - S(7200), false },
		{ "days", "3d", NOW - S(3 * 86400), false },
		{ "a sum", "1h30m", NOW - S(5400), false },
		{ "a sum with spaces", "1h 30 min", NOW - S(5400), false },
		{ "a week", "1w", NOW - S(604800), false },
		{ "the future", "+10min", NOW + S(600), false },
		{ "today is local", "today", S(1795302000), false },
		{ "today in UTC", "today", S(1795305600), true },
		{ "yesterday", "yesterday", S(1795302000 - 86400), false },
		{ "tomorrow", "tomorrow", S(1795302000 + 86400), false },
		{ "a date", "2026-11-22", S(1795302000), false },
		{ "a date in UTC", "2026-11-22", S(1795305600), true },
		{ "a minute", "2026-11-22 14:00", S(1795352400), false },
		{ "a second", "2026-11-22 14:00:05", S(1795352405), false },
		{ "with a T", "2026-11-22T14:00", S(1795352400), false },
		{ "RFC 3339 is not local", "2026-11-22T14:00:05Z",
		    S(1795356005), false },
		{ "an offset", "2026-11-22T14:00:05+01:00", S(1795352405),
		    true },
		{ "an offset behind", "2026-11-22T14:00:05-0130",
		    S(1795361405), true },
		{ "a fraction", "2026-11-22T14:00:05.25Z",
		    S(1795356005) + 250000, false },
		{ "a fraction of nanoseconds",
		    "2026-11-22T14:00:05.123456789Z", S(1795356005) + 123456,
		    false },
		{ "a clock", "14:00", S(1795352400), false },
		{ "a clock with seconds", "14:00:05", S(1795356005), true },
		{ "an epoch", "@1795356000", S(1795356000), false },
		{ "an epoch with a fraction", "@1.5", 1500000, false },
		{ "a leap day", "2024-02-29", S(1709164800), true },
		{ "in summer Berlin is two hours ahead", "2026-07-01 02:00",
		    S(1782864000), false },
		{ "no leap day", "2026-02-29", 0, true },
		{ "no such day", "2026-04-31", 0, true },
		{ "no day 0", "2026-04-00", 0, true },
		{ "no month 0", "2026-00-01", 0, true },
		{ "no month 13", "2026-13-01", 0, true },
		{ "no hour 24", "2026-11-22 24:00", 0, true },
		{ "no second 60", "2026-11-22 12:00:60", 0, true },
		{ "a short year", "26-11-22", 0, true },
		{ "a date and more", "2026-11-22x", 0, true },
		{ "a space at its end", "2026-11-22 ", 0, true },
		{ "a zone without a clock", "2026-11-22Z", 0, true },
		{ "half a zone", "2026-11-22T14:00+1", 0, true },
		{ "an empty fraction", "2026-11-22T14:00:05.Z", 0, true },
		{ "before 1970", "1969-12-31", 0, true },
		{ "nothing", "", 0, false },
		{ "a number", "5", 0, false },
		{ "a unit", "h", 0, false },
		{ "an unknown unit", "5y", 0, false },
		{ "a fraction of hours", "1.5h", 0, false },
		{ "two signs", "--2h", 0, false },
		{ "ago of the future", "+2h ago", 0, false },
		{ "more than there was", "99999999d", 0, false },
		{ "an overflow", "9999999999999999999h", 0, false },
		{ "beyond 9999", "@999999999999", 0, false },
		{ "no epoch", "@", 0, false },
		{ "a negative epoch", "@-1", 0, false },
		{ "a word", "noon", 0, false },
	};
	uint64_t us;
	bool is_good;
	size_t i;

	set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		us = 0;
		is_good = when_parse(cases[i].text, NOW, cases[i].is_utc,
		    &us);
		T_OK(is_good == (cases[i].us != 0), cases[i].what);
		T_OK(us == cases[i].us, cases[i].what);
	}
}

/* 2026-10-25 has 25 hours in Berlin: yesterday is a date, not 24 hours. */
static void
days_can_have_25_hours(void)
{
	const uint64_t noon_after = S(1793012400);	/* 26th, 12:00 CET */
	uint64_t us = 0;

	set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	T_OK(when_parse("yesterday", noon_after, false, &us) &&
	    us == S(1792879200), "the 25th began at 22:00 UTC");
	T_OK(when_parse("today", noon_after, false, &us) &&
	    us == S(1792969200), "the 26th at 23:00 UTC");
}

static void
writes(void)
{
	char out[WHEN_TEXT_MAX];

	set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	when_text(NOW, true, 19, out);
	T_OK(strcmp(out, "2026-11-22 14:30:05") == 0, "UTC");
	when_text(NOW, false, 19, out);
	T_OK(strcmp(out, "2026-11-22 15:30:05") == 0, "local");
	when_text(NOW, true, 16, out);
	T_OK(strcmp(out, "2026-11-22 14:30") == 0, "without seconds");
	when_text(UINT64_MAX, true, 19, out);
	T_OK(strlen(out) == 19, "no time is too late to print");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "parses", parses },
		{ "a long day", days_can_have_25_hours },
		{ "writes", writes },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "when", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
