/*
 * callfilter - which system calls may be made at all: seccomp programs.
 *
 * libseccomp builds them once a dispatcher; a process only installs what is
 * ready.  The dispatcher has two, and its children inherit them: the list of
 * all calls (CALLFILTER_SERVICE) and the one that binds some of them to the
 * gates (os/callgate).  A transfer that is long enough to pay for it, or any
 * transfer where there are no gates, installs its own list over them
 * (CALLFILTER_READ, CALLFILTER_WRITE).
 *
 * What is not in the list kills the process; so does another machine's way to
 * make calls (x32, int 0x80).
 */
#ifndef OS_CALLFILTER_H
#define OS_CALLFILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "os/callgate.h"

enum callfilter_role {
	CALLFILTER_SERVICE,	/* the dispatcher, and all that it forks */
	CALLFILTER_READ,	/* a download that is set up */
	CALLFILTER_WRITE	/* an upload that is set up */
};

struct callfilter_wish {
	enum callfilter_role role;
	bool takes_uploads;	/* else nothing that writes to a file */
	bool single_port;	/* transfers end by connecting elsewhere */
	uint32_t arch;		/* AUDIT_ARCH_...; 0: this machine */
};

/*
 * The log, the live table, and all Unix sockets (to syslog, and those by which
 * single-port transfers give back) have these descriptors in every process, so
 * that a filter can tell them from a client's file or socket: what changes a
 * file's size or bytes, or could pass descriptors on, is for those below them.
 * The log is only appended to.
 */
#define CALLFILTER_DIAG_FD	58
#define CALLFILTER_BACK_FD	59
#define CALLFILTER_BACK_IN_FD	60
#define CALLFILTER_LOG_FD	61
#define CALLFILTER_TABLE_FD	62

/*
 * A call that tells of an open file and of nothing else.  What libc's fstat()
 * makes instead can look at any name.
 */
#if defined(__LP64__) && defined(SYS_fstat)
#define CALLFILTER_PLAIN_FSTAT 1
#else
#define CALLFILTER_PLAIN_FSTAT 0
#endif

#define CALLFILTER_MAX 512	/* instructions */

struct callfilter {
	unsigned count;
	struct sock_filter insns[CALLFILTER_MAX];
};

/* callfilter_build - make out what wish asks for.  0 or -errno. */
int callfilter_build(const struct callfilter_wish *wish,
    struct callfilter *out);

/*
 * callfilter_build_gates - the program that binds calls to their gates.
 *
 * wish       its role is not looked at
 * first, end of each gate, by enum callgate; as callgate_range() gives them.
 *            None crosses a border of 4 GiB.
 * 0 or -errno.
 */
int callfilter_build_gates(const struct callfilter_wish *wish,
    const uintptr_t first[static CALLGATE_COUNT],
    const uintptr_t end[static CALLGATE_COUNT], struct callfilter *out);

/*
 * callfilter_install - this process and its children are bound by it for ever.
 * no_new_privs must be set.  Makes one system call.  0 or -errno.
 */
int callfilter_install(const struct callfilter *filter);

#endif
