/*
 * admission - from a request's bytes to an open file and agreed options,
 * or to a refusal.
 *
 * Everything is decided here, before the first reply: some clients can
 * take no ERROR after an OACK (PXELINUX waits until it times out).
 */
#ifndef DAEMON_ADMISSION_H
#define DAEMON_ADMISSION_H

#include <stdbool.h>

#include "core/options.h"
#include "core/packet.h"
#include "core/pathname.h"
#include "daemon/naming.h"
#include "daemon/transfer.h"
#include "os/fileio.h"
#include "policy/access.h"

struct admission {
	const struct transfer_order *order;
	struct access_rules rules;
	struct live_slot *slot;		/* where a hidden file is noted */
	struct trail *trail;		/* --explain: nothing is made or sent */

	struct packet_request req;
	struct naming naming;		/* where the file is */
	struct access_verdict verdict;	/* why not */

	int sock;			/* to the client; -1: none */
	int file;			/* RRQ; else -1 */
	uint64_t file_size;		/* RRQ */
	struct fileio_upload upload;	/* WRQ */
	bool may_replace;		/* WRQ: naming.st, which stands there */
	struct options_granted granted;
};

/*
 * Set up for an order.  slot may be NULL where nothing is decided, trail is
 * NULL but for --explain.
 */
void admission_init(struct admission *a, const struct transfer_order *order,
    struct live_slot *slot, struct trail *trail);

/*
 * admission_connect - only the request taken apart and the socket made:
 * enough to refuse.  false, with the verdict filled, without a socket.
 */
bool admission_connect(struct admission *a);

/*
 * admission_decide - all of it.
 *
 * Returns true with file or upload, socket and options ready; false with
 * the verdict filled, and the socket open if it could be made.
 */
bool admission_decide(struct admission *a);

/*
 * admission_store - an upload is whole: it takes its name, or is copied into
 * the file that stands there.  That may have changed since; then the rules are
 * asked again.  0, -errno, or -ECANCELED with the verdict filled.
 */
int admission_store(struct admission *a);

#endif
