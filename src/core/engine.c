/*
 * Theory of operation
 * ===================
 *
 * A transfer is two counters that chase each other and a timer.
 *
 * Reading (RRQ): we send, the client acknowledges.
 *
 *	  acked          next-1 = end of the window
 *	    |              |
 *	1 2 3 4 5 6 7 8 9 10 ...          last
 *	      ^------------^ under way, at most windowsize
 *
 *	client            server
 *	RRQ ----------->           engine_start: OACK, or DATA 1 without options
 *	   <----------- OACK       ENGINE_OACK: the address is not proved yet
 *	ACK 0 --------->           ENGINE_SENDING: the first window
 *	   <----------- DATA 1..4
 *	ACK 4 --------->           the window's end: the next window
 *	   <----------- DATA 5..8  (6 gets lost)
 *	ACK 5 --------->           inside the window: go back to 6, at once
 *	   <----------- DATA 6..9
 *	ACK 5 --------->           the same gap again (EDK2 says it for every
 *	                           block after the gap): nothing
 *
 * An ACK that tells nothing new never makes DATA in lock-step (the
 * Sorcerer's Apprentice, RFC 1123 section 4.2.3.1).  In a window it is also
 * how a client says that the window's first block is lost, so it makes us go
 * back, but only once for each block (turned_at), and not when it is likely
 * to be a copy of the ACK before (is_copied_ack): when it comes sooner than
 * any answer to the running window could, or when the block that it
 * acknowledges was sent twice.  atftp acknowledges the end of a window for
 * each copy, and each of those ACKs would make a copy of the next window, to
 * the end of the file.  EDK2 acknowledges every block that it did not expect,
 * copies too: see move_window().
 *
 * A window may go out in bursts with pauses between them: src/core/pace.c.
 *
 * Writing (WRQ): the client sends, we acknowledge the last in-order block
 * at the end of each window, once at a gap, and again when the timer fires.
 *
 *	WRQ ----------->
 *	   <----------- OACK or ACK 0
 *	DATA 1..4 ----->           ENGINE_WRITE each
 *	   <----------- ACK 4
 *	DATA 5 (short)->           ENGINE_WRITE, ENGINE_STORE
 *	                           ... the caller gives the file its name ...
 *	   <----------- ACK 5      engine_on_stored: ENGINE_FINISH, then dally:
 *	DATA 5 -------->           the ACK was lost; it is sent again
 *	   <----------- ACK 5
 *
 * Proof of address.  Until the peer has answered (heard), only the first
 * reply is sent: by the timer 3 times, and once for each repeat of the
 * request.  So forged requests yield at most three small packets each.
 *
 * Timer.  Sending, it is RFC 6298 over measured round trips: a sample comes
 * only from blocks that were sent once (Karn), and a backed-off timer stays
 * so until the next sample, else a path that became slow would never be
 * measured again.  Receiving, it only repeats an ACK, and slowly: curl
 * resends everything for each ACK that it did not expect.
 *
 *	state		leaves for	on
 *	OACK		SENDING		ACK 0 (RRQ)
 *	OACK		RECEIVING	DATA (WRQ)
 *	SENDING		OVER		last ACK, ERROR, refused, silence
 *	RECEIVING	STORING		a short block
 *	STORING		DALLYING	engine_on_stored
 *	DALLYING	OVER		timer (7 s, or 2 timeouts), refused
 *	any		OVER		engine_end, ERROR from the client
 */
#include <string.h>

#include "core/engine.h"

#define US_PER_MS		1000ULL
#define RTO_MIN_US		(10 * US_PER_MS)
#define RTO_MAX_US		(4000 * US_PER_MS)
#define RTO_FIXED_US		(1000 * US_PER_MS)	/* adaptive = no */
#define ACK_REPEAT_US		(1000 * US_PER_MS)	/* receiving */
#define NOANSWER_WAIT_US	(4000 * US_PER_MS)	/* after the last try */
#define REPEAT_SPACING_US	(50 * US_PER_MS)
#define FIRST_REPLIES		3	/* by the timer, to a silent peer */
#define SILENT_TIMEOUTS		5	/* of the client's own, at least */
#define DALLY_US		(7000 * US_PER_MS)
#define COPY_MAX_US		(10 * US_PER_MS)
#define COPIED_ACKS		3	/* seen so many, no equal ACK is believed */
#define FORGET_AFTER		32	/* whole windows, for each of them */

