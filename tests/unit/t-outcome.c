/*
 * t-outcome - the names and classes are the transfer log's contract with
 * everybody's scripts, so they are spelled out here once more.
 */
#include "core/outcome.h"
#include "t.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static const struct {
	enum outcome outcome;
	const char *name;
	enum outcome_class class;
} contract[] = {
	{ OUTCOME_COMPLETE,	"complete",	OUTCOME_CLASS_SUCCESS },
	{ OUTCOME_UNCONFIRMED,	"unconfirmed",	OUTCOME_CLASS_SUCCESS },
	{ OUTCOME_PROBE,	"probe",	OUTCOME_CLASS_NEUTRAL },
	{ OUTCOME_NOANSWER,	"noanswer",	OUTCOME_CLASS_FAILURE },
	{ OUTCOME_NOTFOUND,	"notfound",	OUTCOME_CLASS_REFUSED },
	{ OUTCOME_DENIED,	"denied",	OUTCOME_CLASS_REFUSED },
	{ OUTCOME_LIMITED,	"limited",	OUTCOME_CLASS_REFUSED },
	{ OUTCOME_INVALID,	"invalid",	OUTCOME_CLASS_REFUSED },
	{ OUTCOME_ABORTED,	"aborted",	OUTCOME_CLASS_FAILURE },
	{ OUTCOME_VANISHED,	"vanished",	OUTCOME_CLASS_FAILURE },
	{ OUTCOME_TIMEOUT,	"timeout",	OUTCOME_CLASS_FAILURE },
	{ OUTCOME_FAILED,	"failed",	OUTCOME_CLASS_FAILURE },
	{ OUTCOME_CRASHED,	"crashed",	OUTCOME_CLASS_FAILURE },
	{ OUTCOME_SHUTDOWN,	"shutdown",	OUTCOME_CLASS_FAILURE },
};

static const char *const class_names[OUTCOME_CLASS_COUNT] = {
	"success", "neutral", "refused", "failure"
};

static enum outcome
from_name(const char *name, size_t len)
{
	char *copy = t_guard(name, len);
	enum outcome outcome = outcome_from_name(copy, len);

	t_unguard(copy, len);
	return outcome;
}

static void
test_contract(void)
{
	size_t i, len;

	T_OK(COUNT(contract) == OUTCOME_COUNT - 1, "every outcome is here");
	for (i = 0; i < COUNT(class_names); i++)
		T_OK(strcmp(outcome_class_name((enum outcome_class)i),
		    class_names[i]) == 0, class_names[i]);
	for (i = 0; i < COUNT(contract); i++) {
		const char *name = contract[i].name;

		T_OK(strcmp(outcome_name(contract[i].outcome), name) == 0,
		    name);
		T_OK(outcome_class(contract[i].outcome) == contract[i].class,
		    name);
		for (len = 0; len < strlen(name); len++)
			T_OK(from_name(name, len) == OUTCOME_NONE,
			    "a part of a name is none");
		T_OK(from_name(name, len) == contract[i].outcome, name);
		T_OK(from_name(name, len + 1) == OUTCOME_NONE,
		    "a name with its NUL is none");
	}
}

static void
test_strangers(void)
{
	static const struct {
		const char *what, *name;
	} rows[] = {
		{ "a running transfer has no outcome", "none" },
		{ "case matters", "Complete" },
		{ "no spaces", " complete" },
		{ "a word of a later version", "throttled" },
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++)
		T_OK(from_name(rows[i].name, strlen(rows[i].name)) ==
		    OUTCOME_NONE, rows[i].what);
	T_OK(outcome_from_name(NULL, 0) == OUTCOME_NONE, "no name at all");
}

static void
test_out_of_range(void)
{
	static const unsigned values[] = {
		OUTCOME_NONE, OUTCOME_COUNT, OUTCOME_COUNT + 1, 0x7fffffff,
		0xffffffff
	};
	size_t i;

	for (i = 0; i < COUNT(values); i++) {
		enum outcome outcome = (enum outcome)values[i];

		T_OK(strcmp(outcome_name(outcome), "none") == 0,
		    "a value that is no outcome has the name none");
		T_OK(outcome_class(outcome) == OUTCOME_CLASS_NEUTRAL,
		    "a value that is no outcome counts for nothing");
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "names and classes", test_contract },
		{ "names that are not of the set", test_strangers },
		{ "values that are not of the set", test_out_of_range },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "outcome", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
