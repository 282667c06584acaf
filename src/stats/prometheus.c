#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "os/clock.h"
#include "stats/livetab.h"
#include "stats/prometheus.h"

#define AT(member)	offsetof(struct rollup_counters, member)

/* ---- collecting ------------------------------------------------------ */

static void
look_at_table(const char *table, struct prometheus_facts *f)
{
	struct livetab t;
	int ret = livetab_open(&t, table);

	f->has_begun = ret != -ENOENT;
	if (ret != 0)
		return;
	f->is_running = t.has_keeper;
	f->started_us = t.header.started_us;
	f->conf_is_bad = t.header.conf_is_bad != 0;
	f->has_table = livetab_count(&t, f->active) >= 0;
	livetab_close(&t);
}

void
prometheus_collect(const char *table, const char *state, const char *log,
    struct prometheus_facts *f)
{
	uint64_t begun_us = clock_mono_us();

	memset(f, 0, sizeof(*f));
	f->log_err = rollup_carry(state, log, false, &f->rollup);
	look_at_table(table, f);
	f->took_us = clock_mono_us() - begun_us;
}

void
prometheus_collect_on(const char *table, struct rollup_state *s,
    const char *log, struct prometheus_facts *f)
{
	uint64_t begun_us = clock_mono_us();

	memset(f, 0, sizeof(*f));
	f->log_err = rollup_carry_on(s, log, &f->rollup);
	look_at_table(table, f);
	f->took_us = clock_mono_us() - begun_us;
}

bool
prometheus_has_log(const struct prometheus_facts *f)
{
	return f->log_err == 0 || (f->log_err == -ENOENT && !f->has_begun);
}

bool
prometheus_is_up(const struct prometheus_facts *f)
{
	return f->is_running || f->log_err == 0 || f->log_err == -ENOENT;
}

/* ---- one family ------------------------------------------------------ */

struct writer {
	FILE *out;
	bool is_openmetrics;
};

/* OpenMetrics names a family of counters without the suffix of its samples. */
static void
put_head(const struct writer *w, const char *name, const char *type,
    const char *help)
{
	static const char suffix[] = "_total";
	int len = (int)strlen(name);

	if (w->is_openmetrics && strcmp(type, "counter") == 0)
		len -= (int)sizeof(suffix) - 1;
	fprintf(w->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", len, name, help,
	    len, name, type);
}

/* Microseconds as seconds, exactly. */
static void
put_seconds(const struct writer *w, uint64_t us)
{
	fprintf(w->out, "%" PRIu64 ".%06u\n", us / 1000000,
	    (unsigned)(us % 1000000));
}

static void
put_gauge(const struct writer *w, const char *name, const char *help,
    uint64_t value)
{
	put_head(w, name, "gauge", help);
	fprintf(w->out, "%s %" PRIu64 "\n", name, value);
}

static void
put_time(const struct writer *w, const char *name, const char *help,
    uint64_t us)
{
	put_head(w, name, "gauge", help);
	fprintf(w->out, "%s ", name);
	put_seconds(w, us);
}

/* The array of uint64_t at that offset. */
static const uint64_t *
values_at(const struct prometheus_facts *f, size_t at)
{
	return (const uint64_t *)(const void *)
	    ((const char *)&f->rollup.counters + at);
}

/* ---- transfers ------------------------------------------------------- */

static const char *
op_label(enum translog_op op)
{
	return op == TRANSLOG_NO_OP ? "unknown" : translog_op_name(op);
}

/*
 * Every series is there from the beginning: the first failure is a step from
 * 0 then.  What is no read and no write can only be refused.
 */
static void
put_transfers(const struct writer *w, const struct prometheus_facts *f)
{
	static const char name[] = "tftpd_transfers_total";
	const struct rollup_counters *k = &f->rollup.counters;
	enum outcome_class class;
	unsigned op, outcome;

	put_head(w, name, "counter", "Requests by how they ended.");
	for (op = TRANSLOG_NO_OP; op <= TRANSLOG_WRITE; op++) {
		for (outcome = OUTCOME_NONE + 1; outcome < OUTCOME_COUNT;
		    outcome++) {
			class = outcome_class((enum outcome)outcome);
			if (op == TRANSLOG_NO_OP &&
			    class != OUTCOME_CLASS_REFUSED &&
			    k->outcomes[op][outcome] == 0)
				continue;
			fprintf(w->out, "%s{op=\"%s\",outcome=\"%s\","
			    "class=\"%s\"} %" PRIu64 "\n", name,
			    op_label((enum translog_op)op),
			    outcome_name((enum outcome)outcome),
			    outcome_class_name(class),
			    k->outcomes[op][outcome]);
		}
	}
}

