#include <microhttpd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stats/json.h"
#include "stats/text.h"
#include "status/gate.h"
#include "status/html.h"
#include "status/reply.h"

void
reply_refuse(struct refusal *r, unsigned status, const char *fmt, ...)
{
	va_list args;

	r->status = status;
	va_start(args, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, args);
	va_end(args);
}

/* ---- what another process says ---------------------------------------- */

static bool
is_status(uint32_t status)
{
	static const uint32_t known[] = { 200, 303, 400, 401, 403, 404, 413,
		500, 503 };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == status)
			return true;
	return false;
}

static bool
is_nonce(const char nonce[static ANSWER_NONCE_LEN + 1])
{
	return memchr(nonce, '\0', ANSWER_NONCE_LEN + 1) ==
	    nonce + ANSWER_NONCE_LEN &&
	    strspn(nonce, "0123456789abcdef") == ANSWER_NONCE_LEN;
}

/* A path of ours, and no more. */
static bool
is_location(const struct answer *answer)
{
	if (memchr(answer->location, '\0', sizeof(answer->location)) == NULL)
		return false;
	return answer->status == 303 ? gate_has_path(answer->location) :
	    answer->location[0] == '\0';
}

bool
answer_is_sound(const struct answer *answer)
{
	return is_status(answer->status) && answer->type < ANSWER_TYPES &&
	    answer->wants_password == (answer->status == 401) &&
	    is_location(answer) &&
	    (answer->type != ANSWER_HTML || is_nonce(answer->nonce));
}

/* ---- heads ------------------------------------------------------------ */

static void
put_policy(const struct answer *answer, reply_put *put, void *arg)
{
	char text[320];

	snprintf(text, sizeof(text), "default-src 'none'; "
	    "style-src 'nonce-%s'; script-src 'nonce-%s'; img-src data:; "
	    "connect-src 'self'; form-action 'self'; base-uri 'none'; "
	    "frame-ancestors 'none'", answer->nonce, answer->nonce);
	put(arg, "Content-Security-Policy", text);
}

void
reply_fields(const struct answer *answer, reply_put *put, void *arg)
{
	static const char *const types[ANSWER_TYPES] = {
		[ANSWER_TEXT] = "text/plain; charset=utf-8",
		[ANSWER_JSON] = "application/json",
		[ANSWER_HTML] = "text/html; charset=utf-8",
		[ANSWER_METRICS] = "text/plain; version=0.0.4; charset=utf-8",
		[ANSWER_OPENMETRICS] = ("application/openmetrics-text; "
		    "version=1.0.0; charset=utf-8"),
	};
	bool is_page = answer->type == ANSWER_HTML;

	put(arg, "Connection", "close");
	put(arg, "Content-Type", types[answer->type]);
	put(arg, "X-Content-Type-Options", "nosniff");
	put(arg, "X-Frame-Options", "DENY");
	put(arg, "Cross-Origin-Resource-Policy", "same-origin");
	put(arg, "Cache-Control", "no-store");
	/* a form that has no referrer has no Origin either */
	put(arg, "Referrer-Policy", is_page ? "same-origin" : "no-referrer");
	if (is_page)
		put_policy(answer, put, arg);
	if (answer->wants_password)
		put(arg, "WWW-Authenticate",
		    "Basic realm=\"tftpd\", charset=\"UTF-8\"");
	if (answer->location[0] != '\0')
		put(arg, "Location", answer->location);
}

/* ---- errors ----------------------------------------------------------- */

static void
put_line(void *out, const char *name, const char *value)
{
	fprintf(out, "%s: %s\r\n", name, value);
}

static void
put_date(FILE *out)
{
	char text[64];
	time_t now = time(NULL);
	struct tm tm;

	/* no locale is set: these names are English */
	if (gmtime_r(&now, &tm) != NULL && strftime(text, sizeof(text),
	    "%a, %d %b %Y %H:%M:%S GMT", &tm) != 0)
		put_line(out, "Date", text);
}

static void
put_json(FILE *out, unsigned status, const char *text)
{
	struct json j = { .out = out };

	json_open(&j, NULL, '{');
	json_int(&j, "schema", 1);
	json_text(&j, "error", text);
	json_int(&j, "status", status);
	json_close(&j, '}');
	fputc('\n', out);
}

static void
put_page(FILE *out, const struct answer *answer, const char *text)
{
	html_begin(out, MHD_get_reason_phrase_for(answer->status),
	    answer->nonce, "", 0);
	fputs("<div class=\"notice bad\"><p>", out);
	html_text(out, text);
	fputs("</p></div>\n", out);
	html_end(out);
}

void
reply_put_error(FILE *out, const struct answer *answer, const char *text)
{
	if (answer->type == ANSWER_JSON)
		put_json(out, answer->status, text);
	else if (answer->type == ANSWER_HTML)
		put_page(out, answer, text);
	else
		fprintf(out, "%s\n", text);
}

/* What can't steer a terminal, is UTF-8, and has one line; for free(). */
static char *
make_safe(const char *bytes)
{
	const struct text_style style = { .is_utf8 = true };
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	text_put_bytes(out, &style, (const uint8_t *)bytes, strlen(bytes));
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static char *
make_body(const struct refusal *r, const struct answer *answer, size_t *len)
{
	char *body = NULL, *text = make_safe(r->text);
	FILE *out = text != NULL ? open_memstream(&body, len) : NULL;

	if (out == NULL)
		goto end;
	reply_put_error(out, answer, text);
	if (fclose(out) != 0) {
		free(body);
		body = NULL;
	}
end:
	free(text);
	return body;
}

static void
put_head(FILE *out, const struct refusal *r, const struct answer *answer,
    size_t len)
{
	char text[32];

	fprintf(out, "HTTP/1.1 %u %s\r\n", r->status,
	    MHD_get_reason_phrase_for(r->status));
	put_date(out);
	reply_fields(answer, put_line, out);
	if (r->status == 405 && r->allow != NULL)
		put_line(out, "Allow", r->allow);
	snprintf(text, sizeof(text), "%zu", len);
	put_line(out, "Content-Length", text);
	fputs("\r\n", out);
}

char *
reply_error(const struct refusal *r, enum answer_type type, bool is_head,
    size_t *len)
{
	struct answer answer = { .status = r->status, .type = type };
	char *body, *whole = NULL;
	size_t body_len = 0;
	FILE *out;

	if (type == ANSWER_HTML && html_nonce(answer.nonce) != 0)
		answer.type = ANSWER_TEXT;
	body = make_body(r, &answer, &body_len);
	if (body == NULL)
		return NULL;
	out = open_memstream(&whole, len);
	if (out != NULL) {
		put_head(out, r, &answer, body_len);
		if (!is_head)
			fwrite(body, 1, body_len, out);
		if (fclose(out) != 0) {
			free(whole);
			whole = NULL;
		}
	}
	free(body);
	return whole;
}
