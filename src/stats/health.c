#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stats/health.h"
#include "stats/livetab.h"
#include "stats/ready.h"
#include "stats/when.h"

#define PROBE_US	(UINT64_C(10) * 1000000)
#define PROBE_WAIT_US	1000000
#define PROBE_BYTES	(UINT64_C(1) << 30)

/* In percent of the requests; fewer failures than that are no rate. */
#define FAILURES_WARNING	5
#define FAILURES_CRITICAL	25
#define FAILURES_LEAST		3

static void
advise_group(struct health *h)
{
	findings_advise(&h->findings, "root may read it, and the group of "
	    "the file, adm: add the user that asks");
}

/* ---- the server -------------------------------------------------------- */

static void
look_at_keeper(const struct options *o, const struct livetab *t,
    struct health *h)
{
	char since[WHEN_TEXT_MAX];

	when_text(t->header.started_us, o->style.is_utc, 19, since);
	if (!t->has_keeper) {
		findings_add(&h->findings, "server", FINDINGS_OK, "none runs "
		    "now, one is started when asked; the last began %s",
		    since);
		return;
	}
	findings_add(&h->findings, "server", FINDINGS_OK,
	    "runs since %s, process %ld, transfers now: %llu", since,
	    (long)t->keeper, (unsigned long long)h->active);
	if (t->header.conf_is_bad == 0) {
		findings_add(&h->findings, "configuration", FINDINGS_OK,
		    "in use as it is");
		return;
	}
	h->has_bad_conf = true;
	findings_add(&h->findings, "configuration", FINDINGS_WARNING,
	    "not in use: %s", t->header.conf_problem);
	findings_advise(&h->findings, "see all of it with tftpd --check; a "
	    "corrected file is taken by itself");
}

static void
look_at_server(const struct options *o, struct health *h)
{
	struct livetab t;
	int64_t count;
	int ret = livetab_open(&t, o->table);
	uint64_t by_op[3];

	h->has_begun = ret != -ENOENT;
	if (ret == -ENOENT) {
		findings_add(&h->findings, "server", FINDINGS_OK,
		    "none runs now, one is started when asked");
		return;
	}
	if (ret != 0) {
		findings_add(&h->findings, "server", FINDINGS_UNKNOWN,
		    "%s: %s", o->table, ret == -EINVAL ?
		    "no live table of this version" : strerror(-ret));
		if (ret == -EACCES)
			advise_group(h);
		return;
	}
	count = livetab_count(&t, by_op);
	h->has_active = count >= 0;
	h->active = count > 0 ? (uint64_t)count : 0;
	look_at_keeper(o, &t, h);
	livetab_close(&t);
}

/* ---- the log ----------------------------------------------------------- */

static void
log_path(const struct options *o, char out[static LIVE_PATH_MAX])
{
	if (o->log_count != 0)
		snprintf(out, LIVE_PATH_MAX, "%s", o->logs[0]);
	else
		command_default_log(o, out);
}

/* Just renamed: its records stand in the file with a number. */
static bool
has_rotated(const struct options *o, const char *path)
{
	char name[LIVE_PATH_MAX + 8];

	snprintf(name, sizeof(name), "%s.1", path);
	return o->log_count == 0 && access(name, R_OK) == 0;
}

/* A server makes it when it begins: then it was removed, or cannot be made. */
static void
tell_missing(const struct options *o, const char *path, struct health *h)
{
	if (o->log_count != 0) {
		findings_add(&h->findings, "log", FINDINGS_UNKNOWN,
		    "%s: not there", path);
	} else if (!h->has_begun || has_rotated(o, path)) {
		findings_add(&h->findings, "log", FINDINGS_OK,
		    "%s: not there yet", path);
	} else {
		findings_add(&h->findings, "log", FINDINGS_WARNING,
		    "%s: not there, though there was a server", path);
		findings_advise(&h->findings, "was it removed?  The next "
		    "start makes it; if not, syslog says why it cannot");
	}
}

static void
tell_age(const struct options *o, const char *path, const struct stat *st,
    struct health *h)
{
	uint64_t at = (uint64_t)st->st_mtim.tv_sec * 1000000;
	char when[WHEN_TEXT_MAX], age[TEXT_NUMBER_MAX];

	when_text(at, o->style.is_utc, 19, when);
	if (at > o->now_us)
		at = o->now_us;
	findings_add(&h->findings, "log", FINDINGS_OK,
	    "%s: last written %s, %s ago", path, when,
	    text_duration(o->now_us - at, age));
}

