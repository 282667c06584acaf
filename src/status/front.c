/*
 * One connection, one request, in four steps:
 *
 * Its head is waited for and looked at while it still lies in the socket
 * (MSG_PEEK).  libmicrohttpd then gets the socket, and reads head and body.
 * The other process is asked.  libmicrohttpd sends what it answered.
 *
 * Errors are written here, whichever step finds them.  For that, and to wait
 * until the client has read them, a copy of the socket stays here: closing
 * one in which bytes are left resets it, and takes what was sent away from
 * the client.
 */
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/clock.h"
#include "status/answer.h"
#include "status/form.h"
#include "status/front.h"
#include "status/gate.h"
#include "status/head.h"
#include "status/reply.h"

#define REQUEST_MS	10000	/* for all of it, from the start */
#define BACK_MS		30000
#define GONE_MS		5000	/* for a client that may have left */
#define TAKE_MS		30000	/* for all of the answer */
#define TAKE_IDLE_S	10u	/* for the next bytes of it */
#define DRAIN_MS	2000
#define DRAIN_MAX	((size_t)16 * 1024 * 1024)
#define REASON_MAX	1024	/* of what the other process complained */

/*
 * libmicrohttpd's for all that it makes of a request: each of the parts of a
 * query and of cookies takes some of it.  Untouched pages cost nothing.
 */
#define MEMORY_MAX	((size_t)1024 * 1024)

struct visit {
	const struct front *front;
	int client;		/* our own copy of the socket */
	uint64_t deadline_us;	/* of this step */
	struct head head;
	struct form form;
	struct refusal refusal;
	bool is_asked;		/* the request is complete */
	bool is_over;		/* the answer was sent, or nobody takes it */
	char buf[HEAD_MAX];
};

/* ---- time ------------------------------------------------------------- */

static void
set_deadline(struct visit *v, unsigned ms)
{
	v->deadline_us = clock_mono_us() + (uint64_t)ms * 1000;
}

/* Milliseconds that are left, rounded up; 0: it is too late. */
static int
left_ms(const struct visit *v)
{
	uint64_t now_us = clock_mono_us();

	return now_us >= v->deadline_us ? 0 :
	    (int)((v->deadline_us - now_us + 999) / 1000);
}

/* ---- the head --------------------------------------------------------- */

static void
refuse_late(struct visit *v)
{
	reply_refuse(&v->refusal, 408, "the request was not complete within "
	    "%d seconds", REQUEST_MS / 1000);
}

static void
refuse_long(struct visit *v, size_t len)
{
	bool has_line = memchr(v->buf, '\n', len) != NULL;

	reply_refuse(&v->refusal, has_line ? 431 : 414,
	    "the %s longer than %zu bytes", has_line ? "head is" :
	    "path and its parameters are", HEAD_MAX);
}

/*
 * What has come so far.  Returns 0: it is not all, and *len bytes of it.
 */
static ssize_t
peek_head(struct visit *v, size_t *len)
{
	ssize_t got = recv(v->client, v->buf, sizeof(v->buf),
	    MSG_PEEK | MSG_DONTWAIT);
	ssize_t end;

	if (got == 0 || (got == -1 && errno != EAGAIN && errno != EINTR)) {
		v->is_over = true;
		return -ENOTCONN;
	}
	*len = got > 0 ? (size_t)got : 0;
	end = head_end(v->buf, *len);
	if (end == -EBADMSG)
		reply_refuse(&v->refusal, 400, "this is no request of HTTP "
		    "(control bytes, or a line without CR)");
	else if (end == 0 && *len == sizeof(v->buf)) {
		refuse_long(v, *len);
		end = -E2BIG;
	}
	return end;
}

/*
 * An edge-triggered wait, for the bytes stay in the socket: it ends when new
 * ones come.  False: there will be none, in time.
 */
static bool
wait_more(struct visit *v, int epoll, size_t len, bool *has_ended)
{
	struct epoll_event event = { 0 };
	int ms = left_ms(v), count;

	if (*has_ended)
		reply_refuse(&v->refusal, 400, "the request ended within its "
		    "head");
	else if (ms == 0)
		refuse_late(v);
	if (v->refusal.status != 0) {
		/* a browser opens connections that it may need */
		v->is_over = len == 0;
		return false;
	}
	count = epoll_wait(epoll, &event, 1, ms);
	*has_ended = count == 1 &&
	    (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	return count != -1 || errno == EINTR;
}

/* Returns its length, or 0: refusal or is_over says why there is none. */
static size_t
wait_head(struct visit *v, size_t *len)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP |
		EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	bool has_ended = false;
	ssize_t end;

	if (epoll == -1 || epoll_ctl(epoll, EPOLL_CTL_ADD, v->client,
	    &event) == -1) {
		v->is_over = true;
		return 0;
	}
	do
		end = peek_head(v, len);
	while (end == 0 && wait_more(v, epoll, *len, &has_ended));
	close(epoll);
	return end > 0 ? (size_t)end : 0;
}

