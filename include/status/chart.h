/*
 * chart - bars over time as SVG, and what is counted for them.
 *
 *	chart_init(&c, since_us, until_us, bar_us, tick_us, is_utc);
 *	chart_add(&c, rec);			each end of the window
 *	chart_put(out, &c, &chart_requests);
 *
 * Bars begin at whole multiples of their width by the clock on the wall, so
 * that they stay where they are as time goes by: the first one can be cut by
 * the window's begin.  Across and text are in percent and pixels, so that
 * the chart is as wide as there is room and its letters keep their size.
 */
#ifndef STATUS_CHART_H
#define STATUS_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/outcome.h"
#include "record/translog.h"

#define CHART_BARS	64
#define CHART_PARTS	4	/* of a bar */

struct chart_bar {
	uint64_t start_us;
	uint64_t classes[OUTCOME_CLASS_COUNT];	/* of requests */
	uint64_t bytes[3];		/* by enum translog_op */
};

struct chart {
	uint64_t since_us, until_us;
	uint64_t bar_us, tick_us;
	bool is_utc;
	size_t count;
	struct chart_bar bars[CHART_BARS];
};

/*
 * chart_init - bars from since_us on, up to until_us, of bar_us each.
 *
 * tick_us    how far the times below them are apart; of a day and more they
 *            are days
 * More than CHART_BARS are too many: the last one has the rest.
 */
void chart_init(struct chart *c, uint64_t since_us, uint64_t until_us,
    uint64_t bar_us, uint64_t tick_us, bool is_utc);

/* Add an end to the bar of its time, or to the first or last one. */
void chart_add(struct chart *c, const struct translog_record *rec);

/* What a bar consists of, from below. */
struct chart_kind {
	const char *id, *title;
	size_t count;
	struct chart_part {
		const char *name, *css;		/* css: a class */
	} parts[CHART_PARTS];
	uint64_t (*value)(const struct chart_bar *bar, size_t part);
	const char *(*show)(uint64_t value, char *out);
};

extern const struct chart_kind chart_requests, chart_bytes;

/* The figure: caption, legend, drawing. */
void chart_put(FILE *out, const struct chart *c,
    const struct chart_kind *kind);

/* The same numbers as rows of a table that is shown when asked. */
void chart_put_table(FILE *out, const struct chart *c);

/* What the scale goes up to: 1, 2, 4, 6, 8 or 10 times a power of ten. */
uint64_t chart_top(uint64_t most);

#endif
