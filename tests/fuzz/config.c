/*
 * config - a command line and any bytes as tftpd.conf: what is accepted is
 * within its limits, and printed it is a file that says the same.
 *
 * An input is the words of a command line with a tab between them, up to a
 * newline, and the file.  The file is read in place of the one that the command
 * line names; without words there is one.  Where they name a directory and no
 * file, none is read.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "policy/conf.h"

#define WORDS_MAX	8
#define LINE_MAX_LEN	256
#define WHY_MAX		256
#define PATH_LEN	32

/* ---- files that are none ---------------------------------------------- */

struct file {
	int fd;
	char path[PATH_LEN];
};

static void
put_file(struct file *f, const void *bytes, size_t len)
{
	if (f->path[0] == '\0') {
		f->fd = memfd_create("conf", 0);
		snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
		if (f->fd == -1 || fchmod(f->fd, 0600) == -1)
			abort();
	}
	if (ftruncate(f->fd, 0) == -1 ||
	    pwrite(f->fd, bytes, len, 0) != (ssize_t)len)
		abort();
}

/* ---- complaints ------------------------------------------------------- */

static void
say(void *arg, bool is_warning, const char *text)
{
	unsigned *count = arg;
	const char *c;

	(void)is_warning;
	FUZZ_HOLDS(text[0] != '\0', "a complaint has a text");
	for (c = text; *c != '\0'; c++)
		FUZZ_HOLDS((unsigned char)*c >= ' ' && *c != 127,
		    "a complaint has no control bytes");
	++*count;
}

static struct conf *
make(const struct conf_args *args, struct conf_report *r)
{
	unsigned said = 0;
	struct conf *c;

	*r = (struct conf_report){ .say = say, .arg = &said };
	c = conf_make(args, r);
	FUZZ_HOLDS((c == NULL) == (r->errors != 0),
	    "there is a configuration if there is no error");
	FUZZ_HOLDS(said == r->errors + r->warnings, "all is said");
	FUZZ_HOLDS(memchr(r->first, '\0', sizeof(r->first)) != NULL &&
	    (r->first[0] != '\0') == (r->errors != 0),
	    "the first error is kept");
	conf_report_clear(r);
	return c;
}

/* ---- what is accepted ------------------------------------------------- */

static void
check_values(const struct conf *c, const struct conf_values *v)
{
	unsigned i;

	FUZZ_HOLDS(v->root_count >= 1 && v->root_count <= CONF_ROOTS_MAX,
	    "a directory is served");
	for (i = 0; i < v->root_count; i++)
		FUZZ_HOLDS(v->roots[i] < c->dir_count, "it is there");
	FUZZ_HOLDS(v->upload_root < c->dir_count, "that for uploads, too");
	FUZZ_HOLDS(v->max_blksize == CONF_BLKSIZE_AUTO ||
	    (v->max_blksize >= 8 && v->max_blksize <= 65464), "max-blksize");
	FUZZ_HOLDS(v->mtu_less <= 1024, "mtu-N");
	FUZZ_HOLDS(v->max_windowsize >= 1, "max-windowsize");
	FUZZ_HOLDS(v->give_up_ms >= 1000 && v->give_up_ms <= 86400000,
	    "give-up");
	FUZZ_HOLDS(v->first_timeout_ms >= 10 &&
	    v->first_timeout_ms <= 255000, "retransmit");
	FUZZ_HOLDS((v->umask & ~(mode_t)0777) == 0, "umask");
	FUZZ_HOLDS(v->port_first <= v->port_last &&
	    (v->port_first != 0 || v->port_last == 0), "port-range");
	FUZZ_HOLDS(v->refused_options < 1 << 7, "refuse-options");
	FUZZ_HOLDS(v->letter_case <= CONF_CASE_LOWER &&
	    v->symlinks <= CONF_SYMLINKS_NONE &&
	    v->client_dir <= CONF_CLIENT_DIR_MAC &&
	    v->upload_names <= CONF_UPLOAD_UNIQUE, "words");
}

/* Addresses of all kinds find their values. */
static void
check_clients(const struct conf *c)
{
	static const char *const texts[] = { "0.0.0.0", "10.1.2.3",
		"192.0.2.7", "255.255.255.255", "::", "2001:db8::7",
		"::ffff:192.0.2.7", "fe80::1%eth0" };
	const struct conf_section *section;
	const struct conf_values *v;
	struct conf_origin origin;
	struct cidr_addr addr;
	unsigned i, net;
	bool matches;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		FUZZ_HOLDS(cidr_parse_addr(texts[i], &addr), "an address");
		section = conf_section_for(c, &addr);
		v = conf_for(c, &addr);
		FUZZ_HOLDS(v == (section != NULL ? &section->values :
		    &c->values), "a client has the values of its section");
		matches = section == NULL;
		for (net = 0; !matches && net < section->nets.count; net++)
			matches = cidr_match(&section->nets.items[net],
			    &addr);
		FUZZ_HOLDS(matches, "a client is in its section's network");
		conf_allows(c, &addr, &origin);
	}
}

