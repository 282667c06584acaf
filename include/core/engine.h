/*
 * engine - one TFTP transfer as a state machine, without I/O.
 *
 * Time goes in as an argument and is never read here; bytes go in as
 * (buf, len) and are never kept past the call.  After every event the
 * caller drains the actions:
 *
 *	engine_on_packet(&e, now_us, buf, len);
 *	while (engine_next(&e, &act))
 *		perform(&act);
 *	wait until engine_deadline(&e)
 *
 * until engine_is_over().  Blocks are counted in 64 bits and called index
 * (the first is 1); block is the 16-bit number on the wire.
 * src/core/engine.c opens with the theory of operation.
 */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/options.h"
#include "core/outcome.h"
#include "core/pace.h"
#include "core/packet.h"

#define ENGINE_NEVER		UINT64_MAX	/* no timer is armed */
#define ENGINE_UNKNOWN		UINT64_MAX	/* the last block is not known */
#define ENGINE_TEXT_MAX		256		/* of an ERROR, kept for the log */

/* What a transfer is made from. */
struct engine_setup {
	enum packet_opcode op;		/* PACKET_RRQ or PACKET_WRQ */
	const struct options_granted *granted;	/* copied */
	uint64_t size;		/* RRQ: bytes on the wire, or ENGINE_UNKNOWN */
	uint32_t give_up_ms;	/* silence that ends a transfer */
	uint32_t first_timeout_ms;	/* before a round trip was measured */
	bool adaptive;		/* resend by measured round-trip times */
};

enum engine_action_kind {
	/*
	 * Send DATA with index [first, first + count): a window, or a burst
	 * of it.  The caller has the bytes; where the file turns out to end
	 * earlier, it calls engine_set_end() and sends what there is.
	 */
	ENGINE_SEND_BLOCKS,
	ENGINE_SEND_PACKET,	/* send pkt[0..pkt_len): ACK, OACK or ERROR */
	ENGINE_WRITE,		/* append data to the upload */
	/*
	 * The upload is whole: give it its name, then call engine_on_stored();
	 * the last ACK waits for that.
	 */
	ENGINE_STORE,
	ENGINE_FINISH		/* the transfer has ended: write the record */
};

struct engine_action {
	enum engine_action_kind kind;
	uint64_t first;			/* ENGINE_SEND_BLOCKS */
	uint32_t count;
	uint32_t resent;		/* of these, sent before */
	const uint8_t *pkt;		/* ENGINE_SEND_PACKET */
	size_t pkt_len;
	struct packet_slice data;	/* ENGINE_WRITE: in the packet fed */
};

/* Counted here, written to the log by the caller. */
struct engine_counts {
	uint64_t bytes;		/* acknowledged (RRQ) or received in order */
	uint64_t blocks;	/* likewise */
	uint64_t packets_sent;
	uint64_t packets_received;
	uint64_t retransmits;	/* packets sent again */
	uint64_t timeouts;	/* times that the timer fired for a resend */
	uint64_t gaps;		/* times that we went back for a loss */
	uint64_t duplicates;	/* packets received that told nothing new */
};

enum engine_state {
	ENGINE_OACK,		/* OACK sent, nothing heard */
	ENGINE_SENDING,		/* RRQ: DATA under way */
	ENGINE_RECEIVING,	/* WRQ: waiting for DATA */
	ENGINE_STORING,		/* WRQ: all received, not yet stored */
	ENGINE_DALLYING,	/* WRQ: last ACK sent, it may get lost */
	ENGINE_OVER
};

/* What a client does, as far as it showed. */
enum engine_habit { ENGINE_UNSEEN, ENGINE_DOES, ENGINE_DOES_NOT };

#define ENGINE_QUEUE 4		/* no event causes more actions */

/* Read freely; written by the engine only. */
struct engine {
	enum packet_opcode op;
	struct options_granted granted;
	uint64_t give_up_us, first_timeout_us;
	bool adaptive;

	enum engine_state state;
	enum outcome outcome;
	bool heard;		/* the peer has answered: its address is real */

	/* RRQ: acked < next <= sent + 1; next <= window_end + 1; sent <= last */
	uint64_t acked;		/* all up to here have arrived; 0: none */
	uint64_t next;		/* the first not sent since the last turn-back */
	uint64_t window_end;	/* what may be sent before an ACK comes */
	uint64_t sent;		/* the highest ever sent */
	uint64_t last;		/* the file's last, or ENGINE_UNKNOWN */
	size_t last_len;	/* its bytes, 0..blksize - 1 */
	uint64_t turned_at;	/* acked at the last turn-back + 1; 0: none */
	uint64_t turned_us;	/* when an equal ACK made us; 0: none did */
	uint32_t copied_acks;	/* equal ACKs that told of no loss */
	uint32_t clean_windows;	/* without one since the last of these */
	uint32_t excused_acks;	/* equal ACKs that are still to be expected */
	bool is_timers;		/* the timer sent the running window again */
	uint64_t moved_at;	/* acked when such a window moved; 0: never */
	enum engine_habit answers_old;	/* ACKs blocks that it had already */
	uint64_t resent_from, resent_to;	/* sent more than once; 0: none */
	uint64_t window_us;	/* when the running window was sent, last ... */
	uint64_t opened_us;	/* ... and first, before the timer did it again */
	uint32_t steps;		/* ACKs in a row, of one block each */
	bool has_waited;	/* the timer was set for the answer to that */
	uint64_t burst_us;	/* when its last burst was */
	struct pace pace;

