#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/launch.h"
#include "os/process.h"

#define LISTEN_FDS_START 3	/* sd_listen_fds(3) */

/* An IPv4 or IPv6 socket, whatever its type; its type goes to *type. */
static bool
is_inet_socket(int fd, int *type)
{
	int domain = 0;
	socklen_t len = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == -1)
		return false;
	len = sizeof(*type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, type, &len) == -1)
		return false;
	return domain == AF_INET || domain == AF_INET6;
}

static int
add(struct launch *l, int fd, char *why, size_t size)
{
	if (l->count == LAUNCH_MAX) {
		snprintf(why, size, "more than %d sockets", LAUNCH_MAX);
		return -E2BIG;
	}
	l->fds[l->count++] = fd;
	return 0;
}

static int
take_stdin(struct launch *l, char *why, size_t size)
{
	int type, fd;

	if (!is_inet_socket(STDIN_FILENO, &type))
		return 0;
	if (type != SOCK_DGRAM) {
		snprintf(why, size, "standard input is a stream socket; TFTP "
		    "is datagram: \"socket_type = dgram\", \"wait = yes\"");
		return -EPROTOTYPE;
	}
	fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	if (fd == -1) {
		snprintf(why, size, "standard input: %s", strerror(errno));
		return -errno;
	}
	l->kind = LAUNCH_INETD;
	return add(l, fd, why, size);
}

static int
take_listen_fds(struct launch *l, char *why, size_t size)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	int type, fd, err;
	long count;

	if (pid == NULL || fds == NULL ||
	    strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	count = strtol(fds, NULL, 10);
	for (fd = LISTEN_FDS_START; fd - LISTEN_FDS_START < count; fd++) {
		if (!is_inet_socket(fd, &type) || type != SOCK_DGRAM) {
			snprintf(why, size, "descriptor %d of LISTEN_FDS is "
			    "no UDP socket: use ListenDatagram=", fd);
			return -EPROTOTYPE;
		}
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		err = add(l, fd, why, size);
		if (err != 0)
			return err;
		l->kind = LAUNCH_SYSTEMD;
	}
	return 0;
}

/* /dev/null over 0 and 1, and over 2 if that is a client's socket. */
static int
clear_standard(char *why, size_t size)
{
	int fd, type, err = 0;
	bool spoils;

	fd = open("/dev/null", O_RDWR);
	if (fd == -1) {
		err = -errno;
		snprintf(why, size, "/dev/null: %s", strerror(-err));
		return err;
	}
	spoils = is_inet_socket(STDERR_FILENO, &type) ||
	    fcntl(STDERR_FILENO, F_GETFD) == -1;
	if (dup2(fd, STDIN_FILENO) == -1 || dup2(fd, STDOUT_FILENO) == -1 ||
	    (spoils && dup2(fd, STDERR_FILENO) == -1))
		err = -errno;
	if (fd > STDERR_FILENO)
		close(fd);
	return err;
}

int
launch_take(struct launch *l, char *why, size_t size)
{
	int err;

	memset(l, 0, sizeof(*l));
	why[0] = '\0';
	err = take_listen_fds(l, why, size);
	if (err == 0 && l->count == 0)
		err = take_stdin(l, why, size);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (err != 0) {
		/* whatever it is, nothing is to be printed to it */
		l->kind = LAUNCH_INETD;
		(void)clear_standard(why, 0);
		return err;
	}
	return clear_standard(why, size);
}

/*
 * Descriptor fd is a client's connection.  Whether it has a peer does not
 * count: a client that was quick to reset it is no mistake of the superserver.
 */
static bool
is_connection(int fd)
{
	int type, listens;
	socklen_t len = sizeof(listens);

	return is_inet_socket(fd, &type) && type == SOCK_STREAM &&
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 &&
	    listens == 0;
}

/* The socket of LISTEN_FDS; -1: there is none. */
static int
passed_socket(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	return pid != NULL && fds != NULL &&
	    strtol(pid, NULL, 10) == (long)getpid() &&
	    strtol(fds, NULL, 10) == 1 ? LISTEN_FDS_START : -1;
}

int
launch_take_connection(int *client, char *why, size_t size)
{
	int fd = passed_socket(), type, err = 0;

	why[0] = '\0';
	*client = -1;
	if (fd == -1)
		fd = STDIN_FILENO;
	if (is_connection(fd)) {
		*client = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (*client == -1) {
			err = -errno;
			snprintf(why, size, "%s", strerror(-err));
		}
	} else if (is_inet_socket(fd, &type)) {
		snprintf(why, size, "the socket is no connection: \"wait = "
		    "no\", \"socket_type = stream\", or Accept=yes");
		err = -ENOTCONN;
	}
	if (fd == LISTEN_FDS_START && (err != 0 || *client != -1))
		close(fd);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	/* by hand, standard output is somebody's */
	if (err != 0)
		(void)clear_standard(why, 0);
	else if (*client != -1)
		err = clear_standard(why, size);
	return err;
}

