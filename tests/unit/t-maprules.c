/*
 * t-maprules - what tftpd-hpa's map files do to a name, letter by letter,
 * and what an administrator is told about a file that is wrong.
 *
 * In the tables rules stand with a line end between them.
 */
#include "policy/maprules.h"
#include "t.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define SAID_MAX	16

/* Who asks: what is done, and over which protocol. */
enum who { R4, W4, R6, W6, WHO };

static const uint8_t bytes4[] = { 192, 0, 2, 171 };
static const uint8_t bytes6[] = { 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0xbe, 0xef };

#define CLIENT4(write)	{ write, true, "192.0.2.171", bytes4, \
			    "00-53-00-ab-cd-ef" }
#define CLIENT6(write)	{ write, false, "2001:db8::beef", bytes6, "" }

static const struct maprules_client clients[WHO] = {
	[R4] = CLIENT4(false), [W4] = CLIENT4(true),
	[R6] = CLIENT6(false), [W6] = CLIENT6(true),
};

/* ---- what is complained of -------------------------------------------- */

/* "3: text" for an error, "3? text" for a warning. */
struct said {
	char text[SAID_MAX][MAPRULES_ERROR_MAX + 16];
	unsigned count;
};

static void
note(void *arg, unsigned line, bool is_warning, const char *text)
{
	struct said *said = arg;

	if (said->count == SAID_MAX)
		abort();
	if (strlen(text) >= MAPRULES_ERROR_MAX)
		abort();
	snprintf(said->text[said->count++], sizeof(said->text[0]), "%u%c %s",
	    line, is_warning ? '?' : ':', text);
}

/* The file against an unreadable page, without a NUL. */
static struct maprules *
compile_bytes(const char *text, size_t len, struct said *said)
{
	char *copy = t_guard(text, len);
	struct maprules *m;

	said->count = 0;
	m = maprules_compile(copy, len, note, said);
	t_unguard(copy, len);
	return m;
}

static struct maprules *
compile(const char *text, struct said *said)
{
	return compile_bytes(text, strlen(text), said);
}

/* ---- applying --------------------------------------------------------- */

/* The result and the name each against an unreadable page. */
static void
apply(const struct maprules *m, const char *name, enum who who,
    unsigned steps, const struct maprules_hooks *hooks,
    struct maprules_result *result)
{
	char *copy = t_guard(name, strlen(name) + 1);
	struct maprules_result *room;

	memset(result, 0xa5, sizeof(*result));
	room = t_guard(result, sizeof(*result));
	maprules_apply(m, copy, &clients[who], steps, hooks, room);
	memcpy(result, room, sizeof(*result));
	t_unguard(room, sizeof(*result));
	t_unguard(copy, strlen(name) + 1);
}

/* Compile, apply, free. */
static void
run(const char *rules, const char *name, enum who who, unsigned steps,
    const struct maprules_hooks *hooks, struct maprules_result *result)
{
	struct said said;
	struct maprules *m = compile(rules, &said);

	if (m == NULL) {
		T_OK(false, rules);
		memset(result, 0xa5, sizeof(*result));
		result->out[PATHNAME_MAX] = '\0';
		return;
	}
	apply(m, name, who, steps, hooks, result);
	maprules_free(m);
}

static void
expect(const char *what, const struct maprules_result *r,
    enum maprules_verdict verdict, const char *out, unsigned line)
{
	if (r->verdict != verdict || strcmp(r->out, out) != 0 ||
	    r->line != line)
		printf("[%s: verdict %d \"%s\" line %u] ", what,
		    (int)r->verdict, r->out, r->line);
	T_OK(r->verdict == verdict, what);
	T_OK(strcmp(r->out, out) == 0, what);
	T_OK(r->line == line, what);
}

/* What a name becomes, and the rule that did it last or ended it. */
struct row {
	const char *what, *rules, *name, *out;
	enum who who;
	unsigned line;
};

static void
check_rows(const struct row *rows, size_t count)
{
	struct maprules_result r;
	size_t i;

	for (i = 0; i < count; i++) {
		run(rows[i].rules, rows[i].name, rows[i].who, MAPRULES_STEPS,
		    NULL, &r);
		expect(rows[i].what, &r, MAPRULES_OK, rows[i].out,
		    rows[i].line);
	}
}

