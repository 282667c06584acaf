/*
 * resolve - a cleaned name to a file, by the kernel and under the root.
 *
 * The working directory is the served directory, always: with the chroot
 * it is "/" too, without it (an ordinary user's start) openat2's
 * RESOLVE_IN_ROOT alone keeps links and ".." inside.
 */
#ifndef OS_RESOLVE_H
#define OS_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/*
 * resolve_stat - what stands under that name, links followed inside.
 * Nothing is opened for it: looking at a device or FIFO has no effect.
 * Returns 0 with *st filled, or -errno.
 */
int resolve_stat(const char *path, struct stat *st);

/*
 * resolve_open - open for reading.
 *
 * st         in: what resolve_stat gave; -ESTALE if another file stands
 *            there by now; out: of the descriptor
 * Never blocks, whatever stands there.  Returns a descriptor or -errno.
 */
int resolve_open(const char *path, struct stat *st);

/*
 * resolve_may_write - would the kernel let us write that file?
 * A rename would not ask: it needs the directory only.  0 or -errno.
 */
int resolve_may_write(const char *path);

/*
 * resolve_links - where an upload to path really goes.
 *
 * path       replaced, while its last component is a link, by what that
 *            link says; size is the room for it.  Directories on the way
 *            are left alone: the kernel follows those.
 * Returns how many links were followed, 0 also for a name that does not
 * exist; -ELOOP for more than 8, -ENAMETOOLONG, or -errno.
 */
int resolve_links(char *path, size_t size);

/*
 * resolve_dir - open a directory, to make and rename files in it.
 * Returns a descriptor (O_PATH where it may not be read) or -errno.
 */
int resolve_dir(const char *path);

/* Remove the file of that name in that directory; 0 or -errno. */
int resolve_unlink(const char *dir, const char *base);

#endif
