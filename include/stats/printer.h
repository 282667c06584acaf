/*
 * printer - records as lines: aligned text, the log's own JSON, or CSV.
 */
#ifndef STATS_PRINTER_H
#define STATS_PRINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "record/translog.h"
#include "stats/table.h"
#include "stats/text.h"

struct printer {
	FILE *out;
	struct text_style style;
	bool has_json;		/* the lines as they stand in the log */
	struct table *csv;	/* a row, in between; NULL: no CSV */
	size_t width;		/* of the terminal; 0: no limit */
	/* columns that grow with what was seen */
	size_t client_width, file_width;
};

/*
 * printer_init - on a narrow terminal, which only standard output can be,
 * names are shortened, then rate, duration and year left out.
 */
void printer_init(struct printer *p, FILE *out,
    const struct text_style *style, bool has_json);

/*
 * printer_use_csv - ends as CSV from now on, notices left out; writes the
 * line of keys.  printer_free() is due.
 */
void printer_use_csv(struct printer *p);
void printer_free(struct printer *p);

/*
 * printer_put - a line for an end or a notice.
 * raw, len   the record's line without newline
 */
void printer_put(struct printer *p, const struct translog_record *rec,
    const char *raw, size_t len);

/* The last lines of many: copies, in a ring. */
struct recent {
	struct recent_line {
		char *line;
		size_t len;
	} *ring;
	size_t max, next;
};

/* Keep the last max lines, at least 1. */
void recent_init(struct recent *r, size_t max);

void recent_add(struct recent *r, const char *line, size_t len);

/* Print them, oldest first, and free all; returns how many. */
size_t recent_print(struct recent *r, struct printer *p);

/* Drop them; r may be all zero. */
void recent_free(struct recent *r);

#endif
