/*
 * report - an aggregate, for people and for programs.
 */
#ifndef STATS_REPORT_H
#define STATS_REPORT_H

#include <stddef.h>
#include <stdio.h>

#include "stats/aggregate.h"
#include "stats/text.h"

/* The text of "tftpd-stats summary", with at most top rows a table. */
void report_text(FILE *out, const struct aggregate *a,
    const struct text_style *style, size_t top);

/* The same as one JSON object on a line. */
void report_json(FILE *out, const struct aggregate *a, size_t top);

/* The single numbers as "name,value" lines, without the tables. */
void report_csv(FILE *out, const struct aggregate *a);

#endif
