"""HTTP as strangers speak it: 200 slow, broken and oversized clients at once, each of
them ended in time, told what may be told and nothing else, while others are served.

A client here is a script (`Script`): what it sends and when, when it leaves, which
answers it may get.  One loop moves them all.
"""

import json
import random
import re
import selectors
import socket
import struct
import time

import web
from harness import Failure, check, check_equal, processes, until

REQUEST_SECONDS = 10        # for a whole request
TAKE_SECONDS = 10           # for the next bytes of an answer
DRAIN_SECONDS = 2
SLACK = 6                   # of a machine that starts 200 processes meanwhile
RECORDS = 1000              # of the log: an answer larger than what sockets hold

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
TYPES = {"application/json", "text/html; charset=utf-8", "text/plain; charset=utf-8",
         "text/plain; version=0.0.4; charset=utf-8",
         "application/openmetrics-text; version=1.0.0; charset=utf-8"}
ERROR_TYPES = {"/api": "application/json", "/healthz": "application/json",
               "/readyz": "application/json", "/metrics": "text/plain; charset=utf-8"}


def head(target="/healthz", method="GET", fields="", version="1.1", host="localhost"):
    return f"{method} {target} HTTP/{version}\r\nHost: {host}\r\n{fields}\r\n".encode("latin-1")


# What is served.

def log_of(lane):
    """A log with RECORDS transfers, made of a real one."""
    path = lane.scratch / "http/transfers.jsonl"
    if not path.exists():
        lane.serve()
        name = "n" * 400
        (lane.root / name[:200]).write_bytes(b"x")
        peer = lane.peer()
        peer.get(name[:200])
        record = dict(lane.end_of(peer))
        lane.stop_server()
        path.parent.mkdir()
        path.parent.chmod(0o755)
        with open(path, "w", encoding="utf-8") as out:
            for number in range(RECORDS):
                record["id"] = f"{number:016x}"
                record["file"] = name
                out.write(json.dumps(record, separators=(",", ":")) + "\n")
        path.chmod(0o644)
    return path


def client_of(lane, *args):
    log = log_of(lane)
    state = lane.scratch / "http/state"
    state.mkdir(exist_ok=True)
    state.chmod(0o777)
    return web.Web(lane, "-l", log, "--state", state, "--tftpd", lane.tftpd, "--host", "boot.example.org", *args)


# Scripts.

class Script:
    """A client: what it does, and what it may be told.

    parts       bytes that are sent one after the other, `pause` seconds between
    then        "read", "close", "reset", "half" (close our side, then read), "stall"
                (read nothing)
    wanted      the statuses that it may get; None: no answer at all
    seconds     after which both processes must have ended
    """

    def __init__(self, name, parts, wanted, pause=0.0, then="read", seconds=DRAIN_SECONDS):
        self.name, self.parts, self.pause = name, iter(parts), pause
        self.then, self.wanted, self.seconds = then, wanted, seconds
        self.pending, self.got, self.next_at = b"", b"", 0.0
        self.is_done = self.is_closed = False
        self.socket = self.process = self.began = self.ended = None

    def start(self, server):
        self.socket, self.process = server.connect()
        self.socket.setblocking(False)
        self.began = time.monotonic()

    def send(self, now):
        """As much as goes; what cannot be sent any more is not missed."""
        try:
            while not self.is_done and now >= self.next_at:
                if not self.pending:
                    self.pending = next(self.parts, None)
                    if self.pending is None:
                        self.leave()
                        return
                self.pending = self.pending[self.socket.send(self.pending):]
                if self.pause and not self.pending:
                    self.next_at = now + self.pause
        except BlockingIOError:
            pass
        except OSError:
            self.is_done = True

    def leave(self):
        self.is_done = True
        if self.then == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if self.then in ("close", "reset"):
            self.close()
        elif self.then == "half":
            self.socket.shutdown(socket.SHUT_WR)

    def receive(self):
        if self.then == "stall" and self.is_done:
            return
        try:
            while part := self.socket.recv(65536):
                self.got += part
            self.close()
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def close(self):
        if not self.is_closed:
            self.is_closed = self.is_done = True
            self.socket.close()

    def turn(self, now):
        if not self.is_closed:
            self.send(now)
        if not self.is_closed:
            self.receive()
        if self.ended is None and self.process.poll() is not None:
            self.ended = now
            # whoever stalls looks now at what there is
            if not self.is_closed:
                self.then = "read"
                self.receive()
        return self.ended is not None


