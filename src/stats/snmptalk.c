#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "stats/snmptalk.h"

struct talk {
	int in;
	FILE *out;
	const struct snmptalk_source *source;
	char buf[2 * SNMPTALK_LINE_MAX];	/* what came, from at to end */
	size_t at, end;
	char line[SNMPTALK_LINE_MAX];		/* the last one, no newline */
	size_t len;
	bool is_long;				/* it did not fit */
	int err;
};

/* ---- lines ----------------------------------------------------------- */

/* More into an empty buffer; false at the end of input. */
static bool
fill(struct talk *t)
{
	ssize_t n;

	do
		n = read(t->in, t->buf, sizeof(t->buf));
	while (n == -1 && errno == EINTR);
	if (n == -1)
		t->err = -errno;
	t->at = 0;
	t->end = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static void
keep(struct talk *t, const char *text, size_t len)
{
	size_t room = sizeof(t->line) - t->len;

	t->is_long |= len > room;
	if (len > room)
		len = room;
	memcpy(t->line + t->len, text, len);
	t->len += len;
}

/* What came up to the next newline, which is taken; true if there is one. */
static bool
take_piece(struct talk *t)
{
	const char *from = t->buf + t->at;
	const char *newline = memchr(from, '\n', t->end - t->at);
	size_t len = newline == NULL ? t->end - t->at :
	    (size_t)(newline - from);

	keep(t, from, len);
	t->at += len + (newline != NULL);
	return newline != NULL;
}

static void
begin_line(struct talk *t)
{
	t->len = 0;
	t->is_long = false;
}

/* The next line; false at the end of input, an unfinished one is dropped. */
static bool
next_line(struct talk *t)
{
	begin_line(t);
	for (;;) {
		if (t->at == t->end && !fill(t))
			return false;
		if (take_piece(t))
			return true;
	}
}

static bool
is_line(const struct talk *t, const char *text)
{
	return t->len == strlen(text) && memcmp(t->line, text, t->len) == 0;
}

/* ---- requests -------------------------------------------------------- */

/* False at the end of input. */
static bool
answer_get(struct talk *t, bool is_next)
{
	const struct snmptree_value *v = NULL;
	const struct snmptree *tree;
	struct snmpoid oid;

	if (!next_line(t))
		return false;
	if (!t->is_long && snmpoid_parse(t->line, t->len, &oid)) {
		tree = t->source->look(t->source->arg);
		v = is_next ? snmptree_next(tree, &oid) :
		    snmptree_get(tree, &oid);
	}
	if (v != NULL)
		snmptree_print(v, t->out);
	else
		fputs("NONE\n", t->out);
	return true;
}

/*
 * Behind the identifier stands "TYPE VALUE".  net-snmp 5.9.3 puts two
 * newlines behind an integer, later ones put none at all, and an empty line
 * would be goodbye: so what came with the identifier, up to the end of what
 * was written or the empty line, is the value.
 */
static bool
answer_set(struct talk *t)
{
	if (!next_line(t))
		return false;
	if (t->at == t->end && !fill(t))
		return false;
	begin_line(t);
	if (take_piece(t) && t->at != t->end && t->buf[t->at] == '\n')
		t->at++;
	fputs("not-writable\n", t->out);
	return true;
}

/* False when it is over. */
static bool
answer(struct talk *t)
{
	if (t->len == 0)
		return false;
	if (is_line(t, "PING"))
		fputs("PONG\n", t->out);
	else if (is_line(t, "get"))
		return answer_get(t, false);
	else if (is_line(t, "getnext"))
		return answer_get(t, true);
	else if (is_line(t, "set"))
		return answer_set(t);
	else
		fputs("NONE\n", t->out);	/* or snmpd would wait for us */
	return true;
}

int
snmptalk_serve(int in, FILE *out, const struct snmptalk_source *source)
{
	struct talk t = { .in = in, .out = out, .source = source };

	while (next_line(&t) && answer(&t))
		if (fflush(out) != 0)
			break;
	return t.err;
}
