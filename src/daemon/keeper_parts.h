/*
 * keeper_parts - what the files of the keeper share; for them alone.
 *
 *	keeper.c	dispatchers, the log, signals
 *	keeper_conf.c	which configuration they serve by
 */
#ifndef DAEMON_KEEPER_PARTS_H
#define DAEMON_KEEPER_PARTS_H

#include <stdint.h>
#include <sys/types.h>

#include "daemon/keeper.h"

#define US_PER_S	1000000ULL
#define GENERATIONS	32	/* dispatchers that live at the same time */
#define RENEW_RETRY	(10 * US_PER_S)	/* when it did not work */
#define NEVER		UINT64_MAX

struct generation {
	pid_t pid;		/* 0: free */
	unsigned number;	/* the higher, the younger */
	int control;
	bool is_ready;		/* it reads the socket ... */
	bool is_draining;	/* ... or was told to stop */
};

/* Whether a dispatcher with that configuration has come so far as to read. */
enum proof {
	PROVED,
	UNPROVED_START,		/* nobody needs to know */
	UNPROVED_CHANGE		/* it gets a notice */
};

struct keeper {
	struct service *service;
	struct conf *conf;	/* the service's, to be freed */
	struct conf *previous;	/* till a dispatcher reads with conf; or NULL */
	enum proof proof;	/* of conf: can it be served? */
	bool is_copy_tried;	/* the last good copy; it cannot */
	bool is_blind;		/* without inotify; that was said */
	struct reload *reload;
	char problem[512];	/* of the files, as it was said; "": none */
	struct generation gens[GENERATIONS];
	struct generation *newest;	/* NULL: none reads the socket */
	int signals, inotify;
	uint64_t renew_at_us, stop_at_us;
	uint64_t look_at_us, changed_us;	/* at the configuration; since */
	unsigned stops_asked;
	unsigned renewals, starts;
	bool must_start;	/* also when the log cannot be opened */
	unsigned deaths;
	uint64_t first_death_us;
	int exit_status;
	bool must_exit;
};

/*
 * A new dispatcher with a new log; running transfers end in the old one.  When
 * the log cannot be made, the old one goes on with what it has, unless it
 * must make place for another configuration.
 */
void keeper_renew(struct keeper *k, bool must_start);

/* A dispatcher reads by k->conf: it is in force, and the last good copy. */
void keeper_prove(struct keeper *k);

/*
 * keeper_give_back - k->conf cannot be served: the one before it is the
 * service's again.  false: there is none.
 */
bool keeper_give_back(struct keeper *k);

/*
 * keeper_take_lesser - at a cold start nothing was before it: the last good
 * copy, or a configuration that refuses every request.  false: no use.
 */
bool keeper_take_lesser(struct keeper *k);

/* At the start: what is in use need not be what the files say. */
void keeper_watch_conf(struct keeper *k);

/* A file or directory that is watched has changed: look at it soon. */
void keeper_on_watch(struct keeper *k);

/* Look at the configuration now, if it has changed. */
void keeper_look(struct keeper *k);

/* SIGHUP: read everything again, and begin anew in any case. */
void keeper_begin_anew(struct keeper *k);

#endif
