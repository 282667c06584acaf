#include <asm/unistd.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/falloc.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <fcntl.h>

#include "config.h"
#include "os/callfilter.h"

/* Which program has a rule. */
#define IN_SERVICE	0x01
#define IN_READ		0x02
#define IN_WRITE	0x04
#define IN_ALL		(IN_SERVICE | IN_READ | IN_WRITE)
#define IN_UPLOADS	(IN_SERVICE | IN_WRITE | IF_UPLOADS)
/* And under which condition. */
#define IF_UPLOADS	0x10
#define IF_ONEPORT	0x20
#define IF_NO_FSTAT	0x40

#define FIRST_FIXED_FD	CALLFILTER_DIAG_FD	/* clients' files: lower */
#define ARGS_MAX	3

/* As in 32-bit systems' own calls: not in the headers of others. */
#define LOCK_GET_64	12
#define LOCK_SET_64	13

#define LOW_WORD	UINT64_C(0xffffffff)
#define NO_FD		LOW_WORD	/* -1, however it is passed */

/* TRAP tells the process, which names the call in the log. */
#ifdef CALL_TRAP
#define REFUSE		SCMP_ACT_TRAP
#define REFUSE_BPF	SECCOMP_RET_TRAP
#else
#define REFUSE		SCMP_ACT_KILL_PROCESS
#define REFUSE_BPF	SECCOMP_RET_KILL_PROCESS
#endif

/*
 * A call under its name, for each machine has numbers of its own.  Several
 * rules for a call: one of them must fit.
 */
struct rule {
	const char *name;
	unsigned flags;
	unsigned arg_count;
	struct scmp_arg_cmp args[ARGS_MAX];
};

#define ANY(name, flags) { name, flags, 0, { { 0 } } }
#define IS(name, flags, arg, value) \
	{ name, flags, 1, { { arg, SCMP_CMP_EQ, value, 0 } } }
#define IS_BELOW(name, flags, arg, value) \
	{ name, flags, 1, { { arg, SCMP_CMP_LT, value, 0 } } }
#define ARE(name, flags, arg, value, other, other_value) \
	{ name, flags, 2, { { arg, SCMP_CMP_EQ, value, 0 }, \
	    { other, SCMP_CMP_EQ, other_value, 0 } } }
/* of protocol 0: others are ping, or UDP-Lite */
#define UDP_SOCKET(family) \
	{ "socket", IN_SERVICE, 3, { { 0, SCMP_CMP_EQ, family, 0 }, \
	    { 1, SCMP_CMP_EQ, SOCK_DGRAM | SOCK_CLOEXEC, 0 }, \
	    { 2, SCMP_CMP_EQ, 0, 0 } } }
#define MAPS(name, fd) \
	{ name, IN_SERVICE, 2, { { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 }, \
	    { 4, SCMP_CMP_MASKED_EQ, LOW_WORD, fd } } }
#define OPTION(level, option) \
	ARE("setsockopt", IN_SERVICE, 1, level, 2, option)

