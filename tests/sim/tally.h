/*
 * tally - what many runs have shown, for the summary.
 */
#ifndef SIM_TALLY_H
#define SIM_TALLY_H

#include <stdint.h>

#include "core/outcome.h"
#include "plan.h"

#define TALLY_MODELS	16
#define TALLY_FAILURES	20	/* kept; the rest is counted */

struct world_result;

struct tally_failure {
	uint64_t seed, at_us;
	const char *invariant;		/* a string constant */
	char why[256];
};

struct tally {
	uint64_t runs, failed, virtual_us, steps;
	uint64_t ops[2];		/* read, write */
	uint64_t models[TALLY_MODELS];
	uint64_t mishaps[MISHAP_COUNT];
	uint64_t faults[FAULT_COUNT];
	uint64_t outcomes[OUTCOME_COUNT];
	struct tally_failure failures[TALLY_FAILURES];
};

void tally_add(struct tally *t, const struct plan *plan,
    const struct world_result *result);

/* Add what another process has counted. */
void tally_merge(struct tally *t, const struct tally *other);

void tally_print_failure(const struct tally_failure *f);
void tally_print(const struct tally *t, double real_seconds);

#endif
