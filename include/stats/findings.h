/*
 * findings - what checks found: a state, a line and an advice each.
 *
 * The texts may hold what a stranger said; they are made harmless when they
 * are written.
 */
#ifndef STATS_FINDINGS_H
#define STATS_FINDINGS_H

#include <stddef.h>
#include <stdio.h>

#include "stats/json.h"
#include "stats/text.h"

#define FINDINGS_MAX		64
#define FINDINGS_TEXT_MAX	400

/* The graver ones come later. */
enum findings_state {
	FINDINGS_OK,
	FINDINGS_UNKNOWN,
	FINDINGS_WARNING,
	FINDINGS_CRITICAL
};

struct finding {
	const char *check;	/* its name, a constant */
	enum findings_state state;
	char text[FINDINGS_TEXT_MAX], advice[FINDINGS_TEXT_MAX];
};

/* All zeroes is none. */
struct findings {
	struct finding items[FINDINGS_MAX];
	size_t count;
};

/* Add one; texts that are too long are cut, the 65th is dropped. */
void findings_add(struct findings *f, const char *check,
    enum findings_state state, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* What to do about the one that was added last. */
void findings_advise(struct findings *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The gravest of them, the first of equal ones; NULL: there is none. */
const struct finding *findings_worst(const struct findings *f);

/* The state of the gravest one. */
enum findings_state findings_state(const struct findings *f);

/* "ok", "warning", "critical", "unknown". */
const char *findings_name(enum findings_state state);

/* 0, 1, 2, 3: the exit status that monitoring knows. */
int findings_exit(enum findings_state state);

/* A line each, with the advice below it. */
void findings_print(const struct findings *f, const struct text_style *style,
    FILE *out);

/* "checks":[{"check","state","text","advice"}, ...] into an open object. */
void findings_json(const struct findings *f, struct json *j);

#endif
