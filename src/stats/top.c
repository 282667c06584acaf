#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stats/board.h"
#include "stats/screen.h"
#include "stats/when.h"

#define US_PER_S	UINT64_C(1000000)
#define LOOK_MS		1000
#define RATE_S		5	/* a rate is the mean of so many seconds */
#define SPARK_S		5	/* of a column of the small bars */
#define SPARK_MAX	60	/* columns: five minutes */
#define SPARK_BESIDE	42	/* columns of what stands beside them */
#define ROWS		10	/* of a section, without -n */
#define OVERHEAD	3	/* lines of one beside its rows */

/* ---- the head --------------------------------------------------------- */

static void
put_server(FILE *out, const struct active *a)
{
	char up[TEXT_NUMBER_MAX];
	uint64_t since_us = a->table.header.started_us;

	if (!a->has_table) {
		fputs("no server has been running", out);
	} else if (!a->table.has_keeper) {
		fputs("no server runs now", out);
	} else {
		fputs("tftpd", out);
		if (a->table.keeper != 0)
			fprintf(out, " %ld", (long)a->table.keeper);
		if (since_us != 0 && since_us < a->at_us)
			fprintf(out, ", up %s", text_duration((a->at_us -
			    since_us) / US_PER_S * US_PER_S, up));
	}
	if (a->has_table)
		fprintf(out, ", %zu of %" PRIu32 " places taken",
		    a->roster.count, a->table.slots);
	fputc('\n', out);
}

static void
put_warning(FILE *out, const struct text_style *style, const char *what,
    const char *why)
{
	fputs(text_colour(style, TEXT_YELLOW), out);
	fputs(what, out);
	text_put_bytes(out, style, (const uint8_t *)why, strlen(why));
	fputs(text_colour_end(style, TEXT_YELLOW), out);
	fputc('\n', out);
}

static void
put_head(FILE *out, const struct board *b)
{
	const struct text_style *style = &b->o->style;
	const struct live_header *h = &b->active.table.header;
	char at[WHEN_TEXT_MAX];

	when_text(b->active.at_us, style->is_utc, 19, at);
	fprintf(out, "%s%s%s   ", text_colour(style, TEXT_BOLD), at,
	    text_colour_end(style, TEXT_BOLD));
	put_server(out, &b->active);
	if (b->active.has_table && h->conf_is_bad != 0)
		put_warning(out, style, "the configuration is not in use: ",
		    h->conf_problem);
	if (b->log_error != 0)
		put_warning(out, style, "the log cannot be read: ",
		    strerror(b->log_error));
	else if (b->tail.is_missing)
		put_warning(out, style, "there is no log: ", b->tail.path);
}

/* ---- rates ------------------------------------------------------------ */

enum quantity { ENDED, SENT, RECEIVED };

static uint64_t
value_of(const struct board_second *sum, enum quantity what)
{
	return what == ENDED ? sum->ends : sum->bytes[what == SENT ?
	    TRANSLOG_READ : TRANSLOG_WRITE];
}

/* "12.4/s", "34.0 MB/s" of what came together in so many seconds. */
static const char *
speed(enum quantity what, uint64_t value, uint64_t seconds,
    char out[static TEXT_NUMBER_MAX])
{
	uint64_t tenths;

	if (what != ENDED)
		return text_speed(value / seconds, out);
	tenths = value * 10 / seconds;
	snprintf(out, TEXT_NUMBER_MAX, "%" PRIu64 ".%u/s", tenths / 10,
	    (unsigned)(tenths % 10));
	return out;
}

/* The second at hand is not over and would make all rates too small. */
static void
put_rate(FILE *out, const struct board *b, const char *title,
    enum quantity what, size_t columns)
{
	uint64_t now_s = b->active.at_us / US_PER_S, from_s, most = 0;
	uint64_t values[SPARK_MAX];
	struct board_second sum = board_sum(b, now_s - RATE_S, now_s);
	char now[TEXT_NUMBER_MAX], peak[TEXT_NUMBER_MAX];
	size_t i;

	from_s = (now_s / SPARK_S + 1 - columns) * SPARK_S;
	fprintf(out, "%-10s %11s  ", title,
	    speed(what, value_of(&sum, what), RATE_S, now));
	for (i = 0; i < columns; i++) {
		sum = board_sum(b, from_s + i * SPARK_S,
		    from_s + (i + 1) * SPARK_S);
		values[i] = value_of(&sum, what);
		if (values[i] > most)
			most = values[i];
	}
	text_put_spark(out, &b->o->style, values, columns);
	fprintf(out, "  most %s\n", speed(what, most, SPARK_S, peak));
}

