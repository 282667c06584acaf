#include "status/gate.h"
#include "status/head.h"
#include "status/reply.h"
#include "t-work.h"

#define GOOD	"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static ssize_t
end_of(const char *bytes, size_t len)
{
	char *copy = t_guard(bytes, len);
	ssize_t end = head_end(copy, len);

	t_unguard(copy, len);
	return end;
}

static void
ends_with_an_empty_line(void)
{
	static const struct {
		const char *what, *bytes;
		size_t len;
		ssize_t end;
	} cases[] = {
		{ "all of it", GOOD, 27, 27 },
		{ "and more", GOOD "POST", 31, 27 },
		{ "and bytes that are none of it", GOOD "\0\n", 29, 27 },
		{ "nothing but an empty line", "\r\n", 2, 2 },
		{ "a line without CR", "GET / HTTP/1.1\n", 15, -EBADMSG },
		{ "a CR in a line", "GET /\r HTTP/1.1", 15, -EBADMSG },
		{ "two CR", "GET / HTTP/1.1\r\r\n", 17, -EBADMSG },
		{ "a NUL", "GET /\0", 6, -EBADMSG },
		{ "an escape", "GET /\033", 6, -EBADMSG },
		{ "a DEL", "GET /\177", 6, -EBADMSG },
		{ "TLS", "\026\003\001\002", 4, -EBADMSG },
		{ "a tab in a field", "a:\tb\r\n\r\n", 8, 8 },
		{ "a byte above ASCII", "a:\xe4\r\n\r\n", 7, 7 },
	};
	size_t i;

	for (i = 0; i < COUNT(cases); i++)
		T_OK(end_of(cases[i].bytes, cases[i].len) == cases[i].end,
		    cases[i].what);
	for (i = 0; i < strlen(GOOD); i++)
		T_OK(end_of(GOOD, i) == 0, "a part of it is not all");
}

static unsigned
parse(const char *text, struct head *h)
{
	size_t len = strlen(text);
	char *copy = t_guard(text, len);
	const char *why = NULL;
	unsigned status = head_parse(copy, len, h, &why);

	T_OK(status == 0 || (why != NULL && why[0] != '\0'), text);
	t_unguard(copy, len);
	return status;
}

