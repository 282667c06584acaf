/*
 * t-access - every refusal to the letter: its outcome, the code and text
 * that the client sees, and the sentence in the log.
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

/* Whether v says what is wanted; a failure prints the sentence it has. */
static void
check(const struct access_verdict *v, const struct answer *want,
    const char *what)
{
	T_OK(v->outcome == want->outcome, what);
	if (want->message == NULL)
		return;
	T_OK(v->code == want->code, what);
	T_OK(v->text != NULL && strcmp(v->text, want->text) == 0, what);
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
	t_unguard(v, sizeof(*v));
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

/* ---- names without -s, as in tftpd-hpa -------------------------------- */

#define ONLY_ABSOLUTE	DENIED("without -s only absolute names are served")

static void
test_map(void)
{
	static const struct {
		const char *what, *root;
		bool is_secure;
		const char *name, *want;
		struct answer answer;
	} rows[] = {
		{ "with -s: relative to the root", "/tftpboot", true,
		    "pxelinux.0", "pxelinux.0", GRANTED },
		{ "with -s: a slash changes nothing", "/tftpboot", true,
		    "/a/b", "a/b", GRANTED },
		{ "with -s: the root's name is not taken off", "/tftpboot",
		    true, "/tftpboot/a", "tftpboot/a", GRANTED },
		{ "in the directory", "/tftpboot", false, "/tftpboot/a", "a",
		    GRANTED },
		{ "further down", "/tftpboot", false, "/tftpboot/a/b/c",
		    "a/b/c", GRANTED },
		{ "a directory of two components", "/srv/tftp", false,
		    "/srv/tftp/a", "a", GRANTED },
		{ "a directory written with a slash", "/tftpboot/", false,
		    "/tftpboot/a", "a", GRANTED },
		{ "a directory written with several", "//srv/./tftp//",
		    false, "/srv/tftp/a", "a", GRANTED },
		{ "a name with doubled slashes", "/srv/tftp", false,
		    "//srv///tftp/./a", "a", GRANTED },
		{ "a name with backslashes", "/srv/tftp", false,
		    "\\srv\\tftp\\a", "a", GRANTED },
		{ "the directory itself", "/tftpboot", false, "/tftpboot",
		    ".", GRANTED },
		{ "everything is served", "/", false, "/etc/motd",
		    "etc/motd", GRANTED },
		{ "a longer name beside it", "/tftpboot", false,
		    "/tftpbootX/a", NULL,
		    DENIED("the name is not below /tftpboot") },
		{ "a longer name of a file", "/tftpboot", false,
		    "/tftpbootX", NULL,
		    DENIED("the name is not below /tftpboot") },
		{ "a shorter name", "/tftpboot", false, "/tftpboo/t", NULL,
		    DENIED("the name is not below /tftpboot") },
		{ "its parent", "/srv/tftp", false, "/srv", NULL,
		    DENIED("the name is not below /srv/tftp") },
		{ "a sibling", "/srv/tftp", false, "/srv/http/a", NULL,
		    DENIED("the name is not below /srv/tftp") },
		{ "another case", "/tftpboot", false, "/TFTPBOOT/a", NULL,
		    DENIED("the name is not below /tftpboot") },
		{ "elsewhere", "/tftpboot", false, "/etc/passwd", NULL,
		    DENIED("the name is not below /tftpboot") },
		{ "the root of the file system", "/tftpboot", false, "/",
		    NULL, DENIED("the name is not below /tftpboot") },
		{ "relative", "/tftpboot", false, "a", NULL, ONLY_ABSOLUTE },
		{ "relative, though it spells the directory", "/tftpboot",
		    false, "tftpboot/a", NULL, ONLY_ABSOLUTE },
		{ "relative, with everything served", "/", false, "a", NULL,
		    ONLY_ABSOLUTE },
	};
	char path[PATHNAME_MAX + 1];
	struct access_verdict v;
	const char *got;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct conf c = { .root = rows[i].root,
			.is_secure = rows[i].is_secure };

		T_OK(pathname_clean((const uint8_t *)rows[i].name,
		    strlen(rows[i].name), path) == PATHNAME_OK, rows[i].what);
		memset(&v, 0, sizeof(v));
		got = access_map(&v, &c, path, rows[i].name[0] == '/' ||
		    rows[i].name[0] == '\\');
		T_OK((got == NULL) == (rows[i].want == NULL), rows[i].what);
		T_OK(got == NULL || rows[i].want == NULL ||
		    strcmp(got, rows[i].want) == 0, rows[i].what);
		T_OK(got == NULL || (got >= path && got <= path +
		    strlen(path)) || strcmp(got, ".") == 0, rows[i].what);
		check(&v, &rows[i].answer, rows[i].what);
	}
}

