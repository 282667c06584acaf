#include "stats/command.h"
#include "stats/ledger.h"
#include "stats/printer.h"

/* A listing under way. */
struct listing {
	struct printer printer;
	struct recent recent;	/* with -n */
	size_t top;
	uint64_t found;
};

static void
list(struct listing *l, const struct logread *reader)
{
	l->found++;
	if (l->top != 0)
		recent_add(&l->recent, reader->raw, reader->raw_len);
	else
		printer_put(&l->printer, &reader->line.rec, reader->raw,
		    reader->raw_len);
}

/* Returns 0 or -1, as logset_next(). */
static int
list_all(struct logset *set, const struct filter *f, struct listing *l)
{
	struct ledger ledger = { 0 };
	struct logread *reader;
	int ret = 0;

	while (!ferror(stdout) && (ret = logset_next(set, &reader)) == 1)
		if (ledger_takes(&ledger, f, &reader->line.rec))
			list(l, reader);
	ledger_free(&ledger);
	return ret == -1 ? -1 : 0;
}

int
command_log(const struct options *o)
{
	struct filter f = command_window(o);
	struct listing l = { .top = o->top };
	struct logset set;
	int ret;

	if (command_open(o, &f, &set) != 0)
		return 1;
	printer_init(&l.printer, stdout, &o->style, o->has_json);
	if (l.top != 0)
		recent_init(&l.recent, l.top);
	ret = list_all(&set, &f, &l);
	if (l.top != 0)
		recent_print(&l.recent, &l.printer);
	if (ret != 0)
		command_complain(&set);
	else if (l.found == 0)
		command_note_empty(o, &f);
	logset_free(&set);
	return command_finish() != 0 || ret != 0;
}
