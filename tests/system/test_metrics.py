"""What Prometheus is told: it equals the log, never falls, and promtool likes it."""

import bisect
import collections
import gzip
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import stat
import subprocess
import threading
import time

import tftp
from closing import OUTCOMES
from harness import LOG, check, check_equal, descriptors_of, of_peer, processes, until
from test_stats import rotate, some_traffic

MONITORING = pathlib.Path(__file__).resolve().parents[2] / "monitoring"
CLASSES = {"success": ("complete", "unconfirmed"), "neutral": ("probe",),
           "refused": ("notfound", "denied", "limited", "invalid")}
CLASS_OF = {outcome: next((name for name, of in CLASSES.items() if outcome in of), "failure")
            for outcome in OUTCOMES}
SUMS = {"tftpd_transferred_bytes_total": "bytes", "tftpd_packets_sent_total": "packets_sent",
        "tftpd_packets_received_total": "packets_received",
        "tftpd_packets_retransmitted_total": "retransmits",
        "tftpd_timeouts_total": "timeouts", "tftpd_duplicate_packets_total": "duplicates"}
# The key, what makes its unit of it, and whether successes only.
HISTOGRAMS = {"tftpd_transfer_duration_seconds": ("duration_us", 10**6, True),
              "tftpd_transfer_size_bytes": ("bytes", 1, True),
              "tftpd_first_reply_seconds": ("first_reply_us", 10**6, False)}


def scrape(lane, *words):
    done = lane.run_stats("prometheus", *words)
    check_equal((done.returncode, done.stderr.decode()), (0, ""), "status and complaints of a scrape")
    return done.stdout.decode()


