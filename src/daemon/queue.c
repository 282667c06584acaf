#include <stddef.h>
#include <string.h>

#include "daemon/children.h"
#include "daemon/queue.h"
#include "os/memory.h"

#define PLACES_LEN	(QUEUE_MAX * sizeof(struct request))

bool
queue_init(struct queue *q)
{
	unsigned i;

	q->count = 0;
	for (i = 0; i < QUEUE_MAX; i++)
		q->order[i] = (uint16_t)i;
	q->places = memory_get_unforked(PLACES_LEN);
	return q->places != NULL;
}

void
queue_free(struct queue *q)
{
	memory_unmap(q->places, PLACES_LEN);
	q->places = NULL;
}

bool
queue_put(struct queue *q, const struct request *r)
{
	if (q->count == QUEUE_MAX)
		return false;
	request_copy(queue_at(q, q->count++), r);
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

	q->count--;
	memmove(&q->order[index], &q->order[index + 1],
	    (q->count - index) * sizeof(q->order[0]));
	q->order[q->count] = place;
}

bool
queue_has(struct queue *q, const struct request *r)
{
	const struct request *w;
	unsigned i;

	for (i = 0; i < q->count; i++) {
		w = queue_at(q, i);
		if (w->whole_hash == r->whole_hash &&
		    netio_equal(&w->origin.peer, &r->origin.peer))
			return true;
	}
	return false;
}
