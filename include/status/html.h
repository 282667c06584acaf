/*
 * html - writing pages, where nothing of a stranger becomes markup.
 *
 * The policy of a page lets no style attribute and no handler work: what it
 * is to look like are classes of src/status/style.css.
 *
 *	section.panel		a box with an h2 of its own
 *	div.columns		panels beside each other, where there is room
 *	div.scroll > table	a table; wider ones move in the box.  Give the
 *				box tabindex="0" role="region" aria-label
 *	td.n th.n		numbers, to the right
 *	.wide .narrow		only where there is room; only on a phone
 *	div.tiles > div.tile	a number (.value) with its name (.name) above
 *				and a note (.note) below
 *	span.badge		+ .good .warning .bad or .plain
 *	div.notice		+ .good .warning .bad: a box with a sentence
 *	form, div.field		a label, the input, select or textarea, and
 *				p.hint; .field.wrong for what is refused
 *	div.buttons > button	+ .primary or .danger; a.button looks alike
 *	pre			+ .lines > span.line[+ .wrong .added .removed]
 *	code .name		names of files, letters of equal width
 *	.muted .visually-hidden
 */
#ifndef STATUS_HTML_H
#define STATUS_HTML_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "status/answer.h"

/* Text that is ours or a stranger's, for an element or a quoted attribute. */
void html_text(FILE *out, const char *text);

/*
 * html_bytes - a stranger's bytes: as text_put_bytes() makes them visible
 * (control bytes, invalid UTF-8, what turns the direction of writing), then
 * as html_text().
 */
void html_bytes(FILE *out, const uint8_t *bytes, size_t len);

/*
 * html_name - the same in an element, in at most width columns: what is too
 * long loses its middle, and has the first HTML_TITLE_MAX columns as its
 * title.
 */
#define HTML_TITLE_MAX	240
void html_name(FILE *out, const uint8_t *bytes, size_t len, size_t width);

/* "12 345": digits in groups of three. */
#define HTML_COUNT_MAX	48
const char *html_count(uint64_t count, char out[static HTML_COUNT_MAX]);

/*
 * html_number - a number for people that programs can read, too:
 * <data id="ID" value="12345">12.3 kB</data>.
 *
 * id         of the element; NULL: none
 * text       what is shown; NULL: the number as of html_count()
 */
void html_number(FILE *out, const char *id, uint64_t value,
    const char *text);

/* <time datetime="2026-11-22T23:10:40.123456Z">TEXT</time> */
void html_time(FILE *out, const char *id, uint64_t ts_us, const char *text);

/* A new nonce for answer, hexadecimal digits; 0, or -1: no random bytes. */
int html_nonce(char out[static ANSWER_NONCE_LEN + 1]);

/*
 * html_begin - everything up to <main>: head, style, the page's name and its
 * navigation.
 *
 * title      of the page
 * nonce      of the style and the script
 * here       path of the page, "/" or "/manage", marked in the navigation;
 *            "/" is fetched again and again
 * has_manage whether there is a management page to go to
 */
void html_begin(FILE *out, const char *title, const char *nonce,
    const char *here, int has_manage);

/* </main> and the rest. */
void html_end(FILE *out);

#endif
