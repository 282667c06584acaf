/*
 * resolve - a cleaned name to a file, by the kernel and under the root.
 *
 * With the chroot the root is "/" or a directory in it; without it (an
 * ordinary user's start) openat2's RESOLVE_IN_ROOT alone keeps links and
 * ".." inside.
 */
#ifndef OS_RESOLVE_H
#define OS_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "core/pathname.h"

/* A served directory: every name is resolved under it. */
struct resolve_root {
	int fd;			/* O_PATH; AT_FDCWD: the working directory */
	bool no_symlinks;	/* a link anywhere on the way is -ELOOP */
};

/*
 * resolve_stat - what stands under that name, links followed inside.
 * Nothing is opened for it: looking at a device or FIFO has no effect.
 * Returns 0 with *st filled, or -errno.
 */
int resolve_stat(const struct resolve_root *root, const char *path,
    struct stat *st);

/*
 * resolve_open - open for reading.
 *
 * st         in: what resolve_stat gave; -ESTALE if another file stands
 *            there by now; out: of the descriptor
 * Never blocks, whatever stands there.  Returns a descriptor or -errno.
 */
int resolve_open(const struct resolve_root *root, const char *path,
    struct stat *st);

/*
 * resolve_open_write - open what is there for writing; nothing changes.
 *
 * st         what resolve_stat gave: -ESTALE if that is no regular file, or
 *            another file stands there by now
 * Neither makes nor empties a file, and never blocks.  Returns a
 * descriptor or -errno.
 */
int resolve_open_write(const struct resolve_root *root, const char *path,
    const struct stat *st);

/*
 * resolve_may_write - would the kernel let us write that file?
 * A rename would not ask: it needs the directory only.  0 or -errno.
 */
int resolve_may_write(const struct resolve_root *root, const char *path);

/*
 * resolve_links - where an upload to path really goes.
 *
 * path       replaced, while its last component is a link, by what that
 *            link says; size is the room for it.  Directories on the way
 *            are left alone: the kernel follows those.
 * Returns how many links were followed, 0 also for a name that does not
 * exist; -ELOOP for more than 8 or where the root allows none,
 * -ENAMETOOLONG, or -errno.
 */
int resolve_links(const struct resolve_root *root, char *path, size_t size);

/*
 * resolve_dir - open a directory, to make and rename files in it.
 * Returns a descriptor (O_PATH where it may not be read) or -errno.
 */
int resolve_dir(const struct resolve_root *root, const char *path);

/* Remove the file of that name in that directory; 0 or -errno. */
int resolve_unlink(const struct resolve_root *root, const char *dir,
    const char *base);

/*
 * resolve_fold - the name as it really stands, whatever its case.
 *
 * path       a cleaned name, at most PATHNAME_MAX bytes
 * out        component by component what is there: the exact spelling if
 *            it exists, else the smallest in byte order of the entries
 *            that match ignoring ASCII case.  Links are kept as they are,
 *            and followed as ever; unfinished uploads never match.
 * Returns 0, -ENOENT when nothing matches, -EACCES when a directory that
 * has to be searched cannot be read, or -errno.  The last component is
 * not opened: it may be anything, also a link to nothing.
 */
int resolve_fold(const struct resolve_root *root, const char *path,
    char out[static PATHNAME_MAX + 1]);

/* What resolve_walk() sees on its way. */
struct resolve_step {
	const char *path;	/* so far, below the root; "." is the root */
	struct stat st;		/* of the link itself, if it is one */
	const char *link;	/* its text; NULL: no link */
	int err;		/* -errno: st is empty; -ELOOP also with st */
};

/*
 * resolve_walk - every step of the way to path, as the kernel goes it.
 *
 * path       a cleaned name
 * each       called for the root, then for each component in order; after
 *            a link come the components of its text, from the directory
 *            where that begins.  step is valid during the call.
 * The first step with an error is the last.  Returns 0, that error, or
 * -ENAMETOOLONG: the links made too long a path of it.
 */
int resolve_walk(const struct resolve_root *root, const char *path,
    void (*each)(void *arg, const struct resolve_step *step), void *arg);

#endif
