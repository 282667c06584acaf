"""A real Prometheus scrapes tftpd-status under real superservers.

One scene for all tests: xinetd and systemd-socket-activate serve the same log and the
same counters, the server is started and stopped, the log rotated and its old files
deleted, and clients ask all the while.  Then Prometheus is asked what it saw, with the
expressions of the dashboard, and whether the alerts fire that should.
"""

import json
import math
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import harness
import tftp
from harness import STATUS_USER, check, check_equal, kill, of_peer, until
from settings import Conf, header
from test_metrics import MONITORING, Rotator, Traffic, dashboard, disagreement, samples

LOG = pathlib.Path("/var/log/scraped/tftp.jsonl")
STATE = pathlib.Path("/var/lib/tftpd-status")
ARGUMENTS = ("--log", LOG, "--state", STATE)
XINETD, ACTIVATE, PROMETHEUS = ("127.0.0.1:9169", "127.0.0.1:9170", "127.0.0.1:9090")
TARGETS = (XINETD, ACTIVATE)
SECONDS = 15            # for Prometheus to see what is there; times the slowness
INTERVAL = "1s"
# As the exporter writes them; what Prometheus adds is none of ours.
LABELS = ("op", "outcome", "class", "le", "version")


# Programs.

class Programs:
    """What the scene has started, besides the server."""

    def __init__(self, lane):
        self.lane, self.processes = lane, {}

    def start(self, name, *command, peers=True):
        with open(self.lane.scratch / f"{name}.err", "wb") as err:
            self.processes[name] = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                env=self.lane.environment(peers=peers), cwd="/", start_new_session=True)

    def stop(self, name):
        process = self.processes.pop(name)
        kill(process.pid, signal.SIGTERM)
        try:
            process.wait(SECONDS * self.lane.slowness)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            check(False, f"{name} did not end on SIGTERM")

    def stop_all(self):
        for name in list(self.processes):
            self.stop(name)

    def said(self):
        return "\n".join(f"{name}: {(self.lane.scratch / f'{name}.err').read_text(errors='replace')[-800:]}"
                         for name in self.processes)


def xinetd(lane):
    """The shipped file; the program, its arguments and "disable" are ours."""
    text = (lane.build / "xinetd.d/tftpd-status").read_text()
    server = f"{lane.scratch}/bin/tftpd-status\n\tserver_args = {' '.join(map(str, ARGUMENTS))}"
    for key, value in (("server", server), ("disable", "no")):
        text, count = re.subn(rf"(?m)^\s*{key}\s*=.*\n", lambda _: f"\t{key} = {value}\n", text)
        check_equal(count, 1, f"lines with {key}")
    conf = lane.scratch / "xinetd.status.conf"
    conf.write_text(f"defaults\n{{\n}}\n{text}")
    return (lane.peer_program("usr/sbin/xinetd"), "-dontfork", "-f", conf,
            "-pidfile", lane.scratch / "xinetd.status.pid", "-filelog", lane.scratch / "xinetd.status.log")


def activate(lane):
    return (lane.peer_program("usr/bin/systemd-socket-activate"), "-a", "-l", ACTIVATE,
            lane.scratch / "bin/tftpd-status", *ARGUMENTS)


def prometheus(lane):
    """The shipped job and rules; targets and interval are ours, and nobody waits for an
    alert."""
    folder = lane.scratch / "prometheus"
    folder.mkdir()
    rules = (MONITORING / "alerts.yml").read_text()
    rules, count = re.subn(r"(?m)^( +for:) .*$", r"\1 0s", rules)
    check_equal(count, rules.count("- alert: "), "alerts that wait")
    (folder / "alerts.yml").write_text(rules)
    text = (MONITORING / "prometheus.yml").read_text()
    for pattern, ours in ((r"scrape_interval: .*", f"scrape_interval: {INTERVAL}"),
                          (r"targets: .*:9169.*", f"targets: {json.dumps(TARGETS)}")):
        text, count = re.subn(pattern, ours, text, count=1)
        check_equal(count, 1, f"lines like {pattern}")
    config = folder / "prometheus.yml"
    config.write_text(f"global:\n  scrape_timeout: {INTERVAL}\n  evaluation_interval: {INTERVAL}\n" + text)
    return (lane.peer_program("usr/bin/prometheus"), f"--config.file={config}",
            f"--storage.tsdb.path={folder}/data", "--storage.tsdb.retention.size=64MB",
            f"--web.listen-address={PROMETHEUS}", "--log.level=warn",
            # Not in --help: 5 s more until the first scrape.
            "--scrape.discovery-reload-interval=100ms")


