/*
 * The front on a real connection, with a process that answers as the test
 * wants.  Time can run faster for it: its deadlines are kept here without
 * waiting for them.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "os/clock.h"
#include "status/answer.h"
#include "status/front.h"
#include "t-work.h"

#define PATIENCE_MS	30000	/* for what must come */
#define FAST		20u
#define H		" HTTP/1.1\r\nHost: localhost\r\n"
#define FORM		" HTTP/1.1\r\nHost: localhost\r\n" \
			"Content-Type: application/x-www-form-urlencoded\r\n"

/* ---- a faster time ---------------------------------------------------- */

static unsigned speed = 1;

uint64_t __real_clock_mono_us(void);
uint64_t __wrap_clock_mono_us(void);
int __real_poll(struct pollfd *fds, nfds_t count, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int ms);
int __real_epoll_wait(int epoll, struct epoll_event *events, int count,
    int ms);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int count,
    int ms);
int __real_select(int count, fd_set *reads, fd_set *writes, fd_set *excepts,
    struct timeval *wait);
int __wrap_select(int count, fd_set *reads, fd_set *writes, fd_set *excepts,
    struct timeval *wait);

uint64_t
__wrap_clock_mono_us(void)
{
	return __real_clock_mono_us() * speed;
}

static int
scaled(int ms)
{
	return (ms + (int)speed - 1) / (int)speed;
}

int
__wrap_poll(struct pollfd *fds, nfds_t count, int ms)
{
	return __real_poll(fds, count, scaled(ms));
}

int
__wrap_epoll_wait(int epoll, struct epoll_event *events, int count, int ms)
{
	return __real_epoll_wait(epoll, events, count, scaled(ms));
}

int
__wrap_select(int count, fd_set *reads, fd_set *writes, fd_set *excepts,
    struct timeval *wait)
{
	int ms = scaled((int)(wait->tv_sec * 1000 + wait->tv_usec / 1000));

	*wait = (struct timeval){ ms / 1000, ms % 1000 * 1000 };
	return __real_select(count, reads, writes, excepts, wait);
}

/* ---- a scene ---------------------------------------------------------- */

/* What stands for the process that knows. */
typedef void back_part(const struct ask *a, int fd, int out, int err);

struct scene {
	int client;		/* our side of the connection */
	struct front f;
	pid_t front, back;
	char *got;		/* what has come, a NUL behind it */
	size_t len;
	bool was_reset;
};

static void
connect_both(int pair[2])
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), size = 4096;

	pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* a client that does not read holds back most of an answer */
	if (setsockopt(pair[0], SOL_SOCKET, SO_RCVBUF, &size,
	    sizeof(size)) != 0 ||
	    bind(fd, (struct sockaddr *)&in, len) != 0 ||
	    listen(fd, 1) != 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) != 0 ||
	    connect(pair[0], (struct sockaddr *)&in, len) != 0)
		abort();
	pair[1] = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	close(fd);
}

static pid_t
start_back(const struct scene *s, int fd, back_part *part)
{
	const struct front *f = &s->f;
	pid_t pid = fork();
	char byte;

	if (pid != 0)
		return pid;
	close(s->client);
	close(f->client);
	close(f->back);
	alarm(T_CHILD_SECONDS);
	if (recv(fd, &byte, 1, 0) == 1)
		part(f->ask, fd, f->out, f->err);
	_exit(0);
}

static pid_t
start_front(const struct scene *s)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	close(s->client);
	alarm(T_CHILD_SECONDS);
	_exit(front_run(&s->f));
}

