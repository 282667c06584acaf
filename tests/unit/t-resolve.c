/*
 * t-resolve - names to files, by the kernel and never outside the root.
 *
 * The tree that is served stands in "root"; beside it stands what a name
 * or a link must not reach.
 */
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "os/resolve.h"
#include "t-work.h"

static const struct resolve_root here = { .fd = AT_FDCWD };
static char dir[PATH_MAX];
static bool is_confined;	/* openat2: not so under valgrind */

/* ---- the tree --------------------------------------------------------- */

static const struct {
	const char *name, *text;
	mode_t mode;
} files[] = {
	{ "outside", "outside", 0644 },
	{ "secret/key", "key", 0644 },
	{ "root/file", "file", 0644 },
	{ "root/other", "other", 0644 },
	{ "root/dir/deep", "deep", 0644 },
	{ "root/etc/motd", "motd", 0644 },
	{ "root/mode0", "mode0", 0 },
	{ "root/locked/file", "locked", 0644 },
};

static const struct {
	const char *to, *name;
} links[] = {
	{ "file", "root/link" },
	{ "../file", "root/dir/up" },
	{ "link", "root/twice" },
	{ "dir", "root/dirlink" },
	{ "/file", "root/absolute" },
	{ "/etc/passwd", "root/passwd" },
	{ "/etc/motd", "root/motd" },
	{ "../outside", "root/climb" },
	{ "../../../../../../../../etc/passwd", "root/climb-far" },
	{ "../secret", "root/climb-dir" },
	{ "../../secret/key", "root/dir/climb" },
	{ "loop2", "root/loop" },
	{ "loop", "root/loop2" },
	{ "self", "root/self" },
	{ "not-there", "root/dangling" },
	{ "/proc/self/cwd/../outside", "root/magic" },
};

static const char *const folders[] = { "root", "secret", "root/dir",
	"root/etc", "root/locked", "root/box", "root/work" };

static int
make_tree(void)
{
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < COUNT(folders); i++) {
		if (mkdir(t_join(path, dir, folders[i]), 0755) == -1)
			return 1;
	}
	for (i = 0; i < COUNT(files); i++)
		t_put(AT_FDCWD, t_join(path, dir, files[i].name),
		    files[i].text, files[i].mode);
	for (i = 0; i < COUNT(links); i++) {
		if (symlink(links[i].to, t_join(path, dir, links[i].name)) ==
		    -1)
			return 1;
	}
	return chmod(t_join(path, dir, "root/locked"), 0) == -1 ||
	    mknod(t_join(path, dir, "root/sock"), S_IFSOCK | 0600, 0) ==
	    -1 ||
	    chmod(t_join(path, dir, "root/box"), 0333) == -1 ||
	    chmod(t_join(path, dir, "root/work"), 0777) == -1 ||
	    mkfifo(t_join(path, dir, "root/fifo"), 0666) == -1;
}

static int
set_up(void)
{
	umask(022);
	t_tmp_make(dir);
	return make_tree();
}

static int
clean_up(void)
{
	char path[PATH_MAX];

	(void)chmod(t_join(path, dir, "root/locked"), 0700);
	(void)chmod(t_join(path, dir, "root/box"), 0700);
	(void)chmod(t_join(path, dir, "root/f/Closed"), 0700);
	(void)chmod(t_join(path, dir, "root/f/Shut"), 0700);
	t_tmp_remove(dir);
	return 0;
}

/* The served directory is the working directory, always. */
static void
enter(void)
{
	char root[PATH_MAX];

	if (chdir(t_join(root, dir, "root")) == -1)
		abort();
}

static bool
fd_has(int fd, const char *text)
{
	char got[32] = "";

	return read(fd, got, sizeof(got) - 1) == (ssize_t)strlen(text) &&
	    strcmp(got, text) == 0;
}

/* ---- files ------------------------------------------------------------ */

/* A name, and the text of the file behind it or an error. */
struct row {
	const char *what, *path, *text;
	int err;
};

static void
check_rows_in(const struct resolve_root *root, const struct row *rows,
    size_t count)
{
	struct stat st, was;
	size_t i;
	int fd;

	for (i = 0; i < count; i++) {
		memset(&st, 0, sizeof(st));
		C_OK(resolve_stat(root, rows[i].path, &st) == rows[i].err,
		    rows[i].what);
		was = st;
		fd = resolve_open(root, rows[i].path, &st);
		if (rows[i].err != 0) {
			C_OK(fd == rows[i].err, rows[i].what);
			continue;
		}
		C_OK(S_ISREG(was.st_mode) &&
		    (size_t)was.st_size == strlen(rows[i].text),
		    rows[i].what);
		C_OK(fd >= 0 && fd_has(fd, rows[i].text), rows[i].what);
		C_OK(st.st_ino == was.st_ino && st.st_size == was.st_size,
		    rows[i].what);
		C_OK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, rows[i].what);
		close(fd);
	}
}

/* The working directory is the root, or an open directory is. */
static void
check_rows(const struct row *rows, size_t count)
{
	struct resolve_root root = here;

	enter();
	check_rows_in(&root, rows, count);
	root.fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	C_OK(root.fd != -1 && chdir("/") == 0, "set-up");
	check_rows_in(&root, rows, count);
}

