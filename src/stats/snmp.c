/*
 * The command "snmp".
 *
 * snmpd starts it at the first request and keeps it: what it has looked at
 * serves all requests of the next seconds, a walk being hundreds of them.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "os/clock.h"
#include "stats/command.h"
#include "stats/health.h"
#include "stats/livetab.h"
#include "stats/snmpmib.h"
#include "stats/snmpstore.h"
#include "stats/snmptalk.h"

#define LOOK_US		(UINT64_C(5) * 1000000)
#define HEALTH_US	(UINT64_C(60) * 1000000)	/* it reads minutes */
#define REST		20	/* times as long as a look took */
#define TABLE_SPACE	16	/* numbers below a base, at most */

/* ---- what goes on standard error -------------------------------------- */

/* snmpd reads a program's standard error as its answers. */
static bool
is_answer(int fd)
{
	struct stat out, other;

	return fstat(STDOUT_FILENO, &out) == 0 && fstat(fd, &other) == 0 &&
	    S_ISFIFO(out.st_mode) && out.st_dev == other.st_dev &&
	    out.st_ino == other.st_ino;
}

static void
close_answers(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd == -1 || dup2(fd, STDERR_FILENO) == -1)
		exit(1);
	close(fd);
}

/* ---- the agent --------------------------------------------------------- */

struct agent {
	struct options o;
	bool is_muted;		/* standard error is for the answers */
	struct snmpoid own, appl;
	bool has_own, has_appl;
	char log[PATH_MAX];
	struct snmpstore store;
	struct snmpmib_facts facts;
	struct snmptree tree;
	bool has_looked, was_up;
	uint64_t look_us, health_us;	/* when the next one is due */
	uint64_t age_us, born_us;	/* snmpd's, when we were born */
	/* the last complaint of each kind */
	char told_log[SNMPMIB_TEXT_MAX], told_state[SNMPMIB_TEXT_MAX];
};

/* Paths and findings may hold anybody's bytes. */
static void
make_harmless(const char *text, char out[static SNMPMIB_TEXT_MAX])
{
	const struct text_style style = { .is_utf8 = true };
	char *copy = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&copy, &len);

	if (f == NULL)
		err(1, NULL);
	text_put_bytes(f, &style, (const uint8_t *)text, strlen(text));
	if (fclose(f) != 0)
		err(1, NULL);
	snprintf(out, SNMPMIB_TEXT_MAX, "%s", copy);
	free(copy);
}

/* Once: what is said at each look would fill the disk. */
static void
complain(const struct agent *a, char told[static SNMPMIB_TEXT_MAX],
    const char *text)
{
	char harmless[SNMPMIB_TEXT_MAX];

	make_harmless(text, harmless);
	if (*harmless == '\0' || strcmp(told, harmless) == 0)
		return;
	strcpy(told, harmless);
	if (!a->is_muted)
		warnx("%s", told);
	else
		syslog(LOG_WARNING, "snmp: %s", told);
}

/* ---- how old snmpd is -------------------------------------------------- */

/* The first line of a file of /proc; "" when there is none. */
static void
read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");

	if (f == NULL || fgets(line, (int)size, f) == NULL)
		line[0] = '\0';
	if (f != NULL)
		fclose(f);
}

/* proc(5): ticks since the boot, the 22nd word, the 20th behind the name. */
static uint64_t
born_in_ticks(pid_t pid)
{
	char path[64], line[1024];
	const char *at;
	unsigned i;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	read_line(path, line, sizeof(line));
	at = strrchr(line, ')');
	for (i = 0; i < 20 && at != NULL; i++)
		at = strchr(at + 1, ' ');
	return at == NULL ? 0 : strtoull(at, NULL, 10);
}

/* "12345.67 ...": since the boot. */
static uint64_t
uptime_us(void)
{
	char line[128], *end;
	uint64_t seconds;

	read_line("/proc/uptime", line, sizeof(line));
	seconds = strtoull(line, &end, 10);
	return seconds * 1000000 +
	    (*end == '.' ? strtoull(end + 1, NULL, 10) * 10000 : 0);
}

/* Of the process that started us; 0 when it can't be told. */
static uint64_t
parent_age_us(void)
{
	uint64_t born = born_in_ticks(getppid()), now_us = uptime_us();
	long ticks = sysconf(_SC_CLK_TCK);

	if (born == 0 || ticks <= 0)
		return 0;
	born = born * 1000000 / (uint64_t)ticks;
	return now_us > born ? now_us - born : 0;
}

/* ---- looking ----------------------------------------------------------- */

/* The server may have been started anew with another log. */
static void
choose_log(struct agent *a)
{
	struct livetab t;

	if (a->o.log_count != 0 || livetab_open(&t, a->o.table) != 0)
		return;
	if (t.header.log_path[0] == '/')
		snprintf(a->log, sizeof(a->log), "%s", t.header.log_path);
	livetab_close(&t);
}

static void
note_log(struct agent *a)
{
	char text[PATH_MAX + 128] = "";
	const struct prometheus_facts *m = &a->facts.metrics;

	if (!prometheus_has_log(m))
		snprintf(text, sizeof(text), "%s: %s", a->log,
		    strerror(-m->log_err));
	make_harmless(text, a->facts.log_problem);
	complain(a, a->told_log, text);
}

/* Since when it is up, or down. */
static void
note_change(struct agent *a)
{
	const struct prometheus_facts *m = &a->facts.metrics;
	bool is_up = prometheus_is_up(m);

	if (a->has_looked && is_up == a->was_up)
		return;
	if (m->is_running)
		a->facts.changed_us = m->started_us;
	else if (a->has_looked)
		a->facts.changed_us = a->facts.now_us;
	a->was_up = is_up;
	a->has_looked = true;
}

