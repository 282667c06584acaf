#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stats/printed.h"
#include "stats/ready.h"
#include "stats/tool.h"

#define DEFAULT_PORT	69
#define LOG_LEAST	(UINT64_C(1) << 20)	/* what tftpd reserves */
#define LOG_LITTLE	(UINT64_C(16) << 20)

struct look {
	const struct options *o;
	struct findings *f;
	struct tool tool;
	struct printed printed;
	/* who serves */
	bool has_user;
	uid_t uid;
	gid_t gid;
	char user[64];
};

/* ---- the configuration ------------------------------------------------- */

/* Who starts it changes to the service user only as root. */
static bool
is_started_by_us(const struct look *l)
{
	return geteuid() != 0 && l->tool.keeper.pid > 0 &&
	    l->tool.keeper.uid == geteuid();
}

/* That we may not look at something is no mistake in the configuration. */
static bool
is_hidden(const struct look *l, const char *line)
{
	return geteuid() != 0 && !is_started_by_us(l) &&
	    strstr(line, strerror(EACCES)) != NULL;
}

/*
 * The line that says what is wrong, between warnings, remarks and how many
 * there are.  One that is_hidden() counts when there is no other.
 */
static const char *
complaint(const struct look *l, char *text)
{
	char *line, *rest = text;
	const char *remark = NULL, *hidden = NULL;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (*line == '\0')
			continue;
		if (strncmp(line, "warning: ", 9) == 0 ||
		    strncmp(line, "tftpd: ", 7) == 0 ||
		    strstr(line, ": errors: ") != NULL)
			remark = remark == NULL ? line : remark;
		else if (is_hidden(l, line))
			hidden = hidden == NULL ? line : hidden;
		else
			return line;
	}
	return hidden != NULL ? hidden : remark != NULL ? remark :
	    "no reason was given";
}

