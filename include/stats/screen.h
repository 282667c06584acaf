/*
 * screen - a terminal that is drawn anew again and again, without curses.
 *
 *	s = screen_open(true);
 *	do
 *		fprintf(s->out, ...);
 *	while (screen_show(s) && screen_wait(s, 1000));
 *	return screen_close(s);
 *
 * The terminal is as it was before on every way out: q, signals, exit(3)
 * from anywhere, and as long as we are suspended.  SIGKILL alone can't be
 * helped.
 */
#ifndef STATS_SCREEN_H
#define STATS_SCREEN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <termios.h>

struct screen {
	FILE *out;		/* the frame; the caller writes plain lines */
	bool is_live;		/* a terminal that is drawn on */
	size_t columns, rows;	/* of it, at the last screen_wait() */
	bool is_time;		/* it did not end before its time */
	/* its own */
	char *frame;
	size_t frame_len;
	bool has_keys;		/* standard input is a terminal, too */
	bool is_raw;		/* ... and changed by us */
	uint64_t next_ms;	/* when it is time, monotonic */
	int error;		/* of standard output, errno */
	struct termios before;
	sigset_t working, waiting;	/* signals: blocked, let through */
};

/* Whether standard output is a terminal that understands more than lines. */
bool screen_can(void);

/*
 * screen_open - take the terminal, if there is one, and the signals.
 *
 * may_draw   false: frames go out as they are, as where screen_can() says no
 * Ends the program without memory; what is returned lives as long as it does.
 */
struct screen *screen_open(bool may_draw);

/*
 * screen_show - what was written to s->out since the last time, in one
 * write: as many lines as there are rows, each as long as there are columns.
 * false: nobody reads it any more.
 */
bool screen_show(struct screen *s);

/*
 * screen_wait - sleep until ms after the last time that it was ms, or until a
 * key or a new size wants a new frame: is_time tells which.
 * false: it is time to end, by q, a signal or a reader that went away.
 */
bool screen_wait(struct screen *s, unsigned ms);

/*
 * screen_close - the terminal as it was.
 * Returns the exit status: 1 when standard output failed, which is told.  A
 * reader that went away is no error.
 */
int screen_close(struct screen *s);

#endif
