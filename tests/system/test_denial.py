"""What somebody could do who runs code of his own in a process of the server: nothing.

In the real dispatcher, in processes of its pool and in real transfers each act of
acts.py is made to happen (tests/faults/force.c), and ends as the table says.  One that
is killed by the walls leaves a record, and the service goes on; one that survives goes
on with its transfer.  Usually a sample of the acts is taken, by the run's seed; with
--full it is all of them.
"""

import contextlib
import functools
import os
import pathlib
import platform
import pwd
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess

import acts
from asking import Configuration, serve_configured, snapshot
from harness import (PORT, ROOT, SERVICE_USER, Failure, Log, Server, Tail, bytes_of, check,
                     check_equal, children, descriptors_of, is_running, is_spare, status_of, until)
from settings import CREATE_RULESET, without_landlock

DIAG_FD, BACK_FD, BACK_IN_FD, LOG_FD, TABLE_FD, NO_FD, AT_FDCWD = 58, 59, 60, 61, 62, 40, -100
MEMORY = str(128 << 20)     # bytes of a transfer
DEATHS = 4                  # of dispatchers; at the sixth in 10 s the keeper gives up
SMALL, LARGE = 3000, 300_000
OUTSIDE = pathlib.Path("/srv/outside")
SECOND = pathlib.Path("/srv/second")
SECCOMP = {"x86_64": 317, "aarch64": 277}[platform.machine()]
GATES = {"net": "callgate_net", "file": "callgate_file"}
OPENAT2, LITTLE = 437, 64 << 20
WORDS_AT_ONCE = 40          # acts in a run of the tool

PLACES = {"D": "the dispatcher", "P": "a ready process", "S": "a small download",
          "L": "a large download", "U": "an upload", "I": "an upload in place"}
SERVICES = {
    "uploads": "",
    "readonly": "max-upload = 0\n",
    "roots": f'root = {{"{ROOT}", "{SECOND}"}}\nupload-root = "{ROOT}"\n',
    "oneport": "single-port = yes\n",
}


def tests(kind):
    """Those of a service of that kind."""
    if kind == "walls":
        return [(name, of_the_product(function), False) for name, function in WALLS] + \
            [("a build that traps names the call in the log", trap, False)]
    found = [(f"{PLACES[letter]} does nothing that is forbidden",
              functools.partial(forbidden, kind, letter)) for letter in acts.PLACES[kind]]
    if kind == "oneport":
        found.append(("no process is given a descriptor by another", no_descriptor_sent))
    found += [("no descriptor leads out", functools.partial(no_way_out, kind)),
              ("/proc shows the walls", functools.partial(walls_in_proc, kind))]
    return [(f"{kind}: {name}", of_the_product(function), False) for name, function in found]


def of_the_product(function):
    """A test that says nothing of builds which have other walls, or traps."""
    def test(lane):
        if "not for service" in version_of(lane):
            lane.note("not tried: this build has other walls")
        else:
            function(lane)

    return test


def version_of(lane):
    return subprocess.run([str(lane.tftpd), "-V"], capture_output=True, text=True, timeout=20).stdout


# The server.

def serve(lane, kind, fresh=False, more="", options=()):
    """A server of that kind, with what it is to be robbed of."""
    for place, owner in ((SECOND, lane.uid), (OUTSIDE, 0)):
        place.mkdir(exist_ok=True)
        os.chown(place, owner, -1)
    OUTSIDE.chmod(0o777)
    (OUTSIDE / "secret").write_bytes(b"not served")
    (OUTSIDE / "secret").chmod(0o666)
    lane.file("small", b"s" * SMALL)
    lane.file("large", b"l" * LARGE)
    lane.file("closed/there", b"t" * SMALL, mode=0o666)
    lane.file("dir/file", b"f")
    text = SERVICES[kind]
    if kind != "readonly":
        text += "create = yes\noverwrite = yes\n"
    return serve_configured(lane, text + more, *options, fresh=fresh)


