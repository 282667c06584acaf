/*
 * t-rollup - counters that never fall, whatever happens to the log and to
 * the state.
 */
#include "config.h"

#include <inttypes.h>
#include <sys/wait.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

#include "stats/rollup.h"
#include "t-work.h"

#define TS_US	UINT64_C(1795356000000000)
#define KB	1000

/* A folder with a log in it, and what must have been counted so far. */
struct world {
	char dir[PATH_MAX], log[PATH_MAX], state[PATH_MAX];
	uint64_t lines;		/* written so far: the next one's id and time */
	uint64_t ends, bytes;
};

static void
world_make(struct world *w)
{
	*w = (struct world){ .lines = 0 };
	t_tmp_make(w->dir);
	t_join(w->log, w->dir, "transfers.jsonl");
	t_join(w->state, w->dir, "state");
}

static const char *
in_world(const struct world *w, const char *name)
{
	static char paths[2][PATH_MAX];
	static unsigned next;

	return t_join(paths[next++ % 2], w->dir, name);
}

static void
append(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd == -1 || write(fd, text, len) != (ssize_t)len)
		abort();
	close(fd);
}

/* A record with an id and a time of its own. */
static struct translog_record
record(struct world *w, enum translog_event event)
{
	struct translog_record rec;

	translog_clear(&rec);
	rec.ts_us = TS_US + w->lines * 1000;
	rec.event = event;
	if (event != TRANSLOG_NOTICE)
		snprintf(rec.id, sizeof(rec.id), "%016" PRIx64, ++w->lines);
	return rec;
}

static void
put(const char *path, const struct translog_record *rec)
{
	char line[TRANSLOG_LINE_MAX];

	append(path, line, translog_format(rec, line));
}

/* Some complete reads of 1000 bytes each, into that file. */
static void
put_reads(struct world *w, const char *path, unsigned count)
{
	struct translog_record rec;

	while (count-- != 0) {
		rec = record(w, TRANSLOG_TRANSFER);
		rec.op = TRANSLOG_READ;
		rec.outcome = OUTCOME_COMPLETE;
		rec.numbers[TRANSLOG_BYTES] = KB;
		put(path, &rec);
	}
}

/* The same, and they must be counted. */
static void
reads(struct world *w, const char *path, unsigned count)
{
	put_reads(w, path, count);
	w->ends += count;
	w->bytes += (uint64_t)count * KB;
}

static void
expect(struct world *w, uint64_t gaps, const char *what)
{
	struct rollup_report r;
	const struct rollup_counters *k = &r.counters;

	T_OK(rollup_carry(w->state, w->log, false, &r) == 0, what);
	T_OK(k->outcomes[TRANSLOG_READ][OUTCOME_COMPLETE] == w->ends, what);
	T_OK(k->bytes[TRANSLOG_READ] == w->bytes, what);
	T_OK(k->gaps == gaps, what);
	T_OK(k->rebuilds == 0, what);
	T_OK(r.is_saved, what);
	if (r.note[0] != '\0')
		printf("\n    %s: %s", what, r.note);
}

/* ---- counting -------------------------------------------------------- */

