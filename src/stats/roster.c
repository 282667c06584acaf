#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "stats/ledger.h"
#include "stats/roster.h"
#include "stats/sum.h"

#define FIRST_ROOM	64

static int
by_id(const void *a, const void *b)
{
	const struct roster_mark *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static const struct roster_mark *
find(const struct roster_mark *marks, size_t count, uint64_t id)
{
	struct roster_mark key = { .id = id };

	return count == 0 ? NULL :
	    bsearch(&key, marks, count, sizeof(*marks), by_id);
}

static int
by_start(const void *a, const void *b)
{
	const struct roster_row *x = a, *y = b;

	if (x->started_us != y->started_us)
		return x->started_us < y->started_us ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static int
by_rate(const void *a, const void *b)
{
	const struct roster_row *x = a, *y = b;

	if (x->rate != y->rate)
		return x->rate > y->rate ? -1 : 1;
	return by_start(a, b);
}

static void
make_room(struct roster *r)
{
	if (r->count < r->room)
		return;
	r->room = r->room == 0 ? FIRST_ROOM : r->room * 2;
	r->rows = reallocarray(r->rows, r->room, sizeof(*r->rows));
	r->marks = reallocarray(r->marks, r->room, sizeof(*r->marks));
	r->before = reallocarray(r->before, r->room, sizeof(*r->before));
	if (r->rows == NULL || r->marks == NULL || r->before == NULL)
		err(1, NULL);
}

static bool
is_wanted(const struct filter *f, const struct livetab_entry *e)
{
	struct translog_record rec;

	translog_clear(&rec);
	rec.event = TRANSLOG_START;
	rec.ts_us = e->started_us;
	rec.op = e->op;
	memcpy(rec.client, e->client, sizeof(rec.client));
	rec.file.buf = e->file;
	rec.file.len = e->file_len;
	return filter_takes_open(f, &rec);
}

static void
add(struct roster *r, const struct livetab_entry *e)
{
	struct roster_row *row;

	make_room(r);
	row = &r->rows[r->count++];
	*row = (struct roster_row){
		.id = ledger_id(e->id), .pid = e->pid,
		.client_port = e->client_port, .op = e->op,
		.file_len = e->file_len,
		.started_us = e->started_us, .age_us = e->age_us,
		.size = e->size, .bytes = e->bytes,
		.has_answered = e->has_answered, .quiet_us = e->quiet_us,
		.retransmits = e->retransmits, .blksize = e->blksize,
		.windowsize = e->windowsize,
	};
	memcpy(row->client, e->client, sizeof(row->client));
	memcpy(row->server, e->server, sizeof(row->server));
	row->file = malloc(e->file_len + 1);
	if (row->file == NULL)
		err(1, NULL);
	memcpy(row->file, e->file, e->file_len);
}

static void
free_rows(struct roster *r)
{
	while (r->count != 0)
		free(r->rows[--r->count].file);
}

/* What this look says beside the one before. */
static void
compare(struct roster *r, struct roster_row *row, uint64_t elapsed_us)
{
	const struct roster_mark *mark = find(r->before, r->before_count,
	    row->id);
	uint64_t moved = row->bytes;

	if (mark != NULL)
		moved = row->bytes > mark->bytes ? row->bytes - mark->bytes : 0;
	row->rate = mark != NULL ? sum_rate(moved, elapsed_us) :
	    sum_rate(moved, row->age_us);
	r->by_op[row->op]++;
	sum_add(&r->rates[row->op], row->rate);
	sum_add(&r->moved[row->op], moved);
}

static void
reckon(struct roster *r, uint64_t elapsed_us)
{
	size_t i;

	memset(r->by_op, 0, sizeof(r->by_op));
	memset(r->rates, 0, sizeof(r->rates));
	memset(r->moved, 0, sizeof(r->moved));
	for (i = 0; i < r->count; i++) {
		compare(r, &r->rows[i], elapsed_us);
		r->marks[i].id = r->rows[i].id;
		r->marks[i].bytes = r->rows[i].bytes;
	}
	if (r->count == 0)
		return;
	qsort(r->marks, r->count, sizeof(*r->marks), by_id);
	qsort(r->rows, r->count, sizeof(*r->rows), by_start);
}

int
roster_look(struct roster *r, struct livetab *t, const struct filter *f)
{
	struct roster_mark *marks = r->before;
	struct livetab_entry e;
	uint64_t now_us = clock_mono_us(), last_us = r->looked_us;
	uint32_t slot = 0;
	int ret;

	r->before = r->marks;
	r->before_count = r->count;
	r->marks = marks;
	free_rows(r);
	while ((ret = livetab_next(t, &slot, &e)) == 1)
		if (is_wanted(f, &e))
			add(r, &e);
	r->looked_us = now_us;
	reckon(r, last_us != 0 ? now_us - last_us : 0);
	return ret;
}

void
roster_sort_by_rate(struct roster *r)
{
	if (r->count != 0)
		qsort(r->rows, r->count, sizeof(*r->rows), by_rate);
}

uint64_t
roster_bytes_of(const struct roster *r, uint64_t id)
{
	const struct roster_mark *mark = find(r->marks, r->count, id);

	if (mark == NULL)
		mark = find(r->before, r->before_count, id);
	return mark != NULL ? mark->bytes : 0;
}

void
roster_free(struct roster *r)
{
	free_rows(r);
	free(r->rows);
	free(r->marks);
	free(r->before);
	*r = (struct roster){ 0 };
}
