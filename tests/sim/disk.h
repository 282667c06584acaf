/*
 * disk - the files of the simulated server, and its bad days.
 *
 * A file's bytes follow from its salt and the offset, so no copy is kept:
 * whoever has bytes can ask whether they are the right ones.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan.h"

struct rng;

struct disk {
	const struct plan *plan;
	struct rng *rng;
	uint64_t written;	/* the upload, in order */
	bool is_equal;		/* to what the client sends */
	bool stored;
};

/* What disk_read() made of the blocks asked for. */
struct disk_blocks {
	uint32_t count;
	size_t last_len;
	bool is_end;
};

void disk_init(struct disk *d, const struct plan *plan, struct rng *rng);

/* The right bytes at offset; and whether buf has them. */
void disk_fill(uint64_t salt, uint64_t offset, uint8_t *buf, size_t len);
bool disk_same(uint64_t salt, uint64_t offset, const uint8_t *buf,
    size_t len);

/* As fileio_read_blocks(), without the bytes: 0 or -errno. */
int disk_read(const struct disk *d, uint64_t first, uint32_t count,
    struct disk_blocks *made);

/* Append to the upload, and give it its name: 0 or -errno. */
int disk_write(struct disk *d, const uint8_t *buf, size_t len);
int disk_store(struct disk *d);

/* How long the next access takes. */
uint64_t disk_delay_us(const struct disk *d);

#endif
