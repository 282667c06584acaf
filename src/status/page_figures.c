#include <inttypes.h>

#include "stats/text.h"
#include "status/html.h"
#include "page_parts.h"

#define NOTHING	"\xe2\x80\x93"	/* a dash, where there is no number */

void
page_tile(FILE *out, const char *css, const char *name, const char *id,
    uint64_t value, const char *text)
{
	fprintf(out, "<div class=\"tile%s%s\"><div class=\"name\">%s</div>"
	    "<div class=\"value\">", css != NULL ? " " : "",
	    css != NULL ? css : "", name);
	html_number(out, id, value, text);
	fputs("</div><div class=\"note\">", out);
}

void
page_tile_end(FILE *out)
{
	fputs("</div></div>\n", out);
}

/* ---- tiles ------------------------------------------------------------- */

static void
put_class(FILE *out, const struct aggregate *a, enum outcome_class of_class,
    const char *name)
{
	uint64_t count = a->classes[of_class];
	char share[TEXT_NUMBER_MAX];

	/* Only what is there is drawn attention to. */
	page_tile(out, count != 0 ? outcome_class_name(of_class) : NULL, name,
	    outcome_class_name(of_class), count, NULL);
	if (a->requests != 0)
		fputs(text_share(count, a->requests, share), out);
	page_tile_end(out);
}

static void
put_counts(FILE *out, const struct aggregate *a)
{
	uint64_t success = a->classes[OUTCOME_CLASS_SUCCESS];
	uint64_t neutral = a->classes[OUTCOME_CLASS_NEUTRAL];
	char share[TEXT_NUMBER_MAX], count[HTML_COUNT_MAX];

	page_tile(out, NULL, "Requests", "requests", a->requests, NULL);
	html_number(out, "reads", a->reads, NULL);
	fputs(" reads, ", out);
	html_number(out, "writes", a->writes, NULL);
	fputs(" writes", out);
	page_tile_end(out);
	page_tile(out, NULL, "Success", "success", success,
	    a->requests == 0 ? NOTHING :
	    text_share(success, a->requests, share));
	if (a->requests != 0)
		fputs(html_count(success, count), out);
	if (neutral != 0)
		fprintf(out, ", and %s probe%s", html_count(neutral, count),
		    neutral == 1 ? "" : "s");
	page_tile_end(out);
	put_class(out, a, OUTCOME_CLASS_REFUSED, "Refused");
	put_class(out, a, OUTCOME_CLASS_FAILURE, "Failed");
}

static void
put_bytes(FILE *out, const struct aggregate *a)
{
	char text[TEXT_NUMBER_MAX], count[HTML_COUNT_MAX];

	page_tile(out, NULL, "Sent", "bytes_sent", a->bytes_sent,
	    text_bytes(a->bytes_sent, text));
	fprintf(out, "%s packets sent again", html_count(a->retransmits,
	    count));
	page_tile_end(out);
	page_tile(out, NULL, "Received", "bytes_received", a->bytes_received,
	    text_bytes(a->bytes_received, text));
	fputs("uploads", out);
	page_tile_end(out);
}

static void
put_duration(FILE *out, const struct hist *h, unsigned permille,
    const char *name, const char *id)
{
	uint64_t us = hist_quantile(h, permille);
	char text[TEXT_NUMBER_MAX];

	page_tile(out, NULL, name, id, us, h->count == 0 ? NOTHING :
	    text_duration(us, text));
	fputs("of those that succeeded", out);
	page_tile_end(out);
}

void
page_tiles(const struct page *p, const struct page_log *l)
{
	fputs("<div class=\"tiles\">\n", p->out);
	put_counts(p->out, l->aggregate);
	put_bytes(p->out, l->aggregate);
	put_duration(p->out, &l->aggregate->duration_us, 500,
	    "Half take at most", "duration_p50_us");
	put_duration(p->out, &l->aggregate->duration_us, 950,
	    "95 % take at most", "duration_p95_us");
	fputs("</div>\n", p->out);
}

/* ---- charts ------------------------------------------------------------ */

static void
put_outcome(FILE *out, const struct aggregate *a, enum outcome outcome,
    uint64_t most)
{
	const char *css = outcome_class_name(outcome_class(outcome));
	uint64_t count = a->outcomes[outcome];
	char share[TEXT_NUMBER_MAX];

	fprintf(out, "<tr><th scope=\"row\">%s</th><td class=\"share\">"
	    "<svg width=\"100%%\" height=\"8\" aria-hidden=\"true\">"
	    "<rect class=\"%s\" width=\"%.2f%%\" height=\"8\" rx=\"4\"/>"
	    "</svg></td><td class=\"n\">", outcome_name(outcome), css,
	    (double)count * 100 / (double)most);
	html_number(out, NULL, count, NULL);
	fprintf(out, "</td><td class=\"n muted\">%s</td></tr>\n",
	    text_share(count, a->requests, share));
}

void
page_outcomes(const struct page *p, const struct page_log *l)
{
	const struct aggregate *a = l->aggregate;
	uint64_t most = 1;
	int i;

	for (i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++)
		if (a->outcomes[i] > most)
			most = a->outcomes[i];
	page_panel(p->out, "how", "How they ended");
	fputs("<table id=\"outcomes\"><thead class=\"visually-hidden\"><tr>"
	    "<th scope=\"col\">Outcome</th><th scope=\"col\">Bar</th>"
	    "<th scope=\"col\">Requests</th><th scope=\"col\">Share</th>"
	    "</tr></thead>\n<tbody>\n", p->out);
	for (i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++)
		if (a->outcomes[i] != 0)
			put_outcome(p->out, a, (enum outcome)i, most);
	fputs("</tbody></table>\n", p->out);
	page_panel_end(p->out);
}

void
page_charts(const struct page *p, const struct page_log *l)
{
	fputs("<div class=\"panel\">\n", p->out);
	chart_put(p->out, &l->chart, &chart_requests);
	chart_put_table(p->out, &l->chart);
	fputs("</div>\n<div class=\"columns\">\n<div class=\"panel\">\n",
	    p->out);
	chart_put(p->out, &l->chart, &chart_bytes);
	fputs("</div>\n", p->out);
	page_outcomes(p, l);
	fputs("</div>\n", p->out);
}
