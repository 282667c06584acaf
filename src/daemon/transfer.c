#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config.h"
#include "core/engine.h"
#include "daemon/admission.h"
#include "os/clock.h"
#include "os/diag.h"
#include "os/shm.h"

#define ASKED_MAX	512
#define RECV_BATCH	64	/* datagrams between two looks at the clock */
#define SPACE_CHECK	(1024 * 1024)	/* bytes between two looks at the disk */

struct transfer {
	struct admission a;
	const struct transfer_order *order;
	struct live_slot *slot;		/* NULL in the dispatcher */
	char shown_path[PATHNAME_MAX + 2];
	char asked[ASKED_MAX];

	struct engine engine;
	struct fileio_reader reader;
	uint64_t space_checked;	/* bytes at the last look at the disk */

	uint8_t *out;		/* windowsize DATA packets (RRQ) */
	uint8_t *in;		/* one datagram and a byte more */
	size_t in_size;

	bool is_refused;	/* ICMP said that the client's port is closed */
	uint64_t first_reply_us;	/* since the request; 0: none yet */
	sigset_t waiting_mask;
	struct translog_record rec;
};

/* ---- signals ---------------------------------------------------------- */

/* The signal flag: what was told since the last look, a bit a word. */
static volatile sig_atomic_t words_heard;

static void
on_word(int number)
{
	words_heard |= 1 << (number - SIGRTMIN);
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

void
transfer_init_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	struct sigaction sa = { .sa_handler = on_word };
	sigset_t words = all_words();
	size_t i;
	int word;

	sigfillset(&sa.sa_mask);
	sigprocmask(SIG_BLOCK, &words, NULL);
	for (word = 0; word < TRANSFER_WORDS; word++)
		sigaction(SIGRTMIN + word, &sa, NULL);
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
}

void
transfer_tell(pid_t pid, enum transfer_word word)
{
	(void)kill(pid, SIGRTMIN + (int)word);
}

/* ---- the record ------------------------------------------------------- */

void
transfer_describe(const struct transfer_order *order,
    struct translog_record *rec)
{
	struct packet_request req;

	translog_clear(rec);
	(void)packet_decode_request(order->request, order->request_len, &req);
	memcpy(rec->id, order->id, sizeof(rec->id));
	rec->op = req.op == PACKET_WRQ ? TRANSLOG_WRITE : TRANSLOG_READ;
	netio_text(&order->origin.peer, rec->client);
	rec->numbers[TRANSLOG_CLIENT_PORT] = netio_port(&order->origin.peer);
	if (order->origin.has_local)
		netio_text(&order->origin.local, rec->server);
	rec->file.buf = req.name.buf;
	rec->file.len = req.name.len;
}

static const char *
mode_name(enum packet_mode mode)
{
	switch (mode) {
	case PACKET_MODE_OCTET: return "octet";
	case PACKET_MODE_NETASCII: return "netascii";
	case PACKET_MODE_MAIL: return "mail";
	default: return "";
	}
}

static void
set_message(struct translog_record *rec, const char *text)
{
	rec->message.buf = (const uint8_t *)text;
	rec->message.len = strlen(text);
}

static void
describe(struct transfer *t)
{
	struct translog_record *rec = &t->rec;

	rec->numbers[TRANSLOG_SERVER_PORT] = t->a.sock == -1 ?
	    TRANSLOG_ABSENT : netio_local_port(t->a.sock);
	snprintf(rec->mode, sizeof(rec->mode), "%s", mode_name(t->a.req.mode));
	if (t->a.req.options.len != 0) {
		rec->asked.buf = (const uint8_t *)t->asked;
		rec->asked.len = options_describe(t->a.req.options, t->asked,
		    sizeof(t->asked));
	}
	if (t->a.path[0] != '\0') {
		snprintf(t->shown_path, sizeof(t->shown_path), "/%s",
		    strcmp(t->a.path, ".") == 0 ? "" : t->a.path);
		rec->path.buf = (const uint8_t *)t->shown_path;
		rec->path.len = strlen(t->shown_path);
	}
}

static void
write_record(struct transfer *t)
{
	int err = service_record(t->order->service, &t->rec);

	if (err == 0 || t->slot == NULL)
		return;
	atomic_store(&t->slot->log_errno, (uint32_t)-err);
	atomic_fetch_add(&t->slot->log_lost, 1);
}

