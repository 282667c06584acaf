#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config.h"
#include "os/diag.h"
#include "walls_parts.h"

/* TRAP tells the process, which names the call in syslog. */
#ifdef CALL_TRAP
#define END_IT	SCMP_ACT_TRAP
#else
#define END_IT	SCMP_ACT_KILL_PROCESS
#endif

#define ARGS_MAX	2
#define CLIENT		UINT64_C(0xffffffffffff)	/* stands for its fd, */
#define BEHIND_CLIENT	(CLIENT + 1)		/* and this for the next */
#define NAMESPACES	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | \
	CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/*
 * A call under its name, for each machine has numbers of its own.  Several
 * rules for a call: one of them must fit.
 */
struct rule {
	const char *name;
	unsigned arg_count;
	struct scmp_arg_cmp args[ARGS_MAX];
};

#define ANY(name) { name, 0, { { 0 } } }
#define IS(name, arg, value) \
	{ name, 1, { { arg, SCMP_CMP_EQ, value, 0 } } }
#define HAS_NONE_OF(name, arg, bits) \
	{ name, 1, { { arg, SCMP_CMP_MASKED_EQ, bits, 0 } } }
#define ARE(name, arg, value, other, other_value) \
	{ name, 2, { { arg, SCMP_CMP_EQ, value, 0 }, \
	    { other, SCMP_CMP_EQ, other_value, 0 } } }

/* 32-bit systems have one of their own. */
#define FCNTL(command) \
	IS("fcntl", 1, command), IS("fcntl64", 1, command)
/* There, as in their own headers. */
#define LOCK_GET_64	12
#define LOCK_SET_64	13
#define LOCK_WAIT_64	14

/* ---- the front --------------------------------------------------------- */

/* Nothing that makes a descriptor, but for copies of its own. */
static const struct rule front_rules[] = {
	/* the client, and the one that knows */
	ANY("read"),
	ANY("readv"),
	ANY("pread64"),
	ANY("write"),
	ANY("writev"),
	ANY("recvfrom"),
	ANY("recv"),
	IS("sendto", 4, 0),
	ANY("send"),
	/* descriptors could go along to the other process */
	IS("sendmsg", 0, CLIENT),
	ANY("sendfile"),
	ANY("sendfile64"),
	ANY("shutdown"),
	ANY("close"),
	ANY("lseek"),
	ANY("_llseek"),
	ANY("getpeername"),
	ANY("getsockname"),
	ANY("getsockopt"),
	ARE("setsockopt", 1, IPPROTO_TCP, 2, TCP_NODELAY),
	ARE("setsockopt", 1, IPPROTO_TCP, 2, TCP_CORK),
	ARE("setsockopt", 1, SOL_SOCKET, 2, SO_RCVTIMEO),
	ARE("setsockopt", 1, SOL_SOCKET, 2, SO_SNDTIMEO),
	ARE("setsockopt", 1, SOL_SOCKET, 2, SO_LINGER),
	FCNTL(F_GETFL),
	FCNTL(F_SETFL),
	FCNTL(F_GETFD),
	FCNTL(F_SETFD),
	/* never in the client's place, for sendmsg() */
	ARE("fcntl", 1, F_DUPFD_CLOEXEC, 2, BEHIND_CLIENT),
	ARE("fcntl64", 1, F_DUPFD_CLOEXEC, 2, BEHIND_CLIENT),
	IS("ioctl", 1, FIONREAD),
	ANY("fstat"),
	ANY("fstat64"),
	/* libc's fstat(); names can be looked at by it, not opened */
	IS("newfstatat", 3, AT_EMPTY_PATH),
	IS("fstatat64", 3, AT_EMPTY_PATH),
	IS("statx", 2, AT_EMPTY_PATH),

	/* time and waiting */
	ANY("select"),
	ANY("_newselect"),
	ANY("pselect6"),
	ANY("pselect6_time64"),
	ANY("poll"),
	ANY("ppoll"),
	ANY("ppoll_time64"),
	ANY("epoll_create1"),
	ANY("epoll_ctl"),
	ANY("epoll_wait"),
	ANY("epoll_pwait"),
	ANY("clock_gettime"),
	ANY("clock_gettime64"),
	ANY("clock_nanosleep"),
	ANY("clock_nanosleep_time64"),
	ANY("nanosleep"),
	ANY("gettimeofday"),
	ANY("time"),
	ANY("restart_syscall"),

	/* itself */
	ANY("getpid"),
	ANY("getrandom"),
	ANY("futex"),
	ANY("futex_time64"),
	ANY("rt_sigaction"),
	ANY("rt_sigprocmask"),
	ANY("rt_sigreturn"),
	ANY("sigreturn"),
	ANY("exit"),
	ANY("exit_group"),

	/* memory: nothing executable */
	HAS_NONE_OF("mmap", 2, PROT_EXEC),
	HAS_NONE_OF("mmap2", 2, PROT_EXEC),
	HAS_NONE_OF("mprotect", 2, PROT_EXEC),
	ANY("munmap"),
	ANY("mremap"),
	ANY("madvise"),
	ANY("brk"),
};

