/*
 * t-live - the table's arithmetic, and that nobody trusts what is in it.
 */
#include "record/live.h"
#include "t-work.h"

static void
test_offsets(void)
{
	static const struct {
		const char *what;
		uint32_t slot;
		uint64_t offset;
	} rows[] = {
		{ "the first slot stands after the header", 0, 4096 },
		{ "slots follow each other", 1, 8192 },
		{ "the default's last slot", 999, 4096000 },
		{ "beyond 4 GiB", 1048576, UINT64_C(4294971392) },
		{ "the highest number does not wrap", UINT32_MAX,
		    UINT64_C(17592186044416) },
	};
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		T_OK(live_offset(rows[i].slot) == rows[i].offset,
		    rows[i].what);
		/* a table of n slots ends where slot n would begin */
		T_OK(live_size(rows[i].slot) == rows[i].offset, rows[i].what);
	}
	T_OK(live_offset(0) >= sizeof(struct live_header), "room for it");
}

static const struct live_header good = {
	.magic = LIVE_MAGIC,
	.slots = 1000,
	.page_size = LIVE_PAGE,
	.started_us = 1,
	.keeper_pid = 2,
	.log_path = "/var/log/tftpd/transfers.jsonl",
};

static void
test_magic(void)
{
	T_OK(memcmp(&good, "tfpdive2", 8) == 0,
	    "the first bytes of the file, for file(1)");
}

static void
test_header(void)
{
	static const struct {
		const char *what;
		uint64_t magic;
		uint32_t slots, page_size;
		bool is_good;
	} rows[] = {
		{ "ours", LIVE_MAGIC, 1000, 4096, true },
		{ "one slot", LIVE_MAGIC, 1, 4096, true },
		{ "as many as can be", LIVE_MAGIC, 1048576, 4096, true },
		{ "one more", LIVE_MAGIC, 1048577, 4096, false },
		{ "far more", LIVE_MAGIC, UINT32_MAX, 4096, false },
		{ "none", LIVE_MAGIC, 0, 4096, false },
		{ "a new file's zeros", 0, 0, 0, false },
		{ "no magic", 0, 1000, 4096, false },
		{ "the next version", LIVE_MAGIC + (UINT64_C(1) << 56), 1000,
		    4096, false },
		{ "a bit of it wrong", LIVE_MAGIC ^ 1, 1000, 4096, false },
		{ "the version before", LIVE_MAGIC - (UINT64_C(1) << 56), 1000,
		    4096, false },
		{ "written the other way round",
		    UINT64_C(0x7466706469766532), 1000, 4096, false },
		{ "another page size", LIVE_MAGIC, 1000, 16384, false },
		{ "no page size", LIVE_MAGIC, 1000, 0, false },
		{ "half a page", LIVE_MAGIC, 1000, 2048, false },
	};
	struct live_header h;
	void *page;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		h = good;
		h.magic = rows[i].magic;
		h.slots = rows[i].slots;
		h.page_size = rows[i].page_size;
		page = t_guard(&h, sizeof(h));
		T_OK(live_header_ok(page, sizeof(h)) == rows[i].is_good,
		    rows[i].what);
		t_unguard(page, sizeof(h));
	}
}

/* A reader maps what is there: a file may be cut anywhere. */
static void
test_header_length(void)
{
	unsigned char page[LIVE_PAGE + 1] = { 0 };
	unsigned char *cut;
	size_t len;

	memcpy(page + 1, &good, sizeof(good));
	for (len = 0; len <= sizeof(good); len++) {
		cut = t_guard(page + 1, len);
		T_OK(live_header_ok(cut, len) == (len == sizeof(good)),
		    "a cut header is none");
		t_unguard(cut, len);
	}
	T_OK(live_header_ok(page + 1, LIVE_PAGE), "at an odd address");
	memset(page + 1 + offsetof(struct live_header, log_path), 0xff,
	    LIVE_PATH_MAX);
	T_OK(live_header_ok(page + 1, LIVE_PAGE),
	    "a path without NUL is live_get_text's business");
}

static void
test_text(void)
{
	static const struct {
		const char *what, *in;
		size_t size;
		const char *want;
	} rows[] = {
		{ "a text", "abc\0", 4, "abc" },
		{ "what follows its NUL is not read", "abc\0def", 7, "abc" },
		{ "empty", "\0", 1, "" },
		{ "empty, with rubbish behind", "\0abc", 4, "" },
		{ "no NUL: the last byte gives way", "abcd", 4, "abc" },
		{ "one byte and no NUL", "a", 1, "" },
		{ "the NUL in the last place", "ab\0", 3, "ab" },
		{ "bytes above 127 pass", "\377\200\0", 3, "\377\200" },
	};
	char *in, *out;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		in = t_guard(rows[i].in, rows[i].size);
		out = t_guard(rows[i].in, rows[i].size);
		memset(out, 0x5a, rows[i].size);
		live_get_text(in, rows[i].size, out);
		T_OK(memchr(out, '\0', rows[i].size) != NULL, rows[i].what);
		T_OK(strcmp(out, rows[i].want) == 0, rows[i].what);
		t_unguard(in, rows[i].size);
		t_unguard(out, rows[i].size);
	}
}

static void
test_no_text(void)
{
	char out[2] = { 'x', 'y' };

	live_get_text("abc", 0, out);
	T_OK(out[0] == 'x', "a field of no size writes nothing");
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "offsets and sizes", test_offsets },
		{ "the magic as bytes", test_magic },
		{ "headers", test_header },
		{ "headers of every length", test_header_length },
		{ "texts", test_text },
		{ "a text of no size", test_no_text },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "live", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
