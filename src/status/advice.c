#include "status/advice.h"

static const struct {
	const char *cause, *action;
} advices[OUTCOME_COUNT] = {
	[OUTCOME_NONE] = { "", "" },
	[OUTCOME_COMPLETE] = { "", "" },
	[OUTCOME_UNCONFIRMED] = { "", "" },
	[OUTCOME_PROBE] = { "", "" },
	[OUTCOME_NOTFOUND] = {
		"It asked for a name that is not there.",
		"Boot loaders walk through many names, then this is normal. "
		"If it needed the file: tftpd-stats missing shows the names, "
		"and files that are spelt nearly alike."
	},
	[OUTCOME_DENIED] = {
		"A rule of the configuration or the file's permissions "
		"forbid it.",
		"tftpd --explain 'CLIENT read NAME' says which. Files must be "
		"readable by the service user; uploads have to be allowed."
	},
	[OUTCOME_LIMITED] = {
		"A limit was reached: of transfers, of a file's size, or of "
		"room on the disk.",
		"See the message; raise the limit in tftpd.conf, or free some "
		"room."
	},
	[OUTCOME_INVALID] = {
		"What came was no request that can be understood.",
		"A broken client, or somebody who scans the network. Nothing "
		"has to be done here."
	},
	[OUTCOME_NOANSWER] = {
		"The client never answered our first packet.",
		"A firewall or NAT between that lets no answer through, for "
		"it comes from another port than 69 - or the request was "
		"forged. Let UDP through both ways, or set single-port = yes."
	},
	[OUTCOME_ABORTED] = {
		"The client ended it with an error of its own.",
		"Its message says why; often it has no room for the file, or "
		"got an option that it does not like."
	},
	[OUTCOME_VANISHED] = {
		"The client closed its port, or began anew, in mid-transfer.",
		"Mostly it was reset or switched off, or it gave up and asks "
		"again. If one client does it all the time, look at its "
		"console."
	},
	[OUTCOME_TIMEOUT] = {
		"The client answered at first and then fell silent.",
		"It was switched off, or the network loses packets: look at "
		"tftpd-stats slow, and try a smaller max-blksize or "
		"max-windowsize."
	},
	[OUTCOME_FAILED] = {
		"Reading or writing failed here.",
		"See the message, and the disk: the system's log has what "
		"the kernel says."
	},
	[OUTCOME_CRASHED] = {
		"The process that served it died without a word.",
		"It was killed (out of memory?) or has a bug: look at the "
		"system's log, and please report it."
	},
	[OUTCOME_SHUTDOWN] = {
		"The server was stopped while it ran.",
		"The client has to ask again; nothing is wrong here."
	},
};

const char *
advice_cause(enum outcome outcome)
{
	return advices[(unsigned)outcome < OUTCOME_COUNT ? outcome :
	    OUTCOME_NONE].cause;
}

const char *
advice_action(enum outcome outcome)
{
	return advices[(unsigned)outcome < OUTCOME_COUNT ? outcome :
	    OUTCOME_NONE].action;
}
