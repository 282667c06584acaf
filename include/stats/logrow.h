/*
 * logrow - an end as a row of a table: all keys of tftpd-log(5) but those
 * that are the same in every row, and file_hex, for a table has all bytes.
 */
#ifndef STATS_LOGROW_H
#define STATS_LOGROW_H

#include "record/translog.h"
#include "stats/table.h"

/* A table of such rows, without any; table_free() is the caller's duty. */
struct table *logrow_table(void);

/* Add a row; what the record has not is empty. */
void logrow_add(struct table *t, const struct translog_record *rec);

#endif
