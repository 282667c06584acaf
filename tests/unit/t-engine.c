/*
 * The engine is fed packets and time by hand, and what it wants is kept in
 * a short trace: "3-6" for blocks, "a4" for an ACK, "o" for the OACK, "e2"
 * for an ERROR, "w5" for 5 bytes to write, "S" for store, "F" for finish.
 * One trace a step reads like the ladder diagrams in engine.c.
 */
#include <stdint.h>

#include "core/engine.h"
#include "t.h"

#define MS 1000ULL
#define S  1000000ULL

struct rig {
	struct engine e;
	struct options_granted granted;
	uint64_t now;
	char trace[256];
};

static void
note(struct rig *r, const char *text)
{
	size_t len = strlen(r->trace);

	snprintf(r->trace + len, sizeof(r->trace) - len, "%s%s",
	    len == 0 ? "" : " ", text);
}

static void
note_packet(struct rig *r, const struct engine_action *act)
{
	char text[32];
	unsigned block = (unsigned)(act->pkt[2] << 8 | act->pkt[3]);

	if (act->pkt[1] == PACKET_OACK)
		snprintf(text, sizeof(text), "o");
	else
		snprintf(text, sizeof(text), "%c%u",
		    act->pkt[1] == PACKET_ACK ? 'a' : 'e', block);
	note(r, text);
}

/* Drain the actions into the trace. */
static const char *
drain(struct rig *r)
{
	struct engine_action act;
	char text[64];

	r->trace[0] = '\0';
	while (engine_next(&r->e, &act)) {
		switch (act.kind) {
		case ENGINE_SEND_BLOCKS:
			snprintf(text, sizeof(text), act.count == 1 ? "%llu" :
			    "%llu-%llu", (unsigned long long)act.first,
			    (unsigned long long)act.first + act.count - 1);
			note(r, text);
			break;
		case ENGINE_SEND_PACKET:
			note_packet(r, &act);
			break;
		case ENGINE_WRITE:
			snprintf(text, sizeof(text), "w%zu", act.data.len);
			note(r, text);
			break;
		case ENGINE_STORE:
			note(r, "S");
			break;
		case ENGINE_FINISH:
			note(r, "F");
			break;
		}
	}
	return r->trace;
}

struct shape {
	enum packet_opcode op;
	bool oack;
	uint16_t blksize, windowsize;
	uint32_t timeout_ms;
	uint16_t rollover;
	uint64_t size;
	bool fixed;	/* adaptive = no */
};

static const char *
begin(struct rig *r, struct shape s)
{
	struct engine_setup setup = {
		.op = s.op,
		.granted = &r->granted,
		.size = s.size,
		.give_up_ms = 30000,
		.first_timeout_ms = 500,
		.adaptive = !s.fixed,
	};

	memset(r, 0, sizeof(*r));
	r->now = 7 * S;
	r->granted.blksize = s.blksize != 0 ? s.blksize : 512;
	r->granted.windowsize = s.windowsize != 0 ? s.windowsize : 1;
	r->granted.timeout_ms = s.timeout_ms;
	r->granted.rollover = s.rollover;
	if (s.oack) {
		memcpy(r->granted.oack, "\0\6tsize\0009", 9);
		r->granted.oack_len = 9;
	}
	engine_init(&r->e, &setup);
	engine_start(&r->e, r->now);
	return drain(r);
}

static const char *
feed(struct rig *r, const uint8_t *buf, size_t len)
{
	uint8_t *copy = t_guard(buf, len);

	engine_on_packet(&r->e, r->now, copy, len);
	drain(r);
	t_unguard(copy, len);
	return r->trace;
}

/* An ACK that comes after_us later. */
static const char *
ack(struct rig *r, uint64_t after_us, uint16_t block)
{
	uint8_t pkt[PACKET_ACK_LEN];

	r->now += after_us;
	packet_put_ack(pkt, block);
	return feed(r, pkt, sizeof(pkt));
}

static const char *
data(struct rig *r, uint64_t after_us, uint16_t block, size_t len)
{
	static const uint8_t zeroes[65536 + 16];
	uint8_t pkt[65536];

	r->now += after_us;
	memcpy(pkt, zeroes, len + PACKET_HEADER_LEN);
	packet_put_data(pkt, block);
	return feed(r, pkt, len + PACKET_HEADER_LEN);
}

static const char *
error(struct rig *r, uint16_t code, const char *text)
{
	uint8_t pkt[64] = { 0, PACKET_ERROR };
	size_t len = strlen(text);

	r->now += MS;
	pkt[3] = (uint8_t)code;
	memcpy(pkt + 4, text, len);
	return feed(r, pkt, 4 + (len == 0 ? 0 : len + 1));
}

/* Let the timer fire; returns what it did, and how long it took in ms. */
static const char *
timer(struct rig *r, uint64_t *waited_ms)
{
	uint64_t at = engine_deadline(&r->e);

	if (waited_ms != NULL)
		*waited_ms = (at - r->now) / MS;
	engine_on_timer(&r->e, at - 1);
	if (r->e.taken != r->e.queued)
		return "fired early";
	r->now = at;
	engine_on_timer(&r->e, r->now);
	return drain(r);
}

static void
is(const char *got, const char *want, const char *what, int line)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: \"%s\", not \"%s\"", what, got,
	    want);
	CU_assertImplementation(strcmp(got, want) == 0, (unsigned)line, text,
	    __FILE__, "", CU_FALSE);
}
#define IS(got, want, what) is(got, want, what, __LINE__)

/* ---- reading ---------------------------------------------------------- */

static void
lockstep(void)
{
	struct rig r;

	IS(begin(&r, (struct shape){ .op = PACKET_RRQ, .size = 1200 }), "1",
	    "without options DATA 1 is the answer");
	CU_ASSERT_EQUAL(r.e.state, ENGINE_SENDING);
	IS(ack(&r, 100, 1), "2", "an ACK brings the next block");
	IS(ack(&r, 100, 1), "", "a duplicate ACK brings nothing");
	IS(ack(&r, 100, 0), "", "an older ACK brings nothing");
	IS(ack(&r, 100, 9), "", "an ACK of the future brings nothing");
	IS(ack(&r, 100, 2), "3", "and then it goes on");
	IS(ack(&r, 100, 3), "F", "the short block's ACK ends it");
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_COMPLETE);
	CU_ASSERT_TRUE(engine_is_over(&r.e));
	CU_ASSERT_EQUAL(r.e.counts.bytes, 1200);
	CU_ASSERT_EQUAL(r.e.counts.blocks, 3);
	CU_ASSERT_EQUAL(r.e.counts.packets_sent, 3);
	CU_ASSERT_EQUAL(r.e.counts.packets_received, 6);
	CU_ASSERT_EQUAL(r.e.counts.duplicates, 3);
	CU_ASSERT_EQUAL(r.e.counts.retransmits, 0);
	IS(ack(&r, 100, 3), "", "after the end there is silence");
	IS(data(&r, 100, 3, 5), "", "whatever comes");
}

