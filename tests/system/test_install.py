"""What `make install` puts where, and that the shipped files fit to it."""

import os
import re
import subprocess

from harness import check, check_equal, run

UNITS = ("tftpd.service", "tftpd.socket")
STATUS_UNITS = ("tftpd-status@.service", "tftpd-status.socket")
# As systemd-analyze counts, 10.0 is the worst.
EXPOSED_MOST = {"tftpd.service": 2.5, "tftpd-status@1.service": 2.0}


def stage(lane):
    """The installation, made once."""
    place = lane.scratch / "stage"
    if not place.exists():
        run("make", "-C", lane.build, "-s", "install", f"DESTDIR={place}")
    return place


def has_status(lane):
    """Not when it was built --without-http."""
    return (lane.build / "tftpd-status").exists()


def find(place, name):
    found = [path for path in place.rglob(name) if path.is_file()]
    check_equal(len(found), 1, f"installed files called {name}: {found}")
    return found[0]


def programs(lane):
    place = stage(lane)
    shipped = (("tftpd", "sbin"), ("tftpd-stats", "bin"))
    manuals = ("tftpd.8", "tftpd.conf.5", "tftpd-stats.1", "tftpd-log.5")
    if has_status(lane):
        shipped, manuals = (*shipped, ("tftpd-status", "sbin")), (*manuals, "tftpd-status.8")
    for name, folder in shipped:
        path = find(place, name) if name == "tftpd-stats" else \
            next(p for p in place.rglob(f"sbin/{name}") if p.is_file())
        check(path.parent.name == folder and os.access(path, os.X_OK), f"{path} in {folder}")
    found = sorted(path.name for path in place.rglob("man/man*/*"))
    for manual in manuals:
        check(any(name.startswith(manual) for name in found), f"{manual} is not among {found}")


def superserver_files(lane):
    """They name the program where it was installed, without the stage's path."""
    place = stage(lane)
    program = "/" + str(next(place.rglob("sbin/tftpd")).relative_to(place))
    xinetd = next(p for p in place.rglob("xinetd.d/tftp") if p.is_file()).read_text()
    found = re.search(r"(?m)^\s*server\s*=\s*(\S+)", xinetd)
    check_equal(found and found.group(1), program, "server of xinetd.d/tftp")
    values = dict(re.findall(r"(?m)^\s*(\w+)\s*=[ \t]*(.*?)\s*$", xinetd))
    # "linger = 0" starts it for each request; only_from's kin would see the first client only
    wanted = {"disable": "yes", "wait": "yes", "cps": "100 1", "instances": "UNLIMITED",
              "per_source": "UNLIMITED", "passenv": ""}
    check_equal({key: values.get(key) for key in wanted}, wanted, "xinetd.d/tftp")
    service = find(place, "tftpd.service").read_text()
    check(f"ExecStart={program}" in service, f"ExecStart of tftpd.service is not {program}")
    socket = find(place, "tftpd.socket").read_text()
    check("ListenDatagram=" in socket and "TriggerLimitIntervalSec=0" in socket,
          "a boot storm would stop the socket unit")


def status_files(lane):
    """Those of tftpd-status: off, for this machine only, and not as root."""
    place = stage(lane)
    if not has_status(lane):
        lane.note("left out: it was built --without-http")
        check_equal([str(path) for path in place.rglob("*tftpd-status*")], [], "files of tftpd-status")
        return
    program = "/" + str(next(place.rglob("sbin/tftpd-status")).relative_to(place))
    xinetd = next(p for p in place.rglob("xinetd.d/tftpd-status") if p.is_file()).read_text()
    values = dict(re.findall(r"(?m)^\s*(\w+)\s*=[ \t]*(\S*)", xinetd))
    wanted = {"server": program, "disable": "yes", "bind": "127.0.0.1", "wait": "no", "groups": "yes",
              "user": "tftpd-status", "type": "UNLISTED", "port": "9169", "passenv": ""}
    check_equal({key: values.get(key) for key in wanted}, wanted, "xinetd.d/tftpd-status")
    service = find(place, "tftpd-status@.service").read_text()
    check(f"ExecStart=-{program}\n" in service and "User=tftpd-status\n" in service, service)
    unit = find(place, "tftpd-status.socket").read_text()
    check("ListenStream=127.0.0.1:9169\n" in unit and "Accept=yes\n" in unit, unit)
    users = next(p for p in place.rglob("sysusers.d/tftpd-status.conf") if p.is_file()).read_text()
    check(re.search(r"(?m)^u tftpd-status ", users) and "\nm tftpd-status adm\n" in users, users)


