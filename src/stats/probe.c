/*
 * The receiver of RFC 1350 and 2347: the first packet of the server says
 * which port the transfer has, others are told so and change nothing; a
 * block that comes again is acknowledged again and not counted; what gets
 * no answer is sent again after a time that doubles.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/clock.h"
#include "stats/probe.h"

#define BLKSIZE		1428	/* fits a packet of Ethernet, IPv6 too */
#define WAIT_MAX_US	4000000
#define DALLY_US	1000000
#define STRAYS_MAX	8	/* that are told so */
#define DATAGRAM_MAX	65536

union address {
	struct sockaddr sa;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};

struct probe {
	const struct probe_limits *limits;
	struct probe_result *result;
	const char *file;
	int fd;
	union address server;	/* where the request goes */
	union address tid;	/* where the transfer is, once it is known */
	socklen_t address_len;
	bool has_tid, has_other, is_over;
	uint64_t began_us, deadline_us, again_us, wait_us;
	uint64_t next;		/* block that has to come */
	unsigned strays;
	uint8_t out[PACKET_ERROR_MAX];	/* what is sent again */
	size_t out_len;
	uint8_t in[DATAGRAM_MAX];
};

static const char *const end_names[] = {
	[PROBE_COMPLETE] = "complete",
	[PROBE_REFUSED] = "refused",
	[PROBE_SILENT] = "silent",
	[PROBE_CLOSED] = "closed",
	[PROBE_LATE] = "late",
	[PROBE_LARGE] = "large",
	[PROBE_BROKEN] = "broken",
	[PROBE_UNTRIED] = "untried",
};

const char *
probe_end_name(enum probe_end end)
{
	return end_names[end];
}

/* ---- ADDR[:PORT]:FILE -------------------------------------------------- */

/* Digits up to a colon, 1 to 65535; their number, or 0. */
static size_t
port_len(const char *text)
{
	size_t len = strspn(text, "0123456789");
	unsigned long port;

	if (len == 0 || len > 5 || text[len] != ':')
		return 0;
	port = strtoul(text, NULL, 10);
	return port >= 1 && port <= UINT16_MAX ? len : 0;
}

bool
probe_parse(const char *text, struct probe_target *t)
{
	bool is_bracketed = *text == '[';
	size_t len, digits, i;

	text += is_bracketed;
	len = strcspn(text, is_bracketed ? "]" : ":");
	if (len == 0 || len >= sizeof(t->host) || text[len] == '\0')
		return false;
	memcpy(t->host, text, len);
	t->host[len] = '\0';
	text += len + is_bracketed;
	if (*text++ != ':')
		return false;
	digits = port_len(text);
	snprintf(t->port, sizeof(t->port), "%.*s", digits != 0 ?
	    (int)digits : 2, digits != 0 ? text : "69");
	t->file = digits != 0 ? text + digits + 1 : text;
	len = strlen(t->file);
	for (i = 0; i < len; i++)
		if ((unsigned char)t->file[i] < 0x20 || t->file[i] == 0x7f)
			return false;
	return len != 0 && len <= PROBE_FILE_MAX;
}

/* ---- what is sent ------------------------------------------------------ */

static void __attribute__((format(printf, 3, 4)))
end(struct probe *p, enum probe_end how, const char *fmt, ...)
{
	va_list ap;

	p->is_over = true;
	p->result->end = how;
	va_start(ap, fmt);
	vsnprintf(p->result->reason, sizeof(p->result->reason), fmt, ap);
	va_end(ap);
}

/* What it runs into later is told by the next receive, or by silence. */
static bool
send_to(const struct probe *p, const void *buf, size_t len,
    const union address *to)
{
	return sendto(p->fd, buf, len, 0, &to->sa, p->address_len) != -1;
}

static bool
send_out(struct probe *p)
{
	return send_to(p, p->out, p->out_len,
	    p->has_tid ? &p->tid : &p->server);
}

/* A new packet: it waits for its answer from the beginning. */
static bool
send_new(struct probe *p)
{
	p->wait_us = p->limits->wait_us;
	p->again_us = clock_mono_us() + p->wait_us;
	return send_out(p);
}

static void
send_error(const struct probe *p, enum packet_error code, const char *text,
    const union address *to)
{
	uint8_t buf[PACKET_HEADER_LEN + 64];

	(void)send_to(p, buf, packet_put_error(buf, sizeof(buf), code, text),
	    to);
}

static void
send_ack(struct probe *p, uint64_t index)
{
	packet_put_ack(p->out, (uint16_t)index);
	p->out_len = PACKET_ACK_LEN;
	(void)send_new(p);
}

