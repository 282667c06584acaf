/*
 * t-options - every byte of the OACK, for every combination.
 *
 * In the tables '|' stands for a NUL, and an OACK is written without its
 * opcode; "" means that none is sent.
 */
#include "core/options.h"
#include "t.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define TEXT_MAX	4096

static const struct options_limits read_limits = {
	.op = PACKET_RRQ, .mode = PACKET_MODE_OCTET, .max_blksize = 1428,
	.max_windowsize = 64, .size = 123456
};
static const struct options_limits write_limits = {
	.op = PACKET_WRQ, .mode = PACKET_MODE_OCTET, .max_blksize = 1428,
	.max_windowsize = 64
};

static size_t
from_bars(const char *text, size_t len, uint8_t *out)
{
	size_t i;

	for (i = 0; i < len; i++)
		out[i] = text[i] == '|' ? '\0' : (uint8_t)text[i];
	return len;
}

/* Whether that is the whole OACK, to the byte. */
static bool
oack_is(const struct options_granted *g, const char *want)
{
	uint8_t bytes[TEXT_MAX] = { 0, PACKET_OACK };
	size_t len = 2 + from_bars(want, strlen(want), bytes + 2);

	if (len == 2)
		return g->oack_len == 0;
	return g->oack_len == len && len <= OPTIONS_OACK_MAX &&
	    memcmp(g->oack, bytes, len) == 0;
}

static void
grant(const char *asked, size_t len, const struct options_limits *limits,
    struct options_granted *g)
{
	uint8_t bytes[TEXT_MAX], *buf;

	from_bars(asked, len, bytes);
	buf = t_guard(bytes, len);
	memset(g, 0xa5, sizeof(*g));
	options_grant((struct packet_slice){ buf, len }, limits, g);
	t_unguard(buf, len);
}

struct row {
	const char *what, *asked, *oack;
};

static void
check_rows(const struct row *rows, size_t count,
    const struct options_limits *limits)
{
	struct options_granted g;
	size_t i;

	for (i = 0; i < count; i++) {
		grant(rows[i].asked, strlen(rows[i].asked), limits, &g);
		T_OK(oack_is(&g, rows[i].oack), rows[i].what);
	}
}

static void
test_read(void)
{
	static const struct row rows[] = {
		{ "no options, no OACK", "", "" },
		{ "PXELINUX", "tsize|0|blksize|1408|",
		    "tsize|123456|blksize|1408|" },
		{ "EDK2 with a window", "tsize|0|blksize|1468|windowsize|4|",
		    "tsize|123456|blksize|1428|windowsize|4|" },
		{ "U-Boot", "timeout|5|tsize|0|blksize|1468|windowsize|1|",
		    "timeout|5|tsize|123456|blksize|1428|windowsize|1|" },
		{ "a name is spelled as the client does",
		    "BLKSIZE|512|TSize|0|", "BLKSIZE|512|TSize|123456|" },
		{ "unknown options are left out",
		    "multicast||blksize|512|x-foo|1|", "blksize|512|" },
		{ "only unknown options, no OACK", "multicast||", "" },
		{ "a name that begins like ours", "blksiz|512|", "" },
		{ "a name that goes on after ours", "blksize3|512|", "" },
		{ "an empty name", "|512|", "" },
		{ "the first of two counts", "blksize|512|blksize|1024|",
		    "blksize|512|" },
		{ "the first of two counts, in any case",
		    "Timeout|3|TIMEOUT|4|", "Timeout|3|" },
		{ "the first of two counts even if it is bad",
		    "blksize|x|blksize|1024|", "" },
		{ "padding", "blksize|512||||||||", "blksize|512|" },
		{ "padding of an odd length", "blksize|512|||||||||",
		    "blksize|512|" },
		{ "a value without its NUL", "tsize|0|blksize|512",
		    "tsize|123456|" },
		{ "a name without a value", "tsize|0|blksize|",
		    "tsize|123456|" },
		{ "a name without its NUL", "tsize|0|blksize",
		    "tsize|123456|" },
		{ "any tsize is answered", "tsize|18446744073709551615|",
		    "tsize|123456|" },
		{ "rollover 0", "rollover|0|", "rollover|0|" },
		{ "rollover 1", "rollover|1|", "rollover|1|" },
		{ "rollover 2", "rollover|2|", "" },
	};

	check_rows(rows, COUNT(rows), &read_limits);
}

