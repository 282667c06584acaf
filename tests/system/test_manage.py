"""The management page of tftpd-status: who gets in, and what its forms do.

Each request is a process of its own.  What a page says is taken from its elements, so
that what a browser would show is what is compared.
"""

import base64
import contextlib
import ctypes
import ctypes.util
import html.parser
import os
import pathlib
import subprocess
import threading
import time
import urllib.parse

import web
from harness import SERVICE_USER, check, check_equal, until
from settings import Conf, blksize, tool, wait_blksize

STATUS = pathlib.Path("/var/lib/tftpd-status")
STAGED = STATUS / "staged.conf"
PASSWORDS = pathlib.Path("/srv/passwords")
NAMES = {"alice": "correct horse", "bob": "hunter2: \xf6"}
HOST = "127.0.0.1:9169"
DAY = 86400
TEXT_MAX = 256 * 1024
ROUTES = ("/manage/check", "/manage/stage", "/manage/explain")

libcrypt = ctypes.CDLL(ctypes.util.find_library("crypt"))
libcrypt.crypt.restype = ctypes.c_char_p


def crypt(phrase, setting):
    return libcrypt.crypt(phrase.encode(), setting.encode()).decode()


# The page.

class Page(html.parser.HTMLParser):
    """What is in it: the text of elements that have an id or a class, and fields."""

    VOID = {"meta", "input", "br", "link", "hr", "img"}

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.classes, self.fields, self.tags = [], {}, [], {}, []
        self.scripts = 0
        self.feed(text)
        self.close()
        check(not self.open, f"elements that are not closed: {[tag for tag, _, _ in self.open]}")

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        check(not any(name.startswith("on") or name == "style" for name in attrs), f"{tag} has {attrs}")
        if tag == "input":
            self.fields[attrs["name"]] = attrs["value"]
        if tag not in self.VOID:
            self.open.append((tag, attrs, []))

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        # those of SVG end themselves
        while self.open[-1][0] != tag:
            check(self.open[-1][0] in ("path", "rect", "line"), f"</{tag}> ends <{self.open[-1][0]}>")
            self.open.pop()
        tag, attrs, parts = self.open.pop()
        text = "".join(parts)
        if "id" in attrs:
            check(attrs["id"] not in self.ids, f"two elements have the id {attrs['id']}")
            self.ids[attrs["id"]] = text
        if tag == "textarea":
            # a browser takes away the first newline
            check(text.startswith("\n"), f"the editor begins with {text[:20]!r}")
            self.fields[attrs["name"]] = text[1:]
        self.classes.append((attrs.get("class", "").split(), text))

    def handle_data(self, data):
        for _, _, parts in self.open:
            parts.append(data)

    def of(self, *names):
        """The texts of the elements that have all these classes."""
        return [text for classes, text in self.classes if set(names) <= set(classes)]


class Manager:
    """Somebody with a browser."""

    def __init__(self, lane, site, name="alice", password=None):
        self.lane, self.site, self.name = lane, site, name
        self.password = NAMES.get(name, "") if password is None else password

    def headers(self, **more):
        raw = base64.b64encode(f"{self.name}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {raw}", **more}

    def get(self, path="/manage"):
        return self.site.get(path, headers=self.headers())

    def page(self):
        answer = self.get()
        check_equal(answer.status, 200, f"status of /manage for {self.name}: {answer.body[-600:]}")
        return Page(answer.text)

    def token(self):
        return self.page().fields["token"]

    def post(self, path, fields, headers=(), **how):
        body = urllib.parse.urlencode(fields, encoding="utf-8", errors="surrogateescape").encode()
        given = self.headers(**{"Content-Type": "application/x-www-form-urlencoded", **dict(headers)})
        return self.site.get(path, method="POST", headers=given, body=body, **how)

    def send(self, path, status=200, **fields):
        """A form that a page of ours has; what comes back, as a page."""
        fields.setdefault("token", self.token())
        answer = self.post(path, fields)
        check_equal(answer.status, status, f"status of {path}: {answer.body[-600:]}")
        return Page(answer.text) if status != 303 else answer


class Site(web.Web):
    """Requests may come from several threads."""

    def __init__(self, lane, *args):
        super().__init__(lane, *args)
        self.lock = threading.Lock()

    def connect(self):
        with self.lock:
            return super().connect()


