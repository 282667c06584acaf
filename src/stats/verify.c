#include "config.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

#include "record/jsonl.h"
#include "stats/idbook.h"
#include "stats/ledger.h"
#include "stats/scan.h"
#include "stats/table.h"

#define BUFFER_SIZE	((size_t)256 << 10)
/* What logread keeps of a line without end: both count the same. */
#define TAIL_SIZE	((size_t)2 * TRANSLOG_LINE_MAX)
#define PROBLEMS_MAX	10000
#define DETAIL_MAX	96
#define DAY_US		(UINT64_C(86400) * 1000000)
#define BACK_US		UINT64_C(1000000)

enum kind {
	KIND_BAD, KIND_TORN, KIND_NEWER, KIND_UNFINISHED, KIND_END_TWICE,
	KIND_START_TWICE, KIND_CRASHED, KIND_NEVER_ENDED, KIND_TIME_BACK,
	KIND_UNREADABLE, KIND_COUNT
};

static const struct {
	const char *name, *what;
} kinds[] = {
	[KIND_BAD] = { "bad", "no record" },
	[KIND_TORN] = { "torn", "part of a record" },
	[KIND_NEWER] = { "newer", "of another version" },
	[KIND_UNFINISHED] = { "unfinished",
	    "the last line has no end" },
	[KIND_END_TWICE] = { "end_twice",
	    "the transfer had ended before" },
	[KIND_START_TWICE] = { "start_twice",
	    "the transfer had begun before" },
	[KIND_CRASHED] = { "crashed_without_start",
	    "crashed, and there is no start" },
	[KIND_NEVER_ENDED] = { "never_ended",
	    "began more than a day ago, and there is no end" },
	[KIND_TIME_BACK] = { "time_back", "the time goes back" },
	[KIND_UNREADABLE] = { "unreadable",
	    "can't be read any further" },
};

struct problem {
	enum kind kind;
	size_t file;
	uint64_t line, offset;	/* line from 1, byte from 0, unpacked */
	char detail[DETAIL_MAX];
};

/* A log file, unpacked while it is read. */
struct source {
#ifdef HAVE_ZLIB
	gzFile gz;
#else
	int fd;
#endif
};

struct verify {
	const struct options *o;
	char default_path[LIVE_PATH_MAX];
	struct logset set;	/* has the paths, in the order of time */
	const char **paths;
	size_t path_count;
	struct problem *problems;
	size_t problem_count, problem_max;
	uint64_t found[KIND_COUNT];
	uint64_t cut;		/* of these, not in problems */
	uint64_t all_lines, records;
	uint64_t crashed_again;	/* after an end: the keeper was late */
	struct idbook book;
	struct scan_result result;
	struct translog_line parsed;
	/* of the file that is read */
	size_t file;
	uint64_t line, offset;
	uint64_t dropped;	/* of an endless line, in front of offset */
	uint64_t last_us;	/* of the record before, 0: none */
};

static void
add_problem(struct verify *v, enum kind kind, uint64_t line, uint64_t offset,
    const char *detail)
{
	struct problem *p;

	v->found[kind]++;
	if (v->problem_count == v->problem_max) {
		v->cut++;
		return;
	}
	if (v->problem_count % 256 == 0) {
		v->problems = reallocarray(v->problems,
		    v->problem_count + 256, sizeof(*v->problems));
		if (v->problems == NULL)
			err(1, NULL);
	}
	p = &v->problems[v->problem_count++];
	*p = (struct problem){ .kind = kind, .file = v->file, .line = line,
	    .offset = offset };
	snprintf(p->detail, sizeof(p->detail), "%s", detail);
}

static bool
is_key(const struct jsonl_member *m, const char *key)
{
	return strlen(key) == m->key_len && memcmp(key, m->key,
	    m->key_len) == 0;
}

