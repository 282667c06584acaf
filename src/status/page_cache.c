#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "os/clock.h"
#include "page_parts.h"

/* Worth keeping; for how long, and until it is too old for anybody. */
#define COST_MIN_US	UINT64_C(150000)
#define KEEP_TIMES	10	/* so a tenth of one CPU at most */
#define KEEP_MAX_US	(UINT64_C(60) * 1000000)
#define STALE_MAX_US	(UINT64_C(120) * 1000000)
#define TEXT_MAX	((size_t)1 << 20)

/* What stands before the text. */
struct head {
	char key[PAGE_CACHE_KEY];
	uint64_t made_us, keep_us;
	uint64_t len;
};

void
page_cache_open(struct page_cache *c, const struct page *p)
{
	struct stat st = { .st_ino = 0 };
	char lock[48];

	*c = (struct page_cache){ .lock = -1, .now_us = p->options.now_us };
	snprintf(c->name, sizeof(c->name), "page-%s", p->window->name);
	c->dir = open(p->settings->state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->dir == -1)
		return;
	(void)stat(p->log_path, &st);
	snprintf(c->key, sizeof(c->key), "tftpd-status " PACKAGE_VERSION
	    " %s %d %ju:%ju %s", c->name, p->options.style.is_utc,
	    (uintmax_t)st.st_dev, (uintmax_t)st.st_ino, p->log_path);
	/* each window has its own: a short one does not wait for a long one */
	snprintf(lock, sizeof(lock), "%s.lock", c->name);
	c->lock = openat(c->dir, lock, O_RDWR | O_CREAT | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
}

/* One that we wrote, about this log; the file, or -1. */
static int
open_kept(const struct page_cache *c, struct head *head)
{
	int fd = openat(c->dir, c->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
	    O_NONBLOCK);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid() && (st.st_mode & 022) == 0 &&
	    read(fd, head, sizeof(*head)) == (ssize_t)sizeof(*head) &&
	    memcmp(head->key, c->key, sizeof(c->key)) == 0 &&
	    head->len <= TEXT_MAX && head->made_us <= c->now_us)
		return fd;
	close(fd);
	return -1;
}

/* Print it if it is younger than that, beside how long it may be kept. */
static bool
show(const struct page_cache *c, const struct page *p, uint64_t extra_us)
{
	struct head head;
	int fd = open_kept(c, &head);
	char *text = NULL;
	bool is_shown = false;

	if (fd == -1)
		return false;
	if (c->now_us - head.made_us <= head.keep_us + extra_us)
		text = malloc(head.len + 1);
	if (text != NULL && read(fd, text, head.len) == (ssize_t)head.len)
		is_shown = fwrite(text, 1, head.len, p->out) == head.len;
	free(text);
	close(fd);
	return is_shown;
}

bool
page_cache_show(struct page_cache *c, const struct page *p)
{
	if (c->lock == -1)
		return false;
	if (show(c, p, 0))
		return true;
	if (flock(c->lock, LOCK_EX | LOCK_NB) == 0)
		return false;
	if (show(c, p, STALE_MAX_US))
		return true;
	/* Nobody has made one: wait for who is about to. */
	while (flock(c->lock, LOCK_EX) == -1 && errno == EINTR)
		;
	c->now_us = clock_real_us();
	return show(c, p, 0);
}

void
page_cache_keep(struct page_cache *c, const char *text, size_t len,
    uint64_t took_us)
{
	struct head head = { .made_us = c->now_us, .len = len,
		.keep_us = took_us * KEEP_TIMES };
	char new[48];
	int fd;

	if (c->lock == -1 || took_us < COST_MIN_US || len > TEXT_MAX)
		return;
	if (head.keep_us > KEEP_MAX_US)
		head.keep_us = KEEP_MAX_US;
	memcpy(head.key, c->key, sizeof(head.key));
	snprintf(new, sizeof(new), "%s.new", c->name);
	(void)unlinkat(c->dir, new, 0);
	fd = openat(c->dir, new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (fd == -1)
		return;
	if (write(fd, &head, sizeof(head)) == (ssize_t)sizeof(head) &&
	    write(fd, text, len) == (ssize_t)len)
		(void)renameat(c->dir, new, c->dir, c->name);
	else
		(void)unlinkat(c->dir, new, 0);
	close(fd);
}

void
page_cache_close(struct page_cache *c)
{
	if (c->lock != -1)
		close(c->lock);
	if (c->dir != -1)
		close(c->dir);
}
