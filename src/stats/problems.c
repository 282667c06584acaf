#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "stats/problems.h"

/* What tells one problem from another, before its words. */
struct head {
	int64_t error_code;
	uint32_t outcome;
	char error_by[8];
	uint32_t unused;
};

_Static_assert(sizeof(struct head) == 24, "no padding to be compared");

void
problems_init(struct problems *p)
{
	*p = (struct problems){ .left_out = 0 };
	keyed_init(&p->kinds, sizeof(struct problem), PROBLEMS_MAX);
	keyed_init(&p->clients, 0, PROBLEMS_CLIENTS_MAX);
}

void
problems_free(struct problems *p)
{
	struct problem *problem;
	size_t at = 0;

	while ((problem = keyed_next(&p->kinds, &at)) != NULL)
		free(problem->last_file);
	keyed_free(&p->kinds);
	keyed_free(&p->clients);
}

/* The kind of problem of a record; NULL: no room for another one. */
static struct problem *
kind_of(struct problems *p, const struct translog_record *rec)
{
	uint8_t name[sizeof(struct head) + TRANSLOG_LINE_MAX];
	struct head head = {
		.error_code = rec->numbers[TRANSLOG_ERROR_CODE],
		.outcome = rec->outcome
	};
	size_t len = rec->message.buf == NULL ? 0 : rec->message.len;
	struct problem *problem;

	if (len > TRANSLOG_LINE_MAX)
		len = TRANSLOG_LINE_MAX;
	memcpy(head.error_by, rec->error_by, sizeof(head.error_by));
	memcpy(name, &head, sizeof(head));
	if (len != 0)
		memcpy(name + sizeof(head), rec->message.buf, len);
	problem = keyed_of(&p->kinds, name, sizeof(head) + len);
	if (problem != NULL && problem->count == 0) {
		problem->outcome = rec->outcome;
		problem->error_code = head.error_code;
		memcpy(problem->error_by, head.error_by,
		    sizeof(problem->error_by));
		problem->message_len = len;
		problem->first_us = rec->ts_us;
	}
	return problem;
}

static void
add_client(struct problems *p, struct problem *problem, const char *client)
{
	struct {
		struct problem *problem;
		char client[TRANSLOG_ADDR_MAX];
	} name = { .problem = problem };
	size_t before = p->clients.used;

	strcpy(name.client, client);
	keyed_of(&p->clients, &name, sizeof(name.problem) + strlen(client));
	problem->clients += p->clients.used - before;
	strcpy(problem->last_client, client);
}

static void
note_file(struct problem *problem, const struct translog_bytes *file)
{
	uint8_t *copy;

	if (file->buf == NULL)
		return;
	copy = realloc(problem->last_file, file->len + 1);
	if (copy == NULL)
		err(1, NULL);
	memcpy(copy, file->buf, file->len);
	problem->last_file = copy;
	problem->last_file_len = file->len;
}

void
problems_add(struct problems *p, const struct translog_record *rec)
{
	enum outcome_class of_class = outcome_class(rec->outcome);
	struct problem *problem;

	if (of_class != OUTCOME_CLASS_REFUSED &&
	    of_class != OUTCOME_CLASS_FAILURE)
		return;
	problem = kind_of(p, rec);
	if (problem == NULL) {
		p->left_out++;
		return;
	}
	problem->count++;
	if (rec->client[0] != '\0')
		add_client(p, problem, rec->client);
	note_file(problem, &rec->file);
	if (rec->ts_us > problem->last_us)
		problem->last_us = rec->ts_us;
	if (rec->ts_us < problem->first_us)
		problem->first_us = rec->ts_us;
}

static int
by_count(const void *a, const void *b, void *kinds)
{
	const struct problem *x = *(struct problem *const *)a;
	const struct problem *y = *(struct problem *const *)b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return keyed_compare_names(kinds, x, y);
}

struct problem **
problems_list(const struct problems *p, size_t *count)
{
	*count = p->kinds.used;
	return (struct problem **)keyed_sorted(&p->kinds, by_count);
}

const uint8_t *
problems_message(const struct problems *p, const struct problem *problem)
{
	size_t len;

	return keyed_name(&p->kinds, problem, &len) + sizeof(struct head);
}
