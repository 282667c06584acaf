#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/diag.h"
#include "status/api.h"
#include "status/back.h"
#include "status/html.h"
#include "status/manage.h"
#include "status/page.h"
#include "status/reply.h"
#include "status/walls.h"

static const struct {
	back_handler *handle;
	enum answer_type type;
} handlers[ASK_ROUTES] = {
	[ASK_PAGE] = { page_show, ANSWER_HTML },
	[ASK_HEALTH] = { api_health, ANSWER_JSON },
	[ASK_READY] = { api_ready, ANSWER_JSON },
	[ASK_METRICS] = { api_metrics, ANSWER_METRICS },
	[ASK_STATUS] = { api_status, ANSWER_JSON },
	[ASK_TRANSFERS] = { api_transfers, ANSWER_JSON },
	[ASK_CONNECTIONS] = { api_connections, ANSWER_JSON },
	[ASK_STATISTICS] = { api_statistics, ANSWER_JSON },
	[ASK_CONFIG] = { api_config, ANSWER_JSON },
	[ASK_MANAGE] = { manage_handle, ANSWER_HTML },
	[ASK_MANAGE_CHECK] = { manage_handle, ANSWER_HTML },
	[ASK_MANAGE_STAGE] = { manage_handle, ANSWER_HTML },
	[ASK_MANAGE_EXPLAIN] = { manage_handle, ANSWER_HTML },
};

/* Drop what was printed: something else is to be said. */
static void
start_over(void)
{
	(void)fflush(stdout);
	(void)!ftruncate(STDOUT_FILENO, 0);
	rewind(stdout);
}

void
back_refuse(const struct ask *a, struct answer *answer, unsigned status,
    const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	start_over();
	answer->status = status;
	answer->type = handlers[a->route].type;
	if (answer->type == ANSWER_METRICS)
		answer->type = ANSWER_TEXT;
	if (answer->type == ANSWER_HTML)
		(void)html_nonce(answer->nonce);
	reply_put_error(stdout, answer, text);
}

void
back_run(const struct back *b, const struct ask *shared, int fd)
{
	struct ask *a = malloc(sizeof(*a));
	struct answer answer = { .status = 200 };
	char byte, why[256];

	if (a == NULL || recv(fd, &byte, 1, 0) != 1)
		_exit(EXIT_FAILURE);
	*a = *shared;
	if (!ask_is_sound(a))
		_exit(EXIT_FAILURE);
	if (walls_narrow(b->settings, a->route, why, sizeof(why)) != 0) {
		diag_log(DIAG_ERROR, "cannot answer: %s", why);
		_exit(EXIT_FAILURE);
	}
	answer.type = handlers[a->route].type;
	if (handlers[a->route].handle(b, a, &answer) != 0 ||
	    fflush(stdout) != 0)
		_exit(EXIT_FAILURE);
	(void)send(fd, &answer, sizeof(answer), MSG_NOSIGNAL);
	_exit(EXIT_SUCCESS);
}
