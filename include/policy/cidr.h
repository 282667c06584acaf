/*
 * cidr - networks as an administrator writes them, and whether an address
 * lies in one.
 *
 * IPv4 and IPv6 are kept apart: "::/0" says nothing of an IPv4 client.  An
 * IPv4-mapped network or address (::ffff:192.0.2.0/120) is IPv4.
 */
#ifndef POLICY_CIDR_H
#define POLICY_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIDR_TEXT_MAX	64	/* a network as text, with its NUL */

/* An address; IPv4 uses the first four bytes, network order, the rest is 0. */
struct cidr_addr {
	bool is_v6;
	uint8_t bytes[16];
};

/* All bits beyond prefix are 0. */
struct cidr {
	struct cidr_addr addr;
	uint8_t prefix;		/* 0..32 or 0..128 */
};

enum cidr_verdict {
	CIDR_OK,
	CIDR_BAD_ADDRESS,
	CIDR_BAD_PREFIX,	/* not 0..32, or not 0..128 */
	CIDR_HOST_BITS		/* bits beyond the prefix are set; out is the
				   network without them */
};

/*
 * cidr_parse - "192.0.2.0/24", "2001:db8::/32", or an address alone, which is
 * a network of one.
 *
 * text, len  need not end with a NUL; no white space
 * out        filled when CIDR_OK or CIDR_HOST_BITS is returned
 */
enum cidr_verdict cidr_parse(const char *text, size_t len, struct cidr *out);

/* An address from text; a scope ("%eth0", "%2") is left out.  false: none. */
bool cidr_parse_addr(const char *text, struct cidr_addr *out);

/* An address from its bytes: 4, or 16, of which v4-mapped ones are IPv4. */
void cidr_from_bytes(const uint8_t *bytes, size_t len, struct cidr_addr *out);

/* Does the address lie in the network? */
bool cidr_match(const struct cidr *net, const struct cidr_addr *addr);

/* The same network? */
bool cidr_equal(const struct cidr *a, const struct cidr *b);

/* Always with the prefix: "192.0.2.7/32". */
void cidr_text(const struct cidr *net, char out[static CIDR_TEXT_MAX]);

#endif
