#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "stats/bootlog.h"
#include "stats/ledger.h"
#include "stats/sum.h"

#define NAMES_MAX	((size_t)1 << 16)
#define CLIENTS_MAX	((size_t)1 << 17)
#define FIRST_ROOM	4
#define OTHERS_MIN	3
#define OTHERS_PERCENT	80

/* What boots did after they had fetched it. */
struct bootlog_file {
	uint64_t boots, went_on;
	/* where to: the majority's, as long as votes are left */
	const struct bootlog_file *next;
	uint64_t votes;
};

struct bootlog_client {
	struct bootlog_boot *now;
	struct bootlog_boot *before;	/* ends may still come for it */
};

void
bootlog_init(struct bootlog *b)
{
	*b = (struct bootlog){ 0 };
	keyed_init(&b->clients, sizeof(struct bootlog_client), CLIENTS_MAX);
	keyed_init(&b->files, sizeof(struct bootlog_file), NAMES_MAX);
}

static bool
is_success(const struct bootlog_step *step)
{
	return step->kind == BOOTLOG_FETCH &&
	    outcome_class(step->outcome) == OUTCOME_CLASS_SUCCESS;
}

static void
free_boot(struct bootlog_boot *boot)
{
	free(boot->steps);
	free(boot);
}

static void
forget_oldest(struct bootlog *b)
{
	struct bootlog_boot *boot = b->first;

	b->first = boot->next;
	if (b->first == NULL)
		b->newest = NULL;
	if (boot->client->now == boot)
		boot->client->now = NULL;
	if (boot->client->before == boot)
		boot->client->before = NULL;
	b->boots--;
	b->steps -= boot->count;
	b->boots_cut++;
	free_boot(boot);
}

static struct bootlog_boot *
new_boot(struct bootlog *b, struct bootlog_client *client,
    const struct bootlog_file *file, uint64_t begin_us)
{
	struct bootlog_boot *boot = calloc(1, sizeof(*boot));

	if (boot == NULL)
		err(1, NULL);
	while (b->boots >= BOOTLOG_BOOTS || b->steps >= BOOTLOG_STEPS)
		forget_oldest(b);
	boot->client = client;
	boot->begin_us = boot->end_us = begin_us;
	boot->first = file;
	if (b->newest == NULL)
		b->first = boot;
	else
		b->newest->next = boot;
	b->newest = boot;
	b->boots++;
	client->before = client->now;
	client->now = boot;
	return boot;
}

/* Whether a request for the file at that time begins a boot. */
static bool
begins_boot(const struct bootlog_boot *boot, const struct bootlog_file *file,
    uint64_t begin_us)
{
	if (begin_us < boot->end_us)
		return false;
	return begin_us - boot->end_us > BOOTLOG_GAP_US ||
	    (boot->is_further && file != NULL && file == boot->first);
}

/*
 * Starts are written some time after the request came, so the end of one
 * that began the boot tells of a begin before it.
 */
static bool
is_first_of(const struct bootlog_boot *boot, uint64_t id)
{
	uint32_t i;

	for (i = 0; i < boot->first_count; i++)
		if (boot->first_ids[i] == id)
			return true;
	return false;
}

/* The boot that the request belongs to, or NULL without room. */
static struct bootlog_boot *
boot_of(struct bootlog *b, const struct translog_record *rec,
    const struct bootlog_file *file, uint64_t begin_us)
{
	struct bootlog_client *client = keyed_of(&b->clients, rec->client,
	    strlen(rec->client));

	if (client == NULL)
		return NULL;
	if (client->now == NULL)
		return new_boot(b, client, file, begin_us);
	/*
	 * Who is reset in the middle of a file begins anew before the server
	 * gives that file up.
	 */
	if (client->before != NULL && begin_us < client->now->begin_us &&
	    !is_first_of(client->now, ledger_id(rec->id)))
		return client->before;
	if (begins_boot(client->now, file, begin_us))
		return new_boot(b, client, file, begin_us);
	return client->now;
}

/* Whether the record is of a boot at all; *file is NULL without room. */
static bool
file_of(struct bootlog *b, const struct translog_record *rec,
    struct bootlog_file **file)
{
	if (rec->op == TRANSLOG_WRITE || rec->client[0] == '\0' ||
	    rec->file.buf == NULL)
		return false;
	*file = keyed_of(&b->files, rec->file.buf, rec->file.len);
	return true;
}

