#include <stdio.h>
#include <string.h>

#include "stats/findings.h"
#include "stats/prometheus.h"
#include "status/api.h"
#include "api_parts.h"

/* Hours and days: each of a row's own, as many as there may be. */
#define PERIODS_DEFAULT	QUERY_LIMIT_MAX
#define SUMMARY_DEFAULT	10

bool
api_take(const struct back *b, const struct ask *a, struct answer *answer,
    unsigned takes, struct query *q)
{
	char why[512];

	if (query_parse(a, b->settings, takes, q, why, sizeof(why)))
		return true;
	back_refuse(a, answer, 400, "%s", why);
	return false;
}

/* ---- health ------------------------------------------------------------ */

/* Who asks with HTTP's status alone is told that we are well, or not. */
static int
tell_health(const struct back *b, const struct ask *a, struct answer *answer,
    bool is_ready)
{
	struct query q;

	if (!api_take(b, a, answer, 0, &q))
		return 0;
	q.options.is_ready = is_ready;
	if (command_health(&q.options) == findings_exit(FINDINGS_CRITICAL))
		answer->status = 503;
	return 0;
}

int
api_health(const struct back *b, const struct ask *a, struct answer *answer)
{
	return tell_health(b, a, answer, false);
}

int
api_ready(const struct back *b, const struct ask *a, struct answer *answer)
{
	return tell_health(b, a, answer, true);
}

/* ---- metrics ----------------------------------------------------------- */

int
api_metrics(const struct back *b, const struct ask *a, struct answer *answer)
{
	struct prometheus_facts f;
	char log[PATH_MAX];
	const char *state;
	struct query q;

	if (!api_take(b, a, answer, 0, &q))
		return 0;
	state = command_counted_log(&q.options, log);
	prometheus_collect(q.options.table, state, log, &f);
	if (a->wants_openmetrics)
		answer->type = ANSWER_OPENMETRICS;
	prometheus_write(stdout, &f, a->wants_openmetrics);
	return 0;
}

/* ---- statistics -------------------------------------------------------- */

static const struct report {
	const char *name;
	int (*run)(const struct options *o);
	size_t limit;		/* when none is given */
} reports[] = {
	{ "summary", command_summary, SUMMARY_DEFAULT },
	{ "clients", command_clients, QUERY_LIMIT_DEFAULT },
	{ "files", command_files, QUERY_LIMIT_DEFAULT },
	{ "errors", command_errors, QUERY_LIMIT_DEFAULT },
	{ "hours", command_hours, PERIODS_DEFAULT },
	{ "days", command_days, PERIODS_DEFAULT },
	{ "slow", command_slow, QUERY_LIMIT_DEFAULT },
	{ "missing", command_missing, QUERY_LIMIT_DEFAULT },
	{ "boots", command_boots, QUERY_LIMIT_DEFAULT },
};

static const struct report *
find_report(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(reports) / sizeof(reports[0]); i++)
		if (name == NULL || strcmp(reports[i].name, name) == 0)
			return &reports[i];
	return NULL;
}

int
api_statistics(const struct back *b, const struct ask *a,
    struct answer *answer)
{
	const struct report *r;
	struct query q;
	char why[512];

	if (!api_take(b, a, answer, QUERY_WINDOW | QUERY_FILTER |
	    QUERY_OUTCOME | QUERY_LIMIT | QUERY_REPORT, &q))
		return 0;
	r = find_report(q.report);
	if (r == NULL) {
		query_complain(why, sizeof(why), "report", q.report,
		    "summary, clients, files, errors, hours, days, slow, "
		    "missing or boots");
		back_refuse(a, answer, 400, "%s", why);
		return 0;
	}
	q.options.top = q.limit != 0 ? q.limit : r->limit;
	return r->run(&q.options) == 0 ? 0 : -1;
}
