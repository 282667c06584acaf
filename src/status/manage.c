#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "manage_parts.h"
#include "os/clock.h"
#include "os/diag.h"
#include "status/brake.h"
#include "status/manage.h"

/*
 * The longest wait for a turn; with a wrong password's own delay, or with the
 * questions to tftpd that follow a right one, it is less than what a request
 * may take.
 */
#define QUEUE_US	(UINT64_C(16) * 1000000)
#define CLIENT_MAX	64
#define NAME_MOST	400	/* bytes; tftpd-hpa's clients send less, too */

/* ---- who is it? -------------------------------------------------------- */

static void
say(void *arg, const char *text)
{
	(void)arg;
	diag_log(DIAG_ERROR, "management: %s", text);
}

/* A name as it can stand in a log: somebody typed it. */
static void
make_safe(const char *name, char out[static AUTH_NAME_MAX + 1])
{
	size_t i;

	for (i = 0; i < AUTH_NAME_MAX && name[i] != '\0'; i++)
		out[i] = name[i] > ' ' && name[i] < 127 && name[i] != '"' ?
		    name[i] : '?';
	out[i] = '\0';
}

static void
log_wrong(const char *name, const char *peer)
{
	char safe[AUTH_NAME_MAX + 1];

	make_safe(name, safe);
	diag_log(DIAG_WARNING, "management: wrong password for \"%s\" from "
	    "%s", safe, peer);
}

static void
refuse_password(const struct back *b, const struct ask *a,
    struct answer *answer)
{
	(void)b;
	answer->wants_password = 1;
	back_refuse(a, answer, 401, "A name and a password are needed here.");
}

/* Looked at behind the brake.  0, -EACCES or another -errno. */
static int
look_at_claim(const struct settings *s, const struct auth_claim *c)
{
	struct auth_file f;
	int err = auth_load(s->manage, say, NULL, &f);

	if (err == 0 && !auth_is_true(&f, c))
		err = -EACCES;
	else if (err == -EACCES)
		err = -EPERM;	/* it is the file that is not to be read */
	auth_free(&f);
	return err;
}

/* 200 and v->user, or the answer was given. */
static bool
admit_claim(const struct back *b, const struct ask *a, struct answer *answer,
    const struct auth_claim *c, char user[static AUTH_NAME_MAX + 1])
{
	struct brake brake;
	int err = brake_enter(&brake, b->settings->state, QUEUE_US);

	if (err == -EBUSY) {
		back_refuse(a, answer, 503, "Too many passwords are being "
		    "looked at; try again in a minute.");
		return false;
	}
	if (err != 0) {
		diag_log(DIAG_ERROR, "management: %s: %s",
		    b->settings->state, strerror(-err));
		back_refuse(a, answer, 503, "The management page needs a "
		    "directory that it can write to, %s: %s",
		    b->settings->state, strerror(-err));
		return false;
	}
	err = look_at_claim(b->settings, c);
	if (err == -EACCES)
		log_wrong(c->name, b->peer);
	brake_leave(&brake, err != -EACCES);
	if (err == -EACCES)
		refuse_password(b, a, answer);
	else if (err != 0)
		back_refuse(a, answer, 503, "The password file cannot be "
		    "used; the system's log says why.");
	else
		snprintf(user, AUTH_NAME_MAX + 1, "%.*s", AUTH_NAME_MAX,
		    c->name);
	return err == 0;
}

static bool
admit(const struct back *b, const struct ask *a, struct answer *answer,
    char user[static AUTH_NAME_MAX + 1])
{
	struct auth_claim c = { .name = "" };
	bool is_in;

	if (a->authorization[0] == '\0') {
		refuse_password(b, a, answer);
		return false;
	}
	/* what is no claim at all is a name that is not in the file */
	if (!auth_read_claim(a->authorization, &c))
		c = (struct auth_claim){ .name = "" };
	is_in = admit_claim(b, a, answer, &c, user);
	explicit_bzero(&c, sizeof(c));
	return is_in;
}

/* ---- is it one of our forms? ------------------------------------------- */

