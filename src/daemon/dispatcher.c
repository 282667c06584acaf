#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "core/packet.h"
#include "core/pathname.h"
#include "daemon/dispatcher.h"
#include "daemon/transfer.h"
#include "os/clock.h"
#include "os/diag.h"
#include "os/resolve.h"
#include "os/shm.h"

#define US_PER_S	1000000ULL
#define REQUEST_MAX	4096	/* bytes; a longer one is no request of ours */
#define WAITING_MAX	1024	/* requests that wait for room */
#define WAIT_FOR_ROOM	(1 * US_PER_S)
#define SILENT_LONG	(2 * US_PER_S)	/* such a transfer makes room */
#define LATE_COPY	(1 * US_PER_S)	/* a repeat this soon is no reset */
#define TERM_PATIENCE	(30 * US_PER_S)
#define KILL_PATIENCE	(5 * US_PER_S)
#define LATE_REFUSED	(50 * 1000)	/* of a refused one: no client is as fast */
#define PAST_MAX	1024	/* ended transfers that are remembered */
#define INTAKE_BATCH	64	/* datagrams between two looks at the rest */
#define NEVER		UINT64_MAX

/* A datagram with where it came from. */
struct request {
	const struct netio_listener *listener;
	struct netio_origin origin;
	uint64_t received_us;
	uint64_t name_hash;	/* operation and name */
	uint64_t whole_hash;	/* mode and options too */
	size_t len;
	uint8_t buf[REQUEST_MAX];
};

/* A running transfer; the index is its slot. */
struct child {
	pid_t pid;		/* 0: free */
	union netio_addr peer;
	uint64_t name_hash, whole_hash;
	uint64_t started_us;
	bool was_told_to_go;
};

/* A transfer that has ended, while copies of its request may still come. */
struct past {
	union netio_addr peer;
	uint64_t whole_hash;
	uint64_t until_us;
};

struct dispatcher {
	struct service *service;
	int control;		/* -1: the keeper is gone */
	char *table;		/* all slots */
	struct child *children;
	unsigned running;
	uint32_t next_slot;
	struct request *waiting;	/* a ring */
	unsigned waiting_first, waiting_count;
	struct past *past;		/* a ring */
	unsigned past_next;
	struct request intake;		/* the datagram being looked at */

	uint64_t id_seed, id_count;
	uint64_t last_request_us;
	bool is_draining;
	uint64_t term_at_us, kill_at_us;
	sigset_t waiting_mask;

	uint64_t requests, repeats, ignored;
	uint64_t dropped_by[LAUNCH_MAX];
	uint64_t log_lost;	/* records since the log stopped working */
};

static struct live_slot *
slot_at(struct dispatcher *d, uint32_t slot)
{
	return (struct live_slot *)(void *)(d->table + live_offset(slot));
}

/* ---- identity --------------------------------------------------------- */

/* FNV-1a: a client that makes its own requests collide cheats itself. */
static uint64_t
hash_bytes(uint64_t hash, const uint8_t *buf, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		hash = (hash ^ buf[i]) * 0x100000001b3ULL;
	return hash;
}

static void
identify(struct request *r)
{
	const uint64_t basis = 0xcbf29ce484222325ULL;
	struct packet_request req;

	(void)packet_decode_request(r->buf, r->len, &req);
	r->whole_hash = hash_bytes(basis, r->buf, r->len);
	r->name_hash = hash_bytes(basis + (uint64_t)req.op, req.name.buf,
	    req.name.len);
}

/* Ids that nobody can guess from the ones before, without a system call. */
static void
make_id(struct dispatcher *d, char out[static TRANSLOG_ID_LEN + 1])
{
	uint64_t z = d->id_seed + ++d->id_count * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	z ^= z >> 31;
	snprintf(out, TRANSLOG_ID_LEN + 1, "%016llx", (unsigned long long)z);
}

/* ---- records ---------------------------------------------------------- */

