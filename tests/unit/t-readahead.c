/*
 * t-readahead - whatever is asked for, it is the file's bytes, and each
 * packet gets its header once.
 */
#include <sys/syscall.h>
#include <sys/uio.h>

#include "os/readahead.h"
#include "t-work.h"

#define HEADER		4
#define SENTINEL	0xee	/* of headers that nobody has put yet */

/*
 * This stands before libc's when the program is linked: it counts, and from
 * the call number at on, counted from 1, it fails with err.
 */
static struct {
	unsigned calls, at;
	int err;
} reads;

ssize_t
preadv(int fd, const struct iovec *iov, int iovcnt, off_t offset)
{
	if (++reads.calls >= reads.at && reads.at != 0) {
		errno = reads.err;
		return -1;
	}
	return (ssize_t)syscall(SYS_preadv, fd, iov, iovcnt, (long)offset,
	    (long)((uint64_t)offset >> 32));
}

/* ---- a file that is sent ---------------------------------------------- */

struct sent {
	struct fileio_reader reader;
	struct fileio_mark *marks;
	struct readahead ra;
	const uint8_t *wire;	/* what the blocks hold, all together */
	uint64_t wire_len, blocks;
};

static void
begin(struct sent *s, int fd, uint64_t size, uint16_t blksize,
    uint16_t windowsize)
{
	fileio_reader_init(&s->reader, fd, size, blksize, s->marks,
	    s->marks != NULL ? windowsize + 1U : 0);
	if (readahead_init(&s->ra, &s->reader, HEADER, windowsize) != 0)
		abort();
	memset(s->ra.buf, SENTINEL, s->ra.capacity * s->ra.stride);
	s->blocks = s->wire_len / blksize + 1;
}

static uint8_t *
pattern(uint64_t size)
{
	uint8_t *bytes = malloc(size + 1);
	uint64_t at;

	if (bytes == NULL)
		abort();
	for (at = 0; at < size; at++)
		bytes[at] = t_byte(at);
	return bytes;
}

/* The header that a packet has: its index, in the order of the machine. */
static void
put_headers(struct readahead *ra)
{
	uint32_t i, index;

	for (i = 0; i < ra->have.count; i++) {
		index = (uint32_t)(ra->first + i);
		memcpy(ra->buf + i * ra->stride, &index, HEADER);
	}
}

/* Whether headers are as they were before this index was read. */
static bool
is_header_of(const uint8_t *packet, uint64_t index)
{
	uint32_t want = (uint32_t)index;

	return memcmp(packet, &want, HEADER) == 0;
}

/* Whether the run is these packets, with header and all. */
static bool
run_is(const struct sent *s, const struct readahead_run *run, uint64_t first,
    uint32_t count)
{
	uint64_t left = s->blocks - first + 1, at;
	size_t blksize = s->reader.blksize, len = 0;
	uint32_t i, want = left < count ? (uint32_t)left : count;
	const uint8_t *packet = run->packets;

	if (run->count != want || run->is_end != (want == left))
		return false;
	for (i = 0; i < want; i++, packet += s->ra.stride) {
		at = (first + i - 1) * blksize;
		len = s->wire_len - at < blksize ?
		    (size_t)(s->wire_len - at) : blksize;
		if (!is_header_of(packet, first + i) ||
		    memcmp(packet + HEADER, s->wire + at, len) != 0)
			return false;
	}
	return run->last_len == len &&
	    run->len == (want - 1) * s->ra.stride + HEADER + len;
}

/* As the daemon asks. */
static bool
get(struct sent *s, uint64_t first, uint32_t count)
{
	struct readahead_run run;
	bool is_fresh;

	memset(&run, 0xa5, sizeof(run));
	if (readahead_get(&s->ra, first, count, &run, &is_fresh) != 0)
		return false;
	if (is_fresh)
		put_headers(&s->ra);
	return run_is(s, &run, first, count);
}

