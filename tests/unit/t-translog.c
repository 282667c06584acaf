#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "record/live.h"
#include "record/translog.h"
#include "t.h"

/* DESIGN's sample, with the escapes and the cut that it lacks. */
static const char sample[] =
    "{\"v\":1,\"ts\":\"2026-11-22T23:10:40.123456Z\",\"event\":\"transfer\","
    "\"id\":\"6b1f0c52a4e8d013\",\"op\":\"read\",\"outcome\":\"complete\","
    "\"client\":\"192.0.2.10\",\"client_port\":2070,\"server\":\"192.0.2.1\","
    "\"server_port\":41234,\"file\":\"pxe\xef\xbf\xbd.0\","
    "\"file_hex\":\"707865ff2e30\",\"path\":\"/pxelinux.0\","
    "\"mode\":\"octet\",\"asked\":\"blksize=1468 tsize=0\",\"blksize\":1428,"
    "\"windowsize\":16,\"timeout_ms\":1000,\"size\":42430,\"bytes\":42430,"
    "\"blocks\":30,\"duration_us\":12345,\"first_reply_us\":210,"
    "\"rtt_us\":180,\"packets_sent\":31,\"packets_received\":4,"
    "\"retransmits\":0,\"timeouts\":0,\"duplicates\":0,\"cpu_us\":1450,"
    "\"rss_kb\":900,\"error_code\":1,\"error_by\":\"server\","
    "\"message\":\"say \\\"no\\\"\",\"requests\":5,\"repeats\":6,"
    "\"ignored\":7,\"dropped\":8,\"pid\":4242,\"cut\":1}\n";

static bool
same_bytes(struct translog_bytes a, struct translog_bytes b)
{
	return (a.buf == NULL) == (b.buf == NULL) && a.len == b.len &&
	    (a.len == 0 || memcmp(a.buf, b.buf, a.len) == 0);
}

static bool
same_record(const struct translog_record *a, const struct translog_record *b)
{
	return a->ts_us == b->ts_us && a->event == b->event &&
	    a->op == b->op && a->outcome == b->outcome &&
	    strcmp(a->id, b->id) == 0 && strcmp(a->client, b->client) == 0 &&
	    strcmp(a->server, b->server) == 0 &&
	    strcmp(a->mode, b->mode) == 0 &&
	    strcmp(a->error_by, b->error_by) == 0 &&
	    memcmp(a->numbers, b->numbers, sizeof(a->numbers)) == 0 &&
	    a->is_cut == b->is_cut && same_bytes(a->file, b->file) &&
	    same_bytes(a->path, b->path) && same_bytes(a->asked, b->asked) &&
	    same_bytes(a->message, b->message);
}

/* Whether the quick scanner and the parser say the same. */
static bool
agree(const char *line, size_t len)
{
	struct translog_line parsed, scanned;
	enum translog_verdict verdict;

	memset(&scanned, 0x55, sizeof(scanned));
	verdict = translog_parse(line, len, &parsed);
	return translog_scan(line, len, &scanned) == verdict &&
	    (verdict != TRANSLOG_OK || same_record(&parsed.rec,
	    &scanned.rec));
}

static enum translog_verdict
parse(const char *line, size_t len, struct translog_line *out)
{
	char *copy = t_guard(line, len);
	enum translog_verdict verdict = translog_parse(copy, len, out);

	if (!agree(copy, len))
		T_OK(false, "scanner and parser differ");
	t_unguard(copy, len);
	return verdict;
}

static void
the_sample_goes_both_ways(void)
{
	char out[TRANSLOG_LINE_MAX];
	struct translog_line line;
	const struct translog_record *rec = &line.rec;
	size_t len;

	T_OK(parse(sample, sizeof(sample) - 1, &line) == TRANSLOG_OK,
	    "the sample is a record");
	T_OK(rec->ts_us == UINT64_C(1795389040123456), "its time");
	T_OK(rec->event == TRANSLOG_TRANSFER && rec->op == TRANSLOG_READ &&
	    rec->outcome == OUTCOME_COMPLETE, "its names");
	T_OK(strcmp(rec->id, "6b1f0c52a4e8d013") == 0, "its id");
	T_OK(strcmp(rec->client, "192.0.2.10") == 0 &&
	    strcmp(rec->server, "192.0.2.1") == 0 &&
	    strcmp(rec->mode, "octet") == 0 &&
	    strcmp(rec->error_by, "server") == 0, "its texts");
	T_OK(rec->file.len == 6 && memcmp(rec->file.buf, "pxe\xff.0", 6) == 0,
	    "the name is what file_hex says");
	T_OK(rec->message.len == 8 &&
	    memcmp(rec->message.buf, "say \"no\"", 8) == 0, "its message");
	T_OK(rec->numbers[TRANSLOG_CLIENT_PORT] == 2070 &&
	    rec->numbers[TRANSLOG_DROPPED] == 8 &&
	    rec->numbers[TRANSLOG_PID] == 4242, "its numbers");
	T_OK(rec->is_cut, "its cut");
	len = translog_format(rec, out);
	T_OK(len == sizeof(sample) - 1 && memcmp(out, sample, len) == 0,
	    "and the same line comes out again");
}