/* Whether there is a request to go on with. */
static bool
take_head(struct visit *v)
{
	const char *why;
	size_t len = 0, end = wait_head(v, &len);
	unsigned status;

	if (end == 0) {
		head_glance(v->buf, len, &v->head);
		return false;
	}
	status = head_parse(v->buf, end, &v->head, &why);
	if (status != 0) {
		reply_refuse(&v->refusal, status, "%s", why);
		return false;
	}
	return gate_check(v->front, &v->head, &v->refusal);
}

/* ---- the other process ------------------------------------------------ */

/* What it wrote to its standard error. */
static void
refuse_reason(struct visit *v)
{
	char text[REASON_MAX + 1];
	ssize_t len = pread(v->front->err, text, REASON_MAX, 0), i;

	while (len > 0 && text[len - 1] == '\n')
		len--;
	for (i = 0; i < len; i++)
		if (text[i] == '\n')
			text[i] = ' ';
	if (len <= 0)
		reply_refuse(&v->refusal, 500, "the process that knows the "
		    "answer ended without one");
	else
		reply_refuse(&v->refusal, 500, "%.*s", (int)len, text);
}

/*
 * Until it says something, or the client is gone.  Who closes his side for
 * writing may have left, or may wait for the answer.
 */
static bool
wait_back(struct visit *v)
{
	struct pollfd fds[2] = {
		{ .fd = v->front->back, .events = POLLIN },
		{ .fd = v->client, .events = POLLRDHUP },
	};
	int ms;

	set_deadline(v, BACK_MS);
	while ((ms = left_ms(v)) != 0) {
		if (poll(fds, 2, ms) == -1 && errno != EINTR)
			break;
		if (fds[0].revents != 0)
			return true;
		if ((fds[1].revents & (POLLHUP | POLLERR)) != 0) {
			v->is_over = true;
			return false;
		}
		if ((fds[1].revents & POLLRDHUP) != 0) {
			fds[1].events = 0;
			if (left_ms(v) > GONE_MS)
				set_deadline(v, GONE_MS);
		}
	}
	reply_refuse(&v->refusal, 504, "there was no answer in time; where the "
	    "log is large, ask for less of it");
	return false;
}

static bool
ask_back(struct visit *v, struct answer *answer)
{
	ssize_t got;

	if (send(v->front->back, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) {
		refuse_reason(v);
		return false;
	}
	if (!wait_back(v))
		return false;
	got = recv(v->front->back, answer, sizeof(*answer), MSG_DONTWAIT);
	if (got != (ssize_t)sizeof(*answer)) {
		refuse_reason(v);
		return false;
	}
	if (!answer_is_sound(answer)) {
		reply_refuse(&v->refusal, 500, "the answer is none that can "
		    "be passed on");
		return false;
	}
	return true;
}

/* ---- libmicrohttpd ---------------------------------------------------- */

static void
put_field(void *response, const char *name, const char *value)
{
	(void)MHD_add_response_header(response, name, value);
}

/* The body is read from where the other process wrote it. */
static struct MHD_Response *
make_response(const struct visit *v, const struct answer *answer)
{
	struct MHD_Response *r;
	struct stat st;
	int fd = fcntl(v->front->out, F_DUPFD_CLOEXEC, v->front->client + 1);

	if (fd == -1)
		return NULL;
	r = fstat(fd, &st) == 0 ?
	    MHD_create_response_from_fd((size_t)st.st_size, fd) : NULL;
	if (r == NULL)
		close(fd);
	else
		reply_fields(answer, put_field, r);
	return r;
}

static void
respond(struct visit *v, struct MHD_Connection *c)
{
	struct MHD_Response *r;
	struct answer answer;

	if (!ask_back(v, &answer))
		return;
	r = make_response(v, &answer);
	if (r == NULL || MHD_queue_response(c, answer.status, r) != MHD_YES)
		v->is_over = true;
	if (r != NULL)
		MHD_destroy_response(r);
	set_deadline(v, TAKE_MS);
	(void)MHD_set_connection_option(c, MHD_CONNECTION_OPTION_TIMEOUT,
	    TAKE_IDLE_S);
}

static void
take_form(struct visit *v, int err)
{
	if (err == -ENOSPC)
		reply_refuse(&v->refusal, 413, "a form has at most %zu bytes "
		    "when it is decoded", ASK_TEXT_MAX);
	else if (err != 0)
		reply_refuse(&v->refusal, 400, "the form has a %% without two "
		    "hexadecimal digits, or a NUL");
}

/*
 * Called for the head, for each part of the body, and at the end.  What is
 * refused gets no response here: the loop sees it.
 */
static enum MHD_Result
on_request(void *arg, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data, size_t *len,
    void **state)
{
	struct visit *v = arg;

	(void)url;
	(void)method;
	(void)version;
	if (*state == NULL) {
		*state = v;
		return MHD_YES;
	}
	if (v->refusal.status == 0 && !v->is_asked && *len != 0)
		take_form(v, form_feed(&v->form, data, *len));
	else if (v->refusal.status == 0 && !v->is_asked) {
		v->is_asked = true;
		take_form(v, form_end(&v->form));
		if (v->refusal.status == 0)
			respond(v, c);
	}
	*len = 0;
	return MHD_YES;
}

static void
on_connection(void *arg, struct MHD_Connection *c, void **state,
    enum MHD_ConnectionNotificationCode code)
{
	struct visit *v = arg;

	(void)c;
	(void)state;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED)
		v->is_over = true;
}