static void
fill(struct sent *s, uint64_t next, uint32_t count)
{
	if (readahead_fill(&s->ra, next, count))
		put_headers(&s->ra);
}

static uint32_t
next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 16;
}

/* ---- every size ------------------------------------------------------- */

static const struct {
	const char *what;
	uint64_t size;
	uint16_t blksize;
} files[] = {
	{ "an empty file", 0, 512 },
	{ "one byte", 1, 512 },
	{ "a byte less than a block", 511, 512 },
	{ "a block, and an empty one", 512, 512 },
	{ "a byte more than a block", 513, 512 },
	{ "127 blocks", 127 * 512 - 1, 512 },
	{ "128 blocks: all the room there is", 128 * 512 - 1, 512 },
	{ "128 blocks, and an empty one", 128 * 512, 512 },
	{ "a byte more than 128 blocks", 128 * 512 + 1, 512 },
	{ "256 blocks: the room twice", 256 * 512 - 1, 512 },
	{ "256 blocks, and an empty one", 256 * 512, 512 },
	{ "500 blocks", 500 * 512 - 7, 512 },
	{ "blocks of 8", 3003, 8 },
	{ "blocks of 1428", 300 * 1428 + 9, 1428 },
	{ "blocks of 1468: 128 KiB are not whole", 200 * 1468, 1468 },
	{ "blocks of 8192", 50 * 8192 + 1, 8192 },
	{ "the largest blksize", 7 * 65464 + 7, 65464 },
	{ "the largest blksize, whole blocks", 6 * 65464, 65464 },
};

static const uint16_t windows[] = { 1, 2, 3, 4, 7, 16, 63, 64, 65, 127, 128,
	129, 300 };

static bool
unfilled(struct sent *s, uint32_t window, uint32_t *seed)
{
	uint64_t first;

	(void)seed;
	for (first = 1; first <= s->blocks; first += window) {
		if (!get(s, first, window))
			return false;
	}
	return true;
}

static bool
filled(struct sent *s, uint32_t window, uint32_t *seed)
{
	uint64_t first;

	(void)seed;
	for (first = 1; first <= s->blocks; first += window) {
		if (!get(s, first, window))
			return false;
		fill(s, first + window, window);
	}
	return true;
}

/* Also windows that go out in several bursts. */
static bool
in_bursts(struct sent *s, uint32_t window, uint32_t *seed)
{
	uint32_t burst = 1 + next_random(seed) % 20, n;
	uint64_t first, end;

	for (first = 1; first <= s->blocks; first = end) {
		end = first + window;
		for (; first < end && first <= s->blocks; first += n) {
			n = end - first < burst ? (uint32_t)(end - first) :
			    burst;
			if (!get(s, first, n))
				return false;
			fill(s, first + n, first + n < end ?
			    (uint32_t)(end - first - n) : window);
		}
	}
	return true;
}

/*
 * Losses: back to a block of the window that was sent, or on; what is read
 * ahead is not always what comes.
 */
static bool
with_losses(struct sent *s, uint32_t window, uint32_t *seed)
{
	uint32_t steps = 0, count = window;
	uint64_t first = 1;

	while (first <= s->blocks && steps++ < 400) {
		if (!get(s, first, count))
			return false;
		if (next_random(seed) % 4 != 0)
			fill(s, first + count, window);
		if (next_random(seed) % 3 == 0)
			first += next_random(seed) % count;
		else if (next_random(seed) % 8 == 0)
			first = 1 + next_random(seed) % first;
		else
			first += count;
		count = next_random(seed) % 4 == 0 ?
		    1 + next_random(seed) % window : window;
	}
	return true;
}

static bool
every_way(struct sent *s, int fd, uint64_t size, uint16_t blksize,
    uint16_t window, uint32_t *seed)
{
	static bool (*const ways[])(struct sent *, uint32_t, uint32_t *) = {
		unfilled, filled, in_bursts, with_losses };
	bool good = true;
	size_t i;

	for (i = 0; i < COUNT(ways); i++) {
		begin(s, fd, size, blksize, window);
		good &= ways[i](s, window, seed);
		readahead_free(&s->ra);
	}
	return good;
}

