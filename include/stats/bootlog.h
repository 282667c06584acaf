/*
 * bootlog - boots out of the ends of transfers.
 *
 * What a client fetches in a row is a boot.  A new one begins after five
 * minutes of silence, or when a client that had got further asks for its
 * first file again.  Names that are not found are the daily walk of
 * PXELINUX, phones and boards; it is one step.  A probe of the size and the
 * read that follows are one step too, as is a file that is tried again.
 *
 *	bootlog_init(&b);
 *	bootlog_start(&b, rec); bootlog_end(&b, rec);	as in the log
 *	bootlog_judge(&b, learns);
 *	for (boot = b.first; boot != NULL; boot = boot->next) ...
 *	bootlog_free(&b);
 *
 * Memory is bounded: the oldest boots go first, of a long boot the middle.
 */
#ifndef STATS_BOOTLOG_H
#define STATS_BOOTLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/outcome.h"
#include "record/translog.h"
#include "stats/keyed.h"

#define BOOTLOG_GAP_US		(UINT64_C(300) * 1000000)
#define BOOTLOG_BOOTS		((size_t)1 << 16)
#define BOOTLOG_STEPS		((size_t)1 << 18)	/* of all boots */
#define BOOTLOG_BOOT_STEPS	64
#define BOOTLOG_FIRST_IDS	4

struct bootlog_file;		/* a name; bootlog_name() */
struct bootlog_client;

enum bootlog_kind {
	BOOTLOG_FETCH,		/* any end but the two below */
	BOOTLOG_PROBE,		/* and no read followed */
	BOOTLOG_WALK		/* names that were not found, in a row */
};

struct bootlog_step {
	enum bootlog_kind kind;
	enum outcome outcome;	/* of the last try */
	enum outcome before;	/* of the try before it, or OUTCOME_NONE */
	struct bootlog_file *file;	/* NULL: too many names */
	struct bootlog_file *last;	/* of a walk */
	uint32_t requests;	/* probes and copies included */
	uint32_t names;		/* of a walk */
	uint32_t probes;
	uint64_t begin_us, end_us;	/* of all tries */
	uint64_t last_us;	/* when the last try or name began */
	uint64_t took_us;		/* of the last one, or of the walk */
	uint64_t bytes, size;	/* of the last try; size 0: not known */
};

enum bootlog_verdict {
	BOOTLOG_COMPLETE,	/* it got what it asked for */
	BOOTLOG_STOPPED,	/* its last step went wrong, has no end
				 * (has_open), or lacks a next (missed) */
	BOOTLOG_NOTHING,	/* found nothing, or only probed */
	BOOTLOG_RUNNING		/* a transfer of it has no end yet */
};

struct bootlog_boot {
	struct bootlog_boot *next;	/* in the order of their begin */
	struct bootlog_client *client;
	uint64_t begin_us, end_us;
	uint64_t bytes;			/* of all fetched files */
	uint64_t files;			/* steps that fetched one */
	struct bootlog_step *steps;
	uint32_t count, room;
	uint32_t cut;			/* steps that were dropped */
	const struct bootlog_file *first;
	/* its first starts: they may turn out to be older than begin_us */
	uint64_t first_ids[BOOTLOG_FIRST_IDS];
	uint32_t first_count;
	bool is_further;		/* was given another file than that */
	uint64_t open_id, open_us;	/* the last start without end */
	const struct bootlog_file *open_file;
	bool has_open;
	/* what bootlog_judge() found */
	enum bootlog_verdict verdict;
	const struct bootlog_step *last;	/* but probes; NULL: none */
	const struct bootlog_file *missed;	/* others went on to it */
};

struct bootlog {
	struct bootlog_boot *first, *newest;
	struct keyed clients, files;
	size_t boots, steps;
	uint64_t boots_cut;
};

void bootlog_init(struct bootlog *b);

/* A start, should it never end. */
void bootlog_start(struct bootlog *b, const struct translog_record *rec);

/* An end that counts.  Uploads are no part of a boot. */
void bootlog_end(struct bootlog *b, const struct translog_record *rec);

/*
 * bootlog_judge - the verdicts.
 * learns     whether to compare a boot with the others: where at least 3,
 *            and 80 % of them, went on after a file, to end there is to stop
 */
void bootlog_judge(struct bootlog *b, bool learns);

const char *bootlog_verdict_name(enum bootlog_verdict verdict);
const char *bootlog_kind_name(enum bootlog_kind kind);

/* How much of a file that has a known size; 1000 of one that has none. */
unsigned bootlog_done_permille(const struct bootlog_step *step);

/* Whether a part of it came before it went wrong. */
bool bootlog_is_part(const struct bootlog_step *step);

/* The name of a file, "" for NULL, and of a boot's client. */
const uint8_t *bootlog_name(const struct bootlog *b,
    const struct bootlog_file *file, size_t *len);
const uint8_t *bootlog_client(const struct bootlog *b,
    const struct bootlog_boot *boot, size_t *len);

void bootlog_free(struct bootlog *b);

#endif
