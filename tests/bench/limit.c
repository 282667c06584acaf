/*
 * tftp-limit: what the socket API allows.  A TFTP server without policy,
 * confinement, log, timer or retransmission, in the best shape that a
 * process per transfer can have; with --loop, one event loop for all.  It is
 * the yardstick beside which the real server is measured, and nothing else:
 * a lost packet stops its transfer.
 *
 * The shape: a connected socket for each transfer; the blocks of a window
 * read by one preadv between room for their headers, and sent by one call
 * that the kernel cuts up (UDP_SEGMENT).  Small windows are read ahead, so
 * that one costs a recv and a send.  An upload's window is taken by one recvmmsg,
 * or by one recvmsg with UDP_GRO from a client that sends by UDP_SEGMENT, and
 * in both cases with the headers apart, so that the payload lies in one piece
 * for pwrite.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "config.h"

#define WINDOW_MAX	64
#define BLKSIZE_MAX	9000
#define AHEAD		64	/* blocks that are read at once */
#define SEND_MAX	65507
#define STORE_AT	32768	/* bytes of an upload that are worth a write */
#define LIFETIME	300	/* seconds that end a forgotten process */
#define EVENTS		256
#define REQUEST_MAX	1024
#define INTAKE		(4 << 20)

enum { OP_RRQ = 1, OP_WRQ, OP_DATA, OP_ACK, OP_ERROR, OP_OACK };

struct job {
	int sock, file;
	bool is_write, is_over;
	uint32_t blksize, window;
	uint64_t size;
	uint64_t next, last;	/* the first block without an ACK; the end */
	uint32_t fresh;		/* blocks since our last ACK */
	size_t unstored;	/* bytes in buf that are not in the file */
	bool is_joined;		/* datagrams come joined, by UDP_GRO */
	uint8_t *buf;
	uint64_t buf_first;	/* blocks that buf holds, each with a header */
	uint32_t buf_count, buf_most;
};

static bool is_loop;
static uint8_t header[WINDOW_MAX][4];

/* ---- reads ------------------------------------------------------------ */

static size_t
stride(const struct job *j)
{
	return j->blksize + 4;
}

static void
put_header(uint8_t *at, uint64_t block)
{
	at[0] = 0;
	at[1] = OP_DATA;
	at[2] = (uint8_t)(block >> 8);
	at[3] = (uint8_t)block;
}

static void
fill(struct job *j, uint64_t first)
{
	struct iovec iov[WINDOW_MAX];
	uint64_t left = j->last - first + 1;
	uint32_t i, count = left < j->buf_most ? (uint32_t)left : j->buf_most;
	uint8_t *at = j->buf;

	for (i = 0; i < count; i++, at += stride(j)) {
		put_header(at, first + i);
		iov[i] = (struct iovec){ at + 4, j->blksize };
	}
	if (preadv(j->file, iov, (int)count,
	    (off_t)((first - 1) * j->blksize)) == -1)
		j->is_over = true;
	j->buf_first = first;
	j->buf_count = count;
}

static size_t
packets_len(const struct job *j, uint64_t first, uint32_t count)
{
	size_t len = count * stride(j);

	if (first + count - 1 == j->last)
		len -= j->blksize - (size_t)(j->size % j->blksize);
	return len;
}

static void
send_window(struct job *j)
{
	uint64_t left = j->last - j->next + 1;
	uint32_t count = left < j->window ? (uint32_t)left : j->window;
	size_t most = SEND_MAX / stride(j) * stride(j), len, n;
	const uint8_t *at;

	if (j->next < j->buf_first ||
	    j->next + count > j->buf_first + j->buf_count ||
	    j->buf_most == j->window)
		fill(j, j->next);
	at = j->buf + (j->next - j->buf_first) * stride(j);
	for (len = packets_len(j, j->next, count); len > 0; len -= n) {
		n = len < most ? len : most;
		if (send(j->sock, at, n, 0) == -1)
			j->is_over = true;
		at += n;
	}
}

