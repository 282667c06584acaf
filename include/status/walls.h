/*
 * walls - what tftpd-status cannot do any more once it looks at a client's
 * bytes.
 *
 * In this order: walls_drop() in the only process; then walls_front() in the
 * one that speaks HTTP, and in the one that knows walls_back(), and when it
 * knows the question walls_narrow().
 */
#ifndef STATUS_WALLS_H
#define STATUS_WALLS_H

#include <stddef.h>
#include <stdint.h>

#include "status/settings.h"

/* What -V says about them. */
const char *walls_text(void);

/*
 * walls_drop - make the state directory, if that can be; become the service
 * user, if we are root, and try to get back, which must fail; no capability,
 * no_new_privs, no core file.
 * why        room for a sentence that says what failed
 * 0 or -errno: must not serve.
 */
int walls_drop(const struct settings *s, char *why, size_t size);

/*
 * walls_front - the process that speaks HTTP: its descriptors and nothing
 * else.  Closes the connection to syslog.
 * client     the only socket that may send messages of several parts
 * As walls_drop().
 */
int walls_front(const struct settings *s, int client, char *why, size_t size);

/*
 * walls_back - the process that reads: whatever its user may read, and the
 * programs that it asks; it writes below its state directory only, and makes
 * no socket.  What it executes is bound by the same.
 * As walls_drop().
 */
int walls_back(const struct settings *s, char *why, size_t size);

/*
 * walls_narrow - once more when the question is known: for all that can be
 * answered without tftpd, nothing is read but log, live table and state, and
 * nothing is executed.  What strangers wrote into the log is looked at behind
 * that.
 * route      enum ask_route
 * As walls_drop().
 */
int walls_narrow(const struct settings *s, uint32_t route, char *why,
    size_t size);

#endif