def ask(path, **parameters):
    """The API's data, or None while Prometheus starts; an error of it fails the test."""
    url = f"http://{PROMETHEUS}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
    try:
        with urllib.request.urlopen(url, timeout=20) as response:
            tree = json.load(response)
    except urllib.error.HTTPError as error:
        if error.code == 503:
            return None     # it is not ready yet
        tree = json.load(error)
    except OSError:
        return None         # it does not listen yet
    check_equal(tree.get("status"), "success", f"{path} with {parameters}: {tree.get('error')}")
    check(not tree.get("warnings"), f"{path} with {parameters}: {tree.get('warnings')}")
    return tree["data"]


def query(expression):
    """[(labels, value)] at this moment."""
    data = ask("query", query=expression)
    return [(row["metric"], float(row["value"][1])) for row in data["result"]] if data else []


def by_instance(expression):
    return {labels["instance"]: value for labels, value in query(expression)}


def newer_scrape(lane):
    """Both targets are scraped once more, from beginning to end, after this moment."""
    now = time.time()
    until(lambda: len([value for value in by_instance("timestamp(up)").values() if value > now]) == len(TARGETS),
          SECONDS * lane.slowness, "a scrape of both")


# The scene.

class Clients(Traffic):
    """Not as many as can be: the processors are others', too."""

    def run(self):
        try:
            while not self.is_over:
                self.lane.load("--clients", 4, "--total", 20, "metrics.bin", ends=None)
                time.sleep(0.1)
        except Exception as error:      # told by who waits for us
            self.error = error


class Scene:
    def __init__(self, lane):
        self.lane, self.programs, self.gone = lane, Programs(lane), []
        self.is_whole, self.begin = False, time.time()
        self.conf, self.rotator = Conf(lane), Rotator(LOG)

    def write_conf(self, *lines):
        self.conf.write(*lines, "create = yes", "overwrite = yes", "min-free = 0")

    def serve(self):
        self.lane.serve("-f", self.conf.path, "--log", LOG, mode="xinetd", fresh=True)

    def prepare(self):
        """All programs run, and Prometheus sees both targets."""
        self.lane.stop_server()
        LOG.parent.mkdir()
        STATE.mkdir(mode=0o750)
        shutil.chown(STATE, STATUS_USER, STATUS_USER)
        self.programs.start("xinetd", *xinetd(self.lane))
        self.programs.start("activate", *activate(self.lane))
        self.lane.make_content("metrics.bin", 3000)
        self.write_conf()
        self.serve()
        # Until somebody has asked, xinetd runs no server, and there is no log.
        self.lane.load("--clients", 1, "--total", 1, "metrics.bin", ends=None)
        self.programs.start("prometheus", *prometheus(self.lane))
        try:
            until(lambda: by_instance("tftpd_up") == dict.fromkeys(TARGETS, 1), SECONDS * self.lane.slowness,
                  "Prometheus sees both")
        except AssertionError as error:
            check(False, f"{error}\n{self.programs.said()}")

    def play(self):
        """Rotation, restart and deletion, with requests and scrapes going on."""
        self.prepare()
        for way in ("rename", "rename_and_pack", "restart", "rename_and_pack", "forget"):
            if way == "restart":
                self.lane.stop_server()
                newer_scrape(self.lane)
                self.serve()
            with Clients(self.lane) as clients:
                until(LOG.exists, SECONDS * self.lane.slowness, "a log")
                if way == "forget":
                    self.forget()
                elif way != "restart":
                    getattr(self.rotator, way)()
                newer_scrape(self.lane)
            if clients.error:
                raise clients.error
        ask_for_everything(self.lane)
        newer_scrape(self.lane)
        self.is_whole = True

    def forget(self):
        """The oldest ones are deleted; what they told is counted."""
        for path in sorted(LOG.parent.glob(f"{LOG.name}.*"))[1:]:
            before = set(self.lines())
            path.unlink()
            self.gone += sorted(before - set(self.rotator.lines()) - set(self.gone))

    def lines(self):
        """All that was ever logged, in the order of time."""
        return sorted(self.gone + self.rotator.lines(), key=lambda line: json.loads(line)["ts"])


