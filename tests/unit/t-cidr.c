/*
 * t-cidr - networks as text, and who lies in them: against bits written
 * out as '0' and '1', which is how the definition reads.
 */
#include <arpa/inet.h>
#include <time.h>

#include "policy/cidr.h"
#include "t.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define PAIRS		100000
#define BITS_MAX	129

/* The text against an unreadable page, without a NUL. */
static enum cidr_verdict
parse(const char *text, size_t len, struct cidr *net)
{
	char *copy = t_guard(text, len);
	enum cidr_verdict verdict;

	memset(net, 0xa5, sizeof(*net));
	verdict = cidr_parse(copy, len, net);
	t_unguard(copy, len);
	return verdict;
}

static bool
parse_addr(const char *text, struct cidr_addr *addr)
{
	char *copy = t_guard(text, strlen(text) + 1);
	bool is_one;

	memset(addr, 0xa5, sizeof(*addr));
	is_one = cidr_parse_addr(copy, addr);
	t_unguard(copy, strlen(text) + 1);
	return is_one;
}

/* ---- networks as text ------------------------------------------------- */

static void
test_parse(void)
{
	static const struct {
		const char *text;
		enum cidr_verdict verdict;
		const char *out;	/* cidr_text() of it */
	} rows[] = {
		{ "192.0.2.0/24", CIDR_OK, "192.0.2.0/24" },
		{ "0.0.0.0/0", CIDR_OK, "0.0.0.0/0" },
		{ "10.0.0.0/8", CIDR_OK, "10.0.0.0/8" },
		{ "128.0.0.0/1", CIDR_OK, "128.0.0.0/1" },
		{ "192.0.2.128/25", CIDR_OK, "192.0.2.128/25" },
		{ "192.0.2.6/31", CIDR_OK, "192.0.2.6/31" },
		{ "192.0.2.7/32", CIDR_OK, "192.0.2.7/32" },
		{ "192.0.2.7", CIDR_OK, "192.0.2.7/32" },
		{ "255.255.255.255", CIDR_OK, "255.255.255.255/32" },
		{ "::/0", CIDR_OK, "::/0" },
		{ "2001:db8::/32", CIDR_OK, "2001:db8::/32" },
		{ "2001:DB8::/33", CIDR_OK, "2001:db8::/33" },
		{ "2001:db8:8000::/33", CIDR_OK, "2001:db8:8000::/33" },
		{ "2001:db8::1", CIDR_OK, "2001:db8::1/128" },
		{ "2001:db8:0:0:0:0:0:1/128", CIDR_OK, "2001:db8::1/128" },
		{ "8000::/1", CIDR_OK, "8000::/1" },
		{ "::2/127", CIDR_OK, "::2/127" },
		{ "::ffff:10.0.0.0/104", CIDR_OK, "10.0.0.0/8" },
		{ "::ffff:192.0.2.0/120", CIDR_OK, "192.0.2.0/24" },
		{ "::ffff:192.0.2.7", CIDR_OK, "192.0.2.7/32" },
		{ "::ffff:c000:207/128", CIDR_OK, "192.0.2.7/32" },
		{ "::ffff:0:0/96", CIDR_OK, "0.0.0.0/0" },
		{ "::/96", CIDR_OK, "::/96" },
		{ "::/80", CIDR_OK, "::/80" },
		{ "64:ff9b::192.0.2.0/120", CIDR_OK,
		    "64:ff9b::c000:200/120" },

		{ "10.0.0.1/8", CIDR_HOST_BITS, "10.0.0.0/8" },
		{ "192.0.2.129/25", CIDR_HOST_BITS, "192.0.2.128/25" },
		{ "192.0.2.7/31", CIDR_HOST_BITS, "192.0.2.6/31" },
		{ "0.0.0.1/0", CIDR_HOST_BITS, "0.0.0.0/0" },
		{ "128.0.0.0/0", CIDR_HOST_BITS, "0.0.0.0/0" },
		{ "2001:db8::1/32", CIDR_HOST_BITS, "2001:db8::/32" },
		{ "2001:db8:8000::/32", CIDR_HOST_BITS, "2001:db8::/32" },
		{ "::1/127", CIDR_HOST_BITS, "::/127" },
		{ "ffff::/0", CIDR_HOST_BITS, "::/0" },
		{ "::ffff:10.0.0.1/104", CIDR_HOST_BITS, "10.0.0.0/8" },
		{ "::ffff:10.0.0.0/95", CIDR_HOST_BITS, "::fffe:0:0/95" },

		{ "192.0.2.0/33", CIDR_BAD_PREFIX, NULL },
		{ "192.0.2.0/", CIDR_BAD_PREFIX, NULL },
		{ "192.0.2.0/-1", CIDR_BAD_PREFIX, NULL },
		{ "192.0.2.0/+8", CIDR_BAD_PREFIX, NULL },
		{ "192.0.2.0/ 24", CIDR_BAD_PREFIX, NULL },
		{ "192.0.2.0/24 ", CIDR_BAD_PREFIX, NULL },
		{ "192.0.2.0/024", CIDR_BAD_PREFIX, NULL },
		{ "192.0.2.0/00", CIDR_BAD_PREFIX, NULL },
		{ "192.0.2.0/24x", CIDR_BAD_PREFIX, NULL },
		{ "192.0.2.0/0x8", CIDR_BAD_PREFIX, NULL },
		{ "192.0.2.0/24/", CIDR_BAD_PREFIX, NULL },
		{ "192.0.2.0/255.255.255.0", CIDR_BAD_PREFIX, NULL },
		{ "192.0.2.0/4294967320", CIDR_BAD_PREFIX, NULL },
		{ "::/129", CIDR_BAD_PREFIX, NULL },
		{ "::/999", CIDR_BAD_PREFIX, NULL },
		{ "::/1000", CIDR_BAD_PREFIX, NULL },

		{ "", CIDR_BAD_ADDRESS, NULL },
		{ "/", CIDR_BAD_ADDRESS, NULL },
		{ "/8", CIDR_BAD_ADDRESS, NULL },
		{ "10", CIDR_BAD_ADDRESS, NULL },
		{ "10/8", CIDR_BAD_ADDRESS, NULL },
		{ "10.0.0/24", CIDR_BAD_ADDRESS, NULL },
		{ "192.0.2.256", CIDR_BAD_ADDRESS, NULL },
		{ "192.0.2.07", CIDR_BAD_ADDRESS, NULL },
		{ "192.0.2.0.0/24", CIDR_BAD_ADDRESS, NULL },
		{ " 192.0.2.0/24", CIDR_BAD_ADDRESS, NULL },
		{ "192.0.2.0 /24", CIDR_BAD_ADDRESS, NULL },
		{ "192.0.2.0\n", CIDR_BAD_ADDRESS, NULL },
		{ ":", CIDR_BAD_ADDRESS, NULL },
		{ "2001:db8", CIDR_BAD_ADDRESS, NULL },
		{ "2001::db8::/32", CIDR_BAD_ADDRESS, NULL },
		{ "2001:db8::g/32", CIDR_BAD_ADDRESS, NULL },
		{ "1:2:3:4:5:6:7:8:9", CIDR_BAD_ADDRESS, NULL },
		{ "[::1]/128", CIDR_BAD_ADDRESS, NULL },
		{ "fe80::1%eth0/64", CIDR_BAD_ADDRESS, NULL },
		{ "localhost", CIDR_BAD_ADDRESS, NULL },
	};
	char text[CIDR_TEXT_MAX];
	struct cidr net, again;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		T_OK(parse(rows[i].text, strlen(rows[i].text), &net) ==
		    rows[i].verdict, rows[i].text);
		if (rows[i].out == NULL)
			continue;
		cidr_text(&net, text);
		T_OK(strcmp(text, rows[i].out) == 0, rows[i].text);
		T_OK(parse(text, strlen(text), &again) == CIDR_OK &&
		    cidr_equal(&net, &again), "the text means the same");
	}
}

