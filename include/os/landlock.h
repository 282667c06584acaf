/*
 * landlock - the kernel's own bound on which files a process may reach,
 * whatever descriptors it holds: with a descriptor of a directory outside
 * the chroot, ".." would lead out of it.
 */
#ifndef OS_LANDLOCK_H
#define OS_LANDLOCK_H

#include <stdbool.h>

/* A directory, or one file, and what may be done there besides reading. */
struct landlock_place {
	int fd;			/* of it; O_PATH will do */
	bool may_write;		/* make, write, rename and remove files, too */
	bool may_execute;	/* programs, too */
	bool is_file;		/* and no directory */
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

/*
 * landlock_enclose - the same, and, where the kernel knows how, no signal to a
 * process that was not forked from here on.
 */
int landlock_enclose(const struct landlock_place *places, unsigned count);

#endif
