#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children_parts.h"
#include "daemon/account.h"
#include "os/append.h"
#include "os/callgate.h"
#include "os/clock.h"
#include "os/diag.h"
#include "os/memory.h"
#include "os/process.h"
#include "os/shm.h"

#define FORK_SPAN	(2 * US_PER_S)	/* since a fork failed */
#define LOG_BATCH	64	/* requests between two looks, at least */
#define LOG_RECORDS	2	/* of a request: start and end */

void
request_copy(struct request *to, const struct request *from)
{
	memcpy(to, from, offsetof(struct request, buf) + from->len);
}

void
children_forget_control(struct children *c)
{
	c->control = c->pool.control = -1;
}

/* ---- starting transfers ----------------------------------------------- */

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

/* Slots in use, those above a limit that was lowered too. */
static uint32_t
count_used(struct children *c)
{
	uint32_t i, count = 0;

	for (i = 0; i < c->service->slots; i++)
		count += atomic_load(&slot_at(c, i)->state) != LIVE_FREE;
	return count;
}

/* A free slot for a new transfer, or -1. */
static int64_t
claim_slot(struct children *c)
{
	uint32_t max = c->service->conf->max_transfers, i, at, state;

	if (c->service->slots > max && count_used(c) >= max)
		return -1;
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
	slot->blksize = slot->windowsize = 0;
	slot->received_us = order->received_us;
	atomic_store(&slot->size, 0);
	atomic_store(&slot->bytes, 0);
	atomic_store(&slot->retransmits, 0);
	atomic_store(&slot->heard_us, 0);
	atomic_store(&slot->log_errno, 0);
	atomic_store(&slot->log_lost, 0);
	atomic_store(&slot->outcome, OUTCOME_NONE);
}

/* Who it is for rules, map rules and directories of its own. */
static void
identify_client(const struct service *s, const struct netio_origin *origin,
    struct transfer_order *order)
{
	uint8_t bytes[16];
	size_t len = netio_bytes(&origin->peer, bytes);
	char *scope;

	cidr_from_bytes(bytes, len, &order->client_addr);
	memcpy(order->address, order->client, sizeof(order->address));
	scope = strchr(order->address, '%');
	if (scope != NULL)
		*scope = '\0';
	order->mac[0] = '\0';
	if (s->neighbour_fd >= 0)
		(void)neighbour_mac(s->neighbour_fd, bytes, len,
		    origin->ifindex, order->mac);
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
	order->sock = -1;
	identify_client(c->service, &r->origin, order);
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
	diag_log(DIAG_ERROR, "no process or socket for a transfer: %s",
	    strerror(err));
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

/* Transfers of that address, those of other dispatchers too. */
static unsigned
count_of_client(struct children *c, const struct request *r)
{
	char theirs[LIVE_ADDR_MAX];
	struct live_slot *slot;
	unsigned count = 0;
	uint32_t i;

	for (i = 0; i < c->service->slots; i++) {
		if (c->pids[i] != 0) {
			count += children_same_host(&c->list[i].peer,
			    &r->origin.peer);
			continue;
		}
		if (c->strangers == 0)
			continue;
		slot = slot_at(c, i);
		if (atomic_load(&slot->state) != LIVE_RUNNING)
			continue;
		live_get_text(slot->client, sizeof(theirs), theirs);
		count += strcmp(theirs, r->client) == 0;
	}
	return count;
}

/* Does a transfer of ours still hold the socket to that client's port? */
static bool
is_port_held(const struct children *c, const struct request *r)
{
	uint32_t i;

	for (i = 0; i < c->service->slots; i++)
		if (c->pids[i] != 0 &&
		    netio_equal(&c->list[i].peer, &r->origin.peer))
			return true;
	return false;
}

struct drained {
	struct children *children;
	const struct netio_listener *listener;
};

static void
pass_on(void *arg, const struct netio_origin *origin, const uint8_t *buf,
    size_t len)
{
	struct drained *from = arg;
	struct children *c = from->children;

	c->foreign(c->foreign_arg, from->listener, origin, buf, len);
}

/*
 * single-port: the socket is made here, where the port may be bound.  From
 * another port the client would get nothing.  0 or -errno.
 */
static int
make_socket(struct children *c, struct transfer_order *order)
{
	struct drained from = { c, order->listener };
	int fd;

	if (!c->service->conf->single_port)
		return 0;
	fd = oneport_connect(order->listener, &order->origin);
	if (fd < 0)
		return fd;
	order->sock = fd;
	(void)oneport_drain(fd, pass_on, &from);
	return 0;
}

/* One that is ready, or a new one.  -1 with errno set: there is none. */
static pid_t
get_process(struct children *c, struct transfer_order *order)
{
	pid_t pid;
	int err = make_socket(c, order);

	if (err != 0) {
		errno = -err;
		return -1;
	}
	pid = pool_hand_over(&c->pool, order);
	if (pid == 0)
		pid = fork_transfer(c, order);
	err = errno;
	if (order->sock != -1)
		close(order->sock);
	errno = err;
	return pid;
}

static void
enter_child(struct children *c, uint32_t slot, pid_t pid,
    const struct request *r, const struct transfer_order *order)
{
	struct child *child = &c->list[slot];

	c->pids[slot] = pid;
	c->names[slot] = r->name_hash;
	c->hosts[slot] = children_host_of(c, &r->origin.peer);
	memcpy(child->id, order->id, sizeof(child->id));
	child->peer = r->origin.peer;
	child->whole_hash = r->whole_hash;
	child->started_us = clock_mono_us();
	child->arrived_us = request_arrived_us(r);
	child->was_told_to_go = false;
	c->running++;
}

/* Serving goes on, but an administrator wants to know. */
static void
say_log_is_tight(struct children *c, int err)
{
	if (c->log_is_tight || (err != ENOSPC && err != EDQUOT))
		return;
	c->log_is_tight = true;
	diag_log(DIAG_WARNING, "%s: no space for the records of transfers to "
	    "come: %s", c->service->conf->log_path, strerror(err));
}

/*
 * Each transfer that runs has room in the log for its end, whatever fills the
 * disk meanwhile.  We look again when the requests since the last look can
 * have used up what was there: once in a hundred or so.
 */
static void
reserve_log(struct children *c, uint64_t now_us)
{
	uint64_t live = (uint64_t)c->running + c->strangers;
	int64_t room;

	if (c->id_count < c->log_look_count || now_us < c->log_look_us)
		return;
	room = append_reserve(c->service->log_fd,
	    (live + LOG_BATCH * LOG_RECORDS) * TRANSLOG_LINE_MAX);
	if (room < 0) {
		say_log_is_tight(c, (int)-room);
		c->log_look_us = now_us + US_PER_S;
		return;
	}
	c->log_is_tight = false;
	c->log_look_count = c->id_count +
	    ((uint64_t)room / TRANSLOG_LINE_MAX - live) / LOG_RECORDS;
}

enum children_start
children_start(struct children *c, const struct request *r)
{
	const struct conf *conf = c->service->conf;
	struct transfer_order order;
	int64_t slot;
	pid_t pid;

	if (conf->single_port && is_port_held(c, r))
		return CHILDREN_NOT_YET;
	if (conf->max_transfers_per_client != 0 &&
	    count_of_client(c, r) >= conf->max_transfers_per_client)
		return CHILDREN_CLIENT_FULL;
	if (children_is_host_full(c, &r->origin.peer))
		return CHILDREN_UNPROVEN;
	/* first: a slot that is claimed is to be filled in at once */
	reserve_log(c, r->received_us);
	slot = claim_slot(c);
	if (slot < 0)
		return CHILDREN_FULL;
	make_order(c, r, &order);
	order.slot = (uint32_t)slot;
	fill_slot(slot_at(c, order.slot), &order, r->whole_hash);
	pid = get_process(c, &order);
	if (pid == -1) {
		say_fork_failed(c, errno);
		children_free_slot(slot_at(c, order.slot));
		return CHILDREN_NO_PROCESS;
	}
	enter_child(c, order.slot, pid, r, &order);
	return CHILDREN_STARTED;
}

/* In words, with the place in the configuration that says so. */
static void
say_why(struct children *c, const struct request *r,
    enum children_start verdict, char *why, size_t size)
{
	const struct conf *conf = c->service->conf;
	char origin[CONF_ORIGIN_MAX];