static void
sizes(void)
{
	static const struct {
		const char *what;
		uint64_t size, last;
		size_t last_len;
	} cases[] = {
		{ "an empty file is one empty block", 0, 1, 0 },
		{ "one byte", 1, 1, 1 },
		{ "one less than a block", 511, 1, 511 },
		{ "a whole block needs an empty one after it", 512, 2, 0 },
		{ "one more than a block", 513, 2, 1 },
		{ "beyond 4 GiB", 5ULL << 30, 10485761, 0 },
	};
	struct rig r;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(&r, (struct shape){ .op = PACKET_RRQ,
		    .size = cases[i].size });
		T_OK(r.e.last == cases[i].last &&
		    r.e.last_len == cases[i].last_len, cases[i].what);
	}
}

static void
oack(void)
{
	struct rig r;

	IS(begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .size = 600 }), "o", "options are answered by an OACK");
	CU_ASSERT_EQUAL(r.e.state, ENGINE_OACK);
	IS(ack(&r, 100, 1), "", "an ACK of DATA that was not sent is no news");
	CU_ASSERT_FALSE(r.e.heard);
	IS(ack(&r, 100, 0), "1", "ACK 0 starts the data");
	CU_ASSERT_TRUE(r.e.heard);
	CU_ASSERT_TRUE(r.e.has_rtt);
	IS(ack(&r, 100, 0), "", "a second ACK 0 does not");
	IS(ack(&r, 100, 1), "2", "on");
	IS(ack(&r, 100, 2), "F", "done");
}

static void
oack_is_not_repeated(void)
{
	struct rig r;

	/* atftp aborts and curl hangs when an OACK follows DATA */
	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .size = 6000 });
	ack(&r, 100, 0);
	IS(timer(&r, NULL), "1", "once it is answered, DATA is resent");
	engine_on_repeat(&r.e, r.now);
	IS(drain(&r), "", "nor does a repeated request bring it back");
}

static void
window(void)
{
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .blksize = 100, .windowsize = 4, .size = 1000 });
	IS(ack(&r, 100, 0), "1-4", "a window");
	IS(ack(&r, 100, 4), "5-8", "the next");
	IS(ack(&r, 100, 5), "6-9", "inside the window: go back at once");
	IS(ack(&r, 100, 5), "", "the same gap again (EDK2): nothing");
	IS(ack(&r, 100, 5), "", "and again nothing");
	IS(ack(&r, 100, 9), "10-11", "the rest, with the empty block");
	IS(ack(&r, 100, 11), "F", "done");
	CU_ASSERT_EQUAL(r.e.counts.gaps, 1);
	CU_ASSERT_EQUAL(r.e.counts.retransmits, 3);
	CU_ASSERT_EQUAL(r.e.counts.packets_sent, 1 + 4 + 4 + 4 + 2);
	CU_ASSERT_EQUAL(r.e.counts.bytes, 1000);
}

static void
window_first_block_lost(void)
{
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .windowsize = 4, .size = 512 * 20 });
	ack(&r, 100, 0);
	ack(&r, 100, 4);
	IS(ack(&r, 10, 4), "", "sooner than a round trip it is a copy");
	IS(ack(&r, 90, 4), "5-8", "later it says that 5 is lost: go back");
	IS(ack(&r, 90, 4), "", "once");
	IS(ack(&r, 90, 8), "9-12", "and on");
	IS(ack(&r, 90, 8), "", "8 came twice, so this may be its second ACK");
	IS(ack(&r, 90, 12), "13-16", "and on");
	IS(ack(&r, 90, 12), "13-16", "another window, another gap");
}

static void
window_that_came_twice(void)
{
	struct rig r;
	uint16_t i;

	/* atftp acknowledges a window's end for each copy: no chain of copies */
	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .windowsize = 4, .size = 512 * 40 });
	ack(&r, 100, 0);
	IS(timer(&r, NULL), "1-4", "the timer was hasty");
	for (i = 4; i < 40; i = (uint16_t)(i + 4)) {
		ack(&r, 4 * MS, i);
		IS(ack(&r, i == 4 ? 4 * MS : 0, i), "", "the second ACK");
	}
	CU_ASSERT_EQUAL(r.e.counts.retransmits, 4);
}

static void
gap_after_the_timer(void)
{
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .windowsize = 4, .size = 512 * 40 });
	ack(&r, 100, 0);
	ack(&r, 100, 4);
	IS(timer(&r, NULL), "5-8", "5 to 8 were lost");
	IS(ack(&r, 100, 4), "5-8", "5 is lost again, and the client says so");
	IS(ack(&r, 100, 4), "", "once");
}

static void
duplicated_acks_make_no_data(void)
{
	struct rig r;
	unsigned copies, i;
	uint64_t sent;

	/* every ACK comes twice to a hundred times, at the same moment */
	for (copies = 2; copies <= 100; copies++) {
		begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
		    .windowsize = 4, .size = 512 * 40 });
		for (i = 0; i < copies; i++)
			ack(&r, i == 0 ? 100 : 0, 0);
		while (!engine_is_over(&r.e)) {
			sent = r.e.next - 1;
			for (i = 0; i < copies; i++)
				ack(&r, i == 0 ? 100 : 0, (uint16_t)sent);
		}
		T_OK(r.e.counts.packets_sent == 42, "41 blocks and the OACK");
	}
}

static void
wrap(void)
{
	struct rig r;
	uint64_t i;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .size = 512 * 65540 });
	for (i = 1; i < 65535; i++)
		ack(&r, 10, (uint16_t)i);
	IS(ack(&r, 10, 65535), "65536", "on beyond 65535");
	CU_ASSERT_EQUAL(engine_block(&r.e, 65536), 0);
	IS(ack(&r, 10, 0), "65537", "whose number is 0");
	IS(ack(&r, 10, 0), "", "once");
	IS(ack(&r, 10, 1), "65538", "then 1");
	for (i = 2; i < 5; i++)
		ack(&r, 10, (uint16_t)i);
	IS(ack(&r, 10, 5), "F", "the empty block 65541 ends it");
}

