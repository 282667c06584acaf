#include <string.h>

#include "core/packet.h"
#include "world.h"

#define FIRST_REPLIES	3
#define LITTLE_US	1000000		/* longer than needed */
#define NOANSWER_US	4000000
#define TIMER_STEP_US	5000		/* half of the shortest timeout */
#define TIMER_SPARE	100
#define SPINS_MAX	8

static bool
is_read(const struct world *w)
{
	return w->plan->op == PACKET_RRQ;
}

static uint64_t
patience_us(const struct world *w)
{
	uint64_t agreed_us = 5000ULL * w->plan->timeout_ms;
	uint64_t give_up_us = 1000ULL * w->plan->give_up_ms;

	return agreed_us > give_up_us ? agreed_us : give_up_us;
}

/* A number that grows with everything that is news to the engine. */
static uint64_t
news(const struct world *w)
{
	const struct engine *e = &w->server.engine;

	if (is_read(w))
		return e->acked + (e->heard ? UINT32_MAX : e->first_replies);
	return e->expected + e->counts.gaps + (e->outcome == OUTCOME_COMPLETE) +
	    (e->heard ? UINT32_MAX : e->first_replies);
}

void
watch_begin(struct world *w)
{
	memset(&w->watch.t, 0, sizeof(w->watch.t));
	w->watch.t.started_us = w->watch.t.news_us = w->server.now_us;
}

/* ---- before ----------------------------------------------------------- */

/* ERROR, what belongs to the other direction, and what is no packet. */
static bool
is_never_answered(const struct world *w, const struct datagram *gram)
{
	if (gram->len < PACKET_HEADER_LEN || gram->buf[0] != 0)
		return true;
	return gram->buf[1] != (is_read(w) ? PACKET_ACK : PACKET_DATA);
}

void
watch_before(struct world *w, enum watch_cause cause,
    const struct datagram *gram)
{
	struct watch_transfer *t = &w->watch.t;
	const struct engine *e = &w->server.engine;

	t->cause = cause;
	t->fed = gram;
	t->must_be_silent = gram != NULL && is_never_answered(w, gram);
	t->before = e->counts;
	t->news_before = news(w);
	t->timer_was_due = e->deadline_us <= w->server.now_us;
	if (gram != NULL && e->state != ENGINE_OVER)
		t->fed_packets++;
	if (cause == CAUSE_REPEAT)
		t->repeats++;
}

/* ---- each action ------------------------------------------------------ */

static void
watch_send(struct world *w, uint32_t count, bool is_ack)
{
	struct watch_transfer *t = &w->watch.t;
	const struct engine *e = &w->server.engine;

	if (t->finishes != 0 && !(is_ack && !is_read(w) &&
	    e->outcome == OUTCOME_COMPLETE))
		world_break(w, "nothing-after-the-end",
		    "%u packets after FINISH", count);
	if (t->must_be_silent)
		world_break(w, "never-answered",
		    "%u packets for one that gets none", count);
	if (e->heard)
		return;
	t->unproved_sent += count;
	if (t->unproved_sent > FIRST_REPLIES + t->repeats)
		world_break(w, "unproved-gets-three",
		    "%llu packets, %llu repeats",
		    (unsigned long long)t->unproved_sent,
		    (unsigned long long)t->repeats);
	if (count != 1)
		world_break(w, "unproved-gets-three", "a whole window");
}

static void
watch_blocks(struct world *w, uint64_t first, uint32_t count)
{
	const struct engine *e = &w->server.engine;
	uint64_t end = first + count - 1;

	if (count == 0 || count > w->plan->windowsize || first <= e->acked ||
	    end > e->acked + w->plan->windowsize)
		world_break(w, "blocks-in-window",
		    "%llu..%llu, %llu acknowledged",
		    (unsigned long long)first, (unsigned long long)end,
		    (unsigned long long)e->acked);
	if (w->plan->size_known && end > plan_last(w->plan))
		world_break(w, "blocks-in-file", "%llu of %llu",
		    (unsigned long long)end,
		    (unsigned long long)plan_last(w->plan));
	watch_send(w, count, false);
}

static void
watch_packet(struct world *w, const struct engine_action *act)
{
	struct watch_transfer *t = &w->watch.t;
	const struct engine *e = &w->server.engine;
	bool is_ack = act->pkt[1] == PACKET_ACK;

	if (is_ack && e->expected - 1 == plan_last(w->plan) &&
	    !w->disk.stored && !w->is_tainted)
		world_break(w, "stored-before-last-ack", "ACK %llu",
		    (unsigned long long)e->expected - 1);
	t->sent_packets++;
	watch_send(w, 1, is_ack);
}

