#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/range.h"

#define DIGITS_MAX	15	/* a double holds these exactly */

/*
 * A number at *text, which is moved on.  strtod(3) alone would take "inf",
 * "0x10" and spaces as well.
 */
static bool
take_number(const char **text, struct range *r, double *value)
{
	const char *at = *text;
	size_t whole, fraction = 0;
	char *end;

	at += *at == '-';
	whole = strspn(at, "0123456789");
	at += whole;
	if (*at == '.') {
		fraction = strspn(at + 1, "0123456789");
		at += fraction + 1;
		if (fraction == 0)
			return false;
	}
	if (whole == 0 || whole + fraction > DIGITS_MAX)
		return false;
	*value = strtod(*text, &end);
	if (end != at)
		return false;
	if (*at == '%') {
		r->is_percent = true;
		at++;
	}
	*text = at;
	return true;
}

bool
range_parse(const char *text, struct range *r)
{
	*r = (struct range){ .text = text, .end = (double)INFINITY };
	if (*text == '@') {
		r->is_inside = true;
		text++;
	}
	if (strchr(text, ':') == NULL)
		return take_number(&text, r, &r->end) && *text == '\0' &&
		    r->end >= 0;
	if (text[0] == ':' && text[1] == '\0')
		return false;
	if (*text == '~') {
		r->start = (double)-INFINITY;
		text++;
	} else if (*text != ':' && !take_number(&text, r, &r->start)) {
		return false;
	}
	if (*text++ != ':')
		return false;
	if (*text != '\0' && !take_number(&text, r, &r->end))
		return false;
	return *text == '\0' && r->start <= r->end;
}

bool
range_alerts(const struct range *r, double value)
{
	bool is_inside = value >= r->start && value <= r->end;

	return is_inside == r->is_inside;
}

void
range_put(const struct range *r, FILE *out)
{
	const char *at;

	for (at = r->text; *at != '\0'; at++)
		if (*at != '%')
			fputc(*at, out);
}
