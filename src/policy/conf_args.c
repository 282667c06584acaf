#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/conf.h"

/* Options without a letter. */
enum long_only {
	OPT_ADOPT = 256, OPT_DRAFT, OPT_EXPLAIN, OPT_IDLE, OPT_IDLE_VALUE,
	OPT_LOG, OPT_MAP_STEPS, OPT_MAP_TEST, OPT_MAX_UPLOAD, OPT_PATH_PREFIX,
	OPT_PRINT, OPT_READ_ONLY, OPT_REFUSE_ALL, OPT_SANDBOX, OPT_STDERR,
	OPT_VERBOSITY
};

#define FLAG(name, value)	{ name, no_argument, NULL, value }
#define VALUE(name, value)	{ name, required_argument, NULL, value }
#define MAYBE(name, value)	{ name, optional_argument, NULL, value }

static const char letters[] = ":46a:B:cCf:hjlLm:pP:r:R:sS:t:T:u:U:vVW:";

static const struct option long_options[] = {
	FLAG("ipv4", '4'), FLAG("ipv6", '6'), VALUE("address", 'a'),
	VALUE("blocksize", 'B'), FLAG("create", 'c'), FLAG("check", 'C'),
	VALUE("config", 'f'), FLAG("help", 'h'), FLAG("listen", 'l'),
	FLAG("foreground", 'L'), VALUE("mapfile", 'm'),
	VALUE("map-file", 'm'), FLAG("permissive", 'p'),
	VALUE("pidfile", 'P'), VALUE("refuse", 'r'), VALUE("reject", 'r'),
	VALUE("port-range", 'R'), VALUE("ports", 'R'), FLAG("secure", 's'),
	FLAG("chroot", 's'), FLAG("jail", 's'), VALUE("service", 'S'),
	VALUE("port", 'S'), VALUE("timeout", 't'), VALUE("retransmit", 'T'),
	VALUE("user", 'u'), VALUE("umask", 'U'), FLAG("verbose", 'v'),
	FLAG("version", 'V'), VALUE("windowsize", 'W'),
	VALUE("adopt", OPT_ADOPT), VALUE("draft", OPT_DRAFT),
	VALUE("explain", OPT_EXPLAIN), VALUE("log", OPT_LOG),
	VALUE("map-steps", OPT_MAP_STEPS),
	VALUE("map-test", OPT_MAP_TEST), VALUE("max-upload", OPT_MAX_UPLOAD),
	VALUE("max-size", OPT_MAX_UPLOAD), VALUE("sandbox", OPT_SANDBOX),
	VALUE("path-prefix", OPT_PATH_PREFIX), FLAG("print-config", OPT_PRINT),
	FLAG("read-only", OPT_READ_ONLY), FLAG("ro", OPT_READ_ONLY),
	FLAG("refuse-all", OPT_REFUSE_ALL), FLAG("reject-all", OPT_REFUSE_ALL),
	FLAG("stderr", OPT_STDERR), VALUE("verbosity", OPT_VERBOSITY),
	FLAG("systemd", OPT_IDLE), FLAG("validate", OPT_IDLE),
	MAYBE("normalize", OPT_IDLE), VALUE("window-bytes", OPT_IDLE_VALUE),
	{ NULL, 0, NULL, 0 }
};

/* Options that are a key of the file; text: what a flag stands for. */
static const struct {
	int opt;
	enum conf_key key;
	const char *option, *text;
} keys[] = {
	{ 'B', CONF_MAX_BLKSIZE, "-B", NULL },
	{ 'c', CONF_CREATE, "-c", "yes" },
	{ 'm', CONF_MAP_FILE, "-m", NULL },
	{ 'p', CONF_REQUIRE_WORLD_READABLE, "-p", "no" },
	{ 'r', CONF_REFUSE_OPTIONS, "-r", NULL },
	{ 'R', CONF_PORT_RANGE, "-R", NULL },
	{ 't', CONF_LINGER, "-t", NULL },
	{ 'T', CONF_RETRANSMIT, "-T", NULL },
	{ 'u', CONF_USER, "-u", NULL },
	{ 'U', CONF_UMASK, "-U", NULL },
	{ 'W', CONF_MAX_WINDOWSIZE, "-W", NULL },
	{ OPT_LOG, CONF_LOG, "--log", NULL },
	{ OPT_MAP_STEPS, CONF_MAP_STEPS, "--map-steps", NULL },
	{ OPT_MAX_UPLOAD, CONF_MAX_UPLOAD, "--max-upload", NULL },
	{ OPT_SANDBOX, CONF_SANDBOX, "--sandbox", NULL },
	{ OPT_REFUSE_ALL, CONF_REFUSE_OPTIONS, "--refuse-all", "all" },
};

