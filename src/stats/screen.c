#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "os/clock.h"
#include "stats/screen.h"

#define ROWS	24	/* where the terminal does not know */
#define COLUMNS	80

/*
 * The other page, no cursor, no wrapping at the right edge: a character may be
 * wider than we think.
 */
#define ENTER	"\033[?1049h\033[?25l\033[?7l"
#define LEAVE	"\033[?7h\033[?25h\033[?1049l"

enum { HEARD_STOP = 1, HEARD_SUSPEND = 2, HEARD_REDRAW = 4 };

/* The signal flag: what came since the last look. */
static atomic_int heard;

static void
on_signal(int number)
{
	int bit = HEARD_STOP;

	if (number == SIGTSTP)
		bit = HEARD_SUSPEND;
	else if (number == SIGWINCH || number == SIGCONT)
		bit = HEARD_REDRAW;
	atomic_fetch_or(&heard, bit);
}

static const int stopping[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
static const int drawing[] = { SIGTSTP, SIGWINCH, SIGCONT };

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static void
catch(int number, int flags, sigset_t *blocked)
{
	struct sigaction action = { .sa_handler = on_signal,
	    .sa_flags = flags };

	sigfillset(&action.sa_mask);
	sigaction(number, &action, NULL);
	sigaddset(blocked, number);
}

/* They come through while we wait for something, and at no other time. */
static void
catch_signals(struct screen *s)
{
	size_t i;

	sigprocmask(SIG_BLOCK, NULL, &s->working);
	s->waiting = s->working;
	for (i = 0; i < COUNT(stopping); i++)
		catch(stopping[i], 0, &s->working);
	for (i = 0; i < COUNT(drawing) && s->is_live; i++)
		catch(drawing[i], SA_RESTART, &s->working);
	sigprocmask(SIG_SETMASK, &s->working, NULL);
	for (i = 0; i < COUNT(stopping); i++)
		sigdelset(&s->waiting, stopping[i]);
	for (i = 0; i < COUNT(drawing); i++)
		sigdelset(&s->waiting, drawing[i]);
	(void)signal(SIGPIPE, SIG_IGN);
}

/* All of it, to standard output; false: it takes no more, or we shall end. */
static bool
put(const char *bytes, size_t len)
{
	ssize_t n;

	while (len != 0) {
		n = write(STDOUT_FILENO, bytes, len);
		if (n == -1 && (errno != EINTR ||
		    atomic_load(&heard) & HEARD_STOP))
			return false;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return true;
}

/* The same; a terminal or pipe may keep us waiting for long. */
static bool
put_frame(struct screen *s, const char *bytes, size_t len)
{
	bool is_well;

	sigprocmask(SIG_SETMASK, &s->waiting, NULL);
	is_well = put(bytes, len);
	if (!is_well)
		s->error = errno;
	sigprocmask(SIG_SETMASK, &s->working, NULL);
	return is_well;
}

static void
measure(struct screen *s)
{
	struct winsize ws = { 0 };

	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws);
	s->columns = ws.ws_col != 0 ? ws.ws_col : COLUMNS;
	s->rows = ws.ws_row != 0 ? ws.ws_row : ROWS;
}

/* Keys as they are pressed, not shown; Ctrl-C and Ctrl-Z go on as signals. */
static void
enter(struct screen *s)
{
	struct termios raw = s->before;

	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (s->has_keys)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	s->is_raw = true;
	(void)put(ENTER, strlen(ENTER));
}

static void
leave(struct screen *s)
{
	if (!s->is_raw)
		return;
	s->is_raw = false;
	(void)put(LEAVE, strlen(LEAVE));
	if (s->has_keys)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &s->before);
}

static void
on_exit_leave(int status, void *arg)
{
	(void)status;
	leave(arg);
	free(arg);
}

bool
screen_can(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term != NULL && *term != '\0' &&
	    strcmp(term, "dumb") != 0;
}

static FILE *
open_frame(char **bytes, size_t *len)
{
	FILE *out = open_memstream(bytes, len);

	if (out == NULL)
		err(1, NULL);
	return out;
}

struct screen *
screen_open(bool may_draw)
{
	struct screen *s = calloc(1, sizeof(*s));

	/* err(3) of a module that has no memory ends us, too */
	if (s == NULL || on_exit(on_exit_leave, s) != 0)
		err(1, NULL);
	s->is_live = may_draw && screen_can();
	s->has_keys = s->is_live && tcgetattr(STDIN_FILENO, &s->before) == 0;
	measure(s);
	s->out = open_frame(&s->frame, &s->frame_len);
	catch_signals(s);
	if (s->is_live)
		enter(s);
	return s;
}

