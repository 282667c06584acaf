/*
 * What the files of the benchmark hold: every byte is a function of a seed
 * and of its offset, so that both ends of a transfer can be checked without
 * either of them keeping the file.
 *
 * Sparse content is zeros with a marked page every 64 MiB, so that a file of
 * many gigabytes takes no room and still shows a block that went astray.
 */
#ifndef BENCH_CONTENT_H
#define BENCH_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct content {
	uint64_t seed;
	bool is_sparse;
};

/* A hash of bytes in order, however they were cut: FNV-1a of 64 bits. */
#define CONTENT_HASH_START	0xcbf29ce484222325ULL

/* buf becomes the len bytes from offset on. */
void content_fill(const struct content *c, uint64_t offset, uint8_t *buf,
    size_t len);

/* Are these the len bytes from offset on? */
bool content_matches(const struct content *c, uint64_t offset,
    const uint8_t *buf, size_t len);

uint64_t content_hash(uint64_t hash, const uint8_t *buf, size_t len);

/* A file of that size, over what was there.  0 or -errno. */
int content_make_file(const struct content *c, const char *path,
    uint64_t size);

/*
 * Reads a file to its end: its size and hash, and whether it holds what it
 * should.  0 or -errno.
 */
struct content_report {
	uint64_t size;
	uint64_t hash;
	bool is_right;
};
int content_check_file(const struct content *c, const char *path,
    struct content_report *report);

#endif