void
bootlog_start(struct bootlog *b, const struct translog_record *rec)
{
	struct bootlog_boot *boot;
	struct bootlog_file *file;

	if (!file_of(b, rec, &file))
		return;
	boot = boot_of(b, rec, file, rec->ts_us);
	if (boot == NULL)
		return;
	if (file != boot->first)
		boot->is_further = true;
	if (boot->first_count < BOOTLOG_FIRST_IDS)
		boot->first_ids[boot->first_count++] = ledger_id(rec->id);
	boot->has_open = true;
	boot->open_id = ledger_id(rec->id);
	boot->open_us = rec->ts_us;
	boot->open_file = file;
}

static struct bootlog_step
step_of(const struct translog_record *rec, struct bootlog_file *file)
{
	uint64_t duration = sum_number(rec, TRANSLOG_DURATION_US);
	struct bootlog_step step = {
		.kind = rec->outcome == OUTCOME_PROBE ? BOOTLOG_PROBE :
		    rec->outcome == OUTCOME_NOTFOUND ? BOOTLOG_WALK :
		    BOOTLOG_FETCH,
		.outcome = rec->outcome, .file = file, .last = file,
		.requests = 1,
		.begin_us = duration > rec->ts_us ? 0 : rec->ts_us - duration,
		.end_us = rec->ts_us,
		.took_us = duration,
		.bytes = sum_number(rec, TRANSLOG_BYTES),
		.size = sum_number(rec, TRANSLOG_SIZE)
	};

	step.last_us = step.begin_us;
	step.names = step.kind == BOOTLOG_WALK;
	step.probes = step.kind == BOOTLOG_PROBE;
	return step;
}

/*
 * A request that was sent twice runs twice, and the client takes the answer
 * that comes first: the other one's end says nothing about the file.
 */
static bool
is_copy(const struct bootlog_step *copy, const struct bootlog_step *success)
{
	return (copy->outcome == OUTCOME_NOANSWER ||
	    copy->outcome == OUTCOME_VANISHED ||
	    copy->outcome == OUTCOME_ABORTED) && is_success(success) &&
	    copy->file != NULL && copy->file == success->file &&
	    copy->begin_us <= success->end_us &&
	    copy->end_us >= success->begin_us;
}

/* The copy ends after what it is one of ... */
static bool
fold_copy(struct bootlog_boot *boot, const struct bootlog_step *step)
{
	uint32_t i;

	for (i = boot->count; i-- > 0; )
		if (is_copy(step, &boot->steps[i])) {
			boot->steps[i].requests++;
			return true;
		}
	return false;
}

/* ... or before it. */
static void
take_copies(struct bootlog *b, struct bootlog_boot *boot,
    struct bootlog_step *step)
{
	uint32_t i;

	for (i = boot->count; i-- > 0; ) {
		if (!is_copy(&boot->steps[i], step))
			continue;
		step->requests += boot->steps[i].requests;
		boot->count--;
		b->steps--;
		memmove(boot->steps + i, boot->steps + i + 1,
		    (boot->count - i) * sizeof(*boot->steps));
	}
}

/* Whether it began before a try that was written earlier. */
static bool
is_older(const struct bootlog_step *to, const struct bootlog_step *step)
{
	return step->begin_us < to->last_us;
}

/* Of an older try counts what was not got otherwise. */
static void
take_try(struct bootlog_step *to, const struct bootlog_step *step)
{
	if (is_older(to, step) &&
	    (is_success(to) || step->kind == BOOTLOG_PROBE)) {
		if (step->kind == BOOTLOG_FETCH)
			to->before = step->outcome;
		return;
	}
	if (step->before != OUTCOME_NONE)
		to->before = step->before;
	else if (to->kind == BOOTLOG_FETCH)
		to->before = to->outcome;
	to->kind = step->kind;
	to->outcome = step->outcome;
	to->bytes = step->bytes;
	to->size = step->size;
	to->took_us = step->took_us;
}

static void
take_names(struct bootlog_step *to, const struct bootlog_step *step)
{
	bool is_again = step->file != NULL && step->file == to->last;

	to->names += step->names - is_again;
	if (!is_older(to, step))
		to->last = step->last;
	to->took_us = to->end_us > to->begin_us ?
	    to->end_us - to->begin_us : 0;
}

/*
 * Names that are not found make one walk; a file that is tried again stays
 * one step, but a failure or a probe after it was fetched is news.
 */
static bool
can_fold(const struct bootlog_step *to, const struct bootlog_step *step)
{
	if (to->kind == BOOTLOG_WALK || step->kind == BOOTLOG_WALK)
		return to->kind == step->kind;
	if (to->file != step->file || step->file == NULL)
		return false;
	if (is_older(to, step))
		return true;
	if (is_success(to))
		return is_success(step);
	return to->kind == BOOTLOG_PROBE || step->kind == BOOTLOG_FETCH;
}

