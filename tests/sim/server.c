#include <errno.h>
#include <string.h>

#include "world.h"

#define BATCH		64	/* datagrams between two looks at the clock */
#define HEARD_LATELY_US	1000000	/* a repeat is then a late copy */

/* ---- the engine's actions --------------------------------------------- */

static void
use_disk(struct world *w)
{
	uint64_t delay_us = disk_delay_us(&w->disk);

	if (delay_us != 0)
		world_trace(w, "disk    takes %llu us",
		    (unsigned long long)delay_us);
	w->server.now_us += delay_us;
	w->watch.slack_us += delay_us;
}

static void
end(struct world *w, enum outcome outcome, const char *text)
{
	struct server *s = &w->server;

	watch_before(w, CAUSE_END, NULL);
	engine_end(&s->engine, s->now_us, outcome, PACKET_ERR_UNDEFINED, text);
	watch_after(w);
}

static void
give_up(struct world *w, const char *text)
{
	end(w, OUTCOME_FAILED, text);
}

static void
send_datagram(struct world *w, const uint8_t *buf, size_t len,
    uint64_t index)
{
	struct datagram *gram = net_datagram(len);

	gram->tid = w->server.tid;
	gram->index = index;
	memcpy(gram->buf, buf, len);
	net_send(w, TO_CLIENT, w->server.now_us, gram);
}

static void
send_block(struct world *w, uint64_t index, size_t data_len)
{
	struct server *s = &w->server;
	struct datagram *gram = net_datagram(PACKET_HEADER_LEN + data_len);

	gram->tid = s->tid;
	gram->index = index;
	packet_put_data(gram->buf, engine_block(&s->engine, index));
	disk_fill(w->plan->seed, (index - 1) * w->plan->blksize,
	    gram->buf + PACKET_HEADER_LEN, data_len);
	watch_data(w);
	net_send(w, TO_CLIENT, s->now_us, gram);
}

static void
send_blocks(struct world *w, const struct engine_action *act)
{
	struct server *s = &w->server;
	struct disk_blocks made;
	uint32_t i;
	int err;

	use_disk(w);
	err = disk_read(&w->disk, act->first, act->count, &made);
	if (err != 0) {
		engine_not_sent(&s->engine, act);
		give_up(w, err == -ENODATA ? "the file became shorter" :
		    "reading the file");
		return;
	}
	if (made.is_end)
		engine_set_end(&s->engine, act->first + made.count - 1,
		    made.last_len);
	world_trace(w, "server  DATA %llu..%llu",
	    (unsigned long long)act->first,
	    (unsigned long long)act->first + made.count - 1);
	for (i = 0; i < made.count; i++)
		send_block(w, act->first + i, i + 1 == made.count ?
		    made.last_len : w->plan->blksize);
}

static void
send_packet(struct world *w, const struct engine_action *act)
{
	static const char *const names[] = { "ACK", "ERROR", "OACK" };
	uint64_t index = 0;

	if (act->pkt[1] == PACKET_ACK)
		index = w->server.engine.expected - 1;
	world_trace(w, "server  %s %llu", names[act->pkt[1] - PACKET_ACK],
	    (unsigned long long)index);
	send_datagram(w, act->pkt, act->pkt_len, index);
}

static void
write_data(struct world *w, const struct engine_action *act)
{
	use_disk(w);
	if (disk_write(&w->disk, act->data.buf, act->data.len) != 0)
		give_up(w, "write: no space left on device");
}

static void
store(struct world *w)
{
	struct server *s = &w->server;

	use_disk(w);
	if (disk_store(&w->disk) != 0) {
		give_up(w, "store the file");
		return;
	}
	watch_before(w, CAUSE_STORED, NULL);
	engine_on_stored(&s->engine, s->now_us);
	watch_after(w);
}

static void
perform_all(struct world *w)
{
	struct engine_action act;

	while (engine_next(&w->server.engine, &act)) {
		watch_action(w, &act);
		switch (act.kind) {
		case ENGINE_SEND_BLOCKS: send_blocks(w, &act); break;
		case ENGINE_SEND_PACKET: send_packet(w, &act); break;
		case ENGINE_WRITE: write_data(w, &act); break;
		case ENGINE_STORE: store(w); break;
		case ENGINE_FINISH:
			world_trace(w, "server  ends: %s",
			    outcome_name(w->server.engine.outcome));
			break;
		}
	}
}

static void
leave_if_over(struct world *w)
{
	struct server *s = &w->server;

	s->busy_us = s->now_us;
	if (!engine_is_over(&s->engine))
		return;
	watch_end(w);
	s->is_live = false;
}

/* ---- the dispatcher --------------------------------------------------- */

/* What was granted: that options fit is for other tests. */
static void
grant(const struct plan *p, struct options_granted *g)
{
	static const uint8_t oack[] = "\0\6blksize\0001";

	memset(g, 0, sizeof(*g));
	g->blksize = p->blksize;
	g->windowsize = p->windowsize;
	g->timeout_ms = p->timeout_ms;
	g->rollover = p->rollover;
	if (!p->oack)
		return;
	memcpy(g->oack, oack, sizeof(oack));
	g->oack_len = sizeof(oack);
}

