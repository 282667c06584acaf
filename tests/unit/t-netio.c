/*
 * t-netio - datagrams on the loopback: who asked, which address was asked,
 * and that the answer comes from there.
 */
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "os/netio.h"
#include "t-net.h"

#define WAIT_MS	20000	/* far more than the loopback needs */

/* ---- addresses -------------------------------------------------------- */

static void
test_normalise(void)
{
	static const struct {
		const char *what, *in, *out;
	} rows[] = {
		{ "IPv4 stays", "192.0.2.1", "192.0.2.1" },
		{ "mapped becomes IPv4", "::ffff:192.0.2.1", "192.0.2.1" },
		{ "mapped, written as hex", "::ffff:c000:201", "192.0.2.1" },
		{ "mapped 0.0.0.0", "::ffff:0.0.0.0", "0.0.0.0" },
		{ "IPv6 stays", "2001:db8::1", "2001:db8::1" },
		{ "the IPv6 loopback stays", "::1", "::1" },
		{ "compatible is not mapped", "::192.0.2.1", "::192.0.2.1" },
		{ "a prefix that is nearly it", "::fffe:192.0.2.1",
		    "::fffe:c000:201" },
		{ "NAT64 stays", "64:ff9b::192.0.2.1", "64:ff9b::c000:201" },
		{ "link-local keeps its scope", "fe80::1%7", "fe80::1%7" },
	};
	union netio_addr a, again;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		a = t_addr(rows[i].in, 2070);
		netio_normalise(&a);
		T_OK(t_text_is(&a, rows[i].out), rows[i].what);
		T_OK(netio_port(&a) == 2070, "the port stays");
		T_OK((a.sa.sa_family == AF_INET) ==
		    (strchr(rows[i].out, ':') == NULL), rows[i].what);
		again = a;
		netio_normalise(&again);
		T_OK(netio_equal(&a, &again), "twice is no different");
	}
}

static void
test_equal(void)
{
	static const struct {
		const char *what, *a;
		uint16_t a_port;
		const char *b;
		uint16_t b_port;
		bool equal;
	} rows[] = {
		{ "the same", "192.0.2.1", 1, "192.0.2.1", 1, true },
		{ "another port", "192.0.2.1", 1, "192.0.2.1", 2, false },
		{ "ports that differ in their high byte", "192.0.2.1", 0x101,
		    "192.0.2.1", 1, false },
		{ "another address", "192.0.2.1", 1, "192.0.2.2", 1, false },
		{ "the same, IPv6", "2001:db8::1", 1, "2001:db8::1", 1,
		    true },
		{ "another port, IPv6", "2001:db8::1", 1, "2001:db8::1", 2,
		    false },
		{ "the last byte, IPv6", "2001:db8::1", 1, "2001:db8::2", 1,
		    false },
		{ "the first byte, IPv6", "2001:db8::1", 1, "2101:db8::1", 1,
		    false },
		{ "the same scope", "fe80::1%2", 1, "fe80::1%2", 1, true },
		{ "another scope: another machine", "fe80::1%2", 1,
		    "fe80::1%3", 1, false },
		{ "another family", "0.0.0.0", 1, "::", 1, false },
		{ "the families of the loopback", "127.0.0.1", 1, "::1", 1,
		    false },
	};
	union netio_addr a, b;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		a = t_addr(rows[i].a, rows[i].a_port);
		b = t_addr(rows[i].b, rows[i].b_port);
		T_OK(netio_equal(&a, &b) == rows[i].equal, rows[i].what);
		T_OK(netio_equal(&b, &a) == rows[i].equal, rows[i].what);
	}
	/* what the kernel leaves in the rest is no part of an address */
	a = t_addr("192.0.2.1", 1);
	b = a;
	memset(b.in4.sin_zero, 0x5a, sizeof(b.in4.sin_zero));
	T_OK(netio_equal(&a, &b), "padding");
	a = t_addr("2001:db8::1", 1);
	b = a;
	b.in6.sin6_flowinfo = htonl(0x12345);
	T_OK(netio_equal(&a, &b), "the flow label");
}

static void
test_text(void)
{
	static const char *const same[] = { "0.0.0.0", "192.0.2.1",
		"255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1%1",
		"fe80::1%4294967295", "fe80::%9",
		"febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff%2147483647",
		"2001:db8:1111:2222:3333:4444:5555:6666" };
	union netio_addr a;
	size_t i;

	for (i = 0; i < COUNT(same); i++) {
		a = t_addr(same[i], 69);
		if (strcmp(same[i], "fe80::1%4294967295") == 0)
			a.in6.sin6_scope_id = UINT32_MAX;
		T_OK(t_text_is(&a, same[i]), same[i]);
	}
	a = t_addr("2001:db8::1%5", 69);
	T_OK(t_text_is(&a, "2001:db8::1"), "a scope only where it has one");
	a = t_addr("fe80::1", 69);
	T_OK(t_text_is(&a, "fe80::1%0"), "a scope that is missing shows");
}

