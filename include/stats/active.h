/*
 * active - what of the live table the commands show.
 */
#ifndef STATS_ACTIVE_H
#define STATS_ACTIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "stats/command.h"
#include "stats/json.h"
#include "stats/livetab.h"
#include "stats/roster.h"
#include "stats/table.h"

/* A look at the table; all zeroes before the first. */
struct active {
	struct livetab table;	/* its header; not open any more */
	bool has_table;		/* a server has been there */
	struct roster roster;
	uint64_t at_us;		/* when, since 1970 */
};

/*
 * active_look - the table of the options, anew: it may come and go.
 *
 * f          which transfers
 * Returns 0, also when there is none, or -errno.
 */
int active_look(struct active *a, const struct options *o,
    const struct filter *f);

/* Print why a look failed. */
void active_complain(const struct options *o, int error);

/* The first max rows for people; the caller frees it. */
struct table *active_rows(const struct roster *r, size_t max);

/* "3 transfers, 2 read, 1 written, 12.3 MB/s" */
void active_put_count(FILE *out, const struct roster *r);

/*
 * active_head_json - open the object of a report, with what is known of all
 * together: schema, report, at, server_runs, slots, running, reads, writes
 * and their rates.  The caller adds its own and closes it.
 */
void active_head_json(struct json *j, const char *report,
    const struct active *a);

/* "transfers":[...], at most max of them from the first, counted from 0. */
void active_rows_json(struct json *j, const struct active *a, size_t first,
    size_t max);

void active_free(struct active *a);

#endif
