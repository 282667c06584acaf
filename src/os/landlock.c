#include <errno.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/landlock.h"

/* Rights that came after the header of the machine this is built on. */
#define FS_REFER	(UINT64_C(1) << 13)	/* version 2 */
#define FS_TRUNCATE	(UINT64_C(1) << 14)	/* version 3 */
#define FS_IOCTL_DEV	(UINT64_C(1) << 15)	/* version 5 */

#define FS_READ	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | \
	LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	FS_TRUNCATE)
/* What a rule for one file may speak of. */
#define FS_OF_FILE (LANDLOCK_ACCESS_FS_EXECUTE | \
	LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	FS_TRUNCATE)
#define FS_VERSION_1 ((UINT64_C(1) << 13) - 1)	/* all 13 rights */
#define NET_TCP		UINT64_C(3)		/* version 4: bind, connect */
#define SCOPE_ABSTRACT	UINT64_C(1)		/* version 6 */
#define SCOPE_SIGNAL	UINT64_C(2)

/* As the kernel has it by now; older ones take a shorter one. */
struct ruleset {
	uint64_t files, net, scoped;
};

int
landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return version < 0 ? 0 : (int)version;
}

/* What a kernel of that version can forbid. */
static uint64_t
known_rights(int version)
{
	uint64_t rights = FS_VERSION_1;

	if (version >= 2)
		rights |= FS_REFER;
	if (version >= 3)
		rights |= FS_TRUNCATE;
	if (version >= 5)
		rights |= FS_IOCTL_DEV;
	return rights;
}

static int
add_place(int ruleset, const struct landlock_place *place, uint64_t known)
{
	struct landlock_path_beneath_attr beneath = {
		.allowed_access = (FS_READ | (place->may_write ? FS_WRITE :
		    0) | (place->may_execute ? LANDLOCK_ACCESS_FS_EXECUTE :
		    0)) & known & (place->is_file ? FS_OF_FILE : known),
		.parent_fd = place->fd,
	};

	return syscall(SYS_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == -1 ? -errno : 0;
}

static int
confine(const struct landlock_place *places, unsigned count, uint64_t scoped)
{
	int version = landlock_version();
	uint64_t known = known_rights(version);
	struct ruleset attr = { .files = known, .net = NET_TCP,
		.scoped = scoped };
	int ruleset, err = 0;
	unsigned i;

	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr,
	    version >= 6 ? sizeof(attr) : version >= 4 ?
	    offsetof(struct ruleset, scoped) : offsetof(struct ruleset, net),
	    0);
	if (ruleset == -1)
		return -errno;
	for (i = 0; i < count && err == 0; i++)
		err = add_place(ruleset, &places[i], known);
	if (err == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) == -1)
		err = -errno;
	close(ruleset);
	return err;
}

int
landlock_confine(const struct landlock_place *places, unsigned count)
{
	return confine(places, count, SCOPE_ABSTRACT);
}

int
landlock_enclose(const struct landlock_place *places, unsigned count)
{
	return confine(places, count, SCOPE_ABSTRACT | SCOPE_SIGNAL);
}
