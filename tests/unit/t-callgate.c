/*
 * t-callgate - real calls through the gates, and none when they are closed.
 *
 * Whatever ends a process is done in a child; how it ended is looked at.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "config.h"
#include "os/callfilter.h"
#include "os/callgate.h"
#include "t-work.h"

static char dir[PATH_MAX];
static int top = -1;

static int
set_up(void)
{
	t_tmp_make(dir);
	top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top == -1)
		return 1;
	t_put(top, "f", "text", 0666);
	return symlinkat("f", top, "link") == -1;
}

static int
clean_up(void)
{
	close(top);
	t_tmp_remove(dir);
	return 0;
}

/* ---- where they lie --------------------------------------------------- */

/* Whether all of [first, end) is code that is mapped, and not writable. */
static bool
is_code(uintptr_t first, uintptr_t end)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t from, to;
	char line[512], rights[5];
	bool found = false;

	if (maps == NULL)
		abort();
	while (!found && fgets(line, sizeof(line), maps) != NULL)
		if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3)
			found = from <= first && end <= to &&
			    strcmp(rights, "r-xp") == 0;
	fclose(maps);
	return found;
}

static void
test_ranges(void)
{
	uintptr_t first[CALLGATE_COUNT] = { 0 }, end[CALLGATE_COUNT] = { 0 };
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	int i;

	for (i = 0; i < CALLGATE_COUNT; i++)
		callgate_range((enum callgate)i, &first[i], &end[i]);
	if (first[0] == 0) {
		t_skip("gates (none for this machine)");
		return;
	}
	for (i = 0; i < CALLGATE_COUNT; i++) {
		T_OK(first[i] < end[i], "some bytes");
		T_OK(first[i] % page == 0 && end[i] % page == 0,
		    "whole pages");
		T_OK(first[i] >> 32 == (end[i] - 1) >> 32,
		    "no border of 4 GiB within");
		T_OK(is_code(first[i], end[i]), "code");
	}
	T_OK(end[CALLGATE_NET] <= first[CALLGATE_FILE] ||
	    end[CALLGATE_FILE] <= first[CALLGATE_NET], "apart");
}

/* ---- calls ------------------------------------------------------------ */

static void
test_net(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET };
	struct sockaddr_in found;
	socklen_t len = sizeof(found);
	int fd, other;

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = callgate_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(fd >= 0);
	T_OK(callgate_bind(fd, (struct sockaddr *)&here, sizeof(here)) == 0,
	    "bind");
	T_OK(getsockname(fd, (struct sockaddr *)&found, &len) == 0 &&
	    found.sin_addr.s_addr == here.sin_addr.s_addr &&
	    found.sin_port != 0, "it has that address");
	T_OK(callgate_connect(fd, (struct sockaddr *)&found, len) == 0,
	    "connect");
	T_OK(send(fd, "x", 1, 0) == 1, "a datagram to itself");
	other = fcntl(fd, F_DUPFD, 100);
	T_OK(callgate_dup3(fd, other, O_CLOEXEC) == other &&
	    (fcntl(other, F_GETFD) & FD_CLOEXEC) != 0, "dup3, all arguments");
	T_OK(callgate_kill(getpid(), 0) == 0, "kill");
	close(fd);
	close(other);
}

static void
test_mmap(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = t_memory("text", 4);
	char *map;

	CU_ASSERT_EQUAL_FATAL(ftruncate(fd, (off_t)(2 * page)), 0);
	CU_ASSERT_EQUAL_FATAL(pwrite(fd, "next", 4, (off_t)page), 4);
	map = callgate_mmap(page, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    (off_t)page);
	CU_ASSERT_FATAL(map != MAP_FAILED);
	T_OK(memcmp(map, "next", 4) == 0, "the page at the offset");
	map[0] = 'N';
	munmap(map, page);
	map = callgate_mmap(page, PROT_READ, MAP_SHARED, fd, (off_t)page);
	T_OK(map != MAP_FAILED && map[0] == 'N', "shared");
	munmap(map, page);
	close(fd);
	T_OK(callgate_mmap(page, PROT_READ, MAP_SHARED, -1, 0) ==
	    MAP_FAILED && errno == EBADF, "an error");
}

