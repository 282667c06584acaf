/*
 * conf - what the administrator wants, as one struct that never changes
 * after it was made.
 *
 * It comes from the command line, whose letters are tftpd-hpa's, and from a
 * file, tftpd.conf(5).  Both go through one table of keys (conf_keys.c), which
 * knows how each value is read, printed and explained.  What the command line
 * says wins, also over `client` sections.
 *
 *	conf_parse_args(&args, argc, argv, why, sizeof(why));
 *	c = conf_make(&args, &report);
 *	v = conf_for(c, &client);	v->may_read, v->max_blksize, ...
 */
#ifndef POLICY_CONF_H
#define POLICY_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "policy/cidr.h"
#include "policy/maprules.h"

#define CONF_ADDRESSES_MAX	16
#define CONF_DIRS_MAX		32	/* different served directories */
#define CONF_ROOTS_MAX		16	/* of one search path */
#define CONF_BLKSIZE_AUTO	0	/* what fits the path MTU */
#define CONF_FOR_EVER		UINT32_MAX

/* All keys of tftpd.conf(5).  The first ones are of the server as a whole. */
enum conf_key {
	CONF_USER, CONF_LINGER, CONF_MAX_TRANSFERS,
	CONF_MAX_TRANSFERS_PER_CLIENT, CONF_REFUSE_SOURCE_PORTS,
	CONF_SINGLE_PORT, CONF_BROADCAST, CONF_ALLOW_CLIENTS,
	CONF_DENY_CLIENTS, CONF_LOG, CONF_SANDBOX, CONF_MAP_STEPS,
	/* from here on they may also stand in a client section */
	CONF_IN_CLIENT,
	CONF_ROOT = CONF_IN_CLIENT,
	CONF_UPLOAD_ROOT, CONF_STRIP_PREFIX, CONF_CASE, CONF_SYMLINKS,
	CONF_CLIENT_DIR, CONF_UPLOAD_NAMES, CONF_MAP_FILE, CONF_MAP_RULES,
	CONF_READ, CONF_CREATE, CONF_OVERWRITE, CONF_REQUIRE_WORLD_READABLE,
	CONF_ALLOW_EXTENSIONS, CONF_DENY_FILES, CONF_MAX_READ,
	CONF_MAX_UPLOAD, CONF_MIN_FREE, CONF_UMASK,
	CONF_MAX_BLKSIZE, CONF_MAX_WINDOWSIZE, CONF_REFUSE_OPTIONS,
	CONF_PORT_RANGE, CONF_GIVE_UP, CONF_ADAPTIVE, CONF_RETRANSMIT,
	CONF_KEYS
};

enum conf_listen {
	CONF_LISTEN_NO,		/* the socket is given */
	CONF_LISTEN_DETACH,	/* -l: bind it, go to the background */
	CONF_LISTEN_FOREGROUND	/* -L */
};

enum conf_case { CONF_CASE_EXACT, CONF_CASE_FOLD, CONF_CASE_LOWER };
enum conf_symlinks { CONF_SYMLINKS_INSIDE, CONF_SYMLINKS_NONE };
enum conf_client_dir {
	CONF_CLIENT_DIR_NONE, CONF_CLIENT_DIR_IP, CONF_CLIENT_DIR_MAC
};
enum conf_upload_names { CONF_UPLOAD_AS_IS, CONF_UPLOAD_UNIQUE };
enum conf_sandbox { CONF_SANDBOX_REQUIRE, CONF_SANDBOX_PREFER };

/* Where a value came from. */
struct conf_origin {
	const char *where;	/* file, option ("-c"), or NULL: built in */
	unsigned line;		/* in the file; 0 for an option */
};

struct conf_list {
	char **items;
	unsigned count;
};

struct conf_nets {
	struct cidr *items;
	unsigned count;
};

