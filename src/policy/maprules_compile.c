#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maprules_parts.h"

#define LETTERS_TEXT	"a e E g gg G i j P r s 4 6 ~"
#define WHITE		" \t\n\v\f\r"
#define FIELDS_MAX	4	/* three that count, one to complain of */

struct field {
	const char *text;
	size_t len;
};

static const struct {
	char letter;
	unsigned flag;
} letters[] = {
	{ 'r', RULE_REWRITE }, { 'g', RULE_REPEAT }, { 'e', RULE_EXIT },
	{ 'E', RULE_EXIT_GOOD }, { 's', RULE_RESTART }, { 'a', RULE_ABORT },
	{ 'j', RULE_JUMP }, { 'G', RULE_READS }, { 'P', RULE_WRITES },
	{ '4', RULE_V4 }, { '6', RULE_V6 }, { '~', RULE_INVERSE },
	{ 'i', RULE_ICASE },
};

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* ---- complaints ------------------------------------------------------- */

void
maprules_say(struct maprules_reader *reader, unsigned line, bool is_warning,
    const char *fmt, ...)
{
	char text[MAPRULES_ERROR_MAX];
	va_list ap;
	char *c;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = '?';
	if (!is_warning)
		reader->errors++;
	reader->complain(reader->arg, line, is_warning, text);
}

static void
say_no_memory(struct maprules_reader *reader, unsigned line)
{
	maprules_say(reader, line, false, "out of memory");
}

/* ---- fields ----------------------------------------------------------- */

/*
 * Cut the next field out of a line.  White space and # end it unless there
 * is a backslash before, which stays: the regex or the replacement deals
 * with it.  After two backslashes they are not escaped.
 */
static bool
next_field(const char **at, struct field *field)
{
	const char *p = *at + strspn(*at, WHITE);

	field->text = p;
	while (*p != '\0' && *p != '#' && strchr(WHITE, *p) == NULL)
		p += p[0] == '\\' && p[1] != '\0' ? 2 : 1;
	field->len = (size_t)(p - field->text);
	*at = p;
	return field->len != 0;
}

static unsigned
split_line(const char *line, struct field fields[static FIELDS_MAX])
{
	unsigned n = 0;

	while (n < FIELDS_MAX && next_field(&line, &fields[n]))
		n++;
	return n;
}

/* One to three fields as a line that means the same. */
static char *
join_fields(const struct field *fields, unsigned n)
{
	char *text;
	int len;

	if (n == 1)
		return strndup(fields[0].text, fields[0].len);
	len = asprintf(&text, "%.*s %.*s%s%.*s",
	    (int)fields[0].len, fields[0].text,
	    (int)fields[1].len, fields[1].text, n > 2 ? " " : "",
	    n > 2 ? (int)fields[2].len : 0, n > 2 ? fields[2].text : "");
	return len == -1 ? NULL : text;
}

static int
shown_len(const struct field *field)
{
	return field->len < RULE_SHOWN ? (int)field->len : RULE_SHOWN;
}

static void
warn_extra(struct maprules_reader *reader, unsigned line,
    const struct field *extra)
{
	maprules_say(reader, line, true, "\"%.*s\" and what follows it is "
	    "left out: a rule has three fields, a label one",
	    shown_len(extra), extra->text);
}

/* ---- letters ---------------------------------------------------------- */

static unsigned
letter_flag(char letter)
{
	size_t i;

	for (i = 0; i < COUNT(letters); i++)
		if (letters[i].letter == letter)
			return letters[i].flag;
	return 0;
}

static unsigned
read_letters(struct maprules_reader *reader, unsigned line,
    const struct field *field)
{
	char unknown[RULE_SHOWN + 1];
	unsigned flags = 0, flag;
	size_t i, n = 0;

	for (i = 0; i < field->len; i++) {
		flag = letter_flag(field->text[i]);
		if (flag == RULE_REPEAT && (flags & RULE_REPEAT) != 0)
			flag = RULE_ONWARD;
		flags |= flag;
		if (flag == 0 && n < RULE_SHOWN &&
		    memchr(unknown, field->text[i], n) == NULL)
			unknown[n++] = field->text[i];
	}
	unknown[n] = '\0';
	if (n != 0)
		maprules_say(reader, line, false, "unknown letter%s \"%s\" in "
		    "\"%.*s\"; there are %s", n == 1 ? "" : "s", unknown,
		    shown_len(field), field->text, LETTERS_TEXT);
	return flags;
}

