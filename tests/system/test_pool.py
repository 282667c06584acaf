"""The processes that are ready before the request (src/daemon/pool.c).

They must save the fork and nothing else be noticed of them: each serves one request,
none outlives its dispatcher, one that dies costs nobody a transfer, and an idle one
holds neither sockets nor memory worth speaking of.
"""

import contextlib
import os
import pwd
import re
import signal
import struct
import subprocess
import time

import tftp
from harness import (LOG, PORT, SERVICE_USER, Failure, check, check_equal, children, descendants, descriptors_of,
                     is_running, is_spare, listening, of_peer, run, until)
from test_lifecycle import finish, running_read
from test_orders import SLOT, check_complete, check_serves, count_taken, is_serving, renew, slot_of
from test_windows import MOST_BYTES, MOST_SEGMENTS, SOL_UDP, UDP_SEGMENT

POOL_MAX = 16
QUIET = 5.0             # seconds after the last request
SMALL = 256             # KiB of its own: a spare one, and a transfer midway
BLKSIZE = 1428
TABLE = "/run/tftpd/live"
TICKS = os.sysconf("SC_CLK_TCK")


# What several tests need.

def spares(server, dispatcher=None):
    """The idle ones, under one dispatcher or all."""
    dispatchers = [dispatcher] if dispatcher else server.dispatchers()
    return {pid for d in dispatchers for pid in children(d, spares=True) if is_spare(pid)}


def spares_at_once(server):
    """Those that were idle at one and the same moment: between two looks."""
    return {pid for pid in spares(server) if is_spare(pid)}


def wait_spares(lane, count=1):
    return until(lambda: len(spares(lane.server)) >= count and spares(lane.server), 5 * lane.slowness,
                 f"{count} ready processes")


def start(lane, *args, **how):
    """A fresh server that serves, and has had no request."""
    server = lane.serve(*args, fresh=True, **how)
    until(lambda: is_serving(lane, server.dispatcher()), 5 * lane.slowness, "the dispatcher reads")
    lane.file("pooled", b"pooled")
    return server


def read(lane, name="pooled", content=b"pooled"):
    """A whole read; returns the pid that its records carry."""
    peer = lane.peer()
    check_equal(peer.get(name), content, "the content")
    return pid_of(lane, peer)


def pid_of(lane, peer):
    return lane.log.wait_end(5 * lane.slowness, **of_peer(peer))["pid"]


def make_many(lane, count):
    """So many ready processes at least: by reads in quick succession."""
    for _ in range(20):
        lane.load("--clients", "4", "--total", "40", "pooled", ends=40)
        enough = time.monotonic() + 0.5
        until(lambda: len(spares(lane.server)) >= count or time.monotonic() > enough, 1, "")
        if len(spares(lane.server)) >= count:
            return wait_spares(lane, count)
    raise Failure(f"no {count} ready processes after 800 reads")


def pooled_read(lane, name="long"):
    """A read that has half of its blocks, in a process that was ready before; all that
    are ready now."""
    known = wait_spares(lane)
    peer = running_read(lane, name)
    pid = lane.log.wait_start(5 * lane.slowness, **of_peer(peer))["pid"]
    check(pid in known, f"process {pid} serves it, and {known} were ready")
    return peer, pid, wait_spares(lane)


def check_gone(lane, pids, what):
    until(lambda: not any(map(is_running, pids)), 1 * lane.slowness, what)


# That there are some.

def ready_after_a_request(lane):
    """None before the first request; then one, which serves the next, whatever that is."""
    server = start(lane)
    check_equal(spares(server), set(), "ready processes before any request")
    first = read(lane)
    refused, upload = lane.peer(), lane.peer()
    used = [first]
    for ask in (lambda: read(lane), lambda: read(lane), lambda: ask_in_vain(lane, refused),
                lambda: put(lane, upload), lambda: read(lane)):
        known = wait_spares(lane)
        check(len(known) <= 2, f"{len(known)} ready processes for so few requests")
        check(server.dispatcher() not in known, "it is the dispatcher")
        pid = ask()
        check(pid in known, f"process {pid} served it, and {known} were ready")
        used.append(pid)
    check_equal(len(set(used)), len(used), "processes; each serves one request")


def ask_in_vain(lane, peer):
    peer.read("not-there")
    check_equal(peer.expect(tftp.ERROR).code, 1, "the code")
    return pid_of(lane, peer)


