#include <stdbool.h>
#include <stdint.h>

#include "stats/json.h"
#include "stats/printer.h"
#include "stats/report.h"
#include "stats/text.h"
#include "t.h"

static const struct text_style utf8 = { .is_utc = true, .is_utf8 = true };
static const struct text_style ascii = { .is_utc = true };

static void
strangers_bytes(void)
{
	static const struct {
		const char *what, *bytes, *utf8, *ascii;
		size_t len;
	} cases[] = {
		{ "plain", "a b", "a b", "a b", 3 },
		{ "a backslash is doubled", "\\x1b", "\\\\x1b", "\\\\x1b", 4 },
		{ "ESC", "\x1b[31m", "\\x1b[31m", "\\x1b[31m", 5 },
		{ "newline, tab, NUL, DEL", "\n\t\0\x7f",
		    "\\x0a\\x09\\x00\\x7f", "\\x0a\\x09\\x00\\x7f", 4 },
		{ "CSI in 8 bits", "\x9b" "31m", "\\x9b31m", "\\x9b31m", 4 },
		{ "CSI in UTF-8", "\xc2\x9b", "\\xc2\\x9b", "\\xc2\\x9b", 2 },
		{ "a direction mark", "\xe2\x80\xae", "\\xe2\\x80\\xae",
		    "\\xe2\\x80\\xae", 3 },
		{ "an umlaut", "\xc3\xa4", "\xc3\xa4", "\\xc3\\xa4", 2 },
		{ "half an umlaut", "\xc3", "\\xc3", "\\xc3", 1 },
		{ "an overlong ESC", "\xc0\x9b", "\\xc0\\x9b", "\\xc0\\x9b",
		    2 },
	};
	char *out;
	size_t i, size;
	FILE *f;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f = open_memstream(&out, &size);
		text_put_bytes(f, &utf8, (const uint8_t *)cases[i].bytes,
		    cases[i].len);
		fputc('|', f);
		text_put_bytes(f, &ascii, (const uint8_t *)cases[i].bytes,
		    cases[i].len);
		fclose(f);
		T_OK(strlen(cases[i].utf8) + 1 + strlen(cases[i].ascii) ==
		    size && memcmp(out, cases[i].utf8,
		    strlen(cases[i].utf8)) == 0 && strcmp(out +
		    strlen(cases[i].utf8) + 1, cases[i].ascii) == 0,
		    cases[i].what);
		free(out);
	}
}

static void
nothing_steers_the_terminal(void)
{
	char *out;
	size_t i, size;
	uint8_t name[2];
	FILE *f;
	int a, b;

	for (a = 0; a < 256; a++)
		for (b = 0; b < 256; b++) {
			name[0] = (uint8_t)a;
			name[1] = (uint8_t)b;
			f = open_memstream(&out, &size);
			text_put_bytes(f, &ascii, name, 2);
			fclose(f);
			for (i = 0; i < size; i++)
				if (out[i] < 0x20 || out[i] == 0x7f)
					T_OK(false, "a raw byte got out");
			free(out);
		}
	T_OK(true, "65536 names");
}

static void
columns_are_filled_up(void)
{
	char *out;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	text_put_column(f, &utf8, (const uint8_t *)"\xc3\xa4", 2, 3);
	text_put_column(f, &utf8, (const uint8_t *)"long", 4, 3);
	fclose(f);
	T_OK(strcmp(out, "\xc3\xa4  long") == 0,
	    "a character is a column, nothing is cut");
	free(out);
}

