#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "os/diag.h"
#include "record/live.h"
#include "status/settings.h"
#include "status/walls.h"

#define EXIT_USAGE	2
#define HOST_MAX	253	/* bytes of a name in the DNS */

enum {
	OPTION_TABLE = 256, OPTION_STATE, OPTION_CONFIG, OPTION_TFTPD,
	OPTION_HOST, OPTION_MANAGE, OPTION_UTC, OPTION_SANDBOX
};

static const struct option long_options[] = {
	{ "log", required_argument, NULL, 'l' },
	{ "table", required_argument, NULL, OPTION_TABLE },
	{ "state", required_argument, NULL, OPTION_STATE },
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "tftpd", required_argument, NULL, OPTION_TFTPD },
	{ "user", required_argument, NULL, 'u' },
	{ "host", required_argument, NULL, OPTION_HOST },
	{ "manage", required_argument, NULL, OPTION_MANAGE },
	{ "sandbox", required_argument, NULL, OPTION_SANDBOX },
	{ "utc", no_argument, NULL, OPTION_UTC },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

static const char short_options[] = ":l:u:hV";

static const char usage[] =
"usage: tftpd-status [option ...]\n"
"Answers one HTTP request on the connection that it is given, by xinetd or\n"
"inetd (stream, nowait) or systemd (Accept=yes).\n\n"
"  -l, --log FILE       the transfer log\n"
"      --table FILE     the live table\n"
"      --state DIR      a directory of its own, for counters\n"
"      --config FILE    tftpd's configuration\n"
"      --tftpd PROGRAM  the tftpd that is asked about it\n"
"  -u, --user NAME      the user that root becomes\n"
"      --host NAME      a name that it is called by; repeatable\n"
"      --manage FILE    passwords, for the management page; off without\n"
"      --sandbox HOW    require (all walls), or prefer (those there are)\n"
"      --utc            times on pages in UTC, not local\n"
"  -h, --help           this text\n"
"  -V, --version        the version\n";

/* Standard error is the client's connection, perhaps: syslog is told. */
static _Noreturn void __attribute__((format(printf, 1, 2)))
refuse(const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	diag_log(DIAG_ERROR, "%s; try 'tftpd-status --help'", text);
	exit(EXIT_USAGE);
}

static const char *
take_path(const char *option, const char *value)
{
	/* superservers start it in a directory of their choice */
	if (value[0] != '/')
		refuse("%s '%s': expected a path that begins with /", option,
		    value);
	if (strlen(value) >= LIVE_PATH_MAX)
		refuse("%s: the path is longer than %d bytes", option,
		    LIVE_PATH_MAX - 1);
	return value;
}

static const char *
take_program(const char *option, const char *value)
{
	struct stat st;

	(void)take_path(option, value);
	if (stat(value, &st) == -1)
		refuse("%s '%s': %s", option, value, strerror(errno));
	if (!S_ISREG(st.st_mode) || access(value, X_OK) == -1)
		refuse("%s '%s': expected a program", option, value);
	return value;
}

static const char *
take_directory(const char *option, const char *value)
{
	struct stat st;

	(void)take_path(option, value);
	if (stat(value, &st) == 0 && !S_ISDIR(st.st_mode))
		refuse("%s '%s': expected a directory", option, value);
	return value;
}

/* What a client may write into "Host:", without the port. */
static bool
is_host(const char *name)
{
	size_t len = strlen(name), i;

	for (i = 0; i < len; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
		    "XYZ0123456789.-_:", name[i]) == NULL)
			return false;
	/* one colon is no IPv6 address: a port */
	return len != 0 && len <= HOST_MAX && (strchr(name, ':') == NULL ||
	    strchr(name, ':') != strrchr(name, ':'));
}

static void
take_host(struct settings *s, const char *name)
{
	if (!is_host(name))
		refuse("--host '%.255s': expected a name or an address, "
		    "without a port or brackets", name);
	if (s->host_count == SETTINGS_HOSTS_MAX)
		refuse("--host: at most %d of them", SETTINGS_HOSTS_MAX);
	s->hosts[s->host_count++] = name;
}

static void
take_sandbox(struct settings *s, const char *how)
{
	if (strcmp(how, "require") != 0 && strcmp(how, "prefer") != 0)
		refuse("--sandbox '%s': expected require or prefer", how);
	s->prefers_walls = strcmp(how, "prefer") == 0;
}

static _Noreturn void
version(void)
{
	printf("tftpd-status (%s) %s, %s\n", PACKAGE_NAME, PACKAGE_VERSION,
	    walls_text());
	exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void
take(struct settings *s, int option)
{
	switch (option) {
	case 'l':
		s->log = take_path("--log", optarg);
		break;
	case OPTION_TABLE:
		s->table = take_path("--table", optarg);
		break;
	case OPTION_STATE:
		s->state = take_directory("--state", optarg);
		break;
	case OPTION_CONFIG:
		s->conf = take_path("--config", optarg);
		break;
	case OPTION_TFTPD:
		s->tftpd = take_program("--tftpd", optarg);
		break;
	case 'u':
		if (*optarg == '\0')
			refuse("--user: expected a name");
		s->user = optarg;
		break;
	case OPTION_HOST:
		take_host(s, optarg);
		break;
	case OPTION_MANAGE:
		s->manage = take_path("--manage", optarg);
		break;
	case OPTION_SANDBOX:
		take_sandbox(s, optarg);
		break;
	case OPTION_UTC:
		s->is_utc = true;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
	default:
		version();
	}
}

/* What getopt would have said on standard error. */
static _Noreturn void
refuse_option(char **argv, bool lacks_value)
{
	const char *word = argv[optind - 1];

	if (lacks_value)
		refuse("option '%s' needs a value", word);
	if (optopt == 0)
		refuse("unknown option '%s', or one that is cut too short",
		    word);
	if (optopt >= OPTION_TABLE || strchr(short_options, optopt) != NULL)
		refuse("option '%s': no value is expected", word);
	/* it may stand amid others: word is perhaps the one before */
	refuse("unknown option -%c", optopt);
}

void
settings_parse(int argc, char **argv, struct settings *s)
{
	int option;

	*s = (struct settings){
		.table = RUNDIR "/live", .state = STATUSDIR,
		.conf = CONFFILE, .tftpd = SBINDIR "/tftpd",
		.user = STATUS_USER
	};
	opterr = 0;
	while ((option = getopt_long(argc, argv, short_options, long_options,
	    NULL)) != -1) {
		if (option == '?' || option == ':')
			refuse_option(argv, option == ':');
		take(s, option);
	}
	if (optind < argc)
		refuse("'%s': no argument is expected", argv[optind]);
}
