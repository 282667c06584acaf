"""A tftpd.conf of a test's own: how it is written, and what came of it."""

import collections
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys

import tftp
from harness import PORT, check, check_equal, of_peer, until

PLACE = pathlib.Path("/srv/conf")
STATE = pathlib.Path("/var/lib/tftpd")
TABLE = "/run/tftpd/live"
HEADER = struct.Struct("=QIIQi256sI256s")       # struct live_header
Header = collections.namedtuple("Header", "slots log_path is_bad problem")


class Conf:
    """The file, in a folder of its own with all that it may need."""

    def __init__(self, lane, place=PLACE):
        self.lane, self.place, self.path = lane, place, place / "tftpd.conf"
        if place.exists():
            shutil.rmtree(place)
        place.mkdir()
        self.edits = 0

    def text(self, *lines):
        """Good as it is, on line 1; the test's lines follow, or begin if they say that."""
        if not lines or not lines[0].startswith("root "):
            lines = (f'root = {{"{self.lane.root}"}}', *lines)
        return "\n".join([*lines, ""])

    def file(self, name, content, mode=0o644, uid=0):
        """Another file beside it."""
        path = self.place / name
        path.write_bytes(tftp.as_bytes(content))
        os.chown(path, uid, -1)
        path.chmod(mode)
        return path

    def write(self, *lines):
        """In place, as a shell's > does it."""
        self.path.write_text(self.text(*lines))

    def edit(self, *lines):
        """As most editors do it: a new file, renamed."""
        self.edits += 1
        fresh = self.place / f".tftpd.conf.{self.edits}"
        fresh.write_text(self.text(*lines))
        fresh.rename(self.path)

    def at(self, line, sentence):
        """How a problem in it is told."""
        return f"{self.path}:{line}: {sentence}"

    def good_copy(self):
        """What the server keeps of the last one that was good."""
        return STATE / (str(self.path).lstrip("/").replace("/", "-") + ".good")

    def forget_good_copy(self):
        self.good_copy().unlink(missing_ok=True)


def tool(lane, *args, env=None, **how):
    """tftpd for once not as a server."""
    return subprocess.run([str(lane.tftpd), *map(str, args)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, env={**lane.environment(), **(env or {})},
                          timeout=20 * lane.slowness, **how)


def header():
    """What the live table says of the whole server."""
    with open(TABLE, "rb") as file:
        _, slots, _, _, _, log_path, is_bad, problem = HEADER.unpack(file.read(HEADER.size))

    def text(field):
        return field.split(b"\0")[0].decode()

    return Header(slots, text(log_path), is_bad, text(problem))


# What the log says about it.

class Follower:
    """All records from now on, also of logs that were renamed meanwhile."""

    def __init__(self, log):
        self.log, self.files = log, {}
        self.look()

    def look(self):
        """The records that are new."""
        found = []
        for path in self.log.files():
            try:
                key = path.stat().st_ino
                if key not in self.files:
                    self.files[key] = [open(path, "rb"), b""]
            except FileNotFoundError:
                continue        # renamed just now: seen next time
        for entry in self.files.values():
            *lines, entry[1] = (entry[1] + entry[0].read()).split(b"\n")
            found += [json.loads(line) for line in lines]
        return found

    def close(self):
        for file, _ in self.files.values():
            file.close()


class Notices:
    """The messages of notice records, from now on."""

    def __init__(self, lane):
        self.lane, self.follower, self.messages = lane, Follower(lane.log), []

    def look(self):
        self.messages += [rec["message"] for rec in self.follower.look() if rec["event"] == "notice"]
        return self.messages

    def wait(self, text, count=1, seconds=5.0):
        """As soon as so many begin like that; returns them."""
        def found():
            return [message for message in self.look() if message.startswith(text)]

        until(lambda: len(found()) >= count, seconds * self.lane.slowness,
              f"{count} notices '{text}'; there are {self.messages}")
        return found()

    def count(self, text):
        return sum(message.startswith(text) for message in self.look())

    def dispatchers(self):
        return self.count("dispatcher started")

    def close(self):
        self.follower.close()


# What shows on the wire.

def blksize(lane, **how):
    """The largest block that is granted: of all that can be changed the easiest to see."""
    lane.file("asked", b"asked")
    peer = lane.peer(**how)
    peer.read("asked", blksize=60000)
    packet = peer.hear()
    if packet is None or packet.op != tftp.OACK:
        return packet
    peer.error(0)
    lane.log.wait_end(**of_peer(peer))
    return int(packet.options["blksize"])


def wait_blksize(lane, wanted, before=None, seconds=5.0):
    """It becomes that; while the old dispatcher reads it may be what it was before."""
    def is_there():
        found = blksize(lane)
        check(found in (wanted, before or wanted), f"blksize {found}, {before} before, {wanted} wanted")
        return found == wanted

    until(is_there, seconds * lane.slowness, f"blksize {wanted}")


# A start as inetd makes it, without one.

class Given:
    """A server whose standard input is a socket that is bound here.  first() is done
    before it starts: a superserver would start it for a request."""

    def __init__(self, lane, *args, first=None):
        lane.stop_server()
        self.lane = lane
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", PORT))
        if first is not None:
            first()
        self.process = subprocess.Popen(
            [str(word) for word in (lane.tftpd, *args)], stdin=self.socket, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=lane.environment(), start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(10 * self.lane.slowness)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        check_equal(status, 0, "exit status after SIGTERM")


# A kernel that lacks something.

WITHOUT_LANDLOCK = """#!{python}
import ctypes, os, struct, sys
# A filter: that call is not there (ENOSYS), all else is.
code = ((0x20, 0, 0, 0), (0x15, 0, 1, {call}), (0x06, 0, 0, 0x00050000 | 38), (0x06, 0, 0, 0x7fff0000))
text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(text))
if ctypes.CDLL(None).prctl(22, 2, program, 0, 0) != 0:
    sys.exit("no filter")
os.execv("{tftpd}", ["{tftpd}", *sys.argv[1:]])
"""


CREATE_RULESET, ADD_RULE = 444, 445


@contextlib.contextmanager
def without_landlock(lane, call=CREATE_RULESET):
    """No server of the lane has it: "sandbox = require" cannot be served then.  ADD_RULE:
    walls without any directory, as of a server that only refuses, can be put up."""
    program, wrapper = lane.tftpd, lane.scratch / "bin/tftpd-without-landlock"
    wrapper.write_text(WITHOUT_LANDLOCK.format(python=sys.executable, tftpd=program, call=call))
    wrapper.chmod(0o755)
    lane.tftpd = wrapper
    try:
        yield
    finally:
        lane.stop_server()
        lane.tftpd = program
