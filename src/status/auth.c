#include <crypt.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "status/auth.h"

#define FILE_BYTES_MAX	((size_t)64 * 1024)
#define USERS_MAX	256

/* ---- the file ---------------------------------------------------------- */

struct parsing {
	const char *path;
	unsigned line;
	auth_say *say;
	void *arg;
	struct auth_file *file;
};

static void __attribute__((format(printf, 2, 3)))
complain(const struct parsing *p, const char *fmt, ...)
{
	char text[512], all[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (p->line != 0)
		snprintf(all, sizeof(all), "%s:%u: %s", p->path, p->line,
		    text);
	else
		snprintf(all, sizeof(all), "%s: %s", p->path, text);
	p->say(p->arg, all);
}

/* Methods that are slow by design; DES and MD5 are tried in no time. */
static bool
is_slow_method(const char *hash)
{
	static const char *const prefixes[] = { "$y$", "$gy$", "$7$", "$6$",
		"$5$", "$2a$", "$2b$", "$2y$" };
	size_t i;

	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(hash, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* The shortest digest of these methods has 31 digits, behind a salt. */
static bool
is_hash(const char *hash)
{
	const char *last = strrchr(hash, '$');

	if (last == NULL || strlen(last + 1) < 31)
		return false;
#ifdef CRYPT_CHECKSALT_AVAILABLE
	if (crypt_checksalt(hash) == CRYPT_SALT_INVALID)
		return false;
#endif
	return true;
}

static const char *
wrong_name(const char *name, size_t len)
{
	size_t i;

	if (len == 0 || len > AUTH_NAME_MAX)
		return "a name has 1 to 64 bytes";
	for (i = 0; i < len; i++)
		if (iscntrl((unsigned char)name[i]) != 0 || name[i] == ' ')
			return "a name has no blanks and control bytes";
	return NULL;
}

static const char *
wrong_hash(const char *hash, size_t len)
{
	char copy[AUTH_HASH_MAX + 1];

	if (len == 0)
		return "there is no hash";
	if (len > AUTH_HASH_MAX || memchr(hash, '\0', len) != NULL)
		return "that is no hash of crypt(5)";
	memcpy(copy, hash, len);
	copy[len] = '\0';
	if (!is_slow_method(copy))
		return "the hash is none that is slow to try (DES and MD5 are "
		    "refused); make one with \"mkpasswd -m yescrypt\" or "
		    "\"openssl passwd -6\"";
	return is_hash(copy) ? NULL : "the hash is not whole";
}

static bool
is_known(const struct auth_file *f, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < f->count; i++)
		if (strlen(f->users[i].name) == len &&
		    memcmp(f->users[i].name, name, len) == 0)
			return true;
	return false;
}

static void
add(struct parsing *p, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len), *wrong;
	struct auth_user *u;
	size_t name_len, hash_len;

	if (colon == NULL) {
		complain(p, "there is no ':'; a line is name:hash");
		return;
	}
	name_len = (size_t)(colon - line);
	hash_len = len - name_len - 1;
	wrong = wrong_name(line, name_len);
	if (wrong == NULL)
		wrong = wrong_hash(colon + 1, hash_len);
	if (wrong == NULL && is_known(p->file, line, name_len))
		wrong = "this name is in the file already; the first counts";
	if (wrong == NULL && p->file->count == USERS_MAX)
		wrong = "there are more than 256 names";
	if (wrong != NULL) {
		complain(p, "%s", wrong);
		return;
	}
	u = &p->file->users[p->file->count++];
	memcpy(u->name, line, name_len);
	memcpy(u->hash, colon + 1, hash_len);
}

int
auth_parse(const char *text, size_t len, const char *path, auth_say *say,
    void *arg, struct auth_file *f)
{
	struct parsing p = { .path = path, .say = say, .arg = arg,
		.file = f };
	const char *at = text, *end = text + len, *next;
	size_t n;

	*f = (struct auth_file){ .users = calloc(USERS_MAX,
	    sizeof(*f->users)) };
	if (f->users == NULL)
		return -ENOMEM;
	for (; at < end; at = next) {
		p.line++;
		next = memchr(at, '\n', (size_t)(end - at));
		n = (size_t)((next != NULL ? next : end) - at);
		next = next != NULL ? next + 1 : end;
		while (n != 0 && strchr(" \t\r", at[n - 1]) != NULL &&
		    at[n - 1] != '\0')
			n--;
		if (n != 0 && *at != '#')
			add(&p, at, n);
	}
	return 0;
}

/* What speaks against a file, or NULL. */
static const char *
unsafe(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "it is no regular file";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "it belongs to a user who is neither root nor we";
	if ((st->st_mode & 022) != 0)
		return "others than its owner may write it; chmod 0640";
	if ((st->st_mode & 007) != 0)
		return "everybody may read it; chmod 0640, and chgrp to the "
		    "group of tftpd-status";
	if ((uint64_t)st->st_size > FILE_BYTES_MAX)
		return "it has more than 64 KiB";
	return NULL;
}

static int
refuse(const struct parsing *p, const char *what, int err)
{
	complain(p, "%s", what != NULL ? what : strerror(err));
	return -err;
}

int
auth_load(const char *path, auth_say *say, void *arg, struct auth_file *f)
{
	struct parsing p = { .path = path, .say = say, .arg = arg };
	int fd, ret;
	struct stat st;
	const char *what;
	char *text;
	ssize_t n;

	*f = (struct auth_file){ .users = NULL };
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1) {
		ret = refuse(&p, NULL, errno);
		if (fd != -1)
			close(fd);
		return ret;
	}
	what = unsafe(&st);
	text = what == NULL ? malloc(FILE_BYTES_MAX) : NULL;
	n = text == NULL ? -1 : read(fd, text, FILE_BYTES_MAX);
	if (what != NULL)
		ret = refuse(&p, what, EPERM);
	else if (n == -1)
		ret = refuse(&p, NULL, text == NULL ? ENOMEM : errno);
	else
		ret = auth_parse(text, (size_t)n, path, say, arg, f);
	if (n > 0)
		explicit_bzero(text, (size_t)n);
	free(text);
	close(fd);
	return ret;
}

