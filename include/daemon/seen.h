/*
 * seen - requests, remembered for some seconds in bounded memory: what is
 * noted drives out what was noted longest ago.
 *
 * A client whose request got no answer asks again; a forged request hardly
 * ever comes twice, and if it does, nobody says a word when it is answered.
 * Where requests are too many, that tells the two apart.
 */
#ifndef DAEMON_SEEN_H
#define DAEMON_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#define SEEN_ROWS	8192
#define SEEN_COLUMNS	8	/* a row is a cache line */

struct seen_mark {
	uint32_t tag;		/* of the request's hash */
	uint32_t when;		/* in ticks, never 0; 0: there is none */
};

/* All zero is empty; 512 KiB, touched only where something is noted. */
struct seen {
	struct seen_mark rows[SEEN_ROWS][SEEN_COLUMNS];
};

/*
 * seen_note - remember a request.  One that is remembered already keeps its
 * time.
 *
 * hash       of the request and its client
 * now_us     monotonic, as in seen_before()
 */
void seen_note(struct seen *s, uint64_t hash, uint64_t now_us);

/*
 * seen_before - has it come before, but not just now?  Copies that a network
 * makes come within milliseconds; no client asks again as soon.
 */
bool seen_before(const struct seen *s, uint64_t hash, uint64_t now_us);

#endif
