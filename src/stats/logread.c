#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

#include "stats/logread.h"

/* Small enough to stay in the processor's cache between read and parse. */
#define BUFFER_SIZE	((size_t)256 << 10)
/* The first read: who only wants the first record touches no more. */
#define FIRST_CHUNK	((size_t)16 << 10)
/*
 * What is kept of a line that does not fit: a record may be glued to it.
 * More than a record, so that the rest of the line can't pass for one.
 */
#define TAIL_SIZE	((size_t)2 * TRANSLOG_LINE_MAX)

/* Writers stamp a record just before they write it. */
#define SLACK_US	(UINT64_C(60) * 1000000)
/* Halving ends here: to read on is as cheap as to look again. */
#define SEEK_ENOUGH	((uint64_t)64 << 10)
/* To begin so much earlier costs nothing and forgives small steps back. */
#define SEEK_BACK	((uint64_t)128 << 10)
/* Behind the first sample before that place. */
#define SAMPLE_FIRST	((uint64_t)16 << 10)
/* How far to look for a record at a place; the length of what is no line. */
#define PROBE_MAX	((uint64_t)4 << 20)

static bool
is_gz_magic(const char *bytes, size_t len)
{
	return len >= 2 && memcmp(bytes, "\x1f\x8b", 2) == 0;
}

/* As the file is stored; returns the bytes, 0 at the end, or -errno. */
static ssize_t
read_raw(struct logread *r, char *to, size_t size, uint64_t at)
{
	ssize_t n;

	do
		n = r->is_seekable ? pread(r->fd, to, size, (off_t)at) :
		    read(r->fd, to, size);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return -errno;
	r->read_bytes += (uint64_t)n;
	return n;
}

#ifdef HAVE_ZLIB

#define WITH_GZIP	(16 + MAX_WBITS)

struct logread_gz {
	z_stream z;
	uint64_t at;		/* of the stored bytes, where to read on */
	bool is_between;	/* a member has ended, none has begun */
	bool is_over;		/* nothing but padding follows */
	char in[64 << 10];
};

/* Have input; returns 1, 0 at the end of the file, or -errno. */
static int
gz_fill(struct logread *r)
{
	struct logread_gz *gz = r->gz;
	ssize_t n;

	if (gz->z.avail_in != 0)
		return 1;
	n = read_raw(r, gz->in, sizeof(gz->in), gz->at);
	if (n <= 0)
		return (int)n;
	gz->at += (uint64_t)n;
	gz->z.next_in = (Bytef *)gz->in;
	gz->z.avail_in = (uInt)n;
	return 1;
}

/*
 * Between two members: another one, or padding up to the end.  Returns 1
 * when one begins, 0 at the end, or -errno.
 */
static int
gz_next_member(struct logread *r)
{
	struct logread_gz *gz = r->gz;
	int ret = gz_fill(r);

	if (ret != 1)
		return ret;
	if (*gz->z.next_in == 0) {
		gz->is_over = true;
		return 0;
	}
	gz->is_between = false;
	return inflateReset(&gz->z) == Z_OK ? 1 : -EINVAL;
}

/* Returns the bytes, 0 at the end, or -errno. */
static ssize_t
gz_read(struct logread *r, char *to, size_t size)
{
	struct logread_gz *gz = r->gz;
	int ret;

	gz->z.next_out = (Bytef *)to;
	gz->z.avail_out = (uInt)size;
	while (gz->z.avail_out == size && !gz->is_over) {
		ret = gz->is_between ? gz_next_member(r) : gz_fill(r);
		if (ret == 0 && !gz->is_between)
			return -EBADMSG;
		if (ret <= 0)
			return ret;
		ret = inflate(&gz->z, Z_NO_FLUSH);
		if (ret == Z_STREAM_END)
			gz->is_between = true;
		else if (ret == Z_MEM_ERROR)
			return -ENOMEM;
		else if (ret != Z_OK && ret != Z_BUF_ERROR)
			return size == gz->z.avail_out ? -EBADMSG :
			    (ssize_t)(size - gz->z.avail_out);
	}
	return (ssize_t)(size - gz->z.avail_out);
}

