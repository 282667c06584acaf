#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config.h"
#include "core/engine.h"
#include "daemon/account.h"
#include "daemon/admission.h"
#include "daemon/download.h"
#include "os/callgate.h"
#include "os/clock.h"
#include "os/diag.h"
#include "os/oneport.h"
#include "os/patience.h"
#include "os/process.h"
#include "os/sandbox.h"
#include "os/shm.h"

#define REFUSED_BATCH	64	/* calls that empty a refused socket's queue */
#define SPACE_CHECK	(64 * 1024)	/* bytes between looks at the disk */
#define REPLY_MAX	(BULKIO_SMALL - 1)	/* bytes: ACK or ERROR */
#define GATHER_MAX	64	/* blocks of an upload in one write */
#define GATHER_BYTES	(64 * 1024)	/* likewise, in lock-step */
#define LONG_READ	(128 * 1024)	/* bytes: then a filter is cheap */
#define WARM_STACK	(24 * 1024)
#define WARM_STEP	4096

struct transfer {
	struct admission a;
	const struct transfer_order *order;
	struct live_slot *slot;		/* NULL in the dispatcher */

	struct engine engine;
	uint64_t now_us;		/* of the event at hand */
	struct bulkio_receiver receiver;
	struct patience patience;
	struct download download;	/* RRQ */
	struct iovec gathered[GATHER_MAX];	/* WRQ: not written yet */
	int gathered_count;
	uint64_t gathered_len;	/* bytes in them */
	uint64_t space_checked;	/* bytes at the last look at the disk */

	bool is_refused;	/* ICMP said that the client's port is closed */
	/* single-port: the client asked anew, and only the listener can hear */
	bool is_in_the_way;
	struct account account;
};

/* ---- signals ---------------------------------------------------------- */

/*
 * The signal flag: what was told since the last look, a bit a word; and the
 * socket whose receive a word ends, also one that only begins.
 */
static atomic_int words_heard;
static atomic_int words_sock = -1;

static void
on_word(int number)
{
	atomic_fetch_or(&words_heard, 1 << (number - SIGRTMIN));
	patience_cut(atomic_load(&words_sock));
}

static sigset_t
all_words(void)
{
	sigset_t set;
	int word;

	sigemptyset(&set);
	for (word = 0; word < TRANSFER_WORDS; word++)
		sigaddset(&set, SIGRTMIN + word);
	return set;
}

/* Words come through only while the engine runs and no file is stored. */
static void
hear_words(const struct transfer *t, bool yes)
{
	process_mask(&t->order->service->words, !yes);
}

void
transfer_init_signals(struct service *s)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	struct sigaction sa = { .sa_handler = on_word };
	size_t i;
	int word;

	sigfillset(&sa.sa_mask);
	s->words = all_words();
	process_mask(&s->words, true);
	for (word = 0; word < TRANSFER_WORDS; word++)
		sigaction(SIGRTMIN + word, &sa, NULL);
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
}

void
transfer_tell(pid_t pid, enum transfer_word word)
{
	(void)callgate_kill(pid, SIGRTMIN + (int)word);
}

/* ---- setting up ----------------------------------------------------- */

void
transfer_copy_order(struct transfer_order *to,
    const struct transfer_order *from)
{
	memcpy(to, from, offsetof(struct transfer_order, request) +
	    from->request_len);
}

/* single-port: what came to our socket and is the dispatcher's. */
static void
give_back(void *arg, const struct netio_origin *origin, const uint8_t *buf,
    size_t len)
{
	struct transfer *t = arg;
	const struct service *s = t->order->service;

	if (!oneport_hand_back(s->back_fd,
	    (unsigned)(t->order->listener - s->listeners), origin, buf, len) &&
	    netio_equal(&origin->peer, &t->order->origin.peer))
		t->is_in_the_way = true;
}

static int
make_receiver(struct transfer *t)
{
	const struct options_granted *granted = &t->a.granted;
	bool is_read = t->a.req.op == PACKET_RRQ;
	size_t largest = is_read ? REPLY_MAX : (size_t)granted->blksize +
	    PACKET_HEADER_LEN;
	unsigned window = is_read ? 1 : granted->windowsize;
	size_t keep = is_read ? 0 : GATHER_BYTES;

	if (t->order->sock != -1)
		return bulkio_receiver_init_shared(&t->receiver, t->a.sock,
		    largest, window, keep, &t->order->origin.peer, give_back,
		    t);
	return bulkio_receiver_init(&t->receiver, t->a.sock, largest, window,
	    keep);
}