/* Options of tftpd-hpa that change nothing here. */
static const char *const idle_options[] = { "--systemd", "--validate",
	"--normalize", "--window-bytes", "--path-prefix" };

_Static_assert(sizeof(idle_options) / sizeof(idle_options[0]) <=
    sizeof(((struct conf_args *)NULL)->idle) / sizeof(char *),
    "there is room for all of them");

static const char usage[] =
    "usage: tftpd [options] DIRECTORY...      as tftpd-hpa\n"
    "       tftpd [options] [-f FILE]         FILE: " CONFFILE "\n"
    "  -4 -6                 only IPv4, only IPv6\n"
    "  -a ADDR[:PORT]        listen there (with -l or -L; several)\n"
    "  -S PORT               port where -a has none\n"
    "  -l  -L                make the socket; in the background, or not\n"
    "  -P FILE               write the process id there\n"
    "  -s                    names are relative to DIRECTORY\n"
    "  -c                    clients may create files\n"
    "  --read-only           no uploads at all\n"
    "  --max-upload SIZE     largest upload; 0 allows none\n"
    "  -p                    files need not be readable for everybody\n"
    "  -U UMASK              of uploaded files, octal\n"
    "  -m FILE               rules that rewrite names\n"
    "  --map-steps N         rules that are tried for a name\n"
    "  -B BYTES|mtu[-N]      largest block\n"
    "  -W BLOCKS             largest window\n"
    "  -r OPTION             do as if it were not known; --refuse-all\n"
    "  -R FIRST:LAST         ports of transfers\n"
    "  -t SECONDS            stay without a request; 0: for ever\n"
    "  -T MICROSECONDS       before the first resend\n"
    "  -u USER               serve as\n"
    "  --sandbox require|prefer\n"
    "                        serve only if all walls stand, or without some\n"
    "  --log FILE            the transfer log\n"
    "  -v  --verbosity N     say more\n"
    "  --stderr              messages go to standard error\n"
    "Instead of serving:\n"
    "  -C                    check the configuration, say what is wrong\n"
    "  --print-config        print it, and where each value is from\n"
    "  --explain 'CLIENT read|write NAME'\n"
    "                        what would be answered, and why\n"
    "  --draft NEW           with these: as if NEW were in FILE's place\n"
    "  --adopt NEW           check NEW, then put it in FILE's place\n"
    "  --map-test NAMES      what the rules of -m make of each line\n"
    "  -V  -h                version, this\n"
    "The socket is standard input (inetd, xinetd, systemd), or one that\n"
    "systemd passes, or made by -l or -L.  tftpd(8) says the rest.\n";

const char *
conf_usage(void)
{
	return usage;
}

/* What is being parsed, and where its complaint goes. */
struct parse {
	struct conf_args *a;
	const char *action;	/* the option that asked for it */
	bool has_map_file;
	char *why;
	size_t size;
};

static bool __attribute__((format(printf, 2, 3)))
complain(struct parse *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->why, p->size, fmt, ap);
	va_end(ap);
	return false;
}

/* getopt says no more than that it does not know it. */
static bool
is_ambiguous(const char *word)
{
	size_t len = strcspn(word, "=");
	const struct option *o;
	unsigned count = 0;

	for (o = long_options; o->name != NULL; o++)
		count += len > 2 && strncmp(o->name, word + 2, len - 2) == 0;
	return count > 1;
}

/* getopt stopped at word, or at the letter optopt inside it. */
static void
complain_option(struct parse *p, int opt, const char *word)
{
	char letter[3] = { '-', (char)optopt, '\0' };
	bool is_letter = optopt > 0 && optopt < 256 &&
	    strncmp(word, "--", 2) != 0;

	if (opt == ':')
		complain(p, "%s needs a value", is_letter ? letter : word);
	else if (!is_letter && optopt != 0)
		complain(p, "%s takes no value", word);
	else if (!is_letter && is_ambiguous(word))
		complain(p, "%s: several options begin so", word);
	else
		complain(p, "%s: no such option", is_letter ? letter : word);
}

/* ---- values ------------------------------------------------------------ */

static bool
add_override(struct parse *p, enum conf_key key, const char *option,
    const char *text)
{
	struct conf_args *a = p->a;

	if (a->override_count == CONF_OVERRIDES_MAX)
		return complain(p, "%s: at most %d such options", option,
		    CONF_OVERRIDES_MAX);
	a->overrides[a->override_count].key = key;
	a->overrides[a->override_count].option = option;
	a->overrides[a->override_count].text = text;
	a->override_count++;
	return true;
}

