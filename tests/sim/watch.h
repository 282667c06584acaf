/*
 * watch - what must hold after every step, whatever happens.
 *
 * Each invariant has a name; world_break() prints it.
 */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/engine.h"

struct datagram;
struct world;

enum watch_cause {
	CAUSE_START,
	CAUSE_PACKET,
	CAUSE_TIMER,
	CAUSE_REPEAT,
	CAUSE_REFUSED,
	CAUSE_STORED,
	CAUSE_END
};

/* Of the running transfer. */
struct watch_transfer {
	enum watch_cause cause;
	const struct datagram *fed;	/* while a packet is looked at */
	bool must_be_silent;		/* it is never to be answered */
	struct engine_counts before;	/* this event */
	uint64_t news_before;
	bool timer_was_due;

	unsigned finishes;
	uint64_t fed_packets, sent_packets, sent_data;
	uint64_t unproved_sent, repeats;
	uint64_t started_us, news_us;
	uint64_t timer_calls;
	unsigned spins;			/* timer calls that moved nothing */
	uint64_t turned_at, turned_timeouts;
};

struct watch {
	struct watch_transfer t;
	uint64_t slack_us;	/* time that the engine could not use */
	uint32_t stored_tid;	/* the upload that got its name last */

	bool has_first;		/* of the first transfer: */
	enum outcome first_outcome;
	struct engine_counts first_counts;
	uint64_t first_end_us;
};

/* A transfer begins. */
void watch_begin(struct world *w);

/* Around each call into the engine; gram for CAUSE_PACKET. */
void watch_before(struct world *w, enum watch_cause cause,
    const struct datagram *gram);
void watch_after(struct world *w);

/* Each action, before it is performed. */
void watch_action(struct world *w, const struct engine_action *act);

/* A DATA packet goes out; the client believes that it has everything. */
void watch_data(struct world *w);
void watch_client(struct world *w);

/* The transfer's process is about to leave. */
void watch_end(struct world *w);

/* The run is over. */
void watch_world(struct world *w);

#endif