/* Values that strtoul() would take, and that it would get wrong. */
static void
test_numbers(void)
{
	static const struct row rows[] = {
		{ "a leading zero goes (GRUB: octal)", "blksize|01024|",
		    "blksize|1024|" },
		{ "leading zeros do not make it octal", "timeout|010|",
		    "timeout|10|" },
		{ "20 digits", "blksize|00000000000000001024|",
		    "blksize|1024|" },
		{ "21 digits", "blksize|000000000000000001024|", "" },
		{ "empty", "blksize||", "" },
		{ "empty, all of them", "blksize||timeout||tsize||"
		    "windowsize||utimeout||blksize2||rollover||", "" },
		{ "plus", "blksize|+512|", "" },
		{ "minus", "blksize|-512|", "" },
		{ "minus, wrapped round by strtoul",
		    "blksize|-18446744073709551104|", "" },
		{ "minus zero", "tsize|-0|", "" },
		{ "a space before", "blksize| 512|", "" },
		{ "a space after", "blksize|512 |", "" },
		{ "a tab", "blksize|\t512|", "" },
		{ "a line end", "blksize|512\n|", "" },
		{ "hex", "blksize|0x200|", "" },
		{ "a letter", "blksize|512b|", "" },
		{ "a fraction", "timeout|1.5|", "" },
		{ "an exponent", "blksize|1e3|", "" },
		{ "a byte above 127", "blksize|51\262|", "" },
		{ "the byte before 0", "blksize|/|tsize|/|", "" },
		{ "the byte after 9", "blksize|51:|timeout|:|", "" },
		{ "2^64 - 1", "blksize|18446744073709551615|",
		    "blksize|1428|" },
		{ "2^64", "blksize|18446744073709551616|", "" },
		{ "2^64 for tsize", "tsize|18446744073709551616|", "" },
		{ "20 nines", "blksize|99999999999999999999|", "" },
		{ "2^64 + 1024", "blksize|18446744073709552640|", "" },
		{ "2^32 + 512 is not 512", "blksize|4294967808|",
		    "blksize|1428|" },
		{ "2^16 + 512 is not 512", "blksize|66048|",
		    "blksize|1428|" },
		{ "2^32 + 1 s is not 1 s", "timeout|4294967297|", "" },
		{ "2^32 + 1 blocks are not 1", "windowsize|4294967297|", "" },
		{ "2^32 + 1 is no rollover", "rollover|4294967297|", "" },
	};

	check_rows(rows, COUNT(rows), &read_limits);
}

/* CVE-2011-2199: a utimeout that went into a buffer of fixed size. */
static void
test_digits(void)
{
	static const char *names[] = { "blksize", "timeout", "tsize",
		"windowsize", "utimeout", "blksize2", "rollover" };
	struct options_granted g;
	char asked[TEXT_MAX];
	size_t i, digits, len;

	for (i = 0; i < COUNT(names); i++) {
		for (digits = 21; digits <= 2000; digits += 1979) {
			len = (size_t)snprintf(asked, sizeof(asked), "%s|",
			    names[i]);
			memset(asked + len, '1', digits);
			memcpy(asked + len + digits, "|", 2);
			grant(asked, strlen(asked), &read_limits, &g);
			T_OK(g.oack_len == 0, "21 and 2,000 digits are bad");
			memset(asked + len, '0', digits);
			grant(asked, strlen(asked), &read_limits, &g);
			T_OK(g.oack_len == 0, "so are as many zeros");
		}
	}
}