def put(lane, peer):
    peer.put("pooled-up", b"u" * 700)
    check_equal((lane.root / "pooled-up").read_bytes(), b"u" * 700, "the stored file")
    return pid_of(lane, peer)


def burst(lane):
    """A burst makes more of them, 16 at most; each serves one; 5 s later all are gone."""
    server = start(lane)
    total = 100 if lane.quick else 600
    lane.ledger.note("pooled", total)
    load = subprocess.Popen(
        [str(lane.load_program()), "--server", f"127.0.0.1:{PORT}", "--clients", "8",
         "--total", str(total), "--pause-ms", "3", "pooled"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=lane.environment())
    most, deadline = 0, time.monotonic() + 60
    try:
        while load.poll() is None and time.monotonic() < deadline:
            most = max(most, len(spares_at_once(server)))
        ended = time.monotonic()
        check_equal(load.returncode, 0, "exit status of tftp-load")
    finally:
        load.kill()
        load.communicate()
    ready = wait_spares(lane, 2)
    check(max(most, len(ready)) <= POOL_MAX, f"{most} and {len(ready)} ready processes")
    if not lane.quick:
        check_equal(len(wait_spares(lane, POOL_MAX)), POOL_MAX, "ready processes after many requests")
    goes_after_5_seconds(lane, ended)
    until(lambda: len(lane.log.ends(file="pooled")) >= total, 5 * lane.slowness, "the ends of all")
    pids = [rec["pid"] for rec in lane.log.ends(file="pooled")][-total:]
    check_equal(len(set(pids)), total, "processes; each serves one request")
    known = server.dispatcher()
    pid = read(lane)
    check(pid != known and len(wait_spares(lane)) == 1, "one is made again for the next request")


def goes_after_5_seconds(lane, last):
    """last: when the last request had been served, or a little later."""
    ready, early = wait_spares(lane), last + QUIET - 1.0
    until(lambda: time.monotonic() > early or not ready <= spares(lane.server), QUIET, "")
    check(ready <= spares(lane.server), "some went before 5 s were over")
    until(lambda: not spares(lane.server), 2.5 * lane.slowness, "no ready process 5 s after the last request")
    took = time.monotonic() - last
    check(took <= QUIET + 1.5 * lane.slowness, f"gone after {took:.1f} s")


def stays_while_asked(lane):
    """A request every second or so: it is never without, for longer than 5 s."""
    start(lane)
    read(lane)
    begin = time.monotonic()
    while time.monotonic() < begin + 7:
        known = wait_spares(lane)
        check(read(lane) in known, "it had to be forked")
        pause = time.monotonic() + 1.2
        until(lambda: time.monotonic() > pause, 2, "")      # a client that asks now and then


# That their deaths cost nothing.

def dispatcher_killed(lane):
    """They go with it; the transfer that came from among them goes on."""
    server = start(lane)
    read(lane)
    peer, pid, ready = pooled_read(lane)
    old = server.dispatcher()
    os.kill(old, signal.SIGKILL)
    check_gone(lane, ready | {old}, "the dispatcher is gone, and with it who was ready")
    check(is_running(pid), "the transfer is gone, too")
    finish(peer)
    check_complete(lane, peer)
    check_equal(lane.log.wait_end(**of_peer(peer))["pid"], pid, "process of the end record")
    until(lambda: any(d != old for d in server.dispatchers()), 5 * lane.slowness, "a new dispatcher")
    until(lambda: is_serving(lane, server.dispatcher()), 5 * lane.slowness, "it reads")
    check_serves(lane, "pool-after-kill")
    check(not wait_spares(lane) & ready, "one of the old ones is still there")


def spare_killed(lane):
    """The next request is served at once, once; then there is another."""
    server = start(lane)
    read(lane)
    dispatcher = server.dispatcher()
    for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGKILL):
        victims = wait_spares(lane)
        for pid in victims:
            os.kill(pid, number)
        begin = time.monotonic()
        pid = read(lane)            # exactly one end: wait_end() sees to it
        took = time.monotonic() - begin
        check(pid not in victims, "a dead process served it")
        check(took < 0.5 * lane.slowness, f"it took {took:.2f} s")
        check(not wait_spares(lane) & victims, "a dead one is still there")
    check_equal(server.dispatcher(), dispatcher, "the dispatcher")


