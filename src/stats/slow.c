/*
 * Is it us, the network or the client?  What a row is judged by:
 *
 * we		our first packet takes long: half of them over 20 ms, or one
 *		in twenty over 100 ms, after which a PXE ROM asks again.
 *		(first_reply_us is from the request to our packet, so no
 *		round-trip time is in it.)  Or it is slow while our process
 *		computes half of the time.
 * network	1 % of the packets had to be sent again, or one transfer in
 *		ten ended in silence; or it is slow and the round trip takes
 *		20 ms, or 2 ms and four times what is usual here.  Two lost
 *		packets, or one silence, happen anywhere.
 * client	slow, and nothing of that: it takes its time to acknowledge.
 * fine		the rest.
 *
 * Slow is less than a quarter of the usual rate, or than 200 kB/s.  Usual
 * is the median of all transfers.  Below 64 KiB a transfer is over before
 * its rate means anything.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stats/hints.h"
#include "stats/keyed.h"
#include "stats/scan.h"
#include "stats/sketch.h"
#include "stats/sum.h"
#include "stats/table.h"

#define CLIENTS_MAX		((size_t)1 << 14)
#define RATED_BYTES		65536
#define DEFAULT_TOP		10

#define REPLY_P50_US		20000
#define REPLY_P95_US		100000
#define REPLIES_MIN		5
#define LOSS_PERMILLE		10
#define LOSS_MIN		3
#define SILENT_PERMILLE		100
#define SILENT_MIN		2
#define SLOW_RATE		200000
#define SLOW_DIVISOR		4
#define FAR_US			20000
#define FAR_USUAL_US		2000
#define FAR_FACTOR		4
#define CPU_PERMILLE		500

enum verdict { VERDICT_WE, VERDICT_NETWORK, VERDICT_CLIENT, VERDICT_FINE };

static const char *const verdict_names[] = {
	[VERDICT_WE] = "we",
	[VERDICT_NETWORK] = "network",
	[VERDICT_CLIENT] = "client",
	[VERDICT_FINE] = "fine",
};

/* A client, a network, or all. */
struct place {
	uint64_t clients;	/* of a network */
	bool is_counted;	/* a client, in its network's clients */
	uint64_t transfers, silent, bytes;
	uint64_t packets, retransmits, timeouts;
	uint64_t cpu_us, duration_us;	/* of rated transfers */
	struct sketch rate, rtt_us, first_reply_us;
	enum verdict verdict;
};

struct slow {
	const struct options *o;
	struct keyed clients, networks;
	struct place all;
	struct hints hints;
	bool has_hints;
	struct scan_result result;
};

/* Thousandths of the whole; a part that is larger is more than 1000. */
static uint64_t
permille(uint64_t part, uint64_t whole)
{
	if (whole == 0)
		return 0;
	if (part > UINT64_MAX / 1000)
		return part / whole > UINT64_MAX / 1000 ? UINT64_MAX :
		    part / whole * 1000;
	return part * 1000 / whole;
}

static void
add_rate(struct place *p, const struct translog_record *rec)
{
	uint64_t bytes = sum_number(rec, TRANSLOG_BYTES);
	uint64_t duration_us = sum_number(rec, TRANSLOG_DURATION_US);

	if (outcome_class(rec->outcome) != OUTCOME_CLASS_SUCCESS ||
	    bytes < RATED_BYTES || duration_us == 0)
		return;
	sketch_add(&p->rate, sum_rate(bytes, duration_us));
	sum_add(&p->duration_us, duration_us);
	sum_add(&p->cpu_us, sum_number(rec, TRANSLOG_CPU_US));
}

