#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record/jsonl.h"
#include "stats/sum.h"
#include "stats/text.h"

bool
text_wants_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return (no_color == NULL || *no_color == '\0') &&
	    term != NULL && strcmp(term, "dumb") != 0 &&
	    isatty(STDOUT_FILENO);
}

bool
text_has_utf8(void)
{
	/* A locale of its own: fnmatch(3) must go on comparing bytes. */
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool has_utf8;

	if (locale == (locale_t)0)
		return false;
	has_utf8 = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
	freelocale(locale);
	return has_utf8;
}

/* A character, or what is none, and how it is shown. */
struct unit {
	size_t len, columns;
	enum { UNIT_RAW, UNIT_BACKSLASH, UNIT_HEX } shown;
};

/* The columns of a character: East Asian and pictures 2, accents 0. */
static size_t
width_of(uint32_t code)
{
	static const struct {
		uint32_t first, last;
		size_t columns;
	} ranges[] = {
		{ 0x0300, 0x036f, 0 }, { 0x1100, 0x115f, 2 },
		{ 0x1ab0, 0x1aff, 0 }, { 0x1dc0, 0x1dff, 0 },
		{ 0x20d0, 0x20ff, 0 }, { 0x231a, 0x231b, 2 },
		{ 0x23e9, 0x23ec, 2 }, { 0x2e80, 0x303e, 2 },
		{ 0x3041, 0x33ff, 2 }, { 0x3400, 0x4dbf, 2 },
		{ 0x4e00, 0xa4cf, 2 }, { 0xa960, 0xa97f, 2 },
		{ 0xac00, 0xd7a3, 2 }, { 0xf900, 0xfaff, 2 },
		{ 0xfe20, 0xfe2f, 0 }, { 0xfe30, 0xfe6f, 2 },
		{ 0xff00, 0xff60, 2 }, { 0xffe0, 0xffe6, 2 },
		{ 0x16fe0, 0x18cff, 2 }, { 0x1b000, 0x1b2ff, 2 },
		{ 0x1f004, 0x1f004, 2 }, { 0x1f0cf, 0x1f0cf, 2 },
		{ 0x1f18e, 0x1f320, 2 }, { 0x1f32d, 0x1f64f, 2 },
		{ 0x1f680, 0x1f6ff, 2 }, { 0x1f7e0, 0x1f7eb, 2 },
		{ 0x1f90c, 0x1f9ff, 2 }, { 0x1fa70, 0x1faff, 2 },
		{ 0x20000, 0x3fffd, 2 },
	};
	size_t i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]) &&
	    code >= ranges[i].first; i++)
		if (code <= ranges[i].last)
			return ranges[i].columns;
	return 1;
}

static struct unit
unit_at(const struct text_style *style, const uint8_t *bytes, size_t len)
{
	uint32_t code = 0;
	size_t n = jsonl_utf8(bytes, len, &code);

	if (n == 1 && code == '\\')
		return (struct unit){ 1, 2, UNIT_BACKSLASH };
	if (n != 0 && !jsonl_is_unsafe(code) && (n == 1 || style->is_utf8))
		return (struct unit){ n, width_of(code), UNIT_RAW };
	if (n == 0)
		n = 1;
	return (struct unit){ n, n * 4, UNIT_HEX };
}

static void
put_unit(FILE *out, const struct unit *unit, const uint8_t *bytes)
{
	size_t i;

	if (unit->shown == UNIT_RAW)
		fwrite(bytes, 1, unit->len, out);
	else if (unit->shown == UNIT_BACKSLASH)
		fputs("\\\\", out);
	else
		for (i = 0; i < unit->len; i++)
			fprintf(out, "\\x%02x", bytes[i]);
}

size_t
text_put_bytes(FILE *out, const struct text_style *style,
    const uint8_t *bytes, size_t len)
{
	size_t at, columns = 0;
	struct unit unit;

	for (at = 0; at < len; at += unit.len) {
		unit = unit_at(style, bytes + at, len - at);
		put_unit(out, &unit, bytes + at);
		columns += unit.columns;
	}
	return columns;
}

