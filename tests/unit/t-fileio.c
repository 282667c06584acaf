/*
 * t-fileio - every byte of a file in the right block, and uploads that are
 * there whole or not at all.
 */
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>

#include "os/fileio.h"
#include "t-work.h"

#define HEADER		4
#define SENTINEL	0xee	/* headers are the caller's */

/*
 * The calls that make an upload durable, in their order: 'f' and 'd' for
 * fsync of a file and of a folder, 'r' for the rename, 'c' for a copy and
 * 't' for a cut.  These stand before libc's when the program is linked.
 */
static char calls[16];

/* What the kernel or the file system cannot do here; 0: it can. */
static struct {
	int tmpfile, fallocate, copy, flock;	/* an errno */
	size_t copy_len;		/* it copies no more at once */
	bool is_copy_interrupted;	/* the next one */
} lacks;

static void
note_call(char call)
{
	size_t len = strlen(calls);

	if (len + 1 < sizeof(calls))
		calls[len] = call;
}

int
fsync(int fd)
{
	struct stat st;

	note_call(fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? 'd' : 'f');
	return (int)syscall(SYS_fsync, fd);
}

/* These two are put before those of callgate.c by the linker (--wrap). */
int __wrap_callgate_renameat2(int olddir, const char *old, int newdir,
    const char *new, unsigned flags);
int __wrap_callgate_openat(int dirfd, const char *path, int flags,
    mode_t mode);

int
__wrap_callgate_renameat2(int olddir, const char *old, int newdir,
    const char *new, unsigned flags)
{
	note_call('r');
	return (int)syscall(SYS_renameat2, olddir, old, newdir, new, flags);
}

int
__wrap_callgate_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	if ((flags & O_TMPFILE) == O_TMPFILE && lacks.tmpfile != 0) {
		errno = lacks.tmpfile;
		return -1;
	}
	return (int)syscall(SYS_openat, dirfd, path, flags, mode);
}

int
fallocate(int fd, int mode, off_t offset, off_t len)
{
	if (lacks.fallocate != 0) {
		errno = lacks.fallocate;
		return -1;
	}
	return (int)syscall(SYS_fallocate, fd, mode, offset, len);
}

int
ftruncate(int fd, off_t len)
{
	note_call('t');
	return (int)syscall(SYS_ftruncate, fd, len);
}

ssize_t
copy_file_range(int from, off_t *in, int to, off_t *out, size_t len,
    unsigned flags)
{
	note_call('c');
	if (lacks.is_copy_interrupted) {
		lacks.is_copy_interrupted = false;
		errno = EINTR;
		return -1;
	}
	if (lacks.copy != 0) {
		errno = lacks.copy;
		return -1;
	}
	if (lacks.copy_len != 0 && len > lacks.copy_len)
		len = lacks.copy_len;
	return (ssize_t)syscall(SYS_copy_file_range, from, in, to, out, len,
	    flags);
}

int
flock(int fd, int operation)
{
	if (lacks.flock != 0) {
		errno = lacks.flock;
		return -1;
	}
	return (int)syscall(SYS_flock, fd, operation);
}

/* Waits between two tries: they are counted, and take no time. */
static struct {
	bool is_skipped;
	unsigned count, last;	/* the lock is let go after the last one */
	int holder;		/* who has the lock; -1: nobody */
} waits = { .holder = -1 };

int
nanosleep(const struct timespec *span, struct timespec *left)
{
	if (!waits.is_skipped)
		return clock_nanosleep(CLOCK_MONOTONIC, 0, span, left) == 0 ?
		    0 : -1;
	if (++waits.count == waits.last)
		(void)syscall(SYS_flock, waits.holder, LOCK_UN);
	return 0;
}

/* ---- reading, octet --------------------------------------------------- */

static int
pattern_file(uint64_t size)
{
	uint8_t *bytes = malloc(size + 1);
	uint64_t at;
	int fd;

	for (at = 0; at < size; at++)
		bytes[at] = t_byte(at);
	fd = t_memory(bytes, size);
	free(bytes);
	return fd;
}

/* Whether packet i of out has its header untouched and the right data. */
static bool
packet_is(const uint8_t *packet, uint64_t offset, size_t len)
{
	size_t i;

	for (i = 0; i < HEADER; i++) {
		if (packet[i] != SENTINEL)
			return false;
	}
	for (i = 0; i < len; i++) {
		if (packet[HEADER + i] != t_byte(offset + i))
			return false;
	}
	return true;
}

/* Read count blocks from first on, and compare all there is. */
static bool
octet_window(struct fileio_reader *r, uint64_t first, uint32_t count)
{
	size_t stride = HEADER + r->blksize, room = count * stride, len;
	uint64_t all = r->size / r->blksize + 1, at;
	struct fileio_blocks made;
	uint8_t *zeros = calloc(1, room), *out;
	bool good;
	uint32_t i, want;

	memset(zeros, SENTINEL, room);
	out = t_guard(zeros, room);
	free(zeros);
	want = all - first + 1 < count ? (uint32_t)(all - first + 1) : count;
	memset(&made, 0xa5, sizeof(made));
	good = fileio_read_blocks(r, first, count, out, HEADER, &made) == 0;
	good = good && made.count == want &&
	    made.is_end == (first + want - 1 == all);
	for (i = 0; good && i < want; i++) {
		at = (first + i - 1) * r->blksize;
		len = r->size - at < r->blksize ? (size_t)(r->size - at) :
		    r->blksize;
		good = packet_is(out + i * stride, at, len) &&
		    (i + 1 < want || made.last_len == len);
	}
	t_unguard(out, room);
	return good;
}

static bool
octet_file(int fd, uint64_t size, uint16_t blksize, uint32_t window)
{
	struct fileio_reader r;
	uint64_t first, last = size / blksize + 1;

	fileio_reader_init(&r, fd, size, blksize, NULL, 0);
	for (first = 1; first <= last; first += window) {
		if (!octet_window(&r, first, window))
			return false;
	}
	return true;
}

static void
test_octet(void)
{
	static const struct {
		const char *what;
		uint64_t size;
		uint16_t blksize;
	} rows[] = {
		{ "an empty file is one empty block", 0, 512 },
		{ "one byte", 1, 512 },
		{ "a byte less than a block", 511, 512 },
		{ "a block, and an empty one", 512, 512 },
		{ "a byte more than a block", 513, 512 },
		{ "two blocks", 1024, 512 },
		{ "many blocks of 8", 8000, 8 },
		{ "an odd blksize", 10007, 1001 },
		{ "an odd blksize, whole blocks", 10010, 1001 },
		{ "a byte less than 64 blocks", 64 * 512 - 1, 512 },
		{ "64 blocks: a batch is full", 64 * 512, 512 },
		{ "a byte more than 64 blocks", 64 * 512 + 1, 512 },
		{ "63 blocks", 63 * 512, 512 },
		{ "65 blocks", 65 * 512, 512 },
		{ "128 blocks: two batches are full", 128 * 512, 512 },
		{ "a byte more than 128 blocks", 128 * 512 + 1, 512 },
		{ "the largest blksize", 3 * 65464 + 7, 65464 },
		{ "the largest blksize, whole blocks", 2 * 65464, 65464 },
	};
	static const uint32_t windows[] = { 1, 2, 3, 7, 63, 64, 65, 127, 128,
		129, 200 };
	size_t i, w;
	int fd;

	for (i = 0; i < COUNT(rows); i++) {
		fd = pattern_file(rows[i].size);
		for (w = 0; w < COUNT(windows); w++)
			T_OK(octet_file(fd, rows[i].size, rows[i].blksize,
			    windows[w]), rows[i].what);
		close(fd);
	}
}

/* After a loss any window may come again, and any other after it. */
static void
test_octet_back(void)
{
	static const struct {
		const char *what;
		uint64_t first;
		uint32_t count;
	} rows[] = {
		{ "the first window", 1, 70 },
		{ "the same again", 1, 70 },
		{ "its middle", 40, 70 },
		{ "its last block", 109, 1 },
		{ "far ahead", 190, 70 },
		{ "the last block", 201, 1 },
		{ "the last block, and a larger window", 201, 64 },
		{ "back to the first", 1, 1 },
		{ "a batch from the middle on", 137, 64 },
		{ "the end, exactly", 138, 64 },
	};
	struct fileio_reader r;
	int fd = pattern_file(200 * 16);
	size_t i;

	fileio_reader_init(&r, fd, 200 * 16, 16, NULL, 0);
	for (i = 0; i < COUNT(rows); i++)
		T_OK(octet_window(&r, rows[i].first, rows[i].count),
		    rows[i].what);
	close(fd);
}

