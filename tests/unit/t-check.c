/* What health and check are made of; both are tried whole by the lane. */
#include <stdint.h>

#include "stats/capture.h"
#include "stats/findings.h"
#include "stats/printed.h"
#include "stats/range.h"
#include "t-work.h"

/* ---- ranges ------------------------------------------------------------ */

static void
ranges_alert(void)
{
	static const struct {
		const char *text;
		double quiet[3], loud[3];
		bool is_percent;
	} rows[] = {
		{ "10", { 0, 5, 10 }, { -0.5, 10.001, 1e9 }, false },
		{ "10%", { 0, 5, 10 }, { -0.5, 10.001, 1e9 }, true },
		{ "6.2%", { 0, 6.2, 31 * 100.0 / 500 }, { 6.201, 7, 100 },
		    true },
		{ "0", { 0, 0, 0 }, { 1, 2, 0.001 }, false },
		{ "10:", { 10, 11, 1e9 }, { 9.999, 0, -3 }, false },
		{ "~:10", { -1e9, 0, 10 }, { 10.001, 11, 1e9 }, false },
		{ "10:20", { 10, 15, 20 }, { 9.999, 20.001, 0 }, false },
		{ "10%:20%", { 10, 15, 20 }, { 9.999, 20.001, 0 }, true },
		{ ":20", { 0, 1, 20 }, { -1, 20.001, 21 }, false },
		{ "-5:-1", { -5, -3, -1 }, { -5.1, 0, 3 }, false },
		{ "@10:20", { 9.999, 20.001, 0 }, { 10, 15, 20 }, false },
		{ "@10", { -1, 10.001, 11 }, { 0, 5, 10 }, false },
		{ "@~:0", { 0.001, 1, 2 }, { 0, -1, -1e9 }, false },
	};
	struct range r;
	size_t i, k;

	for (i = 0; i < COUNT(rows); i++) {
		T_OK(range_parse(rows[i].text, &r) &&
		    r.is_percent == rows[i].is_percent, rows[i].text);
		for (k = 0; k < 3; k++) {
			T_OK(!range_alerts(&r, rows[i].quiet[k]),
			    rows[i].text);
			T_OK(range_alerts(&r, rows[i].loud[k]),
			    rows[i].text);
		}
	}
}

static void
no_ranges(void)
{
	static const char *const texts[] = {
		"", "@", ":", "@:", "~", "a", "10a", "10 ", " 10", "+10",
		"1e3", "0x10", "inf", "nan", "10:5", "5:~", "~10", "10::20",
		"10:20:30", "1.", ".5", "1.5.5", "-", "--1", "-1", "%",
		"10%%", "%10", "@@1", "1,5", "1234567890123456", "10;20",
	};
	struct range r;
	size_t i, len;
	char *copy;

	for (i = 0; i < COUNT(texts); i++) {
		len = strlen(texts[i]) + 1;
		copy = t_guard(texts[i], len);
		T_OK(!range_parse(copy, &r), texts[i]);
		t_unguard(copy, len);
	}
}

static void
ranges_are_written(void)
{
	struct range r;
	size_t size;
	char *out;
	FILE *f = open_memstream(&out, &size);

	T_OK(range_parse("@5%:10%", &r), "a range");
	range_put(&r, f);
	fclose(f);
	T_OK(strcmp(out, "@5:10") == 0, "without percent signs");
	free(out);
}

/* ---- tftpd --print-config ---------------------------------------------- */

#define HEAD	"user = \"\"\t# default\nlog = \"/l/t.jsonl\"\t# default\n"

