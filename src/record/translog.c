/*
 * One table drives both directions: the formatter walks it in order, the
 * parser looks keys up in it.
 */
#include <string.h>

#include "record/jsonl.h"
#include "record/translog.h"

#define DAY_US		(UINT64_C(86400) * 1000000)
#define LAST_TS_US	UINT64_C(253402300799999999)	/* of the year 9999 */

enum field_kind {
	FIELD_VERSION, FIELD_TS, FIELD_EVENT, FIELD_OP, FIELD_OUTCOME,
	FIELD_TEXT,	/* a char array of the record, left out when "" */
	FIELD_BYTES,	/* struct translog_bytes, left out when NULL */
	FIELD_HEX,	/* file again, where it was not valid UTF-8 */
	FIELD_NUMBER,
	FIELD_CUT
};

struct field {
	const char *key;
	size_t key_len;
	enum field_kind kind;
	size_t at;		/* offset in the record, or number's index */
	size_t max;		/* room of the array; escaped bytes or digits */
};

#define AT(member)	offsetof(struct translog_record, member)
#define ROOM(member)	sizeof(((struct translog_record *)NULL)->member)
#define KEY(name)	name, sizeof(name) - 1
#define TEXT(name)	{ KEY(#name), FIELD_TEXT, AT(name), ROOM(name) }
#define BYTES(name, max) { KEY(#name), FIELD_BYTES, AT(name), max }
#define NUMBER(name, i)	{ KEY(name), FIELD_NUMBER, TRANSLOG_ ## i, 0 }

static const struct field fields[] = {
	{ KEY("v"), FIELD_VERSION, 0, 0 },
	{ KEY("ts"), FIELD_TS, 0, 0 },
	{ KEY("event"), FIELD_EVENT, 0, 0 },
	TEXT(id),
	{ KEY("op"), FIELD_OP, 0, 0 },
	{ KEY("outcome"), FIELD_OUTCOME, 0, 0 },
	TEXT(client),
	NUMBER("client_port", CLIENT_PORT),
	TEXT(server),
	NUMBER("server_port", SERVER_PORT),
	BYTES(file, 768),
	{ KEY("file_hex"), FIELD_HEX, AT(file), 512 },
	BYTES(path, 768),
	TEXT(mode),
	BYTES(asked, 256),
	NUMBER("blksize", BLKSIZE),
	NUMBER("windowsize", WINDOWSIZE),
	NUMBER("timeout_ms", TIMEOUT_MS),
	NUMBER("size", SIZE),
	NUMBER("bytes", BYTES),
	NUMBER("blocks", BLOCKS),
	NUMBER("duration_us", DURATION_US),
	NUMBER("first_reply_us", FIRST_REPLY_US),
	NUMBER("rtt_us", RTT_US),
	NUMBER("packets_sent", PACKETS_SENT),
	NUMBER("packets_received", PACKETS_RECEIVED),
	NUMBER("retransmits", RETRANSMITS),
	NUMBER("timeouts", TIMEOUTS),
	NUMBER("duplicates", DUPLICATES),
	NUMBER("cpu_us", CPU_US),
	NUMBER("rss_kb", RSS_KB),
	NUMBER("in_place", IN_PLACE),
	NUMBER("error_code", ERROR_CODE),
	TEXT(error_by),
	BYTES(message, 256),
	NUMBER("requests", REQUESTS),
	NUMBER("repeats", REPEATS),
	NUMBER("ignored", IGNORED),
	NUMBER("dropped", DROPPED),
	NUMBER("pid", PID),
	{ KEY("cut"), FIELD_CUT, 0, 0 },
};

#define FIELD_COUNT	(sizeof(fields) / sizeof(fields[0]))
_Static_assert(FIELD_COUNT <= 64, "the parser keeps a bit for each");

static const char *const event_names[] = {
	[TRANSLOG_START] = "start",
	[TRANSLOG_TRANSFER] = "transfer",
	[TRANSLOG_NOTICE] = "notice",
};

static const char *const op_names[] = {
	[TRANSLOG_NO_OP] = "",
	[TRANSLOG_READ] = "read",
	[TRANSLOG_WRITE] = "write",
};

const char *
translog_op_name(enum translog_op op)
{
	return op_names[op];
}

