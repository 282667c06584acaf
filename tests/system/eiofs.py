"""A file system that fails when it is told to: FUSE, spoken over /dev/fuse by a thread.

One directory with files in memory.  What fails is a table of rules: an operation, a
part of the name, from which byte on, and an errno or HANG.  A call that hangs is not
answered before release().  As with NFS, whoever waits can be killed; is_stubborn: as
with a dead disk, nobody can.

The test's own process must not touch what hangs: it would wait for itself.
"""

import ctypes
import errno
import os
import stat
import struct
import threading
import time

(LOOKUP, FORGET, GETATTR, SETATTR) = range(1, 5)
(UNLINK, RENAME, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC) = (10, 12, 14, 15, 16, 17, 18, 20)
(FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, FSYNCDIR) = range(25, 31)
(ACCESS, CREATE, INTERRUPT, DESTROY, BATCH_FORGET, RENAME2) = (34, 35, 36, 38, 42, 45)

HANG = -1
ROOT = 1
DIRECT_IO = 1           # each call comes here, and its result goes back at once
NOREPLACE = 1
BUFFER = 256 * 1024
SILENT = (FORGET, BATCH_FORGET)
PARALLEL = 1 << 18      # who looks for a name does not wait for others

IN_HEADER = struct.Struct("=IIQQIII4x")
OUT_HEADER = struct.Struct("=IiQ")
ATTR = struct.Struct("=QQQQQQIIIIIIIII4x")
ENTRY = struct.Struct("=QQQQII")
SET_MODE, SET_UID, SET_GID, SET_SIZE = 1, 2, 4, 8


class Node:
    def __init__(self, number, mode, uid, gid, content=b""):
        self.number, self.mode, self.uid, self.gid = number, mode, uid, gid
        self.content, self.mtime = bytearray(content), time.time()

    def attr(self):
        return ATTR.pack(self.number, len(self.content), (len(self.content) + 511) // 512,
                         *[int(self.mtime)] * 3, *[int(self.mtime % 1 * 1e9)] * 3, self.mode, 1,
                         self.uid, self.gid, 0, 4096)


class Rule:
    def __init__(self, operation, name, result, at=0):
        self.operation, self.name, self.result, self.at = operation, name, result, at
        self.hits = 0


