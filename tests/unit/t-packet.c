/*
 * t-packet - hostile datagrams against an unreadable page: what cannot be
 * read is not read, and what is left still says what the client wanted.
 */
#include "core/packet.h"
#include "t.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define LIT(text)	text, sizeof(text) - 1
#define RRQ		"\0\1"
#define WRQ		"\0\2"

static bool
same(struct packet_slice slice, const void *want, size_t len)
{
	return slice.len == len &&
	    (len == 0 || memcmp(slice.buf, want, len) == 0);
}

static const struct {
	const char *what;
	const char *in;
	size_t len;
	enum packet_verdict verdict;
	enum packet_opcode op;
	const char *name;
	size_t name_len;
	enum packet_mode mode;
	const char *mode_text;
	const char *options;
	size_t options_len;
} requests[] = {
	{ "a plain read", LIT(RRQ "a\0octet\0"), PACKET_OK, PACKET_RRQ,
	    LIT("a"), PACKET_MODE_OCTET, "octet", LIT("") },
	{ "a plain write", LIT(WRQ "a/b\0octet\0"), PACKET_OK, PACKET_WRQ,
	    LIT("a/b"), PACKET_MODE_OCTET, "octet", LIT("") },
	{ "the mode in capitals", LIT(RRQ "a\0OcTeT\0"), PACKET_OK,
	    PACKET_RRQ, LIT("a"), PACKET_MODE_OCTET, "OcTeT", LIT("") },
	{ "netascii", LIT(RRQ "a\0NETASCII\0"), PACKET_OK, PACKET_RRQ,
	    LIT("a"), PACKET_MODE_NETASCII, "NETASCII", LIT("") },
	{ "mail", LIT(WRQ "root\0mail\0"), PACKET_OK, PACKET_WRQ,
	    LIT("root"), PACKET_MODE_MAIL, "mail", LIT("") },
	{ "a mode that is the start of one", LIT(RRQ "a\0octe\0"), PACKET_OK,
	    PACKET_RRQ, LIT("a"), PACKET_MODE_UNKNOWN, "octe", LIT("") },
	{ "a mode that goes on", LIT(RRQ "a\0octets\0"), PACKET_OK,
	    PACKET_RRQ, LIT("a"), PACKET_MODE_UNKNOWN, "octets", LIT("") },
	{ "an empty mode", LIT(RRQ "a\0\0"), PACKET_OK, PACKET_RRQ,
	    LIT("a"), PACKET_MODE_UNKNOWN, "", LIT("") },
	{ "an empty name is still a request", LIT(RRQ "\0octet\0"), PACKET_OK,
	    PACKET_RRQ, LIT(""), PACKET_MODE_OCTET, "octet", LIT("") },
	{ "options stay unparsed", LIT(RRQ "a\0octet\0tsize\0" "0\0"),
	    PACKET_OK, PACKET_RRQ, LIT("a"), PACKET_MODE_OCTET, "octet",
	    LIT("tsize\0" "0\0") },
	{ "padding is no fault", LIT(RRQ "a\0octet\0\0\0\0\0\0"), PACKET_OK,
	    PACKET_RRQ, LIT("a"), PACKET_MODE_OCTET, "octet",
	    LIT("\0\0\0\0\0") },
	{ "garbage after the mode is no fault", LIT(RRQ "a\0octet\0\377z"),
	    PACKET_OK, PACKET_RRQ, LIT("a"), PACKET_MODE_OCTET, "octet",
	    LIT("\377z") },
	{ "a name without its NUL", LIT(RRQ "abc"), PACKET_NO_NAME_END,
	    PACKET_RRQ, LIT("abc"), PACKET_MODE_UNKNOWN, "", LIT("") },
	{ "an opcode and nothing else", LIT(WRQ), PACKET_NO_NAME_END,
	    PACKET_WRQ, LIT(""), PACKET_MODE_UNKNOWN, "", LIT("") },
	{ "no mode", LIT(RRQ "abc\0"), PACKET_NO_MODE, PACKET_RRQ,
	    LIT("abc"), PACKET_MODE_UNKNOWN, "", LIT("") },
	{ "a mode without its NUL", LIT(RRQ "abc\0octet"), PACKET_NO_MODE,
	    PACKET_RRQ, LIT("abc"), PACKET_MODE_UNKNOWN, "", LIT("") },
	{ "nothing at all", LIT(""), PACKET_NOT_REQUEST, 0, LIT(""),
	    PACKET_MODE_UNKNOWN, "", LIT("") },
	{ "one byte", LIT("\0"), PACKET_NOT_REQUEST, 0, LIT(""),
	    PACKET_MODE_UNKNOWN, "", LIT("") },
	{ "opcode 0", LIT("\0\0a\0octet\0"), PACKET_NOT_REQUEST, 0, LIT(""),
	    PACKET_MODE_UNKNOWN, "", LIT("") },
	{ "DATA", LIT("\0\3\0\1octet\0"), PACKET_NOT_REQUEST, 0, LIT(""),
	    PACKET_MODE_UNKNOWN, "", LIT("") },
	{ "an ACK", LIT("\0\4\0\1"), PACKET_NOT_REQUEST, 0, LIT(""),
	    PACKET_MODE_UNKNOWN, "", LIT("") },
	{ "an ERROR", LIT("\0\5\0\1no\0"), PACKET_NOT_REQUEST, 0, LIT(""),
	    PACKET_MODE_UNKNOWN, "", LIT("") },
	{ "an OACK", LIT("\0\6tsize\0" "0\0"), PACKET_NOT_REQUEST, 0, LIT(""),
	    PACKET_MODE_UNKNOWN, "", LIT("") },
	{ "an opcode with its bytes the wrong way round",
	    LIT("\1\0a\0octet\0"), PACKET_NOT_REQUEST, 0, LIT(""),
	    PACKET_MODE_UNKNOWN, "", LIT("") },
	{ "an opcode that is RRQ in its low byte", LIT("\1\1a\0octet\0"),
	    PACKET_NOT_REQUEST, 0, LIT(""), PACKET_MODE_UNKNOWN, "",
	    LIT("") },
};