static void
test_sizes(void)
{
	struct sent s = { .marks = NULL };
	uint32_t seed = 1;
	uint8_t *bytes;
	size_t i, w;
	int fd;

	for (i = 0; i < COUNT(files); i++) {
		bytes = pattern(files[i].size);
		fd = t_memory(bytes, files[i].size);
		s.wire = bytes;
		s.wire_len = files[i].size;
		for (w = 0; w < COUNT(windows); w++)
			T_OK(every_way(&s, fd, files[i].size,
			    files[i].blksize, windows[w], &seed),
			    files[i].what);
		close(fd);
		free(bytes);
	}
}

/* The room is no larger than the file, and holds whole windows. */
static void
test_capacity(void)
{
	static const struct {
		const char *what;
		uint64_t size;
		uint16_t blksize, windowsize;
		uint32_t capacity;
	} rows[] = {
		{ "an empty file", 0, 512, 64, 1 },
		{ "a small one, lock-step", 1000, 512, 1, 2 },
		{ "a small one, a large window", 1000, 512, 65535, 2 },
		{ "no more than 128 blocks", 1 << 20, 8, 1, 128 },
		{ "128 blocks are two windows of 64", 1 << 20, 512, 64,
		    128 },
		{ "one window of 65", 1 << 20, 512, 65, 65 },
		{ "18 windows of 7", 1 << 20, 512, 7, 126 },
		{ "128 KiB", 1 << 20, 1428, 1, 91 },
		{ "128 KiB in windows of 16", 1 << 20, 1428, 16, 80 },
		{ "a window that is larger", 1 << 24, 8192, 64, 64 },
		{ "the largest blocks", 1 << 24, 65464, 1, 2 },
		{ "a window of the largest", 1 << 24, 65464, 4, 4 },
	};
	struct fileio_reader r;
	struct readahead ra;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		fileio_reader_init(&r, -1, rows[i].size, rows[i].blksize,
		    NULL, 0);
		T_OK(readahead_init(&ra, &r, HEADER, rows[i].windowsize) ==
		    0 && ra.capacity == rows[i].capacity, rows[i].what);
		readahead_free(&ra);
		readahead_free(&ra);
	}
}

/* ---- what is there, and what is read ---------------------------------- */

/* A file of 1000 blocks and windows of 4; there is room for 128 blocks. */
struct step {
	const char *what;
	bool is_fill;
	uint64_t first;
	uint32_t count;
	bool is_read;		/* readahead_fill() is true, or it is fresh */
	uint64_t have, have_count;
};

static const struct step steps[] = {
	{ "the first window is read alone: it is waited for", false, 1, 4,
	    true, 1, 4 },
	{ "a burst of it is there", false, 1, 2, false, 1, 4 },
	{ "another, too", false, 3, 2, false, 1, 4 },
	{ "it is still there", true, 1, 4, false, 1, 4 },
	{ "the next ones are read", true, 5, 4, true, 5, 128 },
	{ "they are there", false, 5, 4, false, 5, 128 },
	{ "nothing to read", true, 9, 4, false, 5, 128 },
	{ "a part of a window", false, 10, 1, false, 5, 128 },
	{ "it goes back", false, 7, 4, false, 5, 128 },
	{ "the last of them", false, 129, 4, false, 5, 128 },
	{ "the last one", false, 132, 1, false, 5, 128 },
	{ "a window is half there", true, 131, 4, true, 131, 128 },
	{ "it is there", false, 131, 4, false, 131, 128 },
	{ "it goes back to what is no more there", false, 130, 4, true, 130,
	    4 },
	{ "and reads on", true, 134, 4, true, 134, 128 },
	{ "a window that is half there, unread", false, 260, 4, true, 260,
	    4 },
	{ "no window, but a block", false, 264, 1, true, 264, 1 },
	{ "the window around it", false, 263, 4, true, 263, 4 },
	{ "near the end", true, 900, 4, true, 900, 101 },
	{ "nothing to read behind it", true, 997, 4, false, 900, 101 },
	{ "less than a window", false, 998, 4, false, 900, 101 },
	{ "the last one", false, 1000, 4, false, 900, 101 },
	{ "nothing stands behind it", true, 1001, 4, false, 900, 101 },
	{ "nor far behind", true, 1005, 4, false, 900, 101 },
	{ "back once more", true, 1, 4, true, 1, 128 },
	{ "the end, at once", false, 1000, 4, true, 1000, 1 },
};

