#include <stdbool.h>
#include <stdint.h>

#include "stats/table.h"
#include "t.h"

static const struct text_style utf8 = { .is_utc = true, .is_utf8 = true };
static const struct text_style ascii = { .is_utc = true };
static const struct text_style colour = { .is_utc = true, .has_colour = true };

static void
bytes(struct table *t, const char *text)
{
	table_text(t, (const uint8_t *)text, strlen(text));
}

/* Returns what table_print_text() writes; the caller frees it. */
static char *
as_text(struct table *t, const struct text_style *style, size_t width)
{
	char *out;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	table_print_text(t, style, width, f);
	fclose(f);
	return out;
}

static char *
as_csv(struct table *t)
{
	char *out;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	table_print_csv(t, f);
	fclose(f);
	return out;
}

static char *
as_json(struct table *t)
{
	char *out;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	struct json j = { .out = f };

	table_print_json(t, &j, NULL);
	fclose(f);
	return out;
}

/* Frees what was printed. */
static void
is_printed(char *out, const char *expected, const char *what)
{
	if (strcmp(out, expected) != 0)
		printf("\n%s---\n%s", out, expected);
	T_OK(strcmp(out, expected) == 0, what);
	free(out);
}

static const struct table_column all_kinds[] = {
	{ "Name", "name", TABLE_NAME, 0 },
	{ "Word", "word", TABLE_WORD, 0 },
	{ "Count", "count", TABLE_COUNT, 0 },
	{ "Size", "bytes", TABLE_SIZE, 0 },
	{ "Took", "duration_us", TABLE_DURATION, 0 },
	{ "Rate", "rate", TABLE_RATE, 0 },
	{ "Share", "share_permille", TABLE_SHARE, 0 },
	{ "Last", "last", TABLE_TIME, 0 },
	{ "", NULL, TABLE_BAR, 0 },
};

static struct table *
of_all_kinds(void)
{
	struct table *t = table_new(all_kinds, 9);
	size_t i;

	bytes(t, "pxelinux.0");
	table_word(t, "192.0.2.1");
	table_number(t, 1204);
	table_number(t, 42430);
	table_number(t, 12300);
	table_number(t, 3400000);
	table_number(t, 980);
	table_number(t, UINT64_C(1795356005123456));
	table_number(t, 7);
	bytes(t, "\xc3\xa4\x1b");
	for (i = 0; i < 8; i++)
		table_none(t);
	return t;
}

static void
each_kind_in_each_form(void)
{
	struct table *t = of_all_kinds();

	T_OK(table_rows(t) == 2, "two rows");
	is_printed(as_text(t, &utf8, 0),
	    "Name        Word       Count     Size     Took      Rate   Share"
	    "  Last\n"
	    "pxelinux.0  192.0.2.1   1204  42.4 kB  12.3 ms  3.4 MB/s  98.0 %"
	    "  2026-11-22 14:00:05  \xe2\x96\x88\xe2\x96\x88\xe2\x96\x88"
	    "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88"
	    "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88"
	    "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88"
	    "\xe2\x96\x88\xe2\x96\x88\n"
	    "\xc3\xa4\\x1b       -              -        -        -         -"
	    "       -  -\n", "text");
	is_printed(as_json(t),
	    "[{\"name\":\"pxelinux.0\",\"word\":\"192.0.2.1\",\"count\":1204,"
	    "\"bytes\":42430,\"duration_us\":12300,\"rate\":3400000,"
	    "\"share_permille\":980,\"last\":\"2026-11-22T14:00:05.123456Z\"}"
	    ",{\"name\":\"\xc3\xa4\\u001b\"}]", "JSON");
	is_printed(as_csv(t),
	    "name,word,count,bytes,duration_us,rate,share_permille,last\r\n"
	    "pxelinux.0,192.0.2.1,1204,42430,12300,3400000,980,"
	    "2026-11-22T14:00:05.123456Z\r\n"
	    "\"\xc3\xa4\\x1b\",,,,,,,\r\n", "CSV");
	table_free(t);
}

static const struct table_column of_file[] = {
	{ "File", "file", TABLE_NAME, 0 },
	{ "Requests", "requests", TABLE_COUNT, 0 },
	{ "Sent", "bytes", TABLE_SIZE, 2 },
	{ "Client", "client", TABLE_WORD, 1 },
};