static void
each_record_counts_where_it_belongs(void)
{
	struct rollup_report r;
	const struct rollup_counters *k = &r.counters;
	struct translog_record rec;
	struct world w;

	world_make(&w);
	rec = record(&w, TRANSLOG_TRANSFER);
	rec.op = TRANSLOG_WRITE;
	rec.outcome = OUTCOME_UNCONFIRMED;
	rec.numbers[TRANSLOG_BYTES] = 512;
	rec.numbers[TRANSLOG_DURATION_US] = 5001;
	rec.numbers[TRANSLOG_FIRST_REPLY_US] = 250;
	rec.numbers[TRANSLOG_PACKETS_SENT] = 3;
	rec.numbers[TRANSLOG_RETRANSMITS] = 2;
	rec.numbers[TRANSLOG_TIMEOUTS] = 1;
	put(w.log, &rec);
	rec = record(&w, TRANSLOG_TRANSFER);
	rec.op = TRANSLOG_READ;
	rec.outcome = OUTCOME_TIMEOUT;
	rec.numbers[TRANSLOG_BYTES] = 99;
	rec.numbers[TRANSLOG_DURATION_US] = 1;
	put(w.log, &rec);
	rec = record(&w, TRANSLOG_TRANSFER);
	rec.outcome = OUTCOME_INVALID;
	put(w.log, &rec);
	rec = record(&w, TRANSLOG_START);
	put(w.log, &rec);
	rec = record(&w, TRANSLOG_NOTICE);
	rec.numbers[TRANSLOG_REQUESTS] = 7;
	rec.numbers[TRANSLOG_DROPPED] = 5;
	put(w.log, &rec);
	append(w.log, "rubbish\n", 8);

	T_OK(rollup_carry(w.state, w.log, false, &r) == 0, "it is read");
	T_OK(k->outcomes[TRANSLOG_WRITE][OUTCOME_UNCONFIRMED] == 1 &&
	    k->outcomes[TRANSLOG_READ][OUTCOME_TIMEOUT] == 1 &&
	    k->outcomes[TRANSLOG_NO_OP][OUTCOME_INVALID] == 1, "outcomes");
	T_OK(k->bytes[TRANSLOG_READ] == 99 && k->bytes[TRANSLOG_WRITE] == 512,
	    "bytes, of failures too");
	T_OK(k->duration[TRANSLOG_WRITE].buckets[1] == 1 &&
	    k->duration[TRANSLOG_WRITE].sum == 5001,
	    "a value above a bound is in the next bucket");
	T_OK(k->size[TRANSLOG_WRITE].buckets[0] == 1,
	    "a value at a bound is below it");
	T_OK(k->first_reply[TRANSLOG_WRITE].buckets[0] == 1, "first reply");
	T_OK(k->duration[TRANSLOG_READ].sum == 0, "a failure has no duration");
	T_OK(k->packets_sent[TRANSLOG_WRITE] == 3 &&
	    k->retransmits[TRANSLOG_WRITE] == 2 &&
	    k->timeouts[TRANSLOG_WRITE] == 1, "packets");
	T_OK(k->last_us[OUTCOME_CLASS_SUCCESS] == TS_US &&
	    k->last_us[OUTCOME_CLASS_FAILURE] == TS_US + 1000 &&
	    k->last_us[OUTCOME_CLASS_NEUTRAL] == 0, "the latest of each class");
	T_OK(k->starts == 1 && r.open == 1, "an open transfer");
	T_OK(k->requests == 7 && k->dropped == 5, "a notice's numbers");
	T_OK(k->lines == 6 && k->bad_lines == 1, "lines, and bad ones");
	T_OK(k->since_us != 0 && r.log_bytes != 0 &&
	    r.read_bytes == r.log_bytes, "sizes");
	t_tmp_remove(w.dir);
}

static void
what_was_saved_comes_back_whole(void)
{
	struct rollup_report first, second;
	struct stat before, after;
	struct world w;

	world_make(&w);
	put_reads(&w, w.log, 5);
	T_OK(rollup_carry(w.state, w.log, false, &first) == 0 &&
	    first.is_saved, "the first time");
	T_OK(stat(w.state, &before) == 0 && (before.st_mode & 0777) == 0644,
	    "others may go on from it");
	T_OK(rollup_carry(w.state, w.log, false, &second) == 0, "again");
	T_OK(memcmp(&first.counters, &second.counters,
	    sizeof(first.counters)) == 0, "the same counters");
	T_OK(second.read_bytes == 0 && second.is_saved, "nothing was read");
	T_OK(stat(w.state, &after) == 0 && before.st_ino == after.st_ino,
	    "nothing was written");
	t_tmp_remove(w.dir);
}