/* Serving goes on without a log; said once, and again when it works. */
static void
note_log_result(struct dispatcher *d, uint32_t log_errno)
{
	struct translog_record rec;
	char text[128];
	uint64_t lost;

	if (log_errno != 0 && log_errno != EBADF) {
		if (d->log_lost++ == 0)
			diag_log(DIAG_ERROR, "%s: %s; transfers go on without "
			    "their records", d->service->conf->log_path,
			    strerror((int)log_errno));
		return;
	}
	if (d->log_lost == 0)
		return;
	lost = d->log_lost;
	d->log_lost = 0;
	translog_clear(&rec);
	snprintf(text, sizeof(text), "the log could not be written: about "
	    "%llu records are missing here", (unsigned long long)lost);
	(void)service_notice(d->service, &rec, text);
	diag_log(DIAG_NOTICE, "%s: written again", d->service->conf->log_path);
}

static void
notice(struct dispatcher *d, const char *text, bool with_counts)
{
	struct translog_record rec;
	uint64_t dropped = 0;
	int i;

	translog_clear(&rec);
	if (with_counts) {
		for (i = 0; i < LAUNCH_MAX; i++)
			dropped += d->dropped_by[i];
		rec.numbers[TRANSLOG_REQUESTS] = (int64_t)d->requests;
		rec.numbers[TRANSLOG_REPEATS] = (int64_t)d->repeats;
		rec.numbers[TRANSLOG_IGNORED] = (int64_t)d->ignored;
		rec.numbers[TRANSLOG_DROPPED] = (int64_t)dropped;
	}
	(void)service_notice(d->service, &rec, text);
}

/* ---- the dead --------------------------------------------------------- */

/*
 * Remove a dead upload's hidden file, in a child: the file system may hang.
 * The table can be written by every transfer, so the name is only taken if
 * it is one of ours, and the walls bound what it can reach.
 */
static void
remove_hidden(struct dispatcher *d, const char *hidden)
{
	char dir[PATHNAME_MAX + 1];
	const char *base;
	pid_t pid;

	if (strlen(hidden) > PATHNAME_MAX)
		return;
	base = pathname_split(hidden, dir);
	if (!pathname_is_hidden(base))
		return;
	pid = fork();
	if (pid != 0)
		return;
	service_stop_listening(d->service);
	(void)resolve_unlink(dir, base);
	_exit(0);
}

/* The end of a transfer that can no longer write it. */
static void
record_crash(struct dispatcher *d, const struct live_slot *slot,
    const char *message)
{
	struct translog_record rec;
	uint64_t now_us = clock_real_us();
	size_t file_len = slot->file_len;
	int err;

	translog_clear(&rec);
	rec.event = TRANSLOG_TRANSFER;
	rec.outcome = OUTCOME_CRASHED;
	live_get_text(slot->id, sizeof(rec.id), rec.id);
	rec.op = slot->is_write ? TRANSLOG_WRITE : TRANSLOG_READ;
	live_get_text(slot->client, sizeof(rec.client), rec.client);
	live_get_text(slot->server, sizeof(rec.server), rec.server);
	rec.numbers[TRANSLOG_CLIENT_PORT] = slot->client_port;
	rec.file.buf = slot->file;
	rec.file.len = file_len < LIVE_TEXT_MAX ? file_len : LIVE_TEXT_MAX;
	rec.numbers[TRANSLOG_BYTES] = (int64_t)atomic_load(&slot->bytes);
	if (slot->started_us != 0 && slot->started_us < now_us)
		rec.numbers[TRANSLOG_DURATION_US] =
		    (int64_t)(now_us - slot->started_us);
	rec.message.buf = (const uint8_t *)message;
	rec.message.len = strlen(message);
	err = service_record(d->service, &rec);
	note_log_result(d, (uint32_t)-err);
}

static void
free_slot(struct live_slot *slot)
{
	slot->hidden[0] = '\0';
	slot->pid = 0;
	atomic_store(&slot->state, LIVE_FREE);
}