	/* WRQ: expected = 1 + the highest index received in order */
	uint64_t expected;
	uint32_t in_window;	/* in-order blocks since the last ACK */
	bool gap_acked;		/* the running gap was reported */

	/* timers, in the caller's microseconds */
	uint64_t deadline_us;	/* of the next resend or the end of dallying */
	uint64_t heard_us;	/* when the peer last told something new */
	uint64_t silence_us;	/* when the silence is too long */
	uint32_t first_replies;	/* how often the first reply was sent */
	uint32_t timer_replies;	/* of these, by the timer and at the start */
	uint64_t first_reply_us;	/* when last */
	uint32_t backoff;	/* resends since the last news */

	/* round-trip time (RFC 6298), in microseconds */
	bool has_rtt;
	bool window_timed;	/* a sample came from DATA, not from the OACK */
	uint64_t srtt_us, rttvar_us, min_rtt_us, rto_us;
	uint64_t timed_index;	/* its ACK gives a sample; 0: none does */
	uint64_t timed_us;	/* RRQ: of the burst; WRQ: of the last ACK */
	uint64_t fresh_index;	/* the window's first that was not sent before */

	struct engine_counts counts;

	/* the ERROR that ended it, if one did */
	bool has_error, error_by_client;
	uint16_t error_code;
	uint8_t error_text[ENGINE_TEXT_MAX];
	size_t error_text_len;

	uint8_t pkt[PACKET_ERROR_MAX];	/* the ACK or ERROR being sent */
	struct engine_action queue[ENGINE_QUEUE];
	unsigned queued, taken;
};

/*
 * engine_init - set a transfer up.  Nothing is sent before engine_start().
 * e is caller's; setup may go after the call.  Never fails.
 */
void engine_init(struct engine *e, const struct engine_setup *setup);

/*
 * engine_start - the first reply: the OACK, else DATA 1 or ACK 0.
 * now_us is monotonic; no later call may have a smaller one.
 */
void engine_start(struct engine *e, uint64_t now_us);

/*
 * engine_on_packet - one datagram from the peer (never from another TID:
 * the socket is connected).
 *
 * buf, len   UDP payload, borrowed until engine_next() has returned false
 *
 * Never fails: what does not fit the state is counted and ignored.  A
 * duplicate ACK causes no DATA, except once per gap where windowsize > 1.
 *
 * RFC 1350 sections 2, 6, 7; RFC 1123 section 4.2.3; RFC 7440 section 4.
 */
void engine_on_packet(struct engine *e, uint64_t now_us, const uint8_t *buf,
    size_t len);

/* The deadline has come (early calls do nothing). */
void engine_on_timer(struct engine *e, uint64_t now_us);

/* The client sent its request again: the first reply was lost or is late. */
void engine_on_repeat(struct engine *e, uint64_t now_us);

/* ICMP says that the peer's port is closed (ECONNREFUSED). */
void engine_on_refused(struct engine *e, uint64_t now_us);

/* ENGINE_STORE is done: the file stands under its name. */
void engine_on_stored(struct engine *e, uint64_t now_us);

/*
 * engine_end - the caller ends it: a failure of its own, a limit, shutdown.
 *
 * outcome    what the record shall say
 * text       sent to the peer in an ERROR with code, once, and kept; NULL
 *            sends nothing
 * No effect on a transfer that has its outcome.
 */
void engine_end(struct engine *e, uint64_t now_us, enum outcome outcome,
    enum packet_error code, const char *text);

/*
 * engine_not_sent - ENGINE_SEND_BLOCKS could not be performed, and nothing
 * of it went out: the counters must not say so.  Before engine_end().
 */
void engine_not_sent(struct engine *e, const struct engine_action *act);

/*
 * engine_set_end - RRQ: the file's last block is known now.
 *
 * last       its index: at least acked and 1, at most any block asked for
 * last_len   its length, below blksize
 * May be called while ENGINE_SEND_BLOCKS is being performed.
 */
void engine_set_end(struct engine *e, uint64_t last, size_t last_len);

/*
 * engine_expects - how many blocks from e->next on will be sent next, if
 * nothing is lost: so many can be read while the ACK travels.
 */
uint32_t engine_expects(const struct engine *e);

/* Take the next action; false: none is left, wait for an event. */
bool engine_next(struct engine *e, struct engine_action *act);

/* When engine_on_timer() is due, or ENGINE_NEVER. */
uint64_t engine_deadline(const struct engine *e);

/* Nothing more will happen: the caller can close the socket. */
bool engine_is_over(const struct engine *e);

/* The number on the wire of a 64-bit index (0 is the OACK's). */
uint16_t engine_block(const struct engine *e, uint64_t index);

#endif
