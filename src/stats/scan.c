#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/clock.h"
#include "stats/ledger.h"
#include "stats/scan.h"
#include "stats/table.h"
#include "stats/when.h"

#define HOUR_US		(UINT64_C(3600) * 1000000)
/* Before the window: the second end of what ended there comes so soon. */
#define BEFORE_US	(UINT64_C(120) * 1000000)
/* How far to look back at first for a start, and how much farther then. */
#define PAST_FIRST	((uint64_t)1 << 20)
#define PAST_GROWTH	8

/*
 * What was left out before the window, as far back as somebody asked: the
 * unread bytes of all files, one after the other.
 */
struct past {
	struct ledger ledger;
	uint64_t unread, reach;	/* bytes; the last of them were read */
	uint64_t read_bytes;
};

#define HEAD_MAX	256	/* bytes of what stands in brackets */

#define PROGRESS_AFTER_MS	500
#define PROGRESS_EVERY_MS	100
#define PROGRESS_RECORDS	4096	/* between two looks at the clock */
#define PROGRESS_WIDTH		40

struct progress {
	bool is_shown, is_terminal;
	uint64_t due_ms;
	uint64_t records;	/* since the last look at the clock */
	uint64_t before, total;	/* bytes read before, to be read in all */
};

/* A pass under way. */
struct pass {
	const struct filter *filter;
	const struct scan_handler *handler;
	struct logset set;
	struct ledger ledger;
	struct past past;
	struct progress progress;
	struct scan_result *result;
	uint64_t ahead;		/* ends after the window */
};

/* ---- what was left out ------------------------------------------------ */

static uint64_t
unread_of(const struct logset_file *file)
{
	return file->is_skipped ? file->size : file->begin;
}

/* Enter the unread records of a file from an offset on; 0 or -errno. */
static int
fold(struct past *past, const struct logset_file *file, uint64_t from)
{
	struct filter none = { 0 };
	struct logread r;
	int fd = fcntl(file->reader.fd, F_DUPFD_CLOEXEC, 0), ret;

	if (fd == -1)
		return -errno;
	ret = logread_init_any(&r, fd);
	if (ret != 0) {
		close(fd);
		return ret;
	}
	ret = logread_seek(&r, r.gz != NULL ? 0 : from);
	if (!file->is_skipped)
		r.limit = file->begin;
	while (ret == 0 && (ret = logread_next(&r)) == 1) {
		ledger_takes(&past->ledger, &none, &r.line.rec);
		ret = 0;
	}
	past->read_bytes += r.read_bytes;
	logread_free(&r);
	return ret == -EBADMSG ? 0 : ret;
}

/*
 * Look farther back, at all of it anew: it costs little more than the last
 * part alone, and the records come in their order.
 */
static int
extend(struct past *past, const struct logset *set)
{
	uint64_t from, at = 0, len;
	size_t i;
	int ret = 0;

	past->reach = past->reach == 0 ? PAST_FIRST :
	    past->reach * PAST_GROWTH;
	if (past->reach >= past->unread / 4)
		past->reach = past->unread;
	from = past->unread > past->reach ? past->unread - past->reach : 0;
	ledger_free(&past->ledger);
	for (i = 0; i < set->count && ret == 0; i++) {
		len = unread_of(set->files[i]);
		if (len != 0 && at + len > from)
			ret = fold(past, set->files[i],
			    from > at ? from - at : 0);
		at += len;
	}
	return ret;
}

/*
 * A crashed end whose start was not read counts if the start stands in what
 * was left out.  Returns 0 or -errno.
 */
static int
look_back(struct pass *p, const struct translog_record *rec)
{
	struct past *past = &p->past;
	uint64_t id = ledger_id(rec->id);
	int ret = 0;

	if (ledger_state_of(&p->ledger, id) != LEDGER_UNKNOWN)
		return 0;
	while (ret == 0 && past->reach < past->unread &&
	    ledger_state_of(&past->ledger, id) == LEDGER_UNKNOWN)
		ret = extend(past, &p->set);
	if (ledger_state_of(&past->ledger, id) == LEDGER_OPEN)
		ledger_start(&p->ledger, id, false);
	return ret;
}

/* ---- progress --------------------------------------------------------- */

