/*
 * t-launch - which sockets we were given, whoever gave them; and that
 * nothing we print ever goes to a client.
 */
#include <netdb.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>

#include "os/launch.h"
#include "t-net.h"

#define WHY_MAX	256

/* ---- what descriptors are --------------------------------------------- */

/* What a descriptor is made to be. */
enum given {
	GIVEN_UDP,
	GIVEN_UDP6,
	GIVEN_TCP,
	GIVEN_TCP6,
	GIVEN_UNIX,		/* a datagram socket, but no network */
	GIVEN_FILE,
	GIVEN_PIPE,
	GIVEN_NOTHING,		/* closed */
	GIVEN_SAME		/* what standard input is */
};

static int
make_given(enum given what)
{
	int fds[2] = { -1, -1 };

	switch (what) {
	case GIVEN_UDP: return socket(AF_INET, SOCK_DGRAM, 0);
	case GIVEN_UDP6: return socket(AF_INET6, SOCK_DGRAM, 0);
	case GIVEN_TCP: return socket(AF_INET, SOCK_STREAM, 0);
	case GIVEN_TCP6: return socket(AF_INET6, SOCK_STREAM, 0);
	case GIVEN_UNIX: return socket(AF_UNIX, SOCK_DGRAM, 0);
	case GIVEN_FILE: return memfd_create("t", 0);
	case GIVEN_PIPE:
		if (pipe(fds) == -1)
			abort();
		close(fds[0]);
		return fds[1];
	default: return -1;
	}
}

/* Put it there, on that descriptor. */
static void
give(int at, enum given what)
{
	int fd;

	if (what == GIVEN_NOTHING) {
		close(at);
		return;
	}
	fd = what == GIVEN_SAME ? STDIN_FILENO : make_given(what);
	if (fd == -1 || (fd != at && dup2(fd, at) == -1))
		abort();
	if (fd != at && what != GIVEN_SAME)
		close(fd);
}

/* Everything above 2 goes, so that the numbers are known. */
static void
clear_above(void)
{
	(void)close_range(3, ~0U, 0);
}

static ino_t
inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static bool
is_null(int fd)
{
	struct stat st;
	char byte;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	    st.st_rdev == makedev(1, 3) && write(fd, "x", 1) == 1 &&
	    read(fd, &byte, 1) == 0;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static bool
is_cloexec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags != -1 && (flags & FD_CLOEXEC) != 0;
}

/* ---- standard input --------------------------------------------------- */

struct standard {
	const char *what;
	enum given in, out, err;
	bool clears_err;
};

/* A socket on 0: inetd gives it as 0, xinetd as 0, 1 and 2. */
static const struct standard inetd[] = {
	{ "xinetd: all three are the socket", GIVEN_UDP, GIVEN_SAME,
	    GIVEN_SAME, true },
	{ "an IPv6 socket", GIVEN_UDP6, GIVEN_SAME, GIVEN_SAME, true },
	{ "standard error to a file", GIVEN_UDP, GIVEN_SAME, GIVEN_FILE,
	    false },
	{ "standard error to a pipe", GIVEN_UDP, GIVEN_SAME, GIVEN_PIPE,
	    false },
	{ "systemd: standard error to the journal", GIVEN_UDP, GIVEN_UNIX,
	    GIVEN_UNIX, false },
	{ "standard error is another network socket", GIVEN_UDP, GIVEN_SAME,
	    GIVEN_TCP, true },
	{ "standard error is closed", GIVEN_UDP, GIVEN_SAME, GIVEN_NOTHING,
	    true },
	{ "nothing but the socket", GIVEN_UDP, GIVEN_NOTHING, GIVEN_NOTHING,
	    true },
};

static void
set_standard(const struct standard *s)
{
	give(STDIN_FILENO, s->in);
	give(STDOUT_FILENO, s->out);
	give(STDERR_FILENO, s->err);
	clear_above();
}

static void
in_inetd(const void *arg)
{
	const struct standard *s = arg;
	char why[WHY_MAX] = "x";
	struct launch l;
	ino_t in, err;

	set_standard(s);
	in = inode_of(STDIN_FILENO);
	err = inode_of(STDERR_FILENO);
	memset(&l, 0xa5, sizeof(l));
	C_OK(launch_take(&l, why, sizeof(why)) == 0, "it is taken");
	C_OK(why[0] == '\0', "nothing is wrong");
	C_OK(l.kind == LAUNCH_INETD && l.count == 1, "one socket");
	C_OK(l.fds[0] >= 3 && is_cloexec(l.fds[0]), "moved out of the way");
	C_OK(inode_of(l.fds[0]) == in, "it is the same socket");
	C_OK(is_null(STDIN_FILENO) && is_null(STDOUT_FILENO),
	    "/dev/null in its place");
	C_OK(!is_cloexec(STDIN_FILENO) && !is_cloexec(STDOUT_FILENO),
	    "which stays");
	if (s->clears_err)
		C_OK(is_null(STDERR_FILENO), "no client reads our errors");
	else
		C_OK(inode_of(STDERR_FILENO) == err, "errors can be read");
	C_OK(!is_open(4), "no other descriptor is left");
}

