#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "load.h"

#define GSO_MAX_LEN	65507	/* what one UDP packet may carry */
#define PLENTY		(4 << 20)
#define DEFAULT_FITS	(100 << 10)	/* of a window, in rmem_default */
#define SKB_OVERHEAD	900

/* A packet on its way through the artificial delay. */
struct held {
	uint64_t due_us, order;
	uint32_t slot, number;
	union address from;
	size_t len;
	uint8_t pkt[];
};

struct wire {
	bool blocks;		/* recv waits by itself: one client only */
	size_t stride;		/* of a received datagram */
	uint32_t batch;
	uint8_t *in;
	struct mmsghdr in_msg[BATCH_MAX], out_msg[BATCH_MAX];
	struct iovec in_iov[BATCH_MAX], out_iov[2 * BATCH_MAX];
	union address from[BATCH_MAX];

	uint8_t *payload;	/* of the blocks that are sent */
	uint8_t head[BATCH_MAX][4];

	struct held **heap;	/* soonest first */
	size_t held, heap_size;
	uint64_t order;
};

/* ---- making ----------------------------------------------------------- */

static void
point_in(struct wire *w)
{
	uint32_t i;

	for (i = 0; i < BATCH_MAX; i++) {
		w->in_iov[i].iov_base = w->in + (i % w->batch) * w->stride;
		w->in_iov[i].iov_len = w->stride;
		w->in_msg[i].msg_hdr.msg_iov = &w->in_iov[i];
		w->in_msg[i].msg_hdr.msg_iovlen = 1;
		w->in_msg[i].msg_hdr.msg_name = &w->from[i];
		w->in_msg[i].msg_hdr.msg_namelen = sizeof(w->from[i]);
	}
}

struct wire *
wire_new(const struct options *opt, bool blocks)
{
	size_t blksize = opt->blksize > 512 ? opt->blksize : 512;
	struct wire *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->blocks = blocks;
	/* one more, to see what is too long; joined, any datagram may be */
	w->stride = opt->gro ? PACKET_MAX + 1 : blksize + 5;
	w->batch = opt->windowsize > 1 ? opt->windowsize : 1;
	if (w->batch > BATCH_MAX)
		w->batch = BATCH_MAX;
	w->in = malloc(w->stride * w->batch);
	w->payload = malloc(blksize * BATCH_MAX);
	if (w->in == NULL || w->payload == NULL) {
		wire_free(w);
		return NULL;
	}
	content_fill(&opt->content, 0, w->payload, blksize * BATCH_MAX);
	point_in(w);
	return w;
}

void
wire_free(struct wire *w)
{
	while (w->held > 0)
		free(w->heap[--w->held]);
	free(w->heap);
	free(w->in);
	free(w->payload);
	free(w);
}

/* ---- sockets ---------------------------------------------------------- */

/* 127.1.0.0 and up: none of them is the server's. */
static int
take_address(int fd, uint32_t slot)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0x7f010000 + slot + 1),
	};

	return bind(fd, (struct sockaddr *)&sin, sizeof(sin));
}

static socklen_t
address_len(const union address *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in4);
}

static bool
same_address(const union address *a, const union address *b)
{
	if (a->sa.sa_family == AF_INET6)
		return a->in6.sin6_port == b->in6.sin6_port &&
		    memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr,
		    sizeof(a->in6.sin6_addr)) == 0;
	return a->in4.sin_port == b->in4.sin_port &&
	    a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
}

int
wire_open(struct load *ld, struct client *c)
{
	const struct options *opt = ld->opt;
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = c->slot };
	size_t window = (size_t)opt->windowsize * (opt->blksize + SKB_OVERHEAD);
	int plenty = PLENTY, on = 1;

	c->fd = socket(opt->server.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		return -1;
	if (window > DEFAULT_FITS)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &plenty,
		    sizeof(plenty));
	if (opt->gro)
		(void)setsockopt(c->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
	if (opt->by_address && take_address(c->fd, c->slot) == -1)
		goto fail;
	if (!ld->wire->blocks &&
	    epoll_ctl(ld->epoll, EPOLL_CTL_ADD, c->fd, &ev) == -1)
		goto fail;
	return 0;
fail:
	wire_close(c);
	return -1;
}

void
wire_close(struct client *c)
{
	/* that also takes it out of the epoll set */
	close(c->fd);
	c->fd = -1;
}

void
wire_connect(struct client *c, const union address *tid)
{
	c->tid = *tid;
	(void)connect(c->fd, &tid->sa, address_len(tid));
}

/* ---- chance ----------------------------------------------------------- */

static bool
happens(struct client *c, double probability)
{
	if (probability <= 0)
		return false;
	/* xorshift64*: the same losses for the same seed and number */
	c->chance ^= c->chance >> 12;
	c->chance ^= c->chance << 25;
	c->chance ^= c->chance >> 27;
	return (double)((c->chance * 0x2545f4914f6cdd1dULL) >> 11) <
	    probability * 0x1p53;
}

/* ---- sending ---------------------------------------------------------- */

