#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stats/json.h"
#include "stats/report.h"
#include "stats/when.h"

static const char *const class_names[] = {
	[OUTCOME_CLASS_SUCCESS] = "success",
	[OUTCOME_CLASS_NEUTRAL] = "neutral",
	[OUTCOME_CLASS_REFUSED] = "refused",
	[OUTCOME_CLASS_FAILURE] = "failure",
};

#define CLASS_COUNT	(sizeof(class_names) / sizeof(class_names[0]))

static const struct {
	const char *name, *key;
	unsigned permille;
} quantiles[] = {
	{ "p50", "duration_p50_us", 500 },
	{ "p95", "duration_p95_us", 950 },
	{ "p99", "duration_p99_us", 990 },
	{ "max", "duration_max_us", 1000 },
};

#define QUANTILE_COUNT	(sizeof(quantiles) / sizeof(quantiles[0]))

/* A table of the report: whose counters, in which order. */
struct table {
	const struct tally *tally;
	int (*order)(const void *, const void *);
	/* Whether an entry is worth a row. */
	bool (*has_row)(const struct tally_counts *counts);
	const char *title, *list_key, *key, *hex_key;
};

static bool
always(const struct tally_counts *counts)
{
	return counts->requests != 0;
}

static bool
has_failures(const struct tally_counts *counts)
{
	return counts->classes[OUTCOME_CLASS_FAILURE] != 0;
}

/* The rows of a table, at most top; the array is the caller's. */
static struct tally_entry **
rows_of(const struct table *table, size_t top, size_t *count)
{
	struct tally_entry **rows;
	size_t i;

	if (top > table->tally->used)
		top = table->tally->used;
	rows = calloc(top + 1, sizeof(*rows));
	if (rows == NULL)
		err(1, NULL);
	*count = tally_top(table->tally, table->order, rows, top);
	for (i = 0; i < *count; i++)
		if (!table->has_row(&rows[i]->counts))
			break;
	*count = i;
	return rows;
}

static void
put_window(FILE *out, const struct aggregate *a,
    const struct text_style *style)
{
	char since[WHEN_TEXT_MAX], until[WHEN_TEXT_MAX];
	uint64_t bad = a->lines.bad + a->lines.torn;
	uint64_t hours = (a->until_us - a->since_us) / 3600000000;

	when_text(a->since_us, style->is_utc, 16, since);
	when_text(a->until_us, style->is_utc, 16, until);
	fprintf(out, "TFTP transfers   %s .. %s   (", since, until);
	if (hours < 72)
		fprintf(out, "%" PRIu64 " h", hours);
	else
		fprintf(out, "%" PRIu64 " d", hours / 24);
	fprintf(out, ", %" PRIu64 " log file%s, %" PRIu64 " bad line%s",
	    a->log_files, a->log_files == 1 ? "" : "s", bad,
	    bad == 1 ? "" : "s");
	if (a->lines.torn != 0)
		fprintf(out, " of which %" PRIu64 " torn", a->lines.torn);
	if (a->lines.newer != 0)
		fprintf(out, ", %" PRIu64 " of a newer version",
		    a->lines.newer);
	fputs(")\n", out);
}

/* "  refused       12 (0.1 %)   notfound 10   denied 2" */
static void
put_class(FILE *out, const struct aggregate *a, enum outcome_class of_class)
{
	char share[TEXT_NUMBER_MAX];
	int i;

	if (a->classes[of_class] == 0)
		return;
	fprintf(out, "    %-10s %9" PRIu64 "  %7s ", class_names[of_class],
	    a->classes[of_class],
	    text_share(a->classes[of_class], a->requests, share));
	for (i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++)
		if (a->outcomes[i] != 0 &&
		    outcome_class((enum outcome)i) == of_class)
			fprintf(out, "  %s %" PRIu64,
			    outcome_name((enum outcome)i), a->outcomes[i]);
	fputc('\n', out);
}

static void
put_requests(FILE *out, const struct aggregate *a)
{
	size_t i;

	fprintf(out, "  Requests     %9" PRIu64 "\n", a->requests);
	for (i = 0; i < CLASS_COUNT; i++)
		put_class(out, a, (enum outcome_class)i);
	fprintf(out, "  Still open   %9" PRIu64 "\n", a->open);
}

static void
put_durations(FILE *out, const struct aggregate *a)
{
	char number[TEXT_NUMBER_MAX];
	size_t i;

	if (a->duration_us.count == 0)
		return;
	fputs("  Duration     ", out);
	for (i = 0; i < QUANTILE_COUNT; i++)
		fprintf(out, "%s%s %s", i == 0 ? "" : "   ",
		    quantiles[i].name,
		    text_duration(hist_quantile(&a->duration_us,
		    quantiles[i].permille), number));
	fputs("   (successful)\n", out);
}