/* From the file's beginning; the first len bytes of it were read. */
static int
gz_begin(struct logread *r, const char *bytes, size_t len)
{
	struct logread_gz *gz = calloc(1, sizeof(*gz));

	if (gz == NULL || inflateInit2(&gz->z, WITH_GZIP) != Z_OK) {
		free(gz);
		return -ENOMEM;
	}
	memcpy(gz->in, bytes, len);
	gz->z.next_in = (Bytef *)gz->in;
	gz->z.avail_in = (uInt)len;
	gz->at = len;
	r->gz = gz;
	return 0;
}

static void
gz_free(struct logread *r)
{
	if (r->gz != NULL)
		inflateEnd(&r->gz->z);
	free(r->gz);
	r->gz = NULL;
}

static int
gz_rewind(struct logread *r)
{
	struct logread_gz *gz = r->gz;

	gz->at = 0;
	gz->z.avail_in = 0;
	gz->is_between = gz->is_over = false;
	return inflateReset(&gz->z) == Z_OK ? 0 : -EINVAL;
}

#else

static ssize_t
gz_read(struct logread *r, char *to, size_t size)
{
	(void)r;
	(void)to;
	(void)size;
	return -ENOTSUP;
}

static int
gz_begin(struct logread *r, const char *bytes, size_t len)
{
	(void)r;
	(void)bytes;
	(void)len;
	return -ENOTSUP;
}

static void
gz_free(struct logread *r)
{
	(void)r;
}

static int
gz_rewind(struct logread *r)
{
	(void)r;
	return -ENOTSUP;
}

#endif

/* Whatever was read is forgotten. */
static void
empty(struct logread *r, uint64_t offset)
{
	r->start = r->end = r->scanned = 0;
	r->offset = r->line_at = offset;
	r->dropped = 0;
	r->rest = NULL;
	r->chunk = FIRST_CHUNK;
}

int
logread_init(struct logread *r, int fd)
{
	off_t offset = lseek(fd, 0, SEEK_CUR);

	*r = (struct logread){ .fd = -1, .limit = UINT64_MAX };
	r->buf = malloc(BUFFER_SIZE);
	if (r->buf == NULL)
		return -ENOMEM;
	r->fd = fd;
	r->is_seekable = offset != -1;
	empty(r, r->is_seekable ? (uint64_t)offset : 0);
	return 0;
}

void
logread_free(struct logread *r)
{
	if (r->buf == NULL)
		return;
	gz_free(r);
	close(r->fd);
	free(r->buf);
	r->buf = NULL;
}

/* Make room behind what waits; of an endless line only the tail stays. */
static void
make_room(struct logread *r)
{
	size_t len = r->end - r->start;

	if (len == BUFFER_SIZE) {
		r->start = r->end - TAIL_SIZE;
		r->dropped += len - TAIL_SIZE;
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
	size_t size;
	ssize_t n;

	make_room(r);
	size = BUFFER_SIZE - r->end;
	if (size > r->chunk)
		size = r->chunk;
	if (r->offset >= r->limit)
		return 0;
	if (size > r->limit - r->offset)
		size = (size_t)(r->limit - r->offset);
	n = r->gz != NULL ? gz_read(r, r->buf + r->end, size) :
	    read_raw(r, r->buf + r->end, size, r->offset);
	if (n <= 0)
		return (int)n;
	r->end += (size_t)n;
	r->offset += (uint64_t)n;
	r->chunk = r->chunk * 2 < BUFFER_SIZE ? r->chunk * 2 : BUFFER_SIZE;
	return 1;
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
	r->line_at = r->offset - (r->end - r->start) - r->dropped;
	r->dropped = 0;
	r->rest = line;
	r->rest_len = (size_t)(newline - line);
	r->start += r->rest_len + 1;
	r->scanned = 0;
	return 1;
}

int
logread_seek(struct logread *r, uint64_t offset)
{
	int ret;

	if (!r->is_seekable)
		return -ESPIPE;
	if (r->gz == NULL) {
		empty(r, offset);
		return 0;
	}
	empty(r, 0);
	ret = gz_rewind(r);
	while (ret == 0 && r->offset < offset) {
		r->start = r->end;
		r->chunk = offset - r->offset < BUFFER_SIZE ?
		    (size_t)(offset - r->offset) : BUFFER_SIZE;
		ret = fill(r);
		if (ret == 0)
			break;
		ret = ret < 0 ? ret : 0;
	}
	empty(r, r->offset);
	return ret;
}

int
logread_init_any(struct logread *r, int fd)
{
	int ret = logread_init(r, fd);

	if (ret != 0)
		return ret;
	ret = fill(r);
	if (ret == 1 && is_gz_magic(r->buf, r->end)) {
		ret = gz_begin(r, r->buf, r->end);
		empty(r, 0);
	}
	if (ret >= 0)
		return 0;
	free(r->buf);
	r->buf = NULL;
	return ret;
}

int
logread_open(struct logread *r, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), ret;

	if (fd == -1)
		return -errno;
	ret = logread_init_any(r, fd);
	if (ret != 0)
		close(fd);
	return ret;
}

