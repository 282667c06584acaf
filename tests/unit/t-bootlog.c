#include <inttypes.h>

#include "stats/bootlog.h"
#include "t-report.h"

/*
 * "SECONDS CLIENT FILE OUTCOME MILLISECONDS BYTES"; "start" has no end yet.
 * A file's start and its end are one transfer, "FILE#2" is another one.
 */
static void
tell(struct bootlog *b, const char *line)
{
	char client[40], file[80], outcome[20], *number;
	unsigned long long at, took, bytes;
	unsigned id;
	struct translog_record rec;

	if (sscanf(line, "%llu %39s %79s %19s %llu %llu", &at, client, file,
	    outcome, &took, &bytes) != 6)
		abort();
	number = strchr(file, '#');
	id = (unsigned)file[0] << 8;
	if (number != NULL) {
		id += (unsigned)number[1];
		*number = '\0';
	}
	rec = t_end(client, file, outcome_from_name(outcome, strlen(outcome)),
	    at * 1000);
	snprintf(rec.id, sizeof(rec.id), "%016x", id);
	if (strcmp(outcome, "start") == 0) {
		rec.event = TRANSLOG_START;
		bootlog_start(b, &rec);
		return;
	}
	rec.numbers[TRANSLOG_DURATION_US] = (int64_t)took * 1000;
	rec.numbers[TRANSLOG_BYTES] = (int64_t)bytes;
	rec.numbers[TRANSLOG_SIZE] = 1000;
	bootlog_end(b, &rec);
}

static void
put_file(FILE *out, const struct bootlog *b, const struct bootlog_file *file)
{
	size_t len;
	const uint8_t *name = bootlog_name(b, file, &len);

	fwrite(name, 1, len, out);
}

static void
put_step(FILE *out, const struct bootlog *b, const struct bootlog_step *step)
{
	fputs(step == b->first->steps ? "" : " ", out);
	if (step->kind == BOOTLOG_WALK) {
		fprintf(out, "walk%" PRIu32, step->names);
		if (step->names > 1)
			put_file(out, b, step->last);
		return;
	}
	put_file(out, b, step->file);
	fprintf(out, "=%s", outcome_name(step->outcome));
	if (step->requests != 1)
		fprintf(out, "*%" PRIu32, step->requests);
	if (step->probes != 0)
		fprintf(out, "p%" PRIu32, step->probes);
}

/* "client verdict: step step; client verdict: ..." */
static char *
boots_of(const struct bootlog *b)
{
	const struct bootlog_boot *boot;
	const uint8_t *client;
	char *text;
	size_t size, len;
	uint32_t i;
	FILE *out = open_memstream(&text, &size);

	for (boot = b->first; boot != NULL; boot = boot->next) {
		client = bootlog_client(b, boot, &len);
		fputs(boot == b->first ? "" : "; ", out);
		fwrite(client, 1, len, out);
		fprintf(out, " %s", bootlog_verdict_name(boot->verdict));
		if (boot->missed != NULL)
			putc('>', out);
		put_file(out, b, boot->missed);
		putc(':', out);
		for (i = 0; i < boot->count; i++) {
			if (boot == b->first && i == 0)
				putc(' ', out);
			put_step(out, b, &boot->steps[i]);
		}
	}
	fclose(out);
	return text;
}

