/*
 * tftpd-stats - reports from the transfer log.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "stats/command.h"
#include "stats/when.h"

#define EXIT_USAGE	2
#define EXIT_UNKNOWN	3	/* what monitoring plugins say then */
#define TOP_MAX		1000000

/* What a command takes beside -l, --table and --utc, a bit each. */
enum {
	TAKES_CSV = 1 << 0,
	TAKES_FAILED = 1 << 1,
	TAKES_ROOT = 1 << 2,
	TAKES_WATCH = 1 << 3,
	TAKES_LEVELS = 1 << 4,
	TAKES_OUTPUT = 1 << 5,
	TAKES_STATE = 1 << 6,
	TAKES_REBUILD = 1 << 7,
	TAKES_READY = 1 << 8,
	TAKES_PROBE = 1 << 9,
	TAKES_WINDOW = 1 << 10,
	TAKES_FILTER = 1 << 11,
	TAKES_OUTCOME = 1 << 12,
	TAKES_TOP = 1 << 13,
	TAKES_JSON = 1 << 14,
	TAKES_MIB = 1 << 15,
	TAKES_REPORT = TAKES_WINDOW | TAKES_FILTER | TAKES_OUTCOME |
	    TAKES_TOP | TAKES_JSON | TAKES_CSV
};

static const struct subcommand {
	const char *name;
	int (*run)(const struct options *o);
	unsigned takes;
	const char *what;
} subcommands[] = {
	{ "summary", command_summary, TAKES_REPORT,
	    "totals, outcomes, top files (default)" },
	{ "clients", command_clients, TAKES_REPORT | TAKES_FAILED,
	    "a row for each client" },
	{ "files", command_files, TAKES_REPORT, "a row for each name" },
	{ "errors", command_errors, TAKES_REPORT,
	    "what went wrong, how often, last when" },
	{ "hours", command_hours, TAKES_REPORT, "a row for each hour" },
	{ "days", command_days, TAKES_REPORT, "a row for each day" },
	{ "slow", command_slow, TAKES_REPORT,
	    "slow and lossy clients and networks: we, or the network?" },
	{ "missing", command_missing, TAKES_REPORT | TAKES_ROOT,
	    "names that were not found, and near ones that exist" },
	{ "boots", command_boots, TAKES_REPORT,
	    "what each client fetched, and where it stopped" },
	{ "log", command_log, TAKES_REPORT,
	    "a line for each finished transfer" },
	{ "follow", command_follow, TAKES_REPORT & ~TAKES_CSV,
	    "the same as they finish" },
	{ "active", command_active, TAKES_WATCH |
	    (TAKES_REPORT & ~TAKES_OUTCOME),
	    "transfers that run now" },
	{ "top", command_top, TAKES_FILTER | TAKES_OUTCOME | TAKES_TOP |
	    TAKES_JSON, "a live dashboard" },
	{ "prometheus", command_prometheus, TAKES_OUTPUT | TAKES_STATE,
	    "metrics" },
	{ "health", command_health, TAKES_READY | TAKES_PROBE | TAKES_WINDOW |
	    TAKES_FILTER | TAKES_JSON,
	    "is the server well?  Exit status 0, 1, 2, 3" },
	{ "check", command_check, TAKES_LEVELS | TAKES_PROBE | TAKES_WINDOW |
	    TAKES_FILTER | TAKES_JSON,
	    "the same for monitoring plugins" },
	{ "rollup", command_rollup, TAKES_STATE | TAKES_REBUILD | TAKES_JSON,
	    "carry the counters forward" },
	{ "snmp", command_snmp, TAKES_STATE | TAKES_MIB,
	    "values for net-snmp's snmpd, which starts it" },
	{ "verify", command_verify, TAKES_TOP | TAKES_JSON | TAKES_CSV,
	    "what in the log is no record, line by line" },
};

#define SUBCOMMAND_COUNT	(sizeof(subcommands) / sizeof(subcommands[0]))

enum {
	OPTION_SINCE = 256, OPTION_UNTIL, OPTION_CLIENT, OPTION_FILE,
	OPTION_OP, OPTION_OUTCOME, OPTION_JSON, OPTION_CSV, OPTION_UTC,
	OPTION_TABLE, OPTION_FAILED, OPTION_ROOT, OPTION_OPENMETRICS,
	OPTION_STATE, OPTION_REBUILD, OPTION_READY, OPTION_PROBE,
	OPTION_CONFIG, OPTION_MIB, OPTION_BASE
};

