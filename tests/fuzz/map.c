/*
 * map - any bytes as a map file, and a name through its rules: within the
 * steps, within the room; and what the lint says of a rule is true.
 *
 * An input is a byte that says how, a name up to a NUL, and the file.
 */
#include "fuzz.h"
#include "policy/maprules.h"

#define NAME_LEN	64
#define TEXT_LEN	2048
#define LINES_MAX	256
#define STEPS_MAX	64

/* What was said of a file, and what happened then. */
struct seen {
	bool is_never[LINES_MAX];	/* the lint: the rule is never used */
	bool would_do;
	unsigned errors, matches;
};

static void
complain(void *arg, unsigned line, bool is_warning, const char *text)
{
	struct seen *seen = arg;
	const char *c;

	FUZZ_HOLDS(line >= 1 && strlen(text) < MAPRULES_ERROR_MAX &&
	    text[0] != '\0', "a complaint has a line and a text");
	for (c = text; *c != '\0'; c++)
		FUZZ_HOLDS((unsigned char)*c >= ' ' && *c != 127,
		    "a complaint has no control bytes");
	seen->errors += !is_warning;
	if (line < LINES_MAX && (strncmp(text, "never ", 6) == 0 ||
	    strstr(text, "never applies") != NULL))
		seen->is_never[line] = true;
}

static bool
would_do(void *arg, const char *name)
{
	struct seen *seen = arg;

	FUZZ_HOLDS(strlen(name) <= PATHNAME_MAX, "a name fits");
	return seen->would_do;
}

static void
on_match(void *arg, unsigned line, const char *name)
{
	struct seen *seen = arg;

	FUZZ_HOLDS(line >= LINES_MAX || !seen->is_never[line],
	    "a rule that is never used is not");
	FUZZ_HOLDS(strlen(name) <= PATHNAME_MAX, "a name fits");
	seen->matches++;
}

static struct maprules *
compile(const char *text, size_t len, struct seen *seen)
{
	struct maprules *m = maprules_compile(text, len, complain, seen);

	FUZZ_HOLDS((m == NULL) == (seen->errors != 0),
	    "rules are refused if there is an error");
	return m;
}

static void
apply(const struct maprules *m, const char *name, uint8_t how,
    struct seen *seen, struct maprules_result *result)
{
	static const uint8_t bytes[16] = { 0x20, 0x01, 0x0d, 0xb8, 1 };
	const struct maprules_client client = {
		.is_write = how & 1,
		.is_v4 = how & 2,
		.address = how & 2 ? "32.1.13.184" : "2001:db8:100::",
		.bytes = bytes,
		.mac = how & 4 ? "52-54-00-12-34-56" : "",
	};
	const struct maprules_hooks hooks = { would_do, on_match, seen };
	unsigned steps = 1 + (how >> 3) % STEPS_MAX;

	seen->would_do = how & 8;
	memset(result, 'x', sizeof(*result));
	maprules_apply(m, name, &client, steps, &hooks, result);
	FUZZ_HOLDS(memchr(result->out, '\0', sizeof(result->out)) != NULL,
	    "the result ends");
	FUZZ_HOLDS((unsigned)result->verdict <= MAPRULES_TOO_LONG,
	    "there is a verdict");
	FUZZ_HOLDS(seen->matches <= steps, "no more rules than steps");
	FUZZ_HOLDS(result->verdict != MAPRULES_OK || seen->matches != 0 ||
	    strcmp(result->out, name) == 0, "only a match changes a name");
}

/* All rules as they are printed. */
static size_t
print(const struct maprules *m, char *out, size_t size)
{
	unsigned i, line;
	size_t len = 0;

	for (i = 0; i < maprules_count(m); i++)
		len += (size_t)snprintf(out + len, size - len, "%s\n",
		    maprules_text(m, i, &line));
	FUZZ_HOLDS(len < size, "rules are printed no longer than they were");
	return len;
}

static void
check_print(const struct maprules *m, const char *name, uint8_t how,
    const struct maprules_result *want)
{
	/* a space between fields that had none: ":" and a label */
	char first[2 * TEXT_LEN], second[2 * TEXT_LEN];
	size_t len = print(m, first, sizeof(first));
	struct seen seen = { 0 };
	struct maprules *again = compile(first, len, &seen);
	struct maprules_result result;

	FUZZ_HOLDS(again != NULL, "printed rules are rules");
	FUZZ_HOLDS(print(again, second, sizeof(second)) == len &&
	    memcmp(first, second, len) == 0, "printed again, they are equal");
	FUZZ_HOLDS(maprules_wants_mac(again) == maprules_wants_mac(m),
	    "they want the same");
	apply(again, name, how, &seen, &result);
	FUZZ_HOLDS(result.verdict == want->verdict &&
	    strcmp(result.out, want->out) == 0, "they do the same");
	maprules_free(again);
}

/* The name without what pathname_check() does not let through. */
static void
take_name(struct fuzz_input *in, char out[static NAME_LEN + 1])
{
	size_t len = 0;
	uint8_t byte;

	while (len < NAME_LEN && (byte = fuzz_u8(in)) != '\0')
		if (byte >= ' ' && byte != 127)
			out[len++] = (char)byte;
	if (len == 0)
		out[len++] = 'x';	/* an empty name is refused before */
	out[len] = '\0';
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint8_t how = fuzz_u8(&in);
	struct seen seen = { 0 };
	struct maprules_result result;
	struct maprules *m;
	char name[NAME_LEN + 1];
	const char *text;

	take_name(&in, name);
	text = (const char *)in.at;
	if (in.left > TEXT_LEN || !fuzz_is_modest(in.at, in.left))
		return 0;
	m = compile(text, in.left, &seen);
	if (m == NULL)
		return 0;
	apply(m, name, how, &seen, &result);
	check_print(m, name, how, &result);
	maprules_free(m);
	return 0;
}
