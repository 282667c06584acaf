/*
 * reply - what every answer has: fields of its head, and errors that have a
 * form of their own for programs and for people.
 */
#ifndef STATUS_REPLY_H
#define STATUS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "status/answer.h"

#define REPLY_TEXT_MAX	1280

/* Why there is no answer. */
struct refusal {
	unsigned status;	/* of HTTP; 0: there is no refusal */
	const char *allow;	/* 405: the methods that there are */
	char text[REPLY_TEXT_MAX];	/* a sentence; any bytes */
};

/* Refuse with a status and a sentence; what is too long is cut. */
void reply_refuse(struct refusal *r, unsigned status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* One more field of a head. */
typedef void reply_put(void *arg, const char *name, const char *value);

/* The fields that an answer has, but for its length and its time. */
void reply_fields(const struct answer *answer, reply_put *put, void *arg);

/*
 * reply_put_error - a body that says why there is no other, as answer->type
 * has it: an object of JSON, a page with answer->nonce, or a line.
 *
 * text       a sentence; UTF-8 without control characters
 */
void reply_put_error(FILE *out, const struct answer *answer,
    const char *text);

/*
 * reply_error - a whole answer of HTTP that says why there is none.
 *
 * type       how its body is to be: text, JSON or HTML
 * is_head    whether the body is left out
 * len        set to the bytes
 * Returns them, for free(); NULL: no memory.
 */
char *reply_error(const struct refusal *r, enum answer_type type,
    bool is_head, size_t *len);

#endif
