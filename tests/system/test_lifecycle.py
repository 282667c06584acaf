"""Starting, stopping, dying: no transfer is lost without a word.

The keeper waits, the dispatcher reads requests, a transfer serves one.  Each of
them may be killed, and the log still has exactly one end for each transfer.
"""

import os
import signal
import subprocess
import time

import tftp
from harness import (check, check_equal, descendants, is_running, listening,
                     of_peer, until)

SIZE = 512 * 20 + 1


def running_read(lane, name="long", server=None):
    """A read that has half of its blocks, and waits for us."""
    lane.file(name, lane.content(SIZE))
    peer = lane.peer()
    peer.read(name)
    for index in range(1, 11):
        peer.expect(tftp.DATA, index)
        peer.ack(index)
    return peer


def finish(peer):
    for index in range(11, 22):
        peer.expect(tftp.DATA, index)
        peer.ack(index)


def stops_gently(lane):
    """SIGTERM: no new request is taken, the running transfer ends in peace."""
    server = lane.serve(fresh=True)
    peer = running_read(lane)
    server.process.send_signal(signal.SIGTERM)
    until(lambda: not listening(), 2 * lane.slowness, "the request port is closed")
    check(server.is_running(), "it did not wait for the transfer")
    finish(peer)
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")
    check_equal(server.process.wait(10 * lane.slowness), 0, "exit status")
    lane.stop_server()


def stops_at_once(lane):
    """A second SIGTERM: the client is told, the log says 'shutdown'."""
    server = lane.serve(fresh=True)
    peer = running_read(lane)
    upload = lane.peer()
    upload.write("shut-up")
    upload.expect(tftp.ACK, 0)
    server.process.send_signal(signal.SIGTERM)
    until(lambda: not listening(), 2 * lane.slowness, "the request port is closed")
    server.process.send_signal(signal.SIGTERM)
    check_equal(server.process.wait(5 * lane.slowness), 0, "exit status")
    for client in (peer, upload):
        check_equal(lane.log.wait_end(**of_peer(client))["outcome"], "shutdown", "outcome")
    check_equal(lane.hidden(), [], "hidden files")
    lane.stop_server()


def stops_by_itself_after_30_seconds(lane):
    """A silent client does not hold up a shutdown for longer."""
    server = lane.serve(fresh=True)
    peer = lane.peer()
    lane.file("stuck", lane.content(SIZE))
    peer.read("stuck", timeout=20)      # it may be silent for 100 s
    peer.expect(tftp.OACK)
    peer.ack(0)
    peer.expect(tftp.DATA, 1)
    begin = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    check_equal(server.process.wait(40), 0, "exit status")
    took = time.monotonic() - begin
    check(25 <= took <= 36, f"it took {took:.0f} s")
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "shutdown", "outcome")
    lane.stop_server()


def superservers_stop_it(lane):
    """SIGTERM to the server under each superserver: it ends, and the next request
    starts another."""
    for mode in ("xinetd", "inetd"):
        server = lane.serve(mode=mode, fresh=True)
        lane.file("again", b"again")
        check_equal(lane.peer().get("again"), b"again", "the first read")
        first = server.wait_keeper()
        os.kill(first, signal.SIGTERM)
        until(lambda: not is_running(first), 5 * lane.slowness, "the server has ended")
        until(listening, 5, f"{mode} listens again")
        check_equal(ask_restarted(lane, mode, "again"), b"again", "the second read")
        check(server.wait_keeper() != first, "the same pid")
    lane.stop_server()


def dispatcher_killed(lane):
    """It is replaced; the transfer under it is recorded exactly once."""
    server = lane.serve(fresh=True)
    peer = running_read(lane)
    old = server.dispatcher()
    started = lane.log.wait_start(**of_peer(peer))
    os.kill(old, signal.SIGKILL)
    until(lambda: any(d != old for d in server.dispatchers()), 5 * lane.slowness, "a new dispatcher")
    lane.file("after-kill", b"served")
    check_equal(ask_until_answered(lane, "after-kill"), b"served", "the next read")
    if not lane.log.ends(id=started["id"]):
        finish(peer)
    record = lane.log.wait_end(10 * lane.slowness, id=started["id"])
    check(record["outcome"] in ("complete", "crashed"), f"outcome {record['outcome']}")


