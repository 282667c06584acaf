/* The value of a key that takes several texts. */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "core/options.h"
#include "core/pathname.h"
#include "conf_parts.h"

/* Returns what is wrong, or NULL with *out set to what it makes of text. */
typedef const char *parse_item(struct conf_own *own, const char *text,
    char **out);

static const char *
parse_prefix(struct conf_own *own, const char *text, char **out)
{
	char clean[PATHNAME_MAX + 1];
	enum pathname_verdict verdict;

	verdict = pathname_clean((const uint8_t *)text, strlen(text), clean);
	if (verdict == PATHNAME_DOTDOT)
		return "has a \"..\" component";
	if (verdict == PATHNAME_CONTROL)
		return "has a control byte";
	if (verdict != PATHNAME_OK || strcmp(clean, ".") == 0)
		return "is no directory of a name";
	*out = conf_copy(own, clean, strlen(clean));
	return NULL;
}

static const char *
parse_extension(struct conf_own *own, const char *text, char **out)
{
	if (conf_has_control(text))
		return "has a control byte";
	if (strchr(text, '/') != NULL)
		return "has a slash";
	text += text[0] == '.';
	*out = conf_copy(own, text, strlen(text));
	return NULL;
}

static const char *
parse_glob(struct conf_own *own, const char *text, char **out)
{
	if (text[0] == '\0')
		return "matches nothing";
	if (conf_has_control(text))
		return "has a control byte";
	if (text[0] == '/')
		return "matches nothing: names are looked at without the "
		    "slash in front";
	*out = conf_copy(own, text, strlen(text));
	return NULL;
}

static bool
parse_texts(struct conf_own *own, struct conf_report *r,
    const struct conf_setting *s, parse_item *parse, struct conf_list *out)
{
	struct conf_list list = { NULL, 0 };
	const char *what;
	unsigned i;
	bool ok = true;

	list.items = conf_new(own, (s->count + 1) * sizeof(*list.items));
	for (i = 0; list.items != NULL && i < s->count; i++) {
		what = parse(own, s->items[i].text, &list.items[list.count]);
		if (what != NULL) {
			conf_wrong(r, s, &s->items[i], what);
			ok = false;
		} else {
			list.count++;
		}
	}
	*out = list;
	return ok && !own->no_memory;
}

static bool
parse_ports(struct conf_own *own, struct conf_report *r,
    const struct conf_setting *s)
{
	uint16_t *ports = conf_new(own, (s->count + 1) * sizeof(*ports));
	unsigned i, count = 0;
	bool ok = ports != NULL;
	const char *text;
	uint64_t n;

	for (i = 0; ports != NULL && i < s->count; i++) {
		text = s->items[i].text;
		if (!conf_number(text, strlen(text), 10, &n) ||
		    n > UINT16_MAX) {
			conf_wrong(r, s, &s->items[i], "is no port");
			ok = false;
		} else {
			ports[count++] = (uint16_t)n;
		}
	}
	own->conf.refused_ports = ports;
	own->conf.refused_port_count = count;
	return ok;
}

static bool
parse_options(struct conf_report *r, const struct conf_setting *s,
    uint32_t *out)
{
	bool ok = true;
	const char *text;
	unsigned i;
	int id;

	*out = 0;
	for (i = 0; i < s->count; i++) {
		text = s->items[i].text;
		id = options_from_name((struct packet_slice){
		    (const uint8_t *)text, strlen(text) });
		if (id >= 0) {
			*out |= 1U << id;
		} else if (strcasecmp(text, "all") == 0) {
			*out = (1U << OPTIONS_COUNT) - 1;
		} else {
			conf_wrong(r, s, &s->items[i], "is no option");
			ok = false;
		}
	}
	return ok;
}

/* One network, len bytes; it is said at at what is wrong with it. */
static bool
parse_net(struct conf_report *r, const struct conf_origin *at,
    const char *what, const char *text, size_t len, struct cidr *net)
{
	enum cidr_verdict verdict = cidr_parse(text, len, net);
	int shown = len < 64 ? (int)len : 64;
	char meant[CIDR_TEXT_MAX];

	if (verdict == CIDR_OK)
		return true;
	if (verdict == CIDR_HOST_BITS) {
		cidr_text(net, meant);
		conf_say(r, false, at, "%s: \"%.*s\" has bits beyond its "
		    "prefix; the network is %s", what, shown, text, meant);
	} else {
		conf_say(r, false, at, "%s: \"%.*s\" %s; allowed: networks "
		    "such as \"192.0.2.0/24\" or \"2001:db8::/32\"", what,
		    shown, text, verdict == CIDR_BAD_PREFIX ? "has a prefix "
		    "that is out of range" : "is no network");
	}
	return false;
}

/* "10.0.0.0/8", or with commas between them as in a section's title. */
static bool
parse_nets_of(struct conf_report *r, const struct conf_setting *s,
    const struct conf_item *item, const char *what, struct conf_nets *nets)
{
	struct conf_origin at = { s->origin.where, item->line };
	const char *p = item->text, *end;
	size_t len;
	bool ok = true;

	for (;; p = end + 1) {
		p += strspn(p, " \t\n");
		end = p + strcspn(p, ",");
		len = (size_t)(end - p);
		while (len > 0 && strchr(" \t\n", p[len - 1]) != NULL)
			len--;
		if (parse_net(r, &at, what, p, len,
		    &nets->items[nets->count]))
			nets->count++;
		else
			ok = false;
		if (*end == '\0')
			return ok;
	}
}

bool
conf_nets_parse(struct conf_own *own, struct conf_report *r,
    const struct conf_setting *s, const char *what, struct conf_nets *out)
{
	struct conf_nets nets = { NULL, 0 };
	unsigned i, most = 0;
	bool ok = true;
	const char *p;

	for (i = 0; i < s->count; i++)
		for (most++, p = s->items[i].text; *p != '\0'; p++)
			most += *p == ',';
	nets.items = conf_new(own, (most + 1) * sizeof(*nets.items));
	for (i = 0; nets.items != NULL && i < s->count; i++)
		ok = parse_nets_of(r, s, &s->items[i], what, &nets) && ok;
	if (nets.items == NULL || !ok)
		return false;
	*out = nets;
	return true;
}

bool
conf_list_parse(struct conf_own *own, struct conf_report *r,
    const struct conf_setting *s, void *at)
{
	const struct conf_row *row = conf_row(s->key);

	switch (row->type) {
	case CONF_PORTS: return parse_ports(own, r, s);
	case CONF_OPTIONS: return parse_options(r, s, at);
	case CONF_NETS: return conf_nets_parse(own, r, s, row->name, at);
	case CONF_PREFIXES: return parse_texts(own, r, s, parse_prefix, at);
	case CONF_EXTENSIONS:
		return parse_texts(own, r, s, parse_extension, at);
	default: return parse_texts(own, r, s, parse_glob, at);
	}
}