/* Write the end that a dead process left open, unless it wrote it. */
static void
bury(struct dispatcher *d, uint32_t index, const char *message)
{
	struct live_slot *slot = slot_at(d, index);
	char hidden[sizeof(slot->hidden)];
	uint32_t state = atomic_load(&slot->state);

	live_get_text(slot->hidden, sizeof(hidden), hidden);
	if (state != LIVE_ENDED && state != LIVE_FREE &&
	    atomic_compare_exchange_strong(&slot->state, &state, LIVE_ENDING))
		record_crash(d, slot, message);
	free_slot(slot);
	if (hidden[0] != '\0')
		remove_hidden(d, hidden);
}

/*
 * Transfers of a dispatcher or server that is dead: nobody reaped them.
 * A slot that is only just claimed may belong to a process that has not
 * locked it yet.
 */
static void
sweep(struct dispatcher *d)
{
	uint64_t now_us = clock_real_us();
	struct live_slot *slot;
	uint32_t i, state;

	for (i = 0; i < d->service->slots; i++) {
		slot = slot_at(d, i);
		state = atomic_load(&slot->state);
		if (state == LIVE_FREE || d->children[i].pid != 0 ||
		    shm_is_locked(d->service->table_fd, live_offset(i)))
			continue;
		if (state == LIVE_CLAIMED && slot->started_us <= now_us &&
		    now_us - slot->started_us < 10 * US_PER_S)
			continue;
		bury(d, i, "found dead");
	}
}

/*
 * A small file is sent before the copies of its request have all come; they
 * must not start it again.  After an abort or reset they may.
 */
static void
remember(struct dispatcher *d, uint32_t index)
{
	const struct child *c = &d->children[index];
	struct live_slot *slot = slot_at(d, index);
	struct past *p = &d->past[d->past_next];

	switch (atomic_load(&slot->outcome)) {
	case OUTCOME_VANISHED:
	case OUTCOME_NONE:
		return;
	case OUTCOME_COMPLETE:
	case OUTCOME_UNCONFIRMED:
		p->until_us = atomic_load(&slot->heard_us) + LATE_COPY;
		break;
	default:
		p->until_us = clock_mono_us() + LATE_REFUSED;
	}
	p->peer = c->peer;
	p->whole_hash = c->whole_hash;
	d->past_next = (d->past_next + 1) % PAST_MAX;
}

static bool
is_past(const struct dispatcher *d, const struct request *r)
{
	const struct past *p;

	for (p = d->past; p < d->past + PAST_MAX; p++)
		if (p->whole_hash == r->whole_hash &&
		    r->received_us < p->until_us &&
		    netio_equal(&p->peer, &r->origin.peer))
			return true;
	return false;
}

static void
reap_one(struct dispatcher *d, uint32_t index, int status)
{
	struct live_slot *slot = slot_at(d, index);
	char message[64];

	if (WIFSIGNALED(status))
		snprintf(message, sizeof(message), "killed by signal %d",
		    WTERMSIG(status));
	else
		snprintf(message, sizeof(message), "ended with status %d",
		    WEXITSTATUS(status));
	if (atomic_load(&slot->state) == LIVE_ENDED)
		note_log_result(d, atomic_load(&slot->log_errno));
	remember(d, index);
	bury(d, index, message);
	d->children[index].pid = 0;
	d->running--;
}

static void
reap(struct dispatcher *d)
{
	uint32_t i;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < d->service->slots; i++)
			if (d->children[i].pid == pid) {
				reap_one(d, i, status);
				break;
			}
}

/* ---- starting transfers ----------------------------------------------- */

/* A free slot for a new transfer, or -1. */
static int64_t
claim_slot(struct dispatcher *d)
{
	uint32_t max = d->service->conf->max_transfers, i, at, state;

	for (i = 0; i < max; i++) {
		at = (d->next_slot + i) % max;
		state = LIVE_FREE;
		if (d->children[at].pid == 0 &&
		    atomic_compare_exchange_strong(&slot_at(d, at)->state,
		    &state, LIVE_CLAIMED)) {
			d->next_slot = at + 1;
			return at;
		}
	}
	return -1;
}

