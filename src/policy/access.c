#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "policy/access.h"

#define ORIGIN_SHOWN	96	/* bytes of where a rule stands */

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

static void __attribute__((format(printf, 4, 0)))
refuse(struct access_verdict *v, enum outcome outcome, enum packet_error code,
    const char *fmt, va_list ap)
{
	v->outcome = outcome;
	v->code = code;
	access_set_text(v, wire_text(code));
	vsnprintf(v->message, sizeof(v->message), fmt, ap);
}

void
access_refuse(struct access_verdict *v, enum outcome outcome,
    enum packet_error code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	refuse(v, outcome, code, fmt, ap);
	va_end(ap);
}

void
access_set_text(struct access_verdict *v, const char *text)
{
	snprintf(v->text, sizeof(v->text), "%s", text);
}

/* The same by a rule: " (FILE:LINE)" stands at the end, whatever is cut. */
static bool __attribute__((format(printf, 6, 7)))
refuse_by(struct access_verdict *v, const struct access_rules *r,
    enum conf_key key, enum outcome outcome, enum packet_error code,
    const char *fmt, ...)
{
	char origin[CONF_ORIGIN_MAX], tail[CONF_ORIGIN_MAX + 64], *end;
	const char *shown = origin;
	size_t len, most;
	va_list ap;

	va_start(ap, fmt);
	refuse(v, outcome, code, fmt, ap);
	va_end(ap);
	conf_origin_text(r->conf, r->values, key, origin);
	/* of a long path its end says more */
	if (strlen(origin) > ORIGIN_SHOWN)
		shown = origin + strlen(origin) - ORIGIN_SHOWN;
	/* what nobody wrote has no place, but a name to be changed by */
	snprintf(tail, sizeof(tail), " (%s%s%s)",
	    strcmp(origin, "default") == 0 ? conf_key_name(key) : "",
	    strcmp(origin, "default") == 0 ? ": " : "", shown);
	len = strlen(tail);
	most = ACCESS_MESSAGE_MAX - len - 1;
	end = v->message + strnlen(v->message, most);
	snprintf(end, len + 1, "%s", tail);
	return false;
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

bool
access_client(struct access_verdict *v, const struct conf *c,
    const struct cidr_addr *client)
{
	struct conf_origin origin;
	char line[16] = "";

	v->outcome = OUTCOME_NONE;
	if (conf_allows(c, client, &origin))
		return true;
	if (origin.line != 0)
		snprintf(line, sizeof(line), ":%u", origin.line);
	access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
	    "this client may not ask (%.120s%s)", origin.where == NULL ?
	    "allow-clients: default" : origin.where, line);
	return false;
}

bool
access_operation(struct access_verdict *v, const struct access_rules *r,
    bool is_write)
{
	const struct conf_values *values = r->values;

	v->outcome = OUTCOME_NONE;
	if (!is_write)
		return values->may_read || refuse_by(v, r, CONF_READ,
		    OUTCOME_DENIED, PACKET_ERR_ACCESS, "reads are off");
	if (values->max_upload == 0)
		return refuse_by(v, r, CONF_MAX_UPLOAD, OUTCOME_DENIED,
		    PACKET_ERR_ACCESS, "uploads are off: max-upload is 0");
	/* hpa's form: what may be written the file's mode says */
	if (values->may_create || values->may_overwrite ||
	    values->may_write_o_w)
		return true;
	return refuse_by(v, r, CONF_CREATE, OUTCOME_DENIED, PACKET_ERR_ACCESS,
	    "uploads are off: neither create nor overwrite is allowed");
}

/* Does the name end with "." and that extension?  "": it has none. */
static bool
has_extension(const char *base, const char *extension)
{
	size_t len = strlen(base), n = strlen(extension);

	if (n == 0)
		return strchr(base, '.') == NULL;
	return len > n && base[len - n - 1] == '.' &&
	    strcasecmp(base + len - n, extension) == 0;
}

bool
access_file_name(struct access_verdict *v, const struct access_rules *r,
    const char *name)
{
	const struct conf_list *deny = &r->values->deny_files;
	const struct conf_list *allow = &r->values->allow_extensions;
	const char *slash = strrchr(name, '/');
	const char *base = slash == NULL ? name : slash + 1;
	int flags = r->values->letter_case == CONF_CASE_EXACT ? 0 :
	    FNM_CASEFOLD;
	unsigned i;

	v->outcome = OUTCOME_NONE;
	for (i = 0; i < deny->count; i++)
		if (fnmatch(deny->items[i], name, flags) == 0 ||
		    (strchr(deny->items[i], '/') == NULL &&
		    fnmatch(deny->items[i], base, flags) == 0))
			return refuse_by(v, r, CONF_DENY_FILES,
			    OUTCOME_DENIED, PACKET_ERR_ACCESS,
			    "deny-files has \"%.64s\"", deny->items[i]);
	for (i = 0; i < allow->count; i++)
		if (has_extension(base, allow->items[i]))
			return true;
	return allow->count == 0 || refuse_by(v, r, CONF_ALLOW_EXTENSIONS,
	    OUTCOME_DENIED, PACKET_ERR_ACCESS,
	    "allow-extensions has not that of \"%.64s\"", base);
}

