/*
 * t-snmp - identifiers, the tree of values, snmpd's protocol, and counters
 * for a long life.
 */
#include "config.h"

#include <inttypes.h>
#include <sys/socket.h>

#include "stats/snmpmib.h"
#include "stats/snmpstore.h"
#include "stats/snmptalk.h"
#include "t-work.h"

#define TS_US	UINT64_C(1795356000000000)

static struct snmpoid
oid_of(const char *text)
{
	struct snmpoid oid;

	if (!snmpoid_parse(text, strlen(text), &oid))
		abort();
	return oid;
}

/* xorshift: the same numbers in each run. */
static uint32_t
draw(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* ---- identifiers ----------------------------------------------------- */

static const struct {
	const char *what, *text;
	size_t len;		/* numbers; 0: it is none */
	uint32_t last;
} oids[] = {
	{ "as snmpd writes it", ".1.3.6.1", 4, 1 },
	{ "without the first dot", "1.3.6.1", 4, 1 },
	{ "one number", ".1", 1, 1 },
	{ "zero", "0", 1, 0 },
	{ "the largest number", ".1.4294967295", 2, UINT32_MAX },
	{ "a number that is too large", ".1.4294967296", 0, 0 },
	{ "a number of many digits", "1.99999999999999999999999", 0, 0 },
	{ "zeroes in front", ".1.007", 2, 7 },
	{ "nothing", "", 0, 0 },
	{ "a dot", ".", 0, 0 },
	{ "two dots", ".1..2", 0, 0 },
	{ "two dots in front", "..1", 0, 0 },
	{ "a dot at the end", ".1.2.", 0, 0 },
	{ "a name", ".iso.3", 0, 0 },
	{ "a minus", ".1.-2", 0, 0 },
	{ "a plus", ".1.+2", 0, 0 },
	{ "a space", ".1. 2", 0, 0 },
	{ "a space at the end", ".1.2 ", 0, 0 },
	{ "a carriage return", ".1.2\r", 0, 0 },
	{ "hexadecimal", ".1.0x2", 0, 0 },
};

static void
identifiers_are_numbers_and_dots(void)
{
	struct snmpoid oid;
	char *copy;
	size_t i, len;
	bool good;

	for (i = 0; i < COUNT(oids); i++) {
		len = strlen(oids[i].text);
		copy = t_guard(oids[i].text, len);
		good = snmpoid_parse(copy, len, &oid);
		t_unguard(copy, len);
		T_OK(good == (oids[i].len != 0), oids[i].what);
		if (good && oids[i].len != 0)
			T_OK(oid.len == oids[i].len && oid.sub[oid.len - 1] ==
			    oids[i].last, oids[i].what);
	}
}

static void
an_identifier_has_at_most_128_numbers(void)
{
	char text[SNMPOID_TEXT_MAX], back[SNMPOID_TEXT_MAX];
	struct snmpoid oid;
	size_t len = 0;
	unsigned i;

	for (i = 0; i < SNMPOID_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, ".%s",
		    "4294967295");
	T_OK(snmpoid_parse(text, len, &oid) && oid.len == SNMPOID_MAX,
	    "128 of the largest are one");
	T_OK(strcmp(snmpoid_text(&oid, back), text) == 0,
	    "and come back as they were");
	memset(text, '1', sizeof(text));
	for (i = 1; i < 2 * (SNMPOID_MAX + 1); i += 2)
		text[i] = '.';
	T_OK(snmpoid_parse(text, 2 * SNMPOID_MAX - 1, &oid), "128");
	T_OK(!snmpoid_parse(text, 2 * SNMPOID_MAX + 1, &oid), "129");
}

static void
the_order_is_that_of_the_numbers(void)
{
	static const char *const ordered[] = { ".0", ".1", ".1.0", ".1.2",
		".1.2.0", ".1.2.4294967295", ".1.10", ".1.10.1", ".1.100",
		".2", ".10", ".4294967295" };
	struct snmpoid a, b;
	size_t i, k;
	int got;

	for (i = 0; i < COUNT(ordered); i++) {
		for (k = 0; k < COUNT(ordered); k++) {
			a = oid_of(ordered[i]);
			b = oid_of(ordered[k]);
			got = snmpoid_compare(a.sub, a.len, b.sub, b.len);
			T_OK((got > 0) - (got < 0) == (i > k) - (i < k),
			    ordered[i]);
		}
	}
}

/* ---- the tree -------------------------------------------------------- */

/* Short ones of few numbers: many of them meet. */
static struct snmpoid
any_oid(uint32_t *seed, const struct snmpoid *roots)
{
	static const uint32_t numbers[] = { 0, 1, 2, 9, 10, 11, 100,
		INT32_MAX, UINT32_MAX };
	struct snmpoid oid = { .len = 0 };
	size_t len = draw(seed) % 6, i;

	if (draw(seed) % 8 != 0)
		oid = roots[draw(seed) % 2];
	if (draw(seed) % 16 == 0)
		oid.len -= oid.len == 0 ? 0 : draw(seed) % oid.len;
	for (i = 0; i < len || oid.len == 0; i++)
		oid.sub[oid.len++] = numbers[draw(seed) % COUNT(numbers)];
	return oid;
}

static struct snmpoid
place_of(const struct snmptree_value *v)
{
	struct snmpoid oid = *v->root;
	size_t i;

	for (i = 0; i < v->len; i++)
		oid.sub[oid.len++] = v->below[i];
	return oid;
}

static int
compare(const struct snmpoid *a, const struct snmpoid *b)
{
	return snmpoid_compare(a->sub, a->len, b->sub, b->len);
}

static bool
stands_at(const struct snmptree_value *v, const struct snmpoid *oid)
{
	struct snmpoid place = place_of(v);

	return compare(&place, oid) == 0;
}

/* Some 60 values at different places below the two roots. */
static void
grow(struct snmptree *t, const struct snmpoid *roots, uint32_t *seed)
{
	struct snmpoid oid;
	unsigned i, root;
	size_t k;

	for (i = 0; i < 100; i++) {
		oid = any_oid(seed, roots);
		root = snmpoid_is_below(&oid, &roots[1]);
		if (!snmpoid_is_below(&oid, &roots[root]) ||
		    oid.len == roots[root].len)
			continue;
		for (k = 0; k < t->count; k++)
			if (stands_at(&t->values[k], &oid))
				break;
		if (k == t->count)
			snmptree_add(t, &roots[root],
			    oid.sub + roots[root].len,
			    oid.len - roots[root].len, SNMPTREE_GAUGE, i);
	}
	snmptree_sort(t);
}

/* The answer of somebody who looks at all of them. */
static const struct snmptree_value *
next_by_hand(const struct snmptree *t, const struct snmpoid *roots,
    const struct snmpoid *oid)
{
	const struct snmptree_value *best = NULL;
	struct snmpoid place, best_place = { .len = 0 };
	size_t i;

	for (i = 0; i < t->count; i++) {
		place = place_of(&t->values[i]);
		if (compare(&place, oid) <= 0 ||
		    (best != NULL && compare(&place, &best_place) >= 0))
			continue;
		best = &t->values[i];
		best_place = place;
	}
	for (i = 0; best != NULL && i < 2; i++)
		if (snmpoid_is_below(oid, &roots[i]) &&
		    !snmpoid_is_below(&best_place, &roots[i]))
			best = NULL;
	return best;
}

/* From the root on; how many came, each behind the one before. */
static size_t
walk(const struct snmptree *t, const struct snmpoid *root)
{
	struct snmpoid at = *root, place;
	const struct snmptree_value *v;
	size_t count = 0;

	while ((v = snmptree_next(t, &at)) != NULL && count <= t->count) {
		place = place_of(v);
		T_OK(compare(&at, &place) < 0, "a walk goes forward");
		T_OK(snmptree_get(t, &place) == v, "and what it finds is got");
		at = place;
		count++;
	}
	return count;
}

static void
a_walk_meets_everything_once_in_order(void)
{
	struct snmpoid roots[2] = { oid_of(".1.10"), oid_of(".1.9.4") }, oid;
	struct snmptree t = { .count = 0 };
	const struct snmptree_value *got;
	uint32_t seed = 20261123;
	unsigned round, i;

	for (round = 0; round < 20; round++) {
		snmptree_clear(&t);
		grow(&t, roots, &seed);
		T_OK(t.count > 20, "the tree has values");
		T_OK(walk(&t, &roots[0]) + walk(&t, &roots[1]) == t.count,
		    "each value is met once");
		for (i = 0; i < 500; i++) {
			oid = any_oid(&seed, roots);
			T_OK(snmptree_next(&t, &oid) ==
			    next_by_hand(&t, roots, &oid),
			    "the next of anything");
			got = snmptree_get(&t, &oid);
			T_OK(got == NULL || stands_at(got, &oid),
			    "what is got stands there");
		}
	}
	snmptree_free(&t);
	oid = oid_of(".1");
	T_OK(snmptree_next(&t, &oid) == NULL, "an empty tree has nothing");
	T_OK(snmptree_get(&t, &oid) == NULL, "nor there");
}

/* ---- printing -------------------------------------------------------- */

/* What is told of a value, to be freed. */
static char *
text_of(const struct snmptree_value *v)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		abort();
	snmptree_print(v, out);
	if (fclose(out) != 0)
		abort();
	return text;
}