def samples(text):
    """series -> value, as written."""
    return {series: float(value) for series, value in
            (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}


def label(series, name):
    found = re.search(rf'[{{,]{name}="([^"]*)"', series)
    return found.group(1) if found else None


# A recount that knows nothing of the program's.

def recount(lines):
    """The series that the lines of a log must lead to."""
    ended, opened, found = set(), set(), collections.Counter()
    values = collections.defaultdict(list)
    for record in map(json.loads, lines):
        found["tftpd_log_lines_total"] += 1
        if record["event"] == "start":
            found["tftpd_transfers_started_total"] += 1
            opened.add(record["id"])
        if record["event"] == "notice":
            found["tftpd_dropped_datagrams_total"] += record.get("dropped", 0)
            found["tftpd_requests_total"] += record.get("requests", 0)
        if record["event"] != "transfer" or record["id"] in ended or \
                record["outcome"] == "crashed" and record["id"] not in opened:
            continue
        ended.add(record["id"])
        opened.discard(record["id"])
        count_end(record, found, values)
    found["tftpd_open_transfers"] = len(opened)
    return found, values


def count_end(record, found, values):
    op, outcome = record.get("op", "unknown"), record["outcome"]
    found[f'tftpd_transfers_total{{op="{op}",outcome="{outcome}",class="{CLASS_OF[outcome]}"}}'] += 1
    for name, key in SUMS.items():
        found[f'{name}{{op="{op}"}}'] += record.get(key, 0)
    for name, (key, unit, of_success) in HISTOGRAMS.items():
        if key in record and (not of_success or CLASS_OF[outcome] == "success"):
            values[name, op].append(record[key] / unit)


def disagreement(told, lines):
    """The series whose value is not that of a recount."""
    found, values = recount(lines)
    wrong = [f"{series}: {told.get(series)}, not {value}" for series, value in found.items()
             if told.get(series) != value and (value or series in told)]
    wrong += [f"{series}: {value}, not 0" for series, value in told.items()
              if series.startswith(("tftpd_transfers_total", *SUMS)) and value and series not in found]
    for (name, op), of in values.items():
        of.sort()
        for series, value in told.items():
            if series.startswith(f"{name}_bucket") and label(series, "op") == op:
                wanted = bisect.bisect_right(of, float(label(series, "le")))
                if value != wanted:
                    wrong.append(f"{series}: {value}, not {wanted}")
        if abs(told[f'{name}_sum{{op="{op}"}}'] - sum(of)) > 1e-5 * (1 + sum(of)):
            wrong.append(f"{name} of {op}: {told[f'{name}_sum{{op={chr(34)}{op}{chr(34)}}}']}, not {sum(of)}")
    return wrong


def equal_a_recount(lane):
    some_traffic(lane)
    crash_one(lane)
    for words in ((), ("--openmetrics",)):
        told = samples(scrape(lane, *words))
        wrong = disagreement(told, lane.log.lines())
        check(not wrong, "\n".join(wrong[:10]))
    rotate()
    some_traffic(lane)
    wrong = disagreement(samples(scrape(lane)), lane.log.lines())
    check(not wrong, "after a rotation:\n" + "\n".join(wrong[:10]))
    check_equal(sum(v for s, v in samples(scrape(lane)).items() if s.startswith("tftpd_log_gaps")), 0, "gaps")


def crash_one(lane):
    lane.file("crashed", b"x" * 2000)
    peer = lane.peer()
    peer.read("crashed")
    peer.expect(tftp.DATA, 1)
    pid = lane.log.wait_start(**of_peer(peer))["pid"]
    os.kill(pid, signal.SIGKILL)
    check_equal(lane.end_of(peer)["outcome"], "crashed", "outcome of a killed transfer")


def who_runs_now(lane):
    lane.serve()
    lane.file("active", b"x" * 2000)
    readers = [lane.peer() for _ in range(3)]
    for peer in readers:
        peer.read("active")
        peer.expect(tftp.DATA, 1)
        lane.log.wait_start(**of_peer(peer))
    told = samples(scrape(lane))
    check_equal(told['tftpd_active_transfers{op="read"}'], 3, "active reads")
    check_equal(told['tftpd_active_transfers{op="write"}'], 0, "active writes")
    check_equal((told["tftpd_up"], told["tftpd_running"], told["tftpd_open_transfers"]), (1, 1, 3), "the server")
    check(abs(told["tftpd_start_time_seconds"] - time.time()) < 200, "when it started")
    for peer in readers:
        peer.ack(1)
    lane.stop_server()
    told = samples(scrape(lane))
    check_equal((told["tftpd_up"], told["tftpd_running"]), (1, 0), "a server that may come again")
    check("tftpd_config_last_reload_successful" not in told, "nobody knows what it would be configured with")


# promtool.

def promtool(lane, *words, **how):
    done = subprocess.run([str(lane.peer_program("usr/bin/promtool")), *map(str, words)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, **how)
    check_equal(done.returncode, 0, f"promtool {' '.join(map(str, words))}: {done.stdout.decode()}")


def promtool_is_content(lane):
    some_traffic(lane)
    promtool(lane, "check", "metrics", input=scrape(lane).encode())
    promtool(lane, "check", "rules", MONITORING / "alerts.yml")
    promtool(lane, "test", "rules", MONITORING / "alerts_test.yml")
    promtool(lane, "check", "config", MONITORING / "prometheus.yml")


def openmetrics_is_well_formed(lane):
    """Each family together: HELP, TYPE, then only its samples; at last the end mark."""
    text = scrape(lane, "--openmetrics")
    check(text.endswith("\n# EOF\n"), "no end mark")
    suffixes = {"counter": ("_total",), "gauge": ("",), "info": ("_info",),
                "histogram": ("_bucket", "_sum", "_count")}
    family, seen = None, set()
    for line in text.splitlines()[:-1]:
        if line.startswith("# HELP "):
            family = line.split()[2]
            check(family not in seen, f"{family} comes twice")
            seen.add(family)
        elif line.startswith("# TYPE "):
            check_equal(line.split()[2], family, "the family of a type")
            kind = line.split()[3]
        else:
            name = re.match(r"\w+", line).group()
            check(name in [family + suffix for suffix in suffixes[kind]], f"{name} in {family}, a {kind}")


# The files in monitoring/.

def exported(lane):
    """Names of samples, of a server that runs and one that does not."""
    lane.serve()
    some_traffic(lane)
    return {re.match(r"\w+", series).group() for series in samples(scrape(lane))}


def dashboard():
    return json.loads((MONITORING / "grafana-dashboard.json").read_text())


def expressions():
    """(where, expression) of alerts and dashboard."""
    found = []
    text = (MONITORING / "alerts.yml").read_text()
    for piece in text.split("- alert: ")[1:]:
        expr = re.search(r"(?ms)^        expr:(.*?)^        for:", piece).group(1)
        found.append((piece.split()[0], expr.strip().removeprefix(">-").removeprefix("|").strip().strip("'")))
    for panel in dashboard()["panels"]:
        found += [(panel["title"], target["expr"]) for target in panel.get("targets", ())]
    return found


def only_what_we_export(lane):
    names = exported(lane)
    used = set()
    for where, expr in expressions():
        asked = set(re.findall(r"\b[a-z]+_[a-z_]+\b(?=[{\[ )]|$)", re.sub(r'"[^"]*"', '""', expr)))
        asked -= {"histogram_quantile", "node_textfile_mtime_seconds"}
        check(asked <= names, f"{where} asks for {asked - names}")
        used |= asked
        for name, value in re.findall(r'(\w+)!?=~?"([^"]*)"', expr):
            check_label(where, name, value)
    check(len(used) > 25, f"only {len(used)} metrics are looked at: {used}")


def check_label(where, name, value):
    known = {"outcome": set(OUTCOMES), "class": {*CLASSES, "failure"}, "op": {"read", "write", "unknown"},
             "instance": {"$instance"}, "file": {".*/tftpd\\\\.prom"}, "job": {"tftpd"}}
    check(name in known, f"{where}: label {name}")
    check(set(value.split("|")) <= known[name], f"{where}: {name}={value}")


def dashboard_is_sound(lane):
    """What Grafana's import looks at, for Grafana itself is in no distribution."""
    board = dashboard()
    ids = [panel["id"] for panel in board["panels"]]
    check_equal(len(set(ids)), len(ids), "different ids of panels")
    check("id" not in board and re.fullmatch(r"[\w-]{1,40}", board["uid"]), "a fixed uid and no id")
    check(isinstance(board["schemaVersion"], int) and board["schemaVersion"] >= 36, "schemaVersion")
    check(board["title"] and "__inputs" not in board, "a title, and nothing that is asked for at the import")
    variables = board["templating"]["list"]
    check_equal([(v["name"], v["type"]) for v in variables], [("datasource", "datasource"), ("instance", "query")],
                "variables")
    check_equal((variables[0]["query"], variables[1]["datasource"]["uid"]), ("prometheus", "${datasource}"),
                "where data and instances come from")
    nothing_overlaps(board)
    for panel in board["panels"]:
        if panel["type"] == "row":
            continue
        check_equal(panel["datasource"], {"type": "prometheus", "uid": "${datasource}"},
                    f"data source of {panel['title']}")
        check(panel["fieldConfig"]["defaults"]["unit"], f"unit of {panel['title']}")
        check(panel["targets"], f"targets of {panel['title']}")
        refs = [target["refId"] for target in panel["targets"]]
        check_equal(len(set(refs)), len(refs), f"different refIds of {panel['title']}")
    rules = lane.scratch / "dashboard.yml"
    rules.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": [
        {"record": f"panel:{n}", "expr": expr.replace("$__rate_interval", "5m").replace("$instance", ".*")}
        for n, (_, expr) in enumerate(expressions())]}]}))
    promtool(lane, "check", "rules", "--lint=none", rules)


