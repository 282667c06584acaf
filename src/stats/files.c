#include <stdlib.h>
#include <string.h>

#include "stats/keyed.h"
#include "stats/latest.h"
#include "stats/scan.h"
#include "stats/sum.h"
#include "stats/table.h"

#define FILES_MAX	((size_t)1 << 17)
#define CLIENTS_MAX	((size_t)1 << 18)	/* of all files */

struct file {
	uint64_t requests, bytes, clients;
	uint64_t classes[OUTCOME_CLASS_COUNT];
	uint64_t success_bytes, success_us;
	struct latest latest;		/* with its client */
};

struct files {
	struct keyed names;		/* struct file */
	struct keyed clients;		/* file's address and client */
};

static const struct table_column columns[] = {
	{ "File", "file", TABLE_NAME, 0 },
	{ "Requests", "requests", TABLE_COUNT, 0 },
	{ "Success", "success", TABLE_COUNT, 3 },
	{ "Neutral", "neutral", TABLE_COUNT, 6 },
	{ "Refused", "refused", TABLE_COUNT, 1 },
	{ "Failed", "failure", TABLE_COUNT, 0 },
	{ "Clients", "clients", TABLE_COUNT, 2 },
	{ "Bytes", "bytes", TABLE_SIZE, 1 },
	{ "Mean", "duration_mean_us", TABLE_DURATION, 5 },
	{ "Rate", "bytes_per_second", TABLE_RATE, 4 },
	{ "Last", "last", TABLE_TIME, 2 },
	{ "Outcome", "last_outcome", TABLE_WORD, 5 },
	{ "Last client", "last_client", TABLE_WORD, 6 },
};

static void
add_client(struct files *f, struct file *file, const char *client)
{
	struct {
		struct file *file;
		char client[TRANSLOG_ADDR_MAX];
	} name = { .file = file };
	size_t before = f->clients.used;

	strcpy(name.client, client);
	keyed_of(&f->clients, &name, sizeof(name.file) + strlen(client));
	file->clients += f->clients.used - before;
}

static void
add(void *arg, const struct translog_record *rec)
{
	struct files *f = arg;
	enum outcome_class of_class = outcome_class(rec->outcome);
	uint64_t bytes = sum_number(rec, TRANSLOG_BYTES);
	struct file *file;

	if (rec->file.buf == NULL)
		return;
	file = keyed_of(&f->names, rec->file.buf, rec->file.len);
	if (file == NULL)
		return;
	file->requests++;
	file->classes[of_class]++;
	sum_add(&file->bytes, bytes);
	if (of_class == OUTCOME_CLASS_SUCCESS) {
		sum_add(&file->success_bytes, bytes);
		sum_add(&file->success_us, sum_number(rec,
		    TRANSLOG_DURATION_US));
	}
	if (rec->client[0] != '\0')
		add_client(f, file, rec->client);
	latest_note_client(&file->latest, rec);
}

static int
by_requests(const void *a, const void *b, void *names)
{
	const struct file *x = *(struct file *const *)a;
	const struct file *y = *(struct file *const *)b;

	if (x->requests != y->requests)
		return x->requests < y->requests ? 1 : -1;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return keyed_compare_names(names, x, y);
}

static void
put_row(struct table *t, const struct keyed *names, const struct file *file)
{
	uint64_t success = file->classes[OUTCOME_CLASS_SUCCESS];
	const uint8_t *name;
	size_t i, len;

	name = keyed_name(names, file, &len);
	table_text(t, name, len);
	table_number(t, file->requests);
	for (i = 0; i < OUTCOME_CLASS_COUNT; i++)
		table_number(t, file->classes[i]);
	table_number(t, file->clients);
	table_number(t, file->bytes);
	if (success == 0)
		table_none(t);
	else
		table_number(t, file->success_us / success);
	table_rate(t, file->success_bytes, file->success_us);
	latest_put(&file->latest, t);
}

static void
print(const struct options *o, const struct files *f,
    const struct scan_result *result)
{
	struct table *t = table_new(columns, TABLE_LENGTH(columns));
	const struct table_fact left_out = { "left_out", f->names.left_out };
	const struct table_about about = {
		.report = "files", .title = "TFTP files", .rows = "files",
		.facts = &left_out, .fact_count = 1
	};
	void **list = keyed_sorted(&f->names, by_requests);
	size_t i;

	for (i = 0; i < f->names.used && (o->top == 0 || i < o->top); i++)
		put_row(t, &f->names, list[i]);
	free(list);
	table_report(t, o, &about, result);
	table_free(t);
}

static void
free_files(struct files *f)
{
	struct file *file;
	size_t at = 0;

	while ((file = keyed_next(&f->names, &at)) != NULL)
		latest_free(&file->latest);
	keyed_free(&f->names);
	keyed_free(&f->clients);
}

int
command_files(const struct options *o)
{
	struct filter f = command_window(o);
	struct files files;
	const struct scan_handler handler = {
		.arg = &files, .on_end = add
	};
	struct scan_result result;
	int ret;

	keyed_init(&files.names, sizeof(struct file), FILES_MAX);
	keyed_init(&files.clients, 0, CLIENTS_MAX);
	ret = scan_run(o, &f, &handler, &result);
	if (ret == 0)
		print(o, &files, &result);
	free_files(&files);
	return ret == 0 ? command_finish() : 1;
}
