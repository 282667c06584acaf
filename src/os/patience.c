#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "os/patience.h"

#define LATE_TICKS	2	/* one that has begun, one that has to end */
#define TICK_MAX_US	4000	/* HZ=250; slower kernels come late */
#define LONGEST_US	1000000	/* whatever goes wrong, we look again */

void
patience_init(struct patience *p, int fd)
{
	struct timespec tick;

	memset(p, 0, sizeof(*p));
	p->fd = fd;
	p->tick_us = TICK_MAX_US;
	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) == 0 &&
	    tick.tv_sec == 0 && tick.tv_nsec / 1000 < TICK_MAX_US)
		p->tick_us = (uint64_t)tick.tv_nsec / 1000;
}

static void
limit_receive(int fd, uint64_t timeout_us)
{
	struct timeval tv = {
		.tv_sec = (time_t)(timeout_us / 1000000),
		.tv_usec = (suseconds_t)(timeout_us % 1000000),
	};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

bool
patience_for(struct patience *p, uint64_t wait_us)
{
	uint64_t late_us = LATE_TICKS * p->tick_us, timeout_us;

	if (wait_us <= late_us)
		return false;
	timeout_us = wait_us - late_us;
	if (timeout_us > LONGEST_US)
		timeout_us = LONGEST_US;
	/* one that is somewhat short only makes us ask again */
	if (p->set_us == 0 || p->set_us > timeout_us ||
	    p->set_us < timeout_us / 4) {
		limit_receive(p->fd, timeout_us);
		p->set_us = timeout_us;
	}
	return true;
}

void
patience_cut(int fd)
{
	int saved = errno;

	limit_receive(fd, 1);
	errno = saved;
}

void
patience_forget(struct patience *p)
{
	p->set_us = 0;
}
