/*
 * oneport - single-port mode: every transfer answers from the port that its
 * listener has, for clients behind NAT, in Kubernetes, behind load balancers.
 *
 * The kernel gives a datagram to the socket that fits it best, so both the
 * listener and a transfer's connected socket T may have the same address and
 * port.  T has to be bound first, though, and until it is connected it gets
 * what all others send to that address.  Nothing of that is lost: what is
 * in T's queue after connect() goes to whoever listens (oneport_drain), and
 * what another processor puts there a moment later is handed back by the
 * transfer, together with whatever its own client asks anew
 * (oneport_hand_back).
 *
 * SO_REUSEADDR knows no users: with a port of 1024 or above, another user of
 * this machine may bind a socket of his own beside the listener.
 */
#ifndef OS_ONEPORT_H
#define OS_ONEPORT_H

#include "os/netio.h"

#define ONEPORT_DATAGRAM_MAX	4096	/* bytes; what is longer is cut */

/*
 * What is done with a datagram that T is not for: as if it came off the
 * listener.  The peer is not checked; buf[0..len) is valid for this call.
 */
typedef void oneport_take(void *arg, const struct netio_origin *origin,
    const uint8_t *buf, size_t len);

/*
 * oneport_listen - let the transfers share the listener's port.  To be done
 * before the first oneport_connect(); the listener may be bound already.
 * 0 or -errno.
 */
int oneport_listen(const struct netio_listener *l);

/*
 * oneport_connect - the socket T of one transfer: from the address asked and
 * the listener's port, to the client.
 *
 * If the address asked is not known, it is the listener's own, or for a
 * broadcast or where the listener has none, the one that the route to the
 * client says.  A port below 1024 needs CAP_NET_BIND_SERVICE.  If there is
 * one to the same client already, the new one gets what the client sends.
 * Returns a descriptor, which oneport_drain() is to empty at once, or -errno.
 */
int oneport_connect(const struct netio_listener *l,
    const struct netio_origin *origin);

/*
 * oneport_drain - hand on what T's queue holds, without waiting; in the
 * dispatcher after oneport_connect().
 *
 * take       must not make another T: it may be called often, and would
 *            call itself
 * Returns how many there were.  It stops after some thousand, for the client
 * may go on sending; the rest is the transfer's.
 */
unsigned oneport_drain(int fd, oneport_take *take, void *arg);

/*
 * oneport_leave - drain T for the last time, before the transfer closes it.
 *
 * peer       to whom it is connected
 * The client may ask for its next file already: from here on that goes to the
 * listener, and what came before goes to take, as with oneport_drain().
 */
unsigned oneport_leave(int fd, const union netio_addr *peer,
    oneport_take *take, void *arg);

/*
 * oneport_pair - how transfers hand back to their dispatcher.
 *
 * fds        [0] the dispatcher's, to be polled and read; [1] the
 *            transfers', who share it; both close-on-exec
 * 0 or -errno.
 */
int oneport_pair(int fds[static 2]);

/*
 * oneport_hand_back - give a datagram to the dispatcher, without waiting.
 *
 * listener   which one T belongs to, as the dispatcher counts them
 * When there is no room it is lost, like one on the wire.  Returns false when
 * there is no dispatcher any more.
 */
bool oneport_hand_back(int fd, unsigned listener,
    const struct netio_origin *origin, const uint8_t *buf, size_t len);

/*
 * oneport_take_back - the next datagram that was handed back, without
 * waiting.
 *
 * listener   as handed back: a number that is not to be trusted
 * origin     well-formed, but a transfer may claim whatever it likes: to be
 *            judged like a datagram from the wire.  waited_us goes on
 *            counting while the datagram is handed back
 * buf, size  room; a longer datagram is cut
 * Returns its length (may be 0), -EAGAIN when there is none, -EBADMSG for
 * one that makes no sense (the next one may), or -errno.
 */
ssize_t oneport_take_back(int fd, unsigned *listener,
    struct netio_origin *origin, uint8_t *buf, size_t size);

#endif
