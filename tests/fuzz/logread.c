/*
 * logread - any bytes as a transfer log: each line is counted as what it is,
 * however it comes, each transfer once, and what is printed of it steers no
 * terminal.
 *
 * An input is a byte that says how, one that says where the log is cut into
 * what is there at first and what comes later (or into two files), and the
 * log.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "json_check.h"
#include "record/jsonl.h"
#include "stats/aggregate.h"
#include "stats/ledger.h"
#include "stats/logset.h"
#include "stats/printer.h"
#include "stats/report.h"

#define LOG_MAX		65536
#define IDS_MAX		64	/* of one log, for the model */
#define TOP		5
#define SET_BITS	0x1e	/* of the byte that says how */

/* What a log holds, or what was found in it. */
struct found {
	struct logread_counts counts;
	uint64_t lines;
	uint64_t hash;			/* of all records, in their order */
	uint64_t ids[IDS_MAX];
	bool is_open[IDS_MAX];
	unsigned id_count;
	bool is_crowded;		/* there are more ids */
	uint64_t ends, open;		/* that count */
};

/* ---- the model -------------------------------------------------------- */

static uint64_t
hash_of(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (; len-- != 0; at++)
		hash = (hash ^ *at) * UINT64_C(0x100000001b3);
	return hash;
}

static unsigned
index_of(struct found *f, uint64_t id, bool *is_new)
{
	unsigned i;

	for (i = 0; i < f->id_count && f->ids[i] != id; i++)
		;
	*is_new = i == f->id_count;
	if (*is_new && f->id_count == IDS_MAX) {
		f->is_crowded = true;
		return 0;
	}
	return i;
}

/* tftpd-log(5): an end counts once, and "crashed" only after a start. */
static void
count_transfer(struct found *f, const struct translog_record *rec)
{
	bool is_new;
	unsigned i;

	if (rec->event == TRANSLOG_NOTICE)
		return;
	i = index_of(f, strtoull(rec->id, NULL, 16), &is_new);
	if (f->is_crowded || (rec->event == TRANSLOG_START && !is_new))
		return;
	if (rec->event == TRANSLOG_TRANSFER && is_new &&
	    rec->outcome == OUTCOME_CRASHED)
		return;
	if (is_new) {
		f->ids[f->id_count++] = strtoull(rec->id, NULL, 16);
		f->is_open[i] = rec->event == TRANSLOG_START;
		f->open += f->is_open[i];
		f->ends += !f->is_open[i];
	} else if (f->is_open[i]) {
		f->is_open[i] = false;
		f->open--;
		f->ends++;
	}
}

static void
note_record(struct found *f, const struct translog_record *rec,
    const char *raw, size_t len)
{
	f->counts.records++;
	f->hash = hash_of(f->hash ^ len, raw, len);
	count_transfer(f, rec);
}

static bool
same_bytes(struct translog_bytes a, struct translog_bytes b)
{
	return (a.buf == NULL) == (b.buf == NULL) && a.len == b.len &&
	    (a.len == 0 || memcmp(a.buf, b.buf, a.len) == 0);
}

static bool
same_record(const struct translog_record *a, const struct translog_record *b)
{
	return a->ts_us == b->ts_us && a->event == b->event &&
	    a->op == b->op && a->outcome == b->outcome &&
	    strcmp(a->id, b->id) == 0 && strcmp(a->client, b->client) == 0 &&
	    strcmp(a->server, b->server) == 0 &&
	    strcmp(a->mode, b->mode) == 0 &&
	    strcmp(a->error_by, b->error_by) == 0 &&
	    memcmp(a->numbers, b->numbers, sizeof(a->numbers)) == 0 &&
	    same_bytes(a->file, b->file) && same_bytes(a->path, b->path) &&
	    same_bytes(a->asked, b->asked) &&
	    same_bytes(a->message, b->message);
}

static enum translog_verdict
try_piece(struct found *f, const char *piece, size_t len)
{
	struct translog_line line, quick;
	enum translog_verdict verdict = translog_parse(piece, len, &line);

	FUZZ_HOLDS(translog_scan(piece, len, &quick) == verdict &&
	    (verdict != TRANSLOG_OK || (line.rec.is_cut == quick.rec.is_cut &&
	    same_record(&line.rec, &quick.rec))),
	    "the quick scanner says what the parser says");
	if (verdict == TRANSLOG_OK)
		note_record(f, &line.rec, piece, len);
	if (verdict == TRANSLOG_NEWER)
		f->counts.newer++;
	return verdict;
}