static void
test_odd_lengths(void)
{
	static const char longest[] =
	    "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128";
	static const char with_nul[] = "192.0.2.0\0/24";
	char zeros[512], text[CIDR_TEXT_MAX + 1];
	struct cidr net;
	size_t len;

	memset(zeros, '0', sizeof(zeros));
	T_OK(parse(longest, strlen(longest), &net) == CIDR_OK,
	    "the longest spelling");
	memset(text, 'x', sizeof(text));
	cidr_text(&net, text);
	T_OK(text[CIDR_TEXT_MAX] == 'x' && strcmp(text, "ffff:ffff:"
	    "ffff:ffff:ffff:ffff:ffff:ffff/128") == 0, "the longest text");
	T_OK(parse(with_nul, sizeof(with_nul) - 1, &net) == CIDR_BAD_ADDRESS,
	    "a NUL does not end it");
	T_OK(cidr_parse("192.0.2.0/24", 9, &net) == CIDR_OK &&
	    net.prefix == 32, "what follows len is not read");
	for (len = 1; len <= sizeof(zeros); len++)
		T_OK(parse(zeros, len, &net) == CIDR_BAD_ADDRESS,
		    "any number of zeros is no address");
}

static void
test_addresses(void)
{
	static const struct {
		const char *text, *out;		/* out NULL: none */
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7/32" },
		{ "2001:db8::1", "2001:db8::1/128" },
		{ "::ffff:192.0.2.7", "192.0.2.7/32" },
		{ "fe80::1%eth0", "fe80::1/128" },
		{ "fe80::1%2", "fe80::1/128" },
		{ "::ffff:192.0.2.7%2", "192.0.2.7/32" },
		{ "fe80::1%", NULL },
		{ "%eth0", NULL },
		{ "192.0.2.7%eth0", NULL },
		{ "192.0.2.7/32", NULL },
		{ "2001:db8::1/128", NULL },
		{ "", NULL },
		{ " 192.0.2.7", NULL },
		{ "192.0.2", NULL },
		{ "host.example", NULL },
		{ "0000000000000000000000000000000000000000000000000000000000"
		    "000000000000000000000", NULL },
	};
	struct cidr net;
	char text[CIDR_TEXT_MAX];
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		bool is_one = parse_addr(rows[i].text, &net.addr);

		T_OK(is_one == (rows[i].out != NULL), rows[i].text);
		if (!is_one || rows[i].out == NULL)
			continue;
		net.prefix = net.addr.is_v6 ? 128 : 32;
		cidr_text(&net, text);
		T_OK(strcmp(text, rows[i].out) == 0, rows[i].text);
	}
}

