/*
 * trail - the decisions about a request in words, one after the other, for
 * --explain.  A server at work has none: then nothing is said.
 */
#ifndef DAEMON_TRAIL_H
#define DAEMON_TRAIL_H

#include <stdio.h>

#include "os/resolve.h"
#include "policy/access.h"

struct trail {
	FILE *out;
	unsigned step;		/* decisions so far */
};

/*
 * trail_say - the next decision; t may be NULL.
 *
 * what       in a word or two: what was decided
 */
void trail_say(struct trail *t, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, followed by where in the configuration the rule stands. */
void trail_say_by(struct trail *t, const struct access_rules *r,
    enum conf_key key, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* The way to a file: each component with owner, mode and link; t NULL: no. */
void trail_walk(struct trail *t, const struct resolve_root *root,
    const char *path);

#endif
