/*
 * back - the process that knows: it reads log, live table and configuration
 * and has no socket to the network.
 */
#ifndef STATUS_BACK_H
#define STATUS_BACK_H

#include "status/answer.h"
#include "status/ask.h"
#include "status/settings.h"

#define BACK_PEER_MAX	64

/* What a handler is given beside the question. */
struct back {
	const struct settings *settings;
	char peer[BACK_PEER_MAX];	/* the client's address, as text */
};

/*
 * A handler prints the body to standard output, and what went wrong to
 * standard error.  Returns 0, or -1: what standard error says is the reason
 * of a 500.  answer is 200 of the route's own type before.
 */
typedef int back_handler(const struct back *b, const struct ask *a,
    struct answer *answer);

/*
 * back_run - wait for the question, answer it, end.
 *
 * shared     where the front writes its question
 * fd         of the socket pair; a byte comes when the question is there
 */
_Noreturn void back_run(const struct back *b, const struct ask *shared,
    int fd);

/*
 * back_refuse - answer with an error, in the form of the route: a JSON
 * object, a page, or for metrics a line.  Drops what was printed before.
 */
void back_refuse(const struct ask *a, struct answer *answer,
    unsigned status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
