#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/diag.h"
#include "os/process.h"

#define FACILITY_DAEMON (3 << 3)

/* The logger: the one piece of mutable file-scope state, set at start. */
static struct {
	int syslog_fd;
	bool to_stderr;
	unsigned verbosity;
	const char *name;
} diag = { .syslog_fd = -1, .name = "tftpd" };

static int
connect_syslog(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	strcpy(sun.sun_path, "/dev/log");
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

void
diag_name(const char *name)
{
	diag.name = name;
}

void
diag_open(bool to_stderr, unsigned verbosity)
{
	diag.to_stderr = to_stderr;
	diag.verbosity = verbosity;
	diag_close();
	if (to_stderr)
		return;
	diag.syslog_fd = connect_syslog();
	if (diag.syslog_fd == -1)
		diag.to_stderr = true;
}

int
diag_place(int number)
{
	int fd = process_place(diag.syslog_fd, number);

	/* the caller closes all others, and its number is taken again */
	if (fd < 0)
		diag_close();
	else
		diag.syslog_fd = fd;
	return fd;
}

void
diag_close(void)
{
	/* not written in vain: in a forked process that copies a page */
	if (diag.syslog_fd == -1)
		return;
	close(diag.syslog_fd);
	diag.syslog_fd = -1;
}

static bool
is_wanted(enum diag_level level)
{
	return level <= DIAG_WARNING || diag.verbosity >= 1;
}

/* A pipe that nobody empties must not stop the server. */
static bool
can_write(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLOUT);
}

void
diag_log(enum diag_level level, const char *fmt, ...)
{
	char text[512], line[600];
	va_list ap;
	char *p;
	int len;

	if (!is_wanted(level))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	if (diag.syslog_fd != -1) {
		len = snprintf(line, sizeof(line), "<%d>%s[%ld]: %s",
		    FACILITY_DAEMON | (int)level, diag.name, (long)getpid(),
		    text);
		(void)!send(diag.syslog_fd, line, (size_t)len, MSG_NOSIGNAL);
	} else if (diag.to_stderr && can_write(STDERR_FILENO)) {
		len = snprintf(line, sizeof(line), "%s: %s\n", diag.name,
		    text);
		(void)!write(STDERR_FILENO, line, (size_t)len);
	}
}
