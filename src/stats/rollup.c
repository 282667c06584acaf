#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rollup_parts.h"
#include "os/clock.h"
#include "stats/ledger.h"
#include "stats/logread.h"

/* A transfer that has been open for longer will not end any more. */
#define OPEN_MAX_US	(UINT64_C(7) * 86400 * 1000000)
#define PACKING_US	(UINT64_C(600) * 1000000)
/* logrotate renames some files; a look takes less time than that. */
#define LOOKS_MAX	20

/* A state on its way to now. */
struct carry {
	struct rollup_state *s;
	struct rollup_report *report;
	struct rollup_set set;
	struct ledger ledger;
	bool has_ledger;	/* it is filled when something is new */
	bool has_changed;
	bool is_first;		/* there was no state */
	bool is_stale;		/* names changed while we looked */
	bool is_sure;		/* a second look found the same gone */
	uint64_t now_us;
};

static void __attribute__((format(printf, 2, 3)))
note(struct carry *c, const char *fmt, ...)
{
	va_list ap;

	/* The first thing that went wrong explains the others. */
	if (c->report->note[0] != '\0')
		return;
	va_start(ap, fmt);
	vsnprintf(c->report->note, sizeof(c->report->note), fmt, ap);
	va_end(ap);
}

/* ---- the ledger and the counters ------------------------------------- */

static void
count_record(struct carry *c, const struct translog_record *rec)
{
	struct rollup_state *s = c->s;
	uint64_t id;

	if (rec->event == TRANSLOG_NOTICE) {
		rollup_count_notice(&s->counters, rec);
		return;
	}
	id = ledger_id(rec->id);
	if (rec->event == TRANSLOG_START) {
		s->counters.starts++;
		ledger_start(&c->ledger, id, true);
	} else if (ledger_end(&c->ledger, id,
	    rec->outcome == OUTCOME_CRASHED)) {
		s->ended[s->ended_total++ % ROLLUP_ENDED_MAX] = id;
		rollup_count_end(&s->counters, rec, c->now_us);
	}
}

static void
fill_ledger(struct carry *c)
{
	const struct rollup_state *s = c->s;
	size_t i;

	if (c->has_ledger)
		return;
	c->has_ledger = true;
	for (i = 0; i < s->ended_total && i < ROLLUP_ENDED_MAX; i++)
		(void)ledger_end(&c->ledger, s->ended[i], false);
	for (i = 0; i < s->open_count; i++)
		ledger_start(&c->ledger, s->open[i].id, true);
}

static int
by_id(const void *a, const void *b)
{
	const struct rollup_open *oa = a, *ob = b;

	return (oa->id > ob->id) - (oa->id < ob->id);
}

static int
latest_first(const void *a, const void *b)
{
	const struct rollup_open *oa = a, *ob = b;

	return (oa->since_us < ob->since_us) - (oa->since_us > ob->since_us);
}

/* When it was first seen open: it may have been saved before. */
static uint64_t
open_since(const struct carry *c, uint64_t id)
{
	const struct rollup_open key = { .id = id }, *found = NULL;

	if (c->s->open_count != 0)
		found = bsearch(&key, c->s->open, c->s->open_count,
		    sizeof(key), by_id);
	return found == NULL ? c->now_us : found->since_us;
}

/* What is open now, without what is too old or much: the state's. */
static struct rollup_open *
open_now(struct carry *c, size_t *open_count)
{
	struct rollup_open *all;
	size_t at = 0, count = 0;
	uint64_t id, since_us;

	all = calloc(c->ledger.open + 1, sizeof(*all));
	if (all == NULL)
		err(1, NULL);
	while (count < c->ledger.open &&
	    ledger_next_open(&c->ledger, &at, &id)) {
		since_us = open_since(c, id);
		if (since_us + OPEN_MAX_US >= c->now_us)
			all[count++] = (struct rollup_open){ id, since_us };
	}
	if (count > ROLLUP_OPEN_MAX) {
		qsort(all, count, sizeof(*all), latest_first);
		count = ROLLUP_OPEN_MAX;
	}
	if (count > 1)
		qsort(all, count, sizeof(*all), by_id);
	*open_count = count;
	return all;
}

