/*
 * What the parts of page share: page.c takes the question, page_now.c shows
 * what runs, page_log.c reads the log, page_cache.c keeps what took long to
 * read, the others show it.
 */
#ifndef STATUS_PAGE_PARTS_H
#define STATUS_PAGE_PARTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "stats/active.h"
#include "stats/aggregate.h"
#include "stats/bootlog.h"
#include "stats/command.h"
#include "stats/health.h"
#include "stats/hints.h"
#include "stats/problems.h"
#include "stats/scan.h"
#include "status/chart.h"
#include "status/settings.h"

struct page_window {
	const char *name, *title;	/* "24h", "Last 24 hours" */
	uint64_t span_us, bar_us, tick_us;
};

#define PAGE_WINDOWS	4
extern const struct page_window page_windows[PAGE_WINDOWS];

struct page {
	const struct settings *settings;
	const struct page_window *window;
	struct options options;		/* without a window: it is the page's */
	char state[PATH_MAX];		/* where options point */
	char log_path[LIVE_PATH_MAX];
	FILE *out;
	struct active active;
	int active_error;		/* -errno: who runs is not known */
	struct health *health;
};

/* What was read of the log, in its window. */
struct page_log {
	struct aggregate *aggregate;
	struct problems problems;
	struct hints hints;
	struct bootlog boots;
	struct chart chart;
	struct scan_result scan;
};

/* ---- page_now.c -------------------------------------------------------- */

/* Look at the live table and at the server's health. */
void page_look(struct page *p);
void page_forget(struct page *p);

/* The host, the server, what is wrong, what runs. */
void page_now(const struct page *p);

/* All that was checked. */
void page_checks(const struct page *p);

/* ---- page_log.c -------------------------------------------------------- */

/* What the log says of the window. */
void page_log(const struct page *p);

/* A heading with something in it; text is ours. */
void page_panel(FILE *out, const char *id, const char *title);
void page_panel_end(FILE *out);

/* ---- page_figures.c ---------------------------------------------------- */

/* A tile; css NULL: a plain one.  page_tile_end() follows its note. */
void page_tile(FILE *out, const char *css, const char *name, const char *id,
    uint64_t value, const char *text);
void page_tile_end(FILE *out);

void page_tiles(const struct page *p, const struct page_log *l);
void page_charts(const struct page *p, const struct page_log *l);
void page_outcomes(const struct page *p, const struct page_log *l);

/* ---- page_tables.c, page_boots.c --------------------------------------- */

void page_files(const struct page *p, const struct page_log *l);
void page_clients(const struct page *p, const struct page_log *l);
void page_errors(const struct page *p, const struct page_log *l);
void page_boots(const struct page *p, const struct page_log *l);

/* ---- page_cache.c ------------------------------------------------------ */

/*
 * One process reads a large log, the others show what it made of it.
 *
 *	page_cache_open(&c, p);
 *	if (!page_cache_show(&c, p)) {
 *		... text ...
 *		page_cache_keep(&c, text, len, took_us);
 *	}
 *	page_cache_close(&c);
 */
#define PAGE_CACHE_KEY	512
struct page_cache {
	int dir, lock;			/* -1: nothing can be kept */
	char name[32];
	char key[PAGE_CACHE_KEY];	/* of which log, and how */
	uint64_t now_us;
};

void page_cache_open(struct page_cache *c, const struct page *p);

/*
 * page_cache_show - print what is kept, if it is young enough, or if
 * somebody else is making it anew.
 * False: it has to be made; the lock is ours then.
 */
bool page_cache_show(struct page_cache *c, const struct page *p);

/* Keep it for a while, when it took long to make. */
void page_cache_keep(struct page_cache *c, const char *text, size_t len,
    uint64_t took_us);

void page_cache_close(struct page_cache *c);

#endif
