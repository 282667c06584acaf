/*
 * t-lives - a live table in a file, and processes that hold its locks: the
 * kernel knows locks by processes, so a child does it.
 */
#ifndef UNIT_T_LIVES_H
#define UNIT_T_LIVES_H

#include <signal.h>

#include "record/live.h"
#include "t-work.h"

#define SLOTS	8

static char dir[PATH_MAX], path[PATH_MAX];

static inline int
set_up(void)
{
	umask(022);
	t_tmp_make(dir);
	t_join(path, dir, "live");
	return 0;
}

static inline int
clean_up(void)
{
	t_tmp_remove(dir);
	return 0;
}

static const struct live_header good_header = {
	.magic = LIVE_MAGIC, .slots = SLOTS, .page_size = LIVE_PAGE,
	.started_us = 1, .log_path = "/var/log/x",
};

static inline void
fill(struct live_slot *s, uint64_t number)
{
	memset(s, 0, sizeof(*s));
	s->state = LIVE_RUNNING;
	s->pid = 99;
	snprintf(s->id, sizeof(s->id), "%016llx",
	    (unsigned long long)number);
	strcpy(s->client, "192.0.2.1");
	strcpy(s->server, "192.0.2.254");
	s->client_port = 2001;
	memcpy(s->file, "boot/x", 6);
	s->file_len = 6;
	s->started_us = 1000000 * number;
	s->received_us = 1;
	s->heard_us = 1;
	s->size = 1000;
	s->bytes = 10 * number;
	s->blksize = 1428;
	s->windowsize = 4;
	s->retransmits = 3;
}

/* A table whose slots all look running. */
static inline int
make(const struct live_header *h)
{
	struct live_slot s;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	uint32_t i;

	if (fd == -1 || ftruncate(fd, (off_t)live_size(SLOTS)) == -1 ||
	    pwrite(fd, h, sizeof(*h), 0) != sizeof(*h))
		abort();
	for (i = 0; i < SLOTS; i++) {
		fill(&s, i + 1);
		if (pwrite(fd, &s, sizeof(s), (off_t)live_offset(i)) !=
		    sizeof(s))
			abort();
	}
	return fd;
}

static inline void
put_slot(int fd, uint32_t index, const struct live_slot *s)
{
	if (pwrite(fd, s, sizeof(*s), (off_t)live_offset(index)) !=
	    sizeof(*s))
		abort();
}

struct holder {
	pid_t pid;
	int said[2], go[2];
};

/* A bit for each slot; the keeper's byte is bit 31.  type: of fcntl(2). */
static inline void
hold(struct holder *h, uint32_t slots, short type)
{
	struct flock fl = { .l_type = type, .l_len = 1 };
	char byte;
	int fd, i;

	if (pipe(h->said) == -1 || pipe(h->go) == -1)
		abort();
	fflush(stdout);
	h->pid = fork();
	if (h->pid == 0) {
		alarm(T_CHILD_SECONDS);
		close(h->go[1]);
		fd = open(path, O_RDWR | O_CLOEXEC);
		for (i = 0; i < 32; i++) {
			fl.l_start = i == 31 ? 0 :
			    (off_t)live_offset((uint32_t)i);
			if (slots >> i & 1 && fcntl(fd, F_SETLK, &fl) == -1)
				abort();
		}
		(void)!write(h->said[1], "x", 1);
		(void)!read(h->go[0], &byte, 1);
		_exit(0);
	}
	close(h->said[1]);
	close(h->go[0]);
	T_OK(h->pid != -1 && read(h->said[0], &byte, 1) == 1, "locks taken");
}

static inline void
let_go(struct holder *h)
{
	kill(h->pid, SIGKILL);
	while (waitpid(h->pid, NULL, 0) == -1 && errno == EINTR)
		;
	close(h->said[0]);
	close(h->go[1]);
}

#endif