/* What a well-formed line lacks; the parser has found it bad. */
static const char *
what_lacks(const char *line, size_t len)
{
	static const char *const needed[] = { "v", "ts", "event", "id",
	    "outcome" };
	bool seen[5] = { false }, is_notice = false, is_start = false;
	struct jsonl_scanner s;
	struct jsonl_member m;
	size_t i;

	jsonl_scan(&s, line, len);
	while (jsonl_next(&s, &m) == 1)
		for (i = 0; i < 5; i++) {
			seen[i] |= is_key(&m, needed[i]);
			if (m.kind == JSONL_STRING && is_key(&m, "event")) {
				is_notice = m.text_len == 6;
				is_start = m.text_len == 5;
			}
		}
	if (!seen[0])
		return "no v";
	if (!seen[1])
		return "no ts";
	if (!seen[2])
		return "no event";
	if (!seen[3] && !is_notice)
		return "no id";
	if (!seen[4] && !is_notice && !is_start)
		return "no outcome";
	return "a key that stands twice, or a value that it can't have";
}

static const char *
why_bad(const char *line, size_t len)
{
	struct jsonl_scanner s;
	struct jsonl_member m;
	int ret;

	if (len > TRANSLOG_LINE_MAX)
		return "longer than a record can be";
	if (memchr(line, '\0', len) != NULL)
		return "NUL bytes: a hole in the file?";
	jsonl_scan(&s, line, len);
	ret = jsonl_next(&s, &m);
	if (ret == -1)
		return "no JSON object";
	while (ret == 1)
		ret = jsonl_next(&s, &m);
	if (ret == -1)
		return "broken off, nested, or with something behind it";
	return what_lacks(line, len);
}

static void
note_id(struct verify *v, enum kind kind, uint64_t offset)
{
	char detail[DETAIL_MAX];

	snprintf(detail, sizeof(detail), "id %s", v->parsed.rec.id);
	add_problem(v, kind, v->line, offset, detail);
}

static void
check_time(struct verify *v, uint64_t offset)
{
	uint64_t ts_us = v->parsed.rec.ts_us;
	char detail[DETAIL_MAX], by[TEXT_NUMBER_MAX];

	if (ts_us + BACK_US < v->last_us) {
		snprintf(detail, sizeof(detail), "by %s",
		    text_duration(v->last_us - ts_us, by));
		add_problem(v, KIND_TIME_BACK, v->line, offset, detail);
	}
	v->last_us = ts_us;
	if (v->records == 1 || ts_us < v->result.since_us)
		v->result.since_us = ts_us;
	if (ts_us > v->result.until_us)
		v->result.until_us = ts_us;
}

static void
check_start(struct verify *v, uint64_t offset)
{
	const struct translog_record *rec = &v->parsed.rec;
	struct idbook_start start = {
		.id = ledger_id(rec->id), .ts_us = rec->ts_us,
		.line = v->line, .offset = offset, .file = v->file
	};

	if (idbook_start(&v->book, &start) != IDBOOK_UNKNOWN)
		note_id(v, KIND_START_TWICE, offset);
}

/*
 * A process that has written its end and dies is found dead all the same:
 * readers ignore that "crashed", and so do we.
 */
static void
check_end(struct verify *v, uint64_t offset)
{
	const struct translog_record *rec = &v->parsed.rec;
	bool is_crashed = rec->outcome == OUTCOME_CRASHED;
	uint64_t id = ledger_id(rec->id);
	enum idbook_state state = idbook_state(&v->book, id);

	if (state == IDBOOK_UNKNOWN && is_crashed) {
		if (v->book.untold == 0)
			note_id(v, KIND_CRASHED, offset);
		return;
	}
	if (state == IDBOOK_ENDED && is_crashed)
		v->crashed_again++;
	else if (state == IDBOOK_ENDED)
		note_id(v, KIND_END_TWICE, offset);
	else
		v->result.ends++;
	idbook_end(&v->book, id);
}