/* The process that keeps the byte at 10 from us, or 0. */
static pid_t
holder(int fd)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
		.l_start = 10, .l_len = 1 };

	if (fcntl(fd, F_GETLK, &range) == -1)
		return -1;
	return range.l_type == F_UNLCK ? 0 : range.l_pid;
}

static void
in_lock(const void *arg)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
		.l_start = 10, .l_len = 1 };
	int fd = *(const int *)arg;

	C_OK(holder(fd) == getppid(), "whose it is");
	C_OK(callgate_lock(fd, &range) == -1 && (errno == EAGAIN ||
	    errno == EACCES), "one that is held is not waited for");
	range.l_start = 11;
	C_OK(callgate_lock(fd, &range) == 0, "the byte after it is free");
}

static void
test_lock(void)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
		.l_start = 10, .l_len = 1 };
	int fd = openat(top, "f", O_RDWR | O_CLOEXEC);

	CU_ASSERT_FATAL(fd >= 0);
	T_OK(callgate_lock(fd, &range) == 0, "taken");
	t_in_child(in_lock, &fd, "another process");
	range.l_type = F_UNLCK;
	T_OK(callgate_lock(fd, &range) == 0, "given back");
	close(fd);
	T_OK(callgate_lock(-1, &range) == -1 && errno == EBADF, "an error");
}

/* Room that a file has, in bytes. */
static off_t
room_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == -1 ? -1 : (off_t)st.st_blocks * 512;
}

static void
test_fallocate(void)
{
	const off_t len = 1 << 20;
	struct stat st;
	int fd = openat(top, "room", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	CU_ASSERT_FATAL(fd >= 0);
	T_OK(callgate_fallocate(fd, FALLOC_FL_KEEP_SIZE, len, len) == 0,
	    "room behind the end");
	T_OK(fstat(fd, &st) == 0 && st.st_size == 0 && room_of(fd) >= len &&
	    room_of(fd) < 2 * len, "all arguments");
	T_OK(callgate_fallocate(fd, 0, 0, 5) == 0 && fstat(fd, &st) == 0 &&
	    st.st_size == 5, "and as a part of it");
	T_OK(callgate_fallocate(fd, 0, -1, 5) == -1 && errno == EINVAL,
	    "an error");
	close(fd);
	(void)unlinkat(top, "room", 0);
}

/* Not so under valgrind. */
static bool
has_openat2(void)
{
	const struct open_how how = { .flags = O_RDONLY };

	return callgate_openat2(-1, "", &how) == -1 && errno != ENOSYS;
}

static void
test_openat2(void)
{
	const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS };
	char text[16];
	int fd;

	if (!has_openat2()) {
		t_skip("openat2 (not here)");
		return;
	}
	fd = callgate_openat2(top, "f", &how);
	T_OK(fd >= 0 && read(fd, text, sizeof(text)) == 4, "a file");
	close(fd);
	T_OK(callgate_openat2(top, "link", &how) == -1 && errno == ELOOP,
	    "and how");
	T_OK(callgate_openat2(top, "none", &how) == -1 && errno == ENOENT,
	    "an error");
}