static void
in_files(const void *arg)
{
	static const struct row rows[] = {
		{ "a file", "file", "file", 0 },
		{ "a file further down", "dir/deep", "deep", 0 },
		{ "a file in odd spelling", "./dir//deep", "deep", 0 },
		{ "up and down again", "dir/../file", "file", 0 },
		{ "missing", "missing", NULL, -ENOENT },
		{ "missing in a folder", "dir/missing", NULL, -ENOENT },
		{ "a folder that is missing", "nodir/file", NULL, -ENOENT },
		{ "a folder that is a file", "file/deep", NULL, -ENOTDIR },
		{ "a file with a slash", "file/", NULL, -ENOTDIR },
		{ "no name", "", NULL, -ENOENT },
		{ "a link", "link", "file", 0 },
		{ "a link to a link", "twice", "file", 0 },
		{ "a link upwards, inside", "dir/up", "file", 0 },
		{ "a link to a folder", "dirlink/deep", "deep", 0 },
		{ "a link to nothing", "dangling", NULL, -ENOENT },
		{ "two links in a ring", "loop", NULL, -ELOOP },
		{ "a link to itself", "self", NULL, -ELOOP },
		{ "through a ring", "loop/file", NULL, -ELOOP },
	};

	(void)arg;
	check_rows(rows, COUNT(rows));
}

static void
test_files(void)
{
	t_in_child(in_files, NULL, "files and links");
}

/* Absolute links and ".." end at the root, as after a chroot. */
static void
in_outside(const void *arg)
{
	static const struct row rows[] = {
		{ "an absolute name", "/file", "file", 0 },
		{ "an absolute name of the system's", "/etc/passwd", NULL,
		    -ENOENT },
		{ "an absolute link, inside", "absolute", "file", 0 },
		{ "a link to /etc/motd is our etc/motd", "motd", "motd", 0 },
		{ "a link to /etc/passwd", "passwd", NULL, -ENOENT },
		{ "..", "../outside", NULL, -ENOENT },
		{ ".. is the root again", "../file", "file", 0 },
		{ "many ..", "../../../../../../../../etc/passwd", NULL,
		    -ENOENT },
		{ ".. in the middle", "dir/../../outside", NULL, -ENOENT },
		{ "a link that climbs", "climb", NULL, -ENOENT },
		{ "a link that climbs far", "climb-far", NULL, -ENOENT },
		{ "a link that climbs, further down", "dir/climb", NULL,
		    -ENOENT },
		{ "a link to a folder outside", "climb-dir/key", NULL,
		    -ENOENT },
		{ "a link through /proc", "magic", NULL, -ENOENT },
	};

	(void)arg;
	check_rows(rows, COUNT(rows));
}

static void
test_outside(void)
{
	if (is_confined)
		t_in_child(in_outside, NULL, "nothing outside the root");
	else
		t_skip("names that lead outside (no openat2 here)");
}

/* /proc/self/fd/N is no link like others: it would jump anywhere. */
static void
in_magic(const void *arg)
{
	struct stat st;
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	char name[64];

	(void)arg;
	if (fd == -1 || chdir("/proc/self/fd") == -1)
		_exit(0);
	snprintf(name, sizeof(name), "%d", fd);
	C_OK(resolve_stat(&here, name, &st) == -ELOOP, "a magic link");
	C_OK(resolve_stat(&here, "../cwd/etc", &st) < 0, "another one");
}

static void
test_magic(void)
{
	if (is_confined)
		t_in_child(in_magic, NULL, "magic links");
	else
		t_skip("magic links (no openat2 here)");
}

static void
in_long(const void *arg)
{
	char name[PATH_MAX + 1];
	struct stat st;

	(void)arg;
	enter();
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	C_OK(resolve_stat(&here, name, &st) == -ENOENT,
	    "as long as a name may be");
	name[255] = 'n';
	name[256] = '\0';
	C_OK(resolve_stat(&here, name, &st) == -ENAMETOOLONG, "a byte longer");
	C_OK(resolve_open(&here, name, &st) == -ENAMETOOLONG, "to open, too");
	name[256] = 'n';
	name[PATH_MAX] = '\0';
	C_OK(resolve_stat(&here, name, &st) == -ENAMETOOLONG,
	    "longer than a path");
}

static void
test_long(void)
{
	t_in_child(in_long, NULL, "long names");
}

/* ---- what is no file -------------------------------------------------- */

static void
check_kind(const char *path, mode_t kind, const char *what)
{
	struct stat st;

	C_OK(resolve_stat(&here, path, &st) == 0 &&
	    (st.st_mode & S_IFMT) == kind, what);
}

/* Were the FIFO opened to look at it, a writer would find a reader. */
static void
in_kinds(const void *arg)
{
	struct stat st;
	int fd;

	(void)arg;
	enter();
	check_kind(".", S_IFDIR, "the root");
	check_kind("dir", S_IFDIR, "a folder");
	check_kind("dir/", S_IFDIR, "a folder with a slash");
	check_kind("dirlink", S_IFDIR, "a link to a folder");
	check_kind("sock", S_IFSOCK, "a socket");
	check_kind("fifo", S_IFIFO, "a FIFO does not block");
	C_OK(open("fifo", O_WRONLY | O_NONBLOCK | O_CLOEXEC) == -1 &&
	    errno == ENXIO, "nobody opened it");
	(void)resolve_stat(&here, "fifo", &st);
	/* the policy refuses it before; if not, we do not hang here */
	fd = resolve_open(&here, "fifo", &st);
	C_OK(fd == -ESTALE, "to open it neither blocks nor succeeds");
	C_OK(resolve_stat(&here, "sock", &st) == 0 &&
	    resolve_open(&here, "sock", &st) == -ENXIO,
	    "a socket cannot be opened");
}

