"""Orders, and what must not be taken for one.

The keeper alone takes signals from outside; what it orders - a new dispatcher,
a new log, room for others - must cost no transfer and no record.
"""

import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time

import tftp
from harness import (LOG, PORT, Failure, check, check_equal, children, descendants, descriptors_of,
                     is_running, kill, listening, of_peer, run, stat_of, until)
from test_lifecycle import finish, running_read
from test_uploads import HALF, half_an_upload

MAX_TRANSFERS = 1000
IP_PKTINFO = 8                  # Python has no name for it
SLOT = 4096                     # bytes of the live table's header, and of a slot


# What several tests need.

def table():
    """The live table as it is now: a header, then the slots."""
    places = [path for path in ("/run/tftpd/live", LOG.parent / "live") if os.path.exists(path)]
    check(places, "no live table")
    with open(places[0], "rb") as file:
        return file.read()


def count_taken():
    """The first byte of a slot is 0 when it is free."""
    content = table()[SLOT::SLOT]
    return len(content) - content.count(0)


def slot_of(name):
    """The number of the slot that has this id, or None."""
    content = table()
    for start in range(SLOT, len(content), SLOT):
        if content[start] and content[start + 8:start + 24] == name.encode():
            return start // SLOT - 1
    return None


def notices(lane, **like):
    return [rec["message"] for rec in lane.log.records(event="notice", **like)]


def is_serving(lane, pid):
    return any(text.startswith("dispatcher started") for text in notices(lane, pid=pid))


def renew(lane, known):
    """SIGHUP; returns the dispatcher that none of those known is, when it reads."""
    server = lane.server
    os.kill(server.process.pid, signal.SIGHUP)
    found = until(lambda: [pid for pid in server.dispatchers() if pid not in known],
                  5 * lane.slowness, "a new dispatcher")
    check_equal(len(found), 1, "new dispatchers")
    until(lambda: is_serving(lane, found[0]), 5 * lane.slowness, "the new dispatcher reads")
    return found[0]


def has_let_go(server, pid):
    """Whether a dispatcher has closed the sockets that the keeper holds for all."""
    if not is_running(pid):
        return True
    try:
        return not sockets_of(server.process.pid) & sockets_of(pid)
    except OSError:
        return not is_running(pid)


def sockets_of(pid):
    return {text for text in descriptors_of(pid).values() if text.startswith("socket:")}


def finish_upload(lane, peer, name, tail=b"end"):
    peer.data(HALF + 1, tail)
    peer.expect(tftp.ACK, HALF + 1)
    check_equal((lane.root / name).read_bytes(), b"h" * 512 * HALF + tail, "the stored file")


def check_complete(lane, *peers):
    for peer in peers:
        record = lane.log.wait_end(5 * lane.slowness, **of_peer(peer))
        check_equal(record["outcome"], "complete", f"outcome of {record['file']}")


def check_serves(lane, name):
    lane.file(name, b"served")
    check_equal(lane.peer().get(name), b"served", "the next read")


# Signals.

def signals_to_everybody(lane):
    """A terminal's hang-up, "pkill tftpd": all but the keeper are deaf to it."""
    server = lane.serve(fresh=True)
    reader, writer = running_read(lane), half_an_upload(lane, "deaf")
    # One that becomes ready just now is not yet known as that.
    until(lambda: len(descendants(server.process.pid)) == 3, 5 * lane.slowness, "three processes under the keeper")
    family = descendants(server.process.pid)
    for number in (signal.SIGHUP, signal.SIGTERM):
        for pid in family:
            os.kill(pid, number)
    # They look at signals before they look at our next packet.
    finish(reader)
    finish_upload(lane, writer, "deaf")
    check_complete(lane, reader, writer)
    check_serves(lane, "deaf-after")
    check(server.dispatcher() in family, "the dispatcher is another one")


# Silent transfers.

