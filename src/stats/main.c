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
#include <time.h>

#include "stats/command.h"
#include "stats/when.h"

#define EXIT_USAGE	2
#define TOP_MAX		1000000

static const struct subcommand {
	const char *name;
	int (*run)(const struct options *o);
	const char *what;
} subcommands[] = {
	{ "summary", command_summary, "totals, outcomes, top files (default)" },
	{ "log", command_log, "a line for each finished transfer" },
	{ "follow", command_follow, "the same as they finish" },
};

#define SUBCOMMAND_COUNT	(sizeof(subcommands) / sizeof(subcommands[0]))

enum {
	OPTION_SINCE = 256, OPTION_UNTIL, OPTION_CLIENT, OPTION_FILE,
	OPTION_OP, OPTION_OUTCOME, OPTION_JSON, OPTION_UTC
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
	{ "top", required_argument, NULL, 'n' },
	{ "utc", no_argument, NULL, OPTION_UTC },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

static const char usage_head[] =
"usage: tftpd-stats [command] [option ...]\n\ncommands:\n";
static const char usage_options[] =
"\noptions:\n"
"  -l, --log FILE      read FILE; repeatable\n"
"      --since TIME    2h, 3d, today, \"2026-11-22 14:00\", @epoch, ...\n"
"      --until TIME    the same; up to it\n"
"      --client CIDR   clients in this network, or this address\n"
"      --file GLOB     names that match\n"
"      --op OP         read or write\n"
"      --outcome LIST  complete,timeout,... or success, neutral, refused,\n"
"                      failure\n"
"  -n, --top N         rows of a table, or the last N lines\n"
"      --json          for programs\n"
"      --utc           times in UTC, not local\n"
"  -h, --help          this text\n"
"  -V, --version       the version\n";

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
bad_value(const char *option, const char *value, const char *expected)
{
	errx(EXIT_USAGE, "%s '%s': expected %s", option, value, expected);
}

/* Arguments as given; the times wait until --utc is known. */
struct arguments {
	struct options options;
	const struct subcommand *command;
	const char *since, *until;
};

static void
take_command(struct arguments *a, const char *name)
{
	size_t i;

	for (i = 0; i < SUBCOMMAND_COUNT; i++)
		if (strcmp(subcommands[i].name, name) == 0)
			break;
	if (i == SUBCOMMAND_COUNT)
		errx(EXIT_USAGE, "no command '%s'; see tftpd-stats --help",
		    name);
	if (a->command != NULL)
		errx(EXIT_USAGE, "one command at a time: %s or %s",
		    a->command->name, name);
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
		bad_value("-n", text, "a number from 1 to 1000000");
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
		bad_value("--op", text, "read or write");
}

static void
take_client(struct options *o, const char *text)
{
	if (!filter_network_parse(text, &o->filter.client))
		bad_value("--client", text,
		    "an address or a network like 192.0.2.0/24");
	o->filter.has_client = true;
}

static void
take_outcomes(struct options *o, const char *text)
{
	if (!filter_outcomes_parse(text, &o->filter.outcomes))
		bad_value("--outcome", text, "names such as timeout,denied "
		    "or success, neutral, refused, failure");
}

static void
take_option(struct arguments *a, int option)
{
	struct options *o = &a->options;

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
		o->has_json = true;
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
		exit(EXIT_USAGE);
	}
}

static void
take_time(const struct options *o, const char *option, const char *text,
    uint64_t *ts_us)
{
	if (!when_parse(text, o->now_us, o->style.is_utc, ts_us))
		bad_value(option, text, "a time such as 2h, yesterday, "
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
		errx(EXIT_USAGE, "--since is later than --until");
}

static uint64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int
main(int argc, char **argv)
{
	struct arguments a = { .command = NULL };
	struct options *o = &a.options;
	int option, ret;

	/* getopt's messages begin as all others do. */
	argv[0] = program_invocation_short_name;
	filter_clear(&o->filter);
	o->now_us = now();
	o->style.is_utf8 = text_has_utf8();
	o->style.has_colour = text_wants_colour();
	/* The '-' gives us the command wherever it stands. */
	while ((option = getopt_long(argc, argv, "-l:n:hV", long_options,
	    NULL)) != -1)
		take_option(&a, option);
	for (; optind < argc; optind++)
		take_command(&a, argv[optind]);
	take_window(&a);
	ret = (a.command != NULL ? a.command : subcommands)->run(o);
	free(o->logs);
	return ret;
}
