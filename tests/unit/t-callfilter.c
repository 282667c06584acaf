/*
 * t-callfilter - the programs are run by an interpreter over every call of
 * both machines, and compared with lists that are written out here by name.
 *
 * That needs no right and no second machine: what a program for aarch64
 * answers is seen on any other.
 */
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "bpf.h"
#include "config.h"
#include "os/callfilter.h"
#include "t-work.h"

#define NUMBERS		1024
#define X32_BIT		0x40000000
#define ARGS		6
#define ROLES		3
#define KEEP_SIZE	1	/* FALLOC_FL_KEEP_SIZE */
#define DGRAM		(SOCK_DGRAM | SOCK_CLOEXEC)

#ifdef CALL_TRAP
#define REFUSED		SECCOMP_RET_TRAP
#else
#define REFUSED		SECCOMP_RET_KILL_PROCESS
#endif

static const uint32_t machines[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64 };

/* ---- what is allowed, and to whom ------------------------------------- */

#define S	0x01		/* the dispatcher, and transfers so far */
#define R	0x02		/* a download that is set up */
#define W	0x04		/* an upload that is set up */
#define UP	0x10		/* only of a service that takes uploads */
#define ONE	0x20		/* only with single-port */
#define NO	0

struct row {
	const char *name;
	unsigned to;
	uint64_t args[ARGS];
};

/*
 * Calls that are allowed in some way: with these arguments, to those.  What
 * has no row is allowed to nobody, whatever its arguments are.
 */
