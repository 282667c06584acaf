#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/reload.h"
#include "os/watch.h"

#define FRESH_S	1	/* seconds; stamps of files are coarse */

void
reload_init(struct reload *r, const struct conf_args *args,
    void (*say)(void *arg, bool is_warning, const char *text), void *arg)
{
	memset(r, 0, sizeof(*r));
	r->args = args;
	r->report.say = say;
	r->report.arg = arg;
	r->watch_fd = -1;
}

/* STATE/etc-tftpd.conf.good: servers with other files have other copies. */
void
reload_set_state_dir(struct reload *r, const char *state_dir)
{
	char name[256], *at;

	r->good_path[0] = '\0';
	if (state_dir[0] == '\0' || r->args->file == NULL)
		return;
	snprintf(name, sizeof(name), "%s",
	    r->args->file + strspn(r->args->file, "/"));
	for (at = name; *at != '\0'; at++)
		if (*at == '/')
			*at = '-';
	snprintf(r->good_path, sizeof(r->good_path), "%s/%s.good", state_dir,
	    name);
}

/* ---- looking ---------------------------------------------------------- */

static uint64_t
stamp_all(const struct reload *r)
{
	const struct conf_list *files = &r->report.files;
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < files->count; i++)
		sum = sum * 31 + watch_stamp(files->items[i]);
	return sum;
}

/* Was a file changed so lately that it may change again unnoticed? */
static bool
is_any_fresh(const struct reload *r)
{
	const struct conf_list *files = &r->report.files;
	struct timespec now;
	struct stat st;
	unsigned i;

	clock_gettime(CLOCK_REALTIME, &now);
	for (i = 0; i < files->count; i++)
		if (stat(files->items[i], &st) == 0 &&
		    st.st_ctim.tv_sec >= now.tv_sec - FRESH_S)
			return true;
	return false;
}

struct conf *
reload_look(struct reload *r)
{
	struct conf *c;

	conf_report_clear(&r->report);
	c = conf_make(r->args, &r->report);
	r->stamp = stamp_all(r);
	r->is_fresh = is_any_fresh(r);
	r->is_bad = c == NULL;
	return c;
}

/* All of it as text from malloc; NULL: no memory. */
static char *
print_whole(const struct conf *c, bool with_origins, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);
	bool ok;

	if (out == NULL)
		return NULL;
	ok = conf_print(c, out, with_origins, true);
	ok = fclose(out) == 0 && ok;
	if (!ok) {
		free(text);
		text = NULL;
	}
	return text;
}

bool
reload_is_same(const struct conf *a, const struct conf *b)
{
	size_t a_len, b_len;
	char *a_text = print_whole(a, false, &a_len);
	char *b_text = print_whole(b, false, &b_len);
	bool yes = a_text != NULL && b_text != NULL && a_len == b_len &&
	    memcmp(a_text, b_text, a_len) == 0;

	free(a_text);
	free(b_text);
	return yes;
}

/* ---- the last good copy ----------------------------------------------- */

static void
say_nothing(void *arg, bool is_warning, const char *text)
{
	(void)arg;
	(void)is_warning;
	(void)text;
}

static struct conf *
read_copy(struct reload *r)
{
	struct conf_report report = { .say = say_nothing };
	struct conf_args args = *r->args;
	struct conf *c;

	if (r->good_path[0] == '\0' || access(r->good_path, R_OK) == -1)
		return NULL;
	args.file = r->good_path;
	c = conf_make(&args, &report);
	conf_report_clear(&report);
	return c;
}

struct conf *
reload_make_do(struct reload *r, bool may_be_good, const char *empty)
{
	struct conf *c = may_be_good ? read_copy(r) : NULL;

	if (c != NULL)
		return c;
	return conf_make_broken(r->args, empty != NULL ? empty : "/");
}

static int
write_copy(const char *path, const char *text, size_t len)
{
	int fd, err = 0;
	ssize_t n;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return -errno;
	n = write(fd, text, len);
	if (n != (ssize_t)len)
		err = n == -1 ? -errno : -ENOSPC;
	if (err == 0 && fsync(fd) == -1)
		err = -errno;
	close(fd);
	return err;
}

/* Every start would write it anew, on hosts whose disk is a flash. */
static bool
is_there_already(const char *path, const char *text, size_t len)
{
	char *old = malloc(len + 1);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool yes;

	yes = old != NULL && fd != -1 &&
	    read(fd, old, len + 1) == (ssize_t)len &&
	    memcmp(old, text, len) == 0;
	if (fd != -1)
		close(fd);
	free(old);
	return yes;
}

int
reload_keep(const struct reload *r, const struct conf *c)
{
	char fresh[PATH_MAX + 4], *text;
	size_t len;
	int err = 0;

	if (r->good_path[0] == '\0' || c->is_broken)
		return 0;
	text = print_whole(c, true, &len);
	if (text == NULL)
		return -ENOMEM;
	if (is_there_already(r->good_path, text, len))
		goto out;
	snprintf(fresh, sizeof(fresh), "%s.new", r->good_path);
	err = write_copy(fresh, text, len);
	if (err == 0 && rename(fresh, r->good_path) == -1)
		err = -errno;
	if (err != 0)
		(void)unlink(fresh);
out:
	free(text);
	return err;
}

/* ---- watching --------------------------------------------------------- */

void
reload_watch(struct reload *r)
{
	const struct conf_list *files = &r->report.files;
	unsigned i;

	if (r->watch_fd != -1)
		close(r->watch_fd);
	r->watch_fd = -1;
	if (files->count == 0)
		return;
	r->watch_fd = watch_open();
	r->watch_err = r->watch_fd < 0 ? r->watch_fd : 0;
	if (r->watch_fd < 0)
		r->watch_fd = -1;
	for (i = 0; i < files->count && r->watch_fd != -1; i++)
		watch_add(r->watch_fd, files->items[i]);
}

bool
reload_has_changed(struct reload *r)
{
	if (r->watch_fd != -1)
		(void)watch_drain(r->watch_fd);
	return r->is_fresh || stamp_all(r) != r->stamp;
}
