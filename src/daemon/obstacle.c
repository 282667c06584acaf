#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/obstacle.h"

struct walk {
	char *link, *closed;	/* what is to be said of either */
	unsigned pending;	/* components of links' texts still to come */
	struct stat last;	/* the end of the way, as far as it went */
};

static bool
may(const struct stat *st, mode_t user, mode_t group, mode_t other)
{
	mode_t bit = st->st_uid == geteuid() ? user :
	    st->st_gid == getegid() ? group : other;

	return (st->st_mode & bit) != 0;
}

/* Those that the walk shows: neither "." nor "..". */
static unsigned
count_components(const char *text)
{
	unsigned count = 0;
	size_t len;

	for (; *text != '\0'; text += len) {
		text += strspn(text, "/");
		len = strcspn(text, "/");
		if (len > 2 || (len > 0 && strncmp(text, "..", len) != 0))
			count++;
	}
	return count;
}

static void
note_step(void *arg, const struct resolve_step *step)
{
	struct walk *w = arg;

	if (step->err != 0)
		return;
	w->last = step->st;
	if (w->pending > 0)
		w->pending--;
	if (step->link != NULL) {
		w->pending += count_components(step->link);
		snprintf(w->link, OBSTACLE_MAX, "the link %.40s leads to "
		    "%.40s", step->path, step->link);
	} else if (S_ISDIR(step->st.st_mode) &&
	    !may(&step->st, S_IXUSR, S_IXGRP, S_IXOTH)) {
		snprintf(w->closed, OBSTACLE_MAX, "the directory %.48s has "
		    "mode %04o", step->path,
		    (unsigned)(step->st.st_mode & 07777));
	}
}

bool
obstacle_find(const struct resolve_root *root, const char *path, int err,
    bool is_write, char out[static OBSTACLE_MAX])
{
	char link[OBSTACLE_MAX] = "", closed[OBSTACLE_MAX] = "";
	struct walk w = { link, closed, 0, { 0 } };

	(void)resolve_walk(root, path, note_step, &w);
	out[0] = '\0';
	if (err == -ENOENT && w.pending != 0)
		snprintf(out, OBSTACLE_MAX, "%s", link);
	if (err == -EACCES && closed[0] != '\0')
		snprintf(out, OBSTACLE_MAX, "%s", closed);
	else if (err == -EACCES && is_write && w.last.st_mode != 0 &&
	    !may(&w.last, S_IWUSR, S_IWGRP, S_IWOTH))
		snprintf(out, OBSTACLE_MAX, "%s%.48s has mode %04o and is "
		    "not the service user's", S_ISDIR(w.last.st_mode) ?
		    "the directory " : "", path,
		    (unsigned)(w.last.st_mode & 07777));
	return out[0] != '\0';
}
