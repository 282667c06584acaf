/*
 * The state is text: a line a counter, a line a file, and a checksum at the
 * end.  A key that is missing is 0, an unknown one is skipped, so that a
 * newer program reads the state of an older one, and the other way round.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rollup_parts.h"

#define FIRST_LINE	"tftpd-rollup 1\n"
#define STATE_MAX	((size_t)8 << 20)
#define CHECK_LEN	(sizeof("check 0123456789abcdef\n") - 1)
#define NAME_MAX_MORE	8	/* of the names beside the state */

#define ROW(key, member)						\
	{ key, offsetof(struct rollup_counters, member),		\
	    sizeof(((struct rollup_counters *)NULL)->member) / 8 }

/* All are arrays of uint64_t.  Outcomes that are new go to the enum's end. */
static const struct {
	const char *key;
	size_t at, count;
} rows[] = {
	ROW("outcomes", outcomes[TRANSLOG_NO_OP]),
	ROW("read_outcomes", outcomes[TRANSLOG_READ]),
	ROW("write_outcomes", outcomes[TRANSLOG_WRITE]),
	ROW("bytes", bytes),
	ROW("packets_sent", packets_sent),
	ROW("packets_received", packets_received),
	ROW("retransmits", retransmits),
	ROW("timeouts", timeouts),
	ROW("duplicates", duplicates),
	ROW("read_duration", duration[TRANSLOG_READ]),
	ROW("write_duration", duration[TRANSLOG_WRITE]),
	ROW("read_size", size[TRANSLOG_READ]),
	ROW("write_size", size[TRANSLOG_WRITE]),
	ROW("read_first_reply", first_reply[TRANSLOG_READ]),
	ROW("write_first_reply", first_reply[TRANSLOG_WRITE]),
	ROW("last_us", last_us),
	ROW("starts", starts),
	ROW("requests", requests),
	ROW("repeats", repeats),
	ROW("ignored", ignored),
	ROW("dropped", dropped),
	ROW("lines", lines),
	ROW("bad_lines", bad_lines),
	ROW("gaps", gaps),
	ROW("rebuilds", rebuilds),
	ROW("since_us", since_us),
};

#define ROW_COUNT	(sizeof(rows) / sizeof(rows[0]))
#define FILE_NUMBERS	(sizeof(struct rollup_file) / sizeof(uint64_t))

uint64_t
rollup_hash(uint64_t hash, const void *buf, size_t len)
{
	const unsigned char *bytes = buf;

	while (len-- != 0)
		hash = (hash ^ *bytes++) * UINT64_C(0x100000001b3);
	return hash;
}

void
rollup_clear(struct rollup_state *s)
{
	free(s->open);
	*s = (struct rollup_state){ .open = NULL };
}

void
rollup_set_open(struct rollup_state *s, struct rollup_open *open,
    size_t count)
{
	free(s->open);
	s->open = open;
	s->open_count = count;
}

/* ---- names beside the state ------------------------------------------ */

static int
name_beside(const char *path, const char *suffix, char out[static PATH_MAX])
{
	int len = snprintf(out, PATH_MAX, "%s%s", path, suffix);

	return len >= PATH_MAX - NAME_MAX_MORE ? -ENAMETOOLONG : 0;
}

/* The state's own folder, if it is missing; what fails is told later. */
static void
make_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];

	if (slash == NULL || slash == path || slash - path >= PATH_MAX)
		return;
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = '\0';
	(void)mkdir(dir, 0755);
}

int
rollup_lock(const char *path)
{
	struct timespec pause = { .tv_nsec = 1000 * 1000 };
	char name[PATH_MAX];
	int fd, ret, waited_ms = 0;

	ret = name_beside(path, ".lock", name);
	if (ret != 0)
		return ret;
	make_folder(path);
	/* 0600: who may open a file may lock it, and never let it go. */
	fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC |
	    O_NONBLOCK | O_NOCTTY, 0600);
	if (fd == -1)
		return -errno;
	while (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		ret = errno == EWOULDBLOCK ? -EAGAIN : -errno;
		if (ret != -EAGAIN || waited_ms >= ROLLUP_LOCK_MS) {
			close(fd);
			return ret;
		}
		(void)nanosleep(&pause, NULL);
		waited_ms++;
	}
	return fd;
}

/* ---- reading --------------------------------------------------------- */

/* The next number of a line, behind its space; false at the line's end. */
static bool
take_number(const char **at, uint64_t *value)
{
	char *end;

	if (**at != ' ' || (*at)[1] < '0' || (*at)[1] > '9')
		return false;
	*value = strtoull(*at + 1, &end, 10);
	*at = end;
	return true;
}

