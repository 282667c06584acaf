/*
 * replay - a target without libFuzzer: known inputs, and mutations of them
 * that one number decides.
 *
 *	fuzz-TARGET [-m MUTATIONS] [-s SEED] [-t SECONDS] FILE|FOLDER...
 *
 * When an input breaks something it is written to TARGET.died, and its name
 * or the mutation's number is told.
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../sim/rng.h"
#include "fuzz.h"

#define EX_USAGE	64
#define SECONDS		300	/* for all of it: something hangs otherwise */
#define SEED		1
#define GROWTH		256	/* bytes that mutations may add */
#define MUTATION_MAX	4096	/* bytes of an input that is mutated */

struct input {
	char *name;
	uint8_t *bytes;
	size_t len;
};

static struct {
	const char *target;
	struct input *inputs;
	size_t count;
	uint64_t seed;
	/* for whom it kills: which one it is */
	const char *name;
	uint64_t mutation;	/* 0: the input as it is */
	const uint8_t *bytes;
	size_t len;
} replay = { .seed = SEED };

/* ---- inputs ----------------------------------------------------------- */

static void
read_file(const char *path)
{
	struct input *in;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1 || fstat(fd, &st) == -1)
		err(1, "%s", path);
	replay.inputs = reallocarray(replay.inputs, replay.count + 1,
	    sizeof(*in));
	if (replay.inputs == NULL)
		err(1, NULL);
	in = &replay.inputs[replay.count++];
	in->name = strdup(path);
	in->len = (size_t)st.st_size;
	in->bytes = malloc(in->len + 1);
	if (in->name == NULL || in->bytes == NULL ||
	    read(fd, in->bytes, in->len) != (ssize_t)in->len)
		err(1, "%s", path);
	close(fd);
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* In the order of names, so that a mutation's number means the same. */
static void
read_folder(const char *path)
{
	struct dirent **entries;
	int i, count = scandir(path, &entries, is_visible, alphasort);
	char *name;

	if (count == -1)
		err(1, "%s", path);
	for (i = 0; i < count; i++) {
		if (asprintf(&name, "%s/%s", path, entries[i]->d_name) == -1)
			err(1, NULL);
		read_file(name);
		free(name);
		free(entries[i]);
	}
	free(entries);
}

static void
read_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		err(1, "%s", path);
	if (S_ISDIR(st.st_mode))
		read_folder(path);
	else
		read_file(path);
}

/* ---- running ---------------------------------------------------------- */

/* In memory of its own length: a sanitizer sees who reads on. */
static void
run(const char *name, uint64_t mutation, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len);

	if (copy == NULL && len != 0)
		err(1, NULL);
	if (len != 0)
		memcpy(copy, bytes, len);
	replay.name = name;
	replay.mutation = mutation;
	replay.bytes = copy;
	replay.len = len;
	LLVMFuzzerTestOneInput(copy, len);
	replay.bytes = NULL;
	free(copy);
}

static void
on_death(int number)
{
	char text[512], path[256];
	ssize_t done = 0;
	int fd;

	snprintf(path, sizeof(path), "%s.died", replay.target);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd != -1 && replay.bytes != NULL)
		done = write(fd, replay.bytes, replay.len);
	snprintf(text, sizeof(text), "FAIL  %s: signal %d in %s, mutation %llu "
	    "of seed %llu; written to %s: %zd bytes\n", replay.target, number,
	    replay.name, (unsigned long long)replay.mutation,
	    (unsigned long long)replay.seed, path, done);
	done = write(STDERR_FILENO, text, strlen(text));
	signal(number, SIG_DFL);
	raise(number);
}

/* Sanitizers end a program by abort(), so that the input is told. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "abort_on_error=1";
}

const char *__ubsan_default_options(void);
const char *
__ubsan_default_options(void)
{
	return "abort_on_error=1:print_stacktrace=1";
}

/* ---- mutations -------------------------------------------------------- */

struct mutant {
	uint8_t bytes[MUTATION_MAX + GROWTH];
	size_t len;
};

static size_t
somewhere(struct rng *r, const struct mutant *m)
{
	return (size_t)rng_below(r, m->len + 1);
}

static void
insert(struct rng *r, struct mutant *m, const uint8_t *bytes, size_t len)
{
	size_t at = somewhere(r, m);

	if (len > sizeof(m->bytes) - m->len)
		len = sizeof(m->bytes) - m->len;
	memmove(m->bytes + at + len, m->bytes + at, m->len - at);
	memcpy(m->bytes + at, bytes, len);
	m->len += len;
}

