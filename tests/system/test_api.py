"""The API of tftpd-status: its numbers are tftpd-stats' and those of the recount.

Every answer is held against doc/api.schema.json.  The known mix of transfers is played
once, for test_answers, whose tests are asked for the rest of the "answers" lane here.
"""

import contextlib
import json
import pathlib
import re
import time
import urllib.parse

import recount
import test_answers
import test_health
import test_torn
import tftp
from harness import LOG, check, check_equal, run
from settings import Conf, Notices, tool
from test_metrics import promtool
from web import Web

SOURCE = pathlib.Path(__file__).resolve().parents[2]
API = "/api/v1/"
REPORTS = ("summary", "clients", "files", "errors", "hours", "days", "slow", "missing", "boots")
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


# The documented schema.

class Schema:
    """As much of JSON Schema as doc/api.schema.json uses.  A key that it does not name is
    wrong here: what comes has to be documented."""

    def __init__(self):
        self.tree = json.loads((SOURCE / "doc/api.schema.json").read_text())
        self.defs = self.tree["$defs"]

    def names(self):
        """Of the objects that are answers."""
        return [one["$ref"].rpartition("/")[2] for one in self.tree["oneOf"]]

    def fault(self, value, like, where="$"):
        if "$ref" in like:
            return self.fault(value, self.defs[like["$ref"].rpartition("/")[2]], where)
        for rule, wanted in like.items():
            wrong = getattr(self, "no_" + rule)(value, wanted, where)
            if wrong:
                return wrong
        return None

    def no_type(self, value, wanted, where):
        kind = {"object": dict, "array": list, "string": str, "integer": int}[wanted]
        return type(value) is not kind and f"{where} is {value!r}, no {wanted}"

    def no_const(self, value, wanted, where):
        return (type(value), value) != (type(wanted), wanted) and f"{where} is {value!r}, not {wanted!r}"

    def no_enum(self, value, wanted, where):
        return value not in wanted and f"{where} is {value!r}, none of {wanted}"

    def no_pattern(self, value, wanted, where):
        return not re.search(wanted, value) and f"{where} is {value!r}, not like {wanted}"

    def no_minimum(self, value, wanted, where):
        return value < wanted and f"{where} is {value}"

    def no_maximum(self, value, wanted, where):
        return value > wanted and f"{where} is {value}"

    def no_required(self, value, wanted, where):
        missing = [key for key in wanted if key not in value]
        return missing and f"{where} has no {missing}"

    def no_properties(self, value, wanted, where):
        for key, one in value.items():
            if key not in wanted:
                return f"{where}.{key} is not documented"
            wrong = self.fault(one, wanted[key], f"{where}.{key}")
            if wrong:
                return wrong
        return None

    def no_items(self, value, wanted, where):
        return next(filter(None, (self.fault(one, wanted, f"{where}[{i}]") for i, one in enumerate(value))), None)


SCHEMA = Schema()


def check_documented(tree, name):
    wrong = SCHEMA.fault(tree, SCHEMA.defs[name])
    check(not wrong, f"{name}: {wrong}")


# Asking.

def url(path, params):
    return path + ("?" + urllib.parse.urlencode(params, quote_via=urllib.parse.quote) if params else "")


