"""What SNMP is told: real snmpd and its tools; the numbers are those of the metrics."""

import contextlib
import gzip
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from closing import OUTCOMES
from harness import LOG, Failure, check, check_equal, children, listening, until
from test_metrics import HISTOGRAMS, MONITORING, SUMS, crash_one, disagreement, label, samples
from test_stats import rotate, some_traffic

PORT = 1161
OWN = ".1.3.6.1.4.1.8072.9999.9999.69"
APPL = ".1.3.6.1.2.1.27.1"
MIBS = pathlib.Path(__file__).resolve().parent / "mibs"
STATE = pathlib.Path("/var/lib/snmp/tftpd-rollup")
OPS = {"read": 1, "write": 2, "unknown": 3}
CLASSES = ("success", "neutral", "refused", "failure")

# Series of the metrics, and where they stand below OWN.
SCALARS = {"tftpd_open_transfers": "1.1.7.0", "tftpd_transfers_started_total": "1.2.2.0",
           "tftpd_requests_total": "1.2.3.0", "tftpd_repeated_requests_total": "1.2.4.0",
           "tftpd_ignored_datagrams_total": "1.2.5.0", "tftpd_dropped_datagrams_total": "1.2.6.0",
           "tftpd_log_size_bytes": "1.3.3.0", "tftpd_log_lines_total": "1.3.4.0",
           "tftpd_log_parse_errors_total": "1.3.5.0", "tftpd_log_gaps_total": "1.3.6.0",
           "tftpd_state_rebuilds_total": "1.3.7.0"}
# Metrics that SNMP has in another form.
ELSEWHERE = {"tftpd_build_info", "tftpd_up", "tftpd_running", "tftpd_start_time_seconds",
             "tftpd_config_last_reload_successful", "tftpd_last_transfer_timestamp_seconds",
             "tftpd_log_readable", "tftpd_state_saved", "tftpd_state_created_timestamp_seconds",
             "tftpd_stats_collect_duration_seconds"}


def place_of(series, told):
    """The identifier of a series, and what its unit is multiplied with."""
    name, op = series.partition("{")[0], OPS.get(label(series, "op"))
    if name in SCALARS:
        return SCALARS[name], 1
    if name == "tftpd_active_transfers":
        return f"1.5.1.8.{op}", 1
    if name in SUMS:
        return f"1.5.1.{list(SUMS).index(name) + 2}.{op}", 1
    if name == "tftpd_transfers_total":
        return f"1.6.1.3.{op}.{OUTCOMES.index(label(series, 'outcome')) + 1}", 1
    stem, _, kind = name.rpartition("_")
    measure, unit = list(HISTOGRAMS).index(stem) + 1, HISTOGRAMS[stem][1]
    if kind == "bucket":
        same = [s for s in told if s.startswith(f'{name}{{op="{label(series, "op")}"')]
        return f"1.8.1.5.{measure}.{op}.{same.index(series) + 1}", 1
    return f"1.7.1.{3 if kind == 'count' else 4}.{measure}.{op}", unit if kind == "sum" else 1


# snmpd.

