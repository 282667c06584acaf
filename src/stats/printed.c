#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats/printed.h"

/* The values of the file, or of a client section. */
struct scope {
	char upload_root[PRINTED_TEXT_MAX];
	char first_root[PRINTED_TEXT_MAX];
	bool may_create, may_overwrite;
	uint64_t min_free;
};

struct parsing {
	struct printed *p;
	struct scope outside, inside;
	struct scope *scope;	/* one of them */
	bool is_in_rules;	/* map-rules go over several lines */
};

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	    c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * The quoted text at *at, which is moved behind it.  Returns false when it
 * has no end or does not fit.
 */
static bool
take_text(const char **at, char out[static PRINTED_TEXT_MAX])
{
	const char *in = *at;
	size_t len = 0;

	if (*in++ != '"')
		return false;
	for (; *in != '"'; len++) {
		if (*in == '\0' || *in == '\n' || len == PRINTED_TEXT_MAX - 1)
			return false;
		if (in[0] != '\\') {
			out[len] = *in++;
		} else if (in[1] != 'x') {
			if (in[1] == '\0')
				return false;
			out[len] = in[1];
			in += 2;
		} else {
			if (hex_digit(in[2]) < 0 || hex_digit(in[3]) < 0)
				return false;
			out[len] = (char)(hex_digit(in[2]) << 4 |
			    hex_digit(in[3]));
			in += 4;
		}
	}
	out[len] = '\0';
	*at = in + 1;
	return true;
}

static bool
take_size(const char *at, uint64_t *size)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	if (*at < '0' || *at > '9')
		return false;
	*size = strtoull(at, &end, 10);
	unit = *end == '\0' ? NULL : strchr(units, *end);
	if (unit != NULL) {
		*size <<= 10 * (unit - units + 1);
		end++;
	}
	return *end == '\t' || *end == '\n' || *end == '\0';
}

static struct printed_dir *
find_dir(struct printed *p, const char *path)
{
	struct printed_dir *d;
	size_t i;

	for (i = 0; i < p->dir_count; i++)
		if (strcmp(p->dirs[i].path, path) == 0)
			return &p->dirs[i];
	if (p->dir_count == PRINTED_DIRS_MAX) {
		p->has_more = true;
		return NULL;
	}
	if (p->dirs == NULL)
		p->dirs = calloc(PRINTED_DIRS_MAX, sizeof(*p->dirs));
	if (p->dirs == NULL)
		err(1, NULL);
	d = &p->dirs[p->dir_count++];
	strcpy(d->path, path);
	return d;
}

static bool
take_roots(struct parsing *g, const char *at)
{
	char path[PRINTED_TEXT_MAX];
	bool is_first = true;

	if (*at++ != '{')
		return false;
	for (; *at == '"'; is_first = false) {
		if (!take_text(&at, path))
			return false;
		if (is_first)
			strcpy(g->scope->first_root, path);
		(void)find_dir(g->p, path);
		if (at[0] == ',' && at[1] == ' ')
			at += 2;
	}
	return *at == '}';
}

static bool
is_yes(const char *value)
{
	return strncmp(value, "yes", 3) == 0;
}

static bool
take_value(struct parsing *g, const char *key, size_t len, const char *value)
{
#define IS(name)	(len == sizeof(name) - 1 && memcmp(key, name, len) == 0)
	if (IS("user"))
		return take_text(&value, g->p->user);
	if (IS("log"))
		return take_text(&value, g->p->log);
	if (IS("root"))
		return take_roots(g, value);
	if (IS("upload-root"))
		return take_text(&value, g->scope->upload_root);
	if (IS("min-free"))
		return take_size(value, &g->scope->min_free);
	if (IS("create"))
		g->scope->may_create = is_yes(value);
	else if (IS("overwrite"))
		g->scope->may_overwrite = is_yes(value);
	else if (IS("map-rules"))
		g->is_in_rules = strcspn(value, "\n") == 1 && *value == '{';
#undef IS
	return true;
}

/* All its values are known now: do uploads go anywhere? */
static void
close_scope(struct parsing *g)
{
	const struct scope *s = g->scope;
	struct printed_dir *d;

	if (!s->may_create && !s->may_overwrite)
		return;
	d = find_dir(g->p, s->upload_root[0] != '\0' ? s->upload_root :
	    s->first_root);
	if (d == NULL)
		return;
	d->has_uploads = true;
	if (s->min_free > d->min_free)
		d->min_free = s->min_free;
}

static void
open_section(struct parsing *g)
{
	if (g->scope == &g->outside)
		close_scope(g);
	g->inside = g->outside;
	g->scope = &g->inside;
}

static bool
take_line(struct parsing *g, const char *line)
{
	size_t len;

	if (*line == '}') {
		if (!g->is_in_rules && g->scope == &g->inside)
			close_scope(g);
		g->is_in_rules = false;
		return true;
	}
	if (g->is_in_rules)
		return true;
	if (strncmp(line, "client \"", 8) == 0) {
		open_section(g);
		return true;
	}
	line += *line == '\t';
	len = strspn(line, "abcdefghijklmnopqrstuvwxyz-");
	if (len == 0 || strncmp(line + len, " = ", 3) != 0)
		return true;
	return take_value(g, line, len, line + len + 3);
}

bool
printed_parse(const char *text, struct printed *p)
{
	struct parsing g = { .p = p, .scope = &g.outside };

	*p = (struct printed){ .dirs = NULL };
	for (; *text != '\0'; text += strcspn(text, "\n"), text += *text != 0)
		if (!take_line(&g, text))
			return false;
	if (g.scope == &g.outside)
		close_scope(&g);
	return p->log[0] == '/' && p->dir_count != 0;
}

void
printed_free(struct printed *p)
{
	free(p->dirs);
	p->dirs = NULL;
	p->dir_count = 0;
}
