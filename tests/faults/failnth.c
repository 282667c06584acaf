/*
 * tftpd-failnth - make the n-th system call of a transfer, or of a dispatcher
 * on the way of a request, fail as the kernel may let it fail; or kill there.
 *
 * It follows a running server with PTRACE_SEIZE from its keeper down, and takes
 * one order a line from standard input; usage() has them.  A call that is to
 * fail is never made: its number is changed to that of a harmless one, which
 * the server's seccomp list has in it (number -1 would be killed by the list),
 * and the result when it returns.  Some faults let the call happen: a close
 * that reports EIO has closed, a partial write has written half.
 *
 * A transfer's calls are counted from the first one after the fork, or after
 * its sleep in the pool; a dispatcher's from the return of the ppoll() that a
 * request ended, or, as a starter, from its fork.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCS_MAX	512
#define CALLS_MAX	2000	/* of one process, that are listed */
#define FAULTS_MAX	8	/* of one call */
#define SYSCALL_STOP	(SIGTRAP | 0x80)
#define HARMLESS	SYS_clock_gettime

/* Faults that are not simply an errno. */
#define HALF		1000	/* half of the bytes, or of the buffers */
#define AFTER		2000	/* added: the call is made all the same */

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP	128
#endif

enum kind {
	KIND_PLAIN,
	KIND_LENGTH,	/* the third argument is how much */
	KIND_VECTOR	/* iovec, its length */
};

