/*
 * readahead - the next packets of a file, read before they are asked for.
 *
 * While an acknowledgement travels there is time to read; when it comes,
 * the next window stands ready.  One read fills several windows.  What was
 * sent is not kept: a loss reads it again.
 */
#ifndef OS_READAHEAD_H
#define OS_READAHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/fileio.h"

struct readahead {
	struct fileio_reader *reader;
	uint8_t *buf;		/* capacity packets of stride bytes */
	size_t header_len, stride;
	uint32_t capacity;
	uint64_t first;		/* the index of the packet at buf */
	struct fileio_blocks have;	/* count 0: nothing is there */
};

/* Packets [first, first + count) of the file, one after the other. */
struct readahead_run {
	uint8_t *packets;
	uint32_t count;
	size_t len;		/* bytes, headers included */
	size_t last_len;	/* data bytes in the last packet */
	bool is_end;		/* it is the file's last */
};

/*
 * readahead_init - get memory.
 *
 * r          set up; belongs to ra from now on, but stays the caller's
 * header_len bytes in front of each block
 * windowsize the most that is ever asked for at once
 * Returns 0 or -ENOMEM.
 */
int readahead_init(struct readahead *ra, struct fileio_reader *r,
    size_t header_len, uint16_t windowsize);

void readahead_free(struct readahead *ra);

/*
 * readahead_get - packets, from memory or from the file.
 *
 * count      1..windowsize; less is given only at the end of the file
 * is_fresh   set: they were read now, and all packets from ra->first on
 *            have no header yet
 * Returns 0 or as fileio_read_blocks().
 */
int readahead_get(struct readahead *ra, uint64_t first, uint32_t count,
    struct readahead_run *run, bool *is_fresh);

/*
 * readahead_fill - read on, if what will be asked for next is not there.
 *
 * next, count    as readahead_get() will be called
 * Returns whether packets were read that have no header yet.  An error
 * leaves nothing, so that readahead_get() meets it again and tells.
 */
bool readahead_fill(struct readahead *ra, uint64_t next, uint32_t count);

#endif
