#include <stdbool.h>

#include "t-report.h"

/* What a client's transfers are like; 0 takes what is usual. */
struct manner {
	const char *what, *client, *verdict;
	int64_t duration_us, reply_us, rtt_us, retransmits, cpu_us;
	enum outcome outcome;
};

static const struct manner manners[] = {
	{ "as most", "192.0.2.1", "fine", 0, 0, 0, 0, 0, 0 },
	{ "as most too", "192.0.2.2", "fine", 0, 0, 0, 0, 0, 0 },
	{ "and a third", "192.0.2.3", "fine", 0, 0, 0, 0, 0, 0 },
	{ "our reply is late", "198.51.100.1", "we", 0, 200000, 0, 0, 0, 0 },
	{ "slow, and our process computes", "198.51.100.2", "we", 9000000, 0,
	    0, 0, 5000000, 0 },
	{ "packets are lost", "198.51.100.3", "network", 0, 0, 0, 20, 0, 0 },
	{ "slow and far away", "198.51.100.4", "network", 9000000, 0, 50000,
	    0, 0, 0 },
	{ "far away but not slow", "198.51.100.5", "fine", 0, 0, 50000, 0, 0,
	    0 },
	{ "slow and near", "198.51.100.6", "client", 9000000, 0, 0, 0, 0, 0 },
	{ "never an answer", "203.0.113.1", "network", 0, 0, 0, 0, 0,
	    OUTCOME_NOANSWER },
	{ "nothing lost but one packet", "203.0.114.1", "fine", 0, 0, 0, 1,
	    0, 0 },
};

#define MANNERS	(sizeof(manners) / sizeof(manners[0]))

static void
play(struct t_log *log, const struct manner *m, unsigned times)
{
	struct translog_record rec = t_end(m->client, "f",
	    m->outcome != OUTCOME_NONE ? m->outcome : OUTCOME_COMPLETE, 1000);
	int64_t *n = rec.numbers;

	n[TRANSLOG_BYTES] = 1000000;
	n[TRANSLOG_PACKETS_SENT] = 700;
	n[TRANSLOG_DURATION_US] = m->duration_us ? m->duration_us : 100000;
	n[TRANSLOG_FIRST_REPLY_US] = m->reply_us ? m->reply_us : 200;
	n[TRANSLOG_RTT_US] = m->rtt_us ? m->rtt_us : 300;
	n[TRANSLOG_RETRANSMITS] = m->retransmits;
	n[TRANSLOG_CPU_US] = m->cpu_us ? m->cpu_us : 1000;
	for (; times != 0; times--)
		t_log_put(log, &rec);
}

static bool
has_verdict(const char *csv, const struct manner *m)
{
	char start[64];
	const char *row, *end;
	size_t len = strlen(m->verdict);

	snprintf(start, sizeof(start), "\nclient,%s,", m->client);
	row = strstr(csv, start);
	if (row == NULL || (end = strchr(row + 1, '\r')) == NULL)
		return false;
	return memcmp(end - len, m->verdict, len) == 0 &&
	    end[-(ptrdiff_t)len - 1] == ',';
}

static void
verdicts(void)
{
	struct t_log log;
	char *csv;
	size_t i;

	t_log_open(&log);
	for (i = 0; i < MANNERS; i++)
		play(&log, &manners[i], i < 3 ? 20 : 4);
	csv = t_report(&log, command_slow, FORM_CSV);
	for (i = 0; i < MANNERS; i++)
		T_OK(has_verdict(csv, &manners[i]), manners[i].what);
	T_OK(strstr(csv, "\nclient,192.0.2.1,,20,20000000,10000000,10000000,"
	    "0,0,0,0,300,200,200,10,fine\r\n") != NULL, csv);
	T_OK(strstr(csv, "\nnetwork,192.0.2.0/24,3,60,60000000,") != NULL,
	    "a network");
	T_OK(strstr(csv, "\nclient,198.51.100.3,,4,4000000,10000000,10000000,"
	    "28,80,0,0,") != NULL, "lost packets");
	T_OK(strstr(csv, "client,192.0.2.1") >
	    strstr(csv, "client,198.51.100.6"), "trouble comes first");
	free(csv);
	t_log_close(&log);
}

static void
what_counts(void)
{
	struct translog_record rec;
	struct t_log log;
	char *csv;

	t_log_open(&log);
	rec = t_end("192.0.2.1", "f", OUTCOME_COMPLETE, 1);
	rec.numbers[TRANSLOG_BYTES] = 65535;
	rec.numbers[TRANSLOG_DURATION_US] = 1000000;
	t_log_put(&log, &rec);
	rec.outcome = OUTCOME_NOTFOUND;
	t_log_put(&log, &rec);
	csv = t_report(&log, command_slow, FORM_CSV);
	T_OK(strstr(csv, "\nclient,192.0.2.1,,1,65535,,,0,0,0,0,,,,,fine\r\n")
	    != NULL, "small files have no rate, refusals are no transfers");
	free(csv);
	rec.outcome = OUTCOME_COMPLETE;
	rec.numbers[TRANSLOG_BYTES] = INT64_MAX;
	rec.numbers[TRANSLOG_DURATION_US] = 1;
	rec.numbers[TRANSLOG_RETRANSMITS] = INT64_MAX;
	rec.numbers[TRANSLOG_PACKETS_SENT] = 1;
	t_log_put(&log, &rec);
	t_log_put(&log, &rec);
	t_log_put(&log, &rec);
	csv = t_report(&log, command_slow, FORM_CSV);
	T_OK(strstr(csv, "\nclient,192.0.2.1,,4,18446744073709551615,") !=
	    NULL || strstr(csv, "\nclient,192.0.2.1,,4,9223372036854775807,")
	    != NULL, csv);
	free(csv);
	t_log_close(&log);
}

static void
forms(void)
{
	struct t_log log;
	char *text;

	t_log_open(&log);
	play(&log, &manners[0], 3);
	play(&log, &manners[9], 3);
	text = t_report(&log, command_slow, FORM_TEXT);
	T_OK(strstr(text, "Usual here: 10.0 MB/s, round trip 300 us, first "
	    "reply after 200 us\n") != NULL && strstr(text,
	    "\n  203.0.113.1: 3 requests, no reply answered\n") != NULL,
	    text);
	free(text);
	text = t_report(&log, command_slow, FORM_JSON);
	T_OK(strstr(text, "\"usual_rate_bytes_per_second\":10000000,") != NULL
	    && strstr(text, "\"networks\":[{") != NULL && strstr(text,
	    "\"hints\":[{\"hint\":\"noanswer\",") != NULL, text);
	free(text);
	t_log_close(&log);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "verdicts", verdicts },
		{ "what counts", what_counts },
		{ "forms", forms },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "slow", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
