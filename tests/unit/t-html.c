#include <stdbool.h>
#include <stdint.h>

#include "status/advice.h"
#include "status/html.h"
#include "t.h"

static char *text;
static size_t size;

static FILE *
begin(void)
{
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		abort();
	return f;
}

/* Ends it and compares. */
static void
is(FILE *f, const char *expected, const char *what)
{
	fclose(f);
	T_OK(strcmp(text, expected) == 0, what);
	free(text);
}

static bool
has(const char *part)
{
	return strstr(text, part) != NULL;
}

static void
what_means_something_is_escaped(void)
{
	static const struct {
		const char *what, *text, *html;
	} cases[] = {
		{ "nothing", "", "" },
		{ "plain", "pxelinux.0", "pxelinux.0" },
		{ "markup", "<b a='1' c=\"2\">&amp;",
		    "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;amp;" },
	};
	FILE *f;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f = begin();
		html_text(f, cases[i].text);
		is(f, cases[i].html, cases[i].what);
		f = begin();
		html_bytes(f, (const uint8_t *)cases[i].text,
		    strlen(cases[i].text));
		is(f, cases[i].html, cases[i].what);
	}
}

static void
what_turns_and_steers_is_visible(void)
{
	FILE *f = begin();

	html_bytes(f, (const uint8_t *)"a\xe2\x80\xae" "b\0\x1b\xff<", 9);
	is(f, "a\\xe2\\x80\\xaeb\\x00\\x1b\\xff&lt;", "control, direction");
}

/* Each byte alone and before '<': no markup, no control byte. */
static void
no_byte_becomes_markup(void)
{
	uint8_t name[2] = { 0, '<' };
	unsigned byte;
	bool is_good = true;
	FILE *f;
	size_t i;

	for (byte = 0; byte < 256; byte++) {
		name[0] = (uint8_t)byte;
		f = begin();
		html_bytes(f, name, sizeof(name));
		fclose(f);
		for (i = 0; i < size; i++)
			is_good &= strchr("<>\"'", text[i]) == NULL &&
			    (uint8_t)text[i] >= 0x20 && text[i] != 0x7f;
		free(text);
	}
	T_OK(is_good, "no byte of a stranger is markup");
}

static void
long_names_lose_their_middle(void)
{
	uint8_t name[1000];
	FILE *f = begin();

	html_name(f, (const uint8_t *)"a<b", 3, 10);
	is(f, "<span class=\"name\">a&lt;b</span>", "a short one");
	f = begin();
	html_name(f, (const uint8_t *)"0123456789\"abcdefghij", 21, 9);
	is(f, "<span class=\"name\" title=\"0123456789&quot;abcdefghij\">"
	    "0123\xe2\x80\xa6ghij</span>", "a long one, whole in its title");
	memset(name, '"', sizeof(name));
	f = begin();
	html_name(f, name, sizeof(name), 40);
	fclose(f);
	T_OK(size < 7 * (HTML_TITLE_MAX + 40) + 100, "a title is bounded");
	free(text);
}

static void
numbers_in_groups(void)
{
	static const struct {
		uint64_t count;
		const char *text;
	} cases[] = {
		{ 0, "0" }, { 999, "999" },
		{ 1000, "1\xe2\x80\xaf" "000" },
		{ 1234567, "1\xe2\x80\xaf" "234\xe2\x80\xaf" "567" },
		{ UINT64_MAX, "18\xe2\x80\xaf" "446\xe2\x80\xaf" "744"
		    "\xe2\x80\xaf" "073\xe2\x80\xaf" "709\xe2\x80\xaf" "551"
		    "\xe2\x80\xaf" "615" },
	};
	char out[HTML_COUNT_MAX];
	FILE *f = begin();
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_STRING_EQUAL(html_count(cases[i].count, out),
		    cases[i].text);
	html_number(f, "n", 12345, "12.3 kB");
	html_number(f, NULL, 7, NULL);
	is(f, "<data id=\"n\" value=\"12345\">12.3 kB</data>"
	    "<data value=\"7\">7</data>", "a number programs can read");
	f = begin();
	html_time(f, NULL, 1, "then");
	is(f, "<time datetime=\"1970-01-01T00:00:00.000001Z\">then</time>",
	    "a time");
}

static void
a_page_has_its_nonce(void)
{
	char nonce[ANSWER_NONCE_LEN + 1], again[ANSWER_NONCE_LEN + 1];
	FILE *f = begin();

	CU_ASSERT(html_nonce(nonce) == 0 && html_nonce(again) == 0);
	CU_ASSERT(strlen(nonce) == ANSWER_NONCE_LEN);
	CU_ASSERT(strspn(nonce, "0123456789abcdef") == ANSWER_NONCE_LEN);
	CU_ASSERT(strcmp(nonce, again) != 0);
	html_begin(f, "a <title>", "abc", "/", 1);
	html_end(f);
	fclose(f);
	CU_ASSERT(has("<title>a &lt;title&gt;</title>"));
	CU_ASSERT(has("<style nonce=\"abc\">"));
	CU_ASSERT(has("<script type=\"module\" nonce=\"abc\">"));
	CU_ASSERT(has("<a href=\"/\" aria-current=\"page\">"));
	CU_ASSERT(has("<a href=\"/manage\">"));
	CU_ASSERT(has("http-equiv=\"refresh\""));
	free(text);
	f = begin();
	html_begin(f, "t", "abc", "/manage", 0);
	fclose(f);
	T_OK(!has("<script") && !has("refresh\"") && !has("href=\"/manage"),
	    "another page does not fetch itself");
	free(text);
}

static void
every_problem_has_an_advice(void)
{
	enum outcome_class of_class;
	bool is_problem;
	int i;

	for (i = 0; i < OUTCOME_COUNT; i++) {
		of_class = outcome_class((enum outcome)i);
		is_problem = of_class == OUTCOME_CLASS_REFUSED ||
		    of_class == OUTCOME_CLASS_FAILURE;
		T_OK((advice_cause((enum outcome)i)[0] != '\0') == is_problem
		    && (advice_action((enum outcome)i)[0] != '\0') ==
		    is_problem, outcome_name((enum outcome)i));
	}
	CU_ASSERT_STRING_EQUAL(advice_cause((enum outcome)99), "");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "what means something is escaped",
		    what_means_something_is_escaped },
		{ "what turns and steers is visible",
		    what_turns_and_steers_is_visible },
		{ "no byte becomes markup", no_byte_becomes_markup },
		{ "long names lose their middle",
		    long_names_lose_their_middle },
		{ "numbers stand in groups", numbers_in_groups },
		{ "a page has its nonce", a_page_has_its_nonce },
		{ "every problem has an advice",
		    every_problem_has_an_advice },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "html", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