static void
test_inetd(void)
{
	size_t i;

	for (i = 0; i < COUNT(inetd); i++) {
		if (inetd[i].in == GIVEN_UDP6 && !t_has_ipv6()) {
			t_skip("%s (no IPv6)", inetd[i].what);
			continue;
		}
		t_in_child(in_inetd, &inetd[i], inetd[i].what);
	}
}

/* Started by hand, or by systemd with /dev/null there. */
static const struct standard by_hand[] = {
	{ "from a pipe", GIVEN_PIPE, GIVEN_PIPE, GIVEN_PIPE, false },
	{ "from a file", GIVEN_FILE, GIVEN_FILE, GIVEN_FILE, false },
	{ "a local socket is no network", GIVEN_UNIX, GIVEN_UNIX, GIVEN_UNIX,
	    false },
	{ "nothing is open", GIVEN_NOTHING, GIVEN_NOTHING, GIVEN_NOTHING,
	    true },
	{ "only standard error is open", GIVEN_NOTHING, GIVEN_NOTHING,
	    GIVEN_FILE, false },
	{ "only standard error is closed", GIVEN_PIPE, GIVEN_PIPE,
	    GIVEN_NOTHING, true },
	{ "a network socket as standard error", GIVEN_FILE, GIVEN_FILE,
	    GIVEN_TCP, true },
};

static void
in_by_hand(const void *arg)
{
	const struct standard *s = arg;
	char why[WHY_MAX] = "x";
	struct launch l;
	ino_t err;

	set_standard(s);
	err = inode_of(STDERR_FILENO);
	memset(&l, 0xa5, sizeof(l));
	C_OK(launch_take(&l, why, sizeof(why)) == 0 && why[0] == '\0',
	    "no socket is no error");
	C_OK(l.kind == LAUNCH_NONE && l.count == 0, "but none is taken");
	C_OK(is_null(STDIN_FILENO) && is_null(STDOUT_FILENO), "/dev/null");
	if (s->clears_err)
		C_OK(is_null(STDERR_FILENO), "over standard error too");
	else
		C_OK(inode_of(STDERR_FILENO) == err, "errors can be read");
	C_OK(!is_open(3), "no other descriptor is left");
}

static void
test_by_hand(void)
{
	size_t i;

	for (i = 0; i < COUNT(by_hand); i++)
		t_in_child(in_by_hand, &by_hand[i], by_hand[i].what);
}

#define STREAM	"standard input is a stream socket; TFTP is datagram: " \
	"\"socket_type = dgram\", \"wait = yes\""

static void
in_stream(const void *arg)
{
	char why[WHY_MAX] = "x";
	struct launch l;

	give(STDIN_FILENO, *(const enum given *)arg);
	clear_above();
	C_OK(launch_take(&l, why, sizeof(why)) == -EPROTOTYPE, "refused");
	C_OK(strcmp(why, STREAM) == 0, "and told how to mend it");
	C_OK(l.count == 0, "no socket is taken");
}

static void
test_stream(void)
{
	static const enum given kinds[] = { GIVEN_TCP, GIVEN_TCP6 };

	t_in_child(in_stream, &kinds[0], "a stream socket");
	if (t_has_ipv6())
		t_in_child(in_stream, &kinds[1], "an IPv6 stream socket");
	else
		t_skip("an IPv6 stream socket (no IPv6)");
}

/* ---- LISTEN_FDS ------------------------------------------------------- */

struct passed {
	const char *what;
	const char *fds;	/* LISTEN_FDS; NULL: not set */
	int pid;		/* LISTEN_PID: our own + pid; or NO_PID */
	enum given at[3];	/* descriptors 3, 4 and 5 */
	unsigned count;		/* taken; 0: none */
	const char *why;	/* NULL: nothing is wrong */
};

#define NO_PID		INT_MAX
#define NO_UDP(fd)	\
	"descriptor " fd " of LISTEN_FDS is no UDP socket: use ListenDatagram="

