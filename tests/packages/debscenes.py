"""What becomes of a host that installs, upgrades, removes and purges our packages."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess

import deb
import root
from harness import check, check_equal, until

LIBRARIES = {"libc6", "libcap2", "libconfuse2", "libseccomp2"}
MAIN, STATS, STATUS = deb.NAMES
PEERS = (("tftpd-hpa", "dnsmasq", "tftp-hpa", "xinetd"), ("atftpd", "openbsd-inetd"))
PORT = "6969"
HIGHER = "0.1.0+upgrade1"
XINETD = "xinetd", "-dontfork", "-inetd_ipv6"
# What an installation of anything changes, and what is the kernel's.
ASIDE = re.compile(r"^(proc|run|dev|sys|tmp|var/cache|var/lib/(apt|dpkg|debconf)|var/log/(apt|dpkg\.log|"
                   r"alternatives\.log)|etc/ld\.so\.cache|etc/(passwd|group|shadow|gshadow)-)(/|$)")


# Acts.

def install(place, *paths_or_names):
    """By apt, without a network: files are given as paths."""
    words = []
    for each in paths_or_names:
        if isinstance(each, pathlib.Path):
            place.copy_in(each, f"tmp/{each.name}")
            each = f"/tmp/{each.name}"
        words.append(each)
    return place.run("apt-get", "-q", "--yes", "install", *words)


def names_of(place):
    told = place.run("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n")
    return {line.split()[0] for line in told.splitlines() if line.endswith(" installed")}


def fetch(place, name, port=69, *more):
    """The file's bytes, by curl."""
    into = place.folder / "fetched"
    into.unlink(missing_ok=True)
    place.net("curl", "-fsS", "--max-time", "20", "--retry", "20", "--retry-all-errors", "--retry-delay", "1",
              *more, "-o", into, f"tftp://127.0.0.1:{port}/{name}")
    return into.read_bytes()


def serve_file(place, name, size):
    """A file of random bytes in /srv/tftp; returns them."""
    data = os.urandom(size)
    path = place.path / "srv/tftp" / name
    path.write_bytes(data)
    path.chmod(0o644)
    return data


def sockets(place):
    """What listens: local addresses of udp and tcp."""
    lines = place.shell("cat /proc/net/udp /proc/net/udp6 /proc/net/tcp /proc/net/tcp6").splitlines()
    return [line.split()[1] for line in lines if re.match(r"\s*\d+:", line)]


def snapshot(place):
    """{path: what it is} of all that a package could leave."""
    found = {}
    for folder, folders, files in os.walk(place.path):
        inside = os.path.relpath(folder, place.path)
        folders[:] = [name for name in folders if not ASIDE.match(os.path.normpath(f"{inside}/{name}"))]
        for name in folders + files:
            path = os.path.normpath(f"{inside}/{name}")
            if not ASIDE.match(path):
                info = os.lstat(f"{folder}/{name}")
                found[path] = (oct(info.st_mode), info.st_uid, info.st_gid)
    for name in ("passwd", "group", "shadow", "gshadow"):
        found[f"etc/{name}"] = (place.path / "etc" / name).read_text()
    return found


def differences(before, after):
    return [f"{path}: {before.get(path)} -> {after.get(path)}" for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path)]


def mode_of(place, path):
    info = (place.path / path).lstat()
    return oct(info.st_mode & 0o7777), info.st_uid, info.st_gid


def xinetd_on(place):
    path = place.path / "etc/xinetd.d/tftp"
    path.write_text(re.sub(r"(?m)^(\s*disable\s*=\s*)yes", r"\1no", path.read_text()))


def start_slowly(place, size):
    """curl in the middle of a file of that size, stopped; (process, file)."""
    got = place.folder / "slow"
    client = subprocess.Popen(
        ["nsenter", f"--net=/proc/{place.pid}/ns/net", "curl", "-fsS", "--max-time", "90", "-o", str(got),
         "tftp://127.0.0.1/large"], stdin=subprocess.DEVNULL)
    until(got.exists, 20, "the first bytes")
    client.send_signal(signal.SIGSTOP)
    check(got.stat().st_size < size and client.poll() is None, "the transfer was over at once")
    return client, got


