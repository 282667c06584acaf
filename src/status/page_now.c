#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stats/sum.h"
#include "stats/when.h"
#include "status/html.h"
#include "page_parts.h"

#define ROWS_MAX	50
#define NAME_WIDTH	48
#define CLIENT_WIDTH	45	/* of an IPv6 address, and more */

/* ---- the server -------------------------------------------------------- */

static bool
is_running(const struct page *p)
{
	return p->active_error == 0 && p->active.has_table &&
	    p->active.table.has_keeper;
}

static void
put_badge(FILE *out, const char *css, const char *text)
{
	fprintf(out, "<span class=\"badge %s\">%s</span>\n", css, text);
}

static void
put_server(const struct page *p)
{
	if (p->active_error != 0)
		put_badge(p->out, "warning", "server unknown");
	else if (is_running(p))
		put_badge(p->out, "good", "running");
	else
		put_badge(p->out, "plain", "idle, starts when asked");
}

static void
put_health(FILE *out, enum findings_state state)
{
	static const struct {
		const char *css, *text;
	} badges[] = {
		[FINDINGS_OK] = { "good", "healthy" },
		[FINDINGS_UNKNOWN] = { "warning", "health not fully known" },
		[FINDINGS_WARNING] = { "warning", "warning" },
		[FINDINGS_CRITICAL] = { "bad", "critical" },
	};

	fprintf(out, "<a class=\"badge %s\" href=\"#health\" id=\"state\" "
	    "data-state=\"%s\">%s</a>\n", badges[state].css,
	    findings_name(state), badges[state].text);
}

static void
put_since(const struct page *p)
{
	const struct active *a = &p->active;
	uint64_t started_us = a->table.header.started_us;
	char since[WHEN_TEXT_MAX], age[TEXT_NUMBER_MAX];

	when_text(started_us, p->options.style.is_utc, 16, since);
	fputs("Up since ", p->out);
	html_time(p->out, NULL, started_us, since);
	if (started_us < a->at_us)
		fprintf(p->out, " (%s)", text_duration(a->at_us - started_us,
		    age));
	fputs(" &middot; ", p->out);
}

static void
put_hero(const struct page *p)
{
	char host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	fputs("<div class=\"hero\">\n<h1>", p->out);
	html_text(p->out, host);
	fputs("</h1>\n", p->out);
	put_server(p);
	put_health(p->out, findings_state(&p->health->findings));
	fputs("<p>", p->out);
	if (is_running(p))
		put_since(p);
	fputs("log <code>", p->out);
	html_bytes(p->out, (const uint8_t *)p->log_path,
	    strlen(p->log_path));
	fputs("</code></p>\n</div>\n", p->out);
}

/* ---- its health -------------------------------------------------------- */

static const char *
css_of(enum findings_state state)
{
	return state == FINDINGS_OK ? "good" : state == FINDINGS_CRITICAL ?
	    "bad" : "warning";
}

/* Findings begin with small letters, for lines of a terminal. */
static void
put_said(FILE *out, const char *text)
{
	if (*text >= 'a' && *text <= 'z')
		putc(*text++ - 'a' + 'A', out);
	html_bytes(out, (const uint8_t *)text, strlen(text));
}

static void
put_notice(FILE *out, const struct finding *f)
{
	fprintf(out, "<div class=\"notice %s\" data-check=\"%s\"><p><strong>",
	    css_of(f->state), f->check);
	put_said(out, f->check);
	fputs("</strong>: ", out);
	html_bytes(out, (const uint8_t *)f->text, strlen(f->text));
	fputs("</p>", out);
	if (f->advice[0] != '\0') {
		fputs("<p>", out);
		put_said(out, f->advice);
		fputs("</p>", out);
	}
	fputs("</div>\n", out);
}

