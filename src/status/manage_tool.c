#include <stdint.h>

#include "manage_parts.h"

#define LIMIT_US	(UINT64_C(5) * 1000000)

int
manage_ask(const struct settings *s, const char *draft, const char *action,
    const char *argument, struct capture *c)
{
	const char *argv[8];
	size_t n = 0;

	argv[n++] = s->tftpd;
	argv[n++] = "-f";
	argv[n++] = s->conf;
	if (draft != NULL) {
		argv[n++] = "--draft";
		argv[n++] = draft;
	}
	argv[n++] = action;
	if (argument != NULL)
		argv[n++] = argument;
	argv[n] = NULL;
	/* execv() changes none of them, whatever its type says */
	return capture_run(s->tftpd, (char *const *)(uintptr_t)argv, LIMIT_US,
	    c);
}
