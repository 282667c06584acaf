#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>

#include "record/jsonl.h"
#include "t.h"

/*
 * A strict reader of flat objects that shares nothing with the scanner:
 * by RFC 8259's grammar, straight from the front.  Returns whether line is
 * one object and then only the newline.
 */
static const char *
json_string(const char *p)
{
	if (*p++ != '"')
		return NULL;
	while (*p != '"') {
		if ((unsigned char)*p < 0x20)
			return NULL;
		if (*p++ != '\\')
			continue;
		if (*p == 'u') {
			for (int i = 1; i <= 4; i++)
				if (!isxdigit((unsigned char)p[i]))
					return NULL;
			p += 5;
		} else if (*p != '\0' && strchr("\"\\/bfnrt", *p) != NULL) {
			p++;
		} else {
			return NULL;
		}
	}
	return p + 1;
}

static bool
is_json_line(const char *p)
{
	if (*p++ != '{')
		return false;
	while (*p != '}') {
		p = json_string(p);
		if (p == NULL || *p++ != ':')
			return false;
		if (*p == '"') {
			p = json_string(p);
			if (p == NULL)
				return false;
		} else {
			p += *p == '-';
			if (!isdigit((unsigned char)*p))
				return false;
			while (isdigit((unsigned char)*p))
				p++;
		}
		if (*p == ',' && p[1] == '"')
			p++;
		else if (*p != '}')
			return false;
	}
	return strcmp(p, "}\n") == 0;
}

/* Members of a line, or -1 when the scanner refuses it. */
static int
scan_all(const char *line, size_t len)
{
	char *copy = t_guard(line, len);
	struct jsonl_scanner s;
	struct jsonl_member m;
	int ret, count = 0;

	jsonl_scan(&s, copy, len);
	while ((ret = jsonl_next(&s, &m)) == 1)
		count++;
	if (jsonl_next(&s, &m) != -1)
		count = -99;	/* it must stay at its end */
	t_unguard(copy, len);
	return ret == 0 ? count : -1;
}

static void
writes_values(void)
{
	static const struct {
		const char *what, *value;
		size_t len, max;
		const char *line;
		int flags;
	} cases[] = {
		{ "plain text", "abc", 3, 99, "{\"k\":\"abc\"}\n", 0 },
		{ "nothing", "", 0, 99, "{\"k\":\"\"}\n", 0 },
		{ "quote and backslash", "\"\\", 2, 99,
		    "{\"k\":\"\\\"\\\\\"}\n", 0 },
		{ "controls", "\0\x1b\x7f\n", 4, 99,
		    "{\"k\":\"\\u0000\\u001b\\u007f\\u000a\"}\n", 0 },
		{ "C1 CSI would steer a terminal", "\xc2\x9b", 2, 99,
		    "{\"k\":\"\\u009b\"}\n", 0 },
		{ "a direction mark would turn the line", "\xe2\x80\xae", 3,
		    99, "{\"k\":\"\\u202e\"}\n", 0 },
		{ "a tag that nobody sees", "\xf3\xa0\x81\x81", 4, 99,
		    "{\"k\":\"\\udb40\\udc41\"}\n", 0 },
		{ "no half pair", "\xf3\xa0\x81\x81", 4, 11,
		    "{\"k\":\"\"}\n", JSONL_CUT },
		{ "UTF-8 of 2, 3, 4 bytes stays",
		    "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, 99,
		    "{\"k\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}\n", 0 },
		{ "a stray continuation", "a\x80z", 3, 99,
		    "{\"k\":\"a\xef\xbf\xbdz\"}\n", JSONL_REPLACED },
		{ "a truncated character", "\xe2\x82", 2, 99,
		    "{\"k\":\"\xef\xbf\xbd\xef\xbf\xbd\"}\n", JSONL_REPLACED },
		{ "an overlong slash", "\xc0\xaf", 2, 99,
		    "{\"k\":\"\xef\xbf\xbd\xef\xbf\xbd\"}\n", JSONL_REPLACED },
		{ "an overlong of 3", "\xe0\x80\xaf", 3, 6,
		    "{\"k\":\"\xef\xbf\xbd\xef\xbf\xbd\"}\n",
		    JSONL_REPLACED | JSONL_CUT },
		{ "a surrogate", "\xed\xa0\x80", 3, 3,
		    "{\"k\":\"\xef\xbf\xbd\"}\n", JSONL_REPLACED | JSONL_CUT },
		{ "beyond U+10FFFF", "\xf4\x90\x80\x80", 4, 3,
		    "{\"k\":\"\xef\xbf\xbd\"}\n", JSONL_REPLACED | JSONL_CUT },
		{ "a real U+FFFD is no replacement", "\xef\xbf\xbd", 3, 99,
		    "{\"k\":\"\xef\xbf\xbd\"}\n", 0 },
		{ "cut", "abcdef", 6, 4, "{\"k\":\"abcd\"}\n", JSONL_CUT },
		{ "just fits", "abcd", 4, 4, "{\"k\":\"abcd\"}\n", 0 },
		{ "no half character", "abc\xc3\xa4", 5, 4,
		    "{\"k\":\"abc\"}\n", JSONL_CUT },
		{ "no half escape", "abc\x01", 4, 8, "{\"k\":\"abc\"}\n",
		    JSONL_CUT },
		{ "nothing after a cut, though it would fit", "ab\x01z", 4, 3,
		    "{\"k\":\"ab\"}\n", JSONL_CUT },
		{ "no room at all", "abc", 3, 0, "{\"k\":\"\"}\n", JSONL_CUT },
	};
	struct jsonl_writer w;
	char buf[256];
	uint8_t *copy;
	size_t i, len;
	int flags;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		copy = t_guard(cases[i].value, cases[i].len);
		jsonl_begin(&w, buf, sizeof(buf));
		flags = jsonl_put_bytes(&w, "k", copy, cases[i].len,
		    cases[i].max);
		len = jsonl_end(&w);
		T_OK(flags == cases[i].flags, cases[i].what);
		T_OK(len == strlen(cases[i].line) &&
		    memcmp(buf, cases[i].line, len) == 0, cases[i].what);
		t_unguard(copy, cases[i].len);
	}
}

