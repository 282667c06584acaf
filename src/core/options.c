#include "core/options.h"

#include <string.h>

#define NAME_LEN_MAX	10	/* "windowsize" */
#define DIGITS_MAX	20	/* UINT64_MAX */

_Static_assert(2 + OPTIONS_COUNT * (NAME_LEN_MAX + DIGITS_MAX + 2) <=
    OPTIONS_OACK_MAX, "an OACK of all options fits");

/*
 * min..max is what may be asked.  Of two rivals only one is granted.  The
 * names stand in the table itself, so that it needs no relocation.
 */
static const struct {
	char name[NAME_LEN_MAX + 1];
	enum options_id rival;
	uint64_t min, max;
} rules[OPTIONS_COUNT] = {
	[OPTIONS_BLKSIZE] = { "blksize", OPTIONS_BLKSIZE2,
		PACKET_BLKSIZE_MIN, UINT64_MAX },
	[OPTIONS_TIMEOUT] = { "timeout", OPTIONS_UTIMEOUT, 1, 255 },
	[OPTIONS_TSIZE] = { "tsize", OPTIONS_TSIZE, 0, UINT64_MAX },
	[OPTIONS_WINDOWSIZE] = { "windowsize", OPTIONS_WINDOWSIZE,
		1, UINT16_MAX },
	[OPTIONS_UTIMEOUT] = { "utimeout", OPTIONS_TIMEOUT,
		10000, 255000000 },
	[OPTIONS_BLKSIZE2] = { "blksize2", OPTIONS_BLKSIZE,
		PACKET_BLKSIZE_MIN, UINT64_MAX },
	[OPTIONS_ROLLOVER] = { "rollover", OPTIONS_ROLLOVER, 0, 1 },
};

/* A usable option: asked for with value, which turns into our answer. */
struct wish {
	enum options_id id;
	struct packet_slice name;	/* as the client spelled it */
	uint64_t value;
};

static uint64_t
min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

int
options_from_name(struct packet_slice name)
{
	int id;

	for (id = 0; id < OPTIONS_COUNT; id++) {
		if (packet_slice_is(name, rules[id].name))
			return id;
	}
	return -1;
}

