#include "config.h"

#include "stats/snmpmib.h"
#include "stats/sum.h"

#define AT(member)	offsetof(struct rollup_counters, member)

/* The numbers of SIMPLE-TFTPD-MIB, below its tftpdObjects. */
enum {
	OBJECTS = 1,
	SERVER = 1, TOTALS, LOG, CLASSES, OPS, OUTCOMES, MEASURES, BUCKETS,
	TABLE_ENTRY = 1
};

enum { MIB_TRUE = 1, MIB_FALSE = 2 };
enum { CONF_GOOD = 1, CONF_BAD, CONF_UNKNOWN };
enum { OP_READ = 1, OP_WRITE, OP_UNKNOWN };

struct filler {
	struct snmptree *tree;
	const struct snmpoid *base;
	const struct snmpmib_facts *facts;
};

/* ---- places ---------------------------------------------------------- */

static void
put_scalar(const struct filler *fi, uint32_t group, uint32_t object,
    enum snmptree_type type, uint64_t number)
{
	const uint32_t below[] = { OBJECTS, group, object, 0 };

	snmptree_add(fi->tree, fi->base, below, 4, type, number);
}

static void
put_flag(const struct filler *fi, uint32_t group, uint32_t object, bool flag)
{
	put_scalar(fi, group, object, SNMPTREE_INTEGER,
	    flag ? MIB_TRUE : MIB_FALSE);
}

static void
put_text(const struct filler *fi, uint32_t group, uint32_t object,
    const char *text)
{
	const uint32_t below[] = { OBJECTS, group, object, 0 };

	snmptree_add_text(fi->tree, fi->base, below, 4, text);
}

/* A table's index: up to three numbers. */
struct row {
	uint32_t index[3];
	size_t len;
};

static void
put_cell(const struct filler *fi, uint32_t table, uint32_t column,
    const struct row *row, enum snmptree_type type, uint64_t number)
{
	uint32_t below[SNMPTREE_BELOW_MAX] = { OBJECTS, table, TABLE_ENTRY,
		column };
	size_t i;

	for (i = 0; i < row->len; i++)
		below[4 + i] = row->index[i];
	snmptree_add(fi->tree, fi->base, below, 4 + row->len, type, number);
}

static uint32_t
op_index(unsigned op)
{
	return op == TRANSLOG_READ ? OP_READ : op == TRANSLOG_WRITE ?
	    OP_WRITE : OP_UNKNOWN;
}

/* The number, or the array of them, at that offset. */
static const uint64_t *
values_at(const struct filler *fi, size_t at)
{
	return (const uint64_t *)(const void *)
	    ((const char *)&fi->facts->metrics.rollup.counters + at);
}

/* ---- scalars --------------------------------------------------------- */

static void
put_server(const struct filler *fi)
{
	const struct snmpmib_facts *f = fi->facts;
	const struct prometheus_facts *m = &f->metrics;

	put_text(fi, SERVER, 1, PACKAGE_VERSION);
	put_flag(fi, SERVER, 2, prometheus_is_up(m));
	put_flag(fi, SERVER, 3, m->is_running);
	if (m->is_running)
		put_scalar(fi, SERVER, 4, SNMPTREE_TIME, m->started_us);
	put_scalar(fi, SERVER, 5, SNMPTREE_INTEGER, !m->is_running ?
	    CONF_UNKNOWN : m->conf_is_bad ? CONF_BAD : CONF_GOOD);
	if (m->has_table)
		put_scalar(fi, SERVER, 6, SNMPTREE_GAUGE,
		    m->active[TRANSLOG_READ] + m->active[TRANSLOG_WRITE]);
	put_scalar(fi, SERVER, 7, SNMPTREE_GAUGE, m->rollup.open);
	put_scalar(fi, SERVER, 8, SNMPTREE_INTEGER, (uint64_t)f->health + 1);
	put_text(fi, SERVER, 9, f->health_text);
}

static uint64_t
ended(const struct rollup_counters *k)
{
	unsigned op, outcome;
	uint64_t sum = 0;

	for (op = 0; op < ROLLUP_OPS; op++)
		for (outcome = 0; outcome < OUTCOME_COUNT; outcome++)
			sum_add(&sum, k->outcomes[op][outcome]);
	return sum;
}

static void
put_counters(const struct filler *fi)
{
	static const struct {
		uint32_t group, object;
		size_t at;
	} counters[] = {
		{ TOTALS, 2, AT(starts) }, { TOTALS, 3, AT(requests) },
		{ TOTALS, 4, AT(repeats) }, { TOTALS, 5, AT(ignored) },
		{ TOTALS, 6, AT(dropped) }, { LOG, 4, AT(lines) },
		{ LOG, 5, AT(bad_lines) }, { LOG, 6, AT(gaps) },
		{ LOG, 7, AT(rebuilds) },
	};
	size_t i;

	for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		put_scalar(fi, counters[i].group, counters[i].object,
		    SNMPTREE_COUNTER64, *values_at(fi, counters[i].at));
}

