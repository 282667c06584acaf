#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config.h"
#include "core/packet.h"
#include "daemon/children.h"
#include "daemon/confine.h"
#include "daemon/dispatcher.h"
#include "daemon/transfer.h"
#include "daemon/trap.h"
#include "daemon/waiting.h"
#include "os/callgate.h"
#include "os/clock.h"
#include "os/diag.h"
#include "os/memory.h"
#include "os/process.h"

#define US_PER_S	1000000ULL
#define LOOK_FOR_ENDS	(100 * 1000)
#define REQUEST_LEAST	4	/* bytes; what is shorter is a scrap */
#define TERM_PATIENCE	(30 * US_PER_S)
#define KILL_PATIENCE	(5 * US_PER_S)
#define DOUBTFUL_MAX	16
#define DOUBT_SPAN	(20 * 1000)	/* by then a last ACK has been read */
#define IDLE_SPAN	500	/* without an event: there is time to fork */
#define INTAKE_BATCH	64	/* datagrams between two looks at the rest */
#define NEVER		UINT64_MAX

struct dispatcher {
	struct service *service;
	int control;		/* -1: the keeper is gone */
	struct children children;
	struct waiting waiting;		/* for room */
	struct request intake;		/* the datagram being looked at */
	/* single-port: what transfers' sockets got and others meant */
	struct queue returned;
	struct request foreign;
	uint64_t overflowed;		/* for which there was no room */
	unsigned listener_count;	/* while the sockets were open */
	struct request doubtful[DOUBTFUL_MAX];
	unsigned doubtful_count;

	uint64_t last_request_us;
	bool is_draining, is_stopping;
	bool is_empty;			/* nothing lay in any queue just now */
	uint64_t term_at_us, kill_at_us;
	sigset_t waiting_mask;

	uint64_t requests, repeats, ignored;
	uint64_t dropped_before, dropped;	/* in the kernel's queue */
};

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

/*
 * With single-port a client has one transfer at a time, whatever its name.
 * The client is in each hash: all ask for the same file, and what differs in
 * it need not be looked at.
 */
static void
identify(struct request *r, const struct packet_request *req,
    bool single_port)
{
	uint16_t port = netio_port(&r->origin.peer);
	uint8_t bytes[16 + sizeof(port)];
	size_t len = netio_bytes(&r->origin.peer, bytes);
	uint64_t hash;

	memcpy(bytes + len, &port, sizeof(port));
	hash = hash_bytes(0xcbf29ce484222325ULL, bytes, len + sizeof(port));
	r->whole_hash = hash_bytes(hash, r->buf, r->len);
	r->name_hash = single_port ? hash : hash_bytes(hash +
	    (uint64_t)req->op, req->name.buf, req->name.len);
}

/* ---- records ---------------------------------------------------------- */

static void
notice(struct dispatcher *d, const char *text, bool with_counts)
{
	struct translog_record rec;

	translog_clear(&rec);
	if (with_counts) {
		rec.numbers[TRANSLOG_REQUESTS] = (int64_t)d->requests;
		rec.numbers[TRANSLOG_REPEATS] = (int64_t)d->repeats;
		rec.numbers[TRANSLOG_IGNORED] = (int64_t)d->ignored;
		rec.numbers[TRANSLOG_DROPPED] = (int64_t)(d->dropped +
		    d->overflowed + d->waiting.turned_away);
	}
	(void)service_notice(d->service, &rec, text);
}

/* ---- requests --------------------------------------------------------- */

/* Services that answer whatever they get, and so could be made to loop. */
static bool
is_refused_port(const struct conf *c, uint16_t port)
{
	unsigned i;

	for (i = 0; i < c->refused_port_count; i++)
		if (c->refused_ports[i] == port)
			return true;
	return false;
}

/* From the very address and port that it went to: that is we. */
static bool
is_ourself(const struct request *r)
{
	union netio_addr self = r->origin.local;

	if (!r->origin.has_local)
		return false;
	netio_set_port(&self, netio_port(&r->listener->local));
	return netio_equal(&self, &r->origin.peer);
}

/* What never gets an answer: it would be a loop or a reflection. */
static bool
may_answer(const struct dispatcher *d, const struct request *r)
{
	const struct conf *c = d->service->conf;

	return r->len >= REQUEST_LEAST &&
	    (!r->origin.to_many || c->broadcast) &&
	    netio_is_client(&r->origin.peer) &&
	    !is_refused_port(c, netio_port(&r->origin.peer)) &&
	    !is_ourself(r);
}

static void
obey_verdict(struct dispatcher *d, struct request *r,
    enum children_verdict verdict)
{
	if (verdict == CHILDREN_NEW)
		waiting_add(&d->waiting, r);
	else if (verdict == CHILDREN_STALE)
		children_drop(&d->children, r);
	else
		d->repeats++;
}

