#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/dispatcher.h"
#include "daemon/setup.h"
#include "keeper_parts.h"
#include "os/append.h"
#include "os/callfilter.h"
#include "os/clock.h"
#include "os/diag.h"
#include "os/process.h"
#include "os/sandbox.h"

#define DEATHS_MAX	5	/* of dispatchers within DEATHS_SPAN */
#define DEATHS_SPAN	(10 * US_PER_S)
#define LOG_SETTLE	(500 * 1000)	/* logrotate makes the file itself */
#define STOP_PATIENCE	(40 * US_PER_S)
#define EXIT_TROUBLE	70	/* EX_SOFTWARE */

static void
tell(const struct generation *g, enum dispatcher_order order)
{
	char byte = (char)order;

	if (g->pid != 0)
		(void)send(g->control, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
tell_all(struct keeper *k, enum dispatcher_order order)
{
	int i;

	for (i = 0; i < GENERATIONS; i++)
		tell(&k->gens[i], order);
}

/* ---- dispatchers ------------------------------------------------------ */

/*
 * In the child: only the service and the way back to the keeper remain.  Look
 * ups of users may have left descriptors, of which we know nothing.
 */
static void
become_dispatcher(struct keeper *k, int control, bool sweep)
{
	struct service *s = k->service;
	int keep[LAUNCH_MAX + 4];
	unsigned count = 0;
	int diag_fd;
	sigset_t all;

	/* they were held: nothing is lost */
	s->log_fd = process_place(s->log_fd, CALLFILTER_LOG_FD);
	s->table_fd = process_place(s->table_fd, CALLFILTER_TABLE_FD);
	for (; count < s->listener_count; count++)
		keep[count] = s->listeners[count].fd;
	keep[count++] = control;
	keep[count++] = s->table_fd;
	if (s->log_fd != -1)
		keep[count++] = s->log_fd;
	diag_fd = diag_place(CALLFILTER_DIAG_FD);
	if (diag_fd >= 0)
		keep[count++] = diag_fd;
	process_keep_only(keep, count);
	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	dispatcher_run(k->service, control, sweep);
}

static struct generation *
free_generation(struct keeper *k)
{
	int i;

	for (i = 0; i < GENERATIONS; i++)
		if (k->gens[i].pid == 0)
			return &k->gens[i];
	return NULL;
}

/* Start a dispatcher; it becomes the newest.  false: it could not start. */
static bool
start_dispatcher(struct keeper *k, bool sweep)
{
	struct generation *g = free_generation(k);
	int pair[2];
	pid_t pid;

	if (g == NULL) {
		diag_log(DIAG_WARNING, "%d dispatchers still end their "
		    "transfers: not started anew", GENERATIONS);
		return false;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return false;
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		become_dispatcher(k, pair[1], sweep);
	}
	close(pair[1]);
	if (pid == -1) {
		diag_log(DIAG_ERROR, "fork: %s", strerror(errno));
		close(pair[0]);
		return false;
	}
	g->pid = pid;
	g->control = pair[0];
	g->is_ready = g->is_draining = false;
	g->number = ++k->starts;
	k->newest = g;
	return true;
}

/* The others stop reading, and end with their last transfer. */
static void
drain_others(struct keeper *k, const struct generation *reader)
{
	int i;

	for (i = 0; i < GENERATIONS; i++)
		if (&k->gens[i] != reader) {
			k->gens[i].is_draining = true;
			tell(&k->gens[i], DISPATCHER_DRAIN);
		}
}

/* The new one reads: only now may the ones before it stop. */
static void
on_ready(struct keeper *k, struct generation *g)
{
	char byte;

	if (recv(g->control, &byte, 1, MSG_DONTWAIT) != 1 ||
	    byte != DISPATCHER_READY || g->is_ready)
		return;
	g->is_ready = true;
	if (g != k->newest)
		return;
	drain_others(k, g);
	keeper_prove(k);
}

static void
give_up(struct keeper *k, int status)
{
	k->exit_status = status;
	k->must_exit = true;
}

/* A dispatcher that was not told to stop: the youngest that reads, else any. */
static struct generation *
find_reader(struct keeper *k)
{
	struct generation *found = NULL, *g;

	for (g = k->gens; g < k->gens + GENERATIONS; g++) {
		if (g->pid == 0 || g->is_draining)
			continue;
		if (found == NULL || g->is_ready > found->is_ready ||
		    (g->is_ready == found->is_ready &&
		    g->number > found->number))
			found = g;
	}
	return found;
}

/* A new dispatcher cannot serve: the one before it goes on, if it reads. */
static bool
fall_back(struct keeper *k)
{
	k->newest = find_reader(k);
	if (k->newest == NULL)
		return false;
	diag_log(DIAG_ERROR, "the old dispatcher goes on");
	if (k->newest->is_ready)
		drain_others(k, k->newest);
	if (!keeper_give_back(k))
		k->renew_at_us = clock_mono_us() + RENEW_RETRY;
	return true;
}

/* A dispatcher that was reading died: another one takes over. */
static void
replace(struct keeper *k, int status)
{
	uint64_t now_us = clock_mono_us();

	if (WIFSIGNALED(status))
		diag_log(DIAG_ERROR, "the dispatcher was killed by signal %d",
		    WTERMSIG(status));
	else
		diag_log(DIAG_ERROR, "the dispatcher ended with status %d",
		    WEXITSTATUS(status));
	if (k->deaths == 0 || now_us - k->first_death_us > DEATHS_SPAN) {
		k->deaths = 0;
		k->first_death_us = now_us;
	}
	if (++k->deaths > DEATHS_MAX || !start_dispatcher(k, true)) {
		diag_log(DIAG_ERROR, "giving up");
		give_up(k, EXIT_TROUBLE);
	}
}

static void
on_dispatcher_end(struct keeper *k, struct generation *g, int status)
{
	bool was_newest = g == k->newest;
	bool was_clean = WIFEXITED(status) &&
	    WEXITSTATUS(status) == DISPATCHER_IDLE;

	close(g->control);
	g->pid = 0;
	if (was_newest)
		k->newest = NULL;
	if (was_clean || k->stops_asked != 0) {
		if (!was_clean)
			diag_log(DIAG_ERROR, "a dispatcher died");
		return;
	}
	if (!was_newest) {
		if (k->newest != NULL)
			tell(k->newest, DISPATCHER_SWEEP);
		return;
	}
	if (fall_back(k))
		return;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != DISPATCHER_NO_WALLS)
		replace(k, status);
	else if ((!keeper_give_back(k) && !keeper_take_lesser(k)) ||
	    !start_dispatcher(k, true))
		give_up(k, DISPATCHER_NO_WALLS);
}

static void
reap(struct keeper *k)
{
	struct generation *g;
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		g = NULL;
		for (i = 0; i < GENERATIONS; i++)
			if (k->gens[i].pid == pid)
				g = &k->gens[i];
		if (g != NULL)
			on_dispatcher_end(k, g, status);
		else if (k->newest != NULL)
			/* a transfer whose dispatcher died before it */
			tell(k->newest, DISPATCHER_SWEEP);
	}
}

