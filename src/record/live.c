#include <string.h>

#include "record/live.h"

/* More slots than any configuration gives: 4 GiB of table. */
#define SLOTS_MAX	(UINT32_C(1) << 20)

uint64_t
live_offset(uint32_t slot)
{
	return ((uint64_t)slot + 1) * LIVE_PAGE;
}

uint64_t
live_size(uint32_t slots)
{
	return live_offset(slots);
}

bool
live_header_ok(const void *page, size_t len)
{
	struct live_header header;

	if (len < sizeof(header))
		return false;
	memcpy(&header, page, sizeof(header));
	return header.magic == LIVE_MAGIC && header.page_size == LIVE_PAGE &&
	    header.slots != 0 && header.slots <= SLOTS_MAX;
}

void
live_get_text(const char *in, size_t size, char *out)
{
	size_t len;

	if (size == 0)
		return;
	len = strnlen(in, size - 1);
	memcpy(out, in, len);
	out[len] = '\0';
}
