/*
 * plan - everything that is decided about a run before it begins.
 *
 * A seed gives one plan; a scenario fills one in by hand.  What is left to
 * chance while the run goes on comes from the same seed.
 */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/packet.h"

enum plan_direction { TO_CLIENT, TO_SERVER, DIRECTIONS };

/* What the client does besides fetching or storing a file. */
enum plan_mishap {
	MISHAP_NONE,
	MISHAP_PROBE,		/* wants the size only: ERROR after the OACK */
	MISHAP_ABORTS,		/* sends ERROR mid-way */
	MISHAP_DIES,		/* its port is closed mid-way */
	MISHAP_VANISHES,	/* the machine is off: no ICMP either */
	MISHAP_ERASES,		/* silent for 20 s mid-way, then goes on */
	MISHAP_RESETS,		/* asks again from the same port, mid-way */
	MISHAP_COUNT
};

enum plan_disk {
	DISK_SOUND,
	DISK_READ_FAILS,	/* EIO from a block on */
	DISK_SHRINKS,		/* the file ends before a block */
	DISK_GROWS,
	DISK_WRITE_FAILS,	/* EIO or ENOSPC at a byte */
	DISK_STORE_FAILS
};

/* The kinds of fault that the summary counts. */
enum plan_fault {
	FAULT_NONE,
	FAULT_LOSS,
	FAULT_BURSTS,
	FAULT_COPIES,
	FAULT_REORDER,
	FAULT_SPIKES,
	FAULT_CORRUPT,
	FAULT_EVIL,
	FAULT_REPLAY,
	FAULT_FOREIGN,
	FAULT_FORGED,
	FAULT_CUT,
	FAULT_RING,
	FAULT_DISK,
	FAULT_SLOW_DISK,
	FAULT_LATE,
	FAULT_SLEEP,
	FAULT_SHUTDOWN,
	FAULT_COUNT
};

/* One way through the network; chances in millionths of a packet. */
struct plan_path {
	uint32_t loss, burst_begin, burst_end;
	uint32_t copy, copies_max;	/* 1..copies_max more of it */
	uint32_t copies_always;		/* of each packet, instead of 1 */
	uint32_t reorder, reorder_us;
	uint32_t spike, spike_us;
	uint32_t jitter_us;
	uint32_t corrupt;	/* so that the receiver can tell */
	uint32_t evil;		/* so that nobody can tell */
	uint32_t replay;
	uint64_t cut_us;	/* nothing passes from then on */
	uint64_t drop_index;	/* the first packet with it is lost; 0: none */
	uint64_t drop_serial;	/* the n-th packet is lost; 0: none */
};

struct plan {
	uint64_t seed;
	enum packet_opcode op;
	uint64_t size;
	bool size_known;	/* octet; netascii finds the end on the way */
	uint16_t blksize, windowsize, rollover;
	uint32_t timeout_ms;	/* agreed on; 0: none */
	bool oack;

	uint32_t give_up_ms, first_timeout_ms;
	bool adaptive;

	unsigned model;		/* of client_models[] */
	enum plan_mishap mishap;
	uint64_t mishap_index;	/* at this block */

	struct plan_path path[DIRECTIONS];
	uint32_t rtt_us;
	uint32_t wire_ns;	/* a packet, and */
	uint32_t byte_ps;	/* a byte, on the wire */
	uint32_t router;	/* packets that wait for the wire; 0: all */
	uint32_t ring, drain_us;	/* the client's card; 0: roomy */
	uint32_t foreign_every_us;	/* packets from strangers; 0: none */
	bool foreign_is_forged;	/* they bear the address of the other side */
	bool no_icmp;

	enum plan_disk disk;
	uint64_t disk_at;	/* block (reading) or byte (writing) */
	uint32_t slow, slow_us;	/* a disk access takes that long */

	uint32_t late_us;	/* a timer is late by up to that */
	uint64_t sleep_at_us, sleep_us;
	uint64_t shutdown_us;

	uint32_t faults;	/* bit 1 << enum plan_fault; 0: a scenario */
};

extern const char *const plan_mishap_names[MISHAP_COUNT];
extern const char *const plan_fault_names[FAULT_COUNT];

/* A plan without any fault: 512 bytes a block, lock-step, 100 us away. */
void plan_init(struct plan *p, enum packet_opcode op, uint64_t size);

/* The plan that belongs to a seed. */
void plan_from_seed(struct plan *p, uint64_t seed);

/* The index of the last block. */
uint64_t plan_last(const struct plan *p);

/* What must end well: a client that stays, a network that loses little. */
bool plan_is_mild(const struct plan *p);

/* What must not cost a single packet. */
bool plan_is_clean(const struct plan *p);

/* One line that tells what the run is. */
void plan_print(const struct plan *p, FILE *out);

#endif