static void
tell_health(struct agent *a, const struct findings *f)
{
	const struct finding *worst = findings_worst(f);
	char text[2 * FINDINGS_TEXT_MAX + 64];

	a->facts.health = findings_state(f);
	if (worst == NULL || worst->state == FINDINGS_OK)
		snprintf(text, sizeof(text), "ok");
	else
		snprintf(text, sizeof(text), "%s: %s%s%s", worst->check,
		    worst->text, worst->advice[0] != '\0' ? "; " : "",
		    worst->advice);
	make_harmless(text, a->facts.health_text);
}

/* The log would be found nonetheless, with a complaint each time. */
static bool
is_table_closed(const char *table)
{
	return access(table, R_OK) == -1 && errno == EACCES;
}

static void
look_at_health(struct agent *a)
{
	struct health *h = calloc(1, sizeof(*h));

	if (h == NULL)
		err(1, NULL);
	a->o.now_us = a->facts.now_us;
	if (is_table_closed(a->o.table)) {
		findings_add(&h->findings, "server", FINDINGS_UNKNOWN,
		    "%s: %s", a->o.table, strerror(EACCES));
		findings_advise(&h->findings, "snmpd's user is to be a member "
		    "of its group");
	} else {
		health_look(&a->o, h);
		health_judge(h);
	}
	tell_health(a, &h->findings);
	free(h);
}

/* When the next look is due: what takes long is not done all the time. */
static uint64_t
next_due(uint64_t begun_us, uint64_t interval_us)
{
	uint64_t now_us = clock_mono_us(), rest = (now_us - begun_us) * REST;

	return now_us + (rest > interval_us ? rest : interval_us);
}

static void
fill_tree(struct agent *a)
{
	snmptree_clear(&a->tree);
	if (a->has_own)
		snmpmib_add_own(&a->tree, &a->own, &a->facts);
	if (a->has_appl)
		snmpmib_add_appl(&a->tree, &a->appl, &a->facts);
	snmptree_sort(&a->tree);
}

static const struct snmptree *
look(void *arg)
{
	struct agent *a = arg;
	uint64_t begun_us = clock_mono_us();

	if (begun_us < a->look_us)
		return &a->tree;
	choose_log(a);
	snmpstore_collect(&a->store, a->o.table, a->log, &a->facts.metrics);
	a->facts.now_us = clock_real_us();
	a->facts.agent_us = a->age_us + clock_mono_us() - a->born_us;
	note_log(a);
	complain(a, a->told_state, a->facts.metrics.rollup.note);
	note_change(a);
	a->look_us = next_due(begun_us, LOOK_US);
	begun_us = clock_mono_us();
	if (begun_us >= a->health_us) {
		look_at_health(a);
		a->health_us = next_due(begun_us, HEALTH_US);
	}
	fill_tree(a);
	return &a->tree;
}

/* ---- beginning --------------------------------------------------------- */

static void
choose_base(struct agent *a)
{
	const char *text = a->o.base != NULL ? a->o.base : SNMPMIB_BASE;

	(void)snmpoid_parse(SNMPMIB_APPL, strlen(SNMPMIB_APPL), &a->appl);
	if (!snmpoid_parse(text, strlen(text), &a->own) ||
	    a->own.len > SNMPOID_MAX - TABLE_SPACE || a->own.len < 2)
		errx(a->o.usage_status, "--base '%s': expected numbers like "
		    "%s", text, SNMPMIB_BASE);
	if (snmpoid_is_below(&a->own, &a->appl) ||
	    snmpoid_is_below(&a->appl, &a->own))
		errx(a->o.usage_status, "--base '%s': applTable is there",
		    text);
}

static void
choose_mib(struct agent *a)
{
	const char *mib = a->o.mib;

	a->has_own = mib == NULL || strcmp(mib, "tftpd") == 0;
	a->has_appl = mib == NULL || strcmp(mib, "appl") == 0;
	if (!a->has_own && !a->has_appl)
		errx(a->o.usage_status, "--mib '%s': expected tftpd or appl",
		    mib);
}

static void
choose_files(struct agent *a)
{
	const struct options *o = &a->o;
	const char *state;
	char text[PATH_MAX + 64];

	if (o->log_count > 1)
		errx(o->usage_status, "'snmp' takes one log; its rotated files "
		    "are found beside it");
	state = command_counted_log(o, a->log);
	/* a log of one's own choice is not what the server counted */
	snmpstore_open(&a->store, state, o->log_count != 0 ? NULL :
	    STATEDIR "/rollup");
	if (o->state == NULL || a->store.is_kept)
		return;
	snprintf(text, sizeof(text), "%s may not be written; counters are "
	    "kept in memory", o->state);
	complain(a, a->told_state, text);
}

int
command_snmp(const struct options *o)
{
	struct agent a = { .o = *o };
	const struct snmptalk_source source = { .arg = &a, .look = look };
	int ret;

	choose_base(&a);
	choose_mib(&a);
	a.age_us = parent_age_us();
	a.born_us = clock_mono_us();
	/* else EPIPE, at which the talk ends */
	(void)signal(SIGPIPE, SIG_IGN);
	a.is_muted = is_answer(STDERR_FILENO);
	if (a.is_muted) {
		openlog("tftpd-stats", LOG_PID, LOG_DAEMON);
		close_answers();
	}
	choose_files(&a);
	ret = snmptalk_serve(STDIN_FILENO, stdout, &source);
	snmptree_free(&a.tree);
	snmpstore_close(&a.store);
	if (ret != 0)
		warnx("standard input: %s", strerror(-ret));
	return ret != 0;
}
