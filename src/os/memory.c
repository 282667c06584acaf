#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

bool
memory_unmap(void *ptr, size_t len)
{
	return ptr == NULL || munmap(ptr, len) == 0;
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

int
memory_forget(void *ptr, size_t len)
{
	return madvise(ptr, len, MADV_DONTNEED) == -1 ? -errno : 0;
}

int
memory_freeze(void *ptr, size_t len)
{
	if (mprotect(ptr, len, PROT_READ) == -1)
		return -errno;
	return memory_show(ptr, len, true);
}

static int
hide_if_named(struct dl_phdr_info *object, size_t size, void *arg)
{
	const char *base = strrchr(object->dlpi_name, '/');
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first, end;
	const ElfW(Phdr) *part;
	int i;

	(void)size;
	if (base == NULL || strstr(base, arg) == NULL)
		return 0;
	for (i = 0; i < object->dlpi_phnum; i++) {
		part = &object->dlpi_phdr[i];
		if (part->p_type != PT_LOAD)
			continue;
		first = object->dlpi_addr + part->p_vaddr;
		end = (first + part->p_memsz + page - 1) & ~(page - 1);
		first &= ~(page - 1);
		(void)memory_show((void *)first, end - first, false);
	}
	return 1;
}

void
memory_hide_library(const char *name)
{
	(void)dl_iterate_phdr(hide_if_named, (void *)(uintptr_t)name);
}