static uint64_t
read_bytes(const struct logset *set)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < set->count; i++)
		sum += set->files[i]->reader.read_bytes;
	return sum;
}

static void
begin_progress(struct progress *progress, const struct logset *set,
    bool prints_lines)
{
	size_t i;

	/* not between lines of output */
	progress->is_terminal = isatty(STDERR_FILENO) == 1 &&
	    !(prints_lines && isatty(STDOUT_FILENO) == 1);
	progress->due_ms = clock_mono_us() / 1000 + PROGRESS_AFTER_MS;
	progress->before = read_bytes(set);
	for (i = 0; i < set->count; i++)
		progress->total += set->files[i]->size -
		    unread_of(set->files[i]);
}

static void
draw_progress(struct progress *progress, uint64_t done)
{
	char bar[PROGRESS_WIDTH + 1];
	uint64_t whole = progress->total;
	size_t filled;

	if (done > whole)
		done = whole;
	filled = (size_t)(done * PROGRESS_WIDTH / whole);
	memset(bar, ' ', PROGRESS_WIDTH);
	memset(bar, '#', filled);
	bar[PROGRESS_WIDTH] = '\0';
	fprintf(stderr, "\rreading the log [%s] %3" PRIu64 " %%", bar,
	    done * 100 / whole);
	fflush(stderr);
	progress->is_shown = true;
}

static void
note_progress(struct pass *p)
{
	struct progress *progress = &p->progress;
	uint64_t now;

	if (!progress->is_terminal || ++progress->records < PROGRESS_RECORDS)
		return;
	progress->records = 0;
	now = clock_mono_us() / 1000;
	if (now < progress->due_ms || progress->total == 0)
		return;
	progress->due_ms = now + PROGRESS_EVERY_MS;
	draw_progress(progress, read_bytes(&p->set) - progress->before);
}

static void
end_progress(const struct progress *progress)
{
	if (progress->is_shown)
		fprintf(stderr, "\r%*s\r",
		    PROGRESS_WIDTH + (int)sizeof("reading the log []  100 %"),
		    "");
}

/* ---- the pass --------------------------------------------------------- */

static void
take_start(struct pass *p, const struct translog_record *rec)
{
	uint64_t before = p->ledger.open;

	ledger_takes(&p->ledger, p->filter, rec);
	if (p->ledger.open != before && p->handler->on_start != NULL)
		p->handler->on_start(p->handler->arg, rec);
}

/* Returns 0 or -errno. */
static int
take_end(struct pass *p, const struct logread *reader)
{
	const struct scan_handler *handler = p->handler;
	const struct translog_record *rec = &reader->line.rec;
	int ret;

	if (rec->outcome == OUTCOME_CRASHED) {
		ret = look_back(p, rec);
		if (ret != 0)
			return ret;
	}
	if (!ledger_takes(&p->ledger, p->filter, rec))
		return 0;
	p->result->ends++;
	if (handler->on_end != NULL)
		handler->on_end(handler->arg, rec);
	if (handler->on_line != NULL)
		handler->on_line(handler->arg, rec, reader->raw,
		    reader->raw_len);
	return 0;
}

static void
take_notice(struct pass *p, const struct translog_record *rec)
{
	if (p->handler->on_notice != NULL &&
	    !filter_is_about_transfers(p->filter) &&
	    filter_has_time(p->filter, rec->ts_us))
		p->handler->on_notice(p->handler->arg, rec);
}

static int
take(struct pass *p, const struct logread *reader)
{
	switch (reader->line.rec.event) {
	case TRANSLOG_START:
		take_start(p, &reader->line.rec);
		return 0;
	case TRANSLOG_TRANSFER:
		p->ahead += reader->line.rec.ts_us >= p->filter->until_us;
		return take_end(p, reader);
	default:
		take_notice(p, &reader->line.rec);
		return 0;
	}
}

static void
sum_up(const struct pass *p)
{
	struct scan_result *result = p->result;
	const struct logset *set = &p->set;
	size_t i;

	result->open = p->ledger.open;
	result->log_files = set->count;
	result->lines = logset_counts(set);
	for (i = 0; i < set->count; i++)
		result->log_bytes += set->files[i]->size;
	result->read_bytes = read_bytes(set) + p->past.read_bytes;
}