/* Digits only: strtoull() would also take a sign, spaces and hex. */
static bool
parse_decimal(struct packet_slice text, uint64_t *value)
{
	uint64_t n = 0, digit;
	size_t i;

	if (text.len == 0 || text.len > DIGITS_MAX)
		return false;
	for (i = 0; i < text.len; i++) {
		if (text.buf[i] < '0' || text.buf[i] > '9')
			return false;
		digit = (uint64_t)(text.buf[i] - '0');
		if (n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*value = n;
	return true;
}

static bool
is_usable(enum options_id id, uint64_t value,
    const struct options_limits *limits)
{
	if (value < rules[id].min || value > rules[id].max)
		return false;
	/* An upload's size will be held against an off_t, which is signed. */
	return id != OPTIONS_TSIZE || limits->op != PACKET_WRQ ||
	    value <= INT64_MAX;
}

/* List the usable options in the client's order; returns how many. */
static size_t
collect(struct packet_slice options, const struct options_limits *limits,
    struct wish wishes[static OPTIONS_COUNT])
{
	struct packet_slice name, value;
	uint32_t closed = limits->refused;
	size_t count = 0;
	uint64_t n;
	int id;

	while (packet_next_option(&options, &name, &value)) {
		id = options_from_name(name);
		if (id < 0 || (closed & UINT32_C(1) << id) != 0)
			continue;
		closed |= UINT32_C(1) << id;
		if (!parse_decimal(value, &n) ||
		    !is_usable((enum options_id)id, n, limits))
			continue;
		closed |= UINT32_C(1) << rules[id].rival;
		wishes[count++] = (struct wish){ (enum options_id)id, name, n };
	}
	return count;
}

static uint16_t
power_of_two(uint16_t most)
{
	uint16_t n = PACKET_BLKSIZE_MIN;

	while (n <= most / 2)
		n = (uint16_t)(n * 2);
	return n;
}

/* The block size comes before all others: the window depends on it. */
static void
settle_blksize(struct wish *wishes, size_t count,
    const struct options_limits *limits, struct options_granted *granted)
{
	struct wish *w;

	for (w = wishes; w < wishes + count; w++) {
		if (w->id != OPTIONS_BLKSIZE && w->id != OPTIONS_BLKSIZE2)
			continue;
		granted->blksize =
		    (uint16_t)min64(w->value, limits->max_blksize);
		if (w->id == OPTIONS_BLKSIZE2)
			granted->blksize = power_of_two(granted->blksize);
		w->value = granted->blksize;
	}
}

static bool
settle_tsize(struct wish *w, const struct options_limits *limits,
    struct options_granted *granted)
{
	granted->has_tsize = true;
	if (limits->op == PACKET_RRQ)
		w->value = limits->size;
	granted->tsize = w->value;
	return limits->op == PACKET_WRQ ||
	    (limits->mode == PACKET_MODE_OCTET && limits->size != 0);
}

/* Turn a wish into its answer; false keeps it out of the OACK. */
static bool
settle(struct wish *w, const struct options_limits *limits,
    struct options_granted *granted)
{
	switch (w->id) {
	case OPTIONS_TIMEOUT:
		granted->timeout_ms = (uint32_t)w->value * 1000;
		break;
	case OPTIONS_UTIMEOUT:
		/* Up: a resend may be late, early it would be a duplicate. */
		granted->timeout_ms = ((uint32_t)w->value + 999) / 1000;
		break;
	case OPTIONS_TSIZE:
		return settle_tsize(w, limits, granted);
	case OPTIONS_WINDOWSIZE:
		w->value = min64(w->value, limits->max_windowsize);
		w->value = min64(w->value,
		    (uint64_t)OPTIONS_WINDOW_BYTES / granted->blksize);
		granted->windowsize = (uint16_t)w->value;
		break;
	case OPTIONS_ROLLOVER:
		granted->rollover = (uint16_t)w->value;
		break;
	case OPTIONS_BLKSIZE:
	case OPTIONS_BLKSIZE2:
	case OPTIONS_COUNT:
		break;
	}
	return true;
}

/* No leading zero: GRUB would read the rest as octal. */
static size_t
put_decimal(uint8_t *out, uint64_t value)
{
	uint8_t digits[DIGITS_MAX];
	size_t first = DIGITS_MAX;

	do {
		digits[--first] = (uint8_t)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	memcpy(out, digits + first, DIGITS_MAX - first);
	return DIGITS_MAX - first;
}

/* Append an answer; the assertion above says that there is room. */
static void
put_answer(struct options_granted *granted, const struct wish *w)
{
	uint8_t *out = granted->oack + granted->oack_len;

	if (granted->oack_len == 0) {
		*out++ = 0;
		*out++ = PACKET_OACK;
	}
	memcpy(out, w->name.buf, w->name.len);
	out += w->name.len;
	*out++ = '\0';
	out += put_decimal(out, w->value);
	*out++ = '\0';
	granted->oack_len = (size_t)(out - granted->oack);
}

void
options_grant(struct packet_slice options,
    const struct options_limits *limits, struct options_granted *granted)
{
	struct wish wishes[OPTIONS_COUNT];
	size_t count = collect(options, limits, wishes), i;

	memset(granted, 0, sizeof(*granted));
	granted->blksize = PACKET_BLKSIZE_DEFAULT;
	granted->windowsize = 1;
	settle_blksize(wishes, count, limits, granted);
	for (i = 0; i < count; i++) {
		if (settle(&wishes[i], limits, granted))
			put_answer(granted, &wishes[i]);
	}
}

static size_t
put_text(char *out, size_t size, size_t at, const void *text, size_t len)
{
	len = len < size - at ? len : size - at;
	if (len != 0)
		memcpy(out + at, text, len);
	return at + len;
}

size_t
options_describe(struct packet_slice options, char *out, size_t size)
{
	struct packet_slice name, value;
	size_t len = 0;

	while (len < size && packet_next_option(&options, &name, &value)) {
		/* Padding to 516 bytes (Apple Open Firmware) says nothing. */
		if (name.len + value.len == 0)
			continue;
		if (len != 0)
			len = put_text(out, size, len, " ", 1);
		len = put_text(out, size, len, name.buf, name.len);
		len = put_text(out, size, len, "=", 1);
		len = put_text(out, size, len, value.buf, value.len);
	}
	return len;
}
