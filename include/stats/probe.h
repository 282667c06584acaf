/*
 * probe - fetch a file as a client would, and tell how that went.
 *
 * A download in octet mode with blksize 1428 and tsize.  What arrives is
 * counted and thrown away: nothing is written, anywhere.
 */
#ifndef STATS_PROBE_H
#define STATS_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/packet.h"

#define PROBE_HOST_MAX		256
#define PROBE_PORT_MAX		8
#define PROBE_FILE_MAX		255	/* bytes of a name */
#define PROBE_ADDRESS_MAX	80
#define PROBE_REASON_MAX	160

struct probe_target {
	char host[PROBE_HOST_MAX];	/* a name or an address */
	char port[PROBE_PORT_MAX];	/* digits */
	const char *file;		/* the caller's */
};

struct probe_limits {
	uint64_t whole_us;	/* for all of it */
	uint64_t wait_us;	/* till a packet is sent again; then doubled */
	uint64_t bytes;		/* no larger file */
};

enum probe_end {
	PROBE_COMPLETE,
	PROBE_REFUSED,		/* the server sent ERROR */
	PROBE_SILENT,		/* nothing came */
	PROBE_CLOSED,		/* nobody has that port, or no way there */
	PROBE_LATE,		/* the time was over */
	PROBE_LARGE,		/* the file is larger than the limit */
	PROBE_BROKEN,		/* the answers were no TFTP */
	PROBE_UNTRIED		/* no such host, or no socket */
};

struct probe_result {
	enum probe_end end;
	char address[PROBE_ADDRESS_MAX];	/* that was asked; or "" */
	uint64_t bytes, blocks, duration_us;
	uint64_t first_reply_us;	/* from the request; 0: none came */
	uint64_t blksize;		/* 0: not known */
	bool has_size;
	uint64_t size;			/* that the server announced */
	uint64_t repeats;		/* packets that were sent again */
	uint16_t error;			/* PROBE_REFUSED: the code ... */
	uint8_t text[PACKET_ERROR_MAX];	/* ... and what a stranger said */
	size_t text_len;
	char reason[PROBE_REASON_MAX];	/* the others: why */
};

/*
 * probe_parse - "ADDR:FILE" or "ADDR:PORT:FILE".
 *
 * ADDR is a name, an IPv4 address or an IPv6 address in brackets.  A FILE
 * that begins with a number and a colon needs the port before it.
 * Returns false when text is none of these; t->file points into it.
 */
bool probe_parse(const char *text, struct probe_target *t);

/*
 * probe_run - do it.
 *
 * Of a name's addresses the next one is tried when nobody has the port.
 * Nothing fails: what went wrong is in the result.
 */
void probe_run(const struct probe_target *t, const struct probe_limits *limits,
    struct probe_result *result);

/* "complete", "refused", "silent", ...: for programs. */
const char *probe_end_name(enum probe_end end);

#endif
