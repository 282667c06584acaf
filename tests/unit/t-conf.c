/*
 * t-conf - the configuration: what each option and key sets, who wins, and
 * the sentence that an administrator reads when something is wrong.
 *
 * In command lines arguments stand in one string with a space between them;
 * "~" is an empty argument.  "@" is the folder of the tests, in what is
 * written to files, in arguments and in sentences.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/options.h"
#include "policy/conf.h"
#include "t.h"

/* What libconfuse's own complaints end with. */
#define FORM	"; allowed: KEY = VALUE, client \"NETWORK\" { ... }, " \
	"include(\"FILE\")"
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define ARGS_MAX	96
#define TEXT_MAX	4096
#define WHY_MAX		256
#define SAID_MAX	16384

#define NO_HOST_BITS	"has bits beyond its prefix; the network is "

static char folder[] = "/tmp/t-conf.XXXXXX";

/* ---- helpers ----------------------------------------------------------- */

/* Every from becomes to. */
static void
replace(char *out, size_t size, const char *in, const char *from,
    const char *to)
{
	size_t len = 0, n;

	while (*in != '\0') {
		const char *piece = in;

		n = 1;
		if (strncmp(in, from, strlen(from)) == 0) {
			piece = to;
			n = strlen(to);
			in += strlen(from);
		} else {
			in++;
		}
		if (len + n >= size)
			abort();
		memcpy(out + len, piece, n);
		len += n;
	}
	out[len] = '\0';
}

/* Equal?  What differs is shown, since a row is a text of many lines. */
static void
same(const char *got, const char *want, const char *what)
{
	if (strcmp(got, want) != 0)
		fprintf(stderr, "\n%s\n--- got\n%s\n--- not\n%s\n", what, got,
		    want);
	T_OK(strcmp(got, want) == 0, what);
}

static const char *
path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void
write_file(const char *name, const char *text)
{
	char full[65536];
	FILE *f;

	unlink(path_of(name));
	f = fopen(path_of(name), "w");
	replace(full, sizeof(full), text, "@", folder);
	if (f == NULL || fputs(full, f) == EOF || fclose(f) != 0)
		abort();
	if (chmod(path_of(name), 0644) != 0)
		abort();
}

static void
write_bytes(const char *name, const void *bytes, size_t len)
{
	FILE *f = fopen(path_of(name), "w");

	if (f == NULL || fwrite(bytes, 1, len, f) != len || fclose(f) != 0)
		abort();
}

/* A command line of its own, as main() gets it. */
struct line {
	char text[TEXT_MAX];
	char *argv[ARGS_MAX + 1];
	int argc;
	char why[WHY_MAX];
	struct conf_args args;
	bool ok;
};

static void
split(struct line *l, const char *args)
{
	char *word, *rest;

	memcpy(l->text, "tftpd ", 6);
	replace(l->text + 6, sizeof(l->text) - 6, args, "@", folder);
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

static const struct conf_args *
parse(struct line *l, const char *args)
{
	split(l, args);
	memset(&l->args, 0xa5, sizeof(l->args));
	memset(l->why, 'x', sizeof(l->why));
	l->ok = conf_parse_args(&l->args, l->argc, l->argv, l->why,
	    sizeof(l->why));
	return &l->args;
}

/* A configuration that was tried, and all that was said. */
struct made {
	struct line line;
	struct conf *conf;
	struct conf_report report;
	char said[SAID_MAX];
};

static void
hear(void *arg, bool is_warning, const char *text)
{
	struct made *m = arg;
	char shown[TEXT_MAX];
	size_t len = strlen(m->said);

	replace(shown, sizeof(shown), text, folder, "@");
	snprintf(m->said + len, sizeof(m->said) - len, "%s%s%s",
	    len == 0 ? "" : "\n", is_warning ? "warning: " : "", shown);
}

static struct conf *
make(struct made *m, const char *args)
{
	parse(&m->line, args);
	if (!m->line.ok)
		fprintf(stderr, "\n%s: %s\n", args, m->line.why);
	T_OK(m->line.ok, args);
	m->said[0] = '\0';
	memset(&m->report, 0, sizeof(m->report));
	m->report.say = hear;
	m->report.arg = m;
	m->conf = conf_make(&m->line.args, &m->report);
	return m->conf;
}

/* The file t.conf with that text, and options. */
static struct conf *
make_file(struct made *m, const char *text, const char *args)
{
	char all[TEXT_MAX];

	write_file("t.conf", text);
	snprintf(all, sizeof(all), "-f @/t.conf %s", args);
	return make(m, all);
}

static void
drop(struct made *m)
{
	conf_free(m->conf);
	conf_report_clear(&m->report);
}

static char *
printed(const struct conf *c, bool with_origins, bool is_whole)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		abort();
	T_OK(conf_print(c, f, with_origins, is_whole), "it is printed");
	fclose(f);
	return text;
}

/* Whether text has that line, a key at its front. */
static bool
has_line(const char *text, const char *line)
{
	char whole[TEXT_MAX];

	replace(whole, sizeof(whole) - 2, line, "@", folder);
	strcat(whole, "\n");
	return strncmp(text, whole, strlen(whole)) == 0 ||
	    (memmove(whole + 1, whole, strlen(whole) + 1), whole[0] = '\n',
	    strstr(text, whole) != NULL);
}

static struct cidr_addr
address(const char *text)
{
	struct cidr_addr addr;

	if (!cidr_parse_addr(text, &addr))
		abort();
	return addr;
}

static const struct conf_values *
values_for(const struct conf *c, const char *client)
{
	struct cidr_addr addr = address(client);

	return conf_for(c, &addr);
}

/* A field and what it is set to. */
struct set {
	const char *what;
	bool is_client;
	size_t offset, size;
	uint64_t value;
};

#define WHOLE(name)	false, offsetof(struct conf, name), \
	sizeof(((struct conf *)NULL)->name)
#define CLIENT(name)	true, offsetof(struct conf_values, name), \
	sizeof(((struct conf_values *)NULL)->name)

static uint64_t
field(const struct conf *c, bool is_client, size_t offset, size_t size)
{
	const char *at = (is_client ? (const char *)&c->values :
	    (const char *)c) + offset;
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;

	switch (size) {
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

/* ---- what is built in -------------------------------------------------- */

static const struct set common[] = {
	{ "no user is named", WHOLE(user), 0 },
	{ "linger", WHOLE(linger_s), 60 },
	{ "max-transfers", WHOLE(max_transfers), 1000 },
	{ "no limit for a client", WHOLE(max_transfers_per_client), 0 },
	{ "ten refused ports", WHOLE(refused_port_count), 10 },
	{ "a port for each transfer", WHOLE(single_port), 0 },
	{ "no broadcast", WHOLE(broadcast), 0 },
	{ "two networks are allowed", WHOLE(allow_clients.count), 2 },
	{ "none is denied", WHOLE(deny_clients.count), 0 },
	{ "all walls", WHOLE(sandbox), CONF_SANDBOX_REQUIRE },
	{ "map-steps", WHOLE(map_steps), 4096 },
	{ "the socket is given", WHOLE(listen), CONF_LISTEN_NO },
	{ "no address", WHOLE(address_count), 0 },
	{ "it is not broken", WHOLE(is_broken), 0 },
	{ "no section", WHOLE(section_count), 0 },
	{ "case", CLIENT(letter_case), CONF_CASE_EXACT },
	{ "symlinks", CLIENT(symlinks), CONF_SYMLINKS_INSIDE },
	{ "client-dir", CLIENT(client_dir), CONF_CLIENT_DIR_NONE },
	{ "upload-names", CLIENT(upload_names), CONF_UPLOAD_AS_IS },
	{ "no map", CLIENT(map), 0 },
	{ "one prefix", CLIENT(strip_prefix.count), 1 },
	{ "reads", CLIENT(may_read), 1 },
	{ "nothing is created", CLIENT(may_create), 0 },
	{ "nothing is overwritten", CLIENT(may_overwrite), 0 },
	{ "o+r is asked for", CLIENT(require_world_readable), 1 },
	{ "any extension", CLIENT(allow_extensions.count), 0 },
	{ "any name", CLIENT(deny_files.count), 0 },
	{ "max-read", CLIENT(max_read), 0 },
	{ "max-upload", CLIENT(max_upload), UINT64_C(1) << 30 },
	{ "min-free", CLIENT(min_free), UINT64_C(64) << 20 },
	{ "blksize by the MTU", CLIENT(max_blksize), CONF_BLKSIZE_AUTO },
	{ "all of the MTU", CLIENT(mtu_less), 0 },
	{ "windowsize", CLIENT(max_windowsize), 64 },
	{ "no option is refused", CLIENT(refused_options), 0 },
	{ "any port", CLIENT(port_first), 0 },
	{ "any port, to the last", CLIENT(port_last), 0 },
	{ "give-up", CLIENT(give_up_ms), 30000 },
	{ "adaptive", CLIENT(adaptive), 1 },
	{ "the first resend", CLIENT(first_timeout_ms), 500 },
	{ "one root", CLIENT(root_count), 1 },
	{ "which takes uploads", CLIENT(upload_root), 0 },
};

static void
check_common(const struct conf *c)
{
	static const uint16_t ports[] = { 0, 7, 11, 13, 17, 19, 37, 53, 69,
		123 };
	size_t i;

	for (i = 0; i < COUNT(common); i++)
		T_OK(field(c, common[i].is_client, common[i].offset,
		    common[i].size) == common[i].value, common[i].what);
	T_OK(memcmp(c->refused_ports, ports, sizeof(ports)) == 0,
	    "the refused ports");
	T_OK(strcmp(c->log_path, LOGDIR "/transfers.jsonl") == 0, "log");
	T_OK(strcmp(c->values.strip_prefix.items[0], "tftpboot") == 0,
	    "the prefix, cleaned");
}

static void
test_defaults(void)
{
	struct made m;
	const struct conf *c = make(&m, "@");

	T_OK(c != NULL && m.said[0] == '\0', "a directory is enough");
	check_common(c);
	T_OK(c->is_hpa && c->is_absolute && c->file == NULL, "hpa's form");
	T_OK(c->values.may_write_o_w, "what is o+w may be overwritten");
	T_OK(c->values.umask == 0, "umask, as in hpa");
	T_OK(c->files.count == 0, "no file was read");
	same(c->dirs[0], folder, "the directory");
	drop(&m);

	c = make_file(&m, "root = {\"@\"}", "");
	T_OK(c != NULL && m.said[0] == '\0', "a line is enough");
	check_common(c);
	T_OK(!c->is_hpa && !c->is_absolute, "the file's form");
	T_OK(!c->values.may_write_o_w, "nothing is overwritten");
	T_OK(c->values.umask == 022, "umask");
	T_OK(c->files.count == 1, "one file was read");
	same(c->files.items[0], path_of("t.conf"), "it is named");
	same(c->file, path_of("t.conf"), "and again");
	drop(&m);
}

/* ---- options ----------------------------------------------------------- */

#define ARGS(name)	offsetof(struct conf_args, name), \
	sizeof(((struct conf_args *)NULL)->name)

static void
test_flags(void)
{
	static const struct {
		const char *args;
		size_t offset, size;
		unsigned value;
	} rows[] = {
		{ "-4", ARGS(ipv4_only), 1 },
		{ "--ipv4", ARGS(ipv4_only), 1 },
		{ "-4", ARGS(ipv6_only), 0 },
		{ "-6", ARGS(ipv6_only), 1 },
		{ "--ipv6", ARGS(ipv6_only), 1 },
		{ "-l", ARGS(listen), CONF_LISTEN_DETACH },
		{ "--listen", ARGS(listen), CONF_LISTEN_DETACH },
		{ "-L", ARGS(listen), CONF_LISTEN_FOREGROUND },
		{ "--foreground", ARGS(listen), CONF_LISTEN_FOREGROUND },
		{ "-l -L", ARGS(listen), CONF_LISTEN_FOREGROUND },
		{ "-L -l", ARGS(listen), CONF_LISTEN_FOREGROUND },
		{ "-Ll", ARGS(listen), CONF_LISTEN_FOREGROUND },
		{ "-lL", ARGS(listen), CONF_LISTEN_FOREGROUND },
		{ "-l --foreground -l", ARGS(listen),
		    CONF_LISTEN_FOREGROUND },
		{ "-l -l", ARGS(listen), CONF_LISTEN_DETACH },
		{ "-s", ARGS(is_secure), 1 },
		{ "--secure", ARGS(is_secure), 1 },
		{ "--chroot", ARGS(is_secure), 1 },
		{ "-j", ARGS(is_secure), 1 },
		{ "--jail", ARGS(is_secure), 1 },
		{ "-v", ARGS(verbosity), 1 },
		{ "--verbose", ARGS(verbosity), 1 },
		{ "-vvv", ARGS(verbosity), 3 },
		{ "-v -v --verbose", ARGS(verbosity), 3 },
		{ "--verbosity 3", ARGS(verbosity), 3 },
		{ "-vvv --verbosity 0", ARGS(verbosity), 0 },
		{ "--verbosity=9", ARGS(verbosity), 9 },
		{ "--verbosity=3 -v", ARGS(verbosity), 4 },
		{ "--stderr", ARGS(to_stderr), 1 },
		{ "--read-only", ARGS(is_read_only), 1 },
		{ "--ro", ARGS(is_read_only), 1 },
		{ "-csp", ARGS(is_secure), 1 },
		{ "-csp", ARGS(override_count), 2 },
		{ "--read-only", ARGS(override_count), 3 },
	};
	char args[TEXT_MAX];
	struct line l;
	unsigned got;
	size_t i;

	for (i = 0; i < 2 * COUNT(rows); i++) {
		/* behind the directory too, as getopt_long() has it */
		snprintf(args, sizeof(args), i % 2 == 0 ? "%s /d" : "/d %s",
		    rows[i / 2].args);
		parse(&l, args);
		T_OK(l.ok && l.why[0] == '\0', args);
		got = 0;
		memcpy(&got, (char *)&l.args + rows[i / 2].offset,
		    rows[i / 2].size);
		T_OK(got == rows[i / 2].value, args);
		T_OK(l.args.dir_count == 1 &&
		    strcmp(l.args.dirs[0], "/d") == 0, args);
	}
}

static void
test_overrides(void)
{
	static const struct {
		const char *args;
		enum conf_key key;
		const char *option, *text;
	} rows[] = {
		{ "-B 1468", CONF_MAX_BLKSIZE, "-B", "1468" },
		{ "--blocksize=mtu-4", CONF_MAX_BLKSIZE, "-B", "mtu-4" },
		{ "-c", CONF_CREATE, "-c", "yes" },
		{ "--create", CONF_CREATE, "-c", "yes" },
		{ "-m /x", CONF_MAP_FILE, "-m", "/x" },
		{ "--mapfile /x", CONF_MAP_FILE, "-m", "/x" },
		{ "--map-file=/x", CONF_MAP_FILE, "-m", "/x" },
		{ "-p", CONF_REQUIRE_WORLD_READABLE, "-p", "no" },
		{ "--permissive", CONF_REQUIRE_WORLD_READABLE, "-p", "no" },
		{ "--perm", CONF_REQUIRE_WORLD_READABLE, "-p", "no" },
		{ "-r tsize", CONF_REFUSE_OPTIONS, "-r", "tsize" },
		{ "--refuse tsize", CONF_REFUSE_OPTIONS, "-r", "tsize" },
		{ "--reject tsize", CONF_REFUSE_OPTIONS, "-r", "tsize" },
		{ "--refuse-all", CONF_REFUSE_OPTIONS, "--refuse-all",
		    "all" },
		{ "--reject-all", CONF_REFUSE_OPTIONS, "--refuse-all",
		    "all" },
		{ "-R 4096:4127", CONF_PORT_RANGE, "-R", "4096:4127" },
		{ "--port-range=5:6", CONF_PORT_RANGE, "-R", "5:6" },
		{ "--ports 5:6", CONF_PORT_RANGE, "-R", "5:6" },
		{ "-t 900", CONF_LINGER, "-t", "900" },
		{ "--timeout=900", CONF_LINGER, "-t", "900" },
		{ "-t 0", CONF_LINGER, "-t", "forever" },
		{ "-t 00", CONF_LINGER, "-t", "forever" },
		{ "-t ~", CONF_LINGER, "-t", "" },
		{ "-T 20000", CONF_RETRANSMIT, "-T", "20000" },
		{ "--retransmit 20000", CONF_RETRANSMIT, "-T", "20000" },
		{ "-u boot", CONF_USER, "-u", "boot" },
		{ "--user=boot", CONF_USER, "-u", "boot" },
		{ "-U 022", CONF_UMASK, "-U", "022" },
		{ "--umask 022", CONF_UMASK, "-U", "022" },
		{ "-W 16", CONF_MAX_WINDOWSIZE, "-W", "16" },
		{ "--windowsize 0", CONF_MAX_WINDOWSIZE, "-W", "1" },
		{ "--log /l", CONF_LOG, "--log", "/l" },
		{ "--log=/l", CONF_LOG, "--log", "/l" },
		{ "--map-steps 9", CONF_MAP_STEPS, "--map-steps", "9" },
		{ "--max-upload 1G", CONF_MAX_UPLOAD, "--max-upload", "1G" },
		{ "--max-size 1G", CONF_MAX_UPLOAD, "--max-upload", "1G" },
		{ "--sandbox prefer", CONF_SANDBOX, "--sandbox", "prefer" },
	};
	char args[TEXT_MAX];
	struct line l;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		snprintf(args, sizeof(args), "%s /d", rows[i].args);
		parse(&l, args);
		T_OK(l.ok && l.args.override_count == 1, args);
		T_OK(l.args.overrides[0].key == rows[i].key, args);
		T_OK(strcmp(l.args.overrides[0].option, rows[i].option) == 0,
		    args);
		T_OK(strcmp(l.args.overrides[0].text, rows[i].text) == 0,
		    args);
	}
}

static void
test_strings(void)
{
	static const struct {
		const char *args;
		size_t offset;
		const char *value;
	} rows[] = {
		{ "-P /run/t.pid /d", offsetof(struct conf_args, pidfile),
		    "/run/t.pid" },
		{ "--pidfile=/t /d", offsetof(struct conf_args, pidfile),
		    "/t" },
		{ "-l -a 192.0.2.1:69 /d",
		    offsetof(struct conf_args, addresses), "192.0.2.1:69" },
		{ "-L --address=[::1]:69 /d",
		    offsetof(struct conf_args, addresses), "[::1]:69" },
		{ "-a :1069 -l /d", offsetof(struct conf_args, addresses),
		    ":1069" },
		{ "-S 1069 /d", offsetof(struct conf_args, service), "1069" },
		{ "--service x /d", offsetof(struct conf_args, service),
		    "x" },
		{ "--port 7 /d", offsetof(struct conf_args, service), "7" },
		{ "-f /c", offsetof(struct conf_args, file), "/c" },
		{ "--config=/c /d", offsetof(struct conf_args, file), "/c" },
		{ "--path-prefix /x /d",
		    offsetof(struct conf_args, path_prefix), "/x" },
	};
	struct line l;
	const char *got;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		parse(&l, rows[i].args);
		T_OK(l.ok, rows[i].args);
		memcpy(&got, (const char *)&l.args + rows[i].offset,
		    sizeof(got));
		T_OK(got != NULL && strcmp(got, rows[i].value) == 0,
		    rows[i].args);
		T_OK(got >= l.text && got < l.text + sizeof(l.text),
		    "it is argv's own string");
	}
}

