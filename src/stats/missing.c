#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stats/bootlog.h"
#include "stats/keyed.h"
#include "stats/near.h"
#include "stats/scan.h"
#include "stats/table.h"

#define NAMES_MAX	((size_t)1 << 16)
#define CLIENTS_MAX	((size_t)1 << 16)
#define PAIRS_MAX	((size_t)1 << 18)
/* A walk: PXELINUX asks for 10 names, a Raspberry Pi for about as many. */
#define PENDING_MAX	16
/* A name is a walk's when that share of the requests for it went on. */
#define WALK_PERCENT	80
#define WALKS_SHOWN	10

/* A name that was not found. */
struct name {
	uint64_t requests, clients;
	uint64_t walked;	/* of the requests; see on_success() */
	uint64_t first_us, last_us;
};

struct client {
	struct name *pending[PENDING_MAX];	/* not found, in a row */
	size_t count;
	const void *first;	/* the file it got first in this boot */
	uint64_t last_us;
};

struct missing {
	const struct options *o;
	struct keyed names, clients, served;
	struct keyed pairs;	/* a client and a name that it missed */
	struct near near;
	struct scan_result result;
	uint64_t requests;	/* that found nothing */
};

static bool
is_walk(const struct name *name)
{
	return name->walked != 0 &&
	    name->walked >= name->requests / 100 * WALK_PERCENT +
	    name->requests % 100 * WALK_PERCENT / 100;
}

static struct client *
client_of(struct missing *m, const struct translog_record *rec)
{
	struct client *c = keyed_of(&m->clients, rec->client,
	    strlen(rec->client));

	if (c == NULL)
		return NULL;
	if (rec->ts_us > c->last_us + BOOTLOG_GAP_US) {
		c->count = 0;
		c->first = NULL;
	}
	if (rec->ts_us > c->last_us)
		c->last_us = rec->ts_us;
	return c;
}

/* Whether that client is new for that name; exact up to PAIRS_MAX. */
static bool
is_new_pair(struct missing *m, const struct name *name, const char *client)
{
	struct {
		const struct name *name;
		char client[TRANSLOG_ADDR_MAX];
	} pair = { .name = name };
	size_t before = m->pairs.used;

	strcpy(pair.client, client);
	keyed_of(&m->pairs, &pair, sizeof(pair.name) + strlen(client));
	return m->pairs.used != before;
}

static void
on_notfound(struct missing *m, const struct translog_record *rec)
{
	struct client *c = client_of(m, rec);
	struct name *name;

	m->requests++;
	name = keyed_of(&m->names, rec->file.buf, rec->file.len);
	if (name == NULL)
		return;
	if (name->requests++ == 0 || rec->ts_us < name->first_us)
		name->first_us = rec->ts_us;
	if (rec->ts_us > name->last_us)
		name->last_us = rec->ts_us;
	name->clients += is_new_pair(m, name, rec->client);
	if (c != NULL && c->count < PENDING_MAX)
		c->pending[c->count++] = name;
}

/*
 * What was asked for in vain before was a walk, unless the client only began
 * anew with the file that it had got first.  A walk may begin anew too (a
 * phone, every minute): its names are known by then.
 */
static void
on_success(struct missing *m, const struct translog_record *rec)
{
	struct client *c = client_of(m, rec);
	const void *file = keyed_of(&m->served, rec->file.buf, rec->file.len);
	bool is_anew;
	size_t i;

	near_add(&m->near, rec->file.buf, rec->file.len);
	if (c == NULL)
		return;
	is_anew = c->first != NULL && c->first == file;
	for (i = 0; i < c->count; i++)
		if (!is_anew || c->pending[i]->walked != 0)
			c->pending[i]->walked++;
	c->count = 0;
	if (c->first == NULL)
		c->first = file;
}

static void
on_end(void *arg, const struct translog_record *rec)
{
	struct missing *m = arg;

	if (rec->file.buf == NULL || rec->op == TRANSLOG_WRITE)
		return;
	if (rec->outcome == OUTCOME_NOTFOUND)
		on_notfound(m, rec);
	else if (outcome_class(rec->outcome) == OUTCOME_CLASS_SUCCESS)
		on_success(m, rec);
}

/* Missing ones first, then walks; the most wanted first. */
static int
most_wanted_first(const void *a, const void *b, void *keyed)
{
	const struct name *x = *(struct name *const *)a;
	const struct name *y = *(struct name *const *)b;

	if (is_walk(x) != is_walk(y))
		return is_walk(x) ? 1 : -1;
	if (x->requests != y->requests)
		return x->requests < y->requests ? 1 : -1;
	if (x->clients != y->clients)
		return x->clients < y->clients ? 1 : -1;
	return keyed_compare_names(keyed, x, y);
}

static const struct table_column columns[] = {
	{ "Name", "file", TABLE_NAME, 0 },
	{ "Requests", "requests", TABLE_COUNT, 0 },
	{ "Clients", "clients", TABLE_COUNT, 1 },
	{ "First", "first", TABLE_TIME, 5 },
	{ "Last", "last", TABLE_TIME, 3 },
	{ "", "kind", TABLE_WORD, 1 },
	{ "Walked", "walked", TABLE_COUNT, 6 },
	{ "Near", "near", TABLE_NAME, 0 },
	{ "", "near_2", TABLE_NAME, 2 },
	{ "", "near_3", TABLE_NAME, 4 },
};

/* A name and what may have been meant. */
struct row {
	const struct name *name;
	struct near_match near[NEAR_MAX];
	size_t near_count;
};

