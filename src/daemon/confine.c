#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "daemon/confine.h"
#include "os/callfilter.h"
#include "os/callgate.h"
#include "os/landlock.h"
#include "os/memory.h"
#include "os/process.h"

static int
failed(const char *what, int err, char *why, size_t size)
{
	snprintf(why, size, "%s: %s", what, strerror(-err));
	return err;
}

static int
open_dir(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd == -1 ? -errno : fd;
}

/* ---- what is served --------------------------------------------------- */

#ifndef INSTRUMENTED
/* Could an upload of anybody go into a directory? */
static bool
takes_uploads(const struct conf_values *v)
{
	return v->max_upload != 0 &&
	    (v->may_create || v->may_overwrite || v->may_write_o_w);
}

static bool
is_upload_root(const struct conf *c, const struct conf_values *v,
    unsigned index)
{
	unsigned i;

	if (!takes_uploads(v))
		return false;
	if (!c->is_absolute)
		return v->upload_root == index;
	/* the name says which */
	for (i = 0; i < v->root_count; i++)
		if (v->roots[i] == index)
			return true;
	return false;
}

static bool
is_written(const struct conf *c, unsigned index)
{
	bool yes = is_upload_root(c, &c->values, index);
	unsigned i;

	for (i = 0; i < c->section_count && !yes; i++)
		yes = is_upload_root(c, &c->sections[i].values, index);
	return yes;
}
#endif

/* A file that stands there may be written, and its directory perhaps not. */
static bool
replaces(const struct conf_values *v)
{
	return v->max_upload != 0 && (v->may_overwrite || v->may_write_o_w);
}

static bool
wants_spool(const struct conf *c)
{
	bool yes = replaces(&c->values);
	unsigned i;

	for (i = 0; i < c->section_count && !yes; i++)
		yes = replaces(&c->sections[i].values);
	return yes;
}

/* Without one, files that stand in closed directories are not written. */
static void
open_spool(struct service *s)
{
	char path[SERVICE_SPOOL_MAX];

	s->spool_fd = -1;
	/* without Landlock a way out of the chroot */
	if (!wants_spool(s->conf) || s->state_dir[0] == '\0' ||
	    (s->walls.change_root && landlock_version() == 0))
		return;
	service_spool_path(s, path);
	s->spool_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
}

/* While we may: the service user is perhaps not let in. */
static int
open_roots(struct service *s, char *why, size_t size)
{
	const struct conf *c = s->conf;
	unsigned i;

	for (i = 0; i < c->dir_count; i++) {
		s->root_fds[i] = open_dir(c->dirs[i]);
		if (s->root_fds[i] < 0)
			return failed(c->dirs[i], s->root_fds[i], why, size);
	}
	return 0;
}

/* ---- walls ------------------------------------------------------------ */

#ifndef INSTRUMENTED
static int
bound_files(struct service *s)
{
	struct landlock_place places[CONF_DIRS_MAX + 1];
	const struct conf *c = s->conf;
	unsigned i;

	/* without a configuration there is nothing to be reached */
	for (i = 0; i < c->dir_count && !c->is_broken; i++)
		places[i] = (struct landlock_place){ .fd = s->root_fds[i],
			.may_write = is_written(c, i) };
	if (s->spool_fd != -1)
		places[i++] = (struct landlock_place){ .fd = s->spool_fd,
			.may_write = true };
	return landlock_confine(places, i);
}
#endif

static int
enter_landlock(struct service *s, char *text, size_t text_size, char *why,
    size_t size)
{
#ifdef INSTRUMENTED
	/* sanitizers and gcov open files when they end */
	(void)s;
	(void)why;
	(void)size;
	snprintf(text, text_size, "no Landlock (instrumented)");
	return 0;
#else
	int version = landlock_version(), err;

	err = version == 0 ? -EOPNOTSUPP : bound_files(s);
	if (err == 0) {
		snprintf(text, text_size, "Landlock %d", version);
		return 0;
	}
	snprintf(text, text_size, "no Landlock (%s)", strerror(-err));
	/* who refuses every request opens no file */
	if (s->conf->sandbox == CONF_SANDBOX_PREFER || s->conf->is_broken)
		return 0;
	return failed("Landlock (sandbox = prefer does without)", err, why,
	    size);
#endif
}

/* ---- system calls ----------------------------------------------------- */

#ifndef INSTRUMENTED
/* The dispatcher's own, and what is ready for its transfers. */
struct programs {
	struct callfilter service, gates;
	struct callfilter ready[SERVICE_FILTERS];
};

static bool
serves_uploads(const struct conf *c)
{
	bool yes = takes_uploads(&c->values);
	unsigned i;

	for (i = 0; i < c->section_count && !yes; i++)
		yes = takes_uploads(&c->sections[i].values);
	return yes;
}

