/*
 * t-process - forking, following a parent into death, and a sleep that no
 * wake-up is lost for.
 */
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "config.h"
#include "os/memory.h"
#include "os/process.h"
#include "t-work.h"

#define PAGE	4096

#ifdef INSTRUMENTED
#define ROUNDS	300		/* valgrind is slow */
#else
#define ROUNDS	5000
#endif

/* ---- fork ------------------------------------------------------------- */

static void
test_fork(void)
{
	pid_t self = getpid(), pid, *told;

	told = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED)
		abort();
	fflush(stdout);
	pid = process_fork();
	if (pid == 0) {
		told[0] = getpid();
		told[1] = getppid();
		_exit(7);
	}
	T_OK(pid > 0 && pid != self, "the parent gets its child's id");
	T_OK(pid > 0 && t_reap(pid, 7), "the child's exit status");
	T_OK(told[0] == pid, "the child knows itself");
	T_OK(told[1] == self, "and its parent");
	T_OK(getpid() == self, "the parent is who it was");
	munmap(told, PAGE);
}

/* The dispatcher forks one after the other, and its children fork, too. */
static void
test_fork_again(void)
{
	int i, good = 0;
	pid_t pid;

	fflush(stdout);
	for (i = 0; i < 50; i++) {
		pid = process_fork();
		if (pid == 0) {
			pid = process_fork();
			if (pid == 0)
				_exit(i);
			_exit(t_reap(pid, i) ? i + 1 : 99);
		}
		good += pid != -1 && t_reap(pid, i + 1);
	}
	T_OK(good == 50, "fifty children with a child each");
}

static void
in_no_fork(const void *arg)
{
	const struct rlimit limit = { 0, 0 };
	pid_t pid;

	(void)arg;
	t_drop();
	C_OK(setrlimit(RLIMIT_NPROC, &limit) == 0, "set-up");
	errno = 0;
	pid = process_fork();
	if (pid == 0)
		_exit(0);
	C_OK(pid == -1, "no child");
	C_OK(errno == EAGAIN, "errno says why");
}

static void
test_no_fork(void)
{
	t_in_child(in_no_fork, NULL, "no process can be had");
}

/* ---- following -------------------------------------------------------- */

/*
 * A family of three: whoever asks, a middle one, and its child.  The middle
 * one's death is the test; the child says what it does through pipes.
 */
struct family {
	pid_t middle, child;
	int said[2], go[2];
};

/* The child's part: it may tell a byte, and hear one. */
typedef void child_part(struct family *f, pid_t parent);

static void
say(struct family *f, char byte)
{
	(void)!write(f->said[1], &byte, 1);
}

static void
wait_to_go(struct family *f)
{
	char byte;

	(void)!read(f->go[0], &byte, 1);
}

static void
middle_lives(struct family *f, child_part *part)
{
	pid_t self = getpid(), child, own;

	child = process_fork();
	if (child == -1)
		_exit(1);
	if (child == 0) {
		alarm(T_CHILD_SECONDS);
		close(f->go[1]);
		own = getpid();
		(void)!write(f->said[1], &own, sizeof(own));
		part(f, self);
		_exit(0);
	}
	close(f->said[1]);
	for (;;)
		pause();
}

/* What the child said, 0 for nothing: it has ended. */
static char
hear(struct family *f)
{
	struct pollfd fds = { f->said[0], POLLIN, 0 };
	char byte = 0;

	if (poll(&fds, 1, T_CHILD_SECONDS * 1000) != 1)
		return '?';
	return read(f->said[0], &byte, 1) == 1 ? byte : 0;
}

/* The child is ours when the middle one dies: PR_SET_CHILD_SUBREAPER. */
static void
family_start(struct family *f, child_part *part)
{
	C_OK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, "set-up");
	if (pipe(f->said) == -1 || pipe(f->go) == -1)
		abort();
	f->middle = fork();
	if (f->middle == 0) {
		alarm(T_CHILD_SECONDS);
		middle_lives(f, part);
	}
	close(f->said[1]);
	C_OK(f->middle != -1 && read(f->said[0], &f->child,
	    sizeof(f->child)) == sizeof(f->child), "a child");
}

/* The kernel tells the child before it tells us. */
static void
middle_dies(struct family *f)
{
	kill(f->middle, SIGKILL);
	while (waitpid(f->middle, NULL, 0) == -1 && errno == EINTR)
		;
}

static void
let_go(struct family *f)
{
	C_OK(write(f->go[1], "g", 1) == 1, "set-up");
}