static struct translog_record
small_end(void)
{
	struct translog_record rec;

	translog_clear(&rec);
	rec.ts_us = 1;
	rec.event = TRANSLOG_TRANSFER;
	rec.outcome = OUTCOME_DENIED;
	memcpy(rec.id, "0123456789abcdef", sizeof(rec.id));
	return rec;
}

static void
absent_keys_are_left_out(void)
{
	struct translog_record rec = small_end();
	char out[TRANSLOG_LINE_MAX];
	size_t len = translog_format(&rec, out);
	static const char expected[] =
	    "{\"v\":1,\"ts\":\"1970-01-01T00:00:00.000001Z\","
	    "\"event\":\"transfer\",\"id\":\"0123456789abcdef\","
	    "\"outcome\":\"denied\"}\n";
	struct translog_line line;

	T_OK(len == sizeof(expected) - 1 && memcmp(out, expected, len) == 0,
	    "only what is set is written");
	T_OK(parse(out, len, &line) == TRANSLOG_OK, "it reads back");
	T_OK(line.rec.numbers[TRANSLOG_BYTES] == TRANSLOG_ABSENT &&
	    line.rec.file.buf == NULL && line.rec.op == TRANSLOG_NO_OP &&
	    line.rec.client[0] == '\0' && !line.rec.is_cut,
	    "what is left out is absent");
	rec.file = (struct translog_bytes){ (const uint8_t *)"", 0 };
	len = translog_format(&rec, out);
	T_OK(parse(out, len, &line) == TRANSLOG_OK &&
	    line.rec.file.buf != NULL && line.rec.file.len == 0,
	    "an empty name is not an absent one");
}

/* Every string full of what takes most room, every number the longest. */
static void
the_largest_record_fits(void)
{
	static const uint8_t worst[] = { 0x01, 'a', 0xff, '"', 0xc3 };
	uint8_t bytes[2048];
	char out[TRANSLOG_LINE_MAX];
	struct translog_record rec = small_end();
	struct translog_line line;
	size_t i, k, len, most = 0;

	for (i = 0; i < TRANSLOG_NUMBER_COUNT; i++)
		rec.numbers[i] = INT64_MAX;
	rec.op = TRANSLOG_WRITE;
	rec.outcome = OUTCOME_UNCONFIRMED;
	for (k = 0; k < sizeof(worst); k++) {
		memset(bytes, worst[k], sizeof(bytes));
		memset(rec.client, worst[k], sizeof(rec.client));
		memset(rec.server, worst[k], sizeof(rec.server));
		memset(rec.mode, worst[k], sizeof(rec.mode));
		memset(rec.error_by, worst[k], sizeof(rec.error_by));
		rec.file = rec.path = rec.asked = rec.message =
		    (struct translog_bytes){ bytes, sizeof(bytes) };
		len = translog_format(&rec, out);
		T_OK(len != 0 && len <= TRANSLOG_LINE_MAX,
		    "the largest record fits");
		T_OK(parse(out, len, &line) == TRANSLOG_OK && line.rec.is_cut,
		    "and is a record, cut");
		most = len > most ? len : most;
	}
	printf("%zu bytes, ", most);
}

