#include <stdbool.h>

#include "stats/idbook.h"
#include "t.h"

static enum idbook_state
start(struct idbook *b, uint64_t id)
{
	struct idbook_start one = { .id = id, .line = id + 1 };

	return idbook_start(b, &one);
}

static void
states(void)
{
	struct idbook b;

	idbook_init(&b);
	T_OK(idbook_state(&b, 0) == IDBOOK_UNKNOWN, "the id 0 too");
	T_OK(start(&b, 0) == IDBOOK_UNKNOWN, "a start");
	T_OK(start(&b, 0) == IDBOOK_OPEN, "again");
	T_OK(idbook_end(&b, 0) == IDBOOK_OPEN, "its end");
	T_OK(idbook_end(&b, 0) == IDBOOK_ENDED, "again");
	T_OK(start(&b, 0) == IDBOOK_ENDED, "a start behind its end");
	T_OK(idbook_end(&b, UINT64_MAX) == IDBOOK_UNKNOWN,
	    "an end without start");
	T_OK(idbook_state(&b, UINT64_MAX) == IDBOOK_ENDED, "is one");
	T_OK(b.used == 0, "nothing is open");
	idbook_free(&b);
}

/* Ends in another order than their starts, so that gaps close everywhere. */
static void
many(void)
{
	const uint64_t count = 20000;
	const struct idbook_start *one;
	bool is_good = true;
	struct idbook b;
	size_t at = 0;
	uint64_t i;

	idbook_init(&b);
	for (i = 0; i < count; i++)
		is_good &= start(&b, i) == IDBOOK_UNKNOWN;
	for (i = 0; i < count; i += 2)
		is_good &= idbook_end(&b, i * 7919 % count) == IDBOOK_OPEN;
	T_OK(is_good && b.used == count / 2, "half of them");
	for (i = 0; i < count; i++)
		is_good &= idbook_state(&b, i) == (i % 2 == 0 ?
		    IDBOOK_ENDED : IDBOOK_OPEN);
	T_OK(is_good, "and the right ones");
	for (i = 0; (one = idbook_next(&b, &at)) != NULL; i++)
		is_good &= one->line == one->id + 1 && one->id % 2 == 1;
	T_OK(is_good && i == count / 2, "with their places");
	idbook_free(&b);
}

static void
old_ends_are_forgotten(void)
{
	struct idbook b;
	uint64_t i;

	idbook_init(&b);
	for (i = 0; i <= 2 * IDBOOK_ENDED_MAX; i++)
		idbook_end(&b, i);
	T_OK(idbook_state(&b, i - 1) == IDBOOK_ENDED &&
	    idbook_state(&b, i - IDBOOK_ENDED_MAX) == IDBOOK_ENDED,
	    "late ones are known");
	T_OK(idbook_state(&b, 0) == IDBOOK_UNKNOWN, "early ones are not");
	idbook_free(&b);
}

static void
no_end_of_starts(void)
{
	struct idbook b;
	uint64_t i;

	idbook_init(&b);
	for (i = 0; i < IDBOOK_OPEN_MAX + 5; i++)
		start(&b, i);
	T_OK(b.used == IDBOOK_OPEN_MAX && b.untold == 5, "have a limit");
	idbook_free(&b);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "states", states },
		{ "many", many },
		{ "old ends are forgotten", old_ends_are_forgotten },
		{ "no end of starts", no_end_of_starts },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "idbook", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