static void
check_pairs(struct maprules_reader *reader, unsigned line, unsigned flags)
{
	static const char pairs[][3] = {
		"r~", "ra", "rj", "aj", "as", "ej", "ae", "es", "eE", "Ej",
		"aE", "Es"
	};
	size_t i;

	for (i = 0; i < COUNT(pairs); i++)
		if ((flags & letter_flag(pairs[i][0])) != 0 &&
		    (flags & letter_flag(pairs[i][1])) != 0)
			maprules_say(reader, line, false, "rule flags %c and "
			    "%c cannot be combined", pairs[i][0], pairs[i][1]);
}

/* Warn of letters that do nothing, and drop those. */
static unsigned
drop_idle(struct maprules_reader *reader, unsigned line, unsigned flags)
{
	if ((flags & RULE_REPEAT) != 0 && (flags & RULE_REWRITE) == 0) {
		maprules_say(reader, line, true, "g does nothing without r");
		flags &= ~(unsigned)(RULE_REPEAT | RULE_ONWARD);
	}
	if ((flags & RULE_JUMP) != 0 && (flags & RULE_RESTART) != 0) {
		maprules_say(reader, line, true,
		    "j does nothing with s, which starts over");
		flags &= ~(unsigned)RULE_JUMP;
	}
	if ((flags & RULE_READS) != 0 && (flags & RULE_WRITES) != 0)
		maprules_say(reader, line, true,
		    "G and P together: the rule never applies");
	if ((flags & RULE_V4) != 0 && (flags & RULE_V6) != 0)
		maprules_say(reader, line, true,
		    "4 and 6 together: the rule never applies");
	return flags;
}

static bool
compile_regex(struct maprules_reader *reader, struct maprules_rule *rule)
{
	int err, flags = REG_EXTENDED;
	char why[128];

	if ((rule->flags & RULE_ICASE) != 0)
		flags |= REG_ICASE;
	if ((rule->flags & RULE_INVERSE) != 0)
		flags |= REG_NOSUB;
	err = regcomp(&rule->rx, rule->regex, flags);
	if (err != 0) {
		regerror(err, &rule->rx, why, sizeof(why));
		maprules_say(reader, rule->line, false,
		    "bad regex \"%.*s\": %s", RULE_SHOWN, rule->regex, why);
		return false;
	}
	return true;
}

/* ---- lines ------------------------------------------------------------ */

static bool
add_rule(struct maprules *m, const struct maprules_rule *rule)
{
	unsigned room = m->room != 0 ? m->room * 2 : 16;
	struct maprules_rule *rules;

	if (m->count == m->room) {
		rules = reallocarray(m->rules, room, sizeof(*rules));
		if (rules == NULL)
			return false;
		m->rules = rules;
		m->room = room;
	}
	m->rules[m->count++] = *rule;
	return true;
}

/* Keep a rule, or free it if that cannot be. */
static void
keep_rule(struct maprules_reader *reader, struct maprules_rule *rule)
{
	if (add_rule(reader->m, rule))
		return;
	say_no_memory(reader, rule->line);
	maprules_rule_free(rule, (rule->flags & RULE_LABEL) == 0);
}

/* ":name"; ": name" is the same. */
static void
read_label(struct maprules_reader *reader, unsigned line,
    const struct field *fields, unsigned n)
{
	bool is_apart = fields[0].len == 1;
	struct maprules_rule rule = { .line = line, .flags = RULE_LABEL,
		.target = RULE_TARGET_NONE };
	const struct field *name = &fields[is_apart && n > 1];
	unsigned other, used = is_apart ? 2 : 1;

	if (is_apart && n < 2) {
		maprules_say(reader, line, false, "a label needs a name");
		return;
	}
	if (n > used)
		warn_extra(reader, line, &fields[used]);
	rule.text = join_fields(fields, used);
	rule.regex = is_apart ? strndup(name->text, name->len) :
	    strndup(name->text + 1, name->len - 1);
	rule.replacement = strdup("");
	if (rule.text == NULL || rule.regex == NULL ||
	    rule.replacement == NULL) {
		say_no_memory(reader, line);
		goto out;
	}
	other = maprules_find_label(reader->m, rule.regex);
	if (other != RULE_TARGET_NONE) {
		maprules_say(reader, line, false, "there is a label \"%.*s\" "
		    "on line %u already", RULE_SHOWN, rule.regex,
		    reader->m->rules[other].line);
		goto out;
	}
	keep_rule(reader, &rule);
	return;
out:
	maprules_rule_free(&rule, false);
}