static void
values_are_cut_at_their_limit(void)
{
	struct translog_record rec = small_end();
	struct translog_line line;
	char out[TRANSLOG_LINE_MAX];
	uint8_t bytes[1024];
	size_t len;

	memset(bytes, 'x', sizeof(bytes));
	rec.file = rec.path = (struct translog_bytes){ bytes, 768 };
	rec.asked = rec.message = (struct translog_bytes){ bytes, 256 };
	len = translog_format(&rec, out);
	T_OK(parse(out, len, &line) == TRANSLOG_OK && !line.rec.is_cut &&
	    line.rec.file.len == 768 && line.rec.message.len == 256,
	    "what just fits is not cut");
	rec.asked.len = 257;
	len = translog_format(&rec, out);
	T_OK(parse(out, len, &line) == TRANSLOG_OK && line.rec.is_cut &&
	    line.rec.asked.len == 256, "one byte more is");
	/* 767 and a character of two bytes */
	rec.asked.len = 1;
	bytes[767] = 0xc3;
	bytes[768] = 0xa4;
	rec.file.len = 769;
	len = translog_format(&rec, out);
	T_OK(parse(out, len, &line) == TRANSLOG_OK && line.rec.is_cut &&
	    line.rec.file.len == 767, "the cut is before a character");
}

static void
every_name_comes_back(void)
{
	struct translog_record rec = small_end();
	struct translog_line line;
	char out[TRANSLOG_LINE_MAX];
	uint8_t name[256];
	int i;
	size_t len;

	for (i = 0; i < 256; i++) {
		name[0] = 'a';
		name[1] = (uint8_t)i;
		name[2] = 'z';
		rec.file = (struct translog_bytes){ name, 3 };
		len = translog_format(&rec, out);
		T_OK(parse(out, len, &line) == TRANSLOG_OK &&
		    line.rec.file.len == 3 &&
		    memcmp(line.rec.file.buf, name, 3) == 0,
		    "every byte in a name comes back");
		T_OK((memmem(out, len, "file_hex", 8) != NULL) == (i >= 0x80),
		    "file_hex stands where the name is no UTF-8");
	}
	for (i = 0; i < 256; i++)
		name[i] = (uint8_t)i;
	rec.file = (struct translog_bytes){ name, 256 };
	len = translog_format(&rec, out);
	T_OK(parse(out, len, &line) == TRANSLOG_OK &&
	    line.rec.file.len == 256 &&
	    memcmp(line.rec.file.buf, name, 256) == 0, "all of them at once");
}

#define HEAD "{\"v\":1,\"ts\":\"2026-11-22T23:10:40.123456Z\","
#define ID "\"id\":\"6b1f0c52a4e8d013\","
#define TEN "0123456789"
#define END HEAD "\"event\":\"transfer\"," ID "\"outcome\":\"complete\""

