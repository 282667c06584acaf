#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/naming.h"
#include "daemon/obstacle.h"

void
naming_init(struct naming *n, const struct transfer_order *o,
    const struct access_rules *rules, struct trail *trail, bool is_write)
{
	n->order = o;
	n->rules = rules;
	n->trail = trail;
	n->is_write = is_write;
	n->spelling_count = 0;
	n->only_root = -1;
	n->path[0] = '\0';
	n->exists = false;
}

/* ---- spelling --------------------------------------------------------- */

static const char *
root_text(const struct naming *n)
{
	return n->rules->conf->dirs[n->root_index];
}

static void
lower(char *text)
{
	for (; *text != '\0'; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
}

/* Every prefix that fits gives a name to try when the one before is missing. */
static void
add_stripped(struct naming *n)
{
	const struct conf_list *prefixes = &n->rules->values->strip_prefix;
	const char *below;
	unsigned i;

	for (i = 0; i < prefixes->count &&
	    n->spelling_count < NAMING_SPELLINGS; i++) {
		below = pathname_below(n->name, prefixes->items[i]);
		if (below != NULL && below != n->name &&
		    strcmp(below, ".") != 0)
			n->spellings[n->spelling_count++] = below;
	}
}

/* A name after the map rules to spellings; v only where it is refused. */
static bool
spell(struct naming *n, struct access_verdict *v, const char *name)
{
	const struct conf *c = n->rules->conf;
	enum pathname_verdict verdict;
	const char *below;
	uint8_t index = 0;

	verdict = pathname_clean((const uint8_t *)name, strlen(name),
	    n->name);
	if (verdict != PATHNAME_OK) {
		access_name(v, verdict);
		return false;
	}
	n->spellings[0] = n->name;
	n->spelling_count = 1;
	n->only_root = -1;
	if (n->rules->values->letter_case == CONF_CASE_LOWER)
		lower(n->name);
	if (!c->is_absolute) {
		add_stripped(n);
		return true;
	}
	below = access_below(v, n->rules, n->name,
	    name[0] == '/' || name[0] == '\\', &index);
	if (below == NULL)
		return false;
	n->spellings[0] = below;
	n->only_root = index;
	return true;
}

/* ---- places ----------------------------------------------------------- */

static void
enter_root(struct naming *n, uint8_t index)
{
	n->root_index = index;
	n->root.fd = n->order->service->root_fds[index];
	n->root.no_symlinks =
	    n->rules->values->symlinks == CONF_SYMLINKS_NONE;
}

/* The client's own directory below a root, or "" if it has none. */
static const char *
client_dir(const struct naming *n)
{
	switch (n->rules->values->client_dir) {
	case CONF_CLIENT_DIR_IP: return n->order->address;
	case CONF_CLIENT_DIR_MAC: return n->order->mac;
	case CONF_CLIENT_DIR_NONE: break;
	}
	return "";
}

/* DIR/NAME, or NAME alone for dir ""; false: too long to exist. */
static bool
join(const char *dir, const char *name, char out[static PATHNAME_MAX + 1])
{
	size_t dir_len = strlen(dir), name_len = strlen(name);

	out[0] = '\0';
	if (dir_len + (dir_len != 0) + name_len > PATHNAME_MAX)
		return false;
	/* snprintf() would cost every transfer seven page faults */
	memcpy(out, dir, dir_len);
	if (dir_len != 0)
		out[dir_len++] = '/';
	memcpy(out + dir_len, name, name_len + 1);
	return true;
}

static bool
is_missing(int err)
{
	return err == -ENOENT || err == -ENOTDIR || err == -ENAMETOOLONG;
}

static void
say_place(struct naming *n, const char *dir, bool fold, const char *path,
    int err)
{
	enum conf_key key = fold ? CONF_CASE : dir[0] != '\0' ?
	    CONF_CLIENT_DIR : CONF_ROOT;

	if (n->trail == NULL)
		return;
	trail_say_by(n->trail, n->rules, key, fold ? "ignoring case" :
	    "look for", "%s in %s: %s", path, root_text(n), err == 0 ?
	    "it is there" : strerror(-err));
}

/* Is something there?  0 with path and st set, or -errno. */
static int
try_place(struct naming *n, const char *dir, const char *name, bool fold)
{
	char wanted[PATHNAME_MAX + 1];
	int err = 0;

	if (!join(dir, name, wanted))
		return -ENAMETOOLONG;
	if (fold)
		err = resolve_fold(&n->root, wanted, n->path);
	else
		memcpy(n->path, wanted, strlen(wanted) + 1);
	if (err == 0)
		err = resolve_stat(&n->root, n->path, &n->st);
	if (!fold || err != -ENOENT)
		say_place(n, dir, fold, fold ? n->path : wanted, err);
	return err;
}

/* In the search path; the first that is not just missing ends it. */
static int
try_roots(struct naming *n, const char *dir, const char *name, bool fold)
{
	const struct conf_values *values = n->rules->values;
	int err = -ENOENT, first = -ENOENT;
	unsigned i;

	for (i = 0; i < values->root_count; i++) {
		if (n->only_root != -1 && values->roots[i] != n->only_root)
			continue;
		enter_root(n, values->roots[i]);
		err = try_place(n, dir, name, fold);
		if (!is_missing(err))
			return err;
		if (err == -ENAMETOOLONG)
			first = err;
	}
	return first;
}

/* One spelling: exact everywhere before any other case is looked for. */
static int
try_spelling(struct naming *n, const char *name)
{
	bool may_fold = n->rules->values->letter_case == CONF_CASE_FOLD;
	int err = -ENOENT, fold, ways = may_fold ? 2 : 1;
	const char *dir = client_dir(n);

	for (fold = 0; fold < ways; fold++) {
		if (dir[0] != '\0')
			err = try_roots(n, dir, name, fold != 0);
		if (is_missing(err))
			err = try_roots(n, "", name, fold != 0);
		if (!is_missing(err))
			break;
	}
	return err;
}

bool
naming_refuse(const struct naming *n, struct access_verdict *v,
    const char *path, const char *verb, int err)
{
	char why[OBSTACLE_MAX];

	access_errno(v, verb, -err);
	if (err == -ELOOP && n->root.no_symlinks)
		access_link(v, n->rules, verb);
	if ((err != -EACCES && err != -ENOENT) ||
	    !obstacle_find(&n->root, path, err, n->is_write, why))
		return false;
	if (err == -ENOENT)
		access_refuse(v, OUTCOME_NOTFOUND, PACKET_ERR_NOT_FOUND,
		    "no such file: %s, where below the root nothing is",
		    why);
	else
		access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
		    "cannot %s: %s", verb, why);
	return false;
}

