/*
 * t-oneport - transfers on the listener's port: every datagram reaches the
 * one it is for, once, however it comes; and what the walls leave for it.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "config.h"
#include "os/bulkio.h"
#include "os/oneport.h"
#include "os/sandbox.h"
#include "t-net.h"

#define WAIT_MS	20000	/* far more than the loopback needs */

/* ---- the moment between bind() and connect() -------------------------- */

/* The linker puts this before callgate.c's (--wrap). */
static struct {
	void (*act)(const void *arg, int fd);
	const void *arg;
	unsigned skip;		/* calls before the one that is meant */
} before_connect;

int __wrap_callgate_connect(int fd, const struct sockaddr *addr,
    socklen_t len);

int
__wrap_callgate_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	void (*act)(const void *, int) = before_connect.act;

	if (act != NULL && before_connect.skip-- == 0) {
		before_connect.act = NULL;
		before_connect.skip = 0;
		act(before_connect.arg, fd);
	}
	return (int)syscall(SYS_connect, fd, addr, len);
}

/* What recvmsg() says first, one after the other; it stands before libc's. */
static struct {
	const int *errors;	/* errno */
	size_t count;
} before_receive;

ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
	if (before_receive.count != 0) {
		before_receive.count--;
		errno = *before_receive.errors++;
		return -1;
	}
	return (ssize_t)syscall(SYS_recvmsg, fd, msg, flags);
}

/* ---- sockets ---------------------------------------------------------- */

static int
sock_at(const char *host, uint16_t port)
{
	union netio_addr a = t_addr(host, port);
	int fd, off = 0, on = 1;

	fd = socket(a.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		abort();
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	(void)setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	if (bind(fd, &a.sa, netio_addr_len(&a)) == -1)
		abort();
	return fd;
}

static bool
send_to(int fd, const char *host, uint16_t port, const char *text)
{
	union netio_addr to = t_addr(host, port);

	return sendto(fd, text, strlen(text), 0, &to.sa,
	    netio_addr_len(&to)) == (ssize_t)strlen(text);
}

static bool
can_read(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, WAIT_MS) == 1;
}

static bool
is_empty(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) == -1 &&
	    errno == EAGAIN;
}

/* Whether that text comes, from there. */
static bool
comes(int fd, const char *text, const char *host, uint16_t port)
{
	union netio_addr from;
	socklen_t len = sizeof(from);
	char got[64];
	ssize_t n;

	if (!can_read(fd))
		return false;
	n = recvfrom(fd, got, sizeof(got), 0, &from.sa, &len);
	return n == (ssize_t)strlen(text) &&
	    memcmp(got, text, (size_t)n) == 0 && t_text_is(&from, host) &&
	    netio_port(&from) == port;
}

/* A listener there, a client here, who asks at that address. */
struct shape {
	const char *what, *listen, *client, *asked;
};

static const struct shape shapes[] = {
	{ "all of IPv4", "0.0.0.0", "127.0.0.1", "127.0.0.5" },
	{ "one address", "127.0.0.1", "127.0.0.1", "127.0.0.1" },
	{ "all of IPv6, an IPv4 client", "::", "127.0.0.1", "127.0.0.5" },
	{ "all of IPv6", "::", "::1", "::1" },
	{ "one address, IPv6", "::1", "::1", "::1" },
};

static const struct shape broadcast = { "a broadcast", "0.0.0.0",
	"127.0.0.1", "127.255.255.255" };

static unsigned
shape_count(void)
{
	if (t_has_ipv6())
		return COUNT(shapes);
	t_skip("IPv6 (there is none)");
	return 2;
}

/* A request that was received. */
struct scene {
	const struct shape *shape;
	int client, stranger;
	uint16_t port;
	struct netio_listener l;
	struct netio_origin o;
};

static bool
listener_gets(struct scene *s, const char *text)
{
	size_t len = strlen(text);
	uint8_t buf[64];

	return can_read(s->l.fd) &&
	    netio_receive(&s->l, buf, sizeof(buf), &s->o) == (ssize_t)len &&
	    memcmp(buf, text, len) == 0;
}

static void
scene_begin(struct scene *s, const struct shape *shape)
{
	int fd = sock_at(shape->listen, 0);

	memset(s, 0, sizeof(*s));
	s->shape = shape;
	s->port = netio_local_port(fd);
	s->client = sock_at(shape->client, 0);
	s->stranger = sock_at(shape->client, 0);
	if (netio_listener_init(&s->l, fd) != 0 ||
	    oneport_listen(&s->l) != 0 ||
	    !send_to(s->client, shape->asked, s->port, "request") ||
	    !listener_gets(s, "request"))
		abort();
}

static void
scene_end(struct scene *s)
{
	close(s->l.fd);
	close(s->client);
	close(s->stranger);
}

/* ---- who gets what ---------------------------------------------------- */

static void
take_none(void *arg, const struct netio_origin *o, const uint8_t *buf,
    size_t len)
{
	(void)arg;
	(void)o;
	(void)buf;
	(void)len;
}

static void
check_connect(const struct shape *shape)
{
	struct scene s;
	int made;

	scene_begin(&s, shape);
	made = oneport_connect(&s.l, &s.o);
	T_OK(made >= 0 && netio_local_port(made) == s.port, shape->what);
	T_OK((fcntl(made, F_GETFD) & FD_CLOEXEC) != 0, "no program gets it");
	T_OK(oneport_drain(made, take_none, NULL) == 0, "nothing came yet");
	T_OK(netio_send(made, (const uint8_t *)"data", 4) == 0 &&
	    comes(s.client, "data", shape->asked, s.port),
	    "the answer comes from where it was asked");
	T_OK(send_to(s.client, shape->asked, s.port, "ack") &&
	    comes(made, "ack", shape->client, netio_local_port(s.client)),
	    "the client is heard there");
	T_OK(send_to(s.stranger, shape->asked, s.port, "other") &&
	    listener_gets(&s, "other") && t_text_is(&s.o.peer, shape->client) &&
	    netio_port(&s.o.peer) == netio_local_port(s.stranger) &&
	    t_text_is(&s.o.local, shape->asked), "all others as before");
	T_OK(is_empty(made) && is_empty(s.l.fd), "nothing comes twice");
	close(made);
	T_OK(send_to(s.client, shape->asked, s.port, "again") &&
	    listener_gets(&s, "again"), "afterwards the client, too");
	scene_end(&s);
}