static void
put_rates(FILE *out, const struct board *b, size_t width)
{
	size_t columns = SPARK_MAX;

	if (width != 0 && width < SPARK_MAX + SPARK_BESIDE)
		columns = width > SPARK_BESIDE + 10 ? width - SPARK_BESIDE :
		    10;
	fputc('\n', out);
	put_rate(out, b, "Ended", ENDED, columns);
	put_rate(out, b, "Sent", SENT, columns);
	put_rate(out, b, "Received", RECEIVED, columns);
}

/* ---- outcomes --------------------------------------------------------- */

/* Those of a class, as far as they fit behind so many columns. */
static size_t
put_class(FILE *out, const struct text_style *style,
    const struct board_second *sum, enum outcome_class class, size_t used,
    size_t width)
{
	enum text_colour colour = text_colour_of(class);
	char text[64];
	int i;

	for (i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++) {
		if (sum->outcomes[i] == 0 ||
		    outcome_class((enum outcome)i) != class)
			continue;
		snprintf(text, sizeof(text), "%s %" PRIu64,
		    outcome_name((enum outcome)i), sum->outcomes[i]);
		used += 2 + strlen(text);
		if (width == 0 || used <= width)
			fprintf(out, "  %s%s%s", text_colour(style, colour),
			    text, text_colour_end(style, colour));
	}
	return used;
}

/* On a narrow terminal refusals and probes give way, not failures. */
static void
put_outcomes(FILE *out, const struct board *b, const char *title,
    const struct board_second *sum, size_t width)
{
	static const enum outcome_class order[] = {
		OUTCOME_CLASS_SUCCESS, OUTCOME_CLASS_FAILURE,
		OUTCOME_CLASS_REFUSED, OUTCOME_CLASS_NEUTRAL
	};
	char head[WHEN_TEXT_MAX + TEXT_NUMBER_MAX];
	size_t i, used;

	snprintf(head, sizeof(head), "%-12s %" PRIu64, title, sum->ends);
	fputs(head, out);
	used = strlen(head);
	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		used = put_class(out, &b->o->style, sum, order[i], used,
		    width);
	fputc('\n', out);
}

static void
put_all_outcomes(FILE *out, const struct board *b, size_t width)
{
	uint64_t now_s = b->active.at_us / US_PER_S + 1;
	struct board_second hour = board_sum(b, now_s - BOARD_SECONDS, now_s);
	char when[WHEN_TEXT_MAX], title[WHEN_TEXT_MAX + 8];

	when_text(b->started_us, b->o->style.is_utc, 16, when);
	snprintf(title, sizeof(title), "Since %s", when + 11);
	fputc('\n', out);
	put_outcomes(out, b, "Last hour", &hour, width);
	put_outcomes(out, b, title, &b->since, width);
}

/* ---- sections --------------------------------------------------------- */

static const struct table_column file_columns[] = {
	{ "File", "file", TABLE_NAME, 0 },
	{ "Requests", "requests", TABLE_COUNT, 0 },
	{ "Refused", "refused", TABLE_COUNT, 2 },
	{ "Failed", "failure", TABLE_COUNT, 1 },
	{ "Bytes", "bytes", TABLE_SIZE, 1 },
};

static const struct table_column client_columns[] = {
	{ "Client", "client", TABLE_NAME, 0 },
	{ "Requests", "requests", TABLE_COUNT, 0 },
	{ "Refused", "refused", TABLE_COUNT, 2 },
	{ "Failed", "failure", TABLE_COUNT, 1 },
	{ "Bytes", "bytes", TABLE_SIZE, 1 },
};

static const struct table_column problem_columns[] = {
	{ "Time", "time", TABLE_TIME, 1 },
	{ "Client", "client", TABLE_NAME, 0 },
	{ "Outcome", "outcome", TABLE_WORD, 0 },
	{ "File", "file", TABLE_NAME, 0 },
	{ "Message", "message", TABLE_NAME, 2 },
};

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* The sections, as they stand below each other. */
enum { RUNNING, FILES, CLIENTS, PROBLEMS, SECTIONS };

static const char *const titles[] = {
	"RUNNING", "BUSIEST FILES, LAST HOUR", "BUSIEST CLIENTS, LAST HOUR",
	"LAST PROBLEMS"
};

static const char *const keys[] = {
	"transfers", "files", "clients", "problems"
};