/* One turn; false: the daemon cannot go on. */
static bool
turn(struct visit *v, struct MHD_Daemon *d)
{
	fd_set reads, writes, excepts;
	MHD_UNSIGNED_LONG_LONG soon;
	int ms = left_ms(v), most = 0;
	struct timeval wait;

	FD_ZERO(&reads);
	FD_ZERO(&writes);
	FD_ZERO(&excepts);
	if (MHD_get_fdset(d, &reads, &writes, &excepts, &most) != MHD_YES)
		return false;
	if (MHD_get_timeout(d, &soon) == MHD_YES &&
	    soon < (unsigned long long)ms)
		ms = (int)soon;
	wait = (struct timeval){ ms / 1000, ms % 1000 * 1000 };
	if (select(most + 1, &reads, &writes, &excepts, &wait) == -1 &&
	    errno != EINTR)
		return false;
	return MHD_run_from_select(d, &reads, &writes, &excepts) == MHD_YES;
}

static void
run_daemon(struct visit *v, struct MHD_Daemon *d)
{
	while (!v->is_over && v->refusal.status == 0) {
		if (left_ms(v) == 0) {
			if (!v->is_asked)
				refuse_late(v);
			v->is_over = v->is_asked;
		} else if (!turn(v, d))
			v->is_over = true;
	}
}

/* Gives the daemon the client's socket; it closes what it is given. */
static bool
hand_over(struct visit *v, struct MHD_Daemon *d)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t len = sizeof(peer);

	if (getpeername(v->client, (struct sockaddr *)&peer, &len) == -1)
		return false;
	return MHD_add_connection(d, v->front->client,
	    (struct sockaddr *)&peer, len) == MHD_YES;
}

/* ---- the end ---------------------------------------------------------- */

static void
send_all(struct visit *v, const char *buf, size_t len)
{
	struct pollfd p = { .fd = v->client, .events = POLLOUT };
	ssize_t sent;

	while (len != 0) {
		sent = send(v->client, buf, len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0) {
			buf += sent;
			len -= (size_t)sent;
		} else if (errno != EAGAIN || poll(&p, 1, left_ms(v)) < 1)
			return;
	}
}

static void
send_refusal(struct visit *v)
{
	size_t len = 0;
	char *error = reply_error(&v->refusal, gate_error_type(v->head.path),
	    v->head.method == HEAD_HEAD, &len);

	if (error != NULL)
		send_all(v, error, len);
	free(error);
}

/* Until the client has closed: what it sends meanwhile goes nowhere. */
static void
drain(struct visit *v)
{
	struct pollfd p = { .fd = v->client, .events = POLLIN };
	size_t total = 0;
	ssize_t got;

	(void)shutdown(v->client, SHUT_WR);
	do {
		got = recv(v->client, v->buf, sizeof(v->buf),
		    MSG_DONTWAIT);
		if (got > 0)
			total += (size_t)got;
		else if (got == 0 || errno != EAGAIN ||
		    poll(&p, 1, left_ms(v)) < 1)
			return;
	} while (total < DRAIN_MAX && left_ms(v) != 0);
}

/* The head was good. */
static void
serve(struct visit *v)
{
	struct MHD_Daemon *d = MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET, 0,
	    NULL, NULL, on_request, v,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, v,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_MAX,
	    MHD_OPTION_CONNECTION_LIMIT, 1u, MHD_OPTION_END);

	if (d == NULL)
		return;
	form_begin(&v->form, v->front->ask);
	if (hand_over(v, d))
		run_daemon(v, d);
	/* stopping it ends the client's side, too: errors go first */
	if (v->refusal.status != 0) {
		set_deadline(v, DRAIN_MS);
		send_refusal(v);
	}
	MHD_stop_daemon(d);
}

int
front_run(const struct front *f)
{
	struct visit *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return EXIT_FAILURE;
	v->front = f;
	v->client = fcntl(f->client, F_DUPFD_CLOEXEC, f->client + 1);
	set_deadline(v, REQUEST_MS);
	if (take_head(v))
		serve(v);
	else if (v->refusal.status != 0 && !v->is_over) {
		set_deadline(v, DRAIN_MS);
		send_refusal(v);
	}
	/* the other process need not wait for a question any more */
	(void)shutdown(f->back, SHUT_RDWR);
	set_deadline(v, DRAIN_MS);
	drain(v);
	free(v);
	return EXIT_SUCCESS;
}
