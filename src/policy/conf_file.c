#include <confuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf_parts.h"

#define DEPTH_MAX	8	/* files within files */
#define FILES_MAX	256	/* files that one configuration includes */
#define BYTES_MAX	(8 * CONF_FILE_MAX)	/* of all of them */

/* A file that is being read, and the one that includes it. */
struct source {
	const struct source *parent;
	const char *name;	/* as it is shown; includes are beside it */
	dev_t dev;
	ino_t ino;
	unsigned number, depth;
};

struct reading {
	struct conf_own *own;
	struct conf_report *report;
	struct conf_level *outside, *last, *level;
	cfg_t *root;
	const struct source *source;
	unsigned sources, sections;
	size_t bytes;
	bool is_told;		/* why libconfuse stops was said */
};

static int read_source(struct reading *r, cfg_t *cfg, const char *path,
    const char *shown, const struct conf_origin *at, enum conf_trust trust);

/* ---- what libconfuse calls --------------------------------------------- */

/* An option has room for a number that libconfuse keeps and never uses. */
_Static_assert(sizeof(long) == sizeof(void *), "a long holds a pointer");

static struct reading *
reading_of(const cfg_opt_t *opt)
{
	return (struct reading *)opt->def.number;
}

static struct conf_origin
here(const struct reading *r, const cfg_t *cfg)
{
	return (struct conf_origin){ r->source->name, (unsigned)cfg->line };
}

static void
say_unknown(struct reading *r, cfg_t *cfg, const char *name)
{
	struct conf_origin at = here(r, cfg);
	int key = conf_key_find(name);
	const char *nearest = conf_key_nearest(name);

	if (cfg != r->root && key >= 0)
		conf_say(r->report, false, &at, "%s: this key is for the whole "
		    "server and cannot stand in a client section", name);
	else if (cfg != r->root && strcmp(name, "client") == 0)
		conf_say(r->report, false, &at, "client: a section cannot "
		    "stand in another one; is a } missing?");
	else if (nearest != NULL)
		conf_say(r->report, false, &at, "%.64s: no such key; did you "
		    "mean %s?", name, nearest);
	else
		conf_say(r->report, false, &at, "%.64s: no such key; "
		    "tftpd.conf(5) has them all", name);
}

static void __attribute__((format(printf, 2, 0)))
on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	struct reading *r = reading_of(cfg->opts);
	struct conf_origin at = here(r, cfg);
	char text[256];
	bool is_form;

	if (r->is_told)
		return;
	r->is_told = true;
	if (strcmp(fmt, "no such option '%s'") == 0) {
		say_unknown(r, cfg, va_arg(ap, const char *));
		return;
	}
	if (strcmp(fmt, "premature end of file") == 0) {
		conf_say(r->report, false, &at, "the file ends in the middle "
		    "of a key");
		return;
	}
	vsnprintf(text, sizeof(text), fmt, ap);
	/* the library's own words do not say what would be right */
	is_form = strncmp(fmt, "missing ", 8) == 0 ||
	    strncmp(fmt, "unexpected ", 11) == 0;
	conf_say(r->report, false, &at, "%s%s", text, !is_form ? "" :
	    "; allowed: KEY = VALUE, client \"NETWORK\" { ... }, "
	    "include(\"FILE\")");
}

/* Stop libconfuse: there is no memory, or it is said why. */
static int
stop(struct reading *r)
{
	r->is_told = true;
	return 1;
}

/* The mark at the front of a section. */
static int
begin_section(struct reading *r, const cfg_t *cfg, const char *line)
{
	struct conf_origin at = here(r, cfg);
	struct conf_level *level;

	at.line = (unsigned)strtoul(line, NULL, 10);
	if (r->sections++ == CONF_SECTIONS_MAX) {
		conf_say(r->report, false, &at, "client: there are more than "
		    "%d sections", CONF_SECTIONS_MAX);
		return stop(r);
	}
	level = conf_new(r->own, sizeof(*level));
	if (level == NULL)
		return stop(r);
	level->origin = at;
	level->title = conf_copy(r->own, cfg->title, strlen(cfg->title));
	if (level->title == NULL)
		return stop(r);
	r->last->next = level;
	r->last = r->level = level;
	return 0;
}

