#include <errno.h>

#include "status/form.h"

void
form_begin(struct form *f, struct ask *ask)
{
	*f = (struct form){ .ask = ask };
}

/* Two bytes are left for the terminators of key and value. */
static int
put(struct form *f, char c)
{
	struct ask *a = f->ask;

	if (a->text_len >= sizeof(a->text) - 2)
		return -ENOSPC;
	a->text[a->text_len++] = c;
	f->is_begun = true;
	return 0;
}

/* put() and end_key() left room. */
static void
end_part(struct form *f)
{
	f->ask->text[f->ask->text_len++] = '\0';
}

static int
end_pair(struct form *f)
{
	if (f->hex_left != 0)
		return -EINVAL;
	if (f->is_begun && !f->is_value)
		end_part(f);
	if (f->is_begun)
		end_part(f);
	f->is_begun = f->is_value = false;
	return 0;
}

/* The '=' between key and value; later ones are part of the value. */
static int
end_key(struct form *f)
{
	if (f->ask->text_len >= sizeof(f->ask->text) - 2)
		return -ENOSPC;
	end_part(f);
	f->is_begun = f->is_value = true;
	return 0;
}

static int
take_digit(struct form *f, char c)
{
	unsigned digit;

	if (c >= '0' && c <= '9')
		digit = (unsigned)(c - '0');
	else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		digit = (unsigned)((c | 0x20) - 'a') + 10;
	else
		return -EINVAL;
	f->hex = f->hex * 16 + digit;
	if (--f->hex_left != 0)
		return 0;
	return f->hex == 0 ? -EINVAL : put(f, (char)f->hex);
}

static int
take(struct form *f, char c)
{
	if (f->hex_left != 0)
		return take_digit(f, c);
	switch (c) {
	case '\0':
		return -EINVAL;
	case '%':
		f->hex_left = 2;
		f->hex = 0;
		return 0;
	case '&':
		return end_pair(f);
	case '=':
		return f->is_value ? put(f, c) : end_key(f);
	case '+':
		return put(f, ' ');
	default:
		return put(f, c);
	}
}

int
form_feed(struct form *f, const char *bytes, size_t len)
{
	size_t i;
	int err = 0;

	for (i = 0; i < len && err == 0; i++)
		err = take(f, bytes[i]);
	return err;
}

int
form_end(struct form *f)
{
	return end_pair(f);
}
