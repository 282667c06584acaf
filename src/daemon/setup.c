#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "daemon/setup.h"
#include "os/append.h"
#include "os/clock.h"
#include "os/diag.h"
#include "os/shm.h"

#define TABLES_MAX	10	/* servers at the same time */
#define LOW_PORT	1024	/* below it binding needs a capability */

void
setup_init(struct service *s)
{
	unsigned i;

	memset(s, 0, sizeof(*s));
	s->log_fd = s->table_fd = s->spool_fd = s->neighbour_fd = -1;
	s->back_fd = s->back_in_fd = -1;
	for (i = 0; i < CONF_DIRS_MAX; i++)
		s->root_fds[i] = -1;
}

/* ---- sockets ---------------------------------------------------------- */

static int
no_socket(void)
{
	diag_log(DIAG_ERROR, "standard input is no UDP socket: start me from "
	    "xinetd, inetd or systemd,");
	diag_log(DIAG_ERROR, "or by hand with a socket of my own: tftpd -L -a "
	    "127.0.0.1:6969 -s DIRECTORY");
	return SETUP_USAGE;
}

/* -S: the port of an address that has none. */
static const char *
add_service(const char *address, const char *service, char *out, size_t size)
{
	const char *first;

	if (service == NULL)
		return address;
	first = address == NULL ? NULL : strchr(address, ':');
	if (address == NULL)
		snprintf(out, size, ":%s", service);
	else if (address[0] == '[' ? strstr(address, "]:") != NULL :
	    first != NULL && strchr(first + 1, ':') == NULL)
		return address;
	else
		snprintf(out, size, first != NULL && address[0] != '[' ?
		    "[%s]:%s" : "%s:%s", address, service);
	return out;
}

static int
bind_sockets(struct launch *l, const struct conf *c)
{
	int family = c->ipv4_only ? AF_INET : c->ipv6_only ? AF_INET6 :
	    AF_UNSPEC;
	unsigned i, count = c->address_count == 0 ? 1 : c->address_count;
	char why[256] = "", text[256];
	int err = 0;

	/* no address at all is NULL, which is any */
	for (i = 0; i < count && err == 0; i++)
		err = launch_bind(l, add_service(c->addresses[i], c->service,
		    text, sizeof(text)), family, why, sizeof(why));
	if (err == 0)
		return 0;
	diag_log(DIAG_ERROR, "%s", why);
	return err == -EACCES ? SETUP_NOPERM : SETUP_OSERR;
}

int
setup_sockets(struct service *s, struct launch *l, const struct conf *c)
{
	int status, err;
	unsigned i;

	if (c->listen != CONF_LISTEN_NO) {
		for (i = 0; i < l->count; i++)
			close(l->fds[i]);
		l->kind = LAUNCH_NONE;
		l->count = 0;
		status = bind_sockets(l, c);
		if (status != 0)
			return status;
	}
	if (l->count == 0)
		return no_socket();
	for (i = 0; i < l->count; i++) {
		err = netio_listener_init(&s->listeners[i], l->fds[i]);
		if (err != 0) {
			diag_log(DIAG_ERROR, "socket: %s", strerror(-err));
			return SETUP_OSERR;
		}
	}
	s->listener_count = l->count;
	return 0;
}

/* ---- the state directory ---------------------------------------------- */

/* Make it if it is missing; false: it is not there, or not a directory. */
static bool
make_dir(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == -1 && errno != EEXIST)
		return false;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Ours alone to write in: what it holds is believed at the next start. */
static bool
is_ours(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == geteuid() && (st.st_mode & 022) == 0;
}

/*
 * The service user's own, and nobody else's.  Without CAP_CHOWN it stays
 * root's, and is for a group of ours: the systemd unit gives us the service
 * user's.  0 or -errno.
 */
static int
close_to_others(int fd, const struct sandbox_plan *plan)
{
	mode_t mode = 0700;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -errno;
	if (plan->change_user && st.st_uid != plan->uid &&
	    fchown(fd, plan->uid, plan->gid) == -1) {
		if (errno != EPERM || fchown(fd, (uid_t)-1, plan->gid) == -1)
			return -errno;
		mode = 0770;
	}
	if ((st.st_mode & 07777) != mode && fchmod(fd, mode) == -1)
		return -errno;
	return 0;
}

