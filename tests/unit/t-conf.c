/*
 * t-conf - the command line, letter for letter: what it sets, and the
 * sentence that an administrator reads when it is wrong.
 *
 * In the tables arguments stand in one string with a space between them;
 * "~" is an empty argument.
 */
#include <stdbool.h>

#include "core/options.h"
#include "policy/conf.h"
#include "t.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define ARGS_MAX	64
#define TEXT_MAX	1024
#define WHY_MAX		256

/*
 * A command line of its own, as main() gets it: getopt_long() puts argv in
 * another order, and the strings must live as long as the configuration.
 */
struct line {
	char text[TEXT_MAX];
	char *argv[ARGS_MAX + 1];
	int argc;
	char why[WHY_MAX];
	struct conf conf;
	enum conf_verdict verdict;
};

static void
split(struct line *l, const char *args)
{
	char *word, *rest;

	snprintf(l->text, sizeof(l->text), "tftpd %s", args);
	l->argc = 0;
	for (word = strtok_r(l->text, " ", &rest); word != NULL;
	    word = strtok_r(NULL, " ", &rest)) {
		if (l->argc == ARGS_MAX)
			abort();
		if (strcmp(word, "~") == 0)
			word[0] = '\0';
		l->argv[l->argc++] = word;
	}
	l->argv[l->argc] = NULL;
}

static const struct conf *
parse(struct line *l, const char *args)
{
	split(l, args);
	memset(&l->conf, 0xa5, sizeof(l->conf));
	memset(l->why, 'x', sizeof(l->why));
	l->verdict = conf_from_args(&l->conf, l->argc, l->argv, l->why,
	    sizeof(l->why));
	return &l->conf;
}

/* Whether p points into one of the words, and not at a copy. */
static bool
is_inside(const struct line *l, const char *p)
{
	return p >= l->text && p < l->text + sizeof(l->text);
}

/* ---- defaults --------------------------------------------------------- */

static void
test_default_access(void)
{
	struct line l;
	const struct conf *c = parse(&l, "/tftpboot");

	T_OK(l.verdict == CONF_OK, "a directory is enough");
	T_OK(l.why[0] == '\0', "nothing is wrong");
	T_OK(strcmp(c->root, "/tftpboot") == 0, "root");
	T_OK(!c->is_secure, "without -s names are absolute, as in hpa");
	T_OK(c->user == NULL, "the user is chosen later");
	T_OK(!c->may_create, "nothing is created");
	T_OK(!c->read_only, "what is o+w may be overwritten, as in hpa");
	T_OK(!c->permissive, "o+r and o+w are asked for");
	T_OK(c->umask == 0, "umask, as in hpa");
	T_OK(c->max_upload == UINT64_C(1) << 30, "max-upload 1G");
	T_OK(c->min_free == UINT64_C(64) << 20, "min-free 64M");
}

static void
test_default_rest(void)
{
	struct line l;
	const struct conf *c = parse(&l, "/tftpboot");

	T_OK(c->listen == CONF_LISTEN_NO, "the socket is given");
	T_OK(c->address_count == 0, "no address");
	T_OK(!c->ipv4_only && !c->ipv6_only, "both families");
	T_OK(c->pidfile == NULL, "no pidfile");
	T_OK(strcmp(c->log_path, LOGDIR "/transfers.jsonl") == 0, "log");
	T_OK(c->verbosity == 0, "verbosity");
	T_OK(c->linger_s == 60, "linger");
	T_OK(c->max_blksize == CONF_BLKSIZE_AUTO, "blksize by the MTU");
	T_OK(c->mtu_less == 0, "all of the MTU");
	T_OK(c->max_windowsize == 64, "windowsize");
	T_OK(c->refused_options == 0, "no option is refused");
	T_OK(c->port_first == 0 && c->port_last == 0, "any port");
	T_OK(c->first_timeout_ms == 500, "the first resend");
	T_OK(c->give_up_ms == 30000, "give-up");
	T_OK(c->adaptive, "adaptive");
	T_OK(c->max_transfers == 1000, "max-transfers");
}