static const struct passed passed[] = {
	{ "one socket", "1", 0,
	    { GIVEN_UDP, GIVEN_FILE, GIVEN_FILE }, 1, NULL },
	{ "three sockets", "3", 0,
	    { GIVEN_UDP, GIVEN_UDP, GIVEN_UDP }, 3, NULL },
	{ "another process was meant", "1", 1,
	    { GIVEN_UDP, GIVEN_FILE, GIVEN_FILE }, 0, NULL },
	{ "another process was meant, with a stream socket", "1", -1,
	    { GIVEN_TCP, GIVEN_FILE, GIVEN_FILE }, 0, NULL },
	{ "no process was meant", "1", NO_PID,
	    { GIVEN_UDP, GIVEN_FILE, GIVEN_FILE }, 0, NULL },
	{ "no number", NULL, 0,
	    { GIVEN_UDP, GIVEN_FILE, GIVEN_FILE }, 0, NULL },
	{ "none", "0", 0,
	    { GIVEN_UDP, GIVEN_FILE, GIVEN_FILE }, 0, NULL },
	{ "no number but a word", "one", 0,
	    { GIVEN_UDP, GIVEN_FILE, GIVEN_FILE }, 0, NULL },
	{ "a stream socket", "1", 0,
	    { GIVEN_TCP, GIVEN_FILE, GIVEN_FILE }, 0, NO_UDP("3") },
	{ "a stream socket behind a good one", "2", 0,
	    { GIVEN_UDP, GIVEN_TCP, GIVEN_FILE }, 1, NO_UDP("4") },
	{ "a local socket", "1", 0,
	    { GIVEN_UNIX, GIVEN_FILE, GIVEN_FILE }, 0, NO_UDP("3") },
	{ "no socket", "3", 0,
	    { GIVEN_UDP, GIVEN_UDP, GIVEN_FILE }, 2, NO_UDP("5") },
	{ "more than there are", "4", 0,
	    { GIVEN_UDP, GIVEN_UDP, GIVEN_UDP }, 3, NO_UDP("6") },
	{ "as many as an int can count", "2147483647", 0,
	    { GIVEN_UDP, GIVEN_UDP, GIVEN_UDP }, 3, NO_UDP("6") },
	{ "more than an int can count", "4294967297", 0,
	    { GIVEN_UDP, GIVEN_UDP, GIVEN_UDP }, 3, NO_UDP("6") },
	{ "fewer than none", "-2147483648", 0,
	    { GIVEN_UDP, GIVEN_UDP, GIVEN_UDP }, 0, NULL },
};

static void
set_passed(const struct passed *p)
{
	char pid[16];
	int i;

	give(STDIN_FILENO, GIVEN_PIPE);
	clear_above();
	for (i = 0; i < 3; i++)
		give(3 + i, p->at[i]);
	snprintf(pid, sizeof(pid), "%d", (int)getpid() +
	    (p->pid == NO_PID ? 0 : p->pid));
	setenv("LISTEN_PID", pid, 1);
	if (p->pid == NO_PID)
		unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	if (p->fds != NULL)
		setenv("LISTEN_FDS", p->fds, 1);
	setenv("LISTEN_FDNAMES", "tftpd.socket", 1);
}

static void
in_passed(const void *arg)
{
	const struct passed *p = arg;
	char why[WHY_MAX] = "x";
	struct launch l;
	unsigned i;
	int err;

	set_passed(p);
	err = launch_take(&l, why, sizeof(why));
	C_OK(err == (p->why == NULL ? 0 : -EPROTOTYPE), "taken or refused");
	C_OK(strcmp(why, p->why == NULL ? "" : p->why) == 0,
	    "the sentence to it");
	C_OK(p->why == NULL || is_null(STDIN_FILENO),
	    "nothing can be printed to a client");
	C_OK(l.count == p->count, "how many were taken");
	for (i = 0; i < l.count; i++)
		C_OK(l.fds[i] == (int)(3 + i) && is_cloexec(l.fds[i]),
		    "where they are, and no program gets them");
	if (p->why == NULL)
		C_OK(l.kind == (p->count == 0 ? LAUNCH_NONE :
		    LAUNCH_SYSTEMD) && is_null(STDIN_FILENO), "the kind");
	C_OK(getenv("LISTEN_PID") == NULL && getenv("LISTEN_FDS") == NULL &&
	    getenv("LISTEN_FDNAMES") == NULL, "it is not passed on");
}

static void
test_passed(void)
{
	size_t i;

	for (i = 0; i < COUNT(passed); i++)
		t_in_child(in_passed, &passed[i], passed[i].what);
}

static void
in_most(const void *arg)
{
	char why[WHY_MAX], pid[16];
	struct launch l;
	int i;

	(void)arg;
	clear_above();
	for (i = 0; i < LAUNCH_MAX; i++)
		give(3 + i, GIVEN_UDP);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "16", 1);
	C_OK(launch_take(&l, why, sizeof(why)) == 0 &&
	    l.count == LAUNCH_MAX, "all sixteen");
}