/* Returns 0, or -1 with the set's reason. */
static int
read_all(struct pass *p)
{
	struct logread *reader;
	int ret;

	while ((ret = logset_next(&p->set, &reader)) == 1) {
		ret = take(p, reader);
		if (ret != 0)
			return logset_fail(&p->set, ret);
		note_progress(p);
	}
	return ret;
}

/* Leave out what is before the window. */
static int
seek(struct pass *p)
{
	uint64_t since_us = p->filter->since_us;
	size_t i;

	if (since_us <= BEFORE_US)
		return 0;
	if (logset_seek(&p->set, since_us - BEFORE_US) != 0)
		return -1;
	for (i = 0; i < p->set.count; i++)
		p->past.unread += unread_of(p->set.files[i]);
	return 0;
}

int
scan_run(const struct options *o, const struct filter *f,
    const struct scan_handler *handler, struct scan_result *result)
{
	struct pass p = { .filter = f, .handler = handler, .result = result };
	int ret;

	*result = (struct scan_result){
		.since_us = f->since_us,
		.until_us = f->until_us < o->now_us ? f->until_us : o->now_us
	};
	if (command_open(o, f, &p.set) != 0)
		return -1;
	ret = seek(&p);
	begin_progress(&p.progress, &p.set, handler->on_line != NULL);
	if (ret == 0)
		ret = read_all(&p);
	end_progress(&p.progress);
	if (ret != 0)
		command_complain(&p.set);
	if (p.ahead != 0 && o->filter.until_us == UINT64_MAX)
		warnx("%" PRIu64 " transfers ended after now, as their clock "
		    "was ahead; --until tells of them", p.ahead);
	sum_up(&p);
	ledger_free(&p.past.ledger);
	ledger_free(&p.ledger);
	logset_free(&p.set);
	return ret;
}

void
scan_head_json(struct json *j, const char *report,
    const struct scan_result *result)
{
	json_open(j, NULL, '{');
	json_int(j, "schema", 1);
	json_text(j, "report", report);
	json_time(j, "since", result->since_us);
	json_time(j, "until", result->until_us);
	json_int(j, "log_files", result->log_files);
	json_int(j, "log_bytes", result->log_bytes);
	json_int(j, "read_bytes", result->read_bytes);
	json_int(j, "bad_lines", result->lines.bad);
	json_int(j, "torn_lines", result->lines.torn);
	json_int(j, "newer_lines", result->lines.newer);
	json_int(j, "requests", result->ends);
	json_int(j, "open", result->open);
}

static uint64_t
span_hours(const struct scan_result *result)
{
	return result->until_us < result->since_us ? 0 :
	    (result->until_us - result->since_us) / HOUR_US;
}

static const char *
plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* "(24 h, 2 log files, 0 bad lines)" */
static void
describe(const struct scan_result *result, char text[static HEAD_MAX])
{
	const struct logread_counts *lines = &result->lines;
	uint64_t hours = span_hours(result), bad = lines->bad + lines->torn;
	char torn[48] = "", newer[64] = "";

	if (lines->torn != 0)
		snprintf(torn, sizeof(torn), " of which %" PRIu64 " torn",
		    lines->torn);
	if (lines->newer != 0)
		snprintf(newer, sizeof(newer), ", %" PRIu64 " of a newer "
		    "version", lines->newer);
	snprintf(text, HEAD_MAX, "(%" PRIu64 " %c, %" PRIu64 " log file%s, %"
	    PRIu64 " bad line%s%s%s)", hours < 72 ? hours : hours / 24,
	    hours < 72 ? 'h' : 'd', result->log_files,
	    plural(result->log_files), bad, plural(bad), torn, newer);
}

void
scan_head_text(FILE *out, const char *title,
    const struct scan_result *result, const struct text_style *style)
{
	char since[WHEN_TEXT_MAX], until[WHEN_TEXT_MAX], text[HEAD_MAX];
	size_t width = table_terminal_width();
	int used;

	when_text(result->since_us, style->is_utc, 16, since);
	when_text(result->until_us, style->is_utc, 16, until);
	describe(result, text);
	used = fprintf(out, "%s   %s .. %s", title, since, until);
	fprintf(out, "%s%s\n", width != 0 && used > 0 &&
	    (size_t)used + 3 + strlen(text) > width ? "\n  " : "   ", text);
}
