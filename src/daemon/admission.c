#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/admission.h"
#include "os/clock.h"
#include "os/resolve.h"

static bool
refuse_with(struct admission *a, enum outcome outcome, enum packet_error code,
    const char *why)
{
	access_refuse(&a->verdict, outcome, code, "%s", why);
	return false;
}

static bool
refuse_errno(struct admission *a, const char *verb, int err)
{
	access_errno(&a->verdict, verb, err);
	return false;
}

static bool
open_socket(struct admission *a)
{
	const struct transfer_order *o = a->order;
	const struct conf_values *values = a->rules.values;

	if (a->trail != NULL)
		return true;
	a->sock = o->sock;
	if (a->sock != -1)
		return true;
	a->sock = netio_connect(o->listener, &o->origin, values->port_first,
	    values->port_last);
	if (a->sock >= 0)
		return true;
	access_refuse(&a->verdict, a->sock == -EADDRINUSE ?
	    OUTCOME_LIMITED : OUTCOME_FAILED, PACKET_ERR_UNDEFINED,
	    "no socket for the transfer: %s", strerror(-a->sock));
	/* all ports of the range are taken: the ERROR comes from another */
	if (a->sock == -EADDRINUSE)
		a->sock = netio_connect(o->listener, &o->origin, 0, 0);
	access_set_text(&a->verdict, "Server busy");
	if (a->sock < 0)
		a->sock = -1;
	return false;
}

static bool
check_request(struct admission *a, enum packet_verdict verdict)
{
	if (verdict == PACKET_NO_NAME_END)
		return refuse_with(a, OUTCOME_INVALID, PACKET_ERR_ILLEGAL,
		    "the name has no end");
	if (verdict == PACKET_NO_MODE)
		return refuse_with(a, OUTCOME_INVALID, PACKET_ERR_ILLEGAL,
		    "the mode is missing or has no end");
	if (verdict != PACKET_OK)
		return refuse_with(a, OUTCOME_INVALID, PACKET_ERR_ILLEGAL,
		    "this is no request");
	if (a->req.mode == PACKET_MODE_MAIL)
		return refuse_with(a, OUTCOME_INVALID, PACKET_ERR_ILLEGAL,
		    "mode mail is not served");
	if (a->req.mode == PACKET_MODE_UNKNOWN)
		return refuse_with(a, OUTCOME_INVALID, PACKET_ERR_ILLEGAL,
		    "unknown mode; there are octet and netascii");
	return true;
}

/* Who asks, and may it read or write at all? */
static bool
check_client(struct admission *a)
{
	const struct transfer_order *o = a->order;
	const struct conf *c = a->rules.conf;
	const struct conf_section *section;
	bool is_write = a->req.op == PACKET_WRQ;

	if (c->is_broken) {
		refuse_with(a, OUTCOME_FAILED, PACKET_ERR_UNDEFINED,
		    "the configuration cannot be used, and there is no good "
		    "copy of it");
		access_set_text(&a->verdict, "Server configuration error");
		return false;
	}
	if (!access_client(&a->verdict, c, &o->client_addr))
		return false;
	trail_say_by(a->trail, &a->rules, CONF_ALLOW_CLIENTS, "client",
	    "%s may ask", o->address);
	section = conf_section_for(c, &o->client_addr);
	if (section != NULL)
		trail_say(a->trail, "values", "of the client section at %s:%u",
		    section->origin.where, section->origin.line);
	if (!access_operation(&a->verdict, &a->rules, is_write))
		return false;
	trail_say_by(a->trail, &a->rules, !is_write ? CONF_READ :
	    a->rules.values->may_create ? CONF_CREATE : CONF_OVERWRITE,
	    is_write ? "uploads" : "reads", "are allowed");
	return true;
}

/* ---- reads ------------------------------------------------------------ */