def options(lane, where):
    return ("--user", SERVICE_USER, "--config", where.path, "--tftpd", lane.tftpd, "--state", STATUS)


@contextlib.contextmanager
def managed(lane, *lines, passwords=None):
    """A configuration, and a site that manages it; nobody was wrong of late."""
    where = Conf(lane)
    where.write(*lines)
    write_passwords(lane, passwords)
    for name in ("staged.conf", "staged.by"):
        (STATUS / name).unlink(missing_ok=True)
    forget_wrong_ones()
    site = Site(lane, *options(lane, where), "--manage", PASSWORDS)
    try:
        yield where, site
    finally:
        site.close()
        left = {"draft.conf"} & {path.name for path in STATUS.iterdir()} if STATUS.exists() else ()
        check(not left, f"left in the state directory: {left}")


def write_passwords(lane, text=None, mode=0o640):
    if text is None:
        text = "# who may\n\n" + "".join(f"{name}:{crypt(password, '$6$rounds=1000$salt')}\n"
                                        for name, password in NAMES.items())
    PASSWORDS.write_text(text)
    os.chown(PASSWORDS, 0, lane.gid)
    PASSWORDS.chmod(mode)


def forget_wrong_ones():
    (STATUS / "passwords").unlink(missing_ok=True)


def syslog_of(lane, text, count=1):
    """The lines with that text, when there are so many."""
    def found():
        lines = [line for line in lane.syslog if text in line]
        return lines if len(lines) >= count else None
    return until(found, 5 * lane.slowness, f"{count} lines of syslog with '{text}'")


def as_service(lane, *args):
    """tftpd as the user that the page asks it as."""
    return tool(lane, *args, user=lane.uid, group=lane.gid, extra_groups=[], cwd="/")


# Who gets in.

def off_without_file(lane):
    where = Conf(lane)
    where.write()
    site = Site(lane, *options(lane, where))
    who = Manager(lane, site)
    for path in ("/manage", "/manage/check", "/manage/stage", "/manage/explain", "/manage/"):
        check_equal(who.get(path).status, 404, f"GET {path}")
        check_equal(who.post(path, {"token": "x", "text": "x"}).status, 404, f"POST {path}")
    site.close()


def asks_for_password(lane):
    with managed(lane) as (_, site):
        for path, method in (("/manage", "GET"), *((route, "POST") for route in ROUTES)):
            begin = time.monotonic()
            body = b"text=x" if method == "POST" else b""
            answer = site.get(path, method=method, body=body, headers={
                "Content-Type": "application/x-www-form-urlencoded"} if body else ())
            check_equal(answer.status, 401, f"{method} {path} without a password")
            check_equal(answer.headers["www-authenticate"], 'Basic realm="tftpd", charset="UTF-8"', "what is asked")
            check(time.monotonic() - begin < 1 * lane.slowness, "who has not tried yet is slowed")
        for name in NAMES:
            page = Manager(lane, site, name).page()
            check_equal(page.ids["who"], name, "whose page it is")


# A name, a password, and the name as syslog has it.
WRONG = (("alice", "wrong", "alice"), ("alice", "", "alice"), ("mallory", "correct horse", "mallory"), ("", "", ""),
         ("alice\n<13>root", "x", "alice?<13>root"), ('bob"', "x", "bob?"), ("ev\u202eil", "x", "ev???il"),
         ("alice ", "correct horse", "alice?"))