static void
add_end(struct place *p, const struct translog_record *rec)
{
	p->transfers++;
	p->silent += rec->outcome == OUTCOME_NOANSWER ||
	    rec->outcome == OUTCOME_TIMEOUT;
	sum_add(&p->bytes, sum_number(rec, TRANSLOG_BYTES));
	sum_add(&p->packets, sum_number(rec, TRANSLOG_PACKETS_SENT));
	sum_add(&p->retransmits, sum_number(rec, TRANSLOG_RETRANSMITS));
	sum_add(&p->timeouts, sum_number(rec, TRANSLOG_TIMEOUTS));
	add_rate(p, rec);
	if (rec->numbers[TRANSLOG_RTT_US] >= 0)
		sketch_add(&p->rtt_us, sum_number(rec, TRANSLOG_RTT_US));
	if (rec->numbers[TRANSLOG_FIRST_REPLY_US] >= 0)
		sketch_add(&p->first_reply_us,
		    sum_number(rec, TRANSLOG_FIRST_REPLY_US));
}

static void
on_end(void *arg, const struct translog_record *rec)
{
	char name[TRANSLOG_ADDR_MAX];
	struct place *client, *network;
	struct slow *s = arg;

	if (s->has_hints)
		hints_add(&s->hints, rec);
	if (rec->client[0] == '\0' ||
	    outcome_class(rec->outcome) == OUTCOME_CLASS_REFUSED)
		return;
	add_end(&s->all, rec);
	client = keyed_of(&s->clients, rec->client, strlen(rec->client));
	if (client != NULL)
		add_end(client, rec);
	if (!hints_network(rec->client, name))
		return;
	network = keyed_of(&s->networks, name, strlen(name));
	if (network == NULL)
		return;
	add_end(network, rec);
	if (client != NULL && !client->is_counted)
		network->clients++;
	if (client != NULL)
		client->is_counted = true;
}

static uint64_t
loss_permille(const struct place *p)
{
	uint64_t share = permille(p->retransmits, p->packets);

	return share > 1000 ? 1000 : share;
}

static uint64_t
cpu_permille(const struct place *p)
{
	return permille(p->cpu_us, p->duration_us);
}

static bool
replies_late(const struct place *p)
{
	return sketch_quantile(&p->first_reply_us, 500) > REPLY_P50_US ||
	    (p->first_reply_us.count >= REPLIES_MIN &&
	    sketch_quantile(&p->first_reply_us, 950) > REPLY_P95_US);
}

static bool
is_lossy(const struct place *p)
{
	return (p->retransmits >= LOSS_MIN &&
	    loss_permille(p) >= LOSS_PERMILLE) ||
	    (p->silent >= SILENT_MIN &&
	    permille(p->silent, p->transfers) >= SILENT_PERMILLE);
}

static bool
is_slow(const struct place *p, const struct place *all)
{
	uint64_t rate = sketch_quantile(&p->rate, 500);

	return p->rate.count != 0 && (rate < SLOW_RATE ||
	    rate < sketch_quantile(&all->rate, 500) / SLOW_DIVISOR);
}

static bool
is_far(const struct place *p, const struct place *all)
{
	uint64_t rtt_us = sketch_quantile(&p->rtt_us, 500);

	return rtt_us >= FAR_US || (rtt_us >= FAR_USUAL_US &&
	    rtt_us / FAR_FACTOR >= sketch_quantile(&all->rtt_us, 500));
}

static enum verdict
judge(const struct place *p, const struct place *all)
{
	if (replies_late(p))
		return VERDICT_WE;
	if (is_lossy(p))
		return VERDICT_NETWORK;
	if (!is_slow(p, all))
		return VERDICT_FINE;
	if (cpu_permille(p) >= CPU_PERMILLE)
		return VERDICT_WE;
	return is_far(p, all) ? VERDICT_NETWORK : VERDICT_CLIENT;
}