static void
take_numbers(const char *at, uint64_t *values, size_t count)
{
	while (count-- != 0 && take_number(&at, values))
		values++;
}

static void
take_file(struct rollup_state *s, const char *at)
{
	uint64_t n[FILE_NUMBERS] = { 0 };

	if (s->file_count == ROLLUP_FILES_MAX)
		return;
	take_numbers(at, n, FILE_NUMBERS);
	memcpy(&s->files[s->file_count++], n, sizeof(n));
}

static void
take_open(struct rollup_state *s, const char *at)
{
	uint64_t n[2] = { 0 };

	if (s->open == NULL)
		s->open = calloc(ROLLUP_OPEN_MAX, sizeof(*s->open));
	if (s->open == NULL)
		err(1, NULL);
	if (s->open_count == ROLLUP_OPEN_MAX)
		return;
	take_numbers(at, n, 2);
	s->open[s->open_count++] = (struct rollup_open){ n[0], n[1] };
}

static void
take_ended(struct rollup_state *s, const char *at)
{
	uint64_t id;

	while (s->ended_total < ROLLUP_ENDED_MAX && take_number(&at, &id))
		s->ended[s->ended_total++] = id;
}

static void
take_line(struct rollup_state *s, const char *key, size_t len,
    const char *rest)
{
	static const struct {
		const char *key;
		void (*take)(struct rollup_state *s, const char *at);
	} others[] = {
		{ "file", take_file }, { "open", take_open },
		{ "ended", take_ended },
	};
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strlen(others[i].key) == len &&
		    memcmp(others[i].key, key, len) == 0) {
			others[i].take(s, rest);
			return;
		}
	}
	for (i = 0; i < ROW_COUNT; i++)
		if (strlen(rows[i].key) == len &&
		    memcmp(rows[i].key, key, len) == 0)
			take_numbers(rest, (uint64_t *)(void *)
			    ((char *)&s->counters + rows[i].at),
			    rows[i].count);
	if (len == 3 && memcmp(key, "log", len) == 0 && *rest == ' ')
		snprintf(s->log, sizeof(s->log), "%.*s",
		    (int)strcspn(rest + 1, "\n"), rest + 1);
}

/* text[0..len) is followed by a NUL; its checksum has been looked at. */
static void
parse(struct rollup_state *s, const char *text)
{
	const char *end;

	for (; *text != '\0'; text = end + 1) {
		end = strchr(text, '\n');
		if (end == NULL)
			return;
		take_line(s, text, strcspn(text, " \n"),
		    text + strcspn(text, " \n"));
	}
}

static bool
is_sound(const char *text, size_t len)
{
	char check[CHECK_LEN + 1];

	if (len < sizeof(FIRST_LINE) - 1 + CHECK_LEN ||
	    memcmp(text, FIRST_LINE, sizeof(FIRST_LINE) - 1) != 0 ||
	    memchr(text, '\0', len) != NULL)
		return false;
	snprintf(check, sizeof(check), "check %016" PRIx64 "\n",
	    rollup_hash(ROLLUP_HASH, text, len - CHECK_LEN));
	return memcmp(text + len - CHECK_LEN, check, CHECK_LEN) == 0;
}

static int
read_all(int fd, char *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = read(fd, buf + done, len - done);
		if (n == -1 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -EBADMSG;
		done += n > 0 ? (size_t)n : 0;
	}
	buf[len] = '\0';
	return 0;
}

/* The text of a file, to be freed; 0, -EBADMSG or -errno. */
static int
slurp(const char *path, char **text, size_t *len)
{
	struct stat st;
	int fd, ret = 0;

	*text = NULL;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK |
	    O_NOCTTY);
	if (fd == -1)
		return errno == ELOOP ? -EBADMSG : -errno;
	if (fstat(fd, &st) == -1)
		ret = -errno;
	else if (!S_ISREG(st.st_mode) || (size_t)st.st_size > STATE_MAX)
		ret = -EBADMSG;
	if (ret != 0)
		goto out;
	*len = (size_t)st.st_size;
	*text = malloc(*len + 1);
	if (*text == NULL)
		err(1, NULL);
	ret = read_all(fd, *text, *len);
out:
	close(fd);
	return ret;
}

static int
load_one(const char *path, struct rollup_state *s)
{
	size_t len = 0;
	char *text;
	int ret;

	ret = slurp(path, &text, &len);
	if (ret == 0 && !is_sound(text, len))
		ret = -EBADMSG;
	if (ret == 0)
		parse(s, text);
	free(text);
	return ret;
}

