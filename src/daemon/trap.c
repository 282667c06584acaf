#include <signal.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "daemon/trap.h"

#define NUMBERS	512
#define NAME_LEN 32

/* A handler gets no argument of ours: this is for tests only. */
static struct {
	const struct service *service;
	char names[NUMBERS][NAME_LEN];
} trap;

static void
on_forbidden(int number, siginfo_t *info, void *context)
{
	struct translog_record rec;
	int call = info->si_syscall;
	char text[128];

	(void)number;
	(void)context;
	snprintf(text, sizeof(text), "forbidden system call %s (%d) from %p",
	    call >= 0 && call < NUMBERS ? trap.names[call] : "?", call,
	    info->si_call_addr);
	translog_clear(&rec);
	(void)service_notice(trap.service, &rec, text);
	_exit(EXIT_FAILURE);
}

void
trap_init(const struct service *s)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO };
	char *name;
	int i;

	trap.service = s;
	for (i = 0; i < NUMBERS; i++) {
		name = seccomp_syscall_resolve_num_arch(
		    seccomp_arch_native(), i);
		snprintf(trap.names[i], NAME_LEN, "%s", name == NULL ? "?" :
		    name);
		free(name);
	}
	sa.sa_sigaction = on_forbidden;
	sigfillset(&sa.sa_mask);
	sigaction(SIGSYS, &sa, NULL);
}
