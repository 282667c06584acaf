/*
 * t-landlock - what the kernel still lets a process reach: with descriptors
 * of everything, as root, and by "..".
 */
#include <signal.h>
#include <sys/prctl.h>

#include "os/landlock.h"
#include "t-work.h"

/* top/readable, top/writable and top/outside; the first two are places. */
static char dir[PATH_MAX];
static int top = -1, readable = -1, writable = -1;

static int
open_below(const char *name)
{
	return openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
set_up(void)
{
	umask(0);
	t_tmp_make(dir);
	top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top == -1 || chmod(dir, 0777) == -1 ||
	    mkdirat(top, "readable", 0777) == -1 ||
	    mkdirat(top, "readable/sub", 0777) == -1 ||
	    mkdirat(top, "writable", 0777) == -1 ||
	    mkdirat(top, "writable/sub", 0777) == -1 ||
	    mkdirat(top, "outside", 0777) == -1)
		return 1;
	t_put(top, "readable/f", "text", 0777);
	t_put(top, "readable/sub/g", "text", 0666);
	t_put(top, "writable/old", "text", 0666);
	t_put(top, "outside/secret", "text", 0666);
	if (symlinkat("../outside/secret", top, "writable/link") == -1)
		return 1;
	readable = open_below("readable");
	writable = open_below("writable");
	return readable == -1 || writable == -1;
}

static int
clean_up(void)
{
	close(readable);
	close(writable);
	close(top);
	t_tmp_remove(dir);
	return 0;
}

/* From here on, as the server's processes are. */
static void
confine(void)
{
	const struct landlock_place places[] = {
		{ .fd = readable, .may_write = false },
		{ .fd = writable, .may_write = true },
	};

	C_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    landlock_confine(places, COUNT(places)) == 0, "set-up");
}

/* 0, or the errno of opening it that way. */
static int
try_open(int dirfd, const char *path, int flags)
{
	int fd = openat(dirfd, path, flags | O_CLOEXEC, 0666);

	if (fd == -1)
		return errno;
	close(fd);
	return 0;
}

static int
errno_of(int result)
{
	return result == -1 ? errno : 0;
}

/* ---- opening ---------------------------------------------------------- */

enum start { TOP, READABLE, WRITABLE };

static void
in_opens(const void *arg)
{
	static const struct {
		const char *what, *path;
		enum start start;
		int flags, want;
	} rows[] = {
		{ "a file is read", "f", READABLE, O_RDONLY, 0 },
		{ "one below", "sub/g", READABLE, O_RDONLY, 0 },
		{ "from outside, by its name", "readable/f", TOP, O_RDONLY,
		    0 },
		{ "a directory", "sub", READABLE, O_RDONLY | O_DIRECTORY,
		    0 },
		{ "nothing there", "none", READABLE, O_RDONLY, ENOENT },
		{ "not written", "f", READABLE, O_WRONLY, EACCES },
		{ "not read and written", "f", READABLE, O_RDWR, EACCES },
		{ "not made", "new", READABLE, O_WRONLY | O_CREAT, EACCES },
		{ "not made below", "sub/new", READABLE, O_WRONLY | O_CREAT,
		    EACCES },
		{ "read where uploads go", "old", WRITABLE, O_RDONLY, 0 },
		{ "written", "old", WRITABLE, O_WRONLY, 0 },
		{ "made", "made", WRITABLE, O_WRONLY | O_CREAT | O_EXCL, 0 },
		{ "made below", "sub/made", WRITABLE,
		    O_WRONLY | O_CREAT | O_EXCL, 0 },
		{ "cut short", "made", WRITABLE, O_WRONLY | O_TRUNC, 0 },
		{ "made without a name", ".", WRITABLE, O_TMPFILE | O_RDWR,
		    0 },
		{ "outside by ..", "../outside/secret", WRITABLE, O_RDONLY,
		    EACCES },
		{ "outside by .., from where it is read",
		    "../outside/secret", READABLE, O_RDONLY, EACCES },
		{ "the directory above", "..", WRITABLE,
		    O_RDONLY | O_DIRECTORY, EACCES },
		{ "outside by a link", "link", WRITABLE, O_RDONLY, EACCES },
		{ "by a descriptor of outside", "outside/secret", TOP,
		    O_RDONLY, EACCES },
		{ "to write", "outside/secret", TOP, O_WRONLY, EACCES },
		{ "to make one", "outside/new", TOP, O_WRONLY | O_CREAT,
		    EACCES },
		{ "by an absolute path", "/proc/self/status", TOP, O_RDONLY,
		    EACCES },
		{ "the host's root", "/", TOP, O_RDONLY | O_DIRECTORY,
		    EACCES },
	};
	const int starts[] = { top, readable, writable };
	const bool *is_dropped = arg;
	size_t i;

	if (*is_dropped)
		t_drop();
	confine();
	for (i = 0; i < COUNT(rows); i++)
		C_OK(try_open(starts[rows[i].start], rows[i].path,
		    rows[i].flags) == rows[i].want, rows[i].what);
	(void)unlinkat(writable, "made", 0);
	(void)unlinkat(writable, "sub/made", 0);
}

