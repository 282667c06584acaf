/*
 * netio - UDP: requests on the listening socket with the address that was
 * asked, and one connected socket for each transfer.
 *
 * The listening socket's file description is the superserver's: it is
 * never connected and never made non-blocking; MSG_DONTWAIT does that.
 */
#ifndef OS_NETIO_H
#define OS_NETIO_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define NETIO_TEXT_MAX 64	/* an address as text, with its NUL */

/* An IPv4-mapped IPv6 address never stands here: it is IPv4. */
union netio_addr {
	struct sockaddr sa;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};

/* A listening socket, and what the transfers' sockets take over from it. */
struct netio_listener {
	int fd;
	union netio_addr local;		/* where it is bound */
	char device[IFNAMSIZ];		/* SO_BINDTODEVICE, "" without */
	int tos, tclass;		/* 0: the default */
	int mark;			/* SO_MARK, 0 without */
	bool is_connected;		/* udpsvd: one client only */
};

/* Where a request came from and where it went to. */
struct netio_origin {
	union netio_addr peer;
	/*
	 * The address asked, without a port; for a broadcast the one of ours
	 * that lies in the same network.  Without has_local the route decides.
	 */
	union netio_addr local;
	bool has_local;
	bool to_many;		/* sent to a broadcast or multicast address */
	unsigned ifindex;	/* 0: not known */
	uint64_t waited_us;	/* in the socket's queue, as the kernel knows */
};

/*
 * netio_listener_init - learn about a socket and ask it for destination
 * addresses; raise its receive buffer to 4 MiB, or to
 * what the system allows.  l->fd stays the caller's.  0 or -errno.
 */
int netio_listener_init(struct netio_listener *l, int fd);

/*
 * netio_dropped - datagrams that the kernel threw away for want of room,
 * since the socket was made (perhaps by another server before us).
 */
uint32_t netio_dropped(const struct netio_listener *l);

/*
 * netio_receive - the next datagram on a listener, without waiting.
 *
 * buf, size  room; a longer datagram is cut (no request is that long)
 * Returns its length (may be 0), -EAGAIN when there is none, or -errno.
 */
ssize_t netio_receive(const struct netio_listener *l, uint8_t *buf,
    size_t size, struct netio_origin *origin);

/*
 * netio_receive_on - likewise on any socket that was told to say more
 * (netio_ask_destination), by one system call.
 *
 * flags      0 or MSG_DONTWAIT
 * in_doubt   as netio_read_controls() returns
 * Returns a length or -errno, -EINTR as well.
 */
ssize_t netio_receive_on(int fd, uint8_t *buf, size_t size, int flags,
    struct netio_origin *origin, bool *in_doubt);

/*
 * netio_read_controls - what came with a datagram: address asked, link, age.
 *
 * origin     has the peer already; the rest is zeroed
 * msg        as recvmsg() filled it
 * Returns true if only another socket can tell whether that is a broadcast
 * address; to_many is false then.
 */
bool netio_read_controls(struct netio_origin *origin, struct msghdr *msg);

/* Ask the kernel for the address and link that a datagram came in by. */
void netio_ask_destination(int fd, sa_family_t family);

/*
 * netio_answer_from - the address asked, or else the listener's; all zero
 * where the route is to decide.  Without a port.
 */
union netio_addr netio_answer_from(const struct netio_listener *l,
    const struct netio_origin *origin);

/*
 * netio_socket - a socket with the listener's device, TOS and mark, neither
 * bound nor connected.  A descriptor or -errno.
 */
int netio_socket(const struct netio_listener *l, sa_family_t family);

/*
 * netio_connect - a socket for one transfer, from the address asked to the
 * client, with the listener's device, TOS and mark.
 *
 * first, last  local ports to choose from, tried from a random one; 0, 0:
 *              any
 * Returns a descriptor, or -errno (-EADDRINUSE: no port of the range is free).
 */
int netio_connect(const struct netio_listener *l,
    const struct netio_origin *origin, uint16_t first, uint16_t last);

/* A bigger receive buffer for uploads with windows; best effort. */
void netio_raise_receive_buffer(int fd, int bytes);

/* The largest blksize that is not fragmented on this socket's path. */
uint16_t netio_path_blksize(int fd);

/* The port that a transfer's socket has here. */
uint16_t netio_local_port(int fd);

/* From now on the kernel notes when a datagram arrives on the socket. */
void netio_note_arrivals(int fd);

/*
 * netio_arrived_ago - how long before now the datagram that was received
 * last had arrived, in microseconds; 0 if that is not known.
 */
uint64_t netio_arrived_ago(int fd);

/*
 * netio_send - one datagram on a transfer's socket.
 *
 * Returns 0, or -ECONNREFUSED when the peer's port is closed.  Whatever
 * else goes wrong (no buffer, a firewall) is a loss like any on the wire.
 */
int netio_send(int fd, const uint8_t *buf, size_t len);

/*
 * netio_wait - until fd can be read, a signal comes, or wait_us have passed.
 * Returns 1 readable, 0 time, -EINTR signal.
 */
int netio_wait(int fd, uint64_t wait_us);

/* Address and port equal. */
bool netio_equal(const union netio_addr *a, const union netio_addr *b);

uint16_t netio_port(const union netio_addr *addr);

void netio_set_port(union netio_addr *addr, uint16_t port);

/* Its bytes as the kernel counts them, for bind() and the like. */
socklen_t netio_addr_len(const union netio_addr *addr);

/* The address as 4 or 16 bytes in network order; returns how many. */
size_t netio_bytes(const union netio_addr *addr, uint8_t out[static 16]);

/* Whether it is no address but stands for all: 0.0.0.0 or ::. */
bool netio_is_any(const union netio_addr *addr);

/* Whether it is a multicast address or 255.255.255.255. */
bool netio_is_many(const union netio_addr *addr);

/* The address without port; a link-local one with "%" and its scope. */
void netio_text(const union netio_addr *addr, char out[static NETIO_TEXT_MAX]);

/* IPv4-mapped IPv6 becomes IPv4, in place. */
void netio_normalise(union netio_addr *addr);

/* Whether a datagram may come from there at all: unicast, with a port. */
bool netio_is_client(const union netio_addr *addr);

#endif
