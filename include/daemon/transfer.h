/*
 * transfer - one request in a process of its own: from the datagram to the
 * record of its end.
 */
#ifndef DAEMON_TRANSFER_H
#define DAEMON_TRANSFER_H

#include <signal.h>
#include <stdnoreturn.h>

#include "daemon/service.h"

/* What the dispatcher tells a transfer, by signal. */
#define TRANSFER_SIG_REPEAT	SIGUSR1	/* the request came again */
#define TRANSFER_SIG_REPLACED	SIGUSR2	/* the machine was reset */
#define TRANSFER_SIG_MAKE_ROOM	SIGHUP	/* silent, and others wait */
#define TRANSFER_SIG_SHUTDOWN	SIGTERM

/* A request as the dispatcher took it from a listener. */
struct transfer_order {
	struct service *service;
	const struct netio_listener *listener;
	struct netio_origin origin;
	const uint8_t *request;
	size_t request_len;
	uint64_t received_us;		/* monotonic */
	uint32_t slot;
	char id[TRANSLOG_ID_LEN + 1];
};

/*
 * transfer_init_signals - once, in the dispatcher before the first fork:
 * handlers for the signals above, which stay blocked; a transfer lets them
 * through only while it waits.
 */
void transfer_init_signals(void);

/*
 * transfer_run - serve the request, in a child that has only what it
 * needs: it closes the listeners and maps its own slot.  Does not return.
 */
noreturn void transfer_run(const struct transfer_order *order);

/*
 * transfer_busy - refuse a request for want of room: ERROR 0 and a record
 * `limited`.  Runs in the dispatcher.
 */
void transfer_busy(const struct transfer_order *order);

/* Write who asked for what into a record, from a request's bytes. */
void transfer_describe(const struct transfer_order *order,
    struct translog_record *rec);

#endif
