"""Scenes of tftpd-status.socket, and of the textfile timer of monitoring/."""

import concurrent.futures
import json

from harness import check, check_equal, run, until
from world import STATUS, URL, http

AT_ONCE = 200
NODE_EXPORTER = "/var/lib/prometheus/node-exporter"


def answers(world):
    m = world.machine
    world.configure("linger = 60\n")
    world.fetch()
    m.systemctl("enable", "--now", STATUS)
    for path in ("/healthz", "/readyz"):
        status, body = http(path)
        check_equal(status, 200, f"{path}: {body!r}")
    status, body = http("/metrics")
    check(status == 200 and b"\ntftpd_transfers_total{" in body, f"{status} {body[:300]!r}")
    status, body = http("/")
    check(status == 200 and b"<html" in body[:400].lower(), f"{status} {body[:400]!r}")
    status, body = http("/api/v1/status")
    check(status == 200 and isinstance(json.loads(body), dict), f"{status} {body[:300]!r}")
    gone(world)
    # A scrape every few seconds would fill the journal with its start and its end.
    told = [line for line in m.journal("--identifier=systemd").splitlines() if "tftpd-status@" in line]
    check_equal(told, [], "what systemd says of each request")
    world.healthy()


def started(world):
    world.configure()
    world.machine.systemctl("start", STATUS)


def gone(world):
    """Nothing is left of the processes that answered."""
    def left():
        return world.machine.systemctl("list-units", "--all", "--no-legend", "--plain", "tftpd-status@*").strip()
    until(lambda: not left(), 10, "the units of the requests are gone")


def many_at_once(world):
    """More than the limits of systemd let through at once; it goes on afterwards."""
    m = world.machine
    started(world)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(one, range(AT_ONCE)))
    served = found.count(200)
    world.note(f"{AT_ONCE} at once: {served} answered, {AT_ONCE - served} closed at once")
    check(served >= 32 and set(found) <= {200, None}, f"answers: {set(found)}")
    until(lambda: one(0) == 200, 15, "it answers afterwards")
    check_equal(m.active(STATUS), "active", STATUS)
    gone(world)
    world.healthy()


def one(number):
    """The status of an answer, or None where the connection was closed without one."""
    try:
        return http("/healthz" if number % 2 else "/metrics", seconds=30)[0]
    except OSError:
        return None


def host_in_a_drop_in(world):
    """The unit's comments: another host name, another address."""
    m = world.machine
    started(world)
    program = m.run("sh", "-c", "command -v tftpd-status").out.strip()
    check_equal(status_for("tftp.example.net"), 421, "another name, without a word")
    m.drop_in("tftpd-status@.service", f"[Service]\nExecStart=\nExecStart=-{program} --host tftp.example.net\n")
    check_equal(status_for("tftp.example.net"), 200, "that name, with the drop-in")
    m.drop_in("tftpd-status@.service", "")
    m.drop_in(STATUS, "[Socket]\nListenStream=\nListenStream=10.77.0.1:9169\n")
    m.systemctl("restart", STATUS)
    told = world.neighbour.visit(lambda: run("curl", "-sS", "-m", "20", "http://10.77.0.1:9169/healthz"))
    check("ok" in told, told)
    try:
        http("/healthz")
    except OSError:
        pass
    else:
        check(False, "it listens on the address of before, too")
    m.drop_in(STATUS, "")
    m.systemctl("restart", STATUS)
    world.healthy()


def status_for(host):
    return int(run("curl", "-sS", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}",
                   "-H", f"Host: {host}", URL + "/"))


def server_is_down(world):
    """Ready is who listens: systemd's socket counts, and its end is told."""
    m = world.machine
    started(world)
    status, body = http("/readyz")
    check_equal(status, 200, f"with the socket alone: {body!r}")
    m.systemctl("stop", "tftpd.socket", "tftpd.service")
    status, body = http("/readyz")
    check_equal(status, 503, f"without it: {body!r}")
    m.systemctl("start", "tftpd.socket")
    check_equal(http("/readyz")[0], 200, "with it again")


def textfile_timer(world):
    """As doc/monitoring.md installs it."""
    m = world.machine
    m.run("install", "-d", "-m", "755", NODE_EXPORTER)
    shipped = m.path("/usr/share/doc/simple-tftpd")
    found = sorted(shipped.rglob("tftpd-textfile.*")) or sorted(m.path("/usr/share/doc").rglob("tftpd-textfile.*"))
    check_equal(len(found), 2, f"units of the textfile: {found}")
    for path in found:
        m.write(f"/etc/systemd/system/{path.name}", path.read_text())
    m.systemctl("daemon-reload")
    told = m.run("systemd-analyze", "verify", "--man=no", *(path.name for path in found), status=None)
    check_equal((told.status, told.out), (0, ""), "systemd-analyze verify")
    world.configure()
    world.fetch()
    m.systemctl("enable", "--now", "tftpd-textfile.timer")
    metrics = m.path(f"{NODE_EXPORTER}/tftpd.prom")
    # The timer is due 30 s after the boot: here its service is started by hand if that is to come.
    if not metrics.exists():
        m.systemctl("start", "tftpd-textfile.service")
    check("tftpd_transfers_total{" in metrics.read_text(), metrics.read_text()[:500])
    check_equal(m.show("tftpd-textfile.service", "Result")["Result"], "success", "its end")
    check("tftpd-textfile.timer" in m.systemctl("list-timers", "--all"), "the timer is not listed")
    m.systemctl("disable", "--now", "tftpd-textfile.timer")
    world.healthy()


SCENES = (
    ("tftpd-status.socket answers", answers),
    (f"{AT_ONCE} HTTP requests at once", many_at_once),
    ("drop-ins of tftpd-status", host_in_a_drop_in),
    ("/readyz tells who listens", server_is_down),
    ("the textfile timer", textfile_timer),
)