def spares_killed_by_word(lane):
    """What a terminal or a careless administrator sends: all of them are deaf to it, and
    to the dispatcher's words to transfers."""
    start(lane)
    read(lane)
    ready = wait_spares(lane)
    for pid in ready:
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM,
                       *range(signal.SIGRTMIN, signal.SIGRTMIN + 4)):
            os.kill(pid, number)
    check(read(lane) in ready, "a signal ended it")


def killed_with_an_order(lane):
    """Dead before it took its order: another one serves it, with one end."""
    start(lane)
    read(lane)
    until(lambda: not count_taken(), 5 * lane.slowness, "no slot is taken")
    known = wait_spares(lane)
    check_equal(len(known), 1, "ready processes")
    victim = known.pop()
    os.kill(victim, signal.SIGSTOP)
    peer = lane.peer()
    peer.read("pooled")
    until(count_taken, 5 * lane.slowness, "the order was given")
    # Others are served meanwhile.
    check(read(lane) != victim, "the stopped one served another client")
    os.kill(victim, signal.SIGKILL)
    check_equal(peer.get_rest(), b"pooled", "the content")
    check_complete(lane, peer)
    check(pid_of(lane, peer) != victim, "a dead process served it")
    check_equal(len(lane.log.starts(**of_peer(peer))), 1, "start records")
    until(lambda: not count_taken(), 5 * lane.slowness, "no slot is taken")


def stopped_then_goes_on(lane):
    """One that the machine lets wait has its order when it wakes up."""
    start(lane)
    read(lane)
    known = wait_spares(lane)
    for pid in known:
        os.kill(pid, signal.SIGSTOP)
    until(lambda: not count_taken(), 5 * lane.slowness, "no slot is taken")
    peer = lane.peer()
    peer.read("pooled")
    until(count_taken, 5 * lane.slowness, "the order was given")
    for pid in known:
        os.kill(pid, signal.SIGCONT)
    check_equal(peer.get_rest(), b"pooled", "the content")
    check(pid_of(lane, peer) in known, "another process served it")


def keeper_killed(lane):
    """Nobody is left to start anything: the idle ones go at once."""
    server = start(lane)
    read(lane)
    ready = wait_spares(lane)
    family = descendants(server.process.pid) | ready
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(10)
    until(lambda: not any(map(is_running, ready)), 5 * lane.slowness, "no ready process is left")
    until(lambda: not any(map(is_running, family)), 10 * lane.slowness, "nothing is left")
    lane.stop_server()


def stopped(lane):
    """SIGTERM: the idle ones go at once, the transfer from among them ends in peace."""
    server = start(lane)
    read(lane)
    peer, pid, ready = pooled_read(lane)
    family = descendants(server.process.pid) | ready
    server.process.send_signal(signal.SIGTERM)
    until(lambda: not listening(), 2 * lane.slowness, "the request port is closed")
    check_gone(lane, ready, "no ready process is left")
    check(is_running(pid) and server.is_running(), "it did not wait for the transfer")
    finish(peer)
    check_complete(lane, peer)
    check_equal(server.process.wait(10 * lane.slowness), 0, "exit status")
    check(not any(map(is_running, family)), "something is left")
    lane.stop_server()


# A new dispatcher.

def rotated(lane):
    """Old ones go with the old log; new ones write to the new; nobody waits meanwhile."""
    server = start(lane)
    read(lane)
    peer, pid, ready = pooled_read(lane)
    old = server.dispatcher()
    os.rename(LOG, f"{LOG}.3")
    new = renew(lane, {old})
    until(lambda: not any(map(is_running, ready)), 5 * lane.slowness, "the old ready processes are gone")
    check_equal(spares(server, old), set(), "ready processes of the old dispatcher")
    check(is_running(pid), "the transfer is gone, too")
    read(lane)
    fresh = until(lambda: spares(server, new), 5 * lane.slowness, "a ready process of the new one")
    for spare in fresh:
        check_descriptors(lane, spare)
    check(read(lane) in fresh, "it was not used")
    finish(peer)
    check_complete(lane, peer)
    until(lambda: not is_running(old), 5 * lane.slowness, "the old dispatcher is gone")


