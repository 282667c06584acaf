/*
 * capture - run a program and keep what it says.
 */
#ifndef STATS_CAPTURE_H
#define STATS_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

/* What a pipe of it said, with a NUL behind. */
struct capture_text {
	char *buf;
	size_t len;
};

struct capture {
	struct capture_text out, err;
	int status;	/* its exit status; -1: a signal ended it, or we */
};

/*
 * capture_run - run it, without input, and wait for it.
 *
 * path       of the program
 * argv       NULL-terminated; argv[0] is its name
 * limit_us   it and its children are killed after that
 * Keeps the first MiB of each of its outputs.  Returns 0, -ETIMEDOUT or
 * another -errno; capture_free() is due in any case.
 */
int capture_run(const char *path, char *const argv[], uint64_t limit_us,
    struct capture *c);

void capture_free(struct capture *c);

#endif
