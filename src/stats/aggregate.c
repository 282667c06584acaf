#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "stats/aggregate.h"
#include "stats/sum.h"

const uint64_t aggregate_duration_us[AGGREGATE_STEPS - 1] = {
	1000, 10000, 100000, 1000000, 10000000, 60000000, 600000000
};

const uint64_t aggregate_size_bytes[AGGREGATE_STEPS - 1] = {
	1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000
};

struct aggregate *
aggregate_new(void)
{
	struct aggregate *a = calloc(1, sizeof(*a));

	if (a == NULL)
		err(1, NULL);
	tally_init(&a->files, TALLY_MAX);
	tally_init(&a->clients, TALLY_MAX);
	return a;
}

void
aggregate_free(struct aggregate *a)
{
	tally_free(&a->files);
	tally_free(&a->clients);
	free(a);
}

static void
count(struct tally_counts *counts, const struct translog_record *rec)
{
	counts->requests++;
	counts->classes[outcome_class(rec->outcome)]++;
	sum_add(&counts->bytes, sum_number(rec, TRANSLOG_BYTES));
}

static void
count_step(uint64_t steps[static AGGREGATE_STEPS],
    const uint64_t bounds[static AGGREGATE_STEPS - 1], uint64_t value)
{
	size_t i;

	for (i = 0; i < AGGREGATE_STEPS - 1 && value >= bounds[i]; i++)
		;
	steps[i]++;
}

/* How long it took and what came of it. */
static void
add_success(struct aggregate *a, const struct translog_record *rec)
{
	uint64_t bytes = sum_number(rec, TRANSLOG_BYTES);
	uint64_t duration_us = sum_number(rec, TRANSLOG_DURATION_US);

	if (rec->numbers[TRANSLOG_BYTES] >= 0)
		count_step(a->sizes, aggregate_size_bytes, bytes);
	if (rec->numbers[TRANSLOG_DURATION_US] < 0)
		return;
	hist_add(&a->duration_us, duration_us);
	count_step(a->durations, aggregate_duration_us, duration_us);
	if (bytes >= AGGREGATE_RATE_MIN && duration_us != 0)
		hist_add(&a->rate, sum_rate(bytes, duration_us));
}

static uint64_t
span_sum(const struct aggregate_span *spans, size_t count)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < count; i++)
		sum_add(&sum, spans[i].end_us - spans[i].start_us);
	return sum;
}

/* The older half will hardly grow any more. */
static void
drop_oldest(struct aggregate_busy *b)
{
	size_t half = b->count / 2;

	sum_add(&b->done_us, span_sum(b->spans, half));
	b->count -= half;
	memmove(&b->spans[0], &b->spans[half],
	    b->count * sizeof(b->spans[0]));
}

static void
add_busy(struct aggregate_busy *b, uint64_t end_us, uint64_t duration_us)
{
	struct aggregate_span span = {
		.start_us = end_us > duration_us ? end_us - duration_us : 0,
		.end_us = end_us
	};
	size_t above, below;

	if (b->count == AGGREGATE_SPANS)
		drop_oldest(b);
	if (b->count == 0 || span.start_us < b->first_us)
		b->first_us = span.start_us;
	/* Spans from below up to above become one with it. */
	for (above = b->count; above > 0; above--)
		if (b->spans[above - 1].start_us <= span.end_us)
			break;
	for (below = above; below > 0; below--) {
		if (b->spans[below - 1].end_us < span.start_us)
			break;
		if (b->spans[below - 1].start_us < span.start_us)
			span.start_us = b->spans[below - 1].start_us;
		if (b->spans[below - 1].end_us > span.end_us)
			span.end_us = b->spans[below - 1].end_us;
	}
	memmove(&b->spans[below + 1], &b->spans[above],
	    (b->count - above) * sizeof(span));
	b->spans[below] = span;
	b->count = below + 1 + b->count - above;
}

uint64_t
aggregate_busy_us(const struct aggregate *a)
{
	const struct aggregate_busy *b = &a->busy;
	uint64_t sum = span_sum(b->spans, b->count), whole;

	if (b->count == 0)
		return 0;
	/* Some may have covered spans that were dropped. */
	sum_add(&sum, b->done_us);
	whole = b->spans[b->count - 1].end_us - b->first_us;
	return sum < whole ? sum : whole;
}

static void
add_traffic(struct aggregate *a, const struct translog_record *rec)
{
	uint64_t retransmits = sum_number(rec, TRANSLOG_RETRANSMITS);

	a->reads += rec->op == TRANSLOG_READ;
	a->writes += rec->op == TRANSLOG_WRITE;
	sum_add(rec->op == TRANSLOG_WRITE ? &a->bytes_received :
	    &a->bytes_sent, sum_number(rec, TRANSLOG_BYTES));
	sum_add(&a->packets_sent, sum_number(rec, TRANSLOG_PACKETS_SENT));
	sum_add(&a->retransmits, retransmits);
	a->retransmitted += retransmits != 0;
	if (rec->numbers[TRANSLOG_FIRST_REPLY_US] >= 0)
		hist_add(&a->first_reply_us,
		    sum_number(rec, TRANSLOG_FIRST_REPLY_US));
	if (rec->numbers[TRANSLOG_DURATION_US] >= 0)
		add_busy(&a->busy, rec->ts_us,
		    sum_number(rec, TRANSLOG_DURATION_US));
}

void
aggregate_add(struct aggregate *a, const struct translog_record *rec)
{
	enum outcome_class of_class = outcome_class(rec->outcome);

	a->requests++;
	a->outcomes[rec->outcome]++;
	a->classes[of_class]++;
	add_traffic(a, rec);
	if (of_class == OUTCOME_CLASS_SUCCESS)
		add_success(a, rec);
	if (rec->file.buf != NULL)
		count(tally_of(&a->files, rec->file.buf, rec->file.len), rec);
	if (rec->client[0] != '\0')
		count(tally_of(&a->clients, (const uint8_t *)rec->client,
		    strlen(rec->client)), rec);
}
