/*
 * tftpd-force - make a living process execute system calls that its program
 * never makes, and say how that ended.
 *
 * This is what somebody has who took a process of the server over: its
 * memory, its registers, any instruction that is in it.  The walls must hold
 * against that.  Needs root; see usage() for how acts are given.
 *
 * The process is stopped with PTRACE_SEIZE, its registers are those of a call
 * for a moment, and then again its own, so that one that survives goes on as
 * if nothing had been.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>

#define ARGS_MAX	6
#define SCRATCH_LEN	2048	/* bytes for what arguments point to */
#define RED_ZONE	128
#define WAIT_MS		300	/* a call that takes longer waits for ever */
#define TEXT_MAX	(64u << 20)	/* bytes of a mapping */
#define RESTART_FIRST	512	/* the kernel's own codes: "call again" */
#define RESTART_LAST	516
#define ERRNO_MAX	4095
#define X32_BIT		0x40000000

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP	128
#endif

static const struct {
	const char *name;
	long number;
} calls[] = {
#include "tests/faults/calls.inc"
};

enum way {
	WAY_NATIVE,
	WAY_X32,
	WAY_INT80
};

struct victim {
	pid_t pid;
	int memory;			/* /proc/PID/mem */
	struct user_regs_struct own;	/* as it was found */
	uint64_t instruction;		/* where calls are made from */
	enum way way;
	bool is_gone, has_forked;
	uint64_t held;			/* signals, until we leave it */
};

struct act {
	uint64_t number;
	uint64_t args[ARGS_MAX];
	uint8_t scratch[SCRATCH_LEN];
	size_t used;
};

static void
usage(void)
{
	fputs("usage: tftpd-force [-i ADDRESS | -o OBJECT]"
	    " [-w native|x32|int80|poke80] PID\n"
	    "                   CALL [ARGUMENT...] [-- CALL [ARGUMENT...]]"
	    "...\n"
	    "from:     an address; the first instruction in a mapping whose"
	    " path has OBJECT in\n"
	    "          it (libc.so)\n"
	    "call:     a name or a number\n"
	    "argument: a number; s:TEXT x:HEX z:LENGTH i:TEXT m:FD, the"
	    " address of a string,\n"
	    "          of bytes, of zeros, of an iovec, of a message with that"
	    " descriptor\n"
	    "prints, for each call: value N | error ERRNO | waits | killed"
	    " SIGNAL | trapped |\n"
	    "          executed | forked | exited STATUS; or \"nowhere\": no"
	    " such instruction\n",
	    stderr);
	exit(64);
}

static void
die(const char *what)
{
	perror(what);
	exit(70);
}

/* ---- the machine ------------------------------------------------------ */

#if defined(__x86_64__)
static const uint8_t native_code[] = { 0x0f, 0x05 };		/* syscall */
static const uint8_t int80_code[] = { 0xcd, 0x80 };
#define CODE_STEP	1

static uint64_t
stack_of(const struct user_regs_struct *regs)
{
	return regs->rsp;
}

static uint64_t
result_in(const struct user_regs_struct *regs)
{
	return regs->rax;
}

static void
set_call(struct user_regs_struct *regs, const struct victim *v,
    const struct act *a)
{
	const uint64_t *args = a->args;

	regs->rip = v->instruction;
	regs->rax = a->number;
	regs->orig_rax = (unsigned long)-1;	/* nothing to call again */
	if (v->way == WAY_INT80) {
		regs->rbx = args[0];
		regs->rcx = args[1];
		regs->rdx = args[2];
		regs->rsi = args[3];
		regs->rdi = args[4];
		regs->rbp = args[5];
		return;
	}
	regs->rdi = args[0];
	regs->rsi = args[1];
	regs->rdx = args[2];
	regs->r10 = args[3];
	regs->r8 = args[4];
	regs->r9 = args[5];
}
#elif defined(__aarch64__)
static const uint8_t native_code[] = { 0x01, 0x00, 0x00, 0xd4 };
static const uint8_t int80_code[] = { 0xff, 0xff, 0xff, 0xff };
#define CODE_STEP	4