/*
 * What each block of a window adds to the timer while no window was timed:
 * the OACK's round trip says nothing of how long 64 blocks take on 10 Mbit/s.
 */
#define UNTIMED_BLOCK_US	250ULL

static uint64_t
min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint16_t
engine_block(const struct engine *e, uint64_t index)
{
	if (e->granted.rollover == 0 || index == 0)
		return (uint16_t)index;
	return (uint16_t)((index - 1) % UINT16_MAX + 1);
}

/* The least index >= base with this number on the wire, or UINT64_MAX. */
static uint64_t
index_from_block(const struct engine *e, uint64_t base, uint16_t block)
{
	uint16_t have = engine_block(e, base);

	if (block == 0 && base != 0 && e->granted.rollover != 0)
		return UINT64_MAX;
	if (block >= have)
		return base + (uint64_t)(block - have);
	return base + (uint64_t)(block - have + UINT16_MAX) +
	    (e->granted.rollover == 0 ? 1 : 0);
}

/* ---- actions ---------------------------------------------------------- */

static struct engine_action *
push(struct engine *e, enum engine_action_kind kind)
{
	struct engine_action *act;

	if (e->taken == e->queued)
		e->taken = e->queued = 0;
	act = &e->queue[e->queued++];
	memset(act, 0, sizeof(*act));
	act->kind = kind;
	return act;
}

bool
engine_next(struct engine *e, struct engine_action *act)
{
	if (e->taken == e->queued)
		return false;
	*act = e->queue[e->taken++];
	if (act->kind == ENGINE_SEND_PACKET)
		e->counts.packets_sent++;
	if (act->kind == ENGINE_SEND_BLOCKS) {
		e->counts.packets_sent += act->count;
		e->counts.retransmits += act->resent;
	}
	return true;
}

void
engine_not_sent(struct engine *e, const struct engine_action *act)
{
	e->counts.packets_sent -= act->count;
	e->counts.retransmits -= act->resent;
}

static void
push_packet(struct engine *e, const uint8_t *pkt, size_t len)
{
	struct engine_action *act = push(e, ENGINE_SEND_PACKET);

	act->pkt = pkt;
	act->pkt_len = len;
}

static void
push_ack(struct engine *e, uint64_t now_us)
{
	packet_put_ack(e->pkt, engine_block(e, e->expected - 1));
	push_packet(e, e->pkt, PACKET_ACK_LEN);
	e->in_window = 0;
	e->timed_index = e->expected;
	e->timed_us = now_us;
}

static void
finish(struct engine *e, enum outcome outcome)
{
	e->outcome = outcome;
	e->state = ENGINE_OVER;
	e->deadline_us = ENGINE_NEVER;
	push(e, ENGINE_FINISH);
}

/* ---- time ------------------------------------------------------------- */

static void
rtt_sample(struct engine *e, uint64_t rtt_us)
{
	uint64_t diff;

	if (!e->has_rtt) {
		e->srtt_us = rtt_us;
		e->rttvar_us = rtt_us / 2;
		e->min_rtt_us = rtt_us;
		e->has_rtt = true;
	} else {
		diff = rtt_us > e->srtt_us ? rtt_us - e->srtt_us :
		    e->srtt_us - rtt_us;
		e->rttvar_us = (3 * e->rttvar_us + diff) / 4;
		e->srtt_us = (7 * e->srtt_us + rtt_us) / 8;
		e->min_rtt_us = min_u64(e->min_rtt_us, rtt_us);
	}
	/*
	 * Where samples are many the variance is small, and one late answer
	 * of a busy client would be a resend: two round trips of room at least.
	 */
	e->rto_us = max_u64(e->srtt_us + max_u64(4 * e->rttvar_us,
	    2 * e->srtt_us), RTO_MIN_US);
	e->backoff = 0;
}