/* Blocks are counted in 64 bits, and so is their place. */
static void
test_octet_large(void)
{
	static const uint64_t sizes[] = { UINT64_C(1) << 32,
		(UINT64_C(1) << 32) + 1, (UINT64_C(1) << 32) - 1,
		UINT64_C(5000000003) };
	const uint64_t tail = 4096;
	uint8_t bytes[4096];
	struct fileio_reader r;
	uint64_t first;
	size_t i, n;
	int fd;

	for (i = 0; i < COUNT(sizes); i++) {
		fd = memfd_create("t", MFD_CLOEXEC);
		for (n = 0; n < tail; n++)
			bytes[n] = t_byte(sizes[i] - tail + n);
		T_OK(fd != -1 && pwrite(fd, bytes, tail,
		    (off_t)(sizes[i] - tail)) == (ssize_t)tail, "set-up");
		fileio_reader_init(&r, fd, sizes[i], 8, NULL, 0);
		first = sizes[i] / 8 + 1 - 100;
		T_OK(octet_window(&r, first, 64), "beyond 4 GiB");
		T_OK(octet_window(&r, first + 64, 64), "to the end");
		close(fd);
	}
}

static int
read_some(struct fileio_reader *r, uint64_t first, uint32_t count)
{
	size_t room = count * (HEADER + (size_t)r->blksize);
	uint8_t *out = malloc(room);
	struct fileio_blocks made;
	int err = fileio_read_blocks(r, first, count, out, HEADER, &made);

	free(out);
	return err;
}

static void
test_shrunk(void)
{
	static const struct {
		const char *what;
		off_t cut;
		uint64_t first;
		uint32_t count;
		int want;
	} rows[] = {
		{ "to nothing", 0, 1, 1, -ENODATA },
		{ "within the window", 3000, 1, 10, -ENODATA },
		{ "within a block", 5 * 512 + 1, 6, 1, -ENODATA },
		{ "by one byte", 9999, 20, 1, -ENODATA },
		{ "at a block's border", 5 * 512, 6, 1, -ENODATA },
		{ "at a block's border, read before it", 5 * 512, 1, 5, 0 },
		{ "at a block's border, read across it", 5 * 512, 1, 6,
		    -ENODATA },
		{ "behind the window", 3000, 1, 5, 0 },
		{ "before the window", 3000, 10, 5, -ENODATA },
	};
	struct fileio_reader r;
	size_t i;
	int fd;

	for (i = 0; i < COUNT(rows); i++) {
		fd = pattern_file(10000);
		fileio_reader_init(&r, fd, 10000, 512, NULL, 0);
		T_OK(ftruncate(fd, rows[i].cut) == 0, "set-up");
		T_OK(read_some(&r, rows[i].first, rows[i].count) ==
		    rows[i].want, rows[i].what);
		close(fd);
	}
}

/* A batch that is cut in its middle ends there, not at its start. */
static void
test_shrunk_between(void)
{
	struct fileio_reader r;
	int fd = pattern_file(70 * 512);

	fileio_reader_init(&r, fd, 70 * 512, 512, NULL, 0);
	T_OK(octet_window(&r, 1, 8), "before");
	T_OK(ftruncate(fd, 65 * 512) == 0, "set-up");
	T_OK(octet_window(&r, 9, 56), "what is still there");
	T_OK(read_some(&r, 1, 70) == -ENODATA, "the second batch");
	close(fd);
}

static void
test_grown(void)
{
	static const uint64_t sizes[] = { 0, 1, 511, 512, 513, 64 * 512 };
	struct fileio_reader r;
	size_t i;
	int fd;

	for (i = 0; i < COUNT(sizes); i++) {
		fd = pattern_file(sizes[i] + 5000);
		fileio_reader_init(&r, fd, sizes[i], 512, NULL, 0);
		/* octet_window() knows only the size at the open */
		T_OK(octet_window(&r, 1, 100), "the size at the open counts");
		close(fd);
	}
}

static void
test_read_errors(void)
{
	struct fileio_mark marks[3];
	struct fileio_reader r;
	int dirfd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	fileio_reader_init(&r, dirfd, 512, 512, NULL, 0);
	T_OK(read_some(&r, 1, 1) == -EISDIR, "what cannot be read");
	fileio_reader_init(&r, dirfd, 512, 512, marks, COUNT(marks));
	T_OK(read_some(&r, 1, 1) == -EISDIR, "in netascii too");
	close(dirfd);
	fileio_reader_init(&r, dirfd, 512, 512, NULL, 0);
	T_OK(read_some(&r, 1, 2) == -EBADF, "a descriptor that is gone");
}

/* ---- reading, netascii ------------------------------------------------ */

#define TEXT_MAX	64
#define WINDOW_MAX	5

/* The whole of it at once, written down as the RFC says it. */
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

/* A wire text and its reader. */
struct ascii {
	struct fileio_reader r;
	struct fileio_mark marks[WINDOW_MAX + 1];
	const uint8_t *wire;
	size_t wire_len;
};

static bool
ascii_window(struct ascii *a, uint64_t first, uint32_t count,
    uint32_t *made_count)
{
	uint8_t out[WINDOW_MAX * (HEADER + 16)];
	size_t blksize = a->r.blksize, stride = HEADER + blksize, at, len;
	uint64_t all = a->wire_len / blksize + 1;
	struct fileio_blocks made;
	uint32_t i;

	memset(out, SENTINEL, sizeof(out));
	if (fileio_read_blocks(&a->r, first, count, out, HEADER, &made) != 0 ||
	    made.count == 0 || made.count > count ||
	    (made.count < count && !made.is_end) ||
	    made.is_end != (first + made.count - 1 == all))
		return false;
	for (i = 0; i < made.count; i++) {
		at = (size_t)(first + i - 1) * blksize;
		len = a->wire_len - at < blksize ? a->wire_len - at : blksize;
		if (memcmp(out + i * stride + HEADER, a->wire + at, len) != 0)
			return false;
		if (out[i * stride] != SENTINEL ||
		    out[i * stride + HEADER - 1] != SENTINEL)
			return false;
		if (i + 1 == made.count && made.last_len != len)
			return false;
	}
	*made_count = made.count;
	return true;
}

static uint32_t
next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 16;
}

/*
 * To the end, now and then back to a block of the window before: also to
 * the one after its last, which is the ordinary way on.
 */
static bool
ascii_file(struct ascii *a, uint32_t window, uint32_t *seed)
{
	uint64_t first = 1, all = a->wire_len / a->r.blksize + 1;
	uint32_t made, steps = 0;

	for (;;) {
		if (!ascii_window(a, first, window, &made))
			return false;
		if (first + made - 1 == all && ++steps > 3)
			return true;
		if (first + made - 1 == all || next_random(seed) % 3 == 0)
			first += next_random(seed) % made;
		else
			first += made;
	}
}

static size_t
random_text(uint8_t *text, size_t len, uint32_t *seed)
{
	static const uint8_t bytes[] = { '\r', '\n', '\0', 'a', 'b', 0xff };
	size_t i;

	for (i = 0; i < len; i++)
		text[i] = bytes[next_random(seed) % COUNT(bytes)];
	return len;
}

static void
test_ascii(void)
{
	uint8_t text[TEXT_MAX], wire[2 * TEXT_MAX];
	uint32_t seed = 1, window;
	struct ascii a = { .wire = wire };
	uint16_t blksize;
	size_t len;
	bool good;
	int fd;

	for (len = 0; len < TEXT_MAX; len++) {
		fd = t_memory(text, random_text(text, len, &seed));
		a.wire_len = model(text, len, wire);
		for (blksize = 8; blksize <= 16; blksize++) {
			good = true;
			for (window = 1; window <= WINDOW_MAX; window++) {
				fileio_reader_init(&a.r, fd, len, blksize,
				    a.marks, COUNT(a.marks));
				good = good && ascii_file(&a, window, &seed);
			}
			T_OK(good, "as the model says");
		}
		close(fd);
	}
}