/* A piece of a line; *is_any becomes true when there is a record in it. */
static enum translog_verdict
check_piece(struct verify *v, const char *piece, size_t len, uint64_t offset)
{
	enum translog_verdict verdict = translog_scan(piece, len, &v->parsed);

	if (verdict == TRANSLOG_NEWER)
		add_problem(v, KIND_NEWER, v->line, offset, "");
	if (verdict != TRANSLOG_OK)
		return verdict;
	v->records++;
	check_time(v, offset);
	if (v->parsed.rec.event == TRANSLOG_START)
		check_start(v, offset);
	else if (v->parsed.rec.event == TRANSLOG_TRANSFER)
		check_end(v, offset);
	return verdict;
}

/* A fragment, and a record or more glued to it. */
static void
check_torn(struct verify *v, const char *line, size_t len)
{
	size_t at = 0, next, piece;
	uint64_t begin = v->offset - v->dropped;

	do {
		next = translog_resync(line + at, len - at);
		piece = next != 0 ? next : len - at;
		if (check_piece(v, line + at, piece, begin) == TRANSLOG_BAD)
			add_problem(v, KIND_TORN, v->line, begin,
			    why_bad(line + at, piece));
		at += next;
		begin = v->offset + at;
	} while (next != 0);
}

static void
check_line(struct verify *v, const char *line, size_t len)
{
	v->line++;
	v->all_lines++;
	if (len == 0 ||
	    check_piece(v, line, len, v->offset) != TRANSLOG_BAD)
		return;
	if (translog_resync(line, len) == 0)
		add_problem(v, KIND_BAD, v->line, v->offset - v->dropped,
		    why_bad(line, len));
	else
		check_torn(v, line, len);
}

static bool
source_open(struct source *s, const char *path)
{
#ifdef HAVE_ZLIB
	errno = 0;
	s->gz = gzopen(path, "rbe");
	if (s->gz == NULL && errno == 0)
		errno = ENOMEM;
	return s->gz != NULL;
#else
	s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return s->fd != -1;
#endif
}

/* Returns the bytes, 0 at the end, or -1 with the reason. */
static ssize_t
source_read(struct source *s, char *buf, size_t size, const char **reason)
{
	ssize_t n;
#ifdef HAVE_ZLIB
	int number;

	n = gzread(s->gz, buf, (unsigned)size);
	*reason = gzerror(s->gz, &number);
	/* data that is cut short shows at its end only */
	if (n == 0 && number != Z_OK && number != Z_STREAM_END)
		n = -1;
	if (n == -1 && number == Z_ERRNO)
		*reason = strerror(errno);
#else
	do
		n = read(s->fd, buf, size);
	while (n == -1 && errno == EINTR);
	*reason = strerror(errno);
#endif
	return n;
}

static void
source_close(struct source *s)
{
#ifdef HAVE_ZLIB
	gzclose_r(s->gz);
#else
	close(s->fd);
#endif
}

/* Take all whole lines of buf[0..len); returns how much that was. */
static size_t
check_lines(struct verify *v, const char *buf, size_t len)
{
	const char *newline;
	size_t at = 0, line_len;

	while ((newline = memchr(buf + at, '\n', len - at)) != NULL) {
		line_len = (size_t)(newline - buf) - at;
		check_line(v, buf + at, line_len);
		at += line_len + 1;
		v->offset += line_len + 1;
		v->dropped = 0;
	}
	return at;
}

/* zlib puts it in front. */
static const char *
without_path(const char *reason, const char *path)
{
	size_t len = strlen(path);

	return strncmp(reason, path, len) == 0 &&
	    strncmp(reason + len, ": ", 2) == 0 ? reason + len + 2 : reason;
}

static void
check_source(struct verify *v, struct source *s, char *buf)
{
	const char *reason;
	size_t len = 0, taken;
	ssize_t n;

	while ((n = source_read(s, buf + len, BUFFER_SIZE - len,
	    &reason)) > 0) {
		len += (size_t)n;
		taken = check_lines(v, buf, len);
		if (taken == 0 && len == BUFFER_SIZE) {
			taken = len - TAIL_SIZE;
			v->offset += taken;
			v->dropped += taken;
		}
		len -= taken;
		memmove(buf, buf + taken, len);
	}
	if (n == -1)
		add_problem(v, KIND_UNREADABLE, v->line + 1,
		    v->offset - v->dropped,
		    without_path(reason, v->paths[v->file]));
	else if (len != 0)
		add_problem(v, KIND_UNFINISHED, v->line + 1,
		    v->offset - v->dropped, "");
}

