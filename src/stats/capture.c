#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/process.h"
#include "stats/capture.h"

#define TEXT_MAX	((size_t)1024 * 1024)
#define EXEC_FAILED	127

/*
 * A group of its own, so that its children can be killed with it; and it does
 * not outlive who asked.
 */
static noreturn void
become(const char *path, char *const argv[], int out, int err, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY);

	(void)setpgid(0, 0);
	if (!process_follow(parent))
		_exit(EXEC_FAILED);
	if (null != -1 && dup2(null, STDIN_FILENO) != -1 &&
	    dup2(out, STDOUT_FILENO) != -1 && dup2(err, STDERR_FILENO) != -1)
		execv(path, argv);
	_exit(EXEC_FAILED);
}

/* What there is; the rest of a long text is thrown away.  False: its end. */
static bool
take(int fd, struct capture_text *t)
{
	char rest[4096];
	size_t room = TEXT_MAX - t->len;
	ssize_t n;

	if (room != 0)
		n = read(fd, t->buf + t->len, room);
	else
		n = read(fd, rest, sizeof(rest));
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n > 0 && room != 0)
		t->len += (size_t)n;
	return n > 0;
}

/* Until both pipes are closed.  0 or -ETIMEDOUT. */
static int
listen_to(const int fds[2], struct capture *c, uint64_t deadline)
{
	struct pollfd pfds[2] = { { .fd = fds[0], .events = POLLIN },
		{ .fd = fds[1], .events = POLLIN } };
	struct capture_text *texts[2] = { &c->out, &c->err };
	unsigned i, open_count = 2;
	uint64_t at;

	while (open_count != 0) {
		at = clock_mono_us();
		if (at >= deadline)
			return -ETIMEDOUT;
		if (poll(pfds, 2, (int)((deadline - at) / 1000) + 1) <= 0)
			continue;
		for (i = 0; i < 2; i++) {
			if (pfds[i].revents == 0 ||
			    take(pfds[i].fd, texts[i]))
				continue;
			/* poll() passes over it from now on */
			pfds[i].fd = -1;
			open_count--;
		}
	}
	return 0;
}

static int
wait_for(pid_t pid, bool is_late)
{
	int status;

	if (is_late)
		(void)kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	return !is_late && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
run(const char *path, char *const argv[], uint64_t deadline,
    struct capture *c)
{
	pid_t pid, parent = getpid();
	int out[2], err[2], ret;

	if (pipe2(out, O_CLOEXEC) == -1)
		return -errno;
	if (pipe2(err, O_CLOEXEC) == -1) {
		ret = -errno;
		close(out[0]);
		close(out[1]);
		return ret;
	}
	pid = fork();
	if (pid == 0)
		become(path, argv, out[1], err[1], parent);
	ret = pid == -1 ? -errno : 0;
	close(out[1]);
	close(err[1]);
	if (ret == 0) {
		/* here too: it may not have come to that when it is killed */
		(void)setpgid(pid, pid);
		ret = listen_to((int[]){ out[0], err[0] }, c, deadline);
		c->status = wait_for(pid, ret != 0);
	}
	close(out[0]);
	close(err[0]);
	return ret;
}

int
capture_run(const char *path, char *const argv[], uint64_t limit_us,
    struct capture *c)
{
	int ret;

	*c = (struct capture){ .status = -1 };
	c->out.buf = malloc(TEXT_MAX + 1);
	c->err.buf = malloc(TEXT_MAX + 1);
	if (c->out.buf == NULL || c->err.buf == NULL)
		return -ENOMEM;
	ret = run(path, argv, clock_mono_us() + limit_us, c);
	c->out.buf[c->out.len] = '\0';
	c->err.buf[c->err.len] = '\0';
	return ret;
}

void
capture_free(struct capture *c)
{
	free(c->out.buf);
	free(c->err.buf);
	*c = (struct capture){ .status = -1 };
}
