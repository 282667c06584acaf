#include "core/pathname.h"

#include <string.h>

#define HIDDEN_EXTRA	(PATHNAME_ID_LEN + 2)	/* the id and two dots */
#define HIDDEN_BASE_MAX	(PATHNAME_COMPONENT_MAX - HIDDEN_EXTRA)

static bool
is_slash(uint8_t byte)
{
	return byte == '/' || byte == '\\';
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	    (c >= 'A' && c <= 'F');
}

enum pathname_verdict
pathname_check(const uint8_t *name, size_t len)
{
	size_t i;

	if (len == 0)
		return PATHNAME_EMPTY;
	if (len > PATHNAME_MAX)
		return PATHNAME_TOO_LONG;
	for (i = 0; i < len; i++) {
		if (name[i] < ' ' || name[i] == 127)
			return PATHNAME_CONTROL;
	}
	return PATHNAME_OK;
}

/* The component at the front of name, up to a slash or the end. */
static size_t
component_len(const uint8_t *name, size_t len)
{
	size_t n;

	for (n = 0; n < len && !is_slash(name[n]); n++)
		;
	return n;
}

enum pathname_verdict
pathname_clean(const uint8_t *name, size_t len,
    char out[static PATHNAME_MAX + 1])
{
	enum pathname_verdict verdict = pathname_check(name, len);
	const char *base = out;
	size_t at, n, out_len = 0;

	out[0] = '\0';
	if (verdict != PATHNAME_OK)
		return verdict;
	for (at = 0; at < len; at += n + 1) {
		n = component_len(name + at, len - at);
		if (n == 0 || (n == 1 && name[at] == '.'))
			continue;
		if (n == 2 && name[at] == '.' && name[at + 1] == '.')
			return PATHNAME_DOTDOT;
		if (out_len != 0)
			out[out_len++] = '/';
		base = out + out_len;
		memcpy(out + out_len, name + at, n);
		out_len += n;
		out[out_len] = '\0';
	}
	if (out_len == 0)
		memcpy(out, ".", sizeof("."));
	return pathname_is_hidden(base) ? PATHNAME_HIDDEN : PATHNAME_OK;
}

const char *
pathname_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (strcmp(dir, ".") == 0)
		return path;
	if (strncmp(path, dir, len) != 0)
		return NULL;
	if (path[len] == '\0')
		return ".";
	return path[len] == '/' ? path + len + 1 : NULL;
}

const char *
pathname_split(const char *path, char dir[static PATHNAME_MAX + 1])
{
	size_t len = strlen(path);

	while (len > 0 && path[len - 1] != '/')
		len--;
	if (len == 0) {
		memcpy(dir, ".", sizeof("."));
		return path;
	}
	memcpy(dir, path, len - 1);
	dir[len - 1] = '\0';
	return path + len;
}

size_t
pathname_cut(const char *base, size_t max)
{
	size_t len = strnlen(base, max), back;

	/* base[len] is the first byte that is left out, or the NUL */
	for (back = 0; back < 4 && back <= len; back++) {
		if (((unsigned char)base[len - back] & 0xc0) != 0x80)
			return len - back;
	}
	return len;		/* no UTF-8 anyway */
}

void
pathname_hidden(const char *base, const char *id,
    char out[static PATHNAME_COMPONENT_MAX + 1])
{
	size_t len = pathname_cut(base, HIDDEN_BASE_MAX);

	*out++ = '.';
	memcpy(out, base, len);
	out += len;
	*out++ = '.';
	memcpy(out, id, PATHNAME_ID_LEN);
	out[PATHNAME_ID_LEN] = '\0';
}

/*
 * Upper-case digits count too, though our ids have none: where case is
 * folded such a name would find the file all the same.
 */
bool
pathname_is_hidden(const char *base)
{
	size_t len = strlen(base), i;

	if (len < HIDDEN_EXTRA || base[0] != '.' ||
	    base[len - PATHNAME_ID_LEN - 1] != '.')
		return false;
	for (i = len - PATHNAME_ID_LEN; i < len; i++) {
		if (!is_hex(base[i]))
			return false;
	}
	return true;
}