static void
takes_or_refuses(void)
{
	static const struct {
		const char *what, *line;
		enum translog_verdict verdict;
	} cases[] = {
		{ "an end", END "}", TRANSLOG_OK },
		{ "a start", HEAD "\"event\":\"start\"," ID "\"op\":\"read\"}",
		    TRANSLOG_OK },
		{ "a notice", HEAD "\"event\":\"notice\"}", TRANSLOG_OK },
		{ "unknown keys", END ",\"new\":1,\"more\":\"x\"}",
		    TRANSLOG_OK },
		{ "another order", "{\"v\":1,\"outcome\":\"complete\"," ID
		    "\"event\":\"transfer\",\"pid\":1,\"bytes\":2,"
		    "\"ts\":\"2026-11-22T23:10:40.123456Z\"}", TRANSLOG_OK },
		{ "a newer version", "{\"v\":2,\"when\":5}", TRANSLOG_NEWER },
		{ "a newer version that is torn", "{\"v\":2,\"when\":5",
		    TRANSLOG_BAD },
		{ "version 0", "{\"v\":0}", TRANSLOG_BAD },
		{ "version -1", "{\"v\":-1}", TRANSLOG_BAD },
		{ "a version in quotes", "{\"v\":\"1\"}", TRANSLOG_BAD },
		{ "the version twice", END ",\"v\":1}", TRANSLOG_BAD },
		{ "no version first", "{\"ts\":\"x\",\"v\":1}", TRANSLOG_BAD },
		{ "nothing", "", TRANSLOG_BAD },
		{ "an empty object", "{}", TRANSLOG_BAD },
		{ "only the version", "{\"v\":1}", TRANSLOG_BAD },
		{ "no time", "{\"v\":1,\"event\":\"notice\"}", TRANSLOG_BAD },
		{ "no event", HEAD ID "\"outcome\":\"complete\"}",
		    TRANSLOG_BAD },
		{ "no id", HEAD "\"event\":\"start\"}", TRANSLOG_BAD },
		{ "no outcome", HEAD "\"event\":\"transfer\","
		    "\"id\":\"6b1f0c52a4e8d013\"}", TRANSLOG_BAD },
		{ "an unknown event", HEAD "\"event\":\"party\"}",
		    TRANSLOG_BAD },
		{ "an unknown outcome", HEAD "\"event\":\"transfer\"," ID
		    "\"outcome\":\"great\"}", TRANSLOG_BAD },
		{ "outcome none", HEAD "\"event\":\"transfer\"," ID
		    "\"outcome\":\"none\"}", TRANSLOG_BAD },
		{ "an unknown op", END ",\"op\":\"delete\"}", TRANSLOG_BAD },
		{ "an empty op", END ",\"op\":\"\"}", TRANSLOG_BAD },
		{ "an id of 15", HEAD "\"event\":\"start\","
		    "\"id\":\"6b1f0c52a4e8d01\"}", TRANSLOG_BAD },
		{ "an id of 17", HEAD "\"event\":\"start\","
		    "\"id\":\"6b1f0c52a4e8d0134\"}", TRANSLOG_BAD },
		{ "an id in capitals", HEAD "\"event\":\"start\","
		    "\"id\":\"6B1F0C52A4E8D013\"}", TRANSLOG_BAD },
		{ "a negative number", END ",\"bytes\":-1}", TRANSLOG_BAD },
		{ "a number in quotes", END ",\"bytes\":\"1\"}",
		    TRANSLOG_BAD },
		{ "a text without", END ",\"client\":1}", TRANSLOG_BAD },
		{ "a key twice", END ",\"bytes\":1,\"bytes\":1}",
		    TRANSLOG_BAD },
		{ "an unknown key twice", END ",\"x\":1,\"x\":1}",
		    TRANSLOG_OK },
		{ "a client of 63", END ",\"client\":\"" TEN TEN TEN TEN TEN TEN
		    "123\"}", TRANSLOG_OK },
		{ "a client of 64", END ",\"client\":\"" TEN TEN TEN TEN TEN TEN
		    "1234\"}", TRANSLOG_BAD },
		{ "a NUL in a client", END ",\"client\":\"1\\u0000\"}",
		    TRANSLOG_BAD },
		{ "odd hex", END ",\"file_hex\":\"abc\"}", TRANSLOG_BAD },
		{ "no hex", END ",\"file_hex\":\"zz\"}", TRANSLOG_BAD },
		{ "a bad time", "{\"v\":1,\"ts\":\"2026-11-31T00:00:00.000000Z"
		    "\",\"event\":\"notice\"}", TRANSLOG_BAD },
		{ "two records", END "}" END "}", TRANSLOG_BAD },
	};
	struct translog_line line;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		T_OK(parse(cases[i].line, strlen(cases[i].line), &line) ==
		    cases[i].verdict, cases[i].what);
}

static void
a_line_has_a_limit(void)
{
	char long_line[TRANSLOG_LINE_MAX + 64];
	struct translog_line line;
	const size_t head = sizeof(END) - 1;
	size_t len;

	for (len = TRANSLOG_LINE_MAX - 2; len < TRANSLOG_LINE_MAX + 3; len++) {
		memset(long_line, 'x', len);
		memcpy(long_line, END ",\"m\":\"", head + 6);
		memcpy(long_line + len - 2, "\"}", 2);
		T_OK((parse(long_line, len, &line) == TRANSLOG_OK) ==
		    (len <= TRANSLOG_LINE_MAX), "4096 bytes and no more");
	}
}

static void
every_prefix_is_refused(void)
{
	struct translog_line line;
	size_t len;

	for (len = 0; len < sizeof(sample) - 2; len++)
		T_OK(parse(sample, len, &line) == TRANSLOG_BAD,
		    "a prefix is no record");
	T_OK(parse(sample, sizeof(sample) - 2, &line) == TRANSLOG_OK,
	    "the newline may be missing");
}

