/*
 * A transfer log as tftpd writes it, for bench-stats.py:
 *
 *	bench-stats-log RECORDS SECONDS END_S > log
 *
 * RECORDS lines, half of them starts and half of them ends, spread evenly
 * over the SECONDS before END_S (since 1970).  The same arguments make the
 * same log, byte by byte.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/translog.h"

#define CLIENTS		3000
#define RUNNING_MAX	64
#define SECOND_US	UINT64_C(1000000)

/* What a PXE client fetches; %u is the client's own. */
static const struct asked_file {
	const char *name;
	int64_t size;
	int64_t blksize, windowsize;
	const char *asked;
} asked_files[] = {
	{ "pxelinux.0", 42430, 1456, 1, "tsize=0 blksize=1456" },
	{ "ldlinux.c32", 122308, 1408, 1, "tsize=0 blksize=1408" },
	{ "pxelinux.cfg/01-52-54-00-%02x-%02x-%02x", 1180, 1408, 1,
	    "tsize=0 blksize=1408" },
	{ "boot/grub/x86_64-efi/core.efi", 2621440, 1468, 4,
	    "blksize=1468 windowsize=4" },
	{ "images/debian-13/vmlinuz", 12582912, 1428, 16,
	    "blksize=1428 windowsize=16 tsize=0" },
	{ "images/debian-13/initrd.gz", 41943040, 1428, 16,
	    "blksize=1428 windowsize=16 tsize=0" },
	{ "SEP%02x%02x%02x.cnf.xml", 8812, 512, 1, NULL },
	{ "firmware/ap-7.2.bin", 18874368, 1428, 8,
	    "tsize=0 blksize=1428 windowsize=8" },
};

#define FILE_COUNT	(sizeof(asked_files) / sizeof(asked_files[0]))

/* Each transfer ends some time; the outcome of 256 of them. */
static const struct {
	enum outcome outcome;
	unsigned share;
} shares[] = {
	{ OUTCOME_COMPLETE, 200 }, { OUTCOME_UNCONFIRMED, 6 },
	{ OUTCOME_PROBE, 30 }, { OUTCOME_TIMEOUT, 8 },
	{ OUTCOME_ABORTED, 6 }, { OUTCOME_NOANSWER, 4 },
	{ OUTCOME_VANISHED, 2 },
};

struct transfer {
	uint64_t end_us;
	char name[64], path[72];
	const struct asked_file *of;
	struct translog_record rec;
};

struct bench {
	uint64_t random;
	struct transfer running[RUNNING_MAX];
	size_t count;
};

