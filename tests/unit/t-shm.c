/*
 * t-shm - the live table's file: one owner, locks that die with their
 * process however it dies, a size that never shrinks.
 */
#include <signal.h>
#include <sys/resource.h>

#include "os/shm.h"
#include "t-work.h"

#define PAGE	4096

static char dir[PATH_MAX], path[PATH_MAX];

static int
set_up(void)
{
	umask(022);
	t_tmp_make(dir);
	t_join(path, dir, "run/live");
	return 0;
}

static int
clean_up(void)
{
	t_tmp_remove(dir);
	return 0;
}

/*
 * POSIX locks know nothing of descriptors, only of processes: everybody
 * else is a child here.  It does its part, says so with a byte, and waits
 * to be killed or let go.
 */
struct other {
	pid_t pid;
	int said[2], go[2];
};

static void
other_start(struct other *o, void (*part)(const void *), const void *arg)
{
	char byte;

	fflush(stdout);
	if (pipe(o->said) == -1 || pipe(o->go) == -1)
		abort();
	o->pid = fork();
	if (o->pid == 0) {
		alarm(T_CHILD_SECONDS);
		close(o->said[0]);
		close(o->go[1]);
		part(arg);
		(void)!write(o->said[1], "x", 1);
		(void)!read(o->go[0], &byte, 1);
		_exit(0);
	}
	close(o->said[1]);
	close(o->go[0]);
	T_OK(o->pid != -1 && read(o->said[0], &byte, 1) == 1,
	    "the other process did its part");
}

static void
other_kill(struct other *o)
{
	kill(o->pid, SIGKILL);
	while (waitpid(o->pid, NULL, 0) == -1 && errno == EINTR)
		;
	close(o->said[0]);
	close(o->go[1]);
}

static void
other_let_go(struct other *o)
{
	close(o->go[1]);
	T_OK(t_reap(o->pid, 0), "the other process ended");
	close(o->said[0]);
}

/* ---- the file --------------------------------------------------------- */

static void
test_make(void)
{
	char folder[PATH_MAX];
	struct stat st;
	int fd = shm_open_table(path, 3 * PAGE);

	T_OK(fd >= 0, "it can be made");
	T_OK(fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0640,
	    "administrators may read it");
	T_OK(st.st_size == 3 * PAGE && shm_size(fd) == 3 * PAGE, "its size");
	T_OK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "no program inherits it");
	T_OK(stat(t_join(folder, dir, "run"), &st) == 0 &&
	    (st.st_mode & 07777) == 0755, "its folder is made");
	close(fd);
	T_OK(shm_open_table(t_join(folder, dir, "a/b/live"), PAGE) == -ENOENT,
	    "only the last folder is made");
}

static void
test_size(void)
{
	static const struct {
		const char *what;
		uint64_t ask, have;
	} rows[] = {
		{ "new", 2 * PAGE, 2 * PAGE },
		{ "a smaller one leaves it", PAGE, 2 * PAGE },
		{ "the same leaves it", 2 * PAGE, 2 * PAGE },
		{ "nothing leaves it", 0, 2 * PAGE },
		{ "a larger one makes it grow", 5 * PAGE, 5 * PAGE },
		{ "and again not shrink", PAGE, 5 * PAGE },
		{ "beyond 4 GiB it is sparse", UINT64_C(4294971392),
		    UINT64_C(4294971392) },
	};
	char byte = 0;
	size_t i;
	int fd;

	unlink(path);
	for (i = 0; i < COUNT(rows); i++) {
		fd = shm_open_table(path, rows[i].ask);
		T_OK(fd >= 0 && shm_size(fd) == rows[i].have, rows[i].what);
		if (i == 0)
			T_OK(pwrite(fd, "k", 1, PAGE) == 1, "set-up");
		T_OK(pread(fd, &byte, 1, PAGE) == 1 && byte == 'k',
		    "what was in it stays");
		close(fd);
	}
	T_OK(shm_size(fd) == 0, "a descriptor that is gone");
}

static void
in_no_space(const void *arg)
{
	const struct rlimit limit = { PAGE, PAGE };

	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	C_OK(setrlimit(RLIMIT_FSIZE, &limit) == 0, "set-up");
	C_OK(shm_open_table(path, 2 * PAGE) == -EFBIG, "no room for it");
	C_OK(shm_open_private(2 * PAGE) == -ENOSPC,
	    "no room for one of our own");
}

static void
test_no_space(void)
{
	unlink(path);
	t_in_child(in_no_space, NULL, "no room");
	unlink(path);
}

/* ---- traps ------------------------------------------------------------ */

