/*
 * fileio - the file under a transfer: blocks read into packets, and uploads
 * that appear under their name only when they are whole.
 */
#ifndef OS_FILEIO_H
#define OS_FILEIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "core/netascii.h"
#include "core/pathname.h"

/* Where a netascii block starts: it is not blksize * index. */
struct fileio_mark {
	uint64_t offset;
	struct netascii_encoder enc;
};

struct fileio_reader {
	int fd;
	uint64_t size;		/* when it was opened; never served beyond */
	uint16_t blksize;
	bool netascii;
	/* netascii: where blocks base..known start, at index % mark_count */
	uint64_t base, known;
	struct fileio_mark *marks;
	uint32_t mark_count;
};

/* What fileio_read_blocks() made. */
struct fileio_blocks {
	uint32_t count;		/* packets; at least 1 */
	size_t last_len;	/* data bytes in the last one */
	bool is_end;		/* the last one is the file's last */
};

/*
 * fileio_reader_init - set up reading from fd, which stays the caller's.
 *
 * marks      netascii: windowsize + 1 of them (mark_count); else NULL and 0
 */
void fileio_reader_init(struct fileio_reader *r, int fd, uint64_t size,
    uint16_t blksize, struct fileio_mark *marks, uint32_t mark_count);

/*
 * fileio_read_blocks - data of blocks [first, first + count) into packets.
 *
 * out        count packets of header_len + blksize bytes, one after the
 *            other; only the data is written, the headers are left alone
 * first      counted from 1; in netascii it may go back a window from the
 *            last block that was ever read, and forward not over unread ones
 * count      in netascii no more than a window
 * Returns 0, -errno, or -ENODATA: the file is shorter than it was when it
 * was opened.
 */
int fileio_read_blocks(struct fileio_reader *r, uint64_t first,
    uint32_t count, uint8_t *out, size_t header_len,
    struct fileio_blocks *made);

struct fileio_upload {
	int fd, dirfd;
	int target;		/* in place: what gets the content; else -1 */
	bool in_place;
	char base[PATHNAME_COMPONENT_MAX + 1];
	char hidden[PATHNAME_COMPONENT_MAX + 1];
	uint64_t written, flushed;
	bool netascii;
	struct netascii_decoder dec;
	uint8_t *scratch;	/* netascii: blksize + 1 bytes of the caller */
};

/*
 * fileio_upload_begin - make the hidden file.
 *
 * dirfd      its directory; taken over, also on failure
 * base, id   the target's name, and the transfer's id
 * mode       of the file, before the umask
 * scratch    netascii: blksize + 1 bytes; NULL: octet
 * Returns 0 or -errno.
 */
int fileio_upload_begin(struct fileio_upload *u, int dirfd, const char *base,
    const char *id, mode_t mode, uint8_t *scratch);

/*
 * fileio_upload_begin_in_place - for a file in a directory that is not ours.
 *
 * spoolfd    a directory for the content until it is whole; the caller's
 * target     what resolve_open_write() gave; taken over, also on failure
 * scratch    as in fileio_upload_begin()
 * The file in the spool has no name: nothing is left behind by whatever
 * end.  Returns 0 or -errno.
 */
int fileio_upload_begin_in_place(struct fileio_upload *u, int spoolfd,
    int target, uint8_t *scratch);

/*
 * fileio_upload_like - mode and group of the file that it will replace.
 * Best effort: a group that is not ours stays ours.
 */
void fileio_upload_like(struct fileio_upload *u, const struct stat *old);

/* Append; 0 or -errno (-ENOSPC for a short write). */
int fileio_upload_write(struct fileio_upload *u, const uint8_t *buf,
    size_t len);

/*
 * fileio_upload_writev - append several pieces, in one call if it can be.
 * iov is used up.  As fileio_upload_write().
 */
int fileio_upload_writev(struct fileio_upload *u, struct iovec *iov,
    int iovcnt);

/*
 * fileio_upload_store - make it durable and give it its name.
 *
 * replace    whether what stands there by now may be replaced
 * Flushes the file before the name and the directory after it: also after
 * a power cut there is the old content or the new, never half of it.
 * In place, replace does not count: the target gets the content once all
 * of it is in the spool and, as far as can be known, has room; before that
 * it is not touched.  An error or a power cut after that may leave a mix.
 * Returns 0, -EEXIST, or -errno; on failure the hidden file is gone.  The
 * descriptors stay open until the process ends.
 */
int fileio_upload_store(struct fileio_upload *u, bool replace);

/*
 * fileio_upload_store_unique - store it as BASE.STAMP.NN.
 *
 * stamp      a few characters ("YYYYMMDD-HHMMSS")
 * NN is the first of 00 to 999 that is free; BASE is cut so that all is a
 * legal component.  u->base holds the final name afterwards.  Not for
 * uploads in place.  As fileio_upload_store(); -EEXIST: all 1000 are taken.
 */
int fileio_upload_store_unique(struct fileio_upload *u, const char *stamp);

/*
 * A stored upload keeps no file open: if it is removed meanwhile, it shall
 * not take room until the last ACK is sure.
 */
void fileio_upload_close(struct fileio_upload *u);

/* Remove the hidden file, if it still is there; a target is not touched. */
void fileio_upload_abort(struct fileio_upload *u);

/* Bytes free for us where fd is. */
uint64_t fileio_available(int fd);

#endif
