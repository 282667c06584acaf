#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "core/packet.h"
#include "conf_parts.h"

#define WHOLE(field)	offsetof(struct conf, field), \
	sizeof(((struct conf *)NULL)->field)
#define CLIENT(field)	offsetof(struct conf_values, field), \
	sizeof(((struct conf_values *)NULL)->field)
#define BOOL		CONF_BOOL
#define SECOND		CONF_SECOND_US
#define YES_NO		"yes or no"
#define SIZES		"bytes, or a number with K, M, G or T"
#define NETS		"a list of networks such as \"192.0.2.0/24\" or " \
	"\"2001:db8::/32\""
#define RULES		"a list of rules as in a map file, such as " \
	"'r ^[^/] /x/\\0'"
#define OPTIONS		"a list of blksize, timeout, tsize, windowsize, " \
	"utimeout, blksize2, rollover, or all"

static const struct conf_row rows[CONF_KEYS] = {
	[CONF_USER] = { "user", CONF_TEXT, WHOLE(user),
	    .allowed = "the name of a user" },
	[CONF_LINGER] = { "linger", CONF_TIME, WHOLE(linger_s),
	    .can_last = true, .most = INT32_MAX * SECOND, .unit_us = SECOND,
	    .grain_us = SECOND, .allowed = "whole seconds, or a number with "
	    "s, m or h, or forever" },
	[CONF_MAX_TRANSFERS] = { "max-transfers", CONF_NUMBER,
	    WHOLE(max_transfers), .least = 1, .most = 65536,
	    .allowed = "1 to 65536" },
	[CONF_MAX_TRANSFERS_PER_CLIENT] = { "max-transfers-per-client",
	    CONF_NUMBER, WHOLE(max_transfers_per_client), .most = 65536,
	    .allowed = "1 to 65536, or 0 for no limit" },
	[CONF_REFUSE_SOURCE_PORTS] = { "refuse-source-ports", CONF_PORTS,
	    offsetof(struct conf, refused_ports), .is_list = true,
	    .allowed = "a list of ports, 0 to 65535" },
	[CONF_SINGLE_PORT] = { "single-port", BOOL, WHOLE(single_port),
	    .allowed = YES_NO },
	[CONF_BROADCAST] = { "broadcast", BOOL, WHOLE(broadcast),
	    .allowed = YES_NO },
	[CONF_ALLOW_CLIENTS] = { "allow-clients", CONF_NETS,
	    offsetof(struct conf, allow_clients), .is_list = true,
	    .allowed = NETS },
	[CONF_DENY_CLIENTS] = { "deny-clients", CONF_NETS,
	    offsetof(struct conf, deny_clients), .is_list = true,
	    .allowed = NETS },
	[CONF_LOG] = { "log", CONF_PATH, WHOLE(log_path),
	    .allowed = "an absolute path" },
	[CONF_SANDBOX] = { "sandbox", CONF_WORD, WHOLE(sandbox),
	    .words = "require prefer", .allowed = "require or prefer" },
	[CONF_MAP_STEPS] = { "map-steps", CONF_NUMBER, WHOLE(map_steps),
	    .least = 1, .most = INT_MAX, .allowed = "1 to 2147483647" },

	[CONF_ROOT] = { "root", CONF_DIRS, CLIENT(roots), .is_list = true,
	    .allowed = "a list of directories, absolute paths" },
	[CONF_UPLOAD_ROOT] = { "upload-root", CONF_DIR, CLIENT(upload_root),
	    .allowed = "a directory, an absolute path, or \"\" for the first "
	    "root" },
	[CONF_STRIP_PREFIX] = { "strip-prefix", CONF_PREFIXES,
	    offsetof(struct conf_values, strip_prefix), .is_list = true,
	    .allowed = "a list of directories such as \"/tftpboot\"" },
	[CONF_CASE] = { "case", CONF_WORD, CLIENT(letter_case),
	    .words = "exact fold lower", .allowed = "exact, fold or lower" },
	[CONF_SYMLINKS] = { "symlinks", CONF_WORD, CLIENT(symlinks),
	    .words = "inside none", .allowed = "inside or none" },
	[CONF_CLIENT_DIR] = { "client-dir", CONF_WORD, CLIENT(client_dir),
	    .words = "none ip mac", .allowed = "none, ip or mac" },
	[CONF_UPLOAD_NAMES] = { "upload-names", CONF_WORD,
	    CLIENT(upload_names), .words = "as-is unique",
	    .allowed = "as-is or unique" },
	[CONF_MAP_FILE] = { "map-file", CONF_RULES_FILE, CLIENT(map_file),
	    .allowed = "a file of map rules, or \"\" for none" },
	[CONF_MAP_RULES] = { "map-rules", CONF_RULES,
	    offsetof(struct conf_values, map), .is_list = true,
	    .allowed = RULES },

	[CONF_READ] = { "read", BOOL, CLIENT(may_read), .allowed = YES_NO },
	[CONF_CREATE] = { "create", BOOL, CLIENT(may_create),
	    .allowed = YES_NO },
	[CONF_OVERWRITE] = { "overwrite", BOOL, CLIENT(may_overwrite),
	    .allowed = YES_NO },
	[CONF_REQUIRE_WORLD_READABLE] = { "require-world-readable", BOOL,
	    CLIENT(require_world_readable), .allowed = YES_NO },
	[CONF_ALLOW_EXTENSIONS] = { "allow-extensions", CONF_EXTENSIONS,
	    offsetof(struct conf_values, allow_extensions), .is_list = true,
	    .allowed = "a list of endings of names such as \"bin\" or "
	    "\"tar.gz\"" },
	[CONF_DENY_FILES] = { "deny-files", CONF_GLOBS,
	    offsetof(struct conf_values, deny_files), .is_list = true,
	    .allowed = "a list of patterns such as \"*.key\" or "
	    "\"private/*\"" },
	[CONF_MAX_READ] = { "max-read", CONF_SIZE, CLIENT(max_read),
	    .allowed = SIZES "; 0 is no limit" },
	[CONF_MAX_UPLOAD] = { "max-upload", CONF_SIZE, CLIENT(max_upload),
	    .allowed = SIZES "; 0 allows no upload" },
	[CONF_MIN_FREE] = { "min-free", CONF_SIZE, CLIENT(min_free),
	    .allowed = SIZES },
	[CONF_UMASK] = { "umask", CONF_OCTAL, CLIENT(umask), .most = 0777,
	    .allowed = "octal, 0 to 777" },

	[CONF_MAX_BLKSIZE] = { "max-blksize", CONF_BLKSIZE,
	    CLIENT(max_blksize), .least = PACKET_BLKSIZE_MIN,
	    .most = PACKET_BLKSIZE_MAX,
	    .allowed = "8 to 65464, or auto, mtu, or mtu-N with N up to "
	    "1024" },
	[CONF_MAX_WINDOWSIZE] = { "max-windowsize", CONF_NUMBER,
	    CLIENT(max_windowsize), .least = 1, .most = UINT16_MAX,
	    .allowed = "1 to 65535" },
	[CONF_REFUSE_OPTIONS] = { "refuse-options", CONF_OPTIONS,
	    CLIENT(refused_options), .is_list = true,
	    .words = "blksize timeout tsize windowsize utimeout blksize2 "
	    "rollover", .allowed = OPTIONS },
	[CONF_PORT_RANGE] = { "port-range", CONF_RANGE, CLIENT(port_first),
	    .allowed = "FIRST:LAST, both 1 to 65535, such as \"4096:4127\", "
	    "or \"\" for any" },
	[CONF_GIVE_UP] = { "give-up", CONF_TIME, CLIENT(give_up_ms),
	    .least = SECOND, .most = 86400 * SECOND, .unit_us = SECOND,
	    .grain_us = 1000, .allowed = "1 second to 24 hours: seconds, or a "
	    "number with ms, s, m or h" },
	[CONF_ADAPTIVE] = { "adaptive", BOOL, CLIENT(adaptive),
	    .allowed = YES_NO },
	[CONF_RETRANSMIT] = { "retransmit", CONF_TIME,
	    CLIENT(first_timeout_ms), .least = 10000, .most = 255 * SECOND,
	    .unit_us = 1, .grain_us = 1000,
	    .allowed = "10 ms to 255 s: microseconds, 10000 to 255000000, or "
	    "a number with ms or s" },
};

