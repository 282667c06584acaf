#include <errno.h>
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