static void
put_last(const struct writer *w, const struct prometheus_facts *f)
{
	static const char name[] = "tftpd_last_transfer_timestamp_seconds";
	const uint64_t *last_us = f->rollup.counters.last_us;
	unsigned class;

	put_head(w, name, "gauge", "When the latest request of a class ended.");
	for (class = 0; class < OUTCOME_CLASS_COUNT; class++) {
		if (last_us[class] == 0)
			continue;
		fprintf(w->out, "%s{class=\"%s\"} ", name,
		    outcome_class_name(class));
		put_seconds(w, last_us[class]);
	}
}

/* ---- counters by operation ------------------------------------------- */

static const struct {
	const char *name, *help;
	size_t at;
} by_op[] = {
	{ "tftpd_transferred_bytes_total",
	    "Bytes of file content that were sent (read) or received (write).",
	    AT(bytes) },
	{ "tftpd_packets_sent_total", "Packets that transfers sent.",
	    AT(packets_sent) },
	{ "tftpd_packets_received_total", "Packets that transfers received.",
	    AT(packets_received) },
	{ "tftpd_packets_retransmitted_total",
	    "Packets that were sent again.", AT(retransmits) },
	{ "tftpd_timeouts_total",
	    "Times that a transfer waited in vain for a packet.",
	    AT(timeouts) },
	{ "tftpd_duplicate_packets_total",
	    "Packets that were received again.", AT(duplicates) },
};

static void
put_by_op(const struct writer *w, const struct prometheus_facts *f)
{
	unsigned op;
	size_t i;

	for (i = 0; i < sizeof(by_op) / sizeof(by_op[0]); i++) {
		put_head(w, by_op[i].name, "counter", by_op[i].help);
		for (op = TRANSLOG_READ; op <= TRANSLOG_WRITE; op++)
			fprintf(w->out, "%s{op=\"%s\"} %" PRIu64 "\n",
			    by_op[i].name, op_label((enum translog_op)op),
			    values_at(f, by_op[i].at)[op]);
	}
}

/* ---- plain counters -------------------------------------------------- */

static const struct {
	const char *name, *help;
	size_t at;
} plain[] = {
	{ "tftpd_transfers_started_total", "Transfers that were accepted.",
	    AT(starts) },
	{ "tftpd_requests_total",
	    "Datagrams that were requests; told when a dispatcher stops.",
	    AT(requests) },
	{ "tftpd_repeated_requests_total",
	    "Requests that repeated a living one.", AT(repeats) },
	{ "tftpd_ignored_datagrams_total",
	    "Datagrams that get no answer.", AT(ignored) },
	{ "tftpd_dropped_datagrams_total",
	    "Datagrams that were lost for want of room.", AT(dropped) },
	{ "tftpd_log_lines_total", "Lines of the transfer log.", AT(lines) },
	{ "tftpd_log_parse_errors_total",
	    "Of these, lines that are no record, torn or of another version.",
	    AT(bad_lines) },
	{ "tftpd_log_gaps_total",
	    "Times that a part of the log was gone before it was counted.",
	    AT(gaps) },
	{ "tftpd_state_rebuilds_total",
	    "Times that the counters were lost and counted anew.",
	    AT(rebuilds) },
};

static void
put_plain(const struct writer *w, const struct prometheus_facts *f)
{
	size_t i;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		put_head(w, plain[i].name, "counter", plain[i].help);
		fprintf(w->out, "%s %" PRIu64 "\n", plain[i].name,
		    *values_at(f, plain[i].at));
	}
}

/* ---- histograms ------------------------------------------------------ */

static const struct {
	const char *name, *help;
	const uint64_t *bounds;
	size_t at;
	bool is_time;		/* microseconds, told in seconds */
} hists[] = {
	{ "tftpd_transfer_duration_seconds",
	    "From the request to the end, of successful transfers.",
	    rollup_duration_us, AT(duration), true },
	{ "tftpd_transfer_size_bytes", "Content of successful transfers.",
	    rollup_size_bytes, AT(size), false },
	{ "tftpd_first_reply_seconds",
	    "From the request to our first packet.",
	    rollup_reply_us, AT(first_reply), true },
};

/* As short as it can be said; OpenMetrics wants a fraction. */
static void
put_bound(const struct writer *w, uint64_t bound, bool is_time)
{
	char fraction[8] = "";
	size_t len;

	if (is_time)
		snprintf(fraction, sizeof(fraction), "%06u",
		    (unsigned)(bound % 1000000));
	for (len = strlen(fraction); len != 0 && fraction[len - 1] == '0';)
		fraction[--len] = '\0';
	fprintf(w->out, "%" PRIu64, is_time ? bound / 1000000 : bound);
	if (len != 0)
		fprintf(w->out, ".%s", fraction);
	else if (w->is_openmetrics)
		fputs(".0", w->out);
}