static bool
open_for_reading(struct admission *a)
{
	struct naming *n = &a->naming;
	int tries;

	/* again, if another file was renamed to that place between the two */
	for (tries = 0, a->file = -ESTALE; tries < 4 && a->file == -ESTALE;
	    tries++) {
		if (!naming_find(n, &a->verdict) ||
		    !access_read(&a->verdict, &a->rules, &n->st))
			return false;
		a->file = resolve_open(&n->root, n->path, &n->st);
	}
	if (a->file < 0)
		return naming_refuse(n, &a->verdict, n->path, "open",
		    a->file);
	a->file_size = (uint64_t)n->st.st_size;
	return true;
}

/* ---- uploads ---------------------------------------------------------- */

static bool
is_unique(const struct admission *a)
{
	return a->rules.values->upload_names == CONF_UPLOAD_UNIQUE;
}

/* A rename would not ask whether the file itself may be written. */
static bool
may_write_target(struct admission *a)
{
	const struct naming *n = &a->naming;
	int err = resolve_may_write(&n->root, n->path);

	return err == 0 || naming_refuse(n, &a->verdict, n->path, "write",
	    err);
}

/* May it be written, by the rules?  What stands there is only looked at. */
static bool
check_target(struct admission *a)
{
	struct naming *n = &a->naming;

	if (!naming_place(n, &a->verdict))
		return false;
	a->may_replace = n->exists && !is_unique(a);
	if (!access_write(&a->verdict, &a->rules,
	    a->may_replace ? &n->st : NULL))
		return false;
	return !a->may_replace || may_write_target(a);
}

/* The file that stands there is changed itself, when all has arrived. */
static int
begin_in_place(struct admission *a, uint8_t *scratch)
{
	const struct naming *n = &a->naming;
	int spool = a->order->service->spool_fd, target;

	if (spool == -1)
		return -EACCES;
	target = resolve_open_write(&n->root, n->path, &n->st);
	if (target < 0)
		return target;
	return fileio_upload_begin_in_place(&a->upload, spool, target,
	    scratch);
}

/*
 * Known before it exists, so that whoever finds us dead removes it.  A server
 * with another configuration may be the one, so the root's path stands there.
 */
static void
note_hidden(struct admission *a, const char *dir, const char *base)
{
	char hidden[PATHNAME_COMPONENT_MAX + 1];

	pathname_hidden(base, a->order->id, hidden);
	snprintf(a->slot->root, sizeof(a->slot->root), "%s",
	    a->rules.conf->dirs[a->naming.root_index]);
	snprintf(a->slot->hidden, sizeof(a->slot->hidden), "%s/%s", dir,
	    hidden);
}

/*
 * In a directory with the sticky bit (1777) a file can be made, but not be
 * renamed over one that is somebody else's.
 */
static bool
is_replacing_barred(const struct admission *a, int dirfd)
{
	struct stat st;

	return a->may_replace && fstat(dirfd, &st) == 0 &&
	    (st.st_mode & S_ISVTX) != 0 && st.st_uid != geteuid() &&
	    a->naming.st.st_uid != geteuid();
}

static int
begin_upload(struct admission *a, const char *dir, const char *base,
    int dirfd, uint8_t *scratch)
{
	int err;

	if (is_replacing_barred(a, dirfd)) {
		close(dirfd);
		return begin_in_place(a, scratch);
	}
	note_hidden(a, dir, base);
	err = fileio_upload_begin(&a->upload, dirfd, base, a->order->id, 0666,
	    scratch);
	if (err == 0) {
		/* else the next upload of that name might not be allowed */
		if (a->may_replace)
			fileio_upload_like(&a->upload, &a->naming.st);
		return 0;
	}
	a->slot->hidden[0] = '\0';
	/* tftpd-hpa's classic set-up: a 0666 file in a closed directory */
	if (a->may_replace && (err == -EACCES || err == -EPERM))
		return begin_in_place(a, scratch);
	return err;
}

