#include "config.h"

#include <err.h>
#include <stdlib.h>

#include "core/outcome.h"
#include "stats/health.h"
#include "stats/livetab.h"
#include "stats/prometheus.h"
#include "stats/sum.h"
#include "status/api.h"
#include "api_parts.h"

/* ---- the server -------------------------------------------------------- */

static void
put_keeper(struct json *j, const struct livetab *t, uint64_t now_us)
{
	uint64_t started_us = t->header.started_us;

	if (t->has_keeper && t->keeper > 0)
		json_int(j, "pid", (uint64_t)t->keeper);
	json_time(j, "started", started_us);
	if (!t->has_keeper)
		return;
	json_int(j, "uptime_us", started_us < now_us ? now_us - started_us :
	    0);
	json_int(j, "configuration_good", t->header.conf_is_bad == 0);
	if (t->header.conf_is_bad != 0)
		json_text(j, "configuration_problem",
		    t->header.conf_problem);
}

/* What cannot be seen is left out; the checks tell why. */
static void
put_server(struct json *j, const struct options *o)
{
	uint64_t by_op[3] = { 0 };
	struct livetab t;
	int64_t count;
	bool has_table = livetab_open(&t, o->table) == 0;

	json_int(j, "server_runs", has_table && t.has_keeper);
	if (!has_table)
		return;
	put_keeper(j, &t, o->now_us);
	count = livetab_count(&t, by_op);
	if (count >= 0) {
		json_int(j, "slots", t.slots);
		json_int(j, "active", (uint64_t)count);
		json_int(j, "reads", by_op[TRANSLOG_READ]);
		json_int(j, "writes", by_op[TRANSLOG_WRITE]);
	}
	livetab_close(&t);
}

/* ---- counters ---------------------------------------------------------- */

static uint64_t
total(const uint64_t *values)
{
	uint64_t sum = 0;
	unsigned op;

	for (op = 0; op < ROLLUP_OPS; op++)
		sum_add(&sum, values[op]);
	return sum;
}

static void
put_outcomes(struct json *j, const struct rollup_counters *k)
{
	uint64_t counts[OUTCOME_COUNT] = { 0 }, requests = 0;
	uint64_t classes[OUTCOME_CLASS_COUNT] = { 0 };
	unsigned i, op;

	for (i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++) {
		for (op = 0; op < ROLLUP_OPS; op++)
			sum_add(&counts[i], k->outcomes[op][i]);
		sum_add(&classes[outcome_class((enum outcome)i)], counts[i]);
		sum_add(&requests, counts[i]);
	}
	json_int(j, "requests", requests);
	json_int(j, "success", classes[OUTCOME_CLASS_SUCCESS]);
	json_int(j, "neutral", classes[OUTCOME_CLASS_NEUTRAL]);
	json_int(j, "refused", classes[OUTCOME_CLASS_REFUSED]);
	json_int(j, "failure", classes[OUTCOME_CLASS_FAILURE]);
	json_open(j, "outcomes", '{');
	for (i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++)
		json_int(j, outcome_name((enum outcome)i), counts[i]);
	json_close(j, '}');
}

static void
put_counters(struct json *j, const struct prometheus_facts *f)
{
	const struct rollup_counters *k = &f->rollup.counters;
	uint64_t sent = k->bytes[TRANSLOG_READ];

	sum_add(&sent, k->bytes[TRANSLOG_NO_OP]);
	json_open(j, "counters", '{');
	json_time(j, "since", k->since_us);
	json_int(j, "log_readable", prometheus_has_log(f));
	json_int(j, "saved", f->rollup.is_saved);
	put_outcomes(j, k);
	json_int(j, "bytes_sent", sent);
	json_int(j, "bytes_received", k->bytes[TRANSLOG_WRITE]);
	json_int(j, "packets_sent", total(k->packets_sent));
	json_int(j, "packets_received", total(k->packets_received));
	json_int(j, "retransmits", total(k->retransmits));
	json_int(j, "timeouts", total(k->timeouts));
	json_int(j, "starts", k->starts);
	json_int(j, "open", f->rollup.open);
	json_int(j, "dropped", k->dropped);
	json_int(j, "lines", k->lines);
	json_int(j, "bad_lines", k->bad_lines);
	json_int(j, "gaps", k->gaps);
	json_int(j, "rebuilds", k->rebuilds);
	json_close(j, '}');
}

/* ---- all of it --------------------------------------------------------- */

int
api_status(const struct back *b, const struct ask *a, struct answer *answer)
{
	struct json j = { .out = stdout };
	struct health *h = calloc(1, sizeof(*h));
	struct prometheus_facts f;
	const char *state;
	char log[PATH_MAX];
	struct query q;

	if (h == NULL)
		err(1, NULL);
	if (!api_take(b, a, answer, 0, &q))
		goto out;
	health_look(&q.options, h);
	health_judge(h);
	state = command_counted_log(&q.options, log);
	prometheus_collect(q.options.table, state, log, &f);
	json_open(&j, NULL, '{');
	json_int(&j, "schema", 1);
	json_text(&j, "report", "status");
	json_text(&j, "version", PACKAGE_VERSION);
	json_time(&j, "at", q.options.now_us);
	json_text(&j, "log", log);
	json_text(&j, "table", q.options.table);
	put_server(&j, &q.options);
	json_text(&j, "state", findings_name(findings_state(&h->findings)));
	findings_json(&h->findings, &j);
	put_counters(&j, &f);
	json_close(&j, '}');
	putchar('\n');
out:
	free(h);
	return 0;
}