static void
test_most(void)
{
	t_in_child(in_most, NULL, "as many as there may be");
}

/* A socket unit with StandardInput=socket gives both. */
static void
in_both(const void *arg)
{
	char why[WHY_MAX];
	struct launch l;

	(void)arg;
	set_passed(&passed[0]);
	give(STDIN_FILENO, GIVEN_UDP);
	C_OK(launch_take(&l, why, sizeof(why)) == 0 &&
	    l.kind == LAUNCH_SYSTEMD && l.count == 1 && l.fds[0] == 3,
	    "LISTEN_FDS counts");
	C_OK(is_null(STDIN_FILENO), "standard input is cleared all the same");
}

static void
test_both(void)
{
	t_in_child(in_both, NULL, "both ways at once");
}

/* ---- what the parent left open ---------------------------------------- */

struct kept {
	const char *what;
	unsigned count;
	int fds[3];
};

static const int left_open[] = { 3, 4, 5, 6, 7, 8, 9, 20, 21, 100, 255 };

static void
in_close_others(const void *arg)
{
	const struct kept *k = arg;
	struct launch l = { .count = k->count };
	unsigned i, j;
	bool keep;

	clear_above();
	for (i = 0; i < COUNT(left_open); i++)
		give(left_open[i], GIVEN_UDP);
	for (i = 0; i < k->count; i++)
		l.fds[i] = k->fds[i];
	launch_close_others(&l);
	for (i = 0; i < COUNT(left_open); i++) {
		keep = false;
		for (j = 0; j < k->count; j++)
			keep = keep || k->fds[j] == left_open[i];
		C_OK(is_open(left_open[i]) == keep,
		    "the sockets stay, all others go");
	}
	C_OK(is_open(STDIN_FILENO) && is_open(STDOUT_FILENO) &&
	    is_open(STDERR_FILENO), "standard descriptors stay");
}

static void
test_close_others(void)
{
	static const struct kept rows[] = {
		{ "no socket", 0, { 0 } },
		{ "the first", 1, { 3 } },
		{ "one in the middle", 1, { 7 } },
		{ "the last", 1, { 255 } },
		{ "neighbours", 3, { 3, 4, 5 } },
		{ "in any order", 3, { 20, 4, 100 } },
		{ "falling", 3, { 255, 21, 3 } },
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++)
		t_in_child(in_close_others, &rows[i], rows[i].what);
}

/* ---- sockets of our own ----------------------------------------------- */

struct bound {
	const char *what, *address;	/* "%u" is a free port */
	int family;
	const char *host;
	int v6only;			/* -1: an IPv4 socket */
};

static unsigned
free_port(void)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	socklen_t len = sizeof(in4);
	int fd;

	if (t_has_ipv6()) {
		fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		len = sizeof(in6);
		if (bind(fd, (struct sockaddr *)&in6, len) == -1 ||
		    getsockname(fd, (struct sockaddr *)&in6, &len) == -1)
			abort();
		close(fd);
		return ntohs(in6.sin6_port);
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (struct sockaddr *)&in4, len) == -1 ||
	    getsockname(fd, (struct sockaddr *)&in4, &len) == -1)
		abort();
	close(fd);
	return ntohs(in4.sin_port);
}

/* "host port" of a socket. */
static void
local_of(int fd, char *text, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "";
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} addr = { .sa.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(addr);

	(void)getsockname(fd, &addr.sa, &len);
	if (addr.sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &addr.in4.sin_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET6, &addr.in6.sin6_addr, host, sizeof(host));
	snprintf(text, size, "%s %u", host, ntohs(addr.sa.sa_family ==
	    AF_INET ? addr.in4.sin_port : addr.in6.sin6_port));
}

static void
check_socket(int fd, const struct bound *b, unsigned port)
{
	char want[64], got[64];
	int value = -1;
	socklen_t len = sizeof(value);

	snprintf(want, sizeof(want), "%s %u", b->host, port);
	local_of(fd, got, sizeof(got));
	T_OK(strcmp(got, want) == 0, b->what);
	T_OK(is_cloexec(fd), "no program gets it");
	T_OK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len) == 0 &&
	    value == SOCK_DGRAM, "for datagrams");
	T_OK((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0, "it may block");
	value = -1;
	len = sizeof(value);
	(void)getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, &len);
	T_OK(value == b->v6only, b->what);
}