class Silent:
    """Many clients with addresses of their own that ask once and never answer."""

    def __init__(self, lane):
        self.lane, self.port, self.count = lane, 9000, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("0.0.0.0", self.port))

    def ask(self, name):
        address = f"127.7.{self.count // 250}.{self.count % 250 + 1}"
        self.count += 1
        source = struct.pack("=i4s4s", 0, socket.inet_aton(address), b"\0" * 4)
        self.socket.sendmsg([tftp.request_bytes(tftp.RRQ, name)],
                            [(socket.IPPROTO_IP, IP_PKTINFO, source)], 0, ("127.0.0.1", PORT))
        self.lane.ledger.note(name, 1, client=address, port=self.port)

    def ends(self):
        return self.lane.log.ends(client_port=self.port)

    def have_begun(self):
        """Slots are enough to look at until the first give theirs back."""
        return count_taken() >= self.count or count_taken() + len(self.ends()) >= self.count


def fill_table(lane, silent):
    """Not faster than the server reads: nothing shall be lost on the way."""
    while silent.count < MAX_TRANSFERS:
        for _ in range(100):
            silent.ask("silent")
        until(silent.have_begun, 10 * lane.slowness, f"{silent.count} transfers")


def ask_like_a_client(lane, peer, seconds):
    """Ask, and again every second and when told that the server is busy; returns how
    often it was told."""
    raw, busy = peer.read("wanted", ends=None), 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        packet = peer.hear(min(1.0, deadline - time.monotonic()))
        if packet is not None and packet.op == tftp.DATA:
            peer.tid = packet.source
            check_equal(packet.payload, b"served", "the content")
            peer.ack(1)
            return busy
        if packet is not None:
            check_equal((packet.op, packet.code, packet.text), (tftp.ERROR, 0, "Server busy"), "the answer")
            peer.tid, busy = None, busy + 1
        peer.send_to_service(raw)
    raise Failure(f"not served within {seconds:g} s while others were silent")


def silent_transfers_make_room(lane):
    """A full table of clients that never answered (or were forged) shuts nobody out."""
    server = lane.serve(fresh=True)
    lane.file("silent", lane.content(3000))
    lane.file("wanted", b"served")
    silent, good, late = Silent(lane), lane.peer(), lane.peer()
    begin = time.monotonic()
    fill_table(lane, silent)
    late.read("wanted")
    busy = ask_like_a_client(lane, good, 4 * lane.slowness)
    # Who came when all were young was refused; an old machine fills too slowly for that.
    answer = late.hear()
    check(answer is not None, "silence for a request beyond")
    if answer.op == tftp.ERROR:
        check_equal((answer.code, answer.text), (0, "Server busy"), "the answer to a request beyond")
        check_equal(lane.log.wait_end(**of_peer(late))["outcome"], "limited", "its outcome")
    else:
        # The good client's repeat made a place, and it needed that only for a moment.
        check(time.monotonic() - begin > 1, "a place was free where none could be")
        late.ack(1)
    until(lambda: len(silent.ends()) == MAX_TRANSFERS, 12 * lane.slowness, "the ends of all")
    check_equal({rec["outcome"] for rec in silent.ends()}, {"noanswer"}, "outcomes of the silent")
    gave = [rec for rec in silent.ends() if "gave its place" in rec.get("message", "")]
    check(1 <= len(gave) <= 2 * (busy + 2), f"{len(gave)} gave their place")
    until(lambda: len(lane.log.ends(**of_peer(good))) == busy + 1, 5 * lane.slowness,
          f"{busy} refusals and a success")
    outcomes = sorted(rec["outcome"] for rec in lane.log.ends(**of_peer(good)))
    check_equal(outcomes, ["complete"] + ["limited"] * busy, "outcomes of the good client")
    until(lambda: not count_taken() and not server.transfers(), 5 * lane.slowness, "no slot is taken")
    check_serves(lane, "after-silence")
    silent.socket.close()


