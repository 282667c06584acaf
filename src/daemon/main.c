/*
 * The start, in the order that matters: the socket first, for under xinetd
 * standard error is a client; then everything that needs privilege; then
 * the keeper, which never reads a datagram.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "daemon/keeper.h"
#include "os/append.h"
#include "os/clock.h"
#include "os/diag.h"
#include "os/memory.h"
#include "os/shm.h"

/* sysexits(3), as tftpd-hpa ends with */
enum { EXIT_USAGE = 64, EXIT_NOINPUT = 66, EXIT_NOUSER = 67, EXIT_OSERR = 71,
	EXIT_NOPERM = 77 };

#define TABLES_MAX	10	/* servers at the same time */

static int
print_version(void)
{
	printf("%s %s, with chroot, capabilities dropped by libcap%s\n",
	    PACKAGE_NAME, PACKAGE_VERSION,
#ifdef INSTRUMENTED
	    "; instrumented: without chroot, not for service"
#else
	    ""
#endif
	    );
	return EXIT_SUCCESS;
}

static int
no_socket(void)
{
	diag_log(DIAG_ERROR, "standard input is no UDP socket: start me from "
	    "xinetd, inetd or systemd,");
	diag_log(DIAG_ERROR, "or by hand with a socket of my own: tftpd -L -a "
	    "127.0.0.1:6969 -s DIRECTORY");
	return EXIT_USAGE;
}

/* ---- sockets ---------------------------------------------------------- */

static int
bind_sockets(struct launch *l, const struct conf *c)
{
	int family = c->ipv4_only ? AF_INET : c->ipv6_only ? AF_INET6 :
	    AF_UNSPEC;
	char why[256] = "";
	unsigned i;
	int err = 0;

	if (c->address_count == 0)
		err = launch_bind(l, NULL, family, why, sizeof(why));
	for (i = 0; i < c->address_count && err == 0; i++)
		err = launch_bind(l, c->addresses[i], family, why,
		    sizeof(why));
	if (err == 0)
		return EXIT_SUCCESS;
	diag_log(DIAG_ERROR, "%s", why);
	return err == -EACCES ? EXIT_NOPERM : EXIT_OSERR;
}

static int
take_sockets(struct service *s, struct launch *l, const struct conf *c)
{
	int status, err;
	unsigned i;

	if (c->listen != CONF_LISTEN_NO) {
		for (i = 0; i < l->count; i++)
			close(l->fds[i]);
		l->kind = LAUNCH_NONE;
		l->count = 0;
		status = bind_sockets(l, c);
		if (status != EXIT_SUCCESS)
			return status;
	}
	if (l->count == 0)
		return no_socket();
	for (i = 0; i < l->count; i++) {
		err = netio_listener_init(&s->listeners[i], l->fds[i]);
		if (err != 0) {
			diag_log(DIAG_ERROR, "socket: %s", strerror(-err));
			return EXIT_OSERR;
		}
	}
	s->listener_count = l->count;
	return EXIT_SUCCESS;
}

/* ---- the walls -------------------------------------------------------- */

static const struct passwd *
find_user(const struct conf *c)
{
	const struct passwd *pw;

	if (c->user != NULL)
		return getpwnam(c->user);
	pw = getpwnam(SERVICE_USER);
	return pw != NULL ? pw : getpwnam("nobody");
}

static int
plan_walls(struct service *s)
{
	struct sandbox_plan *plan = &s->walls;
	const struct passwd *pw = NULL;

	plan->root = s->conf->root;
	plan->change_root = sandbox_may(CAP_SYS_CHROOT);
	plan->change_user = sandbox_may(CAP_SETUID) &&
	    sandbox_may(CAP_SETGID);
	if (plan->change_user) {
		pw = find_user(s->conf);
		if (pw == NULL) {
			diag_log(DIAG_ERROR, "%s: no such user",
			    s->conf->user != NULL ? s->conf->user : "nobody");
			return EXIT_NOUSER;
		}
		plan->uid = pw->pw_uid;
		plan->gid = pw->pw_gid;
	} else if (s->conf->user != NULL) {
		diag_log(DIAG_WARNING, "-u %s: not started as root, the user "
		    "stays", s->conf->user);
	}
	if ((pw != NULL ? plan->uid : geteuid()) == 0) {
		diag_log(DIAG_ERROR, "user 0 does not serve: give another one "
		    "with -u");
		return EXIT_NOPERM;
	}
	snprintf(s->walls_text, sizeof(s->walls_text),
	    "%s, user %.32s, no capabilities, no_new_privs",
#ifdef INSTRUMENTED
	    "no chroot (instrumented)",
#else
	    plan->change_root ? "chroot" : "no chroot (not root)",
#endif
	    pw != NULL ? pw->pw_name : "unchanged (not root)");
	if (!plan->change_root || !plan->change_user)
		diag_log(DIAG_WARNING, "not started as root, so these walls "
		    "are missing:%s%s", plan->change_root ? "" : " chroot",
		    plan->change_user ? "" : " own user");
	return EXIT_SUCCESS;
}