/* ---- options ---------------------------------------------------------- */

/* A field of struct conf and what it is set to. */
struct set {
	const char *what, *args;
	size_t offset, size;
	uint64_t value;
};

#define FIELD(name)	offsetof(struct conf, name), \
	sizeof(((struct conf *)NULL)->name)

static uint64_t
field(const struct conf *c, const struct set *row)
{
	const char *at = (const char *)c + row->offset;
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;

	switch (row->size) {
	case sizeof(u64):
		memcpy(&u64, at, sizeof(u64));
		return u64;
	case sizeof(u32):
		memcpy(&u32, at, sizeof(u32));
		return u32;
	case sizeof(u16):
		memcpy(&u16, at, sizeof(u16));
		return u16;
	default:
		return *(const unsigned char *)at;
	}
}

static void
check_sets(const struct set *rows, size_t count)
{
	struct line l;
	char args[TEXT_MAX];
	size_t i;

	for (i = 0; i < count; i++) {
		snprintf(args, sizeof(args), "%s /d", rows[i].args);
		parse(&l, args);
		T_OK(l.verdict == CONF_OK && l.why[0] == '\0', rows[i].what);
		T_OK(field(&l.conf, &rows[i]) == rows[i].value, rows[i].what);
		T_OK(l.conf.root != NULL && strcmp(l.conf.root, "/d") == 0,
		    rows[i].what);
		/* behind the directory too, as getopt_long() has it */
		snprintf(args, sizeof(args), "/d %s", rows[i].args);
		parse(&l, args);
		T_OK(l.verdict == CONF_OK, rows[i].what);
		T_OK(field(&l.conf, &rows[i]) == rows[i].value, rows[i].what);
	}
}

static void
test_flags(void)
{
	static const struct set rows[] = {
		{ "-4", "-4", FIELD(ipv4_only), 1 },
		{ "--ipv4", "--ipv4", FIELD(ipv4_only), 1 },
		{ "-4 says nothing of IPv6", "-4", FIELD(ipv6_only), 0 },
		{ "-6", "-6", FIELD(ipv6_only), 1 },
		{ "--ipv6", "--ipv6", FIELD(ipv6_only), 1 },
		{ "-c", "-c", FIELD(may_create), 1 },
		{ "--create", "--create", FIELD(may_create), 1 },
		{ "-l", "-l", FIELD(listen), CONF_LISTEN_DETACH },
		{ "--listen", "--listen", FIELD(listen), CONF_LISTEN_DETACH },
		{ "-L", "-L", FIELD(listen), CONF_LISTEN_FOREGROUND },
		{ "--foreground", "--foreground", FIELD(listen),
		    CONF_LISTEN_FOREGROUND },
		{ "-l -L: the last counts", "-l -L", FIELD(listen),
		    CONF_LISTEN_FOREGROUND },
		{ "-L -l: the last counts", "-L -l", FIELD(listen),
		    CONF_LISTEN_DETACH },
		{ "-p", "-p", FIELD(permissive), 1 },
		{ "--permissive", "--permissive", FIELD(permissive), 1 },
		{ "-s", "-s", FIELD(is_secure), 1 },
		{ "--secure", "--secure", FIELD(is_secure), 1 },
		{ "--read-only", "--read-only", FIELD(read_only), 1 },
		{ "-v", "-v", FIELD(verbosity), 1 },
		{ "--verbose", "--verbose", FIELD(verbosity), 1 },
		{ "-vvv", "-vvv", FIELD(verbosity), 3 },
		{ "-v thrice", "-v -v --verbose", FIELD(verbosity), 3 },
		{ "letters together: the first", "-csp", FIELD(may_create),
		    1 },
		{ "letters together: the last", "-csp", FIELD(permissive),
		    1 },
		{ "a long name cut short", "--perm", FIELD(permissive), 1 },
	};

	check_sets(rows, COUNT(rows));
}

