/*
 * t-pathname - names that strangers send, and what is left of them.
 */
#include "core/pathname.h"
#include "t.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define LIT(text)	text, sizeof(text) - 1
#define ID		"0123456789abcdef"

/* Both the name and the result against unreadable pages. */
static enum pathname_verdict
clean(const void *name, size_t len, char *out)
{
	char zeros[PATHNAME_MAX + 1] = "", *room;
	enum pathname_verdict verdict;
	uint8_t *copy = t_guard(name, len);

	room = t_guard(zeros, sizeof(zeros));
	memset(room, 'X', sizeof(zeros));
	verdict = pathname_clean(copy, len, room);
	memcpy(out, room, sizeof(zeros));
	t_unguard(room, sizeof(zeros));
	t_unguard(copy, len);
	return verdict;
}

static const struct {
	const char *what, *name;
	size_t len;
	const char *out;
} fine[] = {
	{ "a plain name", LIT("pxelinux.0"), "pxelinux.0" },
	{ "a path", LIT("a/b/c"), "a/b/c" },
	{ "an absolute path", LIT("/a/b"), "a/b" },
	{ "curl's two slashes", LIT("//a/b"), "a/b" },
	{ "GRUB's doubled slash", LIT("boot//grub///x"), "boot/grub/x" },
	{ "Windows' loader", LIT("\\Boot\\BCD"), "Boot/BCD" },
	{ "Windows' loader, mixed", LIT("/boot\\fonts/x"), "boot/fonts/x" },
	{ "two backslashes", LIT("\\\\x"), "x" },
	{ "a slash at the end", LIT("a/b/"), "a/b" },
	{ "slashes of both kinds at the end", LIT("a\\/\\"), "a" },
	{ "./x", LIT("./x"), "x" },
	{ ".\\x", LIT(".\\x"), "x" },
	{ "dots in the middle and at the end", LIT("a/./b/."), "a/b" },
	{ "the root as a dot", LIT("."), "." },
	{ "the root as a slash", LIT("/"), "." },
	{ "the root as a backslash", LIT("\\"), "." },
	{ "the root as much of both", LIT("//./\\.//"), "." },
	{ "three dots are a name", LIT("..."), "..." },
	{ "three dots are a name below, too", LIT("a/.../b"), "a/.../b" },
	{ "dots inside a name", LIT("a..b"), "a..b" },
	{ "dots before a name", LIT("..a"), "..a" },
	{ "dots after a name", LIT("a.."), "a.." },
	{ "dots around in a path", LIT("x/..a/b../c"), "x/..a/b../c" },
	{ "a dot before a name", LIT(".profile"), ".profile" },
	{ "spaces", LIT("My File "), "My File " },
	{ "dot dot space", LIT(".. /x"), ".. /x" },
	{ "no escapes are undone", LIT("%2e%2e/x%00"), "%2e%2e/x%00" },
	{ "UTF-8", LIT("\303\244/\342\202\254"), "\303\244/\342\202\254" },
	{ "bytes that are no UTF-8", LIT("\377\200"), "\377\200" },
	{ "no overlong slash", LIT("..\300\257x"), "..\300\257x" },
	{ "a drive", LIT("C:\\x"), "C:/x" },
	{ "a pattern", LIT("%n%s*?"), "%n%s*?" },
	{ "a directory named as our uploads", LIT("." "x." ID "/y"),
	    "." "x." ID "/y" },
};

