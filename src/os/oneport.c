#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os/callgate.h"
#include "os/clock.h"
#include "os/oneport.h"

/*
 * For the moment between bind() and connect() all that comes for the
 * listener comes for T: room for as much as the listener has, if we may.
 */
#define ROOM		(4 * 1024 * 1024)
#define DISCARD		9	/* a service that never sends */
#define DRAIN_MAX	4096	/* datagrams */
#define AWAY_MAX_US	(60 * UINT64_C(1000000))

/* A datagram that is handed back: this, then its bytes. */
struct message {
	uint8_t addr_len;	/* 4 or 16: what both addresses are */
	uint8_t has_local;
	uint16_t peer_port;
	uint32_t peer_scope, local_scope;
	uint32_t ifindex;
	uint32_t listener;
	uint8_t peer[16], local[16];
	uint64_t arrived_us;	/* monotonic */
};

int
oneport_listen(const struct netio_listener *l)
{
	int on = 1;

	return setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on,
	    sizeof(on)) == -1 ? -errno : 0;
}

/* ---- T ---------------------------------------------------------------- */

/* The address that the route to the client begins with. */
static int
ask_route(const struct netio_listener *l, const union netio_addr *peer,
    union netio_addr *local)
{
	socklen_t len = sizeof(*local);
	int fd = netio_socket(l, peer->sa.sa_family), err = 0;

	if (fd < 0)
		return fd;
	if (callgate_connect(fd, &peer->sa, netio_addr_len(peer)) == -1 ||
	    getsockname(fd, &local->sa, &len) == -1)
		err = -errno;
	close(fd);
	return err;
}

/* What a datagram in T's queue is to tell has to be asked for before bind. */
static int
prepare(int fd, sa_family_t family)
{
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		return -errno;
	netio_raise_receive_buffer(fd, ROOM);
	netio_ask_destination(fd, family);
	/* not SO_TIMESTAMPNS: with it netio_arrived_ago() knows nothing */
	netio_note_arrivals(fd);
	return 0;
}

int
oneport_connect(const struct netio_listener *l,
    const struct netio_origin *origin)
{
	const union netio_addr *peer = &origin->peer;
	union netio_addr local = netio_answer_from(l, origin);
	int fd, err = 0;

	/* bound to all addresses, T would get copies of broadcasts */
	if (netio_is_any(&local))
		err = ask_route(l, peer, &local);
	if (err != 0)
		return err;
	netio_set_port(&local, netio_port(&l->local));
	fd = netio_socket(l, peer->sa.sa_family);
	if (fd < 0)
		return fd;
	err = prepare(fd, peer->sa.sa_family);
	if (err == 0 &&
	    (callgate_bind(fd, &local.sa, netio_addr_len(&local)) == -1 ||
	    callgate_connect(fd, &peer->sa, netio_addr_len(peer)) == -1))
		err = -errno;
	if (err != 0) {
		close(fd);
		return err;
	}
	return fd;
}

unsigned
oneport_drain(int fd, oneport_take *take, void *arg)
{
	uint8_t buf[ONEPORT_DATAGRAM_MAX];
	struct netio_origin origin;
	unsigned taken = 0;
	bool in_doubt;
	int tries;
	ssize_t n;

	for (tries = 0; tries < DRAIN_MAX; tries++) {
		n = netio_receive_on(fd, buf, sizeof(buf), MSG_DONTWAIT,
		    &origin, &in_doubt);
		if (n == -EAGAIN || n == -EBADF)
			break;
		/* the queue goes on behind the news that the peer is gone */
		if (n < 0)
			continue;
		origin.waited_us = netio_arrived_ago(fd);
		take(arg, &origin, buf, (size_t)n);
		taken++;
	}
	return taken;
}

/* Connected to a port from where nothing comes, T is nobody's choice. */
unsigned
oneport_leave(int fd, const union netio_addr *peer, oneport_take *take,
    void *arg)
{
	union netio_addr other = *peer;

	netio_set_port(&other, netio_port(peer) == DISCARD ? DISCARD + 1 :
	    DISCARD);
	/* not through the gate, which is closed by now */
	(void)connect(fd, &other.sa, netio_addr_len(&other));
	return oneport_drain(fd, take, arg);
}

