#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manage_parts.h"
#include "record/jsonl.h"

/* A CR alone, or a control byte, does not come back from a browser. */
static bool
is_kept(const struct manage_text *t, size_t at, uint32_t code)
{
	if (code == '\r')
		return at + 1 < t->len && t->buf[at + 1] == '\n';
	return code == '\n' || code == '\t' ||
	    (code >= ' ' && code != 0x7f && (code < 0x80 || code > 0x9f));
}

static bool
is_plain(const struct manage_text *t)
{
	size_t at, len;
	uint32_t code;

	for (at = 0; at < t->len; at += len) {
		len = jsonl_utf8((const uint8_t *)t->buf + at, t->len - at,
		    &code);
		if (len == 0 || !is_kept(t, at, code))
			return false;
	}
	return true;
}

static int
slurp(int fd, struct manage_text *t)
{
	ssize_t n = 1;

	t->buf = malloc(MANAGE_TEXT_MAX + 2);
	if (t->buf == NULL)
		return -ENOMEM;
	while (n > 0 && t->len <= MANAGE_TEXT_MAX) {
		n = read(fd, t->buf + t->len, MANAGE_TEXT_MAX + 1 - t->len);
		if (n == -1 && errno != EINTR)
			return -errno;
		t->len += n > 0 ? (size_t)n : 0;
	}
	t->buf[t->len] = '\0';
	return t->len > MANAGE_TEXT_MAX ? -EFBIG : 0;
}

int
manage_text_read(const char *path, struct manage_text *t)
{
	struct stat st;
	int fd, err;

	*t = (struct manage_text){ .buf = NULL };
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return -errno;
	err = fstat(fd, &st) == -1 ? -errno : S_ISREG(st.st_mode) ? 0 :
	    -EINVAL;
	if (err == 0)
		err = slurp(fd, t);
	close(fd);
	if (err == 0 && !is_plain(t))
		err = -EILSEQ;
	if (err != 0) {
		free(t->buf);
		*t = (struct manage_text){ .buf = NULL };
	}
	return err;
}

int
manage_text_take(const char *sent, struct manage_text *t)
{
	size_t len = strlen(sent), i;

	*t = (struct manage_text){ .buf = malloc(len + 1) };
	if (t->buf == NULL)
		return -ENOMEM;
	for (i = 0; i < len; i++)
		if (sent[i] != '\r' || sent[i + 1] != '\n')
			t->buf[t->len++] = sent[i];
	t->buf[t->len] = '\0';
	return t->len > MANAGE_TEXT_MAX ? -EFBIG : 0;
}
