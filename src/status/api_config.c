#include <string.h>

#include "stats/livetab.h"
#include "stats/tool.h"
#include "status/api.h"
#include "status/effective.h"
#include "api_parts.h"

static void
put_problem(struct json *j, const struct effective_problem *p)
{
	json_open(j, NULL, '{');
	json_text(j, "severity", p->is_warning ? "warning" : "error");
	if (p->file != NULL)
		json_text(j, "file", p->file);
	if (p->line != 0)
		json_int(j, "line", p->line);
	json_text(j, "text", p->text);
	json_close(j, '}');
}

static void
put_value(struct json *j, const struct effective_value *v)
{
	json_open(j, NULL, '{');
	json_text(j, "key", v->key);
	json_bytes(j, "value", "value_hex", (const uint8_t *)v->value,
	    strlen(v->value));
	json_text(j, "origin", v->origin);
	if (v->section != NULL)
		json_text(j, "section", v->section);
	json_close(j, '}');
}

/* One that is bad is not used while a server goes on with the one before. */
static void
put_use(struct json *j, const char *table)
{
	struct livetab t;

	if (livetab_open(&t, table) != 0)
		return;
	if (t.has_keeper)
		json_int(j, "in_use", t.header.conf_is_bad == 0);
	livetab_close(&t);
}

/* reason: why tftpd told nothing; NULL: it did */
static void
put(const struct query *q, const struct tool *t, const struct effective *e,
    bool is_good, const char *reason)
{
	const struct effective_problem other = { .text = reason };
	struct json j = { .out = stdout };
	size_t i;

	json_open(&j, NULL, '{');
	json_int(&j, "schema", 1);
	json_text(&j, "report", "config");
	json_text(&j, "program", t->program);
	if (t->file[0] != '\0')
		json_text(&j, "file", t->file);
	json_int(&j, "good", is_good);
	put_use(&j, q->options.table);
	json_open(&j, "problems", '[');
	if (reason != NULL)
		put_problem(&j, &other);
	for (i = 0; i < e->problem_count; i++)
		put_problem(&j, &e->problems[i]);
	json_close(&j, ']');
	json_open(&j, "values", '[');
	for (i = 0; i < e->value_count; i++)
		put_value(&j, &e->values[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

static void
ask_tool(const struct query *q, struct tool *t)
{
	struct effective e;
	struct capture c;
	int ret = tool_ask(t, "--print-config", &c);
	bool is_good = ret == 0 && c.status == 0;
	const char *reason = NULL;

	effective_parse(is_good ? c.out.buf : "",
	    ret == 0 ? c.err.buf : "", &e);
	if (ret != 0)
		reason = strerror(-ret);
	else if (!is_good && e.problem_count == 0)
		reason = "tftpd did not say what is wrong";
	else if (is_good && e.value_count == 0)
		reason = "what tftpd printed cannot be understood";
	put(q, t, &e, is_good && reason == NULL, reason);
	effective_free(&e);
	capture_free(&c);
}

int
api_config(const struct back *b, const struct ask *a, struct answer *answer)
{
	static const struct effective none;
	struct query q;
	struct tool t;

	if (!api_take(b, a, answer, 0, &q))
		return 0;
	switch (tool_find(&t, &q.options)) {
	case TOOL_NO_PROGRAM:
		put(&q, &t, &none, false, "there is no such program");
		break;
	case TOOL_NO_FILE:
		put(&q, &t, &none, false, CONFFILE " is not there, and no "
		    "server runs that tells how it was started");
		break;
	default:
		ask_tool(&q, &t);
	}
	tool_forget(&t);
	return 0;
}