# Scenes.

def the_bytes(c):
    """Built again elsewhere, by somebody else: the same packages and the same tarball."""
    again, tarball = deb.build_again(c.build)
    for name, path in c.debs.items():
        check_equal(deb.sha256(again[name]), deb.sha256(path), f"sha256 of {name} when it is built again")
    check_equal(deb.sha256(tarball), deb.sha256(c.build / tarball.name), "sha256 of the tarball made again")
    c.note(f"{tarball.name} {deb.sha256(tarball)[:16]}")


def clean(c):
    complaints = deb.lintian(c.build)
    check(not complaints, complaints)


def alone(c):
    """The server by itself on a fresh minbase: four libraries, and nothing happens."""
    control = root.call("dpkg-deb", "--field", c.debs[MAIN], "Depends")
    depends = {entry.split()[0] for entry in control.replace("\n", " ").split(",")}
    check_equal(depends, LIBRARIES | {"adduser"}, f"Depends of {MAIN}")
    with root.Root(c.build, "alone", [c.base]) as place:
        (place.path / "usr/sbin/policy-rc.d").unlink()
        before = names_of(place)
        install(place, c.debs[MAIN])
        check_equal(names_of(place) - before, {MAIN, "libconfuse2", "libconfuse-common"}, "packages that came along")
        told = place.run("ldd", "/usr/sbin/tftpd")
        check_equal(set(re.findall(r"(\S+)\.so\S* =>", told)), {"libcap", "libconfuse", "libseccomp", "libc"},
                    "libraries of tftpd")
        check_equal(place.processes(), {}, "processes after the installation")
        check_equal(sockets(place), [], "sockets after the installation")
        wanted = list(place.path.glob("etc/systemd/system/*.wants/*tftp*"))
        check_equal(wanted, [], "enabled units")
        check("disable\t\t= yes" in (place.path / "etc/xinetd.d/tftp").read_text(), "xinetd's file is on")
        user = place.run("getent", "passwd", "tftpd").strip().split(":")
        check_equal(user[4:], ["TFTP server,,,", "/srv/tftp", "/usr/sbin/nologin"], "the user tftpd")
        for folder in ("srv/tftp", "run/tftpd", "var/log/tftpd", "var/lib/tftpd"):
            # /run is a file system of its own
            told = place.run("stat", "-c", "%a %u %g", f"/{folder}").strip()
            check_equal(told, "755 0 0", f"/{folder}")
        check_equal(mode_of(place, "etc/tftpd.conf"), ("0o644", 0, 0), "/etc/tftpd.conf")
        place.run("/usr/sbin/tftpd", "--check", "-f", "/etc/tftpd.conf")


def by_itself(c):
    """tftpd -l and -L of the installed package; and the package's own test."""
    with root.Root(c.build, "itself", [c.base]) as place:
        install(place, *c.debs.values(), "curl")
        data = serve_file(place, "kernel", 300_000)
        place.run("/usr/sbin/tftpd", "-l", "-f", "/etc/tftpd.conf", "-a", f"127.0.0.1:{PORT}")
        check(fetch(place, "kernel", PORT) == data, "another file came")
        log = (place.path / "var/log/tftpd/transfers.jsonl").read_text()
        check('"outcome":"complete"' in log, log)
        check_equal(mode_of(place, "var/log/tftpd/transfers.jsonl")[0], "0o640", "mode of the log")
        for pid in sorted(place.processes()):
            with contextlib.suppress(ProcessLookupError):   # a transfer may have ended
                os.kill(pid, 15)
        until(lambda: not place.processes(), 20, "the server's end")
        place.copy_in(c.src / "packaging/debian/tests/serve", "tmp/serve")
        c.note(place.run("/bin/sh", "/tmp/serve").splitlines()[-1].strip())
        user = place.run("id", "tftpd-status")
        check("(adm)" in user, user)
        told = place.run("stat", "-c", "%a %U %G", "/var/lib/tftpd-status").strip()
        check_equal(told, "750 tftpd-status tftpd-status", "/var/lib/tftpd-status")