const struct conf_row *
conf_row(enum conf_key key)
{
	return &rows[key];
}

int
conf_key_find(const char *name)
{
	int key;

	for (key = 0; key < CONF_KEYS; key++)
		if (strcmp(rows[key].name, name) == 0)
			return key;
	return -1;
}

void *
conf_place(struct conf *c, struct conf_values *v, enum conf_key key)
{
	char *base = key < CONF_IN_CLIENT ? (char *)c : (char *)v;

	return base + rows[key].offset;
}

void
conf_number_put(const struct conf_row *row, void *at, uint64_t n)
{
	uint16_t n16 = (uint16_t)n;
	uint32_t n32 = (uint32_t)n;

	switch (row->size) {
	case sizeof(n16): memcpy(at, &n16, row->size); break;
	case sizeof(n32): memcpy(at, &n32, row->size); break;
	default: memcpy(at, &n, row->size); break;
	}
}

uint64_t
conf_number_get(const struct conf_row *row, const void *at)
{
	uint16_t n16;
	uint32_t n32;
	uint64_t n64;

	switch (row->size) {
	case sizeof(n16):
		memcpy(&n16, at, row->size);
		return n16;
	case sizeof(n32):
		memcpy(&n32, at, row->size);
		return n32;
	default:
		memcpy(&n64, at, row->size);
		return n64;
	}
}

