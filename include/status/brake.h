/*
 * brake - passwords are tried one after the other, and slowly when many were
 * wrong of late.
 *
 * Who asks stands in a queue that all connections share.  A wrong password
 * makes the next ones wait before they are looked at, up to 0.4 s each, and
 * its own answer late, by 1 to 5 s.  So however many connections an attacker
 * has, and however early he gives up on one, he tries 2 or 3 passwords a
 * second; and the right one, which is answered at once, waits for those before
 * it: with all 32 connections of the superserver taken, some 13 s.
 *
 * To look first and wait only after a wrong one would not do: who is not
 * answered within a moment knows enough and goes on with the next.
 */
#ifndef STATUS_BRAKE_H
#define STATUS_BRAKE_H

#include <stdbool.h>
#include <stdint.h>

#define BRAKE_LONGEST_US	UINT64_C(5000000)

struct brake {
	int fd;
	uint64_t begun_us;
};

/*
 * brake_enter - wait for our turn.
 *
 * dir        of our own, for the file "passwords"
 * limit_us   longest wait
 * Returns 0 (brake_leave() is due), -EBUSY: it takes longer than that, or
 * another -errno.
 */
int brake_enter(struct brake *b, const char *dir, uint64_t limit_us);

/*
 * brake_leave - the password was looked at: the next one's turn.  Sleeps after
 * that if it was wrong.
 */
void brake_leave(struct brake *b, bool was_right);

#endif