static void
check_bound(const struct bound *b)
{
	char address[64], why[WHY_MAX];
	struct launch l = { .count = 0 };
	unsigned port, tries;
	int err = -EADDRINUSE;

	/* somebody else may take the port before we do */
	for (tries = 0; tries < 20 && err == -EADDRINUSE; tries++) {
		port = free_port();
		why[0] = '\0';
		snprintf(address, sizeof(address), "%s:%u", b->address, port);
		err = launch_bind(&l, address, b->family, why, sizeof(why));
	}
	T_OK(err == 0 && why[0] == '\0', b->what);
	T_OK(l.kind == LAUNCH_BOUND && l.count == 1, b->what);
	if (err == 0) {
		check_socket(l.fds[0], b, port);
		close(l.fds[0]);
	}
}

static void
test_bind(void)
{
	static const struct bound rows[] = {
		{ "an address", "127.0.0.1", AF_UNSPEC, "127.0.0.1", -1 },
		{ "an address, and -4", "127.0.0.1", AF_INET, "127.0.0.1",
		    -1 },
		{ "in brackets", "[127.0.0.1]", AF_UNSPEC, "127.0.0.1", -1 },
		{ "all of IPv4", "0.0.0.0", AF_UNSPEC, "0.0.0.0", -1 },
		{ "no address, and -4", "", AF_INET, "0.0.0.0", -1 },
	};
	static const struct bound rows6[] = {
		{ "an IPv6 address", "[::1]", AF_UNSPEC, "::1", 1 },
		{ "an IPv6 address, and -6", "[::1]", AF_INET6, "::1", 1 },
		{ "no address: one socket for both", "", AF_UNSPEC, "::", 0 },
		{ "no address, and -6", "", AF_INET6, "::", 1 },
		{ "all of IPv6 takes IPv4 too", "[::]", AF_UNSPEC, "::",
		    0 },
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++)
		check_bound(&rows[i]);
	if (!t_has_ipv6()) {
		t_skip("binding IPv6 (no IPv6)");
		return;
	}
	for (i = 0; i < COUNT(rows6); i++)
		check_bound(&rows6[i]);
}

/* Port 69: only where it is free and ours to take. */
static const struct bound defaults[] = {
	{ "an address", "127.0.0.1", AF_UNSPEC, "127.0.0.1 69", -1 },
	{ "an address and a colon", "127.0.0.1:", AF_UNSPEC, "127.0.0.1 69",
	    -1 },
	{ "an IPv6 address", "::1", AF_UNSPEC, "::1 69", 1 },
	{ "an IPv6 address in brackets", "[::1]", AF_UNSPEC, "::1 69", 1 },
	{ "brackets and a colon", "[::1]:", AF_UNSPEC, "::1 69", 1 },
	{ "nothing", NULL, AF_UNSPEC, ":: 69", 0 },
	{ "nothing, and -4", NULL, AF_INET, "0.0.0.0 69", -1 },
	{ "nothing, and -6", NULL, AF_INET6, ":: 69", 1 },
	{ "an empty text", "", AF_UNSPEC, ":: 69", 0 },
	{ "a colon", ":", AF_UNSPEC, ":: 69", 0 },
};

static void
in_default(const void *arg)
{
	const struct bound *b = arg;
	char why[WHY_MAX] = "", got[64];
	struct launch l = { .count = 0 };
	int v6only = -1;
	socklen_t len = sizeof(v6only);

	if (!t_own_network(0))
		_exit(77);
	if (b->v6only != -1 && !t_has_ipv6())
		_exit(0);
	C_OK(launch_bind(&l, b->address, b->family, why, sizeof(why)) == 0,
	    "it can be bound");
	C_OK(l.count == 1 && l.fds[0] >= 3, "one socket");
	local_of(l.fds[0], got, sizeof(got));
	C_OK(strcmp(got, b->host) == 0, "to port 69");
	(void)getsockopt(l.fds[0], IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &len);
	C_OK(v6only == b->v6only, "for that family");
}

static void
test_default_port(void)
{
	size_t i;

	if (!t_can_own_network()) {
		t_skip("port 69 (needs root or user namespaces)");
		return;
	}
	for (i = 0; i < COUNT(defaults); i++)
		t_in_child(in_default, &defaults[i], defaults[i].what);
}

static void
in_named_port(const void *arg)
{
	char why[WHY_MAX] = "", got[64];
	struct launch l = { .count = 0 };

	(void)arg;
	if (!t_own_network(0))
		_exit(77);
	C_OK(launch_bind(&l, "127.0.0.1:tftp", AF_UNSPEC, why, sizeof(why)) ==
	    0, "a port by its name");
	local_of(l.fds[0], got, sizeof(got));
	C_OK(strcmp(got, "127.0.0.1 69") == 0, "is port 69");
}

