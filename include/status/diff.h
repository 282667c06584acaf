/*
 * diff - which lines of a text are gone, and which are new.
 */
#ifndef STATUS_DIFF_H
#define STATUS_DIFF_H

#include <stdbool.h>
#include <stddef.h>

/* A line, without its end; a carriage return there does not count. */
struct diff_line {
	const char *text;
	size_t len;
};

struct diff_text {
	struct diff_line *lines;
	size_t count;
};

/*
 * Of one line: '-' removed, '+' added; number counts in its own text, from 1.
 */
typedef void diff_say(void *arg, char sign, size_t number,
    const struct diff_line *line);

/*
 * diff_split - the lines of a text, which must outlive them.
 * Returns 0 or -ENOMEM; free(out->lines).
 */
int diff_split(const char *text, size_t len, struct diff_text *out);

/*
 * diff_compare - tell each line that differs, in order, removed ones first.
 *
 * The fewest there are; where more than DIFF_CELLS_MAX comparisons would be
 * needed for that, all from the first to the last that differ.
 * Returns 0 or -ENOMEM.
 */
#define DIFF_CELLS_MAX	((size_t)4 * 1000 * 1000)
int diff_compare(const struct diff_text *before,
    const struct diff_text *after, diff_say *say, void *arg);

#endif
