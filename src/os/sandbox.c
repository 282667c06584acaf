#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "os/sandbox.h"

#define FILES_MAX 256		/* descriptors of a dispatcher, and room */
#define MEMORY_MAX (128 * 1024 * 1024)	/* of a transfer; it has all by then */

bool
sandbox_may(int capability)
{
	cap_flag_value_t value = CAP_CLEAR;
	cap_t caps = cap_get_proc();

	if (caps == NULL)
		return false;
	/* cap_setuid() leaves what is permitted, and libcap raises it */
	(void)cap_get_flag(caps, (cap_value_t)capability, CAP_PERMITTED,
	    &value);
	cap_free(caps);
	return value == CAP_SET;
}

/*
 * Have no capability but these, if we have them, permitted and effective.
 * 0 or -errno.
 */
static int
keep_only(const cap_value_t *kept, size_t count)
{
	cap_t have = cap_get_proc(), keep = cap_init();
	cap_flag_value_t value = CAP_CLEAR;
	size_t i;
	int err = 0;

	if (have == NULL || keep == NULL) {
		err = -ENOMEM;
		goto out;
	}
	for (i = 0; i < count; i++) {
		if (cap_get_flag(have, kept[i], CAP_PERMITTED, &value) != 0 ||
		    value != CAP_SET)
			continue;
		if (cap_set_flag(keep, CAP_PERMITTED, 1, &kept[i], CAP_SET) ||
		    cap_set_flag(keep, CAP_EFFECTIVE, 1, &kept[i], CAP_SET))
			err = -errno;
	}
	if (err == 0 && cap_set_proc(keep) != 0)
		err = -errno;
out:
	if (have != NULL)
		cap_free(have);
	if (keep != NULL)
		cap_free(keep);
	return err;
}

int
sandbox_keep_for_start(bool keep_bind)
{
	static const cap_value_t kept[] = {
		CAP_SYS_CHROOT, CAP_SETUID, CAP_SETGID, CAP_SETPCAP,
		CAP_DAC_READ_SEARCH,	/* a root below a closed home */
		CAP_CHOWN,		/* a new log is root:adm */
		CAP_NET_BIND_SERVICE	/* the last one: only if asked for */
	};

	return keep_only(kept, sizeof(kept) / sizeof(kept[0]) -
	    (keep_bind ? 0 : 1));
}

/* What goes on while the walls are put up, and what is to be said. */
struct builder {
	const struct sandbox_plan *plan;
	char *missing, *why;
	size_t missing_size, why_size;
	bool may_bound;		/* so it was at the start */
	bool is_bounded;	/* the bounding set is empty */
};

/* Says which step failed; returns its -errno. */
static int
failed(const struct builder *b, const char *step)
{
	int err = errno;

	snprintf(b->why, b->why_size, "%s: %s", step, strerror(err));
	return err == 0 ? -EPERM : -err;
}

/* A wall that we can do without: 0 if we are to, and it is said. */
static int
failed_wall(const struct builder *b, const char *wall)
{
	int err = errno;
	size_t len = strlen(b->missing);

	if (!b->plan->prefer)
		return failed(b, wall);
	snprintf(b->missing + len, b->missing_size - len, "%s%s: %s",
	    len == 0 ? "" : "; ", wall, strerror(err));
	return 0;
}

static int
change_root(const struct builder *b)
{
	if (chdir(b->plan->root) == -1)
		return failed(b, b->plan->root);
#ifndef INSTRUMENTED
	if (b->plan->change_root && (chroot(".") == -1 || chdir("/") == -1))
		return failed_wall(b, "chroot");
#endif
	return 0;
}

static int
change_user(const struct builder *b)
{
	if (!b->plan->change_user)
		return 0;
	if (cap_setgroups(b->plan->gid, 0, NULL) != 0)
		return failed(b, "setgroups");
	if (cap_setuid(b->plan->uid) != 0)
		return failed(b, "setuid");
	return 0;
}

/*
 * Empty the bounding set and lock the securebits: nothing gives a capability
 * back that is dropped.  0 or -errno.
 */
static int
lock_bounds(bool keep_bind)
{
	static const cap_value_t needed[] = { CAP_SETPCAP,
		CAP_NET_BIND_SERVICE };
	cap_mode_t want = keep_bind ? CAP_MODE_PURE1E_INIT :
	    CAP_MODE_NOPRIV;
	cap_value_t each;
	int err;

	/* CAP_MODE_NOPRIV does all of that, but keeps nothing */
	if (keep_bind) {
		err = keep_only(needed, 2);
		for (each = 0; err == 0 && cap_get_bound(each) >= 0; each++)
			if (cap_drop_bound(each) != 0)
				err = -errno;
		if (err != 0)
			return err;
	}
	if (cap_set_mode(want) != 0)
		return -errno;
	return keep_bind || cap_get_mode() == want ? 0 : -EPERM;
}