static void
writes_integers(void)
{
	static const struct {
		int64_t value;
		const char *line;
	} cases[] = {
		{ 0, "{\"n\":0}\n" }, { 9, "{\"n\":9}\n" },
		{ 10, "{\"n\":10}\n" }, { -1, "{\"n\":-1}\n" },
		{ INT64_MAX, "{\"n\":9223372036854775807}\n" },
		{ INT64_MIN, "{\"n\":-9223372036854775808}\n" },
	};
	struct jsonl_writer w;
	struct jsonl_scanner s;
	struct jsonl_member m;
	char buf[64];
	size_t i, len;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		jsonl_begin(&w, buf, sizeof(buf));
		jsonl_put_int(&w, "n", cases[i].value);
		len = jsonl_end(&w);
		T_OK(len == strlen(cases[i].line) &&
		    memcmp(buf, cases[i].line, len) == 0, cases[i].line);
		jsonl_scan(&s, buf, len);
		T_OK(jsonl_next(&s, &m) == 1 && m.kind == JSONL_INT &&
		    m.number == cases[i].value, "and it reads back");
	}
}

static void
never_overflows(void)
{
	char buf[64];
	struct jsonl_writer w;
	size_t size, len;

	for (size = 0; size < sizeof(buf); size++) {
		memset(buf, '#', sizeof(buf));
		jsonl_begin(&w, buf, size);
		jsonl_put_int(&w, "a", 12);
		jsonl_put_text(&w, "b", "x\"y");
		jsonl_put_hex(&w, "c", (const uint8_t *)"\xfe\x01", 2, 9);
		len = jsonl_end(&w);
		T_OK(buf[size] == '#', "nothing is written behind the buffer");
		T_OK(len == (size < 31 ? 0 : 31),
		    "a line that does not fit is none");
	}
	T_OK(memcmp(buf, "{\"a\":12,\"b\":\"x\\\"y\",\"c\":\"fe01\"}\n",
	    31) == 0, "the whole line");
}

static void
hex_is_cut_at_a_byte(void)
{
	char buf[64];
	struct jsonl_writer w;

	jsonl_begin(&w, buf, sizeof(buf));
	T_OK(jsonl_put_hex(&w, "h", (const uint8_t *)"\x00\xab\xff", 3, 5) ==
	    JSONL_CUT, "the cut is told");
	T_OK(jsonl_end(&w) == 13 && memcmp(buf, "{\"h\":\"00ab\"}\n", 13) == 0,
	    "no half byte");
}