static const struct {
	const char *what, *name;
	size_t len;
	enum pathname_verdict verdict;
} wrong[] = {
	{ "no byte", LIT(""), PATHNAME_EMPTY },
	{ "..", LIT(".."), PATHNAME_DOTDOT },
	{ "../x", LIT("../x"), PATHNAME_DOTDOT },
	{ "/..", LIT("/.."), PATHNAME_DOTDOT },
	{ "/../x", LIT("/../x"), PATHNAME_DOTDOT },
	{ "//../x", LIT("//../x"), PATHNAME_DOTDOT },
	{ "a/..", LIT("a/.."), PATHNAME_DOTDOT },
	{ "a/../", LIT("a/../"), PATHNAME_DOTDOT },
	{ "a/../b, though it stays inside", LIT("a/../b"), PATHNAME_DOTDOT },
	{ "./..", LIT("./.."), PATHNAME_DOTDOT },
	{ "..\\x", LIT("..\\x"), PATHNAME_DOTDOT },
	{ "\\..\\x", LIT("\\..\\x"), PATHNAME_DOTDOT },
	{ "a\\..", LIT("a\\.."), PATHNAME_DOTDOT },
	{ "a/..\\b", LIT("a/..\\b"), PATHNAME_DOTDOT },
	{ "a\\../b", LIT("a\\../b"), PATHNAME_DOTDOT },
	{ ".../../x", LIT(".../../x"), PATHNAME_DOTDOT },
	{ "proc", LIT("/../../proc/self/root"), PATHNAME_DOTDOT },
	{ "a NUL", LIT("a\0b"), PATHNAME_CONTROL },
	{ "a NUL at the end", LIT("a\0"), PATHNAME_CONTROL },
	{ "only a NUL", LIT("\0"), PATHNAME_CONTROL },
	{ "a line end", LIT("a\nb"), PATHNAME_CONTROL },
	{ "an escape sequence", LIT("\033[2J"), PATHNAME_CONTROL },
	{ "a DEL", LIT("a\177"), PATHNAME_CONTROL },
	{ "a control byte after ..", LIT("../\t"), PATHNAME_CONTROL },
	{ "an upload", LIT(".x." ID), PATHNAME_HIDDEN },
	{ "an upload below", LIT("/a\\b/.x." ID), PATHNAME_HIDDEN },
	{ "an upload with a slash", LIT(".x." ID "/"), PATHNAME_HIDDEN },
	{ "an upload with a dot", LIT(".x." ID "/."), PATHNAME_HIDDEN },
	{ "an upload, case folded", LIT(".X.0123456789ABCDEF"),
	    PATHNAME_HIDDEN },
};

static void
test_fine(void)
{
	char out[PATHNAME_MAX + 1];
	size_t i;

	for (i = 0; i < COUNT(fine); i++) {
		T_OK(pathname_check((const uint8_t *)fine[i].name,
		    fine[i].len) == PATHNAME_OK, fine[i].what);
		T_OK(clean(fine[i].name, fine[i].len, out) == PATHNAME_OK,
		    fine[i].what);
		T_OK(strcmp(out, fine[i].out) == 0, fine[i].what);
		T_OK(clean(fine[i].out, strlen(fine[i].out), out) ==
		    PATHNAME_OK && strcmp(out, fine[i].out) == 0,
		    "clean stays clean");
	}
}

static void
test_wrong(void)
{
	char out[PATHNAME_MAX + 1];
	uint8_t *copy;
	size_t i;

	for (i = 0; i < COUNT(wrong); i++) {
		enum pathname_verdict early = wrong[i].verdict;

		if (early == PATHNAME_DOTDOT || early == PATHNAME_HIDDEN)
			early = PATHNAME_OK;
		copy = t_guard(wrong[i].name, wrong[i].len);
		T_OK(pathname_check(copy, wrong[i].len) == early,
		    wrong[i].what);
		t_unguard(copy, wrong[i].len);
		T_OK(clean(wrong[i].name, wrong[i].len, out) ==
		    wrong[i].verdict, wrong[i].what);
		T_OK(memchr(out, '\0', sizeof(out)) != NULL,
		    "the result is a string whatever happens");
	}
}