static void
begin(struct scene *s, back_part *part)
{
	int pair[2], channel[2];

	memset(s, 0, sizeof(*s));
	fflush(stdout);
	connect_both(pair);
	s->client = pair[0];
	s->f = (struct front){ .client = pair[1], .has_manage = true };
	s->f.out = memfd_create("out", MFD_CLOEXEC);
	s->f.err = memfd_create("err", MFD_CLOEXEC);
	s->f.ask = mmap(NULL, sizeof(*s->f.ask), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->f.ask == MAP_FAILED || socketpair(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0)
		abort();
	s->f.back = channel[0];
	s->back = start_back(s, channel[1], part);
	close(channel[1]);
	s->front = start_front(s);
	close(s->f.client);
	close(s->f.back);
}

static void
put(struct scene *s, const char *bytes, size_t len)
{
	while (len != 0) {
		ssize_t sent = send(s->client, bytes, len, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		bytes += sent;
		len -= (size_t)sent;
	}
}

static void
say(struct scene *s, const char *text)
{
	put(s, text, strlen(text));
}

/* All that comes until the front has closed its side. */
static void
listen_to_end(struct scene *s)
{
	struct pollfd p = { .fd = s->client, .events = POLLIN };
	size_t room = 4096;
	ssize_t got = 1;

	s->got = malloc(room + 1);
	while (got > 0 && s->got != NULL &&
	    __real_poll(&p, 1, PATIENCE_MS) == 1) {
		if (s->len == room)
			s->got = realloc(s->got, (room *= 2) + 1);
		got = recv(s->client, s->got + s->len, room - s->len, 0);
		if (got > 0)
			s->len += (size_t)got;
		s->was_reset = got == -1;
	}
	if (s->got == NULL)
		abort();
	T_OK(got <= 0, "the front ended in time");
	s->got[s->len] = '\0';
}

/* Both processes end, and nothing stays. */
static void
end(struct scene *s)
{
	if (s->client != -1)
		close(s->client);
	T_OK(t_reap(s->front, 0), "the front ends");
	T_OK(t_reap(s->back, 0), "so does the other process");
	munmap(s->f.ask, sizeof(*s->f.ask));
	close(s->f.out);
	close(s->f.err);
	free(s->got);
	speed = 1;
}

/* The status that was answered; 0: there was none. */
static int
status_of(const struct scene *s)
{
	return s->got != NULL && strncmp(s->got, "HTTP/1.1 ", 9) == 0 ?
	    atoi(s->got + 9) : 0;
}

static bool
has(const struct scene *s, const char *text)
{
	return s->got != NULL && strstr(s->got, text) != NULL;
}

static const char *
body_of(const struct scene *s)
{
	const char *at = strstr(s->got, "\r\n\r\n");

	return at != NULL ? at + 4 : "";
}

/* ---- what stands for the other process -------------------------------- */

static void
answer_with(int fd, const struct answer *answer)
{
	(void)send(fd, answer, sizeof(*answer), MSG_NOSIGNAL);
}

/* Says the parameters that it was given. */
static void
echo(const struct ask *a, int fd, int out, int err)
{
	struct answer answer = { .status = 200, .type = ANSWER_TEXT };
	const char *key, *value;
	size_t at = 0;

	(void)err;
	if (ask_is_sound(a))
		dprintf(out, "route %u post %u\n", a->route, a->is_post);
	while (ask_next(a, &at, &key, &value))
		dprintf(out, "%s=%s\n", key, value);
	answer_with(fd, &answer);
}

static void
say_nothing(const struct ask *a, int fd, int out, int err)
{
	char byte;

	(void)a;
	(void)out;
	(void)err;
	/* until the front has ended */
	(void)!recv(fd, &byte, 1, 0);
}

static void
complain(const struct ask *a, int fd, int out, int err)
{
	(void)a;
	(void)fd;
	(void)out;
	dprintf(err, "the log: <b>\x1b[2J\nsecond line\n");
}

static void
complain_long(const struct ask *a, int fd, int out, int err)
{
	int i;

	(void)a;
	(void)fd;
	(void)out;
	for (i = 0; i < 5000; i++)
		dprintf(err, "0123456789");
}

static void
just_end(const struct ask *a, int fd, int out, int err)
{
	(void)a;
	(void)fd;
	(void)out;
	(void)err;
}

static void
answer_badly(const struct ask *a, int fd, int out, int err)
{
	struct answer answer = { .status = 303,
		.location = "http://evil.example/" };

	(void)a;
	(void)err;
	dprintf(out, "secret");
	answer_with(fd, &answer);
}

static void
answer_half(const struct ask *a, int fd, int out, int err)
{
	(void)a;
	(void)out;
	(void)err;
	(void)send(fd, "half", 4, MSG_NOSIGNAL);
}

#define LARGE	((size_t)16 * 1024 * 1024)

static void
answer_much(const struct ask *a, int fd, int out, int err)
{
	struct answer answer = { .status = 200, .type = ANSWER_TEXT };

	(void)a;
	(void)err;
	(void)!ftruncate(out, LARGE);
	answer_with(fd, &answer);
}

static void
redirect(const struct ask *a, int fd, int out, int err)
{
	struct answer answer = { .status = 303, .type = ANSWER_TEXT,
		.location = "/manage" };

	(void)a;
	(void)out;
	(void)err;
	answer_with(fd, &answer);
}

static void
want_password(const struct ask *a, int fd, int out, int err)
{
	struct answer answer = { .status = 401, .type = ANSWER_HTML,
		.wants_password = 1,
		.nonce = "0123456789abcdef0123456789abcdef" };

	(void)a;
	(void)err;
	dprintf(out, "<p>who are you?");
	answer_with(fd, &answer);
}

/* ---- requests and answers --------------------------------------------- */

static void
exchange(struct scene *s, back_part *part, const char *request)
{
	begin(s, part);
	say(s, request);
	listen_to_end(s);
}

static void
answers(void)
{
	struct scene s;

	exchange(&s, echo, "GET /api/v1/status?a=1&b=%26 HTTP/1.1\r\n"
	    "Host: localhost\r\nCookie: a=b; c\r\nX-Other: y\r\n\r\n");
	CU_ASSERT_EQUAL(status_of(&s), 200);
	T_OK(strcmp(body_of(&s), "route 5 post 0\na=1\nb=&\n") == 0, "body");
	T_OK(has(&s, "\r\nConnection: close\r\n") &&
	    has(&s, "\r\nContent-Length: 23\r\n") && has(&s, "\r\nDate: ") &&
	    has(&s, "\r\nContent-Type: text/plain; charset=utf-8\r\n") &&
	    has(&s, "\r\nCache-Control: no-store\r\n") &&
	    has(&s, "\r\nX-Content-Type-Options: nosniff\r\n"), "fields");
	T_OK(!has(&s, "Server"), "it does not say what it is made of");
	T_OK(!s.was_reset, "closed, not reset");
	end(&s);
	exchange(&s, echo, "HEAD /api/v1/status?a=1&b=%26" H "\r\n");
	CU_ASSERT_EQUAL(status_of(&s), 200);
	T_OK(has(&s, "\r\nContent-Length: 23\r\n") && *body_of(&s) == '\0',
	    "HEAD has the length and no body");
	end(&s);
	exchange(&s, echo, "GET / HTTP/1.0\r\n\r\n");
	CU_ASSERT_EQUAL(status_of(&s), 200);
	end(&s);
}

static void
answers_with_what_a_status_needs(void)
{
	struct scene s;

	exchange(&s, redirect, "GET /" H "\r\n");
	CU_ASSERT_EQUAL(status_of(&s), 303);
	T_OK(has(&s, "\r\nLocation: /manage\r\n"), "where to");
	end(&s);
	exchange(&s, want_password, "GET /manage" H "\r\n");
	CU_ASSERT_EQUAL(status_of(&s), 401);
	T_OK(has(&s, "\r\nWWW-Authenticate: Basic realm=\"tftpd\", "
	    "charset=\"UTF-8\"\r\n"), "that a password is wanted");
	T_OK(has(&s, "script-src 'nonce-0123456789abcdef0123456789abcdef'"),
	    "a page has a policy");
	end(&s);
}

static void
refuses(void)
{
	static const struct {
		const char *request;
		int status;
		const char *part;
	} cases[] = {
		{ "GET /api/v2" H "\r\n", 404, "{\"schema\":1,\"error\":\"" },
		{ "GET /nothing" H "\r\n", 404, "<!DOCTYPE html>" },
		{ "GET /metrics?%" H "\r\n", 400, "\r\n\r\nthe query" },
		{ "HEAD /nothing" H "\r\n", 404, "\r\n\r\n" },
		{ "PUT /healthz" H "\r\n", 405, "\r\nAllow: GET, HEAD\r\n" },
		{ "GET /manage/check" H "\r\n", 405, "\r\nAllow: POST\r\n" },
		{ "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421,
		    "--host" },
		{ "GET / HTTP/1.1\r\nHost: <b>\r\n\r\n", 421, "&lt;b&gt;" },
		{ "GET /api HTTP/1.1\r\n\r\n", 400, "\"status\":400}" },
		{ "GET / HTTP/3.0\r\n\r\n", 505, "HTTP/1.1" },
		{ "\x16\x03\x01\x02", 400, "Content-Type: text/plain" },
		{ "GET /\n", 400, "" },
	};
	struct scene s;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		exchange(&s, just_end, cases[i].request);
		T_OK(status_of(&s) == cases[i].status, cases[i].request);
		T_OK(has(&s, cases[i].part), cases[i].request);
		T_OK(has(&s, "\r\nConnection: close\r\n") && !s.was_reset,
		    cases[i].request);
		T_OK(strncmp(cases[i].request, "HEAD", 4) != 0 ||
		    *body_of(&s) == '\0', "HEAD has no body");
		end(&s);
	}
}

/* The front closes while the client still sends: the answer must arrive. */
static void
tells_those_who_send_too_much(void)
{
	static char bytes[4 * 1024 * 1024];
	static const struct {
		const char *what, *begin;
		size_t len;
		int status;
	} cases[] = {
		{ "a long path", "GET /", 1024 * 1024, 414 },
		{ "a long field", "GET /" H "X: ", 1024 * 1024, 431 },
		{ "a long body", "POST /manage/check" FORM
		    "Content-Length: 4194304\r\n\r\n", 4194304, 413 },
		{ "a long body that decodes to too much",
		    "POST /manage/check" FORM "Content-Length: 900000\r\n\r\n",
		    900000, 413 },
		{ "a body of GET", "GET /" H "Content-Length: 4194304\r\n\r\n",
		    4194304, 413 },
		{ "chunks", "POST /manage/check" FORM
		    "Transfer-Encoding: chunked\r\n\r\nzz", 100, 411 },
	};
	struct scene s;
	size_t i;

	memset(bytes, 'x', sizeof(bytes));
	for (i = 0; i < COUNT(cases); i++) {
		begin(&s, just_end);
		say(&s, cases[i].begin);
		put(&s, bytes, cases[i].len);
		listen_to_end(&s);
		T_OK(status_of(&s) == cases[i].status, cases[i].what);
		T_OK(!s.was_reset, cases[i].what);
		end(&s);
	}
}

static void
forms_come_in_pieces(void)
{
	static const char form[] = "POST /manage/check" FORM
	    "Content-Length: 18\r\n\r\na=1&text=%3Cb%3E+x";
	struct scene s;
	const char *c;

	begin(&s, echo);
	for (c = form; *c != '\0'; c++)
		put(&s, c, 1);
	listen_to_end(&s);
	CU_ASSERT_EQUAL(status_of(&s), 200);
	T_OK(strcmp(body_of(&s), "route 11 post 1\na=1\ntext=<b> x\n") == 0,
	    "all of it");
	end(&s);
	exchange(&s, echo, "POST /manage/check" FORM
	    "Content-Length: 5\r\n\r\na=%zz");
	CU_ASSERT_EQUAL(status_of(&s), 400);
	end(&s);
	exchange(&s, echo, "POST /manage/check" FORM
	    "Content-Length: 3\r\nExpect: 100-continue\r\n\r\na=1");
	T_OK(strncmp(s.got, "HTTP/1.1 100 ", 13) == 0 &&
	    has(&s, "\r\n\r\nHTTP/1.1 200 "), "100 Continue");
	end(&s);
}

/* As large as a text may be, with each byte an escape. */
static void
large_forms_fit(void)
{
	const size_t count = (size_t)256 * 1024;
	struct scene s;
	size_t i;
	char *text = malloc(count * 3 + 1);

	if (text == NULL)
		abort();
	for (i = 0; i < count; i++)
		strcpy(text + 3 * i, "%c3");
	begin(&s, echo);
	say(&s, "POST /manage/check" FORM "Content-Length: 786437\r\n\r\n"
	    "text=");
	say(&s, text);
	listen_to_end(&s);
	CU_ASSERT_EQUAL(status_of(&s), 200);
	CU_ASSERT_EQUAL(strlen(body_of(&s)), 16 + 5 + count + 1);
	end(&s);
	free(text);
}

static void
only_the_first_request_is_answered(void)
{
	const char *at;
	struct scene s;
	int count = 0;

	exchange(&s, echo, "GET /" H "\r\nGET /healthz" H "\r\n"
	    "GET /nothing" H "\r\n");
	for (at = s.got; (at = strstr(at, "HTTP/1.1 ")) != NULL; at++)
		count++;
	CU_ASSERT_EQUAL(count, 1);
	T_OK(has(&s, "route 1 "), "the first");
	T_OK(!s.was_reset, "closed, not reset");
	end(&s);
}

static void
half_closed_is_answered(void)
{
	struct scene s;

	begin(&s, echo);
	say(&s, "GET /" H "\r\n");
	shutdown(s.client, SHUT_WR);
	listen_to_end(&s);
	CU_ASSERT_EQUAL(status_of(&s), 200);
	end(&s);
	begin(&s, echo);
	say(&s, "GET /" H);
	shutdown(s.client, SHUT_WR);
	listen_to_end(&s);
	CU_ASSERT_EQUAL(status_of(&s), 400);
	end(&s);
}

static void
ends_with_its_client(void)
{
	static const char *const parts[] = { "", "GE", "GET /" H,
		"POST /manage/check" FORM "Content-Length: 9\r\n\r\na=",
		"GET /" H "\r\n" };
	struct linger now = { 1, 0 };
	uint64_t start_us = clock_mono_us();
	struct scene s;
	size_t i;

	for (i = 0; i < COUNT(parts); i++) {
		begin(&s, say_nothing);
		say(&s, parts[i]);
		(void)setsockopt(s.client, SOL_SOCKET, SO_LINGER, &now,
		    sizeof(now));
		close(s.client);
		s.client = -1;
		end(&s);
	}
	T_OK(clock_mono_us() - start_us < 5000000, "soon");
}

/* ---- deadlines -------------------------------------------------------- */

/* A byte now and then, until nobody takes them any more. */
static void
trickle(struct scene *s, const char *text, size_t len)
{
	struct pollfd p = { .fd = s->client, .events = POLLIN };
	size_t i;

	for (i = 0; i < len; i++) {
		put(s, text, 1);
		text += text[1] != '\0';
		if (__real_poll(&p, 1, 1) == 1)
			return;
	}
}

static void
late_requests_are_refused(void)
{
	static const struct {
		const char *what, *begin, *trickled;
	} cases[] = {
		{ "a head that stops", "GET /" H, NULL },
		{ "a head that trickles", "GET /", "xy" },
		{ "a body that stops", "POST /manage/check" FORM
		    "Content-Length: 90000\r\n\r\na=", NULL },
		{ "a body that trickles", "POST /manage/check" FORM
		    "Content-Length: 90000\r\n\r\na=", "xy" },
	};
	uint64_t start_us;
	struct scene s;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		speed = FAST;
		start_us = clock_mono_us();
		begin(&s, echo);
		say(&s, cases[i].begin);
		if (cases[i].trickled != NULL)
			trickle(&s, cases[i].trickled, 12000);
		listen_to_end(&s);
		T_OK(status_of(&s) == 408, cases[i].what);
		T_OK(clock_mono_us() - start_us >= 10000000, cases[i].what);
		end(&s);
	}
}