static void
follows(struct family *f, pid_t parent)
{
	say(f, process_follow(parent) ? 'y' : 'n');
	wait_to_go(f);
	say(f, 'a');
}

static void
in_killed(const void *arg)
{
	struct family f;
	int status = 0;

	(void)arg;
	family_start(&f, follows);
	C_OK(hear(&f) == 'y', "the parent lives");
	middle_dies(&f);
	let_go(&f);
	C_OK(hear(&f) == 0, "the child did not go on");
	C_OK(waitpid(f.child, &status, 0) == f.child && WIFSIGNALED(status) &&
	    WTERMSIG(status) == SIGKILL, "it was killed");
}

static void
test_killed(void)
{
	t_in_child(in_killed, NULL, "its parent dies");
}

static void
stays(struct family *f, pid_t parent)
{
	(void)parent;
	say(f, 'y');
	wait_to_go(f);
	say(f, 'a');
}

static void
leaves(struct family *f, pid_t parent)
{
	bool followed = process_follow(parent);

	process_leave();
	say(f, followed ? 'y' : 'n');
	wait_to_go(f);
	say(f, 'a');
}

/* What an idle process forks does not follow anybody by itself. */
static void
follows_and_forks(struct family *f, pid_t parent)
{
	bool followed = process_follow(parent);
	pid_t pid = process_fork();

	if (pid > 0) {
		for (;;)
			pause();
	}
	alarm(T_CHILD_SECONDS);
	say(f, followed && pid == 0 ? 'y' : 'n');
	wait_to_go(f);
	say(f, 'a');
}

static void
in_alive(const void *arg)
{
	child_part *const *part = arg;
	struct family f;

	family_start(&f, *part);
	C_OK(hear(&f) == 'y', "the parent lives");
	middle_dies(&f);
	let_go(&f);
	C_OK(hear(&f) == 'a', "the child goes on");
	if (*part == follows_and_forks)
		return;
	C_OK(t_reap(f.child, 0), "to its own end");
}

static void
test_alive(void)
{
	static const struct {
		const char *what;
		child_part *part;
	} rows[] = {
		{ "one that does not follow", stays },
		{ "one that has left", leaves },
		{ "the child of one that follows", follows_and_forks },
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++)
		t_in_child(in_alive, &rows[i].part, rows[i].what);
}

static void
comes_late(struct family *f, pid_t parent)
{
	say(f, 'y');
	wait_to_go(f);
	say(f, process_follow(parent) ? 'y' : 'n');
}

static void
in_late(const void *arg)
{
	struct family f;

	(void)arg;
	family_start(&f, comes_late);
	C_OK(hear(&f) == 'y', "set-up");
	middle_dies(&f);
	let_go(&f);
	C_OK(hear(&f) == 'n', "it is told that the parent is dead");
	C_OK(t_reap(f.child, 0), "and ends by itself");
}

static void
test_late(void)
{
	t_in_child(in_late, NULL, "the parent is dead already");
}

/* ---- names ------------------------------------------------------------ */

static bool
is_called(const char *want)
{
	char got[32] = "", line[32];
	int fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, got, sizeof(got) - 1);

	if (fd != -1)
		close(fd);
	snprintf(line, sizeof(line), "%s\n", want);
	return n > 0 && strcmp(got, line) == 0;
}

static void
in_name(const void *arg)
{
	static const struct {
		const char *name, *shown;
	} rows[] = {
		{ "tftpd-ready", "tftpd-ready" },
		{ "tftpd", "tftpd" },
		{ "fifteen-letters", "fifteen-letters" },
		{ "sixteen-letters!", "sixteen-letters" },
		{ "", "" },
	};
	size_t i;

	(void)arg;
	for (i = 0; i < COUNT(rows); i++) {
		process_name(rows[i].name);
		C_OK(is_called(rows[i].shown), rows[i].name);
	}
}

static void
test_name(void)
{
	t_in_child(in_name, NULL, "names");
}

/* ---- descriptors ------------------------------------------------------ */

#define FDS_MAX	300

struct keep {
	const char *what;
	int fds[6];
	unsigned count;
	int left[6];		/* above 2; the rest is 0 */
};

static bool
is_listed(const int *list, size_t count, int fd)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (list[i] == fd)
			return true;
	return false;
}

