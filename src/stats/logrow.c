#include "stats/logrow.h"

#define TEXT(name)	{ #name, #name, TABLE_NAME, 0 }
#define NUMBER(name)	{ #name, #name, TABLE_COUNT, 0 }

static const struct table_column columns[] = {
	{ "ts", "ts", TABLE_TIME, 0 },
	TEXT(id), TEXT(op), TEXT(outcome),
	TEXT(client), NUMBER(client_port), TEXT(server), NUMBER(server_port),
	TEXT(file), TEXT(path), TEXT(mode), TEXT(asked),
	NUMBER(blksize), NUMBER(windowsize), NUMBER(timeout_ms),
	NUMBER(size), NUMBER(bytes), NUMBER(blocks), NUMBER(duration_us),
	NUMBER(first_reply_us), NUMBER(rtt_us), NUMBER(packets_sent),
	NUMBER(packets_received), NUMBER(retransmits), NUMBER(timeouts),
	NUMBER(duplicates), NUMBER(cpu_us), NUMBER(rss_kb),
	NUMBER(in_place), NUMBER(error_code), TEXT(error_by), TEXT(message),
	NUMBER(pid), NUMBER(cut),
};

struct table *
logrow_table(void)
{
	return table_new(columns, TABLE_LENGTH(columns));
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
put_bytes(struct table *t, const struct translog_bytes *bytes)
{
	if (bytes->buf == NULL)
		table_none(t);
	else
		table_text(t, bytes->buf, bytes->len);
}

static void
put_number(struct table *t, const struct translog_record *rec,
    enum translog_number number)
{
	if (rec->numbers[number] < 0)
		table_none(t);
	else
		table_number(t, (uint64_t)rec->numbers[number]);
}

static void
put_numbers(struct table *t, const struct translog_record *rec,
    enum translog_number first, enum translog_number last)
{
	int i;

	for (i = (int)first; i <= (int)last; i++)
		put_number(t, rec, (enum translog_number)i);
}

void
logrow_add(struct table *t, const struct translog_record *rec)
{
	table_number(t, rec->ts_us);
	put_word(t, rec->id);
	put_word(t, translog_op_name(rec->op));
	put_word(t, outcome_name(rec->outcome));
	put_word(t, rec->client);
	put_number(t, rec, TRANSLOG_CLIENT_PORT);
	put_word(t, rec->server);
	put_number(t, rec, TRANSLOG_SERVER_PORT);
	put_bytes(t, &rec->file);
	put_bytes(t, &rec->path);
	put_word(t, rec->mode);
	put_bytes(t, &rec->asked);
	put_numbers(t, rec, TRANSLOG_BLKSIZE, TRANSLOG_ERROR_CODE);
	put_word(t, rec->error_by);
	put_bytes(t, &rec->message);
	put_number(t, rec, TRANSLOG_PID);
	if (rec->is_cut)
		table_number(t, 1);
	else
		table_none(t);
}