/* Whatever a record claims must hold: texts end, lengths stay inside. */
static bool
is_sane(const struct translog_line *line)
{
	const struct translog_record *rec = &line->rec;
	const struct translog_bytes *bytes[] = {
		&rec->file, &rec->path, &rec->asked, &rec->message
	};
	size_t i;

	for (i = 0; i < 4; i++)
		if (bytes[i]->buf != NULL &&
		    ((const char *)bytes[i]->buf < line->text ||
		    (const char *)bytes[i]->buf + bytes[i]->len >
		    line->text + sizeof(line->text)))
			return false;
	return strnlen(rec->client, sizeof(rec->client)) <
	    sizeof(rec->client) && strlen(rec->id) == TRANSLOG_ID_LEN &&
	    outcome_class(rec->outcome) <= OUTCOME_CLASS_FAILURE;
}

static void
any_byte_replaced_is_safe(void)
{
	char copy[sizeof(sample)], out[TRANSLOG_LINE_MAX];
	struct translog_line line;
	const size_t step = 256 / t_part(256);
	size_t i, ok = 0;
	int byte;

	for (i = 0; i < sizeof(sample) - 1; i += step)
		for (byte = 0; byte < 256; byte++) {
			memcpy(copy, sample, sizeof(sample));
			copy[i] = (char)byte;
			if (translog_parse(copy, sizeof(sample) - 1, &line) !=
			    TRANSLOG_OK)
				continue;
			ok++;
			if (!agree(copy, sizeof(sample) - 1))
				T_OK(false, "scanner and parser differ");
			if (!is_sane(&line))
				T_OK(false, "a record points outside");
			if (translog_format(&line.rec, out) == 0)
				T_OK(false, "a record can't be written");
		}
	T_OK(ok > 1000 / step && ok < sizeof(sample) * 200,
	    "a digit may change, a quote may not");
}

struct dice {
	uint64_t state;
};

static unsigned
roll(struct dice *d, unsigned sides)
{
	d->state = d->state * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (unsigned)((d->state >> 33) % sides);
}

/* Mostly plain text, as most names are. */
static void
roll_text(struct dice *d, char *text, size_t most)
{
	static const char odd[] = "\"\\\x01\x7f\xc3\xa4\xff/{}:,";
	size_t i, len = roll(d, (unsigned)most);
	unsigned oddness = roll(d, 4) == 0 ? 4 : 1000000;

	for (i = 0; i < len; i++)
		text[i] = roll(d, oddness) == 0 ?
		    odd[roll(d, sizeof(odd) - 1)] :
		    (char)(' ' + roll(d, 95));
	text[len] = '\0';
}

static struct translog_bytes
roll_bytes(struct dice *d, char *text, size_t most)
{
	if (roll(d, 3) == 0)
		return (struct translog_bytes){ NULL, 0 };
	roll_text(d, text, most);
	return (struct translog_bytes){ (const uint8_t *)text, strlen(text) };
}

static size_t
roll_line(struct dice *d, char line[static TRANSLOG_LINE_MAX])
{
	char texts[4][128];
	struct translog_record rec;
	unsigned i, k;

	translog_clear(&rec);
	rec.ts_us = (uint64_t)roll(d, 1u << 30) * roll(d, 1u << 21);
	rec.event = (enum translog_event)roll(d, 3);
	rec.op = (enum translog_op)roll(d, 3);
	rec.outcome = (enum outcome)roll(d, OUTCOME_COUNT);
	for (i = 0; roll(d, 20) != 0 && i < TRANSLOG_ID_LEN; i++)
		rec.id[i] = "0123456789abcdef"[roll(d, 16)];
	roll_text(d, rec.client, sizeof(rec.client));
	roll_text(d, rec.server, sizeof(rec.server));
	roll_text(d, rec.mode, sizeof(rec.mode));
	roll_text(d, rec.error_by, sizeof(rec.error_by));
	rec.file = roll_bytes(d, texts[0], sizeof(texts[0]));
	rec.path = roll_bytes(d, texts[1], sizeof(texts[1]));
	rec.asked = roll_bytes(d, texts[2], sizeof(texts[2]));
	rec.message = roll_bytes(d, texts[3], sizeof(texts[3]));
	for (i = 0; i < TRANSLOG_NUMBER_COUNT; i++) {
		k = roll(d, 4);
		rec.numbers[i] = k == 0 ? TRANSLOG_ABSENT : k == 1 ? 0 :
		    k == 2 ? INT64_MAX >> roll(d, 63) : roll(d, 100000);
	}
	rec.is_cut = roll(d, 8) == 0;
	return translog_format(&rec, line);
}