static void
expect_line(struct found *f, const char *line, size_t len)
{
	size_t next = translog_resync(line, len);

	f->lines++;
	if (try_piece(f, line, len) != TRANSLOG_BAD)
		return;
	if (next == 0) {
		f->counts.bad++;
		return;
	}
	for (; len != 0; line += next, len -= next) {
		next = translog_resync(line, len);
		if (next == 0)
			next = len;
		if (try_piece(f, line, next) == TRANSLOG_BAD)
			f->counts.torn++;
	}
}

/* A last line without its newline is still being written. */
static void
expect(struct found *f, const char *log, size_t len)
{
	const char *newline;
	size_t n;

	for (; len != 0 && (newline = memchr(log, '\n', len)) != NULL;
	    log += n + 1, len -= n + 1) {
		n = (size_t)(newline - log);
		if (n != 0)
			expect_line(f, log, n);
	}
	FUZZ_HOLDS(f->counts.records + f->counts.bad + f->counts.torn +
	    f->counts.newer >= f->lines, "each line is counted");
}

static void
check_found(const struct found *want, const struct found *is)
{
	FUZZ_HOLDS(memcmp(&want->counts, &is->counts, sizeof(is->counts)) ==
	    0, "lines are counted as what they are");
	FUZZ_HOLDS(want->hash == is->hash, "records are found as they are");
}

/* ---- a record --------------------------------------------------------- */

static void
check_bytes(const struct translog_line *line, struct translog_bytes bytes)
{
	struct packet_slice slice = { bytes.buf, bytes.len };

	FUZZ_HOLDS(bytes.buf != NULL || bytes.len == 0, "nothing is empty");
	FUZZ_HOLDS(fuzz_within(slice, (const uint8_t *)line->text,
	    sizeof(line->text)), "texts lie in the line");
}

/* Written as we write it, it is the same record. */
static void
check_again(const struct translog_record *rec)
{
	struct translog_line again;
	char line[TRANSLOG_LINE_MAX];
	size_t len = translog_format(rec, line);
	const struct translog_record *is = &again.rec;

	FUZZ_HOLDS(len != 0 && json_is_valid(line, len - 1) &&
	    translog_parse(line, len, &again) == TRANSLOG_OK,
	    "a record can be written again");
	if (is->is_cut)
		return;
	FUZZ_HOLDS(same_record(is, rec), "written again it is the same");
}

static void
check_record(const struct logread *r)
{
	const struct translog_line *line = &r->line;
	const struct translog_record *rec = &line->rec;

	FUZZ_HOLDS(json_is_valid(r->raw, r->raw_len), "a record is JSON");
	check_bytes(line, rec->file);
	check_bytes(line, rec->path);
	check_bytes(line, rec->asked);
	check_bytes(line, rec->message);
	FUZZ_HOLDS((unsigned)rec->outcome < OUTCOME_COUNT &&
	    (unsigned)rec->op <= TRANSLOG_WRITE &&
	    (unsigned)rec->event <= TRANSLOG_NOTICE, "words are known ones");
	check_again(rec);
}

/* ---- one file, which grows -------------------------------------------- */

/* Cut last: the file keeps its pages from one input to the next. */
static void
put_file(int fd, const char *bytes, size_t len)
{
	if (pwrite(fd, bytes, len, 0) != (ssize_t)len ||
	    ftruncate(fd, (off_t)len) == -1)
		abort();
}

static void
read_on(struct logread *r, struct found *is)
{
	int ret;

	while ((ret = logread_next(r)) == 1) {
		check_record(r);
		note_record(is, &r->line.rec, r->raw, r->raw_len);
	}
	FUZZ_HOLDS(ret == 0, "a file can be read");
	is->counts = r->counts;
}

static void
check_growing(const char *log, size_t len, size_t cut,
    const struct found *want)
{
	static struct logread r;
	struct found is = { 0 };

	if (r.buf == NULL && logread_init(&r, memfd_create("log", 0)) != 0)
		abort();
	put_file(r.fd, log, cut);
	if (logread_seek(&r, 0) != 0)
		abort();
	r.counts = (struct logread_counts){ 0 };
	read_on(&r, &is);
	if (pwrite(r.fd, log + cut, len - cut, (off_t)cut) !=
	    (ssize_t)(len - cut))
		abort();
	read_on(&r, &is);
	FUZZ_HOLDS(r.offset == len, "all of it was read");
	check_found(want, &is);
}

/* ---- reports ---------------------------------------------------------- */