static const struct {
	const char *what;
	enum snmptree_type type;
	uint64_t number;
	const char *text, *line;
} printed[] = {
	{ "an integer", SNMPTREE_INTEGER, 3, NULL, "integer\n3" },
	{ "a gauge", SNMPTREE_GAUGE, 7, NULL, "gauge\n7" },
	{ "a gauge at its top", SNMPTREE_GAUGE, UINT64_MAX, NULL,
	    "gauge\n4294967295" },
	{ "a counter", SNMPTREE_COUNTER, UINT32_MAX, NULL,
	    "counter\n4294967295" },
	{ "a counter that wraps", SNMPTREE_COUNTER, UINT64_C(4294967296) + 5,
	    NULL, "counter\n5" },
	{ "a large counter", SNMPTREE_COUNTER64, UINT64_MAX, NULL,
	    "counter64\n18446744073709551615" },
	{ "ticks", SNMPTREE_TICKS, 12345, NULL, "timeticks\n12345" },
	{ "a time", SNMPTREE_TIME, UINT64_C(1795388640987654), NULL,
	    "octet\n07 EA 0B 16 17 04 00 09 2B 00 00" },
	{ "1970", SNMPTREE_TIME, 0, NULL,
	    "octet\n07 B2 01 01 00 00 00 00 2B 00 00" },
	{ "a text", SNMPTREE_TEXT, 0, "pxelinux.0", "string\npxelinux.0" },
	{ "no text", SNMPTREE_TEXT, 0, "", "string\n" },
	{ "a text in UTF-8", SNMPTREE_TEXT, 0, "k\303\274hl",
	    "string\nk\303\274hl" },
	{ "a text with lines", SNMPTREE_TEXT, 0, "a\nNONE\r\tb\177",
	    "string\na?NONE??b?" },
};