static void
check_conf(const struct conf *c)
{
	unsigned i;

	FUZZ_HOLDS(c->dir_count >= 1 && c->dir_count <= CONF_DIRS_MAX,
	    "directories are counted");
	FUZZ_HOLDS(c->max_transfers >= 1 && c->max_transfers <= 65536 &&
	    c->max_transfers_per_client <= 65536, "transfers");
	FUZZ_HOLDS(c->map_steps >= 1 && c->log_path[0] == '/' &&
	    c->sandbox <= CONF_SANDBOX_PREFER, "the whole server");
	check_values(c, &c->values);
	for (i = 0; i < c->section_count; i++)
		check_values(c, &c->sections[i].values);
	check_clients(c);
	conf_wants_mac(c);
}

/* ---- printed ---------------------------------------------------------- */

static char *
print(const struct conf *c, bool with_origins, bool is_whole, size_t *len)
{
	char *text;
	FILE *out = open_memstream(&text, len);

	FUZZ_HOLDS(out != NULL && conf_print(c, out, with_origins, is_whole),
	    "a configuration can be printed");
	fclose(out);
	return text;
}

/* The printed text as a file: it must print the same again. */
static void
check_again(const char *text, size_t len, const char *want, size_t want_len,
    bool is_whole)
{
	static struct file file;
	struct conf_args args = { .action = CONF_CHECK };
	struct conf_report report;
	size_t again_len;
	struct conf *c;
	char *again;

	put_file(&file, text, len);
	args.file = file.path;
	c = make(&args, &report);
	if (c == NULL)
		fprintf(stderr, "%s\n", report.first);
	FUZZ_HOLDS(c != NULL, "what is printed is a configuration");
	again = print(c, false, is_whole, &again_len);
	FUZZ_HOLDS(again_len == want_len && memcmp(again, want, want_len) ==
	    0, "printed again it is the same");
	free(again);
	conf_free(c);
}

/* tftpd-hpa's form has rules that a file cannot say. */
static void
check_print(const struct conf *c, bool is_whole)
{
	size_t len, with_len;
	char *text = print(c, false, is_whole, &len);
	char *with = print(c, true, is_whole, &with_len);

	if (!c->is_hpa) {
		check_again(text, len, text, len, is_whole);
		check_again(with, with_len, text, len, is_whole);
	}
	free(text);
	free(with);
}

/* ---- the command line ------------------------------------------------- */

/* Cut at tabs; returns how many words, with argv[0]. */
static int
split(char *line, char **argv)
{
	static char name[] = "tftpd";
	int argc = 1;

	argv[0] = name;
	while (argc < WORDS_MAX && line != NULL && *line != '\0')
		argv[argc++] = strsep(&line, "\t");
	argv[argc] = NULL;
	return argc;
}

static bool
take_args(struct fuzz_input *in, char *line, char **argv,
    struct conf_args *args)
{
	char why[WHY_MAX];
	size_t len = 0;
	bool is_good;
	uint8_t byte;

	while (len < LINE_MAX_LEN - 1 && in->left != 0 &&
	    (byte = fuzz_u8(in)) != '\n' && byte != '\0')
		line[len++] = (char)byte;
	line[len] = '\0';
	if (len == 0)
		memcpy(line, "-f\tx", sizeof("-f\tx"));
	memset(why, 'x', sizeof(why));
	is_good = conf_parse_args(args, split(line, argv), argv, why,
	    sizeof(why));
	FUZZ_HOLDS(is_good || memchr(why, '\0', sizeof(why)) != NULL,
	    "it is said what is wrong");
	return is_good;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file file;
	struct fuzz_input in = { data, size };
	char line[LINE_MAX_LEN], *argv[WORDS_MAX + 1];
	struct conf_report report;
	struct conf_args args;
	struct conf *c;

	if (!take_args(&in, line, argv, &args) ||
	    !fuzz_is_modest(in.at, in.left))
		return 0;
	put_file(&file, in.at, in.left);
	if (args.file != NULL || args.dir_count == 0)
		args.file = file.path;
	c = make(&args, &report);
	if (c == NULL)
		return 0;
	check_conf(c);
	check_print(c, false);
	check_print(c, true);
	conf_free(c);
	return 0;
}