static void
check_step(struct sent *s, const struct step *step)
{
	unsigned before = reads.calls;
	struct readahead_run run;
	bool is_fresh = !step->is_read;

	if (step->is_fill)
		is_fresh = readahead_fill(&s->ra, step->first, step->count);
	else
		T_OK(readahead_get(&s->ra, step->first, step->count, &run,
		    &is_fresh) == 0, step->what);
	T_OK(is_fresh == step->is_read, step->what);
	T_OK(reads.calls - before == (step->is_read ? 1 : 0), step->what);
	T_OK(s->ra.first == step->have &&
	    s->ra.have.count == step->have_count, step->what);
	if (is_fresh)
		put_headers(&s->ra);
	if (!step->is_fill)
		T_OK(run_is(s, &run, step->first, step->count), step->what);
}

static void
test_steps(void)
{
	const uint64_t size = 999 * 512 + 5;
	uint8_t *bytes = pattern(size);
	struct sent s = { .wire = bytes, .wire_len = size };
	int fd = t_memory(bytes, size);
	size_t i;

	begin(&s, fd, size, 512, 4);
	for (i = 0; i < COUNT(steps); i++)
		check_step(&s, &steps[i]);
	readahead_free(&s.ra);
	close(fd);
	free(bytes);
}

/* What is read is the blocks' data alone. */
static void
test_headers(void)
{
	const uint64_t size = 300 * 100 + 50;
	uint8_t *bytes = pattern(size);
	struct sent s = { .wire = bytes, .wire_len = size };
	int fd = t_memory(bytes, size), n;
	struct readahead_run run;
	bool is_fresh, good = true;
	size_t i;

	begin(&s, fd, size, 100, 8);
	T_OK(readahead_get(&s.ra, 1, 8, &run, &is_fresh) == 0 &&
	    readahead_fill(&s.ra, 9, 8) && readahead_fill(&s.ra, 200, 8),
	    "set-up");
	for (i = 0; i < s.ra.capacity; i++) {
		for (n = 0; n < HEADER; n++)
			good &= s.ra.buf[i * s.ra.stride + (size_t)n] ==
			    SENTINEL;
	}
	T_OK(good, "headers are left alone");
	readahead_free(&s.ra);
	close(fd);
	free(bytes);
}

/* ---- netascii --------------------------------------------------------- */

#define TEXT_MAX	400

static size_t
random_text(uint8_t *text, size_t len, uint32_t *seed)
{
	static const uint8_t bytes[] = { '\r', '\n', '\0', 'a', 'b', 0xff };
	size_t i;

	for (i = 0; i < len; i++)
		text[i] = bytes[next_random(seed) % COUNT(bytes)];
	return len;
}

static size_t
model(const uint8_t *text, size_t len, uint8_t *wire)
{
	size_t i, n = 0;

	for (i = 0; i < len; i++) {
		if (text[i] == '\n')
			wire[n++] = '\r';
		wire[n++] = text[i];
		if (text[i] == '\r')
			wire[n++] = '\0';
	}
	return n;
}

