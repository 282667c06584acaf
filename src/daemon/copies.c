/*
 * Is it a copy of a request, or a new one?  Clients ask again when the answer
 * is slow, networks double packets, boot ROMs take the same port after a reset.
 */
#include <signal.h>
#include <string.h>

#include "children_parts.h"
#include "os/callgate.h"
#include "os/clock.h"

#define LATE_COPY	(1 * US_PER_S)	/* a repeat this soon is no reset */
#define ORDER_SPAN	(250 * 1000)	/* an order is taken by then */
#define LATE_REFUSED	(50 * 1000)	/* of a refused one: no client is as fast */

/* ---- those that have ended -------------------------------------------- */

/*
 * A small file is sent before the copies of its request have all been read;
 * they must not start it again.  What came after the client's last word is
 * no copy: tftp-hpa asks for the next file from the same port, at once.
 */
void
children_remember(struct children *c, uint32_t index)
{
	const struct child *kid = &c->list[index];
	struct live_slot *slot = slot_at(c, index);
	struct past *p = &c->past[c->past_next];
	uint32_t outcome = atomic_load(&slot->outcome);
	uint64_t heard_us = atomic_load(&slot->heard_us);

	if (outcome == OUTCOME_NOANSWER)
		seen_note(c->silent, children_mark_of(c, kid->whole_hash),
		    clock_mono_us());
	if (outcome == OUTCOME_VANISHED || outcome == OUTCOME_NONE)
		return;
	p->until_us = heard_us != 0 ? heard_us :
	    clock_mono_us() + LATE_REFUSED;
	p->peer = kid->peer;
	c->past_hashes[c->past_next] = kid->whole_hash;
	c->past_next = (c->past_next + 1) % PAST_MAX;
}

uint64_t
request_arrived_us(const struct request *r)
{
	return r->received_us - r->origin.waited_us;
}

static bool
is_past(const struct children *c, const struct request *r)
{
	unsigned i;

	for (i = 0; i < PAST_MAX; i++)
		if (c->past_hashes[i] == r->whole_hash &&
		    request_arrived_us(r) < c->past[i].until_us &&
		    netio_equal(&c->past[i].peer, &r->origin.peer))
			return true;
	return false;
}

/* ---- those that run --------------------------------------------------- */

/*
 * A live transfer of the same client, port, operation and name; with
 * single-port of the same client and port, for there can be one only.  Several
 * can be left for a moment after a reset: the youngest is the one meant.
 */
static struct child *
find_same(struct children *c, const struct request *r, uint32_t *slot)
{
	struct child *found = NULL, *kid;
	uint32_t i;

	for (i = 0; i < c->service->slots; i++) {
		if (c->names[i] != r->name_hash || c->pids[i] == 0)
			continue;
		kid = &c->list[i];
		if (kid->was_told_to_go ||
		    !netio_equal(&kid->peer, &r->origin.peer))
			continue;
		if (found == NULL || kid->started_us >= found->started_us) {
			found = kid;
			*slot = i;
		}
	}
	return found;
}

static bool
has_ended(struct children *c, uint32_t slot)
{
	return atomic_load(&slot_at(c, slot)->state) == LIVE_ENDED;
}

/*
 * A ready process that has not even taken its order by now is stopped: it is
 * ended, and the order goes to another.
 */
static void
tell_of_repeat(struct children *c, const struct request *r, uint32_t slot)
{
	pid_t pid = c->pids[slot];

	if (r->received_us >= c->list[slot].started_us + ORDER_SPAN &&
	    pool_unserved(&c->pool, pid) != NULL)
		(void)callgate_kill(pid, SIGKILL);
	else
		transfer_tell(pid, TRANSFER_REPEAT);
}

/*
 * The same request as one that is live.  PXE ROMs take the same port after a
 * reset, so one that comes when the peer has been heard and is quiet again is
 * a new boot.
 */
static enum children_verdict
judge_same(struct children *c, const struct request *r, uint32_t slot)
{
	uint64_t heard_us = atomic_load(&slot_at(c, slot)->heard_us);
	bool is_over = has_ended(c, slot);

	if (heard_us == 0) {
		if (!is_over)
			tell_of_repeat(c, r, slot);
		return CHILDREN_COPY;
	}
	if (request_arrived_us(r) < heard_us)
		return CHILDREN_COPY;
	if (!is_over && request_arrived_us(r) < heard_us + LATE_COPY)
		return CHILDREN_DOUBTFUL;
	return CHILDREN_NEW;
}

static enum children_verdict
judge_live(struct children *c, const struct request *r)
{
	enum children_verdict verdict = CHILDREN_NEW;
	struct child *kid;
	uint32_t slot = 0;

	kid = find_same(c, r, &slot);
	if (kid == NULL)
		return CHILDREN_NEW;
	/* dead, and only not reaped yet: its port was closed before */
	if (atomic_load(&slot_at(c, slot)->outcome) == OUTCOME_VANISHED)
		return CHILDREN_NEW;
	if (kid->whole_hash == r->whole_hash)
		verdict = judge_same(c, r, slot);
	else if (c->service->conf->single_port &&
	    request_arrived_us(r) < kid->arrived_us)
		return CHILDREN_STALE;
	if (verdict == CHILDREN_NEW)
		children_tell_to_go(c, slot, TRANSFER_REPLACED);
	return verdict;
}

bool
children_has_ended(struct children *c, const struct request *r)
{
	uint32_t slot = 0;

	return find_same(c, r, &slot) == NULL || has_ended(c, slot);
}

/*
 * A copy of a request that a transfer of another dispatcher serves, one
 * that only ends its transfers or has died.  It cannot be told; its timer
 * sends the first reply again.
 */
static bool
is_strangers(struct children *c, const struct request *r)
{
	char theirs[LIVE_ADDR_MAX];
	struct live_slot *slot;
	uint64_t heard_us;
	bool is_copy = false;
	uint32_t i;

	if (c->strangers == 0)
		return false;
	c->strangers = 0;
	for (i = 0; i < c->service->slots; i++) {
		slot = slot_at(c, i);
		if (atomic_load(&slot->state) != LIVE_RUNNING ||
		    c->pids[i] != 0)
			continue;
		c->strangers++;
		if (slot->whole_hash != r->whole_hash ||
		    slot->client_port != netio_port(&r->origin.peer))
			continue;
		live_get_text(slot->client, sizeof(theirs), theirs);
		heard_us = atomic_load(&slot->heard_us);
		if (strcmp(r->client, theirs) == 0 && (heard_us == 0 ||
		    r->received_us < heard_us + LATE_COPY))
			is_copy = true;
	}
	return is_copy;
}

enum children_verdict
children_judge(struct children *c, const struct request *r)
{
	enum children_verdict verdict;

	if (is_past(c, r))
		return CHILDREN_COPY;
	verdict = judge_live(c, r);
	if (verdict == CHILDREN_NEW && is_strangers(c, r))
		return CHILDREN_COPY;
	return verdict;
}
