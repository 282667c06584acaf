/*
 * t-walls - what each process of tftpd-status can still do; the real ones are
 * robbed in the lane "status".
 */
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config.h"
#include "status/ask.h"
#include "status/walls.h"
#include "t-work.h"

#define WHY_MAX		160

/* dir/log/transfers.jsonl, dir/state and dir/else/secret, for everybody. */
static char dir[PATH_MAX], state[PATH_MAX], logs[PATH_MAX], secret[PATH_MAX];
static struct settings settings;

static int
set_up(void)
{
	static char table[PATH_MAX];
	int top;

	umask(0);
	t_tmp_make(dir);
	top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top == -1 || chmod(dir, 0777) == -1 ||
	    mkdirat(top, "log", 0777) == -1 ||
	    mkdirat(top, "state", 0777) == -1 ||
	    mkdirat(top, "run", 0777) == -1 ||
	    mkdirat(top, "else", 0777) == -1)
		return 1;
	t_put(top, "log/transfers.jsonl", "{}\n", 0666);
	t_put(top, "log/transfers.jsonl.1", "{}\n", 0666);
	t_put(top, "else/secret", "text", 0666);
	close(top);
	settings = (struct settings){
		.log = t_join(logs, dir, "log/transfers.jsonl"),
		.table = t_join(table, dir, "run/live"),
		.state = t_join(state, dir, "state"),
		.tftpd = "/bin/true", .user = "nobody"
	};
	(void)t_join(secret, dir, "else/secret");
	return 0;
}

static int
clean_up(void)
{
	t_tmp_remove(dir);
	return 0;
}

/* ---- the user ----------------------------------------------------------- */

static void
in_drop(const void *arg)
{
	const struct passwd *pw = getpwnam("nobody");
	bool was_root = geteuid() == 0;
	char why[WHY_MAX] = "";
	struct rlimit core;

	(void)arg;
	C_OK(pw != NULL && walls_drop(&settings, why, sizeof(why)) == 0,
	    "set-up");
	C_OK(!was_root || (pw != NULL && getuid() == pw->pw_uid &&
	    getgid() == pw->pw_gid), "the user");
	C_OK(setuid(0) == -1 && seteuid(0) == -1, "no way back");
	C_OK(!was_root || setgroups(0, NULL) == -1, "nor for groups");
	C_OK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "no_new_privs");
	C_OK(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0,
	    "no core file");
	C_OK(umask(0) == 027, "what is made is not for others");
}

static void
test_drop(void)
{
	t_in_child(in_drop, NULL, "from here on");
}

static void
in_wrong_user(const void *arg)
{
	static const struct {
		const char *user, *want;
	} rows[] = {
		{ "no-such-user", "there is no such user" },
		{ "root", "is root, who does not serve" },
	};
	struct settings s = settings;
	char why[WHY_MAX];
	size_t i;

	(void)arg;
	for (i = 0; i < COUNT(rows); i++) {
		s.user = rows[i].user;
		why[0] = '\0';
		C_OK(walls_drop(&s, why, sizeof(why)) != 0, "refused");
		C_OK(strstr(why, rows[i].want) != NULL, why);
	}
}

static void
test_wrong_user(void)
{
	if (geteuid() == 0)
		t_in_child(in_wrong_user, NULL, "users");
	else
		t_skip("other users: not root");
}

static void
in_state(const void *arg)
{
	struct settings s = settings;
	char path[PATH_MAX], why[WHY_MAX];
	struct stat st;

	(void)arg;
	s.state = t_join(path, dir, "new");
	C_OK(walls_drop(&s, why, sizeof(why)) == 0, "set-up");
	C_OK(stat(path, &st) == 0 && st.st_uid == getuid() &&
	    (st.st_mode & 07777) == 0750, "it is made, and is ours");
	(void)rmdir(path);
	s.state = t_join(path, dir, "none/new");
	C_OK(walls_drop(&s, why, sizeof(why)) == 0, "it can be done without");
}

static void
test_state(void)
{
	t_in_child(in_state, NULL, "a state directory");
}

/* ---- the one that reads ------------------------------------------------- */

#ifndef INSTRUMENTED
static bool has_no_calls;

int __real_walls_calls_front(int client);
int __wrap_walls_calls_front(int client);

int
__wrap_walls_calls_front(int client)
{
	return has_no_calls ? 0 : __real_walls_calls_front(client);
}

/* 0, or the errno of opening it that way. */
static int
try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0666);

	if (fd == -1)
		return errno;
	close(fd);
	return 0;
}

static int
errno_of(long result)
{
	return result == -1 ? errno : 0;
}

static void
enter_back(void)
{
	char why[WHY_MAX] = "";

	C_OK(walls_drop(&settings, why, sizeof(why)) == 0 &&
	    walls_back(&settings, why, sizeof(why)) == 0, why);
}

