/*
 * The sending of a file; engine.c opens with the theory of operation.
 */
#include "core/engine.h"
#include "engine_parts.h"

#define RTO_MAX_US		(4000 * US_PER_MS)
/* A client may agree on 10 ms; a silent one is not sent to a hundred times. */
#define CEILING_MIN_US		(1000 * US_PER_MS)
#define RTO_FIXED_US		(1000 * US_PER_MS)	/* adaptive = no */
#define STEPS			3	/* ACKs in a row, of one block each */
#define COPIED_ACKS		3	/* seen so many, no equal ACK is believed */
#define FORGET_AFTER		32	/* whole windows, for each of them */

/*
 * What each block of a window adds to the timer while no window was timed:
 * the OACK's round trip says nothing of how long 64 blocks take on 10 Mbit/s.
 */
#define UNTIMED_BLOCK_US	250ULL

/* ---- time ------------------------------------------------------------- */

/* How long to wait for an answer, before any back-off. */
static uint64_t
first_wait(const struct engine *e)
{
	uint64_t agreed = (uint64_t)e->granted.timeout_ms * US_PER_MS;

	if (e->adaptive && e->has_rtt)
		return e->rto_us;
	if (agreed != 0)
		return agreed;
	return e->adaptive ? e->first_timeout_us : RTO_FIXED_US;
}

/* The longest wait: the client's own, if that is what was agreed on. */
static uint64_t
longest_wait(const struct engine *e)
{
	uint64_t agreed = (uint64_t)e->granted.timeout_ms * US_PER_MS;

	if (!e->adaptive)
		return max_u64(RTO_MAX_US, agreed);
	if (agreed != 0)
		return max_u64(CEILING_MIN_US, agreed);
	return e->has_rtt ? RTO_MAX_US : max_u64(RTO_MAX_US,
	    e->first_timeout_us);
}

/* How long to wait for the answer to what is sent now. */
static uint64_t
resend_after(const struct engine *e)
{
	uint64_t wait = first_wait(e), ceiling = longest_wait(e);
	unsigned i;

	for (i = 0; i < e->backoff && wait < ceiling; i++)
		wait *= 2;
	return min_u64(wait, ceiling);
}

/* ---- what goes out ---------------------------------------------------- */

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
	engine_arm(e, e->burst_us, wait);
}

/* The next burst of the window; its last one waits for an ACK. */
void
engine_send_burst(struct engine *e, uint64_t now_us)
{
	struct engine_action *act = engine_push(e, ENGINE_SEND_BLOCKS);
	uint64_t end = min_u64(e->next + e->pace.burst - 1, e->window_end);

	act->first = e->next;
	act->count = (uint32_t)(end - e->next + 1);
	note_sent(e, now_us, act);
	e->next = end + 1;
	e->burst_us = now_us;
	if (end < e->window_end)
		engine_arm(e, now_us, e->pace.pause_us);
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

void
engine_send_window(struct engine *e, uint64_t now_us)
{
	open_window(e, now_us);
	e->opened_us = now_us;
	engine_send_burst(e, now_us);
}

bool
engine_is_pausing(const struct engine *e)
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
	pace_on_loss(&e->pace, (uint32_t)got, now_us - e->window_us);
	if (!pace_is_on(&e->pace)) {
		engine_send_window(e, now_us);
		return;
	}
	open_window(e, now_us);
	e->opened_us = now_us;
	engine_arm(e, now_us, e->pace.pause_us);
}

static uint64_t
bytes_acked(const struct engine *e)
{
	if (e->acked == e->last)
		return (e->last - 1) * e->granted.blksize + e->last_len;
	return e->acked * e->granted.blksize;
}

/*
 * An ACK after the timer sent the window again: the path has become slow, and
 * this is the answer to the first time; or blocks were lost, and it is the
 * answer to the last.  Believe the first, once: if the timer fires again
 * although it was set that long, it is the second, and a timer that is backed
 * off further would only let the client wait.
 */