static void
test_letters(void)
{
	static const struct row rows[] = {
		{ "no rules", "", "a", "a", R4, 0 },
		{ "no rule matches", "r b c", "a", "a", R4, 0 },
		{ "r replaces what matched", "r b X", "abc", "aXc", R4, 1 },
		{ "r only once", "r b X", "bb", "Xb", R4, 1 },
		{ "r the longest of the leftmost", "r b+ X", "abbcbbb",
		    "aXcbbb", R4, 1 },
		{ "r without a replacement deletes", "r b", "abc", "ac", R4,
		    1 },
		{ "r at the start", "r ^a X", "aa", "Xa", R4, 1 },
		{ "r at the end", "r a$ X", "aa", "aX", R4, 1 },
		{ "r of an empty match", "r ^ /x/", "a", "/x/a", R4, 1 },
		{ "r of an empty match at the end", "r $ .0", "a", "a.0", R4,
		    1 },
		{ "r of everything", "r .* x", "abc", "x", R4, 1 },
		{ "r to nothing at all", "r .*", "abc", "", R4, 1 },
		{ "r that changes nothing is not the last", "r a b\nr c c",
		    "ac", "bc", R4, 1 },
		{ "the rules are extended", "r (a|b){2} X", "xabx", "xXx", R4,
		    1 },
		{ "all rules are tried", "r a b\nr b c\nr c d", "a", "d", R4,
		    3 },
		{ "case matters", "r A X", "a", "a", R4, 0 },
		{ "i ignores it", "ri A X", "a", "X", R4, 1 },
		{ "i before r", "ir A X", "a", "X", R4, 1 },
		{ "g until nothing matches", "rg b X", "abcb", "aXcX", R4,
		    1 },
		{ "g begins from the start again", "rg ab b", "aaab", "b", R4,
		    1 },
		{ "g with i", "gri B x", "bB", "xx", R4, 1 },
		{ "g that does not match", "rg z X", "abc", "abc", R4, 0 },
		{ "g alone does nothing", "g b X", "abc", "abc", R4, 0 },
		{ "gg goes on behind the replacement", "rgg a aa", "aba",
		    "aabaa", R4, 1 },
		{ "gg does not read its own", "rgg ab b", "aaab", "aab", R4,
		    1 },
		{ "gg: ^ is only the start", "rgg ^a", "aab", "ab", R4, 1 },
		{ "gg: $ is the end", "rgg a$ X", "aa", "aX", R4, 1 },
		{ "gg with empty matches", "rgg x* -", "abc", "-a-b-c-", R4,
		    1 },
		{ "gg with some empty matches", "rgg b* X", "abc", "XaXcX",
		    R4, 1 },
		{ "gg and nothing empty behind a match", "rgg b|$ X", "ab",
		    "aX", R4, 1 },
		{ "gg at the end", "rgg $ X", "ab", "abX", R4, 1 },
		{ "gg with groups", "rgg (.)(.) \\2\\1", "abcde", "badce", R4,
		    1 },
		{ "gg apart from each other", "grg a aa", "a", "aa", R4, 1 },
		{ "ggg is gg", "rggg a aa", "a", "aa", R4, 1 },
		{ "e ends the rules", "e a\nr a b", "a", "a", R4, 1 },
		{ "e that does not match", "e x\nr a b", "a", "b", R4, 2 },
		{ "re replaces and ends", "re a b\nr b c", "a", "b", R4, 1 },
		{ "re that does not match", "re x y\nr a b", "a", "b", R4,
		    2 },
		{ "E is e where nobody is asked", "E a\nr a b", "a", "a", R4,
		    1 },
		{ "s starts over, at rule 1", "r ^x y\nrs ^a x", "aa", "ya",
		    R4, 1 },
		{ "s with a test that ends it", "e ^aaaa\nrs ^ a", "b",
		    "aaaab", R4, 1 },
		{ "j skips", "j a end\nr a b\n:end\nr a c", "a", "c", R4, 4 },
		{ "j to a label at the end", "j a end\nr a b\n:end", "a", "a",
		    R4, 0 },
		{ "j back", ":again\nr ^a\nj ^a again\nr b c", "aaab", "c",
		    R4, 4 },
		{ "j that does not match", "j x end\nr a b\n:end", "a", "b",
		    R4, 2 },
		{ "j to a label from the name",
		    "j ^(.) to-\\1\n:to-a\nr b A\n:to-b\nr b B", "bb", "Bb",
		    R4, 5 },
		{ "j to a label from the client", "j ^ \\x\nr a b\n"
		    ":C00002AB\nr a c", "a", "c", R4, 4 },
		{ "a label with a space", "j a end\nr a b\n: end", "a", "a",
		    R4, 0 },
		{ "a label has an escape in it", "j a e\\\\\\#d\nr a b\n"
		    ":e\\#d\n:e\\\\#d", "a", "a", R4, 0 },
		{ "a label alone does nothing", ":end", "a", "a", R4, 0 },
		{ "~ if it does not match", "~e ^/\nr ^ x", "a", "a", R4,
		    1 },
		{ "~ if it matches", "~e ^/\nr ^ x", "/a", "x/a", R4, 2 },
		{ "~ jumps", "~j ^/ end\nr ^ x\n:end", "a", "a", R4, 0 },
		{ "~i", "~ei ^A\nr ^ x", "a", "xa", R4, 2 },
	};

	check_rows(rows, COUNT(rows));
}

static void
test_conditions(void)
{
	static const struct row rows[] = {
		{ "G for reads", "rG a b", "a", "b", R4, 1 },
		{ "G not for writes", "rG a b", "a", "a", W4, 0 },
		{ "P for writes", "rP a b", "a", "b", W4, 1 },
		{ "P not for reads", "rP a b", "a", "a", R4, 0 },
		{ "4 for IPv4", "r4 a b", "a", "b", R4, 1 },
		{ "4 not for IPv6", "r4 a b", "a", "a", R6, 0 },
		{ "6 for IPv6", "r6 a b", "a", "b", W6, 1 },
		{ "6 not for IPv4", "r6 a b", "a", "a", W4, 0 },
		{ "G6, a read over IPv6", "rG6 a b", "a", "b", R6, 1 },
		{ "G6, a write over IPv6", "rG6 a b", "a", "a", W6, 0 },
		{ "G6, a read over IPv4", "rG6 a b", "a", "a", R4, 0 },
		{ "GP is nobody, reads", "rGP a b", "a", "a", R4, 0 },
		{ "GP is nobody, writes", "rGP a b", "a", "a", W4, 0 },
		{ "46 is nobody", "r46 a b", "a", "a", R6, 0 },
		{ "a jump that does not apply", "jP a end\nr a b\n:end", "a",
		    "b", R4, 2 },
		{ "an end that does not apply", "e6 a\nr a b", "a", "b", R4,
		    2 },
	};

	check_rows(rows, COUNT(rows));
}

