#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <link.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "os/diag.h"
#include "os/landlock.h"
#include "stats/command.h"
#include "stats/rollup.h"
#include "status/ask.h"
#include "status/walls.h"
#include "walls_parts.h"

#define MIB		((rlim_t)1024 * 1024)
#define FRONT_MEMORY	(256 * MIB)
#define FRONT_CPU_S	20
#define FRONT_FILES	32
#define BACK_MEMORY	(1024 * MIB)	/* what a report over a year needs */
#define BACK_CPU_S	30
#define BACK_FILES	1024		/* rotated logs are open at once */
#define BACK_WRITES	(64 * MIB)	/* a body, or the state */
#define STATE_MODE	0750
#define PLACES_MAX	16

static int
failed(const char *step, int err, char *why, size_t size)
{
	snprintf(why, size, "%s: %s", step, strerror(-err));
	return err;
}

const char *
walls_text(void)
{
#if defined(INSTRUMENTED)
	return "instrumented: without Landlock and seccomp, not for service";
#elif defined(CALL_TRAP)
	return "forbidden system calls are named in syslog, not for service";
#else
	return "with Landlock, seccomp by libseccomp";
#endif
}

/* ---- limits ----------------------------------------------------------- */

/* Never more than it was.  0 or -errno. */
static int
limit(int resource, rlim_t most)
{
	struct rlimit size;

	if (getrlimit((__rlimit_resource_t)resource, &size) == -1)
		return -errno;
	if (size.rlim_max > most)
		size.rlim_max = most;
	if (size.rlim_cur > size.rlim_max)
		size.rlim_cur = size.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &size) == -1 ?
	    -errno : 0;
}

struct bound {
	int resource;
	rlim_t most;
};

static int
limit_all(const struct bound *bounds, size_t count, char *why, size_t size)
{
	int err = 0;
#ifndef INSTRUMENTED	/* sanitizers want all the memory there is */
	size_t i;

	for (i = 0; i < count && err == 0; i++)
		err = limit(bounds[i].resource, bounds[i].most);
#else
	(void)bounds;
	(void)count;
#endif
	return err == 0 ? 0 : failed("limits", err, why, size);
}

/* ---- user and capabilities -------------------------------------------- */

/* A directory of the service's own; counters are not kept without one. */
static void
make_state(const char *path, uid_t uid, gid_t gid)
{
	int fd;

	if (mkdir(path, STATE_MODE) == -1 || geteuid() != 0)
		return;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return;
	(void)!fchown(fd, uid, gid);
	close(fd);
}

static int
become(const struct passwd *pw, char *why, size_t size)
{
	if (initgroups(pw->pw_name, pw->pw_gid) == -1)
		return failed("initgroups", -errno, why, size);
	if (setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1)
		return failed("setresgid", -errno, why, size);
	if (setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
		return failed("setresuid", -errno, why, size);
	return 0;
}

static int
change_user(const struct settings *s, char *why, size_t size)
{
	const struct passwd *pw;

	if (geteuid() != 0 && getuid() != 0) {
		make_state(s->state, (uid_t)-1, (gid_t)-1);
		return 0;
	}
	errno = 0;
	pw = getpwnam(s->user);
	if (pw == NULL) {
		snprintf(why, size, "--user %s: %s", s->user, errno == 0 ?
		    "there is no such user; useradd --system --groups adm "
		    "--shell /usr/sbin/nologin NAME" : strerror(errno));
		return -ENOENT;
	}
	if (pw->pw_uid == 0) {
		snprintf(why, size, "--user %s: is root, who does not serve",
		    s->user);
		return -EPERM;
	}
	make_state(s->state, pw->pw_uid, pw->pw_gid);
	return become(pw, why, size);
}

/* Without CAP_SETPCAP it stays, and no_new_privs makes it idle. */
static void
empty_bounds(void)
{
	unsigned long each;

	for (each = 0; prctl(PR_CAPBSET_READ, each, 0, 0, 0) >= 0; each++)
		(void)prctl(PR_CAPBSET_DROP, each, 0, 0, 0);
}

/*
 * The kernel takes them when root changes to a user; not those that a
 * superserver gave to a user.  Not by libcap, which nothing else needs here.
 */
static int
drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof(none));
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, none) == -1 ? -errno : 0;
}