/* What can differ from client to client. */
struct conf_values {
	/* names */
	uint8_t roots[CONF_ROOTS_MAX];	/* indexes of conf.dirs, in order */
	unsigned root_count;
	uint8_t upload_root;		/* likewise */
	struct conf_list strip_prefix;	/* cleaned by pathname_clean() */
	enum conf_case letter_case;
	enum conf_symlinks symlinks;
	enum conf_client_dir client_dir;
	enum conf_upload_names upload_names;
	const struct maprules *map;	/* NULL: none */
	const char *map_file;		/* where they stand; NULL: map-rules,
					   whose "lines" are its items */

	/* access */
	bool may_read, may_create, may_overwrite;
	bool may_write_o_w;	/* hpa's form: overwrite what others may
				   write; with -p what we may */
	bool require_world_readable;
	struct conf_list allow_extensions;	/* without a dot in front */
	struct conf_list deny_files;
	uint64_t max_read;		/* bytes; 0: no limit */
	uint64_t max_upload;		/* bytes; 0: no upload at all */
	uint64_t min_free;		/* bytes to leave on the file system */
	mode_t umask;

	/* transfers */
	uint16_t max_blksize;		/* or CONF_BLKSIZE_AUTO */
	uint16_t mtu_less;		/* taken off what fits the MTU */
	uint16_t max_windowsize;
	uint32_t refused_options;	/* bit 1 << options_id */
	uint16_t port_first, port_last;	/* 0, 0: any */
	uint32_t give_up_ms;
	bool adaptive;
	uint32_t first_timeout_ms;

	struct conf_origin origins[CONF_KEYS];	/* from CONF_IN_CLIENT on */
};

/* A client section: complete values, the global ones filled in. */
struct conf_section {
	struct conf_nets nets;
	struct conf_origin origin;
	struct conf_values values;
	uint64_t said;		/* bit 1 << conf_key: said in it, not outside */
};

struct conf {
	/* how it is started: command line only */
	enum conf_listen listen;
	const char *addresses[CONF_ADDRESSES_MAX];
	unsigned address_count;
	bool ipv4_only, ipv6_only;
	const char *pidfile;		/* NULL: none */
	unsigned verbosity;
	bool to_stderr;			/* --stderr: messages go there */

	/* the whole server */
	const char *file;		/* tftpd.conf; NULL: hpa's form */
	const char *user;		/* NULL: the default one */
	uint32_t linger_s;		/* 0: leave at once, or CONF_FOR_EVER */
	uint32_t max_transfers, max_transfers_per_client;	/* 0: no cap */
	uint16_t *refused_ports;
	unsigned refused_port_count;
	bool single_port, broadcast;
	struct conf_nets allow_clients, deny_clients;
	const char *log_path;
	enum conf_sandbox sandbox;
	unsigned map_steps;

	/*
	 * hpa's form, a directory argument without -f: without -s names are
	 * absolute and lie in one of the directories; may_write_o_w is set
	 * unless --read-only.
	 */
	bool is_hpa;
	bool is_absolute;		/* hpa's form without -s */

	/* requests only get "Server configuration error" */
	bool is_broken;

	const char *dirs[CONF_DIRS_MAX];	/* all that are served */
	unsigned dir_count;
	struct conf_values values;	/* of clients without a section */
	struct conf_section *sections;
	unsigned section_count;
	struct conf_origin origins[CONF_IN_CLIENT];

	/* every file that it was made of, for whoever watches them */
	struct conf_list files;

	const char *service;		/* -S: the port of addresses that have
					   none; NULL: 69 */
};

/* What main() is asked to do. */
enum conf_action {
	CONF_SERVE,
	CONF_CHECK,		/* -C */
	CONF_PRINT,		/* --print-config */
	CONF_EXPLAIN,		/* --explain */
	CONF_ADOPT,		/* --adopt */
	CONF_MAP_TEST,		/* --map-test FILE */
	CONF_VERSION,
	CONF_HELP
};

#define CONF_OVERRIDES_MAX	64

