/*
 * board - what a dashboard shows: who runs, and what has ended in the last
 * hour, kept up to date look by look from live table and log.
 */
#ifndef STATS_BOARD_H
#define STATS_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/outcome.h"
#include "stats/active.h"
#include "stats/command.h"
#include "stats/tail.h"
#include "stats/tally.h"

#define BOARD_SECONDS	3600	/* that are remembered */
#define BOARD_SPANS	7	/* of ten minutes each: the last is not full */
#define BOARD_PROBLEMS	32
#define BOARD_TEXT_MAX	128	/* bytes of a name or message */

/* What happened in a second, or in several. */
struct board_second {
	uint64_t at_s;			/* since 1970 */
	uint64_t ends;
	uint64_t outcomes[OUTCOME_COUNT];
	uint64_t bytes[3];		/* by enum translog_op */
};

/* Who was busy in ten minutes. */
struct board_span {
	uint64_t number;		/* since 1970 */
	struct tally files, clients;
};

/* A request that was refused, or failed. */
struct board_problem {
	uint64_t ts_us;
	enum outcome outcome;
	char client[TRANSLOG_ADDR_MAX];
	uint8_t file[BOARD_TEXT_MAX], message[BOARD_TEXT_MAX];
	size_t file_len, message_len;
};

struct board {
	const struct options *o;
	struct filter filter;		/* without a window */
	struct active active;
	char log_path[LIVE_PATH_MAX];
	struct tail tail;
	int log_error;			/* why the log can't be read; errno */
	bool is_past;			/* we read what was there before us */
	uint64_t started_us;		/* since 1970 */
	struct board_second since;	/* we began */
	struct board_second seconds[BOARD_SECONDS];
	struct board_span spans[BOARD_SPANS];
	struct board_problem problems[BOARD_PROBLEMS];
	size_t problem_count;		/* that ever were */
	uint64_t ids[TAIL_IDS];
};

/*
 * board_new - reads the log's last hour.
 * NULL when the reason was printed.  Ends the program without memory.
 */
struct board *board_new(const struct options *o);

/* What runs now, and what is new in the log.  0 or -errno of the table. */
int board_look(struct board *b);

/* The seconds from..to, to not included. */
struct board_second board_sum(const struct board *b, uint64_t from_s,
    uint64_t to_s);

/*
 * board_busiest - files or clients of the last hour: two tallies, which the
 * caller frees.
 */
void board_busiest(const struct board *b, struct tally *files,
    struct tally *clients);

/* The last problem but back; NULL when there is none. */
const struct board_problem *board_problem(const struct board *b, size_t back);

void board_free(struct board *b);

#endif
