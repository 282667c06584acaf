/*
 * t-access - every refusal to the letter: its outcome, the code and text
 * that the client sees, and the sentence in the log, which names the rule.
 */
#include <errno.h>
#include <stdarg.h>

#include "policy/access.h"
#include "t.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* An answer; message NULL: granted. */
struct answer {
	enum outcome outcome;
	enum packet_error code;
	const char *text, *message;
};

#define GRANTED	{ OUTCOME_NONE, 0, NULL, NULL }
#define DENIED(message)	\
	{ OUTCOME_DENIED, PACKET_ERR_ACCESS, "Access violation", message }
#define MISSING(message) \
	{ OUTCOME_NOTFOUND, PACKET_ERR_NOT_FOUND, "File not found", message }
#define ILLEGAL(message) \
	{ OUTCOME_INVALID, PACKET_ERR_ILLEGAL, "Illegal TFTP operation", \
	    message }
#define LIMITED(message) \
	{ OUTCOME_LIMITED, PACKET_ERR_SPACE, \
	    "Disk full or allocation exceeded", message }
#define FAILED(message)	\
	{ OUTCOME_FAILED, PACKET_ERR_UNDEFINED, "Server error", message }
#define EXISTS(message)	\
	{ OUTCOME_DENIED, PACKET_ERR_EXISTS, "File already exists", message }

/* Whether v says what is wanted; a failure prints the sentence it has. */
static void
check(const struct access_verdict *v, const struct answer *want,
    const char *what)
{
	T_OK(v->outcome == want->outcome, what);
	if (want->message == NULL)
		return;
	T_OK(v->code == want->code, what);
	T_OK(strcmp(v->text, want->text) == 0, v->text);
	T_OK(strcmp(v->message, want->message) == 0, v->message);
}

static void
test_refuse(void)
{
	static const struct {
		const char *what;
		enum packet_error code;
		const char *text;
	} rows[] = {
		{ "0", PACKET_ERR_UNDEFINED, "Server error" },
		{ "1: probes compare it", PACKET_ERR_NOT_FOUND,
		    "File not found" },
		{ "2", PACKET_ERR_ACCESS, "Access violation" },
		{ "3", PACKET_ERR_SPACE, "Disk full or allocation exceeded" },
		{ "4", PACKET_ERR_ILLEGAL, "Illegal TFTP operation" },
		{ "6", PACKET_ERR_EXISTS, "File already exists" },
	};
	struct access_verdict v;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct answer want = { OUTCOME_SHUTDOWN, rows[i].code,
			rows[i].text, "7 of x" };

		memset(&v, 0xa5, sizeof(v));
		access_refuse(&v, OUTCOME_SHUTDOWN, rows[i].code, "%d of %s",
		    7, "x");
		check(&v, &want, rows[i].what);
	}
}

static void
test_long_message(void)
{
	char longest[ACCESS_MESSAGE_MAX * 2];
	struct access_verdict *v;

	memset(longest, 'm', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	v = t_guard(longest, sizeof(*v));
	access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS, "%s", longest);
	T_OK(strlen(v->message) == ACCESS_MESSAGE_MAX - 1,
	    "a long sentence is cut");
	access_set_text(v, longest);
	T_OK(strlen(v->text) == ACCESS_TEXT_MAX - 1,
	    "a long text for the wire is cut");
	access_set_text(v, "Not on a Sunday");
	T_OK(strcmp(v->text, "Not on a Sunday") == 0, "a text of its own");
	T_OK(v->code == PACKET_ERR_ACCESS, "which leaves the code");
	t_unguard(v, sizeof(*v));
}

/* ---- a configuration -------------------------------------------------- */

#define ANY		UINT64_MAX	/* bytes: no limit */
#define CONF_MADE	"/etc/tftpd.conf"

/*
 * Whoever gave the value of a key: a line of the file that is the key's
 * number, so that a message shows which key it names.
 */
static void
set_origins(struct conf *c)
{
	unsigned key;

	for (key = 0; key < CONF_KEYS; key++) {
		struct conf_origin at = { CONF_MADE, 100 + key };

		if (key < CONF_IN_CLIENT)
			c->origins[key] = at;
		else
			c->values.origins[key] = at;
	}
}

/* The message with where the key stands, as set_origins() says. */
static const char *
named(const char *message, enum conf_key key, char out[ACCESS_MESSAGE_MAX])
{
	if (message == NULL)
		return NULL;
	snprintf(out, ACCESS_MESSAGE_MAX, "%s (" CONF_MADE ":%u)", message,
	    100 + (unsigned)key);
	return out;
}

/* As check(), where the sentence ends with the key's place. */
static void
check_named(const struct access_verdict *v, const struct answer *want,
    enum conf_key key, const char *what)
{
	char message[ACCESS_MESSAGE_MAX];
	struct answer whole = *want;

	whole.message = named(want->message, key, message);
	check(v, &whole, what);
}