static void
a_value_is_three_lines(void)
{
	struct snmpoid root = oid_of(".1.3");
	struct snmptree_value v = { .root = &root, .below = { 4, 0 },
		.len = 2 };
	char wanted[128], *got;
	size_t i;

	for (i = 0; i < COUNT(printed); i++) {
		v.type = printed[i].type;
		v.number = printed[i].number;
		v.text = printed[i].text;
		snprintf(wanted, sizeof(wanted), ".1.3.4.0\n%s\n",
		    printed[i].line);
		got = text_of(&v);
		T_OK(strcmp(got, wanted) == 0, printed[i].what);
		free(got);
	}
}

static void
a_long_text_is_cut_at_a_character(void)
{
	struct snmpoid root = oid_of(".1.3");
	struct snmptree_value v = { .root = &root, .len = 0,
		.type = SNMPTREE_TEXT };
	char text[400], *got;
	size_t i, len;

	for (i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\303\274", 3);
	v.text = text;
	got = text_of(&v);
	len = strlen(got) - strlen(".1.3\nstring\n\n");
	T_OK(len == 254, "254 bytes, the 255th is half a character");
	free(got);
}

/* ---- the values ------------------------------------------------------ */

static struct snmpmib_facts
some_facts(void)
{
	struct snmpmib_facts f = {
		.metrics = { .has_table = true, .is_running = true,
		    .started_us = TS_US, .active = { 0, 3, 1 },
		    .took_us = 1234 },
		.now_us = TS_US + UINT64_C(60) * 1000000,
		.agent_us = UINT64_C(50) * 1000000,
		.changed_us = TS_US + UINT64_C(20) * 1000000,
		.health = FINDINGS_CRITICAL, .health_text = "log: full",
	};
	struct rollup_counters *k = &f.metrics.rollup.counters;

	k->outcomes[TRANSLOG_READ][OUTCOME_COMPLETE] = 7;
	k->outcomes[TRANSLOG_WRITE][OUTCOME_TIMEOUT] = 2;
	k->outcomes[TRANSLOG_NO_OP][OUTCOME_INVALID] = 5;
	k->bytes[TRANSLOG_READ] = UINT64_MAX;
	k->retransmits[TRANSLOG_WRITE] = 6;
	k->duration[TRANSLOG_READ] = (struct rollup_hist){
		.buckets = { 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4 },
		.sum = 1000000005,
	};
	k->last_us[OUTCOME_CLASS_FAILURE] = TS_US + 500000;
	k->starts = UINT64_C(4294967296) + 8;
	k->gaps = 3;
	k->since_us = TS_US;
	f.metrics.rollup.open = 11;
	f.metrics.rollup.log_bytes = UINT64_C(5000000000);
	f.metrics.rollup.is_saved = true;
	return f;
}

#define OWN	".1.4"

static const struct {
	const char *what, *oid, *value;	/* NULL: it is not there */
} mib_values[] = {
	{ "the version", OWN ".1.1.1.0", "string\n" PACKAGE_VERSION },
	{ "up", OWN ".1.1.2.0", "integer\n1" },
	{ "running", OWN ".1.1.3.0", "integer\n1" },
	{ "the configuration", OWN ".1.1.5.0", "integer\n1" },
	{ "active", OWN ".1.1.6.0", "gauge\n4" },
	{ "open", OWN ".1.1.7.0", "gauge\n11" },
	{ "health", OWN ".1.1.8.0", "integer\n4" },
	{ "its text", OWN ".1.1.9.0", "string\nlog: full" },
	{ "ended", OWN ".1.2.1.0", "counter64\n14" },
	{ "started", OWN ".1.2.2.0", "counter64\n4294967304" },
	{ "readable", OWN ".1.3.1.0", "integer\n1" },
	{ "the log's size", OWN ".1.3.3.0", "counter64\n5000000000" },
	{ "gaps", OWN ".1.3.6.0", "counter64\n3" },
	{ "saved", OWN ".1.3.8.0", "integer\n1" },
	{ "took", OWN ".1.3.9.0", "gauge\n1234" },
	{ "success", OWN ".1.4.1.2.1", "counter64\n7" },
	{ "refused", OWN ".1.4.1.2.3", "counter64\n5" },
	{ "failure", OWN ".1.4.1.2.4", "counter64\n2" },
	{ "the last failure", OWN ".1.4.1.4.4", "gauge\n59" },
	{ "no last success", OWN ".1.4.1.3.1", NULL },
	{ "the index of a class", OWN ".1.4.1.1.1", NULL },
	{ "bytes", OWN ".1.5.1.2.1", "counter64\n18446744073709551615" },
	{ "retransmits", OWN ".1.5.1.5.2", "counter64\n6" },
	{ "active reads", OWN ".1.5.1.8.1", "gauge\n3" },
	{ "no third operation", OWN ".1.5.1.2.3", NULL },
	{ "complete reads", OWN ".1.6.1.3.1.1", "counter64\n7" },
	{ "their class", OWN ".1.6.1.4.1.1", "integer\n1" },
	{ "writes that met silence", OWN ".1.6.1.3.2.11", "counter64\n2" },
	{ "no request at all", OWN ".1.6.1.3.3.8", "counter64\n5" },
	{ "what nobody asked for is not complete", OWN ".1.6.1.3.3.1", NULL },
	{ "how many durations", OWN ".1.7.1.3.1.1", "counter64\n7" },
	{ "their sum", OWN ".1.7.1.4.1.1", "counter64\n1000000005" },
	{ "a bound", OWN ".1.8.1.4.1.1.2", "counter64\n25000" },
	{ "up to it", OWN ".1.8.1.5.1.1.2", "counter64\n3" },
	{ "no last bound", OWN ".1.8.1.4.1.1.12", NULL },
	{ "all", OWN ".1.8.1.5.1.1.12", "counter64\n7" },
	{ "applUptime: before the agent", ".1.3.1.5.1", "timeticks\n0" },
	{ "applOperStatus", ".1.3.1.6.1", "integer\n1" },
	{ "applLastChange", ".1.3.1.7.1", "timeticks\n1000" },
	{ "applInboundAssociations", ".1.3.1.8.1", "gauge\n4" },
	{ "accumulated", ".1.3.1.10.1", "counter\n8" },
	{ "last activity: now", ".1.3.1.12.1", "timeticks\n5000" },
	{ "rejected", ".1.3.1.14.1", "counter\n5" },
	{ "no index", ".1.3.1.1.1", NULL },
};

static const struct {
	const char *what, *oid, *value;
} absent_values[] = {
	{ "down", OWN ".1.1.2.0", "integer\n2" },
	{ "not running", OWN ".1.1.3.0", "integer\n2" },
	{ "no start", OWN ".1.1.4.0", NULL },
	{ "configuration unknown", OWN ".1.1.5.0", "integer\n3" },
	{ "no active ones", OWN ".1.1.6.0", NULL },
	{ "not readable", OWN ".1.3.1.0", "integer\n2" },
	{ "why", OWN ".1.3.2.0", "string\nlog: no" },
	{ "no active reads", OWN ".1.5.1.8.1", NULL },
	{ "counters are there", OWN ".1.6.1.3.1.1", "counter64\n7" },
	{ "applUptime", ".1.3.1.5.1", "timeticks\n0" },
	{ "applOperStatus", ".1.3.1.6.1", "integer\n2" },
	{ "applInboundAssociations", ".1.3.1.8.1", "gauge\n0" },
	{ "the last activity", ".1.3.1.12.1", "timeticks\n0" },
};

static void
expect_value(const struct snmptree *t, const char *what, const char *place,
    const char *value)
{
	struct snmpoid oid = oid_of(place);
	const struct snmptree_value *v = snmptree_get(t, &oid);
	char *got;

	T_OK((v == NULL) == (value == NULL), what);
	if (v == NULL || value == NULL)
		return;
	got = text_of(v);
	T_OK(strncmp(got, place, strlen(place)) == 0 &&
	    strncmp(got + strlen(place) + 1, value, strlen(value)) == 0 &&
	    strcmp(got + strlen(place) + 1 + strlen(value), "\n") == 0, what);
	free(got);
}

static void
plant(struct snmptree *t, const struct snmpoid *own,
    const struct snmpoid *appl, const struct snmpmib_facts *f)
{
	snmptree_clear(t);
	snmpmib_add_own(t, own, f);
	snmpmib_add_appl(t, appl, f);
	snmptree_sort(t);
}

static void
each_value_stands_at_its_place(void)
{
	struct snmpoid own = oid_of(OWN), appl = oid_of(".1.3");
	struct snmpmib_facts f = some_facts();
	struct snmptree t = { .count = 0 };
	size_t i;

	plant(&t, &own, &appl, &f);
	for (i = 0; i < COUNT(mib_values); i++)
		expect_value(&t, mib_values[i].what, mib_values[i].oid,
		    mib_values[i].value);
	T_OK(walk(&t, &own) + walk(&t, &appl) == t.count,
	    "no two at one place");
	f.metrics.has_table = f.metrics.is_running = false;
	f.metrics.active[TRANSLOG_READ] = f.metrics.active[TRANSLOG_WRITE] = 0;
	f.metrics.log_err = -EACCES;
	strcpy(f.log_problem, "log: no");
	plant(&t, &own, &appl, &f);
	for (i = 0; i < COUNT(absent_values); i++)
		expect_value(&t, absent_values[i].what, absent_values[i].oid,
		    absent_values[i].value);
	snmptree_free(&t);
}

/* ---- talking --------------------------------------------------------- */

static const struct snmptree *
same_tree(void *arg)
{
	return arg;
}

/*
 * What is answered to these pieces, each a write of its own, which a socket
 * of type SOCK_SEQPACKET keeps apart.
 */
static char *
answers_to(const char *const *pieces, size_t count, int type,
    const struct snmptree *t)
{
	const struct snmptalk_source source = { .arg = (void *)(uintptr_t)t,
		.look = same_tree };
	char *text = NULL;
	size_t len = 0, i;
	FILE *out;
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, type, 0, fds) == -1)
		abort();
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		for (i = 0; i < count; i++)
			if (send(fds[1], pieces[i], strlen(pieces[i]),
			    MSG_NOSIGNAL) == -1)
				break;
		_exit(0);
	}
	close(fds[1]);
	out = open_memstream(&text, &len);
	if (out == NULL)
		abort();
	T_OK(snmptalk_serve(fds[0], out, &source) == 0, "it can be read");
	close(fds[0]);
	T_OK(t_reap(pid, 0), "the writer came to its end");
	if (fclose(out) != 0)
		abort();
	return text;
}