/* Who gets how many rows first, in the order in which people ask. */
static const struct {
	int section;
	size_t first;
} by_need[] = {
	{ RUNNING, 6 }, { PROBLEMS, 3 }, { CLIENTS, 3 }, { FILES, 3 }
};

struct page {
	const struct board *b;
	struct tally files, clients;
	size_t wanted[SECTIONS], given[SECTIONS];	/* rows */
};

static struct table *
busiest(const struct tally *tally, const struct table_column *columns,
    size_t max)
{
	struct table *t = table_new(columns, COUNT(file_columns));
	struct tally_entry **rows = calloc(max + 1, sizeof(*rows));
	const struct tally_counts *c;
	size_t i, count;

	if (rows == NULL)
		err(1, NULL);
	count = tally_top(tally, tally_by_requests, rows, max);
	for (i = 0; i < count; i++) {
		c = &rows[i]->counts;
		table_text(t, rows[i]->name, rows[i]->len);
		table_number(t, c->requests);
		table_number(t, c->classes[OUTCOME_CLASS_REFUSED]);
		table_number(t, c->classes[OUTCOME_CLASS_FAILURE]);
		table_number(t, c->bytes);
	}
	free(rows);
	return t;
}

static void
put_bytes(struct table *t, const void *bytes, size_t len)
{
	if (len != 0)
		table_text(t, bytes, len);
	else
		table_none(t);
}

static struct table *
problems(const struct board *b, size_t max)
{
	struct table *t = table_new(problem_columns, COUNT(problem_columns));
	const struct board_problem *p;
	size_t i;

	for (i = 0; i < max && (p = board_problem(b, i)) != NULL; i++) {
		table_number(t, p->ts_us);
		put_bytes(t, p->client, strlen(p->client));
		table_word(t, outcome_name(p->outcome));
		put_bytes(t, p->file, p->file_len);
		put_bytes(t, p->message, p->message_len);
	}
	return t;
}