def ask_restarted(lane, mode, name):
    """The first request after a server has gone.

    xinetd empties the socket when it takes note of the end (svc_postmortem(), drain()):
    what came a moment before is gone, and a client asks again. inetd keeps it."""
    return ask_until_answered(lane, name) if mode == "xinetd" else lane.peer().get(name)


def ask_until_answered(lane, name):
    """A request that came while the dispatcher was dead may be gone, as in any network."""
    for _ in range(20):
        peer = lane.peer(patience=0.5 * lane.slowness)
        peer.read(name, ends=None)
        packet = peer.hear()
        if packet is not None:
            peer.ack(1)
            lane.log.wait_end(**of_peer(peer))
            return packet.payload
    return None


def everything_killed(lane):
    """kill -9 of keeper, dispatcher and transfer (OOM): the next start tells the end."""
    server = lane.serve(fresh=True)
    peer = running_read(lane)
    upload = lane.peer()
    upload.write("killed-with-all")
    upload.expect(tftp.ACK, 0)
    family = {server.process.pid} | descendants(server.process.pid)
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    server.process.wait(10)
    until(lambda: not any(map(is_running, family)), 10, "all are dead")
    check_equal(lane.log.ends(**of_peer(peer)), [], "end records before the next start")
    lane.stop_server()
    lane.serve(fresh=True)
    for client in (peer, upload):
        record = lane.log.wait_end(5 * lane.slowness, **of_peer(client))
        check_equal(record["outcome"], "crashed", "outcome")
    until(lambda: not lane.hidden(), 1.5 * lane.slowness, "the hidden file is gone")
    check(not (lane.root / "killed-with-all").exists(), "it stands under its name")


def keeper_killed(lane):
    """Without the keeper the others end too, or at least leave their ends."""
    server = lane.serve(fresh=True)
    peer = running_read(lane)
    family = descendants(server.process.pid)
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(10)
    if any(is_running(pid) for pid in family):
        try:
            finish(peer)
        except tftp.Unexpected:
            pass
    until(lambda: not any(map(is_running, family)), 40, "nothing runs without a keeper")
    lane.stop_server()
    lane.serve(fresh=True)
    record = lane.log.wait_end(5 * lane.slowness, **of_peer(peer))
    check(record["outcome"] in ("complete", "crashed", "shutdown"), f"outcome {record['outcome']}")


def idle(lane):
    """-t 1: a second after the last request, and when no transfer runs, it is gone."""
    server = lane.serve("-s", "-c", "-t", "1", lane.root, mode="activate-inetd", fresh=True)
    peer = running_read(lane, "idle")
    time.sleep(1.5)                     # longer than linger: a running transfer counts
    check(server.is_running(), "it left while a transfer was running")
    family = descendants(server.process.pid)
    finish(peer)
    begin = time.monotonic()
    check_equal(server.process.wait(5 * lane.slowness), 0, "exit status")
    took = time.monotonic() - begin
    check(took <= 2.5 * lane.slowness, f"it left after {took:.1f} s")
    check(not any(map(is_running, family)), "something is left")
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")
    lane.stop_server()


def idle_under_xinetd(lane):
    """It leaves, and the next request starts it again."""
    for mode in ("xinetd", "inetd"):
        server = lane.serve("-s", "-t", "1", lane.root, mode=mode, fresh=True)
        lane.file("idle-again", b"idle")
        check_equal(lane.peer().get("idle-again"), b"idle", "the first read")
        first = server.wait_keeper()
        until(lambda: not is_running(first), 5 * lane.slowness, "it is gone")
        until(listening, 5, f"{mode} listens again")
        check_equal(ask_restarted(lane, mode, "idle-again"), b"idle", "the second read")
        check(server.wait_keeper() != first, "the same pid")
    lane.stop_server()


def foreground_stays(lane):
    """With -L nobody would start it again: it does not leave."""
    server = lane.serve("-s", "-t", "1", lane.root, fresh=True)
    lane.file("stay", b"stay")
    check_equal(lane.peer().get("stay"), b"stay", "the read")
    time.sleep(2)
    check(server.is_running(), "it left")
    lane.stop_server()


