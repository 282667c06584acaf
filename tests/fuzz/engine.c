/*
 * engine - a transfer whose peer, network, disk and clock do what the input
 * says, one event after the other.  What must hold after each of them is
 * tests/sim/watch.c's, and a little more.
 *
 * An input is a setup and then events: a byte that says which, and its
 * arguments; make-corpus.py writes some.  When the script is over the peer is
 * silent, and the transfer has to end by itself.
 */
#include "../sim/world.h"
#include "fuzz.h"

#define TID		1
#define TURNS_MAX	200	/* of the timer, in one wait */
#define DRAIN_MAX	1000000
#define SPACING_US	50000	/* between answers to a repeated request */
#define US_A_SECOND	1000000
#define LATE_US		US_A_SECOND	/* by which an end may be late */
#define WIDE		64	/* a window that takes long to send, */
#define WIDE_TURNS	100	/* and how long its silence is waited for */
#define SPARE_TURNS	16	/* of the timer, besides one in a second */
#define RUN_MAX		70	/* packets of one event */
#define RAW_MAX		32
#define TEXT_MAX	600
#define LATE_BLOCKS	40	/* from where a late script begins to the end */

struct run {
	struct world w;
	struct plan plan;
	struct fuzz_input in;
	struct datagram *last;	/* the packet that was fed last, or NULL */
	bool stores_later;	/* ENGINE_STORE waits for an event */
	bool is_storing;
	bool is_whole;		/* ENGINE_STORE has come */
	bool has_gap;		/* a gap was told, ... */
	uint64_t gap_at;	/* ... before this block */
};

/* Too large for a stack under ASan, and cleared for each input. */
static struct run run;

/* ---- the transfer's process, as in tests/sim/server.c ----------------- */

static void
ended(struct run *r, enum outcome outcome, const char *text)
{
	struct server *s = &r->w.server;

	watch_before(&r->w, CAUSE_END, NULL);
	engine_end(&s->engine, s->now_us, outcome, PACKET_ERR_UNDEFINED, text);
	watch_after(&r->w);
}

static void
stored(struct run *r)
{
	struct server *s = &r->w.server;

	r->is_storing = false;
	if (engine_is_over(&s->engine))
		return;
	if (disk_store(&r->w.disk) != 0) {
		ended(r, OUTCOME_FAILED, "store the file");
		return;
	}
	watch_before(&r->w, CAUSE_STORED, NULL);
	engine_on_stored(&s->engine, s->now_us);
	watch_after(&r->w);
}

/* The number on the wire, counted in the plainest way. */
static uint16_t
wire_block(const struct run *r, uint64_t index)
{
	if (r->plan.rollover == 1 && index != 0)
		return (uint16_t)((index - 1) % 65535 + 1);
	return (uint16_t)(index % 65536);
}

static void
send_blocks(struct run *r, const struct engine_action *act)
{
	struct engine *e = &r->w.server.engine;
	struct disk_blocks made;
	int err = disk_read(&r->w.disk, act->first, act->count, &made);

	if (err != 0) {
		engine_not_sent(e, act);
		ended(r, OUTCOME_FAILED, "reading the file");
		return;
	}
	if (made.is_end)
		engine_set_end(e, act->first + made.count - 1, made.last_len);
	FUZZ_HOLDS(act->resent <= act->count, "no more is resent than sent");
	FUZZ_HOLDS(engine_block(e, act->first) == wire_block(r, act->first) &&
	    engine_block(e, act->first + act->count) ==
	    wire_block(r, act->first + act->count), "numbers roll over");
	/* watch_data() for each */
	r->w.watch.t.sent_packets += made.count;
	r->w.watch.t.sent_data += made.count;
}

static void
send_packet(struct run *r, const struct engine_action *act)
{
	const struct engine *e = &r->w.server.engine;
	struct packet pkt;

	if (act->pkt == e->granted.oack) {
		FUZZ_HOLDS(act->pkt_len == e->granted.oack_len &&
		    e->acked == 0 && e->expected == 1 && !e->heard,
		    "the OACK is the first reply");
		return;
	}
	FUZZ_HOLDS(packet_decode(act->pkt, act->pkt_len, &pkt) &&
	    pkt.op != PACKET_DATA, "it is an ACK or an ERROR");
	if (pkt.op == PACKET_ACK)
		FUZZ_HOLDS(r->plan.op == PACKET_WRQ &&
		    act->pkt_len == PACKET_ACK_LEN &&
		    pkt.block == wire_block(r, e->expected - 1),
		    "an ACK is for what came last in order");
	else
		FUZZ_HOLDS(e->has_error && !e->error_by_client &&
		    act->pkt[act->pkt_len - 1] == '\0' &&
		    fuzz_same(pkt.text, e->error_text, e->error_text_len),
		    "an ERROR is kept as it is sent");
}

