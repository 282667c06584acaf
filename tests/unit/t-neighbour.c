/*
 * t-neighbour - whose hardware address it is, in a network of our own that
 * the program `ip` sets up.
 */
#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "os/clock.h"
#include "os/neighbour.h"
#include "t-net.h"

/* Queries that the kernel never sees: nobody answers. */
static bool is_lost;

/* Who answers in the kernel's place, and sooner; -1: nobody. */
static int forger = -1;

/* That each address is 02-66-66-66-66-66's, with the number of the query. */
static bool
forge(int fd, const void *query)
{
	struct {
		struct nlmsghdr head;
		struct ndmsg entry;
		struct rtattr attr;
		uint8_t mac[6], pad[2];
	} lie = {
		.head = { .nlmsg_type = RTM_NEWNEIGH },
		.entry = { .ndm_state = NUD_REACHABLE },
		.attr = { .rta_len = sizeof(struct rtattr) + 6,
		    .rta_type = NDA_LLADDR },
		.mac = { 0x02, 0x66, 0x66, 0x66, 0x66, 0x66 },
	};
	struct sockaddr_nl to;
	socklen_t len = sizeof(to);
	struct nlmsghdr head;

	memcpy(&head, query, sizeof(head));
	lie.head.nlmsg_len = offsetof(__typeof__(lie), pad);
	lie.head.nlmsg_seq = head.nlmsg_seq;
	return getsockname(fd, (struct sockaddr *)&to, &len) == 0 &&
	    syscall(SYS_sendto, forger, &lie, lie.head.nlmsg_len, 0, &to,
		len) == lie.head.nlmsg_len;
}

ssize_t
sendto(int fd, const void *buf, size_t len, int flags,
    const struct sockaddr *to, socklen_t to_len)
{
	if (is_lost)
		return (ssize_t)len;
	if (forger != -1 && !forge(fd, buf))
		abort();
	return (ssize_t)syscall(SYS_sendto, fd, buf, len, flags, to, to_len);
}

/* ---- the network ------------------------------------------------------ */

static bool __attribute__((format(printf, 1, 2)))
ip(const char *fmt, ...)
{
	char line[512] = "PATH=$PATH:/usr/sbin:/sbin exec ip ";
	size_t len = strlen(line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + len, sizeof(line) - len, fmt, ap);
	va_end(ap);
	return system(line) == 0;
}

static bool
has_ip(void)
{
	return system("PATH=$PATH:/usr/sbin:/sbin command -v ip >/dev/null")
	    == 0;
}

/* Two links, veth0 and veth2; each one's other end is in here too. */
static bool
make_links(void)
{
	return t_own_network(0) &&
	    ip("link add veth0 address 02:00:00:00:00:f0 type veth "
		"peer name veth1") &&
	    ip("link add veth2 address 02:00:00:00:00:f2 type veth "
		"peer name veth3") &&
	    ip("link set veth0 up") && ip("link set veth1 up") &&
	    ip("link set veth2 up") && ip("link set veth3 up");
}

static bool
can_make_links(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(!make_links());
	return t_reap(pid, 0);
}

static bool
add(const char *addr, const char *mac, const char *state, const char *link)
{
	return ip("neigh add %s lladdr %s nud %s dev %s", addr, mac, state,
	    link);
}

static bool
set_up_ipv4(void)
{
	return ip("addr add 192.0.2.1/24 dev veth0") &&
	    ip("addr add 10.0.0.1/24 dev veth2") &&
	    ip("route add 198.51.100.0/24 via 192.0.2.254") &&
	    ip("route add unreachable 203.0.113.0/25") &&
	    add("192.0.2.7", "02:00:5E:10:00:07", "permanent", "veth0") &&
	    add("192.0.2.7", "02:00:00:00:00:77", "permanent", "veth2") &&
	    add("192.0.2.8", "02:00:5e:10:00:08", "reachable", "veth0") &&
	    add("192.0.2.9", "02:00:5e:10:00:09", "stale", "veth0") &&
	    add("192.0.2.10", "02:00:5e:10:00:0a", "noarp", "veth0") &&
	    add("192.0.2.11", "00:00:00:00:00:00", "permanent", "veth0") &&
	    add("192.0.2.12", "00:00:00:00:00:00", "noarp", "veth0") &&
	    ip("neigh add 192.0.2.13 nud failed dev veth0") &&
	    add("192.0.2.254", "02:00:5e:10:00:fe", "permanent", "veth0") &&
	    add("198.51.100.7", "02:00:00:00:00:78", "permanent", "veth0");
}

