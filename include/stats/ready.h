/*
 * ready - could the server serve now, whether it runs or not?
 */
#ifndef STATS_READY_H
#define STATS_READY_H

#include "stats/command.h"
#include "stats/findings.h"

/*
 * ready_look - add what is found: the configuration, the service user, the
 * directories, the log, room on the disks, the port.
 *
 * The installed tftpd says what its configuration is; a server that runs
 * tells by its command line how it was started.
 */
void ready_look(const struct options *o, struct findings *f);

/*
 * ready_log_room - whether the log's file system has room for records.
 * path       of the log; its directory is asked when it is not there
 */
void ready_log_room(const char *path, struct findings *f);

#endif
