#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define STEPS_MAX	40000000ULL
#define DAY_US		(86400ULL * 1000000)

double
world_seconds(uint64_t at_us)
{
	return (double)(at_us - WORLD_BIRTH_US) / 1e6;
}

void
world_trace(const struct world *w, const char *format, ...)
{
	va_list ap;

	if (!w->is_traced)
		return;
	printf("%12.6f  ", world_seconds(w->now_us));
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

void
world_break(struct world *w, const char *invariant, const char *format, ...)
{
	va_list ap;

	if (w->broken != NULL)
		return;
	w->broken = invariant;
	w->broken_us = w->now_us;
	va_start(ap, format);
	vsnprintf(w->why, sizeof(w->why), format, ap);
	va_end(ap);
	world_trace(w, "BROKEN  %s: %s", invariant, w->why);
}

/* ---- events ----------------------------------------------------------- */

static bool
is_sooner(const struct event *a, const struct event *b)
{
	if (a->at_us != b->at_us)
		return a->at_us < b->at_us;
	return a->order < b->order;
}

static void
make_room(struct world *w)
{
	size_t room = w->room == 0 ? 64 : 2 * w->room;

	if (w->events < w->room)
		return;
	w->heap = realloc(w->heap, room * sizeof(*w->heap));
	if (w->heap == NULL)
		abort();
	w->room = room;
}

void
world_schedule(struct world *w, uint64_t at_us, enum event_kind kind,
    struct datagram *gram, uint32_t tid)
{
	struct event event = { at_us, w->order++, kind, gram, tid };
	size_t at, parent;

	make_room(w);
	at = w->events++;
	while (at != 0) {
		parent = (at - 1) / 2;
		if (!is_sooner(&event, &w->heap[parent]))
			break;
		w->heap[at] = w->heap[parent];
		at = parent;
	}
	w->heap[at] = event;
}

static struct event
take_event(struct world *w)
{
	struct event first = w->heap[0], moved = w->heap[--w->events];
	size_t at = 0, child;

	for (;;) {
		child = 2 * at + 1;
		if (child >= w->events)
			break;
		if (child + 1 < w->events &&
		    is_sooner(&w->heap[child + 1], &w->heap[child]))
			child++;
		if (!is_sooner(&w->heap[child], &moved))
			break;
		w->heap[at] = w->heap[child];
		at = child;
	}
	w->heap[at] = moved;
	return first;
}

/* The server's host: a request goes to one port, the rest to another. */
static void
at_server(struct world *w, struct datagram *gram)
{
	if (gram->is_request)
		server_request(w);
	else if (!net_is_stale(w, TO_SERVER, gram)) {
		server_arrive(w, gram);
		return;
	}
	net_release(gram);
}

static void
at_client(struct world *w, struct datagram *gram)
{
	net_off_card(w);
	if (!net_is_stale(w, TO_CLIENT, gram))
		client_receive(w, gram);
	net_release(gram);
}

/* Somebody who has seen the transfer sends what could belong to it. */
static struct datagram *
strange_packet(struct world *w)
{
	struct datagram *gram = net_datagram(PACKET_HEADER_LEN +
	    rng_below(&w->rng, 9));
	uint64_t around = rng_below(&w->rng, 2ULL * w->plan->windowsize + 2);

	memset(gram->buf, 0, gram->len);
	gram->index = w->client.next;
	packet_put_ack(gram->buf, (uint16_t)(w->client.next + around -
	    w->plan->windowsize));
	gram->buf[1] = (uint8_t)rng_between(&w->rng, PACKET_DATA, PACKET_OACK);
	return gram;
}

static void
stranger(struct world *w)
{
	struct datagram *gram = strange_packet(w);
	bool to_client = rng_below(&w->rng, 2) == 0;
	bool is_forged = w->plan->foreign_is_forged;

	gram->is_evil = is_forged;
	gram->is_foreign = !is_forged;
	gram->tid = to_client && !is_forged ? UINT32_MAX : w->server.tid;
	/* an ERROR from the right address simply ends it */
	if (is_forged && gram->buf[1] == PACKET_ERROR)
		gram->buf[1] = PACKET_ACK;
	net_send(w, to_client ? TO_CLIENT : TO_SERVER, w->now_us, gram);
	world_schedule(w, w->now_us + w->plan->foreign_every_us,
	    EVENT_STRANGER, NULL, 0);
}

static void
happen(struct world *w)
{
	struct event event = take_event(w);

	w->now_us = event.at_us;
	switch (event.kind) {
	case EVENT_AT_SERVER: at_server(w, event.gram); break;
	case EVENT_AT_CARD: net_at_card(w, event.gram); break;
	case EVENT_AT_CLIENT: at_client(w, event.gram); break;
	case EVENT_REFUSED: server_refused(w, event.tid); break;
	case EVENT_STRANGER: stranger(w); break;
	case EVENT_SLEEP: server_sleep(w, w->plan->sleep_us); break;
	case EVENT_SHUTDOWN: server_stop(w); break;
	}
}

/* ---- the run ---------------------------------------------------------- */

static void
begin(struct world *w, const struct plan *plan, bool traced)
{
	memset(w, 0, sizeof(*w));
	w->plan = plan;
	w->rng.state = plan->seed ^ 0x5eedULL << 32;
	w->now_us = WORLD_BIRTH_US;
	w->is_traced = traced;
	disk_init(&w->disk, plan, &w->rng);
	if (plan->foreign_every_us != 0)
		world_schedule(w, WORLD_BIRTH_US + plan->foreign_every_us,
		    EVENT_STRANGER, NULL, 0);
	if (plan->sleep_us != 0)
		world_schedule(w, WORLD_BIRTH_US + plan->sleep_at_us,
		    EVENT_SLEEP, NULL, 0);
	if (plan->shutdown_us != 0)
		world_schedule(w, WORLD_BIRTH_US + plan->shutdown_us,
		    EVENT_SHUTDOWN, NULL, 0);
	client_start(w);
}

static bool
is_at_end(const struct world *w)
{
	return w->broken != NULL ||
	    (w->client.phase == CLIENT_OVER && !w->server.is_live);
}

/* The one that is due first; the heap before the server, the client last. */
static void
step(struct world *w)
{
	uint64_t event_us = w->events != 0 ? w->heap[0].at_us : WORLD_NEVER;
	uint64_t server_us = server_due(w), client_us = client_due(w);

	w->steps++;
	if (event_us <= server_us && event_us <= client_us) {
		if (event_us == WORLD_NEVER)
			world_break(w, "somebody-is-due",
			    "nothing will ever happen again");
		else
			happen(w);
	} else if (server_us <= client_us) {
		w->now_us = server_us;
		server_run(w);
	} else {
		w->now_us = client_us;
		client_timer(w);
	}
	if (w->steps > STEPS_MAX || w->now_us > WORLD_BIRTH_US + DAY_US)
		world_break(w, "ends-in-time", "it never ends");
}

static void
conclude(struct world *w, struct world_result *r)
{
	memset(r, 0, sizeof(*r));
	r->broken = w->broken;
	r->broken_us = w->broken_us;
	memcpy(r->why, w->why, sizeof(r->why));
	r->outcome = w->watch.first_outcome;
	r->counts = w->watch.first_counts;
	r->server_us = w->watch.first_end_us - WORLD_BIRTH_US;
	r->client_has_it = w->client.has_it;
	r->client_us = w->client.has_it_us - WORLD_BIRTH_US;
	r->end_us = w->now_us - WORLD_BIRTH_US;
	r->steps = w->steps;
	world_trace(w, "end     server %s, client %s",
	    outcome_name(r->outcome), r->client_has_it ? "has it" : "has not");
}

static void
clean(struct world *w)
{
	while (w->events != 0)
		net_release(take_event(w).gram);
	server_clean(w);
	net_clean(&w->net);
	free(w->heap);
}

void
world_run(const struct plan *plan, bool traced, struct world_result *result)
{
	struct world w;

	begin(&w, plan, traced);
	while (!is_at_end(&w))
		step(&w);
	watch_world(&w);
	conclude(&w, result);
	clean(&w);
}