static const struct row rows[] = {
	/* packets */
	{ "recvfrom", S | R | W, { 5 } },
	/* but not from the pair, where descriptors can come along */
	{ "recvmsg", S | R | W, { 5 } },
	{ "recvmsg", S | R | W, { CALLFILTER_DIAG_FD - 1 } },
	{ "recvmsg", NO, { CALLFILTER_DIAG_FD } },
	{ "recvmsg", NO, { CALLFILTER_BACK_FD } },
	{ "recvmsg", NO, { CALLFILTER_BACK_IN_FD } },
	{ "recvmsg", NO, { UINT64_C(1) << 32 | 5 } },
	{ "recvmmsg", S | R | W, { 5 } },
	{ "recvmmsg", NO, { CALLFILTER_BACK_FD } },
	{ "recvmmsg", NO, { CALLFILTER_BACK_IN_FD } },
	{ "readv", S | ONE, { CALLFILTER_BACK_IN_FD } },
	{ "readv", NO, { CALLFILTER_BACK_FD } },
	{ "readv", NO, { CALLFILTER_LOG_FD } },
	{ "readv", NO, { CALLFILTER_TABLE_FD } },
	{ "readv", NO, { 5 } },
	{ "sendto", S | R | W, { 5 } },
	{ "sendmsg", S | R | W, { CALLFILTER_DIAG_FD - 1 } },
	{ "sendmsg", NO, { CALLFILTER_DIAG_FD } },
	{ "sendmsg", NO, { CALLFILTER_BACK_FD } },
	{ "sendmsg", NO, { CALLFILTER_BACK_IN_FD } },
	{ "sendmmsg", S | R | W, { CALLFILTER_DIAG_FD - 1 } },
	{ "sendmmsg", NO, { CALLFILTER_DIAG_FD } },
	{ "sendmmsg", NO, { CALLFILTER_BACK_FD } },
	{ "writev", S | R | W | ONE, { CALLFILTER_BACK_FD } },
	{ "writev", NO, { CALLFILTER_BACK_IN_FD } },
	{ "writev", NO, { CALLFILTER_LOG_FD } },
	{ "writev", NO, { 5 } },
	/* sockets: datagrams over IP, and nothing else */
	{ "socket", S, { AF_INET, DGRAM, 0 } },
	{ "socket", S, { AF_INET6, DGRAM, 0 } },
	{ "socket", NO, { AF_INET, DGRAM, IPPROTO_ICMP } },
	{ "socket", NO, { AF_INET, DGRAM, IPPROTO_UDPLITE } },
	{ "socket", NO, { AF_INET6, DGRAM, IPPROTO_ICMPV6 } },
	{ "socket", NO, { AF_UNIX, DGRAM, 0 } },
	{ "socket", NO, { AF_NETLINK, DGRAM, 0 } },
	{ "socket", NO, { AF_PACKET, DGRAM, 0 } },
	{ "socket", NO, { AF_VSOCK, DGRAM, 0 } },
	{ "socket", NO, { AF_ALG, DGRAM, 0 } },
	{ "socket", NO, { AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0 } },
	{ "socket", NO, { AF_INET, SOCK_RAW | SOCK_CLOEXEC, 0 } },
	{ "socket", NO, { AF_INET6, SOCK_RAW | SOCK_CLOEXEC, 0 } },
	{ "socket", NO, { AF_INET, SOCK_SEQPACKET | SOCK_CLOEXEC, 0 } },
	{ "bind", S, { 5 } },
	{ "connect", S, { 5 } },
	{ "connect", S | R | W | ONE, { 5 } },
	{ "getsockname", S | R | W, { 5 } },
	{ "getsockopt", S, { 5, SOL_SOCKET, SO_ERROR } },
	{ "setsockopt", S, { 5, SOL_SOCKET, SO_RCVBUF } },
	{ "setsockopt", S, { 5, SOL_SOCKET, SO_MARK } },
	{ "setsockopt", S, { 5, SOL_SOCKET, SO_BINDTODEVICE } },
	{ "setsockopt", S, { 5, IPPROTO_IP, IP_TOS } },
	{ "setsockopt", S, { 5, IPPROTO_IPV6, IPV6_TCLASS } },
	{ "setsockopt", S, { 5, IPPROTO_IP, IP_MTU_DISCOVER } },
	{ "setsockopt", S, { 5, IPPROTO_IPV6, IPV6_MTU_DISCOVER } },
	{ "setsockopt", S, { 5, IPPROTO_UDP, UDP_GRO } },
	{ "setsockopt", S | R | W, { 5, SOL_SOCKET, SO_RCVTIMEO_OLD } },
	{ "setsockopt", NO, { 5, SOL_SOCKET, SO_ATTACH_FILTER } },
	{ "setsockopt", NO, { 5, SOL_SOCKET, SO_RCVBUFFORCE } },
	{ "setsockopt", NO, { 5, SOL_SOCKET, SO_BROADCAST } },
	{ "setsockopt", NO, { 5, IPPROTO_IP, IP_OPTIONS } },
	{ "setsockopt", NO, { 5, IPPROTO_IP, IP_TRANSPARENT } },
	{ "setsockopt", NO, { 5, IPPROTO_IP, IP_HDRINCL } },
	{ "setsockopt", NO, { 5, IPPROTO_TCP, 31 /* TCP_ULP */ } },
	{ "setsockopt", NO, { 5, IPPROTO_UDP, UDP_ENCAP } },
	{ "ioctl", S | R | W, { 5, SIOCGSTAMPNS_OLD } },
	{ "ioctl", NO, { 5, 0x5412 /* TIOCSTI */ } },
	{ "ioctl", NO, { 5, 0x541c /* TIOCLINUX */ } },
	{ "ioctl", NO, { 5, 0x5421 /* FIONBIO */ } },
	{ "ioctl", NO, { 5, SIOCSPGRP } },
	{ "ioctl", NO, { 5, UINT64_C(1) << 32 | SIOCGSTAMPNS_OLD } },

	/* waiting */
	{ "ppoll", S | R | W, { 0 } },
	{ "poll", S, { 0 } },
	{ "clock_gettime", S | R | W, { CLOCK_MONOTONIC } },
	{ "clock_getres", S | R | W, { CLOCK_MONOTONIC_COARSE } },
	{ "nanosleep", S | W, { 0 } },
	{ "clock_nanosleep", S | W, { 0 } },

	/* processes */
	{ "clone", S, { SIGCHLD } },
	{ "clone", NO, { CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID |
	    SIGCHLD } },
	{ "clone", NO, { 0 } },
	{ "clone", NO, { CLONE_VM | SIGCHLD } },
	{ "clone", NO, { CLONE_VM | CLONE_VFORK | SIGCHLD } },
	{ "clone", NO, { CLONE_FILES | SIGCHLD } },
	{ "clone", NO, { CLONE_THREAD | CLONE_VM | CLONE_SIGHAND } },
	{ "clone", NO, { CLONE_NEWUSER | SIGCHLD } },
	{ "clone", NO, { CLONE_NEWNS | SIGCHLD } },
	{ "clone", NO, { CLONE_NEWNET | SIGCHLD } },
	{ "clone", NO, { CLONE_PARENT | SIGCHLD } },
	{ "clone", NO, { CLONE_PTRACE | SIGCHLD } },
	{ "clone", NO, { UINT64_C(1) << 32 | SIGCHLD } },
	{ "wait4", S, { 0 } },
	{ "kill", S, { 5, SIGKILL } },
	{ "getpid", S | R | W, { 0 } },
	{ "getppid", S, { 0 } },
	{ "geteuid", S | W, { 0 } },
	{ "getegid", S | W, { 0 } },
	{ "getrusage", S | R | W, { 0 } },
	{ "futex", S, { 0 } },
	{ "prctl", S, { PR_SET_NAME } },
	{ "prctl", S, { PR_SET_PDEATHSIG } },
	{ "prctl", NO, { PR_SET_SECCOMP } },
	{ "prctl", NO, { PR_SET_DUMPABLE, 1 } },
	{ "prctl", NO, { PR_SET_MM } },
	{ "prctl", NO, { PR_SET_PTRACER, (uint64_t)-1 } },
	{ "prctl", NO, { PR_SET_SECUREBITS } },
	{ "prctl", NO, { PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE } },
	{ "prctl", NO, { PR_SET_KEEPCAPS, 1 } },
	{ "prctl", NO, { PR_SET_SYSCALL_USER_DISPATCH } },
	{ "prctl", NO, { 1000 } },
	{ "prlimit64", S, { 0, RLIMIT_NPROC } },
	{ "prlimit64", NO, { 1, RLIMIT_NPROC } },
	{ "seccomp", S, { SECCOMP_SET_MODE_FILTER } },
	{ "seccomp", NO, { SECCOMP_SET_MODE_STRICT } },
	{ "seccomp", NO, { SECCOMP_GET_NOTIF_SIZES } },
	{ "capset", S | ONE, { 0 } },
	{ "rt_sigprocmask", S | R | W, { 0 } },
	{ "rt_sigreturn", S | R | W, { 0 } },
	{ "restart_syscall", S | R | W, { 0 } },
	{ "exit_group", S | R | W, { 0 } },

	/* memory */
	{ "mmap", S, { 0, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1 } },
	{ "mmap", S, { 0, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, 0xffffffff } },
	{ "mmap", S, { 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
	    CALLFILTER_TABLE_FD } },
	{ "mmap", NO, { 0, 4096, PROT_READ, MAP_SHARED, 5 } },
	{ "mmap", NO, { 0, 4096, PROT_READ, MAP_SHARED,
	    CALLFILTER_LOG_FD } },
	{ "mmap", NO, { 0, 4096, PROT_READ | PROT_EXEC, MAP_SHARED,
	    CALLFILTER_TABLE_FD } },
	{ "mmap", NO, { 0, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
	    (uint64_t)-1 } },
	{ "mmap", NO, { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, 5 } },
	{ "mmap", NO, { 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1 } },
	{ "munmap", S | R | W, { 0 } },
	{ "madvise", S, { 0 } },
	{ "brk", S, { 0 } },
	{ "getrandom", S, { 0 } },

	/* files */
	{ "close", S | R | W, { 5 } },
	{ "dup3", S, { STDIN_FILENO, STDERR_FILENO } },
	{ "dup3", NO, { CALLFILTER_LOG_FD, 5 } },
	{ "dup3", NO, { STDIN_FILENO, CALLFILTER_TABLE_FD } },
	{ "dup3", NO, { 5, STDERR_FILENO } },
	{ "preadv", S | R | W, { 5 } },
	{ "pread64", S, { 5 } },
	{ "openat", S | W, { 5 } },
	{ "openat2", S | W, { 5 } },
	{ "faccessat2", S | W, { 5 } },
	{ "readlinkat", S | W, { 5 } },
	{ "getdents64", S, { 5 } },
	{ "fstat", S | R | W, { 5 } },
	{ "newfstatat", S | W, { 5 } },
	{ "statx", S | W, { 5 } },
	{ "newfstatat", S | W, { 5, 0, 0, AT_EMPTY_PATH } },
	{ "statx", S | W, { 5, 0, AT_EMPTY_PATH } },
	{ "fstatfs", S | W, { 5 } },
	{ "fcntl", S, { 5, F_GETFL } },
	{ "fcntl", S, { CALLFILTER_TABLE_FD, F_SETLK } },
	{ "fcntl", S, { CALLFILTER_TABLE_FD, F_GETLK } },
	{ "fcntl", NO, { 5, F_DUPFD } },
	{ "fcntl", NO, { 5, F_DUPFD_CLOEXEC, 70 } },
	{ "fcntl", NO, { 5, F_SETFL, O_ASYNC } },
	{ "fcntl", NO, { CALLFILTER_LOG_FD, F_SETFL, 0 } },
	{ "fcntl", S, { 5, F_SETFD } },
	{ "fcntl", NO, { 5, F_SETOWN, 1 } },
	{ "fcntl", NO, { 5, F_SETSIG, SIGKILL } },
	{ "fcntl", NO, { 5, F_NOTIFY } },
	{ "fcntl", NO, { 5, F_SETLEASE } },
	{ "fcntl", NO, { 5, F_SETPIPE_SZ } },

	/* the log and the live table are no files of clients */
	{ "write", S | R | W, { CALLFILTER_LOG_FD } },
	{ "write", S, { STDERR_FILENO } },
	{ "write", S, { STDIN_FILENO } },
	{ "write", NO, { 3 } },
	{ "write", NO, { CALLFILTER_BACK_FD } },
	{ "write", NO, { CALLFILTER_BACK_IN_FD } },
	{ "write", NO, { CALLFILTER_TABLE_FD } },
	{ "write", NO, { UINT64_C(1) << 32 | CALLFILTER_LOG_FD } },
	{ "write", NO, { (uint64_t)-1 } },
	{ "fallocate", S, { CALLFILTER_LOG_FD, KEEP_SIZE } },
	{ "fallocate", NO, { CALLFILTER_LOG_FD, 0 } },
	{ "fallocate", NO, { CALLFILTER_LOG_FD, 3 /* a hole */ } },
	{ "fallocate", NO, { CALLFILTER_LOG_FD, 8 /* collapse */ } },
	{ "fallocate", NO, { CALLFILTER_TABLE_FD, KEEP_SIZE } },
	{ "fallocate", S | W | UP, { 5, KEEP_SIZE } },
	{ "fallocate", NO, { CALLFILTER_BACK_FD, KEEP_SIZE } },
	{ "fallocate", NO, { CALLFILTER_BACK_IN_FD, KEEP_SIZE } },
	{ "pwritev", S | W | UP, { 5 } },
	{ "pwritev", S | W | UP, { CALLFILTER_DIAG_FD - 1 } },
	{ "pwritev", NO, { CALLFILTER_DIAG_FD } },
	{ "pwritev", NO, { CALLFILTER_BACK_FD } },
	{ "pwritev", NO, { CALLFILTER_BACK_IN_FD } },
	{ "pwritev", NO, { CALLFILTER_LOG_FD } },
	{ "pwritev", NO, { CALLFILTER_TABLE_FD } },
	{ "pwritev", NO, { UINT64_C(1) << 32 | 5 } },
	{ "pwrite64", S | W | UP, { 5 } },
	{ "pwrite64", NO, { CALLFILTER_BACK_FD } },
	{ "pwrite64", NO, { CALLFILTER_LOG_FD } },
	{ "pwrite64", NO, { CALLFILTER_TABLE_FD } },
	{ "ftruncate", S | W | UP, { 5 } },
	{ "ftruncate", NO, { CALLFILTER_BACK_IN_FD } },
	{ "ftruncate", NO, { CALLFILTER_LOG_FD } },
	{ "ftruncate", NO, { CALLFILTER_TABLE_FD } },
	{ "ftruncate", NO, { UINT64_C(1) << 32 } },
	{ "copy_file_range", S | W | UP, { 5, 0, 6 } },
	{ "copy_file_range", S | W | UP, { CALLFILTER_LOG_FD, 0, 6 } },
	{ "copy_file_range", NO, { 5, 0, CALLFILTER_BACK_FD } },
	{ "copy_file_range", NO, { 5, 0, CALLFILTER_LOG_FD } },
	{ "copy_file_range", NO, { 5, 0, CALLFILTER_TABLE_FD } },
	{ "fchmod", S | W | UP, { 5, 0777 } },
	{ "fchmod", NO, { 5, 04755 } },
	{ "fchmod", NO, { 5, 01000 } },
	{ "fchmod", NO, { CALLFILTER_LOG_FD, 0644 } },
	{ "fchmod", NO, { CALLFILTER_BACK_FD, 0644 } },
	{ "fchown", S | W | UP, { 5 } },
	{ "fchown", NO, { CALLFILTER_LOG_FD } },
	{ "fsync", S | W | UP, { 5 } },
	{ "sync_file_range", S | W | UP, { 5 } },
	{ "flock", S | W | UP, { 5 } },
	{ "umask", S | W | UP, { 0 } },
	{ "linkat", S | W | UP, { 5 } },
	{ "renameat2", S | W | UP, { 5 } },
	{ "unlinkat", S | W, { 5 } },
};

