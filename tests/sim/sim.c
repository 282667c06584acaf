/*
 * tftp-sim - the engine in a simulated world.
 *
 *	tftp-sim [--seeds N] [--from S] [--jobs J]	scenarios, then seeds
 *	tftp-sim --seed S [--trace]			one seed again
 *	tftp-sim --ring					the ring table
 *	tftp-sim --list					the scenarios
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "scenario.h"
#include "tally.h"
#include "world.h"

#define SEEDS		5000
#define JOBS_MAX	256
#define EX_USAGE	64

struct options {
	uint64_t seeds, from, seed, jobs;
	bool has_seed, trace, ring, list;
};

static const struct {
	const char *name;
	size_t flag, number;	/* offsets; SIZE_MAX: none */
} known[] = {
	{ "--seeds", SIZE_MAX, offsetof(struct options, seeds) },
	{ "--from", SIZE_MAX, offsetof(struct options, from) },
	{ "--jobs", SIZE_MAX, offsetof(struct options, jobs) },
	{ "--seed", offsetof(struct options, has_seed),
	    offsetof(struct options, seed) },
	{ "--trace", offsetof(struct options, trace), SIZE_MAX },
	{ "--ring", offsetof(struct options, ring), SIZE_MAX },
	{ "--list", offsetof(struct options, list), SIZE_MAX },
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

/* Returns how many arguments it took; 0: what is this? */
static int
take_option(struct options *o, char **argv)
{
	char *base = (char *)o, *end;
	size_t i;

	for (i = 0; i < KNOWN && strcmp(argv[0], known[i].name) != 0; i++)
		;
	if (i == KNOWN)
		return 0;
	if (known[i].flag != SIZE_MAX)
		*(bool *)(base + known[i].flag) = true;
	if (known[i].number == SIZE_MAX)
		return 1;
	if (argv[1] == NULL)
		return 0;
	*(uint64_t *)(void *)(base + known[i].number) =
	    strtoull(argv[1], &end, 0);
	return *end == '\0' ? 2 : 0;
}

static bool
take_options(struct options *o, char **argv)
{
	int taken;

	for (argv++; *argv != NULL; argv += taken) {
		taken = take_option(o, argv);
		if (taken == 0)
			return false;
	}
	return o->jobs != 0 && o->jobs <= JOBS_MAX;
}

static bool
run_one(uint64_t seed, bool trace)
{
	struct world_result r;
	struct plan p;

	plan_from_seed(&p, seed);
	plan_print(&p, stdout);
	world_run(&p, trace, &r);
	if (r.broken == NULL)
		printf("seed %llu: outcome %s\n", (unsigned long long)seed,
		    outcome_name(r.outcome));
	else
		printf("seed %llu: invariant %s at %.6f s (%s)\n",
		    (unsigned long long)seed, r.broken,
		    world_seconds(r.broken_us), r.why);
	return r.broken == NULL;
}

/* Every jobs-th seed. */
static void
run_share(struct tally *t, const struct options *o, uint64_t share)
{
	struct world_result r;
	struct plan p;
	uint64_t i;

	for (i = share; i < o->seeds; i += o->jobs) {
		plan_from_seed(&p, o->from + i);
		world_run(&p, false, &r);
		tally_add(t, &p, &r);
	}
}

static struct tally *
shared_tallies(uint64_t jobs)
{
	void *map = mmap(NULL, jobs * sizeof(struct tally),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		abort();
	return map;
}

/* The processes count where all can see it; one that dies is a failure. */
static bool
run_shares(struct tally *total, const struct options *o)
{
	struct tally *tallies = shared_tallies(o->jobs);
	bool is_good = true;
	uint64_t i;
	int status;

	fflush(stdout);
	for (i = 0; i < o->jobs; i++) {
		if (fork() != 0)
			continue;
		run_share(&tallies[i], o, i);
		_exit(0);
	}
	while (wait(&status) != -1)
		is_good = is_good && status == 0;
	for (i = 0; i < o->jobs; i++)
		tally_merge(total, &tallies[i]);
	munmap(tallies, o->jobs * sizeof(*tallies));
	return is_good && total->runs == o->seeds;
}

static double
clock_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool
run_seeds(const struct options *o)
{
	struct tally total;
	double began = clock_seconds();
	bool is_good = true;
	uint64_t i;

	memset(&total, 0, sizeof(total));
	if (o->jobs == 1)
		run_share(&total, o, 0);
	else
		is_good = run_shares(&total, o);
	for (i = 0; i < TALLY_FAILURES && i < total.failed; i++)
		tally_print_failure(&total.failures[i]);
	tally_print(&total, clock_seconds() - began);
	return is_good && total.failed == 0;
}

int
main(int argc, char **argv)
{
	struct options o = { .seeds = SEEDS, .jobs = 1 };
	bool is_good;

	(void)argc;
	if (!take_options(&o, argv)) {
		fprintf(stderr, "usage: tftp-sim [--seeds N] [--from S] "
		    "[--jobs J] | --seed S [--trace] | --ring | --list\n");
		return EX_USAGE;
	}
	if (o.list) {
		scenario_list();
		return EXIT_SUCCESS;
	}
	if (o.ring)
		return ring_table() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (o.has_seed)
		return run_one(o.seed, o.trace) ? EXIT_SUCCESS : EXIT_FAILURE;
	is_good = scenario_run_all() == 0;
	is_good = run_seeds(&o) && is_good;
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
