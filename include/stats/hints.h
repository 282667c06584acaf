/*
 * hints - who never answers: a firewall or NAT in the way of our replies.
 *
 * The replies of TFTP come from another port than the one that was asked.
 * Where a filter drops them, every request of a client, or of a whole
 * network, ends as "noanswer", and never once anything else that a client
 * has to say something for.
 *
 *	hints_init(&h);
 *	hints_add(&h, rec);		each end of the window
 *	hints_print(&h, stdout, style);
 *	hints_free(&h);
 *
 * It needs all ends of a client: with --outcome or --file there is no hint
 * to be had (hints_can()).
 */
#ifndef STATS_HINTS_H
#define STATS_HINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "record/translog.h"
#include "stats/filter.h"
#include "stats/json.h"
#include "stats/keyed.h"
#include "stats/text.h"

/* Fewer requests than that without an answer are no hint. */
#define HINTS_NOANSWER_MIN	3

struct hints {
	struct keyed clients;
};

/* Nothing seen yet; about 100 bytes a client, of 65,536 at most. */
void hints_init(struct hints *h);

/* Whether the filter lets everything through that hints need. */
bool hints_can(const struct filter *f);

/* Add an end. */
void hints_add(struct hints *h, const struct translog_record *rec);

struct hint {
	char place[TRANSLOG_ADDR_MAX + 8];	/* an address or a network */
	bool is_network;
	uint64_t clients, noanswer;	/* that never answered; ends */
	uint64_t first_us, last_us;	/* of these ends */
};

/*
 * hints_list - what there is to say, most ends first.
 *
 * A network takes the place of its clients when two of them or more never
 * answer and none does.  Returns an array that the caller frees, and its
 * length in *count; NULL when there is nothing.
 */
struct hint *hints_list(const struct hints *h, size_t *count);

/* A title and a line for each, at most HINTS_SHOWN of them; or nothing. */
#define HINTS_SHOWN	5
void hints_print(const struct hints *h, FILE *out,
    const struct text_style *style);

/* "hints":[...] into an object that is open, all of them; [] for none. */
void hints_json(const struct hints *h, struct json *j);

void hints_free(struct hints *h);

/*
 * hints_network - the network of an address: "192.0.2.0/24" or
 * "2001:db8:1:2::/64"; a zone is kept out of it.
 * Returns false when text is no address.
 */
bool hints_network(const char *address, char out[static TRANSLOG_ADDR_MAX]);

#endif
