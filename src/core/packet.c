#include "core/packet.h"

#include <string.h>

/*
 * Strings inside the table, not pointers to them: pointers would have to be
 * relocated at start, which makes a table data that can be written.
 */
static const struct {
	char text[10];
	enum packet_mode mode;
} modes[] = {
	{ "octet",	PACKET_MODE_OCTET },
	{ "netascii",	PACKET_MODE_NETASCII },
	{ "mail",	PACKET_MODE_MAIL },
};

static uint16_t
get16(const uint8_t *buf)
{
	return (uint16_t)(buf[0] << 8 | buf[1]);
}

static void
put16(uint8_t *buf, uint16_t value)
{
	buf[0] = (uint8_t)(value >> 8);
	buf[1] = (uint8_t)(value & 0xff);
}

/* <ctype.h> asks the locale; the wire knows ASCII only. */
static unsigned
lower(unsigned c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* The bytes of slice before its first NUL; all of them if it has none. */
static size_t
text_len(struct packet_slice slice)
{
	const uint8_t *nul = NULL;

	if (slice.len != 0)
		nul = memchr(slice.buf, '\0', slice.len);
	return nul != NULL ? (size_t)(nul - slice.buf) : slice.len;
}

/* Take text and its NUL off rest; false, and nothing taken, without a NUL. */
static bool
take_text(struct packet_slice *rest, struct packet_slice *text)
{
	size_t len = text_len(*rest);

	if (len == rest->len)
		return false;
	*text = (struct packet_slice){ rest->buf, len };
	rest->buf += len + 1;
	rest->len -= len + 1;
	return true;
}

static enum packet_mode
mode_from_text(struct packet_slice text)
{
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (packet_slice_is(text, modes[i].text))
			return modes[i].mode;
	}
	return PACKET_MODE_UNKNOWN;
}

enum packet_verdict
packet_decode_request(const uint8_t *buf, size_t len,
    struct packet_request *req)
{
	struct packet_slice rest = { buf, len };

	memset(req, 0, sizeof(*req));
	req->mode = PACKET_MODE_UNKNOWN;
	if (len < 2 || (get16(buf) != PACKET_RRQ && get16(buf) != PACKET_WRQ))
		return PACKET_NOT_REQUEST;
	req->op = (enum packet_opcode)get16(buf);
	rest.buf += 2;
	rest.len -= 2;
	if (!take_text(&rest, &req->name)) {
		req->name = rest;
		return PACKET_NO_NAME_END;
	}
	if (!take_text(&rest, &req->mode_text))
		return PACKET_NO_MODE;
	req->mode = mode_from_text(req->mode_text);
	req->options = rest;
	return PACKET_OK;
}

bool
packet_next_option(struct packet_slice *rest, struct packet_slice *name,
    struct packet_slice *value)
{
	struct packet_slice left = *rest, first, second;

	if (!take_text(&left, &first) || !take_text(&left, &second))
		return false;
	*name = first;
	*value = second;
	*rest = left;
	return true;
}

bool
packet_slice_is(struct packet_slice slice, const char *text)
{
	size_t i;

	for (i = 0; i < slice.len; i++) {
		/* A NUL in the slice would match the text's end. */
		if (text[i] == '\0' ||
		    lower(slice.buf[i]) != lower((unsigned char)text[i]))
			return false;
	}
	return text[i] == '\0';
}

bool
packet_decode(const uint8_t *buf, size_t len, struct packet *pkt)
{
	struct packet_slice body;

	memset(pkt, 0, sizeof(*pkt));
	if (len < PACKET_HEADER_LEN)
		return false;
	body = (struct packet_slice){ buf + PACKET_HEADER_LEN,
		len - PACKET_HEADER_LEN };
	switch (get16(buf)) {
	case PACKET_DATA:
		pkt->op = PACKET_DATA;
		pkt->block = get16(buf + 2);
		pkt->data = body;
		return true;
	case PACKET_ACK:
		pkt->op = PACKET_ACK;
		pkt->block = get16(buf + 2);
		return true;
	case PACKET_ERROR:
		pkt->op = PACKET_ERROR;
		pkt->error = get16(buf + 2);
		pkt->text.buf = body.buf;
		pkt->text.len = text_len(body);
		return true;
	default:
		return false;
	}
}

void
packet_put_data(uint8_t buf[static PACKET_HEADER_LEN], uint16_t block)
{
	put16(buf, PACKET_DATA);
	put16(buf + 2, block);
}

void
packet_put_ack(uint8_t buf[static PACKET_ACK_LEN], uint16_t block)
{
	put16(buf, PACKET_ACK);
	put16(buf + 2, block);
}

size_t
packet_put_error(uint8_t *buf, size_t size, enum packet_error code,
    const char *text)
{
	size_t len = strnlen(text, size - PACKET_HEADER_LEN - 1);

	put16(buf, PACKET_ERROR);
	put16(buf + 2, (uint16_t)code);
	memcpy(buf + PACKET_HEADER_LEN, text, len);
	buf[PACKET_HEADER_LEN + len] = '\0';
	return PACKET_HEADER_LEN + len + 1;
}
