"""Many clients in one process: the boot storm, and the load.

Every client is a small state machine on its own socket; one epoll loop feeds
them all.  A client asks once and waits; whoever hears nothing for RETRY seconds
asks again, and that is counted.
"""

import select
import socket
import struct
import time

import tftp

RETRY = 3.0


class Client:
    """One port: what it wants, how far it is, what went wrong."""

    def __init__(self, address, server):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.setblocking(False)
        self.socket.bind((address, 0))
        self.address, self.port = self.socket.getsockname()[:2]
        self.server, self.tid = server, None
        self.asked, self.asked_at, self.heard_at = 0, 0.0, 0.0
        self.first_reply = self.done_at = None
        self.error = None

    def ask(self, now):
        self.asked += 1
        self.asked_at = self.heard_at = now
        self.tid = None
        self.restart()
        self.socket.sendto(self.request, self.server)

    def on_ready(self, now):
        while self.done_at is None:
            try:
                raw, source = self.socket.recvfrom(65535)
            except BlockingIOError:
                return
            if self.tid is None:
                self.tid = source
                self.socket.connect(source)
                self.first_reply = self.first_reply or now - self.asked_at
            self.heard_at = now
            self.on_packet(raw, struct.unpack("!HH", raw[:4]), now)

    def send(self, raw):
        try:
            self.socket.send(raw)
        except OSError as error:
            self.finish(time.monotonic(), str(error))

    def finish(self, now, error=None):
        self.done_at, self.error = now, error


class Reader(Client):
    """Fetches one file and compares it as it comes."""

    def __init__(self, address, server, name, content, **options):
        super().__init__(address, server)
        self.name, self.content = name, memoryview(content)
        self.request = tftp.request_bytes(tftp.RRQ, name, "octet", list(options.items()))

    def restart(self):
        self.blksize, self.window = 512, 1
        self.index, self.offset, self.in_window = 1, 0, 0

    def on_packet(self, raw, head, now):
        op, block = head
        if op == tftp.DATA and block == self.index & 0xFFFF:
            self.on_data(memoryview(raw)[4:], now)
        elif op == tftp.DATA:
            # A gap or an old one: say where we are, once a window.
            if block == (self.index + self.window - 1) & 0xFFFF:
                self.send(tftp.ack_bytes(self.index - 1))
                self.in_window = 0
        elif op == tftp.OACK:
            options = tftp.Packet(raw, None).options
            self.blksize = int(options.get("blksize", 512))
            self.window = int(options.get("windowsize", 1))
            self.send(tftp.ack_bytes(0))
        else:
            self.finish(now, repr(raw[:80]))

    def on_data(self, payload, now):
        end = self.offset + len(payload)
        if payload != self.content[self.offset:end]:
            return self.finish(now, f"block {self.index} has other bytes")
        self.offset, last = end, len(payload) < self.blksize
        self.in_window += 1
        if last or self.in_window == self.window:
            self.send(tftp.ack_bytes(self.index))
            self.in_window = 0
        self.index += 1
        if last:
            short = self.offset != len(self.content)
            self.finish(now, f"ended after {self.offset} bytes" if short else None)


class Writer(Client):
    """Stores one file."""

    def __init__(self, address, server, name, content, **options):
        super().__init__(address, server)
        self.name, self.content = name, content
        self.request = tftp.request_bytes(tftp.WRQ, name, "octet", list(options.items()))

    def restart(self):
        self.blksize, self.window, self.acked = 512, 1, None

    def on_packet(self, raw, head, now):
        op, block = head
        if op == tftp.OACK:
            options = tftp.Packet(raw, None).options
            self.blksize = int(options.get("blksize", 512))
            self.window = int(options.get("windowsize", 1))
            self.acked = 0
            self.send_window()
        elif op == tftp.ACK:
            self.on_ack(block, now)
        else:
            self.finish(now, repr(raw[:80]))

    def last(self):
        return len(self.content) // self.blksize + 1

    def on_ack(self, block, now):
        base = -1 if self.acked is None else self.acked
        for index in range(base + 1, base + self.window + 1):
            if block == index & 0xFFFF:
                self.acked = index
                if index == self.last():
                    return self.finish(now)
                return self.send_window()
        return None

    def send_window(self):
        for index in range(self.acked + 1, min(self.acked + self.window, self.last()) + 1):
            start = (index - 1) * self.blksize
            self.send(tftp.data_bytes(index, self.content[start:start + self.blksize]))


class Result:
    """What came of it."""

    def __init__(self, clients, sending, seconds):
        self.sending, self.seconds = sending, seconds
        self.served = [c for c in clients if c.done_at and not c.error]
        self.wrong = [f"{c.address}:{c.port}: {c.error}" for c in clients if c.error]
        self.silent = [f"{c.address}:{c.port}" for c in clients if not c.done_at]
        self.asked_twice = [f"{c.address}:{c.port}" for c in clients if c.asked > 1]


def rush(clients, spread, patience):
    """Let all of them ask within `spread` seconds; returns a Result."""
    poll = select.epoll()
    by_fd = {c.socket.fileno(): c for c in clients}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    start = now = time.monotonic()
    waiting, sent, sending, next_look = len(clients), 0, 0.0, start + 0.5
    while waiting and now < start + patience:
        # The n-th request is due at n/N of the spread.
        due = len(clients) if spread <= 0 else \
            min(len(clients), int((now - start) / spread * len(clients)) + 1)
        while sent < due:
            clients[sent].ask(now)
            sent, sending = sent + 1, time.monotonic() - start
        for fd, _ in poll.poll(0.0 if sent < len(clients) else 0.05, 64):
            client = by_fd[fd]
            client.on_ready(now)
            if client.done_at is not None:
                poll.unregister(fd)
                waiting -= 1
        now = time.monotonic()
        if now > next_look:
            next_look = now + 0.5
            for client in clients[:sent]:
                if client.done_at is None and now - client.heard_at > RETRY and client.tid is None:
                    client.ask(now)
    poll.close()
    return Result(clients, sending, time.monotonic() - start)