/* One edit: a byte changed, left out, put in, or a piece moved. */
static size_t
mutate(struct dice *d, char *line, size_t len)
{
	static const char bytes[] = "\"\\,:{}0123456789azv-. \n\x01\x80";
	char piece[64];
	size_t at = roll(d, (unsigned)len), to = roll(d, (unsigned)len), n;

	switch (roll(d, 5)) {
	case 0:
		line[at] = bytes[roll(d, sizeof(bytes) - 1)];
		return len;
	case 1:
		memmove(line + at, line + at + 1, len - at - 1);
		return len - 1;
	case 2:
		memmove(line + at + 1, line + at, len - at);
		line[at] = bytes[roll(d, sizeof(bytes) - 1)];
		return len + 1;
	case 3:
		return at + 1;
	default:
		n = len - (at > to ? at : to);
		n = n < sizeof(piece) ? n : sizeof(piece);
		memcpy(piece, line + at, n);
		memmove(line + to, piece, n);
		return len;
	}
}

static void
scanner_and_parser_agree(void)
{
	struct dice d = { 4711 };
	char line[TRANSLOG_LINE_MAX + 8];
	const size_t rounds = t_part(20000);
	size_t len, i, k, differ = 0;

	for (i = 0; i < rounds; i++) {
		len = roll_line(&d, line);
		differ += !agree(line, len) || !agree(line, len - 1);
		for (k = 0; k < 5 && len > 1; k++) {
			len = mutate(&d, line, len);
			differ += !agree(line, len);
		}
	}
	T_OK(differ == 0, "of all lines and damaged ones");
}

static void
resyncs_at_every_cut(void)
{
	const size_t len = sizeof(sample) - 1;
	char torn[3 * sizeof(sample)];
	struct translog_line line;
	size_t cut, at;

	for (cut = 1; cut < len; cut++) {
		memcpy(torn, sample, cut);
		memcpy(torn + cut, sample, len);
		at = translog_resync(torn, cut + len);
		T_OK(at == cut, "the glued record is found");
		T_OK(parse(torn + at, cut + len - at, &line) == TRANSLOG_OK,
		    "and whole");
	}
	T_OK(translog_resync(sample, len) == 0, "a record holds no other");
	T_OK(translog_resync("", 0) == 0, "nothing holds none");
	T_OK(translog_resync("x{\"v\"", 5) == 0, "half a mark is none");
	T_OK(translog_resync("x{\"v\":", 6) == 1, "the mark alone is one");
	T_OK(translog_resync("{{{\"v\":1", 8) == 2, "behind other braces");
}

/* A name that spells the mark must not be taken for a record. */
static void
a_name_is_no_mark(void)
{
	static const char name[] = "{\"v\":1,\"ts\":\"";
	struct translog_record rec = small_end();
	char out[TRANSLOG_LINE_MAX];
	size_t len;

	rec.file = (struct translog_bytes){ (const uint8_t *)name,
	    sizeof(name) - 1 };
	rec.message = rec.file;
	len = translog_format(&rec, out);
	T_OK(translog_resync(out, len) == 0, "a name can't forge a record");
}

static void
times_as_the_libc_has_them(void)
{
	char ts[TRANSLOG_TS_LEN + 1], expected[64];
	struct tm tm;
	time_t day;
	uint64_t us, back;

	/* 1970 to 2110 by 17 hours and something: every day, leap or not. */
	for (day = 0; day < 4417977600; day += 61237) {
		us = (uint64_t)day * 1000000 + (uint64_t)day % 1000000;
		translog_put_ts(us, ts);
		gmtime_r(&day, &tm);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &tm);
		if (memcmp(ts, expected, 19) != 0)
			T_OK(false, expected);
		if (!translog_get_ts(ts, TRANSLOG_TS_LEN, &back) || back != us)
			T_OK(false, ts);
	}
	T_OK(true, "72000 times");
}

