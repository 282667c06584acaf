#include <stdbool.h>

#include "status/effective.h"
#include "t.h"

static const char printed[] =
"# As tftpd-hpa: names are absolute,\n"
"# and nothing is overwritten.\n"
"user = \"\"\t# default\n"
"root = {\"/srv/tftp\", \"/srv/a\\\"b = c\"}\t# /etc/tftpd.conf:1\n"
"map-rules = {\n"
"\t\"rg \\\\\\\\ /\",\n"
"\t\"r [\\\\t\\\"x] } y\"\n"
"}\t# /etc/tftpd.conf:2\n"
"read = yes\t# command line\n"
"\n"
"client \"10.0.0.0/8,2001:db8::/32\" {\t# /etc/tftpd.conf:6\n"
"\tmap-rules = {\n"
"\t\"rg a b\"\n"
"}\t# /etc/tftpd.conf:8\n"
"\tcreate = yes\t# /etc/tftpd.conf:7\n"
"}\n"
"\n"
"client \"10.1.0.0/16\" {\t# /etc/tftpd.conf:10\n"
"\tmap-rules = {}\t# /etc/tftpd.conf:10\n"
"}\n";

static void
takes_values(void)
{
	static const struct effective_value wanted[] = {
		{ "user", "\"\"", "default", NULL },
		{ "root", "{\"/srv/tftp\", \"/srv/a\\\"b = c\"}",
		    "/etc/tftpd.conf:1", NULL },
		{ "map-rules", "{\n\t\"rg \\\\\\\\ /\",\n"
		    "\t\"r [\\\\t\\\"x] } y\"\n}", "/etc/tftpd.conf:2",
		    NULL },
		{ "read", "yes", "command line", NULL },
		{ "map-rules", "{\n\t\"rg a b\"\n}", "/etc/tftpd.conf:8",
		    "10.0.0.0/8,2001:db8::/32" },
		{ "create", "yes", "/etc/tftpd.conf:7",
		    "10.0.0.0/8,2001:db8::/32" },
		{ "map-rules", "{}", "/etc/tftpd.conf:10", "10.1.0.0/16" },
	};
	const size_t count = sizeof(wanted) / sizeof(wanted[0]);
	const struct effective_value *v;
	struct effective e;
	size_t i;

	effective_parse(printed, "", &e);
	CU_ASSERT_EQUAL_FATAL(e.value_count, count);
	CU_ASSERT_EQUAL(e.problem_count, 0);
	for (i = 0; i < count; i++) {
		v = &e.values[i];
		T_OK(strcmp(v->key, wanted[i].key) == 0, wanted[i].key);
		T_OK(strcmp(v->value, wanted[i].value) == 0, wanted[i].value);
		T_OK(strcmp(v->origin, wanted[i].origin) == 0,
		    wanted[i].origin);
		T_OK(v->section == NULL ? wanted[i].section == NULL :
		    strcmp(v->section, wanted[i].section) == 0,
		    wanted[i].key);
	}
	effective_free(&e);
}

static void
takes_problems(void)
{
	static const struct effective_problem wanted[] = {
		{ false, "/etc/tftpd.conf", 7,
		    "colour: no such key; tftpd.conf(5) has them all" },
		{ true, "/etc/tftpd.conf", 4,
		    "map-rules: g does nothing without r" },
		{ false, "/etc/a:b.conf", 0, "Permission denied" },
		{ true, NULL, 0, "not started as root" },
		{ false, NULL, 0, "-B: expected \"/\": 1" },
		{ false, NULL, 0, "no place at all" },
	};
	const size_t count = sizeof(wanted) / sizeof(wanted[0]);
	const struct effective_problem *p;
	struct effective e;
	size_t i;

	effective_parse("", "/etc/tftpd.conf:7: colour: no such key; "
	    "tftpd.conf(5) has them all\n"
	    "warning: /etc/tftpd.conf:4: map-rules: g does nothing without "
	    "r\n/etc/a:b.conf: Permission denied\n"
	    "tftpd: not started as root\n"
	    "-B: expected \"/\": 1\n\nno place at all\n"
	    "/etc/tftpd.conf: errors: 3, warnings: 1\n", &e);
	CU_ASSERT_EQUAL(e.value_count, 0);
	CU_ASSERT_EQUAL_FATAL(e.problem_count, count);
	for (i = 0; i < count; i++) {
		p = &e.problems[i];
		T_OK(p->is_warning == wanted[i].is_warning, wanted[i].text);
		T_OK(p->line == wanted[i].line, wanted[i].text);
		T_OK(strcmp(p->text, wanted[i].text) == 0, wanted[i].text);
		T_OK(p->file == NULL ? wanted[i].file == NULL :
		    strcmp(p->file, wanted[i].file) == 0, wanted[i].text);
	}
	effective_free(&e);
}

/* Whatever it is: an end, and nothing read beyond. */
static void
takes_rubbish(void)
{
	static const char *const texts[] = {
		"", "\n", "\t", "}", "client \"", "client \"x", "client \"x\"",
		"client \"x\" {\n", "a", "a = ", "a = b", "a = b\t# ",
		"a = b\n\t# c", "a\nb = c\t# d\n", "\ta = b\t# c", " = \t# \n",
		"a = {\n\t\"x\"\n}", "client \"\n\n\"", "}\n}\n}", "#", "# x"
	};
	struct effective e;
	size_t i, cut;
	char copy[sizeof(printed)];

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		effective_parse(texts[i], texts[i], &e);
		effective_free(&e);
	}
	for (cut = 0; cut < sizeof(printed); cut++) {
		memcpy(copy, printed, cut);
		copy[cut] = '\0';
		effective_parse(copy, copy, &e);
		CU_ASSERT(e.value_count <= 7);
		effective_free(&e);
	}
}

static void
bounds_problems(void)
{
	static char text[1500 * 4 + 1];
	struct effective e;
	size_t i;

	for (i = 0; i < 1500; i++)
		memcpy(text + i * 4, "bad\n", 4);
	effective_parse("", text, &e);
	CU_ASSERT_EQUAL(e.problem_count, 1000);
	CU_ASSERT(e.has_more);
	effective_free(&e);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "values have keys, origins and sections", takes_values },
		{ "problems have files and lines", takes_problems },
		{ "anything else does no harm", takes_rubbish },
		{ "problems are bounded", bounds_problems },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "effective", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
