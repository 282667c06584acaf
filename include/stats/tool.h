/*
 * tool - the installed tftpd, which tells what the configuration of its
 * server is.
 */
#ifndef STATS_TOOL_H
#define STATS_TOOL_H

#include <limits.h>
#include <stddef.h>

#include "stats/capture.h"
#include "stats/command.h"
#include "stats/keeper.h"

struct tool {
	char program[PATH_MAX];
	struct keeper keeper;
	/* how it is asked; room for the question and NULL */
	char *argv[KEEPER_ARGS_MAX + 2];
	size_t argc;
	/* "-f" and FILE; "" when the running server's arguments are taken */
	char dash_f[3], file[PATH_MAX];
};

enum tool_state {
	TOOL_READY,
	TOOL_NO_PROGRAM,	/* there is no tftpd */
	TOOL_NO_FILE		/* no file to ask about, and no server */
};

/*
 * tool_find - the program and the arguments by which the server is, or would
 * be, started: the file of the options, those of the server that owns the
 * live table as far as they can be seen, or the default file.
 * tool_forget() is due in any case.
 */
enum tool_state tool_find(struct tool *t, const struct options *o);

/*
 * tool_ask - "--check" or "--print-config", for the same server.
 * Returns as capture_run(); capture_free() is due.
 */
int tool_ask(struct tool *t, const char *question, struct capture *c);

void tool_forget(struct tool *t);

#endif
