/*
 * conf - what the administrator wants, as one struct that never changes
 * after the start.
 *
 * It comes from the command line, whose letters are tftpd-hpa's, so that
 * "server_args = -s /tftpboot" goes on working.
 */
#ifndef POLICY_CONF_H
#define POLICY_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONF_ADDRESSES_MAX	16
#define CONF_BLKSIZE_AUTO	0	/* what fits the path MTU */

enum conf_listen {
	CONF_LISTEN_NO,		/* the socket is given */
	CONF_LISTEN_DETACH,	/* -l: bind it, go to the background */
	CONF_LISTEN_FOREGROUND	/* -L */
};

/* Strings point into argv or are constant. */
struct conf {
	/* how it is started */
	enum conf_listen listen;
	const char *addresses[CONF_ADDRESSES_MAX];
	unsigned address_count;
	bool ipv4_only, ipv6_only;
	const char *pidfile;		/* NULL: none */
	const char *log_path;
	unsigned verbosity;
	uint32_t linger_s;		/* 0: for ever */

	/* what is served, and as whom */
	const char *root;
	bool is_secure;			/* -s: names are relative to root */
	const char *user;		/* NULL: not given */

	/* access */
	bool may_create;		/* -c */
	bool read_only;			/* no uploads at all */
	bool permissive;		/* -p: don't ask for o+r, o+w */
	mode_t umask;
	uint64_t max_upload;		/* bytes; 0: no upload at all */
	uint64_t min_free;		/* bytes to leave on the file system */

	/* transfers */
	uint16_t max_blksize;		/* or CONF_BLKSIZE_AUTO */
	uint16_t mtu_less;		/* taken off what fits the MTU */
	uint16_t max_windowsize;
	uint32_t refused_options;	/* bit 1 << options_id */
	uint16_t port_first, port_last;	/* 0, 0: any */
	uint32_t first_timeout_ms;
	uint32_t give_up_ms;
	bool adaptive;

	/* room */
	uint32_t max_transfers;
};

enum conf_verdict {
	CONF_OK,
	CONF_USAGE,	/* why[] says what is wrong and what is allowed */
	CONF_VERSION,	/* -V was asked for */
	CONF_HELP
};

/*
 * conf_from_args - the command line to a configuration.
 *
 * argc, argv main()'s; strings in c point into it
 * c          filled whole, defaults included
 * why, size  room for a sentence, for CONF_USAGE
 */
enum conf_verdict conf_from_args(struct conf *c, int argc, char **argv,
    char *why, size_t size);

/* The lines of --help. */
const char *conf_usage(void);

#endif
