#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "stats/sum.h"
#include "stats/text.h"
#include "stats/when.h"
#include "status/chart.h"
#include "status/html.h"

#define SECOND_US	UINT64_C(1000000)
#define DAY_US		(86400 * SECOND_US)

/* Pixels: of the bars, and with the times below. */
#define HEIGHT		140
#define WHOLE_HEIGHT	164
#define GAP		22	/* of a bar's width, in percent */

#define LABEL_MAX	64

/* ---- counting ---------------------------------------------------------- */

/* The time by the clock on the wall, as if that were UTC. */
static uint64_t
wall_us(uint64_t ts_us, bool is_utc)
{
	long east = when_parts(ts_us, is_utc).tm_gmtoff;

	return east >= 0 ? ts_us + (uint64_t)east * SECOND_US :
	    ts_us - (uint64_t)-east * SECOND_US;
}

void
chart_init(struct chart *c, uint64_t since_us, uint64_t until_us,
    uint64_t bar_us, uint64_t tick_us, bool is_utc)
{
	uint64_t late = wall_us(since_us, is_utc) % bar_us, at;

	*c = (struct chart){ .since_us = since_us, .until_us = until_us,
		.bar_us = bar_us, .tick_us = tick_us, .is_utc = is_utc };
	at = since_us >= late ? since_us - late : 0;
	do {
		c->bars[c->count++].start_us = at;
		at += bar_us;
	} while (at < until_us && c->count < CHART_BARS);
}

void
chart_add(struct chart *c, const struct translog_record *rec)
{
	uint64_t begin_us = c->bars[0].start_us, i = 0;
	struct chart_bar *bar;

	if (rec->ts_us > begin_us)
		i = (rec->ts_us - begin_us) / c->bar_us;
	bar = &c->bars[i < c->count ? i : c->count - 1];
	bar->classes[outcome_class(rec->outcome)]++;
	sum_add(&bar->bytes[rec->op], sum_number(rec, TRANSLOG_BYTES));
}

/* ---- kinds ------------------------------------------------------------- */

static uint64_t
requests_value(const struct chart_bar *bar, size_t part)
{
	return bar->classes[part];
}

static const char *
requests_show(uint64_t value, char *out)
{
	return html_count(value, out);
}

static uint64_t
bytes_value(const struct chart_bar *bar, size_t part)
{
	return bar->bytes[part == 0 ? TRANSLOG_READ : TRANSLOG_WRITE];
}

static const char *
bytes_show(uint64_t value, char *out)
{
	return text_bytes(value, out);
}

const struct chart_kind chart_requests = {
	"requests-over-time", "Requests", 4,
	{ { "success", "success" }, { "neutral", "neutral" },
	  { "refused", "refused" }, { "failed", "failure" } },
	requests_value, requests_show
};

const struct chart_kind chart_bytes = {
	"bytes-over-time", "Bytes", 2,
	{ { "sent", "sent" }, { "received", "received" } },
	bytes_value, bytes_show
};

static uint64_t
whole_of(const struct chart_kind *kind, const struct chart_bar *bar)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < kind->count; i++)
		sum_add(&sum, kind->value(bar, i));
	return sum;
}

uint64_t
chart_top(uint64_t most)
{
	static const uint64_t steps[] = { 1, 2, 4, 6, 8, 10 };
	uint64_t unit = 1;
	size_t i;

	if (most == 0)
		return 1;
	while (most / 10 >= unit && most > 10 * unit)
		unit *= 10;
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (unit <= UINT64_MAX / steps[i] && most <= unit * steps[i])
			return unit * steps[i];
	return UINT64_MAX;
}

/* ---- drawing ----------------------------------------------------------- */

enum time_form { TIME_MINUTES, TIME_SECONDS, TIME_WEEKDAY, TIME_DATE };

/* "14:05", "14:05:30", "Mon", "Mon 23 Nov 14:05" */
static void
time_text(const struct chart *c, uint64_t ts_us, enum time_form form,
    char out[static LABEL_MAX])
{
	struct tm tm = when_parts(ts_us, c->is_utc);
	size_t len = 0;

	switch (form) {
	case TIME_MINUTES:
		len = strftime(out, LABEL_MAX, "%H:%M", &tm);
		break;
	case TIME_SECONDS:
		len = strftime(out, LABEL_MAX, "%H:%M:%S", &tm);
		break;
	case TIME_WEEKDAY:
		len = strftime(out, LABEL_MAX, "%a", &tm);
		break;
	case TIME_DATE:
		len = strftime(out, LABEL_MAX, "%a %d %b %H:%M", &tm);
		break;
	}
	out[len] = '\0';
}