/* How long to wait for the answer to what is sent now. */
static uint64_t
resend_after(const struct engine *e)
{
	uint64_t agreed = (uint64_t)e->granted.timeout_ms * US_PER_MS;
	uint64_t wait, ceiling = RTO_MAX_US;
	unsigned i;

	if (!e->adaptive) {
		wait = agreed != 0 ? agreed : RTO_FIXED_US;
		ceiling = max_u64(ceiling, wait);
	} else if (!e->has_rtt) {
		wait = agreed != 0 ? agreed : e->first_timeout_us;
		ceiling = agreed != 0 ? agreed : max_u64(ceiling, wait);
	} else {
		wait = e->rto_us;
		ceiling = agreed != 0 ? agreed : ceiling;
	}
	for (i = 0; i < e->backoff && wait < ceiling; i++)
		wait *= 2;
	return min_u64(wait, ceiling);
}

/* How long to wait before an ACK is repeated. */
static uint64_t
repeat_after(const struct engine *e)
{
	if (e->granted.timeout_ms == 0)
		return ACK_REPEAT_US;
	return (uint64_t)e->granted.timeout_ms * US_PER_MS;
}

/*
 * How long to be there for a client whose last ACK was lost.  It sends the
 * last block again after its own timeout: 5 s in tftp-hpa and atftp, 6 s in
 * curl.
 */
static uint64_t
dally_for(const struct engine *e)
{
	uint64_t agreed = (uint64_t)e->granted.timeout_ms * US_PER_MS;

	return min_u64(agreed != 0 ? 2 * agreed : DALLY_US, e->give_up_us);
}

/* The peer told something new. */
static void
note_news(struct engine *e, uint64_t now_us)
{
	uint64_t agreed = (uint64_t)e->granted.timeout_ms * US_PER_MS;

	e->heard = true;
	e->heard_us = now_us;
	e->silence_us = now_us + max_u64(e->give_up_us,
	    SILENT_TIMEOUTS * agreed);
}

/* The timer comes no later than the end of patience. */
static void
arm(struct engine *e, uint64_t now_us, uint64_t wait_us)
{
	e->deadline_us = now_us + wait_us;
	if (e->heard)
		e->deadline_us = min_u64(e->deadline_us, e->silence_us);
}

uint64_t
engine_deadline(const struct engine *e)
{
	return e->deadline_us;
}

uint32_t
engine_expects(const struct engine *e)
{
	uint64_t count = e->granted.windowsize;

	if (e->next <= e->window_end)
		count = e->window_end - e->next + 1;
	return (uint32_t)count;
}

/* ---- reading ---------------------------------------------------------- */

static void
note_resent(struct engine *e, uint64_t first, uint64_t last)
{
	if (e->resent_to == 0 || first > e->resent_to + 1)
		e->resent_from = first;
	e->resent_to = max_u64(e->resent_to, last);
}

/* Whether what the client acknowledged last reached it perhaps twice. */
static bool
was_resent(const struct engine *e)
{
	if (e->acked == 0)
		return e->first_replies > 1;
	return e->acked >= e->resent_from && e->acked <= e->resent_to;
}

/*
 * The last block of a burst is timed, if it was not sent before: only this
 * burst can have made the client acknowledge it.
 */
static void
note_sent(struct engine *e, uint64_t now_us, struct engine_action *act)
{
	uint64_t first = act->first, end = first + act->count - 1;

	if (first <= e->sent) {
		note_resent(e, first, min_u64(end, e->sent));
		act->resent = (uint32_t)(min_u64(end, e->sent) - first + 1);
	}
	if (end > e->sent) {
		if (e->fresh_index == 0)
			e->fresh_index = max_u64(first, e->sent + 1);
		e->timed_index = end;
		e->timed_us = now_us;
		e->sent = end;
	}
}