/* Files of nothing but one byte: each block's border cuts every pair. */
static void
test_ascii_plain(void)
{
	static const uint8_t bytes[] = { '\r', '\n', '\0', 'a' };
	uint8_t text[TEXT_MAX], wire[2 * TEXT_MAX];
	struct ascii a = { .wire = wire };
	uint32_t seed = 2;
	size_t i, len;
	int fd;

	for (i = 0; i < COUNT(bytes); i++) {
		for (len = 0; len < 40; len++) {
			memset(text, bytes[i], len);
			fd = t_memory(text, len);
			a.wire_len = model(text, len, wire);
			fileio_reader_init(&a.r, fd, len,
			    (uint16_t)(8 + len % 9), a.marks,
			    COUNT(a.marks));
			T_OK(ascii_file(&a, 1 + (uint32_t)len % WINDOW_MAX,
			    &seed), "one byte, many times");
			close(fd);
		}
	}
}

/* What is read at once is less than such a block. */
static void
test_ascii_chunks(void)
{
	static const uint16_t blksizes[] = { 4095, 4096, 4097, 9000, 65464 };
	const size_t size = 20000;
	uint8_t *text = malloc(size), *wire = malloc(2 * size), *out;
	struct fileio_mark marks[2];
	struct fileio_reader r;
	struct fileio_blocks made;
	size_t i, at, wire_len;
	uint64_t block;
	bool good;
	int fd;

	memset(text, 'x', size);
	for (at = 0; at < size; at += 4096)
		memset(text + (at < 2 ? 0 : at - 2), '\r', 4);
	memset(text + 9000, '\n', 300);
	wire_len = model(text, size, wire);
	fd = t_memory(text, size);
	for (i = 0; i < COUNT(blksizes); i++) {
		out = malloc(blksizes[i]);
		fileio_reader_init(&r, fd, size, blksizes[i], marks,
		    COUNT(marks));
		at = 0;
		block = 1;
		do {
			good = fileio_read_blocks(&r, block++, 1, out, 0,
			    &made) == 0 && at + made.last_len <= wire_len &&
			    memcmp(out, wire + at, made.last_len) == 0;
			at += made.last_len;
		} while (good && !made.is_end);
		T_OK(good && at == wire_len, "blocks larger than a chunk");
		free(out);
	}
	close(fd);
	free(wire);
	free(text);
}

static void
test_ascii_limits(void)
{
	struct fileio_mark marks[3];
	struct fileio_reader r;
	int fd = t_memory("0123456789abcdefghijklmnopqrstuvwxyz", 36);

	fileio_reader_init(&r, fd, 36, 8, marks, COUNT(marks));
	T_OK(read_some(&r, 2, 1) == -EINVAL, "it starts with block 1");
	T_OK(read_some(&r, 0, 1) == -EINVAL, "there is no block 0");
	T_OK(read_some(&r, 1, 2) == 0, "blocks 1 and 2");
	T_OK(read_some(&r, 4, 1) == -EINVAL, "block 4 leaves out block 3");
	T_OK(read_some(&r, 3, 1) == 0, "block 3");
	T_OK(read_some(&r, 1, 1) == -EINVAL,
	    "block 1 is more than a window before the end of block 3");
	T_OK(read_some(&r, 2, 1) == 0, "block 2 again, alone");
	T_OK(read_some(&r, 3, 2) == 0, "and on");
	close(fd);
}

static void
test_ascii_changed(void)
{
	static const struct {
		const char *what;
		size_t at_open;
		off_t now;
		int want;
	} rows[] = {
		{ "shrunk to nothing", 20, 0, -ENODATA },
		{ "shrunk by one byte", 20, 19, -ENODATA },
		{ "shrunk behind the window", 40, 32, 0 },
		{ "grown", 20, 60, 0 },
	};
	struct fileio_mark marks[WINDOW_MAX + 1];
	struct fileio_reader r;
	size_t i;
	int fd;

	for (i = 0; i < COUNT(rows); i++) {
		fd = pattern_file(rows[i].at_open);
		fileio_reader_init(&r, fd, rows[i].at_open, 8, marks,
		    COUNT(marks));
		T_OK(ftruncate(fd, rows[i].now) == 0, "set-up");
		T_OK(read_some(&r, 1, 3) == rows[i].want, rows[i].what);
		close(fd);
	}
}

static void
test_ascii_grown(void)
{
	uint8_t wire[3] = "ab";
	struct ascii a = { .wire = wire, .wire_len = 2 };
	uint32_t made;
	int fd = t_memory("abcdefghijklm", 13);

	fileio_reader_init(&a.r, fd, 2, 8, a.marks,
	    COUNT(a.marks));
	T_OK(ascii_window(&a, 1, WINDOW_MAX, &made) && made == 1,
	    "the size at the open counts");
	close(fd);
}

/* ---- uploads ---------------------------------------------------------- */

#define ID	"0123456789abcdef"
#define OTHER	"fedcba9876543210"
#define HIDDEN	".new.0123456789abcdef"

static char dir[PATH_MAX];
static int top = -1;

static int
set_up(void)
{
	umask(022);
	t_tmp_make(dir);
	top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return top == -1;
}

static int
clean_up(void)
{
	close(top);
	t_tmp_remove(dir);
	return 0;
}

static int
begin_named(struct fileio_upload *u, const char *base, const char *id)
{
	return fileio_upload_begin(u, fcntl(top, F_DUPFD_CLOEXEC, 3), base,
	    id, 0666, NULL);
}

static int
put(struct fileio_upload *u, const char *text)
{
	return fileio_upload_write(u, (const uint8_t *)text, strlen(text));
}

/* The descriptors last as long as the transfer's process: here it ends. */
static void
end(struct fileio_upload *u)
{
	close(u->fd);
	close(u->dirfd);
}

