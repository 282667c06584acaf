/*
 * Follow the log as it grows.
 *
 * Rotation renames it, and a transfer that began before writes its end to
 * the old file: so a few old ones are read on beside the new one.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stats/command.h"
#include "stats/ledger.h"
#include "stats/printer.h"

#define POLL_MS		200
#define GENERATIONS	4
#define KNOWN_IDS	65536

/* A log by its path: what stands there now, then what stood there before. */
struct tail {
	const char *path;
	struct logread files[GENERATIONS];	/* buf NULL: none */
	bool has_noted;		/* that it is not there */
};

struct following {
	const struct options *o;
	struct printer printer;
	struct recent recent;
	bool is_recent;		/* still collecting what stood there before */
	/*
	 * Ids that ended lately, each in the one place that it hashes to: a
	 * ledger of all would grow for as long as we run.
	 */
	uint64_t *ended;
	struct tail *tails;
	size_t count;
};

static volatile sig_atomic_t is_stopped;

static void
on_stop(int signo)
{
	(void)signo;
	is_stopped = 1;
}

/* An end counts when it is the first of its id. */
static bool
is_first_end(struct following *fo, const struct translog_record *rec)
{
	uint64_t id = ledger_id(rec->id);
	uint64_t *place = &fo->ended[(id ^ id >> 32) % KNOWN_IDS];

	if (*place == id && id != 0)
		return false;
	*place = id;
	return true;
}

static bool
is_wanted(struct following *fo, const struct translog_record *rec)
{
	const struct filter *f = &fo->o->filter;

	if (rec->event == TRANSLOG_TRANSFER)
		return is_first_end(fo, rec) && filter_takes_end(f, rec);
	return rec->event == TRANSLOG_NOTICE &&
	    !filter_is_about_transfers(f) && filter_has_time(f, rec->ts_us);
}

/* Show what is new; returns 0 or -errno. */
static int
drain(struct following *fo, struct logread *r)
{
	int ret = 0;

	while (!is_stopped && (ret = logread_next(r)) == 1) {
		if (!is_wanted(fo, &r->line.rec))
			continue;
		if (fo->is_recent) {
			recent_add(&fo->recent, r->raw, r->raw_len);
			continue;
		}
		printer_put(&fo->printer, &r->line.rec, r->raw, r->raw_len);
		if (fflush(stdout) != 0)
			return -errno;
	}
	return ret < 0 ? ret : 0;
}

/* A file that became shorter is a new one: begin again. */
static int
rewind_truncated(struct logread *r)
{
	struct stat st;

	if (fstat(r->fd, &st) == -1)
		return -errno;
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < r->offset)
		return logread_seek(r, 0);
	return 0;
}

/* Whether the path still means the file that is open. */
static bool
is_same_file(const struct tail *t)
{
	struct stat by_path, by_fd;

	return t->files[0].buf != NULL && stat(t->path, &by_path) == 0 &&
	    fstat(t->files[0].fd, &by_fd) == 0 &&
	    by_path.st_dev == by_fd.st_dev && by_path.st_ino == by_fd.st_ino;
}

/* The path's present file becomes files[0]; 0, -ENOENT or -errno. */
static int
open_newest(struct tail *t)
{
	struct logread newest;
	int fd, ret;

	fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd == -1)
		return -errno;
	ret = logread_init(&newest, fd);
	if (ret != 0) {
		close(fd);
		return ret;
	}
	logread_free(&t->files[GENERATIONS - 1]);
	memmove(&t->files[1], &t->files[0],
	    (GENERATIONS - 1) * sizeof(t->files[0]));
	t->files[0] = newest;
	return 0;
}

static void
note_missing(struct tail *t)
{
	if (!t->has_noted)
		warnx("%s: not there yet, waiting", t->path);
	t->has_noted = true;
}

