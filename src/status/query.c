#include <ctype.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "stats/when.h"
#include "status/query.h"

#define SHOWN_COLUMNS	60	/* of a value that is wrong */
#define GLOB_MAX	512	/* bytes; a pattern takes time on each name */

/* ---- what is wrong ----------------------------------------------------- */

/* Plain ASCII, and short. */
static char *
harmless(const char *value)
{
	const struct text_style style = { .is_utf8 = false };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		err(1, NULL);
	text_put_short(out, &style, (const uint8_t *)value, strlen(value),
	    SHOWN_COLUMNS);
	if (fclose(out) != 0)
		err(1, NULL);
	return text;
}

void
query_complain(char *why, size_t size, const char *key, const char *value,
    const char *expected)
{
	char *shown = harmless(value);

	snprintf(why, size, "%s '%s': expected %s", key, shown, expected);
	free(shown);
}

/* ---- values ------------------------------------------------------------ */

static bool
take_since(struct query *q, const char *value)
{
	q->options.has_since = true;
	return when_parse(value, q->options.now_us, true,
	    &q->options.filter.since_us);
}

static bool
take_until(struct query *q, const char *value)
{
	return when_parse(value, q->options.now_us, true,
	    &q->options.filter.until_us);
}

static bool
take_client(struct query *q, const char *value)
{
	q->client = value;
	q->options.filter.has_client = true;
	return filter_network_parse(value, &q->options.filter.client);
}

static bool
take_file(struct query *q, const char *value)
{
	q->options.filter.glob = value;
	return *value != '\0' && strlen(value) <= GLOB_MAX;
}

static bool
take_op(struct query *q, const char *value)
{
	enum translog_op *op = &q->options.filter.op;

	if (strcmp(value, "read") == 0)
		*op = TRANSLOG_READ;
	else if (strcmp(value, "write") == 0)
		*op = TRANSLOG_WRITE;
	return *op != TRANSLOG_NO_OP;
}

static bool
take_outcome(struct query *q, const char *value)
{
	q->outcome = value;
	return filter_outcomes_parse(value, &q->options.filter.outcomes);
}

static bool
take_number(const char *value, size_t least, size_t most, size_t *number)
{
	size_t len = strspn(value, "0123456789");

	if (len == 0 || len > 6 || value[len] != '\0')
		return false;
	*number = strtoul(value, NULL, 10);
	return *number >= least && *number <= most;
}

static bool
take_limit(struct query *q, const char *value)
{
	return take_number(value, 1, QUERY_LIMIT_MAX, &q->limit);
}

static bool
take_offset(struct query *q, const char *value)
{
	return take_number(value, 0, QUERY_OFFSET_MAX, &q->offset);
}

/* Which there are is known to who makes them. */
static bool
take_report(struct query *q, const char *value)
{
	q->report = value;
	return true;
}

/* ---- parameters -------------------------------------------------------- */

static const char a_time[] = "a time such as 2h, today, "
    "2026-11-22T14:00:00Z or @1795356000 (in an address + is written %2B)";

static const struct parameter {
	const char *key;
	unsigned takes;
	bool (*take)(struct query *q, const char *value);
	const char *expected;
} parameters[] = {
	{ "since", QUERY_WINDOW, take_since, a_time },
	{ "until", QUERY_WINDOW, take_until, a_time },
	{ "client", QUERY_FILTER, take_client,
	    "an address or a network like 192.0.2.0/24" },
	{ "file", QUERY_FILTER, take_file,
	    "a pattern like *.cfg, of 1 to 512 bytes" },
	{ "op", QUERY_FILTER, take_op, "read or write" },
	{ "outcome", QUERY_OUTCOME, take_outcome, "names such as "
	    "timeout,denied or success, neutral, refused, failure" },
	{ "report", QUERY_REPORT, take_report, "a report" },
	{ "limit", QUERY_LIMIT, take_limit, "a number from 1 to 1000" },
	{ "offset", QUERY_OFFSET, take_offset, "a number from 0 to 100000" },
};

#define PARAMETER_COUNT	(sizeof(parameters) / sizeof(parameters[0]))

