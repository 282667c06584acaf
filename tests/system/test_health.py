"""health, health --ready, --probe and check: what they find, and how they end.

The states are 0 ok, 1 warning, 2 critical, 3 unknown; no server that runs is ok, for
one is started when somebody asks.
"""

import contextlib
import datetime
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time

import tftp
from harness import LOG, PORT, SERVICE_USER, check, check_equal, run, until
from settings import Conf, Notices

TABLE = pathlib.Path("/run/tftpd/live")
OK, WARNING, CRITICAL, UNKNOWN = range(4)
NAMES = ("ok", "warning", "critical", "unknown")


def health(lane, *args, status=OK, **how):
    """The JSON of it, whose state is its exit status; the checks by name."""
    done = lane.run_stats("health", "--json", *args, **how)
    words = " ".join(map(str, args))
    check_equal(done.returncode, status, f"status of health {words}: {done.stdout} {done.stderr}")
    found = json.loads(done.stdout)
    check_equal(found["state"], NAMES[status], "the state in the object")
    found["of"] = {}
    for one in found["checks"]:
        found["of"].setdefault(one["check"], []).append(one)
    text = lane.run_stats("health", *args, **how)
    check_equal(text.returncode, status, f"status of health {words} as text")
    lines = text.stdout.decode().splitlines()
    check(len(lines) > len(found["checks"]), f"a line a check: {lines}")
    check(all(line.isprintable() for line in lines), f"control bytes in {lines}")
    return found


def one(found, name, state):
    """The check of that name; it has to be in that state."""
    checks = found["of"].get(name)
    check(checks, f"no check '{name}' in {found['checks']}")
    match = [c for c in checks if c["state"] == NAMES[state]]
    check(match, f"{name} is not {NAMES[state]}: {checks}")
    return match[0]


def plugin(lane, *args, status, **how):
    """The line of check, taken apart: text and performance data."""
    done = lane.run_stats("check", *args, **how)
    words = " ".join(map(str, args))
    lines = done.stdout.decode().splitlines()
    check_equal(done.returncode, status, f"status of check {words}: {lines} {done.stderr}")
    check_equal(len(lines), 1, f"lines of check {words}")
    check(lines[0].startswith(f"TFTPD {NAMES[status].upper()} - "), f"the line: {lines[0]}")
    text, _, data = lines[0].partition(" | ")
    return text, dict(field.split("=", 1) for field in data.split())


def serve(lane, *args, **how):
    """A server that has told the live table of itself; it listens a moment before."""
    server = lane.serve(*args, **how)
    until(lambda: b"runs since" in lane.run_stats("health").stdout, 5 * lane.slowness, "the live table")
    return server


def metrics(lane, *args):
    """Those without labels."""
    lines = lane.run_stats("prometheus", *args).stdout.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines) if name.isidentifier()}


# A log that a test writes.

class Written:
    """Records of the last minutes, as tftpd would have them."""

    def __init__(self, lane):
        self.path, self.lines, self.number = lane.scratch / f"log-{lane.count()}.jsonl", [], 0

    def stamp(self, minutes_ago):
        when = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=minutes_ago)
        return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def add(self, count=1, minutes_ago=5.0, **keys):
        for _ in range(count):
            self.number += 1
            record = {"v": 1, "ts": self.stamp(minutes_ago), "event": "transfer",
                      "id": f"{self.number:016x}", "op": "read", "outcome": "complete",
                      "client": "192.0.2.7", "client_port": 2070, "file": "f", "bytes": 100}
            if keys.get("outcome") == "crashed":
                self.lines.append(json.dumps({**record, "event": "start", "outcome": None}, separators=(",", ":"))
                                  .replace('"outcome":null,', "").replace(',"bytes":100', ""))
            record.update(keys)
            self.lines.append(json.dumps(record, separators=(",", ":")))
        return self

    def notice(self, message, minutes_ago=4.0, **keys):
        self.lines.append(json.dumps({"v": 1, "ts": self.stamp(minutes_ago), "event": "notice",
                                      "message": message, **keys}, separators=(",", ":")))
        return self

    def raw(self, text):
        self.lines.append(text)
        return self

    def save(self):
        self.path.write_text("".join(line + "\n" for line in self.lines))
        self.path.chmod(0o644)
        return self.path


