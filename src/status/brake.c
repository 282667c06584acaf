#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "os/clock.h"
#include "status/brake.h"

#define SECOND_US	UINT64_C(1000000)
#define LOOK_US		UINT64_C(10000)		/* at the queue */
#define GAP_US		UINT64_C(100000)	/* more for each wrong one, */
#define GAP_MOST_US	UINT64_C(400000)
#define DELAY_US	UINT64_C(1000000)	/* of the answer, */
#define DELAY_MORE_US	UINT64_C(250000)	/* and for each before it */
#define FORGET_US	(5 * SECOND_US)		/* one of them */
#define WRONG_MOST	20

/*
 * What the file holds.  Byte 0 is locked by who draws a ticket, byte 1 + N by
 * who has ticket N: the kernel unlocks it, whatever way he goes.
 */
struct kept {
	uint64_t tickets;
	uint64_t not_before_us;		/* is the next one looked at */
	uint64_t changed_us;		/* wrong is of that time */
	uint64_t wrong;			/* of late */
};

static void
sleep_us(uint64_t us)
{
	struct timespec t = { (time_t)(us / SECOND_US),
		(long)(us % SECOND_US) * 1000 };

	while (nanosleep(&t, &t) == -1 && errno == EINTR)
		;
}

static int
lock(int fd, int command, short type, uint64_t at, uint64_t len,
    struct flock *l)
{
	*l = (struct flock){ .l_type = type, .l_whence = SEEK_SET,
		.l_start = (off_t)at, .l_len = (off_t)len };
	while (fcntl(fd, command, l) == -1)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static struct kept
read_kept(int fd)
{
	struct kept k = { .tickets = 0 };

	if (pread(fd, &k, sizeof(k), 0) != (ssize_t)sizeof(k) ||
	    k.tickets > UINT32_MAX)
		k = (struct kept){ .tickets = 0 };
	return k;
}

/* The clock starts again with the system, and wrong ones are forgotten. */
static struct kept
read_pace(int fd, uint64_t now)
{
	struct kept k = read_kept(fd);
	uint64_t forgotten;

	if (k.not_before_us > now + GAP_MOST_US)
		k.not_before_us = now;
	if (k.changed_us > now)
		k.changed_us = now;
	if (k.wrong > WRONG_MOST)
		k.wrong = WRONG_MOST;
	forgotten = (now - k.changed_us) / FORGET_US;
	k.wrong -= forgotten < k.wrong ? forgotten : k.wrong;
	k.changed_us += forgotten * FORGET_US;
	/* the first one lasts as long as the others */
	if (k.wrong == 0)
		k.changed_us = now;
	return k;
}

static int
write_at(int fd, const void *buf, size_t len, size_t at)
{
	ssize_t n = pwrite(fd, buf, len, (off_t)at);

	return n == (ssize_t)len ? 0 : n == -1 ? -errno : -ENOSPC;
}

/* All but the number of tickets, which is written by who draws one. */
static int
write_pace(int fd, const struct kept *k)
{
	const size_t skip = sizeof(k->tickets);

	return write_at(fd, (const char *)k + skip, sizeof(*k) - skip, skip);
}

static int
draw_ticket(int fd, uint64_t *ticket)
{
	struct kept k;
	struct flock l;
	int err = lock(fd, F_SETLKW, F_WRLCK, 0, 1, &l);

	if (err != 0)
		return err;
	k = read_kept(fd);
	*ticket = k.tickets++;
	if (ftruncate(fd, sizeof(k)) == -1)
		err = -errno;
	if (err == 0)
		err = write_at(fd, &k.tickets, sizeof(k.tickets), 0);
	if (err == 0)
		err = lock(fd, F_SETLK, F_WRLCK, 1 + *ticket, 1, &l);
	(void)lock(fd, F_SETLK, F_UNLCK, 0, 1, &l);
	return err;
}

/* Until nobody is left who came before. */
static int
stand_in_queue(int fd, uint64_t ticket, uint64_t deadline)
{
	struct flock l;
	int err;

	while (ticket != 0) {
		err = lock(fd, F_GETLK, F_WRLCK, 1, ticket, &l);
		if (err != 0 || l.l_type == F_UNLCK)
			return err;
		if (clock_mono_us() >= deadline)
			return -EBUSY;
		sleep_us(LOOK_US);
	}
	return 0;
}

static int
keep_distance(int fd)
{
	uint64_t now = clock_mono_us(), gap;
	struct kept k = read_pace(fd, now);

	if (k.not_before_us > now)
		sleep_us(k.not_before_us - now);
	gap = k.wrong * GAP_US;
	k.not_before_us = clock_mono_us() +
	    (gap < GAP_MOST_US ? gap : GAP_MOST_US);
	return write_pace(fd, &k);
}

int
brake_enter(struct brake *b, const char *dir, uint64_t limit_us)
{
	char path[PATH_MAX];
	uint64_t ticket;
	int err;

	b->begun_us = clock_mono_us();
	if ((size_t)snprintf(path, sizeof(path), "%s/passwords", dir) >=
	    sizeof(path))
		return -ENAMETOOLONG;
	b->fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (b->fd == -1)
		return -errno;
	err = draw_ticket(b->fd, &ticket);
	if (err == 0)
		err = stand_in_queue(b->fd, ticket, b->begun_us + limit_us);
	if (err == 0)
		err = keep_distance(b->fd);
	if (err != 0)
		close(b->fd);
	return err;
}

void
brake_leave(struct brake *b, bool was_right)
{
	uint64_t now = clock_mono_us(), delay;
	struct kept k = read_pace(b->fd, now);

	delay = DELAY_US + k.wrong * DELAY_MORE_US;
	if (!was_right) {
		k.wrong++;
		(void)write_pace(b->fd, &k);
	}
	close(b->fd);
	if (!was_right)
		sleep_us(delay < BRAKE_LONGEST_US ? delay : BRAKE_LONGEST_US);
}
