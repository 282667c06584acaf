#include <err.h>
#include <string.h>

#include "stats/aggregate.h"
#include "stats/command.h"
#include "stats/livetab.h"
#include "stats/report.h"
#include "stats/scan.h"

#define DEFAULT_TOP	10
/* A longer window is shown by days. */
#define HOURS_MAX_US	(UINT64_C(49) * 3600 * 1000000)

/* What a summary adds up. */
struct summary {
	struct aggregate *aggregate;
	struct calendar calendar;
	struct problems problems;
	struct hints hints;
	bool has_hints;
};

static void
add(void *arg, const struct translog_record *rec)
{
	struct summary *s = arg;

	aggregate_add(s->aggregate, rec);
	calendar_add(&s->calendar, rec);
	problems_add(&s->problems, rec);
	if (s->has_hints)
		hints_add(&s->hints, rec);
}

static void
init(struct summary *s, const struct options *o, const struct filter *f)
{
	uint64_t until_us = f->until_us < o->now_us ? f->until_us : o->now_us;

	s->aggregate = aggregate_new();
	calendar_init(&s->calendar, f->since_us < until_us &&
	    until_us - f->since_us > HOURS_MAX_US ? CALENDAR_DAY :
	    CALENDAR_HOUR, o->style.is_utc);
	problems_init(&s->problems);
	hints_init(&s->hints);
	s->has_hints = hints_can(f);
	s->aggregate->calendar = &s->calendar;
	s->aggregate->problems = &s->problems;
	if (s->has_hints)
		s->aggregate->hints = &s->hints;
}

static void
destroy(struct summary *s)
{
	aggregate_free(s->aggregate);
	calendar_free(&s->calendar);
	problems_free(&s->problems);
	hints_free(&s->hints);
}

/* Who runs now, if the report is about that. */
static void
look_at_table(struct aggregate_now *now, const struct options *o,
    const struct filter *f)
{
	uint64_t by_op[3] = { 0 };
	struct livetab table;
	int64_t count;

	if (f->until_us < o->now_us || filter_is_about_transfers(f) ||
	    (o->log_count != 0 && strcmp(o->table, RUNDIR "/live") == 0) ||
	    livetab_open(&table, o->table) != 0)
		return;
	count = livetab_count(&table, by_op);
	livetab_close(&table);
	if (count < 0)
		return;
	*now = (struct aggregate_now){
		.is_known = true, .active = (uint64_t)count,
		.reads = by_op[TRANSLOG_READ], .writes = by_op[TRANSLOG_WRITE]
	};
}

static void
print(const struct options *o, const struct filter *f,
    const struct aggregate *a)
{
	size_t top = o->top != 0 ? o->top : DEFAULT_TOP;

	if (a->files.rest.requests + a->clients.rest.requests != 0)
		warnx("too many names: the tables don't have all");
	if (a->requests + a->open == 0)
		command_note_empty(o, f);
	if (o->form == FORM_JSON)
		report_json(stdout, a, top);
	else if (o->form == FORM_CSV)
		report_csv(stdout, a);
	else if (a->requests + a->open != 0)
		report_text(stdout, a, &o->style, top);
}

int
command_summary(const struct options *o)
{
	struct filter f = command_window(o);
	struct summary s;
	const struct scan_handler handler = { .arg = &s, .on_end = add };
	struct scan_result result;
	int ret;

	init(&s, o, &f);
	ret = scan_run(o, &f, &handler, &result);
	if (ret == 0) {
		s.aggregate->since_us = result.since_us;
		s.aggregate->until_us = result.until_us;
		s.aggregate->open = result.open;
		s.aggregate->log_files = result.log_files;
		s.aggregate->log_bytes = result.log_bytes;
		s.aggregate->read_bytes = result.read_bytes;
		s.aggregate->lines = result.lines;
		look_at_table(&s.aggregate->now, o, &f);
		print(o, &f, s.aggregate);
	}
	destroy(&s);
	return ret == 0 ? command_finish() : 1;
}
