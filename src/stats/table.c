#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "record/translog.h"
#include "stats/scan.h"
#include "stats/sum.h"
#include "table_parts.h"

#define KEY_MAX		64

struct table *
table_new(const struct table_column *columns, size_t count)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		err(1, NULL);
	t->columns = columns;
	t->column_count = count;
	return t;
}

/* An array with room for more; what it holds is moved. */
static void *
grow(void *array, size_t *room, size_t needed, size_t size)
{
	size_t more = *room == 0 ? 64 : *room;

	while (more < needed)
		more *= 2;
	if (more != *room) {
		array = reallocarray(array, more, size);
		if (array == NULL)
			err(1, NULL);
		*room = more;
	}
	return array;
}

static struct cell *
next_cell(struct table *t)
{
	t->cells = grow(t->cells, &t->room, t->count + 1, sizeof(*t->cells));
	t->cells[t->count] = (struct cell){ .holds = CELL_NONE };
	return &t->cells[t->count++];
}

void
table_text(struct table *t, const uint8_t *bytes, size_t len)
{
	struct cell *cell = next_cell(t);

	if (len > UINT32_MAX)
		len = UINT32_MAX;
	t->bytes = grow(t->bytes, &t->bytes_room, t->bytes_len + len, 1);
	if (len != 0)
		memcpy(t->bytes + t->bytes_len, bytes, len);
	*cell = (struct cell){ t->bytes_len, (uint32_t)len, CELL_BYTES };
	t->bytes_len += len;
}

void
table_word(struct table *t, const char *word)
{
	table_text(t, (const uint8_t *)word, strlen(word));
}

void
table_number(struct table *t, uint64_t value)
{
	*next_cell(t) = (struct cell){ .value = value, .holds = CELL_NUMBER };
}

void
table_none(struct table *t)
{
	next_cell(t);
}

void
table_rate(struct table *t, uint64_t bytes, uint64_t us)
{
	if (bytes == 0 || us == 0)
		table_none(t);
	else
		table_number(t, sum_rate(bytes, us));
}

void
table_share(struct table *t, uint64_t part, uint64_t whole)
{
	if (whole == 0)
		table_none(t);
	else
		table_number(t, text_permille(part, whole));
}

size_t
table_rows(const struct table *t)
{
	return t->count / t->column_count;
}

void
table_clear(struct table *t)
{
	t->count = t->bytes_len = 0;
}

void
table_free(struct table *t)
{
	free(t->cells);
	free(t->bytes);
	free(t);
}

static void
json_cell(const struct table *t, struct json *j, size_t row, size_t column)
{
	const struct table_column *c = &t->columns[column];
	const struct cell *cell = cell_at(t, row, column);
	char hex_key[KEY_MAX];

	if (cell->holds == CELL_NONE || c->key == NULL)
		return;
	if (cell->holds == CELL_BYTES) {
		snprintf(hex_key, sizeof(hex_key), "%s_hex", c->key);
		json_bytes(j, c->key, hex_key, bytes_of(t, cell), cell->len);
	} else if (c->kind == TABLE_TIME) {
		json_time(j, c->key, cell->value);
	} else {
		json_int(j, c->key, cell->value);
	}
}