static void
test_names(void)
{
	static const struct {
		const char *what;
		enum pathname_verdict verdict;
		struct answer want;
	} rows[] = {
		{ "a good name", PATHNAME_OK, GRANTED },
		{ "empty", PATHNAME_EMPTY, MISSING("the name is empty") },
		{ "too long", PATHNAME_TOO_LONG,
		    ILLEGAL("the name is longer than 1024 bytes") },
		{ "a control byte", PATHNAME_CONTROL,
		    ILLEGAL("the name has a control byte") },
		{ "..", PATHNAME_DOTDOT,
		    DENIED("the name has a \"..\" component") },
		{ "a hidden file", PATHNAME_HIDDEN,
		    DENIED("the name is that of an unfinished upload") },
	};
	struct access_verdict v;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		memset(&v, 0xa5, sizeof(v));
		access_name(&v, rows[i].verdict);
		check(&v, &rows[i].want, rows[i].what);
	}
}

/* ---- clients ---------------------------------------------------------- */

static struct conf_nets
nets_of(const char *const *texts, struct cidr out[4])
{
	struct conf_nets nets = { out, 0 };

	for (; nets.count < 4 && texts[nets.count] != NULL; nets.count++)
		T_OK(cidr_parse(texts[nets.count], strlen(texts[nets.count]),
		    &out[nets.count]) == CIDR_OK, texts[nets.count]);
	return nets;
}

static void
test_clients(void)
{
	static const struct {
		const char *what, *client;
		const char *allow[4], *deny[4];
		enum conf_key by;	/* 0: allowed */
	} rows[] = {
		{ "everybody", "192.0.2.7", { "0.0.0.0/0", "::/0" }, { NULL },
		    0 },
		{ "everybody by IPv6", "2001:db8::7",
		    { "0.0.0.0/0", "::/0" }, { NULL }, 0 },
		{ "nobody", "192.0.2.7", { NULL }, { NULL },
		    CONF_ALLOW_CLIENTS },
		{ "IPv4 alone", "2001:db8::7", { "0.0.0.0/0" }, { NULL },
		    CONF_ALLOW_CLIENTS },
		{ "IPv6 alone", "192.0.2.7", { "::/0" }, { NULL },
		    CONF_ALLOW_CLIENTS },
		{ "v4-mapped is IPv4", "::ffff:192.0.2.7", { "192.0.2.0/24" },
		    { NULL }, 0 },
		{ "in the network", "192.0.2.255", { "192.0.2.0/24" },
		    { NULL }, 0 },
		{ "beside the network", "192.0.3.0", { "192.0.2.0/24" },
		    { NULL }, CONF_ALLOW_CLIENTS },
		{ "the second network", "198.51.100.1",
		    { "192.0.2.0/24", "198.51.100.1/32" }, { NULL }, 0 },
		{ "denied", "192.0.2.7", { "0.0.0.0/0" },
		    { "192.0.2.0/24" }, CONF_DENY_CLIENTS },
		{ "not denied", "192.0.3.7", { "0.0.0.0/0" },
		    { "192.0.2.0/24" }, 0 },
		{ "the longer prefix allows", "192.0.2.7",
		    { "0.0.0.0/0", "192.0.2.7/32" }, { "192.0.2.0/24" }, 0 },
		{ "equal prefixes deny", "192.0.2.7", { "192.0.2.0/24" },
		    { "192.0.2.0/24" }, CONF_DENY_CLIENTS },
		{ "everybody is denied", "192.0.2.7", { "0.0.0.0/0" },
		    { "0.0.0.0/0" }, CONF_DENY_CLIENTS },
		{ "denied by IPv6", "2001:db8::7", { "::/0" },
		    { "2001:db8::/32" }, CONF_DENY_CLIENTS },
		{ "an IPv6 network denies no IPv4", "192.0.2.7",
		    { "0.0.0.0/0" }, { "::/0" }, 0 },
	};
	struct answer denied = DENIED("this client may not ask");
	struct answer granted = GRANTED;
	struct cidr allow[4], deny[4];
	struct access_verdict v;
	struct cidr_addr addr;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct conf c = {
			.allow_clients = nets_of(rows[i].allow, allow),
			.deny_clients = nets_of(rows[i].deny, deny),
		};

		set_origins(&c);
		T_OK(cidr_parse_addr(rows[i].client, &addr), rows[i].what);
		memset(&v, 0xa5, sizeof(v));
		T_OK(access_client(&v, &c, &addr) == (rows[i].by == 0),
		    rows[i].what);
		check_named(&v, rows[i].by == 0 ? &granted : &denied,
		    rows[i].by, rows[i].what);
	}
}

/* ---- what may be done at all ------------------------------------------ */

/* "r": reads, "c": create, "o": overwrite, "w": hpa's form, "0": size 0. */
static struct conf
conf_of(const char *flags)
{
	struct conf c = {
		.values = {
			.may_read = strchr(flags, 'r') != NULL,
			.may_create = strchr(flags, 'c') != NULL,
			.may_overwrite = strchr(flags, 'o') != NULL,
			.may_write_o_w = strchr(flags, 'w') != NULL,
			.require_world_readable = strchr(flags, 'p') == NULL,
			.max_upload = strchr(flags, '0') != NULL ? 0 : ANY,
		},
	};

	set_origins(&c);
	return c;
}

#define UPLOADS_OFF	"uploads are off: neither create nor overwrite is " \
	"allowed"
#define SIZE_OFF	"uploads are off: max-upload is 0"

