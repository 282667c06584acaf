/*
 * api_parts - what the routes of the API share.
 */
#ifndef STATUS_API_PARTS_H
#define STATUS_API_PARTS_H

#include "stats/json.h"
#include "status/back.h"
#include "status/query.h"

/*
 * api_take - read the parameters.
 * False: they are wrong, and that is the answer.
 */
bool api_take(const struct back *b, const struct ask *a,
    struct answer *answer, unsigned takes, struct query *q);

/* "limit", "offset", "count" and, when rows follow, "next". */
void api_page_json(struct json *j, const struct query *q, uint64_t count,
    const char *next);

#endif
