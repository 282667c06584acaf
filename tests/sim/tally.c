#include <stdio.h>
#include <string.h>

#include "tally.h"
#include "world.h"

static void
keep_failure(struct tally *t, const struct tally_failure *f)
{
	if (t->failed < TALLY_FAILURES)
		t->failures[t->failed] = *f;
	t->failed++;
}

void
tally_add(struct tally *t, const struct plan *plan,
    const struct world_result *result)
{
	struct tally_failure f = { plan->seed, result->broken_us,
	    result->broken, "" };
	unsigned fault;

	t->runs++;
	t->virtual_us += result->end_us;
	t->steps += result->steps;
	t->ops[plan->op == PACKET_WRQ]++;
	t->models[plan->model]++;
	t->mishaps[plan->mishap]++;
	for (fault = 0; fault < FAULT_COUNT; fault++)
		t->faults[fault] += (plan->faults >> fault) & 1;
	t->outcomes[result->outcome]++;
	if (result->broken == NULL)
		return;
	memcpy(f.why, result->why, sizeof(f.why));
	keep_failure(t, &f);
}

static void
add_all(uint64_t *to, const uint64_t *from, size_t count)
{
	while (count-- > 0)
		to[count] += from[count];
}

void
tally_merge(struct tally *t, const struct tally *other)
{
	uint64_t i, beyond = other->failed;

	t->runs += other->runs;
	t->virtual_us += other->virtual_us;
	t->steps += other->steps;
	add_all(t->ops, other->ops, 2);
	add_all(t->models, other->models, TALLY_MODELS);
	add_all(t->mishaps, other->mishaps, MISHAP_COUNT);
	add_all(t->faults, other->faults, FAULT_COUNT);
	add_all(t->outcomes, other->outcomes, OUTCOME_COUNT);
	for (i = 0; i < TALLY_FAILURES && i < other->failed; i++, beyond--)
		keep_failure(t, &other->failures[i]);
	t->failed += beyond;
}

void
tally_print_failure(const struct tally_failure *f)
{
	printf("seed %llu: invariant %s at %.6f s (%s); "
	    "replay: tftp-sim --seed %llu --trace\n",
	    (unsigned long long)f->seed, f->invariant,
	    world_seconds(f->at_us), f->why, (unsigned long long)f->seed);
}

static void
print_row(const char *what, const uint64_t *counts, size_t count,
    const char *(*name)(unsigned))
{
	unsigned i, column = 0;

	printf("%-9s", what);
	for (i = 0; i < count; i++) {
		if (counts[i] == 0)
			continue;
		if (column != 0 && column % 4 == 0)
			printf("\n%-9s", "");
		printf(" %11s %-6llu", name(i),
		    (unsigned long long)counts[i]);
		column++;
	}
	putchar('\n');
}

static const char *
op_name(unsigned i)
{
	return i == 0 ? "read" : "write";
}

static const char *
model_name(unsigned i)
{
	return client_models[i].name;
}

static const char *
mishap_name(unsigned i)
{
	return plan_mishap_names[i];
}

static const char *
fault_name(unsigned i)
{
	return plan_fault_names[i];
}

static const char *
name_of_outcome(unsigned i)
{
	return outcome_name((enum outcome)i);
}

void
tally_print(const struct tally *t, double real_seconds)
{
	print_row("operation", t->ops, 2, op_name);
	print_row("client", t->models, client_model_count, model_name);
	print_row("it", t->mishaps, MISHAP_COUNT, mishap_name);
	print_row("fault", t->faults, FAULT_COUNT, fault_name);
	print_row("outcome", t->outcomes, OUTCOME_COUNT, name_of_outcome);
	printf("%llu seeds, %llu failed; %.1f days of virtual time, "
	    "%llu million events, in %.1f s\n",
	    (unsigned long long)t->runs, (unsigned long long)t->failed,
	    (double)t->virtual_us / 86400e6,
	    (unsigned long long)t->steps / 1000000, real_seconds);
}
