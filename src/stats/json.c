#include "record/jsonl.h"
#include "record/translog.h"
#include "stats/json.h"

/* Room for 4096 bytes, each as \uXXXX, and their key. */
#define VALUE_MAX	(TRANSLOG_LINE_MAX * 6 + 64)

static void
put_comma(struct json *j)
{
	if (j->needs_comma)
		fputc(',', j->out);
	j->needs_comma = true;
}

void
json_open(struct json *j, const char *key, char bracket)
{
	put_comma(j);
	if (key != NULL)
		fprintf(j->out, "\"%s\":", key);
	fputc(bracket, j->out);
	j->needs_comma = false;
}

void
json_close(struct json *j, char bracket)
{
	fputc(bracket, j->out);
	j->needs_comma = true;
}

/* The members that w holds, without the braces of their object. */
static void
put_members(struct json *j, struct jsonl_writer *w)
{
	size_t len = jsonl_end(w);

	put_comma(j);
	if (len != 0)
		fwrite(w->buf + 1, 1, len - 3, j->out);
}

void
json_int(struct json *j, const char *key, uint64_t value)
{
	char buf[128];
	struct jsonl_writer w;

	jsonl_begin(&w, buf, sizeof(buf));
	jsonl_put_int(&w, key,
	    value > INT64_MAX ? INT64_MAX : (int64_t)value);
	put_members(j, &w);
}

void
json_bytes(struct json *j, const char *key, const char *hex_key,
    const uint8_t *bytes, size_t len)
{
	char buf[VALUE_MAX + 2 * TRANSLOG_LINE_MAX];
	struct jsonl_writer w;

	if (len > TRANSLOG_LINE_MAX)
		len = TRANSLOG_LINE_MAX;
	jsonl_begin(&w, buf, sizeof(buf));
	if (jsonl_put_bytes(&w, key, bytes, len, SIZE_MAX) & JSONL_REPLACED)
		jsonl_put_hex(&w, hex_key, bytes, len, SIZE_MAX);
	put_members(j, &w);
}

void
json_text(struct json *j, const char *key, const char *text)
{
	char buf[VALUE_MAX];
	struct jsonl_writer w;

	jsonl_begin(&w, buf, sizeof(buf));
	jsonl_put_text(&w, key, text);
	put_members(j, &w);
}

void
json_time(struct json *j, const char *key, uint64_t ts_us)
{
	char ts[TRANSLOG_TS_LEN + 1];

	translog_put_ts(ts_us, ts);
	json_text(j, key, ts);
}

void
json_raw(struct json *j, const char *text, size_t len)
{
	put_comma(j);
	fwrite(text, 1, len, j->out);
}