static void
narrow_terminals(void)
{
	static const struct {
		const char *what;
		size_t width;
		bool is_utf8;
		const char *text;
	} cases[] = {
		{ "all of it fits", 61, true,
		    "File                                 Requests  Sent  "
		    "Client\n"
		    "EFI/Boot/bootx64-2026-11-22.release         7   8 B  "
		    "10.0.0.1\n" },
		{ "the name is shortened first", 52, false,
		    "File                        Requests  Sent  Client\n"
		    "EFI/Boot/boo..1-22.release         7   8 B  10.0.0.1\n" },
		{ "then the highest rank goes", 44, true,
		    "File                      Requests  Client\n"
		    "EFI/Boot/bo\xe2\x80\xa6""1-22.release         7  10.0.0.1\n"
		},
		{ "and the next", 34, true,
		    "File                      Requests\n"
		    "EFI/Boot/bo\xe2\x80\xa6""1-22.release         7\n" },
		{ "then the name is shortened more", 20, true,
		    "File        Requests\n"
		    "EFI/\xe2\x80\xa6lease         7\n" },
		{ "and no more", 5, true,
		    "File      Requests\nEFI\xe2\x80\xa6""ease         7\n" },
	};
	struct table *t = table_new(of_file, 4);
	size_t i;

	bytes(t, "EFI/Boot/bootx64-2026-11-22.release");
	table_number(t, 7);
	table_number(t, 8);
	table_word(t, "10.0.0.1");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_printed(as_text(t, cases[i].is_utf8 ? &utf8 : &ascii,
		    cases[i].width), cases[i].text, cases[i].what);
	table_free(t);
}

static void
a_title_wider_than_its_column(void)
{
	static const struct table_column columns[] = {
		{ "Client or network", "address", TABLE_NAME, 0 },
		{ "Transfers", "transfers", TABLE_COUNT, 0 },
	};
	struct table *t = table_new(columns, TABLE_LENGTH(columns));
	char *text;

	bytes(t, "192.0.2.1");
	table_number(t, 7);
	text = as_text(t, &utf8, 7);
	T_OK(strncmp(text, "Client o  Transfers\n", 20) == 0,
	    "is cut like the names below it");
	T_OK(strlen(text) < 60, "and pads nothing");
	free(text);
	table_free(t);
}

static void
a_long_name_without_a_terminal(void)
{
	struct table *t = table_new(of_file, 2);
	char name[101] = { 0 }, expected[512];

	memset(name, 'x', 100);
	bytes(t, name);
	table_number(t, 1);
	bytes(t, "y");
	table_number(t, 2);
	snprintf(expected, sizeof(expected),
	    "%-48s  Requests\n%s         1\n%-48s         2\n", "File", name,
	    "y");
	is_printed(as_text(t, &ascii, 0), expected,
	    "it is whole and does not push the lines of others");
	table_free(t);
}

static void
spreadsheets(void)
{
	static const struct {
		const char *what, *name, *field;
	} cases[] = {
		{ "a plain name has no quotes", "a-b", "a-b" },
		{ "a space", "a b", "\"a b\"" },
		{ "= is a formula", "=1+1", "\"'=1+1\"" },
		{ "+", "+1", "\"'+1\"" },
		{ "-", "-1", "\"'-1\"" },
		{ "@", "@SUM(1)", "\"'@SUM(1)\"" },
		{ "behind spaces", "  =1", "\"'  =1\"" },
		{ "full-width =", "\xef\xbc\x9d" "1",
		    "\"'\xef\xbc\x9d" "1\"" },
		{ "an apostrophe can be told from ours", "'=1",
		    "\"''=1\"" },
		{ "TAB is no formula any more", "\t=1", "\"\\x09=1\"" },
		{ "CR, LF", "\r\n=1", "\"\\x0d\\x0a=1\"" },
		{ "quotes are doubled", "a\"b", "\"a\"\"b\"" },
		{ "a comma", "a,=b", "\"a,=b\"" },
		{ "a semicolon parts fields in some countries", "a;=b",
		    "\"a\\x3b=b\"" },
		{ "a backslash is doubled", "\\x3b", "\"\\\\x3b\"" },
		{ "ESC", "\x1b[2J", "\"\\x1b[2J\"" },
		{ "no UTF-8", "\xff", "\"\\xff\"" },
		{ "empty, but there", "", "\"\"" },
		{ "a path", "/a_b/C.9", "/a_b/C.9" },
	};
	char expected[128];
	struct table *t;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		t = table_new(of_file, 1);
		bytes(t, cases[i].name);
		snprintf(expected, sizeof(expected), "file\r\n%s\r\n",
		    cases[i].field);
		is_printed(as_csv(t), expected, cases[i].what);
		table_free(t);
	}
}