static void
test_is_client(void)
{
	static const struct {
		const char *what, *host;
		uint16_t port;
		bool is_client;
	} rows[] = {
		{ "a client", "192.0.2.10", 2070, true },
		{ "the lowest port", "192.0.2.10", 1, true },
		{ "the highest port", "192.0.2.10", 65535, true },
		{ "no port", "192.0.2.10", 0, false },
		{ "no address", "0.0.0.0", 2070, false },
		{ "everybody", "255.255.255.255", 2070, false },
		{ "multicast", "224.0.0.1", 2070, false },
		{ "the last of multicast", "239.255.255.255", 2070, false },
		{ "before multicast", "223.255.255.255", 2070, true },
		{ "the loopback", "127.0.0.1", 2070, true },
		{ "an IPv6 client", "2001:db8::10", 2070, true },
		{ "no port, IPv6", "2001:db8::10", 0, false },
		{ "no address, IPv6", "::", 2070, false },
		{ "multicast, IPv6", "ff02::1", 2070, false },
		{ "link-local", "fe80::1%2", 2070, true },
		{ "the IPv6 loopback", "::1", 2070, true },
	};
	union netio_addr a;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		a = t_addr(rows[i].host, rows[i].port);
		T_OK(netio_is_client(&a) == rows[i].is_client, rows[i].what);
	}
	memset(&a, 0, sizeof(a));
	T_OK(!netio_is_client(&a), "no family");
	a.sa.sa_family = AF_UNIX;
	T_OK(!netio_is_client(&a), "a local socket's");
}

static void
test_bytes(void)
{
	static const struct {
		const char *what, *host;
		size_t len;
		uint8_t bytes[16];
	} rows[] = {
		{ "IPv4, the first byte first", "192.0.2.10", 4,
		    { 192, 0, 2, 10 } },
		{ "everybody", "255.255.255.255", 4, { 255, 255, 255, 255 } },
		{ "IPv6", "2001:db8::10", 16, { 0x20, 0x01, 0x0d, 0xb8,
		    [15] = 0x10 } },
		{ "the scope is no part of it", "fe80::1%7", 16, { 0xfe, 0x80,
		    [15] = 1 } },
	};
	uint8_t out[16];
	union netio_addr a;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		a = t_addr(rows[i].host, 2070);
		memset(out, 0x5a, sizeof(out));
		T_OK(netio_bytes(&a, out) == rows[i].len &&
		    memcmp(out, rows[i].bytes, rows[i].len) == 0,
		    rows[i].what);
		T_OK(rows[i].len == 16 || out[4] == 0x5a, "and no more");
	}
}

static void
test_kinds(void)
{
	static const struct {
		const char *what, *host;
		bool is_any, is_many;
	} rows[] = {
		{ "all of IPv4", "0.0.0.0", true, false },
		{ "nearly", "0.0.0.1", false, false },
		{ "a machine", "192.0.2.10", false, false },
		{ "everybody", "255.255.255.255", false, true },
		{ "multicast", "224.0.0.1", false, true },
		{ "all of IPv6", "::", true, false },
		{ "the IPv6 loopback", "::1", false, false },
		{ "multicast, IPv6", "ff02::1%2", false, true },
	};
	union netio_addr a;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		a = t_addr(rows[i].host, 2070);
		T_OK(netio_is_any(&a) == rows[i].is_any, rows[i].what);
		T_OK(netio_is_many(&a) == rows[i].is_many, rows[i].what);
		netio_set_port(&a, 69);
		T_OK(netio_port(&a) == 69, "another port");
	}
}

/* ---- sockets ---------------------------------------------------------- */

static socklen_t
len_of(const union netio_addr *a)
{
	return a->sa.sa_family == AF_INET ? sizeof(a->in4) : sizeof(a->in6);
}

static uint16_t
port_of(int fd)
{
	union netio_addr a;
	socklen_t len = sizeof(a);

	if (getsockname(fd, &a.sa, &len) == -1)
		return 0;
	return netio_port(&a);
}

/* A socket there, on a port that the kernel chooses. */
static int
sock_at(const char *host)
{
	union netio_addr a = t_addr(host, 0);
	int fd, off = 0, on = 1;

	fd = socket(a.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		abort();
	if (a.sa.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
		    sizeof(off));
	(void)setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	if (bind(fd, &a.sa, len_of(&a)) == -1)
		abort();
	return fd;
}

static bool
can_read(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, WAIT_MS) == 1;
}

/* What is there; its length or -errno. */
static ssize_t
take(int fd, uint8_t *buf, size_t size)
{
	ssize_t n = recv(fd, buf, size, MSG_DONTWAIT);

	return n == -1 ? -errno : n;
}

static bool
send_to(int fd, const char *host, uint16_t port, const char *text)
{
	union netio_addr to = t_addr(host, port);

	return sendto(fd, text, strlen(text), 0, &to.sa, len_of(&to)) ==
	    (ssize_t)strlen(text);
}

/* Whether that text comes, from there; "" for from anywhere. */
static bool
comes(int fd, const char *text, const char *from, uint16_t port)
{
	union netio_addr a;
	socklen_t len = sizeof(a);
	char got[64];
	ssize_t n;

	if (!can_read(fd))
		return false;
	memset(&a, 0, sizeof(a));
	n = recvfrom(fd, got, sizeof(got), 0, &a.sa, &len);
	return n == (ssize_t)strlen(text) &&
	    memcmp(got, text, (size_t)n) == 0 &&
	    (from[0] == '\0' || (t_text_is(&a, from) && netio_port(&a) == port));
}

