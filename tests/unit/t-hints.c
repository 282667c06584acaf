#include "stats/hints.h"
#include "t-report.h"

static void
add(struct hints *h, const char *client, enum outcome outcome, unsigned times)
{
	struct translog_record rec = t_end(client, "x", outcome, 0);

	for (; times != 0; times--) {
		hints_add(h, &rec);
		rec.ts_us += 1000000;
	}
}

static void
networks(void)
{
	static const struct {
		const char *address, *network;
	} cases[] = {
		{ "192.0.2.77", "192.0.2.0/24" },
		{ "::ffff:192.0.2.77", "192.0.2.0/24" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
		{ "fe80::1%eth0", "fe80::/64" },
		{ "::1", "::/64" },
		{ "no address", NULL },
		{ "", NULL },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb",
		    NULL },
	};
	char out[TRANSLOG_ADDR_MAX];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		T_OK(hints_network(cases[i].address, out) ?
		    cases[i].network != NULL &&
		    strcmp(out, cases[i].network) == 0 :
		    cases[i].network == NULL, cases[i].address);
}

static void
who_is_told(void)
{
	struct hint *list;
	struct hints h;
	size_t count;

	hints_init(&h);
	add(&h, "192.0.2.1", OUTCOME_NOANSWER, 2);
	T_OK(hints_list(&h, &count) == NULL && count == 0, "two are too few");
	add(&h, "192.0.2.1", OUTCOME_NOTFOUND, 9);
	add(&h, "192.0.2.1", OUTCOME_VANISHED, 9);
	add(&h, "192.0.2.1", OUTCOME_NOANSWER, 1);
	list = hints_list(&h, &count);
	T_OK(count == 1 && strcmp(list[0].place, "192.0.2.1") == 0 &&
	    !list[0].is_network && list[0].noanswer == 3 &&
	    list[0].first_us == T_BEGIN_US &&
	    list[0].last_us == T_BEGIN_US + 1000000,
	    "a client that never says anything");
	free(list);
	add(&h, "192.0.2.2", OUTCOME_NOANSWER, 1);
	list = hints_list(&h, &count);
	T_OK(count == 1 && strcmp(list[0].place, "192.0.2.0/24") == 0 &&
	    list[0].is_network && list[0].clients == 2 &&
	    list[0].noanswer == 4, "two of them are their network");
	free(list);
	add(&h, "192.0.2.3", OUTCOME_TIMEOUT, 1);
	list = hints_list(&h, &count);
	T_OK(count == 1 && !list[0].is_network,
	    "unless one in it was heard, even if it fell silent");
	free(list);
	add(&h, "192.0.2.1", OUTCOME_PROBE, 1);
	T_OK(hints_list(&h, &count) == NULL, "or is heard at last");
	hints_free(&h);
}

static void
printed(void)
{
	const struct text_style style = { .is_utc = true };
	struct json j;
	struct hints h;
	char *text;
	size_t size;
	FILE *out;

	hints_init(&h);
	out = open_memstream(&text, &size);
	hints_print(&h, out, &style);
	j = (struct json){ .out = out };
	hints_json(&h, &j);
	fclose(out);
	T_OK(strcmp(text, "\"hints\":[]") == 0, "nothing to say");
	free(text);
	add(&h, "bad\x1b" "client", OUTCOME_NOANSWER, 3);
	out = open_memstream(&text, &size);
	hints_print(&h, out, &style);
	T_OK(fflush(out) == 0 && strstr(text, "\n  bad\\x1bclient: 3 requests, "
	    "no reply answered\n") != NULL, text);
	j = (struct json){ .out = out };
	hints_json(&h, &j);
	fclose(out);
	T_OK(strstr(text, "\"hints\":[{\"hint\":\"noanswer\",\"scope\":"
	    "\"client\",\"address\":\"bad\\u001bclient\",\"clients\":1,"
	    "\"noanswer\":3,\"first\":\"2026-11-22T14:00:00.000000Z\",") !=
	    NULL, text);
	free(text);
	hints_free(&h);
}

static void
filters(void)
{
	struct filter f;

	filter_clear(&f);
	T_OK(hints_can(&f), "all ends");
	f.outcomes = 1u << OUTCOME_NOANSWER;
	T_OK(!hints_can(&f), "silence alone proves nothing");
	f.outcomes = 0;
	f.glob = "x";
	T_OK(!hints_can(&f), "nor does one file");
}

static void
many_clients(void)
{
	struct hint *list;
	struct hints h;
	char client[40];
	size_t count;
	unsigned i;

	hints_init(&h);
	for (i = 0; i < 70000; i++) {
		snprintf(client, sizeof(client), "10.%u.%u.%u", i >> 16 & 255,
		    i >> 8 & 255, i & 255);
		add(&h, client, OUTCOME_NOANSWER, 1);
	}
	list = hints_list(&h, &count);
	T_OK(h.clients.used == 65536 && count == 256 &&
	    list[0].clients == 256, "are bounded");
	free(list);
	hints_free(&h);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "networks", networks },
		{ "who is told", who_is_told },
		{ "printed", printed },
		{ "filters", filters },
		{ "many clients", many_clients },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "hints", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