static void
test_requests(void)
{
	struct packet_request req;
	uint8_t *buf;
	size_t i;

	for (i = 0; i < COUNT(requests); i++) {
		const char *what = requests[i].what;

		memset(&req, 0xa5, sizeof(req));
		buf = t_guard(requests[i].in, requests[i].len);
		T_OK(packet_decode_request(buf, requests[i].len, &req) ==
		    requests[i].verdict, what);
		T_OK(req.op == requests[i].op, what);
		T_OK(same(req.name, requests[i].name, requests[i].name_len),
		    what);
		T_OK(req.mode == requests[i].mode, what);
		T_OK(same(req.mode_text, requests[i].mode_text,
		    strlen(requests[i].mode_text)), what);
		T_OK(same(req.options, requests[i].options,
		    requests[i].options_len), what);
		t_unguard(buf, requests[i].len);
	}
}

/* CVE-2021-3595 and tftpy #140: datagrams that end too early. */
static const struct {
	const char *in;
	size_t len, name_end, mode_end;	/* with their NULs */
	size_t pair_end[2];
} whole[] = {
	{ LIT(RRQ "pxelinux.0\0octet\0tsize\0" "0\0blksize\0" "1408\0"),
	    13, 19, { 27, 40 } },
	{ LIT(WRQ "x\0netascii\0WindowSize\0" "16\0\0\0"),
	    4, 13, { 27, 29 } },
};

static enum packet_verdict
verdict_of_prefix(size_t w, size_t len)
{
	if (len < 2)
		return PACKET_NOT_REQUEST;
	if (len < whole[w].name_end)
		return PACKET_NO_NAME_END;
	return len < whole[w].mode_end ? PACKET_NO_MODE : PACKET_OK;
}