static void
test_escapes(void)
{
	static const struct row rows[] = {
		{ "\\0", "r b+ <\\0>", "abbc", "a<bb>c", R4, 1 },
		{ "\\1 and \\2", "r (a)(b) \\2\\1", "xaby", "xbay", R4, 1 },
		{ "nine groups",
		    "r (a)(b)(c)(d)(e)(f)(g)(h)(i)(j) \\9\\8\\7\\6\\5\\4\\3"
		    "\\2\\1", "abcdefghij", "ihgfedcba", R4, 1 },
		{ "a group that is not there", "r (a)|(b) [\\1\\2]", "b",
		    "[b]", R4, 1 },
		{ "a group too many", "r (a) \\2x", "a", "x", R4, 1 },
		{ "groups with i", "ri (A) [\\1]", "a", "[a]", R4, 1 },
		{ "\\i of IPv4", "r ^ \\i/", "a", "192.0.2.171/a", R4, 1 },
		{ "\\i of IPv6", "r ^ \\i/", "a", "2001:db8::beef/a", R6, 1 },
		{ "\\x of IPv4", "r ^ \\x/", "a", "C00002AB/a", R4, 1 },
		{ "\\x of IPv6", "r ^ \\x/", "a",
		    "20010DB800000000000000000000BEEF/a", R6, 1 },
		{ "\\L\\x", "r ^ \\L\\x/", "A", "c00002ab/A", R4, 1 },
		{ "\\m", "r ^ \\m/", "a", "00-53-00-ab-cd-ef/a", R4, 1 },
		{ "\\U\\m", "r ^ \\U\\m/", "a", "00-53-00-AB-CD-EF/a", R4,
		    1 },
		{ "\\m that is not known", "r ^ [\\m]", "a", "[]a", R6, 1 },
		{ "\\U", "r .* \\U\\0", "aBc", "ABC", R4, 1 },
		{ "\\L", "r .* \\L\\0", "aBc", "abc", R4, 1 },
		{ "\\U is for literals too", "r a \\Ux\\0y", "a", "XAY", R4,
		    1 },
		{ "\\U is not for the rest", "r b \\U\\0", "abc", "aBc", R4,
		    1 },
		{ "\\U ends at \\E", "r b \\Ux\\Ex", "b", "Xx", R4, 1 },
		{ "\\L ends \\U", "r b \\UxX\\LxX", "b", "XXxx", R4, 1 },
		{ "\\U begins anew with each match", "rgg (.)(.) \\1\\U\\2",
		    "abcd", "aBcD", R4, 1 },
		{ "only ASCII has case", "r .* \\U\\0", "\303\244z",
		    "\303\244Z", R4, 1 },
		{ "\\\\", "r a \\\\x", "a", "\\x", R4, 1 },
		{ "\\\\ before a digit", "r (a) \\\\1", "a", "\\1", R4, 1 },
		{ "\\ and a space", "r a x\\ y", "a", "x y", R4, 1 },
		{ "\\ and a tab", "r a x\\\ty", "a", "x\ty", R4, 1 },
		{ "\\#", "r a x\\#y", "a", "x#y", R4, 1 },
		{ "an unknown one", "r a \\q\\.\\&", "a", "q.&", R4, 1 },
		{ "an unknown one has case", "r a \\U\\q", "a", "Q", R4, 1 },
		{ "a backslash at the end", "r a x\\", "a", "x\\", R4, 1 },
		{ "a backslash in a group is kept whole", "r ^(.*)$ <\\1>",
		    "a\\b\\1", "<a\\b\\1>", R4, 1 },
		{ "no & and no $", "r a &$1", "a", "&$1", R4, 1 },
	};

	check_rows(rows, COUNT(rows));
}

static void
test_lines(void)
{
	static const struct row rows[] = {
		{ "only comments", "# a\n\n  #b\n\t\n", "a", "a", R4, 0 },
		{ "the last line has no end", "\n\nr a b", "a", "b", R4, 3 },
		{ "white space", " \t r\t \ta \v\f b \t\n", "a", "b", R4, 1 },
		{ "CRs", "r a b\r\nr b c\r\n", "a", "c", R4, 2 },
		{ "a CR inside is left out", "r a b\rb", "a", "bb", R4, 1 },
		{ "a comment behind a rule", "r a b # r b c", "a", "b", R4,
		    1 },
		{ "a comment touches the last field", "r a b# r b c", "a",
		    "b", R4, 1 },
		{ "a comment touches the regex", "r a#b c", "a", "", R4, 1 },
		{ "\\# in the regex", "r a\\#b c", "a#b", "c", R4, 1 },
		{ "\\ and a space in the regex", "r a\\ b c", "a b", "c", R4,
		    1 },
		{ "\\\\ in the regex is a backslash", "r a\\\\b c", "a\\b",
		    "c", R4, 1 },
		{ "behind \\\\ a space counts", "r a\\\\ c", "a\\", "c", R4,
		    1 },
		{ "behind \\\\ a # counts", "r a \\\\# c", "a", "\\", R4, 1 },
		{ "\\. in the regex", "r a\\.b c", "axb", "axb", R4, 0 },
		{ "further fields", "r a b c d", "a", "b", R4, 1 },
		{ "a field behind a label", "j a x\nr a b\n:x y z", "a", "a",
		    R4, 0 },
		{ "letters of both kinds", "rGi4 A b", "a", "b", R4, 1 },
	};
	static const char with_nul[] = "r a b\0 c\nr b c";
	struct maprules_result r;
	struct maprules *m;
	struct said said;

	check_rows(rows, COUNT(rows));
	m = compile_bytes(with_nul, sizeof(with_nul) - 1, &said);
	T_OK(m != NULL && said.count == 1 && strcmp(said.text[0],
	    "1? a NUL byte: the rest of the line is left out") == 0, "a NUL");
	apply(m, "a", R4, MAPRULES_STEPS, NULL, &r);
	expect("a NUL", &r, MAPRULES_OK, "c", 2);
	maprules_free(m);
}

/* The file that tftpd-hpa installs, in its lines that do something. */
static const char sample[] =
    "# Convert backslashes to slashes\n"
    "ri\t^[a-z]:\t\t\t\t# Remove \"drive letters\"\n"
    "rg\t\\\\\t\t/\t\t# Convert backslashes to slashes\n"
    "rg\t\\#\t\t@\t\t# Convert hash marks to @ signs\n"
    "rg\t/../\t\t/..no../\t# Convert /../ to /..no../\n"
    "e\t^ok/\t\t\t\t# These are always ok\n"
    "r\t^[^/]\t\t/tftpboot/\\0\t# Convert non-absolute files\n"
    "a\t\\.pvt$\t\t\t\t# Reject requests for private files\n";

static void
test_sample(void)
{
	static const struct row rows[] = {
		{ "an absolute name", sample, "/a/x", "/a/x", R4, 0 },
		{ "a relative name", sample, "x", "/tftpboot/x", R4, 7 },
		{ "a drive", sample, "C:\\boot\\x", "/boot/x", R4, 3 },
		{ "a drive, in small letters", sample, "c:x", "/tftpboot/x",
		    R4, 7 },
		{ "hash marks", sample, "/a#b#c", "/a@b@c", R4, 4 },
		{ "dot dot", sample, "/a/../b", "/a/..no../b", R4, 5 },
		{ "two letters as well", sample, "/ab/b", "/..no../b", R4,
		    5 },
		{ "more of them", sample, "/ab/cd/x", "/..no../..no../x", R4,
		    5 },
		{ "always ok", sample, "ok/x.pvt", "ok/x.pvt", R4, 6 },
		{ "ok with a backslash", sample, "ok\\x", "ok/x", R4, 6 },
	};
	struct maprules_result r;
	struct maprules *m;
	struct said said;

	m = compile(sample, &said);
	T_OK(m != NULL && said.count == 0, "nothing to complain of");
	T_OK(maprules_count(m) == 7 && !maprules_wants_mac(m), "seven rules");
	maprules_free(m);
	check_rows(rows, COUNT(rows));
	run(sample, "a.pvt", W6, MAPRULES_STEPS, NULL, &r);
	expect("a private file", &r, MAPRULES_ABORTED, "Access denied", 8);
}