static void
complain_unknown(const char *key, unsigned takes, char *why, size_t size)
{
	const char *before = " allowed: ";
	char *shown = harmless(key);
	size_t i, len;

	snprintf(why, size, "there is no parameter '%s' here;", shown);
	free(shown);
	for (i = 0; i < PARAMETER_COUNT; i++) {
		if ((parameters[i].takes & takes) == 0)
			continue;
		len = strlen(why);
		snprintf(why + len, size - len, "%s%s", before,
		    parameters[i].key);
		before = ", ";
	}
	len = strlen(why);
	if (takes == 0)
		snprintf(why + len, size - len, " none is allowed");
}

static const struct parameter *
find(const char *key, unsigned takes)
{
	size_t i;

	for (i = 0; i < PARAMETER_COUNT; i++)
		if ((parameters[i].takes & takes) != 0 &&
		    strcmp(parameters[i].key, key) == 0)
			return &parameters[i];
	return NULL;
}

void
query_default(const struct settings *s, struct query *q)
{
	struct options *o = &q->options;

	*q = (struct query){ .limit = 0 };
	filter_clear(&o->filter);
	o->form = FORM_JSON;
	o->usage_status = 2;
	o->now_us = clock_real_us();
	o->style.is_utc = true;
	o->table = s->table;
	o->log = s->log;
	o->program = s->tftpd;
	/* a server that runs tells where it has its own from */
	o->conf = strcmp(s->conf, CONFFILE) == 0 ? NULL : s->conf;
	o->state = q->state;
	if ((size_t)snprintf(q->state, sizeof(q->state), "%s/rollup",
	    s->state) >= sizeof(q->state))
		strcpy(q->state, "/");		/* it is kept nowhere */
}

bool
query_parse(const struct ask *a, const struct settings *s, unsigned takes,
    struct query *q, char *why, size_t size)
{
	const struct parameter *p;
	const char *key, *value;
	unsigned seen = 0, bit;
	size_t at = 0;

	query_default(s, q);
	while (ask_next(a, &at, &key, &value)) {
		p = find(key, takes);
		if (p == NULL) {
			complain_unknown(key, takes, why, size);
			return false;
		}
		bit = 1U << (p - parameters);
		if ((seen & bit) != 0) {
			snprintf(why, size, "%s is given twice", p->key);
			return false;
		}
		seen |= bit;
		if (!p->take(q, value)) {
			query_complain(why, size, key, value, p->expected);
			return false;
		}
	}
	if (q->options.filter.since_us > q->options.filter.until_us) {
		snprintf(why, size, "since is later than until");
		return false;
	}
	return true;
}

/* ---- where it goes on -------------------------------------------------- */

static void
put_parameter(FILE *out, const char *key, const char *value)
{
	fprintf(out, "&%s=", key);
	for (; *value != '\0'; value++)
		if (isalnum((unsigned char)*value) ||
		    strchr("-._~:", *value) != NULL)
			putc(*value, out);
		else
			fprintf(out, "%%%02X", (unsigned char)*value);
}

static void
put_time(FILE *out, const char *key, uint64_t ts_us)
{
	char ts[TRANSLOG_TS_LEN + 1];

	translog_put_ts(ts_us, ts);
	put_parameter(out, key, ts);
}

char *
query_next(const struct query *q, const char *path, bool has_since,
    uint64_t since_us, uint64_t until_us, size_t offset)
{
	const struct filter *f = &q->options.filter;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		err(1, NULL);
	fprintf(out, "%s?offset=%zu&limit=%zu", path, offset, q->limit);
	if (has_since)
		put_time(out, "since", since_us);
	if (until_us != UINT64_MAX)
		put_time(out, "until", until_us);
	if (q->client != NULL)
		put_parameter(out, "client", q->client);
	if (f->glob != NULL)
		put_parameter(out, "file", f->glob);
	if (f->op != TRANSLOG_NO_OP)
		put_parameter(out, "op", translog_op_name(f->op));
	if (q->outcome != NULL)
		put_parameter(out, "outcome", q->outcome);
	if (fclose(out) != 0)
		err(1, NULL);
	return text;
}
