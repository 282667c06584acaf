/*
 * hours and days.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stats/calendar.h"
#include "stats/scan.h"
#include "stats/table.h"
#include "stats/when.h"

#define DAY_US		(UINT64_C(86400) * 1000000)
/* A longer window has only the hours and days that are not empty. */
#define FILLED_US	(31 * DAY_US)

/* What days shows before the last 24 hours, when no window is asked for. */
#define DEFAULT_US	(12 * DAY_US)

#define COLUMNS(title, key)						\
	{ title, key, TABLE_WORD, 0 },					\
	{ "", NULL, TABLE_WORD, 4 },	/* the weekday */		\
	{ NULL, "start", TABLE_TIME, 0 },				\
	{ "Requests", "requests", TABLE_COUNT, 0 },			\
	{ "Success", "success", TABLE_COUNT, 3 },			\
	{ "Neutral", "neutral", TABLE_COUNT, 6 },			\
	{ "Refused", "refused", TABLE_COUNT, 2 },			\
	{ "Failed", "failure", TABLE_COUNT, 0 },			\
	{ "Sent", "bytes_sent", TABLE_SIZE, 2 },			\
	{ "Received", "bytes_received", TABLE_SIZE, 5 },		\
	{ NULL, "packets_sent", TABLE_COUNT, 0 },			\
	{ "Resent", "retransmits", TABLE_COUNT, 5 },			\
	{ "", NULL, TABLE_BAR, 1 },	/* of the requests */

static const struct table_column hour_columns[] = {
	COLUMNS("Hour", "hour")
};

static const struct table_column day_columns[] = {
	COLUMNS("Day", "day")
};

static void
add(void *arg, const struct translog_record *rec)
{
	calendar_add(arg, rec);
}

/* By the clock, whether the row of the first time is shown or not. */
static bool
comes_again(const struct calendar *c, uint64_t start_us, const char *label)
{
	char before[WHEN_TEXT_MAX];

	if (c->unit == CALENDAR_DAY || start_us == 0)
		return false;
	when_text(calendar_period_of(c, start_us - 1).start_us, c->is_utc, 16,
	    before);
	return strcmp(label, before) == 0;
}

/*
 * "2026-11-22", or with its hour; an hour that comes twice has its zone
 * the second time.
 */
static void
put_label(struct table *t, const struct calendar *c, uint64_t start_us)
{
	char label[WHEN_TEXT_MAX + 8];
	struct tm tm = when_parts(start_us, c->is_utc);

	when_text(start_us, c->is_utc, c->unit == CALENDAR_DAY ? 10 : 16,
	    label);
	if (comes_again(c, start_us, label))
		strftime(label + strlen(label), 8, " %z", &tm);
	table_word(t, label);
}

static void
put_weekday(struct table *t, const struct calendar *c, uint64_t start_us)
{
	struct tm tm = when_parts(start_us, c->is_utc);
	char weekday[8];

	strftime(weekday, sizeof(weekday), "%a", &tm);
	table_word(t, weekday);
}

static void
put_row(struct table *t, const struct calendar *c,
    const struct calendar_period *p)
{
	size_t i;

	put_label(t, c, p->start_us);
	put_weekday(t, c, p->start_us);
	table_number(t, p->start_us);
	table_number(t, p->requests);
	for (i = 0; i < OUTCOME_CLASS_COUNT; i++)
		table_number(t, p->classes[i]);
	table_number(t, p->bytes_sent);
	table_number(t, p->bytes_received);
	table_number(t, p->packets_sent);
	table_number(t, p->retransmits);
	table_number(t, p->requests);
}

static void
print(const struct options *o, const struct calendar *c,
    const struct scan_result *result)
{
	bool is_day = c->unit == CALENDAR_DAY;
	struct table *t = table_new(is_day ? day_columns : hour_columns,
	    TABLE_LENGTH(day_columns));
	const struct table_fact left_out = {
		"left_out", c->periods.left_out
	};
	const struct table_about about = {
		.report = is_day ? "days" : "hours",
		.title = is_day ? "TFTP by day" : "TFTP by hour",
		.rows = is_day ? "days" : "hours",
		.facts = &left_out, .fact_count = 1
	};
	bool is_filled = result->ends != 0 && result->until_us -
	    result->since_us <= FILLED_US;
	struct calendar_period *periods;
	size_t i, count;

	periods = calendar_list(c, is_filled ? result->since_us : UINT64_MAX,
	    result->until_us, &count);
	/* The last ones, as of all that is in the order of time. */
	i = o->top != 0 && o->top < count ? count - o->top : 0;
	for (; i < count; i++)
		put_row(t, c, &periods[i]);
	free(periods);
	table_report(t, o, &about, result);
	table_free(t);
}

static int
command_periods(const struct options *o, enum calendar_unit unit)
{
	struct filter f = command_window(o);
	struct calendar calendar;
	const struct scan_handler handler = {
		.arg = &calendar, .on_end = add
	};
	struct scan_result result;
	int ret;

	calendar_init(&calendar, unit, o->style.is_utc);
	/* A day alone compares with nothing. */
	if (unit == CALENDAR_DAY && !o->has_since &&
	    f.since_us > DEFAULT_US)
		f.since_us = calendar_period_of(&calendar,
		    f.since_us - DEFAULT_US).start_us;
	ret = scan_run(o, &f, &handler, &result);
	if (ret == 0)
		print(o, &calendar, &result);
	calendar_free(&calendar);
	return ret == 0 ? command_finish() : 1;
}

int
command_hours(const struct options *o)
{
	return command_periods(o, CALENDAR_HOUR);
}

int
command_days(const struct options *o)
{
	return command_periods(o, CALENDAR_DAY);
}
