/* The server is a child with a script; the client is the real one. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "core/packet.h"
#include "stats/probe.h"
#include "t-work.h"

/* Till the client sends again, and gives up: where that is tried, and not. */
#define WAIT_US		100000
#define WAIT_LONG_US	4000000
#define WHOLE_US	3000000
#define WHOLE_LONG_US	45000000
#define PATIENCE_MS	5000

/* ---- the server -------------------------------------------------------- */

/* The socket that is asked, the transfer's own, and who asks. */
struct server {
	int asked, own;
	struct sockaddr_in client;
	uint8_t buf[2048];
	size_t len;
};

static int
make_socket(uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&at, len) == -1 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) == -1)
		abort();
	*port = ntohs(at.sin_port);
	return fd;
}

static bool
hear(struct server *s, int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	socklen_t len = sizeof(s->client);
	ssize_t n;

	if (poll(&pfd, 1, PATIENCE_MS) != 1)
		return false;
	n = recvfrom(fd, s->buf, sizeof(s->buf), 0,
	    (struct sockaddr *)&s->client, &len);
	s->len = n < 0 ? 0 : (size_t)n;
	return n >= 0;
}

static void
say(struct server *s, int fd, const void *buf, size_t len)
{
	C_OK(sendto(fd, buf, len, 0, (struct sockaddr *)&s->client,
	    sizeof(s->client)) == (ssize_t)len, "the server can send");
}

static void
say_data(struct server *s, int fd, uint16_t block, size_t len)
{
	uint8_t buf[PACKET_HEADER_LEN + 2000] = { 0 };

	packet_put_data(buf, block);
	say(s, fd, buf, PACKET_HEADER_LEN + len);
}

#define OACK(text)	"\0\006" text
#define SAY(s, text)	say(s, (s)->own, text, sizeof(text))

static void
expect_request(struct server *s)
{
	static const char wanted[] = "\0\001kernel\0octet\0tsize\0" "0\0"
	    "blksize\0" "1428";

	C_OK(hear(s, s->asked) && s->len == sizeof(wanted) &&
	    memcmp(s->buf, wanted, sizeof(wanted)) == 0,
	    "a request with tsize and blksize");
}

/* Older ones may come again before it, on a busy machine. */
static void
expect_ack(struct server *s, uint16_t block)
{
	uint16_t heard = (uint16_t)(block - 1);
	char what[32];

	snprintf(what, sizeof(what), "ACK %u", block);
	while ((int16_t)(heard - block) < 0) {
		if (!hear(s, s->own) || s->len != PACKET_ACK_LEN ||
		    s->buf[0] != 0 || s->buf[1] != PACKET_ACK)
			break;
		heard = (uint16_t)(s->buf[2] << 8 | s->buf[3]);
	}
	C_OK(heard == block, what);
}

static void
expect_error(struct server *s, int fd, uint16_t code, const char *what)
{
	C_OK(hear(s, fd) && s->len > PACKET_HEADER_LEN &&
	    s->buf[1] == PACKET_ERROR && s->buf[3] == code, what);
}

static void
two_blocks(struct server *s)
{
	expect_request(s);
	SAY(s, OACK("tsize\0" "1500\0blksize\0" "1428"));
	expect_ack(s, 0);
	say_data(s, s->own, 1, 1428);
	expect_ack(s, 1);
	say_data(s, s->own, 2, 72);
	expect_ack(s, 2);
}

static void
no_options(struct server *s)
{
	expect_request(s);
	say_data(s, s->own, 1, 512);
	expect_ack(s, 1);
	say_data(s, s->own, 2, 0);
	expect_ack(s, 2);
}

static void
names_in_capitals(struct server *s)
{
	expect_request(s);
	SAY(s, OACK("BLKSIZE\0" "8"));
	expect_ack(s, 0);
	say_data(s, s->own, 1, 7);
	expect_ack(s, 1);
}

static void
from_the_asked_port(struct server *s)
{
	expect_request(s);
	say_data(s, s->asked, 1, 5);
	C_OK(hear(s, s->asked) && s->buf[1] == PACKET_ACK,
	    "the ACK comes to the port that was asked");
}