/* The errno of executing it, or 0. */
static int
try_execute(const char *path)
{
	char name[] = "t", *argv[] = { name, NULL };
	int status;
	pid_t pid = fork();

	if (pid == -1)
		return errno;
	if (pid == 0) {
		(void)execv(path, argv);
		_exit(errno);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ?
	    WEXITSTATUS(status) : -1;
}

static void
in_back(const void *arg)
{
	char path[PATH_MAX];

	(void)arg;
	enter_back();
	C_OK(try_open("/etc/passwd", O_RDONLY) == 0 &&
	    try_open(secret, O_RDONLY) == 0, "what the user may read");
	C_OK(try_open(secret, O_WRONLY) == EACCES &&
	    try_open(settings.log, O_WRONLY | O_APPEND) == EACCES &&
	    try_open(t_join(path, dir, "new"), O_WRONLY | O_CREAT) == EACCES,
	    "nothing is written");
	C_OK(errno_of(unlink(secret)) == EACCES &&
	    errno_of(truncate(secret, 0)) == EACCES, "nor removed or cut");
	C_OK(try_open(t_join(path, state, "new"), O_WRONLY | O_CREAT) == 0 &&
	    unlink(path) == 0, "but in the state directory");
	C_OK(errno_of(socket(AF_INET, SOCK_STREAM, 0)) == EPERM &&
	    errno_of(socket(AF_UNIX, SOCK_DGRAM, 0)) == EPERM, "no socket");
	C_OK(try_execute("/bin/true") == 0, "tftpd is executed");
	C_OK(try_execute("/bin/sh") == EACCES, "no other program");
}

static void
in_signals(const void *arg)
{
	pid_t pid = getppid();

	(void)arg;
	enter_back();
	/* the test itself: another user's, for root */
	C_OK(errno_of(kill(pid, 0)) == EPERM, "no signal to others");
	C_OK(kill(getpid(), 0) == 0, "but to its own");
}

static void
in_narrow(const void *arg)
{
	char why[WHY_MAX] = "", path[PATH_MAX];

	(void)arg;
	enter_back();
	C_OK(walls_narrow(&settings, ASK_METRICS, why, sizeof(why)) == 0,
	    why);
	C_OK(try_open("/etc/passwd", O_RDONLY) == EACCES &&
	    try_open(secret, O_RDONLY) == EACCES, "no other file is read");
	C_OK(try_open(settings.log, O_RDONLY) == 0, "but the log");
	snprintf(path, sizeof(path), "%.4000s.1", settings.log);
	C_OK(try_open(path, O_RDONLY) == 0, "and what stands beside it");
	C_OK(try_open(t_join(path, state, "new"), O_WRONLY | O_CREAT) == 0 &&
	    unlink(path) == 0, "the state directory is written");
	C_OK(errno_of(fork()) == EPERM, "no process");
	C_OK(errno_of(kill(getpid(), 0)) == EPERM, "no signal");
	C_OK(errno_of(socket(AF_INET, SOCK_DGRAM, 0)) == EPERM, "no socket");
}

static void
in_wide_routes(const void *arg)
{
	static const uint32_t routes[] = { ASK_READY, ASK_CONFIG, ASK_MANAGE,
		ASK_MANAGE_CHECK, ASK_MANAGE_STAGE, ASK_MANAGE_EXPLAIN };
	char why[WHY_MAX];
	struct settings s = settings;
	size_t i;

	(void)arg;
	s.manage = "/etc/passwords";
	enter_back();
	for (i = 0; i < COUNT(routes); i++)
		C_OK(walls_narrow(&s, routes[i], why, sizeof(why)) ==
		    0, "set-up");
	C_OK(try_execute("/bin/true") == 0, "they ask tftpd");
}

/* Without seccomp, which hides what Landlock forbids. */
static void
in_front(const void *arg)
{
	char why[WHY_MAX] = "";

	(void)arg;
	has_no_calls = true;
	C_OK(walls_drop(&settings, why, sizeof(why)) == 0 &&
	    /* as it is for who was no root before */
	    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0 &&
	    walls_front(&settings, 0, why, sizeof(why)) == 0, why);
	C_OK(try_open(settings.log, O_RDONLY) == EACCES &&
	    try_open("/etc/passwd", O_RDONLY) == EACCES, "no file is read");
	C_OK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0,
	    "nobody looks into it");
}

/* Which routes are wide is a list: a new one is narrow; so is what is off. */
static void
in_other_routes(const void *arg)
{
	char why[WHY_MAX];

	enter_back();
	C_OK(walls_narrow(&settings, *(const uint32_t *)arg, why,
	    sizeof(why)) == 0, "set-up");
	C_OK(try_open(secret, O_RDONLY) == EACCES, "it is narrow");
}

