#include <string.h>

#include "maprules_parts.h"

const char *
maprules_next_escape(const char *replacement, char *letter)
{
	const char *backslash = strchr(replacement, '\\');

	if (backslash == NULL || backslash[1] == '\0')
		return NULL;
	*letter = backslash[1];
	return backslash + 2;
}

bool
maprules_is_constant(const char *replacement)
{
	const char *at = replacement;
	char letter;

	while ((at = maprules_next_escape(at, &letter)) != NULL)
		if (strchr("0123456789ixm", letter) != NULL)
			return false;
	return true;
}

/* ASCII only, in any locale. */
static char
turn_letter(char c, char letters)
{
	if (letters == 'U' && c >= 'a' && c <= 'z')
		return (char)(c - 'a' + 'A');
	if (letters == 'L' && c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c;
}

void
maprules_put(struct maprules_writer *w, const char *text, size_t len)
{
	size_t i;

	if (len > PATHNAME_MAX - w->len) {
		w->is_full = true;
		len = PATHNAME_MAX - w->len;
	}
	for (i = 0; i < len; i++)
		w->text[w->len++] = turn_letter(text[i], w->letters);
	w->text[w->len] = '\0';
}

static void
put_hex(struct maprules_writer *w, const struct maprules_client *client)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t i, len = client->is_v4 ? 4 : 16;
	char pair[2];

	for (i = 0; i < len; i++) {
		pair[0] = digits[client->bytes[i] >> 4];
		pair[1] = digits[client->bytes[i] & 0x0f];
		maprules_put(w, pair, sizeof(pair));
	}
}

static void
put_escape(struct maprules_writer *w, char letter, const char *subject,
    const regmatch_t *groups, const struct maprules_client *client)
{
	const regmatch_t *group;

	switch (letter) {
	case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		group = &groups[letter - '0'];
		if (group->rm_so != -1)
			maprules_put(w, subject + group->rm_so,
			    (size_t)(group->rm_eo - group->rm_so));
		break;
	case 'i':
		maprules_put(w, client->address, strlen(client->address));
		break;
	case 'x':
		put_hex(w, client);
		break;
	case 'm':
		maprules_put(w, client->mac, strlen(client->mac));
		break;
	case 'U':
	case 'L':
	case 'E':
		w->letters = letter;
		break;
	default:
		maprules_put(w, &letter, 1);
	}
}

void
maprules_expand(struct maprules_writer *w, const char *replacement,
    const char *subject, const regmatch_t groups[static RULE_GROUPS],
    const struct maprules_client *client)
{
	const char *after;
	char letter;

	w->letters = 'E';
	while ((after = maprules_next_escape(replacement, &letter)) != NULL) {
		maprules_put(w, replacement, (size_t)(after - 2 - replacement));
		put_escape(w, letter, subject, groups, client);
		replacement = after;
	}
	maprules_put(w, replacement, strlen(replacement));
	w->letters = 'E';
}

void
maprules_writer_init(struct maprules_writer *w)
{
	w->text[0] = '\0';
	w->len = 0;
	w->is_full = false;
	w->letters = 'E';
}

void
maprules_clear_groups(regmatch_t groups[static RULE_GROUPS])
{
	unsigned i;

	for (i = 0; i < RULE_GROUPS; i++)
		groups[i].rm_so = groups[i].rm_eo = -1;
}

void
maprules_constant(struct maprules_writer *w, const char *replacement)
{
	static const uint8_t no_bytes[16];
	static const struct maprules_client nobody = {
		.address = "", .bytes = no_bytes, .mac = "",
	};
	regmatch_t groups[RULE_GROUPS];

	maprules_clear_groups(groups);
	maprules_writer_init(w);
	maprules_expand(w, replacement, "", groups, &nobody);
}
