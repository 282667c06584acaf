#include <errno.h>

#include "status/diff.h"
#include "t.h"

static void
take(void *arg, char sign, size_t number, const struct diff_line *line)
{
	char *out = arg;
	size_t len = strlen(out);

	snprintf(out + len, 256 - len, "%c%zu%.*s ", sign, number,
	    (int)line->len, line->text);
}

static void
compares(void)
{
	static const struct {
		const char *what, *before, *after, *want;
	} cases[] = {
		{ "nothing", "", "", "" },
		{ "the same", "a\nb\n", "a\nb\n", "" },
		{ "a line at the end", "a\n", "a\nb\n", "+2b " },
		{ "a line at the begin", "a\n", "b\na\n", "+1b " },
		{ "a line in the middle", "a\nb\n", "a\nx\nb\n", "+2x " },
		{ "one that is gone", "a\nx\nb\n", "a\nb\n", "-2x " },
		{ "all of it", "", "a\nb\n", "+1a +2b " },
		{ "all gone", "a\nb\n", "", "-1a -2b " },
		{ "one that changed", "a\nb\nc\n", "a\nx\nc\n", "-2b +2x " },
		{ "two places", "a\nb\nc\nd\ne\n", "a\nB\nc\nD\ne\n",
		    "-2b +2B -4d +4D " },
		{ "lines that moved", "a\nb\nc\n", "c\na\nb\n", "+1c -3c " },
		{ "the fewest", "a\nb\nc\na\nb\nb\na\n",
		    "c\nb\na\nb\na\nc\n", NULL },
		{ "one of equal lines", "a\na\na\n", "a\na\n", "-3a " },
		{ "carriage returns do not count", "a\r\nb\r\n", "a\nb\n",
		    "" },
		{ "nor does a missing end", "a\nb", "a\nb\n", "" },
		{ "empty lines do", "a\n\n", "a\n", "-2 " },
	};
	struct diff_text a, b;
	char got[256], *before, *after;
	size_t i, signs, n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		before = t_guard(cases[i].before, strlen(cases[i].before));
		after = t_guard(cases[i].after, strlen(cases[i].after));
		got[0] = '\0';
		T_OK(diff_split(before, strlen(cases[i].before), &a) == 0 &&
		    diff_split(after, strlen(cases[i].after), &b) == 0 &&
		    diff_compare(&a, &b, take, got) == 0, cases[i].what);
		for (signs = 0, n = 0; got[n] != '\0'; n++)
			signs += got[n] == ' ';
		/* of these four lines are in both, of 7 and 6 */
		T_OK(cases[i].want != NULL ? strcmp(got, cases[i].want) == 0 :
		    signs == 5, cases[i].what);
		free(a.lines);
		free(b.lines);
		t_unguard(before, strlen(cases[i].before));
		t_unguard(after, strlen(cases[i].after));
	}
}

struct count {
	size_t removed, added;
};

static void
count(void *arg, char sign, size_t number, const struct diff_line *line)
{
	struct count *c = arg;

	(void)number;
	(void)line;
	c->removed += sign == '-';
	c->added += sign == '+';
}

/* 256 KiB of short lines: too much to compare each with each. */
static void
large(void)
{
	const size_t lines = 65536;
	char *before = malloc(lines * 4), *after = malloc(lines * 4);
	struct count c = { 0, 0 };
	struct diff_text a, b;
	size_t i;

	for (i = 0; before != NULL && after != NULL && i < lines; i++) {
		memcpy(before + 4 * i, "aaa\n", 4);
		memcpy(after + 4 * i, i == 0 || i == lines - 1 ? "aaa\n" :
		    "bbb\n", 4);
	}
	T_OK(diff_split(before, lines * 4, &a) == 0 &&
	    diff_split(after, lines * 4, &b) == 0 &&
	    diff_compare(&a, &b, count, &c) == 0, "it is compared");
	T_OK(c.removed == lines - 2 && c.added == lines - 2,
	    "all from the first to the last that differ");
	free(a.lines);
	free(b.lines);
	free(before);
	free(after);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "compares", compares },
		{ "large texts", large },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "diff", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