static void
test_connect(void)
{
	unsigned i, count = shape_count();

	for (i = 0; i < count; i++)
		check_connect(&shapes[i]);
}

/* PXE ROMs that were reset ask from the same port. */
static void
test_second(void)
{
	struct scene s;
	int old, new;

	scene_begin(&s, &shapes[0]);
	old = oneport_connect(&s.l, &s.o);
	new = oneport_connect(&s.l, &s.o);
	T_OK(old >= 0 && new >= 0, "a second one to the same client");
	T_OK(send_to(s.client, "127.0.0.5", s.port, "ack") && can_read(new) &&
	    is_empty(old), "the new one hears it");
	close(new);
	T_OK(send_to(s.client, "127.0.0.5", s.port, "ack") && can_read(old),
	    "then the old one again");
	close(old);
	scene_end(&s);
}

static void
test_unknown(void)
{
	static const struct shape rows[] = {
		{ "the route's", "0.0.0.0", "127.0.0.9", "127.0.0.5" },
		{ "the listener's", "127.0.0.5", "127.0.0.9", "127.0.0.5" },
	};
	static const char *const from[] = { "127.0.0.1", "127.0.0.5" };
	struct scene s;
	size_t i;
	int made;

	for (i = 0; i < COUNT(rows); i++) {
		scene_begin(&s, &rows[i]);
		s.o.has_local = false;
		made = oneport_connect(&s.l, &s.o);
		T_OK(made >= 0 &&
		    netio_send(made, (const uint8_t *)"d", 1) == 0 &&
		    comes(s.client, "d", from[i], s.port), rows[i].what);
		close(made);
		scene_end(&s);
	}
}

static void
send_broadcast(const void *arg, int fd)
{
	const struct scene *s = arg;

	(void)fd;
	if (!send_to(s->stranger, s->shape->asked, s->port, "meanwhile"))
		abort();
}

/* When the address to answer from is not known. */
static int
connect_by_route(struct scene *s)
{
	/* the route is asked for by a connect(), too */
	before_connect.skip = 1;
	before_connect.arg = s;
	before_connect.act = send_broadcast;
	s->o.has_local = false;
	return oneport_connect(&s->l, &s->o);
}

/* A socket that is bound to all addresses would get copies. */
static void
test_broadcast_meanwhile(void)
{
	struct scene s;
	int made;

	scene_begin(&s, &broadcast);
	made = connect_by_route(&s);
	T_OK(made >= 0 && before_connect.act == NULL, "set-up");
	T_OK(listener_gets(&s, "meanwhile") && is_empty(made),
	    "one that comes before connect() reaches the listener alone");
	close(made);
	scene_end(&s);
}

static void
test_broadcast(void)
{
	struct scene s;
	int made, known;

	for (known = 0; known < 2; known++) {
		scene_begin(&s, &broadcast);
		T_OK(s.o.to_many && s.o.has_local, "set-up");
		s.o.has_local = known == 1;
		made = oneport_connect(&s.l, &s.o);
		T_OK(made >= 0 &&
		    netio_send(made, (const uint8_t *)"d", 1) == 0 &&
		    comes(s.client, "d", "127.0.0.1", s.port),
		    "is answered from one of ours");
		T_OK(send_to(s.stranger, broadcast.asked, s.port, "next") &&
		    listener_gets(&s, "next") && is_empty(made),
		    "the next one reaches the listener alone");
		close(made);
		scene_end(&s);
	}
}

static void
test_fails(void)
{
	struct netio_listener none = { .fd = -1 };
	struct scene s;
	int off = 0;

	T_OK(oneport_listen(&none) == -EBADF, "no descriptor");
	scene_begin(&s, &shapes[0]);
	T_OK(setsockopt(s.l.fd, SOL_SOCKET, SO_REUSEADDR, &off,
	    sizeof(off)) == 0, "set-up");
	T_OK(oneport_connect(&s.l, &s.o) == -EADDRINUSE,
	    "a listener that does not share");
	T_OK(oneport_listen(&s.l) == 0, "set-up");
	s.o.local = t_addr("192.0.2.99", 0);
	T_OK(oneport_connect(&s.l, &s.o) == -EADDRNOTAVAIL,
	    "an address that is gone");
	s.o.local = t_addr("127.0.0.1", 0);
	s.o.peer = t_addr("255.255.255.255", 2070);
	T_OK(oneport_connect(&s.l, &s.o) < 0, "everybody is no client");
	s.o.has_local = false;
	T_OK(oneport_connect(&s.l, &s.o) < 0, "nor is there a route");
	T_OK(oneport_drain(-1, take_none, NULL) == 0, "nothing to empty");
	scene_end(&s);
}

static void
test_traits(void)
{
	int made, tos = 0x48, got = 0;
	socklen_t len = sizeof(got);
	struct scene s;

	scene_begin(&s, &shapes[0]);
	s.l.tos = tos;
	made = oneport_connect(&s.l, &s.o);
	T_OK(getsockopt(made, IPPROTO_IP, IP_TOS, &got, &len) == 0 &&
	    got == tos, "TOS, as without");
	T_OK(getsockopt(made, IPPROTO_IP, IP_MTU_DISCOVER, &got, &len) == 0 &&
	    got == IP_PMTUDISC_DONT, "large blocks may be fragmented");
	close(made);
	scene_end(&s);
}

/* ---- what came meanwhile ---------------------------------------------- */

#define DRAINED_MAX	8

struct drained {
	unsigned count;
	struct {
		struct netio_origin o;
		char text[32];
	} list[DRAINED_MAX];
};

static void
note_drained(void *arg, const struct netio_origin *o, const uint8_t *buf,
    size_t len)
{
	struct drained *d = arg;

	if (d->count == DRAINED_MAX || len >= sizeof(d->list[0].text))
		abort();
	d->list[d->count].o = *o;
	memcpy(d->list[d->count].text, buf, len);
	d->count++;
}