/* ---- the back ---------------------------------------------------------- */

/*
 * What libstats and tftpd need that is asked, and the loader before it: it
 * puts up walls of its own.  No socket is made, and none is received.
 */
static const struct rule back_rules[] = {
	/* files: Landlock says which */
	ANY("open"), ANY("openat"), ANY("openat2"), ANY("close"),
	ANY("close_range"), ANY("read"), ANY("readv"), ANY("pread64"),
	ANY("preadv"), ANY("preadv2"), ANY("write"), ANY("writev"),
	ANY("pwrite64"), ANY("pwritev"), ANY("pwritev2"), ANY("lseek"),
	ANY("_llseek"), ANY("sendfile"), ANY("sendfile64"),
	ANY("copy_file_range"), ANY("fstat"), ANY("fstat64"), ANY("stat"),
	ANY("stat64"), ANY("lstat"), ANY("lstat64"), ANY("newfstatat"),
	ANY("fstatat64"), ANY("statx"), ANY("statfs"), ANY("statfs64"),
	ANY("fstatfs"), ANY("fstatfs64"), ANY("access"), ANY("faccessat"),
	ANY("faccessat2"), ANY("readlink"), ANY("readlinkat"),
	ANY("getdents"), ANY("getdents64"), ANY("getcwd"), ANY("chdir"),
	ANY("fchdir"), ANY("rename"), ANY("renameat"), ANY("renameat2"),
	ANY("link"), ANY("linkat"), ANY("unlink"), ANY("unlinkat"),
	ANY("mkdir"), ANY("mkdirat"), ANY("truncate"), ANY("ftruncate"),
	ANY("ftruncate64"), ANY("chmod"), ANY("fchmod"), ANY("fchmodat"),
	ANY("fchown"), ANY("fchown32"), ANY("fsync"), ANY("fdatasync"),
	ANY("fallocate"), ANY("fadvise64"), ANY("fadvise64_64"),
	ANY("readahead"), ANY("flock"), ANY("umask"), ANY("utimensat"),
	IS("ioctl", 1, TCGETS), IS("ioctl", 1, FIONREAD),
	ANY("memfd_create"), FCNTL(F_DUPFD), FCNTL(F_DUPFD_CLOEXEC),
	FCNTL(F_GETFD), FCNTL(F_SETFD), FCNTL(F_GETFL), FCNTL(F_SETFL),
	FCNTL(F_GETLK), FCNTL(F_SETLK), FCNTL(F_SETLKW), FCNTL(F_ADD_SEALS),
	FCNTL(F_GET_SEALS), IS("fcntl64", 1, LOCK_GET_64),
	IS("fcntl64", 1, LOCK_SET_64), IS("fcntl64", 1, LOCK_WAIT_64),

	/*
	 * the front, syslog, a program's output; never to an address: by the
	 * socket to syslog all others of that kind could be reached
	 */
	ANY("recvfrom"), ANY("recv"), IS("sendto", 4, 0), ANY("send"),
	ANY("getpeername"), ANY("getsockname"), ANY("getsockopt"),
	ANY("pipe"), ANY("pipe2"), ANY("dup"), ANY("dup2"), ANY("dup3"),
	ANY("select"), ANY("_newselect"), ANY("pselect6"),
	ANY("pselect6_time64"), ANY("poll"), ANY("ppoll"),
	ANY("ppoll_time64"),

	/* time */
	ANY("clock_gettime"), ANY("clock_gettime64"), ANY("clock_getres"),
	ANY("clock_getres_time64"), ANY("clock_nanosleep"),
	ANY("clock_nanosleep_time64"), ANY("nanosleep"),
	ANY("gettimeofday"), ANY("time"), ANY("times"), ANY("alarm"),
	ANY("setitimer"), ANY("getitimer"), ANY("restart_syscall"),

	/* processes: Landlock says which may be told something */
	HAS_NONE_OF("clone", 0, NAMESPACES), ANY("fork"), ANY("vfork"),
	ANY("execve"), ANY("wait4"), ANY("waitid"), ANY("kill"),
	ANY("tgkill"), ANY("setpgid"), ANY("getpgid"), ANY("getpgrp"),
	ANY("getsid"), ANY("setsid"), ANY("getpid"), ANY("gettid"),
	ANY("getppid"), ANY("getuid"), ANY("getuid32"), ANY("geteuid"),
	ANY("geteuid32"), ANY("getgid"), ANY("getgid32"), ANY("getegid"),
	ANY("getegid32"), ANY("getresuid"), ANY("getresuid32"),
	ANY("getresgid"), ANY("getresgid32"), ANY("getgroups"),
	ANY("getgroups32"), ANY("getpriority"), ANY("setpriority"),
	ANY("getrlimit"), ANY("ugetrlimit"), ANY("setrlimit"),
	ANY("prlimit64"), ANY("getrusage"), ANY("sched_getaffinity"),
	ANY("sched_yield"), ANY("uname"), ANY("sysinfo"), ANY("futex"),
	ANY("futex_time64"), ANY("rseq"), ANY("membarrier"),
	ANY("set_tid_address"), ANY("set_robust_list"),
	ANY("get_robust_list"), ANY("arch_prctl"), ANY("set_tls"),
	ANY("rt_sigaction"), ANY("rt_sigprocmask"), ANY("rt_sigreturn"),
	ANY("sigreturn"), ANY("rt_sigpending"), ANY("sigaltstack"),
	ANY("exit"), ANY("exit_group"), ANY("getrandom"),

	/* walls within */
	ANY("prctl"), ANY("capget"), ANY("capset"), ANY("seccomp"),
	ANY("landlock_create_ruleset"), ANY("landlock_add_rule"),
	ANY("landlock_restrict_self"),

	/* memory: the loader maps programs */
	ANY("mmap"), ANY("mmap2"), ANY("mprotect"), ANY("munmap"),
	ANY("mremap"), ANY("madvise"), ANY("mincore"), ANY("msync"),
	ANY("mlock"), ANY("munlock"), ANY("brk"),
};