static void
put_row(const struct missing *m, struct table *t, const struct row *row,
    size_t near_columns)
{
	const struct name *name = row->name;
	size_t i, len;
	const uint8_t *text = keyed_name(&m->names, name, &len);

	table_text(t, text, len);
	table_number(t, name->requests);
	table_number(t, name->clients);
	table_number(t, name->first_us);
	table_number(t, name->last_us);
	table_word(t, is_walk(name) ? "walk" : "missing");
	table_number(t, name->walked);
	for (i = 0; i < near_columns; i++)
		if (i < row->near_count)
			table_text(t, row->near[i].name, row->near[i].len);
		else
			table_none(t);
}

/* How many names are shown: people want to see few of the walks. */
static size_t
rows_of(const struct missing *m, void **all)
{
	size_t i, walks = 0;

	if (m->o->top != 0)
		return m->o->top < m->names.used ? m->o->top : m->names.used;
	if (m->o->form != FORM_TEXT)
		return m->names.used;
	for (i = 0; i < m->names.used && walks < WALKS_SHOWN; i++)
		walks += is_walk(all[i]);
	return i;
}

static struct row *
find_rows(struct missing *m, size_t *count)
{
	void **all = keyed_sorted(&m->names, most_wanted_first);
	const uint8_t *text;
	struct row *rows;
	size_t i, len;

	*count = rows_of(m, all);
	rows = calloc(*count + 1, sizeof(*rows));
	if (rows == NULL)
		err(1, NULL);
	near_prepare(&m->near);
	for (i = 0; i < *count; i++) {
		rows[i].name = all[i];
		text = keyed_name(&m->names, all[i], &len);
		rows[i].near_count = near_find(&m->near, text, len,
		    is_walk(all[i]), rows[i].near);
	}
	free(all);
	return rows;
}

static struct table *
table_of(struct missing *m)
{
	size_t i, count, near_columns = NEAR_MAX;
	struct row *rows = find_rows(m, &count);
	struct table *t;

	/* people see no column that is empty */
	if (m->o->form == FORM_TEXT)
		for (near_columns = 1, i = 0; i < count; i++)
			if (rows[i].near_count > near_columns)
				near_columns = rows[i].near_count;
	t = table_new(columns, TABLE_LENGTH(columns) - NEAR_MAX + near_columns);
	for (i = 0; i < count; i++)
		put_row(m, t, &rows[i], near_columns);
	free(rows);
	return t;
}

static void
print_notes(const struct missing *m)
{
	if (m->names.left_out != 0)
		printf("  %" PRIu64 " requests for more than %zu names were "
		    "left out\n", m->names.left_out, m->names.max);
	if (m->pairs.left_out != 0)
		puts("  Clients are more than shown: too many to tell apart");
	if (m->near.is_cut || m->near.looks == 0)
		puts("  Near names were not looked for among all that exist");
}

static void
print_text(struct missing *m)
{
	struct table *t = table_of(m);

	scan_head_text(stdout, "TFTP, not found", &m->result, &m->o->style);
	printf("  Requests that found nothing: %" PRIu64 ", for %zu name%s\n",
	    m->requests, m->names.used, m->names.used == 1 ? "" : "s");
	print_notes(m);
	putchar('\n');
	table_print_text(t, &m->o->style, table_terminal_width(), stdout);
	if (table_rows(t) < m->names.used && m->o->top == 0)
		printf("... and %zu more names that were only walked through; "
		    "-n shows them\n", m->names.used - table_rows(t));
	table_free(t);
}

static void
print_json(struct missing *m)
{
	struct table *t = table_of(m);
	struct json j = { .out = stdout };

	scan_head_json(&j, "missing", &m->result);
	json_int(&j, "notfound", m->requests);
	json_int(&j, "name_count", m->names.used);
	json_int(&j, "requests_left_out", m->names.left_out);
	json_int(&j, "clients_are_least", m->pairs.left_out != 0);
	json_int(&j, "near_is_cut", m->near.is_cut || m->near.looks == 0);
	table_print_json(t, &j, "names");
	json_close(&j, '}');
	putchar('\n');
	table_free(t);
}

static void
print_csv(struct missing *m)
{
	struct table *t = table_of(m);

	table_print_csv(t, stdout);
	table_free(t);
}

static void
print(struct missing *m, const struct filter *f)
{
	if (m->requests == 0)
		command_note_empty(m->o, f);
	if (m->o->form == FORM_JSON)
		print_json(m);
	else if (m->o->form == FORM_CSV)
		print_csv(m);
	else if (m->requests != 0)
		print_text(m);
}

static void
free_all(struct missing *m)
{
	keyed_free(&m->names);
	keyed_free(&m->clients);
	keyed_free(&m->served);
	keyed_free(&m->pairs);
	near_free(&m->near);
}

int
command_missing(const struct options *o)
{
	struct filter f = command_window(o);
	struct missing m = { .o = o };
	const struct scan_handler handler = { .arg = &m, .on_end = on_end };
	int ret;

	keyed_init(&m.names, sizeof(struct name), NAMES_MAX);
	keyed_init(&m.clients, sizeof(struct client), CLIENTS_MAX);
	keyed_init(&m.served, 1, NAMES_MAX);
	keyed_init(&m.pairs, 1, PAIRS_MAX);
	near_init(&m.near);
	ret = scan_run(o, &f, &handler, &m.result);
	if (ret == 0 && o->root != NULL) {
		ret = near_add_tree(&m.near, o->root);
		if (ret != 0)
			warnx("%s: %s", o->root, strerror(-ret));
	}
	if (ret == 0)
		print(&m, &f);
	free_all(&m);
	return ret == 0 ? command_finish() : 1;
}