static void
wrap_to_one(void)
{
	struct rig r;
	uint64_t i;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .rollover = 1, .windowsize = 2, .size = 512 * 131072 });
	IS(ack(&r, 10, 0), "1-2", "start");
	for (i = 2; i < 65534; i += 2)
		ack(&r, 10, (uint16_t)i);
	IS(ack(&r, 10, 65534), "65535-65536", "across the border");
	CU_ASSERT_EQUAL(engine_block(&r.e, 65535), 65535);
	CU_ASSERT_EQUAL(engine_block(&r.e, 65536), 1);
	IS(ack(&r, 10, 0), "", "0 is no block");
	IS(ack(&r, 10, 1), "65537-65538", "1 is");
	CU_ASSERT_EQUAL(engine_block(&r.e, 131070), 65535);
	CU_ASSERT_EQUAL(engine_block(&r.e, 131071), 1);
}

static void
end_found_while_sending(void)
{
	struct rig r;

	/* netascii: the size on the wire shows only when the file ends */
	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .windowsize = 4, .size = ENGINE_UNKNOWN });
	IS(ack(&r, 100, 0), "1-4", "a whole window is asked for");
	IS(ack(&r, 100, 4), "5-8", "and another");
	engine_set_end(&r.e, 6, 10);
	CU_ASSERT_EQUAL(r.e.counts.packets_sent, 1 + 4 + 2);
	CU_ASSERT_EQUAL(r.e.timed_index, 6);
	IS(ack(&r, 100, 6), "F", "the last block's ACK ends it");
	CU_ASSERT_EQUAL(r.e.counts.bytes, 5 * 512 + 10);
}

/* ---- the timer -------------------------------------------------------- */

static void
unheard(void)
{
	struct rig r;
	uint64_t ms;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .size = 512 * 9 });
	IS(timer(&r, &ms), "1", "the first reply again");
	CU_ASSERT_EQUAL(ms, 500);
	IS(timer(&r, &ms), "1", "and again");
	CU_ASSERT_EQUAL(ms, 1000);
	IS(timer(&r, &ms), "F", "three packets, then it ends");
	CU_ASSERT_EQUAL(ms, 4000);
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_NOANSWER);
	CU_ASSERT_EQUAL(r.e.counts.packets_sent, 3);
	CU_ASSERT_EQUAL(r.e.counts.retransmits, 2);
}

static void
repeats(void)
{
	static const struct shape shapes[] = {
		{ .op = PACKET_RRQ, .size = 5000 },
		{ .op = PACKET_RRQ, .size = 5000, .oack = true },
		{ .op = PACKET_WRQ },
		{ .op = PACKET_WRQ, .oack = true },
	};
	static const char *const first[] = { "1", "o", "a0", "o" };
	struct rig r;
	size_t i;
	int n;

	for (i = 0; i < 4; i++) {
		IS(begin(&r, shapes[i]), first[i], "the first reply");
		r.now += 10 * MS;
		engine_on_repeat(&r.e, r.now);
		IS(drain(&r), "", "a copy within 50 ms earns nothing");
		for (n = 0; n < 5; n++) {
			r.now += 60 * MS;
			engine_on_repeat(&r.e, r.now);
			IS(drain(&r), first[i], "a later one the reply again");
		}
		IS(timer(&r, NULL), first[i], "the timer goes on beside it");
		IS(timer(&r, NULL), first[i], "and on");
		IS(timer(&r, NULL), "F", "and ends");
		CU_ASSERT_EQUAL(r.e.counts.packets_sent, 3 + 5);
		CU_ASSERT_EQUAL(r.e.counts.retransmits, 2 + 5);
	}
}

static void
echo_with_another_opcode(void)
{
	uint8_t pkt[PACKET_HEADER_LEN + 512] = { 0, PACKET_ACK, 0, 1 };
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .size = 5000 });
	r.now += MS;
	IS(feed(&r, pkt, sizeof(pkt)), "", "our DATA as an ACK is no proof");
	T_OK(!r.e.heard, "it was not heard");
	IS(timer(&r, NULL), "1", "the timer goes on");
	IS(feed(&r, pkt, sizeof(pkt)), "", "nor is the next one");
	/* some clients fill their ACKs up */
	IS(feed(&r, pkt, 60), "2", "an ACK with some bytes more is one");
	IS(ack(&r, MS, 2), "3", "and it goes on");

	begin(&r, (struct shape){ .op = PACKET_RRQ, .size = 5000 });
	ack(&r, MS, 1);
	pkt[3] = 2;
	IS(feed(&r, pkt, sizeof(pkt)), "3", "who was heard may send more");
}

static void
resend_and_back_off(void)
{
	struct rig r;
	uint64_t ms;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .size = 512 * 100 });
	ack(&r, 200, 0);
	ack(&r, 200, 1);
	IS(timer(&r, &ms), "2", "a lost block comes again");
	CU_ASSERT_EQUAL(ms, 10);
	IS(timer(&r, &ms), "2", "and again");
	CU_ASSERT_EQUAL(ms, 20);
	timer(&r, &ms);
	CU_ASSERT_EQUAL(ms, 40);
	IS(ack(&r, 100, 2), "3", "it has arrived");
	timer(&r, &ms);
	/* Karn: that ACK may belong to any of the copies */
	CU_ASSERT_EQUAL(ms, 80);
	ack(&r, 100, 3);
	ack(&r, 100, 4);
	timer(&r, &ms);
	CU_ASSERT_EQUAL(ms, 10);
	CU_ASSERT_EQUAL(r.e.counts.timeouts, 5);
	CU_ASSERT_EQUAL(r.e.counts.retransmits, 5);
}

/* Found by tests/fuzz/engine.c: the back-off had no end without a sample. */
static void
back_off_without_a_sample(void)
{
	struct rig r;
	uint64_t ms = 0;
	uint16_t i;

	/* the OACK goes out twice, and each block, too: Karn takes no sample */
	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .size = 512 * 100 });
	timer(&r, NULL);
	ack(&r, MS, 0);
	for (i = 1; i <= 70; i++) {
		timer(&r, &ms);
		ack(&r, MS, i);
	}
	CU_ASSERT_FALSE(r.e.has_rtt);
	CU_ASSERT(r.e.backoff <= 1);
	T_OK(ms <= 1000, "one lost block after the other is no slow path");
}