class Api:
    """tftpd-status of this lane, with a state of its own."""

    def __init__(self, lane, *args):
        self.lane, self.state = lane, lane.scratch / f"status-{lane.count()}"
        self.web = Web(lane, "--state", self.state, "--tftpd", lane.tftpd, *args)

    def get(self, path, status=200, **params):
        """The object; it is as documented, and harmless."""
        path = url(path if path.startswith("/") else API + path, params)
        answer = self.web.get(path)
        check_equal(answer.status, status, f"{path}: {answer.text[:400]}")
        check_equal(answer.headers.get("content-type"), "application/json", f"{path}: type")
        test_answers.check_safe(answer.body, "\n", path)
        check(answer.body.endswith(b"\n"), f"{path}: no line")
        tree = test_answers.strict(answer.body, path)
        check_documented(tree, "error" if "error" in tree else tree["report"])
        return tree

    def refused(self, path, status=400, **params):
        tree = self.get(path, status, **params)
        check_equal(tree["status"], status, f"{path}: status in the object")
        return tree["error"]

    def metrics(self, *accept):
        answer = self.web.get("/metrics", headers=[("Accept", word) for word in accept])
        check_equal(answer.status, 200, f"/metrics: {answer.text[:300]}")
        return answer

    def pages(self, path, meanwhile=lambda: None, **params):
        """All rows, page by page as "next" says; every page has the same count."""
        path, rows, counts = url(API + path, params), [], set()
        while path:
            tree = self.get(path)
            check_equal(tree["offset"], len(rows), f"{path}: offset")
            check(len(tree["transfers"]) <= tree["limit"], f"{path}: {len(tree['transfers'])} rows")
            rows += tree["transfers"]
            counts.add(tree["count"])
            path = tree.get("next")
            meanwhile()
        check_equal(counts, {len(rows)}, "count, and rows")
        return rows


def params_of(words):
    """("--client", X) as {"client": X}"""
    return {word[2:]: value for word, value in zip(words[::2], words[1::2])}


def as_logged(ends):
    return [{key: value for key, value in record.items() if key != "us"} for record in ends]


def without(tree, *keys):
    return {key: value for key, value in tree.items() if key not in keys}


# On the mix of test_answers.

def api_of(lane):
    test_answers.scene_of(lane)
    if not hasattr(lane, "api"):
        lane.api = Api(lane)
    return lane.api


def windowed(log):
    """Filters with both ends of the window, so that two answers are about the same."""
    times = [record["us"] for record in log.ends]
    for words, how in test_answers.filters(log):
        how = {"since": min(times) - 3_600_000_000, "until": max(times) + 1_000_000, **how}
        words = [word for pair in zip(words[::2], words[1::2]) if pair[0] not in ("--since", "--until")
                 for word in pair]
        words += ["--since", recount.stamp(how["since"]), "--until", recount.stamp(how["until"])]
        yield words, how


TABLES = {"clients": test_answers.CLIENTS, "files": test_answers.FILES, "errors": test_answers.ERRORS,
          "missing": test_answers.MISSING}


def reports(lane):
    """What 'statistics' tells is what tftpd-stats tells, and what the recount has."""
    api = api_of(lane)
    with test_answers.archive(lane):
        log = test_answers.log_of(lane)
        for words, how in list(windowed(log))[::4 if lane.quick else 2]:
            part = log.select(**how)
            for report in REPORTS:
                what = f"{report} {' '.join(words)}"
                tree = api.get("statistics", report=report, limit=1000, **params_of(words))
                check_equal(tree, test_answers.ask_json(lane, report, *words, "-n", 1000), what)
                if report in TABLES:
                    table = TABLES[report]
                    found = [test_answers.from_json(row) for row in tree[table.name]]
                    problem = test_answers.fault_of_rows(table, found, table.rows(part.ends), 1000)
                    check(problem is None, f"{what}: {problem}")
            wrong = test_answers.fault_of_summary(api.get("statistics", limit=1000, **params_of(words)), part, 1000)
            check(not wrong, f"summary {' '.join(words)}:\n" + "\n".join(wrong))
        since = {"since": recount.stamp(min(r["us"] for r in log.ends)), "until": recount.stamp(log.ends[-1]["us"])}
        for report, rows in (("summary", 10), ("clients", 100), ("files", 100), ("boots", 100), ("hours", 1000)):
            words = [word for key, value in since.items() for word in ("--" + key, value)]
            check_equal(api.get("statistics", report=report, **since),
                        test_answers.ask_json(lane, report, *words, "-n", rows), f"{report} without a limit")
        check_equal(api.get("statistics")["requests"], len(log.ends), "the last day, when nothing is asked for")


