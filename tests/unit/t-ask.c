#include <errno.h>

#include "status/ask.h"
#include "status/form.h"
#include "t-work.h"

static struct ask *
new_ask(void)
{
	struct ask *a = calloc(1, sizeof(*a));

	if (a == NULL)
		abort();
	a->route = ASK_STATUS;
	return a;
}

/* As "key=value;key=value;". */
static const char *
as_text(const struct ask *a, char out[static 256])
{
	const char *key, *value;
	size_t at = 0, len = 0;

	out[0] = '\0';
	while (ask_next(a, &at, &key, &value) && len < 256)
		len += (size_t)snprintf(out + len, 256 - len, "%s=%s;", key,
		    value);
	return out;
}

/* In pieces of each length: nothing depends on where they end. */
static bool
feed(struct ask *a, const char *bytes, size_t step)
{
	size_t len = strlen(bytes), at, part;
	struct form f;
	char *piece;
	int err = 0;

	form_begin(&f, a);
	for (at = 0; at < len && err == 0; at += part) {
		part = len - at < step ? len - at : step;
		piece = t_guard(bytes + at, part);
		err = form_feed(&f, piece, part);
		t_unguard(piece, part);
	}
	return err == 0 && form_end(&f) == 0;
}

static void
keeps_parameters(void)
{
	struct ask *a = new_ask();
	char text[256];

	T_OK(ask_is_sound(a) && ask_get(a, "x") == NULL, "none");
	T_OK(feed(a, "a=1&b=&a=2", SIZE_MAX), "a good query");
	T_OK(strcmp(as_text(a, text), "a=1;b=;a=2;") == 0, "in their order");
	T_OK(ask_is_sound(a), "sound");
	T_OK(strcmp(ask_get(a, "a"), "1") == 0, "the first of a name");
	T_OK(strcmp(ask_get(a, "b"), "") == 0, "an empty value");
	T_OK(ask_get(a, "c") == NULL, "no such name");
	free(a);
}

/* What a process could write that somebody took over. */
static void
bad_ones_are_not_looked_at(void)
{
	struct ask *a = new_ask(), *bad = new_ask();
	uint32_t i;

	T_OK(feed(a, "key=value", SIZE_MAX) && ask_is_sound(a), "a good one");
	*bad = *a;
	bad->route = ASK_NONE;
	T_OK(!ask_is_sound(bad), "no route");
	for (i = 0; i < 40; i++) {
		bad->route = ASK_ROUTES + i * i * i * 99991;
		T_OK(!ask_is_sound(bad), "a route beyond the last");
	}
	*bad = *a;
	memset(&bad->is_post, 2, 1);
	T_OK(!ask_is_sound(bad), "a flag of 2");
	*bad = *a;
	memset(&bad->wants_openmetrics, 255, 1);
	T_OK(!ask_is_sound(bad), "a flag of 255");
	*bad = *a;
	bad->text_len = ASK_TEXT_MAX + 1;
	T_OK(!ask_is_sound(bad), "a length beyond the end");
	*bad = *a;
	bad->text_len = UINT32_MAX;
	T_OK(!ask_is_sound(bad), "the longest length");
	for (i = 0; i < a->text_len; i++) {
		*bad = *a;
		bad->text_len = i;
		T_OK(ask_is_sound(bad) == (i == 0), "cut off");
	}
	*bad = *a;
	memset(bad->host, 'x', sizeof(bad->host));
	T_OK(!ask_is_sound(bad), "a host without an end");
	*bad = *a;
	memset(bad->origin, 'x', sizeof(bad->origin));
	T_OK(!ask_is_sound(bad), "an origin without an end");
	*bad = *a;
	memset(bad->authorization, 'x', sizeof(bad->authorization));
	T_OK(!ask_is_sound(bad), "a password without an end");
	*bad = *a;
	memset(bad->fetch_site, 'x', sizeof(bad->fetch_site));
	T_OK(!ask_is_sound(bad), "a site without an end");
	free(a);
	free(bad);
}

