/*
 * front - the process that speaks HTTP: one request of one client.
 *
 * It has the client's socket, the socket pair and two files in memory, and
 * can get nothing else.
 */
#ifndef STATUS_FRONT_H
#define STATUS_FRONT_H

#include <stdbool.h>

#include "status/ask.h"

struct front {
	int client;		/* the accepted socket */
	int back;		/* of the socket pair */
	int out, err;		/* files in memory: the body; what went wrong */
	struct ask *ask;	/* shared */
	bool has_manage;	/* else those routes are not there */
	const char *const *hosts;	/* other names of ours */
	unsigned host_count;
	char hostname[256];
};

/* front_run - serve the client.  Returns the exit status of the program. */
int front_run(const struct front *f);

#endif