static uint64_t
stack_of(const struct user_regs_struct *regs)
{
	return regs->sp;
}

static uint64_t
result_in(const struct user_regs_struct *regs)
{
	return regs->regs[0];
}

static void
set_call(struct user_regs_struct *regs, const struct victim *v,
    const struct act *a)
{
	regs->pc = v->instruction;
	regs->regs[8] = a->number;
	memcpy(regs->regs, a->args, sizeof(a->args));
}
#else
#error "no registers known for this machine"
#endif

static void
get_regs(const struct victim *v, struct user_regs_struct *regs)
{
	struct iovec iov = { regs, sizeof(*regs) };

	if (ptrace(PTRACE_GETREGSET, v->pid, NT_PRSTATUS, &iov) == -1)
		die("PTRACE_GETREGSET");
}

static void
put_regs(const struct victim *v, struct user_regs_struct *regs)
{
	struct iovec iov = { regs, sizeof(*regs) };

	if (ptrace(PTRACE_SETREGSET, v->pid, NT_PRSTATUS, &iov) == -1)
		die("PTRACE_SETREGSET");
}

/* ---- where calls are made from ---------------------------------------- */

struct mapping {
	uint64_t first, end;
	bool is_code;
	char path[PATH_MAX];
};

static bool
read_mapping(FILE *maps, struct mapping *m)
{
	char line[PATH_MAX + 128], rights[5];
	int path_at = 0;

	if (fgets(line, sizeof(line), maps) == NULL)
		return false;
	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %n",
	    &m->first, &m->end, rights, &path_at) < 3)
		return false;
	m->is_code = rights[0] == 'r' && rights[2] == 'x';
	snprintf(m->path, sizeof(m->path), "%s",
	    path_at != 0 ? line + path_at : "");
	return true;
}

/* The first place of these bytes in a mapping, or 0. */
static uint64_t
find_in(const struct victim *v, const struct mapping *m, const uint8_t *code,
    size_t code_len)
{
	size_t len = m->end - m->first, at;
	uint64_t found = 0;
	uint8_t *text;
	ssize_t got;

	if (len > TEXT_MAX || (text = malloc(len)) == NULL)
		return 0;
	/* vvar and its like cannot be read */
	got = pread(v->memory, text, len, (off_t)m->first);
	for (at = 0; got > 0 && at + code_len <= (size_t)got && found == 0;
	    at += CODE_STEP)
		if (memcmp(text + at, code, code_len) == 0)
			found = m->first + at;
	free(text);
	return found;
}

/* In mappings whose path has this in it; 0: nowhere. */
static uint64_t
find_code(const struct victim *v, const char *object, const uint8_t *code,
    size_t code_len)
{
	uint64_t found = 0;
	struct mapping m;
	char path[64];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)v->pid);
	maps = fopen(path, "re");
	if (maps == NULL)
		die(path);
	while (found == 0 && read_mapping(maps, &m))
		if (m.is_code && strstr(m.path, object) != NULL)
			found = find_in(v, &m, code, code_len);
	fclose(maps);
	return found;
}

/*
 * No instruction of that kind: one is written over another in the process's
 * own copy of the page.  Nobody inside could do that, for no page is writable
 * and executable; only the way of calling is tried.
 */
static uint64_t
poke_code(const struct victim *v)
{
	uint64_t at = find_code(v, "libc.so", native_code,
	    sizeof(native_code));

	if (at != 0 && pwrite(v->memory, int80_code, sizeof(int80_code),
	    (off_t)at) != sizeof(int80_code))
		die("write the instruction");
	return at;
}

/* ---- acts ------------------------------------------------------------- */

static uint64_t
number_of(const char *text)
{
	uint64_t number;
	char *end;
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, text) == 0)
			return (uint64_t)calls[i].number;
	errno = 0;
	number = text[0] == '-' ? (uint64_t)strtoll(text, &end, 0) :
	    strtoull(text, &end, 0);
	if (errno != 0 || *end != '\0' || end == text) {
		fprintf(stderr, "tftpd-force: what is \"%s\"?\n", text);
		exit(64);
	}
	return number;
}

