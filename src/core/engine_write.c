/*
 * The receiving of a file; engine.c opens with the theory of operation.
 */
#include "core/engine.h"
#include "engine_parts.h"

#define ACK_REPEAT_US		(1000 * US_PER_MS)	/* receiving */
#define DALLY_US		(7000 * US_PER_MS)
#define COPY_MAX_US		(10 * US_PER_MS)

/*
 * How long to wait before an ACK is repeated.  A client may agree on 10 ms; a
 * silent one gets an ACK a second, in the end.
 */
static uint64_t
repeat_after(const struct engine *e)
{
	uint64_t agreed = (uint64_t)e->granted.timeout_ms * US_PER_MS;
	uint64_t wait = agreed;
	uint32_t i;

	if (agreed == 0)
		return ACK_REPEAT_US;
	for (i = 0; i < e->backoff && wait < ACK_REPEAT_US; i++)
		wait *= 2;
	return min_u64(wait, max_u64(agreed, ACK_REPEAT_US));
}

/*
 * How long to be there for a client whose last ACK was lost.  It sends the
 * last block again after its own timeout: 5 s in tftp-hpa and atftp, 6 s in
 * curl, and whatever was agreed on, not all of them keep to it.
 */
static uint64_t
dally_for(const struct engine *e)
{
	uint64_t agreed = (uint64_t)e->granted.timeout_ms * US_PER_MS;

	return min_u64(max_u64(2 * agreed, DALLY_US), e->give_up_us);
}

void
engine_push_ack(struct engine *e, uint64_t now_us)
{
	packet_put_ack(e->pkt, engine_block(e, e->expected - 1));
	engine_push_packet(e, e->pkt, PACKET_ACK_LEN);
	e->in_window = 0;
	e->timed_index = e->expected;
	e->timed_us = now_us;
}

static void
on_next_data(struct engine *e, uint64_t now_us, struct packet_slice data)
{
	if (e->timed_index == e->expected)
		engine_sample(e, now_us - e->timed_us);
	e->state = ENGINE_RECEIVING;
	e->expected++;
	e->in_window++;
	e->gap_acked = false;
	e->backoff = 0;
	e->counts.blocks++;
	e->counts.bytes += data.len;
	engine_note_news(e, now_us);
	if (data.len != 0)
		engine_push(e, ENGINE_WRITE)->data = data;
	if (data.len < e->granted.blksize) {
		e->state = ENGINE_STORING;
		e->deadline_us = ENGINE_NEVER;
		engine_push(e, ENGINE_STORE);
		return;
	}
	if (e->in_window >= e->granted.windowsize)
		engine_push_ack(e, now_us);
	engine_arm(e, now_us, repeat_after(e));
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
	engine_push_ack(e, now_us);
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
	uint64_t ahead = engine_index(e, e->expected, block) - e->expected;

	if (ahead < e->granted.windowsize) {
		if (e->gap_acked)
			return;
		e->gap_acked = true;
		e->backoff = 0;
		e->counts.gaps++;
		e->state = ENGINE_RECEIVING;
		engine_note_news(e, now_us);
		engine_push_ack(e, now_us);
		e->timed_index = 0;
		engine_arm(e, now_us, repeat_after(e));
		return;
	}
	answer_copy(e, now_us, block);
}

void
engine_on_data(struct engine *e, uint64_t now_us, const struct packet *pkt)
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
	engine_push_ack(e, now_us);
	e->outcome = OUTCOME_COMPLETE;
	engine_push(e, ENGINE_FINISH);
	e->state = ENGINE_DALLYING;
	/* storing may have taken longer than the patience for a silent peer */
	e->silence_us = now_us + e->give_up_us;
	e->deadline_us = now_us + dally_for(e);
}

void
engine_repeat_ack(struct engine *e, uint64_t now_us)
{
	e->counts.retransmits++;
	e->backoff++;
	engine_push_ack(e, now_us);
	e->timed_index = 0;
	engine_arm(e, now_us, repeat_after(e));
}