/* What may go wrong with each call; what is not here cannot fail. */
static const struct call {
	const char *name;
	int faults[FAULTS_MAX];
	long number;
	enum kind kind;
} calls[] = {
#define CALL(name, kind, ...) { #name, { __VA_ARGS__ }, SYS_ ## name, kind }
	CALL(bind, KIND_PLAIN, EADDRINUSE, EACCES, ENOMEM),
	CALL(capset, KIND_PLAIN, EPERM),
	CALL(chdir, KIND_PLAIN, EACCES, EIO, ENOMEM),
	CALL(chroot, KIND_PLAIN, EPERM, EIO, ENOMEM),
	CALL(clone, KIND_PLAIN, EAGAIN, ENOMEM),
	CALL(clone3, KIND_PLAIN, EAGAIN, ENOMEM),
	CALL(close, KIND_PLAIN, AFTER + EIO, AFTER + EINTR),
	CALL(close_range, KIND_PLAIN, ENOMEM),
	CALL(connect, KIND_PLAIN, ENETUNREACH, EAGAIN, ENOMEM, EPERM),
	CALL(copy_file_range, KIND_PLAIN, EIO, ENOSPC, EXDEV, EINTR, ENOMEM),
	CALL(dup3, KIND_PLAIN, EBUSY, EINTR),
	CALL(faccessat2, KIND_PLAIN, EIO, EACCES, EROFS, ENOMEM),
	CALL(fallocate, KIND_PLAIN, EIO, ENOSPC, EINTR, EOPNOTSUPP),
	CALL(fchmod, KIND_PLAIN, EIO, EPERM, EROFS),
	CALL(fchown, KIND_PLAIN, EIO, EPERM, EROFS),
	CALL(fcntl, KIND_PLAIN, ENOLCK, EAGAIN, EINTR),
	CALL(fdatasync, KIND_PLAIN, EIO, ENOSPC),
	CALL(flock, KIND_PLAIN, ENOLCK, EINTR, EWOULDBLOCK),
	CALL(fstat, KIND_PLAIN, EIO, ENOMEM),
	CALL(fstatfs, KIND_PLAIN, EIO, EINTR, ENOSYS),
	CALL(fsync, KIND_PLAIN, EIO, ENOSPC, EDQUOT),
	CALL(ftruncate, KIND_PLAIN, EIO, EPERM),
	CALL(futex, KIND_PLAIN, EINTR),
	CALL(getrandom, KIND_PLAIN, EINTR, ENOSYS),
	CALL(getsockname, KIND_PLAIN, ENOBUFS),
	CALL(getsockopt, KIND_PLAIN, ENOMEM, ENOPROTOOPT),
	CALL(ioctl, KIND_PLAIN, ENOENT, ENOTTY),
	CALL(kill, KIND_PLAIN, ESRCH, EPERM),
	CALL(landlock_add_rule, KIND_PLAIN, ENOMEM, EOPNOTSUPP),
	CALL(landlock_create_ruleset, KIND_PLAIN, ENOMEM, ENOSYS, EOPNOTSUPP),
	CALL(landlock_restrict_self, KIND_PLAIN, EPERM, ENOMEM, E2BIG),
	CALL(linkat, KIND_PLAIN, EIO, ENOSPC, EPERM),
	CALL(madvise, KIND_PLAIN, ENOMEM, EAGAIN),
	CALL(mmap, KIND_PLAIN, ENOMEM, EAGAIN),
	CALL(mprotect, KIND_PLAIN, ENOMEM),
	CALL(munmap, KIND_PLAIN, EPERM, ENOMEM),
	CALL(newfstatat, KIND_PLAIN, EIO, ENOMEM, EACCES),
	CALL(openat, KIND_PLAIN, EIO, EMFILE, ENFILE, ENOMEM, EACCES, ELOOP,
	    ENOSPC),
	CALL(openat2, KIND_PLAIN, EIO, EMFILE, ENFILE, ENOMEM, EACCES, ELOOP,
	    EAGAIN),
	CALL(ppoll, KIND_PLAIN, EINTR, ENOMEM),
	CALL(prctl, KIND_PLAIN, EPERM, EINVAL),
	CALL(pread64, KIND_LENGTH, EIO, EINTR, ENOMEM, HALF),
	CALL(preadv, KIND_VECTOR, EIO, EINTR, ENOMEM, HALF),
	CALL(prlimit64, KIND_PLAIN, EPERM),
	CALL(pwrite64, KIND_LENGTH, EIO, ENOSPC, EDQUOT, EINTR, HALF),
	CALL(pwritev, KIND_VECTOR, EIO, ENOSPC, EDQUOT, EINTR, HALF),
	CALL(read, KIND_LENGTH, EIO, EINTR, EAGAIN, HALF),
	CALL(readlinkat, KIND_PLAIN, EIO, EACCES, ENOMEM),
	CALL(recvfrom, KIND_PLAIN, EINTR, EAGAIN, ECONNREFUSED, EHOSTUNREACH,
	    ENOMEM),
	CALL(recvmmsg, KIND_PLAIN, EINTR, EAGAIN, ECONNREFUSED, EHOSTUNREACH,
	    ENOMEM),
	CALL(recvmsg, KIND_PLAIN, EINTR, EAGAIN, ECONNREFUSED, EHOSTUNREACH,
	    ENOMEM),
	CALL(renameat2, KIND_PLAIN, EIO, ENOSPC, EACCES, EROFS, EXDEV,
	    ENOMEM),
#ifdef SYS_renameat
	CALL(renameat, KIND_PLAIN, EIO, ENOSPC, EACCES, EROFS, EXDEV, ENOMEM),
#endif
	CALL(seccomp, KIND_PLAIN, EPERM, ENOMEM),
	CALL(sendmmsg, KIND_PLAIN, ENOBUFS, EPERM, ENETUNREACH, ECONNREFUSED,
	    EAGAIN, EINTR),
	CALL(sendmsg, KIND_PLAIN, ENOBUFS, EPERM, ENETUNREACH, ECONNREFUSED,
	    EAGAIN, EINTR, EIO),
	CALL(sendto, KIND_PLAIN, ENOBUFS, EPERM, ENETUNREACH, ECONNREFUSED,
	    EAGAIN, EINTR),
	CALL(setgid, KIND_PLAIN, EPERM, EAGAIN),
	CALL(setgroups, KIND_PLAIN, EPERM, ENOMEM),
	CALL(setresgid, KIND_PLAIN, EPERM, EAGAIN),
	CALL(setresuid, KIND_PLAIN, EPERM, EAGAIN),
	CALL(setuid, KIND_PLAIN, EPERM, EAGAIN),
	CALL(setsockopt, KIND_PLAIN, ENOMEM, ENOPROTOOPT),
	CALL(socket, KIND_PLAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES),
	CALL(statx, KIND_PLAIN, EIO, ENOMEM, EACCES),
	CALL(sync_file_range, KIND_PLAIN, EIO, ENOSPC),
	CALL(unlinkat, KIND_PLAIN, EIO, EROFS, EACCES, EINTR),
	CALL(write, KIND_LENGTH, EIO, ENOSPC, EDQUOT, EINTR, HALF),
	CALL(writev, KIND_VECTOR, EIO, ENOSPC, EDQUOT, EINTR, HALF),
#ifdef SYS_dup2
	CALL(dup2, KIND_PLAIN, EBUSY, EINTR),
#endif
#ifdef SYS_fork
	CALL(fork, KIND_PLAIN, EAGAIN, ENOMEM),
	CALL(poll, KIND_PLAIN, EINTR, ENOMEM),
#endif
#undef CALL
};