static void
test_edges(void)
{
	static const struct row rows[] = {
		{ "blksize 7", "blksize|7|", "" },
		{ "blksize 8", "blksize|8|", "blksize|8|" },
		{ "blksize 0", "blksize|0|", "" },
		{ "blksize 9 need not be even", "blksize|9|", "blksize|9|" },
		{ "blksize at our limit", "blksize|1428|", "blksize|1428|" },
		{ "blksize over our limit", "blksize|1429|",
		    "blksize|1428|" },
		{ "blksize 65464", "blksize|65464|", "blksize|1428|" },
		{ "blksize 65465", "blksize|65465|", "blksize|1428|" },
		{ "blksize2 7", "blksize2|7|", "" },
		{ "blksize2 8", "blksize2|8|", "blksize2|8|" },
		{ "blksize2 15", "blksize2|15|", "blksize2|8|" },
		{ "blksize2 16", "blksize2|16|", "blksize2|16|" },
		{ "blksize2 over our limit", "blksize2|65536|",
		    "blksize2|1024|" },
		{ "blksize before blksize2", "blksize|1000|blksize2|1000|",
		    "blksize|1000|" },
		{ "blksize2 before blksize", "blksize2|1000|blksize|1000|",
		    "blksize2|512|" },
		{ "a bad blksize does not count",
		    "blksize|7|blksize2|1000|", "blksize2|512|" },
		{ "a bad blksize2 does not count",
		    "blksize2|x|blksize|1000|", "blksize|1000|" },
		{ "timeout 0", "timeout|0|", "" },
		{ "timeout 1", "timeout|1|", "timeout|1|" },
		{ "timeout 255", "timeout|255|", "timeout|255|" },
		{ "timeout 256", "timeout|256|", "" },
		{ "utimeout 9999", "utimeout|9999|", "" },
		{ "utimeout 10000", "utimeout|10000|", "utimeout|10000|" },
		{ "utimeout 255 s", "utimeout|255000000|",
		    "utimeout|255000000|" },
		{ "utimeout over 255 s", "utimeout|255000001|", "" },
		{ "timeout before utimeout", "timeout|1|utimeout|20000|",
		    "timeout|1|" },
		{ "utimeout before timeout", "utimeout|20000|timeout|1|",
		    "utimeout|20000|" },
		{ "a bad timeout does not count",
		    "timeout|0|utimeout|20000|", "utimeout|20000|" },
		{ "windowsize 0", "windowsize|0|", "" },
		{ "windowsize 1", "windowsize|1|", "windowsize|1|" },
		{ "windowsize at our limit", "windowsize|64|",
		    "windowsize|64|" },
		{ "windowsize over our limit", "windowsize|65|",
		    "windowsize|64|" },
		{ "windowsize 65535", "windowsize|65535|", "windowsize|64|" },
		{ "windowsize 65536", "windowsize|65536|", "" },
	};

	check_rows(rows, COUNT(rows), &read_limits);
}

static void
test_write(void)
{
	static const struct row rows[] = {
		{ "curl", "tsize|42|blksize|512|timeout|6|",
		    "tsize|42|blksize|512|timeout|6|" },
		{ "tsize is echoed", "tsize|4294967296|",
		    "tsize|4294967296|" },
		{ "tsize 0 is echoed", "tsize|0|", "tsize|0|" },
		{ "tsize 2^63 - 1", "tsize|9223372036854775807|",
		    "tsize|9223372036854775807|" },
		{ "tsize 2^63 is no file's size", "tsize|9223372036854775808|",
		    "" },
		{ "a bad tsize", "tsize|-1|", "" },
	};
	struct options_limits limits = write_limits;

	check_rows(rows, COUNT(rows), &write_limits);
	limits.mode = PACKET_MODE_NETASCII;
	check_rows(rows, COUNT(rows), &limits);
}

static void
test_tsize_left_out(void)
{
	static const struct row rows[] = {
		{ "tsize is left out", "tsize|0|", "" },
		{ "the others stay", "blksize|512|tsize|0|timeout|1|",
		    "blksize|512|timeout|1|" },
	};
	struct options_limits empty = read_limits, netascii = read_limits;

	empty.size = 0;
	netascii.mode = PACKET_MODE_NETASCII;
	check_rows(rows, COUNT(rows), &empty);
	check_rows(rows, COUNT(rows), &netascii);
}

