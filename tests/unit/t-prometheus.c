/*
 * t-prometheus - what a scrape is told, line by line.
 */
#include "config.h"

#include <ctype.h>
#include <inttypes.h>

#include "stats/prometheus.h"
#include "t-work.h"

/* The text of these facts, to be freed. */
static char *
text_of(const struct prometheus_facts *f, bool is_openmetrics)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		abort();
	prometheus_write(out, f, is_openmetrics);
	if (fclose(out) != 0)
		abort();
	return text;
}

/* Whether line is one of the text's lines. */
static bool
has_line(const char *text, const char *line)
{
	size_t len = strlen(line);
	const char *at = text;

	while ((at = strstr(at, line)) != NULL) {
		if ((at == text || at[-1] == '\n') && at[len] == '\n')
			return true;
		at++;
	}
	return false;
}

static struct prometheus_facts
some_facts(void)
{
	struct prometheus_facts f = {
		.has_table = true, .is_running = true,
		.started_us = UINT64_C(1795356000000001),
		.active = { 0, 3, 1 }, .took_us = 1234,
	};
	struct rollup_counters *k = &f.rollup.counters;

	k->outcomes[TRANSLOG_READ][OUTCOME_COMPLETE] = 7;
	k->outcomes[TRANSLOG_WRITE][OUTCOME_TIMEOUT] = UINT64_MAX;
	k->outcomes[TRANSLOG_NO_OP][OUTCOME_CRASHED] = 2;
	k->bytes[TRANSLOG_READ] = 42;
	k->retransmits[TRANSLOG_WRITE] = 5;
	k->duration[TRANSLOG_READ] = (struct rollup_hist){
		.buckets = { 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4 },
		.sum = 1000000005,
	};
	k->last_us[OUTCOME_CLASS_FAILURE] = 1500000;
	k->dropped = 9;
	k->since_us = 1000001;
	f.rollup.open = 11;
	f.rollup.log_bytes = 4096;
	f.rollup.is_saved = true;
	return f;
}

static const struct {
	const char *what, *line;
} expected[] = {
	{ "the version", "tftpd_build_info{version=\"" PACKAGE_VERSION
	    "\"} 1" },
	{ "up", "tftpd_up 1" },
	{ "running", "tftpd_running 1" },
	{ "since when", "tftpd_start_time_seconds 1795356000.000001" },
	{ "the configuration", "tftpd_config_last_reload_successful 1" },
	{ "a success", "tftpd_transfers_total{op=\"read\","
	    "outcome=\"complete\",class=\"success\"} 7" },
	{ "the largest number", "tftpd_transfers_total{op=\"write\","
	    "outcome=\"timeout\",class=\"failure\"} 18446744073709551615" },
	{ "a failure that never was", "tftpd_transfers_total{op=\"read\","
	    "outcome=\"crashed\",class=\"failure\"} 0" },
	{ "what can't be, once it is", "tftpd_transfers_total{op=\"unknown\","
	    "outcome=\"crashed\",class=\"failure\"} 2" },
	{ "what nobody could read", "tftpd_transfers_total{op=\"unknown\","
	    "outcome=\"invalid\",class=\"refused\"} 0" },
	{ "bytes", "tftpd_transferred_bytes_total{op=\"read\"} 42" },
	{ "retransmits", "tftpd_packets_retransmitted_total{op=\"write\"} 5" },
	{ "the first bucket",
	    "tftpd_transfer_duration_seconds_bucket{op=\"read\",le=\"0.005\"}"
	    " 1" },
	{ "the second has the first's", "tftpd_transfer_duration_seconds_bucket"
	    "{op=\"read\",le=\"0.025\"} 3" },
	{ "a bound without fraction", "tftpd_transfer_duration_seconds_bucket"
	    "{op=\"read\",le=\"10\"} 3" },
	{ "the last bucket", "tftpd_transfer_duration_seconds_bucket"
	    "{op=\"read\",le=\"+Inf\"} 7" },
	{ "a sum in seconds",
	    "tftpd_transfer_duration_seconds_sum{op=\"read\"} 1000.000005" },
	{ "how many", "tftpd_transfer_duration_seconds_count{op=\"read\"} 7" },
	{ "a small bound",
	    "tftpd_first_reply_seconds_bucket{op=\"read\",le=\"0.00025\"} 0" },
	{ "a large bound", "tftpd_transfer_size_bytes_bucket"
	    "{op=\"write\",le=\"4294967296\"} 0" },
	{ "who is served", "tftpd_active_transfers{op=\"read\"} 3" },
	{ "the latest failure", "tftpd_last_transfer_timestamp_seconds"
	    "{class=\"failure\"} 1.500000" },
	{ "what was lost", "tftpd_dropped_datagrams_total 9" },
	{ "the log", "tftpd_log_size_bytes 4096" },
	{ "is read", "tftpd_log_readable 1" },
	{ "open", "tftpd_open_transfers 11" },
	{ "began", "tftpd_state_created_timestamp_seconds 1.000001" },
	{ "took", "tftpd_stats_collect_duration_seconds 0.001234" },
	{ "a type", "# TYPE tftpd_transfers_total counter" },
};