enum role {
	ROLE_UNKNOWN,		/* stopped before its parent said who it is */
	ROLE_KEEPER,
	ROLE_DISPATCHER,
	ROLE_READY,		/* sleeps in the pool */
	ROLE_TRANSFER,
	ROLE_HELPER,		/* removes a dead transfer's hidden file */
	ROLE_STARTER		/* in an order: a dispatcher from its fork on */
};

struct proc {
	pid_t pid, parent;
	enum role role;
	bool must_wait;		/* it has stopped, and who it is is not known */
	bool is_woken;		/* ROLE_READY: its last sleep has ended */
	long number;		/* of the call that it is in */
	uint64_t args[6];
	/* a dispatcher's latest of those that tell what it forks next */
	long last_number;
	int64_t last_result;
};

enum act {
	ACT_NONE,
	ACT_LIST,
	ACT_FAIL,
	ACT_KILL,		/* at the entry of the call */
	ACT_KILL_AFTER		/* at its end, before the process knows */
};

enum victims {
	VICTIM_SELF,
	VICTIM_BOTH,		/* and the dispatcher */
	VICTIM_ALL
};

struct order {
	enum act act;
	enum role who;
	unsigned n, k;		/* k: which fault of the call */
	bool is_lasting;	/* the same call fails from then on */
	enum victims victims;
};

struct tracer {
	struct proc procs[PROCS_MAX];
	struct order order;
	pid_t armed;		/* whose calls are counted */
	unsigned count;
	bool was_hit;
	long lasting;		/* number of the call that fails on, or -1 */
	int lasting_fault;
	/* the fault that the armed process has on its way */
	int result;		/* the errno that it gets, 0: none */
	bool has_other_args;
	bool has_short_iov;
	struct iovec first_iov;	/* as it is to be again */
	unsigned listed_count;
	struct {
		long number;
		char path[64];
	} listed[CALLS_MAX];
};

static void
usage(void)
{
	fputs("usage: tftpd-failnth keeper:PID [dispatcher:PID]...\n"
	    "orders, a line each; WHO is transfer, dispatcher or starter:\n"
	    "  list WHO             count and list its calls\n"
	    "  fail WHO N K once|lasting\n"
	    "                       fault K (from 0) of the N-th call; and of"
	    " all later ones\n"
	    "                       of its kind\n"
	    "  kill WHO N entry|exit self|both|all\n"
	    "  sync                 only answer: \"synced\"\n"
	    "  off                  stop that, and say what was counted\n"
	    "  end                  leave the server alone\n"
	    "answers: armed | calls N, after \"call\" lines if listed\n"
	    "told: transfer PID | dispatcher PID | gone PID WHO STATUS |\n"
	    "      hit PID N CALL FAULT COUNT FILE\n", stderr);
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
static void
set_number(pid_t pid, struct user_regs_struct *regs, long number)
{
	(void)pid;
	regs->orig_rax = (unsigned long long)number;
}

static void
set_arg(struct user_regs_struct *regs, int i, uint64_t value)
{
	unsigned long long *const args[] = { &regs->rdi, &regs->rsi,
		&regs->rdx, &regs->r10 };

	*args[i] = value;
}

static void
set_result(struct user_regs_struct *regs, int64_t value)
{
	regs->rax = (unsigned long long)value;
}
#elif defined(__aarch64__)
static void
set_number(pid_t pid, struct user_regs_struct *regs, long number)
{
	int nr = (int)number;
	struct iovec iov = { &nr, sizeof(nr) };

	(void)regs;
	(void)ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &iov);
}

