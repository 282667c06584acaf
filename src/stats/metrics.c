/*
 * The commands "prometheus" and "rollup".
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stats/command.h"
#include "stats/json.h"
#include "stats/livetab.h"
#include "stats/prometheus.h"
#include "stats/when.h"

/* What is counted, and where that is kept. */
struct source {
	char log[PATH_MAX];
	const char *state;	/* NULL: nowhere */
};

static void
check_options(const struct options *o, const char *command)
{
	if (o->log_count > 1)
		errx(o->usage_status, "'%s' takes one log; its rotated files "
		    "are found beside it", command);
}

/* The state is told where the log is: from whatever folder it is read. */
static void
make_absolute(const char *path, char out[static PATH_MAX])
{
	char dir[PATH_MAX];
	int len;

	if (path[0] == '/' || getcwd(dir, sizeof(dir)) == NULL)
		len = snprintf(out, PATH_MAX, "%s", path);
	else
		len = snprintf(out, PATH_MAX, "%s/%s", dir, path);
	if (len >= PATH_MAX)
		errx(1, "%s: %s", path, strerror(ENAMETOOLONG));
}

const char *
command_counted_log(const struct options *o, char log[static PATH_MAX])
{
	const char *own = o->log_count == 1 ? o->logs[0] : o->log;
	const char *state = o->state;
	char found[LIVE_PATH_MAX];
	struct livetab t;
	bool has_table = false;

	if (own != NULL) {
		make_absolute(own, log);
		return state;
	}
	if (state == NULL)
		state = STATEDIR "/rollup";
	if (livetab_open(&t, o->table) == 0) {
		has_table = t.header.log_path[0] == '/';
		livetab_close(&t);
	}
	if (has_table || !rollup_get_log(state, log)) {
		command_default_log(o, found);
		strcpy(log, found);
	}
	return state;
}

static void
complain(const struct source *from, const struct rollup_report *report,
    int log_err)
{
	if (report->note[0] != '\0')
		warnx("%s", report->note);
	if (log_err != 0)
		warnx("%s: %s", from->log, strerror(-log_err));
}

/* ---- prometheus ------------------------------------------------------ */

/*
 * The collector reads the folder at any time: the file appears whole, and
 * what it is made of does not end in .prom.  Nothing but a file is replaced:
 * root's rename(2) would take /dev/null away from everybody.
 */
static int
replace(const char *path, const char *text, size_t len)
{
	struct stat st;
	char *fresh;
	int fd = -1, ret = 1;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		warnx("%s: not a regular file", path);
		return 1;
	}
	if (asprintf(&fresh, "%s.XXXXXX", path) == -1)
		err(1, NULL);
	fd = mkostemp(fresh, O_CLOEXEC);
	if (fd == -1) {
		warn("%s", path);
		goto out;
	}
	errno = ENOSPC;		/* a short write tells none */
	if (write(fd, text, len) == (ssize_t)len && fchmod(fd, 0644) == 0 &&
	    rename(fresh, path) == 0) {
		ret = 0;
	} else {
		warn("%s", path);
		(void)unlink(fresh);
	}
	close(fd);
out:
	free(fresh);
	return ret;
}

static int
write_to(const char *path, const struct prometheus_facts *f,
    bool is_openmetrics)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int ret;

	if (out == NULL)
		err(1, NULL);
	prometheus_write(out, f, is_openmetrics);
	if (fclose(out) != 0)
		err(1, NULL);
	ret = replace(path, text, len);
	free(text);
	return ret;
}

/*
 * A log that can't be read is for the metrics to say: they are written all
 * the same, with tftpd_log_readable 0.  One that is not there yet is nothing
 * that cron should tell every minute.
 */
int
command_prometheus(const struct options *o)
{
	struct prometheus_facts f;
	struct source from;

	check_options(o, "prometheus");
	from.state = command_counted_log(o, from.log);
	prometheus_collect(o->table, from.state, from.log, &f);
	complain(&from, &f.rollup, o->log_count == 0 &&
	    prometheus_has_log(&f) ? 0 : f.log_err);
	if (o->output != NULL)
		return write_to(o->output, &f, o->has_openmetrics);
	prometheus_write(stdout, &f, o->has_openmetrics);
	return command_finish();
}

/* ---- rollup ---------------------------------------------------------- */

static uint64_t
total(const uint64_t *values, size_t count)
{
	uint64_t sum = 0;

	while (count-- != 0)
		if (__builtin_add_overflow(sum, *values++, &sum))
			return UINT64_MAX;
	return sum;
}

/* What is told, under its key in JSON and as a sentence. */
struct told {
	const char *key, *what;
	uint64_t value;
};

static void
tell_text(const struct options *o, const struct source *from,
    const struct rollup_report *r, const struct told *told, size_t count)
{
	char since[WHEN_TEXT_MAX];

	when_text(r->counters.since_us, o->style.is_utc, 19, since);
	printf("log    %s\nstate  %s%s\nsince  %s\n\n", from->log,
	    from->state != NULL ? from->state : "(kept nowhere)",
	    from->state == NULL || r->is_saved ? "" : " (not written)",
	    since);
	for (; count-- != 0; told++)
		printf("%12" PRIu64 "  %s\n", told->value, told->what);
}

static void
tell_json(const struct source *from, const struct rollup_report *r,
    const struct told *told, size_t count)
{
	struct json j = { .out = stdout };

	json_open(&j, NULL, '{');
	json_int(&j, "schema", 1);
	json_text(&j, "report", "rollup");
	json_time(&j, "since", r->counters.since_us);
	json_text(&j, "log", from->log);
	if (from->state != NULL)
		json_text(&j, "state", from->state);
	json_int(&j, "saved", r->is_saved);
	for (; count-- != 0; told++)
		json_int(&j, told->key, told->value);
	json_close(&j, '}');
	fputc('\n', stdout);
}

int
command_rollup(const struct options *o)
{
	struct rollup_report r;
	struct source from;
	int err;

	check_options(o, "rollup");
	from.state = command_counted_log(o, from.log);
	err = rollup_carry(from.state, from.log, o->is_rebuilt, &r);
	complain(&from, &r, err);
	if (err != 0)
		return 1;
	const struct told told[] = {
		{ "requests", "requests that ended",
		    total(r.counters.outcomes[0],
			ROLLUP_OPS * OUTCOME_COUNT) },
		{ "starts", "transfers accepted", r.counters.starts },
		{ "open", "of them open", r.open },
		{ "bytes", "bytes transferred",
		    total(r.counters.bytes, ROLLUP_OPS) },
		{ "lines", "lines of the log", r.counters.lines },
		{ "bad_lines", "of them bad", r.counters.bad_lines },
		{ "gaps", "gaps in the log", r.counters.gaps },
		{ "rebuilds", "times counted anew", r.counters.rebuilds },
		{ "read_bytes", "bytes read this time", r.read_bytes },
	};
	if (o->form == FORM_JSON)
		tell_json(&from, &r, told, sizeof(told) / sizeof(told[0]));
	else
		tell_text(o, &from, &r, told,
		    sizeof(told) / sizeof(told[0]));
	return command_finish();
}