/* What is tried of calls without a row. */
static const uint64_t odd_args[][ARGS] = {
	{ 0 },
	{ 1, 1, 1, 1, 1, 1 },
	{ 2, 5, 5, 5, 5, 5 },
	{ CALLFILTER_LOG_FD, 1, 1, 1, 1, 1 },
	{ (uint64_t)-1, (uint64_t)-1, (uint64_t)-1, (uint64_t)-1,
	    (uint64_t)-1, (uint64_t)-1 },
};

/* ---- the interpreter -------------------------------------------------- */

#define RETURN(k)	BPF_STMT(BPF_RET | BPF_K, k)
#define LOAD(offset)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define NUMBER		offsetof(struct seccomp_data, nr)

/* Programs that the kernel would not take, and one that it would. */
static void
test_faults(void)
{
	static const struct {
		const char *what;
		bool is_good;
		unsigned count;
		struct sock_filter insns[3];
	} cases[] = {
		{ "good", true, 3, { LOAD(NUMBER), BPF_JUMP(BPF_JMP |
		    BPF_JEQ | BPF_K, 7, 0, 0), RETURN(7) } },
		{ "empty", false, 0, { RETURN(7) } },
		{ "without an end", false, 1, { LOAD(NUMBER) } },
		{ "a jump behind the end", false, 2, { BPF_JUMP(BPF_JMP |
		    BPF_JEQ | BPF_K, 7, 0, 1), RETURN(7) } },
		{ "a long jump", false, 2, { BPF_STMT(BPF_JMP | BPF_JA,
		    0xffffffff), RETURN(7) } },
		{ "beside a word", false, 2, { LOAD(2), RETURN(7) } },
		{ "behind the data", false, 2, {
		    LOAD(sizeof(struct seccomp_data)), RETURN(7) } },
		{ "half a word", false, 2, { BPF_STMT(BPF_LD | BPF_H |
		    BPF_ABS, 0), RETURN(7) } },
		{ "behind the memory", false, 2, { BPF_STMT(BPF_ST, 16),
		    RETURN(7) } },
		{ "divided by 0", false, 2, { BPF_STMT(BPF_ALU | BPF_DIV |
		    BPF_K, 0), RETURN(7) } },
	};
	size_t i;

	for (i = 0; i < COUNT(cases); i++)
		T_OK((bpf_fault(cases[i].insns, cases[i].count) == NULL) ==
		    cases[i].is_good, cases[i].what);
}