/* Returns whether it is worth reading. */
static bool
look_at_log(const struct options *o, struct health *h)
{
	char path[LIVE_PATH_MAX];
	struct stat st;
	int problem;

	log_path(o, path);
	if (stat(path, &st) == -1 && errno == ENOENT) {
		tell_missing(o, path, h);
		return has_rotated(o, path);
	}
	if (access(path, R_OK) == -1) {
		problem = errno;
		findings_add(&h->findings, "log", FINDINGS_UNKNOWN,
		    "%s: %s", path, strerror(problem));
		if (problem == EACCES)
			advise_group(h);
		return false;
	}
	tell_age(o, path, &st, h);
	ready_log_room(path, &h->findings);
	return true;
}

void
health_look(const struct options *o, struct health *h)
{
	look_at_server(o, h);
	if (!look_at_log(o, h))
		return;
	h->has_vitals = vitals_read(o, &h->vitals) == 0;
	if (!h->has_vitals)
		findings_add(&h->findings, "log", FINDINGS_UNKNOWN,
		    "it cannot be read, or is no log of tftpd");
	else if (h->has_bad_conf && h->vitals.is_refusing)
		findings_add(&h->findings, "configuration",
		    FINDINGS_CRITICAL, "it cannot be used, and there was no "
		    "good one before: requests are refused");
}

/* ---- what the log says ------------------------------------------------- */

static void
judge_failures(const struct vitals *v, struct findings *f)
{
	uint64_t failed = v->classes[OUTCOME_CLASS_FAILURE];
	double share = v->requests == 0 ? 0 :
	    (double)failed * 100 / (double)v->requests;
	enum findings_state state = failed < FAILURES_LEAST ||
	    share < FAILURES_WARNING ? FINDINGS_OK :
	    share < FAILURES_CRITICAL ? FINDINGS_WARNING : FINDINGS_CRITICAL;
	char window[TEXT_NUMBER_MAX];

	if (v->requests == 0) {
		findings_add(f, "failures", state, "no requests in %s",
		    text_duration(vitals_window(v), window));
		return;
	}
	findings_add(f, "failures", state, "%.1f %% of %llu requests failed "
	    "in %s", share, (unsigned long long)v->requests,
	    text_duration(vitals_window(v), window));
	if (state != FINDINGS_OK)
		findings_advise(f, "who and why: tftpd-stats errors, "
		    "tftpd-stats slow");
}

static void
judge_crashes(const struct vitals *v, struct findings *f)
{
	uint64_t crashed = v->outcomes[OUTCOME_CRASHED];
	uint64_t failed = v->outcomes[OUTCOME_FAILED];

	findings_add(f, "transfers", crashed + failed == 0 ? FINDINGS_OK :
	    FINDINGS_WARNING, "crashed: %llu, failed here: %llu",
	    (unsigned long long)crashed, (unsigned long long)failed);
	if (crashed + failed != 0)
		findings_advise(f, "what was it: tftpd-stats log --outcome "
		    "crashed,failed");
}

static void
judge_losses(const struct vitals *v, struct findings *f)
{
	uint64_t bad = v->scan.lines.bad + v->scan.lines.torn;

	findings_add(f, "datagrams", v->dropped == 0 ? FINDINGS_OK :
	    FINDINGS_WARNING, "dropped: %llu",
	    (unsigned long long)v->dropped);
	if (v->dropped != 0)
		findings_advise(f, "more came than the socket's buffer or "
		    "max-transfers has room for");
	findings_add(f, "records", bad + v->gaps == 0 ? FINDINGS_OK :
	    FINDINGS_WARNING, "gaps: %llu, lines that are no records: %llu",
	    (unsigned long long)v->gaps, (unsigned long long)bad);
	if (bad + v->gaps != 0)
		findings_advise(f, "look at them: tftpd-stats verify");
}

void
health_judge(struct health *h)
{
	if (!h->has_vitals)
		return;
	judge_failures(&h->vitals, &h->findings);
	judge_crashes(&h->vitals, &h->findings);
	judge_losses(&h->vitals, &h->findings);
}

/* ---- the probe --------------------------------------------------------- */

static void
tell_success(const struct probe_target *t, const struct probe_result *r,
    struct findings *f)
{
	char bytes[TEXT_NUMBER_MAX], whole[TEXT_NUMBER_MAX];
	char first[TEXT_NUMBER_MAX];

	findings_add(f, "probe", FINDINGS_OK, "%s from %s: %s in %s, first "
	    "answer after %s%s", t->file, r->address,
	    text_bytes(r->bytes, bytes), text_duration(r->duration_us, whole),
	    text_duration(r->first_reply_us, first),
	    r->repeats != 0 ? ", with packets lost" : "");
}

/* What a stranger said ends at a NUL here, like all texts. */
static void
tell_refusal(const struct probe_target *t, const struct probe_result *r,
    struct findings *f)
{
	findings_add(f, "probe", FINDINGS_CRITICAL, "%s from %s: the server "
	    "says: error %u, %.*s", t->file, r->address, (unsigned)r->error,
	    (int)r->text_len, (const char *)r->text);
	findings_advise(f, "see why: tftpd --explain '%s read %s' on the "
	    "server", "CLIENT", t->file);
}

