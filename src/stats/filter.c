#include <arpa/inet.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "stats/filter.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

void
filter_clear(struct filter *f)
{
	*f = (struct filter){ .until_us = UINT64_MAX };
}

/* An address without prefix or zone; len says where it ends in text. */
static bool
parse_address(const char *text, size_t len, struct filter_network *net)
{
	char copy[INET6_ADDRSTRLEN];

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, net->address + 12) == 1)
		memcpy(net->address, mapped, sizeof(mapped));
	else if (inet_pton(AF_INET6, copy, net->address) != 1)
		return false;
	net->is_ipv4 = memcmp(net->address, mapped, sizeof(mapped)) == 0;
	net->bits = 128;
	return true;
}

/* One to three digits, no more than most. */
static bool
parse_bits(const char *text, unsigned most, unsigned *bits)
{
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len > 3 || text[len] != '\0' ||
	    (len > 1 && *text == '0'))
		return false;
	*bits = (unsigned)strtoul(text, NULL, 10);
	return *bits <= most;
}

bool
filter_network_parse(const char *text, struct filter_network *net)
{
	const char *slash = strchr(text, '/');
	bool is_dotted;

	if (!parse_address(text, strcspn(text, "/%"), net))
		return false;
	if (slash == NULL)
		return true;
	is_dotted = strchr(text, ':') == NULL;
	if (!parse_bits(slash + 1, is_dotted ? 32 : 128, &net->bits))
		return false;
	if (is_dotted)
		net->bits += 96;
	if (net->bits < 96)
		net->is_ipv4 = false;
	return true;
}

bool
filter_network_has(const struct filter_network *net, const char *text)
{
	struct filter_network one;
	unsigned whole = net->bits / 8, rest = net->bits % 8;

	if (!parse_address(text, strcspn(text, "%"), &one) ||
	    one.is_ipv4 != net->is_ipv4 ||
	    memcmp(one.address, net->address, whole) != 0)
		return false;
	return rest == 0 ||
	    (one.address[whole] ^ net->address[whole]) >> (8 - rest) == 0;
}

/* The outcomes that the name stands for, alone or as a class; 0: none. */
static uint32_t
outcomes_of(const char *name, size_t len)
{
	const char *of_class;
	uint32_t outcomes = 0;
	int i;

	for (i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++) {
		of_class = outcome_class_name(outcome_class((enum outcome)i));
		if (strlen(of_class) == len && memcmp(of_class, name, len) == 0)
			outcomes |= UINT32_C(1) << i;
	}
	i = (int)outcome_from_name(name, len);
	return i != OUTCOME_NONE ? UINT32_C(1) << i : outcomes;
}

bool
filter_outcomes_parse(const char *text, uint32_t *outcomes)
{
	uint32_t found, all = 0;
	size_t len;

	for (;; text += len + 1) {
		len = strcspn(text, ",");
		found = outcomes_of(text, len);
		if (found == 0)
			return false;
		all |= found;
		if (text[len] == '\0')
			break;
	}
	*outcomes = all;
	return true;
}

bool
filter_has_time(const struct filter *f, uint64_t ts_us)
{
	return ts_us >= f->since_us && ts_us < f->until_us;
}

bool
filter_is_about_transfers(const struct filter *f)
{
	return f->has_client || f->glob != NULL ||
	    f->op != TRANSLOG_NO_OP || f->outcomes != 0;
}

static bool
has_name(const char *glob, const struct translog_bytes *file)
{
	char name[TRANSLOG_LINE_MAX + 1];

	if (file->buf == NULL || file->len >= sizeof(name) ||
	    memchr(file->buf, '\0', file->len) != NULL)
		return false;
	memcpy(name, file->buf, file->len);
	name[file->len] = '\0';
	return fnmatch(glob, name, 0) == 0;
}

/* All but the time and the outcome. */
static bool
takes_request(const struct filter *f, const struct translog_record *rec)
{
	if (f->op != TRANSLOG_NO_OP && rec->op != f->op)
		return false;
	if (f->has_client && !filter_network_has(&f->client, rec->client))
		return false;
	return f->glob == NULL || has_name(f->glob, &rec->file);
}

bool
filter_takes_open(const struct filter *f, const struct translog_record *rec)
{
	return f->outcomes == 0 && filter_has_time(f, rec->ts_us) &&
	    takes_request(f, rec);
}

bool
filter_takes_end(const struct filter *f, const struct translog_record *rec)
{
	return filter_has_time(f, rec->ts_us) &&
	    (f->outcomes == 0 || f->outcomes >> rec->outcome & 1) &&
	    takes_request(f, rec);
}
