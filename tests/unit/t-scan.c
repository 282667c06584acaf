#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

#include "record/live.h"
#include "stats/ledger.h"
#include "stats/scan.h"
#include "t.h"

#define SECOND_US	UINT64_C(1000000)
#define HOUR_US		(3600 * SECOND_US)
#define NOON_US		(UINT64_C(1795348800) * SECOND_US)

static char dir[] = "/tmp/t-scan.XXXXXX";

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

/* ---- logs ------------------------------------------------------------- */

/* Lines of a log, before they are a file. */
struct text {
	char *bytes;
	size_t len, size;
};

static void
put(struct text *t, const char *bytes, size_t len)
{
	if (t->len + len > t->size) {
		t->size = (t->len + len) * 2;
		t->bytes = realloc(t->bytes, t->size);
		if (t->bytes == NULL)
			abort();
	}
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
}

/* s start, e end, c crashed end, n notice, r refused; ts of the record. */
static size_t
line_of(char kind, uint64_t id, uint64_t ts_us, char line[TRANSLOG_LINE_MAX])
{
	struct translog_record rec;

	translog_clear(&rec);
	rec.ts_us = ts_us;
	rec.event = kind == 's' ? TRANSLOG_START :
	    kind == 'n' ? TRANSLOG_NOTICE : TRANSLOG_TRANSFER;
	if (kind != 'n')
		snprintf(rec.id, sizeof(rec.id), "%016llx",
		    (unsigned long long)id);
	if (rec.event == TRANSLOG_TRANSFER)
		rec.outcome = kind == 'c' ? OUTCOME_CRASHED :
		    kind == 'r' ? OUTCOME_NOTFOUND : OUTCOME_COMPLETE;
	rec.op = kind == 'n' ? TRANSLOG_NO_OP : TRANSLOG_READ;
	return translog_format(&rec, line);
}

static void
put_record(struct text *t, char kind, uint64_t id, uint64_t ts_us)
{
	char line[TRANSLOG_LINE_MAX];

	put(t, line, line_of(kind, id, ts_us, line));
}

static void
write_file(const char *name, const char *bytes, size_t len)
{
	FILE *f = fopen(name, "w");

	if (f == NULL || fwrite(bytes, 1, len, f) != len || fclose(f) != 0)
		abort();
}

#ifdef HAVE_ZLIB
static void
pack_file(const char *name, const char *bytes, size_t len)
{
	gzFile f = gzopen(name, "wb1");

	if (f == NULL || gzwrite(f, bytes, (unsigned)len) != (int)len ||
	    gzclose(f) != Z_OK)
		abort();
}
#endif

/* ---- what a pass finds ------------------------------------------------ */

struct found {
	uint64_t ends, starts, notices;
	uint64_t sum;		/* of ids and outcomes, in their order */
	struct scan_result result;
};

static void
mix(struct found *f, const struct translog_record *rec)
{
	f->sum = (f->sum ^ ledger_id(rec->id) ^ rec->ts_us) *
	    UINT64_C(0x100000001b3) + rec->outcome;
}

static void
on_end(void *arg, const struct translog_record *rec)
{
	struct found *f = arg;

	f->ends++;
	mix(f, rec);
}

static void
on_start(void *arg, const struct translog_record *rec)
{
	struct found *f = arg;

	(void)rec;
	f->starts++;
}

static void
on_notice(void *arg, const struct translog_record *rec)
{
	struct found *f = arg;

	(void)rec;
	f->notices++;
}

static void
on_line(void *arg, const struct translog_record *rec, const char *raw,
    size_t len)
{
	struct translog_line line;

	(void)arg;
	if (translog_parse(raw, len, &line) != TRANSLOG_OK ||
	    strcmp(line.rec.id, rec->id) != 0)
		T_OK(false, "a record comes with its line");
}