static bool
set_up_ipv6(void)
{
	return ip("addr add 2001:db8::1/64 dev veth0 nodad") &&
	    ip("addr add 2001:db8:2::1/64 dev veth2 nodad") &&
	    ip("route add 2001:db8:f::/48 via 2001:db8::fe") &&
	    add("2001:db8::7", "02:00:5e:10:06:07", "permanent", "veth0") &&
	    add("2001:db8::7", "02:00:00:00:06:77", "permanent", "veth2") &&
	    add("2001:db8::9", "02:00:5e:10:06:09", "stale", "veth0") &&
	    ip("neigh add 2001:db8::d nud failed dev veth0") &&
	    add("2001:db8::fe", "02:00:5e:10:06:fe", "permanent", "veth0") &&
	    add("2001:db8:f::7", "02:00:00:00:06:78", "permanent",
		"veth0") &&
	    add("fe80::7", "02:00:5e:10:fe:07", "permanent", "veth0") &&
	    add("fe80::8", "02:00:5e:10:fe:08", "permanent", "veth0") &&
	    add("fe80::8", "02:00:5e:10:fe:18", "permanent", "veth1") &&
	    add("fe80::8", "02:00:5e:10:fe:28", "permanent", "veth2") &&
	    add("fe80::8", "02:00:5e:10:fe:38", "permanent", "veth3");
}

/* ---- asking ----------------------------------------------------------- */

static int
ask(int fd, const char *text, const char *link, char *out)
{
	bool is_ipv6 = strchr(text, ':') != NULL;
	uint8_t addr[16];

	if (inet_pton(is_ipv6 ? AF_INET6 : AF_INET, text, addr) != 1)
		abort();
	return neighbour_mac(fd, addr, is_ipv6 ? 16 : 4, link == NULL ? 0 :
	    if_nametoindex(link), out);
}

struct row {
	const char *what, *addr, *link, *mac;
	int err;
};

static void
check_rows(const struct row *rows, size_t count)
{
	static const char zeros[NEIGHBOUR_TEXT_MAX];
	char *out = t_guard(zeros, sizeof(zeros));
	int fd = neighbour_open();
	size_t i;

	C_OK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 &&
	    (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, "a socket of ours");
	for (i = 0; i < count; i++) {
		memset(out, 'x', sizeof(zeros));
		C_OK(ask(fd, rows[i].addr, rows[i].link, out) == rows[i].err,
		    rows[i].what);
		C_OK(strcmp(out, rows[i].mac == NULL ? "" : rows[i].mac) ==
		    0, rows[i].what);
	}
	close(fd);
}

static void
in_ipv4(const void *arg)
{
	static const struct row rows[] = {
		{ "by its interface", "192.0.2.7", "veth0",
		    "02-00-5e-10-00-07", 0 },
		{ "the same address on another link", "192.0.2.7", "veth2",
		    "02-00-00-00-00-77", 0 },
		{ "by the routes", "192.0.2.7", NULL, "02-00-5e-10-00-07",
		    0 },
		{ "heard of just now", "192.0.2.8", "veth0",
		    "02-00-5e-10-00-08", 0 },
		{ "heard of before", "192.0.2.9", "veth0",
		    "02-00-5e-10-00-09", 0 },
		{ "without ARP, with an address", "192.0.2.10", "veth0",
		    "02-00-5e-10-00-0a", 0 },
		{ "nothing but zeros", "192.0.2.11", "veth0", NULL, -ENOENT },
		{ "without ARP, nothing but zeros", "192.0.2.12", "veth0",
		    NULL, -ENOENT },
		{ "it does not answer", "192.0.2.13", "veth0", NULL,
		    -ENOENT },
		{ "it does not answer, by the routes", "192.0.2.13", NULL,
		    NULL, -ENOENT },
		{ "never heard of", "192.0.2.99", "veth0", NULL, -ENOENT },
		{ "never heard of, by the routes", "192.0.2.99", NULL, NULL,
		    -ENOENT },
		{ "on the other link only", "192.0.2.8", "veth2", NULL,
		    -ENOENT },
		{ "routed", "198.51.100.5", NULL, NULL, -ENOENT },
		{ "routed: what stands in the table is none of its",
		    "198.51.100.7", NULL, NULL, -ENOENT },
		{ "an interface is believed", "198.51.100.7", "veth0",
		    "02-00-00-00-00-78", 0 },
		{ "ours", "192.0.2.1", NULL, NULL, -ENOENT },
		{ "ours, the loopback", "127.0.0.1", NULL, NULL, -ENOENT },
		{ "ours, on the loopback", "127.0.0.1", "lo", NULL,
		    -ENOENT },
		{ "a broadcast", "192.0.2.255", NULL, NULL, -ENOENT },
		{ "no route", "203.0.113.200", NULL, NULL, -ENETUNREACH },
		{ "a route that says no", "203.0.113.7", NULL, NULL,
		    -EHOSTUNREACH },
	};

	(void)arg;
	C_OK(make_links() && set_up_ipv4(), "set-up");
	check_rows(rows, COUNT(rows));
}

