/*
 * t-wakeup - a call that blocks ends in time, and a timer is seldom set.
 */
#include <dlfcn.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "os/clock.h"
#include "os/wakeup.h"
#include "t-work.h"

#define MS		UINT64_C(1000)
#define S		(1000 * MS)
#define LATE_US		(2 * MS)	/* as the module says */
#define REPEAT_US	(10 * MS)
#define REPEAT_MAX	(100 * MS)
#define SOON_US		(1 * MS)
#define PATIENCE_US	(500 * MS)	/* for a machine that is busy */

/* ---- the timer -------------------------------------------------------- */

/*
 * This stands before libc's when the program is linked.  In a world where
 * the test moves the clock, nothing is set but this.
 */
static struct {
	bool is_world;
	unsigned calls;
	uint64_t now_us;	/* of the world */
	uint64_t first_us;	/* when the timer comes; then each repeat */
	uint64_t repeat_us;
} timer;

static uint64_t
us_of(const struct timeval *tv)
{
	return (uint64_t)tv->tv_sec * S + (uint64_t)tv->tv_usec;
}

static int
set_for_real(__itimer_which_t which, const struct itimerval *when,
    struct itimerval *old)
{
	int (*real)(__itimer_which_t, const struct itimerval *,
	    struct itimerval *);

	*(void **)&real = dlsym(RTLD_NEXT, "setitimer");
	return real(which, when, old);
}

int
setitimer(__itimer_which_t which, const struct itimerval *restrict when,
    struct itimerval *restrict old)
{
	timer.calls++;
	timer.repeat_us = us_of(&when->it_interval);
	timer.first_us = timer.now_us + us_of(&when->it_value);
	return timer.is_world ? 0 : set_for_real(which, when, old);
}

/* ---- when it is set --------------------------------------------------- */

static void
begin_world(void)
{
	memset(&timer, 0, sizeof(timer));
	timer.is_world = true;
}

/* Whether the timer is set then. */
static bool
is_set_at(uint64_t now_us, uint64_t deadline_us)
{
	unsigned before = timer.calls;

	timer.now_us = now_us;
	wakeup_at(now_us, deadline_us);
	return timer.calls != before;
}

/* When the timer comes next, as the kernel counts. */
static uint64_t
next_tick(uint64_t now_us)
{
	if (now_us < timer.first_us)
		return timer.first_us;
	return timer.first_us + ((now_us - timer.first_us) /
	    timer.repeat_us + 1) * timer.repeat_us;
}

static void
in_steps(const void *arg)
{
	static const struct {
		const char *what;
		uint64_t now_ms, deadline_ms;
		bool is_set;
	} steps[] = {
		{ "the first one is set", 1000, 1010, true },
		{ "the same is not set again", 1001, 1010, false },
		{ "nor is a later one", 1002, 1900, false },
		{ "nor one that is 2 ms earlier", 1003, 1008, false },
		{ "one that is 3 ms earlier is", 1004, 1007, true },
		{ "it came, and comes again", 1007, 1020, false },
		{ "a moment before it comes again", 1016, 1017, false },
		{ "it comes twice for nothing", 1017, 1047, false },
		{ "three times are too many", 1027, 1058, true },
		{ "31 ms later would be late", 1058, 1065, true },
		{ "2 ms are not late", 1065, 1073, false },
		{ "nobody waited for long; it came all the time", 5007,
		    5020, false },
		{ "a deadline that is over", 5015, 5010, true },
		{ "a distant one", 5016, 9016, true },
		{ "a near one meanwhile", 5017, 5030, true },
		{ "the distant one again, for the near one comes", 5018,
		    9016, false },
		{ "now it has come", 5031, 9016, true },
	};
	size_t i;

	(void)arg;
	begin_world();
	for (i = 0; i < COUNT(steps); i++)
		C_OK(is_set_at(steps[i].now_ms * MS, steps[i].deadline_ms *
		    MS) == steps[i].is_set, steps[i].what);
	C_OK(timer.first_us == 9016 * MS && timer.repeat_us == REPEAT_MAX,
	    "to that time, and then every 100 ms");
	C_OK(is_set_at(20 * S, 20 * S - 5 * MS) &&
	    next_tick(20 * S) <= 20 * S + SOON_US, "it is over: at once");
	C_OK(is_set_at(30 * S, 30 * S) &&
	    next_tick(30 * S) <= 30 * S + SOON_US, "it is now: at once");
}