static uint64_t
patience_us(const struct plan *p)
{
	uint64_t agreed_us = 5000ULL * p->timeout_ms;
	uint64_t give_up_us = 1000ULL * p->give_up_ms;

	return agreed_us > give_up_us ? agreed_us : give_up_us;
}

/* Its patience is over, and not for long. */
static void
check_end(const struct run *r)
{
	const struct world *w = &r->w;
	const struct watch_transfer *t = &w->watch.t;

	if (t->cause != CAUSE_TIMER || !w->server.engine.heard)
		return;
	FUZZ_HOLDS(w->server.now_us <= t->news_us + patience_us(&r->plan) +
	    LATE_US + w->watch.slack_us, "silence ends it in time");
}

static void
check_write(const struct run *r, const struct engine_action *act)
{
	FUZZ_HOLDS(act->data.len != 0 && act->data.len <= r->plan.blksize,
	    "no block is longer than agreed on");
	FUZZ_HOLDS(!r->is_whole, "nothing is written after the last block");
}

static void
perform(struct run *r, const struct engine_action *act)
{
	switch (act->kind) {
	case ENGINE_SEND_BLOCKS:
		send_blocks(r, act);
		break;
	case ENGINE_SEND_PACKET:
		send_packet(r, act);
		break;
	case ENGINE_WRITE:
		check_write(r, act);
		if (disk_write(&r->w.disk, act->data.buf,
		    act->data.len) != 0)
			ended(r, OUTCOME_FAILED, "write: no space left");
		break;
	case ENGINE_STORE:
		FUZZ_HOLDS(!r->is_whole, "a file is stored once");
		r->is_storing = r->is_whole = true;
		if (!r->stores_later)
			stored(r);
		break;
	case ENGINE_FINISH:
		check_end(r);
		break;
	}
}

static void
check(const struct run *r)
{
	const struct engine *e = &r->w.server.engine;
	uint32_t expects = engine_expects(e);

	if (r->w.broken != NULL)
		fuzz_broken(r->w.broken, (int)r->in.left, r->w.why);
	FUZZ_HOLDS(expects >= 1 && expects <= e->granted.windowsize,
	    "a window is expected at most");
	FUZZ_HOLDS(e->acked <= e->sent && e->next <= e->sent + 1,
	    "what is acknowledged was sent");
	FUZZ_HOLDS(e->acked < e->next || e->state == ENGINE_OVER,
	    "what comes next is not acknowledged");
	FUZZ_HOLDS(e->error_text_len <= sizeof(e->error_text) &&
	    e->excused_acks <= e->granted.windowsize &&
	    e->in_window <= e->granted.windowsize, "counters keep to bounds");
	FUZZ_HOLDS(e->pace.burst >= 1 &&
	    e->pace.burst <= e->granted.windowsize, "a burst is in a window");
	FUZZ_HOLDS(r->plan.op == PACKET_RRQ || e->counts.bytes ==
	    r->w.disk.written || e->outcome == OUTCOME_FAILED,
	    "what was received was written");
	FUZZ_HOLDS(r->plan.op == PACKET_WRQ || r->plan.windowsize > 1 ||
	    e->counts.gaps == 0, "lock-step never goes back");
}

/* A gap in an upload is told once, until it is filled. */
static void
check_gap(struct run *r)
{
	const struct engine *e = &r->w.server.engine;

	if (r->plan.op == PACKET_RRQ ||
	    e->counts.gaps == r->w.watch.t.before.gaps)
		return;
	FUZZ_HOLDS(!r->has_gap || r->gap_at != e->expected,
	    "a gap is told once");
	r->has_gap = true;
	r->gap_at = e->expected;
}

static void
perform_all(struct run *r)
{
	struct engine_action act;

	while (engine_next(&r->w.server.engine, &act)) {
		watch_action(&r->w, &act);
		perform(r, &act);
	}
	check(r);
}

