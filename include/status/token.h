/*
 * token - what a form of ours has in it, and another site's has not.
 *
 * It is made of a secret of the state directory, of the user's name and of the
 * day: a page that was shown to somebody else, or the day before yesterday,
 * has another one.
 */
#ifndef STATUS_TOKEN_H
#define STATUS_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#define TOKEN_SECRET_LEN	64	/* hexadecimal digits */
#define TOKEN_LEN		43

/*
 * token_secret - read it; the first who asks makes it, file "secret", 0600.
 *
 * dir        a directory of our own
 * Returns 0 or -errno: -EBADMSG for a file that is not of its form.
 */
int token_secret(const char *dir, char secret[static TOKEN_SECRET_LEN + 1]);

/*
 * token_make - the token of a user.
 *
 * now_us     since 1970
 * False: no memory, or crypt(3) is not what it should be.
 */
bool token_make(const char *secret, const char *user, uint64_t now_us,
    char out[static TOKEN_LEN + 1]);

/* Is text the token of that user, of today or of yesterday? */
bool token_is_good(const char *secret, const char *user, uint64_t now_us,
    const char *text);

#endif
