#include "world.h"

void
reader_begin(struct world *w, bool by_oack)
{
	if (by_oack)
		client_send_ack(w, 0);
}

/* An ACK begins a window. */
static void
ack(struct world *w)
{
	w->client.in_window = 0;
	client_send_ack(w, w->client.next - 1);
}

static void
take_block(struct world *w, const uint8_t *data, size_t len)
{
	struct client *c = &w->client;
	const struct plan *p = w->plan;

	if (!w->is_tainted && !disk_same(p->seed, c->bytes, data, len))
		world_break(w, "client-gets-the-file",
		    "block %llu has other bytes", (unsigned long long)c->next);
	c->next++;
	c->in_window++;
	c->bytes += len;
	c->gap_told = false;
	client_news(w);
	if (len < p->blksize) {
		if (!w->is_tainted && c->bytes != p->size)
			world_break(w, "client-gets-the-file",
			    "%llu bytes, not %llu",
			    (unsigned long long)c->bytes,
			    (unsigned long long)p->size);
		ack(w);
		client_end(w, true);
	} else if (c->in_window >= p->windowsize) {
		ack(w);
	}
}

static void
take_ahead(struct world *w)
{
	struct client *c = &w->client;

	if (c->model->gap == ANSWER_NOTHING ||
	    (c->model->gap == ANSWER_ONCE && c->gap_told))
		return;
	c->gap_told = true;
	ack(w);
}

/* ANSWER_ONCE: the end of a window came again, its ACK may be lost. */
static void
take_copy(struct world *w, uint32_t behind)
{
	struct client *c = &w->client;

	if (c->model->copy == ANSWER_ALWAYS ||
	    (c->model->copy == ANSWER_ONCE && behind == 1 &&
	    c->in_window == 0))
		ack(w);
}

void
reader_data(struct world *w, const uint8_t *buf, size_t len)
{
	struct client *c = &w->client;
	uint16_t block = (uint16_t)(buf[2] << 8 | buf[3]);
	uint32_t ahead = client_ahead(w, c->next, block);
	uint32_t behind = client_ahead(w, block, client_block(w, c->next));

	if (c->phase == CLIENT_DALLYING) {
		if (behind == 1)
			client_send_ack(w, c->next - 1);
	} else if (ahead == 0) {
		if (!client_mishap(w, c->next))
			take_block(w, buf + PACKET_HEADER_LEN,
			    len - PACKET_HEADER_LEN);
	} else if (ahead < w->plan->windowsize) {
		take_ahead(w);
	} else if (behind <= 2U * w->plan->windowsize) {
		take_copy(w, behind);
	}
}

void
reader_again(struct world *w)
{
	ack(w);
}