class Scene:
    """A server, and a process of it in which acts can be done."""

    def __init__(self, lane, kind, letter, more="", options=()):
        """more: lines of the configuration, for a server that is started anew; options:
        words of its command line."""
        self.lane, self.kind, self.letter = lane, kind, letter
        self.pid = self.peer = None
        self.count = 0
        self.begin(more, options, fresh=bool(more))

    def begin(self, more="", options=(), fresh=True):
        serve(self.lane, self.kind, fresh, more, options)
        self.server, self.deaths = self.lane.server, 0
        self.tail, self.starts = Tail(self.lane.log), {}

    def victim(self):
        """The pid of a process that is where acts are to happen."""
        if self.pid is None or not is_running(self.pid):
            self.pid = {"D": self.dispatcher, "P": self.ready}.get(self.letter, self.transfer)()
        return self.pid

    def dispatcher(self):
        if self.deaths == DEATHS:
            self.begin()
        pid = self.server.dispatcher()
        # It reads only when its walls stand.
        until(lambda: status_of(pid)["Seccomp"] == "2" and is_waiting(pid), 5, "a dispatcher serves")
        return pid

    def ready(self):
        """The pool makes none after the last one died, until somebody asks."""
        def found():
            spares = [pid for pid in children(self.server.dispatcher(), spares=True)
                      if is_spare(pid) and is_waiting(pid)]
            return spares and spares[0]

        for _ in range(20):
            self.answered()
            with contextlib.suppress(Failure):
                return until(found, 0.25, "a ready process")
        raise Failure("there is no ready process")

    def transfer(self):
        """One that waits for its client: its walls stood before it answered."""
        self.peer = peer = self.lane.peer()
        self.count += 1
        if self.letter in "SL":
            peer.read("small" if self.letter == "S" else "large")
            peer.expect(3, 1)
        else:
            peer.write("closed/there" if self.letter == "I" else f"up-{self.count}")
            peer.expect(4, 0)
        return until(lambda: self.started(peer), 5, "its start record")

    def started(self, peer):
        for record in self.tail.look():
            if record["event"] == "start":
                self.starts[record["client_port"]] = record["pid"]
        return self.starts.get(peer.port)

    def answered(self):
        """The service goes on, whatever came before."""
        peer, content, block = self.lane.peer(), b"", 0
        peer.read("small")
        while len(content) == 512 * block and block <= SMALL // 512:
            block += 1
            content += peer.expect(3, block).payload
            peer.ack(block)
        check_equal(content, b"s" * SMALL, "a small file")
        check_equal(self.lane.end_of(peer)["outcome"], "complete", "outcome of a small file")
        peer.close()

    def is_dead(self):
        """The victim has died of an act: what must be said of it."""
        self.pid = None
        if self.letter == "D":
            self.deaths += 1
        if self.peer is not None:
            end = self.lane.end_of(self.peer)
            check_equal(end["outcome"], "crashed", "outcome of a transfer that was killed")
            self.peer.close()
            self.peer = None

    def leave(self):
        """One that has survived goes on as if nothing had been."""
        if self.peer is None:
            return
        # Stopped for long, it has repeated itself.
        if self.letter in "SL":
            self.peer.ack(1)
            self.peer.drain_to(3, 2)
        else:
            self.peer.data(1, b"x" * 512)
            self.peer.drain_to(4, 1)
        self.peer.error(0, "enough")
        check_equal(self.lane.end_of(self.peer)["outcome"], "aborted", "outcome of one that goes on")
        self.peer.close()
        self.peer = self.pid = None

    # What acts are told about.

    def names(self):
        """For the words of acts."""
        fds = descriptors_of(self.pid)
        known = datagram_sockets()
        sockets = [fd for fd, target in fds.items() if target in known]
        files = [fd for fd, target in fds.items() if target.startswith(str(ROOT) + "/")]
        return {"keeper": self.server.keeper(), "self": self.pid, "log": LOG_FD, "table": TABLE_FD,
                "sibling": self.server.keeper() if self.letter == "D" else self.server.dispatcher(),
                "sock": min(sockets, default=NO_FD), "file": min(files, default=NO_FD),
                "root": self.root_in(fds), "inside": "small", "len": "x:20000000", **mappings(self.pid),
                "elsewhere": acts.address(socket.AF_INET, 7, "127.0.0.9")}

    def root_in(self, fds):
        """The served directory: where the process stands, or a descriptor."""
        if self.kind != "roots":
            return AT_FDCWD
        return min((fd for fd, target in fds.items() if target == str(ROOT)), default=NO_FD)

    def from_where(self, via):
        """The tool's options: which instruction makes the call."""
        if via in GATES:
            return ["-i", hex(gate_of(self.lane, self.pid, via))]
        return {"libc": [], "vdso": ["-o", "[vdso]"]}.get(via, ["-w", via])

    def do(self, each):
        """Have it done; how it ended."""
        self.victim()
        names = self.names()
        words = [word.format(**names) for word in shlex.split(each.words)]
        found = force(self.lane, *self.from_where(each.via), self.pid, *words)
        if found == "trapped":
            until(lambda: not is_running(self.pid), 5, "it has ended")
        if not is_running(self.pid):
            self.is_dead()
        return found