static void
request_lost(struct server *s)
{
	expect_request(s);
	no_options(s);
}

static void
ack_lost(struct server *s)
{
	expect_request(s);
	say_data(s, s->own, 1, 512);
	expect_ack(s, 1);
	say_data(s, s->own, 1, 512);
	expect_ack(s, 1);
	say_data(s, s->own, 2, 3);
	expect_ack(s, 2);
	/* and the last one, too */
	say_data(s, s->own, 2, 3);
	expect_ack(s, 2);
}

static void
data_lost(struct server *s)
{
	expect_request(s);
	SAY(s, OACK("tsize\0" "3"));
	expect_ack(s, 0);
	/* nothing: the client has to ask again */
	expect_ack(s, 0);
	say_data(s, s->own, 1, 3);
	expect_ack(s, 1);
}

static void
oack_twice(struct server *s)
{
	expect_request(s);
	SAY(s, OACK("tsize\0" "3"));
	expect_ack(s, 0);
	SAY(s, OACK("tsize\0" "3"));
	expect_ack(s, 0);
	say_data(s, s->own, 1, 3);
	expect_ack(s, 1);
}

static void
block_from_elsewhere(struct server *s)
{
	uint16_t port;
	int other = make_socket(&port);

	expect_request(s);
	say_data(s, s->own, 1, 512);
	expect_ack(s, 1);
	say_data(s, other, 2, 100);
	expect_error(s, other, PACKET_ERR_TID, "error 5 for the stranger");
	/* an ERROR of a stranger is not answered and not believed */
	say(s, other, "\0\005\0\0stop", 9);
	say_data(s, s->own, 2, 7);
	expect_ack(s, 2);
	close(other);
}

static void
closed_stranger(struct server *s)
{
	uint16_t port;
	int other = make_socket(&port);

	expect_request(s);
	say_data(s, s->own, 1, 512);
	expect_ack(s, 1);
	/* whoever is told so is gone, and the network says that */
	say_data(s, other, 2, 100);
	close(other);
	say_data(s, s->own, 2, 7);
	expect_ack(s, 2);
}

static void
rubbish(struct server *s)
{
	expect_request(s);
	say(s, s->own, "\0", 1);
	say(s, s->own, "", 0);
	say(s, s->own, "\0\011abcdef", 8);
	say_data(s, s->own, 1, 512);
	expect_ack(s, 1);
	say(s, s->own, "\0\003", 2);
	say(s, s->own, "\0\004\0\001", 4);
	say_data(s, s->own, 9, 10);
	say_data(s, s->own, 2, 0);
	expect_ack(s, 2);
}

static void
block_wraps(struct server *s)
{
	uint32_t index;

	expect_request(s);
	SAY(s, OACK("blksize\0" "8"));
	expect_ack(s, 0);
	for (index = 1; index <= 65537; index++) {
		say_data(s, s->own, (uint16_t)index, 8);
		expect_ack(s, (uint16_t)index);
	}
	say_data(s, s->own, 2, 0);
	expect_ack(s, 2);
}

static void
refused(struct server *s)
{
	expect_request(s);
	say(s, s->own, "\0\005\0\001\033[31mnone\0rest", 18);
}

static void
error_of_four_bytes(struct server *s)
{
	expect_request(s);
	say(s, s->own, "\0\005\0\002", 4);
}

static void
refused_halfway(struct server *s)
{
	expect_request(s);
	say_data(s, s->own, 1, 512);
	expect_ack(s, 1);
	say(s, s->own, "\0\005\0\0disk", 9);
}

static void
silent(struct server *s)
{
	expect_request(s);
	expect_request(s);
}

static void
stops_halfway(struct server *s)
{
	expect_request(s);
	say_data(s, s->own, 1, 512);
	expect_ack(s, 1);
	expect_ack(s, 1);
	while (hear(s, s->own) && s->buf[1] == PACKET_ACK)
		;
	C_OK(s->buf[1] == PACKET_ERROR, "the server is told at the end");
}