static void
test_addresses(void)
{
	struct line l;
	char args[TEXT_MAX] = "-l", want[16];
	unsigned i;

	for (i = 0; i < CONF_ADDRESSES_MAX; i++)
		snprintf(args + strlen(args), sizeof(args) - strlen(args),
		    " -a 192.0.2.%u", i);
	strcat(args, " /d");
	parse(&l, args);
	T_OK(l.ok && l.args.address_count == CONF_ADDRESSES_MAX,
	    "sixteen addresses");
	for (i = 0; i < CONF_ADDRESSES_MAX; i++) {
		snprintf(want, sizeof(want), "192.0.2.%u", i);
		T_OK(strcmp(l.args.addresses[i], want) == 0, "in order");
	}
	strcat(args, " -a 192.0.2.99");
	parse(&l, args);
	T_OK(!l.ok, "the seventeenth");
	same(l.why, "-a 192.0.2.99: at most 16 addresses", "is too many");
}

static void
test_actions(void)
{
	static const struct {
		const char *args;
		enum conf_action action;
		const char *argument;
	} rows[] = {
		{ "-s /tftpboot", CONF_SERVE, NULL },
		{ "-V", CONF_VERSION, NULL },
		{ "--version", CONF_VERSION, NULL },
		{ "-s -V /d", CONF_VERSION, NULL },
		{ "-V -z", CONF_VERSION, NULL },
		{ "-h", CONF_HELP, NULL },
		{ "--help /d", CONF_HELP, NULL },
		{ "-h -V", CONF_HELP, NULL },
		{ "-C /d", CONF_CHECK, NULL },
		{ "--check -f /c", CONF_CHECK, NULL },
		{ "-C --check /d", CONF_CHECK, NULL },
		{ "--print-config /d", CONF_PRINT, NULL },
		{ "--explain x /d", CONF_EXPLAIN, "x" },
		{ "--draft /n --check", CONF_CHECK, NULL },
		{ "--explain x --draft /n -f /c", CONF_EXPLAIN, "x" },
		{ "--adopt /n -f /c", CONF_ADOPT, "/n" },
		{ "--adopt /n", CONF_ADOPT, "/n" },
		{ "--map-test /t -m /r", CONF_MAP_TEST, "/t" },
		{ "--listen --user tftp --address :69 --secure --create "
		    "/srv/tftp", CONF_SERVE, NULL },
		{ "-4 -l -a 192.0.2.1:69 -B 1468 -c -p -P /run/t.pid -r "
		    "blksize -R 4096:4127 -s -t 900 -T 1000000 -u tftp -U 022 "
		    "-v -m /r /tftpboot", CONF_SERVE, NULL },
	};
	struct line l;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		parse(&l, rows[i].args);
		T_OK(l.ok && l.args.action == rows[i].action, rows[i].args);
		T_OK((l.args.argument == NULL) == (rows[i].argument == NULL),
		    rows[i].args);
		T_OK(rows[i].argument == NULL || strcmp(l.args.argument,
		    rows[i].argument) == 0, rows[i].args);
	}
	parse(&l, "--adopt /n");
	T_OK(strcmp(l.args.file, CONFFILE) == 0, "the default file");
	parse(&l, "--draft /n --print-config");
	T_OK(strcmp(l.args.file, CONFFILE) == 0 &&
	    strcmp(l.args.draft, "/n") == 0, "of the default file");
	parse(&l, "--map-test /t -m /r");
	T_OK(l.args.file == NULL, "rules alone can be tried");
	T_OK(l.args.draft == NULL, "without a draft");
}

/* What has no meaning here is noted, once. */
static void
test_idle(void)
{
	struct line l;

	parse(&l, "--systemd --validate --normalize=all --normalize "
	    "--window-bytes 4096 --systemd --path-prefix /x -f /c");
	T_OK(l.ok && l.args.idle_count == 5, "five of them");
	same(l.args.idle[0], "--systemd", "--systemd");
	same(l.args.idle[1], "--validate", "--validate");
	same(l.args.idle[2], "--normalize", "--normalize");
	same(l.args.idle[3], "--window-bytes", "--window-bytes");
	same(l.args.idle[4], "--path-prefix", "without a directory");
	parse(&l, "--path-prefix /x /d");
	T_OK(l.ok && l.args.idle_count == 0, "with a directory");
}

static void
test_wrong_lines(void)
{
	static const struct {
		const char *args, *why;
	} rows[] = {
		{ "-C --print-config /d",
		    "-C and --print-config exclude each other" },
		{ "--explain x --adopt y",
		    "--explain and --adopt exclude each other" },
		{ "--adopt y /d", "--adopt is about a file, not about /d" },
		{ "--draft y -f /c",
		    "--draft goes with -C, --print-config or --explain" },
		{ "--draft y --adopt z",
		    "--draft goes with -C, --print-config or --explain" },
		{ "--draft y --check /d",
		    "--draft is about a file, not about /d" },
		{ "-m /a -m /b /d", "Multiple -m options" },
		{ "-m /a --map-file /a /d", "Multiple -m options" },
		{ "tftpboot", "tftpboot: the directory's path must be "
		    "absolute" },
		{ "./tftpboot", "./tftpboot: the directory's path must be "
		    "absolute" },
		{ "/d tftpboot", "tftpboot: the directory's path must be "
		    "absolute" },
		{ "~", ": the directory's path must be absolute" },
		{ "-- -s", "-s: the directory's path must be absolute" },
		{ "-4 -6 /d", "-4 and -6 exclude each other" },
		{ "-46 /d", "-4 and -6 exclude each other" },
		{ "--ipv6 --ipv4 /d", "-4 and -6 exclude each other" },
		{ "-a 192.0.2.1 /d",
		    "-a needs -l or -L: otherwise the socket is given" },
		{ "--bogus /d", "--bogus: no such option" },
		{ "--re /d", "--re: several options begin so" },
		{ "--ver=3 /d", "--ver=3: several options begin so" },
		{ "-z /d", "-z: no such option" },
		{ "-zs /d", "-z: no such option" },
		{ "-sz /d", "-z: no such option" },
		{ "/d -z", "-z: no such option" },
		{ "-z -V", "-z: no such option" },
		{ "--create=yes /d", "--create=yes takes no value" },
		{ "/srv/../d", "/srv/../d: the directory's path may not have "
		    "\"..\"" },
		{ "/srv/..", "/srv/..: the directory's path may not have "
		    "\"..\"" },
		{ "--verbosity 10 /d", "--verbosity 10: 0..9" },
		{ "--verbosity -1 /d", "--verbosity -1: 0..9" },
		{ "--verbosity ~ /d", "--verbosity : 0..9" },
		{ "--verbosity=high /d", "--verbosity high: 0..9" },
		{ "--path-prefix x /d",
		    "--path-prefix x: the path must be absolute" },
		{ "/1 /2 /3 /4 /5 /6 /7 /8 /9 /10 /11 /12 /13 /14 /15 /16 "
		    "/17", "give at most 16 directories to serve, not 17" },
	};
	struct line l;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		parse(&l, rows[i].args);
		T_OK(!l.ok, rows[i].args);
		same(l.why, rows[i].why, rows[i].args);
	}
	if (access(CONFFILE, F_OK) == 0)
		return;
	parse(&l, "-s");
	T_OK(!l.ok, "nothing to serve");
	same(l.why, "give a directory to serve, or -f FILE; there is no "
	    CONFFILE, "both ways are said");
}

