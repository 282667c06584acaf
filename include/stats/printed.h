/*
 * printed - what "tftpd --print-config" says, as far as it has to be known
 * to tell whether the server could serve.
 *
 * tftpd reads its configuration itself; what it prints has a key a line,
 * quoted texts, and every value in force.
 */
#ifndef STATS_PRINTED_H
#define STATS_PRINTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRINTED_TEXT_MAX	4096
#define PRINTED_DIRS_MAX	64

struct printed_dir {
	char path[PRINTED_TEXT_MAX];
	bool has_uploads;	/* they go there ... */
	uint64_t min_free;	/* ... and leave so many bytes free */
};

struct printed {
	char user[PRINTED_TEXT_MAX], log[PRINTED_TEXT_MAX];
	/* of all roots and upload-roots, each once */
	struct printed_dir *dirs;
	size_t dir_count;
	bool has_more;		/* directories than there is room for */
};

/*
 * printed_parse - take it apart.
 *
 * Returns false when it is no such text: log or root is missing, or a value
 * is not of its form.  printed_free() is due in both cases; ends the program
 * without memory.
 */
bool printed_parse(const char *text, struct printed *p);

void printed_free(struct printed *p);

#endif