static void
goes_away(struct server *s)
{
	expect_request(s);
	say_data(s, s->own, 1, 512);
	expect_ack(s, 1);
	close(s->own);
	s->own = -1;
}

static void
too_large(struct server *s)
{
	expect_request(s);
	SAY(s, OACK("tsize\0" "9999999"));
	expect_error(s, s->own, 0, "it is told so");
}

static void
grows_too_large(struct server *s)
{
	uint16_t block;

	expect_request(s);
	SAY(s, OACK("blksize\0" "1428"));
	expect_ack(s, 0);
	for (block = 1; block <= 700; block++) {
		say_data(s, s->own, block, 1428);
		expect_ack(s, block);
	}
	say_data(s, s->own, block, 1428);
	expect_error(s, s->own, PACKET_ERR_SPACE, "it is told so");
}

static void
option_of_its_own(struct server *s)
{
	expect_request(s);
	SAY(s, OACK("windowsize\0" "8"));
	expect_error(s, s->own, PACKET_ERR_OPTIONS, "error 8");
}

static void
larger_blksize(struct server *s)
{
	expect_request(s);
	SAY(s, OACK("blksize\0" "1429"));
	expect_error(s, s->own, PACKET_ERR_OPTIONS, "error 8");
}

static void
no_number(struct server *s)
{
	expect_request(s);
	SAY(s, OACK("tsize\0" "12x"));
	expect_error(s, s->own, PACKET_ERR_OPTIONS, "error 8");
}

static void
long_block(struct server *s)
{
	expect_request(s);
	say_data(s, s->own, 1, 513);
	expect_error(s, s->own, PACKET_ERR_ILLEGAL, "error 4");
}

static void
other_size(struct server *s)
{
	expect_request(s);
	SAY(s, OACK("tsize\0" "100"));
	expect_ack(s, 0);
	say_data(s, s->own, 1, 99);
	expect_ack(s, 1);
}

/* ---- the cases --------------------------------------------------------- */

static const struct probe_case {
	const char *what;
	void (*script)(struct server *s);
	enum probe_end end;
	uint64_t bytes;
	const char *reason;	/* NULL: any */
	bool has_repeats;
} cases[] = {
	{ "a file of two blocks", two_blocks, PROBE_COMPLETE, 1500, "",
	    false },
	{ "a server without options", no_options, PROBE_COMPLETE, 512, "",
	    false },
	{ "options in capitals", names_in_capitals, PROBE_COMPLETE, 7, "",
	    false },
	{ "a server that answers from its own port", from_the_asked_port,
	    PROBE_COMPLETE, 5, "", false },
	{ "a request that was lost is sent again", request_lost,
	    PROBE_COMPLETE, 512, "", true },
	{ "a block that comes again is acknowledged again and not counted",
	    ack_lost, PROBE_COMPLETE, 515, "", true },
	{ "an answer that is not heard of is sent again", data_lost,
	    PROBE_COMPLETE, 3, "", true },
	{ "an OACK that comes again is acknowledged again", oack_twice,
	    PROBE_COMPLETE, 3, "", true },
	{ "a block from another port changes nothing", block_from_elsewhere,
	    PROBE_COMPLETE, 519, "", false },
	{ "nor does the end of that other port", closed_stranger,
	    PROBE_COMPLETE, 519, "", false },
	{ "what is no TFTP is passed over", rubbish, PROBE_COMPLETE, 512, "",
	    false },
	{ "the numbers of blocks begin anew", block_wraps, PROBE_COMPLETE,
	    524296, "", false },
	{ "an error is told", refused, PROBE_REFUSED, 0, "", false },
	{ "an error without text", error_of_four_bytes, PROBE_REFUSED, 0, "",
	    false },
	{ "an error halfway", refused_halfway, PROBE_REFUSED, 512, "",
	    false },
	{ "no answer at all", silent, PROBE_SILENT, 0, "no answer", true },
	{ "no answer halfway", stops_halfway, PROBE_LATE, 512,
	    "the time was over after 512 bytes", true },
	{ "a transfer that goes away", goes_away, PROBE_BROKEN, 512,
	    "the server's transfer went away", true },
	{ "a file that says it is too large", too_large, PROBE_LARGE, 0,
	    "the file has 9999999 bytes, more than a probe fetches", false },
	{ "a file that does not say so", grows_too_large, PROBE_LARGE,
	    1001028, "the file has more than 1000000 bytes", false },
	{ "an option that was not asked for", option_of_its_own,
	    PROBE_BROKEN, 0, NULL, false },
	{ "a blksize above what was asked for", larger_blksize, PROBE_BROKEN,
	    0, NULL, false },
	{ "an option whose value is no number", no_number, PROBE_BROKEN, 0,
	    NULL, false },
	{ "a block that is too long", long_block, PROBE_BROKEN, 0,
	    "a block of 513 bytes, where 512 were agreed on", false },
	{ "another size than was announced", other_size, PROBE_BROKEN, 99,
	    "the server announced 100 bytes and sent 99", false },
};

