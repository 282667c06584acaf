/*
 * access - may this file be read or written, and if not, which rule says
 * so: the words in the log, the code and text on the wire.
 *
 * Denials are ERROR 2, a missing file is exactly "File not found": U-Boot
 * loops for ever on other codes, and monitoring probes compare the text.
 */
#ifndef POLICY_ACCESS_H
#define POLICY_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "core/outcome.h"
#include "core/packet.h"
#include "core/pathname.h"
#include "policy/conf.h"

#define ACCESS_MESSAGE_MAX 256

/* An answer; outcome is OUTCOME_NONE where access is granted. */
struct access_verdict {
	enum outcome outcome;
	enum packet_error code;
	const char *text;			/* on the wire; constant */
	char message[ACCESS_MESSAGE_MAX];	/* in the log, for people */
};

/*
 * Fill a refusal: outcome, code and text as they are, message by format.
 * The other functions here use it, and so does the transfer for what only
 * the system calls know.
 */
void access_refuse(struct access_verdict *v, enum outcome outcome,
    enum packet_error code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The refusal for a name that pathname_check or pathname_clean refused. */
void access_name(struct access_verdict *v, enum pathname_verdict verdict);

/*
 * access_map - the name below the root that a request means.
 *
 * path       cleaned; with is_secure it is relative to the root already
 * absolute   whether the client's name began with a slash
 * Without -s a name must be absolute and lie in the served directory, as
 * in tftpd-hpa.  Returns a pointer into path, or NULL with v filled.
 */
const char *access_map(struct access_verdict *v, const struct conf *c,
    const char *path, bool absolute);

/* May this file be read?  st is of the opened object. */
bool access_read(struct access_verdict *v, const struct conf *c,
    const struct stat *st);

/*
 * access_write - may an upload be put there?
 *
 * st         what stands there now; NULL: nothing
 * tftpd-hpa's rule: a file that others may write may be overwritten, a new
 * one needs -c.
 */
bool access_write(struct access_verdict *v, const struct conf *c,
    const struct stat *st);

/*
 * access_size - is there room for an upload of so many bytes?
 *
 * size       declared by the client, or received so far
 * available  bytes free for us on the file system
 */
bool access_size(struct access_verdict *v, const struct conf *c,
    uint64_t size, uint64_t available);

/*
 * access_errno - the refusal for a failed open, by errno.
 *
 * verb       "open", "create": for the message
 * Missing files are `notfound`, lack of permission `denied`, lack of space
 * `limited`, everything else `failed`.
 */
void access_errno(struct access_verdict *v, const char *verb, int err);

#endif