static void
sums_stop_at_the_top(void)
{
	struct translog_record rec;
	struct rollup_report r;
	struct world w;
	unsigned i;

	world_make(&w);
	for (i = 0; i < 3; i++) {
		rec = record(&w, TRANSLOG_TRANSFER);
		rec.op = TRANSLOG_READ;
		rec.outcome = OUTCOME_COMPLETE;
		rec.numbers[TRANSLOG_BYTES] = INT64_MAX;
		rec.numbers[TRANSLOG_DURATION_US] = INT64_MAX;
		rec.ts_us = UINT64_C(253402300799999999);
		put(w.log, &rec);
	}
	for (i = 0; i < 2; i++) {
		T_OK(rollup_carry(w.state, w.log, false, &r) == 0 &&
		    r.counters.bytes[TRANSLOG_READ] == UINT64_MAX &&
		    r.counters.duration[TRANSLOG_READ].sum == UINT64_MAX,
		    "a forged log makes no sum wrap");
		T_OK(r.counters.last_us[OUTCOME_CLASS_SUCCESS] <
		    rec.ts_us, "and no future");
	}
	t_tmp_remove(w.dir);
}

/*
 * The events of one transfer, a call after each: s start, e end, c crashed
 * end.
 */
static void
an_end_counts_once_over_calls(void)
{
	static const struct {
		const char *what, *story;
		unsigned ends, open;
	} rows[] = {
		{ "a transfer", "se", 1, 0 },
		{ "one that runs", "s", 0, 1 },
		{ "one that crashed", "sc", 1, 0 },
		{ "ended, then found dead", "sec", 1, 0 },
		{ "found dead, then its own end", "sce", 1, 0 },
		{ "crashed, and nobody knows it", "c", 0, 0 },
		{ "refused", "e", 1, 0 },
		{ "a start behind its end", "es", 1, 0 },
	};
	struct translog_record rec;
	struct rollup_report r = { .open = 0 };
	struct world w;
	const char *p;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		world_make(&w);
		for (p = rows[i].story; *p != '\0'; p++) {
			rec = record(&w, *p == 's' ? TRANSLOG_START :
			    TRANSLOG_TRANSFER);
			strcpy(rec.id, "00000000000000ff");
			rec.op = TRANSLOG_READ;
			if (*p != 's')
				rec.outcome = *p == 'c' ? OUTCOME_CRASHED :
				    OUTCOME_COMPLETE;
			put(w.log, &rec);
			T_OK(rollup_carry(w.state, w.log, false, &r) == 0,
			    rows[i].what);
		}
		T_OK(r.counters.outcomes[TRANSLOG_READ][OUTCOME_COMPLETE] +
		    r.counters.outcomes[TRANSLOG_READ][OUTCOME_CRASHED] ==
		    rows[i].ends, rows[i].what);
		T_OK(r.open == rows[i].open, rows[i].what);
		t_tmp_remove(w.dir);
	}
}

static void
a_torn_last_line_waits(void)
{
	char line[TRANSLOG_LINE_MAX];
	struct translog_record rec;
	struct world w;
	size_t len, i;

	world_make(&w);
	reads(&w, w.log, 2);
	rec = record(&w, TRANSLOG_TRANSFER);
	rec.op = TRANSLOG_READ;
	rec.outcome = OUTCOME_COMPLETE;
	rec.numbers[TRANSLOG_BYTES] = KB;
	len = translog_format(&rec, line);
	for (i = 0; i < len; i++) {
		expect(&w, 0, "not before it is whole");
		append(w.log, line + i, 1);
	}
	w.ends++;
	w.bytes += KB;
	expect(&w, 0, "then it counts");
	t_tmp_remove(w.dir);
}

/* ---- rotation -------------------------------------------------------- */