def failing(lane, failed, requests):
    """So many failures of so many requests."""
    return Written(lane).add(requests - failed).add(failed, outcome="timeout").save()


# health.

def no_server(lane):
    lane.stop_server()
    LOG.unlink(missing_ok=True)
    TABLE.unlink(missing_ok=True)
    found = health(lane)
    one(found, "server", OK)
    check("not there yet" in one(found, "log", OK)["text"], f"the log: {found}")
    check("requests" not in found and "active" not in found, f"numbers of nothing: {found}")
    told = metrics(lane)
    check_equal((told["tftpd_up"], told["tftpd_log_readable"]), (1, 1), "metrics of nothing")


def the_log_is_gone(lane):
    """A server made one, and it is not there: nothing bad for serving, but somebody should look."""
    serve(lane).process.kill()      # one that ends in order says so in its table
    lane.stop_server()
    LOG.unlink()
    found = health(lane, status=WARNING)
    check("though there was a server" in one(found, "log", WARNING)["text"], f"the log: {found}")
    told = metrics(lane)
    check_equal((told["tftpd_up"], told["tftpd_log_readable"]), (1, 0), "metrics")


def created(lane):
    """What counts with no log yet began with the first scrape, and not with each."""
    lane.stop_server()
    LOG.unlink(missing_ok=True)
    TABLE.unlink(missing_ok=True)
    state = lane.scratch / "first-state"
    told = [metrics(lane, "--state", state) for _ in range(2)]
    check_equal(told[0]["tftpd_state_created_timestamp_seconds"], told[1]["tftpd_state_created_timestamp_seconds"],
                "when counting began")
    check_equal([of["tftpd_state_saved"] for of in told], [1, 1], "kept")
    check_equal(lane.run_stats("prometheus", "--state", state).stderr, b"", "what cron would send each minute")


def a_server(lane):
    serve(lane)
    lane.file("healthy", lane.content(3000))
    peer = lane.peer()
    peer.get("healthy")
    lane.end_of(peer)
    before = len(lane.log.ends())
    held = lane.peer()
    held.read("healthy")
    held.expect(tftp.DATA, 1)
    found = health(lane)
    check_equal(found["requests"], before, "requests")
    check_equal((found["active"], found["open"]), (1, 1), "transfers that run")
    check_equal(found["bytes"], sum(r.get("bytes", 0) for r in lane.log.ends()), "bytes")
    check(f"process {lane.server.keeper()}," in one(found, "server", OK)["text"], "the keeper's number")
    one(found, "configuration", OK)
    one(found, "log", OK)
    text, data = plugin(lane, status=OK)
    check_equal(data["active"], "1;;;0", f"the plugin's active: {text}")
    for index in range(1, 7):
        held.ack(index)
        if index < 6:
            held.expect(tftp.DATA, index + 1)
    lane.end_of(held)
    lane.stop_server()
    one(health(lane), "server", OK)


def numbers_of_the_log(lane):
    """Each line says one thing, and is as bad as it is."""
    with_rows = (
        ("2 of 3 failures are no rate", lambda w: w.add(1).add(2, outcome="timeout"), OK, "failures"),
        ("3 failures of 61 requests are below 5 %", lambda w: w.add(58).add(3, outcome="vanished"), OK,
         "failures"),
        ("3 of 60 are 5 %", lambda w: w.add(57).add(3, outcome="noanswer"), WARNING, "failures"),
        ("24 of 100", lambda w: w.add(76).add(24, outcome="aborted"), WARNING, "failures"),
        ("25 of 100", lambda w: w.add(75).add(25, outcome="timeout"), CRITICAL, "failures"),
        ("probes and refusals are no failures",
         lambda w: w.add(20, outcome="probe").add(20, outcome="notfound").add(20, outcome="denied")
         .add(5, outcome="limited").add(5, outcome="invalid"), OK, "failures"),
        ("failures before the window", lambda w: w.add(50, 20, outcome="timeout").add(1), OK, "failures"),
        ("one that crashed", lambda w: w.add(99).add(outcome="crashed"), WARNING, "transfers"),
        ("one that failed here", lambda w: w.add(99).add(outcome="failed"), WARNING, "transfers"),
        ("datagrams were dropped",
         lambda w: w.notice("dispatcher stopped", requests=9, repeats=1, ignored=1, dropped=4), WARNING,
         "datagrams"),
        ("a gap in the log",
         lambda w: w.add().notice("the log could not be written: about 3 records are missing here"), WARNING,
         "records"),
        ("a line that is none", lambda w: w.add().raw("no record").add(), WARNING, "records"),
    )
    lane.stop_server()
    for what, fill, state, name in with_rows:
        written = Written(lane)
        fill(written)
        found = health(lane, "-l", written.save(), status=state)
        check(one(found, name, state), what)
    path = Written(lane).add(10, 20, outcome="timeout").save()
    one(health(lane, "-l", path, "--since", "1h", status=CRITICAL), "failures", CRITICAL)
    one(health(lane, "-l", path, "--since", "1h", "--client", "10.0.0.0/8"), "failures", OK)


