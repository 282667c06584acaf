#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "os/wakeup.h"

#define REPEAT_US	10000	/* the shortest deadline of the engine */
#define LATE_US		2000
#define SOON_NS		(1 * 1000 * 1000)

static timer_t wakeup_timer;
static volatile sig_atomic_t was_disturbed;	/* set by a handler */
static uint64_t armed_us;	/* it ends a call then, and each REPEAT_US */

static void
on_alarm(int number)
{
	/* only there to end a call */
	(void)number;
}

void
wakeup_init_signal(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &sa, NULL);
}

int
wakeup_init(void)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGALRM,
	};

	armed_us = UINT64_MAX;
	if (timer_create(CLOCK_MONOTONIC, &event, &wakeup_timer) == -1)
		return -errno;
	return 0;
}

/*
 * Does the running timer come in time, and not much more often than it must?
 */
static bool
is_good_for(uint64_t now_us, uint64_t deadline_us)
{
	if (was_disturbed)
		return false;
	if (now_us < armed_us)
		return deadline_us + LATE_US >= armed_us;
	armed_us += ((now_us - armed_us) / REPEAT_US + 1) * REPEAT_US;
	return armed_us <= deadline_us + LATE_US &&
	    armed_us + 2 * REPEAT_US >= deadline_us;
}

void
wakeup_at(uint64_t now_us, uint64_t deadline_us)
{
	struct itimerspec when = {
		.it_interval = { .tv_nsec = REPEAT_US * 1000 },
		.it_value = {
			.tv_sec = (time_t)(deadline_us / 1000000),
			.tv_nsec = (long)(deadline_us % 1000000) * 1000,
		},
	};

	if (is_good_for(now_us, deadline_us))
		return;
	was_disturbed = 0;
	armed_us = deadline_us;
	(void)timer_settime(wakeup_timer, TIMER_ABSTIME, &when, NULL);
}

void
wakeup_soon(void)
{
	struct itimerspec when = {
		.it_interval = { .tv_nsec = REPEAT_US * 1000 },
		.it_value = { .tv_nsec = SOON_NS },
	};

	was_disturbed = 1;
	(void)timer_settime(wakeup_timer, 0, &when, NULL);
}
