/*
 * command - what the commands of tftpd-stats are given, and the commands.
 */
#ifndef STATS_COMMAND_H
#define STATS_COMMAND_H

#include <limits.h>
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
	enum { FORM_TEXT, FORM_JSON, FORM_CSV } form;
	size_t top;		/* of -n; 0: not given */
	int usage_status;	/* of a bad command line */
	uint64_t now_us;
	struct text_style style;
	const char *table;	/* path of the live table */
	/* of single commands; NULL or false: not given */
	const char *failed_since;	/* clients: a time expression */
	uint64_t failed_since_us;
	const char *root;	/* missing: where to look for names */
	bool is_watched;	/* active */
	const char *warning, *critical;	/* check: ranges */
	const char *output;	/* prometheus: the file */
	bool has_openmetrics;	/* prometheus */
	const char *state;	/* prometheus, rollup, snmp: the roll-up's file */
	bool is_rebuilt;	/* rollup */
	bool is_ready;		/* health */
	const char *probe;	/* health, check: ADDR[:PORT]:FILE */
	const char *conf;	/* health: tftpd's configuration file */
	const char *mib, *base;	/* snmp: which tree, where our own stands */
	/* of tftpd-status; NULL in tftpd-stats */
	const char *log;	/* that the server writes, else the table's */
	const char *program;	/* tftpd, else the one beside our own */
};

/* A command's result is the exit status. */
int command_summary(const struct options *o);
int command_clients(const struct options *o);
int command_files(const struct options *o);
int command_errors(const struct options *o);
int command_hours(const struct options *o);
int command_days(const struct options *o);
int command_slow(const struct options *o);
int command_missing(const struct options *o);
int command_boots(const struct options *o);
int command_log(const struct options *o);
int command_follow(const struct options *o);
int command_active(const struct options *o);
int command_top(const struct options *o);
int command_prometheus(const struct options *o);
int command_health(const struct options *o);
int command_check(const struct options *o);
int command_rollup(const struct options *o);
int command_verify(const struct options *o);
int command_snmp(const struct options *o);

/*
 * command_until - the end of the window: --until, else a little after now.
 * A clock that was ahead leaves records of the future, which would count in
 * every window as long as the log lasts.
 */
uint64_t command_until(const struct options *o);

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

/*
 * The log that the server writes, or would write.  The live table is gone
 * after a boot: then the state, if one is named, tells which log it was.
 */
void command_default_log(const struct options *o,
    char out[static LIVE_PATH_MAX]);

/*
 * command_counted_log - the log whose counters are carried forward, as an
 * absolute path, and the roll-up's file; NULL: they are kept nowhere.
 *
 * A log of one's own choice does not get into the server's counters.
 */
const char *command_counted_log(const struct options *o,
    char log[static PATH_MAX]);

#endif
