#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stats/logread.h"

#define BUFFER_SIZE	((size_t)1 << 20)
/*
 * What is kept of a line that does not fit: a record may be glued to it.
 * More than a record, so that the rest of the line can't pass for one.
 */
#define TAIL_SIZE	((size_t)2 * TRANSLOG_LINE_MAX)

int
logread_init(struct logread *r, int fd)
{
	*r = (struct logread){ .fd = -1 };
	r->buf = malloc(BUFFER_SIZE);
	if (r->buf == NULL)
		return -ENOMEM;
	r->fd = fd;
	return 0;
}

void
logread_free(struct logread *r)
{
	if (r->buf == NULL)
		return;
	close(r->fd);
	free(r->buf);
	r->buf = NULL;
}

int
logread_seek(struct logread *r, uint64_t offset)
{
	if (lseek(r->fd, (off_t)offset, SEEK_SET) == -1)
		return -errno;
	r->start = r->end = r->scanned = 0;
	r->offset = offset;
	r->rest = NULL;
	return 0;
}

/* Make room behind what waits; of an endless line only the tail stays. */
static void
make_room(struct logread *r)
{
	size_t len = r->end - r->start;

	if (len == BUFFER_SIZE) {
		r->start = r->end - TAIL_SIZE;
		len = TAIL_SIZE;
	}
	memmove(r->buf, r->buf + r->start, len);
	r->start = 0;
	r->end = len;
	r->scanned = len;
}

/* Returns 1 when something was read, 0 at the end, -errno. */
static int
fill(struct logread *r)
{
	ssize_t n;

	make_room(r);
	do
		n = read(r->fd, r->buf + r->end, BUFFER_SIZE - r->end);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return -errno;
	r->end += (size_t)n;
	r->offset += (uint64_t)n;
	return n != 0;
}

/* The next whole line into rest; returns as fill(). */
static int
next_line(struct logread *r)
{
	const char *line, *newline;
	int ret;

	for (;;) {
		line = r->buf + r->start;
		newline = memchr(line + r->scanned, '\n',
		    r->end - r->start - r->scanned);
		if (newline != NULL)
			break;
		ret = fill(r);
		if (ret != 1)
			return ret;
	}
	r->rest = line;
	r->rest_len = (size_t)(newline - line);
	r->start += r->rest_len + 1;
	r->scanned = 0;
	return 1;
}

static bool
is_record(struct logread *r, const char *piece, size_t len)
{
	switch (translog_parse(piece, len, &r->line)) {
	case TRANSLOG_OK:
		r->counts.records++;
		r->raw = piece;
		r->raw_len = len;
		return true;
	case TRANSLOG_NEWER:
		r->counts.newer++;
		return false;
	default:
		return false;
	}
}

/*
 * The next record of a line that is more or less than one.  The pieces
 * between two marks are tried one by one; what is none is a torn write.
 */
static bool
next_piece(struct logread *r)
{
	const char *piece;
	size_t len;
	uint64_t newer;

	while (r->rest != NULL) {
		piece = r->rest;
		len = translog_resync(piece, r->rest_len);
		r->rest = len != 0 ? piece + len : NULL;
		r->rest_len -= len;
		if (len == 0)
			len = r->rest_len;
		newer = r->counts.newer;
		if (is_record(r, piece, len))
			return true;
		if (r->counts.newer == newer)
			r->counts.torn++;
	}
	return false;
}

/* The first record of a fresh line. */
static bool
open_line(struct logread *r)
{
	const char *line = r->rest;
	uint64_t newer = r->counts.newer;

	r->rest = NULL;
	if (r->rest_len == 0)
		return false;
	if (is_record(r, line, r->rest_len))
		return true;
	if (r->counts.newer != newer)
		return false;
	if (translog_resync(line, r->rest_len) == 0) {
		r->counts.bad++;
		return false;
	}
	r->rest = line;
	return next_piece(r);
}

int
logread_next(struct logread *r)
{
	int ret;

	if (next_piece(r))
		return 1;
	while ((ret = next_line(r)) == 1)
		if (open_line(r))
			return 1;
	return ret;
}
