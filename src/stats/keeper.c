#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stats/keeper.h"
#include "stats/livetab.h"

#define TEXT_MAX	65536	/* bytes of a command line */
#define SOCKETS_MAX	256

/* ---- files of /proc ---------------------------------------------------- */

static FILE *
open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	return fopen(path, "re");
}

/* The word of that number, from 0; "" at the end. */
static const char *
word(const char *line, unsigned number)
{
	static const char blanks[] = " \t\n";

	for (;; number--) {
		line += strspn(line, blanks);
		if (number == 0)
			return line;
		line += strcspn(line, blanks);
	}
}

/*
 * A process that changed its user belongs to root in /proc: ask its status,
 * which has the real, the effective and the saved one.
 */
static bool
read_uid(pid_t pid, uid_t *uid)
{
	FILE *f = open_proc(pid, "status");
	bool is_found = false, is_same = true;
	char line[256];
	unsigned i;

	if (f == NULL)
		return false;
	while (!is_found && fgets(line, sizeof(line), f) != NULL)
		is_found = strncmp(line, "Uid:", 4) == 0;
	fclose(f);
	*uid = is_found ? (uid_t)strtoul(word(line, 1), NULL, 10) : (uid_t)-1;
	for (i = 2; is_found && i <= 3; i++)
		is_same &= (uid_t)strtoul(word(line, i), NULL, 10) == *uid;
	return is_found && is_same;
}

static bool
is_program(pid_t pid, const char *program)
{
	struct stat ours, theirs;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/exe", (long)pid);
	return stat(path, &theirs) == 0 && stat(program, &ours) == 0 &&
	    ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* ---- how it was started ------------------------------------------------ */

/* Returns false when they are too many to be all of them. */
static bool
split_args(struct keeper *k, size_t len)
{
	char *at, *end = k->text + len;

	for (at = k->text; at < end; at += strlen(at) + 1) {
		if (k->argc == KEEPER_ARGS_MAX)
			return false;
		k->argv[k->argc++] = at;
	}
	return k->argc != 0;
}

static void
read_args(struct keeper *k)
{
	FILE *f = open_proc(k->pid, "cmdline");
	size_t len;

	if (f == NULL)
		return;
	k->text = malloc(TEXT_MAX + 1);
	if (k->text == NULL)
		err(1, NULL);
	len = fread(k->text, 1, TEXT_MAX, f);
	fclose(f);
	k->text[len] = '\0';
	k->has_args = len < TEXT_MAX && split_args(k, len);
}

void
keeper_look(const char *table, const char *program, struct keeper *k)
{
	struct livetab t;

	*k = (struct keeper){ .pid = 0 };
	if (livetab_open(&t, table) != 0)
		return;
	if (t.has_keeper)
		k->pid = t.keeper;
	livetab_close(&t);
	if (k->pid <= 0 || !read_uid(k->pid, &k->uid)) {
		k->uid = (uid_t)-1;
		return;
	}
	if ((k->uid == 0 || k->uid == geteuid()) &&
	    is_program(k->pid, program))
		read_args(k);
}

void
keeper_forget(struct keeper *k)
{
	free(k->text);
	k->text = NULL;
	k->argc = 0;
	k->has_args = false;
}

/* ---- where it listens -------------------------------------------------- */

/* The numbers of its sockets; how many. */
static size_t
list_sockets(pid_t pid, uint64_t inodes[static SOCKETS_MAX])
{
	char path[64], text[64];
	struct dirent *entry;
	size_t count = 0;
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while (count < SOCKETS_MAX && (entry = readdir(dir)) != NULL) {
		len = readlinkat(dirfd(dir), entry->d_name, text,
		    sizeof(text) - 1);
		if (len <= 0)
			continue;
		text[len] = '\0';
		if (strncmp(text, "socket:[", 8) == 0)
			inodes[count++] = strtoull(text + 8, NULL, 10);
	}
	closedir(dir);
	return count;
}

/* What a line of /proc/net/udp is asked for. */
struct search {
	const uint64_t *inodes;		/* one of these, */
	size_t count;
	uint16_t port;			/* or this port */
	uint16_t found;
};

/* "0100007F:0045", both in hexadecimal; 0: it is none. */
static unsigned long
port_of(const char *address)
{
	const char *colon = strchr(address, ':');

	return colon == NULL ? 0 : strtoul(colon + 1, NULL, 16);
}

/* Words: number, own address, peer's, state, and, as the tenth, the inode. */
static void
take_line(struct search *s, const char *line)
{
	unsigned long port = port_of(word(line, 1));
	uint64_t inode = strtoull(word(line, 9), NULL, 10);
	size_t i;

	/* no peer: it takes requests of anybody */
	if (port == 0 || port > UINT16_MAX || port_of(word(line, 2)) != 0)
		return;
	for (i = 0; i < s->count && s->inodes[i] != inode; i++)
		;
	if (s->inodes == NULL ? port != s->port : i == s->count)
		return;
	if (s->found == 0 || port < s->found)
		s->found = (uint16_t)port;
}

static void
search(struct search *s, FILE *f)
{
	char line[512];

	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL)
		take_line(s, line);
	fclose(f);
}

uint16_t
keeper_port(const struct keeper *k)
{
	uint64_t inodes[SOCKETS_MAX];
	struct search s = { .inodes = inodes };

	if (k->pid <= 0)
		return 0;
	s.count = list_sockets(k->pid, inodes);
	if (s.count == 0)
		return 0;
	search(&s, open_proc(k->pid, "net/udp"));
	search(&s, open_proc(k->pid, "net/udp6"));
	return s.found;
}

bool
keeper_is_bound(uint16_t port)
{
	struct search s = { .port = port };

	search(&s, fopen("/proc/self/net/udp", "re"));
	search(&s, fopen("/proc/self/net/udp6", "re"));
	return s.found != 0;
}

/* ---- the program ------------------------------------------------------- */

bool
keeper_find_program(char *path, size_t size)
{
	char own[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	if (len > 0) {
		own[len] = '\0';
		slash = strrchr(own, '/');
		if (slash != NULL && (size_t)snprintf(path, size, "%.*s/tftpd",
		    (int)(slash - own), own) < size &&
		    access(path, X_OK) == 0)
			return true;
	}
	return (size_t)snprintf(path, size, "%s/tftpd", SBINDIR) < size &&
	    access(path, X_OK) == 0;
}
