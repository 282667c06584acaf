/*
 * http - any bytes as a request: what is let through is a question that the
 * other process can look at; what is not gets an answer of HTTP.
 *
 * An input is the first bytes on a connection.
 */
#include <errno.h>

#include "fuzz.h"
#include "status/form.h"
#include "status/front.h"
#include "status/gate.h"
#include "status/head.h"
#include "status/reply.h"

/* ---- what is refused -------------------------------------------------- */

static void
check_refusal(const struct refusal *r, const struct head *h)
{
	size_t len = 0, i;
	char *whole = reply_error(r, gate_error_type(h->path),
	    h->method == HEAD_HEAD, &len);

	FUZZ_HOLDS(r->status >= 400 && r->text[0] != '\0', "it says why");
	FUZZ_HOLDS(whole != NULL && len > 9 &&
	    memcmp(whole, "HTTP/1.1 ", 9) == 0, "it is an answer");
	for (i = 0; i < len; i++)
		FUZZ_HOLDS((unsigned char)whole[i] >= ' ' ||
		    strchr("\r\n\t", whole[i]) != NULL,
		    "it has no control bytes");
	free(whole);
}

static void
check_span(const struct head_span *s, const char *buf, size_t len)
{
	FUZZ_HOLDS(s->at == NULL ? s->len == 0 : s->at >= buf &&
	    s->len <= len && s->at - buf <= (ptrdiff_t)(len - s->len),
	    "what is found lies in the request");
}

static void
check_head(const struct head *h, const char *buf, size_t len)
{
	size_t i;

	check_span(&h->path, buf, len);
	check_span(&h->query, buf, len);
	for (i = 0; i < HEAD_FIELDS; i++)
		check_span(&h->fields[i], buf, len);
}

/* ---- what is let through ---------------------------------------------- */

static void
check_ask(const struct ask *a)
{
	const char *key, *value;
	size_t at = 0, len = 0;

	FUZZ_HOLDS(ask_is_sound(a), "the question is sound");
	while (ask_next(a, &at, &key, &value))
		len += strlen(key) + strlen(value) + 2;
	FUZZ_HOLDS(len == a->text_len, "all of it is parameters");
}

static void
check_body(struct ask *a, const char *bytes, size_t len)
{
	struct form f;

	form_begin(&f, a);
	if (form_feed(&f, bytes, len) == 0 && form_end(&f) == 0)
		check_ask(a);
}

static void
take(const char *buf, size_t len, size_t end, const struct front *f)
{
	struct refusal r = { 0 };
	const char *why = NULL;
	struct head h;

	r.status = head_parse(buf, end, &h, &why);
	check_head(&h, buf, end);
	if (r.status != 0) {
		FUZZ_HOLDS(why != NULL, "a refusal has a reason");
		reply_refuse(&r, r.status, "%s", why);
	} else if (gate_check(f, &h, &r)) {
		check_ask(f->ask);
		if (h.method == HEAD_POST)
			check_body(f->ask, buf + end, len - end);
		return;
	}
	check_refusal(&r, &h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ask ask;
	const struct front f = { .ask = &ask, .has_manage = true,
		.hostname = "boot.example.org" };
	const char *buf = (const char *)data;
	ssize_t end = head_end(buf, size);
	struct head h;

	ask.route = ASK_NONE;
	ask.text_len = 0;
	FUZZ_HOLDS(end == 0 || end == -EBADMSG ||
	    (end > 0 && (size_t)end <= size), "the head ends in what came");
	if (end > 0) {
		take(buf, size, (size_t)end, &f);
	} else {
		head_glance(buf, size, &h);
		check_head(&h, buf, size);
	}
	return 0;
}
