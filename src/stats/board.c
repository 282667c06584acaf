#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stats/board.h"
#include "stats/ledger.h"
#include "stats/scan.h"
#include "stats/sum.h"

#define US_PER_S	UINT64_C(1000000)
#define SPAN_S		600
/* Strangers choose the names: so many in ten minutes, and no more. */
#define NAMES_MAX	16384

/* ---- what ended ------------------------------------------------------- */

/* NULL: it is too long ago. */
static struct board_second *
second_at(struct board *b, uint64_t at_s)
{
	struct board_second *second = &b->seconds[at_s % BOARD_SECONDS];

	if (second->at_s > at_s)
		return NULL;
	if (second->at_s < at_s)
		*second = (struct board_second){ .at_s = at_s };
	return second;
}

static struct board_span *
span_at(struct board *b, uint64_t at_s)
{
	uint64_t number = at_s / SPAN_S;
	struct board_span *span = &b->spans[number % BOARD_SPANS];

	if (span->number > number)
		return NULL;
	if (span->number < number) {
		tally_free(&span->files);
		tally_free(&span->clients);
		span->number = number;
		tally_init(&span->files, NAMES_MAX);
		tally_init(&span->clients, NAMES_MAX);
	}
	return span;
}

static void
count(struct tally *t, const void *name, size_t len, enum outcome outcome,
    uint64_t bytes)
{
	struct tally_counts *counts = tally_of(t, name, len);

	counts->requests++;
	sum_add(&counts->bytes, bytes);
	counts->classes[outcome_class(outcome)]++;
}

static size_t
copy(uint8_t to[static BOARD_TEXT_MAX], const struct translog_bytes *from)
{
	size_t len = from->buf == NULL ? 0 : from->len;

	if (len > BOARD_TEXT_MAX)
		len = BOARD_TEXT_MAX;
	if (len != 0)
		memcpy(to, from->buf, len);
	return len;
}

static void
note_problem(struct board *b, const struct translog_record *rec)
{
	enum outcome_class of_class = outcome_class(rec->outcome);
	struct board_problem *p;

	if (of_class != OUTCOME_CLASS_REFUSED &&
	    of_class != OUTCOME_CLASS_FAILURE)
		return;
	p = &b->problems[b->problem_count++ % BOARD_PROBLEMS];
	p->ts_us = rec->ts_us;
	p->outcome = rec->outcome;
	memcpy(p->client, rec->client, sizeof(p->client));
	p->file_len = copy(p->file, &rec->file);
	p->message_len = copy(p->message, &rec->message);
}

/*
 * Bytes that no look at the table has counted.  Who died may have left the
 * table some time before its end was written: all is counted already.
 */
static uint64_t
uncounted(const struct board *b, const struct translog_record *rec,
    uint64_t bytes)
{
	uint64_t counted;

	if (b->is_past)
		return bytes;
	if (rec->outcome == OUTCOME_CRASHED)
		return 0;
	counted = roster_bytes_of(&b->active.roster, ledger_id(rec->id));
	return bytes > counted ? bytes - counted : 0;
}

/* A record from the future would be in the way of those to come. */
static uint64_t
when(const struct board *b, const struct translog_record *rec)
{
	uint64_t now_us = b->active.at_us > b->started_us ?
	    b->active.at_us : b->started_us;

	return (rec->ts_us < now_us + US_PER_S ? rec->ts_us : now_us) /
	    US_PER_S;
}

static void
take_end(struct board *b, const struct translog_record *rec)
{
	uint64_t bytes = sum_number(rec, TRANSLOG_BYTES);
	uint64_t at_s = when(b, rec);
	struct board_second *second = second_at(b, at_s);
	struct board_span *span = span_at(b, at_s);

	if (second != NULL) {
		second->ends++;
		second->outcomes[rec->outcome]++;
		sum_add(&second->bytes[rec->op], uncounted(b, rec, bytes));
	}
	if (span != NULL && rec->file.buf != NULL)
		count(&span->files, rec->file.buf, rec->file.len,
		    rec->outcome, bytes);
	if (span != NULL && rec->client[0] != '\0')
		count(&span->clients, rec->client, strlen(rec->client),
		    rec->outcome, bytes);
	if (!b->is_past) {
		b->since.ends++;
		b->since.outcomes[rec->outcome]++;
	}
	note_problem(b, rec);
}

/* ---- the log ---------------------------------------------------------- */

static void
on_end(void *arg, const struct translog_record *rec)
{
	struct board *b = arg;

	if (tail_is_first_end(b->ids, rec))
		take_end(b, rec);
}

/* A tail_taker. */
static int
take(void *arg, const struct logread *r)
{
	struct board *b = arg;
	const struct translog_record *rec = &r->line.rec;

	if (rec->event == TRANSLOG_TRANSFER &&
	    tail_is_first_end(b->ids, rec) &&
	    filter_takes_end(&b->filter, rec))
		take_end(b, rec);
	return 0;
}