static void
test_blocksizes(void)
{
	static const struct set rows[] = {
		{ "-B least", "-B 512", FIELD(max_blksize), 512 },
		{ "-B most", "-B 65464", FIELD(max_blksize), 65464 },
		{ "-B1428", "-B1428", FIELD(max_blksize), 1428 },
		{ "--blocksize=", "--blocksize=1468", FIELD(max_blksize),
		    1468 },
		{ "--blocksize", "--blocksize 1468", FIELD(max_blksize),
		    1468 },
		{ "-B 01428 is decimal", "-B 01428", FIELD(max_blksize),
		    1428 },
		{ "-B mtu", "-B mtu", FIELD(max_blksize), CONF_BLKSIZE_AUTO },
		{ "-B mtu takes nothing off", "-B mtu", FIELD(mtu_less), 0 },
		{ "-B mtu after a number", "-B 1428 -B mtu",
		    FIELD(max_blksize), CONF_BLKSIZE_AUTO },
		{ "-B mtu-0", "-B mtu-0", FIELD(mtu_less), 0 },
		{ "-B mtu-40", "-B mtu-40", FIELD(mtu_less), 40 },
		{ "-B mtu-1024", "-B mtu-1024", FIELD(mtu_less), 1024 },
		{ "-B mtu-40 is automatic", "-B mtu-40", FIELD(max_blksize),
		    CONF_BLKSIZE_AUTO },
	};

	check_sets(rows, COUNT(rows));
}

static void
test_numbers(void)
{
	static const struct set rows[] = {
		{ "-t", "-t 900", FIELD(linger_s), 900 },
		{ "-t 0 is for ever", "-t 0", FIELD(linger_s), 0 },
		{ "-t most", "-t 2147483647", FIELD(linger_s), 2147483647 },
		{ "--timeout", "--timeout 30", FIELD(linger_s), 30 },
		{ "-T", "-T 1000000", FIELD(first_timeout_ms), 1000 },
		{ "-T least", "-T 10000", FIELD(first_timeout_ms), 10 },
		{ "-T most", "-T 255000000", FIELD(first_timeout_ms),
		    255000 },
		{ "--retransmit", "--retransmit=20000",
		    FIELD(first_timeout_ms), 20 },
		{ "-U is octal", "-U 022", FIELD(umask), 022 },
		{ "-U without a zero is octal too", "-U 27", FIELD(umask),
		    027 },
		{ "-U least", "-U 0", FIELD(umask), 0 },
		{ "-U most", "-U 777", FIELD(umask), 0777 },
		{ "--umask", "--umask 077", FIELD(umask), 077 },
		{ "--verbosity", "--verbosity 3", FIELD(verbosity), 3 },
		{ "--verbosity least", "-vvv --verbosity 0",
		    FIELD(verbosity), 0 },
		{ "--verbosity most", "--verbosity 9", FIELD(verbosity), 9 },
		{ "-v adds to it", "--verbosity=3 -v", FIELD(verbosity), 4 },
		{ "-R first", "-R 4096:4127", FIELD(port_first), 4096 },
		{ "-R last", "-R 4096:4127", FIELD(port_last), 4127 },
		{ "--port-range", "--port-range=5:6", FIELD(port_last), 6 },
		{ "-R of one port", "-R 70:70", FIELD(port_last), 70 },
		{ "-R least", "-R 1:65535", FIELD(port_first), 1 },
		{ "-R most", "-R 1:65535", FIELD(port_last), 65535 },
		{ "the last of two counts", "-t 5 -t 6", FIELD(linger_s), 6 },
	};

	check_sets(rows, COUNT(rows));
}

