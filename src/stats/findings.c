#include <stdarg.h>
#include <string.h>

#include "stats/findings.h"

static const struct {
	const char *name;
	int exit;
	enum text_colour colour;
} states[] = {
	[FINDINGS_OK] = { "ok", 0, TEXT_PLAIN },
	[FINDINGS_UNKNOWN] = { "unknown", 3, TEXT_YELLOW },
	[FINDINGS_WARNING] = { "warning", 1, TEXT_YELLOW },
	[FINDINGS_CRITICAL] = { "critical", 2, TEXT_RED },
};

void
findings_add(struct findings *f, const char *check,
    enum findings_state state, const char *fmt, ...)
{
	struct finding *item = &f->items[f->count];
	va_list ap;

	if (f->count == FINDINGS_MAX)
		return;
	f->count++;
	item->check = check;
	item->state = state;
	item->advice[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(item->text, sizeof(item->text), fmt, ap);
	va_end(ap);
}

void
findings_advise(struct findings *f, const char *fmt, ...)
{
	struct finding *item;
	va_list ap;

	if (f->count == 0)
		return;
	item = &f->items[f->count - 1];
	va_start(ap, fmt);
	vsnprintf(item->advice, sizeof(item->advice), fmt, ap);
	va_end(ap);
}

const struct finding *
findings_worst(const struct findings *f)
{
	const struct finding *worst = f->count == 0 ? NULL : f->items;
	size_t i;

	for (i = 1; i < f->count; i++)
		if (f->items[i].state > worst->state)
			worst = &f->items[i];
	return worst;
}

enum findings_state
findings_state(const struct findings *f)
{
	const struct finding *worst = findings_worst(f);

	return worst == NULL ? FINDINGS_OK : worst->state;
}

const char *
findings_name(enum findings_state state)
{
	return states[state].name;
}

int
findings_exit(enum findings_state state)
{
	return states[state].exit;
}

void
findings_print(const struct findings *f, const struct text_style *style,
    FILE *out)
{
	const struct finding *item;
	enum text_colour colour;
	size_t i;

	for (i = 0; i < f->count; i++) {
		item = &f->items[i];
		colour = states[item->state].colour;
		fprintf(out, "  %s%-8s%s  %-13s  ",
		    text_colour(style, colour), states[item->state].name,
		    text_colour_end(style, colour), item->check);
		text_put_bytes(out, style, (const uint8_t *)item->text,
		    strlen(item->text));
		if (item->advice[0] != '\0') {
			fputs("\n                           ", out);
			text_put_bytes(out, style,
			    (const uint8_t *)item->advice,
			    strlen(item->advice));
		}
		fputc('\n', out);
	}
}

void
findings_json(const struct findings *f, struct json *j)
{
	size_t i;

	json_open(j, "checks", '[');
	for (i = 0; i < f->count; i++) {
		json_open(j, NULL, '{');
		json_text(j, "check", f->items[i].check);
		json_text(j, "state", states[f->items[i].state].name);
		json_text(j, "text", f->items[i].text);
		if (f->items[i].advice[0] != '\0')
			json_text(j, "advice", f->items[i].advice);
		json_close(j, '}');
	}
	json_close(j, ']');
}