/* The drop is proved: the ways back are tried and must be shut. */
static int
test_undo(char *why, size_t size)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct all[_LINUX_CAPABILITY_U32S_3];
	const char *open_way = NULL;
	uid_t real, effective, saved;

	memset(all, 0xff, sizeof(all));
	if (getresuid(&real, &effective, &saved) == -1 || real == 0 ||
	    real != effective || real != saved || setuid(0) == 0)
		open_way = "user 0 is, or can be reached";
	else if (syscall(SYS_capset, &header, all) == 0 ||
	    syscall(SYS_capget, &header, all) == -1 ||
	    (all[0].permitted | all[1].permitted) != 0)
		open_way = "a capability is left";
	if (open_way == NULL)
		return 0;
	snprintf(why, size, "undo test: %s", open_way);
	return -EPERM;
}

int
walls_drop(const struct settings *s, char *why, size_t size)
{
	int err;

	(void)umask(027);
	empty_bounds();
	err = change_user(s, why, size);
	if (err != 0)
		return err;
	err = drop_capabilities();
	if (err != 0)
		return failed("capabilities", err, why, size);
	err = test_undo(why, size);
	if (err == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		err = failed("no_new_privs", -errno, why, size);
	if (err != 0)
		return err;
	err = limit(RLIMIT_CORE, 0);
	return err == 0 ? 0 : failed("limits", err, why, size);
}

/* ---- files ------------------------------------------------------------ */

#ifndef INSTRUMENTED
struct places {
	struct landlock_place list[PLACES_MAX];
	unsigned count;
};

/* What is not there need not be reached. */
static void
add(struct places *p, const char *path, bool may_write, bool may_execute)
{
	struct landlock_place *place = &p->list[p->count];
	struct stat st;
	int fd;

	if (p->count == PLACES_MAX)
		return;
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd == -1)
		return;
	*place = (struct landlock_place){ .fd = fd, .may_write = may_write,
		.may_execute = may_execute,
		.is_file = fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode) };
	p->count++;
}

static void
add_readable(struct places *p, const char *path)
{
	add(p, path, false, false);
}

/* A file, and what stands or will stand beside it. */
static void
add_folder_of(struct places *p, const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];

	if (slash == NULL || slash - path >= PATH_MAX - 1)
		return;
	snprintf(dir, sizeof(dir), "%.*s/", (int)(slash - path), path);
	add_readable(p, dir);
	/* a link out of that folder */
	add_readable(p, path);
}

/* A wall that could not be put up: 0 if we are to do without. */
static int
allow(const struct settings *s, const char *wall, int err, char *why,
    size_t size)
{
	if (err == 0 || s->prefers_walls)
		return 0;
	snprintf(why, size, "%s (--sandbox=prefer does without): %s", wall,
	    strerror(-err));
	return err;
}

static int
enclose(const struct settings *s, struct places *p, char *why, size_t size)
{
	int err = landlock_version() == 0 ? -EOPNOTSUPP :
	    landlock_enclose(p->list, p->count);

	while (p->count != 0)
		close(p->list[--p->count].fd);
	return allow(s, "Landlock", err, why, size);
}

/*
 * No place at all.  Signals are not bound: the one that tells the other
 * process of this one's death counts as sent by it, and it has no call to
 * send any.
 */
static int
enclose_front(const struct settings *s, char *why, size_t size)
{
	return allow(s, "Landlock", landlock_version() == 0 ? -EOPNOTSUPP :
	    landlock_confine(NULL, 0), why, size);
}

/* The program that the kernel starts when one is executed: ld.so. */
static int
find_interpreter(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char **path = arg;
	size_t i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			*path = (const char *)(info->dlpi_addr +
			    info->dlpi_phdr[i].p_vaddr);
	/* the first one is our program */
	return 1;
}

/* It reads what the user may read: no list of roots and maps is known. */
static void
list_wide(const struct settings *s, struct places *p)
{
	const char *interpreter = NULL;

	add_readable(p, "/");
	add(p, s->state, true, false);
	add(p, "/dev/null", true, false);
	add(p, s->tftpd, false, true);
	(void)dl_iterate_phdr(find_interpreter, &interpreter);
	if (interpreter != NULL)
		add(p, interpreter, false, true);
}

