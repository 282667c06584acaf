/*
 * conf_parts - what the files of conf share: values as they were written, and
 * where they are kept.
 *
 *	conf_args	the command line, as text
 *	conf_load	the content of a file that may be trusted
 *	conf_text	that content, made ready for libconfuse
 *	conf_file	files, by libconfuse, as text: levels of settings
 *	conf_keys	the table of keys, and what is built in
 *	conf_value	a text to a value, by its key's type
 *	conf_lists	the same for keys that have a list
 *	conf_make	levels and options to a struct conf, with
 *	conf_dirs	the directories,
 *	conf_rules	the map rules, and
 *	conf_check	what no value alone can know
 *	conf_print	a struct conf as a file
 *	conf		memory, complaints, and what others ask of a conf
 */
#ifndef POLICY_CONF_PARTS_H
#define POLICY_CONF_PARTS_H

#include "policy/conf.h"

#define CONF_FILE_MAX		(1024 * 1024)	/* bytes of one file */
#define CONF_SECTIONS_MAX	1024
#define CONF_DIRS_FROM		"command line"	/* the origin of its roots */
#define CONF_SECOND_US		UINT64_C(1000000)
#define CONF_BIT(key)		(UINT64_C(1) << (key))

_Static_assert(CONF_KEYS <= 64, "a bit for each key");

/* A configuration and all that it points to. */
struct conf_own {
	struct conf conf;	/* first: a struct conf is cast to this */
	struct conf_chunk *chunks;
	struct conf_rules *rules;
	bool no_memory;
};

/* Zeroed memory that conf_free() gives back; NULL sets no_memory. */
void *conf_new(struct conf_own *own, size_t size);
char *conf_copy(struct conf_own *own, const char *text, size_t len);

/* The path of name beside file; one that begins with '/' stays as it is. */
char *conf_beside(struct conf_own *own, const char *file, const char *name);

/*
 * conf_rules - map rules, compiled once for everyone who names the same file.
 *
 * path       NULL: never found again
 */
struct conf_rules {
	struct conf_rules *next;
	const char *path;
	struct maprules *map;
};

/* A value as it was written. */
struct conf_item {
	const char *text;
	unsigned line;
};

/* A key with its values, of a file or of options. */
struct conf_setting {
	struct conf_setting *next;	/* in the order they were read in */
	enum conf_key key;
	struct conf_origin origin;
	unsigned source;		/* which reading of a file it was */
	struct conf_item *items;
	unsigned count, room;
};

/* All that is said outside of sections, or in one, or by options. */
struct conf_level {
	struct conf_level *next;
	const char *title;		/* of a section */
	struct conf_origin origin;
	struct conf_setting *first, *last;
	struct conf_setting *by_key[CONF_KEYS];
};

/* A setting for key at that level, added at the end; NULL: no memory. */
struct conf_setting *conf_set(struct conf_own *own, struct conf_level *level,
    enum conf_key key, const struct conf_origin *origin);

/* Drop what is there; the same key can be set again. */
void conf_unset(struct conf_level *level, enum conf_key key);

bool conf_add(struct conf_own *own, struct conf_setting *s, const char *text,
    size_t len, unsigned line);

/* ---- complaints -------------------------------------------------------- */

/*
 * conf_say - one problem to the report: "FILE:LINE: text", "-c: text".
 *
 * at         where it is, or NULL: text alone.  Control bytes of the text
 *            are shown as '?'.
 */
