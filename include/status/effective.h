/*
 * effective - what "tftpd --print-config" says, value by value: what is in
 * force and where it comes from.
 */
#ifndef STATUS_EFFECTIVE_H
#define STATUS_EFFECTIVE_H

#include <stdbool.h>
#include <stddef.h>

/* Texts as tftpd printed them, without control characters but newlines. */
struct effective_value {
	const char *key;
	const char *value;	/* as tftpd.conf(5) has it: quotes, braces */
	const char *origin;	/* "default", "command line", "FILE:LINE" */
	const char *section;	/* networks of its client section; NULL */
};

struct effective_problem {
	bool is_warning;
	const char *file;	/* NULL: not of a file */
	unsigned line;		/* 0: of the whole file */
	const char *text;
};

/* All zeroes is nothing. */
struct effective {
	struct effective_value *values;
	size_t value_count;
	struct effective_problem *problems;
	size_t problem_count;
	bool has_more;		/* problems than there is room for */
	char *out, *err;	/* what the texts lie in */
};

/*
 * effective_parse - take apart what it printed.
 *
 * out        its standard output, of "--print-config"; "" when it failed
 * err        its standard error, of "--print-config" or "--check"
 * effective_free() is due; ends the program without memory.
 */
void effective_parse(const char *out, const char *err, struct effective *e);

void effective_free(struct effective *e);

#endif