/* An earlier packet's ICMP error is told here, and nothing was sent. */
static void
send_once(struct load *ld, struct client *c, const uint8_t *pkt, size_t len)
{
	const union address *to = &ld->opt->server;
	int tries;

	for (tries = 0; tries < 3; tries++)
		if ((c->tid.sa.sa_family != AF_UNSPEC ?
		    send(c->fd, pkt, len, MSG_NOSIGNAL) :
		    sendto(c->fd, pkt, len, MSG_NOSIGNAL, &to->sa,
		    address_len(to))) != -1 ||
		    (errno != ECONNREFUSED && errno != EINTR))
			return;
}

void
wire_send(struct load *ld, struct client *c, const uint8_t *pkt, size_t len)
{
	ld->counts.packets_out++;
	if (happens(c, ld->opt->loss_out))
		ld->counts.lost_out++;
	else
		send_once(ld, c, pkt, len);
}

static size_t
block_len(const struct options *opt, const struct client *c, uint64_t block)
{
	uint64_t at = (block - 1) * c->blksize;

	return opt->size - at < c->blksize ? (size_t)(opt->size - at) :
	    c->blksize;
}

/* The i-th of a batch: its header, and its content. */
static void
put_block(struct load *ld, struct client *c, uint64_t block, uint32_t i,
    uint32_t place)
{
	struct wire *w = ld->wire;
	size_t len = block_len(ld->opt, c, block);
	uint8_t *payload = w->payload;

	/* content that nobody checks may be the same in every block */
	if (ld->opt->verify) {
		payload += (size_t)place * c->blksize;
		content_fill(&ld->opt->content, (block - 1) * c->blksize,
		    payload, len);
	}
	w->head[place][0] = 0;
	w->head[place][1] = OP_DATA;
	w->head[place][2] = (uint8_t)(block >> 8);
	w->head[place][3] = (uint8_t)block;
	w->out_iov[2 * i] = (struct iovec){ w->head[place], 4 };
	w->out_iov[2 * i + 1] = (struct iovec){ payload, len };
	w->out_msg[i].msg_hdr.msg_iov = &w->out_iov[2 * i];
	w->out_msg[i].msg_hdr.msg_iovlen = 2;
}

static void
send_batch(struct wire *w, struct client *c, uint32_t count)
{
	uint32_t at = 0, tries = 0;
	int n;

	while (at < count && tries < 3) {
		n = count - at == 1 ?
		    (sendmsg(c->fd, &w->out_msg[at].msg_hdr,
		    MSG_NOSIGNAL) == -1 ? -1 : 1) :
		    sendmmsg(c->fd, w->out_msg + at, count - at, MSG_NOSIGNAL);
		if (n > 0)
			at += (uint32_t)n;
		else
			tries++;
	}
}

/* All of a batch as one buffer that the kernel cuts up. */
static void
send_gso(struct wire *w, struct client *c, uint32_t count)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(uint16_t))];
	} control = { 0 };
	struct msghdr msg = {
		.msg_iov = w->out_iov,
		.msg_iovlen = 2 * (size_t)count,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);
	uint16_t segment = (uint16_t)(c->blksize + 4);

	cm->cmsg_level = IPPROTO_UDP;
	cm->cmsg_type = UDP_SEGMENT;
	cm->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(cm), &segment, sizeof(segment));
	if (sendmsg(c->fd, &msg, MSG_NOSIGNAL) == -1)
		send_batch(w, c, count);
}

static uint32_t
batch_limit(const struct options *opt, const struct client *c)
{
	uint32_t fits = opt->gso ? GSO_MAX_LEN / (c->blksize + 4) : BATCH_MAX;

	return fits < 1 ? 1 : fits > BATCH_MAX ? BATCH_MAX : fits;
}

void
wire_send_blocks(struct load *ld, struct client *c, uint64_t first,
    uint32_t count)
{
	const struct options *opt = ld->opt;
	uint32_t done = 0, most = batch_limit(opt, c), i, kept;

	while (done < count) {
		for (i = kept = 0; i < most && done < count; i++, done++) {
			ld->counts.packets_out++;
			if (happens(c, opt->loss_out))
				ld->counts.lost_out++;
			else
				put_block(ld, c, first + done, kept++, i);
		}
		if (opt->gso && kept == i && kept > 1)
			send_gso(ld->wire, c, kept);
		else
			send_batch(ld->wire, c, kept);
	}
}

/* ---- held packets ----------------------------------------------------- */

static bool
is_sooner(const struct held *a, const struct held *b)
{
	return a->due_us != b->due_us ? a->due_us < b->due_us :
	    a->order < b->order;
}

static void
heap_put(struct wire *w, struct held *h)
{
	size_t at = w->held++, up;

	for (; at > 0; at = up) {
		up = (at - 1) / 2;
		if (!is_sooner(h, w->heap[up]))
			break;
		w->heap[at] = w->heap[up];
	}
	w->heap[at] = h;
}

