#include "daemon/waiting.h"
#include "os/clock.h"

#define WAIT_FOR_ROOM	(1000 * 1000)	/* us; then "Server busy" */

bool
waiting_init(struct waiting *w, struct children *c)
{
	w->children = c;
	w->for_own = 0;
	w->ends_seen = 0;
	return queue_init(&w->queue);
}

void
waiting_free(struct waiting *w)
{
	queue_free(&w->queue);
}

bool
waiting_has(struct waiting *w, const struct request *r)
{
	return queue_has(&w->queue, r);
}

/* Only this client's own transfers are in its way, or all are. */
static bool
is_own_fault(enum children_start verdict)
{
	return verdict == CHILDREN_CLIENT_FULL || verdict == CHILDREN_NOT_YET;
}

static void
make_room(struct waiting *w, const struct request *r,
    enum children_start verdict, uint64_t now_us)
{
	if (verdict == CHILDREN_CLIENT_FULL)
		children_make_room(w->children, w->queue.count, now_us,
		    &r->origin.peer);
	else if (verdict != CHILDREN_NOT_YET)
		children_make_room(w->children, w->queue.count - w->for_own,
		    now_us, NULL);
}

static void
set_waits_for_own(struct waiting *w, struct request *r, bool yes)
{
	w->for_own += (unsigned)yes - (unsigned)r->waits_for_own;
	r->waits_for_own = yes;
}

static void
leave_queue(struct waiting *w, unsigned index)
{
	set_waits_for_own(w, queue_at(&w->queue, index), false);
	queue_remove(&w->queue, index);
}

/* Clients in their own way leave half of the places to others. */
static void
enqueue(struct waiting *w, struct request *r, enum children_start verdict)
{
	bool is_own = is_own_fault(verdict);

	r->waits_for_own = is_own;
	if ((is_own && w->for_own >= QUEUE_MAX / 2) ||
	    !queue_put(&w->queue, r)) {
		children_refuse(w->children, r, verdict);
		return;
	}
	w->for_own += is_own;
	make_room(w, r, verdict, r->received_us);
}

/* Does it leave the queue?  If not, verdict says what it waits for. */
static bool
serve_or_refuse(struct waiting *w, struct request *r, uint64_t now_us,
    enum children_start *verdict)
{
	*verdict = children_start(w->children, r);
	if (*verdict == CHILDREN_STARTED)
		return true;
	if (now_us - r->received_us >= WAIT_FOR_ROOM) {
		children_refuse(w->children, r, *verdict);
		return true;
	}
	set_waits_for_own(w, r, is_own_fault(*verdict));
	make_room(w, r, *verdict, now_us);
	return false;
}

/*
 * Start what waits, in order; whoever waited too long is told so.  A client
 * that waits for its own transfers does not keep others waiting, and is only
 * looked at again when one has ended.
 */
void
waiting_serve(struct waiting *w)
{
	uint64_t now_us = clock_mono_us();
	/* of other dispatchers' transfers nobody tells when they end */
	bool is_full = false, has_end = w->children->strangers != 0 ||
	    w->ends_seen != w->children->ends;
	enum children_start verdict;
	struct request *r;
	unsigned i = 0;

	w->ends_seen = w->children->ends;
	while (i < w->queue.count) {
		r = queue_at(&w->queue, i);
		if (now_us - r->received_us < WAIT_FOR_ROOM &&
		    (r->waits_for_own ? !has_end : is_full)) {
			i++;
		} else if (serve_or_refuse(w, r, now_us, &verdict)) {
			leave_queue(w, i);
		} else {
			is_full = is_full || !is_own_fault(verdict);
			i++;
		}
	}
}

/* Nobody passes those who wait for room; who waits for himself is passed. */
void
waiting_add(struct waiting *w, struct request *r)
{
	enum children_start verdict = CHILDREN_FULL;

	if (w->queue.count == w->for_own)
		verdict = children_start(w->children, r);
	if (verdict != CHILDREN_STARTED)
		enqueue(w, r, verdict);
}

/* single-port: of what waits, only the client's last word counts. */
bool
waiting_drop_earlier(struct waiting *w, const struct request *r)
{
	struct request *earlier;
	unsigned i = 0;

	while (i < w->queue.count) {
		earlier = queue_at(&w->queue, i);
		if (earlier->whole_hash == r->whole_hash ||
		    !netio_equal(&earlier->origin.peer, &r->origin.peer)) {
			i++;
			continue;
		}
		if (request_arrived_us(r) < request_arrived_us(earlier))
			return false;
		children_drop(w->children, earlier);
		leave_queue(w, i);
	}
	return true;
}
