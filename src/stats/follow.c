#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stats/command.h"
#include "stats/printer.h"
#include "stats/tail.h"

#define POLL_MS		200

/* A log of the command line. */
struct followed {
	struct tail tail;
	bool has_noted;		/* that it is not there */
};

struct following {
	const struct options *o;
	struct printer printer;
	struct recent recent;
	bool is_recent;		/* still collecting what stood there before */
	uint64_t *ended;	/* ids, of tail_is_first_end() */
	struct followed *tails;
	size_t count;
};

static volatile sig_atomic_t is_stopped;

static void
on_stop(int signo)
{
	(void)signo;
	is_stopped = 1;
}

static bool
is_wanted(struct following *fo, const struct translog_record *rec)
{
	const struct filter *f = &fo->o->filter;

	if (rec->event == TRANSLOG_TRANSFER)
		return tail_is_first_end(fo->ended, rec) &&
		    filter_takes_end(f, rec);
	return rec->event == TRANSLOG_NOTICE &&
	    !filter_is_about_transfers(f) && filter_has_time(f, rec->ts_us);
}

/* Show it, as a tail_taker: -errno of standard output; 1: stop. */
static int
take(void *arg, const struct logread *r)
{
	struct following *fo = arg;

	if (!is_wanted(fo, &r->line.rec))
		return is_stopped;
	if (fo->is_recent) {
		recent_add(&fo->recent, r->raw, r->raw_len);
		return is_stopped;
	}
	printer_put(&fo->printer, &r->line.rec, r->raw, r->raw_len);
	return fflush(stdout) != 0 ? -errno : is_stopped;
}

static void
note_missing(struct followed *t)
{
	if (t->tail.is_missing && !t->has_noted)
		warnx("%s: not there yet, waiting", t->tail.path);
	t->has_noted = t->tail.is_missing;
}

/* One look at a log; returns 0 or -errno. */
static int
look(struct following *fo, struct followed *t)
{
	int ret = tail_look(&t->tail, take, fo);

	note_missing(t);
	return ret < 0 ? ret : 0;
}

/*
 * Begin at the end of what is there, or read all of it for its last lines.
 * Returns 0 or -errno.
 */
static int
begin(struct following *fo, struct followed *t)
{
	int ret = tail_open(&t->tail, t->tail.path, !fo->is_recent);

	note_missing(t);
	if (ret == 0 && fo->is_recent && !t->tail.is_missing)
		ret = tail_look(&t->tail, take, fo);
	return ret < 0 ? ret : 0;
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
			warnx("%s: %s", fo->tails[i].tail.path,
			    strerror(-ret));
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
				warnx("%s: %s", fo->tails[i].tail.path,
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
	size_t i;

	for (i = 0; i < fo->count; i++)
		tail_close(&fo->tails[i].tail);
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
		command_default_log(o, path);
		paths = &def;
		fo.count = 1;
	}
	fo.tails = calloc(fo.count, sizeof(*fo.tails));
	fo.ended = calloc(TAIL_IDS, sizeof(*fo.ended));
	if (fo.tails == NULL || fo.ended == NULL)
		err(1, NULL);
	for (i = 0; i < fo.count; i++)
		fo.tails[i].tail.path = paths[i];
	printer_init(&fo.printer, stdout, &o->style, o->form == FORM_JSON);
	catch_signals();
	ret = begin_all(&fo);
	if (ret == 0)
		ret = follow_all(&fo);
	free_all(&fo);
	return command_finish() != 0 || (ret != 0 && !ferror(stdout));
}