/* ---- permissions ------------------------------------------------------ */

static void
test_read(void)
{
	static const struct {
		const char *what;
		bool permissive;
		mode_t mode;
		struct answer want;
	} rows[] = {
		{ "o+r", false, S_IFREG | 0644, GRANTED },
		{ "o+r alone", false, S_IFREG | 0004, GRANTED },
		{ "o-r", false, S_IFREG | 0640,
		    DENIED("mode 0640 is not world-readable") },
		{ "nothing", false, S_IFREG | 0,
		    DENIED("mode 0000 is not world-readable") },
		{ "all but o+r", false, S_IFREG | 07773,
		    DENIED("mode 7773 is not world-readable") },
		{ "-p: the kernel decides", true, S_IFREG | 0640, GRANTED },
		{ "-p: whatever the mode", true, S_IFREG | 0, GRANTED },
		{ "a directory", false, S_IFDIR | 0755,
		    DENIED("this is a directory, not a regular file") },
		{ "a FIFO", false, S_IFIFO | 0666,
		    DENIED("this is a FIFO, not a regular file") },
		{ "a socket", false, S_IFSOCK | 0777,
		    DENIED("this is a socket, not a regular file") },
		{ "a disk", false, S_IFBLK | 0666,
		    DENIED("this is a device, not a regular file") },
		{ "/dev/zero", false, S_IFCHR | 0666,
		    DENIED("this is a device, not a regular file") },
		{ "-p makes a directory no file", true, S_IFDIR | 0755,
		    DENIED("this is a directory, not a regular file") },
		{ "-p makes a device no file", true, S_IFCHR | 0666,
		    DENIED("this is a device, not a regular file") },
	};
	struct access_verdict v;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct conf c = { .permissive = rows[i].permissive };
		struct stat st = { .st_mode = rows[i].mode };

		memset(&v, 0, sizeof(v));
		T_OK(access_read(&v, &c, &st) ==
		    (rows[i].want.message == NULL), rows[i].what);
		check(&v, &rows[i].want, rows[i].what);
		/* reading does not ask whether uploads are allowed */
		c.read_only = true;
		T_OK(access_read(&v, &c, &st) ==
		    (rows[i].want.message == NULL), rows[i].what);
	}
}

#define NO_CREATE	MISSING("no such file, and without -c none is created")
#define READ_ONLY	DENIED("uploads are off (--read-only)")
#define NOTHING		((mode_t)-1)	/* nothing stands there */

static void
test_write(void)
{
	static const struct {
		const char *what, *flags;
		mode_t mode;
		struct answer want;
	} rows[] = {
		{ "o+w", "", S_IFREG | 0666, GRANTED },
		{ "o+w alone", "", S_IFREG | 0002, GRANTED },
		{ "o-w", "", S_IFREG | 0664,
		    DENIED("mode 0664 is not world-writable") },
		{ "all but o+w", "", S_IFREG | 0775,
		    DENIED("mode 0775 is not world-writable") },
		{ "a new one", "", NOTHING, NO_CREATE },
		{ "-c: a new one", "c", NOTHING, GRANTED },
		{ "-c does not stand for o+w", "c", S_IFREG | 0644,
		    DENIED("mode 0644 is not world-writable") },
		{ "-c: o+w", "c", S_IFREG | 0646, GRANTED },
		{ "-p: o-w", "p", S_IFREG | 0644, GRANTED },
		{ "-p does not create", "p", NOTHING, NO_CREATE },
		{ "-p -c: a new one", "pc", NOTHING, GRANTED },
		{ "--read-only: o+w", "r", S_IFREG | 0666, READ_ONLY },
		{ "--read-only: a new one", "r", NOTHING, READ_ONLY },
		{ "--read-only beats -c", "rc", NOTHING, READ_ONLY },
		{ "--read-only beats -p", "rp", S_IFREG | 0666, READ_ONLY },
		{ "--read-only: a directory", "r", S_IFDIR | 0777,
		    READ_ONLY },
		{ "--max-upload 0 is the same", "c0", NOTHING,
		    DENIED("uploads are off (--max-upload 0)") },
		{ "a directory", "c", S_IFDIR | 0777,
		    DENIED("this is a directory, not a regular file") },
		{ "-p: a directory", "pc", S_IFDIR | 0777,
		    DENIED("this is a directory, not a regular file") },
		{ "a FIFO", "c", S_IFIFO | 0666,
		    DENIED("this is a FIFO, not a regular file") },
		{ "a socket", "c", S_IFSOCK | 0666,
		    DENIED("this is a socket, not a regular file") },
		{ "/dev/null", "pc", S_IFCHR | 0666,
		    DENIED("this is a device, not a regular file") },
	};
	struct access_verdict v;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct conf c = {
			.permissive = strchr(rows[i].flags, 'p') != NULL,
			.may_create = strchr(rows[i].flags, 'c') != NULL,
			.read_only = strchr(rows[i].flags, 'r') != NULL,
			.max_upload = strchr(rows[i].flags, '0') == NULL,
		};
		struct stat st = { .st_mode = rows[i].mode };

		memset(&v, 0, sizeof(v));
		T_OK(access_write(&v, &c, rows[i].mode == NOTHING ? NULL :
		    &st) == (rows[i].want.message == NULL), rows[i].what);
		check(&v, &rows[i].want, rows[i].what);
	}
}

