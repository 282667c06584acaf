#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/pathname.h"
#include "daemon/account.h"
#include "children_parts.h"
#include "os/clock.h"
#include "os/diag.h"
#include "os/memory.h"
#include "os/process.h"
#include "os/resolve.h"
#include "os/shm.h"

#define SILENT_LONG	(2 * US_PER_S)	/* such a transfer makes room */
#define CLAIM_SPAN	(10 * US_PER_S)	/* a claimed slot is locked by then */
#define FORK_SPAN	(2 * US_PER_S)	/* since a fork failed */

/* ---- the log's state and ids ------------------------------------------ */

void
children_forget_control(struct children *c)
{
	c->control = c->pool.control = -1;
}

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

/* Ids that nobody can guess from the ones before, without a system call. */
static void
make_id(struct children *c, char out[static TRANSLOG_ID_LEN + 1])
{
	uint64_t z = c->id_seed + ++c->id_count * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	z ^= z >> 31;
	snprintf(out, TRANSLOG_ID_LEN + 1, "%016llx", (unsigned long long)z);
}

/* ---- the dead --------------------------------------------------------- */

/*
 * Remove a dead upload's hidden file, in a child: the file system may hang.
 * The table can be written by every transfer, so the name is only taken if
 * it is one of ours, and the walls bound what it can reach.
 */
