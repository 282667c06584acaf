#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "core/pathname.h"
#include "stats/near.h"
#include "t.h"

static void
distances(void)
{
	static const struct {
		const char *what, *a, *b;
		unsigned distance;
	} cases[] = {
		{ "the same", "a/b", "a/b", 0 },
		{ "another case", "a/VMLINUZ", "a/vmlinuz", 1 },
		{ "a directory in front", "tftpboot/x.img", "x.img", 2 },
		{ "two of them", "srv/tftp/x.img", "x.img", 2 },
		{ "in front and case", "tftpboot/X.img", "x.img", 3 },
		{ "packed", "initrd.img.gz", "initrd.img", 2 },
		{ "packed otherwise", "initrd.img.gz", "initrd.img.xz", 2 },
		{ "packed and in front", "a/initrd.gz", "initrd", 4 },
		{ "a wrong character", "vmlinux", "vmlinuz", NEAR_EDIT },
		{ "one more", "lpxelinux.0", "pxelinux.0", NEAR_EDIT },
		{ "two that are swapped", "initrd.igm", "initrd.img",
		    NEAR_EDIT },
		{ "two wrong ones", "vmlinxx", "vmlinuz", 2 * NEAR_EDIT },
		{ "in another directory", "boot/vmlinuz", "images/vmlinuz",
		    9 },
		{ "a version behind", "boot/vmlinuz", "boot/vmlinuz-6.12", 8 },
		{ "no version", "boot/vmlinuz", "boot/vmlinuzabcd", UINT_MAX },
		{ "a slash too few", "imagesvmlinuz", "images/vmlinuz",
		    NEAR_EDIT },
		{ "nothing in common", "abcdefgh", "zyxwvuts", UINT_MAX },
		{ "nothing at all", "", "abc", 3 * NEAR_EDIT },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		T_OK(near_distance(cases[i].a, cases[i].b, 23) ==
		    cases[i].distance, cases[i].what);
		T_OK(near_distance(cases[i].b, cases[i].a, 23) ==
		    cases[i].distance, "the other way round");
	}
	T_OK(near_distance("vmlinux", "vmlinuz", NEAR_EDIT - 1) == UINT_MAX,
	    "beyond the limit");
}

static void
long_names(void)
{
	char a[PATHNAME_MAX + 1], b[PATHNAME_MAX + 1];

	memset(a, 'x', PATHNAME_MAX);
	a[PATHNAME_MAX] = '\0';
	memcpy(b, a, sizeof(b));
	T_OK(near_distance(a, b, 23) == 0, "the longest ones");
	b[0] = 'y';
	b[PATHNAME_MAX - 1] = 'y';
	T_OK(near_distance(a, b, 23) == 2 * NEAR_EDIT, "both ends wrong");
	b[PATHNAME_MAX - 3] = '\0';
	T_OK(near_distance(a, b, 23) == UINT_MAX, "and too short");
}

static bool
suggests(struct near *n, const char *asked, bool only_alike,
    const char *expected)
{
	struct near_match out[NEAR_MAX];
	char all[512] = "";
	size_t i, count;

	count = near_find(n, (const uint8_t *)asked, strlen(asked),
	    only_alike, out);
	for (i = 0; i < count; i++) {
		strcat(all, i == 0 ? "" : " ");
		strncat(all, (const char *)out[i].name, out[i].len);
	}
	if (strcmp(all, expected) != 0)
		printf("%s: %s\n", asked, all);
	return strcmp(all, expected) == 0;
}

