/*
 * t-pace - rounds with and without a loss, and what the next burst is then.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/pace.h"
#include "t.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define RTT_US		1000
#define PAUSE_MIN_US	100
#define PAUSE_MAX_US	40000
#define SLOW_US		1000

/*
 * "W3 L8 T S8": three whole windows, one of which 8 blocks got through at
 * once, one of which nothing was heard, one whose 8 blocks took 1 ms each.
 */
static void
play(struct pace *p, const char *events)
{
	unsigned long n;
	char *end, kind;

	for (; *events != '\0'; events = *end == ' ' ? end + 1 : end) {
		kind = *events;
		n = strtoul(events + 1, &end, 10);
		if (kind == 'L') {
			pace_on_loss(p, (uint32_t)n, 0);
			continue;
		}
		if (kind == 'S') {
			pace_on_loss(p, (uint32_t)n, p->base_us + n * SLOW_US);
			continue;
		}
		for (n = end == events + 1 ? 1 : n; n != 0; n--) {
			if (kind == 'W')
				pace_on_whole(p, RTT_US);
			else
				pace_on_silence(p);
		}
	}
}

struct row {
	const char *what;
	uint32_t windowsize;
	const char *events;
	uint32_t burst;
};

static void
check(const struct row *rows, size_t count)
{
	struct pace p;
	size_t i;

	for (i = 0; i < count; i++) {
		pace_init(&p, rows[i].windowsize, true, RTT_US);
		play(&p, rows[i].events);
		T_OK(p.burst == rows[i].burst, rows[i].what);
		T_OK(pace_is_on(&p) == (rows[i].burst < rows[i].windowsize),
		    rows[i].what);
	}
}

/* ---- bursts ----------------------------------------------------------- */

static void
test_first(void)
{
	static const struct row rows[] = {
		{ "lock-step has no bursts", 1, "", 1 },
		{ "a window that fits", 16, "", 16 },
		{ "a window that hardly does not", 17, "", 16 },
		{ "its next one is sent at once", 17, "W", 17 },
		{ "64 begin with 16", 64, "", 16 },
		{ "then 32", 64, "W", 32 },
		{ "then all", 64, "W2", 64 },
		{ "and stay so", 64, "W1000", 64 },
		{ "100 are 16, 32, 64", 100, "W2", 64 },
		{ "and 100", 100, "W3", 100 },
		{ "the largest window", 65535, "W11", 32768 },
		{ "all of the largest window", 65535, "W12", 65535 },
	};

	check(rows, COUNT(rows));
}

static void
test_loss(void)
{
	static const struct row rows[] = {
		{ "one is chance, with bursts", 64, "L8", 16 },
		{ "one of which nothing was heard, too", 64, "T", 16 },
		{ "it grows after that", 64, "L8 W", 32 },
		{ "one is chance, without bursts", 64, "W2 L8", 64 },
		{ "two that are apart are, too", 64, "W2 L8 W L8", 64 },
		{ "many that are apart", 64,
		    "W2 L8 W T W L0 W L60 W L8 W T W", 64 },
		{ "two in a row: what got through", 64, "W2 L24 L24", 24 },
		{ "the most of it: before", 64, "W2 L24 L9", 24 },
		{ "the most of it: after", 64, "W2 L9 L24", 24 },
		{ "a timeout says nothing of it", 64, "W2 L24 T", 24 },
		{ "nor one before", 64, "W2 T L24", 24 },
		{ "two timeouts: half of it", 64, "W2 T2", 32 },
		{ "a whole window makes forget it", 64, "W2 L24 W L9 T", 9 },
		{ "nothing got through: half of it", 64, "W2 L0 L0", 32 },
		{ "nearly all: half the window", 64, "W2 L63 L63", 32 },
		{ "from bursts of 16", 64, "L9 L12", 12 },
		{ "it grows no more", 64, "L9 L12 W60", 12 },
		{ "a third in a row", 64, "L12 L12 L7", 7 },
		{ "what got through before it counts no more", 64,
		    "L12 L12 T", 6 },
		{ "one later is chance again", 64, "L12 L12 W L7", 12 },
		{ "two later are not", 64, "L12 L12 W L7 L7", 7 },
		{ "no less than 4", 64, "L1 L1 L1", 4 },
		{ "no less than 4 by timeouts", 64, "T7", 4 },
		{ "lost after the first burst: the pause was too short", 64,
		    "S16 S40", 16 },
		{ "of a long burst: the burst is too long, too", 64,
		    "W L40 L40", 16 },
		{ "a window of 16 has bursts then", 16, "L5 L5", 5 },
		{ "of at most half of it", 16, "L15 L15", 8 },
		{ "a window of 20, lost after its first burst", 20,
		    "S16 S16", 10 },
		{ "a window of 8", 8, "L3 L3", 4 },
		{ "a window of 5", 5, "L1 L1", 4 },
		{ "4 are too few for bursts", 4, "L1 L1 L1 T T", 4 },
		{ "so are 3", 3, "T7", 3 },
		{ "so is 1", 1, "L0 L0 L0 T5", 1 },
	};

	check(rows, COUNT(rows));
}

