/*
 * t-patience - a blocking receive ends in time, and its timeout is seldom
 * set.
 */
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "os/clock.h"
#include "os/patience.h"
#include "t.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define MS		UINT64_C(1000)
#define S		(1000 * MS)
#define BUSY_US		(500 * MS)	/* for a machine that is busy */

/* A socket on which nothing comes; its peer is *other. */
static int
quiet_socket(int *other)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds) != 0)
		abort();
	*other = fds[1];
	return fds[0];
}

/* What the kernel was told. */
static uint64_t
timeout_of(int fd)
{
	struct timeval tv;
	socklen_t len = sizeof(tv);

	if (getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len) == -1)
		abort();
	return (uint64_t)tv.tv_sec * S + (uint64_t)tv.tv_usec;
}

static void
test_tick(void)
{
	struct patience p;

	patience_init(&p, -1);
	T_OK(p.fd == -1 && p.set_us == 0, "nothing is set");
	T_OK(p.tick_us >= 500 && p.tick_us <= 4000, "a tick of 1 kHz to 250 Hz");
}

static void
test_steps(void)
{
	/* in ticks of the kernel, which a receive may come two of late */
	static const struct {
		const char *what;
		uint64_t wait;
		bool may_block;
		uint64_t set;	/* the timeout after that */
	} steps[] = {
		{ "no time", 0, false, 0 },
		{ "as short as it may come late", 2, false, 0 },
		{ "the first", 10, true, 8 },
		{ "the same again", 10, true, 8 },
		{ "a longer one: we only ask again", 34, true, 8 },
		{ "a much longer one", 42, true, 40 },
		{ "one that ends sooner", 41, true, 39 },
		{ "a short one", 3, true, 1 },
		{ "too short", 1, false, 1 },
	};
	struct patience p;
	int other, fd = quiet_socket(&other);
	size_t i;

	patience_init(&p, fd);
	for (i = 0; i < COUNT(steps); i++)
		T_OK(patience_for(&p, steps[i].wait * p.tick_us) ==
		    steps[i].may_block && p.set_us == steps[i].set *
		    p.tick_us, steps[i].what);
	T_OK(patience_for(&p, 3600 * S) && p.set_us == 1 * S,
	    "never for longer than a second");
	T_OK(patience_for(&p, UINT64_MAX) && p.set_us == 1 * S, "for ever");
	T_OK(timeout_of(fd) >= p.set_us &&
	    timeout_of(fd) < p.set_us + 2 * p.tick_us,
	    "and the kernel was told");
	close(fd);
	close(other);
}

/* A deadline that moves on with each answer is set once. */
static void
test_traffic(void)
{
	struct timeval mark = { 7, 0 };
	struct patience p;
	int other, fd = quiet_socket(&other), i;

	patience_init(&p, fd);
	T_OK(patience_for(&p, 10 * MS), "set-up");
	T_OK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &mark,
	    sizeof(mark)) == 0, "set-up");
	for (i = 0; i < 1000; i++)
		T_OK(patience_for(&p, 10 * MS + (uint64_t)i), "may block");
	T_OK(timeout_of(fd) == 7 * S, "the kernel was not told again");
	close(fd);
	close(other);
}

static void
test_blocks(void)
{
	static const uint64_t waits[] = { 15 * MS, 30 * MS, 120 * MS };
	struct patience p;
	int other, fd = quiet_socket(&other);
	uint64_t start, took;
	char c;
	size_t i;

	for (i = 0; i < COUNT(waits); i++) {
		patience_init(&p, fd);
		T_OK(patience_for(&p, waits[i]), "set-up");
		start = clock_mono_us();
		T_OK(recv(fd, &c, 1, 0) == -1 && errno == EAGAIN, "nothing");
		took = clock_mono_us() - start;
		T_OK(took >= p.set_us && took < waits[i] + BUSY_US,
		    "not too soon, and in time");
	}
	close(fd);
	close(other);
}

/* A signal between the decision to block and the call that does. */
static void
test_cut(void)
{
	struct patience p;
	int other, fd = quiet_socket(&other);
	uint64_t start;
	char c;

	patience_init(&p, fd);
	T_OK(patience_for(&p, 3600 * S), "set-up");
	errno = EPIPE;
	patience_cut(fd);
	T_OK(errno == EPIPE, "errno is the interrupted code's");
	start = clock_mono_us();
	T_OK(recv(fd, &c, 1, 0) == -1 && errno == EAGAIN &&
	    clock_mono_us() - start < BUSY_US, "the call ends at once");
	patience_forget(&p);
	T_OK(patience_for(&p, 3600 * S) && timeout_of(fd) >= p.set_us &&
	    p.set_us == 1 * S, "the next one blocks again");
	close(fd);
	close(other);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "the kernel's tick", test_tick },
		{ "when it is set", test_steps },
		{ "a deadline that moves on", test_traffic },
		{ "a call that blocks", test_blocks },
		{ "a call that is not to block any more", test_cut },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "patience", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