/* 3, 4, 5, 9, 40 and 299 are open, others are not. */
static void
in_keep(const void *arg)
{
	static const int open_fds[] = { 3, 4, 5, 9, 40, FDS_MAX - 1 };
	const struct keep *row = arg;
	bool is_open;
	size_t i;
	int fd;

	for (fd = 3; fd < FDS_MAX; fd++)
		if (is_listed(open_fds, COUNT(open_fds), fd))
			(void)dup2(STDERR_FILENO, fd);
		else
			(void)close(fd);
	for (i = 0; i < COUNT(open_fds); i++)
		C_OK(fcntl(open_fds[i], F_GETFD) != -1, "set-up");
	process_keep_only(row->fds, row->count);
	for (fd = 0; fd < FDS_MAX; fd++) {
		is_open = fcntl(fd, F_GETFD) != -1;
		C_OK(is_open == (fd <= STDERR_FILENO ||
		    is_listed(row->left, COUNT(row->left), fd)), row->what);
	}
}

static void
test_keep(void)
{
	static const struct keep rows[] = {
		{ "none", { 0 }, 0, { 0 } },
		{ "the first", { 3 }, 1, { 3 } },
		{ "the last", { FDS_MAX - 1 }, 1, { FDS_MAX - 1 } },
		{ "in any order", { 40, 3, 9 }, 3, { 3, 9, 40 } },
		{ "neighbours", { 5, 4 }, 2, { 4, 5 } },
		{ "the same twice", { 9, 9, 4, 9 }, 4, { 4, 9 } },
		{ "all", { 3, 4, 5, 9, 40, FDS_MAX - 1 }, 6,
		    { 3, 4, 5, 9, 40, FDS_MAX - 1 } },
		{ "one that is not open", { 6, 5 }, 2, { 5 } },
		{ "the standard ones, which stay anyway", { 0, 2, 4 }, 3,
		    { 4 } },
		{ "no number is too large", { INT_MAX, 4 }, 2, { 4 } },
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++)
		t_in_child(in_keep, &rows[i], rows[i].what);
}

/* Reads from a pipe's end tell which descriptor it is by now. */
static void
in_place(const void *arg)
{
	const int number = 61;
	int ends[2];
	char byte = 0;

	(void)arg;
	C_OK(process_hold(number) == 0, "held");
	C_OK(open("/", O_RDONLY | O_DIRECTORY) < number,
	    "nothing else gets it");
	C_OK(pipe(ends) == 0 && write(ends[1], "x", 1) == 1, "set-up");
	C_OK(process_place(ends[0], number) == number, "placed");
	C_OK(fcntl(ends[0], F_GETFD) == -1, "the old number is free");
	C_OK(fcntl(number, F_GETFD) == FD_CLOEXEC, "closed by exec");
	C_OK(read(number, &byte, 1) == 1 && byte == 'x', "it is the pipe");
	C_OK(process_place(number, number) == number &&
	    fcntl(number, F_GETFD) == FD_CLOEXEC, "it is there already");
	C_OK(process_place(-1, number) == -1 &&
	    fcntl(number, F_GETFD) == FD_CLOEXEC, "none leaves what is there");
	C_OK(process_place(ends[0], number) == -EBADF, "one that is closed");
}

static void
in_no_place(const void *arg)
{
	struct rlimit few;

	(void)arg;
	C_OK(getrlimit(RLIMIT_NOFILE, &few) == 0, "set-up");
	few.rlim_cur = 32;	/* valgrind does not let go of the other one */
	C_OK(setrlimit(RLIMIT_NOFILE, &few) == 0, "set-up");
	C_OK(process_hold(61) == -EBADF, "beyond the limit");
	C_OK(process_place(STDIN_FILENO, 61) == -EBADF &&
	    fcntl(STDIN_FILENO, F_GETFD) != -1, "and it stays where it was");
}

static void
test_place(void)
{
	t_in_child(in_place, NULL, "a number of its own");
	t_in_child(in_no_place, NULL, "numbers that are not to be had");
}

/* ---- sleep ------------------------------------------------------------ */

/* As the pool has them: shared words, and others beside them. */
struct words {
	atomic_uint a, b;
	atomic_uint rounds;
};

static struct words *words;

static int
set_up(void)
{
	words = memory_get_shared(PAGE);
	return words == NULL || memory_show(words, PAGE, true) != 0;
}

static int
clean_up(void)
{
	memory_unmap(words, PAGE);
	return 0;
}

/* Who still sleeps when the alarm comes has lost a wake-up. */
static pid_t
start(void (*part)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = process_fork();
	if (pid == 0) {
		alarm(T_CHILD_SECONDS);
		part();
		_exit(0);
	}
	return pid;
}

static void
in_changed_before(const void *arg)
{
	(void)arg;
	atomic_store(&words->a, 1);
	process_sleep(&words->a, 0);
	atomic_store(&words->a, 0);
	process_sleep(&words->a, 1);
	process_sleep(&words->a, ~0U);
	/* nobody sleeps there: no matter */
	process_wake(&words->a);
	process_wake(&words->b);
}