static void
test_kinds(void)
{
	t_in_child(in_kinds, NULL, "what is no file");
}

static void
in_device(const void *arg)
{
	struct stat st;
	int fd;

	(void)arg;
	enter();
	check_kind("device", S_IFCHR, "a device");
	(void)resolve_stat(&here, "device", &st);
	fd = resolve_open(&here, "device", &st);
	C_OK(fd == -ESTALE, "it neither blocks nor is taken");
}

static void
test_device(void)
{
	char name[PATH_MAX];

	if (mknod(t_join(name, dir, "root/device"), S_IFCHR | 0666,
	    makedev(1, 3)) == -1) {
		t_skip("a device in the root (needs root)");
		return;
	}
	t_in_child(in_device, NULL, "a device");
}

/* ---- between two calls ------------------------------------------------ */

static void
in_swapped(const void *arg)
{
	struct stat st, other;
	int held;

	(void)arg;
	enter();
	t_put(AT_FDCWD, "work/a", "a", 0644);
	t_put(AT_FDCWD, "work/b", "b", 0644);
	/* held open, so that its inode's number is not given again */
	held = open("work/a", O_RDONLY | O_CLOEXEC);
	C_OK(resolve_stat(&here, "work/a", &st) == 0, "set-up");
	C_OK(resolve_stat(&here, "work/b", &other) == 0, "set-up");
	C_OK(resolve_open(&here, "work/a", &other) == -ESTALE, "another one's");
	C_OK(rename("work/b", "work/a") == 0, "set-up");
	C_OK(resolve_open(&here, "work/a", &st) == -ESTALE, "replaced");
	C_OK(unlink("work/a") == 0 && mkfifo("work/a", 0666) == 0, "set-up");
	C_OK(resolve_open(&here, "work/a", &st) == -ESTALE,
	    "a FIFO in its place does not block");
	C_OK(unlink("work/a") == 0 && mkdir("work/a", 0755) == 0, "set-up");
	C_OK(resolve_open(&here, "work/a", &st) == -ESTALE, "a folder");
	C_OK(rmdir("work/a") == 0, "set-up");
	C_OK(resolve_open(&here, "work/a", &st) == -ENOENT, "gone");
	close(held);
}

static void
test_swapped(void)
{
	t_in_child(in_swapped, NULL, "another file by now");
}

/* The same file with more in it: its size is that of the descriptor. */
static void
in_grown(const void *arg)
{
	struct stat st;
	int fd;

	(void)arg;
	enter();
	t_put(AT_FDCWD, "work/g", "one", 0644);
	C_OK(resolve_stat(&here, "work/g", &st) == 0 && st.st_size == 3,
	    "set-up");
	C_OK(truncate("work/g", 5) == 0, "set-up");
	fd = resolve_open(&here, "work/g", &st);
	C_OK(fd >= 0 && st.st_size == 5, "the descriptor's size");
}

static void
test_grown(void)
{
	t_in_child(in_grown, NULL, "a file that grew");
}

/* ---- permissions ------------------------------------------------------ */

static void
in_permissions(const void *arg)
{
	struct stat st;

	(void)arg;
	enter();
	t_drop();
	C_OK(resolve_stat(&here, "mode0", &st) == 0 && (st.st_mode & 0777) == 0,
	    "a mode can be seen");
	C_OK(resolve_open(&here, "mode0", &st) == -EACCES, "but not be read");
	C_OK(resolve_stat(&here, "locked/file", &st) == -EACCES,
	    "nothing can be seen in a locked folder");
	C_OK(resolve_open(&here, "locked/file", &st) == -EACCES, "or read");
}

static void
test_permissions(void)
{
	t_in_child(in_permissions, NULL, "as an ordinary user");
}

/* ---- where an upload goes --------------------------------------------- */

static void
in_links(const void *arg)
{
	static const struct {
		const char *what, *path, *want;
		int followed;	/* links, or an error */
	} rows[] = {
		{ "a file", "file", "file", 0 },
		{ "a file further down", "dir/deep", "dir/deep", 0 },
		{ "a folder", "dir", "dir", 0 },
		{ "nothing there yet", "missing", "missing", 0 },
		{ "nothing there yet, further down", "dir/missing",
		    "dir/missing", 0 },
		{ "a link", "link", "file", 1 },
		{ "a link to a link", "twice", "file", 2 },
		{ "a link upwards", "dir/up", "dir/../file", 1 },
		{ "a link to what is not there yet", "dangling", "not-there",
		    1 },
		{ "an absolute link begins at the root", "absolute", "file",
		    1 },
		{ "an absolute link, further down", "motd", "etc/motd", 1 },
		{ "a folder on the way is left alone", "dirlink/deep",
		    "dirlink/deep", 0 },
		{ "two links in a ring", "loop", NULL, -ELOOP },
		{ "a link to itself", "self", NULL, -ELOOP },
		{ "a folder that is a file", "file/new", NULL, -ENOTDIR },
	};
	char path[64];
	size_t i;

	(void)arg;
	enter();
	for (i = 0; i < COUNT(rows); i++) {
		snprintf(path, sizeof(path), "%s", rows[i].path);
		C_OK(resolve_links(&here, path, sizeof(path)) ==
		    rows[i].followed, rows[i].what);
		C_OK(rows[i].followed < 0 || strcmp(path, rows[i].want) == 0,
		    rows[i].what);
	}
}

