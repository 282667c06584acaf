#include <crypt.h>
#include <sys/prctl.h>

#include "os/clock.h"
#include "status/auth.h"
#include "status/brake.h"
#include "status/token.h"
#include "t-work.h"

/* "secret", by openssl passwd -6 */
#define SECRET	"$6$abcd$2xnokga/nDtRjwwaEJ4P2es2v4q8kfckDGncd4naCsE699Y0Jn" \
	"DNWStYgMPa.X.VcIxFM3oLKIRKkAYD33oqG."
#define DAY	(UINT64_C(86400) * 1000000)
#define NOW	UINT64_C(1795357805500000)

/* What was told, all of it. */
struct told {
	char text[4096];
	unsigned count;
};

static void
take(void *arg, const char *text)
{
	struct told *t = arg;
	size_t len = strlen(t->text);

	snprintf(t->text + len, sizeof(t->text) - len, "%s\n", text);
	t->count++;
}

/* ---- the file ---------------------------------------------------------- */

static void
lines(void)
{
	static const struct {
		const char *what, *text;
		size_t users;
		const char *told;	/* NULL: nothing */
	} cases[] = {
		{ "nothing", "", 0, NULL },
		{ "comments and empty lines", "# who\n\n  \n#x:y\n", 0, NULL },
		{ "a user", "alice:" SECRET "\n", 1, NULL },
		{ "a last line without an end", "alice:" SECRET, 1, NULL },
		{ "a blank at the end", "alice:" SECRET " \r\n", 1, NULL },
		{ "two users", "a:" SECRET "\nb:" SECRET "\n", 2, NULL },
		{ "a name that is not ASCII", "\303\266:" SECRET "\n", 1,
		    NULL },
		{ "no colon", "alice\n", 0, "f:1: there is no ':'" },
		{ "no name", ":" SECRET "\n", 0, "f:1: a name has 1 to 64" },
		{ "a long name", "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd"
		    "eeeeeeeeeeffffffffffggggg:" SECRET "\n", 0, "f:1: a name "
		    "has 1 to 64" },
		{ "a blank in a name", "a b:" SECRET "\n", 0, "f:1: a name "
		    "has no blanks" },
		{ "a control byte in a name", "a\001:" SECRET "\n", 0,
		    "f:1: a name has no blanks" },
		{ "a password as it is", "alice:secret\n", 0, "f:1: the hash "
		    "is none that is slow" },
		{ "no hash", "alice:\n", 0, "f:1: there is no hash" },
		{ "a locked account", "alice:!\n", 0, "f:1: the hash is none "
		    "that is slow" },
		{ "DES", "alice:abJnggxhB/yWI\n", 0, "f:1: the hash is none "
		    "that is slow to try (DES and MD5 are refused)" },
		{ "MD5", "alice:$1$abcd$h4q7vUyOmyMJyvLTA3dxW1\n", 0,
		    "f:1: the hash is none that is slow" },
		{ "Apache's MD5", "alice:$apr1$abcd$h4q7vUyOmyMJyvLTA3dxW1\n",
		    0, "f:1: the hash is none that is slow" },
		{ "a setting without a digest", "alice:$6$abcd$\n", 0,
		    "f:1: the hash is not whole" },
		{ "a hash that was cut", "alice:$6$abcd$u92gUzaWnoZ5UrBGvQ\n",
		    0, "f:1: the hash is not whole" },
		{ "more behind it", "alice:" SECRET ":1:2\n", 0, "f:1: " },
		{ "a name again", "a:" SECRET "\na:" SECRET "\n", 1,
		    "f:2: this name is in the file already" },
		{ "a bad line among good ones", "a:" SECRET "\nx\nb:" SECRET
		    "\n", 2, "f:2: there is no ':'" },
	};
	struct auth_file f;
	struct told t;
	size_t i, len;
	char *copy;

	for (i = 0; i < COUNT(cases); i++) {
		t = (struct told){ .count = 0 };
		len = strlen(cases[i].text);
		copy = t_guard(cases[i].text, len);
		T_OK(auth_parse(copy, len, "f", take, &t, &f) == 0 &&
		    f.count == cases[i].users, cases[i].what);
		T_OK(cases[i].told == NULL ? t.count == 0 : t.count == 1 &&
		    strncmp(t.text, cases[i].told, strlen(cases[i].told)) ==
		    0, cases[i].what);
		auth_free(&f);
		t_unguard(copy, len);
	}
}

static void
a_nul_ends_nothing(void)
{
	static const char text[] = "a:" SECRET "\0:x\nb\0:" SECRET "\n";
	struct told t = { .count = 0 };
	struct auth_file f;

	T_OK(auth_parse(text, sizeof(text) - 1, "f", take, &t, &f) == 0 &&
	    f.count == 0 && t.count == 2, "lines with a NUL are refused");
	auth_free(&f);
}