static void
test_files(void)
{
	char text[16];
	struct stat st;
	int fd;

	fd = callgate_openat(top, "made", O_WRONLY | O_CREAT | O_EXCL |
	    O_CLOEXEC, 0640);
	T_OK(fd >= 0 && fstat(fd, &st) == 0 &&
	    (st.st_mode & 0777) == (0640 & ~umask(umask(0))),
	    "openat with a mode");
	close(fd);
	T_OK(callgate_readlinkat(top, "link", text, sizeof(text)) == 1 &&
	    text[0] == 'f', "readlinkat");
	T_OK(callgate_faccessat2(top, "f", R_OK, AT_EACCESS) == 0,
	    "faccessat2");
	T_OK(callgate_linkat(top, "f", top, "second", 0) == 0, "linkat");
	T_OK(callgate_renameat2(top, "second", top, "made",
	    RENAME_NOREPLACE) == -1 && errno == EEXIST,
	    "renameat2, all arguments");
	T_OK(callgate_renameat2(top, "second", top, "made", 0) == 0 &&
	    t_has(top, "made", "text", 4), "renameat2");
	T_OK(callgate_unlinkat(top, "made", 0) == 0 &&
	    faccessat(top, "made", F_OK, 0) == -1, "unlinkat");
}

/* -1 and errno, as libc has it. */
static void
test_errors(void)
{
	const struct sockaddr sa = { .sa_family = AF_UNSPEC };
	char text[8];

	T_OK(callgate_socket(-1, SOCK_DGRAM, 0) == -1 &&
	    errno == EAFNOSUPPORT, "socket");
	T_OK(callgate_bind(-1, &sa, sizeof(sa)) == -1 && errno == EBADF,
	    "bind");
	T_OK(callgate_connect(-1, &sa, sizeof(sa)) == -1 && errno == EBADF,
	    "connect");
	T_OK(callgate_dup3(0, 0, 0) == -1 && errno == EINVAL, "dup3");
	T_OK(callgate_kill(getpid(), 1000) == -1 && errno == EINVAL, "kill");
	T_OK(callgate_openat(top, "none", O_RDONLY, 0) == -1 &&
	    errno == ENOENT, "openat");
	T_OK(callgate_unlinkat(top, "none", 0) == -1 && errno == ENOENT,
	    "unlinkat");
	T_OK(callgate_renameat2(top, "none", top, "f", 0) == -1 &&
	    errno == ENOENT, "renameat2");
	T_OK(callgate_linkat(top, "none", top, "g", 0) == -1 &&
	    errno == ENOENT, "linkat");
	T_OK(callgate_faccessat2(top, "none", F_OK, 0) == -1 &&
	    errno == ENOENT, "faccessat2");
	T_OK(callgate_readlinkat(top, "f", text, sizeof(text)) == -1 &&
	    errno == EINVAL, "readlinkat");
}

/* ---- children --------------------------------------------------------- */

static void
test_fork(void)
{
	int pipes[2], status = 0, i;
	pid_t pid, said = 0, self = getpid();

	CU_ASSERT_EQUAL_FATAL(pipe2(pipes, O_CLOEXEC), 0);
	fflush(stdout);
	for (i = 0; i < 20; i++) {
		pid = callgate_fork();
		if (pid == 0) {
			said = getpid();
			if (said == self || getppid() != self ||
			    write(pipes[1], &said, sizeof(said)) !=
			    sizeof(said))
				_exit(1);
			_exit(40 + i);
		}
		T_OK(pid > 0 && waitpid(pid, &status, 0) == pid &&
		    WIFEXITED(status) && WEXITSTATUS(status) == 40 + i,
		    "the child's exit code");
		T_OK(read(pipes[0], &said, sizeof(said)) == sizeof(said) &&
		    said == pid, "and its own number");
	}
	close(pipes[0]);
	close(pipes[1]);
}

static void
in_limit(const void *arg)
{
	const struct rlimit none = { 0, 0 };

	(void)arg;
	t_drop();
	if (geteuid() == 0)
		return;
	C_OK(setrlimit(RLIMIT_NPROC, &none) == 0, "set-up");
	C_OK(callgate_fork() == -1 && errno == EAGAIN, "no process more");
}

static void
test_fork_fails(void)
{
	t_in_child(in_limit, NULL, "where none may be made");
}

/* ---- closed ----------------------------------------------------------- */