/* The last line, "FILE: good, warnings: 0". */
static const char *
last_line(char *text)
{
	size_t len = strlen(text);
	char *at;

	while (len != 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	at = strrchr(text, '\n');
	return at != NULL ? at + 1 : text;
}

static void
tell_complaint(struct look *l, const char *line)
{
	bool has_server = l->tool.keeper.pid > 0;

	if (is_hidden(l, line))
		findings_add(l->f, "configuration", FINDINGS_UNKNOWN,
		    "%s; whether it is good only root can see", line);
	else
		findings_add(l->f, "configuration", has_server ?
		    FINDINGS_WARNING : FINDINGS_CRITICAL, "%s%s", line,
		    has_server ? "; the server goes on with the one before" :
		    "");
}

static void
look_at_check(struct look *l)
{
	struct capture c;
	int ret = tool_ask(&l->tool, "--check", &c);

	if (ret != 0)
		findings_add(l->f, "configuration", FINDINGS_UNKNOWN,
		    "%s --check: %s", l->tool.program, strerror(-ret));
	else if (c.status == 0)
		findings_add(l->f, "configuration", FINDINGS_OK, "%s",
		    last_line(c.out.buf));
	else
		tell_complaint(l, complaint(l, c.err.buf));
	if (ret != 0 || c.status != 0)
		findings_advise(l->f, "see all of it: tftpd%s%s --check",
		    l->tool.file[0] != '\0' ? " -f " : " ...",
		    l->tool.file);
	capture_free(&c);
}

/* Returns whether the values are known now. */
static bool
look_at_values(struct look *l)
{
	struct capture c;
	bool is_known;
	int ret = tool_ask(&l->tool, "--print-config", &c);

	is_known = ret == 0 && c.status == 0 &&
	    printed_parse(c.out.buf, &l->printed);
	/* what is wrong was told by --check */
	if (!is_known && findings_state(l->f) == FINDINGS_OK)
		findings_add(l->f, "configuration", FINDINGS_UNKNOWN,
		    "%s --print-config cannot be understood",
		    l->tool.program);
	capture_free(&c);
	return is_known;
}

static bool
look_at_configuration(struct look *l)
{
	switch (tool_find(&l->tool, l->o)) {
	case TOOL_NO_PROGRAM:
		if (l->o->program != NULL)
			findings_add(l->f, "configuration", FINDINGS_UNKNOWN,
			    "%s: there is no such program", l->o->program);
		else
			findings_add(l->f, "configuration", FINDINGS_UNKNOWN,
			    "there is no tftpd, neither beside tftpd-stats "
			    "nor in " SBINDIR);
		return false;
	case TOOL_NO_FILE:
		findings_add(l->f, "configuration", FINDINGS_UNKNOWN,
		    CONFFILE " is not there, and no server runs that tells "
		    "how it was started");
		findings_advise(l->f, "name the file with --config, or ask "
		    "as root while the server runs");
		return false;
	default:
		break;
	}
	look_at_check(l);
	return look_at_values(l);
}

/* ---- the user ---------------------------------------------------------- */

static const struct passwd *
find_user(const struct look *l, const char **name)
{
	const struct passwd *pw;

	*name = l->printed.user;
	if (**name != '\0')
		return getpwnam(*name);
	*name = SERVICE_USER;
	pw = getpwnam(*name);
	if (pw == NULL) {
		*name = "nobody";
		pw = getpwnam(*name);
	}
	return pw;
}

static void
look_at_user(struct look *l)
{
	const struct passwd *pw;
	const char *name;

	if (is_started_by_us(l)) {
		l->has_user = true;
		l->uid = geteuid();
		snprintf(l->user, sizeof(l->user), "user %u",
		    (unsigned)l->uid);
		findings_add(l->f, "user", FINDINGS_OK,
		    "the server runs as %s, without a change", l->user);
		return;
	}
	pw = find_user(l, &name);
	snprintf(l->user, sizeof(l->user), "%.60s", name);
	if (pw == NULL) {
		findings_add(l->f, "user", FINDINGS_CRITICAL,
		    "%s: no such user", l->user);
		findings_advise(l->f, "useradd --system --shell "
		    "/usr/sbin/nologin %s", l->user);
	} else if (pw->pw_uid == 0) {
		findings_add(l->f, "user", FINDINGS_CRITICAL,
		    "%s is root, who does not serve", l->user);
		findings_advise(l->f, "set another user");
	} else {
		l->has_user = true;
		l->uid = pw->pw_uid;
		l->gid = pw->pw_gid;
		findings_add(l->f, "user", FINDINGS_OK, "%s, number %u",
		    l->user, (unsigned)l->uid);
	}
}

/* ---- the directories --------------------------------------------------- */

/* May the service user enter it?  0 or an errno; for root only. */
static int
try_as_user(const struct look *l, int fd)
{
	int status;
	pid_t pid = fork();

	if (pid == -1)
		return errno;
	if (pid == 0) {
		if (setgroups(0, NULL) == -1 ||
		    setresgid(l->gid, l->gid, l->gid) == -1 ||
		    setresuid(l->uid, l->uid, l->uid) == -1)
			_exit(EPERM);
		_exit(faccessat(fd, ".", X_OK, 0) == 0 ? 0 : errno);
	}
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

/*
 * The server opens the directory as root; what counts for the service user is
 * the directory itself.  Who is not root can only tell where everybody, or we
 * ourselves, may enter.  0, an errno, or -1: not to be known.
 */
static int
try_enter(const struct look *l, int fd)
{
	struct stat st;

	if (geteuid() == 0)
		return try_as_user(l, fd);
	if (l->uid == geteuid())
		return faccessat(fd, ".", X_OK, AT_EACCESS) == 0 ? 0 : errno;
	return fstat(fd, &st) == 0 && (st.st_mode & 001) != 0 ? 0 : -1;
}

/* Returns whether it is good; if not, that was told. */
static bool
look_at_root(struct look *l, const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), problem;

	problem = fd == -1 ? errno : try_enter(l, fd);
	if (fd != -1)
		close(fd);
	if (problem == 0)
		return true;
	if (problem == -1 || (fd == -1 && problem == EACCES)) {
		findings_add(l->f, "root", FINDINGS_UNKNOWN, "%s: whether "
		    "%s may enter it only root can see", path, l->user);
		findings_advise(l->f, "ask as root");
	} else if (fd == -1) {
		findings_add(l->f, "root", FINDINGS_CRITICAL, "%s: %s", path,
		    strerror(problem));
		findings_advise(l->f, "make it, or name another root");
	} else {
		findings_add(l->f, "root", FINDINGS_CRITICAL, "%s: %s may "
		    "not enter it: %s", path, l->user, strerror(problem));
		findings_advise(l->f, "chmod o+x %s", path);
	}
	return false;
}

static void
look_at_roots(struct look *l)
{
	const struct printed *p = &l->printed;
	size_t i, good = 0;

	if (!l->has_user)
		return;
	for (i = 0; i < p->dir_count; i++)
		good += look_at_root(l, p->dirs[i].path);
	if (good == p->dir_count)
		findings_add(l->f, "root", FINDINGS_OK, p->dir_count == 1 ?
		    "%s: %s may enter it" : "%s and %s", p->dirs[0].path,
		    p->dir_count == 1 ? l->user : "the others can be served");
}

/* ---- room -------------------------------------------------------------- */

static void
look_at_room_of(struct look *l, const struct printed_dir *d)
{
	char has[TEXT_NUMBER_MAX], wants[TEXT_NUMBER_MAX];
	struct statvfs fs;
	uint64_t room;

	if (statvfs(d->path, &fs) == -1)
		return;
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	text_bytes(room, has);
	text_bytes(d->min_free, wants);
	if ((fs.f_flag & ST_RDONLY) != 0) {
		findings_add(l->f, "uploads", FINDINGS_WARNING,
		    "%s: the file system is read-only", d->path);
		findings_advise(l->f, "remount it, or turn uploads off");
	} else if (room <= d->min_free) {
		findings_add(l->f, "uploads", FINDINGS_WARNING, "%s: %s are "
		    "free and %s (min-free) are to stay: uploads are refused",
		    d->path, has, wants);
		findings_advise(l->f, "make room on that file system");
	} else if (fs.f_files != 0 && fs.f_favail == 0) {
		findings_add(l->f, "uploads", FINDINGS_WARNING,
		    "%s: there are no inodes left for new files", d->path);
		findings_advise(l->f, "remove files on that file system");
	} else {
		findings_add(l->f, "uploads", FINDINGS_OK, "%s: %s are free, "
		    "%s are to stay", d->path, has, wants);
	}
}

static void
look_at_room(struct look *l)
{
	const struct printed *p = &l->printed;
	size_t i;

	for (i = 0; i < p->dir_count; i++)
		if (p->dirs[i].has_uploads)
			look_at_room_of(l, &p->dirs[i]);
}

/* From a path to the directory that it is in. */
static void
cut_name(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash != NULL)
		slash[slash == path] = '\0';
}