static void
test_steps(void)
{
	t_in_child(in_steps, NULL, "steps");
}

static void
in_soon(const void *arg)
{
	(void)arg;
	begin_world();
	C_OK(is_set_at(1 * S, 2 * S), "set-up");
	timer.now_us = 1 * S + 5;
	wakeup_soon();
	C_OK(timer.first_us == timer.now_us + SOON_US, "within 1 ms");
	C_OK(timer.repeat_us == REPEAT_US, "and again, if that is lost");
	C_OK(is_set_at(1 * S + 10 * MS, 2 * S), "then the deadline again");
	C_OK(timer.first_us == 2 * S, "exactly");
	C_OK(!is_set_at(1 * S + 11 * MS, 2 * S), "once");
}

static void
test_soon(void)
{
	t_in_child(in_soon, NULL, "soon");
}

static uint32_t
next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Whatever was set before, the timer is never late. */
static void
in_random(const void *arg)
{
	uint64_t now_us = 1 * S, deadline_us;
	uint32_t seed = 1;
	int n;

	(void)arg;
	begin_world();
	for (n = 0; n < 200000; n++) {
		now_us += next_random(&seed) % (n % 1000 == 0 ? 2 * S :
		    15 * MS);
		deadline_us = now_us + 1 + next_random(&seed) %
		    (n % 3 == 0 ? 2 * S : 30 * MS);
		timer.now_us = now_us;
		if (next_random(&seed) % 50 == 0)
			wakeup_soon();
		wakeup_at(now_us, deadline_us);
		if (next_tick(now_us) > deadline_us + LATE_US) {
			C_OK(false, "it comes in time");
			break;
		}
	}
}

static void
test_random(void)
{
	t_in_child(in_random, NULL, "random deadlines");
}

/* A wait of 100 us each, for 10 s; each moves the deadline on. */
struct traffic {
	const char *what;
	uint64_t timeout_us;
	unsigned most;
};

static void
in_traffic(const void *arg)
{
	const struct traffic *row = arg;
	uint64_t now_us;

	begin_world();
	for (now_us = 1 * S; now_us < 11 * S; now_us += 100)
		wakeup_at(now_us, now_us + row->timeout_us);
	C_OK(timer.calls >= 1 && timer.calls <= row->most, row->what);
}

static void
test_traffic(void)
{
	static const struct traffic rows[] = {
		{ "timeouts of 10 ms: once and for all", 10 * MS, 1 },
		{ "timeouts of 20 ms", 20 * MS, 1 },
		{ "timeouts of 100 ms: once in each", 100 * MS, 101 },
		{ "timeouts of 1 s", 1 * S, 11 },
		{ "timeouts of 5 s", 5 * S, 3 },
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++)
		t_in_child(in_traffic, &rows[i], rows[i].what);
}

/* ---- calls that block ------------------------------------------------- */

static void
on_signal(int number)
{
	(void)number;
	wakeup_soon();
}

/* A socket on which nothing comes. */
static int
begin_waiting(void)
{
	struct sigaction act = { .sa_handler = on_signal };
	int fds[2];

	memset(&timer, 0, sizeof(timer));
	sigaction(SIGUSR1, &act, NULL);
	wakeup_init_signal();
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds) != 0)
		abort();
	return fds[0];
}

static bool
is_interrupted(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) == -1 && errno == EINTR;
}

/* As the daemon waits: how often until then.  0: a call did not end so. */
static unsigned
wait_until(int fd, uint64_t deadline_us)
{
	uint64_t now_us = clock_mono_us();
	unsigned calls = 0;

	for (; now_us < deadline_us; now_us = clock_mono_us()) {
		wakeup_at(now_us, deadline_us);
		if (!is_interrupted(fd))
			return 0;
		calls++;
	}
	return calls;
}

/* To be busy: what comes meanwhile ends no call. */
static void
miss(uint64_t until_us)
{
	while (clock_mono_us() < until_us)
		continue;
}