static void
ask_timer(struct run *r)
{
	struct server *s = &r->w.server;

	watch_before(&r->w, CAUSE_TIMER, NULL);
	engine_on_timer(&s->engine, s->now_us);
	watch_after(&r->w);
	perform_all(r);
}

static bool
is_over(const struct run *r)
{
	return engine_is_over(&r->w.server.engine);
}

/* While the file is being stored nobody's patience counts. */
static void
pass_time(struct run *r, uint64_t us)
{
	if (r->is_storing)
		r->w.watch.slack_us += us;
	r->w.server.now_us += us;
	r->w.now_us = r->w.server.now_us;
}

static void
wait_deadline(struct run *r)
{
	uint64_t due_us = engine_deadline(&r->w.server.engine);

	if (due_us != ENGINE_NEVER && due_us > r->w.server.now_us)
		pass_time(r, due_us - r->w.server.now_us);
}

/* Wait, with the timer coming when it is due. */
static void
wait_for(struct run *r, uint64_t us)
{
	struct server *s = &r->w.server;
	uint64_t until_us = s->now_us + us, due_us;
	int i;

	for (i = 0; i < TURNS_MAX && !is_over(r); i++) {
		due_us = engine_deadline(&s->engine);
		if (due_us > until_us)
			break;
		if (due_us > s->now_us)
			pass_time(r, due_us - s->now_us);
		ask_timer(r);
	}
	if (i < TURNS_MAX && until_us > s->now_us)
		pass_time(r, until_us - s->now_us);
}

/* ---- packets ---------------------------------------------------------- */

static void
feed(struct run *r, struct datagram *gram)
{
	struct world *w = &r->w;

	if (gram != r->last) {
		net_release(r->last);
		r->last = gram;
	}
	world_trace(w, "fed     %zu bytes, opcode %u, block %u", gram->len,
	    gram->len > 1 ? gram->buf[1] : 0u,
	    gram->len > 3 ? (unsigned)(gram->buf[2] << 8 | gram->buf[3]) : 0);
	watch_before(w, CAUSE_PACKET, gram);
	engine_on_packet(&w->server.engine, w->server.now_us, gram->buf,
	    gram->len);
	watch_after(w);
	check_gap(r);
	perform_all(r);
	w->watch.t.fed = NULL;
}

static void
feed_bytes(struct run *r, struct packet_slice bytes)
{
	struct datagram *gram = net_datagram(bytes.len);

	if (bytes.len != 0)
		memcpy(gram->buf, bytes.buf, bytes.len);
	/* it may pass for a block, with other bytes than the file's */
	r->w.is_tainted |= r->plan.op == PACKET_WRQ && bytes.len > 1 &&
	    bytes.buf[1] == PACKET_DATA;
	feed(r, gram);
}

static void
feed_ack(struct run *r, uint16_t block)
{
	struct datagram *gram = net_datagram(PACKET_ACK_LEN);

	packet_put_ack(gram->buf, block);
	feed(r, gram);
}

/* The block with that index, of the file's own bytes. */
static void
feed_data(struct run *r, uint64_t index)
{
	const struct plan *p = &r->plan;
	uint64_t last = plan_last(p);
	size_t len = index < last ? p->blksize :
	    (size_t)(p->size % p->blksize);
	struct datagram *gram;

	if (index == 0 || index > last)
		return;
	gram = net_datagram(PACKET_HEADER_LEN + len);
	packet_put_data(gram->buf, wire_block(r, index));
	disk_fill(p->seed, (index - 1) * p->blksize,
	    gram->buf + PACKET_HEADER_LEN, len);
	feed(r, gram);
}

/* The window arrives, with all its pauses, and is acknowledged. */
static void
feed_window_end(struct run *r)
{
	const struct engine *e = &r->w.server.engine;

	while (e->next <= e->window_end && !is_over(r)) {
		wait_deadline(r);
		ask_timer(r);
	}
	if (!is_over(r))
		feed_ack(r, wire_block(r, e->next - 1));
}

/* What a good peer says now. */
static void
feed_right(struct run *r)
{
	const struct engine *e = &r->w.server.engine;

	if (r->plan.op == PACKET_WRQ)
		feed_data(r, e->expected);
	else if (e->state == ENGINE_OACK)
		feed_ack(r, 0);
	else
		feed_window_end(r);
}

/* Any number, and bytes behind it, as an echo of our own DATA has them. */
static void
feed_number(struct run *r)
{
	uint16_t block = fuzz_u16(&r->in);
	size_t more = fuzz_u8(&r->in);
	struct datagram *gram = net_datagram(PACKET_ACK_LEN + more);

	packet_put_ack(gram->buf, block);
	feed(r, gram);
}