/* 0 or -errno. */
static int
build_programs(const struct service *s, struct programs *p)
{
	static const enum callfilter_role roles[SERVICE_FILTERS] = {
		[SERVICE_FILTER_READ] = CALLFILTER_READ,
		[SERVICE_FILTER_WRITE] = CALLFILTER_WRITE,
	};
	struct callfilter_wish wish = {
		.role = CALLFILTER_SERVICE,
		.takes_uploads = serves_uploads(s->conf),
		.single_port = s->conf->single_port,
	};
	uintptr_t first[CALLGATE_COUNT], end[CALLGATE_COUNT];
	unsigned i;
	int err;

	err = callfilter_build(&wish, &p->service);
	for (i = 0; i < CALLGATE_COUNT; i++)
		callgate_range((enum callgate)i, &first[i], &end[i]);
	if (err == 0 && callgate_exists())
		err = callfilter_build_gates(&wish, first, end, &p->gates);
	for (i = 0; i < SERVICE_FILTERS && err == 0; i++) {
		wish.role = roles[i];
		err = callfilter_build(&wish, &p->ready[i]);
	}
	return err;
}

/*
 * In a child: what libseccomp needs of the heap would be copied by each fork
 * that is to come.  0 or -errno.
 */
static int
build_aside(const struct service *s, struct programs *p)
{
	int status, err = memory_show(p, sizeof(*p), true);
	pid_t pid;

	if (err != 0)
		return err;
	pid = process_fork();
	if (pid == -1)
		return -errno;
	if (pid == 0)
		_exit(-build_programs(s, p));
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* The last of the dispatcher's walls.  0 or -errno. */
static int
bound_calls(struct service *s, struct programs *p)
{
	int tries, err = -ECHILD;

	/* somebody may kill that child */
	for (tries = 0; tries < 3 && err == -ECHILD; tries++)
		err = build_aside(s, p);
	if (err == 0)
		err = memory_freeze(p, sizeof(*p));
	if (err == 0)
		err = callfilter_install(&p->service);
	if (err == 0 && callgate_exists())
		err = callfilter_install(&p->gates);
	if (err == 0)
		s->filters = p->ready;
	return err;
}
#endif

static void
add_wall(struct service *s, const char *wall, const char *why_not)
{
	size_t len = strlen(s->walls_text);

	snprintf(s->walls_text + len, sizeof(s->walls_text) - len,
	    why_not == NULL ? ", %s" : ", no %s (%s)", wall, why_not);
}

int
confine_calls(struct service *s, char *why, size_t size)
{
#ifdef INSTRUMENTED
	/* valgrind does not know it, and sanitizers call what they like */
	(void)why;
	(void)size;
	add_wall(s, "seccomp", "instrumented");
	return 0;
#else
	struct programs *p = memory_get_shared(sizeof(*p));
	int err = p == NULL ? -ENOMEM : bound_calls(s, p);

	if (err == 0) {
		add_wall(s, callgate_exists() ? "seccomp with gates" :
		    "seccomp", NULL);
		return 0;
	}
	if (err == -EAGAIN)
		return failed("no process to build the filters in (ulimit -u)",
		    err, why, size);
	add_wall(s, "seccomp", strerror(-err));
	if (s->conf->sandbox == CONF_SANDBOX_PREFER)
		return 0;
	return failed("seccomp (sandbox = prefer does without)", err, why,
	    size);
#endif
}

/* ---- all of it -------------------------------------------------------- */

/* The only directory is the working one by now: a descriptor less. */
static void
stand_in_root(struct service *s)
{
	close(s->root_fds[0]);
	s->root_fds[0] = AT_FDCWD;
}

/* Without it no name is looked up: better to know it now. */
static int
probe_openat2(const struct service *s, char *why, size_t size)
{
#ifndef INSTRUMENTED
	const struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT,
	};
	int fd, err;

	if (s->conf->dir_count == 0)
		return 0;
	fd = callgate_openat2(s->root_fds[0], ".", &how);
	err = errno;
	if (fd != -1)
		close(fd);
	else if (err == ENOSYS || err == EPERM)
		return failed("openat2 (Linux 5.6, and a container must not "
		    "take it away)", -err, why, size);
#else
	(void)s;
	(void)why;
	(void)size;
#endif
	return 0;
}

int
confine_enter(struct service *s, char *why, size_t size)
{
	char missing[96] = "", landlock[64] = "";
	int err;

	open_spool(s);
	err = open_roots(s, why, size);
	if (err == 0)
		err = sandbox_enter(&s->walls, missing, sizeof(missing), why,
		    size);
	if (err == 0)
		err = enter_landlock(s, landlock, sizeof(landlock), why,
		    size);
	if (err == 0)
		err = probe_openat2(s, why, size);
	if (err != 0)
		return err;
	if (s->conf->dir_count == 1)
		stand_in_root(s);
	snprintf(s->walls_text, sizeof(s->walls_text),
	    "%s, user %s, %s, no_new_privs, %s%s%s",
#ifdef INSTRUMENTED
	    "no chroot (instrumented)",
#else
	    s->walls.change_root ? "chroot" : "no chroot (not root)",
#endif
	    s->user_text, s->walls.keep_bind ? "only CAP_NET_BIND_SERVICE" :
	    "no capabilities", landlock, missing[0] == '\0' ? "" :
	    ", without ", missing);
	return 0;
}
