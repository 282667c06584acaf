"""A machine: a Debian root with its systemd as first process.

    place = machine.Machine(lower, scratch)
    place.boot()
    place.systemctl("start", "tftpd.socket")
    place.power_cut()                   # what was in memory is gone
    place.boot()
    place.power_off()

Neither nspawn nor a virtual machine is needed: a process namespace of its own, a
cgroup of its own, the mounts that an init expects, and then systemd is executed.
What the machine may not do to the kernel that it shares with others is taken away
(GONE), and /proc/sys and /sys cannot be written.

It shares the network namespace of the caller, who has to be in one of his own, as
in a mount and a process namespace of his own (systemd.py sees to that): clients
are ordinary sockets of the test.  place.root is the machine's disk, an overlay on
`lower` that is kept from boot to boot; its /run and /tmp are in memory:
place.volatile("/run/x").
"""

import os
import pathlib
import shutil
import signal
import subprocess
import time

from harness import Failure, children, check, kill, until

# To leave, to be obeyed, to be up: in seconds.
LEAVING, COMMAND, BOOTING = 45, 60, 30
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root",
               "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}
GONE = ("sys_module", "sys_rawio", "sys_time", "syslog", "wake_alarm", "mac_admin", "mac_override",
        "audit_control")

# Becomes the first process.  $1 the root, $2 the folder of our cgroup.
INIT = r"""
set -e
echo $$ >"$2/cgroup.procs"
exec unshare --mount --uts --ipc --cgroup --pid --fork --kill-child sh -ec '
	root=$1
	mount --make-rprivate /
	mount --rbind "$root" "$root"
	mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
	for path in sys sysrq-trigger; do
		[ -e "$root/proc/$path" ] || continue
		mount --bind "$root/proc/$path" "$root/proc/$path"
		mount -o remount,bind,ro "$root/proc/$path"
	done
	mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
	mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
	mount -t tmpfs -o mode=755,size=64k tmpfs "$root/dev"
	for node in null zero full random urandom tty; do
		: >"$root/dev/$node"
		mount --bind "/dev/$node" "$root/dev/$node"
	done
	mkdir "$root/dev/pts" "$root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
	mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
	mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
	hostname machine
	cd "$root"
	pivot_root . mnt
	umount -l /mnt
	exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		setpriv --bounding-set "$2" --inh-caps "$2" /lib/systemd/systemd
' init "$1" "$3"
"""

# Nothing of these is wanted, and some wait for hardware or change the kernel.
MASKED = ("systemd-udevd.service", "systemd-udev-trigger.service", "systemd-sysctl.service",
          "systemd-timesyncd.service", "systemd-modules-load.service", "sys-kernel-debug.mount",
          "sys-kernel-tracing.mount", "sys-fs-fuse-connections.mount", "dev-hugepages.mount",
          "e2scrub_reap.service", "e2scrub_all.timer", "apt-daily.timer", "apt-daily-upgrade.timer",
          "dpkg-db-backup.timer", "fstrim.timer", "logrotate.timer", "man-db.timer", "xinetd.service",
          "console-getty.service")


class Done:
    """What a command in the machine said."""

    def __init__(self, status, out):
        self.status, self.out = status, out


