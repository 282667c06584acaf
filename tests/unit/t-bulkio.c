/*
 * t-bulkio - many packets in one call arrive as each by itself would.
 */
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "os/bulkio.h"
#include "os/oneport.h"
#include "t-net.h"

#define WAIT_S		20	/* far more than the loopback needs */
#define ROOM		(16 * 1024 * 1024)
#define DATAGRAM_MAX	65507
#define END		"the end"

/* ---- calls that fail -------------------------------------------------- */

/*
 * These stand before libc's when the program is linked: the call number at,
 * counted from 1, fails with err, or sends no more than most messages.
 */
static struct {
	unsigned calls, at;
	int err;
	unsigned most;
} fault;

static bool
is_faulty(void)
{
	return ++fault.calls == fault.at;
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (is_faulty()) {
		errno = fault.err;
		return -1;
	}
	return (ssize_t)syscall(SYS_sendmsg, fd, msg, flags);
}

ssize_t
send(int fd, const void *buf, size_t len, int flags)
{
	if (is_faulty()) {
		errno = fault.err;
		return -1;
	}
	return (ssize_t)syscall(SYS_sendto, fd, buf, len, flags, NULL, 0);
}

int
sendmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
	if (is_faulty()) {
		if (fault.most == 0) {
			errno = fault.err;
			return -1;
		}
		count = fault.most < count ? fault.most : count;
	}
	return (int)syscall(SYS_sendmmsg, fd, msgs, count, flags);
}

static void
no_fault(void)
{
	memset(&fault, 0, sizeof(fault));
}

/* ---- two sockets ------------------------------------------------------ */

struct pair {
	int from, to;
};

static int
local_sock(int family)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), room = ROOM;
	int dont = IP_PMTUDISC_DONT, dont6 = IPV6_PMTUDISC_DONT;
	struct timeval wait = { WAIT_S, 0 };
	bool is_v4 = family == AF_INET;

	if (fd == -1 || bind(fd, is_v4 ? (struct sockaddr *)&in4 :
	    (struct sockaddr *)&in6, is_v4 ? sizeof(in4) : sizeof(in6)) != 0)
		abort();
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room,
	    sizeof(room)) == -1)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room,
		    sizeof(room));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (is_v4)
		(void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &dont,
		    sizeof(dont));
	else
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &dont6,
		    sizeof(dont6));
	return fd;
}

static bool
join(int fd, int peer)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	return getsockname(peer, (struct sockaddr *)&addr, &len) == 0 &&
	    connect(fd, (struct sockaddr *)&addr, len) == 0;
}

static struct pair
pair_of(int family)
{
	struct pair p = { local_sock(family), local_sock(family) };

	if (!join(p.from, p.to) || !join(p.to, p.from))
		abort();
	return p;
}

static void
pair_end(struct pair *p)
{
	close(p->from);
	if (p->to != -1)
		close(p->to);
}

static uint8_t *
pattern(size_t len)
{
	uint8_t *bytes = malloc(len + 1);
	size_t i;

	if (bytes == NULL)
		abort();
	for (i = 0; i < len; i++)
		bytes[i] = t_byte(i);
	return bytes;
}

/* One datagram, in a call that is not counted. */
static bool
put(int fd, const void *buf, size_t len)
{
	/* not send(), which is counted */
	return sendto(fd, buf, len, 0, NULL, 0) == (ssize_t)len;
}

/* Whether the next datagram there is that. */
static bool
comes(int fd, const void *want, size_t len)
{
	uint8_t *got = malloc(len + 1);
	bool good;

	good = got != NULL && recv(fd, got, len + 1, 0) == (ssize_t)len &&
	    (len == 0 || memcmp(got, want, len) == 0);
	free(got);
	return good;
}

/* Whether these packets come, and then the end. */
static bool
all_come(int fd, const uint8_t *bytes, size_t segment, size_t len)
{
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = len - at < segment ? len - at : segment;
		if (!comes(fd, bytes + at, n))
			return false;
	}
	return comes(fd, END, strlen(END));
}

/* ---- sending ---------------------------------------------------------- */

/* Whether all of it arrives, with can_cut then as it is wanted. */
static bool
crosses(const struct pair *p, struct bulkio_sender *s, size_t len)
{
	uint8_t *bytes = pattern(len), *guarded = t_guard(bytes, len);
	bool good;

	good = bulkio_send(s, guarded, len) == 0 &&
	    put(p->from, END, strlen(END)) &&
	    all_come(p->to, bytes, s->segment, len);
	t_unguard(guarded, len);
	free(bytes);
	return good;
}

/* Packets but for the last one, which is of every length that matters. */
static bool
cross_lasts(const struct pair *p, struct bulkio_sender *s, size_t whole)
{
	size_t len = whole * s->segment;

	return crosses(p, s, len + 1) &&
	    crosses(p, s, len + (s->segment + 1) / 2) &&
	    (s->segment < 3 || crosses(p, s, len + s->segment - 1)) &&
	    crosses(p, s, len + s->segment);
}

/* Every number of packets around what one call takes. */
static bool
cross_borders(const struct pair *p, size_t segment, bool fits)
{
	size_t per = DATAGRAM_MAX / segment, calls, whole;
	struct bulkio_sender s;

	if (per > 64)
		per = 64;
	bulkio_sender_init(&s, p->from, segment, fits);
	for (calls = 0; calls <= 2; calls++) {
		whole = calls * per;
		if ((whole > 1 && !cross_lasts(p, &s, whole - 2)) ||
		    (whole > 0 && !cross_lasts(p, &s, whole - 1)) ||
		    !cross_lasts(p, &s, whole))
			return false;
	}
	return s.can_cut == (fits && segment <= DATAGRAM_MAX / 2);
}

