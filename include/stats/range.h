/*
 * range - the ranges of monitoring plugins, for -w and -c.
 *
 *	10	alert below 0 and above 10
 *	10:	below 10
 *	~:10	above 10
 *	10:20	outside of them
 *	@10:20	inside, both ends included
 *
 * A number may have a decimal fraction.  A % behind one of them makes it a
 * range of percent.
 */
#ifndef STATS_RANGE_H
#define STATS_RANGE_H

#include <stdbool.h>
#include <stdio.h>

struct range {
	const char *text;	/* the caller's */
	double start, end;	/* infinite where there is no end */
	bool is_inside, is_percent;
};

/* Returns false when text is no range; it must outlive *r. */
bool range_parse(const char *text, struct range *r);

/* Whether the value is to be alerted of. */
bool range_alerts(const struct range *r, double value);

/* The range without percent signs, as performance data has it. */
void range_put(const struct range *r, FILE *out);

#endif