enum wall {
	NO_WALL,
	GATES,		/* the program that binds calls to gates */
	ALL_CALLS	/* and the list of all calls, as a dispatcher has */
};

static void
put_up(enum wall wall)
{
	struct callfilter_wish wish = { .role = CALLFILTER_SERVICE,
		.takes_uploads = true };
	uintptr_t first[CALLGATE_COUNT], end[CALLGATE_COUNT];
	struct callfilter gates, list;
	int i;

	if (wall == NO_WALL)
		return;
	for (i = 0; i < CALLGATE_COUNT; i++)
		callgate_range((enum callgate)i, &first[i], &end[i]);
	if (callfilter_build_gates(&wish, first, end, &gates) != 0 ||
	    callfilter_build(&wish, &list) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    callfilter_install(&gates) != 0 ||
	    (wall == ALL_CALLS && callfilter_install(&list) != 0))
		abort();
}

static void
gate_socket(void)
{
	close(callgate_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static void
libc_socket(void)
{
	close(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static void
gate_open(void)
{
	close(callgate_openat(top, "f", O_RDONLY | O_CLOEXEC, 0));
}

static void
libc_open(void)
{
	close(openat(top, "f", O_RDONLY | O_CLOEXEC));
}

static void
gate_fork(void)
{
	pid_t pid = callgate_fork();

	if (pid == 0)
		_exit(0);
	(void)waitpid(pid, NULL, 0);
}

static void
libc_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	(void)waitpid(pid, NULL, 0);
}

static void
gate_kill(void)
{
	(void)callgate_kill(getpid(), 0);
}

static void
libc_kill(void)
{
	(void)kill(getpid(), 0);
}

/* The descriptors that the programs know. */
static void
place(int fd, int number)
{
	if (fd == -1 || dup2(fd, number) == -1)
		_exit(2);
}

static void
gate_lock(void)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (callgate_lock(CALLFILTER_TABLE_FD, &range) != 0)
		_exit(2);
}

static void
libc_lock(void)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	(void)fcntl(CALLFILTER_TABLE_FD, F_SETLK, &range);
}

/* To look who has one is no harm. */
static void
libc_holder(void)
{
	if (holder(CALLFILTER_TABLE_FD) != 0)
		_exit(2);
}

static void
gate_room(void)
{
	if (callgate_fallocate(CALLFILTER_LOG_FD, FALLOC_FL_KEEP_SIZE, 0,
	    4096) != 0)
		_exit(2);
}

static void
libc_room(void)
{
	(void)fallocate(CALLFILTER_LOG_FD, FALLOC_FL_KEEP_SIZE, 0, 4096);
}

/* A client's file, which has no gate. */
static void
libc_room_of_file(void)
{
	if (fallocate(CALLFILTER_BACK_FD - 1, FALLOC_FL_KEEP_SIZE, 0, 4096) !=
	    0)
		_exit(2);
}

/* The log's bytes would be lost. */
static void
gate_hole(void)
{
	(void)callgate_fallocate(CALLFILTER_LOG_FD, FALLOC_FL_PUNCH_HOLE |
	    FALLOC_FL_KEEP_SIZE, 0, 4096);
}

static void
gate_map(void)
{
	if (callgate_mmap(4096, PROT_READ | PROT_WRITE, MAP_SHARED,
	    CALLFILTER_TABLE_FD, 0) == MAP_FAILED)
		_exit(2);
}

static void
libc_map(void)
{
	(void)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
	    CALLFILTER_TABLE_FD, 0);
}

static void
libc_memory(void)
{
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE |
	    MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		_exit(2);
}

static void
gate_map_log(void)
{
	(void)callgate_mmap(4096, PROT_READ, MAP_SHARED, CALLFILTER_LOG_FD, 0);
}

