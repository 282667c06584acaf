#include <stdbool.h>
#include <stdint.h>

#include "status/query.h"
#include "t.h"

#define ALL	(QUERY_WINDOW | QUERY_FILTER | QUERY_OUTCOME | \
    QUERY_LIMIT | QUERY_OFFSET | QUERY_REPORT)

static const struct settings settings = {
	.log = "/log", .table = "/table", .state = "/state",
	.conf = CONFFILE, .tftpd = "/tftpd"
};

/* One question at a time: it is large. */
static struct ask question;

static void
add(struct ask *a, const char *text)
{
	size_t size = strlen(text) + 1;

	CU_ASSERT_FATAL(size <= sizeof(a->text) - a->text_len);
	memcpy(a->text + a->text_len, text, size);
	a->text_len += (uint32_t)size;
}

/* "key=value key=value"; no blanks in them. */
static const struct ask *
asking(const char *text)
{
	char copy[4096], *word, *rest = copy, *value;

	question.text_len = 0;
	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, " ")) != NULL) {
		value = strchr(word, '=');
		if (value == NULL)
			continue;
		*value++ = '\0';
		add(&question, word);
		add(&question, value);
	}
	return &question;
}

static bool
parse(const char *text, unsigned takes, struct query *q, char why[static 512])
{
	strcpy(why, "");
	return query_parse(asking(text), &settings, takes, q, why, 512);
}

static void
takes_all(void)
{
	struct query q;
	char why[512];

	CU_ASSERT_FATAL(parse("since=@100 until=2026-11-23T00:00:00Z "
	    "client=192.0.2.0/24 file=*.cfg op=write outcome=timeout,refused "
	    "limit=1000 offset=100000 report=files", ALL, &q, why));
	CU_ASSERT_EQUAL(q.options.filter.since_us, UINT64_C(100000000));
	CU_ASSERT_EQUAL(q.options.filter.until_us,
	    UINT64_C(1795392000) * 1000000);
	CU_ASSERT(q.options.has_since);
	CU_ASSERT(q.options.filter.has_client);
	CU_ASSERT(filter_network_has(&q.options.filter.client, "192.0.2.9"));
	CU_ASSERT_STRING_EQUAL(q.options.filter.glob, "*.cfg");
	CU_ASSERT_EQUAL(q.options.filter.op, TRANSLOG_WRITE);
	CU_ASSERT(q.options.filter.outcomes & UINT32_C(1) << OUTCOME_TIMEOUT);
	CU_ASSERT(q.options.filter.outcomes & UINT32_C(1) << OUTCOME_DENIED);
	CU_ASSERT_EQUAL(q.limit, 1000);
	CU_ASSERT_EQUAL(q.offset, 100000);
	CU_ASSERT_STRING_EQUAL(q.report, "files");
}

static void
takes_none(void)
{
	struct query q;
	char why[512];

	CU_ASSERT_FATAL(parse("", 0, &q, why));
	CU_ASSERT_EQUAL(q.options.form, FORM_JSON);
	CU_ASSERT(q.options.style.is_utc);
	CU_ASSERT_EQUAL(q.options.filter.until_us, UINT64_MAX);
	CU_ASSERT_EQUAL(q.options.log_count, 0);
	CU_ASSERT_STRING_EQUAL(q.options.log, "/log");
	CU_ASSERT_STRING_EQUAL(q.options.state, "/state/rollup");
	CU_ASSERT_STRING_EQUAL(q.options.program, "/tftpd");
	/* the server's own file is looked for, then the default one */
	CU_ASSERT_PTR_NULL(q.options.conf);
	CU_ASSERT_PTR_NULL(q.report);
	CU_ASSERT_EQUAL(q.limit, 0);
}

