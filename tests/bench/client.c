#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "load.h"

#define BACKOFF_MAX	6
#define DEFAULT_MS	1000
#define NEVER		(UINT64_MAX / 2)	/* no block of any file */

/* ---- the request ------------------------------------------------------ */

static size_t
put_text(uint8_t *buf, size_t at, const char *text)
{
	size_t len = strlen(text) + 1;

	memcpy(buf + at, text, len);
	return at + len;
}

static size_t
put_option(uint8_t *buf, size_t at, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return put_text(buf, put_text(buf, at, name), text);
}

/* The name, with the number in the place of %d. */
static size_t
put_name(uint8_t *buf, size_t at, const char *name, uint32_t number)
{
	const char *mark = strstr(name, "%d");
	char text[NAME_MAX_LEN + 16];

	if (mark == NULL)
		return put_text(buf, at, name);
	snprintf(text, sizeof(text), "%.*s%u%s", (int)(mark - name), name,
	    number, mark + 2);
	return put_text(buf, at, text);
}

static size_t
put_request(uint8_t *buf, const struct options *opt, uint32_t number)
{
	size_t at = 2;

	buf[0] = 0;
	buf[1] = opt->is_write ? OP_WRQ : OP_RRQ;
	at = put_name(buf, at, opt->name, number);
	at = put_text(buf, at, "octet");
	if (opt->blksize != 0)
		at = put_option(buf, at, "blksize", opt->blksize);
	if (opt->timeout_s != 0)
		at = put_option(buf, at, "timeout", opt->timeout_s);
	if (opt->has_tsize)
		at = put_option(buf, at, "tsize",
		    opt->is_write ? opt->size : 0);
	if (opt->windowsize != 0)
		at = put_option(buf, at, "windowsize", opt->windowsize);
	return at;
}

/* ---- what is sent ----------------------------------------------------- */

static void
set_timer(struct load *ld, struct client *c)
{
	uint32_t ms = c->state == ASKED ? ld->opt->ask_again_ms :
	    c->timeout_ms;
	uint32_t doubled = c->state == ASKED ? 0 : c->backoff;

	c->timer_us = ld->now_us + ((uint64_t)ms << doubled) * 1000;
}

static void
ask(struct load *ld, struct client *c)
{
	uint8_t buf[NAME_MAX_LEN + 256];

	c->asked++;
	ld->counts.requests++;
	if (c->asked == 2)
		ld->counts.asked_twice++;
	wire_send(ld, c, buf, put_request(buf, ld->opt, c->number));
}

static void
send_ack(struct load *ld, struct client *c)
{
	uint64_t block = c->next - 1;
	uint8_t pkt[4] = { 0, OP_ACK, (uint8_t)(block >> 8), (uint8_t)block };
	uint32_t i;

	for (i = 0; i < ld->opt->dup_out; i++)
		wire_send(ld, c, pkt, sizeof(pkt));
	c->fresh = 0;
}

static void
send_window(struct load *ld, struct client *c)
{
	uint64_t left = c->last - c->next + 1;

	wire_send_blocks(ld, c, c->next,
	    left < c->windowsize ? (uint32_t)left : c->windowsize);
}

static void
say_again(struct load *ld, struct client *c)
{
	if (c->state == ASKED)
		ask(ld, c);
	else if (ld->opt->is_write)
		send_window(ld, c);
	else
		send_ack(ld, c);
}

void
client_on_timer(struct load *ld, struct client *c)
{
	if (ld->now_us - c->heard_us >= ld->opt->give_up_s * 1000000ULL) {
		load_finish(ld, c, c->state == ASKED ? "no answer" :
		    "silence");
		return;
	}
	if (ld->now_us < c->timer_us)
		return;
	if (c->backoff < BACKOFF_MAX)
		c->backoff++;
	say_again(ld, c);
	set_timer(ld, c);
}

void
client_start(struct load *ld, struct client *c, uint32_t number)
{
	uint32_t slot = c->slot;

	memset(c, 0, sizeof(*c));
	c->slot = slot;
	c->number = number;
	c->state = ASKED;
	c->chance = (ld->opt->seed + 1) * 0x9e3779b97f4a7c15ULL ^
	    (number + 1) * 0xbf58476d1ce4e5b9ULL;
	c->blksize = 512;
	c->windowsize = 1;
	c->timeout_ms = DEFAULT_MS;
	c->next = 1;
	c->last = NEVER;
	c->hash = CONTENT_HASH_START;
	if (wire_open(ld, c) == -1) {
		load_finish(ld, c, "no socket");
		return;
	}
	c->begin_us = c->heard_us = ld->now_us = load_clock_us();
	ask(ld, c);
	set_timer(ld, c);
}

/* ---- the first answer ------------------------------------------------- */

static void
grant(struct client *c, const char *name, const char *value)
{
	unsigned long long n = strtoull(value, NULL, 10);

	if (strcasecmp(name, "blksize") == 0)
		c->blksize = (uint32_t)n;
	else if (strcasecmp(name, "windowsize") == 0)
		c->windowsize = (uint32_t)n;
	else if (strcasecmp(name, "timeout") == 0)
		c->timeout_ms = (uint32_t)n * 1000;
	else if (strcasecmp(name, "tsize") == 0) {
		c->has_tsize = true;
		c->tsize = n;
	}
}

/* More than was asked for would not fit our buffers. */
static bool
take_oack(const struct options *opt, struct client *c, const uint8_t *pkt,
    size_t len)
{
	const char *at = (const char *)pkt + 2, *end, *value;

	end = (const char *)pkt + len;
	if (len < 3 || end[-1] != '\0')
		return false;
	while (at < end) {
		value = at + strlen(at) + 1;
		if (value >= end)
			return false;
		grant(c, at, value);
		at = value + strlen(value) + 1;
	}
	return c->blksize >= 8 && c->blksize <= (opt->blksize > 512 ?
	    opt->blksize : 512) && c->windowsize >= 1 &&
	    c->windowsize <= (opt->windowsize > 1 ? opt->windowsize : 1) &&
	    c->timeout_ms >= 1000;
}