class EioFs:
    """Mounted at `place`, which is made, until leave()."""

    def __init__(self, place, uid, gid, is_stubborn=False):
        self.place, self.is_stubborn = place, is_stubborn
        place.mkdir()
        self.nodes = {ROOT: Node(ROOT, stat.S_IFDIR | 0o777, uid, gid)}
        self.names, self.last, self.rules, self.hanging = {}, ROOT, [], []
        self.lock = threading.Lock()
        if not os.path.exists("/dev/fuse"):
            os.mknod("/dev/fuse", stat.S_IFCHR | 0o600, os.makedev(10, 229))
        self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        self.mount()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def mount(self):
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"fd={self.device},rootmode=40777,user_id=0,group_id=0,allow_other,default_permissions"
        if libc.mount(b"eiofs", os.fsencode(self.place), b"fuse", 6, options.encode()) != 0:
            raise OSError(ctypes.get_errno(), "mount")

    def leave(self):
        self.release()
        libc = ctypes.CDLL(None, use_errno=True)
        libc.umount2(os.fsencode(self.place), 2)        # MNT_DETACH
        self.thread.join(5)
        self.place.rmdir()

    # For the test.

    def file(self, name, content, mode=0o644, uid=0, gid=0):
        node = self.make(stat.S_IFREG | mode, uid, gid, content)
        self.names[name] = node.number
        return name

    def content(self, name):
        """The bytes of a file, or None; without a way through the kernel."""
        return bytes(self.nodes[self.names[name]].content) if name in self.names else None

    def fail(self, operation, name, result, at=0):
        """From byte `at` on; result is an errno or HANG."""
        rule = Rule(operation, name, result, at)
        self.rules.append(rule)
        return rule

    def forget_rules(self):
        self.rules.clear()

    def release(self):
        """Answer what hangs: it has failed."""
        self.forget_rules()
        with self.lock:
            waiting, self.hanging = self.hanging, []
        for unique in waiting:
            self.answer(unique, errno.EIO)

    # The other side.

    def make(self, mode, uid, gid, content=b""):
        self.last += 1
        self.nodes[self.last] = Node(self.last, mode, uid, gid, content)
        return self.nodes[self.last]

    def serve(self):
        while True:
            try:
                request = os.read(self.device, BUFFER)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT):
                    continue
                break               # ENODEV: it is not mounted any more
            _, code, unique, number, uid, gid, _ = IN_HEADER.unpack(request[:IN_HEADER.size])
            body = request[IN_HEADER.size:]
            if code == INTERRUPT:
                self.interrupt(*struct.unpack("=Q", body[:8]))
            elif code not in SILENT:
                self.perform(code, unique, number, (uid, gid), body)
        os.close(self.device)

    def interrupt(self, unique):
        """A signal came for who waits: a call that goes on is made again."""
        with self.lock:
            if self.is_stubborn or unique not in self.hanging:
                return
            self.hanging.remove(unique)
        self.answer(unique, errno.EINTR)

    def perform(self, code, unique, number, who, body):
        result = self.verdict(code, number, body)
        if result == HANG:
            with self.lock:
                self.hanging.append(unique)
            return
        method = getattr(self, self.METHODS.get(code, "unknown"))
        try:
            result = result or method(number, who, body)
        except (KeyError, struct.error):
            result = errno.EIO
        self.answer(unique, result)

    def answer(self, unique, result):
        error, data = (-result, b"") if isinstance(result, int) else (0, result)
        try:
            os.write(self.device, OUT_HEADER.pack(OUT_HEADER.size + len(data), error, unique) + data)
        except OSError:
            pass                    # whoever asked was killed

    def verdict(self, code, number, body):
        """What the rules make of it: an errno, HANG, or 0."""
        offset, end = 0, 1
        name = next((n for n, i in list(self.names.items()) if i == number), "")
        if code in (READ, WRITE):
            _, offset, size = struct.unpack("=QQI", body[:20])
            end = offset + size
        elif code in (LOOKUP, UNLINK, CREATE, RENAME, RENAME2):
            name = {LOOKUP: body, UNLINK: body, CREATE: body[16:], RENAME: body[8:],
                    RENAME2: body[16:]}[code].split(b"\0")[0].decode()
        for rule in list(self.rules):
            if rule.operation == code and rule.name in name and end > rule.at:
                rule.hits += 1
                return rule.result
        return 0

    def unknown(self, *_):
        return errno.ENOSYS

    def init(self, _, __, body):
        major, minor, ahead, _ = struct.unpack("=IIII", body[:16])
        return struct.pack("=IIIIHHIIHHI28x", major, min(minor, 31), ahead, PARALLEL, 16, 12, 128 * 1024, 1, 0, 0, 0)

    def entry(self, node):
        return ENTRY.pack(node.number, 0, 0, 0, 0, 0) + node.attr()

    def lookup(self, _, __, body):
        number = self.names.get(body.split(b"\0")[0].decode())
        return errno.ENOENT if number is None else self.entry(self.nodes[number])

    def attributes(self, node):
        return struct.pack("=QI4x", 0, 0) + node.attr()

    def getattr(self, number, _, __):
        return self.attributes(self.nodes[number]) if number in self.nodes else errno.ENOENT

    def setattr(self, number, _, body):
        valid, _, size = struct.unpack("=I4xQQ", body[:24])
        mode, _, uid, gid = struct.unpack("=IIII", body[68:84])
        node = self.nodes[number]
        if valid & SET_MODE:
            node.mode = mode
        if valid & SET_UID:
            node.uid = uid
        if valid & SET_GID:
            node.gid = gid
        if valid & SET_SIZE:
            del node.content[size:]
            node.content.extend(bytes(size - len(node.content)))
        return self.attributes(node)

    def open(self, number, _, __):
        return struct.pack("=QII", number, DIRECT_IO, 0)

    def create(self, _, who, body):
        _, mode, umask, _ = struct.unpack("=IIII", body[:16])
        name = body[16:].split(b"\0")[0].decode()
        if name in self.names:
            return errno.EEXIST
        node = self.make(stat.S_IFREG | mode & ~umask & 0o7777, *who)
        self.names[name] = node.number
        return self.entry(node) + self.open(node.number, who, body)

    def read(self, number, _, body):
        _, offset, size = struct.unpack("=QQI", body[:20])
        return bytes(self.nodes[number].content[offset:offset + size])

    def write(self, number, _, body):
        _, offset, size = struct.unpack("=QQI", body[:20])
        content = self.nodes[number].content
        content.extend(bytes(max(offset - len(content), 0)))
        content[offset:offset + size] = body[40:40 + size]
        self.nodes[number].mtime = time.time()
        return struct.pack("=II", size, 0)

    def unlink(self, _, __, body):
        return b"" if self.names.pop(body.split(b"\0")[0].decode(), None) else errno.ENOENT

    def rename(self, _, __, body):
        return self.move(body[8:], 0)

    def rename2(self, _, __, body):
        return self.move(body[16:], struct.unpack("=QI", body[:12])[1])

    def move(self, names, flags):
        old, new = (name.decode() for name in names.split(b"\0")[:2])
        if old not in self.names:
            return errno.ENOENT
        if flags & NOREPLACE and new in self.names:
            return errno.EEXIST
        self.names[new] = self.names.pop(old)
        return b""

    def statfs(self, *_):
        return struct.pack("=QQQQQIIII24x", 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 4096, 255, 4096, 0)

    def fine(self, *_):
        return b""

    def readdir(self, *_):
        return b""

    METHODS = {INIT: "init", LOOKUP: "lookup", GETATTR: "getattr", SETATTR: "setattr", OPEN: "open",
               OPENDIR: "open", CREATE: "create", READ: "read", WRITE: "write", UNLINK: "unlink",
               RENAME: "rename", RENAME2: "rename2", STATFS: "statfs", FLUSH: "fine", FSYNC: "fine",
               FSYNCDIR: "fine", RELEASE: "fine", RELEASEDIR: "fine", ACCESS: "fine", DESTROY: "fine",
               READDIR: "readdir"}