/* ---- handing back ----------------------------------------------------- */

int
oneport_pair(int fds[static 2])
{
	/* not SOCK_SEQPACKET: a transfer could make the reader see its end */
	return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0, fds) == -1 ? -errno : 0;
}

static uint32_t
scope_of(const union netio_addr *addr)
{
	return addr->sa.sa_family == AF_INET6 ? addr->in6.sin6_scope_id : 0;
}

bool
oneport_hand_back(int fd, unsigned listener,
    const struct netio_origin *origin, const uint8_t *buf, size_t len)
{
	struct message m;
	struct iovec iov[] = { { &m, sizeof(m) },
		{ (void *)(uintptr_t)buf, len } };

	if (iov[1].iov_len > ONEPORT_DATAGRAM_MAX)
		iov[1].iov_len = ONEPORT_DATAGRAM_MAX;
	memset(&m, 0, sizeof(m));
	m.addr_len = (uint8_t)netio_bytes(&origin->peer, m.peer);
	m.peer_port = netio_port(&origin->peer);
	m.peer_scope = scope_of(&origin->peer);
	m.has_local = origin->has_local;
	if (origin->has_local) {
		(void)netio_bytes(&origin->local, m.local);
		m.local_scope = scope_of(&origin->local);
	}
	m.ifindex = origin->ifindex;
	m.listener = listener;
	m.arrived_us = clock_mono_us() - origin->waited_us;
	/* it does not wait: see oneport_pair() */
	return writev(fd, iov, 2) != -1 ||
	    (errno != ECONNREFUSED && errno != EPIPE && errno != ENOTCONN &&
	    errno != ECONNRESET);
}

static void
set_addr(union netio_addr *addr, const uint8_t *bytes, size_t len,
    uint32_t scope)
{
	if (len == 4) {
		addr->in4.sin_family = AF_INET;
		memcpy(&addr->in4.sin_addr, bytes, 4);
		return;
	}
	addr->in6.sin6_family = AF_INET6;
	addr->in6.sin6_scope_id = scope;
	memcpy(&addr->in6.sin6_addr, bytes, 16);
}

/* Whether it is such an address as netio_receive() gives. */
static bool
is_plain(const union netio_addr *addr)
{
	if (netio_is_any(addr) || netio_is_many(addr))
		return false;
	return addr->sa.sa_family == AF_INET ||
	    !IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr);
}

/* false: that is no honest message. */
static bool
read_message(const struct message *m, struct netio_origin *o)
{
	uint64_t now_us = clock_mono_us();

	memset(o, 0, sizeof(*o));
	if ((m->addr_len != 4 && m->addr_len != 16) || m->ifindex > INT_MAX)
		return false;
	set_addr(&o->peer, m->peer, m->addr_len, m->peer_scope);
	netio_set_port(&o->peer, m->peer_port);
	if (!is_plain(&o->peer))
		return false;
	o->has_local = m->has_local != 0;
	if (o->has_local) {
		set_addr(&o->local, m->local, m->addr_len, m->local_scope);
		if (!is_plain(&o->local))
			return false;
	}
	o->ifindex = m->ifindex;
	if (now_us > m->arrived_us && now_us - m->arrived_us < AWAY_MAX_US)
		o->waited_us = now_us - m->arrived_us;
	return true;
}

ssize_t
oneport_take_back(int fd, unsigned *listener, struct netio_origin *origin,
    uint8_t *buf, size_t size)
{
	struct message m;
	struct iovec iov[] = { { &m, sizeof(m) }, { buf, size } };
	ssize_t n;

	/* not recvmsg(): descriptors could be sent along */
	do {
		n = readv(fd, iov, 2);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return -errno;
	if ((size_t)n < sizeof(m) || !read_message(&m, origin))
		return -EBADMSG;
	*listener = m.listener;
	return n - (ssize_t)sizeof(m);
}