#define QUEUED_US	3000

static void
send_meanwhile(const void *arg, int fd)
{
	const struct scene *s = arg;

	(void)fd;
	if (!send_to(s->stranger, s->shape->asked, s->port, "other") ||
	    !send_to(s->client, s->shape->asked, s->port, "repeat") ||
	    !send_to(s->stranger, s->shape->asked, s->port, "") ||
	    !send_to(s->stranger, s->shape->asked, s->port, "last"))
		abort();
	/* so that it can be told how long they waited */
	usleep(QUEUED_US);
}

static bool
drained_is(const struct drained *d, unsigned i, const struct scene *s,
    int from, const char *text)
{
	const struct netio_origin *o = &d->list[i].o;

	return i < d->count && strcmp(d->list[i].text, text) == 0 &&
	    t_text_is(&o->peer, s->shape->client) &&
	    netio_port(&o->peer) == netio_local_port(from) &&
	    o->has_local && t_text_is(&o->local, s->shape->asked) &&
	    netio_port(&o->local) == 0 && !o->to_many &&
	    o->ifindex == if_nametoindex("lo") &&
	    o->waited_us >= QUEUED_US - QUEUED_US / 10;
}

static void
check_drain(const struct shape *shape)
{
	struct drained d = { .count = 0 };
	struct scene s;
	uint64_t ago;
	int made;

	scene_begin(&s, shape);
	before_connect.arg = &s;
	before_connect.act = send_meanwhile;
	made = oneport_connect(&s.l, &s.o);
	T_OK(made >= 0 && oneport_drain(made, note_drained, &d) == 4,
	    shape->what);
	T_OK(drained_is(&d, 0, &s, s.stranger, "other"), shape->what);
	T_OK(drained_is(&d, 1, &s, s.client, "repeat"),
	    "also what its own client asked again");
	T_OK(drained_is(&d, 2, &s, s.stranger, ""), "an empty one");
	T_OK(drained_is(&d, 3, &s, s.stranger, "last"), "in order");
	T_OK(is_empty(made) && is_empty(s.l.fd), "and no other");
	ago = netio_arrived_ago(made);
	T_OK(ago >= d.list[3].o.waited_us, "its age is still known after");
	close(made);
	scene_end(&s);
}

static void
test_drain(void)
{
	unsigned i, count = shape_count();

	for (i = 0; i < count; i++)
		check_drain(&shapes[i]);
}

/* What a peer that is gone left lies behind the news of that. */
static void
test_drain_refused(void)
{
	struct drained d = { .count = 0 };
	struct pollfd pfd = { .events = 0 };
	struct scene s;
	int made;

	scene_begin(&s, &shapes[0]);
	made = oneport_connect(&s.l, &s.o);
	T_OK(made >= 0 && send_to(s.client, "127.0.0.5", s.port, "last"),
	    "set-up");
	close(s.client);
	pfd.fd = made;
	T_OK(netio_send(made, (const uint8_t *)"d", 1) == 0 &&
	    poll(&pfd, 1, WAIT_MS) == 1 && (pfd.revents & POLLERR) != 0,
	    "set-up");
	T_OK(oneport_drain(made, note_drained, &d) == 1 &&
	    strcmp(d.list[0].text, "last") == 0, "it is not lost");
	close(made);
	s.client = -1;
	scene_end(&s);
}

/* Other news of the network: routers say more than that a port is closed. */
static void
test_drain_errors(void)
{
	static const int errors[] = { EHOSTUNREACH, EINTR, ENOPROTOOPT,
		ECONNREFUSED, ENETUNREACH, EPROTO, EMSGSIZE };
	struct drained d = { .count = 0 };
	struct scene s;
	int made;

	scene_begin(&s, &shapes[0]);
	made = oneport_connect(&s.l, &s.o);
	T_OK(made >= 0 && send_to(s.client, "127.0.0.5", s.port, "last") &&
	    can_read(made), "set-up");
	before_receive.errors = errors;
	before_receive.count = COUNT(errors);
	T_OK(oneport_drain(made, note_drained, &d) == 1 &&
	    strcmp(d.list[0].text, "last") == 0, "what lies behind is taken");
	T_OK(before_receive.count == 0 && is_empty(made), "all of it");
	close(made);
	scene_end(&s);
}

/* An error that stays is no reason to stay, too. */
static void
test_drain_ends(void)
{
	int fds[2];

	if (pipe(fds) == -1)
		abort();
	T_OK(oneport_drain(fds[0], take_none, NULL) == 0, "no socket");
	close(fds[0]);
	close(fds[1]);
}

/* The transfer has ended, but its client wants the next file. */
static void
check_leave(const struct shape *shape)
{
	struct drained d = { .count = 0 };
	struct scene s;
	int made;

	scene_begin(&s, shape);
	made = oneport_connect(&s.l, &s.o);
	T_OK(made >= 0 && send_to(s.client, shape->asked, s.port, "early"),
	    "set-up");
	T_OK(oneport_leave(made, &s.o.peer, note_drained, &d) == 1 &&
	    strcmp(d.list[0].text, "early") == 0 &&
	    netio_equal(&d.list[0].o.peer, &s.o.peer) &&
	    t_text_is(&d.list[0].o.local, shape->asked), shape->what);
	T_OK(send_to(s.client, shape->asked, s.port, "late") &&
	    listener_gets(&s, "late") && is_empty(made),
	    "what comes after that is the listener's");
	T_OK(send_to(s.stranger, shape->asked, s.port, "other") &&
	    listener_gets(&s, "other") && is_empty(made),
	    "and so are all others");
	close(made);
	scene_end(&s);
}

static void
test_leave(void)
{
	unsigned i, count = shape_count();

	for (i = 0; i < count; i++)
		check_leave(&shapes[i]);
}

/* ---- handing back ----------------------------------------------------- */

static struct netio_origin
origin_of(const char *peer, uint16_t port, const char *local)
{
	struct netio_origin o;

	memset(&o, 0, sizeof(o));
	o.peer = t_addr(peer, port);
	o.has_local = local != NULL;
	if (local != NULL)
		o.local = t_addr(local, 0);
	return o;
}

