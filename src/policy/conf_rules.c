/* map-file and map-rules, of which a level has one. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf_parts.h"

struct complaints {
	struct conf_making *m;
	const struct conf_setting *setting;	/* of map-rules, or NULL */
	const char *path;			/* of a map file */
};

static void
on_rule(void *arg, unsigned line, bool is_warning, const char *text)
{
	struct complaints *x = arg;
	struct conf_origin at = { x->path, line };

	if (x->setting == NULL) {
		conf_say(x->m->report, is_warning, &at, "%s", text);
		return;
	}
	at = x->setting->origin;
	if (line >= 1 && line <= x->setting->count)
		at.line = x->setting->items[line - 1].line;
	conf_say(x->m->report, is_warning, &at, "map-rules: %s", text);
}

static const struct maprules *
compile(struct complaints *x, const char *path, const char *text, size_t len)
{
	struct conf_rules *rules = conf_new(x->m->own, sizeof(*rules));

	if (rules == NULL)
		return NULL;
	rules->map = maprules_compile(text, len, on_rule, x);
	if (rules->map == NULL)
		return NULL;
	rules->path = path;
	rules->next = x->m->own->rules;
	x->m->own->rules = rules;
	return rules->map;
}

static const struct maprules *
compile_file(struct conf_making *m, const struct conf_origin *at,
    const char *path)
{
	struct complaints x = { .m = m, .path = path };
	const struct maprules *map;
	struct conf_rules *known;
	struct stat st;
	size_t len;
	char *text;

	for (known = m->own->rules; known != NULL; known = known->next)
		if (known->path != NULL && strcmp(known->path, path) == 0)
			return known->map;
	text = conf_load(m->report, at, "map-file", path, path,
	    CONF_TRUSTED_ONLY, &len, &st);
	if (text == NULL)
		return NULL;
	map = compile(&x, path, text, len);
	free(text);
	return map;
}

/* Whether the other key of the two is the one that counts at this level. */
static bool
is_beside(const struct conf_level *level, const struct conf_setting *s)
{
	const struct conf_setting *other = level->by_key[
	    s->key == CONF_MAP_FILE ? CONF_MAP_RULES : CONF_MAP_FILE];

	return other != NULL && other->count != 0 &&
	    (other->key == CONF_MAP_RULES || other->items[0].text[0] != '\0');
}

/* The key is there and empty: no rules, unless the other key has them. */
static void
set_none(const struct conf_setting *s, struct conf_target *t)
{
	if (is_beside(t->level, s))
		return;
	t->values->map = NULL;
	t->values->map_file = NULL;
}

bool
conf_apply_map_file(struct conf_making *m, const struct conf_setting *s,
    struct conf_target *t)
{
	const struct conf_item *item = conf_single(m->report, s);
	const char *path;

	if (item == NULL)
		return false;
	if (item->text[0] == '\0') {
		set_none(s, t);
		return true;
	}
	if (is_beside(t->level, s)) {
		conf_say(m->report, false, &s->origin, "map-file: map-rules "
		    "stand in line %u; only one of the two can be used",
		    t->level->by_key[CONF_MAP_RULES]->origin.line);
		return false;
	}
	path = s->origin.line == 0 ?
	    conf_copy(m->own, item->text, strlen(item->text)) :
	    conf_beside(m->own, s->origin.where, item->text);
	if (path == NULL)
		return false;
	t->values->map_file = path;
	t->values->map = compile_file(m, &s->origin, path);
	return t->values->map != NULL;
}

/* The items as the lines of a file; *len bytes, free() them. */
static char *
join(struct conf_making *m, const struct conf_setting *s, size_t *len)
{
	size_t room = 1;
	unsigned i;
	char *text;

	for (i = 0; i < s->count; i++) {
		room += strlen(s->items[i].text) + 1;
		if (strpbrk(s->items[i].text, "\r\n") == NULL)
			continue;
		conf_wrong(m->report, s, &s->items[i], "has a line end");
		return NULL;
	}
	text = malloc(room);
	if (text == NULL) {
		m->own->no_memory = true;
		return NULL;
	}
	for (*len = 0, i = 0; i < s->count; i++)
		*len += (size_t)sprintf(text + *len, "%s\n",
		    s->items[i].text);
	return text;
}

bool
conf_apply_map_rules(struct conf_making *m, const struct conf_setting *s,
    struct conf_target *t)
{
	struct complaints x = { .m = m, .setting = s };
	size_t len = 0;
	char *text;

	if (s->count == 0) {
		set_none(s, t);
		return true;
	}
	text = join(m, s, &len);
	if (text == NULL)
		return false;
	t->values->map_file = NULL;
	t->values->map = compile(&x, NULL, text, len);
	free(text);
	return t->values->map != NULL;
}