def slows_and_logs(lane):
    """All at once, and somebody who knows the password beside them."""
    wrong = WRONG[2::2] if lane.quick else WRONG
    with managed(lane) as (_, site):
        took, answers = [], []

        def attack(name, password):
            begin = time.monotonic()
            answers.append(Manager(lane, site, name, password).get().status)
            took.append(time.monotonic() - begin)

        before = len([line for line in lane.syslog if "wrong password" in line])
        threads = [threading.Thread(target=attack, args=claim[:2]) for claim in wrong]
        for thread in threads:
            thread.start()
        begin = time.monotonic()
        Manager(lane, site).page()
        right = time.monotonic() - begin
        for thread in threads:
            thread.join()
        check_equal(answers, [401] * len(wrong), "answers to wrong passwords")
        check(min(took) >= 1.0, f"a wrong one took {min(took):.2f} s")
        check(max(took) < 12 * lane.slowness, f"a wrong one took {max(took):.2f} s")
        check(right < 8 * lane.slowness, f"the right one took {right:.2f} s beside them")
        lines = syslog_of(lane, "wrong password", before + len(wrong))[before:]
        check_equal(len(lines), len(wrong), f"lines of syslog: {lines}")
        for line in lines:
            check(line.split("]", 1)[-1].isprintable() and line.isascii(), f"in the log: {line!r}")
            check(line.rstrip("\0\n").endswith(" from 127.0.0.1"), f"without its address: {line!r}")
        for _, _, safe in wrong:
            check(any(f'for "{safe}" from' in line for line in lines), f"{safe} is not in {lines}")
        check(not any("correct horse" in line for line in lane.syslog), "a password is in the log")


def gives_up_early(lane):
    """Who does not wait for the answer cannot try more."""
    with managed(lane) as (_, site):
        raw = base64.b64encode(b"alice:wrong").decode()
        head = f"GET /manage HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Basic {raw}\r\n\r\n".encode()
        before = len([line for line in lane.syslog if "wrong password" in line])
        processes = []
        begin = time.monotonic()
        while time.monotonic() - begin < 2.5:
            client, process = site.connect()
            processes.append(process)
            client.sendall(head)
            # as soon as the password must have been looked at
            client.settimeout(0.15)
            with contextlib.suppress(TimeoutError):
                client.recv(1)
            client.close()
        seen, took = len([line for line in lane.syslog if "wrong password" in line]) - before, time.monotonic() - begin
        lane.note(f"manage: {len(processes)} hasty tries, {seen} passwords looked at")
        # at once, after 0.1 + 0.2 + 0.3 s, then each 0.4 s
        check(seen <= 4 + took / 0.4 + 1, f"{seen} passwords were tried in {took:.1f} s")
        for process in processes:
            process.kill()
            process.wait(web.SECONDS)


def bad_password_files(lane):
    good = f"alice:{crypt(NAMES['alice'], '$5$rounds=1000$salt')}\n"
    with managed(lane) as (_, site):
        alice = Manager(lane, site)
        for what, text, mode, status, told in (
                ("everybody reads it", good, 0o644, 503, f"{PASSWORDS}: everybody may read it"),
                ("its group writes it", good, 0o660, 503, f"{PASSWORDS}: others than its owner may write it"),
                ("it cannot be read", good, 0o600, 503, f"{PASSWORDS}: Permission denied"),
                ("a bad line", "x\n" + good, 0o640, 200, f"{PASSWORDS}:1: there is no ':'"),
                ("MD5", good + "bob:$1$abcd$h4q7vUyOmyMJyvLTA3dxW1\n", 0o640, 200,
                 f"{PASSWORDS}:2: the hash is none that is slow to try")):
            write_passwords(lane, text, mode)
            check_equal(alice.get().status, status, f"status where {what}")
            syslog_of(lane, told)
        forget_wrong_ones()
        write_passwords(lane, "# nobody\n")
        check_equal(alice.get().status, 401, "nobody is in an empty file")
        forget_wrong_ones()
        PASSWORDS.unlink()
        check_equal(alice.get().status, 503, "without the file")
        syslog_of(lane, f"{PASSWORDS}: No such file")


# Looking.

def shows_values(lane):
    lines = ("linger = 7", 'include("more.conf")', 'client "192.0.2.0/24" {', "max-blksize = 900", "}",
             'map-rules = {"rg ^x\\\\.(.*) \\\\1", "r ^<b> c"}')
    with managed(lane, *lines) as (where, site):
        where.file("more.conf", "give-up = 9\n")
        page = Manager(lane, site).page()
        printed = tool(lane, "-f", where.path, "--print-config").stdout
        values, shown = page.ids["values"], 0
        for line in printed.splitlines():
            key, between, rest = line.strip().partition(" = ")
            if not between or not key.replace("-", "").isalpha():
                continue
            value, _, origin = rest.partition("\t# ")
            check(key in values and value in values and origin in values, f"{line!r} is not shown: {values}")
            shown += 1
        check(shown > 35, f"only {shown} values")
        for text in ('"rg ^x\\\\.(.*) \\\\1"', 'client "192.0.2.0/24"', f"{where.path}:2",
                     f"{where.place}/more.conf:1"):
            check(text in values, f"{text} is not in {values}")
        check_equal(page.fields["text"], where.path.read_text(), "the editor's text")
        check("finds no error" in page.ids["current"], f"the check: {page.ids['current']}")
        check("staged" not in page.ids, "something is staged")