void
ready_log_room(const char *path, struct findings *f)
{
	char dir[PATH_MAX], has[TEXT_NUMBER_MAX];
	struct statvfs fs;
	uint64_t room;

	snprintf(dir, sizeof(dir), "%s", path);
	cut_name(dir);
	if (statvfs(dir, &fs) == -1)
		return;
	/* root writes it: what is kept for root counts */
	room = (uint64_t)fs.f_bfree * fs.f_frsize;
	if (room < LOG_LITTLE)
		findings_add(f, "log room", room < LOG_LEAST ?
		    FINDINGS_CRITICAL : FINDINGS_WARNING, "%s: %s are free%s",
		    dir, text_bytes(room, has), room < LOG_LEAST ?
		    ": transfers go on without records" : "");
	else
		findings_add(f, "log room", FINDINGS_OK, "%s: %s are free",
		    dir, text_bytes(room, has));
	if (room < LOG_LITTLE)
		findings_advise(f, "make room on that file system");
}

/* ---- the log ----------------------------------------------------------- */

/* Where /proc hides root's processes, the live table's owner tells. */
static bool
is_started_by_root(const struct look *l)
{
	struct stat st;

	return l->tool.keeper.pid <= 0 || l->tool.keeper.uid == 0 ||
	    (l->tool.keeper.uid == (uid_t)-1 &&
	    stat(l->o->table, &st) == 0 && st.st_uid == 0);
}

