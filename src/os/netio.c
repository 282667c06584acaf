#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "os/callgate.h"
#include "os/netio.h"

#define RECEIVE_BUFFER	(4 * 1024 * 1024)
#define AGE_MAX_US	(60 * 1000000LL)
#define V4_OVERHEAD	32	/* IPv4, UDP and TFTP headers */
#define V6_OVERHEAD	52
#define BLKSIZE_LEAST	512	/* below this the MTU is no help */
#define BLKSIZE_MOST	65464

/* ---- addresses -------------------------------------------------------- */

socklen_t
netio_addr_len(const union netio_addr *addr)
{
	return addr->sa.sa_family == AF_INET ? sizeof(addr->in4) :
	    sizeof(addr->in6);
}

void
netio_normalise(union netio_addr *addr)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };

	if (addr->sa.sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr))
		return;
	in4.sin_port = addr->in6.sin6_port;
	memcpy(&in4.sin_addr, &addr->in6.sin6_addr.s6_addr[12], 4);
	memset(addr, 0, sizeof(*addr));
	addr->in4 = in4;
}

uint16_t
netio_port(const union netio_addr *addr)
{
	return ntohs(addr->sa.sa_family == AF_INET ? addr->in4.sin_port :
	    addr->in6.sin6_port);
}

void
netio_set_port(union netio_addr *addr, uint16_t port)
{
	if (addr->sa.sa_family == AF_INET)
		addr->in4.sin_port = htons(port);
	else
		addr->in6.sin6_port = htons(port);
}

bool
netio_equal(const union netio_addr *a, const union netio_addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family ||
	    netio_port(a) != netio_port(b))
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
	return a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
	    memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16) == 0;
}

void
netio_text(const union netio_addr *addr, char out[static NETIO_TEXT_MAX])
{
	size_t len;

	if (addr->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &addr->in4.sin_addr, out, NETIO_TEXT_MAX);
		return;
	}
	inet_ntop(AF_INET6, &addr->in6.sin6_addr, out, NETIO_TEXT_MAX);
	if (!IN6_IS_ADDR_LINKLOCAL(&addr->in6.sin6_addr))
		return;
	len = strlen(out);
	snprintf(out + len, NETIO_TEXT_MAX - len, "%%%u",
	    (unsigned)addr->in6.sin6_scope_id);
}

size_t
netio_bytes(const union netio_addr *addr, uint8_t out[static 16])
{
	if (addr->sa.sa_family == AF_INET) {
		memcpy(out, &addr->in4.sin_addr, 4);
		return 4;
	}
	memcpy(out, &addr->in6.sin6_addr, 16);
	return 16;
}

bool
netio_is_any(const union netio_addr *addr)
{
	if (addr->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr);
	return addr->in4.sin_addr.s_addr == INADDR_ANY;
}

bool
netio_is_many(const union netio_addr *addr)
{
	uint32_t v4;

	if (addr->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_MULTICAST(&addr->in6.sin6_addr);
	v4 = ntohl(addr->in4.sin_addr.s_addr);
	return IN_MULTICAST(v4) || v4 == INADDR_BROADCAST;
}

bool
netio_is_client(const union netio_addr *addr)
{
	if (addr->sa.sa_family != AF_INET && addr->sa.sa_family != AF_INET6)
		return false;
	return netio_port(addr) != 0 && !netio_is_many(addr) &&
	    !netio_is_any(addr);
}

/* ---- the listening socket --------------------------------------------- */

static void
raise_buffer(int fd)
{
	int size = RECEIVE_BUFFER, have = 0;
	socklen_t len = sizeof(have);

	/* the kernel doubles it; a superserver may have asked for more */
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &have, &len) == 0 &&
	    have >= size)
		return;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof(size)) == -1)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size,
		    sizeof(size));
}

/* Like getsockopt for an int, 0 where it is not known. */
static int
int_option(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, level, name, &value, &len) == -1)
		return 0;
	return value;
}

static void
learn_traits(struct netio_listener *l)
{
	socklen_t len = sizeof(l->device);

	if (getsockopt(l->fd, SOL_SOCKET, SO_BINDTODEVICE, l->device,
	    &len) == -1)
		l->device[0] = '\0';
	l->device[sizeof(l->device) - 1] = '\0';
	l->tos = int_option(l->fd, IPPROTO_IP, IP_TOS);
	if (l->local.sa.sa_family == AF_INET6)
		l->tclass = int_option(l->fd, IPPROTO_IPV6, IPV6_TCLASS);
	l->mark = int_option(l->fd, SOL_SOCKET, SO_MARK);
}

void
netio_ask_destination(int fd, sa_family_t family)
{
	int on = 1;

	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on,
		    sizeof(on));
	/* on an IPv6 socket, too: only this one tells a broadcast apart */
	(void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
}