static void
test_sizes(void)
{
	static const struct set rows[] = {
		{ "bytes", "--max-upload 123", FIELD(max_upload), 123 },
		{ "K", "--max-upload 2K", FIELD(max_upload), 2048 },
		{ "M", "--max-upload=3M", FIELD(max_upload), 3145728 },
		{ "G", "--max-upload 4G", FIELD(max_upload),
		    UINT64_C(4294967296) },
		{ "T", "--max-upload 1T", FIELD(max_upload),
		    UINT64_C(1) << 40 },
		{ "the most in bytes", "--max-upload 9223372036854775807",
		    FIELD(max_upload), INT64_MAX },
		{ "the most in T", "--max-upload 8388607T",
		    FIELD(max_upload), UINT64_C(8388607) << 40 },
		{ "uploads stay on", "--max-upload 1", FIELD(read_only), 0 },
		{ "0 allows none", "--max-upload 0", FIELD(max_upload), 0 },
		{ "0G allows none", "--max-upload 0G", FIELD(max_upload), 0 },
		{ "the last one counts", "--max-upload 0 --max-upload 5",
		    FIELD(max_upload), 5 },
		{ "a size does not undo --read-only",
		    "--read-only --max-upload 1", FIELD(read_only), 1 },
	};

	check_sets(rows, COUNT(rows));
}

static void
test_refused(void)
{
	static const struct set rows[] = {
		{ "blksize", "-r blksize", FIELD(refused_options),
		    1 << OPTIONS_BLKSIZE },
		{ "timeout", "-r timeout", FIELD(refused_options),
		    1 << OPTIONS_TIMEOUT },
		{ "tsize", "--refuse tsize", FIELD(refused_options),
		    1 << OPTIONS_TSIZE },
		{ "windowsize", "--refuse=windowsize",
		    FIELD(refused_options), 1 << OPTIONS_WINDOWSIZE },
		{ "utimeout", "-rutimeout", FIELD(refused_options),
		    1 << OPTIONS_UTIMEOUT },
		{ "blksize2", "-r blksize2", FIELD(refused_options),
		    1 << OPTIONS_BLKSIZE2 },
		{ "rollover", "-r rollover", FIELD(refused_options),
		    1 << OPTIONS_ROLLOVER },
		{ "in any case", "-r BlkSize", FIELD(refused_options),
		    1 << OPTIONS_BLKSIZE },
		{ "several", "-r blksize -r tsize", FIELD(refused_options),
		    1 << OPTIONS_BLKSIZE | 1 << OPTIONS_TSIZE },
		{ "one twice", "-r tsize -r tsize", FIELD(refused_options),
		    1 << OPTIONS_TSIZE },
	};

	check_sets(rows, COUNT(rows));
}

/* ---- strings ---------------------------------------------------------- */

static void
test_strings(void)
{
	static const struct {
		const char *what, *args;
		size_t offset;
		const char *value;
	} rows[] = {
		{ "the directory", "-s /srv/tftp",
		    offsetof(struct conf, root), "/srv/tftp" },
		{ "the directory before options", "/srv/tftp -s",
		    offsetof(struct conf, root), "/srv/tftp" },
		{ "the directory after --", "-s -- /srv",
		    offsetof(struct conf, root), "/srv" },
		{ "-u", "-u boot /d", offsetof(struct conf, user), "boot" },
		{ "--user", "--user=boot /d", offsetof(struct conf, user),
		    "boot" },
		{ "-P", "-P /run/t.pid /d", offsetof(struct conf, pidfile),
		    "/run/t.pid" },
		{ "--pidfile", "--pidfile /run/t.pid /d",
		    offsetof(struct conf, pidfile), "/run/t.pid" },
		{ "--log", "--log /var/log/t /d",
		    offsetof(struct conf, log_path), "/var/log/t" },
		{ "--log=", "--log=/t /d", offsetof(struct conf, log_path),
		    "/t" },
		{ "-a", "-l -a 192.0.2.1:69 /d",
		    offsetof(struct conf, addresses), "192.0.2.1:69" },
		{ "--address", "-L --address=[::1]:69 /d",
		    offsetof(struct conf, addresses), "[::1]:69" },
		{ "-a before -l", "-a :1069 -l /d",
		    offsetof(struct conf, addresses), ":1069" },
	};
	struct line l;
	const char *got;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		parse(&l, rows[i].args);
		T_OK(l.verdict == CONF_OK, rows[i].what);
		memcpy(&got, (const char *)&l.conf + rows[i].offset,
		    sizeof(got));
		T_OK(got != NULL && strcmp(got, rows[i].value) == 0,
		    rows[i].what);
		T_OK(is_inside(&l, got), "it is argv's own string");
	}
}