/* What it cost, and how long it took. */
static void
add_costs(struct transfer *t)
{
	int64_t *n = t->rec.numbers;
	struct rusage ru;

	n[TRANSLOG_DURATION_US] =
	    (int64_t)(clock_mono_us() - t->order->received_us);
	if (t->first_reply_us != 0)
		n[TRANSLOG_FIRST_REPLY_US] = (int64_t)t->first_reply_us;
	/* without a slot this is the dispatcher, whose costs are not these */
	if (t->slot != NULL && getrusage(RUSAGE_SELF, &ru) == 0) {
		n[TRANSLOG_CPU_US] = (int64_t)(ru.ru_utime.tv_sec +
		    ru.ru_stime.tv_sec) * 1000000 + ru.ru_utime.tv_usec +
		    ru.ru_stime.tv_usec;
		n[TRANSLOG_RSS_KB] = ru.ru_maxrss;
	}
}

/* The record of the end; after it nobody else writes one. */
static void
write_end(struct transfer *t)
{
	t->rec.event = TRANSLOG_TRANSFER;
	add_costs(t);
	write_record(t);
	if (t->slot == NULL)
		return;
	atomic_store(&t->slot->outcome, (uint32_t)t->rec.outcome);
	atomic_store(&t->slot->state, LIVE_ENDED);
}

static void
add_counts(struct transfer *t)
{
	const struct engine *e = &t->engine;
	int64_t *n = t->rec.numbers;

	n[TRANSLOG_BYTES] = (int64_t)e->counts.bytes;
	n[TRANSLOG_BLOCKS] = (int64_t)e->counts.blocks;
	n[TRANSLOG_PACKETS_SENT] = (int64_t)e->counts.packets_sent;
	n[TRANSLOG_PACKETS_RECEIVED] = (int64_t)e->counts.packets_received;
	n[TRANSLOG_RETRANSMITS] = (int64_t)e->counts.retransmits;
	n[TRANSLOG_TIMEOUTS] = (int64_t)e->counts.timeouts;
	n[TRANSLOG_DUPLICATES] = (int64_t)e->counts.duplicates;
	if (e->has_rtt)
		n[TRANSLOG_RTT_US] = (int64_t)e->srtt_us;
	if (!e->has_error)
		return;
	n[TRANSLOG_ERROR_CODE] = e->error_code;
	strcpy(t->rec.error_by, e->error_by_client ? "client" : "server");
	if (e->error_text_len == 0)
		return;
	t->rec.message.buf = e->error_text;
	t->rec.message.len = e->error_text_len;
}

/* The end of an accepted transfer. */
static void
record_end(struct transfer *t)
{
	t->rec.outcome = t->engine.outcome;
	add_counts(t);
	/* our own words say more than what went over the wire */
	if (t->a.verdict.message[0] != '\0')
		set_message(&t->rec, t->a.verdict.message);
	write_end(t);
}

static void
record_start(struct transfer *t)
{
	int64_t *n = t->rec.numbers;

	t->rec.event = TRANSLOG_START;
	n[TRANSLOG_BLKSIZE] = t->a.granted.blksize;
	n[TRANSLOG_WINDOWSIZE] = t->a.granted.windowsize;
	if (t->a.granted.timeout_ms != 0)
		n[TRANSLOG_TIMEOUT_MS] = t->a.granted.timeout_ms;
	if (t->a.req.op == PACKET_RRQ)
		n[TRANSLOG_SIZE] = (int64_t)t->a.file_size;
	else if (t->a.granted.has_tsize)
		n[TRANSLOG_SIZE] = (int64_t)t->a.granted.tsize;
	if (n[TRANSLOG_SIZE] != TRANSLOG_ABSENT)
		atomic_store(&t->slot->size, (uint64_t)n[TRANSLOG_SIZE]);
	write_record(t);
	atomic_store(&t->slot->state, LIVE_RUNNING);
}

/* A request that was refused: one ERROR, one record. */
static void
refuse(struct transfer *t)
{
	uint8_t pkt[PACKET_ERROR_MAX];
	size_t len;

	t->rec.outcome = t->a.verdict.outcome;
	set_message(&t->rec, t->a.verdict.message);
	if (t->a.sock != -1) {
		len = packet_put_error(pkt, sizeof(pkt), t->a.verdict.code,
		    t->a.verdict.text);
		(void)netio_send(t->a.sock, pkt, len);
		t->first_reply_us = clock_mono_us() - t->order->received_us;
		t->rec.numbers[TRANSLOG_ERROR_CODE] = t->a.verdict.code;
		strcpy(t->rec.error_by, "server");
	}
	write_end(t);
}

/* What reading needs besides: the packets of a window. */
static bool
make_reader(struct transfer *t, size_t packet)
{
	uint16_t windowsize = t->a.granted.windowsize;
	struct fileio_mark *marks = NULL;

	t->out = malloc(packet * windowsize);
	if (t->out == NULL)
		return false;
	if (t->a.req.mode == PACKET_MODE_NETASCII) {
		marks = calloc(windowsize + 1U, sizeof(*marks));
		if (marks == NULL)
			return false;
	}
	fileio_reader_init(&t->reader, t->a.file, t->a.file_size,
	    t->a.granted.blksize, marks);
	return true;
}