/* All of the window is under way, the last of it since burst_us. */
static void
await_ack(struct engine *e)
{
	uint64_t wait = resend_after(e);

	if (!e->window_timed)
		wait += (e->next - e->acked - 2) * UNTIMED_BLOCK_US;
	arm(e, e->burst_us, wait);
}

/* The next burst of the window; its last one waits for an ACK. */
static void
send_burst(struct engine *e, uint64_t now_us)
{
	struct engine_action *act = push(e, ENGINE_SEND_BLOCKS);
	uint64_t end = min_u64(e->next + e->pace.burst - 1, e->window_end);

	act->first = e->next;
	act->count = (uint32_t)(end - e->next + 1);
	note_sent(e, now_us, act);
	e->next = end + 1;
	e->burst_us = now_us;
	if (end < e->window_end)
		arm(e, now_us, e->pace.pause_us);
	else
		await_ack(e);
}

/* From acked + 1 on to the end of the window or file. */
static void
open_window(struct engine *e, uint64_t now_us)
{
	e->next = e->acked + 1;
	e->window_end = min_u64(e->acked + e->granted.windowsize, e->last);
	e->timed_index = 0;
	e->fresh_index = 0;
	e->excused_acks = 0;
	e->is_timers = false;
	e->window_us = now_us;
}

static void
send_window(struct engine *e, uint64_t now_us)
{
	open_window(e, now_us);
	send_burst(e, now_us);
}

static bool
is_pausing(const struct engine *e)
{
	return e->state == ENGINE_SENDING && e->next <= e->window_end;
}

/*
 * A block of the window is lost: go back to the first that is missing.  A
 * client that is paced first takes what it still has in its ring.
 */
static void
turn_back(struct engine *e, uint64_t now_us, uint64_t got)
{
	e->counts.gaps++;
	e->turned_at = e->acked + 1;
	pace_on_loss(&e->pace, (uint32_t)got, false);
	if (!pace_is_on(&e->pace)) {
		send_window(e, now_us);
		return;
	}
	open_window(e, now_us);
	arm(e, now_us, e->pace.pause_us);
}

static uint64_t
bytes_acked(const struct engine *e)
{
	if (e->acked == e->last)
		return (e->last - 1) * e->granted.blksize + e->last_len;
	return e->acked * e->granted.blksize;
}

/* What the ACK of a block that was sent only once tells of the path. */
static void
time_ack(struct engine *e, uint64_t now_us, uint64_t index)
{
	if (index == e->timed_index) {
		rtt_sample(e, now_us - e->timed_us);
		e->window_timed = true;
	} else if (e->fresh_index != 0 && index >= e->fresh_index) {
		/* not how long a window takes, but the path is alive */
		e->backoff = 0;
	}
}

/*
 * The client had some of the running window already, and says so for each
 * such block (EDK2).  What it lacks is on its way, so the window only moves;
 * going back would send more blocks twice, and have more such ACKs, to the
 * end of the file.
 *
 * excused    equal ACKs that may still come
 */
static void
move_window(struct engine *e, uint64_t now_us, uint64_t excused)
{
	bool was_pausing = is_pausing(e);

	if (e->is_timers)
		e->moved_at = e->acked;
	e->is_timers = false;
	e->excused_acks = (uint32_t)min_u64(e->granted.windowsize, excused);
	e->window_end = min_u64(e->acked + e->granted.windowsize, e->last);
	if (was_pausing)
		return;
	if (e->next <= e->window_end)
		send_burst(e, now_us);
	else
		arm(e, now_us, resend_after(e));
}

/*
 * Is a block in the middle of the window acknowledged because the client
 * had it before, not because the next one is missing?  So it is after the
 * timer sent all of it again, if the client is one that answers blocks which
 * it had; and where all that was sent twice has arrived and nothing after it.
 * A second loss in such a window waits for the timer.
 */
