#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/pathname.h"
#include "stats/near.h"

#define NAMES_MAX	((size_t)1 << 18)
#define LOOKS_MAX	((uint64_t)1 << 26)
#define LOOKS_OF_EDITS	8	/* what edits cost for each character */
#define EDITS_MAX	3u
#define FRONT_COST	2u
#define SUFFIX_COST	2u
#define VERSION_COST	8u
#define VERSION_MIN	4	/* characters in front of it */
#define ELSEWHERE_COST	9u
#define IDENTITY_DIGITS	8

/* Text of a name, and what can be told of it without reading it. */
struct part {
	size_t len;
	uint64_t letters;	/* a bit for each; some share one */
};

struct near_name {
	const char *name;	/* cleaned */
	struct part whole, base;
};

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static const char *
base_of(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash == NULL ? name : slash + 1;
}

/* The length without a suffix of compression. */
static size_t
stem_len(const char *name)
{
	static const char *const suffixes[] = {
		".gz", ".xz", ".bz2", ".zst", ".lz4", ".lzma", ".z"
	};
	size_t i, n, k, len = strlen(name);

	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		n = strlen(suffixes[i]);
		if (len <= n)
			continue;
		for (k = 0; k < n; k++)
			if (lower(name[len - n + k]) != suffixes[i][k])
				break;
		if (k == n)
			return len - n;
	}
	return len;
}

static struct part
part_of(const char *text, size_t len)
{
	struct part part = { .len = len };
	size_t i;

	for (i = 0; i < len; i++)
		part.letters |= UINT64_C(1) << (lower(text[i]) & 63);
	return part;
}

static struct near_name
name_of(const char *name)
{
	size_t len = stem_len(name);
	const char *base = base_of(name);

	return (struct near_name){ name, part_of(name, len),
	    part_of(base, len - (size_t)(base - name)) };
}

/* Each letter that only one has takes an edit. */
static bool
can_be_near(const struct part *a, const struct part *b, unsigned edits)
{
	size_t diff = a->len > b->len ? a->len - b->len : b->len - a->len;

	return diff <= edits && (unsigned)__builtin_popcountll(a->letters &
	    ~b->letters) <= edits && (unsigned)__builtin_popcountll(
	    b->letters & ~a->letters) <= edits;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* One cell of the table of edits; rows[0] is the line above the last. */
static unsigned
cell(const char *a, const char *b, size_t i, size_t j,
    uint8_t rows[3][PATHNAME_MAX + 2])
{
	bool is_equal = lower(a[i - 1]) == lower(b[j - 1]);
	unsigned best = rows[1][j - 1] + !is_equal;

	best = least(best, rows[1][j] + 1u);
	best = least(best, rows[2][j - 1] + 1u);
	if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
	    lower(a[i - 2]) == lower(b[j - 1]))
		best = least(best, rows[0][j - 2] + 1u);
	return best;
}

/*
 * Edits from a to b without regard to case; more than most is most + 1.
 * Only the cells that can lie on such a way are looked at.
 */
static unsigned
edits_between(const char *a, size_t a_len, const char *b, size_t b_len,
    unsigned most)
{
	uint8_t rows[3][PATHNAME_MAX + 2];
	size_t i, j, first, last;
	unsigned best;

	if (a_len > b_len + most || b_len > a_len + most)
		return most + 1;
	memset(rows, (int)most + 1, sizeof(rows));
	for (j = 0; j <= b_len && j <= most; j++)
		rows[2][j] = (uint8_t)j;
	for (i = 1; i <= a_len; i++) {
		memcpy(rows[0], rows[1], b_len + 1);
		memcpy(rows[1], rows[2], b_len + 1);
		memset(rows[2], (int)most + 1, b_len + 1);
		if (i <= most)
			rows[2][0] = (uint8_t)i;
		first = i > most ? i - most : 1;
		last = i + most < b_len ? i + most : b_len;
		for (best = most + 1, j = first; j <= last; j++) {
			rows[2][j] = (uint8_t)least(cell(a, b, i, j, rows),
			    most + 1);
			best = least(best, rows[2][j]);
		}
		if (best > most && i > most)
			return most + 1;
	}
	return rows[2][b_len];
}