/* work/c1 leads to the file, work/c2 to work/c1 and so on. */
static void
in_chain(const void *arg)
{
	char to[16] = "../file", name[16], path[64];
	unsigned i;

	(void)arg;
	enter();
	for (i = 1; i <= 9; i++) {
		snprintf(name, sizeof(name), "work/c%u", i);
		C_OK(symlink(to, name) == 0, "set-up");
		snprintf(to, sizeof(to), "c%u", i);
	}
	snprintf(path, sizeof(path), "work/c7");
	C_OK(resolve_links(&here, path, sizeof(path)) == 7 &&
	    strcmp(path, "work/../file") == 0, "seven links");
	snprintf(path, sizeof(path), "work/c8");
	C_OK(resolve_links(&here, path, sizeof(path)) == 8 &&
	    strcmp(path, "work/../file") == 0, "eight links");
	snprintf(path, sizeof(path), "work/c9");
	C_OK(resolve_links(&here, path, sizeof(path)) == -ELOOP, "nine links");
}

static void
in_links_room(const void *arg)
{
	char zeros[16] = "", *path;
	size_t size;

	(void)arg;
	enter();
	C_OK(symlink("0123456789", "work/s") == 0, "set-up");
	/* "work/0123456789" and its NUL are 16 bytes */
	for (size = 7; size <= sizeof(zeros); size++) {
		path = t_guard(zeros, size);
		memcpy(path, "work/s", 7);
		C_OK(resolve_links(&here, path, size) == (size < 16 ?
		    -ENAMETOOLONG : 1), "it fits, or it is told");
		C_OK(size < 16 || strcmp(path, "work/0123456789") == 0,
		    "the whole name");
		t_unguard(path, size);
	}
}

static void
test_links(void)
{
	if (!is_confined) {
		t_skip("where uploads go (no openat2 here)");
		return;
	}
	t_in_child(in_links, NULL, "links");
	t_in_child(in_chain, NULL, "many links");
	t_in_child(in_links_room, NULL, "little room");
}

/* Where a link leads outside, the kernel ends the path at the root. */
static void
in_links_outside(const void *arg)
{
	char path[64] = "climb";
	struct stat st;

	(void)arg;
	enter();
	C_OK(resolve_links(&here, path, sizeof(path)) == 1 &&
	    strcmp(path, "../outside") == 0, "its text as it is");
	C_OK(resolve_stat(&here, path, &st) == -ENOENT, "is still nowhere");
	snprintf(path, sizeof(path), "climb-dir/key");
	C_OK(resolve_links(&here, path, sizeof(path)) == 0 &&
	    resolve_stat(&here, path, &st) == -ENOENT, "a folder outside");
	snprintf(path, sizeof(path), "../outside");
	C_OK(resolve_links(&here, path, sizeof(path)) == 0, "a name with ..");
}

static void
test_links_outside(void)
{
	if (is_confined)
		t_in_child(in_links_outside, NULL, "links outside");
	else
		t_skip("uploads that lead outside (no openat2 here)");
}

/* ---- folders ---------------------------------------------------------- */

static void
in_folders(const void *arg)
{
	static const struct {
		const char *what, *path;
		int err;
	} rows[] = {
		{ "the root", ".", 0 },
		{ "a folder", "dir", 0 },
		{ "a link to one", "dirlink", 0 },
		{ "a file", "file", -ENOTDIR },
		{ "a FIFO does not block", "fifo", -ENOTDIR },
		{ "missing", "missing", -ENOENT },
		{ "a ring", "loop", -ELOOP },
		{ "no name", "", -ENOENT },
	};
	size_t i;
	int fd;

	(void)arg;
	enter();
	for (i = 0; i < COUNT(rows); i++) {
		fd = resolve_dir(&here, rows[i].path);
		C_OK(rows[i].err == 0 ? fd >= 0 : fd == rows[i].err,
		    rows[i].what);
		if (fd < 0)
			continue;
		C_OK((fcntl(fd, F_GETFL) & O_PATH) == 0 && fsync(fd) == 0,
		    "it can be flushed");
		C_OK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0,
		    "no program gets it");
		close(fd);
	}
}

static void
test_folders(void)
{
	t_in_child(in_folders, NULL, "folders");
}

static void
in_folders_outside(const void *arg)
{
	struct stat root, st;
	int fd;

	(void)arg;
	enter();
	C_OK(resolve_dir(&here, "climb-dir") == -ENOENT,
	    "a link to one outside");
	fd = resolve_dir(&here, "..");
	C_OK(fd >= 0 && fstat(fd, &st) == 0 && stat(".", &root) == 0 &&
	    st.st_ino == root.st_ino, ".. is the root");
	C_OK(resolve_unlink(&here, "climb-dir", "key") == -ENOENT,
	    "nothing is removed outside");
	C_OK(resolve_unlink(&here, "..", "outside") == -ENOENT,
	    "by .. neither");
	C_OK(access("../outside", F_OK) == 0 &&
	    access("../secret/key", F_OK) == 0, "they are there");
}