static void
print_outs(void)
{
	static const struct {
		const char *what, *text, *user, *log;
		const char *dirs;	/* "PATH[+min_free] ..." */
	} rows[] = {
		{ "one root, no uploads", HEAD
		    "root = {\"/a\"}\t# default\ncreate = no\t# default\n"
		    "overwrite = no\t# -c\nmin-free = 64M\t# default\n", "",
		    "/l/t.jsonl", "/a " },
		{ "a user, two roots, uploads into the first",
		    "user = \"x\"\t# f:1\nlog = \"/l\"\t# f:2\n"
		    "root = {\"/a\", \"/b\"}\t# f\ncreate = yes\t# -c\n"
		    "min-free = 1K\t# default\n", "x", "/l",
		    "/a+1024 /b " },
		{ "uploads elsewhere", HEAD "root = {\"/a\"}\t#\n"
		    "upload-root = \"/u\"\t# f\noverwrite = yes\t#\n"
		    "min-free = 5\t#\n", "", "/l/t.jsonl", "/a /u+5 " },
		{ "a section that lets its clients write", HEAD
		    "root = {\"/a\"}\t#\ncreate = no\t#\nmin-free = 2K\t#\n"
		    "\nclient \"10.0.0.0/8\" {\t# f:2\n\troot = {\"/s\"}\t#\n"
		    "\tcreate = yes\t#\n}\n", "", "/l/t.jsonl",
		    "/a /s+2048 " },
		{ "a section has what it does not say from outside", HEAD
		    "root = {\"/a\"}\t#\ncreate = yes\t#\nmin-free = 1\t#\n"
		    "\nclient \"::/0\" {\t#\n\tmin-free = 7\t#\n}\n"
		    "\nclient \"10.0.0.0/8\" {\t#\n\tcreate = no\t#\n}\n",
		    "", "/l/t.jsonl", "/a+7 " },
		{ "quotes, backslashes and control bytes", HEAD
		    "root = {\"/a\\\"b\\\\c\\$d\\x01, \", \"/e # {\"}\t#\n",
		    "", "/l/t.jsonl", "/a\"b\\c$d\001,  /e # { " },
		{ "rules over several lines are passed over", HEAD
		    "root = {\"/a\"}\t#\nmap-rules = {\n"
		    "\t\"r root = {\",\n\t\"create = yes\"\n}\t# f:3\n"
		    "create = no\t#\n\nclient \"::/0\" {\t#\n\tmap-rules = {"
		    "\n\t\"x\"\n}\t#\n\tcreate = yes\t#\n\tmin-free = 3\t#\n"
		    "}\n", "", "/l/t.jsonl", "/a+3 " },
		{ "no rules", HEAD "root = {\"/a\"}\t#\n"
		    "map-rules = {}\t# default\ncreate = yes\t#\n", "",
		    "/l/t.jsonl", "/a+0 " },
	};
	struct printed p;
	char dirs[256], one[80];
	size_t i, k;

	for (i = 0; i < COUNT(rows); i++) {
		T_OK(printed_parse(rows[i].text, &p), rows[i].what);
		T_OK(strcmp(p.user, rows[i].user) == 0 &&
		    strcmp(p.log, rows[i].log) == 0, rows[i].what);
		dirs[0] = '\0';
		for (k = 0; k < p.dir_count; k++) {
			snprintf(one, sizeof(one), p.dirs[k].has_uploads ?
			    "%.40s+%llu " : "%.40s ", p.dirs[k].path,
			    (unsigned long long)p.dirs[k].min_free);
			strcat(dirs, one);
		}
		T_OK(strcmp(dirs, rows[i].dirs) == 0, rows[i].what);
		printed_free(&p);
	}
}

static void
no_print_outs(void)
{
	static const char *const texts[] = {
		"", "tftpd: no\n", HEAD, "root = {\"/a\"}\t#\n",
		HEAD "root = {\"/a}\n", HEAD "root = {\"/a\"\n",
		HEAD "root = \"/a\"\n", HEAD "root = {\"/a\\x0g\"}\n",
		HEAD "root = {\"/a\\", HEAD "root = {}\n",
		HEAD "root = {\"/a\"}\nmin-free = many\n",
		HEAD "root = {\"/a\"}\nmin-free = 5Z\t#\n",
		"log = \"t\"\nroot = {\"/a\"}\n", "log = x\n",
	};
	struct printed p;
	size_t i, len;
	char *copy;

	for (i = 0; i < COUNT(texts); i++) {
		len = strlen(texts[i]) + 1;
		copy = t_guard(texts[i], len);
		T_OK(!printed_parse(copy, &p), texts[i]);
		printed_free(&p);
		t_unguard(copy, len);
	}
}

static void
many_directories(void)
{
	char text[4096] = HEAD "root = {\"/0\"}\t#\n", one[64];
	struct printed p;
	unsigned i;

	for (i = 1; i < PRINTED_DIRS_MAX + 2; i++) {
		snprintf(one, sizeof(one), "client \"::%u\" {\n"
		    "\troot = {\"/%u\"}\n}\n", i, i);
		strcat(text, one);
	}
	T_OK(printed_parse(text, &p) && p.dir_count == PRINTED_DIRS_MAX &&
	    p.has_more, "more directories than there is room for");
	printed_free(&p);
}

/* ---- findings ---------------------------------------------------------- */