static void
stories(void)
{
	static const struct {
		const char *what, *lines[12], *boots;
	} cases[] = {
		{ "a chain of files is complete", {
		    "1 a one complete 1 1000", "2 a two complete 1 1000" },
		    "a complete: one=complete two=complete" },
		{ "a probe and its read are one step", {
		    "1 a one probe 1 0", "2 a one complete 1 1000",
		    "3 a two complete 1 1000" },
		    "a complete: one=complete*2p1 two=complete" },
		{ "a probe alone got nothing", { "1 a one probe 1 0" },
		    "a nothing: one=probep1" },
		{ "a trailing probe does not hide the end", {
		    "1 a one complete 1 1000", "2 a two probe 1 0" },
		    "a complete: one=complete two=probep1" },
		{ "names in a row that are not there are one walk", {
		    "1 a one complete 1 1000", "2 a x notfound 0 0",
		    "3 a y notfound 0 0", "4 a z notfound 0 0",
		    "5 a d complete 1 1000" },
		    "a complete: one=complete walk3z d=complete" },
		{ "the same name again is not another name", {
		    "1 a x notfound 0 0", "2 a x notfound 0 0" },
		    "a nothing: walk1" },
		{ "a walk that leads nowhere is where it stopped", {
		    "1 a one complete 1 1000", "2 a x notfound 0 0" },
		    "a stopped: one=complete walk1" },
		{ "a failure at the end", {
		    "1 a one complete 1 1000", "9 a two timeout 5000 630" },
		    "a stopped: one=complete two=timeout" },
		{ "a refusal at the end", {
		    "1 a one complete 1 1000", "9 a two denied 0 0" },
		    "a stopped: one=complete two=denied" },
		{ "a failure that was tried again is forgiven", {
		    "1 a one timeout 1 0", "2 a one complete 1 1000" },
		    "a complete: one=complete*2" },
		{ "five minutes of silence part boots", {
		    "1 a one complete 0 1000", "301 a two complete 0 1000",
		    "602 a one complete 0 1000" },
		    "a complete: one=complete two=complete; "
		    "a complete: one=complete" },
		{ "five minutes of one transfer don't", {
		    "1 a one complete 0 1000",
		    "900 a two complete 898000 1000" },
		    "a complete: one=complete two=complete" },
		{ "the first file again, after another, parts them too", {
		    "1 a one complete 0 1000", "2 a two complete 0 1000",
		    "3 a one complete 0 1000", "4 a two complete 0 1000" },
		    "a complete: one=complete two=complete; "
		    "a complete: one=complete two=complete" },
		{ "the first file again, at once, is another try", {
		    "1 a one complete 0 1000", "2 a one complete 0 1000" },
		    "a complete: one=complete*2" },
		{ "a phone begins with what it never finds", {
		    "1 a sep notfound 0 0", "2 a xml complete 0 1000",
		    "60 a sep notfound 0 0", "61 a xml complete 0 1000" },
		    "a complete: walk1 xml=complete; "
		    "a complete: walk1 xml=complete" },
		{ "clients have boots of their own", {
		    "1 a one complete 0 1000", "2 b one complete 0 1000",
		    "3 a two complete 0 1000" },
		    "a complete: one=complete two=complete; "
		    "b complete: one=complete" },
		{ "a copy of a request that was answered is no failure", {
		    "2 a one complete 1000 1000",
		    "9 a one noanswer 7500 0" },
		    "a complete: one=complete*2" },
		{ "nor one that is over before", {
		    "1 a one aborted 100 5", "1 a one aborted 50 5",
		    "2 a one complete 1090 1000" },
		    "a complete: one=complete*3" },
		{ "but one that begins later is", {
		    "2 a one complete 1000 1000",
		    "20 a one noanswer 7000 0" },
		    "a stopped: one=complete one=noanswer" },
		{ "reset in the middle of a file that times out later", {
		    "1 a one complete 0 1000", "2 a two start 0 0",
		    "3 a one complete 0 1000",
		    "9 a two timeout 7000 500" },
		    "a stopped: one=complete two=timeout; "
		    "a complete: one=complete" },
		{ "a boot's first start is written after its begin", {
		    "1 a one complete 0 1000", "2 a two complete 0 1000",
		    "5 a one#2 start 0 0", "5 a one#2 probe 500 0",
		    "6 a one#3 start 0 0", "6 a one#3 complete 400 1000",
		    "7 a two complete 0 1000" },
		    "a complete: one=complete two=complete; "
		    "a complete: one=complete*2p1 two=complete" },
		{ "and its end after the end of another", {
		    "1 a one complete 0 1000", "2 a two complete 0 1000",
		    "5 a one#2 start 0 0", "6 a one#3 start 0 0",
		    "6 a one#3 complete 400 1000", "7 a one#2 probe 2500 0",
		    "8 a two complete 0 1000" },
		    "a complete: one=complete two=complete; "
		    "a complete: one=complete*2p1 two=complete" },
		{ "a probe's end is written after the read", {
		    "3 a one complete 1000 1000", "4 a one probe 3000 0",
		    "5 a two complete 0 1000" },
		    "a complete: one=complete*2p1 two=complete" },
		{ "or between two reads", {
		    "2 a one complete 1000 1000",
		    "6 a one complete 1000 1000", "7 a one probe 4000 0" },
		    "a complete: one=complete*3p1" },
		{ "a probe's end is written after the read failed", {
		    "1 a one timeout 1000 0", "9 a one timeout 5000 0",
		    "9 a one probe 6000 0" },
		    "a stopped: one=timeout*3p1" },
		{ "a try that failed late, while another went well", {
		    "1 a one timeout 0 0", "6 a one complete 1000 1000",
		    "9 a one timeout 6000 0" },
		    "a complete: one=complete*3" },
		{ "the first of two tries fails last", {
		    "6 a one complete 1000 1000", "9 a one timeout 6000 0" },
		    "a complete: one=complete*2" },
		{ "a walk's names end in another order", {
		    "1 a x notfound 0 0", "5 a z notfound 1000 0",
		    "6 a y notfound 3000 0", "7 a d complete 0 1000" },
		    "a complete: walk3z d=complete" },
		{ "a walk's first name ends last", {
		    "5 a y notfound 0 0", "6 a z notfound 0 0",
		    "7 a d complete 0 1000", "8 a x notfound 7000 0" },
		    "a complete: walk3z d=complete" },
		{ "a start without end", {
		    "1 a one complete 0 1000", "2 a two start 0 0" },
		    "a running: one=complete" },
		{ "a start whose end is lost", {
		    "1 a two start 0 0", "900 a one complete 0 1000" },
		    "a stopped:; a complete: one=complete" },
	};
	struct bootlog b;
	size_t i, k;
	char *text;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bootlog_init(&b);
		for (k = 0; k < 12 && cases[i].lines[k] != NULL; k++)
			tell(&b, cases[i].lines[k]);
		bootlog_judge(&b, true);
		text = boots_of(&b);
		T_OK(strcmp(text, cases[i].boots) == 0, cases[i].what);
		if (strcmp(text, cases[i].boots) != 0)
			printf("%s: %s\n", cases[i].what, text);
		free(text);
		bootlog_free(&b);
	}
}

