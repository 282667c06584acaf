#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats/keyed.h"
#include "stats/latest.h"
#include "stats/scan.h"
#include "stats/sum.h"
#include "stats/table.h"

#define CLIENTS_MAX	((size_t)1 << 17)
#define FAILED_MAX	((size_t)1 << 17)	/* pairs of client and file */

struct client {
	uint64_t requests, bytes;
	uint64_t classes[OUTCOME_CLASS_COUNT];
	uint64_t success_bytes, success_us;
	uint64_t packets_sent, retransmits;
	struct latest latest;
};

static const struct table_column columns[] = {
	{ "Client", "client", TABLE_WORD, 0 },
	{ "Requests", "requests", TABLE_COUNT, 0 },
	{ "Success", "success", TABLE_COUNT, 3 },
	{ "Neutral", "neutral", TABLE_COUNT, 6 },
	{ "Refused", "refused", TABLE_COUNT, 1 },
	{ "Failed", "failure", TABLE_COUNT, 0 },
	{ "Bytes", "bytes", TABLE_SIZE, 1 },
	{ "Rate", "bytes_per_second", TABLE_RATE, 5 },
	{ "Resent", "retransmit_permille", TABLE_SHARE, 5 },
	{ NULL, "packets_sent", TABLE_COUNT, 0 },
	{ NULL, "retransmits", TABLE_COUNT, 0 },
	{ "Last", "last", TABLE_TIME, 2 },
	{ "Outcome", "last_outcome", TABLE_WORD, 3 },
	{ "Last file", "last_file", TABLE_NAME, 4 },
};

static void
add(void *arg, const struct translog_record *rec)
{
	struct keyed *clients = arg;
	enum outcome_class of_class = outcome_class(rec->outcome);
	uint64_t bytes = sum_number(rec, TRANSLOG_BYTES);
	struct client *c;

	if (rec->client[0] == '\0')
		return;
	c = keyed_of(clients, rec->client, strlen(rec->client));
	if (c == NULL)
		return;
	c->requests++;
	c->classes[of_class]++;
	sum_add(&c->bytes, bytes);
	if (of_class == OUTCOME_CLASS_SUCCESS) {
		sum_add(&c->success_bytes, bytes);
		sum_add(&c->success_us, sum_number(rec,
		    TRANSLOG_DURATION_US));
	}
	sum_add(&c->packets_sent, sum_number(rec, TRANSLOG_PACKETS_SENT));
	sum_add(&c->retransmits, sum_number(rec, TRANSLOG_RETRANSMITS));
	latest_note(&c->latest, rec);
}

static int
by_requests(const void *a, const void *b, void *clients)
{
	const struct client *x = *(struct client *const *)a;
	const struct client *y = *(struct client *const *)b;

	if (x->requests != y->requests)
		return x->requests < y->requests ? 1 : -1;
	return keyed_compare_names(clients, x, y);
}

static void
put_row(struct table *t, const struct keyed *clients, const struct client *c)
{
	const uint8_t *name;
	size_t i, len;

	name = keyed_name(clients, c, &len);
	table_text(t, name, len);
	table_number(t, c->requests);
	for (i = 0; i < OUTCOME_CLASS_COUNT; i++)
		table_number(t, c->classes[i]);
	table_number(t, c->bytes);
	table_rate(t, c->success_bytes, c->success_us);
	table_share(t, c->retransmits, c->packets_sent);
	table_number(t, c->packets_sent);
	table_number(t, c->retransmits);
	latest_put(&c->latest, t);
}

static void
print(const struct options *o, const struct keyed *clients,
    const struct scan_result *result)
{
	struct table *t = table_new(columns, TABLE_LENGTH(columns));
	const struct table_fact left_out = { "left_out", clients->left_out };
	const struct table_about about = {
		.report = "clients", .title = "TFTP clients",
		.rows = "clients", .facts = &left_out, .fact_count = 1
	};
	void **list = keyed_sorted(clients, by_requests);
	size_t i;

	for (i = 0; i < clients->used && (o->top == 0 || i < o->top); i++)
		put_row(t, clients, list[i]);
	free(list);
	table_report(t, o, &about, result);
	table_free(t);
}