static unsigned
count_options(struct packet_slice rest)
{
	struct packet_slice name, value;
	unsigned count = 0;

	while (packet_next_option(&rest, &name, &value))
		count++;
	return count;
}

static void
test_prefixes(void)
{
	struct packet_request req;
	uint8_t *buf;
	size_t w, len;

	for (w = 0; w < COUNT(whole); w++) {
		for (len = 0; len <= whole[w].len; len++) {
			buf = t_guard(whole[w].in, len);
			T_OK(packet_decode_request(buf, len, &req) ==
			    verdict_of_prefix(w, len), "verdict of a prefix");
			T_OK(count_options(req.options) ==
			    (unsigned)(len >= whole[w].pair_end[0]) +
			    (len >= whole[w].pair_end[1]),
			    "only whole options of a prefix count");
			t_unguard(buf, len);
		}
	}
}

static void
test_tiny(void)
{
	struct packet_request req;
	struct packet pkt;
	uint8_t bytes[2], *buf;
	unsigned value;
	size_t len;

	for (len = 0; len <= 2; len++) {
		for (value = 0; value < 1U << 8 * len; value++) {
			bool ours = len == 2 && (value == 1 || value == 2);

			bytes[0] = (uint8_t)(len == 1 ? value : value >> 8);
			bytes[1] = (uint8_t)value;
			buf = t_guard(bytes, len);
			T_OK(packet_decode_request(buf, len, &req) ==
			    (ours ? PACKET_NO_NAME_END : PACKET_NOT_REQUEST),
			    "a datagram of 0 to 2 bytes is no whole request");
			T_OK(!packet_decode(buf, len, &pkt),
			    "a datagram of 0 to 2 bytes is no packet");
			t_unguard(buf, len);
		}
	}
	T_OK(packet_decode_request(NULL, 0, &req) == PACKET_NOT_REQUEST,
	    "no datagram at all is no request");
	T_OK(!packet_decode(NULL, 0, &pkt), "no datagram at all");
}

/* netric-010, CVE-2006-6183: names and modes longer than anybody's buffer. */
static void
test_long(void)
{
	static const size_t lens[] = { 0, 1, 100, 255, 256, 4095, 4096, 65000 };
	static uint8_t in[2 + 65000 + 1 + 65000 + 1];
	struct packet_request req;
	uint8_t *buf;
	size_t n, m, len;

	for (n = 0; n < COUNT(lens); n++) {
		for (m = 0; m < COUNT(lens); m++) {
			memset(in, 'o', sizeof(in));
			in[0] = 0;
			in[1] = PACKET_WRQ;
			in[2 + lens[n]] = '\0';
			in[2 + lens[n] + 1 + lens[m]] = '\0';
			len = 2 + lens[n] + 1 + lens[m] + 1;
			buf = t_guard(in, len);
			T_OK(packet_decode_request(buf, len, &req) == PACKET_OK,
			    "long names and modes can be taken apart");
			T_OK(req.name.len == lens[n], "length of a name");
			T_OK(req.mode_text.len == lens[m], "length of a mode");
			T_OK(req.mode == PACKET_MODE_UNKNOWN, "an odd mode");
			T_OK(packet_decode_request(buf, len - 1, &req) ==
			    PACKET_NO_MODE, "a long mode without its NUL");
			t_unguard(buf, len);
		}
	}
}

