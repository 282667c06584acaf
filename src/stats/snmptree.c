#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stats/snmptree.h"

/* ---- filling --------------------------------------------------------- */

static struct snmptree_value *
append(struct snmptree *t)
{
	size_t room = t->room == 0 ? 64 : t->room * 2;

	if (t->count == t->room) {
		t->values = reallocarray(t->values, room, sizeof(*t->values));
		if (t->values == NULL)
			err(1, NULL);
		t->room = room;
	}
	return &t->values[t->count++];
}

void
snmptree_add(struct snmptree *t, const struct snmpoid *root,
    const uint32_t *below, size_t len, enum snmptree_type type,
    uint64_t number)
{
	struct snmptree_value *v = append(t);

	*v = (struct snmptree_value){ .root = root, .len = len,
		.type = type, .number = number };
	memcpy(v->below, below, len * sizeof(*below));
}

void
snmptree_add_text(struct snmptree *t, const struct snmpoid *root,
    const uint32_t *below, size_t len, const char *text)
{
	snmptree_add(t, root, below, len, SNMPTREE_TEXT, 0);
	t->values[t->count - 1].text = text;
}

static int
by_place(const void *a, const void *b)
{
	const struct snmptree_value *va = a, *vb = b;
	int order = 0;

	if (va->root != vb->root)
		order = snmpoid_compare(va->root->sub, va->root->len,
		    vb->root->sub, vb->root->len);
	return order != 0 ? order :
	    snmpoid_compare(va->below, va->len, vb->below, vb->len);
}

void
snmptree_sort(struct snmptree *t)
{
	if (t->count > 1)
		qsort(t->values, t->count, sizeof(*t->values), by_place);
}

void
snmptree_clear(struct snmptree *t)
{
	t->count = 0;
}

void
snmptree_free(struct snmptree *t)
{
	free(t->values);
	*t = (struct snmptree){ .values = NULL };
}

/* ---- asking ---------------------------------------------------------- */

/* Where v stands, seen from oid: before it, at it, behind it. */
static int
seen_from(const struct snmptree_value *v, const struct snmpoid *oid)
{
	const struct snmpoid *root = v->root;

	if (!snmpoid_is_below(oid, root))
		return snmpoid_compare(root->sub, root->len, oid->sub,
		    oid->len);
	return snmpoid_compare(v->below, v->len, oid->sub + root->len,
	    oid->len - root->len);
}

/* The first one that does not stand before oid; count when all do. */
static size_t
find(const struct snmptree *t, const struct snmpoid *oid)
{
	size_t low = 0, high = t->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (seen_from(&t->values[middle], oid) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct snmptree_value *
snmptree_get(const struct snmptree *t, const struct snmpoid *oid)
{
	size_t at = find(t, oid);

	if (at == t->count || seen_from(&t->values[at], oid) != 0)
		return NULL;
	return &t->values[at];
}

const struct snmptree_value *
snmptree_next(const struct snmptree *t, const struct snmpoid *oid)
{
	size_t at = find(t, oid);

	if (at != t->count && seen_from(&t->values[at], oid) == 0)
		at++;
	if (at == t->count)
		return NULL;
	if (at != 0 && t->values[at - 1].root != t->values[at].root &&
	    snmpoid_is_below(oid, t->values[at - 1].root))
		return NULL;
	return &t->values[at];
}

/* ---- printing -------------------------------------------------------- */

static const char *const type_names[] = {
	[SNMPTREE_INTEGER] = "integer", [SNMPTREE_GAUGE] = "gauge",
	[SNMPTREE_COUNTER] = "counter", [SNMPTREE_COUNTER64] = "counter64",
	[SNMPTREE_TICKS] = "timeticks", [SNMPTREE_TIME] = "octet",
	[SNMPTREE_TEXT] = "string",
};

/* SNMPv2-TC's DateAndTime in hexadecimal, UTC. */
static void
print_time(uint64_t ts_us, FILE *out)
{
	time_t seconds = (time_t)(ts_us / 1000000);
	struct tm tm = { .tm_year = 70 };
	unsigned year;

	(void)gmtime_r(&seconds, &tm);
	year = (unsigned)tm.tm_year + 1900;
	fprintf(out, "%02X %02X %02X %02X %02X %02X %02X %02X 2B 00 00\n",
	    (year >> 8) & 0xff, year & 0xff, (unsigned)tm.tm_mon + 1,
	    (unsigned)tm.tm_mday, (unsigned)tm.tm_hour, (unsigned)tm.tm_min,
	    (unsigned)tm.tm_sec, (unsigned)(ts_us / 100000 % 10));
}

/* Up to max bytes, whole characters; a line can hold no control bytes. */
static void
print_text(const char *text, FILE *out)
{
	size_t len = strlen(text), i;

	if (len > SNMPTREE_TEXT_MAX) {
		len = SNMPTREE_TEXT_MAX;
		while (len != 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	for (i = 0; i < len; i++)
		fputc((unsigned char)text[i] < 0x20 || text[i] == 0x7f ?
		    '?' : text[i], out);
	fputc('\n', out);
}

static uint64_t
as_told(const struct snmptree_value *v)
{
	switch (v->type) {
	case SNMPTREE_INTEGER:
		return v->number > INT32_MAX ? INT32_MAX : v->number;
	case SNMPTREE_GAUGE:
		return v->number > UINT32_MAX ? UINT32_MAX : v->number;
	case SNMPTREE_COUNTER:
	case SNMPTREE_TICKS:
		return v->number & UINT32_MAX;
	default:
		return v->number;
	}
}

void
snmptree_print(const struct snmptree_value *v, FILE *out)
{
	char text[SNMPOID_TEXT_MAX];
	size_t i;

	fputs(snmpoid_text(v->root, text), out);
	for (i = 0; i < v->len; i++)
		fprintf(out, ".%" PRIu32, v->below[i]);
	fprintf(out, "\n%s\n", type_names[v->type]);
	if (v->type == SNMPTREE_TEXT)
		print_text(v->text, out);
	else if (v->type == SNMPTREE_TIME)
		print_time(v->number, out);
	else
		fprintf(out, "%" PRIu64 "\n", as_told(v));
}