static void
read_rule(struct maprules_reader *reader, unsigned line,
    const struct field *fields, unsigned n)
{
	struct maprules_rule rule = { .line = line,
		.target = RULE_TARGET_NONE };
	unsigned errors = reader->errors;

	rule.flags = read_letters(reader, line, &fields[0]);
	check_pairs(reader, line, rule.flags);
	rule.flags = drop_idle(reader, line, rule.flags);
	if (n < 2) {
		maprules_say(reader, line, false, "the regex is missing");
		return;
	}
	if (n > 3)
		warn_extra(reader, line, &fields[3]);
	rule.text = join_fields(fields, n < 3 ? n : 3);
	rule.regex = strndup(fields[1].text, fields[1].len);
	rule.replacement = n < 3 ? strdup("") :
	    strndup(fields[2].text, fields[2].len);
	if (rule.text == NULL || rule.regex == NULL ||
	    rule.replacement == NULL)
		say_no_memory(reader, line);
	else if (compile_regex(reader, &rule)) {
		if ((rule.flags & RULE_JUMP) != 0 && n < 3)
			maprules_say(reader, line, false, "j needs a label");
		if (reader->errors == errors) {
			keep_rule(reader, &rule);
			return;
		}
		regfree(&rule.rx);
	}
	maprules_rule_free(&rule, false);
}

static void
read_line(struct maprules_reader *reader, unsigned line, const char *text)
{
	struct field fields[FIELDS_MAX];
	unsigned n = split_line(text, fields);

	if (n == 0)
		return;
	if (fields[0].text[0] == ':')
		read_label(reader, line, fields, n);
	else
		read_rule(reader, line, fields, n);
}

/* A line without its CRs, up to a NUL. */
static void
copy_line(struct maprules_reader *reader, unsigned line, const char *text,
    size_t len, char *out)
{
	size_t i;

	for (i = 0; i < len && text[i] != '\0'; i++)
		if (text[i] != '\r')
			*out++ = text[i];
	*out = '\0';
	if (i < len)
		maprules_say(reader, line, true,
		    "a NUL byte: the rest of the line is left out");
}

static void
read_lines(struct maprules_reader *reader, const char *text, size_t len)
{
	const char *end = text + len, *stop;
	char *copy = malloc(len + 1);
	unsigned line;

	if (copy == NULL) {
		say_no_memory(reader, 1);
		return;
	}
	for (line = 1; text < end; line++) {
		stop = memchr(text, '\n', (size_t)(end - text));
		if (stop == NULL)
			stop = end;
		copy_line(reader, line, text, (size_t)(stop - text), copy);
		read_line(reader, line, copy);
		text = stop + (stop < end);
	}
	free(copy);
}

/* ---- the rules as a whole --------------------------------------------- */

static bool
uses_mac(const struct maprules_rule *rule)
{
	const char *at = rule->replacement;
	char letter;

	if ((rule->flags & RULE_REPLACES) == 0)
		return false;
	while ((at = maprules_next_escape(at, &letter)) != NULL)
		if (letter == 'm')
			return true;
	return false;
}

static void
find_target(struct maprules_reader *reader, struct maprules_rule *rule)
{
	struct maprules_writer w;

	if ((rule->flags & RULE_JUMP) == 0 ||
	    !maprules_is_constant(rule->replacement))
		return;
	maprules_constant(&w, rule->replacement);
	rule->target = maprules_find_label(reader->m, w.text);
	if (rule->target == RULE_TARGET_NONE)
		maprules_say(reader, rule->line, false,
		    "there is no label \"%.*s\"", RULE_SHOWN, w.text);
}

struct maprules *
maprules_compile(const char *text, size_t len, maprules_complain *complain,
    void *arg)
{
	struct maprules_reader reader = { .complain = complain, .arg = arg };
	unsigned i;

	reader.m = calloc(1, sizeof(*reader.m));
	if (reader.m == NULL) {
		say_no_memory(&reader, 1);
		return NULL;
	}
	read_lines(&reader, text, len);
	for (i = 0; i < reader.m->count; i++) {
		find_target(&reader, &reader.m->rules[i]);
		if (uses_mac(&reader.m->rules[i]))
			reader.m->wants_mac = true;
	}
	if (reader.errors != 0) {
		maprules_free(reader.m);
		return NULL;
	}
	maprules_lint(&reader);
	if (reader.errors != 0) {
		maprules_free(reader.m);
		return NULL;
	}
	return reader.m;
}
