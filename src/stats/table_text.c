/*
 * A table as text.
 */
#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stats/when.h"
#include "table_parts.h"

#define GAP		2	/* spaces between columns */
#define BAR_WIDTH	20
#define BAR_WIDTH_MIN	10
#define NAME_WIDTH_MIN	24	/* before columns are left out */
#define NAME_WIDTH_LAST	8	/* when there is none left to leave out */
/* Without a terminal: a longer name only pushes its own line to the right. */
#define NAME_WIDTH_FREE	48

/* How a table is laid out for a terminal. */
struct layout {
	const struct table *t;
	const struct text_style *style;
	FILE *out;
	size_t *widths;
	bool *is_left_out;
	uint64_t *largest;	/* of TABLE_BAR */
	bool is_free;		/* no terminal's width */
	size_t gap;		/* spaces due before what comes next */
};

/* A number as people read it. */
static const char *
number_text(const struct text_style *style, enum table_kind kind,
    uint64_t value, char out[static TEXT_NUMBER_MAX])
{
	switch (kind) {
	case TABLE_SIZE:
		return text_bytes(value, out);
	case TABLE_DURATION:
		return text_duration(value, out);
	case TABLE_RATE:
		return text_speed(value, out);
	case TABLE_SHARE:
		return text_share(value, 1000, out);
	case TABLE_TIME:
		when_text(value, style->is_utc, 19, out);
		return out;
	default:
		snprintf(out, TEXT_NUMBER_MAX, "%" PRIu64, value);
		return out;
	}
}

_Static_assert((int)WHEN_TEXT_MAX <= TEXT_NUMBER_MAX, "a time fits");

static bool
is_left(enum table_kind kind)
{
	return kind == TABLE_NAME || kind == TABLE_WORD ||
	    kind == TABLE_TIME || kind == TABLE_BAR;
}

static size_t
cell_width(const struct layout *l, size_t column, const struct cell *cell)
{
	enum table_kind kind = l->t->columns[column].kind;
	char text[TEXT_NUMBER_MAX];

	if (cell->holds == CELL_NONE)
		return 1;
	if (cell->holds == CELL_BYTES)
		return text_columns(l->style, bytes_of(l->t, cell),
		    cell->len);
	if (kind == TABLE_BAR)
		return BAR_WIDTH;
	return strlen(number_text(l->style, kind, cell->value, text));
}

/* The width that shows all, and the largest value. */
static void
measure(struct layout *l, size_t column)
{
	size_t row, width, *widest = &l->widths[column];
	const struct cell *cell;

	l->is_left_out[column] = l->t->columns[column].title == NULL;
	if (l->is_left_out[column])
		return;
	*widest = strlen(l->t->columns[column].title);
	for (row = 0; row < table_rows(l->t); row++) {
		cell = cell_at(l->t, row, column);
		width = cell_width(l, column, cell);
		if (width > *widest)
			*widest = width;
		if (cell->holds == CELL_NUMBER &&
		    cell->value > l->largest[column])
			l->largest[column] = cell->value;
	}
}

static size_t
line_width(const struct layout *l)
{
	size_t i, width = 0;

	for (i = 0; i < l->t->column_count; i++)
		if (!l->is_left_out[i])
			width += l->widths[i] + GAP;
	return width - GAP;
}

/* Whether a column can be narrower than it is; names down to least. */
static bool
can_shrink(const struct layout *l, size_t column, size_t least)
{
	enum table_kind kind = l->t->columns[column].kind;

	if (l->is_left_out[column])
		return false;
	if (kind == TABLE_BAR)
		return l->widths[column] > BAR_WIDTH_MIN;
	return kind == TABLE_NAME && l->widths[column] > least;
}

/* Shorten bars and the widest names; false: not enough. */
static bool
shorten(struct layout *l, size_t width, size_t least)
{
	size_t i, widest, used, count = l->t->column_count;

	for (used = line_width(l); used > width; used--) {
		widest = count;
		for (i = 0; i < count; i++)
			if (can_shrink(l, i, least) && (widest == count ||
			    l->widths[i] > l->widths[widest]))
				widest = i;
		if (widest == count)
			return false;
		l->widths[widest]--;
	}
	return true;
}

/* Leave out the column that matters least; false: all others must stay. */
static bool
leave_out(struct layout *l)
{
	size_t i, least = l->t->column_count;
	unsigned rank = 1;

	for (i = 0; i < l->t->column_count; i++)
		if (!l->is_left_out[i] && l->t->columns[i].rank >= rank) {
			rank = l->t->columns[i].rank;
			least = i;
		}
	if (least == l->t->column_count)
		return false;
	l->is_left_out[least] = true;
	return true;
}

static void
measure_all(struct layout *l)
{
	size_t i;

	for (i = 0; i < l->t->column_count; i++)
		measure(l, i);
}