/* Lay bytes down below the stack; their address there. */
static uint64_t
lay_down(const struct victim *v, struct act *a, const void *buf, size_t len)
{
	uint64_t base = (stack_of(&v->own) - RED_ZONE - SCRATCH_LEN) &
	    ~UINT64_C(63);
	size_t at = (a->used + 15) & ~(size_t)15;

	if (len > SCRATCH_LEN - 64 || at + len > SCRATCH_LEN - 64) {
		fputs("tftpd-force: arguments are too long\n", stderr);
		exit(64);
	}
	if (len != 0)
		memcpy(a->scratch + at, buf, len);
	a->used = at + len;
	return base + at;
}

static uint64_t
lay_hex(const struct victim *v, struct act *a, const char *hex)
{
	uint8_t bytes[SCRATCH_LEN];
	size_t len = 0;
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1 && hex[1] != '\0' &&
	    len < sizeof(bytes); hex += 2)
		bytes[len++] = (uint8_t)byte;
	return lay_down(v, a, bytes, len);
}

static uint64_t
lay_iovec(const struct victim *v, struct act *a, const char *text)
{
	uint64_t pair[2];

	pair[1] = strlen(text);
	pair[0] = lay_down(v, a, text, pair[1]);
	return lay_down(v, a, pair, sizeof(pair));
}

/* A byte and a descriptor; to receive with, there is room for as much. */
static uint64_t
lay_message(const struct victim *v, struct act *a, int fd)
{
	uint8_t control[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct cmsghdr head = { .cmsg_len = CMSG_LEN(sizeof(fd)),
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	struct mmsghdr m = { .msg_hdr = { .msg_iovlen = 1,
		.msg_controllen = sizeof(control) } };

	memcpy(control, &head, sizeof(head));
	memcpy(control + CMSG_LEN(0), &fd, sizeof(fd));
	/* only addresses over there go in */
	m.msg_hdr.msg_iov = (struct iovec *)lay_iovec(v, a, "x");
	m.msg_hdr.msg_control = (void *)lay_down(v, a, control,
	    sizeof(control));
	return lay_down(v, a, &m, sizeof(m));
}

static uint64_t
argument(const struct victim *v, struct act *a, const char *text)
{
	static const uint8_t zeros[SCRATCH_LEN];

	if (text[0] == '\0' || text[1] != ':')
		return number_of(text);
	switch (text[0]) {
	case 's': return lay_down(v, a, text + 2, strlen(text + 2) + 1);
	case 'x': return lay_hex(v, a, text + 2);
	case 'z': return lay_down(v, a, zeros, number_of(text + 2) %
	    SCRATCH_LEN);
	case 'i': return lay_iovec(v, a, text + 2);
	case 'm': return lay_message(v, a, (int)number_of(text + 2));
	default: return number_of(text);
	}
}

/* One act's words, up to "--" or the end; how many they were. */
static int
read_act(const struct victim *v, struct act *a, char **words)
{
	int n = 0, arg = 0;

	memset(a, 0, sizeof(*a));
	a->number = number_of(words[n++]);
	if (v->way == WAY_X32)
		a->number |= X32_BIT;
	for (; words[n] != NULL && strcmp(words[n], "--") != 0; n++) {
		if (arg == ARGS_MAX)
			usage();
		a->args[arg++] = argument(v, a, words[n]);
	}
	return n;
}

/* ---- the process ------------------------------------------------------ */

static void
on_alarm(int number)
{
	(void)number;
}

static void
set_alarm(int ms)
{
	struct itimerval timer = {
		.it_value = { ms / 1000, (ms % 1000) * 1000 },
		/* again, should it come just before the wait */
		.it_interval = { 0, ms == 0 ? 0 : 50 * 1000 },
	};

	(void)setitimer(ITIMER_REAL, &timer, NULL);
}

/* Its next stop or its end; false when that takes too long. */
static bool
await(struct victim *v, int *status, int ms)
{
	pid_t pid;

	set_alarm(ms);
	pid = waitpid(v->pid, status, __WALL);
	set_alarm(0);
	if (pid == -1 && errno != EINTR)
		die("waitpid");
	v->is_gone = pid != -1 && (WIFEXITED(*status) ||
	    WIFSIGNALED(*status));
	return pid != -1;
}

static void
say_gone(int status)
{
	if (WIFSIGNALED(status))
		printf("killed %d\n", WTERMSIG(status));
	else
		printf("exited %d\n", WEXITSTATUS(status));
}

static void
go_on(const struct victim *v, enum __ptrace_request how, int number)
{
	if (ptrace(how, v->pid, NULL, (void *)(intptr_t)number) == -1 &&
	    errno != ESRCH)
		die("ptrace");
}

/* Run it until it has stopped as PTRACE_INTERRUPT stops. */
static void
halt(struct victim *v)
{
	int status;

	(void)ptrace(PTRACE_INTERRUPT, v->pid, NULL, NULL);
	while (await(v, &status, 5000) && !v->is_gone &&
	    status >> 16 != PTRACE_EVENT_STOP)
		go_on(v, PTRACE_CONT, status >> 16 != 0 ||
		    WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 :
		    WSTOPSIG(status));
	if (v->is_gone)
		say_gone(status);
}

static void
attach(struct victim *v)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
	    PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	char path[64];

	if (ptrace(PTRACE_SEIZE, v->pid, NULL, (void *)options) == -1)
		die("PTRACE_SEIZE");
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)v->pid);
	v->memory = open(path, O_RDWR | O_CLOEXEC);
	if (v->memory == -1)
		die(path);
	halt(v);
	if (v->is_gone)
		exit(1);
	get_regs(v, &v->own);
}