def nothing_overlaps(board):
    """Grafana's grid is 24 wide."""
    taken = {}
    for panel in board["panels"]:
        at = panel["gridPos"]
        check(at["x"] >= 0 and at["w"] > 0 and at["h"] > 0 and at["x"] + at["w"] <= 24, f"{panel['title']}: {at}")
        for cell in itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])):
            check(cell not in taken, f"{panel['title']} lies on {taken.get(cell)}")
            taken[cell] = panel["title"]


def the_guide_knows_all(lane):
    """doc/monitoring.md has a row for each metric and each alert, and none too many."""
    guide = (MONITORING.parent / "doc/monitoring.md").read_text()
    rows = [line.split("|")[1] for line in guide.splitlines() if line.startswith("|")]
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in exported(lane)}
    check_equal({name for row in rows for name in re.findall(r"`(tftpd_\w+)`", row)}, families, "metrics")
    alerts = set(re.findall(r"- alert: (\w+)", (MONITORING / "alerts.yml").read_text()))
    check_equal({row.strip() for row in rows if row.startswith(" Tftpd")}, alerts, "alerts")


# The textfile collector.

def textfile_appears_whole(lane):
    some_traffic(lane)
    folder = lane.scratch / "textfiles"
    folder.mkdir(exist_ok=True)
    target = folder / "tftpd.prom"
    old = os.umask(0o077)
    try:
        scrape(lane, "-o", target)
    finally:
        os.umask(old)
    check_equal(stat.S_IMODE(target.stat().st_mode), 0o644, "mode")
    check_equal(os.listdir(folder), ["tftpd.prom"], "files in the folder")
    whole = target.read_text()
    wrong = disagreement(samples(whole), lane.log.lines())
    check(not wrong, "\n".join(wrong[:10]))
    check(not re.search(r"(?m)^\w+(\{.*\})? \S+ \S+$", whole), "a timestamp")
    writers = [threading.Thread(target=lambda: [scrape(lane, "-o", target) for _ in range(10)]) for _ in range(3)]
    for thread in writers:
        thread.start()
    while any(thread.is_alive() for thread in writers):
        check_equal(target.read_text().count("\n"), whole.count("\n"), "lines of the file at any moment")
    check_equal(os.listdir(folder), ["tftpd.prom"], "files in the folder afterwards")
    done = lane.run_stats("prometheus", "-o", folder / "missing" / "tftpd.prom")
    check(done.returncode == 1 and done.stderr, "no word about a folder that is missing")


