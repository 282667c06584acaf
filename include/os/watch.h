/*
 * watch - whether a file of the administrator's, or what its name leads
 * to, has changed.
 */
#ifndef OS_WATCH_H
#define OS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * watch_open - nothing is watched yet.
 * Returns a descriptor to poll for reading, the caller's to close, or
 * -errno.  It does not block.
 */
int watch_open(void);

/*
 * watch_add - watch what path leads to, and every directory on the way.
 *
 * fd         of watch_open()
 * path       a file or a directory, which may be missing: the directories
 *            that do exist say when it appears
 * Links are followed one by one, 40 at most: editors rename a new file over
 * the old one, Kubernetes a link in the middle of the chain.  A file that
 * is being written counts when it is closed.  Best effort: what may not be
 * read cannot be watched.
 *
 * Call it before the file is read, and again after every change, for then
 * the way may be another one.
 */
void watch_add(int fd, const char *path);

/*
 * watch_drain - whether anything happened; forgets it.
 * A neighbour in one of the directories counts, too: watch_stamp() tells.
 */
bool watch_drain(int fd);

/*
 * watch_stamp - what path leads to, as a number.
 *
 * Device, inode, size, times, mode and owner make it; another one stands
 * for a change.  Returns 0 when nothing is there.
 */
uint64_t watch_stamp(const char *path);

#endif
