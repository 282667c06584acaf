#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "os/callgate.h"
#include "os/resolve.h"

#define LINKS_MAX	8
#define WALK_LINKS_MAX	40	/* as many as the kernel follows */
#define LINK_TEXT_MAX	2048
#define WALK_MAX	4096	/* bytes of a path with its NUL, as ever */

static int
open_inside(const struct resolve_root *root, const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS |
		    (root->no_symlinks ? RESOLVE_NO_SYMLINKS : 0),
	};
	const struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };
	int fd, tries;

	/*
	 * EAGAIN: a rename crossed the kernel's walk, or the file has a lease
	 * (Samba's oplocks), which its holder is being asked to give back.
	 */
	for (tries = 0; tries < 16; tries++) {
		if (tries >= 4)
			(void)nanosleep(&pause, NULL);
		fd = callgate_openat2(root->fd, path, &how);
		if (fd != -1)
			return fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
#ifdef INSTRUMENTED
	/* valgrind does not know openat2 */
	if (errno == ENOSYS) {
		fd = openat(root->fd, path, (int)flags | O_CLOEXEC);
		if (fd != -1)
			return fd;
	}
#endif
	return -errno;
}

int
resolve_stat(const struct resolve_root *root, const char *path,
    struct stat *st)
{
	int fd, err = 0;

	fd = open_inside(root, path, O_PATH);
	if (fd < 0)
		return fd;
	if (fstat(fd, st) == -1)
		err = -errno;
	close(fd);
	return err;
}

/* Whether fd is a regular file, and the one that st tells of. */
static bool
is_same_file(int fd, const struct stat *st, struct stat *now)
{
	return fstat(fd, now) == 0 && S_ISREG(now->st_mode) &&
	    now->st_ino == st->st_ino && now->st_dev == st->st_dev;
}

int
resolve_open(const struct resolve_root *root, const char *path,
    struct stat *st)
{
	struct stat now;
	int fd;

