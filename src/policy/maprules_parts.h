/*
 * maprules_parts - what the files of maprules share: a rule as it is kept,
 * and how its replacement becomes text.
 */
#ifndef POLICY_MAPRULES_PARTS_H
#define POLICY_MAPRULES_PARTS_H

#include <limits.h>
#include <regex.h>

#include "policy/maprules.h"

#define RULE_GROUPS		10	/* \0 to \9 */
#define RULE_TARGET_NONE	UINT_MAX
#define RULE_SHOWN		48	/* bytes of a field in a complaint */

/* One bit a letter, and what was found out about the rule. */
enum rule_flag {
	RULE_REWRITE	= 1 << 0,	/* r */
	RULE_REPEAT	= 1 << 1,	/* g */
	RULE_ONWARD	= 1 << 2,	/* gg: only in what is not yet read */
	RULE_EXIT	= 1 << 3,	/* e */
	RULE_EXIT_GOOD	= 1 << 4,	/* E */
	RULE_RESTART	= 1 << 5,	/* s */
	RULE_ABORT	= 1 << 6,	/* a */
	RULE_JUMP	= 1 << 7,	/* j */
	RULE_READS	= 1 << 8,	/* G */
	RULE_WRITES	= 1 << 9,	/* P */
	RULE_V4		= 1 << 10,	/* 4 */
	RULE_V6		= 1 << 11,	/* 6 */
	RULE_INVERSE	= 1 << 12,	/* ~ */
	RULE_ICASE	= 1 << 13,	/* i */
	RULE_LABEL	= 1 << 14,	/* no rule: ":label" */
	RULE_ALWAYS	= 1 << 15	/* no name fails to match; lint only */
};

#define RULE_CONDITIONS	(RULE_READS | RULE_WRITES | RULE_V4 | RULE_V6)
#define RULE_REPLACES	(RULE_REWRITE | RULE_ABORT | RULE_JUMP)

struct maprules_rule {
	unsigned line;
	unsigned flags;
	unsigned target;	/* index of j's label, or RULE_TARGET_NONE:
				   it depends on the name */
	char *text;		/* the fields with a space between */
	char *regex;		/* of a label: its name */
	char *replacement;	/* "" if there is none */
	regex_t rx;		/* not in a label */
};

struct maprules {
	struct maprules_rule *rules;
	unsigned count, room;
	bool wants_mac;
};

/* Who is told of problems, and how many errors there were. */
struct maprules_reader {
	struct maprules *m;
	maprules_complain *complain;
	void *arg;
	unsigned errors;
};

/* A text that grows up to PATHNAME_MAX bytes; text ends with a NUL. */
struct maprules_writer {
	char text[PATHNAME_MAX + 1];
	size_t len;
	bool is_full;		/* something did not fit */
	char letters;		/* 'U', 'L' or 'E': what becomes of them */
};

void maprules_say(struct maprules_reader *reader, unsigned line,
    bool is_warning, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Free what a rule holds; rx only if has_rx. */
void maprules_rule_free(struct maprules_rule *rule, bool has_rx);

/*
 * The next escape in a replacement: its letter, and what follows it.  NULL:
 * there is none.  A lone backslash at the end is none.
 */
const char *maprules_next_escape(const char *replacement, char *letter);

/* Whether the replacement is the same for every name and client. */
bool maprules_is_constant(const char *replacement);

/* No group matched anything. */
void maprules_clear_groups(regmatch_t groups[static RULE_GROUPS]);

/* A writer is empty at first, and leaves letters as they are. */
void maprules_writer_init(struct maprules_writer *w);

/* Append bytes; what does not fit is left out, and is_full set. */
void maprules_put(struct maprules_writer *w, const char *text, size_t len);

/*
 * Append a replacement.
 *
 * subject, groups  what \0 to \9 mean; a group of -1 is empty
 * client           may be NULL for a constant replacement
 */
void maprules_expand(struct maprules_writer *w, const char *replacement,
    const char *subject, const regmatch_t groups[static RULE_GROUPS],
    const struct maprules_client *client);

/* The text of a constant replacement. */
void maprules_constant(struct maprules_writer *w, const char *replacement);

/* The index of a label, or RULE_TARGET_NONE. */
unsigned maprules_find_label(const struct maprules *m, const char *name);

/*
 * Warn of what is wrong between rules; there were no errors.  A regex that
 * refers back is one.
 */
void maprules_lint(struct maprules_reader *reader);

#endif