int
rollup_load(const char *path, struct rollup_state *s)
{
	char older[PATH_MAX];
	int ret, second;

	rollup_clear(s);
	ret = name_beside(path, ".old", older);
	if (ret != 0)
		return ret;
	ret = load_one(path, s);
	if (ret == 0)
		return 0;
	second = load_one(older, s);
	if (second == 0 || ret == -ENOENT)
		return second;
	return ret;
}

bool
rollup_get_log(const char *state, char out[static PATH_MAX])
{
	struct rollup_state *s = calloc(1, sizeof(*s));

	if (s == NULL)
		err(1, NULL);
	out[0] = '\0';
	if (rollup_load(state, s) == 0)
		memcpy(out, s->log, PATH_MAX);
	rollup_clear(s);
	free(s);
	return out[0] == '/';
}

/* ---- writing --------------------------------------------------------- */

static void
put_numbers(FILE *out, const char *key, const uint64_t *values, size_t count)
{
	fputs(key, out);
	while (count-- != 0)
		fprintf(out, " %" PRIu64, *values++);
	fputc('\n', out);
}

static void
put_ended(FILE *out, const struct rollup_state *s)
{
	uint64_t i = s->ended_total > ROLLUP_ENDED_MAX ?
	    s->ended_total - ROLLUP_ENDED_MAX : 0;

	fputs("ended", out);
	for (; i < s->ended_total; i++)
		fprintf(out, " %" PRIu64, s->ended[i % ROLLUP_ENDED_MAX]);
	fputc('\n', out);
}

static void
put_state(FILE *out, const struct rollup_state *s)
{
	uint64_t n[FILE_NUMBERS];
	size_t i;

	fputs(FIRST_LINE, out);
	if (strchr(s->log, '\n') == NULL)
		fprintf(out, "log %s\n", s->log);
	for (i = 0; i < ROW_COUNT; i++)
		put_numbers(out, rows[i].key, (const uint64_t *)(const void *)
		    ((const char *)&s->counters + rows[i].at),
		    rows[i].count);
	for (i = 0; i < s->file_count; i++) {
		memcpy(n, &s->files[i], sizeof(n));
		put_numbers(out, "file", n, FILE_NUMBERS);
	}
	for (i = 0; i < s->open_count; i++) {
		n[0] = s->open[i].id;
		n[1] = s->open[i].since_us;
		put_numbers(out, "open", n, 2);
	}
	put_ended(out, s);
}

static int
write_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	for (; len != 0; text += n, len -= (size_t)n) {
		n = write(fd, text, len);
		if (n == -1 && errno == EINTR)
			n = 0;
		if (n == -1)
			return -errno;
	}
	return 0;
}

/* A new file under that name, whole and on the disk. */
static int
write_file(const char *name, const char *text, size_t len)
{
	int fd, ret;

	if (unlink(name) == -1 && errno != ENOENT)
		return -errno;
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0644);
	if (fd == -1)
		return -errno;
	ret = write_all(fd, text, len);
	/* whatever the umask is: other users' scrapes go on from it */
	if (ret == 0 && (fchmod(fd, 0644) == -1 || fdatasync(fd) == -1))
		ret = -errno;
	if (close(fd) == -1 && ret == 0)
		ret = -errno;
	if (ret != 0)
		(void)unlink(name);
	return ret;
}

static bool
is_whole(const char *path)
{
	size_t len = 0;
	char *text;
	bool whole;

	whole = slurp(path, &text, &len) == 0 && is_sound(text, len);
	free(text);
	return whole;
}

/* At every moment at least one of the two names is a whole state. */
static int
put_in_place(const char *path, const char *text, size_t len)
{
	char fresh[PATH_MAX], older[PATH_MAX];
	int ret;

	ret = name_beside(path, ".new", fresh);
	if (ret == 0)
		ret = name_beside(path, ".old", older);
	if (ret == 0)
		ret = write_file(fresh, text, len);
	if (ret != 0)
		return ret;
	if (is_whole(path)) {
		(void)unlink(older);
		(void)!link(path, older);
	}
	return rename(fresh, path) == -1 ? -errno : 0;
}

int
rollup_save(const char *path, const struct rollup_state *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int ret;

	if (out == NULL)
		err(1, NULL);
	put_state(out, s);
	if (fflush(out) != 0)
		err(1, NULL);
	fprintf(out, "check %016" PRIx64 "\n",
	    rollup_hash(ROLLUP_HASH, text, len));
	if (fclose(out) != 0)
		err(1, NULL);
	ret = put_in_place(path, text, len);
	free(text);
	return ret;
}