static bool
is_had_before(const struct engine *e, uint64_t index)
{
	if (e->is_timers && e->answers_old != ENGINE_DOES_NOT)
		return true;
	return index + 1 == e->fresh_index && index == e->resent_to;
}

static void
follow_ack(struct engine *e, uint64_t now_us, uint64_t index, uint64_t got)
{
	/* all that was sent, or more: the client knows of earlier windows */
	if (index + 1 >= e->next)
		send_window(e, now_us);
	else if (is_had_before(e, index))
		move_window(e, now_us, e->is_timers ? got - 1 :
		    e->resent_to - e->resent_from + 1);
	else
		turn_back(e, now_us, got);
}

/*
 * A network that reorders or doubles packets now and then is not one that
 * copies each ACK.
 */
static void
forget_copies(struct engine *e)
{
	if (e->copied_acks != 0 && ++e->clean_windows % FORGET_AFTER == 0)
		e->copied_acks--;
}

static void
on_new_ack(struct engine *e, uint64_t now_us, uint64_t index)
{
	bool is_window_end = index == e->window_end;
	uint64_t got = index - e->acked;

	time_ack(e, now_us, index);
	/* much sooner than any answer: there was nothing to go back for */
	if (e->turned_us != 0 && now_us - e->turned_us < e->min_rtt_us / 2)
		e->copied_acks = COPIED_ACKS;
	e->turned_us = 0;
	e->acked = index;
	e->counts.blocks = index;
	e->counts.bytes = bytes_acked(e);
	note_news(e, now_us);
	if (index == e->last) {
		finish(e, OUTCOME_COMPLETE);
		return;
	}
	if (is_window_end) {
		pace_on_whole(&e->pace, now_us - e->burst_us);
		forget_copies(e);
	}
	follow_ack(e, now_us, index, got);
}

/*
 * Copies come sooner than any answer to the running window could, or are of
 * a block that was sent twice.  Where they were seen, the next one that
 * comes later is likely to be one too.
 */
static bool
is_copied_ack(struct engine *e, uint64_t now_us)
{
	if (was_resent(e))
		return true;
	if (now_us - e->window_us < e->min_rtt_us - e->min_rtt_us / 8) {
		if (e->copied_acks < COPIED_ACKS)
			e->copied_acks++;
		e->clean_windows = 0;
		return true;
	}
	return e->copied_acks >= COPIED_ACKS;
}

static void
on_old_ack(struct engine *e, uint64_t now_us, uint64_t index)
{
	e->counts.duplicates++;
	if (e->granted.windowsize == 1 || index != e->acked || !e->heard)
		return;
	if (e->excused_acks != 0) {
		e->excused_acks--;
		e->answers_old = ENGINE_DOES;
		return;
	}
	if (e->turned_at == e->acked + 1 || is_copied_ack(e, now_us))
		return;
	e->turned_us = now_us;
	turn_back(e, now_us, 0);
}

static void
on_ack(struct engine *e, uint64_t now_us, uint16_t block)
{
	uint64_t index;

	if (e->state == ENGINE_OACK) {
		if (block != 0) {
			e->counts.duplicates++;
			return;
		}
		if (e->first_replies == 1)
			rtt_sample(e, now_us - e->first_reply_us);
		e->state = ENGINE_SENDING;
		note_news(e, now_us);
		pace_init(&e->pace, e->granted.windowsize, e->adaptive,
		    e->has_rtt ? e->srtt_us : 0);
		send_window(e, now_us);
		return;
	}
	index = index_from_block(e, e->acked, block);
	if (index > e->acked && index <= e->sent)
		on_new_ack(e, now_us, index);
	else
		on_old_ack(e, now_us, index);
}

void
engine_set_end(struct engine *e, uint64_t last, size_t last_len)
{
	bool was_pausing = is_pausing(e);

	e->last = last;
	e->last_len = last_len;
	e->window_end = min_u64(e->window_end, last);
	if (e->sent > last) {
		e->counts.packets_sent -= e->sent - last;
		e->sent = last;
		e->next = last + 1;
		e->timed_index = min_u64(e->timed_index, last);
	}
	/* the pause was for a burst that will not come */
	if (was_pausing && !is_pausing(e))
		await_ack(e);
}