/* Trouble first, then the slowest, then the most lossy. */
static int
worst_first(const void *a, const void *b, void *keyed)
{
	const struct place *x = *(struct place *const *)a;
	const struct place *y = *(struct place *const *)b;
	uint64_t x_rate = x->rate.count == 0 ? UINT64_MAX :
	    sketch_quantile(&x->rate, 500);
	uint64_t y_rate = y->rate.count == 0 ? UINT64_MAX :
	    sketch_quantile(&y->rate, 500);

	if ((x->verdict == VERDICT_FINE) != (y->verdict == VERDICT_FINE))
		return x->verdict == VERDICT_FINE ? 1 : -1;
	if (x_rate != y_rate)
		return x_rate > y_rate ? 1 : -1;
	if (loss_permille(x) != loss_permille(y))
		return loss_permille(x) < loss_permille(y) ? 1 : -1;
	return keyed_compare_names(keyed, x, y);
}

static const struct table_column columns[] = {
	{ NULL, "scope", TABLE_WORD, 0 },
	{ "Client or network", "address", TABLE_NAME, 0 },
	{ "Clients", "clients", TABLE_COUNT, 4 },
	{ "Transfers", "transfers", TABLE_COUNT, 2 },
	{ "Bytes", "bytes", TABLE_SIZE, 6 },
	{ "Rate p50", "rate_p50_bytes_per_second", TABLE_RATE, 0 },
	{ "p5", "rate_p5_bytes_per_second", TABLE_RATE, 5 },
	{ "Resent", "retransmit_permille", TABLE_SHARE, 0 },
	{ "Packets", "retransmits", TABLE_COUNT, 7 },
	{ "Timeouts", "timeouts", TABLE_COUNT, 6 },
	{ "Silent", "silent", TABLE_COUNT, 6 },
	{ "RTT", "rtt_p50_us", TABLE_DURATION, 1 },
	{ "First reply", "first_reply_p50_us", TABLE_DURATION, 5 },
	{ "Reply p95", "first_reply_p95_us", TABLE_DURATION, 1 },
	{ "CPU", "cpu_permille", TABLE_SHARE, 9 },
	{ "Is it?", "verdict", TABLE_WORD, 0 },
};

static void
put_quantile(struct table *t, const struct sketch *s, unsigned rank)
{
	if (s->count == 0)
		table_none(t);
	else
		table_number(t, sketch_quantile(s, rank));
}

static void
put_place(struct table *t, const struct keyed *k, const struct place *p,
    bool is_network)
{
	size_t len;
	const uint8_t *name = keyed_name(k, p, &len);

	table_word(t, is_network ? "network" : "client");
	table_text(t, name, len);
	if (is_network)
		table_number(t, p->clients);
	else
		table_none(t);
	table_number(t, p->transfers);
	table_number(t, p->bytes);
	put_quantile(t, &p->rate, 500);
	put_quantile(t, &p->rate, 50);
	table_number(t, loss_permille(p));
	table_number(t, p->retransmits);
	table_number(t, p->timeouts);
	table_number(t, p->silent);
	put_quantile(t, &p->rtt_us, 500);
	put_quantile(t, &p->first_reply_us, 500);
	put_quantile(t, &p->first_reply_us, 950);
	if (p->duration_us == 0)
		table_none(t);
	else
		table_number(t, cpu_permille(p));
	table_word(t, verdict_names[p->verdict]);
}

static void
put_places(const struct slow *s, struct table *t, const struct keyed *k,
    bool is_network)
{
	size_t i, at = 0, top = s->o->top;
	struct place *p;
	void **all;

	if (top == 0)
		top = s->o->form == FORM_TEXT ? DEFAULT_TOP : SIZE_MAX;
	while ((p = keyed_next(k, &at)) != NULL)
		p->verdict = judge(p, &s->all);
	all = keyed_sorted(k, worst_first);
	for (i = 0; i < k->used && i < top; i++)
		put_place(t, k, all[i], is_network);
	free(all);
}

static struct table *
table_of(const struct slow *s, bool has_clients, bool has_networks)
{
	struct table *t = table_new(columns, TABLE_LENGTH(columns));

	if (has_clients)
		put_places(s, t, &s->clients, false);
	if (has_networks)
		put_places(s, t, &s->networks, true);
	return t;
}