size_t
text_columns(const struct text_style *style, const uint8_t *bytes,
    size_t len)
{
	size_t at, columns = 0;
	struct unit unit;

	for (at = 0; at < len; at += unit.len) {
		unit = unit_at(style, bytes + at, len - at);
		columns += unit.columns;
	}
	return columns;
}

/* How many bytes of the front fit into width columns. */
static size_t
front(const struct text_style *style, const uint8_t *bytes, size_t len,
    size_t width)
{
	size_t at, columns = 0;
	struct unit unit;

	for (at = 0; at < len; at += unit.len) {
		unit = unit_at(style, bytes + at, len - at);
		columns += unit.columns;
		if (columns > width)
			break;
	}
	return at;
}

/* Where the end begins that fits into width columns of all. */
static size_t
back(const struct text_style *style, const uint8_t *bytes, size_t len,
    size_t all, size_t width)
{
	size_t at = 0;
	struct unit unit;

	while (at < len && all > width) {
		unit = unit_at(style, bytes + at, len - at);
		all -= unit.columns;
		at += unit.len;
	}
	return at;
}

size_t
text_put_short(FILE *out, const struct text_style *style,
    const uint8_t *bytes, size_t len, size_t width)
{
	const char *dots = style->is_utf8 ? "\xe2\x80\xa6" : "..";
	size_t dots_width = style->is_utf8 ? 1 : 2;
	size_t all = text_columns(style, bytes, len), columns, half, from;

	if (all <= width)
		return text_put_bytes(out, style, bytes, len);
	if (width < dots_width)
		return 0;
	half = (width - dots_width) / 2;
	columns = text_put_bytes(out, style, bytes,
	    front(style, bytes, len, half));
	fputs(dots, out);
	columns += dots_width;
	from = back(style, bytes, len, all, width - columns);
	return columns + text_put_bytes(out, style, bytes + from, len - from);
}

void
text_put_column(FILE *out, const struct text_style *style,
    const uint8_t *bytes, size_t len, size_t width)
{
	size_t columns = text_put_bytes(out, style, bytes, len);

	for (; columns < width; columns++)
		fputc(' ', out);
}

const char *
text_bytes(uint64_t bytes, char out[static TEXT_NUMBER_MAX])
{
	static const char prefixes[] = "kMGTPE";
	uint64_t unit = 1000, tenths;
	size_t i = 0;

	if (bytes < 1000) {
		snprintf(out, TEXT_NUMBER_MAX, "%u B", (unsigned)bytes);
		return out;
	}
	/* 999,950 rounds to 1000.0 kB, which is 1.0 MB. */
	for (;; i++, unit *= 1000) {
		tenths = bytes / (unit / 10);
		tenths += bytes % (unit / 10) >= unit / 20;
		if (tenths < 10000 || prefixes[i + 1] == '\0')
			break;
	}
	snprintf(out, TEXT_NUMBER_MAX, "%u.%u %cB", (unsigned)(tenths / 10),
	    (unsigned)(tenths % 10), prefixes[i]);
	return out;
}

const char *
text_duration(uint64_t us, char out[static TEXT_NUMBER_MAX])
{
	uint64_t seconds = us / 1000000 + (us % 1000000 >= 500000);

	if (us < 1000)
		snprintf(out, TEXT_NUMBER_MAX, "%u us", (unsigned)us);
	else if (us < 999950)
		snprintf(out, TEXT_NUMBER_MAX, "%u.%u ms",
		    (unsigned)((us + 50) / 1000),
		    (unsigned)((us + 50) / 100 % 10));
	else if (us < 59995000)
		snprintf(out, TEXT_NUMBER_MAX, "%u.%02u s",
		    (unsigned)((us + 5000) / 1000000),
		    (unsigned)((us + 5000) / 10000 % 100));
	else if (seconds < 3600)
		snprintf(out, TEXT_NUMBER_MAX, "%u min %02u s",
		    (unsigned)(seconds / 60), (unsigned)(seconds % 60));
	else
		snprintf(out, TEXT_NUMBER_MAX, "%" PRIu64 " h %02u min",
		    seconds / 3600, (unsigned)(seconds / 60 % 60));
	return out;
}