static void
suggestions(void)
{
	static const char *const names[] = {
		"/pxelinux.0", "images/vmlinuz", "images\\initrd.img",
		"images/initrd.gz", "a", "b", "pxelinux.cfg/default",
		"01-aa-bb-cc-dd-ee-01", "../etc/passwd", "boot/bcd",
		"pxelinux.0", "grub/grub.cfg", "start4.elf",
	};
	struct near n;
	size_t i;

	near_init(&n);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		near_add(&n, (const uint8_t *)names[i], strlen(names[i]));
	near_prepare(&n);
	T_OK(n.count == 11, "once each, and none that leads out");
	T_OK(suggests(&n, "/tftpboot/pxelinux.0", true, "pxelinux.0"),
	    "a prefix");
	T_OK(suggests(&n, "\\Boot\\BCD", true, "boot/bcd"), "Windows");
	T_OK(suggests(&n, "images/vmlinux", false, "images/vmlinuz"),
	    "a typing error");
	T_OK(suggests(&n, "images/vmlinux", true, ""), "which is not alike");
	T_OK(suggests(&n, "images/initrd", false,
	    "images/initrd.gz images/initrd.img"), "the nearest one first");
	T_OK(suggests(&n, "images/vmlinuz-6.1", false, "images/vmlinuz"),
	    "another version");
	T_OK(suggests(&n, "c", false, ""), "one letter is near to nothing");
	T_OK(suggests(&n, "01-aa-bb-cc-dd-ee-02", false, ""),
	    "another machine's file is none of its own");
	T_OK(suggests(&n, "01-AA-BB-CC-DD-EE-01", false,
	    "01-aa-bb-cc-dd-ee-01"), "its own in another case is");
	T_OK(suggests(&n, "0a1b2c3d/start4.elf", true, "start4.elf"),
	    "a board's directory");
	T_OK(suggests(&n, "something/else", false, ""), "too far");
	T_OK(suggests(&n, "bad\nname", false, "") &&
	    suggests(&n, "", false, ""), "what is no name");
	n.looks = 5;
	T_OK(suggests(&n, "pxelinux.0", false, "") && n.looks == 0,
	    "when it has looked enough");
	near_free(&n);
}

/* A client can ask for any number of names that differ from all in the end. */
static void
long_prefixes(void)
{
	struct near_match out[NEAR_MAX];
	char name[600];
	struct near n;
	int i;

	memset(name, 'p', sizeof(name));
	near_init(&n);
	for (i = 0; i < 1000; i++) {
		snprintf(name + 500, 90, "%06d", i);
		near_add(&n, (const uint8_t *)name, 506);
	}
	near_prepare(&n);
	snprintf(name + 500, 90, "%06d", 2345);
	n.looks /= 16 / t_part(16);
	for (i = 0; i < 1000 && n.looks != 0; i++)
		(void)near_find(&n, (const uint8_t *)name, 506, false, out);
	T_OK(n.looks == 0, "edits count as looks, for each character");
	near_free(&n);
}

static void
put_file(int dir, const char *name)
{
	close(openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static void
trees(void)
{
	char root[] = "/tmp/t-near-XXXXXX", path[64] = "", command[64];
	struct near n;
	int i, dir;

	if (mkdtemp(root) == NULL)
		abort();
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(dir, "images", 0700);
	put_file(dir, "images/vmlinuz");
	put_file(dir, "top");
	T_OK(symlinkat("/etc", dir, "etc") == 0, "a link");
	T_OK(symlinkat(".", dir, "images/loop") == 0, "a loop");
	for (i = 0; i < 10; i++) {
		strcat(path, i == 0 ? "d" : "/d");
		mkdirat(dir, path, 0700);
	}
	put_file(dir, "d/d/d/d/d/d/d/eight");
	put_file(dir, "d/d/d/d/d/d/d/d/nine");
	near_init(&n);
	T_OK(near_add_tree(&n, root) == 0, "a tree");
	near_prepare(&n);
	T_OK(n.count == 3 && suggests(&n, "Images/VMLINUZ", true,
	    "images/vmlinuz") && suggests(&n, "TOP", true, "top") &&
	    suggests(&n, "Eight", true, "d/d/d/d/d/d/d/eight"),
	    "files, but no links");
	T_OK(n.is_cut, "nor what lies too deep");
	T_OK(near_add_tree(&n, "/nonexistent") == -ENOENT, "no directory");
	near_free(&n);
	close(dir);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	T_OK(system(command) == 0, "clean up");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "distances", distances },
		{ "long names", long_names },
		{ "suggestions", suggestions },
		{ "long prefixes", long_prefixes },
		{ "trees", trees },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "near", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