static void
back_off_has_a_ceiling(void)
{
	struct rig r;
	uint64_t ms = 0;
	int i;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .size = 5120 });
	ack(&r, 200, 0);
	for (i = 0; i < 12; i++)
		timer(&r, &ms);
	CU_ASSERT_EQUAL(ms, 4000);

	/* U-Boot asks for 5 s: the ceiling, and the start without a sample */
	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .size = 5120, .timeout_ms = 1000 });
	ack(&r, 200, 0);
	for (i = 0; i < 12; i++)
		timer(&r, &ms);
	CU_ASSERT_EQUAL(ms, 1000);

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .size = 5120, .timeout_ms = 5000 });
	timer(&r, &ms);
	CU_ASSERT_EQUAL(ms, 500);
	ack(&r, 100, 0);
	timer(&r, &ms);
	/* the OACK was sent twice, so its ACK is no sample */
	CU_ASSERT_EQUAL(ms, 5000);
}

static void
fixed_timer(void)
{
	struct rig r;
	uint64_t ms;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .size = 5120, .timeout_ms = 2000, .fixed = true });
	ack(&r, 100, 0);
	ack(&r, 100, 1);
	timer(&r, &ms);
	CU_ASSERT_EQUAL(ms, 2000);
	timer(&r, &ms);
	CU_ASSERT_EQUAL(ms, 4000);
}

static void
slow_path_is_learnt(void)
{
	struct rig r;
	int i;

	/* 600 ms round trips after 1 ms ones: no storm of resends */
	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .size = 512 * 100 });
	ack(&r, 1 * MS, 0);
	ack(&r, 1 * MS, 1);
	for (i = 2; i < 30; i++) {
		uint64_t due = r.now + 600 * MS;

		while (engine_deadline(&r.e) < due)
			timer(&r, NULL);
		ack(&r, due - r.now, (uint16_t)i);
	}
	T_OK(r.e.counts.timeouts < 12, "the timer adapts to the slow path");
}

static void
window_timer_waits_for_the_window(void)
{
	struct rig r;
	uint64_t ms;

	/* the OACK's 0.2 ms say nothing of 16 blocks over a slow path */
	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .windowsize = 16, .size = 512 * 1000 });
	IS(ack(&r, 200, 0), "1-16", "a window");
	IS(timer(&r, &ms), "1-16", "the whole window again");
	CU_ASSERT(ms >= 13);
	CU_ASSERT(r.e.counts.timeouts == 1);
}

static void
large_window_starts_in_bursts(void)
{
	static const char *const bursts[] = { "17-32", "33-48", "49-64" };
	struct rig r;
	uint64_t ms;
	size_t i;

	/* a network card's ring may hold 16 packets */
	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .windowsize = 64, .size = 512 * 1000 });
	IS(ack(&r, 200, 0), "1-16", "the first burst");
	for (i = 0; i < 3; i++) {
		IS(timer(&r, &ms), bursts[i], "a burst after a pause");
		CU_ASSERT(ms <= 1);
	}
	CU_ASSERT(r.e.counts.timeouts == 0);
	IS(ack(&r, 300, 64), "65-96", "it all arrived: longer bursts");
	IS(timer(&r, &ms), "97-128", "the rest");
	IS(ack(&r, 300, 128), "129-192", "and no pauses any more");
	IS(ack(&r, 300, 192), "193-256", "nor in the next");
}

static void
ring_that_overflows(void)
{
	struct rig r;
	int i;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .windowsize = 16, .size = 512 * 1000 });
	ack(&r, 200, 0);
	IS(ack(&r, 300, 8), "9-24", "one loss is chance: at once, as a whole");
	IS(ack(&r, 300, 15), "", "the second: it takes what it has first");
	IS(timer(&r, NULL), "16-23", "and then no more than got through");
	IS(timer(&r, NULL), "24-31", "and the rest");
	CU_ASSERT(r.e.counts.timeouts == 0);
	for (i = 0; i < 10; i++) {
		ack(&r, 300, (uint16_t)(31 + 16 * i));
		CU_ASSERT(r.e.next - r.e.acked == 9);
		timer(&r, NULL);
	}
	CU_ASSERT(r.e.counts.gaps == 2);
}

static void
ack_within_a_pause(void)
{
	struct rig r;

	/* what has arrived is acknowledged: no loss, the window moves */
	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .windowsize = 64, .size = 512 * 1000 });
	ack(&r, 200, 0);
	IS(ack(&r, 50, 16), "17-32", "from there on");
	CU_ASSERT(r.e.counts.gaps == 0);
	IS(ack(&r, 50, 20), "", "a loss: after a pause");
	IS(timer(&r, NULL), "21-36", "back to the gap");
	CU_ASSERT(r.e.counts.gaps == 1 && r.e.counts.timeouts == 0);
}

/* Going back each time would send a window for a block. */
static void
acks_of_each_block(void)
{
	struct rig r;
	uint16_t i;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .windowsize = 8, .size = 512 * 400 });
	ack(&r, 200, 0);
	for (i = 1; i <= 400; i++)
		ack(&r, 20, i);
	T_OK(r.e.counts.retransmits <= 32 && r.e.counts.gaps <= 4,
	    "three of them, and it is known");
	IS(ack(&r, 20, 401), "F", "done");
}

/* What makes a ring overflow must not end in a timer of 4 s. */
static void
timer_that_alone_moves_it(void)
{
	struct rig r;
	uint64_t ms, most = 0;
	int i;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .windowsize = 8, .size = 512 * 4000 });
	ack(&r, 200, 0);
	for (i = 1; i < 200; i++) {
		while (r.e.counts.timeouts < (uint64_t)i) {
			timer(&r, &ms);
			most = ms > most ? ms : most;
		}
		/* of each window half arrives, and it says so when asked */
		ack(&r, 200, (uint16_t)(4 * i));
	}
	CU_ASSERT(most <= 200);
}

static void
agreed_on_very_little(void)
{
	struct rig r;
	uint64_t ms;
	int i;

	/* utimeout of 10 ms, and then silence: no flood */
	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .timeout_ms = 10, .size = 512 * 100 });
	ack(&r, 200, 0);
	for (i = 0; i < 12; i++)
		timer(&r, &ms);
	CU_ASSERT_EQUAL(ms, 1000);
}