static void
loads(void)
{
	static const struct {
		const char *what;
		mode_t mode;
		const char *told;
	} cases[] = {
		{ "its owner's", 0600, NULL },
		{ "its group's too", 0640, NULL },
		{ "not for anybody to write", 0440, NULL },
		{ "everybody reads it", 0644, "everybody may read it" },
		{ "everybody enters it", 0641, "everybody may read it" },
		{ "the group writes it", 0660, "others than its owner may" },
		{ "everybody writes it", 0602, "others than its owner may" },
	};
	char dir[PATH_MAX], path[PATH_MAX];
	struct auth_file f;
	struct told t;
	size_t i;
	int fd, err;

	t_tmp_make(dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	t_join(path, dir, "passwords");
	for (i = 0; i < COUNT(cases); i++) {
		(void)unlink(path);
		t_put(fd, "passwords", "alice:" SECRET "\n", cases[i].mode);
		t = (struct told){ .count = 0 };
		err = auth_load(path, take, &t, &f);
		T_OK(cases[i].told == NULL ? err == 0 && f.count == 1 &&
		    t.count == 0 : err == -EPERM && t.count == 1 &&
		    strstr(t.text, cases[i].told) != NULL, cases[i].what);
		auth_free(&f);
	}
	t = (struct told){ .count = 0 };
	T_OK(auth_load(dir, take, &t, &f) == -EPERM && t.count == 1,
	    "a directory is told");
	auth_free(&f);
	t_join(path, dir, "none");
	T_OK(auth_load(path, take, &t, &f) == -ENOENT && t.count == 2,
	    "a file that is not there is told");
	auth_free(&f);
	T_OK(mkfifo(path, 0600) == 0 &&
	    auth_load(path, take, &t, &f) == -EPERM, "a fifo blocks nobody");
	auth_free(&f);
	close(fd);
	t_tmp_remove(dir);
}

static void
is_somebody_elses(const void *arg)
{
	const char *path = arg;
	struct told t = { .count = 0 };
	struct auth_file f;

	/* 12345 is neither root nor we */
	C_OK(chown(path, 12345, (gid_t)-1) == 0, "chown");
	C_OK(auth_load(path, take, &t, &f) == -EPERM &&
	    strstr(t.text, "neither root nor we") != NULL,
	    "a stranger's file is refused");
	auth_free(&f);
	C_OK(chown(path, 0, T_NOBODY) == 0 && chmod(path, 0640) == 0,
	    "chown to root");
	t_drop();
	C_OK(auth_load(path, take, &t, &f) == 0 && f.count == 1,
	    "root's file is good for its group");
	auth_free(&f);
}

static void
owners(void)
{
	char dir[PATH_MAX], path[PATH_MAX];
	int fd;

	if (geteuid() != 0) {
		t_skip("not root");
		return;
	}
	t_tmp_make(dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	t_put(fd, "p", "alice:" SECRET "\n", 0600);
	close(fd);
	t_in_child(is_somebody_elses, t_join(path, dir, "p"), "owners");
	t_tmp_remove(dir);
}

/* ---- claims ------------------------------------------------------------ */

static void
claims(void)
{
	static const struct {
		const char *what, *header;
		const char *name, *password;	/* NULL: refused */
	} cases[] = {
		{ "of RFC 7617", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
		    "Aladdin", "open sesame" },
		{ "the scheme in any case", "bASIC  YTpi", "a", "b" },
		{ "one byte of padding", "Basic YTpiYw==", "a", "bc" },
		{ "no password", "Basic YTo=", "a", "" },
		{ "no name", "Basic OmI=", "", "b" },
		{ "a colon in the password", "Basic YTpiOmM=", "a", "b:c" },
		{ "UTF-8", "Basic dGVzdDoxMjPCow==", "test",
		    "123\302\243" },
		{ "nothing", "", NULL, NULL },
		{ "only the scheme", "Basic ", NULL, NULL },
		{ "another scheme", "Bearer YTpi", NULL, NULL },
		{ "no colon", "Basic YWI=", NULL, NULL },
		{ "a NUL", "Basic YTpiAGM=", NULL, NULL },
		{ "no base64", "Basic YT!i", NULL, NULL },
		{ "of a wrong length", "Basic YTp", NULL, NULL },
		{ "padding in the middle", "Basic YT==YTpi", NULL, NULL },
		{ "padding alone", "Basic ====", NULL, NULL },
		{ "more behind it", "Basic YTpi x", NULL, NULL },
	};
	struct auth_claim c;
	size_t i;
	bool is_one;

	for (i = 0; i < COUNT(cases); i++) {
		is_one = auth_read_claim(cases[i].header, &c);
		T_OK(is_one == (cases[i].name != NULL), cases[i].what);
		T_OK(!is_one || (strcmp(c.name, cases[i].name) == 0 &&
		    strcmp(c.password, cases[i].password) == 0),
		    cases[i].what);
	}
}

static void
a_claim_has_room(void)
{
	char header[1024] = "Basic ";
	struct auth_claim c;
	size_t i;

	for (i = 6; i < sizeof(header) - 4; i += 4)
		memcpy(header + i, "Ojo6", 5);
	T_OK(!auth_read_claim(header, &c), "one that is too long is none");
	header[6 + 4 * (AUTH_CLAIM_MAX / 3 - 1)] = '\0';
	T_OK(auth_read_claim(header, &c) && c.name[0] == '\0',
	    "one that fits is read");
}

static void
truth(void)
{
	static const char *const methods[] = { "$y$", "$2b$", "$6$", "$5$" };
	char text[2048] = "openssl:" SECRET "\n", salt[192];
	struct auth_claim c = { .name = "openssl", .password = "secret" };
	struct auth_file f;
	struct told t = { .count = 0 };
	struct crypt_data data = { .initialized = 0 };
	size_t i, len;

	for (i = 0; i < COUNT(methods); i++) {
		T_OK(crypt_gensalt_rn(methods[i], i == 1 ? 4 : i == 0 ? 1 :
		    1000, NULL, 0, salt, sizeof(salt)) != NULL, "a salt");
		len = strlen(text);
		snprintf(text + len, sizeof(text) - len, "u%zu:%s\n", i,
		    crypt_r("s\303\266 geheim", salt, &data));
	}
	T_OK(auth_parse(text, strlen(text), "f", take, &t, &f) == 0 &&
	    f.count == 5 && t.count == 0, "all methods are read");
	T_OK(auth_is_true(&f, &c), "openssl's hash");
	strcpy(c.password, "secrets");
	T_OK(!auth_is_true(&f, &c), "another password");
	strcpy(c.password, "");
	T_OK(!auth_is_true(&f, &c), "no password");
	strcpy(c.password, SECRET);
	T_OK(!auth_is_true(&f, &c), "the hash is no password");
	strcpy(c.password, "s\303\266 geheim");
	for (i = 0; i < COUNT(methods); i++) {
		snprintf(c.name, sizeof(c.name), "u%zu", i);
		T_OK(auth_is_true(&f, &c), methods[i]);
	}
	strcpy(c.name, "u");
	T_OK(!auth_is_true(&f, &c), "nobody's name");
	strcpy(c.name, "");
	T_OK(!auth_is_true(&f, &c), "no name");
	auth_free(&f);
	f = (struct auth_file){ .users = NULL };
	T_OK(!auth_is_true(&f, &c), "nobody is in an empty file");
}

static void
same(void)
{
	T_OK(auth_is_same("", ""), "nothing and nothing");
	T_OK(auth_is_same("abc", "abc"), "the same");
	T_OK(!auth_is_same("abc", "abd"), "another end");
	T_OK(!auth_is_same("xbc", "abc"), "another begin");
	T_OK(!auth_is_same("abc", "ab"), "less");
	T_OK(!auth_is_same("", "a"), "more");
}

/* ---- tokens ------------------------------------------------------------ */

static void
tokens(void)
{
	static const char secret[] = "0123456789abcdef0123456789abcdef"
	    "0123456789abcdef0123456789abcdef";
	static const char other[] = "0123456789abcdef0123456789abcdef"
	    "0123456789abcdef0123456789abcdee";
	char made[TOKEN_LEN + 1];

	T_OK(token_make(secret, "alice", NOW, made) &&
	    strlen(made) == TOKEN_LEN, "it is made");
	T_OK(token_is_good(secret, "alice", NOW, made), "it is good");
	T_OK(token_is_good(secret, "alice", NOW + DAY, made),
	    "the next day, too");
	T_OK(!token_is_good(secret, "alice", NOW + 2 * DAY, made),
	    "but not the day after that");
	T_OK(!token_is_good(secret, "alice", NOW - DAY, made),
	    "nor the day before");
	T_OK(!token_is_good(secret, "bob", NOW, made), "nor for another");
	T_OK(!token_is_good(secret, "alic", NOW, made),
	    "nor for one of a shorter name");
	T_OK(!token_is_good(other, "alice", NOW, made),
	    "nor with another secret");
	T_OK(!token_is_good(secret, "alice", NOW, ""), "nothing is no token");
	made[0] ^= 1;
	T_OK(!token_is_good(secret, "alice", NOW, made), "nor a changed one");
}

static void
secrets(void)
{
	char dir[PATH_MAX], path[PATH_MAX], first[TOKEN_SECRET_LEN + 1];
	char again[TOKEN_SECRET_LEN + 1];
	struct stat st;
	int fd;

	t_tmp_make(dir);
	t_join(path, dir, "secret");
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	T_OK(token_secret(dir, first) == 0 &&
	    strlen(first) == TOKEN_SECRET_LEN, "it is made");
	T_OK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600,
	    "only its owner reads it");
	T_OK(token_secret(dir, again) == 0 && strcmp(first, again) == 0,
	    "it stays the same");
	(void)unlink(path);
	T_OK(token_secret(dir, again) == 0 && strcmp(first, again) != 0,
	    "another one is different");
	t_put(fd, "secret", "short", 0600);
	T_OK(token_secret(dir, again) == -EBADMSG, "a torn one is told");
	(void)unlink(path);
	T_OK(symlink("/etc/passwd", path) == 0 &&
	    token_secret(dir, again) == -ELOOP, "a link is not followed");
	close(fd);
	t_tmp_remove(dir);
	T_OK(token_secret(dir, again) == -ENOENT, "without a directory");
}

/* ---- the brake --------------------------------------------------------- */

static void
pace(void)
{
	char dir[PATH_MAX];
	struct brake b;
	uint64_t begin;

	t_tmp_make(dir);
	begin = clock_mono_us();
	T_OK(brake_enter(&b, dir, 0) == 0, "the first one enters");
	brake_leave(&b, true);
	T_OK(brake_enter(&b, dir, 0) == 0, "and so does the next");
	brake_leave(&b, true);
	T_OK(clock_mono_us() - begin < 900000, "right ones do not wait");
	begin = clock_mono_us();
	T_OK(brake_enter(&b, dir, 0) == 0, "a wrong one enters");
	brake_leave(&b, false);
	T_OK(clock_mono_us() - begin >= 1000000, "it takes a second");
	begin = clock_mono_us();
	T_OK(brake_enter(&b, dir, 0) == 0, "a second one");
	brake_leave(&b, false);
	T_OK(clock_mono_us() - begin >= 1250000, "takes longer");
	t_tmp_remove(dir);
	T_OK(brake_enter(&b, dir, 0) == -ENOENT, "without a directory");
}

/* Holds a place until it is killed, and says when it has it. */
static pid_t
hold(const char *dir)
{
	struct brake b;
	int pipefd[2];
	char byte;
	pid_t pid;

	if (pipe(pipefd) == -1)
		abort();
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (brake_enter(&b, dir, 0) != 0 ||
		    write(pipefd[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(pipefd[1]);
	T_OK(read(pipefd[0], &byte, 1) == 1, "somebody has his turn");
	close(pipefd[0]);
	return pid;
}

static void
queue(void)
{
	char dir[PATH_MAX];
	struct brake b;
	pid_t pid;

	t_tmp_make(dir);
	pid = hold(dir);
	T_OK(brake_enter(&b, dir, 30000) == -EBUSY,
	    "who waits too long is told");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	T_OK(brake_enter(&b, dir, 0) == 0,
	    "one that was killed keeps nobody waiting");
	brake_leave(&b, true);
	t_tmp_remove(dir);
}

/* What a clock that began anew, or a torn file, leaves. */
static void
rubbish(void)
{
	char dir[PATH_MAX], text[256];
	struct brake b;
	uint64_t begin = clock_mono_us();
	int fd;

	t_tmp_make(dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	t_put(fd, "passwords", text, 0600);
	T_OK(brake_enter(&b, dir, 0) == 0, "rubbish keeps nobody out");
	brake_leave(&b, true);
	T_OK(brake_enter(&b, dir, 0) == 0, "nor afterwards");
	brake_leave(&b, true);
	t_put(fd, "passwords", "x", 0600);
	T_OK(brake_enter(&b, dir, 0) == 0, "nor does a torn file");
	brake_leave(&b, true);
	T_OK(clock_mono_us() - begin < 3000000, "nor for long");
	close(fd);
	t_tmp_remove(dir);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "lines of the file", lines },
		{ "a NUL in the file", a_nul_ends_nothing },
		{ "files that are too open", loads },
		{ "whose the file is", owners },
		{ "claims", claims },
		{ "long claims", a_claim_has_room },
		{ "true and false ones", truth },
		{ "comparing", same },
		{ "tokens", tokens },
		{ "the secret behind them", secrets },
		{ "wrong passwords are slowed", pace },
		{ "one after the other", queue },
		{ "a state file of rubbish", rubbish },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "auth", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