/* At the end of a call: was it answered with SIGSYS? */
static bool
is_refused(const struct victim *v)
{
	struct __ptrace_peeksiginfo_args first = { .nr = 1 };
	siginfo_t info;

	return ptrace(PTRACE_PEEKSIGINFO, v->pid, &first, &info) == 1 &&
	    info.si_signo == SIGSYS;
}

/* That kills, unless it is a trap, which the process hears of. */
static void
say_refused(struct victim *v)
{
	int status;

	go_on(v, PTRACE_CONT, 0);
	if (await(v, &status, 5000) && v->is_gone) {
		say_gone(status);
		return;
	}
	printf("trapped\n");
	(void)ptrace(PTRACE_DETACH, v->pid, NULL, (void *)SIGSYS);
	v->is_gone = true;
}

static void
say_result(const struct victim *v, uint64_t result, bool took_long)
{
	int64_t error = -(int64_t)result;

	if (v->has_forked)
		printf("forked\n");
	else if (took_long || (error >= RESTART_FIRST && error <= RESTART_LAST))
		printf("waits\n");
	else if (error > 0 && error <= ERRNO_MAX)
		printf("error %" PRId64 "\n", error);
	else
		printf("value %" PRId64 "\n", (int64_t)result);
}

/* A child that should not be: it has our registers and would run wild. */
static void
end_child(struct victim *v)
{
	unsigned long child = 0;

	v->has_forked = true;
	if (ptrace(PTRACE_GETEVENTMSG, v->pid, NULL, &child) == -1)
		return;
	(void)kill((pid_t)child, SIGKILL);
	(void)waitpid((pid_t)child, NULL, __WALL);
}

/*
 * A handler would run first, and its return be taken for the act: signals wait
 * until that is over.  Returns what is to be delivered at once.
 */
static int
hold_back(struct victim *v, int number)
{
	/* not those that the act itself has earned */
	if (number >= 64 || (number != SIGCHLD && number < SIGRTMIN))
		return number;
	v->held |= UINT64_C(1) << number;
	return 0;
}

enum stop {
	STOP_ENTRY,
	STOP_EXIT,
	STOP_DONE		/* something else has said how it ended */
};

