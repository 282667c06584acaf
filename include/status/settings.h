/*
 * settings - what the command line of tftpd-status says.
 */
#ifndef STATUS_SETTINGS_H
#define STATUS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#define SETTINGS_HOSTS_MAX	32

/* All texts are arguments, or constants. */
struct settings {
	const char *log;	/* NULL: what the live table says, or default */
	const char *table;	/* the live table */
	const char *state;	/* a directory of our own */
	const char *conf;	/* tftpd's configuration file */
	const char *tftpd;	/* the program that is asked about it */
	const char *user;	/* whom root becomes */
	const char *manage;	/* the password file; NULL: no management */
	const char *hosts[SETTINGS_HOSTS_MAX];	/* names we are called by */
	size_t host_count;
	bool prefers_walls;	/* goes on without those that are not there */
	bool is_utc;		/* times on pages; JSON has UTC always */
};

/*
 * settings_parse - take the command line apart.
 *
 * Prints and ends the program for --help and --version (0); for what is wrong
 * (2) it tells os/diag, which must be open: standard error may be a client's.
 */
void settings_parse(int argc, char **argv, struct settings *s);

#endif
