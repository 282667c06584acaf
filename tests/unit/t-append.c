/*
 * t-append - the log that many processes write: made with the right mode,
 * never through a stranger's trap, no line torn by another, with space kept
 * for lines to come.
 */
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/vfs.h>

#include "os/append.h"
#include "t-work.h"

static char dir[PATH_MAX], path[PATH_MAX];

static int
set_up(void)
{
	umask(022);
	t_tmp_make(dir);
	t_join(path, dir, "log/transfers.jsonl");
	return 0;
}

static int
clean_up(void)
{
	t_tmp_remove(dir);
	return 0;
}

/* A new name in the directory, for a row of its own. */
static const char *
new_name(void)
{
	static char name[PATH_MAX];
	static unsigned number;
	char base[32];

	snprintf(base, sizeof(base), "n%u", number++);
	return t_join(name, dir, base);
}

/* ---- making it -------------------------------------------------------- */

static void
check_made(mode_t mask)
{
	char folder[PATH_MAX];
	struct stat st;
	mode_t old;
	int fd;

	old = umask(mask);
	fd = append_open(path);
	umask(old);
	T_OK(fd >= 0, "it can be made");
	if (fd < 0)
		return;
	T_OK(fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0640,
	    "mode 0640, whatever the umask");
	T_OK(st.st_size == 0 && st.st_uid == geteuid(), "empty and ours");
	T_OK((fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND)) ==
	    (O_WRONLY | O_APPEND), "for appending alone");
	T_OK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "no program inherits it");
	T_OK(stat(t_join(folder, dir, "log"), &st) == 0 &&
	    (st.st_mode & 07777) == (0755 & ~mask), "its folder is made");
	close(fd);
	unlink(path);
	rmdir(folder);
}

static void
test_make(void)
{
	check_made(022);
	check_made(027);
	check_made(0);
	check_made(077);
}

/* As root; whether there is a group adm or not. */
static void
test_group(void)
{
	struct group *adm = getgrnam("adm");
	struct stat st;
	int fd;

	if (geteuid() != 0 || adm == NULL) {
		t_skip("group adm (needs root and that group)");
		return;
	}
	fd = append_open(path);
	T_OK(fd >= 0 && fstat(fd, &st) == 0 && st.st_gid == adm->gr_gid,
	    "administrators may read it");
	close(fd);
	unlink(path);
}

static void
test_existing(void)
{
	const char *name = new_name();
	struct stat st;
	int fd;

	t_put(AT_FDCWD, name, "old\n", 0600);
	fd = append_open(name);
	T_OK(fd >= 0, "an existing one is opened");
	T_OK(append_write(fd, "new\n", 4) == 0, "and written");
	T_OK(lseek(fd, 0, SEEK_SET) == 0 && append_write(fd, "last\n", 5) == 0,
	    "always at its end");
	T_OK(fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0600,
	    "the mode that the administrator gave it stays");
	close(fd);
	T_OK(t_has(AT_FDCWD, name, "old\nnew\nlast\n", 13), "nothing is lost");
}

static void
test_folders(void)
{
	char name[PATH_MAX];

	T_OK(append_open(t_join(name, dir, "a/b/log")) == -ENOENT,
	    "only the last folder is made");
	T_OK(access(t_join(name, dir, "a"), F_OK) == -1, "none above it");
	t_put(AT_FDCWD, t_join(name, dir, "plain"), "", 0600);
	T_OK(append_open(t_join(name, dir, "plain/log")) == -ENOTDIR,
	    "a folder that is a file");
}

static void
in_no_permission(const void *arg)
{
	char name[PATH_MAX];

	(void)arg;
	t_drop();
	C_OK(append_open(t_join(name, dir, "locked/log")) == -EACCES,
	    "a folder that we may not write");
	C_OK(append_open(t_join(name, dir, "locked/sub/log")) == -EACCES ||
	    append_open(name) == -ENOENT, "a folder that we may not make");
}

static void
test_no_permission(void)
{
	char locked[PATH_MAX];

	T_OK(mkdir(t_join(locked, dir, "locked"), 0555) == 0, "set-up");
	t_in_child(in_no_permission, NULL, "as an ordinary user");
	T_OK(rmdir(locked) == 0, "nothing was made there");
}

/* ---- traps ------------------------------------------------------------ */

static void
trap_link(const char *name)
{
	char victim[PATH_MAX];

	t_put(AT_FDCWD, t_join(victim, dir, "victim"), "victim\n", 0666);
	if (symlink(victim, name) == -1)
		abort();
}

static void
trap_dangling(const char *name)
{
	char victim[PATH_MAX];

	if (symlink(t_join(victim, dir, "not-there"), name) == -1)
		abort();
}