/* The last hour; what comes meanwhile is known by its id. */
static int
read_past(struct board *b)
{
	struct scan_handler handler = { .arg = b, .on_end = on_end };
	struct filter f = b->filter;
	struct scan_result result;
	int ret;

	if (b->started_us > BOARD_SECONDS * US_PER_S)
		f.since_us = b->started_us - BOARD_SECONDS * US_PER_S;
	b->is_past = true;
	ret = scan_run(b->o, &f, &handler, &result);
	b->is_past = false;
	return ret;
}

static int
open_log(struct board *b)
{
	if (b->o->log_count == 0)
		command_default_log(b->o, b->log_path);
	b->log_error = -tail_open(&b->tail, b->o->log_count == 0 ?
	    b->log_path : b->o->logs[0], true);
	if (b->log_error != 0 || b->tail.is_missing)
		return 0;
	return read_past(b);
}

/* ---- all of it -------------------------------------------------------- */

struct board *
board_new(const struct options *o)
{
	struct board *b = calloc(1, sizeof(*b));

	if (b == NULL)
		err(1, NULL);
	b->o = o;
	b->filter = o->filter;
	b->filter.since_us = 0;
	b->filter.until_us = UINT64_MAX;
	b->started_us = o->now_us;
	if (open_log(b) == 0)
		return b;
	board_free(b);
	return NULL;
}

static void
add_moved(struct board *b)
{
	struct board_second *now = second_at(b, b->active.at_us / US_PER_S);
	int op;

	for (op = TRANSLOG_READ; now != NULL && op <= TRANSLOG_WRITE; op++)
		sum_add(&now->bytes[op], b->active.roster.moved[op]);
}

/*
 * The table first: an end is in the log before its transfer leaves the table,
 * so whoever has left is found there with what was still uncounted.
 */
int
board_look(struct board *b)
{
	bool is_first = b->active.roster.looked_us == 0;
	int ret = active_look(&b->active, b->o, &b->filter);

	if (ret != 0)
		return ret;
	/* what the first look finds was moved at some time before */
	if (!is_first)
		add_moved(b);
	if (b->log_error == 0)
		b->log_error = -tail_look(&b->tail, take, b);
	return 0;
}

struct board_second
board_sum(const struct board *b, uint64_t from_s, uint64_t to_s)
{
	struct board_second sum = { .at_s = from_s };
	const struct board_second *second;
	uint64_t at_s;
	int k;

	for (at_s = from_s; at_s < to_s; at_s++) {
		second = &b->seconds[at_s % BOARD_SECONDS];
		if (second->at_s != at_s)
			continue;
		sum.ends += second->ends;
		for (k = 0; k < OUTCOME_COUNT; k++)
			sum.outcomes[k] += second->outcomes[k];
		for (k = TRANSLOG_READ; k <= TRANSLOG_WRITE; k++)
			sum_add(&sum.bytes[k], second->bytes[k]);
	}
	return sum;
}

static void
add_tally(struct tally *to, const struct tally *from)
{
	const struct tally_entry *e;
	struct tally_counts *counts;
	size_t i, k;

	for (i = 0; i < from->size; i++) {
		e = from->slots[i];
		if (e == NULL)
			continue;
		counts = tally_of(to, e->name, e->len);
		counts->requests += e->counts.requests;
		sum_add(&counts->bytes, e->counts.bytes);
		for (k = 0; k < OUTCOME_CLASS_COUNT; k++)
			counts->classes[k] += e->counts.classes[k];
	}
}

void
board_busiest(const struct board *b, struct tally *files,
    struct tally *clients)
{
	uint64_t now = b->active.at_us / US_PER_S / SPAN_S;
	size_t i;

	tally_init(files, (size_t)NAMES_MAX * BOARD_SPANS);
	tally_init(clients, (size_t)NAMES_MAX * BOARD_SPANS);
	for (i = 0; i < BOARD_SPANS; i++)
		if (b->spans[i].number + BOARD_SPANS > now) {
			add_tally(files, &b->spans[i].files);
			add_tally(clients, &b->spans[i].clients);
		}
}

const struct board_problem *
board_problem(const struct board *b, size_t back)
{
	if (back >= b->problem_count || back >= BOARD_PROBLEMS)
		return NULL;
	return &b->problems[(b->problem_count - 1 - back) % BOARD_PROBLEMS];
}

void
board_free(struct board *b)
{
	size_t i;

	for (i = 0; i < BOARD_SPANS; i++) {
		tally_free(&b->spans[i].files);
		tally_free(&b->spans[i].clients);
	}
	active_free(&b->active);
	tail_close(&b->tail);
	free(b);
}
