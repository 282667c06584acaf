#include <inttypes.h>
#include <string.h>

#include "stats/text.h"
#include "stats/when.h"
#include "status/html.h"
#include "page_parts.h"

#define BOOTS		12
#define STEPS_FIRST	3	/* of a longer boot its begin and end */
#define STEPS_LAST	4
#define NAME_WIDTH	36

/* Frequent ends need no word. */
static void
put_end(FILE *out, const struct bootlog_step *step)
{
	char bytes[TEXT_NUMBER_MAX], took[TEXT_NUMBER_MAX];

	if (outcome_class(step->outcome) == OUTCOME_CLASS_SUCCESS)
		fprintf(out, "%s, %s", text_bytes(step->bytes, bytes),
		    text_duration(step->took_us, took));
	else if (bootlog_is_part(step))
		fprintf(out, "%s at %u %%", outcome_name(step->outcome),
		    bootlog_done_permille(step) / 10);
	else
		fputs(outcome_name(step->outcome), out);
	if (step->requests > step->probes + 1)
		fprintf(out, ", %" PRIu32 " requests", step->requests);
}

static void
put_name(FILE *out, const struct bootlog *b, const struct bootlog_file *file)
{
	const uint8_t *name;
	size_t len;

	name = bootlog_name(b, file, &len);
	if (file == NULL)
		fputs("(a name too many)", out);
	else
		html_name(out, name, len, NAME_WIDTH);
}

static void
put_step(FILE *out, const struct bootlog *b, const struct bootlog_step *step)
{
	const char *css = outcome_class_name(outcome_class(step->outcome));

	if (step->kind == BOOTLOG_WALK && step->names > 1) {
		fprintf(out, "<li>walked %" PRIu32 " names</li>\n",
		    step->names);
		return;
	}
	fprintf(out, "<li class=\"%s\">", css);
	put_name(out, b, step->file);
	fputs(" <span class=\"muted\">", out);
	put_end(out, step);
	fputs("</span></li>\n", out);
}

static void
put_steps(FILE *out, const struct bootlog *b, const struct bootlog_boot *boot)
{
	uint32_t i, skip = 0;

	if (boot->count > STEPS_FIRST + STEPS_LAST + 1)
		skip = boot->count - STEPS_FIRST - STEPS_LAST;
	fputs("<ol class=\"steps\">\n", out);
	for (i = 0; i < boot->count; i++) {
		if (skip != 0 && i == STEPS_FIRST) {
			fprintf(out, "<li>%" PRIu32 " more</li>\n",
			    skip + boot->cut);
			i += skip;
		}
		put_step(out, b, &boot->steps[i]);
	}
	if (boot->has_open) {
		fprintf(out, "<li class=\"%s\">", boot->verdict ==
		    BOOTLOG_STOPPED ? "failure" : "");
		put_name(out, b, boot->open_file);
		fputs(" <span class=\"muted\">no end yet</span></li>\n", out);
	}
	fputs("</ol>\n", out);
}

static void
put_verdict(FILE *out, const struct bootlog *b,
    const struct bootlog_boot *boot)
{
	static const struct {
		const char *css, *text;
	} verdicts[] = {
		[BOOTLOG_COMPLETE] = { "good", "complete" },
		[BOOTLOG_STOPPED] = { "bad", "stopped" },
		[BOOTLOG_NOTHING] = { "warning", "found nothing" },
		[BOOTLOG_RUNNING] = { "plain", "under way" },
	};

	/* A size was asked for, and that was all. */
	if (boot->verdict == BOOTLOG_NOTHING && boot->last == NULL)
		fputs("<span class=\"badge plain\">only probed</span>", out);
	else
		fprintf(out, "<span class=\"badge %s\">%s</span>",
		    verdicts[boot->verdict].css,
		    verdicts[boot->verdict].text);
	if (boot->verdict == BOOTLOG_STOPPED && boot->missed != NULL) {
		fputs("<span class=\"muted\">others went on to ", out);
		put_name(out, b, boot->missed);
		fputs("</span>", out);
	}
}

static void
put_boot(const struct page *p, const struct bootlog *b,
    const struct bootlog_boot *boot)
{
	char begin[WHEN_TEXT_MAX], took[TEXT_NUMBER_MAX];
	const uint8_t *client;
	size_t len;

	when_text(boot->begin_us, p->options.style.is_utc, 19, begin);
	client = bootlog_client(b, boot, &len);
	fprintf(p->out, "<li data-outcome=\"%s\"><p class=\"head\"><strong>",
	    bootlog_verdict_name(boot->verdict));
	html_name(p->out, client, len, NAME_WIDTH);
	fputs("</strong>", p->out);
	put_verdict(p->out, b, boot);
	fputs("<span class=\"muted\">", p->out);
	html_time(p->out, NULL, boot->begin_us, begin);
	fprintf(p->out, ", %" PRIu64 " file%s in %s</span></p>\n",
	    boot->files, boot->files == 1 ? "" : "s",
	    text_duration(boot->end_us - boot->begin_us, took));
	put_steps(p->out, b, boot);
	fputs("</li>\n", p->out);
}

/* The last ones, the last first; how many there are. */
static size_t
take_last(const struct bootlog *b, const struct bootlog_boot *out[static BOOTS])
{
	const struct bootlog_boot *boot = b->first;
	size_t i, count = b->boots < BOOTS ? b->boots : BOOTS;

	for (i = b->boots; i > count; i--)
		boot = boot->next;
	for (i = count; i > 0 && boot != NULL; i--, boot = boot->next)
		out[i - 1] = boot;
	return count;
}

void
page_boots(const struct page *p, const struct page_log *l)
{
	const struct bootlog_boot *boots[BOOTS] = { NULL };
	size_t i, count = take_last(&l->boots, boots);
	char all[HTML_COUNT_MAX];

	page_panel(p->out, "boots", "Boots");
	if (count == 0)
		fputs("<p class=\"empty\">Nobody fetched anything.</p>\n",
		    p->out);
	else
		fputs("<ul class=\"boots\" id=\"boot-list\">\n", p->out);
	for (i = 0; i < count; i++)
		put_boot(p, &l->boots, boots[i]);
	if (count != 0)
		fputs("</ul>\n", p->out);
	if (l->boots.boots > count)
		fprintf(p->out, "<p class=\"empty\">The last %zu of %s: "
		    "<code>tftpd-stats boots</code></p>\n", count,
		    html_count(l->boots.boots, all));
	page_panel_end(p->out);
}
