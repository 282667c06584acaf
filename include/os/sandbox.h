/*
 * sandbox - the walls that the dispatcher puts around itself, once, before
 * it reads a datagram; transfers inherit them by fork.
 *
 * In this order, for each step needs what the next one takes away:
 *
 *	1. chroot, chdir        names outside are gone
 *	2. groups, group, user  the service user's, none besides
 *	3. capabilities         all sets and the bounding set empty, securebits
 *	4. undo test            raise, setuid(0), chroot: each must fail
 *	5. no_new_privs         an exec could give nothing back
 *	6. limits               no core file, few descriptors
 *
 * Then daemon/confine goes on with Landlock and seccomp; and a transfer, once
 * its file and its socket are open, gives up the rest with sandbox_shut().
 *
 * With prefer it goes on without chroot, the bounding set and securebits, or
 * no_new_privs.  User and capabilities are given up and tested all the same.
 */
#ifndef OS_SANDBOX_H
#define OS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "os/callfilter.h"

struct sandbox_plan {
	const char *root;	/* served directory */
	bool change_root;	/* we may: CAP_SYS_CHROOT */
	bool change_user;	/* we may: CAP_SETUID and CAP_SETGID */
	uid_t uid;
	gid_t gid;
	/*
	 * Single-port with a port below 1024: CAP_NET_BIND_SERVICE stays, if
	 * we have it.  Each transfer calls sandbox_leave_bind().
	 */
	bool keep_bind;
	bool prefer;		/* do without a wall that cannot be put up */
};

/* Whether this process is permitted that capability (CAP_SYS_CHROOT, ...). */
bool sandbox_may(int capability);

/*
 * sandbox_enter - put the walls up; there is no way back.
 *
 * missing    room for the walls that are missing and the reasons, with
 *            prefer: "chroot: Operation not permitted; ..."; "" if none is
 * why        room for the step that failed and its reason
 * The working directory is the root afterwards.  Returns 0 or -errno; on
 * failure the caller must not serve.
 */
int sandbox_enter(const struct sandbox_plan *plan, char *missing,
    size_t missing_size, char *why, size_t size);

/*
 * sandbox_leave_bind - give up CAP_NET_BIND_SERVICE for good; in a transfer,
 * once it has its socket.  May follow process_fork(): two system calls, and
 * nothing of libc's.  0, also if there was none, or -errno: must not serve.
 */
int sandbox_leave_bind(void);

/*
 * sandbox_shut - the last wall, in a transfer that is set up: from here on it
 * makes no socket, no process, sends no signal; a download opens nothing.
 *
 * opens_files  an upload: it looks at its directory again when it is stored
 * filter       a program that is installed besides, or NULL; must have been
 *              built before the dispatcher's walls
 * 0 or -errno: must not serve.
 */
int sandbox_shut(bool opens_files, const struct callfilter *filter);

/*
 * sandbox_keep_for_start - the keeper gives up every capability but those
 * that starting a dispatcher needs.
 *
 * keep_bind  some dispatcher, perhaps a later one, has such a plan
 * 0 or -errno; without privilege 0.
 */
int sandbox_keep_for_start(bool keep_bind);

#endif