/* Whether it could be taken into the step before it. */
static bool
fold(struct bootlog_step *to, const struct bootlog_step *step)
{
	if (!can_fold(to, step))
		return false;
	if (step->end_us > to->end_us)
		to->end_us = step->end_us;
	if (to->kind == BOOTLOG_WALK)
		take_names(to, step);
	else
		take_try(to, step);
	to->requests += step->requests;
	to->probes += step->probes;
	if (step->last_us > to->last_us)
		to->last_us = step->last_us;
	return true;
}

/* Whether it could take in the step behind it, and stands in its place. */
static bool
fold_behind(struct bootlog_step *behind, const struct bootlog_step *step)
{
	struct bootlog_step both = *step;

	if (!fold(&both, behind))
		return false;
	*behind = both;
	return true;
}

/* The first half of a long boot stays, and what came last. */
static void
make_room(struct bootlog *b, struct bootlog_boot *boot)
{
	const uint32_t half = BOOTLOG_BOOT_STEPS / 2;

	if (boot->count == BOOTLOG_BOOT_STEPS) {
		boot->count--;
		b->steps--;
		boot->cut++;
		memmove(boot->steps + half, boot->steps + half + 1,
		    (boot->count - half) * sizeof(*boot->steps));
	}
	if (boot->count < boot->room)
		return;
	boot->room = boot->room == 0 ? FIRST_ROOM : boot->room * 2;
	boot->steps = reallocarray(boot->steps, boot->room,
	    sizeof(*boot->steps));
	if (boot->steps == NULL)
		err(1, NULL);
}

/* Steps stand in the order of their begin, ends come in another one. */
static void
add_step(struct bootlog *b, struct bootlog_boot *boot,
    const struct bootlog_step *step)
{
	uint32_t at = boot->count;

	while (at > 0 && boot->steps[at - 1].begin_us > step->begin_us)
		at--;
	if (at > 0 && fold(&boot->steps[at - 1], step))
		return;
	if (at < boot->count && fold_behind(&boot->steps[at], step))
		return;
	if (boot->count == BOOTLOG_BOOT_STEPS && at > BOOTLOG_BOOT_STEPS / 2)
		at--;
	make_room(b, boot);
	memmove(boot->steps + at + 1, boot->steps + at,
	    (boot->count - at) * sizeof(*boot->steps));
	boot->steps[at] = *step;
	boot->count++;
	b->steps++;
}

void
bootlog_end(struct bootlog *b, const struct translog_record *rec)
{
	struct bootlog_boot *boot;
	struct bootlog_file *file;
	struct bootlog_step step;

	if (!file_of(b, rec, &file))
		return;
	step = step_of(rec, file);
	boot = boot_of(b, rec, file, step.begin_us);
	if (boot == NULL)
		return;
	if (boot->has_open && boot->open_id == ledger_id(rec->id))
		boot->has_open = false;
	if (boot->begin_us > step.begin_us)
		boot->begin_us = step.begin_us;
	if (boot->end_us < step.end_us)
		boot->end_us = step.end_us;
	if (is_success(&step) && file != boot->first)
		boot->is_further = true;
	if (fold_copy(boot, &step))
		return;
	take_copies(b, boot, &step);
	add_step(b, boot, &step);
}

static const struct bootlog_step *
next_success(const struct bootlog_boot *boot, uint32_t at)
{
	const struct bootlog_file *file = boot->steps[at].file;

	while (++at < boot->count)
		if (is_success(&boot->steps[at]) &&
		    boot->steps[at].file != file)
			return &boot->steps[at];
	return NULL;
}

static bool
is_last_of_file(const struct bootlog_boot *boot, uint32_t at)
{
	uint32_t i;

	for (i = at + 1; i < boot->count; i++)
		if (is_success(&boot->steps[i]) &&
		    boot->steps[i].file == boot->steps[at].file)
			return false;
	return boot->steps[at].file != NULL;
}

static void
vote(struct bootlog_file *file, const struct bootlog_file *next)
{
	if (file->votes == 0)
		file->next = next;
	if (file->next == next)
		file->votes++;
	else
		file->votes--;
}

static void
learn(const struct bootlog_boot *boot)
{
	const struct bootlog_step *next;
	struct bootlog_file *file;
	uint32_t i;

	for (i = 0; i < boot->count; i++) {
		if (!is_success(&boot->steps[i]) || !is_last_of_file(boot, i))
			continue;
		file = boot->steps[i].file;
		next = next_success(boot, i);
		file->boots++;
		if (next == NULL || next->file == NULL)
			continue;
		file->went_on++;
		vote(file, next->file);
	}
}