static void
in_ipv6(const void *arg)
{
	static const struct row rows[] = {
		{ "by its interface", "2001:db8::7", "veth0",
		    "02-00-5e-10-06-07", 0 },
		{ "the same address on another link", "2001:db8::7", "veth2",
		    "02-00-00-00-06-77", 0 },
		{ "by the routes", "2001:db8::7", NULL, "02-00-5e-10-06-07",
		    0 },
		{ "heard of before", "2001:db8::9", NULL,
		    "02-00-5e-10-06-09", 0 },
		{ "it does not answer", "2001:db8::d", NULL, NULL, -ENOENT },
		{ "never heard of", "2001:db8::99", "veth0", NULL, -ENOENT },
		{ "never heard of, by the routes", "2001:db8::99", NULL,
		    NULL, -ENOENT },
		{ "routed", "2001:db8:f::5", NULL, NULL, -ENOENT },
		{ "routed: what stands in the table is none of its",
		    "2001:db8:f::7", NULL, NULL, -ENOENT },
		{ "link-local", "fe80::7", "veth0", "02-00-5e-10-fe-07", 0 },
		{ "link-local, on another link", "fe80::7", "veth2", NULL,
		    -ENOENT },
		{ "link-local without its link", "fe80::8", NULL, NULL,
		    -ENOENT },
		{ "ours", "2001:db8::1", NULL, NULL, -ENOENT },
		{ "ours, the loopback", "::1", NULL, NULL, -ENOENT },
		{ "no route", "2001:db9::1", NULL, NULL, -ENETUNREACH },
	};

	(void)arg;
	C_OK(make_links() && set_up_ipv6(), "set-up");
	check_rows(rows, COUNT(rows));
}

/* As the server is: nobody, in an empty root, without capabilities. */
static void
in_walls(const void *arg)
{
	static const struct row rows[] = {
		{ "by the routes", "192.0.2.7", NULL, "02-00-5e-10-00-07",
		    0 },
		{ "never heard of", "192.0.2.99", NULL, NULL, -ENOENT },
	};
	char dir[PATH_MAX], out[NEIGHBOUR_TEXT_MAX];
	unsigned veth0;
	int fd;

	(void)arg;
	C_OK(make_links() && set_up_ipv4(), "set-up");
	veth0 = if_nametoindex("veth0");
	fd = neighbour_open();
	t_tmp_make(dir);
	C_OK(chdir(dir) == 0 && rmdir(dir) == 0 && chroot(".") == 0,
	    "set-up");
	t_drop();
	check_rows(rows, COUNT(rows));
	C_OK(neighbour_mac(fd, (const uint8_t *)"\300\0\2\7", 4, veth0,
	    out) == 0 && strcmp(out, "02-00-5e-10-00-07") == 0,
	    "by a socket from before, and the interface");
}

/* What an earlier call did not wait for is still in the socket. */
static void
in_stale(const void *arg)
{
	struct {
		struct nlmsghdr head;
		struct ndmsg entry;
		struct rtattr attr;
		uint8_t addr[4];
	} q = {
		.head = { .nlmsg_len = sizeof(q), .nlmsg_type = RTM_GETNEIGH,
		    .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = 1 },
		.entry = { .ndm_family = AF_INET },
		.attr = { .rta_len = 8, .rta_type = NDA_DST },
		.addr = { 192, 0, 2, 8 },
	};
	char out[NEIGHBOUR_TEXT_MAX];
	unsigned i;
	int fd;

	(void)arg;
	C_OK(make_links() && set_up_ipv4(), "set-up");
	fd = neighbour_open();
	q.entry.ndm_ifindex = (int)if_nametoindex("veth0");
	for (i = 0; i < 5; i++)
		C_OK(send(fd, &q, sizeof(q), 0) == sizeof(q), "set-up");
	q.addr[3] = 99;
	C_OK(send(fd, &q, sizeof(q), 0) == sizeof(q), "set-up");
	C_OK(ask(fd, "192.0.2.7", "veth0", out) == 0 &&
	    strcmp(out, "02-00-5e-10-00-07") == 0, "our own answer counts");
	C_OK(recv(fd, &q, sizeof(q), MSG_DONTWAIT) == -1 && errno == EAGAIN,
	    "nothing is left");
}