void
translog_clear(struct translog_record *rec)
{
	size_t i;

	memset(rec, 0, sizeof(*rec));
	for (i = 0; i < TRANSLOG_NUMBER_COUNT; i++)
		rec->numbers[i] = TRANSLOG_ABSENT;
}

/* Days since 1970 to a date of the proleptic Gregorian calendar. */
static void
civil_from_days(unsigned days, unsigned *year, unsigned *month, unsigned *day)
{
	/* Years begin in March here, so that the leap day comes last. */
	unsigned shifted = days + 719468;
	unsigned era = shifted / 146097, of_era = shifted % 146097;
	unsigned y = (of_era - of_era / 1460 + of_era / 36524 -
	    of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * y + y / 4 - y / 100);
	unsigned m = (5 * of_year + 2) / 153;

	*day = of_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = y + era * 400 + (*month <= 2);
}

static unsigned
days_from_civil(unsigned year, unsigned month, unsigned day)
{
	unsigned y = year - (month <= 2), era = y / 400, of_era = y % 400;
	unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) /
	    5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	    of_year - 719468;
}

/* count digits of value at out. */
static void
put_digits(char *out, size_t count, unsigned value)
{
	while (count-- != 0) {
		out[count] = (char)('0' + value % 10);
		value /= 10;
	}
}

void
translog_put_ts(uint64_t ts_us, char out[static TRANSLOG_TS_LEN + 1])
{
	unsigned year, month, day, seconds;

	if (ts_us > LAST_TS_US)
		ts_us = LAST_TS_US;
	civil_from_days((unsigned)(ts_us / DAY_US), &year, &month, &day);
	seconds = (unsigned)(ts_us % DAY_US / 1000000);
	memcpy(out, "0000-00-00T00:00:00.000000Z", TRANSLOG_TS_LEN + 1);
	put_digits(out, 4, year);
	put_digits(out + 5, 2, month);
	put_digits(out + 8, 2, day);
	put_digits(out + 11, 2, seconds / 3600);
	put_digits(out + 14, 2, seconds / 60 % 60);
	put_digits(out + 17, 2, seconds % 60);
	put_digits(out + 20, 6, (unsigned)(ts_us % 1000000));
}

static unsigned
get_digits(const char *text, size_t count)
{
	unsigned value = 0;

	while (count-- != 0)
		value = value * 10 + (unsigned)(*text++ - '0');
	return value;
}

/* Whether text has digits where the form has '0', else the same bytes. */
static bool
has_form(const char *text, const char *form)
{
	for (; *form != '\0'; form++, text++)
		if (*form == '0' ? *text < '0' || *text > '9' : *text != *form)
			return false;
	return true;
}