/* ---- writing ---------------------------------------------------------- */

static void
on_next_data(struct engine *e, uint64_t now_us, struct packet_slice data)
{
	if (e->timed_index == e->expected)
		rtt_sample(e, now_us - e->timed_us);
	e->state = ENGINE_RECEIVING;
	e->expected++;
	e->in_window++;
	e->gap_acked = false;
	e->counts.blocks++;
	e->counts.bytes += data.len;
	note_news(e, now_us);
	if (data.len != 0)
		push(e, ENGINE_WRITE)->data = data;
	if (data.len < e->granted.blksize) {
		e->state = ENGINE_STORING;
		e->deadline_us = ENGINE_NEVER;
		push(e, ENGINE_STORE);
		return;
	}
	if (e->in_window >= e->granted.windowsize)
		push_ack(e, now_us);
	arm(e, now_us, repeat_after(e));
}

/*
 * The block that was acknowledged last came again: the ACK was lost, unless
 * the copy is on the heels of the first (a network that doubles packets;
 * curl and tftp-hpa send all the rest again for each ACK that is too many).
 * Inside a window an ACK would make the client go back for nothing.
 */
static void
answer_copy(struct engine *e, uint64_t now_us, uint16_t block)
{
	e->counts.duplicates++;
	if (!e->heard || e->in_window != 0 ||
	    block != engine_block(e, e->expected - 1) ||
	    now_us - e->timed_us < min_u64(e->srtt_us / 2, COPY_MAX_US))
		return;
	e->counts.retransmits++;
	push_ack(e, now_us);
	e->timed_index = 0;
	if (e->state == ENGINE_DALLYING)
		e->deadline_us = min_u64(now_us + dally_for(e),
		    e->silence_us);
}

/*
 * A block that is not the next one.  Ahead of it, one was lost: said once.
 */
static void
on_other_data(struct engine *e, uint64_t now_us, uint16_t block)
{
	uint64_t ahead = index_from_block(e, e->expected, block) - e->expected;

	if (ahead < e->granted.windowsize) {
		if (e->gap_acked)
			return;
		e->gap_acked = true;
		e->counts.gaps++;
		e->state = ENGINE_RECEIVING;
		note_news(e, now_us);
		push_ack(e, now_us);
		e->timed_index = 0;
		arm(e, now_us, repeat_after(e));
		return;
	}
	answer_copy(e, now_us, block);
}

static void
on_data(struct engine *e, uint64_t now_us, const struct packet *pkt)
{
	if (e->state == ENGINE_DALLYING) {
		answer_copy(e, now_us, pkt->block);
		return;
	}
	if (e->state == ENGINE_STORING)
		return;
	if (pkt->data.len > e->granted.blksize) {
		engine_end(e, now_us, OUTCOME_INVALID, PACKET_ERR_ILLEGAL,
		    "DATA is longer than the blksize agreed on");
		return;
	}
	if (pkt->block == engine_block(e, e->expected))
		on_next_data(e, now_us, pkt->data);
	else
		on_other_data(e, now_us, pkt->block);
}

void
engine_on_stored(struct engine *e, uint64_t now_us)
{
	if (e->state != ENGINE_STORING)
		return;
	push_ack(e, now_us);
	e->outcome = OUTCOME_COMPLETE;
	push(e, ENGINE_FINISH);
	e->state = ENGINE_DALLYING;
	/* storing may have taken longer than the patience for a silent peer */
	e->silence_us = now_us + e->give_up_us;
	e->deadline_us = now_us + dally_for(e);
}

/* ---- both ------------------------------------------------------------- */