/* A refused option does not stand in its rival's way either. */
static void
test_refused(void)
{
	static const struct {
		const char *what, *asked, *oack;
		enum options_id refused;
	} rows[] = {
		{ "blksize", "blksize|512|tsize|0|", "tsize|123456|",
		    OPTIONS_BLKSIZE },
		{ "blksize, but not blksize2",
		    "BLKSIZE|600|blksize2|600|", "blksize2|512|",
		    OPTIONS_BLKSIZE },
		{ "blksize2, but not blksize",
		    "blksize2|600|blksize|600|", "blksize|600|",
		    OPTIONS_BLKSIZE2 },
		{ "timeout", "timeout|1|utimeout|20000|", "utimeout|20000|",
		    OPTIONS_TIMEOUT },
		{ "utimeout", "utimeout|20000|timeout|1|", "timeout|1|",
		    OPTIONS_UTIMEOUT },
		{ "tsize", "tsize|0|blksize|512|", "blksize|512|",
		    OPTIONS_TSIZE },
		{ "windowsize", "windowsize|4|", "", OPTIONS_WINDOWSIZE },
		{ "rollover", "rollover|1|", "", OPTIONS_ROLLOVER },
	};
	const char *all = "blksize|600|timeout|1|tsize|0|windowsize|4|"
	    "rollover|1|utimeout|20000|blksize2|600|";
	struct options_limits limits = read_limits;
	struct options_granted g;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		limits.refused = UINT32_C(1) << rows[i].refused;
		grant(rows[i].asked, strlen(rows[i].asked), &limits, &g);
		T_OK(oack_is(&g, rows[i].oack), rows[i].what);
		T_OK(rows[i].refused != OPTIONS_TSIZE || !g.has_tsize,
		    "a refused tsize was not sent");
		T_OK(g.rollover == 0, "no rollover was agreed");
	}
	limits.refused = (UINT32_C(1) << OPTIONS_COUNT) - 1;
	grant(all, strlen(all), &limits, &g);
	T_OK(g.oack_len == 0 && g.blksize == 512 && g.windowsize == 1,
	    "all refused: as if none was sent");
}

static void
test_window_bytes(void)
{
	static const struct {
		const char *what, *asked, *oack;
		uint16_t windowsize;
	} rows[] = {
		{ "512 KiB in blocks of 65464 are 8",
		    "blksize|65464|windowsize|65535|",
		    "blksize|65464|windowsize|8|", 8 },
		{ "whatever comes first", "windowsize|65535|blksize|65464|",
		    "windowsize|8|blksize|65464|", 8 },
		{ "in blocks of 1468 they are 357",
		    "windowsize|65535|blksize|1468|",
		    "windowsize|357|blksize|1468|", 357 },
		{ "without blksize they are 1024", "windowsize|65535|",
		    "windowsize|1024|", 1024 },
		{ "in blocks of 8 the limit is higher than can be asked",
		    "blksize|8|windowsize|65535|",
		    "blksize|8|windowsize|65535|", 65535 },
		{ "blksize2 counts as well",
		    "windowsize|65535|blksize2|40000|",
		    "windowsize|16|blksize2|32768|", 16 },
		{ "less than that is granted", "windowsize|7|blksize|65464|",
		    "windowsize|7|blksize|65464|", 7 },
	};
	struct options_limits limits = read_limits;
	struct options_granted g;
	size_t i;

	limits.max_blksize = PACKET_BLKSIZE_MAX;
	limits.max_windowsize = UINT16_MAX;
	for (i = 0; i < COUNT(rows); i++) {
		grant(rows[i].asked, strlen(rows[i].asked), &limits, &g);
		T_OK(oack_is(&g, rows[i].oack), rows[i].what);
		T_OK(g.windowsize == rows[i].windowsize, rows[i].what);
		T_OK((uint32_t)g.windowsize * g.blksize <=
		    OPTIONS_WINDOW_BYTES, rows[i].what);
	}
}