/* ---- sizes ------------------------------------------------------------ */

#define U64_TEXT	"18446744073709551615"

static void
test_sizes(void)
{
	static const struct {
		const char *what;
		uint64_t max_upload, min_free, size, available;
		struct answer want;
	} rows[] = {
		{ "nothing into nothing", 0, 0, 0, 0, GRANTED },
		{ "at the limit", 1000, 0, 1000, UINT64_MAX, GRANTED },
		{ "over the limit", 1000, 0, 1001, UINT64_MAX,
		    LIMITED("1001 bytes are more than max-upload allows "
		    "(1000)") },
		{ "far over the limit", 1000, 0, UINT64_MAX, UINT64_MAX,
		    LIMITED(U64_TEXT " bytes are more than max-upload allows "
		    "(1000)") },
		{ "without a limit", UINT64_MAX, 0, UINT64_MAX, UINT64_MAX, GRANTED },
		{ "it fits exactly", UINT64_MAX, 0, 500, 500, GRANTED },
		{ "one byte too many", UINT64_MAX, 0, 501, 500,
		    LIMITED("501 bytes do not fit: 500 are free, 0 stay "
		    "so") },
		{ "it fits exactly with the rest", UINT64_MAX, 100, 400, 500,
		    GRANTED },
		{ "it would take of the rest", UINT64_MAX, 100, 401, 500,
		    LIMITED("401 bytes do not fit: 500 are free, 100 stay "
		    "so") },
		{ "only the rest is free", UINT64_MAX, 500, 0, 500, GRANTED },
		{ "not even the rest is free", UINT64_MAX, 501, 0, 500,
		    LIMITED("0 bytes do not fit: 500 are free, 501 stay "
		    "so") },
		{ "a sum that would wrap round", UINT64_MAX, 100, UINT64_MAX, 500,
		    LIMITED(U64_TEXT " bytes do not fit: 500 are free, 100 "
		    "stay so") },
		{ "a rest that would wrap round", UINT64_MAX, UINT64_MAX, 1, 500,
		    LIMITED("1 bytes do not fit: 500 are free, " U64_TEXT
		    " stay so") },
		{ "free space is not known", 1000, 64 << 20, 1000, UINT64_MAX,
		    GRANTED },
		{ "the limit is named first", 1000, 0, 1001, 0,
		    LIMITED("1001 bytes are more than max-upload allows "
		    "(1000)") },
	};
	struct access_verdict v;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct conf c = { .max_upload = rows[i].max_upload,
			.min_free = rows[i].min_free };

		memset(&v, 0, sizeof(v));
		T_OK(access_size(&v, &c, rows[i].size, rows[i].available) ==
		    (rows[i].want.message == NULL), rows[i].what);
		check(&v, &rows[i].want, rows[i].what);
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
		{ EEXIST, "EEXIST", { OUTCOME_DENIED, PACKET_ERR_EXISTS,
		    "File already exists",
		    "another upload of that name was faster" } },
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
		{ "names without -s", test_map },
		{ "reads", test_read },
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
