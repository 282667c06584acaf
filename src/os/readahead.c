#include <errno.h>
#include <string.h>

#include "os/memory.h"
#include "os/readahead.h"

#define AHEAD_BYTES	(128 * 1024)
#define AHEAD_BLOCKS	128

/* As many whole windows as fit, so that no window has to be put together. */
static uint32_t
choose_capacity(const struct fileio_reader *r, size_t stride,
    uint16_t windowsize)
{
	uint64_t blocks = r->size / r->blksize + 1;
	uint64_t most = AHEAD_BYTES / stride;

	/* where a netascii block begins is known only up to a window ahead */
	if (r->netascii)
		return windowsize;
	if (most > AHEAD_BLOCKS)
		most = AHEAD_BLOCKS;
	most -= most % windowsize;
	if (most < windowsize)
		most = windowsize;
	return (uint32_t)(blocks < most ? blocks : most);
}

int
readahead_init(struct readahead *ra, struct fileio_reader *r,
    size_t header_len, uint16_t windowsize)
{
	memset(ra, 0, sizeof(*ra));
	ra->reader = r;
	ra->header_len = header_len;
	ra->stride = header_len + r->blksize;
	ra->capacity = choose_capacity(r, ra->stride, windowsize);
	ra->buf = memory_get(ra->capacity * ra->stride);
	return ra->buf != NULL ? 0 : -ENOMEM;
}

void
readahead_free(struct readahead *ra)
{
	memory_put(ra->buf, ra->capacity * ra->stride);
	ra->buf = NULL;
}

static int
load(struct readahead *ra, uint64_t first, uint32_t count)
{
	int err;

	err = fileio_read_blocks(ra->reader, first, count, ra->buf,
	    ra->header_len, &ra->have);
	ra->first = first;
	if (err != 0)
		memset(&ra->have, 0, sizeof(ra->have));
	return err;
}

/* Whether [first, first + count), or all up to the file's end, is there. */
static bool
has(const struct readahead *ra, uint64_t first, uint32_t count)
{
	uint64_t end = ra->first + ra->have.count;

	if (first < ra->first || first >= end)
		return false;
	return ra->have.is_end || first + count <= end;
}

int
readahead_get(struct readahead *ra, uint64_t first, uint32_t count,
    struct readahead_run *run, bool *is_fresh)
{
	uint64_t end;
	int err;

	*is_fresh = !has(ra, first, count);
	if (*is_fresh) {
		err = load(ra, first,
		    count < ra->capacity ? count : ra->capacity);
		if (err != 0)
			return err;
	}
	end = ra->first + ra->have.count;
	if (end - first > count)
		end = first + count;
	run->packets = ra->buf + (first - ra->first) * ra->stride;
	run->count = (uint32_t)(end - first);
	run->is_end = ra->have.is_end && end == ra->first + ra->have.count;
	run->last_len = run->is_end ? ra->have.last_len :
	    ra->reader->blksize;
	run->len = (run->count - 1) * ra->stride + ra->header_len +
	    run->last_len;
	return 0;
}

bool
readahead_fill(struct readahead *ra, uint64_t next, uint32_t count)
{
	if (ra->reader->netascii || has(ra, next, count))
		return false;
	/* what ended the file is sent: nothing comes after it */
	if (ra->have.is_end && next >= ra->first + ra->have.count)
		return false;
	return load(ra, next, ra->capacity) == 0;
}
