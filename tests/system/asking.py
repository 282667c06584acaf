"""Cases for tables: a request, the answer that it must get, what the log then says
of it, and what --explain said before.

    Read("pxelinux.0", Served(b"content"))
    Write("new", Refused(2, "denied", "uploads are off"), source="127.0.1.7")
"""

import os
import re
import select
import socket
import stat
import subprocess

import tftp
from harness import PORT, check, check_equal

BODY = b"an upload of a test"
TEXTS = {0: "Server error", 1: "File not found", 2: "Access violation",
         3: "Disk full or allocation exceeded", 4: "Illegal TFTP operation", 6: "File already exists"}
SILENCE = 0.25              # seconds without an answer that count as none


class Answer:
    """What came of a request: the first packet, a read's content, the end record."""

    def __init__(self, peer, packet, content=None, record=None):
        self.peer, self.packet, self.content, self.record = peer, packet, content, record


def first_packet(peer, seconds):
    """The next datagram, left where it is, or None when none comes in time."""
    ready, _, _ = select.select([peer.socket], [], [], seconds)
    if not ready:
        return None
    return tftp.Packet(*peer.socket.recvfrom(tftp.BIGGEST, socket.MSG_PEEK))


def ask(lane, op, name, source=None, server=("127.0.0.1", PORT), mode="octet", body=BODY,
        ends=1, patience=None, port=None, **options):
    """One request and, when it is granted, the whole transfer."""
    how = {} if port is None else {"port": port}
    peer = lane.peer(server, source=source, **how)
    (peer.read if op == tftp.READ else peer.write)(name, mode, ends=ends, **options)
    packet, content = first_packet(peer, patience or 1.5 * lane.slowness), None
    if packet is not None and packet.op in (tftp.DATA, tftp.OACK, tftp.ACK):
        if op == tftp.READ:
            content = peer.get_rest()
        else:
            peer.put_rest(body)
    record = lane.end_of(peer) if ends else None
    peer.close()
    return Answer(peer, packet, content, record)


# What is expected of an answer.

class Served:
    """A read that brings this content; oack: exactly these options and values."""

    def __init__(self, content, path=None, **oack):
        self.content, self.path, self.oack = tftp.as_bytes(content), path, oack

    def check(self, answer, what):
        packet, record = answer.packet, answer.record
        check(packet is not None, f"{what}: no answer")
        check(packet.op != tftp.ERROR, f"{what}: {packet}, {record.get('message')}")
        if self.oack:
            check_equal(packet.options, self.oack, f"{what}: options of {packet}")
        else:
            check_equal(packet.op, tftp.DATA, f"{what}: kind of {packet}")
        check(answer.content == self.content, f"{what}: content {answer.content[:60]!r}")
        check_equal(record["outcome"], "complete", f"{what}: outcome")
        if self.path is not None:
            check_equal(record["path"], self.path, f"{what}: path in the log")

    @staticmethod
    def check_explained(told, answer, what):
        check(told.answer.startswith("DATA"), f"{what}: --explain has {told.answer!r}")
        check(told.outcome.startswith("complete"), f"{what}: --explain has {told.outcome!r}")
        check_equal(told.status, 0, f"{what}: status of --explain")


class Stored:
    """An upload that stands there afterwards; it is removed again unless keep."""

    def __init__(self, path, mode=None, keep=False, body=BODY, **oack):
        self.path, self.mode, self.keep, self.oack = path, mode, keep, oack
        self.body = body

    def check(self, answer, what):
        packet, record = answer.packet, answer.record
        check(packet is not None, f"{what}: no answer")
        check(packet.op != tftp.ERROR, f"{what}: {packet}, {record.get('message')}")
        check_equal(packet.options, self.oack, f"{what}: options of {packet}")
        check_equal(record["outcome"], "complete", f"{what}: outcome")
        check(self.path.exists(), f"{what}: {self.path} is not there")
        check_equal(self.path.read_bytes(), self.body, f"{what}: what stands in {self.path}")
        if self.mode is not None:
            check_equal(oct(self.path.stat().st_mode & 0o7777), oct(self.mode), f"{what}: mode")
        if not self.keep:
            self.path.unlink()

    @staticmethod
    def check_explained(told, answer, what):
        check(told.answer.startswith("ACK 0"), f"{what}: --explain has {told.answer!r}")
        check(told.outcome.startswith("complete"), f"{what}: --explain has {told.outcome!r}")
        check_equal(told.status, 0, f"{what}: status of --explain")


