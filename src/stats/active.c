#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "os/clock.h"
#include "stats/active.h"
#include "stats/screen.h"
#include "stats/when.h"

#define LOOK_MS		1000
#define ID_LEN		TRANSLOG_ID_LEN

/* People see the first ones only. */
static const struct table_column columns[] = {
	{ "ID", "id", TABLE_WORD, 6 },
	{ "Client", "client", TABLE_NAME, 0 },
	{ "Op", "op", TABLE_WORD, 3 },
	{ "File", "file", TABLE_NAME, 0 },
	{ "Done", "bytes", TABLE_SIZE, 1 },
	{ "%", "done_permille", TABLE_SHARE, 2 },
	{ "Size", "size", TABLE_SIZE, 4 },
	{ "Rate", "bytes_per_second", TABLE_RATE, 1 },
	{ "Age", "age_us", TABLE_DURATION, 2 },
	{ "Resent", "retransmits", TABLE_COUNT, 5 },
	{ "Port", "client_port", TABLE_COUNT, 7 },
	{ "Server", "server", TABLE_NAME, 7 },
	{ "Blksize", "blksize", TABLE_COUNT, 7 },
	{ "Window", "windowsize", TABLE_COUNT, 7 },
	{ "Quiet", "quiet_us", TABLE_DURATION, 7 },
	{ "Started", "started", TABLE_TIME, 7 },
	{ "PID", "pid", TABLE_COUNT, 7 },
};

#define COLUMNS_ALL	(sizeof(columns) / sizeof(columns[0]))
#define COLUMNS_TEXT	10

/* ---- looking ---------------------------------------------------------- */

int
active_look(struct active *a, const struct options *o,
    const struct filter *f)
{
	int ret = livetab_open(&a->table, o->table);

	a->at_us = clock_real_us();
	a->has_table = ret == 0;
	if (ret == 0) {
		ret = roster_look(&a->roster, &a->table, f);
		livetab_close(&a->table);
	} else if (ret == -ENOENT) {
		roster_free(&a->roster);
		return 0;
	}
	return ret;
}

void
active_complain(const struct options *o, int error)
{
	warnx("%s: %s", o->table, error == -EINVAL ?
	    "no live table, or not one of this version" : strerror(-error));
}

void
active_free(struct active *a)
{
	roster_free(&a->roster);
}

/* ---- rows ------------------------------------------------------------- */

static void
put_known(struct table *t, uint64_t value)
{
	if (value != 0)
		table_number(t, value);
	else
		table_none(t);
}

static void
put_word(struct table *t, const char *text)
{
	if (*text != '\0')
		table_text(t, (const uint8_t *)text, strlen(text));
	else
		table_none(t);
}

static void
put_share(struct table *t, const struct roster_row *row)
{
	if (row->size == 0)
		table_none(t);
	else
		table_number(t, text_permille(row->bytes, row->size));
}

static void
put_shown(struct table *t, const struct roster_row *row)
{
	char id[ID_LEN + 1];

	snprintf(id, sizeof(id), "%016" PRIx64, row->id);
	table_word(t, id);
	put_word(t, row->client);
	table_word(t, translog_op_name(row->op));
	table_text(t, row->file, row->file_len);
	table_number(t, row->bytes);
	put_share(t, row);
	put_known(t, row->size);
	table_number(t, row->rate);
	table_number(t, row->age_us);
	table_number(t, row->retransmits);
}

static void
put_more(struct table *t, const struct roster_row *row)
{
	table_number(t, row->client_port);
	put_word(t, row->server);
	put_known(t, row->blksize);
	put_known(t, row->windowsize);
	if (row->has_answered)
		table_number(t, row->quiet_us);
	else
		table_none(t);
	table_number(t, row->started_us);
	put_known(t, (uint64_t)row->pid);
}

static struct table *
make_table(const struct roster *r, size_t first, size_t max, bool has_all)
{
	struct table *t = table_new(columns,
	    has_all ? COLUMNS_ALL : COLUMNS_TEXT);
	size_t i;

	for (i = first; i < r->count && i - first < max; i++) {
		put_shown(t, &r->rows[i]);
		if (has_all)
			put_more(t, &r->rows[i]);
	}
	return t;
}

struct table *
active_rows(const struct roster *r, size_t max)
{
	return make_table(r, 0, max, false);
}

/* ---- text ------------------------------------------------------------- */

void
active_put_count(FILE *out, const struct roster *r)
{
	char rate[TEXT_NUMBER_MAX];
	uint64_t both = r->rates[TRANSLOG_READ];

	both = both <= UINT64_MAX - r->rates[TRANSLOG_WRITE] ?
	    both + r->rates[TRANSLOG_WRITE] : UINT64_MAX;
	fprintf(out, "%zu transfer%s", r->count, r->count == 1 ? "" : "s");
	if (r->count != 0)
		fprintf(out, ", %" PRIu64 " read, %" PRIu64 " written, %s",
		    r->by_op[TRANSLOG_READ], r->by_op[TRANSLOG_WRITE],
		    text_speed(both, rate));
}