def transfers(lane):
    """Each exactly once, newest first, as it stands in the log."""
    api = api_of(lane)
    with test_answers.archive(lane):
        log = test_answers.log_of(lane)
        for words, how in list(windowed(log))[::3 if lane.quick else 1]:
            wanted = as_logged(reversed(log.select(**how).ends))
            found = api.pages("transfers", limit=1000, **params_of(words))
            check(found == wanted, f"{words}: {len(found)} transfers, not {len(wanted)}, or others")
        wanted = as_logged(reversed(log.ends))
        for limit in (97,) if lane.quick else (1000, 293):
            found = api.pages("transfers", limit=limit)
            check(found == wanted, f"pages of {limit}: {len(found)} transfers, not {len(wanted)}, or others")
        tree = api.get("transfers", offset=7, limit=5)
        check_equal(tree["transfers"], wanted[7:12], "five of them")
        check("next" in tree, "there are more")
        check_equal(len(api.get("transfers")["transfers"]), min(100, len(wanted)), "without a limit")
        for offset in (len(wanted) - 3, len(wanted), len(wanted) + 50):
            tree = api.get("transfers", offset=offset, limit=5)
            check_equal(tree["transfers"], wanted[offset:], f"from {offset} on")
            check("next" not in tree, f"there is nothing behind: {tree.get('next')}")
        head = {"requests": len(log.ends), "open": len(log.opened), "count": len(log.ends),
                "log_files": len(lane.log.files())}
        check_equal({key: tree[key] for key in head}, head, "the head")


def transfers_meanwhile(lane):
    """Pages do not move when transfers end and the log is rotated between two of them."""
    folder = lane.scratch / "growing"
    folder.mkdir()
    path = folder / "transfers.jsonl"
    test_answers.scene_of(lane)
    path.write_bytes(b"".join(lane.log.lines()))
    wanted, number = as_logged(reversed(recount.Log(path).ends)), iter(range(1, 1000))

    def grow():
        """A transfer that ends, and at times the log is renamed."""
        count = next(number)
        now = recount.stamp(int(time.time() * 1_000_000))
        with open(path, "ab") as file:
            file.write(test_answers.line_of({
                "v": 1, "ts": now, "event": "transfer", "id": f"{count:016x}", "op": "read", "outcome": "complete",
                "client": "192.0.2.1", "client_port": 2070, "file": "meanwhile", "bytes": count}))
        if count % 5 == 2:
            test_answers.rename_all(path)

    found = Api(lane, "--log", path).pages("transfers", grow, limit=61 if lane.quick else 193)
    check(found == wanted, f"{len(found)} transfers, not {len(wanted)}, or others")


def counters(lane):
    """'status', /healthz and /metrics have the counters of the recount."""
    api = api_of(lane)
    with test_answers.archive(lane):
        log = test_answers.log_of(lane)
        for _ in range(2):
            told = api.get("status")["counters"]
            ends = log.ends
            wanted = {"requests": len(ends), **recount.classes(ends), "outcomes": recount.outcomes(ends),
                      "bytes_sent": recount.total([r for r in ends if r.get("op") != "write"], "bytes"),
                      "bytes_received": recount.total([r for r in ends if r.get("op") == "write"], "bytes"),
                      "packets_sent": recount.total(ends, "packets_sent"),
                      "packets_received": recount.total(ends, "packets_received"),
                      "retransmits": recount.total(ends, "retransmits"), "timeouts": recount.total(ends, "timeouts"),
                      "starts": len({r["id"] for r in log.lines.records if r["event"] == "start"}),
                      "open": len(log.opened), "lines": len(log.lines.records), "bad_lines": 0, "gaps": 0,
                      "dropped": recount.total(log.notices, "dropped"), "rebuilds": 0, "log_readable": 1, "saved": 1}
            check_equal(without(told, "since"), wanted, "counters of status")
            for accept, kind in (((), "text/plain; version=0.0.4; charset=utf-8"),
                                 ((OPENMETRICS,), "application/openmetrics-text; version=1.0.0; charset=utf-8")):
                answer = api.metrics(*accept)
                check_equal(answer.headers.get("content-type"), kind, "type of the metrics")
                wrong = test_answers.fault_of_metrics(answer.body, log)
                check(not wrong, f"metrics {accept}:\n" + "\n".join(wrong[:8]))
                check(bool(accept) == answer.text.endswith("# EOF\n"), "the end mark")
        # all of the mix is younger than its window
        wanted = {"requests": len(ends), "open": len(log.opened), **recount.classes(ends),
                  "bytes": recount.total(ends, "bytes"), "dropped": recount.total(log.notices, "dropped"),
                  "crashed": recount.outcomes(ends)["crashed"], "failed": recount.outcomes(ends)["failed"]}
        tree = api.web.get("/healthz").tree
        check_documented(tree, "health")
        check_equal({key: tree[key] for key in wanted}, wanted, "health")
        like = test_answers.ask(lane, "prometheus", "-l", lane.log.path, "--state", lane.scratch / "other-state")
        steady = [line for line in like.decode().splitlines() if not re.search("created|duration_seconds |saved", line)]
        found = set(api.metrics().text.splitlines())
        check_equal([line for line in steady if line not in found], [], "lines of tftpd-stats prometheus")
    promtool(lane, "check", "metrics", input=api.metrics().body)


