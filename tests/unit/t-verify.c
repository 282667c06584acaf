#include <stdbool.h>

#include "t-report.h"

#define TS	"\"ts\":\"2026-11-22T14:00:00.000000Z\""
#define ID(n)	"\"id\":\"000000000000000" #n "\""
#define START(n) "{\"v\":1," TS ",\"event\":\"start\"," ID(n) "}\n"
#define END(n)	"{\"v\":1," TS ",\"event\":\"transfer\"," ID(n) \
	",\"outcome\":\"complete\"}\n"
#define CRASH(n) "{\"v\":1," TS ",\"event\":\"transfer\"," ID(n) \
	",\"outcome\":\"crashed\"}\n"
#define AT(s)	"{\"v\":1,\"ts\":\"2026-11-22T14:00:" s "Z\"," \
	"\"event\":\"notice\"}\n"

static const struct {
	const char *what, *log;
	const char *problem;	/* its only line of CSV, NULL: all good */
	uint64_t later_us;	/* when it is looked at */
} cases[] = {
	{ "an empty log", "", NULL, 0 },
	{ "a transfer", START(1) END(1), NULL, 0 },
	{ "a refusal", END(1), NULL, 0 },
	{ "a crash", START(1) CRASH(1), NULL, 0 },
	{ "an end and a late crash", START(1) END(1) CRASH(1), NULL, 0 },
	{ "an empty line", START(1) "\n" END(1), NULL, 0 },
	{ "an open transfer", START(1), NULL, 0 },
	{ "one that is open for days", END(2) START(1), "2,107,never_ended,"
	    "\"id 0000000000000001\"", UINT64_C(86400000000) },
	{ "an end twice", END(1) END(1), "2,107,end_twice,"
	    "\"id 0000000000000001\"", 0 },
	{ "an end after a crash", START(1) CRASH(1) END(1), "3,189,end_twice,"
	    "\"id 0000000000000001\"", 0 },
	{ "a start twice", START(1) START(1), "2,83,start_twice,"
	    "\"id 0000000000000001\"", 0 },
	{ "a crash of nothing", CRASH(1), "1,0,crashed_without_start,"
	    "\"id 0000000000000001\"", 0 },
	{ "garbage", "abc\n", "1,0,bad,\"no JSON object\"", 0 },
	{ "a hole", "\1\n", "1,0,bad,\"no JSON object\"", 0 },
	{ "broken JSON", "{\"v\":1,\"ts\n",
	    "1,0,bad,\"broken off, nested, or with something behind it\"",
	    0 },
	{ "no version", "{\"x\":1}\n", "1,0,bad,\"no v\"", 0 },
	{ "no time", "{\"v\":1}\n", "1,0,bad,\"no ts\"", 0 },
	{ "no event", "{\"v\":1," TS "}\n", "1,0,bad,\"no event\"", 0 },
	{ "no id", "{\"v\":1," TS ",\"event\":\"start\"}\n",
	    "1,0,bad,\"no id\"", 0 },
	{ "no outcome", "{\"v\":1," TS ",\"event\":\"transfer\"," ID(1) "}\n",
	    "1,0,bad,\"no outcome\"", 0 },
	{ "an unknown outcome", "{\"v\":1," TS ",\"event\":\"transfer\"," ID(1)
	    ",\"outcome\":\"x\"}\n", "1,0,bad,\"a key that stands twice, or "
	    "a value that it can't have\"", 0 },
	{ "a newer version", "{\"v\":2,\"ts\":5}\n", "1,0,newer,", 0 },
	{ "a fragment in front", "{\"v\":1,\"t" END(1), "1,0,torn,"
	    "\"broken off, nested, or with something behind it\"", 0 },
	{ "no newline at the end", END(1) "{\"v\"", "2,107,unfinished,", 0 },
	{ "time steps back", AT("05.000000") AT("03.000000") AT("04.000000"),
	    "2,60,time_back,\"by 2.00 s\"", 0 },
	{ "writers overtake each other", AT("05.000000") AT("04.100000"),
	    NULL, 0 },
};

static bool
has_only(const char *csv, const char *path, const char *problem)
{
	static const char keys[] = "log,line,offset,problem,detail\r\n";
	char row[256] = "";

	if (problem != NULL)
		snprintf(row, sizeof(row), "%s,%s\r\n", path, problem);
	return strncmp(csv, keys, strlen(keys)) == 0 &&
	    strcmp(csv + strlen(keys), row) == 0;
}

static void
problems(void)
{
	const char *path;
	struct options o;
	struct t_log log;
	char *csv;
	int status;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		t_log_open(&log);
		fputs(cases[i].log, log.f);
		fflush(log.f);
		path = log.path;
		o = t_options(&path);
		o.form = FORM_CSV;
		o.now_us += cases[i].later_us;
		csv = t_run_command(command_verify, &o, &status);
		T_OK(has_only(csv, path, cases[i].problem) &&
		    status == (cases[i].problem != NULL), cases[i].what);
		if (!has_only(csv, path, cases[i].problem))
			printf("%s: %s", cases[i].what, csv);
		free(csv);
		t_log_close(&log);
	}
}

static void
two_files(void)
{
	const char *paths[2];
	struct t_log first, second;
	struct options o;
	char *text;
	int status;

	t_log_open(&first);
	t_log_open(&second);
	fputs(START(1), first.f);
	fputs("{\"v\":1,\"ts\":\"2026-11-22T14:00:01.000000Z\",\"event\":"
	    "\"transfer\"," ID(1) ",\"outcome\":\"crashed\"}\n", second.f);
	fflush(first.f);
	fflush(second.f);
	paths[0] = second.path;
	paths[1] = first.path;
	o = t_options(paths);
	o.log_count = 2;
	text = t_run_command(command_verify, &o, &status);
	T_OK(status == 0 && strcmp(text, "2 files, 2 lines, 2 records, "
	    "1 transfer, 0 open: all good\n") == 0, text);
	free(text);
	t_log_close(&first);
	t_log_close(&second);
}

static void
forms(void)
{
	struct t_log log;
	char *text;
	size_t i;

	t_log_open(&log);
	fputs(START(1), log.f);
	/* longer than the buffer, with a record at its end */
	for (i = 0; i < 400000; i++)
		putc('x', log.f);
	fputs(END(1) "{\"v\":9}\n", log.f);
	text = t_report(&log, command_verify, FORM_JSON);
	T_OK(strstr(text, "\"report\":\"verify\",") != NULL && strstr(text,
	    ",\"torn_lines\":1,\"newer_lines\":1,\"requests\":1,\"open\":0,"
	    "\"lines\":3,\"records\":2,") != NULL && strstr(text,
	    ",\"problem_count\":2,\"problems\":[{\"log\":") != NULL, text);
	free(text);
	text = t_report(&log, command_verify, FORM_TEXT);
	T_OK(strstr(text, ":2: byte 83: part of a record: longer than") !=
	    NULL, "a fragment stands where its line begins");
	T_OK(strstr(text, ":3: byte 400190: of another version\n1 file, "
	    "3 lines, 2 records, 1 transfer, 0 open: torn 1, newer 1\n") !=
	    NULL, text);
	free(text);
	t_log_close(&log);
}

static void
no_file(void)
{
	const char *path = "/nonexistent";
	struct options o = t_options(&path);
	char *text;
	int status;

	text = t_run_command(command_verify, &o, &status);
	T_OK(status == 1 && strstr(text, "unreadable 1") != NULL,
	    "is not all good");
	free(text);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "problems", problems },
		{ "two files", two_files },
		{ "forms", forms },
		{ "no file", no_file },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "verify", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