static const struct rule rules[] = {
	/* the network */
	ANY("recvfrom", IN_ALL),
	/* not from Unix sockets, where descriptors can come along */
	IS_BELOW("recvmsg", IN_ALL, 0, FIRST_FIXED_FD),
	IS_BELOW("recvmmsg", IN_ALL, 0, FIRST_FIXED_FD),
	IS_BELOW("recvmmsg_time64", IN_ALL, 0, FIRST_FIXED_FD),
	IS("readv", IN_SERVICE | IF_ONEPORT, 0, CALLFILTER_BACK_IN_FD),
	ANY("sendto", IN_ALL),
	ANY("send", IN_ALL),
	ANY("recv", IN_ALL),
	/* likewise: a Unix socket would carry the log's out of here */
	IS_BELOW("sendmsg", IN_ALL, 0, FIRST_FIXED_FD),
	IS_BELOW("sendmmsg", IN_ALL, 0, FIRST_FIXED_FD),
	IS("writev", IN_ALL | IF_ONEPORT, 0, CALLFILTER_BACK_FD),
	UDP_SOCKET(AF_INET),
	UDP_SOCKET(AF_INET6),
	ANY("bind", IN_SERVICE),
	ANY("connect", IN_SERVICE),
	ANY("connect", IN_READ | IN_WRITE | IF_ONEPORT),
	ANY("getsockname", IN_ALL),
	ANY("getsockopt", IN_SERVICE),
	OPTION(SOL_SOCKET, SO_RCVBUF),
	OPTION(SOL_SOCKET, SO_REUSEADDR),
	OPTION(SOL_SOCKET, SO_BINDTODEVICE),
	OPTION(SOL_SOCKET, SO_MARK),
	OPTION(IPPROTO_IP, IP_TOS),
	OPTION(IPPROTO_IP, IP_MTU_DISCOVER),
	OPTION(IPPROTO_IP, IP_PKTINFO),
	OPTION(IPPROTO_IPV6, IPV6_TCLASS),
	OPTION(IPPROTO_IPV6, IPV6_MTU_DISCOVER),
	OPTION(IPPROTO_IPV6, IPV6_RECVPKTINFO),
	OPTION(SOL_UDP, UDP_GRO),
	ARE("setsockopt", IN_ALL, 1, SOL_SOCKET, 2, SO_RCVTIMEO),
	IS("ioctl", IN_ALL, 1, SIOCGSTAMPNS),

	/* time and waiting */
	ANY("ppoll", IN_ALL),
	ANY("ppoll_time64", IN_ALL),
	ANY("poll", IN_SERVICE),
	ANY("clock_gettime", IN_ALL),	/* if the vDSO cannot */
	ANY("clock_gettime64", IN_ALL),
	ANY("clock_getres", IN_ALL),
	ANY("clock_getres_time64", IN_ALL),
	ANY("nanosleep", IN_SERVICE | IN_WRITE),
	ANY("clock_nanosleep", IN_SERVICE | IN_WRITE),
	ANY("clock_nanosleep_time64", IN_SERVICE | IN_WRITE),

	/* processes and signals */
	IS("clone", IN_SERVICE, 0, SIGCHLD),
	ANY("wait4", IN_SERVICE),
	ANY("kill", IN_SERVICE),
	ANY("getpid", IN_ALL),
	ANY("geteuid", IN_SERVICE | IN_WRITE),
	ANY("geteuid32", IN_SERVICE | IN_WRITE),
	ANY("getegid", IN_SERVICE | IN_WRITE),
	ANY("getegid32", IN_SERVICE | IN_WRITE),
	ANY("getppid", IN_SERVICE),
	ANY("getrusage", IN_ALL),
	ANY("futex", IN_SERVICE),
	ANY("futex_time64", IN_SERVICE),
	IS("prctl", IN_SERVICE, 0, PR_SET_NAME),
	IS("prctl", IN_SERVICE, 0, PR_SET_PDEATHSIG),
	IS("prlimit64", IN_SERVICE, 0, 0),
	IS("seccomp", IN_SERVICE, 0, SECCOMP_SET_MODE_FILTER),
	ANY("capset", IN_SERVICE | IF_ONEPORT),
	ANY("rt_sigprocmask", IN_ALL),
	ANY("rt_sigreturn", IN_ALL),
	ANY("sigreturn", IN_ALL),
	ANY("restart_syscall", IN_ALL),
	ANY("exit_group", IN_ALL),

	/*
	 * Memory: nothing executable, no file but the live table.  Never
	 * mremap(): it could put a page of libc in a closed gate's place.
	 */
	MAPS("mmap", NO_FD),
	MAPS("mmap", CALLFILTER_TABLE_FD),
	MAPS("mmap2", NO_FD),
	MAPS("mmap2", CALLFILTER_TABLE_FD),
	ANY("munmap", IN_ALL),
	ANY("madvise", IN_SERVICE),
	ANY("brk", IN_SERVICE),
	ANY("getrandom", IN_SERVICE),

	/* files: read */
	ANY("close", IN_ALL),
	ARE("dup3", IN_SERVICE, 0, STDIN_FILENO, 1, STDERR_FILENO),
	ANY("preadv", IN_ALL),
	ANY("pread64", IN_SERVICE),
	ANY("openat", IN_SERVICE | IN_WRITE),
	ANY("openat2", IN_SERVICE | IN_WRITE),
	ANY("faccessat2", IN_SERVICE | IN_WRITE),
	ANY("readlinkat", IN_SERVICE | IN_WRITE),
	ANY("getdents64", IN_SERVICE),
	ANY("fstat", IN_ALL),
	ANY("fstat64", IN_ALL),
	ANY("newfstatat", IN_SERVICE | IN_WRITE),
	ANY("fstatat64", IN_SERVICE | IN_WRITE),
	ANY("statx", IN_SERVICE | IN_WRITE),
	/* libc's fstat(), where there is no other: it can stat names, too */
	IS("newfstatat", IN_READ | IF_NO_FSTAT, 3, AT_EMPTY_PATH),
	IS("fstatat64", IN_READ | IF_NO_FSTAT, 3, AT_EMPTY_PATH),
	IS("statx", IN_READ | IF_NO_FSTAT, 2, AT_EMPTY_PATH),
	ANY("fstatfs", IN_SERVICE | IN_WRITE),
	ANY("fstatfs64", IN_SERVICE | IN_WRITE),
	IS("fcntl", IN_SERVICE, 1, F_GETFL),
	IS("fcntl", IN_SERVICE, 1, F_SETFD),	/* fdopendir() */
	IS("fcntl", IN_SERVICE, 1, F_GETLK),
	IS("fcntl", IN_SERVICE, 1, F_SETLK),
	IS("fcntl64", IN_SERVICE, 1, F_GETFL),
	IS("fcntl64", IN_SERVICE, 1, F_SETFD),
	IS("fcntl64", IN_SERVICE, 1, LOCK_GET_64),
	IS("fcntl64", IN_SERVICE, 1, LOCK_SET_64),

	/* the log, and complaints of the dispatcher */
	IS("write", IN_ALL, 0, CALLFILTER_LOG_FD),
	IS_BELOW("write", IN_SERVICE, 0, STDERR_FILENO + 1),
	ARE("fallocate", IN_SERVICE, 0, CALLFILTER_LOG_FD, 1,
	    FALLOC_FL_KEEP_SIZE),

	/* files: written, and only those of clients */
	IS_BELOW("pwritev", IN_UPLOADS, 0, FIRST_FIXED_FD),
	IS_BELOW("pwrite64", IN_UPLOADS, 0, FIRST_FIXED_FD),
	IS_BELOW("ftruncate", IN_UPLOADS, 0, FIRST_FIXED_FD),
	IS_BELOW("ftruncate64", IN_UPLOADS, 0, FIRST_FIXED_FD),
	IS_BELOW("fallocate", IN_UPLOADS, 0, FIRST_FIXED_FD),
	IS_BELOW("copy_file_range", IN_UPLOADS, 2, FIRST_FIXED_FD),
	{ "fchmod", IN_UPLOADS, 2, { { 0, SCMP_CMP_LT, FIRST_FIXED_FD, 0 },
	    { 1, SCMP_CMP_MASKED_EQ, ~UINT64_C(0777), 0 } } },
	IS_BELOW("fchown", IN_UPLOADS, 0, FIRST_FIXED_FD),
	IS_BELOW("fchown32", IN_UPLOADS, 0, FIRST_FIXED_FD),
	ANY("fsync", IN_UPLOADS),
	ANY("sync_file_range", IN_UPLOADS),
	ANY("sync_file_range2", IN_UPLOADS),
	ANY("arm_sync_file_range", IN_UPLOADS),
	ANY("flock", IN_UPLOADS),
	ANY("umask", IN_UPLOADS),
	ANY("linkat", IN_UPLOADS),
	ANY("renameat2", IN_UPLOADS),
	/* a dead upload's hidden file may be of an earlier configuration */
	ANY("unlinkat", IN_SERVICE | IN_WRITE),
};

