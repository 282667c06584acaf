#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stats/bootlog.h"
#include "stats/scan.h"
#include "stats/table.h"
#include "stats/when.h"

#define INDENT		"    "
#define INDENT_COLUMNS	4
#define ARROW_COLUMNS	2	/* with the space before it */
#define VERDICT_GAP	3	/* one less behind "files" */
#define TAIL_MAX	96	/* what follows a name */
#define NAME_WIDTH_LEAST 8	/* however narrow the terminal */
#define WIDTH_DEFAULT	100

/* A report under way. */
struct boots {
	const struct options *o;
	size_t width;		/* columns of the terminal, 0: none */
	struct bootlog log;
	struct scan_result result;
	const struct bootlog_boot *first;	/* the first one of -n */
	uint64_t verdicts[BOOTLOG_RUNNING + 1];
};

static void
on_start(void *arg, const struct translog_record *rec)
{
	struct boots *b = arg;

	bootlog_start(&b->log, rec);
}

static void
on_end(void *arg, const struct translog_record *rec)
{
	struct boots *b = arg;

	bootlog_end(&b->log, rec);
}

/* Columns that are left for a name beside others; SIZE_MAX: no terminal. */
static size_t
room_beside(const struct boots *b, size_t used)
{
	if (b->width == 0)
		return SIZE_MAX;
	return b->width > used + NAME_WIDTH_LEAST ? b->width - used :
	    NAME_WIDTH_LEAST;
}

/* These put something and return its columns. */
static size_t
put_text(FILE *out, const char *text)
{
	fputs(text, out);
	return strlen(text);
}

static size_t
put_name(const struct boots *b, FILE *out, const struct bootlog_file *file,
    size_t width)
{
	size_t len;
	const uint8_t *name = bootlog_name(&b->log, file, &len);

	if (file == NULL)
		return put_text(out, "(a name too many)");
	return text_put_short(out, &b->o->style, name, len, width);
}

/* " 42.4 kB 12.3 ms", " (timeout at 63 %)" */
static const char *
end_text(const struct bootlog_step *step, char out[static TAIL_MAX])
{
	char bytes[TEXT_NUMBER_MAX], took[TEXT_NUMBER_MAX];

	if (outcome_class(step->outcome) == OUTCOME_CLASS_SUCCESS)
		snprintf(out, TAIL_MAX, " %s %s",
		    text_bytes(step->bytes, bytes),
		    text_duration(step->took_us, took));
	else if (bootlog_is_part(step))
		snprintf(out, TAIL_MAX, " (%s at %u %%)",
		    outcome_name(step->outcome),
		    bootlog_done_permille(step) / 10);
	else
		snprintf(out, TAIL_MAX, " (%s)", outcome_name(step->outcome));
	return out;
}

/* " (probed)", " (4 requests, timeout before)" */
static const char *
tries_text(const struct bootlog_step *step, char out[static TAIL_MAX])
{
	bool is_probed = step->probes != 0 && step->kind == BOOTLOG_FETCH;
	bool has_before = step->before != OUTCOME_NONE &&
	    step->before != step->outcome;

	out[0] = '\0';
	if (step->requests > step->probes + 1)
		snprintf(out, TAIL_MAX, " (%" PRIu32 " requests%s%s%s)%s",
		    step->requests, has_before ? ", " : "",
		    has_before ? outcome_name(step->before) : "",
		    has_before ? " before" : "",
		    is_probed ? " (probed)" : "");
	else if (is_probed)
		snprintf(out, TAIL_MAX, " (probed)");
	return out;
}

static size_t
put_step(const struct boots *b, FILE *out, const struct bootlog_step *step)
{
	char end[TAIL_MAX], tries[TAIL_MAX];
	size_t columns;
	int n;

	if (step->kind == BOOTLOG_WALK && step->names > 1) {
		n = fprintf(out, "walked %" PRIu32 " names", step->names);
		return n < 0 ? 0 : (size_t)n;
	}
	end_text(step, end);
	tries_text(step, tries);
	columns = put_name(b, out, step->file, room_beside(b, INDENT_COLUMNS +
	    strlen(end) + strlen(tries) + ARROW_COLUMNS));
	columns += put_text(out, end);
	return columns + put_text(out, tries);
}