/* ---- what is built in -------------------------------------------------- */

static void
default_nets(struct conf_own *own)
{
	struct conf_nets *nets = &own->conf.allow_clients;

	nets->items = conf_new(own, 2 * sizeof(*nets->items));
	if (nets->items == NULL)
		return;
	nets->count = 2;
	nets->items[1].addr.is_v6 = true;
}

static void
default_ports(struct conf_own *own)
{
	static const uint16_t ports[] = { 0, 7, 11, 13, 17, 19, 37, 53, 69,
		123 };

	own->conf.refused_ports = conf_new(own, sizeof(ports));
	if (own->conf.refused_ports == NULL)
		return;
	memcpy(own->conf.refused_ports, ports, sizeof(ports));
	own->conf.refused_port_count = sizeof(ports) / sizeof(ports[0]);
}

static void
default_prefix(struct conf_own *own)
{
	struct conf_list *list = &own->conf.values.strip_prefix;

	list->items = conf_new(own, sizeof(*list->items));
	if (list->items == NULL)
		return;
	list->items[0] = conf_copy(own, "tftpboot", 8);
	list->count = 1;
}

void
conf_defaults(struct conf_own *own)
{
	struct conf *c = &own->conf;
	struct conf_values *v = &c->values;

	c->linger_s = 60;
	c->max_transfers = 1000;
	c->log_path = LOGDIR "/transfers.jsonl";
	c->map_steps = MAPRULES_STEPS;
	v->may_read = true;
	v->require_world_readable = true;
	v->max_upload = UINT64_C(1) << 30;
	v->min_free = UINT64_C(64) << 20;
	v->umask = 022;
	v->max_blksize = CONF_BLKSIZE_AUTO;
	v->max_windowsize = 64;
	v->give_up_ms = 30000;
	v->adaptive = true;
	v->first_timeout_ms = 500;
	default_nets(own);
	default_ports(own);
	default_prefix(own);
}

/* ---- the nearest key --------------------------------------------------- */

#define NAME_MAX_LEN	40

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Letters to change, add or take away; case and '_' for '-' cost nothing. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[NAME_MAX_LEN + 1], corner, above;
	size_t la = strlen(a), lb = strlen(b), i, j;
	int ca, cb;

	if (la > NAME_MAX_LEN || lb > NAME_MAX_LEN)
		return UINT_MAX;
	for (j = 0; j <= lb; j++)
		row[j] = (unsigned)j;
	for (i = 1; i <= la; i++) {
		corner = row[0];
		row[0] = (unsigned)i;
		ca = a[i - 1] == '_' ? '-' : tolower((unsigned char)a[i - 1]);
		for (j = 1; j <= lb; j++) {
			cb = (unsigned char)b[j - 1];
			above = row[j];
			row[j] = least(above + 1, row[j - 1] + 1,
			    corner + (ca != cb));
			corner = above;
		}
	}
	return row[lb];
}

const char *
conf_key_nearest(const char *name)
{
	const char *nearest = NULL, *candidate;
	unsigned best = (unsigned)strlen(name) / 3 + 1, d;
	int key;

	for (key = 0; key < CONF_KEYS + 2; key++) {
		candidate = key < CONF_KEYS ? rows[key].name :
		    key == CONF_KEYS ? "client" : "include";
		d = distance(name, candidate);
		if (d < best || (d == best && nearest == NULL)) {
			best = d;
			nearest = candidate;
		}
	}
	return nearest;
}
