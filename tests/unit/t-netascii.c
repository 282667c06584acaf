/*
 * t-netascii - line ends across block borders.
 *
 * FreeBSD's tftpd (PR 178055) marked "nothing held back" with a NUL, so the
 * NUL of a CR NUL whose CR came last in a block was lost.  Here every short
 * text of CR, LF, NUL and a letter meets every border.
 */
#include "core/netascii.h"
#include "t.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define LIT(text)	text, sizeof(text) - 1
#define TEXT_MAX	64
#define SHORT_MAX	6

/* Encode in pieces: at most chunk bytes in and block bytes out a call. */
static size_t
encode(const uint8_t *in, size_t len, size_t chunk, size_t block,
    uint8_t *wire)
{
	struct netascii_encoder enc = { 0 };
	size_t at = 0, wrote = 0, used, n;

	for (;;) {
		n = len - at < chunk ? len - at : chunk;
		used = SIZE_MAX;
		n = netascii_encode(&enc, in + at, n, &used, wire + wrote,
		    block);
		T_OK(used <= chunk && at + used <= len, "takes what is there");
		T_OK(n == block || used == (len - at < chunk ? len - at :
		    chunk), "stops early only where the input ends");
		at += used;
		wrote += n;
		if (at == len && n < block)
			return wrote;
	}
}

static size_t
decode(const uint8_t *wire, size_t len, size_t chunk, uint8_t *out)
{
	struct netascii_decoder dec = { 0 };
	uint8_t room[2 * TEXT_MAX + 1];
	size_t at, n, wrote = 0;

	for (at = 0; at < len; at += chunk) {
		size_t part = len - at < chunk ? len - at : chunk;

		n = netascii_decode(&dec, wire + at, part, room);
		T_OK(n <= part + 1, "decoding adds at most the CR held back");
		memcpy(out + wrote, room, n);
		wrote += n;
	}
	wrote += netascii_decode_end(&dec, out + wrote);
	T_OK(netascii_decode_end(&dec, out + wrote) == 0, "the end is once");
	return wrote;
}

/* The whole of it at once, written down as the RFC says it. */
static size_t
expect_wire(const uint8_t *in, size_t len, uint8_t *wire)
{
	size_t i, n = 0;

	for (i = 0; i < len; i++) {
		if (in[i] == '\n')
			wire[n++] = '\r';
		wire[n++] = in[i];
		if (in[i] == '\r')
			wire[n++] = '\0';
	}
	return n;
}

static void
check_both_ways(const uint8_t *text, size_t len, size_t chunk, size_t block)
{
	uint8_t want[2 * TEXT_MAX], wire[3 * TEXT_MAX], back[2 * TEXT_MAX + 1];
	size_t want_len = expect_wire(text, len, want), n;

	n = encode(text, len, chunk, block, wire);
	T_OK(n == want_len && memcmp(wire, want, n) == 0,
	    "the wire does not depend on the borders");
	n = decode(wire, want_len, block, back);
	T_OK(n == len && memcmp(back, text, n) == 0,
	    "what was encoded comes back");
}

/* All 5,461 texts of up to 6 bytes, in pieces of every size. */
static void
test_short_texts(void)
{
	static const uint8_t alphabet[] = { '\r', '\n', '\0', 'a' };
	uint8_t text[SHORT_MAX];
	unsigned number;
	size_t len, i, chunk, block;

	for (len = 0; len <= SHORT_MAX; len++) {
		for (number = 0; number < 1U << 2 * len; number++) {
			for (i = 0; i < len; i++)
				text[i] = alphabet[number >> 2 * i & 3];
			for (chunk = 1; chunk <= len + 1; chunk++) {
				for (block = 1; block <= 3; block++)
					check_both_ways(text, len, chunk,
					    block);
			}
		}
	}
}

/* Two such bytes at every place of a longer text, for every small blksize. */
static void
test_block_borders(void)
{
	static const char pairs[][2] = {
		{ '\r', '\n' }, { '\n', '\r' }, { '\r', '\r' },
		{ '\n', '\n' }, { '\r', '\0' }, { '\0', '\r' },
		{ '\r', 'x' }, { 'x', '\r' }, { '\n', 'x' }
	};
	uint8_t text[TEXT_MAX];
	size_t p, at, block, chunk;

	for (p = 0; p < COUNT(pairs); p++) {
		for (at = 0; at + 2 <= sizeof(text); at++) {
			memset(text, 'a', sizeof(text));
			memcpy(text + at, pairs[p], 2);
			for (block = 8; block <= 16; block++) {
				for (chunk = 1; chunk <= sizeof(text); chunk++)
					check_both_ways(text, sizeof(text),
					    chunk, block);
			}
		}
	}
}