static bool
is_parameter(const char *key)
{
	static const char *const keys[] = { "token", "text", "client", "op",
		"name", "with", "act" };
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

/* Each of them once at most, and none but these. */
static bool
has_good_form(const struct ask *a)
{
	const char *key, *value;
	size_t at = 0;

	while (ask_next(a, &at, &key, &value))
		if (!is_parameter(key) || a->route == ASK_MANAGE ||
		    ask_get(a, key) != value)
			return false;
	return true;
}

static bool
make_token(struct manage_visit *v, char secret[static TOKEN_SECRET_LEN + 1])
{
	int err = token_secret(v->settings->state, secret);

	if (err == 0 && token_make(secret, v->user, clock_real_us(),
	    v->token))
		return true;
	diag_log(DIAG_ERROR, "management: %s/secret: %s", v->settings->state,
	    strerror(err != 0 ? -err : ENOMEM));
	back_refuse(v->ask, v->answer, 503, "The management page needs a "
	    "directory that it can write to; the system's log says what is "
	    "wrong.");
	return false;
}

static bool
accept_form(struct manage_visit *v)
{
	const char *token = ask_get(v->ask, "token");
	char secret[TOKEN_SECRET_LEN + 1];
	bool is_good;

	if (!has_good_form(v->ask)) {
		back_refuse(v->ask, v->answer, 400, "That is not what the "
		    "forms of this page send.");
		return false;
	}
	if ((v->ask->route == ASK_MANAGE) != (v->ask->is_post == 0)) {
		back_refuse(v->ask, v->answer, 400, "Forms are sent with "
		    "POST.");
		return false;
	}
	if (!make_token(v, secret))
		return false;
	is_good = v->ask->is_post == 0 || (token != NULL && token_is_good(
	    secret, v->user, clock_real_us(), token));
	explicit_bzero(secret, sizeof(secret));
	if (!is_good)
		back_refuse(v->ask, v->answer, 403, "This form was not made "
		    "for you, or is too old: load the page anew.  Nothing "
		    "was changed.");
	return is_good;
}

/* ---- the forms --------------------------------------------------------- */

static void __attribute__((format(printf, 3, 4)))
fail(const struct manage_visit *v, int err, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (err == -EBUSY)
		back_refuse(v->ask, v->answer, 503, "%s: somebody else is "
		    "doing so; try again.", text);
	else
		back_refuse(v->ask, v->answer, err == -EFBIG ? 413 : 500,
		    "%s: %s", text, err == -EFBIG ? "it has more than 256 KiB"
		    : strerror(-err));
}

static void
keep_question(const struct manage_visit *v, struct manage_page *p)
{
	p->client = ask_get(v->ask, "client");
	p->op = ask_get(v->ask, "op");
	p->name = ask_get(v->ask, "name");
	p->with = ask_get(v->ask, "with");
}

/* What was sent, put where tftpd can read it; done under the lock. */
struct attempt {
	struct manage_text text;
	char draft[MANAGE_PATH_MAX];
	int lock;
};

static int
begin_attempt(const struct manage_visit *v, struct attempt *t)
{
	const char *sent = ask_get(v->ask, "text");
	int err;

	t->lock = -1;
	err = manage_text_take(sent != NULL ? sent : "", &t->text);
	if (err != 0)
		return err;
	t->lock = manage_lock(v->settings);
	return t->lock < 0 ? t->lock : manage_draft(v->settings, &t->text,
	    t->draft);
}

static void
end_attempt(const struct manage_visit *v, struct attempt *t)
{
	if (t->lock >= 0) {
		manage_drop_draft(v->settings);
		close(t->lock);
	}
	free(t->text.buf);
}

static void
show_checked(const struct manage_visit *v, const struct attempt *t,
    const struct capture *c, const char *notice)
{
	struct manage_page p = { .notice = notice, .notice_class = "bad",
		.text = &t->text, .draft = t->draft,
		.is_good = c->status == 0 };
	struct effective e;

	keep_question(v, &p);
	effective_parse("", c->err.buf, &e);
	p.checked = &e;
	manage_show_page(v, &p);
	effective_free(&e);
}

static int
check(const struct manage_visit *v)
{
	struct capture c = { .status = -1 };
	struct attempt t;
	int err = begin_attempt(v, &t);

	if (err == 0)
		err = manage_ask(v->settings, t.draft, "--check", NULL, &c);
	if (err == 0)
		show_checked(v, &t, &c, NULL);
	else
		fail(v, err, "The text cannot be checked");
	capture_free(&c);
	end_attempt(v, &t);
	return 0;
}

/* Back to the page: a reload is not to send the form again. */
static void
go_back(const struct manage_visit *v)
{
	v->answer->status = 303;
	v->answer->type = ANSWER_TEXT;
	strcpy(v->answer->location, "/manage");
}

static bool
is_blank(const struct manage_text *t)
{
	return strspn(t->buf, " \t\r\n") == t->len;
}

static int
stage(const struct manage_visit *v)
{
	struct capture c = { .status = -1 };
	struct attempt t;
	int err = begin_attempt(v, &t);

	if (err == 0)
		err = manage_ask(v->settings, t.draft, "--check", NULL, &c);
	if (err == 0 && (c.status != 0 || is_blank(&t.text))) {
		show_checked(v, &t, &c, c.status != 0 ? "It is not staged: "
		    "it cannot be used." : "It is not staged: it is empty.");
	} else {
		if (err == 0)
			err = manage_stage(v);
		if (err == 0)
			go_back(v);
		else
			fail(v, err, "The text cannot be staged");
	}
	capture_free(&c);
	end_attempt(v, &t);
	return 0;
}

static int
discard(const struct manage_visit *v)
{
	int err = manage_discard(v->settings);

	if (err == 0)
		go_back(v);
	else
		fail(v, err, "It cannot be discarded");
	return 0;
}

static int
stage_or_discard(const struct manage_visit *v)
{
	const char *act = ask_get(v->ask, "act");

	if (act == NULL)
		return stage(v);
	if (strcmp(act, "discard") == 0)
		return discard(v);
	back_refuse(v->ask, v->answer, 400, "That is not what the forms of "
	    "this page send.");
	return 0;
}

/* ---- what would a client get? ------------------------------------------ */

static bool
is_address(const char *text)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 ||
	    inet_pton(AF_INET6, text, bytes) == 1;
}