static void
test_traps(void)
{
	char name[PATH_MAX], victim[PATH_MAX];

	t_put(AT_FDCWD, t_join(victim, dir, "victim"), "v", 0644);
	T_OK(symlink(victim, t_join(name, dir, "link")) == 0, "set-up");
	T_OK(shm_open_table(name, PAGE) == -ELOOP, "a link");
	T_OK(symlink("/nowhere/x", t_join(name, dir, "dangling")) == 0,
	    "set-up");
	T_OK(shm_open_table(name, PAGE) == -ELOOP, "a link to nothing");
	T_OK(link(victim, t_join(name, dir, "hard")) == 0, "set-up");
	T_OK(shm_open_table(name, PAGE) == -EINVAL, "a second link");
	T_OK(mkfifo(t_join(name, dir, "fifo"), 0600) == 0, "set-up");
	T_OK(shm_open_table(name, PAGE) == -EINVAL, "a FIFO");
	T_OK(mkdir(t_join(name, dir, "folder"), 0700) == 0, "set-up");
	T_OK(shm_open_table(name, PAGE) == -EISDIR, "a directory");
	T_OK(t_has(AT_FDCWD, victim, "v", 1), "the victim did not grow");
	unlink(t_join(name, dir, "hard"));
}

/* Another user's table could be taken away from under us. */
static void
test_owner(void)
{
	char name[PATH_MAX];

	if (geteuid() != 0) {
		t_skip("another user's table (needs root)");
		return;
	}
	t_put(AT_FDCWD, t_join(name, dir, "theirs"), "", 0666);
	T_OK(chown(name, T_NOBODY, T_NOBODY) == 0, "set-up");
	T_OK(shm_open_table(name, PAGE) == -EINVAL, "another user's");
}

/* ---- who owns it ------------------------------------------------------ */

static void
in_busy(const void *arg)
{
	(void)arg;
	C_OK(shm_open_table(path, PAGE) == -EBUSY, "a living server has it");
	C_OK(shm_open_table(path, PAGE) == -EBUSY, "asked again, too");
}

static void
test_one_owner(void)
{
	int fd = shm_open_table(path, PAGE);

	T_OK(fd >= 0, "the first");
	t_in_child(in_busy, NULL, "a second server");
	/* that child closed its descriptors: no concern of ours */
	t_in_child(in_busy, NULL, "a third server");
	close(fd);
}

static void
own(const void *arg)
{
	(void)arg;
	if (shm_open_table(path, PAGE) < 0)
		_exit(1);
}

static void
test_owner_dies(void)
{
	struct other o;
	int fd;

	other_start(&o, own, NULL);
	T_OK(shm_open_table(path, PAGE) == -EBUSY, "while it lives");
	other_kill(&o);
	fd = shm_open_table(path, PAGE);
	T_OK(fd >= 0, "kill -9 frees it");
	close(fd);
	other_start(&o, own, NULL);
	other_let_go(&o);
	fd = shm_open_table(path, PAGE);
	T_OK(fd >= 0, "so does an ordinary end");
	close(fd);
}

/* ---- slots ------------------------------------------------------------ */

static int table;

static void
lock_two(const void *arg)
{
	(void)arg;
	if (shm_lock(table, 2 * PAGE) != 0 || shm_lock(table, 4 * PAGE) != 0)
		_exit(1);
}

static void
in_second_locker(const void *arg)
{
	int err;

	(void)arg;
	err = shm_lock(table, 2 * PAGE);
	C_OK(err == -EAGAIN || err == -EACCES, "a slot that is taken");
	C_OK(shm_lock(table, 3 * PAGE) == 0, "its neighbour");
}

static void
test_slot_locks(void)
{
	struct other o;
	struct stat st;

	table = shm_open_table(path, 6 * PAGE);
	other_start(&o, lock_two, NULL);
	T_OK(shm_is_locked(table, 2 * PAGE), "seen by another process");
	T_OK(shm_is_locked(table, 4 * PAGE), "both of them");
	T_OK(!shm_is_locked(table, 3 * PAGE), "not the slot between");
	T_OK(shm_lock_owner(table, 2 * PAGE) == o.pid &&
	    shm_lock_owner(table, 3 * PAGE) == 0, "the kernel knows whose");
	T_OK(!shm_is_locked(table, 2 * PAGE - 1) &&
	    !shm_is_locked(table, 2 * PAGE + 1), "one byte, no more");
	t_in_child(in_second_locker, NULL, "a second one");
	T_OK(!shm_is_locked(table, 3 * PAGE), "which is gone with its lock");
	T_OK(fstat(table, &st) == 0 && st.st_blocks * 512 >= 6 * PAGE,
	    "no hole that a full disk could not fill");
	other_kill(&o);
	T_OK(!shm_is_locked(table, 2 * PAGE) &&
	    !shm_is_locked(table, 4 * PAGE), "kill -9 frees both");
	T_OK(shm_lock(table, 2 * PAGE) == 0, "the slot can be had again");
	close(table);
}