static void
test_operations(void)
{
	static const struct {
		const char *what, *flags;
		bool is_write;
		struct answer want;
		enum conf_key key;
	} rows[] = {
		{ "a read", "r", false, GRANTED, 0 },
		{ "a read, and uploads are of no matter", "r0", false,
		    GRANTED, 0 },
		{ "reads are off", "co", false, DENIED("reads are off"),
		    CONF_READ },
		{ "an upload", "c", true, GRANTED, 0 },
		{ "an upload with overwrite", "o", true, GRANTED, 0 },
		{ "an upload with both", "co", true, GRANTED, 0 },
		{ "an upload in hpa's form", "w", true, GRANTED, 0 },
		{ "uploads are off", "r", true, DENIED(UPLOADS_OFF),
		    CONF_CREATE },
		{ "uploads of no size", "co0", true, DENIED(SIZE_OFF),
		    CONF_MAX_UPLOAD },
		{ "uploads of no size in hpa's form", "w0", true,
		    DENIED(SIZE_OFF), CONF_MAX_UPLOAD },
		{ "both: the size is named", "r0", true, DENIED(SIZE_OFF),
		    CONF_MAX_UPLOAD },
	};
	struct access_verdict v;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct conf c = conf_of(rows[i].flags);
		struct access_rules r = { &c, &c.values };

		memset(&v, 0xa5, sizeof(v));
		T_OK(access_operation(&v, &r, rows[i].is_write) ==
		    (rows[i].want.message == NULL), rows[i].what);
		check_named(&v, &rows[i].want, rows[i].key, rows[i].what);
	}
}

/* A client section's values are asked, and their places are named. */
static void
test_values_of_a_section(void)
{
	struct conf c = conf_of("r");
	struct conf_values section = c.values;
	struct access_rules r = { &c, &section };
	struct answer want = DENIED("reads are off (lab.conf:7)");
	struct access_verdict v;

	section.may_read = false;
	section.origins[CONF_READ] = (struct conf_origin){ "lab.conf", 7 };
	T_OK(!access_operation(&v, &r, false), "the section's value counts");
	check(&v, &want, "the section's line is named");
}

static void
test_origins(void)
{
	static const struct {
		const char *what;
		struct conf_origin origin;
		const char *message;
	} rows[] = {
		{ "a file's line", { "/etc/tftpd.conf", 12 },
		    "reads are off (/etc/tftpd.conf:12)" },
		{ "an option", { "--no-read", 0 },
		    "reads are off (--no-read)" },
		{ "built in", { NULL, 0 }, "reads are off (read: default)" },
	};
	struct access_verdict v;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct conf c = conf_of("");
		struct access_rules r = { &c, &c.values };

		c.values.origins[CONF_READ] = rows[i].origin;
		T_OK(!access_operation(&v, &r, false), rows[i].what);
		T_OK(strcmp(v.message, rows[i].message) == 0, v.message);
	}
}

/* Whatever is too long: the line is there, and what was refused. */
static void
test_long_origins(void)
{
	char path[CONF_ORIGIN_MAX], *pattern = path;
	struct access_verdict v;
	size_t len;

	for (len = 1; len < sizeof(path) - 1; len++) {
		struct conf c = conf_of("r");
		struct access_rules r = { &c, &c.values };

		memset(path, 'p', len);
		path[len] = '\0';
		c.values.deny_files = (struct conf_list){ &pattern, 1 };
		c.values.origins[CONF_DENY_FILES] =
		    (struct conf_origin){ path, 4242 };
		memset(&v, 0xa5, sizeof(v));
		T_OK(!access_file_name(&v, &r, path), path);
		T_OK(memchr(v.message, '\0', ACCESS_MESSAGE_MAX) != NULL,
		    "the sentence ends");
		T_OK(strncmp(v.message, "deny-files has \"p", 17) == 0,
		    v.message);
		if (strlen(v.message) < 6 || strcmp(v.message +
		    strlen(v.message) - 6, ":4242)") != 0) {
			T_OK(false, v.message);
			return;
		}
	}
}

/* ---- names that the rules do not like --------------------------------- */

#define LIST_MAX	4

static struct conf_list
list_of(const char *const *texts, char *out[LIST_MAX])
{
	struct conf_list list = { out, 0 };

	for (; list.count < LIST_MAX && texts[list.count] != NULL;
	    list.count++)
		out[list.count] = (char *)(uintptr_t)texts[list.count];
	return list;
}