/* What is not as it should be, the gravest first. */
static void
put_notices(FILE *out, const struct findings *f)
{
	size_t state, i;

	for (state = FINDINGS_CRITICAL; state > FINDINGS_OK; state--)
		for (i = 0; i < f->count; i++)
			if (f->items[i].state == state)
				put_notice(out, &f->items[i]);
}

static void
put_check(FILE *out, const struct finding *f)
{
	fprintf(out, "<tr><td><span class=\"badge %s\">%s</span></td>"
	    "<th scope=\"row\">%s</th><td>", css_of(f->state),
	    findings_name(f->state), f->check);
	html_bytes(out, (const uint8_t *)f->text, strlen(f->text));
	fputs("</td></tr>\n", out);
}

void
page_checks(const struct page *p)
{
	const struct findings *f = &p->health->findings;
	FILE *out = p->out;
	size_t i;

	page_panel(out, "health", "Health");
	fputs("<div class=\"scroll\" id=\"checks-box\" tabindex=\"0\" "
	    "role=\"region\" aria-label=\"Checks\"><table id=\"checks\">\n"
	    "<thead><tr><th scope=\"col\">State</th><th scope=\"col\">Check"
	    "</th><th scope=\"col\">Found</th></tr></thead>\n<tbody>\n", out);
	for (i = 0; i < f->count; i++)
		put_check(out, &f->items[i]);
	fputs("</tbody></table></div>\n", out);
	page_panel_end(out);
}

/* ---- what runs --------------------------------------------------------- */

/* "1 read", "12 reads" */
static void
put_counted(FILE *out, uint64_t count, const char *what)
{
	char number[HTML_COUNT_MAX];

	fprintf(out, "%s %s%s", html_count(count, number), what,
	    count == 1 ? "" : "s");
}

static void
put_live_tiles(FILE *out, const struct roster *r)
{
	char text[TEXT_NUMBER_MAX];
	uint64_t oldest_us = 0;
	size_t i;

	for (i = 0; i < r->count; i++)
		if (r->rows[i].age_us > oldest_us)
			oldest_us = r->rows[i].age_us;
	fputs("<div class=\"tiles\">\n", out);
	page_tile(out, NULL, "Active now", "active", r->count, NULL);
	put_counted(out, r->by_op[TRANSLOG_READ], "read");
	fputs(", ", out);
	put_counted(out, r->by_op[TRANSLOG_WRITE], "write");
	page_tile_end(out);
	page_tile(out, NULL, "Sending", "sending", r->rates[TRANSLOG_READ],
	    text_speed(r->rates[TRANSLOG_READ], text));
	fputs("mean since each read began", out);
	page_tile_end(out);
	page_tile(out, NULL, "Receiving", "receiving",
	    r->rates[TRANSLOG_WRITE], text_speed(r->rates[TRANSLOG_WRITE],
	    text));
	fputs("mean since each write began", out);
	page_tile_end(out);
	page_tile(out, NULL, "Running longest", "oldest", oldest_us,
	    r->count == 0 ? "\xe2\x80\x93" : text_duration(oldest_us, text));
	page_tile_end(out);
	fputs("</div>\n", out);
}

/* How far: a bar with the share, or the bytes where no size is known. */
static void
put_progress(FILE *out, const struct roster_row *row)
{
	char done[TEXT_NUMBER_MAX], size[TEXT_NUMBER_MAX];
	char share[TEXT_NUMBER_MAX];

	text_bytes(row->bytes, done);
	if (row->size == 0) {
		html_number(out, NULL, row->bytes, done);
		fputs(" <span class=\"muted\">of an unknown size</span>",
		    out);
		return;
	}
	text_share(row->bytes, row->size, share);
	fprintf(out, "<progress max=\"1000\" value=\"%u\" "
	    "aria-label=\"done\">%s</progress><span class=\"below\">%s"
	    "<span class=\"wide\">, ", text_permille(row->bytes, row->size),
	    share, share);
	html_number(out, NULL, row->bytes, done);
	fprintf(out, "</span> of %s</span>", text_bytes(row->size, size));
}