static const struct {
	const char *what;
	size_t segment;
} sizes[] = {
	{ "blocks of 8", 12 },
	{ "blocks of 512", 516 },
	{ "64 of 1023 are less than a datagram", 1023 },
	{ "63 of 1024 are", 1024 },
	{ "blocks of 1428", 1432 },
	{ "blocks of 1468", 1472 },
	{ "13 of 5039 are a whole datagram", 5039 },
	{ "blocks of 8192", 8196 },
	{ "two in a datagram", DATAGRAM_MAX / 2 },
	{ "not even two", DATAGRAM_MAX / 2 + 1 },
	{ "blocks of 65464", 65468 },
	{ "packets of a byte", 1 },
};

static void
check_sizes(int family, bool fits)
{
	struct pair p = pair_of(family);
	size_t i;

	for (i = 0; i < COUNT(sizes); i++)
		T_OK(cross_borders(&p, sizes[i].segment, fits),
		    sizes[i].what);
	pair_end(&p);
}

static void
test_cut(void)
{
	check_sizes(AF_INET, true);
	if (t_has_ipv6())
		check_sizes(AF_INET6, true);
	else
		t_skip("cutting over IPv6 (no IPv6)");
}

static void
test_uncut(void)
{
	check_sizes(AF_INET, false);
	if (t_has_ipv6())
		check_sizes(AF_INET6, false);
	else
		t_skip("packet by packet over IPv6 (no IPv6)");
}

static void
test_nothing(void)
{
	struct pair p = pair_of(AF_INET);
	struct bulkio_sender s;

	bulkio_sender_init(&s, p.from, 516, true);
	T_OK(bulkio_send(&s, NULL, 0) == 0, "with cutting");
	bulkio_sender_init(&s, p.from, 516, false);
	T_OK(bulkio_send(&s, NULL, 0) == 0, "and without");
	T_OK(put(p.from, END, strlen(END)) &&
	    comes(p.to, END, strlen(END)), "is no packet");
	pair_end(&p);
}

/* How many calls a window costs: that is what the module is for. */
static void
test_calls(void)
{
	static const struct {
		const char *what;
		bool fits;
		size_t segment, count;
		unsigned calls;
	} rows[] = {
		{ "one packet", true, 516, 1, 1 },
		{ "64 are cut from one", true, 516, 64, 1 },
		{ "65 are not", true, 516, 65, 2 },
		{ "44 are cut from one datagram", true, 1472, 44, 1 },
		{ "the 45th is one of its own", true, 1472, 45, 2 },
		{ "13 of 5039 are as long as one can be", true, 5039, 13,
		    1 },
		{ "64 go packet by packet in one call", false, 516, 64, 1 },
		{ "65 in two", false, 516, 65, 2 },
		{ "large ones, too", false, 8196, 16, 1 },
	};
	struct pair p = pair_of(AF_INET);
	struct bulkio_sender s;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		bulkio_sender_init(&s, p.from, rows[i].segment,
		    rows[i].fits);
		no_fault();
		T_OK(crosses(&p, &s, rows[i].count * rows[i].segment),
		    rows[i].what);
		T_OK(fault.calls == rows[i].calls, rows[i].what);
	}
	pair_end(&p);
}

/* ---- what the kernel refuses ------------------------------------------ */

struct refusal {
	const char *what;
	int mtu;
	size_t segment;
	bool fits, can_cut;
};

static void
in_small_mtu(const void *arg)
{
	const struct refusal *row = arg;
	struct bulkio_sender s;
	struct pair p;
	int again;

	if (!t_own_network(row->mtu))
		_exit(77);
	p = pair_of(AF_INET);
	bulkio_sender_init(&s, p.from, row->segment, row->fits);
	C_OK(crosses(&p, &s, 2 * row->segment + 1), "it arrives");
	C_OK(s.can_cut == row->can_cut, "whether it was cut");
	for (again = 0; again < 3; again++)
		C_OK(crosses(&p, &s, 3 * row->segment), "so does the next");
	C_OK(s.can_cut == row->can_cut, "nothing else changes");
	C_OK(crosses(&p, &s, row->segment / 2), "a short one");
	pair_end(&p);
}

static void
test_small_mtu(void)
{
	static const struct refusal rows[] = {
		{ "as much as an Ethernet takes", 1500, 1472, true, true },
		{ "a byte more, and we know it", 1500, 1473, false, false },
		{ "a byte more, and we do not know it", 1500, 1473, true,
		    false },
		{ "blocks of 8192 in fragments", 1500, 8196, true, false },
		{ "blocks of 8192 in fragments, as known", 1500, 8196, false,
		    false },
		{ "blocks of 65464 in fragments", 1500, 65468, true, false },
		{ "blocks of 512", 1500, 516, true, true },
		{ "blocks of 512, and a tiny MTU", 400, 516, true, false },
		{ "blocks of 8192 in jumbo frames", 9000, 8196, true, true },
	};
	size_t i;

	if (!t_can_own_network()) {
		t_skip("other MTUs (needs root or user namespaces)");
		return;
	}
	for (i = 0; i < COUNT(rows); i++)
		t_in_child(in_small_mtu, &rows[i], rows[i].what);
}

/* The path that was asked at the beginning is not for ever. */
static void
in_shrinking_mtu(const void *arg)
{
	struct bulkio_sender s;
	struct pair p;

	(void)arg;
	if (!t_own_network(9000))
		_exit(77);
	p = pair_of(AF_INET);
	bulkio_sender_init(&s, p.from, 8196, true);
	C_OK(crosses(&p, &s, 6 * 8196) && s.can_cut, "it is cut");
	C_OK(t_raise_loopback(1500), "set-up");
	C_OK(crosses(&p, &s, 6 * 8196) && !s.can_cut, "it is no more");
	C_OK(t_raise_loopback(9000), "set-up");
	C_OK(crosses(&p, &s, 6 * 8196) && !s.can_cut, "it is tried once");
	pair_end(&p);
}

