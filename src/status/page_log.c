#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/clock.h"
#include "stats/when.h"
#include "status/html.h"
#include "page_parts.h"

#define REASON_MAX	600

/* ---- reading ----------------------------------------------------------- */

static void
on_start(void *arg, const struct translog_record *rec)
{
	struct page_log *l = arg;

	bootlog_start(&l->boots, rec);
}

static void
on_end(void *arg, const struct translog_record *rec)
{
	struct page_log *l = arg;

	aggregate_add(l->aggregate, rec);
	problems_add(&l->problems, rec);
	hints_add(&l->hints, rec);
	bootlog_end(&l->boots, rec);
	chart_add(&l->chart, rec);
}

/* The window that "tftpd-stats --since 24h" has. */
static int
read_log(const struct page *p, struct page_log *l)
{
	const struct scan_handler handler = { .arg = l, .on_start = on_start,
		.on_end = on_end };
	struct options o = p->options;
	struct filter f;

	o.filter.since_us = o.now_us > p->window->span_us ?
	    o.now_us - p->window->span_us : 0;
	o.has_since = true;
	f = command_window(&o);
	l->aggregate = aggregate_new();
	problems_init(&l->problems);
	hints_init(&l->hints);
	bootlog_init(&l->boots);
	chart_init(&l->chart, f.since_us, o.now_us, p->window->bar_us,
	    p->window->tick_us, o.style.is_utc);
	if (scan_run(&o, &f, &handler, &l->scan) != 0)
		return -1;
	l->aggregate->open = l->scan.open;
	bootlog_judge(&l->boots, true);
	return 0;
}

static void
free_log(struct page_log *l)
{
	aggregate_free(l->aggregate);
	problems_free(&l->problems);
	hints_free(&l->hints);
	bootlog_free(&l->boots);
}

/* ---- what is said instead ---------------------------------------------- */

/* What was printed on standard error, a file in memory, since then. */
static void
read_reason(off_t from, char out[static REASON_MAX])
{
	ssize_t len;
	char *text;

	fflush(stderr);
	len = from < 0 ? 0 : pread(STDERR_FILENO, out, REASON_MAX - 1, from);
	out[len > 0 ? len : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	text = strstr(out, ": ");
	if (text != NULL)
		memmove(out, text + 2, strlen(text + 2) + 1);
}

static void
put_no_log(const struct page *p, const char *reason)
{
	struct stat st;

	fprintf(p->out, "<section aria-labelledby=\"window\">\n"
	    "<div class=\"bar\"><h2 id=\"window\">%s</h2></div>\n"
	    "<div class=\"panel\">\n<p class=\"empty\" id=\"no-log\">",
	    p->window->title);
	if (stat(p->log_path, &st) == -1 && errno == ENOENT) {
		fputs("There is no log yet. It begins with the first "
		    "request; if there were some, tftpd-status looks in the "
		    "wrong place: give it the right one with --log. It is "
		    "looked for at <code>", p->out);
		html_bytes(p->out, (const uint8_t *)p->log_path,
		    strlen(p->log_path));
		fputs("</code>.", p->out);
	} else {
		fputs("The log cannot be read: ", p->out);
		html_bytes(p->out, (const uint8_t *)reason, strlen(reason));
	}
	fputs("</p>\n</div>\n</section>\n", p->out);
}

/* ---- showing ----------------------------------------------------------- */

void
page_panel(FILE *out, const char *id, const char *title)
{
	fprintf(out, "<section class=\"panel\" aria-labelledby=\"%s\">\n"
	    "<h2 id=\"%s\">%s</h2>\n", id, id, title);
}

void
page_panel_end(FILE *out)
{
	fputs("</section>\n", out);
}

static void
put_windows(const struct page *p)
{
	size_t i;

	fputs("<nav class=\"windows\" aria-label=\"Window\">\n", p->out);
	for (i = 0; i < PAGE_WINDOWS; i++)
		fprintf(p->out, "<a href=\"/?window=%s\" id=\"window-%s\" "
		    "title=\"%s\"%s>%s</a>\n", page_windows[i].name,
		    page_windows[i].name, page_windows[i].title,
		    &page_windows[i] == p->window ?
		    " aria-current=\"true\"" : "", page_windows[i].name);
	fputs("</nav>\n", p->out);
}

static void
put_heading(const struct page *p, const struct page_log *l)
{
	char since[WHEN_TEXT_MAX], until[WHEN_TEXT_MAX];
	bool is_utc = p->options.style.is_utc;

	when_text(l->scan.since_us, is_utc, 16, since);
	when_text(l->scan.until_us, is_utc, 19, until);
	fprintf(p->out, "<div class=\"bar\"><h2 id=\"window\">%s</h2>\n"
	    "<span class=\"muted\">", p->window->title);
	fputs("since ", p->out);
	html_time(p->out, "since", l->scan.since_us, since);
	fputs(", as of ", p->out);
	html_time(p->out, "until", l->scan.until_us, until + 11);
	fprintf(p->out, "%s</span>\n", is_utc ? " UTC" : "");
	put_windows(p);
	fputs("</div>\n", p->out);
}

static void
put_parts(const struct page *p, const struct page_log *l)
{
	page_tiles(p, l);
	if (l->aggregate->requests == 0) {
		fputs("<div class=\"panel\"><p class=\"empty\" "
		    "id=\"no-requests\">No request ended in this time. Try a "
		    "longer window, or ask with a client: <code>curl -O "
		    "tftp://SERVER/FILE</code></p></div>\n", p->out);
		return;
	}
	page_charts(p, l);
	fputs("<div class=\"columns\">\n", p->out);
	page_files(p, l);
	page_clients(p, l);
	fputs("</div>\n", p->out);
	page_boots(p, l);
	page_errors(p, l);
}

static void
put_log(const struct page *p, const struct page_log *l)
{
	fputs("<section aria-labelledby=\"window\">\n", p->out);
	put_heading(p, l);
	put_parts(p, l);
	fputs("</section>\n", p->out);
}

/* Read the log and show it; keep what was shown. */
static void
make(const struct page *p, struct page_cache *c)
{
	uint64_t begin_us = clock_mono_us();
	off_t said = lseek(STDERR_FILENO, 0, SEEK_END);
	struct page draft = *p;
	char *text = NULL, reason[REASON_MAX];
	struct page_log l;
	size_t len = 0;
	int ret;

	ret = read_log(p, &l);
	if (ret != 0) {
		read_reason(said, reason);
		put_no_log(p, reason);
		goto out;
	}
	draft.out = open_memstream(&text, &len);
	if (draft.out == NULL)
		err(EXIT_FAILURE, NULL);
	put_log(&draft, &l);
	if (fclose(draft.out) != 0)
		err(EXIT_FAILURE, NULL);
	fwrite(text, 1, len, p->out);
	page_cache_keep(c, text, len, clock_mono_us() - begin_us);
	free(text);
out:
	free_log(&l);
}

void
page_log(const struct page *p)
{
	struct page_cache c;

	page_cache_open(&c, p);
	if (!page_cache_show(&c, p))
		make(p, &c);
	page_cache_close(&c);
}