static void
test_abort(void)
{
	static const struct row rows[] = {
		{ "a", "a x", "axb", "Access denied", R4, 1 },
		{ "a with a text", "a x no\\ \\0", "axb", "no x", R4, 1 },
		{ "only the expansion", "a denied MSG:\\0:\\i:\\x",
		    "xxdeniedyy", "MSG:denied:192.0.2.171:C00002AB", R4, 1 },
		{ "~a keeps its text whole", "~a ^x notlisted", "y",
		    "notlisted", R4, 1 },
		{ "~a has no groups", "~a ^x not\\0listed", "y", "notlisted",
		    R4, 1 },
		{ "an empty expansion", "a x \\1", "x", "Access denied", R4,
		    1 },
		{ "in capitals", "a x \\Uno", "x", "NO", R4, 1 },
		{ "a sees the rewritten name", "r a b\na b was:\\0", "a",
		    "was:b", R4, 2 },
		{ "aP for writes", "aP ^ read-only", "x", "read-only", W4,
		    1 },
		{ "ai", "ai X", "x", "Access denied", R4, 1 },
		{ "a jump to nowhere", "j (.*) \\1\n:y", "x",
		    "Remap table failure", R4, 1 },
		{ "a jump to an empty label", "j (z*) \\1\n:y", "x",
		    "Remap table failure", R4, 1 },
	};
	struct maprules_result r;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		run(rows[i].rules, rows[i].name, rows[i].who, MAPRULES_STEPS,
		    NULL, &r);
		expect(rows[i].what, &r, MAPRULES_ABORTED, rows[i].out,
		    rows[i].line);
	}
	run("aP ^ read-only", "x", R4, MAPRULES_STEPS, NULL, &r);
	expect("aP not for reads", &r, MAPRULES_OK, "x", 0);
}

/* ---- asking and telling ----------------------------------------------- */

struct told {
	const char *good;	/* the only name that would do */
	char text[256];		/* "?name" asked, "LINE=name" matched */
};

static bool
would_do(void *arg, const char *name)
{
	struct told *told = arg;
	size_t at = strlen(told->text);

	snprintf(told->text + at, sizeof(told->text) - at, "?%s ", name);
	return strcmp(name, told->good) == 0;
}

static void
on_match(void *arg, unsigned line, const char *name)
{
	struct told *told = arg;
	size_t at = strlen(told->text);

	snprintf(told->text + at, sizeof(told->text) - at, "%u=%s ", line,
	    name);
}

static void
test_hooks(void)
{
	static const struct {
		const char *what, *rules, *name, *good, *out, *told;
		unsigned line;
	} rows[] = {
		{ "E ends with a good name", "E ^\nr a b", "a", "a", "a",
		    "?a 1=a ", 1 },
		{ "E goes on with a bad one", "E ^\nr a b", "a", "x", "b",
		    "?a 2=b ", 2 },
		{ "E does not ask if it does not match", "E x\nr a b", "a",
		    "a", "b", "2=b ", 2 },
		{ "rE keeps a good rewriting", "rE ^ x/\nr a b", "a", "x/a",
		    "x/a", "?x/a 1=x/a ", 1 },
		{ "rE undoes a bad one", "rE ^ x/\nr a b", "a", "y", "b",
		    "?x/a 2=b ", 2 },
		{ "rgE undoes all of it", "rgE a bb", "aa", "y", "aa",
		    "?bbbb ", 0 },
		{ "a search path", "rE ^ x/\nrE ^ y/\nrE ^ z/", "a", "y/a",
		    "y/a", "?x/a ?y/a 2=y/a ", 2 },
		{ "~E", "~E ^/\nr ^ x", "a", "a", "a", "?a 1=a ", 1 },
		{ "matches are told in order", "r a b\nr x y\nj b l\nr b q\n"
		    ":l\ne c\ne b", "a", "", "b", "1=b 3=b 7=b ", 7 },
		{ "a restart", "e b\nrs a b", "a", "", "b", "2=b 1=b ", 1 },
		{ "an empty name", "r .*\nE ^$", "a", "", "", "1= ? 2= ",
		    2 },
	};
	struct maprules_result r;
	struct maprules_hooks hooks = { would_do, on_match, NULL };
	struct told told;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		told.good = rows[i].good;
		told.text[0] = '\0';
		hooks.arg = &told;
		run(rows[i].rules, rows[i].name, R4, MAPRULES_STEPS, &hooks,
		    &r);
		expect(rows[i].what, &r, MAPRULES_OK, rows[i].out,
		    rows[i].line);
		T_OK(strcmp(told.text, rows[i].told) == 0, rows[i].what);
	}
	told.text[0] = '\0';
	run("a a no", "a", R4, MAPRULES_STEPS, &hooks, &r);
	expect("a refusal", &r, MAPRULES_ABORTED, "no", 1);
	T_OK(strcmp(told.text, "1=a ") == 0, "a refusal is told of, too");
	hooks.would_do = NULL;
	hooks.on_match = NULL;
	run("rE a b", "a", R4, MAPRULES_STEPS, &hooks, &r);
	expect("no hooks", &r, MAPRULES_OK, "b", 1);
}

/* A name is asked for while another one is under way, with the same rules. */
static bool
ask_again(void *arg, const char *name)
{
	struct maprules_result inner;

	apply(arg, "inner", R6, MAPRULES_STEPS, NULL, &inner);
	expect("the inner one", &inner, MAPRULES_OK, "x/INNER", 1);
	return strcmp(name, "x/OUTER") == 0;
}

static void
test_reentrant(void)
{
	struct maprules_hooks hooks = { .would_do = ask_again };
	struct maprules_result r;
	struct said said;
	struct maprules *m = compile("rE ^(.*)$ x/\\U\\1\nr ^ bad", &said);

	hooks.arg = m;
	apply(m, "outer", R4, MAPRULES_STEPS, &hooks, &r);
	expect("the outer one", &r, MAPRULES_OK, "x/OUTER", 1);
	maprules_free(m);
}

