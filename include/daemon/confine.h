/*
 * confine - the served directories as descriptors, and the walls around a
 * process that may reach nothing else.
 *
 * One directory: chroot into it.  Several, or a spool beside it: descriptors,
 * and Landlock, since ".." would lead out through one of them.
 */
#ifndef DAEMON_CONFINE_H
#define DAEMON_CONFINE_H

#include <stddef.h>

#include "daemon/service.h"

/*
 * confine_enter - open what is served, then put up the walls but the last.
 *
 * s          its root_fds, spool_fd and walls_text are filled
 * why        room for what failed
 * Returns 0 or -errno; on failure nothing may be served.
 */
int confine_enter(struct service *s, char *why, size_t size);

/*
 * confine_calls - after confine_enter(): from here on only the system calls
 * that serving needs, some of them only through the gates.
 *
 * s          its filters are filled, walls_text is added to
 * why        room for what failed
 * Returns 0 or -errno; on failure nothing may be served.
 */
int confine_calls(struct service *s, char *why, size_t size);

#endif
