#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stats/logrow.h"
#include "stats/printer.h"
#include "stats/when.h"

/* Without a terminal a longer name only pushes its own line to the right. */
#define FILE_WIDTH_MAX	48
/* Narrower terminals have no year, no duration and no rate; no rate. */
#define NARROW_WIDTH	100
#define MEDIUM_WIDTH	115

void
printer_init(struct printer *p, FILE *out, const struct text_style *style,
    bool has_json)
{
	*p = (struct printer){
		.out = out, .style = *style, .has_json = has_json,
		.client_width = 15, .file_width = 24,
		.width = out == stdout ? table_terminal_width() : 0
	};
}

static bool
is_narrow(const struct printer *p)
{
	return p->width != 0 && p->width < NARROW_WIDTH;
}

static bool
has_rate(const struct printer *p)
{
	return p->width == 0 || p->width >= MEDIUM_WIDTH;
}

static void
put_time(struct printer *p, uint64_t ts_us)
{
	char text[WHEN_TEXT_MAX];

	when_text(ts_us, p->style.is_utc, 19, text);
	fprintf(p->out, "%s  ", is_narrow(p) ? text + 5 : text);
}

static void
put_client(struct printer *p, const struct translog_record *rec)
{
	const char *client = rec->client[0] != '\0' ? rec->client : "-";
	size_t len = strlen(client);

	if (len > p->client_width)
		p->client_width = len;
	text_put_column(p->out, &p->style, (const uint8_t *)client, len,
	    p->client_width);
}

/* What the columns of an end leave for its name on a terminal. */
static size_t
room_for_file(const struct printer *p)
{
	size_t used = p->client_width + 19 + 2 + 2 + 5 + 2 + 2 + 11 + 2 + 9;

	if (is_narrow(p))
		used -= 5;
	if (!is_narrow(p))
		used += 2 + 11;
	if (has_rate(p))
		used += 2 + 11;
	return p->width > used + 8 ? p->width - used : 8;
}

static void
put_file(struct printer *p, const struct translog_record *rec)
{
	const struct translog_bytes *file = &rec->file;
	size_t room = p->width == 0 ? SIZE_MAX : room_for_file(p);
	size_t used = 1;

	if (file->len > p->file_width && file->len <= FILE_WIDTH_MAX)
		p->file_width = file->len;
	if (p->file_width > room)
		p->file_width = room;
	if (file->buf == NULL)
		fputc('-', p->out);
	else
		used = text_put_short(p->out, &p->style, file->buf,
		    file->len, p->width == 0 ? room : p->file_width);
	if (used < p->file_width)
		fprintf(p->out, "%*s", (int)(p->file_width - used), "");
}

static void
put_outcome(struct printer *p, enum outcome outcome)
{
	enum text_colour colour = text_colour_of(outcome_class(outcome));

	fprintf(p->out, "  %s%-11s%s", text_colour(&p->style, colour),
	    outcome_name(outcome), text_colour_end(&p->style, colour));
}

/* "42.4 kB     12.3 ms   3.4 MB/s", with "-" for what is not known. */
static void
put_numbers(struct printer *p, const struct translog_record *rec)
{
	int64_t bytes = rec->numbers[TRANSLOG_BYTES];
	int64_t us = rec->numbers[TRANSLOG_DURATION_US];
	char text[TEXT_NUMBER_MAX];

	fprintf(p->out, "  %9s", bytes < 0 ? "-" :
	    text_bytes((uint64_t)bytes, text));
	if (!is_narrow(p))
		fprintf(p->out, "  %11s", us < 0 ? "-" :
		    text_duration((uint64_t)us, text));
	if (has_rate(p))
		fprintf(p->out, "  %11s", bytes < 0 || us < 0 ? "-" :
		    text_rate((uint64_t)bytes, (uint64_t)us, text));
}

