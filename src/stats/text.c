#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record/jsonl.h"
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

size_t
text_put_bytes(FILE *out, const struct text_style *style,
    const uint8_t *bytes, size_t len)
{
	size_t at, n, taken, columns = 0;
	uint32_t code = 0;

	for (at = 0; at < len; at += taken) {
		n = jsonl_utf8(bytes + at, len - at, &code);
		taken = n != 0 ? n : 1;
		if (code == '\\' && n != 0) {
			columns += 2;
			fputs("\\\\", out);
		} else if (n != 0 && !jsonl_is_unsafe(code) &&
		    (n == 1 || style->is_utf8)) {
			columns++;
			fwrite(bytes + at, 1, n, out);
		} else {
			columns += taken * 4;
			for (n = 0; n < taken; n++)
				fprintf(out, "\\x%02x", bytes[at + n]);
		}
	}
	return columns;
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
text_rate(uint64_t bytes, uint64_t us, char out[static TEXT_NUMBER_MAX])
{
	uint64_t rate;

	if (bytes == 0 || us == 0) {
		strcpy(out, "-");
		return out;
	}
	if (bytes <= UINT64_MAX / 1000000)
		rate = bytes * 1000000 / us;
	else if (us >= 1000000)
		rate = bytes / (us / 1000000);
	else
		rate = UINT64_MAX;
	text_bytes(rate, out);
	strcat(out, "/s");
	return out;
}

const char *
text_share(uint64_t part, uint64_t whole, char out[static TEXT_NUMBER_MAX])
{
	unsigned permille;

	if (whole > UINT64_MAX / 2000) {
		part /= 2000;
		whole /= 2000;
	}
	permille = whole == 0 ? 0 :
	    (unsigned)((part * 1000 + whole / 2) / whole);
	snprintf(out, TEXT_NUMBER_MAX, "%u.%u %%", permille / 10,
	    permille % 10);
	return out;
}
