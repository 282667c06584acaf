/*
 * keeper - the first process: it holds what the others need and waits.
 *
 * It has privilege and never reads a datagram.  It starts a dispatcher,
 * replaces one that dies, and at SIGHUP, when the log was moved away or the
 * configuration changed, starts a new one before the old one stops reading: at
 * no moment is the socket unread.
 */
#ifndef DAEMON_KEEPER_H
#define DAEMON_KEEPER_H

#include "daemon/reload.h"
#include "daemon/service.h"

/*
 * keeper_run - until nothing is left to do or a signal ends it.
 * s          complete; belongs to the keeper from here on
 * c          the configuration in s, from malloc: freed with its last use
 * reload     had its look; says whether c is what the files say
 * Returns the exit status (0, or that of a dispatcher that cannot serve).
 */
int keeper_run(struct service *s, struct conf *c, struct reload *reload);

#endif
