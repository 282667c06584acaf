/*
 * access - may this client do that with this file, and if not, which rule
 * says so: the words in the log, the code and text on the wire.
 *
 * Denials are ERROR 2, a missing file is exactly "File not found": U-Boot
 * loops for ever on other codes, and monitoring probes compare the text.
 * Every refusal by a rule ends with where that rule stands.
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

#define ACCESS_MESSAGE_MAX	256
#define ACCESS_TEXT_MAX		128	/* on the wire, with its NUL */

/* An answer; outcome is OUTCOME_NONE where access is granted. */
struct access_verdict {
	enum outcome outcome;
	enum packet_error code;
	char text[ACCESS_TEXT_MAX];		/* on the wire */
	char message[ACCESS_MESSAGE_MAX];	/* in the log, for people */
};

/* The configuration, and of it what holds for the client. */
struct access_rules {
	const struct conf *conf;
	const struct conf_values *values;
};

/*
 * Fill a refusal: outcome, code with its usual text, message by format.
 * The other functions here use it, and so does the transfer for what only
 * the system calls know.
 */
void access_refuse(struct access_verdict *v, enum outcome outcome,
    enum packet_error code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Another text on the wire than the code's usual one. */
void access_set_text(struct access_verdict *v, const char *text);

/* The refusal for a name that pathname_check or pathname_clean refused. */
void access_name(struct access_verdict *v, enum pathname_verdict verdict);

/* May this client ask at all? */
bool access_client(struct access_verdict *v, const struct conf *c,
    const struct cidr_addr *client);

/* Are reads, or uploads, allowed in general? */
bool access_operation(struct access_verdict *v, const struct access_rules *r,
    bool is_write);

/*
 * access_file_name - deny-files and allow-extensions.
 * name       cleaned, relative to the root
 */
bool access_file_name(struct access_verdict *v, const struct access_rules *r,
    const char *name);

/*
 * access_below - in tftpd-hpa's form without -s, the part of an absolute name
 * below one of the directories, which index says.
 *
 * path       cleaned
 * absolute   whether the name began with a slash
 * Returns a pointer into path, or NULL with v filled.
 */
const char *access_below(struct access_verdict *v,
    const struct access_rules *r, const char *path, bool absolute,
    uint8_t *index);

/* May this file be read?  st is of the opened object. */
bool access_read(struct access_verdict *v, const struct access_rules *r,
    const struct stat *st);

/*
 * access_write - may an upload be put there?
 *
 * st         what stands there now; NULL: nothing
 * In tftpd-hpa's form a file that others may write may be overwritten, and
 * a new one needs -c.
 */
bool access_write(struct access_verdict *v, const struct access_rules *r,
    const struct stat *st);

/*
 * access_size - is there room for an upload of so many bytes?
 *
 * size       declared by the client, or received so far
 * available  bytes free for us on the file system
 */
bool access_size(struct access_verdict *v, const struct access_rules *r,
    uint64_t size, uint64_t available);

/* With symlinks = none: a link was met. */
void access_link(struct access_verdict *v, const struct access_rules *r,
    const char *verb);

/*
 * access_errno - the refusal for a failed open, by errno.
 *
 * verb       "open", "create": for the message
 * Missing files are `notfound`, lack of permission `denied`, lack of space
 * `limited`, everything else `failed`.
 */
void access_errno(struct access_verdict *v, const char *verb, int err);

#endif
