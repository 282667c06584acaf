/*
 * livetab - reading the live table: who runs now.
 *
 * Anybody who could write the table may have written anything into it, and
 * it changes while it is read: everything is copied and bounded, and a slot
 * counts only while the kernel says that its process holds the lock.
 */
#ifndef STATS_LIVETAB_H
#define STATS_LIVETAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "record/live.h"
#include "record/translog.h"

/* The header's texts are a stranger's bytes, though terminated. */
struct livetab {
	int fd;
	struct live_header header;
	uint32_t slots;			/* that the file really has */
	bool has_keeper;		/* a living server owns it */
	pid_t keeper;			/* as the kernel knows it */
};

/* A running transfer: its start was recorded, its end was not. */
struct livetab_entry {
	char id[TRANSLOG_ID_LEN + 1];	/* hexadecimal digits */
	pid_t pid;			/* the kernel says; 0: not here */
	char client[LIVE_ADDR_MAX], server[LIVE_ADDR_MAX];
	uint16_t client_port;
	enum translog_op op;
	uint8_t file[LIVE_TEXT_MAX];
	size_t file_len;
	uint64_t started_us;		/* since 1970 */
	uint64_t age_us;		/* since the request came */
	uint64_t size, bytes;		/* size 0: not known */
	bool has_answered;		/* the client, at all */
	uint64_t quiet_us;		/* since it did, last */
	uint64_t retransmits, blksize, windowsize;	/* 0: not known */
};

/*
 * livetab_open - Returns 0; -ENOENT: no server has been there, or it said
 * goodbye; -EINVAL: that is no table of ours, or of another version; or
 * -errno.  livetab_close() is due after 0 only.
 */
int livetab_open(struct livetab *t, const char *path);

/* The header again, and whether there is a server.  As livetab_open(). */
int livetab_refresh(struct livetab *t);

/*
 * livetab_next - the next running transfer.
 * slot       0 before the first; is moved on
 * Returns 1 with *e filled, 0 at the end, or -errno.
 */
int livetab_next(struct livetab *t, uint32_t *slot, struct livetab_entry *e);

/* How many run, by enum translog_op too; -errno. */
int64_t livetab_count(struct livetab *t, uint64_t by_op[static 3]);

void livetab_close(struct livetab *t);

#endif