void
engine_init(struct engine *e, const struct engine_setup *setup)
{
	memset(e, 0, sizeof(*e));
	e->op = setup->op;
	e->granted = *setup->granted;
	e->give_up_us = setup->give_up_ms * US_PER_MS;
	e->first_timeout_us = setup->first_timeout_ms * US_PER_MS;
	e->adaptive = setup->adaptive;
	e->next = 1;
	e->expected = 1;
	e->last = ENGINE_UNKNOWN;
	e->deadline_us = ENGINE_NEVER;
	pace_init(&e->pace, e->granted.windowsize, e->adaptive, 0);
	if (e->op == PACKET_RRQ && setup->size != ENGINE_UNKNOWN) {
		e->last = setup->size / e->granted.blksize + 1;
		e->last_len = (size_t)(setup->size % e->granted.blksize);
	}
}

/* The first reply, first or again; it is never more than one packet. */
static void
send_first_reply(struct engine *e, uint64_t now_us)
{
	if (e->first_replies != 0)
		e->counts.retransmits++;
	e->first_replies++;
	e->first_reply_us = now_us;
	if (e->granted.oack_len == 0 && e->op == PACKET_RRQ) {
		/* send_window() counts what was sent before */
		if (e->first_replies > 1)
			e->counts.retransmits--;
		send_window(e, now_us);
		return;
	}
	if (e->granted.oack_len != 0)
		push_packet(e, e->granted.oack, e->granted.oack_len);
	else
		push_ack(e, now_us);
	e->timed_us = now_us;
	e->timed_index = e->first_replies == 1 ? e->expected : 0;
}

void
engine_start(struct engine *e, uint64_t now_us)
{
	if (e->granted.oack_len != 0)
		e->state = ENGINE_OACK;
	else
		e->state = e->op == PACKET_RRQ ? ENGINE_SENDING :
		    ENGINE_RECEIVING;
	send_first_reply(e, now_us);
	e->timer_replies = 1;
	e->deadline_us = now_us + e->first_timeout_us;
}

static void
on_error(struct engine *e, uint64_t now_us, const struct packet *pkt)
{
	if (e->state == ENGINE_DALLYING) {
		e->state = ENGINE_OVER;
		e->deadline_us = ENGINE_NEVER;
		return;
	}
	note_news(e, now_us);
	e->has_error = true;
	e->error_by_client = true;
	e->error_code = pkt->error;
	e->error_text_len = min_u64(pkt->text.len, sizeof(e->error_text));
	if (e->error_text_len != 0)
		memcpy(e->error_text, pkt->text.buf, e->error_text_len);
	/*
	 * PXE ROMs and UEFI ask for the size this way and then start over.
	 * The phase tells, not code or text: they differ from ROM to ROM.
	 */
	if (e->op == PACKET_RRQ && e->granted.oack_len != 0 && e->acked == 0)
		finish(e, OUTCOME_PROBE);
	else
		finish(e, OUTCOME_ABORTED);
}

void
engine_on_packet(struct engine *e, uint64_t now_us, const uint8_t *buf,
    size_t len)
{
	struct packet pkt;

	if (e->state == ENGINE_OVER)
		return;
	e->counts.packets_received++;
	if (!packet_decode(buf, len, &pkt))
		return;
	if (pkt.op == PACKET_ERROR)
		on_error(e, now_us, &pkt);
	else if (pkt.op == PACKET_ACK && e->op == PACKET_RRQ)
		on_ack(e, now_us, pkt.block);
	else if (pkt.op == PACKET_DATA && e->op == PACKET_WRQ)
		on_data(e, now_us, &pkt);
}

/* To a peer that has not answered: 0, 1 and 3 first timeouts, then quiet. */
static void
on_unheard_timer(struct engine *e, uint64_t now_us)
{
	if (e->timer_replies >= FIRST_REPLIES) {
		finish(e, OUTCOME_NOANSWER);
		return;
	}
	e->counts.timeouts++;
	send_first_reply(e, now_us);
	e->timer_replies++;
	if (e->timer_replies == FIRST_REPLIES)
		e->deadline_us = now_us + NOANSWER_WAIT_US;
	else
		e->deadline_us = now_us + 2 * e->first_timeout_us;
}