/* Every option with a value says so when there is none. */
static void
test_no_value(void)
{
	static const char *const names[] = { "-a", "-B", "-f", "-m", "-P",
		"-r", "-R", "-S", "-t", "-T", "-u", "-U", "-W", "--address",
		"--blocksize", "--config", "--mapfile", "--pidfile",
		"--refuse", "--port-range", "--service", "--timeout",
		"--retransmit", "--user", "--umask", "--windowsize",
		"--verbosity", "--log", "--max-upload", "--map-steps",
		"--map-test", "--explain", "--adopt", "--draft",
		"--window-bytes", "--path-prefix", "--sandbox" };
	struct line l;
	char args[64], want[64];
	size_t i;

	for (i = 0; i < COUNT(names); i++) {
		snprintf(args, sizeof(args), "/d %s", names[i]);
		snprintf(want, sizeof(want), "%s needs a value", names[i]);
		parse(&l, args);
		T_OK(!l.ok, names[i]);
		same(l.why, want, names[i]);
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
		T_OK(!conf_parse_args(&l.args, l.argc, l.argv, why, size),
		    "the verdict stays");
		T_OK(strlen(why) == (size <= strlen(whole) ? size - 1 :
		    strlen(whole)), "cut where the room ends");
		T_OK(strncmp(why, whole, strlen(why)) == 0, "its beginning");
		t_unguard(why, size);
	}
}

static void
test_many_options(void)
{
	char args[TEXT_MAX] = "/d";
	struct line l;
	int i;

	for (i = 0; i < CONF_OVERRIDES_MAX; i++)
		strcat(args, " -c");
	parse(&l, args);
	T_OK(l.ok, "as many as there is room for");
	strcat(args, " -c");
	parse(&l, args);
	T_OK(!l.ok, "one more");
	same(l.why, "-c: at most 64 such options", "is too many");
}

/* Whoever reads --help finds every option there. */
static void
test_usage(void)
{
	static const char *const words[] = { "-4 -6", "-a ", "-S ", "-l ",
		"-L", "-P ", "-s ", "-c ", "--read-only", "--max-upload",
		"-p ", "-U ", "-m ", "--map-steps", "-B ", "-W ", "-r ",
		"-R ", "-t ", "-T ", "-u ", "--log ", "-v ", "--verbosity",
		"--stderr", "-C ", "-f ", "--print-config", "--explain",
		"--adopt", "--map-test", "-V ", "-h ", "DIRECTORY" };
	const char *usage = conf_usage(), *line, *end, *at;
	size_t i;

	for (i = 0; i < COUNT(words); i++)
		T_OK(strstr(usage, words[i]) != NULL, words[i]);
	for (line = usage; *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		T_OK(end != NULL, "every line ends");
		if (end == NULL)
			return;
		/* the one with the path is as long as that */
		at = strstr(line, CONFFILE);
		T_OK(end - line < 80 || (at != NULL && at < end),
		    "it fits a terminal");
	}
}

/* ---- the values of options --------------------------------------------- */

struct option_row {
	const char *args;
	bool is_client;
	size_t offset, size;
	uint64_t value;
};

static void
test_option_values(void)
{
	static const struct option_row rows[] = {
		{ "-c", CLIENT(may_create), 1 },
		{ "-c", CLIENT(may_overwrite), 0 },
		{ "-c", CLIENT(may_write_o_w), 1 },
		{ "-c --read-only", CLIENT(may_create), 0 },
		{ "--read-only -c", CLIENT(may_create), 0 },
		{ "--read-only", CLIENT(may_write_o_w), 0 },
		{ "--read-only", CLIENT(max_upload), 0 },
		{ "--read-only --max-upload 1", CLIENT(max_upload), 0 },
		{ "-p", CLIENT(require_world_readable), 0 },
		{ "-p", CLIENT(umask), 022 },
		{ "-p -U 077", CLIENT(umask), 077 },
		{ "-U 022", CLIENT(umask), 022 },
		{ "-U 27", CLIENT(umask), 027 },
		{ "-U 0", CLIENT(umask), 0 },
		{ "-U 777", CLIENT(umask), 0777 },
		{ "-B 512", CLIENT(max_blksize), 512 },
		{ "-B 65464", CLIENT(max_blksize), 65464 },
		{ "-B 01428", CLIENT(max_blksize), 1428 },
		{ "-B 1428 -B mtu", CLIENT(max_blksize), CONF_BLKSIZE_AUTO },
		{ "-B mtu-40", CLIENT(mtu_less), 40 },
		{ "-B mtu-1024", CLIENT(mtu_less), 1024 },
		{ "-B mtu-40 -B 1428", CLIENT(mtu_less), 0 },
		{ "-W 16", CLIENT(max_windowsize), 16 },
		{ "-W 0", CLIENT(max_windowsize), 1 },
		{ "-t 900", WHOLE(linger_s), 900 },
		{ "-t 0", WHOLE(linger_s), CONF_FOR_EVER },
		{ "-t 2147483647", WHOLE(linger_s), 2147483647 },
		{ "-t 5 -t 6", WHOLE(linger_s), 6 },
		{ "-t 5m", WHOLE(linger_s), 300 },
		{ "-T 1000000", CLIENT(first_timeout_ms), 1000 },
		{ "-T 10000", CLIENT(first_timeout_ms), 10 },
		{ "-T 10999", CLIENT(first_timeout_ms), 10 },
		{ "-T 255000000", CLIENT(first_timeout_ms), 255000 },
		{ "-R 4096:4127", CLIENT(port_first), 4096 },
		{ "-R 4096:4127", CLIENT(port_last), 4127 },
		{ "-R 70:70", CLIENT(port_last), 70 },
		{ "-R 1:65535", CLIENT(port_last), 65535 },
		{ "-r blksize", CLIENT(refused_options),
		    1 << OPTIONS_BLKSIZE },
		{ "-r timeout", CLIENT(refused_options),
		    1 << OPTIONS_TIMEOUT },
		{ "-r tsize", CLIENT(refused_options), 1 << OPTIONS_TSIZE },
		{ "-r windowsize", CLIENT(refused_options),
		    1 << OPTIONS_WINDOWSIZE },
		{ "-r utimeout", CLIENT(refused_options),
		    1 << OPTIONS_UTIMEOUT },
		{ "-r blksize2", CLIENT(refused_options),
		    1 << OPTIONS_BLKSIZE2 },
		{ "-r rollover", CLIENT(refused_options),
		    1 << OPTIONS_ROLLOVER },
		{ "-r BlkSize -r tsize -r tsize", CLIENT(refused_options),
		    1 << OPTIONS_BLKSIZE | 1 << OPTIONS_TSIZE },
		{ "--refuse-all", CLIENT(refused_options), 127 },
		{ "--max-upload 123", CLIENT(max_upload), 123 },
		{ "--max-upload 2K", CLIENT(max_upload), 2048 },
		{ "--max-upload=3m", CLIENT(max_upload), 3145728 },
		{ "--max-upload 1T", CLIENT(max_upload), UINT64_C(1) << 40 },
		{ "--max-upload 9223372036854775807", CLIENT(max_upload),
		    INT64_MAX },
		{ "--max-upload 8388607T", CLIENT(max_upload),
		    UINT64_C(8388607) << 40 },
		{ "--map-steps 7", WHOLE(map_steps), 7 },
		{ "-s", WHOLE(is_absolute), 0 },
		{ "-s", WHOLE(is_hpa), 1 },
		{ "-L", WHOLE(listen), CONF_LISTEN_FOREGROUND },
		{ "-4", WHOLE(ipv4_only), 1 },
		{ "-6", WHOLE(ipv6_only), 1 },
		{ "-vv", WHOLE(verbosity), 2 },
		{ "--stderr", WHOLE(to_stderr), 1 },
		{ "-l -a :70", WHOLE(address_count), 1 },
	};
	char args[TEXT_MAX];
	struct made m;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		snprintf(args, sizeof(args), "%s @", rows[i].args);
		T_OK(make(&m, args) != NULL, args);
		same(m.said, "", args);
		T_OK(m.conf != NULL && field(m.conf, rows[i].is_client,
		    rows[i].offset, rows[i].size) == rows[i].value, args);
		drop(&m);
	}
}

#define SIZES	"bytes, or a number with K, M, G or T"
#define BLKSIZES "; allowed: 8 to 65464, or auto, mtu, or mtu-N with N up " \
	"to 1024"
#define RANGES	"; allowed: FIRST:LAST, both 1 to 65535, such as " \
	"\"4096:4127\", or \"\" for any"
#define LINGERS	"; allowed: whole seconds, or a number with s, m or h, or " \
	"forever"
#define RESENDS	"; allowed: 10 ms to 255 s: microseconds, 10000 to " \
	"255000000, or a number with ms or s"
#define OPTIONS	"; allowed: a list of blksize, timeout, tsize, windowsize, " \
	"utimeout, blksize2, rollover, or all"
#define NETS	"; allowed: networks such as \"192.0.2.0/24\" or " \
	"\"2001:db8::/32\""
#define DIRS	"; allowed: a list of directories, absolute paths"
#define NO_LOG	" is a directory or the like; allowed: the path of a file"
#define BELOW	" is below something that is no directory"

static void
test_wrong_values(void)
{
	static const struct {
		const char *args, *said;
	} rows[] = {
		{ "-B 7", "-B: \"7\" is out of range" BLKSIZES },
		{ "-B 65465", "-B: \"65465\" is out of range" BLKSIZES },
		{ "-B 18446744073709552128", "-B: \"18446744073709552128\" "
		    "is out of range" BLKSIZES },
		{ "-B -512", "-B: \"-512\" is no number" BLKSIZES },
		{ "-B +512", "-B: \"+512\" is no number" BLKSIZES },
		{ "-B 0x400", "-B: \"0x400\" is no number" BLKSIZES },
		{ "-B 1k", "-B: \"1k\" is no number" BLKSIZES },
		{ "-B ~", "-B: \"\" is no number" BLKSIZES },
		{ "-B mtux", "-B: \"mtux\" is no block size" BLKSIZES },
		{ "-B mtu-", "-B: \"mtu-\" is no block size" BLKSIZES },
		{ "-B mtu-1025", "-B: \"mtu-1025\" is no block size"
		    BLKSIZES },
		{ "-B mtu--1", "-B: \"mtu--1\" is no block size" BLKSIZES },
		{ "-R 4096", "-R: \"4096\" is no range of ports" RANGES },
		{ "-R 4096:", "-R: \"4096:\" is no range of ports" RANGES },
		{ "-R :4127", "-R: \":4127\" is no range of ports" RANGES },
		{ "-R 0:5", "-R: \"0:5\" is out of range" RANGES },
		{ "-R 6:5", "-R: \"6:5\" is reversed" RANGES },
		{ "-R 5:65536", "-R: \"5:65536\" is out of range" RANGES },
		{ "-R 1:2:3", "-R: \"1:2:3\" is no range of ports" RANGES },
		{ "-t x", "-t: \"x\" is no time" LINGERS },
		{ "-t ~", "-t: \"\" is no time" LINGERS },
		{ "-t -1", "-t: \"-1\" is no time" LINGERS },
		{ "-t 1.5", "-t: \"1.5\" has a unit that is not known"
		    LINGERS },
		{ "-t 2147483648", "-t: \"2147483648\" is out of range"
		    LINGERS },
		{ "-T 9999", "-T: \"9999\" is out of range" RESENDS },
		{ "-T 255000001", "-T: \"255000001\" is out of range"
		    RESENDS },
		{ "-U 8", "-U: \"8\" is no octal number; allowed: octal, 0 to "
		    "777" },
		{ "-U 1000", "-U: \"1000\" is out of range; allowed: octal, 0 "
		    "to 777" },
		{ "-U u=rwx", "-U: \"u=rwx\" is no number; allowed: octal, 0 "
		    "to 777" },
		{ "-W 65536", "-W: \"65536\" is out of range; allowed: 1 to "
		    "65535" },
		{ "--max-upload G", "--max-upload: \"G\" is no size; allowed: "
		    SIZES "; 0 allows no upload" },
		{ "--max-upload 1XB", "--max-upload: \"1XB\" has a unit that "
		    "is not known; allowed: " SIZES "; 0 allows no upload" },
		{ "--max-upload 1MBx", "--max-upload: \"1MBx\" has a unit "
		    "that is not known; allowed: " SIZES "; 0 allows no "
		    "upload" },
		{ "--max-upload 1Mi", "--max-upload: \"1Mi\" has a unit that "
		    "is not known; allowed: " SIZES "; 0 allows no upload" },
		{ "--max-upload 1B", "--max-upload: \"1B\" has a unit that "
		    "is not known; allowed: " SIZES "; 0 allows no upload" },
		{ "--max-upload MB", "--max-upload: \"MB\" is no size; "
		    "allowed: " SIZES "; 0 allows no upload" },
		{ "--max-upload 8388608TB", "--max-upload: \"8388608TB\" is "
		    "too large; allowed: " SIZES "; 0 allows no upload" },
		{ "--max-upload 8388608T", "--max-upload: \"8388608T\" is too "
		    "large; allowed: " SIZES "; 0 allows no upload" },
		{ "-r multicast", "-r: \"multicast\" is no option" OPTIONS },
		{ "-r tsize -r x -r y", "-r: \"x\" is no option" OPTIONS
		    "\n-r: \"y\" is no option" OPTIONS },
		{ "--log x", "--log: \"x\" is no absolute path; allowed: an "
		    "absolute path" },
		{ "--log @", "--log: log: \"@\"" NO_LOG },
		{ "--log @/t.conf/x", "--log: log: \"@/t.conf/x\"" BELOW },
		{ "-u no_such_user_", "-u: \"no_such_user_\" is no user of "
		    "this system; allowed: the name of a user" },
		{ "-m @/none", "-m: map-file: @/none: No such file or "
		    "directory" },
		{ "--map-steps 0", "--map-steps: \"0\" is out of range; "
		    "allowed: 1 to 2147483647" },
		{ "@/none", "command line: \"@/none\" cannot be served (No "
		    "such file or directory)" DIRS },
		{ "@/t.conf", "command line: \"@/t.conf\" cannot be served "
		    "(Not a directory)" DIRS },
		{ "-c --max-upload 0", "warning: -c: create is on, but "
		    "max-upload is 0, so there are no uploads" },
	};
	char args[TEXT_MAX];
	struct made m;
	size_t i;

	write_file("t.conf", "");
	for (i = 0; i < COUNT(rows); i++) {
		snprintf(args, sizeof(args), "%s @", rows[i].args);
		make(&m, args);
		T_OK((m.conf == NULL) == (m.report.errors != 0),
		    rows[i].args);
		same(m.said, rows[i].said, rows[i].args);
		drop(&m);
	}
}

