#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "status/form.h"
#include "status/gate.h"

enum { GET = 1, POST = 2, ANY_NAME = 4 };

static const struct route {
	const char *path;
	enum ask_route route;
	unsigned takes;
} routes[] = {
	{ "/", ASK_PAGE, GET },
	/* who probes and scrapes calls us by whatever name */
	{ "/healthz", ASK_HEALTH, GET | ANY_NAME },
	{ "/readyz", ASK_READY, GET | ANY_NAME },
	{ "/metrics", ASK_METRICS, GET | ANY_NAME },
	{ "/api/v1/status", ASK_STATUS, GET },
	{ "/api/v1/transfers", ASK_TRANSFERS, GET },
	{ "/api/v1/connections", ASK_CONNECTIONS, GET },
	{ "/api/v1/statistics", ASK_STATISTICS, GET },
	{ "/api/v1/config", ASK_CONFIG, GET },
	{ "/manage", ASK_MANAGE, GET },
	{ "/manage/check", ASK_MANAGE_CHECK, POST },
	{ "/manage/stage", ASK_MANAGE_STAGE, POST },
	{ "/manage/explain", ASK_MANAGE_EXPLAIN, POST },
};

/* ---- paths ------------------------------------------------------------ */

static bool
is_text(struct head_span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

static bool
begins_with(struct head_span s, const char *text)
{
	return s.len >= strlen(text) &&
	    memcmp(s.at, text, strlen(text)) == 0;
}

static const struct route *
find_route(struct head_span path)
{
	size_t i;

	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (is_text(path, routes[i].path))
			return &routes[i];
	return NULL;
}

bool
gate_has_path(const char *text)
{
	return find_route((struct head_span){ text, strlen(text) }) != NULL;
}

enum answer_type
gate_error_type(struct head_span path)
{
	if (path.len == 0 || begins_with(path, "/metrics"))
		return ANSWER_TEXT;
	return begins_with(path, "/api") || begins_with(path, "/healthz") ||
	    begins_with(path, "/readyz") ? ANSWER_JSON : ANSWER_HTML;
}

static bool
check_route(const struct front *f, const struct head *h,
    const struct route *route, struct refusal *r)
{
	bool is_there = route != NULL &&
	    (route->route < ASK_MANAGE || f->has_manage);
	unsigned takes = is_there ? route->takes : GET;

	if (!is_there && h->method != HEAD_OTHER) {
		reply_refuse(r, 404, "there is no such page");
		return false;
	}
	if (h->method != HEAD_OTHER &&
	    (takes & (h->method == HEAD_POST ? POST : GET)) != 0)
		return true;
	r->allow = (takes & POST) != 0 ? "POST" : "GET, HEAD";
	reply_refuse(r, 405, "this can be asked for with %s only", r->allow);
	return false;
}

/* ---- names ------------------------------------------------------------ */

/* Without the port; false: it is none. */
static bool
strip_port(struct head_span *host)
{
	size_t i, digits = 0;

	for (i = host->len; i > 0 && host->at[i - 1] >= '0' &&
	    host->at[i - 1] <= '9'; i--)
		digits++;
	if (i == 0 || host->at[i - 1] != ':')
		return true;
	host->len = i - 1;
	return digits <= 5;
}

static bool
is_address(struct head_span host)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	bool has_brackets = host.len >= 2 && host.at[0] == '[' &&
	    host.at[host.len - 1] == ']';

	if (has_brackets) {
		host.at++;
		host.len -= 2;
	}
	if (host.len >= sizeof(text))
		return false;
	memcpy(text, host.at, host.len);
	text[host.len] = '\0';
	return inet_pton(has_brackets ? AF_INET6 : AF_INET, text,
	    &addr) == 1;
}

/* The machine's name, or what stands before its domain. */
static bool
is_hostname(struct head_span host, const char *hostname)
{
	size_t len = strcspn(hostname, ".");

	return len != 0 && (head_is(host, hostname) ||
	    (host.len == len && strncasecmp(host.at, hostname, len) == 0));
}

/*
 * A page of anywhere can have its own name resolve to our address, and would
 * then read us as if it were ours.  Its name stays in Host.
 */
static bool
is_our_name(const struct front *f, struct head_span host)
{
	unsigned i;

	/* no browser is that old */
	if (host.at == NULL)
		return true;
	if (!strip_port(&host))
		return false;
	if (host.len != 0 && host.at[host.len - 1] == '.')
		host.len--;
	if (is_address(host) || head_is(host, "localhost") ||
	    is_hostname(host, f->hostname))
		return true;
	for (i = 0; i < f->host_count; i++)
		if (head_is(host, f->hosts[i]))
			return true;
	return false;
}