static void
remove_hidden(struct children *c, const char *hidden)
{
	struct service *service = c->service;
	int control = c->control;
	char dir[PATHNAME_MAX + 1];
	const char *base;
	pid_t pid;

	base = strrchr(hidden, '/');
	if (base == NULL || (size_t)(base - hidden) > PATHNAME_MAX ||
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
	(void)resolve_unlink(dir, base + 1);
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

static void
free_slot(struct live_slot *slot)
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
	char hidden[sizeof(slot->hidden)];
	uint32_t state = atomic_load(&slot->state);

	live_get_text(slot->hidden, sizeof(hidden), hidden);
	if (state != LIVE_ENDED && state != LIVE_FREE &&
	    atomic_compare_exchange_strong(&slot->state, &state, LIVE_ENDING))
		record_crash(c, slot, message);
	free_slot(slot);
	if (hidden[0] != '\0')
		remove_hidden(c, hidden);
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

static void
reap_one(struct children *c, uint32_t index, int status)
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
	c->running--;
	c->leaving -= c->list[index].was_told_to_go ? 1 : 0;
}

/* ---- starting transfers ----------------------------------------------- */

/* A free slot for a new transfer, or -1. */
static int64_t
claim_slot(struct children *c)
{
	uint32_t max = c->service->conf->max_transfers, i, at, state;

	for (i = 0; i < max; i++) {
		at = (c->next_slot + i) % max;
		state = LIVE_FREE;
		if (c->pids[at] == 0 &&
		    atomic_compare_exchange_strong(&slot_at(c, at)->state,
		    &state, LIVE_CLAIMED)) {
			c->next_slot = at + 1;
			return at;
		}
	}
	return -1;
}

static void
fill_slot(struct live_slot *slot, const struct transfer_order *order,
    uint64_t whole_hash)
{
	struct translog_record rec;
	size_t len;

	account_describe(order, &rec);
	len = rec.file.len < LIVE_TEXT_MAX ? rec.file.len : LIVE_TEXT_MAX;
	memcpy(slot->id, rec.id, sizeof(rec.id));
	memcpy(slot->client, rec.client, sizeof(slot->client));
	memcpy(slot->server, rec.server, sizeof(slot->server));
	slot->client_port = netio_port(&order->origin.peer);
	slot->is_write = rec.op == TRANSLOG_WRITE;
	slot->file_len = (uint16_t)len;
	if (len != 0)
		memcpy(slot->file, rec.file.buf, len);
	slot->started_us = clock_real_us();
	slot->whole_hash = whole_hash;
	slot->hidden[0] = '\0';
	atomic_store(&slot->bytes, 0);
	atomic_store(&slot->heard_us, 0);
	atomic_store(&slot->log_errno, 0);
	atomic_store(&slot->log_lost, 0);
	atomic_store(&slot->outcome, OUTCOME_NONE);
}

static void
make_order(struct children *c, const struct request *r,
    struct transfer_order *order)
{
	order->service = c->service;
	order->listener = r->listener;
	order->origin = r->origin;
	memcpy(order->client, r->client, sizeof(order->client));
	order->server[0] = '\0';
	if (r->origin.has_local)
		netio_text(&r->origin.local, order->server);
	order->received_us = r->received_us;
	order->request_len = r->len;
	memcpy(order->request, r->buf, r->len);
	make_id(c, order->id);
}

/* Once a second at most: in a storm it would be every request. */
static void
say_fork_failed(struct children *c, int err)
{
	uint64_t now_us = clock_mono_us();

	if (c->fork_failed_us != 0 &&
	    now_us - c->fork_failed_us < US_PER_S)
		return;
	c->fork_failed_us = now_us;
	diag_log(DIAG_ERROR, "fork: %s", strerror(err));
}

static pid_t
fork_transfer(struct children *c, const struct transfer_order *order)
{
	struct service *service = c->service;
	int control = c->control;
	pid_t pid = process_fork();

	if (pid != 0)
		return pid;
	/* *c is not here any more */
	if (control != -1)
		close(control);
	transfer_prepare(service);
	transfer_serve(order);
}

bool
children_start(struct children *c, const struct request *r)
{
	struct transfer_order order;
	struct child *child;
	int64_t slot;
	pid_t pid;

	slot = claim_slot(c);
	if (slot < 0)
		return false;
	make_order(c, r, &order);
	order.slot = (uint32_t)slot;
	fill_slot(slot_at(c, order.slot), &order, r->whole_hash);
	/* one that is ready, or a new one */
	pid = pool_hand_over(&c->pool, &order);
	if (pid == 0)
		pid = fork_transfer(c, &order);
	if (pid == -1) {
		say_fork_failed(c, errno);
		free_slot(slot_at(c, order.slot));
		return false;
	}
	c->pids[slot] = pid;
	c->names[slot] = r->name_hash;
	child = &c->list[slot];
	memcpy(child->id, order.id, sizeof(child->id));
	child->peer = r->origin.peer;
	child->whole_hash = r->whole_hash;
	child->started_us = r->received_us;
	child->was_told_to_go = false;
	c->running++;
	return true;
}

void
children_tell_to_go(struct children *c, uint32_t slot,
    enum transfer_word word)
{
	c->list[slot].was_told_to_go = true;
	c->leaving++;
	transfer_tell(c->pids[slot], word);
}

/* Who can go, and how soon: 0 not at all, 2 before 1. */
static int
may_go(struct children *c, uint32_t index, uint64_t now_us)
{
	const struct child *kid = &c->list[index];
	struct live_slot *slot = slot_at(c, index);

	if (c->pids[index] == 0 || kid->was_told_to_go)
		return 0;
	/* an upload that is stored, and only there to repeat its last ACK */
	if (atomic_load(&slot->state) == LIVE_ENDED)
		return 2;
	return now_us - kid->started_us >= SILENT_LONG &&
	    atomic_load(&slot->heard_us) == 0;
}

void
children_make_room(struct children *c, unsigned wanted, uint64_t now_us)
{
	uint32_t i, slot = 0;
	int first = 0, may;

	if (c->leaving >= wanted)
		return;
	for (i = 0; i < c->service->slots; i++) {
		may = may_go(c, i, now_us);
		if (may == 0 || may < first || (may == first &&
		    c->list[i].started_us >= c->list[slot].started_us))
			continue;
		first = may;
		slot = i;
	}
	if (first != 0)
		children_tell_to_go(c, slot, first == 2 ? TRANSFER_SHUTDOWN :
		    TRANSFER_MAKE_ROOM);
}

void
children_refuse(struct children *c, const struct request *r)
{
	struct transfer_order order;
	char why[80];

	make_order(c, r, &order);
	snprintf(why, sizeof(why), c->fork_failed_us != 0 &&
	    r->received_us < c->fork_failed_us + FORK_SPAN ?
	    "no process can be started for it" :
	    "no room for another transfer (max-transfers %u)",
	    c->service->conf->max_transfers);
	transfer_busy(&order, why);
}

/* ---- all of them ------------------------------------------------------ */

/* A transfer whose dispatcher died: the kernel knows its process. */
static pid_t
stranger_at(struct children *c, uint32_t index)
{
	if (atomic_load(&slot_at(c, index)->state) == LIVE_FREE)
		return 0;
	return shm_lock_owner(c->service->table_fd, live_offset(index));
}

void
children_tell_all(struct children *c, enum transfer_word word)
{
	uint32_t i;
	pid_t pid;

	for (i = 0; i < c->service->slots; i++)
		if (c->pids[i] != 0)
			transfer_tell(c->pids[i], word);
		else if ((pid = stranger_at(c, i)) != 0)
			transfer_tell(pid, word);
}

void
children_kill_all(struct children *c)
{
	uint32_t i;
	pid_t pid;

	for (i = 0; i < c->service->slots; i++)
		if (c->pids[i] != 0)
			(void)kill(c->pids[i], SIGKILL);
		else if ((pid = stranger_at(c, i)) != 0)
			(void)kill(pid, SIGKILL);
}

void
children_end_dallying(struct children *c)
{
	uint32_t i;

	for (i = 0; i < c->service->slots; i++)
		if (c->pids[i] != 0 &&
		    atomic_load(&slot_at(c, i)->state) == LIVE_ENDED)
			transfer_tell(c->pids[i], TRANSFER_SHUTDOWN);
}

/* ---- those that have ended -------------------------------------------- */

/*
 * A ready process died before it took its order (somebody killed it): the
 * request gets another one, in the same slot.
 */
static bool
start_again(struct children *c, uint32_t index, pid_t pid)
{
	const struct transfer_order *order = pool_unserved(&c->pool, pid);
	struct transfer_order copy;
	pid_t next;

	if (order == NULL)
		return false;
	/* the berth is not there in a child */
	transfer_copy_order(&copy, order);
	next = fork_transfer(c, &copy);
	if (next == -1)
		return false;
	c->pids[index] = next;
	return true;
}

static void
take_end(struct children *c, pid_t pid, int status)
{
	uint32_t i;

	for (i = 0; i < c->service->slots && c->pids[i] != pid; i++)
		;
	if (i != c->service->slots && !start_again(c, i, pid))
		reap_one(c, i, status);
	pool_forget(&c->pool, pid);
}

void
children_reap(struct children *c)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		take_end(c, pid, status);
}

