/*
 * t-memory - pages: zeroed, given back, and in those processes only that
 * shall have them.
 */
#include <signal.h>
#include <sys/resource.h>

#include "config.h"
#include "os/memory.h"
#include "t-work.h"

#define PAGE	((size_t)sysconf(_SC_PAGESIZE))
#define LEN	(3 * PAGE)

static bool
is_zero(const unsigned char *ptr, size_t len)
{
	size_t i;

	for (i = 0; i < len && ptr[i] == 0; i++)
		;
	return i == len;
}

/* Whether that page is mapped here at all; a touch would kill. */
static bool
is_mapped(void *ptr)
{
	unsigned char resident;

	return mincore(ptr, PAGE, &resident) == 0;
}

/*
 * A child does its part with the memory.  Returns how it ended, as waitpid()
 * tells.  A sanitizer's own handler would turn the signal into a status.
 */
static int
child_does(int (*part)(unsigned char *), unsigned char *ptr)
{
	const struct rlimit no_core = { 0, 0 };
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(T_CHILD_SECONDS);
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGSEGV, SIG_DFL);
		_exit(part(ptr));
	}
	while (pid != -1 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return status;
}

static int
read_first(unsigned char *ptr)
{
	return *(volatile unsigned char *)ptr;
}

static int
read_last(unsigned char *ptr)
{
	return *(volatile unsigned char *)(ptr + LEN - 1);
}

static int
write_first(unsigned char *ptr)
{
	*(volatile unsigned char *)ptr = 77;
	return 0;
}

static bool
died_of_it(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static bool
left_with(int status, int want)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == want;
}

/* ---- pages of our own ------------------------------------------------- */

static void
test_zeroed(void)
{
	static const size_t lens[] = { 1, 24, 4095, 4096, 4097, 1 << 20 };
	unsigned char *ptr;
	size_t i, round;

	for (i = 0; i < COUNT(lens); i++)
		for (round = 0; round < 3; round++) {
			ptr = memory_get(lens[i]);
			T_OK(ptr != NULL && is_zero(ptr, lens[i]),
			    "all of it is zero, used before or not");
			if (ptr == NULL)
				continue;
			memset(ptr, 0xa5, lens[i]);
			memory_put(ptr, lens[i]);
		}
	memory_put(NULL, 0);
	memory_put(NULL, PAGE);
}

static void
test_given_back(void)
{
#ifdef INSTRUMENTED
	t_skip("whether the page is gone (an instrumented build has a heap)");
#else
	unsigned char *ptr = memory_get(LEN);

	T_OK(ptr != NULL && (uintptr_t)ptr % PAGE == 0 &&
	    is_mapped(ptr + LEN - PAGE), "whole pages");
	memory_put(ptr, LEN);
	T_OK(!is_mapped(ptr) && !is_mapped(ptr + LEN - PAGE),
	    "given back, they are gone");
	T_OK(memory_get(SIZE_MAX / 2) == NULL, "more than there is");
#endif
}

/* A child's copy is its own. */
static void
test_own(void)
{
	unsigned char *ptr = memory_get(LEN);

	if (ptr == NULL)
		abort();
	ptr[0] = 5;
	T_OK(left_with(child_does(read_first, ptr), 5), "a child has a copy");
	T_OK(left_with(child_does(write_first, ptr), 0) && ptr[0] == 5,
	    "and what it writes there is its own");
	memory_put(ptr, LEN);
}

/* ---- pages that children do not have ---------------------------------- */

static void
test_unforked(void)
{
	unsigned char *ptr = memory_get_unforked(LEN);

	T_OK(ptr != NULL && is_zero(ptr, LEN), "zeroed");
	if (ptr == NULL)
		return;
	ptr[0] = 5;
	ptr[LEN - 1] = 6;
	T_OK(died_of_it(child_does(read_first, ptr)), "a child reads it");
	T_OK(died_of_it(child_does(read_last, ptr)), "the last byte, too");
	T_OK(died_of_it(child_does(write_first, ptr)), "a child writes it");
	T_OK(ptr[0] == 5 && ptr[LEN - 1] == 6, "the parent keeps its data");
	T_OK(memory_forget(ptr, LEN) == 0 && is_zero(ptr, LEN), "forgotten");
	T_OK(memory_forget(ptr + 1, PAGE) == -EINVAL, "no page");
	ptr[LEN - 1] = 6;
	T_OK(died_of_it(child_does(read_last, ptr)), "a child reads it again");
	memory_unmap(ptr, LEN);
	T_OK(!is_mapped(ptr) && !is_mapped(ptr + LEN - PAGE),
	    "unmapped, it is gone");
}

static void
test_none(void)
{
	T_OK(memory_get_unforked(SIZE_MAX / 2) == NULL, "too much, unforked");
	T_OK(memory_get_shared(SIZE_MAX / 2) == NULL, "too much, shared");
	T_OK(memory_get_unforked(0) == NULL, "nothing, unforked");
	T_OK(memory_get_shared(0) == NULL, "nothing, shared");
	memory_unmap(NULL, LEN);
}

/* A child's child has nothing of CUnit, the child itself has. */
static int
hide_and_look(unsigned char *code)
{
	memory_hide_library("libcunit.so");
	(void)read_first(code);
	return died_of_it(child_does(read_first, code)) ? 0 : 1;
}

static int
hide_another(unsigned char *code)
{
	memory_hide_library("libcunix.so");
	return died_of_it(child_does(read_first, code)) ? 1 : 0;
}

