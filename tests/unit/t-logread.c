#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "record/live.h"
#include "stats/logread.h"
#include "stats/logset.h"
#include "t.h"

#define HOUR_US UINT64_C(3600000000)

static char dir[] = "/tmp/t-logread.XXXXXX";

static int
set_up(void)
{
	return mkdtemp(dir) == NULL || chdir(dir) != 0;
}

static int
clean_up(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return chdir("/") != 0 || system(command) != 0;
}

/* A notice at that time, as a line. */
static size_t
record(uint64_t ts_us, char out[static TRANSLOG_LINE_MAX])
{
	struct translog_record rec;

	translog_clear(&rec);
	rec.event = TRANSLOG_NOTICE;
	rec.ts_us = ts_us;
	return translog_format(&rec, out);
}

static void
add_bytes(const char *name, const char *bytes, size_t len)
{
	FILE *f = fopen(name, "a");

	if (f == NULL || fwrite(bytes, 1, len, f) != len || fclose(f) != 0)
		abort();
}

static void
add_record(const char *name, uint64_t ts_us)
{
	char line[TRANSLOG_LINE_MAX];

	add_bytes(name, line, record(ts_us, line));
}

static void
open_log(struct logread *r, const char *name)
{
	int fd = open(name, O_RDONLY);

	if (fd == -1 || logread_init(r, fd) != 0)
		abort();
}

/* The times of all records in the file, added up. */
static uint64_t
sum_of(const char *name, struct logread_counts *counts)
{
	struct logread r;
	uint64_t sum = 0;

	open_log(&r, name);
	while (logread_next(&r) == 1)
		sum += r.line.rec.ts_us;
	*counts = r.counts;
	logread_free(&r);
	return sum;
}

static void
good_bad_and_torn(void)
{
	static const char newer[] = "{\"v\":9,\"x\":1}\n";
	struct logread_counts c;
	char line[TRANSLOG_LINE_MAX];
	size_t len = record(1, line);

	add_record("mixed", 1);
	add_bytes("mixed", "rubbish\n", 8);
	add_record("mixed", 20);
	add_bytes("mixed", "\n", 1);
	add_bytes("mixed", line, len - 5);	/* a write cut short */
	add_record("mixed", 300);
	add_bytes("mixed", line, len - 1);	/* only its newline is lost */
	add_record("mixed", 4000);
	add_bytes("mixed", line, 10);		/* two in a row */
	add_bytes("mixed", line, 20);
	add_record("mixed", 50000);
	add_bytes("mixed", newer, sizeof(newer) - 1);
	add_bytes("mixed", "\0\0\0\0", 4);	/* after a power cut */
	add_record("mixed", 600000);
	add_bytes("mixed", line, 9);		/* glued to nothing */
	add_bytes("mixed", "\n", 1);
	add_record("mixed", 7000000);
	add_bytes("mixed", line, len - 1);	/* in progress */
	T_OK(sum_of("mixed", &c) == 7654321 + 1,
	    "every whole record is found, no other");
	T_OK(c.records == 8, "records");
	T_OK(c.bad == 2, "bad lines: rubbish and the fragment alone");
	T_OK(c.torn == 4, "torn: the short one, two in a row, the NULs");
	T_OK(c.newer == 1, "one of a newer version");
}

static void
lines_of_any_length(void)
{
	static const size_t sizes[] = {
		4095, 4096, 4097, (1 << 20) - 1, 1 << 20, (1 << 20) + 1,
		(1 << 20) + 8192, 3 << 20, (3 << 20) + 4321
	};
	struct logread_counts c;
	char *filler = malloc(4 << 20);
	size_t i;

	memset(filler, 'x', 4 << 20);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unlink("long");
		add_record("long", 1);
		add_bytes("long", filler, sizes[i]);
		add_bytes("long", "\n", 1);
		add_record("long", 20);
		add_bytes("long", filler, sizes[i]);
		add_record("long", 300);
		T_OK(sum_of("long", &c) == 321,
		    "a long line costs no other record");
		T_OK(c.bad == 1 && c.torn == 1, "and is one bad line");
	}
	free(filler);
}

static void
records_over_buffer_borders(void)
{
	struct logread_counts c;
	FILE *f = fopen("many", "w");
	char line[TRANSLOG_LINE_MAX];
	uint64_t i, sum = 0;

	for (i = 1; i <= 60000; i++) {
		fwrite(line, 1, record(i, line), f);
		sum += i;
	}
	fclose(f);
	T_OK(sum_of("many", &c) == sum && c.records == 60000 &&
	    c.bad + c.torn == 0, "4 MB of records");
}

static void
goes_on_where_it_stood(void)
{
	struct logread r;
	char line[TRANSLOG_LINE_MAX];
	size_t i, len = record(5, line);

	add_record("grows", 1);
	open_log(&r, "grows");
	T_OK(logread_next(&r) == 1 && logread_next(&r) == 0, "the end");
	for (i = 0; i < len - 1; i++) {
		add_bytes("grows", line + i, 1);
		if (logread_next(&r) != 0)
			T_OK(false, "half a line is no record");
	}
	add_bytes("grows", line + i, 1);
	T_OK(logread_next(&r) == 1 && r.line.rec.ts_us == 5 &&
	    r.raw_len == len - 1 && memcmp(r.raw, line, len - 1) == 0,
	    "the line is there with its newline");
	T_OK(r.counts.bad == 0, "waiting is no error");
	T_OK(logread_seek(&r, 0) == 0 && logread_next(&r) == 1 &&
	    r.line.rec.ts_us == 1, "and from the start again");
	logread_free(&r);
}

