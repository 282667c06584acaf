/*
 * account - what the log says of one transfer: its start, its end, what it
 * cost.
 */
#ifndef DAEMON_ACCOUNT_H
#define DAEMON_ACCOUNT_H

#include "core/engine.h"
#include "core/pathname.h"
#include "daemon/admission.h"
#include "daemon/transfer.h"

#define ACCOUNT_ASKED_MAX	512

struct account {
	const struct transfer_order *order;
	struct live_slot *slot;		/* NULL in the dispatcher */
	const struct admission *a;
	uint64_t first_reply_us;	/* since the request; 0: none yet */
	struct translog_record rec;
	char shown_path[PATHNAME_MAX + 2];
	char asked[ACCOUNT_ASKED_MAX];
};

/* What it points to must outlive it. */
void account_init(struct account *ac, const struct transfer_order *order,
    struct live_slot *slot, const struct admission *a);

/* Something was sent: the first time is of interest. */
void account_reply(struct account *ac);

/* The transfer was accepted: its `start`. */
void account_start(struct account *ac);

/* Refused, as the admission's verdict says; an ERROR is sent before. */
void account_refused(struct account *ac);

/*
 * account_end - the end of an accepted transfer; after it nobody else writes
 * one.  A message in the admission's verdict says more than the engine.
 */
void account_end(struct account *ac, const struct engine *e);

/* Write who asked for what into a record, from a request's bytes. */
void account_describe(const struct transfer_order *order,
    struct translog_record *rec);

#endif