/* ---- the log ---------------------------------------------------------- */

static bool
is_log_gone(const struct keeper *k)
{
	struct stat named, open_one;

	if (k->service->log_fd == -1)
		return true;
	return fstat(k->service->log_fd, &open_one) == -1 ||
	    lstat(k->service->conf->log_path, &named) == -1 ||
	    named.st_ino != open_one.st_ino ||
	    named.st_dev != open_one.st_dev;
}

static void
watch_log(struct keeper *k)
{
	if (k->inotify != -1)
		close(k->inotify);
	k->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (k->inotify != -1)
		(void)inotify_add_watch(k->inotify,
		    k->service->conf->log_path,
		    IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB);
	/* it may have been moved before it was watched */
	if (is_log_gone(k))
		k->renew_at_us = clock_mono_us() + LOG_SETTLE;
}

static void
on_inotify(struct keeper *k)
{
	char events[1024];

	while (read(k->inotify, events, sizeof(events)) > 0)
		;
	if (is_log_gone(k) && k->renew_at_us == NEVER)
		k->renew_at_us = clock_mono_us() + LOG_SETTLE;
}

/*
 * A new dispatcher with a new log; running transfers end in the old one.  When
 * the log cannot be made, the old one goes on with what it has, unless it
 * must make place for another configuration.
 */
void
keeper_renew(struct keeper *k, bool must_start)
{
	int fd;

	k->must_start = k->must_start || must_start;

	k->renew_at_us = NEVER;
	k->renewals++;
	if (k->stops_asked != 0)
		return;
	/* syslogd may have been started anew, too */
	diag_open(k->service->conf->listen == CONF_LISTEN_FOREGROUND ||
	    k->service->conf->to_stderr, k->service->conf->verbosity);
	fd = append_open(k->service->conf->log_path);
	if (fd < 0) {
		diag_log(DIAG_ERROR, "%s: %s; tried again in 10 s",
		    k->service->conf->log_path, strerror(-fd));
		k->renew_at_us = clock_mono_us() + RENEW_RETRY;
		if (!k->must_start)
			return;
	} else {
		if (k->service->log_fd != -1)
			close(k->service->log_fd);
		k->service->log_fd = fd;
		watch_log(k);
	}
	if (k->newest != NULL && !start_dispatcher(k, false))
		k->renew_at_us = clock_mono_us() + RENEW_RETRY;
	else
		k->must_start = false;
}

/* ---- signals ---------------------------------------------------------- */

static void
stop(struct keeper *k)
{
	k->stops_asked++;
	if (k->stops_asked == 1) {
		service_stop_listening(k->service);
		k->stop_at_us = clock_mono_us() + STOP_PATIENCE;
		tell_all(k, DISPATCHER_TERMINATE);
	} else {
		tell_all(k, DISPATCHER_KILL);
	}
}

