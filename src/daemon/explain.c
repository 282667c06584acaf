#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "daemon/admission.h"
#include "daemon/confine.h"
#include "daemon/explain.h"
#include "daemon/setup.h"
#include "daemon/tools.h"
#include "os/diag.h"

/* The three words of the question. */
struct question {
	char client[NETIO_TEXT_MAX];
	enum packet_opcode op;
	const char *name;	/* the rest, spaces and all */
};

static bool
take_word(const char **at, char *word, size_t size)
{
	size_t len = strcspn(*at, " ");

	if (len == 0 || len >= size)
		return false;
	memcpy(word, *at, len);
	word[len] = '\0';
	/* one blank only: a name may begin with one */
	*at += len + ((*at)[len] == ' ');
	return true;
}

static bool
parse_question(const char *text, struct question *q, struct cidr_addr *addr)
{
	char op[8];

	if (!take_word(&text, q->client, sizeof(q->client)) ||
	    !cidr_parse_addr(q->client, addr) ||
	    !take_word(&text, op, sizeof(op)))
		return false;
	q->op = strcmp(op, "write") == 0 ? PACKET_WRQ : PACKET_RRQ;
	q->name = text;
	return q->op == PACKET_WRQ || strcmp(op, "read") == 0;
}

static void
make_request(struct transfer_order *o, const struct question *q)
{
	static const char mode[] = "octet";
	size_t len = strlen(q->name) + 1, most;

	most = sizeof(o->request) - sizeof(mode) - 2;
	if (len > most)
		len = most;
	o->request[0] = 0;
	o->request[1] = (uint8_t)q->op;
	memcpy(o->request + 2, q->name, len);
	o->request[2 + len - 1] = '\0';
	memcpy(o->request + 2 + len, mode, sizeof(mode));
	o->request_len = 2 + len + sizeof(mode);
}

/* ---- in the child ----------------------------------------------------- */

static void
say_answer(const struct admission *a, bool granted)
{
	const struct access_verdict *v = &a->verdict;

	if (granted && a->req.op == PACKET_RRQ)
		printf("answer   DATA, or an OACK to options; %llu bytes\n"
		    "outcome  complete, once the client has all of it\n",
		    (unsigned long long)a->file_size);
	else if (granted)
		printf("answer   ACK 0, or an OACK to options\n"
		    "outcome  complete, once all of it is stored\n");
	else
		printf("answer   ERROR %d \"%s\"\noutcome  %s: %s\n",
		    (int)v->code, v->text, outcome_name(v->outcome),
		    v->message);
}

static int
decide(struct service *s, struct transfer_order *o)
{
	struct trail trail = { stdout, 0 };
	struct admission a;
	char why[256];
	bool granted;

	if (confine_enter(s, why, sizeof(why)) != 0) {
		fprintf(stderr, "the walls cannot be put up: %s\n", why);
		return EXIT_FAILURE;
	}
	printf("    %-16s %s\n", "as", s->walls_text);
	admission_init(&a, o, NULL, &trail);
	granted = admission_decide(&a);
	say_answer(&a, granted);
	return fflush(stdout) == 0 && granted ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- the start -------------------------------------------------------- */

static void
find_mac(struct service *s, struct transfer_order *o)
{
	const struct cidr_addr *addr = &o->client_addr;

	if (!conf_wants_mac(s->conf))
		return;
	s->neighbour_fd = neighbour_open();
	if (s->neighbour_fd < 0 || neighbour_mac(s->neighbour_fd, addr->bytes,
	    addr->is_v6 ? 16 : 4, 0, o->mac) != 0)
		o->mac[0] = '\0';
	printf("    %-16s %s\n", "MAC address", o->mac[0] == '\0' ?
	    "not known: no neighbour of this host" : o->mac);
}

static int
ask(const struct conf *c, const struct question *q,
    const struct cidr_addr *addr)
{
	struct transfer_order o = { .sock = -1 };
	struct service s;
	int status;

	setup_init(&s);
	setup_state(&s, c);
	status = setup_walls(&s, c);
	if (status != 0)
		return status;
	s.conf = c;
	o.service = &s;
	o.client_addr = *addr;
	snprintf(o.address, sizeof(o.address), "%s", q->client);
	o.address[strcspn(o.address, "%")] = '\0';
	snprintf(o.client, sizeof(o.client), "%s", q->client);
	make_request(&o, q);
	find_mac(&s, &o);
	return decide(&s, &o);
}

int
explain_run(const struct conf_args *args)
{
	struct conf_report report;
	struct cidr_addr addr;
	struct question q;
	struct conf *c;
	int status;

	diag_open(true, 0);
	if (!parse_question(args->argument, &q, &addr)) {
		fprintf(stderr, "--explain \"%s\": three words are needed, "
		    "such as \"192.0.2.7 read pxelinux.0\" or \"2001:db8::7 "
		    "write log/r1\"\n", args->argument);
		return SETUP_USAGE;
	}
	tools_report(&report);
	c = tools_make(args, &report);
	if (c == NULL) {
		conf_report_clear(&report);
		return tools_exit_status(args);
	}
	printf("%s %s \"%s\"\n", q.client,
	    q.op == PACKET_WRQ ? "write" : "read", q.name);
	status = ask(c, &q, &addr);
	conf_report_clear(&report);
	conf_free(c);
	return status;
}
