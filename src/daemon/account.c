#include <string.h>
#include <sys/resource.h>

#include "daemon/account.h"
#include "os/clock.h"

void
account_init(struct account *ac, const struct transfer_order *order,
    struct live_slot *slot, const struct admission *a)
{
	ac->order = order;
	ac->slot = slot;
	ac->a = a;
	ac->first_reply_us = 0;
	account_describe(order, &ac->rec);
}

void
account_reply(struct account *ac)
{
	if (ac->first_reply_us == 0)
		ac->first_reply_us = clock_mono_us() - ac->order->received_us;
}

void
account_describe(const struct transfer_order *order,
    struct translog_record *rec)
{
	struct packet_request req;

	translog_clear(rec);
	(void)packet_decode_request(order->request, order->request_len, &req);
	memcpy(rec->id, order->id, sizeof(rec->id));
	rec->op = req.op == PACKET_WRQ ? TRANSLOG_WRITE : TRANSLOG_READ;
	memcpy(rec->client, order->client, sizeof(rec->client));
	memcpy(rec->server, order->server, sizeof(rec->server));
	rec->numbers[TRANSLOG_CLIENT_PORT] = netio_port(&order->origin.peer);
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

/* As strcpy(), from pages that every transfer has at hand. */
static void
put_text(char *to, const char *text)
{
	memcpy(to, text, strlen(text) + 1);
}

static void
show_path(struct account *ac)
{
	const char *path = ac->a->naming.path;

	if (path[0] == '\0')
		return;
	ac->shown_path[0] = '/';
	put_text(ac->shown_path + 1, strcmp(path, ".") == 0 ? "" : path);
	ac->rec.path.buf = (const uint8_t *)ac->shown_path;
	ac->rec.path.len = strlen(ac->shown_path);
}

static void
show_request(struct account *ac)
{
	const struct admission *a = ac->a;
	struct translog_record *rec = &ac->rec;

	rec->numbers[TRANSLOG_SERVER_PORT] = a->sock == -1 ?
	    TRANSLOG_ABSENT : netio_local_port(a->sock);
	put_text(rec->mode, mode_name(a->req.mode));
	if (a->req.options.len != 0) {
		rec->asked.buf = (const uint8_t *)ac->asked;
		rec->asked.len = options_describe(a->req.options, ac->asked,
		    sizeof(ac->asked));
	}
	show_path(ac);
}

static void
write_record(struct account *ac)
{
	int err = service_record(ac->order->service, &ac->rec);

	if (err == 0 || ac->slot == NULL)
		return;
	atomic_store(&ac->slot->log_errno, (uint32_t)-err);
	atomic_fetch_add(&ac->slot->log_lost, 1);
}

/* What it cost, and how long it took. */
static void
add_costs(struct account *ac)
{
	int64_t *n = ac->rec.numbers;
	struct rusage ru;

	n[TRANSLOG_DURATION_US] =
	    (int64_t)(clock_mono_us() - ac->order->received_us);
	if (ac->first_reply_us != 0)
		n[TRANSLOG_FIRST_REPLY_US] = (int64_t)ac->first_reply_us;
	/* without a slot this is the dispatcher, whose costs are not these */
	if (ac->slot != NULL && getrusage(RUSAGE_SELF, &ru) == 0) {
		n[TRANSLOG_CPU_US] = (int64_t)(ru.ru_utime.tv_sec +
		    ru.ru_stime.tv_sec) * 1000000 + ru.ru_utime.tv_usec +
		    ru.ru_stime.tv_usec;
		n[TRANSLOG_RSS_KB] = ru.ru_maxrss;
	}
}

/*
 * When the client's last word arrived, which may be some time before it was
 * read: what the same client sends after that is no part of this transfer.
 */
static void
publish_last_word(struct account *ac, bool heard)
{
	/* in this order an interruption between the two makes it earlier */
	uint64_t now_us = clock_mono_us();
	uint64_t ago_us = netio_arrived_ago(ac->a->sock);

	if (heard)
		atomic_store(&ac->slot->heard_us, now_us - ago_us);
}

/* The record of the end; after it nobody else writes one. */
static void
write_end(struct account *ac, bool heard)
{
	ac->rec.event = TRANSLOG_TRANSFER;
	add_costs(ac);
	write_record(ac);
	if (ac->slot == NULL)
		return;
	publish_last_word(ac, heard);
	atomic_store(&ac->slot->outcome, (uint32_t)ac->rec.outcome);
	atomic_store(&ac->slot->state, LIVE_ENDED);
}

static void
add_counts(struct account *ac, const struct engine *e)
{
	int64_t *n = ac->rec.numbers;

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
	strcpy(ac->rec.error_by, e->error_by_client ? "client" : "server");
	if (e->error_text_len == 0)
		return;
	ac->rec.message.buf = e->error_text;
	ac->rec.message.len = e->error_text_len;
}

void
account_end(struct account *ac, const struct engine *e)
{
	ac->rec.outcome = e->outcome;
	/* a unique name is known only now */
	show_path(ac);
	if (ac->a->upload.in_place)
		ac->rec.numbers[TRANSLOG_IN_PLACE] = 1;
	add_counts(ac, e);
	/* our own words say more than what went over the wire */
	if (ac->a->verdict.message[0] != '\0')
		set_message(&ac->rec, ac->a->verdict.message);
	write_end(ac, e->heard);
}

void
account_start(struct account *ac)
{
	const struct admission *a = ac->a;
	int64_t *n = ac->rec.numbers;

	show_request(ac);
	ac->rec.event = TRANSLOG_START;
	n[TRANSLOG_BLKSIZE] = a->granted.blksize;
	n[TRANSLOG_WINDOWSIZE] = a->granted.windowsize;
	if (a->granted.timeout_ms != 0)
		n[TRANSLOG_TIMEOUT_MS] = a->granted.timeout_ms;
	if (a->req.op == PACKET_RRQ)
		n[TRANSLOG_SIZE] = (int64_t)a->file_size;
	else if (a->granted.has_tsize)
		n[TRANSLOG_SIZE] = (int64_t)a->granted.tsize;
	if (n[TRANSLOG_SIZE] != TRANSLOG_ABSENT)
		atomic_store(&ac->slot->size, (uint64_t)n[TRANSLOG_SIZE]);
	ac->slot->blksize = a->granted.blksize;
	ac->slot->windowsize = a->granted.windowsize;
	write_record(ac);
	atomic_store(&ac->slot->state, LIVE_RUNNING);
}

void
account_refused(struct account *ac)
{
	const struct admission *a = ac->a;

	show_request(ac);
	ac->rec.outcome = a->verdict.outcome;
	set_message(&ac->rec, a->verdict.message);
	if (ac->first_reply_us != 0) {
		ac->rec.numbers[TRANSLOG_ERROR_CODE] = a->verdict.code;
		strcpy(ac->rec.error_by, "server");
	}
	write_end(ac, false);
}
