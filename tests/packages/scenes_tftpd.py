"""Scenes of tftpd.socket and tftpd.service."""

import json
import pwd
import re
import stat

import storm
import test_storm
import tftp
from harness import check, check_equal, listening, of_peer, run, until
from world import ADDRESSES, SERVICE, SOCKET

STORM, STARTS = 500, 30
EXPOSED_MOST = 2.5          # as systemd-analyze counts, 10.0 is the worst
KILLED_MAIN = 9


# The boot.

def first_boot(world):
    world.install()
    seconds = world.machine.boot()
    world.note(f"systemd is up after {seconds:.1f} s")
    version = world.machine.run("systemctl", "--version").out.splitlines()[0]
    world.note(version)
    check(not listening(), "somebody listens on port 69 unasked")
    for unit in (SOCKET, SERVICE, "tftpd-status.socket"):
        enabled = world.machine.systemctl("is-enabled", unit, status=None).strip()
        check(enabled in ("disabled", "indirect"), f"{unit} is {enabled}")
    check_equal(world.machine.systemctl("--failed", "--no-legend").strip(), "", "failed units")


def users_and_directories(world):
    """sysusers and tmpfiles made them at the boot, or the package did."""
    m = world.machine
    users = {}
    for line in m.path("/etc/passwd").read_text().splitlines():
        entry = pwd.struct_passwd(line.split(":"))
        users[int(entry.pw_uid)] = entry.pw_name
    check("tftpd" in users.values() and "tftpd-status" in users.values(), f"users: {users}")
    adm = re.search("(?m)^adm:.*", m.path("/etc/group").read_text())[0]
    check("tftpd-status" in re.split("[:,]", adm), adm)
    wanted = {"/srv/tftp": ("root", 0o755), "/var/log/tftpd": ("root", 0o755), "/run/tftpd": ("root", 0o755),
              "/var/lib/tftpd": ("root", 0o755), "/var/lib/tftpd-status": ("tftpd-status", 0o750)}
    for name, expected in wanted.items():
        found = (m.volatile(name) if name.startswith("/run") else m.path(name)).stat()
        check_equal((users[found.st_uid], stat.S_IMODE(found.st_mode)), expected, name)


def units_are_good(world):
    """As the systemd that runs them reads them."""
    m = world.machine
    units = (SOCKET, SERVICE, "tftpd-status.socket", "tftpd-status@1.service")
    told = m.run("systemd-analyze", "verify", "--man=no", *units, status=None)
    check_equal((told.status, told.out), (0, ""), "systemd-analyze verify")
    for unit in (SERVICE, "tftpd-status@1.service"):
        told = m.run("systemd-analyze", "security", "--no-pager", unit).out
        told = "\n".join(line for line in told.splitlines() if "\u2713" not in line)
        level = re.search(r"exposure level for \S+: ([\d.]+)", told)
        check(level and float(level[1]) <= EXPOSED_MOST, told)
        world.note(f"exposure of {unit}: {level[1]}")


# The first request.

def cold_start(world):
    """Nothing runs until somebody asks; he is answered from where he asked."""
    m = world.machine
    world.configure()
    m.systemctl("enable", "--now", SOCKET)
    check_equal(m.systemctl("is-enabled", SOCKET).strip(), "enabled", SOCKET)
    for server in ADDRESSES:
        m.systemctl("stop", SERVICE)
        check_equal((m.active(SERVICE), m.tasks(SERVICE)), ("inactive", []), "before anybody asks")
        world.fetch(server=server)
        check_equal(m.active(SERVICE), "active", "after the first request")
        notice = world.last_start()
        check(all(wall in notice for wall in ("chroot", "Landlock", "seccomp", "no capabilities")), notice)
    check_equal(m.run("stat", "-c", "%U:%G %a", "/var/log/tftpd/transfers.jsonl").out.strip(), "root:adm 640",
                "the log that the server made")
    told = m.systemctl("status", SERVICE)
    check("TriggeredBy" in told and "active (running)" in told and "Main PID" in told, told)
    world.healthy()