def logs_that_cannot_be_read(lane):
    lane.stop_server()
    missing = lane.scratch / "no-such.jsonl"
    one(health(lane, "-l", missing, status=UNKNOWN), "log", UNKNOWN)
    other = lane.scratch / "other.txt"
    other.write_text("this is no log\n" * 100)
    one(health(lane, "-l", other, status=UNKNOWN), "log", UNKNOWN)
    plugin(lane, "-l", other, status=UNKNOWN)
    plugin(lane, "-l", missing, "-w", "1%", status=UNKNOWN)
    closed = Written(lane).add(3).save()
    closed.chmod(0o600)
    one(health(lane, "-l", closed, status=UNKNOWN, user=SERVICE_USER), "log", UNKNOWN)
    plugin(lane, "-l", closed, status=UNKNOWN, user=SERVICE_USER)


def bad_configuration(lane):
    """The server goes on with the one before: that is a warning."""
    conf = Conf(lane)
    conf.write("max-blksize = 1000")
    notices = Notices(lane)
    with contextlib.closing(notices):
        serve(lane, "-f", conf.path, fresh=True)
        one(health(lane), "configuration", OK)
        one(health(lane, "--ready"), "configuration", OK)
        conf.edit("max-blksize = many")
        notices.wait("configuration error")
        found = one(health(lane, status=WARNING), "configuration", WARNING)
        check(f"{conf.path}:2: max-blksize" in found["text"], f"the problem: {found}")
        found = one(health(lane, "--ready", status=WARNING), "configuration", WARNING)
        check(f"{conf.path}:2: max-blksize" in found["text"], f"the problem: {found}")
        plugin(lane, "-w", "50%", status=WARNING)
        conf.edit("max-blksize = 1000")
        notices.wait("the configuration is good again")
        one(health(lane), "configuration", OK)
    lane.stop_server()


def no_configuration_at_all(lane):
    """A cold start with a broken one, and no good copy: requests are refused."""
    conf = Conf(lane)
    conf.forget_good_copy()
    conf.write("max-blksize = many")
    lane.serve("-f", conf.path, mode="xinetd", fresh=True)
    peer = lane.peer()
    peer.read("whatever")
    peer.expect(tftp.ERROR, 0)
    until(lambda: "configuration error" in LOG.read_text(), 5 * lane.slowness, "the notice")
    one(health(lane, status=CRITICAL), "configuration", CRITICAL)
    plugin(lane, "-w", "101", status=CRITICAL)
    conf.write("max-blksize = 1000")
    until(lambda: lane.run_stats("health", "-l", Written(lane).add().save()).returncode == OK,
          15 * lane.slowness, "the corrected one is taken")
    lane.stop_server()


# --ready.

@contextlib.contextmanager
def somebody_listens(port=PORT):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        yield other


def ready(lane):
    serve(lane)
    found = health(lane, "--ready")
    for name in ("configuration", "user", "root", "uploads", "log", "log room", "port"):
        one(found, name, OK)
    lane.stop_server()


