/*
 * manage_parts - what the files of manage share.
 *
 *	manage		who may, which form; one request from its begin to end
 *	manage_text	a configuration as a text that goes through a browser
 *	manage_tool	asking tftpd
 *	manage_store	what is staged, and drafts, in the state directory
 *	manage_page	the page
 *	manage_show	its parts that are lists of lines
 */
#ifndef STATUS_MANAGE_PARTS_H
#define STATUS_MANAGE_PARTS_H

#include "stats/capture.h"
#include "status/auth.h"
#include "status/back.h"
#include "status/effective.h"
#include "status/token.h"

#define MANAGE_TEXT_MAX	((size_t)256 * 1024)	/* bytes of a configuration */

/* A configuration; buf is NULL, or has a NUL behind its len bytes. */
struct manage_text {
	char *buf;
	size_t len;
};

/* One request of somebody whose password was right. */
struct manage_visit {
	const struct settings *settings;
	const char *peer;
	const struct ask *ask;
	struct answer *answer;
	char user[AUTH_NAME_MAX + 1];
	char token[TOKEN_LEN + 1];
};

/* ---- texts ------------------------------------------------------------- */

/*
 * manage_text_read - a file's content.
 * Returns 0 or -errno: -EFBIG: more than MANAGE_TEXT_MAX; -EILSEQ: it has
 * bytes that a browser would not send back as they are.  free(t->buf).
 */
int manage_text_read(const char *path, struct manage_text *t);

/*
 * manage_text_take - what a browser sent: its line ends are CR LF.
 * Returns 0, -EFBIG or -ENOMEM.  free(t->buf).
 */
int manage_text_take(const char *sent, struct manage_text *t);

/* ---- tftpd ------------------------------------------------------------- */

/*
 * manage_ask - "tftpd -f CONF [--draft DRAFT] ACTION [ARGUMENT]".
 * draft, argument: NULL for none.  Returns as capture_run(); capture_free().
 */
int manage_ask(const struct settings *s, const char *draft,
    const char *action, const char *argument, struct capture *c);

/* ---- the state directory ----------------------------------------------- */

#define MANAGE_PATH_MAX	4096

/* What waits for root. */
struct manage_staged {
	bool is_there;
	char path[MANAGE_PATH_MAX];
	uint64_t since_us;			/* since 1970 */
	char user[AUTH_NAME_MAX + 1], peer[BACK_PEER_MAX];	/* "": ? */
};

/*
 * manage_lock - one at a time has a draft, or stages.
 * Returns a descriptor, to be closed; -EBUSY when others take too long, or
 * another -errno.
 */
int manage_lock(const struct settings *s);

/*
 * manage_draft - write a text where tftpd can read it, under the lock; 0600.
 * path       gets the name; manage_drop_draft() is due
 * Returns 0 or -errno.
 */
int manage_draft(const struct settings *s, const struct manage_text *t,
    char path[static MANAGE_PATH_MAX]);
void manage_drop_draft(const struct settings *s);

/* The draft becomes what is staged, 0640, in one step.  0 or -errno. */
int manage_stage(const struct manage_visit *v);

/* Nothing is staged any more.  0 or -errno. */
int manage_discard(const struct settings *s);

void manage_look_staged(const struct settings *s, struct manage_staged *g);

/* ---- the page ---------------------------------------------------------- */

/* What a page says besides the editor; what is NULL or false it does not. */
struct manage_page {
	const char *notice;		/* of the class notice_class */
	const char *notice_class;
	const struct manage_text *text;	/* in the editor; NULL: the file's */
	/* the file that tftpd was asked about, under the name that it knows */
	const char *draft;
	const struct effective *checked;	/* what --check said of it */
	bool is_good;
	/* a question, as it was asked, and the answer */
	const char *client, *op, *name, *with;
	const char *wrong;		/* why it cannot be asked */
	const struct capture *told;
	const struct manage_text *asked;	/* text if it was, or NULL */
};

void manage_show_page(const struct manage_visit *v,
    const struct manage_page *p);

/*
 * manage_show_problems - each with the lines around it.
 * file       whose lines text has; problems of others have only their place
 */
void manage_show_problems(const struct effective *e, const char *file,
    const struct manage_text *text);

/* What staging would change, or a sentence that nothing is different. */
void manage_show_difference(const struct manage_text *before,
    const struct manage_text *after);

/* The values in force. */
void manage_show_values(const struct effective *e);

/* Lines that a program printed; NULL: none. */
void manage_show_lines(const char *text);

#endif