/* tftpd-hpa's -t 0 stays for ever; a file's `linger = 0` leaves at once. */
static const char *
meaning(int opt, const char *arg)
{
	bool is_zero = arg[0] != '\0' && arg[strspn(arg, "0")] == '\0';

	if (is_zero && opt == 't')
		return "forever";
	return is_zero && opt == 'W' ? "1" : arg;
}

static bool
set_key(struct parse *p, int opt, const char *arg, bool *is_key)
{
	size_t i;

	*is_key = true;
	if (opt == 'm' && p->has_map_file)
		return complain(p, "Multiple -m options");
	p->has_map_file = p->has_map_file || opt == 'm';
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].opt == opt)
			return add_override(p, keys[i].key, keys[i].option,
			    keys[i].text != NULL ? keys[i].text :
			    meaning(opt, arg));
	*is_key = false;
	return true;
}

static bool
set_verbosity(struct parse *p, const char *arg)
{
	if (arg[0] < '0' || arg[0] > '9' || arg[1] != '\0')
		return complain(p, "--verbosity %s: 0..9", arg);
	p->a->verbosity = (unsigned)(arg[0] - '0');
	return true;
}

static bool
add_address(struct parse *p, const char *arg)
{
	if (p->a->address_count == CONF_ADDRESSES_MAX)
		return complain(p, "-a %s: at most %d addresses", arg,
		    CONF_ADDRESSES_MAX);
	p->a->addresses[p->a->address_count++] = arg;
	return true;
}

static bool
set_prefix(struct parse *p, const char *arg)
{
	if (arg[0] != '/')
		return complain(p, "--path-prefix %s: the path must be "
		    "absolute", arg);
	p->a->path_prefix = arg;
	return true;
}

static bool
set_action(struct parse *p, enum conf_action action, const char *option,
    const char *argument)
{
	if (p->action != NULL && strcmp(p->action, option) != 0)
		return complain(p, "%s and %s exclude each other", p->action,
		    option);
	p->action = option;
	p->a->action = action;
	p->a->argument = argument;
	return true;
}

/* name without its dashes */
static bool
add_idle(struct parse *p, const char *name)
{
	struct conf_args *a = p->a;
	unsigned i;

	for (i = 0; i < a->idle_count; i++)
		if (strcmp(a->idle[i] + 2, name) == 0)
			return true;
	for (i = 0; i < sizeof(idle_options) / sizeof(idle_options[0]); i++)
		if (strcmp(idle_options[i] + 2, name) == 0)
			a->idle[a->idle_count++] = idle_options[i];
	return true;
}

/* ---- options ----------------------------------------------------------- */

static bool
set_flag(struct parse *p, int opt)
{
	struct conf_args *a = p->a;

	switch (opt) {
	case '4': a->ipv4_only = true; break;
	case '6': a->ipv6_only = true; break;
	case 'j':
	case 's': a->is_secure = true; break;
	/* as tftpd-hpa: -L wins, in whatever order they come */
	case 'l':
		if (a->listen != CONF_LISTEN_FOREGROUND)
			a->listen = CONF_LISTEN_DETACH;
		break;
	case 'L': a->listen = CONF_LISTEN_FOREGROUND; break;
	case 'v': a->verbosity++; break;
	case OPT_READ_ONLY: a->is_read_only = true; break;
	case OPT_STDERR: a->to_stderr = true; break;
	default: return false;
	}
	return true;
}

static bool
set_other(struct parse *p, int opt, const char *arg, const char *word)
{
	switch (opt) {
	case 'a': return add_address(p, arg);
	case 'f': p->a->file = arg; return true;
	case OPT_DRAFT: p->a->draft = arg; return true;
	case 'P': p->a->pidfile = arg; return true;
	case 'S': p->a->service = arg; return true;
	case OPT_VERBOSITY: return set_verbosity(p, arg);
	case OPT_PATH_PREFIX: return set_prefix(p, arg);
	case OPT_IDLE:
	case OPT_IDLE_VALUE: return add_idle(p, word);
	case 'C': return set_action(p, CONF_CHECK, "-C", NULL);
	case OPT_PRINT:
		return set_action(p, CONF_PRINT, "--print-config", NULL);
	case OPT_EXPLAIN:
		return set_action(p, CONF_EXPLAIN, "--explain", arg);
	case OPT_ADOPT:
		return set_action(p, CONF_ADOPT, "--adopt", arg);
	case OPT_MAP_TEST:
		return set_action(p, CONF_MAP_TEST, "--map-test", arg);
	default: return complain(p, "unknown option");
	}
}