def ready_without_server(lane):
    lane.stop_server()
    conf = Conf(lane)
    conf.write()
    found = health(lane, "--ready", "--config", conf.path, status=CRITICAL)
    one(found, "port", CRITICAL)
    check(one(found, "port", CRITICAL)["advice"], "what to do")
    with somebody_listens():
        found = health(lane, "--ready", "--config", conf.path)
        for name in ("configuration", "user", "root", "log", "port"):
            one(found, name, OK)
        check("uploads" not in found["of"], "room for uploads, which are off")
        conf.write("max-blksize = many")
        found = health(lane, "--ready", "--config", conf.path, status=CRITICAL)
        check("max-blksize" in one(found, "configuration", CRITICAL)["text"], "what is wrong with it")
        conf.write('user = "no-such-user"')
        one(health(lane, "--ready", "--config", conf.path, status=CRITICAL), "configuration", CRITICAL)
        one(health(lane, "--ready", "--config", "/nowhere.conf", status=CRITICAL), "configuration", CRITICAL)
    # the port of somebody who talks to one peer only is not listened on
    with somebody_listens() as other, somebody_listens(6900):
        other.connect(("127.0.0.1", 6900))
        one(health(lane, "--ready", status=CRITICAL), "port", CRITICAL)


def ready_log(lane):
    lane.stop_server()
    conf = Conf(lane)
    place = pathlib.Path("/run/ready-log")
    place.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", "size=32m,mode=755", "tmpfs", place)
    path = place / "t.jsonl"
    conf.write(f'log = "{path}"')
    ask = ("--ready", "--config", conf.path)
    try:
        with somebody_listens():
            one(health(lane, *ask), "log", OK)
            check(not path.exists(), "asking made the log")
            path.write_text("")
            os.link(path, place / "second")
            one(health(lane, *ask, status=CRITICAL), "log", CRITICAL)
            (place / "second").unlink()
            one(health(lane, *ask), "log", OK)
            path.rename(place / "other")
            path.symlink_to("other")
            one(health(lane, *ask, status=CRITICAL), "log", CRITICAL)
            path.unlink()
            filler = place / "filler"
            filler.write_bytes(bytes(24 << 20))
            one(health(lane, *ask, status=WARNING), "log room", WARNING)
            with open(filler, "ab") as file, contextlib.suppress(OSError):
                file.write(bytes(16 << 20))
            one(health(lane, *ask, status=CRITICAL), "log room", CRITICAL)
            filler.unlink()
            path.write_text("")
            run("mount", "-o", "remount,ro", place)
            one(health(lane, *ask, status=CRITICAL), "log", CRITICAL)
    finally:
        run("umount", place)


def ready_directories(lane):
    lane.stop_server()
    conf = Conf(lane)
    place = pathlib.Path("/srv/ready-root")
    place.mkdir(exist_ok=True)
    place.chmod(0o755)
    ask = ("--ready", "--config", conf.path)
    with somebody_listens():
        conf.write(f'root = {{"{place}"}}')
        one(health(lane, *ask), "root", OK)
        place.chmod(0o700)
        found = health(lane, *ask, status=CRITICAL)
        if not lane.instrumented:
            one(found, "configuration", CRITICAL)
        check(str(place) in one(found, "root", CRITICAL)["text"], "which directory it is")
        place.chmod(0o755)
        conf.write(f'root = {{"{place}"}}', "create = yes", "min-free = 1M")
        one(health(lane, *ask), "uploads", OK)
        conf.write(f'root = {{"{place}"}}', "create = yes", "min-free = 100T")
        one(health(lane, *ask, status=WARNING), "uploads", WARNING)
        conf.write(f'root = {{"{place}"}}', "min-free = 100T")
        check("uploads" not in health(lane, *ask)["of"], "room for uploads, which are off")
        conf.write(f'root = {{"{place}"}}', "min-free = 100T",
                   'client "10.0.0.0/8" { create = yes }')
        one(health(lane, *ask, status=WARNING), "uploads", WARNING)