static void
make_spool(const struct service *s)
{
	char path[SERVICE_SPOOL_MAX];
	int fd, err;

	if (s->state_dir[0] == '\0')
		return;
	service_spool_path(s, path);
	(void)mkdir(path, 0700);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	err = fd == -1 ? -errno : close_to_others(fd, &s->walls);
	if (fd != -1)
		close(fd);
	if (err != 0)
		diag_log(DIAG_WARNING, "%s: %s; files in directories that may "
		    "not be written cannot be overwritten", path,
		    strerror(-err));
}

void
setup_state(struct service *s, const struct conf *c)
{
	const char *log = c != NULL ? c->log_path : LOGDIR "/";
	char *slash;

	snprintf(s->state_dir, sizeof(s->state_dir), "%s", STATEDIR);
	/* an ordinary user's start has it beside the log, like the table */
	if (geteuid() != 0) {
		snprintf(s->state_dir, sizeof(s->state_dir), "%s", log);
		slash = strrchr(s->state_dir, '/');
		*slash = '\0';
	}
	if (make_dir(s->state_dir, 0755) && is_ours(s->state_dir))
		return;
	diag_log(DIAG_WARNING, "%s: not a directory that only we may write; "
	    "no last good copy is kept, and files in directories that may "
	    "not be written cannot be overwritten", s->state_dir);
	s->state_dir[0] = '\0';
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
plan_user(struct service *s, const struct conf *c, struct sandbox_plan *plan)
{
	const struct passwd *pw = NULL;

	plan->change_user = sandbox_may(CAP_SETUID) &&
	    sandbox_may(CAP_SETGID);
	if (plan->change_user) {
		pw = find_user(c);
		if (pw == NULL) {
			diag_log(DIAG_ERROR, "%s: no such user",
			    c->user != NULL ? c->user : "nobody");
			return SETUP_NOUSER;
		}
		plan->uid = pw->pw_uid;
		plan->gid = pw->pw_gid;
	} else if (c->user != NULL) {
		diag_log(DIAG_WARNING, "-u %s: not started as root, the user "
		    "stays", c->user);
	}
	if (pw == NULL && geteuid() == 0) {
		diag_log(DIAG_ERROR, "user 0 does not serve, and root without "
		    "CAP_SETUID and CAP_SETGID cannot change to another: add "
		    "these, or start as an ordinary user");
		return SETUP_NOPERM;
	}
	if (pw != NULL && plan->uid == 0) {
		diag_log(DIAG_ERROR, "user 0 does not serve: give another one "
		    "with -u");
		return SETUP_NOPERM;
	}
	snprintf(s->user_text, sizeof(s->user_text), "%.40s",
	    pw != NULL ? pw->pw_name : "unchanged (not root)");
	return 0;
}

const char *
setup_empty_dir(struct service *s)
{
	const char *const parents[] = { s->state_dir, RUNDIR };
	size_t i;

	for (i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		snprintf(s->empty_dir, sizeof(s->empty_dir), "%s/empty",
		    parents[i]);
		if (parents[i][0] != '\0' && make_dir(s->empty_dir, 0755))
			return s->empty_dir;
	}
	return NULL;
}

bool
setup_has_low_port(const struct service *s)
{
	unsigned i;

	for (i = 0; i < s->listener_count; i++)
		if (netio_port(&s->listeners[i].local) < LOW_PORT)
			return true;
	return false;
}

int
setup_walls(struct service *s, const struct conf *c)
{
	struct sandbox_plan plan = {
		.change_root = sandbox_may(CAP_SYS_CHROOT),
		.keep_bind = c->single_port && setup_has_low_port(s),
		.prefer = c->sandbox == CONF_SANDBOX_PREFER,
	};
	int status = plan_user(s, c, &plan);

	if (status != 0)
		return status;
	plan.root = c->dir_count == 1 ? c->dirs[0] : !plan.change_root ?
	    "/" : setup_empty_dir(s);
	if (plan.root == NULL) {
		diag_log(DIAG_ERROR, "%s: cannot be made, and several "
		    "directories need an empty one to stand in",
		    s->empty_dir);
		return SETUP_OSERR;
	}
	s->walls = plan;
	make_spool(s);
	if (!plan.change_root || !plan.change_user)
		diag_log(DIAG_WARNING, "not started as root, so these walls "
		    "are missing:%s%s", plan.change_root ? "" : " chroot",
		    plan.change_user ? "" : " own user");
	return 0;
}

/* ---- log and live table ----------------------------------------------- */

static void
open_log(struct service *s, const struct conf *c)
{
	s->log_fd = append_open(c->log_path);
	if (s->log_fd < 0) {
		diag_log(DIAG_ERROR, "%s: %s; transfers will have no records",
		    c->log_path, strerror(-s->log_fd));
		s->log_fd = -1;
		return;
	}
	if (append_is_shared(c->log_path))
		diag_log(DIAG_WARNING, "%s: the folder is another user's, so "
		    "a new log cannot be made after a rotation",
		    c->log_path);
	if (append_is_nfs(s->log_fd))
		diag_log(DIAG_WARNING, "%s is on NFS: records of several "
		    "machines can mix", c->log_path);
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
count_slots(const struct service *s, const struct conf *c)
{
	uint64_t pages = shm_size(s->table_fd) / LIVE_PAGE;
	uint32_t slots = c->max_transfers;

	if (pages > 1 && pages - 1 > slots && pages - 1 <= 65536)
		slots = (uint32_t)(pages - 1);
	return slots;
}

static void
write_header(const struct service *s, const struct conf *c)
{
	struct live_header h = {
		.magic = LIVE_MAGIC,
		.slots = s->slots,
		.page_size = LIVE_PAGE,
		.started_us = clock_real_us(),
		.keeper_pid = (int32_t)getpid(),
	};

	snprintf(h.log_path, sizeof(h.log_path), "%s", c->log_path);
	(void)shm_write(s->table_fd, 0, &h, sizeof(h));
}

static int
open_table(struct service *s, const struct conf *c)
{
	uint64_t size = live_size(c->max_transfers);
	char beside[PATH_MAX];
	char *slash;

	s->table_fd = open_table_in(RUNDIR, size);
	if (s->table_fd < 0) {
		snprintf(beside, sizeof(beside), "%s", c->log_path);
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
		return SETUP_OSERR;
	}
	s->slots = count_slots(s, c);
	write_header(s, c);
	return 0;
}

void
setup_note_problem(const struct service *s, const char *problem)
{
	struct live_header h;

	if (shm_read(s->table_fd, 0, &h, sizeof(h)) != 0)
		return;
	h.conf_is_bad = problem[0] != '\0';
	snprintf(h.conf_problem, sizeof(h.conf_problem), "%s", problem);
	(void)shm_write(s->table_fd, 0, &h, sizeof(h));
}

/* A stand-alone server's log is not where tftpd-stats shall look later. */
void
setup_clear_header(const struct service *s)
{
	const uint64_t none = 0;

	(void)shm_write(s->table_fd, offsetof(struct live_header, magic),
	    &none, sizeof(none));
}

/* ---- all of it -------------------------------------------------------- */

/* How long to stay without requests: the way of the start has its say. */
static uint32_t
choose_linger(const struct service *s, const struct conf *c)
{
	if (c->listen != CONF_LISTEN_NO)
		return CONF_FOR_EVER;
	/* udpsvd: one client, a process each */
	if (s->listeners[0].is_connected)
		return 1;
	return c->linger_s;
}

int
setup_service(struct service *s, const struct conf *c)
{
	int status = setup_walls(s, c);

	if (status != 0)
		return status;
	s->conf = c;
	s->linger_s = choose_linger(s, c);
	open_log(s, c);
	return open_table(s, c);
}

static void
renew_header(const struct service *s, const struct conf *c)
{
	struct live_header h;

	if (shm_read(s->table_fd, 0, &h, sizeof(h)) != 0)
		return;
	h.slots = s->slots;
	snprintf(h.log_path, sizeof(h.log_path), "%s", c->log_path);
	(void)shm_write(s->table_fd, 0, &h, sizeof(h));
}

int
setup_renew(struct service *s, const struct conf *c)
{
	struct service before = *s;
	uint64_t size = live_size(c->max_transfers);
	int status, err;

	setup_state(s, c);
	status = setup_walls(s, c);
	if (status == 0 && size > shm_size(s->table_fd)) {
		err = shm_grow(s->table_fd, size);
		if (err != 0) {
			diag_log(DIAG_ERROR, "live table: %s",
			    strerror(-err));
			status = SETUP_OSERR;
		}
	}
	if (status != 0) {
		*s = before;
		return status;
	}
	s->conf = c;
	s->linger_s = choose_linger(s, c);
	s->slots = count_slots(s, c);
	renew_header(s, c);
	return 0;
}