def beside(c):
    """With each of the others, whoever came first."""
    for number, peers in enumerate(PEERS):
        for ours_first in (True, False):
            with root.Root(c.build, f"beside-{number}", [c.base]) as place:
                order = [list(c.debs.values()), list(peers)]
                for group in order if ours_first else reversed(order):
                    install(place, *group)
                there = names_of(place)
                check({*deb.NAMES, *peers} <= there, f"{peers}: not installed: {({*deb.NAMES, *peers}) - there}")
                told = place.run("dpkg", "--verify", *deb.NAMES, *peers, status=None)
                check(not told.strip(), f"{peers}, ours {'first' if ours_first else 'last'}: {told}")
                for name in (MAIN, STATS, STATUS):
                    check("diversion" not in place.run("dpkg", "-L", name), f"{name} has diverted a file")


def manuals(c):
    """bash completes, and `man tftpd` shows ours, until tftpd-hpa is there; then `man 8simple tftpd` does."""
    with root.Root(c.build, "manuals", [c.base]) as place:
        install(place, "man-db", "bash-completion")
        install(place, *c.debs.values())
        for name in ("tftpd", "tftpd-stats", "tftpd-status"):
            told = place.run("bash", "-c", f". /usr/share/bash-completion/bash_completion; "
                             f"__load_completion {name}; complete -p {name}")
            check("-F" in told, f"completion of {name}: {told}")
        for page in ("tftpd", "8 tftpd", "tftpd.conf", "tftpd-log"):
            told = place.run("man", "--where", *page.split()).strip()
            check(place.run("dpkg", "-S", told).startswith(f"{MAIN}:"), f"man {page} shows {told}")
        install(place, "tftpd-hpa")
        told = place.run("man", "--where", "8simple", "tftpd").strip()
        check(place.run("dpkg", "-S", told).startswith(f"{MAIN}:"), f"man 8simple tftpd shows {told}")


def life(c):
    """Under xinetd: served, upgraded in the middle of a transfer, reinstalled, removed, purged."""
    higher = deb.build_version(c.build, HIGHER)
    with root.Root(c.build, "life", [c.base]) as place:
        install(place, "xinetd", "libconfuse2", "libmicrohttpd12")
        before = snapshot(place)
        install(place, *c.debs.values())
        data, big = serve_file(place, "kernel", 300_000), 64 << 20
        large = serve_file(place, "large", big)
        live = place.path / "var/log/tftpd/transfers.jsonl"
        xinetd_on(place)
        with (place.path / "etc/tftpd.conf").open("a") as conf:
            conf.write("linger = 3\n")
        conf_text, xinetd_text = ((place.path / name).read_bytes() for name in ("etc/tftpd.conf", "etc/xinetd.d/tftp"))
        superserver = place.start(*XINETD, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: sockets(place), 20, "xinetd's socket")
        check(fetch(place, "kernel") == data, "another file came")

        slow, got = start_slowly(place, big)
        install(place, *higher.values())
        check_equal(got.stat().st_size < big, True, "the transfer runs during the upgrade")
        slow.send_signal(signal.SIGCONT)
        check_equal(slow.wait(timeout=60), 0, "curl's exit after the upgrade")
        check(got.read_bytes() == large, "another file came over the upgrade")
        check_equal(place.run("dpkg-query", "-W", "-f", "${Version}", MAIN), HIGHER, "version")
        check_equal((place.path / "etc/tftpd.conf").read_bytes(), conf_text, "tftpd.conf after the upgrade")
        check_equal((place.path / "etc/xinetd.d/tftp").read_bytes(), xinetd_text, "xinetd.d/tftp after the upgrade")
        check(fetch(place, "kernel") == data, "another file came after the upgrade")
        # a record is written after the last ACK
        until(lambda: live.read_text().count('"outcome":"complete"') == 3, 20, "three complete transfers in the log")

        place.run("apt-get", "-q", "--yes", "reinstall", *(f"/tmp/{higher[name].name}" for name in higher))
        check_equal((place.path / "etc/tftpd.conf").read_bytes(), conf_text, "tftpd.conf after a reinstallation")
        check(fetch(place, "kernel") == data, "another file came after a reinstallation")

        until(lambda: not [words for words in place.processes().values() if "tftpd" in words], 30, "the idle end")
        superserver.terminate()
        superserver.wait(timeout=20)
        place.run("apt-get", "-q", "--yes", "remove", *deb.NAMES)
        check_equal((place.path / "etc/tftpd.conf").read_bytes(), conf_text, "tftpd.conf after the removal")
        check(live.exists() and not (place.path / "usr/sbin/tftpd").exists(), "what a removal leaves")
        for name in ("kernel", "large"):
            (place.path / "srv/tftp" / name).unlink()
        place.run("dpkg", "--purge", *reversed(deb.NAMES))
        left = differences(before, snapshot(place))
        check(not left, "left after purge:\n" + "\n".join(left))
        check(not place.shell("ls -d /run/tftpd* 2>/dev/null || true").strip(), "/run/tftpd is left")