static void
trap_hard_link(const char *name)
{
	char victim[PATH_MAX];

	t_put(AT_FDCWD, t_join(victim, dir, "victim"), "victim\n", 0666);
	if (link(victim, name) == -1)
		abort();
}

static void
trap_fifo(const char *name)
{
	if (mkfifo(name, 0666) == -1)
		abort();
}

static void
trap_directory(const char *name)
{
	if (mkdir(name, 0755) == -1)
		abort();
}

static void
trap_socket(const char *name)
{
	if (mknod(name, S_IFSOCK | 0666, 0) == -1)
		abort();
}

static void
test_traps(void)
{
	static const struct {
		const char *what;
		void (*make)(const char *name);
		int want;	/* 0: any error */
	} rows[] = {
		{ "a link", trap_link, -ELOOP },
		{ "a link to nothing is not filled", trap_dangling, -ELOOP },
		{ "a file with a second link", trap_hard_link, -EINVAL },
		{ "a FIFO without a reader does not block", trap_fifo, 0 },
		{ "a directory", trap_directory, 0 },
		{ "a socket", trap_socket, 0 },
	};
	char name[PATH_MAX];
	size_t i;
	int fd;

	for (i = 0; i < COUNT(rows); i++) {
		snprintf(name, sizeof(name), "%s", new_name());
		rows[i].make(name);
		fd = append_open(name);
		T_OK(rows[i].want == 0 ? fd < 0 : fd == rows[i].want,
		    rows[i].what);
		if (fd >= 0)
			close(fd);
	}
	T_OK(t_has(AT_FDCWD, t_join(name, dir, "victim"), "victim\n", 7),
	    "the victim is as it was");
	T_OK(access(t_join(name, dir, "not-there"), F_OK) == -1,
	    "nothing was made through the link");
}

/* With a reader a FIFO opens at once, and only fstat tells. */
static void
test_fifo_with_reader(void)
{
	char name[PATH_MAX];
	int reader;

	snprintf(name, sizeof(name), "%s", new_name());
	trap_fifo(name);
	reader = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	T_OK(append_open(name) == -EINVAL, "a FIFO with a reader");
	close(reader);
}

static void
test_device(void)
{
	T_OK(append_open("/dev/null") == -EINVAL, "a device");
}

/* ---- writing ---------------------------------------------------------- */

static void
test_write_errors(void)
{
	int fd, full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	fd = append_open(new_name());
	T_OK(append_write(fd, "", 0) == 0, "nothing");
	close(fd);
	T_OK(append_write(fd, "x", 1) == -EBADF, "a descriptor that is gone");
	if (full == -1) {
		t_skip("/dev/full");
		return;
	}
	T_OK(append_write(full, "x", 1) == -ENOSPC, "a full disk");
	close(full);
}

/* A file size limit ends a write in its middle, as a full disk does. */
static void
in_short_write(const void *arg)
{
	const struct rlimit limit = { 100, 100 };
	char line[90], whole[100];
	int fd = append_open(arg);

	memset(line, 'a', sizeof(line));
	memset(whole, 'a', sizeof(whole));
	signal(SIGXFSZ, SIG_IGN);
	C_OK(fd >= 0 && setrlimit(RLIMIT_FSIZE, &limit) == 0, "set-up");
	C_OK(append_write(fd, line, sizeof(line)) == 0, "it fits");
	C_OK(append_write(fd, line, 20) == -ENOSPC, "a short write");
	C_OK(t_has(AT_FDCWD, arg, whole, sizeof(whole)),
	    "its rest is not written");
	C_OK(append_write(fd, line, 20) == -EFBIG, "nothing fits");
}

static void
test_short_write(void)
{
	t_in_child(in_short_write, new_name(), "short writes");
}

/* logrotate: renamed away; whoever has it open goes on in the old one. */
static void
test_rotation(void)
{
	char name[PATH_MAX], old[PATH_MAX];
	int before, after;

	snprintf(name, sizeof(name), "%s", new_name());
	before = append_open(name);
	T_OK(append_write(before, "1\n", 2) == 0, "before");
	T_OK(rename(name, t_join(old, dir, "log.1")) == 0, "set-up");
	after = append_open(name);
	T_OK(after >= 0 && append_write(after, "2\n", 2) == 0, "the new one");
	T_OK(append_write(before, "3\n", 2) == 0, "the old one");
	T_OK(t_has(AT_FDCWD, old, "1\n3\n", 4), "the old one's lines");
	T_OK(t_has(AT_FDCWD, name, "2\n", 2), "the new one's line");
	close(before);
	close(after);
}

/* ---- many writers ----------------------------------------------------- */

#define WRITERS	8
#define LINES	500
#define LINE_MAX_LEN	4096	/* the longest record */