static void
send_again(struct probe *p)
{
	p->result->repeats++;
	p->wait_us = p->wait_us > WAIT_MAX_US / 2 ? WAIT_MAX_US :
	    p->wait_us * 2;
	p->again_us = clock_mono_us() + p->wait_us;
	(void)send_out(p);
}

static void
send_request(struct probe *p)
{
	/* the texts have their NULs, the last one that of the array */
	const char tail[] = "octet\0tsize\0" "0\0blksize\0" "1428";
	size_t len = strlen(p->file) + 1;

	p->out[0] = 0;
	p->out[1] = PACKET_RRQ;
	memcpy(p->out + 2, p->file, len);
	memcpy(p->out + 2 + len, tail, sizeof(tail));
	p->out_len = 2 + len + sizeof(tail);
	/* no way there is told by the call itself */
	if (!send_new(p))
		end(p, PROBE_CLOSED, "%s", strerror(errno));
}

/* ---- what comes -------------------------------------------------------- */

static bool
is_same_host(const union address *a, const union address *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
	return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr,
	    sizeof(a->in6.sin6_addr)) == 0;
}

static uint16_t
port_of(const union address *a)
{
	return ntohs(a->sa.sa_family == AF_INET ? a->in4.sin_port :
	    a->in6.sin6_port);
}

/* A decimal value of an OACK; false: it is none. */
static bool
take_decimal(struct packet_slice text, uint64_t *value)
{
	size_t i;

	*value = 0;
	if (text.len == 0 || text.len > 18)
		return false;
	for (i = 0; i < text.len; i++) {
		if (text.buf[i] < '0' || text.buf[i] > '9')
			return false;
		*value = *value * 10 + text.buf[i] - '0';
	}
	return true;
}

static bool
take_option(struct probe *p, struct packet_slice name,
    struct packet_slice value)
{
	uint64_t number;

	if (!take_decimal(value, &number))
		return false;
	if (packet_slice_is(name, "tsize")) {
		p->result->has_size = true;
		p->result->size = number;
		return true;
	}
	p->result->blksize = number;
	return packet_slice_is(name, "blksize") &&
	    number >= PACKET_BLKSIZE_MIN && number <= BLKSIZE;
}

static void
on_oack(struct probe *p, size_t len)
{
	struct packet_slice rest = { p->in + 2, len - 2 }, name, value;

	if (p->result->blksize != 0) {
		/* again: then our answer was lost, unless data has come */
		if (p->next == 1)
			send_again(p);
		return;
	}
	p->result->blksize = PACKET_BLKSIZE_DEFAULT;
	while (packet_next_option(&rest, &name, &value)) {
		if (!take_option(p, name, value)) {
			send_error(p, PACKET_ERR_OPTIONS, "not asked for",
			    &p->tid);
			end(p, PROBE_BROKEN, "the server granted an option "
			    "that was not asked for");
			return;
		}
	}
	if (p->result->has_size && p->result->size > p->limits->bytes) {
		send_error(p, PACKET_ERR_UNDEFINED, "only its size, please",
		    &p->tid);
		end(p, PROBE_LARGE, "the file has %llu bytes, more than a "
		    "probe fetches", (unsigned long long)p->result->size);
		return;
	}
	send_ack(p, 0);
}

static void
complete(struct probe *p)
{
	const struct probe_result *r = p->result;

	if (r->has_size && r->size != r->bytes)
		end(p, PROBE_BROKEN, "the server announced %llu bytes and "
		    "sent %llu", (unsigned long long)r->size,
		    (unsigned long long)r->bytes);
	else
		end(p, PROBE_COMPLETE, "%s", "");
}

static void
on_data(struct probe *p, const struct packet *pkt)
{
	struct probe_result *r = p->result;

	if (r->blksize == 0)
		r->blksize = PACKET_BLKSIZE_DEFAULT;
	if (pkt->block == (uint16_t)(p->next - 1) && p->next > 1) {
		send_again(p);
		return;
	}
	if (pkt->block != (uint16_t)p->next)
		return;
	if (pkt->data.len > r->blksize) {
		send_error(p, PACKET_ERR_ILLEGAL, "block too long", &p->tid);
		end(p, PROBE_BROKEN, "a block of %zu bytes, where %llu were "
		    "agreed on", pkt->data.len,
		    (unsigned long long)r->blksize);
		return;
	}
	r->bytes += pkt->data.len;
	r->blocks++;
	if (r->bytes > p->limits->bytes) {
		send_error(p, PACKET_ERR_SPACE, "too large", &p->tid);
		end(p, PROBE_LARGE, "the file has more than %llu bytes",
		    (unsigned long long)p->limits->bytes);
		return;
	}
	send_ack(p, p->next++);
	if (pkt->data.len < r->blksize)
		complete(p);
}

