#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/options.h"
#include "policy/conf.h"

enum long_only {
	OPT_LOG = 256,
	OPT_VERBOSITY,
	OPT_READ_ONLY,
	OPT_MAX_UPLOAD
};

static const struct option long_options[] = {
	{ "ipv4", no_argument, NULL, '4' },
	{ "ipv6", no_argument, NULL, '6' },
	{ "address", required_argument, NULL, 'a' },
	{ "blocksize", required_argument, NULL, 'B' },
	{ "create", no_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ "listen", no_argument, NULL, 'l' },
	{ "foreground", no_argument, NULL, 'L' },
	{ "permissive", no_argument, NULL, 'p' },
	{ "pidfile", required_argument, NULL, 'P' },
	{ "refuse", required_argument, NULL, 'r' },
	{ "port-range", required_argument, NULL, 'R' },
	{ "secure", no_argument, NULL, 's' },
	{ "timeout", required_argument, NULL, 't' },
	{ "retransmit", required_argument, NULL, 'T' },
	{ "user", required_argument, NULL, 'u' },
	{ "umask", required_argument, NULL, 'U' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ "verbosity", required_argument, NULL, OPT_VERBOSITY },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "read-only", no_argument, NULL, OPT_READ_ONLY },
	{ "max-upload", required_argument, NULL, OPT_MAX_UPLOAD },
	{ NULL, 0, NULL, 0 }
};

static const char usage[] =
    "usage: tftpd [-46clLpsvV] [-a ADDR[:PORT]] [-B BYTES|mtu[-N]] "
    "[-P PIDFILE]\n"
    "             [-r OPTION] [-R FIRST:LAST] [-t SECONDS] [-T MICROSECONDS]\n"
    "             [-u USER] [-U UMASK] [--log FILE] [--read-only]\n"
    "             [--max-upload BYTES] [--verbosity N] DIRECTORY\n"
    "The socket is standard input (inetd, xinetd, systemd), or one that\n"
    "systemd passes, or made by -l (background) or -L (foreground).\n"
    "tftpd(8) says the rest.\n";

const char *
conf_usage(void)
{
	return usage;
}

/* What is being parsed, and where its complaint goes. */
struct parse {
	struct conf *c;
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

/* getopt stopped at word, or at the letter optopt inside it. */
static void
complain_option(struct parse *p, int opt, const char *word)
{
	char letter[3] = { '-', (char)optopt, '\0' };
	bool is_letter = optopt > 0 && optopt < OPT_LOG &&
	    strncmp(word, "--", 2) != 0;

	complain(p, opt == ':' ? "%s needs a value" : "%s: no such option",
	    is_letter ? letter : word);
}

/* A plain number in [least, most] in that base; nothing may follow it. */
static bool
number(const char *text, int base, uint64_t least, uint64_t most,
    uint64_t *out)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, base);
	return errno == 0 && *end == '\0' && *out >= least && *out <= most;
}

static bool
set_blocksize(struct parse *p, const char *arg)
{
	uint64_t n = 0;

	if (strncmp(arg, "mtu", 3) == 0) {
		if (arg[3] != '\0' && (arg[3] != '-' ||
		    !number(arg + 4, 10, 0, 1024, &n)))
			return complain(p, "-B %s: after mtu comes nothing, "
			    "or - and 0..1024", arg);
		p->c->max_blksize = CONF_BLKSIZE_AUTO;
		p->c->mtu_less = (uint16_t)n;
		return true;
	}
	if (!number(arg, 10, 512, PACKET_BLKSIZE_MAX, &n))
		return complain(p, "-B %s: a blocksize is 512..%d, or mtu, "
		    "or mtu-N", arg, PACKET_BLKSIZE_MAX);
	p->c->max_blksize = (uint16_t)n;
	return true;
}

static bool
set_refused(struct parse *p, const char *arg)
{
	struct packet_slice name = { (const uint8_t *)arg, strlen(arg) };
	int id = options_from_name(name);

	if (id < 0)
		return complain(p, "-r %s: no such option; there are blksize, "
		    "timeout, tsize, windowsize, utimeout, blksize2 and "
		    "rollover", arg);
	p->c->refused_options |= 1u << id;
	return true;
}

static bool
set_port_range(struct parse *p, const char *arg)
{
	const char *colon = strchr(arg, ':');
	char first[8];
	uint64_t a, b;

	if (colon == NULL || (size_t)(colon - arg) >= sizeof(first))
		goto bad;
	memcpy(first, arg, (size_t)(colon - arg));
	first[colon - arg] = '\0';
	if (!number(first, 10, 1, UINT16_MAX, &a) ||
	    !number(colon + 1, 10, a, UINT16_MAX, &b))
		goto bad;
	p->c->port_first = (uint16_t)a;
	p->c->port_last = (uint16_t)b;
	return true;
bad:
	return complain(p, "-R %s: a range is FIRST:LAST, both 1..65535, "
	    "such as 4096:4127", arg);
}

static bool
set_size(struct parse *p, const char *arg)
{
	static const char units[] = "KMGT";
	char digits[24];
	const char *unit;
	size_t len = strlen(arg);
	unsigned shift = 0;
	uint64_t n;

	if (len == 0 || len >= sizeof(digits))
		goto bad;
	memcpy(digits, arg, len + 1);
	unit = strchr(units, arg[len - 1]);
	if (unit != NULL) {
		shift = 10 * (unsigned)(unit - units + 1);
		digits[len - 1] = '\0';
	}
	if (!number(digits, 10, 0, (uint64_t)INT64_MAX >> shift, &n))
		goto bad;
	p->c->max_upload = n << shift;
	return true;
bad:
	return complain(p, "--max-upload %s: a size is bytes, or a number with "
	    "K, M, G or T; 0 allows no upload", arg);
}