static void
test_bytes(void)
{
	static const uint8_t v4[4] = { 192, 0, 2, 7 };
	static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff,
		[12] = 192, [14] = 2, [15] = 7 };
	static const uint8_t v6[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 1 };
	static const uint8_t near[16] = { [10] = 0xff, [11] = 0xfe,
		[12] = 192, [14] = 2, [15] = 7 };
	struct cidr_addr addr, want;

	memset(&addr, 0xa5, sizeof(addr));
	cidr_from_bytes(v4, sizeof(v4), &addr);
	T_OK(parse_addr("192.0.2.7", &want) && !addr.is_v6 &&
	    memcmp(addr.bytes, want.bytes, 16) == 0, "IPv4");
	memset(&addr, 0xa5, sizeof(addr));
	cidr_from_bytes(mapped, sizeof(mapped), &addr);
	T_OK(!addr.is_v6 && memcmp(addr.bytes, want.bytes, 16) == 0,
	    "IPv4 in IPv6, the unused bytes are 0");
	cidr_from_bytes(v6, sizeof(v6), &addr);
	T_OK(addr.is_v6 && memcmp(addr.bytes, v6, 16) == 0, "IPv6");
	cidr_from_bytes(near, sizeof(near), &addr);
	T_OK(addr.is_v6 && memcmp(addr.bytes, near, 16) == 0,
	    "a bit off IPv4 is IPv6");
}

/* ---- who lies in them ------------------------------------------------- */

static void
test_match(void)
{
	static const struct {
		const char *net, *addr;
		bool is_in;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.0", true },
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.0/24", "192.0.1.255", false },
		{ "192.0.2.0/25", "192.0.2.128", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.6", false },
		{ "0.0.0.0/0", "255.255.255.255", true },
		{ "0.0.0.0/0", "::", false },
		{ "0.0.0.0/0", "::ffff:192.0.2.7", true },
		{ "::/0", "192.0.2.7", false },
		{ "::/0", "::ffff:192.0.2.7", false },
		{ "::/0", "ffff::", true },
		{ "::/96", "::ffff:192.0.2.7", false },
		{ "::ffff:0:0/96", "192.0.2.7", true },
		{ "::ffff:0:0/96", "::1", false },
		{ "::ffff:10.0.0.0/104", "10.255.0.1", true },
		{ "::ffff:10.0.0.0/104", "11.0.0.0", false },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::", false },
		{ "2001:db8::/33", "2001:db8:8000::", false },
		{ "fe80::/10", "fe80::1%eth0", true },
		{ "c000:200::/24", "192.0.2.0", false },
		{ "192.0.2.0/24", "c000:200::", false },
	};
	struct cidr_addr addr;
	struct cidr net;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		T_OK(parse(rows[i].net, strlen(rows[i].net), &net) ==
		    CIDR_OK && parse_addr(rows[i].addr, &addr), rows[i].net);
		T_OK(cidr_match(&net, &addr) == rows[i].is_in, rows[i].net);
	}
}