static uint64_t
next_random(struct bench *b)
{
	uint64_t x = b->random += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Below most. */
static unsigned
draw(struct bench *b, unsigned most)
{
	return (unsigned)((next_random(b) >> 32) * most >> 32);
}

static void
put(const struct translog_record *rec)
{
	char line[TRANSLOG_LINE_MAX];

	fwrite(line, 1, translog_format(rec, line), stdout);
}

static struct translog_bytes
bytes_of(const char *text)
{
	return (struct translog_bytes){ (const uint8_t *)text,
	    text != NULL ? strlen(text) : 0 };
}

static void
name_file(struct transfer *t, unsigned client)
{
	snprintf(t->path, sizeof(t->path), "/%s", t->of->name);
	if (strchr(t->of->name, '%') != NULL) {
		snprintf(t->name, sizeof(t->name), "%s", t->of->name);
		snprintf(t->path, sizeof(t->path),
		    *t->name == 'S' ? "/SEP%02x%02x%02x.cnf.xml" :
		    "/pxelinux.cfg/01-52-54-00-%02x-%02x-%02x",
		    client >> 16 & 255, client >> 8 & 255, client & 255);
	}
	memcpy(t->name, t->path + 1, sizeof(t->name));
	t->rec.file = bytes_of(t->name);
	t->rec.path = bytes_of(t->path);
}

static void
begin(struct bench *b, uint64_t ts_us)
{
	struct transfer *t = &b->running[b->count++];
	unsigned client = draw(b, CLIENTS);
	struct translog_record *rec = &t->rec;

	translog_clear(rec);
	rec->ts_us = ts_us;
	rec->event = TRANSLOG_START;
	rec->op = TRANSLOG_READ;
	snprintf(rec->id, sizeof(rec->id), "%016" PRIx64, next_random(b));
	snprintf(rec->client, sizeof(rec->client), "10.%u.%u.%u",
	    20 + client / 65536, client / 256 % 256, client % 256);
	strcpy(rec->server, "10.20.0.1");
	strcpy(rec->mode, "octet");
	t->of = &asked_files[draw(b, FILE_COUNT)];
	name_file(t, client);
	rec->asked = bytes_of(t->of->asked);
	rec->numbers[TRANSLOG_CLIENT_PORT] = 1024 + draw(b, 64000);
	rec->numbers[TRANSLOG_SERVER_PORT] = 32768 + draw(b, 28000);
	rec->numbers[TRANSLOG_BLKSIZE] = t->of->blksize;
	rec->numbers[TRANSLOG_WINDOWSIZE] = t->of->windowsize;
	rec->numbers[TRANSLOG_SIZE] = t->of->size;
	rec->numbers[TRANSLOG_PID] = 1000 + draw(b, 60000);
	put(rec);
	t->end_us = ts_us + 1000 + (uint64_t)t->of->size / 50 +
	    draw(b, 200000);
}

static enum outcome
draw_outcome(struct bench *b)
{
	unsigned at = draw(b, 256), i = 0;

	while (at >= shares[i].share)
		at -= shares[i++].share;
	return shares[i].outcome;
}

static void
count(struct bench *b, struct transfer *t)
{
	int64_t *n = t->rec.numbers;
	int64_t bytes = t->of->size, blocks;

	if (t->rec.outcome == OUTCOME_PROBE ||
	    t->rec.outcome == OUTCOME_NOANSWER)
		bytes = 0;
	else if (outcome_class(t->rec.outcome) == OUTCOME_CLASS_FAILURE)
		bytes = bytes / 256 * draw(b, 255);
	blocks = bytes / t->of->blksize + (bytes != 0);
	n[TRANSLOG_BYTES] = bytes;
	n[TRANSLOG_BLOCKS] = blocks;
	n[TRANSLOG_FIRST_REPLY_US] = 150 + draw(b, 400);
	n[TRANSLOG_RTT_US] = 120 + draw(b, 900);
	n[TRANSLOG_RETRANSMITS] = draw(b, 16) == 0 ? draw(b, 30) : 0;
	n[TRANSLOG_TIMEOUTS] = n[TRANSLOG_RETRANSMITS] / 3;
	n[TRANSLOG_DUPLICATES] = draw(b, 32) == 0 ? draw(b, 4) : 0;
	n[TRANSLOG_PACKETS_SENT] = blocks + 1 + n[TRANSLOG_RETRANSMITS];
	n[TRANSLOG_PACKETS_RECEIVED] = blocks / t->of->windowsize + 1;
	n[TRANSLOG_CPU_US] = 600 + blocks * 3;
	n[TRANSLOG_RSS_KB] = 1048 + draw(b, 200);
}

static void
end(struct bench *b, size_t i)
{
	struct transfer *t = &b->running[i];

	t->rec.numbers[TRANSLOG_DURATION_US] =
	    (int64_t)(t->end_us - t->rec.ts_us);
	t->rec.ts_us = t->end_us;
	t->rec.event = TRANSLOG_TRANSFER;
	t->rec.outcome = draw_outcome(b);
	count(b, t);
	if (t->rec.outcome == OUTCOME_ABORTED) {
		t->rec.numbers[TRANSLOG_ERROR_CODE] = 0;
		strcpy(t->rec.error_by, "client");
		t->rec.message = bytes_of("TFTP Aborted");
	}
	put(&t->rec);
	b->count--;
	if (i == b->count)
		return;
	*t = b->running[b->count];
	t->rec.file = bytes_of(t->name);
	t->rec.path = bytes_of(t->path);
}

static size_t
first_to_end(const struct bench *b)
{
	size_t i, first = 0;

	for (i = 1; i < b->count; i++)
		if (b->running[i].end_us < b->running[first].end_us)
			first = i;
	return first;
}

int
main(int argc, char **argv)
{
	static struct bench b;
	uint64_t transfers, seconds, end_us, i, ts_us;

	if (argc != 4) {
		fputs("usage: bench-stats-log RECORDS SECONDS END_S\n",
		    stderr);
		return 2;
	}
	transfers = strtoull(argv[1], NULL, 10) / 2;
	seconds = strtoull(argv[2], NULL, 10);
	end_us = strtoull(argv[3], NULL, 10) * SECOND_US;
	for (i = 0; i < transfers; i++) {
		ts_us = end_us - seconds * SECOND_US +
		    (uint64_t)((double)i / (double)transfers *
		    (double)seconds * (double)SECOND_US);
		while (b.count != 0 && (b.count == RUNNING_MAX ||
		    b.running[first_to_end(&b)].end_us <= ts_us))
			end(&b, first_to_end(&b));
		begin(&b, ts_us);
	}
	while (b.count != 0)
		end(&b, first_to_end(&b));
	return fflush(stdout) != 0;
}