static bool
make_buffers(struct transfer *t)
{
	int err = make_receiver(t);

	if (err == 0 && t->a.req.op == PACKET_RRQ)
		err = download_init(&t->download, &t->a);
	if (err == 0)
		return true;
	access_errno(&t->a.verdict, "get memory", -err);
	return false;
}

/* ---- the engine's actions --------------------------------------------- */

/*
 * The transfer ends by our own doing: wire and record say why.  What the
 * client had sent takes no more room when it learns of that.
 */
static void
give_up(struct transfer *t)
{
	if (t->a.req.op == PACKET_WRQ) {
		fileio_upload_abort(&t->a.upload);
		fileio_upload_close(&t->a.upload);
	}
	engine_end(&t->engine, t->now_us, t->a.verdict.outcome,
	    t->a.verdict.code, t->a.verdict.text);
}

static void
send_blocks(struct transfer *t, const struct engine_action *act)
{
	int err = download_send(&t->download, &t->engine, act,
	    &t->is_refused);

	if (err == 0)
		return;
	access_refuse(&t->a.verdict, OUTCOME_FAILED, PACKET_ERR_UNDEFINED,
	    err == -ENODATA ? "the file became shorter while it was sent" :
	    err == -ESTALE ? "the file was changed while it was sent" :
	    "reading the file: %s", strerror(-err));
	give_up(t);
}

static void
send_packet(struct transfer *t, const struct engine_action *act)
{
	if (netio_send(t->a.sock, act->pkt, act->pkt_len) == -ECONNREFUSED)
		t->is_refused = true;
}

/* Bytes that fit where fd is; what is ours there already counts as free. */
static uint64_t
room_beside(int fd, uint64_t ours)
{
	uint64_t available = fileio_available(fd);

	return available < UINT64_MAX - ours ? available + ours : available;
}

/*
 * Is there still room?  The disk is asked often: many small uploads at once
 * can fill it, too.
 */
static bool
has_room(struct transfer *t)
{
	const struct fileio_upload *u = &t->a.upload;
	uint64_t bytes = t->engine.counts.bytes, available = UINT64_MAX;
	uint64_t there;

	if (bytes - t->space_checked >= SPACE_CHECK) {
		t->space_checked = bytes;
		available = room_beside(u->fd, bytes - t->gathered_len);
		/* it is spooled here, and is to go there */
		there = u->in_place ? room_beside(u->target,
		    (uint64_t)t->a.naming.st.st_size) : UINT64_MAX;
		if (there < available)
			available = there;
	}
	return access_size(&t->a.verdict, &t->a.rules, bytes, available);
}

/*
 * Write what was gathered.  It waits in the memory that it was received
 * into: its ACK does not wait for the disk.
 * false: the transfer was given up.
 */
static bool
write_gathered(struct transfer *t)
{
	int count = t->gathered_count, err;

	t->gathered_count = 0;
	t->gathered_len = 0;
	if (count == 0)
		return true;
	err = fileio_upload_writev(&t->a.upload, t->gathered, count);
	if (err == 0)
		return true;
	access_errno(&t->a.verdict, "write", -err);
	give_up(t);
	return false;
}

static void
write_data(struct transfer *t, const struct engine_action *act)
{
	struct iovec *iov = &t->gathered[t->gathered_count++];

	iov->iov_base = (void *)(uintptr_t)act->data.buf;
	iov->iov_len = act->data.len;
	t->gathered_len += act->data.len;
	if (!has_room(t))
		give_up(t);
	else if (t->gathered_count == GATHER_MAX)
		(void)write_gathered(t);
}

