#include <stdio.h>

#include "daemon/waiting.h"
#include "os/clock.h"
#include "os/memory.h"

#define US_PER_S	1000000ULL
#define WAIT_FOR_ROOM	(1 * US_PER_S)	/* then "Server busy" */
/* where silent transfers are in the way: they leave in time */
#define WAIT_FOR_SILENT	(3 * US_PER_S / 2)	/* after that */
#define LOOK_SPAN	(10 * 1000)	/* us, between two looks for room */
#define FALL_BEHIND	(US_PER_S / 2)	/* a datagram lay in the socket */
#define START_BATCH	8	/* processes between two looks at sockets */
#define REPEAT_LEAST	(100 * 1000)	/* us; what is sooner is a copy */
#define SEEN_SPAN	(20 * US_PER_S)	/* it may come again so long */
#define REFUSALS_MOST	1000	/* answered and recorded, in one go ... */
#define REFUSAL_SPAN	(US_PER_S / 16)	/* ... and one more after each of it */
#define TELL_SPAN	(10 * US_PER_S)	/* between two notices */

bool
waiting_init(struct waiting *w, struct children *c)
{
	w->children = c;
	w->refusals = REFUSALS_MOST;
	w->seen = memory_get_unforked(sizeof(*w->seen));
	return queue_init(&w->queue) && w->seen != NULL;
}

void
waiting_free(struct waiting *w)
{
	queue_free(&w->queue);
	memory_unmap(w->seen, sizeof(*w->seen));
}

/* ---- who is turned away ----------------------------------------------- */

static void
turn_away(struct waiting *w, const struct request *r)
{
	seen_note(w->seen, children_mark_of(w->children, r->whole_hash),
	    r->received_us);
	w->turned_us = clock_mono_us();
	w->turned_away++;
}

/*
 * Who asks again may be a real client, unless it has been answered before and
 * said nothing.
 */
static bool
may_be_real(const struct waiting *w, const struct request *r)
{
	return !seen_before(w->children->silent,
	    children_mark_of(w->children, r->whole_hash), r->received_us);
}

static bool
was_turned_away(const struct waiting *w, const struct request *r)
{
	return w->turned_us != 0 &&
	    r->received_us < w->turned_us + SEEN_SPAN &&
	    seen_before(w->seen, children_mark_of(w->children,
	    r->whole_hash), r->received_us);
}

/* One notice for many: a flood shall not fill the disk with records. */
static void
tell_turned_away(struct waiting *w, uint64_t now_us)
{
	struct translog_record rec;
	uint64_t count = w->turned_away - w->turned_told;
	char text[128];

	if (count == 0 || (w->told_us != 0 && now_us - w->told_us < TELL_SPAN))
		return;
	translog_clear(&rec);
	snprintf(text, sizeof(text), "more requests than there is room for: "
	    "%llu got no answer", (unsigned long long)count);
	(void)service_notice(w->children->service, &rec, text);
	w->turned_told = w->turned_away;
	w->told_us = now_us;
}

/* "Server busy" is a packet and a record: not for as many as may ask. */
static bool
may_refuse(struct waiting *w, uint64_t now_us)
{
	uint64_t more = (now_us - w->refusals_us) / REFUSAL_SPAN;

	if (more >= REFUSALS_MOST - w->refusals) {
		w->refusals = REFUSALS_MOST;
		w->refusals_us = now_us;
	} else {
		w->refusals += (unsigned)more;
		w->refusals_us += more * REFUSAL_SPAN;
	}
	if (w->refusals == 0)
		return false;
	w->refusals--;
	return true;
}

/* ---- the queue -------------------------------------------------------- */

/* Only this client's own transfers are in its way, or all are. */
static bool
is_own_fault(enum children_start verdict)
{
	return verdict == CHILDREN_CLIENT_FULL ||
	    verdict == CHILDREN_NOT_YET || verdict == CHILDREN_UNPROVEN;
}

static void
set_waits_for(struct waiting *w, struct request *r,
    enum children_start verdict)
{
	w->for_own -= is_own_fault(r->waits_for);
	w->for_own += is_own_fault(verdict);
	r->waits_for = verdict;
}

