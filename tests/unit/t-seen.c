#include <stdlib.h>

#include "daemon/seen.h"
#include "t.h"

#define MS 1000ULL
#define S  1000000ULL

static struct seen *
make(void)
{
	return calloc(1, sizeof(struct seen));
}

/* A hash as a request has it: all bits differ. */
static uint64_t
hash_of(uint64_t n)
{
	n = (n ^ n >> 31) * 0x9e3779b97f4a7c15ULL;
	return (n ^ n >> 29) * 0xbf58476d1ce4e5b9ULL;
}

static void
repeats(void)
{
	static const struct {
		const char *what;
		uint64_t after_us;
		bool is_seen;
	} rows[] = {
		{ "at once it is a copy", 0, false },
		{ "so it is after 50 ms", 50 * MS, false },
		{ "after 250 ms it is asked again", 250 * MS, true },
		{ "after a second", 1 * S, true },
		{ "after 15 s", 15 * S, true },
		{ "after 25 s nobody remembers", 25 * S, false },
	};
	struct seen *s;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		s = make();
		T_OK(!seen_before(s, hash_of(1), 7 * S), "nothing yet");
		seen_note(s, hash_of(1), 7 * S);
		T_OK(seen_before(s, hash_of(1), 7 * S + rows[i].after_us) ==
		    rows[i].is_seen, rows[i].what);
		T_OK(!seen_before(s, hash_of(2), 8 * S), "not another one");
		free(s);
	}
}

static void
notes_do_not_renew(void)
{
	struct seen *s = make();
	uint64_t now;

	for (now = 3 * S; now < 3 * S + 200 * MS; now += 10 * MS)
		seen_note(s, hash_of(5), now);
	T_OK(seen_before(s, hash_of(5), now), "its first time counts");
	free(s);
}

/* Of 20,000 requests a second, a client's second ago is still there. */
static void
flood(void)
{
	const unsigned count = 20000;
	struct seen *s = make();
	unsigned i, lost = 0, wrong = 0;

	for (i = 0; i < count; i++)
		seen_note(s, hash_of(i), 9 * S + i * S / count);
	for (i = 0; i < count; i++) {
		lost += !seen_before(s, hash_of(i), 10 * S + 200 * MS);
		wrong += seen_before(s, hash_of(i + count), 10 * S + 200 * MS);
	}
	T_OK(lost < count / 1000, "hardly one in a thousand is lost");
	T_OK(wrong == 0, "and none is made up");
	free(s);
}

/*
 * What waited in vain is noted with the time when it came, after others that
 * came later.
 */
static void
late_notes(void)
{
	const unsigned count = 20000;
	struct seen *s = make();
	unsigned i, lost = 0;

	for (i = 0; i < count; i++)
		seen_note(s, hash_of(i), 9 * S + i * S / count);
	for (i = 0; i < count; i++)
		seen_note(s, hash_of(count + i), 8 * S + i * S / count);
	for (i = 0; i < count; i++)
		lost += !seen_before(s, hash_of(i), 10 * S + 200 * MS);
	T_OK(lost < count / 20, "the later ones are there");
	free(s);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "copies, repeats, new ones", repeats },
		{ "noted often", notes_do_not_renew },
		{ "a flood", flood },
		{ "noted late", late_notes },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "seen", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
