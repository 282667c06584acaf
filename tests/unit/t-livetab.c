/*
 * t-livetab - who runs, out of a file that anybody may have spoilt.
 */
#include "stats/livetab.h"
#include "t-lives.h"

/* ---- the header ------------------------------------------------------- */

static int
open_result(void)
{
	struct livetab t;
	int ret = livetab_open(&t, path);

	if (ret == 0)
		livetab_close(&t);
	return ret;
}

static void
test_what_is_no_table(void)
{
	static const struct {
		const char *what;
		uint64_t magic;
		uint32_t slots;
		off_t size;
		int ret;
	} rows[] = {
		{ "a table", LIVE_MAGIC, SLOTS, 9 * LIVE_PAGE, 0 },
		{ "one whose server has gone", 0, SLOTS, 9 * LIVE_PAGE,
		    -ENOENT },
		{ "a new, empty file", 0, 0, 0, -ENOENT },
		{ "the version before", LIVE_MAGIC - (UINT64_C(1) << 56),
		    SLOTS, 9 * LIVE_PAGE, -EINVAL },
		{ "text", UINT64_C(0x6f6c6c6568), 0, 5, -EINVAL },
		{ "a header cut short", LIVE_MAGIC, SLOTS, 100, -EINVAL },
		{ "a cut one that begins with zeros", 0, SLOTS, 100,
		    -EINVAL },
		{ "no slots", LIVE_MAGIC, 0, 9 * LIVE_PAGE, -EINVAL },
		{ "a header alone", LIVE_MAGIC, SLOTS, LIVE_PAGE, 0 },
		{ "a header and no page", LIVE_MAGIC, SLOTS,
		    sizeof(struct live_header), 0 },
	};
	struct live_header h;
	size_t i;
	int fd;

	for (i = 0; i < COUNT(rows); i++) {
		h = good_header;
		h.magic = rows[i].magic;
		h.slots = rows[i].slots;
		fd = make(&h);
		if (ftruncate(fd, rows[i].size) == -1)
			abort();
		close(fd);
		T_OK(open_result() == rows[i].ret, rows[i].what);
	}
	unlink(path);
	T_OK(open_result() == -ENOENT, "no file");
	T_OK(mkfifo(path, 0644) == 0 && open_result() == -EINVAL, "a FIFO");
	unlink(path);
	T_OK(mkdir(path, 0755) == 0 && open_result() == -EINVAL,
	    "a directory");
	rmdir(path);
}

static void
test_header_texts(void)
{
	struct live_header h = good_header;
	struct livetab t;
	int fd;

	memset(h.log_path, 'a', sizeof(h.log_path));
	memset(h.conf_problem, 0x1b, sizeof(h.conf_problem));
	fd = make(&h);
	close(fd);
	T_OK(livetab_open(&t, path) == 0, "a header without NULs");
	T_OK(strlen(t.header.log_path) == LIVE_PATH_MAX - 1 &&
	    strlen(t.header.conf_problem) == LIVE_PATH_MAX - 1,
	    "its texts end");
	livetab_close(&t);
}

static void
test_keeper(void)
{
	struct holder h;
	struct livetab t;

	close(make(&good_header));
	T_OK(livetab_open(&t, path) == 0 && !t.has_keeper, "nobody owns it");
	hold(&h, UINT32_C(1) << 31, F_WRLCK);
	T_OK(livetab_refresh(&t) == 0 && t.has_keeper && t.keeper == h.pid,
	    "a server owns it, and we know which");
	let_go(&h);
	T_OK(livetab_refresh(&t) == 0 && !t.has_keeper, "it was killed");
	hold(&h, UINT32_C(1) << 31, F_RDLCK);
	T_OK(livetab_refresh(&t) == 0 && !t.has_keeper,
	    "who only locks it for reading is no server");
	let_go(&h);
	livetab_close(&t);
}

/* ---- slots ------------------------------------------------------------ */

/* A bit for each slot that is shown as running. */
static uint32_t
shown(struct livetab *t)
{
	struct livetab_entry e;
	uint32_t slot = 0, found = 0;
	int ret;

	while ((ret = livetab_next(t, &slot, &e)) == 1)
		found |= UINT32_C(1) << (slot - 1);
	T_OK(ret == 0, "read to the end");
	return found;
}