# Files that are replaced.

def replaced_file_keeps_mode(lane):
    """Else -U 022 would protect the file against the next upload of it."""
    lane.serve("-s", "-c", "-U", "022", lane.root)
    lane.file("team/config", b"first", mode=0o666)
    place = lane.root / "team"
    os.chown(place, lane.uid, 65534)
    place.chmod(0o2775)                 # a new file here is of group 65534 ...
    os.chown(place / "config", 0, lane.gid)
    for content in (b"second", b"third"):
        lane.peer().put("team/config", content)
        stat = (place / "config").stat()
        check_equal((place / "config").read_bytes(), content, "the content")
        check_equal(stat.st_mode & 0o7777, 0o666, "the mode")
        check_equal(stat.st_gid, lane.gid, "the group")
    lane.peer().put("team/new", b"new")
    stat = (place / "new").stat()       # ... and of the umask's mode
    check_equal((stat.st_mode & 0o777, stat.st_gid), (0o644, 65534), "mode and group of a new file")


def protected_meanwhile(lane):
    """Somebody put a protected file there while we wrote."""
    lane.serve()
    lane.file("swap", b"old", mode=0o666)
    peer = half_an_upload(lane, "swap")
    os.rename(lane.file("swap.protected", b"protected"), lane.root / "swap")
    peer.data(HALF + 1, b"end")
    peer.expect(tftp.ERROR, 2)
    record = lane.log.wait_end(5 * lane.slowness, **of_peer(peer))
    check_equal((record["outcome"], record["error_code"], record["error_by"]), ("denied", 2, "server"),
                "the end record")
    check_equal((lane.root / "swap").read_bytes(), b"protected", "the protected file")
    until(lambda: not lane.hidden(), 1.5 * lane.slowness, "the hidden file is gone")


# Ports.

def one_port_for_all(lane):
    """Who finds every port of -R taken is told, from another one."""
    server = lane.serve("-s", "-R", "40100:40100", lane.root, fresh=True)
    first, second = running_read(lane), lane.peer()
    check_equal(first.tid[1], 40100, "the port of the first transfer")
    second.read("long")
    packet = second.expect(tftp.ERROR, 0)
    check_equal(packet.text, "Server busy", "the text")
    check_equal(lane.log.wait_end(**of_peer(second))["outcome"], "limited", "outcome")
    finish(first)
    check_complete(lane, first)
    until(lambda: not server.transfers(), 5 * lane.slowness, "the port is free")
    third = running_read(lane)
    check_equal(third.tid[1], 40100, "the port of the next transfer")
    finish(third)
    check_complete(lane, third)


# SIGHUP to the keeper.

def rotated_while_running(lane):
    """The log is renamed, SIGHUP: the running read ends once, in one of the two; a copy
    of a request that waits for its answer makes nothing new."""
    server = lane.serve(fresh=True)
    old, running, waiting = server.dispatcher(), running_read(lane), lane.peer()
    lane.file("asked-twice", lane.content(700))
    raw = waiting.read("asked-twice")
    waiting.expect(tftp.DATA, 1)
    os.rename(LOG, f"{LOG}.1")
    renew(lane, {old})
    until(lambda: has_let_go(server, old), 5 * lane.slowness, "the old dispatcher has closed the port")
    waiting.send_to_service(raw)
    check_serves(lane, "after-the-copy")       # read after it, so the copy was read
    finish(running)
    first = waiting.tid
    others = [p for _, p in waiting.hear_all(0) if p.source != first]
    waiting.ack(1)
    waiting.drain_to(tftp.DATA, 2)
    waiting.ack(2)
    check_complete(lane, running, waiting)
    check_equal(others, [], "answers of a second transfer")
    check_equal(len(lane.log.starts(**of_peer(waiting))), 1, "start records")
    until(lambda: not is_running(old), 5 * lane.slowness, "the old dispatcher is gone")
    check_equal(server.transfers(), [], "transfers that are left")
    ends = [rec for rec in lane.log.ends() if rec["client_port"] == running.port]
    check_equal(len(ends), 1, "its ends in the old and the new log")


