/* The value of one text, by its key's type, and what is wrong with it. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf_parts.h"

bool
conf_number(const char *text, size_t len, int base, uint64_t *out)
{
	char digits[24], *end;

	if (len == 0 || len >= sizeof(digits) ||
	    !isdigit((unsigned char)text[0]))
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	errno = 0;
	*out = strtoull(digits, &end, base);
	return errno == 0 && *end == '\0';
}

static size_t
digits_of(const char *text)
{
	return strspn(text, "0123456789");
}

/*
 * Each of these returns what is wrong with the text, for the middle of a
 * sentence, or NULL.
 */
static const char *
parse_bool(const char *text, bool *out)
{
	static const char *const words[] = { "no", "yes", "false", "true",
		"off", "on" };
	unsigned i;

	for (i = 0; i < 6; i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*out = i % 2 == 1;
			return NULL;
		}
	}
	return "is neither yes nor no";
}

static const char *
parse_number(const struct conf_row *row, const char *text, int base, void *at)
{
	uint64_t n;

	if (digits_of(text) != strlen(text) || text[0] == '\0')
		return "is no number";
	if (!conf_number(text, strlen(text), base, &n))
		return base == 8 ? "is no octal number" : "is out of range";
	if (n < row->least || n > row->most)
		return "is out of range";
	conf_number_put(row, at, n);
	return NULL;
}

static const char *
parse_word(const struct conf_row *row, const char *text, void *at)
{
	const char *p = row->words;
	size_t len = strlen(text), n;
	unsigned i;

	for (i = 0; *p != '\0'; i++) {
		n = strcspn(p, " ");
		if (n == len && strncasecmp(p, text, n) == 0) {
			conf_number_put(row, at, i);
			return NULL;
		}
		p += n + (p[n] == ' ');
	}
	return "is no value of this key";
}

static const char *
parse_size(const char *text, uint64_t *out)
{
	static const char units[] = "KMGT";
	size_t len = digits_of(text);
	const char *unit = text + len, *known;
	unsigned shift = 0;
	uint64_t n;

	if (len == 0)
		return "is no size";
	if (*unit != '\0') {
		known = strchr(units, toupper((unsigned char)*unit));
		if (known == NULL ||
		    (unit[1] != '\0' && strcasecmp(unit + 1, "iB") != 0 &&
		    strcasecmp(unit + 1, "B") != 0))
			return "has a unit that is not known";
		shift = 10 * (unsigned)(known - units + 1);
	}
	if (!conf_number(text, len, 10, &n) || n > (uint64_t)INT64_MAX >> shift)
		return "is too large";
	*out = n << shift;
	return NULL;
}

static const char *
parse_time(const struct conf_row *row, const char *text, void *at)
{
	static const struct {
		const char *name;
		uint64_t us;
	} units[] = { { "us", 1 }, { "ms", 1000 }, { "s", CONF_SECOND_US },
		{ "m", 60 * CONF_SECOND_US }, { "h", 3600 * CONF_SECOND_US } };
	uint64_t unit = 0, n;
	size_t len = digits_of(text), i;

	if (row->can_last && strcasecmp(text, "forever") == 0) {
		conf_number_put(row, at, CONF_FOR_EVER);
		return NULL;
	}
	if (len == 0)
		return "is no time";
	if (text[len] == '\0')
		unit = row->unit_us;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcasecmp(text + len, units[i].name) == 0)
			unit = units[i].us;
	if (unit == 0)
		return "has a unit that is not known";
	if (!conf_number(text, len, 10, &n) || n > row->most / unit ||
	    n * unit < row->least)
		return "is out of range";
	/* as -T always was, microseconds are rounded down */
	if (row->unit_us != 1 && n * unit % row->grain_us != 0)
		return "is too fine";
	conf_number_put(row, at, n * unit / row->grain_us);
	return NULL;
}

static const char *
parse_blksize(const struct conf_row *row, const char *text,
    struct conf_values *v)
{
	const char *less = NULL;
	uint64_t n = 0;