/* Another process of this host may write to the socket, too. */
static void
in_forged(const void *arg)
{
	char out[NEIGHBOUR_TEXT_MAX];
	int fd;

	(void)arg;
	C_OK(make_links() && set_up_ipv4(), "set-up");
	fd = neighbour_open();
	C_OK(ask(fd, "192.0.2.8", "veth0", out) == 0, "set-up");
	forger = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	C_OK(forger != -1, "set-up");
	C_OK(ask(fd, "192.0.2.7", "veth0", out) == 0 &&
	    strcmp(out, "02-00-5e-10-00-07") == 0,
	    "only the kernel is believed");
	C_OK(ask(fd, "192.0.2.99", "veth0", out) == -ENOENT,
	    "also when it knows nothing");
}

static void
test_network(void)
{
	if (!has_ip() || !can_make_links()) {
		t_skip("neighbours (needs root or user namespaces, veth and "
		    "the program ip)");
		return;
	}
	t_in_child(in_ipv4, NULL, "IPv4");
	if (t_has_ipv6())
		t_in_child(in_ipv6, NULL, "IPv6");
	else
		t_skip("IPv6 (none here)");
	t_in_child(in_stale, NULL, "stale answers");
	t_in_child(in_forged, NULL, "forged answers");
	if (geteuid() == 0)
		t_in_child(in_walls, NULL, "inside the walls");
	else
		t_skip("inside the walls (needs root)");
}

/* ---- without a network ------------------------------------------------ */

static void
test_errors(void)
{
	static const uint8_t addr[17] = { 127, 0, 0, 1 };
	char out[NEIGHBOUR_TEXT_MAX] = "x";
	int fd = neighbour_open();

	T_OK(neighbour_mac(fd, addr, 6, 1, out) == -EINVAL &&
	    out[0] == '\0', "no address");
	T_OK(neighbour_mac(fd, addr, 0, 1, out) == -EINVAL, "an empty one");
	T_OK(neighbour_mac(fd, addr, 4, 0x7ffffffe, out) == -ENODEV,
	    "no such interface");
	T_OK(neighbour_mac(fd, addr, 4, 1, out) == -ENOENT, "the loopback");
	close(fd);
	T_OK(neighbour_mac(fd, addr, 4, 1, out) == -EBADF, "no socket");
	T_OK(neighbour_mac(-1, addr, 4, 0, out) == -EBADF, "none at all");
}

static void
on_signal(int sig)
{
	(void)sig;
}

/* A signal a millisecond: the wait still ends, and not before its time. */
static void
in_lost(const void *arg)
{
	static const uint8_t addr[4] = { 127, 0, 0, 1 };
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	const struct sigaction act = { .sa_handler = on_signal };
	char out[NEIGHBOUR_TEXT_MAX];
	int fd = neighbour_open();
	uint64_t from_us;

	(void)arg;
	C_OK(sigaction(SIGALRM, &act, NULL) == 0 &&
	    setitimer(ITIMER_REAL, &often, NULL) == 0, "set-up");
	is_lost = true;
	from_us = clock_mono_us();
	C_OK(neighbour_mac(fd, addr, 4, 1, out) == -ETIMEDOUT, "an entry");
	C_OK(clock_mono_us() - from_us >= 100 * 1000, "it does wait");
	C_OK(neighbour_mac(fd, addr, 4, 0, out) == -ETIMEDOUT, "a route");
	is_lost = false;
	C_OK(neighbour_mac(fd, addr, 4, 1, out) == -ENOENT,
	    "the next one is answered");
}

static void
test_lost(void)
{
	t_in_child(in_lost, NULL, "no answer");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "errors", test_errors },
		{ "no answer", test_lost },
		{ "a network of our own", test_network },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "neighbour", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
