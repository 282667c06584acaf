#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

#include "record/live.h"
#include "stats/logread.h"
#include "stats/logset.h"
#include "t.h"

#define HOUR_US UINT64_C(3600000000)
#define DAY_US (24 * HOUR_US)

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

/* What is taken is what was given, record by record. */
static void
what_was_taken(void)
{
	struct logread r;
	char line[TRANSLOG_LINE_MAX];
	size_t len = record(7, line);
	uint64_t at;

	add_record("taken", 7);
	add_bytes("taken", "rubbish\n", 8);
	add_bytes("taken", line, 20);	/* torn, with two glued to it */
	add_bytes("taken", line, len - 1);
	add_record("taken", 7);
	add_record("taken", 7);
	add_bytes("taken", line, 30);	/* in progress */
	open_log(&r, "taken");
	T_OK(logread_taken(&r) == 0, "nothing at first");
	T_OK(logread_next(&r) == 1 && logread_taken(&r) == len, "a line");
	T_OK(logread_next(&r) == 1 && logread_taken(&r) == len + 8,
	    "half of a torn line is none");
	at = len + 8 + 20 + 2 * len - 1;
	T_OK(logread_next(&r) == 1 && logread_taken(&r) == at, "all of it is");
	T_OK(logread_next(&r) == 1 && logread_taken(&r) == at + len, "next");
	T_OK(logread_next(&r) == 0 && logread_taken(&r) == at + len,
	    "the line in progress is not");
	T_OK(logread_seek(&r, at) == 0 && logread_next(&r) == 1 &&
	    logread_taken(&r) == at + len, "from there on again");
	logread_free(&r);
}

/* A line longer than the buffer is not taken before its end. */
static void
an_endless_line_is_not_taken(void)
{
	struct logread r;
	char *filler = malloc(1 << 20);

	memset(filler, 'x', 1 << 20);
	add_record("endless", 7);
	open_log(&r, "endless");
	T_OK(logread_next(&r) == 1, "a record");
	add_bytes("endless", filler, 1 << 20);
	T_OK(logread_next(&r) == 0 && logread_taken(&r) == r.offset -
	    (1 << 20), "behind it, a long line grows");
	add_bytes("endless", "\n", 1);
	T_OK(logread_next(&r) == 0 && logread_taken(&r) == r.offset &&
	    r.counts.bad == 1, "until it ends");
	logread_free(&r);
	free(filler);
}

/* ---- by time ---------------------------------------------------------- */

#define TIMED	20000

/* How a log is made that is to be searched by time. */
struct timed {
	const char *what;
	uint64_t jitter_us;	/* of the stamps */
	unsigned rubbish;	/* a piece of it after so many records */
	size_t rubbish_len;
	char rubbish_byte;
	int64_t step_us;	/* of the clock, in the middle */
	bool is_searched;	/* and not read from the start */
};

static uint64_t
stamp_of(const struct timed *timed, uint64_t i)
{
	uint64_t ts_us = DAY_US + i * 20 * 1000000;

	if (i >= TIMED / 2)
		ts_us += (uint64_t)timed->step_us;
	return timed->jitter_us == 0 ? ts_us :
	    ts_us + i * UINT64_C(0x9e3779b97f4a7c15) % timed->jitter_us;
}

static void
make_timed(const struct timed *timed)
{
	char line[TRANSLOG_LINE_MAX];
	char *rubbish = malloc(timed->rubbish_len + 1);
	FILE *f = fopen("timed", "w");
	uint64_t i;

	memset(rubbish, timed->rubbish_byte, timed->rubbish_len);
	rubbish[timed->rubbish_len] = '\n';
	for (i = 0; i < TIMED; i++) {
		fwrite(line, 1, record(stamp_of(timed, i), line), f);
		if (timed->rubbish != 0 && i % timed->rubbish == 7)
			fwrite(rubbish, 1, timed->rubbish_len + (i & 1), f);
	}
	fclose(f);
	free(rubbish);
}

/* How many records from since on there are, read from the place found. */
static uint64_t
count_since(uint64_t since_us, uint64_t *begin, uint64_t *touched)
{
	struct logread r;
	uint64_t count = 0;

	open_log(&r, "timed");
	if (logread_seek_time(&r, since_us) != 0)
		abort();
	*begin = logread_taken(&r);
	*touched = r.read_bytes;
	while (logread_next(&r) == 1)
		count += r.line.rec.ts_us >= since_us;
	logread_free(&r);
	return count;
}