static void
test_folders_outside(void)
{
	if (is_confined)
		t_in_child(in_folders_outside, NULL, "folders outside");
	else
		t_skip("folders outside (no openat2 here)");
}

static void
in_box(const void *arg)
{
	int fd, made;

	(void)arg;
	enter();
	t_drop();
	fd = resolve_dir(&here, "box");
	C_OK(fd >= 0 && (fcntl(fd, F_GETFL) & O_PATH) != 0,
	    "only what is needed to create");
	made = openat(fd, "new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0644);
	C_OK(made != -1, "which works");
	C_OK(resolve_unlink(&here, "box", "new") == 0, "and to remove");
	C_OK(resolve_dir(&here, "locked/sub") == -EACCES, "in a locked folder");
}

static void
test_box(void)
{
	t_in_child(in_box, NULL, "a folder that may not be read");
}

/* ---- removing --------------------------------------------------------- */

static void
in_unlink(const void *arg)
{
	(void)arg;
	enter();
	t_put(AT_FDCWD, "work/u", "u", 0644);
	C_OK(resolve_unlink(&here, "work", "u") == 0, "a file");
	C_OK(access("work/u", F_OK) == -1, "is gone");
	C_OK(resolve_unlink(&here, "work", "u") == -ENOENT, "missing");
	C_OK(resolve_unlink(&here, "missing", "u") == -ENOENT,
	    "no such folder");
	C_OK(resolve_unlink(&here, "file", "u") == -ENOTDIR,
	    "a file as a folder");
	C_OK(resolve_unlink(&here, ".", "dir") == -EISDIR, "a folder stays");
	C_OK(symlink("../file", "work/l") == 0, "set-up");
	C_OK(resolve_unlink(&here, "work", "l") == 0 &&
	    access("file", F_OK) == 0, "a link, not what it leads to");
	t_put(AT_FDCWD, "dir/u", "u", 0644);
	C_OK(resolve_unlink(&here, "dirlink", "u") == 0,
	    "a folder by its link");
}

static void
test_unlink(void)
{
	t_in_child(in_unlink, NULL, "removing");
}

static void
in_unlink_refused(const void *arg)
{
	bool is_root = geteuid() == 0;

	(void)arg;
	enter();
	t_drop();
	C_OK(resolve_unlink(&here, "locked", "file") == -EACCES,
	    "a locked folder");
	if (is_root)
		C_OK(resolve_unlink(&here, "dir", "deep") == -EACCES,
		    "a folder that is root's");
}

static void
test_unlink_refused(void)
{
	t_in_child(in_unlink_refused, NULL, "as an ordinary user");
}

/* ---- writing in place ------------------------------------------------- */

static int
open_write(const char *path)
{
	struct stat st = { .st_mode = S_IFREG };

	(void)resolve_stat(&here, path, &st);
	return resolve_open_write(&here, path, &st);
}

static void
in_open_write(const void *arg)
{
	int fd;

	(void)arg;
	enter();
	t_put(AT_FDCWD, "work/w", "before", 0666);
	t_drop();
	fd = open_write("work/w");
	C_OK(fd >= 0 && t_has(AT_FDCWD, "work/w", "before", 6),
	    "to open it changes nothing");
	C_OK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY &&
	    (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "to write, for us only");
	C_OK(pwrite(fd, "A", 1, 0) == 1 &&
	    t_has(AT_FDCWD, "work/w", "Aefore", 6), "not to append");
	C_OK(open_write("work/missing") == -ENOENT &&
	    access("work/missing", F_OK) == -1, "nothing is made");
	C_OK(open_write("mode0") == -EACCES, "a file of mode 0");
	C_OK(open_write("locked/file") == -EACCES, "in a locked folder");
	C_OK(open_write("dir") == -ESTALE, "a folder");
	C_OK(open_write("fifo") == -ESTALE, "a FIFO");
	C_OK(open_write("sock") == -ESTALE, "a socket");
	C_OK(open_write("loop") == -ELOOP, "a ring");
}

/* What stands there changes between the look and the open. */
static void
in_open_write_swapped(const void *arg)
{
	struct stat st, other;
	int held;

	(void)arg;
	enter();
	t_put(AT_FDCWD, "work/w", "w", 0666);
	t_put(AT_FDCWD, "work/v", "v", 0666);
	held = open("work/w", O_RDONLY | O_CLOEXEC);
	C_OK(resolve_stat(&here, "work/w", &st) == 0 &&
	    resolve_stat(&here, "work/v", &other) == 0, "set-up");
	C_OK(resolve_open_write(&here, "work/w", &other) == -ESTALE,
	    "another file");
	C_OK(unlink("work/w") == 0 && mkfifo("work/w", 0666) == 0, "set-up");
	C_OK(resolve_open_write(&here, "work/w", &st) == -ESTALE,
	    "a FIFO that nobody reads does not block");
	C_OK(open("work/w", O_RDONLY | O_NONBLOCK | O_CLOEXEC) != -1,
	    "set-up");
	C_OK(resolve_open_write(&here, "work/w", &st) == -ESTALE,
	    "nor is one taken that somebody reads");
	C_OK(unlink("work/w") == 0 && mkdir("work/w", 0755) == 0, "set-up");
	C_OK(resolve_open_write(&here, "work/w", &st) == -ESTALE, "a folder");
	C_OK(rmdir("work/w") == 0, "set-up");
	C_OK(resolve_open_write(&here, "work/w", &st) == -ENOENT, "gone");
	close(held);
}

static void
test_open_write(void)
{
	t_in_child(in_open_write, NULL, "what may be written");
	t_in_child(in_open_write_swapped, NULL, "another one by now");
}

/* ---- no links at all -------------------------------------------------- */

static void
in_no_links(const void *arg)
{
	const struct resolve_root strict = { .fd = AT_FDCWD,
		.no_symlinks = true };
	char path[64] = "link", missing[64] = "missing";
	struct stat st;

	(void)arg;
	enter();
	C_OK(resolve_stat(&strict, "dir/deep", &st) == 0, "a file");
	C_OK(resolve_stat(&strict, "link", &st) == -ELOOP, "a link");
	C_OK(resolve_stat(&strict, "dirlink/deep", &st) == -ELOOP,
	    "a link on the way");
	C_OK(resolve_stat(&here, "link", &st) == 0 &&
	    resolve_open(&strict, "link", &st) == -ELOOP, "to open");
	C_OK(resolve_open_write(&strict, "link", &st) == -ELOOP, "to write");
	C_OK(resolve_may_write(&strict, "link") == -ELOOP, "to replace");
	C_OK(resolve_links(&strict, path, sizeof(path)) == -ELOOP &&
	    strcmp(path, "link") == 0, "where an upload would go");
	C_OK(resolve_links(&strict, missing, sizeof(missing)) == 0,
	    "an upload of a new name");
	C_OK(resolve_dir(&strict, "dirlink") == -ELOOP, "a folder");
	C_OK(resolve_unlink(&strict, "dirlink", "deep") == -ELOOP &&
	    access("dir/deep", F_OK) == 0, "to remove");
}

static void
test_no_links(void)
{
	if (is_confined)
		t_in_child(in_no_links, NULL, "no links");
	else
		t_skip("a root without links (no openat2 here)");
}

/* ---- names in another case -------------------------------------------- */

#define UPLOAD	"f/.new.0123456789abcdef"

static void
make_cases(void)
{
	static const char *const names[] = { "f/Boot", "f/BOOT", "f/boot.cfg",
		"f/Dir/FILE", "f/Dir/file", UPLOAD, "f/\303\204.txt" };
	size_t i;

	C_OK(mkdir("f", 0755) == 0 && mkdir("f/Dir", 0755) == 0 &&
	    mkdir("f/Closed", 0311) == 0 && mkdir("f/Shut", 0) == 0 &&
	    symlink("Dir", "f/Link") == 0 && symlink("no", "f/Lost") == 0 &&
	    symlink("../../secret", "f/Out") == 0, "set-up");
	for (i = 0; i < COUNT(names); i++)
		t_put(AT_FDCWD, names[i], "", 0644);
	t_put(AT_FDCWD, "f/Closed/x", "", 0644);
}

static void
in_fold(const void *arg)
{
	static const struct {
		const char *what, *path, *want;
		int err;
	} rows[] = {
		{ "as it stands", "f/boot.cfg", "f/boot.cfg", 0 },
		{ "in capitals", "F/BOOT.CFG", "f/boot.cfg", 0 },
		{ "the exact spelling comes first", "f/Boot", "f/Boot", 0 },
		{ "else the smallest in byte order", "f/bOOT", "f/BOOT", 0 },
		{ "a folder", "f/DIR", "f/Dir", 0 },
		{ "a file further down", "F/dIR/FiLe", "f/Dir/FILE", 0 },
		{ "exact further down", "F/dIR/file", "f/Dir/file", 0 },
		{ "nothing like it", "f/boot.cf", NULL, -ENOENT },
		{ "longer than what there is", "f/boot.cfgs", NULL, -ENOENT },
		{ "no such folder", "g/boot", NULL, -ENOENT },
		{ "a file as a folder", "f/BOOT.CFG/x", NULL, -ENOTDIR },
		{ "through a link, which is kept", "f/LINK/FIle",
		    "f/Link/FILE", 0 },
		{ "a link to nothing", "f/LOST", "f/Lost", 0 },
		{ "below a link to nothing", "f/LOST/x", NULL, -ENOENT },
		{ "an unfinished upload, exactly", UPLOAD, NULL, -ENOENT },
		{ "an unfinished upload, in capitals",
		    "f/.NEW.0123456789ABCDEF", NULL, -ENOENT },
		{ "ASCII only", "f/\303\244.TXT", NULL, -ENOENT },
		{ "the rest beside it", "f/\303\204.TXT",
		    "f/\303\204.txt", 0 },
		{ "the root", ".", ".", 0 },
		{ "exact in a folder that cannot be read", "F/CLOSED/x",
		    "f/Closed/x", 0 },
		{ "not exact there", "F/CLOSED/X", NULL, -EACCES },
		{ "in a folder that is shut", "f/Shut/x", NULL, -EACCES },
	};
	char zeros[PATHNAME_MAX + 1] = "", *out;
	size_t i;

	(void)arg;
	enter();
	make_cases();
	t_drop();
	out = t_guard(zeros, sizeof(zeros));
	for (i = 0; i < COUNT(rows); i++) {
		C_OK(resolve_fold(&here, rows[i].path, out) == rows[i].err,
		    rows[i].what);
		C_OK(rows[i].err != 0 || strcmp(out, rows[i].want) == 0,
		    rows[i].what);
	}
}

static void
in_fold_outside(const void *arg)
{
	struct resolve_root root = here;
	char out[PATHNAME_MAX + 1];

	(void)arg;
	enter();
	root.fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	C_OK(chdir("/") == 0, "set-up");
	C_OK(resolve_fold(&root, "CLIMB-DIR/KEY", out) == -ENOENT,
	    "a link to a folder outside");
	C_OK(resolve_fold(&root, "F/OUT/KEY", out) == -ENOENT,
	    "one further down");
	C_OK(resolve_fold(&root, "DIRLINK/DEEP", out) == 0 &&
	    strcmp(out, "dirlink/deep") == 0, "a link inside");
	root.no_symlinks = true;
	C_OK(resolve_fold(&root, "DIRLINK/DEEP", out) == -ELOOP,
	    "where links are not followed");
	C_OK(resolve_fold(&root, "DIR/DEEP", out) == 0 &&
	    strcmp(out, "dir/deep") == 0, "a name without links");
}

/* More entries than one call reads, with the match among the last. */
static void
in_fold_many(const void *arg)
{
	char name[300], out[PATHNAME_MAX + 1];
	unsigned i;
	int fd;

	(void)arg;
	enter();
	C_OK(mkdir("work/many", 0755) == 0, "set-up");
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "work/many/%0200u", i);
		fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		C_OK(fd != -1, "set-up");
		close(fd);
	}
	t_put(AT_FDCWD, "work/many/zz", "", 0644);
	t_put(AT_FDCWD, "work/many/zZ", "", 0644);
	fd = open("/", O_RDONLY | O_CLOEXEC);
	close(fd);
	C_OK(resolve_fold(&here, "work/many/ZZ", out) == 0 &&
	    strcmp(out, "work/many/zZ") == 0, "the smallest of all");
	C_OK(resolve_fold(&here, "work/MANY/zz", out) == 0 &&
	    strcmp(out, "work/many/zz") == 0, "the exact one of all");
	C_OK(open("/", O_RDONLY | O_CLOEXEC) == fd, "nothing stays open");
}