# On logs of one's own.

def parameters(lane):
    """What is wrong is refused with a sentence that says what is allowed."""
    api = Api(lane)
    window = "since, until, client, file, op"
    for path, query, piece in (
            ("/healthz", "x=1", "no parameter 'x' here; none is allowed"),
            ("/readyz", "ready=1", "none is allowed"),
            (API + "status", "limit=5", "no parameter 'limit'"),
            (API + "config", "file=x", "no parameter 'file'"),
            (API + "transfers", "report=files", f"allowed: {window}, outcome, limit, offset"),
            (API + "connections", "outcome=timeout", f"allowed: {window}, limit, offset"),
            (API + "statistics", "offset=5", f"allowed: {window}, outcome, report, limit"),
            (API + "statistics", "report=all", "report 'all': expected summary, clients"),
            (API + "statistics", "report=", "report ''"),
            (API + "transfers", "since=yestreday", "since 'yestreday': expected a time such as 2h"),
            (API + "transfers", "since=2026-11-22T14:00:05+01:00", "+ is written %2B"),
            (API + "transfers", "since=1h&until=2h", "since is later than until"),
            (API + "transfers", "since=1h&since=1h", "since is given twice"),
            (API + "transfers", "limit=0", "limit '0': expected a number from 1 to 1000"),
            (API + "transfers", "limit=1001", "from 1 to 1000"),
            (API + "transfers", "offset=100001", "from 0 to 100000"),
            (API + "transfers", "offset=-1", "from 0 to 100000"),
            (API + "transfers", "client=300.1.1.1", "client '300.1.1.1': expected an address"),
            (API + "transfers", "op=delete", "op 'delete': expected read or write"),
            (API + "transfers", "outcome=late", "outcome 'late': expected names such as"),
            (API + "transfers", "file=" + "*" * 513, "of 1 to 512 bytes"),
            (API + "transfers", "%1B%5B31m%3Cscript%3E=1", "'\\x1b[31m<script>'"),
            (API + "transfers", "op=%FF%E2%80%AE%3C", "op '\\xff\\xe2\\x80\\xae<'")):
        told = api.refused(f"{path}?{query}")
        check(piece in told, f"{path}?{query}: {told!r} has not {piece!r}")
    answer = api.web.get("/metrics?x=1")
    check_equal((answer.status, answer.text), (400, "there is no parameter 'x' here; none is allowed\n"), "/metrics?x=1")
    LOG.parent.mkdir(exist_ok=True)
    path = test_health.Written(lane).add(5).add(3, client="2001:db8::7", file="a+b &=%.cfg").save()
    api = Api(lane, "--log", path)
    for query, count in (("", 8), ("client=2001:db8::/32", 3), ("client=2001%3Adb8%3A%3A%2F32", 3),
                         ("file=a%2Bb+%26%3D%25.*", 3), ("since=now", 0), ("until=1h", 0), ("since=%2D1h", 8),
                         ("since=@1&until=tomorrow", 8), ("outcome=success,timeout", 8), ("outcome=refused", 0),
                         ("op=write", 0)):
        check_equal(api.get(f"{API}transfers?{query}")["count"], count, f"transfers?{query}")
    rows = api.pages("transfers", limit=1, file="a+b &=%.cfg", client="2001:db8::7", op="read", outcome="complete")
    check_equal(len(rows), 3, "rows whose filter has to be escaped in next")