def play(scripts, server, seconds, meanwhile=lambda: None):
    """All of them at once, until the last process has ended."""
    left = []
    for script in scripts:
        script.start(server)
        left.append(script)
        for other in left:
            other.turn(time.monotonic())
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as waiting:
        while left and time.monotonic() < deadline:
            now = time.monotonic()
            left = [script for script in left if not script.turn(now)]
            meanwhile()
            waiting.select(0.02)
    for script in scripts:
        script.close()
    for script in left:
        script.process.kill()
        script.process.wait()
    check(not left, f"not ended after {seconds} s: {sorted({script.name for script in left})}")


# What may be told.

def check_error(path, answer):
    """An error is in the form of its path."""
    wanted = next((kind for start, kind in ERROR_TYPES.items() if path.startswith(start)), None)
    if wanted:
        check_equal(answer.headers["content-type"], wanted, f"the error of {path}")
    if answer.headers["content-type"] == "application/json":
        check_equal((answer.tree["schema"], answer.tree["status"]), (1, answer.status), "the error")
        check(answer.tree["error"], "it does not say why")


def check_answer(raw, method="GET"):
    """A whole answer and nothing behind it; returns it."""
    if raw.startswith(b"HTTP/1.1 100 "):
        raw = raw.partition(b"\r\n\r\n")[2]
    check(re.match(rb"HTTP/1\.1 [2345]\d\d [A-Za-z -]+\r\n", raw), f"no answer of HTTP: {raw[:200]!r}")
    start, _, body = raw.partition(b"\r\n\r\n")
    answer = web.parse(raw, method)
    fields = answer.headers
    names = [line.partition(b":")[0].lower() for line in start.split(b"\r\n")[1:]]
    check_equal(len(names), len(set(names)), f"fields stand once: {names}")
    check(fields["content-type"] in TYPES, f"a type of its own: {fields['content-type']}")
    for name, value in (("connection", "close"), ("x-content-type-options", "nosniff"),
                        ("cache-control", "no-store"), ("x-frame-options", "DENY")):
        check_equal(fields.get(name), value, f"{name} of {answer.status}")
    check("server" not in fields, "it says what it is made of")
    check("date" in fields, "it says no time")
    is_page = fields["content-type"].startswith("text/html")
    check_equal(fields["referrer-policy"], "same-origin" if is_page else "no-referrer", "Referrer-Policy")
    check_equal("content-security-policy" in fields, is_page, "a policy for pages")
    if is_page:
        check_policy(answer)
    if method != "HEAD":
        check_equal(len(body), int(fields["content-length"]), f"bytes of the body of {answer.status}")
    if fields["content-type"] == "application/json" and body:
        check(isinstance(answer.tree, dict), "the JSON is no object")
    return answer


def check_policy(answer):
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    nonce = re.fullmatch(r"'nonce-([0-9a-f]{32})'", policy.pop("style-src"))
    check(nonce, "style has a nonce")
    check_equal(policy, {"default-src": "'none'", "script-src": nonce[0], "img-src": "data:",
                         "connect-src": "'self'", "form-action": "'self'", "base-uri": "'none'",
                         "frame-ancestors": "'none'"}, "the policy")