#define VALUE	".1.3.5.0\ngauge\n42\n"

static const struct {
	const char *what, *pieces[4], *answer;
} talks[] = {
	{ "a ping", { "PING\n" }, "PONG\n" },
	{ "pings", { "PING\n", "PING\nPING\n" }, "PONG\nPONG\nPONG\n" },
	{ "a value", { "PING\n", "get\n.1.3.5.0\n" }, "PONG\n" VALUE },
	{ "no value", { "get\n.1.3.5\n" }, "NONE\n" },
	{ "the next of the root", { "getnext\n.1.3\n" }, VALUE },
	{ "the next of its parent", { "getnext\n.1\n" }, VALUE },
	{ "the next of a foreign one", { "getnext\n.1.2.99.1\n" }, VALUE },
	{ "the next of a part", { "getnext\n.1.3.5\n" }, VALUE },
	{ "the next of the last", { "getnext\n.1.3.5.0\n" }, "NONE\n" },
	{ "the next behind all", { "getnext\n.1.4\n" }, "NONE\n" },
	{ "no identifier", { "get\nfoo\n", "PING\n" }, "NONE\nPONG\n" },
	{ "an empty identifier", { "getnext\n\n", "PING\n" },
	    "NONE\nPONG\n" },
	{ "another command", { "frobnicate\n", "PING\n" },
	    "NONE\nPONG\n" },
	{ "in other letters", { "ping\n" }, "NONE\n" },
	{ "in pieces", { "PI", "NG\nge", "t\n.1.3.", "5.0\n" },
	    "PONG\n" VALUE },
	{ "set, as net-snmp 5.9.3 sends a text",
	    { "set\n.1.3.5.0\nstring \"a\"\n", "PING\n" },
	    "not-writable\nPONG\n" },
	{ "set, as net-snmp 5.9.3 sends a number",
	    { "set\n.1.3.5.0\ninteger 5\n\n", "PING\n" },
	    "not-writable\nPONG\n" },
	{ "set, as later ones send it",
	    { "set\n.1.3.5.0\ninteger 5", "PING\n" },
	    "not-writable\nPONG\n" },
	{ "set of nothing", { "set\n.9\nstring \"\"\n", "PING\n" },
	    "not-writable\nPONG\n" },
	{ "goodbye", { "PING\n", "\n", "PING\n" }, "PONG\n" },
	{ "the end within a line", { "PING\nPIN" }, "PONG\n" },
	{ "the end behind a command", { "PING\nget\n" }, "PONG\n" },
	{ "the end within a set", { "set\n.1.3\n" }, "" },
	{ "nothing", { NULL }, "" },
};

