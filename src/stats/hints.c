#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stats/hints.h"

#define CLIENTS_MAX	((size_t)1 << 16)

/*
 * Ends that no client can have without a packet of ours.  "vanished" is
 * none: who hears nothing and asks anew from the same port has it too.
 */
#define HEARD	(1u << OUTCOME_COMPLETE | 1u << OUTCOME_UNCONFIRMED | \
	1u << OUTCOME_PROBE | 1u << OUTCOME_ABORTED | \
	1u << OUTCOME_TIMEOUT)

/* Of a client, or of all clients of a network that never answer. */
struct silence {
	uint64_t noanswer, first_us, last_us;
	uint64_t clients;
	bool was_heard;
};

void
hints_init(struct hints *h)
{
	keyed_init(&h->clients, sizeof(struct silence), CLIENTS_MAX);
}

bool
hints_can(const struct filter *f)
{
	return f->outcomes == 0 && f->glob == NULL;
}

static void
add_silence(struct silence *s, uint64_t count, uint64_t first_us,
    uint64_t last_us)
{
	if (s->noanswer == 0 || first_us < s->first_us)
		s->first_us = first_us;
	if (last_us > s->last_us)
		s->last_us = last_us;
	s->noanswer += count;
}

void
hints_add(struct hints *h, const struct translog_record *rec)
{
	bool was_heard = (HEARD >> rec->outcome & 1) != 0;
	struct silence *s;

	if (rec->client[0] == '\0' ||
	    (!was_heard && rec->outcome != OUTCOME_NOANSWER))
		return;
	s = keyed_of(&h->clients, rec->client, strlen(rec->client));
	if (s == NULL)
		return;
	if (was_heard)
		s->was_heard = true;
	else
		add_silence(s, 1, rec->ts_us, rec->ts_us);
}

static void
put_network(int family, const void *address, const char *bits,
    char out[static TRANSLOG_ADDR_MAX])
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family, address, text, sizeof(text));
	snprintf(out, TRANSLOG_ADDR_MAX, "%s%s", text, bits);
}

bool
hints_network(const char *address, char out[static TRANSLOG_ADDR_MAX])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];
	size_t len = strcspn(address, "%");
	uint8_t bytes[16];

	if (len >= sizeof(text))
		return false;
	memcpy(text, address, len);
	text[len] = '\0';
	if (inet_pton(AF_INET, text, bytes + 12) == 1)
		memcpy(bytes, mapped, sizeof(mapped));
	else if (inet_pton(AF_INET6, text, bytes) != 1)
		return false;
	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		bytes[15] = 0;
		put_network(AF_INET, bytes + 12, "/24", out);
	} else {
		memset(bytes + 8, 0, 8);
		put_network(AF_INET6, bytes, "/64", out);
	}
	return true;
}

/* The client's name with its NUL; false when its address is none. */
static bool
client_of(const struct hints *h, const struct silence *s,
    char client[static TRANSLOG_ADDR_MAX],
    char network[static TRANSLOG_ADDR_MAX])
{
	size_t len;
	const uint8_t *name = keyed_name(&h->clients, s, &len);

	memcpy(client, name, len);
	client[len] = '\0';
	return hints_network(client, network);
}

static void
add_to_networks(const struct hints *h, struct keyed *networks)
{
	char client[TRANSLOG_ADDR_MAX], network[TRANSLOG_ADDR_MAX];
	const struct silence *s;
	struct silence *all;
	size_t at = 0;

	while ((s = keyed_next(&h->clients, &at)) != NULL) {
		if (!client_of(h, s, client, network))
			continue;
		all = keyed_of(networks, network, strlen(network));
		if (all == NULL)
			continue;
		if (s->was_heard)
			all->was_heard = true;
		else
			all->clients++;
		if (!s->was_heard)
			add_silence(all, s->noanswer, s->first_us, s->last_us);
	}
}

