"""tftpd-status as a process: how superservers start it, who it is then, what neither of its
two processes can do, and that nothing of it stays."""

import contextlib
import grp
import json
import os
import pathlib
import platform
import pwd
import re
import resource
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

import acts
import web
from asking import Configuration
from harness import (STATUS_USER, check, check_equal, children, descriptors_of, is_running, kill, processes,
                     stat_of, status_of, until)
from settings import CREATE_RULESET, WITHOUT_LANDLOCK
from test_denial import force, of_the_product
from web import Web

HTTP_PORT = 9169
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
KILLED = acts.KILLED
EPERM, EACCES = acts.EPERM, acts.EACCES


def program(lane):
    return lane.scratch / "bin/tftpd-status"


def log_file(lane):
    """An empty log, as the server makes it: for group adm."""
    path = pathlib.Path("/var/log/tftpd-status-test/transfers.jsonl")
    path.parent.mkdir(exist_ok=True)
    path.touch()
    os.chown(path, 0, grp.getgrnam("adm").gr_gid)
    path.chmod(0o640)
    return path


def state_dir(lane):
    """Where none is yet."""
    return lane.scratch / f"status-{lane.count()}/state"


def made_state_dir(lane):
    path = state_dir(lane)
    path.parent.mkdir()
    path.parent.chmod(0o755)
    return path


def client(lane, *args):
    """Web, with a log that can be read."""
    return Web(lane, "-l", log_file(lane), "--state", made_state_dir(lane), "--tftpd", lane.tftpd, *args)


@contextlib.contextmanager
def visit(lane, *args, raw=b""):
    """A client that has sent so much; the process that speaks with it, and the one that knows."""
    some = client(lane, *args)
    sock, process = some.connect()
    with contextlib.closing(some), sock:
        sock.sendall(raw)
        try:
            yield sock, process, until(lambda: reader_of(process.pid), 5 * lane.slowness, "two processes, walled in")
        finally:
            process.kill()
            process.wait()


def reader_of(pid):
    """The process that knows, once both are behind their walls."""
    for child in children(pid):
        with contextlib.suppress(OSError):
            both = [status_of(each) for each in (pid, child)]
            if both[1]["Name"] == "tftpd-reader" and all(is_walled(each) for each in both) and sleeps(child):
                return child
    return None


def is_walled(status):
    return status.get("Seccomp") == "2"


def sleeps(pid):
    return status_of(pid)["State"][0] == "S"


def gone(lane, pids, what):
    until(lambda: not any(is_running(pid) for pid in pids), 5 * lane.slowness, what)


# Superservers.

def fetch(lane, host="127.0.0.1", port=HTTP_PORT):
    """/healthz, as soon as somebody listens."""
    def connected():
        try:
            return socket.create_connection((host, port), timeout=web.SECONDS)
        except ConnectionRefusedError:
            return None

    with until(connected, 10 * lane.slowness, f"{host} port {port} answers") as sock:
        sock.sendall(REQUEST)
        raw = b"".join(iter(lambda: sock.recv(65536), b""))
    answer = web.parse(raw)
    check_equal((answer.status, answer.tree["report"]), (200, "health"), "/healthz")


@contextlib.contextmanager
def superserver(lane, *command):
    with open(lane.scratch / f"server-{lane.count()}.err", "wb") as errors:
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=errors,
                                   stderr=errors, env=lane.environment(peers=True), cwd="/",
                                   start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def served_by(lane, process, host="127.0.0.1"):
    """A visit, looked at while it waits for its request: who is it?"""
    fetch(lane, host)
    with socket.create_connection((host, HTTP_PORT), timeout=web.SECONDS):
        def front():
            found = [pid for pid in children(process.pid) if reader_of(pid) or lane.instrumented and children(pid)]
            return found and found[-1]

        pid = until(front, 5 * lane.slowness, "a process for the visit")
        is_status_user(pid)
        both = [pid, *children(pid)]
    gone(lane, both, "the client has gone: so have they")


def is_status_user(pid):
    entry, status = pwd.getpwnam(STATUS_USER), status_of(pid)
    check_equal(status["Uid"].split(), [str(entry.pw_uid)] * 4, "users")
    check_equal(status["Gid"].split(), [str(entry.pw_gid)] * 4, "groups")
    check_equal({int(word) for word in status["Groups"].split()},
                {entry.pw_gid, grp.getgrnam("adm").gr_gid}, "groups besides")


