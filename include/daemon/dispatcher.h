/*
 * dispatcher - takes requests off the listening sockets and gives each to
 * a process of its own.
 *
 * It stays behind the walls from before the first datagram on, knows of a
 * request no more than its identity, and never opens a file: a hanging
 * file system must not stop the intake.
 */
#ifndef DAEMON_DISPATCHER_H
#define DAEMON_DISPATCHER_H

#include <stdbool.h>
#include <stdnoreturn.h>

#include "daemon/service.h"

/* What the keeper says on the control socket, a byte each. */
enum dispatcher_order {
	DISPATCHER_DRAIN = 'D',		/* stop reading, end with the last */
	DISPATCHER_SWEEP = 'W',		/* a stranger's transfer has died */
	DISPATCHER_TERMINATE = 'T',	/* stop reading; 30 s for transfers */
	DISPATCHER_KILL = 'K'		/* end the transfers now */
};

/* What the dispatcher says, once: the walls stand, requests are read. */
#define DISPATCHER_READY 'R'

/* Its exit status; anything else is a crash. */
enum dispatcher_exit {
	DISPATCHER_IDLE = 0,		/* nothing to do, or drained */
	DISPATCHER_NO_WALLS = 77	/* EX_NOPERM: it refused to serve */
};

/*
 * dispatcher_run - in a child of the keeper; does not return.
 *
 * s          as inherited; belongs to this process now
 * control    the socket to the keeper; its end of file means drain
 * sweep      first write the ends of transfers that died unseen
 */
noreturn void dispatcher_run(struct service *s, int control, bool sweep);

#endif
