#include <string.h>

#include "maprules_parts.h"

#define RULE_LEAVES	(RULE_EXIT | RULE_ABORT | RULE_JUMP | RULE_RESTART)

/* ---- what a regex may match ------------------------------------------- */

/* The byte behind a bracket expression that begins at p. */
static const char *
skip_bracket(const char *p)
{
	char kind;

	p += 1 + (p[1] == '^');
	if (*p == ']')
		p++;
	while (*p != '\0' && *p != ']') {
		kind = p[1];
		if (*p++ != '[' || (kind != ':' && kind != '.' && kind != '='))
			continue;
		for (p++; *p != '\0' && (p[0] != kind || p[1] != ']'); p++)
			;
		if (*p != '\0')
			p += 2;
	}
	return *p == '\0' ? p : p + 1;
}

/* Is there anything in it that looks at where it stands in the name? */
static bool
has_anchor(const char *regex, size_t len)
{
	const char *p = regex, *end = regex + len;

	while (p < end) {
		switch (*p) {
		case '^':
		case '$':
			return true;
		case '[':
			p = skip_bracket(p);
			break;
		case '\\':
			if (strchr("<>bB`'", p[1]) != NULL)
				return true;
			p += 2;
			break;
		default:
			p++;
		}
	}
	return false;
}

/* The digit of a `\1`, which to glibc refers to a group, or 0. */
static char
back_reference(const char *regex)
{
	const char *p = regex;

	while (*p != '\0') {
		if (*p == '[') {
			p = skip_bracket(p);
		} else if (*p == '\\' && p[1] != '\0') {
			if (p[1] >= '1' && p[1] <= '9')
				return p[1];
			p += 2;
		} else {
			p++;
		}
	}
	return '\0';
}

static bool
is_one_of(const char *text, size_t len, const char *const words[])
{
	for (; *words != NULL; words++)
		if (strlen(*words) == len && memcmp(*words, text, len) == 0)
			return true;
	return false;
}

/* May the rule leave nothing of a name?  Not if it always puts a byte in. */
static bool
can_empty(const struct maprules_rule *rule)
{
	const char *at = rule->replacement, *after;
	char letter;

	if ((rule->flags & RULE_REWRITE) == 0)
		return false;
	while ((after = maprules_next_escape(at, &letter)) != NULL) {
		if (after - at > 2 || strchr("0123456789mULE", letter) == NULL)
			return false;
		at = after;
	}
	return *at == '\0';
}

/* A client's name is never empty, but one of these may make it so. */
static bool
any_can_empty(const struct maprules *m)
{
	unsigned i;

	for (i = 0; i < m->count; i++)
		if (can_empty(&m->rules[i]))
			return true;
	return false;
}

/*
 * Does the regex match whatever the name is?  A regex that matches nothing
 * at all, and has no anchor but one at its edge, does; one that needs a byte
 * does where names have one.  false: not sure.
 */
static bool
matches_all(const struct maprules_rule *rule, bool has_byte)
{
	static const char *const whole[] = { ".*", "(.*)", NULL };
	static const char *const some[] = { ".", "(.)", ".+", "(.+)", NULL };
	static const char *const more[] = { ".+", "(.+)", NULL };
	const char *middle = rule->regex;
	size_t len = strlen(middle);
	bool at_start = middle[0] == '^', at_end;

	if (at_start) {
		middle++;
		len--;
	}
	/* "\$" does no harm here: it never matches nothing at all */
	at_end = len != 0 && middle[len - 1] == '$';
	if (at_end)
		len--;
	if (has_anchor(middle, len))
		return false;
	if (at_start && at_end)
		return is_one_of(middle, len, whole) ||
		    (has_byte && is_one_of(middle, len, more));
	return (has_byte && is_one_of(middle, len, some)) ||
	    regexec(&rule->rx, "", 0, NULL, 0) == 0;
}