def by_xinetd(lane):
    """The shipped file; the program, its arguments and "disable" are ours."""
    text = (lane.build / "xinetd.d/tftpd-status").read_text()
    arguments = f"-l {log_file(lane)} --state {made_state_dir(lane)}"
    for key, value in (("disable", "no"), ("server", f"{program(lane)}\n\tserver_args\t= {arguments}")):
        text, count = re.subn(rf"(?m)^\s*{key}\s*=.*\n", lambda _: f"\t{key}\t= {value}\n", text)
        check_equal(count, 1, f"lines with {key}")
    conf = lane.scratch / "xinetd-status.conf"
    conf.write_text(f"defaults\n{{\n}}\n{text}")
    with superserver(lane, lane.peer_program("usr/sbin/xinetd"), "-dontfork", "-f", conf, "-pidfile",
                     lane.scratch / "xinetd-status.pid", "-filelog", lane.scratch / "xinetd-status.log") as process:
        served_by(lane, process)


def by_inetd(lane):
    """The shipped line."""
    sample = (pathlib.Path(__file__).parents[2] / "xinetd.d/inetd.conf.sample").read_text()
    line, = re.findall(r"(?m)^[^#\n].*tftpd-status$", sample)
    fields = line.split()
    check_equal(fields[5:], ["/usr/sbin/tftpd-status", "tftpd-status"], "the program")
    fields[5] = str(program(lane))
    conf = lane.scratch / "inetd-status.conf"
    conf.write_text(" ".join([*fields, "-l", str(log_file(lane)), "--state", str(made_state_dir(lane))]) + "\n")
    with superserver(lane, lane.peer_program("usr/sbin/inetd"), "-i", conf) as process:
        served_by(lane, process)


def by_activate(lane):
    """A socket by standard input and by LISTEN_FDS, IPv4 and IPv6."""
    for how, where in ((["--inetd"], "127.0.0.1"), ([], "127.0.0.1"), (["--inetd"], "::1")):
        address = f"[{where}]:{HTTP_PORT}" if ":" in where else f"{where}:{HTTP_PORT}"
        with superserver(lane, lane.peer_program("usr/bin/systemd-socket-activate"), "-a", *how, "-l", address,
                         program(lane), "-l", log_file(lane), "--state", made_state_dir(lane)) as process:
            served_by(lane, process, where)


# Who it is.

FRONT_LIMITS = {"address space": 256 << 20, "cpu time": 20, "open files": 32, "file size": 0, "processes": 0}
READER_LIMITS = {"address space": 1 << 30, "cpu time": 30, "open files": 1024, "file size": 64 << 20}


def root_becomes_the_user(lane):
    with visit(lane) as (sock, process, reader):
        own, *nice = (os.getpriority(os.PRIO_PROCESS, pid) for pid in (0, process.pid, reader))
        check_equal(nice, [max(own, 10)] * 2, "serving TFTP goes first")
        for pid in (process.pid, reader):
            is_status_user(pid)
            status = status_of(pid)
            check_equal({key: int(status[key], 16) for key in status if key.startswith("Cap")},
                        dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0), "capabilities")
            check_equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), "walls")
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            bounds = {"core file size": 0, **(READER_LIMITS if pid == reader else FRONT_LIMITS)}
            for what, most in bounds.items():
                check(re.search(rf"Max {what}\s+\d+\s+{most}\s", limits), f"{what} of {pid}, not {most}:\n{limits}")
            timers = pathlib.Path(f"/proc/{pid}/timers").read_text()
            check_equal(re.findall(r"(?m)^signal: (\d+)/", timers), ["9"], "what ends it in time")
            check_equal(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text(), "1000\n", "who goes first")
        sockets_of_net = internet_sockets()
        held = {pid: {target for target in descriptors_of(pid).values()} for pid in (process.pid, reader)}
        check(not held[reader] & sockets_of_net, f"the reader has a socket to the network: {held[reader]}")
        check_equal(len(held[process.pid] & sockets_of_net), 1, "sockets to the network of the other")
        strange = {fd: target for fd, target in descriptors_of(process.pid).items()
                   if not re.match(r"socket:|/dev/null$|/memfd:|anon_inode:\[event(poll|fd)\]", target)}
        check(not strange, f"what the one that speaks has besides: {strange}")


