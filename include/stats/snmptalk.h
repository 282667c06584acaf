/*
 * snmptalk - net-snmp's pass_persist protocol, snmpd.conf(5): snmpd writes
 * PING, get, getnext and set, a few lines each, and waits for the answer.
 */
#ifndef STATS_SNMPTALK_H
#define STATS_SNMPTALK_H

#include <stdio.h>

#include "stats/snmptree.h"

#define SNMPTALK_LINE_MAX	4096	/* what is longer is no request */

/* Who has the values; they are asked for at each request. */
struct snmptalk_source {
	void *arg;
	const struct snmptree *(*look)(void *arg);
};

/*
 * snmptalk_serve - answer until an empty line, the end of in, or until
 * nobody reads the answers.
 *
 * in         read by descriptor: a request is one write(2) of snmpd's
 * out        flushed after each answer
 * Returns 0, or -errno when in could not be read.
 */
int snmptalk_serve(int in, FILE *out, const struct snmptalk_source *source);

#endif