/* No mistake of ours makes these: somebody is at work. */
static const char *const deadly[] = {
	"ptrace", "process_vm_readv", "process_vm_writev", "kcmp",
	"pidfd_getfd", "mount", "umount", "umount2", "pivot_root",
	"move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
	"mount_setattr", "unshare", "setns", "bpf", "perf_event_open",
	"userfaultfd", "io_uring_setup", "io_uring_enter",
	"io_uring_register", "add_key", "request_key", "keyctl",
	"init_module", "finit_module", "delete_module", "kexec_load",
	"kexec_file_load", "reboot", "swapon", "swapoff", "acct",
	"quotactl", "iopl", "ioperm", "modify_ldt", "open_by_handle_at",
	"name_to_handle_at", "fanotify_init", "settimeofday",
	"clock_settime", "clock_settime64", "adjtimex", "sethostname",
	"setdomainname", "syslog", "uselib", "vhangup", "lookup_dcookie",
};

/* ---- putting up -------------------------------------------------------- */

#ifdef CALL_TRAP
static void
on_forbidden(int number, siginfo_t *info, void *context)
{
	char *name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(),
	    info->si_syscall);

	(void)number;
	(void)context;
	diag_log(DIAG_ERROR, "forbidden system call %s (%d) from %p",
	    name == NULL ? "?" : name, info->si_syscall, info->si_call_addr);
	_exit(EXIT_FAILURE);
}