static void
test_denied_files(void)
{
	static const struct {
		const char *what, *name;
		const char *patterns[LIST_MAX];
		enum conf_case letter_case;
		const char *by;		/* NULL: none */
	} rows[] = {
		{ "no pattern", "a.key", { NULL }, CONF_CASE_EXACT, NULL },
		{ "another name", "a.bin", { "*.key" }, CONF_CASE_EXACT,
		    NULL },
		{ "the name", "a.key", { "*.key" }, CONF_CASE_EXACT,
		    "*.key" },
		{ "a whole name", "a.key.bin", { "*.key" }, CONF_CASE_EXACT,
		    NULL },
		{ "its last component", "dir/sub/a.key", { "*.key" },
		    CONF_CASE_EXACT, "*.key" },
		{ "its last component alone", "dir/a", { "a" },
		    CONF_CASE_EXACT, "a" },
		{ "a directory's name is none", "a/b", { "a" },
		    CONF_CASE_EXACT, NULL },
		{ "a star crosses slashes", "private/x/y", { "private/*" },
		    CONF_CASE_EXACT, "private/*" },
		{ "a pattern with a slash is for the whole name",
		    "x/private/y", { "private/*" }, CONF_CASE_EXACT, NULL },
		{ "anywhere", "x/private/y", { "*/private/*" },
		    CONF_CASE_EXACT, "*/private/*" },
		{ "the second pattern", "b", { "a", "b" }, CONF_CASE_EXACT,
		    "b" },
		{ "the first of two that match is named", "ab",
		    { "a*", "*b" }, CONF_CASE_EXACT, "a*" },
		{ "a question mark", "cfg1", { "cfg?" }, CONF_CASE_EXACT,
		    "cfg?" },
		{ "a set", "cfg7", { "cfg[0-9]" }, CONF_CASE_EXACT,
		    "cfg[0-9]" },
		{ "not in the set", "cfgx", { "cfg[0-9]" }, CONF_CASE_EXACT,
		    NULL },
		{ "hidden files are files", "dir/.netrc", { "*rc" },
		    CONF_CASE_EXACT, "*rc" },
		{ "case counts", "A.KEY", { "*.key" }, CONF_CASE_EXACT,
		    NULL },
		{ "with fold it does not", "A.KEY", { "*.key" },
		    CONF_CASE_FOLD, "*.key" },
		{ "nor in the pattern", "a.key", { "*.KEY" },
		    CONF_CASE_FOLD, "*.KEY" },
		{ "with lower neither", "a.key", { "*.KEY" },
		    CONF_CASE_LOWER, "*.KEY" },
		{ "a backslash in a pattern", "a*b", { "a\\*b" },
		    CONF_CASE_EXACT, "a\\*b" },
		{ "and it is no star", "axb", { "a\\*b" }, CONF_CASE_EXACT,
		    NULL },
	};
	char message[ACCESS_MESSAGE_MAX], *items[LIST_MAX];
	struct access_verdict v;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct conf c = conf_of("r");
		struct access_rules r = { &c, &c.values };
		struct answer want = GRANTED;

		c.values.deny_files = list_of(rows[i].patterns, items);
		c.values.letter_case = rows[i].letter_case;
		if (rows[i].by != NULL) {
			struct answer denied = DENIED(message);

			snprintf(message, sizeof(message),
			    "deny-files has \"%s\"", rows[i].by);
			want = denied;
		}
		memset(&v, 0xa5, sizeof(v));
		T_OK(access_file_name(&v, &r, rows[i].name) ==
		    (rows[i].by == NULL), rows[i].what);
		check_named(&v, &want, CONF_DENY_FILES, rows[i].what);
	}
}

static void
test_extensions(void)
{
	static const struct {
		const char *what, *name;
		const char *extensions[LIST_MAX];
		const char *refused;	/* the name in the message, or NULL */
	} rows[] = {
		{ "no list", "a.exe", { NULL }, NULL },
		{ "the extension", "a.cfg", { "cfg" }, NULL },
		{ "another", "a.exe", { "cfg" }, "a.exe" },
		{ "the second of the list", "a.bin", { "cfg", "bin" }, NULL },
		{ "in any case", "A.CFG", { "cfg" }, NULL },
		{ "also in the list", "a.cfg", { "CFG" }, NULL },
		{ "of the last component", "dir.cfg/a", { "cfg" }, "a" },
		{ "in a directory", "dir/a.cfg", { "cfg" }, NULL },
		{ "none", "pxelinux", { "cfg" }, "pxelinux" },
		{ "none, and that is allowed", "pxelinux", { "cfg", "" },
		    NULL },
		{ "none in a directory with a dot", "a.d/b", { "" }, NULL },
		{ "one, and only none is allowed", "a.cfg", { "" }, "a.cfg" },
		{ "two dots", "a.tar.gz", { "tar.gz" }, NULL },
		{ "the last alone", "a.tar.gz", { "gz" }, NULL },
		{ "the other of two dots", "a.cpio.gz", { "tar.gz" },
		    "a.cpio.gz" },
		{ "a longer one that ends so", "a.xcfg", { "cfg" },
		    "a.xcfg" },
		{ "a name that is the extension", "cfg", { "cfg" }, "cfg" },
		{ "a dot at the end", "a.", { "cfg" }, "a." },
	};
	char message[ACCESS_MESSAGE_MAX], *items[LIST_MAX];
	struct access_verdict v;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct conf c = conf_of("r");
		struct access_rules r = { &c, &c.values };
		struct answer want = GRANTED;

		c.values.allow_extensions = list_of(rows[i].extensions,
		    items);
		if (rows[i].refused != NULL) {
			struct answer denied = DENIED(message);

			snprintf(message, sizeof(message), "allow-extensions "
			    "has not that of \"%s\"", rows[i].refused);
			want = denied;
		}
		memset(&v, 0xa5, sizeof(v));
		T_OK(access_file_name(&v, &r, rows[i].name) ==
		    (rows[i].refused == NULL), rows[i].what);
		check_named(&v, &want, CONF_ALLOW_EXTENSIONS, rows[i].what);
	}
}

