/*
 * live - the table of running transfers: one file, a header page and one
 * page a slot, mapped by the server and read by tftpd-stats.
 *
 * A slot is live while its process holds the POSIX record lock on the
 * slot's first byte; kill -9 frees it.  Nobody trusts the contents: every
 * reader bounds what it takes out (live_get_text), whoever wrote it.
 */
#ifndef RECORD_LIVE_H
#define RECORD_LIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIVE_MAGIC	0x3265766964706674ULL	/* "tfpdive2" */
#define LIVE_PAGE	4096
#define LIVE_FIRST_PART	3572	/* bytes of a slot, alike in all versions */
#define LIVE_TEXT_MAX	1028	/* a name with its NUL */
#define LIVE_PATH_MAX	256
#define LIVE_ADDR_MAX	64

/* What a slot is used for.  Changed by compare-and-swap. */
enum live_state {
	LIVE_FREE,
	LIVE_CLAIMED,	/* the dispatcher took it, the process starts */
	LIVE_RUNNING,	/* a start record was written */
	LIVE_ENDED,	/* the end record was written */
	LIVE_ENDING	/* somebody writes the end of a dead process */
};

struct live_header {
	uint64_t magic;
	uint32_t slots;
	uint32_t page_size;
	uint64_t started_us;	/* since 1970 */
	int32_t keeper_pid;
	char log_path[LIVE_PATH_MAX];
	uint32_t conf_is_bad;	/* it is not in use; an older one is */
	char conf_problem[LIVE_PATH_MAX];	/* the first of its problems */
};

/*
 * A server may find the table of one of another version, whose dead it has to
 * bury: what stands before blksize never changes.  New members go to the end,
 * with a new magic, for readers know their own version only.
 */
struct live_slot {
	_Atomic uint32_t state;		/* enum live_state */
	int32_t pid;
	/* written by the dispatcher before it forks */
	char id[24];
	char client[LIVE_ADDR_MAX], server[LIVE_ADDR_MAX];
	uint16_t client_port;
	uint8_t is_write;
	uint16_t file_len;
	uint8_t file[LIVE_TEXT_MAX];	/* as asked, no NUL */
	uint64_t started_us;		/* since 1970 */
	uint64_t whole_hash;		/* of the request: tells its copies */
	/* written by the transfer */
	char root[LIVE_TEXT_MAX];	/* an upload's directory ... */
	char hidden[LIVE_TEXT_MAX + 260];	/* ... and hidden file in it */
	_Atomic uint64_t size, bytes;
	_Atomic uint64_t heard_us;	/* monotonic; 0: never */
	_Atomic uint32_t log_errno;	/* why the log could not be written */
	_Atomic uint32_t log_lost;	/* records that it did not take */
	_Atomic uint32_t outcome;	/* enum outcome, once it has ended */
	uint16_t blksize, windowsize;	/* as granted; 0: not yet */
	uint64_t received_us;		/* the request, monotonic */
	_Atomic uint64_t retransmits;	/* packets sent again */
};

_Static_assert(sizeof(struct live_header) <= LIVE_PAGE, "one page");
_Static_assert(sizeof(struct live_slot) <= LIVE_PAGE, "one page");
_Static_assert(offsetof(struct live_slot, blksize) == LIVE_FIRST_PART,
    "what other versions know stays where it is");

/* Offset in the file of a slot; also of the byte that is locked. */
uint64_t live_offset(uint32_t slot);

/* Size of the whole file. */
uint64_t live_size(uint32_t slots);

/* Whether page[0..len) is a header of ours with sane numbers. */
bool live_header_ok(const void *page, size_t len);

/*
 * live_get_text - a NUL-terminated text out of a slot or header.
 *
 * in, size   the field
 * out        room for size bytes; always terminated, never longer
 */
void live_get_text(const char *in, size_t size, char *out);

#endif