/* Lines of every length; what is in them tells who wrote them. */
static size_t
make_line(char *line, unsigned writer, unsigned number)
{
	size_t len = 16 + (writer * 977 + number * 131) % (LINE_MAX_LEN - 16);
	size_t at;

	if (number % 50 == 0)
		len = LINE_MAX_LEN;
	at = (size_t)snprintf(line, len, "%u %u ", writer, number);
	memset(line + at, (int)('a' + (writer + number) % 26), len - at);
	line[len - 1] = '\n';
	return len;
}

/* Half of them share a descriptor, as transfers do; half open their own. */
static void
write_lines(unsigned writer, const char *name, int shared, int start)
{
	char line[LINE_MAX_LEN], byte;
	int fd = shared, bad = 0;
	unsigned i;

	alarm(T_CHILD_SECONDS);
	/* nobody is ahead: this ends when the parent closes its end */
	while (read(start, &byte, 1) == -1 && errno == EINTR)
		;
	if (writer % 2 == 0)
		fd = append_open(name);
	for (i = 0; i < LINES; i++)
		bad |= append_write(fd, line, make_line(line, writer, i));
	_exit(bad != 0);
}

/* Which line this is, checked to its last byte; its length, or 0. */
static size_t
check_line(const char *at, size_t left, unsigned next[WRITERS])
{
	char want[LINE_MAX_LEN];
	unsigned writer, number;
	char *end;
	size_t len;

	/* not sscanf(): it would look for the end of all the text */
	writer = (unsigned)strtoul(at, &end, 10);
	number = (unsigned)strtoul(end, &end, 10);
	if (writer >= WRITERS || number != next[writer])
		return 0;
	next[writer]++;
	len = make_line(want, writer, number);
	return len <= left && memcmp(at, want, len) == 0 ? len : 0;
}

static void
check_lines(const char *name)
{
	unsigned next[WRITERS] = { 0 }, i;
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t at = 0, len = 1, size;
	char *text;

	T_OK(fd != -1 && fstat(fd, &st) == 0, "it is there");
	size = (size_t)st.st_size;
	text = malloc(size + 1);
	T_OK(read(fd, text, size) == (ssize_t)size, "it can be read");
	text[size] = '\0';
	while (at < size && len != 0) {
		len = check_line(text + at, size - at, next);
		at += len;
	}
	T_OK(at == size, "no line is torn, and each one's are in order");
	for (i = 0; i < WRITERS; i++)
		T_OK(next[i] == LINES, "none is missing");
	free(text);
	close(fd);
}

static void
test_writers(void)
{
	char name[PATH_MAX];
	pid_t pids[WRITERS];
	int start[2], fd;
	unsigned i;

	snprintf(name, sizeof(name), "%s", new_name());
	fd = append_open(name);
	if (fd < 0 || pipe(start) == -1)
		abort();
	fflush(stdout);
	for (i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (pids[i] != 0)
			continue;
		close(start[1]);
		write_lines(i, name, fd, start[0]);
	}
	close(start[1]);
	for (i = 0; i < WRITERS; i++)
		T_OK(t_reap(pids[i], 0), "a writer");
	close(start[0]);
	close(fd);
	check_lines(name);
}

/* At the first boot storm nobody's file may hide another's. */
static void
race(int start)
{
	char byte;
	int fd;

	alarm(T_CHILD_SECONDS);
	while (read(start, &byte, 1) == -1 && errno == EINTR)
		;
	fd = append_open(path);
	_exit(fd < 0 || append_write(fd, "x\n", 2) != 0);
}

static void
test_race(void)
{
	pid_t pids[WRITERS];
	int start[2];
	unsigned i;

	unlink(path);
	if (pipe(start) == -1)
		abort();
	fflush(stdout);
	for (i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (pids[i] != 0)
			continue;
		close(start[1]);
		race(start[0]);
	}
	close(start[1]);
	for (i = 0; i < WRITERS; i++)
		T_OK(t_reap(pids[i], 0), "one that makes it or finds it");
	close(start[0]);
	T_OK(t_has(AT_FDCWD, path, "x\nx\nx\nx\nx\nx\nx\nx\n",
	    2 * WRITERS), "all in one file");
}

static void
test_nfs(void)
{
	struct statfs fs;
	int fd = append_open(new_name());

	T_OK(fstatfs(fd, &fs) == 0, "set-up");
	T_OK((append_is_nfs(fd) != 0) == (fs.f_type == 0x6969),
	    "what the kernel says");
	close(fd);
	T_OK(append_is_nfs(fd) == 0, "a descriptor that is gone is no NFS");
	fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		t_skip("append_is_nfs on /proc");
	else
		T_OK(append_is_nfs(fd) == 0, "/proc is no NFS");
	close(fd);
}

/* ---- space for records to come ---------------------------------------- */

#define MIB	(1024 * 1024)