static void
test_denied_beats_allowed(void)
{
	char *deny[] = { (char[]){ "*.cfg" } };
	char *allow[] = { (char[]){ "cfg" } };
	struct conf c = conf_of("r");
	struct access_rules r = { &c, &c.values };
	struct answer want = DENIED("deny-files has \"*.cfg\"");
	struct access_verdict v;

	c.values.deny_files = (struct conf_list){ deny, 1 };
	c.values.allow_extensions = (struct conf_list){ allow, 1 };
	T_OK(!access_file_name(&v, &r, "a.cfg"), "denied");
	check_named(&v, &want, CONF_DENY_FILES, "by deny-files");
}

/* ---- names without -s, as in tftpd-hpa -------------------------------- */

#define ONLY_ABSOLUTE	DENIED("without -s only absolute names are served")
#define NOT_BELOW(dir)	DENIED("the name is not below " dir)

static void
test_below(void)
{
	static const struct {
		const char *what;
		const char *dirs[3];
		const char *name, *want;
		uint8_t index;
		struct answer answer;
	} rows[] = {
		{ "in the directory", { "/tftpboot" }, "/tftpboot/a", "a", 0,
		    GRANTED },
		{ "further down", { "/tftpboot" }, "/tftpboot/a/b/c",
		    "a/b/c", 0, GRANTED },
		{ "a directory of two components", { "/srv/tftp" },
		    "/srv/tftp/a", "a", 0, GRANTED },
		{ "a directory written with a slash", { "/tftpboot/" },
		    "/tftpboot/a", "a", 0, GRANTED },
		{ "a directory written with several", { "//srv/./tftp//" },
		    "/srv/tftp/a", "a", 0, GRANTED },
		{ "a name with doubled slashes", { "/srv/tftp" },
		    "//srv///tftp/./a", "a", 0, GRANTED },
		{ "a name with backslashes", { "/srv/tftp" },
		    "\\srv\\tftp\\a", "a", 0, GRANTED },
		{ "the directory itself", { "/tftpboot" }, "/tftpboot", ".",
		    0, GRANTED },
		{ "everything is served", { "/" }, "/etc/motd", "etc/motd",
		    0, GRANTED },
		{ "the second directory", { "/a", "/b" }, "/b/x", "x", 1,
		    GRANTED },
		{ "the third directory", { "/a", "/b", "/c/d" }, "/c/d/x",
		    "x", 2, GRANTED },
		{ "the first one that fits", { "/a/b", "/a" }, "/a/b/x", "x",
		    0, GRANTED },
		{ "also the other way round", { "/a", "/a/b" }, "/a/b/x",
		    "b/x", 0, GRANTED },
		{ "a longer name beside it", { "/tftpboot" }, "/tftpbootX/a",
		    NULL, 0, NOT_BELOW("/tftpboot") },
		{ "a longer name of a file", { "/tftpboot" }, "/tftpbootX",
		    NULL, 0, NOT_BELOW("/tftpboot") },
		{ "a shorter name", { "/tftpboot" }, "/tftpboo/t", NULL, 0,
		    NOT_BELOW("/tftpboot") },
		{ "its parent", { "/srv/tftp" }, "/srv", NULL, 0,
		    NOT_BELOW("/srv/tftp") },
		{ "a sibling", { "/srv/tftp" }, "/srv/http/a", NULL, 0,
		    NOT_BELOW("/srv/tftp") },
		{ "another case", { "/tftpboot" }, "/TFTPBOOT/a", NULL, 0,
		    NOT_BELOW("/tftpboot") },
		{ "elsewhere", { "/tftpboot" }, "/etc/passwd", NULL, 0,
		    NOT_BELOW("/tftpboot") },
		{ "in none of two", { "/a", "/b" }, "/c/x", NULL, 0,
		    NOT_BELOW("/a or another of the directories") },
		{ "the root of the file system", { "/tftpboot" }, "/", NULL,
		    0, NOT_BELOW("/tftpboot") },
		{ "relative", { "/tftpboot" }, "a", NULL, 0, ONLY_ABSOLUTE },
		{ "relative, though it spells the directory",
		    { "/tftpboot" }, "tftpboot/a", NULL, 0, ONLY_ABSOLUTE },
		{ "relative, with everything served", { "/" }, "a", NULL, 0,
		    ONLY_ABSOLUTE },
	};
	char path[PATHNAME_MAX + 1];
	struct access_verdict v;
	const char *got;
	uint8_t index;
	unsigned n;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct conf c = { .is_hpa = true, .is_absolute = true };
		struct access_rules r = { &c, &c.values };

		/* other clients' directories stand before ours */
		c.dirs[c.dir_count++] = "/of/others";
		for (n = 0; n < 3 && rows[i].dirs[n] != NULL; n++) {
			c.values.roots[n] = (uint8_t)c.dir_count;
			c.dirs[c.dir_count++] = rows[i].dirs[n];
		}
		c.values.root_count = n;
		T_OK(pathname_clean((const uint8_t *)rows[i].name,
		    strlen(rows[i].name), path) == PATHNAME_OK, rows[i].what);
		memset(&v, 0xa5, sizeof(v));
		index = 99;
		got = access_below(&v, &r, path, rows[i].name[0] == '/' ||
		    rows[i].name[0] == '\\', &index);
		T_OK((got == NULL) == (rows[i].want == NULL), rows[i].what);
		T_OK(got == NULL || rows[i].want == NULL ||
		    strcmp(got, rows[i].want) == 0, rows[i].what);
		T_OK(got == NULL || index == rows[i].index + 1, rows[i].what);
		check(&v, &rows[i].answer, rows[i].what);
	}
}