static bool
is_hint(const struct silence *s, uint64_t clients_min)
{
	return s != NULL && !s->was_heard && s->clients >= clients_min &&
	    s->noanswer >= HINTS_NOANSWER_MIN;
}

static struct hint
hint_of(const struct silence *s, const uint8_t *place, size_t len)
{
	struct hint hint = {
		.clients = s->clients == 0 ? 1 : s->clients,
		.is_network = s->clients != 0, .noanswer = s->noanswer,
		.first_us = s->first_us, .last_us = s->last_us
	};

	memcpy(hint.place, place, len);
	return hint;
}

static int
most_first(const void *a, const void *b)
{
	const struct hint *x = a, *y = b;

	if (x->noanswer != y->noanswer)
		return x->noanswer < y->noanswer ? 1 : -1;
	return strcmp(x->place, y->place);
}

struct hint *
hints_list(const struct hints *h, size_t *count)
{
	char client[TRANSLOG_ADDR_MAX], network[TRANSLOG_ADDR_MAX];
	const struct silence *s;
	struct keyed networks;
	struct hint *list;
	const uint8_t *name;
	size_t at, len;

	*count = 0;
	keyed_init(&networks, sizeof(struct silence), CLIENTS_MAX);
	add_to_networks(h, &networks);
	list = calloc(h->clients.used + networks.used + 1, sizeof(*list));
	if (list == NULL)
		err(1, NULL);
	for (at = 0; (s = keyed_next(&networks, &at)) != NULL; ) {
		name = keyed_name(&networks, s, &len);
		if (is_hint(s, 2))
			list[(*count)++] = hint_of(s, name, len);
	}
	for (at = 0; (s = keyed_next(&h->clients, &at)) != NULL; ) {
		if (!is_hint(s, 0) || (client_of(h, s, client, network) &&
		    is_hint(keyed_find(&networks, network, strlen(network)),
		    2)))
			continue;
		name = keyed_name(&h->clients, s, &len);
		list[(*count)++] = hint_of(s, name, len);
	}
	keyed_free(&networks);
	if (*count == 0) {
		free(list);
		return NULL;
	}
	qsort(list, *count, sizeof(*list), most_first);
	return list;
}

static void
print_hint(const struct hint *hint, FILE *out, const struct text_style *style)
{
	fputs("  ", out);
	text_put_bytes(out, style, (const uint8_t *)hint->place,
	    strlen(hint->place));
	if (hint->is_network)
		fprintf(out, " (%" PRIu64 " clients)", hint->clients);
	fprintf(out, ": %" PRIu64 " requests, no reply answered\n",
	    hint->noanswer);
}

void
hints_print(const struct hints *h, FILE *out, const struct text_style *style)
{
	struct hint *list;
	size_t i, count;

	list = hints_list(h, &count);
	if (count != 0)
		fputs("\nA firewall or NAT in the way?  Replies come from "
		    "another port than 69.\n", out);
	for (i = 0; i < count && i < HINTS_SHOWN; i++)
		print_hint(&list[i], out, style);
	if (count > HINTS_SHOWN)
		fprintf(out, "  and %zu more\n", count - HINTS_SHOWN);
	free(list);
}

void
hints_json(const struct hints *h, struct json *j)
{
	struct hint *list;
	size_t i, count;

	list = hints_list(h, &count);
	json_open(j, "hints", '[');
	for (i = 0; i < count; i++) {
		json_open(j, NULL, '{');
		json_text(j, "hint", "noanswer");
		json_text(j, "scope", list[i].is_network ? "network" :
		    "client");
		json_bytes(j, "address", "address_hex",
		    (const uint8_t *)list[i].place, strlen(list[i].place));
		json_int(j, "clients", list[i].clients);
		json_int(j, "noanswer", list[i].noanswer);
		json_time(j, "first", list[i].first_us);
		json_time(j, "last", list[i].last_us);
		json_close(j, '}');
	}
	json_close(j, ']');
	free(list);
}

void
hints_free(struct hints *h)
{
	keyed_free(&h->clients);
}
