/*
 * The summary for programs.
 */
#include "stats/json.h"
#include "stats/sum.h"
#include "report_parts.h"

/* The single numbers, for JSON and for CSV. */
struct numbers {
	void (*put)(void *arg, const char *key, uint64_t value);
	void *arg;
};

static void
put_hist(const struct numbers *n, const char *count_key,
    const struct hist *h, const struct report_quantile *quantiles, size_t count)
{
	size_t i;

	n->put(n->arg, count_key, h->count);
	for (i = 0; i < count; i++)
		n->put(n->arg, quantiles[i].key,
		    hist_quantile(h, quantiles[i].permille));
}

static void
put_classes(const struct numbers *n, const struct aggregate *a)
{
	size_t i;

	for (i = 0; i < OUTCOME_CLASS_COUNT; i++)
		n->put(n->arg, outcome_class_name((enum outcome_class)i),
		    a->classes[i]);
	n->put(n->arg, "reads", a->reads);
	n->put(n->arg, "writes", a->writes);
	if (a->now.is_known) {
		n->put(n->arg, "active", a->now.active);
		n->put(n->arg, "active_reads", a->now.reads);
		n->put(n->arg, "active_writes", a->now.writes);
	}
}

static void
put_outcomes(const struct numbers *n, const struct aggregate *a)
{
	int i;

	for (i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++)
		n->put(n->arg, outcome_name((enum outcome)i), a->outcomes[i]);
}

static void
put_sums(const struct numbers *n, const struct aggregate *a)
{
	uint64_t busy_us = aggregate_busy_us(a), bytes = a->bytes_sent;

	sum_add(&bytes, a->bytes_received);
	n->put(n->arg, "bytes_sent", a->bytes_sent);
	n->put(n->arg, "bytes_received", a->bytes_received);
	n->put(n->arg, "busy_us", busy_us);
	n->put(n->arg, "bytes_per_second", sum_rate(bytes, busy_us));
	put_hist(n, "rate_count", &a->rate, report_rates, REPORT_RATES);
	put_hist(n, "duration_count", &a->duration_us, report_durations,
	    REPORT_DURATIONS);
	put_hist(n, "first_reply_count", &a->first_reply_us,
	    report_first_replies, REPORT_FIRST_REPLIES);
	n->put(n->arg, "packets_sent", a->packets_sent);
	n->put(n->arg, "retransmits", a->retransmits);
	n->put(n->arg, "retransmitted_requests", a->retransmitted);
}

static void
json_put(void *arg, const char *key, uint64_t value)
{
	json_int(arg, key, value);
}

static void
json_steps(struct json *j, const char *key, const char *below_key,
    const uint64_t *bounds, const uint64_t *steps)
{
	size_t i;

	json_open(j, key, '[');
	for (i = 0; i < AGGREGATE_STEPS; i++) {
		json_open(j, NULL, '{');
		if (i < AGGREGATE_STEPS - 1)
			json_int(j, below_key, bounds[i]);
		json_int(j, "count", steps[i]);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
json_spark(struct json *j, const struct aggregate *a)
{
	struct report_spark s;
	size_t i;

	if (!report_spark_make(&s, a))
		return;
	json_text(j, "period", s.unit);
	json_int(j, "period_group", s.group);
	json_open(j, "periods", '[');
	for (i = 0; i < s.count; i++) {
		json_open(j, NULL, '{');
		json_time(j, "start", s.starts_us[i]);
		json_int(j, "requests", s.requests[i]);
		json_close(j, '}');
	}
	json_close(j, ']');
	report_spark_free(&s);
}

/* Frees the table. */
static void
json_table(struct json *j, const char *key, struct table *t)
{
	table_print_json(t, j, key);
	table_free(t);
}

void
report_json(FILE *out, const struct aggregate *a, size_t top)
{
	struct json j = { .out = out };
	const struct numbers numbers = { json_put, &j };
	const struct scan_result head = report_head(a);

	scan_head_json(&j, "summary", &head);
	put_classes(&numbers, a);
	json_open(&j, "outcomes", '{');
	put_outcomes(&numbers, a);
	json_close(&j, '}');
	put_sums(&numbers, a);
	json_steps(&j, "durations", "below_us", aggregate_duration_us,
	    a->durations);
	json_steps(&j, "sizes", "below_bytes", aggregate_size_bytes,
	    a->sizes);
	json_spark(&j, a);
	json_int(&j, "files_left_out", a->files.rest.requests);
	json_int(&j, "clients_left_out", a->clients.rest.requests);
	json_table(&j, "top_files", report_files(a, top));
	json_table(&j, "top_errors", report_errors(a, top));
	json_table(&j, "top_clients", report_clients(a, top));
	if (a->hints != NULL)
		hints_json(a->hints, &j);
	json_close(&j, '}');
	fputc('\n', out);
}

static void
csv_put(void *arg, const char *key, uint64_t value)
{
	table_word(arg, key);
	table_number(arg, value);
}

void
report_csv(FILE *out, const struct aggregate *a)
{
	static const struct table_column columns[] = {
		{ "Name", "name", TABLE_WORD, 0 },
		{ "Value", "value", TABLE_COUNT, 0 },
	};
	struct table *t = table_new(columns, TABLE_LENGTH(columns));
	const struct numbers numbers = { csv_put, t };

	csv_put(t, "log_files", a->log_files);
	csv_put(t, "log_bytes", a->log_bytes);
	csv_put(t, "read_bytes", a->read_bytes);
	csv_put(t, "bad_lines", a->lines.bad);
	csv_put(t, "torn_lines", a->lines.torn);
	csv_put(t, "newer_lines", a->lines.newer);
	csv_put(t, "requests", a->requests);
	csv_put(t, "open", a->open);
	put_classes(&numbers, a);
	put_outcomes(&numbers, a);
	put_sums(&numbers, a);
	table_print_csv(t, out);
	table_free(t);
}