static unsigned
days_of_month(unsigned year, unsigned month)
{
	static const unsigned days[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && is_leap ? 29 : days[month - 1];
}

bool
translog_get_ts(const char *text, size_t len, uint64_t *ts_us)
{
	unsigned year, month, day, hour, minute, second;

	if (len != TRANSLOG_TS_LEN ||
	    !has_form(text, "0000-00-00T00:00:00.000000Z"))
		return false;
	year = get_digits(text, 4);
	month = get_digits(text + 5, 2);
	day = get_digits(text + 8, 2);
	hour = get_digits(text + 11, 2);
	minute = get_digits(text + 14, 2);
	second = get_digits(text + 17, 2);
	if (year < 1970 || month < 1 || month > 12 || day < 1 ||
	    day > days_of_month(year, month) || hour > 23 || minute > 59 ||
	    second > 59)
		return false;
	*ts_us = days_from_civil(year, month, day) * DAY_US +
	    (hour * 3600 + minute * 60 + second) * UINT64_C(1000000) +
	    get_digits(text + 20, 6);
	return true;
}

/* A record on its way into a line. */
struct formatting {
	struct jsonl_writer w;
	const struct translog_record *rec;
	bool needs_hex;		/* file had bytes that are no UTF-8 */
	bool is_cut;
};

static void
format_text(struct formatting *f, const struct field *field)
{
	const char *text = (const char *)f->rec + field->at;
	size_t len = strnlen(text, field->max);

	if (len != 0 && jsonl_put_bytes(&f->w, field->key,
	    (const uint8_t *)text, len, field->max - 1) & JSONL_CUT)
		f->is_cut = true;
}

static void
format_bytes(struct formatting *f, const struct field *field)
{
	const struct translog_bytes *bytes = (const void *)
	    ((const char *)f->rec + field->at);
	int flags;

	if (bytes->buf == NULL)
		return;
	flags = jsonl_put_bytes(&f->w, field->key, bytes->buf, bytes->len,
	    field->max);
	if (flags & JSONL_CUT)
		f->is_cut = true;
	if (flags & JSONL_REPLACED && field->at == AT(file))
		f->needs_hex = true;
}

static void
format_hex(struct formatting *f, const struct field *field)
{
	const struct translog_bytes *file = &f->rec->file;

	if (f->needs_hex && jsonl_put_hex(&f->w, field->key, file->buf,
	    file->len, field->max) & JSONL_CUT)
		f->is_cut = true;
}

static void
format_ts(struct formatting *f, const struct field *field)
{
	char ts[TRANSLOG_TS_LEN + 1];

	translog_put_ts(f->rec->ts_us, ts);
	jsonl_put_text(&f->w, field->key, ts);
}

static void
format_field(struct formatting *f, const struct field *field)
{
	const struct translog_record *rec = f->rec;

	switch (field->kind) {
	case FIELD_VERSION:
		jsonl_put_int(&f->w, field->key, TRANSLOG_VERSION);
		break;
	case FIELD_TS:
		format_ts(f, field);
		break;
	case FIELD_EVENT:
		jsonl_put_text(&f->w, field->key, event_names[rec->event]);
		break;
	case FIELD_OP:
		if (rec->op != TRANSLOG_NO_OP)
			jsonl_put_text(&f->w, field->key, op_names[rec->op]);
		break;
	case FIELD_OUTCOME:
		if (rec->outcome != OUTCOME_NONE)
			jsonl_put_text(&f->w, field->key,
			    outcome_name(rec->outcome));
		break;
	case FIELD_TEXT:
		format_text(f, field);
		break;
	case FIELD_BYTES:
		format_bytes(f, field);
		break;
	case FIELD_HEX:
		format_hex(f, field);
		break;
	case FIELD_NUMBER:
		if (rec->numbers[field->at] >= 0)
			jsonl_put_int(&f->w, field->key,
			    rec->numbers[field->at]);
		break;
	case FIELD_CUT:
		if (f->is_cut)
			jsonl_put_int(&f->w, field->key, 1);
		break;
	}
}

size_t
translog_format(const struct translog_record *rec,
    char out[static TRANSLOG_LINE_MAX])
{
	struct formatting f = { .rec = rec, .is_cut = rec->is_cut };
	size_t i;

	jsonl_begin(&f.w, out, TRANSLOG_LINE_MAX);
	for (i = 0; i < FIELD_COUNT; i++)
		format_field(&f, &fields[i]);
	return jsonl_end(&f.w);
}

/* A line on its way into a record. */
struct parsing {
	struct translog_line *out;
	size_t used;		/* of out->text */
	uint64_t seen;		/* a bit for each of fields[] */
	size_t next;		/* where in fields[] the next key is likely */
	struct translog_bytes hex;
};

/*
 * Our own lines have the keys in the table's order, so the search from the
 * last hit on is short; a line in another order only takes longer.
 */
static const struct field *
find_field(struct parsing *p, const struct jsonl_member *m)
{
	size_t i, tried;

	for (tried = 0, i = p->next; tried < FIELD_COUNT; tried++, i++) {
		if (i == FIELD_COUNT)
			i = 0;
		if (strncmp(fields[i].key, m->key, m->key_len) == 0 &&
		    fields[i].key[m->key_len] == '\0') {
			p->next = i + 1 == FIELD_COUNT ? 0 : i + 1;
			return &fields[i];
		}
	}
	return NULL;
}

/* The index of that name in names[0..count), or count. */
static size_t
find_name(const struct jsonl_member *m, const char *const *names,
    size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strlen(names[i]) == m->text_len &&
		    memcmp(names[i], m->text, m->text_len) == 0)
			break;
	return i;
}

static bool
take_event(struct parsing *p, const struct jsonl_member *m)
{
	size_t count = sizeof(event_names) / sizeof(event_names[0]);
	size_t i = find_name(m, event_names, count);

	p->out->rec.event = (enum translog_event)i;
	return i < count;
}