/* The setting that the value with this index belongs to. */
static struct conf_setting *
setting(struct reading *r, const cfg_opt_t *opt, enum conf_key key,
    const struct conf_origin *at)
{
	struct conf_setting *s = r->level->by_key[key];

	if (s != NULL && opt->nvalues > 1)
		return s;
	if (s != NULL && s->source == r->source->number)
		conf_say(r->report, true, at, "%s: it stands in line %u, too; "
		    "the last one counts", opt->name, s->origin.line);
	conf_unset(r->level, key);
	s = conf_set(r->own, r->level, key, at);
	if (s != NULL)
		s->source = r->source->number;
	return s;
}

static bool
is_mark(const char *value)
{
	return value[0] == CONF_MARK[0] && value[1] != '\0' &&
	    value[1 + strspn(value + 1, "0123456789")] == '\0';
}

static bool
is_own(const cfg_t *cfg, const cfg_opt_t *opt)
{
	const cfg_opt_t *o;

	for (o = cfg->opts; o->name != NULL; o++)
		if (o == opt)
			return true;
	return false;
}

/*
 * Every value comes through here.  Its option is not one of cfg's own if the
 * name was written as "client|key", which libconfuse takes for a path.
 */
static int
on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct reading *r = reading_of(opt);
	struct conf_origin at = here(r, cfg);
	struct conf_setting *s;

	*(const char **)result = "";
	if (!is_own(cfg, opt)) {
		cfg_error(cfg, "a key cannot have a | in its name");
		return 1;
	}
	if (strcmp(opt->name, CONF_MARK) == 0)
		return begin_section(r, cfg, value);
	if (cfg == r->root)
		r->level = r->outside;
	if (is_mark(value))
		at.line = (unsigned)strtoul(value + 1, NULL, 10);
	s = setting(r, opt, (enum conf_key)conf_key_find(opt->name), &at);
	if (s == NULL)
		return stop(r);
	if (!is_mark(value) && !conf_add(r->own, s, value, strlen(value),
	    at.line))
		return stop(r);
	return 0;
}

/* ---- includes ---------------------------------------------------------- */

static int
on_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	struct reading *r = reading_of(opt);
	struct conf_origin at = here(r, cfg);
	int line = cfg->line, err;
	char *path;

	if (argc != 1 || argv[0][0] == '\0') {
		cfg_error(cfg, "include needs the name of one file");
		return 1;
	}
	if (r->source->depth == DEPTH_MAX) {
		cfg_error(cfg, "include: files are included %d deep, which "
		    "is the most", DEPTH_MAX);
		return 1;
	}
	if (r->sources > FILES_MAX || r->bytes > BYTES_MAX) {
		cfg_error(cfg, "include: these are too many files: %d, or "
		    "8 MiB, are the most", FILES_MAX);
		return 1;
	}
	path = conf_beside(r->own, r->source->name, argv[0]);
	if (path == NULL)
		return stop(r);
	err = read_source(r, cfg, path, path, &at, CONF_TRUSTED_ONLY);
	cfg->line = line;
	return err;
}

/* ---- a file ------------------------------------------------------------ */

static bool
is_open(const struct source *source, const struct stat *st)
{
	for (; source != NULL; source = source->parent)
		if (source->dev == st->st_dev && source->ino == st->st_ino)
			return true;
	return false;
}

static void
on_complaint(void *arg, unsigned line, bool is_warning, const char *text)
{
	struct reading *r = arg;
	struct conf_origin at = { r->source->name, line };

	conf_say(r->report, is_warning, &at, "%s", text);
}

