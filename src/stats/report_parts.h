/*
 * What the parts of report share: report.c writes text, report_data.c JSON
 * and CSV, report_rows.c makes the rows of both.
 */
#ifndef STATS_REPORT_PARTS_H
#define STATS_REPORT_PARTS_H

#include "stats/report.h"
#include "stats/scan.h"
#include "stats/table.h"

/* A percentile's name in text and its key. */
struct report_quantile {
	const char *name, *key;
	unsigned permille;
};

#define REPORT_DURATIONS	4
#define REPORT_FIRST_REPLIES	3
#define REPORT_RATES		2
extern const struct report_quantile report_durations[REPORT_DURATIONS];
extern const struct report_quantile
    report_first_replies[REPORT_FIRST_REPLIES];
extern const struct report_quantile report_rates[REPORT_RATES];

/* The tables, of at most top rows; the caller frees them. */
struct table *report_files(const struct aggregate *a, size_t top);
struct table *report_clients(const struct aggregate *a, size_t top);
struct table *report_errors(const struct aggregate *a, size_t top);

/* The hours or days of the sparkline: of each, or of group of them. */
struct report_spark {
	const char *unit;	/* "hour" or "day" */
	size_t group, count;
	uint64_t *requests, *starts_us;
	size_t peak;		/* the index of the busiest one */
};

/* Returns false when there is nothing to show; else report_spark_free() is
 * due. */
bool report_spark_make(struct report_spark *s, const struct aggregate *a);
void report_spark_free(struct report_spark *s);

/* What the heads of scan.h say. */
struct scan_result report_head(const struct aggregate *a);

#endif