def no_socket(lane):
    """Started by hand: two lines how to do it, and the exit status of a usage error."""
    plain = lane.scratch / "no-socket"
    plain.touch()
    for place in ("/dev/null", plain):
        with open(place, "rb") as stdin:
            done = subprocess.run([str(lane.tftpd), "-s", str(lane.root)], stdin=stdin,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env=lane.environment(), timeout=10 * lane.slowness)
        check_equal(done.returncode, 64, f"exit status with {place}")
        lines = done.stderr.decode().strip().splitlines()
        check_equal(len(lines), 2, f"lines of the hint: {lines}")
        check_equal(done.stdout, b"", "what it wrote to fd 1, which would be the network")


def no_word_to_the_network(lane):
    """fd 0, 1 and 2 are the socket under xinetd: a message there would be a packet."""
    server = lane.serve(mode="xinetd", fresh=True)
    lane.file("quiet", b"quiet")
    check_equal(lane.peer().get("quiet"), b"quiet", "the read")
    keeper = server.wait_keeper()
    # without the transfer, which may end while we look
    for pid in (keeper, server.dispatcher()):
        for number in (0, 1, 2):
            target = os.readlink(f"/proc/{pid}/fd/{number}")
            check_equal(target, "/dev/null", f"descriptor {number} of a process")


def daemon(lane):
    """-l: into the background, with a pid file."""
    lane.stop_server()
    pidfile = lane.scratch / "tftpd.pid"
    done = subprocess.run([str(lane.tftpd), "-l", "-a", "127.0.0.1:69", "-P", str(pidfile), "-s",
                           str(lane.root)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, env=lane.environment(), timeout=20 * lane.slowness)
    check_equal(done.returncode, 0, "exit status of the starter")
    until(lambda: listening() and pidfile.exists() and pidfile.read_text().strip(), 5 * lane.slowness,
          "it listens and has written its pid")
    pid = int(pidfile.read_text())
    lane.file("daemon", b"daemon")
    check_equal(lane.peer().get("daemon"), b"daemon", "the read")
    family = {pid} | descendants(pid)
    os.kill(pid, signal.SIGTERM)
    until(lambda: not any(map(is_running, family)), 10 * lane.slowness, "it has ended")
    check(not pidfile.exists(), "the pid file is left")


def user_option(lane):
    """-u: the transfers run as that user."""
    lane.serve("-s", "-u", "nobody", lane.root, fresh=True)
    peer = running_read(lane, "as-nobody")
    pid = until(lane.server.transfers, 5, "a transfer")[0]
    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
    check(status["Uid"].split()[0] not in ("0", str(lane.uid)), f"uid {status['Uid']}")
    finish(peer)
    lane.stop_server()


def without_secure(lane):
    """tftpd-hpa without -s: names are absolute, and lie in one of the directories."""
    lane.file("abs", b"absolute")
    lane.serve(lane.root, fresh=True)
    check_equal(lane.peer().get("/srv/tftp/abs"), b"absolute", "the absolute name")
    for name in ("abs", "/abs", "/etc/passwd", "/srv/tftp/../tftp/abs", "/srv/tftpX"):
        peer = lane.peer()
        peer.read(name)
        packet = peer.expect(tftp.ERROR)
        check(packet.code in (1, 2), f"{name}: {packet}")
        lane.log.wait_end(**of_peer(peer))
    lane.stop_server()


TESTS = (
    ("a first SIGTERM lets transfers finish", stops_gently, True),
    ("a second SIGTERM ends them as 'shutdown'", stops_at_once, True),
    ("a silent client holds up a shutdown for 30 s at most", stops_by_itself_after_30_seconds, False),
    ("stopped under a superserver it is started again", superservers_stop_it, False),
    ("a killed dispatcher is replaced, its transfer ends once", dispatcher_killed, True),
    ("after kill -9 of all, the next start records 'crashed'", everything_killed, True),
    ("a killed keeper leaves no process and no transfer without an end", keeper_killed, False),
    ("idle, it exits with 0 after -t seconds", idle, False),
    ("idle under xinetd and inetd it goes and comes back", idle_under_xinetd, False),
    ("in the foreground it never leaves", foreground_stays, False),
    ("without a socket it exits with 64 and two lines", no_socket, True),
    ("no process writes to the network by accident", no_word_to_the_network, True),
    ("-l goes into the background and writes a pid file", daemon, True),
    ("-u chooses the user", user_option, False),
    ("without -s names are absolute and stay in the directories", without_secure, False),
)