/* ---- what stands there ------------------------------------------------ */

static void
test_read(void)
{
	static const struct {
		const char *what, *flags;
		mode_t mode;
		struct answer want;
		enum conf_key key;	/* 0: no rule is named */
	} rows[] = {
		{ "o+r", "", S_IFREG | 0644, GRANTED, 0 },
		{ "o+r alone", "", S_IFREG | 0004, GRANTED, 0 },
		{ "o-r", "", S_IFREG | 0640,
		    DENIED("mode 0640 is not world-readable"),
		    CONF_REQUIRE_WORLD_READABLE },
		{ "nothing", "", S_IFREG | 0,
		    DENIED("mode 0000 is not world-readable"),
		    CONF_REQUIRE_WORLD_READABLE },
		{ "all but o+r", "", S_IFREG | 07773,
		    DENIED("mode 7773 is not world-readable"),
		    CONF_REQUIRE_WORLD_READABLE },
		{ "-p: the kernel decides", "p", S_IFREG | 0640, GRANTED, 0 },
		{ "-p: whatever the mode", "p", S_IFREG | 0, GRANTED, 0 },
		{ "a directory", "", S_IFDIR | 0755,
		    DENIED("this is a directory, not a regular file"), 0 },
		{ "a FIFO", "", S_IFIFO | 0666,
		    DENIED("this is a FIFO, not a regular file"), 0 },
		{ "a socket", "", S_IFSOCK | 0777,
		    DENIED("this is a socket, not a regular file"), 0 },
		{ "a disk", "", S_IFBLK | 0666,
		    DENIED("this is a device, not a regular file"), 0 },
		{ "/dev/zero", "", S_IFCHR | 0666,
		    DENIED("this is a device, not a regular file"), 0 },
		{ "-p makes a directory no file", "p", S_IFDIR | 0755,
		    DENIED("this is a directory, not a regular file"), 0 },
		{ "-p makes a device no file", "p", S_IFCHR | 0666,
		    DENIED("this is a device, not a regular file"), 0 },
	};
	struct access_verdict v;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct conf c = conf_of(rows[i].flags);
		struct access_rules r = { &c, &c.values };
		struct stat st = { .st_mode = rows[i].mode };

		memset(&v, 0xa5, sizeof(v));
		T_OK(access_read(&v, &r, &st) ==
		    (rows[i].want.message == NULL), rows[i].what);
		if (rows[i].key == 0)
			check(&v, &rows[i].want, rows[i].what);
		else
			check_named(&v, &rows[i].want, rows[i].key,
			    rows[i].what);
	}
}

static void
test_read_size(void)
{
	static const struct {
		const char *what;
		uint64_t max_read;
		off_t size;
		struct answer want;
	} rows[] = {
		{ "no limit", 0, INT64_MAX, GRANTED },
		{ "an empty file", 1, 0, GRANTED },
		{ "at the limit", 1000, 1000, GRANTED },
		{ "over the limit", 1000, 1001, LIMITED("1001 bytes are more "
		    "than max-read allows (1000)") },
		{ "far over it", 1, INT64_MAX, LIMITED("9223372036854775807 "
		    "bytes are more than max-read allows (1)") },
	};
	struct access_verdict v;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct conf c = conf_of("r");
		struct access_rules r = { &c, &c.values };
		struct stat st = { .st_mode = S_IFREG | 0644,
			.st_size = rows[i].size };

		c.values.max_read = rows[i].max_read;
		memset(&v, 0xa5, sizeof(v));
		T_OK(access_read(&v, &r, &st) ==
		    (rows[i].want.message == NULL), rows[i].what);
		check_named(&v, &rows[i].want, CONF_MAX_READ, rows[i].what);
	}
}

#define NO_CREATE	MISSING("no such file, and no new one may be created")
#define NO_OVERWRITE	\
	EXISTS("the file exists and may not be overwritten")
#define NOTHING		((mode_t)-1)	/* nothing stands there */

