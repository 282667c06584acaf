/*
 * idbook - which transfers are open and which have ended, with the place of
 * each start, to tell what is wrong about an id.
 *
 * As the ledger it keeps what is open, and the last ids that ended.
 */
#ifndef STATS_IDBOOK_H
#define STATS_IDBOOK_H

#include <stddef.h>
#include <stdint.h>

#define IDBOOK_OPEN_MAX		((size_t)1 << 19)
#define IDBOOK_ENDED_MAX	((size_t)1 << 16)	/* twice at most */

/* A start that waits for its end, and where it stands. */
struct idbook_start {
	uint64_t id, ts_us;
	uint64_t line, offset;	/* line 0: this slot is free */
	size_t file;
};

struct idbook {
	struct idbook_start *open;
	size_t size, used;	/* of open; a power of two */
	uint64_t *ended[2];	/* sets; the older one is forgotten first */
	size_t ended_used;	/* of ended[0] */
	uint64_t untold;	/* starts without room */
};

enum idbook_state { IDBOOK_UNKNOWN, IDBOOK_OPEN, IDBOOK_ENDED };

/* Nothing known.  Ends the program without memory. */
void idbook_init(struct idbook *b);

/* A start was read; returns what was known of its id before. */
enum idbook_state idbook_start(struct idbook *b,
    const struct idbook_start *start);

/* An end was read; the same. */
enum idbook_state idbook_end(struct idbook *b, uint64_t id);

/* What is known of the id. */
enum idbook_state idbook_state(const struct idbook *b, uint64_t id);

/*
 * idbook_next - what is open, in any order.
 * at         0 before the first; is moved on.  Returns NULL at the end.
 */
const struct idbook_start *idbook_next(const struct idbook *b, size_t *at);

void idbook_free(struct idbook *b);

#endif
