#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stats/snmpstore.h"
#include "stats/sum.h"

#define NUMBERS		(sizeof(struct rollup_counters) / sizeof(uint64_t))

_Static_assert(sizeof(struct rollup_counters) % sizeof(uint64_t) == 0,
    "nothing but numbers");

static bool
join(char out[static PATH_MAX], const char *path, const char *suffix)
{
	return snprintf(out, PATH_MAX, "%s%s", path, suffix) < PATH_MAX;
}

/* ---- beginning ------------------------------------------------------- */

/* Whether the state can be carried forward where it stands. */
static bool
may_write(const char *path)
{
	const char *slash = strrchr(path, '/');
	char name[PATH_MAX];
	struct stat st;

	if (!join(name, path, ".lock"))
		return false;
	if (access(name, R_OK | W_OK) == -1 && errno != ENOENT)
		return false;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return false;
	snprintf(name, sizeof(name), "%.*s", slash == NULL ? 0 :
	    (int)(slash - path) + 1, path);
	if (name[0] == '\0')
		strcpy(name, ".");
	/* as the roll-up makes its own folder */
	(void)mkdir(name, 0755);
	return access(name, W_OK | X_OK) == 0;
}

void
snmpstore_open(struct snmpstore *s, const char *state, const char *seed)
{
	*s = (struct snmpstore){ .state = NULL };
	if (state == NULL || !join(s->path, state, ""))
		s->path[0] = '\0';
	s->is_kept = s->path[0] != '\0' && may_write(s->path);
	if (s->is_kept && seed != NULL)
		rollup_plant(s->path, seed);
	else if (!s->is_kept)
		s->state = rollup_new(access(s->path, R_OK) == 0 ? s->path :
		    seed);
}

void
snmpstore_close(struct snmpstore *s)
{
	if (s->state != NULL)
		rollup_free(s->state);
	s->state = NULL;
}

/* ---- never less ------------------------------------------------------ */

static void
never_fall(struct snmpstore *s, struct rollup_counters *k)
{
	const uint64_t *last = (const uint64_t *)&s->last.counters;
	uint64_t *lost = (uint64_t *)&s->lost, *now = (uint64_t *)k;
	const struct rollup_counters raw = *k, was = s->shown;
	unsigned class;
	size_t i;

	for (i = 0; i < NUMBERS; i++) {
		if (s->has_last && now[i] < last[i])
			sum_add(&lost[i], last[i] - now[i]);
		sum_add(&now[i], lost[i]);
	}
	/* times are no sums */
	for (class = 0; class < OUTCOME_CLASS_COUNT; class++)
		k->last_us[class] = raw.last_us[class] > was.last_us[class] ?
		    raw.last_us[class] : was.last_us[class];
	k->since_us = s->has_last ? was.since_us : raw.since_us;
	s->shown = *k;
}

void
snmpstore_collect(struct snmpstore *s, const char *table, const char *log,
    struct prometheus_facts *f)
{
	struct rollup_report raw;

	if (s->is_kept)
		prometheus_collect(table, s->path, log, f);
	else
		prometheus_collect_on(table, s->state, log, f);
	raw = f->rollup;
	never_fall(s, &f->rollup.counters);
	s->last = raw;
	s->has_last = true;
}