static void
test_write(void)
{
	static const struct {
		const char *what, *flags;
		mode_t mode;
		struct answer want;
		enum conf_key key;	/* 0: no rule is named */
	} rows[] = {
		{ "create: a new one", "c", NOTHING, GRANTED, 0 },
		{ "create: one that exists", "c", S_IFREG | 0666,
		    NO_OVERWRITE, CONF_OVERWRITE },
		{ "overwrite: one that exists", "o", S_IFREG | 0644, GRANTED,
		    0 },
		{ "overwrite: the kernel decides", "o", S_IFREG | 0, GRANTED,
		    0 },
		{ "overwrite: a new one", "o", NOTHING, NO_CREATE,
		    CONF_CREATE },
		{ "both: a new one", "co", NOTHING, GRANTED, 0 },
		{ "both: one that exists", "co", S_IFREG | 0600, GRANTED, 0 },
		{ "neither: a new one", "", NOTHING, DENIED(UPLOADS_OFF),
		    CONF_CREATE },
		{ "neither: one that exists", "", S_IFREG | 0666,
		    DENIED(UPLOADS_OFF), CONF_CREATE },
		{ "of no size", "co0", S_IFREG | 0666, DENIED(SIZE_OFF),
		    CONF_MAX_UPLOAD },
		{ "of no size: a directory", "co0", S_IFDIR | 0777,
		    DENIED(SIZE_OFF), CONF_MAX_UPLOAD },
		{ "hpa: o+w", "w", S_IFREG | 0666, GRANTED, 0 },
		{ "hpa: o+w alone", "w", S_IFREG | 0002, GRANTED, 0 },
		{ "hpa: o-w", "w", S_IFREG | 0664,
		    DENIED("mode 0664 is not world-writable"),
		    CONF_OVERWRITE },
		{ "hpa: all but o+w", "w", S_IFREG | 0775,
		    DENIED("mode 0775 is not world-writable"),
		    CONF_OVERWRITE },
		{ "hpa: a new one", "w", NOTHING, NO_CREATE, CONF_CREATE },
		{ "hpa -c: a new one", "wc", NOTHING, GRANTED, 0 },
		{ "hpa -c does not stand for o+w", "wc", S_IFREG | 0644,
		    DENIED("mode 0644 is not world-writable"),
		    CONF_OVERWRITE },
		{ "hpa -c: o+w", "wc", S_IFREG | 0646, GRANTED, 0 },
		{ "hpa -p: the kernel decides", "wp", S_IFREG | 0644,
		    GRANTED, 0 },
		{ "hpa -p does not create", "wp", NOTHING, NO_CREATE,
		    CONF_CREATE },
		{ "hpa -p -c: a new one", "wpc", NOTHING, GRANTED, 0 },
		{ "a directory", "co", S_IFDIR | 0777,
		    DENIED("this is a directory, not a regular file"), 0 },
		{ "hpa -p: a directory", "wpc", S_IFDIR | 0777,
		    DENIED("this is a directory, not a regular file"), 0 },
		{ "a FIFO", "co", S_IFIFO | 0666,
		    DENIED("this is a FIFO, not a regular file"), 0 },
		{ "a FIFO, though nothing is overwritten", "c",
		    S_IFIFO | 0666,
		    DENIED("this is a FIFO, not a regular file"), 0 },
		{ "a socket", "co", S_IFSOCK | 0666,
		    DENIED("this is a socket, not a regular file"), 0 },
		{ "/dev/null", "wpc", S_IFCHR | 0666,
		    DENIED("this is a device, not a regular file"), 0 },
	};
	struct access_verdict v;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct conf c = conf_of(rows[i].flags);
		struct access_rules r = { &c, &c.values };
		struct stat st = { .st_mode = rows[i].mode };

		memset(&v, 0xa5, sizeof(v));
		T_OK(access_write(&v, &r, rows[i].mode == NOTHING ? NULL :
		    &st) == (rows[i].want.message == NULL), rows[i].what);
		if (rows[i].key == 0)
			check(&v, &rows[i].want, rows[i].what);
		else
			check_named(&v, &rows[i].want, rows[i].key,
			    rows[i].what);
	}
}

/* ---- sizes ------------------------------------------------------------ */

#define U64_TEXT	"18446744073709551615"
#define TOO_LARGE(n)	\
	LIMITED(n " bytes are more than max-upload allows (1000)")

static void
test_sizes(void)
{
	static const struct {
		const char *what;
		uint64_t max_upload, min_free, size, available;
		struct answer want;
		enum conf_key key;
	} rows[] = {
		{ "nothing into nothing", 0, 0, 0, 0, GRANTED, 0 },
		{ "at the limit", 1000, 0, 1000, ANY, GRANTED, 0 },
		{ "over the limit", 1000, 0, 1001, ANY, TOO_LARGE("1001"),
		    CONF_MAX_UPLOAD },
		{ "far over the limit", 1000, 0, ANY, ANY,
		    TOO_LARGE(U64_TEXT), CONF_MAX_UPLOAD },
		{ "without a limit", ANY, 0, ANY, ANY, GRANTED, 0 },
		{ "it fits exactly", ANY, 0, 500, 500, GRANTED, 0 },
		{ "one byte too many", ANY, 0, 501, 500,
		    LIMITED("501 bytes do not fit: 500 are free, 0 stay so"),
		    CONF_MIN_FREE },
		{ "it fits exactly with the rest", ANY, 100, 400, 500,
		    GRANTED, 0 },
		{ "it would take of the rest", ANY, 100, 401, 500,
		    LIMITED("401 bytes do not fit: 500 are free, 100 stay "
		    "so"), CONF_MIN_FREE },
		{ "only the rest is free", ANY, 500, 0, 500, GRANTED, 0 },
		{ "not even the rest is free", ANY, 501, 0, 500,
		    LIMITED("0 bytes do not fit: 500 are free, 501 stay so"),
		    CONF_MIN_FREE },
		{ "a sum that would wrap round", ANY, 100, ANY, 500,
		    LIMITED(U64_TEXT " bytes do not fit: 500 are free, 100 "
		    "stay so"), CONF_MIN_FREE },
		{ "a rest that would wrap round", ANY, ANY, 1, 500,
		    LIMITED("1 bytes do not fit: 500 are free, " U64_TEXT
		    " stay so"), CONF_MIN_FREE },
		{ "free space is not known", 1000, 64 << 20, 1000, ANY,
		    GRANTED, 0 },
		{ "the limit is named first", 1000, 0, 1001, 0,
		    TOO_LARGE("1001"), CONF_MAX_UPLOAD },
	};
	struct access_verdict v;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct conf c = conf_of("c");
		struct access_rules r = { &c, &c.values };

		c.values.max_upload = rows[i].max_upload;
		c.values.min_free = rows[i].min_free;
		memset(&v, 0xa5, sizeof(v));
		T_OK(access_size(&v, &r, rows[i].size, rows[i].available) ==
		    (rows[i].want.message == NULL), rows[i].what);
		check_named(&v, &rows[i].want, rows[i].key, rows[i].what);
	}
}