static void
test_probe(void)
{
	static const struct row rows[] = {
		{ "64 whole windows before more is tried", 64, "L8 L8 W63",
		    8 },
		{ "then twice as much", 64, "L8 L8 W64", 16 },
		{ "in a row", 64, "L8 L8 W63 L8 W63", 8 },
		{ "it is lossy: back", 64, "L8 L8 W64 L9", 8 },
		{ "a timeout, too", 64, "L8 L8 W64 T", 8 },
		{ "3 windows prove nothing", 64, "L8 L8 W64 W3 L9", 8 },
		{ "4 do", 64, "L8 L8 W64 W4 L9", 16 },
		{ "two in a row are still two", 64, "L8 L8 W68 L9 L9", 9 },
		{ "more is tried after it", 64, "L8 L8 W64 W64", 32 },
		{ "and again to the whole window", 64, "L8 L8 W64 W64 W64",
		    64 },
		{ "back from the whole window", 64,
		    "L8 L8 W64 W64 W64 W L50", 32 },
		{ "a window is no longer than itself", 20, "L9 L9 W64 W64",
		    20 },
		{ "the whole window is proved, too", 64,
		    "L8 L8 W64 W64 W64 W1000 L50", 64 },
		{ "back to what was proved, not to half the window", 24,
		    "L9 L9 W64 W64 L20", 18 },
		{ "back to the least", 5, "L1 L1 W64 L3", 4 },
		{ "it failed once: not after 255", 64,
		    "L8 L8 W64 L9 W255", 8 },
		{ "but after 256", 64, "L8 L8 W64 L9 W256", 16 },
		{ "twice: not after 1023", 64,
		    "L8 L8 W64 L9 W256 L9 W1023", 8 },
		{ "but after 1024", 64, "L8 L8 W64 L9 W256 L9 W1024", 16 },
		{ "three times: not after 4095", 64,
		    "L8 L8 W64 L9 W256 L9 W1024 L9 W4095", 8 },
		{ "but after 4096", 64,
		    "L8 L8 W64 L9 W256 L9 W1024 L9 W4096", 16 },
		{ "four times: 4096, as before", 64,
		    "L8 L8 W64 L9 W256 L9 W1024 L9 W4096 L9 W4096", 16 },
		{ "that is not less than before", 64,
		    "L8 L8 W64 L9 W256 L9 W1024 L9 W4096 L9 W4095", 8 },
	};

	check(rows, COUNT(rows));
}

static void
test_give_in(void)
{
	static const struct row rows[] = {
		{ "seven lossy rounds", 64, "T7", 4 },
		{ "eight: bursts are not the cure", 64, "T8", 64 },
		{ "that is eight in a row", 64, "T7 W T7", 4 },
		{ "long pauses are not the cure either", 64, "L16 L16 L16 L16 L16 L16 L16 L16 L16", 64 },
		{ "whatever got through", 64, "L1 L2 L3 L1 L1 L1 L1 L1",
		    64 },
		{ "silence ends the rest soon", 64, "T8 T4 T", 64 },
		{ "and then two are lossy again", 64, "T8 T4 T2", 32 },
		{ "256 rounds: whole", 64, "T8 W256 L8 L8", 8 },
		{ "255 are less", 64, "T8 W255 L8 L8", 64 },
		{ "they count together", 64, "T8 W100 T2 W28 L8 L8", 8 },
		{ "give in, and again", 64, "T8 T4 T8", 64 },
		{ "and rest again", 64, "T8 T4 T8 T4", 64 },
	};

	check(rows, COUNT(rows));
}

