#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/clock.h"
#include "stats/livetab.h"

#define TRIES_MAX	3	/* to see a slot that does not change */

/* What says whose slot it is, at its start. */
#define SLOT_HEAD	offsetof(struct live_slot, client)

/*
 * Up to len bytes at that place; the rest becomes zeros, for the file may end
 * there.  How many there were, or -errno.
 */
static ssize_t
read_at(const struct livetab *t, uint64_t offset, void *buf, size_t len)
{
	ssize_t n;

	do
		n = pread(t->fd, buf, len, (off_t)offset);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return -errno;
	memset((char *)buf + n, 0, len - (size_t)n);
	return n;
}

/*
 * The process that holds a byte's lock: *pid is 0 where it is in no process
 * namespace of ours.  1, 0: nobody holds it, or -errno.
 */
static int
lock_owner(const struct livetab *t, uint64_t offset, pid_t *pid)
{
	struct flock fl = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET,
		.l_start = (off_t)offset, .l_len = 1
	};

	*pid = 0;
	if (fcntl(t->fd, F_GETLK, &fl) == -1)
		return -errno;
	if (fl.l_type != F_WRLCK)
		return 0;
	if (fl.l_pid > 0)
		*pid = fl.l_pid;
	return 1;
}

static void
end_text(char *text, size_t size)
{
	char copy[LIVE_TEXT_MAX];

	live_get_text(text, size, copy);
	strcpy(text, copy);
}

/* Slots that are there whole, no more than the header speaks of. */
static int
count_slots(struct livetab *t)
{
	struct stat st;
	uint64_t pages;

	if (fstat(t->fd, &st) == -1)
		return -errno;
	pages = (uint64_t)st.st_size / LIVE_PAGE;
	t->slots = t->header.slots;
	if (pages < (uint64_t)t->slots + 1)
		t->slots = pages == 0 ? 0 : (uint32_t)(pages - 1);
	return 0;
}

int
livetab_refresh(struct livetab *t)
{
	struct live_header h;
	ssize_t n = read_at(t, 0, &h, sizeof(h));
	int ret;

	if (n < 0)
		return (int)n;
	/* a new file, or a server that has gone for good */
	if (n == 0 || (n == (ssize_t)sizeof(h) && h.magic == 0))
		return -ENOENT;
	if (!live_header_ok(&h, (size_t)n))
		return -EINVAL;
	end_text(h.log_path, sizeof(h.log_path));
	end_text(h.conf_problem, sizeof(h.conf_problem));
	t->header = h;
	ret = lock_owner(t, 0, &t->keeper);
	if (ret < 0)
		return ret;
	t->has_keeper = ret == 1;
	return count_slots(t);
}

int
livetab_open(struct livetab *t, const char *path)
{
	struct stat st;
	int ret;

	memset(t, 0, sizeof(*t));
	t->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (t->fd == -1)
		return -errno;
	if (fstat(t->fd, &st) == -1)
		ret = -errno;
	else
		ret = S_ISREG(st.st_mode) ? livetab_refresh(t) : -EINVAL;
	if (ret != 0)
		livetab_close(t);
	return ret;
}

/* Since then; nothing when that is no time of the past. */
static uint64_t
since(uint64_t then_us, uint64_t now_us)
{
	return then_us != 0 && then_us < now_us ? now_us - then_us : 0;
}

static bool
has_id(const struct live_slot *slot)
{
	return strspn(slot->id, "0123456789abcdef") == TRANSLOG_ID_LEN &&
	    slot->id[TRANSLOG_ID_LEN] == '\0';
}

/* slot is a copy of ours: it does not change any more. */
static void
take(struct livetab_entry *e, struct live_slot *slot)
{
	uint64_t now_us = clock_mono_us(), heard_us = slot->heard_us;

	memset(e, 0, sizeof(*e));
	memcpy(e->id, slot->id, TRANSLOG_ID_LEN);
	live_get_text(slot->client, sizeof(slot->client), e->client);
	live_get_text(slot->server, sizeof(slot->server), e->server);
	e->client_port = slot->client_port;
	e->op = slot->is_write ? TRANSLOG_WRITE : TRANSLOG_READ;
	e->file_len = slot->file_len;
	if (e->file_len > sizeof(e->file))
		e->file_len = sizeof(e->file);
	memcpy(e->file, slot->file, e->file_len);
	e->started_us = slot->started_us;
	e->age_us = since(slot->received_us, now_us);
	e->size = slot->size;
	e->bytes = slot->bytes;
	e->has_answered = heard_us != 0;
	e->quiet_us = since(heard_us, now_us);
	e->retransmits = slot->retransmits;
	e->blksize = slot->blksize;
	e->windowsize = slot->windowsize;
}

/*
 * One look at a slot: 1 with *slot and the owner, 0: nobody runs there,
 * -EAGAIN when it became another's meanwhile, or -errno.
 */
static int
look(const struct livetab *t, uint32_t index, struct live_slot *slot,
    pid_t *pid)
{
	struct live_slot again;
	uint64_t offset = live_offset(index);
	ssize_t n = read_at(t, offset, slot, sizeof(*slot));
	int ret;

	if (n < 0)
		return (int)n;
	if (slot->state != LIVE_RUNNING || !has_id(slot))
		return 0;
	ret = lock_owner(t, offset, pid);
	if (ret != 1)
		return ret;
	n = read_at(t, offset, &again, SLOT_HEAD);
	if (n < 0)
		return (int)n;
	return memcmp(&again, slot, SLOT_HEAD) == 0 ? 1 : -EAGAIN;
}

/* As look(), without -EAGAIN: one that always changes has no transfer. */
static int
look_well(const struct livetab *t, uint32_t index, struct livetab_entry *e)
{
	struct live_slot slot;
	pid_t pid;
	int ret = -EAGAIN, i;

	for (i = 0; i < TRIES_MAX && ret == -EAGAIN; i++)
		ret = look(t, index, &slot, &pid);
	if (ret == 1) {
		take(e, &slot);
		e->pid = pid;
	}
	return ret == -EAGAIN ? 0 : ret;
}

/* Most slots are free, and a table can have thousands: 4 bytes tell. */
static int
is_running(const struct livetab *t, uint32_t index)
{
	uint32_t state = LIVE_FREE;
	ssize_t n = read_at(t, live_offset(index), &state, sizeof(state));

	return n < 0 ? (int)n : state == LIVE_RUNNING;
}

int
livetab_next(struct livetab *t, uint32_t *slot, struct livetab_entry *e)
{
	int ret;

	while (*slot < t->slots) {
		ret = is_running(t, *slot);
		if (ret == 1)
			ret = look_well(t, *slot, e);
		++*slot;
		if (ret != 0)
			return ret;
	}
	return 0;
}

int64_t
livetab_count(struct livetab *t, uint64_t by_op[static 3])
{
	struct livetab_entry e;
	uint32_t slot = 0;
	int64_t count = 0;
	int ret;

	memset(by_op, 0, 3 * sizeof(by_op[0]));
	while ((ret = livetab_next(t, &slot, &e)) == 1) {
		by_op[e.op]++;
		count++;
	}
	return ret < 0 ? ret : count;
}

void
livetab_close(struct livetab *t)
{
	if (t->fd != -1)
		close(t->fd);
	t->fd = -1;
}