static void
take_request(struct dispatcher *d, struct request *r,
    const struct packet_request *req)
{
	enum children_verdict verdict = CHILDREN_COPY;

	d->last_request_us = r->received_us;
	d->requests++;
	pool_note_request(&d->children.pool, r->received_us);
	diag_log(DIAG_NOTICE, "%s from %s filename %.*s",
	    req->op == PACKET_WRQ ? "WRQ" : "RRQ", r->client,
	    (int)(req->name.len < 256 ? req->name.len : 256),
	    (const char *)req->name.buf);
	if (d->service->conf->single_port &&
	    !waiting_drop_earlier(&d->waiting, r))
		verdict = CHILDREN_STALE;
	else if (!waiting_has(&d->waiting, r))
		verdict = children_judge(&d->children, r);
	if (verdict == CHILDREN_DOUBTFUL && d->doubtful_count < DOUBTFUL_MAX)
		request_copy(&d->doubtful[d->doubtful_count++], r);
	else
		obey_verdict(d, r, verdict);
}

/*
 * tftp-hpa asks for the next file, from the same port, as soon as it has
 * sent its last ACK.  If the transfer ends now, the kernel's stamps tell
 * which of the two came first; if it goes on, this was a late copy.
 */
static void
settle_doubts(struct dispatcher *d)
{
	uint64_t now_us = clock_mono_us();
	unsigned i, kept = 0;
	struct request *r;

	for (i = 0; i < d->doubtful_count; i++) {
		r = &d->doubtful[i];
		if (!children_has_ended(&d->children, r) &&
		    now_us - r->received_us < DOUBT_SPAN) {
			if (kept++ != i)
				request_copy(&d->doubtful[kept - 1], r);
		} else {
			obey_verdict(d, r, children_judge(&d->children, r));
		}
	}
	d->doubtful_count = kept;
}

/* listener, origin and bytes are there. */
static void
take_datagram(struct dispatcher *d, struct request *r)
{
	struct packet_request req;

	if (packet_decode_request(r->buf, r->len, &req) ==
	    PACKET_NOT_REQUEST || !may_answer(d, r)) {
		d->ignored++;
		return;
	}
	netio_text(&r->origin.peer, r->client);
	identify(r, &req, d->service->conf->single_port);
	take_request(d, r, &req);
}

/* ---- single-port ------------------------------------------------------ */

/*
 * A datagram out of a new transfer's socket.  It is not looked at before that
 * transfer is started, for it may need a socket itself.
 */
static void
keep_foreign(void *arg, const struct netio_listener *l,
    const struct netio_origin *origin, const uint8_t *buf, size_t len)
{
	struct dispatcher *d = arg;
	struct request *r = &d->foreign;

	r->listener = l;
	r->origin = *origin;
	r->received_us = clock_mono_us();
	r->len = len < sizeof(r->buf) ? len : sizeof(r->buf);
	memcpy(r->buf, buf, r->len);
	if (!queue_put(&d->returned, r))
		d->overflowed++;
}

static void
take_returned(struct dispatcher *d)
{
	while (d->returned.count != 0) {
		request_copy(&d->intake, queue_at(&d->returned, 0));
		queue_remove(&d->returned, 0);
		take_datagram(d, &d->intake);
	}
}

/* What transfers give back, also those that a drained dispatcher still has. */
static void
take_back(struct dispatcher *d)
{
	struct request *r = &d->intake;
	unsigned listener;
	ssize_t n;
	int i;

	for (i = 0; i < INTAKE_BATCH; i++) {
		n = oneport_take_back(d->service->back_in_fd, &listener,
		    &r->origin, r->buf, sizeof(r->buf));
		if (n == -EBADMSG || (n >= 0 && listener >= d->listener_count))
			continue;
		if (n < 0)
			return;
		r->listener = &d->service->listeners[listener];
		r->len = (size_t)n;
		r->received_us = clock_mono_us();
		take_datagram(d, r);
		take_returned(d);
	}
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
		take_datagram(d, r);
		take_returned(d);
	}
}

/* ---- orders of the keeper --------------------------------------------- */

/* The kernel counts for the socket's life, not for ours. */
static uint64_t
count_dropped(const struct dispatcher *d)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < d->service->listener_count; i++)
		sum += netio_dropped(&d->service->listeners[i]);
	return sum;
}