static void
empty_ledger(struct carry *c)
{
	struct rollup_open *all;
	size_t count;

	if (!c->has_ledger)
		return;
	all = open_now(c, &count);
	ledger_free(&c->ledger);
	rollup_set_open(c->s, all, count);
}

/* ---- reading a file -------------------------------------------------- */

static int
read_on(struct carry *c, struct logread *r, uint64_t *taken)
{
	const struct logread_counts *n = &r->counts;
	uint64_t bad;
	int ret;

	while ((ret = logread_next(r)) == 1)
		count_record(c, &r->line.rec);
	bad = n->bad + n->torn + n->newer;
	c->s->counters.lines += n->records + bad;
	c->s->counters.bad_lines += bad;
	if (logread_taken(r) > *taken) {
		c->report->read_bytes += logread_taken(r) - *taken;
		*taken = logread_taken(r);
	}
	return ret;
}

/* -ESTALE: another file has that name now. */
static int
read_file(struct carry *c, const struct rollup_found *f, uint64_t *taken)
{
	struct logread r;
	int fd, ret;

	fd = rollup_open(f);
	if (fd < 0)
		return fd;
	ret = logread_init_any(&r, fd);
	if (ret != 0) {
		close(fd);
		return ret;
	}
	/*
	 * It is just being packed: when it was looked into, nothing of it was
	 * there yet.  By now all of it may be, and it is one that we know.
	 */
	if (f->is_packed && (r.gz == NULL || f->now.print == 0))
		ret = -EBADMSG;
	if (ret == 0)
		ret = logread_seek(&r, *taken);
	if (ret == 0)
		ret = read_on(c, &r, taken);
	logread_free(&r);
	return ret;
}

/* Its place in the state; a new one's is the last. */
static struct rollup_file *
entry_of(struct carry *c, const struct rollup_found *f)
{
	struct rollup_state *s = c->s;

	if (f->known != SIZE_MAX)
		return &s->files[f->known];
	if (s->file_count == ROLLUP_FILES_MAX)
		return NULL;
	s->files[s->file_count] = (struct rollup_file){ 0 };
	return &s->files[s->file_count++];
}

/* What is new in it; it is there, as its name says. */
static int
read_new(struct carry *c, const struct rollup_found *f,
    struct rollup_file *file)
{
	bool is_cut = !f->is_packed && f->now.size < file->taken;
	uint64_t taken = is_cut ? f->now.size : file->taken;
	int ret;

	fill_ledger(c);
	ret = read_file(c, f, &taken);
	if (ret == -ESTALE)
		return ret;
	/* Cut off behind what was counted: what came then is lost. */
	c->s->counters.gaps += is_cut;
	file->taken = taken;
	return ret;
}

static void
note_unreadable(struct carry *c, const struct rollup_found *f, int err)
{
	/* Cut short since it is being packed at this moment? */
	if (err == -EBADMSG && f->now.mtime_ns / 1000 + PACKING_US >
	    c->now_us)
		return;
	note(c, "%s: %s", f->path, err == -EBADMSG ? "damaged" :
	    strerror(-err));
}

/* Also after an error: what can't be read is not tried again and again. */
static int
take_file(struct carry *c, const struct rollup_found *f)
{
	struct rollup_file *file = entry_of(c, f), was;
	int ret = f->err;

	if (file == NULL)
		return 0;
	was = *file;
	if (!f->is_unchanged && ret == 0)
		ret = read_new(c, f, file);
	if (ret == -ESTALE) {
		c->is_stale = true;
		c->s->file_count -= f->known == SIZE_MAX;
		return 0;
	}
	file->dev = f->now.dev;
	file->ino = f->now.ino;
	file->size = f->now.size;
	file->mtime_ns = f->now.mtime_ns;
	file->is_current = f->now.is_current;
	if (f->now.print != 0)
		file->print = f->now.print;
	c->has_changed |= memcmp(&was, file, sizeof(was)) != 0;
	if (ret != 0 && !f->now.is_current)
		note_unreadable(c, f, ret);
	return f->now.is_current ? ret : 0;
}

