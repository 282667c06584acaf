/*
 * logwrite - a record of any bytes and numbers: its line is one line of JSON
 * that no terminal minds, and the reader finds the same record in it.
 */
#include "fuzz.h"
#include "json_check.h"
#include "record/jsonl.h"
#include "record/translog.h"

#define LAST_TS_US	UINT64_C(253402300799999999)	/* of the year 9999 */
#define CANARY		0x5c

/* ---- a record of the input -------------------------------------------- */

static void
take_text(struct fuzz_input *in, char *out, size_t size)
{
	struct packet_slice text = fuzz_take(in, fuzz_u8(in) % size);

	memset(out, '\0', size);
	if (text.len != 0)
		memcpy(out, text.buf, text.len);
}

static struct translog_bytes
take_bytes(struct fuzz_input *in)
{
	uint16_t len = fuzz_u16(in);
	struct packet_slice bytes;

	/* left out, all the rest, or so many */
	if (len == 0)
		return (struct translog_bytes){ NULL, 0 };
	bytes = fuzz_take(in, len == UINT16_MAX ? in->left : len & 0x7ff);
	return (struct translog_bytes){ bytes.buf, bytes.len };
}

static void
take_record(struct fuzz_input *in, struct translog_record *rec)
{
	unsigned i;

	translog_clear(rec);
	rec->event = (enum translog_event)(fuzz_u8(in) % 3);
	rec->op = (enum translog_op)(fuzz_u8(in) % 3);
	rec->outcome = (enum outcome)(fuzz_u8(in) % OUTCOME_COUNT);
	if (rec->event == TRANSLOG_TRANSFER && rec->outcome == OUTCOME_NONE)
		rec->outcome = OUTCOME_COMPLETE;
	rec->ts_us = fuzz_u64(in) >> (fuzz_u8(in) & 31);
	snprintf(rec->id, sizeof(rec->id), "%016llx",
	    (unsigned long long)fuzz_u64(in));
	rec->is_cut = fuzz_u8(in) & 1;
	take_text(in, rec->client, sizeof(rec->client));
	take_text(in, rec->server, sizeof(rec->server));
	take_text(in, rec->mode, sizeof(rec->mode));
	take_text(in, rec->error_by, sizeof(rec->error_by));
	rec->file = take_bytes(in);
	rec->path = take_bytes(in);
	rec->asked = take_bytes(in);
	rec->message = take_bytes(in);
	for (i = 0; i < TRANSLOG_NUMBER_COUNT && in->left != 0; i++)
		rec->numbers[i] = (int64_t)(fuzz_u64(in) >>
		    (fuzz_u8(in) & 63));
}

/* ---- its line --------------------------------------------------------- */

static void
check_line(const char *line, size_t len)
{
	uint32_t code;
	size_t at, n;

	FUZZ_HOLDS(len > 0 && len <= TRANSLOG_LINE_MAX, "there is a line");
	FUZZ_HOLDS(memchr(line, '\n', len) == line + len - 1,
	    "its newline is the last byte, and the only one");
	FUZZ_HOLDS(json_is_valid(line, len - 1), "it is JSON");
	FUZZ_HOLDS(memcmp(line, "{\"v\":1,\"ts\":\"", 13) == 0,
	    "it begins as all do");
	FUZZ_HOLDS(translog_resync(line, len) == 0,
	    "nothing in it looks like another record");
	for (at = 0; at < len - 1; at += n) {
		n = 1;
		if (line[at] >= ' ' && line[at] < 127)
			continue;
		n = jsonl_utf8((const uint8_t *)line + at, len - 1 - at,
		    &code);
		FUZZ_HOLDS(n == json_utf8((const uint8_t *)line + at,
		    len - 1 - at), "both know the same UTF-8");
		FUZZ_HOLDS(!jsonl_is_unsafe(code),
		    "no character steers a terminal");
	}
}

/* Whether all of it is UTF-8: then not a byte may change. */
static bool
is_utf8(const uint8_t *bytes, size_t len)
{
	size_t n;

	for (; len != 0; bytes += n, len -= n) {
		n = json_utf8(bytes, len);
		if (n == 0)
			return false;
	}
	return true;
}

static bool
begins(struct translog_bytes all, struct translog_bytes with)
{
	return with.len <= all.len &&
	    (with.len == 0 || memcmp(all.buf, with.buf, with.len) == 0);
}

static void
check_bytes(struct translog_bytes was, struct translog_bytes is, bool is_cut,
    bool has_hex)
{
	FUZZ_HOLDS((was.buf == NULL) == (is.buf == NULL),
	    "what is left out stays so");
	if (was.buf == NULL || (!has_hex && !is_utf8(was.buf, was.len)))
		return;
	FUZZ_HOLDS(begins(was, is), "bytes are as they were");
	FUZZ_HOLDS(is_cut || was.len == is.len, "a cut is told");
}

static void
check_text(const char *was, const char *is, bool is_cut)
{
	if (is_utf8((const uint8_t *)was, strlen(was)) && !is_cut)
		FUZZ_HOLDS(strcmp(was, is) == 0, "texts are as they were");
}

static void
check_same(const struct translog_record *was, const struct translog_record *is)
{
	unsigned i;

	FUZZ_HOLDS(is->ts_us == (was->ts_us < LAST_TS_US ? was->ts_us :
	    LAST_TS_US), "the time");
	FUZZ_HOLDS(is->event == was->event && is->op == was->op &&
	    is->outcome == was->outcome, "event, op and outcome");
	FUZZ_HOLDS(strcmp(is->id, was->id) == 0, "the id");
	FUZZ_HOLDS(is->is_cut || !was->is_cut, "a cut stays told");
	check_text(was->client, is->client, is->is_cut);
	check_text(was->server, is->server, is->is_cut);
	check_text(was->mode, is->mode, is->is_cut);
	check_text(was->error_by, is->error_by, is->is_cut);
	check_bytes(was->file, is->file, is->is_cut, true);
	check_bytes(was->path, is->path, is->is_cut, false);
	check_bytes(was->asked, is->asked, is->is_cut, false);
	check_bytes(was->message, is->message, is->is_cut, false);
	for (i = 0; i < TRANSLOG_NUMBER_COUNT; i++)
		FUZZ_HOLDS(is->numbers[i] == (was->numbers[i] < 0 ?
		    TRANSLOG_ABSENT : was->numbers[i]), "numbers");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct translog_line parsed;
	struct translog_record rec;
	char line[TRANSLOG_LINE_MAX + 1], again[TRANSLOG_LINE_MAX];
	size_t len;

	take_record(&in, &rec);
	line[TRANSLOG_LINE_MAX] = CANARY;
	len = translog_format(&rec, line);
	FUZZ_HOLDS(line[TRANSLOG_LINE_MAX] == CANARY, "it stays in its room");
	check_line(line, len);
	FUZZ_HOLDS(translog_parse(line, len, &parsed) == TRANSLOG_OK,
	    "the reader takes it");
	check_same(&rec, &parsed.rec);
	if (!parsed.rec.is_cut)
		FUZZ_HOLDS(translog_format(&parsed.rec, again) == len &&
		    memcmp(again, line, len) == 0, "read, it is written so");
	return 0;
}