static void
store(struct transfer *t)
{
	int err;

	if (!write_gathered(t))
		return;
	/* a file system that can be interrupted must not fail here */
	hear_words(t, false);
	err = admission_store(&t->a);
	hear_words(t, true);
	t->now_us = clock_mono_us();
	if (err == 0) {
		fileio_upload_close(&t->a.upload);
		t->slot->hidden[0] = '\0';
		engine_on_stored(&t->engine, t->now_us);
		return;
	}
	/* else the verdict says already which rule it was */
	if (err != -ECANCELED)
		access_errno(&t->a.verdict, "store the file", -err);
	give_up(t);
}

static void
finish(struct transfer *t)
{
	/* a file is removed, and a record written, once: without signals */
	hear_words(t, false);
	if (t->a.req.op == PACKET_WRQ &&
	    t->engine.outcome != OUTCOME_COMPLETE) {
		fileio_upload_abort(&t->a.upload);
		if (t->a.upload.hidden[0] == '\0')
			t->slot->hidden[0] = '\0';
	}
	account_end(&t->account, &t->engine);
	if (t->a.req.op == PACKET_WRQ)
		hear_words(t, true);
}

static void
perform_all(struct transfer *t)
{
	struct engine_action act;

	while (engine_next(&t->engine, &act)) {
		switch (act.kind) {
		case ENGINE_SEND_BLOCKS: send_blocks(t, &act); break;
		case ENGINE_SEND_PACKET: send_packet(t, &act); break;
		case ENGINE_WRITE: write_data(t, &act); break;
		case ENGINE_STORE: store(t); break;
		case ENGINE_FINISH: finish(t); break;
		}
		account_reply(&t->account);
	}
}

/* ---- events ----------------------------------------------------------- */

/* Ended by order; the reason is for the log, if it has not ended before. */
static void
end_by_order(struct transfer *t, enum outcome outcome, const char *why)
{
	if (t->engine.outcome == OUTCOME_NONE)
		snprintf(t->a.verdict.message, sizeof(t->a.verdict.message),
		    "%s", why);
	engine_end(&t->engine, t->now_us, outcome, PACKET_ERR_UNDEFINED, NULL);
}

static void
take_words(struct transfer *t)
{
	int heard;

	/* written to in vain it would cost a copy of its page */
	if (atomic_load(&words_heard) == 0)
		return;
	heard = atomic_exchange(&words_heard, 0);
	patience_forget(&t->patience);
	if (heard & 1 << TRANSFER_REPEAT)
		engine_on_repeat(&t->engine, t->now_us);
	if (heard & 1 << TRANSFER_REPLACED)
		end_by_order(t, OUTCOME_VANISHED,
		    "the client asked anew from the same port");
	if ((heard & 1 << TRANSFER_MAKE_ROOM) && !t->engine.heard)
		end_by_order(t, OUTCOME_NOANSWER,
		    "silent, and gave its place to others");
	if (heard & 1 << TRANSFER_SHUTDOWN)
		engine_end(&t->engine, t->now_us, OUTCOME_SHUTDOWN,
		    PACKET_ERR_UNDEFINED, "Server is shutting down");
	perform_all(t);
}

/*
 * Before the answer goes out: the client may take it for the end and ask
 * anew, and the dispatcher then wants to know what was heard.
 */
static void
publish_progress(struct transfer *t)
{
	if (t->engine.heard && t->engine.outcome == OUTCOME_NONE)
		atomic_store_explicit(&t->slot->heard_us, t->engine.heard_us,
		    memory_order_relaxed);
	atomic_store_explicit(&t->slot->bytes, t->engine.counts.bytes,
	    memory_order_relaxed);
	atomic_store_explicit(&t->slot->retransmits,
	    t->engine.counts.retransmits, memory_order_relaxed);
}

/* Hand to the engine what one call brings.  0 or as bulkio_receive(). */
static int
take_packets(struct transfer *t, int flags)
{
	const uint8_t *buf;
	size_t len;
	int err;

	if (bulkio_is_full(&t->receiver) && !write_gathered(t)) {
		perform_all(t);
		return 0;
	}
	err = bulkio_receive(&t->receiver, flags);
	t->now_us = clock_mono_us();
	if (err == -ECONNREFUSED)
		t->is_refused = true;
	if (err != 0)
		return err;
	while (!engine_is_over(&t->engine) &&
	    bulkio_next(&t->receiver, &buf, &len)) {
		engine_on_packet(&t->engine, t->now_us, buf, len);
		publish_progress(t);
		perform_all(t);
	}
	if (t->is_in_the_way) {
		end_by_order(t, OUTCOME_VANISHED,
		    "the client asked anew from the same port");
		perform_all(t);
	}
	return 0;
}