class Agent:
    """snmpd on the loopback, as an ordinary user who may read the log."""

    def __init__(self, lane, conf):
        self.lane, self.folder = lane, lane.scratch / f"snmpd-{lane.count()}"
        self.folder.mkdir()
        shutil.chown(self.folder, lane.uid, lane.gid)
        (self.folder / "snmpd.conf").write_text(conf)
        self.log = self.folder / "log"
        self.env = {**lane.environment(peers=True), "SNMP_PERSISTENT_DIR": str(self.folder), "MIBS": ""}
        self.process = subprocess.Popen(
            [str(lane.peer_program("usr/sbin/snmpd")), "-f", "-r", "-Lf", str(self.log), "-C",
             "-c", str(self.folder / "snmpd.conf"), f"udp:127.0.0.1:{PORT}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=self.env, cwd="/", user=lane.uid, group=lane.gid, extra_groups=[LOG.stat().st_gid])
        until(lambda: listening(PORT) or self.process.poll() is not None, 20 * lane.slowness, "snmpd listens")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20 * self.lane.slowness)
        until(lambda: not listening(PORT), 5, "snmpd's port is free")

    def run(self, tool, *words, community="tftpd", mib=False):
        """Status and output of snmpget and so on."""
        how = ["-M", f"{MIBS}:{MONITORING}", "-m", "SIMPLE-TFTPD-MIB"] if mib else ["-M", str(MIBS), "-m", ""]
        done = subprocess.run(
            [str(self.lane.peer_program(f"usr/bin/{tool}")), "-v2c", "-c", community, "-t", "20", "-r", "0",
             *how, *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=self.env, timeout=60 * self.lane.slowness)
        return done.returncode, done.stdout.decode()

    def walk(self, root, tool="snmpwalk"):
        """identifier -> value, as text."""
        status, text = self.run(tool, "-OnqUet", f"127.0.0.1:{PORT}", root)
        check_equal(status, 0, f"{tool} {root}: {text}")
        # the end of the view is told as a value
        return dict(line.partition(" ")[::2] for line in text.splitlines() if "No more variables" not in line)

    def own(self):
        return {oid.removeprefix(OWN + "."): value for oid, value in self.walk(OWN).items()}

    def get(self, *oids):
        status, text = self.run("snmpget", "-OqvUet", f"127.0.0.1:{PORT}", *oids)
        check_equal(status, 0, text)
        return text.splitlines()

    def programs(self):
        return children(self.process.pid)


@contextlib.contextmanager
def snmpd(lane, conf=None):
    agent = Agent(lane, conf or shipped(lane))
    try:
        yield agent
    except Failure as failure:
        log = agent.log.read_text(errors="replace") if agent.log.exists() else ""
        said = [line for line in log.splitlines() if "Connection from" not in line]
        raise Failure("\n".join([str(failure), *said[-5:]])) from failure
    finally:
        agent.stop()


def shipped(lane):
    """The example of monitoring/, with our program; and a community that may write."""
    STATE.parent.mkdir(exist_ok=True)
    shutil.chown(STATE.parent, lane.uid, lane.gid)
    text = (MONITORING / "snmpd.conf").read_text()
    check_equal(text.count("/usr/bin/tftpd-stats"), 2, "programs in the example")
    return text.replace("/usr/bin/tftpd-stats", str(lane.stats)) + "rwcommunity writer 127.0.0.1 -V tftpd\n"


def in_memory(lane):
    return re.sub(r" --state \S+", "", shipped(lane))


def scrape(lane, *words):
    done = lane.run_stats("prometheus", *words)
    check_equal(done.returncode, 0, f"status of prometheus: {done.stderr.decode()}")
    return samples(done.stdout.decode())


# Equal numbers.

def everything_equals_the_metrics(lane):
    some_traffic(lane)
    for raw in (b"\0\1", b"rubbish"):
        lane.peer().send_to_service(raw)
    check_equal(lane.peer().get("stats-b"), (lane.root / "stats-b").read_bytes(), "what comes behind it")
    lane.stop_server()          # which then tells what it ignored
    some_traffic(lane)
    crash_one(lane)
    with snmpd(lane) as agent:
        own, told = agent.own(), scrape(lane)
        compare(own, told)
        as_metrics = {series: int(own[place_of(series, told)[0]]) / place_of(series, told)[1]
                      for series in told if series.partition("{")[0] not in ELSEWHERE}
        wrong = disagreement(as_metrics, lane.log.lines())
        check(not wrong, "\n".join(wrong[:10]))
        of_the_summary(lane, own)
        row = {oid.removeprefix(APPL + ".1."): value for oid, value in agent.walk(APPL).items()}
        check_appl(row, own, told)
        check(STATE.exists(), "the counters are not kept")
    check_equal(list(pathlib.Path("/dev/shm").iterdir()), [], "what is left in /dev/shm")


def compare(own, told):
    for series, value in told.items():
        if series.partition("{")[0] in ELSEWHERE:
            continue
        place, unit = place_of(series, told)
        check_equal(int(own[place]), round(value * unit), f"{series} at {place}")
    check_equal(own["1.1.1.0"], '"' + label(next(iter(told)), "version") + '"', "version")
    for name, place in (("tftpd_up", "1.1.2.0"), ("tftpd_running", "1.1.3.0"), ("tftpd_log_readable", "1.3.1.0")):
        check_equal(own[place], "1" if told[name] else "2", name)
    check_equal(own["1.1.5.0"], "1" if told["tftpd_config_last_reload_successful"] else "2", "configuration")
    for number, name in enumerate(CLASSES, 1):
        last = told.get(f'tftpd_last_transfer_timestamp_seconds{{class="{name}"}}')
        check_equal(f"1.4.1.3.{number}" in own, last is not None, f"whether there is a last {name}")
        if last is not None:
            check(abs(seconds_of(own[f"1.4.1.3.{number}"]) - last) <= 0.1, f"the last {name}")
            check(abs(time.time() - last - int(own[f"1.4.1.4.{number}"])) < 20, f"age of the last {name}")
    check(abs(seconds_of(own["1.1.4.0"]) - told["tftpd_start_time_seconds"]) <= 0.1, "the start")


def seconds_of(text):
    """DateAndTime, UTC, in hexadecimal as snmpwalk prints it."""
    octets = bytes.fromhex(text.strip('" '))
    check_equal((len(octets), octets[8:]), (11, b"+\0\0"), "length and zone of a time")
    year = int.from_bytes(octets[:2], "big")
    return time.mktime((year, *octets[2:7], 0, 0, 0)) - time.timezone + octets[7] / 10


def of_the_summary(lane, own):
    done = lane.run_stats("summary", "--json")
    summary = json.loads(done.stdout)
    check_equal(int(own["1.2.1.0"]), summary["requests"], "requests")
    for number, name in enumerate(CLASSES, 1):
        check_equal(int(own[f"1.4.1.2.{number}"]), summary[name], name)
    check_equal(int(own["1.3.5.0"]), summary["bad_lines"], "bad lines")
    health = json.loads(lane.run_stats("health", "--json").stdout)["state"]
    check_equal(own["1.1.8.0"], str(("ok", "unknown", "warning", "critical").index(health) + 1), "health")
    check_equal(own["1.1.9.0"] == '"ok"', health == "ok", f"{own['1.1.9.0']} with {health}")


def check_appl(row, own, told):
    check_equal(row["2.1"], '"tftpd"', "applName")
    check_equal((row["6.1"], row["8.1"]), ("1", own["1.1.6.0"]), "applOperStatus, applInboundAssociations")
    check_equal(row["10.1"], own["1.2.2.0"], "applAccumulatedInboundAssociations")
    check_equal(row["14.1"], own["1.4.1.2.3"], "applRejectedInboundAssociations")
    check_equal([row[f"{n}.1"] for n in (9, 11, 13, 15)], ["0"] * 4, "outbound")
    check_equal(len(row), 16, "columns of applTable")


def ticks_are_sysuptime(lane):
    """A server that starts while snmpd runs: when, on snmpd's own clock."""
    some_traffic(lane)
    conf = shipped(lane).replace("view tftpd included .1.3.6.1.2.1.27.1",
                                 "view tftpd included .1.3.6.1.2.1.27.1\nview tftpd included .1.3.6.1.2.1.1.3")
    with snmpd(lane, conf) as agent:
        lane.stop_server()
        before = int(agent.get(".1.3.6.1.2.1.1.3.0")[0])
        some_traffic(lane)
        now, start, change, last = map(int, agent.get(
            ".1.3.6.1.2.1.1.3.0", *(f"{APPL}.1.{n}.1" for n in (5, 7, 12))))
        # snmpd's clock begins a little after its process
        slack = 100 * lane.slowness
        check(before - slack <= start <= last <= now + slack, f"{before}, {start}, {last}, {now}")
        check_equal(change, start, "applLastChange")


# The MIB.

def names_and_types_are_the_mibs(lane):
    some_traffic(lane)
    with snmpd(lane) as agent:
        status, text = agent.run("snmpwalk", f"127.0.0.1:{PORT}", OWN, mib=True)
        check_equal(status, 0, text[:500])
        check("Wrong Type" not in text, "\n".join(line for line in text.splitlines() if "Wrong Type" in line))
        names = {re.match(r"SIMPLE-TFTPD-MIB::(\w+)[.\[]", line).group(1) for line in text.splitlines()}
        mib = (MONITORING / "SIMPLE-TFTPD-MIB.txt").read_text()
        readable = set(re.findall(r"(?m)^(\w+) OBJECT-TYPE\n(?:    (?:SYNTAX|UNITS) .*\n)+    MAX-ACCESS  read-only", mib))
        check_equal(names, readable, "objects that are served, and described")
        check("= INTEGER: complete(" not in text and "tftpdOutcomeRequests.read.complete = Counter64:" in text,
              "indices by name")
        for name, value in (("tftpdRunning.0", "INTEGER: true(1)"), ("tftpdHealthState.0", "INTEGER: "),
                            ("tftpdStartTime.0", f"STRING: {time.gmtime().tm_year}-")):
            check(f"SIMPLE-TFTPD-MIB::{name} = {value}" in text, f"{name} is not {value}")


# The tools.

def tools_find_their_way(lane):
    some_traffic(lane)
    with snmpd(lane) as agent:
        walked = agent.walk(OWN)
        keys = lambda found: [tuple(map(int, oid.strip(".").split("."))) for oid in found]
        check_equal(keys(walked), sorted(keys(walked)), "the order of a walk")
        steady = lambda found: {oid: value for oid, value in found.items()
                                if not oid.startswith((OWN + ".1.3.9.", OWN + ".1.4.1.4."))}
        check_equal(steady(agent.walk(OWN, "snmpbulkwalk")), steady(walked), "snmpbulkwalk")
        both = agent.walk(".1.3.6.1")
        check_equal({oid.startswith(APPL) for oid in both}, {True, False}, "both trees in a walk from above")
        check_equal(len(both), len(walked) + 16, "values of a walk from above")
        check_equal(agent.get(OWN + ".1.2.2.0", OWN + ".1.6.1.3.1.1"),
                    [walked[OWN + ".1.2.2.0"], walked[OWN + ".1.6.1.3.1.1"]], "two at once")
        for wrong in ("", ".1", ".1.2.2", ".1.2.2.0.0", ".1.2.2.1", ".1.6.1.3.1.99", ".99", ".1.8.1.4.1.1.12"):
            check("No Such" in agent.get(OWN + wrong)[0], f"a value at {wrong}")
        next_of = lambda oid: agent.run("snmpgetnext", "-OnqUet", f"127.0.0.1:{PORT}", oid)[1].partition(" ")[0]
        for oid, wanted in ((OWN, ".1.1.1.0"), (OWN + ".1.2", ".1.2.1.0"), (OWN + ".1.2.2", ".1.2.2.0"),
                            (OWN + ".1.2.2.0", ".1.2.3.0"), (OWN + ".1.2.2.0.7.7", ".1.2.3.0"),
                            (OWN + ".1.6.1.3.1.9", ".1.6.1.3.1.10"), (OWN + ".0.1", ".1.1.1.0")):
            check_equal(next_of(oid), OWN + wanted, f"the next of {oid}")


def set_is_refused(lane):
    some_traffic(lane)
    with snmpd(lane) as agent:
        before = agent.get(OWN + ".1.2.2.0")
        programs = agent.programs()
        for oid, kind, value in ((".1.2.2.0", "i", "5"), (".1.1.1.0", "s", "2.0"),
                                 (".1.1.1.0", "s", ""), (".1.1.1.0", "x", "00 0A FF"), (".1.2.2.0", "u", "7"),
                                 (".1.9.9.0", "i", "1"), (".1.1.1.0", "s", "x" * 3000), (".1.1.1.0", "a", "1.2.3.4"),
                                 (".1.2.2.0", "o", ".1.3.6"), (".1.2.2.0", "t", "9")):
            status, text = agent.run("snmpset", f"127.0.0.1:{PORT}", OWN + oid, kind, value, community="writer")
            check(status != 0 and re.search("notWritable|noAccess|noCreation", text), f"{oid} {kind}: {text}")
            check_equal(agent.get(OWN + ".1.2.2.0"), before, f"the value after a set of {kind}")
        check_equal(agent.programs(), programs, "the programs, none started anew")


def who_is_killed_comes_again(lane):
    some_traffic(lane)
    with snmpd(lane) as agent:
        before = agent.get(OWN + ".1.2.1.0")
        victims = agent.programs()
        check(victims, "no program")
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        until(lambda: agent.run("snmpget", "-OqvUet", f"127.0.0.1:{PORT}", OWN + ".1.2.1.0")[1].split("\n")[:1] == before,
              20 * lane.slowness, "the same value of a new program")
        programs = agent.programs()
        check(programs and not set(programs) & set(victims), f"{programs} after {victims}")
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in programs), 5, "they end with snmpd")