def no_log(lane):
    """Without a log there are no numbers, but the server's state."""
    lane.stop_server()
    path = lane.scratch / "none" / "transfers.jsonl"
    api = Api(lane, "--log", path, "--table", lane.scratch / "none" / "live")
    for name in ("transfers", "statistics"):
        told = api.refused(name, 500)
        check(str(path) in told and "No such file" in told, f"{name}: {told}")
    check_equal(api.get("/healthz")["state"], "ok", "health: nothing was served yet")
    tree = api.get("status")
    check_equal((tree["counters"]["log_readable"], tree["counters"]["requests"], tree["server_runs"], tree["log"]),
                (1, 0, 0, str(path)), "status: nothing was served yet")
    check("tftpd_log_readable 1" in api.metrics().text, "metrics")
    tree = api.get("connections")
    check_equal((tree["server_runs"], tree["count"], tree["transfers"]), (0, 0, []), "connections")


def after_a_boot(lane):
    """The live table is gone, the log is elsewhere: the counters know where."""
    lane.stop_server()
    log = test_health.Written(lane).add(3).save()
    api = Api(lane, "--table", lane.scratch / "no-table")
    api.state.mkdir(exist_ok=True)
    run(lane.stats, "rollup", "--state", api.state / "rollup", "-l", log)
    run("chown", "-R", "tftpd-status:", api.state)
    check_equal(api.get("transfers")["count"], 3, "transfers")
    check_equal(api.get("statistics")["requests"], 3, "statistics")
    check_equal(api.get("/healthz")["requests"], 3, "healthz")
    tree = api.get("status")
    check_equal((tree["log"], tree["counters"]["requests"], tree["counters"]["log_readable"]), (str(log), 3, 1), "status")
    check(str(log) in api.web.get("/").text, "the page is about another log")


def unreadable(lane):
    """What it may not read it says, and says why."""
    lane.stop_server()
    path = test_health.Written(lane).add(3).save()
    path.chmod(0o600)
    api = Api(lane, "--log", path)
    for name in ("transfers", "statistics"):
        told = api.refused(name, 500)
        check("Permission denied" in told, f"{name}: {told}")
    tree = api.get("/healthz")
    check_equal(tree["state"], "unknown", f"health: {tree}")
    check("tftpd_log_readable 0" in api.metrics().text, "metrics")
    check_equal(api.get("status")["counters"]["log_readable"], 0, "status")
    table = lane.scratch / "table"
    for content, mode in ((b"no table " * 1000, 0o644), (b"", 0o644), (b"x", 0o600)):
        table.write_bytes(content)
        table.chmod(mode)
        api = Api(lane, "--table", table, "--log", path)
        check_equal(api.get("status")["server_runs"], 0, "a server, of no table")
        if content:
            told = api.refused("connections", 500)
            check(str(table) in told, f"connections: {told}")
        else:
            check_equal(api.get("connections")["count"], 0, "connections of an empty table")
    path.chmod(0o644)


