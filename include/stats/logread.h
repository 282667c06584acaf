/*
 * logread - records out of one log file, whatever else stands in it.
 *
 *	logread_init(&r, fd);
 *	while ((ret = logread_next(&r)) == 1)
 *		use(&r.line.rec, r.raw, r.raw_len);
 *
 * An incomplete last line is in progress: it waits in the buffer, and the
 * next call reads on.  That is all it takes to follow a file.
 */
#ifndef STATS_LOGREAD_H
#define STATS_LOGREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/translog.h"

struct logread_counts {
	uint64_t records;
	uint64_t bad;		/* lines without any record in them */
	uint64_t torn;		/* fragments glued to a record */
	uint64_t newer;		/* records of a version we don't know */
};

struct logread_gz;

struct logread {
	int fd;			/* the reader's from logread_init() on */
	char *buf;
	size_t start, end;	/* what was read and not yet taken */
	size_t scanned;		/* of that, known to have no newline */
	uint64_t offset;	/* of the file's bytes, read so far */
	uint64_t limit;		/* of it: where the file is said to end */
	uint64_t read_bytes;	/* of the file as it is stored, looked at */
	uint64_t line_at;	/* offset of the last line taken */
	uint64_t dropped;	/* bytes of an endless line that are gone */
	const char *rest;	/* of a torn line, still to be taken */
	size_t rest_len;
	size_t chunk;		/* to be read at once; it grows */
	bool is_seekable;
	struct logread_gz *gz;	/* NULL: not compressed */
	struct logread_counts counts;
	/* the last record */
	struct translog_line line;
	const char *raw;	/* its line without newline */
	size_t raw_len;
};

/*
 * logread_init - start at fd's offset; allocates the buffer.
 *
 * A file is read by offsets of our own: descriptors that share one may be
 * read at the same time.
 * Returns 0 or -ENOMEM; fd is the caller's again only on error.
 */
int logread_init(struct logread *r, int fd);

/*
 * logread_init_any - the same, and a compressed file is unpacked while it is
 * read (-ENOTSUP when that was not built in).  It looks at the first bytes,
 * so other errors of read(2) show here.
 */
int logread_init_any(struct logread *r, int fd);

/* Close fd, free the buffer.  The struct may be all zeroes. */
void logread_free(struct logread *r);

/*
 * logread_next - the next record.
 * Returns 1 with line, raw and raw_len set until the next call, 0 at the end
 * of what is there, or -errno of read(2); -EBADMSG when compressed data is
 * damaged or cut short: all records before that were given.
 */
int logread_next(struct logread *r);

/* logread_open - logread_init_any() by a path; 0 or -errno. */
int logread_open(struct logread *r, const char *path);

/* How many bytes of the file, unpacked, were taken: up to the last whole line
 * whose records were all given. */
uint64_t logread_taken(const struct logread *r);

/*
 * logread_seek_time - go to a line so that all records from ts_us on follow,
 * by halving: the log is in the order of time but for some seconds.
 *
 * Stays at the beginning where that cannot be done (a pipe, a compressed
 * file, a clock that stepped back).  Returns 0 or -errno.
 */
int logread_seek_time(struct logread *r, uint64_t ts_us);

/*
 * logread_seek - go to the file's byte offset, unpacked, and forget what was
 * read; of compressed data, all up to there is unpacked.
 * Returns 0 or -errno.
 */
int logread_seek(struct logread *r, uint64_t offset);

#endif