static void
tell_chain(struct bootlog *b, unsigned at, const char *client, bool is_whole)
{
	char line[80];

	snprintf(line, sizeof(line), "%u %s one complete 0 1000", at, client);
	tell(b, line);
	if (!is_whole)
		return;
	snprintf(line, sizeof(line), "%u %s two complete 0 1000", at + 1,
	    client);
	tell(b, line);
}

static void
others_went_on(void)
{
	struct bootlog b;
	char *text;

	bootlog_init(&b);
	tell_chain(&b, 1, "a", true);
	tell_chain(&b, 2, "b", true);
	tell_chain(&b, 3, "c", false);
	bootlog_judge(&b, true);
	text = boots_of(&b);
	T_OK(strstr(text, "c complete:") != NULL, "two others are too few");
	free(text);
	bootlog_free(&b);

	bootlog_init(&b);
	tell_chain(&b, 1, "a", true);
	tell_chain(&b, 2, "b", true);
	tell_chain(&b, 3, "c", true);
	tell_chain(&b, 4, "d", false);
	bootlog_judge(&b, true);
	text = boots_of(&b);
	T_OK(strstr(text, "d stopped>two:") != NULL, "three went on");
	free(text);
	bootlog_free(&b);

	bootlog_init(&b);
	tell_chain(&b, 1, "a", true);
	tell_chain(&b, 2, "b", true);
	tell_chain(&b, 3, "c", true);
	tell_chain(&b, 4, "d", false);
	tell_chain(&b, 5, "e", false);
	bootlog_judge(&b, true);
	text = boots_of(&b);
	T_OK(strstr(text, "d complete:") != NULL, "three of four are not 80 %");
	free(text);
	bootlog_free(&b);
}

