#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

int
result_init(struct counts *n, uint32_t total)
{
	memset(n, 0, sizeof(*n));
	n->first_us = calloc(total, sizeof(*n->first_us));
	n->whole_us = calloc(total, sizeof(*n->whole_us));
	return n->first_us == NULL || n->whole_us == NULL ? -1 : 0;
}

void
result_free(struct counts *n)
{
	free(n->first_us);
	free(n->whole_us);
}

/* The last place takes all that come after it. */
void
result_reason(struct counts *n, const char *why)
{
	size_t i;

	for (i = 0; i < REASONS_MAX - 1; i++)
		if (n->reasons[i].count == 0 ||
		    strcmp(n->reasons[i].text, why) == 0)
			break;
	if (n->reasons[i].count++ == 0)
		snprintf(n->reasons[i].text, sizeof(n->reasons[i].text), "%s",
		    i == REASONS_MAX - 1 ? "other" : why);
}

/* ---- printing --------------------------------------------------------- */

static void
print_number(const char *name, uint64_t value)
{
	printf("\"%s\":%llu,", name, (unsigned long long)value);
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t
quantile(const uint32_t *sorted, uint32_t count, double q)
{
	uint32_t at = (uint32_t)(q * count);

	return count == 0 ? 0 : sorted[at < count ? at : count - 1];
}

static void
print_quantiles(const char *name, uint32_t *us, uint32_t count)
{
	qsort(us, count, sizeof(*us), by_size);
	printf("\"%s\":{\"p50\":%u,\"p90\":%u,\"p99\":%u,\"max\":%u},", name,
	    quantile(us, count, 0.5), quantile(us, count, 0.9),
	    quantile(us, count, 0.99), quantile(us, count, 1));
}

/* What a server said is not JSON: only plain characters pass. */
static void
print_text(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++)
		putchar(*text < ' ' || *text > '~' || *text == '"' ||
		    *text == '\\' ? '?' : *text);
	putchar('"');
}

static void
print_reasons(const struct counts *n)
{
	size_t i;

	printf("\"errors\":{");
	for (i = 0; i < REASONS_MAX && n->reasons[i].count != 0; i++) {
		if (i != 0)
			putchar(',');
		print_text(n->reasons[i].text);
		printf(":%u", n->reasons[i].count);
	}
	printf("}");
}

void
result_print(const struct load *ld, uint64_t took_us, uint64_t cpu_us)
{
	const struct counts *n = &ld->counts;
	double seconds = (double)took_us / 1e6;

	printf("{");
	print_number("ok", n->ok);
	print_number("failed", n->failed);
	print_number("verify_errors", n->wrong);
	print_number("asked_twice", n->asked_twice);
	print_number("requests", n->requests);
	printf("\"seconds\":%.6f,", seconds);
	print_number("bytes", n->bytes);
	printf("\"mb_per_s\":%.3f,", (double)n->bytes / 1e6 /
	    (seconds > 0 ? seconds : 1));
	print_number("packets_in", n->packets_in);
	print_number("packets_out", n->packets_out);
	print_number("data_duplicates", n->duplicates);
	print_number("strangers", n->strangers);
	print_number("lost_in", n->lost_in);
	print_number("lost_out", n->lost_out);
	print_quantiles("first_reply_us", n->first_us, n->first_count);
	print_quantiles("transfer_us", n->whole_us, n->whole_count);
	print_number("client_cpu_us", cpu_us);
	if (ld->opt->hash)
		printf("\"hash\":\"%016llx\",", (unsigned long long)n->hash);
	print_reasons(n);
	printf("}\n");
}
