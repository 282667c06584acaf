/*
 * What comes in pages: transfers that ended, and those that run.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "stats/active.h"
#include "stats/scan.h"
#include "status/api.h"
#include "api_parts.h"

/* Logs may be rotated away between two passes. */
#define TRIES_MAX	4

void
api_page_json(struct json *j, const struct query *q, uint64_t count,
    const char *next)
{
	json_int(j, "offset", q->offset);
	json_int(j, "limit", q->limit);
	json_int(j, "count", count);
	if (next != NULL)
		json_text(j, "next", next);
}

/* Whether there is a page behind this one that may be asked for. */
static bool
has_next(const struct query *q, uint64_t count)
{
	return q->offset + q->limit < count &&
	    q->offset + q->limit <= QUERY_OFFSET_MAX;
}

/* ---- transfers --------------------------------------------------------- */

struct kept_line {
	char *text;
	size_t len, room;
};

/*
 * The lines of a page.  They are counted from the oldest one, which does not
 * change when more come, and only those of the page are kept, whatever the
 * offset is.
 */
struct slice {
	struct kept_line *ring;		/* number % limit */
	size_t limit;
	uint64_t from, to;		/* numbers, from <= each < to */
	uint64_t at;
};

static void
keep(struct kept_line *kept, const char *raw, size_t len)
{
	if (len > kept->room) {
		kept->text = realloc(kept->text, len);
		if (kept->text == NULL)
			err(1, NULL);
		kept->room = len;
	}
	memcpy(kept->text, raw, len);
	kept->len = len;
}

static void
take_line(void *arg, const struct translog_record *rec, const char *raw,
    size_t len)
{
	struct slice *s = arg;

	(void)rec;
	if (s->at >= s->from && s->at < s->to)
		keep(&s->ring[s->at % s->limit], raw, len);
	s->at++;
}

/* The page that is an offset below the newest of so many. */
static void
place(struct slice *s, uint64_t count, size_t offset)
{
	s->at = 0;
	s->to = count > offset ? count - offset : 0;
	s->from = s->to > s->limit ? s->to - s->limit : 0;
}

/*
 * Without an offset the last lines are the page.  Else one pass tells how
 * many there are, and the next takes the page.  0, or -1: it was printed.
 */
static int
read_slice(const struct query *q, const struct filter *f, struct slice *s,
    struct scan_result *result)
{
	const struct scan_handler take = { .arg = s, .on_line = take_line };
	const struct scan_handler count = { .arg = NULL };
	uint64_t expected;
	int tries = 0;

	if (q->offset == 0) {
		s->to = UINT64_MAX;
		if (scan_run(&q->options, f, &take, result) != 0)
			return -1;
		place(s, result->ends, 0);
		return 0;
	}
	if (scan_run(&q->options, f, &count, result) != 0)
		return -1;
	do {
		expected = result->ends;
		place(s, expected, q->offset);
		if (s->to == 0)
			return 0;
		if (scan_run(&q->options, f, &take, result) != 0)
			return -1;
	} while (result->ends != expected && ++tries < TRIES_MAX);
	return 0;
}

static void
put_transfers(const struct query *q, const struct filter *f,
    const struct slice *s, const struct scan_result *result)
{
	struct json j = { .out = stdout };
	const struct kept_line *kept;
	char *next = NULL;
	uint64_t i;

	if (has_next(q, result->ends))
		next = query_next(q, "/api/v1/transfers", true, f->since_us,
		    f->until_us, q->offset + q->limit);
	scan_head_json(&j, "transfers", result);
	api_page_json(&j, q, result->ends, next);
	free(next);
	json_open(&j, "transfers", '[');
	for (i = s->to; i > s->from; i--) {
		kept = &s->ring[(i - 1) % s->limit];
		json_raw(&j, kept->text, kept->len);
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

int
api_transfers(const struct back *b, const struct ask *a,
    struct answer *answer)
{
	struct scan_result result;
	struct slice s = { .at = 0 };
	struct filter f;
	struct query q;
	size_t i;
	int ret;

	if (!api_take(b, a, answer, QUERY_WINDOW | QUERY_FILTER |
	    QUERY_OUTCOME | QUERY_LIMIT | QUERY_OFFSET, &q))
		return 0;
	if (q.limit == 0)
		q.limit = QUERY_LIMIT_DEFAULT;
	f = command_window(&q.options);
	/* what comes later belongs to no page of these */
	if (f.until_us > q.options.now_us)
		f.until_us = q.options.now_us;
	s.limit = q.limit;
	s.ring = calloc(s.limit, sizeof(*s.ring));
	if (s.ring == NULL)
		err(1, NULL);
	ret = read_slice(&q, &f, &s, &result);
	if (ret == 0)
		put_transfers(&q, &f, &s, &result);
	for (i = 0; i < s.limit; i++)
		free(s.ring[i].text);
	free(s.ring);
	return ret;
}

/* ---- connections ------------------------------------------------------- */

static void
put_connections(const struct query *q, const struct active *act)
{
	const struct filter *f = &q->options.filter;
	struct json j = { .out = stdout };
	char *next = NULL;

	if (has_next(q, act->roster.count))
		next = query_next(q, "/api/v1/connections",
		    q->options.has_since, f->since_us, f->until_us,
		    q->offset + q->limit);
	active_head_json(&j, "connections", act);
	api_page_json(&j, q, act->roster.count, next);
	free(next);
	active_rows_json(&j, act, q->offset, q->limit);
	json_close(&j, '}');
	putchar('\n');
}

int
api_connections(const struct back *b, const struct ask *a,
    struct answer *answer)
{
	struct active act = { .has_table = false };
	struct query q;
	int ret;

	if (!api_take(b, a, answer, QUERY_WINDOW | QUERY_FILTER |
	    QUERY_LIMIT | QUERY_OFFSET, &q))
		return 0;
	if (q.limit == 0)
		q.limit = QUERY_LIMIT_DEFAULT;
	ret = active_look(&act, &q.options, &q.options.filter);
	if (ret == 0)
		put_connections(&q, &act);
	else
		active_complain(&q.options, ret);
	active_free(&act);
	return ret == 0 ? 0 : -1;
}
