/*
 * The rows of the summary.
 */
#include <err.h>
#include <stdlib.h>

#include "report_parts.h"

#define SPARK_MAX	60	/* columns */
/* A longer window is shown from its first record on. */
#define LONG_US		(UINT64_C(400) * 86400 * 1000000)

const struct report_quantile report_durations[REPORT_DURATIONS] = {
	{ "p50", "duration_p50_us", 500 },
	{ "p95", "duration_p95_us", 950 },
	{ "p99", "duration_p99_us", 990 },
	{ "max", "duration_max_us", 1000 },
};

const struct report_quantile report_first_replies[REPORT_FIRST_REPLIES] = {
	{ "p50", "first_reply_p50_us", 500 },
	{ "p95", "first_reply_p95_us", 950 },
	{ "max", "first_reply_max_us", 1000 },
};

const struct report_quantile report_rates[REPORT_RATES] = {
	{ "p5", "rate_p5_bytes_per_second", 50 },
	{ "p50", "rate_p50_bytes_per_second", 500 },
};

/* The numbers of a group, in all its tables. */
#define COUNT_COLUMNS							\
	{ "Requests", "requests", TABLE_COUNT, 0 },			\
	{ "Bytes", "bytes", TABLE_SIZE, 1 },				\
	{ NULL, "success", TABLE_COUNT, 0 },				\
	{ NULL, "neutral", TABLE_COUNT, 0 },				\
	{ "Refused", "refused", TABLE_COUNT, 1 },			\
	{ "Failed", "failure", TABLE_COUNT, 0 },

static const struct table_column file_columns[] = {
	{ "Top files", "file", TABLE_NAME, 0 },
	COUNT_COLUMNS
};

static const struct table_column client_columns[] = {
	{ "Clients with failures", "client", TABLE_WORD, 0 },
	COUNT_COLUMNS
};

static const struct table_column error_columns[] = {
	{ "Top errors", "outcome", TABLE_WORD, 0 },
	{ "Message", "message", TABLE_NAME, 0 },
	{ "Count", "count", TABLE_COUNT, 0 },
	{ "Clients", "clients", TABLE_COUNT, 1 },
};

/* The first entries of a tally by an order, while they have failures. */
static struct table *
tally_table(const struct table_column *columns, const struct tally *tally,
    int (*order)(const void *, const void *), bool is_about_failures,
    size_t top)
{
	struct table *t = table_new(columns, TABLE_LENGTH(file_columns));
	const struct tally_counts *c;
	struct tally_entry **rows;
	size_t i, k, count;

	if (top > tally->used)
		top = tally->used;
	rows = calloc(top + 1, sizeof(*rows));
	if (rows == NULL)
		err(1, NULL);
	count = tally_top(tally, order, rows, top);
	for (i = 0; i < count; i++) {
		c = &rows[i]->counts;
		if (is_about_failures &&
		    c->classes[OUTCOME_CLASS_FAILURE] == 0)
			break;
		table_text(t, rows[i]->name, rows[i]->len);
		table_number(t, c->requests);
		table_number(t, c->bytes);
		for (k = 0; k < OUTCOME_CLASS_COUNT; k++)
			table_number(t, c->classes[k]);
	}
	free(rows);
	return t;
}

struct table *
report_files(const struct aggregate *a, size_t top)
{
	return tally_table(file_columns, &a->files, tally_by_requests, false,
	    top);
}

struct table *
report_clients(const struct aggregate *a, size_t top)
{
	return tally_table(client_columns, &a->clients, tally_by_failures,
	    true, top);
}

struct table *
report_errors(const struct aggregate *a, size_t top)
{
	struct table *t = table_new(error_columns,
	    TABLE_LENGTH(error_columns));
	struct problem **list = NULL;
	size_t i, count = 0;

	if (a->problems != NULL)
		list = problems_list(a->problems, &count);
	for (i = 0; i < count && i < top; i++) {
		table_word(t, outcome_name(list[i]->outcome));
		if (list[i]->message_len == 0)
			table_none(t);
		else
			table_text(t, problems_message(a->problems, list[i]),
			    list[i]->message_len);
		table_number(t, list[i]->count);
		table_number(t, list[i]->clients);
	}
	free(list);
	return t;
}

static void
spark_fill(struct report_spark *s, const struct calendar_period *periods,
    size_t count)
{
	size_t i, k;

	s->group = (count + SPARK_MAX - 1) / SPARK_MAX;
	s->requests = calloc(SPARK_MAX, sizeof(*s->requests));
	s->starts_us = calloc(SPARK_MAX, sizeof(*s->starts_us));
	if (s->requests == NULL || s->starts_us == NULL)
		err(1, NULL);
	for (i = 0; i < count; i++) {
		k = i / s->group;
		if (i % s->group == 0)
			s->starts_us[k] = periods[i].start_us;
		s->requests[k] += periods[i].requests;
		s->count = k + 1;
	}
	for (k = 0; k < s->count; k++)
		if (s->requests[k] > s->requests[s->peak])
			s->peak = k;
}

bool
report_spark_make(struct report_spark *s, const struct aggregate *a)
{
	struct calendar_period *periods;
	uint64_t from_us = a->since_us;
	size_t count;

	*s = (struct report_spark){ .group = 1 };
	if (a->calendar == NULL)
		return false;
	s->unit = a->calendar->unit == CALENDAR_HOUR ? "hour" : "day";
	periods = calendar_list(a->calendar, UINT64_MAX, 0, &count);
	if (count != 0 && a->until_us - a->since_us > LONG_US)
		from_us = periods[0].start_us;
	free(periods);
	if (count == 0)
		return false;
	periods = calendar_list(a->calendar, from_us, a->until_us, &count);
	spark_fill(s, periods, count);
	free(periods);
	return true;
}

void
report_spark_free(struct report_spark *s)
{
	free(s->requests);
	free(s->starts_us);
}

struct scan_result
report_head(const struct aggregate *a)
{
	return (struct scan_result){
		.since_us = a->since_us, .until_us = a->until_us,
		.ends = a->requests, .open = a->open,
		.log_files = a->log_files, .log_bytes = a->log_bytes,
		.read_bytes = a->read_bytes, .lines = a->lines
	};
}
