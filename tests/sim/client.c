#include <string.h>

#include "world.h"

#define PATIENCE_US	90000000	/* without anything new */
#define ERASING_US	20000000
#define RESET_US	2500000		/* a machine that starts again */

const struct client_model client_models[] = {
	/* what RFC 7440 has in mind; the first is the one for scenarios */
	{ "rfc7440", true, ANSWER_ONCE, ANSWER_ONCE, ANSWER_ONCE,
	    1000, 1000, 100, 30, 0, true, true },
	{ "lockstep", false, ANSWER_NOTHING, ANSWER_ONCE, ANSWER_NOTHING,
	    5000, 5000, 100, 6, 0, true, true },
	{ "edk2", true, ANSWER_ALWAYS, ANSWER_ALWAYS, ANSWER_NOTHING,
	    3000, 3000, 100, 6, 0, true, false },
	{ "atftp", true, ANSWER_ONCE, ANSWER_ONCE, ANSWER_ONCE,
	    5000, 5000, 100, 5, 0, true, false },
	{ "uboot", true, ANSWER_ONCE, ANSWER_NOTHING, ANSWER_NOTHING,
	    5000, 5000, 100, 10, 5, true, false },
	{ "busybox", false, ANSWER_NOTHING, ANSWER_NOTHING, ANSWER_NOTHING,
	    100, 2000, 150, 12, 0, true, false },
	{ "grub", false, ANSWER_ALWAYS, ANSWER_ALWAYS, ANSWER_NOTHING,
	    400, 1200, 105, 40, 0, false, false },
	{ "hpa", false, ANSWER_NOTHING, ANSWER_ONCE, ANSWER_ALWAYS,
	    5000, 5000, 100, 5, 0, true, false },
	{ "curl", false, ANSWER_NOTHING, ANSWER_ONCE, ANSWER_ALWAYS,
	    6000, 6000, 100, 8, 6, true, false },
	{ "ipxe", false, ANSWER_ALWAYS, ANSWER_ALWAYS, ANSWER_NOTHING,
	    250, 10000, 200, 10, 0, true, false },
};

const unsigned client_model_count =
    sizeof(client_models) / sizeof(client_models[0]);

unsigned
client_model_named(const char *name)
{
	unsigned i;

	for (i = 0; i + 1 < client_model_count; i++)
		if (strcmp(client_models[i].name, name) == 0)
			break;
	return i;
}

/* ---- numbers on the wire ---------------------------------------------- */

uint16_t
client_block(const struct world *w, uint64_t index)
{
	if (w->plan->rollover == 1)
		while (index > 65535)
			index -= 65535;
	return (uint16_t)(index & 0xffff);
}

uint32_t
client_ahead(const struct world *w, uint64_t index, uint16_t block)
{
	uint32_t cycle = w->plan->rollover == 1 ? 65535 : 65536;
	uint32_t have = client_block(w, index);

	if (have == 0 && cycle == 65535)	/* before the first block */
		return block;
	if (block == 0 && cycle == 65535)
		return cycle - 1;
	return (block + cycle - have) % cycle;
}

/* ---- sending ---------------------------------------------------------- */

static void
send_bytes(struct world *w, uint32_t tid, const uint8_t *buf, size_t len,
    uint64_t index)
{
	struct datagram *gram = net_datagram(len);

	gram->tid = tid;
	gram->index = index;
	memcpy(gram->buf, buf, len);
	net_send(w, TO_SERVER, w->now_us, gram);
}

void
client_send_ack(struct world *w, uint64_t index)
{
	uint8_t pkt[PACKET_ACK_LEN];

	world_trace(w, "client  ACK %llu", (unsigned long long)index);
	packet_put_ack(pkt, client_block(w, index));
	send_bytes(w, w->client.tid, pkt, sizeof(pkt), index);
}