def served_directory_moved(lane):
    """No new dispatcher can start: the old one serves on; later, a new one can."""
    server = lane.serve(fresh=True)
    old, away = server.dispatcher(), lane.root.with_name("away")
    until(lambda: is_serving(lane, old), 5 * lane.slowness, "the dispatcher reads")
    lane.file("moved", b"still served")
    os.rename(lane.root, away)
    try:
        os.kill(server.process.pid, signal.SIGHUP)
        until(lambda: "the old dispatcher goes on" in server.tail() or not server.is_running(),
              5 * lane.slowness, "it says that the old dispatcher goes on")
        check(server.is_running(), "the server ended")
        check_equal(server.dispatchers(), [old], "dispatchers")
        check_equal(lane.peer().get("moved"), b"still served", "the read")
    finally:
        os.rename(away, lane.root)
    new = renew(lane, {old})
    until(lambda: not is_running(old), 5 * lane.slowness, "the old dispatcher is gone")
    check_equal(server.dispatchers(), [new], "dispatchers")
    check_serves(lane, "moved-back")


def hung_up_often(lane):
    """The same with several SIGHUPs, so that several new dispatchers cannot start."""
    server = lane.serve(fresh=True)
    old, away = server.dispatcher(), lane.root.with_name("away")
    until(lambda: is_serving(lane, old), 5 * lane.slowness, "the dispatcher reads")
    os.rename(lane.root, away)
    try:
        for _ in range(40):
            kill(server.process.pid, signal.SIGHUP)
            time.sleep(0.0003)          # not to wait for anything: signals that come together are one
        until(lambda: server.dispatchers() in ([old], []), 5 * lane.slowness, "the new ones are gone")
        check(server.is_running(), f"the server ended with status {server.process.returncode}")
    finally:
        os.rename(away, lane.root)
    check_serves(lane, "hung-up-often")


def slept_through(lane):
    """A dispatcher that was stopped while its transfer died finds the slot taken by a
    transfer of its successor, which is not its to end."""
    server = lane.serve(fresh=True)
    dead = running_read(lane, "slept")
    first, begun = server.dispatcher(), lane.log.wait_start(**of_peer(dead))
    name, victim = begun["id"], begun["pid"]
    slot = slot_of(name)
    try:
        os.kill(first, signal.SIGSTOP)
        until(lambda: stat_of(first)[0] == "T", 5, "the dispatcher stands still")
        os.kill(victim, signal.SIGKILL)
        until(lambda: stat_of(victim)[0] == "Z", 5, "its transfer is dead")
        second = renew(lane, {first})
        orphan = running_read(lane, "orphan")
        check_serves(lane, "slept-new")
        third = renew(lane, {first, second})
        os.kill(second, signal.SIGKILL)         # the third looks for the dead
        check_equal(lane.log.wait_end(5 * lane.slowness, **of_peer(dead))["outcome"], "crashed",
                    "outcome of the killed")
        young = running_read(lane, "young")
        started = lane.log.wait_start(**of_peer(young))
        check_equal(slot_of(started["id"]), slot, "the new transfer's slot, which was the dead one's")
        check(started["pid"] in children(third), "the new transfer is not the third dispatcher's")
    finally:
        os.kill(first, signal.SIGCONT)
    until(lambda: not is_running(first), 5 * lane.slowness, "the first dispatcher is gone")
    check_equal(lane.log.ends(**of_peer(young)), [], "ends of a transfer that runs")
    finish(young)
    finish(orphan)
    check_complete(lane, young, orphan)
    until(lambda: not count_taken(), 5 * lane.slowness, "no slot is taken")
    check_equal(len(lane.log.ends(id=name)), 1, "ends of the killed one")


# Starting.

