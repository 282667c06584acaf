/* The content of a file that only the right people may write. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf_parts.h"

static bool
is_trusted(struct conf_report *r, const char *shown, const struct stat *st)
{
	struct conf_origin at = { shown, 0 };
	unsigned mode = st->st_mode & 07777;
	uid_t me = geteuid();

	if (st->st_uid != 0 && st->st_uid != me) {
		conf_say(r, false, &at, "it belongs to user %u, who may write "
		    "it; it must belong to %s", (unsigned)st->st_uid,
		    me == 0 ? "root" : "root or to who starts the server");
		return false;
	}
	if ((mode & 022) != 0) {
		conf_say(r, false, &at, "mode %04o: %s may write it; only its "
		    "owner may (chmod go-w)", mode,
		    (mode & 02) != 0 ? "others" : "its group");
		return false;
	}
	return true;
}

/* All of it and a NUL, or NULL with errno set. */
static char *
slurp(int fd, size_t *len)
{
	char *buf = malloc(CONF_FILE_MAX + 2), *less;
	ssize_t n = 1;

	*len = 0;
	while (buf != NULL && n > 0 && *len <= CONF_FILE_MAX) {
		n = read(fd, buf + *len, CONF_FILE_MAX + 1 - *len);
		if (n == -1 && errno == EINTR)
			n = 1;
		else if (n == -1)
			goto fail;
		else
			*len += (size_t)n;
	}
	errno = buf == NULL ? ENOMEM : EFBIG;
	if (buf == NULL || *len > CONF_FILE_MAX)
		goto fail;
	buf[*len] = '\0';
	less = realloc(buf, *len + 1);
	return less != NULL ? less : buf;
fail:
	free(buf);
	return NULL;
}

char *
conf_load(struct conf_report *r, const struct conf_origin *at,
    const char *what, const char *path, const char *shown,
    enum conf_trust trust, size_t *len, struct stat *st)
{
	struct conf_origin self = { shown, 0 };
	char *buf = NULL;
	int fd;

	conf_note_file(r, path);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, st) == -1) {
		if (at != NULL)
			conf_say(r, false, at, "%s: %.400s: %s", what, shown,
			    strerror(errno));
		else
			conf_say(r, false, &self, "%s", strerror(errno));
		goto out;
	}
	if (!S_ISREG(st->st_mode)) {
		if (at != NULL)
			conf_say(r, false, at, "%s: %.400s: it is no regular "
			    "file", what, shown);
		else
			conf_say(r, false, &self, "it is no regular file");
		goto out;
	}
	if (trust == CONF_TRUSTED_ONLY && !is_trusted(r, shown, st))
		goto out;
	buf = slurp(fd, len);
	if (buf == NULL && errno == EFBIG)
		conf_say(r, false, &self, "it has more than 1 MiB");
	else if (buf == NULL)
		conf_say(r, false, &self, "%s", strerror(errno));
out:
	if (fd != -1)
		close(fd);
	return buf;
}
