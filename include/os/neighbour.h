/*
 * neighbour - the hardware address of a client on our own network, as the
 * kernel's neighbour table (ARP, NDP) has it.  No privilege is needed.
 */
#ifndef OS_NEIGHBOUR_H
#define OS_NEIGHBOUR_H

#include <stddef.h>
#include <stdint.h>

#define NEIGHBOUR_TEXT_MAX	18	/* "aa-bb-cc-dd-ee-ff" and a NUL */

/*
 * neighbour_open - a socket to ask by; the caller closes it.
 * Two processes that share it would take each other's answers: after a
 * fork only one may ask.  Returns a descriptor or -errno.
 */
int neighbour_open(void);

/*
 * neighbour_mac - "aa-bb-cc-dd-ee-ff" of that neighbour.
 *
 * addr, len  4 bytes of IPv4 or 16 of IPv6, in network order; an IPv4
 *            client of an IPv6 socket is IPv4 here
 * ifindex    where it is heard, 0 if not known: then the routes say so
 * out        also on failure a string: ""
 * Waits 100 ms at most for an answer; the kernel has it ready at once,
 * unless somebody changes the network's set-up meanwhile.  Returns 0,
 * -ENOENT (not in the table, routed, ours, link-local without ifindex, or
 * no Ethernet-like address), -ETIMEDOUT, -EINVAL for another len, or
 * -errno.
 */
int neighbour_mac(int fd, const uint8_t *addr, size_t len, unsigned ifindex,
    char out[static NEIGHBOUR_TEXT_MAX]);

#endif
