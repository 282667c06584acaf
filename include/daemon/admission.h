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
#include "daemon/transfer.h"
#include "os/fileio.h"
#include "policy/access.h"

struct admission {
	const struct transfer_order *order;
	const struct conf *conf;
	struct live_slot *slot;		/* where a hidden file is noted */

	struct packet_request req;
	char path[PATHNAME_MAX + 1];	/* below the root; "": none */
	struct access_verdict verdict;	/* why not */

	int sock;			/* to the client; -1: none */
	int file;			/* RRQ; else -1 */
	uint64_t file_size;		/* RRQ */
	struct fileio_upload upload;	/* WRQ */
	bool may_replace;		/* WRQ: something stands there ... */
	struct stat replaced;		/* ... and this is it */
	struct options_granted granted;
};

/* Set up for an order; slot may be NULL where nothing is decided. */
void admission_init(struct admission *a, const struct transfer_order *order,
    struct live_slot *slot);

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
 * admission_still - an upload is whole: may it still take its name?  What
 * stands there may have changed since; then the rules are asked again.
 * false with the verdict filled.
 */
bool admission_still(struct admission *a);

#endif