def ask_for_everything(lane):
    """An end of each class, and one transfer that Prometheus sees running."""
    lane.file("kept", b"x" * 2000)
    lane.file("private", b"x", mode=0o600)
    for name, code in (("missing", 1), ("private", 2)):
        peer = lane.peer()
        peer.read(name, ends=None)
        peer.expect(tftp.ERROR, code)
    peer = lane.peer()
    peer.read("kept", ends=None, tsize=0)
    peer.expect(tftp.OACK)
    peer.error(8)
    peer = lane.peer()
    peer.write("stored", ends=None)
    peer.expect(tftp.ACK, 0)
    peer.data(1, b"x" * 100)
    peer.expect(tftp.ACK, 1)
    held = start_one(lane)
    newer_scrape(lane)
    held.error(0)
    until(lambda: not open_ids(), SECONDS * lane.slowness, "the end of the last transfer")


def start_one(lane):
    peer = lane.peer()
    peer.read("kept", ends=None)
    peer.expect(tftp.DATA, 1)
    return peer


def open_ids():
    log = harness.Log(LOG)
    return {r["id"] for r in log.starts()} - {r["id"] for r in log.ends()}


def scene(lane):
    if not hasattr(lane, "scraped"):
        lane.scraped = Scene(lane)
        lane.scraped.play()
    check(lane.scraped.is_whole, "there is no scene: see the first test")
    return lane.scraped


# What Prometheus saw.

def both_were_always_up(lane):
    scene(lane)
    rows = ask("query", query="up[1h]")["result"]
    check_equal(sorted(row["metric"]["instance"] for row in rows), sorted(TARGETS), "targets")
    for row in rows:
        values = [value for _, value in row["values"]]
        check(set(values) == {"1"} and len(values) > 5, f"up of {row['metric']['instance']}: {values}")
    for series, expected in (("min_over_time(tftpd_up[1h])", 1), ("min_over_time(tftpd_running[1h])", 0),
                             ("max_over_time(tftpd_running[1h])", 1), ("min_over_time(tftpd_log_readable[1h])", 1),
                             ("min_over_time(tftpd_state_saved[1h])", 1), ("tftpd_log_gaps_total", 0),
                             ("tftpd_state_rebuilds_total", 0)):
        check_equal(by_instance(series), dict.fromkeys(TARGETS, expected), series)
    took = by_instance("quantile_over_time(0.5, scrape_duration_seconds[1h])")
    lane.note(f"prometheus: a scrape takes {took[XINETD] * 1000:.0f} ms by xinetd, "
              f"{took[ACTIVATE] * 1000:.0f} ms by systemd (median)")


def no_counter_ever_fell(lane):
    scene(lane)
    rows = ask("query", query='{__name__=~"tftpd_.+_(total|bucket|count|sum)"}[1h]')["result"]
    check(len(rows) > 200, f"only {len(rows)} series")
    for row in rows:
        values = [float(value) for _, value in row["values"]]
        check(values == sorted(values), f"{row['metric']}: {values}")
    for name in ("tftpd_transfers_total", "tftpd_transferred_bytes_total", "tftpd_first_reply_seconds_bucket"):
        check_equal(set(v for _, v in query(f"max(resets({name}[1h]))")), {0}, f"resets of {name}")


def series_of(labels):
    """As the exporter writes it."""
    inner = ",".join(f'{name}="{labels[name]}"' for name in LABELS if name in labels)
    return labels["__name__"] + (f"{{{inner}}}" if inner else "")


def the_last_values_are_right(lane):
    """They equal a recount of all that was logged, and what tftpd-stats says."""
    played = scene(lane)
    newer_scrape(lane)
    kept = lane.scratch / "rollup.copy"
    shutil.copy(STATE / "rollup", kept)
    done = lane.run_stats("prometheus", "--openmetrics", "--log", LOG, "--state", kept)
    check_equal(done.returncode, 0, f"status of tftpd-stats: {done.stderr}")
    ours = {series: value for series, value in samples(done.stdout.decode()).items()
            if not series.startswith("tftpd_stats_collect_duration")}
    for target in TARGETS:
        told = {series_of(labels): value for labels, value in
                query(f'{{__name__=~"tftpd_.+",instance="{target}"}}')}
        wrong = disagreement(told, played.lines())
        check(not wrong, f"{target}:\n" + "\n".join(wrong[:10]))
        wrong = [f"{series}: {told.get(series)}, not {value}" for series, value in ours.items()
                 if told.get(series) != value]
        check(not wrong, f"{target} beside tftpd-stats:\n" + "\n".join(wrong[:10]))
    check(played.gone, "no file was deleted")