def internet_sockets():
    lines = [line.split() for table in ("tcp", "tcp6")
             for line in pathlib.Path("/proc/net", table).read_text().splitlines()[1:]]
    return {f"socket:[{fields[9]}]" for fields in lines}


def another_user(lane):
    """Who is not root stays who he is, and needs no user tftpd-status."""
    log = lane.scratch / "open.jsonl"
    log.touch()
    command = ["setpriv", "--reuid", "4711", "--regid", "4711", "--clear-groups", program(lane), "-l", log,
               "--user", "nobody-at-all", "--state", lane.scratch / "no/such/place"]
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, socket.create_connection(listener.getsockname(), timeout=web.SECONDS) as sock:
        served, _ = listener.accept()
        with served:
            process = subprocess.Popen([str(word) for word in command], stdin=served, stdout=served, stderr=served,
                                       env=lane.environment(), cwd="/")
        until(lambda: children(process.pid), 5 * lane.slowness, "two processes")
        check_equal(status_of(process.pid)["Uid"].split()[1], "4711", "user")
        sock.sendall(REQUEST.replace(b"/healthz", b"/metrics"))
        answer = web.parse(b"".join(iter(lambda: sock.recv(65536), b"")))
    process.wait(web.SECONDS)
    check_equal(answer.status, 200, "/metrics")
    check("\ntftpd_state_saved 0\n" in answer.text, "that counters are not kept")


def no_such_user(lane):
    """Root does not serve, and does not serve as somebody else."""
    for user, reason in (("nobody-at-all", "no such user"), ("root", "is root")):
        some = client(lane, "--user", user)
        check_equal(some.exchange(b""), b"", "what a client gets")
        some.close()
        in_syslog(lane, reason)


def state_directory(lane):
    """It is made for the user, for nobody else to look into; counters stay there."""
    path = made_state_dir(lane)
    some = Web(lane, "-l", log_file(lane), "--state", path)
    check("\ntftpd_state_saved 1\n" in some.get("/metrics").text, "that counters are kept")
    found, entry = path.stat(), pwd.getpwnam(STATUS_USER)
    check_equal((found.st_uid, found.st_gid, oct(found.st_mode & 0o7777)), (entry.pw_uid, entry.pw_gid, "0o750"),
                "the directory")
    check("\ntftpd_state_saved 1\n" in some.get("/metrics").text, "that they go on")
    # not its own: served without
    os.chown(path, 0, 0)
    check("\ntftpd_state_saved 0\n" in some.get("/metrics").text, "that counters are not kept")
    some.close()


# How it is told what is wrong.

def in_syslog(lane, text):
    until(lambda: any(text in line for line in lane.syslog), 5 * lane.slowness, f"syslog says: {text}")
    line = next(line for line in lane.syslog if text in line)
    check(re.match(r"<27>tftpd-status\[\d+\]: ", line), f"the line: {line}")


WRONG = (
    (["--nonsense"], "unknown option '--nonsense'"),
    (["-x"], "unknown option -x"),
    (["--log"], "option '--log' needs a value"),
    (["-l"], "option '-l' needs a value"),
    (["--help=yes"], "option '--help=yes': no value is expected"),
    (["--utc=yes"], "no value is expected"),
    (["word"], "'word': no argument is expected"),
    (["--log", "here.jsonl"], "begins with /"),
    (["--state", "/etc/passwd"], "expected a directory"),
    (["--tftpd", "/no/such/tftpd"], "No such file"),
    (["--tftpd", "/etc/passwd"], "expected a program"),
    (["--table", "/" + "x" * 5000], "longer than"),
    (["--host", "a b"], "expected a name or an address"),
    (["--host", "localhost:9169"], "without a port"),
    (["--host", ""], "expected a name or an address"),
    (["--host", "a"] * 33, "at most 32"),
    (["--sandbox", "no"], "require or prefer"),
    (["--user", ""], "expected a name"),
)