	if (strncasecmp(text, "mtu", 3) == 0)
		less = text + 3;
	else if (strncasecmp(text, "auto", 4) == 0)
		less = text + 4;
	if (less == NULL) {
		v->mtu_less = 0;
		return parse_number(row, text, 10, &v->max_blksize);
	}
	if (*less != '\0' && (*less != '-' ||
	    !conf_number(less + 1, strlen(less + 1), 10, &n) || n > 1024))
		return "is no block size";
	v->max_blksize = CONF_BLKSIZE_AUTO;
	v->mtu_less = (uint16_t)n;
	return NULL;
}

static const char *
parse_range(const char *text, struct conf_values *v)
{
	size_t len = digits_of(text);
	uint64_t first, last;

	if (text[0] == '\0') {
		v->port_first = v->port_last = 0;
		return NULL;
	}
	if (text[len] != ':' || !conf_number(text, len, 10, &first) ||
	    !conf_number(text + len + 1, strlen(text + len + 1), 10, &last))
		return "is no range of ports";
	if (first == 0 || first > UINT16_MAX || last == 0 ||
	    last > UINT16_MAX)
		return "is out of range";
	if (first > last)
		return "is reversed";
	v->port_first = (uint16_t)first;
	v->port_last = (uint16_t)last;
	return NULL;
}

bool
conf_has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if (conf_is_control(*text))
			return true;
	return false;
}

static const char *
parse_text(const char *text, const char **out)
{
	if (conf_has_control(text))
		return "has a control byte";
	*out = text[0] == '\0' ? NULL : text;
	return NULL;
}

static const char *
parse_path(const char *text, const char **out)
{
	if (text[0] != '/')
		return "is no absolute path";
	return parse_text(text, out);
}

static const char *
parse_single(const struct conf_row *row, const char *text,
    struct conf_values *v, void *at)
{
	switch (row->type) {
	case CONF_BOOL: return parse_bool(text, at);
	case CONF_NUMBER: return parse_number(row, text, 10, at);
	case CONF_OCTAL: return parse_number(row, text, 8, at);
	case CONF_WORD: return parse_word(row, text, at);
	case CONF_SIZE: return parse_size(text, at);
	case CONF_TIME: return parse_time(row, text, at);
	case CONF_TEXT: return parse_text(text, at);
	case CONF_PATH: return parse_path(text, at);
	case CONF_BLKSIZE: return parse_blksize(row, text, v);
	default: return parse_range(text, v);
	}
}

/* ---- a setting --------------------------------------------------------- */

void
conf_wrong(struct conf_report *r, const struct conf_setting *s,
    const struct conf_item *item, const char *what)
{
	struct conf_origin at = { s->origin.where, item->line };
	const struct conf_row *row = conf_row(s->key);

	if (at.line == 0)	/* an option says itself which key it is */
		conf_say(r, false, &at, "\"%.128s\" %s; allowed: %s",
		    item->text, what, row->allowed);
	else
		conf_say(r, false, &at, "%s: \"%.128s\" %s; allowed: %s",
		    row->name, item->text, what, row->allowed);
}

const struct conf_item *
conf_single(struct conf_report *r, const struct conf_setting *s)
{
	const struct conf_row *row = conf_row(s->key);

	if (s->count == 1)
		return &s->items[0];
	conf_say(r, false, &s->origin, "%s: there %s; allowed: one value, %s",
	    row->name, s->count == 0 ? "is no value" :
	    "are several values", row->allowed);
	return NULL;
}

bool
conf_key_parse(struct conf_own *own, struct conf_report *r,
    const struct conf_setting *s, struct conf_values *v)
{
	const struct conf_row *row = conf_row(s->key);
	void *at = conf_place(&own->conf, v, s->key);
	const struct conf_item *item;
	const char *what;

	if (row->is_list)
		return conf_list_parse(own, r, s, at);
	item = conf_single(r, s);
	if (item == NULL)
		return false;
	what = parse_single(row, item->text, v, at);
	if (what != NULL)
		conf_wrong(r, s, item, what);
	return what == NULL;
}