static void
fill_slot(struct live_slot *slot, const struct transfer_order *order)
{
	struct translog_record rec;
	size_t len;

	transfer_describe(order, &rec);
	len = rec.file.len < LIVE_TEXT_MAX ? rec.file.len : LIVE_TEXT_MAX;
	memcpy(slot->id, rec.id, sizeof(rec.id));
	memcpy(slot->client, rec.client, sizeof(slot->client));
	memcpy(slot->server, rec.server, sizeof(slot->server));
	slot->client_port = netio_port(&order->origin.peer);
	slot->is_write = rec.op == TRANSLOG_WRITE;
	slot->file_len = (uint16_t)len;
	if (len != 0)
		memcpy(slot->file, rec.file.buf, len);
	slot->started_us = clock_real_us();
	slot->hidden[0] = '\0';
	atomic_store(&slot->bytes, 0);
	atomic_store(&slot->heard_us, 0);
	atomic_store(&slot->log_errno, 0);
	atomic_store(&slot->outcome, OUTCOME_NONE);
}

static void
make_order(struct dispatcher *d, const struct request *r,
    struct transfer_order *order)
{
	order->service = d->service;
	order->listener = r->listener;
	order->origin = r->origin;
	order->request = r->buf;
	order->request_len = r->len;
	order->received_us = r->received_us;
	make_id(d, order->id);
}

/* Give the request a process; false when there is no room for it. */
static bool
start_transfer(struct dispatcher *d, const struct request *r)
{
	struct transfer_order order;
	struct child *child;
	int64_t slot;
	pid_t pid;

	slot = claim_slot(d);
	if (slot < 0)
		return false;
	make_order(d, r, &order);
	order.slot = (uint32_t)slot;
	fill_slot(slot_at(d, order.slot), &order);
	pid = fork();
	if (pid == 0) {
		if (d->control != -1)
			close(d->control);
		transfer_run(&order);
	}
	if (pid == -1) {
		diag_log(DIAG_ERROR, "fork: %s", strerror(errno));
		free_slot(slot_at(d, order.slot));
		return false;
	}
	child = &d->children[slot];
	child->pid = pid;
	child->peer = r->origin.peer;
	child->name_hash = r->name_hash;
	child->whole_hash = r->whole_hash;
	child->started_us = r->received_us;
	child->was_told_to_go = false;
	d->running++;
	return true;
}

/* Full: the oldest transfer whose peer never spoke gives its place. */
static void
make_room(struct dispatcher *d, uint64_t now_us)
{
	struct child *oldest = NULL, *c;
	uint32_t i;

	for (i = 0; i < d->service->slots; i++) {
		c = &d->children[i];
		if (c->pid == 0 || c->was_told_to_go ||
		    now_us - c->started_us < SILENT_LONG ||
		    atomic_load(&slot_at(d, i)->heard_us) != 0)
			continue;
		if (oldest == NULL || c->started_us < oldest->started_us)
			oldest = c;
	}
	if (oldest == NULL)
		return;
	oldest->was_told_to_go = true;
	(void)kill(oldest->pid, TRANSFER_SIG_MAKE_ROOM);
}

static void
refuse_busy(struct dispatcher *d, const struct request *r)
{
	struct transfer_order order;

	make_order(d, r, &order);
	transfer_busy(&order);
}

static void
enqueue(struct dispatcher *d, const struct request *r)
{
	struct request *place;

	if (d->waiting_count == WAITING_MAX) {
		refuse_busy(d, r);
		return;
	}
	place = &d->waiting[(d->waiting_first + d->waiting_count) %
	    WAITING_MAX];
	memcpy(place, r, offsetof(struct request, buf) + r->len);
	d->waiting_count++;
	make_room(d, r->received_us);
}