/* ---- the listening socket --------------------------------------------- */

/* A listener there, a client here, who asks at that address. */
struct ask {
	const char *what, *listen, *client, *asked, *seen;
	bool to_many;
};

static const struct ask asks[] = {
	{ "an IPv4 socket", "127.0.0.1", "127.0.0.1", "127.0.0.1",
	    "127.0.0.1", false },
	{ "all of IPv4: the address asked", "0.0.0.0", "127.0.0.1",
	    "127.0.0.5", "127.0.0.5", false },
	{ "all of IPv4: another", "0.0.0.0", "127.0.0.9", "127.1.2.3",
	    "127.1.2.3", false },
	{ "a broadcast: ours in that network", "0.0.0.0", "127.0.0.1",
	    "127.255.255.255", "127.0.0.1", true },
};

static const struct ask asks6[] = {
	{ "an IPv6 socket", "::1", "::1", "::1", "::1", false },
	{ "all of IPv6", "::", "::1", "::1", "::1", false },
	{ "an IPv4 client of an IPv6 socket is one", "::", "127.0.0.1",
	    "127.0.0.5", "127.0.0.5", false },
	{ "a broadcast on an IPv6 socket", "::", "127.0.0.1",
	    "127.255.255.255", "127.0.0.1", true },
};

/* With late, the request is in the queue before we know of the socket. */
static void
check_ask(const struct ask *a, bool late)
{
	int fd = sock_at(a->listen), client = sock_at(a->client);
	struct netio_listener l;
	struct netio_origin o;
	uint8_t buf[64];

	if (late)
		T_OK(send_to(client, a->asked, port_of(fd), "request"),
		    a->what);
	T_OK(netio_listener_init(&l, fd) == 0 && l.fd == fd, a->what);
	T_OK(t_text_is(&l.local, a->listen) &&
	    netio_port(&l.local) == port_of(fd), "where it is bound");
	T_OK(!l.is_connected, "it is for everybody");
	if (!late)
		T_OK(send_to(client, a->asked, port_of(fd), "request"),
		    a->what);
	T_OK(can_read(fd), "it comes");
	memset(&o, 0xa5, sizeof(o));
	T_OK(netio_receive(&l, buf, sizeof(buf), &o) == 7 &&
	    memcmp(buf, "request", 7) == 0, a->what);
	T_OK(t_text_is(&o.peer, a->client) &&
	    netio_port(&o.peer) == port_of(client), "who asked");
	/* what was early does not say which address of ours is near */
	T_OK(o.has_local == !(late && a->to_many), a->what);
	T_OK(!o.has_local || (t_text_is(&o.local, a->seen) &&
	    netio_port(&o.local) == 0), a->what);
	T_OK(o.to_many == a->to_many, a->what);
	T_OK(late || o.ifindex == if_nametoindex("lo"), "over which link");
	T_OK(netio_dropped(&l) == 0, "nothing was dropped");
	T_OK(netio_receive(&l, buf, sizeof(buf), &o) == -EAGAIN,
	    "that was all, and nobody waits");
	close(fd);
	close(client);
}

static void
test_receive(void)
{
	size_t i;

	for (i = 0; i < COUNT(asks); i++)
		check_ask(&asks[i], false);
	if (!t_has_ipv6()) {
		t_skip("requests over IPv6 (no IPv6)");
		return;
	}
	for (i = 0; i < COUNT(asks6); i++)
		check_ask(&asks6[i], false);
}

/* The superserver bound the socket: the first request came before us. */
static void
test_receive_late(void)
{
	size_t i;

	for (i = 0; i < COUNT(asks); i++)
		check_ask(&asks[i], true);
	if (!t_has_ipv6()) {
		t_skip("early requests over IPv6 (no IPv6)");
		return;
	}
	for (i = 0; i < COUNT(asks6); i++)
		check_ask(&asks6[i], true);
}

static void
test_receive_sizes(void)
{
	int fd = sock_at("127.0.0.1"), client = sock_at("127.0.0.1");
	uint16_t port = port_of(fd);
	struct netio_listener l;
	struct netio_origin o;
	uint8_t zeros[4] = { 0 }, *buf;

	T_OK(netio_listener_init(&l, fd) == 0, "set-up");
	T_OK(send_to(client, "127.0.0.1", port, "") &&
	    send_to(client, "127.0.0.1", port, "abcdefgh") &&
	    send_to(client, "127.0.0.1", port, "xyz"), "set-up");
	buf = t_guard(zeros, sizeof(zeros));
	T_OK(can_read(fd) && netio_receive(&l, buf, sizeof(zeros), &o) == 0,
	    "an empty one");
	T_OK(netio_port(&o.peer) == port_of(client), "has a sender too");
	T_OK(can_read(fd) && netio_receive(&l, buf, sizeof(zeros), &o) == 4 &&
	    memcmp(buf, "abcd", 4) == 0, "a long one is cut");
	T_OK(can_read(fd) && netio_receive(&l, buf, sizeof(zeros), &o) == 3 &&
	    memcmp(buf, "xyz", 3) == 0, "what was cut is gone");
	t_unguard(buf, sizeof(zeros));
	close(fd);
	close(client);
}

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	(void)getsockopt(fd, level, name, &value, &len);
	return value;
}