/* To the end, now and then back within the window that was sent last. */
static bool
ascii_file(struct sent *s, uint32_t window, uint32_t *seed)
{
	uint64_t first = 1;
	uint32_t rest = 20;

	while (first <= s->blocks && rest != 0) {
		if (!get(s, first, window))
			return false;
		rest -= first + window > s->blocks;
		if (readahead_fill(&s->ra, first + window, window))
			return false;
		if (next_random(seed) % 3 != 0) {
			first += window;
			continue;
		}
		first += next_random(seed) % window;
		if (first > s->blocks)
			first = s->blocks;
	}
	return true;
}

static void
test_ascii(void)
{
	uint8_t text[TEXT_MAX], wire[2 * TEXT_MAX];
	struct fileio_mark marks[17];
	struct sent s = { .wire = wire, .marks = marks };
	uint16_t window, blksize;
	uint32_t seed = 3;
	size_t len;
	bool good;
	int fd;

	for (len = 0; len < TEXT_MAX; len += 13) {
		fd = t_memory(text, random_text(text, len, &seed));
		s.wire_len = model(text, len, wire);
		good = true;
		for (window = 1; window <= 16; window++) {
			for (blksize = 8; blksize < 20; blksize += 5) {
				begin(&s, fd, len, blksize, window);
				good &= ascii_file(&s, window, &seed);
				readahead_free(&s.ra);
			}
		}
		T_OK(good, "as the model says");
		close(fd);
	}
}

/* ---- errors ----------------------------------------------------------- */

static int
get_error(struct sent *s, uint64_t first, uint32_t count)
{
	struct readahead_run run;
	bool is_fresh;

	return readahead_get(&s->ra, first, count, &run, &is_fresh);
}

/* A file of 1000 blocks that is cut after its first window was sent. */
static void
test_shrunk(void)
{
	static const struct {
		const char *what;
		off_t cut;
		bool is_filled;
		uint64_t first;
		int want;
	} rows[] = {
		{ "to nothing", 0, false, 5, -ENODATA },
		{ "what is in memory is still sent", 0, true, 5, 0 },
		{ "all of it", 0, true, 129, 0 },
		{ "what is not, is not", 0, true, 130, -ENODATA },
		{ "within the window", 6 * 512, false, 5, -ENODATA },
		{ "behind the window", 8 * 512, false, 5, 0 },
		{ "by one byte", 999 * 512 + 4, false, 997, -ENODATA },
	};
	const uint64_t size = 999 * 512 + 5;
	uint8_t *bytes = pattern(size);
	struct sent s = { .wire = bytes, .wire_len = size };
	size_t i;
	int fd;

	for (i = 0; i < COUNT(rows); i++) {
		fd = t_memory(bytes, size);
		begin(&s, fd, size, 512, 4);
		T_OK(get(&s, 1, 4), "set-up");
		if (rows[i].is_filled)
			T_OK(readahead_fill(&s.ra, 5, 4), "set-up");
		T_OK(ftruncate(fd, rows[i].cut) == 0, "set-up");
		if (!rows[i].is_filled)
			T_OK(!readahead_fill(&s.ra, rows[i].first, 4),
			    "reading ahead tells nothing");
		T_OK(get_error(&s, rows[i].first, 4) == rows[i].want,
		    rows[i].what);
		T_OK(rows[i].want == 0 ||
		    get_error(&s, rows[i].first, 4) == rows[i].want,
		    "it is told again");
		readahead_free(&s.ra);
		close(fd);
	}
	free(bytes);
}