/* "File not found (error 1 by server)" */
static void
put_message(struct printer *p, const struct translog_record *rec)
{
	int64_t code = rec->numbers[TRANSLOG_ERROR_CODE];

	if (rec->message.buf != NULL) {
		fputs("  ", p->out);
		text_put_bytes(p->out, &p->style, rec->message.buf,
		    rec->message.len);
	}
	if (code >= 0)
		fprintf(p->out, "%s(error %" PRId64,
		    rec->message.buf != NULL ? " " : "  ", code);
	if (code >= 0 && rec->error_by[0] != '\0') {
		fputs(" by ", p->out);
		text_put_bytes(p->out, &p->style,
		    (const uint8_t *)rec->error_by, strlen(rec->error_by));
	}
	if (code >= 0)
		fputc(')', p->out);
	fputc('\n', p->out);
}

static void
put_end(struct printer *p, const struct translog_record *rec)
{
	put_time(p, rec->ts_us);
	put_client(p, rec);
	fprintf(p->out, "  %-5s  ", rec->op == TRANSLOG_NO_OP ? "-" :
	    translog_op_name(rec->op));
	put_file(p, rec);
	put_outcome(p, rec->outcome);
	put_numbers(p, rec);
	put_message(p, rec);
}

static void
put_notice(struct printer *p, const struct translog_record *rec)
{
	static const struct {
		const char *name;
		enum translog_number number;
	} counters[] = {
		{ "requests", TRANSLOG_REQUESTS },
		{ "repeats", TRANSLOG_REPEATS },
		{ "ignored", TRANSLOG_IGNORED },
		{ "dropped", TRANSLOG_DROPPED },
	};
	size_t i;

	put_time(p, rec->ts_us);
	fputs("* ", p->out);
	if (rec->message.buf != NULL)
		text_put_bytes(p->out, &p->style, rec->message.buf,
		    rec->message.len);
	for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		if (rec->numbers[counters[i].number] >= 0)
			fprintf(p->out, "  %s %" PRId64, counters[i].name,
			    rec->numbers[counters[i].number]);
	fputc('\n', p->out);
}

void
printer_use_csv(struct printer *p)
{
	p->csv = logrow_table();
	table_print_csv(p->csv, p->out);
}

void
printer_free(struct printer *p)
{
	if (p->csv != NULL)
		table_free(p->csv);
	p->csv = NULL;
}

static void
put_csv(struct printer *p, const struct translog_record *rec)
{
	if (rec->event != TRANSLOG_TRANSFER)
		return;
	table_clear(p->csv);
	logrow_add(p->csv, rec);
	table_print_csv_rows(p->csv, p->out);
}

void
printer_put(struct printer *p, const struct translog_record *rec,
    const char *raw, size_t len)
{
	if (p->has_json) {
		fwrite(raw, 1, len, p->out);
		fputc('\n', p->out);
	} else if (p->csv != NULL) {
		put_csv(p, rec);
	} else if (rec->event == TRANSLOG_NOTICE) {
		put_notice(p, rec);
	} else {
		put_end(p, rec);
	}
}

void
recent_init(struct recent *r, size_t max)
{
	*r = (struct recent){ .max = max };
	r->ring = calloc(max, sizeof(*r->ring));
	if (r->ring == NULL)
		err(1, NULL);
}

void
recent_add(struct recent *r, const char *line, size_t len)
{
	struct recent_line *slot = &r->ring[r->next++ % r->max];

	free(slot->line);
	slot->line = malloc(len);
	if (slot->line == NULL)
		err(1, NULL);
	memcpy(slot->line, line, len);
	slot->len = len;
}

size_t
recent_print(struct recent *r, struct printer *p)
{
	struct translog_line parsed;
	struct recent_line *slot;
	size_t i, printed = 0;

	for (i = 0; i < r->max; i++) {
		slot = &r->ring[(r->next + i) % r->max];
		if (slot->line != NULL && translog_parse(slot->line,
		    slot->len, &parsed) == TRANSLOG_OK) {
			printer_put(p, &parsed.rec, slot->line, slot->len);
			printed++;
		}
	}
	recent_free(r);
	return printed;
}

void
recent_free(struct recent *r)
{
	size_t i;

	for (i = 0; i < r->max && r->ring != NULL; i++)
		free(r->ring[i].line);
	free(r->ring);
	*r = (struct recent){ 0 };
}