static bool
exists(const char *name)
{
	struct stat st;

	return fstatat(top, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool
has(const char *name, const char *text)
{
	return t_has(top, name, text, strlen(text));
}

static void
test_upload(void)
{
	struct fileio_upload u;

	T_OK(begin_named(&u, "new", ID) == 0, "it begins");
	T_OK(strcmp(u.hidden, HIDDEN) == 0 && exists(HIDDEN),
	    "under a hidden name");
	T_OK((fcntl(u.fd, F_GETFD) & FD_CLOEXEC) != 0, "no program gets it");
	T_OK(put(&u, "one ") == 0 && put(&u, "") == 0 && put(&u, "two") == 0,
	    "it is written");
	T_OK(u.written == 7, "and counted");
	T_OK(!exists("new") && has(HIDDEN, "one two"),
	    "nobody sees half of it");
	memset(calls, 0, sizeof(calls));
	T_OK(fileio_upload_store(&u, false) == 0, "it is stored");
	T_OK(strcmp(calls, "frd") == 0,
	    "the content is on the disk before the name, and then the name");
	T_OK(has("new", "one two") && !exists(HIDDEN), "it is there, whole");
	T_OK(u.hidden[0] == '\0', "no hidden file is left to remove");
	fileio_upload_abort(&u);
	T_OK(has("new", "one two"), "an abort comes too late");
	end(&u);
	unlinkat(top, "new", 0);
}

static void
test_empty(void)
{
	struct fileio_upload u;

	T_OK(begin_named(&u, "new", ID) == 0 &&
	    fileio_upload_store(&u, false) == 0, "an empty file");
	T_OK(has("new", "") && !exists(HIDDEN), "is a file");
	end(&u);
	unlinkat(top, "new", 0);
}

/* What stands under the name when the upload ends. */
static void
make_nothing(void)
{
}

static void
make_file(void)
{
	t_put(top, "new", "old", 0600);
}

static void
make_folder(void)
{
	mkdirat(top, "new", 0755);
}

static void
make_link(void)
{
	t_put(top, "victim", "old", 0666);
	(void)!symlinkat("victim", top, "new");
}

static void
test_store(void)
{
	static const struct {
		const char *what;
		void (*make)(void);
		bool replace;
		int want;
		const char *then;
	} rows[] = {
		{ "nothing there", make_nothing, false, 0, "NEW" },
		{ "nothing there, though it might be replaced",
		    make_nothing, true, 0, "NEW" },
		{ "a file stays", make_file, false, -EEXIST, "old" },
		{ "a file is replaced", make_file, true, 0, "NEW" },
		{ "a link stays", make_link, false, -EEXIST, "old" },
		{ "a link is replaced, not followed", make_link, true, 0,
		    "NEW" },
		{ "a folder stays", make_folder, false, -EEXIST, NULL },
		{ "a folder cannot be replaced", make_folder, true, -EISDIR,
		    NULL },
	};
	struct fileio_upload u;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		T_OK(begin_named(&u, "new", ID) == 0 && put(&u, "NEW") == 0,
		    rows[i].what);
		rows[i].make();
		T_OK(fileio_upload_store(&u, rows[i].replace) == rows[i].want,
		    rows[i].what);
		T_OK(rows[i].then == NULL || has("new", rows[i].then),
		    rows[i].what);
		T_OK(!exists(HIDDEN), "no hidden file is left");
		T_OK(!exists("victim") || has("victim", "old"), rows[i].what);
		end(&u);
		unlinkat(top, "victim", 0);
		unlinkat(top, "new", 0);
		unlinkat(top, "new", AT_REMOVEDIR);
	}
}

/* A reader that has the old file open goes on with the old content. */
static void
test_replace_while_read(void)
{
	struct fileio_upload u;
	char byte = 0;
	int old;

	t_put(top, "new", "old", 0644);
	old = openat(top, "new", O_RDONLY | O_CLOEXEC);
	T_OK(begin_named(&u, "new", ID) == 0 && put(&u, "NEW") == 0 &&
	    fileio_upload_store(&u, true) == 0, "replaced");
	T_OK(pread(old, &byte, 1, 0) == 1 && byte == 'o', "the old content");
	close(old);
	end(&u);
	unlinkat(top, "new", 0);
}

static void
test_two(void)
{
	struct fileio_upload first, second, third;

	T_OK(begin_named(&first, "new", ID) == 0, "the first begins");
	T_OK(begin_named(&second, "new", OTHER) == 0, "a second, too");
	T_OK(begin_named(&third, "new", "00000000000000aa") == 0, "a third");
	T_OK(put(&first, "first") == 0 && put(&second, "second") == 0 &&
	    put(&third, "third") == 0, "beside each other");
	T_OK(fileio_upload_store(&second, false) == 0, "who ends first wins");
	T_OK(fileio_upload_store(&first, false) == -EEXIST, "the other not");
	T_OK(has("new", "second"), "nothing is mixed");
	T_OK(fileio_upload_store(&third, true) == 0 && has("new", "third"),
	    "unless it may replace");
	T_OK(!exists(HIDDEN) && !exists(".new." OTHER),
	    "no hidden file is left");
	end(&first);
	end(&second);
	end(&third);
	unlinkat(top, "new", 0);
}

static void
test_abort(void)
{
	struct fileio_upload u;

	t_put(top, "new", "old", 0644);
	T_OK(begin_named(&u, "new", ID) == 0 && put(&u, "half") == 0,
	    "set-up");
	fileio_upload_abort(&u);
	T_OK(!exists(HIDDEN) && has("new", "old"), "as if it had not been");
	T_OK(u.hidden[0] == '\0', "nothing is left to remove");
	t_put(top, HIDDEN, "another's", 0600);
	fileio_upload_abort(&u);
	T_OK(has(HIDDEN, "another's"), "a second abort removes nothing");
	unlinkat(top, HIDDEN, 0);
	unlinkat(top, "new", 0);
	end(&u);
}

/* Whether begin failed so, and took the directory's descriptor with it. */
static bool
begin_fails(int dirfd, const char *base, int want)
{
	struct fileio_upload u;
	int err;

	err = fileio_upload_begin(&u, dirfd, base, ID, 0666, NULL);
	if (err == 0) {
		fileio_upload_abort(&u);
		end(&u);
		return false;
	}
	fileio_upload_abort(&u);
	return err == want && fcntl(dirfd, F_GETFD) == -1;
}

static void
test_begin_fails(void)
{
	int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	t_put(top, HIDDEN, "another's", 0600);
	T_OK(begin_fails(fd, "new", -EEXIST), "the name is taken");
	T_OK(has(HIDDEN, "another's"), "and left alone");
	unlinkat(top, HIDDEN, 0);
	t_put(top, "victim", "old", 0666);
	T_OK(symlinkat("victim", top, HIDDEN) == 0, "set-up");
	fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	T_OK(begin_fails(fd, "new", -EEXIST), "a link in its place");
	T_OK(has("victim", "old"), "is not followed");
	unlinkat(top, HIDDEN, 0);
	unlinkat(top, "victim", 0);
	T_OK(begin_fails(-1, "new", -EBADF), "no directory");
	fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	T_OK(begin_fails(fd, "no/new", -ENOENT), "a base is one component");
}

static void
in_no_permission(const void *arg)
{
	int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)arg;
	t_drop();
	C_OK(begin_fails(fd, "new", -EACCES), "a folder that is not ours");
}

static void
test_no_permission(void)
{
	T_OK(fchmod(top, 0555) == 0, "set-up");
	t_in_child(in_no_permission, NULL, "as an ordinary user");
	T_OK(fchmod(top, 0755) == 0, "set-up");
}

/* A drop box may be entered and written, but not read. */
static void
in_drop_box(const void *arg)
{
	struct fileio_upload u;
	int fd;

	(void)arg;
	t_drop();
	fd = openat(top, "box", O_PATH | O_DIRECTORY | O_CLOEXEC);
	C_OK(fileio_upload_begin(&u, fd, "new", ID, 0666, NULL) == 0 &&
	    put(&u, "text") == 0, "it begins");
	C_OK(fileio_upload_store(&u, false) == 0, "it is stored");
	C_OK(has("box/new", "text") && !exists("box/" HIDDEN), "it is there");
}

static void
test_drop_box(void)
{
	T_OK(mkdirat(top, "box", 0755) == 0 &&
	    fchmodat(top, "box", 0333, 0) == 0, "set-up");
	t_in_child(in_drop_box, NULL, "as an ordinary user");
	T_OK(fchmodat(top, "box", 0755, 0) == 0, "set-up");
	unlinkat(top, "box/new", 0);
	unlinkat(top, "box", AT_REMOVEDIR);
}

static void
test_mode(void)
{
	static const struct {
		const char *what;
		mode_t mode, mask, want;
	} rows[] = {
		{ "tftpd-hpa's umask 0", 0666, 0, 0666 },
		{ "the usual umask", 0666, 022, 0644 },
		{ "a strict umask", 0666, 077, 0600 },
		{ "a group's umask", 0666, 002, 0664 },
		{ "no x bit comes of it", 0640, 0, 0640 },
	};
	struct fileio_upload u;
	struct stat st;
	mode_t old;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		old = umask(rows[i].mask);
		T_OK(fileio_upload_begin(&u, fcntl(top, F_DUPFD_CLOEXEC, 3),
		    "new", ID, rows[i].mode, NULL) == 0 &&
		    fileio_upload_store(&u, false) == 0, rows[i].what);
		umask(old);
		T_OK(fstatat(top, "new", &st, 0) == 0 &&
		    (st.st_mode & 07777) == rows[i].want, rows[i].what);
		end(&u);
		unlinkat(top, "new", 0);
	}
}

/* A name may be as long as the file system has it. */
static void
test_long_name(void)
{
	char base[PATHNAME_COMPONENT_MAX + 1];
	struct fileio_upload u;

	memset(base, 'n', sizeof(base) - 1);
	base[sizeof(base) - 1] = '\0';
	T_OK(begin_named(&u, base, ID) == 0, "its hidden name is cut");
	T_OK(strlen(u.hidden) == PATHNAME_COMPONENT_MAX &&
	    pathname_is_hidden(u.hidden) && exists(u.hidden), "and fits");
	T_OK(fileio_upload_store(&u, false) == 0 && exists(base),
	    "its own is not");
	end(&u);
	unlinkat(top, base, 0);
}

/* ---- uploads, netascii ------------------------------------------------ */