int
netio_listener_init(struct netio_listener *l, int fd)
{
	union netio_addr peer;
	socklen_t len = sizeof(l->local);
	int on = 1;

	memset(l, 0, sizeof(*l));
	l->fd = fd;
	if (getsockname(fd, &l->local.sa, &len) == -1)
		return -errno;
	raise_buffer(fd);
	netio_ask_destination(fd, l->local.sa.sa_family);
	(void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	learn_traits(l);
	len = sizeof(peer);
	l->is_connected = getpeername(fd, &peer.sa, &len) == 0;
	return 0;
}

uint32_t
netio_dropped(const struct netio_listener *l)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(l->fd, SOL_SOCKET, SO_MEMINFO, info, &len) == -1)
		return 0;
	return info[SK_MEMINFO_DROPS];
}

/*
 * A datagram that was queued before IP_PKTINFO was set has no spec_dst.
 * Only a broadcast address cannot be connected to without SO_BROADCAST.
 */
static bool
is_broadcast(const union netio_addr *local)
{
	union netio_addr to = *local;
	int fd;
	bool yes;

	fd = callgate_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return false;
	netio_set_port(&to, 9);
	yes = callgate_connect(fd, &to.sa, netio_addr_len(&to)) == -1 &&
	    errno == EACCES;
	close(fd);
	return yes;
}

/* true: it may be a broadcast address. */
static bool
take_pktinfo4(struct netio_origin *o, const struct in_pktinfo *info)
{
	bool has_ours = info->ipi_spec_dst.s_addr != INADDR_ANY;

	memset(&o->local, 0, sizeof(o->local));
	o->ifindex = (unsigned)info->ipi_ifindex;
	o->local.in4.sin_family = AF_INET;
	o->local.in4.sin_addr = info->ipi_addr;
	o->to_many = netio_is_many(&o->local) || (has_ours &&
	    info->ipi_spec_dst.s_addr != info->ipi_addr.s_addr);
	if (o->to_many)
		o->local.in4.sin_addr = info->ipi_spec_dst;
	o->has_local = !o->to_many || has_ours;
	return !o->to_many && !has_ours;
}

static bool
take_pktinfo6(struct netio_origin *o, const struct in6_pktinfo *info)
{
	memset(&o->local, 0, sizeof(o->local));
	o->ifindex = info->ipi6_ifindex;
	o->local.in6.sin6_family = AF_INET6;
	o->local.in6.sin6_addr = info->ipi6_addr;
	if (IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
		o->local.in6.sin6_scope_id = info->ipi6_ifindex;
	netio_normalise(&o->local);
	o->to_many = netio_is_many(&o->local);
	o->has_local = !o->to_many;
	return o->has_local && o->local.sa.sa_family == AF_INET;
}

/* How long ago that was; 0 if the clock was set meanwhile. */
static uint64_t
age_us(const struct timespec *stamp)
{
	struct timespec now;
	int64_t age;

	clock_gettime(CLOCK_REALTIME, &now);
	age = (int64_t)(now.tv_sec - stamp->tv_sec) * 1000000 +
	    (now.tv_nsec - stamp->tv_nsec) / 1000;
	return age < 0 || age > AGE_MAX_US ? 0 : (uint64_t)age;
}

bool
netio_read_controls(struct netio_origin *o, struct msghdr *msg)
{
	struct in_pktinfo info4;
	struct in6_pktinfo info6;
	struct timespec stamp;
	struct cmsghdr *c;
	bool in_doubt = false;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP &&
		    c->cmsg_type == IP_PKTINFO) {
			memcpy(&info4, CMSG_DATA(c), sizeof(info4));
			in_doubt = take_pktinfo4(o, &info4);
		} else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info6, CMSG_DATA(c), sizeof(info6));
			in_doubt = take_pktinfo6(o, &info6);
		} else if (c->cmsg_level == SOL_SOCKET &&
		    c->cmsg_type == SO_TIMESTAMPNS) {
			memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
			o->waited_us = age_us(&stamp);
		}
	}
	if (!o->has_local)
		memset(&o->local, 0, sizeof(o->local));
	return in_doubt;
}

ssize_t
netio_receive_on(int fd, uint8_t *buf, size_t size, int flags,
    struct netio_origin *origin, bool *in_doubt)
{
	union {
		struct cmsghdr align;
		char buf[256];
	} control;
	struct iovec iov = { buf, size };
	struct msghdr msg = {
		.msg_name = &origin->peer,
		.msg_namelen = sizeof(origin->peer),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	memset(origin, 0, sizeof(*origin));
	n = recvmsg(fd, &msg, flags);
	if (n == -1)
		return -errno;
	netio_normalise(&origin->peer);
	*in_doubt = netio_read_controls(origin, &msg);
	return n;
}

ssize_t
netio_receive(const struct netio_listener *l, uint8_t *buf, size_t size,
    struct netio_origin *origin)
{
	bool in_doubt = false;
	ssize_t n;