static void
test_library(void)
{
	unsigned char *code = (unsigned char *)(uintptr_t)CU_run_all_tests;

	T_OK(left_with(child_does(hide_and_look, code), 0),
	    "a library that is hidden is not in a child");
	T_OK(left_with(child_does(hide_another, code), 0),
	    "one of another name is");
}

/* ---- pages that are shared -------------------------------------------- */

static int
write_and_read(unsigned char *ptr)
{
	return died_of_it(child_does(write_first, ptr)) ? read_first(ptr) : 0;
}

static void
test_frozen(void)
{
	unsigned char *ptr = memory_get_shared(LEN);

	if (ptr == NULL)
		abort();
	ptr[0] = 5;
	T_OK(memory_freeze(ptr, LEN) == 0, "frozen");
	T_OK(left_with(child_does(read_last, ptr), 0) &&
	    left_with(child_does(write_and_read, ptr), 5),
	    "children read it, and nobody writes it");
	T_OK(memory_freeze(ptr + 1, LEN) == -EINVAL, "no page begins there");
	memory_unmap(ptr, LEN);
}

static void
test_hidden_at_first(void)
{
	unsigned char *ptr = memory_get_shared(LEN);

	T_OK(ptr != NULL && is_zero(ptr, LEN), "zeroed");
	if (ptr == NULL)
		return;
	ptr[0] = 5;
	T_OK(died_of_it(child_does(read_first, ptr)), "a child reads it");
	T_OK(died_of_it(child_does(write_first, ptr)), "a child writes it");
	T_OK(memory_show(ptr, LEN, true) == 0 &&
	    left_with(child_does(read_first, ptr), 5), "when it is shown");
	T_OK(left_with(child_does(write_first, ptr), 0) && ptr[0] == 77,
	    "what the child wrote is here");
	T_OK(memory_show(ptr, LEN, false) == 0 &&
	    died_of_it(child_does(read_first, ptr)), "not shown any more");
	T_OK(ptr[0] == 77, "the parent keeps its data");
	memory_unmap(ptr, LEN);
}

/* Each waits, with the alarm as its bound, for what the other writes. */
static int
answer(unsigned char *ptr)
{
	volatile unsigned char *shared = ptr;

	shared[0] = 1;
	while (shared[LEN - 1] != 2)
		sched_yield();
	shared[1] = 3;
	return 0;
}

static void
test_both_ways(void)
{
	unsigned char *ptr = memory_get_shared(LEN);
	volatile unsigned char *shared = ptr;
	pid_t pid;
	int i;

	if (ptr == NULL || memory_show(ptr, LEN, true) != 0)
		abort();
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(T_CHILD_SECONDS);
		_exit(answer(ptr));
	}
	/* already forked: it stays theirs, too */
	T_OK(memory_show(ptr, LEN, false) == 0, "hidden from the next one");
	for (i = 0; i < T_CHILD_SECONDS * 1000 && shared[0] != 1; i++)
		usleep(1000);
	T_OK(shared[0] == 1, "the parent sees what the child wrote");
	shared[LEN - 1] = 2;
	T_OK(pid != -1 && t_reap(pid, 0) && shared[1] == 3,
	    "the child sees what the parent wrote, and the other way again");
	memory_unmap(ptr, LEN);
}

static int
leave(unsigned char *ptr)
{
	ptr[0] = 9;
	memory_unmap(ptr, LEN);
	return is_mapped(ptr) || is_mapped(ptr + LEN - PAGE);
}

static int
leave_and_touch(unsigned char *ptr)
{
	memory_unmap(ptr, LEN);
	return read_first(ptr);
}

static void
test_leave(void)
{
	unsigned char *ptr = memory_get_shared(LEN);

	if (ptr == NULL || memory_show(ptr, LEN, true) != 0)
		abort();
	T_OK(left_with(child_does(leave, ptr), 0), "a child leaves it");
	T_OK(ptr[0] == 9 && is_mapped(ptr), "the parent still has it");
	T_OK(died_of_it(child_does(leave_and_touch, ptr)),
	    "who left cannot touch it");
	T_OK(left_with(child_does(read_first, ptr), 9),
	    "the next child has it again");
	memory_unmap(ptr, LEN);
	T_OK(!is_mapped(ptr), "the parent leaves it");
}

/* A pool's neighbours: the mapping beside it is none of memory_show(). */
static void
test_errors(void)
{
	unsigned char *ptr = memory_get_shared(LEN);

	if (ptr == NULL)
		abort();
	T_OK(memory_show(ptr + 1, PAGE, true) == -EINVAL, "not a page's start");
	T_OK(died_of_it(child_does(read_first, ptr)), "it stays hidden");
	T_OK(memory_show(ptr, PAGE, true) == 0 &&
	    left_with(child_does(read_first, ptr), 0) &&
	    died_of_it(child_does(read_last, ptr)), "a part of it");
	memory_unmap(ptr, LEN);
	T_OK(memory_show(ptr, LEN, true) == -ENOMEM, "what is gone");
}

int
main(void)
{
	CU_TestInfo own[] = {
		{ "zeroed", test_zeroed },
		{ "given back", test_given_back },
		{ "a child's copy", test_own },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo unforked[] = {
		{ "not in a child", test_unforked },
		{ "no memory", test_none },
		{ "a library", test_library },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo shared[] = {
		{ "frozen", test_frozen },
		{ "shown and hidden", test_hidden_at_first },
		{ "both write", test_both_ways },
		{ "one leaves", test_leave },
		{ "errors", test_errors },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "memory: of our own", NULL, NULL, NULL, NULL, own },
		{ "memory: unforked", NULL, NULL, NULL, NULL, unforked },
		{ "memory: shared", NULL, NULL, NULL, NULL, shared },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