static void
test_shrinking_mtu(void)
{
	if (t_can_own_network())
		t_in_child(in_shrinking_mtu, NULL, "an MTU that shrinks");
	else
		t_skip("an MTU that shrinks (needs root or user namespaces)");
}

/* The n-th call fails; 150 packets, 64 in a call; lost: [first, end). */
struct failure {
	const char *what;
	bool fits;
	unsigned at;
	int err;
	unsigned most;		/* sendmmsg: not an error but a short count */
	size_t lost, lost_end;
	bool can_cut;
};

#define FAILING		150
#define FAILING_LEN	20

static void
check_failure(const struct failure *row, const struct pair *p,
    const uint8_t *bytes)
{
	struct bulkio_sender s;
	size_t i;

	bulkio_sender_init(&s, p->from, FAILING_LEN, row->fits);
	no_fault();
	fault.at = row->at;
	fault.err = row->err;
	fault.most = row->most;
	T_OK(bulkio_send(&s, bytes, FAILING * FAILING_LEN) == 0, row->what);
	no_fault();
	T_OK(s.can_cut == row->can_cut, row->what);
	T_OK(put(p->from, END, strlen(END)), "set-up");
	for (i = 0; i < FAILING; i++) {
		if (i < row->lost || i >= row->lost_end)
			T_OK(comes(p->to, bytes + i * FAILING_LEN,
			    FAILING_LEN), row->what);
	}
	T_OK(comes(p->to, END, strlen(END)), row->what);
}

static void
test_failures(void)
{
	static const struct failure rows[] = {
		{ "no fault", true, 0, 0, 0, 0, 0, true },
		{ "a device that cannot cut", true, 1, EIO, 0, 0, 0, false },
		{ "what went out is not sent again", true, 2, EIO, 0, 0, 0,
		    false },
		{ "the last one is refused", true, 3, EINVAL, 0, 0, 0,
		    false },
		{ "an MTU that shrinks between", true, 2, EMSGSIZE, 0, 0, 0,
		    false },
		{ "no buffer is a loss", true, 2, ENOBUFS, 0, 64, 128,
		    true },
		{ "a firewall is a loss", true, 1, EPERM, 0, 0, 64, true },
		{ "a signal is none", true, 2, EINTR, 0, 0, 0, true },
		{ "packet by packet, no buffer: one is lost", false, 2,
		    ENOBUFS, 0, 64, 65, false },
		{ "packet by packet, a firewall: one is lost", false, 1,
		    EPERM, 0, 0, 1, false },
		{ "packet by packet, a signal", false, 2, EINTR, 0, 0, 0,
		    false },
		{ "one of 64 was taken", false, 1, 0, 1, 0, 0, false },
		{ "63 of 64 were taken", false, 2, 0, 63, 0, 0, false },
	};
	struct pair p = pair_of(AF_INET);
	uint8_t *bytes = pattern(FAILING * FAILING_LEN);
	size_t i;

	for (i = 0; i < COUNT(rows); i++)
		check_failure(&rows[i], &p, bytes);
	free(bytes);
	pair_end(&p);
}

/* A closed port ends it; what stands behind is not sent. */
static void
test_refused_between(void)
{
	static const struct {
		const char *what;
		bool fits;
		unsigned at;
		size_t before;
	} rows[] = {
		{ "the first datagram", true, 1, 0 },
		{ "the second", true, 2, 64 },
		{ "the first call", false, 1, 0 },
		{ "the second call", false, 2, 64 },
	};
	struct pair p = pair_of(AF_INET);
	uint8_t *bytes = pattern(FAILING * FAILING_LEN);
	struct bulkio_sender s;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		bulkio_sender_init(&s, p.from, FAILING_LEN, rows[i].fits);
		no_fault();
		fault.at = rows[i].at;
		fault.err = ECONNREFUSED;
		T_OK(bulkio_send(&s, bytes, FAILING * FAILING_LEN) ==
		    -ECONNREFUSED, rows[i].what);
		no_fault();
		T_OK(s.can_cut == rows[i].fits, "it says nothing of cutting");
		T_OK(put(p.from, END, strlen(END)) && all_come(p.to, bytes,
		    FAILING_LEN, rows[i].before * FAILING_LEN),
		    rows[i].what);
	}
	free(bytes);
	pair_end(&p);
}

/* Send to nobody, and wait until the kernel knows; it is told later. */
static bool
learns_refused(int fd)
{
	struct pollfd pfd = { .fd = fd };

	return put(fd, "x", 1) && poll(&pfd, 1, WAIT_S * 1000) == 1 &&
	    (pfd.revents & POLLERR) != 0;
}

static void
test_refused(void)
{
	static const struct {
		const char *what;
		bool fits;
		size_t len;
	} rows[] = {
		{ "one packet", true, 516 },
		{ "one packet, never cut", false, 516 },
		{ "a window", true, 10 * 516 },
		{ "a window, packet by packet", false, 10 * 516 },
	};
	struct pair p = pair_of(AF_INET);
	uint8_t *bytes = pattern(10 * 516);
	struct bulkio_sender s;
	size_t i;

	close(p.to);
	p.to = -1;
	for (i = 0; i < COUNT(rows); i++) {
		bulkio_sender_init(&s, p.from, 516, rows[i].fits);
		T_OK(learns_refused(p.from), "set-up");
		T_OK(bulkio_send(&s, bytes, rows[i].len) == -ECONNREFUSED,
		    rows[i].what);
		T_OK(s.can_cut == rows[i].fits, rows[i].what);
	}
	bulkio_sender_init(&s, -1, 516, true);
	T_OK(bulkio_send(&s, bytes, 10 * 516) == 0, "all else is a loss");
	bulkio_sender_init(&s, -1, 516, false);
	T_OK(bulkio_send(&s, bytes, 10 * 516) == 0, "packet by packet, too");
	free(bytes);
	pair_end(&p);
}