static void
run_case(const void *arg)
{
	const struct probe_case *c = arg;
	bool gives_up = c->end == PROBE_SILENT || c->end == PROBE_LATE;
	const struct probe_limits limits = {
		.whole_us = gives_up ? WHOLE_US : WHOLE_LONG_US,
		.wait_us = c->has_repeats ? WAIT_US : WAIT_LONG_US,
		.bytes = 1000000
	};
	struct probe_target target = { .host = "127.0.0.1",
		.file = "kernel" };
	struct probe_result r;
	uint16_t port, own_port;
	struct server s = { .asked = make_socket(&port),
		.own = make_socket(&own_port) };
	pid_t pid;

	snprintf(target.port, sizeof(target.port), "%u", port);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(T_CHILD_SECONDS);
		c->script(&s);
		_exit(0);
	}
	/* the port that is asked stays open, whatever the script does */
	close(s.own);
	probe_run(&target, &limits, &r);
	close(s.asked);
	C_OK(r.end == c->end, probe_end_name(r.end));
	C_OK(r.bytes == c->bytes, "the bytes that were counted");
	C_OK(c->reason == NULL || strcmp(r.reason, c->reason) == 0,
	    r.reason);
	C_OK((r.repeats != 0) == c->has_repeats, "packets sent again");
	C_OK((r.first_reply_us != 0) == (c->end != PROBE_SILENT),
	    "the first answer's time");
	C_OK(r.duration_us < limits.whole_us + 2000000, "it ends in time");
	C_OK(t_reap(pid, 0), "the server's end");
}

static void
every_script(void)
{
	size_t i;

	for (i = 0; i < COUNT(cases); i++)
		t_in_child(run_case, &cases[i], cases[i].what);
}

static void
look_at_error(const void *arg)
{
	static const struct probe_limits limits = { .whole_us = WHOLE_US,
		.wait_us = WAIT_US, .bytes = 1000 };
	struct probe_target target = { .host = "127.0.0.1",
		.file = "kernel" };
	struct probe_result r;
	uint16_t port, own_port;
	struct server s = { .asked = make_socket(&port),
		.own = make_socket(&own_port) };
	pid_t pid = fork();

	(void)arg;
	if (pid == 0) {
		refused(&s);
		_exit(0);
	}
	snprintf(target.port, sizeof(target.port), "%u", port);
	probe_run(&target, &limits, &r);
	C_OK(r.error == 1, "the code");
	C_OK(r.text_len == 9 && memcmp(r.text, "\033[31mnone", 9) == 0,
	    "the text as it was sent, up to its NUL");
	C_OK(t_reap(pid, 0), "the server's end");
}

static void
what_a_server_says(void)
{
	t_in_child(look_at_error, NULL, "code and text of an error");
}

