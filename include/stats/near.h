/*
 * near - which names may have been meant by one that does not exist.
 */
#ifndef STATS_NEAR_H
#define STATS_NEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats/keyed.h"

#define NEAR_MAX	3	/* suggestions */

/* Names that exist. */
struct near {
	struct keyed names;
	struct near_name *index;	/* made by near_prepare() */
	size_t count;
	bool is_cut;		/* there were more than we look at */
	uint64_t looks;		/* comparisons that may still be made */
};

/* No names yet. */
void near_init(struct near *n);

/*
 * near_add - a name that exists, as a client asked for it or as it stands
 * below the root; kept without the slashes in front.  What tftpd would not
 * look up ("..", control bytes) is dropped.
 */
void near_add(struct near *n, const uint8_t *name, size_t len);

/*
 * near_add_tree - the files below dir, NEAR_DEPTH directories deep and
 * NEAR_ENTRIES entries at most; symbolic links are left alone, as is all else
 * that is no regular file.
 * Returns 0, or -errno when dir can't be read.
 */
#define NEAR_DEPTH	8
#define NEAR_ENTRIES	100000
int near_add_tree(struct near *n, const char *dir);

/* No more names come: get ready for near_find(). */
void near_prepare(struct near *n);

struct near_match {
	const uint8_t *name;	/* the near's */
	size_t len;
	unsigned distance;
};

/*
 * near_find - the nearest names, nearest first.
 *
 * One edit is allowed for four characters of the last component, three at
 * most.  Names with a machine's number in them (eight hexadecimal digits, a
 * MAC) are near to all their neighbours' and may only be alike.
 *
 * only_alike  only those that differ in case, slashes, a directory in front
 *             or a suffix of compression
 * Returns how many there are.  After some 60 million comparisons, or 8
 * million characters compared for edits, it finds none any more, and says so
 * in n->looks == 0.
 */
size_t near_find(struct near *n, const uint8_t *name, size_t len,
    bool only_alike, struct near_match out[static NEAR_MAX]);

void near_free(struct near *n);

/*
 * near_distance - how far two cleaned names are apart.
 *
 * An inserted, lost, wrong or swapped character is 6; all differences in
 * case together are 1; directories in front that only one has are 2, as is a
 * suffix of compression; a version behind the name ("vmlinuz", "vmlinuz-6.1")
 * is 8, the same last component in another directory 9.
 * limit      what is more than that is returned as UINT_MAX
 */
#define NEAR_EDIT	6
#define NEAR_ALIKE	5	/* the most that only_alike lets through */
unsigned near_distance(const char *a, const char *b, unsigned limit);

#endif