static void
found_by_time(void)
{
	static const struct timed cases[] = {
		{ "in order", 0, 0, 0, 0, 0, true },
		{ "some seconds of disorder", 50000000, 0, 0, 0, 0, true },
		{ "rubbish everywhere", 0, 5, 300, 'x', 0, true },
		{ "long lines", 0, 1000, 50000, '{', 0, true },
		{ "lines of 1 MB", 50000000, 4000, 1 << 20, 'x', 0, true },
		{ "NULs", 0, 30, 4096, 0, 0, true },
		{ "empty lines", 0, 50, 5000, '\n', 0, true },
		{ "a clock that steps ahead", 0, 0, 0, 0, 2 * (int64_t)HOUR_US,
		    true },
		{ "a clock that steps back", 0, 0, 0, 0, -4 * (int64_t)HOUR_US,
		    false },
		{ "a clock that steps back a little", 0, 0, 0, 0,
		    -(int64_t)HOUR_US / 4, false },
		{ "a clock that steps back a day", 0, 0, 0, 0,
		    -(int64_t)DAY_US, false },
	};
	const unsigned step = 40 / t_part(40);
	uint64_t since, want, begin, touched, i;
	unsigned k, n, searched;
	struct stat st;

	for (k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		make_timed(&cases[k]);
		stat("timed", &st);
		for (n = 0, searched = 0; n <= 40; n += step) {
			since = DAY_US + n * (uint64_t)TIMED / 2 * 1000000;
			for (want = 0, i = 0; i < TIMED; i++)
				want += stamp_of(&cases[k], i) >= since;
			if (count_since(since, &begin, &touched) != want)
				T_OK(false, cases[k].what);
			searched += begin != 0;
		}
		T_OK(!cases[k].is_searched || searched > 30 / step,
		    cases[k].what);
	}
}

/* Most of a log is not looked at. */
static void
little_is_touched(void)
{
	static const struct timed plain = { .what = "plain" };
	uint64_t begin, touched;
	struct stat st;

	make_timed(&plain);
	stat("timed", &st);
	count_since(stamp_of(&plain, TIMED - 100), &begin, &touched);
	T_OK((uint64_t)st.st_size - begin < 300 * 1024,
	    "it begins shortly before");
	T_OK(touched < 2 << 20, "of any log that much");
	count_since(stamp_of(&plain, TIMED) + HOUR_US, &begin, &touched);
	T_OK((uint64_t)st.st_size - begin < 260 * 1024,
	    "behind the end almost nothing is left");
}

static void
what_cannot_be_searched(void)
{
	struct logread r;
	char line[TRANSLOG_LINE_MAX];
	size_t len = record(5, line);
	int ends[2];

	if (pipe(ends) != 0 || write(ends[1], line, len) != (ssize_t)len)
		abort();
	close(ends[1]);
	if (logread_init(&r, ends[0]) != 0)
		abort();
	T_OK(logread_seek(&r, 0) == -ESPIPE, "there is no way back");
	T_OK(logread_seek_time(&r, DAY_US) == 0 && logread_next(&r) == 1 &&
	    logread_next(&r) == 0, "a pipe is read from where it is");
	logread_free(&r);
	T_OK(logread_open(&r, "nowhere") == -ENOENT, "no file");
	T_OK(logread_open(&r, ".") == -EISDIR, "a directory");
	add_bytes("nothing", "", 0);
	T_OK(logread_open(&r, "nothing") == 0 &&
	    logread_seek_time(&r, DAY_US) == 0 && logread_next(&r) == 0,
	    "an empty file is a log");
	logread_free(&r);
}

/* ---- compressed ------------------------------------------------------- */

#ifdef HAVE_ZLIB

/* A member with the records of these times added to the file. */
static void
add_packed(const char *name, uint64_t first, uint64_t last)
{
	char line[TRANSLOG_LINE_MAX];
	gzFile f = gzopen(name, "ab");

	if (f == NULL)
		abort();
	for (; first <= last; first++)
		gzwrite(f, line, (unsigned)record(first, line));
	if (gzclose(f) != Z_OK)
		abort();
}