/* --explain makes no file: would one be made? */
static bool
could_create(struct admission *a, const char *dir, bool is_barred)
{
	int err = is_barred ? -EACCES :
	    resolve_may_write(&a->naming.root, dir);

	if (err == -EACCES && a->may_replace &&
	    a->order->service->spool_fd != -1) {
		trail_say(a->trail, "in place", "no file can be made in that "
		    "directory: the old one gets the new content");
		return true;
	}
	return err == 0 || naming_refuse(&a->naming, &a->verdict, dir,
	    "create a file there", err);
}

static bool
open_for_writing(struct admission *a)
{
	struct naming *n = &a->naming;
	char dir[PATHNAME_MAX + 1];
	const char *base = pathname_split(n->path, dir);
	uint8_t *scratch = NULL;
	bool is_barred;
	int dirfd, err;

	/* a link may say so; what a client sends is clean */
	if (base[0] == '\0' || strcmp(base, ".") == 0 ||
	    strcmp(base, "..") == 0)
		return refuse_errno(a, "create a file there", EISDIR);
	dirfd = resolve_dir(&n->root, dir);
	if (dirfd < 0)
		return naming_refuse(n, &a->verdict, dir,
		    "open the directory", dirfd);
	if (!access_size(&a->verdict, &a->rules,
	    a->granted.has_tsize ? a->granted.tsize : 0,
	    fileio_available(dirfd)) || a->trail != NULL) {
		is_barred = is_replacing_barred(a, dirfd);
		close(dirfd);
		return a->trail != NULL && a->verdict.outcome ==
		    OUTCOME_NONE && could_create(a, dir, is_barred);
	}
	if (a->req.mode == PACKET_MODE_NETASCII) {
		scratch = malloc((size_t)a->granted.blksize + 1);
		if (scratch == NULL) {
			close(dirfd);
			return refuse_errno(a, "get memory", ENOMEM);
		}
	}
	umask(a->rules.values->umask);
	err = begin_upload(a, dir, base, dirfd, scratch);
	if (err == 0)
		return true;
	free(scratch);
	return naming_refuse(n, &a->verdict, dir, "create a file there", err);
}

/* Would the rules still allow it, if something else stands there by now? */
static bool
may_still(struct admission *a)
{
	const struct naming *n = &a->naming;
	struct stat now;
	int err;

	if (!a->may_replace)
		return true;
	err = resolve_stat(&n->root, n->path, &now);
	if (err == 0 && now.st_ino == n->st.st_ino &&
	    now.st_dev == n->st.st_dev)
		return may_write_target(a);
	/* the file that gets the content is not the one of that name */
	if (a->upload.in_place)
		return refuse_with(a, OUTCOME_FAILED, PACKET_ERR_UNDEFINED,
		    "the file was removed or replaced while the upload ran");
	if (err != 0)
		return err == -ENOENT || refuse_errno(a, "store the file",
		    -err);
	return access_write(&a->verdict, &a->rules, &now) &&
	    may_write_target(a);
}

/* NAME.YYYYMMDD-HHMMSS.NN */
static int
store_unique(struct admission *a)
{
	char ts[TRANSLOG_TS_LEN + 1], stamp[sizeof("YYYYMMDD-HHMMSS")];

	translog_put_ts(clock_real_us(), ts);
	snprintf(stamp, sizeof(stamp), "%.4s%.2s%.2s-%.2s%.2s%.2s", ts,
	    ts + 5, ts + 8, ts + 11, ts + 14, ts + 17);
	return fileio_upload_store_unique(&a->upload, stamp);
}

/* The record shows the name that the file really has. */
static void
show_final_name(struct admission *a)
{
	char dir[PATHNAME_MAX + 1], path[2 * PATHNAME_MAX];

	(void)pathname_split(a->naming.path, dir);
	snprintf(path, sizeof(path), "%s%s%s", strcmp(dir, ".") == 0 ? "" :
	    dir, strcmp(dir, ".") == 0 ? "" : "/", a->upload.base);
	snprintf(a->naming.path, sizeof(a->naming.path), "%.*s",
	    PATHNAME_MAX, path);
}

