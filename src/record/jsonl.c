#include <string.h>

#include "record/jsonl.h"

static const char hex_digits[] = "0123456789abcdef";

static bool
is_continuation(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

size_t
jsonl_utf8(const uint8_t *bytes, size_t len, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t first = bytes[0];
	size_t i, need;

	if (first < 0x80) {
		*code = first;
		return 1;
	}
	need = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	if (first < 0xc2 || first > 0xf4 || need > len)
		return 0;
	*code = first & (0x7fu >> need);
	for (i = 1; i < need; i++) {
		if (!is_continuation(bytes[i]))
			return 0;
		*code = *code << 6 | (bytes[i] & 0x3f);
	}
	if (*code < least[need] || *code > 0x10ffff ||
	    (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return need;
}

bool
jsonl_is_unsafe(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} unsafe[] = {
		{ 0x0000, 0x001f }, { 0x007f, 0x009f }, { 0x00ad, 0x00ad },
		{ 0x061c, 0x061c }, { 0x180e, 0x180e }, { 0x200b, 0x200f },
		{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
		{ 0xfff9, 0xfffb }, { 0xe0000, 0xe0fff },
	};
	size_t i;

	if (code >= 0x20 && code < 0x7f)
		return false;
	for (i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
		if (code >= unsafe[i].first && code <= unsafe[i].last)
			return true;
	return false;
}

static void
put(struct jsonl_writer *w, const void *bytes, size_t len)
{
	if (w->is_full || len > w->size - w->len) {
		w->is_full = true;
		return;
	}
	memcpy(w->buf + w->len, bytes, len);
	w->len += len;
}

static void
put_key(struct jsonl_writer *w, const char *key)
{
	if (!w->is_first)
		put(w, ",", 1);
	w->is_first = false;
	put(w, "\"", 1);
	put(w, key, strlen(key));
	put(w, "\":", 2);
}

void
jsonl_begin(struct jsonl_writer *w, char *buf, size_t size)
{
	w->buf = buf;
	w->size = size;
	w->len = 0;
	w->is_first = true;
	w->is_full = false;
	put(w, "{", 1);
}

void
jsonl_put_int(struct jsonl_writer *w, const char *key, int64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest != 0);
	if (value < 0)
		digits[--at] = '-';
	put_key(w, key);
	put(w, digits + at, sizeof(digits) - at);
}

/* A character on its way into a line. */
struct escaped {
	char text[12];		/* a pair of surrogates */
	size_t len;
	size_t taken;		/* bytes that it stands for */
	bool is_replaced;
};

static void
escape_unit(uint32_t unit, struct escaped *e)
{
	char *to = e->text + e->len;

	to[0] = '\\';
	to[1] = 'u';
	to[2] = hex_digits[unit >> 12 & 15];
	to[3] = hex_digits[unit >> 8 & 15];
	to[4] = hex_digits[unit >> 4 & 15];
	to[5] = hex_digits[unit & 15];
	e->len += 6;
}

/* Beyond 16 bits as JSON has it, in a pair of surrogates (RFC 8259 7). */
static void
escape_code(uint32_t code, struct escaped *e)
{
	e->len = 0;
	if (code > 0xffff) {
		code -= 0x10000;
		escape_unit(0xd800 | code >> 10, e);
		code = 0xdc00 | (code & 0x3ff);
	}
	escape_unit(code, e);
}

static void
escape_next(const uint8_t *bytes, size_t len, struct escaped *e)
{
	uint32_t code;

	e->is_replaced = false;
	e->taken = jsonl_utf8(bytes, len, &code);
	if (e->taken == 0) {
		memcpy(e->text, "\xef\xbf\xbd", 3);
		e->len = 3;
		e->taken = 1;
		e->is_replaced = true;
	} else if (jsonl_is_unsafe(code)) {
		escape_code(code, e);
	} else if (code == '"' || code == '\\') {
		e->text[0] = '\\';
		e->text[1] = (char)code;
		e->len = 2;
	} else {
		memcpy(e->text, bytes, e->taken);
		e->len = e->taken;
	}
}

int
jsonl_put_bytes(struct jsonl_writer *w, const char *key,
    const uint8_t *bytes, size_t len, size_t max)
{
	struct escaped e;
	size_t at, used = 0;
	int flags = 0;

	put_key(w, key);
	put(w, "\"", 1);
	for (at = 0; at < len; at += e.taken) {
		escape_next(bytes + at, len - at, &e);
		if (e.len > max - used) {
			flags |= JSONL_CUT;
			break;
		}
		if (e.is_replaced)
			flags |= JSONL_REPLACED;
		put(w, e.text, e.len);
		used += e.len;
	}
	put(w, "\"", 1);
	return flags;
}

void
jsonl_put_text(struct jsonl_writer *w, const char *key, const char *text)
{
	jsonl_put_bytes(w, key, (const uint8_t *)text, strlen(text),
	    SIZE_MAX);
}

int
jsonl_put_hex(struct jsonl_writer *w, const char *key,
    const uint8_t *bytes, size_t len, size_t max)
{
	size_t i, fits = len < max / 2 ? len : max / 2;
	char pair[2];

	put_key(w, key);
	put(w, "\"", 1);
	for (i = 0; i < fits; i++) {
		pair[0] = hex_digits[bytes[i] >> 4];
		pair[1] = hex_digits[bytes[i] & 15];
		put(w, pair, 2);
	}
	put(w, "\"", 1);
	return fits < len ? JSONL_CUT : 0;
}

size_t
jsonl_end(struct jsonl_writer *w)
{
	put(w, "}\n", 2);
	return w->is_full ? 0 : w->len;
}

void
jsonl_scan(struct jsonl_scanner *s, const char *line, size_t len)
{
	if (len != 0 && line[len - 1] == '\n')
		len--;
	s->at = line;
	s->end = line + len;
	s->is_first = true;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The code unit of \uXXXX at at[0..len), or -1. */
static int32_t
unicode_escape(const char *at, size_t len)
{
	int32_t unit = 0;
	int digit;
	size_t i;

	if (len < 6 || at[0] != '\\' || at[1] != 'u')
		return -1;
	for (i = 2; i < 6; i++) {
		digit = hex_value(at[i]);
		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/*
 * The character of the escape at at[0..len), which starts with a
 * backslash, and its length, or 0: no escape, or half a surrogate pair.
 */
static size_t
escape_decode(const char *at, size_t len, uint32_t *code)
{
	static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	const char *name;
	int32_t unit, low;

	if (len < 2)
		return 0;
	name = memchr(names, at[1], sizeof(names) - 1);
	if (name != NULL) {
		*code = (uint8_t)means[name - names];
		return 2;
	}
	unit = unicode_escape(at, len);
	if (unit < 0 || (unit & 0xfc00) == 0xdc00)
		return 0;
	*code = (uint32_t)unit;
	if ((unit & 0xfc00) != 0xd800)
		return 6;
	low = unicode_escape(at + 6, len - 6);
	if (low < 0 || (low & 0xfc00) != 0xdc00)
		return 0;
	*code = 0x10000 + ((uint32_t)(unit & 0x3ff) << 10 | (low & 0x3ff));
	return 12;
}

/* Whether one of eight bytes is ", \, below 0x20 or above 0x7f. */
static bool
has_special(const char *at)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	uint64_t word, quote, slash;

	memcpy(&word, at, sizeof(word));
	quote = word ^ ones * '"';
	slash = word ^ ones * '\\';
	return ((word | (word - ones * 0x20) | (quote - ones) |
	    (slash - ones)) & high) != 0;
}

/* The closing quote of the string whose first byte is at, or NULL. */
static const char *
string_end(const char *at, const char *end)
{
	uint32_t code;
	size_t n;

	while (at != end) {
		while (end - at >= 8 && !has_special(at))
			at += 8;
		while (at != end && *at >= 0x20 && *at != '"' && *at != '\\' &&
		    (uint8_t)*at < 0x80)
			at++;
		if (at == end || (uint8_t)*at < 0x20)
			return NULL;
		if (*at == '"')
			return at;
		n = *at == '\\' ?
		    escape_decode(at, (size_t)(end - at), &code) :
		    jsonl_utf8((const uint8_t *)at, (size_t)(end - at), &code);
		if (n == 0)
			return NULL;
		at += n;
	}
	return NULL;
}

static bool
scan_string(struct jsonl_scanner *s, const char **text, size_t *len)
{
	const char *close;

	if (s->at == s->end || *s->at != '"')
		return false;
	close = string_end(s->at + 1, s->end);
	if (close == NULL)
		return false;
	*text = s->at + 1;
	*len = (size_t)(close - *text);
	s->at = close + 1;
	return true;
}

static bool
scan_int(struct jsonl_scanner *s, int64_t *number)
{
	const char *digits;
	bool is_negative = s->at != s->end && *s->at == '-';
	uint64_t value = 0, most = (uint64_t)INT64_MAX + is_negative;
	unsigned digit;

	s->at += is_negative;
	digits = s->at;
	for (; s->at != s->end && *s->at >= '0' && *s->at <= '9'; s->at++) {
		digit = (unsigned)(*s->at - '0');
		if (value > (most - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (s->at == digits || (*digits == '0' && s->at - digits > 1) ||
	    (is_negative && value == 0))
		return false;
	*number = is_negative ? (int64_t)-value : (int64_t)value;
	return true;
}

static bool
scan_member(struct jsonl_scanner *s, struct jsonl_member *m)
{
	if (!scan_string(s, &m->key, &m->key_len))
		return false;
	if (s->end - s->at < 2 || *s->at++ != ':')
		return false;
	if (*s->at == '"') {
		m->kind = JSONL_STRING;
		return scan_string(s, &m->text, &m->text_len);
	}
	m->kind = JSONL_INT;
	return scan_int(s, &m->number);
}

int
jsonl_next(struct jsonl_scanner *s, struct jsonl_member *m)
{
	bool is_first = s->is_first;

	s->is_first = false;
	if (is_first && (s->at == s->end || *s->at++ != '{'))
		goto bad;
	if (s->at != s->end && *s->at == '}') {
		if (++s->at == s->end)
			return 0;
		goto bad;
	}
	if (!is_first && (s->at == s->end || *s->at++ != ','))
		goto bad;
	if (scan_member(s, m))
		return 1;
bad:
	s->at = s->end;		/* nor will the next call find anything */
	return -1;
}

static size_t
utf8_encode(uint32_t code, char *out)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

size_t
jsonl_unescape(const char *text, size_t text_len, char *out)
{
	const char *end = text + text_len, *slash;
	uint32_t code;
	size_t n, len = 0;

	for (;;) {
		slash = memchr(text, '\\', (size_t)(end - text));
		n = (size_t)((slash != NULL ? slash : end) - text);
		memcpy(out + len, text, n);
		len += n;
		if (slash == NULL)
			return len;
		n = escape_decode(slash, (size_t)(end - slash), &code);
		if (n == 0)
			return len;
		len += utf8_encode(code, out + len);
		text = slash + n;
	}
}
