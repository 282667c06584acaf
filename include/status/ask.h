/*
 * ask - what the process that speaks HTTP tells the one that knows.
 *
 * It lies in memory that both share.  Who answers trusts nothing of it: it
 * takes a copy, and looks at that.
 */
#ifndef STATUS_ASK_H
#define STATUS_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ask_route {
	ASK_NONE,
	ASK_PAGE,		/* / */
	ASK_HEALTH,		/* /healthz */
	ASK_READY,		/* /readyz */
	ASK_METRICS,		/* /metrics */
	ASK_STATUS,		/* /api/v1/status and so on */
	ASK_TRANSFERS,
	ASK_CONNECTIONS,
	ASK_STATISTICS,
	ASK_CONFIG,
	ASK_MANAGE,		/* /manage: the configuration, an editor */
	ASK_MANAGE_CHECK,	/* POST: check a text */
	ASK_MANAGE_STAGE,	/* POST: keep it for --adopt */
	ASK_MANAGE_EXPLAIN,	/* POST: what would a client get? */
	ASK_ROUTES
};

#define ASK_HEADER_MAX	512
#define ASK_TEXT_MAX	((size_t)300 * 1024)	/* an edited file, and more */

struct ask {
	uint32_t route;			/* enum ask_route */
	uint8_t is_post;		/* 0 or 1 */
	uint8_t wants_openmetrics;	/* as the header Accept says; 0 or 1 */
	/* header fields; "": not there */
	char host[ASK_HEADER_MAX], origin[ASK_HEADER_MAX];
	char authorization[ASK_HEADER_MAX], fetch_site[ASK_HEADER_MAX];
	/* of query and form, decoded by form.h: "key\0value\0key\0value\0" */
	uint32_t text_len;
	char text[ASK_TEXT_MAX];
};

/* Whether a copy can be looked at: bounds, terminators. */
bool ask_is_sound(const struct ask *a);

/* The first value of a key; NULL: there is none. */
const char *ask_get(const struct ask *a, const char *key);

/*
 * ask_next - the parameters one after the other.
 * at         0 before the first; is moved on
 * False at the end.
 */
bool ask_next(const struct ask *a, size_t *at, const char **key,
    const char **value);

#endif