def judge(script, slowness):
    """What a script got, and when it ended."""
    took = script.ended - script.began
    check(took <= (script.seconds + SLACK) * slowness, f"{script.name}: ended after {took:.1f} s")
    check(script.then != "stall" or took >= TAKE_SECONDS, f"{script.name}: ended after {took:.1f} s, not cut off")
    check(script.process.returncode in (0, 1), f"{script.name}: ended with {script.process.returncode}")
    if not script.got:
        check(script.wanted is None or None in script.wanted, f"{script.name}: no answer")
        return
    check(script.wanted is not None, f"{script.name}: an answer: {script.got[:200]!r}")
    if script.then != "stall" and 0 not in script.wanted:
        answer = check_answer(script.got)
        check(answer.status in script.wanted,
              f"{script.name}: {answer.status}, not one of {script.wanted}: {answer.body[:300]!r}")
        check_equal(len(re.findall(rb"^HTTP/1\.1 [2345]", script.got, re.M)), 1, f"{script.name}: answers")


# The storm.

def bytewise(data):
    return (data[at:at + 1] for at in range(len(data)))


def slow():
    """Who would hold a process for ever."""
    late = REQUEST_SECONDS + DRAIN_SECONDS
    endless = head(fields="X: " + "y" * 9000 + "\r\n")
    form = head("/manage/check", "POST", FORM + "Content-Length: 5000\r\n")
    for number in range(15):
        yield Script("a head that trickles", bytewise(endless), {408}, 0.02 + number / 100, seconds=late)
    for number in range(10):
        yield Script("a head that stops", [endless[:number * 5 + 1]], {408}, seconds=late)
    for _ in range(10):
        yield Script("a client that says nothing", [], None, seconds=late)
    for number in range(10):
        yield Script("a body that trickles", [form, *bytewise(b"a=" + b"x" * 4000)], {408},
                     0.02 + number / 100, seconds=late)
    for _ in range(5):
        yield Script("a body that stops", [form, b"a=b"], {408}, seconds=late)


def readers():
    """Who does not take what he asked for."""
    much = head("/api/v1/transfers?limit=1000")
    for _ in range(10):
        yield Script("a reader that stops", [much], {0}, then="stall",
                     seconds=TAKE_SECONDS + DRAIN_SECONDS + 1)
    for _ in range(5):
        yield Script("a reader that leaves", [much], {None, 0}, then="reset")


def large():
    """Who sends more than may be; each must read why."""
    megabyte = [b"x" * 65536] * 16
    for _ in range(10):
        yield Script("1 MB of path", [b"GET /", *megabyte, b" HTTP/1.1\r\n\r\n"], {414})
        yield Script("1 MB of a field", [head()[:-2] + b"X: ", *megabyte, b"\r\n\r\n"], {431})
        yield Script("10 MB of a form", [head("/manage/check", "POST", FORM + "Content-Length: 10485760\r\n"),
                                         *megabyte * 10], {413})
    for _ in range(5):
        yield Script("10 MB with a GET", [head(fields="Content-Length: 10485760\r\n"), *megabyte * 10], {413})
        yield Script("10,000 fields", [head()[:-2] + b"a:b\r\n" * 10000 + b"\r\n"], {431})
        yield Script("150 fields", [head()[:-2] + b"a:b\r\n" * 150 + b"\r\n"], {431})
        yield Script("as many parameters and cookies as a head can have",
                     [head("/healthz?" + "&" * 8000, fields="Cookie: " + "a;" * 3900 + "\r\n")], {200})


