/*
 * table - rows and columns, for people, spreadsheets and programs.
 *
 *	static const struct table_column columns[] = {
 *		{ "Client", "client", TABLE_NAME, 0 },
 *		{ "Requests", "requests", TABLE_COUNT, 0 },
 *	};
 *	t = table_new(columns, 2);
 *	for each row: table_text(t, buf, len); table_number(t, count);
 *	table_report(t, o, &about, &result);
 *	table_free(t);
 *
 * A stranger's bytes reach no terminal, JSON or CSV raw: text has them as
 * text_put_bytes() writes them; JSON gets "key" and, where they are no
 * UTF-8, "key_hex".  CSV has them as text does in UTF-8, and ';', which parts
 * the columns in some countries, as \x3b; what a spreadsheet would take for a
 * formula (= + - @, behind spaces too) or what begins with an apostrophe gets
 * one more apostrophe in front.
 */
#ifndef STATS_TABLE_H
#define STATS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "stats/command.h"
#include "stats/json.h"

enum table_kind {
	TABLE_NAME,		/* bytes, left-aligned; may be shortened */
	TABLE_WORD,		/* ours: a constant or an address */
	TABLE_COUNT,
	TABLE_SIZE,		/* bytes: "4.1 GB" */
	TABLE_DURATION,		/* microseconds: "1.2 s" */
	TABLE_RATE,		/* bytes a second: "3.4 MB/s" */
	TABLE_SHARE,		/* permille: "98.0 %" */
	TABLE_TIME,		/* microseconds since 1970 */
	TABLE_BAR		/* a bar; its column's largest is full */
};

/*
 * key        of JSON and the first line of CSV; numbers stand there exactly,
 *            with their unit in the key (duration_us, bytes, share_permille);
 *            times as 2026-11-22T23:10:40.123456Z
 * rank       0: always shown; on a terminal that is too narrow the columns
 *            of the highest rank go first, the rightmost before others.
 *            JSON and CSV have all
 *
 * The text is coloured by the key: numbers under "failure" and "refused",
 * and words under "...outcome", which are names of outcomes.
 */
struct table_column {
	const char *title, *key;	/* NULL: not in text; not elsewhere */
	enum table_kind kind;
	unsigned rank;
};

#define TABLE_LENGTH(columns)	(sizeof(columns) / sizeof((columns)[0]))

struct table;

/*
 * table_new - no rows yet.  columns stay the caller's and must outlive it.
 * Ends the program without memory, as all that follow.
 */
struct table *table_new(const struct table_column *columns, size_t count);

/* The next cell, row by row; bytes and words are copied. */
void table_text(struct table *t, const uint8_t *bytes, size_t len);
void table_word(struct table *t, const char *word);
void table_number(struct table *t, uint64_t value);

/* The next cell is empty: "-", no key in JSON, an empty field in CSV. */
void table_none(struct table *t);

/* The next cell is bytes a second, or part of whole in thousandths; empty
 * when there is nothing to divide. */
void table_rate(struct table *t, uint64_t bytes, uint64_t us);
void table_share(struct table *t, uint64_t part, uint64_t whole);

/* How many whole rows there are. */
size_t table_rows(const struct table *t);

/*
 * table_print_text - a line of titles and a line a row, aligned.
 *
 * width      columns of the terminal, 0 without limit: names are shortened
 *            in the middle and columns left out until a row fits
 */
void table_print_text(const struct table *t, const struct text_style *style,
    size_t width, FILE *out);

/* The rows as "key":[{...},...] into an object that is open; key as of
 * json_open(). */
void table_print_json(const struct table *t, struct json *j, const char *key);

/* RFC 4180, with a line of keys; its lines end in CR LF. */
void table_print_csv(const struct table *t, FILE *out);

/* For lists without end: the rows alone; drop them. */
void table_print_csv_rows(const struct table *t, FILE *out);
void table_clear(struct table *t);

/* A number beside the table, in JSON. */
struct table_fact {
	const char *key;
	uint64_t value;
};

/*
 * A report that is one table: its name, title, the rows' JSON key.  The fact
 * "left_out" is told on standard error, too, when it is not 0: the requests
 * of names for which there was no room.
 */
struct table_about {
	const char *report, *title, *rows;
	const struct table_fact *facts;
	size_t fact_count;
	const char *none;	/* said of no rows though there were ends */
};

/*
 * table_report - the table on standard output, in the form of the options,
 * below the head of its scan; notes on standard error when it is empty.
 */
struct scan_result;
void table_report(const struct table *t, const struct options *o,
    const struct table_about *about, const struct scan_result *result);

/* Columns of standard output's terminal (COLUMNS goes first); 0: none. */
size_t table_terminal_width(void);

void table_free(struct table *t);

#endif