/* Records read, and their sum; *ret is what the reader said last. */
static uint64_t
unpack(const char *name, uint64_t *sum, int *ret)
{
	struct logread r;

	*sum = 0;
	*ret = logread_open(&r, name);
	if (*ret != 0)
		return 0;
	while ((*ret = logread_next(&r)) == 1)
		*sum += r.line.rec.ts_us;
	logread_free(&r);
	return r.counts.records;
}

static void
packed_ones(void)
{
	struct logread r;
	uint64_t sum;
	int ret;

	add_packed("p.gz", 1, 1000);
	T_OK(unpack("p.gz", &sum, &ret) == 1000 && ret == 0 && sum == 500500,
	    "a packed log");
	add_packed("p.gz", 1001, 20000);
	add_packed("p.gz", 20001, 20001);
	T_OK(unpack("p.gz", &sum, &ret) == 20001 && ret == 0 &&
	    sum == UINT64_C(200030001), "three members");
	rename("p.gz", "packed-by-another-name");
	T_OK(logread_open(&r, "packed-by-another-name") == 0 &&
	    logread_next(&r) == 1 && logread_next(&r) == 1, "its name says "
	    "nothing");
	sum = logread_taken(&r);
	while (logread_next(&r) == 1)
		continue;
	T_OK(logread_seek(&r, sum) == 0 && logread_next(&r) == 1 &&
	    r.line.rec.ts_us == 3, "seeking is by unpacked bytes");
	T_OK(logread_seek(&r, 0) == 0 && logread_next(&r) == 1 &&
	    r.line.rec.ts_us == 1, "also back to the start");
	T_OK(logread_seek(&r, UINT64_C(1) << 40) == 0 &&
	    logread_next(&r) == 0, "and behind the end");
	logread_free(&r);
	add_bytes("packed-by-another-name", "\0\0\0\0", 4);
	T_OK(unpack("packed-by-another-name", &sum, &ret) == 20001 &&
	    ret == 0, "padding is no error");
}

static void
damaged_packed_ones(void)
{
	uint64_t sum, count, before = 0;
	char bytes[8192];
	FILE *f;
	size_t len, cut;
	int ret;

	add_packed("d.gz", 1, 300);
	add_packed("d.gz", 301, 600);
	f = fopen("d.gz", "r");
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	T_OK(len > 100 && len < sizeof(bytes), "a file to be cut");
	for (cut = 3; cut < len; cut++) {
		unlink("cut.gz");
		add_bytes("cut.gz", bytes, cut);
		count = unpack("cut.gz", &sum, &ret);
		if (sum != count * (count + 1) / 2 || count < before ||
		    count > 600 || (ret != -EBADMSG && count != 300))
			T_OK(false, "a cut file gives what stood before");
		before = count;
	}
	T_OK(before > 500, "nearly all, at the end");
	for (cut = 12; cut < len; cut += 7) {
		unlink("cut.gz");
		bytes[cut] ^= 0x41;
		add_bytes("cut.gz", bytes, len);
		bytes[cut] ^= 0x41;
		if (unpack("cut.gz", &sum, &ret) > 1200)
			T_OK(false, "a damaged file gives more than it had");
	}
	add_bytes("d.gz", "rubbish", 7);
	T_OK(unpack("d.gz", &sum, &ret) == 600 && ret == -EBADMSG,
	    "what follows is told, and costs nothing");
}

static void
rotated_and_packed(void)
{
	static const char *const paths[] = { "d.gz" };
	struct logset set;

	add_record("glog", 10 * DAY_US + 9);
	add_record("glog.1", 9 * DAY_US + 8);
	add_packed("glog.1.gz", 1, 1);		/* being made of it */
	add_packed("glog.2.gz", 8 * DAY_US + 7, 8 * DAY_US + 7);
	add_packed("glog.3.gz", 7 * DAY_US + 6, 7 * DAY_US + 6);
	add_packed("glog-20261122.gz", 6 * DAY_US + 5, 6 * DAY_US + 5);
	T_OK(logset_open_rotated(&set, "glog", 0) == 0 &&
	    order_of(&set) == 56789, "packed ones, too, but no twin");
	logset_free(&set);
	T_OK(logset_open_rotated(&set, "glog", 8 * DAY_US + 2 * HOUR_US) ==
	    0 && logset_seek(&set, 8 * DAY_US + 2 * HOUR_US) == 0 &&
	    set.count == 5 && set.files[0]->is_skipped &&
	    set.files[1]->is_skipped && !set.files[2]->is_skipped,
	    "an old one is not unpacked");
	T_OK(order_of(&set) == 789, "nor read");
	logset_free(&set);
	T_OK(logset_open(&set, paths, 1) == 0 && order_of(&set) != 0 &&
	    logset_counts(&set).records == 600 &&
	    logset_counts(&set).bad == 1, "damage is a bad line");
	logset_free(&set);
}

