/*
 * world - virtual time, and everybody who lives in it.
 *
 * The world is a heap of events and two parties that wait: the server with
 * the engine inside, and the client.  Whatever is due first happens, then
 * the next; nothing else moves the time.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "disk.h"
#include "net.h"
#include "plan.h"
#include "rng.h"
#include "server.h"
#include "watch.h"

#define WORLD_NEVER	UINT64_MAX
#define WORLD_BIRTH_US	7000000ULL	/* time 0 would hide mistakes */
#define WORLD_WHY_MAX	256

enum event_kind {
	EVENT_AT_SERVER,	/* a datagram has come to the server's host */
	EVENT_AT_CARD,		/* one has come to the client's network card */
	EVENT_AT_CLIENT,	/* and is handed to the client */
	EVENT_REFUSED,		/* an ICMP message has come to the server */
	EVENT_STRANGER,		/* a foreign packet is made */
	EVENT_SLEEP,		/* the server's process stands still */
	EVENT_SHUTDOWN
};

struct event {
	uint64_t at_us, order;
	enum event_kind kind;
	struct datagram *gram;
	uint32_t tid;
};

struct world {
	const struct plan *plan;
	struct rng rng;
	uint64_t now_us;
	bool is_tainted;	/* an error that nobody can see was let in */
	bool is_traced;

	struct event *heap;
	size_t events, room;
	uint64_t order, steps;

	struct net net;
	struct disk disk;
	struct server server;
	struct client client;
	struct watch watch;

	const char *broken;	/* the invariant that failed first, or NULL */
	uint64_t broken_us;
	char why[WORLD_WHY_MAX];
};

/* What is left of a run. */
struct world_result {
	const char *broken;
	uint64_t broken_us;
	char why[WORLD_WHY_MAX];
	enum outcome outcome;		/* of the first transfer */
	struct engine_counts counts;	/* likewise */
	uint64_t server_us;	/* how long that one took */
	bool client_has_it;	/* it has the whole file, or its last ACK */
	uint64_t client_us;	/* how long that took it */
	uint64_t end_us;	/* how long everything took */
	uint64_t steps;
};

/* Run plan from birth to end. */
void world_run(const struct plan *plan, bool traced,
    struct world_result *result);

/* Put an event into the future; gram, if any, is the event's then. */
void world_schedule(struct world *w, uint64_t at_us, enum event_kind kind,
    struct datagram *gram, uint32_t tid);

/* Note that an invariant is broken; only the first is kept. */
void world_break(struct world *w, const char *invariant, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

/* One line of the trace, if there is one. */
void world_trace(const struct world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Time since birth, as people write it. */
double world_seconds(uint64_t at_us);

#endif