void
client_send_error(struct world *w, uint32_t tid, uint16_t code,
    const char *text)
{
	uint8_t pkt[PACKET_ERROR_MAX];
	size_t len = packet_put_error(pkt, sizeof(pkt),
	    (enum packet_error)code, text);

	world_trace(w, "client  ERROR %u %s", code, text);
	send_bytes(w, tid, pkt, len, w->client.next);
}

static void
send_request(struct world *w)
{
	struct datagram *gram = net_datagram(2);

	world_trace(w, "client  %s", w->plan->op == PACKET_RRQ ?
	    "RRQ" : "WRQ");
	gram->is_request = true;
	gram->buf[0] = 0;
	gram->buf[1] = (uint8_t)w->plan->op;
	net_send(w, TO_SERVER, w->now_us, gram);
}

/* ---- its life --------------------------------------------------------- */

void
client_news(struct world *w)
{
	struct client *c = &w->client;

	c->tried = 0;
	c->wait_ms = c->model->wait_ms;
	c->news_us = w->now_us;
	c->due_us = w->now_us + c->wait_ms * 1000ULL;
}

static void
ask(struct world *w)
{
	struct client *c = &w->client;

	c->phase = CLIENT_ASKING;
	c->was_reset = false;
	c->tid = 0;
	c->next = c->last = 1;
	c->acked = c->sent = c->bytes = 0;
	c->in_window = 0;
	c->gap_told = false;
	client_news(w);
	send_request(w);
}

void
client_start(struct world *w)
{
	w->client.model = &client_models[w->plan->model];
	ask(w);
}

void
client_end(struct world *w, bool has_it)
{
	struct client *c = &w->client;

	world_trace(w, "client  %s", has_it ? "has it all" : "gives up");
	c->phase = CLIENT_OVER;
	c->due_us = WORLD_NEVER;
	if (!has_it)
		return;
	c->has_it = true;
	c->has_it_us = w->now_us;
	c->whole_tid = c->tid;
	watch_client(w);
	if (c->model->dallies && w->plan->op == PACKET_RRQ) {
		c->phase = CLIENT_DALLYING;
		c->due_us = w->now_us + c->model->wait_ms * 1000ULL;
	}
}

bool
client_mishap(struct world *w, uint64_t index)
{
	struct client *c = &w->client;

	if (w->plan->mishap == MISHAP_NONE || c->had_mishap ||
	    index != w->plan->mishap_index)
		return false;
	c->had_mishap = true;
	world_trace(w, "client  %s", plan_mishap_names[w->plan->mishap]);
	switch (w->plan->mishap) {
	case MISHAP_ERASES:
		c->asleep_us = w->now_us + ERASING_US;
		return false;
	case MISHAP_RESETS:
		c->phase = CLIENT_ASKING;
		c->tid = 0;
		c->was_reset = true;
		c->asleep_us = w->now_us + RESET_US;
		c->due_us = c->asleep_us;
		return true;
	case MISHAP_PROBE:
	case MISHAP_ABORTS:
		client_send_error(w, c->tid, PACKET_ERR_UNDEFINED,
		    "TFTP Aborted");
		break;
	case MISHAP_VANISHES:
		c->is_off = true;
		break;
	default:
		break;
	}
	client_end(w, false);
	return true;
}

/* ---- receiving -------------------------------------------------------- */

static bool
is_first_answer(const struct world *w, const uint8_t *buf)
{
	if (buf[1] == PACKET_OACK)
		return w->plan->oack;
	if (w->plan->oack)
		return false;
	if (w->plan->op == PACKET_RRQ)
		return buf[1] == PACKET_DATA && buf[2] == 0 && buf[3] == 1;
	return buf[1] == PACKET_ACK && buf[2] == 0 && buf[3] == 0;
}

