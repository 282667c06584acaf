#include <errno.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/neighbour.h"

#define WAIT_US		(100 * 1000)
#define ANSWER_MAX	8192	/* bytes; one entry is far smaller */
#define BODY_LEN	12	/* bytes of struct rtmsg, and of struct ndmsg */
#define MAC_LEN		6
#define NUD_USABLE	(NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | \
			NUD_PERMANENT | NUD_NOARP)

/* One question: an address, about its route or its neighbour entry. */
struct query {
	struct nlmsghdr head;
	union {
		struct rtmsg route;
		struct ndmsg entry;
	} body;
	struct rtattr attr;
	uint8_t addr[16];
};

_Static_assert(offsetof(struct query, attr) == NLMSG_HDRLEN + BODY_LEN,
    "the kernel finds the attribute behind the body");

/* The answer: the body of its message, in buf. */
struct answer {
	_Alignas(struct nlmsghdr) uint8_t buf[ANSWER_MAX];
	const uint8_t *body;
	size_t len;
};

int
neighbour_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_ROUTE);

	return fd == -1 ? -errno : fd;
}

/*
 * The number tells an answer from one that an earlier call did not wait
 * for; the clock gives one without anything to remember.
 */
static void
fill_query(struct query *q, uint16_t type, const uint8_t *addr, size_t len)
{
	memset(q, 0, sizeof(*q));
	q->head.nlmsg_len = (uint32_t)(offsetof(struct query, addr) + len);
	q->head.nlmsg_type = type;
	q->head.nlmsg_flags = NLM_F_REQUEST;
	q->head.nlmsg_seq = (uint32_t)clock_mono_us() ^ ((uint32_t)type << 24);
	/* the same number for both questions: RTA_DST, NDA_DST */
	q->attr.rta_type = RTA_DST;
	q->attr.rta_len = (uint16_t)(sizeof(q->attr) + len);
	memcpy(q->addr, addr, len);
}

static int
send_query(int fd, const struct query *q)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	do {
		n = sendto(fd, q, q->head.nlmsg_len, 0,
		    (const struct sockaddr *)&kernel, sizeof(kernel));
	} while (n == -1 && errno == EINTR);
	return n == -1 ? -errno : 0;
}

/* One datagram of the kernel's, or -EAGAIN: nothing that is of use. */
static ssize_t
receive(int fd, struct answer *a)
{
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	struct iovec iov = { a->buf, sizeof(a->buf) };
	struct msghdr msg = { .msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);

	if (n == -1)
		return errno == EINTR || errno == ENOBUFS ? -EAGAIN : -errno;
	if (from.nl_pid != 0 || (msg.msg_flags & MSG_TRUNC) != 0)
		return -EAGAIN;
	return n;
}

/*
 * The answer to q among the messages of a datagram.  Returns 0, what the
 * kernel says is wrong, or -EAGAIN: it is not there.
 */
static int
find_answer(struct answer *a, size_t len, const struct query *q)
{
	struct nlmsghdr head;
	size_t at, size;
	int err;

	for (at = 0; len - at >= sizeof(head); at += NLMSG_ALIGN(size)) {
		memcpy(&head, a->buf + at, sizeof(head));
		size = head.nlmsg_len;
		if (size < sizeof(head) || size > len - at)
			break;
		a->body = a->buf + at + sizeof(head);
		a->len = size - sizeof(head);
		/* RTM_NEWROUTE answers RTM_GETROUTE, and so on */
		if (head.nlmsg_seq == q->head.nlmsg_seq &&
		    head.nlmsg_type == q->head.nlmsg_type - 2 &&
		    a->len >= BODY_LEN)
			return 0;
		if (head.nlmsg_seq == q->head.nlmsg_seq &&
		    head.nlmsg_type == NLMSG_ERROR && a->len >= sizeof(err)) {
			memcpy(&err, a->body, sizeof(err));
			return err < 0 ? err : -EAGAIN;
		}
		if (NLMSG_ALIGN(size) > len - at)
			break;
	}
	return -EAGAIN;
}