static void
test_entry(void)
{
	struct livetab_entry e;
	struct livetab t;
	struct holder h;
	uint32_t slot = 0;

	close(make(&good_header));
	hold(&h, 1 << 2, F_WRLCK);
	T_OK(livetab_open(&t, path) == 0, "opened");
	T_OK(livetab_next(&t, &slot, &e) == 1 && slot == 3, "the third slot");
	T_OK(strcmp(e.id, "0000000000000003") == 0, "its id");
	T_OK(e.pid == h.pid, "the pid is the kernel's, not the slot's");
	T_OK(strcmp(e.client, "192.0.2.1") == 0 && e.client_port == 2001 &&
	    strcmp(e.server, "192.0.2.254") == 0, "who");
	T_OK(e.op == TRANSLOG_READ && e.file_len == 6 &&
	    memcmp(e.file, "boot/x", 6) == 0, "what");
	T_OK(e.size == 1000 && e.bytes == 30 && e.started_us == 3000000,
	    "how far");
	T_OK(e.blksize == 1428 && e.windowsize == 4 && e.retransmits == 3,
	    "how");
	T_OK(e.has_answered && e.age_us > 0 && e.quiet_us > 0, "since when");
	T_OK(livetab_next(&t, &slot, &e) == 0, "and no other");
	livetab_close(&t);
	let_go(&h);
}

enum { NO, YES };

static void
test_states(void)
{
	static const struct {
		const char *what;
		uint32_t state;
		const char *id;
		int want;
	} rows[] = {
		{ "it runs", LIVE_RUNNING, "0123456789abcdef", YES },
		{ "free, and still locked", LIVE_FREE, "0123456789abcdef",
		    NO },
		{ "it has not begun", LIVE_CLAIMED, "0123456789abcdef", NO },
		{ "its end is written", LIVE_ENDED, "0123456789abcdef", NO },
		{ "it is being buried", LIVE_ENDING, "0123456789abcdef", NO },
		{ "no state of ours", 77, "0123456789abcdef", NO },
		{ "no id", LIVE_RUNNING, "", NO },
		{ "an id cut short", LIVE_RUNNING, "0123456789abcde", NO },
		{ "an id too long", LIVE_RUNNING, "0123456789abcdef0", NO },
		{ "capitals", LIVE_RUNNING, "0123456789ABCDEF", NO },
		{ "an id that steers", LIVE_RUNNING, "0123456789abc\033[m",
		    NO },
	};
	struct live_slot s;
	struct livetab t;
	struct holder h;
	int fd = make(&good_header);
	size_t i;

	hold(&h, 1, F_WRLCK);
	T_OK(livetab_open(&t, path) == 0, "opened");
	for (i = 0; i < COUNT(rows); i++) {
		fill(&s, 1);
		s.state = rows[i].state;
		memset(s.id, 0, sizeof(s.id));
		strcpy(s.id, rows[i].id);
		put_slot(fd, 0, &s);
		T_OK(shown(&t) == (uint32_t)rows[i].want, rows[i].what);
	}
	memset(s.id, 'a', sizeof(s.id));
	put_slot(fd, 0, &s);
	T_OK(shown(&t) == 0, "an id without end");
	livetab_close(&t);
	let_go(&h);
	close(fd);
}

static void
test_killed(void)
{
	struct livetab t;
	struct holder left, right;
	uint64_t by_op[3];

	close(make(&good_header));
	hold(&left, 0x0f, F_WRLCK);
	hold(&right, 0x30, F_WRLCK);
	T_OK(livetab_open(&t, path) == 0, "opened");
	T_OK(shown(&t) == 0x3f, "all that hold their lock");
	T_OK(livetab_count(&t, by_op) == 6 && by_op[TRANSLOG_READ] == 6 &&
	    by_op[TRANSLOG_WRITE] == 0, "counted");
	let_go(&left);
	T_OK(shown(&t) == 0x30, "kill -9 makes them disappear");
	let_go(&right);
	T_OK(shown(&t) == 0 && livetab_count(&t, by_op) == 0, "all of them");
	hold(&left, 0xff, F_RDLCK);
	T_OK(shown(&t) == 0, "locks for reading are nobody's");
	let_go(&left);
	livetab_close(&t);
}

static void
test_wild_values(void)
{
	struct livetab_entry e;
	struct live_slot s;
	struct livetab t;
	struct holder h;
	int fd = make(&good_header);
	uint32_t slot = 0;

	fill(&s, 1);
	memset(s.client, 'c', sizeof(s.client));
	memset(s.server, 0xff, sizeof(s.server));
	s.file_len = UINT16_MAX;
	memset(s.file, 0x1b, sizeof(s.file));
	s.is_write = 255;
	s.size = s.bytes = UINT64_MAX;
	s.received_us = UINT64_MAX;
	s.heard_us = UINT64_MAX;
	put_slot(fd, 0, &s);
	hold(&h, 1, F_WRLCK);
	T_OK(livetab_open(&t, path) == 0 &&
	    livetab_next(&t, &slot, &e) == 1, "it is shown");
	T_OK(strlen(e.client) == LIVE_ADDR_MAX - 1 &&
	    strlen(e.server) == LIVE_ADDR_MAX - 1, "texts end");
	T_OK(e.file_len == LIVE_TEXT_MAX, "a name as long as there is room");
	T_OK(e.op == TRANSLOG_WRITE, "no third operation");
	T_OK(e.age_us == 0 && e.quiet_us == 0, "nobody comes from the future");
	livetab_close(&t);
	let_go(&h);
	close(fd);
}