void conf_say(struct conf_report *r, bool is_warning,
    const struct conf_origin *at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The file is one of those that the configuration is made of. */
void conf_note_file(struct conf_report *r, const char *path);

/* ---- the table of keys ------------------------------------------------- */

/* What conf_key_parse() reads, and what conf_dirs and conf_rules do. */
enum conf_type {
	CONF_BOOL, CONF_NUMBER, CONF_WORD, CONF_SIZE, CONF_TIME, CONF_OCTAL,
	CONF_TEXT, CONF_PATH, CONF_BLKSIZE, CONF_RANGE, CONF_OPTIONS,
	CONF_PORTS, CONF_NETS, CONF_PREFIXES, CONF_EXTENSIONS, CONF_GLOBS,
	/* these need the system */
	CONF_DIRS, CONF_DIR, CONF_RULES_FILE, CONF_RULES
};

struct conf_row {
	const char *name;
	enum conf_type type;
	uint16_t offset;	/* in struct conf, or struct conf_values */
	uint8_t size;		/* of a number, bytes */
	bool is_list;
	bool can_last;		/* a time may be "forever" */
	uint64_t least, most;	/* numbers; times: microseconds */
	uint64_t unit_us;	/* times: what a number alone counts, */
	uint64_t grain_us;	/* and what the value in memory counts */
	const char *words;	/* "exact fold lower": 0, 1, 2 */
	const char *allowed;	/* ends a complaint */
};

const struct conf_row *conf_row(enum conf_key key);

/* The key of that name, or -1. */
int conf_key_find(const char *name);

/* The name that it may have been meant for, or NULL. */
const char *conf_key_nearest(const char *name);

/* Where a value lies: in the configuration, or in a client's values. */
void *conf_place(struct conf *c, struct conf_values *v, enum conf_key key);

/* A number at its place, as wide as the row says. */
void conf_number_put(const struct conf_row *row, void *at, uint64_t n);
uint64_t conf_number_get(const struct conf_row *row, const void *at);

/* Fill own, which is zeroed, with what holds where nothing is said. */
void conf_defaults(struct conf_own *own);

/* ---- texts to values --------------------------------------------------- */

static inline bool
conf_is_control(char c)
{
	return (unsigned char)c < ' ' || c == 127;
}

bool conf_has_control(const char *text);

/* A plain number in that base; false: it is none, or has over 64 bits. */
bool conf_number(const char *text, size_t len, int base, uint64_t *out);

/*
 * conf_key_parse - a setting to the value at its place.
 *
 * Returns false with every problem said.
 */
bool conf_key_parse(struct conf_own *own, struct conf_report *r,
    const struct conf_setting *s, struct conf_values *v);

/* The same for a key that has a list; at is its place. */
bool conf_list_parse(struct conf_own *own, struct conf_report *r,
    const struct conf_setting *s, void *at);

/* Networks with commas or of a list; complaints begin with what. */
bool conf_nets_parse(struct conf_own *own, struct conf_report *r,
    const struct conf_setting *s, const char *what, struct conf_nets *out);

/* `"text" what; allowed`, at the item's line. */
void conf_wrong(struct conf_report *r, const struct conf_setting *s,
    const struct conf_item *item, const char *what);

/* The one value of a setting whose key is no list, or NULL and it is said. */
const struct conf_item *conf_single(struct conf_report *r,
    const struct conf_setting *s);

/* ---- files ------------------------------------------------------------- */

/*
 * conf_text - a file's content as libconfuse gets it.
 *
 * complain   called for each problem; the text has no file and line in it
 * Comments are gone (libconfuse counts their lines twice), ${NAME} is filled
 * in without the environment, and marks say where keys of lists and sections
 * stand: a list begins with an item CONF_MARK LINE, a section with the key
 * CONF_MARK and that value.  No key has a value that looks like that.
 * Returns a string, free() it, or NULL: it cannot be parsed.
 */
#define CONF_MARK	"\001"
typedef void conf_text_complain(void *arg, unsigned line, bool is_warning,
    const char *text);
char *conf_text(const char *text, size_t len, conf_text_complain *complain,
    void *arg);

/* Whether it matters who may write a file. */
enum conf_trust { CONF_TRUSTED_ONLY, CONF_ANYBODY };

/*
 * conf_load - a file's content, if it may be trusted.
 *
 * at, what   where it is named, and by which key; at NULL: nowhere
 * shown      its name in complaints
 * st         filled with what it is
 * Returns the content, free() it, or NULL and it is said.
 */
struct stat;
char *conf_load(struct conf_report *r, const struct conf_origin *at,
    const char *what, const char *path, const char *shown,
    enum conf_trust trust, size_t *len, struct stat *st);

/*
 * conf_read - a file with its includes.
 *
 * path       what is opened
 * shown      its name for complaints, and includes are relative to it
 * outside    filled; sections follow it
 * Returns false when libconfuse had to stop; what it had read till then is
 * there.
 */
bool conf_read(struct conf_own *own, struct conf_report *r, const char *path,
    const char *shown, enum conf_trust trust, struct conf_level *outside);

/* ---- levels to a struct conf ------------------------------------------- */

/* A configuration that is being made, and what it is made of. */
struct conf_making {
	struct conf_own *own;
	struct conf_report *report;
	struct conf_level options;	/* of the command line: they win */
	struct conf_level outside;
	unsigned nets;			/* of all sections till now */
};

/* The values of a level while they are put together. */
struct conf_target {
	const struct conf_level *level;
	struct conf_values *values;
	int upload;		/* the upload-root, or -1: the first root */
};

/* Does the command line say this key, whatever stands in files? */
bool conf_is_option(const struct conf_making *m, enum conf_key key);

/* One setting each to the values of t; false: it is said what is wrong. */
bool conf_apply_root(struct conf_making *m, const struct conf_setting *s,
    struct conf_target *t);
bool conf_apply_upload_root(struct conf_making *m,
    const struct conf_setting *s, struct conf_target *t);
bool conf_apply_map_file(struct conf_making *m, const struct conf_setting *s,
    struct conf_target *t);
bool conf_apply_map_rules(struct conf_making *m, const struct conf_setting *s,
    struct conf_target *t);

/* Serve TFTPROOT if nobody named a directory; it is said if it is not there. */
void conf_default_root(struct conf_making *m, struct conf_target *t);

/* When all else of a level is applied: upload_root of what was said of it. */
void conf_settle_upload_root(struct conf_target *t);

/* Is the user of that setting one who may serve?  Otherwise it is said. */
bool conf_check_user(struct conf_making *m, const struct conf_setting *s);

/* Warn of values that defeat each other: of a level, of the whole server. */
void conf_check_values(struct conf_making *m, const struct conf_target *t);
void conf_check_server(struct conf_making *m, const struct conf_target *t);

/*
 * conf_check_net - is a network of a section one that nobody named before?
 *
 * net        its index in the section
 * Returns false, and it is said, if it stands in this or an earlier section.
 */
bool conf_check_net(struct conf_making *m, const struct conf_section *section,
    unsigned net);

#endif