/* A network that reorders now and then is not one that copies each ACK. */
static void
copied_acks_are_forgotten(void)
{
	struct rig r;
	uint16_t i;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .windowsize = 4, .size = 512 * 800 });
	ack(&r, 200, 0);
	for (i = 4; i <= 12; i = (uint16_t)(i + 4)) {
		ack(&r, 200, i);
		IS(ack(&r, 20, i), "", "a copy");
	}
	IS(ack(&r, 200, 16), "17-20", "and on");
	IS(ack(&r, 200, 16), "", "after three copies no equal ACK is believed");
	for (i = 20; i < 20 + 4 * 40; i = (uint16_t)(i + 4))
		ack(&r, 200, i);
	i = (uint16_t)(i - 4);
	T_OK(ack(&r, 200, i)[0] != '\0', "but after many windows without any");
	CU_ASSERT_EQUAL(r.e.counts.gaps, 1);
}

/* EDK2 says for each block that it had already how far it is. */
static void
answers_to_blocks_that_came_twice(void)
{
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .windowsize = 4, .size = 512 * 40 });
	ack(&r, 200, 0);
	IS(timer(&r, NULL), "1-4", "4 was lost");
	IS(ack(&r, 200, 3), "5-7", "1 came again: it had 3, and 4 is on its way");
	IS(ack(&r, 10, 3), "", "2 came again");
	IS(ack(&r, 10, 3), "", "3 came again");
	IS(ack(&r, 200, 7), "8-11", "and on");
	CU_ASSERT_EQUAL(r.e.counts.retransmits, 4);
	CU_ASSERT_EQUAL(r.e.counts.gaps, 0);
}

/* A chain of copies ends with the first ACK that all of them arrived. */
static void
copies_of_a_few_blocks(void)
{
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .windowsize = 4, .size = 512 * 40 });
	ack(&r, 200, 0);
	IS(ack(&r, 200, 2), "3-6", "a loss, or so it seems");
	IS(ack(&r, 200, 4), "7-8", "3 and 4 came twice: 5 and 6 are on their way");
	IS(ack(&r, 10, 4), "", "4 came again");
	IS(ack(&r, 200, 8), "9-12", "and on");
	CU_ASSERT_EQUAL(r.e.counts.retransmits, 2);
	CU_ASSERT_EQUAL(r.e.counts.gaps, 1);
}

/* Others speak only of what is missing: they show that once. */
static void
silent_about_old_blocks(void)
{
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .windowsize = 4, .size = 512 * 40 });
	ack(&r, 200, 0);
	timer(&r, NULL);
	IS(ack(&r, 200, 1), "5", "1 arrived at last, 2 is lost again");
	IS(timer(&r, NULL), "2-5", "nothing else is heard of it");
	IS(ack(&r, 200, 3), "4-7", "4 is lost, too: this time at once");
}

static void
no_pauses_unless_adaptive(void)
{
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .fixed = true, .windowsize = 64, .size = 512 * 1000 });
	IS(ack(&r, 200, 0), "1-64", "a window");
	IS(ack(&r, 300, 8), "9-72", "at once");
	IS(ack(&r, 300, 16), "17-80", "and again");
}

/* Copies of each ACK, from a network or a client that sends twice. */
static void
copied_acks_are_learnt(void)
{
	struct rig r;
	int i, copy;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .windowsize = 4, .size = 512 * 400 });
	ack(&r, 200, 0);
	for (i = 1; i <= 100; i++)
		for (copy = 0; copy < 20; copy++)
			ack(&r, copy == 0 ? 200 : 30, (uint16_t)(4 * i));
	CU_ASSERT_EQUAL(r.e.counts.gaps, 0);
	CU_ASSERT_EQUAL(r.e.counts.retransmits, 0);
}

static void
give_up(void)
{
	struct rig r;
	uint64_t start;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .size = 5120 });
	ack(&r, 100, 1);
	start = r.now;
	while (!engine_is_over(&r.e))
		timer(&r, NULL);
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_TIMEOUT);
	CU_ASSERT_EQUAL(r.now - start, 30 * S);

	/* at least five of the client's own timeouts */
	begin(&r, (struct shape){ .op = PACKET_RRQ, .oack = true,
	    .timeout_ms = 20000, .size = 5120 });
	ack(&r, 100, 0);
	start = r.now;
	while (!engine_is_over(&r.e))
		timer(&r, NULL);
	CU_ASSERT_EQUAL(r.now - start, 100 * S);

	/* a client that erases flash for 20 s comes back */
	begin(&r, (struct shape){ .op = PACKET_RRQ, .size = 5120 });
	ack(&r, 100, 1);
	start = r.now;
	while (engine_deadline(&r.e) < start + 20 * S)
		timer(&r, NULL);
	r.now = start + 20 * S;
	IS(ack(&r, 0, 2), "3", "and is served on");
}

/* ---- how it can end --------------------------------------------------- */

static void
last_ack_missing(void)
{
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .size = 600 });
	ack(&r, 100, 1);
	while (!engine_is_over(&r.e))
		timer(&r, NULL);
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_UNCONFIRMED);

	begin(&r, (struct shape){ .op = PACKET_RRQ, .size = 600 });
	ack(&r, 100, 1);
	engine_on_refused(&r.e, r.now);
	IS(drain(&r), "F", "no client waits after its last ACK");
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_UNCONFIRMED);
}

static void
refused(void)
{
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .size = 6000 });
	engine_on_refused(&r.e, r.now);
	IS(drain(&r), "F", "nobody was there");
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_NOANSWER);

	begin(&r, (struct shape){ .op = PACKET_RRQ, .size = 6000 });
	ack(&r, 100, 1);
	engine_on_refused(&r.e, r.now);
	drain(&r);
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_VANISHED);

	begin(&r, (struct shape){ .op = PACKET_WRQ });
	data(&r, 100, 1, 512);
	engine_on_refused(&r.e, r.now);
	drain(&r);
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_VANISHED);
}