def wrong_options(lane):
    """By a superserver standard error is the client's: syslog is told, and the client nothing."""
    for words, reason in WRONG:
        some = Web(lane, *words)
        before = len(lane.syslog)
        sock, process = some.connect()
        with contextlib.closing(some), sock:
            check_equal(sock.recv(100), b"", f"{words}: what a client gets")
            check_equal(process.wait(web.SECONDS), 2, f"{words}: exit status")
        until(lambda: len(lane.syslog) > before, 5 * lane.slowness, f"{words}: a line in syslog")
        in_syslog(lane, reason)
        by_hand = started(lane, *words)
        check_equal(by_hand.returncode, 2, f"{words}, by hand: exit status")
        check(reason in by_hand.stderr and not by_hand.stdout, f"{words}, by hand: {by_hand}")


def started(lane, *words, **how):
    how = {"stdin": subprocess.DEVNULL, "env": lane.environment(), **how}
    return subprocess.run([str(program(lane)), *map(str, words)], capture_output=True, text=True,
                          timeout=web.SECONDS, **how)


def by_hand(lane):
    found = started(lane)
    check_equal((found.returncode, found.stdout), (64, ""), "by hand")
    check("systemd-socket-activate -a --inetd" in found.stderr, f"what is said: {found.stderr}")
    found = started(lane, "-V")
    check(found.returncode == 0 and found.stdout.startswith("tftpd-status (simple-tftpd) "), f"-V: {found}")
    check(("not for service" in found.stdout) == ("not for service" in version_of(lane)), f"-V: {found.stdout}")
    if not lane.instrumented:
        # getopt would stop at the first word
        found = started(lane, "word", "-x", env={**lane.environment(), "POSIXLY_CORRECT": "1"})
        check("unknown option -x" in found.stderr, f"it goes by its starter's environment: {found.stderr}")
    found = started(lane, "--help")
    check(found.returncode == 0 and found.stdout.startswith("usage: "), f"--help: {found}")


def version_of(lane):
    return subprocess.run([str(lane.tftpd), "-V"], capture_output=True, text=True, timeout=20).stdout


def no_connection(lane):
    """A socket that is none: of wait = yes, or of datagrams."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as other:
            other.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                other.listen()
            found = started(lane, stdin=other)
        check_equal((found.returncode, found.stdout), (1, ""), "a socket that is no connection")
        in_syslog(lane, "the socket is no connection")


# Its end.

def client_goes(lane):
    """With nothing sent, amid a request, and, by a reset, while it is answered: who only says
    that no more comes may still wait for the answer."""
    fifo = waiting_log(lane)
    for args, raw in (((), b""), ((), REQUEST[:20]), (("-l", fifo), REQUEST)):
        with visit(lane, *args, raw=raw) as (sock, process, reader):
            if args:
                until(lambda: is_at_log(reader), 5 * lane.slowness, "it reads the log")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
            gone(lane, [process.pid, reader], f"the client has gone, after {raw!r}")


def one_dies(lane):
    """Without the one that knows: 500.  Without the one that speaks: nothing."""
    with visit(lane) as (sock, process, reader):
        kill(reader, signal.SIGKILL)
        until(lambda: stat_of(reader) is None, 5 * lane.slowness, "not even a zombie is left of it")
        sock.sendall(REQUEST)
        answer = web.parse(b"".join(iter(lambda: sock.recv(65536), b"")))
        check_equal(answer.status, 500, "without the one that knows")
        check_equal(process.wait(web.SECONDS), 0, "exit status")
    with visit(lane) as (sock, process, reader):
        process.kill()
        gone(lane, [reader], "the one that speaks was killed")
    with visit(lane, "-l", waiting_log(lane), raw=REQUEST) as (sock, process, reader):
        until(lambda: is_at_log(reader), 5 * lane.slowness, "it reads the log")
        kill(reader, signal.SIGKILL)
        answer = web.parse(b"".join(iter(lambda: sock.recv(65536), b"")))
        check_equal(answer.status, 500, "when it dies amid its work")


def waiting_log(lane):
    """A log that nobody writes to: who opens it waits, behind all walls."""
    path = lane.scratch / f"fifo-{lane.count()}"
    os.mkfifo(path)
    path.chmod(0o666)
    return path


def is_at_log(pid):
    """It waits in openat(), not for the question."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/wchan").read_text() in ("wait_for_partner", "fifo_open")
    return False


