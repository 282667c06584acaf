/*
 * reload - where the configuration comes from, now and later.
 *
 * A file that cannot be used is never adopted.  The server goes on with what
 * it has; one that only starts takes the last good copy, which was written
 * when a configuration was adopted; without one, requests are told so.
 */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy/conf.h"

struct reload {
	const struct conf_args *args;	/* file is set, or it is hpa's form */
	struct conf_report report;	/* of the last look */
	int watch_fd;			/* inotify; -1: none */
	int watch_err;			/* why there is none: -errno, or 0 */
	uint64_t stamp;			/* of all files, at the last look ... */
	bool is_fresh;			/* ... when one had just been changed */
	bool is_bad;			/* they cannot be used as they are */
	char good_path[PATH_MAX];	/* of the last good copy; "": none */
};

/*
 * reload_init - r->report.say is what hears of problems.
 * args must outlive r.
 */
void reload_init(struct reload *r, const struct conf_args *args,
    void (*say)(void *arg, bool is_warning, const char *text), void *arg);

/* Where the last good copy belongs, once the state directory is known. */
void reload_set_state_dir(struct reload *r, const char *state_dir);

/*
 * reload_look - make a configuration of the files as they are now.
 * NULL, and r->is_bad, with the problems in the report.
 */
struct conf *reload_look(struct reload *r);

/*
 * reload_make_do - what to serve by when the files cannot be used: the last
 * good copy, or a configuration that refuses every request.  NULL: no memory.
 *
 * may_be_good  false: the copy cannot be served either
 * empty        a directory where nothing is, or NULL
 */
struct conf *reload_make_do(struct reload *r, bool may_be_good,
    const char *empty);

/* c is in use: it becomes the last good copy.  0 or -errno. */
int reload_keep(const struct reload *r, const struct conf *c);

/* Watch all files that the last look read; r->watch_fd is new. */
void reload_watch(struct reload *r);

/*
 * Forget what the watch reported.  Is any file another than at the look?  Also
 * true when one was so new then that a later change might show the same time.
 */
bool reload_has_changed(struct reload *r);

/* Do both say the same, wherever it stands? */
bool reload_is_same(const struct conf *a, const struct conf *b);

#endif