static void
test_granted(void)
{
	static const struct {
		const char *what, *asked;
		bool write;
		uint16_t blksize, windowsize;
		uint32_t timeout_ms;
		uint16_t rollover;
		bool has_tsize;
		uint64_t tsize;
	} rows[] = {
		{ "RFC 1350 without options", "",
		    false, 512, 1, 0, 0, false, 0 },
		{ "bad values change nothing",
		    "blksize|x|windowsize|0|timeout|0|rollover|2|tsize|x|",
		    false, 512, 1, 0, 0, false, 0 },
		{ "everything", "blksize|1000|windowsize|9|timeout|2|"
		    "rollover|1|tsize|0|", false, 1000, 9, 2000, 1, true,
		    123456 },
		{ "everything, upload", "blksize|1000|windowsize|9|timeout|2|"
		    "rollover|1|tsize|77|", true, 1000, 9, 2000, 1, true, 77 },
		{ "what is granted, not what was asked",
		    "blksize|9999|windowsize|99|", false, 1428, 64, 0, 0,
		    false, 0 },
		{ "blksize2", "blksize2|1400|",
		    false, 1024, 1, 0, 0, false, 0 },
		{ "utimeout", "utimeout|500000|",
		    false, 512, 1, 500, 0, false, 0 },
		{ "utimeout is never cut short", "utimeout|10001|",
		    false, 512, 1, 11, 0, false, 0 },
		{ "the longest utimeout", "utimeout|255000000|",
		    false, 512, 1, 255000, 0, false, 0 },
		{ "the second of two changes nothing",
		    "timeout|2|utimeout|50000|blksize|600|blksize2|1024|"
		    "rollover|0|rollover|1|", false, 600, 1, 2000, 0, false,
		    0 },
		{ "an upload's tsize that is too large", "tsize|"
		    "9223372036854775808|", true, 512, 1, 0, 0, false, 0 },
	};
	struct options_granted g;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		const char *what = rows[i].what;

		grant(rows[i].asked, strlen(rows[i].asked),
		    rows[i].write ? &write_limits : &read_limits, &g);
		T_OK(g.blksize == rows[i].blksize, what);
		T_OK(g.windowsize == rows[i].windowsize, what);
		T_OK(g.timeout_ms == rows[i].timeout_ms, what);
		T_OK(g.rollover == rows[i].rollover, what);
		T_OK(g.has_tsize == rows[i].has_tsize, what);
		T_OK(g.tsize == rows[i].tsize, what);
	}
}

/* A request for the options in asked, with these values, in this order. */
struct subset {
	unsigned asked;			/* bit 1 << options_id */
	bool backwards;
	unsigned blksize;		/* for blksize and blksize2 */
	const struct options_limits *limits;
};

static const char *const spelled[OPTIONS_COUNT] = {
	[OPTIONS_BLKSIZE] = "BlkSize", [OPTIONS_TIMEOUT] = "timeout",
	[OPTIONS_TSIZE] = "tsize", [OPTIONS_WINDOWSIZE] = "WINDOWSIZE",
	[OPTIONS_UTIMEOUT] = "utimeout", [OPTIONS_BLKSIZE2] = "blksize2",
	[OPTIONS_ROLLOVER] = "rollover"
};

static int
nth(const struct subset *s, int n)
{
	return s->backwards ? OPTIONS_COUNT - 1 - n : n;
}

/* Whether option a is asked for, and before option b if that is, too. */
static bool
wins(const struct subset *s, int a, int b)
{
	if ((s->asked & 1U << a) == 0)
		return false;
	return (s->asked & 1U << b) == 0 || (a < b) != s->backwards;
}

static unsigned
expect_blksize(const struct subset *s)
{
	unsigned size = s->blksize, power;

	if (size > s->limits->max_blksize)
		size = s->limits->max_blksize;
	if (wins(s, OPTIONS_BLKSIZE, OPTIONS_BLKSIZE2))
		return size;
	if (!wins(s, OPTIONS_BLKSIZE2, OPTIONS_BLKSIZE))
		return 512;
	for (power = 32768; power > size; power /= 2)
		;
	return power;
}

static bool
expect_answer(const struct subset *s, int id)
{
	static const int rivals[OPTIONS_COUNT] = {
		OPTIONS_BLKSIZE2, OPTIONS_UTIMEOUT, OPTIONS_TSIZE,
		OPTIONS_WINDOWSIZE, OPTIONS_TIMEOUT, OPTIONS_BLKSIZE,
		OPTIONS_ROLLOVER
	};

	return id == rivals[id] ? (s->asked & 1U << id) != 0 :
	    wins(s, id, rivals[id]);
}

