/*
 * pathname - a requested name: what it is cleaned to never leads out, and
 * what is made of it fits where it is to go.
 */
#include "core/pathname.h"
#include "fuzz.h"

#define ID	"0123456789abcdef"

/* No leading, doubled or trailing slash, no "." and no "..". */
static void
check_clean(const char *path)
{
	const char *at = path, *end;
	size_t len = strlen(path);

	FUZZ_HOLDS(len <= PATHNAME_MAX, "a clean name is not too long");
	FUZZ_HOLDS(strchr(path, '\\') == NULL, "every slash is one");
	if (strcmp(path, ".") == 0)
		return;
	for (;; at = end + 1) {
		end = strchrnul(at, '/');
		len = (size_t)(end - at);
		FUZZ_HOLDS(len != 0, "no component is empty");
		FUZZ_HOLDS(!(len == 1 && at[0] == '.') &&
		    !(len == 2 && at[0] == '.' && at[1] == '.'),
		    "no component is . or ..");
		if (*end == '\0')
			return;
	}
}

static void
check_parts(const char *path)
{
	char dir[PATHNAME_MAX + 1], again[2 * PATHNAME_MAX + 2];
	const char *base = pathname_split(path, dir);

	FUZZ_HOLDS(strchr(base, '/') == NULL && base >= path &&
	    base <= path + strlen(path), "the last component is part of it");
	snprintf(again, sizeof(again), "%s/%s", dir, base);
	FUZZ_HOLDS(strcmp(strcmp(dir, ".") == 0 ? again + 2 : again, path) ==
	    0, "the parts are the whole");
	FUZZ_HOLDS(pathname_below(path, dir) != NULL &&
	    strcmp(pathname_below(path, dir), base) == 0,
	    "it is below its directory");
	FUZZ_HOLDS(strcmp(pathname_below(path, path), path[0] == '.' &&
	    path[1] == '\0' ? path : ".") == 0, "it is itself");
}

/* The name of an upload that is not finished. */
static void
check_hidden(const char *path)
{
	char hidden[PATHNAME_COMPONENT_MAX + 1], out[PATHNAME_MAX + 1];
	char dir[PATHNAME_MAX + 1];
	const char *base = pathname_split(path, dir);
	size_t cut;

	pathname_hidden(base, ID, hidden);
	FUZZ_HOLDS(strlen(hidden) <= PATHNAME_COMPONENT_MAX &&
	    pathname_is_hidden(hidden), "a hidden name is one");
	FUZZ_HOLDS(pathname_clean((const uint8_t *)hidden, strlen(hidden),
	    out) == PATHNAME_HIDDEN, "nobody can ask for a hidden name");
	cut = pathname_cut(base, strlen(hidden) % 8);
	FUZZ_HOLDS(cut <= strlen(hidden) % 8 && cut <= strlen(base),
	    "a cut name is no longer");
}

static bool
has_control(const uint8_t *name, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (name[i] < 32 || name[i] == 127)
			return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[PATHNAME_MAX + 2], again[PATHNAME_MAX + 1];
	enum pathname_verdict verdict;

	memset(out, 'x', sizeof(out));
	verdict = pathname_clean(data, size, out);
	FUZZ_HOLDS(out[PATHNAME_MAX + 1] == 'x' &&
	    memchr(out, '\0', sizeof(out)) != NULL, "it stays in its room");
	check_clean(out[0] == '\0' ? "." : out);
	FUZZ_HOLDS((verdict == PATHNAME_EMPTY) == (size == 0) &&
	    (verdict == PATHNAME_TOO_LONG) == (size > PATHNAME_MAX),
	    "its length decides");
	if (size != 0 && size <= PATHNAME_MAX)
		FUZZ_HOLDS((verdict == PATHNAME_CONTROL) ==
		    has_control(data, size), "control bytes are refused");
	if (verdict != PATHNAME_OK && verdict != PATHNAME_HIDDEN)
		return 0;
	FUZZ_HOLDS(pathname_clean((const uint8_t *)out, strlen(out), again) ==
	    verdict && strcmp(out, again) == 0, "a clean name stays so");
	check_parts(out);
	check_hidden(out);
	return 0;
}