static void
each_number_has_its_line(void)
{
	struct prometheus_facts f = some_facts();
	char *text = text_of(&f, false);
	size_t i;

	for (i = 0; i < COUNT(expected); i++)
		T_OK(has_line(text, expected[i].line), expected[i].what);
	T_OK(strstr(text, "class=\"success\"} 0.") == NULL,
	    "a class that never was has no time");
	T_OK(strstr(text, "# EOF") == NULL, "no end mark");
	free(text);
}

static void
openmetrics_is_a_little_different(void)
{
	struct prometheus_facts f = some_facts();
	char *text = text_of(&f, true);
	size_t len = strlen(text);

	T_OK(has_line(text, "# TYPE tftpd_transfers counter"),
	    "a counter's family has no suffix");
	T_OK(has_line(text, "tftpd_transferred_bytes_total{op=\"read\"} 42"),
	    "its samples have");
	T_OK(has_line(text, "# TYPE tftpd_build info"), "info is a type");
	T_OK(has_line(text, "tftpd_transfer_duration_seconds_bucket"
	    "{op=\"read\",le=\"10.0\"} 3"), "bounds have a fraction");
	T_OK(len > 6 && strcmp(text + len - 6, "# EOF\n") == 0, "an end mark");
	free(text);
}

static void
what_is_not_known_is_left_out(void)
{
	struct prometheus_facts f = { .log_err = -EACCES };
	char *text = text_of(&f, false);

	T_OK(has_line(text, "tftpd_up 0") && has_line(text,
	    "tftpd_log_readable 0"), "no server, a log that is closed to us");
	T_OK(strstr(text, "tftpd_active_transfers") == NULL,
	    "no table: nobody knows who is served");
	T_OK(strstr(text, "tftpd_config") == NULL &&
	    strstr(text, "tftpd_start_time") == NULL,
	    "no server: nobody knows its configuration");
	free(text);
	f.is_running = true;
	f.conf_is_bad = true;
	text = text_of(&f, false);
	T_OK(has_line(text, "tftpd_up 1"), "a server is enough");
	T_OK(has_line(text, "tftpd_config_last_reload_successful 0"),
	    "its configuration is bad");
	free(text);
}

static void
no_log_yet_is_no_failure(void)
{
	struct prometheus_facts f = { .log_err = -ENOENT };
	char *text = text_of(&f, false);

	T_OK(has_line(text, "tftpd_up 1") && has_line(text,
	    "tftpd_log_readable 1"), "nobody has asked yet");
	free(text);
	f.has_begun = true;
	text = text_of(&f, false);
	T_OK(has_line(text, "tftpd_up 1") && has_line(text,
	    "tftpd_log_readable 0"), "a server was there, its log is not");
	free(text);
}

/* NAME, NAME{LABELS}: nothing but our own characters. */
static bool
is_sample(const char *line, size_t len)
{
	size_t i = 0;

	while (i < len && (isalnum((unsigned char)line[i]) ||
	    line[i] == '_'))
		i++;
	if (i < len && line[i] == '{')
		while (i < len && line[i++] != '}')
			continue;
	return i != 0 && i < len && line[i] == ' ' &&
	    strspn(line + i + 1, "0123456789.") == len - i - 1;
}

static void
every_line_is_well_formed(void)
{
	struct prometheus_facts f = some_facts();
	char *text, *line, *end;
	unsigned kind;

	for (kind = 0; kind < 2; kind++) {
		text = text_of(&f, kind == 1);
		for (line = text; *line != '\0'; line = end + 1) {
			end = strchr(line, '\n');
			if (end == NULL)
				break;
			if (*line != '#' &&
			    !is_sample(line, (size_t)(end - line)))
				T_OK(false, line);
		}
		T_OK(*line == '\0', "the last line ends");
		free(text);
	}
}

static void
collected_of_nothing(void)
{
	struct prometheus_facts f;
	char dir[PATH_MAX], log[PATH_MAX], table[PATH_MAX];

	t_tmp_make(dir);
	t_join(log, dir, "transfers.jsonl");
	t_join(table, dir, "live");
	prometheus_collect(table, NULL, log, &f);
	T_OK(f.log_err == -ENOENT && !f.has_begun && !f.has_table &&
	    !f.is_running, "neither log nor table");
	t_put(AT_FDCWD, log, "", 0644);
	t_put(AT_FDCWD, table, "no table of ours", 0644);
	prometheus_collect(table, NULL, log, &f);
	T_OK(f.log_err == 0 && f.has_begun && !f.has_table && !f.is_running,
	    "an empty log, and a table that is none");
	T_OK(f.took_us < 60000000, "it took some time");
	t_tmp_remove(dir);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "lines", each_number_has_its_line },
		{ "OpenMetrics", openmetrics_is_a_little_different },
		{ "unknown", what_is_not_known_is_left_out },
		{ "no log yet", no_log_yet_is_no_failure },
		{ "form", every_line_is_well_formed },
		{ "collecting", collected_of_nothing },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "prometheus", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