static void
test_ascii_upload(void)
{
	static const struct {
		const char *what, *wire;
		size_t wire_len;
		const char *text;
		size_t text_len;
	} rows[] = {
		{ "nothing", "", 0, "", 0 },
		{ "plain", "abc", 3, "abc", 3 },
		{ "a line end", "a\r\nb", 4, "a\nb", 3 },
		{ "a CR", "a\r\0b", 4, "a\rb", 3 },
		{ "a CR at the end is kept", "ab\r", 3, "ab\r", 3 },
		{ "nothing but a CR", "\r", 1, "\r", 1 },
		{ "a CR before something else is kept", "\rab", 3, "\rab",
		    3 },
		{ "two CRs", "\r\r\n", 3, "\r\n", 2 },
		{ "a bare LF", "a\nb", 3, "a\nb", 3 },
		{ "a NUL of the file's own", "a\0b", 3, "a\0b", 3 },
		{ "many", "\r\n\r\n\r\0\r\0", 8, "\n\n\r\r", 4 },
	};
	uint8_t scratch[9];
	struct fileio_upload u;
	size_t i, block, at, n;

	for (i = 0; i < COUNT(rows); i++) {
		for (block = 1; block <= 8; block++) {
			T_OK(fileio_upload_begin(&u, fcntl(top,
			    F_DUPFD_CLOEXEC, 3), "new", ID, 0666, scratch) ==
			    0, rows[i].what);
			for (at = 0; at < rows[i].wire_len; at += n) {
				n = rows[i].wire_len - at < block ?
				    rows[i].wire_len - at : block;
				T_OK(fileio_upload_write(&u, (const uint8_t *)
				    rows[i].wire + at, n) == 0, rows[i].what);
			}
			T_OK(fileio_upload_store(&u, true) == 0,
			    rows[i].what);
			T_OK(u.written == rows[i].text_len && t_has(top,
			    "new", rows[i].text, rows[i].text_len),
			    rows[i].what);
			end(&u);
		}
	}
	unlinkat(top, "new", 0);
}

/* ---- unique names ----------------------------------------------------- */

#define STAMP	"20260314-091500"

static void
test_unique(void)
{
	struct fileio_upload u;

	T_OK(begin_named(&u, "new", ID) == 0 && put(&u, "one") == 0,
	    "set-up");
	memset(calls, 0, sizeof(calls));
	T_OK(fileio_upload_store_unique(&u, STAMP) == 0 &&
	    strcmp(calls, "frd") == 0, "stored as ever");
	T_OK(strcmp(u.base, "new." STAMP ".00") == 0 && has(u.base, "one"),
	    "the first number is 00");
	T_OK(!exists("new") && !exists(HIDDEN) && u.hidden[0] == '\0',
	    "and it has no other name");
	end(&u);
	T_OK(mkdirat(top, "new." STAMP ".01", 0755) == 0 &&
	    symlinkat("victim", top, "new." STAMP ".02") == 0, "set-up");
	T_OK(begin_named(&u, "new", ID) == 0 && put(&u, "two") == 0 &&
	    fileio_upload_store_unique(&u, STAMP) == 0, "another");
	T_OK(strcmp(u.base, "new." STAMP ".03") == 0 && has(u.base, "two"),
	    "takes the first that is free");
	T_OK(has("new." STAMP ".00", "one") && !exists("victim"),
	    "nothing is replaced or followed");
	end(&u);
	unlinkat(top, "new." STAMP ".00", 0);
	unlinkat(top, "new." STAMP ".01", AT_REMOVEDIR);
	unlinkat(top, "new." STAMP ".02", 0);
	unlinkat(top, "new." STAMP ".03", 0);
}

static void
test_unique_taken(void)
{
	struct fileio_upload u;
	char name[64];
	unsigned i;

	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "new." STAMP ".%02u", i);
		t_put(top, name, "old", 0644);
	}
	T_OK(begin_named(&u, "new", ID) == 0 && put(&u, "NEW") == 0 &&
	    fileio_upload_store_unique(&u, STAMP) == -EEXIST, "no number");
	T_OK(!exists(HIDDEN) && u.hidden[0] == '\0', "nothing is left");
	end(&u);
	unlinkat(top, "new." STAMP ".999", 0);
	T_OK(begin_named(&u, "new", ID) == 0 && put(&u, "NEW") == 0 &&
	    fileio_upload_store_unique(&u, STAMP) == 0 &&
	    has("new." STAMP ".999", "NEW"), "the last number");
	end(&u);
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "new." STAMP ".%02u", i);
		T_OK(unlinkat(top, name, 0) == 0, "set-up");
	}
}

/* ".STAMP.NN" is 19 bytes: 236 are left for the base. */
static void
test_unique_long(void)
{
	static const struct {
		const char *what;
		size_t letters;
		const char *tail;
		size_t kept;
	} rows[] = {
		{ "it just fits", 236, "", 236 },
		{ "it does not", 237, "", 236 },
		{ "a full name", 255, "", 236 },
		{ "a character that fits", 234, "\303\244zz", 236 },
		{ "half a character goes", 235, "\303\244zz", 235 },
	};
	char base[PATHNAME_COMPONENT_MAX + 1], want[512];
	struct fileio_upload u;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		memset(base, 'n', sizeof(base));
		snprintf(base + rows[i].letters,
		    sizeof(base) - rows[i].letters, "%s", rows[i].tail);
		snprintf(want, sizeof(want), "%.*s." STAMP ".00",
		    (int)rows[i].kept, base);
		T_OK(begin_named(&u, base, ID) == 0 && put(&u, "x") == 0 &&
		    fileio_upload_store_unique(&u, STAMP) == 0,
		    rows[i].what);
		T_OK(strcmp(u.base, want) == 0 && has(want, "x"),
		    rows[i].what);
		end(&u);
		unlinkat(top, want, 0);
	}
}

/* The third digit takes a byte more from the base, or a character. */
static void
test_unique_third_digit(void)
{
	static const struct {
		const char *what;
		size_t letters;
		const char *tail;
		size_t kept;
	} rows[] = {
		{ "it just fits", 235, "", 235 },
		{ "a letter goes", 236, "", 235 },
		{ "a full name", 255, "", 235 },
		{ "a character that fits", 233, "\303\244zz", 235 },
		{ "half a character goes", 234, "\303\244zz", 234 },
	};
	char base[PATHNAME_COMPONENT_MAX + 1], want[512];
	struct fileio_upload u;
	size_t i;
	int nn;

	for (i = 0; i < COUNT(rows); i++) {
		memset(base, 'n', sizeof(base));
		snprintf(base + rows[i].letters,
		    sizeof(base) - rows[i].letters, "%s", rows[i].tail);
		for (nn = 0; nn < 102; nn++) {
			T_OK(begin_named(&u, base, ID) == 0 &&
			    put(&u, "x") == 0 &&
			    fileio_upload_store_unique(&u, STAMP) == 0,
			    rows[i].what);
			end(&u);
		}
		for (nn = 100; nn < 102; nn++) {
			snprintf(want, sizeof(want), "%.*s." STAMP ".%d",
			    (int)rows[i].kept, base, nn);
			T_OK(has(want, "x"), rows[i].what);
		}
		T_OK(strcmp(u.base, want) == 0, "the name that was taken");
		clean_up();
		T_OK(set_up() == 0, "set-up");
	}
}

