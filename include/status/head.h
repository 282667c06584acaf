/*
 * head - the head of a request, taken apart strictly.
 *
 * libmicrohttpd reads it, too, and is lenient: what two readers could take
 * for two things, a proxy before us for instance, is refused here before it
 * looks.
 */
#ifndef STATUS_HEAD_H
#define STATUS_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HEAD_MAX	((size_t)16 * 1024)
#define HEAD_FIELDS_MAX	100

enum head_method { HEAD_OTHER, HEAD_GET, HEAD_HEAD, HEAD_POST };

/* The fields that we look at. */
enum head_field {
	HEAD_ACCEPT,
	HEAD_AUTHORIZATION,
	HEAD_CONTENT_LENGTH,
	HEAD_CONTENT_TYPE,
	HEAD_EXPECT,
	HEAD_HOST,
	HEAD_ORIGIN,
	HEAD_FETCH_SITE,
	HEAD_TRANSFER_ENCODING,
	HEAD_FIELDS
};

/* Bytes of the head; at is NULL when there are none. */
struct head_span {
	const char *at;
	size_t len;
};

struct head {
	enum head_method method;
	bool is_http10;
	struct head_span path, query;	/* of the target; raw */
	struct head_span fields[HEAD_FIELDS];
	uint64_t body_len;		/* as Content-Length says */
};

/*
 * head_end - how long the head is, its empty line included.
 *
 * Returns 0: not all of it is there; -EBADMSG: it can't become one (control
 * bytes, a line that ends without CR).
 */
ssize_t head_end(const char *buf, size_t len);

/*
 * head_parse - take buf[0..len), of head_end(), apart.
 *
 * h          points into buf; has path and query as far as there are some
 *            when the head is refused, too
 * why        set to a sentence when it is refused
 * Returns 0, or the status to refuse it with.
 */
unsigned head_parse(const char *buf, size_t len, struct head *h,
    const char **why);

/*
 * head_glance - method and path of a request whose head is not complete or
 * not good, as far as they can be told: how it is refused depends on them.
 */
void head_glance(const char *buf, size_t len, struct head *h);

/* Whether span is text, in letters of either case. */
bool head_is(struct head_span span, const char *text);

/*
 * head_wants_openmetrics - whether Accept names OpenMetrics, and prefers
 * nothing to it.
 */
bool head_wants_openmetrics(struct head_span accept);

#endif