/* As far from what is expected as the next byte says. */
static void
feed_near(struct run *r)
{
	const struct engine *e = &r->w.server.engine;
	int8_t off = (int8_t)fuzz_u8(&r->in);

	if (r->plan.op == PACKET_WRQ)
		feed_data(r, e->expected + (uint64_t)off);
	else
		feed_ack(r, wire_block(r, e->acked + (uint64_t)off));
}

/* A whole window, perhaps without one of its packets. */
static void
feed_run(struct run *r)
{
	const struct engine *e = &r->w.server.engine;
	uint64_t first = r->plan.op == PACKET_WRQ ? e->expected : e->acked + 1;
	unsigned count = fuzz_u8(&r->in) % RUN_MAX, without, i;

	without = fuzz_u8(&r->in);
	for (i = 0; i < count && !is_over(r); i++) {
		if (i == without)
			continue;
		if (r->plan.op == PACKET_WRQ)
			feed_data(r, first + i);
		else
			feed_ack(r, wire_block(r, first + i));
	}
}

/* A block of the right number and any length. */
static void
feed_odd(struct run *r)
{
	const struct engine *e = &r->w.server.engine;
	size_t len = fuzz_u16(&r->in) % (r->plan.blksize + 9u);
	struct datagram *gram = net_datagram(PACKET_HEADER_LEN + len);

	packet_put_data(gram->buf, wire_block(r, e->expected));
	memset(gram->buf + PACKET_HEADER_LEN, 0x5a, len);
	r->w.is_tainted |= r->plan.op == PACKET_WRQ;
	feed(r, gram);
}

static void
feed_error(struct run *r)
{
	uint16_t code = fuzz_u16(&r->in);
	size_t len = fuzz_u16(&r->in) % TEXT_MAX;
	struct datagram *gram = net_datagram(PACKET_HEADER_LEN + len);

	packet_put_ack(gram->buf, code);
	gram->buf[1] = PACKET_ERROR;
	memset(gram->buf + PACKET_HEADER_LEN, 'x', len);
	feed(r, gram);
}

static void
feed_again(struct run *r)
{
	unsigned count = fuzz_u8(&r->in) % RUN_MAX + 1;

	while (r->last != NULL && count-- > 0 && !is_over(r))
		feed(r, r->last);
}

/* ---- the script ------------------------------------------------------- */

enum event_of_script {
	DO_RIGHT, DO_NEAR, DO_RUN, DO_ODD, DO_NUMBER, DO_ERROR, DO_RAW,
	DO_AGAIN, DO_REPEAT, DO_REFUSED, DO_DEADLINE, DO_WAIT, DO_SLEEP,
	DO_STORED, DO_EARLY, DO_END,
	DO_COUNT
};

#define BATCH_BIT	0x80

static void
repeated(struct run *r)
{
	struct server *s = &r->w.server;
	uint64_t last_us = s->engine.first_reply_us;

	watch_before(&r->w, CAUSE_REPEAT, NULL);
	engine_on_repeat(&s->engine, s->now_us);
	watch_after(&r->w);
	FUZZ_HOLDS(s->now_us - last_us >= SPACING_US ||
	    s->engine.first_replies == 0 ||
	    s->engine.first_reply_us == last_us,
	    "copies of a request in a row get one answer");
	perform_all(r);
}

static void
refused(struct run *r)
{
	struct server *s = &r->w.server;

	watch_before(&r->w, CAUSE_REFUSED, NULL);
	engine_on_refused(&s->engine, s->now_us);
	watch_after(&r->w);
	perform_all(r);
}

/* 1 us to 2 minutes; a byte chooses. */
static uint64_t
take_time_us(struct run *r)
{
	uint8_t byte = fuzz_u8(&r->in);

	return (uint64_t)(4 + (byte & 3)) << (byte >> 2) % 25 >> 2;
}

static void
sleep_for(struct run *r, uint64_t us)
{
	pass_time(r, us);
	r->w.watch.slack_us += us;
}

static void
end_it(struct run *r)
{
	ended(r, OUTCOME_SHUTDOWN, fuzz_u8(&r->in) & 1 ?
	    "Server is shutting down" : NULL);
	perform_all(r);
}