/*
 * Which log it is, by the rules that choose one: command line, live table,
 * state, default.
 */
static void
list_logs(const struct settings *s, struct places *p)
{
	const struct options o = { .table = s->table };
	char log[LIVE_PATH_MAX], state[PATH_MAX], kept[PATH_MAX];

	if (s->log != NULL) {
		add_folder_of(p, s->log);
		return;
	}
	command_default_log(&o, log);
	add_folder_of(p, log);
	if ((size_t)snprintf(state, sizeof(state), "%s/rollup", s->state) <
	    sizeof(state) && rollup_get_log(state, kept))
		add_folder_of(p, kept);
}

static void
list_narrow(const struct settings *s, struct places *p)
{
	list_logs(s, p);
	add_folder_of(p, s->table);
	add(p, s->state, true, false);
	add_readable(p, "/etc/localtime");
	add_readable(p, "/usr/share/zoneinfo");
}
#endif

/* ---- each process ----------------------------------------------------- */

int
walls_front(const struct settings *s, int client, char *why, size_t size)
{
	static const struct bound bounds[] = {
		{ RLIMIT_AS, FRONT_MEMORY }, { RLIMIT_CPU, FRONT_CPU_S },
		{ RLIMIT_NOFILE, FRONT_FILES }, { RLIMIT_FSIZE, 0 },
		{ RLIMIT_NPROC, 0 },
	};
	int err;

	err = limit_all(bounds, sizeof(bounds) / sizeof(bounds[0]), why,
	    size);
#ifdef INSTRUMENTED
	(void)s;
	(void)client;
#else
	/* others of this user are not to look into it: it hears passwords */
	if (err == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		err = failed("prctl", -errno, why, size);
	if (err == 0)
		err = enclose_front(s, why, size);
	if (err == 0)
		err = allow(s, "seccomp", walls_calls_front(client), why,
		    size);
#endif
#ifndef CALL_TRAP
	if (err == 0)
		diag_close();
#endif
	return err;
}

int
walls_back(const struct settings *s, char *why, size_t size)
{
	static const struct bound bounds[] = {
		{ RLIMIT_AS, BACK_MEMORY }, { RLIMIT_CPU, BACK_CPU_S },
		{ RLIMIT_NOFILE, BACK_FILES }, { RLIMIT_FSIZE, BACK_WRITES },
	};
	int err;

	err = limit_all(bounds, sizeof(bounds) / sizeof(bounds[0]), why,
	    size);
#ifdef INSTRUMENTED
	(void)s;
#else
	struct places p = { .count = 0 };

	if (err != 0)
		return err;
	list_wide(s, &p);
	err = enclose(s, &p, why, size);
	if (err == 0)
		err = allow(s, "seccomp", walls_calls_back(), why, size);
#endif
	return err;
}

#ifndef INSTRUMENTED
/* Somebody with a password is let in by locks of his own. */
static bool
manages(const struct settings *s, uint32_t route)
{
	/* the front does not ask for it then, unless it is not itself */
	return s->manage != NULL && (route == ASK_MANAGE ||
	    route == ASK_MANAGE_CHECK || route == ASK_MANAGE_STAGE ||
	    route == ASK_MANAGE_EXPLAIN);
}

/* It reads configuration, map files and roots. */
static bool
asks_tftpd(const struct settings *s, uint32_t route)
{
	return route == ASK_READY || route == ASK_CONFIG || manages(s, route);
}
#endif

int
walls_narrow(const struct settings *s, uint32_t route, char *why, size_t size)
{
	int err = 0;
#ifdef INSTRUMENTED
	(void)s;
	(void)route;
	(void)why;
	(void)size;
#else
	struct places p = { .count = 0 };

	if (manages(s, route))
		return 0;
	if (!asks_tftpd(s, route)) {
		list_narrow(s, &p);
		err = enclose(s, &p, why, size);
	}
	if (err == 0)
		err = allow(s, "seccomp", walls_calls_narrow(
		    asks_tftpd(s, route)), why, size);
#endif
	return err;
}