def second_scrape_is_cheap(lane):
    some_traffic(lane)
    scrape(lane)
    took = sorted(timed(lane) for _ in range(30))
    lane.note(f"metrics: a scrape of an unchanged log takes {took[15] * 1000:.1f} ms (median of 30, with its process)")
    check(lane.instrumented or took[15] < 0.005 * 4, f"{took[15]:.4f} s")


def timed(lane):
    begin = time.perf_counter()
    lane.run_stats("prometheus")
    return time.perf_counter() - begin


# Who may not keep the state.

def another_user_counts_too(lane):
    some_traffic(lane)
    shutil.chown(LOG, group=lane.gid)
    scrape(lane)
    some_traffic(lane)
    done = lane.run_stats("prometheus", user=lane.uid, group=lane.gid, extra_groups=[])
    check_equal(done.returncode, 0, "status")
    check_equal(done.stderr.decode().count("\n"), 1, f"lines of {done.stderr.decode()!r}")
    told = samples(done.stdout.decode())
    check_equal(told["tftpd_state_saved"], 0, "whether it was saved")
    wrong = disagreement(told, lane.log.lines())
    check(not wrong, "\n".join(wrong[:10]))


def filters_are_refused(lane):
    for words in (("--since", "1h"), ("--client", "127.0.0.1"), ("--outcome", "failure"), ("--json",),
                  ("-l", "a", "-l", "b")):
        check_equal(lane.run_stats("prometheus", *words).returncode, 2, f"status with {words}")


def files_only_are_replaced(lane):
    """root's rename(2) would take a device away from everybody."""
    device = lane.scratch / "null"
    os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    for words, status in ((("prometheus", "-o", device), 1), (("prometheus", "--state", device), 0),
                          (("rollup", "--state", device), 0)):
        done = lane.run_stats(*words)
        check_equal((done.returncode, stat.S_ISCHR(device.stat().st_mode)), (status, True),
                    f"status of {words}, and whether the device is one")
        check(b"not a regular file" in done.stderr, f"{words}: {done.stderr}")
    check(not device.with_name("null.lock").exists(), "a lock beside it")


# Fifty rotations, with transfers going on and scrapers that are killed.

ROTATED = pathlib.Path("/var/log/rotating/tftp.jsonl")
SCRAPERS = 8