static void
test_addresses(void)
{
	struct line l;
	char args[TEXT_MAX] = "-l";
	char want[16];
	unsigned i;

	for (i = 0; i < CONF_ADDRESSES_MAX; i++)
		snprintf(args + strlen(args), sizeof(args) - strlen(args),
		    " -a 192.0.2.%u", i);
	snprintf(args + strlen(args), sizeof(args) - strlen(args), " /d");
	parse(&l, args);
	T_OK(l.verdict == CONF_OK, "sixteen addresses");
	T_OK(l.conf.address_count == CONF_ADDRESSES_MAX, "all are there");
	for (i = 0; i < CONF_ADDRESSES_MAX; i++) {
		snprintf(want, sizeof(want), "192.0.2.%u", i);
		T_OK(strcmp(l.conf.addresses[i], want) == 0, "in order");
	}
	snprintf(args + strlen(args), sizeof(args) - strlen(args),
	    " -a 192.0.2.99");
	parse(&l, args);
	T_OK(l.verdict == CONF_USAGE && strcmp(l.why,
	    "-a 192.0.2.99: at most 16 addresses") == 0, "the seventeenth");
}

/* ---- what is wrong ---------------------------------------------------- */

struct wrong {
	const char *args, *why;
};

static void
check_wrong(const struct wrong *rows, size_t count)
{
	struct line l;
	size_t i;

	for (i = 0; i < count; i++) {
		parse(&l, rows[i].args);
		T_OK(l.verdict == CONF_USAGE, rows[i].args);
		T_OK(strcmp(l.why, rows[i].why) == 0, rows[i].why);
	}
}

#define BLOCKSIZE	": a blocksize is 512..65464, or mtu, or mtu-N"
#define AFTER_MTU	": after mtu comes nothing, or - and 0..1024"

static void
test_wrong_blocksize(void)
{
	static const struct wrong rows[] = {
		{ "-B 511 /d", "-B 511" BLOCKSIZE },
		{ "-B 0 /d", "-B 0" BLOCKSIZE },
		{ "-B 65465 /d", "-B 65465" BLOCKSIZE },
		{ "-B 66048 /d", "-B 66048" BLOCKSIZE },
		{ "-B 4294967808 /d", "-B 4294967808" BLOCKSIZE },
		{ "-B 18446744073709552128 /d",
		    "-B 18446744073709552128" BLOCKSIZE },
		{ "-B -512 /d", "-B -512" BLOCKSIZE },
		{ "-B +512 /d", "-B +512" BLOCKSIZE },
		{ "-B 0x400 /d", "-B 0x400" BLOCKSIZE },
		{ "-B 1k /d", "-B 1k" BLOCKSIZE },
		{ "-B 1428x /d", "-B 1428x" BLOCKSIZE },
		{ "-B ~ /d", "-B " BLOCKSIZE },
		{ "-B MTU /d", "-B MTU" BLOCKSIZE },
		{ "--blocksize=auto /d", "-B auto" BLOCKSIZE },
		{ "-B mtux /d", "-B mtux" AFTER_MTU },
		{ "-B mtu- /d", "-B mtu-" AFTER_MTU },
		{ "-B mtu-1025 /d", "-B mtu-1025" AFTER_MTU },
		{ "-B mtu--1 /d", "-B mtu--1" AFTER_MTU },
		{ "-B mtu+1 /d", "-B mtu+1" AFTER_MTU },
		{ "-B mtu40 /d", "-B mtu40" AFTER_MTU },
		{ "-B mtu-40x /d", "-B mtu-40x" AFTER_MTU },
	};

	check_wrong(rows, COUNT(rows));
}

#define RANGE	": a range is FIRST:LAST, both 1..65535, such as 4096:4127"
#define SECONDS	": seconds to stay without a request, 0 for ever"
#define MICRO	": microseconds, 10000..255000000"
#define UMASK	": an umask is octal, 0..777"

