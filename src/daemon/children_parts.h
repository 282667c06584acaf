/*
 * children_parts - what the files of the dispatcher's book share; for them
 * alone.
 */
#ifndef DAEMON_CHILDREN_PARTS_H
#define DAEMON_CHILDREN_PARTS_H

#include "daemon/children.h"

#define US_PER_S	1000000ULL
#define PAST_MAX	1024	/* ended transfers that are remembered */

/* A running transfer; the index is its slot. */
struct child {
	char id[TRANSLOG_ID_LEN + 1];
	union netio_addr peer;
	uint64_t whole_hash;
	uint64_t started_us;	/* its process */
	uint64_t arrived_us;	/* the request came */
	bool was_told_to_go;
	uint64_t told_us;
	/* the transfer is dead: this process removes its hidden file */
	bool is_removal;
};

/* A transfer that has ended, while copies of its request may still come. */
struct past {
	union netio_addr peer;
	uint64_t until_us;
};

static inline struct live_slot *
slot_at(struct children *c, uint32_t slot)
{
	return (struct live_slot *)(void *)(c->table + live_offset(slot));
}

/* Whether both have the same address, whatever the port. */
bool children_same_host(const union netio_addr *a, const union netio_addr *b);

/*
 * An address in a form that a row can be searched for; never 0.  Nobody who
 * does not know the seed can make another address look the same.
 */
uint32_t children_host_of(const struct children *c,
    const union netio_addr *peer);

/*
 * Has that address as many transfers whose peer said nothing as one may have?
 * Forged requests with one victim's address shall neither bring it more than
 * a few packets nor take all places.
 */
bool children_is_host_full(struct children *c, const union netio_addr *peer);

/* Tell a transfer a word after which it will end. */
void children_tell_to_go(struct children *c, uint32_t slot,
    enum transfer_word word);

/* Nothing is in that slot any more. */
void children_free_slot(struct live_slot *slot);

/*
 * A child of ours has ended, with that status of waitpid(): its slot becomes
 * free, and what it left undone is done.
 */
void children_bury(struct children *c, uint32_t index, int status);

/* Before a slot is free again: copies of its request may still come. */
void children_remember(struct children *c, uint32_t index);

#endif