static void
on_ack(struct job *j, const uint8_t *pkt)
{
	uint16_t block = (uint16_t)(pkt[2] << 8 | pkt[3]);
	uint16_t ahead = (uint16_t)(block - (uint16_t)(j->next - 1));

	if (pkt[1] == OP_ERROR)
		j->is_over = true;
	if (pkt[1] != OP_ACK || ahead > j->window ||
	    (ahead == 0 && (j->next != 1 || j->buf_count != 0)))
		return;
	j->next += ahead;
	if (j->next > j->last)
		j->is_over = true;
	else
		send_window(j);
}

static bool
read_step(struct job *j)
{
	uint8_t pkt[64];
	ssize_t n = recv(j->sock, pkt, sizeof(pkt), is_loop ? MSG_DONTWAIT : 0);

	if (n == -1 && errno != EAGAIN && errno != EINTR)
		j->is_over = true;
	if (n >= 4)
		on_ack(j, pkt);
	return !j->is_over;
}

/* ---- uploads ---------------------------------------------------------- */

static void
store(struct job *j)
{
	if (j->unstored == 0)
		return;
	if (pwrite(j->file, j->buf, j->unstored, (off_t)j->size) == -1)
		j->is_over = true;
	j->size += j->unstored;
	j->unstored = 0;
}

static void
send_ack(struct job *j)
{
	uint8_t pkt[4];

	put_header(pkt, j->next - 1);
	pkt[1] = OP_ACK;
	(void)!send(j->sock, pkt, sizeof(pkt), 0);
	j->fresh = 0;
}

/* The loopback joins nothing: what comes apart first comes so later, too. */
static void
leave_gro(struct job *j)
{
	int off = 0;

	j->is_joined = false;
	(void)setsockopt(j->sock, IPPROTO_UDP, UDP_GRO, &off, sizeof(off));
}

/* The lengths of the blocks in a message of joined datagrams. */
static int
take_apart(struct job *j, size_t joined, size_t *len)
{
	int n;

	if (joined <= stride(j))
		leave_gro(j);
	for (n = 0; joined > stride(j); joined -= stride(j))
		len[n++] = stride(j);
	len[n++] = joined;
	return n;
}

/* Headers go to header, payload behind what is in buf; how many came. */
static int
receive(struct job *j, size_t *len)
{
	struct mmsghdr msg[WINDOW_MAX];
	struct iovec iov[2 * WINDOW_MAX];
	uint8_t *at = j->buf + j->unstored;
	uint32_t i, count = j->window - j->fresh;
	int n;

	for (i = 0; i < count; i++, at += j->blksize) {
		iov[2 * i] = (struct iovec){ header[i], 4 };
		iov[2 * i + 1] = (struct iovec){ at, j->blksize };
		msg[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[2 * i],
			.msg_iovlen = j->is_joined ? 2 * (count - i) : 2 };
	}
	n = recvmmsg(j->sock, msg, j->is_joined ? 1 : count,
	    is_loop ? MSG_DONTWAIT : MSG_WAITFORONE, NULL);
	if (n == 1 && j->is_joined)
		return take_apart(j, msg[0].msg_len, len);
	for (i = 0; n > 0 && i < (uint32_t)n; i++)
		len[i] = msg[i].msg_len;
	return n;
}

/* Only what comes in order counts; that is all the client sends here. */
static bool
write_step(struct job *j)
{
	size_t lens[WINDOW_MAX], len = j->blksize;
	int n = receive(j, lens), i;

	if (n == -1 && errno != EAGAIN && errno != EINTR)
		j->is_over = true;
	for (i = 0; i < n && len == j->blksize; i++) {
		if (lens[i] < 4 || header[i][1] != OP_DATA ||
		    (header[i][2] << 8 | header[i][3]) != (uint16_t)j->next)
			break;
		len = lens[i] - 4;
		j->unstored += len;
		j->next++;
		j->fresh++;
	}
	if (j->unstored >= STORE_AT || len < j->blksize)
		store(j);
	if (j->fresh == j->window || len < j->blksize)
		send_ack(j);
	if (len < j->blksize)
		j->is_over = true;
	return !j->is_over;
}

/* ---- the request ------------------------------------------------------ */

static size_t
put_option(uint8_t *buf, size_t at, const char *name, uint64_t value)
{
	return at + (size_t)sprintf((char *)buf + at, "%s%c%llu", name, 0,
	    (unsigned long long)value) + 1;
}