static void
in_fold_long(const void *arg)
{
	char path[PATHNAME_MAX + 2], out[PATHNAME_MAX + 1];

	(void)arg;
	enter();
	memset(path, 'n', sizeof(path));
	path[PATHNAME_MAX + 1] = '\0';
	C_OK(resolve_fold(&here, path, out) == -ENAMETOOLONG, "too long");
	path[PATHNAME_MAX] = '\0';
	C_OK(resolve_fold(&here, path, out) == -ENAMETOOLONG,
	    "a component that is too long");
	path[255] = '\0';
	C_OK(resolve_fold(&here, path, out) == -ENOENT,
	    "a component as long as it may be");
	t_put(AT_FDCWD, path, "", 0644);
	path[254] = 'N';
	C_OK(resolve_fold(&here, path, out) == 0 && strlen(out) == 255 &&
	    out[254] == 'n', "which is there in another case");
}

static void
test_fold(void)
{
	t_in_child(in_fold, NULL, "names");
	if (is_confined)
		t_in_child(in_fold_outside, NULL, "names outside");
	else
		t_skip("names outside in another case (no openat2 here)");
	t_in_child(in_fold_many, NULL, "a large folder");
	t_in_child(in_fold_long, NULL, "long names");
}

/* ---- the way to a name ------------------------------------------------ */