/* The cost of the edits and of another case, or UINT_MAX. */
static unsigned
compare(const char *a, size_t a_len, const char *b, size_t b_len,
    unsigned limit)
{
	unsigned most = least(limit / NEAR_EDIT, EDITS_MAX);
	unsigned edits = edits_between(a, a_len, b, b_len, most);

	if (edits > most)
		return UINT_MAX;
	if (edits == 0 && memcmp(a, b, a_len) != 0)
		return 1;
	return edits * NEAR_EDIT;
}

static size_t
components(const char *name)
{
	size_t count = 1;

	while ((name = strchr(name, '/')) != NULL) {
		name++;
		count++;
	}
	return count;
}

/* The name without its first directories. */
static const char *
without_front(const char *name, size_t count)
{
	for (; count != 0; count--)
		name = strchr(name, '/') + 1;
	return name;
}

/* The same depth, then what is left of both. */
static unsigned
compare_tails(const char *a, const char *b, unsigned limit)
{
	size_t a_depth = components(a), b_depth = components(b);
	unsigned cost = 0, distance;
	size_t a_stem, b_stem;

	if (a_depth != b_depth)
		cost += FRONT_COST;
	if (a_depth > b_depth)
		a = without_front(a, a_depth - b_depth);
	else
		b = without_front(b, b_depth - a_depth);
	if (cost > limit)
		return UINT_MAX;
	distance = compare(a, strlen(a), b, strlen(b), limit - cost);
	a_stem = stem_len(a);
	b_stem = stem_len(b);
	if (cost + SUFFIX_COST <= limit && strcmp(a + a_stem, b + b_stem) != 0)
		distance = least(distance, least(UINT_MAX - SUFFIX_COST,
		    compare(a, a_stem, b, b_stem, limit - cost -
		    SUFFIX_COST)) + SUFFIX_COST);
	return distance > limit - cost ? UINT_MAX : distance + cost;
}

/* Whether b is a, and "-6.1", ".0" or the like. */
static bool
has_version(const char *a, const char *b)
{
	size_t len = strlen(a);

	return len >= VERSION_MIN && strncasecmp(a, b, len) == 0 &&
	    b[len] != '\0' && strchr("-._", b[len]) != NULL;
}

unsigned
near_distance(const char *a, const char *b, unsigned limit)
{
	const char *a_base = base_of(a), *b_base = base_of(b);
	unsigned distance = compare_tails(a, b, limit), other;

	/* a directory more or less can be a typing error too */
	other = compare(a, strlen(a), b, strlen(b), limit);
	distance = least(distance, other);
	if (limit >= ELSEWHERE_COST && strcasecmp(a_base, b_base) == 0)
		distance = least(distance, ELSEWHERE_COST);
	if (limit >= VERSION_COST && (has_version(a, b) || has_version(b, a)))
		distance = least(distance, VERSION_COST);
	return distance > limit ? UINT_MAX : distance;
}

/* Whether a machine's own number is part of it. */
static bool
has_identity(const char *base)
{
	unsigned digits = 0;

	for (; *base != '\0'; base++) {
		if (strchr("0123456789abcdefABCDEF", *base) != NULL)
			digits++;
		else if (strchr("-:_", *base) == NULL)
			digits = 0;
		if (digits >= IDENTITY_DIGITS)
			return true;
	}
	return false;
}

void
near_init(struct near *n)
{
	*n = (struct near){ .looks = LOOKS_MAX };
	keyed_init(&n->names, 1, NAMES_MAX);
}

void
near_add(struct near *n, const uint8_t *name, size_t len)
{
	char clean[PATHNAME_MAX + 1];

	if (pathname_clean(name, len, clean) != PATHNAME_OK ||
	    strcmp(clean, ".") == 0)
		return;
	/* its NUL is part of the key, so that it can be read as a string */
	if (keyed_of(&n->names, clean, strlen(clean) + 1) == NULL)
		n->is_cut = true;
}

/* A walk through the files below a directory. */
struct walk {
	struct near *near;
	unsigned entries;
	char path[PATHNAME_MAX + 1];
};

static mode_t
kind_of(int dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type == DT_DIR)
		return S_IFDIR;
	if (entry->d_type == DT_REG)
		return S_IFREG;
	if (entry->d_type != DT_UNKNOWN ||
	    fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	return st.st_mode & S_IFMT;
}

static int walk_directory(struct walk *w, int fd, size_t len, unsigned depth);

