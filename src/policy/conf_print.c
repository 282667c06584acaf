#include <string.h>

#include "core/options.h"
#include "core/pathname.h"
#include "conf_parts.h"

/* ---- a value ----------------------------------------------------------- */

static void
quote(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text != '\0'; text++) {
		if (strchr("\\\"$", *text) != NULL)
			fprintf(out, "\\%c", *text);
		else if (conf_is_control(*text))
			fprintf(out, "\\x%02x", (unsigned char)*text);
		else
			putc(*text, out);
	}
	putc('"', out);
}

static void
print_size(FILE *out, uint64_t n)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (n != 0 && n % 1024 == 0 && unit < 3) {
		n /= 1024;
		unit++;
	}
	fprintf(out, "%ju", (uintmax_t)n);
	if (unit >= 0)
		putc(units[unit], out);
}

static void
print_time(FILE *out, const struct conf_row *row, uint64_t n)
{
	if (row->can_last && n == CONF_FOR_EVER)
		fputs("forever", out);
	else if (row->grain_us == CONF_SECOND_US)
		fprintf(out, "%ju", (uintmax_t)n);
	else if (n % 1000 == 0)
		fprintf(out, "%jus", (uintmax_t)n / 1000);
	else
		fprintf(out, "%jums", (uintmax_t)n);
}

static void
print_word(FILE *out, const char *words, uint64_t n)
{
	for (; n > 0; n--)
		words += strcspn(words, " ") + 1;
	fprintf(out, "%.*s", (int)strcspn(words, " "), words);
}

static void
print_list(FILE *out, const struct conf_list *list, const char *before)
{
	char text[PATHNAME_MAX + 2];
	unsigned i;

	putc('{', out);
	for (i = 0; i < list->count; i++) {
		fputs(i == 0 ? "" : ", ", out);
		if (before[0] == '\0') {
			quote(out, list->items[i]);
			continue;
		}
		snprintf(text, sizeof(text), "%s%s", before, list->items[i]);
		quote(out, text);
	}
	putc('}', out);
}

static void
print_ports(FILE *out, const struct conf *c)
{
	unsigned i;

	putc('{', out);
	for (i = 0; i < c->refused_port_count; i++)
		fprintf(out, "%s%u", i == 0 ? "" : ", ", c->refused_ports[i]);
	putc('}', out);
}

static void
print_nets(FILE *out, const struct conf_nets *nets)
{
	char text[CIDR_TEXT_MAX];
	unsigned i;

	putc('{', out);
	for (i = 0; i < nets->count; i++) {
		cidr_text(&nets->items[i], text);
		fprintf(out, "%s\"%s\"", i == 0 ? "" : ", ", text);
	}
	putc('}', out);
}

static void
print_options(FILE *out, const char *words, uint32_t refused)
{
	const char *between = "";
	unsigned id;

	putc('{', out);
	for (id = 0; id < OPTIONS_COUNT; id++) {
		if ((refused & 1U << id) != 0) {
			fputs(between, out);
			print_word(out, words, id);
			between = ", ";
		}
	}
	putc('}', out);
}

static void
print_dirs(FILE *out, const struct conf *c, const struct conf_values *v)
{
	unsigned i;

	putc('{', out);
	for (i = 0; i < v->root_count; i++) {
		fputs(i == 0 ? "" : ", ", out);
		quote(out, c->dirs[v->roots[i]]);
	}
	putc('}', out);
}

static void
print_rules(FILE *out, const struct maprules *map)
{
	unsigned count = map == NULL ? 0 : maprules_count(map), i, line;

	if (count == 0) {
		fputs("{}", out);
		return;
	}
	putc('{', out);
	for (i = 0; i < count; i++) {
		fputs(i == 0 ? "\n\t" : ",\n\t", out);
		quote(out, maprules_text(map, i, &line));
	}
	fputs("\n}", out);
}

static void
print_blksize(FILE *out, const struct conf_values *v)
{
	if (v->max_blksize != CONF_BLKSIZE_AUTO)
		fprintf(out, "%u", v->max_blksize);
	else if (v->mtu_less == 0)
		fputs("auto", out);
	else
		fprintf(out, "mtu-%u", v->mtu_less);
}

static void
print_range(FILE *out, const struct conf_values *v)
{
	if (v->port_first == 0)
		fputs("\"\"", out);
	else
		fprintf(out, "%u:%u", v->port_first, v->port_last);
}

static void
print_text(FILE *out, const char *text)
{
	quote(out, text == NULL ? "" : text);
}

/* The types that have one value; false: it is another one. */
static bool
print_single(FILE *out, const struct conf_row *row,
    const struct conf_values *v, const void *at)
{
	switch (row->type) {
	case CONF_BOOL: fputs(*(const bool *)at ? "yes" : "no", out); break;
	case CONF_NUMBER:
		fprintf(out, "%ju", (uintmax_t)conf_number_get(row, at));
		break;
	case CONF_OCTAL:
		fprintf(out, "%03jo", (uintmax_t)conf_number_get(row, at));
		break;
	case CONF_WORD:
		print_word(out, row->words, conf_number_get(row, at));
		break;
	case CONF_SIZE: print_size(out, conf_number_get(row, at)); break;
	case CONF_TIME: print_time(out, row, conf_number_get(row, at)); break;
	case CONF_TEXT:
	case CONF_PATH:
	case CONF_RULES_FILE: print_text(out, *(const char *const *)at); break;
	case CONF_BLKSIZE: print_blksize(out, v); break;
	case CONF_RANGE: print_range(out, v); break;
	default: return false;
	}
	return true;
}