static void
test_unique_folder_gone(void)
{
	struct fileio_upload u;
	int fd;

	T_OK(mkdirat(top, "gone", 0755) == 0, "set-up");
	fd = openat(top, "gone", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	T_OK(fileio_upload_begin(&u, fd, "new", ID, 0666, NULL) == 0 &&
	    unlinkat(top, "gone/" HIDDEN, 0) == 0 &&
	    unlinkat(top, "gone", AT_REMOVEDIR) == 0, "set-up");
	T_OK(fileio_upload_store_unique(&u, STAMP) == -ENOENT,
	    "an error is no reason to count on");
	end(&u);
}

/* ---- in place --------------------------------------------------------- */

static int
begin_in_place(struct fileio_upload *u, int spoolfd, const char *name,
    uint8_t *scratch)
{
	return fileio_upload_begin_in_place(u, spoolfd,
	    openat(top, name, O_WRONLY | O_CLOEXEC), scratch);
}

static void
end_in_place(struct fileio_upload *u)
{
	close(u->fd);
	close(u->target);
}

static bool
is_empty_dir(const char *name)
{
	char path[PATH_MAX];

	/* a folder with something in it cannot be removed */
	return rmdir(t_join(path, dir, name)) == 0 && mkdir(path, 0755) == 0;
}

static int
spool_make(void)
{
	(void)mkdirat(top, "spool", 0755);
	return openat(top, "spool", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
spool_remove(int fd)
{
	close(fd);
	T_OK(unlinkat(top, "spool", AT_REMOVEDIR) == 0,
	    "nothing is left in the spool");
}

static void
test_in_place(void)
{
	int spool = spool_make();
	struct fileio_upload u;
	struct stat before, after;

	t_put(top, "new", "the old text", 0666);
	T_OK(fstatat(top, "new", &before, 0) == 0, "set-up");
	T_OK(begin_in_place(&u, spool, "new", NULL) == 0 && u.in_place,
	    "it begins");
	T_OK((fcntl(u.fd, F_GETFD) & FD_CLOEXEC) != 0, "no program gets it");
	T_OK(fstat(u.fd, &after) == 0 && (after.st_mode & 07777) == 0600 &&
	    after.st_nlink == 0, "only we see what arrives");
	T_OK(is_empty_dir("spool"), "under no name");
	close(spool);
	T_OK(put(&u, "new ") == 0 && put(&u, "text") == 0 && u.written == 8,
	    "it is written");
	T_OK(has("new", "the old text"), "nobody sees it yet");
	memset(calls, 0, sizeof(calls));
	T_OK(fileio_upload_store(&u, true) == 0, "it is stored");
	T_OK(strcmp(calls, "fctf") == 0,
	    "whole first, then copied, cut, and on the disk");
	T_OK(has("new", "new text"), "it is there");
	T_OK(fstatat(top, "new", &after, 0) == 0 &&
	    after.st_ino == before.st_ino &&
	    after.st_mode == before.st_mode, "in the same file");
	fileio_upload_abort(&u);
	T_OK(has("new", "new text"), "an abort comes too late");
	end_in_place(&u);
	unlinkat(top, "new", 0);
	unlinkat(top, "spool", AT_REMOVEDIR);
}

static bool
in_place_has(const char *name, size_t len)
{
	uint8_t *want = malloc(len + 1);
	size_t i;
	bool same;

	for (i = 0; i < len; i++)
		want[i] = t_byte(i);
	same = t_has(top, name, want, len);
	free(want);
	return same;
}

static int
put_pattern(struct fileio_upload *u, size_t len)
{
	uint8_t block[1000];
	size_t at, n, i;
	int err = 0;

	for (at = 0; at < len && err == 0; at += n) {
		n = len - at < sizeof(block) ? len - at : sizeof(block);
		for (i = 0; i < n; i++)
			block[i] = t_byte(at + i);
		err = fileio_upload_write(u, block, n);
	}
	return err;
}

static bool
replaces(int spool, size_t old, size_t new)
{
	struct fileio_upload u;
	bool good;
	int fd;

	t_put(top, "new", "old", 0666);
	fd = openat(top, "new", O_WRONLY | O_CLOEXEC);
	good = ftruncate(fd, (off_t)old) == 0;
	close(fd);
	good = good && begin_in_place(&u, spool, "new", NULL) == 0 &&
	    put_pattern(&u, new) == 0 && fileio_upload_store(&u, true) == 0;
	end_in_place(&u);
	return good && in_place_has("new", new);
}

/* Every way to copy, for every pair of an old and a new size. */
static void
test_in_place_sizes(void)
{
	static const struct {
		const char *what;
		int copy, fallocate;
		size_t copy_len;
		bool is_interrupted;
	} ways[] = {
		{ "the kernel copies", 0, 0, 0, false },
		{ "a little at a time", 0, 0, 7001, false },
		{ "it is interrupted", 0, 0, 7001, true },
		{ "not across file systems", EXDEV, 0, 0, false },
		{ "an old kernel", ENOSYS, ENOSYS, 0, false },
		{ "nothing can be reserved", 0, EOPNOTSUPP, 0, false },
	};
	static const size_t sizes[] = { 0, 1, 4096, 16384, 16385, 100000 };
	int spool = spool_make();
	size_t w, i;

	for (w = 0; w < COUNT(ways); w++) {
		for (i = 0; i < COUNT(sizes) * COUNT(sizes); i++) {
			lacks.copy = ways[w].copy;
			lacks.fallocate = ways[w].fallocate;
			lacks.copy_len = ways[w].copy_len;
			lacks.is_copy_interrupted = ways[w].is_interrupted;
			T_OK(replaces(spool, sizes[i / COUNT(sizes)],
			    sizes[i % COUNT(sizes)]), ways[w].what);
		}
	}
	memset(&lacks, 0, sizeof(lacks));
	unlinkat(top, "new", 0);
	spool_remove(spool);
}

static void
test_in_place_abort(void)
{
	int spool = spool_make();
	struct fileio_upload u;

	t_put(top, "new", "old", 0666);
	T_OK(begin_in_place(&u, spool, "new", NULL) == 0 &&
	    put(&u, "half") == 0, "set-up");
	fileio_upload_abort(&u);
	T_OK(has("new", "old"), "as if it had not been");
	end_in_place(&u);
	T_OK(has("new", "old"), "afterwards, too");
	unlinkat(top, "new", 0);
	spool_remove(spool);
}

/* File systems that make no file without a name. */
static void
test_in_place_named(void)
{
	static const int errors[] = { EOPNOTSUPP, EISDIR, EINVAL };
	int spool = spool_make();
	struct fileio_upload u;
	struct stat st;
	size_t i;

	for (i = 0; i < COUNT(errors); i++) {
		t_put(top, "new", "old", 0666);
		lacks.tmpfile = errors[i];
		T_OK(begin_in_place(&u, spool, "new", NULL) == 0, "it begins");
		lacks.tmpfile = 0;
		T_OK(fstat(u.fd, &st) == 0 && st.st_nlink == 0 &&
		    (st.st_mode & 07777) == 0600, "its name is gone at once");
		T_OK(put(&u, "NEW!") == 0 &&
		    fileio_upload_store(&u, true) == 0 && has("new", "NEW!"),
		    "it is stored");
		end_in_place(&u);
	}
	unlinkat(top, "new", 0);
	spool_remove(spool);
}

static void
test_in_place_begin_fails(void)
{
	static const struct {
		const char *what;
		int spool, tmpfile, want;
	} rows[] = {
		{ "no spool", -1, 0, -EBADF },
		{ "no spool, nor files without a name", -1, EOPNOTSUPP,
		    -EBADF },
		{ "a full one", -1, ENOSPC, -ENOSPC },
	};
	struct fileio_upload u;
	size_t i;
	int target;

	t_put(top, "new", "old", 0666);
	for (i = 0; i < COUNT(rows); i++) {
		target = openat(top, "new", O_WRONLY | O_CLOEXEC);
		lacks.tmpfile = rows[i].tmpfile;
		T_OK(fileio_upload_begin_in_place(&u, rows[i].spool, target,
		    NULL) == rows[i].want, rows[i].what);
		lacks.tmpfile = 0;
		T_OK(fcntl(target, F_GETFD) == -1 && u.fd == -1 &&
		    u.target == -1, "the target is closed");
		fileio_upload_abort(&u);
	}
	T_OK(has("new", "old"), "and as it was");
	unlinkat(top, "new", 0);
}

static void
test_in_place_ascii(void)
{
	int spool = spool_make();
	struct fileio_upload u;
	uint8_t scratch[64];

	t_put(top, "new", "a longer old text", 0666);
	T_OK(begin_in_place(&u, spool, "new", scratch) == 0 &&
	    put(&u, "a\r") == 0 && put(&u, "\nb\r") == 0 &&
	    fileio_upload_store(&u, true) == 0 && has("new", "a\nb\r"),
	    "the last CR is not lost");
	end_in_place(&u);
	unlinkat(top, "new", 0);
	spool_remove(spool);
}

/* tftpd-hpa's classic set-up: a file for all in a folder that is not. */
static void
in_classic(const void *arg)
{
	const int *spool = arg;
	struct fileio_upload u;
	bool is_root = geteuid() == 0;

	t_drop();
	if (is_root)
		C_OK(fileio_upload_begin(&u, fcntl(top, F_DUPFD_CLOEXEC, 3),
		    "new", ID, 0666, NULL) == -EACCES, "no file can be made");
	C_OK(begin_in_place(&u, *spool, "new", NULL) == 0 &&
	    put(&u, "NEW") == 0 && fileio_upload_store(&u, true) == 0 &&
	    has("new", "NEW"), "but the content can");
}

static void
test_in_place_classic(void)
{
	int spool = spool_make();
	struct stat st;

	t_put(top, "new", "old", 0666);
	T_OK(fchmod(spool, 0777) == 0, "set-up");
	t_in_child(in_classic, &spool, "as an ordinary user");
	T_OK(fstatat(top, "new", &st, 0) == 0 && st.st_uid == geteuid() &&
	    (st.st_mode & 07777) == 0666, "its owner and mode stay");
	unlinkat(top, "new", 0);
	spool_remove(spool);
}

/* A limit that falls when all is in the spool: the worst moment. */
static void
in_place_late(const void *arg)
{
	const struct rlimit limit = { 1000, 1000 };
	const int *spool = arg;
	struct fileio_upload u;

	signal(SIGXFSZ, SIG_IGN);
	C_OK(begin_in_place(&u, *spool, "new", NULL) == 0 &&
	    put_pattern(&u, 2000) == 0 && setrlimit(RLIMIT_FSIZE, &limit) ==
	    0, "set-up");
	C_OK(fileio_upload_store(&u, true) == -EFBIG, "it is told");
}

static void
test_in_place_errors(void)
{
	static const int errors[] = { ENOSPC, EDQUOT };
	int spool = spool_make();
	struct fileio_upload u;
	size_t i;

	for (i = 0; i < COUNT(errors); i++) {
		t_put(top, "new", "old", 0666);
		T_OK(begin_in_place(&u, spool, "new", NULL) == 0 &&
		    put_pattern(&u, 100000) == 0, "set-up");
		lacks.fallocate = errors[i];
		T_OK(fileio_upload_store(&u, true) == -errors[i],
		    "no room or quota");
		lacks.fallocate = 0;
		T_OK(has("new", "old"), "the old content is still there");
		end_in_place(&u);
	}
	t_in_child(in_place_late, &spool, "an error while it is copied");
	unlinkat(top, "new", 0);
	spool_remove(spool);
}

/* ---- two in place, at once --------------------------------------------- */

/* Another one is at it, who only reads: he lets go after so many waits. */
static void
lock_begin(const char *name, unsigned last)
{
	waits.holder = openat(top, name, O_RDONLY | O_CLOEXEC);
	waits.is_skipped = true;
	waits.count = 0;
	waits.last = last;
	if (waits.holder == -1 || flock(waits.holder, LOCK_EX) == -1)
		abort();
}

static void
lock_end(void)
{
	close(waits.holder);
	waits.holder = -1;
	waits.is_skipped = false;
}

static void
test_lock(void)
{
	static const struct {
		const char *what;
		unsigned waits;		/* 0: it is held for ever */
		int want;
	} rows[] = {
		{ "held for a moment", 1, 0 },
		{ "held for long", 400, 0 },
		{ "held for ever", 0, -EBUSY },
	};
	int spool = spool_make();
	struct fileio_upload u;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		t_put(top, "new", "old", 0666);
		T_OK(begin_in_place(&u, spool, "new", NULL) == 0 &&
		    put(&u, "NEW!") == 0, "set-up");
		lock_begin("new", rows[i].waits);
		memset(calls, 0, sizeof(calls));
		T_OK(fileio_upload_store(&u, true) == rows[i].want,
		    rows[i].what);
		T_OK(has("new", rows[i].want == 0 ? "NEW!" : "old") &&
		    strcmp(calls, rows[i].want == 0 ? "fctf" : "f") == 0,
		    rows[i].what);
		T_OK(rows[i].want == 0 ? waits.count == rows[i].waits :
		    waits.count > 400, "it asks until it has it, or gives up");
		T_OK(flock(waits.holder, LOCK_EX | LOCK_NB) == 0,
		    "and leaves it to the next one");
		lock_end();
		end_in_place(&u);
	}
	unlinkat(top, "new", 0);
	spool_remove(spool);
}

/* A failure lets go, too; and not every file system has locks. */
static void
test_lock_errors(void)
{
	static const int errors[] = { ENOLCK, EOPNOTSUPP, EINVAL, ENOSYS };
	int spool = spool_make(), other;
	struct fileio_upload u;
	size_t i;

	t_put(top, "new", "old", 0666);
	other = openat(top, "new", O_RDONLY | O_CLOEXEC);
	T_OK(begin_in_place(&u, spool, "new", NULL) == 0 &&
	    put_pattern(&u, 100000) == 0, "set-up");
	lacks.fallocate = ENOSPC;
	T_OK(fileio_upload_store(&u, true) == -ENOSPC &&
	    flock(other, LOCK_EX | LOCK_NB) == 0, "after a failure");
	lacks.fallocate = 0;
	end_in_place(&u);
	for (i = 0; i < COUNT(errors); i++) {
		t_put(top, "new", "old", 0666);
		lacks.flock = errors[i];
		T_OK(begin_in_place(&u, spool, "new", NULL) == 0 &&
		    put(&u, "NEW!") == 0 &&
		    fileio_upload_store(&u, true) == 0 && has("new", "NEW!"),
		    "without locks");
		lacks.flock = 0;
		end_in_place(&u);
	}
	close(other);
	unlinkat(top, "new", 0);
	spool_remove(spool);
}

#define RIVALS		2
#define RIVAL_LEN	(64 * 1024)
#define RIVAL_ROUNDS	20

/* One of two that begin to store at once; each has a letter and a length. */
static void
rival(int spool, int go, int number)
{
	size_t len = RIVAL_LEN - (size_t)number * 5000;
	uint8_t *text = malloc(len);
	struct fileio_upload u;
	char byte;
	bool good;

	alarm(T_CHILD_SECONDS);
	memset(text, 'a' + number, len);
	good = begin_in_place(&u, spool, "new", NULL) == 0 &&
	    fileio_upload_write(&u, text, len) == 0;
	free(text);
	/* so that there are many moments in which they could mix */
	lacks.copy_len = 512;
	(void)!read(go, &byte, 1);
	_exit(good && fileio_upload_store(&u, true) == 0 ? 0 : 1);
}

/* Whether the file is one rival's, from its front to its end. */
static bool
is_of_one(void)
{
	static uint8_t got[RIVAL_LEN + 1];
	int fd = openat(top, "new", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, got, sizeof(got)), i;
	int number = got[0] - 'a';

	close(fd);
	if (number < 0 || number >= RIVALS ||
	    n != RIVAL_LEN - number * 5000)
		return false;
	for (i = 0; i < n; i++)
		if (got[i] != got[0])
			return false;
	return true;
}

static void
test_rivals(void)
{
	int spool = spool_make(), go[2], round, i;
	pid_t pids[RIVALS];

	t_put(top, "new", "old", 0666);
	fflush(stdout);
	for (round = 0; round < RIVAL_ROUNDS; round++) {
		if (pipe2(go, O_CLOEXEC) == -1)
			abort();
		for (i = 0; i < RIVALS; i++) {
			pids[i] = fork();
			if (pids[i] == 0) {
				close(go[1]);
				rival(spool, go[0], i);
			}
		}
		close(go[0]);
		close(go[1]);
		for (i = 0; i < RIVALS; i++)
			T_OK(pids[i] != -1 && t_reap(pids[i], 0),
			    "both are stored");
		T_OK(is_of_one(), "the last one's content, and only that");
	}
	unlinkat(top, "new", 0);
	spool_remove(spool);
}

/* ---- no room ---------------------------------------------------------- */

/* The limit stands for a quota: it cuts a write short and refuses one. */
static void
in_limit(const void *arg)
{
	const struct rlimit limit = { 1000, 1000 };
	static uint8_t block[512];
	struct fileio_upload u;

	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	C_OK(setrlimit(RLIMIT_FSIZE, &limit) == 0, "set-up");
	C_OK(begin_named(&u, "new", ID) == 0, "it begins");
	C_OK(fileio_upload_write(&u, block, sizeof(block)) == 0, "it fits");
	C_OK(fileio_upload_write(&u, block, sizeof(block)) == -EFBIG,
	    "it does not fit");
	C_OK(u.written == 1000, "what did fit is counted");
	fileio_upload_abort(&u);
	C_OK(!exists(HIDDEN) && !exists("new"), "nothing is left");
}

static void
test_limit(void)
{
	t_in_child(in_limit, NULL, "a file size limit");
}

/* The CR that netascii held back is written in store, or not at all. */
static void
in_limit_at_end(const void *arg)
{
	const struct rlimit limit = { 8, 8 };
	uint8_t scratch[17];
	struct fileio_upload u;

	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	C_OK(setrlimit(RLIMIT_FSIZE, &limit) == 0, "set-up");
	C_OK(fileio_upload_begin(&u, fcntl(top, F_DUPFD_CLOEXEC, 3), "new",
	    ID, 0666, scratch) == 0 && put(&u, "12345678\r") == 0,
	    "it fits but for the CR");
	C_OK(fileio_upload_store(&u, true) == -EFBIG, "which is not lost");
	C_OK(!exists(HIDDEN) && !exists("new"), "nothing is stored");
}

static void
test_limit_at_end(void)
{
	t_in_child(in_limit_at_end, NULL, "a limit that netascii meets");
}

/* 64 KiB in memory, in a mount namespace of our own. */
static bool
mount_small(void)
{
	if (!t_unshare(CLONE_NEWNS))
		return false;
	(void)mount("none", "/", "none", MS_REC | MS_PRIVATE, "");
	return mount("tmpfs", dir, "tmpfs", 0, "size=64k") == 0;
}

static void
in_full(const void *arg)
{
	static uint8_t block[4096];
	struct fileio_upload u;
	struct statvfs vfs;
	unsigned i;
	int err = 0;

	(void)arg;
	top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	C_OK(fileio_available(top) == 65536, "64 KiB are free");
	C_OK(begin_named(&u, "new", ID) == 0, "it begins");
	for (i = 0; i < 17 && err == 0; i++)
		err = fileio_upload_write(&u, block, sizeof(block));
	C_OK(err == -ENOSPC && i == 17 && u.written == 65536, "it is full");
	C_OK(fileio_available(u.fd) == 0, "and says so");
	C_OK(fstatvfs(top, &vfs) == 0 && vfs.f_bavail == 0, "set-up");
	fileio_upload_abort(&u);
	end(&u);
	C_OK(!exists(HIDDEN), "nothing is left");
	C_OK(fileio_available(top) == 65536, "and its room is free again");
}

/* How an upload of that size ends; the target has old bytes before. */
static void
full_in_place(int spool, size_t old, size_t new, int want, const char *what)
{
	struct fileio_upload u;

	C_OK(begin_named(&u, "new", ID) == 0 && put_pattern(&u, old) == 0 &&
	    fileio_upload_store(&u, true) == 0, "set-up");
	end(&u);
	C_OK(begin_in_place(&u, spool, "new", NULL) == 0 &&
	    put_pattern(&u, new) == 0, what);
	memset(calls, 0, sizeof(calls));
	C_OK(fileio_upload_store(&u, true) == want, what);
	C_OK((strchr(calls, 'c') == NULL) == (want != 0), "touched or not");
	C_OK(in_place_has("new", want == 0 ? new : old), what);
	end_in_place(&u);
	unlinkat(top, "new", 0);
}

/* The spool has room: it is where the mount does not hide it. */
static void
in_full_in_place(const void *arg)
{
	int spool = top, fd;

	(void)arg;
	if (!mount_small())
		_exit(77);
	top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	full_in_place(spool, 8192, 65536, 0, "it just fits");
	full_in_place(spool, 8192, 65537, -ENOSPC, "it does not fit");
	full_in_place(spool, 0, 100000, -ENOSPC, "nothing was there");
	/* the free space alone has to tell it */
	lacks.fallocate = EOPNOTSUPP;
	full_in_place(spool, 8192, 65536, 0, "it just fits, unreserved");
	full_in_place(spool, 8192, 65537, -ENOSPC, "it does not fit, either");
	full_in_place(spool, 0, 100000, -ENOSPC, "nor where nothing was");
	lacks.fallocate = 0;
	fd = openat(top, "other", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	C_OK(fallocate(fd, 0, 0, 32768) == 0, "set-up");
	full_in_place(spool, 32768, 32768, 0, "no room but the target's");
	full_in_place(spool, 32768, 100, 0, "it gets shorter");
	full_in_place(spool, 32768, 32769, -ENOSPC, "a byte too much");
}

static void
in_mount(const void *arg)
{
	if (!mount_small())
		_exit(77);
	in_full(arg);
}

static bool
can_mount(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(mount_small() ? 0 : 77);
	return t_reap(pid, 0);
}

static void
test_full(void)
{
	if (!can_mount()) {
		t_skip("a full file system (needs root or user namespaces)");
		return;
	}
	t_in_child(in_mount, NULL, "a full file system");
	t_in_child(in_full_in_place, NULL, "in place");
}

static void
test_available(void)
{
	struct statvfs vfs;
	uint64_t have = fileio_available(top), most;

	T_OK(fstatvfs(top, &vfs) == 0, "set-up");
	most = (uint64_t)vfs.f_blocks * vfs.f_frsize;
	T_OK(have <= most, "at most all of it");
	T_OK(fileio_available(-1) == UINT64_MAX, "not known: no limit");
}

int
main(void)
{
	CU_TestInfo octet[] = {
		{ "every size and window", test_octet },
		{ "windows that go back", test_octet_back },
		{ "beyond 4 GiB", test_octet_large },
		{ "a file that shrank", test_shrunk },
		{ "a file that shrinks meanwhile", test_shrunk_between },
		{ "a file that grew", test_grown },
		{ "errors", test_read_errors },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo netascii[] = {
		{ "random texts against a model", test_ascii },
		{ "one byte, many times", test_ascii_plain },
		{ "large blocks", test_ascii_chunks },
		{ "what may be asked", test_ascii_limits },
		{ "a file that changed", test_ascii_changed },
		{ "a file that grew", test_ascii_grown },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo upload[] = {
		{ "from begin to store", test_upload },
		{ "an empty one", test_empty },
		{ "what stands there", test_store },
		{ "replaced while it is read", test_replace_while_read },
		{ "two of one name", test_two },
		{ "abort", test_abort },
		{ "no beginning", test_begin_fails },
		{ "no permission", test_no_permission },
		{ "a drop box", test_drop_box },
		{ "mode and umask", test_mode },
		{ "a long name", test_long_name },
		{ "netascii", test_ascii_upload },
		{ "a file size limit", test_limit },
		{ "a file size limit at the end", test_limit_at_end },
		{ "a full file system", test_full },
		{ "free space", test_available },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo unique[] = {
		{ "the first number that is free", test_unique },
		{ "all numbers are taken", test_unique_taken },
		{ "a long name", test_unique_long },
		{ "a third digit", test_unique_third_digit },
		{ "the folder is gone", test_unique_folder_gone },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo in_place[] = {
		{ "from begin to store", test_in_place },
		{ "sizes, and ways to copy", test_in_place_sizes },
		{ "abort", test_in_place_abort },
		{ "no files without a name", test_in_place_named },
		{ "no beginning", test_in_place_begin_fails },
		{ "netascii", test_in_place_ascii },
		{ "tftpd-hpa's classic set-up", test_in_place_classic },
		{ "errors at the end", test_in_place_errors },
		{ "a lock that is held", test_lock },
		{ "locks that fail", test_lock_errors },
		{ "two at once", test_rivals },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "fileio: octet", NULL, NULL, NULL, NULL, octet },
		{ "fileio: netascii", NULL, NULL, NULL, NULL, netascii },
		{ "fileio: uploads", set_up, clean_up, NULL, NULL, upload },
		{ "fileio: unique names", set_up, clean_up, NULL, NULL,
		    unique },
		{ "fileio: in place", set_up, clean_up, NULL, NULL,
		    in_place },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