/* One program of each kind of instruction. */
static void
test_interpreter(void)
{
	static const struct sock_filter sum[] = {
		LOAD(offsetof(struct seccomp_data, args)),
		BPF_STMT(BPF_ST, 3),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 69, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 2, 0, 1),
		BPF_STMT(BPF_RET | BPF_A, 0),
		BPF_STMT(BPF_LD | BPF_MEM, 3),
		BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 8),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct seccomp_data data = { .nr = 1 };
	unsigned steps = 0;

	T_OK(bpf_fault(sum, COUNT(sum)) == NULL, "no fault");
	data.args[0] = 6;	/* 64 + 6 = 70, which has the bit 2 */
	T_OK(bpf_run(sum, COUNT(sum), &data, &steps) == 70 && steps == 9,
	    "a sum");
	data.args[0] = 5;	/* 69 is not above 69 */
	T_OK(bpf_run(sum, COUNT(sum), &data, &steps) == 5 << 8, "else");
	data.args[0] = 8;	/* 72 has no bit 2 */
	T_OK(bpf_run(sum, COUNT(sum), &data, NULL) == 8 << 8, "no bit");
	T_OK(bpf_run(sum, 3, &data, NULL) == BPF_FAULT, "no end");
}

/* ---- the programs ----------------------------------------------------- */

