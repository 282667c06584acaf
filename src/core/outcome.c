#include "core/outcome.h"

#include <string.h>

/* The names stand in the table itself, so that it needs no relocation. */
static const struct {
	char name[12];
	enum outcome_class class;
} outcomes[OUTCOME_COUNT] = {
	[OUTCOME_NONE] = { "none", OUTCOME_CLASS_NEUTRAL },
	[OUTCOME_COMPLETE] = { "complete", OUTCOME_CLASS_SUCCESS },
	[OUTCOME_UNCONFIRMED] = { "unconfirmed", OUTCOME_CLASS_SUCCESS },
	[OUTCOME_PROBE] = { "probe", OUTCOME_CLASS_NEUTRAL },
	[OUTCOME_NOANSWER] = { "noanswer", OUTCOME_CLASS_FAILURE },
	[OUTCOME_NOTFOUND] = { "notfound", OUTCOME_CLASS_REFUSED },
	[OUTCOME_DENIED] = { "denied", OUTCOME_CLASS_REFUSED },
	[OUTCOME_LIMITED] = { "limited", OUTCOME_CLASS_REFUSED },
	[OUTCOME_INVALID] = { "invalid", OUTCOME_CLASS_REFUSED },
	[OUTCOME_ABORTED] = { "aborted", OUTCOME_CLASS_FAILURE },
	[OUTCOME_VANISHED] = { "vanished", OUTCOME_CLASS_FAILURE },
	[OUTCOME_TIMEOUT] = { "timeout", OUTCOME_CLASS_FAILURE },
	[OUTCOME_FAILED] = { "failed", OUTCOME_CLASS_FAILURE },
	[OUTCOME_CRASHED] = { "crashed", OUTCOME_CLASS_FAILURE },
	[OUTCOME_SHUTDOWN] = { "shutdown", OUTCOME_CLASS_FAILURE },
};

/* The live table is memory that others write: any value can come. */
static enum outcome
known(enum outcome outcome)
{
	return (unsigned)outcome < OUTCOME_COUNT ? outcome : OUTCOME_NONE;
}

const char *
outcome_name(enum outcome outcome)
{
	return outcomes[known(outcome)].name;
}

enum outcome
outcome_from_name(const char *name, size_t len)
{
	unsigned i;

	for (i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++) {
		if (strlen(outcomes[i].name) == len &&
		    memcmp(outcomes[i].name, name, len) == 0)
			return (enum outcome)i;
	}
	return OUTCOME_NONE;
}

enum outcome_class
outcome_class(enum outcome outcome)
{
	return outcomes[known(outcome)].class;
}

const char *
outcome_class_name(enum outcome_class of_class)
{
	static const char names[OUTCOME_CLASS_COUNT][8] = {
		[OUTCOME_CLASS_SUCCESS] = "success",
		[OUTCOME_CLASS_NEUTRAL] = "neutral",
		[OUTCOME_CLASS_REFUSED] = "refused",
		[OUTCOME_CLASS_FAILURE] = "failure",
	};

	return names[of_class];
}
