#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stats/text.h"
#include "stats/when.h"
#include "status/advice.h"
#include "status/html.h"
#include "page_parts.h"

#define TOP		10
#define FILE_WIDTH	36
#define CLIENT_WIDTH	45
#define MESSAGE_WIDTH	90

/* ---- files and clients -------------------------------------------------- */

static void
put_count(FILE *out, uint64_t count)
{
	fprintf(out, "<td class=\"n%s\">", count == 0 ? " zero" : "");
	html_number(out, NULL, count, NULL);
	fputs("</td>", out);
}

static void
put_entry(FILE *out, const struct tally_entry *e, size_t width)
{
	char bytes[TEXT_NUMBER_MAX];

	fputs("<tr><th scope=\"row\">", out);
	html_name(out, e->name, e->len, width);
	fputs("</th>", out);
	put_count(out, e->counts.requests);
	put_count(out, e->counts.classes[OUTCOME_CLASS_REFUSED]);
	put_count(out, e->counts.classes[OUTCOME_CLASS_FAILURE]);
	fputs("<td class=\"n wide\">", out);
	html_number(out, NULL, e->counts.bytes,
	    text_bytes(e->counts.bytes, bytes));
	fputs("</td></tr>\n", out);
}

/* The busiest ones of a tally; id of the table, what: "File". */
static void
put_tally(FILE *out, const struct tally *tally, const char *id,
    const char *what, size_t width)
{
	struct tally_entry *rows[TOP];
	size_t i, count = tally_top(tally, tally_by_requests, rows, TOP);
	char more[HTML_COUNT_MAX];

	fprintf(out, "<div class=\"scroll\" id=\"%s-box\" tabindex=\"0\" "
	    "role=\"region\" aria-label=\"%ss\"><table class=\"tally\" "
	    "id=\"%s\">\n<thead><tr><th scope=\"col\">%s</th><th scope=\"col\" class=\"n\">"
	    "Requests</th><th scope=\"col\" class=\"n\">Refused</th>"
	    "<th scope=\"col\" class=\"n\">Failed</th><th scope=\"col\" "
	    "class=\"n wide\">Bytes</th></tr></thead>\n<tbody>\n", id, what,
	    id, what);
	for (i = 0; i < count; i++)
		put_entry(out, rows[i], width);
	fputs("</tbody></table></div>\n", out);
	if (tally->used > count)
		fprintf(out, "<p class=\"empty\">And %s more: <code>"
		    "tftpd-stats %s</code></p>\n",
		    html_count(tally->used - count, more), id);
}

void
page_files(const struct page *p, const struct page_log *l)
{
	page_panel(p->out, "top-files", "Top files");
	put_tally(p->out, &l->aggregate->files, "files", "File", FILE_WIDTH);
	page_panel_end(p->out);
}

void
page_clients(const struct page *p, const struct page_log *l)
{
	page_panel(p->out, "top-clients", "Top clients");
	put_tally(p->out, &l->aggregate->clients, "clients", "Client",
	    CLIENT_WIDTH);
	page_panel_end(p->out);
}

/* ---- errors ------------------------------------------------------------- */

static void
put_hint(FILE *out, const struct hint *hint)
{
	char count[HTML_COUNT_MAX];

	fputs("<div class=\"notice warning\"><p><strong>A firewall or NAT in "
	    "the way?</strong> ", out);
	if (hint->is_network)
		fprintf(out, "%s clients of ",
		    html_count(hint->clients, count));
	html_bytes(out, (const uint8_t *)hint->place, strlen(hint->place));
	fprintf(out, " never answered: %s requests. Replies come from "
	    "another port than 69.</p></div>\n",
	    html_count(hint->noanswer, count));
}

static void
put_hints(FILE *out, const struct hints *h)
{
	struct hint *list;
	size_t i, count;

	list = hints_list(h, &count);
	for (i = 0; i < count && i < HINTS_SHOWN; i++)
		put_hint(out, &list[i]);
	free(list);
}

static void
put_last(const struct page *p, const struct problem *problem)
{
	char when[WHEN_TEXT_MAX];

	when_text(problem->last_us, p->options.style.is_utc, 19, when);
	fputs("<p class=\"last\">Last: ", p->out);
	html_time(p->out, NULL, problem->last_us, when);
	if (problem->last_file != NULL) {
		fputs(", ", p->out);
		html_name(p->out, problem->last_file, problem->last_file_len,
		    FILE_WIDTH);
	}
	if (problem->last_client[0] != '\0') {
		fputs(" of ", p->out);
		html_name(p->out, (const uint8_t *)problem->last_client,
		    strlen(problem->last_client), CLIENT_WIDTH);
	}
	fputs("</p>", p->out);
}

static void
put_problem(const struct page *p, const struct page_log *l,
    const struct problem *problem)
{
	bool is_failure = outcome_class(problem->outcome) ==
	    OUTCOME_CLASS_FAILURE;
	char clients[HTML_COUNT_MAX];

	fputs("<li><p class=\"head\"><strong>", p->out);
	html_number(p->out, NULL, problem->count, NULL);
	fprintf(p->out, "</strong><span class=\"badge %s\">%s</span>",
	    is_failure ? "bad" : "warning", outcome_name(problem->outcome));
	if (problem->message_len != 0)
		html_name(p->out, problems_message(&l->problems, problem),
		    problem->message_len, MESSAGE_WIDTH);
	fprintf(p->out, "<span class=\"muted\">%s client%s%s</span></p>"
	    "<p class=\"cause\">%s <span class=\"muted\">%s</span></p>",
	    html_count(problem->clients, clients),
	    problem->clients == 1 ? "" : "s",
	    strcmp(problem->error_by, "client") == 0 ?
	    "; the client said so" : "", advice_cause(problem->outcome),
	    advice_action(problem->outcome));
	put_last(p, problem);
	fputs("</li>\n", p->out);
}

void
page_errors(const struct page *p, const struct page_log *l)
{
	struct problem **list;
	size_t i, count;
	char more[HTML_COUNT_MAX];

	list = problems_list(&l->problems, &count);
	page_panel(p->out, "errors", "What went wrong");
	put_hints(p->out, &l->hints);
	if (count == 0)
		fputs("<p class=\"empty\">Nothing was refused, and nothing "
		    "failed.</p>\n", p->out);
	else
		fputs("<ul class=\"causes\" id=\"causes\">\n", p->out);
	for (i = 0; i < count && i < TOP; i++)
		put_problem(p, l, list[i]);
	if (count != 0)
		fputs("</ul>\n", p->out);
	if (count > TOP)
		fprintf(p->out, "<p class=\"empty\">And %s more kinds: "
		    "<code>tftpd-stats errors</code></p>\n",
		    html_count(count - TOP, more));
	page_panel_end(p->out);
	free(list);
}
