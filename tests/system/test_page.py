"""The dashboard: well-formed, harmless, small, and its numbers are those of tftpd-stats."""

import html.parser
import json
import re
import time

import pagescene
from harness import check, check_equal
from web import Web

VOID = {"meta", "link", "input", "br", "hr", "img", "rect", "path", "line"}
# What a page of ours consists of; nothing of a name is among it.
ELEMENTS = set("""html head meta link noscript title style script body a header svg rect path line text g nav p
    span button main section div h1 h2 h3 data time table thead tbody tr th td progress figure figcaption ul ol
    li details summary code strong footer""".split())
WINDOWS = {"15m": "15min", "1h": "1h", "24h": "24h", "7d": "168h"}
HINTS_SHOWN = 5


class Page(html.parser.HTMLParser):
    """Strict: every element is closed in its turn, ids are unique, nothing is styled or scripted inline."""

    def __init__(self, text, nonce):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.nonce, self.data, self.times = [], set(), nonce, {}, {}
        self.names, self.texts, self.rows, self.notices, self.attributes = [], [], {}, [], []
        self.table = self.cells = self.name = None
        self.progress = []
        self.feed(text)
        self.close()
        check_equal(self.open, [], "elements that are not closed")

    def handle_decl(self, decl):
        check_equal(decl, "DOCTYPE html", "the declaration")

    def unknown_decl(self, data):
        check(False, f"a declaration: {data!r}")

    def handle_comment(self, data):
        check(False, f"a comment: {data!r}")

    def handle_pi(self, data):
        check(False, f"an instruction: {data!r}")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_starttag(self, tag, attrs):
        check(tag in ELEMENTS, f"an element <{tag}> at {self.getpos()}")
        keys = [key for key, _ in attrs]
        check_equal(len(keys), len(set(keys)), f"attributes of <{tag}>: {attrs}")
        attrs = dict(attrs)
        check(not any(key.startswith("on") or key == "style" for key in keys), f"<{tag} {attrs}>")
        if "id" in attrs:
            check(re.fullmatch(r"[a-z][a-z0-9_-]*", attrs["id"]) and attrs["id"] not in self.ids,
                  f"the id {attrs['id']!r}")
            self.ids.add(attrs["id"])
        if tag in ("script", "style"):
            check_equal(attrs.get("nonce"), self.nonce, f"the nonce of <{tag}>")
        self.attributes += [value or "" for value in attrs.values()]
        self.note(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def note(self, tag, attrs):
        if tag == "data":
            if "id" in attrs:
                self.data[attrs["id"]] = int(attrs["value"])
            if self.cells is not None:
                self.cells.append(int(attrs["value"]))
        elif tag == "time" and "id" in attrs:
            self.times[attrs["id"]] = attrs["datetime"]
        elif tag == "progress":
            self.progress.append(int(attrs["value"]))
        elif tag in ("table", "ul") and "id" in attrs:
            self.table = self.rows.setdefault(attrs["id"], [])
        elif tag in ("tr", "li") and self.table is not None and self.open[-1] in ("tbody", "ul"):
            self.cells = []
            self.table.append((attrs, self.cells))
        elif tag == "span" and attrs.get("class") == "name":
            self.name = [attrs.get("title")]
        elif "notice" in attrs.get("class", ""):
            self.notices.append(attrs.get("data-check"))

    def handle_endtag(self, tag):
        check(self.open and self.open[-1] == tag, f"</{tag}> in {self.open} at {self.getpos()}")
        self.open.pop()
        if tag in ("table", "ul"):
            self.table = self.cells = None
        elif tag == "span" and self.name:
            self.names.append((self.name[0], "".join(self.name[1:])))
            if self.cells is not None:
                self.cells.append(self.names[-1][1])
            self.name = None

    def handle_data(self, data):
        if self.open[-1:] in (["script"], ["style"]):
            return
        self.texts.append(data)
        if self.name:
            self.name.append(data)
        elif self.cells is not None and self.open[-1] in ("th", "td") and data.strip():
            self.cells.append(data)


class Scene:
    """A log and a table that a test makes, and who shows them."""

    def __init__(self, lane):
        self.lane, folder = lane, lane.scratch / f"page-{lane.count()}"
        folder.mkdir()
        folder.chmod(0o755)
        (folder / "state").mkdir()
        (folder / "state").chmod(0o777)
        self.folder, self.log, self.live = folder, folder / "transfers.jsonl", folder / "live"
        self.web = Web(lane, "--user", "nobody", "--log", self.log, "--table", self.live,
                       "--state", folder / "state", "--utc")

    def page(self, path="/", status=200):
        answer = self.web.get(path)
        check_equal(answer.status, status, f"status of {path}: {answer.body[-500:]}")
        check(answer.headers["content-type"].startswith("text/html"), f"type: {answer.headers}")
        nonce = re.search(r"style-src 'nonce-([0-9a-f]{32})'", answer.headers["content-security-policy"]).group(1)
        page = Page(answer.text, nonce)
        page.size = len(answer.body)
        return page

    def stats(self, *args, status=0):
        done = self.lane.run_stats(*args, "--json", "--table", self.live)
        check_equal(done.returncode, status, f"tftpd-stats {args}: {done.stderr}")
        return json.loads(done.stdout)

    def within(self, page):
        """The words that give tftpd-stats the same window."""
        return "-l", self.log, "--since", page.times["since"], "--until", page.times["until"]


# What it shows.

def compare(scene, window):
    page = scene.page(f"/?window={window}")
    told = scene.stats("summary", *scene.within(page))
    for key in ("requests", "reads", "writes", "success", "refused", "failure", "bytes_sent", "bytes_received",
                "duration_p50_us", "duration_p95_us"):
        check_equal(page.data[key], told[key], f"{key} in {window}")
    if told["requests"] == 0:
        check("no-requests" in page.ids, f"it says that there are none in {window}")
        return page
    outcomes = {cells[0]: cells[1] for _, cells in page.rows["outcomes"]}
    check_equal(outcomes, {name: n for name, n in told["outcomes"].items() if n}, f"outcomes in {window}")
    sums = [sum(column) for column in zip(*(cells[1:] for _, cells in page.rows["over-time-rows"]))]
    check_equal(sums, [told[key] for key in ("success", "neutral", "refused", "failure", "bytes_sent",
                                             "bytes_received")], f"sums over time in {window}")
    compare_rows(page, "files", "file", told["top_files"], window)
    compare_rows(page, "clients", "client",
                 scene.stats("clients", "-n", "10", *scene.within(page))["clients"], window)
    compare_errors(page, scene.stats("errors", "-n", "10", *scene.within(page))["errors"], window)
    compare_hints(page, told["hints"], window)
    boots = scene.stats("boots", "-n", "12", *scene.within(page))["boots"]
    check_equal([(attrs["data-outcome"], cells[0]) for attrs, cells in page.rows["boot-list"]
                 if "data-outcome" in attrs], [(b["outcome"], b["client"]) for b in reversed(boots)],
                f"boots in {window}")
    return page


def compare_rows(page, table, key, wanted, window):
    """Equal ones may stand in another order."""
    found = [cells for _, cells in page.rows[table]]
    check_equal([cells[1:] for cells in found],
                [[row["requests"], row["refused"], row["failure"], row["bytes"]] for row in wanted],
                f"{table} in {window}")
    if len({row["requests"] for row in wanted}) == len(wanted):
        check_equal([cells[0] for cells in found], [row[key] for row in wanted], f"{table} in {window}")


def compare_errors(page, wanted, window):
    found = [[cell for cell in cells if isinstance(cell, int)][0] for attrs, cells in page.rows["causes"]]
    check_equal(found, [row["count"] for row in wanted], f"errors in {window}")
    said = [text.endswith("; the client said so") for text in page.texts
            if re.match(r"[\d\u202f]+ clients?(; the client said so)?$", text)]
    check_equal(said, [row.get("error_by") == "client" for row in wanted], f"who said so in {window}")


def compare_hints(page, wanted, window):
    found = [match.groups() for text in page.texts
             if (match := re.search(r"(?:([\d\u202f]+) clients of )?(\S+) never answered: ([\d\u202f]+) req", text))]
    check_equal([[int((number or "1").replace("\u202f", "")) for number in (clients, noanswer)] + [place]
                 for clients, place, noanswer in found],
                [[row["clients"], row["noanswer"], row["address"]] for row in wanted[:HINTS_SHOWN]],
                f"who never answers in {window}")


def numbers(lane):
    scene = Scene(lane)
    log = pagescene.Log().day(120, hours=30)
    for number in range(24):
        log.add(7200 + number, b"pxelinux.0", f"198.51.100.{number % 3 + 1}", "noanswer", bytes=0)
    log.save(scene.log)
    table = pagescene.Table(scene.live, scene.log)
    table.many(7)
    for window in WINDOWS:
        page = compare(scene, window)
    told = scene.stats("active")
    check_equal((page.data["active"], len(page.rows["live"])), (told["running"], 7), "who runs")
    by_id = {row["id"]: row for row in told["transfers"]}
    for attrs, cells in page.rows["live"]:
        row = by_id[attrs["data-id"]]
        check_equal((cells[0], cells[1]), (row["file"], row["client"]), "file and client")
        check(row["bytes"] in cells, f"bytes of {row}: {cells}")
    health = scene.stats("health", "-l", scene.log)
    check_equal([cells[0] for _, cells in page.rows["checks"]], [c["check"] for c in health["checks"]], "checks")
    table.close()


def windows(lane):
    """Each is marked, others are refused, and so is what is no parameter.  A rotated log is
    read, too, where --log names the current one."""
    scene, older = Scene(lane), pagescene.Log()
    older.add(7200, b"hours").add(3 * 86400, b"days").save(f"{scene.log}.1")
    newer = pagescene.Log()
    newer.number = older.number
    newer.add(30, b"now").add(1800, b"half").save(scene.log)
    found = {window: scene.page(f"/?window={window}").data["requests"] for window in WINDOWS}
    check_equal(found, {"15m": 1, "1h": 2, "24h": 3, "7d": 4}, "requests in each window")
    check_equal(scene.page("/").data["requests"], 3, "the default is a day")
    for query in ("window=", "window=24H", "window=1h%20", "window=1h&window=24h", "window=<b>", "since=1h",
                  "window=1h&x=", "window=999999d"):
        page = scene.page(f"/?{query}", status=400)
        check("window" in " ".join(page.texts) and "data" not in page.open, f"the reason of {query}")


# What is not there.

def empty(lane):
    scene = Scene(lane)
    page = scene.page()
    text = " ".join(page.texts)
    check("no-log" in page.ids and "There is no log yet." in text and str(scene.log) in text, f"no log: {text}")
    check("idle, starts when asked" in text, "no server")
    pagescene.Log().add(9 * 86400, b"old").save(scene.log)
    page = scene.page()
    check("no-requests" in page.ids and page.data["requests"] == 0, "no requests")
    scene.log.chmod(0o600)
    page = scene.page()
    text = " ".join(page.texts)
    check("no-log" in page.ids and "Permission denied" in text, f"a log that may not be read: {text}")
    scene.log.chmod(0o644)
    scene.log.write_bytes(b"no log\n" * 50)
    page = scene.page()
    check(page.data.get("requests", 0) == 0, "something that is no log")
    scene.live.write_bytes(b"no table")
    text = " ".join(scene.page().texts)
    check("server unknown" in text and "the live table cannot be read" in text, f"no table: {text}")


def problems(lane):
    """A configuration that is not in use, and what health finds, stand at the top."""
    scene = Scene(lane)
    log = pagescene.Log()
    for number in range(20):
        log.add(60 + number, b"f", outcome="timeout" if number % 2 else "complete", size=1000)
    log.save(scene.log)
    table = pagescene.Table(scene.live, scene.log, problem="/etc/tftpd.conf:3: <b>'max'</b> is no option")
    page = scene.page()
    check_equal(page.notices, ["failures", "configuration"], "the gravest first")
    check(any("<b>'max'</b>" in text for text in page.texts), "the problem's words")
    causes = " ".join(page.texts)
    check("fell silent" in causes and "tftpd-stats slow" in causes, "the cause and what to do")
    table.close()


# What strangers choose.

def plain(name):
    """As text_put_bytes() shows it: what no reader may take for something else is \\xNN."""
    out, at = "", 0
    while at < len(name):
        for n in (1, 2, 3, 4):
            try:
                letter = name[at:at + n].decode()
                break
            except UnicodeDecodeError:
                letter = None
        if letter is None:
            n = 1
        if letter is None or (not letter.isprintable() and letter != " "):
            out += "".join(f"\\x{byte:02x}" for byte in name[at:at + n])
        else:
            out += "\\\\" if letter == "\\" else letter
        at += n
    return out


def hostile(lane):
    scene = Scene(lane)
    pagescene.Log().hostile().save(scene.log)
    table = pagescene.Table(scene.live, scene.log)
    for name in pagescene.HOSTILE:
        table.add(name)
    page = scene.page("/?window=15m")
    found = [cells[0] for _, cells in page.rows["live"]]
    for name in pagescene.HOSTILE:
        wanted = plain(name)
        check(wanted in found or any("\u2026" in cut and wanted.startswith(cut.split("\u2026")[0]) and
                                     wanted.endswith(cut.split("\u2026")[1]) for cut in found),
              f"{name!r} as {wanted!r} in {found}")
    for text in page.texts + page.attributes:
        wild = [c for c in text if not c.isprintable() and c not in "\n\t\u202f\u00a0"]
        check(not wild, f"{wild} in {text!r}")
    cut = [(title, text) for title, text in page.names if title]
    check(cut and all("\u2026" in text and len(text) <= 90 for _, text in cut), f"long names: {cut}")
    table.close()


def running(lane):
    """How far each is, and how fast all are: as tftpd-stats active has it."""
    scene = Scene(lane)
    pagescene.Log().save(scene.log)
    table = pagescene.Table(scene.live, scene.log)
    table.add(b"vmlinuz", size=200_000_000, done=0.25, seconds=100)
    table.add(b"core", size=100_000_000, done=0.75, seconds=50, is_write=True)
    page, told = scene.page(), scene.stats("active")
    check_equal((page.data["active"], page.progress), (2, [250, 750]), "how many, and how far")
    check(100 <= page.data["oldest"] / 1_000_000 < 130, f"the oldest: {page.data['oldest']} us")
    for name, key in (("sending", "read_bytes_per_second"), ("receiving", "write_bytes_per_second")):
        check(abs(page.data[name] - told[key]) <= 0.2 * told[key], f"{name}: {page.data[name]}, not {told[key]}")
    table.close()


def thousand(lane):
    """All are counted, the first fifty are shown, and the page stays small whatever they are called."""
    many = 200 if lane.quick else 1000
    scene = Scene(lane)
    log = pagescene.Log().day(60)
    for number in range(300):
        log.add(5 + number, b'"' * 480 + b"%d" % number, f"2001:db8::{number:x}", "aborted", 5000, error_code=0,
                error_by="client", message='"' * 200 + str(number))
    log.save(scene.log)
    table = pagescene.Table(scene.live, scene.log)
    for number in range(many):
        table.add(b'"' * 1000 + b"%d" % number, seconds=2000 - number)
    begin = time.monotonic()
    page = scene.page()
    took = time.monotonic() - begin
    check_equal((page.data["active"], len(page.rows["live"])), (many, 50), "counted and shown")
    check_equal(page.rows["live"][0][0]["data-id"], f"{1:016x}", "the oldest first")
    check(any(f"{many - 50:,}".replace(",", "\u202f") + " more" in text for text in page.texts), "how many more")
    check(page.size < 300_000, f"the page has {page.size} bytes")
    lane.note(f"a page with {many} transfers and the worst names: {page.size} bytes in {took * 1000:.0f} ms")
    table.close()


TESTS = (
    ("its numbers are those of tftpd-stats", numbers, True),
    ("the window is chosen, and nothing else", windows, True),
    ("without log, requests, permission or table", empty, True),
    ("what is wrong stands at the top", problems, True),
    ("hostile names become no markup", hostile, True),
    ("what runs is shown as it is", running, True),
    ("a thousand transfers", thousand, True),
)
