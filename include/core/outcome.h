/*
 * outcome - how a request can end: the closed set of the transfer log.
 *
 * The engine decides some of them, the transfer and the dispatcher the
 * rest; reports know nothing but these names and their classes.
 */
#ifndef CORE_OUTCOME_H
#define CORE_OUTCOME_H

#include <stddef.h>

enum outcome {
	OUTCOME_NONE,		/* still running */
	OUTCOME_COMPLETE,	/* everything was sent and acknowledged */
	OUTCOME_UNCONFIRMED,	/* all sent, the last ACK is missing */
	OUTCOME_PROBE,		/* client ended after the OACK: a size probe */
	OUTCOME_NOANSWER,	/* the peer never spoke */
	OUTCOME_NOTFOUND,	/* no such file */
	OUTCOME_DENIED,		/* against the rules or the permissions */
	OUTCOME_LIMITED,	/* refused by a limit: room, size, space */
	OUTCOME_INVALID,	/* no request that can be understood */
	OUTCOME_ABORTED,	/* the client sent ERROR mid-way */
	OUTCOME_VANISHED,	/* the client's port is closed, or it moved on */
	OUTCOME_TIMEOUT,	/* silence after it had spoken */
	OUTCOME_FAILED,		/* our own input or output failed */
	OUTCOME_CRASHED,	/* the process died without a word */
	OUTCOME_SHUTDOWN,	/* the server was stopped */
	OUTCOME_COUNT
};

enum outcome_class {
	OUTCOME_CLASS_SUCCESS,
	OUTCOME_CLASS_NEUTRAL,
	OUTCOME_CLASS_REFUSED,
	OUTCOME_CLASS_FAILURE,
	OUTCOME_CLASS_COUNT
};

/* The name in the log ("complete"); "none" for OUTCOME_NONE. */
const char *outcome_name(enum outcome outcome);

/*
 * The outcome of that name (name[0..len), compared whole), or OUTCOME_NONE
 * when it is not of the set.
 */
enum outcome outcome_from_name(const char *name, size_t len);

/* The class that reports count it under. */
enum outcome_class outcome_class(enum outcome outcome);

/* "success", "neutral", "refused", "failure": its name in reports. */
const char *outcome_class_name(enum outcome_class of_class);

#endif
