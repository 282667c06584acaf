#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "config.h"
#include "record/translog.h"
#include "stats/text.h"
#include "status/html.h"
#include "src/status/assets.h"

static const struct text_style plain = { .is_utf8 = true };

void
html_text(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		switch (*text) {
		case '&': fputs("&amp;", out); break;
		case '<': fputs("&lt;", out); break;
		case '>': fputs("&gt;", out); break;
		case '"': fputs("&quot;", out); break;
		case '\'': fputs("&#39;", out); break;
		default: putc(*text, out);
		}
}

/* width SIZE_MAX: all of it */
static void
put_bytes(FILE *out, const uint8_t *bytes, size_t len, size_t width)
{
	char *text = NULL;
	size_t size = 0;
	FILE *safe = open_memstream(&text, &size);

	if (safe == NULL)
		return;
	text_put_short(safe, &plain, bytes, len, width);
	if (fclose(safe) == 0)
		html_text(out, text);
	free(text);
}

void
html_bytes(FILE *out, const uint8_t *bytes, size_t len)
{
	put_bytes(out, bytes, len, SIZE_MAX);
}

void
html_name(FILE *out, const uint8_t *bytes, size_t len, size_t width)
{
	fputs("<span class=\"name\"", out);
	if (text_columns(&plain, bytes, len) > width) {
		fputs(" title=\"", out);
		put_bytes(out, bytes, len, HTML_TITLE_MAX);
		putc('"', out);
	}
	putc('>', out);
	put_bytes(out, bytes, len, width);
	fputs("</span>", out);
}

const char *
html_count(uint64_t count, char out[static HTML_COUNT_MAX])
{
	char digits[24], *to = out;
	size_t i, len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64,
	    count);

	for (i = 0; i < len; i++) {
		/* U+202F: a narrow space that breaks no line */
		if (i != 0 && (len - i) % 3 == 0)
			to = stpcpy(to, "\xe2\x80\xaf");
		*to++ = digits[i];
	}
	*to = '\0';
	return out;
}

static void
put_id(FILE *out, const char *id)
{
	if (id != NULL)
		fprintf(out, " id=\"%s\"", id);
}

void
html_number(FILE *out, const char *id, uint64_t value, const char *text)
{
	char grouped[HTML_COUNT_MAX];

	fputs("<data", out);
	put_id(out, id);
	fprintf(out, " value=\"%" PRIu64 "\">", value);
	html_text(out, text != NULL ? text : html_count(value, grouped));
	fputs("</data>", out);
}

void
html_time(FILE *out, const char *id, uint64_t ts_us, const char *text)
{
	char stamp[TRANSLOG_TS_LEN + 1];

	translog_put_ts(ts_us, stamp);
	fputs("<time", out);
	put_id(out, id);
	fprintf(out, " datetime=\"%s\">", stamp);
	html_text(out, text);
	fputs("</time>", out);
}

int
html_nonce(char out[static ANSWER_NONCE_LEN + 1])
{
	uint8_t bytes[ANSWER_NONCE_LEN / 2];
	size_t i;

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -1;
	for (i = 0; i < sizeof(bytes); i++)
		sprintf(out + 2 * i, "%02x", bytes[i]);
	return 0;
}

static void
put_head(FILE *out, const char *title, const char *nonce, bool is_fetched)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
	    "content=\"width=device-width, initial-scale=1\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n"
	    "<link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns="
	    "'http://www.w3.org/2000/svg' viewBox='0 0 22 22'%3E%3Crect "
	    "width='22' height='22' rx='6' fill='%232f7dbb'/%3E%3Cpath "
	    "d='M11 5v9m-4-3.5 4 4 4-4M7 17.5h8' fill='none' "
	    "stroke='%23fff' stroke-width='2'/%3E%3C/svg%3E\">\n", out);
	if (is_fetched)
		fputs("<noscript><meta http-equiv=\"refresh\" "
		    "content=\"15\"></noscript>\n", out);
	fputs("<title>", out);
	html_text(out, title);
	fprintf(out, "</title>\n<style nonce=\"%s\">\n%s</style>\n", nonce,
	    assets_style);
	/* A module waits until the page is there. */
	if (is_fetched)
		fprintf(out, "<script type=\"module\" nonce=\"%s\">\n%s"
		    "</script>\n", nonce, assets_dash);
	fputs("</head>\n", out);
}

static void
put_link(FILE *out, const char *path, const char *name, const char *here)
{
	fprintf(out, "<a href=\"%s\"%s>%s</a>\n", path,
	    strcmp(path, here) == 0 ? " aria-current=\"page\"" : "", name);
}

void
html_begin(FILE *out, const char *title, const char *nonce, const char *here,
    int has_manage)
{
	bool is_fetched = strcmp(here, "/") == 0;

	put_head(out, title, nonce, is_fetched);
	fputs("<body>\n<a class=\"skip\" href=\"#main\">To the content</a>\n"
	    "<header class=\"top\">\n<a class=\"brand\" href=\"/\">"
	    "<svg width=\"22\" height=\"22\" viewBox=\"0 0 22 22\" "
	    "aria-hidden=\"true\"><rect x=\"1\" y=\"1\" width=\"20\" "
	    "height=\"20\" rx=\"6\"/><path d=\"M11 5v9m-4-3.5 4 4 4-4M7 "
	    "17.5h8\"/></svg>simple-tftpd</a>\n"
	    "<nav aria-label=\"Pages\">\n", out);
	if (has_manage) {
		put_link(out, "/", "Dashboard", here);
		put_link(out, "/manage", "Manage", here);
	}
	fputs("</nav>\n", out);
	if (is_fetched)
		fputs("<p class=\"fresh\"><span id=\"fresh\"></span>"
		    "<span id=\"lost\" role=\"status\"></span>"
		    "<button type=\"button\" id=\"pause\" "
		    "aria-pressed=\"false\" hidden>Pause</button></p>\n", out);
	fputs("</header>\n<main id=\"main\">\n", out);
}

void
html_end(FILE *out)
{
	fputs("</main>\n<footer class=\"bottom\">\n<p>simple-tftpd "
	    PACKAGE_VERSION " &middot; <a href=\"/metrics\">metrics</a> "
	    "&middot; <a href=\"/api/v1/status\">status</a> &middot; "
	    "<a href=\"/api/v1/transfers\">transfers</a> &middot; "
	    "<a href=\"/healthz\">health</a></p>\n</footer>\n</body>\n"
	    "</html>\n", out);
}
