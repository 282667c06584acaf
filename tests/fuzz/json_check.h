/*
 * json_check - is this JSON?  RFC 8259 in the plainest way, so that record/
 * jsonl and stats/json are not judged by themselves: strict UTF-8, no byte
 * below 0x20 in a text, integers only.
 */
#ifndef FUZZ_JSON_CHECK_H
#define FUZZ_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSON_DEPTH_MAX	8

struct json_text {
	const uint8_t *at, *end;
};

/* The length of the character at at[0..len), or 0: RFC 3629, table 3-7. */
static inline size_t
json_utf8(const uint8_t *at, size_t len)
{
	static const struct {
		uint8_t first, last, low, high;
		size_t len;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	size_t i, j;

	if (at[0] < 0x80)
		return 1;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (at[0] >= forms[i].first && at[0] <= forms[i].last)
			break;
	if (i == sizeof(forms) / sizeof(forms[0]) || forms[i].len > len)
		return 0;
	if (at[1] < forms[i].low || at[1] > forms[i].high)
		return 0;
	for (j = 2; j < forms[i].len; j++)
		if (at[j] < 0x80 || at[j] > 0xbf)
			return 0;
	return forms[i].len;
}

static inline bool
json_byte(struct json_text *t, uint8_t byte)
{
	if (t->at == t->end || *t->at != byte)
		return false;
	t->at++;
	return true;
}

static inline bool
json_escape(struct json_text *t)
{
	unsigned i;

	if (t->at == t->end)
		return false;
	if (*t->at != 'u')
		return *t->at != '\0' &&
		    strchr("\"\\/bfnrt", *t->at++) != NULL;
	if (t->end - t->at < 5)
		return false;
	for (i = 1; i < 5; i++)
		if (t->at[i] == '\0' ||
		    strchr("0123456789abcdefABCDEF", t->at[i]) == NULL)
			return false;
	t->at += 5;
	return true;
}

static inline bool
json_string(struct json_text *t)
{
	size_t len;

	if (!json_byte(t, '"'))
		return false;
	while (t->at != t->end && *t->at != '"') {
		if (*t->at == '\\') {
			t->at++;
			if (!json_escape(t))
				return false;
			continue;
		}
		len = json_utf8(t->at, (size_t)(t->end - t->at));
		if (len == 0 || *t->at < 0x20)
			return false;
		t->at += len;
	}
	return json_byte(t, '"');
}

static inline bool
json_number(struct json_text *t)
{
	const uint8_t *digits;

	json_byte(t, '-');
	digits = t->at;
	while (t->at != t->end && *t->at >= '0' && *t->at <= '9')
		t->at++;
	return t->at != digits && (*digits != '0' || t->at - digits == 1);
}

static inline bool
json_value(struct json_text *t, unsigned depth)
{
	bool is_object;

	if (t->at == t->end || depth == 0)
		return false;
	if (*t->at == '"')
		return json_string(t);
	if (*t->at != '{' && *t->at != '[')
		return json_number(t);
	is_object = *t->at++ == '{';
	if (json_byte(t, is_object ? '}' : ']'))
		return true;
	do {
		if (is_object && (!json_string(t) || !json_byte(t, ':')))
			return false;
		if (!json_value(t, depth - 1))
			return false;
	} while (json_byte(t, ','));
	return json_byte(t, is_object ? '}' : ']');
}

/* Whether bytes are one value and nothing else, no white space either. */
static inline bool
json_is_valid(const void *bytes, size_t len)
{
	struct json_text t = { bytes, (const uint8_t *)bytes + len };

	return json_value(&t, JSON_DEPTH_MAX) && t.at == t.end;
}

#endif