static void
memory_is_bounded(void)
{
	const uint8_t *name;
	struct bootlog b;
	char line[80];
	unsigned i;
	size_t len;

	bootlog_init(&b);
	for (i = 0; i < 200; i++) {
		snprintf(line, sizeof(line), "%u a f%u complete 0 1000", i, i);
		tell(&b, line);
	}
	bootlog_judge(&b, true);
	T_OK(b.boots == 1 && b.first->count == BOOTLOG_BOOT_STEPS &&
	    b.first->cut == 200 - BOOTLOG_BOOT_STEPS, "of a long boot");
	name = bootlog_name(&b, b.first->last->file, &len);
	T_OK(len == 4 && memcmp(name, "f199", 4) == 0, "the end is kept");
	bootlog_free(&b);

	bootlog_init(&b);
	for (i = 0; i < BOOTLOG_BOOTS + 10; i++) {
		snprintf(line, sizeof(line), "%u c%u one complete 0 1000", i,
		    i);
		tell(&b, line);
	}
	tell(&b, "0 c0 two complete 0 1000");
	bootlog_judge(&b, true);
	T_OK(b.boots == BOOTLOG_BOOTS && b.boots_cut == 11,
	    "of many the newest");
	bootlog_free(&b);
}

/* All ends of any order and time keep it in one piece. */
static void
any_order(void)
{
	static const char *const outcomes[] = {
		"complete", "probe", "notfound", "timeout", "noanswer",
		"aborted", "start"
	};
	struct bootlog b;
	char line[80];
	unsigned i, seed = 1;
	const struct bootlog_boot *boot;
	bool is_sorted = true;
	uint32_t k;

	bootlog_init(&b);
	for (i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		snprintf(line, sizeof(line), "%u c%u f%u %s %u %u",
		    (seed >> 16) % 4000, (seed >> 8) % 7, (seed >> 12) % 90,
		    outcomes[(seed >> 20) % 7], (seed >> 5) % 900000,
		    (seed >> 9) % 2000);
		tell(&b, line);
	}
	bootlog_judge(&b, true);
	for (boot = b.first; boot != NULL; boot = boot->next)
		for (k = 1; k < boot->count; k++)
			if (boot->steps[k].begin_us <
			    boot->steps[k - 1].begin_us)
				is_sorted = false;
	T_OK(is_sorted && b.boots != 0, "steps stand in their order");
	bootlog_free(&b);
}

static void
printed(void)
{
	struct translog_record rec;
	struct t_log log;
	char *text;

	t_log_open(&log);
	rec = t_end("192.0.2.7", "p\x1b.0", OUTCOME_COMPLETE, 1000);
	rec.numbers[TRANSLOG_BYTES] = 1000;
	rec.numbers[TRANSLOG_DURATION_US] = 2000;
	t_log_put(&log, &rec);
	rec = t_end("192.0.2.7", "initrd", OUTCOME_TIMEOUT, 9000);
	rec.numbers[TRANSLOG_BYTES] = 630;
	rec.numbers[TRANSLOG_SIZE] = 1000;
	rec.numbers[TRANSLOG_DURATION_US] = 5000000;
	t_log_put(&log, &rec);
	text = t_report(&log, command_boots, FORM_TEXT);
	T_OK(strstr(text, "192.0.2.7  2026-11-22 14:00:00        8.00 s    "
	    "1 file   stopped at initrd (timeout at 63 %)\n    p\\x1b.0 1.0 kB "
	    "2.0 ms > initrd (timeout at 63 %)\n") != NULL, text);
	free(text);
	text = t_report(&log, command_boots, FORM_JSON);
	T_OK(strstr(text, "\"stopped\":1,") != NULL && strstr(text,
	    "\"outcome\":\"stopped\",\"stopped_at\":\"initrd\",\"reason\":"
	    "\"timeout\",\"done_permille\":630,") != NULL &&
	    strstr(text, "{\"step\":\"fetch\",\"file\":\"p\\u001b.0\",")
	    != NULL, text);
	free(text);
	text = t_report(&log, command_boots, FORM_CSV);
	T_OK(strstr(text, "1,192.0.2.7,2026-11-22T14:00:00.998000Z,stopped,2,"
	    "fetch,initrd,timeout,1,0,0,") != NULL, text);
	free(text);
	t_log_close(&log);
}