static bool
make_buffers(struct transfer *t)
{
	size_t packet = (size_t)t->a.granted.blksize + PACKET_HEADER_LEN;

	/* a byte more, so that a longer datagram is seen to be longer */
	t->in_size = packet + 1;
	t->in = malloc(t->in_size);
	if (t->in != NULL &&
	    (t->a.req.op == PACKET_WRQ || make_reader(t, packet)))
		return true;
	access_errno(&t->a.verdict, "get memory", ENOMEM);
	return false;
}

/* ---- the engine's actions --------------------------------------------- */

/* The transfer ends by our own doing: wire and record say why. */
static void
give_up(struct transfer *t)
{
	engine_end(&t->engine, clock_mono_us(), t->a.verdict.outcome,
	    t->a.verdict.code, t->a.verdict.text);
}

static void
note_reply(struct transfer *t)
{
	if (t->first_reply_us == 0)
		t->first_reply_us = clock_mono_us() - t->order->received_us;
}

static void
send_blocks(struct transfer *t, const struct engine_action *act)
{
	size_t stride = (size_t)t->a.granted.blksize + PACKET_HEADER_LEN;
	struct fileio_blocks made;
	uint32_t i;
	int err;

	err = fileio_read_blocks(&t->reader, act->first, act->count, t->out,
	    PACKET_HEADER_LEN, &made);
	if (err != 0) {
		access_refuse(&t->a.verdict, OUTCOME_FAILED,
		    PACKET_ERR_UNDEFINED, err == -ENODATA ?
		    "the file became shorter while it was sent" :
		    "reading the file: %s", strerror(-err));
		give_up(t);
		return;
	}
	if (made.is_end)
		engine_set_end(&t->engine, act->first + made.count - 1,
		    made.last_len);
	for (i = 0; i < made.count; i++)
		packet_put_data(t->out + i * stride,
		    engine_block(&t->engine, act->first + i));
	err = netio_send_blocks(t->a.sock, t->out, stride,
	    (made.count - 1) * stride + PACKET_HEADER_LEN + made.last_len);
	if (err == -ECONNREFUSED)
		t->is_refused = true;
}

static void
send_packet(struct transfer *t, const struct engine_action *act)
{
	if (netio_send(t->a.sock, act->pkt, act->pkt_len) == -ECONNREFUSED)
		t->is_refused = true;
}

/*
 * Is there still room?  The disk is asked once a megabyte; what has arrived
 * is on it already, so it counts as free for the comparison.
 */
static bool
has_room(struct transfer *t)
{
	uint64_t bytes = t->engine.counts.bytes, available = UINT64_MAX;

	if (bytes - t->space_checked >= SPACE_CHECK) {
		t->space_checked = bytes;
		available = fileio_available(t->a.upload.fd);
		if (available < UINT64_MAX - bytes)
			available += bytes;
	}
	return access_size(&t->a.verdict, t->a.conf, bytes, available);
}

static void
write_data(struct transfer *t, const struct engine_action *act)
{
	int err;

	if (!has_room(t)) {
		give_up(t);
		return;
	}
	err = fileio_upload_write(&t->a.upload, act->data.buf, act->data.len);
	if (err != 0) {
		access_errno(&t->a.verdict, "write", -err);
		give_up(t);
	}
}

static void
store(struct transfer *t)
{
	int err;

	if (!admission_still(&t->a)) {
		give_up(t);
		return;
	}
	err = fileio_upload_store(&t->a.upload, t->a.may_replace);
	if (err == 0) {
		t->slot->hidden[0] = '\0';
		engine_on_stored(&t->engine, clock_mono_us());
		return;
	}
	access_errno(&t->a.verdict, "store the file", -err);
	give_up(t);
}

static void
finish(struct transfer *t)
{
	if (t->a.req.op == PACKET_WRQ &&
	    t->engine.outcome != OUTCOME_COMPLETE) {
		fileio_upload_abort(&t->a.upload);
		t->slot->hidden[0] = '\0';
	}
	record_end(t);
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
		note_reply(t);
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
	engine_end(&t->engine, clock_mono_us(), outcome, PACKET_ERR_UNDEFINED,
	    NULL);
}

