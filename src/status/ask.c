#include <string.h>

#include "status/ask.h"

static bool
is_terminated(const char text[static ASK_HEADER_MAX])
{
	return memchr(text, '\0', ASK_HEADER_MAX) != NULL;
}

bool
ask_is_sound(const struct ask *a)
{
	size_t i, ends = 0;

	if (a->route == ASK_NONE || a->route >= ASK_ROUTES ||
	    a->is_post > 1 || a->wants_openmetrics > 1 ||
	    a->text_len > sizeof(a->text) || !is_terminated(a->host) ||
	    !is_terminated(a->origin) || !is_terminated(a->authorization) ||
	    !is_terminated(a->fetch_site))
		return false;
	for (i = 0; i < a->text_len; i++)
		ends += a->text[i] == '\0';
	return ends % 2 == 0 && (a->text_len == 0 ||
	    a->text[a->text_len - 1] == '\0');
}

bool
ask_next(const struct ask *a, size_t *at, const char **key,
    const char **value)
{
	if (*at >= a->text_len)
		return false;
	*key = a->text + *at;
	*at += strlen(*key) + 1;
	*value = a->text + *at;
	*at += strlen(*value) + 1;
	return true;
}

const char *
ask_get(const struct ask *a, const char *key)
{
	const char *each, *value;
	size_t at = 0;

	while (ask_next(a, &at, &each, &value))
		if (strcmp(each, key) == 0)
			return value;
	return NULL;
}