static void
the_gravest_counts(void)
{
	struct findings f = { .count = 0 };

	T_OK(findings_worst(&f) == NULL &&
	    findings_exit(findings_state(&f)) == 0, "none is ok");
	findings_add(&f, "a", FINDINGS_OK, "%s", "");
	T_OK(findings_exit(findings_state(&f)) == 0, "ok");
	findings_add(&f, "b", FINDINGS_UNKNOWN, "%s", "");
	T_OK(findings_exit(findings_state(&f)) == 3, "unknown before ok");
	findings_add(&f, "c", FINDINGS_WARNING, "%s", "");
	findings_add(&f, "d", FINDINGS_WARNING, "%s", "");
	T_OK(findings_exit(findings_state(&f)) == 1 &&
	    strcmp(findings_worst(&f)->check, "c") == 0,
	    "a warning before unknown, the first one");
	findings_add(&f, "e", FINDINGS_CRITICAL, "%s", "");
	T_OK(findings_exit(findings_state(&f)) == 2, "critical is worst");
}

static void
findings_are_harmless(void)
{
	static const struct text_style plain = { .is_utf8 = false };
	static struct findings f;
	struct json j = { .out = NULL };
	size_t size, i;
	char *out;

	for (i = 0; i < FINDINGS_MAX + 3; i++) {
		findings_add(&f, "probe", FINDINGS_OK, "\033[31m\n%s",
		    "\xff");
		findings_advise(&f, "a\nb");
	}
	T_OK(f.count == FINDINGS_MAX, "no more than there is room for");
	f.count = 1;
	j.out = open_memstream(&out, &size);
	findings_print(&f, &plain, j.out);
	fclose(j.out);
	T_OK(strcmp(out, "  ok        probe          \\x1b[31m\\x0a\\xff\n"
	    "                           a\\x0ab\n") == 0, "in text");
	free(out);
	j.out = open_memstream(&out, &size);
	findings_json(&f, &j);
	fclose(j.out);
	T_OK(strcmp(out, "\"checks\":[{\"check\":\"probe\",\"state\":\"ok\","
	    "\"text\":\"\\u001b[31m\\u000a\xef\xbf\xbd\","
	    "\"advice\":\"a\\u000ab\"}]") == 0, "in JSON");
	free(out);
}

/* ---- programs ---------------------------------------------------------- */

static void
programs(void)
{
	static const struct {
		const char *what, *script;
		int ret, status;
		const char *out, *err;
	} rows[] = {
		{ "both outputs and the status",
		    "echo a; echo b >&2; exit 7", 0, 7, "a\n", "b\n" },
		{ "nothing said", ":", 0, 0, "", "" },
		{ "no input", "cat; echo x", 0, 0, "x\n", "" },
		{ "killed by itself", "kill -9 $$", 0, -1, "", "" },
		{ "it takes too long, and so do its children",
		    "sleep 30 & echo c; sleep 30", -ETIMEDOUT, -1, "c\n",
		    "" },
	};
	char sh[] = "sh", dash_c[] = "-c", *argv[4] = { sh, dash_c };
	struct capture c;
	size_t i;
	int ret;

	for (i = 0; i < COUNT(rows); i++) {
		argv[2] = strdup(rows[i].script);
		ret = capture_run("/bin/sh", argv, rows[i].ret == 0 ?
		    20000000 : 1000000, &c);
		T_OK(ret == rows[i].ret && c.status == rows[i].status,
		    rows[i].what);
		T_OK(strcmp(c.out.buf, rows[i].out) == 0 &&
		    strcmp(c.err.buf, rows[i].err) == 0, rows[i].what);
		capture_free(&c);
		free(argv[2]);
	}
	argv[2] = strdup("head -c 3000000 /dev/zero; echo end >&2");
	ret = capture_run("/bin/sh", argv, 20000000, &c);
	T_OK(ret == 0 && c.status == 0 && c.out.len == 1024 * 1024 &&
	    strcmp(c.err.buf, "end\n") == 0,
	    "the rest of a long output is read and thrown away");
	capture_free(&c);
	T_OK(capture_run("/no/such", argv, 20000000, &c) == 0 &&
	    c.status == 127, "a program that is not there");
	capture_free(&c);
	free(argv[2]);
}

int
main(void)
{
	CU_TestInfo range[] = {
		{ "ranges alert at their edges", ranges_alert },
		{ "what is no range", no_ranges },
		{ "a range in performance data", ranges_are_written },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo printed[] = {
		{ "what tftpd --print-config says", print_outs },
		{ "what it does not say", no_print_outs },
		{ "many directories", many_directories },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo findings[] = {
		{ "the gravest finding counts", the_gravest_counts },
		{ "findings are written harmlessly",
		    findings_are_harmless },
		{ "programs are run and bounded", programs },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ .pName = "range", .pTests = range },
		{ .pName = "printed", .pTests = printed },
		{ .pName = "findings", .pTests = findings },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