/*
 * The kernel tells of a closed port before it hands out what came earlier:
 * a client's last ACK must not lose against the port that it then closed.
 */
static void
take_refusal(struct transfer *t)
{
	int i, err = 0;

	for (i = 0; i < REFUSED_BATCH && !engine_is_over(&t->engine) &&
	    (err == 0 || err == -ECONNREFUSED); i++)
		err = take_packets(t, MSG_DONTWAIT);
	if (i == REFUSED_BATCH)
		return;
	engine_on_refused(&t->engine, t->now_us);
	perform_all(t);
}

/* Wait for the peer, no longer than to the engine's deadline. */
static void
wait_and_take(struct transfer *t)
{
	uint64_t deadline_us = engine_deadline(&t->engine), wait_us;
	int flags = MSG_DONTWAIT;
	bool can_block;

	wait_us = deadline_us > t->now_us ? deadline_us - t->now_us : 0;
	if (t->is_refused) {
		take_refusal(t);
		return;
	}
	can_block = patience_for(&t->patience, wait_us);
	/* after that: a word from now on cuts the patience */
	if (atomic_load(&words_heard) == 0) {
		if (can_block)
			flags = 0;
		else if (wait_us != 0)
			(void)netio_wait(t->a.sock, wait_us);
	}
	(void)take_packets(t, flags);
}

static void
run_engine(struct transfer *t)
{
	const struct conf_values *values = t->a.rules.values;
	struct engine_setup setup = {
		.op = t->a.req.op,
		.granted = &t->a.granted,
		.size = t->a.req.mode == PACKET_MODE_OCTET ? t->a.file_size :
		    ENGINE_UNKNOWN,
		.give_up_ms = values->give_up_ms,
		.first_timeout_ms = values->first_timeout_ms,
		.adaptive = values->adaptive,
	};

	patience_init(&t->patience, t->a.sock);
	atomic_store(&words_sock, t->a.sock);
	netio_note_arrivals(t->a.sock);
	t->now_us = clock_mono_us();
	engine_init(&t->engine, &setup);
	engine_start(&t->engine, t->now_us);
	perform_all(t);
	hear_words(t, true);
	while (!engine_is_over(&t->engine)) {
		if (t->a.req.op == PACKET_RRQ)
			download_read_on(&t->download, &t->engine);
		wait_and_take(t);
		take_words(t);
		engine_on_timer(&t->engine, t->now_us);
		perform_all(t);
		publish_progress(t);
	}
}

/* ---- the process ------------------------------------------------------ */

static void
transfer_setup(struct transfer *t, const struct transfer_order *order,
    struct live_slot *slot)
{
	memset(t, 0, sizeof(*t));
	t->order = order;
	t->slot = slot;
	admission_init(&t->a, order, slot, NULL);
	account_init(&t->account, order, slot, &t->a);
}

/*
 * single-port: the client's next request may be here already, taken with its
 * last packets or behind them.
 */
static void
leave_port(struct transfer *t)
{
	const uint8_t *buf;
	size_t len;

	if (t->order->sock == -1)
		return;
	while (t->receiver.buf != NULL &&
	    bulkio_next(&t->receiver, &buf, &len))
		;
	(void)oneport_leave(t->order->sock, &t->order->origin.peer,
	    give_back, t);
}

/* One ERROR, one record. */
static void
refuse(struct transfer *t)
{
	uint8_t pkt[PACKET_ERROR_MAX];
	size_t len;

	if (t->a.sock != -1) {
		len = packet_put_error(pkt, sizeof(pkt), t->a.verdict.code,
		    t->a.verdict.text);
		(void)netio_send(t->a.sock, pkt, len);
		account_reply(&t->account);
	}
	account_refused(&t->account);
}

