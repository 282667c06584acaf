#include <string.h>

#include "stats/sum.h"
#include "stats/vitals.h"

#define WINDOW_US	(UINT64_C(15) * 60 * 1000000)

static bool
begins_with(const struct translog_record *rec, const char *text)
{
	size_t len = strlen(text);

	return rec->message.buf != NULL && rec->message.len >= len &&
	    memcmp(rec->message.buf, text, len) == 0;
}

static void
take_end(void *arg, const struct translog_record *rec)
{
	struct vitals *v = arg;

	v->requests++;
	v->outcomes[rec->outcome]++;
	v->classes[outcome_class(rec->outcome)]++;
	sum_add(&v->bytes, sum_number(rec, TRANSLOG_BYTES));
}

/* The words are those of src/daemon: notices have no key for them. */
static void
take_notice(void *arg, const struct translog_record *rec)
{
	struct vitals *v = arg;

	sum_add(&v->dropped, sum_number(rec, TRANSLOG_DROPPED));
	v->gaps += begins_with(rec, "the log could not be written");
	if (begins_with(rec, "configuration error, requests are refused"))
		v->is_refusing = true;
	else if (begins_with(rec, "new configuration"))
		v->is_refusing = false;
}

int
vitals_read(const struct options *o, struct vitals *v)
{
	const struct scan_handler handler = { .arg = v, .on_end = take_end,
		.on_notice = take_notice };
	struct filter f = o->filter;
	uint64_t until = f.until_us < o->now_us ? f.until_us : o->now_us;

	*v = (struct vitals){ .requests = 0 };
	f.until_us = command_until(o);
	if (!o->has_since)
		f.since_us = until > WINDOW_US ? until - WINDOW_US : 0;
	return scan_run(o, &f, &handler, &v->scan);
}

uint64_t
vitals_window(const struct vitals *v)
{
	return v->scan.until_us < v->scan.since_us ? 0 :
	    v->scan.until_us - v->scan.since_us;
}