/* ---- map rules -------------------------------------------------------- */

/* For rule `E`: is the name one that would be served? */
static bool
would_do(void *arg, const char *name)
{
	const struct naming *n = arg;
	struct naming probe;
	struct access_verdict v;
	unsigned i;

	naming_init(&probe, n->order, n->rules, NULL, n->is_write);
	if (!spell(&probe, &v, name))
		return false;
	if (n->is_write)
		return true;
	for (i = 0; i < probe.spelling_count; i++)
		if (try_spelling(&probe, probe.spellings[i]) == 0)
			return true;
	return false;
}

static const char *
rules_file(const struct naming *n)
{
	const char *file = n->rules->values->map_file;

	return file != NULL ? file : "map-rules";
}

static void
say_match(void *arg, unsigned line, const char *name)
{
	const struct naming *n = arg;

	trail_say(n->trail, "map rule", "%s:%u makes it \"%s\"",
	    rules_file(n), line, name);
}

/* A verdict other than a name is a refusal. */
static bool
judge_map(const struct naming *n, struct access_verdict *v,
    const struct maprules_result *r)
{
	switch (r->verdict) {
	case MAPRULES_OK:
		return true;
	case MAPRULES_ABORTED:
		access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
		    "a map rule refuses it (%s:%u)", rules_file(n), r->line);
		access_set_text(v, r->out);
		break;
	case MAPRULES_STEPS_USED:
		access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
		    "the map rules took more than %u steps (%s:%u)",
		    n->rules->conf->map_steps, rules_file(n), r->line);
		break;
	case MAPRULES_TOO_LONG:
		access_refuse(v, OUTCOME_DENIED, PACKET_ERR_ACCESS,
		    "the map rules make too long a name (%s:%u)",
		    rules_file(n), r->line);
		break;
	}
	return false;
}

static bool
map(struct naming *n, struct access_verdict *v, const char *name,
    struct maprules_result *r)
{
	const struct conf_values *values = n->rules->values;
	const struct transfer_order *o = n->order;
	struct maprules_client client = {
		.is_write = n->is_write,
		.is_v4 = !o->client_addr.is_v6,
		.address = o->address,
		.bytes = o->client_addr.bytes,
		.mac = o->mac,
	};
	struct maprules_hooks hooks = { would_do, say_match, n };

	if (values->map == NULL) {
		memcpy(r->out, name, strlen(name) + 1);
		return true;
	}
	maprules_apply(values->map, name, &client, n->rules->conf->map_steps,
	    &hooks, r);
	return judge_map(n, v, r);
}