static void
check_file(struct verify *v, size_t file, char *buf)
{
	struct source s;

	v->file = file;
	v->line = v->offset = v->dropped = v->last_us = 0;
	if (!source_open(&s, v->paths[file])) {
		warn("%s", v->paths[file]);
		v->found[KIND_UNREADABLE]++;
		return;
	}
	check_source(v, &s, buf);
	source_close(&s);
}

/* What can't be read twice must not be looked at before. */
static bool
all_are_files(const struct options *o)
{
	struct stat st;
	size_t i;

	for (i = 0; i < o->log_count; i++)
		if (stat(o->logs[i], &st) == -1 || !S_ISREG(st.st_mode))
			return false;
	return true;
}

/*
 * The files in the order in which the reports read them; as they were given
 * where that can't be told, for a file may be no log at all.
 */
static void
choose_paths(struct verify *v)
{
	const struct options *o = v->o;
	int ret = -1;
	size_t i;

	command_default_log(o, v->default_path);
	if (o->log_count == 0)
		ret = logset_open_rotated(&v->set, v->default_path, 0);
	else if (all_are_files(o))
		ret = logset_open(&v->set, o->logs, o->log_count);
	v->path_count = ret == 0 ? v->set.count : o->log_count;
	v->paths = calloc(v->path_count + 1, sizeof(*v->paths));
	if (v->paths == NULL)
		err(1, NULL);
	for (i = 0; i < v->path_count; i++)
		v->paths[i] = ret == 0 ? v->set.files[i]->path : o->logs[i];
	if (v->path_count == 0)
		v->paths[v->path_count++] = v->default_path;
}

static int
by_place(const void *a, const void *b)
{
	const struct idbook_start *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

static void
check_open(struct verify *v)
{
	const struct idbook_start *start;
	struct idbook_start *old;
	size_t i, at = 0, count = 0;
	char detail[DETAIL_MAX];

	old = calloc(v->book.used + 1, sizeof(*old));
	if (old == NULL)
		err(1, NULL);
	while ((start = idbook_next(&v->book, &at)) != NULL)
		if (v->o->now_us > DAY_US &&
		    start->ts_us < v->o->now_us - DAY_US)
			old[count++] = *start;
	qsort(old, count, sizeof(*old), by_place);
	for (i = 0; i < count; i++) {
		snprintf(detail, sizeof(detail), "id %016" PRIx64, old[i].id);
		v->file = old[i].file;
		add_problem(v, KIND_NEVER_ENDED, old[i].line, old[i].offset,
		    detail);
	}
	free(old);
}

static int
by_line(const void *a, const void *b)
{
	const struct problem *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return (int)x->kind - (int)y->kind;
}

static void
put_path(const struct verify *v, const char *path)
{
	text_put_bytes(stdout, &v->o->style, (const uint8_t *)path,
	    strlen(path));
}

static void
print_problem(const struct verify *v, const struct problem *p)
{
	put_path(v, v->paths[p->file]);
	printf(":%" PRIu64 ": byte %" PRIu64 ": %s", p->line, p->offset,
	    kinds[p->kind].what);
	if (p->detail[0] != '\0')
		printf(": %s", p->detail);
	putchar('\n');
}

static uint64_t
problems_of(const struct verify *v)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < KIND_COUNT; i++)
		sum += v->found[i];
	return sum;
}

/* what begins with the comma in front of the number. */
static void
put_count(uint64_t count, const char *what)
{
	size_t comma = strspn(what, ", ");

	printf("%.*s%" PRIu64 " %s%s", (int)comma, what, count, what + comma,
	    count == 1 ? "" : "s");
}