static bool
is_for(const struct row *row, const struct callfilter_wish *w)
{
	static const unsigned bits[ROLES] = {
		[CALLFILTER_SERVICE] = S,
		[CALLFILTER_READ] = R,
		[CALLFILTER_WRITE] = W,
	};

	return (row->to & bits[w->role]) != 0 &&
	    (w->takes_uploads || (row->to & UP) == 0) &&
	    (w->single_port || (row->to & ONE) == 0);
}

static uint32_t
answer(const struct callfilter *f, uint32_t arch, int number,
    const uint64_t args[ARGS])
{
	struct seccomp_data data = {
		.nr = number,
		.arch = arch,
		.instruction_pointer = 0x7f1234567890,
	};

	memcpy(data.args, args, sizeof(data.args));
	return bpf_run(f->insns, f->count, &data, NULL);
}

static const char *
described(const struct callfilter_wish *w, const char *name)
{
	static const char *const roles[ROLES] = { "service", "read",
		"write" };
	static char text[160];

	snprintf(text, sizeof(text), "%s: %s%s%s, %s", name, roles[w->role],
	    w->takes_uploads ? ", uploads" : "", w->single_port ?
	    ", single-port" : "", w->arch == AUDIT_ARCH_AARCH64 ? "aarch64" :
	    "x86_64");
	return text;
}

/* Each role with each wish on each machine. */
static void
for_all(void (*check)(const struct callfilter_wish *,
    const struct callfilter *))
{
	struct callfilter_wish w;
	struct callfilter f;
	unsigned i;

	for (i = 0; i < COUNT(machines) * ROLES * 4; i++) {
		w.arch = machines[i / (ROLES * 4)];
		w.role = (enum callfilter_role)(i / 4 % ROLES);
		w.takes_uploads = (i & 1) != 0;
		w.single_port = (i & 2) != 0;
		memset(&f, 0, sizeof(f));
		T_OK(callfilter_build(&w, &f) == 0, described(&w, "built"));
		check(&w, &f);
	}
}

static void
check_shape(const struct callfilter_wish *w, const struct callfilter *f)
{
	const char *fault = bpf_fault(f->insns, f->count);

	T_OK(fault == NULL, described(w, fault == NULL ? "" : fault));
	T_OK(f->count < CALLFILTER_MAX, described(w, "length"));
}

static void
test_shape(void)
{
	for_all(check_shape);
}

/* ---- every call ------------------------------------------------------- */

/* Set the name of each number that has a row. */
static void
name_numbers(uint32_t arch, const char *names[NUMBERS])
{
	size_t i;
	int number;

	memset(names, 0, NUMBERS * sizeof(names[0]));
	for (i = 0; i < COUNT(rows); i++) {
		number = seccomp_syscall_resolve_name_arch(arch,
		    rows[i].name);
		if (number >= 0 && number < NUMBERS)
			names[number] = rows[i].name;
	}
}

/* Is a call with these arguments allowed by some row's very arguments? */
static bool
is_row(const struct callfilter_wish *w, const char *name,
    const uint64_t args[ARGS])
{
	size_t i;

	for (i = 0; i < COUNT(rows); i++)
		if (strcmp(rows[i].name, name) == 0 && is_for(&rows[i], w) &&
		    memcmp(rows[i].args, args, sizeof(rows[i].args)) == 0)
			return true;
	return false;
}

static void
check_rows(const struct callfilter_wish *w, const struct callfilter *f)
{
	uint32_t found, wanted;
	int number;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		number = seccomp_syscall_resolve_name_arch(w->arch,
		    rows[i].name);
		if (number < 0)
			continue;
		/* another row may allow the same to others */
		wanted = is_row(w, rows[i].name, rows[i].args) ?
		    SECCOMP_RET_ALLOW : REFUSED;
		found = answer(f, w->arch, number, rows[i].args);
		T_OK(found == wanted, described(w, rows[i].name));
	}
}

static void
test_rows(void)
{
	for_all(check_rows);
}

static void
check_unnamed(const struct callfilter_wish *w, const struct callfilter *f)
{
	const char *names[NUMBERS];
	char what[48];
	size_t i;
	int nr;

	name_numbers(w->arch, names);
	for (nr = 0; nr < NUMBERS; nr++) {
		snprintf(what, sizeof(what), "call %d", nr);
		for (i = 0; i < COUNT(odd_args) && names[nr] == NULL; i++)
			T_OK(answer(f, w->arch, nr, odd_args[i]) == REFUSED,
			    described(w, what));
	}
}

static void
test_unnamed(void)
{
	for_all(check_unnamed);
}

/* A row of this name that is allowed: the best that can be tried. */
static const uint64_t *
good_args(const struct callfilter_wish *w, const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < COUNT(rows); i++)
		if (strcmp(rows[i].name, name) == 0 && is_for(&rows[i], w))
			return rows[i].args;
	return odd_args[0];
}