static unsigned
expect_value(const struct subset *s, int id)
{
	unsigned window = OPTIONS_WINDOW_BYTES / expect_blksize(s);

	switch (id) {
	case OPTIONS_BLKSIZE:
	case OPTIONS_BLKSIZE2:
		return expect_blksize(s);
	case OPTIONS_TIMEOUT:
		return 5;
	case OPTIONS_UTIMEOUT:
		return 500000;
	case OPTIONS_TSIZE:
		return s->limits->op == PACKET_RRQ ? 123456 : 7;
	case OPTIONS_WINDOWSIZE:
		window = window < 16 ? window : 16;
		return window < s->limits->max_windowsize ? window :
		    s->limits->max_windowsize;
	default:
		return 1;
	}
}

static void
check_subset(const struct subset *s)
{
	const unsigned values[OPTIONS_COUNT] = { s->blksize, 5, 7, 16, 500000,
		s->blksize, 1 };
	char asked[TEXT_MAX] = "", want[TEXT_MAX] = "";
	struct options_granted g;
	size_t asked_len = 0, want_len = 0;
	int n, id;

	for (n = 0; n < OPTIONS_COUNT; n++) {
		id = nth(s, n);
		if ((s->asked & 1U << id) == 0)
			continue;
		asked_len += (size_t)snprintf(asked + asked_len,
		    sizeof(asked) - asked_len, "%s|%u|", spelled[id],
		    values[id]);
		if (!expect_answer(s, id))
			continue;
		want_len += (size_t)snprintf(want + want_len,
		    sizeof(want) - want_len, "%s|%u|", spelled[id],
		    expect_value(s, id));
	}
	grant(asked, asked_len, s->limits, &g);
	T_OK(oack_is(&g, want), want);
	T_OK(g.blksize == expect_blksize(s), asked);
}

/* CVE-2021-41054: an OACK did not fit the buffer of a small blksize. */
static void
test_subsets(void)
{
	static const unsigned sizes[] = { 8, 9, 16, 511, 512, 65464 };
	struct options_limits wide = read_limits;
	const struct options_limits *limits[] = { &read_limits, &write_limits,
		&wide };
	struct subset s;
	size_t size, l;

	wide.max_blksize = PACKET_BLKSIZE_MAX;
	wide.max_windowsize = 9;
	for (s.asked = 0; s.asked < 1U << OPTIONS_COUNT; s.asked++) {
		for (size = 0; size < COUNT(sizes); size++) {
			for (l = 0; l < COUNT(limits); l++) {
				s.blksize = sizes[size];
				s.limits = limits[l];
				s.backwards = false;
				check_subset(&s);
				s.backwards = true;
				check_subset(&s);
			}
		}
	}
}

static void
test_longest(void)
{
	struct options_limits limits = read_limits;
	struct options_granted g;
	const char *asked = "blksize2|65464|utimeout|255000000|tsize|0|"
	    "windowsize|65535|rollover|1|blksize|65464|timeout|255|";

	limits.max_blksize = PACKET_BLKSIZE_MAX;
	limits.max_windowsize = UINT16_MAX;
	limits.size = UINT64_MAX;
	grant(asked, strlen(asked), &limits, &g);
	T_OK(oack_is(&g, "blksize2|32768|utimeout|255000000|"
	    "tsize|18446744073709551615|windowsize|16|rollover|1|"),
	    "the longest OACK");
}

/* CVE-2021-46671: the option table was read past its end. */
static void
test_many(void)
{
	static char asked[64 * 1024];
	static uint8_t bytes[sizeof(asked)];
	struct options_granted g;
	size_t len = 0, i;

	while (len + 32 < sizeof(asked))
		len += (size_t)snprintf(asked + len, 32, "x%zu|1|timeout|%zu|",
		    len, 1 + len % 255);
	from_bars(asked, len, bytes);
	options_grant((struct packet_slice){ bytes, len }, &read_limits, &g);
	T_OK(oack_is(&g, "timeout|1|"), "thousands of options");
	memset(bytes, 0, sizeof(bytes));
	options_grant((struct packet_slice){ bytes, sizeof(bytes) },
	    &read_limits, &g);
	T_OK(g.oack_len == 0, "64 KiB of NULs");
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31 + 1) | 1;
	options_grant((struct packet_slice){ bytes, sizeof(bytes) },
	    &read_limits, &g);
	T_OK(g.oack_len == 0, "64 KiB without a NUL");
	options_grant((struct packet_slice){ NULL, 0 }, &read_limits, &g);
	T_OK(g.oack_len == 0 && g.blksize == 512, "no bytes at all");
}

