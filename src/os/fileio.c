#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "os/callgate.h"
#include "os/fileio.h"

#define LOCK_TRIES	500	/* of 10 ms */
#define LOCK_PAUSE_NS	(10 * 1000 * 1000)
#define IOV_BATCH	128
#define FLUSH_EVERY	(4 * 1024 * 1024)
#define CHUNK		4096	/* file bytes that netascii reads at once */
#define COPY_CHUNK	(16 * 1024)
#define COPY_AT_ONCE	(1024 * 1024 * 1024)
#define UNIQUE_MAX	1000
#define UNIQUE_FEW	100	/* from here on NN has a third digit */
#define UNIQUE_EXTRA	4	/* two dots and NN */

void
fileio_reader_init(struct fileio_reader *r, int fd, uint64_t size,
    uint16_t blksize, struct fileio_mark *marks, uint32_t mark_count)
{
	memset(r, 0, sizeof(*r));
	r->fd = fd;
	r->size = size;
	r->blksize = blksize;
	r->netascii = marks != NULL;
	r->marks = marks;
	r->mark_count = mark_count;
	r->base = r->known = 1;
	if (marks != NULL)
		memset(&marks[1 % mark_count], 0, sizeof(marks[0]));
}

/* Step over the first n bytes. */
static int
skip_bytes(struct iovec **iov, int iovcnt, size_t n)
{
	while (iovcnt > 0 && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		iovcnt--;
	}
	if (iovcnt > 0) {
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
	return iovcnt;
}

/* Fill the buffers from offset on; -ENODATA at an early end of the file. */
static int
read_fully(int fd, struct iovec *iov, int iovcnt, uint64_t offset)
{
	ssize_t n;

	while (iovcnt > 0) {
		n = preadv(fd, iov, iovcnt, (off_t)offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		if (n == 0)
			return -ENODATA;
		offset += (uint64_t)n;
		iovcnt = skip_bytes(&iov, iovcnt, (size_t)n);
	}
	return 0;
}

static int
read_octet(struct fileio_reader *r, uint64_t first, uint32_t count,
    uint8_t *out, size_t header_len, struct fileio_blocks *made)
{
	struct iovec iov[IOV_BATCH];
	uint64_t offset = (first - 1) * r->blksize, start = offset;
	size_t stride = header_len + r->blksize, len;
	uint32_t i;
	int batched = 0, err;

	memset(made, 0, sizeof(*made));
	if (offset > r->size)
		return -EINVAL;
	for (i = 0; i < count && !made->is_end; i++) {
		len = r->size - offset < r->blksize ?
		    (size_t)(r->size - offset) : r->blksize;
		if (len != 0) {
			iov[batched].iov_base = out + i * stride + header_len;
			iov[batched++].iov_len = len;
		}
		offset += len;
		made->count++;
		made->last_len = len;
		made->is_end = len < r->blksize;
		if (batched == IOV_BATCH || i + 1 == count || made->is_end) {
			err = read_fully(r->fd, iov, batched, start);
			if (err != 0)
				return err;
			batched = 0;
			start = offset;
		}
	}
	return 0;
}

/* One netascii block from *mark on, which moves to the next one's start. */
static int
encode_block(struct fileio_reader *r, struct fileio_mark *mark, uint8_t *out,
    size_t *len)
{
	uint8_t raw[CHUNK];
	struct iovec iov;
	size_t want, used;
	int err;

	*len = 0;
	while (*len < r->blksize) {
		want = r->size - mark->offset < sizeof(raw) ?
		    (size_t)(r->size - mark->offset) : sizeof(raw);
		if (want > r->blksize - *len)
			want = r->blksize - *len;
		iov.iov_base = raw;
		iov.iov_len = want;
		err = want == 0 ? 0 : read_fully(r->fd, &iov, 1, mark->offset);
		if (err != 0)
			return err;
		if (want == 0 && !mark->enc.has_pending)
			break;
		*len += netascii_encode(&mark->enc, raw, want, &used,
		    out + *len, r->blksize - *len);
		mark->offset += used;
	}
	return 0;
}

/* A block may be asked for again as long as it is within a window. */
static void
note_start(struct fileio_reader *r, uint64_t index,
    const struct fileio_mark *mark)
{
	r->marks[index % r->mark_count] = *mark;
	if (index <= r->known)
		return;
	r->known = index;
	if (r->known - r->base >= r->mark_count)
		r->base = r->known - r->mark_count + 1;
}

static int
read_netascii(struct fileio_reader *r, uint64_t first, uint32_t count,
    uint8_t *out, size_t header_len, struct fileio_blocks *made)
{
	size_t stride = header_len + r->blksize;
	struct fileio_mark mark;
	uint32_t i;
	int err;

	memset(made, 0, sizeof(*made));
	if (first < r->base || first > r->known)
		return -EINVAL;
	mark = r->marks[first % r->mark_count];
	for (i = 0; i < count && !made->is_end; i++) {
		err = encode_block(r, &mark, out + i * stride + header_len,
		    &made->last_len);
		if (err != 0)
			return err;
		note_start(r, first + i + 1, &mark);
		made->count++;
		made->is_end = made->last_len < r->blksize;
	}
	return 0;
}

int
fileio_read_blocks(struct fileio_reader *r, uint64_t first, uint32_t count,
    uint8_t *out, size_t header_len, struct fileio_blocks *made)
{
	if (r->netascii)
		return read_netascii(r, first, count, out, header_len, made);
	return read_octet(r, first, count, out, header_len, made);
}

int
fileio_upload_begin(struct fileio_upload *u, int dirfd, const char *base,
    const char *id, mode_t mode, uint8_t *scratch)
{
	memset(u, 0, sizeof(*u));
	u->target = -1;
	u->dirfd = dirfd;
	u->netascii = scratch != NULL;
	u->scratch = scratch;
	snprintf(u->base, sizeof(u->base), "%s", base);
	pathname_hidden(base, id, u->hidden);
	u->fd = callgate_openat(dirfd, u->hidden, O_WRONLY | O_CREAT | O_EXCL |
	    O_NOFOLLOW | O_CLOEXEC, mode);
	if (u->fd == -1) {
		int err = -errno;

		close(dirfd);
		u->dirfd = -1;
		return err;
	}
	return 0;
}

/* Where nothing can be made without a name: it goes as soon as it is open. */
static int
open_unlinked(int dirfd)
{
	char hidden[PATHNAME_COMPONENT_MAX + 1], id[PATHNAME_ID_LEN + 1];
	uint64_t random;
	int fd;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(id, sizeof(id), "%016" PRIx64, random);
	pathname_hidden("spool", id, hidden);
	fd = callgate_openat(dirfd, hidden, O_RDWR | O_CREAT | O_EXCL |
	    O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -errno;
	(void)callgate_unlinkat(dirfd, hidden, 0);
	return fd;
}

static int
open_spool(int dirfd)
{
	int fd = callgate_openat(dirfd, ".", O_TMPFILE | O_RDWR | O_EXCL |
	    O_CLOEXEC, 0600);

	if (fd != -1)
		return fd;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return -errno;
	return open_unlinked(dirfd);
}

int
fileio_upload_begin_in_place(struct fileio_upload *u, int spoolfd, int target,
    uint8_t *scratch)
{
	int fd = open_spool(spoolfd);

	memset(u, 0, sizeof(*u));
	u->in_place = true;
	u->dirfd = -1;
	u->netascii = scratch != NULL;
	u->scratch = scratch;
	u->fd = fd < 0 ? -1 : fd;
	u->target = fd < 0 ? -1 : target;
	if (fd >= 0)
		return 0;
	close(target);
	return fd;
}

void
fileio_upload_like(struct fileio_upload *u, const struct stat *old)
{
	(void)callgate_fchown(u->fd, (uid_t)-1, old->st_gid);
	(void)callgate_fchmod(u->fd, old->st_mode & 0777);
}

/* The disk begins to write while we receive, so that fsync is short. */
static void
start_flush(struct fileio_upload *u)
{
	if (u->written - u->flushed < FLUSH_EVERY)
		return;
	(void)sync_file_range(u->fd, (off_t)u->flushed,
	    (off_t)(u->written - u->flushed), SYNC_FILE_RANGE_WRITE);
	u->flushed = u->written;
}

static int
write_octets(struct fileio_upload *u, struct iovec *iov, int iovcnt)
{
	ssize_t n;

	while (iovcnt > 0) {
		n = pwritev(u->fd, iov, iovcnt, (off_t)u->written);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		if (n == 0)
			return -ENOSPC;
		u->written += (uint64_t)n;
		iovcnt = skip_bytes(&iov, iovcnt, (size_t)n);
	}
	start_flush(u);
	return 0;
}

/* As netascii says it: a piece at a time, for what is stored differs. */
static int
write_decoded(struct fileio_upload *u, const uint8_t *buf, size_t len)
{
	struct iovec iov = { u->scratch, 0 };

	iov.iov_len = netascii_decode(&u->dec, buf, len, u->scratch);
	return iov.iov_len == 0 ? 0 : write_octets(u, &iov, 1);
}

int
fileio_upload_writev(struct fileio_upload *u, struct iovec *iov, int iovcnt)
{
	int i, err = 0;

	if (!u->netascii)
		return write_octets(u, iov, iovcnt);
	for (i = 0; i < iovcnt && err == 0; i++)
		err = write_decoded(u, iov[i].iov_base, iov[i].iov_len);
	return err;
}

int
fileio_upload_write(struct fileio_upload *u, const uint8_t *buf, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)buf, len };

	return len == 0 ? 0 : fileio_upload_writev(u, &iov, 1);
}

static int
finish_content(struct fileio_upload *u)
{
	uint8_t held[1];
	struct iovec iov = { held, 1 };
	int err = 0;

	if (u->netascii && netascii_decode_end(&u->dec, held) == 1)
		err = write_octets(u, &iov, 1);
	if (err == 0 && fsync(u->fd) == -1)
		err = -errno;
	return err;
}

/*
 * Room for what the target grows by, holes in it included.  The free space
 * is asked first: a reservation that fails half-way leaves blocks behind.
 */
static int
reserve(struct fileio_upload *u)
{
	struct stat st;
	uint64_t have;
	int err;

	if (fstat(u->target, &st) == -1)
		return -errno;
	have = (uint64_t)st.st_blocks * 512;
	if (u->written <= have)
		return 0;
	if (u->written - have > fileio_available(u->target))
		return -ENOSPC;
	do {
		err = fallocate(u->target, FALLOC_FL_KEEP_SIZE, 0,
		    (off_t)u->written);
	} while (err == -1 && errno == EINTR);
	if (err == -1 && (errno == ENOSPC || errno == EDQUOT))
		return -errno;
	return 0;		/* or this file system knows nothing of it */
}

static int
write_at(int fd, const uint8_t *buf, size_t len, uint64_t offset)
{
	ssize_t n;

	while (len != 0) {
		n = pwrite(fd, buf, len, (off_t)offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -ENOSPC : -errno;
		buf += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int
copy_plain(struct fileio_upload *u, uint64_t at)
{
	uint8_t chunk[COPY_CHUNK];
	struct iovec iov;
	size_t len;
	int err = 0;

	for (; err == 0 && at < u->written; at += len) {
		len = u->written - at < sizeof(chunk) ?
		    (size_t)(u->written - at) : sizeof(chunk);
		iov.iov_base = chunk;
		iov.iov_len = len;
		err = read_fully(u->fd, &iov, 1, at);
		if (err == 0)
			err = write_at(u->target, chunk, len, at);
	}
	return err;
}

/* The kernel copies as far as it can; errors that matter come again. */
static int
copy_content(struct fileio_upload *u)
{
	off_t from = 0, to = 0;
	uint64_t left;
	ssize_t n;

	while ((uint64_t)to < u->written) {
		left = u->written - (uint64_t)to;
		n = copy_file_range(u->fd, &from, u->target, &to, left <
		    COPY_AT_ONCE ? (size_t)left : COPY_AT_ONCE, 0);
		if (n == 0 || (n == -1 && errno != EINTR))
			return copy_plain(u, (uint64_t)to);
	}
	return 0;
}

/*
 * Uploads into the same file go one after the other, or their contents would
 * mix.  Whoever may read the file can hold such a lock: it is not waited for
 * without end.
 */
static int
lock_target(int fd)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	int tries;

	for (tries = 0; tries < LOCK_TRIES; tries++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		/* a file system that knows no locks */
		if (errno != EWOULDBLOCK && errno != EINTR)
			return 0;
		(void)nanosleep(&pause, NULL);
	}
	return -EBUSY;
}

static int
overwrite_target(struct fileio_upload *u)
{
	int err = reserve(u);

	if (err == 0)
		err = copy_content(u);
	if (err == 0 && ftruncate(u->target, (off_t)u->written) == -1)
		err = -errno;
	if (err == 0 && fsync(u->target) == -1)
		err = -errno;
	return err;
}

static int
store_in_place(struct fileio_upload *u)
{
	int err = finish_content(u);

	if (err == 0)
		err = lock_target(u->target);
	if (err != 0)
		return err;
	err = overwrite_target(u);
	(void)flock(u->target, LOCK_UN);
	return err;
}

/* NFS and 9p know no RENAME_NOREPLACE; a second link fails just the same. */
static int
publish(struct fileio_upload *u, bool replace)
{
	if (callgate_renameat2(u->dirfd, u->hidden, u->dirfd, u->base,
	    replace ? 0 : RENAME_NOREPLACE) == 0)
		return 0;
	if (replace || (errno != EINVAL && errno != ENOSYS))
		return -errno;
	if (callgate_linkat(u->dirfd, u->hidden, u->dirfd, u->base, 0) == -1)
		return -errno;
	(void)callgate_unlinkat(u->dirfd, u->hidden, 0);
	return 0;
}

/* What is left to do after publish(), which said err. */
static int
settle(struct fileio_upload *u, int err)
{
	if (err != 0) {
		fileio_upload_abort(u);
		return err;
	}
	u->hidden[0] = '\0';
	/* a drop box is an O_PATH descriptor, which cannot be flushed */
	if (fsync(u->dirfd) == -1 && errno != EBADF && errno != EINVAL)
		return -errno;
	return 0;
}

int
fileio_upload_store(struct fileio_upload *u, bool replace)
{
	int err;

	if (u->in_place)
		return store_in_place(u);
	err = finish_content(u);
	if (err == 0)
		err = publish(u, replace);
	return settle(u, err);
}

int
fileio_upload_store_unique(struct fileio_upload *u, const char *stamp)
{
	char base[PATHNAME_COMPONENT_MAX + 1];
	size_t room = PATHNAME_COMPONENT_MAX - UNIQUE_EXTRA - strlen(stamp);
	unsigned nn;
	int len, err;

	memcpy(base, u->base, sizeof(base));
	err = finish_content(u);
	if (err != 0)
		return settle(u, err);
	err = -EEXIST;
	for (nn = 0; nn < UNIQUE_MAX && err == -EEXIST; nn++) {
		len = (int)pathname_cut(base, room - (nn >= UNIQUE_FEW));
		snprintf(u->base, sizeof(u->base), "%.*s.%s.%02u", len, base,
		    stamp, nn);
		err = publish(u, false);
	}
	return settle(u, err);
}

void
fileio_upload_close(struct fileio_upload *u)
{
	int *const fds[] = { &u->fd, &u->dirfd, &u->target };
	size_t i;

	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] != -1)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

void
fileio_upload_abort(struct fileio_upload *u)
{
	/* one that stays is noted still, for whoever clears up behind us */
	if (u->hidden[0] != '\0' &&
	    (callgate_unlinkat(u->dirfd, u->hidden, 0) == 0 ||
	    errno == ENOENT))
		u->hidden[0] = '\0';
}

uint64_t
fileio_available(int fd)
{
	struct statvfs vfs;

	int err;

	do {
		err = fstatvfs(fd, &vfs);
	} while (err == -1 && errno == EINTR);
	if (err == -1)
		return UINT64_MAX;
	return (uint64_t)vfs.f_bavail * vfs.f_frsize;
}