/* Commas, quotes and line ends are the only structure: count the fields. */
static void
any_bytes_keep_the_rows(void)
{
	struct table *t = table_new(of_file, 2);
	char *out, *at;
	uint8_t name[3];
	int a, b, lines = 0;
	bool is_quoted = false, is_safe = true;

	for (a = 0; a < 256; a++)
		for (b = 0; b < 256; b += 3) {
			name[0] = (uint8_t)a;
			name[1] = (uint8_t)b;
			name[2] = '"';
			table_text(t, name, 3);
			table_number(t, 1);
		}
	out = as_csv(t);
	for (at = out; *at != '\0'; at++) {
		if (*at == '"')
			is_quoted = !is_quoted;
		if (*at == '\n')
			lines++;
		if (((uint8_t)*at < ' ' || *at == 0x7f) &&
		    (is_quoted || (*at != '\r' && *at != '\n')))
			is_safe = false;
	}
	T_OK(is_safe && !is_quoted, "no control character in a field");
	T_OK(lines == 256 * 86 + 1, "a line a row");
	free(out);
	table_free(t);
}

static const struct table_column of_outcome[] = {
	{ "Outcome", "outcome", TABLE_WORD, 0 },
	{ "Failed", "failure", TABLE_COUNT, 0 },
	{ "Refused", "refused", TABLE_COUNT, 0 },
};

static void
colours(void)
{
	struct table *t = table_new(of_outcome, 3);

	table_word(t, "timeout");
	table_number(t, 1);
	table_number(t, 0);
	table_word(t, "denied");
	table_number(t, 0);
	table_number(t, 2);
	is_printed(as_text(t, &colour, 0),
	    "\033[1mOutcome  Failed  Refused\033[0m\n"
	    "\033[31mtimeout\033[0m       \033[31m1\033[0m        0\n"
	    "\033[33mdenied\033[0m        0        \033[33m2\033[0m\n",
	    "failures red, refusals yellow, nothing else");
	is_printed(as_text(t, &ascii, 0),
	    "Outcome  Failed  Refused\n"
	    "timeout       1        0\n"
	    "denied        0        2\n", "none without colour");
	table_free(t);
}

static void
empty_tables(void)
{
	struct table *t = table_new(of_file, 4);

	is_printed(as_text(t, &ascii, 80), "", "no titles above nothing");
	is_printed(as_json(t), "[]", "an empty list");
	is_printed(as_csv(t), "file,requests,bytes,client\r\n",
	    "the line of keys");
	bytes(t, "half a row");
	T_OK(table_rows(t) == 0, "a row counts when it is whole");
	is_printed(as_json(t), "[]", "and is printed then");
	table_free(t);
}

static void
widths(void)
{
	setenv("COLUMNS", "132", 1);
	T_OK(table_terminal_width() == 132, "COLUMNS goes first");
	setenv("COLUMNS", "132x", 1);
	T_OK(table_terminal_width() != 132, "unless it is no number");
	unsetenv("COLUMNS");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "each kind in each form", each_kind_in_each_form },
		{ "narrow terminals", narrow_terminals },
		{ "a title wider than its column",
		    a_title_wider_than_its_column },
		{ "a long name without a terminal",
		    a_long_name_without_a_terminal },
		{ "spreadsheets", spreadsheets },
		{ "any bytes keep the rows", any_bytes_keep_the_rows },
		{ "colours", colours },
		{ "empty tables", empty_tables },
		{ "the terminal's width", widths },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "table", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
