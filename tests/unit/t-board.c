/*
 * t-board - what a dashboard counts: each end once, each byte once.
 */
#include <time.h>

#include "stats/board.h"
#include "t-lives.h"

#define S	UINT64_C(1000000)

static char log_path[PATH_MAX];

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * S + (uint64_t)ts.tv_nsec / 1000;
}

static void
add_end(uint64_t ts_us, uint64_t id, const char *file, enum outcome outcome,
    int64_t bytes)
{
	struct translog_record rec;
	char line[TRANSLOG_LINE_MAX];
	size_t len;
	int fd = open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
	    0644);

	translog_clear(&rec);
	rec.ts_us = ts_us;
	rec.event = TRANSLOG_TRANSFER;
	snprintf(rec.id, sizeof(rec.id), "%016llx", (unsigned long long)id);
	rec.op = TRANSLOG_READ;
	rec.outcome = outcome;
	strcpy(rec.client, "192.0.2.1");
	rec.file.buf = (const uint8_t *)file;
	rec.file.len = strlen(file);
	rec.numbers[TRANSLOG_CLIENT_PORT] = 2001;
	rec.numbers[TRANSLOG_BYTES] = bytes;
	len = translog_format(&rec, line);
	if (fd == -1 || write(fd, line, len) != (ssize_t)len)
		abort();
	close(fd);
}

/* A board of our log and table; what it points to is the caller's. */
static struct board *
begin(struct options *o, const char **log)
{
	*log = t_join(log_path, dir, "log");
	memset(o, 0, sizeof(*o));
	o->logs = log;
	o->log_count = 1;
	filter_clear(&o->filter);
	o->now_us = now_us();
	o->table = path;
	return board_new(o);
}

static void
end(struct board *b)
{
	board_free(b);
	unlink(log_path);
	unlink(path);
}

static struct board_second
last_hour(const struct board *b)
{
	uint64_t now_s = b->active.at_us / S + 1;

	return board_sum(b, now_s - BOARD_SECONDS, now_s);
}

static void
test_the_past(void)
{
	const struct board_problem *p;
	struct board_second hour;
	struct tally files, clients;
	struct options o;
	const char *log;
	struct board *b;

	t_join(log_path, dir, "log");
	add_end(now_us() - 7200 * S, 1, "old", OUTCOME_COMPLETE, 10);
	add_end(now_us() - 60 * S, 2, "a", OUTCOME_COMPLETE, 100);
	add_end(now_us() - 50 * S, 3, "b", OUTCOME_NOTFOUND, -1);
	add_end(now_us() - 40 * S, 4, "a", OUTCOME_TIMEOUT, 7);
	add_end(now_us() - 30 * S, 4, "a", OUTCOME_CRASHED, 7);
	b = begin(&o, &log);
	T_OK(b != NULL && board_look(b) == 0, "a board, and no table");
	hour = last_hour(b);
	T_OK(hour.ends == 3 && hour.outcomes[OUTCOME_COMPLETE] == 1 &&
	    hour.outcomes[OUTCOME_NOTFOUND] == 1 &&
	    hour.outcomes[OUTCOME_TIMEOUT] == 1, "the last hour, each once");
	T_OK(hour.bytes[TRANSLOG_READ] == 107, "its bytes");
	T_OK(b->since.ends == 0, "nothing since we began");
	p = board_problem(b, 0);
	T_OK(p != NULL && p->outcome == OUTCOME_TIMEOUT, "the last problem");
	p = board_problem(b, 1);
	T_OK(p != NULL && p->outcome == OUTCOME_NOTFOUND &&
	    p->file_len == 1 && p->file[0] == 'b', "the one before");
	T_OK(board_problem(b, 2) == NULL, "and no more");
	board_busiest(b, &files, &clients);
	T_OK(files.used == 2 && clients.used == 1, "files and clients");
	T_OK(tally_of(&files, (const uint8_t *)"a", 1)->requests == 2,
	    "a name's requests");
	tally_free(&files);
	tally_free(&clients);
	end(b);
}