static void
copy(const char *from, const char *to)
{
	char buf[4096];
	int fd = open(from, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		abort();
	append(to, "", 0);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		append(to, buf, (size_t)n);
	close(fd);
}

/* from becomes a packed file, and goes; without zlib nothing is packed. */
static void
pack_beside(const char *from, char to[static PATH_MAX])
{
#ifdef HAVE_ZLIB
	char buf[4096];
	int fd = open(from, O_RDONLY | O_CLOEXEC);
	gzFile out;
	ssize_t n;

	snprintf(to, PATH_MAX, "%s.gz", from);
	out = gzopen(to, "wb");
	if (fd == -1 || out == NULL)
		abort();
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (gzwrite(out, buf, (unsigned)n) != n)
			abort();
	gzclose(out);
	close(fd);
#else
	snprintf(to, PATH_MAX, "%s", from);
#endif
}

static void
pack(const char *from)
{
	char to[PATH_MAX];

	pack_beside(from, to);
	if (strcmp(from, to) != 0)
		unlink(from);
}

static void
by_rename(struct world *w)
{
	if (rename(w->log, in_world(w, "transfers.jsonl.1")) != 0)
		abort();
}

static void
by_date(struct world *w)
{
	if (rename(w->log, in_world(w, "transfers.jsonl-20261122")) != 0)
		abort();
}

static void
by_packing(struct world *w)
{
	by_rename(w);
	pack(in_world(w, "transfers.jsonl.1"));
}

static void
by_copy(struct world *w)
{
	copy(w->log, in_world(w, "transfers.jsonl.1"));
	if (truncate(w->log, 0) != 0)
		abort();
}

static void
by_copy_and_packing(struct world *w)
{
	by_copy(w);
	pack(in_world(w, "transfers.jsonl.1"));
}

static void
by_deletion(struct world *w)
{
	unlink(w->log);
}

static void
by_truncation(struct world *w)
{
	if (truncate(w->log, 0) != 0)
		abort();
}

static const struct {
	const char *what;
	void (*rotate)(struct world *w);
	unsigned gaps;		/* what was not counted is lost */
} ways[] = {
	{ "renamed", by_rename, 0 },
	{ "renamed to a date", by_date, 0 },
	{ "packed", by_packing, 0 },
	{ "copied and truncated", by_copy, 0 },
	{ "copied, truncated and packed", by_copy_and_packing, 0 },
	{ "deleted", by_deletion, 1 },
	{ "truncated", by_truncation, 1 },
};

/* With 0 or more lines at each of the moments that there are. */
static void
rotate_once(size_t way, unsigned before, unsigned rest, unsigned after)
{
	const char *what = ways[way].what;
	/* One that is emptied before it had a line is as it was. */
	unsigned gaps = before == 0 ? 0 : ways[way].gaps;
	struct world w;

	world_make(&w);
	append(w.log, "", 0);
	if (before != 0)
		reads(&w, w.log, before);
	expect(&w, 0, what);
	if (ways[way].gaps == 0)
		reads(&w, w.log, rest);
	else
		put_reads(&w, w.log, rest);
	ways[way].rotate(&w);
	reads(&w, w.log, after);
	append(w.log, "", 0);
	expect(&w, gaps, what);
	expect(&w, gaps, what);
	reads(&w, w.log, 2);
	expect(&w, gaps, "the new log goes on");
	t_tmp_remove(w.dir);
}

static void
rotated_between_two_calls(void)
{
	static const unsigned counts[] = { 0, 3, 3000 };
	size_t way, b, r, a;

	for (way = 0; way < COUNT(ways); way++)
		/* an empty log that is deleted may be told from the next
		 * one, or not: by its inode */
		for (b = ways[way].rotate == by_deletion; b < 2; b++)
			for (r = 0; r < 2; r++)
				for (a = 0; a < 2; a++)
					rotate_once(way, counts[b],
					    counts[r], counts[a]);
	for (way = 0; way < COUNT(ways); way++)
		rotate_once(way, counts[2], counts[1], counts[2]);
}

static void
shift(struct world *w, unsigned highest)
{
	char from[PATH_MAX], to[PATH_MAX], name[64];
	unsigned i;

	for (i = highest; i > 0; i--) {
		snprintf(name, sizeof(name), "transfers.jsonl.%u", i);
		t_join(from, w->dir, name);
		snprintf(name, sizeof(name), "transfers.jsonl.%u", i + 1);
		(void)rename(from, t_join(to, w->dir, name));
	}
	by_rename(w);
}

static void
many_generations_at_once(void)
{
	struct world w;
	unsigned i;

	world_make(&w);
	reads(&w, w.log, 3);
	expect(&w, 0, "the first log");
	for (i = 1; i < 15; i++) {
		reads(&w, w.log, 3);
		shift(&w, i);
	}
	reads(&w, w.log, 1);
	expect(&w, 0, "14 logs between two calls, more than 9 too");
	for (i = 15; i < 40; i++) {
		shift(&w, i);
		reads(&w, w.log, 1);
		expect(&w, 0, "and one each");
	}
	t_tmp_remove(w.dir);
}

static void
a_late_line_in_the_old_log(void)
{
	struct world w;
	char gz[PATH_MAX];

	world_make(&w);
	reads(&w, w.log, 3);
	by_rename(&w);
	reads(&w, w.log, 3);
	expect(&w, 0, "rotated");
	reads(&w, in_world(&w, "transfers.jsonl.1"), 2);
	expect(&w, 0, "a transfer that began before ends in the old file");
	reads(&w, w.log, 1);
	reads(&w, in_world(&w, "transfers.jsonl.1"), 1);
	pack_beside(in_world(&w, "transfers.jsonl.1"), gz);
	expect(&w, 0, "both, while the old one is packed");
	t_tmp_remove(w.dir);
}

static void
a_packed_file_in_the_making(void)
{
	struct world w;
	char gz[PATH_MAX];

	world_make(&w);
	reads(&w, w.log, 500);
	by_rename(&w);
	reads(&w, w.log, 3);
#ifdef HAVE_ZLIB
	t_join(gz, w.dir, "transfers.jsonl.1.gz");
	append(gz, "", 0);
	expect(&w, 0, "nothing of it beside the whole");
	pack_beside(in_world(&w, "transfers.jsonl.1"), gz);
	if (truncate(gz, 3000) != 0)
		abort();
	expect(&w, 0, "a half of it beside the whole");
#endif
	pack_beside(in_world(&w, "transfers.jsonl.1"), gz);
	expect(&w, 0, "the whole twice");
	pack(in_world(&w, "transfers.jsonl.1"));
	expect(&w, 0, "the packed one alone");
	t_tmp_remove(w.dir);
}

static void
missing_for_a_while(void)
{
	struct rollup_report r;
	char aside[PATH_MAX];
	struct world w;

	world_make(&w);
	T_OK(rollup_carry(w.state, w.log, false, &r) == -ENOENT, "no log");
	reads(&w, w.log, 3);
	expect(&w, 0, "there it is");
	t_join(aside, w.dir, "aside");
	if (rename(w.log, aside) != 0)
		abort();
	T_OK(rollup_carry(w.state, w.log, false, &r) == -ENOENT &&
	    r.counters.bytes[TRANSLOG_READ] == w.bytes,
	    "missing: what the state knows");
	if (rename(aside, w.log) != 0)
		abort();
	reads(&w, w.log, 1);
	expect(&w, 0, "it came back: nothing was lost");
	if (rename(w.log, aside) != 0)
		abort();
	reads(&w, w.log, 1);
	expect(&w, 1, "another one in its place");
	reads(&w, aside, 1);
	if (rename(aside, in_world(&w, "transfers.jsonl.1")) != 0)
		abort();
	expect(&w, 1, "the lost one turns up: it goes on");
	t_tmp_remove(w.dir);
}

static void
cut_behind_what_was_counted(void)
{
	struct world w;
	struct stat st;

	world_make(&w);
	reads(&w, w.log, 9);
	expect(&w, 0, "nine");
	if (stat(w.log, &st) != 0 || truncate(w.log, st.st_size / 2) != 0)
		abort();
	expect(&w, 1, "cut in half, in the middle of a line");
	reads(&w, w.log, 3);
	expect(&w, 1, "what comes then is counted");
	t_tmp_remove(w.dir);
}

static void
another_log(void)
{
	char first[PATH_MAX];
	struct world w;

	world_make(&w);
	reads(&w, w.log, 3);
	expect(&w, 0, "one log");
	reads(&w, w.log, 2);
	strcpy(first, w.log);
	t_join(w.log, w.dir, "other.jsonl");
	reads(&w, w.log, 4);
	expect(&w, 0, "the server writes elsewhere: the rest, and the new one");
	strcpy(w.log, first);
	reads(&w, w.log, 1);
	expect(&w, 0, "and back: nothing twice");
	T_OK(rollup_get_log(w.state, first) && strcmp(first, w.log) == 0,
	    "the state knows which log it is");
	t_tmp_remove(w.dir);
}

static void
garbage_at_the_beginning(void)
{
	char junk[9000];
	struct world w;

	world_make(&w);
	memset(junk, 'x', sizeof(junk));
	append(w.log, junk, 10);
	expect(&w, 0, "a line without end");
	append(w.log, junk, sizeof(junk));
	expect(&w, 0, "longer than any");
	append(w.log, "\n", 1);
	reads(&w, w.log, 3);
	expect(&w, 0, "then records");
	by_rename(&w);
	reads(&w, w.log, 3);
	expect(&w, 0, "rotated");
	t_tmp_remove(w.dir);
}

static void
the_same_rubbish_in_each(void)
{
	struct world w;
	unsigned i;

	world_make(&w);
	for (i = 1; i < 6; i++) {
		append(w.log, "\n# the log\n", 11);
		expect(&w, 0, "no record yet");
		reads(&w, w.log, i);
		if (i % 2 == 0)
			expect(&w, 0, "behind rubbish");
		shift(&w, i);
		append(w.log, "", 0);
		expect(&w, 0, "renamed, and an empty one");
	}
	t_tmp_remove(w.dir);
}

/* ---- the state ------------------------------------------------------- */

/* Spoil one byte, or cut the file there. */
static void
damage(const char *path, off_t at, bool cut)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char byte;

	if (fd == -1)
		abort();
	if (cut) {
		if (ftruncate(fd, at) != 0)
			abort();
	} else if (pread(fd, &byte, 1, at) == 1) {
		byte ^= 1;
		if (pwrite(fd, &byte, 1, at) != 1)
			abort();
	}
	close(fd);
}

