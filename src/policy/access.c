#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy/access.h"

/* The texts on the wire: short, constant, the same for every reason. */
static const char *
wire_text(enum packet_error code)
{
	switch (code) {
	case PACKET_ERR_NOT_FOUND: return "File not found";
	case PACKET_ERR_ACCESS: return "Access violation";
	case PACKET_ERR_SPACE: return "Disk full or allocation exceeded";
	case PACKET_ERR_ILLEGAL: return "Illegal TFTP operation";
	case PACKET_ERR_EXISTS: return "File already exists";
	default: return "Server error";
	}
}

void
access_refuse(struct access_verdict *v, enum outcome outcome,
    enum packet_error code, const char *fmt, ...)
{
	va_list ap;

	v->outcome = outcome;
	v->code = code;
	v->text = wire_text(code);
	va_start(ap, fmt);
	vsnprintf(v->message, sizeof(v->message), fmt, ap);
	va_end(ap);
}

void
access_name(struct access_verdict *v, enum pathname_verdict verdict)
{
	switch (verdict) {
	case PATHNAME_EMPTY:
		access_refuse(v, OUTCOME_NOTFOUND, PACKET_ERR_NOT_FOUND,
		    "the name is empty");
		break;
	case PATHNAME_TOO_LONG:
		access_refuse(v, OUTCOME_INVALID, PACKET_ERR_ILLEGAL,
		    "the name is longer than %d bytes", PATHNAME_MAX);
		break;
	case PATHNAME_CONTROL:
		access_refuse(v, OUTCOME_INVALID, PACKET_ERR_ILLEGAL,
		    "the name has a control byte");
		break;
	case PATHNAME_DOTDOT:
		access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
		    "the name has a \"..\" component");
		break;
	case PATHNAME_HIDDEN:
		access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
		    "the name is that of an unfinished upload");
		break;
	case PATHNAME_OK:
		v->outcome = OUTCOME_NONE;
		break;
	}
}

const char *
access_map(struct access_verdict *v, const struct conf *c, const char *path,
    bool absolute)
{
	char dir[PATHNAME_MAX + 1];
	const char *below;

	v->outcome = OUTCOME_NONE;
	if (c->is_secure)
		return path;
	if (!absolute) {
		access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
		    "without -s only absolute names are served");
		return NULL;
	}
	if (pathname_clean((const uint8_t *)c->root, strlen(c->root), dir) !=
	    PATHNAME_OK)
		return path;
	below = pathname_below(path, dir);
	if (below == NULL)
		access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
		    "the name is not below %s", c->root);
	return below;
}

static bool
access_regular(struct access_verdict *v, const struct stat *st)
{
	if (S_ISREG(st->st_mode))
		return true;
	access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
	    "this is a %s, not a regular file",
	    S_ISDIR(st->st_mode) ? "directory" :
	    S_ISFIFO(st->st_mode) ? "FIFO" :
	    S_ISSOCK(st->st_mode) ? "socket" : "device");
	return false;
}

bool
access_read(struct access_verdict *v, const struct conf *c,
    const struct stat *st)
{
	v->outcome = OUTCOME_NONE;
	if (!access_regular(v, st))
		return false;
	if (!c->permissive && (st->st_mode & S_IROTH) == 0) {
		access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
		    "mode %04o is not world-readable",
		    (unsigned)(st->st_mode & 07777));
		return false;
	}
	return true;
}

bool
access_write(struct access_verdict *v, const struct conf *c,
    const struct stat *st)
{
	v->outcome = OUTCOME_NONE;
	if (c->read_only || c->max_upload == 0) {
		access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
		    "uploads are off (%s)", c->read_only ? "--read-only" :
		    "--max-upload 0");
		return false;
	}
	if (st == NULL) {
		if (c->may_create)
			return true;
		access_refuse(v, OUTCOME_NOTFOUND, PACKET_ERR_NOT_FOUND,
		    "no such file, and without -c none is created");
		return false;
	}
	if (!access_regular(v, st))
		return false;
	if (!c->permissive && (st->st_mode & S_IWOTH) == 0) {
		access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
		    "mode %04o is not world-writable",
		    (unsigned)(st->st_mode & 07777));
		return false;
	}
	return true;
}

bool
access_size(struct access_verdict *v, const struct conf *c, uint64_t size,
    uint64_t available)
{
	v->outcome = OUTCOME_NONE;
	if (size > c->max_upload) {
		access_refuse(v, OUTCOME_LIMITED, PACKET_ERR_SPACE,
		    "%llu bytes are more than max-upload allows (%llu)",
		    (unsigned long long)size,
		    (unsigned long long)c->max_upload);
		return false;
	}
	if (available < c->min_free || size > available - c->min_free) {
		access_refuse(v, OUTCOME_LIMITED, PACKET_ERR_SPACE,
		    "%llu bytes do not fit: %llu are free, %llu stay so",
		    (unsigned long long)size, (unsigned long long)available,
		    (unsigned long long)c->min_free);
		return false;
	}
	return true;
}

void
access_errno(struct access_verdict *v, const char *verb, int err)
{
	switch (err) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
		access_refuse(v, OUTCOME_NOTFOUND, PACKET_ERR_NOT_FOUND,
		    "no such file%s", err == ENAMETOOLONG ?
		    ": a component of the name is too long" : "");
		break;
	case EACCES:
	case EPERM:
	case EROFS:
		access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
		    "cannot %s: %s (permissions of the directories, SELinux "
		    "or AppArmor)", verb, strerror(err));
		break;
	case ELOOP:
	case EXDEV:
	case ENXIO:
	case EISDIR:
		access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
		    "cannot %s: %s", verb, strerror(err));
		break;
	case EEXIST:
		access_refuse(v, OUTCOME_DENIED, PACKET_ERR_EXISTS,
		    "another upload of that name was faster");
		break;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		access_refuse(v, OUTCOME_LIMITED, PACKET_ERR_SPACE,
		    "cannot %s: %s", verb, strerror(err));
		break;
	default:
		access_refuse(v, OUTCOME_FAILED, PACKET_ERR_UNDEFINED,
		    "cannot %s: %s", verb, strerror(err));
	}
}
