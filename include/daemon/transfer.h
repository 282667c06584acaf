/*
 * transfer - one request in a process of its own: from the datagram to the
 * record of its end.
 */
#ifndef DAEMON_TRANSFER_H
#define DAEMON_TRANSFER_H

#include <stdnoreturn.h>
#include <sys/types.h>

#include "daemon/service.h"
#include "os/neighbour.h"

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

#define REQUEST_MAX	4096	/* bytes; a longer one is no request of ours */

/* A request as the dispatcher took it from a listener. */
struct transfer_order {
	struct service *service;
	const struct netio_listener *listener;
	struct netio_origin origin;
	char client[NETIO_TEXT_MAX], server[NETIO_TEXT_MAX];
	char address[NETIO_TEXT_MAX];	/* the client's, without a scope */
	char mac[NEIGHBOUR_TEXT_MAX];	/* "": not known, or not asked for */
	struct cidr_addr client_addr;
	uint64_t received_us;		/* monotonic */
	int sock;		/* single-port: to the client; else -1 */
	uint32_t slot;
	char id[TRANSLOG_ID_LEN + 1];
	size_t request_len;
	uint8_t request[REQUEST_MAX];
};

/* Copy an order, without the room that its request does not use. */
void transfer_copy_order(struct transfer_order *to,
    const struct transfer_order *from);

/*
 * transfer_init_signals - once, in the dispatcher before the first fork:
 * handlers for the words above, which stay blocked; a transfer lets them
 * through while its engine runs, but not while a file is stored or its end
 * recorded.  HUP, INT, QUIT, TERM are ignored.
 *
 * s          its words are set
 */
void transfer_init_signals(struct service *s);

/* Tell a transfer, by its process id; for a dead one nothing happens. */
void transfer_tell(pid_t pid, enum transfer_word word);

/*
 * transfer_prepare - in the new process: what it does not need goes, before
 * it reads a client's byte.
 */
void transfer_prepare(struct service *s);

/* Touch what transfer_serve() will need, while there is time. */
void transfer_warm_up(void);

/* transfer_serve - serve the request, after that.  Does not return. */
noreturn void transfer_serve(const struct transfer_order *order);

/*
 * transfer_busy - refuse a request for want of room: ERROR 0 and a record
 * `limited` with why in words.  Runs in the dispatcher.
 */
void transfer_busy(const struct transfer_order *order, const char *why);

/*
 * transfer_drop - record that a request was never served, since its client
 * asked for something else from the same port.  Nothing is sent.
 */
void transfer_drop(const struct transfer_order *order);

#endif
