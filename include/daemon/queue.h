/*
 * queue - requests in the order in which they are to be served; any of them
 * may leave, or go ahead.
 */
#ifndef DAEMON_QUEUE_H
#define DAEMON_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define QUEUE_MAX	1024
#define QUEUE_NONE	QUEUE_MAX	/* no index */

struct request;

struct queue {
	struct request *places;
	uint16_t order[QUEUE_MAX];	/* [0, count) are used, first to last */
	uint64_t hashes[QUEUE_MAX];	/* whole_hash, in that order */
	unsigned count, most;		/* most: since it was tidied */
};

/* Get memory that is not forked; false: none. */
bool queue_init(struct queue *q);

void queue_free(struct queue *q);

/*
 * queue_tidy - an empty queue gives back the memory that a long one needed:
 * nothing that queue_at() gave is valid any more.
 */
void queue_tidy(struct queue *q);

/* Add a copy of r at the end; false: it is full. */
bool queue_put(struct queue *q, const struct request *r);

/* The one at index, 0 being the first; valid until the next put. */
struct request *queue_at(struct queue *q, unsigned index);

/* Take one out; those behind it move up. */
void queue_remove(struct queue *q, unsigned index);

/* The one at from goes ahead to index to <= from; those between give way. */
void queue_advance(struct queue *q, unsigned from, unsigned to);

/* Where the same request of the same client is, or QUEUE_NONE. */
unsigned queue_find(struct queue *q, const struct request *r);

#endif