static void
drain(struct dispatcher *d)
{
	if (d->is_draining)
		return;
	d->is_draining = true;
	pool_dismiss(&d->children.pool);
	d->dropped = count_dropped(d) - d->dropped_before;
	service_stop_listening(d->service);
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
		children_sweep(&d->children);
		break;
	case DISPATCHER_TERMINATE:
		drain(d);
		d->is_stopping = true;
		children_end_dallying(&d->children);
		children_sweep(&d->children);
		d->term_at_us = now_us + TERM_PATIENCE;
		break;
	case DISPATCHER_KILL:
		drain(d);
		d->is_stopping = true;
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
		children_forget_control(&d->children);
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
		children_tell_all(&d->children, TRANSFER_SHUTDOWN);
		d->term_at_us = NEVER;
		d->kill_at_us = now_us + KILL_PATIENCE;
	}
	if (now_us >= d->kill_at_us) {
		children_kill_all(&d->children);
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

	transfer_init_signals(d->service);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	sigaction(SIGCHLD, &sa, NULL);
	sigprocmask(SIG_BLOCK, NULL, &d->waiting_mask);
	sigdelset(&d->waiting_mask, SIGCHLD);
}

static bool
init_memory(struct dispatcher *d)
{
	if (!waiting_init(&d->waiting, &d->children) ||
	    !queue_init(&d->returned) ||
	    !children_init(&d->children, d->service, d->control))
		return false;
	d->children.foreign = keep_foreign;
	d->children.foreign_arg = d;
	return true;
}

/*
 * linger = 0: what was queued is served, the dead are buried, and transfers go
 * on without us; the superserver has its socket back at once.
 */
static bool
may_idle_out(const struct dispatcher *d)
{
	uint32_t linger_s = d->service->linger_s;

	return linger_s != CONF_FOR_EVER && d->waiting.queue.count == 0 &&
	    d->doubtful_count == 0 &&
	    (linger_s != 0 ? d->children.running == 0 : d->is_empty &&
	    d->children.unburied == 0 && d->children.removals == 0);
}

static uint64_t
min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
next_deadline(const struct dispatcher *d)
{
	uint64_t at = min_u64(d->term_at_us, d->kill_at_us);

	if (d->doubtful_count != 0)
		at = min_u64(at, d->doubtful[0].received_us + DOUBT_SPAN);
	at = min_u64(at, waiting_serve_at(&d->waiting));
	at = min_u64(at, d->children.sweep_at_us);
	at = min_u64(at, pool_trim_at(&d->children.pool));
	/* nobody tells when a stranger ends */
	if (d->is_stopping && d->children.strangers != 0)
		at = min_u64(at, clock_mono_us() + LOOK_FOR_ENDS);
	if (may_idle_out(d))
		at = min_u64(at, d->last_request_us +
		    d->service->linger_s * US_PER_S);
	/* one look that finds nothing, and then we leave */
	if (d->service->linger_s == 0 && !d->is_draining && !d->is_empty)
		at = 0;
	return at;
}

/* single-port: has a transfer left something for us with its last breath? */
static bool
has_back(const struct dispatcher *d)
{
	struct pollfd pfd = { .fd = d->service->back_in_fd, .events = POLLIN };

	return pfd.fd != -1 && poll(&pfd, 1, 0) > 0;
}

static bool
is_done(const struct dispatcher *d)
{
	if (has_back(d))
		return false;
	if (d->is_draining)
		return d->children.running == 0 &&
		    d->waiting.queue.count == 0 &&
		    d->doubtful_count == 0 &&
		    (!d->is_stopping || d->children.strangers == 0);
	return may_idle_out(d) && clock_mono_us() >= d->last_request_us +
	    d->service->linger_s * US_PER_S;
}

static void
wait_for_events(struct dispatcher *d)
{
	struct pollfd fds[LAUNCH_MAX + 2];
	uint64_t deadline_us = next_deadline(d), now_us = clock_mono_us();
	uint64_t wait_us = deadline_us > now_us ? deadline_us - now_us : 0;
	bool is_short = !d->is_draining &&
	    pool_is_short(&d->children.pool, now_us);
	bool is_endless = deadline_us == NEVER && !is_short;
	struct timespec ts;
	unsigned i, n = d->service->listener_count;
	int ready;

	if (is_short)
		wait_us = min_u64(wait_us, IDLE_SPAN);
	ts.tv_sec = (time_t)(wait_us / US_PER_S);
	ts.tv_nsec = (long)(wait_us % US_PER_S) * 1000;

	fds[0].fd = d->control;
	fds[0].events = POLLIN;
	fds[0].revents = 0;
	for (i = 0; i < n; i++) {
		fds[i + 1].fd = d->service->listeners[i].fd;
		fds[i + 1].events = POLLIN;
		fds[i + 1].revents = 0;
	}
	fds[n + 1].fd = d->service->back_in_fd;
	fds[n + 1].events = POLLIN;
	fds[n + 1].revents = 0;
	ready = ppoll(fds, n + 2, is_endless ? NULL : &ts, &d->waiting_mask);
	d->is_empty = ready == 0;
	/* nothing else to do */
	if (ready == 0 && is_short)
		pool_fork_one(&d->children.pool);
	if (ready <= 0)
		return;
	if (fds[n + 1].revents != 0)
		take_back(d);
	for (i = 0; i < n; i++)
		if (fds[i + 1].revents != 0)
			take_datagrams(d, i);
	if (fds[0].revents != 0)
		take_orders(d);
}

