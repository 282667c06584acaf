/*
 * The work is done by a child, so that nothing can keep the answer: not a
 * disk that hangs, not an end of the program inside.  What monitoring gets
 * is a line and one of its four states, in time.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stats/health.h"
#include "stats/range.h"

#define LIMIT_MS	10000
#define PROBE_US	(UINT64_C(8) * 1000000)	/* in time to tell of it */

struct checking {
	const struct options *o;
	struct health health;
	struct probe_target target;
	struct range warning, critical;
	bool has_warning, has_critical;
};

static const char *const states[] = {
	[FINDINGS_OK] = "OK",
	[FINDINGS_UNKNOWN] = "UNKNOWN",
	[FINDINGS_WARNING] = "WARNING",
	[FINDINGS_CRITICAL] = "CRITICAL",
};

static int __attribute__((format(printf, 1, 2)))
unknown(const char *fmt, ...)
{
	va_list ap;

	fputs("TFTPD UNKNOWN - ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	return findings_exit(FINDINGS_UNKNOWN);
}

/* ---- the judgement ----------------------------------------------------- */

static uint64_t
failures(const struct vitals *v)
{
	return v->classes[OUTCOME_CLASS_FAILURE];
}

static double
percent(const struct vitals *v)
{
	return v->requests == 0 ? 0 :
	    (double)failures(v) * 100 / (double)v->requests;
}

static bool
alerts(const struct range *r, const struct vitals *v)
{
	return range_alerts(r, r->is_percent ? percent(v) :
	    (double)failures(v));
}

static void
judge(struct checking *c)
{
	const struct vitals *v = &c->health.vitals;
	enum findings_state state = FINDINGS_OK;
	char window[TEXT_NUMBER_MAX];

	if (!c->health.has_vitals)
		return;
	if (!c->has_warning && !c->has_critical) {
		health_judge(&c->health);
		return;
	}
	if (c->has_critical && alerts(&c->critical, v))
		state = FINDINGS_CRITICAL;
	else if (c->has_warning && alerts(&c->warning, v))
		state = FINDINGS_WARNING;
	findings_add(&c->health.findings, "failures", state,
	    "%.1f %% of %llu requests failed in %s", percent(v),
	    (unsigned long long)v->requests,
	    text_duration(vitals_window(v), window));
}

/* ---- the line ---------------------------------------------------------- */

/* A bar would begin the performance data. */
static void
put_text(const char *text)
{
	static const struct text_style ascii = { .is_utf8 = false };
	const char *bar;

	for (; (bar = strchr(text, '|')) != NULL; text = bar + 1) {
		text_put_bytes(stdout, &ascii, (const uint8_t *)text,
		    (size_t)(bar - text));
		fputs("\\x7c", stdout);
	}
	text_put_bytes(stdout, &ascii, (const uint8_t *)text, strlen(text));
}

static void
put_limit(const struct checking *c, bool is_critical, bool is_percent)
{
	const struct range *r = is_critical ? &c->critical : &c->warning;

	if ((is_critical ? c->has_critical : c->has_warning) &&
	    r->is_percent == is_percent)
		range_put(r, stdout);
}

/* " 'label'=value[unit];warning;critical;least;most" */
static void
put_judged(const struct checking *c, const char *label, double value,
    bool is_percent)
{
	printf(" %s=%.*f%s;", label, is_percent ? 2 : 0, value,
	    is_percent ? "%" : "");
	put_limit(c, false, is_percent);
	putchar(';');
	put_limit(c, true, is_percent);
	fputs(is_percent ? ";0;100" : ";0", stdout);
}

static void
put_count(const char *label, uint64_t value, const char *unit)
{
	printf(" %s=%llu%s;;;0", label, (unsigned long long)value, unit);
}

static void
put_data(const struct checking *c)
{
	const struct health *h = &c->health;
	const struct vitals *v = &h->vitals;

	if (!h->has_vitals && !h->has_active && !h->has_probe)
		return;
	fputs(" |", stdout);
	if (h->has_vitals) {
		put_judged(c, "errors", percent(v), true);
		put_judged(c, "failed", (double)failures(v), false);
		put_count("requests", v->requests, "");
		put_count("refused", v->classes[OUTCOME_CLASS_REFUSED], "");
		put_count("crashed", v->outcomes[OUTCOME_CRASHED], "");
		put_count("dropped", v->dropped, "");
		put_count("bytes", v->bytes, "B");
	}
	if (h->has_active)
		put_count("active", h->active, "");
	if (h->has_probe && h->probe.end == PROBE_COMPLETE) {
		put_count("probe_time", h->probe.duration_us, "us");
		put_count("probe_bytes", h->probe.bytes, "B");
	}
}

/* What is worst; when all is well, how many failed. */
static const struct finding *
headline(const struct findings *f)
{
	const struct finding *worst = findings_worst(f);
	size_t i;

	for (i = 0; worst->state == FINDINGS_OK && i < f->count; i++)
		if (strcmp(f->items[i].check, "failures") == 0)
			return &f->items[i];
	return worst;
}

static int
print(const struct checking *c)
{
	const struct findings *f = &c->health.findings;
	const struct finding *first = headline(f);

	printf("TFTPD %s - ", states[first->state]);
	if (strcmp(first->check, "failures") != 0)
		printf("%s: ", first->check);
	put_text(first->text);
	put_data(c);
	putchar('\n');
	return command_finish() != 0 ? findings_exit(FINDINGS_UNKNOWN) :
	    findings_exit(first->state);
}

/* ---- the child --------------------------------------------------------- */

static int
work(struct checking *c)
{
	health_look(c->o, &c->health);
	judge(c);
	if (c->o->probe != NULL)
		health_probe(&c->target, PROBE_US, &c->health);
	return print(c);
}

/* The child says by a byte that its line is out. */
static int
wait_for(pid_t pid, int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char byte;
	int status, ret;

	do {
		ret = poll(&pfd, 1, LIMIT_MS);
	} while (ret == -1 && errno == EINTR);
	if (ret != 1) {
		(void)kill(pid, SIGKILL);
		return unknown("no answer within %d s", LIMIT_MS / 1000);
	}
	if (read(fd, &byte, 1) != 1 || waitpid(pid, &status, 0) != pid ||
	    !WIFEXITED(status))
		return unknown("it ended before it was done; what it said "
		    "stands on standard error");
	return WEXITSTATUS(status);
}

static int
run(struct checking *c)
{
	int fds[2], status;
	pid_t pid;

	if (pipe(fds) == -1)
		return unknown("pipe: %s", strerror(errno));
	pid = fork();
	if (pid == -1)
		return unknown("fork: %s", strerror(errno));
	if (pid == 0) {
		close(fds[0]);
		status = work(c);
		free(c);
		(void)!write(fds[1], "", 1);
		_exit(status);
	}
	close(fds[1]);
	status = wait_for(pid, fds[0]);
	close(fds[0]);
	return status;
}

/* ---- the arguments ----------------------------------------------------- */

/* Returns NULL, or the argument that is wrong. */
static const char *
take_arguments(struct checking *c)
{
	const struct options *o = c->o;

	c->has_warning = o->warning != NULL;
	c->has_critical = o->critical != NULL;
	if (c->has_warning && !range_parse(o->warning, &c->warning))
		return o->warning;
	if (c->has_critical && !range_parse(o->critical, &c->critical))
		return o->critical;
	if (o->probe != NULL && !probe_parse(o->probe, &c->target))
		return o->probe;
	return o->form == FORM_JSON ? "--json" : NULL;
}

int
command_check(const struct options *o)
{
	struct checking *c = calloc(1, sizeof(*c));
	const char *wrong;
	int status;

	if (c == NULL)
		return unknown("no memory");
	c->o = o;
	wrong = take_arguments(c);
	if (wrong != NULL)
		status = unknown("'%s' is no argument of mine; ranges are "
		    "as in 5%%, 10 or @2:4, a probe is ADDR:FILE", wrong);
	else
		status = run(c);
	free(c);
	return status;
}