static void
test_changed_before(void)
{
	t_in_child(in_changed_before, NULL, "the value is another one");
}

static void
sleep_on_a(void)
{
	while (atomic_load(&words->a) == 0)
		process_sleep(&words->a, 0);
}

/* 'S' in /proc/PID/stat, after the name in brackets. */
static bool
is_asleep(pid_t pid)
{
	char path[48], text[256] = "", *at;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	at = strrchr(text, ')');
	return at != NULL && strncmp(at, ") S", 3) == 0;
}

static bool
falls_asleep(pid_t pid)
{
	int i;

	for (i = 0; i < T_CHILD_SECONDS * 1000; i++) {
		if (is_asleep(pid))
			return true;
		usleep(1000);
	}
	return false;
}

static void
test_wake(void)
{
	pid_t pid;

	atomic_store(&words->a, 0);
	pid = start(sleep_on_a);
	T_OK(pid != -1 && falls_asleep(pid), "it sleeps");
	/* as the pool's processes do, when a signal or nothing wakes them */
	process_wake(&words->a);
	process_wake(&words->b);
	T_OK(waitpid(pid, NULL, WNOHANG) == 0 && falls_asleep(pid),
	    "woken for nothing it sleeps again");
	atomic_store(&words->a, 1);
	process_wake(&words->a);
	T_OK(t_reap(pid, 0), "it woke up");
}

/* Now one sleeps, now the other; a lost wake-up would stop both. */
static void
return_balls(void)
{
	unsigned i;

	for (i = 1; i <= ROUNDS; i++) {
		while (atomic_load(&words->a) != i)
			process_sleep(&words->a, i - 1);
		atomic_store(&words->b, i);
		process_wake(&words->b);
	}
}

static void
in_ping_pong(const void *arg)
{
	pid_t pid;
	unsigned i;

	(void)arg;
	atomic_store(&words->a, 0);
	atomic_store(&words->b, 0);
	pid = start(return_balls);
	for (i = 1; pid != -1 && i <= ROUNDS; i++) {
		atomic_store(&words->a, i);
		process_wake(&words->a);
		while (atomic_load(&words->b) != i)
			process_sleep(&words->b, i - 1);
	}
	C_OK(pid != -1 && t_reap(pid, 0), "the other one came to its end");
}

static void
test_ping_pong(void)
{
	t_in_child(in_ping_pong, NULL, "no wake-up is lost");
}

/* The pool's own way: several sleep, each on its word in one page. */
#define BERTHS	16

static atomic_uint *
berth(unsigned i)
{
	return (atomic_uint *)(void *)((char *)words + 256 + i * 200);
}

static void
test_each_its_own(void)
{
	pid_t pids[BERTHS];
	unsigned i;

	fflush(stdout);
	for (i = 0; i < BERTHS; i++) {
		atomic_store(berth(i), 0);
		pids[i] = process_fork();
		if (pids[i] == 0) {
			alarm(T_CHILD_SECONDS);
			while (atomic_load(berth(i)) == 0)
				process_sleep(berth(i), 0);
			_exit((int)atomic_load(berth(i)));
		}
	}
	for (i = BERTHS; i-- > 0;) {
		T_OK(pids[i] != -1 && waitpid(pids[i], NULL, WNOHANG) == 0,
		    "those that nobody woke sleep on");
		atomic_store(berth(i), i + 1);
		process_wake(berth(i));
		T_OK(t_reap(pids[i], (int)i + 1), "the one that was meant");
	}
}

int
main(void)
{
	CU_TestInfo forks[] = {
		{ "a child", test_fork },
		{ "many", test_fork_again },
		{ "none", test_no_fork },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo following[] = {
		{ "killed", test_killed },
		{ "alive", test_alive },
		{ "too late", test_late },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo names[] = {
		{ "as ps shows it", test_name },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo descriptors[] = {
		{ "kept", test_keep },
		{ "placed", test_place },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo sleeping[] = {
		{ "changed before", test_changed_before },
		{ "woken", test_wake },
		{ "ping-pong", test_ping_pong },
		{ "each its own", test_each_its_own },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "process: fork", NULL, NULL, NULL, NULL, forks },
		{ "process: following", NULL, NULL, NULL, NULL, following },
		{ "process: names", NULL, NULL, NULL, NULL, names },
		{ "process: descriptors", NULL, NULL, NULL, NULL,
		    descriptors },
		{ "process: sleep", set_up, clean_up, NULL, NULL, sleeping },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