/* ---- limits ----------------------------------------------------------- */

static void
test_steps(void)
{
	static const struct {
		const char *what, *rules, *name;
		enum who who;
		unsigned needed;	/* steps until the end */
		const char *out;
		unsigned line;
	} rows[] = {
		{ "each rule one", "r a b\nr x y\nr b c", "a", R4, 3, "c",
		    3 },
		{ "rules that do not apply cost nothing",
		    "rP a b\nr6 a b\nr a c\nrP c d", "a", R4, 1, "c", 3 },
		{ "labels cost nothing", ":a\n:b\nr a b\n:c", "a", R4, 1, "b",
		    3 },
		{ "g costs each replacement", "rg a b", "aaaa", R4, 4, "bbbb",
		    1 },
		{ "gg costs each replacement", "rgg a aa", "aba", R4, 2,
		    "aabaa", 1 },
		{ "gg costs empty ones", "rgg x* -", "abc", R4, 4, "-a-b-c-",
		    1 },
		{ "s goes round", "rs a b\nr b c", "aa", R4, 4, "cb", 2 },
		{ "j goes round", ":t\nr ^a\nj ^a t", "aaa", R4, 6, "", 2 },
		{ "e ends it", "r a b\ne b\nr b c", "a", R4, 2, "b", 2 },
	};
	struct maprules_result r;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		run(rows[i].rules, rows[i].name, rows[i].who, rows[i].needed,
		    NULL, &r);
		expect(rows[i].what, &r, MAPRULES_OK, rows[i].out,
		    rows[i].line);
		run(rows[i].rules, rows[i].name, rows[i].who,
		    rows[i].needed - 1, NULL, &r);
		T_OK(r.verdict == MAPRULES_STEPS_USED && r.line != 0,
		    rows[i].what);
	}
}

static void
test_loops(void)
{
	static const struct row rows[] = {
		{ "a g rule that never ends", "rg ^loop$ loop", "loop",
		    "loop", R4, 1 },
		{ "a s rule that never ends", "r q r\ns a", "a", "a", R4, 2 },
		{ "two rules that call each other", "rs ^a b\nrs ^b a", "a",
		    "a", R4, 2 },
		{ "a jump to itself", ":t\nj ^ t", "a", "a", R4, 2 },
		{ "a jump to itself by the name", ":t\nj t \\0", "t", "t", R4,
		    2 },
		{ "a restart above a jump", "j a l\nr a b\n:l\ns a", "a", "a",
		    R4, 1 },
	};
	struct maprules_result r;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		run(rows[i].rules, rows[i].name, rows[i].who, MAPRULES_STEPS,
		    NULL, &r);
		T_OK(r.verdict == MAPRULES_STEPS_USED, rows[i].what);
		T_OK(r.line != 0 && strlen(r.out) <= 4, rows[i].what);
	}
	run(rows[0].rules, "loop", R4, 0, NULL, &r);
	expect("no step at all", &r, MAPRULES_STEPS_USED, "loop", 1);
	run(":only-a-label", "loop", R4, 0, NULL, &r);
	expect("nothing to do needs no step", &r, MAPRULES_OK, "loop", 0);
}

/* A name of len bytes. */
static const char *
long_name(char *room, size_t len)
{
	memset(room, 'a', len);
	room[len] = '\0';
	return room;
}

static void
test_too_long(void)
{
	char name[PATHNAME_MAX + 2];
	struct maprules_result r;

	long_name(name, PATHNAME_MAX);
	run("", name, R4, MAPRULES_STEPS, NULL, &r);
	expect("the longest name", &r, MAPRULES_OK, name, 0);
	run("r a b", name, R4, MAPRULES_STEPS, NULL, &r);
	T_OK(r.verdict == MAPRULES_OK && strlen(r.out) == PATHNAME_MAX,
	    "the longest name, changed");
	run("r a bb", name, R4, MAPRULES_STEPS, NULL, &r);
	expect("a byte more", &r, MAPRULES_TOO_LONG, name, 1);
	run("r z b\nr $ b", name, R4, MAPRULES_STEPS, NULL, &r);
	expect("a byte more at the end", &r, MAPRULES_TOO_LONG, name, 2);
	run("r .* \\0\\0", name, R4, MAPRULES_STEPS, NULL, &r);
	expect("twice as much", &r, MAPRULES_TOO_LONG, name, 1);
	run("rg ^x xx", "x", R4, 100000, NULL, &r);
	expect("a loop that grows", &r, MAPRULES_TOO_LONG, "x", 1);
	run("rgg ^|a aa", name, R4, 100000, NULL, &r);
	expect("gg that grows", &r, MAPRULES_TOO_LONG, name, 1);
	run("a ^ \\i", name, R4, MAPRULES_STEPS, NULL, &r);
	expect("a refusal has room of its own", &r, MAPRULES_ABORTED,
	    "192.0.2.171", 1);
	run("a .* \\0\\0", name, R4, MAPRULES_STEPS, NULL, &r);
	expect("a refusal that is too long", &r, MAPRULES_TOO_LONG, name, 1);
	run("j .* \\0\\0", name, R4, MAPRULES_STEPS, NULL, &r);
	T_OK(r.verdict == MAPRULES_ABORTED, "a label that is too long");
	long_name(name, PATHNAME_MAX - 1);
	run("r $ b", name, R4, MAPRULES_STEPS, NULL, &r);
	T_OK(r.verdict == MAPRULES_OK && strlen(r.out) == PATHNAME_MAX,
	    "up to the last byte");
	long_name(name, PATHNAME_MAX + 1);
	run("r a b", name, R4, MAPRULES_STEPS, NULL, &r);
	T_OK(r.verdict == MAPRULES_TOO_LONG && r.line == 0 &&
	    strlen(r.out) == PATHNAME_MAX, "too long from the start");
}

/* ---- complaints ------------------------------------------------------- */

struct complaint {
	const char *what, *rules;
	const char *said[6];
};

