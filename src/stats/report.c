#include <inttypes.h>
#include <stdio.h>

#include "stats/sum.h"
#include "stats/when.h"
#include "report_parts.h"

#define STEP_WIDTH	16	/* of the longest bar */
#define LINE_WIDTH	80
#define CLASS_WIDTH	34	/* of a class before its outcomes */

/* The bounds of aggregate_duration_us and aggregate_size_bytes. */
static const char *const duration_steps[AGGREGATE_STEPS] = {
	"< 1 ms", "< 10 ms", "< 100 ms", "< 1 s", "< 10 s", "< 1 min",
	"< 10 min", ">= 10 min"
};

static const char *const size_steps[AGGREGATE_STEPS] = {
	"< 1 kB", "< 10 kB", "< 100 kB", "< 1 MB", "< 10 MB", "< 100 MB",
	"< 1 GB", ">= 1 GB"
};

/* Where and how. */
struct output {
	FILE *out;
	const struct aggregate *a;
	const struct text_style *style;
	size_t top;
};

/*
 * "  notfound 10", on a line of its own where the last one is full.
 * used       columns of it; returns what they are then
 */
static size_t
put_outcome(const struct output *o, enum outcome outcome, size_t used)
{
	char text[64];
	size_t len;

	len = (size_t)snprintf(text, sizeof(text), "  %s %" PRIu64,
	    outcome_name(outcome), o->a->outcomes[outcome]);
	if (used + len > LINE_WIDTH) {
		fprintf(o->out, "\n%*s", CLASS_WIDTH, "");
		used = CLASS_WIDTH;
	}
	fputs(text, o->out);
	return used + len;
}

/* "    refused       12   0.1 %   notfound 10  denied 2" */
static void
put_class(const struct output *o, enum outcome_class of_class)
{
	const struct aggregate *a = o->a;
	enum text_colour colour = text_colour_of(of_class);
	char share[TEXT_NUMBER_MAX];
	size_t used = CLASS_WIDTH;
	int i;

	if (a->classes[of_class] == 0)
		return;
	fprintf(o->out, "    %s%-10s %9" PRIu64 "%s  %7s ",
	    text_colour(o->style, colour), outcome_class_name(of_class),
	    a->classes[of_class], text_colour_end(o->style, colour),
	    text_share(a->classes[of_class], a->requests, share));
	for (i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++)
		if (a->outcomes[i] != 0 &&
		    outcome_class((enum outcome)i) == of_class)
			used = put_outcome(o, (enum outcome)i, used);
	fputc('\n', o->out);
}

static void
put_count(FILE *out, uint64_t count, const char *what)
{
	fprintf(out, "%" PRIu64 " %s%s", count, what, count == 1 ? "" : "s");
}

static void
put_requests(const struct output *o)
{
	const struct aggregate *a = o->a;
	size_t i;

	fprintf(o->out, "  Requests     %9" PRIu64 "   ", a->requests);
	put_count(o->out, a->reads, "read");
	fputs(", ", o->out);
	put_count(o->out, a->writes, "write");
	fputc('\n', o->out);
	for (i = 0; i < OUTCOME_CLASS_COUNT; i++)
		put_class(o, (enum outcome_class)i);
	fprintf(o->out, "  Still open   %9" PRIu64, a->open);
	if (a->now.is_known) {
		fprintf(o->out, "   active now %" PRIu64 ": ",
		    a->now.active);
		put_count(o->out, a->now.reads, "read");
		fputs(", ", o->out);
		put_count(o->out, a->now.writes, "write");
	}
	fputc('\n', o->out);
}

static void
put_quantiles(const struct output *o, const struct hist *h,
    const struct report_quantile *quantiles, size_t count,
    const char *(*show)(uint64_t, char *))
{
	char number[TEXT_NUMBER_MAX];
	size_t i;

	for (i = 0; i < count; i++)
		fprintf(o->out, "%s%s %s", i == 0 ? "" : "   ",
		    quantiles[i].name,
		    show(hist_quantile(h, quantiles[i].permille), number));
}

static const char *
show_duration(uint64_t us, char *out)
{
	return text_duration(us, out);
}

static const char *
show_speed(uint64_t bytes, char *out)
{
	return text_speed(bytes, out);
}

static void
put_times(const struct output *o)
{
	const struct aggregate *a = o->a;

	if (a->duration_us.count != 0) {
		fputs("  Duration     ", o->out);
		put_quantiles(o, &a->duration_us, report_durations,
		    REPORT_DURATIONS, show_duration);
		fputc('\n', o->out);
	}
	if (a->first_reply_us.count != 0) {
		fputs("  First reply  ", o->out);
		put_quantiles(o, &a->first_reply_us, report_first_replies,
		    REPORT_FIRST_REPLIES, show_duration);
		fputc('\n', o->out);
	}
}

