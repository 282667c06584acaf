#include <stdlib.h>
#include <string.h>

#include "maprules_parts.h"

/* One name on its way through the rules. */
struct run {
	const struct maprules *m;
	const struct maprules_client *client;
	const struct maprules_hooks *hooks;
	struct maprules_result *result;	/* out is the name as it is now */
	regmatch_t groups[RULE_GROUPS];
	unsigned steps_left;
	unsigned next;			/* index of the rule to try */
};

/* ---- rules as they are kept ------------------------------------------- */

void
maprules_rule_free(struct maprules_rule *rule, bool has_rx)
{
	if (has_rx)
		regfree(&rule->rx);
	free(rule->text);
	free(rule->regex);
	free(rule->replacement);
}

void
maprules_free(struct maprules *m)
{
	unsigned i;

	if (m == NULL)
		return;
	for (i = 0; i < m->count; i++)
		maprules_rule_free(&m->rules[i],
		    (m->rules[i].flags & RULE_LABEL) == 0);
	free(m->rules);
	free(m);
}

unsigned
maprules_count(const struct maprules *m)
{
	return m->count;
}

const char *
maprules_text(const struct maprules *m, unsigned index, unsigned *line)
{
	*line = m->rules[index].line;
	return m->rules[index].text;
}

bool
maprules_wants_mac(const struct maprules *m)
{
	return m->wants_mac;
}

unsigned
maprules_find_label(const struct maprules *m, const char *name)
{
	unsigned i;

	for (i = 0; i < m->count; i++)
		if ((m->rules[i].flags & RULE_LABEL) != 0 &&
		    strcmp(m->rules[i].regex, name) == 0)
			return i;
	return RULE_TARGET_NONE;
}

/* ---- rewriting -------------------------------------------------------- */

/* Does the regex match text?  What matched is in run->groups. */
static bool
search(struct run *run, const struct maprules_rule *rule, const char *text,
    int flags)
{
	maprules_clear_groups(run->groups);
	return regexec(&rule->rx, text, RULE_GROUPS, run->groups, flags) == 0;
}

/*
 * Replace the last match, which was found in name + from, by the expansion.
 * *after is where the rest begins then.  false: too long, name is as it was.
 */
static bool
replace(const struct run *run, const struct maprules_rule *rule, char *name,
    size_t from, size_t *after)
{
	const regmatch_t *match = &run->groups[0];
	const char *subject = name + from, *rest = subject + match->rm_eo;
	struct maprules_writer w;

	maprules_writer_init(&w);
	maprules_put(&w, name, from + (size_t)match->rm_so);
	maprules_expand(&w, rule->replacement, subject, run->groups,
	    run->client);
	*after = w.len;
	maprules_put(&w, rest, strlen(rest));
	if (w.is_full)
		return false;
	memcpy(name, w.text, w.len + 1);
	return true;
}

static bool
take_step(struct run *run)
{
	if (run->steps_left == 0)
		return false;
	run->steps_left--;
	return true;
}

/* g: from the start of the whole name, until nothing matches any more. */
static enum maprules_verdict
rewrite_repeat(struct run *run, const struct maprules_rule *rule, char *name)
{
	size_t after;

	for (;;) {
		if (!replace(run, rule, name, 0, &after))
			return MAPRULES_TOO_LONG;
		if (!search(run, rule, name, 0))
			return MAPRULES_OK;
		if (!take_step(run))
			return MAPRULES_STEPS_USED;
	}
}

/*
 * gg: as sed's s///g.  An empty match right behind the last one does not
 * count, and one byte is passed over after an empty match, or else `x*`
 * would match for ever.
 */
static enum maprules_verdict
rewrite_onward(struct run *run, const struct maprules_rule *rule, char *name)
{
	size_t from = 0;
	bool was_empty;

	for (;;) {
		was_empty = run->groups[0].rm_so == run->groups[0].rm_eo;
		if (!replace(run, rule, name, from, &from))
			return MAPRULES_TOO_LONG;
		if (was_empty && name[from++] == '\0')
			return MAPRULES_OK;
		if (!search(run, rule, name + from, REG_NOTBOL))
			return MAPRULES_OK;
		if (!was_empty && run->groups[0].rm_eo == 0) {
			if (name[from++] == '\0' ||
			    !search(run, rule, name + from, REG_NOTBOL))
				return MAPRULES_OK;
		}
		if (!take_step(run))
			return MAPRULES_STEPS_USED;
	}
}

static enum maprules_verdict
rewrite(struct run *run, const struct maprules_rule *rule, char *name)
{
	size_t after;

	if ((rule->flags & RULE_REWRITE) == 0)
		return MAPRULES_OK;
	if ((rule->flags & RULE_ONWARD) != 0)
		return rewrite_onward(run, rule, name);
	if ((rule->flags & RULE_REPEAT) != 0)
		return rewrite_repeat(run, rule, name);
	return replace(run, rule, name, 0, &after) ? MAPRULES_OK :
	    MAPRULES_TOO_LONG;
}