const char *
text_speed(uint64_t bytes, char out[static TEXT_NUMBER_MAX])
{
	text_bytes(bytes, out);
	strcat(out, "/s");
	return out;
}

const char *
text_rate(uint64_t bytes, uint64_t us, char out[static TEXT_NUMBER_MAX])
{
	if (bytes == 0 || us == 0) {
		strcpy(out, "-");
		return out;
	}
	return text_speed(sum_rate(bytes, us), out);
}

unsigned
text_permille(uint64_t part, uint64_t whole)
{
	if (whole == 0)
		return 0;
	if (part > whole)
		part = whole;
	if (whole > UINT64_MAX / 2000) {
		part /= 2000;
		whole /= 2000;
	}
	return (unsigned)((part * 1000 + whole / 2) / whole);
}

const char *
text_share(uint64_t part, uint64_t whole, char out[static TEXT_NUMBER_MAX])
{
	unsigned permille = text_permille(part, whole);

	snprintf(out, TEXT_NUMBER_MAX, "%u.%u %%", permille / 10,
	    permille % 10);
	return out;
}

/* value of max in steps, rounded up, so that only 0 is none. */
static uint64_t
steps_of(uint64_t value, uint64_t max, uint64_t steps)
{
	if (value == 0 || max == 0)
		return 0;
	if (value >= max)
		return steps;
	while (max > UINT64_MAX / (steps + 1)) {
		value /= 2;
		max /= 2;
	}
	return value == 0 ? 1 : (value * steps + max - 1) / max;
}

size_t
text_put_bar(FILE *out, const struct text_style *style, uint64_t value,
    uint64_t max, size_t width)
{
	/* A full block and those of one to seven eighths, from the left. */
	static const char *const eighths[] = {
		"\xe2\x96\x88", "\xe2\x96\x8f", "\xe2\x96\x8e",
		"\xe2\x96\x8d", "\xe2\x96\x8c", "\xe2\x96\x8b",
		"\xe2\x96\x8a", "\xe2\x96\x89"
	};
	uint64_t parts = style->is_utf8 ? 8 : 1;
	uint64_t steps = steps_of(value, max, width * parts), i;

	for (i = 0; i < steps / parts; i++)
		fputs(style->is_utf8 ? eighths[0] : "#", out);
	if (steps % parts != 0)
		fputs(eighths[steps % parts], out);
	return (size_t)((steps + parts - 1) / parts);
}

void
text_put_spark(FILE *out, const struct text_style *style,
    const uint64_t *values, size_t count)
{
	/* Nothing at all is a gap in ASCII, a thin line is little. */
	static const char ascii[] = " .:-=+*#@";
	static const char *const blocks[] = {
		" ", "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
		"\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86",
		"\xe2\x96\x87", "\xe2\x96\x88"
	};
	uint64_t max = 0, step;
	size_t i;

	for (i = 0; i < count; i++)
		if (values[i] > max)
			max = values[i];
	for (i = 0; i < count; i++) {
		step = steps_of(values[i], max, 8);
		if (style->is_utf8)
			fputs(blocks[step], out);
		else
			fputc(ascii[step], out);
	}
}

static const char *const colours[] = {
	[TEXT_PLAIN] = "",
	[TEXT_BOLD] = "\033[1m",
	[TEXT_RED] = "\033[31m",
	[TEXT_YELLOW] = "\033[33m",
};

const char *
text_colour(const struct text_style *style, enum text_colour colour)
{
	return style->has_colour ? colours[colour] : "";
}

const char *
text_colour_end(const struct text_style *style, enum text_colour colour)
{
	return style->has_colour && colour != TEXT_PLAIN ? "\033[0m" : "";
}

enum text_colour
text_colour_of(enum outcome_class of_class)
{
	return of_class == OUTCOME_CLASS_FAILURE ? TEXT_RED :
	    of_class == OUTCOME_CLASS_REFUSED ? TEXT_YELLOW : TEXT_PLAIN;
}