static uint64_t
allocated(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		abort();
	return (uint64_t)st.st_blocks * 512;
}

static off_t
size_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		abort();
	return st.st_size;
}

static void
test_reserve(void)
{
	const char *name = new_name();
	int fd = append_open(name);
	uint64_t before, after;
	int64_t room;

	T_OK(append_write(fd, "first\n", 6) == 0, "set-up");
	room = append_reserve(fd, 100 * 1000);
	if (room == -EOPNOTSUPP) {
		t_skip("append_reserve on this file system");
		close(fd);
		return;
	}
	before = allocated(fd);
	T_OK(room >= MIB && before >= MIB, "a step of 1 MiB");
	T_OK(size_of(fd) == 6, "readers see nothing of it");
	room = append_reserve(fd, 100 * 1000);
	T_OK(room >= 100 * 1000 && room <= (int64_t)before - 6 &&
	    allocated(fd) == before, "there is enough: nothing is done");
	T_OK(append_write(fd, "second\n", 7) == 0, "a record");
	T_OK(t_has(AT_FDCWD, name, "first\nsecond\n", 13),
	    "stands behind the last one");
	room = append_reserve(fd, 3 * MIB + 1);
	after = allocated(fd);
	T_OK(room >= 3 * MIB + 1 && after >= 4 * MIB && after < 6 * MIB,
	    "as many steps as it takes");
	T_OK(ftruncate(fd, 0) == 0 && allocated(fd) < MIB,
	    "copytruncate takes it away");
	T_OK(append_reserve(fd, 1) >= 1 && allocated(fd) >= MIB,
	    "and the next look brings it back");
	close(fd);
}

static void
test_reserve_errors(void)
{
	int fds[2], fd = append_open(new_name());

	close(fd);
	T_OK(append_reserve(fd, 1) == -EBADF, "a descriptor that is gone");
	T_OK(append_reserve(-1, 1) == -EBADF, "no log");
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	T_OK(append_reserve(fd, 1) == -ENODEV, "a device");
	close(fd);
	if (pipe(fds) == -1)
		abort();
	T_OK(append_reserve(fds[1], 1) == -ESPIPE, "a pipe");
	close(fds[0]);
	close(fds[1]);
}

/* Others fill the disk; what was reserved stays. */
static void
in_full_disk(const void *arg)
{
	char name[PATH_MAX], line[1000];
	int64_t room;
	int fd, other, i;

	C_OK(unshare(CLONE_NEWNS) == 0 &&
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("tmpfs", arg, "tmpfs", 0, "size=4m") == 0, "set-up");
	fd = append_open(t_join(name, arg, "log"));
	other = append_open(t_join(name, arg, "other"));
	room = append_reserve(fd, 200 * 1000);
	C_OK(room >= 200 * 1000, "reserved");
	memset(line, 'x', sizeof(line));
	for (i = 0; i < 8 * MIB / 1000 &&
	    append_write(other, line, sizeof(line)) == 0; i++)
		;
	C_OK(append_write(other, line, sizeof(line)) == -ENOSPC,
	    "the disk is full");
	C_OK(append_reserve(fd, 200 * 1000) >= 200 * 1000, "still there");
	C_OK(append_reserve(fd, 8 * MIB) == -ENOSPC, "no more than that");
	for (i = 0; i < 200; i++)
		C_OK(append_write(fd, line, sizeof(line)) == 0,
		    "a record on a full disk");
}

static void
test_full_disk(void)
{
	char place[PATH_MAX];
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(unshare(CLONE_NEWNS) != 0);
	if (!t_reap(pid, 0)) {
		t_skip("a full disk (needs a mount namespace)");
		return;
	}
	if (mkdir(t_join(place, dir, "disk"), 0755) == -1)
		abort();
	t_in_child(in_full_disk, place, "a full disk");
	rmdir(place);
}

int
main(void)
{
	CU_TestInfo making[] = {
		{ "mode and folder", test_make },
		{ "group", test_group },
		{ "an existing one", test_existing },
		{ "folders", test_folders },
		{ "no permission", test_no_permission },
		{ "traps", test_traps },
		{ "a FIFO with a reader", test_fifo_with_reader },
		{ "a device", test_device },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo writing[] = {
		{ "errors", test_write_errors },
		{ "short writes", test_short_write },
		{ "rotation", test_rotation },
		{ "8 writers, 500 lines each", test_writers },
		{ "8 who make it at once", test_race },
		{ "NFS", test_nfs },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo space[] = {
		{ "in steps", test_reserve },
		{ "errors", test_reserve_errors },
		{ "a full disk", test_full_disk },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "append: open", set_up, clean_up, NULL, NULL, making },
		{ "append: write", set_up, clean_up, NULL, NULL, writing },
		{ "append: reserve", set_up, clean_up, NULL, NULL, space },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