def uploads_stay(c):
    """Purged, but what clients have sent stays, and so does its owner; and another server's
    directory."""
    with root.Root(c.build, "uploads", [c.base]) as place:
        install(place, c.debs[MAIN])
        place.shell("echo text >/srv/tftp/router.cfg; chown tftpd: /srv/tftp/router.cfg")
        place.run("dpkg", "--purge", MAIN)
        check_equal((place.path / "srv/tftp/router.cfg").read_text(), "text\n", "an upload after purge")
        place.run("getent", "passwd", "tftpd")
        check(not (place.path / "var/log/tftpd").exists(), "the log is left")
        install(place, c.debs[MAIN], "tftpd-hpa")
        (place.path / "srv/tftp/router.cfg").unlink()
        place.run("dpkg", "--purge", MAIN)
        check((place.path / "srv/tftp").is_dir(), "tftpd-hpa's directory is gone")
        place.run("getent", "passwd", "tftpd", status=2)


def profiles(c):
    """AppArmor's parser takes what is installed, and the tunable."""
    with root.Root(c.build, "profiles", [c.base]) as place:
        install(place, "apparmor", c.debs[MAIN], c.debs[STATUS])
        names = [f"/etc/apparmor.d/usr.sbin.{name}" for name in ("tftpd", "tftpd-status")]
        for name in names:
            place.run("apparmor_parser", "-QK", "--warn=rule-downgraded", name)
            check((place.path / name.replace("apparmor.d/", "apparmor.d/local/").lstrip("/")).exists(),
                  f"no local file for {name}")
        root.write(place.path / "etc/apparmor.d/tunables/tftpd.d/local", "@{TFTP_DIR}+=/data/tftp\n")
        told = place.run("apparmor_parser", "-QK", "-D", "variables", names[0])
        check(re.search(r'@TFTP_DIR = .*"/data/tftp"', told), f"the tunable adds no directory: {told}")
    if not pathlib.Path("/sys/module/apparmor/parameters/enabled").exists():
        c.note("this kernel has no AppArmor: parsed, not enforced")


SCENES = (
    ("lintian has no complaint", clean),
    ("the server alone: four libraries, nothing starts, port 69 stays free", alone),
    ("the installed server serves by itself, and the package's own test passes", by_itself),
    ("no file is another TFTP server's or superserver's, in either order", beside),
    ("completions and manuals are found, beside tftpd-hpa's, too", manuals),
    ("under xinetd: an upgrade cuts no transfer, keeps configuration; purge leaves nothing", life),
    ("purge keeps uploads, and another server's directory", uploads_stay),
    ("AppArmor's parser takes the profiles", profiles),
    ("packages and tarball are the same bytes when made again", the_bytes),
)