/* An error that reading ahead meets comes to light where it matters. */
static void
test_read_error(void)
{
	const uint64_t size = 999 * 512 + 5;
	uint8_t *bytes = pattern(size);
	struct sent s = { .wire = bytes, .wire_len = size };
	int fd = t_memory(bytes, size);

	begin(&s, fd, size, 512, 4);
	T_OK(get(&s, 1, 4), "set-up");
	reads.at = reads.calls + 1;
	reads.err = EIO;
	T_OK(!readahead_fill(&s.ra, 5, 4), "it brings nothing");
	T_OK(get_error(&s, 5, 4) == -EIO, "and is told");
	T_OK(get_error(&s, 1, 4) == -EIO, "it leaves nothing behind");
	reads.at = 0;
	T_OK(get(&s, 5, 4), "it may have been once");
	fill(&s, 9, 4);
	T_OK(get(&s, 9, 4), "and no more");
	reads.at = reads.calls + 1;
	T_OK(get(&s, 13, 4), "what was read before");
	T_OK(!readahead_fill(&s.ra, 998, 4), "the end");
	reads.at = 0;
	T_OK(get(&s, 998, 4), "is there after all");
	readahead_free(&s.ra);
	close(fd);
	free(bytes);
}

/* A window in bursts, and a loss in the first one. */
static void
test_ascii_bursts(void)
{
	uint8_t wire[64 * 8];
	struct fileio_mark marks[65];
	struct sent s = { .wire = wire, .wire_len = sizeof(wire),
		.marks = marks };
	int fd;

	memset(wire, 'x', sizeof(wire));
	fd = t_memory(wire, sizeof(wire));
	begin(&s, fd, sizeof(wire), 8, 64);
	T_OK(get_error(&s, 1, 16) == 0 && get_error(&s, 17, 16) == 0 &&
	    get_error(&s, 33, 16) == 0, "three bursts");
	T_OK(get_error(&s, 6, 16) == 0, "back to the first");
	T_OK(get_error(&s, 22, 32) == 0, "and on, over what was known");
	readahead_free(&s.ra);
	close(fd);
}

static void
test_cannot_read(void)
{
	struct fileio_mark marks[5];
	struct sent s = { .wire_len = 5000 };
	int dirfd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	begin(&s, dirfd, 5000, 512, 4);
	T_OK(!readahead_fill(&s.ra, 1, 4) &&
	    get_error(&s, 1, 4) == -EISDIR, "a directory");
	readahead_free(&s.ra);
	s.marks = marks;
	begin(&s, dirfd, 5000, 512, 4);
	T_OK(!readahead_fill(&s.ra, 1, 4) &&
	    get_error(&s, 1, 4) == -EISDIR, "a directory, in netascii");
	readahead_free(&s.ra);
	close(dirfd);
	s.marks = NULL;
	begin(&s, -1, 5000, 512, 4);
	T_OK(!readahead_fill(&s.ra, 1, 4) &&
	    get_error(&s, 1, 4) == -EBADF, "no descriptor");
	readahead_free(&s.ra);
}

/* What was not there when the file was opened is not sent. */
static void
test_grown(void)
{
	static const uint64_t sizes[] = { 0, 1, 512, 128 * 512,
		128 * 512 + 1 };
	uint8_t *bytes = pattern(300 * 512);
	struct sent s = { .wire = bytes };
	int fd = t_memory(bytes, 300 * 512);
	size_t i;

	for (i = 0; i < COUNT(sizes); i++) {
		s.wire_len = sizes[i];
		begin(&s, fd, sizes[i], 512, 4);
		T_OK(filled(&s, 4, NULL), "the size at the open counts");
		readahead_free(&s.ra);
	}
	close(fd);
	free(bytes);
}

int
main(void)
{
	CU_TestInfo content[] = {
		{ "every size and window", test_sizes },
		{ "room", test_capacity },
		{ "what is read when", test_steps },
		{ "headers", test_headers },
		{ "netascii", test_ascii },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo errors[] = {
		{ "a file that shrank", test_shrunk },
		{ "a disk that fails", test_read_error },
		{ "netascii in bursts", test_ascii_bursts },
		{ "what cannot be read", test_cannot_read },
		{ "a file that grew", test_grown },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "readahead: content", NULL, NULL, NULL, NULL, content },
		{ "readahead: errors", NULL, NULL, NULL, NULL, errors },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