/* The file description is the superserver's. */
static void
test_listener(void)
{
	int fd = sock_at("127.0.0.1"), flags = fcntl(fd, F_GETFL);
	int room = option(fd, SOL_SOCKET, SO_RCVBUF);
	union netio_addr peer;
	socklen_t len = sizeof(peer);
	struct netio_listener l;

	T_OK(netio_listener_init(&l, fd) == 0, "it is taken");
	T_OK(fcntl(fd, F_GETFL) == flags, "it is not made non-blocking");
	T_OK(getpeername(fd, &peer.sa, &len) == -1, "nor connected");
	T_OK(option(fd, SOL_SOCKET, SO_RCVBUF) >= room, "room is not taken");
	T_OK(l.device[0] == '\0' && l.tos == 0 && l.tclass == 0 &&
	    l.mark == 0, "nothing is to be copied");
	close(fd);
}

/* As root 4 MiB whatever the system's limit is. */
static void
test_listener_room(void)
{
	int fd = sock_at("127.0.0.1");
	struct netio_listener l;

	if (geteuid() != 0) {
		t_skip("a receive buffer beyond the limit (needs root)");
		close(fd);
		return;
	}
	T_OK(netio_listener_init(&l, fd) == 0, "set-up");
	T_OK(option(fd, SOL_SOCKET, SO_RCVBUF) >= 4 * 1024 * 1024,
	    "4 MiB for a boot storm");
	close(fd);
}

static void
test_listener_connected(void)
{
	int fd = sock_at("127.0.0.1"), client = sock_at("127.0.0.1");
	union netio_addr to = t_addr("127.0.0.1", port_of(client));
	struct netio_listener l;

	T_OK(connect(fd, &to.sa, len_of(&to)) == 0, "set-up");
	T_OK(netio_listener_init(&l, fd) == 0 && l.is_connected,
	    "udpsvd: one client only");
	close(fd);
	close(client);
}

static void
test_listener_errors(void)
{
	int fd = t_memory("", 0);
	struct netio_listener l = { .fd = -1 };
	struct netio_origin o;
	uint8_t buf[8];

	T_OK(netio_receive(&l, buf, sizeof(buf), &o) == -EBADF, "none");
	T_OK(netio_listener_init(&l, -1) == -EBADF, "no descriptor");
	T_OK(netio_listener_init(&l, fd) == -ENOTSOCK, "no socket");
	close(fd);
}

/* The kernel counts what a full queue could not take. */
static void
test_dropped(void)
{
	int fd = sock_at("127.0.0.1"), client = sock_at("127.0.0.1");
	int little = 1, i;
	struct netio_listener l;
	struct netio_origin o;
	uint8_t buf[64];
	int taken = 0;

	T_OK(netio_listener_init(&l, fd) == 0 && setsockopt(fd, SOL_SOCKET,
	    SO_RCVBUF, &little, sizeof(little)) == 0, "set-up");
	for (i = 0; i < 500; i++)
		T_OK(send_to(client, "127.0.0.1", port_of(fd), "storm"),
		    "set-up");
	while (netio_receive(&l, buf, sizeof(buf), &o) >= 0)
		taken++;
	T_OK(netio_dropped(&l) > 0 && netio_dropped(&l) ==
	    (uint32_t)(500 - taken), "dropped ones are counted");
	close(fd);
	close(client);
}

/* ---- a transfer's socket ---------------------------------------------- */

/* A request that was received, with both ends. */
struct request {
	int fd, client;
	struct netio_listener l;
	struct netio_origin o;
};

static void
request(struct request *r, const char *listen, const char *client,
    const char *asked)
{
	uint8_t buf[8];

	r->fd = sock_at(listen);
	r->client = sock_at(client);
	if (netio_listener_init(&r->l, r->fd) != 0 ||
	    !send_to(r->client, asked, port_of(r->fd), "r") ||
	    !can_read(r->fd) ||
	    netio_receive(&r->l, buf, sizeof(buf), &r->o) != 1)
		abort();
}

static void
request_end(struct request *r)
{
	close(r->fd);
	if (r->client != -1)
		close(r->client);
}

static void
check_connect(const struct ask *a)
{
	union netio_addr peer;
	socklen_t len = sizeof(peer);
	struct request r;
	uint8_t buf[8];
	int fd;

	request(&r, a->listen, a->client, a->asked);
	fd = netio_connect(&r.l, &r.o, 0, 0);
	T_OK(fd >= 0, a->what);
	T_OK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "no program gets it");
	T_OK(getpeername(fd, &peer.sa, &len) == 0 &&
	    netio_equal(&peer, &r.o.peer), "connected to the client");
	T_OK(netio_local_port(fd) == port_of(fd) && port_of(fd) != 0 &&
	    port_of(fd) != port_of(r.fd), "a port of its own");
	T_OK(netio_send(fd, (const uint8_t *)"data", 4) == 0 &&
	    comes(r.client, "data", a->seen, port_of(fd)),
	    "the answer comes from the address asked");
	T_OK(send_to(r.client, a->seen, port_of(fd), "ack") &&
	    netio_wait(fd, WAIT_MS * UINT64_C(1000)) == 1 &&
	    take(fd, buf, sizeof(buf)) == 3, "and the client's there");
	T_OK(take(fd, buf, sizeof(buf)) == -EAGAIN, "that was all");
	T_OK(netio_path_blksize(fd) == 65464, "the loopback takes any block");
	close(fd);
	request_end(&r);
}

