/*
 * shm - the file behind the live table: who owns it, mapping it, and the
 * record locks that tell a living process from a dead one.
 *
 * POSIX locks belong to the process and are lost when it closes any
 * descriptor of the file: open it once, pass that one on by fork, and never
 * close another.
 */
#ifndef OS_SHM_H
#define OS_SHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * shm_open_table - open or make the table and take its owner lock (byte 0).
 *
 * path       absolute; its last folder is made (0755) if it is missing
 * size       bytes that it shall have at least; it never shrinks
 * Who may read it may lock it, so it is 0640 and, made by root, group adm's.
 * Its pages are allocated: -ENOSPC if there is no room for them.
 * Returns a descriptor, -EBUSY when a living server owns it, or -errno.
 */
int shm_open_table(const char *path, uint64_t size);

/* A table that only our own processes see, or -errno. */
int shm_open_private(uint64_t size);

/* Bytes in the file, or 0. */
uint64_t shm_size(int fd);

/* Make a table larger, its pages allocated.  0 or -errno. */
int shm_grow(int fd, uint64_t size);

/*
 * shm_read, shm_write - bytes without a mapping, for a process that must not
 * die of a table that another one has made shorter.  0 or -errno.
 */
int shm_read(int fd, uint64_t offset, void *buf, size_t len);
int shm_write(int fd, uint64_t offset, const void *buf, size_t len);

/* Map bytes [offset, offset + len); NULL on failure. */
void *shm_map(int fd, uint64_t offset, size_t len);

/* Lock the byte at offset for this process; 0 or -errno. */
int shm_lock(int fd, uint64_t offset);

/* The process that holds that byte, as the kernel knows it; 0: none. */
pid_t shm_lock_owner(int fd, uint64_t offset);

/* Whether a living process other than this one holds that byte. */
bool shm_is_locked(int fd, uint64_t offset);

#endif