static int
ask(int fd, const struct query *q, uint64_t deadline_us, struct answer *a)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint64_t now;
	ssize_t n;
	int err;

	err = send_query(fd, q);
	if (err != 0)
		return err;
	for (;;) {
		n = receive(fd, a);
		err = n < 0 ? (int)n : find_answer(a, (size_t)n, q);
		if (err != -EAGAIN)
			return err;
		now = clock_mono_us();
		if (now >= deadline_us)
			return -ETIMEDOUT;
		/* an interrupted wait is one more look */
		(void)poll(&ready, 1, (int)((deadline_us - now) / 1000 + 1));
	}
}

/* An attribute behind the answer's body, or NULL. */
static const uint8_t *
find_attr(const struct answer *a, uint16_t type, size_t *len)
{
	size_t at = BODY_LEN, size;
	struct rtattr attr;

	while (at < a->len && a->len - at >= sizeof(attr)) {
		memcpy(&attr, a->body + at, sizeof(attr));
		size = attr.rta_len;
		if (size < sizeof(attr) || size > a->len - at)
			return NULL;
		if (attr.rta_type == type) {
			*len = size - sizeof(attr);
			return a->body + at + sizeof(attr);
		}
		at += RTA_ALIGN(size);
	}
	return NULL;
}

/* The interface by which that address is reached directly. */
static int
find_interface(int fd, const uint8_t *addr, size_t len, uint64_t deadline_us,
    unsigned *ifindex)
{
	struct answer a;
	struct rtmsg route;
	struct query q;
	const uint8_t *found;
	size_t found_len;
	int err;

	fill_query(&q, RTM_GETROUTE, addr, len);
	q.body.route.rtm_family = len == 4 ? AF_INET : AF_INET6;
	q.body.route.rtm_dst_len = (uint8_t)(len * 8);
	err = ask(fd, &q, deadline_us, &a);
	if (err != 0)
		return err;
	memcpy(&route, a.body, sizeof(route));
	if (route.rtm_type != RTN_UNICAST ||
	    find_attr(&a, RTA_GATEWAY, &found_len) != NULL ||
	    find_attr(&a, RTA_VIA, &found_len) != NULL)
		return -ENOENT;
	found = find_attr(&a, RTA_OIF, &found_len);
	if (found == NULL || found_len != sizeof(*ifindex))
		return -ENOENT;
	memcpy(ifindex, found, sizeof(*ifindex));
	return 0;
}

/* The link address of an entry, if it has one that a client may have. */
static const uint8_t *
usable_mac(const struct answer *a)
{
	static const uint8_t none[MAC_LEN];
	struct ndmsg entry;
	const uint8_t *mac;
	size_t len;

	memcpy(&entry, a->body, sizeof(entry));
	if ((entry.ndm_state & NUD_USABLE) == 0)
		return NULL;
	mac = find_attr(a, NDA_LLADDR, &len);
	if (mac == NULL || len != MAC_LEN || memcmp(mac, none, len) == 0)
		return NULL;
	return mac;
}

/* fe80::/10 is on every link: it says nothing without an interface. */
static bool
is_link_local(const uint8_t *addr, size_t len)
{
	return len == 16 && addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

int
neighbour_mac(int fd, const uint8_t *addr, size_t len, unsigned ifindex,
    char out[static NEIGHBOUR_TEXT_MAX])
{
	uint64_t deadline_us = clock_mono_us() + WAIT_US;
	struct answer a;
	struct query q;
	const uint8_t *mac;
	int err = 0;

	out[0] = '\0';
	if (len != 4 && len != 16)
		return -EINVAL;
	if (ifindex == 0 && is_link_local(addr, len))
		return -ENOENT;
	if (ifindex == 0)
		err = find_interface(fd, addr, len, deadline_us, &ifindex);
	if (err != 0)
		return err;
	fill_query(&q, RTM_GETNEIGH, addr, len);
	q.body.entry.ndm_family = len == 4 ? AF_INET : AF_INET6;
	q.body.entry.ndm_ifindex = (int)ifindex;
	err = ask(fd, &q, deadline_us, &a);
	if (err != 0)
		return err;
	mac = usable_mac(&a);
	if (mac == NULL)
		return -ENOENT;
	snprintf(out, NEIGHBOUR_TEXT_MAX, "%02x-%02x-%02x-%02x-%02x-%02x",
	    mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return 0;
}