static void
check_complaints(const struct complaint *rows, size_t count, bool is_fine)
{
	struct maprules *m;
	struct said said;
	size_t i;
	unsigned k;

	for (i = 0; i < count; i++) {
		m = compile(rows[i].rules, &said);
		T_OK((m != NULL) == is_fine, rows[i].what);
		for (k = 0; k < said.count && k < 6; k++) {
			bool as_wanted = rows[i].said[k] != NULL &&
			    strcmp(said.text[k], rows[i].said[k]) == 0;

			if (!as_wanted)
				printf("[%s] ", said.text[k]);
			T_OK(as_wanted, rows[i].what);
		}
		T_OK(k == 6 || rows[i].said[k] == NULL, rows[i].what);
		maprules_free(m);
	}
}

#define KNOWN	"; there are a e E g gg G i j P r s 4 6 ~"
#define PAIR(a, b) "1: rule flags " a " and " b " cannot be combined"

static void
test_errors(void)
{
	static const struct complaint rows[] = {
		{ "no regex", "r", { "1: the regex is missing" } },
		{ "a comment for a regex", "\nr # x y\n",
		    { "2: the regex is missing" } },
		{ "a bad regex", "r a(b x",
		    { "1: bad regex \"a(b\": Unmatched ( or \\(" } },
		{ "a bad bracket", "r [a x",
		    { "1: bad regex \"[a\": Unmatched [, [^, [:, [., or [=" } },
		{ "a backslash at the end of a regex", "e a\\",
		    { "1: bad regex \"a\\\": Trailing backslash" } },
		{ "an unknown letter", "rx a b",
		    { "1: unknown letter \"x\" in \"rx\"" KNOWN } },
		{ "unknown letters", "include a",
		    { "1: unknown letters \"nclud\" in \"include\"" KNOWN } },
		{ "capitals", "R a b",
		    { "1: unknown letter \"R\" in \"R\"" KNOWN } },
		{ "each once", "xxRxx a b",
		    { "1: unknown letters \"xR\" in \"xxRxx\"" KNOWN } },
		{ "a control byte is not shown", "r\001 a b",
		    { "1: unknown letter \"?\" in \"r?\"" KNOWN } },
		{ "r~", "r~ a b", { PAIR("r", "~") } },
		{ "~r", "~r a b", { PAIR("r", "~") } },
		{ "ra", "ra a b", { PAIR("r", "a") } },
		{ "rj", "rj a b\n:b", { PAIR("r", "j") } },
		{ "aj", "aj a b\n:b", { PAIR("a", "j") } },
		{ "as", "as a b", { PAIR("a", "s") } },
		{ "ej", "ej a b\n:b", { PAIR("e", "j") } },
		{ "ae", "ae a b", { PAIR("a", "e") } },
		{ "es", "es a", { PAIR("e", "s") } },
		{ "eE", "eE a", { PAIR("e", "E") } },
		{ "Ej", "Ej a b\n:b", { PAIR("E", "j") } },
		{ "aE", "aE a b", { PAIR("a", "E") } },
		{ "Es", "Es a", { PAIR("E", "s") } },
		{ "several pairs", "rae a b",
		    { PAIR("r", "a"), PAIR("a", "e") } },
		{ "all that is wrong with a line", "r~x (",
		    { "1: unknown letter \"x\" in \"r~x\"" KNOWN,
		    PAIR("r", "~"),
		    "1: bad regex \"(\": Unmatched ( or \\(" } },
		{ "a label twice", ":a\nr a b\n:a",
		    { "3: there is a label \"a\" on line 1 already" } },
		{ "a label without a name", ":\n:  # x",
		    { "1: a label needs a name", "2: a label needs a name" } },
		{ "a jump without a label", "j a",
		    { "1: j needs a label" } },
		{ "a jump to nowhere", "j a b\n:c",
		    { "1: there is no label \"b\"" } },
		{ "a jump to nowhere, with escapes", "j a b\\#\n:b",
		    { "1: there is no label \"b#\"" } },
		{ "labels know their case", "j a B\n:b",
		    { "1: there is no label \"B\"" } },
		{ "the whole file is looked at",
		    "r a b\nq a b\nr\n\nr a b # fine\nr a( x\nj a z",
		    { "2: unknown letter \"q\" in \"q\"" KNOWN,
		    "3: the regex is missing",
		    "6: bad regex \"a(\": Unmatched ( or \\(",
		    "7: there is no label \"z\"" } },
		{ "a regex that refers back", "r ^(.*)/\\1$ x\\1",
		    { "1: \\1 in the regex: some names would take for ever to "
		    "match" } },
		{ "behind a bracket it does", "r (a)[a[]\\1 y",
		    { "1: \\1 in the regex: some names would take for ever to "
		    "match" } },
		{ "behind a class it does", "r (a)[[:alpha:]]\\1 y",
		    { "1: \\1 in the regex: some names would take for ever to "
		    "match" } },
		{ "a regex is shown up to a length",
		    "r (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		    { "1: bad regex \"(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaa\": Unmatched ( or \\(" } },
	};

	check_complaints(rows, COUNT(rows), false);
}

static void
test_lint_rule(void)
{
	static const struct complaint rows[] = {
		{ "an unknown escape", "r a \\q",
		    { "1? \\q is no escape: it means q" } },
		{ "several of them", "r a \\q\\0\\N",
		    { "1? \\q is no escape: it means q",
		    "1? \\N is no escape: it means N" } },
		{ "the escapes there are",
		    "r (a)(b) \\0\\1\\2\\i\\x\\m\\U\\L\\E\\\\\\ \\#", { 0 } },
		{ "what is no letter needs no escape", "r a b\\.\\/\\-",
		    { 0 } },
		{ "a group that is not there", "r a(b) \\1\\2\\5",
		    { "1? \\2 is always empty: the regex has no group 2",
		    "1? \\5 is always empty: the regex has no group 5" } },
		{ "groups of ~", "~a (x) \\0\\1",
		    { "1? \\0 is always empty in a rule with ~",
		    "1? \\1 is always empty in a rule with ~" } },
		{ "a replacement for nothing", "e a b",
		    { "1? \"b\" is not used: only r, a and j replace" } },
		{ "a field too many", "r a b c d",
		    { "1? \"c\" and what follows it is left out: a rule has "
		    "three fields, a label one" } },
		{ "a field behind a label", ":a b",
		    { "1? \"b\" and what follows it is left out: a rule has "
		    "three fields, a label one" } },
		{ "a field behind a label that stands apart", ": a b", {
		    "1? \"b\" and what follows it is left out: a rule has "
		    "three fields, a label one" } },
		{ "g without r", "ge a", { "1? g does nothing without r" } },
		{ "j with s", "js a b\n:b",
		    { "1? j does nothing with s, which starts over",
		    "1? \"b\" is not used: only r, a and j replace",
		    "1? loops: after the restart of s it matches again" } },
		{ "G and P", "rGP a b",
		    { "1? G and P together: the rule never applies" } },
		{ "4 and 6", "r4i6 a b",
		    { "1? 4 and 6 together: the rule never applies" } },
		{ "a regex that does not refer back", "r ^(a[\\1])\\\\1$ x", { 0 } },
		{ "nor does a bracket", "r (a)[[:alpha:]\\1]x[^]\\1][[=b=]\\1]"
		    "[[.-.]\\1][[.].]\\1][x[\\1][:\\1] y", { 0 } },
		{ "brackets in brackets", "r ^(a)[]\\1[:alpha:]\\2]x y",
		    { 0 } },
		{ "~ with a regex that always matches", "~e ^",
		    { "1? never acts: the regex matches every name, and with "
		    "~ it must not" } },
	};

	check_complaints(rows, COUNT(rows), true);
}