/* From one stop to the next one that counts. */
static enum stop
next_stop(struct victim *v, bool is_inside, bool *took_long)
{
	int status, number = 0;

	for (;;) {
		go_on(v, PTRACE_SYSCALL, number);
		number = 0;
		if (!await(v, &status, WAIT_MS)) {
			*took_long = true;
			(void)ptrace(PTRACE_INTERRUPT, v->pid, NULL, NULL);
			(void)await(v, &status, 5000);
		}
		if (v->is_gone) {
			say_gone(status);
			return STOP_DONE;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			return is_inside ? STOP_EXIT : STOP_ENTRY;
		if (status >> 16 == PTRACE_EVENT_EXEC) {
			printf("executed\n");
			return STOP_DONE;
		}
		if (status >> 16 != 0 && status >> 16 != PTRACE_EVENT_STOP)
			end_child(v);
		else if (status >> 16 == 0)
			number = hold_back(v, WSTOPSIG(status));
	}
}

static void
perform(struct victim *v, const struct act *a)
{
	struct user_regs_struct regs = v->own;
	uint64_t base = (stack_of(&v->own) - RED_ZONE - SCRATCH_LEN) &
	    ~UINT64_C(63);
	bool took_long = false;

	v->has_forked = false;
	if (a->used != 0 && pwrite(v->memory, a->scratch, a->used,
	    (off_t)base) != (ssize_t)a->used)
		die("write the arguments");
	set_call(&regs, v, a);
	put_regs(v, &regs);
	if (next_stop(v, false, &took_long) != STOP_ENTRY ||
	    next_stop(v, true, &took_long) != STOP_EXIT)
		return;
	get_regs(v, &regs);
	if (is_refused(v)) {
		say_refused(v);
		return;
	}
	say_result(v, result_in(&regs), took_long);
	/* a stop from where the kernel would make its own call again */
	(void)ptrace(PTRACE_INTERRUPT, v->pid, NULL, NULL);
	go_on(v, PTRACE_CONT, 0);
	halt(v);
}

static void
leave(struct victim *v)
{
	int number;

	if (v->is_gone)
		return;
	for (number = 1; number < 64; number++)
		if (v->held >> number & 1)
			(void)kill(v->pid, number);
	put_regs(v, &v->own);
	(void)ptrace(PTRACE_DETACH, v->pid, NULL, NULL);
}

/* ---- the words -------------------------------------------------------- */

struct from {
	const char *address, *object, *way;
};

static void
find_instruction(struct victim *v, const struct from *from)
{
	bool is_native = v->way != WAY_INT80;

	if (from->address != NULL)
		v->instruction = number_of(from->address);
	else if (strcmp(from->way, "poke80") == 0)
		v->instruction = poke_code(v);
	else
		v->instruction = find_code(v, from->object, is_native ?
		    native_code : int80_code, is_native ?
		    sizeof(native_code) : sizeof(int80_code));
}

static int
read_options(int argc, char **argv, struct victim *v, struct from *from)
{
	int c;

	while ((c = getopt(argc, argv, "+i:o:w:")) != -1) {
		switch (c) {
		case 'i': from->address = optarg; break;
		case 'o': from->object = optarg; break;
		case 'w': from->way = optarg; break;
		default: usage();
		}
	}
	if (argc - optind < 2)
		usage();
	if (strcmp(from->way, "x32") == 0)
		v->way = WAY_X32;
	else if (strcmp(from->way, "int80") == 0 ||
	    strcmp(from->way, "poke80") == 0)
		v->way = WAY_INT80;
	else if (strcmp(from->way, "native") != 0)
		usage();
	v->pid = (pid_t)number_of(argv[optind]);
	return optind + 1;
}

int
main(int argc, char **argv)
{
	struct from from = { .object = "libc.so", .way = "native" };
	struct sigaction sa = { .sa_handler = on_alarm };
	struct victim v = { .memory = -1 };
	struct act act;
	int at = read_options(argc, argv, &v, &from);

	(void)sigaction(SIGALRM, &sa, NULL);
	attach(&v);
	find_instruction(&v, &from);
	if (v.instruction == 0)
		printf("nowhere\n");
	while (v.instruction != 0 && !v.is_gone && at < argc) {
		at += read_act(&v, &act, argv + at);
		perform(&v, &act);
		at += at < argc && strcmp(argv[at], "--") == 0;
		fflush(stdout);
	}
	leave(&v);
	return 0;
}
