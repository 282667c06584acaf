#include "rollup_parts.h"

const uint64_t rollup_duration_us[ROLLUP_BUCKETS - 1] = {
	5000, 25000, 100000, 250000, 500000, 1000000, 2500000, 5000000,
	10000000, 30000000, 120000000
};

const uint64_t rollup_size_bytes[ROLLUP_BUCKETS - 1] = {
	512, 4096, 32768, 262144, 1048576, 4194304, 16777216, 67108864,
	268435456, 1073741824, 4294967296
};

const uint64_t rollup_reply_us[ROLLUP_BUCKETS - 1] = {
	250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 500000, 1000000,
	5000000
};

/* A forged log may claim any number, and a key may be absent. */
static void
add(uint64_t *sum, int64_t number)
{
	if (number > 0 && __builtin_add_overflow(*sum, (uint64_t)number, sum))
		*sum = UINT64_MAX;
}

static void
put_value(struct rollup_hist *h, const uint64_t *bounds, int64_t value)
{
	unsigned i;

	if (value < 0)
		return;
	for (i = 0; i < ROLLUP_BUCKETS - 1; i++)
		if ((uint64_t)value <= bounds[i])
			break;
	h->buckets[i]++;
	add(&h->sum, value);
}

void
rollup_count_end(struct rollup_counters *k, const struct translog_record *rec,
    uint64_t now_us)
{
	enum outcome_class class = outcome_class(rec->outcome);
	const int64_t *n = rec->numbers;
	enum translog_op op = rec->op;
	uint64_t ts_us = rec->ts_us < now_us ? rec->ts_us : now_us;

	k->outcomes[op][rec->outcome]++;
	add(&k->bytes[op], n[TRANSLOG_BYTES]);
	add(&k->packets_sent[op], n[TRANSLOG_PACKETS_SENT]);
	add(&k->packets_received[op], n[TRANSLOG_PACKETS_RECEIVED]);
	add(&k->retransmits[op], n[TRANSLOG_RETRANSMITS]);
	add(&k->timeouts[op], n[TRANSLOG_TIMEOUTS]);
	add(&k->duplicates[op], n[TRANSLOG_DUPLICATES]);
	put_value(&k->first_reply[op], rollup_reply_us,
	    n[TRANSLOG_FIRST_REPLY_US]);
	if (class == OUTCOME_CLASS_SUCCESS) {
		put_value(&k->duration[op], rollup_duration_us,
		    n[TRANSLOG_DURATION_US]);
		put_value(&k->size[op], rollup_size_bytes,
		    n[TRANSLOG_BYTES]);
	}
	if (ts_us > k->last_us[class])
		k->last_us[class] = ts_us;
}

void
rollup_count_notice(struct rollup_counters *k,
    const struct translog_record *rec)
{
	add(&k->requests, rec->numbers[TRANSLOG_REQUESTS]);
	add(&k->repeats, rec->numbers[TRANSLOG_REPEATS]);
	add(&k->ignored, rec->numbers[TRANSLOG_IGNORED]);
	add(&k->dropped, rec->numbers[TRANSLOG_DROPPED]);
}