static void
watch_write(struct world *w, const struct packet_slice *data)
{
	const struct datagram *fed = w->watch.t.fed;

	if (fed == NULL || data->buf < fed->buf ||
	    data->buf + data->len > fed->buf + fed->len) {
		world_break(w, "writes-what-came", "bytes from elsewhere");
		return;
	}
	if (!w->is_tainted && !disk_same(w->plan->seed, w->disk.written,
	    data->buf, data->len))
		world_break(w, "writes-in-order", "other bytes at %llu",
		    (unsigned long long)w->disk.written);
}

static void
watch_complete(struct world *w)
{
	const struct disk *d = &w->disk;

	if (w->is_tainted)
		return;
	if (is_read(w) && w->client.whole_tid != w->server.tid)
		world_break(w, "complete-means-equal",
		    "the client has not got it");
	if (!is_read(w) && (!d->stored || !d->is_equal ||
	    d->written != w->plan->size))
		world_break(w, "complete-means-equal", "%llu of %llu bytes%s",
		    (unsigned long long)d->written,
		    (unsigned long long)w->plan->size,
		    d->stored ? "" : ", not stored");
}

/* The outcome must fit what has happened. */
static bool
is_outcome_true(const struct world *w)
{
	const struct engine *e = &w->server.engine;
	enum watch_cause cause = w->watch.t.cause;
	bool is_patient = w->server.now_us >= w->watch.t.news_us +
	    patience_us(w);

	switch (e->outcome) {
	case OUTCOME_COMPLETE:
		return true;
	case OUTCOME_UNCONFIRMED:
		return is_read(w) && e->sent == plan_last(w->plan) &&
		    (cause == CAUSE_REFUSED || is_patient);
	case OUTCOME_TIMEOUT:
		return e->heard && is_patient;
	case OUTCOME_PROBE:
		return is_read(w) && e->acked == 0 && cause == CAUSE_PACKET;
	case OUTCOME_ABORTED:
		return cause == CAUSE_PACKET;
	case OUTCOME_INVALID:
		return w->is_tainted;
	case OUTCOME_NOANSWER:
		return !e->heard;
	case OUTCOME_VANISHED:
		return e->heard;
	case OUTCOME_FAILED:
		return w->plan->disk != DISK_SOUND;
	case OUTCOME_SHUTDOWN:
		return w->plan->shutdown_us != 0;
	default:
		return false;
	}
}

static void
watch_finish(struct world *w)
{
	const struct engine *e = &w->server.engine;

	if (++w->watch.t.finishes != 1)
		world_break(w, "one-end", "%u ends", w->watch.t.finishes);
	if (!is_outcome_true(w))
		world_break(w, "outcome-is-true", "%s, %.6f s after news",
		    outcome_name(e->outcome), (double)(w->server.now_us -
		    w->watch.t.news_us) / 1e6);
	if (e->outcome == OUTCOME_COMPLETE)
		watch_complete(w);
}

void
watch_action(struct world *w, const struct engine_action *act)
{
	switch (act->kind) {
	case ENGINE_SEND_BLOCKS:
		watch_blocks(w, act->first, act->count);
		break;
	case ENGINE_SEND_PACKET:
		watch_packet(w, act);
		break;
	case ENGINE_WRITE:
		watch_write(w, &act->data);
		break;
	case ENGINE_STORE:
		break;
	case ENGINE_FINISH:
		watch_finish(w);
		break;
	}
}

void
watch_data(struct world *w)
{
	w->watch.t.sent_packets++;
	w->watch.t.sent_data++;
}

/* ---- after ------------------------------------------------------------ */

static void
watch_turns(struct world *w)
{
	struct watch_transfer *t = &w->watch.t;
	const struct engine *e = &w->server.engine;

	if (e->counts.gaps == t->before.gaps || !is_read(w))
		return;
	if (t->turned_at == e->acked + 1 &&
	    t->turned_timeouts == e->counts.timeouts)
		world_break(w, "one-turn-a-gap", "again to block %llu",
		    (unsigned long long)e->acked + 1);
	t->turned_at = e->acked + 1;
	t->turned_timeouts = e->counts.timeouts;
}

/* Each timeout and each gap costs a window at most. */
static void
watch_amount(struct world *w)
{
	const struct watch_transfer *t = &w->watch.t;
	const struct engine *e = &w->server.engine;
	const struct engine_counts *n = &e->counts;
	uint64_t allowed = 1 + e->first_replies;

	if (is_read(w))
		allowed += e->sent + w->plan->windowsize *
		    (n->timeouts + n->gaps);
	else
		allowed += n->packets_received + n->timeouts;
	if (n->packets_sent > allowed || t->sent_packets > allowed)
		world_break(w, "sends-no-more-than-needed",
		    "%llu, counted %llu, allowed %llu",
		    (unsigned long long)t->sent_packets,
		    (unsigned long long)n->packets_sent,
		    (unsigned long long)allowed);
}