def configuration(lane):
    """It is installed once, is good, and what an administrator made of it stays."""
    place = stage(lane)
    conf, = (path for path in place.rglob("tftpd.conf") if path.parent.name == "etc")
    done = subprocess.run([str(lane.tftpd), "--check", "-f", str(conf)], capture_output=True, timeout=30)
    check_equal(done.returncode, 0, f"--check of the installed one: {done.stderr!r}")
    conf.write_text("linger = 5\n")
    run("make", "-C", lane.build, "-s", "install", f"DESTDIR={place}")
    check_equal(conf.read_text(), "linger = 5\n", "a changed one after another installation")


def nothing_outside(lane):
    """An installation into a stage writes nothing that names the stage."""
    place = stage(lane)
    for path in place.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix in (".service", ".socket", ".conf", ""):
            check(str(place).encode() not in path.read_bytes(), f"{path} names the stage")


def systemd_likes_the_units(lane):
    """systemd-analyze reads them as systemd would, with the targets that systemd ships:
    a container has none of its own."""
    analyze = lane.peers / "usr/bin/systemd-analyze"
    check(analyze.exists(), f"{analyze} is missing")
    shipped = ":".join(str(lane.peers / folder) for folder in ("usr/lib/systemd/system", "lib/systemd/system"))
    place = stage(lane)
    units = lane.scratch / "units"
    units.mkdir()
    shipped_units = UNITS + (STATUS_UNITS if has_status(lane) else ())
    for name in shipped_units:
        text = find(place, name).read_text()
        # The program is not at its place on this machine.
        text = re.sub(r"(?m)^ExecStart=(-?)\S+", rf"ExecStart=\1{lane.tftpd}", text)
        (units / name).write_text(text)
    # what is verified of a template is an instance
    names = [name.replace("@.", "@1.") for name in shipped_units]
    (units / "tftpd-status@1.service").symlink_to("tftpd-status@.service")
    env = {**lane.environment(peers=True), "SYSTEMD_UNIT_PATH": f"{units}:{shipped}:"}
    done = subprocess.run([str(analyze), "verify", "--man=no", *(str(units / name) for name in names)],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env=env)
    ours = [line for line in (done.stdout + done.stderr).decode().splitlines() if "tftpd" in line]
    check(not ours, "\n".join(ours))
    for unit in filter(EXPOSED_MOST.get, names):
        done = subprocess.run([str(analyze), "security", "--offline=yes", "--no-pager", str(units / unit)],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env=env)
        level = re.search(rb"exposure level for \S+: ([\d.]+)", done.stdout)
        check(level and float(level[1]) <= EXPOSED_MOST[unit], done.stdout.decode() + done.stderr.decode())
        lane.note(f"exposure of {unit}: {level[1].decode()}")
    for name in shipped_units:
        # With it openat2(2) fails: no server, and no /readyz (tests/packages/systemd.py).
        check("\nRestrictSUIDSGID=yes" not in (units / name).read_text(), f"{name} takes openat2(2) away")


def version_and_features(lane):
    done = subprocess.run([str(lane.tftpd), "-V"], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=20 * lane.slowness, env=lane.environment())
    check_equal(done.returncode, 0, "exit status of -V")
    check(b"simple-tftpd" in done.stdout, f"-V says {done.stdout!r}")
    for words in (["--no-such-option"], ["-B", "7"], ["-t", "x"], ["-R", "5"], ["-R", "9:3"]):
        done = subprocess.run([str(lane.tftpd), *words, "/srv/tftp"], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=20 * lane.slowness, env=lane.environment())
        check_equal(done.returncode, 64, f"exit status of {' '.join(words)}")
        check(done.stderr and not done.stdout, f"{' '.join(words)}: {done}")


def a_missing_directory_is_told(lane):
    """At the start, not at the first request."""
    done = subprocess.run([str(lane.tftpd), "-L", "-a", "127.0.0.1:69", "-s", "/srv/no-such"],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=20 * lane.slowness,
                          env=lane.environment())
    check(done.returncode not in (0, None) and b"/srv/no-such" in done.stderr, f"{done}")


TESTS = (
    ("programs and manuals are where they belong", programs, False),
    ("superserver files name the installed program", superserver_files, False),
    ("those of tftpd-status serve this machine only", status_files, False),
    ("no installed file names the stage", nothing_outside, False),
    ("a configuration is installed once", configuration, False),
    ("systemd reads the units without complaint", systemd_likes_the_units, False),
    ("-V and usage errors are as they should be", version_and_features, True),
    ("a missing directory is told at the start", a_missing_directory_is_told, True),
)