def start_tftpd(lane, *args, **how):
    """tftpd by hand, until it and all that it left behind have closed stdout and stderr."""
    command = [str(lane.tftpd), *map(str, args), "-s", str(lane.root)]
    starter = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=lane.environment(), **how)
    try:
        _, errors = starter.communicate(timeout=5 * lane.slowness)
    except subprocess.TimeoutExpired:
        state = "still runs" if starter.poll() is None else "has ended, and left its stderr open"
        for pid in {starter.pid} | descendants(starter.pid):
            kill(pid, signal.SIGKILL)
        raise Failure(f"{' '.join(command[1:])}: it {state}") from None
    return starter.returncode, errors.decode()


def background(lane):
    """-l: whoever started it can go on, and log out; or knows that it did not start."""
    lane.stop_server()
    pidfile, other = lane.scratch / "orders.pid", lane.scratch / "other.pid"
    where, family = ("-l", "-a", "127.0.0.1:69"), set()
    lane.file("background", b"served")
    try:
        status, errors = start_tftpd(lane, *where, "-P", pidfile, cwd=lane.scratch)
        answers = listening()
        check_equal((status, errors), (0, ""), "status and words of the starter")
        check(answers, "the starter returned, and nobody listens")
        check_equal(lane.peer().get("background"), b"served", "the read")
        pid = int(pidfile.read_text())
        # the transfer has gone
        until(lambda: len(descendants(pid)) == 1, 5 * lane.slowness, "a dispatcher, and nothing else")
        family = {pid} | descendants(pid)
        for member in family:
            found = descriptors_of(member)
            check_equal([found.get(n) for n in range(3)], ["/dev/null"] * 3, "descriptors 0, 1 and 2")
        check_equal(os.readlink(f"/proc/{pid}/cwd"), "/", "the keeper's folder")
        check(os.getsid(pid) != os.getsid(0), "it stayed in our session")
        status, errors = start_tftpd(lane, *where, "-P", other)
        check(status not in (0, None), f"status {status} when the port is taken")
        check("127.0.0.1:69" in errors, f"what it said when the port is taken: {errors!r}")
        check(not other.exists() and is_running(pid), "the second start disturbed the first")
        os.kill(pid, signal.SIGTERM)
        until(lambda: not any(map(is_running, family)), 10 * lane.slowness, "it has ended")
        check(not pidfile.exists(), "the pid file is left")
    finally:
        for member in family:
            kill(member, signal.SIGKILL)


def orphans_hear_of_the_end(lane):
    """A transfer whose dispatcher was killed cannot be told by it; a second SIGTERM ends
    it all the same, and its record says why."""
    server = lane.serve(fresh=True)
    peer = running_read(lane, "orphaned")
    old = server.dispatcher()
    os.kill(old, signal.SIGKILL)
    until(lambda: [pid for pid in server.dispatchers() if pid != old and is_serving(lane, pid)],
          5 * lane.slowness, "a new dispatcher")
    os.kill(server.process.pid, signal.SIGTERM)
    until(lambda: not listening(), 5 * lane.slowness, "nobody listens")
    check(server.is_running(), "it did not wait for the transfer")
    os.kill(server.process.pid, signal.SIGTERM)
    record = lane.log.wait_end(5 * lane.slowness, **of_peer(peer))
    check_equal(record["outcome"], "shutdown", "outcome of the orphan")
    until(lambda: not server.is_running(), 5 * lane.slowness, "the server has ended")
    check_equal(server.process.wait(), 0, "exit status")


