#include <stddef.h>
#include <string.h>

#include "daemon/children.h"
#include "daemon/queue.h"
#include "os/memory.h"

#define PLACES_LEN	(QUEUE_MAX * sizeof(struct request))
#define KEPT_MOST	64	/* places whose memory an empty queue keeps */

static void
forget_order(struct queue *q)
{
	unsigned i;

	q->count = q->most = 0;
	for (i = 0; i < QUEUE_MAX; i++)
		q->order[i] = (uint16_t)i;
}

bool
queue_init(struct queue *q)
{
	forget_order(q);
	q->places = memory_get_unforked(PLACES_LEN);
	return q->places != NULL;
}

void
queue_free(struct queue *q)
{
	memory_unmap(q->places, PLACES_LEN);
	q->places = NULL;
}

void
queue_tidy(struct queue *q)
{
	if (q->count != 0 || q->most <= KEPT_MOST)
		return;
	forget_order(q);
	(void)memory_forget(q->places, PLACES_LEN);
}

bool
queue_put(struct queue *q, const struct request *r)
{
	if (q->count == QUEUE_MAX)
		return false;
	q->hashes[q->count] = r->whole_hash;
	request_copy(queue_at(q, q->count++), r);
	if (q->count > q->most)
		q->most = q->count;
	return true;
}

struct request *
queue_at(struct queue *q, unsigned index)
{
	return &q->places[q->order[index]];
}

void
queue_remove(struct queue *q, unsigned index)
{
	uint16_t place = q->order[index];
	unsigned behind = --q->count - index;

	memmove(&q->order[index], &q->order[index + 1],
	    behind * sizeof(q->order[0]));
	memmove(&q->hashes[index], &q->hashes[index + 1],
	    behind * sizeof(q->hashes[0]));
	q->order[q->count] = place;
}

void
queue_advance(struct queue *q, unsigned from, unsigned to)
{
	uint16_t place = q->order[from];
	uint64_t hash = q->hashes[from];

	memmove(&q->order[to + 1], &q->order[to],
	    (from - to) * sizeof(q->order[0]));
	memmove(&q->hashes[to + 1], &q->hashes[to],
	    (from - to) * sizeof(q->hashes[0]));
	q->order[to] = place;
	q->hashes[to] = hash;
}

unsigned
queue_find(struct queue *q, const struct request *r)
{
	unsigned i;

	for (i = 0; i < q->count; i++)
		if (q->hashes[i] == r->whole_hash &&
		    netio_equal(&queue_at(q, i)->origin.peer, &r->origin.peer))
			return i;
	return QUEUE_NONE;
}