static const struct option long_options[] = {
	{ "log", required_argument, NULL, 'l' },
	{ "since", required_argument, NULL, OPTION_SINCE },
	{ "until", required_argument, NULL, OPTION_UNTIL },
	{ "client", required_argument, NULL, OPTION_CLIENT },
	{ "file", required_argument, NULL, OPTION_FILE },
	{ "op", required_argument, NULL, OPTION_OP },
	{ "outcome", required_argument, NULL, OPTION_OUTCOME },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "csv", no_argument, NULL, OPTION_CSV },
	{ "top", required_argument, NULL, 'n' },
	{ "utc", no_argument, NULL, OPTION_UTC },
	{ "table", required_argument, NULL, OPTION_TABLE },
	{ "failed-since", required_argument, NULL, OPTION_FAILED },
	{ "root", required_argument, NULL, OPTION_ROOT },
	{ "watch", no_argument, NULL, 'w' },
	{ "warning", required_argument, NULL, 'w' },
	{ "critical", required_argument, NULL, 'c' },
	{ "output", required_argument, NULL, 'o' },
	{ "openmetrics", no_argument, NULL, OPTION_OPENMETRICS },
	{ "state", required_argument, NULL, OPTION_STATE },
	{ "rebuild", no_argument, NULL, OPTION_REBUILD },
	{ "ready", no_argument, NULL, OPTION_READY },
	{ "probe", required_argument, NULL, OPTION_PROBE },
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "mib", required_argument, NULL, OPTION_MIB },
	{ "base", required_argument, NULL, OPTION_BASE },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

/* Which commands an option belongs to; the others belong to all. */
static const struct {
	int option;
	unsigned takes;
	const char *name;
} own_options[] = {
	{ OPTION_SINCE, TAKES_WINDOW, "--since" },
	{ OPTION_UNTIL, TAKES_WINDOW, "--until" },
	{ OPTION_CLIENT, TAKES_FILTER, "--client" },
	{ OPTION_FILE, TAKES_FILTER, "--file" },
	{ OPTION_OP, TAKES_FILTER, "--op" },
	{ OPTION_OUTCOME, TAKES_OUTCOME, "--outcome" },
	{ 'n', TAKES_TOP, "-n" },
	{ OPTION_JSON, TAKES_JSON, "--json" },
	{ OPTION_CSV, TAKES_CSV, "--csv" },
	{ OPTION_FAILED, TAKES_FAILED, "--failed-since" },
	{ OPTION_ROOT, TAKES_ROOT, "--root" },
	{ 'w', TAKES_WATCH | TAKES_LEVELS, "-w" },
	{ 'c', TAKES_LEVELS, "-c" },
	{ 'o', TAKES_OUTPUT, "-o" },
	{ OPTION_OPENMETRICS, TAKES_OUTPUT, "--openmetrics" },
	{ OPTION_STATE, TAKES_STATE, "--state" },
	{ OPTION_REBUILD, TAKES_REBUILD, "--rebuild" },
	{ OPTION_READY, TAKES_READY, "--ready" },
	{ OPTION_PROBE, TAKES_PROBE, "--probe" },
	{ OPTION_CONFIG, TAKES_READY, "--config" },
	{ OPTION_MIB, TAKES_MIB, "--mib" },
	{ OPTION_BASE, TAKES_MIB, "--base" },
};

#define OWN_COUNT	(sizeof(own_options) / sizeof(own_options[0]))

static const char usage_head[] =
"usage: tftpd-stats [command] [option ...]\n\ncommands:\n";
static const char usage_options[] =
"\noptions:\n"
"  -l, --log FILE      read FILE; repeatable; .gz too\n"
"      --since TIME    2h, 3d, today, \"2026-11-22 14:00\", @epoch, ...\n"
"      --until TIME    the same; up to it\n"
"      --client CIDR   clients in this network, or this address\n"
"      --file GLOB     names that match\n"
"      --op OP         read or write\n"
"      --outcome LIST  complete,timeout,... or success, neutral, refused,\n"
"                      failure\n"
"  -n, --top N         rows of a table, or the last N lines\n"
"      --json          for programs\n"
"      --csv           for spreadsheets\n"
"      --utc           times in UTC, not local\n"
"      --table FILE    the live table\n"
"  -h, --help          this text\n"
"  -V, --version       the version\n"
"\noptions of single commands:\n"
"  clients --failed-since TIME   who has failed since and not succeeded\n"
"  missing --root DIR            where to look for near names\n"
"  active -w                     again and again, until q or Ctrl-C\n"
"  prometheus -o FILE            replace FILE, for a textfile collector\n"
"  prometheus --openmetrics      the newer format\n"
"  prometheus, rollup, snmp --state FILE   where the counters are kept\n"
"  rollup --rebuild              count all logs anew\n"
"  health --ready                could it serve now?\n"
"  health --config FILE          the configuration that is looked at\n"
"  health, check --probe ADDR:FILE   try a transfer\n"
"  check -w RANGE -c RANGE       of failures, in percent or number\n"
"  snmp --mib tftpd | appl       our own values, or applTable; else both\n"
"  snmp --base OID               where our own values stand\n";

