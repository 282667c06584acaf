#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "stats/snmpoid.h"

/* The number that begins at *at, which is moved behind it. */
static bool
take_number(const char **at, const char *end, uint32_t *value)
{
	uint64_t sum = 0;
	const char *p = *at;

	if (p == end || *p < '0' || *p > '9')
		return false;
	for (; p != end && *p >= '0' && *p <= '9'; p++) {
		sum = sum * 10 + (uint64_t)(*p - '0');
		if (sum > UINT32_MAX)
			return false;
	}
	*at = p;
	*value = (uint32_t)sum;
	return true;
}

bool
snmpoid_parse(const char *text, size_t len, struct snmpoid *oid)
{
	const char *at = text, *end = text + len;

	oid->len = 0;
	if (at != end && *at == '.')
		at++;
	while (oid->len < SNMPOID_MAX) {
		if (!take_number(&at, end, &oid->sub[oid->len]))
			return false;
		oid->len++;
		if (at == end)
			return true;
		if (*at++ != '.')
			return false;
	}
	return false;
}

const char *
snmpoid_text(const struct snmpoid *oid, char out[static SNMPOID_TEXT_MAX])
{
	size_t i, len = 0;

	for (i = 0; i < oid->len; i++)
		len += (size_t)snprintf(out + len, SNMPOID_TEXT_MAX - len,
		    ".%" PRIu32, oid->sub[i]);
	return out;
}

int
snmpoid_compare(const uint32_t *a, size_t a_len, const uint32_t *b,
    size_t b_len)
{
	size_t i;

	for (i = 0; i < a_len && i < b_len; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return (a_len > b_len) - (a_len < b_len);
}

bool
snmpoid_is_below(const struct snmpoid *oid, const struct snmpoid *root)
{
	return oid->len >= root->len && memcmp(oid->sub, root->sub,
	    root->len * sizeof(root->sub[0])) == 0;
}
