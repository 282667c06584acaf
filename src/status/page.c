#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "status/html.h"
#include "status/page.h"
#include "status/query.h"
#include "page_parts.h"

#define SECONDS(n)	(UINT64_C(n) * 1000000)
#define MINUTES(n)	(60 * SECONDS(n))
#define HOURS(n)	(60 * MINUTES(n))
#define WINDOW_DEFAULT	2

const struct page_window page_windows[PAGE_WINDOWS] = {
	{ "15m", "Last 15 minutes", MINUTES(15), SECONDS(30), MINUTES(3) },
	{ "1h", "Last hour", HOURS(1), MINUTES(1), MINUTES(10) },
	{ "24h", "Last 24 hours", HOURS(24), MINUTES(30), HOURS(4) },
	{ "7d", "Last 7 days", HOURS(168), HOURS(3), HOURS(24) },
};

/* The window that is asked for; NULL: refused. */
static const struct page_window *
choose_window(const struct ask *a, struct answer *answer)
{
	const struct page_window *window = &page_windows[WINDOW_DEFAULT];
	const char *key, *value;
	size_t i, at = 0, seen = 0;

	while (ask_next(a, &at, &key, &value)) {
		if (strcmp(key, "window") != 0 || seen++ != 0) {
			back_refuse(a, answer, 400, "the page has one "
			    "parameter, window, and it is given once");
			return NULL;
		}
		for (i = 0; i < PAGE_WINDOWS &&
		    strcmp(value, page_windows[i].name) != 0; i++)
			;
		if (i == PAGE_WINDOWS) {
			back_refuse(a, answer, 400, "window is one of 15m, "
			    "1h, 24h and 7d");
			return NULL;
		}
		window = &page_windows[i];
	}
	return window;
}

static void
set_options(struct page *p)
{
	struct query q;

	query_default(p->settings, &q);
	p->options = q.options;
	strcpy(p->state, q.state);
	p->options.state = p->state;
	p->options.style.is_utc = p->settings->is_utc;
	p->options.style.is_utf8 = true;
	command_default_log(&p->options, p->log_path);
}

int
page_show(const struct back *b, const struct ask *a, struct answer *answer)
{
	struct page p = { .settings = b->settings, .out = stdout };
	char title[300] = "tftpd on ";

	p.window = choose_window(a, answer);
	if (p.window == NULL)
		return 0;
	if (html_nonce(answer->nonce) != 0)
		return -1;
	set_options(&p);
	(void)gethostname(title + strlen(title),
	    sizeof(title) - strlen(title) - 1);
	html_begin(p.out, title, answer->nonce, "/",
	    b->settings->manage != NULL);
	page_look(&p);
	page_now(&p);
	page_log(&p);
	page_checks(&p);
	page_forget(&p);
	html_end(p.out);
	return 0;
}