static void
who_says_nothing_is_told_nothing(void)
{
	struct scene s;

	speed = FAST;
	begin(&s, echo);
	listen_to_end(&s);
	T_OK(s.len == 0 && !s.was_reset, "closed without a word");
	end(&s);
}

static void
answers_are_waited_for(void)
{
	uint64_t start_us;
	struct scene s;

	speed = FAST;
	start_us = clock_mono_us();
	exchange(&s, say_nothing, "GET /healthz" H "\r\n");
	CU_ASSERT_EQUAL(status_of(&s), 504);
	T_OK(clock_mono_us() - start_us >= 30000000, "for 30 seconds");
	T_OK(clock_mono_us() - start_us < 80000000, "and not much longer");
	T_OK(has(&s, "\"status\":504}"), "it says so");
	end(&s);
	speed = FAST;
	begin(&s, say_nothing);
	say(&s, "GET /healthz" H "\r\n");
	start_us = clock_mono_us();
	shutdown(s.client, SHUT_WR);
	listen_to_end(&s);
	CU_ASSERT_EQUAL(status_of(&s), 504);
	T_OK(clock_mono_us() - start_us < 29000000,
	    "less where the client may be gone");
	end(&s);
}

/* It takes all that it can for a while: not all of it. */
static void
answers_are_to_be_taken(void)
{
	uint64_t start_us;
	struct scene s;
	char byte;
	int i;

	speed = FAST;
	start_us = clock_mono_us();
	begin(&s, answer_much);
	say(&s, "GET /healthz" H "\r\n");
	for (i = 0; i < 100; i++) {
		(void)!recv(s.client, &byte, 1, 0);
		(void)__real_poll(NULL, 0, 1);
	}
	/* the front has to end although nobody reads */
	T_OK(t_reap(s.front, 0), "the front ends");
	T_OK(clock_mono_us() - start_us < 80000000, "in time");
	s.front = fork();
	if (s.front == 0)
		_exit(0);
	listen_to_end(&s);
	T_OK(s.len < LARGE, "without all of the answer");
	end(&s);
}

