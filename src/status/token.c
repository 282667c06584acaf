#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "status/auth.h"
#include "status/token.h"

#define DAY_US	(UINT64_C(86400) * 1000000)

/*
 * The only hash at hand is crypt(3).  That is slow where passwords are meant,
 * but with the least rounds and a fixed salt it is a one-way function like
 * another: 256 secret bits in front cannot be tried.
 */
#define SETTING	"$5$rounds=1000$tftpd-status$"

/* ---- the secret -------------------------------------------------------- */

static int
read_secret(const char *path, char secret[static TOKEN_SECRET_LEN + 1])
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), err = 0;
	ssize_t n;

	if (fd == -1)
		return -errno;
	n = read(fd, secret, TOKEN_SECRET_LEN + 1);
	if (n == -1)
		err = -errno;
	close(fd);
	if (err != 0)
		return err;
	secret[TOKEN_SECRET_LEN] = '\0';
	return n == TOKEN_SECRET_LEN && strspn(secret, "0123456789abcdef") ==
	    TOKEN_SECRET_LEN ? 0 : -EBADMSG;
}

static int
draw_secret(char secret[static TOKEN_SECRET_LEN + 1])
{
	unsigned char bytes[TOKEN_SECRET_LEN / 2];
	size_t i;

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -EIO;
	for (i = 0; i < sizeof(bytes); i++)
		sprintf(secret + 2 * i, "%02x", bytes[i]);
	return 0;
}

/* Whole under another name first: whoever looks meanwhile sees all or none. */
static int
write_secret(const char *path, const char *secret)
{
	char fresh[PATH_MAX];
	ssize_t n;
	int fd, err = 0;

	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.%ld", path,
	    (long)getpid()) >= sizeof(fresh))
		return -ENAMETOOLONG;
	(void)unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return -errno;
	n = write(fd, secret, TOKEN_SECRET_LEN);
	if (n != TOKEN_SECRET_LEN)
		err = n == -1 ? -errno : -ENOSPC;
	else if (fsync(fd) == -1)
		err = -errno;
	close(fd);
	/* unlike rename() it leaves one that was made meanwhile */
	if (err == 0 && link(fresh, path) == -1 && errno != EEXIST)
		err = -errno;
	(void)unlink(fresh);
	return err;
}

int
token_secret(const char *dir, char secret[static TOKEN_SECRET_LEN + 1])
{
	char path[PATH_MAX];
	int err;

	if ((size_t)snprintf(path, sizeof(path), "%s/secret", dir) >=
	    sizeof(path))
		return -ENAMETOOLONG;
	err = read_secret(path, secret);
	if (err != -ENOENT)
		return err;
	err = draw_secret(secret);
	if (err == 0)
		err = write_secret(path, secret);
	return err != 0 ? err : read_secret(path, secret);
}

/* ---- tokens ------------------------------------------------------------ */

static bool
make_of_day(const char *secret, const char *user, uint64_t day,
    char out[static TOKEN_LEN + 1])
{
	char phrase[TOKEN_SECRET_LEN + AUTH_NAME_MAX + 32];
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *made = NULL;
	bool is_made;

	snprintf(phrase, sizeof(phrase), "%s:%ju:%s", secret, (uintmax_t)day,
	    user);
	if (data != NULL)
		made = crypt_r(phrase, SETTING, data);
	if (made != NULL)
		made = strrchr(made, '$');
	is_made = made != NULL && strlen(made + 1) == TOKEN_LEN;
	if (is_made)
		memcpy(out, made + 1, TOKEN_LEN + 1);
	free(data);
	explicit_bzero(phrase, sizeof(phrase));
	return is_made;
}

bool
token_make(const char *secret, const char *user, uint64_t now_us,
    char out[static TOKEN_LEN + 1])
{
	return make_of_day(secret, user, now_us / DAY_US, out);
}

bool
token_is_good(const char *secret, const char *user, uint64_t now_us,
    const char *text)
{
	char made[TOKEN_LEN + 1];
	uint64_t day = now_us / DAY_US;

	return (make_of_day(secret, user, day, made) &&
	    auth_is_same(made, text)) ||
	    (day != 0 && make_of_day(secret, user, day - 1, made) &&
	    auth_is_same(made, text));
}
