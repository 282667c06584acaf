#include <stdio.h>

#include "stats/command.h"
#include "stats/printer.h"
#include "stats/scan.h"

/* A listing under way. */
struct listing {
	struct printer printer;
	struct recent recent;	/* with -n */
	size_t top;
};

static void
list(void *arg, const struct translog_record *rec, const char *raw,
    size_t len)
{
	struct listing *l = arg;

	if (l->top != 0)
		recent_add(&l->recent, raw, len);
	else if (!ferror(stdout))
		printer_put(&l->printer, rec, raw, len);
}

int
command_log(const struct options *o)
{
	struct filter f = command_window(o);
	struct listing l = { .top = o->top };
	const struct scan_handler handler = { .arg = &l, .on_line = list };
	struct scan_result result;
	int ret;

	printer_init(&l.printer, stdout, &o->style, o->form == FORM_JSON);
	if (l.top != 0)
		recent_init(&l.recent, l.top);
	if (o->form == FORM_CSV)
		printer_use_csv(&l.printer);
	ret = scan_run(o, &f, &handler, &result);
	if (l.top != 0)
		recent_print(&l.recent, &l.printer);
	printer_free(&l.printer);
	if (ret == 0 && result.ends == 0)
		command_note_empty(o, &f);
	return command_finish() != 0 || ret != 0;
}