static void
probe_or_abort(void)
{
	static const struct {
		const char *what;
		struct shape shape;
		int acks;	/* sent before the ERROR; -1: none */
		uint16_t code;
		const char *text;
		enum outcome outcome;
	} cases[] = {
		{ "Intel: ERROR 0 after the OACK", { .op = PACKET_RRQ,
		    .oack = true, .size = 9999 }, -1, 0, "TFTP Aborted",
		    OUTCOME_PROBE },
		{ "EDK2: ERROR 8", { .op = PACKET_RRQ, .oack = true,
		    .size = 9999 }, -1, 8, "User aborted the transfer",
		    OUTCOME_PROBE },
		{ "curl: a bare ERROR of 4 bytes", { .op = PACKET_RRQ,
		    .oack = true, .size = 9999 }, -1, 0, "", OUTCOME_PROBE },
		{ "after ACK 0, no data acknowledged", { .op = PACKET_RRQ,
		    .oack = true, .size = 9999 }, 0, 0, "", OUTCOME_PROBE },
		{ "in the middle", { .op = PACKET_RRQ, .oack = true,
		    .size = 9999 }, 1, 0, "closed", OUTCOME_ABORTED },
		{ "without options there is no probe", { .op = PACKET_RRQ,
		    .size = 9999 }, -1, 0, "x", OUTCOME_ABORTED },
		{ "an upload has none either", { .op = PACKET_WRQ,
		    .oack = true }, -1, 0, "x", OUTCOME_ABORTED },
	};
	struct rig r;
	size_t i;
	int n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(&r, cases[i].shape);
		for (n = 0; n <= cases[i].acks; n++)
			ack(&r, 100, (uint16_t)n);
		IS(error(&r, cases[i].code, cases[i].text), "F",
		    "an ERROR is never answered");
		T_OK(r.e.outcome == cases[i].outcome, cases[i].what);
		T_OK(r.e.has_error && r.e.error_by_client &&
		    r.e.error_code == cases[i].code &&
		    r.e.error_text_len == strlen(cases[i].text) &&
		    memcmp(r.e.error_text, cases[i].text,
		    r.e.error_text_len) == 0, cases[i].what);
	}
}

static void
long_error_text_is_cut(void)
{
	static uint8_t pkt[65000];
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .size = 9999 });
	memset(pkt, 'A', sizeof(pkt));
	pkt[0] = 0;
	pkt[1] = PACKET_ERROR;
	IS(feed(&r, pkt, sizeof(pkt)), "F", "and ends it all the same");
	CU_ASSERT_EQUAL(r.e.error_text_len, ENGINE_TEXT_MAX);
}

static void
ended_by_the_caller(void)
{
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_RRQ, .size = 9999 });
	ack(&r, 100, 1);
	engine_end(&r.e, r.now, OUTCOME_FAILED, PACKET_ERR_UNDEFINED, "no");
	IS(drain(&r), "e0 F", "one ERROR, then the end");
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_FAILED);
	CU_ASSERT_FALSE(r.e.error_by_client);
	engine_end(&r.e, r.now, OUTCOME_SHUTDOWN, PACKET_ERR_UNDEFINED, "x");
	IS(drain(&r), "", "it has its outcome");
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_FAILED);
	IS(error(&r, 0, ""), "", "and hears nothing more");

	begin(&r, (struct shape){ .op = PACKET_RRQ, .size = 9999 });
	engine_end(&r.e, r.now, OUTCOME_VANISHED, 0, NULL);
	IS(drain(&r), "F", "without a text nothing is sent");
}

static void
write_failure_drops_the_ack(void)
{
	struct engine_action act;
	uint8_t pkt[516] = { 0, PACKET_DATA, 0, 1 };
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_WRQ });
	engine_on_packet(&r.e, r.now, pkt, sizeof(pkt));
	CU_ASSERT_TRUE_FATAL(engine_next(&r.e, &act));
	CU_ASSERT_EQUAL(act.kind, ENGINE_WRITE);
	engine_end(&r.e, r.now, OUTCOME_LIMITED, PACKET_ERR_SPACE, "full");
	IS(drain(&r), "e3 F", "ERROR 3, and no ACK of what was not written");
	CU_ASSERT_EQUAL(r.e.counts.packets_sent, 2);
}

static void
wrong_packets(void)
{
	static const uint8_t junk[][8] = {
		{ 0, 1, 'x', 0, 'o', 0 }, { 0, 2, 'x', 0 }, { 0, 6, 'x', 0 },
		{ 0, 0, 0, 0 }, { 0, 7, 0, 1 }, { 9, 4, 0, 1 },
	};
	static const struct shape shapes[] = {
		{ .op = PACKET_RRQ, .size = 9999 },
		{ .op = PACKET_RRQ, .size = 9999, .oack = true },
		{ .op = PACKET_WRQ },
	};
	struct rig r;
	size_t i, j, len;
	uint8_t pkt[4];
	unsigned op;

	for (i = 0; i < 3; i++) {
		begin(&r, shapes[i]);
		for (j = 0; j < 6; j++)
			IS(feed(&r, junk[j], 8), "", "it fits no state");
		/* CVE-2019-11365: ERROR of 0 to 3 bytes */
		for (op = 0; op < 9; op++)
			for (len = 0; len < 4; len++) {
				memset(pkt, 0, sizeof(pkt));
				pkt[1] = (uint8_t)op;
				IS(feed(&r, pkt, len), "", "too short");
			}
		CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_NONE);
		CU_ASSERT_FALSE(r.e.heard);
	}
	begin(&r, (struct shape){ .op = PACKET_RRQ, .size = 9999 });
	IS(data(&r, 10, 1, 512), "", "DATA in a read is what echo returns");
	begin(&r, (struct shape){ .op = PACKET_WRQ });
	IS(ack(&r, 10, 0), "", "an ACK in a write too");
}

/* ---- writing ---------------------------------------------------------- */

static void
upload(void)
{
	struct rig r;
	uint64_t ms;

	IS(begin(&r, (struct shape){ .op = PACKET_WRQ }), "a0", "ACK 0");
	IS(data(&r, 100, 1, 512), "w512 a1", "write, then acknowledge");
	IS(data(&r, 20, 1, 512), "", "a copy on the heels of the first");
	IS(data(&r, 80, 1, 512), "a1", "a later copy: the ACK was lost");
	IS(data(&r, 100, 3, 512), "", "no block is skipped in lock-step");
	IS(data(&r, 100, 2, 100), "w100 S", "a short block is the last");
	CU_ASSERT_EQUAL(r.e.state, ENGINE_STORING);
	CU_ASSERT_EQUAL(engine_deadline(&r.e), ENGINE_NEVER);
	IS(data(&r, 100, 2, 100), "", "nothing before it is stored");
	engine_on_stored(&r.e, r.now);
	IS(drain(&r), "a2 F", "then the last ACK and the record");
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_COMPLETE);
	CU_ASSERT_EQUAL(r.e.counts.bytes, 612);
	CU_ASSERT_FALSE(engine_is_over(&r.e));
	IS(data(&r, 100, 2, 100), "a2", "that ACK may be lost: dally");
	IS(data(&r, 100, 1, 512), "", "older blocks get none");
	IS(data(&r, 100, 3, 512), "", "nor does one after the last");
	CU_ASSERT_EQUAL(r.e.state, ENGINE_DALLYING);
	IS(timer(&r, &ms), "", "the end of dallying makes no noise");
	CU_ASSERT_EQUAL(ms, 6999);
	CU_ASSERT_TRUE(engine_is_over(&r.e));
}

