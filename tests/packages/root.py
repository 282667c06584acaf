"""A Debian of its own to try packages in, and copies of it that cost nothing.

    base = root.root_prepare(build)             # once: debootstrap, minutes; later nothing
    with root.Root(build, "upgrade", [base]) as place:
        place.copy_in("/tmp/simple-tftpd.deb", "tmp/x.deb")
        place.run("apt-get", "install", "-y", "/tmp/x.deb")
        (place.path / "etc/passwd").read_text()

root_prepare() makes BUILD/packages/root: a minbase of the release that this
machine runs, from the mirror that its apt uses.  apt works in it without a
network for all of PACKAGES, which lie downloaded in it.  root_layer() makes a
folder with more packages installed, to lay on top, and keeps it as well:

    lower = [root.root_layer(build, base, "systemd", ("systemd", "curl")), base]
    with root.Root(build, "boots", lower, hold=False) as place: ...

A Root is an overlay on these, which are never written to.  It is mounted in the
caller's mount namespace: call root.own_mounts() first thing, which gives it one
of its own.  Then place.path can be read and written like any folder.  What run()
starts lives in process, network (loopback only) and IPC namespaces that are the
Root's; all of it is killed when the Root is left.  With hold=False there is only
the mounted folder, for those who start their own first process in it.
"""

import contextlib
import ctypes
import fcntl
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys

# What a test installs without a network, with all that it depends on.
PACKAGES = ("tftpd-hpa", "atftpd", "dnsmasq", "tftp-hpa", "xinetd", "openbsd-inetd", "logrotate",
            "bash-completion", "apparmor", "curl", "python3-minimal", "systemd", "systemd-sysv", "dbus",
            "iproute2", "man-db", "libcap2", "libconfuse2", "libseccomp2", "libmicrohttpd12", "zlib1g",
            "libcrypt1", "procps")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root", "TZ": "UTC",
               "DEBIAN_FRONTEND": "noninteractive"}
MAKING = 1200               # seconds; a slow mirror
LEAVING = 30                # seconds to put things away
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
CLONE_NEWNS = 0x20000

# Nothing is started by a package's installation: there is no init in a Root.
POLICY = "#!/bin/sh\nexit 101\n"
# Nobody needs these tests' files after a power cut.
DPKG = "force-unsafe-io\n"
APT = """APT::Install-Recommends "false";
Acquire::Languages "none";
APT::Sandbox::User "root";
Binary::apt::APT::Keep-Downloaded-Packages "true";
APT::Keep-Downloaded-Packages "true";
"""


class Missing(RuntimeError):
    """Something that this machine does not have."""


def own_mounts():
    """Go on in a mount namespace of our own, from which nothing gets out."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise Missing(f"no mount namespace: {os.strerror(ctypes.get_errno())} (root is needed)")


def call(*command, seconds=60, **how):
    """A program of this machine; returns its output, which is the error's text, too."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=seconds, **how)
    text = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{text}")
    return text


def leave_on_signals():
    """Once, for what is put away then is not to be interrupted."""
    def leave(*_):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        sys.exit(1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)