static void
every_byte_makes_json(void)
{
	uint8_t name[3];
	char buf[256], back[64];
	struct jsonl_writer w;
	struct jsonl_scanner s;
	struct jsonl_member m;
	int a, b, flags;
	size_t len, n;

	for (a = 0; a < 256; a++)
		for (b = 0; b < 256; b++) {
			name[0] = (uint8_t)a;
			name[1] = (uint8_t)b;
			name[2] = 'z';
			jsonl_begin(&w, buf, sizeof(buf));
			flags = jsonl_put_bytes(&w, "k", name, 3, 99);
			len = jsonl_end(&w);
			buf[len] = '\0';
			if (!is_json_line(buf) || scan_all(buf, len) != 1) {
				T_OK(false, buf);
				continue;
			}
			if (flags != 0)
				continue;
			jsonl_scan(&s, buf, len);
			jsonl_next(&s, &m);
			n = jsonl_unescape(m.text, m.text_len, back);
			if (n != 3 || memcmp(back, name, 3) != 0)
				T_OK(false, "a valid name reads back");
		}
	T_OK(true, "65536 names");
}

static void
takes_or_refuses(void)
{
	static const struct {
		const char *what, *line;
		int members;		/* -1: refused */
	} cases[] = {
		{ "one of each", "{\"a\":1,\"b\":\"x\"}\n", 2 },
		{ "no newline is fine", "{\"a\":1}", 1 },
		{ "an empty object", "{}", 0 },
		{ "an empty key", "{\"\":1}", 1 },
		{ "all escapes", "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", 1 },
		{ "a surrogate pair", "{\"a\":\"\\ud83d\\ude00\"}", 1 },
		{ "an empty line", "", -1 },
		{ "a newline alone", "\n", -1 },
		{ "two newlines", "{}\n\n", -1 },
		{ "no object", "1", -1 },
		{ "an array", "[1]", -1 },
		{ "a nested object", "{\"a\":{}}", -1 },
		{ "a nested array", "{\"a\":[]}", -1 },
		{ "true", "{\"a\":true}", -1 },
		{ "null", "{\"a\":null}", -1 },
		{ "a fraction", "{\"a\":1.5}", -1 },
		{ "an exponent", "{\"a\":1e3}", -1 },
		{ "a plus", "{\"a\":+1}", -1 },
		{ "a minus alone", "{\"a\":-}", -1 },
		{ "minus nought", "{\"a\":-0}", -1 },
		{ "a leading zero", "{\"a\":01}", -1 },
		{ "the most", "{\"a\":9223372036854775807}", 1 },
		{ "one more", "{\"a\":9223372036854775808}", -1 },
		{ "the least", "{\"a\":-9223372036854775808}", 1 },
		{ "one less", "{\"a\":-9223372036854775809}", -1 },
		{ "a number of many digits",
		    "{\"a\":99999999999999999999999999}", -1 },
		{ "a space", "{\"a\": 1}", -1 },
		{ "a comma too many", "{\"a\":1,}", -1 },
		{ "a comma in front", "{,\"a\":1}", -1 },
		{ "no comma", "{\"a\":1\"b\":2}", -1 },
		{ "no colon", "{\"a\"1}", -1 },
		{ "no value", "{\"a\":}", -1 },
		{ "no end", "{\"a\":1", -1 },
		{ "an open string", "{\"a\":\"x", -1 },
		{ "a string that ends in a backslash", "{\"a\":\"\\", -1 },
		{ "something behind", "{\"a\":1}x", -1 },
		{ "another object behind", "{\"a\":1}{\"a\":1}", -1 },
		{ "a raw tab", "{\"a\":\"\t\"}", -1 },
		{ "a raw tab behind eight bytes",
		    "{\"a\":\"01234567\t\"}", -1 },
		{ "an unknown escape", "{\"a\":\"\\x\"}", -1 },
		{ "half an escape", "{\"a\":\"\\u12\"}", -1 },
		{ "no hex", "{\"a\":\"\\u12g4\"}", -1 },
		{ "a high surrogate alone", "{\"a\":\"\\ud83d\"}", -1 },
		{ "a low surrogate alone", "{\"a\":\"\\ude00\"}", -1 },
		{ "two high ones", "{\"a\":\"\\ud83d\\ud83d\"}", -1 },
		{ "invalid UTF-8", "{\"a\":\"\xff\"}", -1 },
		{ "UTF-8 that its quote ends", "{\"a\":\"\xc3\"}", -1 },
		{ "an unquoted key", "{a:1}", -1 },
		{ "a string of 8 behind an escape",
		    "{\"a\":\"\\n12345678\"}", 1 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		T_OK(scan_all(cases[i].line, strlen(cases[i].line)) ==
		    cases[i].members, cases[i].what);
	T_OK(scan_all("{\"a\0\":1}", 8) == -1, "a NUL in a key");
}

static void
every_prefix_is_refused(void)
{
	static const char line[] =
	    "{\"v\":1,\"ts\":\"x\\u001by\xe2\x82\xac\",\"n\":-120}\n";
	size_t len;

	for (len = 0; len < sizeof(line) - 3; len++)
		T_OK(scan_all(line, len) == -1, "a prefix is no line");
	T_OK(scan_all(line, sizeof(line) - 2) == 3, "without newline");
	T_OK(scan_all(line, sizeof(line) - 1) == 3, "with newline");
}

static void
any_byte_replaced_is_safe(void)
{
	static const char line[] =
	    "{\"v\":1,\"k\":\"abc\\n\\u0041\\\\ \xc3\xa4\",\"n\":907}";
	const size_t len = sizeof(line) - 1;
	char copy[sizeof(line)], out[sizeof(line)];
	struct jsonl_scanner s;
	struct jsonl_member m;
	size_t i, n;
	int byte, members;

	for (i = 0; i < len; i++)
		for (byte = 0; byte < 256; byte++) {
			memcpy(copy, line, len);
			copy[i] = (char)byte;
			members = scan_all(copy, len);
			if (members < -1 || members > 3)
				T_OK(false, "members out of nothing");
			jsonl_scan(&s, copy, len);
			while (jsonl_next(&s, &m) == 1) {
				if (m.kind != JSONL_STRING)
					continue;
				n = jsonl_unescape(m.text, m.text_len, out);
				if (n > m.text_len)
					T_OK(false, "unescaping grew");
			}
		}
	T_OK(true, "all replacements");
}

static void
unescapes(void)
{
	static const struct {
		const char *text, *bytes;
		size_t len;
	} cases[] = {
		{ "", "", 0 }, { "abc", "abc", 3 },
		{ "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 8 },
		{ "a\\u0000b", "a\0b", 3 },
		{ "\\u00e4\\u20AC", "\xc3\xa4\xe2\x82\xac", 5 },
		{ "\\ud83d\\ude00!", "\xf0\x9f\x98\x80!", 5 },
		{ "\\\\n", "\\n", 2 },
	};
	char out[64];
	size_t i, n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n = jsonl_unescape(cases[i].text, strlen(cases[i].text), out);
		T_OK(n == cases[i].len && memcmp(out, cases[i].bytes, n) == 0,
		    cases[i].text);
	}
}

static void
every_character_is_utf8(void)
{
	uint8_t bytes[4];
	uint32_t code, got;
	size_t len, cut;

	for (code = 0x80; code <= 0x10ffff; code++) {
		len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
		bytes[0] = (uint8_t)(len == 2 ? 0xc0 | code >> 6 :
		    len == 3 ? 0xe0 | code >> 12 : 0xf0 | code >> 18);
		for (cut = 1; cut < len; cut++)
			bytes[cut] = (uint8_t)(0x80 |
			    (code >> 6 * (len - 1 - cut) & 0x3f));
		if (code >= 0xd800 && code <= 0xdfff) {
			if (jsonl_utf8(bytes, len, &got) != 0)
				T_OK(false, "a surrogate is no character");
			continue;
		}
		if (jsonl_utf8(bytes, len, &got) != len || got != code)
			T_OK(false, "a character is taken for another");
		for (cut = 1; cut < len; cut++)
			if (jsonl_utf8(bytes, cut, &got) != 0)
				T_OK(false, "half a character is taken");
	}
	T_OK(true, "all of Unicode");
}

int
main(void)
{
	CU_TestInfo writer[] = {
		{ "values", writes_values },
		{ "integers", writes_integers },
		{ "a buffer of any size", never_overflows },
		{ "hexadecimal", hex_is_cut_at_a_byte },
		{ "every pair of bytes", every_byte_makes_json },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo scanner[] = {
		{ "takes or refuses", takes_or_refuses },
		{ "every prefix", every_prefix_is_refused },
		{ "any byte replaced", any_byte_replaced_is_safe },
		{ "unescapes", unescapes },
		{ "UTF-8", every_character_is_utf8 },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "writer", NULL, NULL, NULL, NULL, writer },
		{ "scanner", NULL, NULL, NULL, NULL, scanner },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