def is_open(path):
    """Whether a tftpd has the file open."""
    for pid in processes():
        try:
            if pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("tftpd") and \
                    str(path) in descriptors_of(pid).values():
                return True
        except OSError:
            pass
    return False


class Rotator:
    """What logrotate does, and what administrators do."""

    def __init__(self, path):
        self.path, self.lost = path, []

    def name(self, number, packed=False):
        return self.path.with_name(f"{self.path.name}.{number}{'.gz' if packed else ''}")

    def shift(self):
        """.1 becomes .2; older ones are packed, as with delaycompress."""
        numbers = [n for n in range(1, 200) if self.name(n).exists() or self.name(n, True).exists()]
        for number in reversed(numbers):
            for packed in (False, True):
                if self.name(number, packed).exists():
                    os.rename(self.name(number, packed), self.name(number + 1, packed))

    def rename(self):
        self.shift()
        os.rename(self.path, self.name(1))

    def rename_and_pack(self):
        self.rename()
        old = self.name(2)
        if old.exists():
            # What began before the rotation still writes there.
            until(lambda: not is_open(old), 30, f"nobody writes to {old.name}")
            with open(old, "rb") as plain, gzip.open(self.name(2, True), "wb") as packed:
                shutil.copyfileobj(plain, packed)
            old.unlink()

    def copytruncate(self):
        self.shift()
        shutil.copyfile(self.path, self.name(1))
        os.truncate(self.path, 0)

    def delete(self):
        self.path.unlink()

    def lines(self):
        found = []
        for path in sorted(self.path.parent.iterdir()):
            opener = gzip.open if path.suffix == ".gz" else open
            with opener(path, "rb") as file:
                found += [line for line in file.read().splitlines(keepends=True) if line.endswith(b"\n")]
        return sorted(found, key=lambda line: json.loads(line)["ts"])