/* The bytes of a line that fit; colours take no room. */
static size_t
fitting(const char *line, size_t len, size_t columns)
{
	size_t at = 0, used = 0;

	while (at < len) {
		if (line[at] == '\033') {
			while (at < len && line[at] != 'm')
				at++;
			at += at < len;
			continue;
		}
		if (used++ == columns)
			break;
		at++;
		while (at < len && ((unsigned char)line[at] & 0xc0) == 0x80)
			at++;
	}
	return at;
}

/* Lines over those of the frame before, and nothing below the last. */
static void
lay_out(const struct screen *s, FILE *out)
{
	const char *at = s->frame, *end = s->frame + s->frame_len, *newline;
	size_t row, len;

	fputs("\033[H", out);
	for (row = 0; row < s->rows && at < end; row++) {
		newline = memchr(at, '\n', (size_t)(end - at));
		len = (size_t)((newline != NULL ? newline : end) - at);
		if (row != 0)
			fputs("\r\n", out);
		fwrite(at, 1, fitting(at, len, s->columns), out);
		fputs("\033[0m\033[K", out);
		at += len + (newline != NULL);
	}
	fputs("\033[J", out);
}

static bool
draw(struct screen *s)
{
	char *bytes;
	size_t len;
	FILE *out = open_frame(&bytes, &len);
	bool is_well;

	lay_out(s, out);
	if (fclose(out) != 0)
		err(1, NULL);
	is_well = put_frame(s, bytes, len);
	free(bytes);
	return is_well;
}

bool
screen_show(struct screen *s)
{
	bool is_well;

	if (fclose(s->out) != 0)
		err(1, NULL);
	is_well = s->is_live ? draw(s) :
	    put_frame(s, s->frame, s->frame_len);
	free(s->frame);
	s->out = open_frame(&s->frame, &s->frame_len);
	return is_well;
}

/* As the shell wants it: stopped by the signal itself. */
static void
suspend(struct screen *s)
{
	struct sigaction stop = { .sa_handler = SIG_DFL }, ours;
	sigset_t set;

	leave(s);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	sigaction(SIGTSTP, &stop, &ours);
	(void)raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	/* here we are continued */
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGTSTP, &ours, NULL);
}

/* false: time to end.  *is_new: a frame is wanted now. */
static bool
take_signals(struct screen *s, bool *is_new)
{
	int what = atomic_exchange(&heard, 0);

	if (what & HEARD_STOP)
		return false;
	if (what & HEARD_SUSPEND)
		suspend(s);
	if (what & (HEARD_SUSPEND | HEARD_REDRAW)) {
		/* a shell that stopped us by SIGSTOP has set its own modes */
		leave(s);
		enter(s);
		measure(s);
		*is_new = true;
	}
	return true;
}

static bool
take_keys(struct screen *s, bool *is_new)
{
	/* Ctrl-C too, for a terminal that makes no signal of it */
	static const char quitting[] = { 'q', 'Q', '\003' };
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n <= 0) {
		/* the end of a terminal is told by SIGHUP */
		s->has_keys = n == -1 && (errno == EINTR || errno == EAGAIN);
		return true;
	}
	*is_new = true;
	while (n-- > 0)
		if (memchr(quitting, keys[n], sizeof(quitting)) != NULL)
			return false;
	return true;
}

bool
screen_wait(struct screen *s, unsigned ms)
{
	struct pollfd fds[] = {
		{ .fd = STDOUT_FILENO }, { .events = POLLIN }
	};
	uint64_t now_ms = clock_mono_us() / 1000;
	struct timespec ts;
	bool is_new = false;
	int ret;

	if (s->next_ms <= now_ms)
		s->next_ms = now_ms + ms;
	for (; !is_new && now_ms < s->next_ms;
	    now_ms = clock_mono_us() / 1000) {
		ts.tv_sec = (time_t)((s->next_ms - now_ms) / 1000);
		ts.tv_nsec = (long)((s->next_ms - now_ms) % 1000) * 1000000;
		fds[1].fd = s->has_keys ? STDIN_FILENO : -1;
		ret = ppoll(fds, 2, &ts, &s->waiting);
		if (!take_signals(s, &is_new))
			return false;
		if (ret <= 0)
			continue;
		if (fds[0].revents & (POLLERR | POLLHUP))
			return false;
		if (fds[1].revents != 0 && !take_keys(s, &is_new))
			return false;
	}
	s->is_time = now_ms >= s->next_ms;
	return true;
}

int
screen_close(struct screen *s)
{
	leave(s);
	fclose(s->out);
	free(s->frame);
	/* EIO: a terminal that was closed; EINTR: a signal that ends us */
	if (s->error == 0 || s->error == EPIPE || s->error == EIO ||
	    s->error == EINTR)
		return 0;
	errno = s->error;
	warn("standard output");
	return 1;
}