/* ---- files that are gone --------------------------------------------- */

static bool
is_there(const struct carry *c, size_t file)
{
	size_t i;

	for (i = 0; i < c->set.count; i++)
		if (c->set.items[i].known == file)
			return true;
	return false;
}

/* Whether a file that nobody knows may be one that had no record yet. */
static bool
has_stranger(const struct carry *c)
{
	size_t i;

	for (i = 0; i < c->set.count; i++)
		if (c->set.items[i].known == SIZE_MAX &&
		    !c->set.items[i].now.is_current)
			return true;
	return false;
}

/*
 * The log of last time is gone, and with it what was written to it since.
 * It is a gap only once there is another log: a missing one may come back.
 * readdir(3) may miss a file that is being renamed, so we look twice.
 */
static void
count_gaps(struct carry *c)
{
	struct rollup_state *s = c->s;
	size_t i;

	if (c->set.count == 0 ||
	    !c->set.items[c->set.count - 1].now.is_current)
		return;
	for (i = 0; i < s->file_count; i++) {
		if (!s->files[i].is_current || is_there(c, i))
			continue;
		if (!c->is_sure) {
			c->is_sure = c->is_stale = true;
			return;
		}
		s->files[i].is_current = false;
		c->has_changed = true;
		if (s->files[i].print != 0 || !has_stranger(c))
			s->counters.gaps++;
	}
}

/* Room for new ones: the oldest that are gone, and those without a print. */
static void
forget_files(struct carry *c)
{
	struct rollup_state *s = c->s;
	size_t i, k, kept = 0, excess = s->file_count + c->set.count;

	excess -= excess > ROLLUP_FILES_MAX ? ROLLUP_FILES_MAX : excess;
	for (i = 0; i < s->file_count; i++) {
		bool is_gone = !is_there(c, i) && !s->files[i].is_current;

		if (is_gone && (excess != 0 || s->files[i].print == 0)) {
			excess -= excess != 0;
			continue;
		}
		for (k = 0; k < c->set.count; k++)
			if (c->set.items[k].known == i)
				c->set.items[k].known = kept;
		s->files[kept++] = s->files[i];
	}
	c->has_changed |= kept != s->file_count;
	s->file_count = kept;
}

/* ---- all of it ------------------------------------------------------- */

/* Sets the current log's size; -errno when there is nothing to read. */
static int
read_logs(struct carry *c, const char *log)
{
	size_t i;
	int ret = c->set.count == 0 ? -ENOENT : 0, one;

	for (i = 0; i < c->set.count; i++) {
		one = take_file(c, &c->set.items[i]);
		if (ret == 0)
			ret = one;
		if (c->set.items[i].now.is_current)
			c->report->log_bytes = c->set.items[i].now.size;
	}
	/* An unchanged log is not opened. */
	if (ret == 0 && access(log, R_OK) == -1 && errno != ENOENT)
		ret = -errno;
	return ret;
}

/* One look at what there is; -errno as rollup_carry(). */
static int
look(struct carry *c, const char *log)
{
	struct rollup_state *s = c->s;
	int ret = 0;

	c->is_stale = false;
	if (s->log[0] != '\0' && strcmp(s->log, log) != 0)
		rollup_find(s, s->log, true, &c->set);
	rollup_find(s, log, false, &c->set);
	rollup_settle(s, &c->set);
	count_gaps(c);
	if (!c->is_stale) {
		forget_files(c);
		ret = read_logs(c, log);
	}
	rollup_set_free(&c->set);
	return ret;
}

static int
catch_up(struct carry *c, const char *log)
{
	struct rollup_state *s = c->s;
	int ret, looks = 0;

	do
		ret = look(c, log);
	while (c->is_stale && ++looks < LOOKS_MAX);
	if (ret == 0 && strcmp(s->log, log) != 0) {
		snprintf(s->log, sizeof(s->log), "%s", log);
		c->has_changed = true;
	}
	empty_ledger(c);
	return ret;
}