void
health_probe(const struct probe_target *t, uint64_t limit_us,
    struct health *h)
{
	const struct probe_limits limits = { .whole_us = limit_us,
		.wait_us = PROBE_WAIT_US, .bytes = PROBE_BYTES };
	struct probe_result *r = &h->probe;

	probe_run(t, &limits, r);
	h->has_probe = true;
	if (r->end == PROBE_COMPLETE)
		tell_success(t, r, &h->findings);
	else if (r->end == PROBE_REFUSED)
		tell_refusal(t, r, &h->findings);
	else
		findings_add(&h->findings, "probe", r->end == PROBE_LARGE ||
		    r->end == PROBE_UNTRIED ? FINDINGS_UNKNOWN :
		    FINDINGS_CRITICAL, "%s from %s: %s", t->file,
		    r->address[0] != '\0' ? r->address : t->host, r->reason);
}

/* ---- health ------------------------------------------------------------ */

static void
put_probe(const struct probe_result *r, struct json *j)
{
	json_open(j, "probe", '{');
	json_text(j, "result", probe_end_name(r->end));
	if (r->address[0] != '\0')
		json_text(j, "address", r->address);
	json_int(j, "bytes", r->bytes);
	json_int(j, "blocks", r->blocks);
	json_int(j, "duration_us", r->duration_us);
	if (r->first_reply_us != 0)
		json_int(j, "first_reply_us", r->first_reply_us);
	if (r->blksize != 0)
		json_int(j, "blksize", r->blksize);
	if (r->has_size)
		json_int(j, "size", r->size);
	json_int(j, "repeats", r->repeats);
	if (r->end == PROBE_REFUSED) {
		json_int(j, "error_code", r->error);
		json_bytes(j, "message", "message_hex", r->text,
		    r->text_len);
	} else if (r->reason[0] != '\0') {
		json_text(j, "message", r->reason);
	}
	json_close(j, '}');
}

static void
put_vitals(const struct vitals *v, struct json *j)
{
	json_int(j, "success", v->classes[OUTCOME_CLASS_SUCCESS]);
	json_int(j, "neutral", v->classes[OUTCOME_CLASS_NEUTRAL]);
	json_int(j, "refused", v->classes[OUTCOME_CLASS_REFUSED]);
	json_int(j, "failure", v->classes[OUTCOME_CLASS_FAILURE]);
	json_int(j, "crashed", v->outcomes[OUTCOME_CRASHED]);
	json_int(j, "failed", v->outcomes[OUTCOME_FAILED]);
	json_int(j, "bytes", v->bytes);
	json_int(j, "dropped", v->dropped);
	json_int(j, "gaps", v->gaps);
}

static void
print_json(const struct options *o, const struct health *h)
{
	const char *report = o->is_ready ? "ready" : "health";
	struct json j = { .out = stdout };

	if (h->has_vitals) {
		scan_head_json(&j, report, &h->vitals.scan);
		put_vitals(&h->vitals, &j);
	} else {
		json_open(&j, NULL, '{');
		json_int(&j, "schema", 1);
		json_text(&j, "report", report);
	}
	if (h->has_active)
		json_int(&j, "active", h->active);
	json_text(&j, "state", findings_name(findings_state(&h->findings)));
	findings_json(&h->findings, &j);
	if (h->has_probe)
		put_probe(&h->probe, &j);
	json_close(&j, '}');
	putchar('\n');
}

static void
print_text(const struct options *o, const struct health *h)
{
	const struct finding *worst = findings_worst(&h->findings);

	printf("%s: %s%s%s\n", o->is_ready ? "ready" : "health",
	    findings_name(worst->state), worst->state == FINDINGS_OK ? "" :
	    ", ", worst->state == FINDINGS_OK ? "" : worst->check);
	findings_print(&h->findings, &o->style, stdout);
}

int
command_health(const struct options *o)
{
	struct health *h = calloc(1, sizeof(*h));
	struct probe_target target;
	int status;

	if (h == NULL)
		err(findings_exit(FINDINGS_UNKNOWN), NULL);
	if (o->probe != NULL && !probe_parse(o->probe, &target))
		errx(o->usage_status, "--probe '%s': expected ADDR:FILE or "
		    "ADDR:PORT:FILE, an IPv6 address in brackets", o->probe);
	if (o->is_ready) {
		ready_look(o, &h->findings);
	} else {
		health_look(o, h);
		health_judge(h);
	}
	if (o->probe != NULL)
		health_probe(&target, PROBE_US, h);
	if (o->form == FORM_JSON)
		print_json(o, h);
	else
		print_text(o, h);
	status = findings_exit(findings_state(&h->findings));
	free(h);
	return command_finish() != 0 ? findings_exit(FINDINGS_UNKNOWN) :
	    status;
}
