#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/download.h"
#include "os/callfilter.h"

int
download_init(struct download *d, const struct admission *a)
{
	uint16_t blksize = a->granted.blksize;
	uint16_t windowsize = a->granted.windowsize;
	struct fileio_mark *marks = NULL;

	memset(d, 0, sizeof(*d));
	d->changed = a->naming.st.st_mtim;
	if (a->req.mode == PACKET_MODE_NETASCII) {
		marks = calloc(windowsize + 1U, sizeof(*marks));
		if (marks == NULL)
			return -ENOMEM;
	}
	fileio_reader_init(&d->reader, a->file, a->file_size, blksize, marks,
	    windowsize + 1U);
	bulkio_sender_init(&d->sender, a->sock,
	    (size_t)blksize + PACKET_HEADER_LEN,
	    windowsize > 1 && blksize <= netio_path_blksize(a->sock));
	return readahead_init(&d->ahead, &d->reader, PACKET_HEADER_LEN,
	    windowsize);
}

static void
put_headers(struct download *d, const struct engine *e)
{
	struct readahead *ahead = &d->ahead;
	uint32_t i;

	for (i = 0; i < ahead->have.count; i++)
		packet_put_data(ahead->buf + i * ahead->stride,
		    engine_block(e, ahead->first + i));
}

/*
 * libc makes a call of it that can look at any name; where the plain one fits,
 * the filters allow no other.
 */
static int
stat_open(int fd, struct stat *st)
{
#if CALLFILTER_PLAIN_FSTAT
	return (int)syscall(SYS_fstat, fd, st);
#else
	return fstat(fd, st);
#endif
}

/* cp over a file writes into it, and leaves no trace but this one. */
static int
check_unchanged(const struct download *d)
{
	struct stat st;

	if (stat_open(d->reader.fd, &st) == -1)
		return -errno;
	return st.st_mtim.tv_sec == d->changed.tv_sec &&
	    st.st_mtim.tv_nsec == d->changed.tv_nsec ? 0 : -ESTALE;
}

int
download_send(struct download *d, struct engine *e,
    const struct engine_action *act, bool *is_refused)
{
	struct readahead_run run;
	bool is_fresh;
	int err;

	err = readahead_get(&d->ahead, act->first, act->count, &run,
	    &is_fresh);
	if (err == 0 && run.is_end)
		err = check_unchanged(d);
	if (err != 0) {
		engine_not_sent(e, act);
		return err;
	}
	if (is_fresh)
		put_headers(d, e);
	if (run.is_end)
		engine_set_end(e, act->first + run.count - 1, run.last_len);
	if (bulkio_send(&d->sender, run.packets, run.len) == -ECONNREFUSED)
		*is_refused = true;
	return 0;
}

void
download_read_on(struct download *d, const struct engine *e)
{
	if (e->state != ENGINE_SENDING || e->next > e->last)
		return;
	if (readahead_fill(&d->ahead, e->next, engine_expects(e)))
		put_headers(d, e);
}
