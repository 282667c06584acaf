/*
 * gate - which requests there are: paths, methods, names that we are called
 * by, lengths.
 */
#ifndef STATUS_GATE_H
#define STATUS_GATE_H

#include <stdbool.h>

#include "status/answer.h"
#include "status/front.h"
#include "status/head.h"
#include "status/reply.h"

/* A form's bytes before they are decoded: each may be written as %XX. */
#define GATE_BODY_MAX	(3 * ASK_TEXT_MAX)

/*
 * gate_check - whether a request is one for us, as far as its head says.
 *
 * f          its ask is filled, but for what is in the body
 * False: r says why not.
 */
bool gate_check(const struct front *f, const struct head *h,
    struct refusal *r);

/* How errors of a path look. */
enum answer_type gate_error_type(struct head_span path);

/* Whether text is a path that can be asked for. */
bool gate_has_path(const char *text);

#endif