static bool
set_option(struct parse *p, int opt, const char *arg, int index)
{
	bool is_key;

	if (set_flag(p, opt))
		return true;
	if (!set_key(p, opt, arg, &is_key))
		return false;
	return is_key || set_other(p, opt, arg,
	    index < 0 ? "" : long_options[index].name);
}

/* Last, so that nothing turns uploads on again. */
static bool
set_read_only(struct parse *p)
{
	const char *option = "--read-only";

	return add_override(p, CONF_CREATE, option, "no") &&
	    add_override(p, CONF_OVERWRITE, option, "no") &&
	    add_override(p, CONF_MAX_UPLOAD, option, "0");
}

/* ---- the whole --------------------------------------------------------- */

static bool
has_dotdot(const char *path)
{
	size_t len = strlen(path);

	return strstr(path, "/../") != NULL ||
	    (len >= 3 && strcmp(path + len - 3, "/..") == 0);
}

static bool
check_dirs(struct parse *p)
{
	const struct conf_args *a = p->a;
	unsigned i;

	if (a->dir_count > CONF_ROOTS_MAX)
		return complain(p, "give at most %d directories to serve, "
		    "not %u", CONF_ROOTS_MAX, a->dir_count);
	for (i = 0; i < a->dir_count; i++) {
		if (a->dirs[i][0] != '/')
			return complain(p, "%s: the directory's path must be "
			    "absolute", a->dirs[i]);
		if (has_dotdot(a->dirs[i]))
			return complain(p, "%s: the directory's path may not "
			    "have \"..\"", a->dirs[i]);
	}
	return true;
}

/*
 * Where nobody names a file or a directory, it is the default file.  One need
 * not be there to be adopted, and is not needed to try the rules of -m.
 */
static bool
choose_file(struct parse *p)
{
	struct conf_args *a = p->a;
	bool may_lack = a->action == CONF_ADOPT || a->action == CONF_MAP_TEST;
	bool is_new = a->action == CONF_ADOPT || a->draft != NULL;

	if (a->file != NULL || a->dir_count != 0 ||
	    (a->action == CONF_MAP_TEST && p->has_map_file))
		return true;
	if (access(CONFFILE, F_OK) == 0 || is_new)
		a->file = CONFFILE;
	return a->file != NULL || may_lack ||
	    complain(p, "give a directory to serve, or -f FILE; there is no "
	    "%s", CONFFILE);
}

/* What no option alone can know. */
static bool
check_whole(struct parse *p)
{
	struct conf_args *a = p->a;

	if (a->ipv4_only && a->ipv6_only)
		return complain(p, "-4 and -6 exclude each other");
	if (a->address_count != 0 && a->listen == CONF_LISTEN_NO)
		return complain(p, "-a needs -l or -L: otherwise the socket "
		    "is given");
	if (a->action == CONF_ADOPT && a->dir_count != 0 && a->file == NULL)
		return complain(p, "--adopt is about a file, not about %s",
		    a->dirs[0]);
	if (a->draft != NULL && a->action != CONF_CHECK &&
	    a->action != CONF_PRINT && a->action != CONF_EXPLAIN)
		return complain(p, "--draft goes with -C, --print-config or "
		    "--explain");
	if (a->draft != NULL && a->dir_count != 0 && a->file == NULL)
		return complain(p, "--draft is about a file, not about %s",
		    a->dirs[0]);
	if (!choose_file(p))
		return false;
	if (a->path_prefix != NULL && a->dir_count == 0)
		(void)add_idle(p, "path-prefix");
	return check_dirs(p);
}

bool
conf_parse_args(struct conf_args *args, int argc, char **argv, char *why,
    size_t size)
{
	struct parse p = { .a = args, .why = why, .size = size };
	int opt, index = -1;

	memset(args, 0, sizeof(*args));
	why[0] = '\0';
	opterr = 0;
	optind = 0;	/* glibc: forget an earlier parse altogether */
	while ((opt = getopt_long(argc, argv, letters, long_options,
	    &index)) != -1) {
		if (opt == 'V' || opt == 'h') {
			args->action = opt == 'V' ? CONF_VERSION : CONF_HELP;
			return true;
		}
		if (opt == '?' || opt == ':') {
			complain_option(&p, opt, argv[optind - 1]);
			return false;
		}
		if (!set_option(&p, opt, optarg, index))
			return false;
		index = -1;
	}
	args->dirs = argv + optind;
	args->dir_count = (unsigned)(argc - optind);
	if (args->is_read_only && !set_read_only(&p))
		return false;
	return check_whole(&p);
}