/* What stands in it, put where cfg is; 0, or 1 when libconfuse has to stop. */
static int
parse(struct reading *r, cfg_t *cfg, const char *text, size_t len)
{
	struct conf_origin at = { r->source->name, 0 };
	char *ready = conf_text(text, len, on_complaint, r);
	FILE *f = NULL;
	int err = 0;

	if (ready == NULL)
		return stop(r);
	if (ready[0] != '\0') {
		f = fmemopen(ready, strlen(ready), "r");
		if (f == NULL)
			r->own->no_memory = true;
		err = f == NULL || cfg_parse_fp(cfg, f) != CFG_SUCCESS;
	}
	if (f != NULL)
		fclose(f);
	free(ready);
	at.line = (unsigned)cfg->line;
	if (err != 0 && !r->is_told && !r->own->no_memory)
		conf_say(r->report, false, &at, "a key without a name");
	return err != 0 ? stop(r) : 0;
}

/*
 * A parser within the parser: libconfuse's lexer has a stack of buffers, and
 * unlike its own include this one knows what it opens.
 */
static int
read_source(struct reading *r, cfg_t *cfg, const char *path,
    const char *shown, const struct conf_origin *at, enum conf_trust trust)
{
	const struct source *parent = r->source;
	struct source source = { .parent = parent, .name = shown,
		.number = r->sources++,
		.depth = parent == NULL ? 0 : parent->depth + 1 };
	struct stat st;
	size_t len = 0;
	char *text;
	int err;

	text = conf_load(r->report, at, "include", path, shown, trust, &len,
	    &st);
	if (text == NULL)
		return stop(r);
	if (is_open(parent, &st)) {
		conf_say(r->report, false, at, "include: %.400s includes "
		    "itself", shown);
		free(text);
		return stop(r);
	}
	source.dev = st.st_dev;
	source.ino = st.st_ino;
	r->bytes += len;
	r->source = &source;
	err = parse(r, cfg, text, len);
	r->source = parent;
	free(text);
	return err;
}

/* The keys from first on, and what may stand beside them. */
static void
fill_options(cfg_opt_t *out, struct reading *r, enum conf_key first,
    const cfg_opt_t *last)
{
	static const cfg_opt_t value = CFG_STR_LIST_CB(NULL, NULL,
	    CFGF_NODEFAULT, on_value);
	static const cfg_opt_t include = CFG_FUNC("include", on_include);
	static const cfg_opt_t end = CFG_END();
	unsigned key, n = 0;

	for (key = first; key < CONF_KEYS; key++) {
		out[n] = value;
		out[n++].name = conf_row((enum conf_key)key)->name;
	}
	out[n++] = include;
	out[n++] = *last;
	out[n] = end;
	while (n-- > 0)
		out[n].def.number = (long)r;
}

bool
conf_read(struct conf_own *own, struct conf_report *report, const char *path,
    const char *shown, enum conf_trust trust, struct conf_level *outside)
{
	struct reading r = { .own = own, .report = report,
		.outside = outside, .last = outside, .level = outside };
	cfg_opt_t inside[CONF_KEYS - CONF_IN_CLIENT + 3];
	cfg_opt_t all[CONF_KEYS + 3];
	const cfg_opt_t mark = CFG_STR_LIST_CB(CONF_MARK, NULL,
	    CFGF_NODEFAULT, on_value);
	const cfg_opt_t client = CFG_SEC("client", inside,
	    CFGF_MULTI | CFGF_TITLE);
	int err;

	fill_options(inside, &r, CONF_IN_CLIENT, &mark);
	fill_options(all, &r, (enum conf_key)0, &client);
	r.root = cfg_init(all, CFGF_NONE);
	if (r.root == NULL) {
		own->no_memory = true;
		return false;
	}
	cfg_set_error_function(r.root, on_error);
	err = read_source(&r, r.root, path, shown, NULL, trust);
	cfg_free(r.root);
	return err == 0;
}
