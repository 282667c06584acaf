/*
 * snmptree - values by object identifier, in SNMP's order.
 *
 *	snmptree_clear(&t);
 *	snmptree_add(&t, &root, place, 2, SNMPTREE_GAUGE, 7);
 *	…
 *	snmptree_sort(&t);
 */
#ifndef STATS_SNMPTREE_H
#define STATS_SNMPTREE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "stats/snmpoid.h"

#define SNMPTREE_BELOW_MAX	8	/* numbers below a root */
#define SNMPTREE_TEXT_MAX	255	/* bytes, as SnmpAdminString has it */

enum snmptree_type {
	SNMPTREE_INTEGER,
	SNMPTREE_GAUGE,		/* 32 bits: what is more stays at the top */
	SNMPTREE_COUNTER,	/* 32 bits: begins at 0 again */
	SNMPTREE_COUNTER64,
	SNMPTREE_TICKS,		/* hundredths of a second */
	SNMPTREE_TIME,		/* us since 1970, told as DateAndTime */
	SNMPTREE_TEXT
};

/* A value stands at its root's numbers, followed by its own. */
struct snmptree_value {
	const struct snmpoid *root;
	uint32_t below[SNMPTREE_BELOW_MAX];
	size_t len;
	enum snmptree_type type;
	uint64_t number;
	const char *text;	/* SNMPTREE_TEXT, else NULL */
};

/* All zeroes is empty.  Roots and texts are the caller's. */
struct snmptree {
	struct snmptree_value *values;
	size_t count, room;
};

/*
 * snmptree_add - one value, below root.
 *
 * below      len numbers, at most SNMPTREE_BELOW_MAX
 * No root stands below another one, and no two values at the same place.
 */
void snmptree_add(struct snmptree *t, const struct snmpoid *root,
    const uint32_t *below, size_t len, enum snmptree_type type,
    uint64_t number);

/* A text in UTF-8; what no SnmpAdminString can hold is not told. */
void snmptree_add_text(struct snmptree *t, const struct snmpoid *root,
    const uint32_t *below, size_t len, const char *text);

/* After the last snmptree_add(). */
void snmptree_sort(struct snmptree *t);

/* The value at that place, or NULL. */
const struct snmptree_value *snmptree_get(const struct snmptree *t,
    const struct snmpoid *oid);

/*
 * snmptree_next - the first value behind oid, or NULL.
 *
 * From inside of one root it does not go on to another: the agent asks for
 * each of them by itself.
 */
const struct snmptree_value *snmptree_next(const struct snmptree *t,
    const struct snmpoid *oid);

/* Three lines for snmpd: the identifier, the type, the value. */
void snmptree_print(const struct snmptree_value *v, FILE *out);

/* Empty again, its memory kept. */
void snmptree_clear(struct snmptree *t);

void snmptree_free(struct snmptree *t);

#endif
