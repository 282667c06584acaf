/*
 * t-watch - every way in which a configuration file changes is seen.
 *
 * Each case has a root of its own: the system's "/" and "/tmp" would tell
 * of others' files.
 */
#include <poll.h>

#include "os/watch.h"
#include "t-work.h"

#define CONF	"/etc/tftpd.conf"

static char dir[PATH_MAX];

static int
set_up(void)
{
	umask(022);
	t_tmp_make(dir);
	return 0;
}

static int
clean_up(void)
{
	t_tmp_remove(dir);
	return 0;
}

/* A new, empty root with /etc in it; in a child. */
static bool
enter_root(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.*s/XXXXXX", PATH_MAX - 8, dir);
	return mkdtemp(path) != NULL && t_unshare(CLONE_NEWNS) &&
	    chroot(path) == 0 && chdir("/") == 0 && mkdir("/etc", 0755) == 0;
}

static bool
can_enter_root(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(!enter_root());
	return t_reap(pid, 0);
}

/* Nothing but written: t_put() would change the mode, too. */
static bool
put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t len = (ssize_t)strlen(text);
	bool good = fd != -1 && write(fd, text, (size_t)len) == len;

	if (fd != -1)
		close(fd);
	return good;
}

/* ---- a file ----------------------------------------------------------- */

static bool
make_file(void)
{
	return put(CONF, "old");
}

static bool
make_nothing(void)
{
	return true;
}

static bool
write_in_place(void)
{
	return put(CONF, "new content");
}

static bool
rename_over(void)
{
	return put("/etc/.tftpd.conf.swp", "new") &&
	    rename("/etc/.tftpd.conf.swp", CONF) == 0;
}

static bool
make_elsewhere(void)
{
	return mkdir("/srv", 0755) == 0 && put("/srv/new", "new");
}

static bool
make_both(void)
{
	return make_file() && make_elsewhere();
}

static bool
move_in(void)
{
	return rename("/srv/new", CONF) == 0;
}

static bool
move_away(void)
{
	return rename(CONF, "/srv/old") == 0;
}

static bool
keep_old(void)
{
	return rename(CONF, CONF "~") == 0 && put(CONF, "new");
}

static bool
change_mode(void)
{
	return chmod(CONF, 0600) == 0;
}

static bool
delete(void)
{
	return unlink(CONF) == 0;
}

static bool
delete_folder(void)
{
	return unlink(CONF) == 0 && unlink("/etc/there") == 0 &&
	    rmdir("/etc") == 0;
}

static bool
rename_folder(void)
{
	return rename("/etc", "/cte") == 0;
}

static bool
make_other(void)
{
	return put("/etc/other", "");
}

/* Half a file is none: an empty one would be a valid configuration. */
static bool
write_half(void)
{
	int fd = open(CONF, O_WRONLY | O_TRUNC | O_CLOEXEC);

	return fd != -1 && write(fd, "n", 1) == 1;
}

static bool
read_it(void)
{
	return t_has(AT_FDCWD, CONF, "old", 3);
}

static bool
write_other(void)
{
	return put("/etc/there", "x");
}

/* ---- links ------------------------------------------------------------ */

/* As Kubernetes does it: conf -> ..data/conf, ..data -> ..2024_1 */
static bool
make_volume(void)
{
	return mkdir("/etc/..2024_1", 0755) == 0 &&
	    put("/etc/..2024_1/conf", "old") &&
	    symlink("..2024_1", "/etc/..data") == 0 &&
	    symlink("..data/conf", CONF) == 0 &&
	    mkdir("/etc/..2024_2", 0755) == 0 &&
	    put("/etc/..2024_2/conf", "newer") &&
	    symlink("..2024_2", "/etc/..tmp") == 0;
}

static bool
swap_middle(void)
{
	return rename("/etc/..tmp", "/etc/..data") == 0;
}

static bool
swap_top(void)
{
	return symlink("..2024_2/conf", "/etc/new") == 0 &&
	    rename("/etc/new", CONF) == 0;
}

static bool
write_behind(void)
{
	return put("/etc/..2024_1/conf", "written");
}

static bool
rename_behind(void)
{
	return put("/etc/..2024_1/new", "newer") &&
	    rename("/etc/..2024_1/new", "/etc/..2024_1/conf") == 0;
}