static void
put_traffic(FILE *out, const struct aggregate *a)
{
	char sent[TEXT_NUMBER_MAX], received[TEXT_NUMBER_MAX];
	char share[TEXT_NUMBER_MAX];

	fprintf(out, "  Bytes        sent %s   received %s\n",
	    text_bytes(a->bytes_sent, sent),
	    text_bytes(a->bytes_received, received));
	put_durations(out, a);
	fprintf(out, "  Retransmits  %" PRIu64 " packet%s in %s of requests\n",
	    a->retransmits, a->retransmits == 1 ? "" : "s",
	    text_share(a->retransmitted, a->requests, share));
}

static void
put_table(FILE *out, const struct text_style *style,
    const struct table *table, size_t top)
{
	struct tally_entry **rows;
	char bytes[TEXT_NUMBER_MAX];
	size_t i, count;

	rows = rows_of(table, top, &count);
	if (count != 0)
		fprintf(out, "\n%-40s %9s %10s %9s %9s\n", table->title,
		    "requests", "bytes", "refused", "failure");
	for (i = 0; i < count; i++) {
		const struct tally_counts *c = &rows[i]->counts;

		fputs("  ", out);
		text_put_column(out, style, rows[i]->name, rows[i]->len, 38);
		fprintf(out, " %9" PRIu64 " %10s %9" PRIu64 " %9" PRIu64 "\n",
		    c->requests, text_bytes(c->bytes, bytes),
		    c->classes[OUTCOME_CLASS_REFUSED],
		    c->classes[OUTCOME_CLASS_FAILURE]);
	}
	free(rows);
}

static void
tables_of(const struct aggregate *a, struct table tables[static 2])
{
	tables[0] = (struct table){
		&a->files, tally_by_requests, always,
		"Top files", "top_files", "file", "file_hex"
	};
	tables[1] = (struct table){
		&a->clients, tally_by_failures, has_failures,
		"Clients with failures", "top_clients", "client", "client_hex"
	};
}

void
report_text(FILE *out, const struct aggregate *a,
    const struct text_style *style, size_t top)
{
	struct table tables[2];

	tables_of(a, tables);
	put_window(out, a, style);
	put_requests(out, a);
	put_traffic(out, a);
	put_table(out, style, &tables[0], top);
	put_table(out, style, &tables[1], top);
}

static void
json_ts(struct json *j, const char *key, uint64_t ts_us)
{
	char ts[TRANSLOG_TS_LEN + 1];

	translog_put_ts(ts_us, ts);
	json_text(j, key, ts);
}

static void
json_outcomes(struct json *j, const struct aggregate *a)
{
	size_t i;

	for (i = 0; i < CLASS_COUNT; i++)
		json_int(j, class_names[i], a->classes[i]);
	json_int(j, "open", a->open);
	json_open(j, "outcomes", '{');
	for (i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++)
		json_int(j, outcome_name((enum outcome)i), a->outcomes[i]);
	json_close(j, '}');
}

static void
json_traffic(struct json *j, const struct aggregate *a)
{
	size_t i;

	json_int(j, "bytes_sent", a->bytes_sent);
	json_int(j, "bytes_received", a->bytes_received);
	json_int(j, "duration_count", a->duration_us.count);
	for (i = 0; i < QUANTILE_COUNT; i++)
		json_int(j, quantiles[i].key, hist_quantile(&a->duration_us,
		    quantiles[i].permille));
	json_int(j, "retransmits", a->retransmits);
	json_int(j, "retransmitted_requests", a->retransmitted);
}

static void
json_table(struct json *j, const struct table *table, size_t top)
{
	struct tally_entry **rows;
	size_t i, k, count;

	rows = rows_of(table, top, &count);
	json_open(j, table->list_key, '[');
	for (i = 0; i < count; i++) {
		json_open(j, NULL, '{');
		json_bytes(j, table->key, table->hex_key, rows[i]->name,
		    rows[i]->len);
		json_int(j, "requests", rows[i]->counts.requests);
		json_int(j, "bytes", rows[i]->counts.bytes);
		for (k = 0; k < CLASS_COUNT; k++)
			json_int(j, class_names[k],
			    rows[i]->counts.classes[k]);
		json_close(j, '}');
	}
	json_close(j, ']');
	free(rows);
}

void
report_json(FILE *out, const struct aggregate *a, size_t top)
{
	struct json j = { .out = out };
	struct table tables[2];

	tables_of(a, tables);
	json_open(&j, NULL, '{');
	json_int(&j, "schema", 1);
	json_text(&j, "report", "summary");
	json_ts(&j, "since", a->since_us);
	json_ts(&j, "until", a->until_us);
	json_int(&j, "log_files", a->log_files);
	json_int(&j, "bad_lines", a->lines.bad);
	json_int(&j, "torn_lines", a->lines.torn);
	json_int(&j, "newer_lines", a->lines.newer);
	json_int(&j, "requests", a->requests);
	json_outcomes(&j, a);
	json_traffic(&j, a);
	json_table(&j, &tables[0], top);
	json_table(&j, &tables[1], top);
	json_close(&j, '}');
	fputc('\n', out);
}
