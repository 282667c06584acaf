/* The directories that are served: root and upload-root. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "conf_parts.h"

#define PATH_LEN_MAX	1024

/* One spelling of an absolute path; what is wrong with it, or NULL. */
static const char *
clean_dir(const char *path, char out[static PATH_LEN_MAX + 1])
{
	size_t n, len = 0;
	const char *p;

	if (path[0] != '/')
		return "is no absolute path";
	if (strlen(path) > PATH_LEN_MAX)
		return "is too long";
	if (conf_has_control(path))
		return "has a control byte";
	for (p = path; *p != '\0'; p += n) {
		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 2 && strncmp(p, "..", 2) == 0)
			return "has a \"..\" component";
		if (n == 0 || (n == 1 && *p == '.'))
			continue;
		out[len++] = '/';
		memcpy(out + len, p, n);
		len += n;
	}
	if (len == 0)
		out[len++] = '/';
	out[len] = '\0';
	return NULL;
}

/* Is it there?  What is wrong with it, or NULL. */
static const char *
look_at_dir(const char *path, char *why, size_t size)
{
	struct stat st;

	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return NULL;
		errno = ENOTDIR;
	}
	snprintf(why, size, "cannot be served (%s)", strerror(errno));
	return why;
}

/* The index of a directory among all that are served, or -1 and it is said. */
static int
dir_index(struct conf_making *m, const struct conf_setting *s,
    const struct conf_item *item)
{
	struct conf *c = &m->own->conf;
	char path[PATH_LEN_MAX + 1], why[128];
	const char *what = clean_dir(item->text, path);
	unsigned i;

	for (i = 0; what == NULL && i < c->dir_count; i++)
		if (strcmp(c->dirs[i], path) == 0)
			return (int)i;
	if (what == NULL)
		what = look_at_dir(path, why, sizeof(why));
	if (what == NULL && c->dir_count == CONF_DIRS_MAX)
		what = "is one more than the 32 different directories that "
		    "can be served";
	if (what != NULL) {
		conf_wrong(m->report, s, item, what);
		return -1;
	}
	c->dirs[i] = conf_copy(m->own, path, strlen(path));
	if (c->dirs[i] == NULL)
		return -1;
	c->dir_count++;
	return (int)i;
}

bool
conf_apply_root(struct conf_making *m, const struct conf_setting *s,
    struct conf_target *t)
{
	bool ok = true;
	unsigned i;
	int index;

	t->values->root_count = 0;
	if (s->count == 0 || s->count > CONF_ROOTS_MAX) {
		conf_say(m->report, false, &s->origin, "root: there %s; "
		    "allowed: 1 to %d directories", s->count == 0 ?
		    "is none" : "are too many", CONF_ROOTS_MAX);
		return false;
	}
	for (i = 0; i < s->count; i++) {
		index = dir_index(m, s, &s->items[i]);
		if (index >= 0)
			t->values->roots[t->values->root_count++] =
			    (uint8_t)index;
		ok = ok && index >= 0;
	}
	return ok;
}

bool
conf_apply_upload_root(struct conf_making *m, const struct conf_setting *s,
    struct conf_target *t)
{
	const struct conf_item *item = conf_single(m->report, s);

	t->upload = -1;
	if (item == NULL)
		return false;
	if (item->text[0] == '\0')
		return true;
	t->upload = dir_index(m, s, item);
	return t->upload >= 0;
}

void
conf_settle_upload_root(struct conf_target *t)
{
	t->values->upload_root = t->upload >= 0 ? (uint8_t)t->upload :
	    t->values->roots[0];
}

void
conf_default_root(struct conf_making *m, struct conf_target *t)
{
	struct conf_item item = { TFTPROOT, 0 };
	struct conf_setting s = { .key = CONF_ROOT, .items = &item,
		.count = 1, .origin = { m->own->conf.file, 0 } };
	const char *what;
	char why[128];

	if (m->outside.by_key[CONF_ROOT] != NULL ||
	    m->options.by_key[CONF_ROOT] != NULL)
		return;
	what = look_at_dir(TFTPROOT, why, sizeof(why));
	if (what == NULL)
		(void)conf_apply_root(m, &s, t);
	else
		conf_say(m->report, false, &s.origin, "root: none is given, "
		    "and " TFTPROOT " %s; it is written root = {\"DIR\"}",
		    what);
}
