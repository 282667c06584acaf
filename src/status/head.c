#include <errno.h>
#include <string.h>
#include <strings.h>

#include "status/head.h"

/* ---- bytes ------------------------------------------------------------ */

static bool
is_token_byte(char c)
{
	return (c >= '0' && c <= '9') ||
	    ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_token(struct head_span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!is_token_byte(s.at[i]))
			return false;
	return s.len != 0;
}

bool
head_is(struct head_span span, const char *text)
{
	return span.len == strlen(text) &&
	    strncasecmp(span.at, text, span.len) == 0;
}

/* The bytes before the first of c, which are taken off s with it. */
static struct head_span
cut(struct head_span *s, char c)
{
	const char *at = s->len != 0 ? memchr(s->at, c, s->len) : NULL;
	struct head_span first = { s->at, s->len };

	if (at == NULL) {
		s->at += s->len;
		s->len = 0;
		return first;
	}
	first.len = (size_t)(at - s->at);
	s->at += first.len + 1;
	s->len -= first.len + 1;
	return first;
}

static struct head_span
trim(struct head_span s)
{
	while (s.len != 0 && (*s.at == ' ' || *s.at == '\t')) {
		s.at++;
		s.len--;
	}
	while (s.len != 0 && (s.at[s.len - 1] == ' ' ||
	    s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* ---- where it ends ---------------------------------------------------- */

static bool
is_control(char c)
{
	return ((unsigned char)c < ' ' && c != '\t') || c == 127;
}

ssize_t
head_end(const char *buf, size_t len)
{
	size_t i, line = 0;

	for (i = 0; i < len; i++) {
		if (!is_control(buf[i]))
			continue;
		if (buf[i] != '\r' || (i + 1 < len && buf[i + 1] != '\n'))
			return -EBADMSG;
		if (i + 1 == len)
			return 0;
		if (i == line)
			return (ssize_t)i + 2;
		line = i + 2;
		i++;
	}
	return 0;
}

/* ---- the first line --------------------------------------------------- */

static enum head_method
method_of(struct head_span s)
{
	if (s.len == 3 && memcmp(s.at, "GET", 3) == 0)
		return HEAD_GET;
	if (s.len == 4 && memcmp(s.at, "HEAD", 4) == 0)
		return HEAD_HEAD;
	if (s.len == 4 && memcmp(s.at, "POST", 4) == 0)
		return HEAD_POST;
	return HEAD_OTHER;
}

static void
take_target(struct head *h, struct head_span target)
{
	h->path = cut(&target, '?');
	h->query = target;
}

static bool
is_target(struct head_span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.at[i] <= ' ' || s.at[i] >= 127 || s.at[i] == '#')
			return false;
	return s.len != 0;
}

/* The version is what follows the target. */
static unsigned
take_version(struct head *h, struct head_span s, const char **why)
{
	static const char name[] = "HTTP/";

	*why = "the first line is none of HTTP";
	if (s.len != strlen(name) + 3 ||
	    memcmp(s.at, name, strlen(name)) != 0 ||
	    s.at[5] < '0' || s.at[5] > '9' || s.at[6] != '.' ||
	    s.at[7] < '0' || s.at[7] > '9')
		return 400;
	*why = "HTTP/1.0 and HTTP/1.1 are spoken here";
	if (s.at[5] != '1' || s.at[7] > '1')
		return 505;
	h->is_http10 = s.at[7] == '0';
	return 0;
}

static unsigned
take_first(struct head *h, struct head_span line, const char **why)
{
	struct head_span method = cut(&line, ' '), target = cut(&line, ' ');

	*why = "the first line is none of HTTP";
	if (!is_token(method) || !is_target(target))
		return 400;
	h->method = method_of(method);
	take_target(h, target);
	return take_version(h, line, why);
}

void
head_glance(const char *buf, size_t len, struct head *h)
{
	struct head_span line = { buf, len };
	struct head_span method = cut(&line, ' ');

	*h = (struct head){ .method = method_of(method) };
	if (line.len != 0)
		take_target(h, cut(&line, ' '));
}

/* ---- fields ----------------------------------------------------------- */

static const char *const names[HEAD_FIELDS] = {
	[HEAD_ACCEPT] = "Accept",
	[HEAD_AUTHORIZATION] = "Authorization",
	[HEAD_CONTENT_LENGTH] = "Content-Length",
	[HEAD_CONTENT_TYPE] = "Content-Type",
	[HEAD_EXPECT] = "Expect",
	[HEAD_HOST] = "Host",
	[HEAD_ORIGIN] = "Origin",
	[HEAD_FETCH_SITE] = "Sec-Fetch-Site",
	[HEAD_TRANSFER_ENCODING] = "Transfer-Encoding",
};

static const char *const twice[HEAD_FIELDS] = {
	[HEAD_AUTHORIZATION] = "there are two fields Authorization",
	[HEAD_CONTENT_LENGTH] = "there are two fields Content-Length",
	[HEAD_CONTENT_TYPE] = "there are two fields Content-Type",
	[HEAD_EXPECT] = "there are two fields Expect",
	[HEAD_HOST] = "there are two fields Host",
	[HEAD_ORIGIN] = "there are two fields Origin",
	[HEAD_FETCH_SITE] = "there are two fields Sec-Fetch-Site",
	[HEAD_TRANSFER_ENCODING] = "there are two fields Transfer-Encoding",
};

/* A second Accept only adds to what is accepted: the first will do. */
static unsigned
keep_field(struct head *h, struct head_span name, struct head_span value,
    const char **why)
{
	size_t i;

	for (i = 0; i < HEAD_FIELDS; i++) {
		if (!head_is(name, names[i]))
			continue;
		if (h->fields[i].at == NULL) {
			h->fields[i] = value;
			return 0;
		}
		*why = twice[i];
		return twice[i] != NULL ? 400 : 0;
	}
	return 0;
}

static unsigned
take_field(struct head *h, struct head_span line, const char **why)
{
	struct head_span name;

	*why = "a line of the head is no field";
	if (memchr(line.at, ':', line.len) == NULL)
		return 400;
	name = cut(&line, ':');
	/* blanks before it: a line that goes on; behind: two readings */
	if (!is_token(name))
		return 400;
	return keep_field(h, name, trim(line), why);
}

static unsigned
take_length(struct head *h, const char **why)
{
	struct head_span s = h->fields[HEAD_CONTENT_LENGTH];
	size_t i;

	if (s.at == NULL)
		return 0;
	*why = "Content-Length is no number of bytes";
	if (s.len == 0 || s.len > 18)
		return 400;
	for (i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return 400;
		h->body_len = h->body_len * 10 + (uint64_t)(s.at[i] - '0');
	}
	return 0;
}

/* What the fields say together. */
static unsigned
check_fields(struct head *h, const char **why)
{
	*why = "HTTP/1.1 has a field Host";
	if (!h->is_http10 && h->fields[HEAD_HOST].at == NULL)
		return 400;
	*why = "there are two lengths: Content-Length and Transfer-Encoding";
	if (h->fields[HEAD_CONTENT_LENGTH].at != NULL &&
	    h->fields[HEAD_TRANSFER_ENCODING].at != NULL)
		return 400;
	return take_length(h, why);
}

unsigned
head_parse(const char *buf, size_t len, struct head *h, const char **why)
{
	struct head_span rest = { buf, len }, line;
	unsigned status, count = 0;

	*h = (struct head){ .method = HEAD_OTHER };
	line = cut(&rest, '\r');
	status = take_first(h, line, why);
	while (status == 0) {
		(void)cut(&rest, '\n');
		line = cut(&rest, '\r');
		if (line.len == 0)
			return check_fields(h, why);
		*why = "the head has too many fields";
		status = ++count > HEAD_FIELDS_MAX ? 431 :
		    take_field(h, line, why);
	}
	return status;
}

/* ---- Accept ----------------------------------------------------------- */

/* "0.8" in thousandths; what is none is 0. */
static unsigned
parse_weight(struct head_span s)
{
	unsigned weight = 0, unit = 100;
	size_t i;

	if (s.len == 0 || (s.at[0] != '0' && s.at[0] != '1'))
		return 0;
	weight = (unsigned)(s.at[0] - '0') * 1000;
	for (i = 2; i < s.len && i < 5 && s.at[1] == '.'; i++, unit /= 10) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return 0;
		weight += (unsigned)(s.at[i] - '0') * unit;
	}
	return weight > 1000 ? 1000 : weight;
}

/* Of the parameters behind a type. */
static unsigned
weight_of(struct head_span parameters)
{
	struct head_span each;

	while (parameters.len != 0) {
		each = trim(cut(&parameters, ';'));
		if (each.len >= 2 && (each.at[0] | 0x20) == 'q' &&
		    each.at[1] == '=')
			return parse_weight((struct head_span){ each.at + 2,
			    each.len - 2 });
	}
	return 1000;
}

bool
head_wants_openmetrics(struct head_span accept)
{
	/* the more exact a type, the more it counts */
	static const char *const types[] = { "*/*", "text/*", "text/plain",
		"application/openmetrics-text" };
	unsigned weights[] = { 0, 0, 0, 0 }, text, weight;
	bool is_named[] = { false, false, false, false };
	struct head_span each, type;
	size_t i;

	while (accept.len != 0) {
		each = cut(&accept, ',');
		type = trim(cut(&each, ';'));
		weight = weight_of(each);
		for (i = 0; i < 4; i++) {
			if (!head_is(type, types[i]))
				continue;
			is_named[i] = true;
			if (weight > weights[i])
				weights[i] = weight;
		}
	}
	text = is_named[2] ? weights[2] : is_named[1] ? weights[1] :
	    weights[0];
	return weights[3] != 0 && weights[3] >= text;
}