/* ---- memory ----------------------------------------------------------- */

static size_t
memory_len(const struct service *s)
{
	return s->slots * (sizeof(struct child) + sizeof(uint64_t) +
	    sizeof(pid_t)) + PAST_MAX * (sizeof(struct past) +
	    sizeof(uint64_t));
}

/* One piece, largest alignment first. */
static bool
get_memory(struct children *c, const struct service *s)
{
	char *at = memory_get_unforked(memory_len(s));

	if (at == NULL)
		return false;
	c->list = (struct child *)(void *)at;
	at += s->slots * sizeof(*c->list);
	c->past = (struct past *)(void *)at;
	at += PAST_MAX * sizeof(*c->past);
	c->names = (uint64_t *)(void *)at;
	at += s->slots * sizeof(*c->names);
	c->past_hashes = (uint64_t *)(void *)at;
	at += PAST_MAX * sizeof(*c->past_hashes);
	c->pids = (pid_t *)(void *)at;
	return true;
}

bool
children_init(struct children *c, struct service *s, int control)
{
	size_t size = (size_t)live_size(s->slots);
	uint32_t i;

	memset(c, 0, sizeof(*c));
	c->service = s;
	c->control = control;
	c->table = shm_map(s->table_fd, 0, size);
	if (!get_memory(c, s) || c->table == NULL)
		return false;
	pool_init(&c->pool, s, control);
	c->sweep_at_us = UINT64_MAX;
	for (i = 0; i < s->slots; i++)
		if (atomic_load(&slot_at(c, i)->state) != LIVE_FREE)
			c->strangers++;
	/* transfers map their own slot only: cheaper, and less to spoil */
	(void)memory_show(c->table, size, false);
	return getrandom(&c->id_seed, sizeof(c->id_seed), 0) ==
	    (ssize_t)sizeof(c->id_seed);
}

void
children_free(struct children *c)
{
	if (c->service == NULL)
		return;
	pool_free(&c->pool);
	memory_unmap(c->list, memory_len(c->service));
	memory_unmap(c->table, (size_t)live_size(c->service->slots));
}
