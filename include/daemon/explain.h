/*
 * explain - what a client would get, and which rule decides it: the code of a
 * transfer, run without socket, record and new files.
 */
#ifndef DAEMON_EXPLAIN_H
#define DAEMON_EXPLAIN_H

#include "policy/conf.h"

/*
 * explain_run - `CLIENT read|write NAME` in args->argument, as the service
 * user behind the walls.  Exit status: 0 it would be served, 1 refused, 64
 * not understood.
 */
int explain_run(const struct conf_args *args);

#endif