	do {
		n = netio_receive_on(l->fd, buf, size, MSG_DONTWAIT, origin,
		    &in_doubt);
	} while (n == -EINTR);
	if (n >= 0 && in_doubt && is_broadcast(&origin->local)) {
		origin->to_many = true;
		origin->has_local = false;
		memset(&origin->local, 0, sizeof(origin->local));
	}
	return n;
}

/* ---- a transfer's socket ---------------------------------------------- */

static void
apply_traits(int fd, const struct netio_listener *l, sa_family_t family)
{
	int v4_dont = IP_PMTUDISC_DONT, v6_dont = IPV6_PMTUDISC_DONT;

	/* best effort: a mark needs a capability that is gone by now */
	if (l->device[0] != '\0')
		(void)setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, l->device,
		    (socklen_t)strlen(l->device));
	if (l->mark != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_MARK, &l->mark,
		    sizeof(l->mark));
	if (family == AF_INET) {
		(void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4_dont,
		    sizeof(v4_dont));
		if (l->tos != 0)
			(void)setsockopt(fd, IPPROTO_IP, IP_TOS, &l->tos,
			    sizeof(l->tos));
		return;
	}
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6_dont,
	    sizeof(v6_dont));
	if (l->tclass > 0)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &l->tclass,
		    sizeof(l->tclass));
}

static int
bind_in_range(int fd, union netio_addr *local, uint16_t first, uint16_t last)
{
	uint32_t count = (uint32_t)(last - first) + 1, start = 0, i;

	if (first == 0)
		return callgate_bind(fd, &local->sa,
		    netio_addr_len(local)) == -1 ? -errno : 0;
	(void)!getrandom(&start, sizeof(start), GRND_NONBLOCK);
	for (i = 0; i < count; i++) {
		netio_set_port(local, (uint16_t)(first + (start + i) % count));
		if (callgate_bind(fd, &local->sa, netio_addr_len(local)) == 0)
			return 0;
		if (errno != EADDRINUSE)
			return -errno;
	}
	return -EADDRINUSE;
}

int
netio_socket(const struct netio_listener *l, sa_family_t family)
{
	int fd = callgate_socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -errno;
	apply_traits(fd, l, family);
	return fd;
}

union netio_addr
netio_answer_from(const struct netio_listener *l,
    const struct netio_origin *origin)
{
	union netio_addr local = origin->local;

	if (origin->has_local)
		return local;
	local = l->local;
	netio_normalise(&local);
	/* a listener may be bound to a broadcast address */
	if (origin->to_many ||
	    local.sa.sa_family != origin->peer.sa.sa_family) {
		memset(&local, 0, sizeof(local));
		local.sa.sa_family = origin->peer.sa.sa_family;
	}
	netio_set_port(&local, 0);
	return local;
}

int
netio_connect(const struct netio_listener *l,
    const struct netio_origin *origin, uint16_t first, uint16_t last)
{
	union netio_addr local = netio_answer_from(l, origin);
	int fd = netio_socket(l, origin->peer.sa.sa_family), err;

	if (fd < 0)
		return fd;
	err = bind_in_range(fd, &local, first, last);
	if (err == 0 && callgate_connect(fd, &origin->peer.sa,
	    netio_addr_len(&origin->peer)) == -1)
		err = -errno;
	if (err != 0) {
		close(fd);
		return err;
	}
	return fd;
}

void
netio_raise_receive_buffer(int fd, int bytes)
{
	if (int_option(fd, SOL_SOCKET, SO_RCVBUF) < bytes)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes,
		    sizeof(bytes));
}

uint16_t
netio_path_blksize(int fd)
{
	int family = int_option(fd, SOL_SOCKET, SO_DOMAIN);
	int fits;

	if (family == AF_INET)
		fits = int_option(fd, IPPROTO_IP, IP_MTU) - V4_OVERHEAD;
	else
		fits = int_option(fd, IPPROTO_IPV6, IPV6_MTU) - V6_OVERHEAD;
	if (fits < BLKSIZE_LEAST)
		return BLKSIZE_LEAST;
	return (uint16_t)(fits > BLKSIZE_MOST ? BLKSIZE_MOST : fits);
}

uint16_t
netio_local_port(int fd)
{
	union netio_addr addr;
	socklen_t len = sizeof(addr);

	if (getsockname(fd, &addr.sa, &len) == -1)
		return 0;
	return netio_port(&addr);
}

void
netio_note_arrivals(int fd)
{
	/* the first call only tells the kernel to note them */
	(void)netio_arrived_ago(fd);
}

uint64_t
netio_arrived_ago(int fd)
{
	struct timespec stamp;

	return ioctl(fd, SIOCGSTAMPNS, &stamp) == -1 ? 0 : age_us(&stamp);
}

int
netio_send(int fd, const uint8_t *buf, size_t len)
{
	ssize_t n;

	do {
		n = send(fd, buf, len, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	return n == -1 && errno == ECONNREFUSED ? -ECONNREFUSED : 0;
}

int
netio_wait(int fd, uint64_t wait_us)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct timespec ts = {
		.tv_sec = (time_t)(wait_us / 1000000),
		.tv_nsec = (long)(wait_us % 1000000) * 1000,
	};
	int n = ppoll(&pfd, 1, wait_us == UINT64_MAX ? NULL : &ts, NULL);

	return n == -1 ? -EINTR : n;
}
