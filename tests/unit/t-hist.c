#include <stdbool.h>
#include <stdint.h>

#include "stats/aggregate.h"
#include "stats/hist.h"
#include "stats/tally.h"
#include "t.h"

static struct hist hist;

static void
small_values_are_exact(void)
{
	uint64_t i;

	memset(&hist, 0, sizeof(hist));
	T_OK(hist_quantile(&hist, 500) == 0, "nothing has no median");
	for (i = 1; i <= 200; i++)
		hist_add(&hist, i);
	T_OK(hist_quantile(&hist, 500) == 100, "p50 of 1..200");
	T_OK(hist_quantile(&hist, 950) == 190, "p95");
	T_OK(hist_quantile(&hist, 990) == 198, "p99");
	T_OK(hist_quantile(&hist, 999) == 200, "p99.9 is the nearest rank");
	T_OK(hist_quantile(&hist, 1000) == 200, "max");
	T_OK(hist_quantile(&hist, 0) == 1, "min");
}

static void
one_value_is_itself(void)
{
	static const uint64_t values[] = {
		0, 1, 127, 128, 255, 256, 257, 1000003, UINT64_MAX / 3,
		UINT64_MAX - 1, UINT64_MAX
	};
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		memset(&hist, 0, sizeof(hist));
		hist_add(&hist, values[i]);
		T_OK(hist_quantile(&hist, 500) == values[i],
		    "a single value is every percentile");
	}
}

static void
large_values_within_one_percent(void)
{
	uint64_t v, got;

	/* A larger one above, so that the maximum does not round for us. */
	for (v = 1; v < UINT64_MAX / 4; v += v / 7 + 1) {
		memset(&hist, 0, sizeof(hist));
		hist_add(&hist, v);
		hist_add(&hist, UINT64_MAX);
		got = hist_quantile(&hist, 500);
		if (got < v || got - v > v / 100)
			T_OK(false, "a percentile is off");
	}
	T_OK(hist_quantile(&hist, 1000) == UINT64_MAX, "max is exact");
}

static struct tally_counts *
count(struct tally *t, const char *name)
{
	return tally_of(t, (const uint8_t *)name, strlen(name));
}

static void
tallies(void)
{
	struct tally_entry *top[8];
	struct tally t;
	char name[32];
	int i, k;

	tally_init(&t, 5000);
	for (i = 0; i < 3000; i++)
		for (k = 0; k < 2; k++) {
			snprintf(name, sizeof(name), "file-%d", i);
			count(&t, name)->requests += (uint64_t)i;
		}
	T_OK(t.used == 3000, "each name once");
	T_OK(tally_top(&t, tally_by_requests, top, 2) == 2 &&
	    top[0]->counts.requests == 5998 && top[0]->len == 9 &&
	    memcmp(top[0]->name, "file-2999", 9) == 0 &&
	    top[1]->counts.requests == 5996, "the largest first");
	count(&t, "file-7")->classes[OUTCOME_CLASS_FAILURE] = 1;
	count(&t, "file-9")->classes[OUTCOME_CLASS_REFUSED] = 1;
	T_OK(tally_top(&t, tally_by_failures, top, 8) == 8 &&
	    top[0]->counts.requests == 14 && top[1]->counts.requests == 18 &&
	    top[2]->counts.requests == 5998,
	    "failures, then refusals, then requests");
	T_OK(count(&t, "") != count(&t, "a") &&
	    tally_of(&t, (const uint8_t *)"a\0", 2) != count(&t, "a"),
	    "names are bytes of any length");
	tally_free(&t);
}

static void
ties_have_an_order(void)
{
	struct tally_entry *top[4];
	struct tally t;

	tally_init(&t, 10);
	count(&t, "b");
	count(&t, "ab");
	count(&t, "a");
	T_OK(tally_top(&t, tally_by_requests, top, 4) == 3 &&
	    memcmp(top[0]->name, "a", 1) == 0 && top[0]->len == 1 &&
	    top[1]->len == 2 && memcmp(top[2]->name, "b", 1) == 0,
	    "equal ones by name, whatever the seed");
	tally_free(&t);
}