def ready_of_an_ordinary_user(lane):
    """What root can do with mode bits is known; what only root can see is unknown, not bad."""
    conf = Conf(lane)
    conf.write()
    serve(lane, "-f", conf.path, fresh=True)
    found = health(lane, "--ready", "--config", conf.path, user="nobody")
    one(found, "log", OK)
    one(found, "port", OK)
    lane.stop_server()
    hidden = pathlib.Path("/var/log/hidden")
    hidden.mkdir(mode=0o700, exist_ok=True)
    (hidden / "dir").mkdir(exist_ok=True)
    conf.write(f'log = "{hidden}/dir/transfers.jsonl"')
    with somebody_listens():
        found = health(lane, "--ready", "--config", conf.path, status=UNKNOWN, user="nobody")
        one(found, "log", UNKNOWN)
        check(not any(c["state"] in ("warning", "critical") for c in found["checks"]), f"{found['checks']}")
        hidden_from(lane, conf, "nobody")


def hidden_from(lane, conf, user):
    """A root for the server alone, and a file for root alone, are no mistakes; others still are."""
    private = pathlib.Path("/srv/ready-private")
    for path in (private, private / "tftp"):
        path.mkdir(exist_ok=True)
        shutil.chown(path, group=SERVICE_USER)
    private.chmod(0o750)
    for root in (private / "tftp", private):
        conf.write(f'root = {{"{root}"}}')
        one(health(lane, "--ready", "--config", conf.path), "configuration", OK)
        found = health(lane, "--ready", "--config", conf.path, status=UNKNOWN, user=user)
        check(not any(c["state"] in ("warning", "critical") for c in found["checks"]), f"{found['checks']}")
    conf.write(f'root = {{"{private}/tftp"}}', "max-blksize = many")
    one(health(lane, "--ready", "--config", conf.path, status=CRITICAL, user=user), "configuration", CRITICAL)
    conf.write()
    os.chmod(conf.path, 0o600)
    found = health(lane, "--ready", "--config", conf.path, status=UNKNOWN, user=user)
    one(found, "configuration", UNKNOWN)


# --probe.

