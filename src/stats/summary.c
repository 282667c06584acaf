#include <stdlib.h>

#include "stats/aggregate.h"
#include "stats/command.h"
#include "stats/ledger.h"
#include "stats/report.h"

#define DEFAULT_TOP	10

/* Returns 0 or -1, as logset_next(). */
static int
add_up(struct logset *set, const struct filter *f, struct aggregate *a)
{
	struct ledger ledger = { 0 };
	struct logread *reader;
	int ret;

	while ((ret = logset_next(set, &reader)) == 1)
		if (ledger_takes(&ledger, f, &reader->line.rec))
			aggregate_add(a, &reader->line.rec);
	a->open = ledger.open;
	a->since_us = f->since_us;
	a->until_us = f->until_us;
	a->log_files = set->count;
	a->lines = logset_counts(set);
	ledger_free(&ledger);
	return ret;
}

static void
print(const struct options *o, const struct filter *f, struct aggregate *a)
{
	size_t top = o->top != 0 ? o->top : DEFAULT_TOP;

	if (a->until_us > o->now_us)
		a->until_us = o->now_us;
	if (a->requests + a->open == 0)
		command_note_empty(o, f);
	if (o->has_json)
		report_json(stdout, a, top);
	else if (a->requests + a->open != 0)
		report_text(stdout, a, &o->style, top);
}

int
command_summary(const struct options *o)
{
	struct filter f = command_window(o);
	struct aggregate *a;
	struct logset set;
	int ret;

	if (command_open(o, &f, &set) != 0)
		return 1;
	a = aggregate_new();
	ret = add_up(&set, &f, a);
	if (ret == 0)
		print(o, &f, a);
	else
		command_complain(&set);
	aggregate_free(a);
	logset_free(&set);
	return ret == 0 ? command_finish() : 1;
}