/* ---- the lists -------------------------------------------------------- */

static bool
applies(const struct rule *r, const struct callfilter_wish *wish)
{
	static const unsigned flag_of[] = {
		[CALLFILTER_SERVICE] = IN_SERVICE,
		[CALLFILTER_READ] = IN_READ,
		[CALLFILTER_WRITE] = IN_WRITE,
	};

	return (r->flags & flag_of[wish->role]) != 0 &&
	    (wish->takes_uploads || (r->flags & IF_UPLOADS) == 0) &&
	    (wish->single_port || (r->flags & IF_ONEPORT) == 0) &&
	    (!CALLFILTER_PLAIN_FSTAT || (r->flags & IF_NO_FSTAT) == 0);
}

/*
 * Old machines make all calls of sockets by one, socketcall(), whose arguments
 * lie in memory: there a filter cannot tell them apart.
 */
static bool
has_needed_calls(uint32_t arch)
{
	static const char *const needed[] = { "recvmsg", "sendto", "socket",
		"clone", "close", "exit_group" };
	size_t i;

	for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (seccomp_syscall_resolve_name_arch(arch, needed[i]) < 0)
			return false;
	return true;
}

/* libseccomp's numbers for machines are the kernel's. */
static int
add_rules(scmp_filter_ctx ctx, const struct callfilter_wish *wish)
{
	uint32_t arch = wish->arch != 0 ? wish->arch : seccomp_arch_native();
	size_t i;
	int number, err;

	if (!has_needed_calls(arch))
		return -ENOSYS;
	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		/* negative: that machine has no such call of its own */
		if (!applies(&rules[i], wish) ||
		    seccomp_syscall_resolve_name_arch(arch, rules[i].name) < 0)
			continue;
		/* rules have this machine's numbers, whomever they are for */
		number = seccomp_syscall_resolve_name(rules[i].name);
		err = seccomp_rule_add_exact_array(ctx, SCMP_ACT_ALLOW, number,
		    rules[i].arg_count, rules[i].args);
		if (err != 0)
			return err;
	}
	return 0;
}