static void
leave_queue(struct waiting *w, unsigned index)
{
	set_waits_for(w, queue_at(&w->queue, index), CHILDREN_STARTED);
	queue_remove(&w->queue, index);
	w->urgent -= index < w->urgent;
}

static unsigned
count_for_room(const struct waiting *w)
{
	return w->queue.count - w->for_own;
}

/* Is it load that holds the places, and are these requests of real clients? */
static void
look_who_is_there(struct waiting *w, uint64_t now_us)
{
	w->looked_us = now_us;
	w->is_long = count_for_room(w) >= QUEUE_MAX / 2;
	w->is_silent = children_are_silent(w->children, now_us);
}

static bool
is_flood(const struct waiting *w)
{
	return w->is_long || w->is_silent;
}

/* It asked again: it goes ahead of those that did not. */
static void
make_urgent(struct waiting *w, unsigned index, uint64_t now_us)
{
	queue_at(&w->queue, index)->give_up_us = now_us + WAIT_FOR_ROOM;
	queue_advance(&w->queue, index, w->urgent++);
}

bool
waiting_has(struct waiting *w, const struct request *r)
{
	unsigned index = queue_find(&w->queue, r);

	if (index == QUEUE_NONE)
		return false;
	if (is_flood(w) && index >= w->urgent && r->received_us >=
	    queue_at(&w->queue, index)->received_us + REPEAT_LEAST &&
	    may_be_real(w, r))
		make_urgent(w, index, r->received_us);
	return true;
}

/* Clients in their own way leave half of the places to others. */
static bool
has_place(struct waiting *w, bool is_own, bool is_urgent)
{
	struct request *last;

	if (is_own && w->for_own >= QUEUE_MAX / 2)
		return false;
	if (w->queue.count < QUEUE_MAX)
		return true;
	if (!is_urgent || w->urgent == QUEUE_MAX)
		return false;
	last = queue_at(&w->queue, QUEUE_MAX - 1);
	turn_away(w, last);
	leave_queue(w, QUEUE_MAX - 1);
	return true;
}

static void
enqueue(struct waiting *w, struct request *r, enum children_start verdict,
    bool is_urgent)
{
	if (!has_place(w, is_own_fault(verdict), is_urgent)) {
		turn_away(w, r);
		return;
	}
	r->waits_for = CHILDREN_STARTED;
	set_waits_for(w, r, verdict);
	r->give_up_us = r->received_us + WAIT_FOR_ROOM;
	(void)queue_put(&w->queue, r);
	if (is_urgent)
		make_urgent(w, w->queue.count - 1, r->received_us);
	if (verdict == CHILDREN_CLIENT_FULL)
		children_make_room(w->children, w->queue.count, 0,
		    r->received_us, &r->origin.peer);
}

/*
 * Nobody passes those who wait for room; who waits for himself is passed.
 * When datagrams lie in the socket for long, taking them goes before serving
 * them: else a client would be heard when it has given up.
 */
void
waiting_add(struct waiting *w, struct request *r)
{
	enum children_start verdict = CHILDREN_FULL;
	bool is_urgent = was_turned_away(w, r) && may_be_real(w, r);

	if (w->queue.count == w->for_own &&
	    r->origin.waited_us < FALL_BEHIND)
		verdict = children_start(w->children, r);
	if (verdict != CHILDREN_STARTED)
		enqueue(w, r, verdict, is_urgent);
}

/* ---- serving ---------------------------------------------------------- */

/* One pass over the queue. */
struct round {
	uint64_t now_us;
	bool has_end;		/* of a transfer, since the last one */
	bool is_look;		/* it is time to see who has spoken */
	bool is_full;		/* somebody waits for room */
	bool has_made_room;	/* for one that waits for its own address */
	unsigned acts;
};

/* Is there perhaps something new for that one? */
static bool
is_due(const struct round *n, const struct request *r)
{
	if (r->waits_for == CHILDREN_UNPROVEN)
		return n->has_end || n->is_look;
	return is_own_fault(r->waits_for) ? n->has_end : !n->is_full;
}

