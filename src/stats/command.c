#include <err.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stats/command.h"
#include "stats/rollup.h"
#include "stats/when.h"

#define DAY_US	(UINT64_C(86400) * 1000000)
#define AHEAD_US	(UINT64_C(60) * 1000000)	/* set back a bit */

uint64_t
command_until(const struct options *o)
{
	uint64_t latest = o->now_us + AHEAD_US;

	return o->filter.until_us == UINT64_MAX ? latest : o->filter.until_us;
}

struct filter
command_window(const struct options *o)
{
	struct filter f = o->filter;
	uint64_t until = f.until_us < o->now_us ? f.until_us : o->now_us;

	f.until_us = command_until(o);
	if (!o->has_since)
		f.since_us = until > DAY_US ? until - DAY_US : 0;
	return f;
}

void
command_default_log(const struct options *o, char out[static LIVE_PATH_MAX])
{
	const char *fallback = LOGDIR "/transfers.jsonl";
	char kept[PATH_MAX];

	if (o->log != NULL) {
		snprintf(out, LIVE_PATH_MAX, "%s", o->log);
		return;
	}
	if (o->state != NULL && rollup_get_log(o->state, kept) &&
	    strlen(kept) < LIVE_PATH_MAX)
		fallback = kept;
	logset_default_path(o->table, fallback, out);
}

void
command_complain(const struct logset *set)
{
	const char *advice = "";

	if (strcmp(set->reason, strerror(EACCES)) == 0)
		advice = "; try it as root, or as a member of its group";
	else if (strcmp(set->reason, strerror(ENOENT)) == 0)
		advice = "; nothing was served yet, or the log is elsewhere "
		    "(-l)";
	warnx("%s: %s%s", set->bad_path, set->reason, advice);
}

int
command_open(const struct options *o, const struct filter *f,
    struct logset *set)
{
	char path[LIVE_PATH_MAX];
	int ret;

	if (o->log_count != 0) {
		ret = logset_open(set, o->logs, o->log_count);
	} else {
		command_default_log(o, path);
		/* then a log of another place is not found */
		if (o->log == NULL && access(o->table, R_OK) == -1 &&
		    errno == EACCES)
			warnx("%s: %s; it tells where the log is", o->table,
			    strerror(errno));
		ret = logset_open_rotated(set, path, f->since_us);
	}
	if (ret != 0) {
		command_complain(set);
		logset_free(set);
	}
	return ret;
}

void
command_note_empty(const struct options *o, const struct filter *f)
{
	char since[WHEN_TEXT_MAX], until[WHEN_TEXT_MAX] = "now";

	when_text(f->since_us, o->style.is_utc, 19, since);
	if (f->until_us <= o->now_us)
		when_text(f->until_us, o->style.is_utc, 19, until);
	warnx("no such transfers from %s to %s", since, until);
}

int
command_finish(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	if (errno == EPIPE || (poll(&out, 1, 0) == 1 &&
	    out.revents & (POLLERR | POLLHUP)))
		return 0;
	warn("standard output");
	return 1;
}
