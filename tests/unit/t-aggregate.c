#include <stdbool.h>
#include <stdint.h>

#include "stats/aggregate.h"
#include "stats/problems.h"
#include "t.h"

#define SECOND_US	UINT64_C(1000000)
#define NOON_US		UINT64_C(1795348800000000)

static struct translog_record
an_end(enum outcome outcome)
{
	struct translog_record rec;

	translog_clear(&rec);
	rec.ts_us = NOON_US;
	rec.op = TRANSLOG_READ;
	rec.outcome = outcome;
	strcpy(rec.client, "192.0.2.1");
	rec.file = (struct translog_bytes){ (const uint8_t *)"x", 1 };
	return rec;
}

static void
add_span(struct aggregate *a, uint64_t end_s, uint64_t seconds)
{
	struct translog_record rec = an_end(OUTCOME_TIMEOUT);

	rec.ts_us = NOON_US + end_s * SECOND_US;
	rec.numbers[TRANSLOG_DURATION_US] = (int64_t)(seconds * SECOND_US);
	aggregate_add(a, &rec);
}

static void
busy_time(void)
{
	struct aggregate *a = aggregate_new();
	uint64_t i;

	T_OK(aggregate_busy_us(a) == 0, "nothing ran");
	add_span(a, 10, 5);
	T_OK(aggregate_busy_us(a) == 5 * SECOND_US, "one transfer");
	add_span(a, 12, 4);
	T_OK(aggregate_busy_us(a) == 7 * SECOND_US, "the overlap counts once");
	add_span(a, 12, 1);
	T_OK(aggregate_busy_us(a) == 7 * SECOND_US, "one inside another");
	add_span(a, 30, 10);
	T_OK(aggregate_busy_us(a) == 17 * SECOND_US, "a pause does not count");
	add_span(a, 16, 2);
	T_OK(aggregate_busy_us(a) == 19 * SECOND_US,
	    "an end that comes late, between two spans");
	add_span(a, 31, 30);
	T_OK(aggregate_busy_us(a) == 30 * SECOND_US,
	    "a long one takes all that it covers");
	for (i = 0; i < 1000; i++)
		add_span(a, 100 + i * 10, 3);
	add_span(a, 10090, 10000);
	T_OK(aggregate_busy_us(a) == 10030 * SECOND_US,
	    "it covers a thousand");
	for (i = 0; i < 40000; i++)
		add_span(a, 20000 + i * 10, 3);
	T_OK(aggregate_busy_us(a) == 130030 * SECOND_US,
	    "more spans than there is room for");
	add_span(a, 500000, 600000);
	T_OK(aggregate_busy_us(a) == 600000 * SECOND_US,
	    "never more than the time that there was");
	aggregate_free(a);
}

static void
steps(void)
{
	static const struct {
		const char *what;
		int64_t bytes, duration_us;
		size_t size, duration;
	} cases[] = {
		{ "nothing in no time", 0, 0, 0, 0 },
		{ "below the first bounds", 999, 999, 0, 0 },
		{ "a bound belongs to the next step", 1000, 1000, 1, 1 },
		{ "a second, 42 kB", 42430, 1000000, 2, 4 },
		{ "the last ones", INT64_MAX, INT64_MAX, 7, 7 },
	};
	struct translog_record rec = an_end(OUTCOME_COMPLETE);
	struct aggregate *a;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a = aggregate_new();
		rec.numbers[TRANSLOG_BYTES] = cases[i].bytes;
		rec.numbers[TRANSLOG_DURATION_US] = cases[i].duration_us;
		aggregate_add(a, &rec);
		T_OK(a->sizes[cases[i].size] == 1 &&
		    a->durations[cases[i].duration] == 1, cases[i].what);
		aggregate_free(a);
	}
	a = aggregate_new();
	rec.outcome = OUTCOME_ABORTED;
	aggregate_add(a, &rec);
	T_OK(a->sizes[7] == 0 && a->duration_us.count == 0,
	    "what failed has no size and no duration");
	aggregate_free(a);
}