static void
put_traffic(const struct output *o)
{
	const struct aggregate *a = o->a;
	char sent[TEXT_NUMBER_MAX], received[TEXT_NUMBER_MAX];
	uint64_t busy_us = aggregate_busy_us(a), bytes = a->bytes_sent;

	fprintf(o->out, "  Bytes        sent %s   received %s\n",
	    text_bytes(a->bytes_sent, sent),
	    text_bytes(a->bytes_received, received));
	sum_add(&bytes, a->bytes_received);
	if (bytes == 0 || busy_us == 0)
		return;
	fprintf(o->out, "  Rate         %s in %s busy",
	    text_rate(bytes, busy_us, sent), text_duration(busy_us, received));
	if (a->rate.count != 0) {
		fputs("   ", o->out);
		put_quantiles(o, &a->rate, report_rates, REPORT_RATES,
		    show_speed);
	}
	fputc('\n', o->out);
}

static void
put_retransmits(const struct output *o)
{
	const struct aggregate *a = o->a;
	char share[TEXT_NUMBER_MAX];

	fputs("  Retransmits  ", o->out);
	put_count(o->out, a->retransmits, "packet");
	if (a->packets_sent != 0)
		fprintf(o->out, " (%s)",
		    text_share(a->retransmits, a->packets_sent, share));
	fprintf(o->out, " in %s of requests\n",
	    text_share(a->retransmitted, a->requests, share));
}

static void
put_spark(const struct output *o)
{
	char peak[WHEN_TEXT_MAX], label[32];
	struct report_spark s;
	bool is_hour;

	if (!report_spark_make(&s, o->a))
		return;
	is_hour = o->a->calendar->unit == CALENDAR_HOUR;
	if (s.group == 1)
		snprintf(label, sizeof(label), "Per %s", s.unit);
	else
		snprintf(label, sizeof(label), "Per %zu %ss", s.group,
		    s.unit);
	fprintf(o->out, "  %-11s  ", label);
	text_put_spark(o->out, o->style, s.requests, s.count);
	when_text(s.starts_us[s.peak], o->style->is_utc, is_hour ? 16 : 10,
	    peak);
	fprintf(o->out, "%speak %" PRIu64 " %s %s\n",
	    s.count > 30 ? "\n               " : "   ", s.requests[s.peak],
	    is_hour ? "at" : s.group == 1 ? "on" : "from",
	    is_hour ? peak + 11 : peak);
	report_spark_free(&s);
}

/* "    < 10 ms  ########            1204" */
static void
put_step(const struct output *o, const uint64_t *steps, size_t i,
    const char *label)
{
	uint64_t max = 0;
	size_t k, used;

	for (k = 0; k < AGGREGATE_STEPS; k++)
		if (steps[k] > max)
			max = steps[k];
	fprintf(o->out, "  %10s  ", label);
	used = text_put_bar(o->out, o->style, steps[i], max, STEP_WIDTH);
	fprintf(o->out, "%*s%9" PRIu64, (int)(STEP_WIDTH - used), "",
	    steps[i]);
}

static void
put_steps(const struct output *o)
{
	const struct aggregate *a = o->a;
	size_t i, first = AGGREGATE_STEPS, last = 0;

	for (i = 0; i < AGGREGATE_STEPS; i++) {
		if (a->durations[i] == 0 && a->sizes[i] == 0)
			continue;
		if (first == AGGREGATE_STEPS)
			first = i;
		last = i;
	}
	if (first == AGGREGATE_STEPS)
		return;
	fprintf(o->out, "\n%s%-41s%s%s\n", text_colour(o->style, TEXT_BOLD),
	    "How long", "How large", text_colour_end(o->style, TEXT_BOLD));
	for (i = first; i <= last; i++) {
		put_step(o, a->durations, i, duration_steps[i]);
		fputs("  ", o->out);
		put_step(o, a->sizes, i, size_steps[i]);
		fputc('\n', o->out);
	}
}

/* Frees the table. */
static void
put_table(const struct output *o, struct table *t)
{
	if (table_rows(t) != 0)
		fputc('\n', o->out);
	table_print_text(t, o->style, table_terminal_width(), o->out);
	table_free(t);
}

void
report_text(FILE *out, const struct aggregate *a,
    const struct text_style *style, size_t top)
{
	const struct output o = { out, a, style, top };
	const struct scan_result head = report_head(a);

	scan_head_text(out, "TFTP transfers", &head, style);
	put_requests(&o);
	put_traffic(&o);
	put_times(&o);
	put_retransmits(&o);
	put_spark(&o);
	put_steps(&o);
	put_table(&o, report_files(a, top));
	put_table(&o, report_errors(a, top));
	put_table(&o, report_clients(a, top));
	if (a->hints != NULL)
		hints_print(a->hints, out, style);
}