static void
on_error(struct probe *p, const struct packet *pkt)
{
	struct probe_result *r = p->result;

	r->error = pkt->error;
	r->text_len = pkt->text.len < sizeof(r->text) ? pkt->text.len :
	    sizeof(r->text);
	memcpy(r->text, pkt->text.buf, r->text_len);
	end(p, PROBE_REFUSED, "%s", "");
}

/* Whether the packet is the transfer's; the first one tells its port. */
static bool
is_of_transfer(struct probe *p, const union address *from, uint16_t opcode)
{
	if (!is_same_host(from, &p->server)) {
		p->has_other = true;
		return false;
	}
	if (!p->has_tid) {
		if (opcode != PACKET_DATA && opcode != PACKET_OACK &&
		    opcode != PACKET_ERROR)
			return false;
		p->has_tid = true;
		p->tid = *from;
		p->result->first_reply_us = clock_mono_us() - p->began_us;
		return true;
	}
	if (port_of(from) == port_of(&p->tid))
		return true;
	/* an ERROR for an ERROR could go on for ever */
	if (opcode != PACKET_ERROR && p->strays++ < STRAYS_MAX)
		send_error(p, PACKET_ERR_TID, "Unknown transfer ID", from);
	return false;
}

static void
take_packet(struct probe *p, size_t len, const union address *from)
{
	uint16_t opcode = 0;
	struct packet pkt;

	if (len >= 2)
		opcode = (uint16_t)(p->in[0] << 8 | p->in[1]);
	if (!is_of_transfer(p, from, opcode))
		return;
	if (opcode == PACKET_OACK) {
		on_oack(p, len);
		return;
	}
	if (!packet_decode(p->in, len, &pkt))
		return;
	if (pkt.op == PACKET_DATA)
		on_data(p, &pkt);
	else if (pkt.op == PACKET_ERROR)
		on_error(p, &pkt);
}

/*
 * The network's complaints are queued beside the packets, with the address
 * that could not be reached: it may be a stranger's, whom we told so.
 */
static void
take_complaint(struct probe *p, int problem)
{
	uint16_t port = port_of(p->has_tid ? &p->tid : &p->server);
	char control[512];
	union address to = p->server;
	struct msghdr msg = { .msg_name = &to, .msg_namelen = sizeof(to),
		.msg_control = control, .msg_controllen = sizeof(control) };

	if (recvmsg(p->fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) != -1 &&
	    port_of(&to) != port)
		return;
	if (problem == ECONNREFUSED)
		end(p, p->has_tid ? PROBE_BROKEN : PROBE_CLOSED, "%s",
		    p->has_tid ? "the server's transfer went away" :
		    "nobody has that port");
	else if (problem != 0 && !p->has_tid)
		end(p, PROBE_CLOSED, "%s", strerror(problem));
}

static void
receive(struct probe *p)
{
	union address from = { .sa.sa_family = AF_UNSPEC };
	socklen_t from_len = sizeof(from);
	ssize_t n;

	n = recvfrom(p->fd, p->in, sizeof(p->in), MSG_DONTWAIT, &from.sa,
	    &from_len);
	if (n >= 0)
		take_packet(p, (size_t)n, &from);
	else if (errno != EAGAIN && errno != EINTR)
		take_complaint(p, errno);
}

/* ---- one address ------------------------------------------------------- */

static int
timeout_ms(uint64_t until_us)
{
	uint64_t at = clock_mono_us();

	return until_us <= at ? 0 : (int)((until_us - at) / 1000) + 1;
}

static void
time_is_over(struct probe *p)
{
	if (p->has_tid) {
		send_error(p, PACKET_ERR_UNDEFINED, "too slow", &p->tid);
		end(p, PROBE_LATE, "the time was over after %llu bytes",
		    (unsigned long long)p->result->bytes);
	} else {
		end(p, PROBE_SILENT, "%s", p->has_other ? "answers came "
		    "from another address only" : "no answer");
	}
}

