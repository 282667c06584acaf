/*
 * options - what is granted, beside a model that grants in the plainest way;
 * and the OACK read again, as a client reads it.
 *
 * An input is the limits, then the options as they stand in a request.
 */
#include <errno.h>

#include "core/options.h"
#include "fuzz.h"

static struct options_limits
take_limits(struct fuzz_input *in)
{
	uint8_t how = fuzz_u8(in);
	struct options_limits limits = {
		.op = how & 1 ? PACKET_WRQ : PACKET_RRQ,
		.mode = how & 2 ? PACKET_MODE_NETASCII : PACKET_MODE_OCTET,
		.refused = fuzz_u8(in),
	};

	limits.max_blksize = (uint16_t)(PACKET_BLKSIZE_MIN + fuzz_u16(in) %
	    (PACKET_BLKSIZE_MAX - PACKET_BLKSIZE_MIN + 1));
	limits.max_windowsize = fuzz_u16(in);
	if (limits.max_windowsize == 0)
		limits.max_windowsize = 1;
	/* sizes of all magnitudes, 0 too */
	limits.size = fuzz_u64(in) >> (how >> 2);
	return limits;
}

/* ---- the model -------------------------------------------------------- */

struct answer {
	bool was_asked, is_granted;
	struct packet_slice name;
	uint64_t asked, value;
};

static bool
read_number(struct packet_slice text, uint64_t *value)
{
	char digits[21];
	size_t i;

	if (text.len == 0 || text.len > 20)
		return false;
	for (i = 0; i < text.len; i++) {
		if (text.buf[i] < '0' || text.buf[i] > '9')
			return false;
		digits[i] = (char)text.buf[i];
	}
	digits[i] = '\0';
	errno = 0;
	*value = strtoull(digits, NULL, 10);
	return errno == 0;
}

static bool
is_allowed(int id, uint64_t n, const struct options_limits *limits)
{
	switch (id) {
	case OPTIONS_BLKSIZE:
	case OPTIONS_BLKSIZE2:
		return n >= 8;
	case OPTIONS_TIMEOUT:
		return n >= 1 && n <= 255;
	case OPTIONS_UTIMEOUT:
		return n >= 10000 && n <= 255000000;
	case OPTIONS_WINDOWSIZE:
		return n >= 1 && n <= 65535;
	case OPTIONS_ROLLOVER:
		return n <= 1;
	default:
		return limits->op == PACKET_RRQ || n <= INT64_MAX;
	}
}

/* The first of each name counts, and of two that mean the same, too. */
static void
ask_all(struct packet_slice options, const struct options_limits *limits,
    struct answer answers[static OPTIONS_COUNT])
{
	struct packet_slice name, value;
	struct answer *a;
	int id;

	while (packet_next_option(&options, &name, &value)) {
		id = options_from_name(name);
		if (id < 0 || answers[id].was_asked)
			continue;
		a = &answers[id];
		a->was_asked = true;
		if ((limits->refused >> id & 1) != 0 ||
		    !read_number(value, &a->asked) ||
		    !is_allowed(id, a->asked, limits))
			continue;
		if ((id == OPTIONS_BLKSIZE &&
		    answers[OPTIONS_BLKSIZE2].is_granted) ||
		    (id == OPTIONS_BLKSIZE2 &&
		    answers[OPTIONS_BLKSIZE].is_granted) ||
		    (id == OPTIONS_TIMEOUT &&
		    answers[OPTIONS_UTIMEOUT].is_granted) ||
		    (id == OPTIONS_UTIMEOUT &&
		    answers[OPTIONS_TIMEOUT].is_granted))
			continue;
		a->is_granted = true;
		a->name = name;
		a->value = a->asked;
	}
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void
settle_all(const struct options_limits *limits,
    struct answer answers[static OPTIONS_COUNT])
{
	struct answer *blksize2 = &answers[OPTIONS_BLKSIZE2];
	struct answer *tsize = &answers[OPTIONS_TSIZE];
	uint64_t blksize = PACKET_BLKSIZE_DEFAULT, power = 8;

	answers[OPTIONS_BLKSIZE].value = least(limits->max_blksize,
	    answers[OPTIONS_BLKSIZE].value);
	while (power * 2 <= least(limits->max_blksize, blksize2->value))
		power *= 2;
	blksize2->value = power;
	if (answers[OPTIONS_BLKSIZE].is_granted)
		blksize = answers[OPTIONS_BLKSIZE].value;
	if (blksize2->is_granted)
		blksize = power;
	answers[OPTIONS_WINDOWSIZE].value = least(OPTIONS_WINDOW_BYTES /
	    blksize, least(limits->max_windowsize,
	    answers[OPTIONS_WINDOWSIZE].value));
	if (limits->op == PACKET_RRQ) {
		tsize->value = limits->size;
		if (limits->size == 0 || limits->mode != PACKET_MODE_OCTET)
			tsize->is_granted = false;
	}
}

/* ---- the OACK --------------------------------------------------------- */

/* The value stands as a plain number, without a zero before it. */
static void
check_value(struct packet_slice text, uint64_t want)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu",
	    (unsigned long long)want);

	FUZZ_HOLDS(fuzz_same(text, digits, (size_t)len),
	    "the OACK has the value that was granted");
}