static void
start(struct world *w)
{
	const struct plan *p = w->plan;
	struct server *s = &w->server;
	struct engine_setup setup = {
		.op = p->op,
		.granted = &s->granted,
		.size = p->op == PACKET_RRQ && p->size_known ? p->size :
		    ENGINE_UNKNOWN,
		.give_up_ms = p->give_up_ms,
		.first_timeout_ms = p->first_timeout_ms,
		.adaptive = p->adaptive,
	};

	server_clean(w);
	s->tid++;
	s->is_live = true;
	s->is_refused = s->is_repeated = s->is_replaced = false;
	s->now_us = w->now_us > s->busy_us ? w->now_us : s->busy_us;
	s->seen_us = 0;
	disk_init(&w->disk, p, &w->rng);
	grant(p, &s->granted);
	engine_init(&s->engine, &setup);
	watch_begin(w);
	watch_before(w, CAUSE_START, NULL);
	engine_start(&s->engine, s->now_us);
	watch_after(w);
	perform_all(w);
	leave_if_over(w);
}

void
server_request(struct world *w)
{
	struct server *s = &w->server;

	if (s->is_closed || (!s->is_live && s->tid >= SERVER_LIVES)) {
		world_trace(w, "server  lets a request pass");
		return;
	}
	world_trace(w, "server  has a request");
	if (!s->is_live)
		start(w);
	else if (!s->engine.heard)
		s->is_repeated = true;
	else if (w->now_us > s->engine.heard_us + HEARD_LATELY_US)
		s->is_replaced = true;
}

/* ---- the transfer ----------------------------------------------------- */

void
server_arrive(struct world *w, struct datagram *gram)
{
	struct server *s = &w->server;

	if (!s->is_live || gram->tid != s->tid || gram->is_foreign ||
	    s->queued == SERVER_SOCKET) {
		net_release(gram);
		return;
	}
	s->queue[(s->head + s->queued++) % SERVER_SOCKET] = gram;
}

void
server_refused(struct world *w, uint32_t tid)
{
	if (w->server.is_live && w->server.tid == tid)
		w->server.is_refused = true;
}

void
server_sleep(struct world *w, uint64_t us)
{
	struct server *s = &w->server;

	if (s->busy_us < w->now_us + us)
		s->busy_us = w->now_us + us;
	w->watch.slack_us += us;
	world_trace(w, "server  sleeps for %llu us", (unsigned long long)us);
}

void
server_stop(struct world *w)
{
	w->server.is_closed = true;
	w->server.is_stopped = w->server.is_live;
}

static bool
has_input(const struct server *s)
{
	return s->queued != 0 || s->is_refused || s->is_repeated ||
	    s->is_replaced || s->is_stopped;
}

/* Waiting takes a little longer than was asked for. */
static uint64_t
wake_us(struct world *w)
{
	struct server *s = &w->server;
	uint64_t deadline_us = engine_deadline(&s->engine);

	if (deadline_us == ENGINE_NEVER)
		return WORLD_NEVER;
	if (deadline_us != s->seen_us) {
		s->seen_us = deadline_us;
		s->late_us = w->plan->late_us == 0 ? 0 :
		    rng_below(&w->rng, w->plan->late_us);
	}
	return deadline_us + s->late_us;
}

uint64_t
server_due(struct world *w)
{
	struct server *s = &w->server;
	uint64_t at_us;

	if (!s->is_live)
		return WORLD_NEVER;
	at_us = has_input(s) ? w->now_us : wake_us(w);
	if (at_us < s->busy_us)
		at_us = s->busy_us;
	return at_us > w->now_us ? at_us : w->now_us;
}

static void
take_packet(struct world *w)
{
	struct server *s = &w->server;
	struct datagram *gram = s->queue[s->head];

	s->head = (s->head + 1) % SERVER_SOCKET;
	s->queued--;
	w->is_tainted |= gram->is_evil;
	world_trace(w, "server  gets %zu bytes: %llu", gram->len,
	    (unsigned long long)gram->index);
	watch_before(w, CAUSE_PACKET, gram);
	engine_on_packet(&s->engine, s->now_us, gram->buf, gram->len);
	watch_after(w);
	perform_all(w);
	w->watch.t.fed = NULL;
	net_release(gram);
}

static void
take_packets(struct world *w)
{
	struct server *s = &w->server;
	int i;

	for (i = 0; i < BATCH && s->queued != 0 &&
	    !engine_is_over(&s->engine); i++)
		take_packet(w);
	if (!s->is_refused || i == BATCH)
		return;
	s->is_refused = false;
	world_trace(w, "server  is refused");
	watch_before(w, CAUSE_REFUSED, NULL);
	engine_on_refused(&s->engine, s->now_us);
	watch_after(w);
	perform_all(w);
}

static void
take_words(struct world *w)
{
	struct server *s = &w->server;

	if (s->is_repeated) {
		watch_before(w, CAUSE_REPEAT, NULL);
		engine_on_repeat(&s->engine, s->now_us);
		watch_after(w);
	}
	if (s->is_replaced)
		end(w, OUTCOME_VANISHED, NULL);
	if (s->is_stopped)
		end(w, OUTCOME_SHUTDOWN, "Server is shutting down");
	s->is_repeated = s->is_stopped = false;
	perform_all(w);
}

void
server_run(struct world *w)
{
	struct server *s = &w->server;
	bool again;

	s->now_us = w->now_us;
	take_packets(w);
	take_words(w);
	watch_before(w, CAUSE_TIMER, NULL);
	engine_on_timer(&s->engine, s->now_us);
	watch_after(w);
	perform_all(w);
	again = s->is_replaced;
	leave_if_over(w);
	if (again)
		server_request(w);
}

void
server_clean(struct world *w)
{
	struct server *s = &w->server;

	for (; s->queued != 0; s->queued--) {
		net_release(s->queue[s->head]);
		s->head = (s->head + 1) % SERVER_SOCKET;
	}
}
