#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>

#include "os/wakeup.h"

#define REPEAT_MIN_US	10000	/* the shortest deadline of the engine */
#define REPEAT_MAX_US	100000
#define LATE_US		2000
#define SOON_US		1000

static volatile sig_atomic_t was_disturbed;	/* set by a handler */
/* it ends a call at armed_us, and each repeat_us after that */
static uint64_t armed_us = UINT64_MAX, repeat_us;

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

/* Does the running timer come in time, and not much oftener than it must? */
static bool
is_good_for(uint64_t now_us, uint64_t deadline_us)
{
	if (was_disturbed)
		return false;
	if (now_us < armed_us)
		return deadline_us + LATE_US >= armed_us;
	armed_us += ((now_us - armed_us) / repeat_us + 1) * repeat_us;
	return armed_us <= deadline_us + LATE_US &&
	    armed_us + 2 * repeat_us >= deadline_us;
}

static void
arm(uint64_t after_us, uint64_t then_us)
{
	struct itimerval when = {
		.it_interval = { .tv_usec = (suseconds_t)then_us },
		.it_value = {
			.tv_sec = (time_t)(after_us / 1000000),
			.tv_usec = (suseconds_t)(after_us % 1000000),
		},
	};

	(void)setitimer(ITIMER_REAL, &when, NULL);
}

void
wakeup_at(uint64_t now_us, uint64_t deadline_us)
{
	if (is_good_for(now_us, deadline_us))
		return;
	was_disturbed = 0;
	armed_us = deadline_us;
	/* a peer that answers slowly need not be looked at so often */
	repeat_us = deadline_us > now_us ? deadline_us - now_us : 0;
	if (repeat_us < REPEAT_MIN_US)
		repeat_us = REPEAT_MIN_US;
	if (repeat_us > REPEAT_MAX_US)
		repeat_us = REPEAT_MAX_US;
	/* 0 would stop it */
	arm(deadline_us > now_us ? deadline_us - now_us : 1, repeat_us);
}

void
wakeup_soon(void)
{
	was_disturbed = 1;
	arm(SOON_US, REPEAT_MIN_US);
}