/*
 * We may not, by the mode bits: they do not hold root.  What is hidden from
 * us is not known, and other reasons to refuse are no EACCES.
 */
static bool
is_for_root(const struct look *l, const char *path, int problem)
{
	struct stat st;

	return problem == EACCES && geteuid() != 0 && is_started_by_root(l) &&
	    (lstat(path, &st) == 0 || errno == ENOENT);
}

/*
 * May the server open it?  Nothing is: behind walls (tftpd-status) opening it
 * for writing fails, whoever asks.  0 or an errno.
 */
static int
try_log(const char *path)
{
	char dir[PATH_MAX];
	struct stat st;
	int problem = 0;

	if (lstat(path, &st) == -1 || (!S_ISLNK(st.st_mode) &&
	    faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == -1))
		problem = errno;
	else if (S_ISLNK(st.st_mode))
		problem = ELOOP;
	else if (!S_ISREG(st.st_mode) || st.st_nlink > 1)
		problem = EINVAL;
	if (problem != ENOENT)
		return problem;
	/* the server makes the directory, but not the one above it */
	snprintf(dir, sizeof(dir), "%s", path);
	cut_name(dir);
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	if (errno != ENOENT)
		return errno;
	cut_name(dir);
	return faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0 ? 0 :
	    errno;
}

static void
look_at_log(struct look *l)
{
	const char *path = l->printed.log;
	int problem = try_log(path);

	if (problem == 0) {
		findings_add(l->f, "log", FINDINGS_OK, "%s: can be written",
		    path);
	} else if (is_for_root(l, path, problem)) {
		findings_add(l->f, "log", FINDINGS_OK, "%s: root may write "
		    "it, who starts the server", path);
	} else if ((problem == EACCES || problem == EPERM) &&
	    geteuid() != 0 && !is_started_by_us(l)) {
		findings_add(l->f, "log", FINDINGS_UNKNOWN, "%s: whether it "
		    "can be written only root can see", path);
		findings_advise(l->f, "ask as root");
	} else {
		findings_add(l->f, "log", FINDINGS_CRITICAL, "%s: cannot be "
		    "written: %s", path, problem == EINVAL ?
		    "not a file, or a file of several names" :
		    strerror(problem));
		findings_advise(l->f, "transfers go on without records until "
		    "it can");
	}
	ready_log_room(path, l->f);
}

/* ---- the port ---------------------------------------------------------- */

static void
look_at_port(struct look *l)
{
	uint16_t port = keeper_port(&l->tool.keeper);

	if (port != 0) {
		findings_add(l->f, "port", FINDINGS_OK,
		    "the server listens on UDP port %u", (unsigned)port);
	} else if (keeper_is_bound(DEFAULT_PORT)) {
		findings_add(l->f, "port", FINDINGS_OK,
		    "somebody listens on UDP port %d", DEFAULT_PORT);
	} else if (l->tool.keeper.pid > 0) {
		findings_add(l->f, "port", FINDINGS_OK, "a server runs; on "
		    "which port it listens only root can see");
	} else {
		findings_add(l->f, "port", FINDINGS_CRITICAL,
		    "nobody listens on UDP port %d", DEFAULT_PORT);
		findings_advise(l->f, "systemctl enable --now tftpd.socket, "
		    "or \"disable = no\" in xinetd.d/tftp and a reload");
	}
}

void
ready_look(const struct options *o, struct findings *f)
{
	struct look l = { .o = o, .f = f };

	if (look_at_configuration(&l)) {
		look_at_user(&l);
		look_at_roots(&l);
		look_at_room(&l);
		look_at_log(&l);
	}
	look_at_port(&l);
	printed_free(&l.printed);
	tool_forget(&l.tool);
}