class Fake:
    """A server that answers each request with the same datagram, or not at all."""

    def __init__(self, answer=None, own_port=False, address="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.port, self.answer = self.socket.getsockname()[1], answer
        self.own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.own.bind(("127.9.9.9" if own_port else address, 0))
        self.heard = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            raw, source = self.socket.recvfrom(2000)
            self.heard.append(raw)
            if self.answer is not None:
                self.own.sendto(self.answer, source)


def where(port, name, host="127.0.0.1"):
    return ("--probe", f"{host}:{port}:{name}")


def probe_of_files(lane):
    serve(lane, address="::")
    for size in (0, 1, 1427, 1428, 1429, 300000):
        name = f"probe-{size}"
        lane.file(name, lane.content(size))
        for host in ("127.0.0.1", "[::1]"):
            lane.ledger.note(name, 2)
            found = health(lane, "--probe", f"{host}:{name}")
            one(found, "probe", OK)
            result = found["probe"]
            check_equal((result["result"], result["bytes"], result.get("size", 0), result["blksize"]),
                        ("complete", size, size, 1428), f"probe of {name}")
            check(0 < result["first_reply_us"] <= result["duration_us"], f"times: {result}")
            check_equal(result["blocks"], size // 1428 + 1, "blocks")
    until(lambda: len(lane.log.ends(file="probe-0")) == 4, 5 * lane.slowness, "the ends")
    check_equal({r["outcome"] for r in lane.log.ends(file="probe-300000")}, {"complete"}, "for the server")
    lane.ledger.note("probe-1", 1)
    _, data = plugin(lane, "--probe", "127.0.0.1:probe-1", status=OK)
    check_equal(data["probe_bytes"], "1B;;;0", "the plugin's probe")


def probe_that_is_refused(lane):
    serve(lane)
    lane.ledger.note("probe-missing", 3)
    found = health(lane, *where(PORT, "probe-missing"), status=CRITICAL)
    check("error 1, File not found" in one(found, "probe", CRITICAL)["text"], f"what is told: {found}")
    check_equal((found["probe"]["error_code"], found["probe"]["message"]), (1, "File not found"), "the error")
    text, _ = plugin(lane, *where(PORT, "probe-missing"), status=CRITICAL)
    check("error 1, File not found" in text, f"the plugin: {text}")
    lane.stop_server()


def probe_of_strangers(lane):
    hostile = b"\x1b[31mred\x1b]0;title\x07|evil=1\n\xff\xe2\x80\xae"
    fake = Fake(tftp.error_bytes(2, hostile))
    found = health(lane, *where(fake.port, "x"), status=CRITICAL)
    check_equal(found["probe"]["message_hex"], hostile.hex(), "the bytes")
    text, data = plugin(lane, *where(fake.port, "x"), status=CRITICAL)
    check(text.isprintable() and "\\x1b[31mred" in text and "\\x7cevil=1\\x0a\\xff" in text,
          f"the plugin's text: {text!r}")
    check("evil" not in data, f"a stranger's performance data: {data}")
    found = health(lane, *where(Fake(tftp.oack_bytes(("windowsize", "8"))).port, "x"), status=CRITICAL)
    check_equal(found["probe"]["result"], "broken", "an option that was not asked for")


def probe_of_silence(lane):
    """It gives up in its time, and asks again before."""
    fake = Fake()
    begin = time.monotonic()
    done = lane.run_stats("health", "--json", *where(fake.port, "x"))
    took = time.monotonic() - begin
    check_equal(done.returncode, CRITICAL, "status")
    check_equal(json.loads(done.stdout)["probe"]["result"], "silent", "the result")
    check(9.5 < took < 11 + 5 * lane.slowness, f"it took {took:.1f} s")
    check_equal(len(fake.heard), 4, "requests, after 0, 1, 3 and 7 seconds")
    check_equal(len(set(fake.heard)), 1, "requests that differ")
    begin = time.monotonic()
    plugin(lane, *where(Fake().port, "x"), status=CRITICAL)
    check(time.monotonic() - begin < 9.9 + 5 * lane.slowness, "the plugin tells it in time")


def probe_from_elsewhere(lane):
    fake = Fake(tftp.data_bytes(1, b"x"), own_port=True)
    text, _ = plugin(lane, *where(fake.port, "x"), status=CRITICAL)
    check("another address" in text, f"an answer from another address: {text}")


def probe_of_nobody(lane):
    with somebody_listens(0) as other:
        port = other.getsockname()[1]
    begin = time.monotonic()
    found = health(lane, *where(port, "x"), status=CRITICAL)
    check_equal(found["probe"]["result"], "closed", "the result")
    check(time.monotonic() - begin < 5 * lane.slowness, "it is told at once")
    check_equal(health(lane, "--probe", "no-such-host.invalid:x", status=UNKNOWN)["probe"]["result"], "untried",
                "a host that there is not")
    for wrong in ("x", "127.0.0.1:", ":x", "127.0.0.1:69:", "[::1]x"):
        check_equal(lane.run_stats("health", "--probe", wrong).returncode, 2, f"usage: {wrong}")
        plugin(lane, "--probe", wrong, status=UNKNOWN)


# check.

def check_thresholds(lane):
    lane.stop_server()
    five = failing(lane, 5, 100)
    for words, status in (
            (("-w", "5%"), OK), (("-w", "4.9%"), WARNING), (("-w", "4.999%", "-c", "5%"), WARNING),
            (("-w", "4%", "-c", "4.99%"), CRITICAL), (("-c", "5%"), OK), (("-c", "@5%"), CRITICAL),
            (("-w", "@5%:6%"), WARNING), (("-w", "@5.001%:6%"), OK), (("-w", "6%:"), WARNING),
            (("-w", "5%:"), OK), (("-w", "~:5%"), OK), (("-w", "5"), OK), (("-w", "4"), WARNING),
            (("-c", "4", "-w", "90%"), CRITICAL), (("-w", "5:5", "-c", "5:5"), OK),
            (("--warning", "4", "--critical", "10"), WARNING)):
        text, data = plugin(lane, "-l", five, *words, status=status)
        check("5.0 % of 100 requests failed" in text, f"check {words}: {text}")
        check_equal((data["errors"].split(";")[0], data["failed"].split(";")[0], data["requests"]),
                    ("5.00%", "5", "100;;;0"), "the numbers")
    _, data = plugin(lane, "-l", five, "-w", "5%:10%", "-c", "20%", status=OK)
    check_equal(data["errors"], "5.00%;5:10;20;0;100", "limits in the performance data")
    _, data = plugin(lane, "-l", five, "-w", "5", "-c", "@6:9", status=OK)
    check_equal((data["errors"], data["failed"]), ("5.00%;;;0;100", "5;5;@6:9;0"), "limits by number")
    odd = failing(lane, 31, 500)
    plugin(lane, "-l", odd, "-w", "6.2%", status=OK)
    plugin(lane, "-l", odd, "-w", "6.19%", status=WARNING)


def check_edges(lane):
    lane.stop_server()
    empty = Written(lane).notice("dispatcher started").save()
    text, data = plugin(lane, "-l", empty, "-w", "5%", "-c", "10%", status=OK)
    check_equal(data["errors"], "0.00%;5;10;0;100", f"nothing: {text}")
    plugin(lane, "-l", empty, "-c", "1:", status=CRITICAL)
    # without limits those of health hold
    plugin(lane, "-l", failing(lane, 3, 60), status=WARNING)
    plugin(lane, "-l", failing(lane, 25, 100), status=CRITICAL)
    text, _ = plugin(lane, "-l", Written(lane).add(99).add(outcome="crashed").save(), status=WARNING)
    check("transfers: crashed: 1" in text, f"what it warns of: {text}")
    plugin(lane, "-l", Written(lane).add(99).add(outcome="crashed").save(), "-w", "5%", status=OK)
    for wrong in (("-w", "x"), ("-c", "10:5"), ("-w", ""), ("--json",)):
        plugin(lane, "-l", empty, *wrong, status=UNKNOWN)


def check_in_time(lane):
    """A log that nobody can read to its end: a pipe without a writer."""
    pipe = lane.scratch / "pipe"
    os.mkfifo(pipe)
    begin = time.monotonic()
    text, _ = plugin(lane, "-l", pipe, "-w", "5%", status=UNKNOWN)
    took = time.monotonic() - begin
    check("within 10 s" in text and 9.9 < took < 12 + 5 * lane.slowness, f"after {took:.1f} s: {text}")
    check_equal(readers_of(pipe), [], "processes that are left")


def readers_of(path):
    """Who has it in the command line."""
    found = []
    for place in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if str(path).encode() in words:
            found.append(place.parent.name)
    return found


# What is written about tftpd-stats.

SOURCE = pathlib.Path(__file__).resolve().parents[2]
READERS = ("summary", "clients", "files", "errors", "hours", "days", "boots", "missing", "slow", "verify")
# Keys of objects that a test cannot have all of.
RARE = {"near", "near_2", "near_3"}


def keys_of(value):
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set()


def documented_keys(lane):
    """doc/stats-json.md has every key that comes, and none that does not."""
    serve(lane)
    lane.file("documented", lane.content(3000))
    held = lane.peer()
    held.read("documented", blksize=1000, tsize=0)
    held.expect(tftp.OACK)
    held.ack(0)
    held.expect(tftp.DATA, 1)
    written = Written(lane).add(4, client="192.0.2.9", outcome="noanswer")
    written.add(outcome="timeout", bytes=50, size=90, error_code=0, error_by="server", message="gone")
    written.add(outcome="notfound", file="documente").add(outcome="probe")
    written.add(2, file="documented", bytes=100000, size=100000, duration_us=5000, first_reply_us=200, rtt_us=100,
                cpu_us=900, packets_sent=80, retransmits=1, timeouts=1)
    path = written.raw("no record").save()
    text = (SOURCE / "doc/stats-json.md").read_text()
    found = set()
    for words in (*((name, "-l", path) for name in READERS), ("active",), ("top",),
                  ("clients", "--failed-since", "1h", "-l", path), ("health", "--ready"),
                  ("health", *where(PORT, "documented")), ("rollup", "-l", path)):
        if words[0] == "health" and "--probe" in words:
            lane.ledger.note("documented", 1)
        done = lane.run_stats(*words, "--json")
        check(done.stdout, f"{words}: {done.stderr.decode()}")
        found |= keys_of(json.loads(done.stdout))
    for index in range(1, 5):
        held.ack(index)
        if index < 4:
            held.expect(tftp.DATA, index + 1)
    lane.end_of(held)
    names = set(re.findall(r"[a-z][a-z0-9_]*", text))
    check_equal(sorted(found - names), [], "keys that stats-json.md does not name")
    shown = set(re.findall(r'"([a-z][a-z0-9_]*)":', text)) - RARE
    known = found | set(re.findall(r"`([a-z][a-z0-9_]*)`", text))
    check_equal(sorted(shown - known), [], "keys that stats-json.md shows and that do not come")


def complete(words, function="_tftpd_stats", file="tftpd-stats"):
    """What bash would offer for the last word."""
    script = ('source "$1"; shift; f=$1; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); $f; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", SOURCE / f"completion/{file}.bash", function, *words],
                          capture_output=True, timeout=20, check=True)
    check_equal(done.stderr, b"", "what bash has to say")
    return set(done.stdout.decode().split())


def completion(lane):
    """It knows each command and each long option that --help tells of."""
    told = lane.run_stats("--help").stdout.decode()
    commands = set(re.findall(r"(?m)^  ([a-z]+) {2,}\S", told.partition("\noptions")[0]))
    check(len(commands) > 15, f"commands of --help: {commands}")
    check_equal(complete(["tftpd-stats", ""]), commands, "commands")
    offered = set().union(*(complete(["tftpd-stats", command, "--"]) for command in commands))
    options = set(re.findall(r"--[a-z-]+", told))
    check_equal(sorted(options - offered), [], "options that are not offered")
    check_equal(sorted(offered - options), ["--critical", "--output", "--warning", "--watch"],
                "options that --help tells by their letters only")
    check_equal(complete(["tftpd-stats", "log", "--outcome", "probe,time"]), {"probe,timeout"}, "a list")
    usage = subprocess.run([str(lane.tftpd), "-h"], capture_output=True, timeout=20)
    offered = complete(["tftpd", "-"], "_tftpd", "tftpd")
    told = set(re.findall(r"(?<!\S)--?[A-Za-z0-9][a-z-]*", (usage.stdout + usage.stderr).decode()))
    check_equal(sorted(told - offered), [], "options of tftpd that are not offered")
    usage = subprocess.run([str(lane.scratch / "bin/tftpd-status"), "-h"], capture_output=True, text=True, timeout=20)
    check_equal(sorted(set(re.findall(r"(?<!\S)--?[A-Za-z0-9][a-z-]*", usage.stdout)) ^
                       complete(["tftpd-status", "-"], "_tftpd_status", "tftpd-status")), [],
                "options of tftpd-status that only one of both knows")


TESTS = (
    ("no server is no failure", no_server, True),
    ("no log is a warning where a server was", the_log_is_gone, True),
    ("counting begins before there is a log", created, True),
    ("a server and its numbers", a_server, True),
    ("each trouble in the log has a line of its own", numbers_of_the_log, True),
    ("logs that cannot be read are unknown", logs_that_cannot_be_read, True),
    ("a configuration that is not in use is a warning", bad_configuration, True),
    ("--ready while a server runs", ready, True),
    ("--ready without a server: configuration, user, port", ready_without_server, True),
    ("--ready: the log can be written, and has room", ready_log, True),
    ("--ready: directories and room for uploads", ready_directories, True),
    ("--ready as an ordinary user", ready_of_an_ordinary_user, True),
    ("--probe fetches files of any size, IPv4 and IPv6", probe_of_files, True),
    ("--probe tells the server's refusal", probe_that_is_refused, True),
    ("--probe is not steered by what a stranger says", probe_of_strangers, True),
    ("--probe of silence ends in time", probe_of_silence, False),
    ("--probe tells of answers from another address", probe_from_elsewhere, False),
    ("--probe of a closed port, and bad targets", probe_of_nobody, True),
    ("check at the edges of its ranges", check_thresholds, True),
    ("check without limits, without requests, with bad usage", check_edges, True),
    ("check answers within ten seconds", check_in_time, False),
    ("stats-json.md names every key", documented_keys, True),
    ("bash completes every command and option", completion, True),
    # it leaves requests that failed, which the others would find
    ("requests that are refused for want of a configuration are critical", no_configuration_at_all, True),
)