static bool
take_op(struct parsing *p, const struct jsonl_member *m)
{
	size_t count = sizeof(op_names) / sizeof(op_names[0]);
	size_t i = find_name(m, op_names, count);

	p->out->rec.op = (enum translog_op)i;
	return i < count && i != TRANSLOG_NO_OP;
}

static bool
take_outcome(struct parsing *p, const struct jsonl_member *m)
{
	p->out->rec.outcome = outcome_from_name(m->text, m->text_len);
	return p->out->rec.outcome != OUTCOME_NONE;
}

/* The unescaped value, kept with the record. */
static struct translog_bytes
keep_text(struct parsing *p, const struct jsonl_member *m)
{
	char *room = p->out->text + p->used;
	size_t len = jsonl_unescape(m->text, m->text_len, room);

	p->used += len;
	return (struct translog_bytes){ (const uint8_t *)room, len };
}

static bool
take_text(struct parsing *p, const struct field *field,
    const struct jsonl_member *m)
{
	struct translog_bytes value = keep_text(p, m);
	char *to = (char *)&p->out->rec + field->at;

	if (value.len >= field->max ||
	    (value.len != 0 && memchr(value.buf, '\0', value.len) != NULL))
		return false;
	memcpy(to, value.buf, value.len);
	to[value.len] = '\0';
	return true;
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	    c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
take_hex(struct parsing *p, const struct jsonl_member *m)
{
	uint8_t *room = (uint8_t *)p->out->text + p->used;
	int high, low;
	size_t i;

	if (m->text_len % 2 != 0)
		return false;
	for (i = 0; i < m->text_len; i += 2) {
		high = hex_digit(m->text[i]);
		low = hex_digit(m->text[i + 1]);
		if (high < 0 || low < 0)
			return false;
		room[i / 2] = (uint8_t)(high << 4 | low);
	}
	p->used += m->text_len / 2;
	p->hex = (struct translog_bytes){ room, m->text_len / 2 };
	return true;
}

static bool
take_string(struct parsing *p, const struct field *field,
    const struct jsonl_member *m)
{
	switch (field->kind) {
	case FIELD_TS:
		return translog_get_ts(m->text, m->text_len,
		    &p->out->rec.ts_us);
	case FIELD_EVENT:
		return take_event(p, m);
	case FIELD_OP:
		return take_op(p, m);
	case FIELD_OUTCOME:
		return take_outcome(p, m);
	case FIELD_TEXT:
		return take_text(p, field, m);
	case FIELD_BYTES:
		*(struct translog_bytes *)(void *)
		    ((char *)&p->out->rec + field->at) = keep_text(p, m);
		return true;
	case FIELD_HEX:
		return take_hex(p, m);
	default:
		return false;
	}
}

static bool
take_int(struct parsing *p, const struct field *field,
    const struct jsonl_member *m)
{
	switch (field->kind) {
	case FIELD_NUMBER:
		p->out->rec.numbers[field->at] = m->number;
		return m->number >= 0;
	case FIELD_CUT:
		p->out->rec.is_cut = m->number == 1;
		return true;
	default:
		return false;
	}
}

/* An unknown key is fine; a known one twice or of the wrong kind is not. */
static bool
take_member(struct parsing *p, const struct jsonl_member *m)
{
	const struct field *field = find_field(p, m);
	uint64_t bit;

	if (field == NULL)
		return true;
	bit = UINT64_C(1) << (field - fields);
	if (p->seen & bit)
		return false;
	p->seen |= bit;
	return m->kind == JSONL_INT ? take_int(p, field, m) :
	    take_string(p, field, m);
}

/* Without a branch for each digit, which the processor can't guess. */
static bool
has_id(const struct translog_record *rec)
{
	unsigned bad = 0, c;
	size_t i;

	for (i = 0; i < TRANSLOG_ID_LEN; i++) {
		c = (uint8_t)rec->id[i];
		bad |= (c - '0' > 9) & (c - 'a' > 5);
	}
	return bad == 0 && rec->id[i] == '\0';
}

/* Beside its time and its event. */
static bool
has_what_it_needs(const struct translog_record *rec)
{
	if (rec->event == TRANSLOG_NOTICE)
		return rec->id[0] == '\0' || has_id(rec);
	return has_id(rec) && (rec->event != TRANSLOG_TRANSFER ||
	    rec->outcome != OUTCOME_NONE);
}

static bool
is_whole(const struct parsing *p)
{
	const uint64_t needed = 1u << 1 | 1u << 2;	/* ts, event */

	return (p->seen & needed) == needed &&
	    has_what_it_needs(&p->out->rec);
}

/* A line that another version wrote: all we ask is that it is whole. */
static enum translog_verdict
skim(struct jsonl_scanner *s)
{
	struct jsonl_member m;
	int ret;

	while ((ret = jsonl_next(s, &m)) == 1)
		continue;
	return ret == 0 ? TRANSLOG_NEWER : TRANSLOG_BAD;
}

enum translog_verdict
translog_parse(const char *line, size_t len, struct translog_line *out)
{
	struct parsing p = { .out = out, .next = 1 };
	struct jsonl_scanner s;
	struct jsonl_member m;
	int ret;

	if (len > TRANSLOG_LINE_MAX)
		return TRANSLOG_BAD;
	jsonl_scan(&s, line, len);
	if (jsonl_next(&s, &m) != 1 || m.key_len != 1 || *m.key != 'v' ||
	    m.kind != JSONL_INT || m.number < 1)
		return TRANSLOG_BAD;
	if (m.number != TRANSLOG_VERSION)
		return skim(&s);
	translog_clear(&out->rec);
	while ((ret = jsonl_next(&s, &m)) == 1)
		if (!take_member(&p, &m))
			return TRANSLOG_BAD;
	if (ret != 0 || !is_whole(&p))
		return TRANSLOG_BAD;
	if (p.hex.buf != NULL)
		out->rec.file = p.hex;
	return TRANSLOG_OK;
}

/*
 * A line of ours on its way into a record.  All that is in any way unusual
 * makes quick_*() return false, and the parser decides.
 */
struct quick {
	struct translog_line *out;
	const char *at, *end;
	size_t used;		/* of out->text */
	size_t field;		/* where in fields[] the next key may be */
};

/* Whether one of eight bytes is ", \, below 0x20 or above 0x7f. */
static bool
is_unusual(const char *at)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	uint64_t word, quote, slash;

	memcpy(&word, at, sizeof(word));
	quote = word ^ ones * '"';
	slash = word ^ ones * '\\';
	return ((word | (word - ones * 0x20) | (quote - ones) |
	    (slash - ones)) & high) != 0;
}