static const struct {
	const char *what, *in;
	size_t len;
	bool found;
	const char *name, *value;
	size_t left;
} options[] = {
	{ "a pair", LIT("blksize\0" "512\0"), true, "blksize", "512", 0 },
	{ "two pairs", LIT("a\0b\0c\0d\0"), true, "a", "b", 4 },
	{ "an empty value", LIT("tsize\0\0"), true, "tsize", "", 0 },
	{ "an empty name", LIT("\0" "5\0"), true, "", "5", 0 },
	{ "both empty", LIT("\0\0"), true, "", "", 0 },
	{ "nothing", LIT(""), false, "", "", 0 },
	{ "one NUL", LIT("\0"), false, "", "", 1 },
	{ "a name alone", LIT("tsize"), false, "", "", 5 },
	{ "no value", LIT("tsize\0"), false, "", "", 6 },
	{ "a value without its NUL", LIT("tsize\0" "0"), false, "", "", 7 },
};

static void
test_options(void)
{
	struct packet_slice rest, name, value;
	uint8_t *buf;
	size_t i;

	for (i = 0; i < COUNT(options); i++) {
		buf = t_guard(options[i].in, options[i].len);
		rest = (struct packet_slice){ buf, options[i].len };
		name = value = (struct packet_slice){ NULL, 0 };
		T_OK(packet_next_option(&rest, &name, &value) ==
		    options[i].found, options[i].what);
		T_OK(same(name, options[i].name, strlen(options[i].name)),
		    options[i].what);
		T_OK(same(value, options[i].value, strlen(options[i].value)),
		    options[i].what);
		T_OK(rest.len == options[i].left, options[i].what);
		T_OK(rest.buf == buf + options[i].len - options[i].left,
		    options[i].what);
		t_unguard(buf, options[i].len);
	}
	rest = (struct packet_slice){ NULL, 0 };
	T_OK(!packet_next_option(&rest, &name, &value), "no bytes at all");
}

static const struct {
	const char *what, *in;
	size_t len;
	const char *text;
	bool is;
} compared[] = {
	{ "the same", LIT("octet"), "octet", true },
	{ "capitals on the wire", LIT("OCTET"), "octet", true },
	{ "capitals in the text", LIT("octet"), "Octet", true },
	{ "from A to Z", LIT("AZ"), "az", true },
	{ "a part of the text", LIT("octe"), "octet", false },
	{ "more than the text", LIT("octet2"), "octet", false },
	{ "a NUL is not the end", LIT("octet\0"), "octet", false },
	{ "nothing and nothing", LIT(""), "", true },
	{ "nothing and a text", LIT(""), "a", false },
	{ "a NUL and nothing", LIT("\0"), "", false },
	{ "'[' is not '{': only letters have case", LIT("["), "{", false },
	{ "'@' is not '`'", LIT("@"), "`", false },
	{ "no letter above 127 has case", LIT("\303"), "\343", false },
	{ "bytes above 127 are compared", LIT("\303\244"), "\303\244", true },
};

static void
test_compare(void)
{
	uint8_t *buf;
	size_t i, size;
	char *text;

	for (i = 0; i < COUNT(compared); i++) {
		struct packet_slice slice;

		size = strlen(compared[i].text) + 1;
		text = t_guard(compared[i].text, size);
		buf = t_guard(compared[i].in, compared[i].len);
		slice = (struct packet_slice){ buf, compared[i].len };
		T_OK(packet_slice_is(slice, text) == compared[i].is,
		    compared[i].what);
		t_unguard(buf, compared[i].len);
		t_unguard(text, size);
	}
}