/* Other ways in: x32's bit, negative numbers, other machines' calls. */
static void
check_ways(const struct callfilter_wish *w, const struct callfilter *f)
{
	static const uint32_t others[] = { AUDIT_ARCH_I386, AUDIT_ARCH_ARM,
		AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64, AUDIT_ARCH_RISCV64,
		0 };
	const char *names[NUMBERS];
	const uint64_t *args;
	char what[48];
	size_t i;
	int nr;

	name_numbers(w->arch, names);
	for (nr = 0; nr < NUMBERS; nr++) {
		snprintf(what, sizeof(what), "call %d in another way", nr);
		args = good_args(w, names[nr]);
		T_OK(answer(f, w->arch, nr | X32_BIT, args) == REFUSED,
		    described(w, what));
		T_OK(answer(f, w->arch, -1 - nr, args) == REFUSED,
		    described(w, what));
		T_OK(answer(f, w->arch, nr | INT32_MIN, args) == REFUSED,
		    described(w, what));
		for (i = 0; i < COUNT(others); i++)
			if (others[i] != w->arch)
				T_OK(answer(f, others[i], nr, args) ==
				    REFUSED, described(w, what));
	}
}

static void
test_ways(void)
{
	for_all(check_ways);
}

/* A transfer's own list takes away, and never adds. */
static void
test_narrower(void)
{
	struct callfilter_wish w = { .takes_uploads = true,
		.single_port = true };
	struct callfilter service, own;
	uint32_t allowed;
	unsigned m, role;
	size_t i;
	int nr;

	for (m = 0; m < COUNT(machines) * 2; m++) {
		w.arch = machines[m / 2];
		w.role = CALLFILTER_SERVICE;
		CU_ASSERT_EQUAL_FATAL(callfilter_build(&w, &service), 0);
		role = m % 2 == 0 ? CALLFILTER_READ : CALLFILTER_WRITE;
		w.role = (enum callfilter_role)role;
		CU_ASSERT_EQUAL_FATAL(callfilter_build(&w, &own), 0);
		for (i = 0; i < COUNT(rows); i++) {
			nr = seccomp_syscall_resolve_name_arch(w.arch,
			    rows[i].name);
			allowed = nr < 0 ? REFUSED : answer(&own, w.arch, nr,
			    rows[i].args);
			T_OK(allowed != SECCOMP_RET_ALLOW ||
			    answer(&service, w.arch, nr, rows[i].args) ==
			    SECCOMP_RET_ALLOW, described(&w, rows[i].name));
		}
	}
}

/* ---- the gates -------------------------------------------------------- */

/* In all arguments, or only with these: else they are the other program's. */
static const struct {
	const char *name;
	enum callgate gate;
	bool has_args;
	uint64_t args[ARGS];
} gated[] = {
	{ "socket", CALLGATE_NET, false, { 0 } },
	{ "bind", CALLGATE_NET, false, { 0 } },
	/* not with single-port */
	{ "connect", CALLGATE_NET, false, { 0 } },
	{ "dup3", CALLGATE_NET, false, { 0 } },
	{ "kill", CALLGATE_NET, false, { 0 } },
	{ "clone", CALLGATE_NET, false, { 0 } },
	{ "openat", CALLGATE_FILE, false, { 0 } },
	{ "openat2", CALLGATE_FILE, false, { 0 } },
	{ "unlinkat", CALLGATE_FILE, false, { 0 } },
	{ "renameat2", CALLGATE_FILE, false, { 0 } },
	{ "linkat", CALLGATE_FILE, false, { 0 } },
	{ "faccessat2", CALLGATE_FILE, false, { 0 } },
	{ "readlinkat", CALLGATE_FILE, false, { 0 } },
	{ "fchmod", CALLGATE_FILE, false, { 0 } },
	{ "fchown", CALLGATE_FILE, false, { 0 } },
	{ "mmap", CALLGATE_NET, true, { 0, 4096, PROT_READ, MAP_SHARED,
	    CALLFILTER_TABLE_FD } },
	{ "mmap", CALLGATE_NET, true, { 0, 4096, PROT_READ, MAP_SHARED,
	    UINT64_C(5) << 32 | CALLFILTER_TABLE_FD } },
	{ "fcntl", CALLGATE_NET, true, { CALLFILTER_TABLE_FD, F_SETLK } },
	{ "fcntl", CALLGATE_NET, true, { 5, F_SETLK } },
	{ "fcntl", CALLGATE_NET, true, { 5, UINT64_C(5) << 32 | F_SETLK } },
	{ "fallocate", CALLGATE_NET, true, { CALLFILTER_LOG_FD,
	    KEEP_SIZE } },
	{ "fallocate", CALLGATE_NET, true, { CALLFILTER_LOG_FD, 0 } },
	{ "fallocate", CALLGATE_NET, true, { UINT64_C(5) << 32 |
	    CALLFILTER_LOG_FD, KEEP_SIZE } },
};

/* The same calls with other arguments. */
static const struct row ungated[] = {
	{ "mmap", 0, { 0, 4096, PROT_READ, MAP_PRIVATE, (uint64_t)-1 } },
	{ "mmap", 0, { CALLFILTER_TABLE_FD, CALLFILTER_TABLE_FD, PROT_READ,
	    MAP_PRIVATE, 0xffffffff, CALLFILTER_TABLE_FD } },
	{ "fcntl", 0, { CALLFILTER_TABLE_FD, F_GETLK } },
	{ "fcntl", 0, { F_SETLK, F_GETFL, F_SETLK } },
	{ "fallocate", 0, { 5, KEEP_SIZE } },
	{ "fallocate", 0, { CALLFILTER_TABLE_FD, CALLFILTER_LOG_FD } },
};

