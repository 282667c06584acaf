#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

static const char usage_text[] =
"usage: tftp-load --server ADDR[:PORT] [OPTION]... NAME\n"
"       tftp-load --make FILE SIZE | --make-sparse FILE SIZE\n"
"       tftp-load --check FILE [--size BYTES] [--sparse]\n"
"\n"
"%d in NAME is the number of the transfer, from 0.\n"
"\n"
"  --op read|write      what to do [read]\n"
"  --clients N          transfers at once [1]\n"
"  --total N            transfers in all [as many as clients]\n"
"  --blksize B --windowsize W --timeout S --tsize\n"
"                       options of the request; none is sent unless given\n"
"  --size BYTES         of an upload; of a download, what is expected\n"
"  --verify             check (make, in an upload) each byte's content\n"
"  --content N          seed of the content [1]\n"
"  --sparse             zeros with a marked page every 64 MiB\n"
"  --hash               the hash of what came; the sum over transfers\n"
"\n"
"  --loss-in P          lose received packets with probability P\n"
"  --loss-out P         lose sent packets\n"
"  --seed N             of the losses [1]\n"
"  --dup-out N          send each ACK N times [1]\n"
"  --rtt-us N           hold received packets for N microseconds\n"
"  --ring N --drain-us D\n"
"                       a receive ring of N packets; taking one out takes D\n"
"\n"
"  --spread-ms N        the first starts spread over N ms [0]\n"
"  --pause-ms N         between two transfers of a client [0]\n"
"  --addresses          each client from an address of its own, 127.1.0.1 on\n"
"  --ask-again-ms N     repeat an unanswered request [1000]\n"
"  --give-up S          seconds of silence that end a transfer [30]\n"
"  --deadline S         seconds that end everything [300]\n"
"  --gso                upload a window by one call, with UDP_SEGMENT\n"
"  --gro                take a window that the server sent by UDP_SEGMENT in\n"
"                       one piece, with UDP_GRO\n"
"  --cpu N              stay on that CPU\n"
"\n"
"One line of JSON comes out; status 1 if any transfer failed.\n";

static _Noreturn void
refuse(const char *what, const char *value)
{
	fprintf(stderr, "tftp-load: %s: %s\n", what, value);
	exit(64);
}

/* ---- values ----------------------------------------------------------- */

static uint64_t
number(const char *name, const char *text, uint64_t least, uint64_t most)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || n < least ||
	    n > most)
		refuse(name, text);
	return n;
}

static double
probability(const char *name, const char *text)
{
	char *end;
	double p = strtod(text, &end);

	if (end == text || *end != '\0' || !(p >= 0 && p <= 1))
		refuse(name, text);
	return p;
}

/* ADDR, ADDR:PORT, [ADDR6]:PORT or a bare ADDR6. */
static void
parse_server(union address *a, const char *text)
{
	char host[64] = "";
	const char *open = text[0] == '[' ? text + 1 : text;
	const char *end = text[0] == '[' ? strchr(text, ']') :
	    strchr(text, ':');
	uint16_t port = 69;
	size_t len;

	if (end != NULL && text[0] != '[' && strchr(end + 1, ':') != NULL)
		end = NULL;	/* many colons: IPv6 without a port */
	len = end != NULL ? (size_t)(end - open) : strlen(open);
	if (len >= sizeof(host))
		refuse("not an address", text);
	memcpy(host, open, len);
	if (end != NULL && *end == ']')
		end++;
	if (end != NULL && *end == ':')
		port = (uint16_t)number("port", end + 1, 1, 65535);
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, host, &a->in4.sin_addr) == 1) {
		a->in4.sin_family = AF_INET;
		a->in4.sin_port = htons(port);
	} else if (inet_pton(AF_INET6, host, &a->in6.sin6_addr) == 1) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons(port);
	} else
		refuse("not an address", text);
}

/* ---- the table -------------------------------------------------------- */

/* A plain number: where it goes, and its limits. */
struct numeric {
	size_t offset;
	uint32_t least, most;
};
#define NUMERIC(name, least, most) \
	{ offsetof(struct options, name), least, most }

enum {
	BLKSIZE, WINDOWSIZE, TIMEOUT, CLIENTS, TOTAL, DUP_OUT, RTT, RING,
	DRAIN, SPREAD, PAUSE, ASK_AGAIN, GIVE_UP, DEADLINE, NUMERICS,
	OP = NUMERICS, TSIZE, SIZE, VERIFY, CONTENT, SPARSE, HASH, LOSS_IN,
	LOSS_OUT, SEED, ADDRESSES, GSO, GRO, CPU, SERVER, MAKE, MAKE_SPARSE,
	CHECK, HELP
};

static const struct numeric numerics[NUMERICS] = {
	[BLKSIZE] = NUMERIC(blksize, 8, 65464),
	[WINDOWSIZE] = NUMERIC(windowsize, 1, 32767),
	[TIMEOUT] = NUMERIC(timeout_s, 1, 255),
	[CLIENTS] = NUMERIC(clients, 1, 1000000),
	[TOTAL] = NUMERIC(total, 1, 100000000),
	[DUP_OUT] = NUMERIC(dup_out, 1, 16),
	[RTT] = NUMERIC(rtt_us, 0, 10000000),
	[RING] = NUMERIC(ring, 0, 65536),
	[DRAIN] = NUMERIC(drain_us, 0, 1000000),
	[SPREAD] = NUMERIC(spread_ms, 0, 3600000),
	[PAUSE] = NUMERIC(pause_ms, 0, 3600000),
	[ASK_AGAIN] = NUMERIC(ask_again_ms, 1, 3600000),
	[GIVE_UP] = NUMERIC(give_up_s, 1, 3600),
	[DEADLINE] = NUMERIC(deadline_s, 1, 86400),
};