static void
put_span(FILE *out, const struct chart *c, const struct chart_bar *bar)
{
	enum time_form form = c->bar_us % (60 * SECOND_US) != 0 ?
	    TIME_SECONDS : TIME_MINUTES;
	char from[LABEL_MAX], to[LABEL_MAX];

	time_text(c, bar->start_us, c->tick_us >= DAY_US ? TIME_DATE : form,
	    from);
	time_text(c, bar->start_us + c->bar_us, form, to);
	fprintf(out, "%s to %s", from, to);
}

static double
percent(const struct chart *c, double bars)
{
	return bars * 100 / (double)c->count;
}

static void
put_parts(FILE *out, const struct chart *c, const struct chart_kind *kind,
    size_t index, uint64_t top)
{
	double below = 0, height, scale = HEIGHT / (double)top;
	uint64_t value;
	size_t i;

	for (i = 0; i < kind->count; i++) {
		value = kind->value(&c->bars[index], i);
		if (value == 0)
			continue;
		/* What is there is to be seen. */
		height = (double)value * scale;
		height = height < 1 ? 1 : height;
		fprintf(out, "<rect class=\"%s\" x=\"%.3f%%\" y=\"%.1f\" "
		    "width=\"%.3f%%\" height=\"%.1f\"/>", kind->parts[i].css,
		    percent(c, (double)index + GAP / 200.0),
		    HEIGHT - below - height, percent(c, 1 - GAP / 100.0),
		    height);
		below += height;
	}
}

/* A bar with all that is to be said of it. */
static void
put_bar(FILE *out, const struct chart *c, const struct chart_kind *kind,
    size_t index, uint64_t top)
{
	const struct chart_bar *bar = &c->bars[index];
	char number[HTML_COUNT_MAX];
	size_t i;

	fprintf(out, "<g><rect class=\"hit\" x=\"%.3f%%\" y=\"0\" "
	    "width=\"%.3f%%\" height=\"%d\"/>", percent(c, (double)index),
	    percent(c, 1), HEIGHT);
	put_parts(out, c, kind, index, top);
	fputs("<title>", out);
	put_span(out, c, bar);
	for (i = 0; i < kind->count; i++)
		if (kind->value(bar, i) != 0)
			fprintf(out, "\n%s %s", kind->show(kind->value(bar,
			    i), number), kind->parts[i].name);
	if (whole_of(kind, bar) == 0)
		fputs("\nnothing", out);
	fputs("</title></g>\n", out);
}

/* Where a multiple of tick_us begins, its time stands below. */
static void
put_ticks(FILE *out, const struct chart *c)
{
	char label[LABEL_MAX];
	uint64_t start_us, wall;
	double at;
	size_t i;

	for (i = 0; i < c->count; i++) {
		start_us = c->bars[i].start_us;
		wall = wall_us(start_us, c->is_utc);
		at = percent(c, (double)i);
		if (wall % c->tick_us >= c->bar_us || at < 2 || at > 97)
			continue;
		time_text(c, start_us, c->tick_us >= DAY_US ? TIME_WEEKDAY :
		    TIME_MINUTES, label);
		fprintf(out, "<line x1=\"%.3f%%\" x2=\"%.3f%%\" y1=\"%d\" "
		    "y2=\"%d\"/><text x=\"%.3f%%\" y=\"%d\" "
		    "text-anchor=\"middle\">%s</text>\n", at, at, HEIGHT,
		    HEIGHT + 4, at, HEIGHT + 19, label);
	}
}

static void
put_drawing(FILE *out, const struct chart *c, const struct chart_kind *kind,
    uint64_t top)
{
	static const int lines[] = { 0, HEIGHT / 2, HEIGHT };
	size_t i;

	fprintf(out, "<svg width=\"100%%\" height=\"%d\" role=\"img\" "
	    "aria-labelledby=\"%s\">\n", WHOLE_HEIGHT, kind->id);
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		fprintf(out, "<line x1=\"0\" x2=\"100%%\" y1=\"%d.5\" "
		    "y2=\"%d.5\"/>\n", lines[i], lines[i]);
	for (i = 0; i < c->count; i++)
		put_bar(out, c, kind, i, top);
	put_ticks(out, c);
	fputs("</svg>\n", out);
}