static void
put_totals(const struct filler *fi)
{
	const struct rollup_counters *k = &fi->facts->metrics.rollup.counters;

	put_scalar(fi, TOTALS, 1, SNMPTREE_COUNTER64, ended(k));
	put_scalar(fi, TOTALS, 7, SNMPTREE_TIME, k->since_us);
}

static void
put_log(const struct filler *fi)
{
	const struct prometheus_facts *m = &fi->facts->metrics;

	put_flag(fi, LOG, 1, prometheus_has_log(m));
	put_text(fi, LOG, 2, fi->facts->log_problem);
	put_scalar(fi, LOG, 3, SNMPTREE_COUNTER64, m->rollup.log_bytes);
	put_flag(fi, LOG, 8, m->rollup.is_saved);
	put_scalar(fi, LOG, 9, SNMPTREE_GAUGE, m->took_us);
}

/* ---- tables ---------------------------------------------------------- */

static uint64_t
of_class(const struct rollup_counters *k, unsigned class)
{
	unsigned op, outcome;
	uint64_t sum = 0;

	for (op = 0; op < ROLLUP_OPS; op++)
		for (outcome = 1; outcome < OUTCOME_COUNT; outcome++)
			if (outcome_class((enum outcome)outcome) == class)
				sum_add(&sum, k->outcomes[op][outcome]);
	return sum;
}

static void
put_classes(const struct filler *fi)
{
	const struct rollup_counters *k = &fi->facts->metrics.rollup.counters;
	uint64_t now_us = fi->facts->now_us, last_us;
	unsigned class;

	for (class = 0; class < OUTCOME_CLASS_COUNT; class++) {
		const struct row row = { { class + 1 }, 1 };

		put_cell(fi, CLASSES, 2, &row, SNMPTREE_COUNTER64,
		    of_class(k, class));
		last_us = k->last_us[class];
		if (last_us == 0)
			continue;
		put_cell(fi, CLASSES, 3, &row, SNMPTREE_TIME, last_us);
		put_cell(fi, CLASSES, 4, &row, SNMPTREE_GAUGE,
		    last_us > now_us ? 0 : (now_us - last_us) / 1000000);
	}
}

static void
put_ops(const struct filler *fi)
{
	static const size_t columns[] = { AT(bytes), AT(packets_sent),
		AT(packets_received), AT(retransmits), AT(timeouts),
		AT(duplicates) };
	const struct prometheus_facts *m = &fi->facts->metrics;
	unsigned op;
	size_t i;

	for (op = TRANSLOG_READ; op <= TRANSLOG_WRITE; op++) {
		const struct row row = { { op_index(op) }, 1 };

		for (i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
			put_cell(fi, OPS, (uint32_t)i + 2, &row,
			    SNMPTREE_COUNTER64,
			    values_at(fi, columns[i])[op]);
		if (m->has_table)
			put_cell(fi, OPS, 8, &row, SNMPTREE_GAUGE,
			    m->active[op]);
	}
}

/*
 * Every row is there from the beginning, as in the metrics: what is no read
 * and no write can only be refused.
 */
static void
put_outcomes(const struct filler *fi)
{
	const struct rollup_counters *k = &fi->facts->metrics.rollup.counters;
	enum outcome_class class;
	unsigned op, outcome;

	for (op = TRANSLOG_NO_OP; op <= TRANSLOG_WRITE; op++) {
		for (outcome = 1; outcome < OUTCOME_COUNT; outcome++) {
			const struct row row = { { op_index(op), outcome },
				2 };

			class = outcome_class((enum outcome)outcome);
			if (op == TRANSLOG_NO_OP &&
			    class != OUTCOME_CLASS_REFUSED &&
			    k->outcomes[op][outcome] == 0)
				continue;
			put_cell(fi, OUTCOMES, 3, &row, SNMPTREE_COUNTER64,
			    k->outcomes[op][outcome]);
			put_cell(fi, OUTCOMES, 4, &row, SNMPTREE_INTEGER,
			    (uint64_t)class + 1);
		}
	}
}

static const struct {
	size_t at;
	const uint64_t *bounds;
} measures[] = {
	{ AT(duration), rollup_duration_us },
	{ AT(size), rollup_size_bytes },
	{ AT(first_reply), rollup_reply_us },
};

static void
put_hist(const struct filler *fi, uint32_t measure, unsigned op)
{
	const struct rollup_hist *h = (const struct rollup_hist *)(const void *)
	    values_at(fi, measures[measure].at) + op;
	struct row row = { { measure + 1, op_index(op) }, 3 };
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < ROLLUP_BUCKETS; i++) {
		sum += h->buckets[i];
		row.index[2] = i + 1;
		if (i != ROLLUP_BUCKETS - 1)
			put_cell(fi, BUCKETS, 4, &row, SNMPTREE_COUNTER64,
			    measures[measure].bounds[i]);
		put_cell(fi, BUCKETS, 5, &row, SNMPTREE_COUNTER64, sum);
	}
	row.len = 2;
	put_cell(fi, MEASURES, 3, &row, SNMPTREE_COUNTER64, sum);
	put_cell(fi, MEASURES, 4, &row, SNMPTREE_COUNTER64, h->sum);
}