/* Does the regex match again what the rule made of a name? */
static bool
matches_own(const struct maprules_rule *rule)
{
	struct maprules_writer w;
	const char *at = rule->replacement;
	bool has_whole = false, has_case = false;
	char letter;

	if ((rule->flags & RULE_ALWAYS) != 0)
		return true;
	if (maprules_is_constant(at)) {
		maprules_constant(&w, at);
		return regexec(&rule->rx, w.text, 0, NULL, 0) == 0;
	}
	while ((at = maprules_next_escape(at, &letter)) != NULL) {
		has_whole = has_whole || letter == '0';
		has_case = has_case || letter == 'U' || letter == 'L';
	}
	return has_whole && !has_case &&
	    !has_anchor(rule->regex, strlen(rule->regex));
}

/* ---- one rule alone --------------------------------------------------- */

/*
 * glibc needs polynomial time of a high degree, or exponential time, once a
 * regex refers back: minutes for a name that a stranger thinks up.
 */
static void
check_regex(struct maprules_reader *reader, const struct maprules_rule *rule)
{
	char digit = back_reference(rule->regex);

	if (digit != '\0')
		maprules_say(reader, rule->line, false, "\\%c in the regex: "
		    "some names would take for ever to match", digit);
}

static bool
is_ascii_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void
check_escape(struct maprules_reader *reader, const struct maprules_rule *rule,
    char letter)
{
	if (is_ascii_letter(letter) && strchr("ixmULE", letter) == NULL) {
		maprules_say(reader, rule->line, true,
		    "\\%c is no escape: it means %c", letter, letter);
		return;
	}
	if (letter < '0' || letter > '9')
		return;
	if ((rule->flags & RULE_INVERSE) != 0)
		maprules_say(reader, rule->line, true,
		    "\\%c is always empty in a rule with ~", letter);
	else if ((size_t)(letter - '0') > rule->rx.re_nsub)
		maprules_say(reader, rule->line, true, "\\%c is always empty: "
		    "the regex has no group %c", letter, letter);
}

static void
check_replacement(struct maprules_reader *reader,
    const struct maprules_rule *rule)
{
	const char *at = rule->replacement;
	char letter;

	if ((rule->flags & RULE_REPLACES) == 0) {
		if (*at != '\0')
			maprules_say(reader, rule->line, true,
			    "\"%.*s\" is not used: only r, a and j replace",
			    RULE_SHOWN, at);
		return;
	}
	while ((at = maprules_next_escape(at, &letter)) != NULL)
		check_escape(reader, rule, letter);
}

/* ---- rules that are never used ---------------------------------------- */

/* Does a applies whenever b does? */
static bool
is_wider(const struct maprules_rule *a, const struct maprules_rule *b)
{
	return (a->flags & RULE_CONDITIONS & ~b->flags) == 0;
}

/* The same regex, where a matches at least what b matches. */
static bool
is_same(const struct maprules_rule *a, const struct maprules_rule *b)
{
	bool is_inverse = (a->flags & RULE_INVERSE) != 0;
	bool a_icase = (a->flags & RULE_ICASE) != 0;
	bool b_icase = (b->flags & RULE_ICASE) != 0;

	if (((a->flags ^ b->flags) & RULE_INVERSE) != 0 ||
	    strcmp(a->regex, b->regex) != 0)
		return false;
	return is_inverse ? !a_icase || b_icase : a_icase || !b_icase;
}

static bool
any_of(const struct maprules *m, unsigned from, unsigned to, unsigned flags)
{
	unsigned i;

	for (i = from; i < to; i++)
		if ((m->rules[i].flags & flags) != 0)
			return true;
	return false;
}

static const char *
leaving(const struct maprules_rule *rule)
{
	if ((rule->flags & RULE_ABORT) != 0)
		return "refuses";
	if ((rule->flags & RULE_EXIT) != 0)
		return "ends the rules";
	return (rule->flags & RULE_RESTART) != 0 ? "starts over" : "jumps";
}