static void
test_wrong_numbers(void)
{
	static const struct wrong rows[] = {
		{ "-R 4096 /d", "-R 4096" RANGE },
		{ "-R 4096: /d", "-R 4096:" RANGE },
		{ "-R :4127 /d", "-R :4127" RANGE },
		{ "-R : /d", "-R :" RANGE },
		{ "-R ~ /d", "-R " RANGE },
		{ "-R 0:5 /d", "-R 0:5" RANGE },
		{ "-R 6:5 /d", "-R 6:5" RANGE },
		{ "-R 5:65536 /d", "-R 5:65536" RANGE },
		{ "-R 65536:65537 /d", "-R 65536:65537" RANGE },
		{ "-R 4096-4127 /d", "-R 4096-4127" RANGE },
		{ "-R 4096:4127:1 /d", "-R 4096:4127:1" RANGE },
		{ "-R 00004096:4127 /d", "-R 00004096:4127" RANGE },
		{ "-R a:b /d", "-R a:b" RANGE },
		{ "-R -1:5 /d", "-R -1:5" RANGE },
		{ "-R 1:-5 /d", "-R 1:-5" RANGE },
		{ "-t x /d", "-t x" SECONDS },
		{ "-t ~ /d", "-t " SECONDS },
		{ "-t -1 /d", "-t -1" SECONDS },
		{ "-t 1.5 /d", "-t 1.5" SECONDS },
		{ "-t 2147483648 /d", "-t 2147483648" SECONDS },
		{ "--timeout=1m /d", "-t 1m" SECONDS },
		{ "-T 9999 /d", "-T 9999" MICRO },
		{ "-T 255000001 /d", "-T 255000001" MICRO },
		{ "-T 0 /d", "-T 0" MICRO },
		{ "-T ~ /d", "-T " MICRO },
		{ "-T 1s /d", "-T 1s" MICRO },
		{ "-U 8 /d", "-U 8" UMASK },
		{ "-U 028 /d", "-U 028" UMASK },
		{ "-U 1000 /d", "-U 1000" UMASK },
		{ "-U 0x12 /d", "-U 0x12" UMASK },
		{ "-U u=rwx /d", "-U u=rwx" UMASK },
		{ "-U ~ /d", "-U " UMASK },
		{ "-U -1 /d", "-U -1" UMASK },
		{ "--verbosity 10 /d", "--verbosity 10: 0..9" },
		{ "--verbosity -1 /d", "--verbosity -1: 0..9" },
		{ "--verbosity ~ /d", "--verbosity : 0..9" },
		{ "--verbosity=high /d", "--verbosity high: 0..9" },
	};

	check_wrong(rows, COUNT(rows));
}

#define SIZE	": a size is bytes, or a number with K, M, G or T; " \
	"0 allows no upload"
#define OPTION	": no such option; there are blksize, timeout, tsize, " \
	"windowsize, utimeout, blksize2 and rollover"

static void
test_wrong_texts(void)
{
	static const struct wrong rows[] = {
		{ "--max-upload ~ /d", "--max-upload " SIZE },
		{ "--max-upload G /d", "--max-upload G" SIZE },
		{ "--max-upload 1g /d", "--max-upload 1g" SIZE },
		{ "--max-upload 1GB /d", "--max-upload 1GB" SIZE },
		{ "--max-upload 1KK /d", "--max-upload 1KK" SIZE },
		{ "--max-upload 1.5G /d", "--max-upload 1.5G" SIZE },
		{ "--max-upload -1 /d", "--max-upload -1" SIZE },
		{ "--max-upload 0x10 /d", "--max-upload 0x10" SIZE },
		{ "--max-upload 9223372036854775808 /d",
		    "--max-upload 9223372036854775808" SIZE },
		{ "--max-upload 8388608T /d", "--max-upload 8388608T" SIZE },
		{ "--max-upload 18446744073709551617 /d",
		    "--max-upload 18446744073709551617" SIZE },
		{ "--max-upload 000000000000000000000001 /d",
		    "--max-upload 000000000000000000000001" SIZE },
		{ "-r multicast /d", "-r multicast" OPTION },
		{ "-r blksize3 /d", "-r blksize3" OPTION },
		{ "-r blk /d", "-r blk" OPTION },
		{ "--refuse=~ /d", "-r ~" OPTION },
		{ "-r ~ /d", "-r " OPTION },
		{ "-r blksize,tsize /d", "-r blksize,tsize" OPTION },
		{ "--log transfers.jsonl /d",
		    "--log transfers.jsonl: the path must be absolute" },
		{ "--log ~ /d", "--log : the path must be absolute" },
	};

	check_wrong(rows, COUNT(rows));
}

