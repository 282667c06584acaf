/*
 * The n-th allocation fails, for every n: the reader of a configuration and of
 * map rules gives up with a word about memory, or it has all that was asked
 * for; it never has half of it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "policy/conf.h"
#include "policy/maprules.h"

#include "t.h"

#define FAILURES_MAX	5000

/* How many succeed before one fails; the linker puts these before libc's. */
static struct {
	bool is_on, has_failed;
	unsigned left;
} memory;

void *__real_malloc(size_t len);
void *__wrap_malloc(size_t len);
void *__real_calloc(size_t count, size_t len);
void *__wrap_calloc(size_t count, size_t len);
void *__real_realloc(void *ptr, size_t len);
void *__wrap_realloc(void *ptr, size_t len);
void *__real_reallocarray(void *ptr, size_t count, size_t len);
void *__wrap_reallocarray(void *ptr, size_t count, size_t len);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
char *__wrap_strndup(const char *text, size_t len);
FILE *__real_fmemopen(void *buf, size_t len, const char *mode);
FILE *__wrap_fmemopen(void *buf, size_t len, const char *mode);

static bool
is_used_up(void)
{
	if (!memory.is_on || memory.has_failed || memory.left-- != 0)
		return false;
	memory.has_failed = true;
	errno = ENOMEM;
	return true;
}

void *
__wrap_malloc(size_t len)
{
	return is_used_up() ? NULL : __real_malloc(len);
}

void *
__wrap_calloc(size_t count, size_t len)
{
	return is_used_up() ? NULL : __real_calloc(count, len);
}

void *
__wrap_realloc(void *ptr, size_t len)
{
	return is_used_up() ? NULL : __real_realloc(ptr, len);
}

void *
__wrap_reallocarray(void *ptr, size_t count, size_t len)
{
	return is_used_up() ? NULL : __real_reallocarray(ptr, count, len);
}

char *
__wrap_strdup(const char *text)
{
	return is_used_up() ? NULL : __real_strdup(text);
}

char *
__wrap_strndup(const char *text, size_t len)
{
	return is_used_up() ? NULL : __real_strndup(text, len);
}

FILE *
__wrap_fmemopen(void *buf, size_t len, const char *mode)
{
	return is_used_up() ? NULL : __real_fmemopen(buf, len, mode);
}

static void
let_succeed(unsigned count)
{
	memory.left = count;
	memory.has_failed = false;
	memory.is_on = true;
}

/* ---- map rules --------------------------------------------------------- */

/* Labels, jumps, and more rules than the first piece of memory has room for. */
static const char rules[] =
"j ^a here\nrg [A-Z] \\L\\0\n: here\nr ^x y\nr ^z\n"
"r 1 2\nr 2 3\nr 3 4\nr 4 5\nr 5 6\nr 6 7\nr 7 8\nr 8 9\nr 9 a\n"
"r a1 2\nr a2 3\nr a3 4\nr a4 5\nr a5 6\nr a6 7\nr a7 8\nr ^last$ found\n";

struct complaints {
	unsigned errors, of_memory;
};

static void
complain(void *arg, unsigned line, bool is_warning, const char *text)
{
	struct complaints *said = arg;

	(void)line;
	said->errors += !is_warning;
	said->of_memory += strstr(text, "memory") != NULL;
}

static bool
finds_last(const struct maprules *m)
{
	static const uint8_t bytes[4] = { 192, 0, 2, 1 };
	const struct maprules_client client = { .is_v4 = true,
		.address = "192.0.2.1", .bytes = bytes, .mac = "" };
	struct maprules_result r;

	maprules_apply(m, "last", &client, 100, NULL, &r);
	return r.verdict == MAPRULES_OK && strcmp(r.out, "found") == 0;
}

static void
test_rules(void)
{
	struct complaints said;
	struct maprules *m;
	unsigned n, failed = 0;

	for (n = 0; n < FAILURES_MAX; n++) {
		said = (struct complaints){ 0 };
		let_succeed(n);
		m = maprules_compile(rules, strlen(rules), complain, &said);
		memory.is_on = false;
		T_OK(m != NULL ? said.errors == 0 && finds_last(m) :
		    said.of_memory == 1,
		    "all rules, or one word about memory");
		T_OK(m == NULL || !memory.has_failed,
		    "no rules with something missing");
		maprules_free(m);
		failed += m == NULL;
		if (!memory.has_failed)
			break;
	}
	T_OK(failed == n && n > 40 && n < FAILURES_MAX, "each allocation");
}

/* ---- configuration ----------------------------------------------------- */

static const char text[] =
"max-transfers = 123\nlog = \"/var/log/tftpd/some.jsonl\"\n"
"root = {\"/usr\", \"/etc\"}\nallow-extensions = {\"img\", \"efi\"}\n"
"deny-files = {\"*.key\", \"secret/*\"}\nallow-clients = {\"192.0.2.0/24\"}\n"
"refuse-options = {\"multicast\", \"tsize\"}\n"
"map-rules = {\"r ^a b\", \"r ^c d\"}\n"
"client \"192.0.2.7\" { create = yes\n max-blksize = 1024\n"
" root = \"/usr/lib\" }\n"
"client \"192.0.2.8/30\" { read = no }\n";

static void
hear(void *arg, bool is_warning, const char *line)
{
	unsigned *of_memory = arg;

	*of_memory += !is_warning && strstr(line, "memory") != NULL;
}

static bool
has_all(const struct conf *c)
{
	return c->max_transfers == 123 && c->section_count == 2 &&
	    c->deny_clients.count == 0 && c->values.map != NULL &&
	    strcmp(c->log_path, "/var/log/tftpd/some.jsonl") == 0;
}

static void
test_conf(void)
{
	char path[] = "/tmp/t-nomemory.XXXXXX";
	char *argv[] = { (char[]){ "tftpd" }, (char[]){ "-f" }, path, NULL };
	struct conf_report report = { .say = hear };
	unsigned n, of_memory, failed = 0;
	int fd = mkstemp(path);
	struct conf_args args;
	struct conf *c;
	char why[512];

	if (fd == -1 ||
	    write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    fchmod(fd, 0644) == -1 || close(fd) == -1)
		abort();
	T_OK(conf_parse_args(&args, 3, argv, why, sizeof(why)), "arguments");
	report.arg = &of_memory;
	for (n = 0; n < FAILURES_MAX; n++) {
		of_memory = 0;
		let_succeed(n);
		c = conf_make(&args, &report);
		memory.is_on = false;
		if (c != NULL)
			T_OK(report.errors == 0 && has_all(c), "all of it");
		else
			T_OK(of_memory != 0, "a word about memory");
		failed += c == NULL;
		conf_free(c);
		conf_report_clear(&report);
		if (!memory.has_failed)
			break;
	}
	T_OK(failed > 10 && n < FAILURES_MAX, "each allocation");
	unlink(path);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "map rules", test_rules },
		{ "a configuration", test_conf },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "the n-th allocation fails", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