struct back {
	const char *what, *peer;
	uint16_t port;
	const char *local;
	uint32_t scope, ifindex, listener;
	uint64_t waited_us;
	size_t len;
};

static const struct back backs[] = {
	{ "an IPv4 client", "192.0.2.10", 2070, "192.0.2.1", 0, 2, 0, 0, 40 },
	{ "an IPv6 client", "2001:db8::10", 65535, "2001:db8::1", 0, 3, 7,
	    1234, 512 },
	{ "link-local", "fe80::10", 1, "fe80::1", 9, 9, 15, 50000, 100 },
	{ "no local address", "192.0.2.10", 2070, NULL, 0, 0, 1, 7, 33 },
	{ "nothing in it", "192.0.2.10", 2070, "192.0.2.1", 0, 2, 3, 0, 0 },
	{ "as long as it may be", "192.0.2.10", 2070, "192.0.2.1", 0,
	    INT_MAX, UINT32_MAX, 0, ONEPORT_DATAGRAM_MAX },
};

static void
check_back(const struct back *row, const int fds[2])
{
	struct netio_origin o = origin_of(row->peer, row->port, row->local);
	uint8_t bytes[ONEPORT_DATAGRAM_MAX], *buf;
	struct netio_origin got;
	unsigned listener = 0;
	size_t i;

	if (row->scope != 0)
		o.peer.in6.sin6_scope_id = o.local.in6.sin6_scope_id =
		    row->scope;
	o.ifindex = row->ifindex;
	o.waited_us = row->waited_us;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = t_byte(i);
	buf = t_guard(bytes, row->len);
	oneport_hand_back(fds[1], row->listener, &o, buf, row->len);
	memset(buf, 0, row->len);
	memset(&got, 0xa5, sizeof(got));
	T_OK(oneport_take_back(fds[0], &listener, &got, buf, row->len) ==
	    (ssize_t)row->len && memcmp(buf, bytes, row->len) == 0,
	    row->what);
	T_OK(listener == row->listener && netio_equal(&got.peer, &o.peer) &&
	    got.has_local == o.has_local && !got.to_many &&
	    got.ifindex == o.ifindex, row->what);
	T_OK(!o.has_local || netio_equal(&got.local, &o.local), row->what);
	T_OK(got.waited_us >= row->waited_us && got.waited_us <
	    row->waited_us + WAIT_MS * UINT64_C(1000), "it goes on waiting");
	t_unguard(buf, row->len);
}

static void
pair(int fds[2])
{
	if (oneport_pair(fds) != 0)
		abort();
}

