#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "stats/latest.h"

/* bytes may be NULL: not known. */
static void
note(struct latest *l, const struct translog_record *rec,
    const uint8_t *bytes, size_t len)
{
	if (rec->ts_us < l->ts_us)
		return;
	l->ts_us = rec->ts_us;
	l->outcome = rec->outcome;
	if (bytes == NULL) {
		latest_free(l);
		return;
	}
	if (len > TRANSLOG_LINE_MAX)
		len = TRANSLOG_LINE_MAX;
	if (l->text == NULL || len > l->room) {
		free(l->text);
		l->text = malloc(len + 1);
		if (l->text == NULL)
			err(1, NULL);
		l->room = (uint32_t)len;
	}
	memcpy(l->text, bytes, len);
	l->len = (uint32_t)len;
}

void
latest_note(struct latest *l, const struct translog_record *rec)
{
	note(l, rec, rec->file.buf, rec->file.len);
}

void
latest_note_client(struct latest *l, const struct translog_record *rec)
{
	note(l, rec, rec->client[0] == '\0' ? NULL :
	    (const uint8_t *)rec->client, strlen(rec->client));
}

void
latest_put(const struct latest *l, struct table *t)
{
	table_number(t, l->ts_us);
	table_word(t, outcome_name(l->outcome));
	if (l->text == NULL)
		table_none(t);
	else
		table_text(t, l->text, l->len);
}

void
latest_free(struct latest *l)
{
	free(l->text);
	l->text = NULL;
}
