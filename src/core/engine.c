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
 *	DALLYING	OVER		timer (7 s or more), refused
 *	any		OVER		engine_end, ERROR from the client
 */
#include <string.h>

#include "core/engine.h"
#include "engine_parts.h"

#define RTO_MIN_US		(10 * US_PER_MS)
#define NOANSWER_WAIT_US	(4000 * US_PER_MS)	/* after the last try */
#define REPEAT_SPACING_US	(50 * US_PER_MS)
#define FIRST_REPLIES		3	/* by the timer, to a silent peer */
#define ACK_MOST		64	/* bytes, of a peer's first one */
#define SILENT_TIMEOUTS		5	/* of the client's own, at least */

uint16_t
engine_block(const struct engine *e, uint64_t index)
{
	if (e->granted.rollover == 0 || index == 0)
		return (uint16_t)index;
	return (uint16_t)((index - 1) % UINT16_MAX + 1);
}

uint64_t
engine_index(const struct engine *e, uint64_t base, uint16_t block)
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

struct engine_action *
engine_push(struct engine *e, enum engine_action_kind kind)
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

void
engine_push_packet(struct engine *e, const uint8_t *pkt, size_t len)
{
	struct engine_action *act = engine_push(e, ENGINE_SEND_PACKET);

	act->pkt = pkt;
	act->pkt_len = len;
}

void
engine_finish(struct engine *e, enum outcome outcome)
{
	e->outcome = outcome;
	e->state = ENGINE_OVER;
	e->deadline_us = ENGINE_NEVER;
	engine_push(e, ENGINE_FINISH);
}

/* ---- time ------------------------------------------------------------- */

void
engine_sample(struct engine *e, uint64_t rtt_us)
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

void
engine_note_news(struct engine *e, uint64_t now_us)
{
	uint64_t agreed = (uint64_t)e->granted.timeout_ms * US_PER_MS;

	e->heard = true;
	e->heard_us = now_us;
	e->silence_us = now_us + max_u64(e->give_up_us,
	    SILENT_TIMEOUTS * agreed);
}

void
engine_arm(struct engine *e, uint64_t now_us, uint64_t wait_us)
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

/* ---- beginning ------------------------------------------------------- */

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
		/* engine_send_window() counts what was sent before */
		if (e->first_replies > 1)
			e->counts.retransmits--;
		engine_send_window(e, now_us);
		return;
	}
	if (e->granted.oack_len != 0)
		engine_push_packet(e, e->granted.oack, e->granted.oack_len);
	else
		engine_push_ack(e, now_us);
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
	engine_note_news(e, now_us);
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
		engine_finish(e, OUTCOME_PROBE);
	else
		engine_finish(e, OUTCOME_ABORTED);
}

/*
 * Something that sends back what it gets, but for the opcode, makes an ACK of
 * our DATA.  It would get the whole file, and send it back.
 */
static bool
is_echo(const struct engine *e, const struct packet *pkt, size_t len)
{
	return pkt->op == PACKET_ACK && !e->heard && len > ACK_MOST;
}

void
engine_on_packet(struct engine *e, uint64_t now_us, const uint8_t *buf,
    size_t len)
{
	struct packet pkt;

	if (e->state == ENGINE_OVER)
		return;
	e->counts.packets_received++;
	if (!packet_decode(buf, len, &pkt) || is_echo(e, &pkt, len))
		return;
	if (pkt.op == PACKET_ERROR)
		on_error(e, now_us, &pkt);
	else if (pkt.op == PACKET_ACK && e->op == PACKET_RRQ)
		engine_on_ack(e, now_us, pkt.block);
	else if (pkt.op == PACKET_DATA && e->op == PACKET_WRQ)
		engine_on_data(e, now_us, &pkt);
}

/* To a peer that has not answered: 0, 1 and 3 first timeouts, then quiet. */
static void
on_unheard_timer(struct engine *e, uint64_t now_us)
{
	if (e->timer_replies >= FIRST_REPLIES) {
		engine_finish(e, OUTCOME_NOANSWER);
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
	if (e->op == PACKET_WRQ)
		engine_repeat_ack(e, now_us);
	else
		engine_resend(e, now_us);
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
		engine_finish(e, e->op == PACKET_RRQ && e->sent == e->last ?
		    OUTCOME_UNCONFIRMED : OUTCOME_TIMEOUT);
	} else if (engine_is_pausing(e)) {
		engine_send_burst(e, now_us);
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
		engine_finish(e, OUTCOME_NOANSWER);
	} else if (e->op == PACKET_RRQ && e->sent == e->last) {
		engine_finish(e, OUTCOME_UNCONFIRMED);
	} else {
		engine_finish(e, OUTCOME_VANISHED);
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
			engine_push_packet(e, e->pkt, len);
	}
	engine_finish(e, outcome);
}

bool
engine_is_over(const struct engine *e)
{
	return e->state == ENGINE_OVER && e->taken == e->queued;
}