static void
refuses(void)
{
	static const struct {
		const char *what, *text;
		unsigned takes;
		const char *why;	/* what the sentence has in it */
	} cases[] = {
		{ "an unknown one", "sinse=2h", ALL,
		    "no parameter 'sinse' here; allowed: since, until, "
		    "client, file, op, outcome, report, limit, offset" },
		{ "one of another route", "offset=1", QUERY_LIMIT,
		    "'offset' here; allowed: limit" },
		{ "any where there are none", "x=", 0, "none is allowed" },
		{ "an unknown one is made safe", "\033[31m=1", 0,
		    "'\\x1b[31m'" },
		{ "a repeated one", "limit=1 limit=1", ALL,
		    "limit is given twice" },
		{ "a bad time", "since=yestreday", ALL,
		    "since 'yestreday': expected a time such as 2h" },
		{ "an empty time", "until=", ALL, "until ''" },
		{ "a window that ends before", "since=1h until=2h", ALL,
		    "since is later than until" },
		{ "a bad address", "client=192.0.2.256", ALL,
		    "client '192.0.2.256': expected an address" },
		{ "a bad prefix", "client=192.0.2.0/33", ALL, "client '" },
		{ "a name, not an address", "client=localhost", ALL,
		    "client 'localhost'" },
		{ "an empty pattern", "file=", ALL, "file ''" },
		{ "a bad operation", "op=READ", ALL,
		    "op 'READ': expected read or write" },
		{ "no operation", "op=", ALL, "op ''" },
		{ "an unknown outcome", "outcome=timeout,late", ALL,
		    "outcome 'timeout,late'" },
		{ "an empty outcome", "outcome=timeout,", ALL, "outcome '" },
		{ "no rows", "limit=0", ALL, "from 1 to 1000" },
		{ "too many rows", "limit=1001", ALL, "from 1 to 1000" },
		{ "a sign", "limit=+5", ALL, "limit '+5'" },
		{ "a negative number", "offset=-1", ALL,
		    "offset '-1': expected a number from 0 to 100000" },
		{ "too far", "offset=100001", ALL, "from 0 to 100000" },
		{ "a number without end",
		    "offset=99999999999999999999999999999999999", ALL,
		    "offset '" },
		{ "a number in another base", "offset=0x10", ALL, "offset" },
		{ "a value is made safe and short",
		    "op=\377<script>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		    ALL, "op '\\xff<script>aaa" },
	};
	struct query q;
	char why[512];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		T_OK(!parse(cases[i].text, cases[i].takes, &q, why),
		    cases[i].what);
		T_OK(strstr(why, cases[i].why) != NULL, cases[i].what);
	}
}

static void
refuses_long_patterns(void)
{
	char text[600] = "file=";
	struct query q;
	char why[512];

	memset(text + 5, '*', 512);
	CU_ASSERT(parse(text, ALL, &q, why));
	text[517] = '*';
	CU_ASSERT(!parse(text, ALL, &q, why));
}

static void
goes_on(void)
{
	struct query q;
	char why[512], *next;

	CU_ASSERT_FATAL(parse("client=2001:db8::/32 file=a*&=%\377 "
	    "outcome=timeout,denied op=read limit=7 since=@1 offset=3", ALL,
	    &q, why));
	next = query_next(&q, "/p", true, 1500000, 2000000, 10);
	CU_ASSERT_STRING_EQUAL(next, "/p?offset=10&limit=7"
	    "&since=1970-01-01T00:00:01.500000Z"
	    "&until=1970-01-01T00:00:02.000000Z&client=2001:db8::%2F32"
	    "&file=a%2A%26%3D%25%FF&op=read&outcome=timeout%2Cdenied");
	free(next);
	CU_ASSERT_FATAL(parse("limit=5", ALL, &q, why));
	next = query_next(&q, "/p", false, 0, UINT64_MAX, 5);
	CU_ASSERT_STRING_EQUAL(next, "/p?offset=5&limit=5");
	free(next);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "all parameters are taken", takes_all },
		{ "without any there are defaults", takes_none },
		{ "what is wrong is refused in a sentence", refuses },
		{ "patterns are bounded", refuses_long_patterns },
		{ "the address of the next page has all of them", goes_on },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "query", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