def rotated_under_load(lane):
    """Two rotations and a hang-up while clients ask: every request is served."""
    server = start(lane)
    total = 120 if lane.quick else 500
    lane.ledger.note("pooled", total)
    load = subprocess.Popen(
        [str(lane.load_program()), "--server", f"127.0.0.1:{PORT}", "--clients", "4", "--total",
         str(total), "--pause-ms", "8", "pooled"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=lane.environment())
    try:
        seen = {server.dispatcher()}
        for number in (2, 1, None):          # the last is the youngest
            wait_spares(lane)
            if number:
                os.rename(LOG, f"{LOG}.{number}")
            seen.add(renew(lane, seen))
        output, _ = load.communicate(timeout=60)
    finally:
        load.kill()
        load.wait()
    check_equal(load.returncode, 0, f"exit status of tftp-load ({output.decode()})")
    until(lambda: len(server.dispatchers()) == 1, 10 * lane.slowness, "one dispatcher")
    check(len(spares_at_once(server)) <= POOL_MAX, "too many ready processes")
    check_serves(lane, "pool-after-load")


# No process can be had.

def is_valgrind(lane):
    """There the child after a fork that failed dies by SIGSEGV without a report; neither
    a plain nor a sanitized one does."""
    if not lane.has_openat2:
        lane.note("pool: not tried under valgrind: forks that fail")
    return not lane.has_openat2


@contextlib.contextmanager
def without_fork(lane, pid):
    """Nobody of that user gets another process from this one."""
    soft, _ = limit_processes(lane, pid)
    limit_processes(lane, pid, "0")
    try:
        yield
    finally:
        limit_processes(lane, pid, soft)


def limit_processes(lane, pid, soft=None):
    """As the service user itself: root in a container may not.  Returns both limits."""
    how = {"user": lane.uid, "group": lane.gid, "extra_groups": []}
    if soft is not None:
        run("prlimit", "--pid", pid, f"--nproc={soft}:", **how)
    return run("prlimit", "--pid", pid, "--nproc", "--raw", "--noheadings", "--output", "SOFT,HARD",
               **how).split()


def cpu_of(pid):
    """Seconds of a process, user's and system's."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def cpu_share(pid, seconds=1.0):
    """Which part of a CPU it takes, measured for some time."""
    before, begin = cpu_of(pid), time.monotonic()
    until(lambda: time.monotonic() > begin + seconds, 2 * seconds, "")
    return (cpu_of(pid) - before) / (time.monotonic() - begin)


def no_process_to_be_had(lane):
    """Those that are ready stay and serve; then clients hear that the server is busy; no
    loop; and when there are processes again, all is as before."""
    if is_valgrind(lane):
        return
    server = start(lane)
    make_many(lane, 3)
    dispatcher = server.dispatcher()
    with without_fork(lane, dispatcher):
        # Only now there will be no more of them.
        ready = until(lambda: set(children(dispatcher, spares=True)) == spares(server) and spares(server),
                      5 * lane.slowness, "ready processes and no others")
        used = read(lane)
        check(used in ready, f"process {used} served it, and {ready} were ready")
        share = cpu_share(dispatcher)
        check_equal(spares(server), ready - {used}, "those that stayed")
        check(share < 0.1, f"the dispatcher takes {share:.0%} of a CPU")
        ready = spares(server)
        for _ in range(len(ready)):
            used = read(lane)
            check(used in ready, f"process {used} served it, and {ready} were ready")
            ready.remove(used)
        check_equal(spares(server), set(), "ready processes")
        share = check_busy(lane, dispatcher)
        check(share < 0.1, f"without any, the dispatcher takes {share:.0%} of a CPU")
    first = read(lane)
    known = wait_spares(lane)
    check(first not in known and read(lane) in known, "it is not as before")
    check(read(lane) != first, "a process served two")
    check_equal(server.dispatchers(), [dispatcher], "dispatchers")


def check_busy(lane, dispatcher):
    """Nobody is ready, nobody can be: the client is told so.  Returns the CPU's share."""
    peer, begin, before = lane.peer(), time.monotonic(), cpu_of(dispatcher)
    peer.read("pooled")
    packet = peer.expect(tftp.ERROR, 0)
    check_equal(packet.text, "Server busy", "the text")
    record = lane.log.wait_end(5 * lane.slowness, **of_peer(peer))
    check_equal(record["outcome"], "limited", "outcome")
    check("no process" in record["message"], f"message {record['message']!r}")
    took = time.monotonic() - begin
    return (cpu_of(dispatcher) - before) / max(took, 1.0)


def served_when_one_is_free_again(lane):
    """A request that waits for a process is served when there is one: within its second."""
    if is_valgrind(lane):
        return
    server = start(lane)
    read(lane)
    peer = lane.peer()
    with without_fork(lane, server.dispatcher()):
        read(lane)
        check_equal(spares(server), set(), "ready processes")
        peer.read("pooled")
        until(lambda: "no process or socket" in server.tail(), 1 * lane.slowness, "the fork failed")
    check_equal(peer.get_rest(), b"pooled", "the content")
    pid_of(lane, peer)
    # It is tried again after the next request (pool_fork_one).
    read(lane)
    known = wait_spares(lane)
    check(read(lane) in known, "it is not as before")


# What they can touch.

def maps_of(pid):
    """(first, last, permissions, offset, name) of each mapping."""
    with open(f"/proc/{pid}/maps") as maps:
        for line in maps:
            match = re.match(r"(\w+)-(\w+) (\S+) (\w+) \S+ \d+ *(.*)", line)
            first, last, mode, offset, name = match.groups()
            yield int(first, 16), int(last, 16), mode, int(offset, 16), name.strip()


def shared_of(pid):
    """What it shares with others to write, page by page: (name, offset)."""
    return {(name, offset + more) for first, last, mode, offset, name in maps_of(pid)
            if mode.startswith("rw") and mode.endswith("s") for more in range(0, last - first, SLOT)}


def check_maps(lane, pid, peer):
    """Of all that processes share it has the slot of its own, nothing else."""
    record = lane.log.wait_start(5 * lane.slowness, **of_peer(peer))
    check_equal(record["pid"], pid, "the process of the start record")
    slot = slot_of(record["id"])
    check(slot is not None, "no slot has its id")
    check_equal(shared_of(pid), {(TABLE, (slot + 1) * SLOT)}, "pages that a transfer shares")


def maps(lane):
    """Neither the orders of others nor their slots: in one that was ready, and in one
    that was forked."""
    server = start(lane)
    check_equal(spares(server), set(), "ready processes before any request")
    forked = running_read(lane, "forked")
    first = lane.log.wait_start(5 * lane.slowness, **of_peer(forked))["pid"]
    peer, pid, ready = pooled_read(lane, "from-pool")
    check(first != pid, "the same process")
    check_maps(lane, first, forked)
    check_maps(lane, pid, peer)
    for spare in ready:
        names = {name for name, _ in shared_of(spare)}
        check_equal(names, {"/dev/zero (deleted)"}, "what an idle one shares: the berths")
    for client in (forked, peer):
        finish(client)
        check_complete(lane, client)


def check_descriptors(lane, pid):
    found = {number: text for number, text in descriptors_of(pid).items()
             if "/reports/valgrind" not in text and number < 1024}     # valgrind's own
    if lane.instrumented:               # a sanitizer wants to be heard
        found.pop(2, None)
    # the spool: a directory of the service user's own, for uploads that go in place
    wanted = {"/dev/null", str(LOG), TABLE, f"/var/lib/tftpd/spool-{pwd.getpwnam(SERVICE_USER).pw_uid}"}
    check_equal(set(found.values()), wanted, f"descriptors of an idle process ({found})")
    null = [number for number, text in found.items() if text == "/dev/null"]
    check(set(null) <= {0, 1, 2}, f"descriptors {null} are /dev/null")


def check_few_sockets(pid):
    found = [text for text in descriptors_of(pid).values() if text.startswith("socket:")]
    check_equal(len(found), 1, f"sockets of a transfer ({descriptors_of(pid)})")


def few_descriptors(lane):
    """No socket at all in an idle one, a single one in a transfer."""
    modes = ("foreground",) if lane.quick else ("foreground", "xinetd", "inetd", "activate-fds")
    for mode in modes:
        server = lane.serve(mode=mode, fresh=True)
        lane.file("pooled", b"pooled")
        read(lane)
        peer, pid, ready = pooled_read(lane)
        check(any(text.startswith("socket:") for text in descriptors_of(server.dispatcher()).values()),
              "the dispatcher has none: nothing is shown here")
        for spare in ready:
            check_descriptors(lane, spare)
        check_few_sockets(pid)
        finish(peer)
        check_complete(lane, peer)
    lane.stop_server()


# What they cost.

def private_kib(pid):
    """What nobody else has: it is paid for this process alone."""
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        found = dict(re.findall(r"(?m)^(\w+): +(\d+) kB", rollup.read()))
    return int(found["Private_Clean"]) + int(found["Private_Dirty"])


class Midway:
    """A transfer at blksize 1428, half of whose file has gone over the wire."""

    def __init__(self, lane, window):
        self.lane, self.window, self.peer = lane, window, lane.peer()
        self.known = wait_spares(lane)

    def options(self):
        return {"blksize": BLKSIZE, **({"windowsize": self.window} if self.window > 1 else {})}

    def take_oack(self):
        granted = tftp.Peer.granted(self.peer.expect(tftp.OACK))
        check_equal(granted, (BLKSIZE, self.window), "what was granted")

    def cost(self):
        pid = self.lane.log.wait_start(5 * self.lane.slowness, **of_peer(self.peer))["pid"]
        check(pid in self.known, "it does not come from the pool")
        return private_kib(pid)

    def end(self):
        """The client gives up: half a file is enough."""
        self.peer.error(0, "enough")
        self.lane.log.wait_end(5 * self.lane.slowness, **of_peer(self.peer))


def reading(lane, window):
    transfer = Midway(lane, window)
    peer = transfer.peer
    peer.read("two-mb", **transfer.options())
    transfer.take_oack()
    peer.ack(0)
    index = 0
    while index * BLKSIZE < 1 << 20:
        for _ in range(window):
            index += 1
            peer.expect(tftp.DATA, index)
        peer.ack(index)
    return transfer


def writing(lane, window, how):
    """how: block by block, or as datagrams that the kernel cuts."""
    transfer = Midway(lane, window)
    peer = transfer.peer
    peer.write(f"half-{peer.port}", **transfer.options())
    transfer.take_oack()
    acked = 0
    while acked * BLKSIZE < 1 << 20:
        send_window(peer, acked, window, how)
        acked += window
        peer.expect(tftp.ACK, acked)
    return transfer


def send_window(peer, acked, window, how):
    packets = [tftp.data_bytes(index, b"%4d" % (index % 9999) * (BLKSIZE // 4))
               for index in range(acked + 1, acked + window + 1)]
    length = len(packets[0])
    most = min(MOST_SEGMENTS, MOST_BYTES // length) if how == "as one" else 1
    for at in range(0, len(packets), most):
        some = packets[at:at + most]
        control = [(SOL_UDP, UDP_SEGMENT, struct.pack("=H", length))] if len(some) > 1 else []
        peer.socket.sendmsg([b"".join(some)], control, 0, peer.tid)


def costs_little(lane):
    """256 KiB of its own, idle or midway: 1000 transfers shall fit anywhere."""
    if lane.instrumented:
        lane.note("pool: not tried with an instrumented build: what a process costs")
        return
    start(lane)
    lane.file("two-mb", lane.content(2 << 20, seed=51))
    make_many(lane, 2)
    found = {"idle": max(map(private_kib, wait_spares(lane, 2)))}
    for window in (1, 16, 64):
        found[f"read, window {window}"] = measure(reading(lane, window))
        found[f"write, window {window}"] = measure(writing(lane, window, "singly"))
        if window > 1:
            found[f"write, window {window} as one"] = measure(writing(lane, window, "as one"))
    lane.note("private KiB: " + ", ".join(f"{what} {kib}" for what, kib in found.items()))
    large = {what: kib for what, kib in found.items() if kib > SMALL}
    check(not large, f"more than {SMALL} KiB of their own: {large}")


def measure(transfer):
    cost = transfer.cost()
    transfer.end()
    return cost


TESTS = (
    ("after a request a process is ready, and serves the next", ready_after_a_request, True),
    ("a burst makes up to 16 of them, 5 quiet seconds none", burst, True),
    ("it is there as long as somebody asks now and then", stays_while_asked, False),
    ("a killed dispatcher takes them along, not its transfers", dispatcher_killed, True),
    ("a killed one disturbs nothing", spare_killed, True),
    ("signals from outside end none", spares_killed_by_word, True),
    ("what one was to serve that was killed, another serves", killed_with_an_order, True),
    ("one that is stopped serves when it goes on", stopped_then_goes_on, True),
    ("a killed keeper leaves none", keeper_killed, True),
    ("SIGTERM ends them, and lets their transfers finish", stopped, True),
    ("a rotation replaces them", rotated, True),
    ("rotations under load cost no request", rotated_under_load, False),
    ("when no process can be had, those that are ready serve", no_process_to_be_had, True),
    ("a request that waits for a process gets one", served_when_one_is_free_again, True),
    ("transfers share their own slot and nothing else", maps, True),
    ("an idle one has no socket", few_descriptors, True),
    ("idle or midway, one costs 256 KiB at most", costs_little, False),
)