static void
write_code(int rights)
{
	uintptr_t first, end;

	callgate_range(CALLGATE_NET, &first, &end);
	(void)mmap((void *)first, end - first, rights, MAP_PRIVATE |
	    MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/* Code in the gate's place. */
static void
new_code(void)
{
	write_code(PROT_READ | PROT_EXEC);
}

/* That alone is no harm; making it code is. */
static void
new_data(void)
{
	write_code(PROT_READ | PROT_WRITE);
}

static void
new_rights(void)
{
	uintptr_t first, end;

	new_data();
	callgate_range(CALLGATE_NET, &first, &end);
	(void)mprotect((void *)first, end - first, PROT_READ | PROT_EXEC);
}

/* Other code moved to where a gate was. */
static void
moved_code(void)
{
	uintptr_t first, end, page = (uintptr_t)sysconf(_SC_PAGESIZE);

	callgate_range(CALLGATE_NET, &first, &end);
	(void)mremap((void *)((uintptr_t)libc_socket & ~(page - 1)), page,
	    page, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)first);
}

enum closing {
	OPEN,
	NET_CLOSED,
	BOTH_CLOSED
};

/* The signal that ends a child which does that, or 0: it goes on. */
static int
signal_of(enum wall wall, enum closing closing, void (*act)(void))
{
	const struct rlimit none = { 0, 0 };
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGSYS, SIG_DFL);
		(void)signal(SIGSEGV, SIG_DFL);
		alarm(T_CHILD_SECONDS);
		place(memfd_create("log", 0), CALLFILTER_LOG_FD);
		place(memfd_create("table", 0), CALLFILTER_TABLE_FD);
		place(memfd_create("file", 0), CALLFILTER_BACK_FD - 1);
		put_up(wall);
		if (closing != OPEN && callgate_close(closing ==
		    BOTH_CLOSED) != 0)
			_exit(1);
		act();
		_exit(0);
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return -1;
	if (WIFSIGNALED(status))
		return WTERMSIG(status);
	return WEXITSTATUS(status) == 0 ? 0 : -1;
}