static void
test_every_byte(void)
{
	uint8_t text[TEXT_MAX];
	unsigned base, i;

	for (base = 0; base < 256; base += TEXT_MAX) {
		for (i = 0; i < TEXT_MAX; i++)
			text[i] = (uint8_t)(base + i);
		check_both_ways(text, sizeof(text), 7, 8);
	}
}

static const struct {
	const char *what, *wire;
	size_t len;
	const char *out;
	size_t out_len;
} decoded[] = {
	{ "a line", LIT("ab\r\n"), LIT("ab\n") },
	{ "CR NUL is a CR", LIT("a\r\0b"), LIT("a\rb") },
	{ "an LF alone stays", LIT("a\nb"), LIT("a\nb") },
	{ "a NUL alone stays", LIT("a\0b"), LIT("a\0b") },
	{ "a CR before a letter is kept", LIT("a\rb"), LIT("a\rb") },
	{ "a CR at the end is kept", LIT("a\r"), LIT("a\r") },
	{ "CR CR LF is a CR and a line end", LIT("\r\r\n"), LIT("\r\n") },
	{ "CR CR NUL", LIT("\r\r\0"), LIT("\r\r") },
	{ "CR CR", LIT("\r\r"), LIT("\r\r") },
	{ "CR NUL LF", LIT("\r\0\n"), LIT("\r\n") },
	{ "CR LF NUL", LIT("\r\n\0"), LIT("\n\0") },
	{ "nothing", LIT(""), LIT("") },
};

static void
test_foreign_wire(void)
{
	uint8_t out[2 * TEXT_MAX], *wire;
	size_t i, chunk, n;

	for (i = 0; i < COUNT(decoded); i++) {
		wire = t_guard(decoded[i].wire, decoded[i].len);
		for (chunk = 1; chunk <= decoded[i].len + 1; chunk++) {
			n = decode(wire, decoded[i].len, chunk, out);
			T_OK(n == decoded[i].out_len &&
			    memcmp(out, decoded[i].out, n) == 0,
			    decoded[i].what);
		}
		t_unguard(wire, decoded[i].len);
	}
}

/* Neither side may touch a byte beyond what it was given. */
static void
test_bounds(void)
{
	struct netascii_encoder enc;
	struct netascii_decoder dec;
	uint8_t crs[16], zeros[17] = { 0 }, *in, *out;
	size_t len, used;

	memset(crs, '\r', sizeof(crs));
	for (len = 0; len <= sizeof(crs); len++) {
		in = t_guard(crs, len);
		out = t_guard(zeros, len);
		enc = (struct netascii_encoder){ 0 };
		T_OK(netascii_encode(&enc, in, len, &used, out, len) == len,
		    "the output is full");
		T_OK(used == (len + 1) / 2, "the second half was not taken");
		t_unguard(out, len);

		out = t_guard(zeros, len + 1);
		dec = (struct netascii_decoder){ .after_cr = true };
		T_OK(netascii_decode(&dec, in, len, out) == len,
		    "one CR in, one out, one held");
		t_unguard(out, len + 1);
		t_unguard(in, len);
	}
	in = t_guard("a", 1);
	out = t_guard(zeros, 2);
	dec = (struct netascii_decoder){ .after_cr = true };
	T_OK(netascii_decode(&dec, in, 1, out) == 2, "in_len + 1 is needed");
	t_unguard(out, 2);
	t_unguard(in, 1);
}

static void
test_held_back(void)
{
	struct netascii_encoder enc = { 0 };
	uint8_t out[4];
	size_t used;

	T_OK(netascii_encode(&enc, (const uint8_t *)"\r", 1, &used, out, 1) ==
	    1 && used == 1 && out[0] == '\r', "the CR fills the block");
	T_OK(netascii_encode(&enc, NULL, 0, &used, out, 0) == 0 && used == 0,
	    "no room, nothing comes");
	T_OK(netascii_encode(&enc, NULL, 0, &used, out, 4) == 1 && used == 0 &&
	    out[0] == '\0', "its NUL comes without input");
	T_OK(netascii_encode(&enc, NULL, 0, &used, out, 4) == 0 && used == 0,
	    "and comes once");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "every short text in every piece", test_short_texts },
		{ "line ends at every block border", test_block_borders },
		{ "every byte value", test_every_byte },
		{ "wire bytes that we would not write", test_foreign_wire },
		{ "nothing beyond the buffers", test_bounds },
		{ "a byte held back", test_held_back },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "netascii", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
