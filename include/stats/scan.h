/*
 * scan - the pass over the log that every report makes.
 *
 *	if (scan_run(o, &f, &handler, &result) != 0)
 *		return 1;
 *	... table ...
 *	return command_finish();
 */
#ifndef STATS_SCAN_H
#define STATS_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "stats/command.h"
#include "stats/json.h"
#include "stats/logread.h"

/*
 * Functions may be NULL.  A record and what it points to are valid during
 * the call only.
 */
struct scan_handler {
	void *arg;
	/* an end that counts and that the filter takes, in the log's order */
	void (*on_end)(void *arg, const struct translog_record *rec);
	/* the same, with its line, without newline */
	void (*on_line)(void *arg, const struct translog_record *rec,
	    const char *raw, size_t len);
	/* a start that the filter takes, should it never end */
	void (*on_start)(void *arg, const struct translog_record *rec);
	/* a notice in the filter's window, unless the filter is about
	 * transfers */
	void (*on_notice)(void *arg, const struct translog_record *rec);
};

struct scan_result {
	uint64_t since_us, until_us;	/* the window, but not after now */
	uint64_t ends, open;		/* open: began there, no end yet */
	uint64_t log_files;
	uint64_t log_bytes, read_bytes;	/* of the files, and looked at */
	struct logread_counts lines;
};

/*
 * scan_run - read what the options and the filter ask for.
 *
 * Shows progress on standard error when that is a terminal and it takes
 * long.  Returns 0, or -1 when the reason was printed.
 */
int scan_run(const struct options *o, const struct filter *f,
    const struct scan_handler *handler, struct scan_result *result);

/*
 * scan_head_json - open the object of a report: schema, report, since,
 * until, log_files, log_bytes, read_bytes, bad_lines, torn_lines,
 * newer_lines, requests, open.
 * The caller adds its own and closes it.
 */
void scan_head_json(struct json *j, const char *report,
    const struct scan_result *result);

/* "TITLE   2026-11-21 23:14 .. 2026-11-22 23:14   (24 h, 2 log files, …)" */
void scan_head_text(FILE *out, const char *title,
    const struct scan_result *result, const struct text_style *style);

#endif
