/*
 * launch - which sockets we were given: inetd's standard input, systemd's
 * LISTEN_FDS, or our own.
 *
 * Under xinetd descriptors 0, 1 and 2 are all the same network socket:
 * whatever prints would go to a client.  So the first thing is to move the
 * socket away and put /dev/null in its place.
 */
#ifndef OS_LAUNCH_H
#define OS_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>

#define LAUNCH_MAX 16

enum launch_kind {
	LAUNCH_NONE,		/* no socket was given */
	LAUNCH_INETD,		/* standard input */
	LAUNCH_SYSTEMD,		/* LISTEN_FDS */
	LAUNCH_BOUND		/* launch_bind() */
};

struct launch {
	enum launch_kind kind;
	int fds[LAUNCH_MAX];	/* all >= 3 and close-on-exec */
	unsigned count;
};

/*
 * launch_take - find the sockets and clear descriptors 0, 1 and 2.
 *
 * why        room for a sentence that says what is wrong
 * Returns 0, also for LAUNCH_NONE, or -errno: a socket was given that is no
 * datagram socket, or /dev/null could not be opened.
 */
int launch_take(struct launch *l, char *why, size_t size);

/*
 * launch_take_connection - find the one connection that an HTTP client made,
 * on standard input or in LISTEN_FDS, and clear descriptors 0, 1 and 2.
 *
 * client     descriptor >= 3, close-on-exec; -1: there is none, and the
 *            standard ones are left as they are
 * why        room for a sentence that says what is wrong
 * Returns 0, or -errno: there is a socket that is no connection, or /dev/null
 * could not be opened.
 */
int launch_take_connection(int *client, char *why, size_t size);

/* Close what the parent left open above 2, but not the sockets in l. */
void launch_close_others(const struct launch *l);

/*
 * launch_bind - make a socket of our own and add it to l.
 *
 * address    "ADDR", "ADDR:PORT", ":PORT", "[ADDR]:PORT"; NULL: any, 69.
 *            Names of ports are looked up, host names too.
 * family     AF_INET, AF_INET6, or AF_UNSPEC: with no ADDR one IPv6 socket
 *            that takes IPv4 too, or IPv4 where there is no IPv6
 * Returns 0, or -errno with why filled.
 */
int launch_bind(struct launch *l, const char *address, int family, char *why,
    size_t size);

#endif