static void
pair_end(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static void
test_back(void)
{
	struct netio_origin got;
	unsigned listener;
	uint8_t buf[8];
	size_t i;
	int fds[2];

	pair(fds);
	T_OK((fcntl(fds[0], F_GETFD) & fcntl(fds[1], F_GETFD) &
	    FD_CLOEXEC) != 0, "no program gets them");
	for (i = 0; i < COUNT(backs); i++)
		check_back(&backs[i], fds);
	T_OK(oneport_take_back(fds[0], &listener, &got, buf, sizeof(buf)) ==
	    -EAGAIN, "that was all, and nobody waits");
	pair_end(fds);
}

static void
test_back_cut(void)
{
	struct netio_origin o = origin_of("192.0.2.10", 2070, "192.0.2.1");
	static const uint8_t bytes[ONEPORT_DATAGRAM_MAX + 1] = { 1, 2, 3, 4 };
	static uint8_t large[sizeof(bytes)];
	uint8_t zeros[3] = { 0 }, *buf = t_guard(zeros, sizeof(zeros));
	unsigned listener;
	int fds[2];

	pair(fds);
	oneport_hand_back(fds[1], 0, &o, bytes, 4);
	oneport_hand_back(fds[1], 0, &o, bytes, sizeof(bytes));
	T_OK(oneport_take_back(fds[0], &listener, &o, buf, sizeof(zeros)) ==
	    3 && memcmp(buf, bytes, 3) == 0, "as the room is");
	T_OK(oneport_take_back(fds[0], &listener, &o, large, sizeof(large)) ==
	    ONEPORT_DATAGRAM_MAX, "as long as a request may be");
	T_OK(oneport_take_back(fds[0], &listener, &o, large, sizeof(large)) ==
	    -EAGAIN, "the rest is gone");
	t_unguard(buf, sizeof(zeros));
	pair_end(fds);
}

/* Nobody reads: the transfers go on all the same. */
static void
in_full(const void *arg)
{
	struct netio_origin o = origin_of("192.0.2.10", 2070, "192.0.2.1");
	uint8_t buf[512] = { 0 };
	unsigned listener, i, taken = 0;
	bool in_order = true;
	int fds[2];

	(void)arg;
	pair(fds);
	for (i = 0; i < 10000; i++)
		oneport_hand_back(fds[1], i, &o, buf, sizeof(buf));
	while (oneport_take_back(fds[0], &listener, &o, buf, sizeof(buf)) ==
	    (ssize_t)sizeof(buf))
		in_order &= listener == taken++;
	C_OK(in_order && taken >= 64 && taken < 10000,
	    "some wait, the others are lost");
	oneport_hand_back(fds[1], 42, &o, buf, 1);
	C_OK(oneport_take_back(fds[0], &listener, &o, buf, sizeof(buf)) == 1 &&
	    listener == 42, "then there is room again");
	pair_end(fds);
	oneport_hand_back(fds[1], 0, &o, buf, 1);
	C_OK(oneport_take_back(fds[0], &listener, &o, buf, 1) == -EBADF,
	    "no descriptor");
}

static void
test_full(void)
{
	t_in_child(in_full, NULL, "a dispatcher that is busy");
}

/* What is handed back to nobody is the transfer's own to answer. */
static void
test_back_to_nobody(void)
{
	struct netio_origin o = origin_of("192.0.2.10", 2070, "192.0.2.1");
	static const uint8_t buf[512];
	int fds[2], again, i;

	pair(fds);
	again = fcntl(fds[0], F_DUPFD_CLOEXEC, 3);
	for (i = 0; i < 10000; i++)
		if (!oneport_hand_back(fds[1], 0, &o, buf, sizeof(buf)))
			break;
	T_OK(again != -1 && i == 10000, "one that is busy is there");
	close(fds[0]);
	T_OK(oneport_hand_back(fds[1], 0, &o, buf, 1),
	    "so is one whose other descriptor is closed");
	close(again);
	T_OK(!oneport_hand_back(fds[1], 0, &o, buf, 1) &&
	    !oneport_hand_back(fds[1], 0, &o, buf, 0) &&
	    !oneport_hand_back(fds[1], 0, &o, buf, sizeof(buf)),
	    "one that is gone is not");
	close(fds[1]);
	pair(fds);
	close(fds[0]);
	T_OK(!oneport_hand_back(fds[1], 0, &o, buf, 1),
	    "nor one that went before");
	close(fds[1]);
}

/* ---- a transfer is not trusted ---------------------------------------- */

/* One honest message as it stands in the pair. */
static size_t
honest(const int fds[2], const char *peer, const char *local, uint8_t *raw,
    size_t size)
{
	struct netio_origin o = origin_of(peer, 2070, local);
	ssize_t n;

	o.ifindex = 2;
	oneport_hand_back(fds[1], 1, &o, (const uint8_t *)"request", 7);
	n = recv(fds[0], raw, size, MSG_DONTWAIT);
	if (n < 7)
		abort();
	return (size_t)n;
}

static bool
is_well_formed(const union netio_addr *a)
{
	if (a->sa.sa_family != AF_INET && a->sa.sa_family != AF_INET6)
		return false;
	if (a->sa.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
		return false;
	return !netio_is_any(a) && !netio_is_many(a);
}

/* Whether what comes out of that is refused, or nothing to fall over. */
static bool
is_harmless(const int fds[2], const uint8_t *raw, size_t len)
{
	struct netio_origin o;
	unsigned listener;
	uint8_t buf[16];
	ssize_t n;

	if (send(fds[1], raw, len, MSG_DONTWAIT) != (ssize_t)len)
		abort();
	n = oneport_take_back(fds[0], &listener, &o, buf, sizeof(buf));
	if (n == -EBADMSG)
		return true;
	return n >= 0 && n <= (ssize_t)sizeof(buf) &&
	    is_well_formed(&o.peer) && !o.to_many && o.ifindex <= INT_MAX &&
	    o.waited_us <= 60 * UINT64_C(1000000) &&
	    (!o.has_local || (is_well_formed(&o.local) &&
	    o.local.sa.sa_family == o.peer.sa.sa_family &&
	    netio_port(&o.local) == 0));
}

static void
test_garbage(void)
{
	static const char *const ends[][2] = {
		{ "192.0.2.10", "192.0.2.1" }, { "192.0.2.10", NULL },
		{ "2001:db8::10", "2001:db8::1" },
	};
	uint8_t raw[256], bad[256];
	size_t i, at, len;
	unsigned value;
	bool good = true;
	int fds[2];

	pair(fds);
	for (i = 0; i < COUNT(ends); i++) {
		len = honest(fds, ends[i][0], ends[i][1], raw, sizeof(raw));
		T_OK(is_harmless(fds, raw, len), "an honest one");
		for (at = 0; at < len; at++) {
			for (value = 0; value < 256; value++) {
				memcpy(bad, raw, len);
				bad[at] = (uint8_t)value;
				good &= is_harmless(fds, bad, len);
			}
		}
		T_OK(good, "each byte, with each value");
	}
	pair_end(fds);
}

static void
test_refused(void)
{
	static const struct {
		const char *what, *peer, *local;
	} rows[] = {
		{ "nobody", "0.0.0.0", "192.0.2.1" },
		{ "everybody", "255.255.255.255", "192.0.2.1" },
		{ "a group", "ff02::1", "2001:db8::1" },
		{ "IPv4 that is hidden in IPv6", "::ffff:192.0.2.10",
		    "2001:db8::1" },
		{ "asked at no address", "192.0.2.10", "0.0.0.0" },
		{ "asked at a group", "192.0.2.10", "224.0.0.1" },
	};
	struct netio_origin o;
	uint8_t raw[256], buf[16] = { 0 };
	unsigned listener;
	size_t i, len, cut;
	int fds[2];

	pair(fds);
	for (i = 0; i < COUNT(rows); i++) {
		o = origin_of(rows[i].peer, 2070, rows[i].local);
		oneport_hand_back(fds[1], 0, &o, buf, 1);
		T_OK(oneport_take_back(fds[0], &listener, &o, buf,
		    sizeof(buf)) == -EBADMSG, rows[i].what);
	}
	len = honest(fds, "192.0.2.10", "192.0.2.1", raw, sizeof(raw)) - 7;
	for (cut = 0; cut < len; cut++)
		T_OK(send(fds[1], raw, cut, 0) == (ssize_t)cut &&
		    oneport_take_back(fds[0], &listener, &o, buf,
		    sizeof(buf)) == -EBADMSG, "a part of one");
	T_OK(oneport_take_back(fds[0], &listener, &o, buf, sizeof(buf)) ==
	    -EAGAIN, "one bad message is one");
	pair_end(fds);
}

/* Descriptors that are sent along would fill the dispatcher's table. */
static void
test_descriptors(void)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct netio_origin o;
	uint8_t raw[256], buf[16];
	struct iovec iov = { raw, 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	unsigned listener;
	int fds[2], before, after;

	pair(fds);
	iov.iov_len = honest(fds, "192.0.2.10", NULL, raw, sizeof(raw));
	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fds[0], sizeof(int));
	before = dup(fds[0]);
	close(before);
	T_OK(sendmsg(fds[1], &msg, 0) == (ssize_t)iov.iov_len &&
	    oneport_take_back(fds[0], &listener, &o, buf, sizeof(buf)) == 7,
	    "the message is taken");
	after = dup(fds[0]);
	T_OK(after == before, "the descriptor is not");
	close(after);
	pair_end(fds);
}

/* It is shared: what one transfer does must not look like the end. */
static void
test_shut_down(void)
{
	struct netio_origin o = origin_of("192.0.2.10", 2070, NULL);
	uint8_t buf[16] = { 0 };
	unsigned listener;
	int fds[2];

	pair(fds);
	T_OK(shutdown(fds[1], SHUT_RDWR) == 0, "set-up");
	oneport_hand_back(fds[1], 0, &o, buf, 1);
	T_OK(oneport_take_back(fds[0], &listener, &o, buf, sizeof(buf)) ==
	    -EAGAIN, "nothing more comes");
	T_OK(is_empty(fds[0]), "and nobody is woken for it");
	pair_end(fds);
}

/* ---- a flood ---------------------------------------------------------- */

#define FLOOD_SOURCES	16
#define FLOOD_MADE	500	/* transfers' sockets, all open at once */
#define FLOOD_AHEAD	64	/* datagrams on their way; no queue is less */
#define FLOOD_STEP	40	/* between two that are made */
#define FLOOD_MAX	2000000

struct flood {
	struct scene s;
	int sources[FLOOD_SOURCES];
	int made[FLOOD_MADE];
	int fds[2];		/* the pair */
	struct shared {
		atomic_uint sent, taken;
		atomic_bool stop;
		uint8_t seen[FLOOD_MAX];
	} *shared;
	unsigned from_peers, handed_back, drained;
};

/* In a child: datagrams with a number each, as fast as they are taken. */
static void
send_flood(const struct flood *f)
{
	union netio_addr to = t_addr(f->s.shape->asked, f->s.port);
	struct shared *sh = f->shared;
	uint32_t number, word;

	for (number = 0; number < FLOOD_MAX && !atomic_load(&sh->stop);) {
		if (number - atomic_load(&sh->taken) >= FLOOD_AHEAD) {
			sched_yield();
			continue;
		}
		/* no request: T's own clients are among the sources */
		word = htonl(number | 0x80000000);
		if (sendto(f->sources[number % FLOOD_SOURCES], &word,
		    sizeof(word), 0, &to.sa, netio_addr_len(&to)) !=
		    (ssize_t)sizeof(word))
			_exit(1);
		atomic_store(&sh->sent, ++number);
	}
	_exit(0);
}

/* Which source it came from. */
static unsigned
count_one(struct flood *f, const uint8_t *buf, size_t len)
{
	uint32_t word = UINT32_MAX;

	if (len == sizeof(word))
		memcpy(&word, buf, sizeof(word));
	word = ntohl(word) & 0x7fffffff;
	if (word >= FLOOD_MAX || f->shared->seen[word]++ != 0)
		C_OK(false, "one came twice, or none that was sent");
	atomic_fetch_add(&f->shared->taken, 1);
	return word % FLOOD_SOURCES;
}

/* A stranger's, or the own client's from before: with a right origin. */
static void
count_strange(struct flood *f, const struct netio_origin *o,
    const uint8_t *buf, size_t len)
{
	unsigned source = count_one(f, buf, len);

	C_OK(netio_port(&o->peer) == netio_local_port(f->sources[source]) &&
	    o->has_local && t_text_is(&o->local, f->s.shape->asked),
	    "whose it is");
}

static void
count_drained(void *arg, const struct netio_origin *o, const uint8_t *buf,
    size_t len)
{
	struct flood *f = arg;

	f->drained++;
	count_strange(f, o, buf, len);
}

static void
hand_back(void *arg, const struct netio_origin *o, const uint8_t *buf,
    size_t len)
{
	struct flood *f = arg;

	f->handed_back++;
	oneport_hand_back(f->fds[1], 3, o, buf, len);
}

static void
listen_to_flood(struct flood *f)
{
	struct netio_origin o;
	uint8_t buf[64];
	ssize_t n;

	while ((n = netio_receive(&f->s.l, buf, sizeof(buf), &o)) >= 0)
		count_strange(f, &o, buf, (size_t)n);
}

/* The transfer number i: what it hears, and what it hands back. */
static void
hear_transfer(struct flood *f, unsigned i)
{
	union netio_addr peer;
	socklen_t len = sizeof(peer);
	struct bulkio_receiver r;
	struct netio_origin o;
	const uint8_t *got;
	uint8_t buf[64];
	unsigned listener;
	size_t got_len;
	ssize_t n;

	if (getpeername(f->made[i], &peer.sa, &len) != 0 ||
	    bulkio_receiver_init_shared(&r, f->made[i], 516, i % 2 ? 1 : 16,
	    0, &peer, hand_back, f) != 0)
		abort();
	while (bulkio_receive(&r, MSG_DONTWAIT) == 0) {
		while (bulkio_next(&r, &got, &got_len)) {
			f->from_peers++;
			C_OK(count_one(f, got, got_len) == 0, "the client's");
		}
		while ((n = oneport_take_back(f->fds[0], &listener, &o, buf,
		    sizeof(buf))) >= 0) {
			C_OK(listener == 3, "the listener");
			count_strange(f, &o, buf, (size_t)n);
		}
	}
	bulkio_receiver_free(&r);
}

/* Every tenth one is for a client that sends, the others are for none. */
static void
make_transfer(struct flood *f, unsigned i)
{
	struct netio_origin o = f->s.o;
	uint16_t port = (uint16_t)(1024 + i);

	if (i % 10 == 0)
		port = netio_local_port(f->sources[0]);
	o.peer = t_addr(f->s.shape->client, port);
	f->made[i] = oneport_connect(&f->s.l, &o);
	if (f->made[i] < 0)
		abort();
	(void)oneport_drain(f->made[i], count_drained, f);
}

/* Everybody listens until some more came. */
static void
go_on(struct flood *f, unsigned i)
{
	unsigned enough = atomic_load(&f->shared->taken) + FLOOD_STEP;

	while (atomic_load(&f->shared->taken) < enough) {
		listen_to_flood(f);
		hear_transfer(f, i);
		if (i % 10 != 0)
			hear_transfer(f, i / 10 * 10);
	}
}

static void
flood_begin(struct flood *f, const struct shape *shape)
{
	struct rlimit files;
	unsigned i;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	memset(f, 0, sizeof(*f));
	scene_begin(&f->s, shape);
	pair(f->fds);
	for (i = 0; i < FLOOD_SOURCES; i++)
		f->sources[i] = sock_at(shape->client, 0);
	f->shared = mmap(NULL, sizeof(*f->shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (f->shared == MAP_FAILED)
		abort();
}

static void
in_flood(const void *arg)
{
	unsigned i, number, lost = 0;
	struct flood f;
	pid_t pid;

	flood_begin(&f, arg);
	pid = fork();
	if (pid == 0)
		send_flood(&f);
	C_OK(can_read(f.s.l.fd), "it begins");
	for (i = 0; i < FLOOD_MADE; i++) {
		make_transfer(&f, i);
		go_on(&f, i);
	}
	atomic_store(&f.shared->stop, true);
	C_OK(t_reap(pid, 0), "the flood");
	for (i = 0; i < FLOOD_MADE; i++)
		hear_transfer(&f, i);
	listen_to_flood(&f);
	for (number = 0; number < atomic_load(&f.shared->sent); number++)
		lost += f.shared->seen[number] == 0;
	C_OK(lost == 0, "none is lost");
	C_OK(netio_dropped(&f.s.l) == 0, "nor had the kernel to drop one");
	if (getenv("T_VERBOSE") != NULL)
		fprintf(stderr, "\n    %s: %u sent, %u drained, %u handed "
		    "back, %u of peers", f.s.shape->what,
		    atomic_load(&f.shared->sent), f.drained, f.handed_back,
		    f.from_peers);
}

static void
test_flood(void)
{
	unsigned i, count = shape_count();

	for (i = 0; i < count; i++)
		t_in_child(in_flood, &shapes[i], shapes[i].what);
}

/* ---- the walls -------------------------------------------------------- */

struct wall {
	const char *what;
	bool keep_bind, prefer;
	int refused;		/* a system call, 0: none */
	unsigned argument;	/* its first one; 0: any */
	int err;		/* 0: it serves */
	const char *says;	/* why, or what is missing */
};

/* That call fails with EPERM from now on, as in some containers. */
static void
refuse_call(int number, unsigned argument)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, argument, 0,
		    argument == 0 ? 0 : 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { COUNT(filter), filter };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		abort();
}

/* Whether this process has exactly these, permitted and effective. */
static bool
caps_are(uint32_t want)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	/* valgrind knows one half of it */
	memset(sets, 0xff, sizeof(sets));
	return syscall(SYS_capget, &header, sets) == 0 &&
	    sets[0].permitted == want && sets[0].effective == want &&
	    sets[0].inheritable == 0 && sets[1].permitted == 0 &&
	    sets[1].effective == 0 && sets[1].inheritable == 0;
}

#define BIND	(1u << CAP_NET_BIND_SERVICE)

/* A listener that root made: the superserver's. */
static void
low_port(struct scene *s)
{
	static const struct shape shape = { "port 69", "0.0.0.0",
		"127.0.0.1", "127.0.0.1" };
	int fd;

	if (!t_own_network(0))
		abort();
	memset(s, 0, sizeof(*s));
	s->shape = &shape;
	fd = sock_at("0.0.0.0", 69);
	s->client = sock_at("127.0.0.1", 0);
	if (netio_listener_init(&s->l, fd) != 0 ||
	    oneport_listen(&s->l) != 0 ||
	    !send_to(s->client, "127.0.0.1", 69, "r") ||
	    !listener_gets(s, "r"))
		abort();
}

static bool
is_locked(void)
{
	cap_value_t each;

	for (each = 0; cap_get_bound(each) >= 0; each++)
		if (cap_get_bound(each) != 0)
			return false;
	return cap_get_secbits() == (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
	    SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
	    SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
	    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED) &&
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && geteuid() != 0;
}

static void
check_served(const struct wall *w, struct scene *s)
{
	int made;

	C_OK(caps_are(w->keep_bind ? BIND : 0), "what it has");
	C_OK(w->refused != 0 || is_locked(), "nothing comes back");
	made = oneport_connect(&s->l, &s->o);
	C_OK(w->keep_bind ? made >= 0 : made == -EACCES, "port 69");
	C_OK(sandbox_leave_bind() == 0 && caps_are(0), "the transfer");
	C_OK(w->refused != 0 || cap_get_mode() == CAP_MODE_NOPRIV,
	    "has no privilege at all");
	C_OK(oneport_connect(&s->l, &s->o) == -EACCES, "for good");
	C_OK(sandbox_leave_bind() == 0, "twice is no different");
}

static void
check_kept(bool keep_bind)
{
	C_OK(sandbox_keep_for_start(keep_bind) == 0, "the keeper");
	C_OK(sandbox_may(CAP_NET_BIND_SERVICE) == keep_bind &&
	    sandbox_may(CAP_SETPCAP), "keeps what a dispatcher needs");
	C_OK(!sandbox_may(CAP_SYS_ADMIN), "and no more");
}

static void
in_wall(const void *arg)
{
	const struct wall *w = arg;
	struct sandbox_plan plan = { .root = "/tmp", .change_root = true,
		.change_user = true, .uid = T_NOBODY, .gid = T_NOBODY,
		.keep_bind = w->keep_bind, .prefer = w->prefer };
	char missing[128] = "x", why[128] = "";
	struct scene s;
	int err;

	low_port(&s);
	if (w->refused != 0)
		refuse_call(w->refused, w->argument);
	else
		check_kept(w->keep_bind);
	err = sandbox_enter(&plan, missing, sizeof(missing), why,
	    sizeof(why));
	C_OK(err == w->err, why);
	C_OK(strncmp(err == 0 ? missing : why, w->says, strlen(w->says)) ==
	    0 && (w->says[0] != '\0' || missing[0] == '\0'), "what it says");
	if (err == 0)
		check_served(w, &s);
}

static const struct wall walls[] = {
	{ "all of them", false, false, 0, 0, 0, "" },
	{ "all but one", true, false, 0, 0, 0, "" },
	{ "preferred, and there are all", true, true, 0, 0, 0, "" },
#ifndef INSTRUMENTED
	{ "no chroot", false, false, SYS_chroot, 0, -EPERM, "chroot: " },
	{ "no chroot, but preferred", false, true, SYS_chroot, 0, 0,
	    "chroot: Operation not permitted" },
#endif
	{ "no bounds", false, false, SYS_prctl, PR_CAPBSET_DROP, -EPERM,
	    "capability bounds: " },
	{ "no bounds, but one to keep", true, false, SYS_prctl,
	    PR_CAPBSET_DROP, -EPERM, "capability bounds: " },
	{ "no bounds, but preferred", false, true, SYS_prctl,
	    PR_CAPBSET_DROP, 0, "capability bounds: " },
	{ "no bounds, but preferred, and one to keep", true, true, SYS_prctl,
	    PR_CAPBSET_DROP, 0, "capability bounds: " },
	{ "no securebits, and one to keep", true, false, SYS_prctl,
	    PR_SET_SECUREBITS, -EPERM, "capability bounds: " },
	{ "no securebits, but preferred", false, true, SYS_prctl,
	    PR_SET_SECUREBITS, 0, "capability bounds: " },
	{ "no_new_privs is refused", false, false, SYS_prctl,
	    PR_SET_NO_NEW_PRIVS, -EPERM, "no_new_privs: " },
	{ "no_new_privs is refused, but preferred", true, true, SYS_prctl,
	    PR_SET_NO_NEW_PRIVS, 0, "no_new_privs: " },
	{ "the user stays, preferred or not", true, true, SYS_setuid, 0,
	    -EPERM, "setuid: " },
	{ "the groups stay, preferred or not", true, true, SYS_setgroups, 0,
	    -EPERM, "setgroups: " },
	{ "the sets stay, preferred or not", true, true, SYS_capset, 0,
	    -EPERM, "set" },
};

/* Root that is not told to change is no user to serve as. */
static void
in_root(const void *arg)
{
	const bool *prefer = arg;
	struct sandbox_plan plan = { .root = "/tmp", .prefer = *prefer };
	char missing[128], why[128] = "";

	C_OK(sandbox_enter(&plan, missing, sizeof(missing), why,
	    sizeof(why)) == -EPERM && strstr(why, "user 0") != NULL, why);
}

static void
in_nowhere(const void *arg)
{
	struct sandbox_plan plan = { .root = "/nonexistent", .prefer = true };
	char missing[128], why[128] = "";

	(void)arg;
	C_OK(sandbox_enter(&plan, missing, sizeof(missing), why,
	    sizeof(why)) == -ENOENT, "no directory to serve");
}

static void
in_ordinary(const void *arg)
{
	struct sandbox_plan plan = { .root = "/tmp", .keep_bind = true };
	char missing[128], why[128] = "";

	(void)arg;
	t_drop();
	C_OK(sandbox_keep_for_start(true) == 0, "a keeper");
	C_OK(sandbox_enter(&plan, missing, sizeof(missing), why,
	    sizeof(why)) == 0 && missing[0] == '\0', why);
	C_OK(caps_are(0) && sandbox_leave_bind() == 0, "there was nothing");
}

/* Started as a user who has just that one: a unit's AmbientCapabilities. */
static void
in_ambient(const void *arg)
{
	static const cap_value_t bind_only[] = { CAP_NET_BIND_SERVICE };
	const bool *keep_bind = arg;
	struct sandbox_plan plan = { .root = "/tmp",
		.keep_bind = *keep_bind };
	char missing[128], why[128] = "";
	cap_t caps = cap_init();

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		abort();
	t_drop();
	if (cap_set_flag(caps, CAP_PERMITTED, 1, bind_only, CAP_SET) != 0 ||
	    cap_set_flag(caps, CAP_INHERITABLE, 1, bind_only, CAP_SET) != 0 ||
	    cap_set_proc(caps) != 0 ||
	    cap_set_ambient(CAP_NET_BIND_SERVICE, CAP_SET) != 0)
		abort();
	cap_free(caps);
	C_OK(sandbox_enter(&plan, missing, sizeof(missing), why,
	    sizeof(why)) == 0, why);
	C_OK(caps_are(plan.keep_bind ? BIND : 0) &&
	    cap_get_ambient(CAP_NET_BIND_SERVICE) == CAP_CLEAR,
	    "not inherited");
	C_OK(sandbox_leave_bind() == 0 && caps_are(0), "for good");
}

static void
test_walls(void)
{
	static const bool no_yes[] = { false, true };
	size_t i;

	t_in_child(in_nowhere, NULL, "nowhere");
	t_in_child(in_ordinary, NULL, "an ordinary user");
	if (geteuid() != 0) {
		t_skip("the walls (needs root)");
		return;
	}
	for (i = 0; i < COUNT(walls); i++)
		t_in_child(in_wall, &walls[i], walls[i].what);
	for (i = 0; i < COUNT(no_yes); i++) {
		t_in_child(in_root, &no_yes[i], "root");
		t_in_child(in_ambient, &no_yes[i], "only that one");
	}
}

int
main(void)
{
	CU_TestInfo making[] = {
		{ "who gets what", test_connect },
		{ "a second one", test_second },
		{ "the address asked is not known", test_unknown },
		{ "a broadcast", test_broadcast },
		{ "a broadcast meanwhile", test_broadcast_meanwhile },
		{ "it fails", test_fails },
		{ "TOS and fragments", test_traits },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo draining[] = {
		{ "between bind and connect", test_drain },
		{ "behind an error", test_drain_refused },
		{ "behind other errors", test_drain_errors },
		{ "no endless error", test_drain_ends },
		{ "at the end", test_leave },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo handing[] = {
		{ "what comes out is what went in", test_back },
		{ "too long", test_back_cut },
		{ "full", test_full },
		{ "nobody is there", test_back_to_nobody },
		{ "garbage", test_garbage },
		{ "refused", test_refused },
		{ "descriptors", test_descriptors },
		{ "shut down", test_shut_down },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo whole[] = {
		{ "a flood", test_flood },
		{ "the walls", test_walls },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "oneport: connect", NULL, NULL, NULL, NULL, making },
		{ "oneport: drain", NULL, NULL, NULL, NULL, draining },
		{ "oneport: hand back", NULL, NULL, NULL, NULL, handing },
		{ "oneport: all together", NULL, NULL, NULL, NULL, whole },
		CU_SUITE_INFO_NULL
	};

	t_hold_stamps();
	return t_run(suites);
}