static void
fit(struct layout *l, size_t width)
{
	size_t i, *natural;

	natural = calloc(l->t->column_count, sizeof(*natural));
	if (natural == NULL)
		err(1, NULL);
	measure_all(l);
	memcpy(natural, l->widths, l->t->column_count * sizeof(*natural));
	if (width == 0) {
		l->is_free = true;
		for (i = 0; i < l->t->column_count; i++)
			if (l->t->columns[i].kind == TABLE_NAME &&
			    l->widths[i] > NAME_WIDTH_FREE)
				l->widths[i] = NAME_WIDTH_FREE;
	} else {
		while (!shorten(l, width, NAME_WIDTH_MIN) && leave_out(l))
			memcpy(l->widths, natural,
			    l->t->column_count * sizeof(*natural));
		shorten(l, width, NAME_WIDTH_LAST);
	}
	free(natural);
}

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* What is drawn attention to in a cell. */
static enum text_colour
colour_of(const struct table *t, size_t column, const struct cell *cell)
{
	const char *key = t->columns[column].key;

	if (key == NULL)
		return TEXT_PLAIN;
	if (cell->holds == CELL_BYTES && ends_with(key, "outcome"))
		return text_colour_of(outcome_class(outcome_from_name(
		    (const char *)bytes_of(t, cell), cell->len)));
	if (cell->holds != CELL_NUMBER || cell->value == 0)
		return TEXT_PLAIN;
	if (strcmp(key, "failure") == 0)
		return TEXT_RED;
	return strcmp(key, "refused") == 0 ? TEXT_YELLOW : TEXT_PLAIN;
}

/* The spaces that are due: a line has none at its end. */
static void
put_gap(struct layout *l)
{
	for (; l->gap > 0; l->gap--)
		fputc(' ', l->out);
}

/* The cell's text; returns its columns. */
static size_t
put_value(const struct layout *l, size_t column, const struct cell *cell)
{
	enum table_kind kind = l->t->columns[column].kind;
	char text[TEXT_NUMBER_MAX];

	if (cell->holds == CELL_BYTES)
		return text_put_short(l->out, l->style, bytes_of(l->t, cell),
		    cell->len, l->is_free ? SIZE_MAX : l->widths[column]);
	if (cell->holds == CELL_NUMBER && kind == TABLE_BAR)
		return text_put_bar(l->out, l->style, cell->value,
		    l->largest[column], l->widths[column]);
	fputs(cell->holds == CELL_NONE ? "-" :
	    number_text(l->style, kind, cell->value, text), l->out);
	return cell_width(l, column, cell);
}

static void
put_cell(struct layout *l, size_t row, size_t column)
{
	const struct cell *cell = cell_at(l->t, row, column);
	enum text_colour colour = colour_of(l->t, column, cell);
	bool left = is_left(l->t->columns[column].kind);
	size_t width = l->widths[column], used;

	if (l->t->columns[column].kind == TABLE_BAR && cell->value == 0) {
		l->gap += width;
		return;
	}
	if (!left)
		l->gap += width - cell_width(l, column, cell);
	put_gap(l);
	fputs(text_colour(l->style, colour), l->out);
	used = put_value(l, column, cell);
	fputs(text_colour_end(l->style, colour), l->out);
	if (left && used < width)
		l->gap = width - used;
}

static void
put_title(struct layout *l, size_t column)
{
	const char *title = l->t->columns[column].title;
	bool left = is_left(l->t->columns[column].kind);
	size_t len = strnlen(title, l->widths[column]);
	size_t rest = l->widths[column] - len;

	if (!left || *title == '\0')
		l->gap += rest;
	if (*title == '\0')
		return;
	put_gap(l);
	fwrite(title, 1, len, l->out);
	if (left)
		l->gap = rest;
}

/* row counts from 1; 0 is the titles. */
static void
put_line(struct layout *l, size_t row)
{
	size_t i;

	l->gap = 0;
	for (i = 0; i < l->t->column_count; i++) {
		if (l->is_left_out[i])
			continue;
		if (row == 0)
			put_title(l, i);
		else
			put_cell(l, row - 1, i);
		l->gap += GAP;
	}
}

void
table_print_text(const struct table *t, const struct text_style *style,
    size_t width, FILE *out)
{
	struct layout l = { .t = t, .style = style, .out = out };
	size_t row;

	if (table_rows(t) == 0)
		return;
	l.widths = calloc(t->column_count, sizeof(*l.widths));
	l.is_left_out = calloc(t->column_count, sizeof(*l.is_left_out));
	l.largest = calloc(t->column_count, sizeof(*l.largest));
	if (l.widths == NULL || l.is_left_out == NULL || l.largest == NULL)
		err(1, NULL);
	fit(&l, width);
	for (row = 0; row <= table_rows(t); row++) {
		if (row == 0)
			fputs(text_colour(style, TEXT_BOLD), out);
		put_line(&l, row);
		if (row == 0)
			fputs(text_colour_end(style, TEXT_BOLD), out);
		fputc('\n', out);
	}
	free(l.widths);
	free(l.is_left_out);
	free(l.largest);
}