/* The steps as a line: "path", "path>link" or "path!error" each. */
struct trail {
	char line[8192];
	size_t steps;
};

static const char *
error_name(int err)
{
	switch (err) {
	case -ENOENT:
		return "!ENOENT";
	case -ENOTDIR:
		return "!ENOTDIR";
	case -EACCES:
		return "!EACCES";
	case -ELOOP:
		return "!ELOOP";
	default:
		return err == 0 ? "" : "!other";
	}
}

static void
note_step(void *arg, const struct resolve_step *step)
{
	struct trail *t = arg;
	size_t len = strlen(t->line);

	t->steps++;
	snprintf(t->line + len, sizeof(t->line) - len, "%s%s%s%s%s",
	    len == 0 ? "" : " ", step->path, step->link == NULL ? "" : ">",
	    step->link == NULL ? "" : step->link, error_name(step->err));
	C_OK((step->link != NULL) == S_ISLNK(step->st.st_mode),
	    "a link is one by its mode");
	C_OK(step->err != 0 || step->st.st_ino != 0, "it was looked at");
}

struct walk_row {
	const char *what, *path, *want;
	int err;
};

static void
check_walks(const struct resolve_root *root, const struct walk_row *rows,
    size_t count)
{
	struct trail t;
	size_t i;

	for (i = 0; i < count; i++) {
		memset(&t, 0, sizeof(t));
		C_OK(resolve_walk(root, rows[i].path, note_step, &t) ==
		    rows[i].err, rows[i].what);
		C_OK(strcmp(t.line, rows[i].want) == 0, rows[i].what);
	}
}