static void
go(struct load *ld, struct client *c, const union address *from)
{
	c->state = RUNNING;
	c->backoff = 0;
	c->first_us = ld->now_us;
	wire_connect(c, from);
	if (ld->opt->is_write)
		c->last = ld->opt->size / c->blksize + 1;
}

static bool
is_answer(const struct options *opt, unsigned op, unsigned block)
{
	if (op == OP_OACK)
		return true;
	return opt->is_write ? op == OP_ACK && block == 0 :
	    op == OP_DATA && block == 1;
}

/* ---- packets ---------------------------------------------------------- */

static void
finish_read(struct load *ld, struct client *c)
{
	const struct options *opt = ld->opt;

	if ((opt->has_size && c->bytes != opt->size) ||
	    (c->has_tsize && c->tsize != c->bytes))
		c->is_wrong = true;
	load_finish(ld, c, NULL);
}

static void
keep(struct load *ld, struct client *c, const uint8_t *data, size_t len)
{
	if (ld->opt->verify &&
	    !content_matches(&ld->opt->content, c->bytes, data, len))
		c->is_wrong = true;
	if (ld->opt->hash)
		c->hash = content_hash(c->hash, data, len);
	c->bytes += len;
	c->next++;
	c->fresh++;
	c->gap_told = false;
}

/*
 * A block that came before: when it is the last that we have, our ACK was
 * lost.  One ahead of its turn: what is missing is told once.
 */
static void
on_stray_data(struct load *ld, struct client *c, int distance)
{
	if (distance < 0)
		ld->counts.duplicates++;
	if (distance == -1 || (distance > 0 && !c->gap_told)) {
		c->gap_told = distance > 0;
		send_ack(ld, c);
		set_timer(ld, c);
	}
}

static void
on_data(struct load *ld, struct client *c, unsigned block,
    const uint8_t *data, size_t len)
{
	int distance = (int16_t)(uint16_t)(block - (unsigned)c->next);

	if (len > c->blksize) {
		load_finish(ld, c, "block too long");
		return;
	}
	if (distance != 0) {
		on_stray_data(ld, c, distance);
		return;
	}
	keep(ld, c, data, len);
	c->backoff = 0;
	if (c->fresh == c->windowsize || len < c->blksize)
		send_ack(ld, c);
	if (len < c->blksize)
		finish_read(ld, c);
	else
		set_timer(ld, c);
}

/*
 * An ACK of what was known is a gap's, and answered once; never at
 * windowsize 1, where it is a duplicate (the Sorcerer's Apprentice).
 */
static void
on_ack(struct load *ld, struct client *c, unsigned block)
{
	int distance = (int16_t)(uint16_t)(block - (unsigned)(c->next - 1));

	if (distance < 0 || distance > (int)c->windowsize ||
	    (distance == 0 && (c->gap_told || c->windowsize == 1)))
		return;
	c->gap_told = distance == 0;
	c->next += (uint64_t)distance;
	if (distance > 0)
		c->backoff = 0;
	if (c->next > c->last) {
		c->bytes = ld->opt->size;
		load_finish(ld, c, NULL);
		return;
	}
	send_window(ld, c);
	set_timer(ld, c);
}

/* The OACK, first or again: our answer to it starts the blocks. */
static void
on_oack(struct load *ld, struct client *c)
{
	if (c->next != 1 || c->fresh != 0)
		return;
	if (!ld->opt->is_write)
		send_ack(ld, c);
	else if (c->backoff == 0)
		send_window(ld, c);
	set_timer(ld, c);
}

static void
on_error(struct load *ld, struct client *c, const uint8_t *pkt, size_t len)
{
	char why[96];

	snprintf(why, sizeof(why), "error %u: %.*s",
	    (unsigned)(pkt[2] << 8 | pkt[3]),
	    len > 4 ? (int)strnlen((const char *)pkt + 4, len - 4) : 0,
	    (const char *)pkt + 4);
	load_finish(ld, c, why);
}

static void
on_running(struct load *ld, struct client *c, unsigned op,
    const uint8_t *pkt, size_t len)
{
	unsigned block = (unsigned)(pkt[2] << 8 | pkt[3]);

	if (op == OP_DATA && !ld->opt->is_write)
		on_data(ld, c, block, pkt + 4, len - 4);
	else if (op == OP_ACK && ld->opt->is_write)
		on_ack(ld, c, block);
	else if (op == OP_OACK)
		on_oack(ld, c);
}

void
client_on_packet(struct load *ld, struct client *c, const uint8_t *pkt,
    size_t len, const union address *from)
{
	unsigned op;

	if (len < 4)
		return;
	op = (unsigned)(pkt[0] << 8 | pkt[1]);
	c->heard_us = ld->now_us;
	if (op == OP_ERROR) {
		on_error(ld, c, pkt, len);
		return;
	}
	if (c->state == ASKED) {
		if (!is_answer(ld->opt, op, (unsigned)(pkt[2] << 8 | pkt[3])))
			return;
		if (op == OP_OACK && !take_oack(ld->opt, c, pkt, len)) {
			load_finish(ld, c, "bad OACK");
			return;
		}
		go(ld, c, from);
		/* ACK 0 is the ACK before block 1: windowsize 1 or not */
		if (op == OP_ACK) {
			send_window(ld, c);
			set_timer(ld, c);
			return;
		}
	}
	on_running(ld, c, op, pkt, len);
}