# The dashboard.

def filled_in(expr, instance):
    """As Grafana does it, which takes four intervals for a rate."""
    return expr.replace("$__rate_interval", "4s").replace("$instance", instance)


def each_panel_has_data(lane):
    played = scene(lane)
    board = dashboard()
    wanted = [v["definition"] for v in board["templating"]["list"] if v["name"] == "instance"]
    check_equal(wanted, ["label_values(tftpd_up, instance)"], "where instances come from")
    check_equal(sorted(ask("label/instance/values", **{"match[]": "tftpd_up"})), sorted(TARGETS), "instances")
    count = 0
    for instance in (".*", XINETD.replace(".", "\\\\.")):
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                rows = ask("query_range", query=filled_in(target["expr"], instance), step=1,
                           start=played.begin, end=time.time())["result"]
                values = [float(value) for row in rows for _, value in row["values"]]
                check(any(map(math.isfinite, values)),
                      f"{panel['title']}: {target['expr']} has no value among {len(values)}")
                count += 1
    check(count > 60, f"only {count} expressions")
    check(query("max(max_over_time(tftpd_active_transfers[1h]))")[0][1] > 0, "nobody was seen active")


# The alerts.

def firing():
    """{(alert, instance)}"""
    return {(alert["labels"]["alertname"], alert["labels"].get("instance"))
            for alert in ask("alerts")["alerts"] if alert["state"] == "firing"}


def rules():
    return [rule for group in ask("rules")["groups"] for rule in group["rules"]]


def alerts_fire_that_should(lane):
    """None while all is well; then a crash, a configuration with a mistake, and a target
    that is away."""
    played = scene(lane)
    until(lambda: all(rule["health"] != "unknown" for rule in rules()), SECONDS * lane.slowness, "an evaluation")
    check_equal({(rule["name"], rule.get("lastError")) for rule in rules() if rule["health"] != "ok"}, set(),
                "rules that are not well")
    check_equal(len(rules()), (MONITORING / "alerts.yml").read_text().count("- alert: "), "rules")
    check_equal(firing(), set(), "alerts while all is well")
    expected = {(alert, target) for alert in ("TftpdIoErrors", "TftpdConfigurationBad") for target in TARGETS}
    crash_one(lane)
    played.write_conf("windowsize = many")
    until(lambda: header().is_bad, SECONDS * lane.slowness, "the mistake is seen")
    until(lambda: firing() >= expected, SECONDS * lane.slowness, f"{expected} fire")
    check_equal(firing(), expected, "alerts")
    played.programs.stop("xinetd")
    expected.add(("TftpdScrapeFailed", XINETD))
    until(lambda: ("TftpdScrapeFailed", XINETD) in firing(), SECONDS * lane.slowness, "the target's alert")
    check_equal({one for one in firing() if one[0] == "TftpdScrapeFailed"}, {("TftpdScrapeFailed", XINETD)},
                "targets that are missed")


def crash_one(lane):
    held = start_one(lane)
    log = harness.Log(LOG)
    os.kill(log.wait_start(**of_peer(held))["pid"], signal.SIGKILL)
    log.wait_end(SECONDS * lane.slowness, outcome="crashed", **of_peer(held))


def all_of_it_ends(lane):
    lane.scraped.programs.stop_all()
    lane.stop_server()


TESTS = (
    ("through rotation, restart and deletion xinetd and systemd always answer", both_were_always_up, False),
    ("no counter ever fell", no_counter_ever_fell, False),
    ("the last values equal a recount and tftpd-stats", the_last_values_are_right, False),
    ("each panel of the dashboard has data", each_panel_has_data, False),
    ("alerts fire that should, and no others", alerts_fire_that_should, False),
    ("Prometheus and the superservers end", all_of_it_ends, False),
)