static void
dispatcher_free(struct dispatcher *d)
{
	if (d == NULL)
		return;
	children_free(&d->children);
	waiting_free(&d->waiting);
	queue_free(&d->returned);
	memory_unmap(d, sizeof(*d));
}

/* single-port: transfers have the listener's port, and give back. */
static int
share_port(struct dispatcher *d)
{
	struct service *s = d->service;
	int fds[2], err = 0;
	unsigned i;

	d->listener_count = s->listener_count;
	if (!s->conf->single_port)
		return 0;
	for (i = 0; i < s->listener_count && err == 0; i++)
		err = oneport_listen(&s->listeners[i]);
	if (err == 0)
		err = oneport_pair(fds);
	if (err != 0)
		return err;
	s->back_in_fd = process_place(fds[0], CALLFILTER_BACK_IN_FD);
	s->back_fd = process_place(fds[1], CALLFILTER_BACK_FD);
	return s->back_in_fd < 0 ? s->back_in_fd : s->back_fd < 0 ?
	    s->back_fd : 0;
}

/* Memory, then the walls.  0 or -errno, with the reason in words. */
static int
set_up(struct dispatcher *d, struct service *s, int control, char *why,
    size_t why_size)
{
	int err;

	snprintf(why, why_size, "no memory");
	if (d == NULL)
		return -ENOMEM;
	d->service = s;
	d->control = control;
	d->term_at_us = d->kill_at_us = NEVER;
	d->last_request_us = clock_mono_us();
	init_signals(d);
#ifdef CALL_TRAP
	trap_init(s);
#endif
	if (!init_memory(d))
		return -ENOMEM;
	err = share_port(d);
	if (err != 0) {
		snprintf(why, why_size, "single-port: %s", strerror(-err));
		return err;
	}
	if (conf_wants_mac(s->conf))
		s->neighbour_fd = neighbour_open();
	err = confine_enter(s, why, why_size);
	return err != 0 ? err : confine_calls(s, why, why_size);
}

static void
say_started(struct dispatcher *d, bool sweep_first)
{
	const struct conf *c = d->service->conf;
	char text[512];
	unsigned i;

	for (i = 0; i < c->dir_count; i++)
		if (callgate_faccessat2(d->service->root_fds[i], ".", X_OK,
		    0) == -1)
			diag_log(DIAG_WARNING, "%s: the service user may not "
			    "enter it: %s", c->dirs[i], strerror(errno));
	d->dropped_before = count_dropped(d);
	if (sweep_first)
		children_sweep(&d->children);
	snprintf(text, sizeof(text), "dispatcher started: %s",
	    d->service->walls_text);
	notice(d, text, false);
	if (send(d->control, (char[]){ DISPATCHER_READY }, 1,
	    MSG_NOSIGNAL) == 1)
		return;
	/* the one before us would not know that it is to stop reading */
	diag_log(DIAG_ERROR, "the keeper cannot be told: %s",
	    strerror(errno));
	_exit(EXIT_FAILURE);
}

static void
serve_until_done(struct dispatcher *d)
{
	while (!is_done(d)) {
		wait_for_events(d);
		children_reap(&d->children);
		/* the last words of those that have ended */
		if (d->service->back_in_fd != -1)
			take_back(d);
		settle_doubts(d);
		waiting_serve(&d->waiting);
		take_returned(d);
		end_stragglers(d);
		pool_trim(&d->children.pool, clock_mono_us());
		if (clock_mono_us() >= d->children.sweep_at_us ||
		    (d->is_stopping && d->children.strangers != 0))
			children_sweep(&d->children);
	}
}

noreturn void
dispatcher_run(struct service *s, int control, bool sweep_first)
{
	struct dispatcher *d = memory_get_unforked(sizeof(*d));
	char why[256];

	if (set_up(d, s, control, why, sizeof(why)) != 0) {
		diag_log(DIAG_ERROR, "not serving: %s", why);
		dispatcher_free(d);
		_exit(DISPATCHER_NO_WALLS);
	}
#ifndef INSTRUMENTED
	/* of no use to a transfer, and each has a dozen of mappings less */
	memory_hide_library("libconfuse.so");
	memory_hide_library("libcap.so");
	memory_hide_library("libseccomp.so");
#endif
	say_started(d, sweep_first);
	serve_until_done(d);
	drain(d);
	children_tell_lost(&d->children);
	notice(d, "dispatcher stopped", true);
#ifdef INSTRUMENTED
	dispatcher_free(d);
	exit(DISPATCHER_IDLE);
#else
	_exit(DISPATCHER_IDLE);
#endif
}
