#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "manage_parts.h"
#include "stats/when.h"
#include "status/html.h"

static void
put(const char *text)
{
	manage_show_lines(text);
}

static void
put_notice(const char *class, const char *text)
{
	printf("<div class=\"notice %s\">", class);
	put(text);
	fputs("</div>\n", stdout);
}

/* ---- the file in use --------------------------------------------------- */

static const char *
why_not_read(int err)
{
	switch (err) {
	case -EACCES:
	case -EPERM:
		return "tftpd-status may not read it: make it readable "
		    "(chmod 0644), or let the group of tftpd-status read it";
	case -ENOENT:
		return "it is not there; what is staged can become it";
	case -EILSEQ:
		return "it has bytes that a browser would not send back as "
		    "they are (no UTF-8, or control bytes): edit it by hand";
	case -EFBIG:
		return "it has more than 256 KiB: edit it by hand";
	case -EINVAL:
		return "it is no regular file";
	default:
		return strerror(-err);
	}
}

/* Whether it can be used, and if not, where. */
static void
put_current(const struct manage_visit *v, const struct manage_text *file,
    int err)
{
	struct effective e;
	struct capture c;
	int ret;

	fputs("<section class=\"panel\" id=\"current\">\n<h2>The file in use"
	    "</h2>\n<p><code>", stdout);
	put(v->settings->conf);
	fputs("</code></p>\n", stdout);
	if (err != 0)
		put_notice("warning", why_not_read(err));
	ret = manage_ask(v->settings, NULL, "--check", NULL, &c);
	if (ret != 0)
		put_notice("bad", "tftpd --check did not answer.");
	else if (c.status == 0)
		put_notice("good", "tftpd --check finds no error.");
	else
		put_notice("bad", "tftpd --check finds that it cannot be "
		    "used. A server that runs goes on with the one before.");
	effective_parse("", c.err.buf != NULL ? c.err.buf : "", &e);
	manage_show_problems(&e, v->settings->conf, file);
	fputs("</section>\n", stdout);
	effective_free(&e);
	capture_free(&c);
}

static void
put_values(const struct manage_visit *v)
{
	struct effective e;
	struct capture c;

	fputs("<section class=\"panel\" id=\"values\">\n<h2>Values in force"
	    "</h2>\n<p class=\"muted\">As the file has them; options on the "
	    "server&rsquo;s command line win over it.</p>\n", stdout);
	(void)manage_ask(v->settings, NULL, "--print-config", NULL, &c);
	effective_parse(c.status == 0 ? c.out.buf : "", "", &e);
	if (e.value_count != 0)
		manage_show_values(&e);
	else
		fputs("<p class=\"empty\">There are none, because the file "
		    "cannot be used.</p>\n", stdout);
	fputs("</section>\n", stdout);
	effective_free(&e);
	capture_free(&c);
}

/* ---- what is staged ---------------------------------------------------- */

static void
put_since(const struct settings *s, uint64_t since_us)
{
	char text[WHEN_TEXT_MAX];

	when_text(since_us, s->is_utc, 19, text);
	fputs(" since ", stdout);
	html_time(stdout, "since", since_us, text);
	if (s->is_utc)
		fputs(" UTC", stdout);
}

/* As a word of the shell: a path of the settings has what it likes. */
static void
put_word(const char *word)
{
	const char *at;

	if (word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
	    "uvwxyz0123456789/._-+,:@%")] == '\0') {
		put(word);
		return;
	}
	fputs("&#39;", stdout);
	for (at = word; *at != '\0'; at++) {
		if (*at == '\'')
			fputs("&#39;\\&#39;&#39;", stdout);
		else
			html_bytes(stdout, (const uint8_t *)at, 1);
	}
	fputs("&#39;", stdout);
}

static void
put_command(const struct settings *s, const char *staged)
{
	fputs("<p>To put it in force, root runs:</p>\n<pre id=\"adopt\">",
	    stdout);
	put_word(s->tftpd);
	fputs(" -f ", stdout);
	put_word(s->conf);
	fputs(" --adopt ", stdout);
	put_word(staged);
	fputs("</pre>\n<p class=\"muted\">That checks it once more, as root, "
	    "and if it is good puts its content in the place of the file in "
	    "one step. A server that runs takes it up by itself; transfers "
	    "that run keep what they began with.</p>\n", stdout);
}

static void
put_token(const struct manage_visit *v)
{
	printf("<input type=\"hidden\" name=\"token\" value=\"%s\">\n",
	    v->token);
}

static void
put_staged(const struct manage_visit *v, const struct manage_text *file)
{
	struct manage_staged g;
	struct manage_text t;

	manage_look_staged(v->settings, &g);
	if (!g.is_there)
		return;
	fputs("<section class=\"panel\" id=\"staged\">\n<h2>Staged</h2>\n"
	    "<p><code>", stdout);
	put(g.path);
	fputs("</code> waits for root", stdout);
	put_since(v->settings, g.since_us);
	if (g.user[0] != '\0') {
		fputs(", by <strong id=\"by\">", stdout);
		put(g.user);
		fputs("</strong> from ", stdout);
		put(g.peer);
	}
	fputs(".</p>\n", stdout);
	if (manage_text_read(g.path, &t) == 0)
		manage_show_difference(file, &t);
	free(t.buf);
	put_command(v->settings, g.path);
	fputs("<form method=\"post\" action=\"/manage/stage\">\n", stdout);
	put_token(v);
	fputs("<div class=\"buttons\"><button class=\"danger\" name=\"act\" "
	    "value=\"discard\">Discard</button></div>\n</form>\n</section>\n",
	    stdout);
}

/* ---- the form ---------------------------------------------------------- */