static int
store_as(struct admission *a)
{
	int err;

	if (!is_unique(a)) {
		err = fileio_upload_store(&a->upload, a->may_replace);
		if (err == 0 && a->upload.in_place && !may_still(a))
			return -ECANCELED;
		return err;
	}
	err = store_unique(a);
	if (err == 0)
		show_final_name(a);
	return err;
}

int
admission_store(struct admission *a)
{
	int err = may_still(a) ? store_as(a) : -ECANCELED;

	if (err != -ENOENT)
		return err;
	/* not a name that the client got wrong */
	refuse_with(a, OUTCOME_FAILED, PACKET_ERR_UNDEFINED, "the directory "
	    "or the unfinished file was removed while the upload ran");
	return -ECANCELED;
}

/* ---- options ---------------------------------------------------------- */

static void
grant_options(struct admission *a)
{
	const struct conf_values *values = a->rules.values;
	struct options_limits limits = {
		.op = a->req.op,
		.mode = a->req.mode,
		.max_blksize = values->max_blksize,
		.max_windowsize = values->max_windowsize,
		.refused = values->refused_options,
		.size = a->file_size,
	};
	int fits;

	if (limits.max_blksize == CONF_BLKSIZE_AUTO) {
		fits = netio_path_blksize(a->sock) - values->mtu_less;
		limits.max_blksize = fits < PACKET_BLKSIZE_MIN ?
		    PACKET_BLKSIZE_MIN : (uint16_t)fits;
	}
	options_grant(a->req.options, &limits, &a->granted);
}

/* ---- all of it -------------------------------------------------------- */

void
admission_init(struct admission *a, const struct transfer_order *order,
    struct live_slot *slot, struct trail *trail)
{
	memset(a, 0, sizeof(*a));
	a->order = order;
	a->rules.conf = order->service->conf;
	a->rules.values = conf_for(a->rules.conf, &order->client_addr);
	a->slot = slot;
	a->trail = trail;
	a->sock = a->file = -1;
	a->upload.fd = a->upload.dirfd = a->upload.target = -1;
}

bool
admission_connect(struct admission *a)
{
	(void)packet_decode_request(a->order->request, a->order->request_len,
	    &a->req);
	return open_socket(a);
}

static bool
admit_read(struct admission *a)
{
	if (!open_for_reading(a))
		return false;
	trail_say_by(a->trail, &a->rules, CONF_REQUIRE_WORLD_READABLE, "file",
	    "a regular file of %llu bytes, mode %04o",
	    (unsigned long long)a->file_size,
	    (unsigned)(a->naming.st.st_mode & 07777));
	grant_options(a);
	return true;
}

static bool
admit_write(struct admission *a)
{
	if (!check_target(a))
		return false;
	trail_say_by(a->trail, &a->rules, a->may_replace ? CONF_OVERWRITE :
	    CONF_CREATE, "target", "%s", a->may_replace ?
	    "exists and may be replaced" : "a new file");
	grant_options(a);
	if (!open_for_writing(a))
		return false;
	if (a->trail == NULL)
		netio_raise_receive_buffer(a->sock, 2 *
		    a->granted.windowsize * (a->granted.blksize + 512));
	return true;
}

bool
admission_decide(struct admission *a)
{
	enum packet_verdict verdict;

	verdict = packet_decode_request(a->order->request,
	    a->order->request_len, &a->req);
	naming_init(&a->naming, a->order, &a->rules, a->trail,
	    a->req.op == PACKET_WRQ);
	if (!open_socket(a) || !check_client(a) ||
	    !check_request(a, verdict) ||
	    !naming_spell(&a->naming, &a->verdict, a->req.name))
		return false;
	return a->req.op == PACKET_RRQ ? admit_read(a) : admit_write(a);
}