static struct held *
heap_take(struct wire *w)
{
	struct held *first = w->heap[0], *last = w->heap[--w->held];
	size_t at = 0, down;

	for (; (down = 2 * at + 1) < w->held; at = down) {
		if (down + 1 < w->held &&
		    is_sooner(w->heap[down + 1], w->heap[down]))
			down++;
		if (!is_sooner(w->heap[down], last))
			break;
		w->heap[at] = w->heap[down];
	}
	w->heap[at] = last;
	return first;
}

/* When it gets through; 0: the ring had no room for it. */
static uint64_t
arrival(struct load *ld, struct client *c)
{
	const struct options *opt = ld->opt;
	uint64_t now = ld->now_us, behind;

	if (opt->ring == 0)
		return now + opt->rtt_us;
	behind = c->ring_free_us > now ? c->ring_free_us - now : 0;
	if (behind + opt->drain_us > (uint64_t)opt->ring * opt->drain_us)
		return 0;
	c->ring_free_us = now + behind + opt->drain_us;
	return c->ring_free_us + opt->rtt_us;
}

static bool
grow_heap(struct wire *w)
{
	size_t size = w->heap_size != 0 ? 2 * w->heap_size : 256;
	struct held **heap;

	if (w->held < w->heap_size)
		return true;
	heap = realloc(w->heap, size * sizeof(*heap));
	if (heap == NULL)
		return false;
	w->heap = heap;
	w->heap_size = size;
	return true;
}

static void
hold(struct load *ld, struct client *c, const uint8_t *pkt, size_t len,
    const union address *from)
{
	struct wire *w = ld->wire;
	uint64_t due_us = arrival(ld, c);
	struct held *h = NULL;

	if (due_us != 0 && grow_heap(w))
		h = malloc(sizeof(*h) + len);
	if (h == NULL) {
		ld->counts.lost_in++;
		return;
	}
	*h = (struct held){ due_us, w->order++, c->slot, c->number, *from,
	    len };
	memcpy(h->pkt, pkt, len);
	heap_put(w, h);
}

uint64_t
wire_due_us(const struct wire *w)
{
	return w->held != 0 ? w->heap[0]->due_us : UINT64_MAX;
}

void
wire_deliver(struct load *ld)
{
	struct wire *w = ld->wire;
	struct client *c;
	struct held *h;

	while (wire_due_us(w) <= ld->now_us) {
		h = heap_take(w);
		c = &ld->clients[h->slot];
		if (c->state != IDLE && c->number == h->number)
			client_on_packet(ld, c, h->pkt, h->len, &h->from);
		free(h);
	}
}

/* ---- receiving -------------------------------------------------------- */

static int
take(struct wire *w, struct client *c, int flags)
{
	ssize_t len;
	int n, i;

	if (w->batch == 1) {
		len = recvmsg(c->fd, &w->in_msg[0].msg_hdr, flags);
		w->in_msg[0].msg_len = (unsigned)len;
		n = len == -1 ? -1 : 1;
	} else {
		if (flags == 0)
			flags = MSG_WAITFORONE;
		n = recvmmsg(c->fd, w->in_msg, w->batch, flags, NULL);
	}
	for (i = 0; i < n; i++)
		w->in_msg[i].msg_hdr.msg_namelen = sizeof(w->from[i]);
	return n;
}

static void
take_packet(struct load *ld, struct client *c, const uint8_t *pkt, size_t len,
    const union address *from)
{
	const struct options *opt = ld->opt;

	ld->counts.packets_in++;
	if (happens(c, opt->loss_in))
		ld->counts.lost_in++;
	else if (opt->rtt_us != 0 || opt->ring != 0)
		hold(ld, c, pkt, len, from);
	else
		client_on_packet(ld, c, pkt, len, from);
}

/* A datagram, or a train of them that UDP_GRO left joined. */
static void
take_in(struct load *ld, struct client *c, uint32_t i)
{
	struct wire *w = ld->wire;
	const uint8_t *pkt = w->in_iov[i].iov_base;
	size_t left = w->in_msg[i].msg_len, n;
	uint32_t number = c->number;

	if (c->tid.sa.sa_family != AF_UNSPEC &&
	    !same_address(&c->tid, &w->from[i])) {
		ld->counts.strangers++;
		return;
	}
	do {
		n = left;
		if (ld->opt->gro && n > (size_t)c->blksize + 4)
			n = (size_t)c->blksize + 4;
		take_packet(ld, c, pkt, n, &w->from[i]);
		pkt += n;
		left -= n;
	} while (left > 0 && c->state != IDLE && c->number == number);
}

/*
 * The kernel tells of a closed port before it hands out what had come: the
 * queue is emptied before that counts.
 */
void
wire_receive(struct load *ld, struct client *c)
{
	struct wire *w = ld->wire;
	uint32_t number = c->number;
	int n, i;

	n = take(w, c, w->blocks ? 0 : MSG_DONTWAIT);
	ld->now_us = load_clock_us();
	if (n == -1 && errno == ECONNREFUSED) {
		n = take(w, c, MSG_DONTWAIT);
		if (n == -1)
			load_finish(ld, c, "port closed");
	}
	for (i = 0; i < n && c->state != IDLE && c->number == number; i++)
		take_in(ld, c, (uint32_t)i);
}