def shows_problems(lane):
    """Of the file in use, at their lines."""
    with managed(lane, "linger = x", "give-up = 3", "red = yes") as (where, site):
        page = Manager(lane, site).page()
        check("cannot be used" in page.ids["current"], f"the check: {page.ids['current']}")
        check_told(page, tool(lane, "-f", where.path, "--check").stderr, where.path, (2, 4))
        check_equal(sorted(page.of("line", "wrong")), ["    2  linger = x", "    4  red = yes"],
                    "the lines that are marked")


def check_told(page, stderr, path, numbers):
    """Each problem that --check tells is on the page, with its line."""
    told = [line for line in stderr.splitlines() if line.startswith(f"{path}:") and ": errors: " not in line]
    check_equal(sorted(int(line[len(f"{path}:"):].split(":")[0]) for line in told), list(numbers),
                f"told lines: {told}")
    notices = page.of("notice")
    for line in told:
        number, sentence = line[len(f"{path}:"):].split(":", 1)
        check(f"Line {number}:{sentence}" in notices, f"{line!r} is not in {notices}")


def unreadable_file(lane):
    with managed(lane) as (where, site):
        where.path.chmod(0o600)
        page = Manager(lane, site).page()
        check("may not read it" in page.ids["current"], f"it says {page.ids['current']}")
        check_equal(page.fields["text"], "", "the editor's text")
        where.path.write_bytes(b"# \xff\n")
        where.path.chmod(0o644)
        page = Manager(lane, site).page()
        check("by hand" in page.ids["current"], f"it says {page.ids['current']}")
        check_equal(page.fields["text"], "", "the editor's text")
        where.path.unlink()
        page = Manager(lane, site).page()
        check("it is not there" in page.ids["current"], f"it says {page.ids['current']}")


# Checking.

HOSTILE = "# </textarea><script>alert(1)</script>\n# \u202e \U0001f600 &amp; \"'\n\n\ttab = '<b>'\n"


def checks_text(lane):
    with managed(lane) as (where, site):
        alice = Manager(lane, site)
        where.file("more.conf", "red = yes\n")
        text = where.text("linger = x", "# fine", "", "red = yes")
        other = where.file("other", text)
        page = alice.send("/manage/check", text=text.replace("\n", "\r\n"))
        check("cannot be used" in page.ids["checked"], f"the check: {page.ids['checked']}")
        check_told(page, tool(lane, "-f", where.path, "--draft", other, "--check").stderr, other, (2, 5))
        check_equal(sorted(page.of("line", "wrong")), ["    2  linger = x", "    5  red = yes"],
                    "the lines that are marked")
        check_equal(page.fields["text"], text, "the text is still in the editor")
        # what it includes stands beside the file in use
        page = alice.send("/manage/check", text=where.text('include("more.conf")'))
        check(any(f"{where.place}/more.conf, line 1:" in notice for notice in page.of("notice", "bad")),
              f"the include: {page.of('notice')}")
        page = alice.send("/manage/check", text=where.text("linger = 3"))
        check_equal(page.of("notice", "good"), ["tftpd --check finds no error."], "a good text")
        page = alice.send("/manage/check", text=where.text("linger = 3", "linger = 4"))
        check(any(notice.startswith("Line 3:") for notice in page.of("notice", "warning")),
              f"a warning: {page.of('notice')}")
        check(page.of("notice", "good"), "a warning is no error")
        check_equal(where.path.read_text(), where.text(), "the file in use")
        check(not STAGED.exists(), "it was staged")