/* atftp agrees on a timeout and repeats after 5 s all the same. */
static void
dallying_whatever_was_agreed(void)
{
	static const struct {
		uint32_t timeout_ms, want_ms;
	} rows[] = { { 0, 7000 }, { 52, 7000 }, { 1000, 7000 },
		{ 5000, 10000 }, { 255000, 30000 } };
	struct rig r;
	uint64_t ms;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&r, (struct shape){ .op = PACKET_WRQ, .oack = true,
		    .timeout_ms = rows[i].timeout_ms });
		IS(data(&r, 100, 1, 100), "w100 S", "all of it");
		engine_on_stored(&r.e, r.now);
		IS(drain(&r), "a1 F", "stored");
		timer(&r, &ms);
		CU_ASSERT_EQUAL(ms, rows[i].want_ms);
		CU_ASSERT_TRUE(engine_is_over(&r.e));
	}
}

/* A disk that takes longer than the patience with a silent client. */
static void
dallying_after_a_slow_store(void)
{
	struct rig r;
	uint64_t ms;

	begin(&r, (struct shape){ .op = PACKET_WRQ });
	IS(data(&r, 100, 1, 100), "w100 S", "all of it");
	r.now += 40 * S;
	engine_on_stored(&r.e, r.now);
	IS(drain(&r), "a1 F", "stored");
	IS(data(&r, 5 * S, 1, 100), "a1", "its copy is answered");
	IS(timer(&r, &ms), "", "and it still dallies");
	CU_ASSERT(ms > 6900);
}

static void
upload_before_the_proof(void)
{
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_WRQ, .oack = true,
	    .windowsize = 4 });
	IS(data(&r, 10, 0, 512), "", "DATA 0 is no answer to an OACK");
	IS(data(&r, 10, 65535, 512), "", "nor is any block from before");
	CU_ASSERT_FALSE(r.e.heard);
}

static void
upload_gap_is_news(void)
{
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_WRQ, .oack = true,
	    .windowsize = 4 });
	IS(data(&r, 10, 2, 512), "a0", "1 was lost: said at once");
	CU_ASSERT_TRUE(r.e.heard);
	IS(timer(&r, NULL), "a0", "an ACK now, and not the OACK again");
}

static void
dally_is_bounded(void)
{
	struct rig r;
	uint64_t start;

	begin(&r, (struct shape){ .op = PACKET_WRQ, .oack = true,
	    .timeout_ms = 255000 });
	data(&r, 10, 1, 0);
	engine_on_stored(&r.e, r.now);
	drain(&r);
	CU_ASSERT_EQUAL(engine_deadline(&r.e), r.now + 30 * S);

	/* a client that never hears us does not hold it for ever */
	begin(&r, (struct shape){ .op = PACKET_WRQ });
	data(&r, 10, 1, 0);
	start = r.now;
	engine_on_stored(&r.e, r.now);
	drain(&r);
	while (engine_deadline(&r.e) > r.now && r.now < start + 60 * S)
		data(&r, 900 * MS, 1, 0);
	CU_ASSERT(r.now <= start + 32 * S);
}

static void
upload_ends_dallying(void)
{
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_WRQ });
	IS(data(&r, 100, 1, 0), "S", "an empty upload writes nothing");
	engine_on_stored(&r.e, r.now);
	drain(&r);
	engine_on_refused(&r.e, r.now);
	IS(drain(&r), "", "a closed port ends it");
	CU_ASSERT_TRUE(engine_is_over(&r.e));
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_COMPLETE);

	begin(&r, (struct shape){ .op = PACKET_WRQ });
	data(&r, 100, 1, 0);
	engine_on_stored(&r.e, r.now);
	drain(&r);
	IS(error(&r, 0, "late"), "", "an ERROR too");
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_COMPLETE);
	CU_ASSERT_FALSE(r.e.has_error);

	begin(&r, (struct shape){ .op = PACKET_WRQ });
	data(&r, 100, 1, 0);
	engine_on_stored(&r.e, r.now);
	drain(&r);
	engine_end(&r.e, r.now, OUTCOME_SHUTDOWN, 0, "stop");
	IS(drain(&r), "", "shutdown too");
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_COMPLETE);
	CU_ASSERT_TRUE(engine_is_over(&r.e));
}

static void
upload_window(void)
{
	struct rig r;

	IS(begin(&r, (struct shape){ .op = PACKET_WRQ, .oack = true,
	    .windowsize = 4 }), "o", "the OACK is the answer");
	IS(data(&r, 10, 1, 512), "w512", "no ACK inside the window");
	data(&r, 10, 2, 512);
	IS(data(&r, 10, 2, 512), "", "nor for a copy inside it");
	data(&r, 10, 3, 512);
	IS(data(&r, 10, 4, 512), "w512 a4", "one at its end");
	IS(data(&r, 10, 4, 512), "a4", "again: that ACK was lost");
	IS(data(&r, 10, 6, 512), "a4", "5 is missing: said at once");
	IS(data(&r, 10, 7, 512), "", "once");
	IS(data(&r, 10, 8, 512), "", "only");
	IS(data(&r, 10, 5, 512), "w512", "the client went back");
	data(&r, 10, 6, 512);
	data(&r, 10, 7, 512);
	IS(data(&r, 10, 8, 512), "w512 a8", "a whole window counts anew");
	IS(data(&r, 10, 9, 511), "w511 S", "the end inside a window");
	engine_on_stored(&r.e, r.now);
	IS(drain(&r), "a9 F", "done");
	CU_ASSERT_EQUAL(r.e.counts.gaps, 1);
}

static void
upload_timer(void)
{
	struct rig r;
	uint64_t ms, start;

	begin(&r, (struct shape){ .op = PACKET_WRQ });
	data(&r, 100, 1, 512);
	IS(timer(&r, &ms), "a1", "the ACK may be lost");
	CU_ASSERT_EQUAL(ms, 1000);
	IS(timer(&r, &ms), "a1", "every second, never sooner");
	CU_ASSERT_EQUAL(ms, 1000);
	start = r.e.heard_us;
	while (!engine_is_over(&r.e))
		timer(&r, NULL);
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_TIMEOUT);
	CU_ASSERT_EQUAL(r.now - start, 30 * S);

	begin(&r, (struct shape){ .op = PACKET_WRQ, .oack = true,
	    .timeout_ms = 3000 });
	data(&r, 100, 1, 512);
	timer(&r, &ms);
	CU_ASSERT_EQUAL(ms, 3000);
}