static void
test_connect(void)
{
	size_t i;

	for (i = 0; i < COUNT(asks); i++)
		check_connect(&asks[i]);
	if (!t_has_ipv6()) {
		t_skip("answers over IPv6 (no IPv6)");
		return;
	}
	for (i = 0; i < COUNT(asks6); i++)
		check_connect(&asks6[i]);
}

/* An early broadcast to a socket that is bound to just that. */
static void
test_connect_early_broadcast(void)
{
	int fd = sock_at("127.255.255.255"), client = sock_at("127.0.0.1");
	struct netio_listener l;
	struct netio_origin o;
	uint8_t buf[8];
	int made;

	T_OK(send_to(client, "127.255.255.255", port_of(fd), "r") &&
	    netio_listener_init(&l, fd) == 0 && can_read(fd) &&
	    netio_receive(&l, buf, sizeof(buf), &o) == 1 && o.to_many &&
	    !o.has_local, "set-up");
	made = netio_connect(&l, &o, 0, 0);
	T_OK(made >= 0 && netio_send(made, (const uint8_t *)"d", 1) == 0 &&
	    comes(client, "d", "127.0.0.1", port_of(made)),
	    "the answer comes from one of ours");
	T_OK(send_to(client, "127.0.0.1", port_of(made), "ack") &&
	    can_read(made) && take(made, buf, sizeof(buf)) == 3,
	    "which the client may answer");
	close(made);
	close(fd);
	close(client);
}

/* What the kernel says with a datagram. */
static bool
say(struct netio_origin *o, int level, int type, const void *data, size_t len)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(64)];
	} control;
	struct msghdr msg = { .msg_control = &control,
		.msg_controllen = CMSG_SPACE(len) };

	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = level;
	control.header.cmsg_type = type;
	control.header.cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(&control.header), data, len);
	memset(o, 0, sizeof(*o));
	return netio_read_controls(o, &msg);
}

/* To that IPv6 address, over link 7. */
static bool
say_asked(struct netio_origin *o, const char *asked)
{
	struct in6_pktinfo info = { .ipi6_ifindex = 7 };

	info.ipi6_addr = t_addr(asked, 0).in6.sin6_addr;
	return say(o, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
}

static void
test_early_everybody(void)
{
	struct in_pktinfo info = { .ipi_addr = { INADDR_BROADCAST } };
	struct netio_origin o;

	T_OK(!say(&o, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info)) &&
	    o.to_many && !o.has_local, "255.255.255.255 answers nobody");
	info.ipi_spec_dst = t_addr("192.0.2.1", 0).in4.sin_addr;
	T_OK(!say(&o, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info)) &&
	    o.to_many && o.has_local && t_text_is(&o.local, "192.0.2.1"),
	    "one of ours does");
}

/* The loopback has no multicast to try it with. */
static void
test_multicast(void)
{
	struct request r;
	int fd;

	if (!t_has_ipv6()) {
		t_skip("multicast (no IPv6)");
		return;
	}
	request(&r, "::", "::1", "::1");
	T_OK(!say_asked(&r.o, "ff02::1") && r.o.to_many && !r.o.has_local &&
	    r.o.ifindex == 7, "a group is no address to answer from");
	r.o.peer = t_addr("::1", port_of(r.client));
	fd = netio_connect(&r.l, &r.o, 0, 0);
	T_OK(fd >= 0 && netio_send(fd, (const uint8_t *)"d", 1) == 0 &&
	    comes(r.client, "d", "::1", port_of(fd)), "the route says one");
	close(fd);
	T_OK(!say_asked(&r.o, "fe80::1") && !r.o.to_many && r.o.has_local &&
	    t_text_is(&r.o.local, "fe80::1%7"), "a link-local one has a scope");
	T_OK(say_asked(&r.o, "::ffff:192.0.2.255") && r.o.has_local &&
	    t_text_is(&r.o.local, "192.0.2.255"), "IPv4: a broadcast, perhaps");
	request_end(&r);
}

/* Without the address asked the kernel chooses one. */
static void
test_connect_unknown(void)
{
	struct request r;
	int fd;

	request(&r, "0.0.0.0", "127.0.0.1", "127.0.0.5");
	r.o.has_local = false;
	fd = netio_connect(&r.l, &r.o, 0, 0);
	T_OK(fd >= 0 && netio_send(fd, (const uint8_t *)"d", 1) == 0 &&
	    comes(r.client, "d", "127.0.0.1", port_of(fd)), "it answers");
	close(fd);
	request_end(&r);
}

