#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/confine.h"
#include "daemon/setup.h"
#include "daemon/tools.h"
#include "os/diag.h"

#define COPY_MAX	(1024 * 1024)	/* bytes of a configuration file */
#define CLOSED_MAX	100		/* an exit status has eight bits */

/* What is said of the target is about the file that is to be it. */
struct renaming {
	const char *target, *source;
};

static void
say_renamed(void *arg, bool is_warning, const char *text)
{
	const struct renaming *r = arg;
	size_t len = strlen(r->target);
	bool is_target = strncmp(text, r->target, len) == 0 &&
	    text[len] == ':';

	fprintf(stderr, "%s%s%s\n", is_warning ? "warning: " : "",
	    is_target ? r->source : "", text + (is_target ? len : 0));
}

static void
say(void *arg, bool is_warning, const char *text)
{
	(void)arg;
	fprintf(stderr, "%s%s\n", is_warning ? "warning: " : "", text);
}

void
tools_report(struct conf_report *r)
{
	memset(r, 0, sizeof(*r));
	r->say = say;
}

struct conf *
tools_make(const struct conf_args *args, struct conf_report *r)
{
	struct renaming names = { args->file, args->draft };
	struct conf *c;

	if (args->draft == NULL)
		return conf_make(args, r);
	r->say = say_renamed;
	r->arg = &names;
	c = conf_make_as(args, args->draft, r);
	r->say = say;
	r->arg = NULL;
	return c;
}

static bool
refused_user(const char *name, int *status)
{
	const struct passwd *pw = getpwnam(name);

	*status = pw == NULL ? SETUP_NOUSER : SETUP_NOPERM;
	return pw == NULL || pw->pw_uid == 0;
}

int
tools_exit_status(const struct conf_args *args)
{
	struct stat st;
	unsigned i;
	int status;

	for (i = 0; i < args->dir_count; i++)
		if (stat(args->dirs[i], &st) == -1 || !S_ISDIR(st.st_mode))
			return SETUP_NOINPUT;
	for (i = 0; i < args->override_count; i++) {
		const char *text = args->overrides[i].text;

		if (args->overrides[i].key == CONF_USER && refused_user(text,
		    &status))
			return status;
		if (args->overrides[i].key == CONF_MAP_FILE)
			return access(text, R_OK) == -1 ? SETUP_NOINPUT :
			    SETUP_CONFIG;
	}
	return args->file != NULL ? SETUP_CONFIG : SETUP_USAGE;
}

/* ---- --check ---------------------------------------------------------- */

/* Behind the walls: how many directories the service user may not enter. */
static int
count_closed(const struct service *s)
{
	const struct conf *c = s->conf;
	char origin[CONF_ORIGIN_MAX];
	unsigned i;
	int closed = 0;

	for (i = 0; i < c->dir_count; i++) {
		if (faccessat(s->root_fds[i], ".", X_OK, 0) == 0)
			continue;
		fprintf(stderr, "%s: root: \"%s\": the service user, %s, may "
		    "not enter it: %s\n", conf_origin_text(c, &c->values,
		    CONF_ROOT, origin), c->dirs[i], s->user_text,
		    strerror(errno));
		closed++;
	}
	return closed;
}

/* In a child, for there is no way back; its status is the number of errors. */
static noreturn void
try_them(struct service *s)
{
	char why[256], text[sizeof(s->walls_text) + 16];
	int closed, len;

	if (confine_enter(s, why, sizeof(why)) != 0) {
		fprintf(stderr, "the walls cannot be put up: %s\n", why);
		_exit(1);
	}
	closed = count_closed(s);
	(void)fflush(NULL);
	if (confine_calls(s, why, sizeof(why)) != 0) {
		fprintf(stderr, "the walls cannot be put up: %s\n", why);
		_exit(1);
	}
	/* stdio would ask what its file is, which is forbidden by now */
	len = snprintf(text, sizeof(text), "walls: %s\n", s->walls_text);
	if (write(STDOUT_FILENO, text, (size_t)len) != len)
		closed++;
	_exit(closed < CLOSED_MAX ? closed : CLOSED_MAX);
}