static void
test_shorter_file(void)
{
	static const struct {
		const char *what;
		off_t size;
		uint32_t slots, shown;
	} rows[] = {
		{ "whole", 9 * LIVE_PAGE, 8, 0xff },
		{ "the last slot cut", 9 * LIVE_PAGE - 1, 7, 0x7f },
		{ "half a slot more than one", 2 * LIVE_PAGE + 2000, 1, 1 },
		{ "the header alone", LIVE_PAGE, 0, 0 },
		{ "not even that", sizeof(struct live_header), 0, 0 },
	};
	struct livetab t, before;
	struct holder h;
	size_t i;
	int fd;

	for (i = 0; i < COUNT(rows); i++) {
		fd = make(&good_header);
		hold(&h, 0xff, F_WRLCK);
		T_OK(livetab_open(&before, path) == 0, "opened while whole");
		if (ftruncate(fd, rows[i].size) == -1)
			abort();
		T_OK((shown(&before) & ~rows[i].shown &
		    ~(UINT32_C(1) << rows[i].slots)) == 0, rows[i].what);
		T_OK(livetab_open(&t, path) == 0 &&
		    t.slots == rows[i].slots, rows[i].what);
		T_OK(shown(&t) == rows[i].shown, rows[i].what);
		livetab_close(&t);
		livetab_close(&before);
		let_go(&h);
		close(fd);
	}
}

static void
as_nobody(const void *arg)
{
	struct livetab t;

	(void)arg;
	t_drop();
	C_OK(livetab_open(&t, path) == 0, "it may read it");
	C_OK(shown(&t) == 0x11, "and sees who runs");
}

static void
test_unprivileged(void)
{
	struct holder h;

	close(make(&good_header));
	hold(&h, 0x11, F_WRLCK);
	t_in_child(as_nobody, NULL, "an ordinary user");
	let_go(&h);
}

/* Bytes of any kind, the states and ids now and then as they should be. */
static void
scramble(struct live_slot *s, uint64_t *seed)
{
	uint8_t *bytes = (uint8_t *)s;
	size_t i;

	for (i = 0; i < sizeof(*s); i++) {
		*seed = *seed * UINT64_C(6364136223846793005) + 1;
		bytes[i] = (uint8_t)(*seed >> 56);
	}
	if (*seed >> 40 & 1) {
		s->state = LIVE_RUNNING;
		strcpy(s->id, "00000000000000aa");
	}
}

static void
test_rubbish(void)
{
	struct livetab_entry e;
	struct live_slot s;
	struct livetab t;
	struct holder h;
	uint64_t seed = 1;
	uint32_t slot, i, round;
	int fd = make(&good_header);

	hold(&h, 0xff, F_WRLCK);
	T_OK(livetab_open(&t, path) == 0, "opened");
	for (round = 0; round < 200; round++) {
		for (i = 0; i < SLOTS; i++) {
			scramble(&s, &seed);
			put_slot(fd, i, &s);
		}
		slot = 0;
		while (livetab_next(&t, &slot, &e) == 1)
			T_OK(strlen(e.id) == TRANSLOG_ID_LEN &&
			    strlen(e.client) < LIVE_ADDR_MAX &&
			    e.file_len <= LIVE_TEXT_MAX &&
			    (e.op == TRANSLOG_READ || e.op == TRANSLOG_WRITE),
			    "bounded");
	}
	livetab_close(&t);
	let_go(&h);
	close(fd);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "what is no table", test_what_is_no_table },
		{ "the header's texts", test_header_texts },
		{ "whether a server runs", test_keeper },
		{ "a transfer", test_entry },
		{ "states and ids", test_states },
		{ "who was killed has gone", test_killed },
		{ "values that nobody wrote", test_wild_values },
		{ "a file that is cut, now or later", test_shorter_file },
		{ "an ordinary user", test_unprivileged },
		{ "rubbish in all slots", test_rubbish },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "livetab", set_up, clean_up, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