static void
a_damaged_copy_loses_nothing(void)
{
	struct world w;
	struct stat st;
	off_t at;
	bool cut;

	world_make(&w);
	reads(&w, w.log, 5);
	expect(&w, 0, "a first copy");
	for (at = 0; ; at += 13) {
		reads(&w, w.log, 1);
		expect(&w, 0, "a second copy");
		if (stat(w.state, &st) != 0 || at >= st.st_size)
			break;
		cut = at % 2 == 0;
		damage(w.state, at, cut);
		reads(&w, w.log, 1);
		expect(&w, 0, "it goes on from the older one");
		reads(&w, w.log, 1);
		expect(&w, 0, "and has two again");
		unlink(w.state);
		expect(&w, 0, "so one may be missing");
	}
	t_tmp_remove(w.dir);
}

static void
both_damaged(void)
{
	struct rollup_report r;
	char older[PATH_MAX];
	struct world w;

	world_make(&w);
	reads(&w, w.log, 5);
	by_rename(&w);
	reads(&w, w.log, 5);
	expect(&w, 0, "a first copy");
	reads(&w, w.log, 5);
	expect(&w, 0, "a second one");
	t_join(older, w.dir, "state.old");
	damage(w.state, 100, false);
	damage(older, 20, true);
	T_OK(rollup_carry(w.state, w.log, false, &r) == 0 &&
	    r.counters.bytes[TRANSLOG_READ] == w.bytes &&
	    r.counters.rebuilds == 1 && r.is_saved && r.note[0] != '\0',
	    "counted anew, of all logs, and told");
	T_OK(rollup_carry(w.state, w.log, false, &r) == 0 &&
	    r.counters.bytes[TRANSLOG_READ] == w.bytes &&
	    r.counters.rebuilds == 1 && r.note[0] == '\0', "once");
	T_OK(rollup_carry(w.state, w.log, true, &r) == 0 &&
	    r.counters.bytes[TRANSLOG_READ] == w.bytes &&
	    r.counters.rebuilds == 2, "and when it is asked for");
	T_OK(rollup_carry(NULL, w.log, false, &r) == 0 &&
	    r.counters.bytes[TRANSLOG_READ] == w.bytes &&
	    r.counters.rebuilds == 0 && r.note[0] == '\0', "without a state");
	t_tmp_remove(w.dir);
}