/* The times of a set's records in their order, as decimal digits. */
static uint64_t
order_of(struct logset *set)
{
	struct logread *r;
	uint64_t order = 0;

	while (logset_next(set, &r) == 1)
		order = order * 10 + r->line.rec.ts_us % 10;
	return order;
}

static void
files_by_their_time(void)
{
	static const char *const paths[] = { "t3", "t1", "empty", "t2", "t1" };
	struct logset set;

	add_record("t3", 5);
	add_record("t1", 1);
	add_record("t1", 2);
	add_record("t2", 3);
	add_record("t2", 4);
	add_bytes("empty", "", 0);
	T_OK(logset_open(&set, paths, 5) == 0, "they open");
	T_OK(order_of(&set) == 12345, "oldest first, none twice");
	T_OK(set.count == 4 && logset_counts(&set).records == 5,
	    "looking for the first record counts nothing");
	logset_free(&set);
}

static void
what_is_no_log(void)
{
	static const struct {
		const char *path, *bytes, *reason;
	} cases[] = {
		{ "missing", NULL, "No such file or directory" },
		{ "rubbish", "hello\n", "not a transfer log" },
		{ "newer", "{\"v\":2}\n",
		    "written by a newer version of tftpd" },
		{ ".", NULL, "Is a directory" },
	};
	struct logset set;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].bytes != NULL)
			add_bytes(cases[i].path, cases[i].bytes,
			    strlen(cases[i].bytes));
		T_OK(logset_open(&set, &cases[i].path, 1) == -1 &&
		    strcmp(set.bad_path, cases[i].path) == 0 &&
		    strcmp(set.reason, cases[i].reason) == 0,
		    cases[i].reason);
		logset_free(&set);
	}
}

static void
rotated_ones(void)
{
	struct logset set;

	add_record("log", 10 * HOUR_US + 3);
	add_record("log.1", 8 * HOUR_US + 2);
	add_record("log.2", 5 * HOUR_US + 1);
	add_record("log.4", 1 * HOUR_US + 9);
	T_OK(logset_open_rotated(&set, "log", 12 * HOUR_US) == 0 &&
	    order_of(&set) == 3, "a late window needs the present one");
	logset_free(&set);
	T_OK(logset_open_rotated(&set, "log", 10 * HOUR_US + HOUR_US / 2) ==
	    0 && order_of(&set) == 23,
	    "just behind the rotation the one before too");
	logset_free(&set);
	T_OK(logset_open_rotated(&set, "log", 9 * HOUR_US + HOUR_US / 2) ==
	    0 && order_of(&set) == 23, "and before it");
	logset_free(&set);
	T_OK(logset_open_rotated(&set, "log", 0) == 0 &&
	    order_of(&set) == 123, "all of them, up to a gap");
	logset_free(&set);
	rename("log", "elsewhere");
	T_OK(logset_open_rotated(&set, "log", 12 * HOUR_US) == 0 &&
	    order_of(&set) == 2, "between rename and create");
	logset_free(&set);
	T_OK(logset_open_rotated(&set, "gone", 0) == -1 &&
	    strcmp(set.bad_path, "gone") == 0, "none at all is an error");
	logset_free(&set);
}

static void
the_default_path(void)
{
	struct live_header header = {
		.magic = LIVE_MAGIC, .slots = 4, .page_size = LIVE_PAGE,
		.log_path = "/srv/log/x.jsonl"
	};
	char path[LIVE_PATH_MAX];

	logset_default_path("no-table", "/fallback", path);
	T_OK(strcmp(path, "/fallback") == 0, "no table");
	add_bytes("live", (const char *)&header, sizeof(header));
	logset_default_path("live", "/fallback", path);
	T_OK(strcmp(path, "/srv/log/x.jsonl") == 0, "the table's");
	header.log_path[0] = 'x';
	unlink("live");
	add_bytes("live", (const char *)&header, sizeof(header));
	logset_default_path("live", "/fallback", path);
	T_OK(strcmp(path, "/fallback") == 0, "no relative one");
	unlink("live");
	add_bytes("live", "hello", 5);
	logset_default_path("live", "/fallback", path);
	T_OK(strcmp(path, "/fallback") == 0, "no table at all");
}

int
main(void)
{
	CU_TestInfo reader[] = {
		{ "good, bad and torn", good_bad_and_torn },
		{ "lines of any length", lines_of_any_length },
		{ "buffer borders", records_over_buffer_borders },
		{ "a log that grows", goes_on_where_it_stood },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo sets[] = {
		{ "order", files_by_their_time },
		{ "what is no log", what_is_no_log },
		{ "rotated", rotated_ones },
		{ "default path", the_default_path },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "logread", set_up, NULL, NULL, NULL, reader },
		{ "logset", NULL, clean_up, NULL, NULL, sets },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