def tool_ends_too(lane):
    """A tftpd that hangs, here a shell in its place, does not outlive who asked it."""
    script = lane.scratch / "hangs"
    script.write_text("while :; do :; done\n")
    script.chmod(0o644)
    request = REQUEST.replace(b"/healthz", b"/readyz")
    with visit(lane, "--tftpd", "/bin/dash", "--config", script, raw=request) as (sock, process, reader):
        tool, = until(lambda: children(reader), 5 * lane.slowness, "it asks")
        until(lambda: status_of(tool)["Name"] == "dash", 5 * lane.slowness, "it runs")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        gone(lane, [process.pid, reader, tool], "the client has gone")


def without_walls(lane):
    """A kernel without Landlock: told to syslog, and not served; or with less walls, if that
    is wanted."""
    other = lane.scratch / "bin/status-without-landlock"
    other.write_text(WITHOUT_LANDLOCK.format(python=sys.executable, tftpd=program(lane), call=CREATE_RULESET))
    other.chmod(0o755)
    options = ["-l", log_file(lane), "--state", made_state_dir(lane)]
    some = Web(lane, *options, program=other)
    check_equal(some.exchange(b""), b"", "without Landlock: what a client gets")
    some.close()
    in_syslog(lane, "cannot start: Landlock (--sandbox=prefer does without): ")
    some = Web(lane, *options, "--sandbox", "prefer", program=other)
    check_equal(some.get("/healthz").status, 200, "with --sandbox=prefer")
    some.close()


def stubborn_starter(lane):
    """Signals that the starter ignores or holds back do not keep it alive."""
    some = client(lane)
    held = {signal.SIGALRM, signal.SIGTERM, signal.SIGCHLD}
    old = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    handler = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        sock, process = some.connect()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)
        signal.signal(signal.SIGUSR1, handler)
    with contextlib.closing(some), sock:
        reader = until(lambda: children(process.pid), 5 * lane.slowness, "two processes")
        until(lambda: lane.instrumented or reader_of(process.pid), 5 * lane.slowness, "walls")
        for pid in (process.pid, *reader):
            check_equal(int(status_of(pid)["SigBlk"], 16), 0, "signals held back")
        process.terminate()
        gone(lane, [process.pid, *reader], "SIGTERM")
        process.wait()