static void
test_connect_fails(void)
{
	struct request r;

	request(&r, "0.0.0.0", "127.0.0.1", "127.0.0.5");
	r.o.local = t_addr("192.0.2.99", 0);
	T_OK(netio_connect(&r.l, &r.o, 0, 0) == -EADDRNOTAVAIL,
	    "an address that is gone");
	r.o.has_local = false;
	r.o.peer = t_addr("255.255.255.255", 2070);
	T_OK(netio_connect(&r.l, &r.o, 0, 0) < 0, "everybody is no client");
	T_OK(netio_local_port(-1) == 0, "what failed has no port");
	request_end(&r);
}

static void
test_stranger(void)
{
	struct request r;
	int fd, stranger = sock_at("127.0.0.1");
	uint8_t buf[16];

	request(&r, "127.0.0.1", "127.0.0.1", "127.0.0.1");
	fd = netio_connect(&r.l, &r.o, 0, 0);
	T_OK(send_to(stranger, "127.0.0.1", port_of(fd), "stranger") &&
	    send_to(r.client, "127.0.0.1", port_of(fd), "client"), "set-up");
	T_OK(netio_wait(fd, WAIT_MS * UINT64_C(1000)) == 1 &&
	    take(fd, buf, sizeof(buf)) == 6 &&
	    memcmp(buf, "client", 6) == 0, "a stranger is not heard");
	close(fd);
	close(stranger);
	request_end(&r);
}

/* ---- port ranges ------------------------------------------------------ */

/*
 * Take every port of [first, last] at that address: each one once, and then
 * none.  -1: somebody else had one of them.
 */
static int
exhaust(struct request *r, uint16_t first, uint16_t last)
{
	unsigned count = (unsigned)last - first + 1, used = 0, i, bit;
	int fds[8], good = 1;

	for (i = 0; i < count; i++) {
		fds[i] = netio_connect(&r->l, &r->o, first, last);
		if (fds[i] < 0)
			break;
		bit = 1u << (port_of(fds[i]) - first);
		good &= port_of(fds[i]) >= first &&
		    port_of(fds[i]) <= last && (used & bit) == 0;
		used |= bit;
	}
	if (i == count)
		good &= netio_connect(&r->l, &r->o, first, last) ==
		    -EADDRINUSE;
	else
		good = -1;
	while (i-- > 0)
		close(fds[i]);
	return good;
}

static void
check_range(const char *listen, const char *asked, unsigned count)
{
	unsigned tries, first;
	struct request r;
	int good = -1;

	request(&r, listen, listen, asked);
	for (tries = 0; tries < 50 && good == -1; tries++) {
		first = 20000 + ((unsigned)getpid() * 8 + tries * 97) % 40000;
		good = exhaust(&r, (uint16_t)first,
		    (uint16_t)(first + count - 1));
	}
	T_OK(good == 1, "every port once, then none");
	request_end(&r);
}

static void
test_range(void)
{
	unsigned count;

	for (count = 1; count <= 8; count++)
		check_range("127.77.0.1", "127.77.0.1", count);
	if (t_has_ipv6())
		check_range("::1", "::1", 3);
	else
		t_skip("a range of ports over IPv6 (no IPv6)");
}

/* The highest ports; in a network of our own they are free. */
static void
in_highest(const void *arg)
{
	struct request r;
	int again;

	(void)arg;
	if (!t_own_network(0))
		_exit(77);
	request(&r, "127.0.0.1", "127.0.0.1", "127.0.0.1");
	C_OK(exhaust(&r, 65533, 65535) == 1, "the highest ports");
	for (again = 0; again < 20; again++)
		C_OK(exhaust(&r, 4096, 4099) == 1, "again and again");
	C_OK(exhaust(&r, 1, 2) == 1, "the lowest ports");
	request_end(&r);
}

static void
test_highest(void)
{
	if (t_can_own_network())
		t_in_child(in_highest, NULL, "ends of the range");
	else
		t_skip("ends of the range (needs root or user namespaces)");
}

static void
in_privileged_range(const void *arg)
{
	struct request r;
	int fd;

	(void)arg;
	t_drop();
	request(&r, "127.0.0.1", "127.0.0.1", "127.0.0.1");
	fd = netio_connect(&r.l, &r.o, 1, 2);
	C_OK(fd == -EACCES || fd >= 0, "told at once, if it is refused");
}

static void
test_privileged_range(void)
{
	t_in_child(in_privileged_range, NULL, "as an ordinary user");
}

/* ---- what is copied from the listener --------------------------------- */

static void
test_traits(void)
{
	int made, tos = 0x48;
	struct request r;

	request(&r, "127.0.0.1", "127.0.0.1", "127.0.0.1");
	T_OK(setsockopt(r.fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)) == 0 &&
	    setsockopt(r.fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) == 0,
	    "set-up");
	T_OK(netio_listener_init(&r.l, r.fd) == 0 && r.l.tos == tos &&
	    strcmp(r.l.device, "lo") == 0, "the listener's");
	made = netio_connect(&r.l, &r.o, 0, 0);
	T_OK(made >= 0 && option(made, IPPROTO_IP, IP_TOS) == tos, "TOS");
	T_OK(option(made, SOL_SOCKET, SO_BINDTOIFINDEX) ==
	    (int)if_nametoindex("lo"), "device");
	T_OK(option(made, IPPROTO_IP, IP_MTU_DISCOVER) == IP_PMTUDISC_DONT,
	    "large blocks may be fragmented on the way");
	close(made);
	request_end(&r);
}

