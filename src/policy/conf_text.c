/*
 * libconfuse reads a file mostly as an administrator means it.  Where it does
 * not - it leaves out a `*` that is not quoted and the backslash of an escape
 * that it does not know, takes "\1" for the byte 1, lets a quote or a section
 * that is never closed pass at the end, loses memory when the call of a
 * function is wrong, and miscounts lines with comments - this tells or mends
 * it first.  The tokens here are those of its lexer.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_parts.h"

#define MARK_ROOM	24	/* bytes that a brace may add */
#define OPEN_MAX	16	/* braces in braces whose lines are known */

struct scan {
	const char *at, *end;
	unsigned line;
	char *out;
	unsigned words[2];		/* the lines of the last two words */
	char last;			/* token: itself, or 'w' */
	unsigned depth;			/* braces that are open, */
	unsigned opened[OPEN_MAX];	/* and their lines */
	bool is_call;			/* between ( and ) */
	bool is_broken;
	conf_text_complain *complain;
	void *arg;
};

static void __attribute__((format(printf, 4, 5)))
complain(struct scan *s, unsigned line, bool is_warning, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->complain(s->arg, line, is_warning, text);
}

static void
put(struct scan *s, char c)
{
	*s->out++ = c;
}

/* The byte n ahead, or NUL. */
static char
ahead(const struct scan *s, size_t n)
{
	return (size_t)(s->end - s->at) > n ? s->at[n] : '\0';
}

static bool
starts(const struct scan *s, const char *with)
{
	return (size_t)(s->end - s->at) >= strlen(with) &&
	    memcmp(s->at, with, strlen(with)) == 0;
}

static void
word(struct scan *s, unsigned line)
{
	s->words[0] = s->words[1];
	s->words[1] = line;
	s->last = 'w';
}

static bool
is_control(char c)
{
	return conf_is_control(c) && c != '\t' && c != '\n';
}

/* One byte of a text or a word, as it is. */
static void
copy(struct scan *s)
{
	if (is_control(*s->at))
		complain(s, s->line, false, "byte 0x%02x; control bytes are "
		    "written \\x%02x in double quotes",
		    (unsigned char)*s->at, (unsigned char)*s->at);
	else
		put(s, *s->at);
	if (*s->at == '\n')
		s->line++;
	s->at++;
}

/* ---- comments ---------------------------------------------------------- */

static void
skip_line(struct scan *s)
{
	while (s->at < s->end && *s->at != '\n')
		s->at++;
}

static void
skip_comment(struct scan *s)
{
	unsigned line = s->line;

	put(s, ' ');
	for (s->at += 2; s->at < s->end; s->at++) {
		if (starts(s, "*/")) {
			s->at += 2;
			return;
		}
		if (*s->at == '\n') {
			put(s, '\n');
			s->line++;
		}
	}
	complain(s, line, false, "this comment never ends; it needs a */");
	s->is_broken = true;
}

/* ---- ${NAME} ----------------------------------------------------------- */

/*
 * The environment never gets in, whoever calls: ${NAME} is nothing and
 * ${NAME:-text} is text.  Leaves s where it was if there is no closing brace.
 */
static bool
fill_in(struct scan *s)
{
	const char *p = s->at + 2, *text = NULL;
	const char *name = p;

	while (p < s->end && strchr("}\n\"", *p) == NULL) {
		if (text == NULL && p[0] == ':' && p + 1 < s->end &&
		    p[1] == '-')
			text = p + 2;
		p++;
	}
	if (p == s->end || *p != '}')
		return false;
	if (text == NULL)
		complain(s, s->line, true, "${%.*s} is empty: the environment "
		    "is not read; \\$ in double quotes is a $",
		    (int)(p - name < 64 ? p - name : 64), name);
	for (s->at = text == NULL ? p : text; s->at < p;) {
		if (*s->at == '\\' || *s->at == '$')
			put(s, '\\');
		copy(s);
	}
	s->at = p + 1;
	return true;
}

/* ---- texts ------------------------------------------------------------- */

static void
wrong_escape(struct scan *s, const char *means)
{
	complain(s, s->line, false, "\\%c between double quotes %s; a "
	    "backslash is \\\\, or use '...', where only \\\\ and \\' are "
	    "escapes",
	    s->at[1], means);
	put(s, '\\');
	put(s, '\\');
	s->at++;
}

static void
hex_escape(struct scan *s)
{
	size_t digits = isxdigit((unsigned char)ahead(s, 2)) == 0 ? 0 :
	    isxdigit((unsigned char)ahead(s, 3)) == 0 ? 1 : 2;
	bool zero = ahead(s, 2) == '0' && (digits == 1 || ahead(s, 3) == '0');

	if (digits == 0) {
		wrong_escape(s, "needs two hexadecimal digits");
	} else if (zero) {
		complain(s, s->line, false, "a text cannot have a NUL byte");
		s->at += 2 + digits;
	} else {
		memcpy(s->out, s->at, 2 + digits);
		s->out += 2 + digits;
		s->at += 2 + digits;
	}
}