static const struct option longs[] = {
	{ "blksize", required_argument, NULL, BLKSIZE },
	{ "windowsize", required_argument, NULL, WINDOWSIZE },
	{ "timeout", required_argument, NULL, TIMEOUT },
	{ "clients", required_argument, NULL, CLIENTS },
	{ "total", required_argument, NULL, TOTAL },
	{ "dup-out", required_argument, NULL, DUP_OUT },
	{ "rtt-us", required_argument, NULL, RTT },
	{ "ring", required_argument, NULL, RING },
	{ "drain-us", required_argument, NULL, DRAIN },
	{ "spread-ms", required_argument, NULL, SPREAD },
	{ "pause-ms", required_argument, NULL, PAUSE },
	{ "ask-again-ms", required_argument, NULL, ASK_AGAIN },
	{ "give-up", required_argument, NULL, GIVE_UP },
	{ "deadline", required_argument, NULL, DEADLINE },
	{ "op", required_argument, NULL, OP },
	{ "tsize", no_argument, NULL, TSIZE },
	{ "size", required_argument, NULL, SIZE },
	{ "verify", no_argument, NULL, VERIFY },
	{ "content", required_argument, NULL, CONTENT },
	{ "sparse", no_argument, NULL, SPARSE },
	{ "hash", no_argument, NULL, HASH },
	{ "loss-in", required_argument, NULL, LOSS_IN },
	{ "loss-out", required_argument, NULL, LOSS_OUT },
	{ "seed", required_argument, NULL, SEED },
	{ "addresses", no_argument, NULL, ADDRESSES },
	{ "gso", no_argument, NULL, GSO },
	{ "gro", no_argument, NULL, GRO },
	{ "cpu", required_argument, NULL, CPU },
	{ "server", required_argument, NULL, SERVER },
	{ "make", required_argument, NULL, MAKE },
	{ "make-sparse", required_argument, NULL, MAKE_SPARSE },
	{ "check", required_argument, NULL, CHECK },
	{ "help", no_argument, NULL, HELP },
	{ NULL, 0, NULL, 0 }
};

static void
take_flag(struct options *opt, int which)
{
	switch (which) {
	case TSIZE: opt->has_tsize = true; break;
	case VERIFY: opt->verify = true; break;
	case SPARSE: opt->content.is_sparse = true; break;
	case HASH: opt->hash = true; break;
	case ADDRESSES: opt->by_address = true; break;
	case GSO: opt->gso = true; break;
	case GRO: opt->gro = true; break;
	case HELP: fputs(usage_text, stdout); exit(0);
	default: fputs(usage_text, stderr); exit(64);
	}
}

static void
take_op(struct options *opt, const char *value)
{
	opt->is_write = strcmp(value, "write") == 0;
	if (!opt->is_write && strcmp(value, "read") != 0)
		refuse("op", value);
}

static void
take_value(struct options *opt, int which, const char *name,
    const char *value)
{
	switch (which) {
	case OP: take_op(opt, value); break;
	case SIZE:
		opt->size = number(name, value, 0, INT64_MAX);
		opt->has_size = true;
		break;
	case CONTENT:
		opt->content.seed = number(name, value, 0, UINT64_MAX);
		break;
	case LOSS_IN: opt->loss_in = probability(name, value); break;
	case LOSS_OUT: opt->loss_out = probability(name, value); break;
	case SEED: opt->seed = number(name, value, 0, UINT64_MAX); break;
	case CPU: opt->cpu = (int)number(name, value, 0, 1023); break;
	case SERVER: parse_server(&opt->server, value); break;
	case MAKE: opt->make = value; break;
	case MAKE_SPARSE:
		opt->make = value;
		opt->content.is_sparse = true;
		break;
	case CHECK: opt->check = value; break;
	default: take_flag(opt, which);
	}
}

static void
take_numeric(struct options *opt, int which, const char *name,
    const char *value)
{
	const struct numeric *n = &numerics[which];
	uint32_t got = (uint32_t)number(name, value, n->least, n->most);

	memcpy((char *)opt + n->offset, &got, sizeof(got));
}

/* What stands behind the options. */
static void
take_rest(struct options *opt, int argc, char **argv)
{
	const char *rest = optind < argc ? argv[optind] : NULL;

	if (optind + 1 < argc)
		refuse("too many arguments", argv[optind + 1]);
	if (opt->make != NULL && rest != NULL) {
		opt->size = number("SIZE", rest, 0, INT64_MAX);
		return;
	}
	if (opt->check != NULL && rest == NULL)
		return;
	if (rest == NULL || opt->server.sa.sa_family == AF_UNSPEC) {
		fputs(usage_text, stderr);
		exit(64);
	}
	if (strlen(rest) >= NAME_MAX_LEN)
		refuse("the name is too long", rest);
	opt->name = rest;
	if (opt->is_write && !opt->has_size)
		refuse("an upload needs", "--size");
	if (opt->total == 0)
		opt->total = opt->clients;
	if (opt->clients > opt->total)
		opt->clients = opt->total;
}

void
options_parse(struct options *opt, int argc, char **argv)
{
	int which, index = 0;

	*opt = (struct options){ .clients = 1, .seed = 1, .dup_out = 1,
		.ask_again_ms = 1000, .give_up_s = 30, .deadline_s = 300,
		.cpu = -1, .content.seed = 1 };
	while ((which = getopt_long(argc, argv, "", longs, &index)) != -1) {
		if (which >= 0 && which < NUMERICS)
			take_numeric(opt, which, longs[index].name, optarg);
		else
			take_value(opt, which, which == '?' ? "" :
			    longs[index].name, optarg);
	}
	take_rest(opt, argc, argv);
}
