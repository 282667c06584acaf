/*
 * landlock - the kernel's own bound on which files a process may reach,
 * whatever descriptors it holds: with a descriptor of a directory outside
 * the chroot, ".." would lead out of it.
 */
#ifndef OS_LANDLOCK_H
#define OS_LANDLOCK_H

#include <stdbool.h>

/* One directory and what may be done below it. */
struct landlock_place {
	int fd;			/* of the directory; O_PATH will do */
	bool may_write;		/* make, write, rename and remove files, too */
};

/* The kernel's version of it: 1 and more, or 0 without. */
int landlock_version(void);

/*
 * landlock_confine - nothing but these places from now on, for this process
 * and what it forks; and, where the kernel knows how, no TCP and no abstract
 * socket of others.  Files that are open stay so.  no_new_privs must be set.
 * Signals are not bound: a dispatcher ends transfers of the one before it.
 * Returns 0 or -errno.
 */
int landlock_confine(const struct landlock_place *places, unsigned count);

#endif
