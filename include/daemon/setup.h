/*
 * setup - from a configuration to a service that dispatchers can be started
 * with: everything that needs privilege.
 */
#ifndef DAEMON_SETUP_H
#define DAEMON_SETUP_H

#include "daemon/service.h"
#include "os/launch.h"

/* sysexits(3), as tftpd-hpa ends with */
enum setup_exit {
	SETUP_USAGE = 64, SETUP_NOINPUT = 66, SETUP_NOUSER = 67,
	SETUP_OSERR = 71, SETUP_NOPERM = 77, SETUP_CONFIG = 78
};

/* Nothing open yet. */
void setup_init(struct service *s);

/*
 * setup_sockets - the sockets that were given, or bound if c says so.
 * Returns 0, or an exit status; what was wrong has been said.
 */
int setup_sockets(struct service *s, struct launch *l, const struct conf *c);

/*
 * setup_service - plan the walls, open log and live table.  Once, after
 * setup_state().
 * c          becomes the service's
 * 0, or an exit status, and what was wrong has been said.
 */
int setup_service(struct service *s, const struct conf *c);

/*
 * setup_renew - another configuration for the next dispatcher; the log is not
 * opened.  0, or an exit status and the service is as it was.
 */
int setup_renew(struct service *s, const struct conf *c);

/*
 * setup_state - find or make the state directory.  Best effort: s->state_dir
 * is "" without.
 * c          NULL: there is none that can be used
 */
void setup_state(struct service *s, const struct conf *c);

/*
 * setup_empty_dir - where nothing is, for servers with more than one directory
 * or none.  NULL: it cannot be made.
 */
const char *setup_empty_dir(struct service *s);

/*
 * setup_walls - which walls can be planned for c.  0 or an exit status.
 */
int setup_walls(struct service *s, const struct conf *c);

/* Is a listener's port one that needs CAP_NET_BIND_SERVICE? */
bool setup_has_low_port(const struct service *s);

/* What the live table's header says of the configuration; problem "": good. */
void setup_note_problem(const struct service *s, const char *problem);

/* A stand-alone server's log is not where tftpd-stats shall look later. */
void setup_clear_header(const struct service *s);

#endif