/* ---- files: what is right ---------------------------------------------- */

static void
test_file_values(void)
{
	static const struct option_row rows[] = {
		{ "linger = 0", WHOLE(linger_s), 0 },
		{ "linger = 5m", WHOLE(linger_s), 300 },
		{ "linger = \"2H\"", WHOLE(linger_s), 7200 },
		{ "linger = 3000ms", WHOLE(linger_s), 3 },
		{ "linger = forever", WHOLE(linger_s), CONF_FOR_EVER },
		{ "max-transfers = 1", WHOLE(max_transfers), 1 },
		{ "max-transfers = 65536", WHOLE(max_transfers), 65536 },
		{ "max-transfers-per-client = 7",
		    WHOLE(max_transfers_per_client), 7 },
		{ "single-port = yes", WHOLE(single_port), 1 },
		{ "single-port = TRUE", WHOLE(single_port), 1 },
		{ "broadcast = on", WHOLE(broadcast), 1 },
		{ "broadcast = off", WHOLE(broadcast), 0 },
		{ "sandbox = prefer", WHOLE(sandbox), CONF_SANDBOX_PREFER },
		{ "sandbox = \"Require\"", WHOLE(sandbox),
		    CONF_SANDBOX_REQUIRE },
		{ "map-steps = 1", WHOLE(map_steps), 1 },
		{ "refuse-source-ports = {}", WHOLE(refused_port_count), 0 },
		{ "refuse-source-ports = {0, 65535}",
		    WHOLE(refused_port_count), 2 },
		{ "refuse-source-ports = 7", WHOLE(refused_port_count), 1 },
		{ "deny-clients = 10.0.0.0/8", WHOLE(deny_clients.count), 1 },
		{ "allow-clients = {\"10.0.0.0/8\", \"::1\", \"::/0\"}",
		    WHOLE(allow_clients.count), 3 },
		{ "allow-clients = \"10.0.0.0/8, ::1\"",
		    WHOLE(allow_clients.count), 2 },
		{ "case = fold", CLIENT(letter_case), CONF_CASE_FOLD },
		{ "case = lower", CLIENT(letter_case), CONF_CASE_LOWER },
		{ "symlinks = none", CLIENT(symlinks), CONF_SYMLINKS_NONE },
		{ "client-dir = ip", CLIENT(client_dir), CONF_CLIENT_DIR_IP },
		{ "client-dir = mac", CLIENT(client_dir),
		    CONF_CLIENT_DIR_MAC },
		{ "upload-names = unique create = yes", CLIENT(upload_names),
		    CONF_UPLOAD_UNIQUE },
		{ "read = no", CLIENT(may_read), 0 },
		{ "read = {no}", CLIENT(may_read), 0 },
		{ "create = yes", CLIENT(may_create), 1 },
		{ "overwrite = yes", CLIENT(may_overwrite), 1 },
		{ "read = yes   create = no   overwrite = yes",
		    CLIENT(may_overwrite), 1 },
		{ "require-world-readable = false",
		    CLIENT(require_world_readable), 0 },
		{ "max-read = 5T", CLIENT(max_read), UINT64_C(5) << 40 },
		{ "max-upload = \"2kib\"", CLIENT(max_upload), 2048 },
		{ "max-upload = 1MiB", CLIENT(max_upload), 1048576 },
		{ "max-upload = 10MB", CLIENT(max_upload), 10485760 },
		{ "max-upload = 10mb", CLIENT(max_upload), 10485760 },
		{ "max-upload = 3kB", CLIENT(max_upload), 3072 },
		{ "max-upload = 3KB", CLIENT(max_upload), 3072 },
		{ "max-read = 2GB", CLIENT(max_read), UINT64_C(2) << 30 },
		{ "max-read = 2TB", CLIENT(max_read), UINT64_C(2) << 40 },
		{ "min-free = 0", CLIENT(min_free), 0 },
		{ "umask = \"077\"", CLIENT(umask), 077 },
		{ "umask = 0", CLIENT(umask), 0 },
		{ "max-blksize = 8", CLIENT(max_blksize), 8 },
		{ "max-blksize = \"1200\"", CLIENT(max_blksize), 1200 },
		{ "max-blksize = auto", CLIENT(max_blksize),
		    CONF_BLKSIZE_AUTO },
		{ "max-blksize = auto-32", CLIENT(mtu_less), 32 },
		{ "max-blksize = MTU-32", CLIENT(mtu_less), 32 },
		{ "max-windowsize = 65535", CLIENT(max_windowsize), 65535 },
		{ "refuse-options = {tsize, \"BLKSIZE\"}",
		    CLIENT(refused_options), 1 << OPTIONS_TSIZE |
		    1 << OPTIONS_BLKSIZE },
		{ "refuse-options = all", CLIENT(refused_options), 127 },
		{ "refuse-options = {}", CLIENT(refused_options), 0 },
		{ "port-range = \"4096:4127\"", CLIENT(port_last), 4127 },
		{ "port-range = 4096:4127", CLIENT(port_first), 4096 },
		{ "port-range = \"\"", CLIENT(port_first), 0 },
		{ "give-up = 1", CLIENT(give_up_ms), 1000 },
		{ "give-up = 1500ms", CLIENT(give_up_ms), 1500 },
		{ "give-up = 24h", CLIENT(give_up_ms), 86400000 },
		{ "adaptive = no", CLIENT(adaptive), 0 },
		{ "retransmit = 500000", CLIENT(first_timeout_ms), 500 },
		{ "retransmit = 255s", CLIENT(first_timeout_ms), 255000 },
		{ "retransmit = 10ms", CLIENT(first_timeout_ms), 10 },
		{ "strip-prefix = {}", CLIENT(strip_prefix.count), 0 },
		{ "strip-prefix += {\"/x\"}", CLIENT(strip_prefix.count),
		    1 },
		{ "strip-prefix = {\"/x\"} strip-prefix += \"/y\"",
		    CLIENT(strip_prefix.count), 2 },
		{ "strip-prefix = {} strip-prefix += {\"/x\", \"/y\",}",
		    CLIENT(strip_prefix.count), 2 },
		{ "deny-files = { # a comment\n\"*.a\", // another\n"
		    "/* and */ 'b' }", CLIENT(deny_files.count), 2 },
		{ "map-rules = {}", CLIENT(map), 0 },
		{ "map-file = \"\"", CLIENT(map), 0 },
		{ "client 10.0.0.0/8 { }", WHOLE(section_count), 1 },
		{ "client '10.0.0.0/8 , ::1' { } client ::2 {}",
		    WHOLE(section_count), 2 },
		{ "\357\273\277read = no", CLIENT(may_read), 0 },
		{ "read\r\n=\r\nno\r\n", CLIENT(may_read), 0 },
		{ "log = \"${X:-/l}\"", WHOLE(user), 0 },
	};
	char text[TEXT_MAX];
	struct made m;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		snprintf(text, sizeof(text), "%s\nroot = \"@\"\n",
		    rows[i].args);
		T_OK(make_file(&m, text, "") != NULL, rows[i].args);
		same(m.said, "", rows[i].args);
		T_OK(m.conf != NULL && field(m.conf, rows[i].is_client,
		    rows[i].offset, rows[i].size) == rows[i].value,
		    rows[i].args);
		drop(&m);
	}
}

/* Lists and texts: as they are printed again. */
static void
test_file_lists(void)
{
	static const struct {
		const char *text, *line;
	} rows[] = {
		{ "user = \"\"", "user = \"\"" },
		{ "log = /var/x", "log = \"/var/x\"" },
		{ "log = '/a b'", "log = \"/a b\"" },
		{ "log = '/a\\b$'", "log = \"/a\\\\b\\$\"" },
		{ "log = \"/a\\\\b\\$\\\"\\x41\"",
		    "log = \"/a\\\\b\\$\\\"A\"" },
		{ "log = \"/${NO:-a}${NO:-\\$x'}\"",
		    "log = \"/a\\\\\\$x'\"" },
		{ "log = ${NO:-/a}", "log = \"/a\"" },
		{ "log = \"/a\\\nb\"", "log = \"/ab\"" },
		{ "log = \"/a//b#c/*d\"", "log = \"/a//b#c/*d\"" },
		{ "log = \"/\303\244\"", "log = \"/\303\244\"" },
		{ "refuse-source-ports = {7, 7, 0}",
		    "refuse-source-ports = {7, 7, 0}" },
		{ "allow-clients = {10.0.0.7, ::ffff:10.0.0.0/104}",
		    "allow-clients = {\"10.0.0.7/32\", \"10.0.0.0/8\"}" },
		{ "root = {@/., @/}", "root = {\"@\", \"@\"}" },
		{ "root = {\"@\",\n\"@//a/./\"}", "root = {\"@\", \"@/a\"}" },
		{ "root = \"/\"", "root = {\"/\"}" },
		{ "upload-root = \"\"", "upload-root = \"\"" },
		{ "upload-root = \"@/a\"", "upload-root = \"@/a\"" },
		{ "strip-prefix = {/x//y/, 'a\\b'}",
		    "strip-prefix = {\"/x/y\", \"/a/b\"}" },
		{ "allow-extensions = {.bin, tar.gz, \"\", ..x}",
		    "allow-extensions = {\"bin\", \"tar.gz\", \"\", "
		    "\".x\"}" },
		{ "deny-files = {'*.key', \"private/*\", '[!a-z]?'}",
		    "deny-files = {\"*.key\", \"private/*\", "
		    "\"[!a-z]?\"}" },
		{ "refuse-options = {rollover, utimeout}",
		    "refuse-options = {utimeout, rollover}" },
		{ "refuse-options = all", "refuse-options = {blksize, "
		    "timeout, tsize, windowsize, utimeout, blksize2, "
		    "rollover}" },
		{ "max-read = 1048577", "max-read = 1048577" },
		{ "max-read = 1048576", "max-read = 1M" },
		{ "max-read = 2048T", "max-read = 2048T" },
		{ "give-up = 1500ms", "give-up = 1500ms" },
		{ "give-up = 60", "give-up = 60s" },
		{ "retransmit = 10999", "retransmit = 10ms" },
		{ "umask = 7", "umask = 007" },
		{ "map-rules = 'r a b'", "\t\"r a b\"" },
		{ "map-rules = {'r ^x \\0', \"r \\\\\\\\ /\"}",
		    "\t\"r \\\\\\\\ /\"" },
	};
	char text[TEXT_MAX], *print;
	struct made m;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		snprintf(text, sizeof(text), "%s\n%s", rows[i].text,
		    strncmp(rows[i].text, "root", 4) == 0 ? "" :
		    "root = \"@\"\n");
		T_OK(make_file(&m, text, "") != NULL, rows[i].text);
		same(m.said, "", rows[i].text);
		if (m.conf == NULL)
			continue;
		print = printed(m.conf, false, false);
		if (!has_line(print, rows[i].line))
			fprintf(stderr, "\n%s\n", print);
		T_OK(has_line(print, rows[i].line), rows[i].text);
		free(print);
		drop(&m);
	}
}

/* ---- files: what is wrong ---------------------------------------------- */

struct wrong {
	const char *text, *said;
};

/* "%:" stands for "@/t.conf:". */
static void
check_wrong(const struct wrong *rows, size_t count)
{
	char want[SAID_MAX], text[TEXT_MAX];
	struct made m;
	size_t i;

	for (i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%s%s", rows[i].text,
		    strstr(rows[i].text, "root") != NULL ? "" :
		    "\nroot = \"@\"\n");
		replace(want, sizeof(want), rows[i].said, "%:", "@/t.conf:");
		make_file(&m, text, "");
		T_OK((m.conf == NULL) == (m.report.errors != 0),
		    rows[i].text);
		same(m.said, want, rows[i].text);
		drop(&m);
	}
}