static void
nobody_there(void)
{
	static const struct probe_limits limits = { .whole_us = WHOLE_US,
		.wait_us = WAIT_US, .bytes = 1000 };
	struct probe_target target = { .host = "127.0.0.1", .file = "x" };
	struct probe_result r;
	uint16_t port;
	int fd = make_socket(&port);

	close(fd);
	snprintf(target.port, sizeof(target.port), "%u", port);
	probe_run(&target, &limits, &r);
	T_OK(r.end == PROBE_CLOSED && r.duration_us < 1000000,
	    "a port that nobody has is told at once");
	T_OK(strstr(r.address, "127.0.0.1:") == r.address, "the address");
	strcpy(target.host, "not a name");
	probe_run(&target, &limits, &r);
	T_OK(r.end == PROBE_UNTRIED && strncmp(r.reason, "not a name: ", 12)
	    == 0 && r.address[0] == '\0', "a host that there cannot be");
}

static void
targets(void)
{
	static const struct {
		const char *text, *host, *port, *file;	/* host NULL: bad */
	} rows[] = {
		{ "192.0.2.1:pxelinux.0", "192.0.2.1", "69", "pxelinux.0" },
		{ "192.0.2.1:6969:a/b", "192.0.2.1", "6969", "a/b" },
		{ "boot.example.com:/a", "boot.example.com", "69", "/a" },
		{ "[2001:db8::1]:a", "2001:db8::1", "69", "a" },
		{ "[2001:db8::1]:70:a:b", "2001:db8::1", "70", "a:b" },
		{ "[fe80::1%eth0]:a", "fe80::1%eth0", "69", "a" },
		{ "h:70", "h", "69", "70" },
		{ "h:70:", NULL, NULL, NULL },
		{ "h:65536:a", "h", "69", "65536:a" },
		{ "h:0:a", "h", "69", "0:a" },
		{ "h:", NULL, NULL, NULL },
		{ "h", NULL, NULL, NULL },
		{ ":a", NULL, NULL, NULL },
		{ "", NULL, NULL, NULL },
		{ "[::1", NULL, NULL, NULL },
		{ "[::1]", NULL, NULL, NULL },
		{ "[::1]a", NULL, NULL, NULL },
		{ "[]:a", NULL, NULL, NULL },
		{ "h:a\nb", NULL, NULL, NULL },
		{ "h:a\177", NULL, NULL, NULL },
	};
	struct probe_target t;
	char *copy;
	size_t i, len;
	bool is_good;

	for (i = 0; i < COUNT(rows); i++) {
		len = strlen(rows[i].text) + 1;
		copy = t_guard(rows[i].text, len);
		is_good = probe_parse(copy, &t);
		T_OK(is_good == (rows[i].host != NULL), rows[i].text);
		if (is_good && rows[i].host != NULL)
			T_OK(strcmp(t.host, rows[i].host) == 0 &&
			    strcmp(t.port, rows[i].port) == 0 &&
			    strcmp(t.file, rows[i].file) == 0, rows[i].text);
		t_unguard(copy, len);
	}
}

static void
long_targets(void)
{
	struct probe_target t;
	char text[600];

	memset(text, 'a', sizeof(text));
	memcpy(text, "h:", 2);
	text[2 + PROBE_FILE_MAX] = '\0';
	T_OK(probe_parse(text, &t), "the longest name");
	text[2 + PROBE_FILE_MAX] = 'a';
	text[3 + PROBE_FILE_MAX] = '\0';
	T_OK(!probe_parse(text, &t), "one byte more");
	memset(text, 'a', sizeof(text));
	strcpy(text + PROBE_HOST_MAX - 1, ":f");
	T_OK(probe_parse(text, &t), "the longest host");
	memset(text, 'a', sizeof(text));
	strcpy(text + PROBE_HOST_MAX, ":f");
	T_OK(!probe_parse(text, &t), "a host that is too long");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "ADDR:FILE and ADDR:PORT:FILE", targets },
		{ "names and hosts have a longest form", long_targets },
		{ "each way that a transfer can go", every_script },
		{ "the error of a server is kept as it is",
		    what_a_server_says },
		{ "nobody there", nobody_there },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ .pName = "probe", .pTests = tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