static void
test_lengths(void)
{
	static const struct {
		const char *what;
		size_t len;
		enum pathname_verdict verdict;
	} rows[] = {
		{ "one byte", 1, PATHNAME_OK },
		{ "255 bytes", 255, PATHNAME_OK },
		{ "1,024 bytes", 1024, PATHNAME_OK },
		{ "1,025 bytes", 1025, PATHNAME_TOO_LONG },
		{ "4,096 bytes", 4096, PATHNAME_TOO_LONG },
		{ "65,000 bytes", 65000, PATHNAME_TOO_LONG },
	};
	static char name[65000];
	char out[PATHNAME_MAX + 1];
	size_t i;

	memset(name, 'a', sizeof(name));
	for (i = 0; i < COUNT(rows); i++) {
		T_OK(pathname_check((uint8_t *)name, rows[i].len) ==
		    rows[i].verdict, rows[i].what);
		T_OK(clean(name, rows[i].len, out) == rows[i].verdict,
		    rows[i].what);
		T_OK(strlen(out) ==
		    (rows[i].verdict == PATHNAME_OK ? rows[i].len : 0),
		    rows[i].what);
	}
	memset(name, '/', sizeof(name));
	T_OK(clean(name, 1024, out) == PATHNAME_OK && strcmp(out, ".") == 0,
	    "1,024 slashes");
	T_OK(clean(name, 1025, out) == PATHNAME_TOO_LONG,
	    "length is as sent");
	for (i = 0; i < 1024; i += 2)
		name[i] = 'b';
	T_OK(clean(name, 1024, out) == PATHNAME_OK && strlen(out) == 1023,
	    "512 components");
}

static void
test_every_byte(void)
{
	char name[3] = "ab", out[PATHNAME_MAX + 1];
	unsigned byte, at;

	for (byte = 0; byte < 256; byte++) {
		for (at = 0; at < 2; at++) {
			memcpy(name, "ab", 2);
			name[at] = (char)byte;
			T_OK((clean(name, 2, out) == PATHNAME_CONTROL) ==
			    (byte < 32 || byte == 127),
			    "control bytes, and no others");
		}
	}
}

/* The rule itself, spelled out another way. */
static bool
has_component(const char *path, const char *component)
{
	char copy[PATHNAME_MAX + 3], wanted[16];
	char *p;

	snprintf(copy, sizeof(copy), "/%s/", path);
	snprintf(wanted, sizeof(wanted), "/%s/", component);
	for (p = copy; *p != '\0'; p++) {
		if (*p == '\\')
			*p = '/';
	}
	return strstr(copy, wanted) != NULL;
}

/* All 21,844 names of up to 7 bytes made of what is special. */
static void
test_all_short(void)
{
	char name[8], out[PATHNAME_MAX + 1], again[PATHNAME_MAX + 1];
	unsigned number;
	size_t len, i;

	for (len = 1; len <= 7; len++) {
		for (number = 0; number < 1U << 2 * len; number++) {
			for (i = 0; i < len; i++)
				name[i] = "./\\a"[number >> 2 * i & 3];
			name[len] = '\0';
			if (has_component(name, "..")) {
				T_OK(pathname_clean((uint8_t *)name, len,
				    out) == PATHNAME_DOTDOT, name);
				continue;
			}
			T_OK(pathname_clean((uint8_t *)name, len, out) ==
			    PATHNAME_OK, name);
			T_OK(out[0] != '\0' && strlen(out) <= len, name);
			T_OK(!has_component(out, "..") &&
			    strchr(out, '\\') == NULL, name);
			T_OK(strcmp(out, ".") == 0 ||
			    (!has_component(out, "") &&
			    !has_component(out, ".")), name);
			T_OK(pathname_clean((uint8_t *)out, strlen(out),
			    again) == PATHNAME_OK && strcmp(out, again) == 0,
			    name);
		}
	}
}