static void
set_arg(struct user_regs_struct *regs, int i, uint64_t value)
{
	regs->regs[i] = value;
}

static void
set_result(struct user_regs_struct *regs, int64_t value)
{
	regs->regs[0] = (uint64_t)value;
}
#else
#error "no registers known for this machine"
#endif

/* What fails here fails because the process was killed: that is told soon. */
static bool
get_regs(pid_t pid, struct user_regs_struct *regs)
{
	struct iovec iov = { regs, sizeof(*regs) };

	return ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) != -1;
}

static void
put_regs(pid_t pid, struct user_regs_struct *regs)
{
	struct iovec iov = { regs, sizeof(*regs) };

	(void)ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov);
}

/* ---- processes -------------------------------------------------------- */

static const char *
role_name(enum role role)
{
	static const char *const names[] = { "unknown", "keeper",
		"dispatcher", "ready", "transfer", "helper", "starter" };

	return names[role];
}

static struct proc *
find_proc(struct tracer *t, pid_t pid)
{
	int i;

	for (i = 0; i < PROCS_MAX; i++)
		if (t->procs[i].pid == pid)
			return &t->procs[i];
	return NULL;
}

static struct proc *
add_proc(struct tracer *t, pid_t pid)
{
	struct proc *p = find_proc(t, 0);

	if (p == NULL)
		die("too many processes");
	memset(p, 0, sizeof(*p));
	p->pid = pid;
	return p;
}

static void
go_on(const struct proc *p, int signal_number)
{
	(void)ptrace(PTRACE_SYSCALL, p->pid, 0, signal_number);
}

/*
 * What a dispatcher forks is told by what it did last.  Before a transfer it
 * received a request, or waited for the dead and found none; before a process
 * for the pool it waited for events in vain; before the removal of a hidden
 * file it found a dead one, was told to look for some, or has just begun.
 */
static enum role
role_of_child(const struct proc *parent)
{
	if (parent->role == ROLE_KEEPER)
		return ROLE_DISPATCHER;
	if (parent->role != ROLE_DISPATCHER)
		return ROLE_HELPER;
	switch (parent->last_number) {
	case SYS_recvmsg:
		return ROLE_TRANSFER;
	case SYS_wait4:
		return parent->last_result > 0 ? ROLE_HELPER : ROLE_TRANSFER;
	case SYS_ppoll:
		return parent->last_result == 0 ? ROLE_READY : ROLE_HELPER;
	default:
		return ROLE_HELPER;
	}
}

static void
become_transfer(struct tracer *t, struct proc *p)
{
	p->role = ROLE_TRANSFER;
	printf("transfer %d\n", p->pid);
	if (t->order.act != ACT_NONE && t->order.who == ROLE_TRANSFER &&
	    t->armed == 0)
		t->armed = p->pid;
}

static void
on_fork(struct tracer *t, const struct proc *parent)
{
	struct proc *child;
	unsigned long pid = 0;

	if (ptrace(PTRACE_GETEVENTMSG, parent->pid, 0, &pid) == -1)
		return;
	child = find_proc(t, (pid_t)pid);
	if (child == NULL)
		child = add_proc(t, (pid_t)pid);
	child->parent = parent->pid;
	child->role = role_of_child(parent);
	if (child->role == ROLE_TRANSFER)
		become_transfer(t, child);
	if (child->role == ROLE_DISPATCHER)
		printf("dispatcher %d\n", child->pid);
	if (child->role == ROLE_DISPATCHER && t->armed == 0 &&
	    t->order.act != ACT_NONE && t->order.who == ROLE_STARTER)
		t->armed = child->pid;
	if (child->must_wait)
		go_on(child, 0);
	child->must_wait = false;
}

static void
on_gone(struct tracer *t, struct proc *p, int status)
{
	if (p->role == ROLE_TRANSFER || p->role == ROLE_DISPATCHER ||
	    p->role == ROLE_KEEPER)
		printf("gone %d %s %s %d\n", p->pid, role_name(p->role),
		    WIFSIGNALED(status) ? "signal" : "status",
		    WIFSIGNALED(status) ? WTERMSIG(status) :
		    WEXITSTATUS(status));
	if (t->armed == p->pid) {
		t->result = 0;
		t->has_short_iov = false;
		/* nobody else is counted on */
		t->armed = -1;
	}
	p->pid = 0;
}

