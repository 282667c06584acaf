/*
 * keeper - the server that runs: how it was started, where it listens.
 *
 * Only /proc knows; much of it is told to root and to the server's own user
 * alone.
 */
#ifndef STATS_KEEPER_H
#define STATS_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define KEEPER_ARGS_MAX	64

struct keeper {
	pid_t pid;			/* 0: none runs */
	uid_t uid;
	bool has_args;
	char *argv[KEEPER_ARGS_MAX + 2];	/* room for one more and NULL */
	size_t argc;
	char *text;			/* what they point into */
};

/*
 * keeper_look - find the server that owns the live table.
 *
 * table      path of the live table
 * program    the tftpd that is to take its arguments: those of a process
 *            that is another program, or of a user who is neither root nor
 *            ours, are not looked at
 * keeper_forget() is due.
 */
void keeper_look(const char *table, const char *program, struct keeper *k);

void keeper_forget(struct keeper *k);

/*
 * keeper_port - the lowest UDP port that it listens on.
 * Returns 0 when that is not to be seen.
 */
uint16_t keeper_port(const struct keeper *k);

/* Whether somebody listens on that UDP port, on any address. */
bool keeper_is_bound(uint16_t port);

/*
 * keeper_find_program - the tftpd that belongs to us: the one beside our own
 * file, else the installed one.  False: there is none.
 */
bool keeper_find_program(char *path, size_t size);

#endif