static int
help(void)
{
	size_t i;

	fputs(usage_head, stdout);
	for (i = 0; i < SUBCOMMAND_COUNT; i++)
		printf("  %-18s  %s\n", subcommands[i].name,
		    subcommands[i].what);
	fputs(usage_options, stdout);
	return command_finish();
}

static int
version(void)
{
	printf("tftpd-stats (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
	return command_finish();
}

_Noreturn static void
bad_value(const struct options *o, const char *option, const char *value,
    const char *expected)
{
	errx(o->usage_status, "%s '%s': expected %s", option, value,
	    expected);
}

/* Arguments as given; the times wait until --utc is known. */
struct arguments {
	struct options options;
	const struct subcommand *command;
	const char *since, *until;
	bool has_json, has_csv;
	bool own[OWN_COUNT];	/* own_options that were given */
};

static void
take_command(struct arguments *a, const char *name)
{
	size_t i;

	for (i = 0; i < SUBCOMMAND_COUNT; i++)
		if (strcmp(subcommands[i].name, name) == 0)
			break;
	if (i == SUBCOMMAND_COUNT)
		errx(a->options.usage_status, "no command '%s'; see "
		    "tftpd-stats --help", name);
	if (a->command != NULL)
		errx(a->options.usage_status, "one command at a time: %s "
		    "or %s", a->command->name, name);
	a->command = &subcommands[i];
}

static void
take_log(struct options *o, const char *path)
{
	o->logs = reallocarray(o->logs, o->log_count + 1, sizeof(*o->logs));
	if (o->logs == NULL)
		err(1, NULL);
	o->logs[o->log_count++] = path;
}

static void
take_top(struct options *o, const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || value == 0 ||
	    value > TOP_MAX)
		bad_value(o, "-n", text, "a number from 1 to 1000000");
	o->top = value;
}

static void
take_op(struct options *o, const char *text)
{
	if (strcmp(text, "read") == 0)
		o->filter.op = TRANSLOG_READ;
	else if (strcmp(text, "write") == 0)
		o->filter.op = TRANSLOG_WRITE;
	else
		bad_value(o, "--op", text, "read or write");
}

static void
take_client(struct options *o, const char *text)
{
	if (!filter_network_parse(text, &o->filter.client))
		bad_value(o, "--client", text,
		    "an address or a network like 192.0.2.0/24");
	o->filter.has_client = true;
}

static void
take_outcomes(struct options *o, const char *text)
{
	if (!filter_outcomes_parse(text, &o->filter.outcomes))
		bad_value(o, "--outcome", text, "names such as timeout,denied "
		    "or success, neutral, refused, failure");
}

/* Whether it belongs to the command is looked at when that is known. */
static void
note_given(struct arguments *a, int option)
{
	size_t i;

	for (i = 0; i < OWN_COUNT; i++)
		if (own_options[i].option == option)
			a->own[i] = true;
}

/* Returns whether it is an option of single commands. */
static bool
take_own_option(struct options *o, int option)
{
	switch (option) {
	case OPTION_FAILED:
		o->failed_since = optarg;
		break;
	case OPTION_ROOT:
		o->root = optarg;
		break;
	case 'w':
		o->is_watched = optarg == NULL;
		o->warning = optarg;
		break;
	case 'c':
		o->critical = optarg;
		break;
	case 'o':
		o->output = optarg;
		break;
	case OPTION_OPENMETRICS:
		o->has_openmetrics = true;
		break;
	case OPTION_STATE:
		o->state = optarg;
		break;
	case OPTION_REBUILD:
		o->is_rebuilt = true;
		break;
	case OPTION_READY:
		o->is_ready = true;
		break;
	case OPTION_PROBE:
		o->probe = optarg;
		break;
	case OPTION_CONFIG:
		o->conf = optarg;
		break;
	case OPTION_MIB:
		o->mib = optarg;
		break;
	case OPTION_BASE:
		o->base = optarg;
		break;
	default:
		return false;
	}
	return true;
}