static void
test_what_comes(void)
{
	struct board_second hour;
	struct options o;
	const char *log;
	struct board *b;

	t_join(log_path, dir, "log");
	add_end(now_us() - 60 * S, 2, "a", OUTCOME_COMPLETE, 100);
	b = begin(&o, &log);
	T_OK(b != NULL && board_look(b) == 0 && b->since.ends == 0, "begun");
	add_end(now_us(), 5, "a", OUTCOME_COMPLETE, 100);
	add_end(now_us(), 5, "a", OUTCOME_CRASHED, 100);
	add_end(now_us(), 2, "a", OUTCOME_CRASHED, 100);
	T_OK(board_look(b) == 0 && b->since.ends == 1, "an end counts once");
	add_end(now_us() + 86400 * S, 6, "a", OUTCOME_COMPLETE, 50);
	T_OK(board_look(b) == 0 && b->since.ends == 2,
	    "a record of tomorrow is of today");
	hour = last_hour(b);
	T_OK(hour.ends == 3 && hour.bytes[TRANSLOG_READ] == 250,
	    "and is in nobody's way");
	end(b);
}

static void
set_bytes(int fd, uint32_t index, uint64_t bytes)
{
	struct live_slot s;

	fill(&s, index + 1);
	s.bytes = bytes;
	put_slot(fd, index, &s);
}

/* Bytes are seen in the table first, and then stand in the log. */
static void
test_bytes_once(void)
{
	struct options o;
	const char *log;
	struct board *b;
	struct holder one, two;
	int fd = make(&good_header);

	t_join(log_path, dir, "log");
	set_bytes(fd, 0, 1000);
	set_bytes(fd, 1, 2000);
	hold(&one, 1, F_WRLCK);
	hold(&two, 2, F_WRLCK);
	close(open(log_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	b = begin(&o, &log);
	T_OK(b != NULL && board_look(b) == 0 &&
	    b->active.roster.count == 2, "two run");
	T_OK(last_hour(b).bytes[TRANSLOG_READ] == 0,
	    "what had moved before was not now");
	set_bytes(fd, 0, 1500);
	T_OK(board_look(b) == 0 &&
	    last_hour(b).bytes[TRANSLOG_READ] == 500, "one went on");
	add_end(now_us(), 1, "boot/x", OUTCOME_COMPLETE, 1800);
	let_go(&one);
	T_OK(board_look(b) == 0 &&
	    last_hour(b).bytes[TRANSLOG_READ] == 800,
	    "its end brings what no look has seen");
	let_go(&two);
	T_OK(board_look(b) == 0 && b->active.roster.count == 0, "killed");
	add_end(now_us(), 2, "boot/x", OUTCOME_CRASHED, 2000);
	add_end(now_us(), 9, "quick", OUTCOME_COMPLETE, 30);
	T_OK(board_look(b) == 0 && board_look(b) == 0 &&
	    last_hour(b).bytes[TRANSLOG_READ] == 830,
	    "who crashed brings nothing new, who was too quick all");
	T_OK(b->since.ends == 3, "three ends");
	end(b);
	close(fd);
}

static void
test_many_problems(void)
{
	const struct board_problem *p;
	struct options o;
	const char *log;
	struct board *b;
	char name[300];
	unsigned i;

	t_join(log_path, dir, "log");
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (i = 0; i < 3 * BOARD_PROBLEMS; i++)
		add_end(now_us(), 100 + i, name, OUTCOME_DENIED, -1);
	b = begin(&o, &log);
	T_OK(b != NULL && board_look(b) == 0, "begun");
	p = board_problem(b, BOARD_PROBLEMS - 1);
	T_OK(p != NULL && p->file_len == BOARD_TEXT_MAX, "names are cut");
	T_OK(board_problem(b, BOARD_PROBLEMS) == NULL, "the last ones only");
	end(b);
}

static void
test_no_log(void)
{
	struct options o;
	const char *log;
	struct board *b;

	b = begin(&o, &log);
	T_OK(b != NULL && b->tail.is_missing && board_look(b) == 0,
	    "neither log nor table");
	add_end(now_us(), 1, "a", OUTCOME_COMPLETE, 1);
	T_OK(board_look(b) == 0 && !b->tail.is_missing &&
	    b->since.ends == 1, "a log appears");
	end(b);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "the last hour of the log", test_the_past },
		{ "what comes after", test_what_comes },
		{ "each byte once", test_bytes_once },
		{ "more problems than are kept", test_many_problems },
		{ "no log yet", test_no_log },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "board", set_up, clean_up, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