/* A pass over these files, or over those of the live table. */
static int
scan(const char **logs, size_t count, uint64_t since_us, uint64_t until_us,
    struct found *found)
{
	struct options o = { .logs = logs, .log_count = count,
		.now_us = NOON_US, .table = "live" };
	const struct scan_handler handler = {
		.arg = found, .on_end = on_end, .on_start = on_start,
		.on_notice = on_notice, .on_line = on_line
	};
	struct filter f;

	*found = (struct found){ 0 };
	filter_clear(&f);
	f.since_us = since_us;
	f.until_us = until_us;
	return scan_run(&o, &f, &handler, &found->result);
}

static int
scan_one(const char *log, uint64_t since_us, struct found *found)
{
	return scan(&log, 1, since_us, UINT64_MAX, found);
}

/* ---- the model: all of it, in order, by arrays ------------------------ */

#define IDS_MAX	4096

struct event {
	char kind;
	uint64_t id, ts_us;
};

static void
expect(const struct event *events, size_t count, uint64_t since_us,
    uint64_t until_us, struct found *f)
{
	static char states[IDS_MAX];	/* 's' open, 'S' in the window, 'e' */
	const struct event *e;
	bool is_in;

	*f = (struct found){ 0 };
	memset(states, 0, sizeof(states));
	for (e = events; count-- != 0; e++) {
		char *state = &states[e->id];

		is_in = e->ts_us >= since_us && e->ts_us < until_us;
		if (e->kind == 'n') {
			f->notices += is_in;
		} else if (e->kind == 's') {
			if (*state == 0)
				*state = is_in ? 'S' : 's';
			f->starts += *state == 'S' && is_in;
		} else if (*state != 'e' && (*state != 0 || e->kind != 'c')) {
			*state = 'e';
			f->ends += is_in;
		}
	}
	for (count = 0; count < IDS_MAX; count++)
		f->result.open += states[count] == 'S';
}

static bool
is_as_expected(const struct found *is, const struct found *want)
{
	return is->ends == want->ends && is->result.ends == want->ends &&
	    is->result.open == want->result.open &&
	    is->notices == want->notices;
}

/* ---- tests ------------------------------------------------------------ */

static void
what_is_given(void)
{
	struct text t = { 0 };
	struct found f;

	put_record(&t, 'n', 0, NOON_US - 5 * HOUR_US);
	put_record(&t, 's', 1, NOON_US - 4 * HOUR_US);
	put_record(&t, 's', 2, NOON_US - 3 * HOUR_US);
	put_record(&t, 'e', 1, NOON_US - 2 * HOUR_US);
	put_record(&t, 'c', 2, NOON_US - 2 * HOUR_US);
	put_record(&t, 'c', 1, NOON_US - 2 * HOUR_US);
	put_record(&t, 'c', 9, NOON_US - 2 * HOUR_US);
	put_record(&t, 'n', 0, NOON_US - HOUR_US);
	put_record(&t, 'r', 3, NOON_US - HOUR_US);
	put_record(&t, 's', 4, NOON_US - HOUR_US);
	write_file("given", t.bytes, t.len);
	T_OK(scan_one("given", 0, &f) == 0, "a log");
	T_OK(f.ends == 3 && f.starts == 3 && f.notices == 2, "all of it");
	T_OK(f.result.open == 1 && f.result.ends == 3 &&
	    f.result.log_files == 1 && f.result.log_bytes == t.len &&
	    f.result.read_bytes >= t.len && f.result.lines.records == 10 &&
	    f.result.until_us == NOON_US, "its result");
	T_OK(scan_one("given", NOON_US - HOUR_US * 3 / 2, &f) == 0 &&
	    f.ends == 1 && f.starts == 1 && f.notices == 1, "a window");
	T_OK(scan_one("missing", 0, &f) == -1, "no log");
	free(t.bytes);
}

static unsigned
roll(uint64_t *dice, unsigned sides)
{
	*dice = *dice * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (unsigned)((*dice >> 33) % sides);
}