/* An empty state, as that of a first call. */
static void
begin(struct carry *c, uint64_t gaps, uint64_t rebuilds)
{
	rollup_clear(c->s);
	c->s->counters.since_us = c->now_us;
	c->s->counters.gaps = gaps;
	c->s->counters.rebuilds = rebuilds;
	c->has_changed = true;
}

static void
fetch(struct carry *c, const char *state, bool anew)
{
	const struct rollup_counters *k = &c->s->counters;
	int ret = -ENOENT;

	if (state != NULL)
		ret = rollup_load(state, c->s);
	if (ret == 0 && !anew)
		return;
	if (ret != 0 && ret != -ENOENT)
		note(c, "%s: %s; all logs are counted anew", state,
		    ret == -EBADMSG ? "damaged" : strerror(-ret));
	if (ret == 0 || ret == -EBADMSG)
		begin(c, k->gaps, k->rebuilds + 1);
	else
		begin(c, 0, 0);
	c->is_first = ret == -ENOENT;
}

static void
store(struct carry *c, const char *state)
{
	int ret;

	c->report->is_saved = !c->has_changed;
	if (!c->has_changed)
		return;
	ret = rollup_save(state, c->s);
	c->report->is_saved = ret == 0;
	if (ret != 0)
		note(c, "%s is not written: %s", state, strerror(-ret));
}

static void
note_unlocked(struct carry *c, const char *state, int err)
{
	if (err == -EAGAIN)
		note(c, "%s.lock: another process has held it for %d s",
		    state, ROLLUP_LOCK_MS / 1000);
	else
		note(c, "%s is not written: %s", state, strerror(-err));
}

/* root's rename(2) would take /dev/null away from everybody. */
static bool
is_replaceable(const char *path)
{
	struct stat st;

	return stat(path, &st) == -1 || S_ISREG(st.st_mode);
}

static struct rollup_state *
new_state(void)
{
	struct rollup_state *s = calloc(1, sizeof(*s));

	if (s == NULL)
		err(1, NULL);
	return s;
}

static void
tell(const struct carry *c)
{
	c->report->counters = c->s->counters;
	c->report->open = c->s->open_count;
}

int
rollup_carry(const char *state, const char *log, bool anew,
    struct rollup_report *report)
{
	struct carry c = { .s = new_state(), .report = report };
	int lock = -1, ret;

	*report = (struct rollup_report){ .note = "" };
	if (state != NULL && !is_replaceable(state)) {
		note(&c, "%s: not a regular file, nothing is kept", state);
		state = NULL;
	}
	if (state != NULL)
		lock = rollup_lock(state);
	c.now_us = clock_real_us();
	fetch(&c, state, anew);
	ret = catch_up(&c, log);
	if (lock >= 0) {
		/* with no log yet, zeros are kept: counting began now */
		if (ret == 0 || (ret == -ENOENT &&
		    (c.is_first || !c.has_changed)))
			store(&c, state);
		close(lock);
	} else if (state != NULL) {
		note_unlocked(&c, state, lock);
	}
	tell(&c);
	rollup_free(c.s);
	return ret;
}

struct rollup_state *
rollup_new(const char *state)
{
	struct rollup_report report = { .note = "" };
	struct carry c = { .s = new_state(), .report = &report,
		.now_us = clock_real_us() };

	fetch(&c, state, false);
	return c.s;
}

int
rollup_carry_on(struct rollup_state *s, const char *log,
    struct rollup_report *report)
{
	struct carry c = { .s = s, .report = report,
		.now_us = clock_real_us() };
	int ret;

	*report = (struct rollup_report){ .note = "" };
	ret = catch_up(&c, log);
	tell(&c);
	return ret;
}

void
rollup_free(struct rollup_state *s)
{
	rollup_clear(s);
	free(s);
}

void
rollup_plant(const char *state, const char *from)
{
	struct rollup_state *s = new_state();
	int lock = rollup_lock(state);

	if (lock >= 0 && access(state, F_OK) == -1 && errno == ENOENT &&
	    rollup_load(from, s) == 0)
		(void)rollup_save(state, s);
	if (lock >= 0)
		close(lock);
	rollup_free(s);
}