static void
put_option(const char *value, const char *text, const char *chosen)
{
	printf("<option value=\"%s\"%s>%s</option>\n", value,
	    chosen != NULL && strcmp(value, chosen) == 0 ? " selected" : "",
	    text);
}

static void
put_input(const char *name, const char *label, const char *value,
    const char *more)
{
	printf("<div class=\"field\"><label for=\"%s\">%s</label>"
	    "<input id=\"%s\" name=\"%s\" autocomplete=\"off\" "
	    "autocapitalize=\"off\" spellcheck=\"false\" %s value=\"", name,
	    label, name, name, more);
	html_text(stdout, value != NULL ? value : "");
	fputs("\"></div>\n", stdout);
}

static void
put_answer(const struct manage_page *p)
{
	struct effective e;

	if (p->wrong != NULL)
		put_notice("bad", p->wrong);
	if (p->told == NULL)
		return;
	if (p->told->out.len != 0) {
		fputs("<pre id=\"answer\">", stdout);
		manage_show_lines(p->told->out.buf);
		fputs("</pre>\n<p class=\"muted\">What files and directories "
		    "allow was asked for the user of tftpd-status, who may "
		    "less than the server: root can ask tftpd --explain for "
		    "the server&rsquo;s own.</p>\n", stdout);
	}
	effective_parse("", p->told->err.buf, &e);
	manage_show_problems(&e, p->draft, p->asked);
	effective_free(&e);
}

static void
put_question(const struct manage_page *p)
{
	fputs("<section class=\"panel\" id=\"explain\">\n<h2>What would a "
	    "client get?</h2>\n", stdout);
	put_answer(p);
	fputs("<div class=\"columns\">\n", stdout);
	put_input("client", "Client&rsquo;s address", p->client,
	    "maxlength=\"64\" placeholder=\"192.0.2.10\"");
	put_input("name", "Name of the file", p->name,
	    "maxlength=\"400\" placeholder=\"pxelinux.0\"");
	fputs("<div class=\"field\"><label for=\"op\">It wants to</label>"
	    "<select id=\"op\" name=\"op\">\n", stdout);
	put_option("read", "read it", p->op);
	put_option("write", "write it", p->op);
	fputs("</select></div>\n<div class=\"field\"><label for=\"with\">"
	    "Decided by</label><select id=\"with\" name=\"with\">\n", stdout);
	put_option("file", "the file in use", p->with);
	put_option("text", "the text in the editor", p->with);
	put_option("staged", "what is staged", p->with);
	fputs("</select></div>\n</div>\n<div class=\"buttons\">"
	    "<button formaction=\"/manage/explain\">Explain</button></div>\n"
	    "</section>\n", stdout);
}

static void
put_editor(const struct manage_text *t)
{
	/* the first newline of a textarea is not part of it */
	fputs("<section class=\"panel\" id=\"editor\">\n<h2>Edit</h2>\n"
	    "<div class=\"field\"><label for=\"text\">The text of "
	    "tftpd.conf</label><textarea id=\"text\" name=\"text\" "
	    "autocomplete=\"off\" autocapitalize=\"off\" "
	    "spellcheck=\"false\" wrap=\"off\" rows=\"24\">\n", stdout);
	if (t->buf != NULL)
		html_text(stdout, t->buf);
	fputs("</textarea><p class=\"hint\">Staging checks it first, and "
	    "keeps it where root finds it; nothing is put in force from here."
	    "</p></div>\n<div class=\"buttons\"><button class=\"primary\">"
	    "Check</button>\n<button formaction=\"/manage/stage\">Stage"
	    "</button></div>\n</section>\n", stdout);
}

/*
 * One form, so that the text in the editor is not lost by a question.  Its
 * first button is what Enter in a field presses.
 */
static void
put_form(const struct manage_visit *v, const struct manage_page *p,
    const struct manage_text *file)
{
	fputs("<form method=\"post\" action=\"/manage/check\" "
	    "accept-charset=\"utf-8\">\n", stdout);
	put_token(v);
	put_question(p);
	put_editor(p->text != NULL ? p->text : file);
	fputs("</form>\n", stdout);
}

/* ---- all of it --------------------------------------------------------- */

static void
put_checked(const struct manage_page *p)
{
	if (p->checked == NULL)
		return;
	fputs("<section class=\"panel\" id=\"checked\">\n<h2>The text in the "
	    "editor</h2>\n", stdout);
	put_notice(p->is_good ? "good" : "bad", p->is_good ?
	    "tftpd --check finds no error." :
	    "tftpd --check finds that it cannot be used.");
	manage_show_problems(p->checked, p->draft, p->text);
	fputs("</section>\n", stdout);
}

void
manage_show_page(const struct manage_visit *v, const struct manage_page *p)
{
	struct manage_text file;
	int err = manage_text_read(v->settings->conf, &file);

	(void)html_nonce(v->answer->nonce);
	html_begin(stdout, "Configuration", v->answer->nonce, "/manage", 1);
	fputs("<div class=\"hero\"><h1>Configuration</h1>\n<p>Signed in as "
	    "<strong id=\"who\">", stdout);
	put(v->user);
	fputs("</strong></p></div>\n", stdout);
	if (p->notice != NULL)
		put_notice(p->notice_class, p->notice);
	put_checked(p);
	/* an answer is not to wait for more questions */
	if (v->ask->route == ASK_MANAGE)
		put_current(v, &file, err);
	put_staged(v, &file);
	put_form(v, p, &file);
	if (v->ask->route == ASK_MANAGE)
		put_values(v);
	else
		fputs("<p><a href=\"/manage\">The file in use and its values"
		    "</a></p>\n", stdout);
	html_end(stdout);
	free(file.buf);
}