/*
 * Transfers that run for seconds or for hours, refused ones, crashed ones,
 * those with two ends within seconds, those that nobody knows; by time.
 */
static size_t
make_events(uint64_t seed, struct event *events)
{
	static const char *const stories[] = {
		"se", "se", "se", "r", "r", "sc", "sec", "sce", "c", "s", "n"
	};
	uint64_t dice = seed, ts_us, id;
	const char *story;
	size_t count = 0, i;
	struct event last;

	for (id = 1; id < IDS_MAX; id++) {
		ts_us = NOON_US - roll(&dice, 36000) * SECOND_US;
		story = stories[roll(&dice, 11)];
		for (; *story != '\0'; story++) {
			last = (struct event){ *story, id, ts_us };
			for (i = count++; i > 0 &&
			    events[i - 1].ts_us > ts_us; i--)
				events[i] = events[i - 1];
			events[i] = last;
			ts_us += *story != 's' ? roll(&dice, 30) * SECOND_US :
			    (uint64_t)roll(&dice, roll(&dice, 3) == 0 ?
			    20000 : 60) * SECOND_US;
		}
	}
	return count;
}

/* The events from first to before last as text. */
static struct text
text_of(const struct event *events, size_t first, size_t last)
{
	struct text t = { 0 };

	for (; first < last; first++)
		put_record(&t, events[first].kind, events[first].id,
		    events[first].ts_us);
	return t;
}

static struct event events[3 * IDS_MAX];

/* Whatever the window, it is as if everything had been read. */
static void
check_windows(const char **logs, size_t log_count, size_t count,
    const char *what)
{
	const unsigned step = 40 / t_part(40);
	struct found is, want;
	uint64_t since, until;
	unsigned i, differ = 0;

	for (i = 0; i < 40; i += step) {
		since = NOON_US - i * 15 * 60 * SECOND_US - i;
		until = i % 3 == 0 ? UINT64_MAX : since + HOUR_US;
		expect(events, count, since, until, &want);
		if (scan(logs, log_count, since, until, &is) != 0 ||
		    !is_as_expected(&is, &want))
			differ++;
	}
	T_OK(differ == 0, what);
}

static void
windows_of_one_file(void)
{
	const char *log = "one";
	uint64_t seed;
	struct text t;
	size_t count;

	for (seed = 1; seed < 4; seed++) {
		count = make_events(seed, events);
		t = text_of(events, 0, count);
		write_file(log, t.bytes, t.len);
		check_windows(&log, 1, count, "one file");
		free(t.bytes);
	}
}

static void
windows_of_three_files(void)
{
	const char *logs[] = { "c", "a", "b" };
	uint64_t seed;
	struct text t;
	size_t count, i;

	for (seed = 11; seed < 13; seed++) {
		count = make_events(seed, events);
		for (i = 0; i < 3; i++) {
			t = text_of(events, count * i / 3,
			    count * (i + 1) / 3);
			write_file(i == 0 ? "a" : i == 1 ? "b" : "c", t.bytes,
			    t.len);
			free(t.bytes);
		}
		check_windows(logs, 3, count, "three files");
	}
}

/* The log of the live table, with its rotated ones. */
static void
point_at(const char *name)
{
	struct live_header header = {
		.magic = LIVE_MAGIC, .slots = 4, .page_size = LIVE_PAGE
	};

	snprintf(header.log_path, sizeof(header.log_path), "%s/%s", dir,
	    name);
	write_file("live", (const char *)&header, sizeof(header));
}