static void
times_are_strict(void)
{
	static const struct {
		const char *ts;
		bool is_good;
		uint64_t us;
	} cases[] = {
		{ "1970-01-01T00:00:00.000000Z", true, 0 },
		{ "1972-02-29T00:00:00.000000Z", true, 68169600000000 },
		{ "2000-02-29T23:59:59.999999Z", true, 951868799999999 },
		{ "2100-02-28T00:00:00.000000Z", true, 4107456000000000 },
		{ "2100-03-01T00:00:00.000000Z", true, 4107542400000000 },
		{ "9999-12-31T23:59:59.999999Z", true, 253402300799999999 },
		{ "2100-02-29T00:00:00.000000Z", false, 0 },
		{ "2023-02-29T00:00:00.000000Z", false, 0 },
		{ "1969-12-31T23:59:59.999999Z", false, 0 },
		{ "2026-00-10T00:00:00.000000Z", false, 0 },
		{ "2026-13-10T00:00:00.000000Z", false, 0 },
		{ "2026-04-31T00:00:00.000000Z", false, 0 },
		{ "2026-04-00T00:00:00.000000Z", false, 0 },
		{ "2026-04-01T24:00:00.000000Z", false, 0 },
		{ "2026-04-01T00:60:00.000000Z", false, 0 },
		{ "2026-04-01T00:00:60.000000Z", false, 0 },
		{ "2026-04-01 00:00:00.000000Z", false, 0 },
		{ "2026-04-01T00:00:00.000000z", false, 0 },
		{ "2026-04-01T00:00:00.00000xZ", false, 0 },
		{ "2026-04-01T00:00:00.00000Z", false, 0 },
		{ "2026-04-01T00:00:00.0000000Z", false, 0 },
		{ "", false, 0 },
	};
	char ts[TRANSLOG_TS_LEN + 1];
	uint64_t us;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		us = 0;
		T_OK(translog_get_ts(cases[i].ts, strlen(cases[i].ts), &us) ==
		    cases[i].is_good && us == cases[i].us, cases[i].ts);
		if (!cases[i].is_good)
			continue;
		translog_put_ts(us, ts);
		T_OK(strcmp(ts, cases[i].ts) == 0, cases[i].ts);
	}
	translog_put_ts(UINT64_MAX, ts);
	T_OK(strcmp(ts, "9999-12-31T23:59:59.999999Z") == 0,
	    "no year has five digits");
}

static void
live_headers(void)
{
	struct live_header header = {
		.magic = LIVE_MAGIC, .slots = 1000, .page_size = LIVE_PAGE
	}, bad;
	char out[8];

	T_OK(live_header_ok(&header, sizeof(header)), "a header");
	T_OK(!live_header_ok(&header, sizeof(header) - 1), "a short one");
	bad = header;
	bad.magic++;
	T_OK(!live_header_ok(&bad, sizeof(bad)), "another file");
	bad = header;
	bad.slots = 0;
	T_OK(!live_header_ok(&bad, sizeof(bad)), "no slots");
	bad.slots = UINT32_MAX;
	T_OK(!live_header_ok(&bad, sizeof(bad)), "slots without end");
	bad = header;
	bad.page_size = 0;
	T_OK(!live_header_ok(&bad, sizeof(bad)), "no page size");
	T_OK(live_offset(0) == 4096 && live_offset(1000) == 4100096 &&
	    live_size(1000) == 4100096, "offsets");
	T_OK(live_offset(UINT32_MAX) == UINT64_C(0x100000000) * 4096,
	    "offsets in 64 bits");
	live_get_text("abc\0defg", 8, out);
	T_OK(strcmp(out, "abc") == 0, "a text ends at its NUL");
	live_get_text("abcdefgh", 8, out);
	T_OK(strcmp(out, "abcdefg") == 0, "a text without is ended");
}

int
main(void)
{
	CU_TestInfo format[] = {
		{ "the sample", the_sample_goes_both_ways },
		{ "absent keys", absent_keys_are_left_out },
		{ "the largest record", the_largest_record_fits },
		{ "cut values", values_are_cut_at_their_limit },
		{ "every name", every_name_comes_back },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo parser[] = {
		{ "takes or refuses", takes_or_refuses },
		{ "length", a_line_has_a_limit },
		{ "every prefix", every_prefix_is_refused },
		{ "any byte replaced", any_byte_replaced_is_safe },
		{ "scanner and parser", scanner_and_parser_agree },
		{ "resync", resyncs_at_every_cut },
		{ "a forged mark", a_name_is_no_mark },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo times[] = {
		{ "as the libc has them", times_as_the_libc_has_them },
		{ "strict", times_are_strict },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo live[] = {
		{ "headers", live_headers },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "format", NULL, NULL, NULL, NULL, format },
		{ "parser", NULL, NULL, NULL, NULL, parser },
		{ "times", NULL, NULL, NULL, NULL, times },
		{ "live", NULL, NULL, NULL, NULL, live },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