# A long life.

def counters_live_through_rotations(lane):
    """Kept in memory, by who may not write the server's state."""
    some_traffic(lane)
    scrape(lane)
    shown = []

    def look():
        shown.append({oid: int(value) for oid, value in agent.own().items()
                      if re.match(r"1\.(2\.[1-6]|3\.[4-7]|4\.1\.2|5\.1\.[2-7]|6\.1\.3|7\.1|8\.1\.5)\b", oid)})
        fell = [oid for was in shown for oid, value in was.items() if shown[-1].get(oid, 0) < value]
        check(not fell, f"fell: {fell[:5]}")
        return shown[-1]

    with snmpd(lane, in_memory(lane)) as agent:
        look()
        programs = agent.programs()
        check_equal(agent.get(OWN + ".1.3.8.0"), ["2"], "whether it is kept on disk")
        rotate()
        some_traffic(lane)
        ends = len(lane.log.ends())
        until(lambda: look()["1.2.1.0"] == ends, 15 * lane.slowness, f"{ends} requests after a rotation")
        rotate()
        some_traffic(lane)
        until(LOG.exists, 10 * lane.slowness, "a new log")
        ends = len(lane.log.ends())
        for path in lane.log.files()[:-1]:
            with gzip.open(f"{path}.gz", "wb") as packed:
                packed.write(path.read_bytes())
            path.unlink()
        until(lambda: look()["1.2.1.0"] == ends, 15 * lane.slowness, f"{ends} requests after packing")
        check_equal((look()["1.3.6.0"], look()["1.3.7.0"]), (0, 0), "gaps and rebuilds")
        check_equal(agent.programs(), programs, "the programs, none started anew")
        compare_counters(look(), scrape(lane))
    for path in LOG.parent.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()


