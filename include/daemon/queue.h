/*
 * queue - requests in the order of their arrival; any of them may leave.
 */
#ifndef DAEMON_QUEUE_H
#define DAEMON_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define QUEUE_MAX	1024

struct request;

struct queue {
	struct request *places;
	uint16_t order[QUEUE_MAX];	/* [0, count) are used, oldest first */
	unsigned count;
};

/* Get memory that is not forked; false: none. */
bool queue_init(struct queue *q);

void queue_free(struct queue *q);

/* Add a copy of r at the end; false: it is full. */
bool queue_put(struct queue *q, const struct request *r);

/* The one at index, 0 being the oldest; valid until the next put. */
struct request *queue_at(struct queue *q, unsigned index);

/* Take one out; those behind it move up. */
void queue_remove(struct queue *q, unsigned index);

/* Is the same request of the same client there already? */
bool queue_has(struct queue *q, const struct request *r);

#endif