static void
rates_and_replies(void)
{
	struct translog_record rec = an_end(OUTCOME_COMPLETE);
	struct aggregate *a = aggregate_new();

	rec.numbers[TRANSLOG_BYTES] = 3000000;
	rec.numbers[TRANSLOG_DURATION_US] = 2000000;
	rec.numbers[TRANSLOG_FIRST_REPLY_US] = 210;
	rec.numbers[TRANSLOG_PACKETS_SENT] = 40;
	aggregate_add(a, &rec);
	T_OK(a->rate.count == 1 && a->rate.max == 1500000, "1.5 MB/s");
	rec.numbers[TRANSLOG_BYTES] = 999999;
	aggregate_add(a, &rec);
	T_OK(a->rate.count == 1, "a small file has no rate");
	rec.numbers[TRANSLOG_BYTES] = 3000000;
	rec.numbers[TRANSLOG_DURATION_US] = 0;
	aggregate_add(a, &rec);
	T_OK(a->rate.count == 1, "nor has no time");
	rec.outcome = OUTCOME_NOANSWER;
	rec.op = TRANSLOG_WRITE;
	aggregate_add(a, &rec);
	T_OK(a->first_reply_us.count == 4 && a->packets_sent == 160,
	    "replies and packets of all");
	T_OK(a->reads == 3 && a->writes == 1, "by direction");
	aggregate_free(a);
}

static void
add_problem(struct problems *p, enum outcome outcome, const char *message,
    const char *client, uint64_t ts_us)
{
	struct translog_record rec = an_end(outcome);

	rec.ts_us = ts_us;
	strcpy(rec.client, client);
	rec.numbers[TRANSLOG_ERROR_CODE] = 1;
	strcpy(rec.error_by, "server");
	rec.message = (struct translog_bytes){
		(const uint8_t *)message, strlen(message)
	};
	problems_add(p, &rec);
}

static void
problems(void)
{
	struct problem **list;
	struct problems p;
	size_t count;

	problems_init(&p);
	add_problem(&p, OUTCOME_COMPLETE, "", "192.0.2.1", 5);
	add_problem(&p, OUTCOME_PROBE, "closed", "192.0.2.1", 5);
	add_problem(&p, OUTCOME_NOTFOUND, "File not found", "192.0.2.1", 7);
	add_problem(&p, OUTCOME_NOTFOUND, "File not found", "192.0.2.1", 9);
	add_problem(&p, OUTCOME_NOTFOUND, "File not found", "192.0.2.2", 8);
	add_problem(&p, OUTCOME_NOTFOUND, "", "192.0.2.2", 8);
	add_problem(&p, OUTCOME_DENIED, "File not found", "192.0.2.2", 8);
	list = problems_list(&p, &count);
	T_OK(count == 3, "success and probes are none; words and outcome tell "
	    "them apart");
	T_OK(list[0]->outcome == OUTCOME_NOTFOUND && list[0]->count == 3 &&
	    list[0]->clients == 2 && list[0]->first_us == 7 &&
	    list[0]->last_us == 9 && list[0]->message_len == 14 &&
	    memcmp(problems_message(&p, list[0]), "File not found", 14) == 0,
	    "the most frequent is the first");
	T_OK(strcmp(list[0]->last_client, "192.0.2.2") == 0 &&
	    list[0]->last_file_len == 1 && *list[0]->last_file == 'x',
	    "the last of its examples");
	free(list);
	problems_free(&p);
}

static void
too_many_problems(void)
{
	struct problems p;
	char message[32];
	unsigned i;

	problems_init(&p);
	for (i = 0; i < PROBLEMS_MAX + 5; i++) {
		snprintf(message, sizeof(message), "%u", i);
		add_problem(&p, OUTCOME_ABORTED, message, "192.0.2.1", i);
	}
	add_problem(&p, OUTCOME_ABORTED, "0", "192.0.2.1", i);
	T_OK(p.kinds.used == PROBLEMS_MAX && p.left_out == 5,
	    "a client's inventions are left out, and counted");
	problems_free(&p);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "busy time", busy_time },
		{ "steps", steps },
		{ "rates and replies", rates_and_replies },
		{ "problems", problems },
		{ "too many problems", too_many_problems },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "aggregate", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