/* ---- the other process ------------------------------------------------ */

static void
failures_are_told(void)
{
	struct scene s;

	exchange(&s, complain, "GET /api/v1/status" H "\r\n");
	CU_ASSERT_EQUAL(status_of(&s), 500);
	T_OK(has(&s, "\"error\":\"the log: <b>\\\\x1b[2J second line\","),
	    "what it complained, in JSON");
	end(&s);
	exchange(&s, complain, "GET /" H "\r\n");
	CU_ASSERT_EQUAL(status_of(&s), 500);
	T_OK(has(&s, "the log: &lt;b&gt;\\x1b[2J second line"), "in HTML");
	end(&s);
	exchange(&s, complain_long, "GET /metrics" H "\r\n");
	CU_ASSERT_EQUAL(status_of(&s), 500);
	T_OK(strlen(body_of(&s)) == 1025, "the first kilobyte");
	end(&s);
	exchange(&s, just_end, "GET /healthz" H "\r\n");
	CU_ASSERT_EQUAL(status_of(&s), 500);
	T_OK(has(&s, "ended without"), "where it said nothing");
	end(&s);
}

static void
bad_answers_stay_here(void)
{
	struct scene s;

	exchange(&s, answer_badly, "GET /" H "\r\n");
	CU_ASSERT_EQUAL(status_of(&s), 500);
	T_OK(!has(&s, "evil") && !has(&s, "secret"), "nothing of it");
	end(&s);
	exchange(&s, answer_half, "GET /" H "\r\n");
	CU_ASSERT_EQUAL(status_of(&s), 500);
	end(&s);
}