/* ---- receiving -------------------------------------------------------- */

#define LARGEST	516

struct far {
	struct pair p;
	struct bulkio_receiver r;
};

static void
far_begin(struct far *f, unsigned window, size_t keep)
{
	f->p = pair_of(AF_INET);
	if (bulkio_receiver_init(&f->r, f->p.to, LARGEST, window, keep) != 0)
		abort();
}

static void
far_end(struct far *f)
{
	bulkio_receiver_free(&f->r);
	pair_end(&f->p);
}

/* Whether that is the next piece, received now if none is left. */
static bool
next_is(struct far *f, const void *want, size_t len)
{
	const uint8_t *buf;
	size_t got;

	while (!bulkio_next(&f->r, &buf, &got)) {
		if (bulkio_receive(&f->r, 0) != 0)
			return false;
	}
	return got == len && (len == 0 || memcmp(buf, want, len) == 0);
}

/* Windows of 1 are taken one by one, others many at once. */
static const struct {
	const char *what;
	unsigned window;
	size_t keep;
} ways[] = {
	{ "one at a time", 1, 0 },
	{ "one at a time, some of them kept", 1, 5000 },
	{ "windows of 2", 2, 0 },
	{ "windows of 16", 16, 0 },
	{ "windows of 64", 64, 65536 },
	{ "windows of 65535", 65535, 0 },
};

static void
test_receive(void)
{
	uint8_t *bytes = pattern(LARGEST);
	struct far f;
	size_t i, len;
	int many;

	for (i = 0; i < COUNT(ways); i++) {
		far_begin(&f, ways[i].window, ways[i].keep);
		for (len = 0; len <= LARGEST; len += 43)
			T_OK(put(f.p.from, bytes, len) &&
			    next_is(&f, bytes, len), ways[i].what);
		for (many = 0; many < 100; many++)
			T_OK(put(f.p.from, bytes + many, 100), "set-up");
		for (many = 0; many < 100; many++)
			T_OK(next_is(&f, bytes + many, 100), ways[i].what);
		T_OK(bulkio_receive(&f.r, MSG_DONTWAIT) == -EAGAIN,
		    "that was all");
		far_end(&f);
	}
	free(bytes);
}

/* No packet at the beginning, after the last one, after an error. */
static void
test_next(void)
{
	const uint8_t *buf;
	struct far f;
	size_t i, len;

	for (i = 0; i < COUNT(ways); i++) {
		far_begin(&f, ways[i].window, ways[i].keep);
		T_OK(!bulkio_next(&f.r, &buf, &len), "nothing was received");
		T_OK(bulkio_receive(&f.r, MSG_DONTWAIT) == -EAGAIN &&
		    !bulkio_next(&f.r, &buf, &len), "there is nothing");
		T_OK(put(f.p.from, "a", 1) && next_is(&f, "a", 1) &&
		    !bulkio_next(&f.r, &buf, &len) &&
		    !bulkio_next(&f.r, &buf, &len), "no more");
		T_OK(put(f.p.from, "", 0) &&
		    bulkio_receive(&f.r, 0) == 0 &&
		    bulkio_next(&f.r, &buf, &len) && len == 0 &&
		    !bulkio_next(&f.r, &buf, &len), "an empty one is one");
		T_OK(put(f.p.from, "b", 1) &&
		    bulkio_receive(&f.r, 0) == 0 && put(f.p.from, "c", 1) &&
		    bulkio_receive(&f.r, 0) == 0 &&
		    bulkio_next(&f.r, &buf, &len) && len == 1 &&
		    buf[0] == 'c', "what was not asked for is gone");
		T_OK(put(f.p.from, "d", 1) &&
		    bulkio_receive(&f.r, 0) == 0 &&
		    bulkio_receive(&f.r, MSG_DONTWAIT) == -EAGAIN &&
		    !bulkio_next(&f.r, &buf, &len), "without another, too");
		far_end(&f);
	}
}

/* Only the length tells that it is none of ours. */
static void
test_longer(void)
{
	static const size_t lens[] = { LARGEST + 1, LARGEST + 2, 1500,
		DATAGRAM_MAX };
	uint8_t *bytes = pattern(DATAGRAM_MAX);
	struct far f;
	size_t i, j;

	for (i = 0; i < COUNT(ways); i++) {
		far_begin(&f, ways[i].window, ways[i].keep);
		for (j = 0; j < COUNT(lens); j++)
			T_OK(put(f.p.from, bytes, lens[j]) &&
			    next_is(&f, bytes, ways[i].window > 1 ? lens[j] :
			    LARGEST + 1) && put(f.p.from, "next", 4) &&
			    next_is(&f, "next", 4), ways[i].what);
		far_end(&f);
	}
	free(bytes);
}

/* ---- joined packets --------------------------------------------------- */

/* Whether the next ones are these, however they come. */
static bool
pieces_are(struct far *f, const uint8_t *bytes, size_t segment, size_t len)
{
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = len - at < segment ? len - at : segment;
		if (!next_is(f, bytes + at, n))
			return false;
	}
	return true;
}

/* Send as one datagram that the kernel cuts, and joins again. */
static bool
put_joined(struct far *f, const uint8_t *bytes, size_t segment, size_t len)
{
	struct bulkio_sender s;

	bulkio_sender_init(&s, f->p.from, segment, true);
	return bulkio_send(&s, bytes, len) == 0 && s.can_cut;
}

