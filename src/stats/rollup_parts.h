/*
 * What the parts of rollup share: rollup.c carries forward, rollup_count.c
 * adds up, rollup_logs.c finds the files, rollup_store.c keeps the state.
 */
#ifndef STATS_ROLLUP_PARTS_H
#define STATS_ROLLUP_PARTS_H

#include "stats/rollup.h"

#define ROLLUP_FILES_MAX	1024
#define ROLLUP_FOUND_MAX	1000	/* the newest; fewer than are kept */
#define ROLLUP_OPEN_MAX		65536
#define ROLLUP_ENDED_MAX	1024

/* A file of the log, under whatever name it stands there now. */
struct rollup_file {
	uint64_t dev, ino;
	uint64_t print;		/* hash of its first record; 0: it has none */
	uint64_t taken;		/* bytes, unpacked, that were counted */
	uint64_t size, mtime_ns;	/* as it was last looked at */
	uint64_t is_current;	/* it bore the log's own name */
};

struct rollup_open {
	uint64_t id;
	uint64_t since_us;	/* when it was first saved */
};

struct rollup_state {
	char log[PATH_MAX];
	struct rollup_counters counters;
	struct rollup_file files[ROLLUP_FILES_MAX];	/* the latest last */
	size_t file_count;
	struct rollup_open *open;	/* by id */
	size_t open_count;
	/* The last ids that ended: a second end may come in the next call. */
	uint64_t ended[ROLLUP_ENDED_MAX];	/* a ring */
	uint64_t ended_total;		/* the next one's place, unbounded */
};

/*
 * rollup_count_end - an end that counts.
 * now_us     since 1970; no record is taken for later than that
 */
void rollup_count_end(struct rollup_counters *k,
    const struct translog_record *rec, uint64_t now_us);

/* The numbers of a notice, if it has any. */
void rollup_count_notice(struct rollup_counters *k,
    const struct translog_record *rec);

/* FNV-1a of buf[0..len), going on from hash; ROLLUP_HASH begins. */
#define ROLLUP_HASH	UINT64_C(0xcbf29ce484222325)
uint64_t rollup_hash(uint64_t hash, const void *buf, size_t len);

/* Frees what the state holds and makes it an empty one. */
void rollup_clear(struct rollup_state *s);

/* What is open from now on, by id; it becomes the state's. */
void rollup_set_open(struct rollup_state *s, struct rollup_open *open,
    size_t count);

/*
 * rollup_lock - become the one who writes the state.
 * Returns a descriptor to be closed, or -errno: -EAGAIN, others did not come
 * to an end within ROLLUP_LOCK_MS.
 */
#define ROLLUP_LOCK_MS	10000
int rollup_lock(const char *path);

/*
 * rollup_load - the state, or its older copy.
 * Returns 0, -ENOENT when there is neither, -EBADMSG when what is there is
 * damaged, or -errno; in these cases it is empty.
 */
int rollup_load(const char *path, struct rollup_state *s);

/* Under the lock; what was there becomes the older copy.  0 or -errno. */
int rollup_save(const char *path, const struct rollup_state *s);

/* A file that is there. */
struct rollup_found {
	char *path;
	struct rollup_file now;	/* all but taken, as it is now */
	uint64_t order_us;	/* time of its first record */
	size_t known;		/* in the state's files; SIZE_MAX: not there */
	bool is_packed, is_unchanged;
	int err;		/* of opening it */
};

struct rollup_set {
	struct rollup_found *items;	/* oldest first, the log itself last */
	size_t count;
};

/*
 * rollup_find - the files of a log; each content once, under its best name.
 * With is_old the log is not the current one any more.  Adds to the set.
 */
void rollup_find(const struct rollup_state *s, const char *log, bool is_old,
    struct rollup_set *set);

/* The file itself; -ESTALE when another one has its name now, or -errno. */
int rollup_open(const struct rollup_found *f);

/* Sort, and drop copies; after the last rollup_find(). */
void rollup_settle(const struct rollup_state *s, struct rollup_set *set);

void rollup_set_free(struct rollup_set *set);

#endif
