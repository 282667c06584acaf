/*
 * options - what the client asked + our limits = what is granted, and the
 * OACK that says so.
 *
 * blksize (RFC 2348), timeout and tsize (RFC 2349), windowsize (RFC 7440),
 * and tftpd-hpa's utimeout, blksize2 and rollover.  The OACK has only what
 * was asked, never more than was asked: EDK2, PXELINUX and U-Boot end the
 * boot otherwise.  Unknown, empty or bad values are left out and never an
 * ERROR (RFC 2347); of an option that comes twice the first counts.
 */
#ifndef CORE_OPTIONS_H
#define CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/packet.h"

enum options_id {
	OPTIONS_BLKSIZE,
	OPTIONS_TIMEOUT,
	OPTIONS_TSIZE,
	OPTIONS_WINDOWSIZE,
	OPTIONS_UTIMEOUT,
	OPTIONS_BLKSIZE2,
	OPTIONS_ROLLOVER,
	OPTIONS_COUNT
};

/* 2 + for each option its longest name, its longest value and two NULs. */
#define OPTIONS_OACK_MAX	256

/* The most that a window may hold, whatever was asked. */
#define OPTIONS_WINDOW_BYTES	(512 * 1024)

struct options_limits {
	enum packet_opcode op;		/* PACKET_RRQ or PACKET_WRQ */
	enum packet_mode mode;
	uint16_t max_blksize;		/* PACKET_BLKSIZE_MIN.._MAX */
	uint16_t max_windowsize;	/* at least 1 */
	uint32_t refused;		/* bit 1 << options_id: as if unknown */
	uint64_t size;			/* of the file; for PACKET_RRQ */
};

struct options_granted {
	uint16_t blksize;	/* 512 unless granted otherwise */
	uint16_t windowsize;	/* 1 unless granted otherwise */
	uint32_t timeout_ms;	/* 0: none was agreed; utimeout is rounded up */
	uint16_t rollover;	/* what follows block 65535: 0 or 1 */
	bool has_tsize;		/* a usable tsize was sent (and not refused) */
	uint64_t tsize;		/* RRQ: the file's; WRQ: what the client says */
	uint8_t oack[OPTIONS_OACK_MAX];
	size_t oack_len;	/* 0: nothing granted, no OACK is to be sent */
};

/* The option of that name in any case, or -1. */
int options_from_name(struct packet_slice name);

/*
 * options_grant - decide on every option of a request.
 *
 * options    the request's, unparsed (struct packet_request)
 * limits     ours
 * granted    filled whole, with RFC 1350's values where nothing was agreed
 *
 * - blksize: 8..65464; more is lowered to ours, less is left out.  With
 *   blksize2 (a power of two, the largest that fits) the first that is
 *   valid counts and the other is left out.
 * - windowsize: 1..65535, lowered to ours and to OPTIONS_WINDOW_BYTES; more
 *   and less are left out.
 * - timeout (1..255 s), utimeout (10,000..255,000,000 us): equal or left
 *   out; the first of the two that is valid counts.
 * - tsize: RRQ in octet mode: the file's size, left out for an empty file
 *   (curl takes 0 for an error) and in netascii (the size on the wire is
 *   not known); WRQ: echoed.
 * - rollover: 0 or 1.
 * Numbers are plain decimals of at most 20 digits; anything else in a value
 * makes it bad.  In the OACK they are canonical (GRUB reads a leading 0 as
 * octal), and names are spelled as the client spelled them.
 */
void options_grant(struct packet_slice options,
    const struct options_limits *limits, struct options_granted *granted);

/*
 * options_describe - the options as asked, for the log.
 *
 * Writes "name=value name=value" with the client's own bytes to out[0..size),
 * not NUL-terminated; returns the length (cut at size, and never over).
 * Pairs of an empty name and an empty value are padding and left out.
 */
size_t options_describe(struct packet_slice options, char *out, size_t size);

#endif
