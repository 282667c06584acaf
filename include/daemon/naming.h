/*
 * naming - from the name that a client sent to the place it means: map
 * rules, one spelling, case, prefix, the client's directory, search path.
 *
 *	as sent -> map rules -> cleaned, case -> as it is, or stripped
 *	-> client-dir/NAME, or NAME -> in each root
 *
 * The first place where something stands is it, whether it may be had or not.
 */
#ifndef DAEMON_NAMING_H
#define DAEMON_NAMING_H

#include <stdbool.h>

#include "core/packet.h"
#include "core/pathname.h"
#include "daemon/trail.h"
#include "daemon/transfer.h"
#include "policy/access.h"

#define NAMING_SPELLINGS	8	/* as sent, and less some prefixes */

struct naming {
	const struct transfer_order *order;
	const struct access_rules *rules;
	struct trail *trail;		/* NULL: nobody wants to know */
	bool is_write;

	/* names relative to a root, the best first: parts of name */
	char name[PATHNAME_MAX + 1];
	const char *spellings[NAMING_SPELLINGS];
	unsigned spelling_count;
	int only_root;			/* index of the one root, or -1 */

	/* the result; path is "" while there is none */
	struct resolve_root root;
	uint8_t root_index;
	char path[PATHNAME_MAX + 1];
	struct stat st;			/* of what stands there */
	bool exists;
};

/* Everything else is 0; o and rules must outlive it. */
void naming_init(struct naming *n, const struct transfer_order *o,
    const struct access_rules *rules, struct trail *trail, bool is_write);

/*
 * naming_spell - the name to its spellings.
 *
 * name       as it stands in the request
 * Returns false, with the verdict filled, when it is refused as a name.
 */
bool naming_spell(struct naming *n, struct access_verdict *v,
    struct packet_slice name);

/* Find the file of a read.  false with the verdict filled. */
bool naming_find(struct naming *n, struct access_verdict *v);

/*
 * naming_place - where an upload goes, after links were followed: exists
 * and st say what stands there.  false with the verdict filled.
 */
bool naming_place(struct naming *n, struct access_verdict *v);

/*
 * naming_refuse - the refusal for a failed system call on the path found, or
 * on another: it says which component was in the way.
 */
bool naming_refuse(const struct naming *n, struct access_verdict *v,
    const char *path, const char *verb, int err);

#endif
