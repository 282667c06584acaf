#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "stats/calendar.h"
#include "t.h"

#define SECOND_US	UINT64_C(1000000)
#define HOUR_US		(3600 * SECOND_US)

static const char berlin[] = "CET-1CEST,M3.5.0,M10.5.0/3";
/* Sets its clocks at midnight. */
static const char midnight[] = "<-03>3<-02>,M10.3.0/0,M2.3.0/0";
static const char half_hour[] = "<+0530>-5:30";

static void
use_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

/* Of UTC. */
static uint64_t
at(int year, int month, int day, int hour, int minute)
{
	struct tm tm = {
		.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day,
		.tm_hour = hour, .tm_min = minute
	};

	return (uint64_t)timegm(&tm) * SECOND_US;
}

static void
add(struct calendar *c, uint64_t ts_us, enum outcome outcome)
{
	struct translog_record rec;

	translog_clear(&rec);
	rec.ts_us = ts_us;
	rec.op = TRANSLOG_READ;
	rec.outcome = outcome;
	rec.numbers[TRANSLOG_BYTES] = 10;
	rec.numbers[TRANSLOG_RETRANSMITS] = 2;
	calendar_add(c, &rec);
}

static void
hours_are_filled_up(void)
{
	struct calendar_period *list;
	struct calendar c;
	size_t count;

	calendar_init(&c, CALENDAR_HOUR, true);
	add(&c, at(2026, 11, 22, 14, 59), OUTCOME_COMPLETE);
	add(&c, at(2026, 11, 22, 17, 0), OUTCOME_TIMEOUT);
	add(&c, at(2026, 11, 22, 14, 0), OUTCOME_DENIED);
	list = calendar_list(&c, at(2026, 11, 22, 13, 30),
	    at(2026, 11, 22, 18, 1), &count);
	T_OK(count == 6, "13 to 18 o'clock");
	T_OK(list[0].start_us == at(2026, 11, 22, 13, 0) &&
	    list[0].requests == 0 && list[5].requests == 0,
	    "empty ones at both ends");
	T_OK(list[1].requests == 2 &&
	    list[1].classes[OUTCOME_CLASS_SUCCESS] == 1 &&
	    list[1].classes[OUTCOME_CLASS_REFUSED] == 1 &&
	    list[1].bytes_sent == 20 && list[1].retransmits == 4,
	    "two in an hour");
	T_OK(list[4].requests == 1 &&
	    list[4].classes[OUTCOME_CLASS_FAILURE] == 1,
	    "a full hour begins it");
	free(list);
	list = calendar_list(&c, UINT64_MAX, at(2026, 11, 23, 0, 0), &count);
	T_OK(count == 2 && list[0].requests == 2 && list[1].requests == 1,
	    "without the empty ones");
	free(list);
	list = calendar_list(&c, at(2026, 11, 22, 17, 0),
	    at(2026, 11, 22, 18, 0), &count);
	T_OK(count == 2, "none after the last");
	free(list);
	calendar_free(&c);
}

static void
an_empty_calendar(void)
{
	struct calendar_period *list;
	struct calendar c;
	size_t count;

	calendar_init(&c, CALENDAR_DAY, true);
	list = calendar_list(&c, UINT64_MAX, UINT64_MAX, &count);
	T_OK(count == 0, "no days");
	free(list);
	list = calendar_list(&c, at(2024, 2, 28, 12, 0),
	    at(2024, 3, 1, 0, 1), &count);
	T_OK(count == 3 && list[1].start_us == at(2024, 2, 29, 0, 0),
	    "a leap day");
	free(list);
	calendar_free(&c);
}

/* The hours of a local day, which begins at start_us. */
static void
day_has_hours(const char *zone, uint64_t start_us, size_t hours,
    const char *what)
{
	struct calendar c, by_hour;
	struct calendar_period day, *list;
	size_t i, count;
	bool is_whole = true;

	use_zone(zone);
	calendar_init(&c, CALENDAR_DAY, false);
	calendar_init(&by_hour, CALENDAR_HOUR, false);
	day = calendar_period_of(&c, start_us + 5 * HOUR_US);
	T_OK(day.start_us == start_us &&
	    day.end_us == start_us + hours * HOUR_US, what);
	T_OK(calendar_period_of(&c, start_us).start_us == start_us &&
	    calendar_period_of(&c, start_us - 1).end_us == start_us &&
	    calendar_period_of(&c, day.end_us - 1).start_us == start_us,
	    "its ends belong to it");
	list = calendar_list(&by_hour, day.start_us, day.end_us, &count);
	for (i = 0; i < count; i++)
		if (list[i].start_us != start_us + i * HOUR_US)
			is_whole = false;
	T_OK(count == hours && is_whole, "hour by hour");
	free(list);
	calendar_free(&c);
	calendar_free(&by_hour);
	use_zone("UTC0");
}

static void
days_by_the_clock_on_the_wall(void)
{
	day_has_hours(berlin, at(2026, 11, 21, 23, 0), 24, "a day");
	day_has_hours(berlin, at(2026, 3, 28, 23, 0), 23,
	    "the clock is set forward");
	day_has_hours(berlin, at(2026, 10, 24, 22, 0), 25,
	    "the clock is set back");
	day_has_hours(midnight, at(2026, 10, 18, 3, 0), 23,
	    "a day without midnight");
	day_has_hours(midnight, at(2026, 2, 14, 2, 0), 25,
	    "the hour before midnight comes twice");
	day_has_hours(half_hour, at(2026, 11, 21, 18, 30), 24,
	    "half an hour beside UTC's");
}

static void
each_hour_that_comes_twice_counts(void)
{
	struct calendar_period *list;
	struct calendar c;
	size_t count;

	use_zone(berlin);
	calendar_init(&c, CALENDAR_HOUR, false);
	add(&c, at(2026, 10, 25, 0, 30), OUTCOME_COMPLETE);
	add(&c, at(2026, 10, 25, 1, 30), OUTCOME_COMPLETE);
	list = calendar_list(&c, UINT64_MAX, 0, &count);
	T_OK(count == 2 && list[0].requests == 1 && list[1].requests == 1,
	    "02:30 and 02:30");
	free(list);
	calendar_free(&c);
	use_zone("UTC0");
}

static void
the_edges_of_time(void)
{
	struct calendar c;

	use_zone(berlin);
	calendar_init(&c, CALENDAR_DAY, false);
	T_OK(calendar_period_of(&c, 0).start_us == 0 &&
	    calendar_period_of(&c, 0).end_us == 23 * HOUR_US,
	    "1970 began an hour before");
	add(&c, UINT64_C(253402300799999999), OUTCOME_COMPLETE);
	T_OK(c.periods.used == 1, "the last day of 9999");
	calendar_free(&c);
	use_zone("UTC0");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "hours are filled up", hours_are_filled_up },
		{ "an empty calendar", an_empty_calendar },
		{ "days by the clock on the wall",
		    days_by_the_clock_on_the_wall },
		{ "an hour that comes twice",
		    each_hour_that_comes_twice_counts },
		{ "the edges of time", the_edges_of_time },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "calendar", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