/* Where the others went on to after the boot's last file, or NULL. */
static const struct bootlog_file *
missed(const struct bootlog_step *last)
{
	const struct bootlog_file *file = last->file;

	if (file == NULL || file->went_on < OTHERS_MIN || file->went_on * 100 <
	    (file->boots - 1) * OTHERS_PERCENT)
		return NULL;
	return file->next;
}

static enum bootlog_verdict
judge_last(const struct bootlog_boot *boot, bool has_fetches)
{
	/* who has begun anew since then has given it up */
	if (boot->has_open)
		return boot->client->now == boot ? BOOTLOG_RUNNING :
		    BOOTLOG_STOPPED;
	if (!has_fetches)
		return BOOTLOG_NOTHING;
	return is_success(boot->last) ? BOOTLOG_COMPLETE : BOOTLOG_STOPPED;
}

static void
judge(struct bootlog_boot *boot, bool learns)
{
	const struct bootlog_step *step;
	bool has_fetches = false;
	uint32_t i;

	for (i = 0; i < boot->count; i++) {
		step = &boot->steps[i];
		has_fetches |= step->kind == BOOTLOG_FETCH;
		if (step->kind != BOOTLOG_PROBE)
			boot->last = step;
		if (!is_success(step))
			continue;
		boot->files++;
		sum_add(&boot->bytes, step->bytes);
	}
	boot->verdict = judge_last(boot, has_fetches);
	if (learns && boot->verdict == BOOTLOG_COMPLETE)
		boot->missed = missed(boot->last);
	if (boot->missed != NULL)
		boot->verdict = BOOTLOG_STOPPED;
}

static int
by_begin(const void *a, const void *b)
{
	const struct bootlog_boot *x = *(struct bootlog_boot *const *)a;
	const struct bootlog_boot *y = *(struct bootlog_boot *const *)b;

	return (x->begin_us > y->begin_us) - (x->begin_us < y->begin_us);
}

/* Boots were found by their first end, which may come late. */
static void
sort(struct bootlog *b)
{
	struct bootlog_boot **all, *boot;
	size_t i = 0;

	all = calloc(b->boots + 1, sizeof(*all));
	if (all == NULL)
		err(1, NULL);
	for (boot = b->first; boot != NULL; boot = boot->next)
		all[i++] = boot;
	qsort(all, b->boots, sizeof(*all), by_begin);
	for (i = 0; i < b->boots; i++)
		all[i]->next = all[i + 1];
	b->first = all[0];
	b->newest = b->boots == 0 ? NULL : all[b->boots - 1];
	free(all);
}

void
bootlog_judge(struct bootlog *b, bool learns)
{
	struct bootlog_boot *boot;

	sort(b);
	for (boot = b->first; learns && boot != NULL; boot = boot->next)
		learn(boot);
	for (boot = b->first; boot != NULL; boot = boot->next)
		judge(boot, learns);
}

const char *
bootlog_verdict_name(enum bootlog_verdict verdict)
{
	static const char *const names[] = {
		[BOOTLOG_COMPLETE] = "complete",
		[BOOTLOG_STOPPED] = "stopped",
		[BOOTLOG_NOTHING] = "nothing",
		[BOOTLOG_RUNNING] = "running",
	};

	return names[verdict];
}

const char *
bootlog_kind_name(enum bootlog_kind kind)
{
	static const char *const names[] = {
		[BOOTLOG_FETCH] = "fetch",
		[BOOTLOG_PROBE] = "probe",
		[BOOTLOG_WALK] = "walk",
	};

	return names[kind];
}

unsigned
bootlog_done_permille(const struct bootlog_step *step)
{
	if (step->size == 0 || step->bytes >= step->size)
		return 1000;
	return (unsigned)((double)step->bytes * 1000 / (double)step->size);
}

bool
bootlog_is_part(const struct bootlog_step *step)
{
	return outcome_class(step->outcome) != OUTCOME_CLASS_SUCCESS &&
	    step->bytes != 0 && bootlog_done_permille(step) != 1000;
}

const uint8_t *
bootlog_name(const struct bootlog *b, const struct bootlog_file *file,
    size_t *len)
{
	if (file != NULL)
		return keyed_name(&b->files, file, len);
	*len = 0;
	return (const uint8_t *)"";
}

const uint8_t *
bootlog_client(const struct bootlog *b, const struct bootlog_boot *boot,
    size_t *len)
{
	return keyed_name(&b->clients, boot->client, len);
}

void
bootlog_free(struct bootlog *b)
{
	struct bootlog_boot *boot, *next;

	for (boot = b->first; boot != NULL; boot = next) {
		next = boot->next;
		free_boot(boot);
	}
	keyed_free(&b->clients);
	keyed_free(&b->files);
	*b = (struct bootlog){ 0 };
}
