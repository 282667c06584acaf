#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "manage_parts.h"
#include "record/jsonl.h"
#include "status/diff.h"
#include "status/html.h"

#define AROUND		2	/* lines before and after one with a problem */
#define PROBLEMS_MOST	50	/* shown with these */
#define LINE_MOST	400	/* bytes of a line that are shown */
#define CHANGES_MOST	500	/* lines of a difference */

/*
 * As html_bytes(), but a tab is one, and a backslash too: these are texts that
 * somebody reads to write them again.
 */
static void
put_bytes(const char *text, size_t len)
{
	const uint8_t *at = (const uint8_t *)text, *end = at + len;
	char one[5];
	uint32_t code;
	size_t n, i;

	for (; at < end; at += n) {
		n = jsonl_utf8(at, (size_t)(end - at), &code);
		if (n != 0 && (code == '\t' || !jsonl_is_unsafe(code))) {
			memcpy(one, at, n);
			one[n] = '\0';
			html_text(stdout, one);
			continue;
		}
		n += n == 0;
		for (i = 0; i < n; i++)
			printf("\\x%02x", at[i]);
	}
}

void
manage_show_lines(const char *text)
{
	size_t len;

	for (; text != NULL && *text != '\0'; text += len) {
		len = strcspn(text, "\n");
		put_bytes(text, len);
		if (text[len] == '\n') {
			putchar('\n');
			len++;
		}
	}
}

/* "  12  root = ...": the line's end is outside, for browsers and copying. */
static void
put_line(const char *class, char sign, size_t number,
    const struct diff_line *line)
{
	printf("<span class=\"line%s\">", class);
	if (sign != '\0')
		printf("%c", sign);
	printf("%5zu  ", number);
	put_bytes(line->text, line->len < LINE_MOST ? line->len : LINE_MOST);
	printf("%s</span>\n", line->len < LINE_MOST ? "" : " &hellip;");
}

/* ---- problems ---------------------------------------------------------- */

static void
put_lines_around(const struct diff_text *lines, size_t number)
{
	size_t from = number > AROUND ? number - AROUND : 1;
	size_t to = number + AROUND;
	size_t n;

	if (number == 0 || number > lines->count)
		return;
	if (to > lines->count)
		to = lines->count;
	fputs("<pre>", stdout);
	for (n = from; n <= to; n++)
		put_line(n == number ? " wrong" : "", '\0', n,
		    &lines->lines[n - 1]);
	fputs("</pre>\n", stdout);
}

/*
 * tftpd's remarks about how it was started, not about a file: by a user who
 * is not root.
 */
static bool
is_remark(const struct effective_problem *p, const char *file)
{
	return p->is_warning && p->line == 0 &&
	    (p->file == NULL || strcmp(p->file, file) != 0);
}

static void
put_place(const struct effective_problem *p, bool is_ours)
{
	if (p->file == NULL)
		return;
	fputs("<strong>", stdout);
	if (!is_ours)
		put_bytes(p->file, strlen(p->file));
	if (p->line != 0)
		printf("%s %u", is_ours ? "Line" : ", line", p->line);
	else if (is_ours)
		fputs("The file", stdout);
	fputs(":</strong> ", stdout);
}

/*
 * A sentence quotes the line that it is about.  Who writes include("FILE")
 * would be shown what only our user may read, the other passwords' hashes
 * for one.
 */
static bool
is_for_everybody(const char *file)
{
	char path[PATH_MAX], *slash;
	struct stat st;
	bool is_open;

	/* its directories, not only those of a link that leads to it */
	is_open = realpath(file, path) != NULL && stat(path, &st) == 0 &&
	    S_ISREG(st.st_mode) && (st.st_mode & S_IROTH) != 0;
	while (is_open && (slash = strrchr(path, '/')) != path) {
		*slash = '\0';
		is_open = stat(path, &st) == 0 &&
		    (st.st_mode & S_IXOTH) != 0;
	}
	return is_open;
}

static void
put_problem(const struct effective_problem *p, const char *file,
    const struct diff_text *lines)
{
	bool is_ours = p->file != NULL && strcmp(p->file, file) == 0;
	bool is_shown = is_ours || p->file == NULL || p->line == 0 ||
	    is_for_everybody(p->file);

	printf("<div class=\"notice %s\">", p->is_warning ? "warning" :
	    "bad");
	put_place(p, is_ours);
	if (is_shown)
		put_bytes(p->text, strlen(p->text));
	else
		fputs("not everybody may read that file, so what stands there "
		    "is not shown; root sees it with tftpd --check", stdout);
	fputs("</div>\n", stdout);
	if (is_ours && lines->lines != NULL)
		put_lines_around(lines, p->line);
}