/* Text whose columns must be known before it is printed. */
struct draft {
	FILE *out;
	char *text;
	size_t size;
};

static void
draft_open(struct draft *d)
{
	*d = (struct draft){ 0 };
	d->out = open_memstream(&d->text, &d->size);
	if (d->out == NULL)
		err(1, NULL);
}

static void
draft_close(struct draft *d)
{
	if (fclose(d->out) != 0)
		err(1, NULL);
}

/* A line that is filled up to the terminal's width. */
struct filling {
	size_t column, width;
	const char *arrow;
	bool is_first;
};

static void
fill(struct filling *f, const char *text, size_t columns)
{
	if (f->is_first) {
		fputs(INDENT, stdout);
		f->column = INDENT_COLUMNS;
	} else if (f->column + 1 + 2 * ARROW_COLUMNS + columns > f->width) {
		printf(" %s\n" INDENT, f->arrow);
		f->column = INDENT_COLUMNS;
	} else {
		printf(" %s ", f->arrow);
		f->column += ARROW_COLUMNS + 1;
	}
	fputs(text, stdout);
	f->column += columns;
	f->is_first = false;
}

static void
fill_step(const struct boots *b, struct filling *f,
    const struct bootlog_step *step)
{
	struct draft d;
	size_t columns;

	draft_open(&d);
	columns = put_step(b, d.out, step);
	draft_close(&d);
	fill(f, d.text, columns);
	free(d.text);
}

static void
print_steps(const struct boots *b, const struct bootlog_boot *boot)
{
	struct filling f = {
		.width = b->width != 0 ? b->width : WIDTH_DEFAULT,
		.arrow = b->o->style.is_utf8 ? "\xe2\x86\x92" : ">",
		.is_first = true
	};
	char cut[64];
	uint32_t i;

	for (i = 0; i < boot->count; i++) {
		if (boot->cut != 0 && i == BOOTLOG_BOOT_STEPS / 2) {
			snprintf(cut, sizeof(cut), "(%" PRIu32 " steps)",
			    boot->cut);
			fill(&f, cut, strlen(cut));
		}
		fill_step(b, &f, &boot->steps[i]);
	}
	if (!f.is_first)
		putchar('\n');
}

/* What, and a name that leaves room for what follows it. */
static size_t
put_ended(const struct boots *b, FILE *out, const char *what,
    const struct bootlog_file *file, const char *end)
{
	size_t columns = put_text(out, what);

	columns += put_name(b, out, file, room_beside(b, INDENT_COLUMNS +
	    columns + strlen(end)));
	return columns + put_text(out, end);
}

static size_t
put_missed(const struct boots *b, FILE *out, const struct bootlog_boot *boot)
{
	static const char after[] = "stopped after ";
	static const char others[] = ": others went on to ";
	size_t columns, width;

	width = room_beside(b, INDENT_COLUMNS + sizeof(after) - 1 +
	    sizeof(others) - 1) / 2;
	columns = put_text(out, after);
	columns += put_name(b, out, boot->last->file, width);
	columns += put_text(out, others);
	return columns + put_name(b, out, boot->missed, width);
}

static size_t
put_verdict(const struct boots *b, FILE *out, const struct bootlog_boot *boot)
{
	char end[TAIL_MAX];

	switch (boot->verdict) {
	case BOOTLOG_STOPPED:
		if (boot->missed != NULL)
			return put_missed(b, out, boot);
		if (boot->has_open)
			return put_ended(b, out, "stopped at ",
			    boot->open_file, " (no end in the log)");
		return put_ended(b, out, "stopped at ", boot->last->last,
		    end_text(boot->last, end));
	case BOOTLOG_NOTHING:
		return put_text(out, boot->last == NULL ? "only probed" :
		    "nothing found");
	case BOOTLOG_RUNNING:
		return put_ended(b, out, "no end yet: ", boot->open_file, "");
	default:
		return put_text(out, "complete chain");
	}
}