def hostile_text(lane):
    with managed(lane) as (where, site):
        alice = Manager(lane, site)
        page = alice.send("/manage/check", text=HOSTILE.replace("\n", "\r\n"))
        check_equal(page.fields["text"], HOSTILE, "the text that comes back")
        check("script" not in page.tags and page.tags.count("textarea") == 1, f"tags: {set(page.tags)}")
        check("    4  \ttab = '<b>'" in page.of("line", "wrong"), f"the line: {page.of('line')}")
        page = alice.send("/manage/explain", text=HOSTILE, client="<script>", op="<b>", name='"><script>',
                          **{"with": "<"})
        check_equal((page.fields["client"], page.fields["name"]), ("<script>", '"><script>'), "the fields")
        check("script" not in page.tags and "b" not in page.tags, f"tags: {set(page.tags)}")
        where.path.write_text(HOSTILE)
        page = alice.page()
        check_equal(page.fields["text"], HOSTILE, "the file in the editor")
        check("script" not in page.tags, "a script of the file")
        # in the middle of it no line is as long as it is
        page = alice.send("/manage/check", text="x = " + "y" * (TEXT_MAX - 4))
        check(len(page.of("line", "wrong")[0]) < 1000, "a long line is shown whole")
        answer = alice.post("/manage/check", {"token": page.fields["token"], "text": "#" * (TEXT_MAX + 1)})
        check_equal(answer.status, 413, "more than 256 KiB")


def hides_secrets(lane):
    """A text that has tftpd read what only its user may read is not answered with that."""
    with managed(lane) as (where, site):
        alice = Manager(lane, site)
        token = alice.token()
        # everybody may read it, but only our user gets to it
        reachable = STATUS / "reachable"
        reachable.write_text("salt\n")
        reachable.chmod(0o644)
        for path in (reachable, PASSWORDS, f"/proc/self/root{PASSWORDS}", f"{where.place}/../passwords",
                     STATUS / "secret"):
            for line in (f'include("{path}")', f'map-file = "{path}"'):
                fields = {"token": token, "text": where.text(line), "client": "192.0.2.1", "op": "read", "name": "x",
                          "with": "text"}
                for route in ROUTES[:1] if lane.quick else ROUTES:
                    page = alice.send(route, **fields)
                    text = " ".join(page.of("notice"))
                    check(f"{path}, line " in text and "is not shown" in text, f"{route}, {line}: {text}")
                    check("salt" not in text and (STATUS / "secret").read_text()[:8] not in text, f"{route}: {text}")


# Staging.

def stages_and_adopts(lane):
    """From the page to a server that runs, with root's one command."""
    with managed(lane, "max-blksize = 1000") as (where, site):
        lane.stop_server()
        lane.serve("-f", where.path, fresh=True)
        check_equal(blksize(lane), 1000, "the largest block before")
        alice, bob = Manager(lane, site), Manager(lane, site, "bob")
        bad = alice.send("/manage/stage", text=where.text("max-blksize = x"))
        check("not staged" in bad.of("notice", "bad")[0], f"it says {bad.of('notice')}")
        check(not STAGED.exists(), "a bad one was staged")
        check("not staged" in alice.send("/manage/stage", text=" \n").of("notice", "bad")[0], "an empty one")
        text = where.text("# by bob", "max-blksize = 900")
        answer = bob.send("/manage/stage", status=303, text=text.replace("\n", "\r\n"))
        check_equal(answer.headers["location"], "/manage", "where it leads")
        check_equal(STAGED.read_text(), text, "what is staged")
        stat = STAGED.stat()
        check_equal((stat.st_mode & 0o7777, stat.st_uid), (0o640, lane.uid), "its mode and owner")
        syslog_of(lane, f'"bob" from 127.0.0.1 staged {STAGED}')
        check_equal(blksize(lane), 1000, "the largest block, while it is only staged")
        page = alice.page()
        check_equal((page.ids["removed"], page.ids["added"], page.ids["by"]), ("1", "2", "bob"), "what it says of it")
        check_equal(page.of("line", "removed"), ["-    2  max-blksize = 1000"], "the line that goes")
        check_equal(page.of("line", "added"), ["+    2  # by bob", "+    3  max-blksize = 900"], "the lines that come")
        command = page.ids["adopt"]
        check_equal(command, f"{lane.tftpd} -f {where.path} --adopt {STAGED}", "the command")
        check_equal(where.path.read_text(), where.text("max-blksize = 1000"), "the file in use")
        done = subprocess.run(["sh", "-c", command], env=lane.environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=20 * lane.slowness)
        check_equal((done.returncode, done.stdout), (0, f"{STAGED}: adopted as {where.path}\n"), f"root: {done.stderr}")
        wait_blksize(lane, 900, 1000)
        page = alice.page()
        check_equal((page.ids["removed"], page.ids["added"]), ("0", "0"), "no difference any more")
        check_equal(page.fields["text"], text, "the editor's text")
        # a change of mind
        alice.send("/manage/stage", status=303, act="discard")
        check(not STAGED.exists(), "it is still staged")
        check("staged" not in alice.page().ids, "the page still has it")
        alice.send("/manage/stage", status=303, act="discard")
        lane.stop_server()