/* Start what waits, in order; whoever waited too long is told so. */
static void
serve_waiting(struct dispatcher *d)
{
	struct request *r;

	while (d->waiting_count != 0) {
		r = &d->waiting[d->waiting_first];
		if (!start_transfer(d, r)) {
			if (clock_mono_us() - r->received_us < WAIT_FOR_ROOM)
				return;
			refuse_busy(d, r);
		}
		d->waiting_first = (d->waiting_first + 1) % WAITING_MAX;
		d->waiting_count--;
	}
}

/* ---- requests --------------------------------------------------------- */

/* Services that answer whatever they get, and so could be made to loop. */
static bool
is_refused_port(uint16_t port)
{
	static const uint16_t refused[] = {
		0, 7, 13, 17, 19, 37, 53, 69, 123
	};
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (refused[i] == port)
			return true;
	return false;
}

/* What never gets an answer: it would be a loop or a reflection. */
static bool
may_answer(const struct request *r)
{
	struct packet_request req;

	if (packet_decode_request(r->buf, r->len, &req) == PACKET_NOT_REQUEST)
		return false;
	return !r->origin.to_many && netio_is_client(&r->origin.peer) &&
	    !is_refused_port(netio_port(&r->origin.peer));
}

static bool
is_waiting(const struct dispatcher *d, const struct request *r)
{
	const struct request *w;
	unsigned i;

	for (i = 0; i < d->waiting_count; i++) {
		w = &d->waiting[(d->waiting_first + i) % WAITING_MAX];
		if (w->whole_hash == r->whole_hash &&
		    netio_equal(&w->origin.peer, &r->origin.peer))
			return true;
	}
	return false;
}

/*
 * A live transfer of the same client, port, operation and name.  Several
 * can be left for a moment after a reset: the youngest is the one meant.
 */
static struct child *
find_same(struct dispatcher *d, const struct request *r, uint32_t *slot)
{
	struct child *found = NULL, *c;
	uint32_t i;

	for (i = 0; i < d->service->slots; i++) {
		c = &d->children[i];
		if (c->pid == 0 || c->was_told_to_go ||
		    c->name_hash != r->name_hash ||
		    !netio_equal(&c->peer, &r->origin.peer))
			continue;
		if (found == NULL || c->started_us >= found->started_us) {
			found = c;
			*slot = i;
		}
	}
	return found;
}

/*
 * Is this a copy of a request that runs already?  PXE ROMs take the same
 * port after a reset, so a repeat that comes when the peer has been heard
 * and is quiet again is a new boot.
 */
static bool
is_repeat(struct dispatcher *d, const struct request *r)
{
	struct child *c;
	uint32_t slot = 0;
	uint64_t heard_us;

	c = find_same(d, r, &slot);
	if (c == NULL)
		return false;
	heard_us = atomic_load(&slot_at(d, slot)->heard_us);
	if (c->whole_hash == r->whole_hash) {
		if (heard_us == 0) {
			(void)kill(c->pid, TRANSFER_SIG_REPEAT);
			return true;
		}
		if (r->received_us < heard_us + LATE_COPY)
			return true;
	}
	c->was_told_to_go = true;
	(void)kill(c->pid, TRANSFER_SIG_REPLACED);
	return false;
}

static void
take_request(struct dispatcher *d, const struct request *r)
{
	char client[NETIO_TEXT_MAX];
	struct packet_request req;

	d->last_request_us = r->received_us;
	d->requests++;
	(void)packet_decode_request(r->buf, r->len, &req);
	netio_text(&r->origin.peer, client);
	diag_log(DIAG_NOTICE, "%s from %s filename %.*s",
	    req.op == PACKET_WRQ ? "WRQ" : "RRQ", client,
	    (int)(req.name.len < 256 ? req.name.len : 256),
	    (const char *)req.name.buf);
	if (is_waiting(d, r) || is_past(d, r) || is_repeat(d, r)) {
		d->repeats++;
		return;
	}
	if (d->waiting_count != 0 || !start_transfer(d, r))
		enqueue(d, r);
}