static void
put_head(FILE *out, const struct options *o, const struct active *a)
{
	char at[WHEN_TEXT_MAX];

	when_text(a->at_us, o->style.is_utc, 19, at);
	fprintf(out, "ACTIVE   %s   ", at);
	active_put_count(out, &a->roster);
	if (!a->has_table)
		fputs("   no server has been running", out);
	else if (!a->table.has_keeper)
		fputs("   no server runs now", out);
	fputc('\n', out);
}

/* max: lines for rows; what does not fit is counted in the last one. */
static void
put_text(FILE *out, const struct options *o, const struct active *a,
    size_t max, size_t width)
{
	size_t count = a->roster.count;
	struct table *t;

	put_head(out, o, a);
	if (count == 0)
		return;
	if (max < count && max > 1)
		max--;
	t = active_rows(&a->roster, max);
	fputc('\n', out);
	table_print_text(t, &o->style, width, out);
	table_free(t);
	if (max < count)
		fprintf(out, "... and %zu more\n", count - max);
}

/* ---- JSON ------------------------------------------------------------- */

void
active_head_json(struct json *j, const char *report, const struct active *a)
{
	const struct roster *r = &a->roster;

	json_open(j, NULL, '{');
	json_int(j, "schema", 1);
	json_text(j, "report", report);
	json_time(j, "at", a->at_us);
	json_int(j, "server_runs", a->has_table && a->table.has_keeper);
	json_int(j, "slots", a->has_table ? a->table.slots : 0);
	json_int(j, "running", r->count);
	json_int(j, "reads", r->by_op[TRANSLOG_READ]);
	json_int(j, "writes", r->by_op[TRANSLOG_WRITE]);
	json_int(j, "read_bytes_per_second", r->rates[TRANSLOG_READ]);
	json_int(j, "write_bytes_per_second", r->rates[TRANSLOG_WRITE]);
}

void
active_rows_json(struct json *j, const struct active *a, size_t first,
    size_t max)
{
	struct table *t = make_table(&a->roster, first, max, true);

	table_print_json(t, j, "transfers");
	table_free(t);
}

static void
put_json(FILE *out, const struct active *a, size_t max)
{
	struct json j = { .out = out };

	active_head_json(&j, "active", a);
	active_rows_json(&j, a, 0, max);
	json_close(&j, '}');
	fputc('\n', out);
}

/* ---- once, and again -------------------------------------------------- */

static size_t
most_rows(const struct options *o)
{
	return o->top != 0 ? o->top : SIZE_MAX;
}

static void
note_none(const struct options *o, const struct active *a)
{
	if (!a->has_table)
		warnx("%s: not there: no server has been running", o->table);
	else if (a->roster.count == 0)
		warnx(a->table.has_keeper ? "no such transfer runs now" :
		    "no transfer runs now, and no server");
}

static void
print(const struct options *o, const struct active *a)
{
	struct table *t;

	switch (o->form) {
	case FORM_JSON:
		put_json(stdout, a, most_rows(o));
		break;
	case FORM_CSV:
		t = make_table(&a->roster, 0, most_rows(o), true);
		table_print_csv(t, stdout);
		table_free(t);
		break;
	default:
		if (a->roster.count != 0)
			put_text(stdout, o, a, most_rows(o),
			    table_terminal_width());
	}
}

static int
show_once(const struct options *o)
{
	struct active a = { .has_table = false };
	int ret = active_look(&a, o, &o->filter);

	if (ret != 0) {
		active_free(&a);
		active_complain(o, ret);
		return 1;
	}
	print(o, &a);
	note_none(o, &a);
	active_free(&a);
	return command_finish();
}

static void
put_frame(const struct screen *s, const struct options *o,
    const struct active *a)
{
	/* of the screen: the head, an empty line, the titles */
	size_t max = s->rows > 4 ? s->rows - 3 : 1;

	if (o->form == FORM_JSON) {
		put_json(s->out, a, most_rows(o));
	} else if (!s->is_live) {
		put_text(s->out, o, a, most_rows(o), 0);
		fputc('\n', s->out);
	} else {
		if (o->top != 0 && o->top < max)
			max = o->top;
		put_text(s->out, o, a, max, s->columns);
	}
}

static int
watch(const struct options *o)
{
	struct active a = { .has_table = false };
	struct screen *s;
	int ret = active_look(&a, o, &o->filter), status = 0;

	if (ret != 0)
		goto out;
	s = screen_open(o->form == FORM_TEXT);
	while (ret == 0) {
		put_frame(s, o, &a);
		if (!screen_show(s) || !screen_wait(s, LOOK_MS))
			break;
		if (s->is_time)
			ret = active_look(&a, o, &o->filter);
	}
	status = screen_close(s);
out:
	active_free(&a);
	if (ret != 0)
		active_complain(o, ret);
	return status != 0 || ret != 0;
}

int
command_active(const struct options *o)
{
	if (!o->is_watched)
		return show_once(o);
	if (o->form == FORM_CSV)
		errx(2, "active -w has no --csv");
	return watch(o);
}
