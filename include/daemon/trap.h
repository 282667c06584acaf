/*
 * trap - in a build for tests (--enable-trap): a system call that the walls
 * forbid is named in the log, as a notice, before its process ends.
 */
#ifndef DAEMON_TRAP_H
#define DAEMON_TRAP_H

#include "daemon/service.h"

/* Before the walls, in the dispatcher; what it forks inherits it. */
void trap_init(const struct service *s);

#endif