static void
test_named_port(void)
{
	if (getservbyname("tftp", "udp") == NULL)
		t_skip("a port by its name (tftp is not in /etc/services)");
	else if (!t_can_own_network())
		t_skip("a port by its name (needs root or user namespaces)");
	else
		t_in_child(in_named_port, NULL, "a port by its name");
}

/* -a 0.0.0.0 and -a [::] on one port: the second is for IPv6 alone. */
static void
in_both_families(const void *arg)
{
	char why[WHY_MAX] = "";
	struct launch l = { .count = 0 };
	int v6only = -1;
	socklen_t len = sizeof(v6only);

	(void)arg;
	if (!t_own_network(0))
		_exit(77);
	C_OK(launch_bind(&l, "0.0.0.0", AF_UNSPEC, why, sizeof(why)) == 0 &&
	    launch_bind(&l, "[::]", AF_UNSPEC, why, sizeof(why)) == 0 &&
	    l.count == 2, "both can be bound");
	(void)getsockopt(l.fds[1], IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &len);
	C_OK(v6only == 1, "each has its family");
	C_OK(launch_bind(&l, "[::]", AF_UNSPEC, why, sizeof(why)) ==
	    -EADDRINUSE && strstr(why, "cannot listen on [::]") != NULL &&
	    l.count == 2, "not twice");
}

static void
test_both_families(void)
{
	if (!t_has_ipv6() || !t_can_own_network())
		t_skip("both families (needs IPv6, root or user namespaces)");
	else
		t_in_child(in_both_families, NULL, "both families");
}

/* ---- what cannot be bound --------------------------------------------- */

/* Whether it fails so, says so, and leaves l alone. */
static bool
refused(const char *address, int family, int err, const char *sentence)
{
	struct launch l = { .count = 1, .fds = { 99 },
		.kind = LAUNCH_BOUND };
	char why[WHY_MAX] = "";

	return launch_bind(&l, address, family, why, sizeof(why)) == err &&
	    strcmp(why, sentence) == 0 && l.count == 1 && l.fds[0] == 99;
}

/* No descriptor is left: an error, and it is told. */
static void
in_no_descriptor(const void *arg)
{
	struct rlimit many, few;
	struct launch l = { .count = 0 };
	char why[WHY_MAX] = "";

	(void)arg;
	give(STDIN_FILENO, GIVEN_UDP);
	clear_above();
	give(3, GIVEN_FILE);
	unsetenv("LISTEN_FDS");
	if (getrlimit(RLIMIT_NOFILE, &many) == -1)
		abort();
	few = many;
	few.rlim_cur = 4;
	(void)setrlimit(RLIMIT_NOFILE, &few);
	C_OK(launch_bind(&l, "127.0.0.1:0", AF_UNSPEC, why, sizeof(why)) ==
	    -EMFILE && strcmp(why, "cannot listen on 127.0.0.1:0: Too many "
	    "open files") == 0 && l.count == 0, "no socket");
	C_OK(launch_take(&l, why, sizeof(why)) == -EMFILE &&
	    strcmp(why, "standard input: Too many open files") == 0,
	    "no copy of the one that was given");
	(void)setrlimit(RLIMIT_NOFILE, &many);
}

static void
test_no_descriptor(void)
{
	t_in_child(in_no_descriptor, NULL, "no descriptor");
}

static void
test_bad_port(void)
{
	/* getaddrinfo would take 70000 for 4464 */
	static const char *const ports[] = { "69x", "-1", "6 9", " 5", "70000",
		"65536", "99999999999" };
	char address[64], sentence[WHY_MAX];
	size_t i;

	snprintf(sentence, sizeof(sentence), "127.0.0.1:notaport: %s",
	    gai_strerror(EAI_SERVICE));
	T_OK(refused("127.0.0.1:notaport", AF_UNSPEC, -EINVAL, sentence),
	    "no service of that name");
	for (i = 0; i < COUNT(ports); i++) {
		snprintf(address, sizeof(address), "127.0.0.1:%s", ports[i]);
		snprintf(sentence, sizeof(sentence), "%s: a port is 0..65535 "
		    "or a service's name", address);
		T_OK(refused(address, AF_UNSPEC, -EINVAL, sentence), address);
	}
}