static void
make_own_room(struct waiting *w, const struct request *r,
    enum children_start verdict, bool is_urgent, struct round *n)
{
	if (verdict == CHILDREN_CLIENT_FULL) {
		children_make_room(w->children, w->queue.count, 0, n->now_us,
		    &r->origin.peer);
	} else if (verdict == CHILDREN_UNPROVEN && is_urgent && n->is_look &&
	    !n->has_made_room) {
		n->has_made_room = true;
		children_make_room(w->children, 1, 1, n->now_us,
		    &r->origin.peer);
	}
}

static bool
is_late(const struct waiting *w, const struct round *n,
    const struct request *r)
{
	return n->now_us >= r->give_up_us +
	    (w->is_silent && !w->is_long ? WAIT_FOR_SILENT : 0);
}

/* It waited too long.  What was probably forged is not answered. */
static void
send_off(struct waiting *w, const struct request *r,
    enum children_start verdict, struct round *n)
{
	if (is_flood(w) || verdict == CHILDREN_UNPROVEN ||
	    !may_refuse(w, n->now_us)) {
		turn_away(w, r);
		return;
	}
	children_refuse(w->children, r, verdict);
	n->acts++;
}

/* Does it leave the queue? */
static bool
serve_or_refuse(struct waiting *w, unsigned index, struct round *n)
{
	struct request *r = queue_at(&w->queue, index);
	enum children_start verdict = children_start(w->children, r);

	if (verdict == CHILDREN_STARTED) {
		n->acts++;
		return true;
	}
	if (is_late(w, n, r)) {
		send_off(w, r, verdict, n);
		return true;
	}
	set_waits_for(w, r, verdict);
	n->is_full = n->is_full || !is_own_fault(verdict);
	make_own_room(w, r, verdict, index < w->urgent, n);
	return false;
}

static void
serve_in_order(struct waiting *w, struct round *n)
{
	const struct request *r;
	unsigned i = 0;

	while (i < w->queue.count && n->acts < START_BATCH) {
		r = queue_at(&w->queue, i);
		if ((is_late(w, n, r) || is_due(n, r)) &&
		    serve_or_refuse(w, i, n))
			leave_queue(w, i);
		else
			i++;
	}
	w->is_behind = i < w->queue.count;
}

/*
 * The time that we could not run, for the machine was busy or somebody stopped
 * us, is not time in which room was looked for.
 */
static void
forgive_standstill(struct waiting *w, uint64_t now_us)
{
	uint64_t still_us = now_us - w->served_us;
	unsigned i;

	if (w->served_us != 0 && still_us >= FALL_BEHIND)
		for (i = 0; i < w->queue.count; i++)
			queue_at(&w->queue, i)->give_up_us += still_us;
	w->served_us = now_us;
}

/*
 * A client that waits for its own transfers does not keep others waiting, and
 * is only looked at again when one has ended.
 */
void
waiting_serve(struct waiting *w)
{
	struct round n = { .now_us = clock_mono_us() };

	tell_turned_away(w, n.now_us);
	w->is_behind = false;
	if (w->queue.count == 0) {
		w->is_long = w->is_silent = false;
		w->served_us = 0;
		queue_tidy(&w->queue);
		return;
	}
	forgive_standstill(w, n.now_us);
	/* of other dispatchers' transfers nobody tells when they end */
	n.has_end = w->children->strangers != 0 ||
	    w->ends_seen != w->children->ends;
	n.is_look = n.now_us - w->looked_us >= LOOK_SPAN;
	if (n.is_look)
		look_who_is_there(w, n.now_us);
	serve_in_order(w, &n);
	if (!w->is_behind)
		w->ends_seen = w->children->ends;
	/* nobody may call us before somebody waits again: no standstill */
	if (w->queue.count == 0)
		w->served_us = 0;
	if (n.is_full && n.is_look)
		children_make_room(w->children, count_for_room(w), w->urgent,
		    n.now_us, NULL);
}

uint64_t
waiting_serve_at(const struct waiting *w)
{
	if (w->queue.count != 0)
		return w->is_behind ? 0 : w->looked_us + LOOK_SPAN;
	return w->turned_away != w->turned_told ? w->told_us + TELL_SPAN :
	    UINT64_MAX;
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