static void
each_request_gets_its_answer(void)
{
	struct snmpoid root = oid_of(".1.3");
	const uint32_t below[] = { 5, 0 };
	struct snmptree t = { .count = 0 };
	size_t i, count;
	char *got;

	snmptree_add(&t, &root, below, 2, SNMPTREE_GAUGE, 42);
	for (i = 0; i < COUNT(talks); i++) {
		for (count = 0; count < COUNT(talks[i].pieces) &&
		    talks[i].pieces[count] != NULL; count++)
			;
		got = answers_to(talks[i].pieces, count, SOCK_SEQPACKET, &t);
		T_OK(strcmp(got, talks[i].answer) == 0, talks[i].what);
		free(got);
	}
	snmptree_free(&t);
}

static void
a_long_line_is_no_request(void)
{
	struct snmptree t = { .count = 0 };
	char *line = malloc(100001), *got;
	const char *pieces[] = { line, "get\n", line, "PING\n" };

	if (line == NULL)
		abort();
	memset(line, '1', 100000);
	line[99999] = '\n';
	line[100000] = '\0';
	got = answers_to(pieces, COUNT(pieces), SOCK_STREAM, &t);
	T_OK(strcmp(got, "NONE\nNONE\nPONG\n") == 0, "and the talk goes on");
	free(got);
	free(line);
}

