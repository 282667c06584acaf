#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stats/calendar.h"
#include "stats/sum.h"

#define SECOND_US	UINT64_C(1000000)
#define HOUR_S		3600

void
calendar_init(struct calendar *c, enum calendar_unit unit, bool is_utc)
{
	*c = (struct calendar){ .unit = unit, .is_utc = is_utc };
	keyed_init(&c->periods, sizeof(struct calendar_period), CALENDAR_MAX);
}

void
calendar_free(struct calendar *c)
{
	keyed_free(&c->periods);
	c->last = NULL;
}

static struct tm
broken_down(const struct calendar *c, time_t seconds)
{
	struct tm tm = { 0 };

	if (c->is_utc)
		gmtime_r(&seconds, &tm);
	else
		localtime_r(&seconds, &tm);
	return tm;
}

/* When a day begins; tm is normalised. */
static time_t
midnight(const struct calendar *c, struct tm *tm)
{
	struct tm wanted, found;
	time_t seconds;

	tm->tm_hour = tm->tm_min = tm->tm_sec = 0;
	if (c->is_utc)
		return timegm(tm);
	/* mktime(3) may change all of it: where a clock is set forward at
	 * midnight there is no such time, and it takes one before. */
	wanted = *tm;
	wanted.tm_hour = 12;
	wanted.tm_isdst = -1;
	mktime(&wanted);
	tm->tm_isdst = -1;
	seconds = mktime(tm);
	found = broken_down(c, seconds);
	if (found.tm_mday != wanted.tm_mday)
		seconds += HOUR_S - found.tm_min * 60 - found.tm_sec;
	return seconds;
}

struct calendar_period
calendar_period_of(const struct calendar *c, uint64_t ts_us)
{
	time_t start, end, seconds = (time_t)(ts_us / SECOND_US);
	struct tm tm = broken_down(c, seconds), next;
	struct calendar_period p = { 0 };

	if (c->unit == CALENDAR_HOUR) {
		start = seconds - tm.tm_min * 60 - tm.tm_sec;
		end = start + HOUR_S;
	} else {
		next = tm;
		start = midnight(c, &tm);
		next.tm_mday++;
		end = midnight(c, &next);
	}
	/* East of UTC, the first one began before 1970. */
	p.start_us = start < 0 ? 0 : (uint64_t)start * SECOND_US;
	p.end_us = (uint64_t)end * SECOND_US;
	return p;
}

/* NULL when there is no room for one more. */
static struct calendar_period *
find(struct calendar *c, uint64_t ts_us)
{
	struct calendar_period empty, *p = c->last;

	if (p != NULL && ts_us >= p->start_us && ts_us < p->end_us)
		return p;
	empty = calendar_period_of(c, ts_us);
	p = keyed_of(&c->periods, &empty.start_us, sizeof(empty.start_us));
	if (p != NULL && p->requests == 0)
		*p = empty;
	c->last = p;
	return p;
}

void
calendar_add(struct calendar *c, const struct translog_record *rec)
{
	struct calendar_period *p = find(c, rec->ts_us);

	if (p == NULL)
		return;
	p->requests++;
	p->classes[outcome_class(rec->outcome)]++;
	sum_add(rec->op == TRANSLOG_WRITE ? &p->bytes_received :
	    &p->bytes_sent, sum_number(rec, TRANSLOG_BYTES));
	sum_add(&p->packets_sent, sum_number(rec, TRANSLOG_PACKETS_SENT));
	sum_add(&p->retransmits, sum_number(rec, TRANSLOG_RETRANSMITS));
}

static int
by_start(const void *a, const void *b, void *arg)
{
	const struct calendar_period *x = *(struct calendar_period *const *)a;
	const struct calendar_period *y = *(struct calendar_period *const *)b;

	(void)arg;
	return (x->start_us > y->start_us) - (x->start_us < y->start_us);
}

/* A list that grows. */
struct list {
	struct calendar_period *periods;
	size_t count, room;
};

static void
append(struct list *l, const struct calendar_period *p)
{
	if (l->count == l->room) {
		l->room = l->room == 0 ? 32 : l->room * 2;
		l->periods = reallocarray(l->periods, l->room,
		    sizeof(*l->periods));
		if (l->periods == NULL)
			err(1, NULL);
	}
	l->periods[l->count++] = *p;
}

/* The empty ones from from_us on, up to until_us; returns where it got. */
static uint64_t
append_empty(const struct calendar *c, struct list *l, uint64_t from_us,
    uint64_t until_us)
{
	struct calendar_period empty;

	while (from_us < until_us && l->count < CALENDAR_MAX) {
		empty = calendar_period_of(c, from_us);
		append(l, &empty);
		from_us = empty.end_us;
	}
	return from_us;
}

struct calendar_period *
calendar_list(const struct calendar *c, uint64_t from_us, uint64_t until_us,
    size_t *count)
{
	void **sorted = keyed_sorted(&c->periods, by_start);
	struct list list = { 0 };
	const struct calendar_period *p;
	size_t i;

	for (i = 0; i < c->periods.used; i++) {
		p = sorted[i];
		append_empty(c, &list, from_us, p->start_us);
		append(&list, p);
		if (from_us < p->end_us)
			from_us = p->end_us;
	}
	append_empty(c, &list, from_us, until_us);
	free(sorted);
	*count = list.count;
	return list.periods;
}
