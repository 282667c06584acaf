/*
 * pace - how many blocks of a window go out in one burst, and how long the
 * pause between two bursts is.
 *
 * A client's network card may hold no more than 16 packets until the client
 * comes to take them.  A window of 64 that arrives at once overruns it, is
 * sent again, and overruns it again.  So a window that keeps losing its
 * tail is sent in bursts that fit.  One of more than 16 blocks begins so, and
 * is sent at once when some have arrived whole.
 */
#ifndef CORE_PACE_H
#define CORE_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	uint32_t windowsize;
	uint32_t burst;		/* blocks; windowsize: no pauses */
	uint32_t ceiling;	/* burst grows up to this */
	uint32_t proved;	/* the burst before a longer one was tried */
	uint64_t pause_us;
	uint64_t base_us;	/* the round trip of a packet alone; 0: none */
	uint64_t each_us;	/* what a block took when one was lost; 0: none */

	uint32_t whole;		/* rounds without a loss, in a row */
	uint32_t lossy;		/* rounds with one, in a row */
	uint32_t got;		/* the most that got through in one of these */
	uint32_t probe_after;	/* whole rounds before more is tried */
	bool is_probing;
	uint32_t rest;		/* rounds in which no pauses are tried */
};

/*
 * pace_init - for windows of windowsize blocks.
 *
 * rtt_us     of the first reply; 0: not known
 * Never fails; with is_on false there are never pauses.
 */
void pace_init(struct pace *p, uint32_t windowsize, bool is_on,
    uint64_t rtt_us);

/* Are windows sent in bursts now? */
bool pace_is_on(const struct pace *p);

/*
 * pace_on_whole - a window arrived complete.
 * drained_us     from its last burst to its ACK
 */
void pace_on_whole(struct pace *p, uint64_t drained_us);

/*
 * pace_on_loss - a block is missing.
 *
 * got        blocks of the window that arrived in order before it
 * took_us    since the window was sent
 */
void pace_on_loss(struct pace *p, uint32_t got, uint64_t took_us);

/* Nothing was heard of a window. */
void pace_on_silence(struct pace *p);

/* The client said, later on, that so much of it had arrived. */
void pace_note_got(struct pace *p, uint32_t got);

#endif
