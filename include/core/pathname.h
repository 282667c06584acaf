/*
 * pathname - a requested name as text: what it may contain, and one
 * spelling of it.  The file system is never asked here; whatever passes is
 * still resolved under the root by os/resolve.
 */
#ifndef CORE_PATHNAME_H
#define CORE_PATHNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATHNAME_MAX		1024	/* bytes of a name, without its NUL */
#define PATHNAME_COMPONENT_MAX	255	/* bytes of one component */
#define PATHNAME_ID_LEN		16	/* hex digits of a transfer's id */

enum pathname_verdict {
	PATHNAME_OK,
	PATHNAME_EMPTY,		/* no byte at all */
	PATHNAME_TOO_LONG,
	PATHNAME_CONTROL,	/* a control byte: 1..31, 127 or a NUL */
	PATHNAME_DOTDOT,	/* a component that is ".." */
	PATHNAME_HIDDEN		/* one of our unfinished uploads */
};

/*
 * pathname_check - may this name be looked at at all?
 *
 * name, len  as sent.  Returns PATHNAME_OK, _EMPTY, _TOO_LONG or _CONTROL.
 */
enum pathname_verdict pathname_check(const uint8_t *name, size_t len);

/*
 * pathname_clean - one spelling, relative to the root.
 *
 * name, len  any bytes: pathname_check() is called in here first
 * out        the result with a NUL: '\' is '/', no leading, doubled or
 *            trailing '/', no "." component; "." if nothing is left
 *
 * Returns PATHNAME_OK or what is wrong.  "a..b" is an ordinary name; ".."
 * between slashes of either kind is PATHNAME_DOTDOT; a last component as
 * pathname_hidden() makes them is PATHNAME_HIDDEN.
 * A trailing '/' is dropped: clients that send one mean the file.  A string
 * is in out whatever is returned.
 */
enum pathname_verdict pathname_clean(const uint8_t *name, size_t len,
    char out[static PATHNAME_MAX + 1]);

/*
 * pathname_below - the part of path below dir.
 *
 * path, dir  cleaned names ("srv/tftp/x", "srv/tftp"; "." for the root)
 * Returns a pointer into path ("x"), "." for dir itself, or NULL when path
 * is not below dir; compared by component: "srv/tftpX" is not.
 */
const char *pathname_below(const char *path, const char *dir);

/*
 * pathname_split - the last component of a cleaned name.
 *
 * dir        the part before it with a NUL, "." if there is none
 * Returns a pointer into path.
 */
const char *pathname_split(const char *path,
    char dir[static PATHNAME_MAX + 1]);

/*
 * pathname_cut - how much of base fits into max bytes.
 *
 * Returns a length, at most max, that does not end within a UTF-8
 * character: file systems that check (casefolding ext4, ZFS with utf8only,
 * vfat) refuse such a name.  What is no UTF-8 is cut anywhere.
 */
size_t pathname_cut(const char *base, size_t max);

/*
 * pathname_hidden - the name under which an upload is kept while it runs.
 *
 * base       the last component of the target
 * id         of the transfer, PATHNAME_ID_LEN hex digits
 * out        ".BASE.ID"; BASE is cut so that it is a legal component
 */
void pathname_hidden(const char *base, const char *id,
    char out[static PATHNAME_COMPONENT_MAX + 1]);

/* Whether base has the form that pathname_hidden() gives. */
bool pathname_is_hidden(const char *base);

#endif
