#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "status/chart.h"
#include "t.h"

#define MINUTE	(UINT64_C(60) * 1000000)
#define HOUR	(60 * MINUTE)
#define DAY	(24 * HOUR)
/* 2026-11-23T17:21:40Z */
#define NOW	(UINT64_C(1795454500) * 1000000)

static void
set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static void
add(struct chart *c, uint64_t ts_us, enum outcome outcome,
    enum translog_op op, int64_t bytes)
{
	struct translog_record rec;

	translog_clear(&rec);
	rec.event = TRANSLOG_TRANSFER;
	rec.ts_us = ts_us;
	rec.outcome = outcome;
	rec.op = op;
	rec.numbers[TRANSLOG_BYTES] = bytes;
	chart_add(c, &rec);
}

static void
bars_begin_by_the_clock(void)
{
	static const struct {
		const char *what, *zone;
		bool is_utc;
		uint64_t span, bar;
		size_t count;
		uint64_t late;	/* the first bar begins before the window */
	} cases[] = {
		{ "a day in UTC", "UTC", true, DAY, 30 * MINUTE, 49,
		    21 * MINUTE + 40000000 },
		{ "a quarter of an hour", "UTC", true, 15 * MINUTE,
		    MINUTE / 2, 31, 10000000 },
		{ "a week in a zone of half an hour", "XYZ-05:30", false,
		    7 * DAY, 3 * HOUR, 57, HOUR + 51 * MINUTE + 40000000 },
		{ "west of Greenwich", "XYZ02:00", false, 7 * DAY, 3 * HOUR,
		    57, 21 * MINUTE + 40000000 },
		{ "UTC in spite of the zone", "XYZ-05:30", true, 7 * DAY,
		    3 * HOUR, 57, 2 * HOUR + 21 * MINUTE + 40000000 },
		{ "more than there is room for", "UTC", true, DAY, MINUTE,
		    CHART_BARS, 40000000 },
	};
	struct chart c;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_zone(cases[i].zone);
		chart_init(&c, NOW - cases[i].span, NOW, cases[i].bar, DAY,
		    cases[i].is_utc);
		T_OK(c.count == cases[i].count && c.bars[0].start_us ==
		    NOW - cases[i].span - cases[i].late, cases[i].what);
	}
}

static void
each_end_is_in_one_bar(void)
{
	uint64_t sum = 0, sent = 0;
	struct chart c;
	size_t i;

	set_zone("UTC");
	chart_init(&c, NOW - DAY, NOW, 30 * MINUTE, 4 * HOUR, true);
	add(&c, 0, OUTCOME_COMPLETE, TRANSLOG_READ, 1);
	add(&c, NOW - DAY, OUTCOME_NOTFOUND, TRANSLOG_READ, 0);
	add(&c, c.bars[7].start_us, OUTCOME_TIMEOUT, TRANSLOG_READ, 10);
	add(&c, c.bars[8].start_us - 1, OUTCOME_COMPLETE, TRANSLOG_WRITE, 5);
	add(&c, c.bars[8].start_us, OUTCOME_PROBE, TRANSLOG_NO_OP, -1);
	add(&c, NOW + MINUTE, OUTCOME_COMPLETE, TRANSLOG_READ, INT64_MAX);
	add(&c, UINT64_MAX, OUTCOME_COMPLETE, TRANSLOG_READ, INT64_MAX);
	add(&c, UINT64_MAX, OUTCOME_COMPLETE, TRANSLOG_READ, INT64_MAX);
	for (i = 0; i < c.count; i++) {
		sum += c.bars[i].classes[0] + c.bars[i].classes[1] +
		    c.bars[i].classes[2] + c.bars[i].classes[3];
		sent += i < c.count - 1 ? c.bars[i].bytes[TRANSLOG_READ] : 0;
	}
	CU_ASSERT(sum == 8 && sent == 11);
	CU_ASSERT(c.bars[0].classes[OUTCOME_CLASS_SUCCESS] == 1);
	CU_ASSERT(c.bars[0].classes[OUTCOME_CLASS_REFUSED] == 1);
	CU_ASSERT(c.bars[7].classes[OUTCOME_CLASS_FAILURE] == 1);
	CU_ASSERT(c.bars[7].bytes[TRANSLOG_WRITE] == 5);
	CU_ASSERT(c.bars[8].classes[OUTCOME_CLASS_NEUTRAL] == 1);
	CU_ASSERT(c.bars[c.count - 1].classes[OUTCOME_CLASS_SUCCESS] == 3);
	CU_ASSERT(c.bars[c.count - 1].bytes[TRANSLOG_READ] == UINT64_MAX);
}