static void
take_entry(struct walk *w, int dir, const struct dirent *entry, size_t len,
    unsigned depth)
{
	size_t name_len = strlen(entry->d_name);
	mode_t kind = kind_of(dir, entry);
	int fd;

	if (len + name_len + 1 > PATHNAME_MAX)
		return;
	memcpy(w->path + len, entry->d_name, name_len + 1);
	if (kind == S_IFREG)
		near_add(w->near, (const uint8_t *)w->path, len + name_len);
	if (kind != S_IFDIR)
		return;
	if (depth == NEAR_DEPTH) {
		w->near->is_cut = true;
		return;
	}
	fd = openat(dir, entry->d_name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	w->path[len + name_len] = '/';
	if (fd != -1)
		walk_directory(w, fd, len + name_len + 1, depth + 1);
}

/* The fd is closed here.  Returns 0 or -errno. */
static int
walk_directory(struct walk *w, int fd, size_t len, unsigned depth)
{
	const struct dirent *entry;
	DIR *dir = fdopendir(fd);
	int saved = errno;

	if (dir == NULL) {
		close(fd);
		return -saved;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (w->entries++ >= NEAR_ENTRIES) {
			w->near->is_cut = true;
			break;
		}
		take_entry(w, dirfd(dir), entry, len, depth);
	}
	closedir(dir);
	return 0;
}

int
near_add_tree(struct near *n, const char *dir)
{
	struct walk w = { .near = n };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);

	return fd == -1 ? -errno : walk_directory(&w, fd, 0, 1);
}

static int
by_name(const void *a, const void *b)
{
	const struct near_name *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void
near_prepare(struct near *n)
{
	size_t at = 0, len;
	const void *value;

	n->count = 0;
	n->index = calloc(n->names.used + 1, sizeof(*n->index));
	if (n->index == NULL)
		err(1, NULL);
	while ((value = keyed_next(&n->names, &at)) != NULL)
		n->index[n->count++] = name_of(
		    (const char *)keyed_name(&n->names, value, &len));
	qsort(n->index, n->count, sizeof(*n->index), by_name);
}

/* Put it behind those that are as near. */
static size_t
insert(struct near_match out[static NEAR_MAX], size_t count,
    const char *name, unsigned distance)
{
	size_t i;

	for (i = count; i > 0 && out[i - 1].distance > distance; i--)
		if (i < NEAR_MAX)
			out[i] = out[i - 1];
	if (i < NEAR_MAX)
		out[i] = (struct near_match){ (const uint8_t *)name,
		    strlen(name), distance };
	return count < NEAR_MAX ? count + 1 : count;
}

size_t
near_find(struct near *n, const uint8_t *name, size_t len, bool only_alike,
    struct near_match out[static NEAR_MAX])
{
	char clean[PATHNAME_MAX + 1];
	unsigned edits = 0, limit, distance;
	struct near_name asked;
	size_t i, count = 0, cost;

	if (pathname_clean(name, len, clean) != PATHNAME_OK ||
	    n->looks < n->count) {
		n->looks = n->looks < n->count ? 0 : n->looks;
		return 0;
	}
	n->looks -= n->count;
	asked = name_of(clean);
	if (!only_alike && !has_identity(base_of(clean)) &&
	    asked.base.len >= 3)
		edits = least(asked.base.len < 8 ? 1 :
		    (unsigned)(asked.base.len / 4), EDITS_MAX);
	limit = edits * NEAR_EDIT + NEAR_ALIKE;
	/* names that begin alike cost edits for each of their characters */
	cost = LOOKS_OF_EDITS * (asked.whole.len + 1);
	for (i = 0; i < n->count; i++) {
		if (!can_be_near(&asked.whole, &n->index[i].whole, edits) &&
		    !can_be_near(&asked.base, &n->index[i].base, edits) &&
		    !has_version(clean, n->index[i].name) &&
		    !has_version(n->index[i].name, clean))
			continue;
		n->looks -= n->looks < cost ? n->looks : cost;
		if (n->looks == 0)
			break;
		distance = near_distance(clean, n->index[i].name, limit);
		if (distance != UINT_MAX)
			count = insert(out, count, n->index[i].name,
			    distance);
	}
	return count;
}

void
near_free(struct near *n)
{
	free(n->index);
	keyed_free(&n->names);
	*n = (struct near){ 0 };
}
