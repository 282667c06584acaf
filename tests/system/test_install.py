"""What `make install` puts where, and that the shipped files fit to it."""

import os
import re
import subprocess

from harness import check, check_equal, run


def stage(lane):
    """The installation, made once."""
    place = lane.scratch / "stage"
    if not place.exists():
        run("make", "-C", lane.build, "-s", "install", f"DESTDIR={place}")
    return place


def find(place, name):
    found = [path for path in place.rglob(name) if path.is_file()]
    check_equal(len(found), 1, f"installed files called {name}: {found}")
    return found[0]


def programs(lane):
    place = stage(lane)
    for name, folder in (("tftpd", "sbin"), ("tftpd-stats", "bin")):
        path = find(place, name) if name != "tftpd" else \
            next(p for p in place.rglob("sbin/tftpd") if p.is_file())
        check(path.parent.name == folder and os.access(path, os.X_OK), f"{path} in {folder}")
    manuals = sorted(path.name for path in place.rglob("man/man*/*"))
    for manual in ("tftpd.8", "tftpd.conf.5", "tftpd-stats.1", "tftpd-log.5"):
        check(any(name.startswith(manual) for name in manuals), f"{manual} is not among {manuals}")


def superserver_files(lane):
    """They name the program where it was installed, without the stage's path."""
    place = stage(lane)
    program = "/" + str(next(place.rglob("sbin/tftpd")).relative_to(place))
    xinetd = next(p for p in place.rglob("xinetd.d/tftp") if p.is_file()).read_text()
    found = re.search(r"(?m)^\s*server\s*=\s*(\S+)", xinetd)
    check_equal(found and found.group(1), program, "server of xinetd.d/tftp")
    check(re.search(r"(?m)^\s*disable\s*=\s*yes", xinetd), "it is not disabled by default")
    service = find(place, "tftpd.service").read_text()
    check(f"ExecStart={program}" in service, f"ExecStart of tftpd.service is not {program}")
    socket = find(place, "tftpd.socket").read_text()
    check("ListenDatagram=" in socket and "TriggerLimitIntervalSec=0" in socket,
          "a boot storm would stop the socket unit")


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
    for name in ("tftpd.service", "tftpd.socket"):
        text = find(place, name).read_text()
        # The program is not at its place on this machine.
        text = re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={lane.tftpd}", text)
        (units / name).write_text(text)
    done = subprocess.run([str(analyze), "verify", "--man=no", str(units / "tftpd.socket"),
                           str(units / "tftpd.service")], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60,
                          env={**lane.environment(peers=True), "SYSTEMD_UNIT_PATH": f"{units}:{shipped}:"})
    ours = [line for line in (done.stdout + done.stderr).decode().splitlines() if "tftpd" in line]
    check(not ours, "\n".join(ours))


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
    ("no installed file names the stage", nothing_outside, False),
    ("a configuration is installed once", configuration, False),
    ("systemd reads the units without complaint", systemd_likes_the_units, False),
    ("-V and usage errors are as they should be", version_and_features, True),
    ("a missing directory is told at the start", a_missing_directory_is_told, True),
)