static void
test_lint_and_errors(void)
{
	static const struct complaint rows[] = {
		{ "letters are judged though the regex is bad", "rGP a(",
		    { "1? G and P together: the rule never applies",
		    "1: bad regex \"a(\": Unmatched ( or \\(" } },
		{ "what is between rules is not, while there are errors",
		    "e ^\nr a b\nr", { "3: the regex is missing" } },
	};

	check_complaints(rows, COUNT(rows), false);
}

#define REACHED(line, by, does) #line "? never reached: line " #by \
	" matches every name and " does
#define SAME(line, by, does) #line "? never matches: line " #by \
	" has the same regex and " does

static void
test_lint_order(void)
{
	static const struct complaint rows[] = {
		{ "e ^", "e ^\nr a b",
		    { REACHED(2, 1, "ends the rules") } },
		{ "a .*", "a .* no\nr a b", { REACHED(2, 1, "refuses") } },
		{ "each rule behind it", "r a b\nre $ x\nr a b\ne q",
		    { REACHED(3, 2, "ends the rules"),
		    REACHED(4, 2, "ends the rules") } },
		{ "e ^(.*)$", "e ^(.*)$\nr a b",
		    { REACHED(2, 1, "ends the rules") } },
		{ "e x*", "e x*\nr a b",
		    { REACHED(2, 1, "ends the rules") } },
		{ "e .", "e .\nr a b",
		    { REACHED(2, 1, "ends the rules") } },
		{ "e \\.*", "e \\.*\nr a b",
		    { REACHED(2, 1, "ends the rules") } },
		{ "once, though two do", "e ^\nr a\\.b c\na ^\na ^",
		    { REACHED(2, 1, "ends the rules"),
		    REACHED(3, 1, "ends the rules"),
		    REACHED(4, 1, "ends the rules") } },
		{ "once, though two have the regex", "e a\na a\na a",
		    { SAME(2, 1, "ends the rules"),
		    SAME(3, 1, "ends the rules") } },
		{ "a jump", "j ^ b\nr a b\n:b\nr a c",
		    { REACHED(2, 1, "jumps") } },
		{ "a restart", "e a\ns ^\nr b c",
		    { REACHED(3, 2, "starts over") } },
		{ "for the same clients", "eG4 ^\nrG4i a b",
		    { REACHED(2, 1, "ends the rules") } },
		{ "for other clients", "eG ^\nr a b\nrP a b\neG6 c", {
		    REACHED(4, 1, "ends the rules") } },
		{ "the same regex", "e ^ok/\nr x y\nre ^[0] x\na ^[0] no",
		    { SAME(4, 3, "ends the rules") } },
		{ "the same regex, and rules between", "e ^ok/\na x\nr ^ok/ /",
		    { SAME(3, 1, "ends the rules") } },
		{ "the same regex, but other names by then",
		    "e ^ok/\nr x y\nr ^ok/ /", { 0 } },
		{ "the same regex ignoring case", "ei a\ne a",
		    { SAME(2, 1, "ends the rules") } },
		{ "the same regex minding case", "e a\nei a", { 0 } },
		{ "the same regex turned round", "e a\n~e a", { 0 } },
		{ "the same regex, both turned round", "~e a\n~a a",
		    { SAME(2, 1, "ends the rules") } },
		{ "both turned round, and case", "~ei a\n~e a\n~ei a",
		    { SAME(3, 1, "ends the rules") } },
		{ "the same regex does not end", "r a b\nr a b", { 0 } },
		{ "E may not end", "E ^\nr a b", { 0 } },
		{ "~ never ends there", "~e ^\nr a b",
		    { "1? never acts: the regex matches every name, and with "
		    "~ it must not" } },
		{ "a label in between", "j a b\ne ^\n:b\nr a b", { 0 } },
		{ "e ^.+$", "e ^.+$\nr a b",
		    { REACHED(2, 1, "ends the rules") } },
		{ "a name that a rule made empty", "r ^/*\ne .\na ^$ no\n"
		    "~a ^(.+)$ no", { 0 } },
		{ "or that is what a group was", "r ^/(.*) \\1\\U\ne ^.\n"
		    "a ^ no", { 0 } },
		{ "a name that no rule makes empty", "r ^/ \\i\nr ^/ \\1x\n"
		    "r ^/ \\-\ne .\na ^ no",
		    { "2? \\1 is always empty: the regex has no group 1",
		    REACHED(5, 4, "ends the rules") } },
		{ "not every name", "e ^a*$\nr a b\ne ^.$\ne a|b$\ne ^^x\n"
		    "e \\<\ne [$^]\ne \\$\ne x$\n"
		    "e ^.*\\$\ne .\\$", { 0 } },
	};

	check_complaints(rows, COUNT(rows), true);
}

#define LOOPS_G	"1? loops: with g the regex matches the replacement again"
#define LOOPS_S	"? loops: after the restart of s it matches again"
#define BACK	": loops unless a rule between changes that"

