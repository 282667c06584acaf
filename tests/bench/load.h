/*
 * tftp-load: as many TFTP clients as are asked for, in one process with one
 * event loop.  Its CPU time counts in the figures, so a packet must be cheap:
 * connected sockets, a window by one recvmmsg or sendmmsg, no allocation
 * once it runs, and no epoll where a single client can wait in recv itself.
 *
 *	load.c		the loop: who starts, who has a packet, whose time is up
 *	client.c	one transfer: RFC 1350, 2347, 2348, 2349 and 7440
 *	wire.c		sockets, and what may happen to a packet on the way
 *	options.c	the command line
 *	result.c	the counts, and the line of JSON at the end
 *
 * It shares no code with the server: what one gets wrong the other shows.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "content.h"

#define BATCH_MAX	64	/* datagrams by one system call */
#define PACKET_MAX	65535
#define NAME_MAX_LEN	512
#define REASONS_MAX	16

enum { OP_RRQ = 1, OP_WRQ, OP_DATA, OP_ACK, OP_ERROR, OP_OACK };

union address {
	struct sockaddr sa;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};

struct options {
	bool is_write;
	uint32_t clients;	/* at once */
	uint32_t total;		/* in all */
	uint32_t blksize;	/* 0: not asked for; so the next two */
	uint32_t windowsize;
	uint32_t timeout_s;
	bool has_tsize;
	uint64_t size;		/* of an upload; of a download if it is known */
	bool has_size;
	bool verify, hash;
	struct content content;

	double loss_in, loss_out;
	uint64_t seed;
	uint32_t dup_out;	/* times that an ACK is sent */
	uint32_t rtt_us;
	uint32_t ring, drain_us;	/* 0: no such model */

	uint32_t spread_ms, pause_ms;
	uint32_t ask_again_ms;
	uint32_t give_up_s, deadline_s;
	bool by_address;	/* each client has an address of its own */
	bool gso, gro;
	int cpu;		/* -1: any */

	union address server;
	const char *name;	/* %d: the number of the transfer */
	const char *make, *check;	/* a file to make or check instead */
};

enum state { IDLE, ASKED, RUNNING };

struct client {
	int fd;
	enum state state;
	uint32_t slot;
	uint32_t number;	/* of the transfer, from 0 */
	union address tid;	/* who answered first; family 0: nobody yet */
	uint64_t chance;	/* state of this transfer's losses */

	uint32_t blksize, windowsize;	/* granted */
	uint32_t timeout_ms;
	bool has_tsize;
	uint64_t tsize;

	/*
	 * Blocks are counted without wrapping.  Reading: next is the one that
	 * is due, fresh how many came since the last ACK.  Writing: next is
	 * the first without an ACK, last the one that ends the file.
	 */
	uint64_t next, last;
	uint32_t fresh;
	bool gap_told;		/* this gap has had its ACK, or its resend */
	uint64_t bytes, hash;
	bool is_wrong;		/* content or size is not what it should be */

	uint64_t begin_us, first_us, heard_us, timer_us;
	uint32_t backoff;	/* timeouts in a row */
	uint32_t asked;
	uint64_t ring_free_us;	/* when the model's ring is empty again */
};

struct counts {
	uint32_t started, finished, ok, failed, asked_twice, wrong;
	uint64_t requests, bytes, packets_in, packets_out, duplicates;
	uint64_t strangers;	/* packets from another TID */
	uint64_t lost_in, lost_out;	/* thrown away by --loss or --ring */
	uint64_t hash;
	struct {
		char text[96];
		uint32_t count;
	} reasons[REASONS_MAX];
	uint32_t *first_us, *whole_us;	/* total entries each */
	uint32_t first_count, whole_count;
};

struct wire;

struct load {
	const struct options *opt;
	struct counts counts;
	struct client *clients;
	uint32_t *idle;		/* ring of slots that wait for their start */
	uint64_t *start_us;	/* when each slot may */
	uint32_t idle_first, idle_count;
	uint32_t active;
	uint64_t begin_us, now_us;
	int epoll;
	struct wire *wire;
};

/* options.c: fills opt; ends the process on a bad command line. */
void options_parse(struct options *opt, int argc, char **argv);

/* load.c: the transfer is over; why is NULL when it went well. */
void load_finish(struct load *ld, struct client *c, const char *why);
uint64_t load_clock_us(void);

/* client.c */
void client_start(struct load *ld, struct client *c, uint32_t number);
void client_on_packet(struct load *ld, struct client *c, const uint8_t *pkt,
    size_t len, const union address *from);
void client_on_timer(struct load *ld, struct client *c);

/* wire.c */
struct wire *wire_new(const struct options *opt, bool blocks);
void wire_free(struct wire *w);
/* A socket for the client; -1 with errno. */
int wire_open(struct load *ld, struct client *c);
void wire_close(struct client *c);
void wire_connect(struct client *c, const union address *tid);
void wire_send(struct load *ld, struct client *c, const uint8_t *pkt,
    size_t len);
/* The blocks [first, first+count) of an upload. */
void wire_send_blocks(struct load *ld, struct client *c, uint64_t first,
    uint32_t count);
/* Takes what has come, at most a batch, and hands it to the client. */
void wire_receive(struct load *ld, struct client *c);
/* Packets that were held back: when the next is due, and those that are. */
uint64_t wire_due_us(const struct wire *w);
void wire_deliver(struct load *ld);

/* result.c */
int result_init(struct counts *n, uint32_t total);
void result_free(struct counts *n);
void result_reason(struct counts *n, const char *why);
void result_print(const struct load *ld, uint64_t took_us, uint64_t cpu_us);

#endif
