#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "core/packet.h"
#include "os/bulkio.h"
#include "os/memory.h"
#include "os/oneport.h"

#define SEGMENTS_MAX	64	/* Linux before 6.9 cuts into no more */
#define DATAGRAM_MAX	65507	/* bytes of payload, IPv4 */
#define MESSAGES_MAX	64	/* of one sendmmsg */
#define SLOTS_MAX	32
#define JOINED_MAX	65536	/* bytes of packets that came joined */
#define HELD_MAX	65536	/* bytes in slots, then they are used again */
/*
 * Slots that begin at the same place of a page would share a few lines of
 * the cache: this many bytes lie between them.
 */
#define SLOT_GAP	1536

/* ---- sending ---------------------------------------------------------- */

void
bulkio_sender_init(struct bulkio_sender *s, int fd, size_t segment, bool fits)
{
	s->fd = fd;
	s->segment = segment;
	s->can_cut = fits && segment <= DATAGRAM_MAX / 2;
}

/* One call, and the kernel cuts. */
static ssize_t
send_long(const struct bulkio_sender *s, const uint8_t *buf, size_t len)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(uint16_t))];
	} control;
	struct iovec iov = { (void *)(uintptr_t)buf, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	uint16_t segment = (uint16_t)s->segment;

	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_UDP;
	control.header.cmsg_type = UDP_SEGMENT;
	control.header.cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(&control.header), &segment, sizeof(segment));
	return sendmsg(s->fd, &msg, MSG_NOSIGNAL);
}

/* 0 or -errno. */
static int
send_cut(const struct bulkio_sender *s, const uint8_t *buf, size_t len)
{
	ssize_t n;

	do {
		n = len > s->segment ? send_long(s, buf, len) :
		    send(s->fd, buf, len, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	return n == -1 ? -errno : 0;
}

static bool
is_cut_refused(int err)
{
	return err == -EIO || err == -EINVAL || err == -EMSGSIZE;
}

/* Returns the bytes that went out before the kernel refused, or -errno. */
static ssize_t
send_in_batches(struct bulkio_sender *s, const uint8_t *buf, size_t len)
{
	size_t most = DATAGRAM_MAX / s->segment, at, n;
	int err;

	if (most > SEGMENTS_MAX)
		most = SEGMENTS_MAX;
	most *= s->segment;
	for (at = 0; at < len; at += n) {
		n = len - at < most ? len - at : most;
		err = send_cut(s, buf + at, n);
		if (is_cut_refused(err)) {
			s->can_cut = false;
			break;
		}
		if (err == -ECONNREFUSED)
			return err;
	}
	return (ssize_t)at;
}

/* Packet by packet, as many as there are and as a call takes. */
static int
send_messages(const struct bulkio_sender *s, const uint8_t *buf, size_t len)
{
	struct mmsghdr msgs[MESSAGES_MAX];
	struct iovec iov[MESSAGES_MAX];
	unsigned count = 0, done = 0;
	size_t at, n;
	int sent;

	for (at = 0; at < len && count < MESSAGES_MAX; at += n, count++) {
		n = len - at < s->segment ? len - at : s->segment;
		iov[count].iov_base = (void *)(uintptr_t)(buf + at);
		iov[count].iov_len = n;
		memset(&msgs[count], 0, sizeof(msgs[count]));
		msgs[count].msg_hdr.msg_iov = &iov[count];
		msgs[count].msg_hdr.msg_iovlen = 1;
	}
	while (done < count) {
		sent = sendmmsg(s->fd, msgs + done, count - done,
		    MSG_NOSIGNAL);
		if (sent == -1 && errno == ECONNREFUSED)
			return -ECONNREFUSED;
		if (sent == -1 && errno == EINTR)
			continue;
		/* one that cannot be sent is lost, the next one may not be */
		done += sent > 0 ? (unsigned)sent : 1;
	}
	return 0;
}

int
bulkio_send(struct bulkio_sender *s, const uint8_t *buf, size_t len)
{
	size_t most = MESSAGES_MAX * s->segment, n;
	ssize_t at = 0;
	int err;

	if (s->can_cut || len <= s->segment) {
		at = send_in_batches(s, buf, len);
		if (at < 0)
			return (int)at;
	}
	for (buf += at, len -= (size_t)at; len != 0; buf += n, len -= n) {
		n = len < most ? len : most;
		err = send_messages(s, buf, n);
		if (err != 0)
			return err;
	}
	return 0;
}

/* ---- receiving -------------------------------------------------------- */

union slot_control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

struct bulkio_slots {
	struct mmsghdr msgs[SLOTS_MAX];
	struct iovec iov[SLOTS_MAX];
	union slot_control control[SLOTS_MAX];
};

union source_control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int)) +
	    CMSG_SPACE(sizeof(struct in_pktinfo)) +
	    CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* With a shared port: where the datagrams of the slots come from. */