static void
print_value(FILE *out, const struct conf *c, const struct conf_values *v,
    enum conf_key key)
{
	const struct conf_row *row = conf_row(key);
	const void *at = key < CONF_IN_CLIENT ?
	    (const char *)c + row->offset : (const char *)v + row->offset;

	if (print_single(out, row, v, at))
		return;
	switch (row->type) {
	case CONF_OPTIONS:
		print_options(out, row->words, v->refused_options);
		break;
	case CONF_PORTS: print_ports(out, c); break;
	case CONF_NETS: print_nets(out, at); break;
	case CONF_PREFIXES: print_list(out, at, "/"); break;
	case CONF_DIRS: print_dirs(out, c, v); break;
	case CONF_DIR: quote(out, c->dirs[v->upload_root]); break;
	case CONF_RULES: print_rules(out, v->map); break;
	default: print_list(out, at, ""); break;
	}
}

/* ---- keys and sections ------------------------------------------------- */

static void
print_comment(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		putc(conf_is_control(*text) ? '?' : *text, out);
}

struct printing {
	const struct conf *c;
	FILE *out;
	bool with_origins, is_whole;
};

/* Of map-file and map-rules one is printed: the one that holds. */
static enum conf_key
map_key(const struct printing *p, const struct conf_values *v)
{
	return p->is_whole || v->map_file == NULL ? CONF_MAP_RULES :
	    CONF_MAP_FILE;
}

/* upload-root follows root as long as nobody sets it. */
static bool
is_first_root(const struct conf_values *v, enum conf_key key)
{
	return key == CONF_UPLOAD_ROOT && v->origins[key].where == NULL;
}

static void
print_key(const struct printing *p, const struct conf_values *v,
    enum conf_key key, const char *before)
{
	char origin[CONF_ORIGIN_MAX];
	enum conf_key from = key;

	/* map-rules that were a file's come from where map-file stands */
	if (key == CONF_MAP_RULES && v->map_file != NULL)
		from = CONF_MAP_FILE;
	fprintf(p->out, "%s%s = ", before, conf_key_name(key));
	if (is_first_root(v, key))
		fputs("\"\"", p->out);
	else
		print_value(p->out, p->c, v, key);
	if (p->with_origins) {
		fputs("\t# ", p->out);
		print_comment(p->out, conf_origin_text(p->c, v, from,
		    origin));
	}
	putc('\n', p->out);
}

static bool
is_map(enum conf_key key)
{
	return key == CONF_MAP_FILE || key == CONF_MAP_RULES;
}

static bool
is_said(const struct conf_section *s, enum conf_key key)
{
	uint64_t keys = CONF_BIT(key);

	if (is_map(key))
		keys = CONF_BIT(CONF_MAP_FILE) | CONF_BIT(CONF_MAP_RULES);
	return (s->said & keys) != 0;
}

static void
print_section(const struct printing *p, const struct conf_section *s)
{
	char text[CIDR_TEXT_MAX];
	unsigned i, key;

	fputs("\nclient \"", p->out);
	for (i = 0; i < s->nets.count; i++) {
		cidr_text(&s->nets.items[i], text);
		fprintf(p->out, "%s%s", i == 0 ? "" : ",", text);
	}
	fputs("\" {", p->out);
	if (p->with_origins) {
		fputs("\t# ", p->out);
		print_comment(p->out, s->origin.where);
		fprintf(p->out, ":%u", s->origin.line);
	}
	putc('\n', p->out);
	for (key = CONF_IN_CLIENT; key < CONF_KEYS; key++)
		if (is_said(s, (enum conf_key)key) &&
		    (!is_map((enum conf_key)key) ||
		    map_key(p, &s->values) == (enum conf_key)key))
			print_key(p, &s->values, (enum conf_key)key, "\t");
	fputs("}\n", p->out);
}

/* What a file cannot say. */
static void
print_form(const struct printing *p)
{
	if (p->c->is_broken)
		fputs("# The configuration cannot be used; these are the "
		    "built-in values.\n", p->out);
	if (!p->c->is_hpa)
		return;
	fprintf(p->out, "# As tftpd-hpa: %s,\n# and %s.\n",
	    p->c->is_absolute ? "names are absolute" :
	    "names are relative to root", p->c->values.may_write_o_w ?
	    "files that others may write may be overwritten" :
	    "nothing is overwritten");
}

bool
conf_print(const struct conf *c, FILE *out, bool with_origins, bool is_whole)
{
	struct printing p = { c, out, with_origins, is_whole };
	unsigned key, i;

	print_form(&p);
	for (key = 0; key < CONF_KEYS; key++)
		if (!is_map((enum conf_key)key) ||
		    map_key(&p, &c->values) == (enum conf_key)key)
			print_key(&p, &c->values, (enum conf_key)key, "");
	for (i = 0; i < c->section_count; i++)
		print_section(&p, &c->sections[i]);
	return fflush(out) == 0 && ferror(out) == 0;
}
