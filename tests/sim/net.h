/*
 * net - two ways through a network that loses, copies, delays and damages,
 * and the client's network card, whose ring may be small.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan.h"

#define NET_HISTORY	16	/* packets that can come again much later */

struct world;

/*
 * A UDP payload under way.  The bytes end where the allocation ends, so a
 * sanitizer sees whoever reads further.
 */
struct datagram {
	unsigned holders;
	uint32_t tid;		/* the server's port: from it or to it */
	uint64_t index;		/* 64-bit number of its block */
	bool is_request;	/* to the port that all know */
	bool is_foreign;	/* from somebody who has no part in this */
	bool is_evil;		/* damaged, and it does not show */
	size_t len;
	uint8_t buf[];
};

struct net_link {
	uint64_t free_ns;	/* when the wire is */
	bool in_burst, dropped_index;
	uint64_t serial;
	uint64_t newest;	/* the highest index that arrived */
	struct datagram *history[NET_HISTORY];
	unsigned remembered;
};

struct net {
	struct net_link link[DIRECTIONS];
	uint32_t in_ring;	/* packets in the client's card */
	uint64_t card_free_us;
};

struct datagram *net_datagram(size_t len);
void net_release(struct datagram *gram);
void net_clean(struct net *net);

/* Send it at from_us, not before now; gram is the network's then. */
void net_send(struct world *w, enum plan_direction dir, uint64_t from_us,
    struct datagram *gram);

/* The client's host says that the port is closed, after all it sent. */
void net_refuse(struct world *w, uint32_t tid);

/* A packet reaches the client's card, and leaves it for the client. */
void net_at_card(struct world *w, struct datagram *gram);
void net_off_card(struct world *w);

/* Whether it is so old that its number on the wire may mean another block. */
bool net_is_stale(struct world *w, enum plan_direction dir,
    const struct datagram *gram);

#endif