struct bulkio_sources {
	union netio_addr peer;
	bulkio_foreign *foreign;
	void *arg;
	struct netio_origin origin;	/* of the datagram that is next */
	union netio_addr names[SLOTS_MAX];
	union source_control control[SLOTS_MAX];
};

static void
ask_for_joined(struct bulkio_receiver *r)
{
	struct bulkio_slots *slots = r->slots;
	int on = 1;
	unsigned i;

	/* best effort: without it the packets come one by one */
	(void)setsockopt(r->fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
	for (i = 0; i < r->slot_count; i++) {
		slots->iov[i].iov_base = r->buf + i * r->stride;
		slots->iov[i].iov_len = r->slot_len;
		slots->msgs[i].msg_hdr.msg_iov = &slots->iov[i];
		slots->msgs[i].msg_hdr.msg_iovlen = 1;
		slots->msgs[i].msg_hdr.msg_control = &slots->control[i];
	}
}

int
bulkio_receiver_init(struct bulkio_receiver *r, int fd, size_t largest,
    unsigned window, size_t keep)
{
	bool is_window = window > 1;

	memset(r, 0, offsetof(struct bulkio_receiver, small));
	r->fd = fd;
	r->slot_len = is_window ? JOINED_MAX : largest + 1;
	r->stride = is_window ? r->slot_len + SLOT_GAP : r->slot_len;
	r->slot_count = is_window ? SLOTS_MAX : (unsigned)(keep / r->stride);
	if (r->slot_count == 0)
		r->slot_count = 1;
	r->control_len = sizeof(union slot_control);
	r->least = window < SLOTS_MAX / 2 ? window : SLOTS_MAX / 2;
	/* pages that nothing is received into cost nothing */
	r->buf = r->slot_count * r->stride <= sizeof(r->small) ? r->small :
	    memory_get(r->slot_count * r->stride);
	if (is_window)
		r->slots = memory_get(sizeof(*r->slots));
	if (r->buf == NULL || (is_window && r->slots == NULL)) {
		bulkio_receiver_free(r);
		return -ENOMEM;
	}
	if (is_window)
		ask_for_joined(r);
	return 0;
}

static void
ask_for_sources(struct bulkio_receiver *r)
{
	struct msghdr *msg;
	unsigned i;

	r->control_len = sizeof(union source_control);
	for (i = 0; i < r->slot_count; i++) {
		msg = &r->slots->msgs[i].msg_hdr;
		msg->msg_name = &r->sources->names[i];
		msg->msg_control = &r->sources->control[i];
	}
}

int
bulkio_receiver_init_shared(struct bulkio_receiver *r, int fd,
    size_t largest, unsigned window, size_t keep,
    const union netio_addr *peer, bulkio_foreign *foreign, void *arg)
{
	int err;

	if (largest < ONEPORT_DATAGRAM_MAX)
		largest = ONEPORT_DATAGRAM_MAX;
	err = bulkio_receiver_init(r, fd, largest, window, keep);
	if (err != 0)
		return err;
	r->sources = memory_get(sizeof(*r->sources));
	if (r->sources == NULL) {
		bulkio_receiver_free(r);
		return -ENOMEM;
	}
	r->sources->peer = *peer;
	r->sources->foreign = foreign;
	r->sources->arg = arg;
	if (r->slots != NULL)
		ask_for_sources(r);
	return 0;
}

void
bulkio_receiver_free(struct bulkio_receiver *r)
{
	if (r->buf != r->small)
		memory_put(r->buf, r->slot_count * r->stride);
	memory_put(r->slots, sizeof(*r->slots));
	memory_put(r->sources, sizeof(*r->sources));
	r->buf = NULL;
	r->slots = NULL;
	r->sources = NULL;
}

/* The length of the packets that a datagram was joined from. */
static size_t
piece_len(const struct bulkio_receiver *r, unsigned slot)
{
	struct msghdr *msg = &r->slots->msgs[slot].msg_hdr;
	struct cmsghdr *c;
	int len = 0;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
			memcpy(&len, CMSG_DATA(c), sizeof(len));
	return len > 0 ? (size_t)len : JOINED_MAX;
}

static void
learn_source(struct bulkio_receiver *r, unsigned slot)
{
	struct bulkio_sources *s = r->sources;

	memset(&s->origin, 0, sizeof(s->origin));
	s->origin.peer = s->names[slot];
	/* T is bound to an address of one machine: there is no doubt */
	(void)netio_read_controls(&s->origin, &r->slots->msgs[slot].msg_hdr);
}

static void
open_slot(struct bulkio_receiver *r)
{
	r->at = 0;
	r->len = r->slots->msgs[r->slot].msg_len;
	r->piece = piece_len(r, r->slot);
	if (r->sources != NULL)
		learn_source(r, r->slot);
}

static int
receive_slots(struct bulkio_receiver *r, int flags)
{
	struct bulkio_slots *slots = r->slots;
	unsigned i;
	int n;

	/* the kernel changes these */
	for (i = r->slot; i < r->slot_count; i++) {
		slots->msgs[i].msg_hdr.msg_controllen = r->control_len;
		if (r->sources != NULL)
			slots->msgs[i].msg_hdr.msg_namelen =
			    sizeof(union netio_addr);
	}
	n = recvmmsg(r->fd, slots->msgs + r->slot, r->slot_count - r->slot,
	    flags | MSG_WAITFORONE, NULL);
	if (n == -1)
		return -errno;
	r->end = r->slot + (unsigned)n;
	for (i = r->slot; i < r->end; i++)
		r->held += slots->msgs[i].msg_len;
	open_slot(r);
	return 0;
}

bool
bulkio_is_full(const struct bulkio_receiver *r)
{
	/* joined packets fill few slots, but each of these is large */
	return r->end + r->least > r->slot_count ||
	    r->held >= HELD_MAX;
}

/* One datagram; its length or -errno. */
static ssize_t
receive_one(struct bulkio_receiver *r, int flags)
{
	uint8_t *buf = r->buf + r->slot * r->stride;
	bool in_doubt;
	ssize_t n;

	if (r->sources != NULL)
		return netio_receive_on(r->fd, buf, r->slot_len, flags,
		    &r->sources->origin, &in_doubt);
	n = recv(r->fd, buf, r->slot_len, flags);
	return n == -1 ? -errno : n;
}

int
bulkio_receive(struct bulkio_receiver *r, int flags)
{
	ssize_t n;

	if (bulkio_is_full(r)) {
		r->end = 0;
		r->held = 0;
	}
	r->slot = r->end;
	if (r->slots != NULL)
		return receive_slots(r, flags);
	n = receive_one(r, flags);
	if (n < 0)
		return (int)n;
	r->end = r->slot + 1;
	r->at = 0;
	r->len = (size_t)n;
	r->piece = r->slot_len;
	return 0;
}

static bool
next_piece(struct bulkio_receiver *r, const uint8_t **buf, size_t *len)
{
	size_t left;

	if (r->slot == r->end)
		return false;
	left = r->len - r->at;
	*buf = r->buf + r->slot * r->stride + r->at;
	*len = left < r->piece ? left : r->piece;
	r->at += *len;
	if (r->at < r->len)
		return true;
	/* this datagram is used up, an empty one too */
	if (++r->slot < r->end && r->slots != NULL)
		open_slot(r);
	return true;
}

static bool
is_request(const uint8_t *buf, size_t len)
{
	return len >= 2 && buf[0] == 0 &&
	    (buf[1] == PACKET_RRQ || buf[1] == PACKET_WRQ);
}

bool
bulkio_next(struct bulkio_receiver *r, const uint8_t **buf, size_t *len)
{
	struct bulkio_sources *s = r->sources;
	struct netio_origin origin;

	if (s == NULL)
		return next_piece(r, buf, len);
	for (;;) {
		/* the next piece may be the last one of its datagram */
		origin = s->origin;
		if (!next_piece(r, buf, len))
			return false;
		if (netio_equal(&origin.peer, &s->peer) &&
		    !is_request(*buf, *len))
			return true;
		if (origin.waited_us == 0)
			origin.waited_us = netio_arrived_ago(r->fd);
		s->foreign(s->arg, &origin, *buf, *len);
	}
}
