#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/service.h"
#include "os/append.h"
#include "os/clock.h"
#include "os/shm.h"

int
service_record(const struct service *s, struct translog_record *rec)
{
	char line[TRANSLOG_LINE_MAX];
	size_t len;

	if (s->log_fd == -1)
		return -EBADF;
	rec->numbers[TRANSLOG_PID] = getpid();
	/* last: readers take the file's order for the order of time */
	rec->ts_us = clock_real_us();
	len = translog_format(rec, line);
	return append_write(s->log_fd, line, len);
}

int
service_notice(const struct service *s, struct translog_record *rec,
    const char *text)
{
	rec->event = TRANSLOG_NOTICE;
	rec->message.buf = (const uint8_t *)text;
	rec->message.len = strlen(text);
	return service_record(s, rec);
}

int
service_root(const struct service *s, const char *path)
{
	unsigned i;

	for (i = 0; i < s->conf->dir_count; i++)
		if (strcmp(s->conf->dirs[i], path) == 0)
			return s->root_fds[i];
	return -1;
}

void
service_spool_path(const struct service *s,
    char out[static SERVICE_SPOOL_MAX])
{
	uid_t uid = s->walls.change_user ? s->walls.uid : geteuid();

	snprintf(out, SERVICE_SPOOL_MAX, "%s/spool-%u", s->state_dir,
	    (unsigned)uid);
}

void
service_stop_listening(struct service *s)
{
	unsigned i;

	for (i = 0; i < s->listener_count; i++)
		close(s->listeners[i].fd);
	s->listener_count = 0;
}

struct live_slot *
service_map_slot(const struct service *s, uint32_t slot)
{
	return shm_map(s->table_fd, live_offset(slot), LIVE_PAGE);
}