/* ---- system calls ----------------------------------------------------- */

#define LABELS	" (permissions of the directories, SELinux or AppArmor)"

static void
test_errno(void)
{
	static const struct {
		int err;
		const char *what;
		struct answer want;
	} rows[] = {
		{ ENOENT, "ENOENT", MISSING("no such file") },
		{ ENOTDIR, "ENOTDIR", MISSING("no such file") },
		{ ENAMETOOLONG, "ENAMETOOLONG", MISSING("no such file: a "
		    "component of the name is too long") },
		{ EACCES, "EACCES",
		    DENIED("cannot open: Permission denied" LABELS) },
		{ EPERM, "EPERM",
		    DENIED("cannot open: Operation not permitted" LABELS) },
		{ EROFS, "EROFS",
		    DENIED("cannot open: Read-only file system" LABELS) },
		{ ELOOP, "ELOOP", DENIED("cannot open: Too many levels of "
		    "symbolic links") },
		{ EXDEV, "EXDEV",
		    DENIED("cannot open: Invalid cross-device link") },
		{ ENXIO, "ENXIO",
		    DENIED("cannot open: No such device or address") },
		{ EISDIR, "EISDIR", DENIED("cannot open: Is a directory") },
		{ EEXIST, "EEXIST",
		    EXISTS("another upload of that name was faster") },
		{ ENOSPC, "ENOSPC",
		    LIMITED("cannot open: No space left on device") },
		{ EDQUOT, "EDQUOT",
		    LIMITED("cannot open: Disk quota exceeded") },
		{ EFBIG, "EFBIG", LIMITED("cannot open: File too large") },
		{ EIO, "EIO", FAILED("cannot open: Input/output error") },
		{ ENOMEM, "ENOMEM",
		    FAILED("cannot open: Cannot allocate memory") },
		{ EMFILE, "EMFILE",
		    FAILED("cannot open: Too many open files") },
		{ ESTALE, "ESTALE",
		    FAILED("cannot open: Stale file handle") },
		{ EINVAL, "EINVAL",
		    FAILED("cannot open: Invalid argument") },
		{ ENOSYS, "ENOSYS",
		    FAILED("cannot open: Function not implemented") },
	};
	struct access_verdict v;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		memset(&v, 0xa5, sizeof(v));
		access_errno(&v, "open", rows[i].err);
		check(&v, &rows[i].want, rows[i].what);
	}
	access_errno(&v, "create a file there", EACCES);
	T_OK(strcmp(v.message, "cannot create a file there: Permission denied"
	    LABELS) == 0, "the verb is the caller's");
}

/* Whatever the kernel says, the client gets a refusal with a text. */
static void
test_every_errno(void)
{
	struct access_verdict v;
	int err;

	for (err = 0; err < 200; err++) {
		memset(&v, 0xa5, sizeof(v));
		access_errno(&v, "open", err);
		T_OK(v.outcome == OUTCOME_NOTFOUND ||
		    v.outcome == OUTCOME_DENIED ||
		    v.outcome == OUTCOME_LIMITED ||
		    v.outcome == OUTCOME_FAILED, "one of four outcomes");
		T_OK(v.text[0] != '\0' && v.message[0] != '\0',
		    "a text and a sentence");
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "codes and texts", test_refuse },
		{ "a long sentence", test_long_message },
		{ "names", test_names },
		{ "clients", test_clients },
		{ "reads and uploads as such", test_operations },
		{ "values of a client section", test_values_of_a_section },
		{ "where a rule stands", test_origins },
		{ "where it stands, at any length", test_long_origins },
		{ "deny-files", test_denied_files },
		{ "allow-extensions", test_extensions },
		{ "deny-files before allow-extensions",
		    test_denied_beats_allowed },
		{ "names without -s", test_below },
		{ "reads", test_read },
		{ "max-read", test_read_size },
		{ "writes", test_write },
		{ "sizes", test_sizes },
		{ "errno", test_errno },
		{ "every errno", test_every_errno },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "access", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
