/*
 * latest - the last end of a client or a file.
 */
#ifndef STATS_LATEST_H
#define STATS_LATEST_H

#include <stddef.h>
#include <stdint.h>

#include "record/translog.h"
#include "stats/table.h"

/* All zeroes: none. */
struct latest {
	uint64_t ts_us;
	enum outcome outcome;
	uint32_t len, room;
	uint8_t *text;		/* its file, or its client; NULL: not known */
};

/* Keep an end if none is later, with its file.  latest_free() is due. */
void latest_note(struct latest *l, const struct translog_record *rec);

/* The same with its client. */
void latest_note_client(struct latest *l, const struct translog_record *rec);

/* Three cells: time, outcome, file or client. */
void latest_put(const struct latest *l, struct table *t);

void latest_free(struct latest *l);

#endif