static void
test_closed(void)
{
	static const struct {
		const char *what;
		enum wall wall;
		enum closing closing;
		void (*act)(void);
		int wanted;
	} rows[] = {
		{ "no wall: from anywhere", NO_WALL, OPEN, libc_socket, 0 },
		{ "closed: no socket", NO_WALL, NET_CLOSED, gate_socket,
		    SIGSEGV },
		{ "no process", NO_WALL, NET_CLOSED, gate_fork, SIGSEGV },
		{ "no signal", NO_WALL, NET_CLOSED, gate_kill, SIGSEGV },
		{ "no lock", NO_WALL, NET_CLOSED, gate_lock, SIGSEGV },
		{ "no room", NO_WALL, NET_CLOSED, gate_room, SIGSEGV },
		{ "no mapping", NO_WALL, NET_CLOSED, gate_map, SIGSEGV },
		{ "but files", NO_WALL, NET_CLOSED, gate_open, 0 },
		{ "both closed: no file", NO_WALL, BOTH_CLOSED, gate_open,
		    SIGSEGV },
		{ "no socket either", NO_WALL, BOTH_CLOSED, gate_socket,
		    SIGSEGV },

		{ "bound: a socket by the gate", GATES, OPEN, gate_socket, 0 },
		{ "not by libc", GATES, OPEN, libc_socket, SIGSYS },
		{ "a file by the gate", GATES, OPEN, gate_open, 0 },
		{ "not by libc", GATES, OPEN, libc_open, SIGSYS },
		{ "a process by the gate", GATES, OPEN, gate_fork, 0 },
		{ "not by libc", GATES, OPEN, libc_fork, SIGSYS },
		{ "a signal by the gate", GATES, OPEN, gate_kill, 0 },
		{ "not by libc", GATES, OPEN, libc_kill, SIGSYS },

		{ "a lock by the gate", GATES, OPEN, gate_lock, 0 },
		{ "not by libc", GATES, OPEN, libc_lock, SIGSYS },
		{ "to look who has it, by libc", GATES, OPEN, libc_holder, 0 },
		{ "room for the log by the gate", GATES, OPEN, gate_room, 0 },
		{ "not by libc", GATES, OPEN, libc_room, SIGSYS },
		{ "room for a file by libc", GATES, OPEN, libc_room_of_file,
		    0 },
		{ "the live table mapped by the gate", GATES, OPEN, gate_map,
		    0 },
		{ "not by libc", GATES, OPEN, libc_map, SIGSYS },
		{ "memory by libc", GATES, OPEN, libc_memory, 0 },

		{ "bound and closed: no socket", GATES, NET_CLOSED,
		    libc_socket, SIGSYS },
		{ "no process", GATES, NET_CLOSED, libc_fork, SIGSYS },
		{ "files by the gate", GATES, NET_CLOSED, gate_open, 0 },
		{ "not by libc", GATES, NET_CLOSED, libc_open, SIGSYS },
		{ "no lock", GATES, NET_CLOSED, libc_lock, SIGSYS },
		{ "no room", GATES, NET_CLOSED, libc_room, SIGSYS },
		{ "no mapping", GATES, NET_CLOSED, libc_map, SIGSYS },
		{ "both: no file", GATES, BOTH_CLOSED, libc_open, SIGSYS },

		{ "all calls bound: by the gate", ALL_CALLS, OPEN,
		    gate_socket, 0 },
		{ "by libc", ALL_CALLS, OPEN, libc_socket, SIGSYS },
		{ "a lock", ALL_CALLS, OPEN, gate_lock, 0 },
		{ "room for the log", ALL_CALLS, OPEN, gate_room, 0 },
		{ "no hole in the log", ALL_CALLS, OPEN, gate_hole, SIGSYS },
		{ "the live table mapped", ALL_CALLS, OPEN, gate_map, 0 },
		{ "not the log", ALL_CALLS, OPEN, gate_map_log, SIGSYS },
		{ "closed: data may stand there", ALL_CALLS, NET_CLOSED,
		    new_data, 0 },
		{ "no code", ALL_CALLS, NET_CLOSED, new_code, SIGSYS },
		{ "nor data that becomes code", ALL_CALLS, NET_CLOSED,
		    new_rights, SIGSYS },
		{ "nor code of elsewhere", ALL_CALLS, NET_CLOSED, moved_code,
		    SIGSYS },
	};
	size_t i;

	if (!callgate_exists()) {
		t_skip("closing (no gates in this build)");
		return;
	}
	for (i = 0; i < COUNT(rows); i++)
		T_OK(signal_of(rows[i].wall, rows[i].closing, rows[i].act) ==
		    rows[i].wanted, rows[i].what);
}

static void
in_close(const void *arg)
{
	uintptr_t first, end;

	(void)arg;
	C_OK(callgate_close(false) == 0, "closed");
	C_OK(callgate_close(true) == 0, "the other one, too");
	C_OK(callgate_close(true) == 0, "once more");
	callgate_range(CALLGATE_FILE, &first, &end);
	C_OK(!callgate_exists() || !is_code(first, end), "it is gone");
	C_OK(getpid() > 0 && write(-1, "", 0) == -1, "all else goes on");
}

static void
test_close(void)
{
	t_in_child(in_close, NULL, "one after the other");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "whole pages of code", test_ranges },
		{ "sockets, descriptors, signals", test_net },
		{ "mappings", test_mmap },
		{ "locks", test_lock },
		{ "room on the disk", test_fallocate },
		{ "files and names", test_files },
		{ "openat2", test_openat2 },
		{ "an error is -1 and errno", test_errors },
		{ "children", test_fork },
		{ "no child where none may be made", test_fork_fails },
		{ "closed, nothing makes such a call", test_closed },
		{ "closed one after the other", test_close },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ .pName = "gates", .pInitFunc = set_up,
		    .pCleanupFunc = clean_up, .pTests = tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
