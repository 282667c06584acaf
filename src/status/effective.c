#include <err.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "status/effective.h"

#define PROBLEMS_MAX	1000
#define MORE_ROOM	64

static char *
copy_of(const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		err(1, NULL);
	return copy;
}

/* Room for one more: full at each multiple of MORE_ROOM. */
static void *
grown(void *items, size_t count, size_t size)
{
	if (count % MORE_ROOM != 0)
		return items;
	items = reallocarray(items, count + MORE_ROOM, size);
	if (items == NULL)
		err(1, NULL);
	return items;
}

/* ---- values ------------------------------------------------------------ */

/* What follows: "key = value<TAB># origin"; a value may have newlines. */
static const char between[] = " = ", before_origin[] = "\t# ";

/*
 * End a value, and name where it comes from.  A list of rules goes on over
 * lines that begin with a tab; in quotes there is none.
 */
static char *
cut_origin(char *value, const char **origin)
{
	char *end = strstr(value, before_origin), *next;

	if (end == NULL)
		return NULL;
	*origin = end + sizeof(before_origin) - 1;
	next = end + strcspn(end, "\n");
	if (*next != '\0')
		*next++ = '\0';
	*end = '\0';
	return next;
}

static char *
take_value(struct effective *e, char *line, const char *section)
{
	struct effective_value v = { .key = line, .section = section };
	char *value = strstr(line, between), *next;

	if (value == NULL || value > line + strcspn(line, "\n"))
		return NULL;
	*value = '\0';
	v.value = value + sizeof(between) - 1;
	next = cut_origin(value + sizeof(between) - 1, &v.origin);
	if (next == NULL)
		return NULL;
	e->values = grown(e->values, e->value_count, sizeof(v));
	e->values[e->value_count++] = v;
	return next;
}

/* client "NETWORKS" {<TAB># origin */
static char *
take_section(char *line, const char **section)
{
	char *quote = strchr(line, '"'), *end;

	*section = quote + 1;
	end = quote + 1 + strcspn(quote + 1, "\"\n");
	if (*end == '"')
		*end++ = '\0';
	return end + strcspn(end, "\n");
}

static void
take_values(struct effective *e)
{
	const char *section = NULL;
	char *at = e->out, *next;

	while (*at != '\0') {
		if (strncmp(at, "client \"", 8) == 0)
			next = take_section(at, &section);
		else if (*at == '\n' || *at == '#' || *at == '}')
			next = at + strcspn(at, "\n");
		else
			next = take_value(e, at + (*at == '\t'), section);
		if (next == NULL)
			return;
		if (*at == '}')
			section = NULL;
		at = next + (*next == '\n');
	}
}

/* ---- problems ---------------------------------------------------------- */

/* "FILE:LINE: text" or "FILE: text": a file has a slash. */
static void
cut_place(struct effective_problem *p, char *line)
{
	char *colon = strstr(line, ": "), *digits;

	p->text = line;
	if (colon == NULL || memchr(line, '/', (size_t)(colon - line)) == NULL)
		return;
	*colon = '\0';
	p->text = colon + 2;
	p->file = line;
	digits = strrchr(line, ':');
	if (digits == NULL || digits[1] == '\0' ||
	    digits[1 + strspn(digits + 1, "0123456789")] != '\0')
		return;
	*digits = '\0';
	p->line = (unsigned)strtoul(digits + 1, NULL, 10);
}

/* What sums up the others, and advice about the command line. */
static bool
is_other(const char *line)
{
	const char *errors = strstr(line, ": errors: ");

	return *line == '\0' ||
	    (errors != NULL && strstr(errors, ", warnings: ") != NULL);
}

static void
take_problem(struct effective *e, char *line)
{
	static const char warning[] = "warning: ", ours[] = "tftpd: ";
	struct effective_problem p = { .is_warning = false };

	if (is_other(line))
		return;
	if (e->problem_count == PROBLEMS_MAX) {
		e->has_more = true;
		return;
	}
	if (strncmp(line, warning, sizeof(warning) - 1) == 0) {
		p.is_warning = true;
		line += sizeof(warning) - 1;
	} else if (strncmp(line, ours, sizeof(ours) - 1) == 0) {
		p.is_warning = true;
		line += sizeof(ours) - 1;
	}
	cut_place(&p, line);
	e->problems = grown(e->problems, e->problem_count, sizeof(p));
	e->problems[e->problem_count++] = p;
}

void
effective_parse(const char *out, const char *err, struct effective *e)
{
	char *line, *rest;

	*e = (struct effective){ .out = copy_of(out), .err = copy_of(err) };
	take_values(e);
	for (rest = e->err; (line = strsep(&rest, "\n")) != NULL;)
		take_problem(e, line);
}

void
effective_free(struct effective *e)
{
	free(e->values);
	free(e->problems);
	free(e->out);
	free(e->err);
	*e = (struct effective){ .values = NULL };
}