/* Empty a listener, but look at everything else now and then. */
static void
take_datagrams(struct dispatcher *d, unsigned index)
{
	struct request *r = &d->intake;
	ssize_t n;
	int i;

	for (i = 0; i < INTAKE_BATCH; i++) {
		r->listener = &d->service->listeners[index];
		n = netio_receive(r->listener, r->buf, sizeof(r->buf),
		    &r->origin);
		if (n < 0)
			return;
		r->len = (size_t)n;
		r->received_us = clock_mono_us();
		if (r->origin.dropped != 0)
			d->dropped_by[index] = r->origin.dropped;
		if (!may_answer(r)) {
			d->ignored++;
			continue;
		}
		identify(r);
		take_request(d, r);
	}
}

/* ---- orders of the keeper --------------------------------------------- */

static void
drain(struct dispatcher *d)
{
	d->is_draining = true;
	service_stop_listening(d->service);
}

static void
signal_all(struct dispatcher *d, int number)
{
	uint32_t i;

	for (i = 0; i < d->service->slots; i++)
		if (d->children[i].pid != 0)
			(void)kill(d->children[i].pid, number);
}

/* Stored and acknowledged uploads only dally: nothing is lost by an end. */
static void
end_dallying(struct dispatcher *d)
{
	uint32_t i;

	for (i = 0; i < d->service->slots; i++)
		if (d->children[i].pid != 0 &&
		    atomic_load(&slot_at(d, i)->state) == LIVE_ENDED)
			(void)kill(d->children[i].pid, TRANSFER_SIG_SHUTDOWN);
}

static void
obey(struct dispatcher *d, char order)
{
	uint64_t now_us = clock_mono_us();

	switch (order) {
	case DISPATCHER_DRAIN:
		drain(d);
		break;
	case DISPATCHER_SWEEP:
		sweep(d);
		break;
	case DISPATCHER_TERMINATE:
		drain(d);
		end_dallying(d);
		d->term_at_us = now_us + TERM_PATIENCE;
		break;
	case DISPATCHER_KILL:
		drain(d);
		d->term_at_us = now_us;
		break;
	}
}

static void
take_orders(struct dispatcher *d)
{
	char orders[16];
	ssize_t n, i;

	n = recv(d->control, orders, sizeof(orders), MSG_DONTWAIT);
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
		/* the keeper died: whoever comes next reads the socket */
		close(d->control);
		d->control = -1;
		drain(d);
		return;
	}
	for (i = 0; i < n; i++)
		obey(d, orders[i]);
}

static void
end_stragglers(struct dispatcher *d)
{
	uint64_t now_us = clock_mono_us();

	if (now_us >= d->term_at_us) {
		signal_all(d, TRANSFER_SIG_SHUTDOWN);
		d->term_at_us = NEVER;
		d->kill_at_us = now_us + KILL_PATIENCE;
	}
	if (now_us >= d->kill_at_us) {
		signal_all(d, SIGKILL);
		d->kill_at_us = NEVER;
	}
}

/* ---- the process ------------------------------------------------------ */

static void
on_sigchld(int number)
{
	/* only there to end a wait */
	(void)number;
}

static void
init_signals(struct dispatcher *d)
{
	struct sigaction sa = { .sa_handler = on_sigchld };
	sigset_t chld;

	transfer_init_signals();
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	/* a terminal's Ctrl-C reaches everybody; the keeper decides */
	sigaddset(&chld, SIGINT);
	sigaddset(&chld, SIGQUIT);
	sigprocmask(SIG_BLOCK, &chld, &d->waiting_mask);
	sigaction(SIGCHLD, &sa, NULL);
	sigprocmask(SIG_BLOCK, NULL, &d->waiting_mask);
	sigdelset(&d->waiting_mask, SIGCHLD);
}

