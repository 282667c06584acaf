/*
 * text - what people read: names that can't steer the terminal, numbers
 * with a unit.  No locale decides how they look.
 */
#ifndef STATS_TEXT_H
#define STATS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/outcome.h"

/* How text is to be written. */
struct text_style {
	bool is_utc;		/* times, else local */
	bool is_utf8;		/* the reader's terminal; else ASCII only */
	bool has_colour;
};

/* Is standard output a terminal that wants colour (NO_COLOR, TERM)? */
bool text_wants_colour(void);

/* Does the environment's locale use UTF-8? */
bool text_has_utf8(void);

/*
 * text_put_bytes - a stranger's bytes.
 *
 * Control and direction characters, invalid UTF-8 and, unless is_utf8, all
 * that is not ASCII stand as \xNN for each byte; a backslash stands as \\.
 * Returns the columns: two for a wide character, none for an accent.
 */
size_t text_put_bytes(FILE *out, const struct text_style *style,
    const uint8_t *bytes, size_t len);

/* The columns that it would take. */
size_t text_columns(const struct text_style *style, const uint8_t *bytes,
    size_t len);

/*
 * text_put_short - the same in at most width columns: what is too long loses
 * its middle, "pxelin..default", at whole characters.  Returns the columns.
 */
size_t text_put_short(FILE *out, const struct text_style *style,
    const uint8_t *bytes, size_t len, size_t width);

/* All of it, filled up with spaces to width columns. */
void text_put_column(FILE *out, const struct text_style *style,
    const uint8_t *bytes, size_t len, size_t width);

#define TEXT_NUMBER_MAX	32

/* "999 B", "42.4 kB", "4.1 GB": powers of 1000. */
const char *text_bytes(uint64_t bytes, char out[static TEXT_NUMBER_MAX]);

/* "210 us", "12.3 ms", "4.81 s", "12 min 05 s", "1 h 02 min". */
const char *text_duration(uint64_t us, char out[static TEXT_NUMBER_MAX]);

/* "3.4 MB/s", or "-" when there is nothing to divide. */
const char *text_rate(uint64_t bytes, uint64_t us,
    char out[static TEXT_NUMBER_MAX]);

/* "3.4 MB/s", "0 B/s" of bytes in a second. */
const char *text_speed(uint64_t bytes, char out[static TEXT_NUMBER_MAX]);

/* "98.0 %" of a part in a whole; "0.0 %" of nothing. */
const char *text_share(uint64_t part, uint64_t whole,
    char out[static TEXT_NUMBER_MAX]);

/* The same in thousandths, rounded; at most 1000. */
unsigned text_permille(uint64_t part, uint64_t whole);

/*
 * text_put_bar - value as a bar; width columns are max.  What is not 0 shows
 * at least a trace.  Returns the columns, which are not filled up.
 */
size_t text_put_bar(FILE *out, const struct text_style *style,
    uint64_t value, uint64_t max, size_t width);

/*
 * text_put_spark - a row of small bars, a column each, the largest value
 * full height.
 */
void text_put_spark(FILE *out, const struct text_style *style,
    const uint64_t *values, size_t count);

/* What is drawn attention to, and how it ends; "" without colour. */
enum text_colour { TEXT_PLAIN, TEXT_BOLD, TEXT_RED, TEXT_YELLOW };
const char *text_colour(const struct text_style *style,
    enum text_colour colour);
const char *text_colour_end(const struct text_style *style,
    enum text_colour colour);

/* Failures red, refusals yellow. */
enum text_colour text_colour_of(enum outcome_class of_class);

#endif