static void
print_text(const struct verify *v)
{
	uint64_t sum = problems_of(v);
	size_t i;

	for (i = 0; i < v->problem_count; i++)
		print_problem(v, &v->problems[i]);
	if (v->cut != 0)
		printf("... and %" PRIu64 " more\n", v->cut);
	put_count(v->path_count, "file");
	put_count(v->all_lines, ", line");
	put_count(v->records, ", record");
	put_count(v->result.ends, ", transfer");
	printf(", %zu open: ", v->book.used);
	fputs(sum == 0 ? "all good" : "", stdout);
	for (i = 0; i < KIND_COUNT; i++)
		if (v->found[i] != 0) {
			printf("%s%s %" PRIu64, sum == 0 ? ", " : "",
			    kinds[i].name, v->found[i]);
			sum = 0;
		}
	putchar('\n');
}

static const struct table_column columns[] = {
	{ "File", "log", TABLE_NAME, 0 },
	{ "Line", "line", TABLE_COUNT, 0 },
	{ "Byte", "offset", TABLE_COUNT, 0 },
	{ "Problem", "problem", TABLE_WORD, 0 },
	{ "Detail", "detail", TABLE_NAME, 0 },
};

static struct table *
table_of(const struct verify *v)
{
	struct table *t;
	const struct problem *p;
	size_t i;

	t = table_new(columns, TABLE_LENGTH(columns));
	for (i = 0; i < v->problem_count; i++) {
		p = &v->problems[i];
		table_text(t, (const uint8_t *)v->paths[p->file],
		    strlen(v->paths[p->file]));
		table_number(t, p->line);
		table_number(t, p->offset);
		table_word(t, kinds[p->kind].name);
		if (p->detail[0] != '\0')
			table_word(t, p->detail);
		else
			table_none(t);
	}
	return t;
}

static void
print_json(const struct verify *v)
{
	struct json j = { .out = stdout };
	struct table *t = table_of(v);
	size_t i;

	scan_head_json(&j, "verify", &v->result);
	json_int(&j, "lines", v->all_lines);
	json_int(&j, "records", v->records);
	json_int(&j, "crashed_again", v->crashed_again);
	for (i = 0; i < KIND_COUNT; i++)
		json_int(&j, kinds[i].name, v->found[i]);
	json_int(&j, "problem_count", problems_of(v));
	table_print_json(t, &j, "problems");
	json_close(&j, '}');
	putchar('\n');
	table_free(t);
}

static void
print(struct verify *v)
{
	struct table *t;

	v->result.log_files = v->path_count;
	v->result.open = v->book.used;
	v->result.lines = (struct logread_counts){
		.records = v->records, .bad = v->found[KIND_BAD],
		.torn = v->found[KIND_TORN], .newer = v->found[KIND_NEWER]
	};
	if (v->o->form == FORM_TEXT) {
		print_text(v);
	} else if (v->o->form == FORM_JSON) {
		print_json(v);
	} else {
		t = table_of(v);
		table_print_csv(t, stdout);
		table_free(t);
	}
}

static void
free_all(struct verify *v)
{
	logset_free(&v->set);
	free(v->paths);
	free(v->problems);
	idbook_free(&v->book);
	free(v);
}

int
command_verify(const struct options *o)
{
	struct verify *v = calloc(1, sizeof(*v));
	char *buf = malloc(BUFFER_SIZE);
	bool is_good;
	size_t i;

	if (v == NULL || buf == NULL)
		err(1, NULL);
	v->o = o;
	v->problem_max = o->top != 0 ? o->top : PROBLEMS_MAX;
	idbook_init(&v->book);
	choose_paths(v);
	for (i = 0; i < v->path_count; i++)
		check_file(v, i, buf);
	check_open(v);
	if (v->problem_count > 1)
		qsort(v->problems, v->problem_count, sizeof(*v->problems),
		    by_line);
	print(v);
	is_good = problems_of(v) == 0;
	free_all(v);
	free(buf);
	return command_finish() == 0 && is_good ? 0 : 1;
}