# Forms of others.

def token_of(secret, name, day):
    return crypt(f"{secret}:{day}:{name}", "$5$rounds=1000$tftpd-status$").rsplit("$", 1)[1]


def forged_forms(lane):
    with managed(lane) as (where, site):
        alice = Manager(lane, site)
        token, secret = alice.token(), (STATUS / "secret").read_text()
        stat = (STATUS / "secret").stat()
        check_equal((stat.st_mode & 0o7777, stat.st_uid), (0o600, lane.uid), "mode and owner of the secret")
        today = int(time.time()) // DAY
        check(token in (token_of(secret, "alice", day) for day in (today - 1, today, today + 1)), "the token of today")
        text, same = where.text("linger = 3"), {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}
        tokens = (("no token", None, {}), ("an empty one", "", {}), ("any", "x" * 43, {}),
                  ("another's", Manager(lane, site, "bob").token(), {}),
                  ("one of the day before yesterday", token_of(secret, "alice", today - 2), {}),
                  ("one of tomorrow", token_of(secret, "alice", today + 2), {}),
                  ("one with more behind", token + "x", {}),
                  ("of another origin", token, {"Origin": "http://evil.example"}),
                  ("of another port", token, {"Origin": "http://127.0.0.1:9999"}),
                  ("of nowhere", token, {"Origin": "null"}),
                  ("of another site", token, {"Sec-Fetch-Site": "cross-site"}),
                  ("of a site beside", token, {"Sec-Fetch-Site": "same-site"}))
        for what, given, headers in tokens:
            fields = {"text": text, **({"token": given} if given is not None else {})}
            # one route for all that the two processes decide before they look at it
            for route in ROUTES if given in (None, token) else ROUTES[1:2]:
                answer = alice.post(route, fields, headers)
                check_equal(answer.status, 403, f"{route}, {what}")
                check(not STAGED.exists(), f"{what}: it was staged")
        answer = alice.post("/manage/stage", {"text": text, "token": token}, {**same, "Origin": "http://other:9169"},
                            host="other:9169")
        check_equal(answer.status, 421, "another name of the host")
        for fields in ([("token", token), ("token", token), ("text", text)], [("token", token), ("what", "x")],
                       [("token", token), ("act", "destroy")]):
            check_equal(alice.post("/manage/stage", fields).status, 400, f"the fields {fields}")
        check_equal(alice.get("/manage?text=x").status, 400, "parameters of the page itself")
        for route in ROUTES:
            check_equal(alice.get(f"{route}?token={token}&text=x").status, 405, f"GET {route}")
        check(not STAGED.exists(), "it was staged")
        # in yesterday's form, with all that a browser says of itself
        answer = alice.post("/manage/stage", {"text": text, "token": token_of(secret, "alice", today - 1)}, same)
        check_equal(answer.status, 303, "yesterday's form")
        check(STAGED.exists(), "it was not staged")
        (STATUS / "secret").unlink()
        answer = alice.post("/manage/stage", {"act": "discard", "token": token})
        check_equal(answer.status, 403, "a token of an old secret")
        check(STAGED.exists(), "it was discarded")


# What would a client get?