static void
free_clients(struct keyed *clients)
{
	struct client *c;
	size_t at = 0;

	while ((c = keyed_next(clients, &at)) != NULL)
		latest_free(&c->latest);
	keyed_free(clients);
}

static int
list_clients(const struct options *o)
{
	struct filter f = command_window(o);
	struct keyed clients;
	const struct scan_handler handler = {
		.arg = &clients, .on_end = add
	};
	struct scan_result result;
	int ret;

	keyed_init(&clients, sizeof(struct client), CLIENTS_MAX);
	ret = scan_run(o, &f, &handler, &result);
	if (ret == 0)
		print(o, &clients, &result);
	free_clients(&clients);
	return ret == 0 ? command_finish() : 1;
}

/*
 * clients --failed-since: files that a client asked for and did not get
 * later on.
 */
struct failed {
	struct keyed wanted;	/* struct want, by client, op and file */
	uint32_t outcomes;	/* of --outcome; 0: any */
};

struct want {
	uint64_t failures;	/* since the last success */
	uint64_t first_us, last_us;
	enum outcome outcome;	/* the last one */
	uint32_t client_len;	/* of the name; op and file follow */
};

#define WANT_NAME_MAX	(TRANSLOG_ADDR_MAX + 1 + TRANSLOG_LINE_MAX)

/* Returns the length. */
static size_t
want_name(const struct translog_record *rec, uint8_t out[static WANT_NAME_MAX])
{
	size_t len = strlen(rec->client), file_len = rec->file.len;

	if (file_len > TRANSLOG_LINE_MAX)
		file_len = TRANSLOG_LINE_MAX;
	memcpy(out, rec->client, len);
	out[len++] = (uint8_t)rec->op;
	memcpy(out + len, rec->file.buf, file_len);
	return len + file_len;
}

static bool
is_failure(const struct failed *f, enum outcome outcome)
{
	enum outcome_class of_class = outcome_class(outcome);

	return (of_class == OUTCOME_CLASS_FAILURE ||
	    of_class == OUTCOME_CLASS_REFUSED) &&
	    (f->outcomes == 0 || f->outcomes >> outcome & 1);
}

static void
add_failure(struct failed *f, const struct translog_record *rec,
    const uint8_t *name, size_t len)
{
	struct want *want = keyed_of(&f->wanted, name, len);

	if (want == NULL)
		return;
	if (want->failures++ == 0)
		want->first_us = rec->ts_us;
	want->last_us = rec->ts_us;
	want->outcome = rec->outcome;
	want->client_len = (uint32_t)strlen(rec->client);
}

static void
add_want(void *arg, const struct translog_record *rec)
{
	uint8_t name[WANT_NAME_MAX];
	struct failed *f = arg;
	struct want *want;
	size_t len;

	if (rec->client[0] == '\0' || rec->file.buf == NULL)
		return;
	len = want_name(rec, name);
	if (is_failure(f, rec->outcome)) {
		add_failure(f, rec, name, len);
	} else if (outcome_class(rec->outcome) == OUTCOME_CLASS_SUCCESS) {
		want = keyed_find(&f->wanted, name, len);
		if (want != NULL)
			want->failures = 0;
	}
}

static const struct table_column want_columns[] = {
	{ "Client", "client", TABLE_WORD, 0 },
	{ "Op", "op", TABLE_WORD, 3 },
	{ "File", "file", TABLE_NAME, 0 },
	{ "Outcome", "outcome", TABLE_WORD, 0 },
	{ "Times", "failures", TABLE_COUNT, 2 },
	{ NULL, "first", TABLE_TIME, 0 },
	{ "Last", "last", TABLE_TIME, 1 },
};