/* Whatever comes: as many answers as requests, and none is half. */
static void
rubbish_is_answered_and_does_no_harm(void)
{
	static const char *const words[] = { "PING", "get", "getnext", "set",
		".1.3", ".1.3.5.0", ".1.3.4294967296", "\1\2\3", "....",
		"integer 5", "NONE", ".1.3.5.0.0", " ", "PING ", "\r" };
	struct snmpoid root = oid_of(".1.3");
	const uint32_t below[] = { 5, 0 };
	struct snmptree t = { .count = 0 };
	uint32_t seed = 7;
	unsigned round, i;
	char piece[4096], *got;
	const char *const pieces[] = { piece };

	snmptree_add(&t, &root, below, 2, SNMPTREE_GAUGE, 42);
	for (round = 0; round < 100; round++) {
		piece[0] = '\0';
		for (i = draw(&seed) % 60; i != 0; i--) {
			strcat(piece, words[draw(&seed) % COUNT(words)]);
			if (draw(&seed) % 16 != 0)
				strcat(piece, "\n");
		}
		got = answers_to(pieces, 1, SOCK_STREAM, &t);
		T_OK(*got == '\0' || got[strlen(got) - 1] == '\n',
		    "whole lines");
		free(got);
	}
	snmptree_free(&t);
}