	fd = open_inside(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fd;
	if (!is_same_file(fd, st, &now)) {
		close(fd);
		return -ESTALE;
	}
	*st = now;
	return fd;
}

int
resolve_open_write(const struct resolve_root *root, const char *path,
    const struct stat *st)
{
	struct stat now;
	int fd;

	if (!S_ISREG(st->st_mode))
		return -ESTALE;
	fd = open_inside(root, path, O_WRONLY | O_NONBLOCK | O_NOCTTY);
	/* a FIFO that nobody reads, a socket; a directory */
	if (fd == -ENXIO || fd == -EISDIR)
		return -ESTALE;
	if (fd >= 0 && !is_same_file(fd, st, &now)) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

int
resolve_may_write(const struct resolve_root *root, const char *path)
{
	int fd, err = 0;

	fd = open_inside(root, path, O_PATH);
	if (fd < 0)
		return fd;
	if (callgate_faccessat2(fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) ==
	    -1)
		err = -errno;
	close(fd);
	return err;
}

/* The text of the link that fd is; its length, or -EINVAL for no link. */
static int
link_text(int fd, char *out, size_t size)
{
	ssize_t len = callgate_readlinkat(fd, "", out, size - 1);

	if (len == -1)
		return errno == ENOENT ? -EINVAL : -errno;
	if ((size_t)len == size - 1)
		return -ENAMETOOLONG;
	out[len] = '\0';
	return (int)len;
}

static int
read_link(const struct resolve_root *root, const char *path, char *out,
    size_t size)
{
	int fd, len;

	fd = open_inside(root, path, O_PATH | O_NOFOLLOW);
	if (fd < 0)
		return fd;
	len = link_text(fd, out, size);
	close(fd);
	if (len >= 0 && root->no_symlinks)
		return -ELOOP;
	return len;
}

int
resolve_links(const struct resolve_root *root, char *path, size_t size)
{
	char text[LINK_TEXT_MAX], joined[2 * LINK_TEXT_MAX];
	const char *slash;
	int len, hops;

	for (hops = 0; hops <= LINKS_MAX; hops++) {
		len = read_link(root, path, text, sizeof(text));
		if (len == -EINVAL || len == -ENOENT)
			return hops;
		if (len < 0)
			return len;
		slash = strrchr(path, '/');
		if (text[0] == '/' || slash == NULL)
			len = snprintf(joined, sizeof(joined), "%s",
			    text + strspn(text, "/"));
		else
			len = snprintf(joined, sizeof(joined), "%.*s/%s",
			    (int)(slash - path), path, text);
		if (len == 0)
			len = snprintf(joined, sizeof(joined), ".");
		if ((size_t)len >= size)
			return -ENAMETOOLONG;
		memcpy(path, joined, (size_t)len + 1);
	}
	return -ELOOP;
}

int
resolve_dir(const struct resolve_root *root, const char *path)
{
	int fd;

	fd = open_inside(root, path, O_RDONLY | O_DIRECTORY);
	/* a drop box (mode 0733): enough to create, not to fsync it */
	if (fd == -EACCES)
		fd = open_inside(root, path, O_PATH | O_DIRECTORY);
	return fd;
}

int
resolve_unlink(const struct resolve_root *root, const char *dir,
    const char *base)
{
	int dirfd, err = 0;

	dirfd = open_inside(root, dir, O_PATH | O_DIRECTORY);
	if (dirfd < 0)
		return dirfd;
	if (callgate_unlinkat(dirfd, base, 0) == -1)
		err = -errno;
	close(dirfd);
	return err;
}

/* ASCII only: what else has cases depends on who looks. */
static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
is_like(const char *a, const char *b)
{
	while (*a != '\0' && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Replace base by the first entry, in byte order, that is like it. */
static int
search_dir(int fd, char *base)
{
	char best[PATHNAME_COMPONENT_MAX + 1] = "";
	const struct dirent *entry;
	DIR *dir = fdopendir(fd);
	int err = 0;

	if (dir == NULL) {
		err = -errno;
		close(fd);
		return err;
	}
	for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
		if (is_like(entry->d_name, base) &&
		    (best[0] == '\0' || strcmp(entry->d_name, best) < 0))
			snprintf(best, sizeof(best), "%s", entry->d_name);
	}
	if (errno != 0)
		err = -errno;
	else if (best[0] == '\0')
		err = -ENOENT;
	else
		memcpy(base, best, strlen(best));
	closedir(dir);
	return err;
}

/* Put the spelling that exists in place of base, the end of out. */
static int
fold_component(const struct resolve_root *root, char *out, char *base)
{
	int fd;

	/* in another case it would be just as hidden */
	if (pathname_is_hidden(base))
		return -ENOENT;
	fd = open_inside(root, out, O_PATH | O_NOFOLLOW);
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (fd != -ENOENT)
		return fd;
	if (base == out) {
		fd = open_inside(root, ".", O_RDONLY | O_DIRECTORY);
	} else {
		base[-1] = '\0';
		fd = open_inside(root, out, O_RDONLY | O_DIRECTORY);
		base[-1] = '/';
	}
	return fd < 0 ? fd : search_dir(fd, base);
}

int
resolve_fold(const struct resolve_root *root, const char *path,
    char out[static PATHNAME_MAX + 1])
{
	size_t len = 0, n;
	int err = 0;

	if (strlen(path) > PATHNAME_MAX)
		return -ENAMETOOLONG;
	while (err == 0 && path[len] != '\0') {
		n = strcspn(path + len, "/");
		memcpy(out + len, path + len, n);
		out[len + n] = '\0';
		err = fold_component(root, out, out + len);
		len += n;
		if (path[len] == '/')
			out[len++] = '/';
	}
	out[len] = '\0';
	return err;
}

/* Where resolve_walk() is, and what is still to go. */
struct walk {
	char done[WALK_MAX];	/* without links and ".."; "": the root */
	char rest[WALK_MAX];
	char text[LINK_TEXT_MAX];
	unsigned links;
};

/* Put the text of a link in front of the rest. */
static int
follow(struct walk *w)
{
	char rest[WALK_MAX];
	int len;

	len = snprintf(rest, sizeof(rest), "%s/%s", w->text, w->rest);
	if ((size_t)len >= sizeof(rest))
		return -ENAMETOOLONG;
	memcpy(w->rest, rest, (size_t)len + 1);
	if (w->text[0] == '/')
		w->done[0] = '\0';
	return 0;
}

/* Fill the step for path; -errno if the walk ends here. */
static int
look_at(const struct resolve_root *root, struct walk *w,
    struct resolve_step *step)
{
	int fd, len, err = 0;

	/* the root itself can be looked at also where it lets nobody in */
	if (strcmp(step->path, ".") == 0)
		return fstatat(root->fd, "", &step->st, AT_EMPTY_PATH) == -1 ?
		    -errno : 0;
	fd = open_inside(root, step->path, O_PATH | O_NOFOLLOW);
	if (fd < 0)
		return fd;
	if (fstat(fd, &step->st) == -1)
		err = -errno;
	if (err == 0 && S_ISLNK(step->st.st_mode)) {
		len = link_text(fd, w->text, sizeof(w->text));
		if (len < 0)
			err = len;
		else if (root->no_symlinks || ++w->links > WALK_LINKS_MAX)
			err = -ELOOP;
		step->link = len < 0 ? NULL : w->text;
	}
	close(fd);
	return err;
}

/* Take the component at the front of the rest: its length, 0 at the end. */
static size_t
next_component(struct walk *w, char *out)
{
	size_t start, len;

	start = strspn(w->rest, "/");
	len = strcspn(w->rest + start, "/");
	memcpy(out, w->rest + start, len);
	out[len] = '\0';
	memmove(w->rest, w->rest + start + len,
	    strlen(w->rest + start + len) + 1);
	return len;
}

static void
go_up(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	if (slash != NULL)
		*slash = '\0';
	else
		w->done[0] = '\0';
}

/* One component; -errno if the walk ends here. */
static int
walk_on(const struct resolve_root *root, struct walk *w, const char *base,
    void (*each)(void *, const struct resolve_step *), void *arg)
{
	char path[WALK_MAX];
	struct resolve_step step = { .path = path };
	int len;

	len = snprintf(path, sizeof(path), "%s%s%s", w->done,
	    w->done[0] == '\0' ? "" : "/", base);
	if ((size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	step.err = look_at(root, w, &step);
	each(arg, &step);
	if (step.err != 0)
		return step.err;
	if (step.link != NULL)
		return follow(w);
	memcpy(w->done, path, (size_t)len + 1);
	return 0;
}

int
resolve_walk(const struct resolve_root *root, const char *path,
    void (*each)(void *arg, const struct resolve_step *step), void *arg)
{
	struct walk w = { .links = 0 };
	struct resolve_step step = { .path = "." };
	char base[WALK_MAX];
	int err;

	if (strlen(path) >= sizeof(w.rest))
		return -ENAMETOOLONG;
	memcpy(w.rest, path, strlen(path) + 1);
	err = step.err = look_at(root, &w, &step);
	each(arg, &step);
	while (err == 0 && next_component(&w, base) != 0) {
		if (strcmp(base, "..") == 0)
			go_up(&w);
		else if (strcmp(base, ".") != 0)
			err = walk_on(root, &w, base, each, arg);
	}
	return err;
}