/* Whether the kernel was asked, if it can be. */
static bool
was_asked(const struct far *f)
{
	int on = 1, is_on = 0;
	socklen_t len = sizeof(is_on);

	if (setsockopt(f->p.from, SOL_UDP, UDP_GRO, &on, sizeof(on)) == -1)
		return true;
	return getsockopt(f->p.to, SOL_UDP, UDP_GRO, &is_on, &len) == 0 &&
	    is_on == 1;
}

/* Does this kernel join at all?  Else nothing here is tried. */
static bool
is_joining(struct far *f, const uint8_t *bytes)
{
	const uint8_t *buf;
	unsigned pieces = 0;
	size_t len;

	if (!put_joined(f, bytes, 100, 1000))
		abort();
	while (pieces < 10 && bulkio_receive(&f->r, 0) == 0) {
		while (bulkio_next(&f->r, &buf, &len))
			pieces++;
	}
	return f->r.end < pieces;
}

static void
test_joined(void)
{
	static const struct {
		const char *what;
		size_t segment, len;
	} rows[] = {
		{ "two", 516, 2 * 516 },
		{ "two, one of a byte", 516, 517 },
		{ "two, one of a byte less", 516, 2 * 516 - 1 },
		{ "64 of 8", 12, 64 * 12 },
		{ "65, one of them a header", 12, 64 * 12 + 4 },
		{ "64 of 512", 516, 64 * 516 },
		{ "200 of 512, and a short one", 516, 200 * 516 + 77 },
		{ "44 of 1468", 1472, 44 * 1472 },
		{ "as long as a datagram can be", 5039, DATAGRAM_MAX },
		{ "7 of 8192, and a short one", 8196, 7 * 8196 + 4 },
		{ "two halves of a datagram", DATAGRAM_MAX / 2,
		    DATAGRAM_MAX - 1 },
		{ "no more than one", 516, 516 },
		{ "one that is short", 516, 5 },
		{ "of a byte", 1, 64 },
	};
	uint8_t *bytes = pattern(256 * 1024);
	struct far f;
	size_t i;

	far_begin(&f, 64, 0);
	T_OK(was_asked(&f), "the kernel is asked to join them");
	if (!is_joining(&f, bytes))
		t_skip("joined packets (this kernel joins none)");
	for (i = 0; i < COUNT(rows); i++) {
		T_OK(put_joined(&f, bytes, rows[i].segment, rows[i].len) &&
		    pieces_are(&f, bytes, rows[i].segment, rows[i].len),
		    rows[i].what);
		/* together with others */
		T_OK(put(f.p.from, "a", 1) && put_joined(&f, bytes,
		    rows[i].segment, rows[i].len) && put(f.p.from, "", 0) &&
		    put(f.p.from, "b", 1) && put_joined(&f, bytes, 100, 250),
		    "set-up");
		T_OK(next_is(&f, "a", 1) && pieces_are(&f, bytes,
		    rows[i].segment, rows[i].len) && next_is(&f, "", 0) &&
		    next_is(&f, "b", 1) && pieces_are(&f, bytes, 100, 250),
		    rows[i].what);
	}
	far_end(&f);
	free(bytes);
}

/* A client that joins what is longer than a block: each piece shows it. */
static void
test_joined_longer(void)
{
	uint8_t *bytes = pattern(3000);
	struct far f;

	far_begin(&f, 4, 0);
	T_OK(put_joined(&f, bytes, 1000, 3000) &&
	    pieces_are(&f, bytes, 1000, 3000), "none is cut");
	far_end(&f);
	/* a socket that never asked for it gets them one by one */
	far_begin(&f, 1, 0);
	T_OK(put_joined(&f, bytes, 500, 1400) &&
	    pieces_are(&f, bytes, 500, 1400), "in lock-step");
	far_end(&f);
	free(bytes);
}

/* ---- what stays in memory --------------------------------------------- */

static uint32_t
next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 16;
}

#define HELD_MAX	4096

/* What was handed out since the memory was last used again. */
struct held {
	struct {
		const uint8_t *buf;
		size_t at, len;
	} pieces[HELD_MAX];
	size_t count;
};

static bool
is_intact(const struct held *h, const uint8_t *bytes)
{
	size_t i;

	for (i = 0; i < h->count; i++) {
		if (memcmp(h->pieces[i].buf, bytes + h->pieces[i].at,
		    h->pieces[i].len) != 0)
			return false;
	}
	return true;
}

/* One call's packets, from *at of the stream on. */
static bool
hold(struct far *f, struct held *h, const uint8_t *bytes, size_t *at)
{
	const uint8_t *buf;
	size_t len;

	if (bulkio_is_full(&f->r)) {
		if (!is_intact(h, bytes))
			return false;
		h->count = 0;
	}
	if (bulkio_receive(&f->r, 0) != 0)
		return false;
	while (bulkio_next(&f->r, &buf, &len) && h->count < HELD_MAX) {
		h->pieces[h->count].buf = buf;
		h->pieces[h->count].at = *at;
		h->pieces[h->count++].len = len;
		*at += len;
	}
	return is_intact(h, bytes);
}

/* Send a few, in one way or the other; the stream goes on at *at. */
static bool
put_some(struct far *f, const uint8_t *bytes, size_t *at, uint32_t *seed)
{
	unsigned count = 1 + next_random(seed) % 5;
	size_t len = count * LARGEST - next_random(seed) % LARGEST;
	struct bulkio_sender s;
	bool good;

	bulkio_sender_init(&s, f->p.from, LARGEST, next_random(seed) % 2);
	good = bulkio_send(&s, bytes + *at, len) == 0;
	*at += len;
	return good;
}

