#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/admission.h"
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

	a->sock = netio_connect(o->listener, &o->origin, a->conf->port_first,
	    a->conf->port_last);
	if (a->sock >= 0)
		return true;
	access_refuse(&a->verdict, a->sock == -EADDRINUSE ?
	    OUTCOME_LIMITED : OUTCOME_FAILED, PACKET_ERR_UNDEFINED,
	    "no socket for the transfer: %s", strerror(-a->sock));
	/* all ports of the range are taken: the ERROR comes from another */
	if (a->sock == -EADDRINUSE)
		a->sock = netio_connect(o->listener, &o->origin, 0, 0);
	a->verdict.text = "Server busy";
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

static bool
find_path(struct admission *a)
{
	struct packet_slice name = a->req.name;
	enum pathname_verdict verdict;
	const char *below;
	bool absolute;

	verdict = pathname_check(name.buf, name.len);
	if (verdict == PATHNAME_OK)
		verdict = pathname_clean(name.buf, name.len, a->path);
	if (verdict != PATHNAME_OK) {
		a->path[0] = '\0';
		access_name(&a->verdict, verdict);
		return false;
	}
	absolute = name.buf[0] == '/' || name.buf[0] == '\\';
	below = access_map(&a->verdict, a->conf, a->path, absolute);
	if (below == NULL)
		return false;
	memmove(a->path, below, strlen(below) + 1);
	return true;
}

static bool
open_for_reading(struct admission *a)
{
	struct stat st;
	int err, tries;

	/* again, if another file was renamed to that place between the two */
	for (tries = 0, a->file = -ESTALE; tries < 4 && a->file == -ESTALE;
	    tries++) {
		err = resolve_stat(a->path, &st);
		if (err != 0)
			return refuse_errno(a, "open", -err);
		if (!access_read(&a->verdict, a->conf, &st))
			return false;
		a->file = resolve_open(a->path, &st);
	}
	if (a->file < 0)
		return refuse_errno(a, "open", -a->file);
	a->file_size = (uint64_t)st.st_size;
	return true;
}

/* May it be written, by the rules?  What stands there is only looked at. */
static bool
check_target(struct admission *a)
{
	int hops, err;

	/* else the rename would replace a link, not what it leads to */
	hops = resolve_links(a->path, sizeof(a->path));
	if (hops < 0)
		return refuse_errno(a, "follow the link", -hops);
	err = resolve_stat(a->path, &a->replaced);
	/* a link that leads nowhere makes no file */
	if (err != 0 && (err != -ENOENT || hops != 0))
		return refuse_errno(a, "open", -err);
	a->may_replace = err == 0;
	if (err == 0 && a->conf->permissive) {
		err = resolve_may_write(a->path);
		if (err != 0)
			return refuse_errno(a, "write", -err);
	}
	return access_write(&a->verdict, a->conf,
	    a->may_replace ? &a->replaced : NULL);
}

bool
admission_still(struct admission *a)
{
	struct stat now;
	int err;

	if (!a->may_replace)
		return true;
	err = resolve_stat(a->path, &now);
	if (err != 0)
		return err == -ENOENT || refuse_errno(a, "store the file",
		    -err);
	if (now.st_ino == a->replaced.st_ino &&
	    now.st_dev == a->replaced.st_dev)
		return true;
	return access_write(&a->verdict, a->conf, &now);
}

static bool
open_for_writing(struct admission *a)
{
	char dir[PATHNAME_MAX + 1];
	const char *base = pathname_split(a->path, dir);
	char hidden[PATHNAME_COMPONENT_MAX + 1];
	uint8_t *scratch = NULL;
	int dirfd, err;

	/* a link may say so; what a client sends is clean */
	if (base[0] == '\0' || strcmp(base, ".") == 0 ||
	    strcmp(base, "..") == 0)
		return refuse_errno(a, "create a file there", EISDIR);
	dirfd = resolve_dir(dir);
	if (dirfd < 0)
		return refuse_errno(a, "open the directory", -dirfd);
	if (!access_size(&a->verdict, a->conf,
	    a->granted.has_tsize ? a->granted.tsize : 0,
	    fileio_available(dirfd))) {
		close(dirfd);
		return false;
	}
	if (a->req.mode == PACKET_MODE_NETASCII) {
		scratch = malloc((size_t)a->granted.blksize + 1);
		if (scratch == NULL) {
			close(dirfd);
			return refuse_errno(a, "get memory", ENOMEM);
		}
	}
	/* known before it exists, so that whoever finds us dead removes it */
	pathname_hidden(base, a->order->id, hidden);
	snprintf(a->slot->hidden, sizeof(a->slot->hidden), "%s/%s", dir,
	    hidden);
	err = fileio_upload_begin(&a->upload, dirfd, base, a->order->id, 0666,
	    scratch);
	if (err == 0) {
		/* else the next upload of that name might not be allowed */
		if (a->may_replace)
			fileio_upload_like(&a->upload, &a->replaced);
		return true;
	}
	a->slot->hidden[0] = '\0';
	return refuse_errno(a, "create a file there", -err);
}

static void
grant_options(struct admission *a)
{
	const struct conf *c = a->conf;
	struct options_limits limits = {
		.op = a->req.op,
		.mode = a->req.mode,
		.max_blksize = c->max_blksize,
		.max_windowsize = c->max_windowsize,
		.refused = c->refused_options,
		.size = a->file_size,
	};
	int fits;

	if (limits.max_blksize == CONF_BLKSIZE_AUTO) {
		fits = netio_path_blksize(a->sock) - c->mtu_less;
		limits.max_blksize = fits < PACKET_BLKSIZE_MIN ?
		    PACKET_BLKSIZE_MIN : (uint16_t)fits;
	}
	options_grant(a->req.options, &limits, &a->granted);
}

void
admission_init(struct admission *a, const struct transfer_order *order,
    struct live_slot *slot)
{
	memset(a, 0, sizeof(*a));
	a->order = order;
	a->conf = order->service->conf;
	a->slot = slot;
	a->sock = a->file = -1;
	a->upload.fd = a->upload.dirfd = -1;
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
	grant_options(a);
	return true;
}

static bool
admit_write(struct admission *a)
{
	if (!check_target(a))
		return false;
	grant_options(a);
	if (!open_for_writing(a))
		return false;
	netio_raise_receive_buffer(a->sock, 2 * a->granted.windowsize *
	    (a->granted.blksize + 512));
	return true;
}

bool
admission_decide(struct admission *a)
{
	enum packet_verdict verdict;

	verdict = packet_decode_request(a->order->request,
	    a->order->request_len, &a->req);
	if (!open_socket(a) || !check_request(a, verdict) || !find_path(a))
		return false;
	return a->req.op == PACKET_RRQ ? admit_read(a) : admit_write(a);
}
