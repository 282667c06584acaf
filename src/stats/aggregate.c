#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "stats/aggregate.h"

struct aggregate *
aggregate_new(void)
{
	struct aggregate *a = calloc(1, sizeof(*a));

	if (a == NULL)
		err(1, NULL);
	tally_init(&a->files, TALLY_MAX);
	tally_init(&a->clients, TALLY_MAX);
	return a;
}

void
aggregate_free(struct aggregate *a)
{
	tally_free(&a->files);
	tally_free(&a->clients);
	free(a);
}

/* A forged log may claim any number: stay at the top, don't wrap. */
static void
add(uint64_t *sum, uint64_t value)
{
	*sum = value > UINT64_MAX - *sum ? UINT64_MAX : *sum + value;
}

static uint64_t
number_of(const struct translog_record *rec, enum translog_number number)
{
	int64_t value = rec->numbers[number];

	return value < 0 ? 0 : (uint64_t)value;
}

static void
count(struct tally_counts *counts, const struct translog_record *rec)
{
	counts->requests++;
	counts->classes[outcome_class(rec->outcome)]++;
	add(&counts->bytes, number_of(rec, TRANSLOG_BYTES));
}

void
aggregate_add(struct aggregate *a, const struct translog_record *rec)
{
	enum outcome_class of_class = outcome_class(rec->outcome);
	uint64_t retransmits = number_of(rec, TRANSLOG_RETRANSMITS);

	a->requests++;
	a->outcomes[rec->outcome]++;
	a->classes[of_class]++;
	add(rec->op == TRANSLOG_WRITE ? &a->bytes_received : &a->bytes_sent,
	    number_of(rec, TRANSLOG_BYTES));
	add(&a->retransmits, retransmits);
	a->retransmitted += retransmits != 0;
	if (of_class == OUTCOME_CLASS_SUCCESS &&
	    rec->numbers[TRANSLOG_DURATION_US] >= 0)
		hist_add(&a->duration_us,
		    number_of(rec, TRANSLOG_DURATION_US));
	if (rec->file.buf != NULL)
		count(tally_of(&a->files, rec->file.buf, rec->file.len), rec);
	if (rec->client[0] != '\0')
		count(tally_of(&a->clients, (const uint8_t *)rec->client,
		    strlen(rec->client)), rec);
}
