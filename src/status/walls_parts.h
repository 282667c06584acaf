/*
 * walls_parts - what the files of status/walls share: the system calls that
 * each process may make.
 */
#ifndef STATUS_WALLS_PARTS_H
#define STATUS_WALLS_PARTS_H

#include <stdbool.h>

/* Each is for ever, also for what is executed.  0 or -errno. */

/* A list; all others kill.  client: see walls_front(). */
int walls_calls_front(int client);

/* A list; those that nobody here needs kill, all others are refused. */
int walls_calls_back(void);

/*
 * Besides: no lock of the kind that the live table's slots have, for who holds
 * one keeps a transfer from starting; and, unless it runs programs, no process,
 * no program, no signal.
 */
int walls_calls_narrow(bool runs_programs);

#endif
