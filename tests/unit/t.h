/*
 * t - what every unit test shares: running its suites, a guard page, and how
 * much of a long loop is run.
 */
#ifndef UNIT_T_H
#define UNIT_T_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <CUnit/Basic.h>
#include <CUnit/TestDB.h>

/* Assert with a sentence of its own: a table's row says what broke. */
#define T_OK(cond, what)                                                   \
	CU_assertImplementation((cond) ? CU_TRUE : CU_FALSE, __LINE__,     \
	    (what), __FILE__, "", CU_FALSE)

/*
 * A copy of buf[0..len) whose last byte touches an unreadable page: a
 * parser that reads one byte too far dies at once.  t_unguard() frees it.
 */
static inline void *
t_guard(const void *buf, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (len + page - 1) / page * page;
	unsigned char *map;

	map = mmap(NULL, room + page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED || mprotect(map + room, page, PROT_NONE) != 0)
		abort();
	if (len != 0)
		memcpy(map + room - len, buf, len);
	return map + room - len;
}

static inline void
t_unguard(void *copy, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (len + page - 1) / page * page;

	munmap((unsigned char *)copy + len - room, room + page);
}

/*
 * How often a loop of n rounds runs, n >= 1: all of them, or under valgrind,
 * which takes 30 times as long, one of UNIT_PART (the environment).
 */
static inline unsigned
t_part(unsigned n)
{
	const char *part = getenv("UNIT_PART");
	unsigned by = part != NULL ? (unsigned)strtoul(part, NULL, 10) : 1;

	return by > 1 ? (n + by - 1) / by : n;
}

/* Register, run, print; the exit status for main. */
static inline int
t_run(CU_SuiteInfo *suites)
{
	unsigned failed;

	if (CU_initialize_registry() != CUE_SUCCESS ||
	    CU_register_suites(suites) != CUE_SUCCESS)
		return 99;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}

#endif
