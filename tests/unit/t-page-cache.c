#include <sys/file.h>

#include "../../src/status/page_parts.h"
#include "t-work.h"

#define SECOND	UINT64_C(1000000)
#define NOW	(1000000 * SECOND)

static char dir[PATH_MAX];
static struct settings settings = { .state = dir };
static const struct page_window window = { .name = "24h" };

static int
set_up(void)
{
	umask(022);
	t_tmp_make(dir);
	return 0;
}

static int
clean_up(void)
{
	t_tmp_remove(dir);
	return 0;
}

/* A page at a time, about a log. */
static struct page
page_at(uint64_t now_us, const char *log)
{
	struct page p = { .settings = &settings, .window = &window,
		.options = { .now_us = now_us } };

	strcpy(p.log_path, log);
	return p;
}

static void
keep(uint64_t now_us, const char *text, uint64_t took_us)
{
	struct page p = page_at(now_us, "/log");
	struct page_cache c;

	page_cache_open(&c, &p);
	page_cache_keep(&c, text, strlen(text), took_us);
	page_cache_close(&c);
}

/* Whether what is shown is that text; NULL: nothing is. */
static bool
shows(uint64_t now_us, const char *log, const char *text)
{
	struct page p = page_at(now_us, log);
	struct page_cache c;
	char *shown;
	size_t size;
	bool is_shown, is_right;

	p.out = open_memstream(&shown, &size);
	page_cache_open(&c, &p);
	is_shown = page_cache_show(&c, &p);
	page_cache_close(&c);
	fclose(p.out);
	is_right = text == NULL ? !is_shown && size == 0 :
	    is_shown && strcmp(shown, text) == 0;
	free(shown);
	return is_right;
}

static void
remove_all(void)
{
	char path[PATH_MAX];

	t_join(path, dir, "page-24h");
	(void)unlink(path);
}

static void
what_took_long_is_kept(void)
{
	remove_all();
	keep(NOW, "cheap", SECOND / 100);
	T_OK(shows(NOW, "/log", NULL), "what was cheap is not");
	keep(NOW, "page", SECOND);
	T_OK(shows(NOW, "/log", "page"), "at once");
	T_OK(shows(NOW + 10 * SECOND, "/log", "page"), "ten times as long");
	T_OK(shows(NOW + 11 * SECOND, "/log", NULL), "not longer");
	T_OK(shows(NOW - SECOND, "/log", NULL), "not before it was made");
	T_OK(shows(NOW, "/other", NULL), "not of another log");
	keep(NOW + 11 * SECOND, "newer", 20 * SECOND);
	T_OK(shows(NOW + 71 * SECOND, "/log", "newer"), "a minute at most");
	T_OK(shows(NOW + 72 * SECOND, "/log", NULL), "and no more");
}

/* Who has the lock makes a new one; the others take the old one so long. */
static void
one_makes_it_anew(void)
{
	struct page p = page_at(NOW, "/log");
	struct page_cache c;

	remove_all();
	keep(NOW, "old", SECOND);
	page_cache_open(&c, &p);
	CU_ASSERT_FATAL(flock(c.lock, LOCK_EX | LOCK_NB) == 0);
	T_OK(shows(NOW + 60 * SECOND, "/log", "old"), "meanwhile");
	page_cache_close(&c);
	T_OK(shows(NOW + 60 * SECOND, "/log", NULL), "it is made anew");
}

/* A page of minutes is made at once, however long one of days takes. */
static void
other_windows_do_not_wait(void)
{
	const struct page_window other = { .name = "15m" };
	struct page days = page_at(NOW, "/log"), minutes = days;
	struct page_cache c, d;

	minutes.window = &other;
	page_cache_open(&c, &days);
	page_cache_open(&d, &minutes);
	CU_ASSERT(flock(c.lock, LOCK_EX | LOCK_NB) == 0);
	T_OK(flock(d.lock, LOCK_EX | LOCK_NB) == 0, "they have two locks");
	page_cache_close(&c);
	page_cache_close(&d);
}

static void
what_others_may_write_is_not_shown(void)
{
	char path[PATH_MAX], moved[PATH_MAX];

	t_join(path, dir, "page-24h");
	t_join(moved, dir, "moved");
	remove_all();
	keep(NOW, "page", SECOND);
	CU_ASSERT(chmod(path, 0622) == 0);
	T_OK(shows(NOW, "/log", NULL), "others may write it");
	if (geteuid() == 0) {
		CU_ASSERT(chown(path, 65534, (gid_t)-1) == 0 &&
		    chmod(path, 0600) == 0);
		T_OK(shows(NOW, "/log", NULL), "it is another user's");
		CU_ASSERT(chown(path, 0, (gid_t)-1) == 0);
	}
	CU_ASSERT(chmod(path, 0600) == 0 && rename(path, moved) == 0 &&
	    symlink(moved, path) == 0);
	T_OK(shows(NOW, "/log", NULL), "a link");
	CU_ASSERT(unlink(path) == 0 && rename(moved, path) == 0);
	T_OK(shows(NOW, "/log", "page"), "as it was");
	CU_ASSERT(truncate(path, 538) == 0);
	T_OK(shows(NOW, "/log", NULL), "cut short");
	keep(NOW, "again", SECOND);
	T_OK(shows(NOW, "/log", "again"), "it is made again");
}

static void
without_a_directory_nothing_is_kept(void)
{
	settings.state = "/proc/none";
	keep(NOW, "page", SECOND);
	T_OK(shows(NOW, "/log", NULL), "no directory");
	settings.state = dir;
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "what took long is kept for a while",
		    what_took_long_is_kept },
		{ "one makes it anew, the others take the old one",
		    one_makes_it_anew },
		{ "a window does not wait for another",
		    other_windows_do_not_wait },
		{ "what others may write is not shown",
		    what_others_may_write_is_not_shown },
		{ "without a directory nothing is kept",
		    without_a_directory_nothing_is_kept },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "page cache", set_up, clean_up, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