static void
test_opens(void)
{
	static const bool no = false, yes = true;

	t_in_child(in_opens, &no, "whoever we are");
	t_in_child(in_opens, &yes, "an ordinary user");
}

/* As the server stands: in an empty root, with descriptors of what is not. */
static void
in_chroot(const void *arg)
{
	(void)arg;
	C_OK(fchdir(writable) == 0 && chroot("sub") == 0 && chdir("/") == 0,
	    "set-up");
	C_OK(try_open(readable, "../outside/secret", O_RDONLY) == 0,
	    "without it .. leads out");
	confine();
	C_OK(try_open(readable, "f", O_RDONLY) == 0, "a file is read");
	C_OK(try_open(readable, "../outside/secret", O_RDONLY) == EACCES,
	    "with it .. does not");
}

static void
test_chroot(void)
{
	if (geteuid() != 0)
		t_skip("a chroot (needs root)");
	else
		t_in_child(in_chroot, NULL, "in a chroot");
}

/* ---- changing --------------------------------------------------------- */

static int
cut(int dirfd, const char *name)
{
	char path[64];

	/* truncate() has no form with a directory */
	snprintf(path, sizeof(path), "%s", name);
	return fchdir(dirfd) == -1 ? EINVAL : errno_of(truncate(path, 2));
}

static void
in_changes(const void *arg)
{
	int fd;

	(void)arg;
	confine();
	t_put(writable, ".hidden", "upload", 0666);
	C_OK(renameat(writable, ".hidden", writable, "old") == 0 &&
	    t_has(writable, "old", "upload", 6),
	    "a rename over another, in one directory");
	C_OK(cut(writable, "old") == 0 && t_has(writable, "old", "up", 2),
	    "cut short by its name");
	fd = openat(writable, "old", O_WRONLY | O_CLOEXEC);
	C_OK(fd != -1 && ftruncate(fd, 1) == 0 && fsync(fd) == 0,
	    "and by a descriptor");
	close(fd);
	C_OK(linkat(writable, "old", writable, "second", 0) == 0 &&
	    unlinkat(writable, "second", 0) == 0,
	    "a second name in one directory");
	C_OK(unlinkat(readable, "f", 0) == -1 && errno == EACCES,
	    "nothing is removed where we only read");
	C_OK(renameat(readable, "f", readable, "h") == -1 && errno == EACCES,
	    "nor renamed");
	if (landlock_version() >= 3)
		C_OK(cut(readable, "f") == EACCES, "nor cut short");
	else
		t_skip("cut short (Landlock 3)");
	C_OK(unlinkat(top, "outside/secret", 0) == -1 && errno == EACCES,
	    "nor removed outside");
	C_OK(t_has(readable, "f", "text", 4), "all is as it was");
}

static void
test_changes(void)
{
	t_in_child(in_changes, NULL, "files");
}

/* What the server never does is not allowed, either. */
static void
in_others(const void *arg)
{
	static char *const argv[] = { NULL };
	int err;

	(void)arg;
	confine();
	C_OK(errno_of(mkdirat(writable, "new", 0777)) == EACCES,
	    "no directory");
	C_OK(errno_of(symlinkat("x", writable, "new")) == EACCES, "no link");
	C_OK(errno_of(mkfifoat(writable, "new", 0666)) == EACCES, "no FIFO");
	C_OK(errno_of(unlinkat(writable, "sub", AT_REMOVEDIR)) == EACCES,
	    "no directory is removed");
	err = errno_of(renameat(writable, "old", writable, "sub/old"));
	C_OK(err == EXDEV || err == EACCES,
	    "no file goes to another directory");
	err = errno_of(renameat(readable, "f", writable, "f"));
	C_OK(err == EXDEV || err == EACCES, "nor to another place");
	/* without it that would be ENOEXEC */
	C_OK(errno_of(fexecve(openat(readable, "f", O_PATH), argv, argv)) ==
	    EACCES, "no program");
}

static void
test_others(void)
{
	t_in_child(in_others, NULL, "what nobody needs");
}

/* ---- how far it goes -------------------------------------------------- */

static void
in_open_ones(const void *arg)
{
	int fd = openat(top, "outside/secret", O_RDWR | O_CLOEXEC);
	char got[4];
	pid_t pid;

	(void)arg;
	confine();
	C_OK(pread(fd, got, 4, 0) == 4 && pwrite(fd, "text", 4, 0) == 4,
	    "a file that is open stays so");
	pid = fork();
	if (pid == 0)
		_exit(try_open(top, "outside/secret", O_RDONLY) == EACCES &&
		    try_open(readable, "f", O_RDONLY) == 0 ? 0 : 1);
	C_OK(pid != -1 && t_reap(pid, 0), "a child has the same bounds");
}

static void
in_nothing(const void *arg)
{
	(void)arg;
	C_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    landlock_confine(NULL, 0) == 0, "set-up");
	C_OK(try_open(readable, "f", O_RDONLY) == EACCES &&
	    try_open(writable, "old", O_RDONLY) == EACCES &&
	    try_open(top, ".", O_RDONLY | O_DIRECTORY) == EACCES,
	    "no place: nothing can be reached");
}