def careless_starter(lane):
    """Descriptors that the starter left open, more than there may be, are in nobody's way."""
    def leave_open():
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(3000, hard), hard))
        for fd in range(3, 1500):
            os.dup2(2, fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    some = client(lane)
    sock, process = some.connect(close_fds=False, preexec_fn=leave_open)
    with contextlib.closing(some):
        with sock:
            sock.sendall(REQUEST)
            answer = web.parse(b"".join(iter(lambda: sock.recv(65536), b"")))
        check_equal((answer.status, process.wait(web.SECONDS)), (200, 0), "/healthz")


# What they cannot do.

FRONT_ACTS = """
    openat -100 s:/etc/passwd 0
    openat -100 s:/proc/self/mem 2
    open s:/etc/passwd 0
    openat2 -100 s:/etc/passwd z:24 24
    socket 1 1 0
    socket 2 1 0
    socket 2 2 0
    connect {back} z:16 16
    bind {back} z:16 16
    accept4 {back} 0 0 0
    recvmsg {back} z:64 0
    sendmsg {back} m:0 0
    sendto {back} s:x 1 0 z:16 16
    fork
    vfork
    clone 17 0 0 0 0
    clone3 z:88 88
    execve s:/bin/sh 0 0
    execveat -100 s:/bin/sh 0 0 0
    kill {reader} 0
    kill {reader} 9
    tgkill {reader} {reader} 9
    ptrace 16 {reader} 0 0
    process_vm_readv {reader} i:x 1 i:x 1 0
    pidfd_open {reader} 0
    prctl 4 1 0 0 0
    mprotect {text} 4096 7
    mmap 0 4096 7 34 -1 0
    memfd_create s:x 0
    unlink s:/tmp/x
    mkdir s:/tmp/x 0777
    setuid 0
    capset z:8 z:24
    unshare 0x10000000
    mount s:x s:/ s:tmpfs 0 0
    bpf 0 z:64 64
    io_uring_setup 8 z:120
    keyctl 0 0 0 0 0
    seccomp 1 0 z:16
    inotify_init
    shmget 1 4096 0777
    setsockopt {back} 1 25 s:lo 2
    fcntl {back} 8 {reader}
    fcntl {back} 1030 0
    alarm 0
    setitimer 0 z:32 0
    timer_delete 0
    timer_settime 0 0 z:32 0
    ioctl {back} 0x8933 z:40
"""

# Before the question is known.
BACK_ACTS = f"""
    {EPERM}: socket 2 1 0
    {EPERM}: socket 2 2 0
    {EPERM}: socket 10 1 0
    {EPERM}: socket 16 3 0
    {EPERM}: socket 1 1 0
    {EPERM}: socketpair 1 1 0 z:8
    {EPERM}: connect {{back}} z:16 16
    {EPERM}: recvmsg {{back}} z:64 0
    {EPERM}: sendmsg {{back}} m:0 0
    {EPERM}: sendto {{back}} s:x 1 0 z:16 16
    {EPERM}: kill {{other}} 0
    {EPERM}: kill {{other}} 9
    {EPERM}: tgkill {{other}} {{other}} 9
    {EPERM}: kill {{front}} 9
    {EACCES}: execve s:/bin/sh 0 0
    {EACCES}: execve s:{{log}} 0 0
    {EPERM}: execveat -100 s:/bin/sh 0 0 0
    {EPERM}: clone 0x10000011 0 0 0 0
    {EACCES}: openat -100 s:/tmp/of-status 0x41 0644
    {EACCES}: openat -100 s:{{scratch}}/of-status 0x41 0644
    {EACCES}: openat -100 s:{{scratch}}/all 1
    {EACCES}: openat -100 s:{{scratch}}/all 0x401
    {EACCES}: openat -100 s:{{scratch}}/all 0x201
    {EACCES}: truncate s:{{scratch}}/all 0
    {EACCES}: unlink s:{{scratch}}/all
    {EACCES}: rename s:{{scratch}}/all s:{{scratch}}/other
    {EACCES}: mkdir s:{{scratch}}/folder 0777
    {EPERM}: mknod s:{{scratch}}/fifo 0x1180 0
    {EPERM}: symlink s:/etc/passwd s:{{state}}/link
    {EACCES}: openat -100 s:/proc/{{front}}/mem 0
    {EACCES}: openat -100 s:/proc/{{front}}/mem 2
    {EPERM}: setuid 0
    {EPERM}: setgroups 0 0
    {EPERM}: chroot s:/
    {EPERM}: pidfd_open {{other}} 0
    {EPERM}: inotify_init
    {EPERM}: shmget 1 4096 0777
    {EPERM}: personality 0
    value: openat -100 s:/etc/passwd 0
    value: openat -100 s:{{state}}/made 0x41 0600
"""

# Besides, when it reads the log for an answer that needs no tftpd.
NARROW_ACTS = f"""
    {EACCES}: openat -100 s:/etc/passwd 0
    {EACCES}: openat -100 s:/etc 0x10000
    {EACCES}: openat -100 s:/proc/self/environ 0
    {EACCES}: openat -100 s:{{scratch}}/all 1
    {EPERM}: execve s:{{tftpd}} 0 0
    {EPERM}: fork
    {EPERM}: vfork
    {EPERM}: clone 17 0 0 0 0
    {EPERM}: kill {{other}} 0
    {EPERM}: kill {{reader}} 0
    {EPERM}: socket 1 2 0
    {EPERM}: fcntl 1 6 z:32
    {EPERM}: fcntl 1 7 z:32
    {EPERM}: fcntl 1 37 z:32
    value: openat -100 s:{{folder}} 0x10000
    value: openat -100 s:{{state}}/made 0x41 0600
"""

# Nobody does these by mistake.
DEADLY = """
    ptrace 16 {other} 0 0
    process_vm_writev {other} i:x 1 i:x 1 0
    mount s:x s:/ s:tmpfs 0 0
    umount2 s:/proc 2
    unshare 0x10000000
    setns 0 0
    bpf 0 z:64 64
    io_uring_setup 8 z:120
    userfaultfd 0
    perf_event_open z:64 0 -1 -1 0
    keyctl 0 0 0 0 0
    add_key s:user s:x s:x 1 -3
    init_module z:8 8 s:
    kexec_load 0 0 0 0
    reboot 0 0 0 0
    open_by_handle_at -100 z:16 0
"""


def words_of(text):
    return [line.strip() for line in text.strip().splitlines()]


def denied_to_front(lane):
    """Each ends it."""
    complaints = []
    for words in words_of(FRONT_ACTS):
        with visit(lane) as (sock, process, reader):
            found = force(lane, process.pid, *filled(words, lane, process.pid, reader))
            if found not in (KILLED, "trapped"):
                complaints.append(f"{words}: {found}")
            else:
                gone(lane, [reader], "the other one goes, too")
                check_equal(sock.recv(100), b"", f"{words}: what the client gets")
    check(not complaints, "\n".join(complaints))


def filled(words, lane, front, reader, **names):
    with contextlib.suppress(StopIteration):
        names["text"] = next(line.split("-")[0] for line in pathlib.Path(f"/proc/{front}/maps").read_text().splitlines()
                             if "r-xp" in line and "libc.so" in line)
    pair = [fd for fd, target in descriptors_of(front).items()
            if target.startswith("socket:") and target not in internet_sockets()]
    return [word.format(front=front, reader=reader, back=pair[-1], scratch=lane.scratch / "robbed", tftpd=lane.tftpd,
                        **{**names, "text": "0x" + names["text"]}) for word in words.split()]


def robbed(lane):
    """What anybody may write to, but for walls; and a process of the same user."""
    folder = lane.scratch / "robbed"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    (folder / "all").write_text("all")
    (folder / "all").chmod(0o777)
    return folder


@contextlib.contextmanager
def somebody():
    with subprocess.Popen(["setpriv", "--reuid", STATUS_USER, "--clear-groups", "--regid", "0",
                           "sleep", "1000"]) as other:
        try:
            until(lambda: status_of(other.pid)["Uid"].split()[0] != "0", 5, "another process of the user")
            yield other.pid
        finally:
            other.kill()


def try_all(lane, process, reader, acts, **names):
    folder = robbed(lane)
    complaints, table = [], [line.split(": ", 1) for line in acts]
    for wanted, words in table:
        found = force(lane, reader, *filled(words, lane, process.pid, reader, **names))
        if found != wanted and found.split(" ")[0] != wanted:
            complaints.append(f"{words}: {found}, not {wanted}")
    check(not complaints, "\n".join(complaints))
    check_equal({each.name: each.read_text() for each in folder.iterdir()}, {"all": "all"}, "what is outside")


def denied_to_back(lane):
    acts = words_of(BACK_ACTS)
    with somebody() as other:
        # a request has 10 s to come: on a busy machine not all are tried in that time
        for at in range(0, len(acts), 8):
            with visit(lane) as (sock, process, reader):
                try_all(lane, process, reader, acts[at:at + 8], other=other, log=log_file(lane),
                        state=state_of(process.pid))
                sock.sendall(REQUEST)
                answer = web.parse(b"".join(iter(lambda: sock.recv(65536), b"")))
                check_equal(answer.status, 200, "after all that")


def state_of(pid):
    words = pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return words[words.index("--state") + 1]


def denied_when_narrow(lane):
    fifo = waiting_log(lane)
    with somebody() as other, visit(lane, "-l", fifo, raw=REQUEST) as (sock, process, reader):
        until(lambda: is_at_log(reader), 5 * lane.slowness, "it opens the log")
        try_all(lane, process, reader, words_of(NARROW_ACTS), other=other, folder=fifo.parent,
                state=state_of(process.pid))


def deadly(lane):
    complaints = []
    with somebody() as other:
        for words in words_of(DEADLY):
            with visit(lane) as (sock, process, reader):
                found = force(lane, reader, *filled(words, lane, process.pid, reader, other=other))
                if found not in (KILLED, "trapped"):
                    complaints.append(f"{words}: {found}")
        check(is_running(other), "another process of the user was reached")
    check(not complaints, "\n".join(complaints))


def other_ways(lane):
    """The machine's other ways to make calls have numbers of their own."""
    if platform.machine() != "x86_64":
        lane.note("not tried: no such ways on this machine")
        return
    for way in ("x32", "poke80"):
        for is_front in (True, False):
            with visit(lane) as (sock, process, reader):
                found = force(lane, "-w", way, process.pid if is_front else reader, "getpid")
                check(found in (KILLED, "trapped"), f"{way}: {found}")


def trap(lane):
    """--enable-trap: such a call leaves a line in syslog, and the process ends."""
    if "are named in the log" not in version_of(lane):
        lane.note("not tried: this build kills")
        return
    for is_front, words in ((True, "getppid"), (False, "ptrace 0 0 0 0")):
        with visit(lane) as (sock, process, reader):
            check_equal(force(lane, process.pid if is_front else reader, *words.split()), "trapped", words)
            in_syslog(lane, f"forbidden system call {words.split()[0]} ")
            gone(lane, [process.pid, reader] if is_front else [reader], "they end")


# The same answer as without walls.

def ready_is_the_same(lane):
    """/readyz asks tftpd, which puts up walls of its own within ours."""
    for text, what in (("", "good"), ("max-blksize = many\n", "bad"), ('root = "/srv/none"\n', "no root")):
        same_answer(lane, Configuration(lane, text).path, what)
    conf = Configuration(lane, "")
    conf.path.chmod(0o600)
    same_answer(lane, conf.path, "closed")
    conf.path.chmod(0o644)
    lane.serve(*conf.words)
    same_answer(lane, conf.path, "a server runs")
    lane.stop_server()


def same_answer(lane, conf, what):
    entry, adm = pwd.getpwnam(STATUS_USER), grp.getgrnam("adm").gr_gid
    some = client(lane, "--config", conf)
    answer = some.get("/readyz")
    some.close()
    asked = lane.run_stats("health", "--ready", "--json", "--config", conf, user=entry.pw_uid, group=entry.pw_gid,
                           extra_groups=[adm], cwd="/")
    wanted = json.loads(asked.stdout)
    check_equal(without_sizes(answer.tree), without_sizes(wanted), f"{what}: /readyz")
    check_equal(answer.status, 503 if wanted["state"] == "critical" else 200, f"{what}: its status")


def without_sizes(tree):
    """Room on a disk changes meanwhile."""
    return re.sub(r"[\d.]+ [KMGT]?i?B", "N", json.dumps(tree))


# What it costs.

def costs(lane):
    some = client(lane)
    for path in ("/healthz", "/metrics", "/readyz"):
        times = sorted(timed(some, path) for _ in range(5))
        lane.note(f"{path}: {statistics.median(times) * 1000:.1f} ms, at best {times[0] * 1000:.1f}")
    some.close()
    until(lambda: "tftpd-reader" not in names_of_all(), 5 * lane.slowness, "the last one has gone, too")


def names_of_all():
    names = set()
    for pid in processes():
        with contextlib.suppress(OSError):
            names.add(status_of(pid)["Name"])
    return names


def timed(some, path):
    begin = time.monotonic()
    sock, process = some.connect()
    with sock:
        sock.sendall(REQUEST.replace(b"/healthz", path.encode()))
        while sock.recv(65536):
            pass
        took = time.monotonic() - begin
    process.wait(web.SECONDS)
    return took


TESTS = (
    ("xinetd starts it by the shipped file", by_xinetd, False),
    ("inetd starts it by the shipped line", by_inetd, False),
    ("systemd-socket-activate starts it, by standard input and LISTEN_FDS", by_activate, False),
    ("root becomes the service user and keeps nothing", of_the_product(root_becomes_the_user), False),
    ("another user stays who he is", another_user, True),
    ("root serves as no other and not as root", no_such_user, False),
    ("the state directory is made, and done without", state_directory, True),
    ("wrong options are told to syslog, and to nobody else", wrong_options, True),
    ("by hand it says how it is meant", by_hand, True),
    ("a socket without a peer is told", no_connection, True),
    ("a client that goes leaves no process", of_the_product(client_goes), False),
    ("neither process outlives the other", of_the_product(one_dies), False),
    ("a tftpd that hangs does not, either", of_the_product(tool_ends_too), False),
    ("without Landlock it serves only if it may", of_the_product(without_walls), False),
    ("what its starter did to signals does not last", stubborn_starter, False),
    ("what its starter left open does no harm", careless_starter, False),
    ("the process that speaks HTTP can do nothing else", of_the_product(denied_to_front), False),
    ("the process that reads can do nothing else", of_the_product(denied_to_back), False),
    ("with the question known it can do less", of_the_product(denied_when_narrow), False),
    ("what is an attack ends it", of_the_product(deadly), False),
    ("nor can it be done in another machine's way", of_the_product(other_ways), False),
    ("a build that traps names the call in syslog", trap, False),
    ("/readyz says the same as without walls", ready_is_the_same, True),
    ("what a visit costs", costs, False),
)