static void
test_traits6(void)
{
	int made, tclass = 0x48;
	struct request r;

	if (!t_has_ipv6()) {
		t_skip("the traffic class (no IPv6)");
		return;
	}
	request(&r, "::1", "::1", "::1");
	T_OK(setsockopt(r.fd, IPPROTO_IPV6, IPV6_TCLASS, &tclass,
	    sizeof(tclass)) == 0, "set-up");
	T_OK(netio_listener_init(&r.l, r.fd) == 0 && r.l.tclass == tclass,
	    "the listener's");
	made = netio_connect(&r.l, &r.o, 0, 0);
	T_OK(made >= 0 && option(made, IPPROTO_IPV6, IPV6_TCLASS) == tclass,
	    "traffic class");
	T_OK(option(made, IPPROTO_IPV6, IPV6_MTU_DISCOVER) ==
	    IPV6_PMTUDISC_DONT, "large blocks may be fragmented");
	close(made);
	request_end(&r);
}

static void
test_mark(void)
{
	int made, mark = 42;
	struct request r;

	request(&r, "127.0.0.1", "127.0.0.1", "127.0.0.1");
	if (setsockopt(r.fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) ==
	    -1) {
		t_skip("the mark (needs root)");
		request_end(&r);
		return;
	}
	T_OK(netio_listener_init(&r.l, r.fd) == 0 && r.l.mark == mark,
	    "the listener's");
	made = netio_connect(&r.l, &r.o, 0, 0);
	T_OK(made >= 0 && option(made, SOL_SOCKET, SO_MARK) == mark, "mark");
	close(made);
	request_end(&r);
}

/* ---- sending ---------------------------------------------------------- */

/* A pair: a transfer's socket, and its client's. */
static int
transfer(struct request *r)
{
	int fd;

	request(r, "127.0.0.1", "127.0.0.1", "127.0.0.1");
	fd = netio_connect(&r->l, &r->o, 0, 0);
	if (fd < 0)
		abort();
	return fd;
}

static void
test_losses(void)
{
	static uint8_t large[70000];
	struct request r;
	int fd = transfer(&r);

	T_OK(netio_send(fd, large, sizeof(large)) == 0,
	    "what cannot be sent is a loss");
	T_OK(netio_send(-1, large, 1) == 0, "whatever the reason");
	close(fd);
	request_end(&r);
}

static void
test_refused(void)
{
	struct request r;
	uint8_t buf[8];
	int fd = transfer(&r);

	close(r.client);
	r.client = -1;
	T_OK(netio_send(fd, (const uint8_t *)"d", 1) == 0,
	    "nobody knows yet");
	T_OK(netio_wait(fd, WAIT_MS * UINT64_C(1000)) == 1,
	    "the answer comes");
	T_OK(take(fd, buf, sizeof(buf)) == -ECONNREFUSED,
	    "the client is gone");
	T_OK(take(fd, buf, sizeof(buf)) == -EAGAIN, "told once");
	T_OK(netio_send(fd, (const uint8_t *)"d", 1) == 0 && can_read(fd),
	    "once more");
	T_OK(netio_send(fd, (const uint8_t *)"d", 1) == -ECONNREFUSED,
	    "the next send is told");
	close(fd);
	request_end(&r);
}

static void
test_receive_buffer(void)
{
	struct request r;
	int fd = transfer(&r), before = option(fd, SOL_SOCKET, SO_RCVBUF);

	netio_raise_receive_buffer(fd, 1);
	T_OK(option(fd, SOL_SOCKET, SO_RCVBUF) == before, "never smaller");
	netio_raise_receive_buffer(fd, before + 1024);
	T_OK(option(fd, SOL_SOCKET, SO_RCVBUF) >= before, "larger");
	netio_raise_receive_buffer(-1, 1024);
	close(fd);
	request_end(&r);
}

/* ---- waiting ---------------------------------------------------------- */

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void
on_signal(int number)
{
	(void)number;
}

/* One after the other: the first may come before anybody waits. */
static timer_t
many_signals(int number)
{
	struct itimerspec often = { { 0, 10000000 }, { 0, 10000000 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = number };
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &event, &timer) == -1 ||
	    timer_settime(timer, 0, &often, NULL) == -1)
		abort();
	return timer;
}