static void
without_leave_to_write(const void *arg)
{
	const struct world *w = arg;
	struct rollup_report r;
	unsigned i;

	t_drop();
	for (i = 0; i < 2; i++) {
		C_OK(rollup_carry(w->state, w->log, false, &r) == 0,
		    "it is counted in memory");
		C_OK(r.counters.bytes[TRANSLOG_READ] == w->bytes, "all of it");
		C_OK(!r.is_saved && r.note[0] != '\0', "and told");
	}
	C_OK(rollup_carry("/nonexistent/state/rollup", w->log, false, &r) ==
	    0 && r.counters.bytes[TRANSLOG_READ] == w->bytes &&
	    !r.is_saved && r.note[0] != '\0', "no folder");
}

static void
who_may_not_write(void)
{
	struct world w;

	world_make(&w);
	reads(&w, w.log, 5);
	expect(&w, 0, "root's");
	reads(&w, w.log, 5);
	t_in_child(without_leave_to_write, &w, "another user");
	expect(&w, 0, "root's again");
	t_tmp_remove(w.dir);
}

/* Looks again and again; counters may never fall. */
static void
watch(const struct world *w, unsigned times)
{
	struct rollup_report r;
	uint64_t bytes = 0;

	for (; times-- != 0; bytes = r.counters.bytes[TRANSLOG_READ]) {
		/* between a rename and the new log there is none */
		if (rollup_carry(w->state, w->log, false, &r) != 0 &&
		    access(w->state, F_OK) != 0)
			continue;
		if (r.counters.bytes[TRANSLOG_READ] < bytes ||
		    r.counters.gaps != 0 || r.counters.rebuilds != 0)
			_exit(1);
	}
	_exit(0);
}