static void
in_walk(const void *arg)
{
	static const struct walk_row rows[] = {
		{ "the root", ".", ".", 0 },
		{ "a file", "file", ". file", 0 },
		{ "further down", "dir/deep", ". dir dir/deep", 0 },
		{ "missing", "dir/no", ". dir dir/no!ENOENT", -ENOENT },
		{ "missing on the way", "no/file", ". no!ENOENT", -ENOENT },
		{ "a file as a folder", "file/x", ". file file/x!ENOTDIR",
		    -ENOTDIR },
		{ "a link", "link", ". link>file file", 0 },
		{ "a link to a link", "twice", ". twice>link link>file file",
		    0 },
		{ "a link upwards", "dir/up", ". dir dir/up>../file file",
		    0 },
		{ "a link to a folder", "dirlink/deep",
		    ". dirlink>dir dir dir/deep", 0 },
		{ "an absolute link begins at the root", "motd",
		    ". motd>/etc/motd etc etc/motd", 0 },
		{ "a link that climbs ends at the root", "climb",
		    ". climb>../outside outside!ENOENT", -ENOENT },
		{ "a folder outside", "climb-dir/key",
		    ". climb-dir>../secret secret!ENOENT", -ENOENT },
		{ "a link to nothing", "dangling",
		    ". dangling>not-there not-there!ENOENT", -ENOENT },
		{ "a FIFO is only looked at", "fifo", ". fifo", 0 },
		{ "a file of mode 0 can be seen", "mode0", ". mode0", 0 },
		{ "a locked folder", "locked/file",
		    ". locked locked/file!EACCES", -EACCES },
	};
	static const struct walk_row strict_rows[] = {
		{ "no link", "dir/deep", ". dir dir/deep", 0 },
		{ "a link", "link", ". link>file!ELOOP", -ELOOP },
		{ "a link on the way", "dirlink/deep",
		    ". dirlink>dir!ELOOP", -ELOOP },
	};
	struct resolve_root root = here;

	(void)arg;
	enter();
	root.fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	t_drop();
	check_walks(&here, rows, COUNT(rows));
	C_OK(chdir("/") == 0, "set-up");
	check_walks(&root, rows, COUNT(rows));
	root.no_symlinks = true;
	check_walks(&root, strict_rows, COUNT(strict_rows));
}

static void
in_walk_limits(const void *arg)
{
	struct trail t = { .steps = 0 };
	char text[2000];
	struct stat st;

	(void)arg;
	enter();
	C_OK(resolve_walk(&here, "loop", note_step, &t) == -ELOOP &&
	    t.steps == 42, "a ring ends after 40 links");
	memset(&t, 0, sizeof(t));
	memset(text, '/', sizeof(text));
	memcpy(text, "work/x", 6);
	memcpy(text + sizeof(text) - 4, "/..", 4);
	C_OK(symlink(text, "work/a") == 0 && mkdir("work/x", 0755) == 0,
	    "set-up");
	C_OK(resolve_walk(&here, "work/a/y", note_step, &t) == -ENOENT &&
	    resolve_stat(&here, "work/a/y", &st) == -ENOENT, "many slashes");
	memset(text, 'n', sizeof(text) - 1);
	C_OK(resolve_walk(&here, text, note_step, &t) == -ENAMETOOLONG,
	    "a component that is too long");
}

static void
test_walk(void)
{
	t_in_child(in_walk, NULL, "steps");
	t_in_child(in_walk_limits, NULL, "limits");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "files and links", test_files },
		{ "names that lead outside", test_outside },
		{ "magic links", test_magic },
		{ "long names", test_long },
		{ "FIFO, socket, folder", test_kinds },
		{ "device", test_device },
		{ "another file by now", test_swapped },
		{ "a file that grew", test_grown },
		{ "permissions", test_permissions },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo folder_tests[] = {
		{ "where an upload goes", test_links },
		{ "where an upload does not go", test_links_outside },
		{ "folders", test_folders },
		{ "outside", test_folders_outside },
		{ "a drop box", test_box },
		{ "removing", test_unlink },
		{ "removing what is not ours", test_unlink_refused },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo name_tests[] = {
		{ "writing in place", test_open_write },
		{ "no links at all", test_no_links },
		{ "names in another case", test_fold },
		{ "the way to a name", test_walk },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "resolve: files", set_up, clean_up, NULL, NULL, tests },
		{ "resolve: folders", set_up, clean_up, NULL, NULL,
		    folder_tests },
		{ "resolve: names", set_up, clean_up, NULL, NULL,
		    name_tests },
		CU_SUITE_INFO_NULL
	};
	struct stat st;

	is_confined = syscall(SYS_openat2, -1, "", NULL, (size_t)0) == -1 &&
	    errno != ENOSYS;
	if (resolve_stat(&here, ".", &st) == -ENOSYS) {
		puts("not tried: resolve (no openat2 here)");
		return 77;
	}
	return t_run(suites);
}