/* The first answer tells the server's port. */
static void
take_answer(struct world *w, const struct datagram *gram)
{
	struct client *c = &w->client;

	if (gram->buf[1] == PACKET_ERROR) {
		client_end(w, false);
		return;
	}
	if (!is_first_answer(w, gram->buf))
		return;
	c->tid = gram->tid;
	c->phase = CLIENT_RUNNING;
	client_news(w);
	if (client_mishap(w, 0))
		return;
	if (w->plan->op == PACKET_RRQ)
		reader_begin(w, gram->buf[1] == PACKET_OACK);
	else
		writer_begin(w);
	if (gram->buf[1] == PACKET_DATA)
		reader_data(w, gram->buf, gram->len);
}

/* It comes again when the answer to it was lost. */
static void
take_oack_again(struct world *w)
{
	struct client *c = &w->client;

	if (w->plan->op == PACKET_RRQ && c->next == 1)
		client_send_ack(w, 0);
}

static void
take_packet(struct world *w, const struct datagram *gram)
{
	const uint8_t *buf = gram->buf;

	switch (buf[1]) {
	case PACKET_ERROR:
		if (w->client.phase == CLIENT_RUNNING)
			client_end(w, false);
		break;
	case PACKET_OACK:
		take_oack_again(w);
		break;
	case PACKET_DATA:
		if (w->plan->op == PACKET_RRQ)
			reader_data(w, buf, gram->len);
		break;
	case PACKET_ACK:
		if (w->plan->op == PACKET_WRQ)
			writer_ack(w, (uint16_t)(buf[2] << 8 | buf[3]));
		break;
	}
}

static const char *
packet_name(uint8_t op)
{
	static const char *const names[] = { "DATA", "ACK", "ERROR", "OACK" };

	return op >= PACKET_DATA && op <= PACKET_OACK ?
	    names[op - PACKET_DATA] : "what?";
}

void
client_receive(struct world *w, struct datagram *gram)
{
	struct client *c = &w->client;

	if (c->phase == CLIENT_OVER) {
		if (!c->is_off && !w->plan->no_icmp && !gram->is_foreign)
			net_refuse(w, gram->tid);
		return;
	}
	w->is_tainted |= gram->is_evil;
	if (gram->len < PACKET_HEADER_LEN || gram->buf[0] != 0)
		return;
	world_trace(w, "client  gets %s %llu", packet_name(gram->buf[1]),
	    (unsigned long long)gram->index);
	if (c->tid != 0 && gram->tid != c->tid) {
		if (gram->buf[1] != PACKET_ERROR)
			client_send_error(w, gram->tid, PACKET_ERR_TID,
			    "unknown transfer ID");
	} else if (c->tid == 0 && gram->is_foreign) {
		return;
	} else if (c->phase == CLIENT_ASKING) {
		take_answer(w, gram);
	} else {
		take_packet(w, gram);
	}
}

/* ---- time ------------------------------------------------------------- */

uint64_t
client_due(const struct world *w)
{
	const struct client *c = &w->client;

	if (c->phase == CLIENT_OVER)
		return WORLD_NEVER;
	return c->due_us > c->asleep_us ? c->due_us : c->asleep_us;
}

static void
wait_longer(struct client *c)
{
	uint32_t wait_ms = c->wait_ms * c->model->growth / 100;

	c->wait_ms = wait_ms < c->model->wait_max_ms ? wait_ms :
	    c->model->wait_max_ms;
}

void
client_timer(struct world *w)
{
	struct client *c = &w->client;

	if (c->phase == CLIENT_DALLYING) {
		c->phase = CLIENT_OVER;
		return;
	}
	if (++c->tried > c->model->tries ||
	    w->now_us > c->news_us + PATIENCE_US) {
		client_end(w, false);
		return;
	}
	c->due_us = w->now_us + c->wait_ms * 1000ULL;
	wait_longer(c);
	if (c->was_reset)
		ask(w);
	else if (c->phase == CLIENT_ASKING)
		send_request(w);
	else if (w->plan->op == PACKET_WRQ)
		writer_again(w);
	else if (c->model->repeats_acks)
		reader_again(w);
	else
		c->tried--;	/* it relies on the server */
}
