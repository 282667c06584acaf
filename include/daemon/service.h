/*
 * service - what the keeper made and every process of the server inherits:
 * configuration, sockets, log, live table.
 */
#ifndef DAEMON_SERVICE_H
#define DAEMON_SERVICE_H

#include <stdint.h>

#include "os/launch.h"
#include "os/netio.h"
#include "os/sandbox.h"
#include "policy/conf.h"
#include "record/live.h"
#include "record/translog.h"

struct service {
	const struct conf *conf;
	struct netio_listener listeners[LAUNCH_MAX];
	unsigned listener_count;
	int log_fd;		/* -1: it cannot be opened */
	int table_fd;
	uint32_t slots;
	struct sandbox_plan walls;
	char walls_text[160];	/* which stand, for the log */
};

/*
 * service_record - stamp a record with time and process and append it.
 * Returns 0 or -errno; -EBADF without a log.
 */
int service_record(const struct service *s, struct translog_record *rec);

/* A notice: fill rec (numbers and all), text is its message. */
int service_notice(const struct service *s, struct translog_record *rec,
    const char *text);

/* Close the listening sockets in this process. */
void service_stop_listening(struct service *s);

/* Map one slot; NULL on failure. */
struct live_slot *service_map_slot(const struct service *s, uint32_t slot);

#endif