static void
test_wrong_keys(void)
{
	static const struct wrong rows[] = {
		{ "max-transfers = 0", "%:1: max-transfers: \"0\" is out of "
		    "range; allowed: 1 to 65536" },
		{ "\nmax-transfers = 65537", "%:2: max-transfers: \"65537\" "
		    "is out of range; allowed: 1 to 65536" },
		{ "max-transfers-per-client = many", "%:1: "
		    "max-transfers-per-client: \"many\" is no number; "
		    "allowed: 1 to 65536, or 0 for no limit" },
		{ "user = no_such_user_", "%:1: user: \"no_such_user_\" is no "
		    "user of this system; allowed: the name of a user" },
		{ "user = \"a\\nb\"", "%:1: user: \"a?b\" has a control byte; "
		    "allowed: the name of a user" },
		{ "user = {}", "%:1: user: there is no value; allowed: one "
		    "value, the name of a user" },
		{ "user = {a, b}", "%:1: user: there are several values; "
		    "allowed: one value, the name of a user" },
		{ "linger = 500ms", "%:1: linger: \"500ms\" is too fine"
		    LINGERS },
		{ "linger = 5x", "%:1: linger: \"5x\" has a unit that is not "
		    "known" LINGERS },
		{ "refuse-source-ports = {1,\n70000,\n-1}", "%:2: "
		    "refuse-source-ports: \"70000\" is no port; allowed: a "
		    "list of ports, 0 to 65535\n%:3: refuse-source-ports: "
		    "\"-1\" is no port; allowed: a list of ports, 0 to "
		    "65535" },
		{ "single-port = 1", "%:1: single-port: \"1\" is neither yes "
		    "nor no; allowed: yes or no" },
		{ "allow-clients = {\"10.0.0.1/8\",\n\"x\", \"::/129\"}",
		    "%:1: allow-clients: \"10.0.0.1/8\" " NO_HOST_BITS
		    "10.0.0.0/8\n%:2: allow-clients: \"x\" is no network" NETS
		    "\n%:2: allow-clients: \"::/129\" has a prefix that is "
		    "out of range" NETS },
		{ "deny-clients = \"10.0.0.0/8,,\"", "%:1: deny-clients: "
		    "\"\" is no network" NETS "\n%:1: deny-clients: \"\" is "
		    "no network" NETS },
		{ "log = x", "%:1: log: \"x\" is no absolute path; allowed: "
		    "an absolute path" },
		{ "log = \"\"", "%:1: log: \"\" is no absolute path; allowed: "
		    "an absolute path" },
		{ "sandbox = off", "%:1: sandbox: \"off\" is no value of this "
		    "key; allowed: require or prefer" },
		{ "map-steps = -1", "%:1: map-steps: \"-1\" is no number; "
		    "allowed: 1 to 2147483647" },
		{ "root = {}", "%:1: root: there is none; allowed: 1 to 16 "
		    "directories" },
		{ "root = {\n\"x\",\n\"@\",\n\"/a/../b\"}", "%:2: root: \"x\" "
		    "is no absolute path" DIRS "\n%:4: root: \"/a/../b\" has "
		    "a \"..\" component" DIRS },
		{ "root = \"@/none\"", "%:1: root: \"@/none\" cannot be "
		    "served (No such file or directory)" DIRS },
		{ "root = \"@/t.conf\"", "%:1: root: \"@/t.conf\" cannot be "
		    "served (Not a directory)" DIRS },
		{ "root = {\"@\", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, "
		    "14, 15, 16}", "%:1: root: there are too many; allowed: 1 "
		    "to 16 directories" },
		{ "root=\"@\" upload-root = up", "%:1: upload-root: \"up\" is "
		    "no absolute path; allowed: a directory, an absolute "
		    "path, or \"\" for the first root" },
		{ "strip-prefix = {\"/\", \"a/..\", \"\"}", "%:1: "
		    "strip-prefix: \"/\" is no directory of a name; allowed: "
		    "a list of directories such as \"/tftpboot\"\n%:1: "
		    "strip-prefix: \"a/..\" has a \"..\" component; allowed: "
		    "a list of directories such as \"/tftpboot\"\n%:1: "
		    "strip-prefix: \"\" is no directory of a name; allowed: a "
		    "list of directories such as \"/tftpboot\"" },
		{ "case = upper", "%:1: case: \"upper\" is no value of this "
		    "key; allowed: exact, fold or lower" },
		{ "case = exac", "%:1: case: \"exac\" is no value of this "
		    "key; allowed: exact, fold or lower" },
		{ "symlinks = yes", "%:1: symlinks: \"yes\" is no value of "
		    "this key; allowed: inside or none" },
		{ "client-dir = \"\"", "%:1: client-dir: \"\" is no value of "
		    "this key; allowed: none, ip or mac" },
		{ "upload-names = new", "%:1: upload-names: \"new\" is no "
		    "value of this key; allowed: as-is or unique" },
		{ "read = maybe", "%:1: read: \"maybe\" is neither yes nor "
		    "no; allowed: yes or no" },
		{ "allow-extensions = {\"a/b\"}", "%:1: allow-extensions: "
		    "\"a/b\" has a slash; allowed: a list of endings of names "
		    "such as \"bin\" or \"tar.gz\"" },
		{ "deny-files = {\"\", \"/x\"}", "%:1: deny-files: \"\" "
		    "matches nothing; allowed: a list of patterns such as "
		    "\"*.key\" or \"private/*\"\n%:1: deny-files: \"/x\" "
		    "matches nothing: names are looked at without the slash "
		    "in front; allowed: a list of patterns such as \"*.key\" "
		    "or \"private/*\"" },
		{ "max-read = 1.5G", "%:1: max-read: \"1.5G\" has a unit that "
		    "is not known; allowed: " SIZES "; 0 is no limit" },
		{ "min-free = lots", "%:1: min-free: \"lots\" is no size; "
		    "allowed: " SIZES },
		{ "min-free = 1 G", "%:1: G: no such key; tftpd.conf(5) has "
		    "them all" },
		{ "umask = 0o22", "%:1: umask: \"0o22\" is no number; "
		    "allowed: octal, 0 to 777" },
		{ "max-blksize = 7", "%:1: max-blksize: \"7\" is out of range"
		    BLKSIZES },
		{ "max-windowsize = 0", "%:1: max-windowsize: \"0\" is out of "
		    "range; allowed: 1 to 65535" },
		{ "refuse-options = {tsize, foo}", "%:1: refuse-options: "
		    "\"foo\" is no option" OPTIONS },
		{ "port-range = 5:4", "%:1: port-range: \"5:4\" is reversed"
		    RANGES },
		{ "give-up = 0", "%:1: give-up: \"0\" is out of range; "
		    "allowed: 1 second to 24 hours: seconds, or a number with "
		    "ms, s, m or h" },
		{ "give-up = 1500us", "%:1: give-up: \"1500us\" is out of "
		    "range; allowed: 1 second to 24 hours: seconds, or a "
		    "number with ms, s, m or h" },
		{ "retransmit = 9ms", "%:1: retransmit: \"9ms\" is out of "
		    "range" RESENDS },
		{ "map-rules = \"r a b\\nr c d\"", "%:1: map-rules: \"r a b?r "
		    "c d\" has a line end; allowed: a list of rules as in a "
		    "map file, such as 'r ^[^/] /x/\\0'" },
		{ "map-file = none", "%:1: map-file: @/none: No such file or "
		    "directory" },
	};

	check_wrong(rows, COUNT(rows));
}

static void
test_wrong_syntax(void)
{
	static const struct wrong rows[] = {
		{ "max-blksze = 5", "%:1: max-blksze: no such key; did you "
		    "mean max-blksize?" },
		{ "\n\nmax_blksize = 5", "%:3: max_blksize: no such key; did "
		    "you mean max-blksize?" },
		{ "Root = 5", "%:1: Root: no such key; did you mean root?" },
		{ "clients \"x\" {}", "%:1: clients: no such key; did you "
		    "mean client?" },
		{ "inlcude(\"x\")", "%:1: inlcude: no such key; did you mean "
		    "include?" },
		{ "xyzzy = 5", "%:1: xyzzy: no such key; tftpd.conf(5) has "
		    "them all" },
		{ "client \"10.0.0.0/8\" {\n\n linger = 5 }", "%:3: linger: "
		    "this key is for the whole server and cannot stand in a "
		    "client section" },
		{ "client \"10.0.0.0/8\" {\n client \"10.0.0.0/9\" { } }",
		    "%:2: client: a section cannot stand in another one; is a "
		    "} missing?" },
		{ "client \"10.0.0.0/8\" {\n raed = no }", "%:2: raed: no "
		    "such key; did you mean read?" },
		{ "client \"10.0.0.0/8\" {\n read = no\nclient \"::/0\" { }",
		    "%:1: this { is never closed\n%:3: client: a section "
		    "cannot stand in another one; is a } missing?" },
		{ "root = \"@\"\nclient\n\"10.0.0.0/8\"\n{\n read = no",
		    "%:4: this { is never closed" },
		{ "client { read = no }", "%:1: missing title for section "
		    "'client'" FORM },
		{ "client \"10.0.0.0/8\" read = no", "%:1: missing opening "
		    "brace for section 'client'" FORM },
		{ "client \"10.0.0.0/8\" { } client|read = no", "%:1: a key "
		    "cannot have a | in its name" },
		{ "read", "%:2: missing equal sign after option 'read'"
		    FORM },
		{ "read == no", "%:1: unexpected token '='"
		    FORM },
		{ "read = no, create = no", "%:1: unexpected token ','"
		    FORM },
		{ "read = no }", "%:1: unexpected closing brace" FORM },
		{ "deny-files = {a b}", "%:1: unexpected token 'b'"
		    FORM },
		{ "deny-files = {,}", "%:1: unexpected token ','"
		    FORM },
		{ "deny-files = {{a}}", "%:1: unexpected token '{'"
		    FORM },
		{ "deny-files {a}", "%:1: missing equal sign after option "
		    "'deny-files'" FORM },
		{ "root = \"@\" deny-files =", "%:1: the file ends in the "
		    "middle of a key" },
		{ "deny-files = *.bak", "%:1: a * must stand in quotes" },
		{ "deny-files = /x/*", "%:1: a * must stand in quotes\n%:1: "
		    "deny-files: \"/x/_\" matches nothing: names are looked "
		    "at without the slash in front; allowed: a list of "
		    "patterns such as \"*.key\" or \"private/*\"" },
		{ "deny-files = a+b", "%:1: a + must stand in quotes" },
		{ "root = '@'\nlog = \"/abc\n\n", "%:2: this quote is never "
		    "closed" },
		{ "log = '/abc", "%:1: this quote is never closed" },
		{ "\n/* abc\n\n", "%:2: this comment never ends; it needs a "
		    "*/" },
		{ "log = \"/a\\.b\"", "%:1: \\. between double quotes is none "
		    "of \\\\ \\\" \\$ \\n \\t \\xHH; a backslash is \\\\, or "
		    "use '...', where only \\\\ and \\' are escapes" },
		{ "map-rules = \"r (a) \\1\"", "%:1: \\1 between double "
		    "quotes is not a digit of a map rule but a byte; a "
		    "backslash is \\\\, or use '...', where only \\\\ and "
		    "\\' are escapes" },
		{ "log = \"/a\\x\"", "%:1: \\x between double quotes needs "
		    "two hexadecimal digits; a backslash is \\\\, or use "
		    "'...', where only \\\\ and \\' are escapes" },
		{ "log = \"/a\\x00b\"", "%:1: a text cannot have a NUL "
		    "byte" },
		{ "log = \"/a\001b\"", "%:1: byte 0x01; control bytes are "
		    "written \\x01 in double quotes" },
		{ "\001 read = no", "%:1: byte 0x01; control bytes are "
		    "written \\x01 in double quotes" },
		{ "include(\"a\" \"b\")", "%:1: what stands in ( ) must be "
		    "one name in quotes, include(\"FILE\")" },
		{ "include(\"a\", \"b\")", "%:1: include needs the name of "
		    "one file" },
		{ "include(\"\")", "%:1: include needs the name of one "
		    "file" },
		{ "include()", "%:1: include needs the name of one file" },
		{ "include \"a\"", "%:1: missing parenthesis for function "
		    "'include'" FORM },
		{ "root = \"@\" include(\"a\"", "%:1: this ( is never "
		    "closed" },
	};

	check_wrong(rows, COUNT(rows));
}

static void
test_wrong_together(void)
{
	static const struct wrong rows[] = {
		{ "read = yes\nread = no", "warning: %:2: read: it stands in "
		    "line 1, too; the last one counts" },
		{ "client ::1 {\nread = yes\n\nread = no }", "warning: %:4: "
		    "read: it stands in line 2, too; the last one counts" },
		{ "deny-files = a\ndeny-files = {}", "warning: %:2: "
		    "deny-files: it stands in line 1, too; the last one "
		    "counts" },
		{ "read = yes client ::1 { read = no } create = no", "" },
		{ "create = yes\nmax-upload = 0", "warning: %:2: create is "
		    "on, but max-upload is 0, so there are no uploads" },
		{ "max-upload = 0\n\noverwrite = yes", "warning: %:3: "
		    "overwrite is on, but max-upload is 0, so there are no "
		    "uploads" },
		{ "max-upload = 0\nclient ::1 {\ncreate = yes }", "warning: "
		    "%:3: create is on, but max-upload is 0, so there are no "
		    "uploads" },
		{ "upload-names = unique\noverwrite = yes", "warning: %:2: "
		    "upload-names = unique needs create = yes; with overwrite "
		    "alone there are no uploads" },
		{ "max-transfers-per-client = 20\nmax-transfers = 10",
		    "warning: %:2: max-transfers-per-client, 20, is more than "
		    "max-transfers, 10" },
		{ "single-port = yes\nport-range = \"4096:4127\"",
		    "warning: %:2: port-range has no meaning with "
		    "single-port" },
		{ "port-range = \"4096:4127\"\n\nsingle-port = yes",
		    "warning: %:3: port-range has no meaning with "
		    "single-port" },
		{ "port-range = \"4096:4127\"\nsingle-port = no", "" },
		{ "single-port = yes\nport-range = \"\"", "" },
		{ "allow-clients = {}", "warning: %:1: allow-clients: the "
		    "list is empty, so nobody may ask" },
		{ "client 10.0.0.0/8 { }\nclient ::ffff:10.0.0.0/104 { }",
		    "%:2: client: 10.0.0.0/8 stands in @/t.conf:1, too" },
		{ "client \"10.0.0.0/8, ::1, 10.0.0.0/8\" { }", "%:1: client: "
		    "10.0.0.0/8 stands in @/t.conf:1, too" },
		{ "client \"x\" { }\n\nclient\n\"10.0.0.1/8\"\n{ read = ja }",
		    "%:1: client: \"x\" is no network" NETS "\n%:3: client: "
		    "\"10.0.0.1/8\" " NO_HOST_BITS "10.0.0.0/8\n%:5: read: "
		    "\"ja\" is neither yes nor no; allowed: yes or no" },
		{ "map-rules = 'r a b'\nmap-file = \"x\"", "%:2: map-file: "
		    "map-rules stand in line 1; only one of the two can be "
		    "used" },
		{ "map-file = \"x\" client ::1 {\nmap-file = \"x\"\n"
		    "map-rules = 'r a b' }", "%:1: map-file: @/x: No such "
		    "file or directory\n%:2: map-file: map-rules stand in "
		    "line 3; only one of the two can be used" },
		{ "log = \"/a${HOME}\" user = ${X}", "warning: %:1: ${HOME} "
		    "is empty: the environment is not read; \\$ in double "
		    "quotes is a $\nwarning: %:1: ${X} is empty: the "
		    "environment is not read; \\$ in double quotes is a $" },
		/* all of them in one run, each with its line */
		{ "# a\n/* b\n c */ read = 1 // d\ndeny-files = {\n \"a\", "
		    "# e\n \"\",\n /* f */ \"/\" }\nclient \"x\" { # g\n"
		    "create = 2\n}\nmax-upload = 3X\n", "%:3: read: \"1\" is "
		    "neither yes nor no; allowed: yes or no\n%:6: deny-files: "
		    "\"\" matches nothing; allowed: a list of patterns such "
		    "as \"*.key\" or \"private/*\"\n%:7: deny-files: \"/\" "
		    "matches nothing: names are looked at without the slash "
		    "in front; allowed: a list of patterns such as \"*.key\" "
		    "or \"private/*\"\n%:11: max-upload: \"3X\" has a unit "
		    "that is not known; allowed: " SIZES "; 0 allows no "
		    "upload\n%:8: client: \"x\" is no network" NETS "\n%:9: "
		    "create: \"2\" is neither yes nor no; allowed: yes or "
		    "no" },
		/* what was read till libconfuse stopped is looked at, too */
		{ "read = 1\nraed = 2\ncreate = 3", "%:2: raed: no such key; "
		    "did you mean read?\n%:1: read: \"1\" is neither yes nor "
		    "no; allowed: yes or no" },
	};

	check_wrong(rows, COUNT(rows));
}