def torn(lane):
    """Records that are torn, and bytes that are none: what is whole counts, and is told."""
    numbers = test_torn.Numbers()
    text = test_torn.every_cut(numbers, lambda torn, k, behind: torn[:k] + behind)
    hostile = json.loads(numbers.next(name="\u202e\x1b[31m</script>\x7f"))
    text += b"\xff\xfe no record \x00\n" + test_answers.line_of(hostile).replace(b"\x7f", b"\\u007f") + b'{"v":2}\n'
    folder = lane.scratch / "torn"
    folder.mkdir()
    path = folder / "transfers.jsonl"
    path.write_bytes(text + numbers.next()[:100])
    log = recount.Log(path)
    api = Api(lane, "--log", path)
    found = api.pages("transfers", limit=1000, since="2000-01-01")
    check(found == as_logged(reversed(log.ends)), f"{len(found)} transfers, not {len(log.ends)}, or others")
    for report in REPORTS:
        tree = api.get("statistics", report=report, since="2000-01-01", limit=1000)
        wrong = test_torn.fault_of_head(tree, log)
        check(not wrong, f"{report}: {wrong}")
    told = api.get("status")["counters"]
    check_equal((told["requests"], told["open"]), (len(log.ends), len(log.opened)), "counters")


def kept_nowhere(lane):
    """A state that cannot be kept costs time, not numbers."""
    path = test_health.Written(lane).add(7).save()
    blocked = lane.scratch / "blocked"
    blocked.mkdir(mode=0o700)
    for state in (blocked / "state", lane.scratch / "no-such" / "state"):
        web = Web(lane, "--state", state, "--log", path)
        for _ in range(2):
            text = web.get("/metrics").text
            gauges = recount.parse_metrics(text)
            check_equal((gauges["tftpd_state_saved", ()], gauges["tftpd_log_lines_total", ()]), (0, 7), f"{state}")


# With a server.

def hold(lane, count):
    """Transfers that are under way; each has got its first block."""
    peers = []
    for number in range(count):
        peer = lane.peer()
        peer.read(f"held-{number % 2}")
        peer.expect(tftp.DATA, 1)
        peers.append(peer)
    return peers


def finish(lane, peers):
    for peer in peers:
        for index in range(1, 7):
            peer.ack(index)
            if index < 6:
                peer.expect(tftp.DATA, index + 1)
        lane.end_of(peer)


MOVING = ("bytes_per_second", "age_us", "quiet_us", "retransmits")