static void
windows_of_rotated_files(void)
{
	size_t count = make_events(21, events), i;
	char name[16];
	struct text t;

	point_at("rlog");
	for (i = 0; i < 6; i++) {
		t = text_of(events, count * (5 - i) / 6, count * (6 - i) / 6);
		snprintf(name, sizeof(name), i == 0 ? "rlog" : "rlog.%u",
		    (unsigned)i);
#ifdef HAVE_ZLIB
		if (i > 1) {
			strcat(name, ".gz");
			pack_file(name, t.bytes, t.len);
			free(t.bytes);
			continue;
		}
#endif
		write_file(name, t.bytes, t.len);
		free(t.bytes);
	}
	check_windows(NULL, 0, count, "rotated files, packed ones too");
}

/* A crash is looked back for, however far, and little else is read. */
static void
a_start_long_before(void)
{
	const unsigned many = 40000;
	struct text t = { 0 };
	struct found f;
	unsigned i;

	put_record(&t, 's', 7, NOON_US - 200 * HOUR_US);
	for (i = 0; i < many; i++)
		put_record(&t, 'r', 1000 + i, NOON_US - 100 * HOUR_US +
		    i * 8 * SECOND_US);
	write_file("far", t.bytes, t.len);
	T_OK(scan_one("far", NOON_US - 13 * HOUR_US, &f) == 0 &&
	    f.result.read_bytes < f.result.log_bytes / 2, "no crash: little "
	    "is read");
	put_record(&t, 'c', 7, NOON_US - 2);
	put_record(&t, 'c', 8, NOON_US - 1);
	write_file("far", t.bytes, t.len);
	T_OK(scan_one("far", NOON_US - HOUR_US, &f) == 0 && f.ends == 1,
	    "the one that began counts, the other one does not");
	free(t.bytes);
}

/* How many ends count in a command's own window. */
static uint64_t
ends_until(const char *log, uint64_t until_us)
{
	struct options o = { .logs = &log, .log_count = 1,
		.now_us = NOON_US, .table = "live" };
	const struct scan_handler handler = { .arg = NULL };
	struct scan_result result;
	struct filter f;

	filter_clear(&o.filter);
	o.filter.until_us = until_us;
	f = command_window(&o);
	return scan_run(&o, &f, &handler, &result) == 0 ? result.ends :
	    UINT64_MAX;
}

/* They would be in every window as long as the log lasts. */
static void
ahead_of_the_clock(void)
{
	struct text t = { 0 };

	put_record(&t, 'r', 1, NOON_US - SECOND_US);
	put_record(&t, 'r', 2, NOON_US + 30 * SECOND_US);
	put_record(&t, 'r', 3, NOON_US + HOUR_US);
	put_record(&t, 'r', 4, NOON_US + 100000 * HOUR_US);
	write_file("ahead", t.bytes, t.len);
	T_OK(ends_until("ahead", UINT64_MAX) == 2, "a little is no matter");
	T_OK(ends_until("ahead", NOON_US + 2 * HOUR_US) == 3,
	    "--until asks for more");
	T_OK(ends_until("ahead", NOON_US) == 1, "or for less");
	free(t.bytes);
}

/*
 * Three transfers, of which a write of the second was cut at each byte: its
 * neighbours lose nothing, and the cut one is counted as torn.
 */
static void
torn_at_every_byte(void)
{
	char line[TRANSLOG_LINE_MAX];
	size_t len = line_of('e', 2, NOON_US - HOUR_US, line), cut;
	struct found f;

	for (cut = 0; cut <= len; cut++) {
		struct text t = { 0 };

		put_record(&t, 's', 1, NOON_US - HOUR_US);
		put_record(&t, 's', 2, NOON_US - HOUR_US);
		put(&t, line, cut);
		put_record(&t, 'e', 1, NOON_US - HOUR_US);
		put_record(&t, 'r', 3, NOON_US - HOUR_US);
		write_file("torn", t.bytes, t.len);
		free(t.bytes);
		/* Without its newline only, it is whole. */
		if (scan_one("torn", NOON_US - 2 * HOUR_US, &f) != 0 ||
		    f.ends != 2 + (cut + 1 >= len) ||
		    f.result.open != (cut + 1 < len) ||
		    f.result.lines.torn != (cut != 0 && cut + 1 < len) ||
		    f.result.lines.bad != 0)
			T_OK(false, "a torn record costs itself only");
	}
	T_OK(true, "at every byte");
}

