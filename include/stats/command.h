/*
 * command - what the commands of tftpd-stats are given, and the commands.
 */
#ifndef STATS_COMMAND_H
#define STATS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats/filter.h"
#include "stats/logset.h"
#include "stats/text.h"

struct options {
	const char **logs;	/* of -l; none: the default log */
	size_t log_count;
	struct filter filter;
	bool has_since;		/* else the command has its own window */
	bool has_json;
	size_t top;		/* of -n; 0: not given */
	uint64_t now_us;
	struct text_style style;
};

/* A command's result is the exit status. */
int command_summary(const struct options *o);
int command_log(const struct options *o);
int command_follow(const struct options *o);

/* The filter with the default window, the last 24 hours. */
struct filter command_window(const struct options *o);

/*
 * command_open - the log files that the options and the window ask for.
 * Returns 0, or -1 when the reason was printed.
 */
int command_open(const struct options *o, const struct filter *f,
    struct logset *set);

/* Print what was wrong with a log file. */
void command_complain(const struct logset *set);

/* Say on standard error that nothing was found. */
void command_note_empty(const struct options *o, const struct filter *f);

/*
 * command_finish - write out standard output.
 * Returns the exit status: a reader that went away is no error.
 */
int command_finish(void);

/* The log that the server writes, or would write. */
void command_default_log(char out[static LIVE_PATH_MAX]);

#endif