def end(process, pids):
    """A process that may run still, by a signal to these: it has LEAVING seconds."""
    if process.poll() is None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        try:
            process.wait(LEAVING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# Making the root.

def release():
    """The code name of this machine's Debian."""
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise Missing("this machine has no VERSION_CODENAME: packages are tried on Debian")


def sources(suite):
    """[(mirror, suite)] of Debian's main that this machine's apt uses, the release itself first."""
    told = call("apt-get", "indextargets", "--format", "$(CREATED_BY) $(ORIGIN) $(SITE) $(RELEASE) $(COMPONENT)")
    found = []
    for line in told.splitlines():
        words = line.split()
        if len(words) == 5 and words[:2] == ["Packages", "Debian"] and words[4] == "main":
            found.append((words[2], words[3]))
    found = [pair for pair in dict.fromkeys(found) if pair[1].startswith(suite)]
    found.sort(key=lambda pair: pair[1] != suite)
    if not found or found[0][1] != suite:
        raise Missing(f"apt knows no mirror for {suite}: run apt-get update first")
    return found


def stamp_of(*parts):
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


@contextlib.contextmanager
def locked(folder):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def root_prepare(build):
    """The base: a folder that is only read.  Made again when its recipe has changed."""
    folder = pathlib.Path(build).resolve() / "packages"
    suite = release()
    mirrors = sources(suite)
    stamp = stamp_of(suite, mirrors, PACKAGES, APT)
    with locked(folder):
        base, mark = folder / "root", folder / "root.stamp"
        if base.exists() and mark.exists() and mark.read_text() == stamp:
            return base
        mark.unlink(missing_ok=True)
        shutil.rmtree(base, ignore_errors=True)
        shutil.rmtree(folder / "layers", ignore_errors=True)
        make_base(base, suite, mirrors, folder / "debootstrap.log")
        mark.write_text(stamp)
    return base


def make_base(base, suite, mirrors, log):
    if not shutil.which("debootstrap"):
        raise Missing("debootstrap is missing")
    with open(log, "wb") as out:
        done = subprocess.run(["debootstrap", "--variant=minbase", "--include=ca-certificates",
                               f"--keyring={KEYRING}", suite, str(base), mirrors[0][0]],
                              stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=MAKING)
    if done.returncode != 0:
        tail = log.read_text(errors="replace").splitlines()[-8:]
        raise Missing("debootstrap failed (is there a way to the mirror?):\n" + "\n".join(tail))
    write(base / "etc/apt/sources.list", "".join(f"deb [signed-by={KEYRING}] {site} {name} main\n"
                                                 for site, name in mirrors))
    write(base / "etc/apt/apt.conf.d/90tests", APT)
    write(base / "etc/dpkg/dpkg.cfg.d/tests", DPKG)
    write(base / "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    write(base / "etc/hostname", "root\n")
    write(base / "usr/sbin/policy-rc.d", POLICY, 0o755)
    apt_online(base, "update")
    # what these need, too, whatever is installed already; each by itself: some conflict
    for package in PACKAGES:
        apt_online(base, "--yes", "--download-only", "install", package)
    apt_online(base, "--yes", "upgrade")


def apt_online(base, *words):
    """apt of the root, with this machine's network and no namespace."""
    shutil.copy("/etc/resolv.conf", base / "etc/resolv.conf")
    call("chroot", base, "apt-get", "-q", *words, seconds=MAKING, env=ENVIRONMENT)


def root_layer(build, base, name, packages):
    """A folder to lay on the base, with these packages installed; made once."""
    folder = pathlib.Path(build).resolve() / "packages"
    layer, mark = folder / "layers" / name, folder / "layers" / f"{name}.stamp"
    stamp = stamp_of((folder / "root.stamp").read_text(), packages)
    with locked(folder / "layers"):
        if layer.exists() and mark.exists() and mark.read_text() == stamp:
            return layer
        mark.unlink(missing_ok=True)
        shutil.rmtree(layer, ignore_errors=True)
        with Root(build, f"layer-{name}", [base]) as place:
            place.run("apt-get", "-q", "--yes", "install", *packages, seconds=300)
            place.unmount()
            shutil.move(place.folder / "upper", layer)
        mark.write_text(stamp)
    return layer


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


# A copy.

class Root:
    """An overlay on lower folders (the top one first), and what runs in it.  Each name is
    one place below BUILD/packages/run: two of a name cannot be used at once."""

    def __init__(self, build, name, lower, hold=True):
        self.folder = pathlib.Path(build).resolve() / "packages/run" / name
        self.path = self.folder / "root"
        self.lower, self.hold, self.holder, self.mounted = lower, hold, None, False

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        for part in ("upper", "work", "root"):
            (self.folder / part).mkdir(parents=True)
        (self.folder / "upper").chmod(0o755)
        lower = ":".join(str(path) for path in self.lower)
        call("mount", "-t", "overlay", "overlay", "-o",
             f"lowerdir={lower},upperdir={self.folder / 'upper'},workdir={self.folder / 'work'},volatile",
             self.path)
        self.mounted = True
        try:
            if self.hold:
                self.start_holder()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop_holder()
        self.unmount()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_holder(self):
        """The first process of the namespaces: it reaps what is left to it and ends with us."""
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child",
             sys.executable, "-c", HOLDER, str(self.path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.holder.stdout.readline() != b"ready\n":
            raise Missing("no namespaces: a container has to grant CAP_SYS_ADMIN")
        children = pathlib.Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children")
        self.pid = int(children.read_text().split()[0])
        call("nsenter", f"--net=/proc/{self.pid}/ns/net", "ip", "link", "set", "lo", "up")

    def stop_holder(self):
        if self.holder is not None:
            self.holder.stdin.close()
            try:
                self.holder.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.holder.send_signal(signal.SIGKILL)
                self.holder.wait(timeout=10)
            self.holder.stdout.close()
            self.holder = None

    def unmount(self):
        self.stop_holder()
        if self.mounted:
            call("umount", "--recursive", self.path)
            self.mounted = False

    def command(self, *words):
        """The words that run a command in the root, for those who start it themselves."""
        return ["nsenter", f"--target={self.pid}", "--mount", "--net", "--ipc", "--pid", "--root", "--wd",
                *(str(word) for word in words)]

    def run(self, *words, seconds=120, status=0, text=""):
        """A command in the root, which has to end with this status (None: any).  Returns what it
        wrote; how it ended is in self.status."""
        done = subprocess.run(self.command(*words), input=text.encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=seconds, env=ENVIRONMENT)
        self.status, told = done.returncode, done.stdout.decode(errors="replace")
        if status is not None and done.returncode != status:
            raise RuntimeError(f"{' '.join(map(str, words))}: exit {done.returncode}\n{told}")
        return told

    def net(self, *words, seconds=60):
        """A program of this machine, in the root's network; returns what it wrote."""
        return call("nsenter", f"--net=/proc/{self.pid}/ns/net", *words, seconds=seconds)

    def start(self, *words, **how):
        """A command that goes on running; the caller ends it, or the Root's end does."""
        return subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, env=ENVIRONMENT, **how)

    def shell(self, script, **how):
        return self.run("sh", "-ec", script, **how)

    def copy_in(self, source, target):
        """A file of this machine, to a name in the root (without the leading "/")."""
        target = self.path / str(target).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)

    def processes(self):
        """{pid, as this machine counts: command line} of what runs in it but the first one."""
        inside, found = os.readlink(f"/proc/{self.pid}/ns/pid"), {}
        for entry in os.listdir("/proc"):
            if entry.isdigit() and int(entry) != self.pid:
                with contextlib.suppress(OSError):
                    words = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes()
                    if words and os.readlink(f"/proc/{entry}/ns/pid") == inside:
                        found[int(entry)] = words.replace(b"\0", b" ").decode(errors="replace").strip()
        return found


# Runs as the first process: files of the kernel, the root, and then nothing but waiting.
HOLDER = r"""
import os, signal, subprocess, sys
root = sys.argv[1]
run = lambda *words: subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
run("mount", "--make-rprivate", "/")
run("mount", "-t", "proc", "proc", root + "/proc")
run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", root + "/run")
run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", root + "/dev/shm")
os.makedirs(root + "/run/lock", exist_ok=True)
os.chroot(root)
os.chdir("/")
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.write(1, b"ready\n")
while os.read(0, 4096):
    pass
"""