	if (verdict == CHILDREN_CLIENT_FULL)
		snprintf(why, size, "this client has %u transfers already, "
		    "which is max-transfers-per-client (%.80s)",
		    conf->max_transfers_per_client,
		    conf_origin_text(conf, &conf->values,
		    CONF_MAX_TRANSFERS_PER_CLIENT, origin));
	else if (verdict == CHILDREN_NOT_YET)
		snprintf(why, size, "the client's transfer before it does "
		    "not end");
	else if (c->fork_failed_us != 0 &&
	    r->received_us < c->fork_failed_us + FORK_SPAN)
		snprintf(why, size, "no process can be started for it");
	else
		snprintf(why, size, "no room for another transfer: "
		    "max-transfers is %u (%.80s)", conf->max_transfers,
		    conf_origin_text(conf, &conf->values, CONF_MAX_TRANSFERS,
		    origin));
}

void
children_refuse(struct children *c, const struct request *r,
    enum children_start verdict)
{
	struct transfer_order order;
	char why[ACCESS_MESSAGE_MAX];

	make_order(c, r, &order);
	say_why(c, r, verdict, why, sizeof(why));
	(void)make_socket(c, &order);
	transfer_busy(&order, why);
}

void
children_drop(struct children *c, const struct request *r)
{
	struct transfer_order order;

	make_order(c, r, &order);
	transfer_drop(&order);
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
			(void)callgate_kill(c->pids[i], SIGKILL);
		else if ((pid = stranger_at(c, i)) != 0)
			(void)callgate_kill(pid, SIGKILL);
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
		children_bury(c, i, status);
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
	    sizeof(uint32_t) + sizeof(pid_t)) + PAST_MAX *
	    (sizeof(struct past) + sizeof(uint64_t));
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
	c->hosts = (uint32_t *)(void *)at;
	at += s->slots * sizeof(*c->hosts);
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
	/* if somebody cut it short, the dispatcher before us died of that */
	(void)shm_grow(s->table_fd, size);
	c->table = shm_map(s->table_fd, 0, size);
	c->silent = memory_get_unforked(sizeof(*c->silent));
	if (!get_memory(c, s) || c->table == NULL || c->silent == NULL)
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
	memory_unmap(c->silent, sizeof(*c->silent));
	memory_unmap(c->table, (size_t)live_size(c->service->slots));
}