static void
finish_storing(struct run *r)
{
	if (r->is_storing)
		stored(r);
	else
		r->stores_later = !r->stores_later;
	perform_all(r);
}

static void
step(struct run *r)
{
	uint8_t byte = fuzz_u8(&r->in);

	world_trace(&r->w, "event   %u", byte);
	switch ((enum event_of_script)((byte & ~BATCH_BIT) % DO_COUNT)) {
	case DO_RIGHT: feed_right(r); break;
	case DO_NEAR: feed_near(r); break;
	case DO_RUN: feed_run(r); break;
	case DO_ODD: feed_odd(r); break;
	case DO_NUMBER: feed_number(r); break;
	case DO_ERROR: feed_error(r); break;
	case DO_RAW: feed_bytes(r, fuzz_take(&r->in,
	    fuzz_u8(&r->in) % RAW_MAX)); break;
	case DO_AGAIN: feed_again(r); break;
	case DO_REPEAT: repeated(r); break;
	case DO_REFUSED: refused(r); break;
	case DO_DEADLINE: wait_deadline(r); break;
	case DO_WAIT: wait_for(r, take_time_us(r)); break;
	case DO_SLEEP: sleep_for(r, take_time_us(r)); break;
	case DO_STORED: finish_storing(r); break;
	case DO_EARLY: break;
	case DO_END: end_it(r); break;
	case DO_COUNT: break;
	}
	/* transfer.c asks the timer after each batch of packets */
	if ((byte & BATCH_BIT) == 0 && !is_over(r))
		ask_timer(r);
}

/* ---- the setup -------------------------------------------------------- */

#define PICK(table, byte)	(table)[(byte) % (sizeof(table) /	   \
				sizeof((table)[0]))]

static void
take_plan(struct plan *p, struct fuzz_input *in)
{
	static const uint16_t blksizes[] = { 8, 8, 16, 512, 1428, 65464 };
	static const uint16_t windows[] = { 1, 1, 2, 3, 4, 5, 8, 16, 17, 33,
		64, 255, 1024, 32768, 65535 };
	static const uint32_t timeouts_ms[] = { 0, 0, 10, 200, 1000, 8000,
		255000 };
	static const uint32_t give_up_ms[] = { 1000, 5000, 2000, 30000 };
	static const uint32_t first_ms[] = { 500, 10, 100, 5000, 255000 };
	uint8_t how = fuzz_u8(in);

	plan_init(p, how & 1 ? PACKET_WRQ : PACKET_RRQ, 0);
	p->oack = (how & 2) == 0;
	p->size_known = (how & 4) == 0 || p->op == PACKET_WRQ;
	p->adaptive = (how & 8) == 0;
	p->give_up_ms = PICK(give_up_ms, how >> 4);
	p->first_timeout_ms = PICK(first_ms, fuzz_u8(in));
	if (p->oack) {
		p->blksize = PICK(blksizes, fuzz_u8(in));
		p->windowsize = PICK(windows, fuzz_u8(in));
		p->timeout_ms = PICK(timeouts_ms, fuzz_u8(in));
		p->rollover = fuzz_u8(in) & 1;
	}
	if (p->windowsize > OPTIONS_WINDOW_BYTES / p->blksize)
		p->windowsize = (uint16_t)(OPTIONS_WINDOW_BYTES / p->blksize);
	if (p->windowsize > WIDE)
		p->give_up_ms = give_up_ms[0];
	p->size = (uint64_t)fuzz_u8(in) * p->blksize * p->windowsize +
	    fuzz_u16(in);
	p->disk = (enum plan_disk)(fuzz_u8(in) % 12);
	if (p->disk > DISK_STORE_FAILS)
		p->disk = DISK_SOUND;
	p->disk_at = fuzz_u16(in);
}