/* A log that can never be made is found before the first transfer. */
static void
test_log(void)
{
	static const struct wrong rows[] = {
		{ "log = \"@/a\"", "%:1: log: \"@/a\"" NO_LOG },
		{ "\nlog = \"@/a/\"", "%:2: log: \"@/a/\"" NO_LOG },
		{ "log = \"@/none/\"", "%:1: log: \"@/none/\"" NO_LOG },
		{ "log = \"/\"", "%:1: log: \"/\"" NO_LOG },
		{ "log = /dev/null", "%:1: log: \"/dev/null\"" NO_LOG },
		{ "log = \"@/fifo\"", "%:1: log: \"@/fifo\"" NO_LOG },
		{ "log = \"@/rules/x\"", "%:1: log: \"@/rules/x\"" BELOW },
		{ "log = \"@/rules/x/y\"", "%:1: log: \"@/rules/x/y\""
		    BELOW },
		{ "log = \"@/rules\"", "" },
		{ "log = \"@/a/none\"", "" },
		/* a directory may be made later */
		{ "log = \"@/none/x\"", "" },
		{ "log = \"/none\"", "" },
	};

	if (mkfifo(path_of("fifo"), 0600) == -1)
		abort();
	check_wrong(rows, COUNT(rows));
}

static void
test_no_root(void)
{
	struct made m;

	if (access(TFTPROOT, F_OK) == 0)
		return;
	write_file("t.conf", "read = yes");
	make(&m, "-f @/t.conf");
	same(m.said, "@/t.conf: root: none is given, and " TFTPROOT " cannot "
	    "be served (No such file or directory); it is written root = "
	    "{\"DIR\"}", "no root");
	drop(&m);
	T_OK(make(&m, "-f @/t.conf @") != NULL, "but on the command line");
	T_OK(!m.conf->is_hpa, "it is the file's form");
	drop(&m);
}

static void
test_many_dirs(void)
{
	char text[8192] = "root = \"@\"\n", dir[64];
	struct made m;
	int i;

	for (i = 0; i < CONF_DIRS_MAX; i++) {
		snprintf(dir, sizeof(dir), "many%d", i);
		(void)mkdir(path_of(dir), 0755);
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "client 10.0.0.%d { root = \"@/many%d\" }\n", i, i);
		make_file(&m, text, "");
		if (i < CONF_DIRS_MAX - 1) {
			T_OK(m.conf != NULL, "32 directories");
			T_OK(m.conf->dir_count == (unsigned)i + 2, "are kept");
		}
		drop(&m);
	}
	same(m.said, "@/t.conf:33: root: \"@/many31\" is one more than the 32 "
	    "different directories that can be served" DIRS, "and no 33rd");
}

static void
test_many_sections(void)
{
	static char text[64 * 1026];
	struct made m;
	int i, len = 0;

	for (i = 0; i <= 1024; i++)
		len += sprintf(text + len, "client 10.%d.%d.0 {}\n", i / 256,
		    i % 256);
	len += sprintf(text + len, "root = \"%s\"\n", folder);
	write_bytes("t.conf", text, (size_t)len);
	make(&m, "-f @/t.conf");
	same(m.said, "@/t.conf:1025: client: there are more than 1024 "
	    "sections", "they are counted");
	drop(&m);
	len = sprintf(text, "root = \"%s\" client \"::1", folder);
	for (i = 0; i < 4096; i++)
		len += sprintf(text + len, ",::1:%x", i);
	strcpy(text + len, "\" {}");
	write_bytes("t.conf", text, strlen(text));
	make(&m, "-f @/t.conf");
	same(m.said, "@/t.conf:1: client: there are more than 4096 networks",
	    "and networks");
	drop(&m);
}

/* ---- includes ---------------------------------------------------------- */

static void
test_include(void)
{
	struct made m;

	(void)mkdir(path_of("sub"), 0755);
	write_file("sub/a.conf", "# a\n\nread = no\ninclude(\"b.conf\")\n"
	    "create = yes\nclient ::2 { read = yes }");
	write_file("sub/b.conf", "linger = 5\nlog = ja\n");
	make_file(&m, "root = \"@\"\nread = yes # c\ninclude(\"sub/a.conf\")\n"
	    "overwrite = ja\nclient ::1 {\n case = fold\n"
	    "include(\"@/sub/c.conf\") symlinks = no }\nmax-upload = x", "");
	same(m.said, "@/t.conf:7: include: @/sub/c.conf: No such file or "
	    "directory\n@/sub/b.conf:2: log: \"ja\" is no absolute path; "
	    "allowed: an absolute path\n@/t.conf:4: overwrite: \"ja\" is "
	    "neither yes nor no; allowed: yes or no", "lines and files");
	T_OK(m.report.files.count == 4, "the files are known, though");
	same(m.report.files.items[3], path_of("sub/c.conf"), "the missing");
	drop(&m);

	write_file("sub/b.conf", "linger = 5");
	write_file("sub/c.conf", "read = yes\n\ncase = lower");
	make_file(&m, "root = \"@\"\nread = yes # c\ninclude(\"sub/a.conf\")\n"
	    "overwrite = yes\nclient ::1 {\n case = fold\n"
	    "include(\"@/sub/c.conf\") symlinks = none }\n", "");
	same(m.said, "", "a key of an included file is no second one");
	T_OK(m.conf != NULL && m.conf->linger_s == 5, "deep values");
	T_OK(!m.conf->values.may_read && m.conf->values.may_create &&
	    m.conf->values.may_overwrite, "the last one counts");
	T_OK(m.conf->section_count == 2, "sections from both");
	T_OK(values_for(m.conf, "::1")->letter_case == CONF_CASE_LOWER &&
	    values_for(m.conf, "::1")->may_read &&
	    values_for(m.conf, "::1")->symlinks == CONF_SYMLINKS_NONE,
	    "an include in a section");
	T_OK(m.conf->files.count == 4, "all files");
	drop(&m);
}

static void
test_include_wrong(void)
{
	char text[TEXT_MAX], name[32];
	struct made m;
	int i;

	write_file("self.conf", "\ninclude(\"self.conf\")");
	make_file(&m, "root = \"@\" include(\"self.conf\")", "");
	same(m.said, "@/self.conf:2: include: @/self.conf includes itself",
	    "a loop");
	drop(&m);
	write_file("self.conf", "include(\"t.conf\")");
	make_file(&m, "root = \"@\" include(\"self.conf\")", "");
	same(m.said, "@/self.conf:1: include: @/t.conf includes itself",
	    "a loop of two");
	drop(&m);
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "deep%d.conf", i);
		snprintf(text, sizeof(text), "include(\"deep%d.conf\")",
		    i + 1);
		write_file(name, text);
	}
	make_file(&m, "root = \"@\" include(\"deep0.conf\")", "");
	same(m.said, "@/deep7.conf:1: include: files are included 8 deep, "
	    "which is the most", "too deep");
	drop(&m);
	write_file("bad.conf", "read = no\n}\n");
	make_file(&m, "root = \"@\"\nclient ::1 { include(\"bad.conf\") }",
	    "");
	same(m.said, "@/bad.conf:2: unexpected closing brace" FORM,
	    "a file cannot end the section that includes it");
	drop(&m);
	write_file("bad.conf", "client ::1 {");
	make_file(&m, "root = \"@\"\ninclude(\"bad.conf\") }", "");
	same(m.said, "@/bad.conf:1: this { is never closed\n@/t.conf:2: "
	    "unexpected closing brace" FORM, "nor leave one open");
	drop(&m);
	make_file(&m, "root = \"@\"\ninclude(\"@\")", "");
	same(m.said, "@/t.conf:2: include: @: it is no regular file",
	    "a folder");
	drop(&m);
	make_file(&m, "root = \"@\"\ninclude(\"~/x\")", "");
	same(m.said, "@/t.conf:2: include: @/~/x: No such file or directory",
	    "~ is a name as others");
	drop(&m);
}

static void
test_include_many(void)
{
	static char text[300 * 24];
	struct made m;
	int i;

	write_file("empty.conf", "");
	strcpy(text, "root = \"@\"\n");
	for (i = 0; i < 257; i++)
		strcat(text, "include(\"empty.conf\")\n");
	make_file(&m, text, "");
	same(m.said, "@/t.conf:258: include: these are too many files: 256, "
	    "or 8 MiB, are the most", "it is bounded");
	T_OK(m.report.files.count == 2, "a file is noted once");
	drop(&m);
}

/* ---- the file itself --------------------------------------------------- */

static void
test_file_bad(void)
{
	static char big[1024 * 1024 + 2];
	struct made m;

	make(&m, "-f @/none.conf");
	same(m.said, "@/none.conf: No such file or directory", "no file");
	T_OK(m.report.files.count == 1, "whoever waits for it knows it");
	drop(&m);
	make(&m, "-f @");
	same(m.said, "@: it is no regular file", "a folder");
	drop(&m);
	(void)mkfifo(path_of("fifo"), 0644);
	make(&m, "-f @/fifo");
	same(m.said, "@/fifo: it is no regular file", "nobody waits for it");
	drop(&m);
	memset(big, '\n', sizeof(big));
	write_bytes("big.conf", big, 1024 * 1024 + 1);
	make(&m, "-f @/big.conf");
	same(m.said, "@/big.conf: it has more than 1 MiB", "too large");
	drop(&m);
	write_bytes("big.conf", big, 1024 * 1024);
	T_OK(make(&m, "-f @/big.conf @") != NULL, "just not too large");
	drop(&m);
	write_bytes("nul.conf", "read = no\nlog = \"/a\0b\"\0", 23);
	make(&m, "-f @/nul.conf @");
	same(m.said, "@/nul.conf:2: byte 0x00; control bytes are written "
	    "\\x00 in double quotes\n@/nul.conf:2: byte 0x00; control bytes "
	    "are written \\x00 in double quotes", "NUL bytes");
	drop(&m);
}

static void
test_modes(void)
{
	static const struct {
		mode_t mode;
		const char *said;
	} rows[] = {
		{ 0644, "" },
		{ 0600, "" },
		{ 0444, "" },
		{ 0755, "" },
		{ 0666, "@/m: mode 0666: others may write it; only its owner "
		    "may (chmod go-w)" },
		{ 0602, "@/m: mode 0602: others may write it; only its owner "
		    "may (chmod go-w)" },
		{ 0664, "@/m: mode 0664: its group may write it; only its "
		    "owner may (chmod go-w)" },
		{ 0620, "@/m: mode 0620: its group may write it; only its "
		    "owner may (chmod go-w)" },
	};
	struct made m;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		write_file("m", "root = \"@\"");
		chmod(path_of("m"), rows[i].mode);
		make(&m, "-f @/m");
		same(m.said, rows[i].said, "the file");
		drop(&m);
		make_file(&m, "root = \"@\" include(\"m\")", "");
		same(m.said, rows[i].said, "an included file");
		drop(&m);
		write_file("m", "r a b");
		chmod(path_of("m"), rows[i].mode);
		make(&m, "-m @/m @");
		same(m.said, rows[i].said, "a map file");
		drop(&m);
	}
	write_file("m", "root = \"@\"");
	(void)!symlink("m", path_of("link"));
	T_OK(make(&m, "-f @/link") != NULL, "a link is fine");
	drop(&m);
}