QUESTIONS = (("192.0.2.10", "read", "pxelinux.0"), ("192.0.2.77", "read", "pxelinux.0"),
             ("2001:db8::7", "read", "missing"), ("192.0.2.10", "write", "upload"),
             ("192.0.2.10", "read", " two  blanks "), ("192.0.2.10", "read", "quotes \"' $(id) `id` \\ %n"),
             ("192.0.2.10", "read", "-f"), ("192.0.2.10", "read", "../../etc/passwd"),
             ("192.0.2.10", "read", "<b>&amp;"), ("192.0.2.10", "read", "\xf6\u4e2d"))
NO_QUESTIONS = (("192.0.2.10 read x", "read", "y"), ("", "read", "y"), ("router", "read", "y"),
                ("192.0.2.300", "read", "y"), ("192.0.2.10", "get", "y"), ("192.0.2.10", "", "y"),
                ("192.0.2.10", "read", ""), ("192.0.2.10", "read", "a\nb"), ("192.0.2.10", "read", "a\tb"),
                ("192.0.2.10", "read", "a\x1b[1m"), ("192.0.2.10", "read", "x" * 401))


def explains(lane):
    lines = ('client "192.0.2.77" {', "read = no", "}")
    with managed(lane, *lines) as (where, site):
        lane.file("pxelinux.0", b"x" * 100)
        alice = Manager(lane, site)
        token = alice.token()

        def ask(client, op, name, by="file", **more):
            return alice.send("/manage/explain", token=token, client=client, op=op, name=name, **{"with": by}, **more)

        for client, op, name in QUESTIONS[::3] if lane.quick else QUESTIONS:
            done = as_service(lane, "-f", where.path, "--explain", f"{client} {op} {name}")
            page = ask(client, op, name)
            check_equal(page.ids["answer"], done.stdout, f"the answer to {client} {op} {name!r}")
            check_equal((page.fields["client"], page.fields["name"]), (client, name), "the question is kept")
        check("outcome  complete" in ask(*QUESTIONS[0]).ids["answer"], "the answer for a client that may")
        check("outcome  denied" in ask(*QUESTIONS[1]).ids["answer"], "the answer for one that may not")
        for client, op, name in NO_QUESTIONS[::3] if lane.quick else NO_QUESTIONS:
            page = ask(client, op, name, text="# kept\n")
            check("answer" not in page.ids and page.of("notice", "bad"), f"{client!r} {op!r} {name!r} was asked")
            check_equal(page.fields["text"], "# kept\n", "the editor's text")
        # by other texts than the one in use
        text = where.text('client "192.0.2.10" {', "read = no", "}")
        page = ask(*QUESTIONS[0], by="text", text=text)
        check("outcome  denied" in page.ids["answer"], f"by the text: {page.ids['answer']}")
        check_equal(page.fields["text"], text, "the editor's text")
        check("Nothing is staged" in ask(*QUESTIONS[0], by="staged").of("notice", "bad")[0], "by nothing")
        page = ask(*QUESTIONS[0], by="text", text=where.text("# bad", "linger = x"))
        check("answer" not in page.ids, "by a bad text")
        check_equal(page.of("line", "wrong"), ["    3  linger = x"], "the line that is marked")
        alice.send("/manage/stage", status=303, token=token, text=text)
        check("outcome  denied" in ask(*QUESTIONS[0], by="staged").ids["answer"], "by what is staged")
        check("outcome  complete" in ask(*QUESTIONS[0]).ids["answer"], "by the file in use, still")


TESTS = (
    ("without --manage there is no page", off_without_file, True),
    ("a password is asked for, and lets in", asks_for_password, True),
    ("wrong passwords are slowed and logged; the right one beside them gets through", slows_and_logs, True),
    ("who does not wait for his answer cannot try more", gives_up_early, False),
    ("password files that cannot be used are told, with their lines", bad_password_files, True),
    ("the values in force are shown, and where they come from", shows_values, True),
    ("problems of the file in use are shown at their lines", shows_problems, True),
    ("a file that cannot be read, or not be edited here, is told", unreadable_file, True),
    ("a text is checked as if it stood in the file's place", checks_text, True),
    ("nothing in a text becomes markup", hostile_text, True),
    ("what only its user may read is not quoted", hides_secrets, True),
    ("what is staged is adopted by root, and taken by a server that runs", stages_and_adopts, True),
    ("forms that are not ours change nothing", forged_forms, True),
    ("what a client would get is what tftpd --explain says", explains, True),
)