static bool
set_seconds(struct parse *p, const char *arg)
{
	uint64_t n;

	if (!number(arg, 10, 0, INT32_MAX, &n))
		return complain(p, "-t %s: seconds to stay without a request, "
		    "0 for ever", arg);
	p->c->linger_s = (uint32_t)n;
	return true;
}

static bool
set_retransmit(struct parse *p, const char *arg)
{
	uint64_t n;

	if (!number(arg, 10, 10000, 255000000, &n))
		return complain(p, "-T %s: microseconds, 10000..255000000",
		    arg);
	p->c->first_timeout_ms = (uint32_t)(n / 1000);
	return true;
}

static bool
set_umask(struct parse *p, const char *arg)
{
	uint64_t n;

	if (!number(arg, 8, 0, 0777, &n))
		return complain(p, "-U %s: an umask is octal, 0..777", arg);
	p->c->umask = (mode_t)n;
	return true;
}

static bool
set_verbosity(struct parse *p, const char *arg)
{
	uint64_t n;

	if (!number(arg, 10, 0, 9, &n))
		return complain(p, "--verbosity %s: 0..9", arg);
	p->c->verbosity = (unsigned)n;
	return true;
}

static bool
add_address(struct parse *p, const char *arg)
{
	if (p->c->address_count == CONF_ADDRESSES_MAX)
		return complain(p, "-a %s: at most %d addresses", arg,
		    CONF_ADDRESSES_MAX);
	p->c->addresses[p->c->address_count++] = arg;
	return true;
}

static bool
set_log(struct parse *p, const char *arg)
{
	if (arg[0] != '/')
		return complain(p, "--log %s: the path must be absolute", arg);
	p->c->log_path = arg;
	return true;
}

static bool
set_flag(struct conf *c, int opt)
{
	switch (opt) {
	case '4': c->ipv4_only = true; break;
	case '6': c->ipv6_only = true; break;
	case 'c': c->may_create = true; break;
	case 'l': c->listen = CONF_LISTEN_DETACH; break;
	case 'L': c->listen = CONF_LISTEN_FOREGROUND; break;
	case 'p': c->permissive = true; break;
	case 's': c->is_secure = true; break;
	case 'v': c->verbosity++; break;
	case OPT_READ_ONLY: c->read_only = true; break;
	default: return false;
	}
	return true;
}

static bool
set_value(struct parse *p, int opt, const char *arg)
{
	switch (opt) {
	case 'a': return add_address(p, arg);
	case 'B': return set_blocksize(p, arg);
	case 'P': p->c->pidfile = arg; return true;
	case 'r': return set_refused(p, arg);
	case 'R': return set_port_range(p, arg);
	case 't': return set_seconds(p, arg);
	case 'T': return set_retransmit(p, arg);
	case 'u': p->c->user = arg; return true;
	case 'U': return set_umask(p, arg);
	case OPT_VERBOSITY: return set_verbosity(p, arg);
	case OPT_LOG: return set_log(p, arg);
	case OPT_MAX_UPLOAD: return set_size(p, arg);
	default: return complain(p, "unknown option");
	}
}

static void
set_defaults(struct conf *c)
{
	memset(c, 0, sizeof(*c));
	c->log_path = LOGDIR "/transfers.jsonl";
	c->linger_s = 60;
	c->max_upload = 1ULL << 30;
	c->min_free = 64ULL << 20;
	c->max_blksize = CONF_BLKSIZE_AUTO;
	c->max_windowsize = 64;
	c->first_timeout_ms = 500;
	c->give_up_ms = 30000;
	c->adaptive = true;
	c->max_transfers = 1000;
}

/* Names are compared with it as text, so it must be the plain path. */
static bool
has_dotdot(const char *path)
{
	size_t len = strlen(path);

	return strstr(path, "/../") != NULL ||
	    (len >= 3 && strcmp(path + len - 3, "/..") == 0);
}

/* What no option alone can know. */
static bool
check_whole(struct parse *p, int count, char **dirs)
{
	if (p->c->ipv4_only && p->c->ipv6_only)
		return complain(p, "-4 and -6 exclude each other");
	if (p->c->address_count != 0 && p->c->listen == CONF_LISTEN_NO)
		return complain(p, "-a needs -l or -L: otherwise the socket "
		    "is given");
	if (count != 1)
		return complain(p, "give one directory to serve, not %d",
		    count);
	if (dirs[0][0] != '/')
		return complain(p, "%s: the directory's path must be absolute",
		    dirs[0]);
	if (has_dotdot(dirs[0]))
		return complain(p, "%s: the directory's path may not have "
		    "\"..\"", dirs[0]);
	p->c->root = dirs[0];
	return true;
}

enum conf_verdict
conf_from_args(struct conf *c, int argc, char **argv, char *why, size_t size)
{
	struct parse p = { c, why, size };
	int opt;

	set_defaults(c);
	why[0] = '\0';
	opterr = 0;
	optind = 0;	/* glibc: forget an earlier parse altogether */
	while ((opt = getopt_long(argc, argv, ":46a:B:chlLpP:r:R:st:T:u:U:vV",
	    long_options, NULL)) != -1) {
		if (opt == 'V')
			return CONF_VERSION;
		if (opt == 'h')
			return CONF_HELP;
		if (opt == '?' || opt == ':') {
			complain_option(&p, opt, argv[optind - 1]);
			return CONF_USAGE;
		}
		if (!set_flag(c, opt) && !set_value(&p, opt, optarg))
			return CONF_USAGE;
	}
	return check_whole(&p, argc - optind, argv + optind) ? CONF_OK :
	    CONF_USAGE;
}