static bool
has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			return true;
	return false;
}

/*
 * The question is one argument, "CLIENT OP NAME" with one blank each: with
 * these two checked, whatever is in the name stays there.  NULL: it is good.
 */
static const char *
wrong_question(const struct manage_page *p)
{
	if (p->client == NULL || !is_address(p->client))
		return "The client's address must be an IPv4 or IPv6 address, "
		    "such as 192.0.2.10 or 2001:db8::7.";
	if (p->op == NULL || (strcmp(p->op, "read") != 0 &&
	    strcmp(p->op, "write") != 0))
		return "A client can read or write.";
	if (p->name == NULL || p->name[0] == '\0')
		return "The name of a file is missing.";
	if (strlen(p->name) > NAME_MOST)
		return "The name may have 400 bytes.";
	if (has_control(p->name))
		return "The name must not have control bytes in it, such as "
		    "a tab or the end of a line.";
	if (p->with == NULL || (strcmp(p->with, "file") != 0 &&
	    strcmp(p->with, "text") != 0 && strcmp(p->with, "staged") != 0))
		return "It can be asked by the file in use, the text in the "
		    "editor, or what is staged.";
	return NULL;
}

/*
 * asked      the question, which is a good one
 * draft      by which file, NULL: the one in use; text: what is in it, or NULL
 */
static void
show_explained(const struct manage_visit *v, const struct manage_page *asked,
    const char *draft, const struct manage_text *text)
{
	char question[CLIENT_MAX + NAME_MOST + 16];
	struct manage_page p = *asked;
	struct capture c;
	int err;

	snprintf(question, sizeof(question), "%s %s %s", p.client, p.op,
	    p.name);
	err = manage_ask(v->settings, draft, "--explain", question, &c);
	if (err == 0) {
		p.told = &c;
		p.draft = draft != NULL ? draft : v->settings->conf;
		p.asked = text;
		manage_show_page(v, &p);
	} else {
		fail(v, err, "tftpd cannot be asked");
	}
	capture_free(&c);
}

static void
explain_staged(const struct manage_visit *v, struct manage_page *p)
{
	struct manage_staged g;

	manage_look_staged(v->settings, &g);
	if (!g.is_there) {
		p->wrong = "Nothing is staged.";
		manage_show_page(v, p);
		return;
	}
	show_explained(v, p, g.path, NULL);
}

static void
explain_text(const struct manage_visit *v, const struct manage_page *p)
{
	struct attempt t;
	int err = begin_attempt(v, &t);

	if (err == 0)
		show_explained(v, p, t.draft, &t.text);
	else
		fail(v, err, "The text cannot be looked at");
	end_attempt(v, &t);
}

static int
explain(const struct manage_visit *v)
{
	const char *sent = ask_get(v->ask, "text");
	struct manage_text text = { .buf = NULL };
	struct manage_page p = { .text = NULL };

	if (sent != NULL && manage_text_take(sent, &text) == 0)
		p.text = &text;
	keep_question(v, &p);
	p.wrong = wrong_question(&p);
	if (p.wrong != NULL)
		manage_show_page(v, &p);
	else if (strcmp(p.with, "text") == 0)
		explain_text(v, &p);
	else if (strcmp(p.with, "staged") == 0)
		explain_staged(v, &p);
	else
		show_explained(v, &p, NULL, NULL);
	free(text.buf);
	return 0;
}

/* ---- all of it --------------------------------------------------------- */

int
manage_handle(const struct back *b, const struct ask *a,
    struct answer *answer)
{
	struct manage_visit v = { .settings = b->settings, .peer = b->peer,
		.ask = a, .answer = answer };
	const struct manage_page page = { .notice = NULL };

	if (b->settings->manage == NULL) {
		back_refuse(a, answer, 404, "There is no such page.");
		return 0;
	}
	if (!admit(b, a, answer, v.user) || !accept_form(&v))
		return 0;
	switch (a->route) {
	case ASK_MANAGE_CHECK: return check(&v);
	case ASK_MANAGE_STAGE: return stage_or_discard(&v);
	case ASK_MANAGE_EXPLAIN: return explain(&v);
	default:
		manage_show_page(&v, &page);
		return 0;
	}
}
