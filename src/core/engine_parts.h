/*
 * engine_parts - what the files of the engine share; for them alone.
 *
 * engine.c has both directions' beginning, end, timer and actions,
 * engine_read.c the sending of a file, engine_write.c the receiving.
 */
#ifndef ENGINE_PARTS_H
#define ENGINE_PARTS_H

#include "core/engine.h"

#define US_PER_MS		1000ULL

static inline uint64_t
min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t
max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The least index >= base with this number on the wire, or UINT64_MAX. */
uint64_t engine_index(const struct engine *e, uint64_t base, uint16_t block);

/* Queue an action: empty, for the caller to fill. */
struct engine_action *engine_push(struct engine *e,
    enum engine_action_kind kind);

/* Queue a packet, which stays where it is until it has been sent. */
void engine_push_packet(struct engine *e, const uint8_t *pkt, size_t len);

/* The transfer has ended so. */
void engine_finish(struct engine *e, enum outcome outcome);

/* A round trip was measured: RFC 6298 section 2. */
void engine_sample(struct engine *e, uint64_t rtt_us);

/* The peer told something new. */
void engine_note_news(struct engine *e, uint64_t now_us);

/* The timer comes after wait_us, and no later than the end of patience. */
void engine_arm(struct engine *e, uint64_t now_us, uint64_t wait_us);

/* ---- engine_read.c */

void engine_on_ack(struct engine *e, uint64_t now_us, uint16_t block);

/* Send from acked + 1 to the end of the window or file, or a first burst. */
void engine_send_window(struct engine *e, uint64_t now_us);

/* Is a part of the window still to be sent, after a pause? */
bool engine_is_pausing(const struct engine *e);

/* The pause is over: the next burst. */
void engine_send_burst(struct engine *e, uint64_t now_us);

/* The timer fired: the window again. */
void engine_resend(struct engine *e, uint64_t now_us);

/* ---- engine_write.c */

void engine_on_data(struct engine *e, uint64_t now_us,
    const struct packet *pkt);

/* Acknowledge all that has arrived in order. */
void engine_push_ack(struct engine *e, uint64_t now_us);

/* The timer fired: the ACK again. */
void engine_repeat_ack(struct engine *e, uint64_t now_us);

#endif