static void
test_wrong_whole(void)
{
	static const struct wrong rows[] = {
		{ "", "give one directory to serve, not 0" },
		{ "-s", "give one directory to serve, not 0" },
		{ "-s --", "give one directory to serve, not 0" },
		{ "/a /b", "give one directory to serve, not 2" },
		{ "-s /a -c /b /c", "give one directory to serve, not 3" },
		{ "tftpboot", "tftpboot: the directory's path must be "
		    "absolute" },
		{ "./tftpboot", "./tftpboot: the directory's path must be "
		    "absolute" },
		{ "~", ": the directory's path must be absolute" },
		{ "-- -s", "-s: the directory's path must be absolute" },
		{ "-4 -6 /d", "-4 and -6 exclude each other" },
		{ "-46 /d", "-4 and -6 exclude each other" },
		{ "--ipv6 --ipv4 /d", "-4 and -6 exclude each other" },
		{ "-a 192.0.2.1 /d",
		    "-a needs -l or -L: otherwise the socket is given" },
		{ "--address :69 /d",
		    "-a needs -l or -L: otherwise the socket is given" },
		{ "--bogus /d", "--bogus: no such option" },
		{ "-z /d", "-z: no such option" },
		{ "-zs /d", "-z: no such option" },
		{ "-sz /d", "-z: no such option" },
		{ "/srv/../d", "/srv/../d: the directory's path may not have "
		    "\"..\"" },
		{ "/srv/..", "/srv/..: the directory's path may not have "
		    "\"..\"" },
		{ "/d -z", "-z: no such option" },
		{ "-s -a", "-a needs a value" },
		{ "/d -B", "-B needs a value" },
		{ "/d --log", "--log needs a value" },
		{ "/d --max-upload", "--max-upload needs a value" },
		{ "-z -V", "-z: no such option" },
		{ "-t x -V", "-t x" SECONDS },
	};

	check_wrong(rows, COUNT(rows));
}

/* Every option with a value says so when there is none. */
static void
test_no_value(void)
{
	static const char *const names[] = { "-a", "-B", "-P", "-r", "-R",
		"-t", "-T", "-u", "-U", "--address", "--blocksize",
		"--pidfile", "--refuse", "--port-range", "--timeout",
		"--retransmit", "--user", "--umask", "--verbosity", "--log",
		"--max-upload" };
	struct line l;
	char args[64], want[64];
	size_t i;

	for (i = 0; i < COUNT(names); i++) {
		snprintf(args, sizeof(args), "/d %s", names[i]);
		snprintf(want, sizeof(want), "%s needs a value", names[i]);
		parse(&l, args);
		T_OK(l.verdict == CONF_USAGE, names[i]);
		T_OK(strcmp(l.why, want) == 0, names[i]);
	}
}

/* A sentence that does not fit is cut, never written beyond. */
static void
test_little_room(void)
{
	const char *whole = "-4 and -6 exclude each other";
	char zeros[64] = "", *why;
	struct line l;
	size_t size;

	for (size = 1; size < sizeof(zeros); size++) {
		split(&l, "-4 -6 /d");
		why = t_guard(zeros, size);
		T_OK(conf_from_args(&l.conf, l.argc, l.argv, why, size) ==
		    CONF_USAGE, "the verdict stays");
		T_OK(strlen(why) == (size <= strlen(whole) ? size - 1 :
		    strlen(whole)), "cut where the room ends");
		T_OK(strncmp(why, whole, strlen(why)) == 0, "its beginning");
		t_unguard(why, size);
	}
}