/* The first call with a new timer ends then, not before. */
static void
in_deadline(const void *arg)
{
	const uint64_t *wait_us = arg;
	int fd = begin_waiting();
	uint64_t start_us = clock_mono_us(), now_us;

	wakeup_at(start_us, start_us + *wait_us);
	C_OK(is_interrupted(fd), "it ends");
	now_us = clock_mono_us();
	C_OK(now_us >= start_us + *wait_us, "not before its time");
	C_OK(now_us < start_us + *wait_us + PATIENCE_US, "in time");
}

static void
test_deadline(void)
{
	static const struct {
		const char *what;
		uint64_t wait_us;
	} rows[] = {
		{ "5 ms", 5 * MS },
		{ "10 ms", 10 * MS },
		{ "33 ms", 33 * MS },
		{ "250 ms", 250 * MS },
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++)
		t_in_child(in_deadline, &rows[i].wait_us, rows[i].what);
}

/* One after the other, near and far, with the timer of the one before. */
static void
in_deadlines(const void *arg)
{
	static const uint64_t waits_us[] = { 20 * MS, 10 * MS, 11 * MS,
		100 * MS, 5 * MS, 35 * MS, 150 * MS, 10 * MS };
	uint64_t deadline_us;
	int fd = begin_waiting();
	unsigned calls;
	size_t i;

	(void)arg;
	for (i = 0; i < COUNT(waits_us); i++) {
		deadline_us = clock_mono_us() + waits_us[i];
		calls = wait_until(fd, deadline_us);
		/* the timer of before may be 2 ticks early, and 1 late */
		C_OK(calls >= 1 && calls <= 4, "it ends, not too often");
		C_OK(clock_mono_us() < deadline_us + PATIENCE_US, "in time");
	}
}

static void
test_deadlines(void)
{
	t_in_child(in_deadlines, NULL, "one after the other");
}

/* The deadline came when nobody waited: the next tick ends the call. */
static void
in_missed(const void *arg)
{
	uint64_t now_us;
	int fd = begin_waiting(), n;

	(void)arg;
	for (n = 0; n < 5; n++) {
		now_us = clock_mono_us();
		wakeup_at(now_us, now_us + 5 * MS);
		miss(now_us + 7 * MS);
		C_OK(is_interrupted(fd), "it ends");
		C_OK(clock_mono_us() < now_us + 7 * MS + PATIENCE_US,
		    "in time");
	}
}

static void
test_missed(void)
{
	t_in_child(in_missed, NULL, "a signal that is lost");
}

/* A signal between the last look and the call. */
static void
in_word(const void *arg)
{
	const uint64_t *busy_us = arg;
	int fd = begin_waiting();
	uint64_t now_us = clock_mono_us(), deadline_us = now_us + 50 * S;

	wakeup_at(now_us, deadline_us);
	raise(SIGUSR1);
	miss(now_us + *busy_us);
	C_OK(is_interrupted(fd), "it ends");
	C_OK(clock_mono_us() < now_us + *busy_us + PATIENCE_US, "soon");
	deadline_us = clock_mono_us() + 50 * MS;
	C_OK(wait_until(fd, deadline_us) == 1, "then once, at its time");
	C_OK(clock_mono_us() < deadline_us + PATIENCE_US, "in time");
}

static void
test_word(void)
{
	static const struct {
		const char *what;
		uint64_t busy_us;
	} rows[] = {
		{ "just before the call", 0 },
		{ "so early that its alarm is lost, too", 5 * MS },
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++)
		t_in_child(in_word, &rows[i].busy_us, rows[i].what);
}

int
main(void)
{
	CU_TestInfo setting[] = {
		{ "step by step", test_steps },
		{ "soon", test_soon },
		{ "random deadlines", test_random },
		{ "traffic", test_traffic },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo waiting[] = {
		{ "a deadline", test_deadline },
		{ "many deadlines", test_deadlines },
		{ "a signal that is lost", test_missed },
		{ "a word before the call", test_word },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "wakeup: the timer", NULL, NULL, NULL, NULL, setting },
		{ "wakeup: waiting", NULL, NULL, NULL, NULL, waiting },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