static void
in_wait(const void *arg)
{
	struct sigaction act = { .sa_handler = on_signal };
	sigset_t blocked;
	struct request r;
	uint64_t start;
	timer_t timer;
	int fd = transfer(&r);

	(void)arg;
	sigaction(SIGUSR1, &act, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	C_OK(netio_wait(fd, 0) == 0, "no time");
	start = now_us();
	C_OK(netio_wait(fd, 20000) == 0 && now_us() - start >= 20000,
	    "never too early");
	timer = many_signals(SIGUSR1);
	C_OK(netio_wait(fd, UINT64_MAX) == -EINTR, "a signal");
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	C_OK(netio_wait(fd, 30000) == 0, "a signal that is blocked");
	C_OK(send_to(r.client, "127.0.0.1", port_of(fd), "x") &&
	    netio_wait(fd, UINT64_MAX) == 1, "for ever, for data");
	C_OK(netio_wait(fd, 0) == 1, "it is still there");
	timer_delete(timer);
}

static void
test_wait(void)
{
	t_in_child(in_wait, NULL, "waiting");
}

static void
in_arrivals(const void *arg)
{
	struct request r;
	int fd = transfer(&r);
	uint64_t ago;
	char c;

	(void)arg;
	netio_note_arrivals(fd);
	C_OK(send_to(r.client, "127.0.0.1", port_of(fd), "x") &&
	    netio_wait(fd, WAIT_MS * UINT64_C(1000)) == 1, "set-up");
	usleep(30000);
	C_OK(recv(fd, &c, 1, 0) == 1, "set-up");
	ago = netio_arrived_ago(fd);
	/* the wall clock may be slewed meanwhile */
	C_OK(ago >= 29000 && ago < 30000 + WAIT_MS * UINT64_C(1000),
	    "before it was read");
	usleep(30000);
	C_OK(netio_arrived_ago(fd) >= ago + 29000, "and it grows old");
	C_OK(netio_arrived_ago(-1) == 0, "no descriptor");
}

static void
test_arrivals(void)
{
	t_in_child(in_arrivals, NULL, "arrivals");
}

/* ---- the path --------------------------------------------------------- */

struct path {
	const char *what;
	int mtu;
	const char *host;
	uint16_t want;
};

static void
in_path(const void *arg)
{
	const struct path *p = arg;
	struct request r;
	int fd;

	if (!t_own_network(p->mtu))
		_exit(77);
	if (strchr(p->host, ':') != NULL && !t_has_ipv6())
		_exit(0);
	request(&r, p->host, p->host, p->host);
	fd = netio_connect(&r.l, &r.o, 0, 0);
	C_OK(fd >= 0 && netio_path_blksize(fd) == p->want,
	    "what fits, and not a byte more");
}

static void
test_path(void)
{
	static const struct path rows[] = {
		{ "Ethernet", 1500, "127.0.0.1", 1468 },
		{ "Ethernet, IPv6", 1500, "::1", 1448 },
		{ "PPPoE", 1492, "127.0.0.1", 1460 },
		{ "jumbo frames", 9000, "127.0.0.1", 8968 },
		{ "jumbo frames, IPv6", 9000, "::1", 8948 },
		{ "the least of IPv6", 1280, "::1", 1228 },
		{ "a small MTU", 576, "127.0.0.1", 544 },
		{ "512 is always there", 300, "127.0.0.1", 512 },
		{ "the largest", 65535, "127.0.0.1", 65464 },
		{ "a byte less than the largest block needs", 65495,
		    "127.0.0.1", 65463 },
		{ "as much as the largest block needs", 65496, "127.0.0.1",
		    65464 },
	};
	size_t i;

	T_OK(netio_path_blksize(-1) == 512, "no descriptor");
	if (!t_can_own_network()) {
		t_skip("other MTUs (needs root or user namespaces)");
		return;
	}
	for (i = 0; i < COUNT(rows); i++)
		t_in_child(in_path, &rows[i], rows[i].what);
}

int
main(void)
{
	CU_TestInfo addresses[] = {
		{ "normalise", test_normalise },
		{ "equal", test_equal },
		{ "text", test_text },
		{ "is_client", test_is_client },
		{ "bytes", test_bytes },
		{ "all and many", test_kinds },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo listener[] = {
		{ "receive", test_receive },
		{ "receive what came before us", test_receive_late },
		{ "sizes", test_receive_sizes },
		{ "the superserver's socket", test_listener },
		{ "its room", test_listener_room },
		{ "a connected one", test_listener_connected },
		{ "errors", test_listener_errors },
		{ "dropped datagrams", test_dropped },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo making[] = {
		{ "connect", test_connect },
		{ "the address asked is not known", test_connect_unknown },
		{ "an early broadcast", test_connect_early_broadcast },
		{ "everybody", test_early_everybody },
		{ "multicast", test_multicast },
		{ "connect fails", test_connect_fails },
		{ "strangers", test_stranger },
		{ "a range of ports", test_range },
		{ "ends of the range", test_highest },
		{ "ports that need privilege", test_privileged_range },
		{ "device and TOS", test_traits },
		{ "traffic class", test_traits6 },
		{ "mark", test_mark },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo using[] = {
		{ "losses", test_losses },
		{ "a client that is gone", test_refused },
		{ "receive buffer", test_receive_buffer },
		{ "wait", test_wait },
		{ "when a datagram arrived", test_arrivals },
		{ "path MTU", test_path },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "netio: addresses", NULL, NULL, NULL, NULL, addresses },
		{ "netio: listener", NULL, NULL, NULL, NULL, listener },
		{ "netio: connect", NULL, NULL, NULL, NULL, making },
		{ "netio: use", NULL, NULL, NULL, NULL, using },
		CU_SUITE_INFO_NULL
	};

	t_hold_stamps();
	return t_run(suites);
}
