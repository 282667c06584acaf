/*
 * pool - transfer processes that were forked before there was anything for
 * them to do, so that a request need not wait for the fork.
 *
 * Each serves exactly one request.  Idle, it sleeps on a word in memory that
 * it shares with the dispatcher; the order is put beside that word.  It
 * leaves that memory before it looks at the client's bytes, so that no
 * transfer can touch another's order.
 */
#ifndef DAEMON_POOL_H
#define DAEMON_POOL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/transfer.h"

#define POOL_MAX 16

struct berth;

struct pool {
	struct service *service;
	int control;		/* the dispatcher's, closed in each child */
	struct berth *berths;	/* POOL_MAX, shared; NULL: no pool */
	pid_t pids[POOL_MAX];	/* 0: the berth is free */
	unsigned ready;		/* idle processes */

	/* requests of this second and of the one before */
	uint64_t second_us;
	unsigned now, before;
	uint64_t last_us;	/* when the last one came; 0: none yet */
	bool is_stuck;		/* no more of them before the next request */
};

/* All times are monotonic. */

/* Get memory.  Without it there is no pool, which is no error. */
void pool_init(struct pool *p, struct service *s, int control);

void pool_free(struct pool *p);

/* A request came: what the pool's size follows. */
void pool_note_request(struct pool *p, uint64_t now_us);

/* Give a ready process the order: its process id, or 0 when none is. */
pid_t pool_hand_over(struct pool *p, const struct transfer_order *order);

/* Are there fewer ready processes than the load asks for? */
bool pool_is_short(struct pool *p, uint64_t now_us);

/*
 * pool_fork_one - for when there is nothing else to do.
 * When no process can be had, the others go on, and it is tried again after
 * the next request.
 */
void pool_fork_one(struct pool *p);

/*
 * pool_unserved - the order that a process was given and has not taken yet,
 * or NULL.  It stays valid until pool_forget() and the next pool_fork_one().
 */
const struct transfer_order *pool_unserved(const struct pool *p, pid_t pid);

/* A process has ended. */
void pool_forget(struct pool *p, pid_t pid);

/* When pool_trim() has something to do: monotonic, or UINT64_MAX. */
uint64_t pool_trim_at(const struct pool *p);

/* End the idle ones if nobody has asked for a while. */
void pool_trim(struct pool *p, uint64_t now_us);

/* End all idle ones, and wait for them. */
void pool_dismiss(struct pool *p);

#endif
