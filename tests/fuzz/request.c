/*
 * request - one datagram through every decoder.  What they say is held
 * against the bytes themselves: slices lie in the datagram, and put together
 * again they are the datagram.
 */
#include <strings.h>

#include "core/options.h"
#include "fuzz.h"

static unsigned
opcode_of(const uint8_t *buf, size_t len)
{
	return len < 2 ? 0 : (unsigned)(buf[0] << 8 | buf[1]);
}

/* ---- requests --------------------------------------------------------- */

static enum packet_verdict
expected_verdict(const uint8_t *buf, size_t len)
{
	unsigned opcode = opcode_of(buf, len), nuls = 0;
	size_t i;

	if (opcode != PACKET_RRQ && opcode != PACKET_WRQ)
		return PACKET_NOT_REQUEST;
	for (i = 2; i < len && nuls < 2; i++)
		nuls += buf[i] == '\0';
	return nuls == 0 ? PACKET_NO_NAME_END :
	    nuls == 1 ? PACKET_NO_MODE : PACKET_OK;
}

static void
check_mode(const struct packet_request *req)
{
	static const char *const names[] = { "octet", "netascii", "mail" };
	unsigned i;

	for (i = 0; i < PACKET_MODE_UNKNOWN; i++)
		FUZZ_HOLDS((req->mode == (enum packet_mode)i) ==
		    (req->mode_text.len == strlen(names[i]) &&
		    strncasecmp((const char *)req->mode_text.buf, names[i],
		    req->mode_text.len) == 0), "the mode is what its text says");
}

/* name NUL mode NUL options is the datagram, to its last byte. */
static void
check_whole(const struct packet_request *req, const uint8_t *buf, size_t len)
{
	const uint8_t *at = buf + 2;

	FUZZ_HOLDS(fuzz_same(req->name, at, req->name.len),
	    "the name comes first");
	at += req->name.len;
	FUZZ_HOLDS(*at++ == '\0', "a NUL ends the name");
	FUZZ_HOLDS(fuzz_same(req->mode_text, at, req->mode_text.len),
	    "the mode comes next");
	at += req->mode_text.len;
	FUZZ_HOLDS(*at++ == '\0', "a NUL ends the mode");
	FUZZ_HOLDS(fuzz_same(req->options, at, (size_t)(buf + len - at)),
	    "the rest are options");
}

/* As the log says it: what fits, and no more. */
static void
check_description(struct packet_slice options)
{
	char text[64];
	size_t len;

	memset(text, 'x', sizeof(text));
	len = options_describe(options, text, sizeof(text) - 1);
	FUZZ_HOLDS(len < sizeof(text) && text[sizeof(text) - 1] == 'x',
	    "the description stays in its room");
	FUZZ_HOLDS(len <= options.len && memchr(text, '\0', len) == NULL,
	    "the description is the options without their NULs");
}

static void
check_options(struct packet_slice rest)
{
	struct packet_slice name, value, before = rest;

	check_description(rest);
	while (packet_next_option(&rest, &name, &value)) {
		FUZZ_HOLDS(!fuzz_has_nul(name) && !fuzz_has_nul(value),
		    "no NUL in an option");
		FUZZ_HOLDS(name.buf == before.buf &&
		    value.buf == name.buf + name.len + 1 &&
		    rest.buf == value.buf + value.len + 1 &&
		    rest.len == before.len - name.len - value.len - 2,
		    "options follow each other");
		FUZZ_HOLDS(options_from_name(name) < OPTIONS_COUNT,
		    "an option is known or is not");
		before = rest;
	}
	FUZZ_HOLDS(rest.buf == before.buf && rest.len == before.len,
	    "nothing is taken at the end");
}