/* How many errors there are. */
static unsigned
try_walls(const struct conf *c)
{
	struct service s;
	int status;
	pid_t pid;

	setup_init(&s);
	setup_state(&s, c);
	if (setup_walls(&s, c) != 0)
		return 1;
	s.conf = c;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		try_them(&s);
	if (pid == -1 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 1;
	return (unsigned)WEXITSTATUS(status);
}

int
tools_check(const struct conf_args *args)
{
	const char *name = args->draft != NULL ? args->draft :
	    args->file != NULL ? args->file : "command line";
	struct conf_report report;
	unsigned behind;
	struct conf *c;
	bool is_good = false;

	diag_open(true, 0);
	tools_report(&report);
	c = tools_make(args, &report);
	if (c != NULL) {
		behind = try_walls(c);
		report.errors += behind;
		is_good = behind == 0;
	}
	if (is_good)
		printf("%s: good, warnings: %u\n", name, report.warnings);
	else
		fprintf(stderr, "%s: errors: %u, warnings: %u\n", name,
		    report.errors, report.warnings);
	conf_report_clear(&report);
	conf_free(c);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- --print-config --------------------------------------------------- */

int
tools_print(const struct conf_args *args)
{
	struct conf_report report;
	struct conf *c;
	bool ok;

	tools_report(&report);
	c = tools_make(args, &report);
	ok = c != NULL && conf_print(c, stdout, true, false) &&
	    fflush(stdout) == 0;
	conf_report_clear(&report);
	conf_free(c);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- --adopt ---------------------------------------------------------- */

/*
 * The file may be somebody's who is not trusted, and lie where he writes: as a
 * link it would have root read what only root may.  Who writes it later, or
 * another name of it, does not matter: what is checked is the copy.
 */
static int
open_new(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY |
	    O_NONBLOCK);
	struct stat st;

	if (fd == -1) {
		fprintf(stderr, "%s: %s\n", path, errno == ELOOP ? "it is a "
		    "link; give the file itself" : strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	    (st.st_mode & 022) == 0)
		return fd;
	close(fd);
	fprintf(stderr, "%s: %s\n", path, !S_ISREG(st.st_mode) ?
	    "it is no regular file" : st.st_nlink != 1 ?
	    "it has several names (hard links)" :
	    "others than its owner may write it (chmod go-w)");
	return -1;
}

static int
copy_file(int in, const char *to)
{
	char *buf = malloc(COPY_MAX);
	int out = -1, err = -ENOMEM;
	ssize_t n, written;

	if (buf == NULL)
		goto out;
	err = 0;
	n = read(in, buf, COPY_MAX);
	if (n == -1 || n == COPY_MAX) {
		err = n == -1 ? -errno : -EFBIG;
		goto out;
	}
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0644);
	if (out == -1) {
		err = -errno;
		goto out;
	}
	written = write(out, buf, (size_t)n);
	if (written != n)
		err = written == -1 ? -errno : -ENOSPC;
	else if (fchmod(out, 0644) == -1 || fsync(out) == -1)
		err = -errno;
out:
	if (out != -1)
		close(out);
	free(buf);
	return err;
}

/* The name is in its directory for good. */
static void
sync_dir_of(const char *path)
{
	char dir[PATH_MAX];
	char *slash;
	int fd;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL)
		return;
	slash[slash == dir] = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return;
	(void)fsync(fd);
	close(fd);
}

/* What is checked is the copy, so that it is what is put in place. */
static int
adopt(const struct conf_args *args, const char *target, const char *fresh)
{
	struct renaming names = { args->file != NULL ? args->file : CONFFILE,
	    args->argument };
	struct conf_report report;
	struct conf *c;
	int in = open_new(args->argument), err;

	if (in == -1)
		return EXIT_FAILURE;
	(void)unlink(fresh);
	err = copy_file(in, fresh);
	close(in);
	if (err != 0) {
		fprintf(stderr, "%s: %s\n", args->argument, strerror(-err));
		return EXIT_FAILURE;
	}
	tools_report(&report);
	report.say = say_renamed;
	report.arg = &names;
	c = conf_make_as(args, fresh, &report);
	conf_report_clear(&report);
	if (c == NULL) {
		fprintf(stderr, "%s: not adopted\n", args->argument);
		return EXIT_FAILURE;
	}
	conf_free(c);
	if (rename(fresh, target) == -1) {
		fprintf(stderr, "%s: %s\n", target, strerror(errno));
		return EXIT_FAILURE;
	}
	sync_dir_of(target);
	printf("%s: adopted as %s\n", args->argument, target);
	return EXIT_SUCCESS;
}

int
tools_adopt(const struct conf_args *args)
{
	const char *file = args->file != NULL ? args->file : CONFFILE;
	char target[PATH_MAX], fresh[PATH_MAX + 16];
	int status;

	diag_open(true, 0);
	/* a link stays one: what it leads to is replaced */
	if (realpath(file, target) == NULL) {
		if (errno != ENOENT || strlen(file) >= sizeof(target)) {
			fprintf(stderr, "%s: %s\n", file, strerror(errno));
			return EXIT_FAILURE;
		}
		memcpy(target, file, strlen(file) + 1);
	}
	snprintf(fresh, sizeof(fresh), "%s.new", target);
	status = adopt(args, target, fresh);
	if (status != EXIT_SUCCESS)
		(void)unlink(fresh);
	return status;
}

/* ---- --map-test ------------------------------------------------------- */

static void
test_name(const struct conf *c, const struct maprules_client *client,
    const char *name)
{
	struct maprules_result r;

	if (c->values.map == NULL) {
		puts(name);
		return;
	}
	maprules_apply(c->values.map, name, client, c->map_steps, NULL, &r);
	switch (r.verdict) {
	case MAPRULES_OK: puts(r.out); break;
	case MAPRULES_ABORTED: printf("ERROR: %s\n", r.out); break;
	case MAPRULES_STEPS_USED:
		printf("ERROR: more than %u steps\n", c->map_steps);
		break;
	case MAPRULES_TOO_LONG: puts("ERROR: the name gets too long"); break;
	}
}

static void
test_names(const struct conf *c, const struct conf_args *args, FILE *in)
{
	static const uint8_t v4[4] = { 192, 0, 2, 34 };
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0,
	    0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef };
	struct maprules_client client = {
		.is_write = c->values.may_create,
		.is_v4 = !args->ipv6_only,
		.address = args->ipv6_only ?
		    "2001:db8::feed:face:dead:beef" : "192.0.2.34",
		.bytes = args->ipv6_only ? v6 : v4,
		.mac = "",
	};
	char line[PATHNAME_MAX + 2];

	while (fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		test_name(c, &client, line);
	}
}

int
tools_map_test(const struct conf_args *args)
{
	struct conf_report report;
	struct conf *c;
	FILE *in = strcmp(args->argument, "-") == 0 ? stdin :
	    fopen(args->argument, "r");
	int status = EXIT_SUCCESS;

	if (in == NULL) {
		fprintf(stderr, "%s: %s\n", args->argument, strerror(errno));
		return SETUP_NOINPUT;
	}
	tools_report(&report);
	c = conf_make(args, &report);
	if (c == NULL)
		status = tools_exit_status(args);
	else
		test_names(c, args, in);
	if (in != stdin)
		fclose(in);
	conf_report_clear(&report);
	conf_free(c);
	return status;
}
