/*
 * diag - messages to the administrator: stderr in the foreground, else
 * syslog.
 *
 * syslog(3) would open its socket anew behind the walls, so one is
 * connected at the start and written to by hand.  Where /dev/log does not
 * exist messages go to stderr, if that is no network socket.
 */
#ifndef OS_DIAG_H
#define OS_DIAG_H

#include <stdbool.h>

enum diag_level {
	DIAG_ERROR = 3,		/* syslog's numbers */
	DIAG_WARNING = 4,
	DIAG_NOTICE = 5
};

/* diag_name - who speaks, a constant; "tftpd" without. */
void diag_name(const char *name);

/*
 * diag_open - choose where messages go.
 *
 * to_stderr  the foreground: standard error, without syslog
 * verbosity  0: warnings and errors; 1 and more: notices too
 */
void diag_open(bool to_stderr, unsigned verbosity);

/* One message, at most 512 bytes; control bytes in it become '?'. */
void diag_log(enum diag_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * diag_place - have the connection to syslog under that number, for whoever
 * closes all others.  The number; or -1 if there is none, or -errno: then it
 * is closed.
 */
int diag_place(int number);

/* Close the connection to syslog: transfers have no use for it. */
void diag_close(void);

#endif