static void
test_lint_loops(void)
{
	static const struct complaint rows[] = {
		{ "rg x x", "rg ^loop$ loop", { LOOPS_G } },
		{ "rg x xx", "rg x xx", { LOOPS_G } },
		{ "rg with an escape", "rg a\\#b \\La\\#B", { LOOPS_G } },
		{ "rgi", "rgi A a", { LOOPS_G } },
		{ "rg ^", "rg ^ /tftpboot/", { LOOPS_G } },
		{ "rg of nothing", "rg x* \\1y",
		    { "1? \\1 is always empty: the regex has no group 1",
		    LOOPS_G } },
		{ "rg with \\0", "rg a b\\0", { LOOPS_G } },
		{ "rg with \\0 at the start", "rg ^[^/] /\\0", { 0 } },
		{ "rg in other letters", "rg [A-Z] \\L\\0", { 0 } },
		{ "rg that ends", "rg // /\nrg ^\\.\\./\nrg a b", { 0 } },
		{ "rgg ends", "rgg x xx", { 0 } },
		{ "r ends", "r x xx", { 0 } },
		{ "s", "s a", { "1" LOOPS_S } },
		{ "~s", "~s a", { "1" LOOPS_S } },
		{ "rs ^", "r a b\nrs ^ x", { "2" LOOPS_S } },
		{ "rs x xx", "rs x xx", { "1" LOOPS_S } },
		{ "rs x y", "rs x y", { 0 } },
		{ "s behind a rule that changes it", "r ^a\ns ^a", { 0 } },
		{ "s behind a rule that ends it", "e ^/\nrs ^ /", { 0 } },
		{ "s behind a rule that may end it", "E ^\nrs ^ /", { 0 } },
		{ "j back", ":a\nr x y\nj b a",
		    { "3? jumps back to line 1" BACK } },
		{ "j back to itself", ":a\nj b a",
		    { "2? jumps back to line 1" BACK } },
		{ "j onwards", "j b a\nr x y\n:a", { 0 } },
		{ "j to where the name says", ":b\nj b \\0", { 0 } },
	};

	check_complaints(rows, COUNT(rows), true);
}

/* ---- the rules as text ------------------------------------------------ */

static void
test_text(void)
{
	static const char rules[] =
	    "# nothing\n"
	    "  ri\t^[a-z]:   # drives\r\n"
	    "rg \\\\ /\n"
	    ": here # label\n"
	    "r\ta\\ b\\#  \\ x\\#\ty z\n"
	    ":there more\n"
	    "j ^ there\n"
	    "a x bye\\";
	static const struct {
		unsigned line;
		const char *text;
	} rows[] = {
		{ 2, "ri ^[a-z]:" },
		{ 3, "rg \\\\ /" },
		{ 4, ": here" },
		{ 5, "r a\\ b\\# \\ x\\#" },
		{ 6, ":there" },
		{ 7, "j ^ there" },
		{ 8, "a x bye\\" },
	};
	char again[sizeof(rules)] = "";
	struct maprules *m, *other;
	struct said said;
	unsigned i, line;

	m = compile(rules, &said);
	T_OK(m != NULL && maprules_count(m) == COUNT(rows), "count");
	for (i = 0; i < COUNT(rows) && i < maprules_count(m); i++) {
		T_OK(strcmp(maprules_text(m, i, &line), rows[i].text) == 0,
		    rows[i].text);
		T_OK(line == rows[i].line, rows[i].text);
		strcat(strcat(again, rows[i].text), "\n");
	}
	other = compile(again, &said);
	T_OK(other != NULL && maprules_count(other) == COUNT(rows),
	    "the text is rules again");
	for (i = 0; i < COUNT(rows) && i < maprules_count(other); i++)
		T_OK(strcmp(maprules_text(other, i, &line), rows[i].text) ==
		    0 && line == i + 1, "and they are the same");
	maprules_free(other);
	maprules_free(m);
}

static void
test_mac(void)
{
	static const struct {
		const char *rules;
		bool wants;
	} rows[] = {
		{ "r ^ \\m/", true },
		{ "r a b\nj ^ \\m\n:x", true },
		{ "a ^ not\\ you,\\ \\m", true },
		{ "r ^ m", false },
		{ "r ^ \\\\m", false },
		{ "e m \\m", false },
		{ "", false },
	};
	struct said said;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		struct maprules *m = compile(rows[i].rules, &said);

		T_OK(m != NULL && maprules_wants_mac(m) == rows[i].wants,
		    rows[i].rules);
		maprules_free(m);
	}
	maprules_free(NULL);
}

/* Enough rules and lines to outgrow whatever is reserved at first. */
static void
test_many(void)
{
	char *rules = malloc(200000), *at = rules;
	struct maprules_result r;
	struct maprules *m;
	struct said said;
	unsigned i;

	for (i = 1; i <= 1000; i++)
		at += sprintf(at, "re ^%u$ n%u\n", i, i);
	at += sprintf(at, "r ^x ");
	memset(at, 'y', 100000);
	at[100000] = '\0';
	m = compile(rules, &said);
	T_OK(m != NULL && said.count == 0 && maprules_count(m) == 1001,
	    "a thousand rules");
	apply(m, "1000", R4, 1000, NULL, &r);
	expect("the last of them", &r, MAPRULES_OK, "n1000", 1000);
	apply(m, "x", R4, MAPRULES_STEPS, NULL, &r);
	expect("a long line", &r, MAPRULES_TOO_LONG, "x", 1001);
	maprules_free(m);
	free(rules);
}

int
main(void)
{
	CU_TestInfo rules[] = {
		{ "letters", test_letters },
		{ "conditions", test_conditions },
		{ "escapes", test_escapes },
		{ "lines", test_lines },
		{ "tftpd-hpa's sample", test_sample },
		{ "refusals", test_abort },
		{ "asking and telling", test_hooks },
		{ "a name inside of another", test_reentrant },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo limits[] = {
		{ "steps", test_steps },
		{ "loops", test_loops },
		{ "too long", test_too_long },
		{ "many rules", test_many },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo files[] = {
		{ "errors", test_errors },
		{ "lint of a rule", test_lint_rule },
		{ "lint and errors", test_lint_and_errors },
		{ "lint of the order", test_lint_order },
		{ "lint of loops", test_lint_loops },
		{ "text", test_text },
		{ "who wants a MAC address", test_mac },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "maprules: names", NULL, NULL, NULL, NULL, rules },
		{ "maprules: limits", NULL, NULL, NULL, NULL, limits },
		{ "maprules: files", NULL, NULL, NULL, NULL, files },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