def compare_counters(shown, told):
    for series, value in told.items():
        if series.partition("{")[0] not in ELSEWHERE:
            place, unit = place_of(series, told)
            if place in shown:
                check_equal(shown[place], round(value * unit), f"{series} at {place}")


# The protocol, without snmpd.

def talk(lane, text, *words, **how):
    done = subprocess.run([str(lane.stats), "snmp", *map(str, words)], input=text.encode(), timeout=20 * lane.slowness,
                          stdout=subprocess.PIPE, env=lane.environment(),
                          **{"stderr": subprocess.PIPE, **how})
    return done.returncode, done.stdout.decode(), (done.stderr or b"").decode()


def it_says_goodbye(lane):
    some_traffic(lane)
    for text, wanted in (("PING\n", "PONG\n"), ("PING\n\nPING\n", "PONG\n"), ("", ""), ("\n", ""), ("PING", ""),
                         ("hello\nPING\n", "NONE\nPONG\n"), ("x" * 100000 + "\nPING\n", "NONE\nPONG\n"),
                         (f"get\n{OWN}.1.1.3.0\n", f"{OWN}.1.1.3.0\ninteger\n1\n"),
                         ("getnext\n.1\n", f"{APPL}.1.2.1\nstring\ntftpd\n"),
                         (f"getnext\n{APPL}.1.17.1\n", "NONE\n")):
        check_equal(talk(lane, text), (0, wanted, ""), f"status, answer and complaints of {text[:40]!r}")
    process = subprocess.Popen([str(lane.stats), "snmp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=lane.environment())
    process.stdout.close()
    process.stdin.write(b"PING\n")
    process.stdin.flush()
    check_equal(process.wait(10 * lane.slowness), 0, "status when nobody reads")
    check_equal(process.stderr.read(), b"", "complaints")
    process.stdin.close()
    process.stderr.close()


def base_and_mib_are_chosen(lane):
    some_traffic(lane)
    ask = "getnext\n.1\ngetnext\n.1.3.6.1.4\n"
    for words, wanted in (((), [f"{APPL}.1.2.1", f"{OWN}.1.1.1.0"]),
                          (("--mib", "tftpd"), [f"{OWN}.1.1.1.0"] * 2), (("--mib", "appl"), [f"{APPL}.1.2.1", "NONE"]),
                          (("--base", "1.3.6.1.4.1.99999.7"), [f"{APPL}.1.2.1", ".1.3.6.1.4.1.99999.7.1.1.1.0"]),
                          (("--base", ".1.3.6.1.3.5"), [f"{APPL}.1.2.1", "NONE"])):
        status, text, err = talk(lane, ask, *words)
        check_equal((status, err), (0, ""), f"status and complaints of {words}")
        check_equal([line for line in text.splitlines() if re.match(r"\.|NONE", line)], wanted, f"with {words}")
    for words in (("--base", "enterprises.1"), ("--base", ""), ("--base", ".1.3.6.1.2.1.27.1.1"), ("--base", ".1.3.6"),
                  ("--base", ".1" * 120), ("--mib", "all"), ("--json",), ("--since", "1h"), ("-l", "a", "-l", "b")):
        check_equal(talk(lane, "", *words)[0], 2, f"status with {words}")
    check_equal(lane.run_stats("summary", "--mib", "appl").returncode, 2, "another command's option")


def an_unreadable_log_is_told(lane):
    some_traffic(lane)
    who = {"user": lane.uid, "group": lane.gid, "extra_groups": []}
    ask = f"get\n{OWN}.1.3.1.0\nget\n{OWN}.1.3.2.0\nget\n{OWN}.1.1.2.0\nget\n{OWN}.1.1.8.0\n"
    os.chmod(LOG, 0o600)
    try:
        status, text, err = talk(lane, ask * 2, **who)
        check_equal((status, err.count("\n")), (0, 1), f"status, and lines of {err!r}")
        values = text.splitlines()[2::3]
        check_equal(values[:4], ["2", f"{LOG}: Permission denied", "2", "2"], "readable, why, up, health")
        # snmpd reads standard error as answers: then it is for syslog.
        status, both, _ = talk(lane, ask * 2, stderr=subprocess.STDOUT, **who)
        check_equal((status, both), (0, text), "what snmpd reads")
        until(lambda: any("Permission denied" in line and "tftpd-stats" in line for line in lane.syslog), 5,
              "a line in syslog")
        check_equal(sum("Permission denied" in line for line in lane.syslog), 1, "lines in syslog")
    finally:
        os.chmod(LOG, 0o640)
    status, text, err = talk(lane, ask, "--state", "/proc/none/rollup")
    check_equal((status, err.count("\n")), (0, 1), f"status, and lines of {err!r}")
    check_equal(text.splitlines()[2], "1", "readable")


def hostile_names_stay_out(lane):
    """A path is printed; a file name never is."""
    place = pathlib.Path("/var/log/hostile\nNONE\x1b[31m")
    place.mkdir(exist_ok=True)
    status, text, err = talk(lane, f"get\n{OWN}.1.3.2.0\nPING\n", "-l", place / "none")
    check_equal(status, 0, "status")
    check_equal(text.splitlines()[1:], ["string", r"/var/log/hostile\x0aNONE\x1b[31m/none: No such file or directory",
                                        "PONG"], "the answer")
    check("\x1b" not in err and err.count("\n") == 1, f"complaints: {err!r}")


TESTS = (
    ("every value equals the metrics, the reports and a recount", everything_equals_the_metrics, True),
    ("times of applTable are on snmpd's clock", ticks_are_sysuptime, True),
    ("names and types are those of the MIB", names_and_types_are_the_mibs, True),
    ("snmpwalk, snmpbulkwalk, snmpget and snmpgetnext find their way", tools_find_their_way, True),
    ("set is refused, and the program goes on", set_is_refused, True),
    ("a program that is killed comes again", who_is_killed_comes_again, True),
    ("counters kept in memory live through rotations", counters_live_through_rotations, False),
    ("empty line, end of input, rubbish, nobody who reads", it_says_goodbye, True),
    ("--base and --mib", base_and_mib_are_chosen, True),
    ("a log that cannot be read is told once", an_unreadable_log_is_told, True),
    ("a hostile path stays in its line", hostile_names_stay_out, True),
)