/* ---- faults ----------------------------------------------------------- */

static const struct call *
find_call(long number)
{
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].number == number)
			return &calls[i];
	return NULL;
}

static unsigned
fault_count(const struct call *c)
{
	unsigned i = 0;

	while (c != NULL && i < FAULTS_MAX && c->faults[i] != 0)
		i++;
	return i;
}

static const char *
fault_name(int fault)
{
	return fault == 0 ? "none" : fault == HALF ? "half" :
	    strerrorname_np(fault >= AFTER ? fault - AFTER : fault);
}

/* The file of the call's first argument, if that is a descriptor. */
static void
describe_file(const struct proc *p, char *out, size_t size)
{
	char link[64];
	ssize_t n = -1;

	if (p->args[0] < 1024) {
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", p->pid,
		    (int)p->args[0]);
		n = readlink(link, out, size - 1);
	}
	if (n <= 0)
		n = snprintf(out, size, "-");
	out[n] = '\0';
}

static void
kill_victims(struct tracer *t, const struct proc *p)
{
	int i;

	for (i = 0; i < PROCS_MAX; i++) {
		const struct proc *other = &t->procs[i];

		if (other->pid != 0 && (other == p ||
		    t->order.victims == VICTIM_ALL ||
		    (t->order.victims == VICTIM_BOTH &&
		    (other->pid == p->parent || other->parent == p->pid))))
			(void)kill(other->pid, SIGKILL);
	}
}

/* Half of the bytes, or at least only the first buffer. */
static void
make_shorter(struct tracer *t, const struct proc *p, const struct call *c,
    struct user_regs_struct *regs)
{
	struct iovec local = { &t->first_iov, sizeof(t->first_iov) };
	struct iovec remote = { (void *)p->args[1], sizeof(t->first_iov) };
	struct iovec half;

	if (c->kind == KIND_LENGTH) {
		set_arg(regs, 2, p->args[2] / 2);
		return;
	}
	if (p->args[2] > 1) {
		set_arg(regs, 2, p->args[2] / 2);
		return;
	}
	if (process_vm_readv(p->pid, &local, 1, &remote, 1, 0) == -1)
		return;
	half = t->first_iov;
	half.iov_len /= 2;
	local.iov_base = &half;
	t->has_short_iov = process_vm_writev(p->pid, &local, 1, &remote, 1,
	    0) != -1;
}

static void
inject(struct tracer *t, const struct proc *p, const struct call *c,
    int fault)
{
	struct user_regs_struct regs;

	if (!get_regs(p->pid, &regs))
		return;
	if (fault == HALF) {
		make_shorter(t, p, c, &regs);
		put_regs(p->pid, &regs);
		t->has_other_args = true;
		return;
	}
	t->result = fault >= AFTER ? fault - AFTER : fault;
	if (fault >= AFTER)
		return;
	t->has_other_args = true;
	set_number(p->pid, &regs, HARMLESS);
	set_arg(&regs, 0, CLOCK_MONOTONIC);
	set_arg(&regs, 1, 0);
	put_regs(p->pid, &regs);
}

/* The process gets its registers back, and perhaps another result. */
static void
finish_injection(struct tracer *t, const struct proc *p)
{
	struct iovec local = { &t->first_iov, sizeof(t->first_iov) };
	struct iovec remote = { (void *)p->args[1], sizeof(t->first_iov) };
	struct user_regs_struct regs;
	int i;

	if (t->result == 0 && !t->has_other_args)
		return;
	if (get_regs(p->pid, &regs)) {
		/* some machines have the result where the first one was */
		for (i = t->result == 0; i < 3 && t->has_other_args; i++)
			set_arg(&regs, i, p->args[i]);
		if (t->result != 0)
			set_result(&regs, -t->result);
		put_regs(p->pid, &regs);
	}
	if (t->has_short_iov)
		(void)process_vm_writev(p->pid, &local, 1, &remote, 1, 0);
	t->result = 0;
	t->has_other_args = t->has_short_iov = false;
}

/* ---- calls ------------------------------------------------------------ */