uint64_t
logread_taken(const struct logread *r)
{
	return r->rest != NULL ? r->line_at :
	    r->offset - (r->end - r->start) - r->dropped;
}

static bool
is_record(struct logread *r, const char *piece, size_t len)
{
	switch (translog_scan(piece, len, &r->line)) {
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

/* A place in the log and the time of the record there. */
struct probe {
	uint64_t at, ts_us;
};

/*
 * The first record of a line that begins in [from, to).  Returns 1, 0 when
 * there is none near from, or -errno.
 */
static int
look_at(struct logread *r, uint64_t from, uint64_t to, struct probe *found)
{
	int ret;

	/* from itself may be where a line begins. */
	empty(r, from - (from != 0));
	r->limit = to - from < PROBE_MAX ? to : from + PROBE_MAX;
	ret = from != 0 ? next_line(r) : 1;
	r->rest = NULL;
	if (ret == 1)
		ret = logread_next(r);
	r->limit = UINT64_MAX;
	if (ret == 1)
		*found = (struct probe){ r->line_at, r->line.rec.ts_us };
	return ret;
}

/*
 * The last place known before which all is older than ts_us, if the log is
 * in order.  Returns 0 or -errno.
 */
static int
halve(struct logread *r, uint64_t size, uint64_t ts_us, uint64_t *place)
{
	uint64_t low = 0, high = size, middle;
	struct probe probe;
	int ret;

	while (high - low > SEEK_ENOUGH) {
		middle = low + (high - low) / 2;
		ret = look_at(r, middle, high, &probe);
		if (ret < 0)
			return ret;
		/* Nothing there says nothing; lower is always right. */
		if (ret == 1 && probe.ts_us < ts_us)
			low = probe.at;
		else
			high = middle;
	}
	*place = 0;
	if (low <= SEEK_BACK)
		return 0;
	ret = look_at(r, low - SEEK_BACK, low, &probe);
	*place = ret == 1 ? probe.at : low;
	return ret < 0 ? ret : 0;
}

/*
 * Whether what stands before the place is older, as far as samples tell:
 * they lie close together near the place, where a small step of the clock
 * shows, and farther apart before.  Returns 1, 0 or -errno.
 */
static int
is_in_order(struct logread *r, uint64_t place, uint64_t ts_us)
{
	uint64_t back = SAMPLE_FIRST;
	struct probe probe;
	int ret;

	for (;; back += back / 4) {
		ret = look_at(r, back < place ? place - back : 0, place,
		    &probe);
		if (ret < 0)
			return ret;
		if (ret == 1 && probe.ts_us >= ts_us)
			return 0;
		if (back >= place)
			return 1;
	}
}

int
logread_seek_time(struct logread *r, uint64_t ts_us)
{
	const struct logread_counts counts = r->counts;
	uint64_t place = 0;
	struct stat st;
	int ret = 0;

	if (!r->is_seekable || r->gz != NULL)
		return 0;
	if (fstat(r->fd, &st) == -1)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	ts_us = ts_us > SLACK_US ? ts_us - SLACK_US : 0;
	if (ts_us != 0)
		ret = halve(r, (uint64_t)st.st_size, ts_us, &place);
	if (ret == 0 && place != 0) {
		ret = is_in_order(r, place, ts_us);
		if (ret == 0)
			place = 0;
	}
	r->counts = counts;
	empty(r, place);
	return ret < 0 ? ret : 0;
}