def broken():
    """Who does not speak HTTP, or speaks it so that it has two meanings."""
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", "GARBAGE", "!", "POST"):
        yield Script(f"method {method}", [head(method=method)], {405})
    for bad in (b"\0" * 100, b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
                b"GET / HTTP/1.1\nHost: a\n\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"\r\n\r\n",
                b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", head(fields="Host: b\r\n"), head(fields=" fold\r\n"),
                head(fields="Content-Length: 1\r\nContent-Length: 2\r\n"), head(fields="Content-Length: -1\r\n"),
                head(fields="Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
                head("/healthz?a=%00"), head("/healthz?a=%z"), head("/\xe4")):
        yield Script(f"broken {bad[:60]!r}", [bad], {400})
    chunked = head("/manage/check", "POST", FORM + "Transfer-Encoding: chunked\r\n")
    for chunk in (b"zz\r\n", b"ffffffffffffffff\r\n", b"-1\r\n", b"3\r\nabcd\r\n", b"0;\0\r\n\r\n", b""):
        yield Script("bad chunks", [chunked + chunk], {411})
    for version in ("0.9", "1.2", "2.0", "9.9"):
        yield Script(f"HTTP/{version}", [head(version=version)], {505})


def hasty():
    """Who leaves early, or asks for more at once."""
    whole = head()
    for then in ("close", "reset"):
        for length in (0, 1, 20, len(whole) - 1, len(whole)):
            yield Script(f"{then} after {length} bytes", [whole[:length]] if length else [], {None, 200, 400},
                         then=then)
    for _ in range(8):
        yield Script("half closed", [whole], {200}, then="half")
        yield Script("half closed within its head", [whole[:-1]], {400}, then="half")
        yield Script("three requests at once", [whole + head("/nothing") + head("/metrics")], {200})
    yield Script("one and 1 MB of others", [whole * 20000], {200})


def rubbish(seed):
    """Bytes and words of HTTP in any order."""
    rng = random.Random(seed)
    words = [b"GET ", b"POST ", b"/", b"/healthz", b" HTTP/1.1", b"\r\n", b"Host:", b"localhost", b":", b"\t",
             b"Content-Length: ", b"5", b"%00", b"?", b"&", b"=", b"\r\n\r\n", b"\xff", b"Transfer-Encoding: chunked"]
    for number in range(30):
        if number % 2:
            data = rng.randbytes(rng.randrange(1, 30000))
        else:
            data = b"".join(rng.choice(words) for _ in range(rng.randrange(1, 200))) + b"\n"
        yield Script(f"rubbish {data[:60]!r}", [data], {200, 400, 404, 405, 411, 413, 414, 415, 421, 431, 505},
                     then=rng.choice(("read", "half")))


def no_process_left():
    found = []
    for pid in processes():
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                if file.read().strip() in ("tftpd-status", "tftpd-reader"):
                    found.append(pid)
        except OSError:
            pass
    return not found


class Neighbour:
    """A client like any other, asking again and again beside them."""

    def __init__(self, server, slowness):
        self.server, self.slowness, self.count, self.script = server, slowness, 0, None

    def turn(self):
        if self.script is None:
            self.script = Script("a good client", [head("/metrics", host="any.example")], {200})
            self.script.start(self.server)
        if self.script.turn(time.monotonic()):
            judge(self.script, self.slowness)
            self.script.close()
            self.script, self.count = None, self.count + 1

    def finish(self):
        until(lambda: self.turn() or self.script is None, 20 * self.slowness, "the good client is served")


def small_buffers():
    """In the lane's own network: what is not read soon holds back who writes it."""
    with open("/proc/sys/net/ipv4/tcp_wmem", "w", encoding="ascii") as file:
        file.write("4096 16384 65536")


def storm(lane):
    small_buffers()
    passwords = lane.scratch / "http/passwords"
    server = client_of(lane, "--manage", passwords)
    passwords.write_text("nobody:*\n")
    scripts = [*slow(), *readers(), *large(), *broken(), *hasty(), *rubbish(lane.seed)]
    lane.note(f"    {len(scripts)} clients, seed {lane.seed}")
    check(len(scripts) >= 200, f"{len(scripts)} clients")
    random.Random(lane.seed).shuffle(scripts)
    # who takes longest begins first
    scripts.sort(key=lambda script: -script.seconds)
    good = Neighbour(server, lane.slowness)
    play(scripts, server, 40 * lane.slowness, good.turn)
    good.finish()
    complaints = []
    for script in scripts:
        try:
            judge(script, lane.slowness)
        except Failure as failure:
            complaints.append(str(failure))
    check(not complaints, "\n".join(complaints[:12]))
    until(no_process_left, 5 * lane.slowness, "no process is left")
    check(good.count >= 3, f"{good.count} good clients were served meanwhile")
    server.close()


# One at a time.

def ask(server, *args, **how):
    return check_answer(server.get(*args, **how).raw, how.get("method", "GET"))


def all_routes(lane):
    server = client_of(lane)
    for path in ("/", "/healthz", "/readyz", "/metrics", "/api/v1/status", "/api/v1/transfers",
                 "/api/v1/connections", "/api/v1/statistics", "/api/v1/config"):
        # nothing is served in this lane, so it may not be ready
        answer = ask(server, path)
        check(answer.status == 200 or path in ("/healthz", "/readyz") and answer.status == 503,
              f"{path}: {answer.status} {answer.body[:300]}")
        headed = ask(server, path, method="HEAD")
        check_equal((headed.status, headed.body), (answer.status, b""), f"HEAD {path}")
        check_equal(headed.headers["content-type"], answer.headers["content-type"], f"HEAD {path}")
        check(int(headed.headers["content-length"]) > 0, f"HEAD {path} says how long it would be")
    server.close()


def errors_by_path(lane):
    server = client_of(lane)
    for path in ("/api/v1/nothing", "/healthz/", "/readyzx", "/metrics/", "/nothing", "//", "/./", "/manage",
                 "/manage/check", "/%2e", "http://localhost/"):
        answer = ask(server, path)
        check_equal(answer.status, 404, path)
        check_error(path, answer)
    for path in ("/api/v1/status", "/healthz", "/metrics", "/"):
        answer = ask(server, path, method="POST")
        check_equal((answer.status, answer.headers["allow"]), (405, "GET, HEAD"), f"POST {path}")
        check_error(path, answer)
    raw = server.exchange(b"GET /api/v1/status HTTP/1.0\r\n\r\n")
    check_equal(check_answer(raw).status, 200, "HTTP/1.0 without a name")
    server.close()


def names(lane):
    server = client_of(lane)
    hostname = socket.gethostname()
    for host, status in (("localhost", 200), ("LOCALHOST:1234", 200), ("127.0.0.1", 200), ("[::1]:9169", 200),
                         (hostname, 200), ("boot.example.org:80", 200), ("evil.example", 421),
                         (f"{hostname.partition('.')[0]}.evil.example", 421), ("127.0.0.1.evil.example", 421)):
        for path in ("/", "/api/v1/status"):
            answer = ask(server, path, host=host)
            check_equal(answer.status, status, f"{path} of {host}")
            check(status != 421 or "--host" in answer.text, "it says how a name is added")
        check(ask(server, "/healthz", host=host).status in (200, 503), f"/healthz of {host}")
        check_equal(ask(server, "/metrics", host=host).status, 200, f"/metrics of {host}")
    answer = ask(server, "/", host="<script>alert(1)</script>")
    check("<script>alert" not in answer.text and "&lt;script&gt;" in answer.text, "a name becomes no markup")
    server.close()


def formats(lane):
    server = client_of(lane)
    plain, open_metrics = "text/plain; version=0.0.4; charset=utf-8", \
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    for accept, wanted in (("", plain), ("*/*", plain), ("application/openmetrics-text", open_metrics),
                           ("application/openmetrics-text;q=0", plain),
                           ("application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.5", open_metrics),
                           ("application/openmetrics-text;q=0.3,text/plain;q=0.5", plain)):
        answer = ask(server, "/metrics", headers={"Accept": accept})
        check_equal(answer.headers["content-type"], wanted, f"Accept: {accept}")
        check_equal(answer.body.endswith(b"# EOF\n"), wanted == open_metrics, "the end of OpenMetrics")
    server.close()


def other_sites(lane):
    passwords = lane.scratch / "http/passwords"
    server = client_of(lane, "--manage", passwords)
    passwords.write_text("nobody:*\n")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for more, status in (({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
                         ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403),
                         ({"Content-Type": "text/plain"}, 415)):
        answer = ask(server, "/manage/stage", method="POST", headers={**form, **more}, body=b"text=x")
        check_equal(answer.status, status, f"a POST with {more}")
    server.close()


TESTS = (
    ("every route has an answer, and the same head for HEAD", all_routes, True),
    ("an error has the form of its path", errors_by_path, True),
    ("pages of other names cannot read it", names, True),
    ("Accept chooses the form of metrics", formats, True),
    ("forms of other sites are refused", other_sites, True),
    ("200 slow, broken and oversized clients do no harm", storm, False),
)