static void
test_prefixes(void)
{
	static const char asked[] = "blksize|1024|tsize|0|windowsize|8|";
	struct options_granted g;
	size_t len;

	for (len = 0; len < sizeof(asked); len++) {
		grant(asked, len, &read_limits, &g);
		T_OK(oack_is(&g, len < 13 ? "" : len < 21 ? "blksize|1024|" :
		    len < 34 ? "blksize|1024|tsize|123456|" :
		    "blksize|1024|tsize|123456|windowsize|8|"),
		    "only whole options of a prefix count");
	}
}

static void
test_names(void)
{
	static const struct {
		const char *what, *name;
		int id;
	} rows[] = {
		{ "blksize", "blksize", OPTIONS_BLKSIZE },
		{ "timeout", "timeout", OPTIONS_TIMEOUT },
		{ "tsize", "tsize", OPTIONS_TSIZE },
		{ "windowsize", "windowsize", OPTIONS_WINDOWSIZE },
		{ "utimeout", "utimeout", OPTIONS_UTIMEOUT },
		{ "blksize2", "blksize2", OPTIONS_BLKSIZE2 },
		{ "rollover", "rollover", OPTIONS_ROLLOVER },
		{ "capitals", "WindowSize", OPTIONS_WINDOWSIZE },
		{ "a stranger", "multicast", -1 },
		{ "a part", "blk", -1 },
		{ "nothing", "", -1 },
	};
	size_t i, len;

	for (i = 0; i < COUNT(rows); i++) {
		uint8_t *name;

		len = strlen(rows[i].name);
		name = t_guard(rows[i].name, len);
		T_OK(options_from_name((struct packet_slice){ name, len }) ==
		    rows[i].id, rows[i].what);
		t_unguard(name, len);
	}
}

static void
test_describe(void)
{
	static const struct row rows[] = {
		{ "nothing asked", "", "" },
		{ "as asked", "blksize|1468|tsize|0|", "blksize=1468 tsize=0" },
		{ "bad, refused, doubled, unknown and odd ones, too",
		    "BLKSIZE|+7|tsize||tsize|0|x y|\377\n|",
		    "BLKSIZE=+7 tsize= tsize=0 x y=\377\n" },
		{ "a value without a name", "|5|", "=5" },
		{ "no padding", "tsize|0|||||||", "tsize=0" },
		{ "no half option", "tsize|0|blksize|14", "tsize=0" },
	};
	uint8_t bytes[TEXT_MAX], *buf;
	size_t i, size, len, want;
	char zeros[64] = "", *out;

	for (i = 0; i < COUNT(rows); i++) {
		len = strlen(rows[i].asked);
		from_bars(rows[i].asked, len, bytes);
		buf = t_guard(bytes, len);
		want = strlen(rows[i].oack);
		for (size = 0; size <= want + 1; size++) {
			out = t_guard(zeros, size);
			T_OK(options_describe((struct packet_slice){ buf, len },
			    out, size) == (size < want ? size : want),
			    rows[i].what);
			T_OK(memcmp(out, rows[i].oack,
			    size < want ? size : want) == 0, rows[i].what);
			t_unguard(out, size);
		}
		t_unguard(buf, len);
	}
	T_OK(options_describe((struct packet_slice){ NULL, 0 }, NULL, 0) == 0,
	    "nothing into nothing");
}

int
main(void)
{
	CU_TestInfo single[] = {
		{ "names", test_names },
		{ "reads", test_read },
		{ "writes", test_write },
		{ "numbers", test_numbers },
		{ "too many digits", test_digits },
		{ "least and greatest values", test_edges },
		{ "tsize where it cannot be told", test_tsize_left_out },
		{ "refused options", test_refused },
		{ "windows in bytes", test_window_bytes },
		{ "what was agreed", test_granted },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo whole[] = {
		{ "every subset of the options", test_subsets },
		{ "the longest OACK", test_longest },
		{ "thousands of options", test_many },
		{ "every prefix", test_prefixes },
		{ "as asked, for the log", test_describe },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "options: one by one", NULL, NULL, NULL, NULL, single },
		{ "options: together", NULL, NULL, NULL, NULL, whole },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
