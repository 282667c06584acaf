#include <stdarg.h>
#include <string.h>

#include "daemon/trail.h"

#define INDENT "                     "

static void __attribute__((format(printf, 3, 0)))
say(struct trail *t, const char *what, const char *fmt, va_list ap)
{
	fprintf(t->out, "%2u. %-16s ", ++t->step, what);
	vfprintf(t->out, fmt, ap);
}

void
trail_say(struct trail *t, const char *what, const char *fmt, ...)
{
	va_list ap;

	if (t == NULL)
		return;
	va_start(ap, fmt);
	say(t, what, fmt, ap);
	va_end(ap);
	fputc('\n', t->out);
}

void
trail_say_by(struct trail *t, const struct access_rules *r,
    enum conf_key key, const char *what, const char *fmt, ...)
{
	char origin[CONF_ORIGIN_MAX];
	va_list ap;

	if (t == NULL)
		return;
	va_start(ap, fmt);
	say(t, what, fmt, ap);
	va_end(ap);
	fprintf(t->out, " (%s)\n", conf_origin_text(r->conf, r->values, key,
	    origin));
}

/* As ls(1) begins its lines. */
static char
type_letter(mode_t mode)
{
	return S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : S_ISREG(mode) ?
	    '-' : S_ISFIFO(mode) ? 'p' : S_ISSOCK(mode) ? 's' : '?';
}

static void
say_step(void *arg, const struct resolve_step *step)
{
	struct trail *t = arg;

	if (step->err != 0 && step->st.st_mode == 0) {
		fprintf(t->out, INDENT "%s: %s\n", step->path,
		    strerror(-step->err));
		return;
	}
	fprintf(t->out, INDENT "%s: %c%04o, user %u, group %u", step->path,
	    type_letter(step->st.st_mode),
	    (unsigned)(step->st.st_mode & 07777),
	    (unsigned)step->st.st_uid, (unsigned)step->st.st_gid);
	if (step->link != NULL)
		fprintf(t->out, " -> %s", step->link);
	if (step->err != 0)
		fprintf(t->out, ": %s", strerror(-step->err));
	fputc('\n', t->out);
}

void
trail_walk(struct trail *t, const struct resolve_root *root,
    const char *path)
{
	if (t != NULL)
		(void)resolve_walk(root, path, say_step, t);
}
