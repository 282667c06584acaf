#include "world.h"

static void
send_block(struct world *w, uint64_t index)
{
	const struct plan *p = w->plan;
	size_t len = index == w->client.last ? p->size % p->blksize :
	    p->blksize;
	struct datagram *gram = net_datagram(PACKET_HEADER_LEN + len);

	gram->tid = w->client.tid;
	gram->index = index;
	packet_put_data(gram->buf, client_block(w, index));
	disk_fill(p->seed, (index - 1) * p->blksize,
	    gram->buf + PACKET_HEADER_LEN, len);
	world_trace(w, "client  DATA %llu", (unsigned long long)index);
	net_send(w, TO_SERVER, w->now_us, gram);
}

/* All of the window behind the last ACK. */
static void
send_window(struct world *w)
{
	struct client *c = &w->client;
	uint64_t end = c->acked + w->plan->windowsize;

	if (end > c->last)
		end = c->last;
	for (c->next = c->acked + 1; c->next <= end; c->next++)
		send_block(w, c->next);
	if (c->sent < end)
		c->sent = end;
}

void
writer_begin(struct world *w)
{
	w->client.last = plan_last(w->plan);
	w->client.gap_told = false;
	send_window(w);
}

/* What was acknowledged before comes again. */
static void
take_copy(struct world *w)
{
	struct client *c = &w->client;

	if (c->model->ack == ANSWER_NOTHING ||
	    (c->model->ack == ANSWER_ONCE && (c->gap_told ||
	    w->plan->windowsize == 1)))
		return;
	c->gap_told = true;
	/* curl counts them as tries, and ends the chain that it began */
	if (c->model->ack == ANSWER_ALWAYS && ++c->tried > c->model->tries)
		client_end(w, false);
	else
		send_window(w);
}

void
writer_ack(struct world *w, uint16_t block)
{
	struct client *c = &w->client;
	uint32_t ahead = client_ahead(w, c->acked, block);

	if (ahead == 0 || c->acked + ahead > c->sent) {
		if (ahead == 0 || c->model->ack == ANSWER_ALWAYS)
			take_copy(w);
		return;
	}
	if (client_mishap(w, c->acked + ahead))
		return;
	c->acked += ahead;
	c->gap_told = false;
	client_news(w);
	if (c->acked == c->last)
		client_end(w, true);
	else
		send_window(w);
}

void
writer_again(struct world *w)
{
	w->client.gap_told = false;
	send_window(w);
}