static void
numbers(void)
{
	static const struct {
		uint64_t value;
		const char *bytes, *duration;
	} cases[] = {
		{ 0, "0 B", "0 us" },
		{ 999, "999 B", "999 us" },
		{ 1000, "1.0 kB", "1.0 ms" },
		{ 42430, "42.4 kB", "42.4 ms" },
		{ 42450, "42.5 kB", "42.5 ms" },
		{ 999949, "999.9 kB", "999.9 ms" },
		{ 999950, "1.0 MB", "1.00 s" },
		{ 1234567, "1.2 MB", "1.23 s" },
		{ 59994999, "60.0 MB", "59.99 s" },
		{ 59995000, "60.0 MB", "1 min 00 s" },
		{ 125000000, "125.0 MB", "2 min 05 s" },
		{ UINT64_C(3720000000), "3.7 GB", "1 h 02 min" },
		{ UINT64_MAX, "18.4 EB", "5124095576 h 01 min" },
	};
	char out[TEXT_NUMBER_MAX];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		T_OK(strcmp(text_bytes(cases[i].value, out),
		    cases[i].bytes) == 0, cases[i].bytes);
		T_OK(strcmp(text_duration(cases[i].value, out),
		    cases[i].duration) == 0, cases[i].duration);
	}
	T_OK(strcmp(text_rate(3000000, 2000000, out), "1.5 MB/s") == 0,
	    "a rate");
	T_OK(strcmp(text_rate(0, 5, out), "-") == 0, "none of nothing");
	T_OK(strcmp(text_rate(5, 0, out), "-") == 0, "none in no time");
	T_OK(strcmp(text_rate(UINT64_MAX, 1, out), "18.4 EB/s") == 0 &&
	    strcmp(text_rate(UINT64_MAX, 1000000, out), "18.4 EB/s") == 0,
	    "a forged one does not wrap");
	T_OK(strcmp(text_share(1, 3, out), "33.3 %") == 0 &&
	    strcmp(text_share(2, 3, out), "66.7 %") == 0 &&
	    strcmp(text_share(0, 0, out), "0.0 %") == 0 &&
	    strcmp(text_share(UINT64_MAX, UINT64_MAX, out), "100.0 %") == 0,
	    "shares");
}

static void
json(void)
{
	char *out;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	struct json j = { .out = f };

	json_open(&j, NULL, '{');
	json_int(&j, "a", 1);
	json_open(&j, "list", '[');
	json_close(&j, ']');
	json_open(&j, "o", '{');
	json_bytes(&j, "k", "k_hex", (const uint8_t *)"\"\xff", 2);
	json_close(&j, '}');
	json_text(&j, "t", "x");
	json_int(&j, "max", UINT64_MAX);
	json_close(&j, '}');
	fclose(f);
	T_OK(strcmp(out, "{\"a\":1,\"list\":[],\"o\":{\"k\":\"\\\"\xef\xbf\xbd"
	    "\",\"k_hex\":\"22ff\"},\"t\":\"x\",\"max\":9223372036854775807}")
	    == 0, "commas, escapes, limits");
	free(out);
}

static void
names_lose_their_middle(void)
{
	static const struct {
		const char *what, *name;
		size_t width;
		const char *utf8, *ascii;
	} cases[] = {
		{ "what fits stays", "abcdef", 6, "abcdef", "abcdef" },
		{ "in the middle", "abcdefgh", 7, "abc\xe2\x80\xa6""fgh",
		    "ab..fgh" },
		{ "whole escapes only", "a\x1b\x1b\x1bz", 8,
		    "a\xe2\x80\xa6\\x1bz", "a..\\x1bz" },
		{ "whole characters only", "\xc3\xa4\xc3\xa4\xc3\xa4", 2,
		    "\xe2\x80\xa6\xc3\xa4", ".." },
		{ "a wide character takes two columns",
		    "a\xe6\xb1\x89\xf0\x9f\x98\x80z", 5,
		    "a\xe2\x80\xa6\xf0\x9f\x98\x80z", "a..z" },
		{ "an accent takes none", "ae\xcc\x81" "b", 3,
		    "ae\xcc\x81" "b", ".." "b" },
		{ "no room for dots", "abc", 0, "", "" },
	};
	const struct text_style *styles[] = { &utf8, &ascii };
	char *out;
	size_t i, k, size, columns;
	FILE *f;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (k = 0; k < 2; k++) {
			f = open_memstream(&out, &size);
			columns = text_put_short(f, styles[k],
			    (const uint8_t *)cases[i].name,
			    strlen(cases[i].name), cases[i].width);
			fclose(f);
			T_OK(strcmp(out, k == 0 ? cases[i].utf8 :
			    cases[i].ascii) == 0, cases[i].what);
			T_OK(columns <= cases[i].width, "it fits");
			free(out);
		}
}