static bool
check_name(const struct front *f, const struct head *h, struct refusal *r)
{
	struct head_span host = h->fields[HEAD_HOST];

	if (is_our_name(f, host))
		return true;
	reply_refuse(r, 421, "\"%.*s\" is not a name of this server: use its "
	    "address, or start tftpd-status with --host NAME",
	    (int)(host.len > 100 ? 100 : host.len), host.at);
	return false;
}

/* ---- what a POST must have -------------------------------------------- */

/* "http://" and what Host says. */
static bool
is_same_origin(struct head_span origin, struct head_span host)
{
	size_t scheme = begins_with(origin, "http://") ? 7 :
	    begins_with(origin, "https://") ? 8 : 0;

	return scheme != 0 && host.at != NULL &&
	    origin.len - scheme == host.len &&
	    strncasecmp(origin.at + scheme, host.at, host.len) == 0;
}

/* Forms of other sites are sent with the password of this one. */
static bool
check_origin(const struct head *h, struct refusal *r)
{
	struct head_span origin = h->fields[HEAD_ORIGIN];
	struct head_span site = h->fields[HEAD_FETCH_SITE];

	if ((origin.at == NULL ||
	    is_same_origin(origin, h->fields[HEAD_HOST])) &&
	    (site.at == NULL || head_is(site, "same-origin") ||
	    head_is(site, "none")))
		return true;
	reply_refuse(r, 403, "the form is of another site (Origin, "
	    "Sec-Fetch-Site): a proxy must pass Host as it came");
	return false;
}

static bool
is_form(struct head_span type)
{
	size_t i;

	for (i = 0; i < type.len; i++)
		if (type.at[i] == ';' || type.at[i] == ' ')
			type.len = i;
	return type.at != NULL &&
	    head_is(type, "application/x-www-form-urlencoded");
}

static bool
check_post(const struct head *h, struct refusal *r)
{
	if (!check_origin(h, r))
		return false;
	if (h->query.len != 0)
		reply_refuse(r, 400, "a POST has its parameters in its body");
	else if (!is_form(h->fields[HEAD_CONTENT_TYPE]))
		reply_refuse(r, 415, "a POST is "
		    "application/x-www-form-urlencoded");
	else if (h->body_len > GATE_BODY_MAX)
		reply_refuse(r, 413, "a form has at most %zu bytes",
		    GATE_BODY_MAX);
	return r->status == 0;
}

static bool
check_body(const struct head *h, struct refusal *r)
{
	struct head_span expect = h->fields[HEAD_EXPECT];

	if (h->fields[HEAD_TRANSFER_ENCODING].at != NULL)
		reply_refuse(r, 411, "a body has a Content-Length here, and "
		    "no Transfer-Encoding");
	else if (expect.at != NULL && !head_is(expect, "100-continue"))
		reply_refuse(r, 417, "only 100-continue can be expected");
	else if (h->method == HEAD_POST)
		return check_post(h, r);
	else if (h->body_len != 0)
		reply_refuse(r, 413, "GET and HEAD have no body");
	return r->status == 0;
}

/* ---- the question ----------------------------------------------------- */

static bool
copy_field(const struct head *h, enum head_field field,
    char out[static ASK_HEADER_MAX])
{
	struct head_span s = h->fields[field];

	if (s.len >= ASK_HEADER_MAX)
		return false;
	if (s.len != 0)
		memcpy(out, s.at, s.len);
	out[s.len] = '\0';
	return true;
}

static bool
fill_ask(const struct head *h, struct ask *a, struct refusal *r)
{
	struct head_span accept = h->fields[HEAD_ACCEPT];
	struct form form;
	int err;

	a->is_post = h->method == HEAD_POST;
	a->wants_openmetrics = head_wants_openmetrics(accept);
	if (!copy_field(h, HEAD_HOST, a->host) ||
	    !copy_field(h, HEAD_ORIGIN, a->origin) ||
	    !copy_field(h, HEAD_AUTHORIZATION, a->authorization) ||
	    !copy_field(h, HEAD_FETCH_SITE, a->fetch_site)) {
		reply_refuse(r, 431, "Host, Origin, Authorization or "
		    "Sec-Fetch-Site is longer than %d bytes",
		    ASK_HEADER_MAX - 1);
		return false;
	}
	form_begin(&form, a);
	err = form_feed(&form, h->query.at, h->query.len);
	if (err == 0)
		err = form_end(&form);
	if (err != 0)
		reply_refuse(r, 400, "the query has a %% without two "
		    "hexadecimal digits, or %%00");
	return err == 0;
}

bool
gate_check(const struct front *f, const struct head *h, struct refusal *r)
{
	const struct route *route = find_route(h->path);

	if (!check_route(f, h, route, r))
		return false;
	if ((route->takes & ANY_NAME) == 0 && !check_name(f, h, r))
		return false;
	if (!check_body(h, r) || !fill_ask(h, f->ask, r))
		return false;
	f->ask->route = route->route;
	return true;
}