static size_t
take_option(struct job *j, const char *name, const char *value, uint8_t *oack,
    size_t at)
{
	uint64_t n = strtoull(value, NULL, 10);

	if (strcasecmp(name, "blksize") == 0 && n >= 8) {
		j->blksize = n < BLKSIZE_MAX ? (uint32_t)n : BLKSIZE_MAX;
		return put_option(oack, at, name, j->blksize);
	}
	if (strcasecmp(name, "windowsize") == 0 && n >= 1) {
		j->window = n < WINDOW_MAX ? (uint32_t)n : WINDOW_MAX;
		return put_option(oack, at, name, j->window);
	}
	if (strcasecmp(name, "tsize") == 0)
		return put_option(oack, at, name, j->is_write ? n : j->size);
	if (strcasecmp(name, "timeout") == 0)
		return put_option(oack, at, name, n);
	return at;
}

/* The next string of a request, or NULL. */
static const char *
next_text(const char **at, const char *end)
{
	const char *text = *at;
	const char *nul = text < end ?
	    memchr(text, '\0', (size_t)(end - text)) : NULL;

	if (nul == NULL)
		return NULL;
	*at = nul + 1;
	return text;
}

/* A plain name in the working directory, and no other. */
static int
open_file(struct job *j, const char *name)
{
	struct stat st;

	if (strchr(name, '/') != NULL || name[0] == '.')
		return -1;
	j->file = open(name, (j->is_write ? O_WRONLY | O_CREAT | O_TRUNC :
	    O_RDONLY) | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (j->file == -1 || fstat(j->file, &st) == -1)
		return -1;
	j->size = (uint64_t)st.st_size;
	return 0;
}

/* The length of the OACK, 0 without options, -1 for no request. */
static ssize_t
take_request(struct job *j, const uint8_t *buf, size_t len, uint8_t *oack)
{
	const char *at = (const char *)buf + 2, *end = (const char *)buf + len;
	const char *name = next_text(&at, end), *value;
	size_t out = 2;

	j->is_write = buf[1] == OP_WRQ;
	if (name == NULL || next_text(&at, end) == NULL ||
	    open_file(j, name) == -1)
		return -1;
	oack[0] = 0;
	oack[1] = OP_OACK;
	while (out < REQUEST_MAX - 64 &&
	    (name = next_text(&at, end)) != NULL &&
	    (value = next_text(&at, end)) != NULL)
		out = take_option(j, name, value, oack, out);
	return out > 2 ? (ssize_t)out : 0;
}

static bool
is_shared(const struct job *j)
{
	return !j->is_write && j->buf_most == j->window;
}

static int
make_buffer(struct job *j)
{
	/* what is sent at once and not kept needs no room of its own */
	static uint8_t shared[WINDOW_MAX * (BLKSIZE_MAX + 4)];
	int segment = (int)stride(j), on = 1;

	j->next = 1;
	j->last = j->size / j->blksize + 1;
	j->buf_most = is_loop && j->window > 1 ? j->window :
	    AHEAD / j->window * j->window;
	if (j->is_write)
		j->size = 0;
	if (j->window > 1 && j->is_write)
		j->is_joined = setsockopt(j->sock, IPPROTO_UDP, UDP_GRO, &on,
		    sizeof(on)) == 0;
	else if (j->window > 1)
		(void)setsockopt(j->sock, IPPROTO_UDP, UDP_SEGMENT, &segment,
		    sizeof(segment));
	j->buf = is_shared(j) ? shared : malloc(j->is_write ?
	    STORE_AT + j->window * stride(j) : j->buf_most * stride(j));
	return j->buf == NULL ? -1 : 0;
}

static void
end_job(struct job *j)
{
	if (j->sock != -1)
		close(j->sock);
	if (j->file != -1)
		close(j->file);
	if (!is_shared(j))
		free(j->buf);
}

/* Everything up to the first packet out. */
static int
begin(struct job *j, const uint8_t *request, size_t len,
    const struct sockaddr_in *peer)
{
	static const uint8_t no[] = "\0\5\0\1File not found";
	uint8_t oack[REQUEST_MAX];
	ssize_t n;

	*j = (struct job){ .sock = -1, .file = -1, .blksize = 512,
		.window = 1 };
	j->sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (j->sock == -1 || connect(j->sock, (const struct sockaddr *)peer,
	    sizeof(*peer)) == -1)
		return -1;
	n = take_request(j, request, len, oack);
	if (n == -1)
		(void)!send(j->sock, no, sizeof(no), 0);
	if (n == -1 || make_buffer(j) == -1)
		return -1;
	if (n > 0)
		return send(j->sock, oack, (size_t)n, 0) == -1 ? -1 : 0;
	if (j->is_write)
		send_ack(j);
	else
		send_window(j);
	return 0;
}

static bool
step(struct job *j)
{
	return j->is_write ? write_step(j) : read_step(j);
}

/* ---- a process per transfer ------------------------------------------- */

static _Noreturn void
run_alone(int listener, const uint8_t *request, size_t len,
    const struct sockaddr_in *peer)
{
	struct job j;

	close(listener);
	alarm(LIFETIME);
	if (begin(&j, request, len, peer) == 0)
		while (step(&j))
			;
	_exit(0);
}

static void
serve_by_processes(int listener)
{
	uint8_t request[REQUEST_MAX];
	struct sockaddr_in peer;
	socklen_t peer_len;
	ssize_t n;

	(void)signal(SIGCHLD, SIG_IGN);	/* nobody has to wait for them */
	for (;;) {
		peer_len = sizeof(peer);
		n = recvfrom(listener, request, sizeof(request), 0,
		    (struct sockaddr *)&peer, &peer_len);
		if (n < 4 || request[1] > OP_WRQ)
			continue;
		if (fork() == 0)
			run_alone(listener, request, (size_t)n, &peer);
	}
}

/* ---- one event loop --------------------------------------------------- */

static void
adopt(int epoll, const uint8_t *request, size_t len,
    const struct sockaddr_in *peer)
{
	struct job *j = malloc(sizeof(*j));
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = j };

	if (j == NULL)
		return;
	if (begin(j, request, len, peer) == 0 &&
	    epoll_ctl(epoll, EPOLL_CTL_ADD, j->sock, &ev) == 0)
		return;
	end_job(j);
	free(j);
}

