/*
 * answer - what comes back: the head of a response.  Its body is what was
 * written to standard output meanwhile.
 *
 * It comes from another process, and is looked at before it is believed.
 */
#ifndef STATUS_ANSWER_H
#define STATUS_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

enum answer_type {
	ANSWER_TEXT,
	ANSWER_JSON,
	ANSWER_HTML,
	ANSWER_METRICS,		/* Prometheus' text format */
	ANSWER_OPENMETRICS,
	ANSWER_TYPES
};

#define ANSWER_NONCE_LEN 32	/* hexadecimal digits */

struct answer {
	uint32_t status;	/* of HTTP: 200, ... */
	uint32_t type;		/* enum answer_type */
	uint8_t wants_password;	/* with 401; 0 or 1 */
	/* ANSWER_HTML: what scripts and styles of the page carry */
	char nonce[ANSWER_NONCE_LEN + 1];
	char location[64];	/* with 303: a path of ours; "" */
};

/*
 * answer_is_sound - whether it can be passed on: known status and type, a
 * nonce that is one, a location with 303 only, which is a path of ours.
 */
bool answer_is_sound(const struct answer *answer);

#endif
