/*
 * waiting - requests for which there is no room yet, in order.
 *
 * Nobody passes those who wait for room.  A client that waits for the end of
 * its own transfers (max-transfers-per-client, single-port) is passed.
 */
#ifndef DAEMON_WAITING_H
#define DAEMON_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/children.h"
#include "daemon/queue.h"

struct waiting {
	struct children *children;
	struct queue queue;
	unsigned for_own;	/* of these, for their client's own ends */
	uint64_t ends_seen;	/* of transfers, when those were tried */
};

/* c must outlive w.  false: no memory. */
bool waiting_init(struct waiting *w, struct children *c);

void waiting_free(struct waiting *w);

/*
 * waiting_add - start a request, or let it wait up to a second; where too many
 * wait it is refused.
 */
void waiting_add(struct waiting *w, struct request *r);

/*
 * waiting_serve - start what can be started, in order, and refuse what has
 * waited too long.
 */
void waiting_serve(struct waiting *w);

/* Does the same request of the same client wait already? */
bool waiting_has(struct waiting *w, const struct request *r);

/*
 * waiting_drop_earlier - single-port: of what waits, only the client's last
 * word counts; the others get a record.  false: that is not r, but one that
 * came later.  They are not always read in the order of their arrival.
 */
bool waiting_drop_earlier(struct waiting *w, const struct request *r);

#endif
