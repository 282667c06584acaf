#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "manage_parts.h"
#include "os/clock.h"
#include "os/diag.h"

#define LOCK_LIMIT_US	(UINT64_C(5) * 1000000)
#define LOCK_LOOK_NS	20000000L

/* False: it is too long, which the settings do not let it be. */
static bool
name_file(const struct settings *s, const char *name,
    char path[static MANAGE_PATH_MAX])
{
	return (size_t)snprintf(path, MANAGE_PATH_MAX, "%s/%s", s->state,
	    name) < MANAGE_PATH_MAX;
}

int
manage_lock(const struct settings *s)
{
	const struct timespec wait = { 0, LOCK_LOOK_NS };
	uint64_t deadline = clock_mono_us() + LOCK_LIMIT_US;
	char path[MANAGE_PATH_MAX];
	int fd, err;

	if (!name_file(s, "manage.lock", path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -errno;
	while (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		err = errno == EWOULDBLOCK && clock_mono_us() >= deadline ?
		    EBUSY : errno;
		if (err != EWOULDBLOCK && err != EINTR) {
			close(fd);
			return -err;
		}
		(void)nanosleep(&wait, NULL);
	}
	return fd;
}

/* ---- drafts ------------------------------------------------------------ */

static int
write_file(const char *path, const char *buf, size_t len)
{
	int fd, err = 0;
	ssize_t n;

	/* left by one that was killed */
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return -errno;
	n = write(fd, buf, len);
	if (n != (ssize_t)len)
		err = n == -1 ? -errno : -ENOSPC;
	else if (fsync(fd) == -1)
		err = -errno;
	close(fd);
	return err;
}

int
manage_draft(const struct settings *s, const struct manage_text *t,
    char path[static MANAGE_PATH_MAX])
{
	if (!name_file(s, "draft.conf", path))
		return -ENAMETOOLONG;
	return write_file(path, t->buf, t->len);
}

void
manage_drop_draft(const struct settings *s)
{
	char path[MANAGE_PATH_MAX];

	if (name_file(s, "draft.conf", path))
		(void)unlink(path);
}

/* ---- what is staged ---------------------------------------------------- */

/* Who, before what: whoever looks between the two sees the one before. */
static int
write_who(const struct manage_visit *v)
{
	char path[MANAGE_PATH_MAX], text[256];
	int len = snprintf(text, sizeof(text), "%s %s\n", v->user, v->peer);

	return name_file(v->settings, "staged.by", path) ?
	    write_file(path, text, (size_t)len) : -ENAMETOOLONG;
}

int
manage_stage(const struct manage_visit *v)
{
	char draft[MANAGE_PATH_MAX], staged[MANAGE_PATH_MAX];
	int err;

	if (!name_file(v->settings, "draft.conf", draft) ||
	    !name_file(v->settings, "staged.conf", staged))
		return -ENAMETOOLONG;
	err = write_who(v);
	if (err == 0 && (chmod(draft, 0640) == -1 ||
	    rename(draft, staged) == -1))
		err = -errno;
	if (err == 0)
		diag_log(DIAG_WARNING, "management: \"%s\" from %s staged %s",
		    v->user, v->peer, staged);
	return err;
}

int
manage_discard(const struct settings *s)
{
	char path[MANAGE_PATH_MAX];

	if (!name_file(s, "staged.conf", path))
		return -ENAMETOOLONG;
	return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}

static void
read_who(const struct settings *s, struct manage_staged *g)
{
	char path[MANAGE_PATH_MAX], text[256];
	size_t len;
	FILE *f;

	if (!name_file(s, "staged.by", path))
		return;
	f = fopen(path, "re");
	if (f == NULL)
		return;
	if (fgets(text, sizeof(text), f) != NULL) {
		text[strcspn(text, "\n")] = '\0';
		len = strcspn(text, " ");
		snprintf(g->user, sizeof(g->user), "%.*s", (int)len, text);
		snprintf(g->peer, sizeof(g->peer), "%s",
		    text + len + (text[len] == ' '));
	}
	fclose(f);
}

void
manage_look_staged(const struct settings *s, struct manage_staged *g)
{
	struct stat st;

	*g = (struct manage_staged){ .is_there = false };
	if (!name_file(s, "staged.conf", g->path) ||
	    lstat(g->path, &st) == -1 || !S_ISREG(st.st_mode))
		return;
	g->is_there = true;
	/* a rename leaves the time at which the draft was written */
	g->since_us = (uint64_t)st.st_mtim.tv_sec * 1000000 +
	    (uint64_t)st.st_mtim.tv_nsec / 1000;
	read_who(s, g);
}
