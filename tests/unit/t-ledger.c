#include <stdbool.h>
#include <stdint.h>

#include "stats/ledger.h"
#include "t.h"

/*
 * A story is the events of one id: s start, e end, c crashed end.  What
 * counts is the letter's capital in the expectation.
 */
static void
stories(void)
{
	static const struct {
		const char *what, *story, *counts;
		unsigned open;
	} cases[] = {
		{ "a transfer", "se", "sE", 0 },
		{ "a request refused without one", "e", "E", 0 },
		{ "one that still runs", "s", "s", 1 },
		{ "one that crashed", "sc", "sC", 0 },
		{ "it ended, then its keeper found it dead", "sec", "sEc", 0 },
		{ "its keeper was faster than its own end", "sce", "sCe", 0 },
		{ "two found it dead", "scc", "sCc", 0 },
		{ "crashed, and nobody knows it", "c", "c", 0 },
		{ "refused, then called crashed", "ec", "Ec", 0 },
		{ "crashed of nobody, then its real end", "ce", "cE", 0 },
		{ "an end twice", "see", "sEe", 0 },
		{ "a start twice", "sse", "ssE", 0 },
		{ "a start behind the end", "es", "Es", 0 },
		{ "and an end again", "ese", "Ese", 0 },
	};
	struct ledger l = { 0 };
	uint64_t id, before;
	const char *p;
	size_t i, k;
	bool counts;

	/* 1000 rounds make the table grow, with other ids in between. */
	for (i = 0; i < 1000 * sizeof(cases) / sizeof(cases[0]); i++) {
		k = i % (sizeof(cases) / sizeof(cases[0]));
		id = i * UINT64_C(0x9e3779b97f4a7c15);
		before = l.open;
		for (p = cases[k].story; *p != '\0'; p++) {
			counts = false;
			if (*p == 's')
				ledger_start(&l, id, true);
			else
				counts = ledger_end(&l, id, *p == 'c');
			if (counts != (cases[k].counts[p - cases[k].story] <
			    'a'))
				T_OK(false, cases[k].what);
		}
		if (l.open - before != cases[k].open)
			T_OK(false, cases[k].what);
		if (i < sizeof(cases) / sizeof(cases[0]))
			T_OK(true, cases[k].what);
	}
	ledger_free(&l);
}

static void
unwanted_starts_are_not_open(void)
{
	struct ledger l = { 0 };

	ledger_start(&l, 1, false);
	ledger_start(&l, 0, true);
	T_OK(l.open == 1, "only the wanted one is counted, id 0 too");
	T_OK(ledger_end(&l, 1, true), "but a crash of it is an end");
	T_OK(l.open == 1 && ledger_end(&l, 0, false) && l.open == 0,
	    "until it ends");
	ledger_free(&l);
}

static void
records_by_their_filter(void)
{
	struct ledger l = { 0 };
	struct translog_record rec;
	struct filter f;

	translog_clear(&rec);
	filter_clear(&f);
	f.since_us = 100;
	strcpy(rec.id, "ffffffffffffff00");
	T_OK(ledger_id(rec.id) == UINT64_C(0xffffffffffffff00), "an id");
	rec.event = TRANSLOG_START;
	rec.ts_us = 50;
	T_OK(!ledger_takes(&l, &f, &rec) && l.open == 0,
	    "a start before the window is not open in it");
	rec.event = TRANSLOG_TRANSFER;
	rec.outcome = OUTCOME_CRASHED;
	rec.ts_us = 150;
	T_OK(ledger_takes(&l, &f, &rec), "but lets its crash count");
	T_OK(!ledger_takes(&l, &f, &rec), "once");
	strcpy(rec.id, "ffffffffffffff01");
	rec.outcome = OUTCOME_COMPLETE;
	rec.ts_us = 50;
	T_OK(!ledger_takes(&l, &f, &rec), "an end before the window");
	rec.ts_us = 150;
	T_OK(!ledger_takes(&l, &f, &rec), "can't come back inside it");
	rec.event = TRANSLOG_NOTICE;
	T_OK(!ledger_takes(&l, &f, &rec), "a notice is no end");
	ledger_free(&l);
}

/* As many as open at once are remembered, whatever has passed by. */
static void
what_is_open(void)
{
	struct ledger l = { 0 };
	uint64_t id, sum = 0;
	size_t at = 0, found = 0;

	T_OK(!ledger_next_open(&l, &at, &id), "of an empty one none is open");
	for (id = 0; id < 10000; id++)
		ledger_start(&l, id, id % 3 == 0);
	for (id = 0; id < 10000; id++)
		if (id % 10 != 0)
			ledger_end(&l, id, false);
	T_OK(l.open == 334, "every tenth of every third is open and wanted");
	for (at = 0; ledger_next_open(&l, &at, &id); found++)
		sum += id;
	T_OK(found == 1000 && sum == 4995000, "each open one is given once");
	T_OK(ledger_state_of(&l, 0) == LEDGER_OPEN &&
	    ledger_state_of(&l, 10) == LEDGER_OPEN &&
	    ledger_state_of(&l, 11) == LEDGER_OVER &&
	    ledger_state_of(&l, 10001) == LEDGER_UNKNOWN, "states");
	ledger_free(&l);
}

static void
the_oldest_is_forgotten(void)
{
	const uint64_t many = 3 * LEDGER_ENDED;
	struct ledger l = { 0 };
	uint64_t id, known = 0;

	ledger_start(&l, UINT64_MAX, true);
	for (id = 0; id < many; id++) {
		ledger_start(&l, id, true);
		if (!ledger_end(&l, id, id % 2 != 0))
			T_OK(false, "each end counts");
	}
	for (id = 0; id < many; id++)
		known += ledger_state_of(&l, id) == LEDGER_OVER;
	T_OK(known == LEDGER_ENDED, "so many are remembered");
	T_OK(ledger_state_of(&l, many - LEDGER_ENDED) == LEDGER_OVER &&
	    ledger_state_of(&l, many - LEDGER_ENDED - 1) == LEDGER_UNKNOWN,
	    "and these are the last");
	T_OK(l.open == 1 && ledger_end(&l, UINT64_MAX, true),
	    "what is open is not forgotten");
	ledger_free(&l);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "stories", stories },
		{ "unwanted starts", unwanted_starts_are_not_open },
		{ "records", records_by_their_filter },
		{ "what is open", what_is_open },
		{ "the oldest is forgotten", the_oldest_is_forgotten },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "ledger", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
