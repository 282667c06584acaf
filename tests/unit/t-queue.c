#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/children.h"
#include "daemon/queue.h"
#include "t.h"

/* What the queue takes from src/daemon/children.c. */
void
request_copy(struct request *to, const struct request *from)
{
	memcpy(to, from, offsetof(struct request, buf) + from->len);
}

/* The same request from another port each time. */
static struct request
request_of(unsigned number)
{
	struct request r;

	memset(&r, 0, sizeof(r));
	r.origin.peer.in4.sin_family = AF_INET;
	netio_set_port(&r.origin.peer, (uint16_t)number);
	r.whole_hash = number % 7;	/* and many hashes that are equal */
	r.len = 4;
	return r;
}

static unsigned
number_at(struct queue *q, unsigned index)
{
	return netio_port(&queue_at(q, index)->origin.peer);
}

static void
bounds(void)
{
	static struct queue q;
	struct request r;
	unsigned i;

	CU_ASSERT_TRUE_FATAL(queue_init(&q));
	for (i = 0; i < QUEUE_MAX; i++) {
		r = request_of(i);
		CU_ASSERT_TRUE(queue_put(&q, &r));
	}
	r = request_of(i);
	T_OK(!queue_put(&q, &r), "it is full");
	T_OK(queue_find(&q, &r) == QUEUE_NONE, "and does not have that one");
	queue_remove(&q, QUEUE_MAX - 1);
	T_OK(queue_put(&q, &r), "there is room again");
	T_OK(queue_find(&q, &r) == QUEUE_MAX - 1, "at the end");
	queue_advance(&q, QUEUE_MAX - 1, 0);
	T_OK(queue_find(&q, &r) == 0, "it went ahead of all");
	T_OK(number_at(&q, 1) == 0 && number_at(&q, 1023) == 1022,
	    "they gave way in their order");
	queue_free(&q);
}

/* Whether that place takes memory. */
static bool
is_resident(const struct queue *q, unsigned place)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t at = (uintptr_t)&q->places[place] & ~(page - 1);
	unsigned char resident = 0;

	CU_ASSERT_EQUAL_FATAL(mincore((void *)at, page, &resident), 0);
	return resident & 1;
}

static void
fill_and_empty(struct queue *q, unsigned count)
{
	struct request r;
	unsigned i;

	for (i = 0; i < count; i++) {
		r = request_of(i);
		CU_ASSERT_TRUE(queue_put(q, &r));
	}
	while (q->count != 0) {
		queue_tidy(q);
		CU_ASSERT_EQUAL(number_at(q, 0), count - q->count);
		queue_remove(q, 0);
	}
	T_OK(is_resident(q, 0), "what was taken out can still be read");
	queue_tidy(q);
}

static void
memory(void)
{
	static struct queue q;

	CU_ASSERT_TRUE_FATAL(queue_init(&q));
	T_OK(!is_resident(&q, 0), "a queue that was never used");
	fill_and_empty(&q, 50);
	T_OK(is_resident(&q, 0), "a short one keeps its pages");
	fill_and_empty(&q, QUEUE_MAX);
	T_OK(!is_resident(&q, 0) && !is_resident(&q, QUEUE_MAX - 1),
	    "a long one gives them back");
	fill_and_empty(&q, 50);
	T_OK(is_resident(&q, 0) && !is_resident(&q, 100),
	    "and begins at the front again");
	queue_free(&q);
}

/* Beside a plain row of numbers. */
static void
any_order(void)
{
	static struct queue q;
	unsigned row[QUEUE_MAX], count = 0, next = 1, step, i, from, to;
	struct request r;

	srand(1);
	CU_ASSERT_TRUE_FATAL(queue_init(&q));
	for (step = 0; step < 20000; step++) {
		i = count == 0 ? 0 : (unsigned)rand() % count;
		if (count < 100 && rand() % 3 != 0) {
			r = request_of(next);
			CU_ASSERT_TRUE(queue_put(&q, &r));
			row[count++] = next++ % 65536;
		} else if (count != 0 && rand() % 2 == 0) {
			queue_remove(&q, i);
			memmove(row + i, row + i + 1,
			    (--count - i) * sizeof(row[0]));
		} else if (count != 0) {
			from = row[i];
			to = (unsigned)rand() % (i + 1);
			queue_advance(&q, i, to);
			memmove(row + to + 1, row + to,
			    (i - to) * sizeof(row[0]));
			row[to] = from;
		}
		if (q.count != count || (count != 0 &&
		    number_at(&q, count / 2) != row[count / 2]))
			break;
	}
	CU_ASSERT_EQUAL(step, 20000);
	for (i = 0; i < count; i++) {
		r = request_of(row[i]);
		CU_ASSERT_EQUAL(queue_find(&q, &r), i);
	}
	queue_free(&q);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "full and not", bounds },
		{ "in any order", any_order },
		{ "memory", memory },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "queue", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