static void
test_below(void)
{
	static const struct {
		const char *what, *path, *dir, *below;
	} rows[] = {
		{ "a file", "srv/tftp/x", "srv/tftp", "x" },
		{ "further down", "srv/tftp/x/y", "srv/tftp", "x/y" },
		{ "dir itself", "srv/tftp", "srv/tftp", "." },
		{ "only by its letters", "srv/tftpX", "srv/tftp", NULL },
		{ "only by its letters, below", "srv/tftpX/y", "srv/tftp",
		    NULL },
		{ "above", "srv", "srv/tftp", NULL },
		{ "beside", "srv/http/x", "srv/tftp", NULL },
		{ "case matters", "SRV/tftp/x", "srv/tftp", NULL },
		{ "all is below the root", "a/b", ".", "a/b" },
		{ "the root is below the root", ".", ".", "." },
		{ "the root is below nothing else", ".", "srv", NULL },
		{ "a hidden name is below the root", ".x", ".", ".x" },
		{ "a name of dots", ".../x", "...", "x" },
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		size_t path_len = strlen(rows[i].path) + 1;
		size_t dir_len = strlen(rows[i].dir) + 1;
		char *path = t_guard(rows[i].path, path_len);
		char *dir = t_guard(rows[i].dir, dir_len);
		const char *below = pathname_below(path, dir);

		if (rows[i].below == NULL)
			T_OK(below == NULL, rows[i].what);
		else
			T_OK(below != NULL && strcmp(below, rows[i].below) ==
			    0, rows[i].what);
		t_unguard(dir, dir_len);
		t_unguard(path, path_len);
	}
}

static void
test_split(void)
{
	static const struct {
		const char *path, *dir, *base;
	} rows[] = {
		{ "a", ".", "a" },
		{ "a/b", "a", "b" },
		{ "a/b/c.d", "a/b", "c.d" },
		{ ".", ".", "." },
		{ ".x/.y", ".x", ".y" },
	};
	char dir[PATHNAME_MAX + 1], name[PATHNAME_MAX + 1];
	const char *base;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		memset(dir, 'X', sizeof(dir));
		base = pathname_split(rows[i].path, dir);
		T_OK(strcmp(dir, rows[i].dir) == 0, rows[i].path);
		T_OK(strcmp(base, rows[i].base) == 0, rows[i].path);
		T_OK(base >= rows[i].path && base <= rows[i].path +
		    strlen(rows[i].path), "base points into path");
	}
	memset(name, 'a', PATHNAME_MAX);
	name[PATHNAME_MAX] = '\0';
	name[PATHNAME_MAX - 2] = '/';
	base = pathname_split(name, dir);
	T_OK(strcmp(base, "a") == 0 && strlen(dir) == PATHNAME_MAX - 2,
	    "the longest name");
}

static void
test_hidden(void)
{
	static const char *bases[] = { "x", "router-confg", ".bashrc", "a.b.c",
		"...", "\303\244", "." "x." ID };
	char out[PATHNAME_COMPONENT_MAX + 1], want[PATHNAME_COMPONENT_MAX + 1];
	char cleaned[PATHNAME_MAX + 1];
	size_t i;

	for (i = 0; i < COUNT(bases); i++) {
		pathname_hidden(bases[i], ID, out);
		snprintf(want, sizeof(want), ".%s.%s", bases[i], ID);
		T_OK(strcmp(out, want) == 0, bases[i]);
		T_OK(pathname_is_hidden(out), bases[i]);
		T_OK(clean(out, strlen(out), cleaned) == PATHNAME_HIDDEN,
		    bases[i]);
	}
}

/* What follows n letters in a base: n bytes of it are kept. */
static void
test_hidden_cut(void)
{
	static const struct {
		const char *what;
		size_t letters;
		const char *tail;
		size_t kept;
	} rows[] = {
		{ "237 bytes fit", 237, "", 237 },
		{ "238 do not", 238, "", 237 },
		{ "a name of the full length", 255, "", 237 },
		{ "a character of 2 bytes that fits", 235, "\303\244", 237 },
		{ "and is followed", 235, "\303\244zz", 237 },
		{ "one that is cut goes", 236, "\303\244zz", 236 },
		{ "of 3 bytes, cut after 2", 235, "\342\202\254zz", 235 },
		{ "of 3 bytes, cut after 1", 236, "\342\202\254zz", 236 },
		{ "of 4 bytes, cut after 3", 234, "\360\237\230\200zz", 234 },
		{ "of 4 bytes, whole", 233, "\360\237\230\200zz", 237 },
		{ "no UTF-8 is cut anywhere", 230,
		    "\200\200\200\200\200\200\200\200\200\200", 237 },
	};
	char *zeros = calloc(1, PATHNAME_COMPONENT_MAX + 1);
	char base[512], want[512], *out;
	size_t i, len;

	for (i = 0; i < COUNT(rows); i++) {
		memset(base, 'a', rows[i].letters);
		strcpy(base + rows[i].letters, rows[i].tail);
		len = rows[i].kept;
		snprintf(want, sizeof(want), ".%.*s.%s", (int)len, base, ID);
		out = t_guard(zeros, PATHNAME_COMPONENT_MAX + 1);
		pathname_hidden(base, ID, out);
		T_OK(strcmp(out, want) == 0, rows[i].what);
		T_OK(pathname_is_hidden(out), rows[i].what);
		t_unguard(out, PATHNAME_COMPONENT_MAX + 1);
	}
	free(zeros);
}