static void
put_transfer(FILE *out, const struct roster_row *row)
{
	char rate[TEXT_NUMBER_MAX], age[TEXT_NUMBER_MAX];

	text_speed(row->rate, rate);
	text_duration(row->age_us, age);
	fprintf(out, "<tr data-id=\"%016" PRIx64 "\"><td>", row->id);
	html_name(out, row->file, row->file_len, NAME_WIDTH);
	fprintf(out, "<span class=\"below\">%s ", row->op == TRANSLOG_WRITE ?
	    "from" : "to");
	html_name(out, (const uint8_t *)row->client, strlen(row->client),
	    CLIENT_WIDTH);
	fputs("</span></td><td>", out);
	put_progress(out, row);
	fprintf(out, "<span class=\"below narrow\">%s, %s</span></td>"
	    "<td class=\"n wide\">", rate, age);
	html_number(out, NULL, row->rate, rate);
	fputs("</td><td class=\"n wide\">", out);
	html_number(out, NULL, row->age_us, age);
	fputs("</td></tr>\n", out);
}

static void
put_transfers(FILE *out, const struct roster *r)
{
	char count[HTML_COUNT_MAX];
	size_t i;

	fputs("<div class=\"scroll\" id=\"live-box\" tabindex=\"0\" "
	    "role=\"region\" aria-label=\"Running transfers\">\n"
	    "<table class=\"live\" id=\"live\">\n<thead><tr>"
	    "<th scope=\"col\" class=\"file\">File and client</th>"
	    "<th scope=\"col\" class=\"done\">Progress</th>"
	    "<th scope=\"col\" class=\"n wide\">Mean rate</th>"
	    "<th scope=\"col\" class=\"n wide\">Age</th></tr></thead>\n"
	    "<tbody>\n", out);
	for (i = 0; i < r->count && i < ROWS_MAX; i++)
		put_transfer(out, &r->rows[i]);
	fputs("</tbody></table></div>\n", out);
	if (r->count > ROWS_MAX)
		fprintf(out, "<p class=\"empty\">The %d that have run "
		    "longest, and %s more: <code>tftpd-stats active</code> "
		    "or <a href=\"/api/v1/connections\">connections</a> "
		    "has all.</p>\n", ROWS_MAX,
		    html_count(r->count - ROWS_MAX, count));
}

static void
put_live(const struct page *p)
{
	const struct roster *r = &p->active.roster;

	fputs("<section aria-labelledby=\"now\">\n<div class=\"bar\">"
	    "<h2 id=\"now\">Now</h2></div>\n", p->out);
	if (p->active_error == 0)
		put_live_tiles(p->out, r);
	fputs("<div class=\"panel\">\n", p->out);
	if (p->active_error != 0)
		fputs("<p class=\"empty\">Who runs is not known: the live "
		    "table cannot be read.</p>\n", p->out);
	else if (r->count != 0)
		put_transfers(p->out, r);
	else
		fprintf(p->out, "<p class=\"empty\">%s</p>\n",
		    is_running(p) ?
		    "Nothing is being transferred right now." :
		    "Nothing is being transferred. The next request starts "
		    "the server, which ends when it has been idle.");
	fputs("</div>\n</section>\n", p->out);
}

void
page_look(struct page *p)
{
	p->health = calloc(1, sizeof(*p->health));
	if (p->health == NULL)
		err(EXIT_FAILURE, NULL);
	p->active_error = active_look(&p->active, &p->options,
	    &p->options.filter);
	health_look(&p->options, p->health);
	health_judge(p->health);
}

void
page_forget(struct page *p)
{
	active_free(&p->active);
	free(p->health);
}

void
page_now(const struct page *p)
{
	put_hero(p);
	put_notices(p->out, &p->health->findings);
	put_live(p);
}
