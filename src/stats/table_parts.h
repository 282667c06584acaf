/*
 * What the parts of table share: its cells.
 */
#ifndef STATS_TABLE_PARTS_H
#define STATS_TABLE_PARTS_H

#include "stats/table.h"

struct cell {
	uint64_t value;		/* the number, or where in bytes it begins */
	uint32_t len;
	enum { CELL_NONE, CELL_NUMBER, CELL_BYTES } holds;
};

struct table {
	const struct table_column *columns;
	size_t column_count;
	struct cell *cells;
	size_t count, room;
	uint8_t *bytes;		/* of all cells */
	size_t bytes_len, bytes_room;
};

/* Both are the table's; row and column count from 0. */
static inline const struct cell *
cell_at(const struct table *t, size_t row, size_t column)
{
	return &t->cells[row * t->column_count + column];
}

static inline const uint8_t *
bytes_of(const struct table *t, const struct cell *cell)
{
	return t->bytes + cell->value;
}

#endif