static void
on_resend_timer(struct engine *e, uint64_t now_us)
{
	e->counts.timeouts++;
	if (e->op == PACKET_WRQ) {
		e->counts.retransmits++;
		push_ack(e, now_us);
		e->timed_index = 0;
		arm(e, now_us, repeat_after(e));
		return;
	}
	e->backoff++;
	/* what it said after the last resend was of a loss, after all */
	if (e->moved_at != 0 && e->moved_at == e->acked &&
	    e->answers_old == ENGINE_UNSEEN)
		e->answers_old = ENGINE_DOES_NOT;
	/* this round may lose its first block again, and be told so once */
	e->turned_at = 0;
	pace_on_loss(&e->pace, 0, true);
	send_window(e, now_us);
	e->is_timers = true;
}

void
engine_on_timer(struct engine *e, uint64_t now_us)
{
	if (e->state == ENGINE_OVER || now_us < e->deadline_us)
		return;
	if (e->state == ENGINE_DALLYING) {
		e->state = ENGINE_OVER;
		e->deadline_us = ENGINE_NEVER;
	} else if (!e->heard) {
		on_unheard_timer(e, now_us);
	} else if (now_us >= e->silence_us) {
		finish(e, e->op == PACKET_RRQ && e->sent == e->last ?
		    OUTCOME_UNCONFIRMED : OUTCOME_TIMEOUT);
	} else if (is_pausing(e)) {
		send_burst(e, now_us);
	} else {
		on_resend_timer(e, now_us);
	}
}

void
engine_on_repeat(struct engine *e, uint64_t now_us)
{
	uint64_t deadline_us = e->deadline_us;

	if (e->state == ENGINE_OVER || e->heard || e->first_replies == 0)
		return;
	e->counts.duplicates++;
	if (now_us - e->first_reply_us < REPEAT_SPACING_US)
		return;
	send_first_reply(e, now_us);
	e->deadline_us = deadline_us;
	if (e->timer_replies == FIRST_REPLIES)
		e->deadline_us = now_us + NOANSWER_WAIT_US;
}

void
engine_on_refused(struct engine *e, uint64_t now_us)
{
	(void)now_us;
	if (e->state == ENGINE_OVER)
		return;
	if (e->state == ENGINE_DALLYING) {
		e->state = ENGINE_OVER;
		e->deadline_us = ENGINE_NEVER;
	} else if (!e->heard) {
		finish(e, OUTCOME_NOANSWER);
	} else if (e->op == PACKET_RRQ && e->sent == e->last) {
		finish(e, OUTCOME_UNCONFIRMED);
	} else {
		finish(e, OUTCOME_VANISHED);
	}
}

static void
keep_error(struct engine *e, enum packet_error code, const char *text)
{
	size_t len = min_u64(strlen(text), sizeof(e->error_text));

	e->has_error = true;
	e->error_by_client = false;
	e->error_code = (uint16_t)code;
	e->error_text_len = len;
	memcpy(e->error_text, text, len);
}

void
engine_end(struct engine *e, uint64_t now_us, enum outcome outcome,
    enum packet_error code, const char *text)
{
	size_t len;

	(void)now_us;
	if (e->state == ENGINE_OVER || e->state == ENGINE_DALLYING) {
		e->state = ENGINE_OVER;
		e->deadline_us = ENGINE_NEVER;
		return;
	}
	/* what was still to be sent would contradict the ERROR */
	e->taken = e->queued = 0;
	if (text != NULL) {
		keep_error(e, code, text);
		len = packet_put_error(e->pkt, sizeof(e->pkt), code, text);
		/* an address that is not proved gets no fourth packet */
		if (e->heard || e->timer_replies < FIRST_REPLIES)
			push_packet(e, e->pkt, len);
	}
	finish(e, outcome);
}

bool
engine_is_over(const struct engine *e)
{
	return e->state == ENGINE_OVER && e->taken == e->queued;
}