static void
test_kept(void)
{
	enum { STREAM = 1024 * 1024 };
	uint8_t *bytes = pattern(STREAM);
	struct held *h = calloc(1, sizeof(*h));
	size_t i, sent, got;
	uint32_t seed = 1;
	struct far f;
	bool good;

	for (i = 0; i < COUNT(ways); i++) {
		far_begin(&f, ways[i].window, ways[i].keep);
		memset(h, 0, sizeof(*h));
		good = true;
		sent = got = 0;
		while (good && sent + 5 * LARGEST < STREAM) {
			good = put_some(&f, bytes, &sent, &seed);
			while (good && got < sent)
				good = hold(&f, h, bytes, &got);
		}
		T_OK(good && got == sent, ways[i].what);
		far_end(&f);
	}
	free(h);
	free(bytes);
}

/* How many calls until then, if each brings one. */
static void
test_is_full(void)
{
	static const struct {
		const char *what;
		unsigned window;
		size_t keep;
		unsigned calls;
	} rows[] = {
		{ "nothing is kept", 1, 0, 1 },
		{ "not even one", 1, LARGEST, 1 },
		{ "one", 1, LARGEST + 1, 1 },
		{ "nearly two", 1, 2 * LARGEST + 1, 1 },
		{ "two", 1, 2 * (LARGEST + 1), 2 },
		{ "126 are 64 KiB", 1, 65536, 126 },
		{ "a call takes a window of 2", 2, 0, 31 },
		{ "a call takes a window of 8", 8, 0, 25 },
		{ "a call takes 16 of a large window", 64, 0, 17 },
	};
	struct far f;
	size_t i;
	unsigned calls;

	for (i = 0; i < COUNT(rows); i++) {
		far_begin(&f, rows[i].window, rows[i].keep);
		for (calls = 0; calls == 0 || !bulkio_is_full(&f.r); calls++)
			T_OK(put(f.p.from, "x", 1) && next_is(&f, "x", 1),
			    "set-up");
		T_OK(calls == rows[i].calls, rows[i].what);
		T_OK(put(f.p.from, "y", 1) && next_is(&f, "y", 1) &&
		    bulkio_is_full(&f.r) == (rows[i].calls == 1),
		    "it begins anew");
		far_end(&f);
	}
}

/* An empty call uses no memory up. */
static void
test_full_after_nothing(void)
{
	struct far f;
	size_t i;
	int n;

	for (i = 0; i < COUNT(ways); i++) {
		far_begin(&f, ways[i].window, ways[i].keep);
		T_OK(!bulkio_is_full(&f.r), "at the beginning");
		for (n = 0; n < 300; n++)
			T_OK(bulkio_receive(&f.r, MSG_DONTWAIT) == -EAGAIN &&
			    !bulkio_is_full(&f.r), ways[i].what);
		far_end(&f);
	}
}

/* ---- a port that is shared -------------------------------------------- */

#define FOREIGN_MAX	8

struct foreign {
	int from;		/* whose address they are to have */
	unsigned count;
	bool is_right;
	struct {
		size_t len;
		uint8_t head[8];
	} list[FOREIGN_MAX];
};

static union netio_addr
addr_of(int fd)
{
	union netio_addr addr;
	socklen_t len = sizeof(addr);

	memset(&addr, 0, sizeof(addr));
	if (getsockname(fd, &addr.sa, &len) == -1)
		abort();
	return addr;
}

static void
note_foreign(void *arg, const struct netio_origin *o, const uint8_t *buf,
    size_t len)
{
	struct foreign *g = arg;
	union netio_addr from = addr_of(g->from);
	uint8_t local[16], peer[16];

	if (g->count == FOREIGN_MAX)
		abort();
	/* all live at the loopback's address */
	g->is_right &= netio_equal(&o->peer, &from) && o->has_local &&
	    netio_bytes(&o->local, local) == netio_bytes(&from, peer) &&
	    local[3] == peer[3] && netio_port(&o->local) == 0 &&
	    !o->to_many && o->ifindex == if_nametoindex("lo");
	g->list[g->count].len = len;
	memcpy(g->list[g->count++].head, buf, len < 8 ? len : 8);
}

static bool
foreign_is(struct foreign *g, unsigned i, const void *head, size_t len)
{
	return g->is_right && i < g->count && g->list[i].len == len &&
	    memcmp(g->list[i].head, head, len < 8 ? len : 8) == 0;
}

/* A socket that was open to all for a while, and a stranger who used that. */
struct crowd {
	struct far f;
	int stranger;
	struct foreign foreign;
	union netio_addr peer;
};

static void
crowd_begin(struct crowd *c, int family)
{
	memset(c, 0, sizeof(*c));
	c->f.p.from = local_sock(family);
	c->f.p.to = local_sock(family);
	c->stranger = local_sock(family);
	c->peer = addr_of(c->f.p.from);
	c->foreign.from = c->stranger;
	c->foreign.is_right = true;
	netio_ask_destination(c->f.p.to, c->peer.sa.sa_family);
	netio_note_arrivals(c->f.p.to);
	if (!join(c->f.p.from, c->f.p.to) || !join(c->stranger, c->f.p.to))
		abort();
}

static void
crowd_connect(struct crowd *c, unsigned window, size_t keep)
{
	if (!join(c->f.p.to, c->f.p.from) || bulkio_receiver_init_shared(
	    &c->f.r, c->f.p.to, LARGEST, window, keep, &c->peer,
	    note_foreign, &c->foreign) != 0)
		abort();
}

static void
crowd_end(struct crowd *c)
{
	close(c->stranger);
	far_end(&c->f);
}

/* Until nothing is left; whether no packet of the peer came. */
static bool
only_foreign(struct crowd *c)
{
	const uint8_t *buf;
	size_t len;
	bool good = true;

	do {
		while (bulkio_next(&c->f.r, &buf, &len))
			good = false;
	} while (bulkio_receive(&c->f.r, MSG_DONTWAIT) == 0);
	return good;
}