static void
rubbish_between_records(void)
{
	static const char newer[] = "{\"v\":2,\"ts\":5}\n";
	char *filler = malloc(1 << 20);
	struct text t = { 0 };
	struct found f;
	uint64_t dice = 3, i;
	unsigned k, n;

	memset(filler, 'x', 1 << 20);
	for (i = 0; i < 200; i++) {
		put_record(&t, 's', 1 + i, NOON_US - HOUR_US);
		for (k = 0, n = 1 + roll(&dice, 300); k < n; k++)
			filler[k] = (char)(' ' + roll(&dice, 0x60));
		put(&t, filler, n);
		put(&t, "\n", 1);
		put(&t, newer, sizeof(newer) - 1);
		put_record(&t, 'e', 1 + i, NOON_US - HOUR_US);
		put(&t, "\0\0\0\0\0\0\0\0\0\0", i % 10);
		if (i % 50 == 9) {
			put(&t, filler, 1 << 20);
			put(&t, "\n", 1);
		}
	}
	put(&t, "\n", 1);
	write_file("rubbish", t.bytes, t.len);
	T_OK(scan_one("rubbish", NOON_US - 2 * HOUR_US, &f) == 0 &&
	    f.ends == 200 && f.result.open == 0, "every transfer, once");
	/* A piece of NULs is torn, but for the last, and those before a long
	 * line. */
	T_OK(f.result.lines.bad >= 200 && f.result.lines.bad <= 206 &&
	    f.result.lines.newer == 200 && f.result.lines.torn >= 170 &&
	    f.result.lines.torn <= 180, "and what is none is counted");
	free(filler);
	free(t.bytes);
}

/* It shrinks between two reads: what was there stays, and no more comes. */
static void
truncated_while_read(void)
{
	struct text t = text_of(events, 0, make_events(31, events));
	struct logset set;
	struct logread *reader;
	const char *log = "shrinks";
	uint64_t count = 0;

	write_file(log, t.bytes, t.len);
	T_OK(logset_open(&set, &log, 1) == 0, "a log");
	while (logset_next(&set, &reader) == 1)
		if (++count == 1 && truncate(log, 1000) != 0)
			abort();
	T_OK(count > 10 && count < 2000, "some of it");
	T_OK(logset_counts(&set).bad + logset_counts(&set).torn == 0,
	    "is not damage");
	logset_free(&set);
	free(t.bytes);
}

/* ---- many readers ----------------------------------------------------- */

#define READERS		8
#define TRANSFERS	2000
#define A_FILE		500	/* of them, then it is rotated */

struct shared {
	uint64_t written;	/* ends that stand in the log */
	bool is_over;
};

static void
rotate(void)
{
	char from[16], to[16];
	int i;

	for (i = 20; i > 0; i--) {
		snprintf(from, sizeof(from), "mlog.%d", i);
		snprintf(to, sizeof(to), "mlog.%d", i + 1);
		rename(from, to);
	}
	rename("mlog", "mlog.1");
}

static void
append(int fd, char kind, uint64_t id)
{
	char line[TRANSLOG_LINE_MAX];
	size_t len = line_of(kind, id, NOON_US - HOUR_US + id, line);

	if (write(fd, line, len) != (ssize_t)len)
		abort();
}

static void
write_all(struct shared *shared)
{
	int fd = -1;
	uint64_t id;

	for (id = 1; id <= TRANSFERS; id++) {
		if (id % A_FILE == 1) {
			close(fd);
			rotate();
			fd = open("mlog", O_WRONLY | O_CREAT | O_APPEND |
			    O_EXCL, 0600);
		}
		append(fd, 's', id);
		append(fd, 'e', id);
		__atomic_store_n(&shared->written, id, __ATOMIC_SEQ_CST);
	}
	__atomic_store_n(&shared->is_over, true, __ATOMIC_SEQ_CST);
	close(fd);
}

