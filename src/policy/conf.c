#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conf_parts.h"

#define CHUNK_SIZE	8192

/* Memory that is only ever given back as a whole. */
struct conf_chunk {
	struct conf_chunk *next;
	size_t used, size;
	max_align_t bytes[];
};

/* ---- memory ------------------------------------------------------------ */

void *
conf_new(struct conf_own *own, size_t size)
{
	struct conf_chunk *c = own->chunks;
	size_t room;

	size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
	if (c == NULL || c->size - c->used < size) {
		room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
		c = calloc(1, sizeof(*c) + room);
		if (c == NULL) {
			own->no_memory = true;
			return NULL;
		}
		c->size = room;
		c->next = own->chunks;
		own->chunks = c;
	}
	c->used += size;
	return (char *)c->bytes + c->used - size;
}

char *
conf_copy(struct conf_own *own, const char *text, size_t len)
{
	char *copy = conf_new(own, len + 1);

	if (copy != NULL)
		memcpy(copy, text, len);
	return copy;
}

char *
conf_beside(struct conf_own *own, const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');
	size_t dir = slash == NULL || name[0] == '/' ? 0 :
	    (size_t)(slash - file) + 1;
	char *path = conf_new(own, dir + strlen(name) + 1);

	if (path != NULL) {
		memcpy(path, file, dir);
		strcpy(path + dir, name);
	}
	return path;
}

void
conf_free(struct conf *c)
{
	struct conf_own *own = (struct conf_own *)c;
	struct conf_chunk *chunk, *next;
	struct conf_rules *rules;

	if (c == NULL)
		return;
	for (rules = own->rules; rules != NULL; rules = rules->next)
		maprules_free(rules->map);
	for (chunk = own->chunks; chunk != NULL; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(own);
}

/* ---- settings ---------------------------------------------------------- */

struct conf_setting *
conf_set(struct conf_own *own, struct conf_level *level, enum conf_key key,
    const struct conf_origin *origin)
{
	struct conf_setting *s = conf_new(own, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->key = key;
	s->origin = *origin;
	if (level->last == NULL)
		level->first = s;
	else
		level->last->next = s;
	level->last = s;
	level->by_key[key] = s;
	return s;
}

void
conf_unset(struct conf_level *level, enum conf_key key)
{
	if (level->by_key[key] != NULL)
		level->by_key[key]->key = CONF_KEYS;
	level->by_key[key] = NULL;
}

bool
conf_add(struct conf_own *own, struct conf_setting *s, const char *text,
    size_t len, unsigned line)
{
	unsigned room = s->room == 0 ? 4 : 2 * s->room;
	struct conf_item *items;
	char *copy;

	if (s->count == s->room) {
		items = conf_new(own, room * sizeof(*items));
		if (items == NULL)
			return false;
		if (s->count != 0)
			memcpy(items, s->items, s->count * sizeof(*items));
		s->items = items;
		s->room = room;
	}
	copy = conf_copy(own, text, len);
	if (copy == NULL)
		return false;
	s->items[s->count++] = (struct conf_item){ copy, line };
	return true;
}

/* ---- complaints -------------------------------------------------------- */

void
conf_say(struct conf_report *r, bool is_warning, const struct conf_origin *at,
    const char *fmt, ...)
{
	char line[1024];
	int len = 0;
	va_list ap;
	char *p;

	if (at != NULL && at->where != NULL)
		len = at->line == 0 ?
		    snprintf(line, sizeof(line), "%.400s: ", at->where) :
		    snprintf(line, sizeof(line), "%.400s:%u: ", at->where,
		    at->line);
	va_start(ap, fmt);
	vsnprintf(line + len, sizeof(line) - (size_t)len, fmt, ap);
	va_end(ap);
	for (p = line; *p != '\0'; p++)
		if (conf_is_control(*p))
			*p = '?';
	if (is_warning) {
		r->warnings++;
	} else if (r->errors++ == 0) {
		len = (int)strnlen(line, sizeof(r->first) - 1);
		memcpy(r->first, line, (size_t)len);
		r->first[len] = '\0';
	}
	if (r->say != NULL)
		r->say(r->arg, is_warning, line);
}

void
conf_note_file(struct conf_report *r, const char *path)
{
	char **items, *copy;
	unsigned i;

	for (i = 0; i < r->files.count; i++)
		if (strcmp(r->files.items[i], path) == 0)
			return;
	copy = strdup(path);
	items = realloc(r->files.items, (i + 1) * sizeof(*items));
	if (items != NULL)
		r->files.items = items;
	if (items == NULL || copy == NULL) {
		free(copy);
		return;
	}
	items[i] = copy;
	r->files.count++;
}

void
conf_report_clear(struct conf_report *r)
{
	unsigned i;

	for (i = 0; i < r->files.count; i++)
		free(r->files.items[i]);
	free(r->files.items);
	r->files = (struct conf_list){ NULL, 0 };
	r->errors = r->warnings = 0;
	r->first[0] = '\0';
}

/* ---- questions --------------------------------------------------------- */

/* The longest prefix of those that match, or -1. */
static int
longest(const struct conf_nets *nets, const struct cidr_addr *client)
{
	int most = -1;
	unsigned i;

	for (i = 0; i < nets->count; i++)
		if (nets->items[i].prefix > most &&
		    cidr_match(&nets->items[i], client))
			most = nets->items[i].prefix;
	return most;
}

const struct conf_section *
conf_section_for(const struct conf *c, const struct cidr_addr *client)
{
	const struct conf_section *found = NULL;
	int most = -1, prefix;
	unsigned i;

	for (i = 0; i < c->section_count; i++) {
		prefix = longest(&c->sections[i].nets, client);
		if (prefix > most) {
			most = prefix;
			found = &c->sections[i];
		}
	}
	return found;
}

const struct conf_values *
conf_for(const struct conf *c, const struct cidr_addr *client)
{
	const struct conf_section *section = conf_section_for(c, client);

	return section != NULL ? &section->values : &c->values;
}

bool
conf_allows(const struct conf *c, const struct cidr_addr *client,
    struct conf_origin *origin)
{
	int allow = longest(&c->allow_clients, client);
	int deny = longest(&c->deny_clients, client);
	bool is_denied = deny >= 0 && deny >= allow;

	*origin = c->origins[is_denied ? CONF_DENY_CLIENTS :
	    CONF_ALLOW_CLIENTS];
	return !is_denied && allow >= 0;
}

const char *
conf_origin_text(const struct conf *c, const struct conf_values *v,
    enum conf_key key, char out[static CONF_ORIGIN_MAX])
{
	const struct conf_origin *o = key < CONF_IN_CLIENT ?
	    &c->origins[key] : &v->origins[key];

	if (o->where == NULL)
		snprintf(out, CONF_ORIGIN_MAX, "default");
	else if (o->line == 0)
		snprintf(out, CONF_ORIGIN_MAX, "%s", o->where);
	else
		snprintf(out, CONF_ORIGIN_MAX, "%.*s:%u",
		    CONF_ORIGIN_MAX - 16, o->where, o->line);
	return out;
}

const char *
conf_key_name(enum conf_key key)
{
	return conf_row(key)->name;
}

static bool
wants_mac(const struct conf_values *v)
{
	return v->client_dir == CONF_CLIENT_DIR_MAC ||
	    (v->map != NULL && maprules_wants_mac(v->map));
}

bool
conf_wants_mac(const struct conf *c)
{
	unsigned i;

	for (i = 0; i < c->section_count; i++)
		if (wants_mac(&c->sections[i].values))
			return true;
	return wants_mac(&c->values);
}