class Machine:
    """lower     folders, the top one first, or one folder
    scratch   a folder of ours on a tmpfs"""

    def __init__(self, lower, scratch):
        self.scratch = pathlib.Path(scratch)
        self.root = self.scratch / "root"
        self.init = self.process = None
        self.group = None
        lower = [lower] if isinstance(lower, (str, pathlib.Path)) else lower
        for part in ("upper", "work", "root", "cgroup"):
            (self.scratch / part).mkdir(parents=True)
        call("mount", "-t", "overlay", "overlay", "-o",
             f"lowerdir={':'.join(map(str, lower))},upperdir={self.scratch / 'upper'},"
             f"workdir={self.scratch / 'work'}", self.root)
        self.furnish()

    def furnish(self):
        units = self.root / "etc/systemd/system"
        for name in MASKED:
            link = units / name
            if not link.is_symlink():
                link.symlink_to("/dev/null")
        (self.root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        # A journal that a power cut does not take.
        (self.root / "var/log/journal").mkdir(parents=True, exist_ok=True)

    # Its life.

    def boot(self):
        check(self.init is None, "it runs already")
        self.group = self.make_group()
        all_caps = ",".join(f"-{name}" for name in GONE)
        errors = open(self.scratch / "init.err", "wb")
        self.process = subprocess.Popen(["sh", "-c", INIT, "boot", str(self.root), str(self.group), all_caps],
                                        stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        errors.close()
        begin = time.monotonic()
        until(lambda: self.process.poll() is not None or self.is_systemd(), BOOTING,
              "systemd is the first process")
        if self.process.poll() is not None:
            raise Failure("systemd does not start here: " + (self.scratch / "init.err").read_text(errors="replace"))
        until(lambda: self.state() in ("running", "degraded"), BOOTING, "systemd has started all it has to")
        return time.monotonic() - begin

    def is_systemd(self):
        """The first process is what unshare has forked, once it has executed systemd."""
        found = children(self.process.pid)
        if not found:
            return False
        try:
            if pathlib.Path(f"/proc/{found[0]}/comm").read_text() != "systemd\n":
                return False
        except OSError:
            return False
        self.init = found[0]
        return True

    def state(self):
        """As systemctl says: starting, running, degraded, stopping ...; "" while it hears nothing yet."""
        if self.process.poll() is not None:
            raise Failure("the first process has ended: " + (self.scratch / "init.err").read_text(errors="replace"))
        return self.run("systemctl", "is-system-running", status=None).out.strip()

    def make_group(self):
        """A cgroup below ours; the hierarchy is mounted anew, for the machine's own mount may be
        read-only."""
        place = self.scratch / "cgroup"
        if not os.path.ismount(place):
            call("mount", "-t", "cgroup2", "cgroup2", place)
        own = next(line[3:] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines()
                   if line.startswith("0::"))
        group = place / own.lstrip("/") / f"simple-tftpd-{os.getpid()}-{time.monotonic_ns()}"
        group.mkdir()
        return group

    def power_off(self):
        """As an administrator does it; what does not end is killed, and that is a failure."""
        if self.init is None:
            return
        self.run("systemctl", "poweroff", status=None)
        self.leave(LEAVING)

    def reboot(self):
        self.run("systemctl", "reboot", status=None)
        self.leave(LEAVING)
        return self.boot()

    def power_cut(self):
        """Everything is gone at once, as is what was in memory."""
        if self.init is not None:
            os.kill(self.init, signal.SIGKILL)
            self.leave(10)

    def leave(self, seconds):
        try:
            self.process.wait(seconds)
            late = False
        except subprocess.TimeoutExpired:
            late = True
            os.kill(self.init, signal.SIGKILL)
            self.process.wait(10)
        self.init = self.process = None
        until(self.remove_group, 10, "the machine's cgroups are empty")
        check(not late, f"the machine did not end within {seconds} s")

    def remove_group(self):
        try:
            for folder, _, _ in os.walk(self.group, topdown=False):
                os.rmdir(folder)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return True

    def throw_away(self):
        """Whatever state it is in."""
        self.power_cut()
        if self.process is not None:
            # It never became a machine.
            self.process.kill()
            self.process.wait(10)
        if self.group is not None:
            until(self.remove_group, 10, "the machine's cgroups are empty")
        for place in (self.root, self.scratch / "cgroup"):
            if os.path.ismount(place):
                call("umount", "--recursive", "--lazy", place)

    # What is said to it.

    def command(self, *words):
        return ["nsenter", f"--target={self.init}", "--mount", "--uts", "--ipc", "--cgroup", "--pid", "--root",
                "--wd", *(str(word) for word in words)]

    def run(self, *words, status=0, seconds=COMMAND):
        """A command in the machine, as root; status None: it may end as it likes."""
        process = subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, env=ENVIRONMENT)
        try:
            out = process.communicate(timeout=seconds)[0].decode(errors="replace")
        except BaseException:
            # Not nsenter: what it forked would be an orphan that nobody reaps, and the machine
            # could not end while it is there.
            for pid in children(process.pid) or [process.pid]:
                kill(pid, signal.SIGKILL)
            process.wait(LEAVING)
            raise
        if status is not None and process.returncode != status:
            raise Failure(f"{' '.join(map(str, words))}: exit {process.returncode}\n{out}")
        return Done(process.returncode, out)

    def systemctl(self, *words, **how):
        return self.run("systemctl", *words, **how).out

    def show(self, unit, *names):
        """Properties, as a dictionary of texts."""
        out = self.systemctl("show", unit, *(f"--property={name}" for name in names))
        return dict(line.partition("=")[::2] for line in out.splitlines())

    def active(self, unit):
        return self.show(unit, "ActiveState")["ActiveState"]

    def journal(self, *words):
        return self.run("journalctl", "--no-pager", "--quiet", "--boot", *words).out

    def tasks(self, unit, kind="procs"):
        """Processes of a unit, as pids of ours, or threads."""
        path = self.group / "system.slice" / unit / f"cgroup.{kind}"
        try:
            return [int(word) for word in path.read_text().split()]
        except OSError:
            return []

    def volatile(self, path):
        """A file of /run or /tmp, from outside."""
        return pathlib.Path(f"/proc/{self.init}/root", str(path).lstrip("/"))

    def path(self, path):
        return self.root / str(path).lstrip("/")

    def write(self, path, text, mode=0o644):
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        target.chmod(mode)
        return target

    def drop_in(self, unit, text):
        """What "systemctl edit" writes; "" takes it away."""
        folder = self.path(f"/etc/systemd/system/{unit}.d")
        shutil.rmtree(folder, ignore_errors=True)
        if text:
            self.write(folder.relative_to(self.root) / "override.conf", text)
        self.systemctl("daemon-reload")


def call(*words):
    """A program of this machine's host; it has to work."""
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=COMMAND)
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, words))}: {done.stdout.decode(errors='replace')}")