#endif

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

	add_record("log", 10 * DAY_US + 3);
	add_record("log.1", 8 * DAY_US + 2);
	add_record("log.2", 5 * DAY_US + 1);
	add_record("log.4", 1 * DAY_US + 9);
	add_record("log.5x", 2);
	add_record("log.old", 3);
	T_OK(logset_open_rotated(&set, "log", 12 * DAY_US) == 0 &&
	    order_of(&set) == 3, "a late window needs the present one");
	logset_free(&set);
	T_OK(logset_open_rotated(&set, "log", 10 * DAY_US + 12 * HOUR_US) ==
	    0 && order_of(&set) == 23,
	    "just behind the rotation the one before too");
	logset_free(&set);
	T_OK(logset_open_rotated(&set, "log", 9 * DAY_US + 12 * HOUR_US) ==
	    0 && order_of(&set) == 23, "and before it");
	logset_free(&set);
	T_OK(logset_open_rotated(&set, "log", 0) == 0 &&
	    order_of(&set) == 9123, "all of them, over a gap");
	logset_free(&set);
	rename("log", "elsewhere");
	T_OK(logset_open_rotated(&set, "log", 12 * DAY_US) == 0 &&
	    order_of(&set) == 2, "between rename and create");
	logset_free(&set);
	T_OK(logset_open_rotated(&set, "gone", 0) == -1 &&
	    strcmp(set.bad_path, "gone") == 0, "none at all is an error");
	logset_free(&set);
	T_OK(logset_open_rotated(&set, "no/gone", 0) == -1 &&
	    strcmp(set.bad_path, "no/gone") == 0, "nor is its directory");
	logset_free(&set);
}

static void
rotated_by_date(void)
{
	struct logset set;

	add_record("dlog", 10 * DAY_US + 4);
	add_record("dlog-20261122", 9 * DAY_US + 3);
	add_record("dlog-20261121-1795300000", 7 * DAY_US + 2);
	add_record("dlog-20261120", 5 * DAY_US + 1);
	add_record("dlog-backup", 5 * DAY_US + 9);
	T_OK(logset_open_rotated(&set, "dlog", 0) == 0 &&
	    order_of(&set) == 1234, "all of them, oldest first");
	logset_free(&set);
	T_OK(logset_open_rotated(&set, "dlog", 8 * DAY_US + HOUR_US) == 0 &&
	    order_of(&set) == 234, "what a window needs");
	logset_free(&set);
	add_record("dlog.1", 1);
	T_OK(logset_open_rotated(&set, "dlog", 8 * DAY_US + HOUR_US) == 0 &&
	    order_of(&set) == 1234, "an old one by number hides none");
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
		{ "what was taken", what_was_taken },
		{ "an endless line", an_endless_line_is_not_taken },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo times[] = {
		{ "found by time", found_by_time },
		{ "little is touched", little_is_touched },
		{ "what cannot be searched", what_cannot_be_searched },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo packed[] = {
#ifdef HAVE_ZLIB
		{ "packed", packed_ones },
		{ "damaged", damaged_packed_ones },
		{ "rotated", rotated_and_packed },
#endif
		CU_TEST_INFO_NULL
	};
	CU_TestInfo sets[] = {
		{ "order", files_by_their_time },
		{ "what is no log", what_is_no_log },
		{ "rotated", rotated_ones },
		{ "rotated by date", rotated_by_date },
		{ "default path", the_default_path },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "logread", set_up, NULL, NULL, NULL, reader },
		{ "times", NULL, NULL, NULL, NULL, times },
		{ "packed", NULL, NULL, NULL, NULL, packed },
		{ "logset", NULL, clean_up, NULL, NULL, sets },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