static void
put_scale(FILE *out, const struct chart_kind *kind, uint64_t top)
{
	char number[HTML_COUNT_MAX];

	fprintf(out, "<div class=\"scale\" aria-hidden=\"true\"><span>%s"
	    "</span>", kind->show(top, number));
	if (top % 2 == 0)
		fprintf(out, "<span>%s</span>", kind->show(top / 2, number));
	fputs("<span>0</span></div>\n", out);
}

/* The title; for those who can't see the bars, what there is to see. */
static void
put_caption(FILE *out, const struct chart *c, const struct chart_kind *kind,
    const struct chart_bar *peak)
{
	char number[HTML_COUNT_MAX];
	size_t i;

	fprintf(out, "<figcaption><h3 id=\"%s\">%s over time<span "
	    "class=\"visually-hidden\">", kind->id, kind->title);
	if (peak == NULL) {
		fputs(": none", out);
	} else {
		fprintf(out, ": at most %s, from ",
		    kind->show(whole_of(kind, peak), number));
		put_span(out, c, peak);
	}
	fputs("</span></h3>\n<ul class=\"legend\">", out);
	for (i = 0; i < kind->count; i++)
		fprintf(out, "<li><svg width=\"10\" height=\"10\" "
		    "aria-hidden=\"true\"><rect class=\"%s\" width=\"10\" "
		    "height=\"10\" rx=\"2\"/></svg>%s</li>",
		    kind->parts[i].css, kind->parts[i].name);
	fputs("</ul></figcaption>\n", out);
}

void
chart_put(FILE *out, const struct chart *c, const struct chart_kind *kind)
{
	const struct chart_bar *peak = NULL;
	uint64_t most = 0, top;
	size_t i;

	for (i = 0; i < c->count; i++)
		if (whole_of(kind, &c->bars[i]) > most) {
			peak = &c->bars[i];
			most = whole_of(kind, peak);
		}
	top = chart_top(most);
	fputs("<figure class=\"chart\">\n", out);
	put_caption(out, c, kind, peak);
	fputs("<div class=\"plot\">\n", out);
	put_scale(out, kind, top);
	put_drawing(out, c, kind, top);
	fputs("</div>\n</figure>\n", out);
}

/* ---- the table --------------------------------------------------------- */

static void
put_cell(FILE *out, const struct chart_kind *kind, uint64_t value)
{
	char text[HTML_COUNT_MAX];

	fprintf(out, "<td class=\"n%s\">", value == 0 ? " zero" : "");
	html_number(out, NULL, value, kind->show(value, text));
	fputs("</td>", out);
}

static void
put_row(FILE *out, const struct chart *c, const struct chart_bar *bar)
{
	size_t i;

	fputs("<tr><th scope=\"row\">", out);
	put_span(out, c, bar);
	fputs("</th>", out);
	for (i = 0; i < chart_requests.count; i++)
		put_cell(out, &chart_requests, chart_requests.value(bar, i));
	for (i = 0; i < chart_bytes.count; i++)
		put_cell(out, &chart_bytes, chart_bytes.value(bar, i));
	fputs("</tr>\n", out);
}

void
chart_put_table(FILE *out, const struct chart *c)
{
	size_t i;

	fputs("<details id=\"over-time\"><summary>These numbers as a table"
	    "</summary>\n<div class=\"scroll\" id=\"over-time-box\" "
	    "tabindex=\"0\" role=\"region\" aria-label=\"Requests and bytes "
	    "over time\"><table id=\"over-time-rows\">\n<thead><tr>"
	    "<th scope=\"col\">Time</th>", out);
	for (i = 0; i < chart_requests.count; i++)
		fprintf(out, "<th scope=\"col\" class=\"n\">%s</th>",
		    chart_requests.parts[i].name);
	for (i = 0; i < chart_bytes.count; i++)
		fprintf(out, "<th scope=\"col\" class=\"n\">bytes %s</th>",
		    chart_bytes.parts[i].name);
	fputs("</tr></thead>\n<tbody>\n", out);
	for (i = c->count; i-- > 0; )
		if (whole_of(&chart_requests, &c->bars[i]) != 0)
			put_row(out, c, &c->bars[i]);
	fputs("</tbody></table></div></details>\n", out);
}