static int
check_root(const struct conf *c)
{
	struct stat st;

	if (stat(c->root, &st) == -1) {
		diag_log(DIAG_ERROR, "%s: %s", c->root, strerror(errno));
		return EXIT_NOINPUT;
	}
	if (!S_ISDIR(st.st_mode)) {
		diag_log(DIAG_ERROR, "%s: not a directory", c->root);
		return EXIT_NOINPUT;
	}
	return EXIT_SUCCESS;
}

/* ---- log and live table ----------------------------------------------- */

static void
open_log(struct service *s)
{
	s->log_fd = append_open(s->conf->log_path);
	if (s->log_fd < 0) {
		diag_log(DIAG_ERROR, "%s: %s; transfers will have no records",
		    s->conf->log_path, strerror(-s->log_fd));
		s->log_fd = -1;
		return;
	}
	if (append_is_shared(s->conf->log_path))
		diag_log(DIAG_WARNING, "%s: the folder is another user's, so "
		    "a new log cannot be made after a rotation",
		    s->conf->log_path);
	if (append_is_nfs(s->log_fd))
		diag_log(DIAG_WARNING, "%s is on NFS: records of several "
		    "machines can mix", s->conf->log_path);
}

/* The first table in that folder that no living server owns. */
static int
open_table_in(const char *dir, uint64_t size)
{
	char path[PATH_MAX];
	int fd = -EBUSY, i;

	for (i = 0; i < TABLES_MAX && fd == -EBUSY; i++) {
		if (i == 0)
			snprintf(path, sizeof(path), "%s/live", dir);
		else
			snprintf(path, sizeof(path), "%s/live.%d", dir, i);
		fd = shm_open_table(path, size);
	}
	return fd;
}

/* A table of a server with more slots may hold dead transfers there. */
static uint32_t
count_slots(const struct service *s)
{
	uint64_t pages = shm_size(s->table_fd) / LIVE_PAGE;
	uint32_t slots = s->conf->max_transfers;

	if (pages > 1 && pages - 1 > slots && pages - 1 <= 65536)
		slots = (uint32_t)(pages - 1);
	return slots;
}

static void
write_header(const struct service *s)
{
	struct live_header *h = shm_map(s->table_fd, 0, LIVE_PAGE);

	if (h == NULL)
		return;
	h->magic = LIVE_MAGIC;
	h->slots = s->slots;
	h->page_size = LIVE_PAGE;
	h->started_us = clock_real_us();
	h->keeper_pid = (int32_t)getpid();
	snprintf(h->log_path, sizeof(h->log_path), "%s", s->conf->log_path);
	/* else each transfer would have it */
	memory_unmap(h, LIVE_PAGE);
}

static int
open_table(struct service *s)
{
	uint64_t size = live_size(s->conf->max_transfers);
	char beside[PATH_MAX];
	char *slash;

	s->table_fd = open_table_in(RUNDIR, size);
	if (s->table_fd < 0) {
		snprintf(beside, sizeof(beside), "%s", s->conf->log_path);
		slash = strrchr(beside, '/');
		*slash = '\0';
		s->table_fd = open_table_in(beside, size);
	}
	if (s->table_fd < 0) {
		diag_log(DIAG_WARNING, "no live table in %s: %s; running "
		    "transfers cannot be shown", RUNDIR,
		    strerror(-s->table_fd));
		s->table_fd = shm_open_private(size);
	}
	if (s->table_fd < 0) {
		diag_log(DIAG_ERROR, "live table: %s",
		    strerror(-s->table_fd));
		return EXIT_OSERR;
	}
	s->slots = count_slots(s);
	write_header(s);
	return EXIT_SUCCESS;
}

/* ---- stand-alone ------------------------------------------------------ */

/*
 * -l: the command returns when the server is ready, with its status.
 * Returns, in the child, where to write that; -1: it could not fork.
 */