const char *
access_below(struct access_verdict *v, const struct access_rules *r,
    const char *path, bool absolute, uint8_t *index)
{
	const struct conf_values *values = r->values;
	char dir[PATHNAME_MAX + 1];
	const char *root, *below;
	unsigned i;

	v->outcome = OUTCOME_NONE;
	if (!absolute) {
		access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
		    "without -s only absolute names are served");
		return NULL;
	}
	for (i = 0; i < values->root_count; i++) {
		root = r->conf->dirs[values->roots[i]];
		if (pathname_clean((const uint8_t *)root, strlen(root),
		    dir) != PATHNAME_OK)
			continue;
		below = pathname_below(path, dir);
		if (below == NULL)
			continue;
		*index = values->roots[i];
		return below;
	}
	access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
	    "the name is not below %.128s%s",
	    r->conf->dirs[values->roots[0]], values->root_count == 1 ? "" :
	    " or another of the directories");
	return NULL;
}

static bool
is_regular(struct access_verdict *v, const struct stat *st)
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
access_read(struct access_verdict *v, const struct access_rules *r,
    const struct stat *st)
{
	const struct conf_values *values = r->values;

	v->outcome = OUTCOME_NONE;
	if (!is_regular(v, st))
		return false;
	if (values->require_world_readable && (st->st_mode & S_IROTH) == 0)
		return refuse_by(v, r, CONF_REQUIRE_WORLD_READABLE,
		    OUTCOME_DENIED, PACKET_ERR_ACCESS,
		    "mode %04o is not world-readable",
		    (unsigned)(st->st_mode & 07777));
	if (values->max_read != 0 && (uint64_t)st->st_size > values->max_read)
		return refuse_by(v, r, CONF_MAX_READ, OUTCOME_LIMITED,
		    PACKET_ERR_SPACE, "%llu bytes are more than max-read "
		    "allows (%llu)", (unsigned long long)st->st_size,
		    (unsigned long long)values->max_read);
	return true;
}

/* tftpd-hpa: without -p the file's mode decides about overwriting. */
static bool
write_as_hpa(struct access_verdict *v, const struct access_rules *r,
    const struct stat *st)
{
	if (!r->values->require_world_readable ||
	    (st->st_mode & S_IWOTH) != 0)
		return true;
	return refuse_by(v, r, CONF_OVERWRITE, OUTCOME_DENIED,
	    PACKET_ERR_ACCESS, "mode %04o is not world-writable",
	    (unsigned)(st->st_mode & 07777));
}

bool
access_write(struct access_verdict *v, const struct access_rules *r,
    const struct stat *st)
{
	const struct conf_values *values = r->values;

	if (!access_operation(v, r, true))
		return false;
	if (st == NULL)
		return values->may_create || refuse_by(v, r, CONF_CREATE,
		    OUTCOME_NOTFOUND, PACKET_ERR_NOT_FOUND,
		    "no such file, and no new one may be created");
	if (!is_regular(v, st))
		return false;
	if (values->may_overwrite)
		return true;
	if (values->may_write_o_w)
		return write_as_hpa(v, r, st);
	return refuse_by(v, r, CONF_OVERWRITE, OUTCOME_DENIED,
	    PACKET_ERR_EXISTS, "the file exists and may not be overwritten");
}

bool
access_size(struct access_verdict *v, const struct access_rules *r,
    uint64_t size, uint64_t available)
{
	const struct conf_values *values = r->values;

	v->outcome = OUTCOME_NONE;
	if (size > values->max_upload)
		return refuse_by(v, r, CONF_MAX_UPLOAD, OUTCOME_LIMITED,
		    PACKET_ERR_SPACE,
		    "%llu bytes are more than max-upload allows (%llu)",
		    (unsigned long long)size,
		    (unsigned long long)values->max_upload);
	if (available < values->min_free ||
	    size > available - values->min_free)
		return refuse_by(v, r, CONF_MIN_FREE, OUTCOME_LIMITED,
		    PACKET_ERR_SPACE,
		    "%llu bytes do not fit: %llu are free, %llu stay so",
		    (unsigned long long)size, (unsigned long long)available,
		    (unsigned long long)values->min_free);
	return true;
}

void
access_link(struct access_verdict *v, const struct access_rules *r,
    const char *verb)
{
	refuse_by(v, r, CONF_SYMLINKS, OUTCOME_DENIED, PACKET_ERR_ACCESS,
	    "cannot %s: there is a symbolic link on the way, and symlinks is "
	    "none", verb);
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
