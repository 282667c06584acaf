/*
 * The start, in the order that matters: the socket first, for under xinetd
 * standard error is a client; then everything that needs privilege; then
 * the keeper, which never reads a datagram.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "daemon/explain.h"
#include "daemon/keeper.h"
#include "daemon/setup.h"
#include "daemon/tools.h"
#include "os/callgate.h"
#include "os/diag.h"

#define FILES_LEAST 256		/* open descriptors, if we may */

static int
print_version(void)
{
	printf("%s %s, with chroot, Landlock, seccomp by libseccomp%s, "
	    "capabilities dropped by libcap, tftpd.conf by libconfuse, map "
	    "files, single-port%s\n",
	    PACKAGE_NAME, PACKAGE_VERSION,
	    callgate_exists() ? " and gates" : "",
#if defined(INSTRUMENTED)
	    "; instrumented: without chroot, Landlock and seccomp, not for "
	    "service"
#elif defined(CALL_TRAP)
	    "; forbidden system calls are named in the log, not for service"
#else
	    ""
#endif
	    );
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
	unsigned char status = SETUP_OSERR;
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

/* ---- the configuration ------------------------------------------------ */

static void
say_problem(void *arg, bool is_warning, const char *text)
{
	(void)arg;
	diag_log(is_warning ? DIAG_WARNING : DIAG_ERROR, "%s%s",
	    is_warning ? "warning: " : "", text);
}

/*
 * At a cold start without a usable configuration clients are served by the
 * last good copy, or told so.  Only who is at hand to read it gets an error.
 */
static int
configure(struct service *s, struct reload *r, bool by_hand, struct conf **c)
{
	const struct conf_args *args = r->args;
	unsigned i;

	for (i = 0; i < args->idle_count; i++)
		diag_log(DIAG_NOTICE, "%s has no meaning here",
		    args->idle[i]);
	*c = reload_look(r);
	setup_state(s, *c);
	reload_set_state_dir(r, s->state_dir);
	if (*c == NULL && !by_hand)
		*c = reload_make_do(r, true, setup_empty_dir(s));
	if (*c != NULL)
		return EXIT_SUCCESS;
	return tools_exit_status(args);
}

/* ---- main ------------------------------------------------------------- */

static void
limit_process(void)
{
	struct rlimit none = { 0, 0 }, size, files;
	int number;

	/* a parent that ignored SIGCHLD would keep us from reaping */
	for (number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	/* whoever reads our messages may go; a limit is told by errno */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	/* until the keeper hears it: what it asks for is done just now */
	(void)signal(SIGHUP, SIG_IGN);
	if (getrlimit(RLIMIT_FSIZE, &size) == 0) {
		size.rlim_cur = size.rlim_max;
		(void)setrlimit(RLIMIT_FSIZE, &size);
	}
	/* log and live table have numbers of their own, above the others */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_cur < FILES_LEAST) {
		files.rlim_cur = files.rlim_max < FILES_LEAST ?
		    files.rlim_max : FILES_LEAST;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	/* a core file would hold what others upload */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)umask(022);
	(void)clearenv();
}

/* From here on we are the process that stays. */
static int
serve(struct service *s, struct conf *c, struct reload *r, int ready)
{
	bool alone = c->listen != CONF_LISTEN_NO;
	const char *pidfile = c->pidfile;
	int status;

	if (pidfile != NULL && alone)
		write_pidfile(pidfile);
	if (ready != -1)
		leave_terminal(ready);
	diag_open(c->listen == CONF_LISTEN_FOREGROUND || c->to_stderr,
	    c->verbosity);
	status = keeper_run(s, c, r);
	if (pidfile != NULL && alone)
		(void)unlink(pidfile);
	if (alone)
		setup_clear_header(s);
	return status;
}

/* Below the folder that we were started in. */
static bool
make_absolute(const char **file, char path[static PATH_MAX])
{
	char dir[PATH_MAX];

	if (*file == NULL || **file == '/')
		return true;
	if (getcwd(dir, sizeof(dir)) == NULL || snprintf(path, PATH_MAX,
	    "%s/%s", dir, *file) >= PATH_MAX) {
		diag_log(DIAG_ERROR, "%s: its directory is not known", *file);
		return false;
	}
	*file = path;
	return true;
}

/* Room for names that are needed when we have left that folder. */
struct names {
	char file[PATH_MAX], map[PATH_MAX], pidfile[PATH_MAX];
};

static bool
make_all_absolute(struct conf_args *args, struct names *names)
{
	unsigned i;

	for (i = 0; i < args->override_count; i++)
		if (args->overrides[i].key == CONF_MAP_FILE &&
		    !make_absolute(&args->overrides[i].text, names->map))
			return false;
	return make_absolute(&args->file, names->file) &&
	    make_absolute(&args->pidfile, names->pidfile);
}

static int
start(struct launch *l, const struct conf_args *args, bool by_hand, int ready)
{
	struct service s;
	struct reload r;
	struct conf *c;
	int status;

	setup_init(&s);
	reload_init(&r, args, say_problem, NULL);
	status = configure(&s, &r, by_hand, &c);
	if (status == EXIT_SUCCESS)
		status = setup_sockets(&s, l, c);
	if (status == EXIT_SUCCESS)
		status = setup_service(&s, c);
	if (status == EXIT_SUCCESS) {
		status = serve(&s, c, &r, ready);
	} else {
		conf_free(c);
		if (ready != -1)
			(void)!write(ready,
			    &(unsigned char){ (unsigned char)status }, 1);
	}
	conf_report_clear(&r.report);
	return status;
}

/* Everything but serving: by hand, with standard output. */
static int
run_tool(const struct conf_args *args)
{
	(void)clearenv();
	switch (args->action) {
	case CONF_CHECK: return tools_check(args);
	case CONF_PRINT: return tools_print(args);
	case CONF_EXPLAIN: return explain_run(args);
	case CONF_ADOPT: return tools_adopt(args);
	case CONF_MAP_TEST: return tools_map_test(args);
	case CONF_VERSION: return print_version();
	default:
		fputs(conf_usage(), stdout);
		return EXIT_SUCCESS;
	}
}

int
main(int argc, char **argv)
{
	struct conf_args args;
	struct launch l;
	char usage[512], why[256];
	struct names names;
	bool is_understood, by_hand;
	int status, ready = -1;

	is_understood = conf_parse_args(&args, argc, argv, usage,
	    sizeof(usage));
	if (is_understood && args.action != CONF_SERVE)
		return run_tool(&args);
	status = launch_take(&l, why, sizeof(why));
	launch_close_others(&l);
	limit_process();
	by_hand = args.listen != CONF_LISTEN_NO || l.kind == LAUNCH_NONE;
	diag_open(by_hand || args.to_stderr, args.verbosity);
	if (status != 0) {
		diag_log(DIAG_ERROR, "%s", why);
		return SETUP_USAGE;
	}
	if (!is_understood) {
		diag_log(DIAG_ERROR, "%s", usage);
		if (by_hand)
			fputs(conf_usage(), stderr);
		return SETUP_USAGE;
	}
	if (!make_all_absolute(&args, &names))
		return SETUP_NOINPUT;
	if (args.listen == CONF_LISTEN_DETACH) {
		ready = detach();
		if (ready == -1) {
			diag_log(DIAG_ERROR, "fork: %s", strerror(errno));
			return SETUP_OSERR;
		}
	}
	return start(&l, &args, by_hand, ready);
}
