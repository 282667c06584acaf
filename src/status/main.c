/*
 * tftpd-status - one HTTP request on an accepted connection.
 *
 * Two processes: the one that was started speaks HTTP, a child of it knows
 * the answer.  Each ends when the other does, or when its time is over.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "os/diag.h"
#include "os/launch.h"
#include "os/process.h"
#include "status/back.h"
#include "status/front.h"
#include "status/settings.h"
#include "status/walls.h"

#define EXIT_HOW	64	/* EX_USAGE: started by hand */
/* The request may take 10 s to come, the answer 30 s to be found. */
#define BACK_SECONDS	45
#define FRONT_SECONDS	75
#define BOTH_NICE	10	/* serving TFTP goes first */

static int
fail(const char *what, const char *why)
{
	diag_log(DIAG_ERROR, "%s: %s", what, why);
	return EXIT_FAILURE;
}

/* ---- what the starter left ---------------------------------------------- */

/* As if nobody had held back or ignored a signal. */
static void
reset_signals(void)
{
	sigset_t none;
	int number;

	for (number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	/* a body that gets too long: write() says so */
	(void)signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * The others are closed.  They may have pushed it up, to where neither limits
 * nor select() let it be.
 */
static int
keep_only(int client)
{
	int low;

	process_keep_only(&client, 1);
	if (client == STDERR_FILENO + 1)
		return client;
	low = fcntl(client, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (low == -1)
		return client;
	close(client);
	return low;
}

/* But the time zone, which is the administrator's; tftpd gets it, too. */
static int
forget_environment(void)
{
	const char *value = getenv("TZ");
	char *zone = value == NULL ? NULL : strdup(value);
	int ret;

#ifdef INSTRUMENTED
	/* where sanitizers write their reports */
	ret = 0;
#else
	ret = clearenv();
#endif
	if (ret == 0 && zone != NULL)
		ret = setenv("TZ", zone, true);
	free(zone);
	/* read behind the walls it would be a file that cannot be opened */
	tzset();
	return ret == 0 ? 0 : -ENOMEM;
}

/*
 * This process is killed then, whatever becomes of it.  An alarm could be put
 * off or held back by who is not itself any more; behind the walls there is
 * no call that reaches this timer.  0, or -1 with errno.
 */
static int
end_after(time_t seconds)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGKILL };
	const struct itimerspec end = { .it_value = { .tv_sec = seconds } };
	timer_t timer;

	return timer_create(CLOCK_MONOTONIC, &event, &timer) == -1 ||
	    timer_settime(timer, 0, &end, NULL) == -1 ? -1 : 0;
}

/* Where memory runs out, this is what can be spared, and not a transfer. */
static void
be_spared_first(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd == -1)
		return;
	(void)!write(fd, "1000", strlen("1000"));
	close(fd);
}

/* ---- the process that knows ---------------------------------------------- */

static void
name_peer(int client, char out[static BACK_PEER_MAX])
{
	static const char mapped[] = "::ffff:";
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	char text[BACK_PEER_MAX];

	if (getpeername(client, (struct sockaddr *)&peer, &len) == -1 ||
	    getnameinfo((struct sockaddr *)&peer, len, text, sizeof(text),
	    NULL, 0, NI_NUMERICHOST) != 0)
		strcpy(text, "?");
	/* IPv4 on a socket that takes both */
	snprintf(out, BACK_PEER_MAX, "%s", strncmp(text, mapped,
	    sizeof(mapped) - 1) == 0 && strchr(text, '.') != NULL ?
	    text + sizeof(mapped) - 1 : text);
}

static _Noreturn void
become_back(const struct settings *s, const struct front *f, int fd,
    pid_t parent)
{
	struct back b = { .settings = s };
	char why[256];

	/* it waits for programs that it starts */
	(void)signal(SIGCHLD, SIG_DFL);
	if (!process_follow(parent))
		_exit(EXIT_FAILURE);
	process_name("tftpd-reader");
	if (end_after(BACK_SECONDS) != 0)
		_exit(fail("cannot start: timer", strerror(errno)));
	name_peer(f->client, b.peer);
	close(f->client);
	close(f->back);
	if (dup2(f->out, STDOUT_FILENO) == -1 ||
	    dup2(f->err, STDERR_FILENO) == -1)
		_exit(fail("cannot start", strerror(errno)));
	close(f->out);
	close(f->err);
	if (walls_back(s, why, sizeof(why)) != 0)
		_exit(fail("cannot start", why));
	back_run(&b, f->ask, fd);
}

/* ---- both ---------------------------------------------------------------- */

static int
make_channels(struct front *f, int *back_fd)
{
	int pair[2];

	f->ask = mmap(NULL, sizeof(*f->ask), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	f->out = memfd_create("body", MFD_CLOEXEC);
	f->err = memfd_create("errors", MFD_CLOEXEC);
	if (f->ask == MAP_FAILED || f->out == -1 || f->err == -1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return -1;
	f->back = pair[0];
	*back_fd = pair[1];
	return 0;
}

static int
serve(const struct settings *s, int client)
{
	struct front f = { .client = client, .has_manage = s->manage != NULL,
		.hosts = s->hosts, .host_count = (unsigned)s->host_count };
	pid_t pid, parent = getpid();
	char why[256];
	int back_fd;

	(void)gethostname(f.hostname, sizeof(f.hostname) - 1);
	be_spared_first();
	(void)setpriority(PRIO_PROCESS, 0, BOTH_NICE);
	if (walls_drop(s, why, sizeof(why)) != 0)
		return fail("cannot start", why);
	if (make_channels(&f, &back_fd) == -1)
		return fail("cannot start", strerror(errno));
	/* nobody waits for the child: no zombie is left of it */
	(void)signal(SIGCHLD, SIG_IGN);
	pid = fork();
	if (pid == 0)
		become_back(s, &f, back_fd, parent);
	if (pid == -1)
		return fail("cannot start", strerror(errno));
	close(back_fd);
	if (end_after(FRONT_SECONDS) != 0)
		return fail("cannot start: timer", strerror(errno));
	if (walls_front(s, client, why, sizeof(why)) != 0)
		return fail("cannot start", why);
	return front_run(&f);
}

/* By hand there is no connection: how it is meant, and how it is tried. */
static int
explain(const char *program)
{
	fprintf(stderr, "tftpd-status: standard input is no connection: it is "
	    "started by xinetd or inetd\n(stream, nowait) or systemd "
	    "(Accept=yes).  By hand, to try it:\n    systemd-socket-activate "
	    "-a --inetd -l 127.0.0.1:9169 %s\n", program);
	return EXIT_HOW;
}

int
main(int argc, char **argv)
{
	struct settings s;
	char why[256];
	int client, err;

	reset_signals();
	err = launch_take_connection(&client, why, sizeof(why));
	if (client != -1)
		client = keep_only(client);
	if (forget_environment() != 0)
		return EXIT_FAILURE;
	diag_name("tftpd-status");
	diag_open(client == -1 && err == 0, 0);
	settings_parse(argc, argv, &s);
	if (err != 0)
		return fail("cannot start", why);
	return client == -1 ? explain(argv[0]) : serve(&s, client);
}