static void
bars(void)
{
	static const struct {
		const char *what;
		uint64_t value, max;
		const char *utf8, *ascii;
	} cases[] = {
		{ "nothing", 0, 10, "", "" },
		{ "nothing of nothing", 0, 0, "", "" },
		{ "all", 10, 10, "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88",
		    "###" },
		{ "half", 5, 10, "\xe2\x96\x88\xe2\x96\x8c", "##" },
		{ "a trace", 1, 1000000, "\xe2\x96\x8f", "#" },
		{ "a forged half", UINT64_MAX / 2, UINT64_MAX,
		    "\xe2\x96\x88\xe2\x96\x8c", "##" },
	};
	const struct text_style *styles[] = { &utf8, &ascii };
	char *out;
	size_t i, k, size;
	FILE *f;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (k = 0; k < 2; k++) {
			f = open_memstream(&out, &size);
			text_put_bar(f, styles[k], cases[i].value,
			    cases[i].max, 3);
			fclose(f);
			T_OK(strcmp(out, k == 0 ? cases[i].utf8 :
			    cases[i].ascii) == 0, cases[i].what);
			free(out);
		}
}

static void
sparklines(void)
{
	static const uint64_t values[] = { 0, 1, 50, 100, 800, 799 };
	char *out;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	text_put_spark(f, &utf8, values, 6);
	text_put_spark(f, &ascii, values, 6);
	text_put_spark(f, &ascii, values, 1);
	fclose(f);
	T_OK(strcmp(out, " \xe2\x96\x81\xe2\x96\x81\xe2\x96\x81"
	    "\xe2\x96\x88\xe2\x96\x88 ...@@ ") == 0, out);
	free(out);
}

static struct translog_record
an_end(void)
{
	struct translog_record rec;

	translog_clear(&rec);
	rec.ts_us = UINT64_C(1795356005000000);
	rec.event = TRANSLOG_TRANSFER;
	rec.op = TRANSLOG_READ;
	rec.outcome = OUTCOME_COMPLETE;
	strcpy(rec.id, "0123456789abcdef");
	strcpy(rec.client, "192.0.2.1");
	rec.file = (struct translog_bytes){ (const uint8_t *)"a\x1b", 2 };
	rec.numbers[TRANSLOG_BYTES] = 3000000;
	rec.numbers[TRANSLOG_DURATION_US] = 2000000;
	return rec;
}

static void
lines(void)
{
	static const char message[] = "no\n";
	struct translog_record rec = an_end();
	struct printer p;
	char *out;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	printer_init(&p, f, &utf8, false);
	printer_put(&p, &rec, "{}", 2);
	rec.outcome = OUTCOME_NOTFOUND;
	rec.op = TRANSLOG_NO_OP;
	rec.file.buf = NULL;
	rec.numbers[TRANSLOG_BYTES] = TRANSLOG_ABSENT;
	rec.numbers[TRANSLOG_DURATION_US] = TRANSLOG_ABSENT;
	rec.numbers[TRANSLOG_ERROR_CODE] = 1;
	strcpy(rec.error_by, "server");
	rec.message = (struct translog_bytes){ (const uint8_t *)message, 3 };
	printer_put(&p, &rec, "{}", 2);
	rec.event = TRANSLOG_NOTICE;
	rec.numbers[TRANSLOG_DROPPED] = 7;
	printer_put(&p, &rec, "{}", 2);
	p.has_json = true;
	printer_put(&p, &rec, "{}", 2);
	fclose(f);
	T_OK(strcmp(out,
	    "2026-11-22 14:00:05  192.0.2.1        read   a\\x1b            "
	    "         complete        3.0 MB       2.00 s     1.5 MB/s\n"
	    "2026-11-22 14:00:05  192.0.2.1        -      -                "
	    "         notfound             -            -            -  "
	    "no\\x0a (error 1 by server)\n"
	    "2026-11-22 14:00:05  * no\\x0a  dropped 7\n{}\n") == 0, out);
	free(out);
}