static void
step_back(struct engine *e, uint64_t now_us)
{
	uint64_t since_us = e->has_waited ? e->window_us : e->opened_us;
	uint64_t wait = first_wait(e);
	uint32_t enough = 0;

	e->has_waited = true;
	for (; enough < e->backoff && wait < 2 * (now_us - since_us); wait *= 2)
		enough++;
	e->backoff = enough;
}

/* What the ACK of a block that was sent only once tells of the path. */
static void
time_ack(struct engine *e, uint64_t now_us, uint64_t index)
{
	if (index == e->timed_index) {
		engine_sample(e, now_us - e->timed_us);
		e->window_timed = true;
		e->has_waited = false;
	} else if (e->fresh_index != 0 && index >= e->fresh_index) {
		/* not how long a window takes, but the path is alive */
		e->backoff = 0;
	} else if (e->backoff != 0) {
		step_back(e, now_us);
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
	bool was_pausing = engine_is_pausing(e);

	if (e->is_timers) {
		e->moved_at = e->acked;
		pace_note_got(&e->pace, (uint32_t)(excused + 1));
	}
	e->is_timers = false;
	e->excused_acks = (uint32_t)min_u64(e->granted.windowsize, excused);
	e->window_end = min_u64(e->acked + e->granted.windowsize, e->last);
	if (was_pausing)
		return;
	if (e->next <= e->window_end)
		engine_send_burst(e, now_us);
	else
		engine_arm(e, now_us, resend_after(e));
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

/*
 * Some clients acknowledge each block, whatever the window.  Going back each
 * time would send a window for a block.
 */
static bool
acks_each_block(struct engine *e, uint64_t got)
{
	e->steps = got == 1 ? e->steps + 1 : 0;
	return e->steps >= STEPS;
}

static void
follow_ack(struct engine *e, uint64_t now_us, uint64_t index, uint64_t got)
{
	bool is_step = acks_each_block(e, got);

	/* all that was sent, or more: the client knows of earlier windows */
	if (index + 1 >= e->next)
		engine_send_window(e, now_us);
	else if (is_had_before(e, index))
		move_window(e, now_us, e->is_timers ? got - 1 :
		    e->resent_to - e->resent_from + 1);
	else if (is_step)
		move_window(e, now_us, 0);
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
	engine_note_news(e, now_us);
	if (index == e->last) {
		engine_finish(e, OUTCOME_COMPLETE);
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

void
engine_on_ack(struct engine *e, uint64_t now_us, uint16_t block)
{
	uint64_t index;

	if (e->state == ENGINE_OACK) {
		if (block != 0) {
			e->counts.duplicates++;
			return;
		}
		if (e->first_replies == 1)
			engine_sample(e, now_us - e->first_reply_us);
		e->state = ENGINE_SENDING;
		engine_note_news(e, now_us);
		pace_init(&e->pace, e->granted.windowsize, e->adaptive,
		    e->has_rtt ? e->srtt_us : 0);
		engine_send_window(e, now_us);
		return;
	}
	index = engine_index(e, e->acked, block);
	if (index > e->acked && index <= e->sent)
		on_new_ack(e, now_us, index);
	else
		on_old_ack(e, now_us, index);
}

void
engine_resend(struct engine *e, uint64_t now_us)
{
	e->backoff++;
	/* what it said after the last resend was of a loss, after all */
	if (e->moved_at != 0 && e->moved_at == e->acked &&
	    e->answers_old == ENGINE_UNSEEN)
		e->answers_old = ENGINE_DOES_NOT;
	/* this round may lose its first block again, and be told so once */
	e->turned_at = 0;
	pace_on_silence(&e->pace);
	open_window(e, now_us);
	e->is_timers = true;
	engine_send_burst(e, now_us);
}

uint32_t
engine_expects(const struct engine *e)
{
	uint64_t count = e->granted.windowsize;

	if (e->next <= e->window_end)
		count = e->window_end - e->next + 1;
	return (uint32_t)count;
}

void
engine_set_end(struct engine *e, uint64_t last, size_t last_len)
{
	bool was_pausing = engine_is_pausing(e);

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
	if (was_pausing && !engine_is_pausing(e))
		await_ack(e);
}

