/*
 * download - the DATA of a read: file to packets to socket.
 */
#ifndef DAEMON_DOWNLOAD_H
#define DAEMON_DOWNLOAD_H

#include <stdbool.h>
#include <time.h>

#include "core/engine.h"
#include "daemon/admission.h"
#include "os/bulkio.h"
#include "os/readahead.h"

struct download {
	struct fileio_reader reader;
	struct readahead ahead;
	struct bulkio_sender sender;
	struct timespec changed;	/* the file's, when it was opened */
};

/* download_init - for an admitted read; a must outlive d.  0 or -ENOMEM. */
int download_init(struct download *d, const struct admission *a);

/*
 * download_send - perform ENGINE_SEND_BLOCKS.
 *
 * is_refused set when the peer's port is closed; else left alone
 * Returns 0, or a read error: -errno, -ENODATA when the file became shorter,
 * -ESTALE when it was written to since it was opened.  That is looked at
 * before the end of the file is sent: what the client has by then may be of
 * two contents.
 */
int download_send(struct download *d, struct engine *e,
    const struct engine_action *act, bool *is_refused);

/* Read what comes after the blocks under way, before the ACK is here. */
void download_read_on(struct download *d, const struct engine *e);

#endif
