/*
 * children - the running transfers of one dispatcher: their slots in the
 * live table, their start, their death, and which requests they are for.
 */
#ifndef DAEMON_CHILDREN_H
#define DAEMON_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/pool.h"
#include "daemon/seen.h"
#include "daemon/service.h"
#include "daemon/transfer.h"
#include "os/oneport.h"

enum children_start {
	CHILDREN_STARTED,
	CHILDREN_FULL,		/* max-transfers */
	CHILDREN_NO_PROCESS,	/* the system gives none now */
	CHILDREN_CLIENT_FULL,	/* max-transfers-per-client */
	/* single-port: the client's transfer before it is not gone yet */
	CHILDREN_NOT_YET,
	/* too many transfers of this address whose peer has said nothing yet */
	CHILDREN_UNPROVEN
};

/* A datagram with where it came from, and its identity. */
struct request {
	const struct netio_listener *listener;
	struct netio_origin origin;
	char client[NETIO_TEXT_MAX];	/* its address */
	uint64_t received_us;	/* monotonic */
	uint64_t name_hash;	/* client, operation and name */
	uint64_t whole_hash;	/* mode and options too */
	/* while it waits */
	enum children_start waits_for;
	uint64_t give_up_us;	/* monotonic */
	size_t len;
	uint8_t buf[REQUEST_MAX];
};

/* Copy a request, without the room that its bytes do not use. */
void request_copy(struct request *to, const struct request *from);

/* What is done with a datagram that a new transfer's socket got. */
typedef void children_foreign(void *arg, const struct netio_listener *l,
    const struct netio_origin *origin, const uint8_t *buf, size_t len);

struct child;
struct past;

struct children {
	struct service *service;
	int control;		/* the dispatcher's, closed in each child */
	char *table;		/* all slots */
	/* of each slot; what is searched lies close together */
	struct child *list;
	pid_t *pids;		/* 0: free */
	uint64_t *names;	/* name_hash */
	uint32_t *hosts;	/* its address, as long as it has not spoken */
	unsigned unproven;	/* of these, at the last look */
	uint64_t looked_us;
	struct pool pool;
	unsigned running;
	unsigned strangers;	/* slots of others, at the last look */
	unsigned unburied;	/* of these, seen dead once */
	unsigned removals;	/* processes that clear up behind the dead */
	uint32_t next_slot;
	struct past *past;	/* a ring of what has just ended ... */
	uint64_t *past_hashes;	/* ... and its whole_hash */
	unsigned past_next;
	struct seen *silent;	/* requests whose client never said a word */
	uint64_t id_seed, id_count;
	uint64_t ends;		/* transfers that have ended */
	uint64_t log_lost;	/* records since the log stopped working */
	/* when to see again that the log has room: at which id_count, and not
	   before that time */
	uint64_t log_look_count, log_look_us;
	bool log_is_tight;	/* it had none, and that was said */
	uint64_t fork_failed_us;	/* when that was last said; 0: never */
	uint64_t sweep_at_us;	/* monotonic; UINT64_MAX: no need */
	/* single-port: datagrams that a new socket got and others meant */
	children_foreign *foreign;
	void *foreign_arg;
};

/* Map the table and get memory; s must outlive c.  false: no memory. */
bool children_init(struct children *c, struct service *s, int control);

/* Give the memory back. */
void children_free(struct children *c);

/* The control socket is closed: nothing is to be closed in a child. */
void children_forget_control(struct children *c);

/* children_start - give a request a process. */
enum children_start children_start(struct children *c,
    const struct request *r);

/* Answer a request by "Server busy" for that reason, without a process. */
void children_refuse(struct children *c, const struct request *r,
    enum children_start why);

/* A request that waited, and whose client has asked for another one since. */
void children_drop(struct children *c, const struct request *r);

enum children_verdict {
	CHILDREN_NEW,		/* nothing like it: to be started */
	CHILDREN_COPY,		/* of one that runs, or has just ended */
	/*
	 * It came after the last word of one that runs.  The client may have
	 * got all and ask anew, and we have not read its last ACK yet.
	 */
	CHILDREN_DOUBTFUL,
	/* single-port: the client's port has asked for something else since */
	CHILDREN_STALE
};

/* When the request came to this host, as the kernel knows: monotonic. */
uint64_t request_arrived_us(const struct request *r);

/*
 * children_judge - is this a copy of a request?
 *
 * Tells the transfer of a copy if its peer has not answered yet, and the
 * one that a reset machine left behind to end.
 */
enum children_verdict children_judge(struct children *c,
    const struct request *r);

/* Has the transfer that made a request doubtful ended by now? */
bool children_has_ended(struct children *c, const struct request *r);

/*
 * children_make_room - tell some to give their place: uploads that are stored
 * and only dally, then the oldest of those whose peer never spoke, for two
 * seconds at least, or for 300 ms where it is urgent.
 *
 * wanted     requests that wait: no more than so many are told
 * urgent     of these, how many may not wait for two seconds
 * client     only transfers of this address; NULL: any
 */
void children_make_room(struct children *c, unsigned wanted, unsigned urgent,
    uint64_t now_us, const union netio_addr *client);

/* What marks a request in a struct seen.  Only we can tell it. */
uint64_t children_mark_of(const struct children *c, uint64_t whole_hash);

/*
 * Are most of the places held by transfers whose peer has said nothing?  Then
 * it is not load that fills them.  As it was a few milliseconds ago.
 */
bool children_are_silent(struct children *c, uint64_t now_us);

/* Take note of those that ended, and write the ends that they did not. */
void children_reap(struct children *c);

/*
 * children_sweep - the same for transfers of a dispatcher or server that
 * is dead: nobody reaps those.
 */
void children_sweep(struct children *c);

/* Try to say in the log how many records it could not take. */
void children_tell_lost(struct children *c);

/*
 * Tell all of them, or end them for good; transfers of a dispatcher that
 * died too.
 */
void children_tell_all(struct children *c, enum transfer_word word);
void children_kill_all(struct children *c);

/* Uploads that are stored and only dally: nothing is lost by an end. */
void children_end_dallying(struct children *c);

#endif
