/*
 * The ends of transfers: of those that we reap, and of those that are found
 * dead.  What they could not do themselves is done here: the record of the
 * end, and an upload's hidden file removed.
 */
#include <errno.h>
#include <signal.h>
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
#define LOOK_SPAN	(5 * US_PER_S)	/* between looks at strangers */
#define BURY_SPAN	(200 * 1000)	/* till a dispatcher buried its own */

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
 * The child's pid; 0: there is nothing to remove; -1: there is no process now.
 */
static pid_t
remove_hidden(struct children *c, const struct live_slot *slot)
{
	char hidden[sizeof(slot->hidden)], path[sizeof(slot->root)];
	char dir[PATHNAME_MAX + 1];
	struct service *service = c->service;
	struct resolve_root root = { .fd = -1 };
	int control = c->control;
	const char *base;
	pid_t pid;

	live_get_text(slot->hidden, sizeof(hidden), hidden);
	live_get_text(slot->root, sizeof(path), path);
	base = strrchr(hidden, '/');
	if (base != NULL)
		root.fd = service_root(service, path);
	if (root.fd == -1 || (size_t)(base - hidden) > PATHNAME_MAX ||
	    !pathname_is_hidden(base + 1))
		return 0;
	memcpy(dir, hidden, (size_t)(base - hidden));
	dir[base - hidden] = '\0';
	pid = process_fork();
	if (pid != 0)
		return pid;
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

/* At the latest so much from now. */
static void
sweep_within(struct children *c, uint64_t span_us)
{
	uint64_t at_us = clock_mono_us() + span_us;

	if (at_us < c->sweep_at_us)
		c->sweep_at_us = at_us;
}

/*
 * The end is written.  An upload's place stays taken until its hidden file is
 * gone: whoever finds us dead goes on from here.
 */
static void
clear_away(struct children *c, uint32_t index)
{
	struct live_slot *slot = slot_at(c, index);
	struct child *kid = &c->list[index];
	pid_t pid;

	atomic_store(&slot->state, LIVE_ENDED);
	pid = remove_hidden(c, slot);
	if (pid == 0) {
		children_free_slot(slot);
		return;
	}
	memset(kid, 0, sizeof(*kid));
	live_get_text(slot->id, sizeof(kid->id), kid->id);
	if (pid == -1) {
		sweep_within(c, LOOK_SPAN);
		return;
	}
	kid->is_removal = kid->was_told_to_go = true;
	kid->told_us = clock_mono_us();
	c->names[index] = 0;
	c->hosts[index] = 0;
	c->pids[index] = pid;
	c->running++;
	c->removals++;
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
	uint32_t state = atomic_load(&slot->state);

	if (state == LIVE_FREE)
		return;
	/* without an id, nobody has filled it in yet */
	if (state != LIVE_ENDED && slot->id[0] != '\0' &&
	    atomic_compare_exchange_strong(&slot->state, &state, LIVE_ENDING))
		record_crash(c, slot, message);
	clear_away(c, index);
}

/*
 * Seen dead before, some time ago?  A dispatcher that lives, though its keeper
 * is dead, has buried its own by then, and two must not do it.  A slot that is
 * not our child's has its place in the list free for the note.
 */
static bool
is_dead_for_long(struct children *c, uint32_t index)
{
	struct child *note = &c->list[index];
	uint64_t now_us = clock_mono_us();
	char id[sizeof(note->id)];

	live_get_text(slot_at(c, index)->id, sizeof(id), id);
	/* claimed, and never filled in */
	if (id[0] == '\0')
		strcpy(id, "?");
	if (strcmp(note->id, id) == 0)
		return now_us - note->told_us >= BURY_SPAN;
	memcpy(note->id, id, sizeof(id));
	note->told_us = now_us;
	return false;
}

/*
 * Transfers of a dispatcher or server that is dead: nobody reaped them.
 * A slot that is only just claimed may belong to a process that has not
 * locked it yet; it enters its pid after that.  When their keeper has died
 * before them, nobody will say that they have ended: we look now and then, as
 * long as there are some.
 */
void
children_sweep(struct children *c)
{
	uint64_t now_us = clock_real_us();
	struct live_slot *slot;
	uint32_t i, state;

	c->sweep_at_us = UINT64_MAX;
	c->strangers = c->unburied = 0;
	for (i = 0; i < c->service->slots; i++) {
		slot = slot_at(c, i);
		state = atomic_load(&slot->state);
		if (state == LIVE_FREE || c->pids[i] != 0)
			continue;
		if (shm_is_locked(c->service->table_fd, live_offset(i))) {
			c->strangers++;
			sweep_within(c, LOOK_SPAN);
		} else if (state == LIVE_CLAIMED && slot->pid == 0 &&
		    slot->started_us <= now_us &&
		    now_us - slot->started_us < CLAIM_SPAN) {
			sweep_within(c, CLAIM_SPAN);
		} else if (is_dead_for_long(c, i)) {
			bury(c, i, "found dead");
		} else {
			c->strangers++;
			c->unburied++;
			sweep_within(c, BURY_SPAN);
		}
	}
}

/*
 * The process that removed a hidden file has ended.  If somebody killed it, it
 * is done again, but not at once.
 */
static void
end_removal(struct children *c, uint32_t index, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		sweep_within(c, LOOK_SPAN);
	else
		children_free_slot(slot_at(c, index));
}

void
children_bury(struct children *c, uint32_t index, int status)
{
	struct live_slot *slot = slot_at(c, index);
	bool is_removal = c->list[index].is_removal;
	char message[64], id[sizeof(slot->id)];

	if (WIFSIGNALED(status))
		snprintf(message, sizeof(message), "killed by signal %d",
		    WTERMSIG(status));
	else
		snprintf(message, sizeof(message), "ended with status %d",
		    WEXITSTATUS(status));
	c->removals -= is_removal;
	c->list[index].is_removal = false;
	c->pids[index] = 0;
	c->ends++;
	c->running--;
	live_get_text(slot->id, sizeof(id), id);
	/* while we slept another dispatcher may have buried it already */
	if (strcmp(id, c->list[index].id) != 0)
		return;
	if (is_removal) {
		end_removal(c, index, status);
		return;
	}
	if (atomic_load(&slot->state) == LIVE_ENDED)
		note_log_result(c, atomic_load(&slot->log_errno),
		    atomic_load(&slot->log_lost));
	children_remember(c, index);
	bury(c, index, message);
}