class Refused:
    """An ERROR, and a sentence in the log of which message is a part; text: another
    than the usual one of the code on the wire."""

    def __init__(self, code, outcome, message="", text=None):
        self.code, self.outcome, self.message = code, outcome, message
        self.text = TEXTS[code] if text is None else text

    def check(self, answer, what):
        packet, record = answer.packet, answer.record
        check(packet is not None, f"{what}: no answer")
        check_equal((packet.op, packet.code, packet.text), (tftp.ERROR, self.code, self.text),
                    f"{what}: answer {packet}, {record.get('message')!r}")
        check_equal((record["outcome"], record["error_code"], record["error_by"]),
                    (self.outcome, self.code, "server"), f"{what}: the end record")
        check(self.message in record["message"],
              f"{what}: {record['message']!r} does not say {self.message!r}")

    @staticmethod
    def check_explained(told, answer, what):
        packet, record = answer.packet, answer.record
        check_equal(told.answer, f'ERROR {packet.code} "{packet.text}"', f"{what}: --explain")
        check_equal(told.outcome, f"{record['outcome']}: {record['message']}", f"{what}: --explain")
        check_equal(told.status, 1, f"{what}: status of --explain")


class Ignored:
    """Neither an answer nor a record."""

    @staticmethod
    def check(answer, what):
        check(answer.packet is None, f"{what}: {answer.packet} came")

    check_explained = None


# A case: who asks for what, and what must come of it.

class Case:
    def __init__(self, name, wanted, source=None, explain=True, **how):
        self.name, self.wanted, self.source, self.how = name, wanted, source, how
        # --explain knows nothing of modes and options, and skips spaces before a name.
        self.can_explain = explain and wanted.check_explained is not None and not how

    def from_source(self, source):
        """The same, asked from there, unless the case says from where."""
        copy = type(self)(self.name, self.wanted, self.source or source, **self.how)
        copy.can_explain = self.can_explain
        return copy

    def run(self, lane, what="", explain_with=None):
        """explain_with: the words after "tftpd" that tell it its configuration."""
        what = f"{what}: " * bool(what) + f"{self.op} {self.name!r} from {self.source or '127.0.0.1'}"
        told = None
        # Under valgrind each --explain would take a second.
        if explain_with is not None and self.can_explain and lane.slowness <= 4:
            told = explain(lane, explain_with, self.source or "127.0.0.1", self.op, self.name)
        how = dict(self.how)
        if isinstance(self.wanted, Ignored):
            how.update(ends=0, patience=SILENCE)
        if self.source and ":" in self.source:
            how.setdefault("server", ("::1", PORT))
        answer = ask(lane, self.op, self.name, self.source, **how)
        self.wanted.check(answer, what)
        if told is not None:
            self.wanted.check_explained(told, answer, what)
        return answer


class Read(Case):
    op = tftp.READ


class Write(Case):
    op = tftp.WRITE


# --explain.

class Told:
    """What --explain printed."""

    def __init__(self, status, text):
        self.status, self.text = status, text
        self.answer, self.outcome = self.line("answer"), self.line("outcome")

    def line(self, word):
        found = re.findall(rf"(?m)^{word} +(.*)$", self.text)
        check(len(found) == 1, f"--explain has {len(found)} lines of {word!r}: {self.text}")
        return found[0]


def explain(lane, words, source, op, name):
    question = b" ".join(tftp.as_bytes(word) for word in (source, op, name))
    done = subprocess.run([str(lane.tftpd), *map(str, words), "--explain", question],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          env=lane.environment(), timeout=20 * lane.slowness)
    text = done.stdout.decode(errors="replace")
    check(done.returncode in (0, 1) and text, f"--explain {question!r}: status "
          f"{done.returncode}: {text}{done.stderr.decode(errors='replace')}")
    return Told(done.returncode, text)


# Configurations.

class Configuration:
    """A tftpd.conf in the lane's folder."""

    def __init__(self, lane, text, name=None):
        self.path = lane.scratch / (name or f"tftpd-{lane.count()}.conf")
        self.path.write_text(text)
        self.path.chmod(0o644)
        self.words = ("-f", str(self.path))

    def place(self, key, after=1):
        """"FILE:LINE" of a key, as messages have it; after: a line to search from."""
        for number, line in enumerate(self.path.read_text().splitlines(), 1):
            if number >= after and re.match(rf"\s*{key}\b", line):
                return f"{self.path}:{number}"
        raise KeyError(key)


def serve_configured(lane, text, *options, **how):
    """A server of that configuration; returns its Configuration."""
    made = Configuration(lane, text)
    made.words += tuple(map(str, options))
    lane.serve(*made.words, **how)
    return made


# What stands where.

def snapshot(*places):
    """path -> (mode, owner, content or target or None) of everything below."""
    found = {}
    for place in places:
        for path in (place, *sorted(place.rglob("*"))):
            info = path.lstat()
            content = None
            if stat.S_ISREG(info.st_mode):
                content = path.read_bytes()
            elif stat.S_ISLNK(info.st_mode):
                content = os.readlink(path)
            found[str(path)] = (oct(info.st_mode), info.st_uid, content)
    return found


def check_unchanged(before, *places):
    after = snapshot(*places)
    changed = [path for path in sorted(set(before) | set(after)) if before.get(path) != after.get(path)]
    check(not changed, f"changed: {[(p, before.get(p), after.get(p)) for p in changed[:4]]}")