static void
check_request(const uint8_t *buf, size_t len)
{
	struct packet_request req;
	enum packet_verdict verdict = packet_decode_request(buf, len, &req);

	FUZZ_HOLDS(verdict == expected_verdict(buf, len),
	    "the verdict counts NULs");
	FUZZ_HOLDS(fuzz_within(req.name, buf, len) &&
	    fuzz_within(req.mode_text, buf, len) &&
	    fuzz_within(req.options, buf, len), "slices lie in the datagram");
	FUZZ_HOLDS(!fuzz_has_nul(req.mode_text) &&
	    (verdict == PACKET_NO_MODE || !fuzz_has_nul(req.name)),
	    "no NUL in name and mode");
	check_mode(&req);
	if (verdict == PACKET_NOT_REQUEST)
		return;
	FUZZ_HOLDS((unsigned)req.op == opcode_of(buf, len),
	    "the opcode is the one sent");
	if (verdict == PACKET_NO_NAME_END)
		FUZZ_HOLDS(fuzz_same(req.name, buf + 2, len - 2),
		    "a name without an end is all there is");
	if (verdict != PACKET_OK)
		return;
	check_whole(&req, buf, len);
	check_options(req.options);
}

/* ---- packets of a transfer -------------------------------------------- */

static void
check_header(const struct packet *pkt, const uint8_t *buf)
{
	uint8_t header[PACKET_HEADER_LEN];

	if (pkt->op == PACKET_DATA)
		packet_put_data(header, pkt->block);
	else
		packet_put_ack(header, pkt->block);
	FUZZ_HOLDS(memcmp(header, buf, sizeof(header)) == 0,
	    "a header written again is the same");
}

static void
check_error(const struct packet *pkt, const uint8_t *buf, size_t len)
{
	uint8_t again[PACKET_ERROR_MAX];
	char text[PACKET_ERROR_MAX];
	struct packet copy;
	size_t fits, again_len;

	FUZZ_HOLDS(fuzz_within(pkt->text, buf + PACKET_HEADER_LEN,
	    len - PACKET_HEADER_LEN) && !fuzz_has_nul(pkt->text),
	    "an ERROR's text ends with its NUL or the datagram");
	fits = pkt->text.len < sizeof(text) ? pkt->text.len : sizeof(text) - 1;
	if (fits != 0)
		memcpy(text, pkt->text.buf, fits);
	text[fits] = '\0';
	again_len = packet_put_error(again, sizeof(again),
	    (enum packet_error)pkt->error, text);
	FUZZ_HOLDS(again_len <= sizeof(again) &&
	    again[again_len - 1] == '\0', "an ERROR ends with a NUL");
	FUZZ_HOLDS(packet_decode(again, again_len, &copy) &&
	    copy.op == PACKET_ERROR && copy.error == pkt->error &&
	    fuzz_same(copy.text, text, again_len - PACKET_HEADER_LEN - 1),
	    "an ERROR written again is the same");
}

static void
check_packet(const uint8_t *buf, size_t len)
{
	unsigned opcode = opcode_of(buf, len);
	struct packet pkt;
	bool is_known = packet_decode(buf, len, &pkt);

	FUZZ_HOLDS(is_known == (len >= PACKET_HEADER_LEN &&
	    opcode >= PACKET_DATA && opcode <= PACKET_ERROR),
	    "DATA, ACK and ERROR of 4 bytes are known, nothing else");
	if (!is_known)
		return;
	FUZZ_HOLDS((unsigned)pkt.op == opcode, "the opcode is the one sent");
	if (pkt.op == PACKET_ERROR)
		check_error(&pkt, buf, len);
	else
		check_header(&pkt, buf);
	if (pkt.op == PACKET_DATA)
		FUZZ_HOLDS(fuzz_same(pkt.data, buf + PACKET_HEADER_LEN,
		    len - PACKET_HEADER_LEN), "the data are all the rest");
	else
		FUZZ_HOLDS(pkt.data.len == 0, "only DATA has data");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_request(data, size);
	check_packet(data, size);
	return 0;
}