void
table_print_json(const struct table *t, struct json *j, const char *key)
{
	size_t row, column;

	json_open(j, key, '[');
	for (row = 0; row < table_rows(t); row++) {
		json_open(j, NULL, '{');
		for (column = 0; column < t->column_count; column++)
			json_cell(t, j, row, column);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* Whether a spreadsheet would reckon with it instead of showing it. */
static bool
is_formula(const uint8_t *bytes, size_t len)
{
	/* Full-width = + - @ mean the same to some. */
	static const char *const starts[] = {
		"=", "+", "-", "@", "'", "\xef\xbc\x9d", "\xef\xbc\x8b",
		"\xef\xbc\x8d", "\xef\xbc\xa0"
	};
	size_t i, n;

	while (len != 0 && *bytes == ' ') {
		bytes++;
		len--;
	}
	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		n = strlen(starts[i]);
		if (len >= n && memcmp(bytes, starts[i], n) == 0)
			return true;
	}
	return false;
}

/* Whether it stands for itself without quotes. */
static bool
is_plain(const uint8_t *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (memchr("_./:-", bytes[i], i == 0 ? 4 : 5) == NULL &&
		    (bytes[i] < '0' || bytes[i] > '9') &&
		    (bytes[i] < 'A' || bytes[i] > 'Z') &&
		    (bytes[i] < 'a' || bytes[i] > 'z'))
			return false;
	return len != 0;
}

static void
csv_text(const uint8_t *bytes, size_t len, FILE *out)
{
	static const struct text_style utf8 = { .is_utf8 = true };
	size_t i, from = 0;

	if (is_plain(bytes, len)) {
		fwrite(bytes, 1, len, out);
		return;
	}
	fputc('"', out);
	if (is_formula(bytes, len))
		fputc('\'', out);
	for (i = 0; i < len; i++) {
		if (bytes[i] != '"' && bytes[i] != ';')
			continue;
		text_put_bytes(out, &utf8, bytes + from, i - from);
		fputs(bytes[i] == '"' ? "\"\"" : "\\x3b", out);
		from = i + 1;
	}
	text_put_bytes(out, &utf8, bytes + from, len - from);
	fputc('"', out);
}

static void
csv_cell(const struct table *t, size_t row, size_t column, FILE *out)
{
	const struct cell *cell = cell_at(t, row, column);
	char ts[TRANSLOG_TS_LEN + 1];

	if (cell->holds == CELL_NONE)
		return;
	if (cell->holds == CELL_BYTES) {
		csv_text(bytes_of(t, cell), cell->len, out);
	} else if (t->columns[column].kind == TABLE_TIME) {
		translog_put_ts(cell->value, ts);
		fputs(ts, out);
	} else {
		fprintf(out, "%" PRIu64, cell->value);
	}
}

/* row counts from 1; 0 is the keys. */
static void
csv_line(const struct table *t, size_t row, FILE *out)
{
	const char *comma = "";
	size_t i;

	for (i = 0; i < t->column_count; i++) {
		if (t->columns[i].key == NULL)
			continue;
		fputs(comma, out);
		comma = ",";
		if (row == 0)
			fputs(t->columns[i].key, out);
		else
			csv_cell(t, row - 1, i, out);
	}
	fputs("\r\n", out);
}

void
table_print_csv_rows(const struct table *t, FILE *out)
{
	size_t row;

	for (row = 1; row <= table_rows(t); row++)
		csv_line(t, row, out);
}

void
table_print_csv(const struct table *t, FILE *out)
{
	csv_line(t, 0, out);
	table_print_csv_rows(t, out);
}

/* Say what the report does not know, or nothing is there to say. */
static void
note(const struct table *t, const struct options *o,
    const struct table_about *about, const struct scan_result *result)
{
	const struct filter window = {
		.since_us = result->since_us,
		.until_us = result->until_us < o->now_us ?
		    result->until_us : UINT64_MAX
	};
	size_t i;

	if (table_rows(t) == 0 && result->ends != 0 && about->none != NULL)
		warnx("%s", about->none);
	else if (table_rows(t) == 0)
		command_note_empty(o, &window);
	for (i = 0; i < about->fact_count; i++)
		if (strcmp(about->facts[i].key, "left_out") == 0 &&
		    about->facts[i].value != 0)
			warnx("too many names: %" PRIu64 " request%s left out",
			    about->facts[i].value,
			    about->facts[i].value == 1 ? "" : "s");
}

static void
print_json(const struct table *t, const struct table_about *about,
    const struct scan_result *result)
{
	struct json j = { .out = stdout };
	size_t i;

	scan_head_json(&j, about->report, result);
	for (i = 0; i < about->fact_count; i++)
		json_int(&j, about->facts[i].key, about->facts[i].value);
	table_print_json(t, &j, about->rows);
	json_close(&j, '}');
	fputc('\n', stdout);
}

void
table_report(const struct table *t, const struct options *o,
    const struct table_about *about, const struct scan_result *result)
{
	note(t, o, about, result);
	if (o->form == FORM_JSON) {
		print_json(t, about, result);
	} else if (o->form == FORM_CSV) {
		table_print_csv(t, stdout);
	} else if (table_rows(t) != 0) {
		scan_head_text(stdout, about->title, result, &o->style);
		fputc('\n', stdout);
		table_print_text(t, &o->style, table_terminal_width(), stdout);
	}
}

size_t
table_terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	unsigned long width;
	char *end;

	if (columns != NULL && *columns >= '1' && *columns <= '9') {
		width = strtoul(columns, &end, 10);
		if (*end == '\0' && width <= 10000)
			return width;
	}
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		return size.ws_col;
	return 0;
}
