#include <stdlib.h>
#include <string.h>

#include "conf_parts.h"

#define NETS_MAX	4096	/* of all sections */

/* ---- settings to values ------------------------------------------------ */

bool
conf_is_option(const struct conf_making *m, enum conf_key key)
{
	if (key == CONF_MAP_RULES)
		key = CONF_MAP_FILE;
	return m->options.by_key[key] != NULL;
}

static bool
apply(struct conf_making *m, const struct conf_setting *s,
    struct conf_target *t)
{
	switch (s->key) {
	case CONF_ROOT: return conf_apply_root(m, s, t);
	case CONF_UPLOAD_ROOT: return conf_apply_upload_root(m, s, t);
	case CONF_MAP_FILE: return conf_apply_map_file(m, s, t);
	case CONF_MAP_RULES: return conf_apply_map_rules(m, s, t);
	default: break;
	}
	return conf_key_parse(m->own, m->report, s, t->values) &&
	    (s->key != CONF_USER || conf_check_user(m, s));
}

/* An upload-root that is "" outside of sections is as if it were not there. */
static void
note_origin(struct conf_making *m, const struct conf_setting *s,
    const struct conf_target *t)
{
	struct conf *c = &m->own->conf;

	if (s->key < CONF_IN_CLIENT)
		c->origins[s->key] = s->origin;
	else if (s->key != CONF_UPLOAD_ROOT || t->upload >= 0 ||
	    t->values != &c->values)
		t->values->origins[s->key] = s->origin;
}

/* What the level says, but for what the command line says. */
static void
apply_level(struct conf_making *m, struct conf_target *t)
{
	const struct conf_setting *s;

	for (s = t->level->first; s != NULL; s = s->next) {
		if (s->key == CONF_KEYS || (t->level != &m->options &&
		    conf_is_option(m, s->key)))
			continue;
		if (apply(m, s, t))
			note_origin(m, s, t);
	}
}

/* ---- sections ---------------------------------------------------------- */

static void
set_nets(struct conf_making *m, const struct conf_level *level,
    struct conf_section *section)
{
	struct conf_item item = { level->title, level->origin.line };
	struct conf_setting s = { .key = CONF_KEYS, .items = &item,
		.count = 1, .origin = level->origin };
	unsigned i;

	section->origin = level->origin;
	(void)conf_nets_parse(m->own, m->report, &s, "client",
	    &section->nets);
	m->nets += section->nets.count;
	if (m->nets > NETS_MAX) {
		conf_say(m->report, false, &level->origin, "client: there are "
		    "more than %d networks", NETS_MAX);
		section->nets.count = 0;
	}
	for (i = 0; i < section->nets.count; i++)
		if (!conf_check_net(m, section, i))
			return;
}

static void
make_section(struct conf_making *m, const struct conf_level *level,
    struct conf_section *section, const struct conf_target *global)
{
	struct conf_target t = { level, &section->values, global->upload };
	unsigned key;

	set_nets(m, level, section);
	section->values = *global->values;
	apply_level(m, &t);
	conf_settle_upload_root(&t);
	conf_check_values(m, &t);
	for (key = CONF_IN_CLIENT; key < CONF_KEYS; key++)
		if (level->by_key[key] != NULL &&
		    !conf_is_option(m, (enum conf_key)key))
			section->said |= CONF_BIT(key);
}

static void
make_sections(struct conf_making *m, const struct conf_target *global)
{
	struct conf *c = &m->own->conf;
	const struct conf_level *level;
	unsigned count = 0;

	for (level = m->outside.next; level != NULL; level = level->next)
		count++;
	c->sections = conf_new(m->own, (count + 1) * sizeof(*c->sections));
	if (c->sections == NULL)
		return;
	for (level = m->outside.next; level != NULL; level = level->next) {
		make_section(m, level, &c->sections[c->section_count],
		    global);
		c->section_count++;
	}
}

/* ---- the command line -------------------------------------------------- */

static void
take_args(struct conf_making *m, const struct conf_args *args)
{
	struct conf *c = &m->own->conf;

	c->listen = args->listen;
	memcpy(c->addresses, args->addresses, sizeof(c->addresses));
	c->address_count = args->address_count;
	c->ipv4_only = args->ipv4_only;
	c->ipv6_only = args->ipv6_only;
	c->pidfile = args->pidfile;
	c->verbosity = args->verbosity;
	c->to_stderr = args->to_stderr;
	c->service = args->service;
	c->is_hpa = args->file == NULL && args->dir_count != 0;
	c->is_absolute = c->is_hpa && !args->is_secure;
	c->file = args->file;
	if (args->file == NULL && args->dir_count == 0 &&
	    args->action != CONF_MAP_TEST)
		c->file = CONFFILE;
}

/* tftpd-hpa's upload rule and umask. */
static void
take_hpa(struct conf_making *m, const struct conf_args *args)
{
	struct conf_values *v = &m->own->conf.values;

	v->may_write_o_w = !args->is_read_only;
	v->umask = m->options.by_key[CONF_REQUIRE_WORLD_READABLE] != NULL ?
	    022 : 0;
}