static void
list_call(struct tracer *t, const struct proc *p)
{
	if (t->listed_count == CALLS_MAX)
		return;
	t->listed[t->listed_count].number = p->number;
	describe_file(p, t->listed[t->listed_count].path,
	    sizeof(t->listed[0].path));
	t->listed_count++;
}

/* The n-th call of the process that is watched begins. */
static void
on_nth(struct tracer *t, const struct proc *p)
{
	const struct call *c = find_call(p->number);
	unsigned count = fault_count(c);
	int fault = t->order.act == ACT_FAIL && t->order.k < count ?
	    c->faults[t->order.k] : 0;
	char path[PATH_MAX];

	t->was_hit = true;
	describe_file(p, path, sizeof(path));
	printf("hit %d %u %s %s %u %s\n", p->pid, t->count,
	    c == NULL ? "-" : c->name, t->order.act == ACT_FAIL ?
	    fault_name(fault) : "kill", count, path);
	if (t->order.act == ACT_KILL)
		kill_victims(t, p);
	else if (fault != 0)
		inject(t, p, c, fault);
	/* what passes by itself is asked for again, without end */
	if (t->order.is_lasting && fault != 0 && fault != EINTR &&
	    fault != EAGAIN && fault != HALF && fault != AFTER + EINTR) {
		t->lasting = p->number;
		t->lasting_fault = fault;
	}
}

static void
on_entry(struct tracer *t, struct proc *p,
    const struct __ptrace_syscall_info *info)
{
	p->number = (long)info->entry.nr;
	memcpy(p->args, info->entry.args, sizeof(p->args));
	if (p->role == ROLE_READY && p->is_woken &&
	    p->number != SYS_futex)
		become_transfer(t, p);
	if (p->pid != t->armed)
		return;
	t->count++;
	if (t->order.act == ACT_LIST)
		list_call(t, p);
	else if (t->count == t->order.n && t->order.act != ACT_KILL_AFTER)
		on_nth(t, p);
	else if (p->number == t->lasting)
		inject(t, p, find_call(p->number), t->lasting_fault);
}

/* A dispatcher's ppoll() has ended because a request came. */
static void
on_event(struct tracer *t, const struct proc *p)
{
	if (t->order.act != ACT_NONE && t->order.who == ROLE_DISPATCHER &&
	    t->armed == 0)
		t->armed = p->pid;
}

static void
on_exit_of_call(struct tracer *t, struct proc *p,
    const struct __ptrace_syscall_info *info)
{
	int64_t result = info->exit.rval;

	if (p->pid == t->armed) {
		finish_injection(t, p);
		if (t->order.act == ACT_KILL_AFTER && !t->was_hit &&
		    t->count == t->order.n) {
			on_nth(t, p);
			kill_victims(t, p);
		}
	}
	if (p->role == ROLE_READY && p->number == SYS_futex)
		p->is_woken = true;
	if (p->role != ROLE_DISPATCHER)
		return;
	if (p->number == SYS_ppoll || p->number == SYS_wait4 ||
	    p->number == SYS_recvmsg || p->number == SYS_recvfrom) {
		p->last_number = p->number;
		p->last_result = result;
	}
	if (p->number == SYS_ppoll && result > 0)
		on_event(t, p);
}

static void
on_call(struct tracer *t, struct proc *p)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, sizeof(info), &info) == -1)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		on_entry(t, p, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		on_exit_of_call(t, p, &info);
}

static void
on_stop(struct tracer *t, struct proc *p, int status)
{
	int number = WSTOPSIG(status), event = status >> 16;

	if (number == SYSCALL_STOP) {
		on_call(t, p);
		go_on(p, 0);
	} else if (event == PTRACE_EVENT_STOP && number != SIGTRAP) {
		/* stopped by a signal, until SIGCONT */
		(void)ptrace(PTRACE_LISTEN, p->pid, 0, 0);
	} else if (p->role == ROLE_UNKNOWN) {
		p->must_wait = true;
	} else if (event != 0) {
		if (event != PTRACE_EVENT_STOP)
			on_fork(t, p);
		go_on(p, 0);
	} else {
		go_on(p, number);
	}
}