/* Behind so many columns, or below them. */
static void
print_verdict(const struct boots *b, const struct bootlog_boot *boot,
    size_t used)
{
	const struct text_style *style = &b->o->style;
	enum text_colour colour = boot->verdict == BOOTLOG_STOPPED ?
	    TEXT_RED : boot->verdict == BOOTLOG_NOTHING ? TEXT_YELLOW :
	    TEXT_PLAIN;
	struct draft d;
	size_t columns;

	draft_open(&d);
	columns = put_verdict(b, d.out, boot);
	draft_close(&d);
	if (b->width == 0 || used + VERDICT_GAP + columns <= b->width)
		printf("%*s", boot->files == 1 ? VERDICT_GAP :
		    VERDICT_GAP - 1, "");
	else
		fputs("\n" INDENT, stdout);
	printf("%s%s%s\n", text_colour(style, colour), d.text,
	    text_colour_end(style, colour));
	free(d.text);
}

static void
print_boot(const struct boots *b, const struct bootlog_boot *boot,
    size_t client_width)
{
	char begin[WHEN_TEXT_MAX], took[TEXT_NUMBER_MAX], line[128];
	const uint8_t *client;
	size_t len, columns, width;

	when_text(boot->begin_us, b->o->style.is_utc, 19, begin);
	snprintf(line, sizeof(line), "  %s  %12s  %3" PRIu64 " file%s", begin,
	    text_duration(boot->end_us - boot->begin_us, took), boot->files,
	    boot->files == 1 ? "" : "s");
	width = room_beside(b, strlen(line) + (boot->files == 1));
	width = client_width < width ? client_width : width;
	client = bootlog_client(&b->log, boot, &len);
	columns = text_put_short(stdout, &b->o->style, client, len, width);
	printf("%*s%s", (int)(width - columns), "", line);
	print_verdict(b, boot, width + strlen(line));
	print_steps(b, boot);
}

static void
print_cut(const struct boots *b)
{
	if (b->log.boots_cut != 0)
		printf("  %" PRIu64 " older boots were dropped; --since and "
		    "--client choose\n",
		    b->log.boots_cut);
	if (b->log.clients.left_out != 0)
		printf("  %" PRIu64 " records of more than %zu clients were "
		    "left out\n", b->log.clients.left_out,
		    b->log.clients.max);
}

static void
print_text(const struct boots *b)
{
	const struct bootlog_boot *boot;
	const uint8_t *client;
	size_t len, columns, width = 0;

	scan_head_text(stdout, "TFTP boots", &b->result, &b->o->style);
	printf("  Boots %zu  complete %" PRIu64 "  stopped %" PRIu64
	    "  nothing found %" PRIu64 "  running %" PRIu64 "\n",
	    b->log.boots, b->verdicts[BOOTLOG_COMPLETE],
	    b->verdicts[BOOTLOG_STOPPED], b->verdicts[BOOTLOG_NOTHING],
	    b->verdicts[BOOTLOG_RUNNING]);
	print_cut(b);
	putchar('\n');
	for (boot = b->first; boot != NULL; boot = boot->next) {
		client = bootlog_client(&b->log, boot, &len);
		columns = text_columns(&b->o->style, client, len);
		width = columns > width ? columns : width;
	}
	for (boot = b->first; boot != NULL; boot = boot->next)
		print_boot(b, boot, width);
}

static void
json_file(const struct boots *b, struct json *j, const char *key,
    const char *hex_key, const struct bootlog_file *file)
{
	size_t len;
	const uint8_t *name = bootlog_name(&b->log, file, &len);

	if (file != NULL)
		json_bytes(j, key, hex_key, name, len);
}