static void
escape(struct scan *s)
{
	char c = ahead(s, 1);

	if (c == '\r' && ahead(s, 2) == '\n') {
		put(s, '\\');
		s->at += 2;
		copy(s);
	} else if (c == 'x') {
		hex_escape(s);
	} else if (c >= '0' && c <= '9') {
		wrong_escape(s, "is not a digit of a map rule but a byte");
	} else if (c != '\0' && strchr("\\\"'$nt\n", c) != NULL) {
		put(s, *s->at++);
		copy(s);
	} else if (c != '\0') {
		wrong_escape(s, "is none of \\\\ \\\" \\$ \\n \\t \\xHH");
	} else {
		s->at++;
	}
}

static void
text(struct scan *s)
{
	unsigned line = s->line;
	char quote = *s->at;

	put(s, *s->at++);
	while (s->at < s->end && *s->at != quote) {
		if (*s->at == '\r' && ahead(s, 1) == '\n') {
			s->at++;
		} else if (quote == '\'' && *s->at == '\\') {
			put(s, *s->at++);
			if (s->at < s->end)
				copy(s);
		} else if (*s->at == '\\') {
			escape(s);
		} else if (quote == '"' && starts(s, "${")) {
			if (!fill_in(s)) {
				put(s, '\\');
				copy(s);
			}
		} else {
			copy(s);
		}
	}
	if (s->at == s->end) {
		complain(s, line, false, "this quote is never closed");
		s->is_broken = true;
		return;
	}
	put(s, *s->at++);
	word(s, line);
}

/* ---- the rest ---------------------------------------------------------- */

static void
bare_word(struct scan *s)
{
	word(s, s->line);
	if (starts(s, "${")) {
		put(s, '"');
		if (fill_in(s)) {
			put(s, '"');
			return;
		}
		s->out--;
	}
	while (s->at < s->end && *s->at != '\0' &&
	    strchr(" #\"'\t\n\r={}()+,", *s->at) == NULL) {
		if (*s->at != '*') {
			copy(s);
			continue;
		}
		complain(s, s->line, false, "a * must stand in quotes");
		put(s, '_');
		s->at++;
	}
}

static void
brace(struct scan *s)
{
	int len;

	if (s->depth < OPEN_MAX)
		s->opened[s->depth] = s->line;
	s->depth++;
	put(s, *s->at++);
	if (s->last == '=')
		len = sprintf(s->out, "\"" CONF_MARK "%u\",", s->words[1]);
	else
		len = sprintf(s->out, CONF_MARK "=%u ", s->words[0]);
	s->out += len;
	s->last = '{';
}

static void
sign(struct scan *s)
{
	char c = *s->at++;

	if (c == '}' && s->depth > 0)
		s->depth--;
	if (c == '(' || c == ')')
		s->is_call = c == '(';
	put(s, c);
	s->last = c;
}

/* A token that cannot come next in include("FILE"). */
static bool
is_wrong_call(const struct scan *s)
{
	char c = *s->at;

	if (!s->is_call || strchr(" \t\r\n#/", c) != NULL)
		return false;
	return s->last == 'w' ? c != ',' && c != ')' :
	    strchr("{}(=+,", c) != NULL;
}

static void
token(struct scan *s)
{
	char c = *s->at;

	if (is_wrong_call(s)) {
		complain(s, s->line, false, "what stands in ( ) must be one "
		    "name in quotes, include(\"FILE\")");
		s->is_broken = true;
		return;
	}

	if (c == '\r' || c == '\n' || c == ' ' || c == '\t') {
		put(s, c == '\r' ? ' ' : c);
		s->line += c == '\n';
		s->at++;
	} else if (c == '#' || starts(s, "//")) {
		skip_line(s);
	} else if (starts(s, "/*")) {
		skip_comment(s);
	} else if (c == '"' || c == '\'') {
		text(s);
	} else if (c == '{') {
		brace(s);
	} else if (strchr("}(),=", c) != NULL && c != '\0') {
		sign(s);
	} else if (c == '+' && ahead(s, 1) == '=') {
		put(s, *s->at++);
	} else if (c == '+') {
		complain(s, s->line, false, "a + must stand in quotes");
		s->at++;
	} else if (is_control(c)) {
		copy(s);
	} else {
		bare_word(s);
	}
}

/* At the end: nothing may be open. */
static void
close_all(struct scan *s)
{
	if (s->is_call) {
		complain(s, s->words[1], false, "this ( is never closed");
		s->is_broken = true;
	} else if (s->depth > 0) {
		complain(s, s->depth <= OPEN_MAX ? s->opened[s->depth - 1] :
		    s->line, false, "this { is never closed");
	}
	for (; s->depth > 0; s->depth--)
		put(s, '}');
}

char *
conf_text(const char *in, size_t len, conf_text_complain *tell, void *arg)
{
	struct scan s = { .at = in, .end = in + len, .line = 1,
		.complain = tell, .arg = arg };
	size_t room = len + 2, i;
	char *out;

	for (i = 0; i < len; i++)
		room += in[i] == '{' ? MARK_ROOM : in[i] == '\\' ||
		    in[i] == '$';
	out = s.out = malloc(room);
	if (out == NULL) {
		complain(&s, 1, false, "not enough memory");
		return NULL;
	}
	if (starts(&s, "\357\273\277"))	/* a byte order mark */
		s.at += 3;
	while (s.at < s.end && !s.is_broken)
		token(&s);
	if (!s.is_broken)
		close_all(&s);
	put(&s, '\0');
	if (s.is_broken) {
		free(out);
		return NULL;
	}
	return out;
}
