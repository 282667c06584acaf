#include <errno.h>
#include <string.h>

#include "disk.h"
#include "rng.h"

/*
 * The bytes repeat after a prime, so blocks of any size are all different
 * for longer than the numbers on the wire take to wrap.
 */
#define PERIOD	131101
#define LONGEST	65536

static const uint8_t *
pattern(void)
{
	static uint8_t bytes[PERIOD + LONGEST];
	struct rng rng = { 1 };
	size_t i;

	if (bytes[0] != 0)
		return bytes;
	for (i = 0; i < PERIOD; i++)
		bytes[i] = (uint8_t)(rng_next(&rng) | (i == 0));
	memcpy(bytes + PERIOD, bytes, LONGEST);
	return bytes;
}

void
disk_fill(uint64_t salt, uint64_t offset, uint8_t *buf, size_t len)
{
	memcpy(buf, pattern() + (salt % PERIOD + offset) % PERIOD, len);
}

bool
disk_same(uint64_t salt, uint64_t offset, const uint8_t *buf, size_t len)
{
	return len <= LONGEST && memcmp(buf,
	    pattern() + (salt % PERIOD + offset) % PERIOD, len) == 0;
}

void
disk_init(struct disk *d, const struct plan *plan, struct rng *rng)
{
	memset(d, 0, sizeof(*d));
	d->plan = plan;
	d->rng = rng;
	d->is_equal = true;
}

int
disk_read(const struct disk *d, uint64_t first, uint32_t count,
    struct disk_blocks *made)
{
	const struct plan *p = d->plan;
	uint64_t last = plan_last(p), end = first + count - 1;

	if (p->disk == DISK_READ_FAILS && end >= p->disk_at)
		return -EIO;
	if (p->disk == DISK_SHRINKS && end >= p->disk_at)
		return -ENODATA;
	made->is_end = end >= last;
	made->count = made->is_end ? (uint32_t)(last - first + 1) : count;
	made->last_len = made->is_end ? (size_t)(p->size % p->blksize) :
	    p->blksize;
	return 0;
}

int
disk_write(struct disk *d, const uint8_t *buf, size_t len)
{
	if (d->plan->disk == DISK_WRITE_FAILS &&
	    d->written + len > d->plan->disk_at)
		return d->plan->seed % 2 != 0 ? -ENOSPC : -EIO;
	if (!disk_same(d->plan->seed, d->written, buf, len))
		d->is_equal = false;
	d->written += len;
	return 0;
}

int
disk_store(struct disk *d)
{
	if (d->plan->disk == DISK_STORE_FAILS)
		return -ENOSPC;
	d->stored = true;
	return 0;
}

uint64_t
disk_delay_us(const struct disk *d)
{
	if (!rng_chance(d->rng, d->plan->slow))
		return 0;
	return rng_between(d->rng, 1, d->plan->slow_us);
}