/* Nothing but newlines steers. */
static void
check_printed(const char *text, size_t len, bool is_utf8)
{
	uint32_t code;
	size_t n;

	for (; len != 0; text += n, len -= n) {
		n = jsonl_utf8((const uint8_t *)text, len, &code);
		FUZZ_HOLDS(n != 0 && (is_utf8 || code < 128),
		    "what is printed is text");
		FUZZ_HOLDS(code == '\n' || !jsonl_is_unsafe(code),
		    "what is printed steers no terminal");
	}
}

static void
check_aggregate(const struct aggregate *a, const struct found *want)
{
	uint64_t outcomes = 0, classes = 0;
	unsigned i;

	for (i = 0; i < OUTCOME_COUNT; i++)
		outcomes += a->outcomes[i];
	for (i = 0; i <= OUTCOME_CLASS_FAILURE; i++)
		classes += a->classes[i];
	FUZZ_HOLDS(outcomes == a->requests && classes == a->requests,
	    "each request has one outcome");
	FUZZ_HOLDS(a->outcomes[OUTCOME_NONE] == 0, "an end has an outcome");
	if (!want->is_crowded)
		FUZZ_HOLDS(a->requests == want->ends &&
		    a->open == want->open, "each transfer is counted once");
}

static void
check_reports(const struct aggregate *a, const struct text_style *style)
{
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);

	report_text(out, a, style, TOP);
	fflush(out);
	check_printed(text, len, style->is_utf8);
	rewind(out);
	report_json(out, a, TOP);
	fclose(out);
	FUZZ_HOLDS(len != 0 && text[len - 1] == '\n' &&
	    json_is_valid(text, len - 1), "the report is JSON");
	free(text);
}

/* Reads the set to its end; returns as logset_next(). */
static int
read_set(struct logset *set, struct aggregate *a, struct found *is, FILE *out,
    const struct text_style *style)
{
	struct ledger ledger = { 0 };
	struct logread *reader;
	struct printer printer;
	struct filter filter;
	int ret;

	filter_clear(&filter);
	printer_init(&printer, out, style, false);
	while ((ret = logset_next(set, &reader)) == 1) {
		note_record(is, &reader->line.rec, reader->raw,
		    reader->raw_len);
		if (ledger_takes(&ledger, &filter, &reader->line.rec))
			aggregate_add(a, &reader->line.rec);
		if (reader->line.rec.event != TRANSLOG_START)
			printer_put(&printer, &reader->line.rec, reader->raw,
			    reader->raw_len);
	}
	a->open = ledger.open;
	a->lines = is->counts = logset_counts(set);
	ledger_free(&ledger);
	return ret;
}

/* As aggregate_new(), of which each would be 60 kB fresh from the system. */
static struct aggregate *
fresh_aggregate(void)
{
	static struct aggregate *a;

	if (a == NULL)
		a = aggregate_new();
	tally_free(&a->files);
	tally_free(&a->clients);
	memset(a, 0, sizeof(*a));
	tally_init(&a->files, TALLY_MAX);
	tally_init(&a->clients, TALLY_MAX);
	return a;
}

static void
check_set(const char *path, const struct found *want,
    const struct text_style *style)
{
	struct aggregate *a = fresh_aggregate();
	struct found is = { 0 };
	struct logset set;
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);
	int ret = logset_open(&set, &path, 1);

	if (ret == 0)
		ret = read_set(&set, a, &is, out, style);
	fclose(out);
	if (ret == 0) {
		check_found(want, &is);
		check_printed(text, len, style->is_utf8);
		check_aggregate(a, want);
		check_reports(a, style);
	} else {
		FUZZ_HOLDS(set.reason != NULL && want->counts.records == 0 &&
		    want->counts.bad + want->counts.newer != 0,
		    "a file without a record is no log");
	}
	free(text);
	logset_free(&set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[32];
	struct fuzz_input in = { data, size };
	uint8_t how = fuzz_u8(&in), where = fuzz_u8(&in);
	const struct text_style style = { .is_utc = true,
		.is_utf8 = how & 1 };
	struct found want = { 0 };
	const char *log = (const char *)in.at;
	size_t len = in.left < LOG_MAX ? in.left : LOG_MAX;

	if (fd == -1) {
		fd = memfd_create("log", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	expect(&want, log, len);
	check_growing(log, len, len * where / 256, &want);
	/* rarely: it is slow, for it takes its buffer from the system */
	if ((how & SET_BITS) == SET_BITS) {
		put_file(fd, log, len);
		check_set(path, &want, &style);
	}
	return 0;
}
