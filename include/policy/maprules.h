/*
 * maprules - tftpd-hpa's map files: rules that rewrite a name before anything
 * else is decided.
 *
 * The letters of 5.2 and what 6.0 added (gg, E, j, labels), with 6.0's meaning
 * of `s` and `a`, and `\m`, the client's MAC address.  gg is sed's s///g, also
 * where a regex matches nothing at all.  Compiled once per start; behind the
 * walls only maprules_apply() runs.
 *
 * Names are bytes, and only ASCII letters have a case; that holds as long as
 * the program stays in the C locale.
 */
#ifndef POLICY_MAPRULES_H
#define POLICY_MAPRULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/pathname.h"

#define MAPRULES_STEPS		4096	/* 6.0's cap; --map-steps sets one */
#define MAPRULES_ERROR_MAX	256

struct maprules;

/*
 * A complaint about a rule.  line counts from 1; text has no file and line in
 * it, nor control bytes, and less than MAPRULES_ERROR_MAX bytes.  A warning
 * (lint: a rule that can never match, a loop, an escape that is none) does not
 * keep the rules from being used.
 */
typedef void maprules_complain(void *arg, unsigned line, bool is_warning,
    const char *text);

/*
 * maprules_compile - all rules of a file.
 *
 * text, len  the file; bytes after a NUL in a line and CRs are left out
 * complain   called for every problem, the whole file is looked at
 * Returns the rules (maprules_free() them), or NULL when there was an error
 * or no memory (complained of, too).  A file without rules is fine.
 */
struct maprules *maprules_compile(const char *text, size_t len,
    maprules_complain *complain, void *arg);

void maprules_free(struct maprules *m);

/*
 * How many lines with rules or labels there are, and one of them as text: its
 * fields with a space between, which compile to the same rule.
 */
unsigned maprules_count(const struct maprules *m);
const char *maprules_text(const struct maprules *m, unsigned index,
    unsigned *line);

/* Does any rule use `\m`?  Only then it is worth looking it up. */
bool maprules_wants_mac(const struct maprules *m);

/* Who asks, for G, P, 4, 6, \i, \x and \m. */
struct maprules_client {
	bool is_write;		/* a WRQ */
	bool is_v4;		/* v4-mapped counts as IPv4 */
	const char *address;	/* \i: "192.0.2.7", "2001:db8::1", no scope */
	const uint8_t *bytes;	/* \x: 4 or 16, network order */
	const char *mac;	/* \m; "" when it is not known */
};

/* What may be asked and told while rules are applied; each may be NULL. */
struct maprules_hooks {
	/* E: would this name do (is it valid, does the file exist)?  NULL: any
	   name would. */
	bool (*would_do)(void *arg, const char *name);
	/* A rule matched (and E did not undo it): name is what it is now. */
	void (*on_match)(void *arg, unsigned line, const char *name);
	void *arg;
};

enum maprules_verdict {
	MAPRULES_OK,		/* out is the name, changed or not */
	MAPRULES_ABORTED,	/* `a`, or a `j` to a label made from the name
				   which there is not: out is the text for the
				   client */
	MAPRULES_STEPS_USED,	/* more steps than allowed: a loop; out is the
				   name before this rule */
	MAPRULES_TOO_LONG	/* over PATHNAME_MAX bytes; out as before */
};

struct maprules_result {
	enum maprules_verdict verdict;
	unsigned line;		/* of the rule that ended it or changed the
				   name last; 0: none did */
	char out[PATHNAME_MAX + 1];
};

/*
 * maprules_apply - what the rules make of a name.
 *
 * name       as the client sent it, without NUL or control bytes
 * steps_max  rules that may be tried, applicable ones only; each repetition
 *            of g and gg is another step
 *
 * The rules are only read, and nothing is allocated but by regexec().
 */
void maprules_apply(const struct maprules *m, const char *name,
    const struct maprules_client *client, unsigned steps_max,
    const struct maprules_hooks *hooks, struct maprules_result *result);

#endif