static bool
init_memory(struct dispatcher *d)
{
	uint64_t size = live_size(d->service->slots);

	d->children = calloc(d->service->slots, sizeof(*d->children));
	d->waiting = calloc(WAITING_MAX, sizeof(*d->waiting));
	d->past = calloc(PAST_MAX, sizeof(*d->past));
	d->table = shm_map(d->service->table_fd, 0, (size_t)size);
	if (d->children == NULL || d->waiting == NULL || d->past == NULL ||
	    d->table == NULL)
		return false;
	/* transfers map their own slot only: cheaper, and less to spoil */
	(void)madvise(d->table, (size_t)size, MADV_DONTFORK);
	return getrandom(&d->id_seed, sizeof(d->id_seed), 0) ==
	    (ssize_t)sizeof(d->id_seed);
}

static bool
may_idle_out(const struct dispatcher *d)
{
	return d->service->conf->linger_s != 0 && d->running == 0 &&
	    d->waiting_count == 0;
}

static uint64_t
next_deadline(const struct dispatcher *d)
{
	uint64_t at = d->term_at_us < d->kill_at_us ? d->term_at_us :
	    d->kill_at_us, other;

	if (d->waiting_count != 0) {
		other = d->waiting[d->waiting_first].received_us +
		    WAIT_FOR_ROOM;
		at = other < at ? other : at;
	}
	if (may_idle_out(d)) {
		other = d->last_request_us +
		    d->service->conf->linger_s * US_PER_S;
		at = other < at ? other : at;
	}
	return at;
}

static bool
is_done(const struct dispatcher *d)
{
	if (d->is_draining)
		return d->running == 0 && d->waiting_count == 0;
	return may_idle_out(d) && clock_mono_us() >= d->last_request_us +
	    d->service->conf->linger_s * US_PER_S;
}

static void
wait_for_events(struct dispatcher *d)
{
	struct pollfd fds[LAUNCH_MAX + 1];
	uint64_t deadline_us = next_deadline(d), now_us = clock_mono_us();
	uint64_t wait_us = deadline_us > now_us ? deadline_us - now_us : 0;
	struct timespec ts = {
		.tv_sec = (time_t)(wait_us / US_PER_S),
		.tv_nsec = (long)(wait_us % US_PER_S) * 1000,
	};
	unsigned i, n = d->service->listener_count;

	fds[0].fd = d->control;
	fds[0].events = POLLIN;
	fds[0].revents = 0;
	for (i = 0; i < n; i++) {
		fds[i + 1].fd = d->service->listeners[i].fd;
		fds[i + 1].events = POLLIN;
		fds[i + 1].revents = 0;
	}
	if (ppoll(fds, n + 1, deadline_us == NEVER ? NULL : &ts,
	    &d->waiting_mask) <= 0)
		return;
	for (i = 0; i < n; i++)
		if (fds[i + 1].revents != 0)
			take_datagrams(d, i);
	if (fds[0].revents != 0)
		take_orders(d);
}

noreturn void
dispatcher_run(struct service *s, int control, bool sweep_first)
{
	struct dispatcher *d = calloc(1, sizeof(*d));
	char why[256] = "no memory", text[256];
	int err = -ENOMEM;

	if (d != NULL) {
		d->service = s;
		d->control = control;
		d->term_at_us = d->kill_at_us = NEVER;
		d->last_request_us = clock_mono_us();
		init_signals(d);
		umask(s->conf->umask);
		if (init_memory(d))
			err = sandbox_enter(&s->walls, why, sizeof(why));
	}
	if (err != 0) {
		diag_log(DIAG_ERROR, "not serving: %s", why);
		_exit(DISPATCHER_NO_WALLS);
	}
	if (sweep_first)
		sweep(d);
	snprintf(text, sizeof(text), "dispatcher started: %s", s->walls_text);
	notice(d, text, false);
	(void)send(control, (char[]){ DISPATCHER_READY }, 1, MSG_NOSIGNAL);
	while (!is_done(d)) {
		wait_for_events(d);
		reap(d);
		serve_waiting(d);
		end_stragglers(d);
	}
	notice(d, "dispatcher stopped", true);
#ifdef INSTRUMENTED
	free(d->children);
	free(d->waiting);
	free(d->past);
	free(d);
	exit(DISPATCHER_IDLE);
#else
	_exit(DISPATCHER_IDLE);
#endif
}