/* An address of the other family: which words libc has for it varies. */
static void
test_wrong_family(void)
{
	static const struct {
		const char *what, *address;
		int family;
	} rows[] = {
		{ "an IPv6 address with -4", "[::1]:0", AF_INET },
		{ "an IPv4 address with -6", "127.0.0.1:0", AF_INET6 },
	};
	char why[WHY_MAX];
	size_t i, len;

	for (i = 0; i < COUNT(rows); i++) {
		struct launch l = { .count = 0 };

		why[0] = '\0';
		len = strlen(rows[i].address);
		T_OK(launch_bind(&l, rows[i].address, rows[i].family, why,
		    sizeof(why)) == -EINVAL, rows[i].what);
		T_OK(strncmp(why, rows[i].address, len) == 0 &&
		    strncmp(why + len, ": ", 2) == 0 && l.count == 0,
		    rows[i].what);
	}
}

static void
test_in_use(void)
{
	struct launch l = { .count = 0 };
	char why[WHY_MAX] = "", address[64], sentence[WHY_MAX], got[64];
	unsigned port = 0;

	T_OK(launch_bind(&l, "127.0.0.1:0", AF_UNSPEC, why, sizeof(why)) == 0,
	    "any port");
	local_of(l.fds[0], got, sizeof(got));
	T_OK(sscanf(got, "127.0.0.1 %u", &port) == 1 && port != 0, got);
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	snprintf(sentence, sizeof(sentence), "cannot listen on %s: Address "
	    "already in use", address);
	T_OK(refused(address, AF_UNSPEC, -EADDRINUSE, sentence), sentence);
	close(l.fds[0]);
}

static void
test_too_many(void)
{
	struct launch l = { .count = 0 };
	char why[WHY_MAX] = "";
	unsigned i;

	for (i = 0; i < LAUNCH_MAX; i++)
		T_OK(launch_bind(&l, "127.0.0.1:0", AF_INET, why,
		    sizeof(why)) == 0, "sixteen sockets");
	T_OK(l.count == LAUNCH_MAX, "are there");
	T_OK(launch_bind(&l, "127.0.0.1:0", AF_INET, why, sizeof(why)) ==
	    -E2BIG, "the seventeenth");
	T_OK(strcmp(why, "more than 16 sockets") == 0, "is told");
	T_OK(l.count == LAUNCH_MAX, "and not taken");
	for (i = 0; i < l.count; i++)
		close(l.fds[i]);
}

static void
in_nowhere(const void *arg)
{
	struct launch l = { .count = 0 };
	char why[WHY_MAX] = "";

	(void)arg;
	if (!t_own_network(0))
		_exit(77);
	C_OK(refused("192.0.2.1:69", AF_UNSPEC, -EADDRNOTAVAIL, "cannot "
	    "listen on 192.0.2.1:69: Cannot assign requested address"),
	    "an address of another machine");
	C_OK(launch_bind(&l, "no-such-host.invalid:69", AF_UNSPEC, why,
	    sizeof(why)) == -EINVAL && strncmp(why,
	    "no-such-host.invalid:69: ", 25) == 0, "a name of no machine");
}

static void
test_nowhere(void)
{
	if (t_can_own_network())
		t_in_child(in_nowhere, NULL, "elsewhere");
	else
		t_skip("elsewhere (needs root or user namespaces)");
}

static void
in_privileged(const void *arg)
{
	(void)arg;
	t_drop();
	C_OK(refused("127.0.0.1:69", AF_UNSPEC, -EACCES,
	    "cannot listen on 127.0.0.1:69: Permission denied"),
	    "a port that only root may have");
}

/* Containers often let everybody have every port. */
static bool
port_69_is_privileged(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
	int start = 1024;

	if (f != NULL && fscanf(f, "%d", &start) != 1)
		start = 1024;
	if (f != NULL)
		fclose(f);
	return start > 69;
}

static void
test_privileged(void)
{
	if (port_69_is_privileged())
		t_in_child(in_privileged, NULL, "as an ordinary user");
	else
		t_skip("port 69 refused (everybody may have it here)");
}

/* ---- one connection ---------------------------------------------------- */

enum where {
	AT_STDIN,		/* inetd; 1 and 2 are the same */
	AT_THREE,		/* LISTEN_FDS */
	AT_TWO_OF_THEM		/* LISTEN_FDS, but it says 2 */
};

struct connection {
	const char *what;
	enum { CONNECTED, RESET, LISTENING, DATAGRAM, LOCAL, PLAIN } is;
	enum where at;
	int want;		/* 1 taken, 0 none, or -errno */
};

static const struct connection connections[] = {
	{ "inetd", CONNECTED, AT_STDIN, 1 },
	{ "LISTEN_FDS", CONNECTED, AT_THREE, 1 },
	{ "a client that has reset it already", RESET, AT_STDIN, 1 },
	{ "wait instead of nowait", LISTENING, AT_STDIN, -ENOTCONN },
	{ "Accept=no", LISTENING, AT_THREE, -ENOTCONN },
	{ "dgram instead of stream", DATAGRAM, AT_STDIN, -ENOTCONN },
	{ "a local socket", LOCAL, AT_STDIN, 0 },
	{ "a file", PLAIN, AT_STDIN, 0 },
	{ "more than one of LISTEN_FDS", CONNECTED, AT_TWO_OF_THEM, 0 },
};