def deaf_reader(lane):
    """tftpd -L -v | head -1: whoever reads the messages goes, or stops reading; the
    server goes on."""
    lane.stop_server()
    lane.file("unheard", b"served")
    for closes in (True, False):
        pipe = os.pipe()
        server = subprocess.Popen([str(lane.tftpd), "-L", "-v", "-a", "127.0.0.1:69", "-s", str(lane.root)],
                                  stdin=subprocess.DEVNULL, stderr=pipe[1], env=lane.environment())
        try:
            os.close(pipe[1])
            until(listening, 5 * lane.slowness, "it listens")
            if closes:
                os.close(pipe[0])
            else:                           # 110 lines of 43 bytes do not fit into it
                fcntl.fcntl(pipe[0], fcntl.F_SETPIPE_SZ, 4096)
            for _ in range(20 if closes else 110):
                check_equal(lane.peer().get("unheard"), b"served", "the read")
            check(server.poll() is None, f"the server ended with status {server.returncode}")
        finally:
            server.terminate()
            server.wait(10 * lane.slowness)
            if not closes:
                os.close(pipe[0])


def port_of_another(lane):
    """On IPv6 alone it would look well, and serve no IPv4 client."""
    lane.stop_server()
    check(os.path.exists("/proc/net/if_inet6"), "this machine has no IPv6: nothing is shown here")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("0.0.0.0", 0))
        port = other.getsockname()[1]
        status, errors = start_tftpd(lane, "-L", "-a", f":{port}")
        check(status not in (0, None), f"status {status}")
        check(f":{port}" in errors, f"what it said: {errors!r}")
        check(not listening_on_ipv6(port), "it listens on IPv6")
    lane.serve("-s", lane.root, address="::", fresh=True)
    check(listening_on_ipv6(PORT), "IPv6 does not work here at all")
    lane.stop_server()


def listening_on_ipv6(port):
    with open("/proc/net/udp6") as table:
        return any(line.split()[1].endswith(f":{port:04X}") for line in list(table)[1:])


# The log's disk.

def full_log(lane, name):
    """A server whose log has 64 KiB, and no room left; returns the log and what fills it."""
    place = lane.scratch / name
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", place)
    log, filler = place / "log.jsonl", place / "filler"
    lane.serve("-s", "-c", "--log", log, lane.root, fresh=True)
    lane.file("roomless", b"served")
    until(lambda: log.exists() and log.read_bytes(), 5 * lane.slowness, "the first record")
    return log, filler


def log_without_room(lane):
    """A full disk costs records, never transfers, and the log says how many."""
    log, filler = full_log(lane, "small")
    fill_up(filler)
    reads = 30 if lane.slowness < 5 else 8
    for _ in range(reads):
        check_equal(unrecorded_read(lane, "roomless"), b"served", "a read while the log is full")
    torn = not log.read_bytes().endswith(b"\n")
    written, told = after_room(lane, log, filler)
    lost = 2 * (reads + 1) - len(written)
    check(lost > 0, "the log was not full: nothing is shown here")
    check_equal(told, lost, "records that are missing, as it says")
    check_stats(lane, log, written, torn)


def after_room(lane, log, filler):
    """There is room again; returns what stands in the log, and what it says is missing."""
    filler.unlink()
    check_equal(unrecorded_read(lane, "roomless"), b"served", "a read when there is room")
    told = until(lambda: re.search(rb"about (\d+) records are missing here", log.read_bytes()),
                 5 * lane.slowness, "the notice about missing records")
    lane.stop_server()
    return records_in(log.read_bytes()), int(told[1])


def notice_without_room(lane):
    """An upload that was recorded before the disk was full, and dallied, is no sign that
    there is room: what was lost must be told when there is."""
    log, filler = full_log(lane, "small-dally")
    peer = lane.peer()
    peer.write("dallies", ends=None)
    peer.expect(tftp.ACK, 0)
    peer.data(1, b"all")
    peer.expect(tftp.ACK, 1)
    until(lambda: "complete" in records_in(log.read_bytes()), 5 * lane.slowness, "the upload's end")
    fill_up(filler)
    with open(log, "ab", buffering=0) as rest:      # the last page of the log, too
        fill_rest(rest)
    for _ in range(5):
        unrecorded_read(lane, "roomless")
    peer.data(1, b"all")                # its ACK comes again, and meets a closed port
    peer.close()
    until(lambda: not count_taken(), 10 * lane.slowness, "the upload's process has ended")
    _, told = after_room(lane, log, filler)
    check_equal(told, 10, "records that are missing, as it says")