static void
on_signal(struct keeper *k)
{
	struct signalfd_siginfo info;

	while (read(k->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			stop(k);
		else if (info.ssi_signo == SIGHUP)
			keeper_begin_anew(k);
	}
	reap(k);
}

static int
open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- the process ------------------------------------------------------ */

static bool
has_generation(const struct keeper *k)
{
	int i;

	for (i = 0; i < GENERATIONS; i++)
		if (k->gens[i].pid != 0)
			return true;
	return false;
}

static bool
has_request(const struct keeper *k)
{
	struct pollfd fds[LAUNCH_MAX];
	unsigned i;

	for (i = 0; i < k->service->listener_count; i++) {
		fds[i].fd = k->service->listeners[i].fd;
		fds[i].events = POLLIN;
	}
	return poll(fds, k->service->listener_count, 0) > 0;
}

/*
 * Nobody reads the socket: the dispatcher found nothing to do, or we stop.
 * Before leaving, one more look: xinetd throws away what is still queued.
 */
static bool
is_done(struct keeper *k)
{
	if (k->must_exit)
		return true;
	if (k->stops_asked != 0 && clock_mono_us() >= k->stop_at_us)
		return true;
	if (k->newest == NULL && k->stops_asked == 0 && has_request(k)) {
		if (!start_dispatcher(k, false))
			give_up(k, EXIT_TROUBLE);
		return k->must_exit;
	}
	if (has_generation(k))
		return false;
	/* transfers that were left to themselves have nobody to wait for them */
	if (k->service->linger_s == 0 && k->stops_asked == 0)
		return true;
	/* transfers whose dispatcher died are our children by now */
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
}

static int
wait_ms(const struct keeper *k)
{
	uint64_t now_us = clock_mono_us(), at = k->renew_at_us;

	if (k->stop_at_us < at)
		at = k->stop_at_us;
	if (k->look_at_us < at)
		at = k->look_at_us;
	if (at == NEVER)
		return -1;
	return at <= now_us ? 0 : (int)((at - now_us + 999) / 1000);
}

static void
wait_for_events(struct keeper *k)
{
	struct pollfd fds[GENERATIONS + 3 + LAUNCH_MAX];
	nfds_t n = GENERATIONS + 3;
	unsigned j;
	int i;

	/* only to wake up for a request that no dispatcher waits for */
	for (j = 0; k->newest == NULL && j < k->service->listener_count; j++) {
		fds[n].fd = k->service->listeners[j].fd;
		fds[n++].events = POLLIN;
	}
	for (i = 0; i < GENERATIONS; i++) {
		fds[i].fd = k->gens[i].pid != 0 && !k->gens[i].is_ready ?
		    k->gens[i].control : -1;
		fds[i].events = POLLIN;
		fds[i].revents = 0;
	}
	fds[GENERATIONS].fd = k->signals;
	fds[GENERATIONS].events = POLLIN;
	fds[GENERATIONS + 1].fd = k->inotify;
	fds[GENERATIONS + 1].events = POLLIN;
	fds[GENERATIONS + 2].fd = k->reload->watch_fd;
	fds[GENERATIONS + 2].events = POLLIN;
	if (poll(fds, n, wait_ms(k)) < 0)
		return;
	for (i = 0; i < GENERATIONS; i++)
		if (fds[i].revents & POLLIN)
			on_ready(k, &k->gens[i]);
	if (fds[GENERATIONS + 1].revents & POLLIN)
		on_inotify(k);
	if (fds[GENERATIONS].revents & POLLIN)
		on_signal(k);
	if (fds[GENERATIONS + 2].revents & POLLIN)
		keeper_on_watch(k);
	if (clock_mono_us() >= k->look_at_us)
		keeper_look(k);
	if (clock_mono_us() >= k->renew_at_us)
		keeper_renew(k, false);
}

/* What the filters know by number is not to be anything else. */
static bool
hold_numbers(void)
{
	int number;

	for (number = CALLFILTER_DIAG_FD; number <= CALLFILTER_TABLE_FD;
	    number++)
		if (process_hold(number) != 0)
			return false;
	return true;
}

int
keeper_run(struct service *s, struct conf *c, struct reload *reload)
{
	struct keeper k = {
		.service = s,
		.conf = c,
		.reload = reload,
		.inotify = -1,
		.look_at_us = NEVER,
		.renew_at_us = NEVER,
		.stop_at_us = NEVER,
	};

	k.signals = open_signals();
	if (!hold_numbers()) {
		diag_log(DIAG_ERROR, "cannot start: %d open descriptors are "
		    "needed (ulimit -n, rlimit_files, LimitNOFILE)",
		    CALLFILTER_TABLE_FD + 1);
		return EXIT_TROUBLE;
	}
	if (k.signals == -1 ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1 ||
	    sandbox_keep_for_start(setup_has_low_port(s)) != 0) {
		diag_log(DIAG_ERROR, "cannot start: %s", strerror(errno));
		return EXIT_TROUBLE;
	}
	if (s->log_fd != -1)
		watch_log(&k);
	else
		k.renew_at_us = clock_mono_us() + RENEW_RETRY;
	if (!start_dispatcher(&k, true))
		return EXIT_TROUBLE;
	keeper_watch_conf(&k);
	while (!is_done(&k))
		wait_for_events(&k);
	conf_free(k.conf);
	conf_free(k.previous);
	s->conf = NULL;
	return k.exit_status;
}