static void
put_hist(const struct writer *w, unsigned which, enum translog_op op,
    const struct rollup_hist *h)
{
	const char *name = hists[which].name, *label = op_label(op);
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < ROLLUP_BUCKETS; i++) {
		sum += h->buckets[i];
		fprintf(w->out, "%s_bucket{op=\"%s\",le=\"", name, label);
		if (i == ROLLUP_BUCKETS - 1)
			fputs("+Inf", w->out);
		else
			put_bound(w, hists[which].bounds[i],
			    hists[which].is_time);
		fprintf(w->out, "\"} %" PRIu64 "\n", sum);
	}
	fprintf(w->out, "%s_sum{op=\"%s\"} ", name, label);
	if (hists[which].is_time)
		put_seconds(w, h->sum);
	else
		fprintf(w->out, "%" PRIu64 "\n", h->sum);
	fprintf(w->out, "%s_count{op=\"%s\"} %" PRIu64 "\n", name, label,
	    sum);
}

static void
put_hists(const struct writer *w, const struct prometheus_facts *f)
{
	const struct rollup_hist *h;
	unsigned i, op;

	for (i = 0; i < sizeof(hists) / sizeof(hists[0]); i++) {
		put_head(w, hists[i].name, "histogram", hists[i].help);
		h = (const struct rollup_hist *)(const void *)
		    values_at(f, hists[i].at);
		for (op = TRANSLOG_READ; op <= TRANSLOG_WRITE; op++)
			put_hist(w, i, (enum translog_op)op, &h[op]);
	}
}

/* ---- the server and the state ---------------------------------------- */

static void
put_server(const struct writer *w, const struct prometheus_facts *f)
{
	static const char active[] = "tftpd_active_transfers";
	unsigned op;

	put_gauge(w, "tftpd_up",
	    "1: a server runs, or may start when somebody asks; 0: none "
	    "runs, and its log cannot be read.", prometheus_is_up(f));
	put_gauge(w, "tftpd_running", "1: a server runs now.",
	    f->is_running);
	if (f->is_running) {
		put_time(w, "tftpd_start_time_seconds",
		    "When the running server started.", f->started_us);
		put_gauge(w, "tftpd_config_last_reload_successful",
		    "0: the configuration is bad, an older one is in use.",
		    !f->conf_is_bad);
	}
	if (f->has_table) {
		put_head(w, active, "gauge", "Transfers that run now.");
		for (op = TRANSLOG_READ; op <= TRANSLOG_WRITE; op++)
			fprintf(w->out, "%s{op=\"%s\"} %" PRIu64 "\n", active,
			    op_label((enum translog_op)op), f->active[op]);
	}
}

static void
put_state(const struct writer *w, const struct prometheus_facts *f)
{
	put_gauge(w, "tftpd_open_transfers",
	    "Transfers whose start is in the log and whose end is not.",
	    f->rollup.open);
	put_gauge(w, "tftpd_log_readable",
	    "1: the log can be read, or nothing was ever served.",
	    prometheus_has_log(f));
	put_gauge(w, "tftpd_log_size_bytes", "Size of the current log.",
	    f->rollup.log_bytes);
	put_gauge(w, "tftpd_state_saved",
	    "1: what was counted is kept; 0: it may not be written.",
	    f->rollup.is_saved);
	put_time(w, "tftpd_state_created_timestamp_seconds",
	    "When these counters began.", f->rollup.counters.since_us);
	put_time(w, "tftpd_stats_collect_duration_seconds",
	    "How long it took to collect this.", f->took_us);
}

void
prometheus_write(FILE *out, const struct prometheus_facts *f,
    bool is_openmetrics)
{
	struct writer w = { out, is_openmetrics };

	put_head(&w, is_openmetrics ? "tftpd_build" : "tftpd_build_info",
	    is_openmetrics ? "info" : "gauge", "The version; the value is 1.");
	fputs("tftpd_build_info{version=\"" PACKAGE_VERSION "\"} 1\n", out);
	put_server(&w, f);
	put_transfers(&w, f);
	put_last(&w, f);
	put_by_op(&w, f);
	put_plain(&w, f);
	put_hists(&w, f);
	put_state(&w, f);
	if (is_openmetrics)
		fputs("# EOF\n", out);
}
