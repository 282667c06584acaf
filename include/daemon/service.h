/*
 * service - what the keeper made and every process of the server inherits:
 * configuration, sockets, log, live table.
 */
#ifndef DAEMON_SERVICE_H
#define DAEMON_SERVICE_H

#include <signal.h>
#include <stdint.h>

#include "os/launch.h"
#include "os/netio.h"
#include "os/sandbox.h"
#include "policy/conf.h"
#include "record/live.h"
#include "record/translog.h"

/* What a transfer may install, ready-made. */
enum service_filter {
	SERVICE_FILTER_READ,
	SERVICE_FILTER_WRITE,
	SERVICE_FILTERS
};

struct service {
	const struct conf *conf;
	struct netio_listener listeners[LAUNCH_MAX];
	unsigned listener_count;
	int log_fd;		/* -1: it cannot be opened */
	int table_fd;
	uint32_t slots;
	/* made by each dispatcher for itself; -1 where it has none */
	int root_fds[CONF_DIRS_MAX];	/* of conf->dirs, in that order */
	int spool_fd;		/* directory for uploads that go in place */
	int neighbour_fd;	/* netlink: whose MAC is it; < 0: nobody asks */
	int back_fd, back_in_fd;	/* single-port: strangers' datagrams go
					   back; where they come in */
	/* by enum service_filter; NULL: there is no seccomp */
	const struct callfilter *filters;
	uint32_t linger_s;	/* conf's, or what the start makes of it */
	sigset_t words;		/* signals that tell a transfer something */
	struct sandbox_plan walls;
	char user_text[64];	/* for the log */
	char walls_text[400];	/* which stand, once they do */
	char state_dir[LIVE_PATH_MAX];	/* "": there is none */
	char empty_dir[LIVE_PATH_MAX + 8];	/* walls.root may point to it */
};

/*
 * service_record - stamp a record with time and process and append it.
 * Returns 0 or -errno; -EBADF without a log.
 */
int service_record(const struct service *s, struct translog_record *rec);

/* A notice: fill rec (numbers and all), text is its message. */
int service_notice(const struct service *s, struct translog_record *rec,
    const char *text);

/* The descriptor of a served directory by its path, or -1. */
int service_root(const struct service *s, const char *path);

/* The directory for uploads that go in place: one for each service user. */
#define SERVICE_SPOOL_MAX (LIVE_PATH_MAX + 24)
void service_spool_path(const struct service *s,
    char out[static SERVICE_SPOOL_MAX]);

/* Close the listening sockets in this process. */
void service_stop_listening(struct service *s);

/* Map one slot; NULL on failure. */
struct live_slot *service_map_slot(const struct service *s, uint32_t slot);

#endif
