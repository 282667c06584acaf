/*
 * waiting - requests for which there is no room yet, in order.
 *
 * Nobody passes those who wait for room.  A client that waits for its own
 * transfers (max-transfers-per-client, single-port, silent ones of its
 * address) is passed.
 *
 * Requests can come faster than they can be served: forged ones, as a rule.
 * Then those that find no place are turned away: no answer, for it would go to
 * whoever was forged, no record, for they would fill the disk; they are
 * counted.  A real client asks again, and who does goes ahead of all that
 * never did.
 */
#ifndef DAEMON_WAITING_H
#define DAEMON_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/children.h"
#include "daemon/queue.h"
#include "daemon/seen.h"

struct waiting {
	struct children *children;
	struct queue queue;
	unsigned urgent;	/* the first so many: they asked again */
	unsigned for_own;	/* of all, for the client's own transfers */
	uint64_t ends_seen;	/* of transfers, when those were tried */
	uint64_t looked_us;	/* when room was looked for */
	uint64_t served_us;	/* when we came round; 0: nothing waited */
	bool is_long;		/* more wait than any load makes */
	bool is_silent;		/* places are held by who said nothing */
	bool is_behind;		/* there is more to be done at once */

	struct seen *seen;	/* what was turned away */
	uint64_t turned_away;	/* how many */
	uint64_t turned_us;	/* the last of them; 0: never */
	uint64_t turned_told;	/* of these, how many were said */
	uint64_t told_us;	/* when that was */
	unsigned refusals;	/* that may still be answered and recorded ... */
	uint64_t refusals_us;	/* ... and since when they become more */
};

/* c must outlive w.  false: no memory. */
bool waiting_init(struct waiting *w, struct children *c);

void waiting_free(struct waiting *w);

/*
 * waiting_add - start a request, or let it wait up to a second, or turn it
 * away.
 */
void waiting_add(struct waiting *w, struct request *r);

/*
 * waiting_serve - start what can be started, in order, and refuse what has
 * waited too long.  Not more than a few: datagrams are to be taken meanwhile.
 */
void waiting_serve(struct waiting *w);

/* When waiting_serve() is due, if nothing happens: monotonic, or UINT64_MAX. */
uint64_t waiting_serve_at(const struct waiting *w);

/*
 * waiting_has - does the same request of the same client wait already?  Where
 * requests are too many, its repeat makes it go ahead.
 */
bool waiting_has(struct waiting *w, const struct request *r);

/*
 * waiting_drop_earlier - single-port: of what waits, only the client's last
 * word counts; the others get a record.  false: that is not r, but one that
 * came later.  They are not always read in the order of their arrival.
 */
bool waiting_drop_earlier(struct waiting *w, const struct request *r);

#endif