static void
in_twice(const void *arg)
{
	const struct landlock_place all = { .fd = top, .may_write = true };

	(void)arg;
	confine();
	C_OK(landlock_confine(&all, 1) == 0, "set-up");
	C_OK(try_open(top, "outside/secret", O_RDONLY) == EACCES &&
	    try_open(readable, "f", O_WRONLY) == EACCES &&
	    try_open(readable, "f", O_RDONLY) == 0,
	    "a second time only takes away");
}

/* O_PATH is how the server opens what it may not list. */
static void
in_path(const void *arg)
{
	struct landlock_place place = { .may_write = false };

	(void)arg;
	place.fd = openat(top, "readable", O_PATH | O_DIRECTORY | O_CLOEXEC);
	C_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    landlock_confine(&place, 1) == 0, "set-up");
	C_OK(try_open(place.fd, "sub/g", O_RDONLY) == 0 &&
	    try_open(place.fd, "../outside/secret", O_RDONLY) == EACCES,
	    "below it, and not beside");
}

/* One file, and programs: of these the real one and no copy. */
static void
in_files(const void *arg)
{
	struct landlock_place places[] = {
		{ .fd = open("/", O_PATH | O_CLOEXEC) },
		{ .fd = open("/bin/true", O_PATH | O_CLOEXEC),
		    .may_execute = true, .is_file = true },
		{ .fd = openat(writable, "old", O_PATH | O_CLOEXEC),
		    .may_write = true, .is_file = true },
	};
	char name[] = "t", *argv[] = { name, NULL };

	(void)arg;
	C_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    landlock_enclose(places, COUNT(places)) == 0, "set-up");
	C_OK(try_open(writable, "old", O_WRONLY) == 0 &&
	    try_open(readable, "f", O_WRONLY) == EACCES &&
	    try_open(writable, "beside", O_WRONLY | O_CREAT) == EACCES,
	    "one file is written");
	C_OK(try_open(top, "outside/secret", O_RDONLY) == 0,
	    "all are read");
	C_OK(execv("/bin/sh", argv) == -1 && errno == EACCES,
	    "a program of nobody");
	/* the loader may not be executed, so it goes as far as that */
	C_OK(execv("/bin/true", argv) == -1 && errno == EACCES,
	    "a program whose loader is not there");
}

/* From version 6. */
static void
in_signals(const void *arg)
{
	pid_t parent = getppid(), own;
	int status;

	(void)arg;
	C_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    landlock_enclose(NULL, 0) == 0, "set-up");
	C_OK(kill(parent, 0) == -1 && errno == EPERM, "to one from before");
	own = fork();
	if (own == 0) {
		for (;;)
			pause();
	}
	C_OK(kill(own, SIGKILL) == 0 && waitpid(own, &status, 0) == own,
	    "to one of its own");
}

static void
test_enclosed(void)
{
	t_in_child(in_files, NULL, "files and programs");
	if (landlock_version() >= 6)
		t_in_child(in_signals, NULL, "signals");
	else
		t_skip("signals: Landlock %d", landlock_version());
}

static void
test_reach(void)
{
	t_in_child(in_open_ones, NULL, "from here on");
	t_in_child(in_nothing, NULL, "no place");
	t_in_child(in_twice, NULL, "twice");
	t_in_child(in_path, NULL, "a descriptor for nothing else");
}

static void
in_errors(const void *arg)
{
	struct landlock_place places[] = {
		{ .fd = readable, .may_write = false },
		{ .fd = -1, .may_write = false },
	};

	(void)arg;
	t_drop();
	C_OK(landlock_confine(places, 1) == -EPERM, "not without a promise");
	C_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "set-up");
	C_OK(landlock_confine(places, 2) == -EBADF, "no descriptor");
	places[1].fd = openat(readable, "f", O_RDONLY | O_CLOEXEC);
	C_OK(landlock_confine(places, 2) == -EINVAL, "no directory");
	C_OK(try_open(top, "outside/secret", O_RDWR) == 0,
	    "then nothing is bounded");
}

static void
test_errors(void)
{
	t_in_child(in_errors, NULL, "errors");
}

static void
test_version(void)
{
	T_OK(landlock_version() > 0, "the kernel has it");
}

/* A kernel from before it, or one where it is not switched on. */
static void
test_none(void)
{
	T_OK(landlock_version() == 0 && landlock_confine(NULL, 0) < 0,
	    "it is told");
	t_skip("Landlock: this kernel has none");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "version", test_version },
		{ "opening", test_opens },
		{ "a chroot", test_chroot },
		{ "changing", test_changes },
		{ "what nobody needs", test_others },
		{ "how far it goes", test_reach },
		{ "enclosed", test_enclosed },
		{ "errors", test_errors },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo none[] = {
		{ "none", test_none },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "landlock", set_up, clean_up, NULL, NULL,
		    landlock_version() > 0 ? tests : none },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
