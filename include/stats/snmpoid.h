/*
 * snmpoid - object identifiers: the names of SNMP.
 */
#ifndef STATS_SNMPOID_H
#define STATS_SNMPOID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNMPOID_MAX		128	/* numbers, as SNMP has it */
#define SNMPOID_TEXT_MAX	(SNMPOID_MAX * 11 + 1)	/* with its NUL */

struct snmpoid {
	uint32_t sub[SNMPOID_MAX];
	size_t len;			/* at least 1 */
};

/*
 * snmpoid_parse - ".1.3.6.1" or "1.3.6.1".
 *
 * Returns false when text[0..len) is anything else: other characters, no
 * number, more than SNMPOID_MAX of them, or one above UINT32_MAX.
 */
bool snmpoid_parse(const char *text, size_t len, struct snmpoid *oid);

/* ".1.3.6.1"; returns out. */
const char *snmpoid_text(const struct snmpoid *oid,
    char out[static SNMPOID_TEXT_MAX]);

/*
 * snmpoid_compare - by numbers, a beginning of another one before that.
 * a, b       arrays of a_len and b_len numbers
 * Returns less than, equal to or greater than 0, as memcmp(3).
 */
int snmpoid_compare(const uint32_t *a, size_t a_len, const uint32_t *b,
    size_t b_len);

/* Whether oid is root or stands below it. */
bool snmpoid_is_below(const struct snmpoid *oid, const struct snmpoid *root);

#endif
