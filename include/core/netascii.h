/*
 * netascii - RFC 764 line ends, both ways, a chunk at a time.
 *
 * Outgoing LF becomes CR LF, CR becomes CR NUL; incoming the reverse.  Both
 * remember across calls what a block's border cut in two: no byte value
 * serves as a marker, so a NUL after a CR in the last place of a block is
 * not lost.
 */
#ifndef CORE_NETASCII_H
#define CORE_NETASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netascii_encoder {
	bool has_pending;	/* pending is still to be written */
	uint8_t pending;
};

struct netascii_decoder {
	bool after_cr;		/* the last byte was a CR */
};

/*
 * netascii_encode - translate file bytes to wire bytes.
 *
 * enc        zeroed before the first call
 * in, in_len file bytes; *used says how many of them were taken
 * out, size  room for wire bytes
 * Returns how many were written: size, unless the input ran out first.
 * A byte that is held back counts as taken: with in_len 0 it still comes.
 */
size_t netascii_encode(struct netascii_encoder *enc, const uint8_t *in,
    size_t in_len, size_t *used, uint8_t *out, size_t size);

/*
 * netascii_decode - translate wire bytes to file bytes.
 *
 * dec        zeroed before the first call
 * out        room for in_len + 1 bytes; may not overlap in
 * Returns how many were written.  A CR that is followed by neither LF nor
 * NUL is kept as it is: losing a byte would be worse.
 */
size_t netascii_decode(struct netascii_decoder *dec, const uint8_t *in,
    size_t in_len, uint8_t *out);

/* The end of the file: writes the CR that was still held, returns 0 or 1. */
size_t netascii_decode_end(struct netascii_decoder *dec, uint8_t out[static 1]);

#endif
