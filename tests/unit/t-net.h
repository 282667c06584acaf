/*
 * t-net - a network of our own: the loopback in a namespace, where every
 * port is free and no datagram gets out.
 */
#ifndef UNIT_T_NET_H
#define UNIT_T_NET_H

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "os/netio.h"
#include "t-work.h"

/* Raise the loopback, with that MTU if it is not 0. */
static inline bool
t_raise_loopback(int mtu)
{
	struct ifreq req = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good;

	good = fd != -1 && ioctl(fd, SIOCGIFFLAGS, &req) == 0;
	req.ifr_flags |= IFF_UP;
	good = good && ioctl(fd, SIOCSIFFLAGS, &req) == 0;
	req.ifr_mtu = mtu;
	good = good && (mtu == 0 || ioctl(fd, SIOCSIFMTU, &req) == 0);
	close(fd);
	return good;
}

/* In a child: from now on it has a network of its own. */
static inline bool
t_own_network(int mtu)
{
	return t_unshare(CLONE_NEWNET) && t_raise_loopback(mtu);
}

static inline bool
t_can_own_network(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(!t_own_network(0));
	return t_reap(pid, 0);
}

static inline bool
t_has_ipv6(void)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good;

	good = fd != -1 && bind(fd, (struct sockaddr *)&in6, sizeof(in6)) ==
	    0;
	if (fd != -1)
		close(fd);
	return good;
}

/* "192.0.2.1", "fe80::1%7" and a port. */
static inline union netio_addr
t_addr(const char *text, uint16_t port)
{
	union netio_addr a;
	char host[NETIO_TEXT_MAX];
	char *percent;

	memset(&a, 0, sizeof(a));
	snprintf(host, sizeof(host), "%s", text);
	percent = strchr(host, '%');
	if (percent != NULL)
		*percent = '\0';
	if (inet_pton(AF_INET, host, &a.in4.sin_addr) == 1) {
		a.in4.sin_family = AF_INET;
		a.in4.sin_port = htons(port);
		return a;
	}
	if (inet_pton(AF_INET6, host, &a.in6.sin6_addr) != 1)
		abort();
	a.in6.sin6_family = AF_INET6;
	a.in6.sin6_port = htons(port);
	if (percent != NULL)
		a.in6.sin6_scope_id = (uint32_t)atoi(percent + 1);
	return a;
}

static inline bool
t_text_is(const union netio_addr *a, const char *want)
{
	char text[NETIO_TEXT_MAX];

	netio_text(a, text);
	return strcmp(text, want) == 0;
}

/*
 * The kernel begins to stamp datagrams a while after the first socket wants
 * it, and stops when none does: one does from here on.
 */
static inline void
t_hold_stamps(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	struct netio_origin origin = { .waited_us = 0 };
	struct netio_listener l;
	uint8_t buf[8];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), tries;

	if (fd == -1 || bind(fd, (struct sockaddr *)&at, len) == -1 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) == -1 ||
	    netio_listener_init(&l, fd) != 0)
		abort();
	for (tries = 0; tries < 2000 && origin.waited_us < 1000; tries++) {
		if (sendto(fd, "x", 1, 0, (struct sockaddr *)&at, len) != 1)
			abort();
		usleep(1000);
		if (netio_receive(&l, buf, sizeof(buf), &origin) != 1)
			abort();
	}
}

#endif
