/*
 * append - the transfer log: many processes, one O_APPEND descriptor, one
 * write(2) a record.
 */
#ifndef OS_APPEND_H
#define OS_APPEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * append_open - open the log for appending, making what is missing.
 *
 * path       absolute.  The last folder is made (0755) if it is missing; a
 *            new file is 0640 and, made by root, group adm's.
 * Returns a descriptor, or -errno: -ELOOP for a link, -EINVAL for a second
 * link (a stranger's trap), -EINVAL, -EISDIR or -ENXIO for what is no
 * regular file.
 */
int append_open(const char *path);

/*
 * append_write - one record, one write.
 *
 * Returns 0 or -errno; a short write is -ENOSPC.  Its rest is not written:
 * it would tear a neighbour's record, and readers cope with a fragment.
 */
int append_write(int fd, const char *line, size_t len);

/*
 * append_reserve - space beyond the end of the log, for records to come: a
 * disk that fills up does not take it away.
 *
 * need       bytes; what is missing is allocated in steps of 1 MiB, and the
 *            file's size stays
 * Returns the bytes that are allocated beyond the end, need or more; or
 * -errno: -ENOSPC, -EDQUOT, -EOPNOTSUPP on a file system that reserves
 * nothing, -EBADF without a log.
 */
int64_t append_reserve(int fd, uint64_t need);

/* A file that we made: 0640 and, made by root, group adm's. */
void append_give_to_adm(int fd);

/* Whether the folder of path is not ours. */
bool append_is_shared(const char *path);

/* Whether fd is on NFS, where appending is not atomic. */
bool append_is_nfs(int fd);

#endif
