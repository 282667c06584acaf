/*
 * transfer - one request in a process of its own: from the datagram to the
 * record of its end.
 */
#ifndef DAEMON_TRANSFER_H
#define DAEMON_TRANSFER_H

#include <stdnoreturn.h>
#include <sys/types.h>

#include "daemon/service.h"

/*
 * What the dispatcher tells a transfer, by real-time signals: HUP and TERM
 * come from terminals and from "pkill tftpd", and mean the keeper only.
 */
enum transfer_word {
	TRANSFER_REPEAT,	/* the request came again */
	TRANSFER_REPLACED,	/* the machine was reset */
	TRANSFER_MAKE_ROOM,	/* silent, and others wait */
	TRANSFER_SHUTDOWN,
	TRANSFER_WORDS
};

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
 * handlers for the words above, which stay blocked; a transfer lets them
 * through only while it waits.  HUP, INT, QUIT, TERM are ignored.
 */
void transfer_init_signals(void);

/* Tell a transfer, by its process id; for a dead one nothing happens. */
void transfer_tell(pid_t pid, enum transfer_word word);

/*
 * transfer_run - serve the request, in a child that has only what it
 * needs: it closes the listeners and maps its own slot.  Does not return.
 */
noreturn void transfer_run(const struct transfer_order *order);

/*
 * transfer_busy - refuse a request for want of room: ERROR 0 and a record
 * `limited` with why in words.  Runs in the dispatcher.
 */
void transfer_busy(const struct transfer_order *order, const char *why);

/* Write who asked for what into a record, from a request's bytes. */
void transfer_describe(const struct transfer_order *order,
    struct translog_record *rec);

#endif
