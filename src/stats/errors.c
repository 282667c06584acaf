#include <stdlib.h>

#include "stats/problems.h"
#include "stats/scan.h"
#include "stats/table.h"

static const struct table_column columns[] = {
	{ "Outcome", "outcome", TABLE_WORD, 0 },
	{ "Count", "count", TABLE_COUNT, 0 },
	{ "Clients", "clients", TABLE_COUNT, 2 },
	{ "Code", "error_code", TABLE_COUNT, 4 },
	{ "By", "error_by", TABLE_WORD, 4 },
	{ "Message", "message", TABLE_NAME, 0 },
	{ NULL, "first", TABLE_TIME, 0 },
	{ "Last", "last", TABLE_TIME, 1 },
	{ "Last file", "last_file", TABLE_NAME, 3 },
	{ "Last client", "last_client", TABLE_WORD, 5 },
};

static void
add(void *arg, const struct translog_record *rec)
{
	problems_add(arg, rec);
}

static void
put_word(struct table *t, const char *word)
{
	if (*word == '\0')
		table_none(t);
	else
		table_word(t, word);
}

static void
put_row(struct table *t, const struct problems *p,
    const struct problem *problem)
{
	table_word(t, outcome_name(problem->outcome));
	table_number(t, problem->count);
	table_number(t, problem->clients);
	if (problem->error_code < 0)
		table_none(t);
	else
		table_number(t, (uint64_t)problem->error_code);
	put_word(t, problem->error_by);
	if (problem->message_len == 0)
		table_none(t);
	else
		table_text(t, problems_message(p, problem),
		    problem->message_len);
	table_number(t, problem->first_us);
	table_number(t, problem->last_us);
	if (problem->last_file == NULL)
		table_none(t);
	else
		table_text(t, problem->last_file, problem->last_file_len);
	put_word(t, problem->last_client);
}

static void
print(const struct options *o, const struct problems *p,
    const struct scan_result *result)
{
	struct table *t = table_new(columns, TABLE_LENGTH(columns));
	const struct table_fact left_out = { "left_out", p->left_out };
	const struct table_about about = {
		.report = "errors", .title = "TFTP errors", .rows = "errors",
		.facts = &left_out, .fact_count = 1,
		.none = "no errors"
	};
	struct problem **list;
	size_t i, count;

	list = problems_list(p, &count);
	for (i = 0; i < count && (o->top == 0 || i < o->top); i++)
		put_row(t, p, list[i]);
	free(list);
	table_report(t, o, &about, result);
	table_free(t);
}

int
command_errors(const struct options *o)
{
	struct filter f = command_window(o);
	struct problems problems;
	const struct scan_handler handler = {
		.arg = &problems, .on_end = add
	};
	struct scan_result result;
	int ret;

	problems_init(&problems);
	ret = scan_run(o, &f, &handler, &result);
	if (ret == 0)
		print(o, &problems, &result);
	problems_free(&problems);
	return ret == 0 ? command_finish() : 1;
}