static void
it_ends_when_nobody_reads(void)
{
	struct snmptree t = { .count = 0 };
	const struct snmptalk_source source = { .arg = &t,
		.look = same_tree };
	int in[2], out[2];
	FILE *answers;

	if (pipe(in) == -1 || pipe(out) == -1)
		abort();
	answers = fdopen(out[1], "w");
	if (answers == NULL || write(in[1], "PING\n", 5) != 5)
		abort();
	(void)signal(SIGPIPE, SIG_IGN);
	close(out[0]);
	T_OK(snmptalk_serve(in[0], answers, &source) == 0,
	    "though more could come");
	(void)signal(SIGPIPE, SIG_DFL);
	(void)fclose(answers);
	close(in[0]);
	close(in[1]);
}

/* ---- counters for a long life ----------------------------------------- */

struct world {
	char dir[PATH_MAX], log[PATH_MAX], state[PATH_MAX];
	uint64_t ends;
};

static void
world_make(struct world *w)
{
	char mine[PATH_MAX];

	*w = (struct world){ .ends = 0 };
	t_tmp_make(w->dir);
	t_join(w->log, w->dir, "transfers.jsonl");
	t_join(mine, w->dir, "kept");
	if (mkdir(mine, 0755) == -1)
		abort();
	t_join(w->state, mine, "rollup");
}