/* Wait for a packet, or until one has to be sent again. */
static void
step(struct probe *p)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	uint64_t until = p->again_us < p->deadline_us ? p->again_us :
	    p->deadline_us;
	int problem = 0;
	socklen_t len = sizeof(problem);

	if (poll(&pfd, 1, timeout_ms(until)) == 1) {
		if (pfd.revents & POLLERR) {
			(void)getsockopt(p->fd, SOL_SOCKET, SO_ERROR,
			    &problem, &len);
			take_complaint(p, problem);
		}
		if (!p->is_over)
			receive(p);
		if (!p->is_over && clock_mono_us() >= p->deadline_us)
			time_is_over(p);
	} else if (clock_mono_us() >= p->deadline_us) {
		time_is_over(p);
	} else if (clock_mono_us() >= p->again_us) {
		send_again(p);
	}
}

/*
 * The last ACK may have been lost, too: where packets were lost, stay as
 * long as the server may ask for it.
 */
static void
dally(struct probe *p)
{
	uint64_t until = clock_mono_us() + DALLY_US;
	union address from = { .sa.sa_family = AF_UNSPEC };
	socklen_t len;
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	struct packet pkt;
	ssize_t n;

	if (until > p->deadline_us)
		until = p->deadline_us;
	while (clock_mono_us() < until &&
	    poll(&pfd, 1, timeout_ms(until)) == 1) {
		len = sizeof(from);
		n = recvfrom(p->fd, p->in, sizeof(p->in), MSG_DONTWAIT,
		    &from.sa, &len);
		if (n < 0)
			break;
		if (is_same_host(&from, &p->tid) &&
		    port_of(&from) == port_of(&p->tid) &&
		    packet_decode(p->in, (size_t)n, &pkt) &&
		    pkt.op == PACKET_DATA)
			(void)send_out(p);
	}
}

static bool
open_socket(struct probe *p)
{
	const int yes = 1;
	bool is_v4 = p->server.sa.sa_family == AF_INET;

	p->fd = socket(p->server.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (p->fd == -1) {
		end(p, PROBE_UNTRIED, "socket: %s", strerror(errno));
		return false;
	}
	/* an unreachable port is told at once */
	(void)setsockopt(p->fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6,
	    is_v4 ? IP_RECVERR : IPV6_RECVERR, &yes, sizeof(yes));
	return true;
}

static void
try_address(struct probe *p)
{
	if (!open_socket(p))
		return;
	p->began_us = clock_mono_us();
	p->next = 1;
	send_request(p);
	while (!p->is_over)
		step(p);
	p->result->duration_us = clock_mono_us() - p->began_us;
	if (p->result->end == PROBE_COMPLETE && p->result->repeats != 0)
		dally(p);
	close(p->fd);
}

/* ---- all of it --------------------------------------------------------- */

static void
put_address(struct probe *p, const struct addrinfo *ai)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof(host), port,
	    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV | NI_DGRAM) != 0)
		return;
	snprintf(p->result->address, sizeof(p->result->address),
	    ai->ai_family == AF_INET6 ? "[%.64s]:%.5s" : "%.64s:%.5s", host,
	    port);
}

static void
begin(struct probe *p, const struct addrinfo *ai)
{
	struct probe_result *r = p->result;

	*r = (struct probe_result){ .end = PROBE_UNTRIED };
	p->has_tid = p->has_other = p->is_over = false;
	p->strays = 0;
	memcpy(&p->server, ai->ai_addr, ai->ai_addrlen);
	p->address_len = ai->ai_addrlen;
	put_address(p, ai);
}

void
probe_run(const struct probe_target *t, const struct probe_limits *limits,
    struct probe_result *result)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICSERV };
	struct addrinfo *list = NULL, *ai;
	struct probe *p = calloc(1, sizeof(*p));
	int ret;

	*result = (struct probe_result){ .end = PROBE_UNTRIED };
	if (p == NULL) {
		strcpy(result->reason, "no memory");
		return;
	}
	p->limits = limits;
	p->result = result;
	p->file = t->file;
	p->deadline_us = clock_mono_us() + limits->whole_us;
	/* a name server that is dead shall not hold us for half a minute */
	(void)setenv("RES_OPTIONS", "timeout:2 attempts:1", 0);
	ret = getaddrinfo(t->host, t->port, &hints, &list);
	if (ret != 0)
		end(p, PROBE_UNTRIED, "%s: %s", t->host, gai_strerror(ret));
	for (ai = ret == 0 ? list : NULL; ai != NULL; ai = ai->ai_next) {
		if (ai->ai_addrlen > sizeof(p->server))
			continue;
		begin(p, ai);
		try_address(p);
		if (result->end != PROBE_CLOSED &&
		    result->end != PROBE_UNTRIED)
			break;
	}
	if (ret == 0)
		freeaddrinfo(list);
	free(p);
}
