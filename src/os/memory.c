#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "config.h"
#include "os/memory.h"

static void *
map(size_t len, int flags)
{
	void *ptr = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_ANONYMOUS | flags, -1, 0);

	return ptr == MAP_FAILED ? NULL : ptr;
}

/* An instrumented build wants to know each buffer's borders. */
#ifdef INSTRUMENTED
void *
memory_get(size_t len)
{
	return calloc(1, len);
}

void
memory_put(void *ptr, size_t len)
{
	(void)len;
	free(ptr);
}
#else
void *
memory_get(size_t len)
{
	return map(len, MAP_PRIVATE);
}

void
memory_put(void *ptr, size_t len)
{
	memory_unmap(ptr, len);
}
#endif

void
memory_unmap(void *ptr, size_t len)
{
	if (ptr != NULL)
		(void)munmap(ptr, len);
}

static void *
map_hidden(size_t len, int flags)
{
	void *ptr = map(len, flags);

	if (ptr == NULL || memory_show(ptr, len, false) == 0)
		return ptr;
	memory_unmap(ptr, len);
	return NULL;
}

void *
memory_get_unforked(size_t len)
{
	return map_hidden(len, MAP_PRIVATE);
}

void *
memory_get_shared(size_t len)
{
	return map_hidden(len, MAP_SHARED);
}

int
memory_show(void *ptr, size_t len, bool to_children)
{
	return madvise(ptr, len, to_children ? MADV_DOFORK :
	    MADV_DONTFORK) == -1 ? -errno : 0;
}
