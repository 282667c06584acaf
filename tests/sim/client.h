/*
 * client - the clients that there are, as a table of habits.
 *
 * reader.c and writer.c are the two halves: one fetches, one stores.  Both
 * count blocks in their own way, not in the engine's.
 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct datagram;
struct world;

/* What a client says to a block, or an ACK, that it did not expect. */
enum client_answer {
	ANSWER_NOTHING,
	ANSWER_ONCE,	/* once a gap; to a copy: only of the last block */
	ANSWER_ALWAYS
};

struct client_model {
	const char *name;
	bool windows;			/* knows RFC 7440 */
	enum client_answer gap;		/* reading: a block too far ahead */
	enum client_answer copy;	/* reading: a block once more */
	enum client_answer ack;		/* writing: an ACK once more */
	uint32_t wait_ms, wait_max_ms;	/* before it repeats itself */
	uint32_t growth;		/* of wait, in hundredths */
	unsigned tries;
	uint8_t asks_timeout;		/* seconds; 0: it does not */
	bool repeats_acks;		/* by its timer */
	bool dallies;			/* after the last ACK */
};

extern const struct client_model client_models[];
extern const unsigned client_model_count;

/* The model of that name; it exists. */
unsigned client_model_named(const char *name);

enum client_phase {
	CLIENT_ASKING,
	CLIENT_RUNNING,
	CLIENT_DALLYING,
	CLIENT_OVER
};

struct client {
	const struct client_model *model;
	enum client_phase phase;
	uint32_t tid;		/* the server's; 0: not known */
	bool has_it;		/* the whole file, or the last ACK */
	uint32_t whole_tid;	/* from that transfer */
	uint64_t has_it_us;
	bool is_off;		/* not even ICMP comes from it */
	bool had_mishap;
	bool was_reset;		/* and has not asked anew yet */
	uint64_t news_us;	/* when it last got further */
	uint64_t due_us;
	uint32_t wait_ms;
	unsigned tried;
	uint64_t asleep_us;	/* until then it does not look */

	/* reading: next is expected; writing: acked < next <= last + 1 */
	uint64_t next, acked, sent, last;
	uint32_t in_window;
	bool gap_told;
	uint64_t bytes;
};

/* Ask. */
void client_start(struct world *w);

/* A datagram for the client's port. */
void client_receive(struct world *w, struct datagram *gram);

uint64_t client_due(const struct world *w);
void client_timer(struct world *w);

/* ---- for reader.c and writer.c ---------------------------------------- */

/* Something new came: wait anew. */
void client_news(struct world *w);
void client_end(struct world *w, bool has_it);
void client_send_ack(struct world *w, uint64_t index);
void client_send_error(struct world *w, uint32_t tid, uint16_t code,
    const char *text);

/* Whether the mishap begins at this block; then it has begun. */
bool client_mishap(struct world *w, uint64_t index);

/* How far block is ahead of index, in the arithmetic of the wire. */
uint32_t client_ahead(const struct world *w, uint64_t index, uint16_t block);
uint16_t client_block(const struct world *w, uint64_t index);

void reader_begin(struct world *w, bool by_oack);
void reader_data(struct world *w, const uint8_t *buf, size_t len);
void reader_again(struct world *w);

void writer_begin(struct world *w);
void writer_ack(struct world *w, uint16_t block);
void writer_again(struct world *w);

#endif