/* By client, then the one that failed last. */
static int
by_client(const void *a, const void *b, void *wanted)
{
	const struct want *x = *(struct want *const *)a;
	const struct want *y = *(struct want *const *)b;
	size_t x_len, y_len, len;
	const uint8_t *x_name = keyed_name(wanted, x, &x_len);
	const uint8_t *y_name = keyed_name(wanted, y, &y_len);
	int diff;

	len = x->client_len < y->client_len ? x->client_len : y->client_len;
	diff = memcmp(x_name, y_name, len);
	if (diff == 0)
		diff = (x->client_len > y->client_len) -
		    (x->client_len < y->client_len);
	if (diff == 0)
		diff = (x->last_us < y->last_us) - (x->last_us > y->last_us);
	return diff != 0 ? diff : keyed_compare_names(wanted, x, y);
}

static void
put_want(struct table *t, const struct keyed *wanted, const struct want *want)
{
	size_t len, at = want->client_len;
	const uint8_t *name = keyed_name(wanted, want, &len);
	enum translog_op op = (enum translog_op)name[at];

	table_text(t, name, at);
	if (op == TRANSLOG_NO_OP)
		table_none(t);
	else
		table_word(t, translog_op_name(op));
	table_text(t, name + at + 1, len - at - 1);
	table_word(t, outcome_name(want->outcome));
	table_number(t, want->failures);
	table_number(t, want->first_us);
	table_number(t, want->last_us);
}

/* Returns how many clients there are, in the table or below its end. */
static uint64_t
put_wants(struct table *t, const struct options *o,
    const struct keyed *wanted)
{
	void **list = keyed_sorted(wanted, by_client);
	const struct want *want, *last = NULL;
	const uint8_t *name, *last_name = NULL;
	uint64_t clients = 0;
	size_t i, len;

	for (i = 0; i < wanted->used; i++) {
		want = list[i];
		if (want->failures == 0)
			continue;
		name = keyed_name(wanted, want, &len);
		clients += last == NULL ||
		    last->client_len != want->client_len ||
		    memcmp(last_name, name, want->client_len) != 0;
		if (o->top == 0 || table_rows(t) < o->top)
			put_want(t, wanted, want);
		last = want;
		last_name = name;
	}
	free(list);
	return clients;
}

static void
print_failed(const struct options *o, const struct failed *f,
    const struct scan_result *result)
{
	struct table *t = table_new(want_columns,
	    TABLE_LENGTH(want_columns));
	struct table_fact facts[] = {
		{ "failed_clients", 0 },
		{ "left_out", f->wanted.left_out },
	};
	const struct table_about about = {
		.report = "failed", .title = "TFTP files not got",
		.rows = "failed", .facts = facts,
		.fact_count = TABLE_LENGTH(facts),
		.none = "no client that failed and did not succeed afterwards"
	};

	facts[0].value = put_wants(t, o, &f->wanted);
	table_report(t, o, &about, result);
	if (o->form == FORM_TEXT && facts[0].value != 0)
		printf("\n%" PRIu64 " client%s\n", facts[0].value,
		    facts[0].value == 1 ? "" : "s");
	table_free(t);
}

/* All ends of a file count, so --outcome may not hide its success. */
static int
list_failed(const struct options *o)
{
	struct filter filter = command_window(o);
	struct failed failed = { .outcomes = filter.outcomes };
	const struct scan_handler handler = {
		.arg = &failed, .on_end = add_want
	};
	struct scan_result result;
	int ret;

	filter.since_us = o->failed_since_us;
	filter.outcomes = 0;
	keyed_init(&failed.wanted, sizeof(struct want), FAILED_MAX);
	ret = scan_run(o, &filter, &handler, &result);
	if (ret == 0)
		print_failed(o, &failed, &result);
	keyed_free(&failed.wanted);
	return ret == 0 ? command_finish() : 1;
}

int
command_clients(const struct options *o)
{
	return o->failed_since != NULL ? list_failed(o) : list_clients(o);
}