static void
print_table(const struct slow *s, bool is_network)
{
	struct table *t = table_of(s, !is_network, is_network);

	putchar('\n');
	table_print_text(t, &s->o->style, table_terminal_width(), stdout);
	table_free(t);
}

static void
print_text(const struct slow *s)
{
	char rate[TEXT_NUMBER_MAX], rtt[TEXT_NUMBER_MAX];
	char reply[TEXT_NUMBER_MAX];

	scan_head_text(stdout, "TFTP, slow or lossy", &s->result,
	    &s->o->style);
	printf("  Usual here: %s, round trip %s, first reply after %s\n",
	    text_speed(sketch_quantile(&s->all.rate, 500), rate),
	    text_duration(sketch_quantile(&s->all.rtt_us, 500), rtt),
	    text_duration(sketch_quantile(&s->all.first_reply_us, 500),
	    reply));
	if (s->clients.left_out != 0)
		printf("  %" PRIu64 " transfers of more than %zu clients "
		    "stand in networks only\n", s->clients.left_out,
		    s->clients.max);
	print_table(s, false);
	print_table(s, true);
	if (s->has_hints)
		hints_print(&s->hints, stdout, &s->o->style);
}

static void
json_table(const struct slow *s, struct json *j, const char *key,
    bool is_network)
{
	struct table *t = table_of(s, !is_network, is_network);

	table_print_json(t, j, key);
	table_free(t);
}

static void
print_json(const struct slow *s)
{
	struct json j = { .out = stdout };

	scan_head_json(&j, "slow", &s->result);
	json_int(&j, "usual_rate_bytes_per_second",
	    sketch_quantile(&s->all.rate, 500));
	json_int(&j, "usual_rtt_us", sketch_quantile(&s->all.rtt_us, 500));
	json_int(&j, "usual_first_reply_us",
	    sketch_quantile(&s->all.first_reply_us, 500));
	json_int(&j, "transfers_left_out", s->clients.left_out);
	json_table(s, &j, "clients", false);
	json_table(s, &j, "networks", true);
	if (s->has_hints)
		hints_json(&s->hints, &j);
	json_close(&j, '}');
	putchar('\n');
}

static void
print_csv(const struct slow *s)
{
	struct table *t = table_of(s, true, true);

	table_print_csv(t, stdout);
	table_free(t);
}

static void
print(const struct slow *s, const struct filter *f)
{
	if (s->clients.used == 0)
		command_note_empty(s->o, f);
	if (s->o->form == FORM_JSON)
		print_json(s);
	else if (s->o->form == FORM_CSV)
		print_csv(s);
	else if (s->clients.used != 0)
		print_text(s);
}

static void
free_place(struct place *p)
{
	sketch_free(&p->rate);
	sketch_free(&p->rtt_us);
	sketch_free(&p->first_reply_us);
}

static void
free_places(struct keyed *k)
{
	struct place *p;
	size_t at = 0;

	while ((p = keyed_next(k, &at)) != NULL)
		free_place(p);
	keyed_free(k);
}

int
command_slow(const struct options *o)
{
	struct filter f = command_window(o);
	struct slow s = { .o = o, .has_hints = hints_can(&f) };
	const struct scan_handler handler = { .arg = &s, .on_end = on_end };
	int ret;

	keyed_init(&s.clients, sizeof(struct place), CLIENTS_MAX);
	keyed_init(&s.networks, sizeof(struct place), CLIENTS_MAX);
	hints_init(&s.hints);
	ret = scan_run(o, &f, &handler, &s.result);
	if (ret == 0)
		print(&s, &f);
	free_places(&s.clients);
	free_places(&s.networks);
	free_place(&s.all);
	hints_free(&s.hints);
	return ret == 0 ? command_finish() : 1;
}
