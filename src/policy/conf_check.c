/* What no value alone can know: the system, the other keys and sections. */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "conf_parts.h"

bool
conf_check_user(struct conf_making *m, const struct conf_setting *s)
{
	const char *user = m->own->conf.user;
	const struct passwd *pw;

	if (user == NULL)
		return true;
	pw = getpwnam(user);
	if (pw != NULL && pw->pw_uid != 0)
		return true;
	conf_wrong(m->report, s, &s->items[0], pw == NULL ?
	    "is no user of this system" :
	    "is user 0, who does not serve");
	return false;
}

/* The last place at a level that has one of these keys, or NULL. */
static const struct conf_origin *
last_of(const struct conf_making *m, const struct conf_target *t,
    uint64_t keys)
{
	const struct conf_origin *last = NULL;
	const struct conf_setting *s;
	unsigned key;

	for (key = 0; key < CONF_KEYS; key++) {
		s = t->level->by_key[key];
		if (conf_is_option(m, (enum conf_key)key))
			s = t->level == &m->outside ?
			    m->options.by_key[key] : NULL;
		if ((keys & CONF_BIT(key)) != 0 && s != NULL &&
		    (last == NULL || s->origin.line > last->line))
			last = &s->origin;
	}
	return last;
}

void
conf_check_values(struct conf_making *m, const struct conf_target *t)
{
	const struct conf_values *v = t->values;
	const struct conf_origin *at;

	at = last_of(m, t, CONF_BIT(CONF_CREATE) | CONF_BIT(CONF_OVERWRITE) |
	    CONF_BIT(CONF_MAX_UPLOAD));
	if (at != NULL && v->max_upload == 0 &&
	    (v->may_create || v->may_overwrite))
		conf_say(m->report, true, at, "%s is on, but max-upload is 0, "
		    "so there are no uploads", v->may_create ? "create" :
		    "overwrite");
	at = last_of(m, t, CONF_BIT(CONF_CREATE) | CONF_BIT(CONF_OVERWRITE) |
	    CONF_BIT(CONF_UPLOAD_NAMES));
	if (at != NULL && v->upload_names == CONF_UPLOAD_UNIQUE &&
	    v->may_overwrite && !v->may_create)
		conf_say(m->report, true, at, "upload-names = unique needs "
		    "create = yes; with overwrite alone there are no uploads");
}

/* A log that can never be made: the server would run without records. */
static void
check_log(struct conf_making *m)
{
	const char *path = m->own->conf.log_path, *slash;
	const struct conf_origin *at = &m->own->conf.origins[CONF_LOG];
	char dir[PATH_MAX];
	struct stat st;

	slash = strrchr(path, '/');
	if (slash == NULL || slash[1] == '\0' ||
	    (stat(path, &st) == 0 && !S_ISREG(st.st_mode))) {
		conf_say(m->report, false, at, "log: \"%.400s\" is a "
		    "directory or the like; allowed: the path of a file",
		    path);
		return;
	}
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	if (stat(dir, &st) == -1 ? errno == ENOTDIR : !S_ISDIR(st.st_mode))
		conf_say(m->report, false, at, "log: \"%.400s\" is below "
		    "something that is no directory", path);
}

void
conf_check_server(struct conf_making *m, const struct conf_target *t)
{
	const struct conf *c = &m->own->conf;
	const struct conf_origin *at;

	at = last_of(m, t, CONF_BIT(CONF_MAX_TRANSFERS) |
	    CONF_BIT(CONF_MAX_TRANSFERS_PER_CLIENT));
	if (at != NULL && c->max_transfers_per_client > c->max_transfers)
		conf_say(m->report, true, at, "max-transfers-per-client, %u, "
		    "is more than max-transfers, %u",
		    c->max_transfers_per_client, c->max_transfers);
	check_log(m);
	at = last_of(m, t, CONF_BIT(CONF_SINGLE_PORT) |
	    CONF_BIT(CONF_PORT_RANGE));
	if (at != NULL && c->single_port && c->values.port_first != 0)
		conf_say(m->report, true, at, "port-range has no meaning "
		    "with single-port");
	if (c->allow_clients.count == 0)
		conf_say(m->report, true, &c->origins[CONF_ALLOW_CLIENTS],
		    "allow-clients: the list is empty, so nobody may ask");
}

bool
conf_check_net(struct conf_making *m, const struct conf_section *section,
    unsigned net)
{
	const struct conf_section *s;
	char text[CIDR_TEXT_MAX];
	unsigned i, count;

	for (s = m->own->conf.sections; s <= section; s++) {
		count = s == section ? net : s->nets.count;
		for (i = 0; i < count; i++) {
			if (!cidr_equal(&s->nets.items[i],
			    &section->nets.items[net]))
				continue;
			cidr_text(&s->nets.items[i], text);
			conf_say(m->report, false, &section->origin,
			    "client: %s stands in %.400s:%u, too", text,
			    s->origin.where, s->origin.line);
			return false;
		}
	}
	return true;
}