/* A string without escapes; its quotes are passed. */
static bool
quick_text(struct quick *q, const char **text, size_t *len)
{
	const char *at = q->at + 1, *end = q->end;

	if (at >= end || at[-1] != '"')
		return false;
	*text = at;
	while (end - at >= 8 && !is_unusual(at))
		at += 8;
	while (at != end && *at >= 0x20 && *at != '"' && *at != '\\')
		at++;
	if (at == end || *at != '"')
		return false;
	*len = (size_t)(at - *text);
	q->at = at + 1;
	return true;
}

/* A number that fits without a look at each digit's carry. */
static bool
quick_number(struct quick *q, int64_t *number)
{
	const char *at = q->at;
	int64_t value = 0;

	for (; at != q->end && *at >= '0' && *at <= '9'; at++) {
		if (at - q->at == 18)
			return false;
		value = value * 10 + (*at - '0');
	}
	if (at == q->at || (*q->at == '0' && at - q->at > 1))
		return false;
	q->at = at;
	*number = value;
	return true;
}

static bool
quick_copy(struct quick *q, const struct field *field, const char *text,
    size_t len)
{
	char *to = (char *)&q->out->rec + field->at;

	if (len >= field->max)
		return false;
	memcpy(to, text, len);
	to[len] = '\0';
	return true;
}

static void
quick_keep(struct quick *q, const struct field *field, const char *text,
    size_t len)
{
	char *room = q->out->text + q->used;

	memcpy(room, text, len);
	q->used += len;
	*(struct translog_bytes *)(void *)
	    ((char *)&q->out->rec + field->at) = (struct translog_bytes){
		(const uint8_t *)room, len
	};
}

