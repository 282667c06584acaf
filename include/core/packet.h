/*
 * packet - bytes on the wire to TFTP packets and back (RFC 1350, 2347).
 *
 * A decoded packet is slices into the caller's buffer: nothing is copied
 * and nothing may be used after that buffer.  All input is hostile: every
 * function takes (buf, len) and reads nothing beyond.
 */
#ifndef CORE_PACKET_H
#define CORE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum packet_opcode {
	PACKET_RRQ = 1,
	PACKET_WRQ,
	PACKET_DATA,
	PACKET_ACK,
	PACKET_ERROR,
	PACKET_OACK
};

/* Error codes of RFC 1350 (appendix) and RFC 2347. */
enum packet_error {
	PACKET_ERR_UNDEFINED,
	PACKET_ERR_NOT_FOUND,
	PACKET_ERR_ACCESS,
	PACKET_ERR_SPACE,
	PACKET_ERR_ILLEGAL,
	PACKET_ERR_TID,
	PACKET_ERR_EXISTS,
	PACKET_ERR_USER,
	PACKET_ERR_OPTIONS
};

enum packet_mode {
	PACKET_MODE_OCTET,
	PACKET_MODE_NETASCII,
	PACKET_MODE_MAIL,	/* understood, never served */
	PACKET_MODE_UNKNOWN
};

#define PACKET_HEADER_LEN	4	/* of DATA, ACK and ERROR */
#define PACKET_ACK_LEN		4
#define PACKET_BLKSIZE_DEFAULT	512
#define PACKET_BLKSIZE_MIN	8
#define PACKET_BLKSIZE_MAX	65464	/* RFC 2348 */
#define PACKET_ERROR_MAX	512	/* the longest ERROR that we send */

/* Bytes that belong to somebody else; buf is not NUL-terminated. */
struct packet_slice {
	const uint8_t *buf;
	size_t len;
};

struct packet_request {
	enum packet_opcode op;		/* PACKET_RRQ or PACKET_WRQ */
	struct packet_slice name;	/* as sent, without its NUL */
	struct packet_slice mode_text;
	enum packet_mode mode;
	struct packet_slice options;	/* name NUL value NUL ..., unparsed */
};

/* Why a datagram is no request that can be served. */
enum packet_verdict {
	PACKET_OK,
	PACKET_NOT_REQUEST,	/* other opcode, or under 2 bytes: no answer */
	PACKET_NO_NAME_END,	/* the name has no NUL */
	PACKET_NO_MODE		/* the mode is missing or has no NUL */
};

/*
 * packet_decode_request - take an RRQ or WRQ apart.
 *
 * buf, len   one datagram
 * req        filled as far as was understood: for PACKET_NO_NAME_END and
 *            PACKET_NO_MODE op and name (up to the end of the datagram) are
 *            set, the rest is empty and the mode PACKET_MODE_UNKNOWN.
 *
 * The mode is compared without regard to case (RFC 1350 section 5); an
 * unknown one is PACKET_OK with PACKET_MODE_UNKNOWN.  Bytes after the last
 * option (Apple Open Firmware, HP PA-RISC pad to 516 bytes) are no fault.
 */
enum packet_verdict packet_decode_request(const uint8_t *buf, size_t len,
    struct packet_request *req);

/*
 * packet_next_option - take the next name and value off rest.
 *
 * rest       in: what is left of a request's options; out: what follows
 * Returns false at the end, or where a name or value has no NUL.  Both may
 * be empty (some phones send empty values): judging is the caller's.
 */
bool packet_next_option(struct packet_slice *rest, struct packet_slice *name,
    struct packet_slice *value);

/* Whether slice is text, compared without regard to ASCII case. */
bool packet_slice_is(struct packet_slice slice, const char *text);

/* A packet on a transfer's socket. */
struct packet {
	enum packet_opcode op;
	uint16_t block;			/* DATA, ACK */
	struct packet_slice data;	/* DATA */
	uint16_t error;			/* ERROR: code as sent, any value */
	struct packet_slice text;	/* ERROR: without a NUL; may be empty */
};

/*
 * packet_decode - take a packet of a running transfer apart.
 *
 * Returns false for anything that is not at least 4 bytes of DATA, ACK or
 * ERROR: such datagrams are ignored there.  An ERROR of 4 bytes (curl sends
 * it) has an empty text, and a text without NUL ends with the datagram.
 * An ACK with bytes after it is an ACK.
 */
bool packet_decode(const uint8_t *buf, size_t len, struct packet *pkt);

/* Write the 4 bytes of a DATA header, or an ACK, for that block. */
void packet_put_data(uint8_t buf[static PACKET_HEADER_LEN], uint16_t block);
void packet_put_ack(uint8_t buf[static PACKET_ACK_LEN], uint16_t block);

/*
 * packet_put_error - write an ERROR packet.
 *
 * buf, size  room for it; size at least 5
 * text       NUL-terminated; cut if it does not fit with its NUL
 * Returns its length.
 */
size_t packet_put_error(uint8_t *buf, size_t size, enum packet_error code,
    const char *text);

#endif
