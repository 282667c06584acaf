/*
 * netascii - a file to the wire and back, cut into any pieces on both ways;
 * and any bytes at all as if they came off the wire.
 *
 * An input is how many bytes steer the cuts, those, and the file.
 */
#include "core/netascii.h"
#include "fuzz.h"

#define FILE_MAX	1024	/* bytes of an input that are used */
#define PIECE_MAX	64
#define CANARY		0xa5
#define IDLE_MAX	8	/* pieces that bring nothing forward */

/* Sizes of pieces, again and again; 0 is one, too. */
struct cuts {
	struct packet_slice sizes;
	size_t at;
};

static size_t
next_cut(struct cuts *cuts)
{
	if (cuts->sizes.len == 0)
		return PIECE_MAX;
	return cuts->sizes.buf[cuts->at++ % cuts->sizes.len] % (PIECE_MAX + 1);
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Encode a piece of in into at most size bytes at out. */
static size_t
encode_piece(struct netascii_encoder *enc, struct packet_slice in,
    size_t *used, uint8_t *out, size_t size)
{
	uint8_t room[PIECE_MAX + 1];
	size_t len;

	room[size] = CANARY;
	*used = SIZE_MAX;
	len = netascii_encode(enc, in.buf, in.len, used, room, size);
	FUZZ_HOLDS(room[size] == CANARY, "the encoder stays in its room");
	FUZZ_HOLDS(len <= size && *used <= in.len, "it takes what there is");
	FUZZ_HOLDS(len == size || (*used == in.len && !enc->has_pending),
	    "it fills its room, unless the input runs out");
	memcpy(out, room, len);
	return len;
}

/* The wire's bytes of a file; room for twice as many. */
static size_t
encode(struct packet_slice file, struct cuts cuts, uint8_t *out)
{
	struct netascii_encoder enc = { 0 };
	size_t len = 0, made, used, idle = 0;
	struct packet_slice piece;

	while (file.len != 0 || enc.has_pending) {
		piece = file;
		piece.len = least(next_cut(&cuts), file.len);
		made = encode_piece(&enc, piece, &used, out + len,
		    next_cut(&cuts));
		len += made;
		file.buf += used;
		file.len -= used;
		/* cuts may all be 0 */
		idle = made + used != 0 ? 0 : idle + 1;
		if (idle > IDLE_MAX)
			cuts.sizes.len = 0;
	}
	return len;
}

static size_t
decode_piece(struct netascii_decoder *dec, struct packet_slice in,
    uint8_t *out)
{
	uint8_t room[PIECE_MAX + 2];
	size_t len;

	room[in.len + 1] = CANARY;
	len = netascii_decode(dec, in.buf, in.len, room);
	FUZZ_HOLDS(len <= in.len + 1 && room[in.len + 1] == CANARY,
	    "the decoder makes one byte more at most");
	memcpy(out, room, len);
	return len;
}

/* The file's bytes; room for one more than came. */
static size_t
decode(struct packet_slice wire, struct cuts cuts, uint8_t *out)
{
	struct netascii_decoder dec = { 0 };
	size_t len = 0, idle = 0;
	struct packet_slice piece;

	while (wire.len != 0) {
		piece = wire;
		piece.len = least(next_cut(&cuts), wire.len);
		len += decode_piece(&dec, piece, out + len);
		wire.buf += piece.len;
		wire.len -= piece.len;
		idle = piece.len != 0 ? 0 : idle + 1;
		if (idle > IDLE_MAX)
			cuts.sizes.len = 0;
	}
	len += netascii_decode_end(&dec, out + len);
	FUZZ_HOLDS(netascii_decode_end(&dec, out + len) == 0,
	    "a file ends once");
	return len;
}

/* RFC 764: a CR is followed by LF or NUL, and a LF follows a CR. */
static void
check_wire(const uint8_t *wire, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (wire[i] == '\r')
			FUZZ_HOLDS(i + 1 < len && (wire[i + 1] == '\n' ||
			    wire[i + 1] == '\0'), "LF or NUL follows a CR");
		if (wire[i] == '\n')
			FUZZ_HOLDS(i != 0 && wire[i - 1] == '\r',
			    "a LF follows a CR");
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t wire[2 * FILE_MAX], back[2 * FILE_MAX + 1];
	static uint8_t once[2 * FILE_MAX + 1];
	const struct cuts whole = { 0 };
	struct fuzz_input in = { data, size };
	struct cuts cuts = { .sizes = fuzz_take(&in, fuzz_u8(&in) % 16) };
	struct packet_slice file = { in.at, least(in.left, FILE_MAX) };
	struct packet_slice sent = { wire, 0 };
	size_t len;

	sent.len = encode(file, cuts, wire);
	check_wire(wire, sent.len);
	len = encode(file, whole, once);
	FUZZ_HOLDS(fuzz_same(sent, once, len), "cuts change nothing");
	len = decode(sent, cuts, back);
	FUZZ_HOLDS(fuzz_same(file, back, len), "what came back was sent");
	/* the file as if it were on the wire */
	len = decode(file, cuts, back);
	FUZZ_HOLDS(decode(file, whole, once) == len &&
	    memcmp(once, back, len) == 0, "cuts change nothing that comes");
	return 0;
}
