/*
 * query - the parameters of a request, as options of tftpd-stats.
 */
#ifndef STATUS_QUERY_H
#define STATUS_QUERY_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats/command.h"
#include "status/ask.h"
#include "status/settings.h"

/* Which parameters a route has, a bit each. */
enum {
	QUERY_WINDOW = 1 << 0,		/* since, until */
	QUERY_FILTER = 1 << 1,		/* client, file, op */
	QUERY_OUTCOME = 1 << 2,
	QUERY_LIMIT = 1 << 3,
	QUERY_OFFSET = 1 << 4,
	QUERY_REPORT = 1 << 5
};

#define QUERY_LIMIT_MAX		1000
#define QUERY_LIMIT_DEFAULT	100
#define QUERY_OFFSET_MAX	100000

/* It points into itself: not to be copied. */
struct query {
	struct options options;		/* form is JSON, times are UTC */
	size_t limit;			/* 0: not given */
	size_t offset;
	const char *report;		/* NULL: not given */
	const char *client, *outcome;	/* as they were given; NULL: not */
	char state[PATH_MAX];		/* the roll-up's file */
};

/*
 * query_default - the options of a request without parameters.
 * q points into s, which must outlive it.
 */
void query_default(const struct settings *s, struct query *q);

/*
 * query_parse - read them.
 *
 * takes      of the bits above; other parameters are refused
 * q          points into a and s, which must outlive it
 * why        room for a sentence: which parameter, what is allowed
 * False: there is one that is wrong.
 */
bool query_parse(const struct ask *a, const struct settings *s,
    unsigned takes, struct query *q, char *why, size_t size);

/* The sentence of a value that is not allowed: it is a stranger's. */
void query_complain(char *why, size_t size, const char *key,
    const char *value, const char *expected);

/*
 * query_next - where the rows from an offset on are, with the same filter.
 *
 * path       of the route
 * since_us   the window, if has_since; until_us: UINT64_MAX for none
 * Returns the address, to be freed; ends the program without memory.
 */
char *query_next(const struct query *q, const char *path, bool has_since,
    uint64_t since_us, uint64_t until_us, size_t offset);

#endif