static void
check_strangers(int family, unsigned way)
{
	struct crowd c;
	const char *what = ways[way].what;

	crowd_begin(&c, family);
	T_OK(put(c.stranger, "\0\3other", 7) && put(c.f.p.from, "first", 5) &&
	    put(c.stranger, "", 0) && put(c.stranger, "\0\1file", 6) &&
	    put(c.f.p.from, "", 0) && put(c.f.p.from, "last", 4) &&
	    put(c.stranger, "end", 3), "set-up");
	crowd_connect(&c, ways[way].window, ways[way].keep);
	T_OK(next_is(&c.f, "first", 5), what);
	T_OK(c.foreign.count == 1 &&
	    foreign_is(&c.foreign, 0, "\0\3other", 7), "before it");
	T_OK(next_is(&c.f, "", 0) && next_is(&c.f, "last", 4), what);
	T_OK(c.foreign.count == 3 && foreign_is(&c.foreign, 1, "", 0) &&
	    foreign_is(&c.foreign, 2, "\0\1file", 6), "between");
	T_OK(only_foreign(&c) && c.foreign.count == 4 &&
	    foreign_is(&c.foreign, 3, "end", 3), "after it");
	T_OK(put(c.f.p.from, "more", 4) && next_is(&c.f, "more", 4) &&
	    c.foreign.count == 4, "then only the peer is heard");
	crowd_end(&c);
}

static void
test_strangers(void)
{
	unsigned i;
	bool has_ipv6 = t_has_ipv6();

	if (!has_ipv6)
		t_skip("strangers over IPv6 (no IPv6)");
	for (i = 0; i < COUNT(ways); i++) {
		check_strangers(AF_INET, i);
		if (has_ipv6)
			check_strangers(AF_INET6, i);
	}
}

/* What looks like one, and what does not. */
static void
test_requests(void)
{
	static const struct {
		const char *what, *bytes;
		size_t len;
		bool is_request;
	} rows[] = {
		{ "RRQ", "\0\1file\0octet", 13, true },
		{ "WRQ", "\0\2file\0octet", 13, true },
		{ "no more than the code", "\0\1", 2, true },
		{ "half a code", "\0", 1, false },
		{ "nothing", "", 0, false },
		{ "DATA", "\0\3\0\1x", 5, false },
		{ "ACK of block 1", "\0\4\0\1", 4, false },
		{ "ERROR", "\0\5\0\1x", 6, false },
		{ "OACK", "\0\6", 2, false },
		{ "code 0", "\0\0", 2, false },
		{ "code 257", "\1\1", 2, false },
		{ "code 256", "\1\0", 2, false },
	};
	struct crowd c;
	size_t i, j;

	for (i = 0; i < COUNT(ways); i++) {
		crowd_begin(&c, AF_INET);
		c.foreign.from = c.f.p.from;
		crowd_connect(&c, ways[i].window, ways[i].keep);
		for (j = 0; j < COUNT(rows); j++) {
			c.foreign.count = 0;
			T_OK(put(c.f.p.from, rows[j].bytes, rows[j].len) &&
			    put(c.f.p.from, "next", 4), "set-up");
			T_OK(rows[j].is_request || next_is(&c.f,
			    rows[j].bytes, rows[j].len), rows[j].what);
			T_OK(next_is(&c.f, "next", 4), ways[i].what);
			T_OK(c.foreign.count == rows[j].is_request,
			    rows[j].what);
			T_OK(!rows[j].is_request || foreign_is(&c.foreign, 0,
			    rows[j].bytes, rows[j].len), rows[j].what);
		}
		crowd_end(&c);
	}
}

/* However short the blocks are: the dispatcher wants all of it. */
static void
test_long_request(void)
{
	uint8_t *bytes = pattern(ONEPORT_DATAGRAM_MAX);
	struct crowd c;
	size_t i;

	memcpy(bytes, "\0\1", 2);
	for (i = 0; i < COUNT(ways); i++) {
		crowd_begin(&c, AF_INET);
		c.foreign.from = c.f.p.from;
		crowd_connect(&c, ways[i].window, ways[i].keep);
		T_OK(put(c.f.p.from, bytes, ONEPORT_DATAGRAM_MAX) &&
		    put(c.f.p.from, "next", 4) && next_is(&c.f, "next", 4) &&
		    foreign_is(&c.foreign, 0, bytes, ONEPORT_DATAGRAM_MAX),
		    ways[i].what);
		/* still to be seen as longer than a block may be */
		T_OK(put(c.f.p.from, bytes + 2, LARGEST + 1) &&
		    next_is(&c.f, bytes + 2, LARGEST + 1), ways[i].what);
		crowd_end(&c);
	}
	free(bytes);
}

/* A client that sends its last block and its next request in one. */
static void
test_joined_request(void)
{
	uint8_t *bytes = pattern(3 * 100);
	struct crowd c;

	crowd_begin(&c, AF_INET);
	c.foreign.from = c.f.p.from;
	crowd_connect(&c, 64, 0);
	T_OK(was_asked(&c.f), "the kernel is asked to join them");
	memcpy(bytes, "\0\3", 2);
	memcpy(bytes + 100, "\0\2", 2);
	memcpy(bytes + 200, "\0\1", 2);
	T_OK(put_joined(&c.f, bytes, 100, 250) && put(c.f.p.from, "x", 1) &&
	    next_is(&c.f, bytes, 100) && next_is(&c.f, "x", 1), "DATA");
	T_OK(c.foreign.count == 2 &&
	    foreign_is(&c.foreign, 0, bytes + 100, 100) &&
	    foreign_is(&c.foreign, 1, bytes + 200, 50), "requests");
	T_OK(put_joined(&c.f, bytes, 100, 200) && !only_foreign(&c) &&
	    c.foreign.count == 3, "one at the end");
	crowd_end(&c);
	free(bytes);
}