bool
naming_spell(struct naming *n, struct access_verdict *v,
    struct packet_slice name)
{
	char sent[PATHNAME_MAX + 1];
	struct maprules_result r;
	enum pathname_verdict verdict;
	unsigned i;

	verdict = pathname_check(name.buf, name.len);
	if (verdict != PATHNAME_OK) {
		access_name(v, verdict);
		return false;
	}
	memcpy(sent, name.buf, name.len);
	sent[name.len] = '\0';
	if (!map(n, v, sent, &r) || !spell(n, v, r.out))
		return false;
	for (i = 0; i < n->spelling_count; i++)
		trail_say_by(n->trail, n->rules, i != 0 ? CONF_STRIP_PREFIX :
		    CONF_CASE, i == 0 ? "name" : "without prefix",
		    "\"%s\"", n->spellings[i]);
	return true;
}

/*
 * All spellings, whichever of them will be found: "tftpboot -> ." is a usual
 * link, and may not lead round a rule.
 */
static bool
are_names_allowed(const struct naming *n, struct access_verdict *v)
{
	unsigned i;

	for (i = 0; i < n->spelling_count; i++)
		if (!access_file_name(v, n->rules, n->spellings[i]))
			return false;
	return true;
}

/* ---- reads ------------------------------------------------------------ */

bool
naming_find(struct naming *n, struct access_verdict *v)
{
	int err = -ENOENT;
	unsigned i;

	if (!are_names_allowed(n, v))
		return false;
	for (i = 0; i < n->spelling_count && is_missing(err); i++)
		err = try_spelling(n, n->spellings[i]);
	n->exists = err == 0;
	trail_walk(n->trail, &n->root, n->path);
	/* another spelling of it, or the client's own directory */
	if (err == 0)
		return access_file_name(v, n->rules, n->path);
	return naming_refuse(n, v, n->path, "open", err);
}

/* ---- uploads ---------------------------------------------------------- */

static bool
is_dir(const struct naming *n, const char *path)
{
	struct stat st;

	return resolve_stat(&n->root, path, &st) == 0 &&
	    S_ISDIR(st.st_mode);
}

/* As it stands there in another case: the file, or at least its directory. */
static void
fold_target(struct naming *n)
{
	char real[PATHNAME_MAX + 1], dir[PATHNAME_MAX + 1];
	char wanted[PATHNAME_MAX + 1];
	const char *base = pathname_split(n->path, dir);
	struct stat st;

	if (resolve_stat(&n->root, n->path, &st) == 0)
		return;
	if (resolve_fold(&n->root, n->path, real) == 0)
		memcpy(n->path, real, strlen(real) + 1);
	else if (!is_dir(n, dir) && resolve_fold(&n->root, dir, real) == 0 &&
	    join(real, base, wanted))
		memcpy(n->path, wanted, strlen(wanted) + 1);
}

/* In the client's directory if it has one, else in the root itself. */
static void
choose_dir(struct naming *n, const char *name)
{
	const char *dir = client_dir(n);

	if (dir[0] == '\0' || !is_dir(n, dir) || !join(dir, name, n->path))
		memcpy(n->path, name, strlen(name) + 1);
	if (n->rules->values->letter_case == CONF_CASE_FOLD)
		fold_target(n);
}

/* The first spelling whose directory exists. */
static void
choose_target(struct naming *n)
{
	char dir[PATHNAME_MAX + 1];
	unsigned i;

	for (i = 0; i < n->spelling_count; i++) {
		choose_dir(n, n->spellings[i]);
		(void)pathname_split(n->path, dir);
		if (is_dir(n, dir))
			return;
	}
	choose_dir(n, n->spellings[0]);
}

bool
naming_place(struct naming *n, struct access_verdict *v)
{
	int hops, err;

	if (!are_names_allowed(n, v))
		return false;
	enter_root(n, n->only_root != -1 ? (uint8_t)n->only_root :
	    n->rules->values->upload_root);
	choose_target(n);
	trail_say_by(n->trail, n->rules, CONF_UPLOAD_ROOT, "upload to",
	    "%s in %s", n->path, root_text(n));
	trail_walk(n->trail, &n->root, n->path);
	if (!access_file_name(v, n->rules, n->path))
		return false;
	/* else the rename would replace a link, not what it leads to */
	hops = resolve_links(&n->root, n->path, sizeof(n->path));
	if (hops < 0)
		return naming_refuse(n, v, n->path, "follow the link", hops);
	err = resolve_stat(&n->root, n->path, &n->st);
	/* a link that leads nowhere makes no file */
	if (err != 0 && (err != -ENOENT || hops != 0))
		return naming_refuse(n, v, n->path, "open", err);
	n->exists = err == 0;
	return true;
}