/* Complete reads of 1000 bytes. */
static void
reads(struct world *w, unsigned count)
{
	int fd = open(w->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
	char line[TRANSLOG_LINE_MAX];
	struct translog_record rec;
	size_t len;

	while (count-- != 0) {
		translog_clear(&rec);
		rec.event = TRANSLOG_TRANSFER;
		rec.ts_us = TS_US + ++w->ends;
		snprintf(rec.id, sizeof(rec.id), "%016" PRIx64, w->ends);
		rec.op = TRANSLOG_READ;
		rec.outcome = OUTCOME_COMPLETE;
		rec.numbers[TRANSLOG_BYTES] = 1000;
		len = translog_format(&rec, line);
		if (fd == -1 || write(fd, line, len) != (ssize_t)len)
			abort();
	}
	close(fd);
}

static struct prometheus_facts
collect(struct snmpstore *s, const struct world *w, uint64_t ends)
{
	struct prometheus_facts f;
	const struct rollup_counters *k = &f.rollup.counters;

	snmpstore_collect(s, "/nonexistent/live", w->log, &f);
	C_OK(k->outcomes[TRANSLOG_READ][OUTCOME_COMPLETE] == ends, "ends");
	C_OK(k->bytes[TRANSLOG_READ] == ends * 1000, "bytes");
	C_OK(k->last_us[OUTCOME_CLASS_SUCCESS] <= TS_US + w->ends, "last");
	return f;
}

static bool
is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static void
keep_on_disk(const void *arg)
{
	struct world w = *(const struct world *)arg;
	struct prometheus_facts f;
	struct snmpstore s;

	reads(&w, 3);
	snmpstore_open(&s, w.state, NULL);
	C_OK(s.is_kept, "it may be written");
	f = collect(&s, &w, 3);
	C_OK(f.rollup.is_saved && is_there(w.state), "it was");
	snmpstore_close(&s);
	reads(&w, 2);
	snmpstore_open(&s, w.state, NULL);
	f = collect(&s, &w, 5);
	C_OK(f.rollup.read_bytes < f.rollup.log_bytes, "only what is new");
	/* somebody counts anew, and older logs are gone */
	if (truncate(w.log, 0) == -1)
		abort();
	reads(&w, 1);
	C_OK(rollup_carry(w.state, w.log, true, &f.rollup) == 0, "anew");
	f = collect(&s, &w, 5);
	C_OK(f.rollup.counters.rebuilds == 1, "which is told");
	reads(&w, 4);
	(void)collect(&s, &w, 9);
	unlink(w.log);
	f = collect(&s, &w, 9);
	C_OK(f.log_err == -ENOENT, "no log, and what was known");
	snmpstore_close(&s);
}

static void
keep_in_memory(const void *arg)
{
	struct world w = *(const struct world *)arg;
	char seed[PATH_MAX];
	struct prometheus_facts f;
	struct snmpstore s;

	t_join(seed, w.dir, "server");
	reads(&w, 3);
	C_OK(rollup_carry(seed, w.log, false, &f.rollup) == 0, "the server's");
	unlink(w.log);
	reads(&w, 2);
	if (chmod(w.dir, 0555) == -1 || (geteuid() == 0 &&
	    chown(w.dir, 0, 0) == -1))
		abort();
	t_drop();
	snmpstore_open(&s, seed, NULL);
	C_OK(!s.is_kept, "it may not be written");
	f = collect(&s, &w, 5);
	C_OK(f.rollup.counters.gaps == 1, "from what the server had");
	C_OK(f.rollup.read_bytes != 0 && !f.rollup.is_saved, "in memory");
	f = collect(&s, &w, 5);
	C_OK(f.rollup.read_bytes == 0, "nothing is read again");
	snmpstore_close(&s);
	snmpstore_open(&s, NULL, NULL);
	f = collect(&s, &w, 2);
	f = collect(&s, &w, 2);
	C_OK(f.rollup.read_bytes == 0, "without a state to begin with");
	snmpstore_close(&s);
}

static void
begin_with_the_servers(const void *arg)
{
	struct world w = *(const struct world *)arg;
	struct prometheus_facts f;
	struct snmpstore s;
	char seed[PATH_MAX];

	t_join(seed, w.dir, "server");
	reads(&w, 3);
	C_OK(rollup_carry(seed, w.log, false, &f.rollup) == 0, "the server's");
	unlink(w.log);
	reads(&w, 2);
	snmpstore_open(&s, w.state, seed);
	C_OK(s.is_kept, "its own");
	f = collect(&s, &w, 5);
	C_OK(f.rollup.is_saved, "which is kept");
	snmpstore_close(&s);
	unlink(seed);
	snmpstore_open(&s, w.state, seed);
	(void)collect(&s, &w, 5);
	snmpstore_close(&s);
	snmpstore_open(&s, "/dev/null", seed);
	C_OK(!s.is_kept, "a device is no place for it");
	(void)collect(&s, &w, 2);
	snmpstore_close(&s);
}

static void
counters_live_long(void)
{
	static const struct {
		const char *what;
		void (*run)(const void *arg);
	} rows[] = {
		{ "kept on disk", keep_on_disk },
		{ "kept in memory", keep_in_memory },
		{ "a state of one's own", begin_with_the_servers },
	};
	struct world w;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		world_make(&w);
		t_in_child(rows[i].run, &w, rows[i].what);
		if (chmod(w.dir, 0755) == -1)
			abort();
		t_tmp_remove(w.dir);
	}
}

int
main(void)
{
	CU_TestInfo oid_tests[] = {
		{ "identifiers are numbers and dots",
		    identifiers_are_numbers_and_dots },
		{ "an identifier has at most 128 numbers",
		    an_identifier_has_at_most_128_numbers },
		{ "the order is that of the numbers",
		    the_order_is_that_of_the_numbers },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo tree_tests[] = {
		{ "a walk meets everything once, in order",
		    a_walk_meets_everything_once_in_order },
		{ "a value is three lines", a_value_is_three_lines },
		{ "a long text is cut at a character",
		    a_long_text_is_cut_at_a_character },
		{ "each value stands at its place",
		    each_value_stands_at_its_place },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo talk_tests[] = {
		{ "each request gets its answer",
		    each_request_gets_its_answer },
		{ "a long line is no request", a_long_line_is_no_request },
		{ "rubbish is answered and does no harm",
		    rubbish_is_answered_and_does_no_harm },
		{ "it ends when nobody reads", it_ends_when_nobody_reads },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo store_tests[] = {
		{ "counters live long", counters_live_long },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "identifiers", NULL, NULL, NULL, NULL, oid_tests },
		{ "values", NULL, NULL, NULL, NULL, tree_tests },
		{ "the protocol", NULL, NULL, NULL, NULL, talk_tests },
		{ "a long life", NULL, NULL, NULL, NULL, store_tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