/* ---- the rest --------------------------------------------------------- */

static void
test_verdicts(void)
{
	static const struct {
		const char *what, *args;
		enum conf_verdict verdict;
	} rows[] = {
		{ "-V", "-V", CONF_VERSION },
		{ "--version", "--version", CONF_VERSION },
		{ "-V with all the rest", "-s -V /d", CONF_VERSION },
		{ "-V counts before what is wrong behind it", "-V -B 1",
		    CONF_VERSION },
		{ "-h", "-h", CONF_HELP },
		{ "--help", "--help /d", CONF_HELP },
		{ "the first of both", "-h -V", CONF_HELP },
		{ "Debian's xinetd line", "-s /tftpboot", CONF_OK },
		{ "Debian's /etc/default", "--listen --user tftp --address "
		    ":69 --secure --create /srv/tftp", CONF_OK },
		{ "Red Hat's unit", "-s /var/lib/tftpboot", CONF_OK },
		{ "hpa with everything", "-4 -l -a 192.0.2.1:69 -B 1468 -c "
		    "-p -P /run/t.pid -r blksize -R 4096:4127 -s -t 900 -T "
		    "1000000 -u tftp -U 022 -v /tftpboot", CONF_OK },
	};
	struct line l;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		parse(&l, rows[i].args);
		T_OK(l.verdict == rows[i].verdict, rows[i].what);
	}
}

/* Nothing of one call is left in the next one. */
static void
test_again(void)
{
	struct line l;

	parse(&l, "-s -c -v -r tsize -R 5:6 --max-upload 0 -4 /a");
	parse(&l, "-x");
	parse(&l, "/b");
	T_OK(l.verdict == CONF_OK, "after a bad one");
	T_OK(!l.conf.is_secure && !l.conf.may_create && !l.conf.read_only &&
	    !l.conf.ipv4_only, "no flag is left");
	T_OK(l.conf.verbosity == 0 && l.conf.refused_options == 0 &&
	    l.conf.port_last == 0, "no value is left");
	T_OK(strcmp(l.conf.root, "/b") == 0, "the new directory");
}

/* Whoever reads --help finds every option there. */
static void
test_usage(void)
{
	static const char *const words[] = { "-46", "[-a ", "[-B ", "c",
		"lL", "[-P ", "[-r ", "[-R ", "[-t ", "[-T ", "[-u ", "[-U ",
		"--log ", "--read-only", "--max-upload", "--verbosity",
		"DIRECTORY" };
	const char *usage = conf_usage(), *line, *end;
	size_t i;

	for (i = 0; i < COUNT(words); i++)
		T_OK(strstr(usage, words[i]) != NULL, words[i]);
	for (line = usage; *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		T_OK(end != NULL, "every line ends");
		if (end == NULL)
			return;
		T_OK(end - line < 80, "it fits a terminal");
	}
}

int
main(void)
{
	CU_TestInfo right[] = {
		{ "defaults: access", test_default_access },
		{ "defaults: the rest", test_default_rest },
		{ "flags", test_flags },
		{ "block sizes", test_blocksizes },
		{ "numbers", test_numbers },
		{ "sizes", test_sizes },
		{ "refused options", test_refused },
		{ "strings are argv's", test_strings },
		{ "addresses", test_addresses },
		{ "verdicts", test_verdicts },
		{ "again", test_again },
		{ "usage", test_usage },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo wrong[] = {
		{ "block sizes", test_wrong_blocksize },
		{ "numbers", test_wrong_numbers },
		{ "texts", test_wrong_texts },
		{ "the whole line", test_wrong_whole },
		{ "no value", test_no_value },
		{ "little room", test_little_room },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "conf: what is right", NULL, NULL, NULL, NULL, right },
		{ "conf: what is wrong", NULL, NULL, NULL, NULL, wrong },
		CU_SUITE_INFO_NULL
	};

	unsetenv("POSIXLY_CORRECT");
	return t_run(suites);
}