static void
refuses_what_has_two_readings(void)
{
	static const struct {
		const char *what, *text;
		unsigned status;
	} cases[] = {
		{ "a good one", GOOD, 0 },
		{ "1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n", 0 },
		{ "1.1 does", "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0 },
		{ "two of them",
		    "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400 },
		{ "two in other letters",
		    "GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", 400 },
		{ "nothing", "\r\n", 400 },
		{ "an empty line before it", "\r\n" GOOD, 400 },
		{ "no target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "no version", "GET /\r\n\r\n", 400 },
		{ "a blank in the target",
		    "GET / / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "two blanks", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "a tab", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "a blank behind it",
		    "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400 },
		{ "a fragment", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "a raw byte", "GET /\xe4 HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "version 2", "PRI * HTTP/2.0\r\n\r\n", 505 },
		{ "version 1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505 },
		{ "version 0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505 },
		{ "a small version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "a long version", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400 },
		{ "a method that is no word",
		    "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "an unknown method", "FOO / HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
		{ "a line without a colon",
		    "GET / HTTP/1.1\r\nHost: a\r\nfoo\r\n\r\n", 400 },
		{ "a line that goes on",
		    "GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n", 400 },
		{ "a blank before the colon",
		    "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400 },
		{ "a field without a name",
		    "GET / HTTP/1.1\r\n: a\r\nHost: a\r\n\r\n", 400 },
		{ "two lengths", "POST / HTTP/1.1\r\nHost: a\r\n"
		    "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400 },
		{ "a list of lengths", "POST / HTTP/1.1\r\nHost: a\r\n"
		    "Content-Length: 1, 1\r\n\r\n", 400 },
		{ "a length below 0", "POST / HTTP/1.1\r\nHost: a\r\n"
		    "Content-Length: -1\r\n\r\n", 400 },
		{ "a length with a sign", "POST / HTTP/1.1\r\nHost: a\r\n"
		    "Content-Length: +1\r\n\r\n", 400 },
		{ "no length", "POST / HTTP/1.1\r\nHost: a\r\n"
		    "Content-Length:\r\n\r\n", 400 },
		{ "a length in hexadecimal", "POST / HTTP/1.1\r\nHost: a\r\n"
		    "Content-Length: 0x10\r\n\r\n", 400 },
		{ "a length beyond numbers", "POST / HTTP/1.1\r\nHost: a\r\n"
		    "Content-Length: 99999999999999999999\r\n\r\n", 400 },
		{ "a length and chunks", "POST / HTTP/1.1\r\nHost: a\r\n"
		    "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		    400 },
		{ "two Accept", "GET / HTTP/1.1\r\nHost: a\r\n"
		    "Accept: a/b\r\nAccept: c/d\r\n\r\n", 0 },
		{ "two unknown ones", "GET / HTTP/1.1\r\nHost: a\r\n"
		    "X: a/b\r\nX: c/d\r\n\r\n", 0 },
	};
	struct head h;
	size_t i;

	for (i = 0; i < COUNT(cases); i++)
		T_OK(parse(cases[i].text, &h) == cases[i].status,
		    cases[i].what);
}

static bool
span_is(struct head_span s, const char *text)
{
	return s.len == strlen(text) &&
	    (s.len == 0 || memcmp(s.at, text, s.len) == 0);
}

static void
takes_a_request_apart(void)
{
	static const char text[] = "POST /a%20b?c=d?e HTTP/1.1\r\n"
	    "hoST: \t h:1 \t\r\nContent-Length: 007\r\n"
	    "Accept:\r\nX:y\r\n\r\n";
	struct head h;
	const char *why;

	T_OK(head_parse(text, strlen(text), &h, &why) == 0, "it is good");
	T_OK(h.method == HEAD_POST && !h.is_http10, "method and version");
	T_OK(span_is(h.path, "/a%20b"), "the path, raw");
	T_OK(span_is(h.query, "c=d?e"), "the query, raw");
	T_OK(span_is(h.fields[HEAD_HOST], "h:1"), "without blanks around");
	T_OK(span_is(h.fields[HEAD_ACCEPT], ""), "an empty field");
	T_OK(h.fields[HEAD_ORIGIN].at == NULL, "a field that is not there");
	T_OK(h.body_len == 7, "the length");
}

static void
has_a_limited_number_of_fields(void)
{
	char text[4096];
	size_t len = 0, i;
	struct head h;

	len += (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (i = 1; i < HEAD_FIELDS_MAX; i++)
		len += (size_t)sprintf(text + len, "a: b\r\n");
	sprintf(text + len, "\r\n");
	CU_ASSERT_EQUAL(parse(text, &h), 0);
	sprintf(text + len, "a: b\r\n\r\n");
	CU_ASSERT_EQUAL(parse(text, &h), 431);
}

static void
glances_at_what_is_not_whole(void)
{
	static const struct {
		const char *text, *path;
		enum head_method method;
	} cases[] = {
		{ "GET /api/v1", "/api/v1", HEAD_GET },
		{ "HEAD /api/v1?x", "/api/v1", HEAD_HEAD },
		{ "GET ", "", HEAD_GET }, { "GE", "", HEAD_OTHER },
		{ "", "", HEAD_OTHER }, { " ", "", HEAD_OTHER },
	};
	struct head h;
	size_t i, len;
	char *copy;

	for (i = 0; i < COUNT(cases); i++) {
		len = strlen(cases[i].text);
		copy = t_guard(cases[i].text, len);
		head_glance(copy, len, &h);
		T_OK(h.method == cases[i].method, cases[i].text);
		T_OK(span_is(h.path, cases[i].path), cases[i].text);
		t_unguard(copy, len);
	}
}

static void
openmetrics_is_preferred(void)
{
	static const struct {
		const char *accept;
		bool wants;
	} cases[] = {
		{ "", false }, { "*/*", false }, { "text/plain", false },
		{ "application/openmetrics-text", true },
		{ "application/openmetrics-text;q=0", false },
		{ "application/openmetrics-text;q=0.000", false },
		{ "application/openmetrics-text;q=0.001", true },
		{ "APPLICATION/OpenMetrics-Text; version=1.0.0", true },
		{ "text/plain, application/openmetrics-text", true },
		{ "application/openmetrics-text;q=0.5,text/plain", false },
		{ "application/openmetrics-text;q=0.5,text/plain;q=0.4",
		    true },
		{ "application/openmetrics-text;q=0.5,*/*;q=0.8", false },
		{ "application/openmetrics-text;q=0.5,text/*;q=0.4,*/*",
		    true },
		/* what Prometheus 2 sends */
		{ "application/openmetrics-text;version=1.0.0;q=0.8,"
		    "application/openmetrics-text;version=0.0.1;q=0.75,"
		    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true },
		{ "text/html,application/xhtml+xml,*/*;q=0.8", false },
		{ "application/openmetrics-text;q=", false },
		{ "application/openmetrics-text;q=x", false },
		{ "application/openmetrics-text;q=0.x", false },
		{ "application/openmetrics-text;q", true },
		{ ",;,=;q=1,", false },
	};
	struct head_span s;
	size_t i;
	char *copy;

	for (i = 0; i < COUNT(cases); i++) {
		s.len = strlen(cases[i].accept);
		s.at = copy = t_guard(cases[i].accept, s.len);
		T_OK(head_wants_openmetrics(s) == cases[i].wants,
		    cases[i].accept);
		t_unguard(copy, s.len);
	}
}

/* ---- gate ------------------------------------------------------------- */

static const char *const hosts[] = { "boot.example.org", "proxy" };

struct gate_case {
	const char *text;
	unsigned status;	/* 0: let through */
	enum ask_route route;
};

static void
check_gate(const struct gate_case *c, bool has_manage)
{
	struct front f = { .has_manage = has_manage, .hosts = hosts,
		.host_count = 2, .hostname = "srv1.example.net" };
	struct refusal r = { 0 };
	const char *why;
	struct head h;
	bool is_through;

	f.ask = calloc(1, sizeof(*f.ask));
	if (f.ask == NULL)
		abort();
	T_OK(head_parse(c->text, strlen(c->text), &h, &why) == 0, c->text);
	is_through = gate_check(&f, &h, &r);
	T_OK(is_through == (c->status == 0) && r.status == c->status, c->text);
	T_OK(!is_through || (f.ask->route == c->route && ask_is_sound(f.ask)),
	    c->text);
	T_OK(is_through || r.text[0] != '\0', "it says why");
	T_OK((r.allow != NULL) == (c->status == 405), "Allow with 405");
	free(f.ask);
}

#define H	" HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define FORM	" HTTP/1.1\r\nHost: localhost\r\n" \
		"Content-Type: application/x-www-form-urlencoded\r\n"

static void
knows_paths_and_methods(void)
{
	static const struct gate_case cases[] = {
		{ "GET /" H, 0, ASK_PAGE }, { "HEAD /" H, 0, ASK_PAGE },
		{ "GET /?window=1h" H, 0, ASK_PAGE },
		{ "GET /healthz" H, 0, ASK_HEALTH },
		{ "GET /readyz?" H, 0, ASK_READY },
		{ "GET /metrics" H, 0, ASK_METRICS },
		{ "GET /api/v1/status" H, 0, ASK_STATUS },
		{ "GET /api/v1/transfers" H, 0, ASK_TRANSFERS },
		{ "GET /api/v1/connections" H, 0, ASK_CONNECTIONS },
		{ "GET /api/v1/statistics" H, 0, ASK_STATISTICS },
		{ "GET /api/v1/config" H, 0, ASK_CONFIG },
		{ "GET /manage" H, 0, ASK_MANAGE },
		{ "POST /manage/check" FORM "\r\n", 0, ASK_MANAGE_CHECK },
		{ "POST /manage/stage" FORM "\r\n", 0, ASK_MANAGE_STAGE },
		{ "POST /manage/explain" FORM "\r\n", 0, ASK_MANAGE_EXPLAIN },
		{ "GET //" H, 404, 0 }, { "GET /healthz/" H, 404, 0 },
		{ "GET /./healthz" H, 404, 0 }, { "GET /Healthz" H, 404, 0 },
		{ "GET /../etc/passwd" H, 404, 0 }, { "GET *" H, 404, 0 },
		{ "GET /%68ealthz" H, 404, 0 }, { "GET /api" H, 404, 0 },
		{ "GET http://localhost/" H, 404, 0 },
		{ "GET ?" H, 404, 0 }, { "GET /healthz%00" H, 404, 0 },
		{ "POST /nothing" H, 404, 0 },
		{ "POST /" H, 405, 0 }, { "PUT /" H, 405, 0 },
		{ "OPTIONS *" H, 405, 0 }, { "TRACE /" H, 405, 0 },
		{ "CONNECT localhost:80" H, 405, 0 }, { "get /" H, 405, 0 },
		{ "DELETE /nothing" H, 405, 0 }, { "GETX /" H, 405, 0 },
		{ "GET /manage/check" H, 405, 0 },
		{ "POST /manage" FORM "\r\n", 405, 0 },
		{ "GET /?a=%00" H, 400, 0 }, { "GET /?a=%zz" H, 400, 0 },
		{ "GET /?%" H, 400, 0 },
	};
	static const struct gate_case without[] = {
		{ "GET /manage" H, 404, 0 },
		{ "POST /manage/check" FORM "\r\n", 404, 0 },
		{ "GET /manage/check" H, 404, 0 },
		{ "PUT /manage/check" H, 405, 0 },
		{ "GET /" H, 0, ASK_PAGE },
	};
	size_t i;

	for (i = 0; i < COUNT(cases); i++)
		check_gate(&cases[i], true);
	for (i = 0; i < COUNT(without); i++)
		check_gate(&without[i], false);
}

static void
knows_its_names(void)
{
	static const struct {
		const char *host;
		bool is_ours;
	} cases[] = {
		{ "localhost", true }, { "LocalHost:9169", true },
		{ "localhost.", true }, { "127.0.0.1", true },
		{ "192.0.2.7:80", true }, { "[::1]", true },
		{ "[2001:db8::1]:9169", true }, { "srv1", true },
		{ "srv1.example.net:1", true }, { "SRV1.Example.NET.", true },
		{ "boot.example.org", true }, { "proxy:8080", true },
		{ "localhost:", true },
		{ "", false }, { ":80", false }, { ".", false },
		{ "evil.example", false }, { "srv1.evil.example", false },
		{ "srv", false }, { "srv1.example", false },
		{ "localhost.evil.example", false }, { "boot", false },
		{ "127.0.0.1.evil.example", false }, { "::1", false },
		{ "[::1", false }, { "[::1].evil", false }, { "[]", false },
		{ "[127.0.0.1]", false }, { "localhost:80:80", false },
		{ "localhost:123456", false }, { "localhost:8x", false },
		{ "127.1", false }, { "2130706433", false },
		{ "xlocalhost", false }, { "evil@localhost", false },
		{ "localhost, localhost", false }, { "\xe4", false },
	};
	struct gate_case c = { .route = ASK_STATUS };
	char text[256];
	size_t i;

	c.text = text;
	for (i = 0; i < COUNT(cases); i++) {
		sprintf(text, "GET /api/v1/status HTTP/1.1\r\nHost: %s\r\n\r\n",
		    cases[i].host);
		c.status = cases[i].is_ours ? 0 : 421;
		check_gate(&c, true);
		sprintf(text, "GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n",
		    cases[i].host);
		check_gate(&(struct gate_case){ text, 0, ASK_METRICS }, true);
	}
	check_gate(&(struct gate_case){ "GET / HTTP/1.0\r\n\r\n", 0,
	    ASK_PAGE }, false);
}

static void
posts_are_forms_of_this_site(void)
{
	static const struct gate_case cases[] = {
		{ "POST /manage/check" FORM "Origin: http://localhost\r\n\r\n",
		    0, ASK_MANAGE_CHECK },
		{ "POST /manage/check" FORM
		    "Origin: HTTPS://LOCALHOST\r\n\r\n", 403, 0 },
		{ "POST /manage/check" FORM
		    "Origin: https://LOCALHOST\r\n\r\n", 0,
		    ASK_MANAGE_CHECK },
		{ "POST /manage/check" FORM
		    "Origin: http://localhost:81\r\n\r\n", 403, 0 },
		{ "POST /manage/check" FORM
		    "Origin: http://localhost.evil\r\n\r\n", 403, 0 },
		{ "POST /manage/check" FORM "Origin: localhost\r\n\r\n", 403,
		    0 },
		{ "POST /manage/check" FORM "Origin: null\r\n\r\n", 403, 0 },
		{ "POST /manage/check" FORM "Origin:\r\n\r\n", 403, 0 },
		{ "POST /manage/check" FORM
		    "Sec-Fetch-Site: same-origin\r\n\r\n", 0,
		    ASK_MANAGE_CHECK },
		{ "POST /manage/check" FORM "Sec-Fetch-Site: none\r\n\r\n", 0,
		    ASK_MANAGE_CHECK },
		{ "POST /manage/check" FORM
		    "Sec-Fetch-Site: cross-site\r\n\r\n", 403, 0 },
		{ "POST /manage/check" FORM
		    "Sec-Fetch-Site: same-site\r\n\r\n", 403, 0 },
		{ "POST /manage/check HTTP/1.0\r\nContent-Type: "
		    "application/x-www-form-urlencoded;charset=UTF-8\r\n"
		    "Content-Length: 3\r\n\r\n", 0, ASK_MANAGE_CHECK },
		{ "POST /manage/check HTTP/1.0\r\nContent-Type: "
		    "application/x-www-form-urlencoded\r\n"
		    "Origin: http://\r\n\r\n", 403, 0 },
		{ "POST /manage/check" H, 415, 0 },
		{ "POST /manage/check HTTP/1.1\r\nHost: localhost\r\n"
		    "Content-Type: text/plain\r\n\r\n", 415, 0 },
		{ "POST /manage/check HTTP/1.1\r\nHost: localhost\r\n"
		    "Content-Type: multipart/form-data; boundary=x\r\n\r\n",
		    415, 0 },
		{ "POST /manage/check?a=b" FORM "\r\n", 400, 0 },
		{ "POST /manage/check" FORM "Content-Length: 921600\r\n\r\n",
		    0, ASK_MANAGE_CHECK },
		{ "POST /manage/check" FORM "Content-Length: 921601\r\n\r\n",
		    413, 0 },
		{ "POST /manage/check" FORM "Transfer-Encoding: chunked\r\n"
		    "\r\n", 411, 0 },
		{ "POST /manage/check" FORM "Expect: 100-Continue\r\n\r\n", 0,
		    ASK_MANAGE_CHECK },
		{ "POST /manage/check" FORM "Expect: coffee\r\n\r\n", 417, 0 },
		{ "GET / HTTP/1.1\r\nHost: localhost\r\n"
		    "Content-Length: 0\r\n\r\n", 0, ASK_PAGE },
		{ "GET / HTTP/1.1\r\nHost: localhost\r\n"
		    "Content-Length: 1\r\n\r\n", 413, 0 },
		{ "GET / HTTP/1.1\r\nHost: localhost\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n", 411, 0 },
	};
	size_t i;

	for (i = 0; i < COUNT(cases); i++)
		check_gate(&cases[i], true);
}

static void
long_fields_are_refused(void)
{
	char text[1024];
	struct gate_case c = { text, 0, ASK_PAGE };

	sprintf(text, "GET / HTTP/1.1\r\nHost: localhost\r\n"
	    "Authorization: %0*d\r\n\r\n", ASK_HEADER_MAX - 1, 0);
	check_gate(&c, false);
	sprintf(text, "GET / HTTP/1.1\r\nHost: localhost\r\n"
	    "Authorization: %0*d\r\n\r\n", ASK_HEADER_MAX, 0);
	c.status = 431;
	check_gate(&c, false);
}

static void
errors_have_the_form_of_their_path(void)
{
	static const struct {
		const char *path;
		enum answer_type type;
	} cases[] = {
		{ "/api/v1/status", ANSWER_JSON }, { "/api", ANSWER_JSON },
		{ "/apix", ANSWER_JSON }, { "/healthz", ANSWER_JSON },
		{ "/readyz", ANSWER_JSON }, { "/metrics", ANSWER_TEXT },
		{ "/", ANSWER_HTML }, { "/manage", ANSWER_HTML },
		{ "/ap", ANSWER_HTML }, { "", ANSWER_TEXT },
	};
	size_t i;

	for (i = 0; i < COUNT(cases); i++)
		T_OK(gate_error_type((struct head_span){ cases[i].path,
		    strlen(cases[i].path) }) == cases[i].type, cases[i].path);
}

/* ---- answers of the other process ------------------------------------- */

static void
bad_answers_are_not_passed_on(void)
{
	const struct answer page = { .status = 200, .type = ANSWER_HTML,
		.nonce = "0123456789abcdef0123456789abcdef" };
	struct answer a = { .status = 200, .type = ANSWER_JSON };

	T_OK(answer_is_sound(&a) && answer_is_sound(&page), "good ones");
	a.status = 100;
	T_OK(!answer_is_sound(&a), "a status that is no answer");
	a.status = UINT32_MAX;
	T_OK(!answer_is_sound(&a), "a status that is none");
	a = (struct answer){ .status = 200, .type = ANSWER_TYPES };
	T_OK(!answer_is_sound(&a), "an unknown type");
	a = (struct answer){ .status = 200, .wants_password = 1 };
	T_OK(!answer_is_sound(&a), "a password without 401");
	a = (struct answer){ .status = 401, .wants_password = 1 };
	T_OK(answer_is_sound(&a), "a password with 401");
	memset(&a.wants_password, 7, 1);
	T_OK(!answer_is_sound(&a), "a flag of 7");
	a = (struct answer){ .status = 303, .location = "/manage" };
	T_OK(answer_is_sound(&a), "a path of ours");
	strcpy(a.location, "//evil.example");
	T_OK(!answer_is_sound(&a), "another server");
	strcpy(a.location, "/manage\r\nX: y");
	T_OK(!answer_is_sound(&a), "a field of its own");
	memset(a.location, '/', sizeof(a.location));
	T_OK(!answer_is_sound(&a), "a path without an end");
	a = (struct answer){ .status = 200, .location = "/manage" };
	T_OK(!answer_is_sound(&a), "a location without 303");
	a = page;
	a.nonce[31] = '\0';
	T_OK(!answer_is_sound(&a), "a short nonce");
	a.nonce[31] = '\'';
	T_OK(!answer_is_sound(&a), "a nonce that ends its quotes");
	a.nonce[31] = a.nonce[32] = 'a';
	T_OK(!answer_is_sound(&a), "a nonce without an end");
}

static bool
has(const char *whole, size_t len, const char *part)
{
	return memmem(whole, len, part, strlen(part)) != NULL;
}

static void
errors_are_safe(void)
{
	struct refusal r = { 0 };
	size_t len = 0;
	char *whole;

	reply_refuse(&r, 500, "<b>\r\nX: \x1b[2J\" \xff\\");
	whole = reply_error(&r, ANSWER_JSON, false, &len);
	T_OK(has(whole, len, "\r\n\r\n{\"schema\":1,\"error\":\"<b>\\\\x0d"
	    "\\\\x0aX: \\\\x1b[2J\\\" \\\\xff\\\\\\\\\",\"status\":500}\n"),
	    "JSON");
	free(whole);
	whole = reply_error(&r, ANSWER_HTML, false, &len);
	T_OK(has(whole, len, "&lt;b&gt;\\x0d\\x0aX: \\x1b[2J&quot; \\xff"),
	    "HTML");
	T_OK(has(whole, len, "Content-Security-Policy: default-src 'none'"),
	    "with a policy");
	free(whole);
	whole = reply_error(&r, ANSWER_TEXT, true, &len);
	T_OK(has(whole, len, "HTTP/1.1 500 Internal Server Error\r\n") &&
	    has(whole, len, "Connection: close\r\n") &&
	    has(whole, len, "X-Content-Type-Options: nosniff\r\n") &&
	    has(whole, len, "\r\nContent-Length: 30\r\n"), "fields");
	T_OK(memcmp(whole + len - 4, "\r\n\r\n", 4) == 0, "and no body");
	free(whole);
	r.allow = "POST";
	reply_refuse(&r, 405, "no");
	whole = reply_error(&r, ANSWER_TEXT, false, &len);
	T_OK(has(whole, len, "\r\nAllow: POST\r\n"), "Allow");
	free(whole);
}

int
main(void)
{
	CU_TestInfo head[] = {
		{ "ends with an empty line", ends_with_an_empty_line },
		{ "refuses what has two readings",
		    refuses_what_has_two_readings },
		{ "takes a request apart", takes_a_request_apart },
		{ "has a limited number of fields",
		    has_a_limited_number_of_fields },
		{ "glances at what is not whole",
		    glances_at_what_is_not_whole },
		{ "knows when OpenMetrics is preferred",
		    openmetrics_is_preferred },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo gate[] = {
		{ "knows paths and methods", knows_paths_and_methods },
		{ "knows its names", knows_its_names },
		{ "posts are forms of this site",
		    posts_are_forms_of_this_site },
		{ "long fields are refused", long_fields_are_refused },
		{ "errors have the form of their path",
		    errors_have_the_form_of_their_path },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo reply[] = {
		{ "bad answers are not passed on",
		    bad_answers_are_not_passed_on },
		{ "errors are safe", errors_are_safe },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "head", NULL, NULL, NULL, NULL, head },
		{ "gate", NULL, NULL, NULL, NULL, gate },
		{ "reply", NULL, NULL, NULL, NULL, reply },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
