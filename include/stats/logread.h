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

struct logread {
	int fd;			/* the reader's from logread_init() on */
	char *buf;
	size_t start, end;	/* what was read and not yet taken */
	size_t scanned;		/* of that, known to have no newline */
	uint64_t offset;	/* of the file's bytes, read so far */
	const char *rest;	/* of a torn line, still to be taken */
	size_t rest_len;
	struct logread_counts counts;
	/* the last record */
	struct translog_line line;
	const char *raw;	/* its line without newline */
	size_t raw_len;
};

/*
 * logread_init - start at fd's offset; allocates the buffer.
 * Returns 0 or -ENOMEM; fd is the caller's again only on error.
 */
int logread_init(struct logread *r, int fd);

/* Close fd, free the buffer.  The struct may be all zeroes. */
void logread_free(struct logread *r);

/*
 * logread_next - the next record.
 * Returns 1 with line, raw and raw_len set until the next call, 0 at the end
 * of what is there, or -errno of read(2).
 */
int logread_next(struct logread *r);

/* Go to the file's byte offset and forget what was read; -errno or 0. */
int logread_seek(struct logread *r, uint64_t offset);

#endif