/* ---- pauses ----------------------------------------------------------- */

#define DRAINS_MAX	8

struct pause_row {
	const char *what;
	uint64_t rtt_us;
	const char *events;	/* before them */
	uint64_t drains_us[DRAINS_MAX];	/* of whole windows; 0: no more */
	uint64_t pause_us;
};

static void
test_pause(void)
{
	static const struct pause_row rows[] = {
		{ "the round trip, at first", 700, "", { 0 }, 700 },
		{ "not known: the least", 0, "", { 0 }, 100 },
		{ "no less", 20, "", { 0 }, 100 },
		{ "no more", 90000, "", { 0 }, 2000 },
		{ "twice the blocks take twice the time", 1000, "",
		    { 1000 }, 1000 },
		{ "bursts that are gone at once need none", 1000, "L8 L8",
		    { 1000 }, 500 },
		{ "it comes near", 1000, "L8 L8", { 1000, 1000 }, 250 },
		{ "the least", 1000, "L8 L8", { 1000, 1000, 1000, 1000,
		    1000 }, 100 },
		{ "what a burst needs, and a quarter", 1000, "L8 L8",
		    { 1800 }, 1000 },
		{ "half way to it", 1000, "L8 L8", { 2600 }, 1500 },
		{ "and again", 1000, "L8 L8", { 2600, 2600 }, 1750 },
		{ "the most", 1000, "L8 L8", { 99999, 99999 }, 40000 },
		{ "an unknown round trip is the first", 0, "L8 L8",
		    { 2000 }, 100 },
		{ "from then on it is known", 0, "L8 L8", { 2000, 2800 },
		    550 },
		{ "a shorter one is nearer to it", 1000, "L8 L8",
		    { 600, 1400 }, 750 },
		{ "a single loss changes nothing", 1000, "L16", { 0 },
		    1000 },
		{ "too short: twice", 300, "L16 L16", { 0 }, 600 },
		{ "and twice, to 1 ms", 300, "L16 L16 L20", { 0 }, 1000 },
		{ "and no more, for the client took no time", 300,
		    "L16 L16 L20 L16", { 0 }, 1000 },
		{ "as long as the client took, and a quarter", 300, "S16 S16",
		    { 0 }, 19620 },
		{ "nothing heard: twice", 300, "T2", { 0 }, 600 },
		{ "and twice, to 40 ms", 300, "T9", { 0 }, 40000 },
		{ "a shorter burst needs no longer one", 1000, "L8 L8",
		    { 0 }, 1000 },
		{ "half the burst, half the pause", 1000,
		    "L8 L8 W63 L9", { 0 }, 100 },
	};
	struct pace p;
	size_t i, n;

	for (i = 0; i < COUNT(rows); i++) {
		pace_init(&p, 64, true, rows[i].rtt_us);
		play(&p, rows[i].events);
		for (n = 0; n < DRAINS_MAX && rows[i].drains_us[n]; n++)
			pace_on_whole(&p, rows[i].drains_us[n]);
		T_OK(p.pause_us == rows[i].pause_us, rows[i].what);
	}
}

/* A longer burst is tried with a longer pause; both go back together. */
static void
test_pause_of_probe(void)
{
	uint64_t before;
	struct pace p;
	int i;

	pace_init(&p, 64, true, RTT_US);
	play(&p, "L8 L8");
	for (i = 0; i < 63; i++)
		pace_on_whole(&p, RTT_US + 800);
	before = p.pause_us;
	pace_on_whole(&p, RTT_US + 800);
	T_OK(p.burst == 16 && p.pause_us >= 2 * before - 2 &&
	    p.pause_us <= 2 * before + 2, "twice the blocks");
	pace_on_loss(&p, 9, 0);
	T_OK(p.burst == 8 && p.pause_us >= before - 2 &&
	    p.pause_us <= before + 2, "and back");
}