static int
read_program(int fd, struct callfilter *out)
{
	ssize_t len = pread(fd, out->insns, sizeof(out->insns), 0);

	if (len < 0)
		return -errno;
	if (len == 0 || (size_t)len == sizeof(out->insns))
		return -E2BIG;
	out->count = (unsigned)((size_t)len / sizeof(out->insns[0]));
	return 0;
}

static int
export(scmp_filter_ctx ctx, struct callfilter *out)
{
	int fd = memfd_create("tftpd-filter", MFD_CLOEXEC), err;

	if (fd == -1)
		return -errno;
	err = seccomp_export_bpf(ctx, fd);
	if (err == 0)
		err = read_program(fd, out);
	close(fd);
	return err;
}

static int
choose_arch(scmp_filter_ctx ctx, uint32_t arch)
{
	int err;

	if (arch == 0 || arch == seccomp_arch_native())
		return 0;
	err = seccomp_arch_add(ctx, arch);
	return err != 0 ? err :
	    seccomp_arch_remove(ctx, seccomp_arch_native());
}

int
callfilter_build(const struct callfilter_wish *wish, struct callfilter *out)
{
	scmp_filter_ctx ctx = seccomp_init(REFUSE);
	int err;

	/* no memory, or a kernel without seccomp: libseccomp does not tell */
	if (ctx == NULL)
		return -EOPNOTSUPP;
	err = choose_arch(ctx, wish->arch);
	if (err == 0)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, REFUSE);
	/* a binary tree: the kernel tries all numbers when it installs it */
	if (err == 0)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (err == 0)
		err = add_rules(ctx, wish);
	if (err == 0)
		err = export(ctx, out);
	seccomp_release(ctx);
	return err;
}

/* ---- the gates -------------------------------------------------------- */

/* A call that is bound to a gate: always, or if an argument has that value. */
struct gated_call {
	const char *name;
	enum callgate gate;
	bool has_arg;
	unsigned arg;
	uint32_t value;
};

static const struct gated_call gated_calls[] = {
	{ "socket", CALLGATE_NET, false, 0, 0 },
	{ "bind", CALLGATE_NET, false, 0, 0 },
	{ "connect", CALLGATE_NET, false, 0, 0 },
	{ "dup3", CALLGATE_NET, false, 0, 0 },
	{ "kill", CALLGATE_NET, false, 0, 0 },
	{ "clone", CALLGATE_NET, false, 0, 0 },
	{ "openat", CALLGATE_FILE, false, 0, 0 },
	{ "openat2", CALLGATE_FILE, false, 0, 0 },
	{ "faccessat2", CALLGATE_FILE, false, 0, 0 },
	{ "readlinkat", CALLGATE_FILE, false, 0, 0 },
	{ "linkat", CALLGATE_FILE, false, 0, 0 },
	{ "renameat2", CALLGATE_FILE, false, 0, 0 },
	{ "unlinkat", CALLGATE_FILE, false, 0, 0 },
	{ "fchmod", CALLGATE_FILE, false, 0, 0 },
	{ "fchown", CALLGATE_FILE, false, 0, 0 },
	/* the live table, its locks, and the log's room on the disk */
	{ "mmap", CALLGATE_NET, true, 4, CALLFILTER_TABLE_FD },
	{ "fcntl", CALLGATE_NET, true, 1, F_SETLK },
	{ "fallocate", CALLGATE_NET, true, 0, CALLFILTER_LOG_FD },
};

#define GATED_COUNT (sizeof(gated_calls) / sizeof(gated_calls[0]))