static int
detach(void)
{
	unsigned char status = EXIT_OSERR;
	int ready[2];
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) == -1)
		return -1;
	pid = fork();
	if (pid == -1)
		return -1;
	if (pid != 0) {
		close(ready[1]);
		(void)!read(ready[0], &status, 1);
		_exit(status);
	}
	close(ready[0]);
	(void)setsid();
	return ready[1];
}

/* Ready: let go of the terminal and of the folder we were started in. */
static void
leave_terminal(int ready)
{
	const unsigned char status = EXIT_SUCCESS;

	diag_open(false, 0);
	(void)!chdir("/");
	(void)dup2(STDIN_FILENO, STDERR_FILENO);
	(void)!write(ready, &status, 1);
	close(ready);
}

/* A stand-alone server's log is not where tftpd-stats shall look later. */
static void
clear_header(const struct service *s)
{
	struct live_header *h = shm_map(s->table_fd, 0, LIVE_PAGE);

	if (h != NULL)
		h->magic = 0;
}

static void
write_pidfile(const char *path)
{
	char text[24];
	int fd, len;

	len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
	    0644);
	if (fd == -1 || write(fd, text, (size_t)len) != len)
		diag_log(DIAG_WARNING, "%s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
}

/* ---- main ------------------------------------------------------------- */

static void
limit_process(void)
{
	struct rlimit none = { 0, 0 }, size;
	int number;

	/* a parent that ignored SIGCHLD would keep us from reaping */
	for (number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	/* whoever reads our messages may go; a limit is told by errno */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	if (getrlimit(RLIMIT_FSIZE, &size) == 0) {
		size.rlim_cur = size.rlim_max;
		(void)setrlimit(RLIMIT_FSIZE, &size);
	}
	/* a core file would hold what others upload */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)umask(022);
	(void)clearenv();
}

/* Everything that is to be had before the keeper waits; an exit status. */
static int
set_up(struct service *s, struct launch *l, struct conf *c)
{
	int status;

	s->conf = c;
	status = take_sockets(s, l, c);
	if (status == EXIT_SUCCESS)
		status = check_root(c);
	if (status == EXIT_SUCCESS)
		status = plan_walls(s);
	if (status != EXIT_SUCCESS)
		return status;
	if (c->listen != CONF_LISTEN_NO)
		c->linger_s = 0;
	else if (s->listeners[0].is_connected)
		c->linger_s = 1;	/* udpsvd: one client, a process each */
	open_log(s);
	return open_table(s);
}

/* From here on we are the process that stays. */
static int
serve(struct service *s, const struct conf *c, int ready)
{
	bool alone = c->listen != CONF_LISTEN_NO;
	int status;

	if (c->pidfile != NULL && alone)
		write_pidfile(c->pidfile);
	if (ready != -1)
		leave_terminal(ready);
	diag_open(c->listen == CONF_LISTEN_FOREGROUND, c->verbosity);
	status = keeper_run(s);
	if (c->pidfile != NULL && alone)
		(void)unlink(c->pidfile);
	if (alone)
		clear_header(s);
	return status;
}

int
main(int argc, char **argv)
{
	struct service s = { .log_fd = -1, .table_fd = -1 };
	struct conf c;
	struct launch l;
	enum conf_verdict verdict;
	char usage[256], why[256];
	bool by_hand;
	int status, ready = -1;

	verdict = conf_from_args(&c, argc, argv, usage, sizeof(usage));
	if (verdict == CONF_VERSION)
		return print_version();
	if (verdict == CONF_HELP) {
		fputs(conf_usage(), stdout);
		return EXIT_SUCCESS;
	}
	status = launch_take(&l, why, sizeof(why));
	launch_close_others(&l);
	limit_process();
	by_hand = c.listen != CONF_LISTEN_NO || l.kind == LAUNCH_NONE;
	diag_open(by_hand, c.verbosity);
	if (status != 0) {
		diag_log(DIAG_ERROR, "%s", why);
		return EXIT_USAGE;
	}
	if (verdict == CONF_USAGE) {
		diag_log(DIAG_ERROR, "%s", usage);
		if (by_hand)
			fputs(conf_usage(), stderr);
		return EXIT_USAGE;
	}
	if (c.listen == CONF_LISTEN_DETACH) {
		ready = detach();
		if (ready == -1) {
			diag_log(DIAG_ERROR, "fork: %s", strerror(errno));
			return EXIT_OSERR;
		}
	}
	status = set_up(&s, &l, &c);
	if (status == EXIT_SUCCESS)
		status = serve(&s, &c, ready);
	else if (ready != -1)
		(void)!write(ready, &(unsigned char){ (unsigned char)status },
		    1);
	return status;
}
