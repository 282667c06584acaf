#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stats/tool.h"

#define LIMIT_US	(UINT64_C(5) * 1000000)

static bool
find_program(struct tool *t, const struct options *o)
{
	if (o->program == NULL)
		return keeper_find_program(t->program, sizeof(t->program));
	return (size_t)snprintf(t->program, sizeof(t->program), "%s",
	    o->program) < sizeof(t->program) &&
	    access(t->program, X_OK) == 0;
}

static bool
choose_args(struct tool *t, const struct options *o)
{
	const char *file = o->conf != NULL ? o->conf : CONFFILE;

	if (o->conf == NULL && t->keeper.has_args) {
		memcpy(t->argv, t->keeper.argv, sizeof(t->argv));
		t->argc = t->keeper.argc;
		return true;
	}
	if (o->conf == NULL && access(file, F_OK) == -1 && errno == ENOENT)
		return false;
	strcpy(t->dash_f, "-f");
	snprintf(t->file, sizeof(t->file), "%s", file);
	t->argv[0] = t->program;
	t->argv[1] = t->dash_f;
	t->argv[2] = t->file;
	t->argc = 3;
	return true;
}

enum tool_state
tool_find(struct tool *t, const struct options *o)
{
	bool has_program;

	*t = (struct tool){ .argc = 0 };
	has_program = find_program(t, o);
	keeper_look(o->table, t->program, &t->keeper);
	if (!has_program)
		return TOOL_NO_PROGRAM;
	return choose_args(t, o) ? TOOL_READY : TOOL_NO_FILE;
}

int
tool_ask(struct tool *t, const char *question, struct capture *c)
{
	char word[32];
	int ret;

	snprintf(word, sizeof(word), "%s", question);
	t->argv[t->argc] = word;
	t->argv[t->argc + 1] = NULL;
	ret = capture_run(t->program, t->argv, LIMIT_US, c);
	t->argv[t->argc] = NULL;
	return ret;
}

void
tool_forget(struct tool *t)
{
	keeper_forget(&t->keeper);
}
