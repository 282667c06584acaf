#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "config.h"
#include "os/sandbox.h"

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

int
sandbox_keep_for_start(void)
{
	static const cap_value_t kept[] = {
		CAP_SYS_CHROOT, CAP_SETUID, CAP_SETGID, CAP_SETPCAP,
		CAP_DAC_READ_SEARCH,	/* a root below a closed home */
		CAP_CHOWN		/* a new log is root:adm */
	};
	cap_t have = cap_get_proc(), keep = cap_init();
	cap_flag_value_t value;
	size_t i;
	int err = 0;

	if (have == NULL || keep == NULL) {
		err = -ENOMEM;
		goto out;
	}
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
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

/* Says which step failed; returns its -errno. */
static int
failed(const char *step, char *why, size_t size)
{
	int err = errno;

	snprintf(why, size, "%s: %s", step, strerror(err));
	return err == 0 ? -EPERM : -err;
}

static int
change_root(const struct sandbox_plan *plan, char *why, size_t size)
{
	if (chdir(plan->root) == -1)
		return failed(plan->root, why, size);
#ifndef INSTRUMENTED
	if (plan->change_root && (chroot(".") == -1 || chdir("/") == -1))
		return failed("chroot", why, size);
#endif
	return 0;
}

static int
change_user(const struct sandbox_plan *plan, char *why, size_t size)
{
	if (!plan->change_user)
		return 0;
	if (cap_setgroups(plan->gid, 0, NULL) != 0)
		return failed("setgroups", why, size);
	if (cap_setuid(plan->uid) != 0)
		return failed("setuid", why, size);
	return 0;
}

/* Without CAP_SETPCAP libcap's mode is refused: empty sets must do. */
static int
drop_capabilities(char *why, size_t size)
{
	cap_t none;
	int err;

	if (sandbox_may(CAP_SETPCAP) || cap_get_mode() == CAP_MODE_NOPRIV) {
		if (cap_set_mode(CAP_MODE_NOPRIV) != 0 ||
		    cap_get_mode() != CAP_MODE_NOPRIV)
			return failed("capabilities", why, size);
		return 0;
	}
	none = cap_init();
	err = none == NULL || cap_set_proc(none) != 0 ?
	    failed("capabilities", why, size) : 0;
	if (none != NULL)
		cap_free(none);
	return err;
}

/* The drop is proved: every way back is tried and must be shut. */
static int
test_undo(bool may_bound, char *why, size_t size)
{
	cap_value_t each, last = cap_max_bits();
	const char *open_way = NULL;
	cap_t caps = cap_init();

	if (caps == NULL)
		return failed("undo test", why, size);
	for (each = 0; each < last && open_way == NULL; each++) {
		(void)cap_clear(caps);
		(void)cap_set_flag(caps, CAP_PERMITTED, 1, &each, CAP_SET);
		(void)cap_set_flag(caps, CAP_EFFECTIVE, 1, &each, CAP_SET);
		if (cap_set_proc(caps) == 0)
			open_way = "a capability can be raised again";
	}
	if (open_way == NULL && (geteuid() == 0 || setuid(0) == 0))
		open_way = "user 0 is, or can be reached";
	if (open_way == NULL && may_bound && cap_get_bound(CAP_SYS_CHROOT) != 0)
		open_way = "the bounding set is not empty";
	if (open_way == NULL && chroot("/") == 0)
		open_way = "chroot is still allowed";
	cap_free(caps);
	if (open_way == NULL)
		return 0;
	snprintf(why, size, "undo test: %s", open_way);
	return -EPERM;
}

int
sandbox_enter(const struct sandbox_plan *plan, char *why, size_t size)
{
	bool may_bound = sandbox_may(CAP_SETPCAP);
	int err;

	err = change_root(plan, why, size);
	if (err == 0)
		err = change_user(plan, why, size);
	if (err == 0)
		err = drop_capabilities(why, size);
	if (err == 0)
		err = test_undo(may_bound, why, size);
	if (err == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		err = failed("no_new_privs", why, size);
	return err;
}
