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
	uint64_t started_us, arrived_us;	/* the request was read, came */
	bool was_told_to_go;
	uint64_t told_us;
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