def datagram_sockets():
    """Those of IP, as /proc/PID/fd shows them."""
    lines = [line.split() for table in ("udp", "udp6")
             for line in pathlib.Path("/proc/net", table).read_text().splitlines()[1:]]
    return {f"socket:[{fields[9]}]" for fields in lines}


def is_waiting(pid):
    """It sleeps in a system call."""
    try:
        return pathlib.Path(f"/proc/{pid}/syscall").read_text().split()[0] != "running"
    except OSError:
        return False


def force(lane, *words):
    """Run the tool; what it says, a line an act."""
    tool = lane.build / "tests/faults/tftpd-force"
    check(tool.exists(), f"{tool} is missing: make check builds it")
    done = subprocess.run([str(word) for word in (tool, *words)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=20 * lane.slowness)
    check(done.returncode in (0, 1) and not done.stderr, f"tftpd-force {words}: {done.stderr}")
    return done.stdout.strip()


@functools.lru_cache
def offset_of(program, symbol):
    """Where a gate lies in the program."""
    table = subprocess.run(["nm", str(program)], capture_output=True, text=True, timeout=60).stdout
    found = re.search(rf"^([0-9a-f]+) . {symbol}$", table, re.MULTILINE)
    check(found, f"nm shows no {symbol} in {program}")
    return int(found[1], 16)


def maps_of(pid):
    """(first, end, rights, path) of each mapping."""
    found = []
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        fields = line.split(None, 5)
        first, end = (int(word, 16) for word in fields[0].split("-"))
        found.append((first, end, fields[1], fields[5] if len(fields) == 6 else ""))
    return found


def mappings(pid):
    code = next(first for first, _, rights, path in maps_of(pid)
                if rights == "r-xp" and "libc.so" in path)
    stack = next(first for first, _, _, path in maps_of(pid) if path == "[stack]")
    return {"text": code, "stack": stack}


def base_of(lane, pid):
    """Where the program begins."""
    return min(first for first, _, _, path in maps_of(pid) if path == str(lane.tftpd))


# The page's code, before its instruction that calls: 4 (endbr64), six moves, one load.
CALL_IN_GATE = {"x86_64": 27, "aarch64": 32}[platform.machine()]


def gate_of(lane, pid, via):
    """The address of the instruction in a gate, be it there or not."""
    return base_of(lane, pid) + offset_of(lane.tftpd, GATES[via]) + CALL_IN_GATE


# Acts.

def forbidden(kind, letter, lane):
    scene, complaints = Scene(lane, kind, letter), []
    tried = acts.of(kind, letter) if lane.full else acts.sample(kind, letter, lane.seed)
    for each in tried:
        found, wanted = scene.do(each), each.wanted[letter]
        if found != wanted and found.split(" ")[0] != wanted:
            complaints.append(f"{each.words} ({each.via}): {found}, not {wanted}")
    scene.leave()
    scene.answered()
    lane.note(f"{len(tried)} of {len(acts.of(kind, letter))} acts; seed {lane.seed}: "
              f"run.py --seed {lane.seed} repeats them")
    check(not complaints, f"{len(complaints)} of {len(tried)} acts:\n" + "\n".join(complaints[:60]))


# Ways out of the served directories.

# An answer that is no way out.
SHUT = {f"error {number}" for number in (1, 2, 9, 13, 18, 20, 22, 40)}
OUT = ("../" * 6 + "etc/passwd", "../" * 6 + "srv/outside/secret", "../outside/secret",
       "/srv/outside/secret", "/etc/passwd", "/proc/self/mem", "/proc/1/root/etc/passwd",
       "..//./..//../srv/outside/secret")
OPENINGS = ("openat {fd} s:{path} 0", "openat {fd} s:{path} 2", "openat {fd} s:{path} 0x241 0644",
            "openat2 {fd} s:{path} z:24 24", "openat {fd} s:{path}-new 0x41 0644",
            "unlinkat {fd} s:{path} 0", "linkat {fd} s:{path} {fd} s:stolen 0",
            "renameat2 {fd} s:{path} {fd} s:stolen 0", "renameat2 {fd} s:dir/file {fd} s:{path} 0")


def no_way_out(kind, lane):
    """By every descriptor that is open, by names with .. and absolute ones."""
    count = 0
    for letter in [each for each in acts.PLACES[kind] if each in "DPUI"]:
        scene = Scene(lane, kind, letter)
        pid, before = scene.victim(), snapshot(OUTSIDE)
        calls = OPENINGS if kind != "readonly" else OPENINGS[:6]
        words = [call.format(fd=fd, path=path) for fd in (AT_FDCWD, *sorted(descriptors_of(pid)))
                 for path in OUT for call in calls]
        count += len(words)
        for some in (words[at:at + WORDS_AT_ONCE] for at in range(0, len(words), WORDS_AT_ONCE)):
            answers = force(lane, *scene.from_where("file"), pid, *" -- ".join(some).split()).splitlines()
            check_equal(len(answers), len(some), f"answers in {PLACES[letter]}: {answers[-1:]}")
            open_ones = [f"{word}: {answer}" for word, answer in zip(some, answers) if answer not in SHUT]
            check(not open_ones, f"{PLACES[letter]}: {open_ones[:5]}")
        check_equal(snapshot(OUTSIDE), before, "what stands outside")
        scene.leave()
    check(not list(ROOT.rglob("stolen")), "something was taken")
    lane.note(f"{count} ways")


# --enable-trap

TRAPPED = (("D", "socket 1 0x80002 0", "socket"), ("S", "openat -100 s:small 0", "openat"),
           ("L", "getppid", "getppid"), ("U", "execve s:/bin/true 0 0", "execve"))


def trap(lane):
    """There such a call leaves a notice, and the process ends."""
    if "are named in the log" not in version_of(lane):
        lane.note("not tried: this build kills")
        return
    for letter, words, name in TRAPPED:
        scene, tail = Scene(lane, "uploads", letter), Tail(lane.log)
        check_equal(scene.do(acts.act(words)), "trapped", f"{PLACES[letter]}: {words}")
        told = [rec["message"] for rec in tail.look() if rec["event"] == "notice"]
        check(any(each.startswith(f"forbidden system call {name} ") for each in told),
              f"{PLACES[letter]}: {words}: {told}")


# Other processes' sockets.

ABSTRACT_SINCE = 6          # version of Landlock


def sockets_of_others(lane):
    """A transfer of a single-port service has a Unix socket.  What it is given an address
    for are datagrams to others': those with a path are outside its root, and abstract ones
    are kept from it by Landlock."""
    with contextlib.ExitStack() as stack:
        addresses = {}
        for name in ("\0tftpd-test", "/run/tftpd-test"):
            other = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            other.bind(name)
            other.setblocking(False)
            addresses[name] = "x:0100" + name.encode().hex(), 2 + len(name)
        os.chmod("/run/tftpd-test", 0o777)
        stack.callback(os.unlink, "/run/tftpd-test")
        for letter in "DSLU":
            scene = Scene(lane, "oneport", letter)
            pid = scene.victim()
            ours = unix_sockets_of(pid)
            check(ours, f"{PLACES[letter]} has no Unix socket")
            version = int(re.search(r"Landlock (\d+)", started_message(lane))[1])
            for name, (address, size) in addresses.items():
                # The dispatcher's to the keeper is a stream, and takes no address.
                wanted = {acts.EPERM if name[0] == "\0" else acts.ENOENT}
                wanted |= {"error 106"} if letter == "D" else set()
                if name[0] == "\0" and version < ABSTRACT_SINCE:
                    continue
                found = {force(lane, pid, "sendto", fd, "s:x", 1, 0, address, size) for fd in ours}
                check(found <= wanted, f"{PLACES[letter]}: a datagram to {name!r}: {found}")
            scene.leave()


def unix_sockets_of(pid):
    known = datagram_sockets()
    return sorted(fd for fd, target in descriptors_of(pid).items()
                  if target.startswith("socket:") and target not in known)


def no_descriptor_sent(lane):
    """Under another number, or by another process, the log could be cut short: nobody can be
    given its descriptor by a Unix socket, and the keeper takes none."""
    for letter, fds in (("D", (BACK_FD, BACK_IN_FD)), ("S", (BACK_FD,)), ("L", (BACK_FD,)),
                        ("U", (BACK_FD,))):
        for fd in fds:
            scene, what = Scene(lane, "oneport", letter), PLACES[letter]
            pid = scene.victim()
            check(fd in unix_sockets_of(pid), f"{what} has {unix_sockets_of(pid)}")
            found = force(lane, pid, "sendmsg", fd, f"m:{LOG_FD}", 0x40).splitlines()
            check_equal(found, [acts.KILLED], f"{what} sends the log by {fd}")
            scene.is_dead()
            scene.answered()
    scene = Scene(lane, "oneport", "D")
    pid = scene.victim()
    to_keeper = [fd for fd in unix_sockets_of(pid) if fd < DIAG_FD]
    check_equal(len(to_keeper), 1, "Unix sockets of the dispatcher that have no number of their own")
    found = force(lane, pid, "sendmsg", to_keeper[0], f"m:{LOG_FD}", 0x40).splitlines()
    check_equal(found, ["value 1"], "what the dispatcher sends to the keeper")
    # Who reads in the ordinary way has done so by now.
    scene.answered()
    for each in (pid, lane.server.keeper()):
        check_one_log(lane, each, "descriptors sent by the dispatcher")
    scene.leave()


def check_one_log(lane, pid, what):
    """It has the log once; the keeper under any number."""
    logs = [fd for fd, target in descriptors_of(pid).items() if target == str(lane.log.path)]
    check(logs == [LOG_FD] or (pid == lane.server.keeper() and len(logs) == 1),
          f"{what}: the log in {pid} is {logs}")


# What /proc says.

WALLED = {"D": 2, "P": 2, "S": 2, "L": 3, "U": 3, "I": 3}       # filters
LIBRARIES = ("libseccomp", "libconfuse", "libcap")


def limits_of(pid):
    """name -> (soft, hard)."""
    lines = pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {line[:25].strip(): tuple(line[25:].split()[:2]) for line in lines}


def walls_in_proc(kind, lane):
    for letter in acts.PLACES[kind]:
        scene = Scene(lane, kind, letter)
        pid, what = scene.victim(), PLACES[letter]
        status, keeps_bind = status_of(pid), kind == "oneport" and letter == "D"
        check_equal((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"), f"{what}: seccomp, no_new_privs")
        check_equal(int(status["Seccomp_filters"]), WALLED[letter], f"{what}: filters")
        check_equal(status["Uid"].split(), [str(lane.uid)] * 4, f"{what}: uids")
        check_equal(status["Gid"].split(), [str(lane.gid)] * 4, f"{what}: gids")
        check(status["Groups"].split() in ([], [str(lane.gid)]), f"{what}: groups {status['Groups']}")
        check_capabilities(status, keeps_bind, what)
        check_limits(limits_of(pid), letter, what)
        check_one_log(lane, pid, what)
        root = os.readlink(f"/proc/{pid}/root")
        check(root != "/", f"{what}: it has the machine's root")
        check_equal(root == str(ROOT), kind != "roots", f"{what}: the served directory is its root")
        check_memory(lane, pid, letter, what)
        scene.leave()


def check_capabilities(status, keeps_bind, what):
    for key in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
        bind = 1 << 10 if keeps_bind and key in ("CapEff", "CapPrm") else 0
        check_equal(int(status[key], 16), bind, f"{what}: {key}")


def check_limits(limits, letter, what):
    check_equal(limits["Max core file size"], ("0", "0"), f"{what}: core files")
    check(int(limits["Max open files"][1]) <= 256, f"{what}: open files {limits['Max open files']}")
    if letter in acts.TRANSFERS:
        check_equal(limits["Max processes"], ("0", "0"), f"{what}: processes")
        check_equal(limits["Max address space"], (MEMORY, MEMORY), f"{what}: memory")
    if letter in "SL":
        check_equal(limits["Max open files"], ("1", "1"), f"{what}: open files")


def check_memory(lane, pid, letter, what):
    maps = maps_of(pid)
    both = [entry for entry in maps if "w" in entry[2] and "x" in entry[2]]
    check(not both, f"{what}: written and executed: {both}")
    if letter != "D":
        ours = {path for _, _, _, path in maps if any(name in path for name in LIBRARIES)}
        check(not ours, f"{what}: has {ours} mapped")
    for via in GATES:
        at = gate_of(lane, pid, via)
        is_there = any(first <= at < end for first, end, _, _ in maps)
        wanted = letter in "DP" or (via == "file" and letter in "UI")
        check_equal(is_there, wanted, f"{what}: there is a gate for {via}")


# The keeper is root, and no file of a client and no datagram reaches it.

STARTING = ("chown", "dac_read_search", "setgid", "setuid", "setpcap", "sys_chroot")
CAPABILITIES = {"chown": 0, "dac_read_search": 2, "setgid": 6, "setuid": 7, "setpcap": 8,
                "net_bind_service": 10, "sys_chroot": 18}


def keeper(lane):
    """What it has is what starting a dispatcher needs."""
    scene = Scene(lane, "uploads", "D")
    pid, dispatcher = lane.server.keeper(), scene.victim()
    status, wanted = status_of(pid), sum(1 << CAPABILITIES[name] for name in STARTING)
    for key in ("CapEff", "CapPrm"):
        check_equal(int(status[key], 16) & ~(1 << CAPABILITIES["net_bind_service"]), wanted, key)
    check_equal(limits_of(pid)["Max core file size"], ("0", "0"), "core files")
    words = " -- ".join(each for each, _ in acts.KEEPER).format(dispatcher=dispatcher)
    found = force(lane, pid, *words.split()).splitlines()
    for (each, ending), answer in zip(acts.KEEPER, found, strict=True):
        check_equal(answer, ending, f"the keeper: {each}")
    check_equal(lane.server.keeper(), pid, "the keeper")


# Kernels that lack something.

PREFER, REQUIRE = "sandbox = prefer\n", "sandbox = require\n"
without_call = without_landlock     # it takes any


def started_message(lane):
    """Which walls stand, as the dispatcher that serves has said."""
    found = [rec["message"] for rec in lane.log.records(event="notice")
             if rec["message"].startswith("dispatcher started")]
    check(found, "no dispatcher has started")
    return found[-1]


def every_wall_is_named(lane):
    lane.serve(fresh=True)
    lane.server.dispatcher()
    until(lambda: lane.log.records(event="notice"), 5, "a notice")
    message = started_message(lane)
    for wall in ("chroot", f"user {SERVICE_USER}", "no capabilities", "no_new_privs", "Landlock", "seccomp"):
        check(wall in message, f"{wall} is not in: {message}")
    check("no chroot" not in message and "missing" not in message, message)


def without_seccomp_required(lane):
    """Nothing is served, and why is said."""
    check_not_served(lane, SECCOMP, "seccomp (sandbox = prefer does without)")


def without_landlock_required(lane):
    check_not_served(lane, CREATE_RULESET, "Landlock (sandbox = prefer does without)")


def without_openat2(lane):
    """Every request would fail; so it is said at the start."""
    check_not_served(lane, OPENAT2, "openat2 (Linux 5.6")


def with_little_memory(lane):
    """A limit that is lower than ours stays, and is no missing wall."""
    server = lane.serve(fresh=True)
    lane.file("small", b"s" * SMALL)
    before = server.dispatcher()
    resource.prlimit(server.keeper(), resource.RLIMIT_AS, (LITTLE, LITTLE))
    os.kill(server.keeper(), signal.SIGHUP)
    until(lambda: server.dispatcher() != before and len(server.dispatchers()) == 1,
          10 * lane.slowness, "a dispatcher with that limit")
    peer, writer, content = lane.peer(), lane.peer(), bytes_of(LARGE)
    check_equal(peer.get("small"), b"s" * SMALL, "a file")
    writer.put("little", content, blksize=1400)
    check_equal(lane.end_of(writer)["outcome"], "complete", "outcome of the upload")
    check_equal((lane.root / "little").read_bytes(), content, "the upload")


def check_not_served(lane, call, reason):
    lane.stop_server()
    with without_call(lane, call):
        config = Configuration(lane, REQUIRE)
        done = subprocess.run([str(word) for word in (lane.tftpd, "-L", "-a", f"127.0.0.1:{PORT}",
                                                      *config.words)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=lane.environment(), timeout=20 * lane.slowness)
        check(done.returncode != 0, f"it ended with status {done.returncode}")
        check(reason in done.stderr, f"stderr: {done.stderr!r}")


def without_seccomp(lane):
    """All other walls stand, and refuse the same acts."""
    lane.stop_server()
    with without_call(lane, SECCOMP):
        scene = Scene(lane, "readonly", "S", PREFER)
        pid = scene.victim()
        message, status = started_message(lane), status_of(pid)
        check("no seccomp" in message and "no Landlock" not in message, message)
        check("memory" not in message, f"another reason is given: {message}")
        # The wrapper's own filter.
        check_equal(int(status["Seccomp_filters"]), 1, "filters")
        check_capabilities(status, False, "a download")
        check_limits(limits_of(pid), "S", "a download")
        complaints = []
        for words, wanted in acts.OTHER_WALLS:
            found = scene.do(acts.act(words, wanted))
            if found != wanted:
                complaints.append(f"{words}: {found}, not {wanted}")
        scene.leave()
        lane.note(f"{len(acts.OTHER_WALLS)} acts")
        check(not complaints, f"{len(complaints)} of {len(acts.OTHER_WALLS)}:\n" + "\n".join(complaints))


def without_landlock_preferred(lane):
    lane.stop_server()
    with without_landlock(lane):
        # What is said by hand counts more than the file.
        scene = Scene(lane, "readonly", "S", REQUIRE, ("--sandbox=prefer",))
        status, message = status_of(scene.victim()), started_message(lane)
        check("no Landlock" in message and "no seccomp" not in message, message)
        check_equal(int(status["Seccomp_filters"]), WALLED["S"] + 1, "filters, the wrapper's among them")
        check_equal(scene.do(acts.act("openat -100 s:/etc/passwd 0")), acts.KILLED, "an open")


# A start without root: xinetd's "user =", systemd's User=.

PLAIN = pathlib.Path("/srv/plain")


@contextlib.contextmanager
def plain_user(lane, *words):
    """A server that a superserver started as the service user, with its socket as fd 0."""
    lane.stop_server()
    if PLAIN.exists():
        shutil.rmtree(PLAIN)
    PLAIN.mkdir()
    os.chown(PLAIN, lane.uid, lane.gid)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", PORT))
    command = ["setpriv", "--reuid", str(lane.uid), "--regid", str(lane.gid), "--clear-groups",
               *map(str, (lane.tftpd, "--log", PLAIN / "log", *words))]
    process = subprocess.Popen(command, stdin=sock, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               env=lane.environment(), start_new_session=True)
    try:
        yield process
    finally:
        sock.close()
        process.terminate()
        process.wait(20 * lane.slowness)
        process.stderr.close()


def unprivileged(lane):
    """What stands without root, and that the notice says what does not."""
    lane.file("small", b"s" * SMALL)
    with plain_user(lane, "-s", "-c", ROOT) as process:
        peer = lane.peer()
        peer.read("small", ends=None)
        peer.expect(3, 1)
        dispatcher = until(lambda: children(process.pid), 5 * lane.slowness, "a dispatcher")[0]
        pid = until(lambda: children(dispatcher), 5, "a transfer")[0]
        message = re.search(r"dispatcher started[^\"]*", (PLAIN / "log").read_text())
        check(message, "no notice")
        for wall in ("no chroot (not root)", "no capabilities", "no_new_privs", "Landlock", "seccomp"):
            check(wall in message[0], f"{wall} is not in: {message[0]}")
        check_unprivileged(lane, pid)
        peer.error(0, "enough")


def check_unprivileged(lane, pid):
    check_walls_without_root(pid, "S", lane.uid, lane.gid)
    check_equal(force(lane, pid, "openat", -100, "s:/etc/passwd", 0), acts.KILLED, "an open")


def check_walls_without_root(pid, letter, uid, gid):
    status, what = status_of(pid), PLACES[letter]
    check_equal((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"), f"{what}: seccomp, no_new_privs")
    check_equal(int(status["Seccomp_filters"]), WALLED[letter], f"{what}: filters")
    check_equal(status["Uid"].split(), [str(uid)] * 4, f"{what}: uids")
    check_equal(status["Gid"].split(), [str(gid)] * 4, f"{what}: gids")
    for key in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        check_equal(int(status[key], 16), 0, f"{what}: {key}")
    check_limits(limits_of(pid), letter, what)


NOBODY = "nobody"


class XinetdOfNobody(Server):
    """The shipped file with "user = nobody"."""

    def xinetd(self):
        command, conf = super().xinetd(), self.lane.scratch / "xinetd.conf"
        text, count = re.subn(r"(?m)^(\s*user\s*=).*", rf"\1 {NOBODY}", conf.read_text())
        check_equal(count, 1, "lines with a user in the shipped file")
        conf.write_text(text)
        return command


def xinetd_of_nobody(lane):
    """In directories of that user all is served, and the walls that need no root stand."""
    entry, log = pwd.getpwnam(NOBODY), Log(PLAIN / "log")
    lane.stop_server()
    shutil.rmtree(PLAIN, ignore_errors=True)
    for place in (PLAIN, PLAIN / "root"):
        place.mkdir()
        os.chown(place, entry.pw_uid, entry.pw_gid)
    OUTSIDE.mkdir(exist_ok=True)
    (OUTSIDE / "secret").write_bytes(b"not served")
    (OUTSIDE / "secret").chmod(0o666)
    lane.server = XinetdOfNobody(lane, "xinetd", ("--log", log.path, "-s", "-c", PLAIN / "root"), "::")
    try:
        check_served_by_nobody(lane, log, entry)
        for letter in "DSU":
            check_walls_of_nobody(lane, log, letter)
        check_equal(lane.server.activations(), 1, "starts by xinetd")
    finally:
        lane.stop_server()


def check_served_by_nobody(lane, log, entry):
    (PLAIN / "root/small").write_bytes(b"s" * SMALL)
    content, peer = bytes_of(LARGE), lane.peer()
    check_equal(peer.get("small", ends=None), b"s" * SMALL, "a file of root's")
    log.wait_end(client_port=peer.port, outcome="complete")
    message = log.records(event="notice")[0]["message"]
    check_equal(re.sub(r"Landlock \d+", "Landlock", message),
                "dispatcher started: no chroot (not root), user unchanged (not root), no capabilities, "
                "no_new_privs, Landlock, seccomp with gates", "the first notice")
    peer = lane.peer()
    peer.put("new", content, ends=None, blksize=1400)
    log.wait_end(client_port=peer.port, outcome="complete")
    check_equal((PLAIN / "root/new").read_bytes(), content, "an upload")
    check_equal((PLAIN / "root/new").stat().st_uid, entry.pw_uid, "its owner")
    check_equal(lane.peer().get("new", ends=None, blksize=1400), content, "the upload, read")


def check_walls_of_nobody(lane, log, letter):
    peer, entry, what = lane.peer(), pwd.getpwnam(NOBODY), PLACES[letter]
    if letter == "U":
        peer.write("second", ends=None)
        peer.expect(4, 0)
    else:
        peer.read("small", ends=None)
        peer.expect(3, 1)
    pid = lane.server.dispatcher() if letter == "D" else log.wait_start(client_port=peer.port)["pid"]
    check_walls_without_root(pid, letter, entry.pw_uid, entry.pw_gid)
    if letter != "S":
        # Without a chroot it is Landlock that keeps it inside.
        found = force(lane, "-i", hex(gate_of(lane, pid, "file")), pid,
                      "openat", -100, f"s:{OUTSIDE}/secret", 2)
        check_equal(found, acts.EACCES, f"{what}: a file outside")
    peer.error(0, "enough")
    log.wait_end(client_port=peer.port, outcome="aborted")


def unprivileged_outside(lane):
    """Landlock stands for the chroot: names out of the root, in a dispatcher without one."""
    OUTSIDE.mkdir(exist_ok=True)
    (OUTSIDE / "secret").write_bytes(b"not served")
    (OUTSIDE / "secret").chmod(0o666)
    with plain_user(lane, "-s", "-c", ROOT) as process:
        peer = lane.peer()
        peer.read("small", ends=None)
        peer.expect(3, 1)
        pid = until(lambda: children(process.pid), 5 * lane.slowness, "a dispatcher")[0]
        at = hex(gate_of(lane, pid, "file"))
        for path in ("/etc/passwd", str(OUTSIDE / "secret"), "../outside/secret", "/proc/self/mem"):
            for flags in (0, 2):
                check_equal(force(lane, "-i", at, pid, "openat", -100, f"s:{path}", flags), acts.EACCES,
                            f"{path}, flags {flags}")
        peer.error(0, "enough")


WALLS = (
    ("the first notice names every wall", every_wall_is_named),
    ("the keeper has what starting a dispatcher needs, and no more", keeper),
    ("no datagram reaches the sockets of others", sockets_of_others),
    ("sandbox = require does not serve without seccomp", without_seccomp_required),
    ("sandbox = require does not serve without Landlock", without_landlock_required),
    ("without openat2 it does not serve", without_openat2),
    ("with 64 MiB of memory all is served", with_little_memory),
    ("without seccomp the other walls refuse the same", without_seccomp),
    ("without Landlock seccomp stands, and the notice says so", without_landlock_preferred),
    ("started without root: what stands, and what is said", unprivileged),
    ("started without root: Landlock stands for the chroot", unprivileged_outside),
    ("started by xinetd as nobody: what stands, what is said, and all is served", xinetd_of_nobody),
)
