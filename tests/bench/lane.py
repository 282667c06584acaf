"""Where a measurement happens: network, mounts and processes of its own.

bench.py starts itself again under unshare; inside there is a loopback and
nothing else, files lie on tmpfs, /run is empty, and what was started cannot
outlive the process that started it.
"""

import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import servers

UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
FILE_MODE = 0o644
PR_SET_CHILD_SUBREAPER = 36


def obstacle(build):
    """Why nothing can be measured here, or None."""
    if os.geteuid() != 0:
        return "needs root: it makes network and mount namespaces (try sudo)"
    for program in ("tftpd", "tests/bench/tftp-load", "tests/bench/tftp-limit"):
        if not (build / program).exists():
            return f"{build / program} is missing: run make bench"
    if subprocess.run([*UNSHARE, "true"], stdin=subprocess.DEVNULL).returncode != 0:
        return "needs namespaces: a container has to grant CAP_SYS_ADMIN"
    return None


def run_inside(script, arguments):
    """Start the script again in a lane; returns its exit status."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="simple-tftpd-"))
    folder.chmod(0o755)
    group = servers.make_group(f"simple-tftpd-{os.getpid()}")
    command = [*UNSHARE, sys.executable, script, *arguments, "--inside", str(folder),
               "--group", str(group or "")]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if group is not None:
            servers.until(lambda: removed(group), 10, f"{group} is empty")


def removed(group):
    try:
        group.rmdir()
    except OSError:
        return False
    return True


class Lane:
    """The inside: folders, and the two programs that do the work."""

    def __init__(self, folder, group, build, peers, rs_tftpd=None):
        self.folder, self.build, self.peers = folder, build, peers
        self.rs_tftpd = rs_tftpd
        self.tools = build / "tests/bench"
        self.group = servers.Group(group) if group else servers.NoGroup()
        self.root, self.log = folder / "root", folder / "transfers.jsonl"
        self.running = set()            # the servers' own numbers

    def settle_in(self):
        run("ip", "link", "set", "lo", "up")
        for place in (self.folder, "/run"):
            run("mount", "-t", "tmpfs", "-o", "mode=755,size=90%", "bench", place)
        for number in range(len(servers.KINDS)):
            run("ip", "address", "add", f"127.0.0.{10 + number}/8", "dev", "lo")
        self.root.mkdir()
        # whatever user a server takes, and without the sticky bit that stops atftpd
        self.root.chmod(0o777)
        # what a server leaves behind becomes our child, and is waited for
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def every_server(self):
        return [kind(self, number) for number, kind in enumerate(servers.KINDS)]

    def make(self, name, size, sparse=False):
        path = self.root / name
        run(self.tools / "tftp-load", "--make-sparse" if sparse else "--make", path, size)
        path.chmod(FILE_MODE)

    def is_right(self, name, size):
        """Does an uploaded file hold what was sent?"""
        path = self.root / name
        done = subprocess.run([str(self.tools / "tftp-load"), "--check", str(path),
                               "--size", str(size)], stdout=subprocess.DEVNULL)
        return done.returncode == 0

    def remove(self, name):
        (self.root / name).unlink(missing_ok=True)

    def client(self, server, name, *options, **how):
        """What a finished client says."""
        return answer(self.begin_client(server, name, *options, **how))

    def begin_client(self, server, name, *options, cpu=None):
        command = [self.tools / "tftp-load", "--server", f"{server.address}:{servers.PORT}"]
        if cpu is not None:
            command += ["--cpu", cpu]
        command += [*options, name]
        return subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, text=True)

    def bury(self):
        """What a stopped server left running became our child: it may cost no more time."""
        for _ in range(5):
            strays = [pid for pid, parent in parents().items()
                      if parent == os.getpid() and pid not in self.running]
            for pid in strays:
                end(pid)


def parents():
    """pid -> parent, of all that run."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = pathlib.Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            found[int(entry)] = int(stat.rpartition(")")[2].split()[1])
    return found


def end(pid):
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def answer(process):
    out, _ = process.communicate(timeout=3600)
    try:
        return json.loads(out)
    except ValueError:
        raise servers.Trouble(f"tftp-load ended with {process.returncode}") from None


def run(*command):
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise servers.Trouble(f"{' '.join(map(str, command))}: {done.stdout}")
    return done.stdout