/* Without CAP_SETPCAP the bounds stay: empty sets must do. */
static int
drop_capabilities(struct builder *b)
{
	static const cap_value_t kept[] = { CAP_NET_BIND_SERVICE };
	bool keep_bind = b->plan->keep_bind;
	int err = 0;

	if (b->may_bound) {
		errno = -lock_bounds(keep_bind);
		b->is_bounded = errno == 0;
		if (!b->is_bounded)
			err = failed_wall(b, "capability bounds");
	}
	if (err != 0)
		return err;
	errno = -keep_only(kept, keep_bind ? 1 : 0);
	return errno == 0 ? 0 : failed(b, "capabilities");
}

/* Whether that capability can be had; caps is scratch. */
static bool
can_raise(cap_t caps, cap_value_t which)
{
	(void)cap_clear(caps);
	(void)cap_set_flag(caps, CAP_PERMITTED, 1, &which, CAP_SET);
	(void)cap_set_flag(caps, CAP_EFFECTIVE, 1, &which, CAP_SET);
	return cap_set_proc(caps) == 0;
}

/* The drop is proved: every way back is tried and must be shut. */
static int
test_undo(const struct builder *b)
{
	cap_value_t each, last = cap_max_bits();
	const char *open_way = NULL;
	cap_t caps = cap_init();

	if (caps == NULL)
		return failed(b, "undo test");
	for (each = 0; each < last && open_way == NULL; each++) {
		if (b->is_bounded && cap_get_bound(each) != 0)
			open_way = "the bounding set is not empty";
		/* all others are tried one by one: that one stays as it is */
		else if (!(b->plan->keep_bind &&
		    each == CAP_NET_BIND_SERVICE) && can_raise(caps, each))
			open_way = "a capability can be raised again";
	}
	if (open_way == NULL && (geteuid() == 0 || setuid(0) == 0))
		open_way = "user 0 is, or can be reached";
	if (open_way == NULL && chroot("/") == 0)
		open_way = "chroot is still allowed";
	cap_free(caps);
	if (open_way == NULL)
		return 0;
	snprintf(b->why, b->why_size, "undo test: %s", open_way);
	return -EPERM;
}

static int
limit(int resource, rlim_t most)
{
	struct rlimit size;

	if (getrlimit((__rlimit_resource_t)resource, &size) == -1)
		return -errno;
	if (size.rlim_max > most)
		size.rlim_max = most;
	if (size.rlim_cur > size.rlim_max)
		size.rlim_cur = size.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &size) == -1 ?
	    -errno : 0;
}

/* Never RLIMIT_FSIZE: the log grows beyond any. */
static int
limit_resources(const struct builder *b)
{
	errno = -limit(RLIMIT_CORE, 0);
#ifndef INSTRUMENTED	/* valgrind's own descriptors are above, and stay */
	if (errno == 0)
		errno = -limit(RLIMIT_NOFILE, FILES_MAX);
#endif
	return errno == 0 ? 0 : failed(b, "limits");
}

int
sandbox_enter(const struct sandbox_plan *plan, char *missing,
    size_t missing_size, char *why, size_t size)
{
	struct builder b = { plan, missing, why, missing_size, size,
		sandbox_may(CAP_SETPCAP), false };
	int err;

	missing[0] = '\0';
	err = change_root(&b);
	if (err == 0)
		err = change_user(&b);
	if (err == 0)
		err = drop_capabilities(&b);
	if (err == 0)
		err = test_undo(&b);
	if (err == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		err = failed_wall(&b, "no_new_privs");
	if (err == 0)
		err = limit_resources(&b);
	return err;
}

int
sandbox_shut(bool opens_files, const struct callfilter *filter)
{
#ifdef INSTRUMENTED
	(void)opens_files;
	(void)filter;
	return 0;
#else
	static const struct rlimit none = { 0, 0 }, one = { 1, 1 };
	int err = limit(RLIMIT_AS, MEMORY_MAX);

	if (err != 0)
		return err;
	/* poll() of one is still allowed then */
	if (setrlimit(RLIMIT_NPROC, &none) == -1 ||
	    (!opens_files && setrlimit(RLIMIT_NOFILE, &one) == -1))
		return -errno;
	err = callgate_close(!opens_files);
	/* last: what it forbids was needed for the others */
	if (err == 0 && filter != NULL)
		err = callfilter_install(filter);
	return err;
#endif
}

int
sandbox_leave_bind(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	memset(sets, 0, sizeof(sets));
	if (syscall(SYS_capset, &header, sets) == -1)
		return -errno;
	sets[0].permitted = 1u << CAP_NET_BIND_SERVICE;
	return syscall(SYS_capset, &header, sets) == -1 ? 0 : -EPERM;
}