def unrecorded_read(lane, name):
    """Its records go elsewhere, if anywhere."""
    peer, taken = lane.peer(), count_taken()
    peer.read(name, ends=None)
    content = peer.get_rest()
    until(lambda: count_taken() <= taken, 5 * lane.slowness, "it has ended and was counted")
    return content


def fill_up(path):
    with open(path, "wb", buffering=0) as file:
        fill_rest(file)


def fill_rest(file):
    for size in (4096, 1):
        try:
            while file.write(b"x" * size):
                pass
        except OSError:
            pass


def records_in(text):
    """Events of transfers, also of those records that follow a torn one in its line."""
    found = []
    for piece in re.split(rb'(?=\{"v":1,)', text):
        try:
            record = json.loads(piece)
        except ValueError:
            continue
        if record["event"] != "notice":
            found.append(record.get("outcome", "start"))
    return found


def check_stats(lane, log, written, torn):
    done = lane.run_stats("summary", "--json", "--since", "2000-01-01", "-l", log)
    check_equal(done.returncode, 0, f"tftpd-stats ({done.stderr.decode()})")
    summary = json.loads(done.stdout)
    check_equal(set(written), {"start", "complete"}, "what stands in the log")
    check_equal(summary["outcomes"]["complete"], written.count("complete"), "complete transfers in the summary")
    check_equal(summary["bad_lines"], 0, "bad lines in the summary")
    check_equal(summary["torn_lines"], int(torn), "torn lines in the summary")


# Block sizes.

def more_than_the_mtu_has(lane):
    """-B mtu-N leaves what is left, and never less than 8."""
    run(lane.ip(), "link", "set", "lo", "mtu", "600")
    content = lane.content(40)
    lane.file("tight", content)
    for less, most in ((0, 568), (500, 68), (560, 8), (1024, 8)):
        lane.serve("-s", "-B", f"mtu-{less}", lane.root)
        for asked in (8, 9, 512, 65464):
            peer = lane.peer()
            peer.read("tight", blksize=asked)
            granted = int(peer.expect(tftp.OACK).options["blksize"])
            check_equal(granted, min(asked, most), f"block size for {asked} under mtu-{less}")
            peer.ack(0)
            check_equal(peer.get_rest(blksize=granted), content, "the content")
            check_complete(lane, peer)
    run(lane.ip(), "link", "set", "lo", "mtu", "65536")


TESTS = (
    ("signals to all but the keeper end no transfer", signals_to_everybody, True),
    ("1000 silent transfers make room for a client that answers", silent_transfers_make_room, False),
    ("a replaced file keeps its mode and group", replaced_file_keeps_mode, True),
    ("a file protected during an upload is not replaced", protected_meanwhile, True),
    ("without a free port a client hears 'Server busy'", one_port_for_all, True),
    ("a rotation under a running transfer loses and doubles nothing", rotated_while_running, True),
    ("without its directory the old dispatcher serves on", served_directory_moved, True),
    ("several orders without the directory end nothing either", hung_up_often, True),
    ("a dispatcher that slept ends no transfer of its successors", slept_through, True),
    ("a second SIGTERM ends an orphan too", orphans_hear_of_the_end, True),
    ("messages that nobody reads hold nothing up", deaf_reader, True),
    ("-l returns when it serves, and holds no terminal", background, True),
    ("a port that is half taken is an error", port_of_another, True),
    ("a full disk under the log costs records, and says so", log_without_room, True),
    ("what a full disk cost is told when there is room, not before", notice_without_room, True),
    ("-B mtu-N stays between 8 and what was asked", more_than_the_mtu_has, False),
)
