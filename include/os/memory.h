/*
 * memory - whole pages, for what fork() should not copy, must share, or
 * what a short-lived process needs once.
 *
 * malloc() in a process that was just forked copies pages of the heap that
 * it shares with its parent; fresh pages cost less.  All of it is zeroed.
 */
#ifndef OS_MEMORY_H
#define OS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Pages of our own, or NULL. */
void *memory_get(size_t len);

/* Give back what memory_get() gave; ptr may be NULL. */
void memory_put(void *ptr, size_t len);

/* Pages that children do not have: fork() need not look at them.  Or NULL. */
void *memory_get_unforked(size_t len);

/*
 * memory_get_shared - pages that this process and its children both write,
 * or NULL.  Children that are forked have them only while memory_show() says
 * so, at first not.
 */
void *memory_get_shared(size_t len);

/* Shall children that are forked from now on have these pages?  0 or -errno. */
int memory_show(void *ptr, size_t len, bool to_children);

/*
 * memory_forget - unforked pages: they take no memory and read as zero until
 * they are written again.  0 or -errno.
 */
int memory_forget(void *ptr, size_t len);

/*
 * memory_freeze - shared pages: children have them from now on, and nobody
 * can write to them any more.  0 or -errno.
 */
int memory_freeze(void *ptr, size_t len);

/*
 * memory_hide_library - children that are forked from now on do not have the
 * code and data of a shared library: fork() and exit cost less, and nobody
 * can misuse it.  They may neither call it nor run its destructors: _exit().
 *
 * name       a part of its file's name, "libconfuse.so"
 */
void memory_hide_library(const char *name);

/*
 * This process leaves shared or unforked pages; the others keep them.  false:
 * it could not.
 */
bool memory_unmap(void *ptr, size_t len);

#endif