/* The command line, taken apart; strings point into argv. */
struct conf_args {
	enum conf_action action;
	const char *argument;		/* of --explain, --adopt, --map-test */
	const char *file;		/* -f, or NULL */
	const char *draft;		/* has its content instead; or NULL */
	enum conf_listen listen;
	const char *addresses[CONF_ADDRESSES_MAX];
	unsigned address_count;
	bool ipv4_only, ipv6_only;
	const char *pidfile;
	unsigned verbosity;
	bool to_stderr;
	bool is_secure;			/* -s */
	char **dirs;			/* the directories at the end */
	unsigned dir_count;
	/* values, as text for the table of keys, and the option's spelling */
	struct {
		enum conf_key key;
		const char *option, *text;
	} overrides[CONF_OVERRIDES_MAX];
	unsigned override_count;
	/* options of tftpd-hpa that have no meaning here: said once */
	const char *idle[8];
	unsigned idle_count;
	const char *service;		/* -S, or NULL */
	const char *path_prefix;	/* put before dirs, or NULL */
	bool is_read_only;
};

/*
 * conf_parse_args - take the command line apart.
 *
 * Values are only looked at by conf_make(), but for those without a key.
 * why, size  room for a sentence: what is wrong and what is allowed
 * Returns false when it cannot be understood.
 */
bool conf_parse_args(struct conf_args *args, int argc, char **argv,
    char *why, size_t size);

/* The lines of --help. */
const char *conf_usage(void);

/*
 * Where problems go, a line each: "FILE:LINE: what is wrong; what is
 * allowed".  A warning does not keep the configuration from being used.
 */
struct conf_report {
	void (*say)(void *arg, bool is_warning, const char *text);
	void *arg;
	unsigned errors, warnings;	/* counted by conf */
	char first[512];		/* the first error */
	struct conf_list files;		/* all that were read, also when it
					   failed; conf_report_clear() */
};

/* Start again with an empty report; say and arg stay. */
void conf_report_clear(struct conf_report *r);

/*
 * conf_make - a configuration of a command line and its file.
 *
 * Directories have to exist, and the user; files may be written by root only
 * (or by who we are, if that is not root).  The environment has to be cleared
 * before: libconfuse replaces ${NAME}.
 * Returns it (conf_free() it), or NULL with every problem in the report.
 */
struct conf *conf_make(const struct conf_args *args, struct conf_report *r);

/*
 * conf_make_as - the same from another file's content.
 *
 * path       read instead of args->file; relative includes and names in
 *            messages are still as if it were args->file (--adopt, --draft)
 */
struct conf *conf_make_as(const struct conf_args *args, const char *path,
    struct conf_report *r);

/*
 * conf_make_broken - for a server whose configuration cannot be used and was
 * never good: built-in values, is_broken set, dir served from.
 */
struct conf *conf_make_broken(const struct conf_args *args, const char *dir);

void conf_free(struct conf *c);

/*
 * conf_print - as a file that conf_make() would read to the same effect.
 *
 * with_origins  a comment says where each value came from
 * is_whole   map rules stand in it themselves, so that it needs no other file
 * Returns false when it could not be written.
 */
bool conf_print(const struct conf *c, FILE *out, bool with_origins,
    bool is_whole);

/* The values for a client: of the longest prefix that matches. */
const struct conf_values *conf_for(const struct conf *c,
    const struct cidr_addr *client);

/* The section that they come from, or NULL: none matches. */
const struct conf_section *conf_section_for(const struct conf *c,
    const struct cidr_addr *client);

/* May this client ask at all?  Sets *origin to the key that says so. */
bool conf_allows(const struct conf *c, const struct cidr_addr *client,
    struct conf_origin *origin);

/* "tftpd.conf:12", "-c", or "default"; of any key, for a client's values. */
#define CONF_ORIGIN_MAX	256
const char *conf_origin_text(const struct conf *c,
    const struct conf_values *v, enum conf_key key,
    char out[static CONF_ORIGIN_MAX]);

/* "max-blksize" */
const char *conf_key_name(enum conf_key key);

/* Does any client need its MAC address looked up? */
bool conf_wants_mac(const struct conf *c);

#endif