static void
too_many_names(void)
{
	struct tally t;

	tally_init(&t, 2);
	count(&t, "a")->requests++;
	count(&t, "b")->requests++;
	count(&t, "c")->requests++;
	count(&t, "d")->requests++;
	count(&t, "a")->requests++;
	T_OK(t.used == 2 && t.rest.requests == 2 &&
	    count(&t, "a")->requests == 2, "the rest is counted together");
	tally_free(&t);
}

static void
too_long_names(void)
{
	static uint8_t name[1 << 20];
	struct tally t;
	int i;

	tally_init(&t, 1000);
	for (i = 0; i < 20; i++) {
		name[0] = (uint8_t)i;
		tally_of(&t, name, sizeof(name))->requests++;
	}
	T_OK(t.used == TALLY_BYTES_MAX / sizeof(name) &&
	    t.rest.requests == 20 - t.used, "their length has a limit, too");
	tally_free(&t);
}

static void
sums(void)
{
	struct aggregate *a = aggregate_new();
	struct translog_record rec;

	translog_clear(&rec);
	rec.outcome = OUTCOME_COMPLETE;
	rec.op = TRANSLOG_READ;
	rec.numbers[TRANSLOG_BYTES] = 100;
	rec.numbers[TRANSLOG_DURATION_US] = 7;
	rec.numbers[TRANSLOG_RETRANSMITS] = 3;
	strcpy(rec.client, "192.0.2.1");
	rec.file = (struct translog_bytes){ (const uint8_t *)"x", 1 };
	aggregate_add(a, &rec);
	rec.op = TRANSLOG_WRITE;
	rec.outcome = OUTCOME_TIMEOUT;
	rec.numbers[TRANSLOG_DURATION_US] = 30000000;
	rec.numbers[TRANSLOG_RETRANSMITS] = 0;
	aggregate_add(a, &rec);
	rec.outcome = OUTCOME_DENIED;
	rec.numbers[TRANSLOG_BYTES] = TRANSLOG_ABSENT;
	rec.numbers[TRANSLOG_DURATION_US] = TRANSLOG_ABSENT;
	rec.numbers[TRANSLOG_RETRANSMITS] = TRANSLOG_ABSENT;
	aggregate_add(a, &rec);
	T_OK(a->requests == 3 && a->outcomes[OUTCOME_TIMEOUT] == 1 &&
	    a->classes[OUTCOME_CLASS_SUCCESS] == 1 &&
	    a->classes[OUTCOME_CLASS_REFUSED] == 1 &&
	    a->classes[OUTCOME_CLASS_FAILURE] == 1, "outcomes");
	T_OK(a->bytes_sent == 100 && a->bytes_received == 100, "bytes");
	T_OK(a->retransmits == 3 && a->retransmitted == 1, "retransmits");
	T_OK(a->duration_us.count == 1 && a->duration_us.max == 7,
	    "only what succeeded has a duration");
	T_OK(count(&a->files, "x")->requests == 3 &&
	    count(&a->clients, "192.0.2.1")->bytes == 200, "tables");
	rec.numbers[TRANSLOG_BYTES] = INT64_MAX;
	aggregate_add(a, &rec);
	aggregate_add(a, &rec);
	aggregate_add(a, &rec);
	T_OK(a->bytes_received == UINT64_MAX, "a forged sum does not wrap");
	aggregate_free(a);
}

int
main(void)
{
	CU_TestInfo percentiles[] = {
		{ "small values", small_values_are_exact },
		{ "one value", one_value_is_itself },
		{ "large values", large_values_within_one_percent },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo tables[] = {
		{ "tallies", tallies },
		{ "ties", ties_have_an_order },
		{ "too many names", too_many_names },
		{ "too long names", too_long_names },
		{ "sums", sums },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "hist", NULL, NULL, NULL, NULL, percentiles },
		{ "tally and aggregate", NULL, NULL, NULL, NULL, tables },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