static void
json_step(const struct boots *b, struct json *j,
    const struct bootlog_step *step)
{
	json_open(j, NULL, '{');
	json_text(j, "step", bootlog_kind_name(step->kind));
	json_file(b, j, "file", "file_hex", step->file);
	if (step->kind == BOOTLOG_WALK) {
		json_file(b, j, "last_file", "last_file_hex", step->last);
		json_int(j, "names", step->names);
	}
	json_text(j, "outcome", outcome_name(step->outcome));
	if (step->before != OUTCOME_NONE)
		json_text(j, "outcome_before", outcome_name(step->before));
	json_int(j, "requests", step->requests);
	json_int(j, "probes", step->probes);
	json_time(j, "begin", step->begin_us);
	json_time(j, "end", step->end_us);
	json_int(j, "duration_us", step->took_us);
	json_int(j, "bytes", step->bytes);
	if (step->size != 0)
		json_int(j, "size", step->size);
	json_close(j, '}');
}

static void
json_verdict(const struct boots *b, struct json *j,
    const struct bootlog_boot *boot)
{
	json_text(j, "outcome", bootlog_verdict_name(boot->verdict));
	if (boot->verdict == BOOTLOG_RUNNING)
		json_file(b, j, "running", "running_hex", boot->open_file);
	if (boot->verdict != BOOTLOG_STOPPED)
		return;
	if (boot->has_open) {
		json_file(b, j, "stopped_at", "stopped_at_hex",
		    boot->open_file);
		json_text(j, "reason", "no_end");
		return;
	}
	json_file(b, j, "stopped_at", "stopped_at_hex", boot->last->last);
	json_text(j, "reason", boot->missed != NULL ? "others_went_on" :
	    outcome_name(boot->last->outcome));
	json_file(b, j, "others_went_on_to", "others_went_on_to_hex",
	    boot->missed);
	if (bootlog_is_part(boot->last))
		json_int(j, "done_permille",
		    bootlog_done_permille(boot->last));
}

static void
json_boot(const struct boots *b, struct json *j,
    const struct bootlog_boot *boot)
{
	const uint8_t *client;
	size_t len;
	uint32_t i;

	client = bootlog_client(&b->log, boot, &len);
	json_open(j, NULL, '{');
	json_bytes(j, "client", "client_hex", client, len);
	json_time(j, "begin", boot->begin_us);
	json_time(j, "end", boot->end_us);
	json_int(j, "duration_us", boot->end_us - boot->begin_us);
	json_int(j, "files", boot->files);
	json_int(j, "bytes", boot->bytes);
	json_verdict(b, j, boot);
	json_int(j, "steps_cut", boot->cut);
	json_open(j, "steps", '[');
	for (i = 0; i < boot->count; i++)
		json_step(b, j, &boot->steps[i]);
	json_close(j, ']');
	json_close(j, '}');
}