/* The index of a name that is at least one byte long, or count. */
static size_t
quick_name(const char *text, size_t len, const char *const *names,
    size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (len != 0 && *names[i] == *text &&
		    strlen(names[i]) == len &&
		    memcmp(names[i], text, len) == 0)
			break;
	return i;
}

static bool
quick_event(struct quick *q, const char *text, size_t len)
{
	size_t count = sizeof(event_names) / sizeof(event_names[0]);
	size_t i = quick_name(text, len, event_names, count);

	q->out->rec.event = (enum translog_event)i;
	return i < count;
}

static bool
quick_op(struct quick *q, const char *text, size_t len)
{
	size_t count = sizeof(op_names) / sizeof(op_names[0]);
	size_t i = quick_name(text, len, op_names, count);

	q->out->rec.op = (enum translog_op)i;
	return i < count;
}

static bool
quick_outcome(struct quick *q, const char *text, size_t len)
{
	q->out->rec.outcome = outcome_from_name(text, len);
	return q->out->rec.outcome != OUTCOME_NONE;
}

static bool
quick_string(struct quick *q, const struct field *field)
{
	const char *text;
	size_t len;

	if (!quick_text(q, &text, &len))
		return false;
	switch (field->kind) {
	case FIELD_TS:
		return translog_get_ts(text, len, &q->out->rec.ts_us);
	case FIELD_EVENT:
		return quick_event(q, text, len);
	case FIELD_OP:
		return quick_op(q, text, len);
	case FIELD_OUTCOME:
		return quick_outcome(q, text, len);
	case FIELD_TEXT:
		return quick_copy(q, field, text, len);
	case FIELD_BYTES:
		quick_keep(q, field, text, len);
		return true;
	default:
		return false;
	}
}

/* The field whose key stands next, its colon passed; NULL: none of ours. */
static const struct field *
quick_field(struct quick *q)
{
	const char *key = q->at + 2;
	const struct field *field;
	size_t left = (size_t)(q->end - q->at);

	if (left < 4 || q->at[0] != ',' || q->at[1] != '"')
		return NULL;
	for (; q->field < FIELD_COUNT; q->field++) {
		field = &fields[q->field];
		if (*field->key != *key || left < field->key_len + 4 ||
		    key[field->key_len] != '"' ||
		    memcmp(field->key, key, field->key_len) != 0)
			continue;
		q->field++;
		q->at = key + field->key_len + 2;
		return q->at[-1] == ':' ? field : NULL;
	}
	return NULL;
}

static bool
quick_member(struct quick *q)
{
	const struct field *field = quick_field(q);

	if (field == NULL)
		return false;
	return field->kind == FIELD_NUMBER ?
	    quick_number(q, &q->out->rec.numbers[field->at]) :
	    quick_string(q, field);
}

static bool
quick_record(struct quick *q)
{
	const struct translog_record *rec = &q->out->rec;

	/* "ts" and "event" are in every record of ours, in this place. */
	if (!quick_member(q) || q->field != 2 || !quick_member(q) ||
	    q->field != 3)
		return false;
	while (q->at != q->end && *q->at == ',')
		if (!quick_member(q))
			return false;
	return q->end - q->at == 1 && *q->at == '}' && has_what_it_needs(rec);
}

enum translog_verdict
translog_scan(const char *line, size_t len, struct translog_line *out)
{
	static const char head[] = "{\"v\":1";
	const size_t head_len = sizeof(head) - 1;
	struct quick q = {
		.out = out, .at = line + head_len, .end = line + len,
		.field = 1
	};

	if (len > head_len && len <= TRANSLOG_LINE_MAX &&
	    memcmp(line, head, head_len) == 0) {
		q.end -= line[len - 1] == '\n';
		translog_clear(&out->rec);
		if (quick_record(&q))
			return TRANSLOG_OK;
	}
	return translog_parse(line, len, out);
}

size_t
translog_resync(const char *line, size_t len)
{
	static const char mark[] = "{\"v\":";
	const size_t mark_len = sizeof(mark) - 1;
	const char *at, *end = line + len;

	for (at = line + (len != 0); ; at++) {
		at = memchr(at, mark[0], (size_t)(end - at));
		if (at == NULL || (size_t)(end - at) < mark_len)
			return 0;
		if (memcmp(at, mark, mark_len) == 0)
			return (size_t)(at - line);
	}
}
