#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "policy/cidr.h"

#define MAPPED_BITS	96	/* of ::ffff:0:0/96, which is all of IPv4 */

static unsigned
width(const struct cidr_addr *addr)
{
	return addr->is_v6 ? 128 : 32;
}

static bool
is_mapped(const uint8_t bytes[static 16])
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(bytes, prefix, sizeof(prefix)) == 0;
}

/* An address without scope; mapped ones stay IPv6. */
static bool
read_addr(const char *text, struct cidr_addr *out)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, out->bytes) == 1)
		return true;
	out->is_v6 = true;
	return inet_pton(AF_INET6, text, out->bytes) == 1;
}

/* "0" to "128", decimal, no sign, no zero in front. */
static bool
read_prefix(const char *text, unsigned max, unsigned *out)
{
	size_t digits = strspn(text, "0123456789"), i;

	if (digits == 0 || digits > 3 || text[digits] != '\0' ||
	    (digits > 1 && text[0] == '0'))
		return false;
	*out = 0;
	for (i = 0; i < digits; i++)
		*out = *out * 10 + (unsigned)(text[i] - '0');
	return *out <= max;
}

static void
unmap(struct cidr_addr *addr)
{
	addr->is_v6 = false;
	memmove(addr->bytes, addr->bytes + 12, 4);
	memset(addr->bytes + 4, 0, 12);
}

/* The bits of byte i that belong to the network. */
static uint8_t
byte_mask(unsigned prefix, unsigned i)
{
	if (prefix >= 8 * (i + 1))
		return 0xff;
	if (prefix <= 8 * i)
		return 0;
	return (uint8_t)(0xff << (8 * (i + 1) - prefix));
}

/* Clear the bits beyond the prefix; were there any? */
static bool
clear_host_bits(struct cidr *net)
{
	uint8_t mask, extra = 0;
	unsigned i;

	for (i = 0; i < sizeof(net->addr.bytes); i++) {
		mask = byte_mask(net->prefix, i);
		extra |= net->addr.bytes[i] & (uint8_t)~mask;
		net->addr.bytes[i] &= mask;
	}
	return extra != 0;
}

enum cidr_verdict
cidr_parse(const char *text, size_t len, struct cidr *out)
{
	char copy[CIDR_TEXT_MAX], *slash;
	unsigned prefix;

	if (len >= sizeof(copy) || memchr(text, '\0', len) != NULL)
		return CIDR_BAD_ADDRESS;
	memcpy(copy, text, len);
	copy[len] = '\0';
	slash = strchr(copy, '/');
	if (slash != NULL)
		*slash = '\0';
	if (!read_addr(copy, &out->addr))
		return CIDR_BAD_ADDRESS;
	prefix = width(&out->addr);
	if (slash != NULL && !read_prefix(slash + 1, prefix, &prefix))
		return CIDR_BAD_PREFIX;
	if (out->addr.is_v6 && prefix >= MAPPED_BITS &&
	    is_mapped(out->addr.bytes)) {
		unmap(&out->addr);
		prefix -= MAPPED_BITS;
	}
	out->prefix = (uint8_t)prefix;
	return clear_host_bits(out) ? CIDR_HOST_BITS : CIDR_OK;
}

bool
cidr_parse_addr(const char *text, struct cidr_addr *out)
{
	const char *scope = strchr(text, '%');
	size_t len = scope != NULL ? (size_t)(scope - text) : strlen(text);
	char copy[CIDR_TEXT_MAX];

	if (len >= sizeof(copy) || (scope != NULL && scope[1] == '\0'))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (!read_addr(copy, out) || (scope != NULL && !out->is_v6))
		return false;
	if (out->is_v6 && is_mapped(out->bytes))
		unmap(out);
	return true;
}

void
cidr_from_bytes(const uint8_t *bytes, size_t len, struct cidr_addr *out)
{
	memset(out, 0, sizeof(*out));
	out->is_v6 = len == sizeof(out->bytes);
	memcpy(out->bytes, bytes, len);
	if (out->is_v6 && is_mapped(out->bytes))
		unmap(out);
}

bool
cidr_match(const struct cidr *net, const struct cidr_addr *addr)
{
	unsigned i;

	if (net->addr.is_v6 != addr->is_v6)
		return false;
	for (i = 0; 8 * i < net->prefix; i++)
		if ((addr->bytes[i] & byte_mask(net->prefix, i)) !=
		    net->addr.bytes[i])
			return false;
	return true;
}

bool
cidr_equal(const struct cidr *a, const struct cidr *b)
{
	return a->addr.is_v6 == b->addr.is_v6 && a->prefix == b->prefix &&
	    memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes)) == 0;
}

void
cidr_text(const struct cidr *net, char out[static CIDR_TEXT_MAX])
{
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(net->addr.is_v6 ? AF_INET6 : AF_INET, net->addr.bytes,
	    addr, sizeof(addr));
	snprintf(out, CIDR_TEXT_MAX, "%s/%u", addr, net->prefix);
}