/* Links through other directories: each one's place is watched. */
static bool
make_chain(void)
{
	return mkdir("/srv", 0755) == 0 && mkdir("/srv/a", 0755) == 0 &&
	    mkdir("/opt", 0755) == 0 && mkdir("/opt/b", 0755) == 0 &&
	    symlink("/srv/a/link", CONF) == 0 &&
	    symlink("../../opt/b/conf", "/srv/a/link") == 0 &&
	    put("/opt/b/conf", "old") && put("/opt/b/next", "next one");
}

static bool
swap_link(void)
{
	return symlink("../../opt/b/next", "/srv/a/new") == 0 &&
	    rename("/srv/a/new", "/srv/a/link") == 0;
}

static bool
rename_end(void)
{
	return rename("/opt/b/next", "/opt/b/conf") == 0;
}

static bool
make_dangling(void)
{
	return symlink("/opt/conf", CONF) == 0 && mkdir("/opt", 0755) == 0;
}

static bool
appear_behind(void)
{
	return put("/opt/conf", "new");
}

static bool
make_ring(void)
{
	return symlink("tftpd.conf", CONF) == 0;
}

/* ---- cases ------------------------------------------------------------ */

struct row {
	const char *what;
	bool (*make)(void);
	bool (*act)(void);
	bool is_seen, is_other;	/* an event; another stamp */
};

static bool
is_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void
in_row(const void *arg)
{
	const struct row *row = arg;
	uint64_t before;
	int fd;

	C_OK(enter_root() && put("/etc/there", "") && row->make(), "set-up");
	fd = watch_open();
	C_OK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "it opens");
	watch_add(fd, CONF);
	before = watch_stamp(CONF);
	C_OK(!watch_drain(fd) && !is_ready(fd), "looking is no change");
	C_OK(watch_stamp(CONF) == before, "the same stamp again");
	C_OK(row->act(), "set-up");
	C_OK(is_ready(fd) == row->is_seen, "poll says it");
	C_OK(watch_drain(fd) == row->is_seen, row->what);
	C_OK((watch_stamp(CONF) != before) == row->is_other, row->what);
	C_OK(!watch_drain(fd) && !is_ready(fd), "it is told once");
	/* whatever stands there now is watched just the same */
	(void)mkdir("/etc", 0755);
	C_OK(put("/etc/next", "next"), "set-up");
	(void)watch_drain(fd);
	watch_add(fd, CONF);
	C_OK(!watch_drain(fd), "nothing of it is news");
	C_OK(rename("/etc/next", CONF) == 0 && watch_drain(fd),
	    "the next change");
}

static void
check_rows(const struct row *rows, size_t count)
{
	size_t i;

	if (!can_enter_root()) {
		t_skip("changes (needs root or user namespaces)");
		return;
	}
	for (i = 0; i < count; i++)
		t_in_child(in_row, &rows[i], rows[i].what);
}

static void
test_file(void)
{
	static const struct row rows[] = {
		{ "written in place", make_file, write_in_place, true, true },
		{ "renamed over", make_file, rename_over, true, true },
		{ "moved in from elsewhere", make_both, move_in, true,
		    true },
		{ "moved away", make_both, move_away, true, true },
		{ "the old one kept", make_file, keep_old, true, true },
		{ "another mode", make_file, change_mode, true, true },
		{ "deleted", make_file, delete, true, true },
		{ "deleted with its folder", make_file, delete_folder, true,
		    true },
		{ "its folder has another name", make_file, rename_folder,
		    true, true },
		{ "it appears", make_nothing, write_in_place, true, true },
		{ "it appears by a rename", make_nothing, rename_over, true,
		    true },
		{ "it is moved in", make_elsewhere, move_in, true, true },
		{ "another file appears", make_file, make_other, true,
		    false },
		{ "half of it is written", make_file, write_half, false,
		    true },
		{ "it is read", make_file, read_it, false, false },
		{ "another file is written", make_file, write_other, false,
		    false },
	};

	check_rows(rows, COUNT(rows));
}

static void
test_links(void)
{
	static const struct row rows[] = {
		{ "the link in the middle", make_volume, swap_middle, true,
		    true },
		{ "the link of its name", make_volume, swap_top, true, true },
		{ "the file behind two links", make_volume, write_behind,
		    true, true },
		{ "renamed over behind two links", make_volume,
		    rename_behind, true, true },
		{ "a link in another folder", make_chain, swap_link, true,
		    true },
		{ "renamed over in another folder", make_chain, rename_end,
		    true, true },
		{ "a link to nothing", make_dangling, appear_behind, true,
		    true },
		{ "a link to itself", make_ring, make_other, true, false },
	};

	check_rows(rows, COUNT(rows));
}