static const struct {
	const char *what, *in;
	size_t len;
	bool ok;
	enum packet_opcode op;
	uint16_t block;
	const char *data;
	size_t data_len;
	uint16_t error;
	const char *text;
} packets[] = {
	{ "DATA", LIT("\0\3\1\2xyz"), true, PACKET_DATA, 258, LIT("xyz"), 0,
	    "" },
	{ "the last DATA of a whole number of blocks", LIT("\0\3\377\377"),
	    true, PACKET_DATA, 65535, LIT(""), 0, "" },
	{ "DATA with NULs", LIT("\0\3\0\1\0\0"), true, PACKET_DATA, 1,
	    LIT("\0\0"), 0, "" },
	{ "DATA without a block", LIT("\0\3\0"), false, 0, 0, LIT(""), 0, "" },
	{ "an ACK", LIT("\0\4\200\0"), true, PACKET_ACK, 32768, LIT(""), 0,
	    "" },
	{ "an ACK with bytes after it", LIT("\0\4\0\7zz"), true, PACKET_ACK, 7,
	    LIT(""), 0, "" },
	{ "an ACK cut short", LIT("\0\4\0"), false, 0, 0, LIT(""), 0, "" },
	{ "an ERROR", LIT("\0\5\0\10bad\0"), true, PACKET_ERROR, 0, LIT(""),
	    8, "bad" },
	{ "an ERROR of 4 bytes (curl)", LIT("\0\5\0\0"), true, PACKET_ERROR, 0,
	    LIT(""), 0, "" },
	{ "an ERROR without its NUL", LIT("\0\5\0\1abc"), true, PACKET_ERROR,
	    0, LIT(""), 1, "abc" },
	{ "an ERROR with bytes after its NUL", LIT("\0\5\0\1a\0bc\0"), true,
	    PACKET_ERROR, 0, LIT(""), 1, "a" },
	{ "an ERROR with an empty text", LIT("\0\5\0\1\0"), true,
	    PACKET_ERROR, 0, LIT(""), 1, "" },
	{ "an ERROR with a code of its own", LIT("\0\5\377\376x\0"), true,
	    PACKET_ERROR, 0, LIT(""), 65534, "x" },
	{ "an ERROR of 3 bytes (CVE-2019-11365)", LIT("\0\5\0"), false, 0, 0,
	    LIT(""), 0, "" },
	{ "a request", LIT("\0\1a\0octet\0"), false, 0, 0, LIT(""), 0, "" },
	{ "a write request", LIT("\0\2a\0octet\0"), false, 0, 0, LIT(""), 0,
	    "" },
	{ "an OACK", LIT("\0\6a\0b\0"), false, 0, 0, LIT(""), 0, "" },
	{ "opcode 0", LIT("\0\0\0\1"), false, 0, 0, LIT(""), 0, "" },
	{ "opcode 7", LIT("\0\7\0\1"), false, 0, 0, LIT(""), 0, "" },
	{ "opcode 0x0103 is not DATA", LIT("\1\3\0\1"), false, 0, 0, LIT(""),
	    0, "" },
};

static void
test_packets(void)
{
	struct packet pkt;
	uint8_t *buf;
	size_t i;

	for (i = 0; i < COUNT(packets); i++) {
		const char *what = packets[i].what;

		memset(&pkt, 0xa5, sizeof(pkt));
		buf = t_guard(packets[i].in, packets[i].len);
		T_OK(packet_decode(buf, packets[i].len, &pkt) ==
		    packets[i].ok, what);
		T_OK(pkt.op == packets[i].op, what);
		T_OK(pkt.block == packets[i].block, what);
		T_OK(same(pkt.data, packets[i].data, packets[i].data_len),
		    what);
		T_OK(pkt.error == packets[i].error, what);
		T_OK(same(pkt.text, packets[i].text,
		    strlen(packets[i].text)), what);
		t_unguard(buf, packets[i].len);
	}
}

/* CVE-2019-11365 at large: every opcode at every length up to 4. */
static void
test_short_packets(void)
{
	uint8_t bytes[PACKET_HEADER_LEN] = { 0 }, *buf;
	struct packet pkt;
	unsigned op;
	size_t len;

	for (op = 0; op <= 8; op++) {
		bytes[1] = (uint8_t)op;
		for (len = 0; len <= sizeof(bytes); len++) {
			buf = t_guard(bytes, len);
			T_OK(packet_decode(buf, len, &pkt) ==
			    (len == 4 && op >= 3 && op <= 5),
			    "every opcode at every length up to 4");
			t_unguard(buf, len);
		}
	}
}