static void
set_byte(struct rng *r, struct mutant *m)
{
	static const uint8_t bytes[] = { 0, 1, 2, 7, 8, 0x7f, 0x80, 0xfe, 0xff,
		'0', '9', '"', '\\', '/', '.', '\r', '\n', '{', '}', ' ' };

	if (m->len != 0)
		m->bytes[rng_below(r, m->len)] = bytes[rng_below(r,
		    sizeof(bytes))];
}

static void
flip_bit(struct rng *r, struct mutant *m)
{
	if (m->len != 0)
		m->bytes[rng_below(r, m->len)] ^=
		    (uint8_t)(1u << rng_below(r, 8));
}

static void
take_away(struct rng *r, struct mutant *m)
{
	size_t at = somewhere(r, m);
	size_t len = (size_t)rng_below(r, m->len - at + 1);

	memmove(m->bytes + at, m->bytes + at + len, m->len - at - len);
	m->len -= len;
}

/* A piece of this or another input. */
static void
graft(struct rng *r, struct mutant *m)
{
	const struct input *from = &replay.inputs[rng_below(r, replay.count)];
	size_t at = (size_t)rng_below(r, from->len + 1);
	size_t len = (size_t)rng_below(r, from->len - at + 1);

	insert(r, m, from->bytes + at, len < GROWTH ? len : GROWTH);
}

static void
add_bytes(struct rng *r, struct mutant *m)
{
	uint8_t bytes[8];
	uint64_t word = rng_next(r);

	memcpy(bytes, &word, sizeof(bytes));
	insert(r, m, bytes, 1 + (size_t)rng_below(r, sizeof(bytes)));
}

static void
mutate(struct rng *r, struct mutant *m)
{
	uint64_t turns = rng_between(r, 1, 4);

	while (turns-- > 0) {
		switch (rng_below(r, 6)) {
		case 0: flip_bit(r, m); break;
		case 1: set_byte(r, m); break;
		case 2: take_away(r, m); break;
		case 3: graft(r, m); break;
		case 4: add_bytes(r, m); break;
		default: m->len = somewhere(r, m); break;
		}
	}
}

/* Each mutation has a generator of its own: its number makes it again. */
static void
run_mutation(uint64_t number)
{
	static struct mutant m;
	struct rng r = { replay.seed ^ number << 20 };
	const struct input *from = &replay.inputs[rng_below(&r,
	    replay.count)];

	m.len = from->len < MUTATION_MAX ? from->len : MUTATION_MAX;
	memcpy(m.bytes, from->bytes, m.len);
	mutate(&r, &m);
	run(from->name, number, m.bytes, m.len);
}

/* ----------------------------------------------------------------------- */

static uint64_t
number_of(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (*text == '\0' || *end != '\0')
		errx(EX_USAGE, "%s is not a number", text);
	return n;
}

int
main(int argc, char **argv)
{
	uint64_t mutations = 0, seconds = SECONDS, i;
	int c;

	replay.target = strrchr(argv[0], '/');
	replay.target = replay.target == NULL ? argv[0] : replay.target + 1;
	while ((c = getopt(argc, argv, "m:s:t:")) != -1) {
		switch (c) {
		case 'm': mutations = number_of(optarg); break;
		case 's': replay.seed = number_of(optarg); break;
		case 't': seconds = number_of(optarg); break;
		default: return EX_USAGE;
		}
	}
	for (; optind < argc; optind++)
		read_path(argv[optind]);
	if (replay.count == 0)
		errx(EX_USAGE, "no inputs");
	signal(SIGABRT, on_death);
	signal(SIGALRM, on_death);
	alarm((unsigned)seconds);
	for (i = 0; i < replay.count; i++)
		run(replay.inputs[i].name, 0, replay.inputs[i].bytes,
		    replay.inputs[i].len);
	for (i = 1; i <= mutations; i++)
		run_mutation(i);
	printf("%s: %zu inputs, %llu mutations of seed %llu\n", replay.target,
	    replay.count, (unsigned long long)mutations,
	    (unsigned long long)replay.seed);
	for (i = 0; i < replay.count; i++) {
		free(replay.inputs[i].name);
		free(replay.inputs[i].bytes);
	}
	free(replay.inputs);
	return 0;
}