static void
in_fork(const void *arg)
{
	(void)arg;
	C_OK(shm_is_locked(table, 0), "the owner's lock is its own");
	C_OK(shm_is_locked(table, PAGE), "so is a slot's: it is not mine");
	close(table);
}

static void
test_inheritance(void)
{
	table = shm_open_table(path, 2 * PAGE);
	T_OK(shm_lock(table, PAGE) == 0, "set-up");
	T_OK(!shm_is_locked(table, PAGE), "one's own is not told");
	t_in_child(in_fork, NULL, "a child");
	/* and its close() took nothing from us */
	t_in_child(in_fork, NULL, "the next child");
	close(table);
}

/* tftpd-stats: any user, a descriptor that can only read. */
static void
in_reader(const void *arg)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	(void)arg;
	C_OK(fd != -1, "set-up");
	C_OK(shm_is_locked(fd, 0) && !shm_is_locked(fd, PAGE),
	    "a reader sees who lives");
	C_OK(shm_lock(fd, PAGE) == -EBADF, "but cannot take a slot");
}

static void
test_reader(void)
{
	table = shm_open_table(path, 2 * PAGE);
	t_in_child(in_reader, NULL, "a reader");
	close(table);
	T_OK(shm_lock(table, 0) == -EBADF && !shm_is_locked(table, 0),
	    "a descriptor that is gone");
}

/* ---- bytes without a mapping ------------------------------------------ */

static void
test_bytes(void)
{
	static const char zeros[8];
	int fd = shm_open_table(path, 2 * PAGE);
	char *got = t_guard(zeros, sizeof(zeros)), byte = 'x';
	unsigned char *map;

	T_OK(shm_write(fd, PAGE - 4, "eight..", 8) == 0, "over a page's end");
	T_OK(shm_read(fd, PAGE - 4, got, 8) == 0 &&
	    memcmp(got, "eight..", 8) == 0, "and back");
	map = shm_map(fd, PAGE, PAGE);
	T_OK(map != NULL && memcmp(map, "t..", 4) == 0,
	    "who maps it sees the same");
	if (map != NULL)
		munmap(map, PAGE);
	T_OK(shm_read(fd, 0, got, 0) == 0 && shm_write(fd, 0, "", 0) == 0,
	    "nothing at all");
	T_OK(shm_read(fd, 2 * PAGE - 1, &byte, 1) == 0 && byte == 0,
	    "the last byte");
	T_OK(shm_read(fd, 2 * PAGE - 4, got, 8) == -ENODATA, "half behind");
	T_OK(shm_read(fd, 2 * PAGE, got, 1) == -ENODATA, "all behind");
	T_OK(shm_read(fd, UINT64_C(1) << 63, got, 1) == -EINVAL,
	    "before its front");
	close(fd);
	T_OK(shm_read(fd, 0, got, 8) == -EBADF &&
	    shm_write(fd, 0, "x", 1) == -EBADF, "a descriptor that is gone");
	t_unguard(got, sizeof(zeros));
}

static void
test_grow(void)
{
	struct stat st;
	int fd = shm_open_table(path, 2 * PAGE), reader;
	char byte = 0;

	T_OK(shm_write(fd, PAGE, "k", 1) == 0, "set-up");
	T_OK(shm_grow(fd, 4 * PAGE) == 0 && shm_size(fd) == 4 * PAGE,
	    "it grows");
	T_OK(fstat(fd, &st) == 0 && st.st_blocks * 512 >= 4 * PAGE,
	    "without a hole");
	T_OK(shm_grow(fd, PAGE) == 0 && shm_size(fd) == 4 * PAGE,
	    "and never shrinks");
	T_OK(shm_read(fd, PAGE, &byte, 1) == 0 && byte == 'k',
	    "what was in it stays");
	reader = open(path, O_RDONLY | O_CLOEXEC);
	T_OK(shm_grow(reader, 5 * PAGE) == -EBADF &&
	    shm_write(reader, 0, "x", 1) == -EBADF, "a reader cannot");
	close(reader);
	close(fd);
	T_OK(shm_grow(fd, PAGE) == -EBADF, "a descriptor that is gone");
}

/* A transfer has the descriptor: it can cut the table, and that is all. */
static void
in_cut(const void *arg)
{
	const char zeros[PAGE] = { 0 };
	char got[PAGE];
	struct stat st;

	(void)arg;
	C_OK(ftruncate(table, 0) == 0 && shm_size(table) == 0, "set-up");
	C_OK(shm_read(table, 0, got, sizeof(got)) == -ENODATA, "no header");
	C_OK(shm_read(table, PAGE, got, 1) == -ENODATA, "no slot");
	C_OK(shm_grow(table, 3 * PAGE) == 0 && shm_size(table) == 3 * PAGE &&
	    fstat(table, &st) == 0 && st.st_blocks * 512 >= 3 * PAGE,
	    "it can be had again");
	C_OK(shm_read(table, 2 * PAGE, got, PAGE) == 0 &&
	    memcmp(got, zeros, PAGE) == 0, "empty");
	C_OK(ftruncate(table, 0) == 0 && shm_write(table, PAGE, "k", 1) == 0 &&
	    shm_size(table) == PAGE + 1, "writing makes it longer, too");
}