/* Places of the gates; the last one ends where the low words begin anew. */
static const struct {
	uintptr_t first[CALLGATE_COUNT], end[CALLGATE_COUNT];
} places[] = {
	{ { 0x555555560000, 0x555555561000 },
	    { 0x555555561000, 0x555555562000 } },
	{ { 0x7f12ffffe000, 0x7f12fffff000 },
	    { 0x7f12fffff000, 0x7f1300000000 } },
	{ { 0x100000000, 0x100001000 }, { 0x100001000, 0x100002000 } },
	{ { 0xaaaa7fff0000, 0xaaaa80000000 },
	    { 0xaaaa80000000, 0xaaaa80010000 } },
};

/* A call that is its gate's, whatever its arguments are. */
static bool
is_gated(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(gated); i++)
		if (strcmp(gated[i].name, name) == 0)
			return true;
	return false;
}

static uint32_t
answer_from(const struct callfilter *f, uint32_t arch, int number,
    const uint64_t args[ARGS], uint64_t instruction)
{
	struct seccomp_data data = {
		.nr = number,
		.arch = arch,
		.instruction_pointer = instruction,
	};

	memcpy(data.args, args, sizeof(data.args));
	return bpf_run(f->insns, f->count, &data, NULL);
}

/*
 * Its own gate, the other one, and right beside them.
 *
 * gate  -1: it may come from anywhere
 */
static void
check_place(const struct callfilter *f, uint32_t arch, const char *name,
    const uint64_t args[ARGS], int gate, unsigned place)
{
	const uintptr_t *first = places[place].first;
	const uintptr_t *end = places[place].end;
	const uint64_t high = UINT64_C(1) << 32;
	const struct {
		const char *what;
		uint64_t at;
	} tries[] = {
		{ "before both", first[0] - 1 },
		{ "far before", first[0] - high },
		{ "nowhere", 0 },
		{ "the low word only", first[1] & 0xffffffff },
		{ "NET's first byte", first[0] },
		{ "in NET", first[0] + 0x20 },
		{ "NET's last byte", end[0] - 1 },
		{ "FILE's first byte", first[1] },
		{ "in FILE", first[1] + 0x20 },
		{ "FILE's last byte", end[1] - 1 },
		{ "behind both", end[1] },
		{ "NET, another high word", first[0] + 0x20 + high },
		{ "FILE, another high word", first[1] + 0x20 + high },
		{ "FILE, another high word", first[1] + 0x20 - high },
		{ "the last address", UINT64_MAX },
	};
	int number = seccomp_syscall_resolve_name_arch(arch, name);
	bool inside;
	char what[96];
	size_t i;

	for (i = 0; i < COUNT(tries); i++) {
		inside = gate < 0 || (tries[i].at >= first[gate] &&
		    tries[i].at < end[gate]);
		snprintf(what, sizeof(what), "%s from %s, place %u", name,
		    tries[i].what, place);
		T_OK(answer_from(f, arch, number, args, tries[i].at) ==
		    (inside ? SECCOMP_RET_ALLOW : REFUSED), what);
	}
}

/* What is bound to a gate, by these arguments or by any. */
static void
check_gated(const struct callfilter_wish *w, const struct callfilter *f,
    unsigned place)
{
	static const uint64_t all_ones[ARGS] = { UINT64_MAX, UINT64_MAX,
		UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
	size_t i;
	int gate;

	for (i = 0; i < COUNT(gated); i++) {
		gate = w->single_port && strcmp(gated[i].name, "connect") ==
		    0 ? -1 : (int)gated[i].gate;
		check_place(f, w->arch, gated[i].name, gated[i].args, gate,
		    place);
		if (!gated[i].has_args)
			check_place(f, w->arch, gated[i].name, all_ones, gate,
			    place);
	}
}

static void
check_gates(const struct callfilter_wish *w, unsigned place)
{
	const char *fault;
	struct callfilter f;
	size_t i;

	memset(&f, 0, sizeof(f));
	T_OK(callfilter_build_gates(w, places[place].first,
	    places[place].end, &f) == 0, "built");
	fault = bpf_fault(f.insns, f.count);
	T_OK(fault == NULL && f.count < CALLFILTER_MAX, fault == NULL ?
	    "length" : fault);
	check_gated(w, &f, place);
	for (i = 0; i < COUNT(ungated); i++)
		check_place(&f, w->arch, ungated[i].name, ungated[i].args, -1,
		    place);
	/* what has no gate is left to the other program */
	for (i = 0; i < COUNT(rows); i++)
		if (!is_gated(rows[i].name) &&
		    seccomp_syscall_resolve_name_arch(w->arch,
		    rows[i].name) >= 0)
			check_place(&f, w->arch, rows[i].name, rows[i].args,
			    -1, place);
}

static void
test_gates(void)
{
	struct callfilter_wish w = { .role = CALLFILTER_SERVICE };
	unsigned place, m;

	for (m = 0; m < COUNT(machines) * 2; m++) {
		w.arch = machines[m / 2];
		w.single_port = m % 2 != 0;
		for (place = 0; place < COUNT(places); place++)
			check_gates(&w, place);
	}
}

/* ---- here ------------------------------------------------------------- */

/* arch 0 is the machine that this runs on. */
static void
test_native(void)
{
	struct callfilter_wish w = { .role = CALLFILTER_READ };
	struct callfilter mine, named;

	CU_ASSERT_EQUAL_FATAL(callfilter_build(&w, &mine), 0);
	w.arch = seccomp_arch_native();
	CU_ASSERT_EQUAL_FATAL(callfilter_build(&w, &named), 0);
	T_OK(mine.count == named.count && memcmp(mine.insns, named.insns,
	    mine.count * sizeof(mine.insns[0])) == 0, "the same program");
	w.arch = 0x12345678;
	T_OK(callfilter_build(&w, &mine) < 0, "a machine that is none");
}

static void
in_bounds(const void *arg)
{
	struct callfilter_wish w = { .role = CALLFILTER_READ };
	struct callfilter f;

	C_OK(callfilter_build(&w, &f) == 0, "built");
	C_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "set-up");
	C_OK(callfilter_install(&f) == 0, "installed");
	/* still there, and then one that is not */
	(void)syscall(SYS_rt_sigprocmask, 0, NULL, NULL, 8);
	if (*(const int *)arg >= 0)
		(void)syscall(*(const int *)arg, -1, 0, 0, 0, 0, 0);
	syscall(SYS_exit_group, 0);
}

