#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/pool.h"
#include "os/callgate.h"
#include "os/memory.h"
#include "os/process.h"

#define US_PER_S	1000000ULL
#define QUIET		(5 * US_PER_S)	/* then nobody is kept waiting */
#define REQUESTS_EACH	8	/* a second, for one more ready process */

enum berth_state {
	BERTH_IDLE,		/* the process sleeps on this word */
	BERTH_ORDERED,		/* an order lies here */
	BERTH_LEFT		/* the process has taken it and gone */
};

struct berth {
	atomic_uint state;
	struct transfer_order order;
};

#define BERTHS_LEN (POOL_MAX * sizeof(struct berth))

void
pool_init(struct pool *p, struct service *s, int control)
{
	memset(p, 0, sizeof(*p));
	p->service = s;
	p->control = control;
	p->berths = memory_get_shared(BERTHS_LEN);
}

void
pool_free(struct pool *p)
{
	memory_unmap(p->berths, BERTHS_LEN);
	p->berths = NULL;
}

/* ---- how many --------------------------------------------------------- */

static void
turn_second(struct pool *p, uint64_t now_us)
{
	if (now_us - p->second_us < US_PER_S)
		return;
	p->before = now_us - p->second_us < 2 * US_PER_S ? p->now : 0;
	p->now = 0;
	p->second_us = now_us;
}

void
pool_note_request(struct pool *p, uint64_t now_us)
{
	turn_second(p, now_us);
	p->now++;
	p->last_us = now_us;
	p->is_stuck = false;
}

bool
pool_is_short(struct pool *p, uint64_t now_us)
{
	unsigned busiest, want;

	/*
	 * With single-port the socket is made first, then the process; with
	 * linger = 0 one would die with us before it takes its order.
	 */
	if (p->berths == NULL || p->service->conf->single_port ||
	    p->service->linger_s == 0 || p->is_stuck || p->last_us == 0 ||
	    now_us - p->last_us >= QUIET)
		return false;
	turn_second(p, now_us);
	busiest = p->now > p->before ? p->now : p->before;
	want = 1 + busiest / REQUESTS_EACH;
	return p->ready < (want < POOL_MAX ? want : POOL_MAX);
}

uint64_t
pool_trim_at(const struct pool *p)
{
	return p->ready == 0 ? UINT64_MAX : p->last_us + QUIET;
}

void
pool_trim(struct pool *p, uint64_t now_us)
{
	if (now_us >= pool_trim_at(p))
		pool_dismiss(p);
}

/* ---- the process ------------------------------------------------------ */

static noreturn void
wait_for_order(const struct pool *p, unsigned index, pid_t dispatcher)
{
	struct berth *berths = p->berths, *b = &berths[index];
	struct transfer_order order;

	if (p->control != -1)
		close(p->control);
	transfer_prepare(p->service);
	if (!process_follow(dispatcher))
		_exit(EXIT_SUCCESS);
	transfer_warm_up();
	process_name("tftpd-ready");
	while (atomic_load(&b->state) == BERTH_IDLE)
		process_sleep(&b->state, BERTH_IDLE);
	transfer_copy_order(&order, &b->order);
	/* from here on the transfer outlives its dispatcher */
	process_leave();
	process_name("tftpd");
	atomic_store(&b->state, BERTH_LEFT);
	/* others' orders lie there */
	if (!memory_unmap(berths, BERTHS_LEN))
		_exit(EXIT_FAILURE);
	transfer_serve(&order);
}

/* A berth whose process has gone is free. */
static unsigned
free_berth(struct pool *p)
{
	unsigned i;

	for (i = 0; i < POOL_MAX; i++)
		if (p->pids[i] == 0 ||
		    atomic_load(&p->berths[i].state) == BERTH_LEFT)
			break;
	return i;
}

void
pool_fork_one(struct pool *p)
{
	unsigned index = free_berth(p);
	struct pool own = *p;	/* the child has no *p */
	pid_t self = getpid(), pid;

	if (index == POOL_MAX)
		return;
	atomic_store(&p->berths[index].state, BERTH_IDLE);
	(void)memory_show(p->berths, BERTHS_LEN, true);
	pid = process_fork();
	if (pid == 0)
		wait_for_order(&own, index, self);
	(void)memory_show(p->berths, BERTHS_LEN, false);
	p->is_stuck = pid == -1;
	p->pids[index] = pid == -1 ? 0 : pid;
	p->ready += pid != -1;
}

/* ---- the dispatcher's side -------------------------------------------- */

static bool
is_idle(const struct pool *p, unsigned index)
{
	return p->pids[index] != 0 &&
	    atomic_load(&p->berths[index].state) == BERTH_IDLE;
}

pid_t
pool_hand_over(struct pool *p, const struct transfer_order *order)
{
	struct berth *b;
	unsigned i;

	if (p->ready == 0)
		return 0;
	for (i = 0; i < POOL_MAX && !is_idle(p, i); i++)
		;
	if (i == POOL_MAX)
		return 0;
	b = &p->berths[i];
	transfer_copy_order(&b->order, order);
	atomic_store(&b->state, BERTH_ORDERED);
	process_wake(&b->state);
	p->ready--;
	return p->pids[i];
}

/* Its berth, or POOL_MAX. */
static unsigned
find_berth(const struct pool *p, pid_t pid)
{
	unsigned i;

	for (i = 0; i < POOL_MAX && p->pids[i] != pid; i++)
		;
	return i;
}

const struct transfer_order *
pool_unserved(const struct pool *p, pid_t pid)
{
	unsigned i = find_berth(p, pid);

	if (i == POOL_MAX ||
	    atomic_load(&p->berths[i].state) != BERTH_ORDERED)
		return NULL;
	return &p->berths[i].order;
}

void
pool_forget(struct pool *p, pid_t pid)
{
	unsigned i = find_berth(p, pid);

	if (i == POOL_MAX)
		return;
	if (is_idle(p, i)) {
		p->ready--;
		/* whatever kills idle ones would kill the next one, too */
		p->is_stuck = true;
	}
	p->pids[i] = 0;
}

void
pool_dismiss(struct pool *p)
{
	unsigned i;

	for (i = 0; i < POOL_MAX; i++) {
		if (!is_idle(p, i))
			continue;
		(void)callgate_kill(p->pids[i], SIGKILL);
		while (waitpid(p->pids[i], NULL, 0) == -1 && errno == EINTR)
			;
		p->pids[i] = 0;
	}
	p->ready = 0;
}