static void
take_stops(struct tracer *t)
{
	struct proc *p;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
		p = find_proc(t, pid);
		if (p == NULL)
			p = add_proc(t, pid);
		if (WIFSTOPPED(status))
			on_stop(t, p, status);
		else
			on_gone(t, p, status);
	}
}

/* ---- orders ----------------------------------------------------------- */

static enum role
role_of_word(const char *word)
{
	return strcmp(word, "dispatcher") == 0 ? ROLE_DISPATCHER :
	    strcmp(word, "starter") == 0 ? ROLE_STARTER : ROLE_TRANSFER;
}

static void
arm(struct tracer *t, const struct order *order)
{
	t->order = *order;
	t->armed = 0;
	t->count = t->listed_count = 0;
	t->was_hit = false;
	t->lasting = -1;
	puts("armed");
}

static void
turn_off(struct tracer *t)
{
	unsigned i;

	for (i = 0; i < t->listed_count; i++) {
		const struct call *c = find_call(t->listed[i].number);

		printf("call %u %s %u %s\n", i + 1, c == NULL ? "-" : c->name,
		    fault_count(c), t->listed[i].path);
	}
	/* a call that is to get its result is left to on_exit_of_call() */
	t->order.act = ACT_NONE;
	t->lasting = -1;
	t->listed_count = 0;
	printf("calls %u\n", t->count);
}

static void
obey(struct tracer *t, const char *line)
{
	struct order order = { .n = 0 };
	char who[16], when[8], victims[8];

	if (sscanf(line, "list %15s", who) == 1) {
		order.act = ACT_LIST;
	} else if (sscanf(line, "fail %15s %u %u %7s", who, &order.n,
	    &order.k, when) == 4) {
		order.act = ACT_FAIL;
		order.is_lasting = strcmp(when, "lasting") == 0;
	} else if (sscanf(line, "kill %15s %u %7s %7s", who, &order.n, when,
	    victims) == 4) {
		order.act = strcmp(when, "exit") == 0 ? ACT_KILL_AFTER :
		    ACT_KILL;
		order.victims = strcmp(victims, "all") == 0 ? VICTIM_ALL :
		    strcmp(victims, "both") == 0 ? VICTIM_BOTH : VICTIM_SELF;
	} else if (strcmp(line, "sync\n") == 0) {
		puts("synced");
		return;
	} else if (strcmp(line, "off\n") == 0) {
		turn_off(t);
		return;
	} else {
		exit(strcmp(line, "end\n") == 0 ? 0 : 64);
	}
	order.who = role_of_word(who);
	arm(t, &order);
}

/* ---- beginning -------------------------------------------------------- */

static void
seize(struct tracer *t, const char *arg)
{
	const char *colon = strchr(arg, ':');
	const unsigned long options = PTRACE_O_TRACESYSGOOD |
	    PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
	struct proc *p;

	if (colon == NULL)
		usage();
	p = add_proc(t, (pid_t)strtol(colon + 1, NULL, 10));
	p->role = strncmp(arg, "keeper", 6) == 0 ? ROLE_KEEPER :
	    ROLE_DISPATCHER;
	if (ptrace(PTRACE_SEIZE, p->pid, 0, options) == -1 ||
	    ptrace(PTRACE_INTERRUPT, p->pid, 0, 0) == -1)
		die("PTRACE_SEIZE");
}

static void
on_child(int number)
{
	/* only there to end a wait */
	(void)number;
}

static void
wait_for_events(struct tracer *t, const sigset_t *mask)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[128];

	if (ppoll(&pfd, 1, NULL, mask) != 1)
		return;
	if (fgets(line, sizeof(line), stdin) == NULL)
		exit(0);
	obey(t, line);
}

int
main(int argc, char **argv)
{
	static struct tracer t;
	struct sigaction sa = { .sa_handler = on_child };
	sigset_t blocked, mask;
	int i;

	if (argc < 2)
		usage();
	/* one line at a time, or ppoll() would not see those that are read */
	setvbuf(stdin, NULL, _IONBF, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, &mask);
	sigaction(SIGCHLD, &sa, NULL);
	for (i = 1; i < argc; i++)
		seize(&t, argv[i]);
	puts("ready");
	for (;;) {
		wait_for_events(&t, &mask);
		take_stops(&t);
	}
}
