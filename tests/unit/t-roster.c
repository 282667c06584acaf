/*
 * t-roster - looks at the live table, one after the other.
 */
#include "stats/roster.h"
#include "t-lives.h"

#define S	UINT64_C(1000000)

static struct filter all;

static void
set_bytes(int fd, uint32_t index, uint64_t bytes)
{
	struct live_slot s;

	fill(&s, index + 1);
	s.bytes = bytes;
	put_slot(fd, index, &s);
}

/* As if that much time had passed since the last look. */
static void
age(struct roster *r, uint64_t us)
{
	r->looked_us -= us;
}

static void
test_rates(void)
{
	struct roster r = { .count = 0 };
	struct livetab t;
	struct holder h;
	int fd = make(&good_header);

	set_bytes(fd, 0, 5000);
	hold(&h, 3, F_WRLCK);
	T_OK(livetab_open(&t, path) == 0, "opened");
	T_OK(roster_look(&r, &t, &all) == 0 && r.count == 2 &&
	    r.by_op[TRANSLOG_READ] == 2, "the first look");
	T_OK(r.rows[0].id == 1 && r.rows[1].id == 2, "the oldest first");
	T_OK(r.moved[TRANSLOG_READ] == 5020, "all that it finds has moved");
	set_bytes(fd, 0, 105000);
	age(&r, 10 * S);
	T_OK(roster_look(&r, &t, &all) == 0, "the second look");
	T_OK(r.rows[0].rate > 9900 && r.rows[0].rate <= 10000,
	    "a rate is since the last look");
	T_OK(r.rows[1].rate == 0, "nothing moved");
	T_OK(r.moved[TRANSLOG_READ] == 100000 &&
	    r.rates[TRANSLOG_READ] == r.rows[0].rate, "sums");
	set_bytes(fd, 0, 7);
	T_OK(roster_look(&r, &t, &all) == 0 && r.rows[0].rate == 0 &&
	    r.moved[TRANSLOG_READ] == 0, "who claims to go back stands");
	set_bytes(fd, 0, UINT64_MAX);
	set_bytes(fd, 1, UINT64_MAX);
	T_OK(roster_look(&r, &t, &all) == 0 &&
	    r.moved[TRANSLOG_READ] == UINT64_MAX, "no sum wraps");
	roster_sort_by_rate(&r);
	T_OK(r.rows[0].rate >= r.rows[1].rate, "the fastest first");
	livetab_close(&t);
	let_go(&h);
	roster_free(&r);
	close(fd);
}

static void
test_marks(void)
{
	struct roster r = { .count = 0 };
	struct livetab t;
	struct holder h;

	close(make(&good_header));
	T_OK(roster_bytes_of(&r, 3) == 0, "before the first look");
	hold(&h, 0xff, F_WRLCK);
	T_OK(livetab_open(&t, path) == 0 &&
	    roster_look(&r, &t, &all) == 0 && r.count == 8, "eight run");
	T_OK(roster_bytes_of(&r, 3) == 30, "one that runs");
	T_OK(roster_bytes_of(&r, 99) == 0, "one that nobody knows");
	let_go(&h);
	T_OK(roster_look(&r, &t, &all) == 0 && r.count == 0, "all are gone");
	T_OK(roster_bytes_of(&r, 3) == 30, "known for one more look");
	T_OK(roster_look(&r, &t, &all) == 0 && roster_bytes_of(&r, 3) == 0,
	    "and forgotten");
	livetab_close(&t);
	roster_free(&r);
}

static void
test_filters(void)
{
	static const struct {
		const char *what, *client, *glob;
		enum translog_op op;
		size_t count;
	} rows[] = {
		{ "all", NULL, NULL, TRANSLOG_NO_OP, 8 },
		{ "the network", "192.0.2.0/24", NULL, TRANSLOG_NO_OP, 8 },
		{ "another network", "10.0.0.0/8", NULL, TRANSLOG_NO_OP, 0 },
		{ "the name", NULL, "boot/*", TRANSLOG_NO_OP, 7 },
		{ "the one other name", NULL, "up", TRANSLOG_NO_OP, 1 },
		{ "uploads", NULL, NULL, TRANSLOG_WRITE, 1 },
		{ "downloads of that name", NULL, "up", TRANSLOG_READ, 0 },
	};
	struct roster r = { .count = 0 };
	struct live_slot s;
	struct filter f;
	struct livetab t;
	struct holder h;
	size_t i;
	int fd = make(&good_header);

	fill(&s, 4);
	s.is_write = 1;
	memcpy(s.file, "up", 2);
	s.file_len = 2;
	put_slot(fd, 3, &s);
	hold(&h, 0xff, F_WRLCK);
	T_OK(livetab_open(&t, path) == 0, "opened");
	for (i = 0; i < COUNT(rows); i++) {
		filter_clear(&f);
		f.has_client = rows[i].client != NULL &&
		    filter_network_parse(rows[i].client, &f.client);
		f.glob = rows[i].glob;
		f.op = rows[i].op;
		T_OK(roster_look(&r, &t, &f) == 0 &&
		    r.count == rows[i].count, rows[i].what);
	}
	livetab_close(&t);
	let_go(&h);
	roster_free(&r);
	close(fd);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "rates", test_rates },
		{ "what a look knew", test_marks },
		{ "filters", test_filters },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "roster", set_up, clean_up, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	filter_clear(&all);
	return t_run(suites);
}