int
main(void)
{
	CU_TestInfo requests[] = {
		{ "answers", answers },
		{ "answers with what a status needs",
		    answers_with_what_a_status_needs },
		{ "refuses", refuses },
		{ "tells those who send too much",
		    tells_those_who_send_too_much },
		{ "forms come in pieces", forms_come_in_pieces },
		{ "large forms fit", large_forms_fit },
		{ "only the first request is answered",
		    only_the_first_request_is_answered },
		{ "half closed is answered", half_closed_is_answered },
		{ "ends with its client", ends_with_its_client },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo deadlines[] = {
		{ "late requests are refused", late_requests_are_refused },
		{ "who says nothing is told nothing",
		    who_says_nothing_is_told_nothing },
		{ "answers are waited for", answers_are_waited_for },
		{ "answers are to be taken", answers_are_to_be_taken },
		CU_TEST_INFO_NULL
	};
	CU_TestInfo back[] = {
		{ "failures are told", failures_are_told },
		{ "bad answers stay here", bad_answers_stay_here },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "requests", NULL, NULL, NULL, NULL, requests },
		{ "deadlines", NULL, NULL, NULL, NULL, deadlines },
		{ "the other process", NULL, NULL, NULL, NULL, back },
		CU_SUITE_INFO_NULL
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return t_run(suites);
}