static void
test_cut(void)
{
	static const struct {
		const char *what, *base;
		size_t max, want;
	} rows[] = {
		{ "nothing", "", 5, 0 },
		{ "no room", "abc", 0, 0 },
		{ "it fits", "abc", 5, 3 },
		{ "it just fits", "abc", 3, 3 },
		{ "it does not", "abc", 2, 2 },
		{ "a character that just fits", "a\303\244", 3, 3 },
		{ "half a character goes", "a\303\244b", 2, 1 },
		{ "nothing but half a character", "\342\202\254", 2, 0 },
		{ "the rest of a character alone", "\200\200", 1, 1 },
		{ "four of those", "\200\200\200\200", 3, 3 },
	};
	char *copy;
	size_t i, size;

	for (i = 0; i < COUNT(rows); i++) {
		size = strlen(rows[i].base) + 1;
		copy = t_guard(rows[i].base, size);
		T_OK(pathname_cut(copy, rows[i].max) == rows[i].want,
		    rows[i].what);
		t_unguard(copy, size);
	}
}

static void
test_almost_hidden(void)
{
	static const struct {
		const char *what, *base;
		bool hidden;
	} rows[] = {
		{ "an upload", ".x." ID, true },
		{ "letters of hex in capitals", ".x.0123456789ABCDEF", true },
		{ "an empty base", ".." ID, true },
		{ "no dot in front", "x." ID, false },
		{ "no dot before the id", ".x" ID, false },
		{ "one dot", "." ID, false },
		{ "no dots", ID, false },
		{ "a digit short", ".x.0123456789abcde", false },
		{ "a digit too many", ".x.00123456789abcdef", false },
		{ "not hex", ".x.0123456789abcdeg", false },
		{ "the byte after f", ".x.g123456789abcdef", false },
		{ "the byte before 0", ".x./123456789abcdef", false },
		{ "the byte after 9", ".x.:123456789abcdef", false },
		{ "the byte before A", ".x.@123456789abcdef", false },
		{ "the byte after F", ".x.G123456789abcdef", false },
		{ "the byte before a", ".x.`123456789abcdef", false },
		{ "more after it", ".x." ID "~", false },
		{ "the versions of unique names", "x.20261122-231040.01",
		    false },
		{ "a dotfile", ".profile", false },
		{ "the root", ".", false },
		{ "nothing", "", false },
	};
	size_t i, len;

	for (i = 0; i < COUNT(rows); i++) {
		char *base;

		len = strlen(rows[i].base) + 1;
		base = t_guard(rows[i].base, len);
		T_OK(pathname_is_hidden(base) == rows[i].hidden,
		    rows[i].what);
		t_unguard(base, len);
	}
}

int
main(void)
{
	CU_TestInfo names[] = {
		{ "names that are fine", test_fine },
		{ "names that are not", test_wrong },
		{ "lengths", test_lengths },
		{ "every byte", test_every_byte },
		{ "every short name", test_all_short },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo parts[] = {
		{ "below", test_below },
		{ "split", test_split },
		{ "uploads' names", test_hidden },
		{ "uploads' names, cut", test_hidden_cut },
		{ "a name that is cut", test_cut },
		{ "almost uploads' names", test_almost_hidden },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "pathname: names", NULL, NULL, NULL, NULL, names },
		{ "pathname: parts", NULL, NULL, NULL, NULL, parts },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