/* How a child ended that makes this call after its list is installed. */
static bool
dies_of_call(int number)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGSYS, SIG_DFL);
		alarm(T_CHILD_SECONDS);
		in_bounds(&number);
	}
	return pid != -1 && waitpid(pid, &status, 0) == pid &&
	    WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

/* The kernel answers as the interpreter does. */
static void
test_kernel(void)
{
	static const int forbidden[] = { SYS_openat, SYS_socket, SYS_execve,
		SYS_ptrace, SYS_kill, SYS_dup3, SYS_getppid, SYS_read };
	static const int none = -1;
	size_t i;

#ifdef INSTRUMENTED
	t_skip("a real filter (sanitizers call what they like)");
	(void)none;
	(void)forbidden;
	(void)i;
	(void)dies_of_call;
#else
	t_in_child(in_bounds, &none, "what is in the list goes on");
	for (i = 0; i < COUNT(forbidden); i++)
		T_OK(dies_of_call(forbidden[i]), "what is not kills");
#endif
}

/* Without no_new_privs, an ordinary user may not. */
static void
in_error(const void *arg)
{
	struct callfilter_wish w = { .role = CALLFILTER_READ };
	struct callfilter f;

	(void)arg;
	t_drop();
	C_OK(callfilter_build(&w, &f) == 0, "built");
	C_OK(callfilter_install(&f) == -EACCES, "not without a promise");
	C_OK(getpid() > 0, "and nothing is bounded");
	f.count = 0;
	C_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    callfilter_install(&f) == -EINVAL, "no program");
}

static void
test_errors(void)
{
	t_in_child(in_error, NULL, "errors");
}

/* Figures for the one who reads the log of the test. */
static void
test_sizes(void)
{
	static const char *const roles[ROLES] = { "service", "read",
		"write" };
	struct callfilter_wish w = { .takes_uploads = true };
	struct callfilter f;
	unsigned role, steps, most;
	int nr;

	for (role = 0; role < ROLES; role++) {
		w.role = (enum callfilter_role)role;
		CU_ASSERT_EQUAL_FATAL(callfilter_build(&w, &f), 0);
		most = 0;
		for (nr = 0; nr < NUMBERS; nr++) {
			struct seccomp_data data = { .nr = nr,
				.arch = seccomp_arch_native() };

			(void)bpf_run(f.insns, f.count, &data, &steps);
			most = steps > most ? steps : most;
		}
		printf("\n    %s: %u instructions, a call takes at most %u ",
		    roles[role], f.count, most);
		T_OK(most != 0 && most <= f.count, roles[role]);
	}
}

/* libseccomp asks the kernel for each answer that it is told; not valgrind. */
static bool
can_build(void)
{
	uint32_t action = REFUSED;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) ==
	    0;
}

int
main(void)
{
	CU_TestInfo interpreter[] = {
		{ "it knows what the kernel would not take", test_faults },
		{ "it calculates", test_interpreter },
		CU_TEST_INFO_NULL
	}, programs[] = {
		{ "every jump stays inside, every path returns", test_shape },
		{ "what is allowed, to whom, with which arguments",
		    test_rows },
		{ "no other call of 1,024 is", test_unnamed },
		{ "nor in another way: x32, negative, other machines",
		    test_ways },
		{ "a transfer's list only takes away", test_narrower },
		{ "how long they are", test_sizes },
		CU_TEST_INFO_NULL
	}, gates[] = {
		{ "gated calls come from their gate and from nowhere else",
		    test_gates },
		CU_TEST_INFO_NULL
	}, here[] = {
		{ "this machine's is built unless another is asked for",
		    test_native },
		{ "the kernel answers as the interpreter", test_kernel },
		{ "an error is told", test_errors },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ .pName = "interpreter", .pTests = interpreter },
		{ .pName = "programs", .pTests = programs },
		{ .pName = "gates", .pTests = gates },
		{ .pName = "installing", .pTests = here },
		CU_SUITE_INFO_NULL
	};

	if (!can_build()) {
		t_skip("any program (no seccomp here)");
		suites[1] = (CU_SuiteInfo)CU_SUITE_INFO_NULL;
	}
	return t_run(suites);
}