static void
take_words(struct transfer *t)
{
	int heard = words_heard;

	/* they are blocked here: nothing comes between the two lines */
	words_heard = 0;
	if (heard & 1 << TRANSFER_REPEAT)
		engine_on_repeat(&t->engine, clock_mono_us());
	if (heard & 1 << TRANSFER_REPLACED)
		end_by_order(t, OUTCOME_VANISHED,
		    "the client asked anew from the same port");
	if ((heard & 1 << TRANSFER_MAKE_ROOM) && !t->engine.heard)
		end_by_order(t, OUTCOME_NOANSWER,
		    "silent, and gave its place to others");
	if (heard & 1 << TRANSFER_SHUTDOWN)
		engine_end(&t->engine, clock_mono_us(), OUTCOME_SHUTDOWN,
		    PACKET_ERR_UNDEFINED, "Server is shutting down");
	perform_all(t);
}

/*
 * The kernel tells of a closed port before it hands out what came earlier:
 * a client's last ACK must not lose against the port that it then closed.
 */
static void
take_packets(struct transfer *t)
{
	ssize_t n;
	int i;

	for (i = 0; i < RECV_BATCH && !engine_is_over(&t->engine); i++) {
		n = netio_recv(t->a.sock, t->in, t->in_size);
		if (n == -ECONNREFUSED) {
			t->is_refused = true;
			continue;
		}
		if (n < 0)
			break;
		engine_on_packet(&t->engine, clock_mono_us(), t->in,
		    (size_t)n);
		perform_all(t);
	}
	if (t->is_refused && i < RECV_BATCH) {
		engine_on_refused(&t->engine, clock_mono_us());
		perform_all(t);
	}
}

static void
publish_progress(struct transfer *t)
{
	if (t->engine.heard)
		atomic_store_explicit(&t->slot->heard_us, t->engine.heard_us,
		    memory_order_relaxed);
	atomic_store_explicit(&t->slot->bytes, t->engine.counts.bytes,
	    memory_order_relaxed);
}

static void
run_engine(struct transfer *t)
{
	const struct conf *c = t->a.conf;
	struct engine_setup setup = {
		.op = t->a.req.op,
		.granted = &t->a.granted,
		.size = t->a.req.mode == PACKET_MODE_OCTET ? t->a.file_size :
		    ENGINE_UNKNOWN,
		.give_up_ms = c->give_up_ms,
		.first_timeout_ms = c->first_timeout_ms,
		.adaptive = c->adaptive,
	};
	uint64_t now_us, deadline_us;

	engine_init(&t->engine, &setup);
	engine_start(&t->engine, clock_mono_us());
	perform_all(t);
	while (!engine_is_over(&t->engine)) {
		now_us = clock_mono_us();
		deadline_us = engine_deadline(&t->engine);
		(void)netio_wait(t->a.sock, deadline_us > now_us &&
		    !t->is_refused ? deadline_us - now_us : 0,
		    &t->waiting_mask);
		take_packets(t);
		if (words_heard != 0)
			take_words(t);
		engine_on_timer(&t->engine, clock_mono_us());
		perform_all(t);
		publish_progress(t);
	}
}

/* ---- the process ------------------------------------------------------ */

static void
transfer_setup(struct transfer *t, const struct transfer_order *order,
    struct live_slot *slot)
{
	int word;

	memset(t, 0, sizeof(*t));
	t->order = order;
	t->slot = slot;
	admission_init(&t->a, order, slot);
	transfer_describe(order, &t->rec);
	sigprocmask(SIG_BLOCK, NULL, &t->waiting_mask);
	for (word = 0; word < TRANSFER_WORDS; word++)
		sigdelset(&t->waiting_mask, SIGRTMIN + word);
}

/* Whatever this process does not need is gone before it reads a byte. */
static struct live_slot *
leave_dispatcher(const struct transfer_order *o)
{
	struct live_slot *slot;

	service_stop_listening(o->service);
	diag_close();
#ifndef INSTRUMENTED
	dup2(STDIN_FILENO, STDERR_FILENO);
#endif
	slot = service_map_slot(o->service, o->slot);
	if (slot == NULL ||
	    shm_lock(o->service->table_fd, live_offset(o->slot)) != 0)
		_exit(EXIT_FAILURE);
	slot->pid = (int32_t)getpid();
	return slot;
}

noreturn void
transfer_run(const struct transfer_order *order)
{
	struct transfer t;

	transfer_setup(&t, order, leave_dispatcher(order));
	if (admission_decide(&t.a) && make_buffers(&t)) {
		describe(&t);
		record_start(&t);
		run_engine(&t);
	} else {
		if (t.a.upload.fd != -1)
			fileio_upload_abort(&t.a.upload);
		describe(&t);
		refuse(&t);
	}
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
	t.a.verdict.text = "Server busy";
	describe(&t);
	refuse(&t);
	if (t.a.sock != -1)
		close(t.a.sock);
}