class Scrapers:
    """Many at once; each looks whether a counter fell.  Some are killed."""

    def __init__(self, lane, seed):
        self.lane, self.random = lane, random.Random(seed)
        self.lock, self.highest, self.running = threading.Lock(), {}, set()
        self.is_over, self.complaints = False, []
        self.count = self.killed = 0
        # A leak check that is killed complains of that.
        self.env = lane.environment()
        self.env["ASAN_OPTIONS"] += ":detect_leaks=0"
        self.threads = [threading.Thread(target=self.work) for _ in range(SCRAPERS)]
        self.threads.append(threading.Thread(target=self.kill))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join()

    def work(self):
        while not self.is_over:
            with self.lock:
                floor = dict(self.highest)
            process = subprocess.Popen([str(self.lane.stats), "prometheus"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env)
            with self.lock:
                self.running.add(process)
            out, err = process.communicate()
            with self.lock:
                self.running.discard(process)
            if process.returncode == 0:
                self.compare(floor, out.decode(), err.decode())
            elif process.returncode != -signal.SIGKILL:
                self.complaints.append(f"status {process.returncode}: {err.decode()}")

    def compare(self, floor, text, err):
        """What was told when we began is the least that may be told now."""
        told = {series: value for series, value in samples(text).items()
                if re.match(r"\w+_(total|bucket|count|sum)\b", series)}
        fell = [f"{s}: {told.get(s)} after {v}" for s, v in floor.items() if told.get(s, 0) < v]
        with self.lock:
            self.count += 1
            self.complaints += fell[:3]
            if err and "No such file" not in err:
                self.complaints.append(err.strip())
            for series, value in told.items():
                self.highest[series] = max(value, self.highest.get(series, 0))

    def kill(self):
        while not self.is_over:
            time.sleep(self.random.uniform(0, 0.02) * self.lane.slowness ** 2)
            with self.lock:
                victims = [p for p in self.running if p.poll() is None]
                if victims:
                    self.random.choice(victims).kill()
                    self.killed += 1


class Traffic(threading.Thread):
    def __init__(self, lane):
        super().__init__()
        self.lane, self.is_over, self.sent, self.error = lane, False, 0, None

    def run(self):
        try:
            while not self.is_over:
                self.lane.load("--clients", 8, "--total", 40, "metrics.bin", ends=None)
                self.sent += 40
        except Exception as error:      # told by who waits for us
            self.error = error

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.join()


def rotations(lane, ways, count):
    """Returns the rotator, the scrapers, and the last scrape, when all is quiet."""
    shutil.rmtree(ROTATED.parent, ignore_errors=True)
    shutil.rmtree("/var/lib/tftpd", ignore_errors=True)
    ROTATED.parent.mkdir()
    lane.serve("-s", "--log", ROTATED, lane.root, fresh=True)
    lane.make_content("metrics.bin", 3000)
    rotator = Rotator(ROTATED)
    with Traffic(lane) as traffic:
        until(lambda: ROTATED.exists() and ROTATED.stat().st_size, 10 * lane.slowness, "a log")
        with Scrapers(lane, lane.seed) as scrapers:
            for way in itertools.islice(itertools.cycle(ways), count):
                seen = scrapers.count
                getattr(rotator, way)()
                until(lambda: ROTATED.exists() and ROTATED.stat().st_size, 10 * lane.slowness, "a new log")
                until(lambda: scrapers.count > seen, 20 * lane.slowness, "a scrape")
    if traffic.error:
        raise traffic.error
    check(not scrapers.complaints, f"{len(scrapers.complaints)} of {scrapers.count}:\n" +
          "\n".join(scrapers.complaints[:10]))
    lane.stop_server()
    lane.note(f"metrics: {count} rotations ({', '.join(ways)}), {traffic.sent} transfers, "
              f"{scrapers.count} scrapes, {scrapers.killed} killed")
    return rotator, traffic, samples(scrape(lane))


def nothing_is_lost_by_renaming(lane):
    rotator, traffic, told = rotations(lane, ("rename", "rename_and_pack"), 50 if not lane.quick else 10)
    check_equal(told["tftpd_log_gaps_total"], 0, "gaps")
    check_equal(told["tftpd_state_rebuilds_total"], 0, "rebuilds")
    wrong = disagreement(told, rotator.lines())
    check(not wrong, "\n".join(wrong[:10]))
    ends = {s: v for s, v in told.items() if s.startswith("tftpd_transfers_total") and v}
    check(sum(ends.values()) >= traffic.sent, f"{traffic.sent} transfers: {ends}")


def never_falls_whatever_happens(lane):
    ways = ("copytruncate", "delete", "rename", "copytruncate", "rename_and_pack")
    rotator, _, told = rotations(lane, ways, 50 if not lane.quick else 10)
    check_equal(told["tftpd_state_rebuilds_total"], 0, "rebuilds")
    check(told["tftpd_log_gaps_total"] <= 20, f"{told['tftpd_log_gaps_total']} gaps, with 10 deletions")
    left, _ = recount(rotator.lines())
    series = 'tftpd_transfers_total{op="read",outcome="complete",class="success"}'
    check(told[series] >= left[series], f"{told[series]} counted, {left[series]} in the files that are left")


TESTS = (
    ("every counter and bucket equals a recount of the log", equal_a_recount, True),
    ("who runs now, and whether a server does", who_runs_now, True),
    ("promtool is content with metrics, rules and their tests", promtool_is_content, True),
    ("OpenMetrics is well-formed", openmetrics_is_well_formed, True),
    ("alerts and dashboard ask for what is exported", only_what_we_export, True),
    ("the dashboard is sound", dashboard_is_sound, True),
    ("the guide knows each metric and each alert", the_guide_knows_all, True),
    ("the textfile appears whole, and nothing beside it", textfile_appears_whole, True),
    ("a scrape of an unchanged log is cheap", second_scrape_is_cheap, True),
    ("who may not keep the counters counts in memory", another_user_counts_too, True),
    ("a filter is refused", filters_are_refused, True),
    ("nothing but a file is replaced", files_only_are_replaced, True),
    ("50 rotations by renaming, 8 scrapers, some killed: nothing is lost", nothing_is_lost_by_renaming, True),
    ("50 rotations of all kinds: no counter ever falls", never_falls_whatever_happens, True),
)