/* The directories at the end are `root`. */
static void
take_dirs(struct conf_making *m, const struct conf_args *args)
{
	struct conf_origin at = { CONF_DIRS_FROM, 0 };
	const char *prefix = args->path_prefix == NULL ? "" :
	    args->path_prefix;
	struct conf_setting *s;
	char *path;
	unsigned i;

	if (args->dir_count == 0)
		return;
	s = conf_set(m->own, &m->options, CONF_ROOT, &at);
	for (i = 0; s != NULL && i < args->dir_count; i++) {
		path = conf_new(m->own, strlen(prefix) +
		    strlen(args->dirs[i]) + 2);
		if (path == NULL)
			return;
		sprintf(path, "%s%s%s", prefix, prefix[0] == '\0' ? "" : "/",
		    args->dirs[i]);
		if (!conf_add(m->own, s, path, strlen(path), 0))
			return;
	}
}

/* Of a list every option counts, of another key the last one. */
static void
take_options(struct conf_making *m, const struct conf_args *args)
{
	struct conf_origin at = { NULL, 0 };
	struct conf_setting *s;
	enum conf_key key;
	unsigned i;

	for (i = 0; i < args->override_count; i++) {
		key = args->overrides[i].key;
		at.where = args->overrides[i].option;
		s = m->options.by_key[key];
		if (s == NULL || !conf_row(key)->is_list) {
			conf_unset(&m->options, key);
			s = conf_set(m->own, &m->options, key, &at);
		}
		if (s == NULL || !conf_add(m->own, s,
		    args->overrides[i].text, strlen(args->overrides[i].text),
		    0))
			return;
	}
	take_dirs(m, args);
}

/* ---- all of it --------------------------------------------------------- */

static void
keep_files(struct conf_making *m)
{
	const struct conf_list *from = &m->report->files;
	struct conf_list *to = &m->own->conf.files;
	unsigned i;

	to->items = conf_new(m->own, (from->count + 1) * sizeof(*to->items));
	for (i = 0; to->items != NULL && i < from->count; i++) {
		to->items[i] = conf_copy(m->own, from->items[i],
		    strlen(from->items[i]));
		if (to->items[i] == NULL)
			return;
		to->count++;
	}
}

/*
 * After libconfuse had to stop, what it had read is still looked at, for its
 * problems; that something is missing is none then.
 */
static void
put_together(struct conf_making *m, bool is_whole)
{
	struct conf_target global = { &m->options, &m->own->conf.values, -1 };

	apply_level(m, &global);
	global.level = &m->outside;
	apply_level(m, &global);
	if (is_whole && m->own->conf.file != NULL)
		conf_default_root(m, &global);
	conf_settle_upload_root(&global);
	if (is_whole) {
		conf_check_values(m, &global);
		conf_check_server(m, &global);
	}
	make_sections(m, &global);
}

static bool
begin(struct conf_making *m, const struct conf_args *args)
{
	m->own = calloc(1, sizeof(*m->own));
	if (m->own == NULL) {
		conf_say(m->report, false, NULL, "not enough memory");
		return false;
	}
	take_args(m, args);
	conf_defaults(m->own);
	return true;
}

static struct conf *
make(const struct conf_args *args, const char *path, enum conf_trust trust,
    struct conf_report *r)
{
	struct conf_making m = { .report = r };
	unsigned before = r->errors;
	struct conf *c;
	bool is_whole = true;

	if (!begin(&m, args))
		return NULL;
	c = &m.own->conf;
	take_options(&m, args);
	if (c->is_hpa)
		take_hpa(&m, args);
	else if (c->file != NULL)
		is_whole = conf_read(m.own, r, path != NULL ? path : c->file,
		    c->file, trust, &m.outside);
	put_together(&m, is_whole);
	keep_files(&m);
	if (m.own->no_memory)
		conf_say(r, false, NULL, "not enough memory");
	else if (is_whole && r->errors == before)
		return c;
	conf_free(c);
	return NULL;
}

struct conf *
conf_make(const struct conf_args *args, struct conf_report *r)
{
	return make(args, NULL, CONF_TRUSTED_ONLY, r);
}

/* Whoever adopts a file vouches for it; its copy will be root's. */
struct conf *
conf_make_as(const struct conf_args *args, const char *path,
    struct conf_report *r)
{
	return make(args, path, CONF_ANYBODY, r);
}

/* Options that are of use yet: who serves, and where the log is. */
static void
take_usable(struct conf_making *m, const struct conf_args *args)
{
	struct conf_target t = { &m->options, &m->own->conf.values, -1 };
	const struct conf_setting *s;

	take_options(m, args);
	for (s = m->options.first; s != NULL; s = s->next) {
		if (s->key >= CONF_IN_CLIENT)
			continue;
		if (apply(m, s, &t))
			note_origin(m, s, &t);
		else if (s->key == CONF_USER)
			m->own->conf.user = NULL;
	}
}

struct conf *
conf_make_broken(const struct conf_args *args, const char *dir)
{
	struct conf_report silent = { .say = NULL };
	struct conf_making m = { .report = &silent };
	struct conf *c;

	if (!begin(&m, args))
		return NULL;
	c = &m.own->conf;
	take_usable(&m, args);
	c->is_broken = true;
	c->dirs[0] = conf_copy(m.own, dir, strlen(dir));
	c->dir_count = c->values.root_count = 1;
	conf_report_clear(&silent);
	if (!m.own->no_memory)
		return c;
	conf_free(c);
	return NULL;
}