static void
scales_end_at_round_numbers(void)
{
	static const struct {
		uint64_t most, top;
	} cases[] = {
		{ 0, 1 }, { 1, 1 }, { 2, 2 }, { 3, 4 }, { 5, 6 }, { 7, 8 },
		{ 9, 10 }, { 10, 10 }, { 11, 20 }, { 99, 100 },
		{ 100, 100 }, { 101, 200 }, { 401, 600 },
		{ 1234567, 2000000 }, { UINT64_MAX, UINT64_MAX },
	};
	uint64_t most;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_EQUAL(chart_top(cases[i].most), cases[i].top);
	for (most = 1; most < UINT64_MAX / 3; most *= 3)
		T_OK(chart_top(most) >= most && chart_top(most) / 2 <= most,
		    "the bars use at least half of the height");
}

static size_t
count(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		n++;
	return n;
}

static void
the_drawing(void)
{
	char *text;
	size_t size;
	struct chart c;
	FILE *f = open_memstream(&text, &size);

	set_zone("UTC");
	chart_init(&c, NOW - DAY, NOW, 30 * MINUTE, 4 * HOUR, true);
	add(&c, c.bars[9].start_us, OUTCOME_COMPLETE, TRANSLOG_READ, 5);
	add(&c, c.bars[9].start_us, OUTCOME_NOTFOUND, TRANSLOG_READ, 0);
	chart_put(f, &c, &chart_requests);
	chart_put(f, &c, &chart_bytes);
	chart_put_table(f, &c);
	fclose(f);
	CU_ASSERT_EQUAL(count(text, "<g>"), 2 * c.count);
	CU_ASSERT_EQUAL(count(text, "</g>"), 2 * c.count);
	CU_ASSERT_EQUAL(count(text, "<text "), 2 * 6);
	T_OK(strstr(text, "<rect class=\"success\" x=\"18.592%\" y=\"70.0\" "
	    "width=\"1.592%\" height=\"70.0\"/><rect class=\"refused\" "
	    "x=\"18.592%\" y=\"0.0\" width=\"1.592%\" height=\"70.0\"/>"
	    "<title>21:30 to 22:00\n1 success\n1 refused</title>") != NULL,
	    "one on the other");
	T_OK(strstr(text, "style=") == NULL, "no style attribute");
	CU_ASSERT_EQUAL(count(text, "<th scope=\"row\">"), 1);
	free(text);
}

static void
nothing_at_all(void)
{
	char *text;
	size_t size;
	struct chart c;
	FILE *f = open_memstream(&text, &size);

	chart_init(&c, 0, 1, MINUTE, HOUR, true);
	chart_put(f, &c, &chart_bytes);
	chart_put_table(f, &c);
	fclose(f);
	CU_ASSERT_EQUAL(c.count, 1);
	CU_ASSERT(strstr(text, "nan") == NULL && strstr(text, "inf") == NULL);
	free(text);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "bars begin by the clock", bars_begin_by_the_clock },
		{ "each end is in one bar", each_end_is_in_one_bar },
		{ "scales end at round numbers",
		    scales_end_at_round_numbers },
		{ "the drawing", the_drawing },
		{ "nothing at all", nothing_at_all },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "chart", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