static const struct {
	const char *what, *bytes, *wanted;	/* NULL: refused */
} forms[] = {
	{ "nothing", "", "" },
	{ "one", "a=1", "a=1;" },
	{ "two", "a=1&b=2", "a=1;b=2;" },
	{ "without a value", "a=&b", "a=;b=;" },
	{ "without a name", "=1", "=1;" },
	{ "only =", "=", "=;" },
	{ "empty ones", "&&a=1&&&b=2&", "a=1;b=2;" },
	{ "a plus is a blank", "a+b=c+d", "a b=c d;" },
	{ "an escape", "a%3db=%26%2B%25", "a=b=&+%;" },
	{ "small and large digits", "a=%c3%A4", "a=\xc3\xa4;" },
	{ "only the first = divides", "a=b=c", "a=b=c;" },
	{ "the same twice", "a=1&a=2", "a=1;a=2;" },
	{ "a newline", "a=%0D%0Ab", "a=\r\nb;" },
	{ "a NUL", "a=%00", NULL },
	{ "a NUL in a name", "a%00b=1", NULL },
	{ "half an escape at the end", "a=%4", NULL },
	{ "no digits at the end", "a=%", NULL },
	{ "half an escape in between", "a=%4&b=1", NULL },
	{ "no hexadecimal digit", "a=%4g", NULL },
	{ "a sign", "a=%-1", NULL },
	{ "a blank", "a=% 1", NULL },
	{ "two %", "a=%%41", NULL },
	{ "UTF-16", "a=%u0041", NULL },
};

static void
decodes_forms(void)
{
	struct ask *a = new_ask();
	char text[256];
	size_t i, step;
	bool is_good;

	for (i = 0; i < COUNT(forms); i++)
		for (step = 1; step < 6; step++) {
			a->text_len = 0;
			is_good = feed(a, forms[i].bytes, step);
			T_OK(is_good == (forms[i].wanted != NULL),
			    forms[i].what);
			T_OK(!is_good || (ask_is_sound(a) && strcmp(
			    as_text(a, text), forms[i].wanted) == 0),
			    forms[i].what);
		}
	free(a);
}

static void
a_nul_is_refused_raw(void)
{
	struct ask *a = new_ask();
	struct form f;

	form_begin(&f, a);
	CU_ASSERT_EQUAL(form_feed(&f, "a=\0b", 4), -EINVAL);
	free(a);
}

/* len bytes of value behind "k=", or of a key; what is it told? */
static int
feed_many(struct ask *a, const char *before, char c, size_t len)
{
	struct form f;
	int err;

	a->text_len = 0;
	form_begin(&f, a);
	err = form_feed(&f, before, strlen(before));
	while (len-- != 0 && err == 0)
		err = form_feed(&f, &c, 1);
	return err != 0 ? err : form_end(&f);
}

static void
forms_end_where_an_ask_does(void)
{
	struct ask *a = new_ask();

	CU_ASSERT_EQUAL(feed_many(a, "k=", 'x', ASK_TEXT_MAX - 4), 0);
	T_OK(ask_is_sound(a) && strlen(ask_get(a, "k")) == ASK_TEXT_MAX - 4,
	    "a long value");
	CU_ASSERT_EQUAL(feed_many(a, "k=", 'x', ASK_TEXT_MAX), -ENOSPC);
	CU_ASSERT_EQUAL(feed_many(a, "", 'x', ASK_TEXT_MAX - 2), 0);
	T_OK(ask_is_sound(a) && a->text_len == ASK_TEXT_MAX, "a long name");
	CU_ASSERT_EQUAL(feed_many(a, "", 'x', ASK_TEXT_MAX - 1), -ENOSPC);
	CU_ASSERT_EQUAL(feed_many(a, "", '&', 3 * ASK_TEXT_MAX), 0);
	CU_ASSERT_EQUAL(a->text_len, 0);
	free(a);
}

int
main(void)
{
	CU_TestInfo ask[] = {
		{ "keeps parameters", keeps_parameters },
		{ "bad ones are not looked at", bad_ones_are_not_looked_at },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo form[] = {
		{ "decodes, wherever the pieces end", decodes_forms },
		{ "a NUL is refused", a_nul_is_refused_raw },
		{ "they end where an ask does", forms_end_where_an_ask_does },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "ask", NULL, NULL, NULL, NULL, ask },
		{ "form", NULL, NULL, NULL, NULL, form },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
