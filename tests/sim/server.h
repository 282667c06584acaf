/*
 * server - what src/daemon does around the engine, in virtual time.
 *
 * The dispatcher's part: it takes requests, starts a transfer, tells it of
 * repeats.  The transfer's part: the same loop as in transfer.c, with the
 * same order of packets, ICMP, words and timer.
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/engine.h"
#include "net.h"

#define SERVER_SOCKET	1024	/* datagrams that its socket holds */
#define SERVER_LIVES	4	/* requests that are served in one run */

struct server {
	bool is_live;
	uint32_t tid;		/* also counts the transfers */
	struct engine engine;
	struct options_granted granted;

	struct datagram *queue[SERVER_SOCKET];
	unsigned head, queued;
	bool is_refused;
	bool is_repeated, is_replaced, is_stopped;	/* words for it */
	bool is_closed;		/* no request is taken any more */

	uint64_t now_us;	/* its clock: ahead while the disk is slow */
	uint64_t busy_us;	/* it does not run before */
	uint64_t seen_us, late_us;	/* the deadline waited for, and slack */
};

/* A request has come to the port that all know. */
void server_request(struct world *w);

/* A datagram has come to the transfer's socket. */
void server_arrive(struct world *w, struct datagram *gram);

void server_refused(struct world *w, uint32_t tid);
void server_sleep(struct world *w, uint64_t us);
void server_stop(struct world *w);

/* When server_run() is due, or WORLD_NEVER. */
uint64_t server_due(struct world *w);
void server_run(struct world *w);

void server_clean(struct world *w);

#endif