/* Both ends of a connection by loopback; the listener's is returned. */
static int
connect_both(int *other)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	socklen_t len = sizeof(sin);

	*other = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (void *)&sin, len) == -1 ||
	    listen(listener, 1) == -1 ||
	    getsockname(listener, (void *)&sin, &len) == -1 ||
	    connect(*other, (void *)&sin, len) == -1)
		abort();
	fd = accept(listener, NULL, NULL);
	close(listener);
	return fd;
}

static int
connect_and_reset(void)
{
	const struct linger at_once = { 1, 0 };
	struct pollfd p = { .events = POLLIN };
	int other;

	p.fd = connect_both(&other);
	if (setsockopt(other, SOL_SOCKET, SO_LINGER, &at_once,
	    sizeof(at_once)) == -1 || close(other) == -1 ||
	    poll(&p, 1, -1) != 1)
		abort();
	return p.fd;
}

static int
make_connection(const struct connection *c, int *other)
{
	int fd;

	switch (c->is) {
	case CONNECTED: return connect_both(other);
	case RESET: return connect_and_reset();
	case LISTENING:
		fd = make_given(GIVEN_TCP);
		if (listen(fd, 1) == -1)
			abort();
		return fd;
	case DATAGRAM: return make_given(GIVEN_UDP);
	case LOCAL: return make_given(GIVEN_UNIX);
	default: return make_given(GIVEN_FILE);
	}
}

static void
put_connection(const struct connection *c, int fd)
{
	char pid[16];
	int i;

	if (c->at == AT_STDIN) {
		for (i = 0; i < 3; i++)
			if (dup2(fd, i) == -1)
				abort();
		return;
	}
	give(STDIN_FILENO, GIVEN_PIPE);
	if (dup2(fd, 3) == -1)
		abort();
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", c->at == AT_THREE ? "1" : "2", 1);
}

static void
in_connection(const void *arg)
{
	const struct connection *c = arg;
	char why[WHY_MAX] = "x";
	int client = 0, other = -1, fd = make_connection(c, &other), err;
	ino_t inode = inode_of(fd);

	put_connection(c, fd);
	err = launch_take_connection(&client, why, sizeof(why));
	C_OK(err == (c->want < 0 ? c->want : 0), "taken or refused");
	C_OK((why[0] == '\0') == (err == 0), "the sentence to it");
	C_OK((client != -1) == (c->want == 1), "is there one?");
	C_OK(client == -1 || (client >= 3 && is_cloexec(client) &&
	    inode_of(client) == inode), "the connection");
	if (c->want != 0)
		C_OK(is_null(STDIN_FILENO) && is_null(STDOUT_FILENO) &&
		    (c->at != AT_STDIN || is_null(STDERR_FILENO)),
		    "nothing can be printed to a client");
	else if (c->at == AT_STDIN)
		C_OK(inode_of(STDOUT_FILENO) == inode,
		    "by hand they stay as they are");
	C_OK(getenv("LISTEN_PID") == NULL && getenv("LISTEN_FDS") == NULL,
	    "it is not passed on");
}

static void
test_connection(void)
{
	size_t i;

	for (i = 0; i < COUNT(connections); i++)
		t_in_child(in_connection, &connections[i],
		    connections[i].what);
}

int
main(void)
{
	CU_TestInfo given[] = {
		{ "inetd, xinetd", test_inetd },
		{ "no socket", test_by_hand },
		{ "a stream socket", test_stream },
		{ "LISTEN_FDS", test_passed },
		{ "LISTEN_FDS, sixteen", test_most },
		{ "LISTEN_FDS and standard input", test_both },
		{ "other descriptors", test_close_others },
		{ "one connection", test_connection },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo own[] = {
		{ "addresses", test_bind },
		{ "the default port", test_default_port },
		{ "a port's name", test_named_port },
		{ "both families", test_both_families },
		{ "bad ports", test_bad_port },
		{ "no descriptor", test_no_descriptor },
		{ "the wrong family", test_wrong_family },
		{ "in use", test_in_use },
		{ "too many", test_too_many },
		{ "no address of ours", test_nowhere },
		{ "no permission", test_privileged },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "launch: given", NULL, NULL, NULL, NULL, given },
		{ "launch: our own", NULL, NULL, NULL, NULL, own },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