void
snmpmib_add_own(struct snmptree *t, const struct snmpoid *base,
    const struct snmpmib_facts *f)
{
	const struct filler fi = { t, base, f };
	uint32_t i;

	put_server(&fi);
	put_totals(&fi);
	put_log(&fi);
	put_counters(&fi);
	put_classes(&fi);
	put_ops(&fi);
	put_outcomes(&fi);
	for (i = 0; i < sizeof(measures) / sizeof(measures[0]); i++) {
		put_hist(&fi, i, TRANSLOG_READ);
		put_hist(&fi, i, TRANSLOG_WRITE);
	}
}

/* ---- applTable ------------------------------------------------------- */

#define APPL_ROW	1	/* applIndex: there is one server */

enum { APPL_UP = 1, APPL_DOWN = 2 };

/* The agent's sysUpTime at a moment; 0 when that was before it began. */
static uint64_t
in_ticks(const struct snmpmib_facts *f, uint64_t at_us)
{
	uint64_t ago_us = f->now_us > at_us ? f->now_us - at_us : 0;

	return ago_us > f->agent_us ? 0 : (f->agent_us - ago_us) / 10000;
}

/* When a client was here last; it is still, while a transfer runs. */
static uint64_t
last_activity_us(const struct snmpmib_facts *f)
{
	const struct prometheus_facts *m = &f->metrics;
	uint64_t latest_us = 0;
	unsigned class;

	if (m->active[TRANSLOG_READ] + m->active[TRANSLOG_WRITE] != 0)
		return f->now_us;
	for (class = 0; class < OUTCOME_CLASS_COUNT; class++)
		if (m->rollup.counters.last_us[class] > latest_us)
			latest_us = m->rollup.counters.last_us[class];
	return latest_us;
}

static void
put_appl(const struct filler *fi, uint32_t column, enum snmptree_type type,
    uint64_t number)
{
	const uint32_t below[] = { TABLE_ENTRY, column, APPL_ROW };

	snmptree_add(fi->tree, fi->base, below, 3, type, number);
}

static void
put_appl_text(const struct filler *fi, uint32_t column, const char *text)
{
	const uint32_t below[] = { TABLE_ENTRY, column, APPL_ROW };

	snmptree_add_text(fi->tree, fi->base, below, 3, text);
}

/* It never is the one who asks. */
static void
put_outbound(const struct filler *fi)
{
	put_appl(fi, 9, SNMPTREE_GAUGE, 0);
	put_appl(fi, 11, SNMPTREE_COUNTER, 0);
	put_appl(fi, 13, SNMPTREE_TICKS, 0);
	put_appl(fi, 15, SNMPTREE_COUNTER, 0);
}

void
snmpmib_add_appl(struct snmptree *t, const struct snmpoid *base,
    const struct snmpmib_facts *f)
{
	const struct filler fi = { t, base, f };
	const struct prometheus_facts *m = &f->metrics;
	const struct rollup_counters *k = &m->rollup.counters;

	put_appl_text(&fi, 2, "tftpd");
	put_appl_text(&fi, 3, "");
	put_appl_text(&fi, 4, PACKAGE_VERSION);
	put_appl(&fi, 5, SNMPTREE_TICKS,
	    m->is_running ? in_ticks(f, m->started_us) : 0);
	put_appl(&fi, 6, SNMPTREE_INTEGER,
	    prometheus_is_up(m) ? APPL_UP : APPL_DOWN);
	put_appl(&fi, 7, SNMPTREE_TICKS, in_ticks(f, f->changed_us));
	put_appl(&fi, 8, SNMPTREE_GAUGE,
	    m->active[TRANSLOG_READ] + m->active[TRANSLOG_WRITE]);
	put_appl(&fi, 10, SNMPTREE_COUNTER, k->starts);
	put_appl(&fi, 12, SNMPTREE_TICKS, in_ticks(f, last_activity_us(f)));
	put_appl(&fi, 14, SNMPTREE_COUNTER,
	    of_class(k, OUTCOME_CLASS_REFUSED));
	put_outbound(&fi);
	put_appl_text(&fi, 16, "TFTP server (" PACKAGE_NAME ")");
	put_appl_text(&fi, 17, PACKAGE_URL);
}