static void
test_cut(void)
{
	table = shm_open_table(path, 2 * PAGE);
	t_in_child(in_cut, NULL, "a table that was cut");
	close(table);
	table = shm_open_private(2 * PAGE);
	t_in_child(in_cut, NULL, "a private one");
	close(table);
}

static void
in_no_room_to_write(const void *arg)
{
	const struct rlimit limit = { 2 * PAGE, 2 * PAGE };

	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	C_OK(setrlimit(RLIMIT_FSIZE, &limit) == 0, "set-up");
	C_OK(shm_write(table, 2 * PAGE - 1, "xy", 2) == -ENOSPC, "half of it");
	C_OK(shm_write(table, 2 * PAGE, "x", 1) == -EFBIG, "nothing of it");
	C_OK(shm_grow(table, 3 * PAGE) == -EFBIG && shm_size(table) == 2 * PAGE,
	    "no larger table");
}

static void
test_no_room_to_write(void)
{
	unlink(path);
	table = shm_open_table(path, 2 * PAGE);
	t_in_child(in_no_room_to_write, NULL, "no room");
	close(table);
}

/* ---- mapping ---------------------------------------------------------- */

static void
in_mapped(const void *arg)
{
	unsigned char *map = shm_map(table, PAGE, PAGE);

	(void)arg;
	C_OK(map != NULL && map[0] == 7 && map[PAGE - 1] == 8,
	    "what another wrote");
	if (map != NULL)
		map[1] = 9;
}

static void
check_map(int fd)
{
	unsigned char *map = shm_map(fd, PAGE, PAGE);

	table = fd;
	T_OK(map != NULL, "a slot");
	if (map == NULL)
		return;
	map[0] = 7;
	map[PAGE - 1] = 8;
	t_in_child(in_mapped, NULL, "another process");
	T_OK(map[1] == 9, "and back");
	munmap(map, PAGE);
}

static void
test_map(void)
{
	unsigned char byte = 0;
	int fd = shm_open_table(path, 3 * PAGE);

	check_map(fd);
	T_OK(pread(fd, &byte, 1, PAGE) == 1 && byte == 7, "it is the file");
	T_OK(shm_map(fd, 1, PAGE) == NULL, "not at a page's start");
	T_OK(shm_map(fd, 0, 0) == NULL, "nothing");
	close(fd);
	T_OK(shm_map(fd, 0, PAGE) == NULL, "a descriptor that is gone");
}

static void
test_private(void)
{
	int fd = shm_open_private(3 * PAGE), second = shm_open_private(PAGE);
	struct other o;
	struct stat a, b;

	T_OK(fd >= 0 && second >= 0, "they can be made");
	T_OK(shm_size(fd) == 3 * PAGE && shm_size(second) == PAGE, "sizes");
	T_OK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "no program inherits it");
	T_OK(fstat(fd, &a) == 0 && fstat(second, &b) == 0 &&
	    a.st_ino != b.st_ino, "two of them are two");
	T_OK(a.st_nlink == 0, "it has no name");
	check_map(fd);
	close(fd);
	close(second);
	table = shm_open_private(6 * PAGE);
	other_start(&o, lock_two, NULL);
	T_OK(shm_is_locked(table, 2 * PAGE), "its locks are seen too");
	other_kill(&o);
	T_OK(!shm_is_locked(table, 2 * PAGE), "and freed by kill -9");
	close(table);
}

int
main(void)
{
	CU_TestInfo file[] = {
		{ "mode and folder", test_make },
		{ "size", test_size },
		{ "no room", test_no_space },
		{ "traps", test_traps },
		{ "another user's", test_owner },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo locks[] = {
		{ "one owner", test_one_owner },
		{ "the owner dies", test_owner_dies },
		{ "slots", test_slot_locks },
		{ "fork", test_inheritance },
		{ "readers", test_reader },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo bytes[] = {
		{ "written and read", test_bytes },
		{ "grown", test_grow },
		{ "cut", test_cut },
		{ "no room", test_no_room_to_write },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo maps[] = {
		{ "the table", test_map },
		{ "a private one", test_private },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "shm: the file", set_up, clean_up, NULL, NULL, file },
		{ "shm: locks", set_up, clean_up, NULL, NULL, locks },
		{ "shm: bytes", set_up, clean_up, NULL, NULL, bytes },
		{ "shm: maps", set_up, clean_up, NULL, NULL, maps },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