static void
test_equal(void)
{
	static const struct {
		const char *a, *b;
		bool is_equal;
	} rows[] = {
		{ "10.0.0.0/8", "10.0.0.0/8", true },
		{ "10.0.0.0/8", "10.0.0.0/9", false },
		{ "10.0.0.0/8", "11.0.0.0/8", false },
		{ "10.0.0.0/8", "::ffff:10.0.0.0/104", true },
		{ "192.0.2.7", "192.0.2.7/32", true },
		{ "0.0.0.0/0", "::/0", false },
		{ "2001:db8::/32", "2001:DB8:0::/32", true },
		{ "2001:db8::/128", "2001:db8::1/128", false },
	};
	struct cidr a, b;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		T_OK(parse(rows[i].a, strlen(rows[i].a), &a) == CIDR_OK &&
		    parse(rows[i].b, strlen(rows[i].b), &b) == CIDR_OK,
		    rows[i].a);
		T_OK(cidr_equal(&a, &b) == rows[i].is_equal &&
		    cidr_equal(&b, &a) == rows[i].is_equal, rows[i].a);
	}
}

/* ---- random ones ------------------------------------------------------ */

static uint32_t
next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* The reference's numbers are strings of '0' and '1'. */
static void
random_bits(char *bits, size_t n, uint32_t *seed)
{
	size_t i;

	for (i = 0; i < n; i++)
		bits[i] = (next_random(seed) >> 16) % 2 ? '1' : '0';
	bits[n] = '\0';
}

/* As text, in a form without abbreviations. */
static void
spell(const char *bits, char *text, size_t size)
{
	bool is_v6 = strlen(bits) == 128;
	size_t i, group = is_v6 ? 16 : 8, at = 0;
	char digits[17];

	for (i = 0; bits[i] != '\0'; i += group) {
		snprintf(digits, sizeof(digits), "%.*s", (int)group, bits + i);
		at += (size_t)snprintf(text + at, size - at,
		    is_v6 ? "%s%lx" : "%s%lu",
		    i == 0 ? "" : is_v6 ? ":" : ".", strtoul(digits, NULL, 2));
	}
}

static bool
is_mapped_bits(const char *bits)
{
	return strlen(bits) == 128 && strspn(bits, "0") == 80 &&
	    strspn(bits + 80, "1") >= 16;
}

/*
 * Most random pairs would differ in the first bits: so the address shares
 * as many bits with the network as a second number says.
 */
static bool
pair_agrees(uint32_t *seed)
{
	size_t width = next_random(seed) % 2 ? 32 : 128;
	size_t prefix = next_random(seed) % (width + 1);
	size_t shared = next_random(seed) % (width + 1);
	char net_bits[BITS_MAX], addr_bits[BITS_MAX];
	char net_text[128], addr_text[128];
	struct cidr_addr addr;
	struct cidr net;
	bool is_in;

	random_bits(net_bits, width, seed);
	if (width == 128 && next_random(seed) % 4 == 0) {
		memset(net_bits, '0', 80);
		memset(net_bits + 80, '1', 16);
		prefix = 96 + prefix % 33;
	}
	random_bits(addr_bits, width, seed);
	memcpy(addr_bits, net_bits, shared);
	memset(net_bits + prefix, '0', width - prefix);
	is_in = strncmp(net_bits, addr_bits, prefix) == 0 &&
	    is_mapped_bits(net_bits) == is_mapped_bits(addr_bits);

	spell(addr_bits, addr_text, sizeof(addr_text));
	spell(net_bits, net_text, sizeof(net_text) - 8);
	snprintf(net_text + strlen(net_text), 8, "/%zu", prefix);
	return cidr_parse(net_text, strlen(net_text), &net) == CIDR_OK &&
	    cidr_parse_addr(addr_text, &addr) &&
	    cidr_match(&net, &addr) == is_in;
}

static void
test_random(void)
{
	const char *wanted = getenv("SEED");
	uint32_t seed = wanted != NULL ? (uint32_t)strtoul(wanted, NULL, 0) :
	    (uint32_t)time(NULL) ^ (uint32_t)getpid() << 16;
	unsigned i, wrong = 0;

	seed += seed == 0;
	printf("(SEED=%u) ", seed);
	for (i = 0; i < PAIRS; i++)
		wrong += !pair_agrees(&seed);
	T_OK(wrong == 0, "every pair is as its bits say");
}

int
main(void)
{
	CU_TestInfo texts[] = {
		{ "networks", test_parse },
		{ "odd lengths", test_odd_lengths },
		{ "addresses", test_addresses },
		{ "bytes", test_bytes },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo matches[] = {
		{ "in or not", test_match },
		{ "the same network", test_equal },
		{ "100000 random pairs", test_random },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "cidr: text", NULL, NULL, NULL, NULL, texts },
		{ "cidr: matching", NULL, NULL, NULL, NULL, matches },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