void
launch_close_others(const struct launch *l)
{
	process_keep_only(l->fds, l->count);
}

/* Split "[ADDR]:PORT" and its shorter forms in place. */
static void
split_address(char *text, const char **host, const char **port)
{
	static const char bad_port[] = "-";
	char *colon, *end;

	*host = text;
	*port = NULL;
	if (text[0] == '[' && (end = strchr(text, ']')) != NULL) {
		*host = text + 1;
		*end = '\0';
		if (end[1] == ':')
			*port = end + 2;
		else if (end[1] != '\0')
			*port = bad_port;
		return;
	}
	colon = strchr(text, ':');
	/* two colons: an IPv6 address without brackets, so no port */
	if (colon == NULL || strchr(colon + 1, ':') != NULL)
		return;
	*colon = '\0';
	*port = colon + 1;
}

/* getaddrinfo takes 70000 for 4464. */
static bool
is_port(const char *text)
{
	size_t len = strlen(text);

	if (text[0] < '0' || text[0] > '9')
		return text[0] == '\0' || (text[0] | 0x20) >= 'a';
	return len <= 5 && strspn(text, "0123456789") == len &&
	    strtol(text, NULL, 10) <= 65535;
}

static int
bind_one(struct launch *l, const struct addrinfo *ai, int v6only, char *why,
    size_t size)
{
	int fd, err;

	fd = socket(ai->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	if (ai->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only,
		    sizeof(v6only));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == -1)
		err = -errno;
	else
		err = add(l, fd, why, size);
	if (err != 0)
		close(fd);
	return err;
}

/* Whether one of our sockets is IPv4 on the same port. */
static bool
has_ipv4(const struct launch *l, const struct addrinfo *ai)
{
	const struct sockaddr_in6 *in6 = (const void *)ai->ai_addr;
	struct sockaddr_in in4;
	socklen_t len;
	unsigned i;

	for (i = 0; i < l->count; i++) {
		len = sizeof(in4);
		if (getsockname(l->fds[i], (void *)&in4, &len) == 0 &&
		    in4.sin_family == AF_INET &&
		    in4.sin_port == in6->sin6_port)
			return true;
	}
	return false;
}

/* Each address of a name; without a host the first that can be bound. */
static int
bind_all(struct launch *l, const struct addrinfo *list, bool any_host,
    bool v6only, char *why, size_t size)
{
	const struct addrinfo *ai;
	int err = -EADDRNOTAVAIL;

	for (ai = list; ai != NULL; ai = ai->ai_next) {
		err = bind_one(l, ai, v6only, why, size);
		/* -a [::] beside our own -a 0.0.0.0 is for IPv6 alone */
		if (err == -EADDRINUSE && ai->ai_family == AF_INET6 &&
		    !v6only && has_ipv4(l, ai))
			err = bind_one(l, ai, true, why, size);
		if (any_host ? err == 0 : err != 0)
			break;
	}
	return err;
}

int
launch_bind(struct launch *l, const char *address, int family, char *why,
    size_t size)
{
	struct addrinfo hints = {
		.ai_family = family,
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_PASSIVE,
	};
	struct addrinfo *list = NULL;
	const char *host = NULL, *port = NULL;
	char text[256];
	bool any_host;
	int err;

	why[0] = '\0';
	snprintf(text, sizeof(text), "%s", address == NULL ? "" : address);
	split_address(text, &host, &port);
	any_host = host[0] == '\0';
	if (port != NULL && !is_port(port)) {
		snprintf(why, size, "%s: a port is 0..65535 or a service's "
		    "name", address);
		return -EINVAL;
	}
	/* asked for by number, IPv6 comes first and takes IPv4 too */
	if (any_host && family == AF_UNSPEC)
		host = "::";
	else if (any_host)
		host = family == AF_INET6 ? "::" : "0.0.0.0";
	err = getaddrinfo(host, port != NULL && port[0] != '\0' ? port : "69",
	    &hints, &list);
	if (err != 0) {
		snprintf(why, size, "%s: %s", address == NULL ? "any address" :
		    address, gai_strerror(err));
		return -EINVAL;
	}
	err = bind_all(l, list, any_host, family == AF_INET6, why, size);
	freeaddrinfo(list);
	if (err == -EAFNOSUPPORT && any_host && family == AF_UNSPEC)
		return launch_bind(l, address, AF_INET, why, size);
	if (err != 0 && why[0] == '\0')
		snprintf(why, size, "cannot listen on %s: %s",
		    address == NULL ? "port 69" : address, strerror(-err));
	if (err == 0)
		l->kind = LAUNCH_BOUND;
	return err;
}