/* One look at a log; returns 0 or -errno. */
static int
look(struct following *fo, struct tail *t)
{
	int i, ret;

	for (i = GENERATIONS - 1; i >= 0; i--) {
		if (t->files[i].buf == NULL)
			continue;
		ret = rewind_truncated(&t->files[i]);
		if (ret == 0)
			ret = drain(fo, &t->files[i]);
		if (ret < 0)
			return ret;
	}
	if (is_same_file(t))
		return 0;
	ret = open_newest(t);
	if (ret == -ENOENT) {
		/* Between rename and create the old file is still open. */
		if (t->files[0].buf == NULL)
			note_missing(t);
		return 0;
	}
	return ret < 0 ? ret : drain(fo, &t->files[0]);
}

/*
 * Begin at the end of what is there, or read all of it for its last lines.
 * Returns 0 or -errno.
 */
static int
begin(struct following *fo, struct tail *t)
{
	struct stat st;
	int ret = open_newest(t);

	if (ret == -ENOENT) {
		note_missing(t);
		return 0;
	}
	if (ret < 0)
		return ret;
	if (fo->is_recent)
		return drain(fo, &t->files[0]);
	if (fstat(t->files[0].fd, &st) == -1)
		return -errno;
	return S_ISREG(st.st_mode) ?
	    logread_seek(&t->files[0], (uint64_t)st.st_size) : 0;
}

static int
begin_all(struct following *fo)
{
	size_t i;
	int ret;

	fo->is_recent = fo->o->top != 0;
	if (fo->is_recent)
		recent_init(&fo->recent, fo->o->top);
	for (i = 0; i < fo->count; i++) {
		ret = begin(fo, &fo->tails[i]);
		if (ret < 0) {
			warnx("%s: %s", fo->tails[i].path, strerror(-ret));
			return -1;
		}
	}
	if (fo->is_recent)
		recent_print(&fo->recent, &fo->printer);
	fo->is_recent = false;
	return fflush(stdout) == 0 ? 0 : -1;
}

/* Sleep; false when it is time to end: a signal, or nobody reads us. */
static bool
wait_a_little(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	poll(&out, 1, POLL_MS);
	return !is_stopped && !(out.revents & (POLLERR | POLLHUP));
}

/* Returns 0 at the end, -1 after an error that was told or is stdout's. */
static int
follow_all(struct following *fo)
{
	size_t i;
	int ret;

	do {
		for (i = 0; i < fo->count; i++) {
			ret = look(fo, &fo->tails[i]);
			if (ret == 0)
				continue;
			if (!ferror(stdout))
				warnx("%s: %s", fo->tails[i].path,
				    strerror(-ret));
			return -1;
		}
	} while (wait_a_little());
	return 0;
}

static void
catch_signals(void)
{
	/* A second signal kills, should the first find us stuck in a write. */
	struct sigaction action = {
		.sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND
	};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void
free_all(struct following *fo)
{
	size_t i, k;

	for (i = 0; i < fo->count; i++)
		for (k = 0; k < GENERATIONS; k++)
			logread_free(&fo->tails[i].files[k]);
	recent_free(&fo->recent);
	free(fo->tails);
	free(fo->ended);
}

int
command_follow(const struct options *o)
{
	struct following fo = { .o = o, .count = o->log_count };
	char path[LIVE_PATH_MAX];
	const char *const def = path;
	const char *const *paths = o->logs;
	size_t i;
	int ret;

	if (fo.count == 0) {
		command_default_log(path);
		paths = &def;
		fo.count = 1;
	}
	fo.tails = calloc(fo.count, sizeof(*fo.tails));
	fo.ended = calloc(KNOWN_IDS, sizeof(*fo.ended));
	if (fo.tails == NULL || fo.ended == NULL)
		err(1, NULL);
	for (i = 0; i < fo.count; i++)
		fo.tails[i].path = paths[i];
	printer_init(&fo.printer, stdout, &o->style, o->has_json);
	catch_signals();
	ret = begin_all(&fo);
	if (ret == 0)
		ret = follow_all(&fo);
	free_all(&fo);
	return command_finish() != 0 || (ret != 0 && !ferror(stdout));
}
