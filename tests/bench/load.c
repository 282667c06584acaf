#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define TICK_US		10000	/* between two looks at the timers */
#define EVENTS		256

uint64_t
load_clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- beginning and end of a transfer ---------------------------------- */

static void
make_idle(struct load *ld, uint32_t slot, uint64_t start_us)
{
	uint32_t at = (ld->idle_first + ld->idle_count++) % ld->opt->clients;

	ld->idle[at] = slot;
	ld->start_us[slot] = start_us;
}

static void
count_end(struct load *ld, struct client *c, const char *why)
{
	struct counts *n = &ld->counts;

	n->finished++;
	n->bytes += c->bytes;
	n->hash += c->hash;
	n->wrong += c->is_wrong;
	if (c->first_us != 0)
		n->first_us[n->first_count++] =
		    (uint32_t)(c->first_us - c->begin_us);
	if (why == NULL && c->is_wrong)
		why = "wrong content";
	if (why == NULL) {
		n->ok++;
		n->whole_us[n->whole_count++] =
		    (uint32_t)(ld->now_us - c->begin_us);
		return;
	}
	n->failed++;
	result_reason(n, why);
}

void
load_finish(struct load *ld, struct client *c, const char *why)
{
	count_end(ld, c, why);
	if (c->fd != -1)
		wire_close(c);
	c->state = IDLE;
	ld->active--;
	make_idle(ld, c->slot, ld->now_us + ld->opt->pause_ms * 1000ULL);
}

/* Those that wait, in their order; the first few are spread over a time. */
static void
start_due(struct load *ld)
{
	struct counts *n = &ld->counts;
	uint32_t slot, room = ld->opt->clients;

	for (; room > 0 && ld->idle_count > 0 && n->started < ld->opt->total;
	    room--) {
		slot = ld->idle[ld->idle_first];
		if (ld->start_us[slot] > ld->now_us)
			return;
		ld->idle_first = (ld->idle_first + 1) % ld->opt->clients;
		ld->idle_count--;
		ld->active++;
		client_start(ld, &ld->clients[slot], n->started++);
	}
}

static uint64_t
next_start_us(const struct load *ld)
{
	if (ld->idle_count == 0 || ld->counts.started == ld->opt->total)
		return UINT64_MAX;
	return ld->start_us[ld->idle[ld->idle_first]];
}

/* ---- the loop --------------------------------------------------------- */

static void
look_at_timers(struct load *ld)
{
	uint32_t i;

	for (i = 0; i < ld->opt->clients; i++)
		if (ld->clients[i].state != IDLE)
			client_on_timer(ld, &ld->clients[i]);
}

static struct timespec
until(const struct load *ld, uint64_t when_us)
{
	uint64_t us = when_us > ld->now_us ? when_us - ld->now_us : 0;

	if (us > TICK_US)
		us = TICK_US;
	return (struct timespec){ 0, (long)us * 1000 };
}

/* One client: recv itself waits, and the interval timer ends it at times. */
static void
wait_for_one(struct load *ld)
{
	struct timespec pause;

	if (ld->active != 0) {
		wire_receive(ld, &ld->clients[0]);
		return;
	}
	pause = until(ld, next_start_us(ld));
	(void)nanosleep(&pause, NULL);
	ld->now_us = load_clock_us();
}

static void
wait_for_many(struct load *ld)
{
	struct epoll_event ready[EVENTS];
	uint64_t due_us = wire_due_us(ld->wire), start_us = next_start_us(ld);
	struct timespec wait = until(ld, due_us < start_us ? due_us :
	    start_us);
	int n, i;

	n = epoll_pwait2(ld->epoll, ready, EVENTS, &wait, NULL);
	ld->now_us = load_clock_us();
	for (i = 0; i < n; i++)
		if (ld->clients[ready[i].data.u32].state != IDLE)
			wire_receive(ld, &ld->clients[ready[i].data.u32]);
	wire_deliver(ld);
}

static void
run(struct load *ld, bool blocks)
{
	uint64_t deadline_us = ld->begin_us + ld->opt->deadline_s * 1000000ULL;
	uint64_t tick_us = ld->begin_us + TICK_US;

	while (ld->counts.finished < ld->opt->total &&
	    ld->now_us < deadline_us) {
		start_due(ld);
		if (blocks)
			wait_for_one(ld);
		else
			wait_for_many(ld);
		if (ld->now_us >= tick_us) {
			look_at_timers(ld);
			tick_us = ld->now_us + TICK_US;
		}
	}
}

