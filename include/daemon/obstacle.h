/*
 * obstacle - why a path could not be had, in words: which component was in
 * the way, with its mode, or which link led to nothing.
 */
#ifndef DAEMON_OBSTACLE_H
#define DAEMON_OBSTACLE_H

#include <stdbool.h>

#include "os/resolve.h"

#define OBSTACLE_MAX	128	/* bytes with the NUL */

/*
 * obstacle_find - look for what stopped a call with -EACCES or -ENOENT.
 *
 * err        that error
 * is_write   the end of the path was to be written
 * out        a part of a sentence: "the directory x has mode 0700"
 * Returns false where nothing of that kind is to be seen.
 */
bool obstacle_find(const struct resolve_root *root, const char *path,
    int err, bool is_write, char out[static OBSTACLE_MAX]);

#endif