/* utimeout = 10000: 3,000 ACKs for a block and then silence would be many. */
static void
upload_agreed_on_very_little(void)
{
	struct rig r;
	uint64_t ms;

	begin(&r, (struct shape){ .op = PACKET_WRQ, .oack = true,
	    .timeout_ms = 10 });
	data(&r, 100, 1, 512);
	timer(&r, &ms);
	CU_ASSERT_EQUAL(ms, 10);
	IS(timer(&r, &ms), "a1", "each one after twice as long");
	CU_ASSERT_EQUAL(ms, 20);
	IS(data(&r, 100, 2, 512), "w512 a2", "it is heard again");
	timer(&r, &ms);
	CU_ASSERT_EQUAL(ms, 10);
	while (!engine_is_over(&r.e))
		timer(&r, &ms);
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_TIMEOUT);
	T_OK(r.e.counts.timeouts < 42, "a silent client gets one a second");
}

static void
upload_unheard(void)
{
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_WRQ, .oack = true });
	IS(timer(&r, NULL), "o", "the OACK again");
	IS(timer(&r, NULL), "o", "and again");
	IS(timer(&r, NULL), "F", "and the end");
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_NOANSWER);
}

static void
upload_wrap(void)
{
	struct rig r;
	uint64_t i;

	begin(&r, (struct shape){ .op = PACKET_WRQ, .blksize = 8,
	    .oack = true });
	for (i = 1; i < 65535; i++)
		data(&r, 10, (uint16_t)i, 8);
	IS(data(&r, 10, 65535, 8), "w8 a65535", "up to the border");
	IS(data(&r, 10, 0, 8), "w8 a0", "and beyond");
	IS(data(&r, 10, 1, 8), "w8 a1", "on");
	CU_ASSERT_EQUAL(r.e.counts.bytes, 65537 * 8);

	begin(&r, (struct shape){ .op = PACKET_WRQ, .blksize = 8,
	    .oack = true, .rollover = 1 });
	for (i = 1; i <= 65535; i++)
		data(&r, 10, (uint16_t)i, 8);
	IS(data(&r, 10, 0, 8), "", "0 is no block there");
	IS(data(&r, 10, 1, 8), "w8 a1", "1 is");
}

static void
upload_too_long(void)
{
	struct rig r;

	begin(&r, (struct shape){ .op = PACKET_WRQ });
	IS(data(&r, 10, 1, 513), "e4 F", "longer than agreed");
	CU_ASSERT_EQUAL(r.e.outcome, OUTCOME_INVALID);
}

int
main(void)
{
	CU_TestInfo reading[] = {
		{ "lock-step", lockstep },
		{ "sizes", sizes },
		{ "OACK", oack },
		{ "the OACK is not repeated once answered",
		    oack_is_not_repeated },
		{ "windows", window },
		{ "the first block of a window is lost",
		    window_first_block_lost },
		{ "a window that came twice", window_that_came_twice },
		{ "a gap after the timer", gap_after_the_timer },
		{ "duplicated ACKs make no DATA",
		    duplicated_acks_make_no_data },
		{ "block numbers wrap to 0", wrap },
		{ "block numbers wrap to 1", wrap_to_one },
		{ "the end is found while sending", end_found_while_sending },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo timers[] = {
		{ "a peer that never answers", unheard },
		{ "repeated requests", repeats },
		{ "our DATA as an ACK", echo_with_another_opcode },
		{ "resend and back off", resend_and_back_off },
		{ "back-off without a sample", back_off_without_a_sample },
		{ "the back-off has a ceiling", back_off_has_a_ceiling },
		{ "adaptive = no", fixed_timer },
		{ "a path that becomes slow is learnt", slow_path_is_learnt },
		{ "a window takes its time",
		    window_timer_waits_for_the_window },
		{ "a large window starts in bursts",
		    large_window_starts_in_bursts },
		{ "a ring that overflows is filled in bursts",
		    ring_that_overflows },
		{ "an ACK within a pause", ack_within_a_pause },
		{ "copies of ACKs are forgotten", copied_acks_are_forgotten },
		{ "ACKs of each block", acks_of_each_block },
		{ "a timer that alone moves it", timer_that_alone_moves_it },
		{ "agreed on very little", agreed_on_very_little },
		{ "answers to blocks that came twice",
		    answers_to_blocks_that_came_twice },
		{ "copies of a few blocks", copies_of_a_few_blocks },
		{ "silent about old blocks", silent_about_old_blocks },
		{ "no pauses unless adaptive", no_pauses_unless_adaptive },
		{ "copies of each ACK are learnt", copied_acks_are_learnt },
		{ "silence ends it", give_up },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo ends[] = {
		{ "the last ACK is missing", last_ack_missing },
		{ "refused", refused },
		{ "probe or abort", probe_or_abort },
		{ "a long ERROR text is cut", long_error_text_is_cut },
		{ "ended by the caller", ended_by_the_caller },
		{ "a failed write drops the ACK",
		    write_failure_drops_the_ack },
		{ "packets that fit no state", wrong_packets },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo writing[] = {
		{ "lock-step", upload },
		{ "before the address is proved", upload_before_the_proof },
		{ "dallying after a slow store", dallying_after_a_slow_store },
		{ "dallying, whatever was agreed on",
		    dallying_whatever_was_agreed },
		{ "a gap is news", upload_gap_is_news },
		{ "dallying is bounded", dally_is_bounded },
		{ "the end of dallying", upload_ends_dallying },
		{ "windows", upload_window },
		{ "the ACK is repeated slowly", upload_timer },
		{ "upload, agreed on very little",
		    upload_agreed_on_very_little },
		{ "a peer that never answers", upload_unheard },
		{ "block numbers wrap", upload_wrap },
		{ "DATA that is too long", upload_too_long },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "engine: reading", NULL, NULL, NULL, NULL, reading },
		{ "engine: timer", NULL, NULL, NULL, NULL, timers },
		{ "engine: ends", NULL, NULL, NULL, NULL, ends },
		{ "engine: writing", NULL, NULL, NULL, NULL, writing },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