static struct packet_slice
check_oack(const struct options_granted *granted,
    const struct answer answers[static OPTIONS_COUNT])
{
	struct packet_slice rest = { granted->oack, granted->oack_len };
	struct packet_slice all, name, value;
	unsigned count = 0, wanted = 0;
	int id;

	for (id = 0; id < OPTIONS_COUNT; id++)
		wanted += answers[id].is_granted;
	FUZZ_HOLDS((granted->oack_len == 0) == (wanted == 0),
	    "there is an OACK if anything is granted");
	if (wanted == 0)
		return rest;
	FUZZ_HOLDS(rest.len <= OPTIONS_OACK_MAX && rest.buf[0] == 0 &&
	    rest.buf[1] == PACKET_OACK, "it begins as an OACK");
	rest.buf += 2;
	rest.len -= 2;
	all = rest;
	for (; packet_next_option(&rest, &name, &value); count++) {
		id = options_from_name(name);
		FUZZ_HOLDS(id >= 0 && answers[id].is_granted,
		    "only what was asked for is granted");
		FUZZ_HOLDS(fuzz_same(name, answers[id].name.buf,
		    answers[id].name.len), "names are spelled as they came");
		check_value(value, answers[id].value);
	}
	FUZZ_HOLDS(count == wanted, "everything granted is said, once");
	FUZZ_HOLDS(rest.len == 0, "nothing else is in an OACK");
	return all;
}

static void
check_granted(const struct options_granted *g,
    const struct options_limits *limits,
    const struct answer answers[static OPTIONS_COUNT])
{
	const struct answer *size = &answers[OPTIONS_BLKSIZE];
	const struct answer *window = &answers[OPTIONS_WINDOWSIZE];
	const struct answer *utimeout = &answers[OPTIONS_UTIMEOUT];
	const struct answer *rollover = &answers[OPTIONS_ROLLOVER];
	uint64_t timeout_ms = answers[OPTIONS_TIMEOUT].is_granted ?
	    answers[OPTIONS_TIMEOUT].value * 1000 :
	    utimeout->is_granted ? (utimeout->value + 999) / 1000 : 0;

	if (answers[OPTIONS_BLKSIZE2].is_granted)
		size = &answers[OPTIONS_BLKSIZE2];
	FUZZ_HOLDS(g->blksize == (size->is_granted ? size->value : 512),
	    "blksize");
	FUZZ_HOLDS(!size->is_granted || (g->blksize >= PACKET_BLKSIZE_MIN &&
	    g->blksize <= limits->max_blksize && g->blksize <= size->asked),
	    "blksize is no more than asked for and than ours");
	FUZZ_HOLDS(g->windowsize == (window->is_granted ? window->value : 1),
	    "windowsize");
	FUZZ_HOLDS(g->windowsize >= 1 &&
	    g->windowsize <= limits->max_windowsize &&
	    (size_t)g->windowsize * g->blksize <= OPTIONS_WINDOW_BYTES,
	    "a window is no more than ours");
	FUZZ_HOLDS(g->timeout_ms == timeout_ms, "timeout");
	FUZZ_HOLDS(g->rollover ==
	    (rollover->is_granted ? rollover->value : 0), "rollover");
	FUZZ_HOLDS(!answers[OPTIONS_TSIZE].is_granted || (g->has_tsize &&
	    g->tsize == answers[OPTIONS_TSIZE].value), "tsize");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct options_limits limits = take_limits(&in);
	struct packet_slice options = { in.at, in.left }, again;
	struct answer answers[OPTIONS_COUNT] = { 0 };
	struct options_granted first, second;

	memset(&first, 0xa5, sizeof(first));
	options_grant(options, &limits, &first);
	ask_all(options, &limits, answers);
	settle_all(&limits, answers);
	again = check_oack(&first, answers);
	check_granted(&first, &limits, answers);
	/* who asks for what was granted is granted that */
	options_grant(again, &limits, &second);
	FUZZ_HOLDS(second.oack_len == first.oack_len &&
	    memcmp(second.oack, first.oack, first.oack_len) == 0 &&
	    second.blksize == first.blksize &&
	    second.windowsize == first.windowsize &&
	    second.timeout_ms == first.timeout_ms &&
	    second.rollover == first.rollover, "an OACK asks for itself");
	return 0;
}