/* In a process of its own, as somebody else. */
static bool
holds_as(uid_t uid, const char *args, const char *said)
{
	struct made m;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (setgid(uid) != 0 || setuid(uid) != 0)
			_exit(2);
		make(&m, args);
		status = strcmp(m.said, said) != 0;
		if (status != 0)
			fprintf(stderr, "\n%s\n", m.said);
		drop(&m);
		_exit(status);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void
test_owners(void)
{
	struct made m;

	if (geteuid() != 0)
		return;
	chmod(folder, 0755);
	write_file("m", "root = \"@\"");
	T_OK(holds_as(65534, "-f @/m", ""), "root's is everybody's");
	(void)!chown(path_of("m"), 65534, 65534);
	T_OK(holds_as(65534, "-f @/m", ""), "one's own is, too");
	make(&m, "-f @/m");
	same(m.said, "@/m: it belongs to user 65534, who may write it; it "
	    "must belong to root", "but not root's");
	drop(&m);
	T_OK(holds_as(65533, "-f @/m", "@/m: it belongs to user 65534, who "
	    "may write it; it must belong to root or to who starts the "
	    "server"), "and nobody else's");
	chmod(path_of("m"), 0600);
	T_OK(holds_as(65533, "-f @/m", "@/m: Permission denied"),
	    "it cannot be read");
	unlink(path_of("m"));
}

/* ---- who wins ---------------------------------------------------------- */

static void
test_options_win(void)
{
	const struct conf_values *v;
	struct made m;

	make_file(&m, "root = \"@/a\" read = no create = no max-upload = 5\n"
	    "max-blksize = 600 linger = 7 refuse-options = {blksize}\n"
	    "map-rules = {'bad'} umask = 077 strip-prefix = {}\n"
	    "client 10.0.0.0/8 { create = no root = \"@/none\"\n"
	    "map-file = \"none\" umask = 027 max-blksize = 700 }",
	    "-c -B 800 -t 0 -r tsize -r rollover -U 022 -m @/rules @");
	same(m.said, "", "what does not count is not looked at");
	T_OK(m.conf != NULL, "it is made");
	if (m.conf == NULL)
		return;
	v = values_for(m.conf, "10.1.2.3");
	T_OK(v != &m.conf->values && v->may_create, "-c in a section");
	T_OK(m.conf->values.may_create, "-c outside");
	T_OK(m.conf->values.max_blksize == 800 && v->max_blksize == 800,
	    "-B");
	T_OK(m.conf->linger_s == CONF_FOR_EVER, "-t");
	T_OK(v->refused_options == (1U << OPTIONS_TSIZE |
	    1U << OPTIONS_ROLLOVER), "-r instead of the list");
	T_OK(v->umask == 022 && m.conf->values.umask == 022, "-U");
	T_OK(v->root_count == 1 && m.conf->dir_count == 1, "directories");
	same(m.conf->dirs[v->roots[0]], folder, "the directory");
	T_OK(v->map != NULL && v->map == m.conf->values.map, "-m");
	T_OK(!v->may_read && v->max_upload == 5 &&
	    v->strip_prefix.count == 0, "all the rest is the file's");
	T_OK(!m.conf->is_hpa && !v->may_write_o_w, "the file's form");
	drop(&m);

	make_file(&m, "root = \"@\" create = yes overwrite = yes\n"
	    "client ::1 { create = yes overwrite = yes max-upload = 5 }",
	    "--read-only");
	v = values_for(m.conf, "::1");
	T_OK(!v->may_create && !v->may_overwrite && v->max_upload == 0,
	    "--read-only everywhere");
	drop(&m);
}

static void
test_path_prefix(void)
{
	struct made m;

	T_OK(make(&m, "--path-prefix @ /a /b") != NULL, "two directories");
	same(m.conf->dirs[0], path_of("a"), "the first");
	same(m.conf->dirs[1], path_of("b"), "the second");
	T_OK(m.conf->values.root_count == 2 &&
	    m.conf->values.roots[1] == 1, "in order");
	drop(&m);
}

static void
test_sections(void)
{
	const struct conf_values *v;
	const struct conf_section *s;
	struct cidr_addr addr;
	struct made m;

	make_file(&m, "root = {\"@\", \"@/a\"} create = no case = fold\n"
	    "client 10.0.0.0/8 { create = yes case = lower }\n"
	    "client \"10.1.0.0/16,2001:db8::/32\" { root = \"@/b\"\n"
	    "  overwrite = yes }\n"
	    "client ::/0 { read = no deny-files = {} upload-root = \"@/a\" }\n"
	    "client 10.1.2.3 { root = {\"@/a\", \"@\"} max-blksize = 999 }\n"
	    "max-upload = 7", "");
	same(m.said, "", "it is right");
	if (m.conf == NULL)
		return;
	v = values_for(m.conf, "192.0.2.1");
	T_OK(v == &m.conf->values && v->root_count == 2, "nobody's section");
	v = values_for(m.conf, "10.9.9.9");
	T_OK(v->may_create && v->letter_case == CONF_CASE_LOWER, "10/8");
	T_OK(v->root_count == 2 && v->max_upload == 7, "the rest is global");
	v = values_for(m.conf, "10.1.9.9");
	T_OK(v->may_overwrite && !v->may_create &&
	    v->letter_case == CONF_CASE_FOLD, "not the shorter prefix's");
	T_OK(v->root_count == 1 && v->upload_root == v->roots[0],
	    "uploads follow its own root");
	same(m.conf->dirs[v->roots[0]], path_of("b"), "which it is");
	T_OK(values_for(m.conf, "2001:db8::1") == v, "its other network");
	v = values_for(m.conf, "fe80::1");
	T_OK(!v->may_read, "::/0");
	same(m.conf->dirs[v->upload_root], path_of("a"), "upload-root");
	T_OK(values_for(m.conf, "10.1.2.3")->max_blksize == 999,
	    "the longest");
	T_OK(values_for(m.conf, "::ffff:10.1.2.3")->max_blksize == 999,
	    "a mapped address is IPv4");
	T_OK(m.conf->dir_count == 3, "each directory once");
	addr = address("10.1.2.3");
	s = conf_section_for(m.conf, &addr);
	T_OK(s != NULL && s->origin.line == 6, "where it stands");
	T_OK(s != NULL && s->said == (UINT64_C(1) << CONF_ROOT |
	    UINT64_C(1) << CONF_MAX_BLKSIZE), "what it says");
	addr = address("11.1.2.3");
	T_OK(conf_section_for(m.conf, &addr) == NULL, "none");
	drop(&m);

	make_file(&m, "root = \"@\" upload-root = \"@/a\"\n"
	    "client ::1 { root = \"@/b\" }\n"
	    "client ::2 { root = \"@/b\" upload-root = \"\" }", "");
	same(m.conf->dirs[values_for(m.conf, "::1")->upload_root],
	    path_of("a"), "upload-root falls through");
	same(m.conf->dirs[values_for(m.conf, "::2")->upload_root],
	    path_of("b"), "until it is taken back");
	drop(&m);
}

static void
test_allows(void)
{
	static const struct {
		const char *text, *client;
		bool allowed;
		unsigned line;
	} rows[] = {
		{ "", "10.0.0.1", true, 0 },
		{ "", "::1", true, 0 },
		{ "deny-clients = 10.0.0.0/8", "10.0.0.1", false, 1 },
		{ "deny-clients = 10.0.0.0/8", "11.0.0.1", true, 0 },
		{ "deny-clients = 0.0.0.0/0", "11.0.0.1", false, 1 },
		{ "deny-clients = 0.0.0.0/0", "::1", true, 0 },
		{ "deny-clients = 10.0.0.0/8\nallow-clients = 10.1.0.0/16",
		    "10.1.0.1", true, 2 },
		{ "deny-clients = 10.0.0.0/8\nallow-clients = 10.1.0.0/16",
		    "10.2.0.1", false, 1 },
		{ "deny-clients = 10.0.0.0/8\nallow-clients = 10.1.0.0/16",
		    "11.2.0.1", false, 2 },
		{ "deny-clients = 10.0.0.0/8\nallow-clients = {10.0.0.0/8, "
		    "0.0.0.0/0}", "10.2.0.1", false, 1 },
		{ "deny-clients = {10.0.0.0/8, 10.1.1.1}\nallow-clients = "
		    "10.1.0.0/16", "10.1.1.1", false, 1 },
	};
	struct conf_origin origin;
	struct cidr_addr addr;
	char text[TEXT_MAX];
	struct made m;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		snprintf(text, sizeof(text), "%s\nroot = \"@\"",
		    rows[i].text);
		make_file(&m, text, "");
		addr = address(rows[i].client);
		T_OK(m.conf != NULL && conf_allows(m.conf, &addr, &origin) ==
		    rows[i].allowed, rows[i].text);
		T_OK(origin.line == rows[i].line, rows[i].text);
		T_OK((origin.where == NULL) == (rows[i].line == 0),
		    rows[i].text);
		drop(&m);
	}
}

static void
test_origins(void)
{
	char out[CONF_ORIGIN_MAX], want[2 * CONF_ORIGIN_MAX];
	const struct conf_values *v;
	struct made m;

	write_file("o.conf", "\n\nread = no");
	make_file(&m, "root = {\n\"@\"}\nlinger = 5\ninclude(\"o.conf\")\n"
	    "deny-files =\n {\n\"a\" }\n"
	    "client ::1 {\ncase = fold }", "-c");
	v = values_for(m.conf, "::1");
	snprintf(want, sizeof(want), "%s:1", path_of("t.conf"));
	same(conf_origin_text(m.conf, v, CONF_ROOT, out), want,
	    "a list of several lines");
	snprintf(want, sizeof(want), "%s:3", path_of("t.conf"));
	same(conf_origin_text(m.conf, v, CONF_LINGER, out), want, "a key");
	snprintf(want, sizeof(want), "%s:3", path_of("o.conf"));
	same(conf_origin_text(m.conf, v, CONF_READ, out), want,
	    "of an included file");
	snprintf(want, sizeof(want), "%s:5", path_of("t.conf"));
	same(conf_origin_text(m.conf, v, CONF_DENY_FILES, out), want,
	    "the line of the key");
	snprintf(want, sizeof(want), "%s:9", path_of("t.conf"));
	same(conf_origin_text(m.conf, v, CONF_CASE, out), want,
	    "of a section");
	same(conf_origin_text(m.conf, &m.conf->values, CONF_CASE, out),
	    "default", "not outside of it");
	same(conf_origin_text(m.conf, v, CONF_CREATE, out), "-c",
	    "an option");
	same(conf_origin_text(m.conf, v, CONF_USER, out), "default",
	    "built in");
	drop(&m);
	make(&m, "@");
	same(conf_origin_text(m.conf, &m.conf->values, CONF_ROOT, out),
	    "command line", "a directory");
	drop(&m);
}

static void
test_names(void)
{
	struct line l;
	int key;

	for (key = 0; key < CONF_KEYS; key++)
		T_OK(conf_key_name((enum conf_key)key) != NULL,
		    "every key has a name");
	same(conf_key_name(CONF_MAX_TRANSFERS_PER_CLIENT),
	    "max-transfers-per-client", "the longest");
	parse(&l, "-z");
}

static void
test_wants_mac(void)
{
	static const struct {
		const char *text;
		bool wants;
	} rows[] = {
		{ "", false },
		{ "client-dir = mac", true },
		{ "client-dir = ip", false },
		{ "map-rules = 'r x \\m'", true },
		{ "map-rules = 'r x \\i'", false },
		{ "client ::1 { client-dir = mac }", true },
		{ "client ::1 { map-rules = 'r x \\m' }", true },
		{ "client-dir = none client ::1 { case = fold }", false },
	};
	char text[TEXT_MAX];
	struct made m;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		snprintf(text, sizeof(text), "%s root = \"@\"",
		    rows[i].text);
		make_file(&m, text, "");
		T_OK(m.conf != NULL && conf_wants_mac(m.conf) ==
		    rows[i].wants, rows[i].text);
		drop(&m);
	}
}

/* ---- map rules --------------------------------------------------------- */

static void
test_map(void)
{
	const struct conf_values *v;
	struct made m;

	write_file("rules", "# one\nr a b\n\nr c d\n");
	make_file(&m, "root = \"@\" map-file = rules\n"
	    "client ::1 { map-rules = {} }\n"
	    "client ::2 { map-rules = 'r x y' }\n"
	    "client ::3 { map-file = \"@/rules\" }\n"
	    "client ::4 { map-file = \"\" map-rules = 'r x y' }\n"
	    "client ::5 { map-rules = 'r x y' map-file = \"\" }", "");
	same(m.said, "", "it is right");
	if (m.conf == NULL)
		return;
	v = &m.conf->values;
	T_OK(v->map != NULL && maprules_count(v->map) == 2, "a map file");
	same(v->map_file, path_of("rules"), "beside the file that names it");
	T_OK(m.conf->files.count == 2, "it is watched, too");
	T_OK(values_for(m.conf, "::1")->map == NULL, "none in a section");
	v = values_for(m.conf, "::2");
	T_OK(v->map != NULL && maprules_count(v->map) == 1 &&
	    v->map_file == NULL, "others in a section");
	T_OK(values_for(m.conf, "::3")->map == m.conf->values.map,
	    "a file is compiled once");
	T_OK(values_for(m.conf, "::4")->map != NULL &&
	    values_for(m.conf, "::5")->map != NULL,
	    "an empty one beside says nothing");
	drop(&m);

	make_file(&m, "root = \"@\"\nmap-rules = {\n'r a b',\n\n'q a b'}", "");
	T_OK(m.conf == NULL && strncmp(m.said, "@/t.conf:5: map-rules: ",
	    23) == 0, "a rule's own line");
	drop(&m);
	write_file("rules", "r a b\n\nq c d\n");
	make_file(&m, "root = \"@\"\nmap-file = rules", "");
	T_OK(m.conf == NULL && strncmp(m.said, "@/rules:3: ", 11) == 0,
	    "the map file's own line");
	drop(&m);
	write_file("rules", "");
}

/* ---- printing ---------------------------------------------------------- */

/* Without the comments at its front. */
static char *
plain(const struct conf *c, bool is_whole)
{
	char *text = printed(c, false, is_whole), *p;

	for (p = text; *p == '#';)
		p = strchr(p, '\n') + 1;
	memmove(text, p, strlen(p) + 1);
	return text;
}

