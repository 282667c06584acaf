/*
 * bulkio - many packets of one transfer in one system call.
 *
 * Sending, the kernel cuts one large buffer into packets (UDP_SEGMENT).
 * Receiving, it hands out several datagrams at once (recvmmsg), each of
 * which may be several packets that it joined on their way up (UDP_GRO).
 */
#ifndef OS_BULKIO_H
#define OS_BULKIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/netio.h"

/* The sending half of a connected socket. */
struct bulkio_sender {
	int fd;
	size_t segment;		/* bytes of each packet but the last */
	bool can_cut;		/* UDP_SEGMENT works for them */
};

/*
 * bulkio_sender_init - fd stays the caller's.
 *
 * segment    bytes of a full packet
 * fits       whether such a packet goes through the path in one piece: the
 *            kernel cuts nothing into packets that it would have to
 *            fragment
 */
void bulkio_sender_init(struct bulkio_sender *s, int fd, size_t segment,
    bool fits);

/*
 * bulkio_send - packets that stand one after the other.
 *
 * len        bytes in all; only the last packet may be short
 * When the kernel refuses to cut (a device or tunnel that cannot, an MTU
 * that shrank), the rest and all that follows goes out packet by packet, 64
 * in a call.
 * Returns 0, or -ECONNREFUSED when the peer's port is closed; anything else
 * that goes wrong is a loss like one on the wire.
 */
int bulkio_send(struct bulkio_sender *s, const uint8_t *buf, size_t len);

#define BULKIO_SMALL	1024	/* bytes of slots that need no pages */

struct bulkio_slots;
struct bulkio_sources;

/*
 * What is done with a datagram of another than the peer, or with a request:
 * buf[0..len) is valid for this call.
 */
typedef void bulkio_foreign(void *arg, const struct netio_origin *origin,
    const uint8_t *buf, size_t len);

/* The receiving half.  It may point into itself: not to be copied. */
struct bulkio_receiver {
	int fd;
	uint8_t *buf;
	size_t slot_len, stride;	/* room for one datagram; to the next */
	unsigned slot_count, least;	/* free ones that a call needs */
	size_t control_len;		/* bytes of a slot's control data */
	struct bulkio_slots *slots;	/* NULL: one datagram at a time */
	struct bulkio_sources *sources;	/* NULL: all are the peer's */

	/* what the last call brought, and how much of it was taken */
	unsigned slot, end;		/* slots, end is the first unused one */
	size_t held;			/* bytes in the slots before end */
	size_t at, len, piece;
	uint8_t small[BULKIO_SMALL];
};

/*
 * bulkio_receiver_init - get memory.
 *
 * largest    bytes of the longest packet that is of interest; a longer one
 *            is cut, to a byte more at least, so that it is seen to be longer
 * window     packets that the peer may send in a row; more than one are
 *            taken in one call, and the kernel is asked to join them
 * keep       bytes that stay in memory before it is used again, about; with
 *            a window it is 16 datagrams or 64 KiB
 * Returns 0 or -ENOMEM.
 */
int bulkio_receiver_init(struct bulkio_receiver *r, int fd, size_t largest,
    unsigned window, size_t keep);

/*
 * bulkio_receiver_init_shared - likewise, for a socket of oneport_connect():
 * datagrams that are not the peer's may come, and the peer's next request.
 * bulkio_next() hands out neither; it gives them to foreign instead.
 *
 * peer       as netio_origin has it
 * foreign    called by bulkio_next(), with arg.  Requests of up to
 *            ONEPORT_DATAGRAM_MAX bytes are whole; of many that came in one
 *            call, waited_us is the last one's
 * Whoever stops before bulkio_next() returned false loses what is left.
 * Returns 0 or -ENOMEM.
 */
int bulkio_receiver_init_shared(struct bulkio_receiver *r, int fd,
    size_t largest, unsigned window, size_t keep,
    const union netio_addr *peer, bulkio_foreign *foreign, void *arg);

void bulkio_receiver_free(struct bulkio_receiver *r);

/*
 * bulkio_is_full - whether the next bulkio_receive() writes over what
 * bulkio_next() has handed out so far.
 */
bool bulkio_is_full(const struct bulkio_receiver *r);

/*
 * bulkio_receive - wait for a datagram, and take all that are there.
 *
 * flags      0 or MSG_DONTWAIT
 * Returns 0, -EAGAIN, -EINTR (a signal came), -ECONNREFUSED or -errno.
 * Packets of the call before that bulkio_next() was not asked for are gone.
 */
int bulkio_receive(struct bulkio_receiver *r, int flags);

/*
 * bulkio_next - the next packet of the last call; false: none is left, or
 * with a shared port none was the peer's.
 * *buf points into r's memory.
 */
bool bulkio_next(struct bulkio_receiver *r, const uint8_t **buf,
    size_t *len);

#endif