static void
take_option(struct arguments *a, int option)
{
	struct options *o = &a->options;

	note_given(a, option);
	if (take_own_option(o, option))
		return;
	switch (option) {
	case 1:
		take_command(a, optarg);
		break;
	case 'l':
		take_log(o, optarg);
		break;
	case 'n':
		take_top(o, optarg);
		break;
	case OPTION_SINCE:
		a->since = optarg;
		break;
	case OPTION_UNTIL:
		a->until = optarg;
		break;
	case OPTION_CLIENT:
		take_client(o, optarg);
		break;
	case OPTION_FILE:
		o->filter.glob = optarg;
		break;
	case OPTION_OP:
		take_op(o, optarg);
		break;
	case OPTION_OUTCOME:
		take_outcomes(o, optarg);
		break;
	case OPTION_JSON:
		a->has_json = true;
		break;
	case OPTION_CSV:
		a->has_csv = true;
		break;
	case OPTION_TABLE:
		o->table = optarg;
		break;
	case OPTION_UTC:
		o->style.is_utc = true;
		break;
	case 'h':
		exit(help());
	case 'V':
		exit(version());
	default:
		fputs("try 'tftpd-stats --help'\n", stderr);
		exit(o->usage_status);
	}
}

static void
take_time(const struct options *o, const char *option, const char *text,
    uint64_t *ts_us)
{
	if (!when_parse(text, o->now_us, o->style.is_utc, ts_us))
		bad_value(o, option, text, "a time such as 2h, yesterday, "
		    "2026-11-22, '2026-11-22 14:00' or @1795356000");
}

static void
take_window(struct arguments *a)
{
	struct options *o = &a->options;

	if (a->since != NULL)
		take_time(o, "--since", a->since, &o->filter.since_us);
	if (a->until != NULL)
		take_time(o, "--until", a->until, &o->filter.until_us);
	o->has_since = a->since != NULL;
	if (o->filter.since_us > o->filter.until_us)
		errx(o->usage_status, "--since is later than --until");
	if (o->failed_since != NULL)
		take_time(o, "--failed-since", o->failed_since,
		    &o->failed_since_us);
}

/* What does not go together. */
static void
check_options(struct arguments *a)
{
	size_t i;

	for (i = 0; i < OWN_COUNT; i++)
		if (a->own[i] && (a->command->takes &
		    own_options[i].takes) == 0)
			errx(a->options.usage_status, "'%s' has no option %s",
			    a->command->name, own_options[i].name);
	if (a->since != NULL && a->options.failed_since != NULL)
		errx(a->options.usage_status,
		    "--since or --failed-since, not both");
	if (a->has_json && a->has_csv)
		errx(a->options.usage_status, "--json or --csv, not both");
	a->options.form = a->has_json ? FORM_JSON :
	    a->has_csv ? FORM_CSV : FORM_TEXT;
}

static bool
is_check(char **argv)
{
	while (*++argv != NULL)
		if (strcmp(*argv, "check") == 0)
			return true;
	return false;
}

/*
 * The '-' gives us the command wherever it stands.  -w takes a range after
 * "check" and nothing elsewhere.
 */
static const char *
short_options(const struct options *o)
{
	return o->usage_status == EXIT_UNKNOWN ?
	    "-l:n:o:w:c:hV" : "-l:n:o:wc:hV";
}

int
main(int argc, char **argv)
{
	struct arguments a = {
		.command = NULL, .options = { .table = RUNDIR "/live" }
	};
	struct options *o = &a.options;
	int option, ret;

	o->usage_status = is_check(argv) ? EXIT_UNKNOWN : EXIT_USAGE;
	/* getopt's messages begin as all others do. */
	argv[0] = program_invocation_short_name;
	filter_clear(&o->filter);
	o->now_us = clock_real_us();
	o->style.is_utf8 = text_has_utf8();
	o->style.has_colour = text_wants_colour();
	while ((option = getopt_long(argc, argv, short_options(o),
	    long_options, NULL)) != -1)
		take_option(&a, option);
	for (; optind < argc; optind++)
		take_command(&a, argv[optind]);
	if (a.command == NULL)
		a.command = subcommands;
	check_options(&a);
	take_window(&a);
	ret = a.command->run(o);
	free(o->logs);
	return ret;
}