void
auth_free(struct auth_file *f)
{
	if (f->users != NULL)
		explicit_bzero(f->users, USERS_MAX * sizeof(*f->users));
	free(f->users);
	*f = (struct auth_file){ .users = NULL };
}

/* ---- what the browser says --------------------------------------------- */

static int
digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* Base64 with its padding; bytes written, or -1. */
static ssize_t
decode(const char *in, char *out, size_t size)
{
	size_t len = strlen(in), pad = 0, i, n = 0;
	unsigned bits = 0;
	int value;

	while (pad < 2 && pad < len && in[len - 1 - pad] == '=')
		pad++;
	if (len % 4 != 0 || len / 4 * 3 > size)
		return -1;
	for (i = 0; i < len - pad; i++) {
		value = digit(in[i]);
		if (value < 0)
			return -1;
		bits = bits << 6 | (unsigned)value;
		if (i % 4 != 0)
			out[n++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xff);
	}
	return (ssize_t)n;
}

bool
auth_read_claim(const char *header, struct auth_claim *c)
{
	char text[AUTH_CLAIM_MAX];
	const char *colon;
	ssize_t len;
	size_t name_len;
	bool is_good = false;

	if (strncasecmp(header, "Basic ", 6) != 0)
		return false;
	header += 6;
	header += strspn(header, " ");
	len = decode(header, text, sizeof(text) - 1);
	if (len < 0 || memchr(text, '\0', (size_t)len) != NULL)
		goto out;
	text[len] = '\0';
	colon = strchr(text, ':');
	if (colon == NULL)
		goto out;
	name_len = (size_t)(colon - text);
	memcpy(c->name, text, name_len);
	c->name[name_len] = '\0';
	strcpy(c->password, colon + 1);
	is_good = true;
out:
	explicit_bzero(text, sizeof(text));
	return is_good;
}

/* ---- is it true? ------------------------------------------------------- */

bool
auth_is_same(const char *a, const char *b)
{
	size_t len = strlen(a), i;
	unsigned char differs = strlen(b) != len;

	if (differs != 0)
		return false;
	for (i = 0; i < len; i++)
		differs |= (unsigned char)(a[i] ^ b[i]);
	return differs == 0;
}

bool
auth_is_true(const struct auth_file *f, const struct auth_claim *c)
{
	const struct auth_user *found = NULL;
	struct crypt_data *data;
	const char *made;
	bool is_true = false;
	size_t i;

	for (i = 0; i < f->count; i++)
		if (auth_is_same(f->users[i].name, c->name))
			found = &f->users[i];
	data = calloc(1, sizeof(*data));
	if (data == NULL || f->count == 0)
		goto out;
	made = crypt_r(c->password, found != NULL ? found->hash :
	    f->users[0].hash, data);
	is_true = made != NULL && found != NULL &&
	    auth_is_same(found->hash, made);
out:
	if (data != NULL)
		explicit_bzero(data, sizeof(*data));
	free(data);
	return is_true;
}