static void
test_back(void)
{
	static const uint32_t routes[] = { ASK_PAGE, ASK_HEALTH, ASK_METRICS,
		ASK_STATUS, ASK_TRANSFERS, ASK_CONNECTIONS, ASK_STATISTICS,
		ASK_MANAGE, ASK_MANAGE_CHECK, ASK_ROUTES };
	size_t i;

	t_in_child(in_front, NULL, "the one that speaks");
	t_in_child(in_back, NULL, "before the question is known");
	t_in_child(in_signals, NULL, "signals");
	t_in_child(in_narrow, NULL, "when it is known");
	t_in_child(in_wide_routes, NULL, "questions to tftpd");
	for (i = 0; i < COUNT(routes); i++)
		t_in_child(in_other_routes, &routes[i], "other questions");
}

/* ---- what ends them ------------------------------------------------------ */

static void
do_ptrace(void)
{
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void
do_unshare(void)
{
	(void)unshare(CLONE_NEWUSER);
}

static void
do_open(void)
{
	(void)try_open("/dev/null", O_RDONLY);
}

static void
do_socket(void)
{
	(void)socket(AF_INET, SOCK_STREAM, 0);
}

static void
do_fork(void)
{
	(void)fork();
}

static void
do_execute(void)
{
	char name[] = "true", *argv[] = { name, NULL };

	(void)execv("/bin/true", argv);
}

static void
do_kill(void)
{
	(void)kill(getppid(), 0);
}

static void
do_alarm(void)
{
	(void)alarm(0);
}

/* The front of these tests has its client at 0. */
static void
do_copy_behind(void)
{
	(void)fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 1);
}

static void
do_copy_into_place(void)
{
	(void)close(0);
	(void)fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
}

/* The kernel looks at the lower half alone. */
static void
do_copy_by_overflow(void)
{
	(void)close(0);
	(void)fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, LONG_MIN);
}

static void
do_nothing(void)
{
}

struct deed {
	const char *what;
	bool is_front;
	void (*act)(void);
	bool is_deadly;
};

static void
in_deed(const void *arg)
{
	const struct deed *d = arg;
	char why[WHY_MAX] = "";
	int status = 0;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		if (walls_drop(&settings, why, sizeof(why)) != 0 ||
		    (d->is_front ? walls_front(&settings, 0, why,
		    sizeof(why)) : walls_back(&settings, why,
		    sizeof(why))) != 0)
			_exit(1);
		d->act();
		_exit(0);
	}
	C_OK(pid != -1 && waitpid(pid, &status, 0) == pid, "a process");
#ifdef CALL_TRAP
	C_OK(d->is_deadly ? WIFEXITED(status) &&
	    WEXITSTATUS(status) == EXIT_FAILURE : status == 0, d->what);
#else
	C_OK(d->is_deadly ? WIFSIGNALED(status) &&
	    WTERMSIG(status) == SIGSYS : status == 0, d->what);
#endif
}

static void
test_deeds(void)
{
	static const struct deed deeds[] = {
		{ "the front ends by itself", true, do_nothing, false },
		{ "it opens a file", true, do_open, true },
		{ "it makes a socket", true, do_socket, true },
		{ "it forks", true, do_fork, true },
		{ "it executes", true, do_execute, true },
		{ "it kills", true, do_kill, true },
		{ "it traces", true, do_ptrace, true },
		{ "it puts its end off", true, do_alarm, true },
		{ "it copies a descriptor", true, do_copy_behind, false },
		{ "in the client's place", true, do_copy_into_place, true },
		{ "by a detour", true, do_copy_by_overflow, true },
		{ "the back ends by itself", false, do_nothing, false },
		{ "it opens one", false, do_open, false },
		{ "it traces one", false, do_ptrace, true },
		{ "it leaves its namespace", false, do_unshare, true },
	};
	size_t i;

	for (i = 0; i < COUNT(deeds); i++)
		t_in_child(in_deed, &deeds[i], deeds[i].what);
}
#endif

static void
test_text(void)
{
#if defined(INSTRUMENTED) || defined(CALL_TRAP)
	T_OK(strstr(walls_text(), "not for service") != NULL, "it is told");
#else
	T_OK(strstr(walls_text(), "Landlock, seccomp") != NULL, "it is told");
#endif
}

int
main(void)
{
	CU_TestInfo user[] = {
		{ "from here on", test_drop },
		{ "wrong users", test_wrong_user },
		{ "the state directory", test_state },
		{ "what -V says", test_text },
		CU_TEST_INFO_NULL
	};
#ifndef INSTRUMENTED
	CU_TestInfo walls[] = {
		{ "the one that reads", test_back },
		{ "what ends them", test_deeds },
		CU_TEST_INFO_NULL
	};
#endif
	CU_SuiteInfo suites[] = {
		{ "walls: the user", set_up, clean_up, NULL, NULL, user },
#ifndef INSTRUMENTED
		{ "walls: each process", set_up, clean_up, NULL, NULL,
		    walls },
#endif
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