static void
the_last_lines(void)
{
	struct translog_record rec = an_end();
	char line[TRANSLOG_LINE_MAX], *out;
	struct recent recent;
	struct printer p;
	size_t len, size;
	FILE *f;
	unsigned i;

	f = open_memstream(&out, &size);
	printer_init(&p, f, &utf8, true);
	recent_init(&recent, 3);
	for (i = 0; i < 8; i++) {
		rec.numbers[TRANSLOG_PID] = i;
		len = translog_format(&rec, line);
		recent_add(&recent, line, len - 1);
	}
	T_OK(recent_print(&recent, &p) == 3, "three of eight");
	recent_init(&recent, 3);
	recent_add(&recent, line, len - 1);
	T_OK(recent_print(&recent, &p) == 1, "one of one");
	fclose(f);
	T_OK(strstr(out, "\"pid\":4") == NULL &&
	    strstr(out, "\"pid\":5") < strstr(out, "\"pid\":6") &&
	    strstr(out, "\"pid\":6") < strstr(out, "\"pid\":7"),
	    "the last ones in their order");
	free(out);
}

static void
reports(void)
{
	struct aggregate *a = aggregate_new();
	struct translog_record rec = an_end();
	char *out;
	size_t size;
	FILE *f;

	aggregate_add(a, &rec);
	rec.outcome = OUTCOME_TIMEOUT;
	aggregate_add(a, &rec);
	a->since_us = UINT64_C(1795269605000000);
	a->until_us = UINT64_C(1795356005000000);
	a->log_files = 1;
	a->open = 3;
	f = open_memstream(&out, &size);
	report_text(f, a, &utf8, 5);
	fclose(f);
	T_OK(strstr(out, "2026-11-21 14:00 .. 2026-11-22 14:00   (24 h, 1 log "
	    "file, 0 bad lines)\n") != NULL, "the window");
	T_OK(strstr(out, "50.0 %   timeout 1\n") != NULL, "the outcomes");
	T_OK(strchr(out, '\x1b') == NULL && strstr(out, "\na\\x1b ") != NULL,
	    "a name in a table is harmless");
	free(out);
	f = open_memstream(&out, &size);
	report_json(f, a, 5);
	fclose(f);
	T_OK(strncmp(out, "{\"schema\":1,\"report\":\"summary\",", 31) == 0 &&
	    strstr(out, ",\"requests\":2,\"open\":3,\"success\":1,"
	    "\"neutral\":0,\"refused\":0,\"failure\":1,") != NULL &&
	    strstr(out, "\"top_files\":[{\"file\":\"a\\u001b\",\"requests\":2,"
	    "\"bytes\":6000000,") != NULL, "the same as JSON");
	free(out);
	aggregate_free(a);
}

int
main(void)
{
	CU_TestInfo text[] = {
		{ "a stranger's bytes", strangers_bytes },
		{ "all pairs of bytes", nothing_steers_the_terminal },
		{ "columns", columns_are_filled_up },
		{ "names lose their middle", names_lose_their_middle },
		{ "bars", bars },
		{ "sparklines", sparklines },
		{ "numbers", numbers },
		{ "json", json },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo output[] = {
		{ "lines", lines },
		{ "the last lines", the_last_lines },
		{ "reports", reports },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "text", NULL, NULL, NULL, NULL, text },
		{ "output", NULL, NULL, NULL, NULL, output },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
