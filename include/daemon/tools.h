/*
 * tools - what tftpd does by hand with a configuration, besides serving.
 */
#ifndef DAEMON_TOOLS_H
#define DAEMON_TOOLS_H

#include "policy/conf.h"

/* --check: every problem, then the walls; 0 or 1. */
int tools_check(const struct conf_args *args);

/* --print-config: 0 or 1. */
int tools_print(const struct conf_args *args);

/* --adopt FILE: check it, then put it in place atomically; 0 or 1. */
int tools_adopt(const struct conf_args *args);

/* --map-test FILE: what the map rules make of each line; an exit status. */
int tools_map_test(const struct conf_args *args);

/*
 * tools_exit_status - the exit status for a command line that conf_make()
 * refused, as tftpd-hpa has them: 66 no such directory or map file, 67 no
 * such user, 78 a bad map or configuration file, else 64.
 */
int tools_exit_status(const struct conf_args *args);

/*
 * tools_make - the configuration that a tool is asked about: --draft's, as if
 * it stood in the file's place, or the one in force.
 */
struct conf *tools_make(const struct conf_args *args, struct conf_report *r);

/* A report that writes to standard error. */
void tools_report(struct conf_report *r);

#endif