static void
note_waited(void *arg, const struct netio_origin *o, const uint8_t *buf,
    size_t len)
{
	uint64_t *waited_us = arg;

	(void)buf;
	(void)len;
	*waited_us = o->waited_us;
}

/* The kernel begins to stamp a while after it was asked to. */
static void
test_waited(void)
{
	uint64_t waited_us;
	struct crowd c;
	int tries;
	size_t i;

	for (i = 0; i < COUNT(ways); i++) {
		crowd_begin(&c, AF_INET);
		if (!join(c.f.p.to, c.f.p.from) ||
		    bulkio_receiver_init_shared(&c.f.r, c.f.p.to, LARGEST,
		    ways[i].window, ways[i].keep, &c.peer, note_waited,
		    &waited_us) != 0)
			abort();
		waited_us = 0;
		for (tries = 0; tries < 5000 && waited_us < 2000; tries++) {
			T_OK(put(c.f.p.from, "\0\1", 2), "set-up");
			usleep(2000);
			T_OK(only_foreign(&c), ways[i].what);
		}
		T_OK(waited_us >= 2000 && waited_us < 20 * 1000000,
		    "how long it waited");
		crowd_end(&c);
	}
}

/* ---- errors ----------------------------------------------------------- */

static void
on_signal(int number)
{
	(void)number;
}

/* One after the other: the first may come before anybody waits. */
static void
many_signals(void)
{
	struct sigaction act = { .sa_handler = on_signal };
	struct itimerspec often = { { 0, 10000000 }, { 0, 10000000 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGUSR1 };
	timer_t timer;

	sigaction(SIGUSR1, &act, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) == -1 ||
	    timer_settime(timer, 0, &often, NULL) == -1)
		abort();
}

static void
in_signals(const void *arg)
{
	const unsigned *window = arg;
	const uint8_t *buf;
	size_t len;
	struct far f;

	far_begin(&f, *window, 0);
	many_signals();
	C_OK(bulkio_receive(&f.r, 0) == -EINTR, "it waits no more");
	C_OK(bulkio_receive(&f.r, 0) == -EINTR, "nor later");
	C_OK(!bulkio_next(&f.r, &buf, &len), "there is nothing");
	C_OK(put(f.p.from, "x", 1) && bulkio_receive(&f.r, 0) == 0 &&
	    bulkio_next(&f.r, &buf, &len) && len == 1,
	    "what is there comes at once");
	far_end(&f);
}

static void
test_signal(void)
{
	static const unsigned windows[] = { 1, 16 };
	size_t i;

	for (i = 0; i < COUNT(windows); i++)
		t_in_child(in_signals, &windows[i], i == 0 ?
		    "a signal in lock-step" : "a signal, many slots");
}

/*
 * The peer's socket is closed after it sent: the packets are in the queue
 * behind the error that our next one brought.
 */
static void
test_peer_gone(void)
{
	const uint8_t *buf;
	struct far f;
	size_t i, len;
	int n;

	for (i = 0; i < COUNT(ways); i++) {
		far_begin(&f, ways[i].window, ways[i].keep);
		T_OK(put(f.p.from, "last", 4) && put(f.p.from, "", 0) &&
		    put(f.p.from, "words", 5), "set-up");
		close(f.p.from);
		T_OK(learns_refused(f.p.to), "set-up");
		T_OK(bulkio_receive(&f.r, 0) == -ECONNREFUSED,
		    "it is told first");
		T_OK(!bulkio_next(&f.r, &buf, &len), "and brings nothing");
		T_OK(next_is(&f, "last", 4) && next_is(&f, "", 0) &&
		    next_is(&f, "words", 5), ways[i].what);
		for (n = 0; n < 3; n++)
			T_OK(bulkio_receive(&f.r, MSG_DONTWAIT) == -EAGAIN,
			    "it is told once");
		f.p.from = -1;
		far_end(&f);
	}
}

static void
test_no_socket(void)
{
	struct bulkio_receiver r;
	const uint8_t *buf;
	size_t len;
	unsigned window;

	for (window = 1; window < 3; window++) {
		T_OK(bulkio_receiver_init(&r, -1, LARGEST, window, 0) == 0,
		    "it is not asked yet");
		T_OK(bulkio_receive(&r, 0) == -EBADF &&
		    !bulkio_next(&r, &buf, &len), "no descriptor");
		bulkio_receiver_free(&r);
		bulkio_receiver_free(&r);
	}
}

int
main(void)
{
	CU_TestInfo sending[] = {
		{ "every size, cut", test_cut },
		{ "every size, packet by packet", test_uncut },
		{ "nothing", test_nothing },
		{ "calls", test_calls },
		{ "a small MTU", test_small_mtu },
		{ "an MTU that shrinks", test_shrinking_mtu },
		{ "calls that fail", test_failures },
		{ "a port that closes meanwhile", test_refused_between },
		{ "a client that is gone", test_refused },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo receiving[] = {
		{ "one by one and many", test_receive },
		{ "what is left", test_next },
		{ "longer ones", test_longer },
		{ "joined ones", test_joined },
		{ "joined ones that are longer", test_joined_longer },
		{ "what stays in memory", test_kept },
		{ "full", test_is_full },
		{ "calls that bring nothing", test_full_after_nothing },
		{ "strangers", test_strangers },
		{ "requests of the peer", test_requests },
		{ "a long request", test_long_request },
		{ "a request that was joined", test_joined_request },
		{ "how long it waited", test_waited },
		{ "signals", test_signal },
		{ "a peer that is gone", test_peer_gone },
		{ "no socket", test_no_socket },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "bulkio: sending", NULL, NULL, NULL, NULL, sending },
		{ "bulkio: receiving", NULL, NULL, NULL, NULL, receiving },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