void
transfer_prepare(struct service *s)
{
	service_stop_listening(s);
	if (s->back_in_fd != -1)
		close(s->back_in_fd);
	if (s->neighbour_fd >= 0)
		close(s->neighbour_fd);
	if (s->conf->single_port && sandbox_leave_bind() != 0)
		_exit(EXIT_FAILURE);
	diag_close();
#ifndef INSTRUMENTED
	(void)callgate_dup3(STDIN_FILENO, STDERR_FILENO, 0);
#endif
}

/*
 * Whatever a process touches first costs a page fault: the stack, and code
 * of ours and of libc.  Here nobody waits for it.
 */
void
transfer_warm_up(void)
{
	static const uint8_t request[] = "\0\1a\0octet\0";
	volatile uint8_t stack[WARM_STACK];
	struct packet_request req;
	size_t i;

	for (i = 0; i < sizeof(stack); i += WARM_STEP)
		stack[i] = 0;
	(void)packet_decode_request(request, sizeof(request) - 1, &req);
	(void)clock_mono_us();
}

static struct live_slot *
enter_slot(const struct transfer_order *o)
{
	struct live_slot *slot = service_map_slot(o->service, o->slot);

	if (slot == NULL ||
	    shm_lock(o->service->table_fd, live_offset(o->slot)) != 0)
		_exit(EXIT_FAILURE);
	slot->pid = (int32_t)getpid();
	return slot;
}

/* Directories that were needed to find the file; an upload looks again. */
static void
close_places(const struct transfer *t)
{
	const struct service *s = t->order->service;
	unsigned i;

	if (s->spool_fd != -1)
		close(s->spool_fd);
	for (i = 0; i < s->conf->dir_count && t->a.req.op == PACKET_RRQ; i++)
		if (s->root_fds[i] >= 0)
			close(s->root_fds[i]);
}

/*
 * What decided and opened is done; what the client sends from now on is
 * looked at without a way to anything else.  A filter of its own costs more
 * than a small file, and only bars again what the gates bar.
 */
static bool
shut_in(struct transfer *t)
{
	const struct service *s = t->order->service;
	bool is_write = t->a.req.op == PACKET_WRQ;
	bool is_long = is_write || t->a.file_size > LONG_READ ||
	    !callgate_exists();
	int err;

	err = sandbox_shut(is_write, s->filters == NULL || !is_long ? NULL :
	    &s->filters[is_write ? SERVICE_FILTER_WRITE :
	    SERVICE_FILTER_READ]);
	if (err == 0 || s->conf->sandbox == CONF_SANDBOX_PREFER)
		return true;
	access_refuse(&t->a.verdict, OUTCOME_FAILED, PACKET_ERR_UNDEFINED,
	    "the last wall cannot be put up: %s", strerror(-err));
	return false;
}

noreturn void
transfer_serve(const struct transfer_order *order)
{
	struct transfer t;
	bool ready = false;

	transfer_setup(&t, order, enter_slot(order));
	if (admission_decide(&t.a) && make_buffers(&t)) {
		close_places(&t);
		ready = shut_in(&t);
	}
	if (ready) {
		account_start(&t.account);
		run_engine(&t);
	} else {
		if (t.a.upload.fd != -1)
			fileio_upload_abort(&t.a.upload);
		refuse(&t);
	}
	leave_port(&t);
#ifdef INSTRUMENTED
	exit(EXIT_SUCCESS);
#else
	_exit(EXIT_SUCCESS);
#endif
}

void
transfer_busy(const struct transfer_order *order, const char *why)
{
	struct transfer t;

	transfer_setup(&t, order, NULL);
	(void)admission_connect(&t.a);
	access_refuse(&t.a.verdict, OUTCOME_LIMITED, PACKET_ERR_UNDEFINED,
	    "%s", why);
	access_set_text(&t.a.verdict, "Server busy");
	refuse(&t);
	leave_port(&t);
	if (t.a.sock != -1)
		close(t.a.sock);
}

void
transfer_drop(const struct transfer_order *order)
{
	struct transfer t;

	transfer_setup(&t, order, NULL);
	(void)packet_decode_request(order->request, order->request_len,
	    &t.a.req);
	access_refuse(&t.a.verdict, OUTCOME_VANISHED, PACKET_ERR_UNDEFINED,
	    "the client asked anew from the same port");
	account_refused(&t.account);
}
