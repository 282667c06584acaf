/*
 * fuzz - what every fuzz target shares.
 *
 * A target is one file with LLVMFuzzerTestOneInput().  Linked by clang with
 * -fsanitize=fuzzer it searches for bad inputs; linked with replay.c it runs
 * the ones that are known, and mutations of them.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/packet.h"

/*
 * One input, any bytes.  Ends the program at the first promise that does not
 * hold; nothing stays from one input to the next.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void __attribute__((noreturn))
fuzz_broken(const char *file, int line, const char *what)
{
	fflush(stdout);
	fprintf(stderr, "FAIL  %s:%d: not so: %s\n", file, line, what);
	abort();
}

/* What must hold, as a sentence. */
#define FUZZ_HOLDS(cond, what)						   \
	do {								   \
		if (!(cond))						   \
			fuzz_broken(__FILE__, __LINE__, (what));	   \
	} while (0)

/* The bytes that steer a target; past the end there are zeroes. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t
fuzz_u8(struct fuzz_input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

static inline uint16_t
fuzz_u16(struct fuzz_input *in)
{
	uint16_t high = fuzz_u8(in);

	return (uint16_t)(high << 8 | fuzz_u8(in));
}

static inline uint64_t
fuzz_u64(struct fuzz_input *in)
{
	uint64_t value = 0;
	int i;

	for (i = 0; i < 8; i++)
		value = value << 8 | fuzz_u8(in);
	return value;
}

/* The next len bytes, or what there is. */
static inline struct packet_slice
fuzz_take(struct fuzz_input *in, size_t len)
{
	struct packet_slice slice = { in->at, len };

	if (len > in->left)
		slice.len = in->left;
	in->at += slice.len;
	in->left -= slice.len;
	return slice;
}

/*
 * Whether glibc's regcomp() can do with map rules: it takes gigabytes for
 * ((a{99}){99}){99}, and for a+++++++++++++++++++++++++++.
 */
static inline bool
fuzz_is_modest(const uint8_t *text, size_t len)
{
	size_t i, braces = 0, pluses = 0;

	for (i = 0; i < len; i++) {
		braces += i > 0 && text[i] == '{' && text[i - 1] != ' ';
		pluses += text[i] == '+';
	}
	return braces <= 2 && pluses <= 8;
}

/* Whether slice lies in buf[0..len); an empty one may be anywhere. */
static inline bool
fuzz_within(struct packet_slice slice, const uint8_t *buf, size_t len)
{
	return slice.len == 0 || (slice.buf >= buf && slice.len <= len &&
	    (size_t)(slice.buf - buf) <= len - slice.len);
}

static inline bool
fuzz_has_nul(struct packet_slice slice)
{
	return slice.len != 0 && memchr(slice.buf, '\0', slice.len) != NULL;
}

static inline bool
fuzz_same(struct packet_slice slice, const void *bytes, size_t len)
{
	return slice.len == len &&
	    (len == 0 || memcmp(slice.buf, bytes, len) == 0);
}

#endif