/* The longest line below the head, in ASCII. */
static size_t
widest(const char *text)
{
	size_t len, max = 0;

	while ((text = strchr(text, '\n')) != NULL) {
		len = strcspn(++text, "\n");
		max = len > max ? len : max;
	}
	return max;
}

static void
put_long(struct t_log *log, const char *client, const char *name,
    enum outcome outcome, uint64_t at_ms)
{
	struct translog_record rec = t_end(client, name, outcome, at_ms);

	rec.numbers[TRANSLOG_BYTES] = 630;
	rec.numbers[TRANSLOG_SIZE] = 1000;
	rec.numbers[TRANSLOG_DURATION_US] = 500;
	t_log_put(log, &rec);
}

/* Of many kinds of verdict and step, with a name of 400 letters. */
static void
put_wide(struct t_log *log)
{
	static const char *const clients[] = { "192.0.2.1",
	    "2001:db8:1111:2222:3333:4444:5555:6666", "192.0.2.3",
	    "192.0.2.7", "192.0.2.8" };
	char name[2][401] = { { 0 } };
	size_t i;

	memset(name[0], 'n', 400);
	memset(name[1], 'm', 400);
	for (i = 0; i < 5; i++) {
		put_long(log, clients[i], name[0], OUTCOME_PROBE, 1000 + i);
		put_long(log, clients[i], name[0], OUTCOME_COMPLETE, 2000 + i);
		put_long(log, clients[i], "walk", OUTCOME_NOTFOUND, 3000 + i);
		put_long(log, clients[i], name[1], OUTCOME_COMPLETE, 4000 + i);
	}
	put_long(log, "192.0.2.4", name[0], OUTCOME_COMPLETE, 5000);
	put_long(log, "192.0.2.5", name[0], OUTCOME_COMPLETE, 5001);
	put_long(log, "192.0.2.5", name[1], OUTCOME_TIMEOUT, 6000);
	put_long(log, "192.0.2.5", name[1], OUTCOME_VANISHED, 7000);
	put_long(log, "192.0.2.6", name[1], OUTCOME_NOTFOUND, 8000);
}

static void
width(void)
{
	struct t_log log;
	char *text;

	t_log_open(&log);
	put_wide(&log);
	unsetenv("COLUMNS");
	text = t_report(&log, command_boots, FORM_TEXT);
	T_OK(widest(text) > 400 && strstr(text, "n..n") == NULL,
	    "names are whole without a terminal");
	free(text);
	setenv("COLUMNS", "80", 1);
	text = t_report(&log, command_boots, FORM_TEXT);
	T_OK(widest(text) <= 80, text);
	T_OK(strstr(text, "2001:db8:1111:22..") != NULL, text);
	T_OK(strstr(text, " 1 file\n    stopped after nnnnnn") != NULL, text);
	T_OK(strstr(text, " 1 file\n    stopped at mmmmmm") != NULL, text);
	T_OK(strstr(text, "m (vanished at 63 %)\n") != NULL, text);
	T_OK(strstr(text, "m (vanished at 63 %) (2 requests, timeout before)"
	    "\n") != NULL, text);
	free(text);
	unsetenv("COLUMNS");
	t_log_close(&log);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "stories", stories },
		{ "others went on", others_went_on },
		{ "memory is bounded", memory_is_bounded },
		{ "any order", any_order },
		{ "printed", printed },
		{ "width", width },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "bootlog", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