/* Returns 0, or how many times a total was wrong. */
static int
read_again(struct shared *shared)
{
	uint64_t before, after;
	struct found f;
	bool is_last;
	int wrong = 0;

	do {
		is_last = __atomic_load_n(&shared->is_over, __ATOMIC_SEQ_CST);
		before = __atomic_load_n(&shared->written, __ATOMIC_SEQ_CST);
		if (scan(NULL, 0, 0, UINT64_MAX, &f) != 0)
			return 1;
		after = __atomic_load_n(&shared->written, __ATOMIC_SEQ_CST);
		wrong += f.ends < before || f.ends > after + 1 ||
		    f.result.open > 1 ||
		    f.result.lines.bad + f.result.lines.torn != 0;
	} while (!is_last);
	return wrong;
}

static void
eight_readers(void)
{
	struct shared *shared = mmap(NULL, sizeof(*shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[READERS];
	int i, status, wrong = 0;

	if (shared == MAP_FAILED)
		abort();
	point_at("mlog");
	write_file("mlog", "", 0);
	for (i = 0; i < READERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(read_again(shared) != 0);
	}
	write_all(shared);
	for (i = 0; i < READERS; i++)
		if (waitpid(pids[i], &status, 0) != pids[i] || status != 0)
			wrong++;
	T_OK(wrong == 0, "none is ever wrong while it grows and rotates");
	munmap(shared, sizeof(*shared));
}

/* ---- heads ------------------------------------------------------------ */

static void
heads(void)
{
	const struct scan_result result = {
		.since_us = NOON_US - 24 * HOUR_US, .until_us = NOON_US,
		.ends = 3, .open = 1, .log_files = 2, .log_bytes = 900,
		.read_bytes = 400,
		.lines = { .bad = 1, .torn = 2, .newer = 3 }
	};
	const struct text_style style = { .is_utc = true };
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct json j = { .out = out };

	scan_head_text(out, "TFTP transfers", &result, &style);
	fflush(out);
	T_OK(strcmp(text, "TFTP transfers   2026-11-21 12:00 .. "
	    "2026-11-22 12:00   (24 h, 2 log files, 3 bad lines of which 2 "
	    "torn, 3 of a newer version)\n") == 0, text);
	rewind(out);
	scan_head_json(&j, "summary", &result);
	json_close(&j, '}');
	fclose(out);
	T_OK(strcmp(text, "{\"schema\":1,\"report\":\"summary\","
	    "\"since\":\"2026-11-21T12:00:00.000000Z\","
	    "\"until\":\"2026-11-22T12:00:00.000000Z\",\"log_files\":2,"
	    "\"log_bytes\":900,\"read_bytes\":400,"
	    "\"bad_lines\":1,\"torn_lines\":2,\"newer_lines\":3,"
	    "\"requests\":3,\"open\":1}") == 0, text);
	free(text);
}

int
main(void)
{
	CU_TestInfo passes[] = {
		{ "what is given", what_is_given },
		{ "windows of one file", windows_of_one_file },
		{ "windows of three files", windows_of_three_files },
		{ "windows of rotated files", windows_of_rotated_files },
		{ "a start long before", a_start_long_before },
		{ "ahead of the clock", ahead_of_the_clock },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo damage[] = {
		{ "torn at every byte", torn_at_every_byte },
		{ "rubbish", rubbish_between_records },
		{ "truncated", truncated_while_read },
		{ "eight readers", eight_readers },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo head[] = {
		{ "heads", heads },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "passes", set_up, NULL, NULL, NULL, passes },
		{ "damage", NULL, clean_up, NULL, NULL, damage },
		{ "heads", NULL, NULL, NULL, NULL, head },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
