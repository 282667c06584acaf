/*
 * The ends of transfers: of those that we reap, and of those that are found
 * dead.  What they could not do themselves is done here: the record of the
 * end, and an upload's hidden file removed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children_parts.h"
#include "core/pathname.h"
#include "os/clock.h"
#include "os/diag.h"
#include "os/process.h"
#include "os/resolve.h"
#include "os/shm.h"

#define CLAIM_SPAN	(10 * US_PER_S)	/* a claimed slot is locked by then */

/* ---- the log's state -------------------------------------------------- */

/* Try to say in the log how many records it misses. */
void
children_tell_lost(struct children *c)
{
	struct translog_record rec;
	char text[128];

	if (c->log_lost == 0)
		return;
	translog_clear(&rec);
	snprintf(text, sizeof(text), "the log could not be written: about "
	    "%llu records are missing here", (unsigned long long)c->log_lost);
	if (service_notice(c->service, &rec, text) != 0)
		return;
	c->log_lost = 0;
	diag_log(DIAG_NOTICE, "%s: written again", c->service->conf->log_path);
}

/* Serving goes on without a log; said once, and again when it works. */
static void
note_log_result(struct children *c, uint32_t log_errno, uint32_t count)
{
	if (log_errno != 0 && log_errno != EBADF) {
		if (c->log_lost == 0)
			diag_log(DIAG_ERROR, "%s: %s; transfers go on without "
			    "their records", c->service->conf->log_path,
			    strerror((int)log_errno));
		c->log_lost += count;
		return;
	}
	children_tell_lost(c);
}

/* ---- the dead --------------------------------------------------------- */

/*
 * Remove a dead upload's hidden file, in a child: the file system may hang.
 * The table can be written by every transfer, so the name is only taken if
 * it is one of ours, and the walls bound what it can reach.
 */
static void
remove_hidden(struct children *c, const char *root_path, const char *hidden)
{
	struct service *service = c->service;
	struct resolve_root root = { service_root(service, root_path), false };
	int control = c->control;
	char dir[PATHNAME_MAX + 1];
	const char *base;
	pid_t pid;

	base = strrchr(hidden, '/');
	if (root.fd == -1 || base == NULL ||
	    (size_t)(base - hidden) > PATHNAME_MAX ||
	    !pathname_is_hidden(base + 1))
		return;
	memcpy(dir, hidden, (size_t)(base - hidden));
	dir[base - hidden] = '\0';
	pid = process_fork();
	if (pid != 0)
		return;
	/* *c is not here any more */
	if (control != -1)
		close(control);
	service_stop_listening(service);
	(void)resolve_unlink(&root, dir, base + 1);
	_exit(0);
}

/* The end of a transfer that can no longer write it. */
static void
record_crash(struct children *c, const struct live_slot *slot,
    const char *message)
{
	struct translog_record rec;
	uint64_t now_us = clock_real_us();
	size_t file_len = slot->file_len;
	int err;

	translog_clear(&rec);
	rec.event = TRANSLOG_TRANSFER;
	rec.outcome = OUTCOME_CRASHED;
	live_get_text(slot->id, sizeof(rec.id), rec.id);
	rec.op = slot->is_write ? TRANSLOG_WRITE : TRANSLOG_READ;
	live_get_text(slot->client, sizeof(rec.client), rec.client);
	live_get_text(slot->server, sizeof(rec.server), rec.server);
	rec.numbers[TRANSLOG_CLIENT_PORT] = slot->client_port;
	rec.file.buf = slot->file;
	rec.file.len = file_len < LIVE_TEXT_MAX ? file_len : LIVE_TEXT_MAX;
	rec.numbers[TRANSLOG_BYTES] = (int64_t)atomic_load(&slot->bytes);
	if (slot->started_us != 0 && slot->started_us < now_us)
		rec.numbers[TRANSLOG_DURATION_US] =
		    (int64_t)(now_us - slot->started_us);
	rec.message.buf = (const uint8_t *)message;
	rec.message.len = strlen(message);
	err = service_record(c->service, &rec);
	note_log_result(c, (uint32_t)-err, 1);
}

void
children_free_slot(struct live_slot *slot)
{
	slot->hidden[0] = '\0';
	slot->id[0] = '\0';
	slot->pid = 0;
	atomic_store(&slot->state, LIVE_FREE);
}

/*
 * Write the end that a dead process left open, unless it wrote it.  The
 * slot is ours to free: it is a child's that we reaped, with its id still
 * there, or it is unlocked and no dispatcher can be starting a process in it.
 */
static void
bury(struct children *c, uint32_t index, const char *message)
{
	struct live_slot *slot = slot_at(c, index);
	char hidden[sizeof(slot->hidden)], root[sizeof(slot->root)];
	uint32_t state = atomic_load(&slot->state);

	live_get_text(slot->hidden, sizeof(hidden), hidden);
	live_get_text(slot->root, sizeof(root), root);
	if (state != LIVE_ENDED && state != LIVE_FREE &&
	    atomic_compare_exchange_strong(&slot->state, &state, LIVE_ENDING))
		record_crash(c, slot, message);
	children_free_slot(slot);
	if (hidden[0] != '\0')
		remove_hidden(c, root, hidden);
}

/*
 * Transfers of a dispatcher or server that is dead: nobody reaped them.
 * A slot that is only just claimed may belong to a process that has not
 * locked it yet.
 */
void
children_sweep(struct children *c)
{
	uint64_t now_us = clock_real_us();
	struct live_slot *slot;
	uint32_t i, state;

	c->sweep_at_us = UINT64_MAX;
	c->strangers = 0;
	for (i = 0; i < c->service->slots; i++) {
		slot = slot_at(c, i);
		state = atomic_load(&slot->state);
		if (state == LIVE_FREE || c->pids[i] != 0)
			continue;
		if (shm_is_locked(c->service->table_fd, live_offset(i))) {
			c->strangers++;
			continue;
		}
		if (state == LIVE_CLAIMED && slot->started_us <= now_us &&
		    now_us - slot->started_us < CLAIM_SPAN) {
			c->sweep_at_us = clock_mono_us() + CLAIM_SPAN;
			continue;
		}
		bury(c, i, "found dead");
	}
}

void
children_bury(struct children *c, uint32_t index, int status)
{
	struct live_slot *slot = slot_at(c, index);
	char message[64], id[sizeof(slot->id)];

	if (WIFSIGNALED(status))
		snprintf(message, sizeof(message), "killed by signal %d",
		    WTERMSIG(status));
	else
		snprintf(message, sizeof(message), "ended with status %d",
		    WEXITSTATUS(status));
	live_get_text(slot->id, sizeof(id), id);
	/* while we slept another dispatcher may have buried it already */
	if (strcmp(id, c->list[index].id) == 0) {
		if (atomic_load(&slot->state) == LIVE_ENDED)
			note_log_result(c, atomic_load(&slot->log_errno),
			    atomic_load(&slot->log_lost));
		children_remember(c, index);
		bury(c, index, message);
	}
	c->pids[index] = 0;
	c->ends++;
	c->running--;
}