static void
put(struct callfilter *out, unsigned code, unsigned yes, unsigned no,
    uint32_t k)
{
	out->insns[out->count++] = (struct sock_filter){ (uint16_t)code,
	    (uint8_t)yes, (uint8_t)no, k };
}

static void
load(struct callfilter *out, size_t offset)
{
	put(out, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void
jump(struct callfilter *out, unsigned kind, uint32_t k, unsigned yes,
    unsigned no)
{
	put(out, BPF_JMP | kind | BPF_K, yes, no, k);
}

/* Words of 64 bits lie as the machine has them: all of ours little first. */
#define POINTER_LOW	offsetof(struct seccomp_data, instruction_pointer)
#define POINTER_HIGH	(POINTER_LOW + sizeof(uint32_t))
#define ARG_LOW(n)	(offsetof(struct seccomp_data, args) + (n) * 8)
#define CHECK_LEN	7
#define CHECK_ARG_LEN	(CHECK_LEN + 3)

/*
 * Allow what comes from [first, end), which has one high word; always
 * CHECK_LEN instructions.
 */
static void
put_check(struct callfilter *out, uintptr_t first, uintptr_t end)
{
	load(out, POINTER_HIGH);
	jump(out, BPF_JEQ, (uint32_t)((uint64_t)first >> 32), 0, 4);
	load(out, POINTER_LOW);
	jump(out, BPF_JGE, (uint32_t)first, 0, 2);
	jump(out, BPF_JGT, (uint32_t)(end - 1), 1, 0);
	put(out, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	put(out, BPF_RET | BPF_K, 0, 0, REFUSE_BPF);
}

/* The same, if the argument says so; always CHECK_ARG_LEN instructions. */
static void
put_check_arg(struct callfilter *out, const struct gated_call *call,
    uintptr_t first, uintptr_t end)
{
	load(out, ARG_LOW(call->arg));
	jump(out, BPF_JEQ, call->value, 1, 0);
	put(out, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	put_check(out, first, end);
}

/* Those that the machine and the wish have, with their numbers. */
struct gated_list {
	unsigned count, arg_count;
	const struct gated_call *calls[GATED_COUNT];
	uint32_t numbers[GATED_COUNT];
	unsigned checks[GATED_COUNT];	/* instructions before its own */
};

/* 0 or -errno. */
static int
list_gated(const struct callfilter_wish *wish, struct gated_list *list)
{
	uint32_t arch = wish->arch != 0 ? wish->arch : seccomp_arch_native();
	const struct gated_call *call;
	int number;

	memset(list, 0, sizeof(*list));
	for (call = gated_calls; call < gated_calls + GATED_COUNT; call++) {
		/* the last thing that a transfer does then */
		if (wish->single_port && strcmp(call->name, "connect") == 0)
			continue;
		number = seccomp_syscall_resolve_name_arch(arch, call->name);
		if (number < 0)
			return -ENOSYS;
		list->calls[list->count] = call;
		list->numbers[list->count] = (uint32_t)number;
		list->checks[list->count++] = !call->has_arg ?
		    call->gate * CHECK_LEN : CALLGATE_COUNT * CHECK_LEN +
		    list->arg_count++ * CHECK_ARG_LEN;
	}
	return 0;
}

int
callfilter_build_gates(const struct callfilter_wish *wish,
    const uintptr_t first[static CALLGATE_COUNT],
    const uintptr_t end[static CALLGATE_COUNT], struct callfilter *out)
{
	struct gated_list list;
	int err = list_gated(wish, &list);
	unsigned i, gate;

	if (err != 0)
		return err;
	out->count = 0;
	load(out, offsetof(struct seccomp_data, nr));
	/* over the rest of the list, "allow" and the checks before its own */
	for (i = 0; i < list.count; i++)
		jump(out, BPF_JEQ, list.numbers[i],
		    list.count - i + list.checks[i], 0);
	put(out, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	for (gate = 0; gate < CALLGATE_COUNT; gate++)
		put_check(out, first[gate], end[gate]);
	for (i = 0; i < list.count; i++)
		if (list.calls[i]->has_arg)
			put_check_arg(out, list.calls[i],
			    first[list.calls[i]->gate],
			    end[list.calls[i]->gate]);
	return 0;
}

/* ---- installing ------------------------------------------------------- */

int
callfilter_install(const struct callfilter *filter)
{
	struct sock_fprog program = {
		.len = (unsigned short)filter->count,
		.filter = (struct sock_filter *)(uintptr_t)filter->insns,
	};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) ==
	    -1 ? -errno : 0;
}