/* As in tests/sim/server.c: that options fit is for other tests. */
static void
grant(const struct plan *p, struct options_granted *g)
{
	static const uint8_t oack[] = "\0\6blksize\0001";

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
start(struct run *r)
{
	struct plan *p = &r->plan;
	struct server *s = &r->w.server;
	struct engine_setup setup = {
		.op = p->op,
		.granted = &s->granted,
		.size = p->op == PACKET_RRQ && p->size_known ? p->size :
		    ENGINE_UNKNOWN,
		.give_up_ms = p->give_up_ms,
		.first_timeout_ms = p->first_timeout_ms,
		.adaptive = p->adaptive,
	};

	p->shutdown_us = 1;	/* it may come: DO_END */
	r->w.plan = p;
	r->w.is_traced = getenv("FUZZ_TRACE") != NULL;
	r->w.now_us = s->now_us = WORLD_BIRTH_US;
	s->tid = r->w.client.whole_tid = TID;
	disk_init(&r->w.disk, p, &r->w.rng);
	grant(p, &s->granted);
	engine_init(&s->engine, &setup);
	watch_begin(&r->w);
	watch_before(&r->w, CAUSE_START, NULL);
	engine_start(&s->engine, s->now_us);
	watch_after(&r->w);
	perform_all(r);
}

/* ---- a script that begins late, where numbers are about to roll over -- */

static const struct {
	uint64_t base;
	uint16_t windowsize;
} lates[] = { { 65520, 1 }, { 65520, 4 }, { 131060, 2 }, { 131060, 33 } };

#define LATE_COUNT	(2 * 2 * 4)

static void
plan_late(struct plan *p, unsigned which)
{
	plan_init(p, which & 1 ? PACKET_WRQ : PACKET_RRQ, 0);
	p->oack = true;
	p->blksize = 8;
	p->rollover = which >> 1 & 1;
	p->windowsize = lates[which >> 2].windowsize;
	p->size = (lates[which >> 2].base + LATE_BLOCKS) * p->blksize + 3;
}

/*
 * All that a good peer does until then, once for each kind: the state is kept
 * and used again.  Its pointers are to run itself, where it is put back.
 */
static void
start_late(unsigned which)
{
	static struct run *kept[LATE_COUNT];
	const struct engine *e = &run.w.server.engine;
	struct fuzz_input in = run.in;

	if (kept[which] == NULL) {
		plan_late(&run.plan, which);
		start(&run);
		while (e->acked + e->expected < lates[which >> 2].base) {
			pass_time(&run, 100);
			feed_right(&run);
		}
		net_release(run.last);
		run.last = NULL;
		kept[which] = malloc(sizeof(run));
		if (kept[which] == NULL)
			abort();
		*kept[which] = run;
	}
	run = *kept[which];
	run.w.is_traced = getenv("FUZZ_TRACE") != NULL;
	run.in = in;
}

/* Nobody says anything any more. */
static void
drain(struct run *r)
{
	const struct engine *e = &r->w.server.engine;
	uint64_t timeouts = e->counts.timeouts;
	unsigned i;

	for (i = 0; i < DRAIN_MAX && !is_over(r); i++) {
		if (r->is_storing)
			finish_storing(r);
		wait_deadline(r);
		ask_timer(r);
		if (r->plan.windowsize > WIDE && i == WIDE_TURNS)
			end_it(r);
	}
	FUZZ_HOLDS(is_over(r), "it ends by itself");
	FUZZ_HOLDS(engine_deadline(e) == ENGINE_NEVER,
	    "no timer is armed after the end");
	FUZZ_HOLDS(e->counts.timeouts - timeouts <=
	    patience_us(&r->plan) / US_A_SECOND + SPARE_TURNS,
	    "who is silent is left alone");
	watch_end(&r->w);
	check(r);
}

/* Whatever comes to one that has ended, nothing is done or counted. */
static void
check_dead(struct run *r)
{
	struct engine *e = &r->w.server.engine;
	struct engine_counts before = e->counts;
	enum outcome outcome = e->outcome;
	uint64_t now_us = r->w.server.now_us + 1;

	if (r->last != NULL)
		engine_on_packet(e, now_us, r->last->buf, r->last->len);
	engine_on_repeat(e, now_us);
	engine_on_stored(e, now_us);
	engine_on_refused(e, now_us);
	engine_on_timer(e, ENGINE_NEVER);
	engine_end(e, now_us, OUTCOME_FAILED, PACKET_ERR_UNDEFINED, "late");
	FUZZ_HOLDS(is_over(r) && e->outcome == outcome &&
	    memcmp(&before, &e->counts, sizeof(before)) == 0,
	    "the dead do nothing");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t late;

	memset(&run, 0, sizeof(run));
	run.in = (struct fuzz_input){ data, size };
	late = fuzz_u8(&run.in);
	if (late >= LATE_COUNT) {
		take_plan(&run.plan, &run.in);
		start(&run);
	} else {
		start_late(late);
	}
	while (run.in.left != 0 && !is_over(&run))
		step(&run);
	drain(&run);
	check_dead(&run);
	net_release(run.last);
	return 0;
}