/* ---- anything --------------------------------------------------------- */

static uint32_t
next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static bool
is_sane(const struct pace *p)
{
	return p->burst >= 1 && p->burst <= p->ceiling &&
	    p->ceiling <= p->windowsize &&
	    p->pause_us >= PAUSE_MIN_US && p->pause_us <= PAUSE_MAX_US &&
	    pace_is_on(p) == (p->burst < p->windowsize);
}

static void
lose(struct pace *p, uint32_t *seed)
{
	switch (next_random(seed) % 4) {
	case 0:
		pace_on_silence(p);
		break;
	case 1:
		pace_note_got(p, next_random(seed) % (p->windowsize + 1));
		break;
	default:
		pace_on_loss(p, next_random(seed) % (p->windowsize + 1),
		    next_random(seed) >> next_random(seed) % 24);
	}
}

/* A path that is good and bad by turns: 1 of odds rounds is lossy. */
static void
random_round(struct pace *p, uint32_t odds, uint32_t *seed)
{
	uint64_t drained_us = next_random(seed);

	if (next_random(seed) % odds != 0)
		pace_on_whole(p, next_random(seed) % 4 == 0 ?
		    drained_us << 16 : drained_us % 10000);
	else
		lose(p, seed);
}

static bool
is_sane_for(uint32_t windowsize, bool is_on, uint32_t *seed)
{
	uint32_t odds = 2, n;
	bool good = true;
	struct pace p;

	pace_init(&p, windowsize, is_on, next_random(seed) % 8000);
	for (n = 0; n < 20000; n++) {
		if (n % 256 == 0)
			odds = 1 + next_random(seed) % 400;
		random_round(&p, odds, seed);
		good &= is_sane(&p);
		good &= is_on || p.burst == windowsize;
	}
	return good;
}

static void
test_random(void)
{
	static const uint32_t windows[] = { 17, 18, 23, 31, 32, 33, 63, 64,
		65, 100, 127, 128, 1000, 4096, 65535 };
	uint32_t seed = 1, windowsize;
	size_t i;

	for (windowsize = 1; windowsize <= 16; windowsize++) {
		T_OK(is_sane_for(windowsize, true, &seed),
		    "a small window");
		T_OK(is_sane_for(windowsize, false, &seed),
		    "a small window, never in bursts");
	}
	for (i = 0; i < COUNT(windows); i++) {
		T_OK(is_sane_for(windows[i], true, &seed), "a window");
		T_OK(is_sane_for(windows[i], false, &seed),
		    "a window, never in bursts");
	}
}

/* Small windows go out at once, until two losses in a row. */
static void
test_small(void)
{
	uint32_t windowsize;
	struct pace p;

	for (windowsize = 1; windowsize <= 16; windowsize++) {
		pace_init(&p, windowsize, true, RTT_US);
		play(&p, "W100 L0 W L0 W T W");
		T_OK(!pace_is_on(&p) && p.burst == windowsize,
		    "no bursts without need");
	}
}

static void
test_off(void)
{
	static const char *const events[] = { "", "W1000", "L8 L8", "T8",
		"L16 L16 L16", "T300", "L8 L8 W64 L9", "T8 W256 L8 L8" };
	struct pace p;
	size_t i;

	for (i = 0; i < COUNT(events); i++) {
		pace_init(&p, 64, false, RTT_US);
		play(&p, events[i]);
		T_OK(!pace_is_on(&p) && p.burst == 64, events[i]);
		T_OK(p.rest == UINT32_MAX, "for ever");
	}
}

int
main(void)
{
	CU_TestInfo bursts[] = {
		{ "the first windows", test_first },
		{ "losses", test_loss },
		{ "longer ones are tried", test_probe },
		{ "no cure", test_give_in },
		{ "small windows", test_small },
		{ "never", test_off },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo pauses[] = {
		{ "pauses", test_pause },
		{ "of longer bursts", test_pause_of_probe },
		{ "random rounds", test_random },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "pace: bursts", NULL, NULL, NULL, NULL, bursts },
		{ "pace: pauses", NULL, NULL, NULL, NULL, pauses },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