/* CVE-2008-2161: the longest ERROR that UDP can carry, with no NUL in it. */
static void
test_long_error(void)
{
	static uint8_t in[65507];
	struct packet pkt;
	uint8_t *buf;

	memset(in, '%', sizeof(in));
	memcpy(in, "\0\5\0\1", 4);
	buf = t_guard(in, sizeof(in));
	T_OK(packet_decode(buf, sizeof(in), &pkt), "a long ERROR");
	T_OK(pkt.text.len == 65503, "a long ERROR ends with the datagram");
	t_unguard(buf, sizeof(in));
}

static const struct {
	const char *what;
	size_t size;
	enum packet_error code;
	const char *text, *out;
	size_t len;
} errors[] = {
	{ "the answer that monitors wait for", PACKET_ERROR_MAX,
	    PACKET_ERR_NOT_FOUND, "File not found",
	    LIT("\0\5\0\1File not found\0") },
	{ "an empty text", PACKET_ERROR_MAX, PACKET_ERR_OPTIONS, "",
	    LIT("\0\5\0\10\0") },
	{ "a text that just fits", 8, PACKET_ERR_SPACE, "abc",
	    LIT("\0\5\0\3abc\0") },
	{ "a text that is one too long is cut", 8, PACKET_ERR_SPACE, "abcd",
	    LIT("\0\5\0\3abc\0") },
	{ "no room but for the NUL", 5, PACKET_ERR_UNDEFINED, "abcd",
	    LIT("\0\5\0\0\0") },
};

static void
test_put_error(void)
{
	uint8_t zeros[PACKET_ERROR_MAX] = { 0 }, *buf;
	size_t i, len;

	for (i = 0; i < COUNT(errors); i++) {
		buf = t_guard(zeros, errors[i].size);
		memset(buf, 0xa5, errors[i].size);
		len = packet_put_error(buf, errors[i].size, errors[i].code,
		    errors[i].text);
		T_OK(len == errors[i].len, errors[i].what);
		T_OK(memcmp(buf, errors[i].out, errors[i].len) == 0,
		    errors[i].what);
		t_unguard(buf, errors[i].size);
	}
}

static void
test_put_header(void)
{
	uint8_t *buf = t_guard("....", 4);
	struct packet pkt;
	unsigned block;

	packet_put_data(buf, 0x1234);
	T_OK(memcmp(buf, "\0\3\x12\x34", 4) == 0, "the bytes of a DATA");
	packet_put_ack(buf, 0xfffe);
	T_OK(memcmp(buf, "\0\4\xff\xfe", 4) == 0, "the bytes of an ACK");
	for (block = 0; block <= UINT16_MAX; block++) {
		packet_put_data(buf, (uint16_t)block);
		T_OK(packet_decode(buf, 4, &pkt) && pkt.op == PACKET_DATA &&
		    pkt.block == block, "every DATA comes back");
		packet_put_ack(buf, (uint16_t)block);
		T_OK(packet_decode(buf, 4, &pkt) && pkt.op == PACKET_ACK &&
		    pkt.block == block, "every ACK comes back");
	}
	t_unguard(buf, 4);
}

int
main(void)
{
	CU_TestInfo request[] = {
		{ "requests", test_requests },
		{ "every prefix of a request", test_prefixes },
		{ "every datagram of 0 to 2 bytes", test_tiny },
		{ "long names and modes", test_long },
		{ "options", test_options },
		{ "texts are compared whole", test_compare },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo transfer[] = {
		{ "packets", test_packets },
		{ "every opcode, too short", test_short_packets },
		{ "the longest ERROR", test_long_error },
		{ "ERROR, written", test_put_error },
		{ "DATA and ACK, written and read", test_put_header },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "packet: requests", NULL, NULL, NULL, NULL, request },
		{ "packet: transfers", NULL, NULL, NULL, NULL, transfer },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