static void
take_requests(int epoll, int listener)
{
	uint8_t request[REQUEST_MAX];
	struct sockaddr_in peer;
	socklen_t peer_len = sizeof(peer);
	ssize_t n;

	while ((n = recvfrom(listener, request, sizeof(request), MSG_DONTWAIT,
	    (struct sockaddr *)&peer, &peer_len)) >= 4)
		if (request[1] <= OP_WRQ)
			adopt(epoll, request, (size_t)n, &peer);
}

static void
serve_by_loop(int listener)
{
	struct epoll_event ready[EVENTS], ev = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC), n, i;
	struct job *j;

	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev);
	for (;;) {
		n = epoll_wait(epoll, ready, EVENTS, -1);
		for (i = 0; i < n; i++) {
			j = ready[i].data.ptr;
			if (j == NULL) {
				take_requests(epoll, listener);
			} else if (!step(j)) {
				end_job(j);
				free(j);
			}
		}
	}
}

/* ---- the program ------------------------------------------------------ */

static int
listen_at(const char *address, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int intake = INTAKE;

	if (fd == -1 || inet_pton(AF_INET, address, &sin.sin_addr) != 1 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &intake,
	    sizeof(intake)) == -1)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &intake,
		    sizeof(intake));
	return fd;
}

int
main(int argc, char **argv)
{
	struct rlimit lim = { 65536, 65536 };
	int listener;

	is_loop = argc > 1 && strcmp(argv[1], "--loop") == 0;
	argc -= is_loop;
	argv += is_loop;
	if (argc != 4) {
		fputs("usage: tftp-limit [--loop] ADDRESS PORT DIRECTORY\n",
		    stderr);
		return 64;
	}
	(void)setrlimit(RLIMIT_NOFILE, &lim);
	listener = listen_at(argv[1], (uint16_t)atoi(argv[2]));
	if (listener == -1 || chdir(argv[3]) == -1) {
		perror("tftp-limit");
		return 71;
	}
	if (is_loop)
		serve_by_loop(listener);
	else
		serve_by_processes(listener);
	return 0;
}