/* Is rule `at` kept from ever acting by the one at i?  Say so. */
static bool
is_shadowed(struct maprules_reader *reader, unsigned i, unsigned at)
{
	const struct maprules *m = reader->m;
	const struct maprules_rule *a = &m->rules[i], *b = &m->rules[at];

	if ((a->flags & RULE_LEAVES) == 0 || !is_wider(a, b))
		return false;
	if ((a->flags & (RULE_ALWAYS | RULE_INVERSE)) == RULE_ALWAYS) {
		maprules_say(reader, b->line, true, "never reached: line %u "
		    "matches every name and %s", a->line, leaving(a));
		return true;
	}
	if (is_same(a, b) && !any_of(m, i + 1, at, RULE_REWRITE)) {
		maprules_say(reader, b->line, true, "never matches: line %u "
		    "has the same regex and %s", a->line, leaving(a));
		return true;
	}
	return false;
}

/* Rules before the last label do not count: they may be jumped over. */
static void
check_reached(struct maprules_reader *reader, unsigned at)
{
	const struct maprules_rule *rule = &reader->m->rules[at];
	unsigned i = at;

	if ((rule->flags & (RULE_ALWAYS | RULE_INVERSE)) ==
	    (RULE_ALWAYS | RULE_INVERSE))
		maprules_say(reader, rule->line, true,
		    "never acts: the regex matches every name, and with ~ "
		    "it must not");
	while (i > 0 && (reader->m->rules[i - 1].flags & RULE_LABEL) == 0)
		i--;
	for (; i < at; i++)
		if (is_shadowed(reader, i, at))
			return;
}

/* ---- loops ------------------------------------------------------------ */

/*
 * s starts over, and comes back here for certain: nothing before it leaves,
 * and the rule matches whatever was changed, or nothing is.
 */
static bool
restarts_for_ever(const struct maprules *m, unsigned at)
{
	const struct maprules_rule *rule = &m->rules[at];
	unsigned state = rule->flags & (RULE_ALWAYS | RULE_INVERSE);

	if (any_of(m, 0, at, RULE_LEAVES | RULE_EXIT_GOOD))
		return false;
	if (state == RULE_ALWAYS)
		return true;
	if (any_of(m, 0, at, RULE_REWRITE) ||
	    state == (RULE_ALWAYS | RULE_INVERSE))
		return false;
	return (rule->flags & RULE_REWRITE) == 0 || matches_own(rule);
}

static void
check_loops(struct maprules_reader *reader, unsigned at)
{
	const struct maprules *m = reader->m;
	const struct maprules_rule *rule = &m->rules[at];

	if ((rule->flags & (RULE_REPEAT | RULE_ONWARD)) == RULE_REPEAT &&
	    matches_own(rule))
		maprules_say(reader, rule->line, true, "loops: with g the "
		    "regex matches the replacement again");
	if ((rule->flags & RULE_RESTART) != 0 && restarts_for_ever(m, at))
		maprules_say(reader, rule->line, true,
		    "loops: after the restart of s it matches again");
	if (rule->target != RULE_TARGET_NONE && rule->target < at)
		maprules_say(reader, rule->line, true, "jumps back to line "
		    "%u: loops unless a rule between changes that",
		    m->rules[rule->target].line);
}

void
maprules_lint(struct maprules_reader *reader)
{
	struct maprules *m = reader->m;
	bool has_byte = !any_can_empty(m);
	unsigned i;

	for (i = 0; i < m->count; i++)
		if ((m->rules[i].flags & RULE_LABEL) == 0 &&
		    matches_all(&m->rules[i], has_byte))
			m->rules[i].flags |= RULE_ALWAYS;
	for (i = 0; i < m->count; i++) {
		if ((m->rules[i].flags & RULE_LABEL) != 0)
			continue;
		check_regex(reader, &m->rules[i]);
		check_replacement(reader, &m->rules[i]);
		check_reached(reader, i);
		check_loops(reader, i);
	}
}
