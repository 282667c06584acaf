#include <stdint.h>

#include "stats/hist.h"
#include "stats/sketch.h"
#include "t.h"

static const unsigned ranks[] = { 0, 1, 50, 500, 950, 999, 1000 };

static void
as_the_histogram(void)
{
	struct hist *h = calloc(1, sizeof(*h));
	struct sketch s = { 0 };
	uint64_t value = 1000;
	size_t i;

	T_OK(sketch_quantile(&s, 500) == 0, "nothing of nothing");
	for (i = 0; i < 10000; i++) {
		value = value * 6364136223846793005 + 1442695040888963407;
		sketch_add(&s, 1000 + (value >> 40) % 900);
		hist_add(h, 1000 + (value >> 40) % 900);
	}
	T_OK(s.coarse <= 1, "few buckets");
	for (i = 0; s.coarse == 0 && i < sizeof(ranks) / sizeof(ranks[0]);
	    i++)
		T_OK(sketch_quantile(&s, ranks[i]) ==
		    hist_quantile(h, ranks[i]), "the same as hist");
	sketch_free(&s);
	free(h);
}

static void
coarser(void)
{
	struct sketch s = { 0 };
	uint64_t value, got;
	size_t i;

	/* 1, 1.1, 1.2 ... to 10^15: what no sketch of 128 can tell apart */
	for (value = 10, i = 0; value < UINT64_C(10000000000000000); i++) {
		sketch_add(&s, value);
		value += value / 10;
	}
	T_OK(s.used <= SKETCH_MAX && s.coarse > 0, "it is bounded");
	got = sketch_quantile(&s, 500);
	T_OK(got > 200000000 && got < 700000000, "and roughly right");
	T_OK(sketch_quantile(&s, 1000) == s.max, "the largest is exact");
	sketch_free(&s);
}

static void
any_value(void)
{
	struct sketch s = { 0 };
	int i;

	for (i = 0; i < 64; i++)
		sketch_add(&s, UINT64_C(1) << i);
	sketch_add(&s, 0);
	sketch_add(&s, UINT64_MAX);
	T_OK(sketch_quantile(&s, 1000) == UINT64_MAX &&
	    sketch_quantile(&s, 0) == 0, "from 0 to the last");
	sketch_free(&s);
	sketch_add(&s, UINT64_MAX);
	T_OK(sketch_quantile(&s, 500) == UINT64_MAX, "one alone");
	sketch_free(&s);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "as the histogram", as_the_histogram },
		{ "coarser", coarser },
		{ "any value", any_value },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "sketch", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