/* The time is over: who runs has failed, and who never started too. */
static void
end_the_rest(struct load *ld)
{
	uint32_t i;

	for (i = 0; i < ld->opt->clients; i++)
		if (ld->clients[i].state != IDLE)
			load_finish(ld, &ld->clients[i], "deadline");
	for (i = ld->counts.started; i < ld->opt->total; i++) {
		ld->counts.failed++;
		result_reason(&ld->counts, "not started");
	}
}

/* ---- the program ------------------------------------------------------ */

static void
on_alarm(int number)
{
	(void)number;
}

static void
start_ticking(void)
{
	struct itimerval every = { { 0, TICK_US }, { 0, TICK_US } };
	struct sigaction sa = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

static uint64_t
cpu_us(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000 +
	    (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
}

static void
raise_limit(uint32_t clients)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == -1)
		return;
	if (lim.rlim_max < clients + 64 && geteuid() == 0)
		lim.rlim_max = clients + 64;
	lim.rlim_cur = lim.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &lim);
}

static int
set_up(struct load *ld, const struct options *opt, bool blocks)
{
	uint32_t i;

	ld->opt = opt;
	ld->clients = calloc(opt->clients, sizeof(*ld->clients));
	ld->idle = calloc(opt->clients, sizeof(*ld->idle));
	ld->start_us = calloc(opt->clients, sizeof(*ld->start_us));
	ld->wire = wire_new(opt, blocks);
	ld->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (ld->clients == NULL || ld->idle == NULL || ld->start_us == NULL ||
	    ld->wire == NULL || ld->epoll == -1 ||
	    result_init(&ld->counts, opt->total) == -1)
		return -1;
	ld->begin_us = ld->now_us = load_clock_us();
	for (i = 0; i < opt->clients; i++) {
		ld->clients[i].slot = i;
		ld->clients[i].fd = -1;
		make_idle(ld, i, ld->begin_us + (uint64_t)opt->spread_ms *
		    1000 * i / opt->clients);
	}
	return 0;
}

static int
run_load(const struct options *opt)
{
	bool blocks = opt->clients == 1 && opt->rtt_us == 0 && opt->ring == 0;
	struct load ld = { 0 };
	uint64_t cpu_before;

	raise_limit(opt->clients);
	if (set_up(&ld, opt, blocks) == -1) {
		perror("tftp-load");
		return 2;
	}
	if (blocks)
		start_ticking();
	cpu_before = cpu_us();
	run(&ld, blocks);
	end_the_rest(&ld);
	result_print(&ld, load_clock_us() - ld.begin_us,
	    cpu_us() - cpu_before);
	wire_free(ld.wire);
	result_free(&ld.counts);
	free(ld.clients);
	free(ld.idle);
	free(ld.start_us);
	return ld.counts.failed != 0;
}

static int
make(const struct options *opt)
{
	int err = content_make_file(&opt->content, opt->make, opt->size);

	if (err != 0)
		fprintf(stderr, "%s: %s\n", opt->make, strerror(-err));
	return err != 0;
}

static int
check(const struct options *opt)
{
	struct content_report r;
	int err = content_check_file(&opt->content, opt->check, &r);

	if (err != 0) {
		fprintf(stderr, "%s: %s\n", opt->check, strerror(-err));
		return 1;
	}
	printf("{\"size\":%llu,\"hash\":\"%016llx\",\"right\":%s}\n",
	    (unsigned long long)r.size, (unsigned long long)r.hash,
	    r.is_right ? "true" : "false");
	return !r.is_right || (opt->has_size && r.size != opt->size);
}

static void
pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == -1)
		perror("tftp-load: --cpu");
}

int
main(int argc, char **argv)
{
	struct options opt;

	options_parse(&opt, argc, argv);
	if (opt.make != NULL)
		return make(&opt);
	if (opt.check != NULL)
		return check(&opt);
	if (opt.cpu >= 0)
		pin(opt.cpu);
	return run_load(&opt);
}