static void
print_json(const struct boots *b)
{
	const struct bootlog_boot *boot;
	struct json j = { .out = stdout };

	scan_head_json(&j, "boots", &b->result);
	json_int(&j, "boot_count", b->log.boots);
	json_int(&j, "complete", b->verdicts[BOOTLOG_COMPLETE]);
	json_int(&j, "stopped", b->verdicts[BOOTLOG_STOPPED]);
	json_int(&j, "nothing", b->verdicts[BOOTLOG_NOTHING]);
	json_int(&j, "running", b->verdicts[BOOTLOG_RUNNING]);
	json_int(&j, "boots_cut", b->log.boots_cut);
	json_int(&j, "records_left_out", b->log.clients.left_out);
	json_open(&j, "boots", '[');
	for (boot = b->first; boot != NULL; boot = boot->next)
		json_boot(b, &j, boot);
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

static const struct table_column step_columns[] = {
	{ "Boot", "boot", TABLE_COUNT, 0 },
	{ "Client", "client", TABLE_NAME, 0 },
	{ "Boot's begin", "boot_begin", TABLE_TIME, 0 },
	{ "Boot", "boot_outcome", TABLE_WORD, 0 },
	{ "Step", "step_number", TABLE_COUNT, 0 },
	{ "Kind", "step", TABLE_WORD, 0 },
	{ "File", "file", TABLE_NAME, 0 },
	{ "Outcome", "outcome", TABLE_WORD, 0 },
	{ "Requests", "requests", TABLE_COUNT, 0 },
	{ "Probes", "probes", TABLE_COUNT, 0 },
	{ "Names", "names", TABLE_COUNT, 0 },
	{ "Begin", "begin", TABLE_TIME, 0 },
	{ "End", "end", TABLE_TIME, 0 },
	{ "Duration", "duration_us", TABLE_DURATION, 0 },
	{ "Bytes", "bytes", TABLE_SIZE, 0 },
	{ "Size", "size", TABLE_SIZE, 0 },
};

static void
csv_step(const struct boots *b, struct table *t, uint64_t number,
    const struct bootlog_boot *boot, uint32_t at)
{
	const struct bootlog_step *step = &boot->steps[at];
	const uint8_t *name;
	size_t len;

	table_number(t, number);
	name = bootlog_client(&b->log, boot, &len);
	table_text(t, name, len);
	table_number(t, boot->begin_us);
	table_word(t, bootlog_verdict_name(boot->verdict));
	table_number(t, at + 1);
	table_word(t, bootlog_kind_name(step->kind));
	name = bootlog_name(&b->log, step->file, &len);
	table_text(t, name, len);
	table_word(t, outcome_name(step->outcome));
	table_number(t, step->requests);
	table_number(t, step->probes);
	table_number(t, step->names);
	table_number(t, step->begin_us);
	table_number(t, step->end_us);
	table_number(t, step->took_us);
	table_number(t, step->bytes);
	if (step->size != 0)
		table_number(t, step->size);
	else
		table_none(t);
}

static void
print_csv(const struct boots *b)
{
	const struct bootlog_boot *boot;
	uint64_t number = 0;
	struct table *t;
	uint32_t i;

	t = table_new(step_columns, TABLE_LENGTH(step_columns));
	for (boot = b->first; boot != NULL; boot = boot->next)
		for (number++, i = 0; i < boot->count; i++)
			csv_step(b, t, number, boot, i);
	table_print_csv(t, stdout);
	table_free(t);
}

/* Verdicts are counted of all, and the last ones shown. */
static void
choose(struct boots *b)
{
	const struct bootlog_boot *boot;
	size_t skip;

	for (boot = b->log.first; boot != NULL; boot = boot->next)
		b->verdicts[boot->verdict]++;
	skip = b->o->top != 0 && b->o->top < b->log.boots ?
	    b->log.boots - b->o->top : 0;
	b->first = b->log.first;
	for (; skip != 0 && b->first != NULL; skip--)
		b->first = b->first->next;
}

int
command_boots(const struct options *o)
{
	struct filter f = command_window(o);
	struct boots b = { .o = o, .width = table_terminal_width() };
	const struct scan_handler handler = {
		.arg = &b, .on_start = on_start, .on_end = on_end
	};
	int ret;

	bootlog_init(&b.log);
	ret = scan_run(o, &f, &handler, &b.result);
	if (ret == 0) {
		/* with part of the steps nobody seems to go on */
		bootlog_judge(&b.log, f.glob == NULL && f.outcomes == 0);
		choose(&b);
		if (b.log.boots == 0)
			command_note_empty(o, &f);
		if (o->form == FORM_JSON)
			print_json(&b);
		else if (o->form == FORM_CSV)
			print_csv(&b);
		else if (b.log.boots != 0)
			print_text(&b);
	}
	bootlog_free(&b.log);
	return ret == 0 ? command_finish() : 1;
}
