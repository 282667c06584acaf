/*
 * Which configuration the dispatchers serve by.  One that was read and checked
 * is only proved by a dispatcher that serves; until then the one before it is
 * kept, to come back.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/setup.h"
#include "keeper_parts.h"
#include "os/clock.h"
#include "os/diag.h"
#include "os/watch.h"

#define CONF_SETTLE	(100 * 1000)	/* an editor is done by then ... */
#define CONF_PATIENCE	(1 * US_PER_S)	/* ... or never is */
#define FRESH_SPAN	(2 * US_PER_S)	/* until a new file's time is past */

/* ---- what is said, and what is proved --------------------------------- */

/*
 * The same to syslog and log; the live table's header says it on, and first:
 * who reads the notice may look there.
 */
static void
note_configuration(struct keeper *k, enum diag_level level, const char *text,
    const char *problem)
{
	struct translog_record rec;

	setup_note_problem(k->service, problem);
	diag_log(level, "%s", text);
	translog_clear(&rec);
	(void)service_notice(k->service, &rec, text);
}

static void
note_bad(struct keeper *k)
{
	const char *problem = k->reload->report.first;
	char text[640];

	/* the same as before is no news */
	if (strcmp(problem, k->problem) == 0)
		return;
	snprintf(k->problem, sizeof(k->problem), "%s", problem);
	snprintf(text, sizeof(text), "configuration error, %s: %s",
	    k->conf->is_broken ? "requests are refused" :
	    "the last good one stays in use", problem);
	note_configuration(k, DIAG_ERROR, text, problem);
}

/* A good one that cannot be put in use is looked at again, and again. */
static void
note_unusable(struct keeper *k, const char *why)
{
	snprintf(k->reload->report.first, sizeof(k->reload->report.first),
	    "%s: %s; syslog says more", k->reload->args->file != NULL ?
	    k->reload->args->file : "command line", why);
	note_bad(k);
	k->reload->is_fresh = true;
	k->look_at_us = clock_mono_us() + RENEW_RETRY;
}

/* A dispatcher reads by it: it is in force, and becomes the last good copy. */
void
keeper_prove(struct keeper *k)
{
	enum proof before = k->proof;
	int err;

	k->proof = PROVED;
	if (before == PROVED)
		return;
	conf_free(k->previous);
	k->previous = NULL;
	k->is_copy_tried = false;
	k->problem[0] = '\0';
	err = reload_keep(k->reload, k->conf);
	if (err != 0)
		diag_log(DIAG_WARNING, "%s: %s", k->reload->good_path,
		    strerror(-err));
	if (before == UNPROVED_CHANGE)
		note_configuration(k, DIAG_NOTICE, "new configuration", "");
}

/* The new one cannot be served: the one before it is the service's again. */
bool
keeper_give_back(struct keeper *k)
{
	if (k->previous == NULL ||
	    setup_renew(k->service, k->previous) != 0)
		return false;
	conf_free(k->conf);
	k->conf = k->previous;
	k->previous = NULL;
	k->proof = PROVED;
	note_unusable(k, "it cannot be served");
	return true;
}

/*
 * At a cold start nothing was before it: the last good copy, or a server that
 * tells its clients so.
 */
bool
keeper_take_lesser(struct keeper *k)
{
	struct conf *c;

	if (k->conf->listen != CONF_LISTEN_NO || k->conf->is_broken)
		return false;
	c = reload_make_do(k->reload, !k->is_copy_tried,
	    setup_empty_dir(k->service));
	k->is_copy_tried = true;
	if (c == NULL || setup_renew(k->service, c) != 0) {
		conf_free(c);
		return false;
	}
	conf_free(k->conf);
	k->conf = c;
	k->proof = PROVED;
	note_unusable(k, "it cannot be served");
	return true;
}

/* ---- changes ---------------------------------------------------------- */

/* c is the service's from now on, and the one before it if c proves bad. */
static void
adopt(struct keeper *k, struct conf *c)
{
	if (setup_renew(k->service, c) != 0) {
		conf_free(c);
		note_unusable(k, "it cannot be put in use now");
		return;
	}
	if (k->proof == PROVED && !k->conf->is_broken)
		k->previous = k->conf;
	else
		conf_free(k->conf);
	k->conf = c;
	k->proof = UNPROVED_CHANGE;
	keeper_renew(k, true);
}

/*
 * From here on changes are seen.  One that came before is looked at now, and
 * a problem again and again: a directory may be there later, too.
 */
static void
watch_files(struct keeper *k)
{
	uint64_t now_us = clock_mono_us();
	struct reload *r = k->reload;

	reload_watch(r);
	if (r->watch_err != 0 && !k->is_blind)
		diag_log(DIAG_WARNING, "inotify: %s; changes of the "
		    "configuration are looked for every 10 s",
		    strerror(-r->watch_err));
	k->is_blind = r->watch_err != 0;
	if (r->is_fresh)
		k->look_at_us = now_us + FRESH_SPAN;
	else if (reload_has_changed(r))
		k->look_at_us = now_us;
	else if (r->is_bad || k->is_blind)
		k->look_at_us = now_us + RENEW_RETRY;
	if (r->is_bad)
		r->is_fresh = true;
}

/*
 * The files may have changed.  What says the same as before needs no new
 * dispatcher, but may be the end of a problem.
 */
void
keeper_look(struct keeper *k)
{
	struct conf *c;

	k->look_at_us = NEVER;
	k->changed_us = 0;
	if (k->stops_asked != 0)
		return;
	if (!reload_has_changed(k->reload)) {
		/* a directory may be there that was not */
		watch_files(k);
		return;
	}
	c = reload_look(k->reload);
	watch_files(k);
	if (c == NULL) {
		note_bad(k);
		return;
	}
	if (!reload_is_same(c, k->conf)) {
		adopt(k, c);
	} else {
		conf_free(c);
		if (k->problem[0] != '\0')
			note_configuration(k, DIAG_NOTICE, "the configuration "
			    "is good again", "");
		k->problem[0] = '\0';
	}
}

/* Editors write in several steps: look when it has been quiet for a moment. */
void
keeper_on_watch(struct keeper *k)
{
	uint64_t now_us = clock_mono_us();

	(void)watch_drain(k->reload->watch_fd);
	if (k->changed_us == 0)
		k->changed_us = now_us;
	k->look_at_us = now_us + CONF_SETTLE;
	if (k->look_at_us > k->changed_us + CONF_PATIENCE)
		k->look_at_us = k->changed_us + CONF_PATIENCE;
}

/* SIGHUP: read everything again, and begin anew in any case. */
void
keeper_begin_anew(struct keeper *k)
{
	unsigned renewed = k->renewals;

	if (k->stops_asked != 0)
		return;
	k->reload->is_fresh = true;
	keeper_look(k);
	if (k->renewals == renewed)
		keeper_renew(k, false);
}

/* At the start: what is in use need not be what the files say. */
void
keeper_watch_conf(struct keeper *k)
{
	k->proof = k->reload->is_bad ? PROVED : UNPROVED_START;
	k->is_copy_tried = k->reload->is_bad;
	if (k->reload->is_bad)
		note_bad(k);
	else
		setup_note_problem(k->service, "");
	watch_files(k);
}