static bool
never_less(const struct engine_counts *was, const struct engine_counts *is)
{
	return is->bytes >= was->bytes && is->blocks >= was->blocks &&
	    is->packets_received >= was->packets_received &&
	    is->retransmits >= was->retransmits &&
	    is->timeouts >= was->timeouts && is->gaps >= was->gaps &&
	    is->duplicates >= was->duplicates;
}

static void
watch_counts(struct world *w)
{
	const struct engine *e = &w->server.engine;
	const struct engine_counts *n = &e->counts;
	uint64_t blocks = is_read(w) ? e->acked : e->expected - 1;

	if (n->packets_received != w->watch.t.fed_packets ||
	    n->retransmits > n->packets_sent || n->blocks != blocks ||
	    !never_less(&w->watch.t.before, n))
		world_break(w, "counts-are-consistent",
		    "received %llu, resent %llu of %llu, blocks %llu",
		    (unsigned long long)n->packets_received,
		    (unsigned long long)n->retransmits,
		    (unsigned long long)n->packets_sent,
		    (unsigned long long)n->blocks);
	if (!w->is_tainted && (n->blocks > plan_last(w->plan) ||
	    n->bytes > w->plan->size))
		world_break(w, "counts-are-consistent", "beyond the end");
}

/* The end comes when it must, and the timer never runs wild. */
static void
watch_time(struct world *w)
{
	struct watch_transfer *t = &w->watch.t;
	const struct engine *e = &w->server.engine;
	uint64_t now_us = w->server.now_us, wait_us = patience_us(w);

	if (t->cause != CAUSE_TIMER || e->state == ENGINE_OVER)
		return;
	if (!e->heard)
		wait_us = 3000ULL * w->plan->first_timeout_ms + NOANSWER_US;
	if (now_us > t->news_us + wait_us + LITTLE_US + w->plan->late_us +
	    w->watch.slack_us)
		world_break(w, "ends-in-time", "%.6f s without news",
		    (double)(now_us - t->news_us) / 1e6);
	t->timer_calls += t->timer_was_due;
	t->spins = engine_deadline(e) > now_us ? 0 : t->spins + 1;
	if (t->spins > SPINS_MAX)
		world_break(w, "time-goes-on", "the deadline stays past");
	if (t->timer_calls > TIMER_SPARE + t->sent_data +
	    (now_us - t->started_us) / TIMER_STEP_US)
		world_break(w, "time-goes-on", "%llu timer calls",
		    (unsigned long long)t->timer_calls);
}

void
watch_after(struct world *w)
{
	struct watch_transfer *t = &w->watch.t;
	const struct engine *e = &w->server.engine;

	if (e->queued > ENGINE_QUEUE || e->taken > e->queued)
		world_break(w, "queue-holds", "%u actions", e->queued);
	if (t->cause == CAUSE_STORED)
		w->watch.stored_tid = w->server.tid;
	if (news(w) != t->news_before)
		t->news_us = w->server.now_us;
	watch_turns(w);
	watch_amount(w);
	watch_counts(w);
	watch_time(w);
}

/* ---- at the end ------------------------------------------------------- */

void
watch_client(struct world *w)
{
	if (!is_read(w) && !w->is_tainted &&
	    w->watch.stored_tid != w->client.tid)
		world_break(w, "last-ack-means-stored",
		    "the client believes that its file is there");
}

void
watch_end(struct world *w)
{
	const struct watch_transfer *t = &w->watch.t;
	const struct engine *e = &w->server.engine;

	if (t->finishes != 1 || e->outcome == OUTCOME_NONE)
		world_break(w, "one-end", "%u ends, %s", t->finishes,
		    outcome_name(e->outcome));
	if (e->counts.packets_sent != t->sent_packets)
		world_break(w, "counts-what-was-sent",
		    "%llu counted, %llu sent",
		    (unsigned long long)e->counts.packets_sent,
		    (unsigned long long)t->sent_packets);
	if (w->watch.has_first)
		return;
	w->watch.has_first = true;
	w->watch.first_outcome = e->outcome;
	w->watch.first_counts = e->counts;
	w->watch.first_end_us = w->server.now_us;
}

void
watch_world(struct world *w)
{
	const struct engine_counts *n = &w->watch.first_counts;
	enum outcome outcome = w->watch.first_outcome;

	/* nobody can help when all the first replies get lost */
	if (plan_is_mild(w->plan) && !w->client.has_it &&
	    outcome != OUTCOME_NOANSWER)
		world_break(w, "mild-means-success", "%s, but no file",
		    outcome_name(outcome));
	if (plan_is_clean(w->plan) &&
	    n->retransmits + n->timeouts + n->gaps + n->duplicates != 0)
		world_break(w, "clean-means-clean", "%llu sent again",
		    (unsigned long long)n->retransmits);
}
