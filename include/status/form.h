/*
 * form - application/x-www-form-urlencoded, decoded as it comes: the query of
 * a request, and the body of a POST.
 */
#ifndef STATUS_FORM_H
#define STATUS_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "status/ask.h"

struct form {
	struct ask *ask;	/* gets the parameters */
	bool is_value;		/* behind the '=' */
	bool is_begun;		/* there is something since the last '&' */
	unsigned hex_left;	/* digits that an escape still needs */
	unsigned hex;
};

/* Nothing was read yet; ask keeps what it has. */
void form_begin(struct form *f, struct ask *ask);

/*
 * form_feed - the next len bytes.  Until form_end() ask is not sound.
 *
 * 0; -EINVAL: a NUL, or an escape that is none; -ENOSPC: more than an ask
 * has room for.
 */
int form_feed(struct form *f, const char *bytes, size_t len);

/* All was fed.  Errors as form_feed(). */
int form_end(struct form *f);

#endif
