#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "status/diff.h"

int
diff_split(const char *text, size_t len, struct diff_text *out)
{
	const char *at = text, *end = text + len, *next;
	size_t count = 0, n;

	for (n = 0; n < len; n++)
		count += text[n] == '\n';
	*out = (struct diff_text){ .lines = calloc(count + 1,
	    sizeof(*out->lines)) };
	if (out->lines == NULL)
		return -ENOMEM;
	for (; at < end; at = next + 1) {
		next = memchr(at, '\n', (size_t)(end - at));
		if (next == NULL)
			next = end;
		n = (size_t)(next - at);
		if (n != 0 && at[n - 1] == '\r')
			n--;
		out->lines[out->count++] = (struct diff_line){ at, n };
	}
	return 0;
}

static bool
is_same(const struct diff_line *a, const struct diff_line *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* The middle parts, without what is the same before and behind. */
struct middle {
	const struct diff_line *a, *b;
	size_t a_count, b_count;
	size_t before;		/* lines before both */
	diff_say *say;
	void *arg;
};

static struct middle
find_middle(const struct diff_text *a, const struct diff_text *b)
{
	size_t least = a->count < b->count ? a->count : b->count;
	size_t head = 0, tail = 0;

	while (head < least && is_same(&a->lines[head], &b->lines[head]))
		head++;
	while (tail < least - head && is_same(&a->lines[a->count - 1 - tail],
	    &b->lines[b->count - 1 - tail]))
		tail++;
	return (struct middle){ .a = a->lines + head, .b = b->lines + head,
		.a_count = a->count - head - tail,
		.b_count = b->count - head - tail, .before = head };
}

static void
say_lines(const struct middle *m, char sign, size_t from, size_t to)
{
	const struct diff_line *lines = sign == '-' ? m->a : m->b;

	for (; from < to; from++)
		m->say(m->arg, sign, m->before + from + 1, &lines[from]);
}

/*
 * longest[i][j]: how many lines the rest of a from i on and the rest of b
 * from j on have in common.
 */
static void
measure(const struct middle *m, uint32_t *longest)
{
	size_t width = m->b_count + 1, i, j;
	uint32_t *row;

	for (i = m->a_count; i-- > 0;) {
		row = longest + i * width;
		for (j = m->b_count; j-- > 0;) {
			if (is_same(&m->a[i], &m->b[j]))
				row[j] = row[width + j + 1] + 1;
			else
				row[j] = row[width + j] > row[j + 1] ?
				    row[width + j] : row[j + 1];
		}
	}
}

/* Runs of lines that differ are told together: removed ones, then new ones. */
static void
walk(const struct middle *m, const uint32_t *longest)
{
	size_t width = m->b_count + 1, i = 0, j = 0, from_i = 0, from_j = 0;

	while (i < m->a_count && j < m->b_count) {
		if (is_same(&m->a[i], &m->b[j])) {
			say_lines(m, '-', from_i, i);
			say_lines(m, '+', from_j, j);
			from_i = ++i;
			from_j = ++j;
		} else if (longest[(i + 1) * width + j] >=
		    longest[i * width + j + 1]) {
			i++;
		} else {
			j++;
		}
	}
	say_lines(m, '-', from_i, m->a_count);
	say_lines(m, '+', from_j, m->b_count);
}

int
diff_compare(const struct diff_text *before, const struct diff_text *after,
    diff_say *say, void *arg)
{
	struct middle m = find_middle(before, after);
	uint32_t *longest;

	m.say = say;
	m.arg = arg;
	if (m.b_count == 0 ||
	    m.a_count > DIFF_CELLS_MAX / (m.b_count + 1)) {
		say_lines(&m, '-', 0, m.a_count);
		say_lines(&m, '+', 0, m.b_count);
		return 0;
	}
	longest = calloc((m.a_count + 1) * (m.b_count + 1),
	    sizeof(*longest));
	if (longest == NULL)
		return -ENOMEM;
	measure(&m, longest);
	walk(&m, longest);
	free(longest);
	return 0;
}