static void
eight_at_once(void)
{
	pid_t pids[8];
	struct world w;
	unsigned i;

	world_make(&w);
	reads(&w, w.log, 5);
	expect(&w, 0, "to begin with");
	fflush(stdout);
	for (i = 0; i < COUNT(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			watch(&w, 30);
	}
	for (i = 1; i <= 20; i++) {
		reads(&w, w.log, 20);
		shift(&w, i);
		reads(&w, w.log, 20);
	}
	for (i = 0; i < COUNT(pids); i++)
		T_OK(t_reap(pids[i], 0), "counters only rise for each");
	expect(&w, 0, "and in the end all is counted once");
	t_tmp_remove(w.dir);
}

int
main(void)
{
	CU_TestInfo counting[] = {
		{ "each record", each_record_counts_where_it_belongs },
		{ "saved", what_was_saved_comes_back_whole },
		{ "sums", sums_stop_at_the_top },
		{ "ends", an_end_counts_once_over_calls },
		{ "torn", a_torn_last_line_waits },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo rotation[] = {
		{ "between two calls", rotated_between_two_calls },
		{ "many generations", many_generations_at_once },
		{ "a late line", a_late_line_in_the_old_log },
		{ "packing", a_packed_file_in_the_making },
		{ "missing", missing_for_a_while },
		{ "cut", cut_behind_what_was_counted },
		{ "another log", another_log },
		{ "garbage", garbage_at_the_beginning },
		{ "the same in each", the_same_rubbish_in_each },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo state[] = {
		{ "a damaged copy", a_damaged_copy_loses_nothing },
		{ "both damaged", both_damaged },
		{ "no leave to write", who_may_not_write },
		{ "eight at once", eight_at_once },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "counting", NULL, NULL, NULL, NULL, counting },
		{ "rotation", NULL, NULL, NULL, NULL, rotation },
		{ "the state", NULL, NULL, NULL, NULL, state },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