def connections(lane):
    """Who runs, in pages, is who runs for tftpd-stats active."""
    test_health.serve(lane)
    for number in range(2):
        lane.file(f"held-{number}", lane.content(3000))
    count = 3 if lane.quick else 7
    peers = hold(lane, count)
    api = Api(lane)
    like = test_answers.ask_json(lane, "active")
    for limit in (1000, 3, 1):
        rows = api.pages("connections", limit=limit)
        check_equal([without(row, *MOVING) for row in rows], [without(row, *MOVING) for row in like["transfers"]],
                    f"pages of {limit}")
    check_equal({row["client_port"] for row in like["transfers"]}, {peer.port for peer in peers}, "the clients")
    rows = api.pages("connections", limit=2, file="held-1", client="127.0.0.0/8", op="read", since="1h")
    check_equal(len(rows), count // 2, "transfers of one file")
    check_equal(api.get("connections", op="write")["count"], 0, "uploads")
    tree = api.get("connections")
    for key in ("server_runs", "slots", "running", "reads", "writes"):
        check_equal(tree[key], like[key], key)
    tree = api.get("status")
    check_equal((tree["server_runs"], tree["active"], tree["reads"], tree["writes"], tree["pid"], tree["log"],
                 tree["configuration_good"], tree["slots"]),
                (1, count, count, 0, lane.server.keeper(), str(LOG), 1, like["slots"]), f"status: {tree}")
    version = lane.run_stats("--version").stdout.decode().split()[-1]
    check_equal(tree["version"], version, "the version")
    check(0 < tree["uptime_us"] < 100_000_000 * lane.slowness, f"{tree['uptime_us']} us")
    check_equal(tree["counters"]["open"], count, "transfers that are open")
    finish(lane, peers)


def health(lane):
    """The probes say what tftpd-stats health says to the same user; only critical is 503."""
    test_health.serve(lane)
    api = Api(lane)
    for path, words in (("/healthz", ()), ("/readyz", ("--ready",))):
        tree = api.get(path)
        found = lane.run_stats("health", "--json", *words, user="tftpd-status", group="tftpd-status",
                               extra_groups=["adm"])
        like = json.loads(found.stdout)
        check_equal([(c["check"], c["state"]) for c in tree["checks"]],
                    [(c["check"], c["state"]) for c in like["checks"]], f"{path}: checks")
        check_equal((tree["state"], tree["report"]), (like["state"], like["report"]), path)
    path = test_health.failing(lane, 50, 100)
    tree = Api(lane, "--log", path).get("/healthz", 503)
    check_equal((tree["state"], tree["requests"], tree["failure"]), ("critical", 100, 50), "half of all failed")
    tree = Api(lane, "--log", path).get("status")
    check_equal(tree["state"], "critical", "status is there all the same")
    check_equal(Api(lane, "--log", test_health.failing(lane, 10, 100)).get("/healthz")["state"], "warning",
                "a warning does not fail it")
    lane.stop_server()
    conf = Conf(lane)
    conf.write("colour = blue")
    tree = Api(lane, "--config", conf.path).get("/readyz", 503)
    check("colour" in str(tree["checks"]), f"it could not serve: {tree}")


def printed(tree):
    """The values as tftpd prints them."""
    return [f"{chr(9) if 'section' in v else ''}{v['key']} = {v['value']}\t# {v['origin']}" for v in tree["values"]]


def configuration(lane):
    """Every value that tftpd prints, with its origin; and what is wrong, with its line."""
    conf = Conf(lane)
    conf.write("max-blksize = 1000", 'map-rules = {"rg \\\\\\\\ /", "r [}\\"=] y"}', 'strip-prefix = {"/a b", "/c"}',
               'client "10.0.0.0/8,2001:db8::/32" {', "create = yes", 'map-rules = {"r a b"}', "}",
               'client "10.1.0.0/16" {', "map-rules = {}", "}")
    api = Api(lane, "--config", conf.path)
    tree = api.get("config")
    like = tool(lane, "-f", conf.path, "--print-config").stdout
    text = "\n".join(printed(tree))
    check_equal(text.split("\n"), [line for line in like.split("\n")
                                   if line and line != "}" and not line.startswith("client ")], "values")
    check_equal((tree["good"], tree["problems"], tree["file"]), (1, [], str(conf.path)), "a good one")
    of = {(v["key"], v.get("section")): v for v in tree["values"]}
    check_equal(of["create", "10.0.0.0/8,2001:db8::/32"]["origin"], f"{conf.path}:6", "a section's value")
    check_equal((of["max-blksize", None]["value"], of["read", None]["origin"]), ("1000", "default"), "two values")
    conf.write("max-blksize = many", "colour = blue")
    tree = api.get("config")
    check_equal((tree["good"], tree["values"]), (0, []), "a bad one")
    check_equal(sorted((p["severity"], p["file"], p["line"]) for p in tree["problems"]),
                [("error", str(conf.path), 2), ("error", str(conf.path), 3)], "problems")
    conf.write("max-blksize = 1000", 'map-rules = {"r a b c d"}')
    tree = api.get("config")
    check_equal([tree["good"], *((p["severity"], p["file"], p["line"]) for p in tree["problems"])],
                [1, ("warning", str(conf.path), 3)], "a warning")
    tree = Api(lane, "--config", conf.place / "none").get("config")
    check_equal(tree["good"], 0, "one that is not there")
    check("No such file" in str(tree["problems"]), f"why: {tree['problems']}")


def configuration_in_use(lane):
    """The server goes on with the one before: that is said."""
    conf = Conf(lane)
    conf.write("max-blksize = 1000")
    notices = Notices(lane)
    api = Api(lane, "--config", conf.path)
    with contextlib.closing(notices):
        test_health.serve(lane, "-f", conf.path, fresh=True)
        check_equal(api.get("config")["in_use"], 1, "a good one")
        conf.edit("max-blksize = many\x1b")
        notices.wait("configuration error")
        tree = api.get("config")
        check_equal((tree["good"], tree["in_use"]), (0, 0), "a bad one")
        tree = api.get("status")
        check_equal(tree["configuration_good"], 0, "status")
        check(tree["configuration_problem"].startswith(f"{conf.path}:2: "), f"status: {tree}")
        conf.edit("max-blksize = 1000")
        notices.wait("the configuration is good again")
        check_equal(api.get("config")["in_use"], 1, "a good one")
    lane.stop_server()


# The document.

def document(lane):
    """doc/api.md has an example of each answer, which is as documented, and names each key."""
    text = (SOURCE / "doc/api.md").read_text()
    shown = set()
    for block in re.findall(r"(?ms)^```\n(\{.*?\})\n```$", text):
        tree = test_answers.strict(" ".join(block.split()).encode(), block[:60])
        name = "error" if "error" in tree else tree["report"]
        check_documented(tree, name)
        shown.add(name)
    reported = set(REPORTS)         # of doc/stats-json.md
    check_equal(sorted(set(SCHEMA.names()) - reported - shown), [], "answers without an example")
    told = set(re.findall(r"`([a-z][a-z0-9_]*)`", text + (SOURCE / "doc/stats-json.md").read_text()))
    told |= set(re.findall(r'"([a-z][a-z0-9_]*)":', (SOURCE / "doc/stats-json.md").read_text()))
    for items in re.findall(r"(?m)^\.It (?:Va|Cm) (.*)", (SOURCE / "man/tftpd-log.5").read_text()):
        told |= set(re.findall("[a-z0-9_]+", items))
    keys = {key for one in SCHEMA.defs.values() for key in one.get("properties", ())}
    check_equal(sorted(key for key in keys if key.removesuffix("_hex") not in told), [],
                "keys that are nowhere explained")
    for parameter in ("since", "until", "client", "file", "op", "outcome", "limit", "offset", "report"):
        check(f"`{parameter}`" in text, f"no word about {parameter}")
    for path in ("/healthz", "/readyz", "/metrics", *(API + name for name in (
            "status", "transfers", "connections", "statistics", "config"))):
        check(f"## GET {path}\n" in text, f"no part about {path}")
    errors = text.partition("\n## Errors\n")[2].partition("\n## ")[0]
    refused = {status for name in ("front", "gate", "head")
               for status in re.findall(r"(?:reply_refuse\(.*?, |return |\? )([45][0-9][0-9])\b",
                                        (SOURCE / f"src/status/{name}.c").read_text())}
    check_equal(sorted(refused - {"401", "403"} - set(re.findall("[45][0-9][0-9]", errors))), [],
                "statuses that are not among the errors")


MIX = (
    ("the API's statistics equal tftpd-stats and the recount", reports, True),
    ("the API pages through all transfers, each once", transfers, True),
    ("pages stay while transfers end and the log is rotated", transfers_meanwhile, True),
    ("the API's counters and metrics equal the recount", counters, True),
)

TESTS = (
    ("parameters that are wrong are refused in a sentence", parameters, True),
    ("without a log or a live table", no_log, True),
    ("the log of a server that ran before a boot", after_a_boot, True),
    ("a log and a table that may not be read", unreadable, True),
    ("a torn log", torn, True),
    ("a state that cannot be kept", kept_nowhere, True),
    ("connections are those of tftpd-stats active, and status", connections, True),
    ("healthz and readyz", health, True),
    ("config has every value, its origin, and what is wrong", configuration, True),
    ("config and status of a server with a bad configuration", configuration_in_use, True),
    ("doc/api.md shows and names all", document, True),
)


def tests(mode):
    return (*test_answers.TESTS, *MIX) if mode == "answers" else TESTS