/* ---- folders ---------------------------------------------------------- */

/* Component by component, as somebody makes them. */
static void
in_appear(const void *arg)
{
	const char *path = "/etc/tftpd/conf.d/10-pxe.conf";
	int fd;

	(void)arg;
	C_OK(enter_root(), "set-up");
	fd = watch_open();
	watch_add(fd, path);
	C_OK(watch_stamp(path) == 0 && !watch_drain(fd), "nothing there");
	C_OK(mkdir("/etc/tftpd", 0755) == 0 && watch_drain(fd), "a folder");
	watch_add(fd, path);
	C_OK(mkdir("/etc/tftpd/conf.d", 0755) == 0 && watch_drain(fd),
	    "another in it");
	watch_add(fd, path);
	C_OK(put(path, "x") && watch_drain(fd), "the file");
	C_OK(watch_stamp(path) != 0, "is there");
	watch_add(fd, path);
	C_OK(put(path, "xy") && watch_drain(fd), "and is written");
}

/* A folder whose files are included. */
static void
in_included(const void *arg)
{
	uint64_t stamp;
	int fd;

	(void)arg;
	C_OK(enter_root(), "set-up");
	fd = watch_open();
	watch_add(fd, "/etc/conf.d");
	C_OK(mkdir("/etc/conf.d", 0755) == 0 && watch_drain(fd),
	    "it appears");
	watch_add(fd, "/etc/conf.d");
	stamp = watch_stamp("/etc/conf.d");
	C_OK(stamp != 0, "a folder has a stamp");
	C_OK(put("/etc/conf.d/a", "") && watch_drain(fd), "a file in it");
	C_OK(rename("/etc/conf.d/a", "/etc/conf.d/b") == 0 &&
	    watch_drain(fd), "has another name");
	C_OK(unlink("/etc/conf.d/b") == 0 && watch_drain(fd), "is gone");
	C_OK(rmdir("/etc/conf.d") == 0 && watch_drain(fd), "the folder too");
	C_OK(watch_stamp("/etc/conf.d") == 0, "and its stamp");
}

static void
in_relative(const void *arg)
{
	int fd;

	(void)arg;
	C_OK(enter_root() && put(CONF, "old") && mkdir("/srv", 0755) == 0 &&
	    chdir("/srv") == 0, "set-up");
	fd = watch_open();
	watch_add(fd, "../etc/tftpd.conf");
	C_OK(put(CONF, "new") && watch_drain(fd), "a relative name");
}

/* Many names, often: nothing stays open, and nothing is told twice. */
static void
in_again(const void *arg)
{
	unsigned i;
	int fd, last;

	(void)arg;
	C_OK(enter_root() && make_volume(), "set-up");
	fd = watch_open();
	last = open("/", O_PATH | O_CLOEXEC);
	close(last);
	for (i = 0; i < 100; i++) {
		watch_add(fd, CONF);
		watch_add(fd, "/etc/missing");
	}
	C_OK(open("/", O_PATH | O_CLOEXEC) == last, "nothing stays open");
	C_OK(write_behind() && watch_drain(fd) && !watch_drain(fd), "once");
	for (i = 0; i < 2000; i++) {
		C_OK(symlink("x", "/etc/y") == 0 && unlink("/etc/y") == 0,
		    "set-up");
	}
	C_OK(watch_drain(fd) && !is_ready(fd), "more than one read gives");
}

static void
test_folders(void)
{
	if (!can_enter_root()) {
		t_skip("folders (needs root or user namespaces)");
		return;
	}
	t_in_child(in_appear, NULL, "one after the other");
	t_in_child(in_included, NULL, "an included one");
	t_in_child(in_relative, NULL, "a relative name");
	t_in_child(in_again, NULL, "again and again");
}

/* What cannot be watched does no harm. */
static void
test_best_effort(void)
{
	char longest[PATH_MAX + 100];
	int fd = watch_open();

	memset(longest, '/', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	watch_add(fd, longest);
	memset(longest, 'n', sizeof(longest) - 1);
	watch_add(fd, longest);
	longest[0] = '/';
	watch_add(fd, longest);
	watch_add(fd, "");
	watch_add(-1, "/etc/passwd");
	T_OK(!watch_drain(-1), "no descriptor, no event");
	T_OK(watch_stamp(longest) == 0 && watch_stamp("") == 0, "no stamp");
	close(fd);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "a file", test_file },
		{ "links", test_links },
		{ "folders", test_folders },
		{ "what cannot be watched", test_best_effort },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "watch", set_up, clean_up, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
