/*
 * auth - who may manage: a file of names and crypt(3) hashes, and what a
 * browser says of itself by HTTP's Basic scheme.
 *
 * The file has a "name:hash" a line, empty lines, and comments that begin
 * with a '#'.  Hashes are of crypt(5)'s slow methods: yescrypt, gost-yescrypt,
 * scrypt, bcrypt, sha512crypt, sha256crypt.
 */
#ifndef STATUS_AUTH_H
#define STATUS_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#define AUTH_NAME_MAX	64
#define AUTH_HASH_MAX	250

struct auth_user {
	char name[AUTH_NAME_MAX + 1], hash[AUTH_HASH_MAX + 1];
};

struct auth_file {
	struct auth_user *users;
	size_t count;
};

/* Told of each problem: "FILE:LINE: what is wrong". */
typedef void auth_say(void *arg, const char *text);

/*
 * auth_parse - take the file's content apart.  Lines that are wrong are told
 * and left out: they lock out nobody else.
 *
 * path       for what is told
 * Returns 0 or -ENOMEM; auth_free() is due in any case.
 */
int auth_parse(const char *text, size_t len, const char *path,
    auth_say *say, void *arg, struct auth_file *f);

/*
 * auth_load - the same of a file.  It must be root's or ours, be written by
 * its owner alone and read by nobody but owner and group.
 *
 * Returns 0, or -errno when it cannot be used at all, which was told;
 * auth_free() is due in any case.
 */
int auth_load(const char *path, auth_say *say, void *arg,
    struct auth_file *f);

void auth_free(struct auth_file *f);

/* Who somebody says that he is. */
#define AUTH_CLAIM_MAX	384
struct auth_claim {
	char name[AUTH_CLAIM_MAX], password[AUTH_CLAIM_MAX];
};

/*
 * auth_read_claim - a header field's value, "Basic dXNlcjpwYXNz".
 * False: it is something else.
 */
bool auth_read_claim(const char *header, struct auth_claim *c);

/*
 * auth_is_true - is that name in the file, with this password?
 *
 * Hashes once in any case, so that it takes as long for a name that is not
 * there as for the first one that is.
 */
bool auth_is_true(const struct auth_file *f, const struct auth_claim *c);

/* Whether two texts are the same; how long it takes says only their lengths. */
bool auth_is_same(const char *a, const char *b);

#endif
