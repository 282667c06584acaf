/*
 * jsonl - one line of JSON Lines: writing it with a limit, and a strict
 * scanner for flat objects.
 *
 * The writer makes valid UTF-8 JSON of whatever bytes a stranger chose.
 * The scanner takes what such a writer makes and nothing else: no nesting,
 * no fractions, no white space between tokens.  It does not allocate.
 */
#ifndef RECORD_JSONL_H
#define RECORD_JSONL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * jsonl_utf8 - one character of UTF-8.
 *
 * len        bytes that are there, at least 1
 * code       receives the character
 * Returns its length, 1 to 4, or 0 when no valid character starts here.
 */
size_t jsonl_utf8(const uint8_t *bytes, size_t len, uint32_t *code);

/*
 * Whether a character steers the terminal or the reader's eye instead of
 * being seen: C0, DEL, C1, joiners, direction marks, line separators, BOM,
 * tags.
 */
bool jsonl_is_unsafe(uint32_t code);

struct jsonl_writer {
	char *buf;
	size_t size, len;
	bool is_first;		/* no key was written yet */
	bool is_full;		/* something did not fit: the line is no good */
};

/* Start a line in buf[0..size), which stays the caller's. */
void jsonl_begin(struct jsonl_writer *w, char *buf, size_t size);

/* "key":value; keys are ours and need no escape. */
void jsonl_put_int(struct jsonl_writer *w, const char *key, int64_t value);

/*
 * jsonl_put_bytes - "key":"…" of any bytes.
 *
 * max        the most bytes that the escaped value may take (between its
 *            quotes); it is cut at a whole character before that
 * Escapes ", \ and whatever jsonl_is_unsafe() names, so that "tail -f" of
 * a log is harmless; each byte that is not part of valid UTF-8 (no
 * surrogates, no overlong forms) becomes U+FFFD.
 * Returns 0, or a sum of JSONL_CUT and JSONL_REPLACED.
 */
#define JSONL_CUT	1
#define JSONL_REPLACED	2
int jsonl_put_bytes(struct jsonl_writer *w, const char *key,
    const uint8_t *bytes, size_t len, size_t max);

/* The same of a text of ours, whole. */
void jsonl_put_text(struct jsonl_writer *w, const char *key, const char *text);

/* "key":"hex digits" of at most max digits; returns 0 or JSONL_CUT. */
int jsonl_put_hex(struct jsonl_writer *w, const char *key,
    const uint8_t *bytes, size_t len, size_t max);

/*
 * jsonl_end - close the object and the line ("}\n").
 * Returns the line's length, or 0 when it did not fit.
 */
size_t jsonl_end(struct jsonl_writer *w);

enum jsonl_kind { JSONL_INT, JSONL_STRING };

/* A member; key and text point into the line, text is still escaped. */
struct jsonl_member {
	const char *key;
	size_t key_len;
	enum jsonl_kind kind;
	int64_t number;		/* JSONL_INT */
	const char *text;	/* JSONL_STRING: between the quotes */
	size_t text_len;
};

struct jsonl_scanner {
	const char *at, *end;
	bool is_first;
};

/* Start on line[0..len), without or with its newline. */
void jsonl_scan(struct jsonl_scanner *s, const char *line, size_t len);

/*
 * jsonl_next - the next member.
 * Returns 1 with *m filled, 0 at the well-formed end of the object, -1 when
 * the line is not a flat object of strings and integers, or goes on after it.
 */
int jsonl_next(struct jsonl_scanner *s, struct jsonl_member *m);

/*
 * jsonl_unescape - the bytes of a string member.
 * out        room for text_len bytes; never grows
 * Returns the length.  The text has been through jsonl_next().
 */
size_t jsonl_unescape(const char *text, size_t text_len, char *out);

#endif