/* ---- going through the rules ------------------------------------------ */

static bool
applies(const struct maprules_rule *rule, const struct maprules_client *client)
{
	unsigned wrong = RULE_LABEL;

	wrong |= client->is_write ? RULE_READS : RULE_WRITES;
	wrong |= client->is_v4 ? RULE_V6 : RULE_V4;
	return (rule->flags & wrong) == 0;
}

static bool
would_do(const struct run *run, const char *name)
{
	const struct maprules_hooks *hooks = run->hooks;

	return hooks == NULL || hooks->would_do == NULL ||
	    hooks->would_do(hooks->arg, name);
}

/* The rules are at an end, at this one. */
static bool
finish(struct run *run, const struct maprules_rule *rule,
    enum maprules_verdict verdict)
{
	run->result->verdict = verdict;
	run->result->line = rule->line;
	return false;
}

static bool
refuse(struct run *run, const struct maprules_rule *rule, const char *text)
{
	memcpy(run->result->out, text, strlen(text) + 1);
	return finish(run, rule, MAPRULES_ABORTED);
}

/* What `a` sends. */
static bool
abort_rule(struct run *run, const struct maprules_rule *rule)
{
	struct maprules_writer w;

	maprules_writer_init(&w);
	maprules_expand(&w, rule->replacement, run->result->out, run->groups,
	    run->client);
	if (w.is_full)
		return finish(run, rule, MAPRULES_TOO_LONG);
	return refuse(run, rule, w.len != 0 ? w.text : "Access denied");
}

static bool
jump(struct run *run, const struct maprules_rule *rule)
{
	struct maprules_writer w;

	run->next = rule->target;
	if (run->next != RULE_TARGET_NONE)
		return true;
	maprules_writer_init(&w);
	maprules_expand(&w, rule->replacement, run->result->out, run->groups,
	    run->client);
	if (!w.is_full)
		run->next = maprules_find_label(run->m, w.text);
	if (run->next == RULE_TARGET_NONE)
		return refuse(run, rule, "Remap table failure");
	return true;
}

/* The name as the rule leaves it. */
static void
keep(struct run *run, const struct maprules_rule *rule, const char *name)
{
	struct maprules_result *result = run->result;
	const struct maprules_hooks *hooks = run->hooks;

	if (strcmp(result->out, name) != 0) {
		memcpy(result->out, name, strlen(name) + 1);
		result->line = rule->line;
	}
	if (hooks != NULL && hooks->on_match != NULL)
		hooks->on_match(hooks->arg, rule->line, result->out);
}

/* Do what a rule that matched says; false: that was the last one. */
static bool
execute(struct run *run, const struct maprules_rule *rule)
{
	char name[PATHNAME_MAX + 1];
	enum maprules_verdict verdict;

	memcpy(name, run->result->out, strlen(run->result->out) + 1);
	verdict = rewrite(run, rule, name);
	if (verdict != MAPRULES_OK)
		return finish(run, rule, verdict);
	if ((rule->flags & RULE_EXIT_GOOD) != 0 && !would_do(run, name))
		return true;
	keep(run, rule, name);
	if ((rule->flags & RULE_ABORT) != 0)
		return abort_rule(run, rule);
	if ((rule->flags & (RULE_EXIT | RULE_EXIT_GOOD)) != 0)
		return finish(run, rule, MAPRULES_OK);
	if ((rule->flags & RULE_RESTART) != 0)
		run->next = 0;
	else if ((rule->flags & RULE_JUMP) != 0)
		return jump(run, rule);
	return true;
}

/* Try the next rule; false: it ended it. */
static bool
try_next(struct run *run)
{
	const struct maprules_rule *rule = &run->m->rules[run->next++];
	bool is_inverse = (rule->flags & RULE_INVERSE) != 0;

	if (!applies(rule, run->client))
		return true;
	if (!take_step(run))
		return finish(run, rule, MAPRULES_STEPS_USED);
	if (search(run, rule, run->result->out, 0) == is_inverse)
		return true;
	return execute(run, rule);
}

void
maprules_apply(const struct maprules *m, const char *name,
    const struct maprules_client *client, unsigned steps_max,
    const struct maprules_hooks *hooks, struct maprules_result *result)
{
	size_t len = strnlen(name, PATHNAME_MAX + 1);
	struct run run = {
		.m = m,
		.client = client,
		.hooks = hooks,
		.result = result,
		.steps_left = steps_max,
	};

	result->verdict = MAPRULES_OK;
	result->line = 0;
	if (len > PATHNAME_MAX) {
		result->verdict = MAPRULES_TOO_LONG;
		len = PATHNAME_MAX;
	}
	memcpy(result->out, name, len);
	result->out[len] = '\0';
	while (result->verdict == MAPRULES_OK && run.next < m->count)
		if (!try_next(&run))
			break;
}