def several_addresses(world):
    """Each ListenDatagram= is a socket of its own; one server reads them all."""
    m = world.machine
    listen = ("127.0.0.9", "10.77.0.2", "fd77::2")
    lines = "".join(f"ListenDatagram={f'[{a}]' if ':' in a else a}:69\n" for a in listen)
    world.configure(units={SOCKET: f"[Socket]\nListenDatagram=\n{lines}FreeBind=yes\n"})
    for server in listen:
        m.systemctl("stop", SERVICE)
        world.fetch(server=server)
    for server in listen:
        world.fetch(server=server)
    world.wait_active("inactive")
    world.fetch(server=listen[1])
    world.healthy()
    world.configure()


def idle_exit(world):
    m = world.machine
    world.configure()
    seen = set()
    for _ in range(2):
        world.fetch()
        seen.add(m.show(SERVICE, "InvocationID")["InvocationID"])
        world.wait_active("inactive")
        check_equal(m.show(SERVICE, "Result")["Result"], "success", "its end")
        check_equal(m.tasks(SERVICE), [], "processes that are left")
        check(listening(), "the socket does not listen")
    check_equal(len(seen), 2, "starts")
    world.healthy()


def many_starts(world):
    """linger = 0: each request may be a start.  No limit of systemd stops the socket."""
    m = world.machine
    world.configure("linger = 0\n")
    seen = set()
    for number in range(STARTS):
        world.fetch()
        seen.add(m.show(SERVICE, "InvocationID")["InvocationID"])
        # Half of them ask while the one before is ending.
        if number % 2:
            world.wait_active("inactive")
    check(len(seen) >= STARTS // 2, f"{len(seen)} starts")
    world.note(f"{len(seen)} starts for {STARTS} requests")
    world.healthy()


# Storms.

def storm_of(world, count=STORM):
    content, name = world.content(2048), f"boot-{world.count()}"
    world.file(name, content)
    clients = [storm.Reader(test_storm.address(n), ("127.0.0.1", 69), name, content, tsize=0, blksize=1468)
               for n in range(count)]
    test_storm.note(world, clients)
    result = storm.rush(clients, test_storm.SPREAD, 20)
    test_storm.close(clients)
    test_storm.check_served(result, count)
    test_storm.check_records(world, clients)
    return result


def warm_storm(world):
    world.configure("linger = 60\n")
    world.fetch()
    was = world.machine.show(SERVICE, "InvocationID")
    result = storm_of(world)
    world.note(f"{STORM} clients: {result.seconds:.2f} s")
    check_equal(world.machine.show(SERVICE, "InvocationID"), was, "the start that served")
    world.healthy()


def cold_storm(world):
    """The server is not running when all of them ask, and its start takes so long that all
    have to fit into the socket's queue."""
    m = world.machine
    world.configure("linger = 60\n", {SERVICE: "[Service]\nExecStartPre=/bin/sleep 0.3\n"})
    check_equal(m.active(SERVICE), "inactive", "before the storm")
    result = storm_of(world)
    world.note(f"{STORM} clients, cold: {result.seconds:.2f} s")
    world.healthy()


# Stopping.

def stop_lets_transfers_end(world):
    m = world.machine
    world.configure("linger = 60\n")
    peer, content = world.half_read()
    m.systemctl("stop", "--no-block", SERVICE)
    world.wait_active("deactivating")
    world.finish_read(peer, content)
    world.wait_active("inactive")
    check_equal(world.end_of(peer)["outcome"], "complete", "outcome")
    check_equal(m.show(SERVICE, "Result")["Result"], "success", "its end")
    check(listening(), "the socket does not listen any more")
    world.fetch()
    check_equal(m.active(SERVICE), "active", "after the next request")
    world.healthy()


def stop_of_the_socket(world):
    m = world.machine
    world.configure("linger = 60\n")
    peer, content = world.half_read()
    m.systemctl("stop", "--no-block", SOCKET)
    world.wait_active("deactivating")
    world.finish_read(peer, content)
    world.wait_active("inactive")
    world.wait_active("inactive", SOCKET)
    check_equal(world.end_of(peer)["outcome"], "complete", "outcome")
    check(not listening(), "somebody still listens")
    # The service by itself takes its socket along.
    m.systemctl("start", SERVICE)
    check_equal((m.active(SOCKET), m.active(SERVICE)), ("active", "active"), "after a start of the service")
    world.fetch()
    world.healthy()


def restart(world):
    """Who asks while the old server ends waits in the socket, and the new one answers."""
    m = world.machine
    world.configure("linger = 60\n")
    peer, content = world.half_read()
    was = m.show(SERVICE, "MainPID")
    m.systemctl("restart", "--no-block", SERVICE)
    world.wait_active("deactivating")
    world.file("hello", b"again\n")
    late = world.client()
    late.read("hello")
    world.finish_read(peer, content)
    check_equal(late.expect(tftp.DATA, 1, seconds=10).payload, b"again\n", "what the late one got")
    late.ack(1)
    check_equal(world.end_of(late)["outcome"], "complete", "outcome of the late one")
    check_equal(world.end_of(peer)["outcome"], "complete", "outcome of the old one")
    check(m.show(SERVICE, "MainPID") != was, "it is the old server")
    world.healthy()


def reload(world):
    """A new dispatcher, the same server, and transfers go on."""
    m = world.machine
    world.configure("linger = 60\n")
    peer, content = world.half_read()
    was = m.show(SERVICE, "MainPID")
    before = len(world.starts())
    m.systemctl("reload", SERVICE)
    until(lambda: len(world.starts()) > before, 10, "a new dispatcher")
    world.finish_read(peer, content)
    check_equal(world.end_of(peer)["outcome"], "complete", "outcome")
    check_equal(m.show(SERVICE, "MainPID"), was, "the server")
    world.fetch()
    world.healthy()


def killed(world):
    """kill -9 of the first process takes the transfers along; each has its end in the log."""
    m = world.machine
    world.configure("linger = 60\n")
    peer, _ = world.half_read()
    world.log.wait_start(**of_peer(peer))
    m.run("sh", "-c", f"kill -{KILLED_MAIN} {m.show(SERVICE, 'MainPID')['MainPID']}")
    world.wait_active("failed")
    check_equal(m.tasks(SERVICE), [], "processes that are left")
    check_equal(m.active(SOCKET), "active", SOCKET)
    world.fetch()
    check_equal(world.end_of(peer)["outcome"], "crashed", "outcome")
    world.healthy()


def cannot_serve(world):
    """A server that refuses to serve does not keep the machine busy, and serves again."""
    m = world.machine
    # openat2(2) fails: no wall keeps names below the root.
    world.configure(units={SERVICE: "[Service]\nRestrictSUIDSGID=yes\n"})
    m.path("/var/lib/tftpd/etc-tftpd.conf.good").unlink(missing_ok=True)
    world.file("hello", b"hello")
    since = m.run("date", "+%s.%N").out.strip()
    peer = world.client()
    peer.read("hello", ends=None)
    until(lambda: "not serving: openat2" in m.journal("-u", SERVICE, f"--since=@{since}"), 10,
          "the reason in the journal")
    peer.expect_silence(5)
    started = m.journal("-u", SERVICE, f"--since=@{since}").count("Started ")
    check(started <= 4, f"{started} starts in 5 s")
    m.drop_in(SERVICE, "")
    # A request that is in the socket's queue is served now.
    check_equal(peer.expect(tftp.DATA, 1, seconds=15).payload, b"hello", "what came in the end")
    peer.ack(1)
    world.healthy()


def cannot_start(world):
    """A unit that systemd cannot even start ends in a failed socket, not in a loop."""
    m = world.machine
    # Sooner than with the limit of the unit.
    world.configure(units={SERVICE: "[Unit]\nStartLimitBurst=100\n[Service]\nSupplementaryGroups=no-such-group\n"})
    peer = world.client()
    peer.read("hello", ends=None)
    until(lambda: m.active(SOCKET) == "failed", 30, "the socket fails")
    check_equal(m.show(SOCKET, "Result")["Result"], "service-start-limit-hit", "why")
    world.configure()
    world.fetch()
    world.healthy()


# What is written.

def journal(world):
    """No word while all is well; an error says where it is."""
    m = world.machine
    since = m.run("date", "+%s.%N").out.strip()
    world.configure("linger = 60\n")
    world.fetch()
    refused = world.client()
    refused.read("no-such-file")
    refused.expect(tftp.ERROR, 1)

    def own():
        lines = m.journal("-u", SERVICE, f"--since=@{since}", "-o", "json").splitlines()
        return [r for r in map(json.loads, lines) if r["SYSLOG_IDENTIFIER"] != "systemd"]
    check_equal([r["MESSAGE"] for r in own()], [], "what it said without need")
    m.write("/etc/tftpd.conf", "linger = 60\nno-such-key = 1\n")
    until(own, 15, "an error in the journal")
    until(lambda: any("/etc/tftpd.conf:2" in r["MESSAGE"] for r in own()), 5, f"the line of the error: {own()}")
    found = own()
    check(all(r["SYSLOG_IDENTIFIER"] == "tftpd" for r in found), f"{found}")
    check(any(int(r["PRIORITY"]) <= 3 for r in found), f"priorities: {[r['PRIORITY'] for r in found]}")
    world.fetch()
    world.configure()


def uploads(world):
    m = world.machine
    world.configure("linger = 60\ncreate = yes\n")
    m.run("install", "-d", "-o", "tftpd", "/srv/tftp/uploads")
    content = world.content(3000)
    peer = world.client()
    peer.put("uploads/config", content)
    check_equal(m.path("/srv/tftp/uploads/config").read_bytes(), content, "what is stored")
    check_equal(m.run("stat", "-c", "%U %a", "/srv/tftp/uploads/config").out.strip(), "tftpd 644", "owner and mode")
    # It stays for a while after its last acknowledgement; then there is its end.
    check("config" in m.run("tftpd-stats", "active", "--json").out or world.log.ends(**of_peer(peer)),
          "it is in neither the live table nor the log")
    check_equal(world.end_of(peer, 20)["outcome"], "complete", "outcome")


def uploads_elsewhere(world):
    """ProtectSystem=strict: another directory has to be named in a drop-in, as the unit says."""
    m = world.machine
    m.run("install", "-d", "-o", "tftpd", "/data/tftp")
    conf = 'linger = 60\nroot = "/data/tftp"\ncreate = yes\n'
    world.configure(conf)
    peer = world.client()
    peer.write("first")
    refusal = peer.expect(tftp.ERROR)
    record = world.end_of(peer)
    world.note(f"without ReadWritePaths=: ERROR {refusal.code} {refusal.text!r}, {record['outcome']}, "
               f"{record.get('message')!r}")
    check("ead-only" in record.get("message", ""), f"the log does not say why: {record}")
    world.configure(conf, {SERVICE: "[Service]\nReadWritePaths=/data/tftp\n"})
    peer = world.client()
    peer.put("second", b"stored")
    check_equal(m.path("/data/tftp/second").read_bytes(), b"stored", "what is stored")
    world.configure()


def upload_in_place(world):
    """tftpd-hpa's classic: a file that everybody may write, in a directory that is closed."""
    m = world.machine
    world.configure("linger = 60\noverwrite = yes\n")
    world.file("classic", b"old", 0o666)
    peer = world.client()
    peer.put("classic", b"new and longer")
    check_equal(m.path("/srv/tftp/classic").read_bytes(), b"new and longer", "what is stored")
    check_equal(world.end_of(peer, 20)["outcome"], "complete", "outcome")


def narrower(world):
    """Where there are no uploads the unit can be made narrower, as doc/deployment.md says."""
    world.configure(units={SERVICE: "[Service]\nReadWritePaths=\n"
                                    "ReadWritePaths=-/var/log/tftpd -/run/tftpd -/var/lib/tftpd\n"
                                    "IPAddressDeny=any\nIPAddressAllow=localhost\n"})
    peer = world.fetch()
    check_equal(world.end_of(peer)["outcome"], "complete", "outcome")
    check(world.machine.volatile("/run/tftpd/live").exists(), "there is no live table")
    world.healthy()
    world.configure()


def hpa_form(world):
    """The unit's comment: tftpd-hpa's arguments in a drop-in."""
    m = world.machine
    program = re.search(r"path=(\S+)", m.show(SERVICE, "ExecStart")["ExecStart"])[1]
    m.run("install", "-d", "-o", "tftpd", "/data/tftp")
    world.configure(units={SERVICE: f"[Service]\nExecStart=\nExecStart={program} -s -c /data/tftp\n"
                                    "ReadWritePaths=/data/tftp\n"})
    m.path("/data/tftp/there").write_bytes(b"there")
    check_equal(world.client().get("/there"), b"there", "content")
    world.client().put("new", b"new")
    check_equal(m.path("/data/tftp/new").read_bytes(), b"new", "what is stored")
    world.configure()


def unprivileged(world):
    """User= in a drop-in: no step of the server is root's.  Landlock stands for the chroot."""
    m = world.machine
    world.configure("linger = 60\ncreate = yes\n",
                    {SERVICE: "[Service]\nUser=tftpd\nCapabilityBoundingSet=\n"})
    m.run("install", "-d", "-o", "tftpd", "/srv/tftp/uploads")
    world.fetch()
    pid = m.show(SERVICE, "MainPID")["MainPID"]
    check_equal(m.run("stat", "-c", "%U", f"/proc/{pid}").out.strip(), "tftpd", "user of the first process")
    notice = world.last_start()
    check("no capabilities" in notice and "Landlock" in notice and "seccomp" in notice, notice)
    world.note(notice)
    world.client().put("uploads/unprivileged", b"stored")
    storm_of(world, 50)
    world.healthy()
    # Back: systemd gives the directories to whom they belong, root again.
    world.configure()
    world.fetch()
    check("chroot" in world.last_start(), world.last_start())
    world.healthy()


def all_features(world):
    """One port, a directory a client, two roots, uploads, IPv6, windows: the unit's walls let them be."""
    m = world.machine
    m.run("install", "-d", "-o", "tftpd", "/data/tftp", "/data/second")
    world.configure('linger = 60\nroot = {"/srv/tftp", "/data/second"}\nupload-root = "/data/tftp"\ncreate = yes\n'
                    'single-port = yes\nclient-dir = mac\n',
                    {SERVICE: "[Service]\nReadWritePaths=/data/tftp\n"})
    mac = world.neighbour.visit(lambda: hardware_address("v1")).replace(":", "-")
    content = world.content(50_000)
    world.file(f"{mac}/own", content)
    m.write("/data/second/other", b"other")

    def ask(server, what, *words, **options):
        """With one port the transfer is where the server is."""
        peer = world.client(server)
        getattr(peer, what.__name__)(*words, **options)
        peer.tid = (server, 69, 0, 0)[:4 if ":" in server else 2]
        return peer

    for server in ("10.77.0.1", "fd77::1"):
        peer = ask(server, tftp.Peer.read, "own", blksize=1400, windowsize=8)
        check_equal(peer.get_rest(), content, f"the client's own file from {server}")
    check_equal(ask("10.77.0.1", tftp.Peer.read, "other").get_rest(), b"other", "from the second root")
    check_equal(ask("127.0.0.1", tftp.Peer.read, "other").get_rest(), b"other", "by loopback")
    ask("10.77.0.1", tftp.Peer.write, "up-load", blksize=1400).put_rest(content)
    check_equal(m.path("/data/tftp/up-load").read_bytes(), content, "what is stored")
    notice = world.last_start()
    check("Landlock" in notice and "seccomp" in notice, notice)
    storm_of(world, 50)
    world.healthy()
    world.configure()


def hardware_address(device):
    """Of a device of the namespace that we are in."""
    return re.search(r"link/ether (\S+)", run("ip", "-o", "link", "show", device))[1]


def rotation(world):
    """logrotate, with the installed file, while a transfer runs."""
    m = world.machine
    world.configure("linger = 60\n")
    peer, content = world.half_read()
    world.log.wait_start(**of_peer(peer))
    m.run("logrotate", "--force", "/etc/logrotate.d/tftpd")
    check_equal(m.run("stat", "-c", "%U:%G %a", "/var/log/tftpd/transfers.jsonl").out.strip(), "root:adm 640",
                "the new log")
    # It is the new dispatcher that writes there.
    until(lambda: b"dispatcher started" in world.log.path.read_bytes(), 10, "a dispatcher with the new log")
    new = world.fetch("rotated", b"after the rotation")
    until(lambda: b'"rotated"' in world.log.path.read_bytes(), 10, "a record in the new log")
    world.finish_read(peer, content)
    check_equal(world.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome of who ran meanwhile")
    check_equal(world.log.wait_end(**of_peer(new))["outcome"], "complete", "outcome after it")
    world.ends.tail.offset = world.log.path.stat().st_size
    world.healthy()


# Boots.

def reboot(world):
    """What is enabled listens again, counting goes on, and who may write stays."""
    m = world.machine
    world.configure()
    world.fetch()
    m.systemctl("enable", SOCKET)
    m.run("chown", "tftpd", "/srv/tftp")
    before = world.counted()
    m.reboot()
    check_equal(m.run("stat", "-c", "%U", "/srv/tftp").out.strip(), "tftpd", "whose the directory is after the boot")
    m.run("chown", "root", "/srv/tftp")
    check(listening(), "nobody listens after the boot")
    check_equal(m.active(SERVICE), "inactive", "before anybody asks")
    world.fetch()
    until(lambda: world.counted() == before + 1, 10, f"{before} transfers and one more")
    world.healthy()


def power_cut(world):
    """The machine is gone in the middle of a read and an upload: the log is whole, and counting goes on."""
    m = world.machine
    world.configure("linger = 60\ncreate = yes\n")
    m.systemctl("enable", SOCKET)
    m.run("install", "-d", "-o", "tftpd", "/srv/tftp/uploads")
    peer, _ = world.half_read()
    up = world.client()
    up.write("uploads/cut")
    up.expect(tftp.ACK, 0)
    up.data(1, b"x" * 512)
    up.expect(tftp.ACK, 1)
    for each in (peer, up):
        world.log.wait_start(**of_peer(each))
    before = world.counted()
    check(world.hidden(world.root / "uploads"), "the upload has no hidden file")
    m.power_cut()
    m.boot()
    check(not world.hidden(world.root / "uploads"), "a hidden file is left after the boot")
    world.fetch()
    until(lambda: world.counted() == before + 1, 10, f"{before} transfers and one more")
    # The live table was in memory: nobody knows of these two any more, and they have a start alone.
    cut = {(each.address, each.port) for each in (peer, up)}
    world.ledger.entries = [entry._replace(ends=None) if (entry.client, entry.port) in cut else entry
                            for entry in world.ledger.entries]
    told = world.ask("verify")
    check("2 open" in told and "all good" in told, told)
    world.healthy()


def counted_once(world):
    """All scenes' requests."""
    complaints = world.ledger.compare(world.log.ends())
    check(not complaints, "\n".join(complaints[:20]))
    told = world.machine.run("tftpd-stats", "verify", status=None)
    check_equal(told.status, 0, f"status of verify: {told.out}")


def power_off(world):
    world.machine.power_off()


SCENES = (
    ("boot: systemd is the first process", first_boot),
    ("users and directories are there after the boot", users_and_directories),
    ("systemd-analyze likes the units", units_are_good),
    ("the first request starts the server, and is answered from where it went", cold_start),
    ("several addresses in a drop-in of the socket", several_addresses),
    ("an idle server ends and starts again", idle_exit),
    (f"{STARTS} starts in a short time", many_starts),
    (f"{STORM} requests at once", warm_storm),
    (f"{STORM} requests at once start the server", cold_storm),
    ("stop lets transfers end", stop_lets_transfers_end),
    ("stop of the socket", stop_of_the_socket),
    ("restart answers who asked meanwhile", restart),
    ("reload starts a new dispatcher", reload),
    ("kill -9 of the first process", killed),
    ("a server that cannot serve is quiet", cannot_serve),
    ("a unit that cannot start does not loop", cannot_start),
    ("the journal has errors and no noise", journal),
    ("uploads into the served directory", uploads),
    ("an upload over a file in a closed directory", upload_in_place),
    ("uploads elsewhere want ReadWritePaths=", uploads_elsewhere),
    ("a narrower unit for a server without uploads", narrower),
    ("tftpd-hpa's form in a drop-in", hpa_form),
    ("an ordinary user by User=", unprivileged),
    ("all features under the unit's walls", all_features),
    ("logrotate with the installed file", rotation),
)
LAST = (
    ("a reboot", reboot),
    ("a power cut during a transfer", power_cut),
    ("each request is counted once", counted_once),
    ("poweroff ends the machine", power_off),
)
