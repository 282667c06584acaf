/*
 * problems - refusals and failures, counted by what they were: the outcome,
 * the error's code, who said it, and its words.
 */
#ifndef STATS_PROBLEMS_H
#define STATS_PROBLEMS_H

#include <stddef.h>
#include <stdint.h>

#include "record/translog.h"
#include "stats/keyed.h"

/* Clients choose the words of some; what is more than that is left out. */
#define PROBLEMS_MAX		4096
/* Clients of all problems: when there are more, struct problem has fewer. */
#define PROBLEMS_CLIENTS_MAX	((size_t)1 << 17)

struct problem {
	enum outcome outcome;
	int64_t error_code;		/* TRANSLOG_ABSENT: none was sent */
	char error_by[8];		/* "server", "client" or "" */
	size_t message_len;		/* message: at the end of its name */
	uint64_t count, clients;	/* different ones */
	uint64_t first_us, last_us;
	char last_client[TRANSLOG_ADDR_MAX];
	uint8_t *last_file;		/* NULL: none known */
	size_t last_file_len;
};

struct problems {
	struct keyed kinds, clients;
	uint64_t left_out;		/* ends */
};

/* None yet; problems_free() is due. */
void problems_init(struct problems *p);

/* Add an end; those that are neither refused nor failed don't matter. */
void problems_add(struct problems *p, const struct translog_record *rec);

/*
 * problems_list - pointers to all of them, the most frequent first; the
 * array is the caller's.
 */
struct problem **problems_list(const struct problems *p, size_t *count);

/* The words of a problem, p's; their length is problem->message_len. */
const uint8_t *problems_message(const struct problems *p,
    const struct problem *problem);

void problems_free(struct problems *p);

#endif