/* Read again and printed again it is the same. */
static void
check_again(const struct conf *c, bool is_whole, const char *what)
{
	char *first = plain(c, is_whole), *second, *third;
	struct made m;

	write_bytes("again.conf", first, strlen(first));
	make(&m, "-f @/again.conf");
	if (m.report.errors != 0)
		fprintf(stderr, "\n%s\n%s\n", m.said, first);
	T_OK(m.conf != NULL, what);
	if (m.conf != NULL) {
		second = printed(m.conf, false, is_whole);
		same(second, first, what);
		free(second);
	}
	drop(&m);
	third = printed(c, true, is_whole);
	write_bytes("again.conf", third, strlen(third));
	make(&m, "-f @/again.conf");
	T_OK(m.conf != NULL, "with origins, too");
	if (m.conf != NULL) {
		second = printed(m.conf, false, is_whole);
		same(second, first, what);
		free(second);
	}
	drop(&m);
	free(third);
	free(first);
}

static void
test_print_whole(void)
{
	char *text;
	struct made m;

	write_file("rules", "r ^a\\ b \"c\\0\"\n:x\na \\$ no${HOME}\n");
	make_file(&m, "root = \"@\" map-file = rules\n"
	    "client \"::1,10.0.0.0/8\" {\ncreate = yes }", "-t 0");
	text = printed(m.conf, true, true);
	T_OK(strstr(text, "rules\"") == NULL, "no other file is needed");
	T_OK(strstr(text, "map-rules = {\n"
	    "\t\"r ^a\\\\ b \\\"c\\\\0\\\"\",\n"
	    "\t\":x\",\n"
	    "\t\"a \\\\\\$ no\\${HOME}\"\n"
	    "}\t# ") != NULL, "the rules stand in it");
	T_OK(strstr(text, "linger = forever\t# -t\n") != NULL, "an origin");
	T_OK(strstr(text, "\nclient \"::1/128,10.0.0.0/8\" {\t# ") != NULL,
	    "the section");
	T_OK(strstr(text, "\tcreate = yes\t# ") != NULL, "its value");
	free(text);
	text = printed(m.conf, false, false);
	T_OK(has_line(text, "map-file = \"@/rules\""), "or names the file");
	T_OK(strstr(text, "map-rules") == NULL, "and only that");
	T_OK(strstr(text, "{\n\tcreate = yes\n}\n") != NULL,
	    "what is set in a section and nothing else");
	T_OK(strchr(text, '#') == NULL, "without comments");
	free(text);
	check_again(m.conf, true, "whole");
	check_again(m.conf, false, "not whole");
	drop(&m);
	write_file("rules", "");
}

static void
test_print_forms(void)
{
	static const struct {
		const char *args, *front;
	} rows[] = {
		{ "@", "# As tftpd-hpa: names are absolute,\n# and files that "
		    "others may write may be overwritten.\nuser = " },
		{ "-s @", "# As tftpd-hpa: names are relative to root,\n# and "
		    "files that others may write may be overwritten.\nuser "
		    "= " },
		{ "-s --read-only @", "# As tftpd-hpa: names are relative to "
		    "root,\n# and nothing is overwritten.\nuser = " },
		{ "-f @/t.conf @", "user = " },
	};
	struct made m;
	char *text;
	size_t i;

	write_file("t.conf", "");
	for (i = 0; i < COUNT(rows); i++) {
		make(&m, rows[i].args);
		text = printed(m.conf, false, false);
		T_OK(strncmp(text, rows[i].front, strlen(rows[i].front)) == 0,
		    rows[i].args);
		free(text);
		check_again(m.conf, true, rows[i].args);
		drop(&m);
	}
}

/* A full device is told. */
static void
test_print_fails(void)
{
	FILE *f = fopen("/dev/full", "w");
	struct made m;

	make(&m, "@");
	T_OK(f == NULL || !conf_print(m.conf, f, false, false),
	    "it was not written");
	if (f != NULL)
		fclose(f);
	drop(&m);
}

static uint32_t
dice(uint32_t *state, uint32_t sides)
{
	*state = *state * 1664525 + 1013904223;
	return (*state >> 8) % sides;
}

/* Text with everything that quoting could get wrong. */
static void
hostile(uint32_t *state, char *out, bool with_control)
{
	static const char *const pieces[] = { "\\", "\"", "'", "$", "{", "}",
		"${HOME}", "${", "#", "//", "/*", "*/", "\\0", "\\x41", "a",
		"7", "=", ",", "(", ")", "+", "*", "\303\244", "\377", " ",
		"\001", "\001\061\062", "\033", "\t", "\177", "\b" };
	uint32_t n = 1 + dice(state, 8), i;

	out[0] = '\0';
	for (i = 0; i < n; i++)
		strcat(out, pieces[dice(state, with_control ?
		    COUNT(pieces) : COUNT(pieces) - 6)]);
}

/* As a quoted text, by the rules of the manual. */
static void
quote(FILE *f, const char *text)
{
	putc('"', f);
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			fprintf(f, "\\x%02X", (unsigned char)*text);
		else
			fprintf(f, strchr("\\\"$", *text) != NULL ? "\\%c" :
			    "%c", *text);
	putc('"', f);
}

static void
random_client_keys(uint32_t *s, FILE *f)
{
	static const char *const fixed[] = { "case = fold", "case = lower",
		"symlinks = none", "client-dir = mac", "client-dir = ip",
		"read = no", "create = yes", "overwrite = yes",
		"require-world-readable = no", "max-read = 12345",
		"max-upload = 5G", "min-free = 3K", "umask = 000",
		"max-blksize = 1024", "max-blksize = mtu-7",
		"max-windowsize = 9", "refuse-options = {tsize, rollover}",
		"port-range = 100:200", "give-up = 2500ms", "adaptive = no",
		"retransmit = 123ms", "strip-prefix = {}",
		"strip-prefix = {'/a b', \"/c\\\\d\"}", "map-rules = {}",
		"allow-extensions = {\"\", \"x\"}", "upload-names = unique" };
	char text[128];
	uint32_t i, n = dice(s, 5);

	for (i = 0; i < n; i++)
		fprintf(f, "%s\n", fixed[dice(s, COUNT(fixed))]);
	if (dice(s, 2) == 0) {
		hostile(s, text, false);
		fputs("deny-files = {", f);
		quote(f, text[0] == '/' ? "x" : text);
		fputs("}\n", f);
	}
	if (dice(s, 2) == 0) {
		hostile(s, text, true);
		fputs("map-rules = {'r a b', ", f);
		snprintf(text + strlen(text), 8, "x");
		memmove(text + 4, text, strlen(text) + 1);
		memcpy(text, "r x ", 4);
		quote(f, text);
		fputs("}\n", f);
	}
	if (dice(s, 3) == 0)
		fprintf(f, "upload-root = \"%s\"\n", dice(s, 2) == 0 ?
		    path_of("a") : "");
}

/* Configurations as they come, each printed and read again. */
static void
test_round_trip(void)
{
	struct made m;
	uint32_t state = 1, i, made = 0;
	FILE *f;

	for (i = 0; i < 400; i++) {
		f = fopen(path_of("r.conf"), "w");
		if (f == NULL)
			abort();
		fprintf(f, "root = {\"%s\", \"/\"}\nlinger = %u\n", folder,
		    dice(&state, 100));
		random_client_keys(&state, f);
		fputs("client \"10.0.0.0/8,::1\" {\n", f);
		random_client_keys(&state, f);
		fputs("}\nclient 10.1.0.0/16 {\n", f);
		if (dice(&state, 2) == 0)
			fprintf(f, "root = \"%s\"\n", path_of("b"));
		random_client_keys(&state, f);
		fputs("}\n", f);
		fclose(f);
		make(&m, "-f @/r.conf");
		if (m.conf != NULL) {
			made++;
			check_again(m.conf, true, "whole");
			check_again(m.conf, false, "not whole");
		}
		drop(&m);
	}
	T_OK(made > 100, "many of them are right");
}

/* ---- again and again --------------------------------------------------- */

static void
test_again(void)
{
	struct conf_report report = { .say = NULL };
	struct line l;
	struct conf *c;
	int i;

	parse(&l, "-s -c -v -r tsize -R 5:6 --max-upload 0 -4 /a");
	parse(&l, "-x");
	parse(&l, "-f @/t.conf -r tsize");
	T_OK(l.ok && !l.args.is_secure && !l.args.ipv4_only &&
	    l.args.verbosity == 0 && l.args.override_count == 1,
	    "nothing of one command line is in the next one");
	write_file("rules", "r a b");
	for (i = 0; i < 300; i++) {
		write_file("t.conf", i % 3 == 0 ? "root = \"@\" read = " :
		    i % 3 == 1 ? "root = \"@\" map-file = rules client ::1 { "
		    "include(\"o.conf\") }" : "root = \"@\" client x { raed "
		    "= 5 }");
		conf_report_clear(&report);
		c = conf_make(&l.args, &report);
		T_OK((c != NULL) == (i % 3 == 1), "as often as it is asked");
		T_OK((report.errors == 0) == (c != NULL), "with its own count");
		T_OK(c != NULL || report.first[0] == '/', "and sentence");
		conf_free(c);
	}
	conf_report_clear(&report);
	T_OK(report.files.count == 0 && report.first[0] == '\0', "cleared");
	conf_free(NULL);
}

static void
test_make_as(void)
{
	struct made m;
	const char *args = "--adopt @/new -f @/t.conf";

	(void)mkdir(path_of("else"), 0755);
	write_file("t.conf", "root = bad");
	write_file("o.conf", "read = no");
	write_file("else/new", "root = \"@\"\ninclude(\"o.conf\")");
	chmod(path_of("else/new"), 0666);
	parse(&m.line, args);
	m.said[0] = '\0';
	memset(&m.report, 0, sizeof(m.report));
	m.report.say = hear;
	m.report.arg = &m;
	m.conf = conf_make_as(&m.line.args, path_of("else/new"), &m.report);
	same(m.said, "", "its own mode does not matter");
	T_OK(m.conf != NULL && !m.conf->values.may_read,
	    "includes are beside the target");
	if (m.conf != NULL)
		same(m.conf->file, path_of("t.conf"), "the target's name");
	drop(&m);
	write_file("else/new", "root = bad");
	m.said[0] = '\0';
	m.conf = conf_make_as(&m.line.args, path_of("else/new"), &m.report);
	same(m.said, "@/t.conf:1: root: \"bad\" is no absolute path" DIRS,
	    "the target's name in sentences");
	drop(&m);
}

static void
test_broken(void)
{
	struct line l;
	struct conf *c;

	parse(&l, "-L -f @/none -c -u no_such_user_ -t 7 --log bad -B x");
	c = conf_make_broken(&l.args, "/srv");
	T_OK(c != NULL && c->is_broken, "it says so");
	if (c == NULL)
		return;
	T_OK(c->dir_count == 1 && strcmp(c->dirs[0], "/srv") == 0 &&
	    c->values.root_count == 1, "the directory");
	T_OK(c->user == NULL && c->linger_s == 7, "what can be used is");
	same(c->log_path, LOGDIR "/transfers.jsonl", "what cannot is not");
	T_OK(!c->values.may_create, "no client is served by options");
	T_OK(c->listen == CONF_LISTEN_FOREGROUND, "how it was started");
	conf_free(c);
}

static void
test_map_test(void)
{
	struct made m;

	write_file("rules", "r a b");
	T_OK(make(&m, "--map-test @/x -m @/rules") != NULL,
	    "no directory and no file is needed to try rules");
	T_OK(m.conf != NULL && m.conf->values.map != NULL, "they are there");
	drop(&m);
}

int
main(void)
{
	CU_TestInfo options[] = {
		{ "flags", test_flags },
		{ "keys", test_overrides },
		{ "strings are argv's", test_strings },
		{ "addresses", test_addresses },
		{ "actions", test_actions },
		{ "idle ones", test_idle },
		{ "what is wrong", test_wrong_lines },
		{ "no value", test_no_value },
		{ "little room", test_little_room },
		{ "many", test_many_options },
		{ "usage", test_usage },
		{ "what they set", test_option_values },
		{ "what they cannot be", test_wrong_values },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo files[] = {
		{ "defaults", test_defaults },
		{ "values", test_file_values },
		{ "lists and texts", test_file_lists },
		{ "wrong values", test_wrong_keys },
		{ "wrong syntax", test_wrong_syntax },
		{ "wrong together", test_wrong_together },
		{ "logs that cannot be", test_log },
		{ "no root", test_no_root },
		{ "many directories", test_many_dirs },
		{ "many sections", test_many_sections },
		{ "includes", test_include },
		{ "wrong includes", test_include_wrong },
		{ "many includes", test_include_many },
		{ "bad files", test_file_bad },
		{ "modes", test_modes },
		{ "owners", test_owners },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo use[] = {
		{ "options win", test_options_win },
		{ "a prefix of paths", test_path_prefix },
		{ "sections", test_sections },
		{ "who may ask", test_allows },
		{ "origins", test_origins },
		{ "names", test_names },
		{ "MAC addresses", test_wants_mac },
		{ "map rules", test_map },
		{ "printed whole", test_print_whole },
		{ "printed forms", test_print_forms },
		{ "a full device", test_print_fails },
		{ "printed and read again", test_round_trip },
		{ "made again", test_again },
		{ "as another file", test_make_as },
		{ "broken", test_broken },
		{ "rules alone", test_map_test },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "conf: options", NULL, NULL, NULL, NULL, options },
		{ "conf: files", NULL, NULL, NULL, NULL, files },
		{ "conf: use", NULL, NULL, NULL, NULL, use },
		CU_SUITE_INFO_NULL
	};
	char command[64];
	int status;

	unsetenv("POSIXLY_CORRECT");
	setenv("HOME", "/never", 1);
	umask(022);
	if (mkdtemp(folder) == NULL)
		return 99;
	(void)mkdir(path_of("a"), 0755);
	(void)mkdir(path_of("b"), 0755);
	write_file("rules", "");
	status = t_run(suites);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) != 0 || status;
}