static void
set_trap(void)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO };

	sa.sa_sigaction = on_forbidden;
	sigfillset(&sa.sa_mask);
	(void)sigaction(SIGSYS, &sa, NULL);
}
#endif

static int
add_rules(scmp_filter_ctx ctx, uint32_t action, const struct rule *rules,
    size_t count, int client)
{
	struct rule rule;
	int number, err = 0;
	size_t i, j;

	for (i = 0; i < count && err == 0; i++) {
		rule = rules[i];
		number = seccomp_syscall_resolve_name(rule.name);
		/* negative: this machine has no such call of its own */
		if (number < 0)
			continue;
		for (j = 0; j < rule.arg_count; j++)
			if (rule.args[j].datum_a >= CLIENT)
				rule.args[j].datum_a -= CLIENT -
				    (unsigned)client;
		err = seccomp_rule_add_exact_array(ctx, action, number,
		    rule.arg_count, rule.args);
	}
	return err;
}

/* Each of these names gets that answer. */
static int
add_names(scmp_filter_ctx ctx, uint32_t action, const char *const *names,
    size_t count)
{
	int number, err = 0;
	size_t i;

	for (i = 0; i < count && err == 0; i++) {
		number = seccomp_syscall_resolve_name(names[i]);
		if (number >= 0)
			err = seccomp_rule_add(ctx, action, number, 0);
	}
	return err;
}

static scmp_filter_ctx
begin(uint32_t action)
{
	scmp_filter_ctx ctx = seccomp_init(action);

	if (ctx == NULL)
		return NULL;
	/* a binary tree: each call goes through it */
	if (seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, END_IT) == 0 &&
	    seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0)
		return ctx;
	seccomp_release(ctx);
	return NULL;
}

static int
finish(scmp_filter_ctx ctx, int err)
{
#ifdef CALL_TRAP
	set_trap();
#endif
	if (err == 0)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err;
}

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

int
walls_calls_front(int client)
{
	scmp_filter_ctx ctx = begin(END_IT);

	if (ctx == NULL)
		return -EOPNOTSUPP;
	return finish(ctx, add_rules(ctx, SCMP_ACT_ALLOW, front_rules,
	    COUNT(front_rules), client));
}

int
walls_calls_back(void)
{
	static const char *const absent[] = { "clone3" };
	scmp_filter_ctx ctx = begin(SCMP_ACT_ERRNO(EPERM));
	int err;

	if (ctx == NULL)
		return -EOPNOTSUPP;
	err = add_rules(ctx, SCMP_ACT_ALLOW, back_rules, COUNT(back_rules),
	    -1);
	if (err == 0)
		err = add_names(ctx, END_IT, deadly, COUNT(deadly));
	/* its arguments cannot be looked at; libc takes clone() then */
	if (err == 0)
		err = add_names(ctx, SCMP_ACT_ERRNO(ENOSYS), absent,
		    COUNT(absent));
	return finish(ctx, err);
}

int
walls_calls_narrow(bool runs_programs)
{
	static const char *const names[] = { "execve", "execveat", "clone",
		"clone3", "fork", "vfork", "kill", "tkill", "tgkill",
		"setpgid", "setsid" };
	static const struct rule locks[] = { FCNTL(F_SETLK), FCNTL(F_SETLKW),
		IS("fcntl64", 1, LOCK_SET_64), IS("fcntl64", 1, LOCK_WAIT_64)
	};
	scmp_filter_ctx ctx = begin(SCMP_ACT_ALLOW);
	int err = 0;

	if (ctx == NULL)
		return -EOPNOTSUPP;
	if (!runs_programs)
		err = add_names(ctx, SCMP_ACT_ERRNO(EPERM), names,
		    COUNT(names));
	if (err == 0)
		err = add_rules(ctx, SCMP_ACT_ERRNO(EPERM), locks,
		    COUNT(locks), -1);
	return finish(ctx, err);
}