static struct table *
rows_of(const struct page *p, int section)
{
	size_t max = p->given[section];

	switch (section) {
	case RUNNING: return active_rows(&p->b->active.roster, max);
	case FILES: return busiest(&p->files, file_columns, max);
	case CLIENTS: return busiest(&p->clients, client_columns, max);
	default: return problems(p->b, max);
	}
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void
want(struct page *p)
{
	size_t most = p->b->o->top != 0 ? p->b->o->top : ROWS;

	p->wanted[RUNNING] = least(p->b->active.roster.count, most);
	p->wanted[FILES] = least(p->files.used, most);
	p->wanted[CLIENTS] = least(p->clients.used, most);
	p->wanted[PROBLEMS] = least(least(p->b->problem_count,
	    BOARD_PROBLEMS), most);
}

/* One row more for a section; false: it wants none, or there is no line. */
static bool
give_row(struct page *p, int section, size_t most, size_t *lines)
{
	size_t cost = p->given[section] == 0 ? OVERHEAD + 1 : 1;

	if (p->given[section] == p->wanted[section] ||
	    p->given[section] >= most || cost > *lines)
		return false;
	p->given[section]++;
	*lines -= cost;
	return true;
}

/* First what each needs, then a row for each in turn. */
static void
give(struct page *p, size_t lines)
{
	bool has_given = true;
	size_t i;

	for (i = 0; i < SECTIONS; i++)
		while (give_row(p, by_need[i].section, by_need[i].first,
		    &lines))
			;
	while (has_given) {
		has_given = false;
		for (i = 0; i < SECTIONS; i++)
			has_given |= give_row(p, by_need[i].section,
			    SIZE_MAX, &lines);
	}
}

static void
put_section(FILE *out, const struct page *p, int section, size_t width)
{
	const struct text_style *style = &p->b->o->style;
	struct table *t;

	if (p->given[section] == 0)
		return;
	fprintf(out, "\n%s%s%s", text_colour(style, TEXT_BOLD),
	    titles[section], text_colour_end(style, TEXT_BOLD));
	if (section == RUNNING) {
		fputs("  ", out);
		active_put_count(out, &p->b->active.roster);
	}
	fputc('\n', out);
	t = rows_of(p, section);
	table_print_text(t, style, width, out);
	table_free(t);
}

/* ---- the page --------------------------------------------------------- */

static size_t
count_lines(const char *text, size_t len)
{
	size_t lines = 0;

	while (len-- > 0)
		lines += *text++ == '\n';
	return lines;
}

static void
open_page(struct page *p, struct board *b)
{
	*p = (struct page){ .b = b };
	roster_sort_by_rate(&b->active.roster);
	board_busiest(b, &p->files, &p->clients);
	want(p);
}

static void
close_page(struct page *p)
{
	tally_free(&p->files);
	tally_free(&p->clients);
}

/* rows: lines of the screen; width: 0 is no limit. */
static void
put_page(FILE *out, struct board *b, size_t rows, size_t width)
{
	char *text = NULL;
	size_t len = 0, used;
	FILE *above = open_memstream(&text, &len);
	struct page p;
	int i;

	if (above == NULL)
		err(1, NULL);
	put_head(above, b);
	put_rates(above, b, width);
	put_all_outcomes(above, b, width);
	if (fclose(above) != 0)
		err(1, NULL);
	fwrite(text, 1, len, out);
	used = count_lines(text, len);
	free(text);
	open_page(&p, b);
	give(&p, rows > used ? rows - used : 0);
	for (i = 0; i < SECTIONS; i++)
		put_section(out, &p, i, width);
	close_page(&p);
}

/* ---- JSON ------------------------------------------------------------- */

static void
put_json_sum(struct json *j, const char *key, const struct board_second *sum)
{
	int i;

	json_open(j, key, '{');
	json_int(j, "requests", sum->ends);
	json_int(j, "bytes_sent", sum->bytes[TRANSLOG_READ]);
	json_int(j, "bytes_received", sum->bytes[TRANSLOG_WRITE]);
	json_open(j, "outcomes", '{');
	for (i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++)
		json_int(j, outcome_name((enum outcome)i), sum->outcomes[i]);
	json_close(j, '}');
	json_close(j, '}');
}

static void
put_json(FILE *out, struct board *b)
{
	struct json j = { .out = out };
	uint64_t now_s = b->active.at_us / US_PER_S + 1;
	struct board_second hour = board_sum(b, now_s - BOARD_SECONDS, now_s);
	struct table *t;
	struct page p;
	int i;

	open_page(&p, b);
	json_open(&j, NULL, '{');
	json_int(&j, "schema", 1);
	json_text(&j, "report", "top");
	json_time(&j, "at", b->active.at_us);
	json_int(&j, "server_runs",
	    b->active.has_table && b->active.table.has_keeper);
	json_int(&j, "slots", b->active.has_table ? b->active.table.slots : 0);
	json_int(&j, "running", b->active.roster.count);
	json_int(&j, "read_bytes_per_second",
	    b->active.roster.rates[TRANSLOG_READ]);
	json_int(&j, "write_bytes_per_second",
	    b->active.roster.rates[TRANSLOG_WRITE]);
	put_json_sum(&j, "last_hour", &hour);
	for (i = 0; i < SECTIONS; i++) {
		p.given[i] = p.wanted[i];
		t = rows_of(&p, i);
		table_print_json(t, &j, keys[i]);
		table_free(t);
	}
	json_close(&j, '}');
	fputc('\n', out);
	close_page(&p);
}

/* ---- again and again -------------------------------------------------- */

/* Two looks, for rates; then it is printed once. */
static int
snapshot(struct board *b, struct screen *s)
{
	int ret;

	if (!screen_wait(s, LOOK_MS))
		return 0;
	ret = board_look(b);
	if (ret != 0)
		return ret;
	if (b->o->form == FORM_JSON)
		put_json(s->out, b);
	else
		put_page(s->out, b, SIZE_MAX, table_terminal_width());
	(void)screen_show(s);
	return 0;
}

static int
draw(struct board *b, struct screen *s)
{
	int ret = 0;

	while (ret == 0) {
		put_page(s->out, b, s->rows, s->columns);
		if (!screen_show(s) || !screen_wait(s, LOOK_MS))
			break;
		if (s->is_time)
			ret = board_look(b);
	}
	return ret;
}

int
command_top(const struct options *o)
{
	struct board *b;
	struct screen *s;
	int ret, status = 0;

	if (o->log_count > 1)
		errx(2, "top shows one log");
	b = board_new(o);
	if (b == NULL)
		return 1;
	ret = board_look(b);
	if (ret == 0) {
		s = screen_open(o->form == FORM_TEXT);
		ret = s->is_live ? draw(b, s) : snapshot(b, s);
		status = screen_close(s);
	}
	board_free(b);
	if (ret != 0)
		active_complain(o, ret);
	return status != 0 || ret != 0;
}
