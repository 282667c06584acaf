#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "content.h"

#define CHUNK		65536
#define MARK_EVERY	(64ULL << 20)
#define MARK_LEN	4096

/* splitmix64: neighbours share nothing. */
static uint64_t
mix(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static uint64_t
word_at(const struct content *c, uint64_t offset)
{
	if (c->is_sparse && offset % MARK_EVERY >= MARK_LEN)
		return 0;
	return mix(c->seed * 0x100000001b3ULL + offset / 8);
}

void
content_fill(const struct content *c, uint64_t offset, uint8_t *buf,
    size_t len)
{
	uint64_t word;
	size_t at = 0, skip = offset % 8, n;

	while (at < len) {
		word = word_at(c, offset + at - skip);
		n = 8 - skip < len - at ? 8 - skip : len - at;
		memcpy(buf + at, (uint8_t *)&word + skip, n);
		at += n;
		skip = 0;
	}
}

bool
content_matches(const struct content *c, uint64_t offset, const uint8_t *buf,
    size_t len)
{
	uint8_t right[4096];
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = len - at < sizeof(right) ? len - at : sizeof(right);
		content_fill(c, offset + at, right, n);
		if (memcmp(right, buf + at, n) != 0)
			return false;
	}
	return true;
}

uint64_t
content_hash(uint64_t hash, const uint8_t *buf, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		hash = (hash ^ buf[i]) * 0x100000001b3ULL;
	return hash;
}

static int
put_chunk(const struct content *c, int fd, uint64_t offset, size_t len)
{
	uint8_t buf[CHUNK];

	content_fill(c, offset, buf, len);
	if (pwrite(fd, buf, len, (off_t)offset) == (ssize_t)len)
		return 0;
	return errno != 0 ? -errno : -ENOSPC;
}

/* Sparse: only the marks are written, and the size. */
static int
put_all(const struct content *c, int fd, uint64_t size)
{
	uint64_t offset = 0, step = c->is_sparse ? MARK_EVERY : CHUNK;
	size_t most = c->is_sparse ? MARK_LEN : CHUNK, len;
	int err = 0;

	for (; offset < size && err == 0; offset += step) {
		len = size - offset < most ? (size_t)(size - offset) : most;
		err = put_chunk(c, fd, offset, len);
	}
	if (err == 0 && ftruncate(fd, (off_t)size) == -1)
		err = -errno;
	return err;
}

int
content_make_file(const struct content *c, const char *path, uint64_t size)
{
	int fd, err;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd == -1)
		return -errno;
	errno = 0;
	err = put_all(c, fd, size);
	if (close(fd) == -1 && err == 0)
		err = -errno;
	return err;
}

int
content_check_file(const struct content *c, const char *path,
    struct content_report *report)
{
	uint8_t buf[CHUNK];
	ssize_t n;
	int fd;

	*report = (struct content_report){ 0, CONTENT_HASH_START, true };
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		if (!content_matches(c, report->size, buf, (size_t)n))
			report->is_right = false;
		report->hash = content_hash(report->hash, buf, (size_t)n);
		report->size += (uint64_t)n;
	}
	n = n == -1 ? -errno : 0;
	close(fd);
	return (int)n;
}
