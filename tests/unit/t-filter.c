#include <stdbool.h>
#include <stdint.h>

#include "stats/filter.h"
#include "t.h"

static void
networks(void)
{
	static const struct {
		const char *what, *net, *address;
		int has;		/* -1: the network is refused */
	} cases[] = {
		{ "an address", "192.0.2.1", "192.0.2.1", 1 },
		{ "another one", "192.0.2.1", "192.0.2.2", 0 },
		{ "the last of a /24", "192.0.2.0/24", "192.0.2.255", 1 },
		{ "the first behind it", "192.0.2.0/24", "192.0.3.0", 0 },
		{ "host bits don't matter", "192.0.2.77/24", "192.0.2.1", 1 },
		{ "a /31", "192.0.2.0/31", "192.0.2.1", 1 },
		{ "behind a /31", "192.0.2.0/31", "192.0.2.2", 0 },
		{ "a /25", "192.0.2.128/25", "192.0.2.127", 0 },
		{ "a /1", "128.0.0.0/1", "127.255.255.255", 0 },
		{ "all of IPv4", "0.0.0.0/0", "203.0.113.9", 1 },
		{ "IPv4 is not IPv6", "0.0.0.0/0", "2001:db8::1", 0 },
		{ "all of IPv6", "::/0", "2001:db8::1", 1 },
		{ "IPv6 is not IPv4", "::/0", "192.0.2.1", 0 },
		{ "a /32", "2001:db8::/32", "2001:db8:ffff::1", 1 },
		{ "beside it", "2001:db8::/32", "2001:db9::1", 0 },
		{ "a /33", "2001:db8::/33", "2001:db8:8000::", 0 },
		{ "a /128", "2001:db8::1/128", "2001:db8::1", 1 },
		{ "another spelling", "2001:DB8:0::1", "2001:db8::1", 1 },
		{ "a mapped client is IPv4", "192.0.2.0/24",
		    "::ffff:192.0.2.7", 1 },
		{ "a mapped filter too", "::ffff:192.0.2.1", "192.0.2.1", 1 },
		{ "with its own prefix", "::ffff:192.0.2.0/120", "192.0.2.9",
		    1 },
		{ "a zone is dropped", "fe80::1", "fe80::1%eth0", 1 },
		{ "in the filter too", "fe80::1%eth0", "fe80::1%eth1", 1 },
		{ "no address in the record", "0.0.0.0/0", "", 0 },
		{ "rubbish in the record", "0.0.0.0/0", "x", 0 },
		{ "a /33 of IPv4", "192.0.2.0/33", "", -1 },
		{ "a /129", "::/129", "", -1 },
		{ "no number", "192.0.2.0/", "", -1 },
		{ "a negative one", "192.0.2.0/-1", "", -1 },
		{ "a number and more", "192.0.2.0/24x", "", -1 },
		{ "a leading zero", "192.0.2.0/024", "", -1 },
		{ "a huge number", "192.0.2.0/4294967320", "", -1 },
		{ "three parts", "10.1.2", "", -1 },
		{ "a name", "host.example", "", -1 },
		{ "nothing", "", "", -1 },
		{ "a prefix alone", "/24", "", -1 },
		{ "too long", "1111:1111:1111:1111:1111:1111:1111:1111:1111:1",
		    "", -1 },
	};
	struct filter_network net;
	bool is_good;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		is_good = filter_network_parse(cases[i].net, &net);
		T_OK(is_good == (cases[i].has >= 0), cases[i].what);
		if (is_good)
			T_OK(filter_network_has(&net, cases[i].address) ==
			    (cases[i].has == 1), cases[i].what);
	}
}

static void
outcomes(void)
{
#define BIT(name) (UINT32_C(1) << OUTCOME_ ## name)
	static const struct {
		const char *text;
		uint32_t bits;		/* 0: refused */
	} cases[] = {
		{ "timeout", BIT(TIMEOUT) },
		{ "timeout,denied", BIT(TIMEOUT) | BIT(DENIED) },
		{ "success", BIT(COMPLETE) | BIT(UNCONFIRMED) },
		{ "neutral", BIT(PROBE) },
		{ "refused", BIT(NOTFOUND) | BIT(DENIED) | BIT(LIMITED) |
		    BIT(INVALID) },
		{ "failure", BIT(NOANSWER) | BIT(ABORTED) | BIT(VANISHED) |
		    BIT(TIMEOUT) | BIT(FAILED) | BIT(CRASHED) |
		    BIT(SHUTDOWN) },
		{ "probe,success", BIT(PROBE) | BIT(COMPLETE) |
		    BIT(UNCONFIRMED) },
		{ "", 0 }, { ",", 0 }, { "timeout,", 0 }, { "time", 0 },
		{ "timeouts", 0 }, { "none", 0 }, { "timeout denied", 0 },
	};
	uint32_t bits;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bits = 0;
		T_OK(filter_outcomes_parse(cases[i].text, &bits) ==
		    (cases[i].bits != 0) && bits == cases[i].bits,
		    cases[i].text);
	}
}

static void
records(void)
{
	static const uint8_t name[] = "boot/pxe.0";
	struct translog_record rec;
	struct filter f;

	translog_clear(&rec);
	rec.ts_us = 100;
	rec.event = TRANSLOG_TRANSFER;
	rec.op = TRANSLOG_READ;
	rec.outcome = OUTCOME_TIMEOUT;
	strcpy(rec.client, "192.0.2.1");
	rec.file = (struct translog_bytes){ name, sizeof(name) - 1 };
	filter_clear(&f);
	T_OK(filter_takes_end(&f, &rec) && !filter_is_about_transfers(&f),
	    "no filter takes all");
	f.since_us = 100;
	f.until_us = 101;
	T_OK(filter_takes_end(&f, &rec), "since is inside");
	f.until_us = 100;
	T_OK(!filter_takes_end(&f, &rec), "until is not");
	filter_clear(&f);
	f.op = TRANSLOG_WRITE;
	T_OK(!filter_takes_end(&f, &rec), "another operation");
	filter_clear(&f);
	f.glob = "*.0";
	T_OK(filter_takes_end(&f, &rec), "a star passes the slash");
	f.glob = "*.1";
	T_OK(!filter_takes_end(&f, &rec), "another name");
	rec.file.buf = NULL;
	f.glob = "*";
	T_OK(!filter_takes_end(&f, &rec), "no name is not any name");
	rec.file = (struct translog_bytes){ (const uint8_t *)"a\0b", 3 };
	T_OK(!filter_takes_end(&f, &rec), "a name with a NUL is not cut");
	rec.file = (struct translog_bytes){ (const uint8_t *)"\xff\xfe", 2 };
	T_OK(filter_takes_end(&f, &rec), "bytes that are no UTF-8 match");
	filter_clear(&f);
	f.outcomes = BIT(DENIED);
	T_OK(!filter_takes_end(&f, &rec), "another outcome");
	rec.outcome = OUTCOME_NONE;
	T_OK(!filter_takes_open(&f, &rec), "what is open has no outcome");
	f.outcomes = 0;
	T_OK(filter_takes_open(&f, &rec), "without that it is taken");
	f.has_client = filter_network_parse("198.51.100.0/24", &f.client);
	T_OK(!filter_takes_open(&f, &rec) && filter_is_about_transfers(&f),
	    "another client");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "networks", networks },
		{ "outcomes", outcomes },
		{ "records", records },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "filter", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
