/*
 * translog - a record of the transfer log and its line, tftpd-log(5).
 *
 * The only place where the log's keys are spelled.  tftpd fills a struct
 * and formats it; tftpd-stats parses a line into the same struct.
 */
#ifndef RECORD_TRANSLOG_H
#define RECORD_TRANSLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/outcome.h"

#define TRANSLOG_VERSION	1
#define TRANSLOG_LINE_MAX	4096	/* bytes of a line with its newline */
#define TRANSLOG_ID_LEN		16
#define TRANSLOG_ADDR_MAX	64	/* of an address with its NUL */
#define TRANSLOG_ABSENT		(-1)	/* a number that is left out */

enum translog_event {
	TRANSLOG_START,		/* a transfer was accepted */
	TRANSLOG_TRANSFER,	/* it ended, or a request was refused */
	TRANSLOG_NOTICE		/* about the server itself */
};

enum translog_op { TRANSLOG_NO_OP, TRANSLOG_READ, TRANSLOG_WRITE };

/* Integer keys, in the order of the line. */
enum translog_number {
	TRANSLOG_CLIENT_PORT,
	TRANSLOG_SERVER_PORT,
	TRANSLOG_BLKSIZE,
	TRANSLOG_WINDOWSIZE,
	TRANSLOG_TIMEOUT_MS,
	TRANSLOG_SIZE,		/* the file's; WRQ: what the client said */
	TRANSLOG_BYTES,
	TRANSLOG_BLOCKS,
	TRANSLOG_DURATION_US,
	TRANSLOG_FIRST_REPLY_US,
	TRANSLOG_RTT_US,
	TRANSLOG_PACKETS_SENT,
	TRANSLOG_PACKETS_RECEIVED,
	TRANSLOG_RETRANSMITS,
	TRANSLOG_TIMEOUTS,
	TRANSLOG_DUPLICATES,
	TRANSLOG_CPU_US,
	TRANSLOG_RSS_KB,
	TRANSLOG_IN_PLACE,	/* 1: copied into the file that stood there */
	TRANSLOG_ERROR_CODE,
	TRANSLOG_REQUESTS,	/* notice: datagrams taken as requests */
	TRANSLOG_REPEATS,	/* notice: of these, repeats of a live one */
	TRANSLOG_IGNORED,	/* notice: datagrams that get no answer */
	TRANSLOG_DROPPED,	/* notice: lost in the kernel's queue */
	TRANSLOG_PID,
	TRANSLOG_NUMBER_COUNT
};

/* Bytes that the record's owner keeps; buf may be NULL: left out. */
struct translog_bytes {
	const uint8_t *buf;
	size_t len;
};

struct translog_record {
	uint64_t ts_us;		/* since 1970, UTC */
	enum translog_event event;
	char id[TRANSLOG_ID_LEN + 1];	/* "" in a notice */
	enum translog_op op;
	enum outcome outcome;	/* OUTCOME_NONE: left out */
	char client[TRANSLOG_ADDR_MAX], server[TRANSLOG_ADDR_MAX];
	struct translog_bytes file;	/* as asked */
	struct translog_bytes path;	/* as resolved, from the root */
	char mode[16];
	struct translog_bytes asked;
	struct translog_bytes message;
	char error_by[8];	/* "server", "client" or "" */
	int64_t numbers[TRANSLOG_NUMBER_COUNT];	/* or TRANSLOG_ABSENT */
	bool is_cut;		/* parsed: "cut":1 */
};

/* Nothing set: every optional key absent. */
void translog_clear(struct translog_record *rec);

/*
 * translog_format - a record's line with its newline.
 *
 * out        room for TRANSLOG_LINE_MAX bytes
 * Returns its length; never 0 and never over TRANSLOG_LINE_MAX: file and
 * path are cut at 768 escaped bytes, asked and message at 256, file_hex at
 * 512 digits, and a cut sets "cut":1.
 */
size_t translog_format(const struct translog_record *rec,
    char out[static TRANSLOG_LINE_MAX]);

/* The strings of a parsed record live here. */
struct translog_line {
	struct translog_record rec;
	char text[TRANSLOG_LINE_MAX];
};

enum translog_verdict {
	TRANSLOG_OK,
	TRANSLOG_BAD,		/* no record of ours */
	TRANSLOG_NEWER		/* well-formed, of a version we don't know */
};

/*
 * translog_parse - a line, without or with its newline, to a record.
 *
 * Unknown keys are ignored.  Where file_hex stands, rec.file is what it
 * decodes to.  Numbers may not be negative.  Needed: v, ts, event, and for
 * start and transfer id, for transfer outcome.
 */
enum translog_verdict translog_parse(const char *line, size_t len,
    struct translog_line *out);

/*
 * translog_scan - the same, quickly, for lines as translog_format() writes
 * them; all others go to translog_parse().  Both give equal records.
 */
enum translog_verdict translog_scan(const char *line, size_t len,
    struct translog_line *out);

/*
 * translog_resync - where the next record starts inside a torn line.
 *
 * A write that a full disk cut short leaves a fragment without newline, and
 * the next record follows it in the same line; there can be several.  No
 * value can hold this mark, for its quotes would be escaped.
 * Returns the offset (> 0) of that record's first byte, or 0: none.
 */
size_t translog_resync(const char *line, size_t len);

/* "2026-11-22T23:10:40.123456Z", without gmtime (it opens a file). */
#define TRANSLOG_TS_LEN 27
void translog_put_ts(uint64_t ts_us, char out[static TRANSLOG_TS_LEN + 1]);

/* The reverse, strict; false when text is not of that form. */
bool translog_get_ts(const char *text, size_t len, uint64_t *ts_us);

/* "read", "write" or "". */
const char *translog_op_name(enum translog_op op);

#endif