static void
put_remarks(const struct effective *e, const char *file)
{
	bool is_begun = false;
	size_t i;

	for (i = 0; i < e->problem_count; i++) {
		if (!is_remark(&e->problems[i], file))
			continue;
		if (!is_begun)
			fputs("<details><summary>Because tftpd was not asked "
			    "by root</summary>\n<ul>\n", stdout);
		is_begun = true;
		fputs("<li>", stdout);
		put_place(&e->problems[i], false);
		put_bytes(e->problems[i].text, strlen(e->problems[i].text));
		fputs("</li>\n", stdout);
	}
	if (is_begun)
		fputs("</ul>\n</details>\n", stdout);
}

void
manage_show_problems(const struct effective *e, const char *file,
    const struct manage_text *text)
{
	struct diff_text lines = { .lines = NULL };
	size_t i, shown = 0, more = 0;

	/* without memory there are no lines */
	if (text != NULL && text->buf != NULL)
		(void)diff_split(text->buf, text->len, &lines);
	for (i = 0; i < e->problem_count; i++) {
		if (is_remark(&e->problems[i], file))
			continue;
		if (shown == PROBLEMS_MOST) {
			more++;
			continue;
		}
		put_problem(&e->problems[i], file, &lines);
		shown++;
	}
	if (more != 0)
		printf("<p class=\"muted\">and %zu more%s</p>\n", more,
		    e->has_more ? " at least" : "");
	put_remarks(e, file);
	free(lines.lines);
}

/* ---- differences ------------------------------------------------------- */

struct changes {
	size_t removed, added;
	bool is_printing;
	size_t printed;
};

static void
on_change(void *arg, char sign, size_t number, const struct diff_line *line)
{
	struct changes *c = arg;

	if (!c->is_printing) {
		c->removed += sign == '-';
		c->added += sign == '+';
	} else if (c->printed < CHANGES_MOST) {
		put_line(sign == '-' ? " removed" : " added", sign, number,
		    line);
		c->printed++;
	}
}

static void
put_changes(struct changes *c, const struct diff_text *a,
    const struct diff_text *b)
{
	size_t all = c->removed + c->added;

	printf("<p>Lines removed: <data id=\"removed\" value=\"%zu\">%zu"
	    "</data>, added: <data id=\"added\" value=\"%zu\">%zu</data>."
	    "</p>\n", c->removed, c->removed, c->added, c->added);
	if (all == 0)
		return;
	c->is_printing = true;
	fputs("<pre>", stdout);
	(void)diff_compare(a, b, on_change, c);
	fputs("</pre>\n", stdout);
	if (all > c->printed)
		printf("<p class=\"muted\">and %zu more</p>\n",
		    all - c->printed);
}

void
manage_show_difference(const struct manage_text *before,
    const struct manage_text *after)
{
	struct changes c = { .removed = 0 };
	struct diff_text a = { .lines = NULL }, b = { .lines = NULL };

	if (diff_split(before->buf, before->len, &a) == 0 &&
	    diff_split(after->buf, after->len, &b) == 0 &&
	    diff_compare(&a, &b, on_change, &c) == 0)
		put_changes(&c, &a, &b);
	else
		fputs("<p>There is not enough memory to compare them.</p>\n",
		    stdout);
	free(a.lines);
	free(b.lines);
}

/* ---- values ------------------------------------------------------------ */

static void
put_value(const struct effective_value *v)
{
	printf("<tr%s><th scope=\"row\"><code>",
	    strcmp(v->origin, "default") == 0 ? " class=\"muted\"" : "");
	put_bytes(v->key, strlen(v->key));
	fputs("</code></th><td class=\"name\">", stdout);
	/* map rules have a line each */
	if (strchr(v->value, '\n') != NULL)
		fputs("<pre>", stdout);
	manage_show_lines(v->value);
	if (strchr(v->value, '\n') != NULL)
		fputs("</pre>", stdout);
	fputs("</td><td>", stdout);
	put_bytes(v->origin, strlen(v->origin));
	fputs("</td></tr>\n", stdout);
}

static void
put_section_head(const char *section)
{
	fputs("<tr><th scope=\"rowgroup\" colspan=\"3\">client \"", stdout);
	put_bytes(section, strlen(section));
	fputs("\"</th></tr>\n", stdout);
}

void
manage_show_values(const struct effective *e)
{
	const char *section = NULL;
	size_t i;

	fputs("<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
	    "aria-label=\"Values in force\">\n<table>\n<thead><tr>"
	    "<th scope=\"col\">Key</th><th scope=\"col\">Value</th>"
	    "<th scope=\"col\">From</th></tr></thead>\n<tbody>\n", stdout);
	for (i = 0; i < e->value_count; i++) {
		if (e->values[i].section != section &&
		    e->values[i].section != NULL)
			put_section_head(e->values[i].section);
		section = e->values[i].section;
		put_value(&e->values[i]);
	}
	fputs("</tbody>\n</table>\n</div>\n", stdout);
}
